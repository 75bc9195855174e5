//! Who is in a group, seen from the group: every user, directly, through groups in it, and by being computed in.
//!
//! The other way round, from a user to his groups, is [`groups_of`](super::groups_of); both must tell the same.

mod sql;

use std::collections::HashMap;
use std::sync::Arc;

use commonhold_acl::Rank;

use crate::db::{DbError, Reads};
use crate::directory::group::NESTING_MAX;
use crate::ids::{DepartmentId, GroupId, OrgId, UserId};

/// Every user of each of these groups, once for each group.
pub async fn users_in(reads: &mut impl Reads, groups: &[GroupId]) -> Result<Vec<(GroupId, UserId)>, DbError> {
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    sql::users_in(reads.conn(), groups, NESTING_MAX).await
}

/// Every organization.
pub async fn organizations(reads: &mut impl Reads) -> Result<Vec<OrgId>, DbError> {
    sql::organizations(reads.conn()).await
}

/// The ways from users to some groups.
#[derive(Debug, Default)]
pub struct Ways(HashMap<GroupId, HashMap<UserId, Arc<[String]>>>);

impl Ways {
    /// The groups on the shortest way from a user to the group: first the one he is in, last the group itself. None for
    /// who isn't in it.
    pub fn of(&self, group: GroupId, user: UserId) -> Option<&[String]> {
        self.0.get(&group)?.get(&user).map(|way| &**way)
    }

    /// The users of a group.
    pub fn users(&self, group: GroupId) -> impl Iterator<Item = (UserId, &[String])> {
        self.0.get(&group).into_iter().flatten().map(|(user, way)| (*user, &**way))
    }
}

/// The ways from all users to these groups.
pub async fn ways(reads: &mut impl Reads, groups: &[GroupId]) -> Result<Ways, DbError> {
    let mut ways = Ways::default();
    if groups.is_empty() {
        return Ok(ways);
    }
    let inside = sql::inside(reads.conn(), groups, NESTING_MAX).await?;
    let ids: Vec<GroupId> = inside.iter().map(|step| step.group).collect();
    let mut direct: HashMap<GroupId, Vec<UserId>> = HashMap::new();
    for (group, user) in sql::direct_users(reads.conn(), &ids).await? {
        direct.entry(group).or_default().push(user);
    }
    // The nearest to the group come first, so that the first way that is found is a shortest.
    let mut paths: HashMap<(GroupId, GroupId), Arc<[String]>> = HashMap::new();
    for step in inside {
        if paths.contains_key(&(step.top, step.group)) {
            continue;
        }
        let above = step.above.and_then(|above| paths.get(&(step.top, above)));
        let path: Arc<[String]> =
            std::iter::once(&step.name).chain(above.into_iter().flat_map(|p| p.iter())).cloned().collect();
        let users = ways.0.entry(step.top).or_default();
        for user in direct.get(&step.group).into_iter().flatten() {
            users.entry(*user).or_insert_with(|| Arc::clone(&path));
        }
        paths.insert((step.top, step.group), path);
    }
    Ok(ways)
}

/// Who administers something of an organization and perhaps of a department, system administrators left out.
pub async fn administrators(
    reads: &mut impl Reads,
    org: OrgId,
    department: Option<DepartmentId>,
) -> Result<HashMap<UserId, Rank>, DbError> {
    let mut ranks = HashMap::new();
    for (user, of_organization) in sql::administrators(reads.conn(), org, department).await? {
        let rank = ranks.entry(user).or_insert(Rank::DepartmentAdministrator);
        if of_organization {
            *rank = Rank::OrganizationAdministrator;
        }
    }
    Ok(ranks)
}

#[cfg(test)]
mod tests;
