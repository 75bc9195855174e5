//! An upload into the bucket: chunks are gathered to parts, and full parts go out some at a time, while the sender waits
//! when too many are under way. What fits into one part is one request.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use object_store::{
    ObjectStoreExt, PutPayload,
    multipart::{MultipartStore, PartId},
    path::Path,
};
use tokio::{runtime::Handle, sync::OwnedSemaphorePermit, task::JoinSet};

use super::{Bucket, answered};
use crate::blobs::sums::{Summing, Sums};
use crate::blobs::{BlobError, BlobId, joined};

const MIB: usize = 1024 * 1024;
/// MiB of the first parts. S3 wants 5 at least, in all but the last.
const PART_MIB: usize = 8;
/// S3's limit of parts of one object.
const PARTS_MAX: usize = 10_000;
/// After so many parts they become larger by [`PART_MIB`], again and again: so [`PARTS_MAX`] of them hold more than a TiB,
/// and what is smaller needs little memory.
const PARTS_OF_ONE_SIZE: usize = 384;
/// Parts of one upload that go out at the same time, besides the one that is filled.
const PARTS_AT_ONCE: usize = 3;
/// A part goes out at least as fast as this, or its store counts as away.
const SLOWEST_BYTES_PER_S: usize = 256 * 1024;
/// What putting the parts together may take.
const COMPLETE_TIMEOUT: Duration = Duration::from_secs(120);

/// MiB of a part, counted from 0.
const fn part_mib(index: usize) -> usize {
    PART_MIB * (1 + index / PARTS_OF_ONE_SIZE)
}

/// A blob on its way. Dropped before [`Upload::finish`], its parts are given up.
pub(in crate::blobs) struct Upload {
    bucket: Arc<Bucket>,
    id: BlobId,
    summing: Summing,
    size: u64,
    part: Part,
    parts: Option<Parts>,
}

/// The part that is being filled.
#[derive(Default)]
struct Part {
    chunks: Vec<Bytes>,
    bytes: usize,
    /// Its share of the memory of all uploads, from its first chunk on.
    room: Option<OwnedSemaphorePermit>,
}

/// What has gone out, or is going.
struct Parts {
    bucket: Arc<Bucket>,
    path: Path,
    /// By which the store knows the upload; none once it is whole or given up.
    upload: Option<Arc<str>>,
    going: JoinSet<(usize, Result<PartId, BlobError>)>,
    /// By their place; those that have arrived.
    arrived: Vec<Option<PartId>>,
}

impl Upload {
    pub(in crate::blobs) fn new(bucket: Arc<Bucket>, id: BlobId) -> Self {
        Self { bucket, id, summing: Summing::default(), size: 0, part: Part::default(), parts: None }
    }

    /// Takes a full chunk and gives an empty buffer back. Waits while too much is under way, this upload's or others'.
    pub(in crate::blobs) async fn append(&mut self, chunk: Vec<u8>) -> Result<Vec<u8>, BlobError> {
        let spare = Vec::with_capacity(chunk.capacity());
        self.reserve(self.mib()).await;
        self.take(chunk).await?;
        Ok(spare)
    }

    /// Waits until the part that is filled may have so much memory, if it has none yet. Nobody waits here with a part half filled, so those
    /// who have room always come to an end and give it back.
    async fn reserve(&mut self, mib: usize) {
        if self.part.room.is_none() {
            let wanted = u32::try_from(mib).expect("a part is small");
            let room = Arc::clone(&self.bucket.room).acquire_many_owned(wanted).await;
            self.part.room = Some(room.expect("the semaphore is never closed"));
        }
    }

    /// MiB of the part that is filled, once it is full.
    fn mib(&self) -> usize {
        part_mib(self.parts.as_ref().map_or(0, |parts| parts.arrived.len()))
    }

    async fn take(&mut self, chunk: Vec<u8>) -> Result<(), BlobError> {
        self.summing.update(&chunk);
        self.size += chunk.len() as u64;
        self.part.bytes += chunk.len();
        self.part.chunks.push(chunk.into());
        if self.part.bytes >= self.mib() * MIB {
            self.send().await?;
        }
        Ok(())
    }

    /// Sends the part that is filled.
    async fn send(&mut self) -> Result<(), BlobError> {
        let parts = match &mut self.parts {
            Some(parts) => parts,
            none => none.insert(Parts::begin(&self.bucket, &self.id).await?),
        };
        parts.send(std::mem::take(&mut self.part)).await
    }

    /// Takes the last bytes and makes all of them a blob; gives its name and hashes. It is durable as far as the store's
    /// word goes.
    pub(in crate::blobs) async fn finish(mut self, last: Vec<u8>) -> Result<(BlobId, Sums), BlobError> {
        // What begins a part now has no more to come.
        self.reserve(last.len().div_ceil(MIB).max(1)).await;
        self.take(last).await?;
        match self.parts.take() {
            None => {
                self.bucket.ours().await?;
                let part = std::mem::take(&mut self.part);
                let (path, most) = (self.bucket.path(&self.id), part.timeout(self.bucket.patience));
                answered("storing a blob", most, self.bucket.store.put(&path, part.payload())).await?;
            }
            Some(mut parts) => {
                if self.part.bytes > 0 {
                    parts.send(std::mem::take(&mut self.part)).await?;
                }
                parts.complete().await?;
                self.bucket.look(&self.id, self.size).await?;
            }
        }
        Ok((self.id, self.summing.finish()))
    }
}

impl Part {
    fn payload(&self) -> PutPayload {
        self.chunks.iter().cloned().collect()
    }

    /// What sending it may take.
    fn timeout(&self, patience: Duration) -> Duration {
        patience + Duration::from_secs((self.bytes / SLOWEST_BYTES_PER_S) as u64)
    }
}

impl Parts {
    async fn begin(bucket: &Arc<Bucket>, id: &BlobId) -> Result<Self, BlobError> {
        bucket.ours().await?;
        let path = bucket.path(id);
        let upload = answered("beginning an upload", bucket.patience, bucket.store.create_multipart(&path)).await?;
        let upload = Some(upload.into());
        Ok(Self { bucket: Arc::clone(bucket), path, upload, going: JoinSet::new(), arrived: Vec::new() })
    }

    /// Sends a part as soon as fewer than [`PARTS_AT_ONCE`] are on their way.
    async fn send(&mut self, part: Part) -> Result<(), BlobError> {
        while self.going.len() >= PARTS_AT_ONCE {
            self.arrival().await?;
        }
        let place = self.arrived.len();
        if place == PARTS_MAX {
            return Err(BlobError::Full);
        }
        self.arrived.push(None);
        let (bucket, path) = (Arc::clone(&self.bucket), self.path.clone());
        let upload = self.upload.as_ref().map(ToString::to_string).unwrap_or_default();
        self.going.spawn(async move {
            let sent = bucket.store.put_part(&path, &upload, place, part.payload());
            (place, answered("storing a part of a blob", part.timeout(bucket.patience), sent).await)
        });
        Ok(())
    }

    /// Waits for one of the parts on their way.
    async fn arrival(&mut self) -> Result<(), BlobError> {
        if let Some(part) = self.going.join_next().await {
            let (place, id) = joined(part);
            self.arrived[place] = Some(id?);
        }
        Ok(())
    }

    /// Has the store put the parts together.
    async fn complete(&mut self) -> Result<(), BlobError> {
        while !self.going.is_empty() {
            self.arrival().await?;
        }
        let parts: Option<Vec<PartId>> = self.arrived.drain(..).collect();
        let parts = parts.expect("a part that failed has ended the upload");
        let upload = self.upload.as_ref().map(ToString::to_string).unwrap_or_default();
        let done = self.bucket.store.complete_multipart(&self.path, &upload, parts);
        answered("putting a blob together", COMPLETE_TIMEOUT, done).await?;
        self.upload = None;
        Ok(())
    }
}

impl Drop for Parts {
    /// Gives the parts up in the background. What this misses is found by [`super::leftovers`].
    fn drop(&mut self) {
        let (Some(upload), Ok(runtime)) = (self.upload.take(), Handle::try_current()) else { return };
        let (bucket, path) = (Arc::clone(&self.bucket), self.path.clone());
        let mut going = std::mem::take(&mut self.going);
        runtime.spawn(async move {
            // A part that arrives after the store has forgotten the upload would stay.
            going.shutdown().await;
            let upload = upload.to_string();
            let gone = bucket.store.abort_multipart(&path, &upload);
            if let Err(error) = answered("giving up an upload", bucket.patience, gone).await {
                tracing::debug!(%error, "parts of an upload stay until they are swept");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn the_parts_that_s3_allows_hold_a_tebibyte() {
        let all: usize = (0..PARTS_MAX).map(part_mib).sum();
        assert!(all > MIB, "{all} MiB, and a TiB has {MIB}");
        assert!(part_mib(PARTS_MAX - 1) <= 256);
    }

    #[tokio::test]
    async fn a_small_upload_takes_no_more_of_the_memory_than_it_needs() {
        // It takes connections and says nothing.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", silent.local_addr().unwrap());
        let settings = config::S3 { endpoint, allow_http: true, ..config::S3::default() };
        let bucket = Bucket::new(&"s3://bucket/prefix".parse().unwrap(), &settings, "0123").unwrap();
        let bucket = Arc::new(bucket);
        let mut ways = Vec::new();
        for (bytes, taken) in [(20_000, 1), (0, 1), (MIB, 1), (MIB + 1, 2)] {
            let before = bucket.room.available_permits();
            let upload = Upload::new(Arc::clone(&bucket), BlobId::fresh());
            let mut way = Box::pin(upload.finish(vec![7; bytes]));
            assert!(futures_util::poll!(&mut way).is_pending(), "the store says nothing");
            assert_eq!(before - bucket.room.available_permits(), taken, "{bytes} bytes");
            ways.push(way);
        }
    }
}
