//! Looking at the whole directory: every blob there is, and whether the bytes of one are still what was stored.

use std::{
    fs::{self, File, ReadDir},
    io::{self, Read},
    path::Path,
    sync::Arc,
};

use futures_util::{Stream, TryStreamExt, stream};

use super::{super::in_background, BlobError, BlobId, Root};
use crate::blobs::Damage;

/// Bytes hashed at once.
const CHUNK_BYTES: usize = 1024 * 1024;
/// Directories between the store and a blob.
const DEPTH: usize = 2;
/// Blobs listed by one job of the blocking pool.
const PAGE: usize = 1000;

/// Reads a whole blob; what is wrong with it, if anything.
pub(in crate::blobs) async fn verify(root: &Arc<Root>, id: BlobId, size: u64, hash: [u8; 32]) -> Option<Damage> {
    let path = root.path_of(&id);
    in_background(move || compare(&path, size, hash)).await.err()
}

fn compare(path: &Path, size: u64, hash: [u8; 32]) -> Result<(), Damage> {
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

/// Every blob with its length, read page by page on the blocking pool.
pub(in crate::blobs) fn list(root: &Arc<Root>) -> impl Stream<Item = Result<(BlobId, u64), BlobError>> + Send + use<> {
    let root = Arc::clone(root);
    stream::try_unfold(None, move |walk| {
        let root = Arc::clone(&root);
        async move {
            let (page, walk) = in_background(move || {
                let mut walk = walk.unwrap_or_else(|| Walk::of(root.path()));
                let page: io::Result<Vec<_>> = walk.by_ref().filter_map(blob).take(PAGE).collect();
                page.map(|page| (page, walk))
            })
            .await
            .map_err(BlobError::io("listing the byte store"))?;
            let more = !page.is_empty();
            Ok(more.then_some((stream::iter(page.into_iter().map(Ok)), Some(walk))))
        }
    })
    .try_flatten()
}

/// What a file is as a blob; files of other names are none.
fn blob(entry: io::Result<fs::DirEntry>) -> Option<io::Result<(BlobId, u64)>> {
    let entry = match entry {
        Err(error) => return Some(Err(error)),
        Ok(entry) => entry,
    };
    let id = entry.file_name().to_str()?.parse().ok()?;
    match entry.metadata() {
        Ok(metadata) => Some(Ok((id, metadata.len()))),
        // Deleted since its directory was read.
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => Some(Err(error)),
    }
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
