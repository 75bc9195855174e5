//! The byte store: immutable contents, each named by a fresh, time-ordered id.
//!
//! It knows nothing of nodes, SQL or HTTP's verbs. Content is written through [`Staged`], becomes a named blob only by
//! [`Staged::finish`], and is read through [`ByteStream`]. What [`Staged::finish`] has returned is stored, name and
//! bytes, so the caller may commit a row that names it. A blob that no row names is harmless; [`Blobs::list`] finds it.
//!
//! The store is a local directory (`directory/`) or a part of a bucket of an object store (`bucket/`). Callers see only
//! the types of this file.

mod bucket;
mod checked;
mod directory;
mod id;
mod stage;
pub mod sums;

use std::{
    io,
    ops::Range,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};

pub use checked::{CHUNKS_OF_A_PART, Proof, Stored, part_at};
pub use id::BlobId;
pub use stage::{INLINE_BYTES_MAX, Place, Sealed, Staged};

use crate::clock::Moment;
use crate::config::{BucketUrl, Durability, S3};
use bucket::Bucket;
use directory::{Buffers, Root};
use stage::Upload;

/// What a store that has no limit of its own is taken to have left: 1 PiB.
const BOUNDLESS_BYTES: u64 = 1 << 50;

/// A handle on the byte store; clones are the same store.
#[derive(Clone)]
pub struct Blobs(Arm);

#[derive(Clone)]
enum Arm {
    Directory { root: Arc<Root>, buffers: Arc<Buffers> },
    Bucket(Arc<Bucket>),
}

impl Blobs {
    /// Opens the store in `dir`, which is created when missing.
    ///
    /// Several processes may hold the same store open (a server and its command line).
    ///
    /// # Errors
    /// [`BlobError::Io`] when the directory can't be made or opened.
    pub fn open(dir: &Path, durability: Durability) -> Result<Self, BlobError> {
        Ok(Self(Arm::Directory { root: Arc::new(Root::open(dir, durability)?), buffers: Arc::default() }))
    }

    /// The store in a bucket, in the part of the site with this id. The object store is asked by the first use, or by
    /// [`Blobs::confirm`].
    ///
    /// # Errors
    /// [`BlobError::Settings`] when the settings can't work.
    pub fn in_bucket(url: &BucketUrl, settings: &S3, site: &str) -> Result<Self, BlobError> {
        Ok(Self(Arm::Bucket(Arc::new(Bucket::new(url, settings, site)?))))
    }

    /// Makes the place this site's: once in its life, before anything else.
    ///
    /// # Errors
    /// [`BlobError::Away`] when the object store doesn't take it.
    pub async fn found(&self) -> Result<(), BlobError> {
        match &self.0 {
            Arm::Directory { .. } => Ok(()),
            Arm::Bucket(bucket) => bucket.found().await,
        }
    }

    /// Confirms that the place answers and is this site's.
    ///
    /// # Errors
    /// [`BlobError::Foreign`] when it is another place; [`BlobError::Away`] when that can't be told now.
    pub async fn confirm(&self) -> Result<(), BlobError> {
        match &self.0 {
            Arm::Directory { .. } => Ok(()),
            Arm::Bucket(bucket) => bucket.ours().await,
        }
    }

    /// Removes what uploads that were begun before this moment left behind; gives their number.
    ///
    /// It would also remove those that still run. In a directory there is something to find only on file systems without
    /// unnamed files (`O_TMPFILE`).
    ///
    /// # Errors
    /// [`BlobError::Io`] when the staging directory can't be read or cleared; those of the object store.
    pub async fn sweep(&self, before: Moment) -> Result<usize, BlobError> {
        match &self.0 {
            Arm::Directory { root, .. } => {
                let root = Arc::clone(root);
                let swept = in_background(move || root.sweep(before)).await;
                swept.map_err(BlobError::io("clearing the staging directory"))
            }
            Arm::Bucket(bucket) => bucket::sweep(bucket, before).await,
        }
    }

    /// Begins a new content.
    pub fn stage(&self) -> Staged {
        self.stage_as(BlobId::fresh())
    }

    fn stage_as(&self, id: BlobId) -> Staged {
        Staged::new(match &self.0 {
            Arm::Directory { root, .. } => Upload::Directory(directory::Upload::new(Arc::clone(root), id)),
            Arm::Bucket(bucket) => Upload::Bucket(Box::new(bucket::Upload::new(Arc::clone(bucket), id))),
        })
    }

    /// Whether a blob is here with this length. It was whole when it got its name.
    ///
    /// # Errors
    /// [`BlobError::Away`]: that can't be told now.
    pub async fn has(&self, id: &BlobId, size: u64) -> Result<bool, BlobError> {
        match self.read(id, size, 0..0).await {
            Ok(_) => Ok(true),
            Err(BlobError::Damaged { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Brings a blob of another store here under its name, unless it is here already, and compares what is here then with
    /// the recorded hash. Gives what is wrong with it there, or nothing.
    ///
    /// # Errors
    /// Those of reading there and of writing here.
    pub async fn bring(
        &self,
        from: &Self,
        id: &BlobId,
        size: u64,
        hash: [u8; 32],
    ) -> Result<Option<Damage>, BlobError> {
        match self.verify(id, size, hash).await? {
            None => return Ok(None),
            Some(Damage::Missing) => {}
            Some(damage @ Damage::Unreadable(_)) => return Ok(Some(damage)),
            // What an earlier try left. Where both are one place, whatever its names, it is all there is: what isn't whole there never takes its place.
            Some(_) => match from.verify(id, size, hash).await? {
                None => drop(self.delete(id).await?),
                Some(damage) => return Ok(Some(damage)),
            },
        }
        let mut bytes = match from.read(id, size, 0..size).await {
            Ok(bytes) => bytes,
            Err(BlobError::Damaged { damage, .. }) => return Ok(Some(damage)),
            Err(error) => return Err(error),
        };
        let mut staged = self.stage_as(*id);
        while let Some(chunk) = bytes.try_next().await.map_err(BlobError::io("reading a blob"))? {
            staged.write(chunk).await?;
        }
        if staged.finish_as_blob().await? != hash {
            self.delete(id).await?;
            return Ok(Some(Damage::Bytes));
        }
        self.verify(id, size, hash).await
    }

    /// The bytes of `range`, cut to its length, of a blob whose recorded length is `size` bytes. Once begun, they come
    /// whole also when the blob is deleted meanwhile, as far as the object store allows.
    ///
    /// # Errors
    /// [`BlobError::Damaged`] when the blob is missing or has another length; [`BlobError::Away`].
    pub async fn read(&self, id: &BlobId, size: u64, range: Range<u64>) -> Result<ByteStream, BlobError> {
        Ok(ByteStream(match &self.0 {
            Arm::Directory { root, buffers } => {
                let (root, buffers) = (Arc::clone(root), Arc::clone(buffers));
                Stretch::Directory(directory::Stretch::open(root, buffers, *id, size, range).await?)
            }
            Arm::Bucket(bucket) => {
                Stretch::Bucket(Box::pin(bucket::Stretch::open(Arc::clone(bucket), *id, size, range)).await?)
            }
        }))
    }

    /// Removes a blob; `false` when it is known that it was not there.
    ///
    /// The removal is not synced: a blob that comes back after a power cut is one that no row names.
    ///
    /// # Errors
    /// [`BlobError::Io`] when the file system refuses; [`BlobError::Away`].
    pub async fn delete(&self, id: &BlobId) -> Result<bool, BlobError> {
        match &self.0 {
            Arm::Directory { root, .. } => {
                let (root, id) = (Arc::clone(root), *id);
                in_background(move || root.delete(&id)).await
            }
            Arm::Bucket(bucket) => bucket.delete(id).await.map(|()| true),
        }
    }

    /// Every blob with its length in bytes, in no particular order and in constant memory. Other files are passed over.
    pub fn list(&self) -> impl Stream<Item = Result<(BlobId, u64), BlobError>> + Send + Unpin + use<> {
        match &self.0 {
            Arm::Directory { root, .. } => directory::list(root).boxed(),
            Arm::Bucket(bucket) => Arc::clone(bucket).list().boxed(),
        }
    }

    /// Reads a whole blob and compares its length in bytes and BLAKE3 hash with the recorded ones. Gives what is wrong
    /// with it, or nothing.
    ///
    /// # Errors
    /// [`BlobError::Away`]: that can't be told now.
    pub async fn verify(&self, id: &BlobId, size: u64, hash: [u8; 32]) -> Result<Option<Damage>, BlobError> {
        match &self.0 {
            Arm::Directory { root, .. } => Ok(directory::verify(root, *id, size, hash).await),
            Arm::Bucket(bucket) => bucket::verify(Arc::clone(bucket), *id, size, hash).await,
        }
    }

    /// Bytes that an upload may still take: those of the file system; of an object store, which doesn't say, 1 PiB.
    ///
    /// # Errors
    /// [`BlobError::Io`] when the file system doesn't say.
    pub fn free_bytes(&self) -> Result<u64, BlobError> {
        match &self.0 {
            Arm::Directory { root, .. } => root.free_bytes(),
            Arm::Bucket(_) => Ok(BOUNDLESS_BYTES),
        }
    }

    /// Whether a sync has failed since the store was opened. Nothing is accepted from then on: after a failed sync the
    /// kernel may have dropped the bytes and call the next sync a success, so that none can be believed. An object store
    /// answers for its own disks.
    pub fn is_failed(&self) -> bool {
        match &self.0 {
            Arm::Directory { root, .. } => root.is_failed(),
            Arm::Bucket(_) => false,
        }
    }
}

/// The bytes of a blob, or of a part of it, in order. An error ends it, and whoever passes them on must break off.
pub struct ByteStream(Stretch);

enum Stretch {
    Directory(directory::Stretch),
    Bucket(bucket::Stretch),
}

impl Stream for ByteStream {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.get_mut().0 {
            Stretch::Directory(stretch) => Pin::new(stretch).poll_next(context),
            Stretch::Bucket(stretch) => Pin::new(stretch).poll_next(context).map_err(io::Error::other),
        }
    }
}

/// What is wrong with a blob.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// There is no such file.
    #[error("it is missing")]
    Missing,
    /// The file has another length.
    #[error("it has {found} bytes instead of {recorded}")]
    Length {
        /// Bytes that were stored.
        recorded: u64,
        /// Bytes in the file.
        found: u64,
    },
    /// The bytes are others: their BLAKE3 hash is not the recorded one.
    #[error("its bytes have changed")]
    Bytes,
    /// The disk doesn't give the bytes.
    #[error("it can't be read: {0}")]
    Unreadable(io::Error),
}

impl From<io::Error> for Damage {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound { Self::Missing } else { Self::Unreadable(error) }
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
    /// The object store gives no answer, or none that can be used, though it may later.
    #[error("the object store fails at {doing}: {why}")]
    Away {
        /// What was asked of it.
        doing: &'static str,
        /// What it said, or that it said nothing. Never a credential.
        why: String,
    },
    /// The bucket has no part for this site.
    #[error("`{0}` doesn't hold the contents of this site: is it the right bucket, and were they brought there?")]
    Foreign(String),
    /// The settings of the object store can't work.
    #[error("`storage.s3`: {0}")]
    Settings(String),
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
