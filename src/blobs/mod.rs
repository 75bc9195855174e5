//! The byte store: immutable contents, each named by a fresh, time-ordered id.
//!
//! It knows nothing of nodes, SQL or HTTP. Content is written through [`Staged`], becomes a named blob only by
//! [`Staged::finish`], and is read through [`Reader`]. What [`Staged::finish`] has returned is on the disk, name and
//! bytes, so the caller may commit a row that names it. A blob that no row names is harmless; [`Blobs::list`] finds it.
//!
//! The store is a local directory. Callers see only the types of this file, so that another place for bytes is a
//! second arm behind them and no change above.

mod directory;
mod id;
mod inspect;
mod read;
mod stage;

use std::{io, path::Path, sync::Arc};

pub use id::BlobId;
pub use inspect::Damage;
pub use read::{ByteStream, Reader};
pub use stage::{INLINE_BYTES_MAX, Place, Sealed, Staged};

use crate::config::Durability;
use directory::Root;
use read::Buffers;

/// A handle on the byte store; clones are the same store.
#[derive(Clone)]
pub struct Blobs {
    root: Arc<Root>,
    buffers: Arc<Buffers>,
}

impl Blobs {
    /// Opens the store in `dir`, which is created when missing.
    ///
    /// Several processes may hold the same store open (a server and its command line).
    ///
    /// # Errors
    /// [`BlobError::Io`] when the directory can't be made or opened.
    pub fn open(dir: &Path, durability: Durability) -> Result<Self, BlobError> {
        Ok(Self { root: Arc::new(Root::open(dir, durability)?), buffers: Arc::default() })
    }

    /// Removes what uploads of a killed process left behind; gives their number.
    ///
    /// Only for the process that owns the site: it would also remove the uploads of a running one. There is something
    /// to find only on file systems without unnamed files (`O_TMPFILE`).
    ///
    /// # Errors
    /// [`BlobError::Io`] when the staging directory can't be read or cleared.
    pub fn sweep(&self) -> Result<usize, BlobError> {
        self.root.sweep().map_err(BlobError::io("clearing the staging directory"))
    }

    /// Begins a new content.
    pub fn stage(&self) -> Staged {
        Staged::new(Arc::clone(&self.root))
    }

    /// Opens a blob whose recorded length is `size` bytes.
    ///
    /// # Errors
    /// [`BlobError::Damaged`] when the file is missing or has another length.
    pub async fn open_read(&self, id: &BlobId, size: u64) -> Result<Reader, BlobError> {
        Reader::open(Arc::clone(&self.root), Arc::clone(&self.buffers), *id, size).await
    }

    /// Removes a blob; `false` when it is not there.
    ///
    /// The removal is not synced: a blob that comes back after a power cut is one that no row names.
    ///
    /// # Errors
    /// [`BlobError::Io`] when the file system refuses.
    pub async fn delete(&self, id: &BlobId) -> Result<bool, BlobError> {
        let path = self.root.path_of(id);
        in_background(move || match std::fs::remove_file(path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(BlobError::io("deleting a blob")(error)),
        })
        .await
    }

    /// Every blob with its length in bytes, in no particular order and in constant memory. Other files are passed over.
    ///
    /// The iterator reads directories as it goes: run it off the async threads.
    pub fn list(&self) -> impl Iterator<Item = io::Result<(BlobId, u64)>> + use<> {
        inspect::list(self.root.path())
    }

    /// Reads a whole blob and compares its length in bytes and BLAKE3 hash with the recorded ones.
    ///
    /// # Errors
    /// [`Damage`] says what is wrong with it.
    pub async fn verify(&self, id: &BlobId, size: u64, hash: [u8; 32]) -> Result<(), Damage> {
        let path = self.root.path_of(id);
        in_background(move || inspect::verify(&path, size, hash)).await
    }

    /// Bytes that an upload may still take on the file system of the store.
    ///
    /// # Errors
    /// [`BlobError::Io`] when the file system doesn't say.
    pub fn free_bytes(&self) -> Result<u64, BlobError> {
        let stat = rustix::fs::statvfs(self.root.path())
            .map_err(|errno| BlobError::io("asking for free space")(errno.into()))?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Whether a sync has failed since the store was opened. Nothing is accepted from then on: after a failed sync the
    /// kernel may have dropped the bytes and call the next sync a success, so that none can be believed.
    pub fn is_failed(&self) -> bool {
        self.root.is_failed()
    }
}

/// What can go wrong in the byte store.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The disk, a quota or the largest file size is reached; nothing was stored.
    #[error("no room for more bytes")]
    Full,
    /// An earlier sync failed; see [`Blobs::is_failed`].
    #[error("the byte store takes no more writes because a sync failed; restart the server after the disk was checked")]
    Failed,
    /// The bytes of a blob are not what was stored.
    #[error("blob `{id}` is damaged: {damage}")]
    Damaged {
        /// The blob.
        id: BlobId,
        /// What is wrong with it.
        damage: Damage,
    },
    /// Any other answer of the operating system.
    #[error("{doing}: {source}")]
    Io {
        /// What the store was doing.
        doing: &'static str,
        /// The answer.
        source: io::Error,
    },
}

impl BlobError {
    /// For `map_err`: an answer of the operating system while `doing` something.
    fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| {
            if is_full(&source) { Self::Full } else { Self::Io { doing, source } }
        }
    }
}

/// ENOSPC, EDQUOT, EFBIG.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

/// Runs file system work on the blocking pool; a panic there goes on here.
async fn in_background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    joined(tokio::task::spawn_blocking(work).await)
}

/// The result of a job of the blocking pool.
fn joined<T>(job: Result<T, tokio::task::JoinError>) -> T {
    job.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => unreachable!("jobs that have begun are never cancelled, and none begins after the runtime stops"),
    })
}

#[cfg(test)]
mod tests;
