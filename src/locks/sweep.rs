//! What ends by itself: locks whose time is over, records and left names that are old, empty files that a lock made.
//!
//! Nobody waits for it: every question about locks compares with the clock. It keeps the tables small, and each call is
//! one short part of a transaction, because requests wait in the same line.

use std::time::Duration;

use super::{BROKEN_KEPT, LockError, covering, sql};
use crate::clock::Moment;
use crate::db::{DbError, Reads, WriteTx};
use crate::directory::policy::{self, Measures};
use crate::tree::{self, VACATED_KEPT, change::Change};

/// Empty files that one call discards.
const FILES_MAX: usize = 50;
/// Rows of a table that one call removes.
pub(super) const ROWS_MAX: u64 = 500;

/// How many rows of locks there are, those whose time is over and that were not swept yet among them.
pub async fn count(reads: &mut impl Reads) -> Result<i64, DbError> {
    sql::count(reads.conn()).await
}

/// Removes the files of locks that made them and whose time was over before anybody wrote them (RFC 4918 section 7.3
/// leaves it to the server). A file that has been written or deleted meanwhile, or that others hold a lock on, stays as
/// it is. Gives whether there may be more to do; comes before [`sweep`], which removes the locks and with them the mark.
pub async fn discard_unwritten(tx: &mut WriteTx, now: Moment) -> Result<bool, LockError> {
    tx.protect().await?;
    let ended = sql::unwritten(tx.conn(), now, FILES_MAX as i64).await?;
    let shares: Vec<_> = ended.iter().map(|unwritten| unwritten.share).collect();
    let measures = policy::measures(tx, &shares).await?;
    for unwritten in &ended {
        sql::delete(tx.conn(), unwritten.lock).await?;
        let Some(located) = tree::locate_node(tx, unwritten.node).await? else { continue };
        let Some(file) = located.node().filter(|node| node.size == 0) else { continue };
        if covering(tx, located.chain(), now).await?.is_empty() {
            let sweeps_litter = measures.get(&unwritten.share.0).is_some_and(Measures::hides_litter);
            let change = Change::begin(tx, &located, unwritten.holder, now);
            let mut change = change.sweeping_litter(sweeps_litter);
            change.discard(file, located.ancestors()).await?;
        }
    }
    Ok(ended.len() == FILES_MAX)
}

/// Removes what has ended: locks by their time or by a request that has lapsed, of which a record is kept; records and
/// left names that are old. Gives whether there may be more to do.
pub async fn sweep(tx: &mut WriteTx, now: Moment) -> Result<bool, LockError> {
    tx.protect().await?;
    let limit = ROWS_MAX as i64;
    sql::record_lapsed(tx.conn(), now).await?;
    let removed = [
        sql::delete_ended(tx.conn(), now, limit).await?,
        sql::forget_broken(tx.conn(), ago(BROKEN_KEPT, now), limit).await?,
        sql::forget_vacated(tx.conn(), ago(VACATED_KEPT, now), limit).await?,
    ];
    Ok(removed.contains(&ROWS_MAX))
}

fn ago(span: Duration, now: Moment) -> Moment {
    Moment(now.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
}
