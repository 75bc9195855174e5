//! Reading a blob: large chunks out of the page cache without leaving the async thread, and from the blocking pool, one
//! chunk ahead, when the disk is needed. Bytes are copied once, from the page cache into a pooled buffer.

use std::{
    fs::File,
    io::{self, IoSliceMut},
    ops::Range,
    os::unix::fs::FileExt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::Stream;
use parking_lot::Mutex;
use rustix::io::{Errno, ReadWriteFlags};
use tokio::task::{JoinHandle, spawn_blocking};

use super::{
    super::{Damage, in_background, joined},
    BlobError, BlobId, Root,
};

/// Bytes read at once.
const CHUNK_BYTES: usize = 256 * 1024;
/// Reads up to this long get a buffer of their own length, not a pooled one.
const SMALL_READ_BYTES_MAX: usize = 64 * 1024;
/// Chunks in the hands of slow readers at the same time (64 MiB). With more, reads get smaller instead of waiting. What is compared with hashes is gathered to
/// whole chunks all the same: each such reader has up to one, whatever the size of the reads.
const BUFFERS_MAX: usize = 256;
/// Buffers kept for the next reads (8 MiB).
const BUFFERS_KEPT_MAX: usize = 32;
/// What a reader gets at once while [`BUFFERS_MAX`] are out.
const CROWDED_READ_BYTES: usize = 16 * 1024;

/// A blob open for reading. It stays readable when the blob is deleted.
#[derive(Clone)]
struct Reader {
    file: Arc<OpenFile>,
    buffers: Arc<Buffers>,
}

struct OpenFile {
    file: File,
    /// Whether the file system answers reads that must not wait.
    reads_cached: AtomicBool,
}

impl Reader {
    async fn open(root: Arc<Root>, buffers: Arc<Buffers>, id: BlobId, size: u64) -> Result<Self, BlobError> {
        let file = match root.open_cached(&id) {
            Some(file) => file,
            None => {
                let path = root.path_of(&id);
                in_background(move || File::open(path))
                    .await
                    .map_err(|error| BlobError::Damaged { id, damage: Damage::from(error) })?
            }
        };
        let found = file.metadata().map_err(BlobError::io("looking at a blob"))?.len();
        if found != size {
            return Err(BlobError::Damaged { id, damage: Damage::Length { recorded: size, found } });
        }
        let file = Arc::new(OpenFile { file, reads_cached: AtomicBool::new(true) });
        Ok(Self { file, buffers })
    }

    /// Reads what the page cache holds; `None` when that is not the first byte.
    fn read_cached(&self, offset: u64, want: usize) -> Option<io::Result<Bytes>> {
        if !self.file.reads_cached.load(Ordering::Relaxed) {
            return None;
        }
        let mut buffer = self.buffers.take(want);
        let space = &mut [IoSliceMut::new(buffer.space())];
        match rustix::io::preadv2(&self.file.file, space, offset, ReadWriteFlags::NOWAIT) {
            Ok(0) => Some(Err(cut_short())),
            Ok(read) => Some(Ok(buffer.filled(read))),
            Err(Errno::AGAIN | Errno::INTR) => None,
            Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS) => {
                self.file.reads_cached.store(false, Ordering::Relaxed);
                None
            }
            Err(errno) => Some(Err(errno.into())),
        }
    }

    /// Reads on the blocking pool, waiting for the disk.
    fn read_in_background(&self, offset: u64, want: usize) -> JoinHandle<io::Result<Bytes>> {
        let Self { file, buffers, .. } = self.clone();
        spawn_blocking(move || {
            let mut buffer = buffers.take(want);
            match file.file.read_at(buffer.space(), offset)? {
                0 => Err(cut_short()),
                read => Ok(buffer.filled(read)),
            }
        })
    }
}

fn cut_short() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the blob is shorter than it was")
}

/// The bytes of a stretch of a blob in order. An error ends it.
pub(in crate::blobs) struct Stretch {
    reader: Reader,
    /// Offset of the next byte to give.
    next: u64,
    end: u64,
    /// The chunk at `next`, being read from the disk.
    ahead: Option<JoinHandle<io::Result<Bytes>>>,
}

impl Stretch {
    /// Opens a blob whose recorded length is `size`, for the bytes of `range`, cut to that size.
    pub(in crate::blobs) async fn open(
        root: Arc<Root>,
        buffers: Arc<Buffers>,
        id: BlobId,
        size: u64,
        range: Range<u64>,
    ) -> Result<Self, BlobError> {
        let reader = Reader::open(root, buffers, id, size).await?;
        let end = range.end.min(size);
        Ok(Self { next: range.start.min(end), end, reader, ahead: None })
    }

    /// Bytes to ask for next.
    fn want(&self) -> usize {
        usize::try_from(self.end - self.next).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES))
    }

    fn read_ahead(&mut self) -> JoinHandle<io::Result<Bytes>> {
        self.reader.read_in_background(self.next, self.want())
    }
}

impl Stream for Stretch {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.next == this.end {
            return Poll::Ready(None);
        }
        let cached = if this.ahead.is_none() { this.reader.read_cached(this.next, this.want()) } else { None };
        let from_disk = cached.is_none();
        let chunk = match cached {
            Some(chunk) => chunk,
            None => {
                let mut job = this.ahead.take().unwrap_or_else(|| this.read_ahead());
                match Pin::new(&mut job).poll(context) {
                    Poll::Ready(chunk) => joined(chunk),
                    Poll::Pending => {
                        this.ahead = Some(job);
                        return Poll::Pending;
                    }
                }
            }
        };
        match &chunk {
            Ok(bytes) => this.next += bytes.len() as u64,
            Err(_) => this.end = this.next,
        }
        // What had to come from the disk once goes on so, a chunk ahead of the reader.
        if from_disk && this.next < this.end {
            this.ahead = Some(this.read_ahead());
        }
        Poll::Ready(Some(chunk))
    }
}

/// The buffers of all readers. Kept ones are warm memory: a fresh chunk costs its page faults each time.
#[derive(Default)]
pub(in crate::blobs) struct Buffers(Mutex<Shelf>);

#[derive(Default)]
struct Shelf {
    kept: Vec<Box<[u8]>>,
    out: usize,
}

impl Buffers {
    /// Space for `want` bytes, or for fewer while too many buffers are out.
    fn take(self: &Arc<Self>, want: usize) -> Buffer {
        if want <= SMALL_READ_BYTES_MAX {
            return Buffer::Own(vec![0; want]);
        }
        let mut shelf = self.0.lock();
        if shelf.out == BUFFERS_MAX {
            return Buffer::Own(vec![0; CROWDED_READ_BYTES]);
        }
        shelf.out += 1;
        let kept = shelf.kept.pop();
        drop(shelf);
        let bytes = kept.unwrap_or_else(|| vec![0; CHUNK_BYTES].into());
        Buffer::Pooled(Pooled { bytes, home: Arc::clone(self) }, want)
    }
}

/// Space to read into.
enum Buffer {
    Own(Vec<u8>),
    /// With the number of bytes wanted.
    Pooled(Pooled, usize),
}

impl Buffer {
    fn space(&mut self) -> &mut [u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Pooled(pooled, want) => &mut pooled.bytes[..*want],
        }
    }

    /// The first `read` bytes of it.
    fn filled(self, read: usize) -> Bytes {
        match self {
            Self::Own(mut bytes) => {
                bytes.truncate(read);
                bytes.into()
            }
            Self::Pooled(pooled, _) => {
                let mut bytes = Bytes::from_owner(pooled);
                bytes.truncate(read);
                bytes
            }
        }
    }
}

/// A chunk that goes back to the shelf when the last [`Bytes`] on it is dropped.
struct Pooled {
    bytes: Box<[u8]>,
    home: Arc<Buffers>,
}

impl AsRef<[u8]> for Pooled {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let mut shelf = self.home.0.lock();
        shelf.out -= 1;
        if shelf.kept.len() < BUFFERS_KEPT_MAX {
            shelf.kept.push(std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_and_readers_in_a_crowd_get_small_ones() {
        let buffers = Arc::new(Buffers::default());
        let chunk = |want| buffers.take(want).filled(want.min(CROWDED_READ_BYTES));
        let mut held: Vec<_> = (0..BUFFERS_MAX).map(|_| chunk(CHUNK_BYTES)).collect();
        assert_eq!(buffers.take(CHUNK_BYTES).space().len(), CROWDED_READ_BYTES);
        assert_eq!(buffers.0.lock().out, BUFFERS_MAX);

        held.pop();
        assert_eq!(buffers.take(CHUNK_BYTES).space().len(), CHUNK_BYTES);
        drop(held);
        let shelf = buffers.0.lock();
        assert_eq!((shelf.out, shelf.kept.len()), (0, BUFFERS_KEPT_MAX));
    }
}
