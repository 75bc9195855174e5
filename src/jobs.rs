//! What the server does though nobody asks for it: removing what has ended.
//!
//! Nothing rests on its being done in time. A failure is logged and the next round tries again.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::clock::Moment;
use crate::db::Db;
use crate::locks::{self, LockError};

/// Between two rounds.
const INTERVAL: Duration = Duration::from_secs(30);

/// A round at once and then one every [`INTERVAL`], until `stop`.
pub async fn run(db: Db, stop: CancellationToken) {
    let mut rounds = interval(INTERVAL);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(rounds.tick()).await.is_some() {
        let sweeping = db.clone();
        let swept = db.work(async move { sweep_once(&sweeping, Moment::now()).await }).await;
        match swept {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "what has ended could not be removed"),
            Err(error) => tracing::error!(%error, "the removal of what has ended broke down"),
        }
    }
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
