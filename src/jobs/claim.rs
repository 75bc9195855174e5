//! Who runs a job: claimed in the database for the time of a lease, which is made longer as long as the job runs.
//!
//! Whoever dies leaves a claim behind that ends with its lease. Whoever was away for so long that somebody else has claimed the job finds
//! that out at the next look and gives up; what both may have done meanwhile must do no harm, as every step of a job can be repeated.

use std::time::Duration;

use super::{Job, JobError, sql};
use crate::clock::Moment;
use crate::db::{Db, DbError, Reads};

/// How long a claim holds without a word of its holder.
pub const LEASE: Duration = Duration::from_secs(60);
/// How often the holder of a claim says that he is still at it.
const RENEWAL: Duration = Duration::from_secs(15);

/// A job in the hands of this process.
#[derive(Debug)]
pub struct Claim {
    /// Which.
    pub job: Job,
    /// Who holds it.
    pub runner: String,
    /// Since when. With the holder's name it tells this claim from every other.
    pub started: Moment,
    /// Where the run before was broken off.
    pub progress: Option<String>,
}

/// How a job stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The job.
    pub job: Job,
    /// What is known of it; nothing before its first run.
    pub row: Option<Row>,
}

/// The row of a job.
#[derive(Debug, Clone)]
pub struct Row {
    /// When it is due.
    pub next_at: Moment,
    /// Who runs it, and until when that is believed without another word.
    pub claim: Option<(String, Moment)>,
    /// When the last run began.
    pub started: Option<Moment>,
    /// When the last run that was ended ended.
    pub ended: Option<Moment>,
    /// What it did, or why it failed.
    pub outcome: Option<String>,
    /// Whether it failed.
    pub failed: bool,
    /// Where a run goes on, or would.
    pub progress: Option<String>,
}

/// Every job as it stands.
pub async fn standings(reads: &mut impl Reads) -> Result<Vec<Standing>, DbError> {
    let mut rows = sql::rows(reads.conn()).await?;
    Ok(Job::ALL.map(|job| Standing { job, row: rows.remove(job.name()) }).to_vec())
}

/// From when on a job that is due can be claimed; `None` when it has never been run.
pub(super) async fn free_at(reads: &mut impl Reads, job: Job) -> Result<Option<Moment>, DbError> {
    sql::free_at(reads.conn(), job.name()).await
}

impl Claim {
    /// Claims a job at `now`; only one that is `due`, or any. `None` when it isn't, or when somebody else has it.
    pub async fn take(db: &Db, job: Job, runner: &str, now: Moment, due: bool) -> Result<Option<Self>, DbError> {
        let (at, by) = (db.clone(), runner.to_owned());
        let taken = on_the_writer(db, async move {
            let mut tx = at.write().await?;
            let lease = now.plus(LEASE);
            let taken = sql::claim(tx.conn(), job.name(), (&by, lease), now, due).await?;
            if taken.is_some() {
                tx.commit().await?;
            }
            Ok(taken)
        });
        let Some(progress) = taken.await? else { return Ok(None) };
        Ok(Some(Self { job, runner: runner.to_owned(), started: now, progress }))
    }

    /// Makes the lease longer again and again. Ends when the claim is lost.
    pub(super) async fn keep(&self, db: &Db) -> JobError {
        loop {
            tokio::time::sleep(RENEWAL).await;
            match self.renew(db, Moment::now()).await {
                Ok(()) => {}
                Err(lost @ JobError::Lost) => return lost,
                // Perhaps the next time; until then the lease holds.
                Err(error) => tracing::warn!(job = self.job.name(), %error, "a job's lease could not be made longer"),
            }
        }
    }

    /// Makes the lease longer. Errors: [`JobError::Lost`].
    pub async fn renew(&self, db: &Db, now: Moment) -> Result<(), JobError> {
        self.note(db, now, None).await
    }

    /// Keeps in mind where the run is, and makes the lease longer. Errors: [`JobError::Lost`].
    pub async fn save(&self, db: &Db, now: Moment, progress: &str) -> Result<(), JobError> {
        self.note(db, now, Some(progress)).await
    }

    async fn note(&self, db: &Db, now: Moment, progress: Option<&str>) -> Result<(), JobError> {
        let (at, key, progress) = (db.clone(), self.key(), progress.map(str::to_owned));
        let held = on_the_writer(db, async move {
            let mut tx = at.write().await?;
            let held = sql::note(tx.conn(), &key, now.plus(LEASE), progress.as_deref()).await?;
            tx.commit().await?;
            Ok(held)
        });
        if held.await? { Ok(()) } else { Err(JobError::Lost) }
    }

    /// Gives the claim back after a run, with what it did. `times`: of its end, and of the next run. `goes_on`: there it goes on.
    pub(super) async fn finish(
        &self,
        db: &Db,
        times: (Moment, Moment),
        done: &str,
        goes_on: bool,
    ) -> Result<(), DbError> {
        self.end(db, times, (done, false), goes_on).await
    }

    /// Gives the claim back after a run that failed. The next one goes on where it was.
    pub(super) async fn fail(&self, db: &Db, times: (Moment, Moment), why: &str) -> Result<(), DbError> {
        self.end(db, times, (why, true), true).await
    }

    async fn end(
        &self,
        db: &Db,
        (ended, next): (Moment, Moment),
        (outcome, failed): (&str, bool),
        keeps_progress: bool,
    ) -> Result<(), DbError> {
        let (at, key, outcome) = (db.clone(), self.key(), outcome.to_owned());
        on_the_writer(db, async move {
            let mut tx = at.write().await?;
            sql::end(tx.conn(), &key, (ended, next), (&outcome, failed), keeps_progress).await?;
            tx.commit().await
        })
        .await
    }

    fn key(&self) -> Key {
        (self.job.name(), self.runner.clone(), self.started)
    }
}

/// What tells a claim from every other: the job, its holder, and since when.
pub(super) type Key = (&'static str, String, Moment);

/// Runs a change on the writer's thread.
async fn on_the_writer<T: Send + 'static>(
    db: &Db,
    work: impl Future<Output = Result<T, DbError>> + Send + 'static,
) -> Result<T, DbError> {
    db.work(work).await.unwrap_or_else(|_| Err(DbError::Lost("a change of a job's row broke down".into())))
}
