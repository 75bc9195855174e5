//! Looking at the whole store: every blob there is, and whether the bytes of one are still what was stored.

use std::{
    fs::{self, File, ReadDir},
    io::{self, Read},
    path::Path,
};

use super::BlobId;

/// Bytes hashed at once.
const CHUNK_BYTES: usize = 1024 * 1024;
/// Directories between the store and a blob.
const DEPTH: usize = 2;

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

pub(super) fn verify(path: &Path, size: u64, hash: [u8; 32]) -> Result<(), Damage> {
    let mut file = File::open(path)?;
    let found = file.metadata()?.len();
    if found != size {
        return Err(Damage::Length { recorded: size, found });
    }
    let mut hasher = blake3::Hasher::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match file.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => hasher.update(&chunk[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Damage::Unreadable(error)),
        };
    }
    if hasher.finalize() == hash { Ok(()) } else { Err(Damage::Bytes) }
}

pub(super) fn list(root: &Path) -> impl Iterator<Item = io::Result<(BlobId, u64)>> + use<> {
    Walk::of(root).filter_map(|entry| match entry {
        Err(error) => Some(Err(error)),
        Ok(entry) => {
            let id = entry.file_name().to_str()?.parse().ok()?;
            match entry.metadata() {
                Ok(metadata) => Some(Ok((id, metadata.len()))),
                // Deleted since its directory was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => Some(Err(error)),
            }
        }
    })
}

/// The files [`DEPTH`] directories below one; holds one open directory a level.
struct Walk {
    open: Vec<ReadDir>,
    /// An error met before the first entry.
    unread: Option<io::Error>,
}

impl Walk {
    fn of(root: &Path) -> Self {
        match fs::read_dir(root) {
            Ok(root) => Self { open: vec![root], unread: None },
            Err(error) => Self { open: Vec::new(), unread: Some(error) },
        }
    }
}

impl Iterator for Walk {
    type Item = io::Result<fs::DirEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.unread.take() {
            return Some(Err(error));
        }
        loop {
            let step = match self.open.last_mut()?.next() {
                None => {
                    self.open.pop();
                    continue;
                }
                Some(Ok(entry)) if self.open.len() > DEPTH => return Some(Ok(entry)),
                Some(entry) => entry.and_then(|entry| {
                    if entry.file_type()?.is_dir() {
                        self.open.push(fs::read_dir(entry.path())?);
                    }
                    Ok(())
                }),
            };
            if let Err(error) = step {
                return Some(Err(error));
            }
        }
    }
}
