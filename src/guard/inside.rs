//! What an operation on a collection needs of everything inside it (access.md: "a folder: the same on every descendant").
//!
//! Within a zone everything has the same permissions, so each zone is asked about once; only where a zone's inside must
//! not be touched does the tree tell whether there is anything in it.

use commonhold_acl::{Effective, Item, ItemId, ItemKind, Object, Operation, Scene};

use super::{Below, Reached, permit};
use crate::tree::Node;
use crate::tree::view::{Bars, Forbidden};

/// What is about to happen to a collection with everything inside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taking {
    /// It goes to the trash, or to another collection of its share.
    Away,
    /// It goes to another share.
    ToAnotherShare,
    /// It is copied.
    Copied,
    /// It is locked.
    Locked,
    /// Its files get the contents of a time.
    RolledBack,
    /// Revisions of its files are trimmed.
    Trimmed,
    /// It is copied, with nothing left out.
    Snapshot,
}

/// What stands in the way of it.
#[derive(Debug, Default)]
pub struct Inside {
    /// There is something that the caller doesn't see. Nobody tells him more of it.
    pub hidden: bool,
    /// What he sees and may not take: names from the share's root on, and whether it is a collection.
    pub blockers: Vec<(Vec<String>, bool)>,
    /// What must not lie between; the tree knows whether it does.
    pub forbidden: Forbidden,
}

/// Asks about everything below the last node of `chain`, a collection.
pub fn inside(reached: &Reached, chain: &[Node], taking: Taking) -> Inside {
    let mut found = Inside::default();
    let Some(node) = chain.last() else { return found };
    found.forbidden.top = bars(reached.inner(reached.zone(chain)), taking);
    for below in reached.below(node.id) {
        let Below { node, kind, names, own, inner, parent } = below;
        if !own.sees(kind) {
            // What isn't seen is left out of a copy, and keeps its collection from everything else.
            found.hidden |= taking != Taking::Copied;
        } else if !may(own, parent, kind, taking) {
            let names = names.into_iter().map(str::to_owned).collect();
            found.blockers.push((names, kind == ItemKind::Folder));
        }
        if kind == ItemKind::Folder {
            found.forbidden.below.push((node, bars(inner, taking)));
        }
    }
    found.blockers.sort();
    found
}

/// What may not be taken of the members of a zone.
fn bars(inner: &Effective, taking: Taking) -> Bars {
    let barred = |kind| !may(inner, inner, kind, taking);
    Bars { files: barred(ItemKind::File), collections: barred(ItemKind::Folder) }
}

/// Whether an item in a collection with these permissions may be taken along.
fn may(own: &Effective, parent: &Effective, kind: ItemKind, taking: Taking) -> bool {
    let operation = match taking {
        Taking::Away => Operation::Delete,
        Taking::ToAnotherShare => Operation::MoveMemberToShare(kind),
        Taking::Copied | Taking::Snapshot => Operation::CopyMember(kind),
        Taking::RolledBack => Operation::RollBack,
        Taking::Trimmed => Operation::Trim,
        Taking::Locked => Operation::LockMember(kind),
    };
    // The ids are of no interest: nothing is done by this permit.
    let (item, folder) = (Item { id: ItemId(0), kind }, Item::folder(ItemId(1)));
    let scene = Scene::new().with(Object::Item, own, item).with(Object::Parent, parent, folder);
    permit(operation, &scene).is_ok()
}
