//! The jobs `trim`, `purge-deleted` and `purge`: what policies say about how long history is kept, and the rows of what was purged.
//!
//! Each share that loses something by a rule gets one record a run, with what and by which rule.

use std::time::Instant;

use super::{DAY, JobError, Run};
use crate::audit::{self, Actor, Line, Record};
use crate::clock::Moment;
use crate::db::{Db, Portion};
use crate::directory::Administrator;
use crate::directory::policy::{self, Measures};
use crate::history::revision::{self, Rule, Trimmed};
use crate::history::trash::{self, purge_slice};
use crate::history::{Authority, HistoryError};
use crate::ids::NodeId;
use crate::shares::{self, Share};

/// Nodes whose revisions one slice looks at.
const NODES_AT_ONCE: u32 = 500;
/// Deleted things that one slice purges; each is detached by one row.
const ITEMS_AT_ONCE: i64 = 50;

/// `trim`.
pub(super) async fn trim(run: &Run<'_>) -> Result<String, JobError> {
    let (from, place) = Place::read(run.claim.progress.as_deref());
    let (mut all, mut of) = (Trimmed::default(), 0);
    for (share, measures) in shares_from(run, from).await? {
        let Some((rule, words)) = rule(&measures, run.now) else { continue };
        // That place is one of its share; others are gone through from their beginning.
        let mut after = if share.id.0 == from { place } else { NodeId(0) };
        let mut here = Trimmed::default();
        loop {
            let begun = Instant::now();
            let slice = trim_slice(run.chores.db.clone(), share.clone(), rule, after);
            let (trimmed, last) = run.pace.slice(&run.chores.db, slice).await?;
            here = Trimmed { revisions: here.revisions + trimmed.revisions, bytes: here.bytes + trimmed.bytes };
            let Some(last) = last else { break };
            after = last;
            run.save(&Place::written(&share, after)).await?;
            run.pace.rest(begun.elapsed()).await?;
        }
        if here.revisions > 0 {
            let done = format!("{} revisions of {} bytes, by {words}", here.revisions, here.bytes);
            record(run, "trim", &share, &done).await?;
            of += 1;
        }
        all = Trimmed { revisions: all.revisions + here.revisions, bytes: all.bytes + here.bytes };
    }
    Ok(format!("trimmed {} revisions of {} bytes in {of} shares", all.revisions, all.bytes))
}

async fn trim_slice(
    db: Db,
    share: Share,
    rule: Rule,
    after: NodeId,
) -> Result<(Trimmed, Option<NodeId>), HistoryError> {
    let mut tx = db.write().await?;
    tx.protect().await?;
    let by = Administrator::of_the_site();
    let done = revision::trim_by_rule(&mut tx, &by, share.id, &rule, after, NODES_AT_ONCE).await?;
    tx.commit().await?;
    Ok(done)
}

/// What the policies say about previous revisions, and the same in words; `None`: nothing.
fn rule(measures: &Measures, now: Moment) -> Option<(Rule, String)> {
    let (keep, days) = (measures.trim_revisions_keep(), measures.trim_revisions_days());
    let bytes = measures.trim_revisions_bytes();
    let words = [("trim_revisions_keep", keep), ("trim_revisions_days", days), ("trim_revisions_bytes", bytes)];
    let words = words.iter().filter_map(|(name, value)| value.map(|value| format!("{name}={value}")));
    let words = words.collect::<Vec<_>>().join(" ");
    let rule = Rule { keep, replaced_before: days.map(|days| ago(days, now)), bytes };
    (!words.is_empty()).then_some((rule, words))
}

/// `purge-deleted`.
pub(super) async fn purge_deleted(run: &Run<'_>) -> Result<String, JobError> {
    let (mut items, mut bytes, mut of) = (0, 0, 0);
    for (share, measures) in shares_from(run, 0).await? {
        let Some(days) = measures.purge_deleted_days() else { continue };
        let before = ago(days, run.now);
        let (mut here_items, mut here_bytes, mut after) = (0, 0, None);
        loop {
            let begun = Instant::now();
            let mut tx = run.chores.db.read().await?;
            let page = trash::deleted_before(&mut tx, share.id, before, after, ITEMS_AT_ONCE).await?;
            // Outside of the writing transaction: a large tree takes its time.
            let nodes: Vec<NodeId> = page.iter().map(|(node, _)| *node).collect();
            let measured = trash::measure(&mut tx, &nodes).await?;
            drop(tx);
            let Some((last, at)) = page.last() else { break };
            after = Some((*at, *last));
            let slice = purge_items(run.chores.db.clone(), share.clone(), measured, run.now);
            let (purged, freed) = run.pace.slice(&run.chores.db, slice).await?;
            (here_items, here_bytes) = (here_items + purged, here_bytes + freed);
            run.pace.rest(begun.elapsed()).await?;
        }
        if here_items > 0 {
            let done = format!("{here_items} items of {here_bytes} bytes, by purge_deleted_days={days}");
            record(run, "purge", &share, &done).await?;
            of += 1;
        }
        (items, bytes) = (items + here_items, bytes + here_bytes);
    }
    Ok(format!("purged {items} deleted items of {bytes} bytes in {of} shares"))
}

/// Purges what still lies in the trash. Gives how many nodes that were, and their bytes.
async fn purge_items(
    db: Db,
    share: Share,
    measured: Vec<trash::Measured>,
    now: Moment,
) -> Result<(u64, u64), HistoryError> {
    let mut tx = db.write().await?;
    tx.protect().await?;
    let by = Administrator::of_the_site();
    let (mut items, mut bytes) = (0, 0);
    for measured in &measured {
        match trash::purge(&mut tx, Authority::Site(&by), share.id, measured, now).await {
            Ok(purged) => (items, bytes) = (items + purged.items, bytes + purged.bytes),
            // Somebody has restored or purged it meanwhile.
            Err(HistoryError::NotInTrash) => {}
            Err(error) => return Err(error),
        }
    }
    tx.commit().await?;
    Ok((items, bytes))
}

/// `purge`.
pub(super) async fn purge(run: &Run<'_>) -> Result<String, JobError> {
    let now = run.now;
    let mut portion = Portion::default();
    loop {
        let begun = Instant::now();
        let slice = run.pace.slice(&run.chores.db, purge_rows(run.chores.db.clone(), now, portion)).await?;
        if !slice.more {
            return Ok("removed the rows of what was purged".to_owned());
        }
        portion = slice.next(portion);
        run.pace.rest(begun.elapsed()).await?;
    }
}

async fn purge_rows(db: Db, now: Moment, portion: Portion) -> Result<trash::Slice, HistoryError> {
    let mut tx = db.write().await?;
    let slice = purge_slice(&mut tx, now, portion).await?;
    tx.commit().await?;
    Ok(slice)
}

/// The shares from this id on, with the values of their policies.
async fn shares_from(run: &Run<'_>, from: i64) -> Result<Vec<(Share, Measures)>, JobError> {
    let mut tx = run.chores.db.read().await?;
    let mut all = shares::list(&mut tx).await?;
    all.retain(|share| share.id.0 >= from);
    all.sort_by_key(|share| share.id);
    let ids: Vec<_> = all.iter().map(|share| (share.id, share.org)).collect();
    let mut measures = policy::measures(&mut tx, &ids).await?;
    Ok(all
        .into_iter()
        .map(|share| {
            let own = measures.remove(&share.id).unwrap_or_default();
            (share, own)
        })
        .collect())
}

/// One record for what a share has lost.
async fn record(run: &Run<'_>, verb: &'static str, share: &Share, done: &str) -> Result<(), JobError> {
    let top = if share.owner.is_some() { format!("~{}", share.name) } else { format!("/{}", share.name) };
    let record = Record {
        share: Some(share.id),
        path: Some(Line::path(&top)),
        note: Some(Line::note(done)),
        ..Record::new(Moment::now(), Actor::server(), verb)
    };
    let db = run.chores.db.clone();
    let append = async move {
        let mut tx = db.write().await?;
        tx.protect().await?;
        audit::append(&mut tx, &record).await?;
        tx.commit().await
    };
    run.pace.slice(&run.chores.db, append).await
}

fn ago(days: u64, now: Moment) -> Moment {
    let span = DAY.saturating_mul(u32::try_from(days).unwrap_or(u32::MAX));
    Moment(now.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
}

/// Where a run is: a share, and the last node of it that was looked at.
struct Place;

impl Place {
    fn read(progress: Option<&str>) -> (i64, NodeId) {
        let read = |text: &str| {
            let (share, node) = text.split_once(' ')?;
            let number = |word: &str, name: &str| word.strip_prefix(name)?.parse().ok();
            Some((number(share, "share=")?, NodeId(number(node, "node=")?)))
        };
        progress.and_then(read).unwrap_or((0, NodeId(0)))
    }

    fn written(share: &Share, node: NodeId) -> String {
        format!("share={} node={}", share.id.0, node.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_run_is_read_as_it_is_written() {
        assert_eq!(Place::read(Some("share=7 node=12")), (7, NodeId(12)));
        for other in [None, Some(""), Some("share=7"), Some("node=1 share=2"), Some("share=x node=1")] {
            assert_eq!(Place::read(other), (0, NodeId(0)), "{other:?}");
        }
    }

    #[test]
    fn without_a_policy_there_is_no_rule() {
        assert!(rule(&Measures::default(), Moment(0)).is_none());
        assert_eq!(ago(1, Moment(86_400_000)), Moment(0));
        assert!(ago(u64::MAX, Moment(0)) < Moment(-i64::from(u32::MAX)));
    }
}
