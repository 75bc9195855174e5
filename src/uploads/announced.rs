//! Uploads of which the file is told before its bytes come: they come one behind the other, from an offset on that both sides know (tus).
//!
//! A piece is named by its offset. What counts as come is what a committed piece holds, so an offset that was told once is never taken back. Once the
//! file is made of it, the upload is remembered for a while, so that a client that missed the answer learns it.

use std::time::Duration;

use super::{KEPT, Part, UPLOADS_MAX, UploadError, confirm_piece, keep, sql};
use crate::clock::Moment;
use crate::db::{Reads, WriteTx};
use crate::ids::UserId;
use crate::tree::change::Fresh;

/// So long it is remembered that a file was made.
pub const MADE_KEPT: Duration = Duration::from_secs(60 * 60);

/// What is told beforehand, and kept until the file is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// Bytes that the file will have.
    pub size: u64,
    /// Where it will be: the URL's path.
    pub path: String,
    /// What else counts when it is made.
    pub terms: String,
    /// What the client told of it, in its own words.
    pub told: String,
}

/// How far an announced upload is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    pub(super) row: i64,
    /// What was told.
    pub announcement: Announcement,
    /// Bytes that have come; all of them when the file is made.
    pub offset: u64,
    /// Whether the file is made.
    pub is_made: bool,
    /// When it is given up, or forgotten, unless more comes.
    pub expires: Moment,
}

/// The id of an upload, by which its client is to ask for it.
pub fn fresh_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// The name of an announced upload; none that a client can choose for another one ([`super::confirm_name`]).
pub fn name_of(id: &str) -> String {
    format!(".{id}")
}

/// Begins an upload. Gives when it expires.
pub async fn begin(
    tx: &mut WriteTx,
    user: UserId,
    id: &str,
    told: &Announcement,
    now: Moment,
) -> Result<Moment, UploadError> {
    if sql::count(tx.conn(), user).await? >= UPLOADS_MAX as i64 {
        return Err(UploadError::TooManyUploads);
    }
    let (name, expires) = (name_of(id), now.plus(KEPT));
    tx.protect().await?;
    if !sql::insert(tx.conn(), user, &name, expires).await? {
        return Err(UploadError::Taken);
    }
    let upload = sql::find(tx.conn(), user, &name, now).await?.ok_or(UploadError::NoSuchUpload)?;
    sql::insert_announced(tx.conn(), upload, told).await?;
    Ok(expires)
}

/// How far an upload is. Errors: [`UploadError::NoSuchUpload`], also for another person's.
pub async fn find(reads: &mut impl Reads, user: UserId, id: &str, now: Moment) -> Result<Announced, UploadError> {
    sql::announced(reads.conn(), user, &name_of(id), now).await?.ok_or(UploadError::NoSuchUpload)
}

/// Keeps the bytes from `offset` on. Gives when the upload expires.
///
/// Errors: [`UploadError::Elsewhere`] when others came there meanwhile, or the file is made; those of every piece.
pub async fn append(
    tx: &mut WriteTx,
    (user, id): (UserId, &str),
    offset: u64,
    content: &Fresh,
    bytes_max: u64,
    now: Moment,
) -> Result<Moment, UploadError> {
    let found = find(tx, user, id, now).await?;
    if found.is_made || found.offset != offset {
        return Err(UploadError::Elsewhere(found.offset));
    }
    let piece = offset.to_string();
    let others = sql::bytes_beside(tx.conn(), user, (found.row, &piece)).await?;
    confirm_piece(tx, (found.row, &piece), others, content.size, bytes_max).await?;
    tx.protect().await?;
    keep(tx, found.row, &piece, content, now).await
}

/// What has come beside what is about to. Errors: [`UploadError::NoSuchUpload`].
pub async fn beside(
    reads: &mut impl Reads,
    (user, id): (UserId, &str),
    now: Moment,
) -> Result<super::Beside, UploadError> {
    // No piece has this name.
    super::beside(reads, (user, &name_of(id)), "", now).await
}

/// The pieces in their order, of which the file is to be made. Errors: [`UploadError::Elsewhere`] when it is; [`UploadError::NoSuchUpload`].
pub async fn parts(reads: &mut impl Reads, user: UserId, id: &str, now: Moment) -> Result<Vec<Part>, UploadError> {
    let found = find(reads, user, id, now).await?;
    if found.is_made {
        return Err(UploadError::Elsewhere(found.offset));
    }
    super::parts(reads, user, &name_of(id), now).await
}

/// Says that the file is made, in the transaction that makes it: so it is made once. What may give up later has protected what it wrote before.
///
/// Errors: [`UploadError::Elsewhere`] when it was made before; [`UploadError::NoSuchUpload`].
pub async fn mark_made(tx: &mut WriteTx, user: UserId, id: &str, now: Moment) -> Result<(), UploadError> {
    let found = find(tx, user, id, now).await?;
    if !sql::mark_made(tx.conn(), found.row).await? {
        return Err(UploadError::Elsewhere(found.announcement.size));
    }
    Ok(sql::prolong(tx.conn(), found.row, now.plus(MADE_KEPT)).await?)
}
