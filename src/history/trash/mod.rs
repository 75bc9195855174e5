//! The trash of a share: what was deleted and where it came from, the way back, and purging.
//!
//! A deleted thing is judged by the place it came from. That place may be gone too: then its way leads through the trash,
//! as long as each collection on it is there; what is left without any place is for those who own the share.

mod purge;
mod sql;

use std::collections::HashMap;

use commonhold_acl::Permission;

use super::{Authority, HistoryError};
use crate::clock::Moment;
use crate::db::{Reads, WriteTx};
use crate::grants;
use crate::ids::{NodeId, ShareId, UserId};
use crate::locks;
use crate::path::{Name, PATH_DEPTH_MAX};
use crate::shares::Share;
use crate::tree::change::{Change, Op};
use crate::tree::{self, Node, TreeError, transfer_sql};

pub use purge::{Slice, purge_slice};

/// Deleted things that one question gives, the newest.
pub const LISTED_MAX: i64 = 10_000;
/// Variants of a taken name that are tried.
const VARIANTS_MAX: u32 = 1_000;

/// Something in the trash.
#[derive(Debug, Clone)]
pub struct Item {
    /// The node; its parent is the collection that it was deleted from.
    pub node: Node,
    /// Who deleted it.
    pub deleted_by: UserId,
    /// His login name, while there is such an account.
    pub deleted_by_name: Option<String>,
    /// When.
    pub deleted: Moment,
    /// The names of the collections that it lay in, below the share's root.
    pub place: Vec<String>,
    /// The nodes from the share's root down to it, as they were; some of them may be in the trash themselves. Only the root
    /// and it when its place is gone.
    pub chain: Vec<Node>,
    /// Whether nothing is left of the place that it came from.
    pub is_lost: bool,
    /// Whether each node of its place is still there, and not deleted.
    pub is_at_home: bool,
}

impl Item {
    /// The names from the share's root down to it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.place.iter().map(String::as_str).chain([self.node.name.as_str()])
    }

    /// Whether it lay at or below the place of these names.
    pub fn lay_below(&self, names: &[Name]) -> bool {
        let mut own = self.names();
        names.iter().all(|name| own.next().is_some_and(|own| is_called(own, name)))
    }

    /// Whether it lay at the very place of these names.
    pub fn lay_at(&self, names: &[Name]) -> bool {
        self.names().count() == names.len() && self.lay_below(names)
    }
}

fn is_called(own: &str, name: &Name) -> bool {
    Name::parse(own).is_ok_and(|own| own.key() == name.key())
}

/// When things were deleted, from a moment on and until just before another.
#[derive(Debug, Clone, Copy, Default)]
pub struct Period {
    /// `None`: from the beginning.
    pub since: Option<Moment>,
    /// `None`: until now.
    pub until: Option<Moment>,
}

/// What was deleted in a share, the newest first; at most [`LISTED_MAX`]. Who may see it is the guard's to say.
pub async fn list(tx: &mut impl Reads, share: &Share, period: Period) -> Result<Vec<Item>, HistoryError> {
    let rows = sql::items(tx.conn(), share.id, period, None, LISTED_MAX).await?;
    placed(tx, share, rows).await
}

/// The deleted thing of that id; `None` if there is none in this share.
pub async fn find(tx: &mut impl Reads, share: &Share, node: NodeId) -> Result<Option<Item>, HistoryError> {
    let rows = sql::items(tx.conn(), share.id, Period::default(), Some(node), 1).await?;
    Ok(placed(tx, share, rows).await?.pop())
}

/// What was deleted in a share before a moment, the oldest first, with the moment of each: `limit` at the most, after this one.
pub async fn deleted_before(
    tx: &mut impl Reads,
    share: ShareId,
    before: Moment,
    after: Option<(Moment, NodeId)>,
    limit: i64,
) -> Result<Vec<(NodeId, Moment)>, HistoryError> {
    Ok(sql::deleted_before(tx.conn(), share, before, after, limit).await?)
}

/// The shares in which anything is deleted.
pub async fn shares(tx: &mut impl Reads) -> Result<Vec<ShareId>, HistoryError> {
    Ok(sql::shares(tx.conn()).await?)
}

/// The share in whose trash a deleted thing lies.
pub async fn share_of(tx: &mut impl Reads, node: NodeId) -> Result<Option<ShareId>, HistoryError> {
    Ok(sql::share_of(tx.conn(), node).await?)
}

/// A row of the trash.
struct Row {
    node: Node,
    parent: NodeId,
    deleted_by: UserId,
    deleted_by_name: Option<String>,
    deleted: Moment,
    path: String,
}

/// Finds out where deleted things came from.
async fn placed(tx: &mut impl Reads, share: &Share, rows: Vec<Row>) -> Result<Vec<Item>, HistoryError> {
    let parents: Vec<NodeId> = rows.iter().map(|row| row.parent).collect();
    let above = above(tx, &parents).await?;
    let root = above.get(&share.root).map(|(root, _)| root.clone());
    let root = match root {
        Some(root) => root,
        None => tree::locate(tx, share.root, &[]).await?.node().cloned().ok_or(TreeError::ShareGone)?,
    };
    Ok(rows.into_iter().map(|row| row.item(share, &root, &above)).collect())
}

/// Nodes by id, each below the one that it lies in or was deleted from, and whether it is deleted.
pub(super) type Above = HashMap<NodeId, (Node, bool)>;

/// These nodes and all above them.
pub(super) async fn above(tx: &mut impl Reads, nodes: &[NodeId]) -> Result<Above, HistoryError> {
    Ok(sql::above(tx.conn(), nodes).await?.into_iter().collect())
}

/// The nodes from the topmost down to `node`, by where it lies or was deleted from.
pub(super) fn chain(above: &Above, node: NodeId) -> Vec<Node> {
    let (mut chain, mut at) = (Vec::new(), Some(node));
    while let Some((node, _)) = at.and_then(|id| above.get(&id)).filter(|_| chain.len() <= PATH_DEPTH_MAX) {
        at = node.parent;
        chain.push(node.clone());
    }
    chain.reverse();
    chain
}

/// Of these nodes, those that are there, with the nodes from the topmost down to each.
pub async fn present(tx: &mut impl Reads, nodes: &[NodeId]) -> Result<HashMap<NodeId, Vec<Node>>, HistoryError> {
    let above = above(tx, nodes).await?;
    let is_there = |chain: &[Node]| !chain.is_empty() && !chain.iter().any(|node| above[&node.id].1);
    let chains = nodes.iter().map(|node| (*node, chain(&above, *node)));
    Ok(chains.filter(|(_, chain)| is_there(chain)).collect())
}

/// How deep the tree below a node is; 0 for one without members.
pub(super) async fn levels_below(tx: &mut impl Reads, node: NodeId) -> Result<i64, HistoryError> {
    Ok(sql::levels_below(tx.conn(), node).await?)
}

impl Row {
    /// `above`: nodes by id, each below the one that it lies in or was deleted from, and whether it is deleted.
    fn item(self, share: &Share, root: &Node, above: &Above) -> Item {
        let Self { node, parent, deleted_by, deleted_by_name, deleted, path } = self;
        let node = Node { parent: Some(parent), ..node };
        let (mut chain, mut at, mut is_at_home) = (vec![node.clone()], Some(parent), true);
        while let Some((above, is_deleted)) = at.and_then(|id| above.get(&id)).filter(|_| chain.len() <= PATH_DEPTH_MAX)
        {
            is_at_home &= !is_deleted;
            at = above.parent;
            chain.push(above.clone());
        }
        chain.reverse();
        let is_lost = chain[0].id != share.root || chain.iter().any(|node| node.share != share.id);
        let place = if is_lost {
            path.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect()
        } else {
            chain[1..chain.len() - 1].iter().map(|node| node.name.clone()).collect()
        };
        if is_lost {
            chain = vec![root.clone(), Node { parent: Some(share.root), ..node.clone() }];
        }
        let is_at_home = is_at_home && !is_lost;
        Item { node, deleted_by, deleted_by_name, deleted, place, chain, is_lost, is_at_home }
    }
}

/// How much a deleted tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// Its topmost node.
    pub node: NodeId,
    /// Bytes of its files and their revisions.
    pub bytes: u64,
    /// Files and collections.
    pub items: u64,
    version: i64,
}

/// Counts deleted trees; those that are no longer in the trash are left out.
pub async fn measure(tx: &mut impl Reads, nodes: &[NodeId]) -> Result<Vec<Measured>, HistoryError> {
    Ok(sql::measure(tx.conn(), nodes).await?)
}

/// The way by which a deleted thing comes back: the collections from the share's root down to the one that it comes to.
pub struct Way {
    /// Those that are there, and behind them those that are gone, as they were: the law judges what is made again by the grants that it will have.
    nodes: Vec<Node>,
    there: usize,
    /// What those are called that are made again. Of the last of them no more than this may be known.
    gone: Vec<Name>,
}

impl Way {
    /// To a collection that is there, from the share's root on.
    pub fn to(chain: &[Node]) -> Self {
        Self { nodes: chain.to_vec(), there: chain.len(), gone: Vec::new() }
    }

    /// To the place that a deleted thing came from. Errors: [`HistoryError::InTheWay`] where a file is now in its way.
    pub async fn back(tx: &mut WriteTx, item: &Item) -> Result<Self, HistoryError> {
        let mut nodes: Vec<Node> = item.chain[..1].to_vec();
        let mut names = item.place.iter();
        let mut gone = Vec::new();
        for name in names.by_ref() {
            let name = Name::parse(name).map_err(|_| HistoryError::NotInTrash)?;
            match tree::find_exact(tx, nodes.last().expect("it begins with the root"), &name).await? {
                Some(node) if node.is_collection() => nodes.push(node),
                Some(node) => return Err(HistoryError::InTheWay(node.name)),
                None => {
                    gone.push(name);
                    break;
                }
            }
        }
        for name in names {
            gone.push(Name::parse(name).map_err(|_| HistoryError::NotInTrash)?);
        }
        let there = nodes.len();
        let former = item.chain[1..].iter().skip(there - 1).take(if item.is_lost { 0 } else { gone.len() });
        for node in former {
            let parent = nodes.last().map(|above| above.id);
            nodes.push(Node { parent, ..node.clone() });
        }
        Ok(Self { nodes, there, gone })
    }

    /// What of it is there.
    pub fn there(&self) -> &[Node] {
        &self.nodes[..self.there]
    }

    /// What counts at its end, once all of it is there.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The ways to those in which one has to be made again.
    pub fn makers(&self) -> impl Iterator<Item = &[Node]> {
        (0..self.gone.len()).map(|at| &self.nodes[..self.nodes.len().min(self.there + at)])
    }

    /// Makes again what isn't there, with the grants that it had, so that nobody sees more of what comes back than before. Gives the way as it is
    /// then. That each may be made is the caller's to ask.
    pub async fn rebuild(self, change: &mut Change<'_>) -> Result<Vec<Node>, HistoryError> {
        let mut way = self.there().to_vec();
        for name in &self.gone {
            let made = change.add_collection(&way, name).await?;
            if let Some(former) = self.nodes.get(way.len()) {
                change.tx.touch_directory();
                sql::take_over_grants(change.tx.conn(), former.id, made.id).await?;
            }
            way.push(made);
        }
        Ok(way)
    }
}

/// Brings a deleted thing back as a member of the last of `ancestors`, under `name` or, if that is taken, a variant of it:
/// `name (restored)`, `name (restored 2)`. Gives it as it is then. A lock that it had is gone.
///
/// `by` allows `list` and `delete` on it; that whoever asks may make something at the place is the caller's to ask.
/// Errors: [`HistoryError::NotInTrash`], [`HistoryError::NoFreeName`], [`TreeError::TooDeep`].
pub async fn restore(
    change: &mut Change<'_>,
    by: Authority<'_>,
    item: &Item,
    ancestors: &[Node],
    name: &Name,
) -> Result<Node, HistoryError> {
    by.require(Permission::Delete, item.node.id);
    let parent = ancestors.last().expect("a share's root is always an ancestor");
    assert!(parent.is_collection() && parent.share == item.node.share, "it comes back into its own share");
    if !sql::is_in_trash(change.tx.conn(), item.node.id, change.trash).await? {
        return Err(HistoryError::NotInTrash);
    }
    // Where it was, or no deeper, it is not too deep.
    if item.is_lost || ancestors.len() >= item.chain.len() {
        let levels = sql::levels_below(change.tx.conn(), item.node.id).await?;
        if ancestors.len() as i64 + levels + 1 > PATH_DEPTH_MAX as i64 {
            return Err(TreeError::TooDeep.into());
        }
    }
    let name = free_name(change.tx, parent, name).await?;
    let speaks = grants::speaks(change.tx, &item.node).await?;
    if speaks {
        change.tx.touch_directory();
    }
    let seq = change.next_seq(name.as_str());
    let (id, key) = (item.node.id, name.key());
    let to = (name.as_str(), key.as_str());
    transfer_sql::move_node(change.tx.conn(), id, parent.id, to, seq, change.by.at).await?;
    transfer_sql::leave_trash(change.tx.conn(), id).await?;
    locks::left_behind(change.tx, &item.node).await?;
    change.log(Op::Restore, (item.node.id, Some(parent.id), name.as_str()), 0, ancestors).await?;
    Ok(Node { parent: Some(parent.id), name: name.as_str().to_owned(), seq, ..item.node.clone() })
}

/// The name, or the first variant of it that is free.
async fn free_name(tx: &mut WriteTx, parent: &Node, name: &Name) -> Result<Name, HistoryError> {
    let mut variants = Variants::behind(name);
    while tree::find_exact(tx, parent, variants.current()).await?.is_some() {
        variants.next()?;
    }
    Ok(variants.current().clone())
}

/// A name, and then its variants, one after the other.
pub(super) struct Variants {
    name: Name,
    number: u32,
    current: Name,
}

impl Variants {
    /// Begins with the name itself.
    pub fn behind(name: &Name) -> Self {
        Self { name: name.clone(), number: 0, current: name.clone() }
    }

    /// The one that it has come to.
    pub fn current(&self) -> &Name {
        &self.current
    }

    /// Goes on to the next one. Errors: [`HistoryError::NoFreeName`] behind the last.
    pub fn next(&mut self) -> Result<&Name, HistoryError> {
        self.number += 1;
        let variant = (self.number < VARIANTS_MAX).then(|| variant(&self.name, self.number)).flatten();
        self.current = variant.ok_or_else(|| HistoryError::NoFreeName(self.name.as_str().to_owned()))?;
        Ok(&self.current)
    }
}

/// `plan.txt`, `plan (restored).txt`, `plan (restored 2).txt`: the ending stays the last, so that programs know the file.
fn variant(name: &Name, number: u32) -> Option<Name> {
    let (stem, ending) = match name.as_str().rfind('.') {
        Some(dot) if dot > 0 => name.as_str().split_at(dot),
        _ => (name.as_str(), ""),
    };
    match number {
        0 => Some(name.clone()),
        1 => Name::parse(&format!("{stem} (restored){ending}")).ok(),
        _ => Name::parse(&format!("{stem} (restored {number}){ending}")).ok(),
    }
}

/// The nodes below a deleted thing that have grants of their own or do not inherit, and those between it and them.
pub async fn speaking_inside(tx: &mut impl Reads, item: &Item) -> Result<Vec<Node>, HistoryError> {
    if !item.node.is_collection() || !grants::speaks(tx, &item.node).await? {
        return Ok(Vec::new());
    }
    Ok(sql::speaking_inside(tx.conn(), item.node.id).await?)
}

/// Purges a deleted thing: at once nobody finds it any more and its bytes no longer count; its rows go in slices
/// ([`purge_slice`]), and the contents that only it named after them. Gives what it was.
///
/// `measured` is what [`measure`] has said, perhaps in another transaction: counting a large tree would keep writers waiting.
/// `by` allows `purge` on it; what is below, and not in the way of the law, is the caller's to ask.
/// Errors: [`HistoryError::NotInTrash`].
pub async fn purge(
    tx: &mut WriteTx,
    by: Authority<'_>,
    share: ShareId,
    measured: &Measured,
    now: Moment,
) -> Result<Measured, HistoryError> {
    by.require(Permission::Purge, measured.node);
    let version = sql::version(tx.conn(), share, measured.node).await?.ok_or(HistoryError::NotInTrash)?;
    let measured = if version == measured.version {
        *measured
    } else {
        let anew = sql::measure(tx.conn(), &[measured.node]).await?;
        anew.into_iter().next().ok_or(HistoryError::NotInTrash)?
    };
    tx.touch_share(share);
    sql::detach(tx.conn(), measured.node, now).await?;
    crate::tree::account(tx, share, -measured.bytes.cast_signed()).await?;
    Ok(measured)
}
