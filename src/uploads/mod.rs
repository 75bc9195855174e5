//! Uploads in pieces: what has come of a file before it is one. Pieces are contents like any other, named by rows of their own, so they survive a
//! restart and may come to any server; what nobody finishes ends by itself.
//!
//! Of some the file is told before its bytes come ([`announced`]). Not here: who may make which file of them; that is decided when it is made, as for
//! any PUT. Knows no HTTP.

pub mod announced;
pub mod making;
mod sql;

use std::time::Duration;

use crate::clock::Moment;
use crate::db::{DbError, Reads, WriteTx};
use crate::ids::{ContentId, UserId};
use crate::tree::change::Fresh;
use crate::tree::insert_content;

/// An upload that nothing has come of for so long is given up.
pub const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// Uploads of one person at a time.
pub const UPLOADS_MAX: usize = 100;
/// Pieces of one upload.
pub const PARTS_MAX: usize = 10_000;
/// Characters of the names of uploads and pieces.
pub const NAME_CHARS_MAX: usize = 128;
/// Uploads that one sweep gives up,
const SWEPT_AT_ONCE: i64 = 20;
/// and pieces, so that others save meanwhile.
const PARTS_SWEPT_AT_ONCE: i64 = 1_000;

/// A piece that has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// By which its client knows it; in their order they make the file.
    pub name: String,
    /// Its bytes.
    pub content: ContentId,
    /// How many.
    pub size: u64,
}

/// Why an upload was refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum UploadError {
    /// There is none of that name.
    #[error("there is no such upload")]
    NoSuchUpload,
    /// The name is taken.
    #[error("there is an upload of that name")]
    Taken,
    /// [`UPLOADS_MAX`].
    #[error("somebody has {UPLOADS_MAX} uploads at the most")]
    TooManyUploads,
    /// [`PARTS_MAX`].
    #[error("an upload has {PARTS_MAX} pieces at the most")]
    TooManyParts,
    /// All pieces of a person would be more bytes than they may be.
    #[error("what somebody has on its way in pieces is {0} bytes at the most")]
    TooManyBytes(u64),
    /// The bytes that come are not those behind the ones that are there.
    #[error("the upload goes on at byte {0}")]
    Elsewhere(u64),
    /// Another request makes it.
    #[error("the file of this upload is being made by another request; wait for it")]
    BeingMade,
    /// A name that is none.
    #[error("the name of an upload or a piece is 1 to {NAME_CHARS_MAX} letters, digits, dots and dashes")]
    BadName,
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Whether a text may name an upload or a piece.
pub fn confirm_name(name: &str) -> Result<(), UploadError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let is_name =
        !name.is_empty() && name.len() <= NAME_CHARS_MAX && name.bytes().all(is_plain) && !name.starts_with('.');
    if is_name { Ok(()) } else { Err(UploadError::BadName) }
}

/// Begins an upload.
pub async fn begin(tx: &mut WriteTx, user: UserId, name: &str, now: Moment) -> Result<(), UploadError> {
    confirm_name(name)?;
    if sql::count(tx.conn(), user).await? >= UPLOADS_MAX as i64 {
        return Err(UploadError::TooManyUploads);
    }
    if sql::insert(tx.conn(), user, name, now.plus(KEPT)).await? { Ok(()) } else { Err(UploadError::Taken) }
}

/// Keeps a piece; one of the same name is replaced. All pieces of the person are so many bytes at the most.
pub async fn add(
    tx: &mut WriteTx,
    (user, upload): (UserId, &str),
    name: &str,
    content: &Fresh,
    bytes_max: u64,
    now: Moment,
) -> Result<(), UploadError> {
    confirm_name(name)?;
    let id = sql::find(tx.conn(), user, upload, now).await?.ok_or(UploadError::NoSuchUpload)?;
    let others = sql::bytes_beside(tx.conn(), user, (id, name)).await?;
    confirm_piece(tx, (id, name), others, content.size, bytes_max).await?;
    tx.protect().await?;
    keep(tx, id, name, content, now).await.map(drop)
}

/// Confirms that one more piece is not too much.
async fn confirm_piece(
    tx: &mut WriteTx,
    (upload, name): (i64, &str),
    others: Beside,
    bytes: u64,
    bytes_max: u64,
) -> Result<(), UploadError> {
    if sql::count_parts_beside(tx.conn(), (upload, name)).await? >= PARTS_MAX as i64 {
        return Err(UploadError::TooManyParts);
    }
    if others.of_person.saturating_add(bytes) > bytes_max {
        return Err(UploadError::TooManyBytes(bytes_max));
    }
    Ok(())
}

/// Gives when the upload expires.
async fn keep(tx: &mut WriteTx, upload: i64, name: &str, content: &Fresh, now: Moment) -> Result<Moment, UploadError> {
    insert_content(tx, content, now).await?;
    sql::put_part(tx.conn(), upload, name, (content.id, content.size)).await?;
    let expires = now.plus(KEPT);
    sql::prolong(tx.conn(), upload, expires).await?;
    Ok(expires)
}

/// Bytes that have come beside one piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beside {
    /// Of the same upload.
    pub of_upload: u64,
    /// Of all uploads of its person.
    pub of_person: u64,
}

/// What has come beside a piece that is about to. Errors: [`UploadError::NoSuchUpload`].
pub async fn beside(
    reads: &mut impl Reads,
    (user, upload): (UserId, &str),
    name: &str,
    now: Moment,
) -> Result<Beside, UploadError> {
    let id = sql::find(reads.conn(), user, upload, now).await?.ok_or(UploadError::NoSuchUpload)?;
    Ok(sql::bytes_beside(reads.conn(), user, (id, name)).await?)
}

/// The pieces of an upload, in the order of their names: by number where they are numbers.
pub async fn parts(reads: &mut impl Reads, user: UserId, upload: &str, now: Moment) -> Result<Vec<Part>, UploadError> {
    let id = sql::find(reads.conn(), user, upload, now).await?.ok_or(UploadError::NoSuchUpload)?;
    let mut parts = sql::parts(reads.conn(), id).await?;
    parts.sort_by(|one, other| order(&one.name).cmp(&order(&other.name)));
    Ok(parts)
}

fn order(name: &str) -> (Option<u64>, &str) {
    (name.parse().ok(), name)
}

/// A file is made of an upload: gives up the pieces, and the upload with them unless its client may still ask for it ([`announced`]).
pub async fn made(tx: &mut WriteTx, user: UserId, upload: &str, now: Moment) -> Result<(), DbError> {
    let Some(id) = sql::find(tx.conn(), user, upload, now).await? else { return Ok(()) };
    sql::delete_parts(tx.conn(), id).await?;
    sql::delete_unannounced(tx.conn(), id).await
}

/// Ends an upload, whatever has come of it. Gives whether there was one.
pub async fn end(tx: &mut WriteTx, user: UserId, upload: &str) -> Result<bool, DbError> {
    sql::delete(tx.conn(), user, upload).await
}

/// Gives up some of what nobody has gone on with. Gives whether there may be more.
pub async fn sweep(tx: &mut WriteTx, now: Moment) -> Result<bool, DbError> {
    if sql::sweep_parts(tx.conn(), now, PARTS_SWEPT_AT_ONCE).await? >= PARTS_SWEPT_AT_ONCE.unsigned_abs() {
        return Ok(true);
    }
    Ok(sql::sweep(tx.conn(), now, SWEPT_AT_ONCE).await? >= SWEPT_AT_ONCE.unsigned_abs())
}

#[cfg(test)]
mod tests;
