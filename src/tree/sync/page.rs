//! One page of what has changed: first from the rows of the log, then from what is seen otherwise than before.

use std::collections::{BTreeSet, HashMap};

use super::eyes::Eyes;
use super::sql::{self, Entry, Left};
use super::token::{Progress, VIEWS_MAX, ViewId};
use crate::db::Reads;
use crate::ids::{NodeId, ShareId};
use crate::path::Name;
use crate::tree::change::Op;
use crate::tree::scratch::leaves_no_trace;
use crate::tree::view::View;
use crate::tree::{self, Kind, Node, TreeError};

/// Rows of the log that one page looks at.
const ROWS_MAX: usize = 5_000;
/// Nodes that one page looks at of trees that have come, and of those that may be seen otherwise than before: whoever sees few of
/// them gets a short page, and the token for the next one (RFC 6578 section 3.6).
pub(super) const NODES_MAX: usize = 5_000;
/// Rows that are read at a time, and nodes that are looked at though few answers are wanted.
const BATCH: i64 = 500;

/// What somebody wants to know.
#[derive(Debug)]
pub struct Ask<'a> {
    /// The share.
    pub share: ShareId,
    /// The nodes from its root down to the collection.
    pub way: &'a [Node],
    /// Everything below the collection, or only its members.
    pub deep: bool,
    /// So many are told at most.
    pub limit: usize,
    /// How far he is.
    pub progress: &'a Progress,
    /// The views that `progress` names.
    pub views: &'a [View],
    /// What he sees of the share now.
    pub now: (&'a View, ViewId),
    /// Whether the log doesn't tell of what macOS leaves in folders.
    pub sweeps_litter: bool,
}

impl Ask<'_> {
    /// Whether the log doesn't tell of files of this name.
    fn is_unmentioned(&self, name: &str) -> bool {
        leaves_no_trace(name, self.sweeps_litter)
    }

    /// Whether it doesn't tell of what lies at the end of this way.
    fn mentions_none(&self, below: &[Node]) -> bool {
        below.iter().any(|node| self.is_unmentioned(&node.name))
    }
}

/// Something that isn't where he knew it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// Its names below the collection.
    pub names: Vec<String>,
    /// Whether it had members, which are gone with it.
    pub is_collection: bool,
}

/// What is told.
#[derive(Debug)]
pub struct Page {
    /// What is gone, in the order of the paths.
    pub gone: Vec<Gone>,
    /// What is there and new or other than before: the nodes from the share's root to each, in the order of the paths.
    pub here: Vec<Vec<Node>>,
    /// How far he is then.
    pub next: Progress,
    /// Whether that is not all.
    pub more: bool,
}

/// The next page. `None`: rights have changed more often than tokens can tell; he begins anew.
pub async fn page(tx: &mut impl Reads, ask: &Ask<'_>) -> Result<Option<Page>, TreeError> {
    let last = super::sequence(tx, ask.share).await?;
    let Some(mut making) = Making::new(tx, ask) else { return Ok(None) };
    let stopped = making.follow(last).await?;
    if !stopped {
        making.compare().await?;
    }
    Ok(Some(making.finish()))
}

struct Making<'a, R> {
    ask: &'a Ask<'a>,
    tx: &'a mut R,
    believed: Vec<Eyes>,
    now: Eyes,
    /// Nodes that have been read, with all above them.
    known: HashMap<NodeId, Node>,
    /// Paths below the collection, and whether it was a collection.
    gone: BTreeSet<(String, bool)>,
    here: BTreeSet<NodeId>,
    /// A path that is gone and taken again: what lies there is told of on the next page.
    taken_again: Option<String>,
    next: Progress,
    more: bool,
    /// Nodes that may still be looked at.
    nodes_left: usize,
}

/// Whether a row has been told of as a whole.
enum Told {
    All,
    /// There is no room for the rest: [`Progress::row_after`].
    Until(Option<i64>),
}

/// Nodes that are looked at one after the other.
enum Below<'r> {
    /// These with everything below.
    Trees(&'r [NodeId]),
    /// The members of this one.
    Members(NodeId),
}

impl<'a, R: Reads> Making<'a, R> {
    fn new(tx: &'a mut R, ask: &'a Ask<'a>) -> Option<Self> {
        let (now, now_id) = ask.now;
        let mut next = ask.progress.clone();
        if next.views.last() != Some(&now_id) {
            next.views.retain(|id| *id != now_id);
            next.views.push(now_id);
            next.rights_after = 0;
        }
        (next.views.len() <= VIEWS_MAX).then(|| Self {
            ask,
            tx,
            believed: ask.views.iter().map(Eyes::new).collect(),
            now: Eyes::new(now),
            known: HashMap::new(),
            gone: BTreeSet::new(),
            here: BTreeSet::new(),
            taken_again: None,
            next,
            more: false,
            nodes_left: ask.limit.clamp(BATCH as usize, NODES_MAX),
        })
    }

    fn room(&self) -> usize {
        self.ask.limit.saturating_sub(self.gone.len() + self.here.len())
    }

    fn collection(&self) -> NodeId {
        self.ask.way.last().expect("a way begins with the root").id
    }

    /// Goes along the log. Gives whether the page is full before its end.
    async fn follow(&mut self, last: i64) -> Result<bool, TreeError> {
        let mut looked_at = 0;
        while self.next.seq < last {
            let entries = sql::entries(self.tx.conn(), self.ask.share, self.next.seq, BATCH).await?;
            if entries.is_empty() {
                break;
            }
            let lefts =
                entries.iter().filter_map(|entry| entry.left.as_ref()).flat_map(|left| left.ids.iter().copied());
            let nodes: Vec<NodeId> = entries.iter().map(|entry| entry.node).chain(lefts).collect();
            self.learn(&nodes).await?;
            for entry in entries {
                let resumed = self.next.row_after.take();
                match self.row(&entry, resumed).await? {
                    Told::All => self.next.seq = entry.seq,
                    Told::Until(after) => {
                        self.next.row_after = after;
                        return self.break_off(entry.seq).await;
                    }
                }
                looked_at += 1;
            }
            if looked_at >= ROWS_MAX && self.next.seq < last {
                return self.break_off(self.next.seq).await;
            }
        }
        Ok(false)
    }

    /// Ends the page in the middle of the log, in the row of that sequence or behind it. What came to its place by a later row is told of with that, when what lay there before is gone.
    async fn break_off(&mut self, seq: i64) -> Result<bool, TreeError> {
        self.more = true;
        let top = self.ask.way.len();
        let ids = |chain: Vec<Node>| chain.into_iter().skip(top).map(|node| node.id).collect();
        let ways: Vec<(NodeId, Vec<NodeId>)> =
            self.here.iter().filter_map(|id| Some((*id, ids(self.chain(*id)?)))).collect();
        // Not all that came since: that may be the whole share.
        let told: BTreeSet<NodeId> = ways.iter().flat_map(|(_, way)| way).copied().collect();
        let came_later = sql::arrivals(self.tx.conn(), (self.ask.share, seq), told).await?;
        for (id, _) in ways.iter().filter(|(_, way)| way.iter().any(|id| came_later.contains(id))) {
            self.here.remove(id);
        }
        Ok(true)
    }

    async fn row(&mut self, entry: &Entry, resumed: Option<i64>) -> Result<Told, TreeError> {
        let mut trees = Vec::new();
        let mut singles = Vec::new();
        if let Some(left) = &entry.left {
            if let Some(path) = self.knew(entry.node, left) {
                let there = self.at(&path).await?;
                if resumed.is_some() {
                    trees.extend(there.filter(|node| self.ask.deep && node.is_collection()).map(|node| node.id));
                } else if there.as_ref().is_none_or(|node| {
                    // A collection has another URL than a file.
                    node.kind != left.kind || (node.is_collection() && self.ask.deep)
                }) {
                    if self.room() == 0 {
                        return Ok(Told::Until(None));
                    }
                    self.gone.insert((path.clone(), left.kind == Kind::Collection));
                    if there.is_some() {
                        self.taken_again = Some(path);
                        return Ok(Told::Until(Some(0)));
                    }
                }
            }
            let inside = left.ids.iter().skip_while(|id| **id != self.collection()).skip(1);
            singles.extend(inside.copied());
        }
        let is_tree = [Op::Move as i64, Op::Copy as i64, Op::Restore as i64].contains(&entry.op);
        match self.known.get(&entry.node) {
            Some(node) if is_tree && self.ask.deep && node.is_collection() => trees.push(node.id),
            Some(_) => singles.push(entry.node),
            None => {}
        }
        self.bring(&trees, singles, resumed.unwrap_or(0)).await
    }

    /// Tells of these trees and nodes, as far as they are seen, from the ids after `after` on.
    async fn bring(&mut self, trees: &[NodeId], mut singles: Vec<NodeId>, mut after: i64) -> Result<Told, TreeError> {
        // The collections on the way have another entity tag.
        let ways: Vec<Vec<Node>> = singles.iter().chain(trees).filter_map(|id| self.chain(*id)).collect();
        singles.extend(ways.iter().flatten().map(|node| node.id));
        singles.sort_unstable();
        singles.dedup();
        let (below, is_all) = match trees {
            [] => (Vec::new(), true),
            trees => self.some(Below::Trees(trees), after).await?,
        };
        let end = if is_all { i64::MAX } else { below.last().map_or(after, |last| last.0) };
        let mut ids: Vec<NodeId> = singles.iter().copied().filter(|id| id.0 > after && id.0 <= end).collect();
        ids.extend(below);
        ids.sort_unstable();
        ids.dedup();
        self.learn(&ids).await?;
        for id in ids {
            if !self.add(id, after) {
                return Ok(Told::Until(Some(after)));
            }
            after = id.0;
        }
        Ok(if is_all { Told::All } else { Told::Until(Some(after)) })
    }

    /// As many nodes from the ids after `after` on as may still be looked at, and whether these are all.
    async fn some(&mut self, of: Below<'_>, after: i64) -> Result<(Vec<NodeId>, bool), TreeError> {
        let limit = self.nodes_left as i64;
        let ids = match of {
            Below::Trees(roots) => sql::below(self.tx.conn(), roots, after, limit + 1).await?,
            Below::Members(collection) => sql::members(self.tx.conn(), collection, after, limit + 1).await?,
        };
        let is_all = ids.len() <= self.nodes_left;
        let ids: Vec<NodeId> = ids.into_iter().take(self.nodes_left).collect();
        self.nodes_left -= ids.len();
        Ok((ids, is_all))
    }

    /// Tells of a node, and of the collections on the way to it that have not been told of up to `after`, if it is seen. Gives whether there was
    /// room.
    fn add(&mut self, id: NodeId, after: i64) -> bool {
        let Some(chain) = self.chain(id) else { return true };
        let top = self.ask.way.len();
        let chain = if self.ask.deep { chain } else { chain[..=top].to_vec() };
        if self.ask.mentions_none(&chain[top..]) || !self.now.see(&chain) {
            return true;
        }
        let last = chain.last().map(|node| node.id);
        let is_new = |id: &NodeId| !self.here.contains(id) && (id.0 > after || Some(*id) == last);
        let unit: Vec<NodeId> = chain[top..].iter().map(|node| node.id).filter(is_new).collect();
        if unit.len() > self.room() {
            // A limit below the depth of the tree can't be kept with all that is on the way.
            if self.room() < self.ask.limit {
                return false;
            }
            self.here.extend(last);
            return true;
        }
        self.here.extend(unit);
        true
    }

    /// The nodes from the share's root to one that lies below the collection.
    fn chain(&self, id: NodeId) -> Option<Vec<Node>> {
        let up = std::iter::successors(self.known.get(&id), |node| self.known.get(&node.parent?));
        let mut chain: Vec<Node> = up.cloned().collect();
        chain.reverse();
        let top = self.ask.way.len();
        let is_below = chain.len() > top && chain[0].id == self.ask.way[0].id && chain[top - 1].id == self.collection();
        is_below.then_some(chain)
    }

    /// The path below the collection at which somebody may know a node that has left, if he may.
    fn knew(&self, node: NodeId, left: &Left) -> Option<String> {
        let at = left.ids.iter().position(|id| *id == self.collection())?;
        let names: Vec<&str> = left.path.split('/').skip(at).collect();
        if (!self.ask.deep && names.len() != 1) || names.iter().any(|name| self.ask.is_unmentioned(name)) {
            return None;
        }
        let way = || left.ids.iter().map(|id| (*id, Kind::Collection)).chain([(node, left.kind)]);
        self.believed.iter().any(|eyes| eyes.mode(way()).is_some()).then(|| names.join("/"))
    }

    /// What is seen at a path below the collection, and is spelled like that: for who follows, another spelling is another path.
    async fn at(&mut self, path: &str) -> Result<Option<Node>, TreeError> {
        let above = self.ask.way.iter().skip(1).map(|node| node.name.as_str());
        let names: Result<Vec<Name>, _> = above.chain(path.split('/')).map(Name::parse).collect();
        let Ok(names) = names else { return Ok(None) };
        let located = tree::locate(self.tx, self.ask.way[0].id, &names).await?;
        let below = located.chain().iter().skip(self.ask.way.len()).map(|node| node.name.as_str());
        Ok(located.node().filter(|_| below.eq(path.split('/')) && self.now.see(located.chain())).cloned())
    }

    /// Reads what isn't known yet.
    async fn learn(&mut self, ids: &[NodeId]) -> Result<(), TreeError> {
        let missing: Vec<NodeId> = ids.iter().copied().filter(|id| !self.known.contains_key(id)).collect();
        if !missing.is_empty() {
            let nodes = sql::with_ancestors(self.tx.conn(), &missing).await?;
            self.known.extend(nodes.into_iter().map(|node| (node.id, node)));
        }
        Ok(())
    }

    /// Tells of what is seen and wasn't, and the reverse.
    async fn compare(&mut self) -> Result<(), TreeError> {
        let others = self.next.views.len() > 1;
        let roots = if others { self.differing().await? } else { Vec::new() };
        if !roots.is_empty() {
            let of = if self.ask.deep { Below::Trees(&roots) } else { Below::Members(self.collection()) };
            let (ids, is_all) = self.some(of, self.next.rights_after).await?;
            self.learn(&ids).await?;
            for id in ids {
                if !self.compare_one(id) {
                    self.more = true;
                    return Ok(());
                }
                self.next.rights_after = id.0;
            }
            if !is_all {
                self.more = true;
                return Ok(());
            }
        }
        self.next = Progress::at(self.next.seq, self.ask.now.1);
        Ok(())
    }

    /// Gives whether there was room.
    fn compare_one(&mut self, id: NodeId) -> bool {
        let Some(chain) = self.chain(id) else { return true };
        let top = self.ask.way.len();
        if self.now.see(&chain) {
            let was_seen = self.believed.iter().all(|eyes| eyes.see(&chain));
            return was_seen || self.add(id, self.next.rights_after);
        }
        let was_seen = self.believed.iter().any(|eyes| eyes.see(&chain));
        // What is hidden with its collection goes with it.
        let is_topmost = chain.len() == top + 1 || self.now.see(&chain[..chain.len() - 1]);
        if !was_seen || !is_topmost || self.ask.mentions_none(&chain[top..]) {
            return true;
        }
        if self.room() == 0 {
            return false;
        }
        let names: Vec<&str> = chain[top..].iter().map(|node| node.name.as_str()).collect();
        self.gone.insert((names.join("/"), chain.last().is_some_and(Node::is_collection)));
        true
    }

    /// The nodes at and below which the views differ.
    async fn differing(&mut self) -> Result<Vec<NodeId>, TreeError> {
        let all: Vec<&Eyes> = self.believed.iter().chain([&self.now]).collect();
        let way = || self.ask.way.iter().map(|node| (node.id, node.kind));
        let at_top = self.now.mode(way());
        if all.iter().any(|eyes| eyes.mode(way()) != at_top) {
            return Ok(vec![self.collection()]);
        }
        let marks: BTreeSet<NodeId> = all.iter().flat_map(|eyes| eyes.marks()).collect();
        let differ = |mark: &NodeId| all.iter().any(|eyes| eyes.says(*mark) != self.now.says(*mark));
        let differing: Vec<NodeId> = marks.into_iter().filter(differ).collect();
        self.learn(&differing).await?;
        Ok(differing.into_iter().filter(|id| self.chain(*id).is_some()).collect())
    }

    fn finish(self) -> Page {
        let top = self.ask.way.len();
        let path = |chain: &[Node]| {
            let names: Vec<&str> = chain[top..].iter().map(|node| node.name.as_str()).collect();
            names.join("/")
        };
        let left_out = |path: &str| {
            let again = self.taken_again.as_deref().and_then(|again| path.strip_prefix(again));
            again.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let chains = self.here.iter().filter_map(|id| self.chain(*id)).map(|chain| (path(&chain), chain));
        let mut here: Vec<(String, Vec<Node>)> = chains.filter(|(path, _)| !left_out(path)).collect();
        here.sort_by(|(one, _), (other, _)| one.cmp(other));
        let gone = self
            .gone
            .into_iter()
            .map(|(path, is_collection)| Gone { names: path.split('/').map(str::to_owned).collect(), is_collection });
        let here = here.into_iter().map(|(_, chain)| chain).collect();
        Page { gone: gone.collect(), here, next: self.next, more: self.more }
    }
}
