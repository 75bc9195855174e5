//! The rows of purged trees go in slices, from the top down, so that no request waits long behind one.
//!
//! A slice takes some members of a detached node: files go, collections are detached themselves. So each step leaves
//! nothing but detached trees, and a crash between two steps loses nothing.

use super::sql;
use crate::clock::Moment;
use crate::db::{Reads, WriteTx};
use crate::history::HistoryError;

/// Rows of nodes that one slice removes.
pub const SLICE_NODES: u32 = 500;

/// Removes some rows of what was purged, or of a copy that was given up before `now`. Gives whether there may be more.
pub async fn purge_slice(tx: &mut WriteTx, now: Moment) -> Result<bool, HistoryError> {
    let tops = sql::detached(tx.conn(), now, i64::from(SLICE_NODES)).await?;
    if tops.is_empty() {
        return Ok(false);
    }
    tx.protect().await?;
    let members = sql::members(tx.conn(), &tops, i64::from(SLICE_NODES)).await?;
    if members.is_empty() {
        sql::remove(tx.conn(), &tops).await?;
        return Ok(true);
    }
    let (collections, files): (Vec<_>, Vec<_>) = members.into_iter().partition(|(_, is_collection)| *is_collection);
    let ids = |rows: Vec<(crate::ids::NodeId, bool)>| rows.into_iter().map(|(node, _)| node).collect::<Vec<_>>();
    sql::detach_below(tx.conn(), &ids(collections), now).await?;
    sql::remove(tx.conn(), &ids(files)).await?;
    Ok(true)
}
