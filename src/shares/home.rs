//! Homes: the share of every full user, in which everything is the owner's. A guest, who is from outside, has none.

use super::{Share, sql};
use crate::clock::Moment;
use crate::db::{DbError, Reads, WriteTx};
use crate::ids::{OrgId, UserId};

/// Makes the empty home of a new user; for `directory::user::create`, so that nobody is without one.
pub(crate) async fn create(
    tx: &mut WriteTx,
    org: OrgId,
    owner: UserId,
    name: &str,
    now: Moment,
) -> Result<(), DbError> {
    if let Some(id) = sql::insert_home(tx.conn(), org, owner, name, now).await? {
        let root = sql::insert_top(tx.conn(), id, now).await?;
        let trash = sql::insert_top(tx.conn(), id, now).await?;
        sql::set_tops(tx.conn(), id, root, trash).await?;
    }
    Ok(())
}

/// A user's home; guests have none.
pub async fn of(reads: &mut impl Reads, owner: UserId) -> Result<Option<Share>, DbError> {
    sql::home_of(reads.conn(), owner).await
}

/// The homes of these users, and those of all users of these organizations, by name.
pub async fn of_users(reads: &mut impl Reads, owners: &[UserId], orgs: &[OrgId]) -> Result<Vec<Share>, DbError> {
    sql::homes_of(reads.conn(), owners, orgs).await
}

/// Whether nothing lies in a user's home, nor in its trash; so for guests, who have none.
pub(crate) async fn is_empty(reads: &mut impl Reads, owner: UserId) -> Result<bool, DbError> {
    sql::is_home_empty(reads.conn(), owner).await
}
