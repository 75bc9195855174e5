//! The states of a file: the present one and the revisions, which are what it was before.
//!
//! Each state has a number that stays with it, 1 for the first. Bringing one back makes a new state; nothing but trimming
//! takes one away, and never the present one.

mod sql;

use commonhold_acl::Permission;

use super::{Authority, HistoryError};
use crate::clock::Moment;
use crate::db::{Reads, WriteTx};
use crate::directory::Administrator;
use crate::ids::{ContentId, NodeId, ShareId, UserId};
use crate::tree::change::{Change, State};
use crate::tree::{self, Kind, Node};

/// Characters in the name of a revision.
pub const LABEL_CHARS_MAX: usize = 200;
/// States of one file that are told, the newest.
pub const LISTED_MAX: i64 = 10_000;

/// A state of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// Its number among those of the file.
    pub number: i64,
    /// Whether it is the present state.
    pub present: bool,
    /// The bytes.
    pub content: ContentId,
    /// How many.
    pub size: u64,
    /// BLAKE3 of them.
    pub hash: Vec<u8>,
    /// When it was saved, by the server's clock.
    pub written: Moment,
    /// Last change of the content, or as a client set it.
    pub modified: Moment,
    /// Who saved it.
    pub author: Option<UserId>,
    /// His login name, while there is such an account.
    pub author_name: Option<String>,
    /// Through what, in a few words; empty when nobody knows.
    pub client: String,
    /// No rule trims it.
    pub pinned: bool,
    /// What people call it; empty for most.
    pub label: String,
    /// Somebody else has overwritten it without having said which state he replaces.
    pub overwritten_blindly: bool,
}

/// The states of a file, the newest first; at most [`LISTED_MAX`].
pub async fn list(tx: &mut impl Reads, file: NodeId) -> Result<Vec<Revision>, HistoryError> {
    Ok(sql::list(tx.conn(), file, None, LISTED_MAX).await?)
}

/// The state of that number. Errors: [`HistoryError::NoSuchRevision`].
pub async fn find(tx: &mut impl Reads, file: NodeId, number: i64) -> Result<Revision, HistoryError> {
    let found = sql::list(tx.conn(), file, Some(number), 1).await?;
    found.into_iter().next().ok_or(HistoryError::NoSuchRevision(number))
}

/// The state of that number between the one after it and the one before it, as far as there are such: the newest first.
///
/// Errors: [`HistoryError::NoSuchRevision`].
pub async fn around(tx: &mut impl Reads, file: NodeId, number: i64) -> Result<Vec<Revision>, HistoryError> {
    let mut found = sql::from(tx.conn(), file, number).await?;
    if found.first().is_none_or(|revision| revision.number != number) {
        return Err(HistoryError::NoSuchRevision(number));
    }
    found.reverse();
    found.extend(sql::before(tx.conn(), file, number).await?);
    Ok(found)
}

/// The number of the oldest state of a file that is still there.
pub async fn oldest(tx: &mut impl Reads, file: NodeId) -> Result<Option<i64>, HistoryError> {
    Ok(sql::oldest(tx.conn(), file).await?)
}

/// The numbers of the present states of files.
pub async fn present(tx: &mut impl Reads, files: &[NodeId]) -> Result<Vec<(NodeId, i64)>, HistoryError> {
    Ok(sql::present(tx.conn(), files).await?)
}

/// Gives a file the content that it had in an earlier state; its present one is kept. `permit` allows `write` on it; that
/// whoever asks may read it is part of the operation.
///
/// Errors: [`crate::tree::TreeError::OverQuota`].
pub async fn restore(
    change: &mut Change<'_>,
    by: Authority<'_>,
    file: &Node,
    ancestors: &[Node],
    revision: &Revision,
) -> Result<Node, HistoryError> {
    by.require(Permission::Write, file.id);
    change.confirm_quota(revision.size)?;
    change.touch();
    let state = State { content: revision.content, size: revision.size, modified: change.by.at, blind: false };
    Ok(change.set_content(file, ancestors, state).await?)
}

/// What people say about a state of a file; `None` leaves it as it is.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Whether rules must leave it alone.
    pub pinned: Option<bool>,
    /// What it is called; empty takes the name away.
    pub label: Option<String>,
}

/// Says something about a state of a file. `by` allows `write` on it.
///
/// Errors: [`HistoryError::NoSuchRevision`], [`HistoryError::BadLabel`].
pub async fn mark(
    tx: &mut WriteTx,
    by: Authority<'_>,
    file: &Node,
    number: i64,
    mark: &Mark,
) -> Result<(), HistoryError> {
    by.require(Permission::Write, file.id);
    if let Some(label) = &mark.label
        && (label.chars().count() > LABEL_CHARS_MAX || label.chars().any(char::is_control))
    {
        return Err(HistoryError::BadLabel);
    }
    let revision = find(tx, file.id, number).await?;
    tx.touch_share(file.share);
    sql::mark(tx.conn(), file.id, &revision, mark).await?;
    Ok(())
}

/// Which revisions to trim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The one of that number, of a file.
    Number(i64),
    /// Those that had been replaced before then: the file can still be taken back to any later time.
    ReplacedBefore(Moment),
    /// All but so many, the newest; the present state isn't counted.
    AllBut(u64),
}

/// What was trimmed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Trimmed {
    /// Revisions that are gone.
    pub revisions: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Trims revisions of a file, or of every file below a collection; not those that are pinned or named, unless `kept_too`.
/// `by` allows `trim` on it; what is below, and not in the way of the law, is the caller's to ask.
///
/// Errors: [`HistoryError::NoSuchRevision`], [`HistoryError::Present`], [`HistoryError::Kept`] for a single one.
pub async fn trim(
    tx: &mut WriteTx,
    by: Authority<'_>,
    node: &Node,
    which: Which,
    kept_too: bool,
) -> Result<Trimmed, HistoryError> {
    by.require(Permission::Trim, node.id);
    if let Which::Number(number) = which {
        assert!(node.kind == Kind::File, "only a file has revisions");
        let revision = find(tx, node.id, number).await?;
        if revision.present {
            return Err(HistoryError::Present(number));
        }
        if !kept_too && (revision.pinned || !revision.label.is_empty()) {
            return Err(HistoryError::Kept(number));
        }
    }
    tx.touch_share(node.share);
    let sizes = sql::trim(tx.conn(), node.id, which, kept_too).await?;
    account(tx, node.share, &sizes).await
}

/// What a rule trims: each revision that any of its parts is against.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rule {
    /// All but so many of a file, the newest.
    pub keep: Option<u64>,
    /// Those that had been replaced before then.
    pub replaced_before: Option<Moment>,
    /// Those of a file that, counted from the newest, go beyond so many bytes.
    pub bytes: Option<u64>,
}

/// One slice of trimming a share by a rule, live files and trash alike: the revisions of its next `nodes_max` nodes after
/// `after`. Pinned and named ones stay. Gives the last of these nodes; `None` at the end of the share.
pub async fn trim_by_rule(
    tx: &mut WriteTx,
    by: &Administrator,
    share: ShareId,
    rule: &Rule,
    after: NodeId,
    nodes_max: u32,
) -> Result<(Trimmed, Option<NodeId>), HistoryError> {
    assert!(by.reaches_site(), "an administrator of the whole site");
    let nodes = sql::next_nodes(tx.conn(), share, after, i64::from(nodes_max)).await?;
    let Some(last) = nodes.last().map(|(node, _)| *node) else { return Ok((Trimmed::default(), None)) };
    let files: Vec<NodeId> = nodes.into_iter().filter_map(|(node, changed)| changed.then_some(node)).collect();
    if files.is_empty() {
        return Ok((Trimmed::default(), Some(last)));
    }
    tx.touch_share(share);
    let sizes = sql::trim_by_rule(tx.conn(), &files, rule).await?;
    if !sizes.is_empty() {
        sql::recount_trash(tx.conn(), share).await?;
    }
    Ok((account(tx, share, &sizes).await?, Some(last)))
}

async fn account(tx: &mut WriteTx, share: ShareId, sizes: &[i64]) -> Result<Trimmed, HistoryError> {
    let bytes: i64 = sizes.iter().sum();
    tree::account(tx, share, -bytes).await?;
    Ok(Trimmed { revisions: sizes.len() as u64, bytes: bytes.unsigned_abs() })
}
