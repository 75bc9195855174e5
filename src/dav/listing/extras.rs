//! What a listing tells of files that isn't in their own rows: the numbers of their present states, the checksums of their contents.

use std::collections::HashMap;

use super::Listing;
use crate::contents;
use crate::error::HttpError;
use crate::history::revision;
use crate::ids::{ContentId, NodeId};
use crate::tree::Node;

/// Those of the files of a page, as far as they were asked for.
#[derive(Default)]
pub(super) struct Extras {
    versions: HashMap<NodeId, i64>,
    checksums: HashMap<ContentId, String>,
}

impl Extras {
    /// The number of a file's present state.
    pub(super) fn version(&self, node: &Node) -> Option<i64> {
        self.versions.get(&node.id).copied()
    }

    /// The checksum of a file's content, where its client sent one.
    pub(super) fn checksum(&self, node: &Node) -> Option<&str> {
        self.checksums.get(&node.content?).map(String::as_str)
    }
}

impl Listing {
    /// Reads what was asked for about these.
    pub(super) async fn load_extras(&mut self, nodes: impl Iterator<Item = &Node> + Clone) -> Result<(), HttpError> {
        let Some(tx) = &mut self.tx else { return Ok(()) };
        if self.asked.wants_versions() {
            let ids: Vec<NodeId> = nodes.clone().map(|node| node.id).collect();
            self.extras.versions = revision::present(tx, &ids).await?.into_iter().collect();
        }
        if self.asked.wants_checksums() {
            let ids: Vec<ContentId> = nodes.filter_map(|node| node.content).collect();
            self.extras.checksums = contents::checksums(tx, &ids).await?.into_iter().collect();
        }
        Ok(())
    }
}
