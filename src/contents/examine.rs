//! Is a content still what was stored? Read piece by piece, so that whoever asks can go as slowly as he wants.

use futures_util::TryStreamExt;

use super::sql;
use crate::blobs::sums::{CHUNK_BYTES, Summing, Sums};
use crate::blobs::{BlobError, Blobs, ByteStream};
use crate::clock::Moment;
use crate::db::{DbError, Reads, WriteTx};
use crate::ids::ContentId;
use crate::tree::check::Recorded;

/// A content that is being read.
pub struct Examination<'c> {
    content: &'c Recorded,
    summing: Summing,
    blob: Option<ByteStream>,
    read: u64,
}

/// What one step has shown.
#[derive(Debug)]
pub enum Step {
    /// So many more bytes were read.
    Read(u64),
    /// The bytes are right.
    Right(Sums),
    /// They are not, or not there: why.
    Damaged(String),
}

impl<'c> Examination<'c> {
    /// Of this content.
    pub fn of(content: &'c Recorded) -> Self {
        Self { content, summing: Summing::default(), blob: None, read: 0 }
    }

    /// Reads on. After [`Step::Right`] or [`Step::Damaged`] there is nothing more to see.
    ///
    /// Errors: [`BlobError`] where that can't be told now.
    pub async fn step(&mut self, blobs: &Blobs) -> Result<Step, BlobError> {
        let content = self.content;
        if let Some(bytes) = &content.inline {
            self.summing.update(bytes);
            self.read = bytes.len() as u64;
            return Ok(self.verdict());
        }
        if content.is_inline {
            return Ok(Step::Damaged("its bytes are not in the database".to_owned()));
        }
        let blob = match &mut self.blob {
            Some(blob) => blob,
            none => {
                let id = super::blob_of(content.id);
                match blobs.read(&id, content.size, 0..content.size).await {
                    Ok(blob) => none.insert(blob),
                    Err(BlobError::Damaged { damage, .. }) => return Ok(Step::Damaged(damage.to_string())),
                    Err(away) => return Err(away),
                }
            }
        };
        match blob.try_next().await {
            Ok(Some(bytes)) => {
                self.summing.update(&bytes);
                self.read += bytes.len() as u64;
                Ok(Step::Read(bytes.len() as u64))
            }
            Ok(None) => Ok(self.verdict()),
            Err(error) => match error.downcast() {
                Ok(away @ BlobError::Away { .. }) => Err(away),
                Ok(other) => Ok(Step::Damaged(other.to_string())),
                Err(error) => Ok(Step::Damaged(format!("it can't be read: {error}"))),
            },
        }
    }

    fn verdict(&mut self) -> Step {
        let sums = std::mem::take(&mut self.summing).finish();
        if self.read != self.content.size {
            Step::Damaged(format!("it has {} bytes instead of {}", self.read, self.content.size))
        } else if sums.hash[..] != self.content.hash[..] {
            Step::Damaged("its bytes have changed".to_owned())
        } else {
            Step::Right(sums)
        }
    }
}

/// What is known to be damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The content.
    pub content: ContentId,
    /// When it was found.
    pub found: Moment,
    /// What is wrong with it.
    pub what: String,
}

/// Everything that is known to be damaged, in the order of ids, `limit` at the most.
pub async fn known_damage(reads: &mut impl Reads, limit: i64) -> Result<Vec<Known>, DbError> {
    sql::known_damage(reads.conn(), limit).await
}

/// How many contents are known to be damaged.
pub async fn count_damaged(reads: &mut impl Reads) -> Result<u64, DbError> {
    sql::count_damaged(reads.conn()).await
}

/// Keeps in mind that a content is damaged. Gives whether that is news; it isn't about one that has gone meanwhile either.
pub async fn is_damaged(tx: &mut WriteTx, content: ContentId, what: &str, now: Moment) -> Result<bool, DbError> {
    sql::insert_damage(tx.conn(), content, what, now).await
}

/// A content is right: it isn't damaged any more if it was, and the hashes of its chunks are these. Gives whether anything of that was news.
pub async fn is_right(tx: &mut WriteTx, content: ContentId, sums: &Sums) -> Result<bool, DbError> {
    let healed = sql::delete_damage(tx.conn(), content).await?;
    let learned = !sums.chunks.is_empty() && sql::replace_sums(tx.conn(), content, &sums.chunks).await?;
    Ok(healed || learned)
}

/// Whether [`is_right`] would have anything to write.
pub async fn is_news(reads: &mut impl Reads, content: &Recorded, sums: &Sums) -> Result<bool, DbError> {
    let conn = reads.conn();
    if sql::damage_of(conn, content.id).await? {
        return Ok(true);
    }
    Ok(content.size > CHUNK_BYTES && !sql::has_sums(conn, content.id, &sums.chunks).await?)
}

/// Whether any hashes of the content's chunks are kept.
pub async fn has_sums(reads: &mut impl Reads, content: ContentId) -> Result<bool, DbError> {
    sql::any_sums(reads.conn(), content).await
}

/// Whether hashes of the content's chunks are kept that are not those of its bytes, which are right.
pub async fn contradicts(reads: &mut impl Reads, content: &Recorded, sums: &Sums) -> Result<bool, DbError> {
    let conn = reads.conn();
    Ok(sql::any_sums(conn, content.id).await? && !sql::has_sums(conn, content.id, &sums.chunks).await?)
}
