//! When a cache is still true: a number for everything about people and shares, and one for each share's tree.
//!
//! A server of PostgreSQL keeps the numbers in a table, and a commit raises those of what it touched; one question tells a node all that others
//! have raised since it last asked. The rest of this page is about SQLite.
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
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use super::checkpoint::Frames;
use super::query::query;
use super::readers::Readers;
use super::{Conn, DbError, postgres};
use crate::ids::ShareId;

/// Where the change counter lies in the WAL index.
const CHANGE_COUNTER_AT: u64 = 8;

/// Where the number of frames in the log lies, and how many of them have been copied back (sections 2.1 and 2.2).
const FRAMES_AT: u64 = 16;
const COPIED_AT: u64 = 96;

/// A look at the counter holds so long. One request asks several times; no process can commit, end, and have its user's
/// next request here within it.
const LOOK_HOLDS: Duration = Duration::from_micros(50);

/// What a request knows of the table holds to its end, but no longer than this: some take their time to send what they ask.
const REQUEST_HOLDS: Duration = Duration::from_secs(1);

tokio::task_local! {
    /// When the request came that this task answers.
    static BEGAN: Instant;
}

/// Answers a request: stamps within it are of its beginning or later.
pub async fn request<T>(answer: impl Future<Output = T>) -> T {
    BEGAN.scope(Instant::now(), answer).await
}

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
    /// The newest row of the table that is known.
    table: i64,
}

impl Counts {
    fn directory(&self) -> Stamp {
        Stamp { foreign: self.foreign, directory: self.directory, share: 0 }
    }
}

/// The counters of one open database.
#[derive(Debug)]
pub(super) struct Epochs {
    kept: Kept,
    counts: Mutex<Counts>,
    /// Held by whoever asks the table; how the last question failed, if it did.
    asking: tokio::sync::Mutex<Option<(Instant, DbError)>>,
}

/// Where the counters are.
#[derive(Debug)]
enum Kept {
    /// In SQLite's WAL index.
    Index(File),
    /// In a table.
    Table(Arc<Readers>),
}

/// The row of the table that is about the directory; shares have larger ids.
const DIRECTORY: i64 = 0;

impl Epochs {
    /// Opens the WAL index of the database at `path`; a connection in WAL mode must be open already.
    pub fn of_file(path: &Path) -> std::io::Result<Self> {
        let mut name = path.as_os_str().to_owned();
        name.push("-shm");
        let epochs =
            Self { kept: Kept::Index(File::open(name)?), counts: Mutex::default(), asking: Default::default() };
        epochs.counts.lock().known = epochs.counter()?;
        Ok(epochs)
    }

    /// The counters of a server's table.
    pub fn of_table(readers: Arc<Readers>) -> Self {
        Self { kept: Kept::Table(readers), counts: Mutex::default(), asking: Default::default() }
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
        let Kept::Index(index) = &self.kept else { return Ok(0) };
        let mut bytes = [0; 4];
        index.read_exact_at(&mut bytes, at)?;
        Ok(u32::from_ne_bytes(bytes))
    }

    /// How the log stands. One that can't be read is looked at after the next commit.
    pub fn frames(&self) -> Frames {
        let number = |at| self.number(at).unwrap_or_default();
        Frames { length: number(FRAMES_AT), copied: number(COPIED_AT) }
    }

    /// The counts, from a look at the counter that is hardly older than the question.
    fn recent(&self) -> MutexGuard<'_, Counts> {
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

    /// Asks the table what has been raised since the last time.
    async fn ask(&self, conn: &mut Conn) -> Result<(), DbError> {
        let known = self.counts.lock().table;
        let asked = Instant::now();
        let raised = query("select share_id, n, at from epoch where at > ? order by at").bind(known);
        let raised = raised.fetch_all(conn).await?;
        let mut counts = self.counts.lock();
        for row in raised {
            let (about, n, at): (i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            let n = n.unsigned_abs();
            // Answers can come in another order than questions; the numbers only grow.
            if about == DIRECTORY {
                counts.directory = counts.directory.max(n);
            } else {
                let share = counts.shares.entry(ShareId(about)).or_default();
                *share = n.max(*share);
            }
            counts.table = counts.table.max(at);
        }
        counts.looked = counts.looked.max(Some(asked));
        Ok(())
    }

    /// Nothing that is cached may be used any more: the database was away, and may come back as another host that never heard of the last numbers.
    fn forget(&self) {
        let mut counts = self.counts.lock();
        *counts = Counts { foreign: counts.foreign + 1, ..Counts::default() };
    }

    /// Sees to it that what is known of the table is not older than the request that asks, or than a second. Requests at the same time share a
    /// question, if it was asked after they came.
    async fn refresh(&self, readers: &Arc<Readers>) -> Result<(), DbError> {
        let now = Instant::now();
        let began = BEGAN.try_with(|began| *began).unwrap_or(now);
        let since = now.checked_sub(REQUEST_HOLDS).map_or(began, |oldest| began.max(oldest));
        if self.knows(since) {
            return Ok(());
        }
        let mut last = self.asking.lock().await;
        if self.knows(since) {
            return Ok(());
        }
        if let Some((_, error)) = last.as_ref().filter(|(asked, _)| *asked >= since) {
            return Err(error.clone());
        }
        let asked = Instant::now();
        let answer = self.ask_readers(readers).await;
        *last = answer.as_ref().err().map(|error| (asked, error.clone()));
        answer
    }

    /// Whether the table has been asked since.
    fn knows(&self, since: Instant) -> bool {
        self.counts.lock().looked.is_some_and(|at| at >= since)
    }

    async fn ask_readers(&self, readers: &Arc<Readers>) -> Result<(), DbError> {
        loop {
            let mut lent = readers.lend().await?;
            let asked = match tokio::time::timeout(postgres::QUICK_ANSWER_MAX, self.ask(lent.conn())).await {
                Ok(asked) => asked,
                Err(_) => {
                    lent.give_up();
                    Err(DbError::Lost("the database gave no answer in time".into()))
                }
            };
            match asked {
                Err(_) if lent.is_stale() => {}
                Err(error) => {
                    self.forget();
                    return Err(error);
                }
                Ok(()) => return Ok(()),
            }
        }
    }

    /// The counts of this moment.
    async fn current(&self) -> Result<MutexGuard<'_, Counts>, DbError> {
        match &self.kept {
            Kept::Index(_) => Ok(self.recent()),
            Kept::Table(readers) => {
                self.refresh(readers).await?;
                Ok(self.counts.lock())
            }
        }
    }

    /// The stamp of what concerns people, groups, shares and subscriptions.
    pub async fn directory(&self) -> Result<Stamp, DbError> {
        Ok(self.current().await?.directory())
    }

    /// The same, inside a writing transaction of this process, when nobody else can commit.
    pub fn directory_here(&self) -> Stamp {
        match self.kept {
            Kept::Index(_) => self.recent().directory(),
            Kept::Table(_) => self.counts.lock().directory(),
        }
    }

    /// The stamp of one share's tree.
    pub async fn share(&self, share: ShareId) -> Result<Stamp, DbError> {
        let counts = self.current().await?;
        let of_share = counts.shares.get(&share).copied().unwrap_or(0);
        Ok(Stamp { foreign: counts.foreign, directory: 0, share: of_share })
    }

    /// This process has just begun a writing transaction: from here to its end nobody else can commit.
    pub async fn own_begin(&self, conn: &mut Conn) -> Result<(), DbError> {
        match self.kept {
            Kept::Index(_) => {
                self.look(self.counts.lock()).own = true;
                Ok(())
            }
            Kept::Table(_) => self.ask(conn).await,
        }
    }

    /// What of the table a commit raises that touches this; nothing where there is no table.
    pub fn raised(&self, touched: &Touched) -> Vec<i64> {
        if matches!(self.kept, Kept::Index(_)) {
            return Vec::new();
        }
        let mut about: Vec<i64> = touched.shares.iter().map(|share| share.0).collect();
        about.extend(touched.directory.then_some(DIRECTORY));
        about.sort_unstable();
        about.dedup();
        about
    }

    /// The transaction is about to be committed: raises its part of the table.
    pub async fn raise(&self, conn: &mut Conn, about: &[i64]) -> Result<(), DbError> {
        if about.is_empty() {
            return Ok(());
        }
        let raise = query(
            "insert into epoch (share_id, n, at) select value, 1, nextval('epoch_at') from json_each(?)
             on conflict (share_id) do update set n = epoch.n + 1, at = excluded.at",
        );
        raise.bind(serde_json::json!(about).to_string()).execute(conn).await?;
        Ok(())
    }

    /// The transaction has ended. `touched` is `None` when nothing was committed.
    pub fn own_end(&self, touched: Option<Touched>) {
        let mut counts = self.counts.lock();
        counts.own = false;
        if matches!(self.kept, Kept::Table(_)) {
            // The next question asks the table: what this commit has raised is not known here yet.
            counts.looked = None;
            return;
        }
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
