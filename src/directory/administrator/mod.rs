//! Who administers what: the whole site, organizations, departments; and the proof of it that changes want.

mod sql;

use std::collections::HashSet;

use commonhold_acl::Rank;

use super::DirectoryError;
use super::user::User;
use crate::db::{DbError, Reads};
use crate::ids::{DepartmentId, OrgId, ShareId};

/// What a user administers.
///
/// A member of the group Administrators of an organization administers it and all below it; one of a department's, that
/// department and all below it; a system administrator everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    site: bool,
    orgs: HashSet<OrgId>,
    departments: HashSet<DepartmentId>,
}

impl Reach {
    /// Reads what a user administers; nothing for most.
    pub async fn of(reads: &mut impl Reads, user: &User) -> Result<Self, DbError> {
        let (orgs, departments) = sql::reach(reads.conn(), user.id).await?;
        Ok(Self { site: user.admin, orgs: orgs.into_iter().collect(), departments: departments.into_iter().collect() })
    }

    /// What the user is towards something of an organization and perhaps of a department, such as a share.
    pub fn rank(&self, org: OrgId, department: Option<DepartmentId>) -> Rank {
        if self.site {
            Rank::SystemAdministrator
        } else if self.orgs.contains(&org) {
            Rank::OrganizationAdministrator
        } else if department.is_some_and(|department| self.departments.contains(&department)) {
            Rank::DepartmentAdministrator
        } else {
            Rank::Member
        }
    }

    /// The organizations, those below included; of a system administrator only the ones he is named for.
    pub fn organizations(&self) -> impl Iterator<Item = OrgId> {
        self.orgs.iter().copied()
    }

    /// The departments, those below included.
    pub fn departments(&self) -> impl Iterator<Item = DepartmentId> {
        self.departments.iter().copied()
    }
}

/// Proof that whoever asks may administer, and how far: every function that changes people or shares wants one and asks it
/// about what is to be changed.
#[derive(Debug)]
pub struct Administrator(Option<Acting>);

/// Somebody in whose name something is done.
#[derive(Debug)]
struct Acting {
    user: User,
    reach: Reach,
    /// A share that he may manage as its co-owner.
    owns: Option<ShareId>,
}

impl Administrator {
    /// For the command line: whoever can write the site's files is its owner.
    pub(crate) fn of_the_site() -> Self {
        Self(None)
    }

    /// Somebody who acts in his own name, as far as he reaches; most people reach nothing.
    ///
    /// Errors: [`DirectoryError::CantAct`] for who couldn't log in.
    pub async fn acting(reads: &mut impl Reads, user: User) -> Result<Self, DirectoryError> {
        if !user.may_log_in() {
            return Err(DirectoryError::CantAct(user.name));
        }
        let reach = Reach::of(reads, &user).await?;
        Ok(Self(Some(Acting { user, reach, owns: None })))
    }

    /// The same, who may also manage this share because he holds `owner` on it; that is the guard's to find out.
    pub(crate) fn owning(self, share: ShareId) -> Self {
        Self(self.0.map(|acting| Acting { owns: Some(share), ..acting }))
    }

    /// In whose name it is done; nobody's for the site's owner.
    pub fn actor(&self) -> Option<&User> {
        self.0.as_ref().map(|acting| &acting.user)
    }

    /// Whether the whole site is within reach.
    pub fn reaches_site(&self) -> bool {
        self.0.as_ref().is_none_or(|acting| acting.reach.site)
    }

    /// Whether something of an organization, and perhaps of a department in it, is within reach.
    pub fn reaches(&self, org: OrgId, department: Option<DepartmentId>) -> bool {
        self.0.as_ref().is_none_or(|acting| acting.reach.rank(org, department) != Rank::Member)
    }

    /// Whether a share is within reach, as its administrator or as its co-owner.
    pub fn reaches_share(&self, share: ShareId, org: OrgId, department: Option<DepartmentId>) -> bool {
        self.reaches(org, department) || self.0.as_ref().is_some_and(|acting| acting.owns == Some(share))
    }

    /// Whether a user is within reach: one of an administered organization, or one whose departments are all administered;
    /// never one who administers more than whoever asks.
    pub async fn reaches_user(&self, reads: &mut impl Reads, user: &User) -> Result<bool, DbError> {
        let Some(Acting { reach: own, .. }) = &self.0 else { return Ok(true) };
        if own.site {
            return Ok(true);
        }
        let theirs = Reach::of(reads, user).await?;
        let is_more = theirs.site
            || !theirs.orgs.is_subset(&own.orgs)
            || !theirs.departments.iter().all(|department| self.reaches(user.org, Some(*department)));
        if is_more || own.orgs.contains(&user.org) {
            return Ok(!is_more);
        }
        // Whoever holds the credentials of somebody has all that he has, in every department that he is in.
        let departments = sql::departments_of(reads.conn(), user.id).await?;
        Ok(!departments.is_empty() && departments.iter().all(|department| own.departments.contains(department)))
    }

    /// Errors: [`DirectoryError::OutOfReach`] unless the whole site is within reach.
    pub fn confirm_site(&self) -> Result<(), DirectoryError> {
        self.confirm(self.reaches_site(), || "the whole site".to_owned())
    }

    /// Errors: [`DirectoryError::OutOfReach`].
    pub fn confirm_place(
        &self,
        org: OrgId,
        department: Option<DepartmentId>,
        what: impl FnOnce() -> String,
    ) -> Result<(), DirectoryError> {
        self.confirm(self.reaches(org, department), what)
    }

    /// Errors: [`DirectoryError::OutOfReach`].
    pub async fn confirm_user(&self, reads: &mut impl Reads, user: &User) -> Result<(), DirectoryError> {
        let within = self.reaches_user(reads, user).await?;
        self.confirm(within, || format!("the user `{}`", user.name))
    }

    /// The same, or it is his own account: everybody has his own passwords and devices in hand.
    pub async fn confirm_user_or_self(&self, reads: &mut impl Reads, user: &User) -> Result<(), DirectoryError> {
        match self.actor() {
            Some(actor) if actor.id == user.id => Ok(()),
            _ => self.confirm_user(reads, user).await,
        }
    }

    pub(crate) fn confirm(&self, within: bool, what: impl FnOnce() -> String) -> Result<(), DirectoryError> {
        match self.actor() {
            Some(actor) if !within => Err(DirectoryError::OutOfReach { who: actor.name.clone(), what: what() }),
            _ => Ok(()),
        }
    }
}
