//! Taking in new content: small ones stay in memory, larger ones go to a file in chunks, hashed on the way.

use std::{io, mem, sync::Arc};

use bytes::Bytes;
use tokio::task::{JoinHandle, spawn_blocking};

use super::{
    BlobError, BlobId,
    directory::{Root, StagingFile},
    joined,
};

/// Content up to this many bytes is no file: it is returned to the caller, whose database keeps it with less syncing.
pub const INLINE_BYTES_MAX: usize = 16 * 1024;

/// Bytes written to the disk at once. An upload holds at most two such chunks: one on its way to the disk, one filling.
const CHUNK_BYTES: usize = 256 * 1024;

/// A content on its way in. Dropped before [`Staged::finish`], it leaves nothing behind.
pub struct Staged {
    root: Arc<Root>,
    size: u64,
    filling: Vec<u8>,
    sink: Sink,
}

/// Where full chunks go.
enum Sink {
    /// None was full so far.
    Memory,
    /// The last one is being written.
    Writing(JoinHandle<Result<Written, BlobError>>),
    /// One was not written; its error was given.
    Broken,
}

/// The state of a file between two chunks. It travels into the job that writes the next one and comes back with it.
struct Written {
    file: StagingFile,
    hasher: blake3::Hasher,
    /// The buffer of the chunk, for the next but one.
    spare: Vec<u8>,
}

/// A whole content, on the disk if it is a file.
#[derive(Debug)]
pub struct Sealed {
    /// Bytes.
    pub size: u64,
    /// BLAKE3 of the content.
    pub hash: [u8; 32],
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
    pub(super) fn new(root: Arc<Root>) -> Self {
        Self { root, size: 0, filling: Vec::new(), sink: Sink::Memory }
    }

    /// Bytes taken so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Takes the next bytes. Waits while the disk is slower than the sender.
    ///
    /// # Errors
    /// [`BlobError::Full`], [`BlobError::Failed`] or [`BlobError::Io`]; the content is lost then.
    pub async fn write(&mut self, mut bytes: Bytes) -> Result<(), BlobError> {
        self.size += bytes.len() as u64;
        while !bytes.is_empty() {
            let room = CHUNK_BYTES - self.filling.len();
            self.filling.extend_from_slice(&bytes.split_to(room.min(bytes.len())));
            if self.filling.len() == CHUNK_BYTES {
                self.hand_over().await?;
            }
        }
        Ok(())
    }

    /// Seals the content. A file is complete and durable, bytes and name, when this returns.
    ///
    /// # Errors
    /// [`BlobError::Full`], [`BlobError::Failed`] or [`BlobError::Io`]; nothing is stored then.
    pub async fn finish(mut self) -> Result<Sealed, BlobError> {
        if matches!(self.sink, Sink::Memory) && self.filling.len() <= INLINE_BYTES_MAX {
            let hash = *blake3::hash(&self.filling).as_bytes();
            return Ok(Sealed { size: self.size, hash, place: Place::Inline(self.filling.into()) });
        }
        let written = self.written().await?;
        let Self { root, size, filling, .. } = self;
        let permit = disk_permit(&root).await;
        joined(
            spawn_blocking(move || {
                let _permit = permit;
                let Written { file, hasher, .. } = append(root, written, filling)?;
                let hash = *hasher.finalize().as_bytes();
                Ok(Sealed { size, hash, place: Place::File(file.publish()?) })
            })
            .await,
        )
    }

    /// Gives the full chunk to the disk and begins an empty one.
    async fn hand_over(&mut self) -> Result<(), BlobError> {
        let mut written = self.written().await?;
        let permit = disk_permit(&self.root).await;
        let spare = written.as_mut().map(|written| mem::take(&mut written.spare)).unwrap_or_default();
        let chunk = mem::replace(&mut self.filling, spare);
        let root = Arc::clone(&self.root);
        self.sink = Sink::Writing(spawn_blocking(move || {
            let _permit = permit;
            append(root, written, chunk)
        }));
        Ok(())
    }

    /// Waits for the chunk that is being written; `None` when there was none. The sink is broken until the next one is
    /// begun, so that an error or a dropped future can't be passed over.
    async fn written(&mut self) -> Result<Option<Written>, BlobError> {
        match mem::replace(&mut self.sink, Sink::Broken) {
            Sink::Memory => Ok(None),
            Sink::Writing(job) => joined(job.await).map(Some),
            Sink::Broken => Err(BlobError::io("writing an upload")(io::Error::other("an earlier write failed"))),
        }
    }
}

/// One chunk to the disk; the first one makes the file.
fn append(root: Arc<Root>, written: Option<Written>, mut chunk: Vec<u8>) -> Result<Written, BlobError> {
    let (mut file, mut hasher) = match written {
        Some(Written { file, hasher, .. }) => (file, hasher),
        None => (StagingFile::create(root)?, blake3::Hasher::new()),
    };
    hasher.update(&chunk);
    file.append(&chunk)?;
    chunk.clear();
    Ok(Written { file, hasher, spare: chunk })
}

/// Waits for a turn at the disk.
async fn disk_permit(root: &Root) -> tokio::sync::OwnedSemaphorePermit {
    Arc::clone(&root.disk_jobs).acquire_owned().await.expect("the semaphore is never closed")
}
