//! The rows of purged trees go in slices, from the top down, so that no request waits long behind one.
//!
//! A slice takes some members of a detached node: files go, collections are detached themselves. So each step leaves
//! nothing but detached trees, and a crash between two steps loses nothing.

use std::time::{Duration, Instant};

use super::sql;
use crate::clock::Moment;
use crate::db::{Portion, Reads, WriteTx};
use crate::history::HistoryError;
use crate::ids::NodeId;

/// How purging goes on after a slice.
#[derive(Debug, Clone, Copy)]
pub struct Slice {
    rows: usize,
    took: Duration,
    /// Whether there may be more.
    pub more: bool,
}

impl Slice {
    /// What the next slice takes.
    pub fn next(&self, portion: Portion) -> Portion {
        portion.after(self.rows, self.took)
    }
}

/// Removes some rows of what was purged, or of a copy that was given up before `now`.
pub async fn purge_slice(tx: &mut WriteTx, now: Moment, portion: Portion) -> Result<Slice, HistoryError> {
    let (begun, limit) = (Instant::now(), portion.rows() as i64);
    let tops = sql::detached(tx.conn(), now, limit).await?;
    if tops.is_empty() {
        return Ok(Slice { rows: 0, took: begun.elapsed(), more: false });
    }
    tx.protect().await?;
    let members = sql::members(tx.conn(), &tops, limit).await?;
    let rows = members.len();
    if members.is_empty() {
        sql::remove(tx.conn(), &tops).await?;
        return Ok(Slice { rows: tops.len(), took: begun.elapsed(), more: true });
    }
    let (collections, files): (Vec<_>, Vec<_>) = members.into_iter().partition(|(_, is_collection)| *is_collection);
    let ids = |rows: Vec<(NodeId, bool)>| rows.into_iter().map(|(node, _)| node).collect::<Vec<_>>();
    sql::detach_below(tx.conn(), &ids(collections), now).await?;
    sql::remove(tx.conn(), &ids(files)).await?;
    Ok(Slice { rows, took: begun.elapsed(), more: true })
}
