//! Groups of users and groups: nested, never in a circle, and not deeper than [`NESTING_MAX`].

use std::collections::{HashMap, HashSet};

use super::department::{self, Department};
use super::{Administrator, DirectoryError, DirectoryName, Principal, name, sql, user};
use crate::clock::Moment;
use crate::db::{DbError, Reads, WriteTx};
use crate::ids::{DepartmentId, GroupId, OrgId, UserId};
use crate::path::NameKey;
use crate::shares;

/// The longest chain of groups in groups. Bounds the work of finding out what somebody is a member of.
pub const NESTING_MAX: i64 = 16;
/// The longest chain of departments in departments.
pub const DEPARTMENT_NESTING_MAX: i64 = 8;

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Permanent.
    pub id: GroupId,
    /// The organization it belongs to.
    pub org: OrgId,
    /// The department it belongs to, if to one.
    pub department: Option<DepartmentId>,
    /// What it is, if it was not made by somebody.
    pub builtin: Option<Builtin>,
    /// What it is called in commands: its name, and before it the path of its department.
    pub name: String,
    /// When it was made.
    pub created: Moment,
}

/// The two groups that every organization and every department has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Builtin {
    /// Everybody of it but guests; computed.
    AllUsers,
    /// Who administers it.
    Administrators,
}

impl Builtin {
    /// As the database has it.
    pub(super) const fn of_stored(stored: i64) -> Option<Self> {
        match stored {
            1 => Some(Self::AllUsers),
            2 => Some(Self::Administrators),
            _ => None,
        }
    }
}

impl Group {
    fn told(&self) -> String {
        format!("the group `{}`", self.name)
    }
}

/// A direct member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The group it is a member of.
    pub group: GroupId,
    /// Who.
    pub principal: Principal,
    /// The name of the user or group.
    pub name: String,
}

/// A group that a user belongs to, directly or through other groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The group.
    pub group: GroupId,
    /// The groups on the shortest way to it: first the one the user is in, last this group itself. A group of a department
    /// is named `Sales/North/NAME`.
    pub path: Vec<String>,
}

/// Makes an empty group of an organization or of one of its departments.
///
/// Errors: [`DirectoryError::NameTaken`], [`DirectoryError::OutOfReach`].
pub async fn create(
    tx: &mut WriteTx,
    by: &Administrator,
    org: OrgId,
    department: Option<&Department>,
    name: &DirectoryName,
    now: Moment,
) -> Result<GroupId, DirectoryError> {
    by.confirm_place(org, department.map(|department| department.id), || match department {
        Some(department) => department.told(),
        None => "the organization as a whole".to_owned(),
    })?;
    tx.touch_directory();
    let id = department.map(|department| department.id);
    let made = sql::insert_group(tx.conn(), org, id, name.as_str(), &stored_key(id, &name.key()), now).await?;
    made.ok_or_else(|| DirectoryError::NameTaken(name.as_str().to_owned()))
}

/// The group of that name in an organization; one of a department is named `Sales/North/NAME`.
///
/// Errors: [`DirectoryError::NoSuchGroup`].
pub async fn named(reads: &mut impl Reads, org: OrgId, name: &str) -> Result<Group, DirectoryError> {
    let missing = || DirectoryError::NoSuchGroup(name.escape_debug().to_string());
    let (department, last) = match name.rsplit_once('/') {
        Some((path, last)) => match department::named(reads, org, path).await {
            Ok(department) => (Some(department.id), last),
            Err(DirectoryError::NoSuchDepartment(_)) => return Err(missing()),
            Err(other) => return Err(other),
        },
        None => (None, name),
    };
    let key = name::key(last).ok_or_else(missing)?;
    sql::group_by_key(reads.conn(), org, &stored_key(department, &key)).await?.ok_or_else(missing)
}

/// What a group is unique by in its organization: its key, and before it the department's id. No key has a slash.
fn stored_key(department: Option<DepartmentId>, key: &NameKey) -> String {
    match department {
        Some(department) => format!("{}/{}", department.0, key.as_str()),
        None => key.as_str().to_owned(),
    }
}

/// The group of that id.
pub async fn by_id(reads: &mut impl Reads, id: GroupId) -> Result<Option<Group>, DbError> {
    sql::group_by_id(reads.conn(), id).await
}

/// All groups of an organization, by name; those of departments after its own.
pub async fn list(reads: &mut impl Reads, org: OrgId) -> Result<Vec<Group>, DbError> {
    sql::groups(reads.conn(), org).await
}

/// The direct members of every group of an organization, by group; users before groups, each by name.
pub async fn members(reads: &mut impl Reads, org: OrgId) -> Result<Vec<Member>, DbError> {
    sql::members(reads.conn(), org).await
}

/// Puts a user or a group into a group; no change if it is in already.
///
/// Errors: [`DirectoryError::Computed`], [`DirectoryError::UsersOnly`] and [`DirectoryError::GuestsStayOut`] for built-in
/// groups; [`DirectoryError::OtherOrganization`]; [`DirectoryError::Removed`]; [`DirectoryError::Cycle`];
/// [`DirectoryError::NestedTooDeep`]; [`DirectoryError::OutOfReach`].
pub async fn add_member(
    tx: &mut WriteTx,
    by: &Administrator,
    group: &Group,
    member: Principal,
) -> Result<(), DirectoryError> {
    by.confirm_place(group.org, group.department, || group.told())?;
    if group.builtin == Some(Builtin::AllUsers) {
        return Err(DirectoryError::Computed(group.name.clone()));
    }
    match member {
        Principal::User(id) => {
            let user = user::by_id(tx, id).await?.ok_or_else(|| DirectoryError::NoSuchUser(id.0.to_string()))?;
            user.confirm_same_organization(group.org)?;
            if group.builtin.is_some() && user.guest {
                return Err(DirectoryError::GuestsStayOut(user.name));
            }
            tx.touch_directory();
            sql::insert_user_member(tx.conn(), group.id, id).await?;
        }
        Principal::Group(id) => {
            let inner = by_id(tx, id).await?.ok_or_else(|| DirectoryError::NoSuchGroup(id.0.to_string()))?;
            if group.builtin.is_some() {
                return Err(DirectoryError::UsersOnly(group.name.clone()));
            }
            if inner.org != group.org {
                return Err(DirectoryError::OtherOrganization(inner.name));
            }
            let above = sql::groups_above(tx.conn(), group.id, NESTING_MAX).await?;
            if above.iter().any(|(above, _)| *above == id) {
                return Err(DirectoryError::Cycle);
            }
            let levels_above = above.iter().map(|(_, level)| *level).max().unwrap_or_default();
            let levels_below = sql::levels_below(tx.conn(), id, NESTING_MAX).await?;
            if levels_above + levels_below > NESTING_MAX {
                return Err(DirectoryError::NestedTooDeep { noun: "groups", max: NESTING_MAX });
            }
            tx.touch_directory();
            sql::insert_group_member(tx.conn(), group.id, id).await?;
        }
    }
    Ok(())
}

/// Takes a direct member out of a group. Errors: [`DirectoryError::NotAMember`], [`DirectoryError::OutOfReach`].
pub async fn remove_member(
    tx: &mut WriteTx,
    by: &Administrator,
    group: &Group,
    member: Principal,
) -> Result<(), DirectoryError> {
    by.confirm_place(group.org, group.department, || group.told())?;
    tx.touch_directory();
    let removed = match member {
        Principal::User(user) => sql::delete_user_member(tx.conn(), group.id, user).await?,
        Principal::Group(inner) => sql::delete_group_member(tx.conn(), group.id, inner).await?,
    };
    if removed { Ok(()) } else { Err(DirectoryError::NotAMember(group.name.clone())) }
}

/// Removes a group, and with it everything that was given to it.
///
/// Errors: [`DirectoryError::BuiltIn`], [`DirectoryError::LastCoOwner`], [`DirectoryError::OutOfReach`].
pub async fn remove(tx: &mut WriteTx, by: &Administrator, group: &Group) -> Result<(), DirectoryError> {
    by.confirm_place(group.org, group.department, || group.told())?;
    if group.builtin.is_some() {
        return Err(DirectoryError::BuiltIn(group.name.clone()));
    }
    if let Some(share) = shares::owned_only_by(tx, Principal::Group(group.id)).await? {
        return Err(DirectoryError::LastCoOwner(share));
    }
    tx.touch_directory();
    Ok(sql::delete_group(tx.conn(), group.id).await?)
}

/// Every group that a user belongs to, nearest first, each with the shortest way to it.
pub async fn groups_of(reads: &mut impl Reads, user: UserId) -> Result<Vec<Membership>, DbError> {
    let steps = sql::steps(reads.conn(), user).await?;
    // The steps that lead on from a group; none: from the user himself.
    let mut onward: HashMap<Option<GroupId>, Vec<usize>> = HashMap::new();
    for (at, step) in steps.iter().enumerate() {
        onward.entry(step.through).or_default().push(at);
    }
    let mut memberships: Vec<Membership> = Vec::new();
    let mut found: HashSet<GroupId> = HashSet::new();
    // One level after the other: the first way on which a group is found is a shortest.
    let mut level: Vec<(usize, Option<usize>)> = leading(&onward, None).map(|step| (step, None)).collect();
    while !level.is_empty() {
        // Steps come in the order of their groups' names, and so do the groups of a level.
        level.sort_unstable();
        let begin = memberships.len();
        for (step, from) in level {
            let step = &steps[step];
            if found.insert(step.group) {
                let mut path = from.map(|at: usize| memberships[at].path.clone()).unwrap_or_default();
                path.push(step.name.clone());
                memberships.push(Membership { group: step.group, path });
            }
        }
        let reached = begin..memberships.len();
        level = reached
            .flat_map(|at| leading(&onward, Some(memberships[at].group)).map(move |step| (step, Some(at))))
            .filter(|(step, _)| !found.contains(&steps[*step].group))
            .collect();
    }
    Ok(memberships)
}

fn leading(onward: &HashMap<Option<GroupId>, Vec<usize>>, from: Option<GroupId>) -> impl Iterator<Item = usize> {
    onward.get(&from).into_iter().flatten().copied()
}
