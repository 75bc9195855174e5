//! The jobs `gc` and `find-strays`: contents that nothing names any more go, rows and bytes.

use std::time::{Duration, Instant};

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};

use super::{JobError, Run, tell};
use crate::blobs::{BlobError, BlobId, Blobs};
use crate::clock::Moment;
use crate::contents::collect::{self, Judged};
use crate::db::{Db, DbError};
use crate::ids::ContentId;

/// The grace of a site's contents.
pub fn grace(hours: u32) -> Duration {
    Duration::from_secs(60 * 60) * hours
}

/// `gc`.
pub(super) async fn run(run: &Run<'_>) -> Result<String, JobError> {
    let (db, now) = (&run.chores.db, run.now);
    let until = now.plus(grace(run.chores.config.storage.gc_grace_h));
    run.pace.slices(db, |db| give_grace(db, until)).await?;
    let mut all = Judged::default();
    let ended = judge_all(run, &mut all).await;
    let mut done = format!("removed {} contents, {} bytes", all.removed, all.bytes);
    // However the rest goes: the rows have gone.
    if all.removed > 0 {
        tell(run, "gc", &done).await?;
    }
    ended?;
    let left = delete_blobs(run).await?;
    if left > 0 {
        done.push_str(&format!("; {left} blobs could not be deleted and are tried again"));
    }
    Ok(done)
}

/// Decides about everything whose grace is over; adds what became of it to `all`.
async fn judge_all(run: &Run<'_>, all: &mut Judged) -> Result<(), JobError> {
    loop {
        let begun = Instant::now();
        let slice = run.pace.slice(&run.chores.db, judge(run.chores.db.clone(), run.now)).await?;
        all.spared += slice.spared;
        all.removed += slice.removed;
        all.bytes += slice.bytes;
        if !slice.more {
            return Ok(());
        }
        run.pace.rest(begun.elapsed()).await?;
    }
}

/// Deletes the blobs of what is doomed, also of earlier runs that were broken off, until the store is away. Gives how many could not be deleted.
async fn delete_blobs(run: &Run<'_>) -> Result<u64, JobError> {
    let (mut after, mut left) = (None, 0);
    loop {
        let begun = Instant::now();
        let page = collect::doomed(&mut run.chores.db.read().await?, after).await?;
        let Some(last) = page.last() else { return Ok(left) };
        after = Some(*last);
        let mut gone = Vec::with_capacity(page.len());
        let mut away = None;
        for content in page {
            run.pace.wait(Duration::ZERO).await?;
            let id = crate::contents::blob_of(content);
            match run.chores.blobs.delete(&id).await {
                Ok(_) => gone.push(content),
                // The others would be waited for in vain as well, each for itself.
                Err(error @ (BlobError::Away { .. } | BlobError::Foreign(_))) => {
                    away = Some(error);
                    break;
                }
                Err(error) => {
                    tracing::warn!(blob = %id, %error, "a blob that nothing names could not be deleted");
                    left += 1;
                }
            }
        }
        run.pace.slice(&run.chores.db, forget(run.chores.db.clone(), gone)).await?;
        if let Some(error) = away {
            return Err(error.into());
        }
        run.pace.rest(begun.elapsed()).await?;
    }
}

/// `find-strays`.
pub(super) async fn find_strays(run: &Run<'_>) -> Result<String, JobError> {
    // Parts of uploads are no blobs, and no list shows them. A store that can't find them has its own rules for them.
    let parts = run.chores.blobs.sweep(run.now.minus(collect::UPLOAD_LONGEST)).await;
    let parts = parts.inspect_err(|error| tracing::warn!(%error, "unfinished uploads could not be swept")).unwrap_or(0);
    let grace = grace(run.chores.config.storage.gc_grace_h);
    let until = run.now.plus(grace);
    let (mut listed, mut found) = (0, 0);
    let mut blobs = Strays::of(&run.chores.blobs, grace, run.now);
    loop {
        let begun = Instant::now();
        let page = blobs.next().await?;
        if page.is_empty() {
            break;
        }
        listed += page.len() as u64;
        found += run.pace.slice(&run.chores.db, suspect(run.chores.db.clone(), page, until)).await?;
        run.pace.rest(begun.elapsed()).await?;
    }
    Ok(format!("looked at {listed} blobs and found {found} that no row names; gave {parts} unfinished uploads up"))
}

/// How many blobs there are in the store that no row names and that are old enough to go, but for those that are collected already.
pub async fn count_strays(chores: &super::Chores, now: Moment) -> Result<u64, JobError> {
    let mut blobs = Strays::of(&chores.blobs, grace(chores.config.storage.gc_grace_h), now);
    let mut found = 0;
    loop {
        let page = blobs.next().await?;
        if page.is_empty() {
            return Ok(found);
        }
        found += collect::unknown(&mut chores.db.read().await?, &page).await?.len() as u64;
    }
}

/// The blobs of the store that are old enough to be strays, page by page.
struct Strays {
    list: BoxStream<'static, Result<(BlobId, u64), BlobError>>,
    grace: Duration,
    now: Moment,
}

impl Strays {
    fn of(blobs: &Blobs, grace: Duration, now: Moment) -> Self {
        Self { list: blobs.list().boxed(), grace, now }
    }

    /// The next page; empty at the end.
    async fn next(&mut self) -> Result<Vec<ContentId>, JobError> {
        let mut page = Vec::new();
        while page.len() < collect::SLICE {
            let Some((blob, _)) = self.list.try_next().await? else { break };
            page.extend(collect::old_enough(&blob, self.grace, self.now));
        }
        Ok(page)
    }
}

async fn give_grace(db: Db, until: Moment) -> Result<bool, DbError> {
    let mut tx = db.write().await?;
    let more = collect::give_grace(&mut tx, until).await?;
    tx.commit().await?;
    Ok(more)
}

async fn judge(db: Db, now: Moment) -> Result<Judged, DbError> {
    let mut tx = db.write().await?;
    let judged = collect::judge(&mut tx, now).await?;
    tx.commit().await?;
    Ok(judged)
}

async fn forget(db: Db, gone: Vec<ContentId>) -> Result<(), DbError> {
    let mut tx = db.write().await?;
    collect::forget(&mut tx, &gone).await?;
    tx.commit().await
}

async fn suspect(db: Db, blobs: Vec<ContentId>, until: Moment) -> Result<u64, DbError> {
    let mut tx = db.write().await?;
    let found = collect::suspect(&mut tx, &blobs, until).await?;
    tx.commit().await?;
    Ok(found)
}
