//! Rolling back: a file, a folder or a share as it was just before a moment, for all at once and with nothing lost.
//!
//! The states of that time come back as new revisions. What was deleted since comes back if asked for, what was made since
//! goes to the trash if asked for, and with both, everything lies where it lay and is called what it was called. What
//! somebody else has locked stays as it is, with every folder that it lies in.

use commonhold_acl::Permission;
use serde_json::json;

use super::{lay_out, sql};
use crate::clock::Moment;
use crate::db::Reads;
use crate::history::{Authority, HistoryError, trash};
use crate::ids::NodeId;
use crate::locks::Lock;
use crate::path::{Name, PATH_DEPTH_MAX};
use crate::tree::change::Change;
use crate::tree::{Located, Node, TreeError};

/// Resources of each kind that are named in a report.
pub const TOLD_MAX: i64 = 1_000;

/// How far to go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct How {
    /// What was deleted since comes back.
    pub deleted: bool,
    /// What has come since goes to the trash: what was made, and what came back from there.
    pub new: bool,
    /// What was moved or renamed since goes back to its place.
    pub moved: bool,
}

impl How {
    /// Everything as it was.
    pub const WHOLE: Self = Self { deleted: true, new: true, moved: true };
}

/// What has become of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// A file has its former content again.
    Rewritten,
    /// It has come back from the trash.
    Restored,
    /// It is back at its place.
    Moved,
    /// It has gone to the trash.
    Trashed,
    /// It would have changed, and is locked.
    Locked,
    /// What it was then is not known any more.
    Unknown,
}

/// What a roll back has done.
#[derive(Debug, Default)]
pub struct Report {
    /// How many of each.
    pub counts: Vec<(Fate, u64)>,
    /// Which, at most [`TOLD_MAX`] of each: the nodes from the share's root on.
    pub told: Vec<(Fate, Vec<Node>)>,
    /// Things deleted since, at or below it, that have not come back.
    pub still_deleted: u64,
    /// Things made since that are still there.
    pub still_new: u64,
}

impl Report {
    /// How many have met this fate.
    pub fn count(&self, fate: Fate) -> u64 {
        self.counts.iter().filter(|(of, _)| *of == fate).map(|(_, count)| count).sum()
    }
}

/// Takes what `at` leads to back to what it was just before `moment`.
///
/// `by` allows `write` on it; what is below, and what coming back and going away need, is the caller's to ask. `locks` are
/// those on it, above and below that are in the way. `kept_away`: deleted things that stay deleted.
/// Errors: [`HistoryError::NotThereYet`], [`HistoryError::Future`], [`TreeError::OverQuota`], [`TreeError::TooDeep`].
pub async fn roll_back(
    change: &mut Change<'_>,
    by: Authority<'_>,
    at: &Located,
    moment: Moment,
    how: How,
    (locks, kept_away): (&[Lock], &[NodeId]),
) -> Result<Report, HistoryError> {
    let top = at.node().expect("something to roll back");
    by.require(Permission::Write, top.id);
    if moment > change.by.at {
        return Err(HistoryError::Future);
    }
    if sql::made_at(change.tx.conn(), top.id).await? >= moment && top.parent.is_some() {
        return Err(HistoryError::NotThereYet);
    }
    change.touch();
    let share = change.share;
    let locked = Locked::of(at, locks);
    sql::scope(change.tx.conn(), (top.id, moment), locked.everything, &locked.deep, &locked.flat).await?;
    if how != How::default() {
        lay_out(change.tx.conn(), share, top.id, moment).await?;
        sql::bin(change.tx.conn(), (share, change.trash), moment, (&ids(kept_away), how.deleted)).await?;
        if sql::has_come(change.tx.conn(), top.id).await? {
            return Err(HistoryError::NotThereYet);
        }
        sql::plan_moves(change.tx.conn(), top.id, how).await?;
    }
    if how.new {
        sql::plan_trash(change.tx.conn()).await?;
    }
    sql::plan_contents(change.tx.conn(), moment).await?;
    let bytes = sql::planned_bytes(change.tx.conn()).await?;
    change.confirm_quota(bytes.unsigned_abs())?;
    if how != How::default() {
        change.tx.touch_directory();
    }

    let (actor, now) = (change.by.user, change.by.at);
    let actions = sql::tell(change.tx.conn()).await?;
    let seq = change.seq + actions;
    sql::journal(change.tx.conn(), share, change.seq, (actor, now)).await?;
    tell_departures(change).await?;
    sql::apply_trash(change.tx.conn(), share, change.trash, (actor, now)).await?;
    sql::leave_places(change.tx.conn(), now).await?;
    settle_names(change).await?;
    sql::apply_moves(change.tx.conn(), share).await?;
    sql::apply_contents(change.tx.conn(), &change.by).await?;
    sql::settle(change.tx.conn(), share, (change.seq, seq), top.id).await?;
    change.seq = seq;
    if trash::levels_below(change.tx, top.id).await? + at.chain().len() as i64 > PATH_DEPTH_MAX as i64 {
        return Err(TreeError::TooDeep.into());
    }
    report(change, top, moment).await
}

/// Keeps where everything is that the actions just written take away; whoever follows the log is told of these places.
async fn tell_departures(change: &mut Change<'_>) -> Result<(), HistoryError> {
    let departing = sql::departing(change.tx.conn(), change.share, change.seq).await?;
    // With one question: there may be a hundred thousand of them.
    let nodes: Vec<NodeId> = departing.iter().map(|(_, node)| *node).collect();
    let above = trash::above(change.tx, &nodes).await?;
    for (seq, node) in departing {
        let mut chain = trash::chain(&above, node);
        // What lay in a folder that is deleted has left with it.
        let has_left = chain.iter().any(|node| above.get(&node.id).is_some_and(|(_, is_deleted)| *is_deleted));
        if let Some(node) = chain.pop().filter(|_| !has_left) {
            change.depart(seq, &node, &chain).await?;
        }
    }
    Ok(())
}

/// Locks as the statements take them.
struct Locked {
    everything: bool,
    deep: String,
    flat: String,
}

impl Locked {
    fn of(at: &Located, locks: &[Lock]) -> Self {
        let above = |lock: &Lock| lock.deep && at.chain().iter().any(|node| node.id == lock.node);
        let (deep, flat): (Vec<&Lock>, Vec<&Lock>) = locks.iter().partition(|lock| lock.deep);
        let list = |locks: Vec<&Lock>| ids(&locks.iter().map(|lock| lock.node).collect::<Vec<_>>());
        Self { everything: locks.iter().any(above), deep: list(deep), flat: list(flat) }
    }
}

fn ids(nodes: &[NodeId]) -> String {
    json!(nodes.iter().map(|node| node.0).collect::<Vec<_>>()).to_string()
}

/// Finds other names for what can't have its own back.
async fn settle_names(change: &mut Change<'_>) -> Result<(), HistoryError> {
    for (node, parent, name) in sql::clashes(change.tx.conn()).await? {
        let former = Name::parse(&name).map_err(|_| HistoryError::NoFreeName(name.clone()))?;
        // Its own is taken.
        let mut variants = trash::Variants::behind(&former);
        while sql::is_taken(change.tx.conn(), parent, variants.next()?.key().as_str()).await? {}
        sql::rename_move(change.tx.conn(), node, variants.current()).await?;
    }
    Ok(())
}

async fn report(change: &mut Change<'_>, top: &Node, moment: Moment) -> Result<Report, HistoryError> {
    let mut report = Report::default();
    let tx = &mut *change.tx;
    let mut told = Vec::new();
    for fate in [Fate::Rewritten, Fate::Restored, Fate::Moved, Fate::Trashed, Fate::Locked, Fate::Unknown] {
        let nodes = sql::nodes_of(tx.conn(), fate, moment).await?;
        report.counts.push((fate, nodes.len() as u64));
        told.extend(nodes.into_iter().take(TOLD_MAX as usize).map(|node| (fate, node)));
    }
    // With one question: others wait. What has gone to the trash is told of where it was.
    let nodes: Vec<NodeId> = told.iter().map(|(_, node)| *node).collect();
    let above = trash::above(tx, &nodes).await?;
    report.told = told.into_iter().map(|(fate, node)| (fate, trash::chain(&above, node))).collect();
    report.still_deleted = sql::still_deleted(tx.conn(), top, moment).await?.unsigned_abs();
    report.still_new = sql::still_new(tx.conn()).await?.unsigned_abs();
    Ok(report)
}
