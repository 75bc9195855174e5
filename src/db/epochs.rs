//! When a cache is still true: a number for everything about people and shares, and one for each share's tree.
//!
//! A cached answer is kept together with the [`Stamp`] that held when its rows were read; it may be used as long as the
//! stamp is the current one. Commits of this process say what they touched. Commits of others (an administrator's
//! command beside the running server) are seen in SQLite's own change counter, which lies in the header of the
//! WAL index (`-shm` file, bytes 8..12 in native order: SQLite "WAL-mode File Format", section 2.1): every commit of
//! any connection adds one. Reading it is one `pread` of four bytes, so it is done for every request, and a revoked
//! right is revoked from the next request on without any message between processes.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use super::checkpoint::Frames;
use crate::ids::ShareId;

/// Where the change counter lies in the WAL index.
const CHANGE_COUNTER_AT: u64 = 8;

/// Where the number of frames in the log lies, and how many of them have been copied back (sections 2.1 and 2.2).
const FRAMES_AT: u64 = 16;
const COPIED_AT: u64 = 96;

/// A look at the counter holds so long. One request asks several times; no process can commit, end, and have its user's
/// next request here within it.
const LOOK_HOLDS: Duration = Duration::from_micros(50);

/// What held when something was read. Two equal stamps: nothing that it covers has changed in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp {
    foreign: u64,
    directory: u64,
    share: u64,
}

/// What a transaction changed; what it didn't touch stays cached.
#[derive(Debug, Default)]
pub(super) struct Touched {
    pub directory: bool,
    pub shares: Vec<ShareId>,
}

impl Touched {
    pub fn merge(&mut self, other: Self) {
        self.directory |= other.directory;
        self.shares.extend(other.shares);
    }
}

#[derive(Debug, Default)]
struct Counts {
    /// SQLite's counter as this process knows it.
    known: u32,
    /// A transaction of this process is open: the counter may run one ahead of `known` before [`Epochs::own_end`].
    own: bool,
    foreign: u64,
    directory: u64,
    shares: HashMap<ShareId, u64>,
    looked: Option<Instant>,
}

/// The counters of one open database.
#[derive(Debug)]
pub(super) struct Epochs {
    index: File,
    counts: Mutex<Counts>,
}

impl Epochs {
    /// Opens the WAL index of the database at `path`; a connection in WAL mode must be open already.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let mut name = path.as_os_str().to_owned();
        name.push("-shm");
        let epochs = Self { index: File::open(name)?, counts: Mutex::default() };
        epochs.counts.lock().known = epochs.counter()?;
        Ok(epochs)
    }

    fn counter(&self) -> std::io::Result<u32> {
        self.number(CHANGE_COUNTER_AT)
    }

    /// SQLite's change counter.
    #[cfg(test)]
    pub fn counter_for_tests(&self) -> u32 {
        self.counter().expect("the index is there")
    }

    fn number(&self, at: u64) -> std::io::Result<u32> {
        let mut bytes = [0; 4];
        self.index.read_exact_at(&mut bytes, at)?;
        Ok(u32::from_ne_bytes(bytes))
    }

    /// How the log stands. One that can't be read is looked at after the next commit.
    pub fn frames(&self) -> Frames {
        let number = |at| self.number(at).unwrap_or_default();
        Frames { length: number(FRAMES_AT), copied: number(COPIED_AT) }
    }

    /// The counts, from a look at the counter that is hardly older than the question.
    fn recent(&self) -> parking_lot::MutexGuard<'_, Counts> {
        let counts = self.counts.lock();
        match counts.looked {
            Some(at) if at.elapsed() < LOOK_HOLDS => counts,
            _ => self.look(counts),
        }
    }

    /// The counts after a look at the counter: a commit that isn't ours makes everything that is cached doubtful.
    fn look<'c>(&self, mut counts: MutexGuard<'c, Counts>) -> MutexGuard<'c, Counts> {
        counts.looked = Some(Instant::now());
        match self.counter() {
            Ok(now) if now == counts.known => {}
            Ok(now) if counts.own && now == counts.known.wrapping_add(1) => {}
            Ok(now) => {
                counts.foreign += 1;
                counts.known = now;
            }
            // An unreadable index proves nothing; then nothing cached may be used.
            Err(_) => counts.foreign += 1,
        }
        counts
    }

    /// The stamp of what concerns people, groups, shares and subscriptions.
    pub fn directory(&self) -> Stamp {
        let counts = self.recent();
        Stamp { foreign: counts.foreign, directory: counts.directory, share: 0 }
    }

    /// The stamp of one share's tree.
    pub fn share(&self, share: ShareId) -> Stamp {
        let counts = self.recent();
        Stamp { foreign: counts.foreign, directory: 0, share: counts.shares.get(&share).copied().unwrap_or(0) }
    }

    /// This process has just begun a writing transaction: from here to its end nobody else can commit.
    pub fn own_begin(&self) {
        self.look(self.counts.lock()).own = true;
    }

    /// The transaction has ended. `touched` is `None` when nothing was committed.
    pub fn own_end(&self, touched: Option<Touched>) {
        let mut counts = self.counts.lock();
        counts.own = false;
        if let Some(touched) = touched {
            if touched.directory {
                counts.directory += 1;
            }
            for share in touched.shares {
                *counts.shares.entry(share).or_default() += 1;
            }
            match self.counter() {
                Ok(now) if now == counts.known || now == counts.known.wrapping_add(1) => counts.known = now,
                // Somebody else has committed since ours.
                Ok(now) => {
                    counts.foreign += 1;
                    counts.known = now;
                }
                Err(_) => counts.foreign += 1,
            }
        }
    }
}
