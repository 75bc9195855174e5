//! The job `forget-changes`: rows of the change log that are too old for anybody to go on from.

use super::{JobError, Run};
use crate::tree::sync::{self, LOG_KEPT_DAYS};

pub(super) async fn run(run: &Run<'_>) -> Result<String, JobError> {
    let now = run.now;
    run.pace.slices(&run.chores.db, |db| async move { sync::forget(&db, now).await }).await?;
    Ok(format!("removed what is older than {LOG_KEPT_DAYS} days"))
}
