//! The job `scrub`: every content is read once in a cycle and compared with its hash, as slowly as the configuration says.

use std::time::{Duration, Instant};

use super::{JobError, Run};
use crate::audit::{self, Actor, Line, Record};
use crate::blobs::sums::Sums;
use crate::clock::Moment;
use crate::contents::examine::{self, Examination, Step};
use crate::db::{Db, DbError, WriteTx};
use crate::ids::ContentId;
use crate::tree::check::{self, Recorded};

/// The verb of the record about damage.
const VERB: &str = "damage";
/// How often a cycle's place is kept.
const SAVE: Duration = Duration::from_secs(10);
/// Shorter pauses are put together: each takes a little longer than it should.
const PAUSE_MIN: Duration = Duration::from_millis(10);

pub(super) async fn run(run: &Run<'_>) -> Result<String, JobError> {
    let config = &run.chores.config.jobs;
    if config.scrub_days == 0 {
        return Ok("`jobs.scrub_days` is 0: nothing is read".to_owned());
    }
    let mut cycle = Cycle::from(run.claim.progress.as_deref());
    let mut budget = Budget { per_s: config.scrub_bytes_per_s, spent_until: Instant::now() };
    let mut saved = Instant::now();
    loop {
        let page = check::contents(&mut run.chores.db.read().await?, cycle.after).await?;
        if page.is_empty() {
            break;
        }
        for content in &page {
            look_at(run, content, &mut cycle, &mut budget).await?;
            cycle.after = Some(content.id);
            if saved.elapsed() > SAVE {
                saved = Instant::now();
                run.save(&cycle.to_string()).await?;
            }
        }
        // So that a stop between two pages loses nothing.
        run.save(&cycle.to_string()).await?;
    }
    let known = examine::count_damaged(&mut run.chores.db.read().await?).await?;
    let Cycle { contents, bytes, damaged, .. } = cycle;
    Ok(match known {
        0 => format!("read {contents} contents, {bytes} bytes; all are right"),
        _ => format!(
            "read {contents} contents, {bytes} bytes; {damaged} are newly found damaged, {known} in all: see the audit and `verify`"
        ),
    })
}

/// Reads one content and keeps in mind what it shows.
async fn look_at(run: &Run<'_>, content: &Recorded, cycle: &mut Cycle, budget: &mut Budget) -> Result<(), JobError> {
    if let Some(inline) = &content.inline {
        run.pace.wait(budget.spend(inline.len() as u64, Instant::now())).await?;
    }
    let mut examination = Examination::of(content);
    loop {
        let db = run.chores.db.clone();
        let begun = Instant::now();
        match examination.step(&run.chores.blobs).await? {
            Step::Read(bytes) => {
                run.pace.wait(budget.spend(bytes, begun)).await?;
            }
            Step::Right(sums) => {
                if examine::is_news(&mut db.read().await?, content, &sums).await? {
                    run.pace.slice(&run.chores.db, is_right(db, content.id, sums)).await?;
                }
                break;
            }
            Step::Damaged(what) => {
                if run.pace.slice(&run.chores.db, is_damaged(db, content.id, what)).await? {
                    cycle.damaged += 1;
                }
                break;
            }
        }
    }
    cycle.contents += 1;
    cycle.bytes += content.size;
    run.pace.wait(Duration::ZERO).await
}

/// How much may be read in a second. What was not read in time is not made up for: a slow hour is followed by no burst.
struct Budget {
    per_s: u64,
    /// What was read until now is paid for then.
    spent_until: Instant,
}

impl Budget {
    /// For so many bytes, whose reading began then. Gives how long to wait now.
    fn spend(&mut self, bytes: u64, begun: Instant) -> Duration {
        let price = Duration::from_secs_f64(bytes as f64 / self.per_s as f64);
        self.spent_until = self.spent_until.max(begun) + price;
        let ahead = self.spent_until.saturating_duration_since(Instant::now());
        if ahead < PAUSE_MIN { Duration::ZERO } else { ahead }
    }
}

async fn is_right(db: Db, content: ContentId, sums: Sums) -> Result<(), DbError> {
    let mut tx = db.write().await?;
    tx.protect().await?;
    examine::is_right(&mut tx, content, &sums).await?;
    tx.commit().await
}

/// Writes down that a content is damaged, with a record of it. Gives whether that is news.
async fn is_damaged(db: Db, content: ContentId, what: String) -> Result<bool, JobError> {
    let mut tx = db.write().await?;
    tx.protect().await?;
    let is_news = write_down(&mut tx, content, &what).await?;
    tx.commit().await?;
    Ok(is_news)
}

async fn write_down(tx: &mut WriteTx, content: ContentId, what: &str) -> Result<bool, JobError> {
    let now = Moment::now();
    if !examine::is_damaged(tx, content, what, now).await? {
        return Ok(false);
    }
    let user = check::user_of(tx, content).await?.unwrap_or_else(|| "nothing any more".to_owned());
    tracing::error!(%content, of = user, what, "a content is damaged");
    let note = format!("content {content} of {user}: {what}");
    audit::append(tx, &Record { note: Some(Line::note(&note)), ..Record::new(now, Actor::server(), VERB) }).await?;
    Ok(true)
}

/// Where a cycle is: what a run that is broken off leaves to the next.
#[derive(Debug, Default, PartialEq, Eq)]
struct Cycle {
    after: Option<ContentId>,
    contents: u64,
    bytes: u64,
    damaged: u64,
}

impl Cycle {
    /// From where an earlier run was broken off; one that can't be read begins anew.
    fn from(progress: Option<&str>) -> Self {
        let read = |text: &str| {
            let mut words = text.split(' ');
            let after = uuid::Uuid::try_parse(words.next()?.strip_prefix("after=")?).ok()?;
            let mut number = |name: &str| words.next()?.strip_prefix(name)?.parse().ok();
            let (contents, bytes, damaged) = (number("contents=")?, number("bytes=")?, number("damaged=")?);
            Some(Self { after: Some(ContentId(after)), contents, bytes, damaged })
        };
        progress.and_then(read).unwrap_or_default()
    }
}

impl std::fmt::Display for Cycle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { after, contents, bytes, damaged } = self;
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        write!(f, "after={after} contents={contents} bytes={bytes} damaged={damaged}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_cycle_is_read_as_it_is_written() {
        let cycle = Cycle { after: Some(ContentId::fresh()), contents: 7, bytes: 99, damaged: 1 };
        assert_eq!(Cycle::from(Some(&cycle.to_string())), cycle);
        for other in [None, Some(""), Some("after="), Some("after=x contents=1"), Some("half way")] {
            assert_eq!(Cycle::from(other), Cycle::default(), "{other:?}");
        }
    }

    #[test]
    fn a_budget_says_how_long_to_wait() {
        let now = Instant::now();
        let mut budget = Budget { per_s: 1000, spent_until: now };
        assert!(budget.spend(60_000, now) > Duration::from_secs(55));
        assert!(budget.spend(60_000, now) > Duration::from_secs(115));
        assert!(budget.spend(0, now) > Duration::from_secs(115));
        let mut budget = Budget { per_s: 1000, spent_until: now };
        assert_eq!(budget.spend(1, now), Duration::ZERO);
    }

    #[test]
    fn a_slow_hour_is_followed_by_no_burst() {
        let now = Instant::now();
        let later = now + Duration::from_secs(3600);
        let mut budget = Budget { per_s: 1000, spent_until: now };
        budget.spend(1000, now);
        assert!(budget.spend(60_000, later) > Duration::from_secs(3600 + 55));
    }
}
