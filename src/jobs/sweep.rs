//! The job `sweep-locks`: locks that have ended, and the empty files that they made; uploads in pieces that nobody goes on with.

use super::{JobError, Pace, Run};
use crate::clock::Moment;
use crate::db::{Db, DbError};
use crate::locks::{self, LockError};
use crate::uploads;

pub(super) async fn run(run: &Run<'_>) -> Result<String, JobError> {
    sweep_once(&run.chores.db, run.now, run.pace).await?;
    Ok("removed what had ended".to_owned())
}

/// Removes everything that has ended at `now`, in transactions so short that requests pass between them.
pub async fn sweep_once(db: &Db, now: Moment, pace: &Pace) -> Result<(), JobError> {
    pace.slices(db, |db| discard_unwritten(db, now)).await?;
    pace.slices(db, |db| sweep(db, now)).await?;
    pace.slices(db, |db| give_up_uploads(db, now)).await
}

async fn give_up_uploads(db: Db, now: Moment) -> Result<bool, DbError> {
    let mut tx = db.write().await?;
    tx.protect().await?;
    let more = uploads::sweep(&mut tx, now).await?;
    tx.commit().await?;
    Ok(more)
}

async fn discard_unwritten(db: Db, now: Moment) -> Result<bool, LockError> {
    let mut tx = db.write().await?;
    let more = locks::discard_unwritten(&mut tx, now).await?;
    tx.commit().await?;
    Ok(more)
}

async fn sweep(db: Db, now: Moment) -> Result<bool, LockError> {
    let mut tx = db.write().await?;
    let more = locks::sweep(&mut tx, now).await?;
    tx.commit().await?;
    Ok(more)
}
