//! What somebody sees of a tree, in the tree's own words: which members of a collection, and how far a walk goes.
//!
//! The guard knows why; here it is only a part of each question to the database, so that what isn't seen is never read.

mod sql;

use super::list::{Cursor, PAGE_NODES};
use super::{Node, TreeError};
use crate::db::{Conn, Reads};
use crate::ids::{NodeId, UserId};

/// Which members of a collection are shown, apart from those that are named one by one. The numbers are those of the
/// statements.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Lists {
    /// Every one.
    #[default]
    All,
    /// Collections.
    Collections,
    /// None.
    Named,
}

/// The members of one collection that somebody sees.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those that need no mention.
    pub lists: Lists,
    /// Members that are shown whatever `lists` says.
    pub also: Vec<NodeId>,
    /// Members that are not.
    pub except: Vec<NodeId>,
    /// What macOS lays beside files is shown only where this person wrote it.
    pub litter_of: Option<UserId>,
}

impl Filter {
    /// Whether every member is shown.
    pub fn is_all(&self) -> bool {
        self.lists == Lists::All && self.except.is_empty() && self.litter_of.is_none()
    }
}

/// What somebody sees from one node down. What holds for a node holds below it, until another is named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// Which members of the topmost collection are shown.
    pub lists: Lists,
    /// Collections from which on all members are shown.
    pub all: Vec<NodeId>,
    /// Collections from which on only collections are.
    pub collections: Vec<NodeId>,
    /// Collections from which on no members are, but for those in `also`.
    pub named: Vec<NodeId>,
    /// Nodes that are shown whatever holds above.
    pub also: Vec<NodeId>,
    /// Nodes that are not, with everything below.
    pub except: Vec<NodeId>,
}

impl View {
    /// What shows no member of anything.
    pub fn nothing() -> Self {
        Self { lists: Lists::Named, ..Self::default() }
    }

    /// Whether everything is shown.
    pub fn is_all(&self) -> bool {
        self.lists == Lists::All && self.collections.is_empty() && self.named.is_empty() && self.except.is_empty()
    }
}

/// Kinds of members that stand in the way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Bars {
    /// Files do.
    pub files: bool,
    /// Collections do.
    pub collections: bool,
}

/// What must not be met below a node. What holds for a node's members holds farther down, until another node is named;
/// the named ones themselves have been looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forbidden {
    /// Below the topmost node.
    pub top: Bars,
    /// Below these.
    pub below: Vec<(NodeId, Bars)>,
}

impl Forbidden {
    /// Whether nothing can stand in the way, so that nobody need look.
    pub fn is_nothing(&self) -> bool {
        self.top == Bars::default() && self.below.iter().all(|(_, bars)| *bars == Bars::default())
    }

    fn with(&self, bars: Bars) -> Vec<NodeId> {
        self.below.iter().filter(|(_, of)| *of == bars).map(|(node, _)| *node).collect()
    }
}

/// What of the forbidden lies below `root`, at most `limit`, of what is seen or (`seen` is `None`) of everything.
pub async fn forbidden(
    tx: &mut impl Reads,
    root: NodeId,
    seen: Option<&View>,
    forbidden: &Forbidden,
    limit: usize,
) -> Result<Vec<NodeId>, TreeError> {
    if forbidden.is_nothing() {
        return Ok(Vec::new());
    }
    let everything = View::default();
    Ok(sql::forbidden(tx.conn(), root, seen.unwrap_or(&everything), forbidden, limit as i64).await?)
}

/// How many nodes lie in each region from `root` down: it and each of `marks` begin one, which goes down to the next.
pub async fn regions(tx: &mut impl Reads, root: NodeId, marks: &[NodeId]) -> Result<Vec<(NodeId, u64)>, TreeError> {
    Ok(sql::regions(tx.conn(), root, marks).await?)
}

/// How many nodes are seen at and below `root`; counts no further than `limit`.
pub(super) async fn count(conn: &mut Conn, root: NodeId, view: &View, limit: i64) -> Result<i64, TreeError> {
    Ok(sql::count(conn, root, view, limit).await?)
}

/// Writes which nodes a copy of what is seen of `source` takes: how many, their bytes, levels below the source.
pub(super) async fn plan_copy(conn: &mut Conn, source: NodeId, view: &View) -> Result<(i64, i64, i64), TreeError> {
    Ok(sql::plan_copy(conn, source, view).await?)
}

/// A page of the members that are seen, as one JSON row, and the key of the last of them.
pub(super) async fn members_json(
    conn: &mut Conn,
    parent: &Node,
    after: &Cursor,
    filter: &Filter,
) -> Result<(String, Option<String>), TreeError> {
    Ok(sql::members_json(conn, parent.id, after.key(), filter, PAGE_NODES).await?)
}
