//! What one caller may do in one share, node by node.
//!
//! Only nodes that say something to the caller are kept: those with a grant that reaches him, and those that don't inherit.
//! Each begins a *zone*, which goes down to the next such node; within a zone everything has the same permissions. So the
//! law is asked once for a zone when a caller's access is loaded, and a listing asks two hash tables for each entry.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use commonhold_acl::{self as acl, Effective, Facts, ItemKind, Listing};

use crate::grants::Placed;
use crate::ids::NodeId;
use crate::tree::view::{Filter, Lists, View};
use crate::tree::{Kind, Node};

/// The zone of a node; that of the share's root when it has none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Zone(Option<NodeId>);

/// A node that begins a zone, below another one.
#[derive(Debug)]
pub struct Below<'a> {
    /// The node.
    pub node: NodeId,
    /// What it is.
    pub kind: ItemKind,
    /// Its names from the share's root on.
    pub names: Vec<&'a str>,
    /// What the caller may do with it.
    pub own: &'a Effective,
    /// What he may do with everything in its zone.
    pub inner: &'a Effective,
    /// What he may do with its parent.
    pub parent: &'a Effective,
}

/// See the head of this file.
#[derive(Debug)]
pub struct Sight {
    root: NodeId,
    top: Permissions,
    zones: HashMap<NodeId, Permissions>,
    /// Nodes on the way to something that an entry farther down shows.
    way: HashSet<NodeId>,
    /// The nodes that begin zones, and all above them up to the root, which isn't among them.
    places: HashMap<NodeId, Placed>,
    /// The same by their parents.
    members: HashMap<NodeId, Vec<NodeId>>,
}

/// The permissions of a zone: those of a node in it, and of one that leads on to something shown.
#[derive(Debug)]
struct Permissions {
    plain: Effective,
    way: OnceLock<Effective>,
}

impl Permissions {
    fn new(plain: Effective) -> Self {
        Self { plain, way: OnceLock::new() }
    }

    fn of(&self, on_the_way: bool) -> &Effective {
        if !on_the_way {
            return &self.plain;
        }
        self.way.get_or_init(|| acl::evaluate(Facts { on_the_way: true, ..self.plain.facts().clone() }))
    }
}

impl Sight {
    /// Asks the law. `facts` are those of the share's root, whose step is the only one of their chain; `entries` those
    /// grants below it that reach the caller; `places` the nodes that have such grants or don't inherit, and those above
    /// them. What doesn't hang off the root, as in a trash, says nothing.
    pub fn new(
        root: NodeId,
        facts: Facts,
        places: HashMap<NodeId, Placed>,
        mut entries: HashMap<NodeId, Vec<acl::Entry>>,
    ) -> Self {
        let mut sight = Self {
            root,
            top: Permissions::new(acl::evaluate(facts)),
            zones: HashMap::new(),
            way: HashSet::new(),
            places,
            members: HashMap::new(),
        };
        let speaking =
            |(node, place): (&NodeId, &Placed)| (entries.contains_key(node) || !place.inherits).then_some(*node);
        let begin: Vec<NodeId> = sight.places.iter().filter_map(speaking).collect();
        let mut steps: HashMap<NodeId, acl::Step> = HashMap::new();
        for node in begin {
            let (Some(names), Some(place)) = (sight.names(node), sight.places.get(&node)) else { continue };
            let path = names.iter().fold(sight.top.plain.facts().chain[0].path.clone(), |path, name| path + "/" + name);
            let entries = entries.remove(&node).unwrap_or_default();
            steps.insert(node, acl::Step { path, inherits: place.inherits, entries });
        }
        for node in steps.keys() {
            let mut facts = sight.top.plain.facts().clone();
            let above = sight.up(*node).filter_map(|above| steps.get(&above).cloned()).collect::<Vec<_>>();
            facts.chain.extend(above.into_iter().rev());
            let effective = acl::evaluate(facts);
            if effective.is_granted_here(sight.kind(*node)) {
                let above: Vec<NodeId> = sight.up(*node).skip(1).chain([root]).collect();
                for above in above {
                    if !sight.way.insert(above) {
                        break;
                    }
                }
            }
            sight.zones.insert(*node, Permissions::new(effective));
        }
        let mut members: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
        for node in sight.marked() {
            if let Some(parent) = sight.places.get(&node).and_then(|place| place.parent) {
                members.entry(parent).or_default().push(node);
            }
        }
        sight.members = members;
        sight
    }

    /// The nodes that begin zones and those on the way, each once.
    fn marked(&self) -> impl Iterator<Item = NodeId> {
        self.zones.keys().chain(self.way.iter().filter(|node| !self.zones.contains_key(node))).copied()
    }

    fn lies_below(&self, node: NodeId, above: NodeId) -> bool {
        node != above && (above == self.root || self.up(node).any(|node| node == above))
    }

    /// The node and those above it, without the root.
    fn up(&self, node: NodeId) -> impl Iterator<Item = NodeId> {
        std::iter::successors(Some(node), |node| self.places.get(node)?.parent)
            .take_while(|node| self.places.contains_key(node))
    }

    /// The names from the root down to the node; none when it doesn't hang off the root.
    fn names(&self, node: NodeId) -> Option<Vec<&str>> {
        let (mut names, mut at) = (Vec::new(), node);
        while at != self.root {
            let place = self.places.get(&at)?;
            names.push(place.name.as_str());
            at = place.parent?;
        }
        names.reverse();
        Some(names)
    }

    fn kind(&self, node: NodeId) -> ItemKind {
        match self.places.get(&node).map(|place| place.kind) {
            Some(Kind::File) => ItemKind::File,
            Some(Kind::Collection) | None => ItemKind::Folder,
        }
    }

    /// Memory that it takes, about.
    pub(super) fn weight_bytes(&self) -> u64 {
        const BYTES_OF_A_SHARE: usize = 1_000;
        const BYTES_OF_A_PLACE: usize = 250;
        const BYTES_OF_A_ZONE: usize = 2_000;
        (BYTES_OF_A_SHARE + self.places.len() * BYTES_OF_A_PLACE + self.zones.len() * BYTES_OF_A_ZONE) as u64
    }

    /// The zone of the last node of a chain that begins with the root.
    pub fn zone(&self, chain: &[Node]) -> Zone {
        if self.zones.is_empty() {
            return Zone(None);
        }
        Zone(chain.iter().rev().map(|node| node.id).find(|node| self.zones.contains_key(node)))
    }

    /// The zone of a member of a node in `zone`.
    pub fn zone_below(&self, zone: Zone, member: NodeId) -> Zone {
        if !self.zones.is_empty() && self.zones.contains_key(&member) { Zone(Some(member)) } else { zone }
    }

    /// What the caller may do with a node, whose zone is `zone`.
    pub fn effective(&self, zone: Zone, node: NodeId) -> &Effective {
        self.permissions(zone).of(!self.way.is_empty() && self.way.contains(&node))
    }

    /// What the caller may do with the parent of a node, whose zone is `zone`, and which that is; none for the share's root.
    pub fn above(&self, zone: Zone, node: &Node) -> Option<(&Effective, NodeId)> {
        let parent = node.parent?;
        let zone = if zone.0 == Some(node.id) { self.zone_of(parent) } else { zone };
        Some((self.effective(zone, parent), parent))
    }

    /// What the caller may do with everything in a zone.
    pub fn inner(&self, zone: Zone) -> &Effective {
        &self.permissions(zone).plain
    }

    fn permissions(&self, zone: Zone) -> &Permissions {
        zone.0.and_then(|node| self.zones.get(&node)).unwrap_or(&self.top)
    }

    /// What the caller may do with the last node of a chain that begins with the root.
    pub fn at(&self, chain: &[Node]) -> &Effective {
        let node = chain.last().map_or(self.root, |node| node.id);
        self.effective(self.zone(chain), node)
    }

    /// Which members of the node, whose zone is `zone`, the caller sees.
    pub fn filter(&self, zone: Zone, node: NodeId) -> Filter {
        let mut filter = Filter { lists: lists(self.effective(zone, node)), ..Filter::default() };
        for member in self.members.get(&node).into_iter().flatten() {
            if self.shows(self.zone_below(zone, *member), *member) {
                filter.also.push(*member);
            } else {
                filter.except.push(*member);
            }
        }
        filter
    }

    fn shows(&self, zone: Zone, node: NodeId) -> bool {
        self.effective(zone, node).sees(self.kind(node))
    }

    /// What the caller sees from the last node of a chain down; the same for the same rights, so that two of them can be compared.
    pub fn view(&self, chain: &[Node]) -> View {
        let node = chain.last().map_or(self.root, |node| node.id);
        let zone = self.zone(chain);
        let mut view = View { lists: lists(self.effective(zone, node)), ..View::default() };
        let mut below: Vec<NodeId> = self.marked().filter(|marked| self.lies_below(*marked, node)).collect();
        below.sort_unstable();
        for marked in below {
            let zone = self.zone_of(marked);
            if !self.shows(zone, marked) {
                view.except.push(marked);
                continue;
            }
            view.also.push(marked);
            match lists(self.effective(zone, marked)) {
                Lists::All => view.all.push(marked),
                Lists::Collections => view.collections.push(marked),
                Lists::Named => view.named.push(marked),
            }
        }
        view
    }

    /// The zone of a place.
    fn zone_of(&self, node: NodeId) -> Zone {
        Zone(self.up(node).find(|node| self.zones.contains_key(node)))
    }

    /// The nodes below `node` that begin zones.
    pub fn below(&self, node: NodeId) -> impl Iterator<Item = Below<'_>> {
        self.zones.keys().copied().filter(move |other| self.lies_below(*other, node)).map(|node| {
            let parent = self.places.get(&node).and_then(|place| place.parent).unwrap_or(self.root);
            Below {
                node,
                kind: self.kind(node),
                names: self.names(node).expect("a zone hangs off the root"),
                own: self.effective(Zone(Some(node)), node),
                inner: &self.permissions(Zone(Some(node))).plain,
                parent: self.effective(self.zone_of(parent), parent),
            }
        })
    }
}

fn lists(effective: &Effective) -> Lists {
    match effective.listing() {
        Listing::Members => Lists::All,
        Listing::Folders => Lists::Collections,
        Listing::Way | Listing::Nothing => Lists::Named,
    }
}
