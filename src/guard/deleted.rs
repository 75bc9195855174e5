//! What somebody may do with deleted things: each is judged by the place that it came from and by its own grants.
//!
//! What has no place left is for those who own the share: nobody knows any more who could see it where it was.

use std::collections::HashMap;

use commonhold_acl::{Effective, ItemKind, Object, Operation, Permission, Permit, Scene};

use super::sight::Sight;
use super::{Caller, Reached, Refused, item, load, permit};
use crate::db::{DbError, Reads};
use crate::history::trash::{Item, Way};
use crate::ids::NodeId;
use crate::shares::Share;
use crate::tree::Node;

/// One person's view of some deleted things of one share.
pub struct Deleted {
    sight: Sight,
    owns: bool,
}

/// Reads what counts for `caller` on these deleted things, on their former places and on `inside`, nodes that lie in them.
pub async fn deleted(
    tx: &mut impl Reads,
    caller: &Caller,
    share: &Share,
    items: &[Item],
    inside: &[Node],
) -> Result<Deleted, DbError> {
    let chains = items.iter().flat_map(|item| item.chain.iter());
    let nodes: HashMap<NodeId, Node> = chains.chain(inside).map(|node| (node.id, node.clone())).collect();
    let mut nodes: Vec<Node> = nodes.into_values().collect();
    nodes.sort_by_key(|node| node.id);
    let sight = sight(tx, caller, share, &nodes).await?;
    let owns = sight.at(&[]).allows(Permission::Owner);
    Ok(Deleted { sight, owns })
}

/// What counts for `caller` at these nodes of a share, wherever they lie.
async fn sight(tx: &mut impl Reads, caller: &Caller, share: &Share, nodes: &[Node]) -> Result<Sight, DbError> {
    let gathered = load::gather(tx, &caller.user, caller.channel, Some((share, nodes))).await?;
    Ok(gathered.into_iter().next().expect("the share that was asked for").sight)
}

impl Deleted {
    /// What the caller may do with it.
    fn effective(&self, item: &Item) -> &Effective {
        self.sight.at(&item.chain)
    }

    /// Whether it is there for the caller: he would see it, and each folder on the way, where it was.
    pub fn sees(&self, deleted: &Item) -> bool {
        let mut chain = deleted.chain.iter().enumerate();
        let seen = |(at, node): (usize, &Node)| self.sight.at(&deleted.chain[..=at]).sees(item(node).kind);
        (!deleted.is_lost || self.owns) && chain.all(seen)
    }

    /// Decides about an operation on it, where it lay. Errors: the law's refusal.
    pub fn permit(&self, operation: Operation, deleted: &Item) -> Result<Permit, Refused> {
        let above = &deleted.chain[..deleted.chain.len() - 1];
        let parent = above.last().expect("what was deleted lay in something");
        self.permit_in(operation, deleted, (self.sight.at(above), parent))
    }

    /// Decides whether it may come back by a way in a share that the caller reaches: what isn't there of it may be made again, and the thing come to
    /// its end, with the grants that all of it will have. Errors: the law's refusal, inside.
    pub async fn permit_back(
        &self,
        tx: &mut impl Reads,
        (caller, reached): (&Caller, &Reached),
        (deleted, way): (&Item, &Way),
    ) -> Result<Result<Permit, Refused>, DbError> {
        let again = match way.makers().next() {
            Some(_) => Some(sight(tx, caller, &reached.share, way.nodes()).await?),
            None => None,
        };
        let at = |nodes: &[Node]| match &again {
            // What is there is seen whole, with what lies below it.
            Some(again) if nodes.len() > way.there().len() => again.at(nodes),
            Some(_) | None => reached.at(nodes),
        };
        for nodes in way.makers() {
            let above = nodes.last().expect("a way begins with the root");
            let scene = Scene::new().with(Object::Parent, at(nodes), item(above));
            if let Err(refused) = permit(Operation::Mkcol, &scene) {
                return Ok(Err(refused));
            }
        }
        let parent = way.nodes().last().expect("a way begins with the root");
        Ok(self.permit_in(Operation::Restore, deleted, (at(way.nodes()), parent)))
    }

    /// The same for an operation that brings it into a folder, with which the caller may do this. Errors: the law's refusal.
    fn permit_in(
        &self,
        operation: Operation,
        deleted: &Item,
        (effective, parent): (&Effective, &Node),
    ) -> Result<Permit, Refused> {
        let scene = Scene::new().with(Object::Item, self.effective(deleted), item(&deleted.node));
        permit(operation, &scene.with(Object::Parent, effective, item(parent)))
    }

    /// The same about everything inside it that begins a zone of its own: whether all of it may go.
    pub fn may_purge_inside(&self, deleted: &Item) -> bool {
        self.sight.below(deleted.node.id).all(|below| {
            let may = |effective: &Effective| effective.allows(Permission::Purge);
            below.own.sees(below.kind) && may(below.own) && (below.kind == ItemKind::File || may(below.inner))
        })
    }
}
