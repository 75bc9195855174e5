//! From the queue to the log: events become records, and are appended together.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::StatusCode;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{Event, Events, Line, Outcome, Record, Trace, What, below_prefix};
use crate::app::App;
use crate::audit::{self, Actor};
use crate::clock::Moment;
use crate::cloud::office;
use crate::db::{Db, DbError};
use crate::directory;
use crate::error::Denied;
use crate::guard;
use crate::path::RelPath;

/// How long an event waits for others at the most. With it a crash loses less than a second of events.
const INTERVAL: Duration = Duration::from_millis(250);
/// Records of one transaction, so that the changes of others pass between two of them.
const BATCH_RECORDS_MAX: usize = 256;
/// Failed logins that are told one by one when many come at once ...
const FAILED_LOGINS_BURST: u64 = 100;
/// ... and how many of them in a second after that. The rest is told as a number: whoever has no account must not be able to
/// fill the disk.
const FAILED_LOGINS_PER_S: u64 = 5;

/// Appends what comes through the queue until `stop`, and then what is still in it.
pub async fn run(app: Arc<App>, events: Events, stop: CancellationToken) {
    let mut rounds = interval(INTERVAL);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut batch = Batch { app, events, pending: Vec::new(), logins: Bucket::full(Moment::now()), failing: false };
    loop {
        let app = Arc::clone(&batch.app);
        let stopped = tokio::select! {
            () = stop.cancelled() => true,
            _ = rounds.tick() => false,
            () = app.trail.hurry.notified() => false,
        };
        while batch.gather(Moment::now()).await && batch.append().await {}
        if stopped {
            if !batch.pending.is_empty() {
                tracing::error!(records = batch.pending.len(), "the last records of the audit could not be written");
            }
            return;
        }
    }
}

/// Appends one record in a transaction of its own, on the writer's thread.
pub async fn append_alone(db: &Db, record: Record) -> Result<(), DbError> {
    append(db, vec![record]).await.0
}

/// Appends records together. Gives them back, since a busy database wants another try.
async fn append(db: &Db, records: Vec<Record>) -> (Result<(), DbError>, Vec<Record>) {
    let at = db.clone();
    let records = Arc::new(records);
    let job = Arc::clone(&records);
    let appended = db.work(async move {
        let mut tx = at.write().await?;
        // A batch that breaks off in the middle must not leave its first half to the others of its group.
        tx.protect().await?;
        audit::append_all(&mut tx, &job).await?;
        tx.commit().await
    });
    let outcome = appended.await.unwrap_or_else(|_| Err(DbError::Lost("the audit's writer broke down".into())));
    (outcome, Arc::unwrap_or_clone(records))
}

struct Batch {
    app: Arc<App>,
    events: Events,
    /// Records that are not in the log yet.
    pending: Vec<Record>,
    logins: Bucket,
    failing: bool,
}

impl Batch {
    /// Makes records of what waits in the queue. Gives whether there is anything to append.
    async fn gather(&mut self, now: Moment) -> bool {
        let dropped = self.app.trail.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            let text = "events came faster than they could be recorded; their number is all that is known of them";
            let lost = Record::new(now, Actor::server(), "lost");
            self.pending.push(Record { times: dropped, note: Some(Line::note(text)), ..lost });
        }
        let mut untold = 0;
        while self.pending.len() < BATCH_RECORDS_MAX {
            let Ok(event) = self.events.0.try_recv() else { break };
            let Some(record) = self.record(event).await else { continue };
            let is_failed_login = record.verb.as_str() == LOGIN && record.outcome != Outcome::Done;
            if is_failed_login && !self.logins.take(now) {
                untold += 1;
                continue;
            }
            self.pending.push(record);
        }
        if untold > 0 {
            let others = Record::new(now, Actor { channel: Line::name("webdav"), ..Actor::default() }, LOGIN);
            let note = Some(Line::note("more failed logins than are told one by one"));
            self.pending.push(Record { outcome: Outcome::Denied, times: untold, note, ..others });
        }
        !self.pending.is_empty()
    }

    /// Appends the records. Gives whether it went well; if not, they wait for the next round.
    async fn append(&mut self) -> bool {
        let (outcome, records) = append(&self.app.db, std::mem::take(&mut self.pending)).await;
        match outcome {
            Ok(()) => {
                self.failing = false;
                true
            }
            Err(error) => {
                if !self.failing {
                    tracing::warn!(%error, "records of the audit wait: they can't be written");
                }
                self.failing = true;
                self.pending = records;
                false
            }
        }
    }

    /// What an event tells; `None` when nothing happened that anybody wants to know.
    async fn record(&self, event: Event) -> Option<Record> {
        let Event { trace, what } = event;
        let record = trace.record();
        match what {
            What::Download { status, bytes } => {
                let (share, node) = trace.download.get().copied().unzip();
                Some(Record { share, node, status: Some(status.as_u16()), bytes, ..record })
            }
            What::Refusal { status, text, denied } => {
                let rule = match denied {
                    Some(denied) => Some(rule(&denied)),
                    None if status == StatusCode::NOT_FOUND => self.hidden(&trace, trace.path()).await,
                    // A collection that the caller doesn't see can't get a member either.
                    None if status == StatusCode::CONFLICT => {
                        let into = trace.target().or_else(|| trace.path()).and_then(|path| path.parent());
                        self.hidden(&trace, into).await
                    }
                    // Something in a collection, or a level where nobody changes anything: the words say what.
                    None if status == StatusCode::FORBIDDEN => Some(text.clone()),
                    None => None,
                };
                let outcome = if rule.is_some() { Outcome::Denied } else { Outcome::Refused };
                // Nothing was there, and only looked for.
                if outcome == Outcome::Refused && status == StatusCode::NOT_FOUND && !trace.changes() {
                    return None;
                }
                let note = Some(Line::note(rule.as_deref().unwrap_or(&text)));
                Some(Record { outcome, status: Some(status.as_u16()), note, ..record })
            }
            What::Login => Some(Record { path: None, target: None, ..login(record) }),
            What::NoLogin { name, status } => {
                let by_url = office::is_at(trace.path_text());
                let (outcome, note) = match status {
                    Some(StatusCode::TOO_MANY_REQUESTS) if by_url => {
                        (Outcome::Denied, "too many tokens of Office URLs that are none")
                    }
                    Some(StatusCode::TOO_MANY_REQUESTS) => (Outcome::Denied, "too many wrong passwords"),
                    Some(_) if by_url => (Outcome::Denied, "there is no Office URL of this token"),
                    Some(_) => (Outcome::Denied, "the user name or the password is wrong, or the account is closed"),
                    None => (Outcome::Refused, "the client hung up before it was known whether the login is right"),
                };
                // Only names of accounts: people type their password into the wrong field.
                let account = match name {
                    Some(name) => {
                        directory::find_user(&mut self.app.db.read().await.ok()?, name.as_str()).await.ok()?
                    }
                    None => None,
                };
                let status = status.map(|status| status.as_u16());
                let mut record = Record { outcome, status, note: Some(Line::note(note)), ..login(record) };
                (record.path, record.target) = (None, None);
                if let Some(account) = account {
                    record.actor.id = Some(account.id);
                    record.actor.name = Line::name(&account.name);
                }
                Some(record)
            }
        }
    }

    /// The rule that hides what the caller didn't find; `None` if nothing is there.
    async fn hidden(&self, trace: &Trace, path: Option<RelPath>) -> Option<String> {
        let (caller, _) = trace.caller.get()?;
        let path = path.filter(|path| !path.is_root())?;
        let mut tx = self.app.db.read().await.ok()?;
        let hidden = guard::hidden(&mut tx, caller, &path).await.ok()??;
        Some(hidden.sentence)
    }
}

/// The verb of logins.
const LOGIN: &str = "LOGIN";

fn login(record: Record) -> Record {
    Record { verb: Line::verb(LOGIN), ..record }
}

/// The law's reason, about the place that it named.
fn rule(denied: &Denied) -> String {
    let path = below_prefix(&denied.href);
    denied.denial.explain(&path.map_or_else(|| denied.href.clone(), |path| path.to_string())).sentence
}

/// Lets a burst through, and then so many a second.
struct Bucket {
    left: u64,
    filled: Moment,
}

impl Bucket {
    fn full(now: Moment) -> Self {
        Self { left: FAILED_LOGINS_BURST, filled: now }
    }

    fn take(&mut self, now: Moment) -> bool {
        let seconds = now.0.saturating_sub(self.filled.0).max(0).unsigned_abs() / 1000;
        if seconds > 0 {
            self.left = self.left.saturating_add(seconds.saturating_mul(FAILED_LOGINS_PER_S)).min(FAILED_LOGINS_BURST);
            self.filled = now;
        }
        let lets = self.left > 0;
        self.left = self.left.saturating_sub(1);
        lets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_let_through_and_then_so_many_a_second() {
        let mut bucket = Bucket::full(Moment(0));
        assert_eq!((0..1000).filter(|_| bucket.take(Moment(10))).count() as u64, FAILED_LOGINS_BURST);
        assert_eq!((0..1000).filter(|_| bucket.take(Moment(1500))).count() as u64, FAILED_LOGINS_PER_S);
        assert!(!bucket.take(Moment(0)), "a clock that was set back gives nothing");
    }
}
