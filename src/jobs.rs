//! What the server does though nobody asks for it: removing what has ended.
//!
//! Nothing rests on its being done in time. A failure is logged and the next round tries again.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::audit::{self, Head};
use crate::clock::Moment;
use crate::db::{Db, DbError};
use crate::locks::{self, LockError};
use crate::site::{HeadFile, SiteError};

/// Between two rounds.
const INTERVAL: Duration = Duration::from_secs(30);
/// Every so many rounds, once an hour, the audit's oldest records are looked at.
const ROUNDS_OF_RETENTION: u64 = 120;
/// What a day has.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What there is to do.
pub struct Chores {
    /// The rows.
    pub db: Db,
    /// Days that records of the audit are kept; 0: for ever.
    pub keep_days: u32,
    /// Where the end of the audit is kept.
    pub head_file: HeadFile,
}

/// A round at once and then one every [`INTERVAL`], until `stop`.
pub async fn run(chores: Chores, stop: CancellationToken) {
    let mut rounds = interval(INTERVAL);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut kept = None;
    for round in 0_u64.. {
        if stop.run_until_cancelled(rounds.tick()).await.is_none() {
            return;
        }
        let keep = (chores.keep_days > 0 && round % ROUNDS_OF_RETENTION == 0).then(|| DAY * chores.keep_days);
        let (db, stop) = (chores.db.clone(), stop.clone());
        let swept = chores.db.work(async move {
            sweep_once(&db, Moment::now()).await?;
            if let Some(keep) = keep {
                retain_once(&db, keep, Moment::now(), &stop).await?;
            }
            Ok::<_, LockError>(())
        });
        match swept.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "what has ended could not be removed"),
            Err(error) => tracing::error!(%error, "the removal of what has ended broke down"),
        }
        if let Err(error) = keep_head(&chores, &mut kept).await {
            tracing::warn!(%error, "the end of the audit could not be kept");
        }
    }
}

/// Removes the audit's records that are older than `keep`, a slice at a time.
pub async fn retain_once(db: &Db, keep: Duration, now: Moment, stop: &CancellationToken) -> Result<(), DbError> {
    while !stop.is_cancelled() {
        let mut tx = db.write().await?;
        // What breaks off in the middle must leave nothing to the others of its group.
        tx.protect().await?;
        let more = audit::retain::retain(&mut tx, keep, now).await?;
        tx.commit().await?;
        if !more {
            break;
        }
    }
    Ok(())
}

/// Keeps the end of the audit outside of the database, if it isn't the one that is kept already.
async fn keep_head(chores: &Chores, kept: &mut Option<Head>) -> Result<(), SiteError> {
    let head = audit::head(&mut chores.db.read().await?).await?;
    if *kept != Some(head) {
        chores.head_file.write(&head)?;
        *kept = Some(head);
    }
    Ok(())
}

/// Removes everything that has ended at `now`, in transactions so short that requests pass between them.
pub async fn sweep_once(db: &Db, now: Moment) -> Result<(), LockError> {
    loop {
        let mut tx = db.write().await?;
        let more = locks::discard_unwritten(&mut tx, now).await?;
        tx.commit().await?;
        if !more {
            break;
        }
    }
    loop {
        let mut tx = db.write().await?;
        let more = locks::sweep(&mut tx, now).await?;
        tx.commit().await?;
        if !more {
            return Ok(());
        }
    }
}
