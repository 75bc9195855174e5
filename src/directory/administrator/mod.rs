//! Who administers what: the whole site, organizations, departments; and the proof of it that changes want.

mod sql;

use std::collections::HashSet;

use commonhold_acl::Rank;

use super::user::User;
use crate::db::{DbError, Reads};
use crate::ids::{DepartmentId, OrgId};

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

/// Proof that whoever asks may administer the site; every function that changes people or shares wants one.
#[derive(Debug)]
pub struct Administrator(());

impl Administrator {
    /// For the command line: whoever can write the site's files is its owner.
    pub(crate) fn of_the_site() -> Self {
        Self(())
    }
}
