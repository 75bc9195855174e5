//! Groups of users and groups: nested, never in a circle, and not deeper than [`NESTING_MAX`].

use std::collections::HashMap;

use super::{Administrator, DirectoryError, DirectoryName, Principal, name, sql};
use crate::clock::Moment;
use crate::db::{DbError, Reads, WriteTx};
use crate::ids::{GroupId, OrgId, UserId};

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
    /// As it was given.
    pub name: String,
    /// When it was made.
    pub created: Moment,
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

/// Makes an empty group. Errors: [`DirectoryError::NameTaken`].
pub async fn create(
    tx: &mut WriteTx,
    _by: &Administrator,
    org: OrgId,
    name: &DirectoryName,
    now: Moment,
) -> Result<GroupId, DirectoryError> {
    tx.touch_directory();
    let made = sql::insert_group(tx.conn(), org, name.as_str(), &name.key(), now).await?;
    made.ok_or_else(|| DirectoryError::NameTaken(name.as_str().to_owned()))
}

/// The group of that name in an organization. Errors: [`DirectoryError::NoSuchGroup`].
pub async fn named(reads: &mut impl Reads, org: OrgId, name: &str) -> Result<Group, DirectoryError> {
    let found = match name::key(name) {
        Some(key) => sql::group_by_key(reads.conn(), org, &key).await?,
        None => None,
    };
    found.ok_or_else(|| DirectoryError::NoSuchGroup(name.escape_debug().to_string()))
}

/// All groups of an organization, by name.
pub async fn list(reads: &mut impl Reads, org: OrgId) -> Result<Vec<Group>, DbError> {
    sql::groups(reads.conn(), org).await
}

/// The direct members of every group of an organization, by group; users before groups, each by name.
pub async fn members(reads: &mut impl Reads, org: OrgId) -> Result<Vec<Member>, DbError> {
    sql::members(reads.conn(), org).await
}

/// Puts a user or a group into a group; no change if it is in already.
///
/// Errors: [`DirectoryError::Cycle`], [`DirectoryError::NestedTooDeep`].
pub async fn add_member(
    tx: &mut WriteTx,
    _by: &Administrator,
    group: GroupId,
    member: Principal,
) -> Result<(), DirectoryError> {
    tx.touch_directory();
    match member {
        Principal::User(user) => sql::insert_user_member(tx.conn(), group, user).await?,
        Principal::Group(inner) => {
            let above = sql::groups_above(tx.conn(), group, NESTING_MAX).await?;
            if above.iter().any(|(id, _)| *id == inner) {
                return Err(DirectoryError::Cycle);
            }
            let levels_above = above.iter().map(|(_, level)| *level).max().unwrap_or_default();
            let levels_below = sql::levels_below(tx.conn(), inner, NESTING_MAX).await?;
            if levels_above + levels_below > NESTING_MAX {
                return Err(DirectoryError::NestedTooDeep);
            }
            sql::insert_group_member(tx.conn(), group, inner).await?;
        }
    }
    Ok(())
}

/// Takes a direct member out of a group. Errors: [`DirectoryError::NotAMember`].
pub async fn remove_member(
    tx: &mut WriteTx,
    _by: &Administrator,
    group: &Group,
    member: Principal,
) -> Result<(), DirectoryError> {
    tx.touch_directory();
    let removed = match member {
        Principal::User(user) => sql::delete_user_member(tx.conn(), group.id, user).await?,
        Principal::Group(inner) => sql::delete_group_member(tx.conn(), group.id, inner).await?,
    };
    if removed { Ok(()) } else { Err(DirectoryError::NotAMember(group.name.clone())) }
}

/// Every group that a user belongs to, nearest first, each with the shortest way to it.
pub async fn groups_of(reads: &mut impl Reads, user: UserId) -> Result<Vec<Membership>, DbError> {
    let mut paths: HashMap<GroupId, Vec<String>> = HashMap::new();
    let mut memberships = Vec::new();
    // The nearest come first, so the way to the group in between is known by then, and the first way found is a shortest.
    for step in sql::memberships(reads.conn(), user, NESTING_MAX + DEPARTMENT_NESTING_MAX).await? {
        if paths.contains_key(&step.group) {
            continue;
        }
        let mut path = step.through.and_then(|inner| paths.get(&inner).cloned()).unwrap_or_default();
        path.push(step.name);
        paths.insert(step.group, path.clone());
        memberships.push(Membership { group: step.group, path });
    }
    Ok(memberships)
}
