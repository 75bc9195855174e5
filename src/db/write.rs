//! Writing: one connection, transactions in groups, on a thread of its own.
//!
//! Whoever wants to write takes the lane, does its work and gives the lane on; those who queued meanwhile work in the
//! same SQLite transaction. The first who gets the lane again commits for all of them, and nobody is told of success
//! before that commit is on disk. So a hundred savers share one sync, and a lone one waits for nobody.
//!
//! The jobs of requests come through [`Writer::work`] and run on one thread, where a commit may wait for the disk and keeps nobody else waiting who
//! wouldn't have to. While it waits the next jobs gather, and share the next commit. A short job that finds nobody writing, on a disk that syncs in no
//! time, is done where it is ([`Writer::work_on_the_spot`]): the way to the thread and back costs a lone client as much as the job.
//!
//! Jobs decide first and write then. One that gives up before it has written ([`WriteTx::touch_share`],
//! [`WriteTx::touch_directory`]) disturbs nobody. One that may give up later asks for a savepoint
//! ([`WriteTx::protect`]); without it, giving up after a write undoes the whole group, whose other jobs are told to try
//! again. Savepoints for all would be a quarter of the cost of a small save.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{Notify, OwnedMutexGuard, oneshot};
use tokio::task::JoinError;

use super::checkpoint::{CHECKPOINT, Checkpoints};
use super::epochs::{Epochs, Stamp, Touched};
use super::source::{Purpose, Source};
use super::{Conn, DbError, Reads, postgres};
use crate::ids::ShareId;

/// So many jobs share one transaction at the most: bounds how long the first of them waits.
const GROUP_JOBS_MAX: usize = 256;
/// A commit that takes longer than this, by the recent ones, is waited for on the writer's thread: elsewhere it would hold up
/// other connections.
pub(super) const ON_THE_SPOT_MAX: Duration = Duration::from_millis(1);
/// After so many commits in a row for which nobody waited but their own job, whoever writes is taken for alone. Of several some would come while one
/// commits where they are read, and miss the group that they would have shared.
pub(super) const LONE_COMMITS_MIN: u64 = 8;

/// The one writing connection and the group that is open on it.
struct Lane {
    conn: Conn,
    group: Option<Arc<Group>>,
}

/// The jobs of one SQLite transaction.
#[derive(Default)]
struct Group {
    /// Jobs that wait for the commit.
    jobs: AtomicUsize,
    touched: Mutex<Touched>,
    outcome: OnceLock<Result<(), DbError>>,
    settled: Notify,
}

/// Hands out the lane.
pub(super) struct Writer {
    lane: Arc<tokio::sync::Mutex<Lane>>,
    /// Those who wait for the lane, or have been sent to the thread and not begun yet.
    queued: Arc<AtomicUsize>,
    epochs: Arc<Epochs>,
    source: Source,
    purpose: Purpose,
    checkpoints: Option<Checkpoints>,
    pub(super) pace: Pace,
    thread: Handle,
    /// The thread ends when this goes.
    _running: oneshot::Sender<()>,
}

/// One job's part of a writing transaction. It sees what the jobs before it in the group did.
pub struct WriteTx {
    lane: Option<OwnedMutexGuard<Lane>>,
    group: Arc<Group>,
    touched: Touched,
    /// A savepoint holds what the job writes.
    protected: bool,
    writer: Arc<Writer>,
    seal: Option<Arc<dyn Seal>>,
}

/// What a process adds to each of its transactions as the last thing before the commit, such as the record of the command
/// that it runs.
pub trait Seal: Send + Sync {
    /// Adds it. Errors: then the transaction isn't committed.
    fn seal<'t>(&'t self, tx: &'t mut WriteTx) -> Pin<Box<dyn Future<Output = Result<(), DbError>> + Send + 't>>;
}

impl Writer {
    /// `conn`: opened from `source`, which gives another one when it breaks.
    pub fn new(
        conn: Conn,
        (source, purpose): (Source, Purpose),
        epochs: Arc<Epochs>,
        checkpoints: Option<Checkpoints>,
    ) -> std::io::Result<Self> {
        let lane = Lane { conn, group: None };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = runtime.handle().clone();
        let (running, ended) = oneshot::channel();
        std::thread::Builder::new().name("writer".into()).spawn(move || {
            // An error is the end that is waited for: the sender is gone.
            let _ = runtime.block_on(ended);
        })?;
        Ok(Self {
            lane: Arc::new(tokio::sync::Mutex::new(lane)),
            queued: Arc::default(),
            epochs,
            source,
            purpose,
            checkpoints,
            pace: Pace::default(),
            thread,
            _running: running,
        })
    }

    /// Another connection of the same kind.
    pub async fn connection(&self) -> Result<Conn, DbError> {
        self.source.open(Purpose::Read).await
    }

    pub fn is_on_server(&self) -> bool {
        matches!(self.source, Source::Server(_))
    }

    /// Runs a job on the writer's thread.
    pub async fn work<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, JoinError> {
        let queued = Queued::enter(&self.queued);
        let job = async move {
            drop(queued);
            work.await
        };
        self.thread.spawn(job).await
    }

    /// Runs a short job: here, when nobody else writes and commits are quick, else on the writer's thread. One that begins here and has to wait goes
    /// on there.
    pub async fn work_on_the_spot<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, JoinError> {
        if !self.is_quiet() {
            return self.work(work).await;
        }
        let mut job = Box::pin(work);
        let begun = std::future::poll_fn(|context: &mut Context<'_>| Poll::Ready(job.as_mut().poll(context)));
        match begun.await {
            Poll::Ready(done) => Ok(done),
            Poll::Pending => self.work(job).await,
        }
    }

    /// Whether a job would have the lane at once and its commit would hold up nobody for long.
    fn is_quiet(&self) -> bool {
        matches!(self.source, Source::File(_))
            && self.pace.is_quick_and_lone()
            && self.queued.load(Ordering::Acquire) == 0
            && self.lane.try_lock().is_ok()
            // With one thread for all connections every wait for the disk would be everybody's.
            && Handle::current().metrics().num_workers() > 1
    }

    pub async fn begin(self: &Arc<Self>) -> Result<WriteTx, DbError> {
        let queued = Queued::enter(&self.queued);
        let mut lane = Arc::clone(&self.lane).lock_owned().await;
        drop(queued);
        let open = lane.group.clone();
        let group = open.clone().unwrap_or_default();
        lane.group = Some(Arc::clone(&group));
        // Made before the first await, so that its drop cleans up whatever becomes of this future.
        let touched = Touched::default();
        let mut tx =
            WriteTx { lane: Some(lane), group, touched, protected: false, writer: Arc::clone(self), seal: None };
        if open.is_none() {
            if tx.conn().is_broken() {
                *tx.conn() = self.source.open(self.purpose).await?;
            }
            let begin = match self.source {
                Source::File(_) => "begin immediate",
                Source::Server(_) => postgres::BEGIN_ALONE,
            };
            let begun = tx.conn().command(begin).await;
            if begun.is_err() && tx.conn().is_broken() {
                // It was cut while nobody wrote: nothing has been said on it that could be lost.
                *tx.conn() = self.source.open(self.purpose).await?;
                tx.conn().command(begin).await?;
            } else {
                begun?;
            }
            self.epochs.own_begin(tx.conn()).await?;
        }
        Ok(tx)
    }

    /// Waits until the group of this job is committed, and commits it when the lane comes round first.
    async fn settle(self: &Arc<Self>, group: Arc<Group>, lane: OwnedMutexGuard<Lane>) -> Result<(), DbError> {
        if self.queued.load(Ordering::Acquire) == 0 || group.jobs.load(Ordering::Relaxed) >= GROUP_JOBS_MAX {
            return Leader { writer: Arc::clone(self), group, lane: Some(lane) }.commit().await;
        }
        drop(lane);
        // Those who were sent here and have not begun yet come first.
        tokio::task::yield_now().await;
        let mut settled = std::pin::pin!(group.settled.notified());
        settled.as_mut().enable();
        if let Some(outcome) = group.outcome.get() {
            return outcome.clone();
        }
        tokio::select! {
            biased;
            () = settled => {}
            lane = Arc::clone(&self.lane).lock_owned() => {
                if group.outcome.get().is_none() {
                    let leader = Leader { writer: Arc::clone(self), group: Arc::clone(&group), lane: Some(lane) };
                    return leader.commit().await;
                }
            }
        }
        group.outcome.get().cloned().expect("the outcome is set before anybody is notified")
    }

    async fn commit(&self, group: &Group, lane: &mut Lane) -> Result<(), DbError> {
        let about = self.epochs.raised(&group.touched.lock());
        let began = Instant::now();
        let outcome = match self.epochs.raise(&mut lane.conn, &about).await {
            Ok(()) => lane.conn.command("commit").await,
            Err(error) => Err(error),
        };
        let jobs = group.jobs.load(Ordering::Relaxed);
        if outcome.is_ok() {
            self.pace.counted(jobs);
        }
        let lone = jobs == 1 && self.queued.load(Ordering::Acquire) == 0;
        self.pace.committed(began.elapsed(), lone);
        if outcome.is_err() {
            // After a full disk SQLite may have rolled back by itself; then this one fails, and that is fine.
            let _ = lane.conn.command("rollback").await;
        }
        self.end(group, lane, outcome.clone());
        if let Some(checkpoints) = &self.checkpoints {
            let frames = self.epochs.frames();
            checkpoints.consider(frames);
            if frames.too_many()
                && let Err(error) = lane.conn.command(CHECKPOINT).await
            {
                tracing::warn!(%error, "the database's log could not be copied back");
            }
        }
        outcome
    }

    /// The group's transaction is over: the caches hear of it first, then those who wait.
    fn end(&self, group: &Group, lane: &mut Lane, outcome: Result<(), DbError>) {
        let touched = std::mem::take(&mut *group.touched.lock());
        self.epochs.own_end(outcome.is_ok().then_some(touched));
        lane.group = None;
        // Set already when a leader was cut off and its commit is made up for.
        let _ = group.outcome.set(outcome);
        group.settled.notify_waiters();
    }

    /// Takes back a job that was given up. Others of its group keep their work, unless it wrote without a savepoint.
    async fn abandon(
        self: Arc<Self>,
        group: Arc<Group>,
        mut lane: OwnedMutexGuard<Lane>,
        wrote: bool,
        protected: bool,
    ) {
        let alone = group.jobs.load(Ordering::Acquire) == 0;
        let spoiled = lane.conn.spoiled();
        if !alone && !wrote && spoiled.is_none() {
            return;
        }
        if !alone && protected && lane.conn.command("rollback to job").await.is_ok() {
            return;
        }
        let _ = lane.conn.command("rollback").await;
        self.end(&group, &mut lane, Err(spoiled.unwrap_or(DbError::Busy)));
    }

    /// Closes the connection once nobody writes any more.
    pub async fn close(&self) {
        let mut lane = self.lane.lock().await;
        if self.checkpoints.is_some() {
            let _ = lane.conn.command(CHECKPOINT).await;
        }
    }
}

impl WriteTx {
    /// Makes the job's work durable. Returns when the commit that holds it has been synced to disk.
    ///
    /// Errors: [`DbError`]; then nothing of the job is kept.
    pub async fn commit(mut self) -> Result<(), DbError> {
        if let Some(seal) = self.seal.take() {
            seal.seal(&mut self).await?;
        }
        let lane = self.lane.take().expect("the lane is held until commit");
        self.group.jobs.fetch_add(1, Ordering::AcqRel);
        self.group.touched.lock().merge(std::mem::take(&mut self.touched));
        self.writer.settle(Arc::clone(&self.group), lane).await
    }

    pub(super) fn sealed_by(mut self, seal: Option<Arc<dyn Seal>>) -> Self {
        self.seal = seal;
        self
    }

    /// Sets a savepoint, for a job that may have to give up after it has written something.
    pub async fn protect(&mut self) -> Result<(), DbError> {
        self.conn().command("savepoint job").await?;
        self.protected = true;
        Ok(())
    }

    /// Says, before the first write, that users, groups, shares or subscriptions change, so that no cache keeps them.
    pub fn touch_directory(&mut self) {
        self.touched.directory = true;
    }

    /// Says, before the first write, that the tree of `share` changes, or its locks.
    pub fn touch_share(&mut self, share: ShareId) {
        if !self.touched.shares.contains(&share) {
            self.touched.shares.push(share);
        }
    }

    /// The stamp of the directory as this transaction sees it, `None` when the group itself has changed the directory.
    pub fn directory_stamp(&self) -> Option<Stamp> {
        let changed = self.touched.directory || self.group.touched.lock().directory;
        (!changed).then(|| self.writer.epochs.directory_here())
    }
}

impl Reads for WriteTx {
    fn conn(&mut self) -> &mut Conn {
        &mut self.lane.as_mut().expect("the lane is held until commit").conn
    }
}

impl Drop for WriteTx {
    fn drop(&mut self) {
        if let Some(lane) = self.lane.take() {
            let wrote = self.protected || self.touched.directory || !self.touched.shares.is_empty();
            let writer = Arc::clone(&self.writer);
            tokio::spawn(writer.abandon(Arc::clone(&self.group), lane, wrote, self.protected));
        }
    }
}

/// Whoever commits for the group. Others hang on it: cut off in the middle, it is made up for.
struct Leader {
    writer: Arc<Writer>,
    group: Arc<Group>,
    lane: Option<OwnedMutexGuard<Lane>>,
}

impl Leader {
    async fn commit(mut self) -> Result<(), DbError> {
        let lane = self.lane.as_mut().expect("the lane is held until the commit is done");
        let outcome = self.writer.commit(&self.group, lane).await;
        self.lane = None;
        outcome
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        if let Some(mut lane) = self.lane.take() {
            let (writer, group) = (Arc::clone(&self.writer), Arc::clone(&self.group));
            // When the cut-off commit had gone through already, this one finds no transaction and reports an error to
            // those who wait; they try again and find their change made.
            tokio::spawn(async move { writer.commit(&group, &mut lane).await });
        }
    }
}

/// How the recent commits went. Written only by whoever has the lane.
#[derive(Default)]
pub(super) struct Pace {
    /// How long they took, in microseconds; the last one counts for an eighth.
    micros: AtomicU64,
    /// The last so many were each of one job, and nobody came meanwhile.
    lone: AtomicU64,
    commits: AtomicU64,
    jobs: AtomicU64,
}

/// How many commits there were since the start, and of how many jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commits {
    /// Commits.
    pub commits: u64,
    /// Jobs in them.
    pub jobs: u64,
}

impl Pace {
    /// Whether the next commit will be soon done and hardly be shared.
    pub(super) fn is_quick_and_lone(&self) -> bool {
        u128::from(self.micros.load(Ordering::Relaxed)) <= ON_THE_SPOT_MAX.as_micros()
            && self.lone.load(Ordering::Relaxed) >= LONE_COMMITS_MIN
    }

    /// So many were committed together.
    fn counted(&self, jobs: usize) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.jobs.fetch_add(jobs as u64, Ordering::Relaxed);
    }

    /// All of it.
    pub(super) fn commits(&self) -> Commits {
        Commits { commits: self.commits.load(Ordering::Relaxed), jobs: self.jobs.load(Ordering::Relaxed) }
    }

    /// A commit took so long, and was of one job only or not.
    pub(super) fn committed(&self, took: Duration, lone: bool) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let before = self.micros.load(Ordering::Relaxed);
        self.micros.store(before - before / 8 + took / 8, Ordering::Relaxed);
        let row = if lone { self.lone.load(Ordering::Relaxed).saturating_add(1) } else { 0 };
        self.lone.store(row, Ordering::Relaxed);
    }
}

/// Counts one who waits for the lane, also when the waiting is given up.
struct Queued(Arc<AtomicUsize>);

impl Queued {
    fn enter(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(count))
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
