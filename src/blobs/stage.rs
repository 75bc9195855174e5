//! Taking in new content: small ones stay in memory, larger ones go to the store in chunks, hashed on the way.

use bytes::Bytes;

use super::sums::Sums;
use super::{BlobError, BlobId, bucket, directory};

/// Content up to this many bytes is no blob: it is returned to the caller, whose database keeps it with less syncing.
pub const INLINE_BYTES_MAX: usize = 16 * 1024;

/// Bytes given to the store at once. An upload to a directory holds at most two such chunks: one on its way, one filling.
const CHUNK_BYTES: usize = 256 * 1024;

/// A content on its way in. Dropped before [`Staged::finish`], it leaves nothing behind.
pub struct Staged {
    size: u64,
    filling: Vec<u8>,
    upload: Upload,
}

/// Where full chunks go.
pub(super) enum Upload {
    Directory(directory::Upload),
    Bucket(Box<bucket::Upload>),
}

/// A whole content, in the store if it is a blob.
#[derive(Debug)]
pub struct Sealed {
    /// Bytes.
    pub size: u64,
    /// BLAKE3 of the content, and of its chunks.
    pub sums: Sums,
    /// Where it is.
    pub place: Place,
}

/// Where a content is.
#[derive(Debug)]
pub enum Place {
    /// Here: at most [`INLINE_BYTES_MAX`] bytes, not stored yet.
    Inline(Bytes),
    /// In the byte store.
    File(BlobId),
}

impl Staged {
    pub(super) fn new(upload: Upload) -> Self {
        Self { size: 0, filling: Vec::new(), upload }
    }

    /// Bytes taken so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Takes the next bytes. Waits while the store is slower than the sender.
    ///
    /// # Errors
    /// [`BlobError::Full`], [`BlobError::Failed`], [`BlobError::Away`] or [`BlobError::Io`]; the content is lost then.
    pub async fn write(&mut self, mut bytes: Bytes) -> Result<(), BlobError> {
        self.size += bytes.len() as u64;
        while !bytes.is_empty() {
            let room = CHUNK_BYTES - self.filling.len();
            self.filling.extend_from_slice(&bytes.split_to(room.min(bytes.len())));
            if self.filling.len() == CHUNK_BYTES {
                let chunk = std::mem::take(&mut self.filling);
                self.filling = self.upload.append(chunk).await?;
            }
        }
        Ok(())
    }

    /// Seals the content. A blob is complete and durable, bytes and name, when this returns.
    ///
    /// # Errors
    /// [`BlobError::Full`], [`BlobError::Failed`], [`BlobError::Away`] or [`BlobError::Io`]; nothing is stored then, or
    /// what nothing names.
    pub async fn finish(self) -> Result<Sealed, BlobError> {
        let Self { size, filling, upload } = self;
        if size <= INLINE_BYTES_MAX as u64 {
            let sums = Sums { hash: *blake3::hash(&filling).as_bytes(), chunks: Vec::new() };
            return Ok(Sealed { size, sums, place: Place::Inline(filling.into()) });
        }
        let (id, sums) = upload.finish(filling).await?;
        Ok(Sealed { size, sums, place: Place::File(id) })
    }

    /// The same for a blob that has its name already, however small.
    pub(super) async fn finish_as_blob(self) -> Result<[u8; 32], BlobError> {
        self.upload.finish(self.filling).await.map(|(_, sums)| sums.hash)
    }
}

impl Upload {
    async fn append(&mut self, chunk: Vec<u8>) -> Result<Vec<u8>, BlobError> {
        match self {
            Self::Directory(upload) => upload.append(chunk).await,
            Self::Bucket(upload) => upload.append(chunk).await,
        }
    }

    async fn finish(self, last: Vec<u8>) -> Result<(BlobId, Sums), BlobError> {
        match self {
            Self::Directory(upload) => upload.finish(last).await,
            Self::Bucket(upload) => upload.finish(last).await,
        }
    }
}
