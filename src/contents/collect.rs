//! Collecting contents that nothing names any more, in steps of which each can be repeated, by any number of servers:
//!
//! 1. Whatever drops a name of a content puts it into the table `gc`, in the same transaction (by triggers).
//! 2. [`give_grace`]: from now on it waits. A backup that was begun before is done within that time.
//! 3. [`judge`]: after it, in a writing transaction, when nobody else can name it: either something does, and it is spared; or its rows go and
//!    it is doomed. Only what is named can be copied or restored, so what is doomed can't come back.
//! 4. Its blob is deleted, and then the row of `gc` ([`doomed`], [`forget`]).
//!
//! A blob that no row names is left of an upload that was cut off before its commit. It is found in the list of the store ([`suspect`]) and goes the
//! same way from 2 on. Should its upload end after it was doomed, the database refuses the content's row, and the upload fails.

use std::time::Duration;

use super::sql;
use crate::blobs::BlobId;
use crate::clock::Moment;
use crate::db::{DbError, Reads, WriteTx};
use crate::ids::ContentId;

/// Contents of one transaction.
pub const SLICE: usize = 200;
/// An upload takes less: what is left of one that was begun earlier is nobody's, and until its blob, which has the time of its beginning in its
/// name, is so old it is no suspect.
pub const UPLOAD_LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What became of a slice of contents whose grace is over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Judged {
    /// Named by something all the same.
    pub spared: u64,
    /// Doomed, or removed where they were inline.
    pub removed: u64,
    /// Bytes of these, as far as rows know.
    pub bytes: u64,
    /// Whether there may be more.
    pub more: bool,
}

/// What a collection would find.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outlook {
    /// Contents that would be removed now, and their bytes.
    pub due: (u64, u64),
    /// Contents that nothing names and that wait out their grace, and their bytes.
    pub waiting: (u64, u64),
    /// When the first of these may go.
    pub next: Option<Moment>,
}

/// Lets those that were dropped since the last time wait until `not_before`. Gives whether there may be more.
pub async fn give_grace(tx: &mut WriteTx, not_before: Moment) -> Result<bool, DbError> {
    Ok(sql::give_grace(tx.conn(), not_before, SLICE as i64).await? >= SLICE as u64)
}

/// Decides about contents whose grace is over at `now`.
pub async fn judge(tx: &mut WriteTx, now: Moment) -> Result<Judged, DbError> {
    tx.protect().await?;
    let due = sql::due(tx.conn(), now, SLICE as i64).await?;
    if due.is_empty() {
        return Ok(Judged::default());
    }
    let spared = sql::spare(tx.conn(), &due).await?;
    let victims = sql::not_spared(tx.conn(), &due).await?;
    let (_, bytes) = sql::sizes(tx.conn(), &victims).await?;
    sql::remove(tx.conn(), &victims).await?;
    Ok(Judged { spared, removed: victims.len() as u64, bytes, more: due.len() == SLICE })
}

/// Contents whose blobs may go, after this one in their order.
pub async fn doomed(reads: &mut impl Reads, after: Option<ContentId>) -> Result<Vec<ContentId>, DbError> {
    sql::doomed(reads.conn(), after, SLICE as i64).await
}

/// The blobs of these are gone.
pub async fn forget(tx: &mut WriteTx, gone: &[ContentId]) -> Result<(), DbError> {
    sql::forget(tx.conn(), gone).await
}

/// Of blobs that are in the store, lets those that no row names wait until `not_before`. Gives how many they are.
pub async fn suspect(tx: &mut WriteTx, blobs: &[ContentId], not_before: Moment) -> Result<u64, DbError> {
    sql::suspect(tx.conn(), blobs, not_before).await
}

/// Of these, those that no row names.
pub async fn unknown(reads: &mut impl Reads, blobs: &[ContentId]) -> Result<Vec<ContentId>, DbError> {
    sql::unknown(reads.conn(), blobs).await
}

/// The content of a blob in the store, if the blob is so old at `now` that no upload can still be about to name it; `grace` is that of the site.
pub fn old_enough(blob: &BlobId, grace: Duration, now: Moment) -> Option<ContentId> {
    let begun = blob.begun();
    (now.since(begun) > grace + UPLOAD_LONGEST).then(|| ContentId(uuid::Uuid::from_bytes(*blob.as_bytes())))
}

/// What [`judge`] would come to at `now`, without doing it.
pub async fn outlook(reads: &mut impl Reads, now: Moment, grace: Duration) -> Result<Outlook, DbError> {
    // What was dropped since the last look has its grace before it.
    let fresh = now.plus(grace);
    let conn = reads.conn();
    let due = sql::unnamed(conn, (Moment(i64::MIN), now), fresh).await?;
    let waiting = sql::unnamed(conn, (Moment(now.0 + 1), Moment(i64::MAX)), fresh).await?;
    let next = if waiting.0 > 0 { sql::first_after(conn, now, fresh).await? } else { None };
    Ok(Outlook { due, waiting, next })
}
