//! The hash of a content together with those of its chunks, so that a part of it can be compared without reading the rest.
//!
//! BLAKE3 is a tree: the hash of a content is made of those of its halves, and so on (section 2.1 of its paper). Chunks of a power of two are
//! nodes of that tree, so one pass over the bytes gives both, and the chunks' hashes vouch for the same bytes as the content's does.

use blake3::Hasher;
use blake3::hazmat::{ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};

/// Bytes of a chunk that has a hash of its own; the last one of a content has fewer.
pub const CHUNK_BYTES: u64 = 256 * 1024;
/// Bytes of one hash.
pub const SUM_BYTES: usize = 32;

/// Hashes a content on its way.
pub struct Summing {
    chunk: Hasher,
    in_chunk: u64,
    /// Bytes before the chunk.
    before: u64,
    sums: Vec<ChainingValue>,
}

/// The hashes of a content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sums {
    /// BLAKE3 of the whole.
    pub hash: [u8; 32],
    /// Those of the chunks, [`SUM_BYTES`] each, one behind the other; none for a content of one chunk, whose hash says it all.
    pub chunks: Vec<u8>,
}

impl Default for Summing {
    fn default() -> Self {
        Self { chunk: Hasher::new(), in_chunk: 0, before: 0, sums: Vec::new() }
    }
}

impl Summing {
    /// Takes the next bytes.
    pub fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.in_chunk == CHUNK_BYTES {
                self.next_chunk();
            }
            let room = usize::try_from(CHUNK_BYTES - self.in_chunk).expect("a chunk is small");
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.chunk.update(now);
            self.in_chunk += now.len() as u64;
            bytes = later;
        }
    }

    fn next_chunk(&mut self) {
        self.sums.push(self.chunk.finalize_non_root());
        self.before += self.in_chunk;
        self.in_chunk = 0;
        self.chunk = Hasher::new();
        self.chunk.set_input_offset(self.before);
    }

    /// The hashes of everything that was taken.
    pub fn finish(mut self) -> Sums {
        if self.sums.is_empty() {
            return Sums { hash: *self.chunk.finalize().as_bytes(), chunks: Vec::new() };
        }
        self.sums.push(self.chunk.finalize_non_root());
        let (left, right) = self.sums.split_at(left_of(self.sums.len()));
        let hash = *merge_subtrees_root(&merged(left), &merged(right), Mode::Hash).as_bytes();
        Sums { hash, chunks: self.sums.concat() }
    }
}

/// The hash of some chunks that are a subtree.
fn merged(sums: &[ChainingValue]) -> ChainingValue {
    match sums {
        [one] => *one,
        several => {
            let (left, right) = several.split_at(left_of(several.len()));
            merge_subtrees_non_root(&merged(left), &merged(right), Mode::Hash)
        }
    }
}

/// How many of several chunks are below the left half of the tree: the largest power of two that leaves some for the right.
fn left_of(chunks: usize) -> usize {
    chunks.next_power_of_two() / 2
}

/// Compares one chunk with its hash.
pub(super) struct Check {
    hasher: Hasher,
    alone: bool,
}

impl Check {
    /// Of the chunk at `offset`; `alone` if it is the whole content.
    pub(super) fn at(offset: u64, alone: bool) -> Self {
        let mut hasher = Hasher::new();
        hasher.set_input_offset(offset);
        Self { hasher, alone }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
    }

    /// Whether the bytes are those that the hash is of.
    pub(super) fn is_right(&self, sum: &[u8]) -> bool {
        let found = if self.alone { *self.hasher.finalize().as_bytes() } else { self.hasher.finalize_non_root() };
        found[..] == *sum
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sums(bytes: &[u8], piece: usize) -> Sums {
        let mut summing = Summing::default();
        bytes.chunks(piece).for_each(|piece| summing.update(piece));
        summing.finish()
    }

    fn bytes(len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        blake3::Hasher::new().update(b"sums").finalize_xof().fill(&mut bytes);
        bytes
    }

    const CHUNK: usize = CHUNK_BYTES as usize;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn the_hash_of_the_whole_is_blake3_and_each_chunk_is_right_by_its_own(
            len in 0..6 * CHUNK, piece in prop::sample::select(vec![1000, 65_536, CHUNK, CHUNK + 1]),
        ) {
            let bytes = bytes(len);
            let sums = sums(&bytes, piece);
            prop_assert_eq!(sums.hash, *blake3::hash(&bytes).as_bytes());
            let chunks = len.div_ceil(CHUNK);
            prop_assert_eq!(sums.chunks.len(), if chunks > 1 { chunks * SUM_BYTES } else { 0 });
            for (n, sum) in sums.chunks.chunks(SUM_BYTES).enumerate() {
                let mut check = Check::at((n * CHUNK) as u64, false);
                let mut chunk = bytes[n * CHUNK..len.min((n + 1) * CHUNK)].to_vec();
                check.update(&chunk);
                prop_assert!(check.is_right(sum));
                chunk[len % 7] ^= 4;
                let mut check = Check::at((n * CHUNK) as u64, false);
                check.update(&chunk);
                prop_assert!(!check.is_right(sum));
            }
        }
    }

    #[test]
    fn contents_at_the_edges_of_chunks_and_of_the_tree() {
        for len in
            [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK, 4 * CHUNK + 1, 7 * CHUNK, 8 * CHUNK, 9 * CHUNK]
        {
            let bytes = bytes(len);
            assert_eq!(sums(&bytes, CHUNK).hash, *blake3::hash(&bytes).as_bytes(), "{len}");
        }
    }
}
