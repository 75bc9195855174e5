//! A tree in memory that does what the server must do: the other half of `tree_model.rs` and `kill9.rs`.
//!
//! Names are told apart without letter case, as in a share. The model knows statuses of RFC 4918 and nothing of storage.

use std::collections::BTreeMap;
use std::io;

use crate::site::{Client, Depth, Reply, Request, dav};

/// What lies at a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    File(Vec<u8>),
    Folder(BTreeMap<String, Node>),
}

impl Node {
    pub fn empty_folder() -> Self {
        Node::Folder(BTreeMap::new())
    }

    /// How many files and folders, itself included.
    pub fn count(&self) -> usize {
        match self {
            Node::File(_) => 1,
            Node::Folder(members) => 1 + members.values().map(Node::count).sum::<usize>(),
        }
    }
}

/// One request that changes the tree. Paths are names below the root of the model, never empty.
#[derive(Debug, Clone)]
pub enum Change {
    Put(Vec<String>, Vec<u8>),
    Mkcol(Vec<String>),
    Delete(Vec<String>),
    Copy { from: Vec<String>, to: Vec<String>, overwrite: bool, whole: bool },
    Move { from: Vec<String>, to: Vec<String>, overwrite: bool },
}

impl Change {
    /// Sends it to the server, below the folder that stands for the root of the model.
    pub fn send(&self, client: &Client, root: &str) -> std::io::Result<Reply> {
        let path = |names: &[String]| format!("{root}/{}", names.join("/"));
        match self {
            Change::Put(at, content) => client.ask("PUT", &path(at)).body(content.clone()),
            Change::Mkcol(at) => client.ask("MKCOL", &path(at)),
            Change::Delete(at) => client.ask("DELETE", &path(at)),
            Change::Copy { from, to, overwrite, whole } => {
                let depth = if *whole { Depth::Infinity } else { Depth::Zero };
                client.ask("COPY", &path(from)).to(&path(to)).overwrite(*overwrite).with("Depth", depth.value())
            }
            Change::Move { from, to, overwrite } => client.ask("MOVE", &path(from)).to(&path(to)).overwrite(*overwrite),
        }
        .try_send()
    }

    /// Makes the change where it succeeds, and gives the statuses that are right for it.
    pub fn apply(&self, root: &mut Node) -> &'static [u16] {
        match self {
            Change::Put(at, content) => {
                let Some((parent, name)) = parent_of(root, at) else { return &[409] };
                match parent.get_mut(&name) {
                    Some(Node::Folder(_)) => &[405],
                    Some(Node::File(old)) => {
                        old.clone_from(content);
                        &[204]
                    }
                    None => {
                        parent.insert(name, Node::File(content.clone()));
                        &[201]
                    }
                }
            }
            Change::Mkcol(at) => {
                let Some((parent, name)) = parent_of(root, at) else { return &[409] };
                if parent.contains_key(&name) {
                    return &[405];
                }
                parent.insert(name, Node::empty_folder());
                &[201]
            }
            Change::Delete(at) => match take(root, at) {
                Some(_) => &[204],
                None => &[404],
            },
            Change::Copy { from, to, overwrite, whole } => {
                let source = find(root, &key(from)).cloned();
                let source = source.map(|node| match node {
                    Node::Folder(_) if !whole => Node::empty_folder(),
                    node => node,
                });
                transfer(root, source, from, to, *overwrite)
            }
            Change::Move { from, to, overwrite } => {
                let source = find(root, &key(from)).cloned();
                if source.is_some() && from != to && key(from) == key(to) {
                    // A rename where its last name is written otherwise than it is stored, which no model of keys knows.
                    return &[403, 201];
                }
                let statuses = transfer(root, source, from, to, *overwrite);
                if statuses[0] < 300 {
                    take(root, from);
                }
                statuses
            }
        }
    }
}

/// Puts the source, if it can be, at the destination.
fn transfer(root: &mut Node, source: Option<Node>, from: &[String], to: &[String], overwrite: bool) -> &'static [u16] {
    let related = key(from).starts_with(&key(to)) || key(to).starts_with(&key(from));
    let Some(source) = source else {
        // Which of the two is told doesn't matter; both say that nothing happened.
        return if related { &[404, 403] } else { &[404] };
    };
    let Some((parent, name)) = parent_of(root, to) else {
        return if related { &[403, 409] } else { &[409] };
    };
    if related {
        return &[403];
    }
    let taken = parent.contains_key(&name);
    if taken && !overwrite {
        return &[412];
    }
    parent.insert(name, source);
    if taken { &[204] } else { &[201] }
}

/// The tree below a folder of the server, read with PROPFIND and GET.
#[track_caller]
pub fn read_tree(client: &Client, root: &str) -> Node {
    try_read_tree(client, root).expect("the server answers")
}

/// The same, where a server may be killed meanwhile. Errors: it gives no answer, or says that it can't at the moment.
#[track_caller]
pub fn try_read_tree(client: &Client, root: &str) -> io::Result<Node> {
    let ask = |request: Request<'_>| match request.try_send()? {
        reply if reply.answer.status == 503 => Err(io::Error::other("not at the moment")),
        reply => Ok(reply),
    };
    let listed = ask(client.ask("PROPFIND", root).with("Depth", Depth::Infinity.value()))?.status(207).multistatus();
    let mut tree = Node::empty_folder();
    // In order of their paths a folder comes before what it holds.
    for path in listed.paths() {
        let below = path.strip_prefix(root).expect("all lie below the folder").trim_matches('/');
        if below.is_empty() {
            continue;
        }
        let entry = listed.at(&path);
        let node = if entry.is_collection() {
            Node::empty_folder()
        } else {
            let content = ask(client.ask("GET", &path))?.status(200).answer.body;
            assert_eq!(entry.value(&dav("getcontentlength")), content.len().to_string(), "{path}");
            Node::File(content)
        };
        let names: Vec<String> = below.split('/').map(str::to_owned).collect();
        let (parent, name) = parent_of(&mut tree, &names).expect("its folder is listed too");
        let twice = parent.insert(name, node);
        assert_eq!(twice, None, "`{path}` is listed twice");
    }
    Ok(tree)
}

/// Names as the share compares them.
fn key(names: &[String]) -> Vec<String> {
    names.iter().map(|name| name.to_lowercase()).collect()
}

fn find<'a>(root: &'a Node, key: &[String]) -> Option<&'a Node> {
    key.iter().try_fold(root, |node, name| match node {
        Node::Folder(members) => members.get(name),
        Node::File(_) => None,
    })
}

/// The members of the folder that holds a path, and the key of its last name.
fn parent_of<'a>(root: &'a mut Node, path: &[String]) -> Option<(&'a mut BTreeMap<String, Node>, String)> {
    let mut key = key(path);
    let name = key.pop()?;
    let mut node = root;
    for step in &key {
        node = match node {
            Node::Folder(members) => members.get_mut(step)?,
            Node::File(_) => return None,
        };
    }
    match node {
        Node::Folder(members) => Some((members, name)),
        Node::File(_) => None,
    }
}

fn take(root: &mut Node, path: &[String]) -> Option<Node> {
    let (parent, name) = parent_of(root, path)?;
    parent.remove(&name)
}
