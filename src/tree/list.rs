//! Members of a collection, page by page, and how many there are below.

use serde::Deserialize;

use super::view::{self, Filter, View};
use super::{Kind, Node, TreeError, sql};
use crate::clock::Moment;
use crate::db::{DbError, Reads};
use crate::ids::{ContentId, NodeId, ShareId};

/// Members in one page: bounds what a listing holds in memory.
pub const PAGE_NODES: i64 = 2_000;

/// A place in a listing: after the last node of the page before.
#[derive(Debug, Clone, Default)]
pub struct Cursor(String);

impl Cursor {
    pub(super) fn key(&self) -> &str {
        &self.0
    }
}

/// A row as the statement gives it.
#[derive(Deserialize)]
struct Row(i64, String, i64, String, u64, i64, i64, i64, i64);

impl Row {
    fn node(self, share: ShareId, parent: NodeId) -> Option<Node> {
        let Self(id, name, kind, content, size, modified, created, seq, has_props) = self;
        let content = if content.is_empty() { None } else { Some(ContentId(content.parse().ok()?)) };
        Some(Node {
            id: NodeId(id),
            share,
            parent: Some(parent),
            name,
            kind: if kind == 0 { Kind::Collection } else { Kind::File },
            content,
            size,
            modified: Moment(modified),
            created: Moment(created),
            seq,
            lease: None,
            has_props: has_props != 0,
        })
    }
}

/// The members of `parent` after `cursor`, in the order of their keys, and where the next page begins (`None`: at the end).
///
/// What a caller sees is part of the question, never a test behind it.
pub async fn members(
    tx: &mut impl Reads,
    parent: &Node,
    cursor: &Cursor,
    seen: &Filter,
) -> Result<(Vec<Node>, Option<Cursor>), TreeError> {
    let (json, last) = if seen.is_all() {
        sql::members_json(tx.conn(), parent.id, &cursor.0, false, PAGE_NODES).await?
    } else {
        view::members_json(tx.conn(), parent, cursor, seen).await?
    };
    let rows: Vec<Row> = serde_json::from_str(&json).map_err(unreadable)?;
    let next = if rows.len() as i64 == PAGE_NODES { last.map(Cursor) } else { None };
    let nodes: Option<Vec<Node>> = rows.into_iter().map(|row| row.node(parent.share, parent.id)).collect();
    Ok((nodes.ok_or_else(|| unreadable("a content id that is none"))?, next))
}

fn unreadable(why: impl ToString) -> TreeError {
    TreeError::Db(DbError::Lost(format!("a listing can't be read: {}", why.to_string()).into()))
}

/// How large a collection is, whoever sees of it what.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extent {
    /// Its members.
    pub members: u64,
    /// The characters of their names together.
    pub characters: u64,
    /// Those with dead properties.
    pub with_props: u64,
}

/// How large a collection is.
pub async fn extent(tx: &mut impl Reads, parent: &Node) -> Result<Extent, TreeError> {
    let [members, characters, with_props] = sql::extent(tx.conn(), parent.id).await?.map(i64::unsigned_abs);
    Ok(Extent { members, characters, with_props })
}

/// How many nodes are seen at and below `root`; counts no further than `limit`.
pub async fn count_below(tx: &mut impl Reads, root: NodeId, seen: &View, limit: u64) -> Result<u64, TreeError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let count = if seen.is_all() {
        sql::count_below(tx.conn(), root, limit).await?
    } else {
        view::count(tx.conn(), root, seen, limit).await?
    };
    Ok(count.unsigned_abs())
}
