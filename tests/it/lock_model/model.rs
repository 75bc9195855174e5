//! Who may do what to locked resources, as a model: nodes with locks on them, and for each request the one status that is
//! right.
//!
//! It knows nodes and not only names, since a lock is on a node: a document that an editor moves aside or deletes, and whose
//! name it then writes, comes back with its locks. Contents are nothing to it but empty or not.

use std::collections::BTreeMap;

use crate::locks::ActiveLock;

pub const ROOT: &str = "/Projects/model";

/// The person who may only read.
pub const VIEWER: usize = 2;

/// What the server allows on one resource.
const SHARED_MAX: usize = 20;

pub type Id = usize;

/// The folder of the model, and the trash.
const TOP: Id = 0;
const TRASH: Id = 1;

pub type Path = Vec<&'static str>;

#[derive(Debug, Clone)]
struct Node {
    parent: Id,
    name: &'static str,
    is_folder: bool,
    is_empty: bool,
}

#[derive(Debug, Clone)]
pub struct Held {
    pub node: Id,
    pub who: usize,
    pub token: String,
    exclusive: bool,
    deep: bool,
    /// It made its file, which nobody has written.
    fresh: bool,
}

/// Where a path leads: node ids from the top down.
enum Spot {
    Found(Vec<Id>),
    Free(Vec<Id>),
    Nowhere,
}

/// What a request says in its If header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    Nothing,
    /// All tokens that the person holds.
    Everything,
    /// The tokens of the others.
    Foreign,
    /// A token that isn't one, and no way round it.
    Stale,
}

#[derive(Debug, Clone)]
pub enum Act {
    Put(Path),
    Mkcol(Path),
    Delete(Path),
    Copy { from: Path, to: Path, overwrite: bool, whole: bool },
    Move { from: Path, to: Path, overwrite: bool },
    Lock { at: Path, exclusive: bool, deep: bool },
    Unlock { at: Path, token: String },
    Refresh { at: Path, token: String },
}

pub struct Model {
    nodes: BTreeMap<Id, Node>,
    pub locks: Vec<Held>,
    /// Names that a file has left: which, and by whom.
    left: BTreeMap<(Id, &'static str), (Id, usize)>,
    next: Id,
}

pub fn url(path: &Path) -> String {
    format!("{ROOT}/{}", path.join("/"))
}

fn is_scratch(name: &str) -> bool {
    name.ends_with('~')
}

impl Model {
    pub fn empty() -> Self {
        Self { nodes: BTreeMap::new(), locks: Vec::new(), left: BTreeMap::new(), next: TRASH + 1 }
    }

    /// How many nodes there are, but for the trash.
    pub fn size(&self) -> usize {
        self.nodes.keys().filter(|id| self.lies_below(**id, TOP)).count()
    }

    /// The status that is right, and the change where it is a success.
    pub fn apply(&mut self, who: usize, says: Says, act: &Act) -> u16 {
        self.attempt(who, says, act).unwrap_or_else(|refusal| refusal)
    }

    fn attempt(&mut self, who: usize, says: Says, act: &Act) -> Result<u16, u16> {
        let may = if who == VIEWER { Err(403) } else { Ok(()) };
        let holds = if says == Says::Stale { Err(412) } else { Ok(()) };
        let keys = (who, says == Says::Everything);
        match act {
            Act::Put(at) => match self.locate(at) {
                Spot::Nowhere => Err(409),
                Spot::Found(chain) => {
                    let file = last(&chain);
                    may?;
                    refuse(self.nodes[&file].is_folder, 405)?;
                    holds?;
                    self.pass_change(&chain, keys)?;
                    if self.nodes[&file].is_empty {
                        self.locks.iter_mut().filter(|lock| lock.node == file).for_each(|lock| lock.fresh = false);
                    }
                    self.node(file).is_empty = false;
                    Ok(204)
                }
                Spot::Free(above) => {
                    may.and(holds)?;
                    self.pass_change(&above, keys)?;
                    self.write_new(who, last(&above), at[at.len() - 1]);
                    Ok(201)
                }
            },
            Act::Mkcol(at) => match self.locate(at) {
                Spot::Nowhere => Err(409),
                Spot::Found(_) => may.and(Err(405)),
                Spot::Free(above) => {
                    may.and(holds)?;
                    self.pass_change(&above, keys)?;
                    self.add(last(&above), at[at.len() - 1], true, true);
                    Ok(201)
                }
            },
            Act::Delete(at) => {
                let Spot::Found(chain) = self.locate(at) else { return Err(404) };
                may.and(holds)?;
                self.pass_taking(&chain, keys)?;
                self.delete(who, last(&chain));
                Ok(204)
            }
            Act::Copy { from, to, overwrite, .. } | Act::Move { from, to, overwrite } => {
                refuse(from.starts_with(to) || to.starts_with(from), 403)?;
                let Spot::Found(source) = self.locate(from) else { return Err(404) };
                let (there, above) = match self.locate(to) {
                    Spot::Nowhere => return Err(409),
                    Spot::Found(chain) => (Some(last(&chain)), chain[..chain.len() - 1].to_vec()),
                    Spot::Free(above) => (None, above),
                };
                may.and(holds)?;
                refuse(there.is_some() && !overwrite, 412)?;
                let is_move = matches!(act, Act::Move { .. });
                if is_move {
                    self.pass_taking(&source, keys)?;
                }
                let source = last(&source);
                let chain: Vec<Id> = above.iter().copied().chain(there).collect();
                match there {
                    Some(there) if self.nodes[&there].is_folder || self.nodes[&source].is_folder => {
                        self.pass_taking(&chain, keys)?;
                    }
                    _ => self.pass_change(&chain, keys)?,
                }
                let (parent, name) = (last(&above), to[to.len() - 1]);
                match act {
                    Act::Copy { whole, .. } => self.copy(who, source, *whole, there, parent, name),
                    _ => self.relocate(who, source, there, parent, name),
                }
                Ok(if there.is_some() { 204 } else { 201 })
            }
            Act::Lock { at, exclusive, deep } => self.lock(who, at, *exclusive, *deep, (may, holds), keys),
            Act::Unlock { at, token } => {
                let Spot::Found(chain) = self.locate(at) else { return Err(404) };
                let covers = self.covering(&chain).iter().any(|lock| lock.token == *token);
                refuse(!covers, 409)?;
                let at = self.locks.iter().position(|lock| lock.token == *token).expect("it covers the resource");
                refuse(self.locks[at].who != who, 403)?;
                let Held { node, fresh, .. } = self.locks.remove(at);
                if fresh && self.nodes[&node].is_empty && self.locks.iter().all(|other| other.node != node) {
                    self.nodes.remove(&node);
                }
                Ok(204)
            }
            Act::Refresh { at, token } => {
                let Spot::Found(chain) = self.locate(at) else { return Err(404) };
                may?;
                let held = self.covering(&chain).iter().any(|lock| lock.token == *token && lock.who == who);
                refuse(!held, 412)?;
                Ok(200)
            }
        }
    }

    fn lock(
        &mut self,
        who: usize,
        at: &Path,
        exclusive: bool,
        deep: bool,
        (may, holds): (Result<(), u16>, Result<(), u16>),
        keys: (usize, bool),
    ) -> Result<u16, u16> {
        let (chain, new) = match self.locate(at) {
            Spot::Nowhere => return Err(409),
            Spot::Found(chain) => (chain, false),
            Spot::Free(above) => (above, true),
        };
        may.and(holds)?;
        let there = if new {
            self.pass_change(&chain, keys)?;
            // Of the parent's locks, the new file would have the deep ones.
            self.covering(&chain).into_iter().filter(|lock| lock.deep).collect()
        } else {
            self.covering(&chain)
        };
        refuse(there.iter().any(|lock| lock.exclusive || exclusive), 423)?;
        refuse(there.len() >= SHARED_MAX, 403)?;
        let is_folder = !new && self.is_folder(last(&chain));
        if is_folder && deep {
            refuse(self.below(last(&chain)).iter().any(|lock| lock.exclusive || exclusive), 207)?;
        }
        let node = if new { self.add(last(&chain), at[at.len() - 1], false, true) } else { last(&chain) };
        self.locks.push(Held { node, who, token: String::new(), exclusive, deep: deep && is_folder, fresh: new });
        Ok(if new { 201 } else { 200 })
    }

    // What locks are in the way.

    /// The locks on the last node of the chain, and the deep ones above it.
    fn covering(&self, chain: &[Id]) -> Vec<Held> {
        let node = last(chain);
        self.locks
            .iter()
            .filter(|lock| lock.node == node || (lock.deep && chain.contains(&lock.node)))
            .cloned()
            .collect()
    }

    fn below(&self, node: Id) -> Vec<Held> {
        self.locks.iter().filter(|lock| lock.node != node && self.lies_below(lock.node, node)).cloned().collect()
    }

    /// Of several shared locks on one resource, one is enough. Gives the locks that are left.
    fn pass(&self, locks: Vec<Held>, (who, all): (usize, bool)) -> Result<(), Vec<Held>> {
        let opens = |lock: &Held| all && lock.who == who;
        let shared: Vec<Id> =
            locks.iter().filter(|lock| opens(lock) && !lock.exclusive).map(|lock| lock.node).collect();
        let left: Vec<Held> =
            locks.into_iter().filter(|lock| !opens(lock) && (lock.exclusive || !shared.contains(&lock.node))).collect();
        if left.is_empty() { Ok(()) } else { Err(left) }
    }

    fn pass_change(&self, chain: &[Id], keys: (usize, bool)) -> Result<(), u16> {
        self.pass(self.covering(chain), keys).map_err(|_| 423)
    }

    /// Taking a node away changes it, its parent's membership and all below; a 207 where only that last is locked.
    fn pass_taking(&self, chain: &[Id], keys: (usize, bool)) -> Result<(), u16> {
        let mut locks = self.covering(chain);
        for lock in self.covering(&chain[..chain.len() - 1]) {
            if locks.iter().all(|known| known.token != lock.token) {
                locks.push(lock);
            }
        }
        locks.extend(self.below(last(chain)));
        self.pass(locks, keys)
            .map_err(|left| if left.iter().any(|lock| chain.contains(&lock.node)) { 423 } else { 207 })
    }

    // What becomes of nodes and of the locks on them.

    fn add(&mut self, parent: Id, name: &'static str, is_folder: bool, is_empty: bool) -> Id {
        self.next += 1;
        self.nodes.insert(self.next, Node { parent, name, is_folder, is_empty });
        self.next
    }

    fn node(&mut self, id: Id) -> &mut Node {
        self.nodes.get_mut(&id).expect("a node of the model")
    }

    /// A PUT to a free name: an editor's document that was moved aside comes back, and what it was moved to is a file.
    fn write_new(&mut self, who: usize, parent: Id, name: &'static str) {
        match self.former(who, parent, name).filter(|document| self.nodes[document].parent != TRASH) {
            Some(document) => {
                let Node { name: aside, is_empty, .. } = self.nodes[&document].clone();
                *self.node(document) = Node { parent, name, is_folder: false, is_empty: false };
                self.add(parent, aside, false, is_empty);
            }
            None => {
                self.add(parent, name, false, false);
            }
        }
    }

    /// The document that this person has taken from a name, if it waits in the trash or beside, locked by nobody else.
    fn former(&mut self, who: usize, parent: Id, name: &'static str) -> Option<Id> {
        let (document, by) = *self.left.get(&(parent, name))?;
        let Some(node) = self.nodes.get(&document) else {
            self.left.remove(&(parent, name));
            return None;
        };
        let in_trash = node.parent == TRASH;
        let foreign = self.locks.iter().any(|lock| lock.node == document && lock.who != who);
        if by != who || (foreign && !in_trash) {
            return None;
        }
        let waits = in_trash || (node.parent == parent && is_scratch(node.name));
        self.left.remove(&(parent, name));
        waits.then_some(document)
    }

    fn delete(&mut self, who: usize, node: Id) {
        let Node { parent, name, is_folder, .. } = self.nodes[&node];
        if is_folder {
            self.unlock_all(node);
            let gone: Vec<Id> = self.nodes.keys().copied().filter(|id| self.lies_below(*id, node)).collect();
            self.nodes.retain(|id, _| !gone.contains(id));
        } else {
            self.left.insert((parent, name), (node, who));
            self.node(node).parent = TRASH;
        }
    }

    /// What something else takes the place of goes to the trash, without locks.
    fn replace(&mut self, who: usize, node: Id) {
        self.unlock_all(node);
        self.delete(who, node);
    }

    fn unlock_all(&mut self, node: Id) {
        let below: Vec<Id> = self.nodes.keys().copied().filter(|id| self.lies_below(*id, node)).collect();
        self.locks.retain(|lock| !below.contains(&lock.node));
    }

    fn copy(&mut self, who: usize, source: Id, whole: bool, there: Option<Id>, parent: Id, name: &'static str) {
        let Node { is_folder, is_empty, .. } = self.nodes[&source];
        match there {
            Some(there) if !is_folder && !self.nodes[&there].is_folder => {
                self.node(there).is_empty = is_empty;
                return;
            }
            Some(there) => self.replace(who, there),
            None => {}
        }
        let mut copies = vec![(source, self.add(parent, name, is_folder, is_empty))];
        while let Some((from, to)) = copies.pop().filter(|_| whole) {
            let members: Vec<(Id, Node)> = self
                .nodes
                .iter()
                .filter(|(_, node)| node.parent == from)
                .map(|(id, node)| (*id, node.clone()))
                .collect();
            for (member, node) in members {
                copies.push((member, self.add(to, node.name, node.is_folder, node.is_empty)));
            }
        }
    }

    fn relocate(&mut self, who: usize, source: Id, there: Option<Id>, parent: Id, name: &'static str) {
        let Node { is_folder, is_empty, parent: old_parent, name: old_name } = self.nodes[&source];
        match there {
            Some(there) if !is_folder && !self.nodes[&there].is_folder => {
                self.node(there).is_empty = is_empty;
                self.unlock_all(source);
                self.nodes.remove(&source);
                return;
            }
            Some(there) => self.replace(who, there),
            None if is_folder => {}
            None => {
                if let Some(document) = self.former(who, parent, name) {
                    self.unlock_all(source);
                    let Node { parent: aside, name: aside_name, is_empty: was_empty, .. } =
                        self.nodes[&document].clone();
                    *self.node(document) = Node { parent, name, is_folder: false, is_empty };
                    if aside == TRASH {
                        self.nodes.remove(&source);
                    } else {
                        *self.node(source) =
                            Node { parent: aside, name: aside_name, is_folder: false, is_empty: was_empty };
                    }
                    return;
                }
                if is_scratch(name) && parent == old_parent {
                    self.left.insert((old_parent, old_name), (source, who));
                }
            }
        }
        // A lock stays at its URL, unless an editor moves the document aside in its folder.
        if is_folder || there.is_some() || !is_scratch(name) || parent != old_parent {
            self.unlock_all(source);
        }
        let node = self.node(source);
        (node.parent, node.name) = (parent, name);
    }

    // Where things are.

    fn locate(&self, path: &Path) -> Spot {
        let mut chain = vec![TOP];
        for (depth, name) in path.iter().enumerate() {
            if !self.is_folder(last(&chain)) {
                return Spot::Nowhere;
            }
            let found = self.nodes.iter().find(|(_, node)| node.parent == last(&chain) && node.name == *name);
            match found {
                Some((id, _)) => chain.push(*id),
                None if depth + 1 == path.len() => return Spot::Free(chain),
                None => return Spot::Nowhere,
            }
        }
        Spot::Found(chain)
    }

    fn is_folder(&self, node: Id) -> bool {
        node == TOP || self.nodes[&node].is_folder
    }

    /// Whether it is `top` or lies below it.
    fn lies_below(&self, node: Id, top: Id) -> bool {
        std::iter::successors(Some(node), |id| self.nodes.get(id).map(|node| node.parent)).any(|id| id == top)
    }

    /// `None` for what lies in the trash.
    pub fn path_of(&self, mut node: Id) -> Option<Path> {
        let mut path = Vec::new();
        while node != TOP {
            let Node { parent, name, .. } = self.nodes.get(&node)?;
            path.insert(0, *name);
            node = *parent;
        }
        Some(path)
    }

    /// Every resource with the locks that cover it, as somebody sees them.
    pub fn seen_by(&self, who: usize) -> BTreeMap<String, Vec<ActiveLock>> {
        let href = |path: &Path, is_folder: bool| {
            let mut href = format!("/dav{}", url(path)).trim_end_matches('/').to_owned();
            href.push_str(if is_folder { "/" } else { "" });
            href
        };
        let live = self.nodes.keys().copied().filter_map(|id| Some((id, self.path_of(id)?)));
        live.chain([(TOP, Path::new())])
            .map(|(id, path)| {
                let Spot::Found(chain) = self.locate(&path) else { panic!("{path:?} is there") };
                let mut locks: Vec<ActiveLock> = self
                    .covering(&chain)
                    .into_iter()
                    .map(|lock| ActiveLock {
                        exclusive: lock.exclusive,
                        depth: if lock.deep { "infinity" } else { "0" }.to_owned(),
                        owner: ["ana", "ben", "eva"][lock.who].to_owned(),
                        timeout: String::new(),
                        token: (lock.who == who).then_some(lock.token),
                        root: href(&self.path_of(lock.node).expect("it covers something"), self.is_folder(lock.node)),
                    })
                    .collect();
                locks.sort();
                (href(&path, self.is_folder(id)), locks)
            })
            .collect()
    }
}

fn last(chain: &[Id]) -> Id {
    *chain.last().expect("a chain begins at the top")
}

fn refuse(wrong: bool, status: u16) -> Result<(), u16> {
    if wrong { Err(status) } else { Ok(()) }
}
