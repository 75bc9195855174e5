//! Ids of principals and objects, and the item a decision is about.

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub i64);
    )+};
}

ids! {
    /// A user, full or guest.
    UserId
    /// A group of users and groups.
    GroupId
    /// A registered machine that acts for its user.
    DeviceId
    /// A team share.
    ShareId
    /// A file or folder; the root of a share is one too.
    ItemId
}

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ItemKind {
    /// It has bytes.
    File,
    /// It has members.
    Folder,
}

/// One file or folder, as far as a decision about it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// Which one.
    pub id: ItemId,
    /// What it is; a file hides from some who see folders.
    pub kind: ItemKind,
}

impl Item {
    /// The file of that id.
    pub const fn file(id: ItemId) -> Self {
        Self { id, kind: ItemKind::File }
    }

    /// The folder of that id.
    pub const fn folder(id: ItemId) -> Self {
        Self { id, kind: ItemKind::Folder }
    }
}
