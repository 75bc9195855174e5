//! What the server does though nobody asks for it: which jobs there are, and how each is run.
//!
//! Nothing rests on a job's being done in time. A job is claimed in the database before it is run ([`claim`]), so that of any number of servers
//! one runs it; it works in slices with requests passing between ([`pace`]), and goes on where it was when it was broken off. What it does
//! lives in the room that it is about; the files here call it slice by slice. Jobs run side by side: one that fails or takes long hinders
//! no other.

mod answers;
mod certificate;
pub mod claim;
mod forget;
pub mod gc;
mod history;
mod pace;
mod retain;
mod scrub;
mod sql;
mod sweep;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use tokio_util::sync::CancellationToken;

pub use answers::Answers;
pub use claim::{Standing, standings};
pub use pace::Pace;
pub use retain::retain_once;
pub use sweep::sweep_once;

use crate::audit::{self, Actor, Head, Line, Record};
use crate::blobs::{BlobError, Blobs};
use crate::clock::Moment;
use crate::config::Config;
use crate::db::{Db, DbError};
use crate::history::HistoryError;
use crate::locks::LockError;
use crate::site::{HeadFile, SiteError};
use crate::tree::TreeError;
use claim::Claim;

/// How often a server looks at the latest whether a job has become due: another server may have given it up.
const LOOK: Duration = Duration::from_secs(30);
/// A job that failed is tried again after so long, or when it is due anyway.
const RETRY: Duration = Duration::from_secs(5 * 60);
/// The same for what asks an authority.
const RETRY_AT_AUTHORITY: Duration = Duration::from_secs(20 * 60);
/// How often the end of the audit is kept.
const KEEP_HEAD: Duration = Duration::from_secs(30);

/// What a day has.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Something that the server does by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Job {
    /// Locks and what hangs on them.
    SweepLocks,
    /// Old records of the audit.
    RetainAudit,
    /// What followers of changes were told long ago.
    ForgetChanges,
    /// Previous revisions, by rule.
    Trim,
    /// Deleted items, by rule.
    PurgeDeleted,
    /// The rows of what was purged.
    Purge,
    /// Contents that nothing names.
    Gc,
    /// Blobs that no row names.
    FindStrays,
    /// The hashes of all contents.
    Scrub,
    /// The certificate, from an authority.
    Certificate,
}

impl Job {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 10] = [
        Self::SweepLocks,
        Self::RetainAudit,
        Self::ForgetChanges,
        Self::Trim,
        Self::PurgeDeleted,
        Self::Purge,
        Self::Gc,
        Self::FindStrays,
        Self::Scrub,
        Self::Certificate,
    ];

    /// The name in commands and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SweepLocks => "sweep-locks",
            Self::RetainAudit => "retain-audit",
            Self::ForgetChanges => "forget-changes",
            Self::Trim => "trim",
            Self::PurgeDeleted => "purge-deleted",
            Self::Purge => "purge",
            Self::Gc => "gc",
            Self::FindStrays => "find-strays",
            Self::Scrub => "scrub",
            Self::Certificate => "certificate",
        }
    }

    /// What it is for, in a few words.
    pub const fn about(self) -> &'static str {
        match self {
            Self::SweepLocks => "removes locks that have ended, and empty files that a lock made",
            Self::RetainAudit => "removes records of the audit that are older than `audit.keep_days`",
            Self::ForgetChanges => "removes what the change log has of more than 90 days ago",
            Self::Trim => "erases previous revisions that the policies `trim_revisions_...` don't keep",
            Self::PurgeDeleted => "purges deleted items that are older than the policy `purge_deleted_days`",
            Self::Purge => "removes the rows of what was purged",
            Self::Gc => "removes contents that nothing names any more, after `storage.gc_grace_h`",
            Self::FindStrays => "looks in the store for what uploads left that were cut off, for `gc`",
            Self::Scrub => "reads every content and compares it with its hash, once in `jobs.scrub_days`",
            Self::Certificate => {
                "fetches the certificate of `tls.acme`, and renews it when a third of its time is left"
            }
        }
    }

    /// The job of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|job| job.name() == name)
    }

    /// From the beginning of a run to the next.
    pub fn every(self, config: &Config) -> Duration {
        match self {
            Self::SweepLocks => Duration::from_secs(30),
            Self::Purge => Duration::from_secs(60),
            Self::RetainAudit | Self::ForgetChanges | Self::Trim | Self::PurgeDeleted | Self::Gc => {
                Duration::from_secs(60 * 60)
            }
            Self::FindStrays => DAY,
            Self::Certificate => Duration::from_secs(60 * 60),
            Self::Scrub => DAY * config.jobs.scrub_days.max(1),
        }
    }

    /// Whether there is anything to do on this site at all.
    fn is_wanted(self, config: &Config) -> bool {
        self != Self::Certificate || config.tls.acme.is_on()
    }

    /// After how long one that failed is tried again, if it isn't due before. Authorities let a name be tried five times an hour.
    fn retry(self) -> Duration {
        if self == Self::Certificate { RETRY_AT_AUTHORITY } else { RETRY }
    }

    /// Does it. Gives what was done, for people. Each has its future in a place of its own: together they would be too much for a thread's stack.
    fn work<'r>(self, run: &'r Run<'r>) -> BoxFuture<'r, Result<String, JobError>> {
        match self {
            Self::SweepLocks => sweep::run(run).boxed(),
            Self::RetainAudit => retain::run(run).boxed(),
            Self::ForgetChanges => forget::run(run).boxed(),
            Self::Trim => history::trim(run).boxed(),
            Self::PurgeDeleted => history::purge_deleted(run).boxed(),
            Self::Purge => history::purge(run).boxed(),
            Self::Gc => gc::run(run).boxed(),
            Self::FindStrays => gc::find_strays(run).boxed(),
            Self::Scrub => scrub::run(run).boxed(),
            Self::Certificate => certificate::run(run).boxed(),
        }
    }
}

/// What jobs work with.
pub struct Chores {
    /// The rows.
    pub db: Db,
    /// The bytes.
    pub blobs: Blobs,
    /// The limits and switches.
    pub config: Config,
    /// Where the end of the audit is kept.
    pub head_file: HeadFile,
    /// Who runs them, for people: machine and process.
    pub runner: String,
}

/// This process, as a claim names it.
pub fn runner() -> String {
    let machine = rustix::system::uname();
    format!("{}:{}", machine.nodename().to_string_lossy(), std::process::id())
}

/// Why a job was not done to its end.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The rows.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Locks.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// Whoever gives certificates, or the way to him.
    #[error("no certificate was given: {0}")]
    Authority(String),
    /// The bytes.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The history.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// It has panicked.
    #[error("it broke down; the log says where")]
    BrokeDown,
    /// The server stops.
    #[error("stopped on the way; the next run goes on from there")]
    Stopped,
    /// Its lease was over, and somebody else has taken the job.
    #[error("its lease was over, and another server has taken it")]
    Lost,
}

/// One run of a job.
struct Run<'r> {
    chores: &'r Chores,
    claim: &'r Claim,
    pace: &'r Pace,
    /// When it began.
    now: Moment,
}

impl Run<'_> {
    /// Keeps in mind where the run is. Errors: [`JobError::Lost`], [`JobError::Stopped`].
    async fn save(&self, progress: &str) -> Result<(), JobError> {
        self.claim.save(&self.chores.db, Moment::now(), progress).await?;
        self.pace.wait(Duration::ZERO).await
    }
}

/// The record of what a run did.
fn record(verb: &'static str, done: &str) -> Record {
    Record { note: Some(Line::note(done)), ..Record::new(Moment::now(), Actor::server(), verb) }
}

/// Leaves a record of what a run did.
async fn tell(run: &Run<'_>, verb: &'static str, done: &str) -> Result<(), JobError> {
    let record = record(verb, done);
    let db = run.chores.db.clone();
    let appended = run.chores.db.work(async move {
        let mut tx = db.write().await?;
        tx.protect().await?;
        audit::append(&mut tx, &record).await?;
        tx.commit().await
    });
    Ok(appended.await.map_err(|_| JobError::BrokeDown)??)
}

/// Runs every job when it is due, until `stop`.
pub async fn run(chores: Chores, stop: CancellationToken) {
    let jobs = join_all(Job::ALL.map(|job| tend(job, &chores, &stop).boxed()));
    tokio::join!(jobs, keep_heads(&chores, &stop));
}

/// Runs one job whenever it is due.
async fn tend(job: Job, chores: &Chores, stop: &CancellationToken) {
    if !job.is_wanted(&chores.config) {
        return;
    }
    while !stop.is_cancelled() {
        let wait = match turn(job, chores, stop).await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::warn!(job = job.name(), %error, "whether a job is due can't be found out");
                LOOK
            }
        };
        let waited = stop.run_until_cancelled(tokio::time::sleep(wait));
        if waited.await.is_none() {
            return;
        }
    }
}

/// Runs the job if it is due and nobody else does. Gives how long there is nothing to do.
async fn turn(job: Job, chores: &Chores, stop: &CancellationToken) -> Result<Duration, DbError> {
    let now = Moment::now();
    let free = claim::free_at(&mut chores.db.read().await?, job).await?;
    if let Some(left) = free.filter(|free| *free > now).map(|free| free.since(now)) {
        return Ok(left.min(LOOK));
    }
    match Claim::take(&chores.db, job, &chores.runner, now, true).await? {
        Some(claim) => {
            // How it ended stands in its row and in the log.
            let _ended = carry_out(chores, claim, &Pace::until(stop.clone())).await?;
            Ok(Duration::ZERO)
        }
        None => Ok(LOOK),
    }
}

/// Runs a claimed job and writes down how it ended, which it gives: what was done, or why not.
pub async fn carry_out(chores: &Chores, claim: Claim, pace: &Pace) -> Result<Result<String, JobError>, DbError> {
    let job = claim.job;
    let run = Run { chores, claim: &claim, pace, now: claim.started };
    let work = AssertUnwindSafe(job.work(&run)).catch_unwind();
    let ended = tokio::select! {
        ended = work => ended.unwrap_or(Err(JobError::BrokeDown)),
        lost = claim.keep(&chores.db) => Err(lost),
    };
    let every = job.every(&chores.config);
    let now = Moment::now();
    match &ended {
        Ok(done) => claim.finish(&chores.db, (now, claim.started.plus(every)), done, false).await?,
        Err(error @ JobError::Stopped) => claim.finish(&chores.db, (now, now), &error.to_string(), true).await?,
        Err(JobError::Lost) => tracing::warn!(job = job.name(), "a job was taken over by another server"),
        Err(error) => {
            tracing::error!(job = job.name(), %error, "a job failed");
            claim.fail(&chores.db, (now, now.plus(every.min(job.retry()))), &error.to_string()).await?;
        }
    }
    Ok(ended)
}

/// Keeps the end of the audit beside the database as long as the server runs. Each server does it for itself: it writes to no row.
async fn keep_heads(chores: &Chores, stop: &CancellationToken) {
    let mut kept = None;
    loop {
        if let Err(error) = keep_head(chores, &mut kept).await {
            tracing::warn!(%error, "the end of the audit could not be kept");
        }
        if stop.run_until_cancelled(tokio::time::sleep(KEEP_HEAD)).await.is_none() {
            return;
        }
    }
}

/// Keeps the end of the audit, if it isn't the one that is kept already.
async fn keep_head(chores: &Chores, kept: &mut Option<Head>) -> Result<(), SiteError> {
    let head = audit::head(&mut chores.db.read().await?).await?;
    if *kept != Some(head) {
        chores.head_file.write(&head)?;
        *kept = Some(head);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
