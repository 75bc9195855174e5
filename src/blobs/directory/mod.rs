//! The store as a directory on a disk: where a blob lies, how a finished file gets its name, and what is synced when.
//! Nothing in this file is async; [`write`] and [`read`] bring threads that may block.

mod inspect;
mod read;
mod write;

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::{Condvar, Mutex};
use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags},
    io::Errno,
};
use tokio::sync::Semaphore;

pub(super) use inspect::{list, verify};
pub(super) use read::{Buffers, Stretch};
pub(super) use write::Upload;

use super::{BlobError, BlobId, is_full};
use crate::clock::Moment;
use crate::config::Durability;

/// Uploads that may write or sync at the same time; the others wait with one chunk in memory.
const DISK_JOBS_MAX: usize = 64;

/// Files of uploads under way, on file systems without `O_TMPFILE`.
const STAGING: &str = "staging";

/// Blobs are for the server alone.
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// The directory of the whole store.
pub(super) struct Root {
    path: PathBuf,
    handle: File,
    durability: Durability,
    /// Set by the first failed sync, for good.
    failed: AtomicBool,
    /// Whether unnamed files can be had and linked here; found out by the first upload.
    pub(super) unnamed_files: AtomicBool,
    /// The directory of the newest blobs.
    newest: Mutex<Option<Arc<Directory>>>,
    /// One permit for each of [`DISK_JOBS_MAX`].
    disk_jobs: Arc<Semaphore>,
}

impl Root {
    pub(super) fn open(path: &Path, durability: Durability) -> Result<Self, BlobError> {
        let open = || {
            fs::create_dir_all(path.join(STAGING))?;
            let path = path.canonicalize()?;
            let handle = File::open(&path)?;
            if let (Durability::Full, Some(parent)) = (durability, path.parent()) {
                File::open(parent)?.sync_all()?;
            }
            Ok(Self {
                path,
                handle,
                durability,
                failed: AtomicBool::new(false),
                // The kernel gives an unnamed file its name through /proc (open(2), O_TMPFILE).
                unnamed_files: AtomicBool::new(Path::new("/proc/self/fd").is_dir()),
                newest: Mutex::default(),
                disk_jobs: Arc::new(Semaphore::new(DISK_JOBS_MAX)),
            })
        };
        open().map_err(BlobError::io("opening the byte store"))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn path_of(&self, id: &BlobId) -> PathBuf {
        self.path.join(relative(id))
    }

    pub(super) fn is_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Opens a blob for reading only if its directory entries are in memory, so that this never waits for the disk.
    pub(super) fn open_cached(&self, id: &BlobId) -> Option<File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        rustix::fs::openat2(&self.handle, relative(id), flags, Mode::empty(), ResolveFlags::CACHED).ok().map(File::from)
    }

    /// Bytes that an upload may still take on its file system.
    pub(super) fn free_bytes(&self) -> Result<u64, BlobError> {
        let stat =
            rustix::fs::statvfs(&self.path).map_err(|errno| BlobError::io("asking for free space")(errno.into()))?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Removes a blob; `false` when it is not there.
    pub(super) fn delete(&self, id: &BlobId) -> Result<bool, BlobError> {
        match fs::remove_file(self.path_of(id)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(BlobError::io("deleting a blob")(error)),
        }
    }

    /// Removes what uploads that were begun before this moment left; gives their number.
    pub(super) fn sweep(&self, before: Moment) -> io::Result<usize> {
        let mut swept = 0;
        for entry in fs::read_dir(self.path.join(STAGING))? {
            let path = entry?.path();
            let begun = path.file_stem().and_then(|name| name.to_str()?.parse::<BlobId>().ok()).map(|id| id.begun());
            if begun.is_none_or(|begun| begun < before) {
                fs::remove_file(path)?;
                swept += 1;
            }
        }
        Ok(swept)
    }

    /// The directory for a blob, created when it is the first one of its time.
    fn directory_for(&self, id: &BlobId) -> Result<Arc<Directory>, BlobError> {
        let [outer, inner] = id.directory();
        let place = Path::new(&outer).join(&inner);
        let mut newest = self.newest.lock();
        if let Some(directory) = newest.as_ref().filter(|directory| directory.place == place) {
            return Ok(Arc::clone(directory));
        }
        let doing = "making a directory for blobs";
        let outer = self.path.join(outer);
        let inner = outer.join(inner);
        fs::create_dir_all(&inner).map_err(BlobError::io(doing))?;
        // Also when they were there: a process that was killed may have made them and not synced them.
        for parent in [&self.path, &outer] {
            let parent = File::open(parent).map_err(BlobError::io(doing))?;
            self.sync_directory(&parent)?;
        }
        let handle = File::open(inner).map_err(BlobError::io(doing))?;
        let directory = Arc::new(Directory { place, handle, sync: GroupSync::default() });
        *newest = Some(Arc::clone(&directory));
        Ok(directory)
    }

    fn check(&self) -> Result<(), BlobError> {
        if self.is_failed() { Err(BlobError::Failed) } else { Ok(()) }
    }

    /// Ends the store's life after a failed sync.
    fn fail(&self, source: io::Error) -> BlobError {
        self.failed.store(true, Ordering::Release);
        BlobError::Io { doing: "syncing to the disk", source }
    }

    fn sync_file(&self, file: &File) -> Result<(), BlobError> {
        match self.durability {
            Durability::Relaxed => Ok(()),
            // Some file systems find out only now that there is no room. That one file is given up unnamed, so nothing
            // doubtful stays behind.
            Durability::Full => file.sync_data().map_err(|source| match source {
                source if is_full(&source) => BlobError::Full,
                source => self.fail(source),
            }),
        }
    }

    fn sync_directory(&self, directory: &File) -> Result<(), BlobError> {
        match self.durability {
            Durability::Relaxed => Ok(()),
            Durability::Full => directory.sync_all().map_err(|source| self.fail(source)),
        }
    }
}

/// One directory of blobs.
struct Directory {
    /// Below the store.
    place: PathBuf,
    handle: File,
    sync: GroupSync,
}

/// A file that has no lasting name yet. Dropped, it is gone.
struct StagingFile {
    file: File,
    id: BlobId,
    root: Arc<Root>,
    directory: Arc<Directory>,
    /// Its name until then, where the file system has no unnamed files.
    part: Option<PathBuf>,
}

impl StagingFile {
    fn create(root: Arc<Root>, id: BlobId) -> Result<Self, BlobError> {
        root.check()?;
        let directory = root.directory_for(&id)?;
        let doing = "beginning an upload";
        if root.unnamed_files.load(Ordering::Relaxed) {
            let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
            match rustix::fs::openat(&directory.handle, ".", flags, FILE_MODE) {
                Ok(file) => {
                    return Ok(Self { file: file.into(), id, root, directory, part: None });
                }
                // The ways a file system or an old kernel says that it doesn't know the flag (open(2)).
                Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOENT) => {
                    root.unnamed_files.store(false, Ordering::Relaxed);
                }
                Err(errno) => return Err(BlobError::io(doing)(errno.into())),
            }
        }
        let part = root.path.join(STAGING).join(format!("{id}.part"));
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        let file = rustix::fs::open(&part, flags, FILE_MODE).map_err(|errno| BlobError::io(doing)(errno.into()))?;
        Ok(Self { file: file.into(), id, root, directory, part: Some(part) })
    }

    /// Writes behind what was written before.
    fn append(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        io::Write::write_all(&mut self.file, bytes).map_err(BlobError::io("writing an upload"))
    }

    /// Makes it a blob: bytes synced, then named, then the name synced. This order is the promise of the store.
    fn publish(mut self) -> Result<BlobId, BlobError> {
        self.root.check()?;
        self.root.sync_file(&self.file)?;
        self.name().map_err(BlobError::io("naming a blob"))?;
        self.directory.sync.run(|| self.root.sync_directory(&self.directory.handle))?;
        Ok(self.id)
    }

    fn name(&mut self) -> io::Result<()> {
        use std::os::fd::AsRawFd;
        let name = self.id.to_string();
        match self.part.take() {
            Some(part) => {
                let renamed = rustix::fs::renameat(CWD, &part, &self.directory.handle, name);
                if renamed.is_err() {
                    self.part = Some(part);
                }
                Ok(renamed?)
            }
            None => {
                let unnamed = format!("/proc/self/fd/{}", self.file.as_raw_fd());
                Ok(rustix::fs::linkat(CWD, unnamed, &self.directory.handle, name, AtFlags::SYMLINK_FOLLOW)?)
            }
        }
    }
}

impl Drop for StagingFile {
    fn drop(&mut self) {
        if let Some(part) = &self.part {
            // What can't be removed now is swept at the next start.
            let _ = fs::remove_file(part);
        }
    }
}

/// Lets callers that need the same sync at the same time share one.
///
/// A sync serves everybody who asked before it began; who asks while one runs waits for the next.
#[derive(Default)]
struct GroupSync {
    turns: Mutex<Turns>,
    turned: Condvar,
}

#[derive(Default)]
struct Turns {
    begun: u64,
    /// The last one that succeeded.
    done: u64,
    running: bool,
    failed: bool,
}

impl GroupSync {
    fn run(&self, sync: impl FnOnce() -> Result<(), BlobError>) -> Result<(), BlobError> {
        let mut turns = self.turns.lock();
        let mine = turns.begun + 1;
        while turns.running && turns.done < mine && !turns.failed {
            self.turned.wait(&mut turns);
        }
        if turns.done >= mine {
            return Ok(());
        }
        if turns.failed {
            return Err(BlobError::Failed);
        }
        turns.begun += 1;
        turns.running = true;
        let turn = turns.begun;
        drop(turns);

        let result = sync();

        let mut turns = self.turns.lock();
        turns.running = false;
        match result {
            Ok(()) => turns.done = turn,
            Err(_) => turns.failed = true,
        }
        self.turned.notify_all();
        result
    }
}

fn relative(id: &BlobId) -> PathBuf {
    let [outer, inner] = id.directory();
    [outer, inner, id.to_string()].iter().collect()
}

#[cfg(test)]
mod tests {
    use std::sync::{Barrier, atomic::AtomicUsize, mpsc};

    use super::*;

    #[test]
    fn a_sync_serves_nobody_who_asked_after_it_began() {
        const LATER: usize = 8;
        let sync = GroupSync::default();
        let syncs = AtomicUsize::new(0);
        let (begun, has_begun) = mpsc::channel();
        let (finish, may_finish) = mpsc::channel::<()>();
        let asking = Barrier::new(LATER + 1);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                sync.run(move || {
                    begun.send(()).unwrap();
                    may_finish.recv().unwrap();
                    Ok(())
                })
            });
            has_begun.recv().unwrap();
            for _ in 0..LATER {
                scope.spawn(|| {
                    asking.wait();
                    sync.run(|| {
                        syncs.fetch_add(1, Ordering::Relaxed);
                        Ok(())
                    })
                    .unwrap();
                });
            }
            asking.wait();
            finish.send(()).unwrap();
        });
        // One more for all of them, or several when they came one by one; never none.
        assert!((1..=LATER).contains(&syncs.into_inner()));
    }

    #[test]
    fn a_failed_sync_is_never_tried_again() {
        let sync = GroupSync::default();
        let broken = || BlobError::Io { doing: "syncing", source: io::Error::from(io::ErrorKind::Other) };
        assert!(matches!(sync.run(|| Err(broken())), Err(BlobError::Io { .. })));
        assert!(matches!(sync.run(|| panic!("tried again")), Err(BlobError::Failed)));
    }

    #[test]
    fn a_failed_sync_ends_the_stores_life() {
        let dir = tempfile::tempdir().unwrap();
        let root = Arc::new(Root::open(dir.path(), Durability::Full).unwrap());
        let mut file = StagingFile::create(Arc::clone(&root), BlobId::fresh()).unwrap();
        file.append(b"bytes").unwrap();
        root.fail(io::Error::from(io::ErrorKind::Other));
        assert!(root.is_failed());
        assert!(matches!(file.publish(), Err(BlobError::Failed)));
        assert!(matches!(StagingFile::create(root, BlobId::fresh()), Err(BlobError::Failed)));
    }
}
