//! An upload into the directory: chunks go to a file, hashed on the way, one chunk on its way to the disk at a time.

use std::{io, mem, sync::Arc};

use tokio::{
    sync::OwnedSemaphorePermit,
    task::{JoinHandle, spawn_blocking},
};

use super::{super::joined, BlobError, BlobId, Root, StagingFile};
use crate::blobs::sums::{Summing, Sums};

/// A file that is being written. Dropped before [`Upload::finish`], it leaves nothing behind.
pub(in crate::blobs) struct Upload {
    root: Arc<Root>,
    id: BlobId,
    sink: Sink,
}

/// Where full chunks go.
enum Sink {
    /// None was full so far.
    Nothing,
    /// The last one is being written.
    Writing(JoinHandle<Result<Written, BlobError>>),
    /// One was not written; its error was given.
    Broken,
}

/// The state of a file between two chunks. It travels into the job that writes the next one and comes back with it.
struct Written {
    file: StagingFile,
    summing: Summing,
    /// The buffer of the chunk, for the next but one.
    spare: Vec<u8>,
}

impl Upload {
    pub(in crate::blobs) fn new(root: Arc<Root>, id: BlobId) -> Self {
        Self { root, id, sink: Sink::Nothing }
    }

    /// Gives a full chunk to the disk and an empty buffer back.
    pub(in crate::blobs) async fn append(&mut self, chunk: Vec<u8>) -> Result<Vec<u8>, BlobError> {
        let mut written = self.written().await?;
        let permit = disk_permit(&self.root).await;
        let spare = written.as_mut().map(|written| mem::take(&mut written.spare)).unwrap_or_default();
        let (root, id) = (Arc::clone(&self.root), self.id);
        self.sink = Sink::Writing(spawn_blocking(move || {
            let _permit = permit;
            append(root, id, written, chunk)
        }));
        Ok(spare)
    }

    /// Writes the last bytes and makes the file a blob; gives its name and hashes.
    pub(in crate::blobs) async fn finish(mut self, last: Vec<u8>) -> Result<(BlobId, Sums), BlobError> {
        let written = self.written().await?;
        let permit = disk_permit(&self.root).await;
        let Self { root, id, .. } = self;
        joined(
            spawn_blocking(move || {
                let _permit = permit;
                let Written { file, summing, .. } = append(root, id, written, last)?;
                Ok((file.publish()?, summing.finish()))
            })
            .await,
        )
    }

    /// Waits for the chunk that is being written; `None` when there was none. The sink is broken until the next one is
    /// begun, so that an error or a dropped future can't be passed over.
    async fn written(&mut self) -> Result<Option<Written>, BlobError> {
        match mem::replace(&mut self.sink, Sink::Broken) {
            Sink::Nothing => Ok(None),
            Sink::Writing(job) => joined(job.await).map(Some),
            Sink::Broken => Err(BlobError::io("writing an upload")(io::Error::other("an earlier write failed"))),
        }
    }
}

/// One chunk to the disk; the first one makes the file.
fn append(root: Arc<Root>, id: BlobId, written: Option<Written>, mut chunk: Vec<u8>) -> Result<Written, BlobError> {
    let (mut file, mut summing) = match written {
        Some(Written { file, summing, .. }) => (file, summing),
        None => (StagingFile::create(root, id)?, Summing::default()),
    };
    summing.update(&chunk);
    file.append(&chunk)?;
    chunk.clear();
    Ok(Written { file, summing, spare: chunk })
}

/// Waits for a turn at the disk.
async fn disk_permit(root: &Root) -> OwnedSemaphorePermit {
    Arc::clone(&root.disk_jobs).acquire_owned().await.expect("the semaphore is never closed")
}
