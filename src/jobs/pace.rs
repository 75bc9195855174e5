//! How fast a job goes: slice by slice, each a short transaction, with as long a rest after it as it took. So jobs keep the one writer busy
//! for half of the time at the most, and a request waits for one slice.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::JobError;
use crate::db::Db;

/// A rest is no longer: a slice that had to wait for others needn't be made up for.
const REST_MAX: Duration = Duration::from_secs(1);

/// The pace of one run.
#[derive(Debug)]
pub struct Pace {
    stop: CancellationToken,
}

impl Pace {
    /// Goes on until it is stopped.
    pub fn until(stop: CancellationToken) -> Self {
        Self { stop }
    }

    /// Carries out one slice after the other, on the writer's thread, as long as there is more. Errors: that of a slice; [`JobError::Stopped`].
    pub async fn slices<F, E>(&self, db: &Db, mut slice: impl FnMut(Db) -> F) -> Result<(), JobError>
    where
        F: Future<Output = Result<bool, E>> + Send + 'static,
        E: Into<JobError> + Send + 'static,
    {
        loop {
            let begun = Instant::now();
            if !self.slice(db, slice(db.clone())).await? {
                return Ok(());
            }
            self.rest(begun.elapsed()).await?;
        }
    }

    /// Carries out one slice on the writer's thread. Errors: its own; [`JobError::Stopped`]; [`JobError::BrokeDown`].
    pub async fn slice<T, E>(
        &self,
        db: &Db,
        slice: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, JobError>
    where
        T: Send + 'static,
        E: Into<JobError> + Send + 'static,
    {
        if self.stop.is_cancelled() {
            return Err(JobError::Stopped);
        }
        db.work(slice).await.map_err(|_| JobError::BrokeDown)?.map_err(Into::into)
    }

    /// Does work that holds no transaction of its own, unless it is to stop before; then the work is dropped where it waits. Errors:
    /// [`JobError::Stopped`].
    pub async fn until_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, JobError> {
        self.stop.run_until_cancelled(work).await.ok_or(JobError::Stopped)
    }

    /// Lets others pass for as long as the slice took. Errors: [`JobError::Stopped`].
    pub async fn rest(&self, took: Duration) -> Result<(), JobError> {
        self.wait(took.min(REST_MAX)).await
    }

    /// Waits, or only looks whether to stop. Errors: [`JobError::Stopped`].
    pub async fn wait(&self, span: Duration) -> Result<(), JobError> {
        if self.stop.is_cancelled() {
            return Err(JobError::Stopped);
        }
        if span.is_zero() {
            return Ok(());
        }
        self.until_stopped(tokio::time::sleep(span)).await
    }
}
