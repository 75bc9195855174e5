//! What each operation needs: the law's table "verb -> permission", once for every surface.
//!
//! It says nothing about locks, preconditions, quota or the switches of a share; those have rooms of their own.

use crate::Permission::{
    Create, Delete, DeleteChild, List, ListFolders, Owner, Print, Purge, Read, RenameChild, Share, Sync, Trim, View,
    WebEdit, Write,
};
use crate::{ItemKind, Permission};

/// Something a caller asks for. OPTIONS is none: it needs nothing and is answered before anybody has logged in.
///
/// An operation on a folder that reaches into it (DELETE, COPY, MOVE, a zip, a roll back) is decided for the folder, and
/// for what lies below it as [`below`](Self::below) says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// GET or HEAD of a file, also of ranges.
    GetFile,
    /// GET or HEAD of a folder, as a page for people.
    GetFolder,
    /// GET of a folder as a zip; each file in it is a [`GetFile`](Self::GetFile).
    GetZip,
    /// PROPFIND of the item alone; reading `current-user-privilege-set`.
    Propfind,
    /// PROPFIND that enters the folder; [`Effective::listing`](crate::Effective::listing) says what it shows.
    PropfindMembers,
    /// PROPPATCH.
    Proppatch,
    /// PUT onto an unmapped URL; an upload.
    PutNew,
    /// PUT or PATCH onto a file.
    PutOver,
    /// MKCOL, also extended, and MKCALENDAR.
    Mkcol,
    /// DELETE.
    Delete,
    /// COPY.
    Copy {
        /// What is copied.
        source: ItemKind,
        /// Where it lands.
        landing: Landing,
    },
    /// What COPY of a folder does to each item below it.
    CopyMember(ItemKind),
    /// MOVE within one folder.
    Rename(Landing),
    /// MOVE to another folder of the share.
    Move(Landing),
    /// MOVE to another share.
    MoveToShare {
        /// What is moved.
        source: ItemKind,
        /// Where it lands.
        landing: Landing,
    },
    /// What MOVE of a folder to another share does to each item below it.
    MoveMemberToShare(ItemKind),
    /// LOCK of a file; refreshing such a lock.
    LockFile,
    /// LOCK of a folder; refreshing such a lock. With depth 0 nothing below it is asked about.
    LockFolder,
    /// What LOCK of a folder with depth infinity does to each item below it.
    LockMember(ItemKind),
    /// LOCK of an unmapped URL.
    LockNew,
    /// UNLOCK by the holder, who needs the token only, also after the right to lock is gone.
    UnlockOwn,
    /// UNLOCK of somebody else's lock.
    UnlockOthers,
    /// REPORT sync-collection.
    SyncCollection,
    /// REPORT on a calendar or address book; each item in it is a [`GetFile`](Self::GetFile).
    ReportCollection,
    /// REPORT free-busy-query.
    FreeBusy,
    /// ACL.
    Acl,
    /// Reading `DAV:acl`.
    ReadAcl,
    /// Erasing previous revisions.
    Trim,
    /// Erasing an item in the trash.
    Purge,
    /// Listing the trash of a folder.
    ListTrash,
    /// Restoring an item from the trash to the folder it lay in.
    Restore,
    /// Making an earlier revision the current one.
    RestoreRevision,
    /// Rolling back to a time.
    RollBack,
    /// Creating a share link.
    CreateLink,
    /// Preview in the portal.
    Preview,
    /// Print from the portal.
    Print,
    /// Saving from the web editor.
    WebEdit,
    /// Subscribers, roles and settings of a share; the item is the share's root.
    ManageShare,
}

/// Where COPY and MOVE land.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Landing {
    /// On an unmapped URL.
    Free,
    /// A file on a file: it becomes a new revision of that file.
    Revises,
    /// Anything else that exists: that goes to the trash first.
    Replaces,
}

/// The items that an operation touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Object {
    /// The resource that the request names, if it exists.
    Item,
    /// The folder it lies in, or would lie in.
    Parent,
    /// What exists at the destination.
    Destination,
    /// The folder that the destination lies in; of a rename, the parent again.
    DestinationParent,
}

/// What an operation needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// What must be visible, or the answer is that it does not exist.
    ///
    /// What makes a name in a folder asks for that folder, even where the name is taken: a hidden file must not
    /// answer otherwise than a free name.
    pub sees: &'static [Object],
    /// The rights, all of them.
    pub rights: Vec<Right>,
    /// Whether an administrator of the share needs no right and no sight.
    pub administrators: bool,
}

/// One right, or what serves in its stead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right {
    /// The permission; a refusal names it.
    pub permission: Permission,
    /// What it must be held on.
    pub on: Object,
    /// Any of these does as well.
    pub or: &'static [Instead],
}

/// What serves in the stead of a right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instead {
    /// Another permission, on that object.
    Holding(Permission, Object),
    /// The same, unless an entry denies the right itself or the caller does not see what the right is on: who may clear
    /// a folder out still leaves what is kept from him.
    UnlessDenied(Permission, Object),
    /// That the item is a folder which leads to something shown farther down.
    OnTheWay,
}

const fn right(permission: Permission, on: Object) -> Right {
    Right { permission, on, or: &[] }
}

impl Right {
    const fn or(self, or: &'static [Instead]) -> Self {
        Self { or, ..self }
    }
}

impl Needs {
    fn of(sees: &'static [Object], rights: &[Right]) -> Self {
        Self { sees, rights: rights.to_vec(), administrators: false }
    }

    fn on_item(rights: &[Right]) -> Self {
        Self::of(&[Object::Item], rights)
    }

    fn on_name(rights: &[Right]) -> Self {
        Self::of(&[Object::Parent], rights)
    }

    fn transfer(rights: &[Right]) -> Self {
        Self::of(&[Object::Item, Object::DestinationParent], rights)
    }

    fn and(mut self, rights: &[Right]) -> Self {
        self.rights.extend(rights);
        self
    }

    fn or_administrator(self) -> Self {
        Self { administrators: true, ..self }
    }
}

/// Taking the item away from where it is.
const GONE: Right = right(Delete, Object::Item).or(&[Instead::UnlessDenied(DeleteChild, Object::Parent)]);
/// Keeping others from writing in a folder.
const LOCKED_FOLDER: &[Right] = &[right(Write, Object::Item), right(Create, Object::Item)];
/// Making a member at the destination.
const ROOM: Right = right(Create, Object::DestinationParent);
/// Giving the file at the destination a new revision.
const REVISED: Right = right(Write, Object::Destination);
/// Taking away what is at the destination.
const REPLACED: Right =
    right(Delete, Object::Destination).or(&[Instead::UnlessDenied(DeleteChild, Object::DestinationParent)]);

impl Operation {
    /// What the operation needs.
    pub fn needs(self) -> Needs {
        use Object::{Item, Parent};
        match self {
            Self::GetFile => Needs::on_item(&[right(Read, Item)]),
            Self::GetFolder => Needs::on_item(&[right(List, Item)]),
            Self::GetZip | Self::SyncCollection => Needs::on_item(&[right(List, Item), right(Sync, Item)]),
            Self::Propfind => Needs::on_item(&[]),
            Self::PropfindMembers => {
                Needs::on_item(&[right(List, Item).or(&[Instead::Holding(ListFolders, Item), Instead::OnTheWay])])
            }
            Self::Proppatch | Self::RollBack => Needs::on_item(&[right(Write, Item)]),
            Self::PutNew | Self::Mkcol | Self::LockNew => Needs::on_name(&[right(Create, Parent)]),
            Self::PutOver | Self::LockFile => Needs::on_name(&[right(Write, Item)]),
            Self::LockFolder => Needs::on_name(LOCKED_FOLDER),
            Self::LockMember(ItemKind::File) => Needs::on_item(&[right(Write, Item)]),
            Self::LockMember(ItemKind::Folder) => Needs::on_item(LOCKED_FOLDER),
            Self::Delete => Needs::on_item(&[GONE]),
            Self::Copy { source, landing } => {
                let copied = Needs::transfer(&[content(source)]).and(overwritten(landing));
                match landing {
                    Landing::Revises => copied,
                    Landing::Free | Landing::Replaces => copied.and(&[ROOM]),
                }
            }
            Self::Rename(landing) => Needs::on_item(&[right(RenameChild, Parent)]).and(overwritten(landing)),
            Self::Move(landing) => Needs::transfer(&[GONE, ROOM]).and(overwritten(landing)),
            Self::MoveToShare { source, landing } => {
                Needs::transfer(&[content(source), right(Sync, Item), GONE, ROOM]).and(overwritten(landing))
            }
            Self::CopyMember(kind) => Needs::on_item(&[content(kind)]),
            Self::MoveMemberToShare(kind) => Needs::on_item(&[content(kind), right(Sync, Item), GONE]),
            Self::UnlockOwn => Needs::of(&[], &[]),
            Self::UnlockOthers | Self::ManageShare => Needs::on_item(&[right(Owner, Item)]).or_administrator(),
            Self::ReportCollection => Needs::on_item(&[right(List, Item)]),
            Self::FreeBusy => Needs::on_item(&[right(View, Item)]),
            Self::Acl | Self::ReadAcl => Needs::on_item(&[right(Owner, Item)]),
            Self::Trim => Needs::on_item(&[right(Trim, Item)]),
            Self::Purge => Needs::on_item(&[right(Purge, Item)]),
            Self::ListTrash => Needs::on_item(&[right(List, Item), right(Delete, Item)]),
            Self::Restore => Needs::on_name(&[right(List, Item), right(Delete, Item), right(Create, Parent)]),
            Self::RestoreRevision => Needs::on_item(&[right(Write, Item), right(Read, Item)]),
            Self::CreateLink => Needs::on_item(&[right(Share, Item)]),
            Self::Preview => Needs::on_item(&[right(View, Item).or(&[Instead::Holding(Read, Item)])]),
            Self::Print => Needs::on_item(&[right(Print, Item)]),
            Self::WebEdit => Needs::on_item(&[right(WebEdit, Item).or(&[Instead::Holding(Write, Item)])]),
        }
    }
}

impl Operation {
    /// What is to be decided for each item of that kind below a folder, besides the operation on the folder itself;
    /// `None` if it asks nothing of what lies there. `object` is the folder's place: the [`Item`](Object::Item), or the
    /// [`Destination`](Object::Destination) that is replaced.
    ///
    /// In the scene of such a decision the item is the descendant and the parent the folder that it lies in. Where
    /// nothing between a folder and its descendants has entries of its own, one permission set holds for both, and
    /// so one decision for each kind of item does for all of them.
    ///
    /// A descendant that the caller doesn't see is a refusal like any other: what is hidden never goes, is erased or is
    /// locked with its folder. Only copies and zips may leave out what the caller doesn't see.
    pub fn below(self, object: Object, kind: ItemKind) -> Option<Self> {
        let (source, landing) = match self {
            Self::Delete => (Some(Self::Delete), Landing::Free),
            Self::Copy { landing, .. } => (Some(Self::CopyMember(kind)), landing),
            Self::CopyMember(_) => (Some(Self::CopyMember(kind)), Landing::Free),
            Self::Rename(landing) => (None, landing),
            Self::Move(landing) => (Some(Self::Delete), landing),
            Self::MoveToShare { landing, .. } => (Some(Self::MoveMemberToShare(kind)), landing),
            Self::MoveMemberToShare(_) => (Some(Self::MoveMemberToShare(kind)), Landing::Free),
            Self::LockFolder | Self::LockMember(_) => (Some(Self::LockMember(kind)), Landing::Free),
            Self::Purge => (Some(Self::Purge), Landing::Free),
            Self::RollBack => (Some(Self::RollBack), Landing::Free),
            Self::GetZip => match kind {
                ItemKind::File => (Some(Self::GetFile), Landing::Free),
                ItemKind::Folder => (Some(Self::GetZip), Landing::Free),
            },
            Self::GetFile
            | Self::GetFolder
            | Self::Propfind
            | Self::PropfindMembers
            | Self::Proppatch
            | Self::PutNew
            | Self::PutOver
            | Self::Mkcol
            | Self::LockFile
            | Self::LockNew
            | Self::UnlockOwn
            | Self::UnlockOthers
            | Self::SyncCollection
            | Self::ReportCollection
            | Self::FreeBusy
            | Self::Acl
            | Self::ReadAcl
            | Self::Trim
            | Self::ListTrash
            | Self::Restore
            | Self::RestoreRevision
            | Self::CreateLink
            | Self::Preview
            | Self::Print
            | Self::WebEdit
            | Self::ManageShare => (None, Landing::Free),
        };
        match (object, landing) {
            (Object::Item, _) => source,
            (Object::Destination, Landing::Replaces) => Some(Self::Delete),
            (Object::Destination, Landing::Free | Landing::Revises)
            | (Object::Parent | Object::DestinationParent, _) => None,
        }
    }
}

/// Taking the content of a source along.
const fn content(source: ItemKind) -> Right {
    match source {
        ItemKind::File => right(Read, Object::Item),
        ItemKind::Folder => right(List, Object::Item),
    }
}

/// What happens to the thing at the destination.
const fn overwritten(landing: Landing) -> &'static [Right] {
    match landing {
        Landing::Free => &[],
        Landing::Revises => &[REVISED],
        Landing::Replaces => &[REPLACED],
    }
}
