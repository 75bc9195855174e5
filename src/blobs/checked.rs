//! Reading that gives no byte before it has been compared with its hash: chunk by chunk, so a damaged one breaks the answer off where it
//! begins.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt, stream};

use super::sums::{CHUNK_BYTES, Check, SUM_BYTES};
use super::{BlobError, BlobId, Blobs, ByteStream, Damage};

/// Chunks whose hashes are asked for together: those of 256 MiB, 32 KiB of hashes.
pub const CHUNKS_OF_A_PART: u64 = 1024;

/// The part, counted from 0, that has the hash of the chunk in which this offset lies.
pub const fn part_at(offset: u64) -> u64 {
    offset / CHUNK_BYTES / CHUNKS_OF_A_PART
}

/// What the bytes of a blob are compared with.
pub trait Proof: Send {
    /// The hashes of the chunks of a part, counted from 0, one behind the other. None once the blob is collected.
    fn part(&mut self, part: u64) -> impl Future<Output = io::Result<Vec<u8>>> + Send;

    /// Hears that a blob is damaged, before the reading breaks off.
    fn damaged(&mut self, id: &BlobId, damage: &Damage);
}

/// A blob as the database knows it.
#[derive(Debug, Clone, Copy)]
pub struct Stored {
    /// Its name.
    pub id: BlobId,
    /// Bytes.
    pub size: u64,
    /// BLAKE3.
    pub hash: [u8; 32],
}

impl Blobs {
    /// The bytes of `range`, cut to the size of the blob, each compared with a hash before it is given. Of a blob without hashes of chunks the last
    /// piece is given when the whole is right, and a part is given as it is. `sums` are the hashes of the chunks of the part in which the range
    /// begins ([`part_at`]); none for a blob of which only the whole's is known. `proof` has those of the others.
    ///
    /// # Errors
    /// As of [`Blobs::read`]; in the stream, an error where a chunk is damaged.
    pub async fn read_checked<P: Proof>(
        &self,
        blob: Stored,
        range: Range<u64>,
        sums: Vec<u8>,
        mut proof: P,
    ) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + use<P>, BlobError> {
        let range = range.start.min(blob.size)..range.end.min(blob.size);
        let first = range.start / CHUNK_BYTES;
        let sums = if blob.size <= CHUNK_BYTES { blob.hash.to_vec() } else { sums };
        let way = match (sums.is_empty(), range == (0..blob.size)) {
            (false, _) => Way::ByChunks,
            (true, true) => Way::ByWhole(Box::default()),
            (true, false) => Way::Unchecked,
        };
        let from = if matches!(way, Way::ByChunks) { first * CHUNK_BYTES } else { range.start };
        let to = if matches!(way, Way::ByChunks) { range.end.next_multiple_of(CHUNK_BYTES) } else { range.end };
        let bytes = self.read(&blob.id, blob.size, from..to.min(blob.size)).await;
        let bytes = bytes.inspect_err(|error| {
            if let BlobError::Damaged { id, damage } = error {
                proof.damaged(id, damage);
            }
        })?;
        let reading = Reading {
            blob,
            range,
            proof,
            bytes,
            at: from,
            rest: Bytes::new(),
            sums,
            part: part_at(from),
            ready: VecDeque::new(),
            way,
        };
        Ok(stream::try_unfold(reading, async |mut reading| {
            let piece = reading.next().await?;
            Ok(piece.map(|piece| (piece, reading)))
        }))
    }
}

/// How the bytes are compared.
enum Way {
    ByChunks,
    /// With a hash that is only known at the end.
    ByWhole(Box<blake3::Hasher>),
    Unchecked,
}

struct Reading<P> {
    blob: Stored,
    /// What is to be given.
    range: Range<u64>,
    proof: P,
    bytes: ByteStream,
    /// Offset of the next byte that `bytes` gives, or `rest` has.
    at: u64,
    /// Of the last piece, what belongs to the next chunk.
    rest: Bytes,
    /// The hashes of this part.
    sums: Vec<u8>,
    part: u64,
    /// Compared, and not given yet.
    ready: VecDeque<Bytes>,
    way: Way,
}

impl<P: Proof> Reading<P> {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Ok(Some(piece));
            }
            if self.range.is_empty() || self.at >= self.range.end {
                return Ok(None);
            }
            match self.way {
                Way::ByChunks => self.chunk().await?,
                Way::ByWhole(_) => self.whole().await?,
                Way::Unchecked => {
                    let piece = self.piece(self.range.end - self.at).await?;
                    self.ready.push_back(piece);
                }
            }
        }
    }

    /// The next bytes, `max` at the most.
    async fn piece(&mut self, max: u64) -> io::Result<Bytes> {
        if self.rest.is_empty() {
            let next = self.bytes.try_next().await?;
            self.rest = next.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        }
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let piece = self.rest.split_to(max.min(self.rest.len()));
        self.at += piece.len() as u64;
        Ok(piece)
    }

    /// Reads a chunk and compares it.
    async fn chunk(&mut self) -> io::Result<()> {
        let begin = self.at;
        let end = (begin + CHUNK_BYTES).min(self.blob.size);
        let mut check = Check::at(begin, self.blob.size <= CHUNK_BYTES);
        let mut pieces = VecDeque::new();
        while self.at < end {
            let before = self.at;
            let piece = self.piece(end - before).await?;
            check.update(&piece);
            pieces.push_back(self.wanted(before, piece));
        }
        let chunk = begin / CHUNK_BYTES;
        if part_at(begin) != self.part {
            self.part = part_at(begin);
            self.sums = self.proof.part(self.part).await?;
            if self.sums.is_empty() {
                // It was removed and collected while it was read, which is no damage.
                return Err(io::Error::new(io::ErrorKind::NotFound, "the hashes of a blob have gone"));
            }
        }
        let at = usize::try_from(chunk % CHUNKS_OF_A_PART).expect("a part is small") * SUM_BYTES;
        let sum = self.sums.get(at..at + SUM_BYTES).unwrap_or_default();
        if !check.is_right(sum) {
            return Err(self.damaged());
        }
        pieces.retain(|piece| !piece.is_empty());
        self.ready = pieces;
        Ok(())
    }

    /// Of a piece at this offset, what lies in the range.
    fn wanted(&self, at: u64, mut piece: Bytes) -> Bytes {
        let ends = at + piece.len() as u64;
        piece.truncate(
            piece.len()
                - usize::try_from(ends.saturating_sub(self.range.end))
                    .map_or(piece.len(), |over| over.min(piece.len())),
        );
        let skipped =
            usize::try_from(self.range.start.saturating_sub(at)).map_or(piece.len(), |skip| skip.min(piece.len()));
        piece.split_off(skipped)
    }

    /// Gives a piece on its way to the end; the last one only if all of them are right.
    async fn whole(&mut self) -> io::Result<()> {
        let piece = self.piece(u64::MAX).await?;
        let Way::ByWhole(hasher) = &mut self.way else { unreachable!("asked for the whole") };
        hasher.update(&piece);
        if self.at == self.blob.size && hasher.finalize() != self.blob.hash {
            return Err(self.damaged());
        }
        self.ready.push_back(piece);
        Ok(())
    }

    fn damaged(&mut self) -> io::Error {
        let (id, damage) = (self.blob.id, Damage::Bytes);
        self.proof.damaged(&id, &damage);
        io::Error::new(io::ErrorKind::InvalidData, BlobError::Damaged { id, damage })
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::FileExt;
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::blobs::sums::Summing;
    use crate::blobs::{Place, Sealed};
    use crate::config::Durability;

    const CHUNK: usize = CHUNK_BYTES as usize;

    /// The hashes at hand, as the database would give them.
    #[derive(Clone, Default)]
    struct AtHand {
        sums: Vec<u8>,
        damaged: Arc<AtomicUsize>,
    }

    impl Proof for AtHand {
        async fn part(&mut self, part: u64) -> io::Result<Vec<u8>> {
            let mut parts = self.sums.chunks(CHUNKS_OF_A_PART as usize * SUM_BYTES);
            Ok(parts.nth(part as usize).unwrap_or_default().to_vec())
        }

        fn damaged(&mut self, _: &BlobId, _: &Damage) {
            self.damaged.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn content(len: usize) -> Bytes {
        let mut bytes = vec![0; len];
        blake3::Hasher::new().update(&len.to_le_bytes()).finalize_xof().fill(&mut bytes);
        bytes.into()
    }

    async fn stored(blobs: &Blobs, content: &Bytes) -> (Stored, AtHand) {
        let mut staged = blobs.stage();
        staged.write(content.clone()).await.unwrap();
        let Sealed { size, sums, place } = staged.finish().await.unwrap();
        let Place::File(id) = place else { panic!("too small for a blob") };
        (Stored { id, size, hash: sums.hash }, AtHand { sums: sums.chunks, damaged: Arc::default() })
    }

    /// What is given, and whether it ends as it should.
    async fn read(blobs: &Blobs, blob: Stored, range: Range<usize>, proof: &AtHand) -> (Vec<u8>, bool) {
        let range = range.start as u64..range.end as u64;
        let sums = proof.clone().part(part_at(range.start)).await.unwrap();
        let mut stream = match blobs.read_checked(blob, range, sums, proof.clone()).await {
            Ok(stream) => Box::pin(stream),
            Err(BlobError::Damaged { .. }) => return (Vec::new(), false),
            Err(error) => panic!("{error}"),
        };
        let mut all = Vec::new();
        loop {
            match stream.try_next().await {
                Ok(Some(piece)) => all.extend_from_slice(&piece),
                Ok(None) => return (all, true),
                Err(_) => return (all, false),
            }
        }
    }

    /// The file of a blob.
    fn file(dir: &Path, id: &BlobId) -> File {
        let mut folders = vec![dir.to_owned()];
        while let Some(folder) = folders.pop() {
            for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                } else if path.ends_with(id.to_string()) {
                    return File::options().read(true).write(true).open(path).unwrap();
                }
            }
        }
        panic!("{id} has no file");
    }

    fn flip(dir: &Path, id: &BlobId, at: usize) {
        let mut byte = [0];
        let file = file(dir, id);
        file.read_exact_at(&mut byte, at as u64).unwrap();
        file.write_all_at(&[byte[0] ^ 16], at as u64).unwrap();
    }

    #[tokio::test]
    async fn every_part_of_a_whole_blob_is_given_with_and_without_hashes_of_chunks() {
        let dir = tempfile::tempdir().unwrap();
        let here = Blobs::open(dir.path(), Durability::Relaxed).unwrap();
        for blobs in [here].into_iter().chain(crate::blobs::tests::in_bucket().await) {
            for len in [20_000, CHUNK, CHUNK + 1, 3 * CHUNK, 4 * CHUNK + 12_345] {
                let content = content(len);
                let (blob, proof) = stored(&blobs, &content).await;
                let bare = AtHand::default();
                let edges = [0, 1, 1000, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 7, len - 1, len, len + 5];
                for (from, to) in edges.iter().flat_map(|from| edges.iter().map(move |to| (*from, *to))) {
                    if from > to {
                        continue;
                    }
                    let expected = &content[from.min(len)..to.min(len)];
                    for proof in [&proof, &bare] {
                        let (given, whole) = read(&blobs, blob, from..to, proof).await;
                        assert!(whole && given == expected, "{from}..{to} of {len}");
                    }
                }
                assert_eq!(proof.damaged.load(Ordering::Relaxed), 0);
            }
        }
    }

    #[tokio::test]
    async fn not_a_byte_of_a_damaged_chunk_is_given() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path(), Durability::Relaxed).unwrap();
        let len = 5 * CHUNK + 777;
        let content = content(len);
        let (blob, proof) = stored(&blobs, &content).await;
        let at = 2 * CHUNK + 100;
        flip(dir.path(), &blob.id, at);
        let before = &content[..2 * CHUNK];
        assert_eq!(read(&blobs, blob, 0..len, &proof).await, (before.to_vec(), false));
        assert_eq!(read(&blobs, blob, 1000..len, &proof).await, (before[1000..].to_vec(), false));
        // Its chunk, but not the byte itself.
        assert_eq!(read(&blobs, blob, at + 10..at + 20, &proof).await, (Vec::new(), false));
        assert_eq!(proof.damaged.load(Ordering::Relaxed), 3);
        // Others are right.
        assert_eq!(read(&blobs, blob, 3 * CHUNK..len, &proof).await, (content[3 * CHUNK..].to_vec(), true));
        // Where only the whole's hash is known, the answer is never whole.
        let bare = AtHand::default();
        let (given, whole) = read(&blobs, blob, 0..len, &bare).await;
        assert!(!whole && given.len() < len && bare.damaged.load(Ordering::Relaxed) == 1);

        let (small, proof) = stored(&blobs, &content.slice(..30_000)).await;
        flip(dir.path(), &small.id, 29_999);
        assert_eq!(read(&blobs, small, 0..30_000, &proof).await, (Vec::new(), false));
        assert_eq!(read(&blobs, small, 0..10, &proof).await, (Vec::new(), false));
        std::fs::remove_dir_all(dir.path()).unwrap();
        assert_eq!(read(&blobs, small, 0..10, &proof).await, (Vec::new(), false));
        assert_eq!(proof.damaged.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn a_blob_that_is_collected_while_it_is_read_is_not_called_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path(), Durability::Relaxed).unwrap();
        // A chunk more than a part, all of it a hole.
        let chunks = CHUNKS_OF_A_PART as usize + 1;
        let (small, _) = stored(&blobs, &vec![0; 20_000].into()).await;
        let size = chunks * CHUNK;
        file(dir.path(), &small.id).set_len(size as u64).unwrap();
        let mut summing = Summing::default();
        let chunk = vec![0; CHUNK];
        (0..chunks).for_each(|_| summing.update(&chunk));
        let sums = summing.finish();
        let blob = Stored { id: small.id, size: size as u64, hash: sums.hash };
        let border = size - CHUNK;
        let whole = AtHand { sums: sums.chunks, damaged: Arc::default() };
        assert_eq!(read(&blobs, blob, border - 10..border + 10, &whole).await, (vec![0; 20], true));
        let collected = AtHand { sums: whole.sums[..CHUNKS_OF_A_PART as usize * SUM_BYTES].to_vec(), ..whole };
        assert_eq!(read(&blobs, blob, border - 10..border + 10, &collected).await, (vec![0; 10], false));
        assert_eq!(collected.damaged.load(Ordering::Relaxed), 0);
    }

    /// `cargo test --lib -- --ignored what_comparing_costs --nocapture`; the hash is optimised in the development build as well.
    #[tokio::test]
    #[ignore = "measures"]
    async fn what_comparing_costs() {
        const ROUNDS: usize = 40;
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path(), Durability::Relaxed).unwrap();
        let content = content(64 * CHUNK);
        let (blob, proof) = stored(&blobs, &content).await;
        let whole = 0..blob.size;
        let (mut plain, mut compared) = (std::time::Duration::ZERO, std::time::Duration::ZERO);
        for _ in 0..ROUNDS {
            let begun = std::time::Instant::now();
            let mut bytes = blobs.read(&blob.id, blob.size, whole.clone()).await.unwrap();
            while bytes.try_next().await.unwrap().is_some() {}
            plain += begun.elapsed();
            let begun = std::time::Instant::now();
            let mut bytes =
                Box::pin(blobs.read_checked(blob, whole.clone(), proof.sums.clone(), proof.clone()).await.unwrap());
            while bytes.try_next().await.unwrap().is_some() {}
            compared += begun.elapsed();
        }
        let mib = (ROUNDS * content.len()) as f64 / (1024.0 * 1024.0);
        let us = |span: std::time::Duration| span.as_secs_f64() * 1e6 / mib;
        println!("a MiB out of the page cache: {:.0} us, compared with its hashes {:.0} us", us(plain), us(compared));
    }
}
