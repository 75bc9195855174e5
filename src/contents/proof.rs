//! What a content is compared with when it is read: its hash and those of its chunks, out of the database. Whoever hands out bytes of blobs
//! reads them through here.

use std::io;
use std::ops::Range;

use bytes::Bytes;
use futures_util::Stream;

use super::sql;
use crate::blobs::{self, BlobError, BlobId, Blobs, Damage, Proof, Stored};
use crate::db::{Db, DbError, Reads};
use crate::ids::ContentId;

/// Why a content can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The rows.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The bytes.
    #[error(transparent)]
    Blob(#[from] BlobError),
}

/// The bytes of `range` of a content that is a blob of `size` bytes, each compared before it is given: a damaged one ends the stream with an error,
/// and the log names it and `about`, what it was read for.
///
/// Errors: [`BlobError::Damaged`], [`BlobError::Away`]; those of the database.
pub async fn read(
    (db, store): (&Db, &Blobs),
    (content, size): (ContentId, u64),
    range: Range<u64>,
    about: String,
) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + use<>, ReadError> {
    let part = blobs::part_at(range.start.min(size));
    let (hash, sums) = sql::hashes(db.read().await?.conn(), content, part).await?;
    let blob = Stored { id: super::blob_of(content), size, hash };
    let proof = Kept { db: db.clone(), content, about };
    Ok(store.read_checked(blob, range, sums, proof).await?)
}

/// The hashes as they are kept.
struct Kept {
    db: Db,
    content: ContentId,
    about: String,
}

impl Proof for Kept {
    async fn part(&mut self, part: u64) -> io::Result<Vec<u8>> {
        let mut tx = self.db.read().await.map_err(io::Error::other)?;
        sql::sums(tx.conn(), self.content, part).await.map_err(io::Error::other)
    }

    fn damaged(&mut self, id: &BlobId, damage: &Damage) {
        tracing::error!(content = %id, %damage, about = self.about, "a damaged content was not served");
    }
}
