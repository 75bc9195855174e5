//! The job `retain-audit`: records of the audit that are too old.

use std::time::Duration;

use super::{DAY, JobError, Pace, Run};
use crate::audit;
use crate::clock::Moment;
use crate::db::{Db, DbError};

pub(super) async fn run(run: &Run<'_>) -> Result<String, JobError> {
    match run.chores.config.audit.keep_days {
        0 => Ok("records are kept for ever".to_owned()),
        days => {
            retain_once(&run.chores.db, DAY * days, run.now, run.pace).await?;
            Ok(format!("removed records older than {days} days"))
        }
    }
}

/// Removes the audit's records that are older than `keep`, a slice at a time.
pub async fn retain_once(db: &Db, keep: Duration, now: Moment, pace: &Pace) -> Result<(), JobError> {
    pace.slices(db, |db| retain(db, keep, now)).await
}

async fn retain(db: Db, keep: Duration, now: Moment) -> Result<bool, DbError> {
    let mut tx = db.write().await?;
    // What breaks off in the middle must leave nothing to the others of its group.
    tx.protect().await?;
    let more = audit::retain::retain(&mut tx, keep, now).await?;
    tx.commit().await?;
    Ok(more)
}
