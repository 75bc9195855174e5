//! Writing: one connection, transactions in groups.
//!
//! Whoever wants to write takes the lane, does its work inside a savepoint and gives the lane on; those who queued
//! meanwhile work in the same SQLite transaction. The first who gets the lane again commits for all of them, and nobody
//! is told of success before that commit is on disk. So a hundred savers share one sync, and a lone one waits for nobody.
//!
//! A job that fails is rolled back to its savepoint and disturbs nobody else. A transaction that is dropped without
//! [`WriteTx::commit`] leaves nothing behind.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use sqlx::{Connection, Executor, SqliteConnection};
use tokio::sync::{Notify, OwnedMutexGuard};

use super::epochs::{Epochs, Stamp, Touched};
use super::{Conn, DbError, Reads};
use crate::ids::ShareId;

/// So many jobs share one transaction at the most: bounds how long the first of them waits.
const GROUP_JOBS_MAX: usize = 256;

/// The one writing connection and the group that is open on it.
struct Lane {
    conn: SqliteConnection,
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
    queued: Arc<AtomicUsize>,
    epochs: Arc<Epochs>,
}

/// One job's part of a writing transaction. It sees what the jobs before it in the group did.
pub struct WriteTx {
    lane: Option<OwnedMutexGuard<Lane>>,
    group: Arc<Group>,
    touched: Touched,
    writer: Arc<Writer>,
}

impl Writer {
    pub fn new(conn: SqliteConnection, epochs: Arc<Epochs>) -> Self {
        let lane = Lane { conn, group: None };
        Self { lane: Arc::new(tokio::sync::Mutex::new(lane)), queued: Arc::default(), epochs }
    }

    pub async fn begin(self: &Arc<Self>) -> Result<WriteTx, DbError> {
        let queued = Queued::enter(&self.queued);
        let mut lane = Arc::clone(&self.lane).lock_owned().await;
        drop(queued);
        let open = lane.group.clone();
        let group = open.clone().unwrap_or_default();
        lane.group = Some(Arc::clone(&group));
        // Made before the first await, so that its drop cleans up whatever becomes of this future.
        let mut tx = WriteTx { lane: Some(lane), group, touched: Touched::default(), writer: Arc::clone(self) };
        if open.is_some() {
            tx.conn().execute("savepoint job").await?;
        } else {
            tx.conn().execute("begin immediate; savepoint job").await?;
            self.epochs.own_begin();
        }
        Ok(tx)
    }

    /// Waits until the group of this job is committed, and commits it when the lane comes round first.
    async fn settle(self: Arc<Self>, group: Arc<Group>, lane: OwnedMutexGuard<Lane>) -> Result<(), DbError> {
        if self.queued.load(Ordering::Acquire) == 0 || group.jobs.load(Ordering::Relaxed) >= GROUP_JOBS_MAX {
            return self.commit(group, lane).await;
        }
        drop(lane);
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
                    return self.commit(Arc::clone(&group), lane).await;
                }
            }
        }
        group.outcome.get().cloned().expect("the outcome is set before anybody is notified")
    }

    async fn commit(&self, group: Arc<Group>, mut lane: OwnedMutexGuard<Lane>) -> Result<(), DbError> {
        let outcome = match lane.conn.execute("commit").await {
            Ok(_) => Ok(()),
            Err(error) => {
                // After a full disk SQLite may have rolled back by itself; then this one fails, and that is fine.
                let _ = lane.conn.execute("rollback").await;
                Err(DbError::from(error))
            }
        };
        let touched = std::mem::take(&mut *group.touched.lock());
        self.epochs.own_end(outcome.is_ok().then_some(touched));
        lane.group = None;
        group.outcome.set(outcome.clone()).expect("a group is committed once");
        group.settled.notify_waiters();
        outcome
    }

    /// Takes back a job that was given up. Others of its group keep their work; alone, the transaction ends.
    async fn abandon(self: Arc<Self>, group: Arc<Group>, mut lane: OwnedMutexGuard<Lane>) {
        let alone = group.jobs.load(Ordering::Acquire) == 0;
        let undo = if alone { "rollback" } else { "rollback to job" };
        let undone = lane.conn.execute(undo).await;
        if alone {
            self.epochs.own_end(None);
            lane.group = None;
        } else if let Err(error) = undone {
            // The savepoint is gone, so the whole transaction is: nobody in it may be told of success.
            let _ = lane.conn.execute("rollback").await;
            self.epochs.own_end(None);
            lane.group = None;
            let _ = group.outcome.set(Err(DbError::from(error)));
            group.settled.notify_waiters();
        }
    }

    /// Closes the connection once nobody writes any more.
    pub async fn close(&self) {
        let mut lane = self.lane.lock().await;
        let _ = lane.conn.execute("pragma wal_checkpoint(truncate)").await;
        let _ = lane.conn.ping().await;
    }
}

impl WriteTx {
    /// Makes the job's work durable. Returns when the commit that holds it has been synced to disk.
    ///
    /// Errors: [`DbError`]; then nothing of the job is kept.
    pub async fn commit(mut self) -> Result<(), DbError> {
        let lane = self.lane.take().expect("the lane is held until commit");
        self.group.jobs.fetch_add(1, Ordering::AcqRel);
        self.group.touched.lock().merge(std::mem::take(&mut self.touched));
        let settle = Arc::clone(&self.writer).settle(Arc::clone(&self.group), lane);
        // A task of its own: other jobs hang on this commit even when this caller goes away.
        match tokio::spawn(settle).await {
            Ok(outcome) => outcome,
            Err(_) => Err(DbError::Lost("the commit was cut off".into())),
        }
    }

    /// Says that users, groups, shares or subscriptions change, so that no cache keeps them.
    pub fn touch_directory(&mut self) {
        self.touched.directory = true;
    }

    /// Says that the tree of `share` changes.
    pub fn touch_share(&mut self, share: ShareId) {
        if !self.touched.shares.contains(&share) {
            self.touched.shares.push(share);
        }
    }

    /// The stamp of the directory as this transaction sees it, `None` when the group itself has changed the directory.
    pub fn directory_stamp(&self) -> Option<Stamp> {
        let changed = self.touched.directory || self.group.touched.lock().directory;
        (!changed).then(|| self.writer.epochs.directory())
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
            tokio::spawn(Arc::clone(&self.writer).abandon(Arc::clone(&self.group), lane));
        }
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
