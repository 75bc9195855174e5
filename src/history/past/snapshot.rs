//! Snapshots: a share as it is or was at a time, as a share of its own. Rows only; no content is read or written.
//!
//! Files have the state of that time and no other, properties are those of today, grants and subscriptions are none. What
//! was deleted since is there, unless it has been purged.

use commonhold_acl::Permission;

use super::{lay_out, sql};
use crate::clock::Moment;
use crate::db::{Reads, WriteTx};
use crate::history::{Authority, HistoryError};
use crate::ids::UserId;
use crate::shares::Share;
use crate::tree::change::{Change, Op};
use crate::tree::{TreeError, locate};

/// What a snapshot holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot {
    /// Files and folders.
    pub items: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// Files that have a later state, because that of the time is not known any more.
    pub later: u64,
}

/// Fills `new`, a share without anything in it, with what `source` is, or was just before `moment`. `by` allows `list` on
/// its root; whether whoever asks may read all of it is the caller's to ask.
///
/// Errors: [`HistoryError::Future`], [`TreeError::OverQuota`].
pub async fn take(
    tx: &mut WriteTx,
    by: Authority<'_>,
    (source, new): (&Share, &Share),
    moment: Option<Moment>,
    (actor, now): (UserId, Moment),
) -> Result<Snapshot, HistoryError> {
    by.require(Permission::List, source.root);
    if moment.is_some_and(|moment| moment > now) {
        return Err(HistoryError::Future);
    }
    // Everything that this transaction sees has been before the end of time.
    let moment = moment.unwrap_or(Moment(i64::MAX));
    let located = locate(tx, new.root, &[]).await?;
    let root = located.node().ok_or(TreeError::ShareGone)?;
    lay_out(tx.conn(), source.id, source.root, moment).await?;
    let (items, bytes, later) = sql::plan_snapshot(tx.conn(), source.root).await?;
    let mut change = Change::begin(tx, &located, actor, now);
    change.confirm_quota(bytes.unsigned_abs())?;
    let seq = change.next_seq("");
    sql::copy_past(change.tx.conn(), root, seq, &change.by).await?;
    change.log(Op::Copy, (root.id, None, ""), bytes, &located.chain()[..1]).await?;
    let count = |number: i64| number.unsigned_abs();
    Ok(Snapshot { items: count(items), bytes: count(bytes), later: count(later) })
}
