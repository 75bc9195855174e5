//! Removing what is too old, so that the rest can still be proved.
//!
//! What is left begins at a *stump*: the number and the hash of the last record that was removed. A record in the chain
//! itself vouches for it, so that cutting off the beginning without leaving one is found.

use std::time::Duration;

use super::chain::Head;
use super::record::{Actor, Line, Record};
use super::{append, sql};
use crate::clock::Moment;
use crate::db::{DbError, Reads, WriteTx};

/// The verb of the record that vouches for a stump.
pub(super) const VERB: &str = "retention";

/// Records removed in one transaction, so that requests pass between two of them.
const SLICE: i64 = 2000;

/// Removes the oldest records that are older than `keep`. Gives whether there are more of them.
pub async fn retain(tx: &mut WriteTx, keep: Duration, now: Moment) -> Result<bool, DbError> {
    let before = Moment(now.0.saturating_sub(i64::try_from(keep.as_millis()).unwrap_or(i64::MAX)));
    let Some(seq) = sql::last_expired(tx.conn(), before, SLICE).await? else { return Ok(false) };
    let hash = sql::hash_of(tx.conn(), seq).await?;
    let stump = Head { seq, hash: hash.ok_or_else(|| DbError::Lost("a record of the audit has gone".into()))? };
    // Before the cut: the log is never empty, and the chain goes on from its last record.
    let note = vouching(&stump);
    append(tx, &Record { note: Some(Line::note(&note)), ..Record::new(now, Actor::server(), VERB) }).await?;
    let removed = sql::cut(tx.conn(), &stump).await?;
    Ok(removed >= SLICE.unsigned_abs())
}

/// What the record of a stump says.
pub(super) fn vouching(stump: &Head) -> String {
    format!("the records up to {stump} were removed, since their time was over")
}
