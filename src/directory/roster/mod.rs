//! Who is in a group, seen from the group: every user, directly, through groups in it, and by being computed in.
//!
//! The other way round, from a user to his groups, is [`groups_of`](super::groups_of); both must tell the same.

mod sql;

use crate::db::{DbError, Reads};
use crate::directory::group::NESTING_MAX;
use crate::ids::{GroupId, OrgId, UserId};

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
