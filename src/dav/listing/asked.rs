//! What a PROPFIND or REPORT asks of each resource, and which rows that takes.

use super::super::bodies::PropfindBody;
use super::super::headers::Depth;
use super::super::props::Live;
use super::super::xml::{QName, RawXml};
use crate::tree::Node;

/// What is asked of each resource.
pub struct Asked {
    pub(super) body: PropfindBody,
    /// The names with what they are, so that no entry looks them up again.
    pub(super) live: Vec<(QName, Option<Live>)>,
    /// Values that were made before, to be written instead of what the resource has.
    pub(super) values: Vec<(QName, RawXml)>,
    /// Nothing is asked but that the resource is there.
    pub(super) existence: bool,
    /// Windows lists folders with an empty body, and reads no further than 1,000,000 bytes of the answer. So such a
    /// listing names only what Windows shows of a member, in as few bytes as there can be.
    pub(super) compact: bool,
    /// Nor does it tell the times of the members, of a folder so large that Windows would show nothing of it.
    pub(super) undated: bool,
}

impl Asked {
    /// What the body asks for, at that depth.
    pub fn new(body: PropfindBody, depth: Depth) -> Self {
        let names = match &body {
            PropfindBody::Prop(names) => names.clone(),
            PropfindBody::AllProp { include } => include.clone(),
            // RFC 4331 leaves the quota out of `allprop`, but who says nothing at all has no other way to learn it: the npm
            // package `webdav` (5.11) asks so, and Windows' drive.
            PropfindBody::Empty if depth == Depth::Zero => Live::quota_names().to_vec(),
            PropfindBody::Empty | PropfindBody::PropName => Vec::new(),
        };
        let live = names.into_iter().map(|name| (name.clone(), Live::of(&name))).collect();
        let compact = body == PropfindBody::Empty && depth != Depth::Zero;
        Self { body, live, values: Vec::new(), existence: false, compact, undated: false }
    }

    /// These properties.
    pub fn of(names: Vec<QName>) -> Self {
        Self::new(PropfindBody::Prop(names), Depth::Zero)
    }

    /// Only that the resource is there.
    pub fn existence() -> Self {
        Self { existence: true, ..Self::of(Vec::new()) }
    }

    /// The same, with these values for some of the properties.
    pub fn with_values(self, values: Vec<(QName, RawXml)>) -> Self {
        Self { values, ..self }
    }

    fn names(&self, property: Live) -> bool {
        self.live.iter().any(|(_, live)| *live == Some(property))
    }

    pub(super) fn wants_acl(&self) -> bool {
        self.names(Live::Acl)
    }

    pub(super) fn wants_quota(&self) -> bool {
        self.body == PropfindBody::PropName || self.live.iter().any(|(_, live)| live.is_some_and(Live::is_quota))
    }

    pub(super) fn wants_sync(&self) -> bool {
        self.names(Live::SyncToken)
    }

    pub(super) fn wants_versions(&self) -> bool {
        self.body == PropfindBody::PropName || self.names(Live::CheckedIn)
    }

    pub(super) fn wants_checksums(&self) -> bool {
        self.body == PropfindBody::PropName || self.names(Live::CloudChecksums)
    }

    pub(super) fn wants_etag(&self) -> bool {
        self.names(Live::Etag)
    }

    pub(super) fn wants_locks(&self) -> bool {
        match &self.body {
            PropfindBody::Empty | PropfindBody::AllProp { .. } => !self.compact,
            PropfindBody::Prop(_) => self.names(Live::LockDiscovery),
            PropfindBody::PropName => false,
        }
    }

    pub(super) fn wants_dead(&self, node: &Node) -> bool {
        node.has_props
            && match &self.body {
                PropfindBody::Prop(_) => {
                    self.live.iter().any(|(_, live)| live.is_none_or(|live| live == Live::DisplayName))
                }
                PropfindBody::Empty | PropfindBody::PropName | PropfindBody::AllProp { .. } => true,
            }
    }

    /// Whether the answer about this resource alone needs more than its row.
    pub fn needs_rows(&self, node: &Node, has_locks: bool) -> bool {
        (node.is_collection() && self.wants_quota())
            || (!node.is_collection() && (self.wants_versions() || self.wants_checksums()))
            || self.wants_acl()
            || self.wants_sync()
            || self.wants_dead(node)
            || (has_locks && self.wants_locks())
    }
}
