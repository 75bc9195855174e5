//! Dead properties: names and values that clients keep with a node and that mean nothing to the server (RFC 4918 section 4).

mod sql;

use commonhold_acl::{Permission, Permit};

use super::change::{Change, Op, require};
use super::{Node, TreeError};
use crate::clock::Moment;
use crate::db::Reads;
use crate::ids::NodeId;

/// How much may be kept with one resource.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Properties.
    pub count_max: usize,
    /// Bytes of their names and values together.
    pub bytes_max: usize,
}

/// A dead property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadProp {
    /// Namespace; empty for none.
    pub ns: String,
    /// Local name.
    pub name: String,
    /// The content of its element: self-contained XML.
    pub value: String,
    /// `xml:lang`, empty for none.
    pub lang: String,
}

/// One instruction of a PROPPATCH.
#[derive(Debug, Clone)]
pub enum Patch {
    /// Sets a property, whether it was there or not.
    Set(DeadProp),
    /// Removes a property (namespace, name); that it isn't there is no error.
    Remove(String, String),
}

/// What a PROPPATCH changes beside the dead properties.
#[derive(Debug, Clone, Copy, Default)]
pub struct Times {
    /// The time of the last change.
    pub modified: Option<Moment>,
    /// The time of creation.
    pub created: Option<Moment>,
}

/// The dead properties of `nodes`, which belong to one page of a listing; in the order of their nodes' ids.
pub async fn of(tx: &mut impl Reads, nodes: &[NodeId]) -> Result<Vec<(NodeId, DeadProp)>, TreeError> {
    let rows = sql::props_of(tx.conn(), nodes).await?;
    Ok(rows.into_iter().map(|(id, ns, name, value, lang)| (NodeId(id), DeadProp { ns, name, value, lang })).collect())
}

impl Change<'_> {
    /// Carries out the instructions of one PROPPATCH, all or, on an error, none. Content and ETag stay.
    /// `permit` allows `write` on the node.
    ///
    /// Gives `false` when the properties would be beyond `bounds`: then the transaction must be given up.
    pub async fn patch_props(
        &mut self,
        permit: &Permit,
        node: &Node,
        ancestors: &[Node],
        patches: &[Patch],
        times: Times,
        bounds: Bounds,
    ) -> Result<bool, TreeError> {
        require(permit, Permission::Write, node.id);
        self.touch();
        let is_within = self.set_props(node, patches, times, bounds).await?;
        self.next_seq(&node.name);
        self.log(Op::Props, (node.id, node.parent, &node.name), 0, ancestors).await?;
        Ok(is_within)
    }

    /// Gives a collection that this very change has made its first properties. `permit` allows `create` on its parent.
    ///
    /// Gives `false` as [`Change::patch_props`] does.
    pub async fn first_props(
        &mut self,
        permit: &Permit,
        made: &Node,
        patches: &[Patch],
        times: Times,
        bounds: Bounds,
    ) -> Result<bool, TreeError> {
        require(permit, Permission::Create, made.parent.expect("what was made is a member"));
        self.set_props(made, patches, times, bounds).await
    }

    async fn set_props(
        &mut self,
        node: &Node,
        patches: &[Patch],
        times: Times,
        bounds: Bounds,
    ) -> Result<bool, TreeError> {
        for patch in patches {
            match patch {
                Patch::Set(p) => {
                    sql::set_prop(self.tx.conn(), node.id, (&p.ns, &p.name), &p.value, &p.lang).await?;
                }
                Patch::Remove(ns, name) => sql::remove_prop(self.tx.conn(), node.id, (ns, name)).await?,
            }
        }
        if times.modified.is_some() || times.created.is_some() {
            sql::set_times(self.tx.conn(), node.id, times.modified, times.created).await?;
        }
        let (count, bytes) = sql::count_props(self.tx.conn(), node.id).await?;
        Ok(count as usize <= bounds.count_max && bytes as usize <= bounds.bytes_max)
    }
}
