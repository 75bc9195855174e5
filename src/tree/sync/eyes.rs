//! Asking a view about single nodes.

use std::collections::{HashMap, HashSet};

use crate::ids::NodeId;
use crate::tree::view::{Lists, View};
use crate::tree::{Kind, Node};

/// A [`View`] of a whole share that is asked about one node after the other.
#[derive(Debug)]
pub struct Eyes {
    lists: Lists,
    modes: HashMap<NodeId, Lists>,
    also: HashSet<NodeId>,
    except: HashSet<NodeId>,
}

impl Eyes {
    /// `view` is what is seen from the share's root down.
    pub fn new(view: &View) -> Self {
        let with = |nodes: &[NodeId], lists: Lists| nodes.iter().map(move |node| (*node, lists)).collect::<Vec<_>>();
        let modes = with(&view.all, Lists::All).into_iter();
        let modes = modes.chain(with(&view.collections, Lists::Collections)).chain(with(&view.named, Lists::Named));
        Self {
            lists: view.lists,
            modes: modes.collect(),
            also: view.also.iter().copied().collect(),
            except: view.except.iter().copied().collect(),
        }
    }

    /// How members of the last of `way` are shown, which begins with the share's root; `None` when that isn't seen itself.
    pub fn mode(&self, way: impl IntoIterator<Item = (NodeId, Kind)>) -> Option<Lists> {
        let mut mode = self.lists;
        for (node, kind) in way.into_iter().skip(1) {
            let listed = match mode {
                Lists::All => true,
                Lists::Collections => kind == Kind::Collection,
                Lists::Named => false,
            };
            if self.except.contains(&node) || !(listed || self.also.contains(&node)) {
                return None;
            }
            mode = self.modes.get(&node).copied().unwrap_or(mode);
        }
        Some(mode)
    }

    /// Whether the last node of a chain from the share's root on is seen.
    pub fn see(&self, chain: &[Node]) -> bool {
        self.mode(chain.iter().map(|node| (node.id, node.kind))).is_some()
    }

    /// What is said of this node itself.
    pub(super) fn says(&self, node: NodeId) -> (bool, bool, Option<Lists>) {
        (self.also.contains(&node), self.except.contains(&node), self.modes.get(&node).copied())
    }

    /// The nodes of which something is said.
    pub(super) fn marks(&self) -> impl Iterator<Item = NodeId> {
        self.also.iter().chain(&self.except).chain(self.modes.keys()).copied()
    }
}
