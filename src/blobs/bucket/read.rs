//! Reading a blob from the bucket: one request for the whole stretch, drawn a few chunks ahead of the reader, and asked
//! for anew from where it broke off.

use std::{
    io,
    ops::Range,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt, stream::BoxStream};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::{Bucket, why};
use crate::blobs::{BlobError, BlobId, Damage};

/// Chunks that a download may be ahead of its reader. One has what a read of the connection gave, at most some 400 KiB.
const CHUNKS_AHEAD_MAX: usize = 4;
/// How often in a row a download that broke off is begun again without having given a byte.
const RESUMES_MAX: u32 = 2;

/// The bytes of a stretch of a blob in order. An error ends it.
pub(in crate::blobs) struct Stretch {
    chunks: mpsc::Receiver<Result<Bytes, BlobError>>,
    /// Bytes still to come.
    left: u64,
    _pump: Option<AbortOnDropHandle<()>>,
}

impl Stretch {
    /// Opens a blob whose recorded length is `size`, for the bytes of `range`, cut to that size. When this returns, the
    /// store has begun to answer: what it can't give at all is known before the first byte goes on.
    pub(in crate::blobs) async fn open(
        bucket: Arc<Bucket>,
        id: BlobId,
        size: u64,
        range: Range<u64>,
    ) -> Result<Self, BlobError> {
        let end = range.end.min(size);
        let next = range.start.min(end);
        let (give, chunks) = mpsc::channel(CHUNKS_AHEAD_MAX);
        if next == end {
            bucket.look(&id, size).await?;
            return Ok(Self { chunks, left: 0, _pump: None });
        }
        let body = bucket.get(&id, size, next..end).await?.into_stream();
        let pump = Pump { bucket, id, size, next, end, body };
        let pump = AbortOnDropHandle::new(tokio::spawn(pump.run(give)));
        Ok(Self { chunks, left: end - next, _pump: Some(pump) })
    }
}

impl Stream for Stretch {
    type Item = Result<Bytes, BlobError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let chunk = match std::task::ready!(self.chunks.poll_recv(context)) {
            Some(chunk) => chunk,
            None => Err(BlobError::io("reading a blob")(io::ErrorKind::UnexpectedEof.into())),
        };
        self.left = match &chunk {
            Ok(bytes) => self.left - bytes.len() as u64,
            Err(_) => 0,
        };
        Poll::Ready(Some(chunk))
    }
}

/// Draws the body in a task of its own, so that a slow reader doesn't look like a silent store.
struct Pump {
    bucket: Arc<Bucket>,
    id: BlobId,
    size: u64,
    next: u64,
    end: u64,
    body: BoxStream<'static, Result<Bytes, object_store::Error>>,
}

impl Pump {
    async fn run(mut self, give: mpsc::Sender<Result<Bytes, BlobError>>) {
        let mut resumes = 0;
        while self.next < self.end {
            match self.chunk().await {
                Ok(bytes) => {
                    resumes = 0;
                    self.next += bytes.len() as u64;
                    if give.send(Ok(bytes)).await.is_err() {
                        return;
                    }
                }
                Err(_) if resumes < RESUMES_MAX => {
                    resumes += 1;
                    match self.bucket.get(&self.id, self.size, self.next..self.end).await {
                        Ok(answer) => self.body = answer.into_stream(),
                        Err(error) => return drop(give.send(Err(error)).await),
                    }
                }
                Err(why) => {
                    let error = BlobError::Away { doing: "reading a blob", why };
                    return drop(give.send(Err(error)).await);
                }
            }
        }
    }

    /// The next bytes; or why there are none, though there should be.
    async fn chunk(&mut self) -> Result<Bytes, String> {
        match tokio::time::timeout(self.bucket.patience, self.body.try_next()).await {
            Ok(Ok(Some(bytes))) if bytes.len() as u64 <= self.end - self.next => Ok(bytes),
            Ok(Ok(Some(_))) => Err("the answer is too long".to_owned()),
            Ok(Ok(None)) => Err("the answer is too short".to_owned()),
            Ok(Err(error)) => Err(why(&error)),
            Err(_) => Err(format!("no byte within {} seconds", self.bucket.patience.as_secs())),
        }
    }
}

/// Reads a whole blob; what is wrong with it, if anything.
pub(in crate::blobs) async fn verify(
    bucket: Arc<Bucket>,
    id: BlobId,
    size: u64,
    hash: [u8; 32],
) -> Result<Option<Damage>, BlobError> {
    let mut stretch = match Stretch::open(bucket, id, size, 0..size).await {
        Ok(stretch) => stretch,
        Err(BlobError::Damaged { damage, .. }) => return Ok(Some(damage)),
        Err(error) => return Err(error),
    };
    let mut hasher = blake3::Hasher::new();
    while let Some(bytes) = stretch.try_next().await? {
        hasher.update(&bytes);
    }
    Ok((hasher.finalize() != hash).then_some(Damage::Bytes))
}
