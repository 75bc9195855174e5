//! The table of what each operation needs, row by row as the law writes it.

use commonhold_acl::*;

/// `+`: all of these. `|`: either. `!`: unless the first is denied. `(way)`: a folder on the way serves too.
fn written(needs: &Needs) -> String {
    let name = |object| match object {
        Object::Item => "item",
        Object::Parent => "parent",
        Object::Destination => "destination",
        Object::DestinationParent => "destination-parent",
    };
    let rights = needs.rights.iter().map(|right| {
        let mut text = format!("{}@{}", right.permission, name(right.on));
        for instead in right.or {
            text += &match *instead {
                Instead::Holding(permission, on) => format!(" | {permission}@{}", name(on)),
                Instead::UnlessDenied(permission, on) => format!(" |! {permission}@{}", name(on)),
                Instead::OnTheWay => " | (way)".into(),
            };
        }
        text
    });
    let rights = rights.collect::<Vec<_>>().join(" + ");
    let sees: Vec<_> = needs.sees.iter().map(|object| name(*object)).collect();
    let administrators = if needs.administrators { ", or an administrator" } else { "" };
    format!("[{}] {rights}{administrators}", sees.join(" "))
}

#[test]
fn an_operation_that_reaches_into_a_folder_asks_for_what_lies_below() {
    use ItemKind::{File, Folder};
    use Landing::{Free, Replaces, Revises};
    use Object::{Destination, DestinationParent, Item, Parent};
    use Operation::*;
    let copy = |landing| Copy { source: Folder, landing };
    let away = |landing| MoveToShare { source: Folder, landing };
    // The operation; what it does to each item below; what it does to each below what it replaces.
    let reaching: [(Operation, [Option<Operation>; 2], Option<Operation>); 16] = [
        (LockFolder, [Some(LockMember(File)), Some(LockMember(Folder))], None),
        (LockMember(Folder), [Some(LockMember(File)), Some(LockMember(Folder))], None),
        (Delete, [Some(Delete); 2], None),
        (copy(Free), [Some(CopyMember(File)), Some(CopyMember(Folder))], None),
        (copy(Replaces), [Some(CopyMember(File)), Some(CopyMember(Folder))], Some(Delete)),
        (CopyMember(Folder), [Some(CopyMember(File)), Some(CopyMember(Folder))], None),
        (Rename(Free), [None; 2], None),
        (Rename(Replaces), [None; 2], Some(Delete)),
        (Move(Free), [Some(Delete); 2], None),
        (Move(Revises), [Some(Delete); 2], None),
        (Move(Replaces), [Some(Delete); 2], Some(Delete)),
        (away(Free), [Some(MoveMemberToShare(File)), Some(MoveMemberToShare(Folder))], None),
        (away(Replaces), [Some(MoveMemberToShare(File)), Some(MoveMemberToShare(Folder))], Some(Delete)),
        (MoveMemberToShare(Folder), [Some(MoveMemberToShare(File)), Some(MoveMemberToShare(Folder))], None),
        (Purge, [Some(Purge); 2], None),
        (RollBack, [Some(RollBack); 2], None),
    ];
    for (operation, below, replaced) in reaching {
        assert_eq!([File, Folder].map(|kind| operation.below(Item, kind)), below, "{operation:?}");
        assert_eq!([File, Folder].map(|kind| operation.below(Destination, kind)), [replaced; 2], "{operation:?}");
        for object in [Parent, DestinationParent] {
            assert_eq!(operation.below(object, File), None, "{operation:?}");
        }
    }
    assert_eq!([File, Folder].map(|kind| GetZip.below(Item, kind)), [Some(GetFile), Some(GetZip)]);
    for operation in [LockFile, Proppatch, PropfindMembers, SyncCollection, Acl, ListTrash, Restore] {
        for object in [Item, Destination] {
            assert_eq!([File, Folder].map(|kind| operation.below(object, kind)), [None; 2], "{operation:?}");
        }
    }
}

#[test]
fn every_operation_needs_what_the_law_says() {
    use ItemKind::{File, Folder};
    use Landing::{Free, Replaces, Revises};
    use Operation::*;
    const GONE: &str = "delete@item |! delete-child@parent";
    const ROOM: &str = "create@destination-parent";
    const REVISED: &str = "write@destination";
    const REPLACED: &str = "delete@destination |! delete-child@destination-parent";
    let both = |rest: &[&str]| format!("[item destination-parent] {}", rest.join(" + "));
    let copy = |source, landing| Copy { source, landing };
    let away = |source, landing| MoveToShare { source, landing };
    let table = [
        (GetFile, "[item] read@item".into()),
        (GetFolder, "[item] list@item".into()),
        (GetZip, "[item] list@item + sync@item".into()),
        (Propfind, "[item] ".into()),
        (PropfindMembers, "[item] list@item | list-folders@item | (way)".into()),
        (Proppatch, "[item] write@item".into()),
        (PutNew, "[parent] create@parent".into()),
        (PutOver, "[parent] write@item".into()),
        (Mkcol, "[parent] create@parent".into()),
        (Delete, format!("[item] {GONE}")),
        (copy(File, Free), both(&["read@item", ROOM])),
        (copy(File, Revises), both(&["read@item", REVISED])),
        (copy(File, Replaces), both(&["read@item", REPLACED, ROOM])),
        (copy(Folder, Free), both(&["list@item", ROOM])),
        (copy(Folder, Replaces), both(&["list@item", REPLACED, ROOM])),
        (Rename(Free), "[item] rename-child@parent".into()),
        (Rename(Revises), format!("[item] rename-child@parent + {REVISED}")),
        (Rename(Replaces), format!("[item] rename-child@parent + {REPLACED}")),
        (Move(Free), both(&[GONE, ROOM])),
        (Move(Revises), both(&[GONE, ROOM, REVISED])),
        (Move(Replaces), both(&[GONE, ROOM, REPLACED])),
        (away(File, Free), both(&["read@item", "sync@item", GONE, ROOM])),
        (away(File, Revises), both(&["read@item", "sync@item", GONE, ROOM, REVISED])),
        (away(Folder, Replaces), both(&["list@item", "sync@item", GONE, ROOM, REPLACED])),
        (CopyMember(File), "[item] read@item".into()),
        (CopyMember(Folder), "[item] list@item".into()),
        (MoveMemberToShare(File), format!("[item] read@item + sync@item + {GONE}")),
        (MoveMemberToShare(Folder), format!("[item] list@item + sync@item + {GONE}")),
        (LockFile, "[parent] write@item".into()),
        (LockFolder, "[parent] write@item + create@item".into()),
        (LockMember(File), "[item] write@item".into()),
        (LockMember(Folder), "[item] write@item + create@item".into()),
        (LockNew, "[parent] create@parent".into()),
        (UnlockOwn, "[] ".into()),
        (UnlockOthers, "[item] owner@item, or an administrator".into()),
        (SyncCollection, "[item] list@item + sync@item".into()),
        (ReportCollection, "[item] list@item".into()),
        (FreeBusy, "[item] view@item".into()),
        (Acl, "[item] owner@item".into()),
        (ReadAcl, "[item] owner@item".into()),
        (Trim, "[item] trim@item".into()),
        (Purge, "[item] purge@item".into()),
        (ListTrash, "[item] list@item + delete@item".into()),
        (Restore, "[parent] list@item + delete@item + create@parent".into()),
        (RestoreRevision, "[item] write@item + read@item".into()),
        (RollBack, "[item] write@item".into()),
        (CreateLink, "[item] share@item".into()),
        (Preview, "[item] view@item | read@item".into()),
        (Print, "[item] print@item".into()),
        (WebEdit, "[item] web-edit@item | write@item".into()),
        (ManageShare, "[item] owner@item, or an administrator".into()),
    ];
    for (operation, expected) in table {
        assert_eq!(written(&operation.needs()), expected, "{operation:?}");
    }
}
