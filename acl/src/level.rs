//! The five plain access levels, for grants to people who do not want to think in permissions.

use crate::Permission::{
    Create, Delete, DeleteChild, List, ListFolders, Print, Read, RenameChild, Sync, View, WebEdit, Write,
};
use crate::Permissions;

/// A plain level of access. Each includes the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing. It grants nothing and denies nothing.
    None,
    /// See and read what is there.
    Read,
    /// And make new items.
    ReadCreate,
    /// And change what is there.
    ReadCreateEdit,
    /// And move it to the trash.
    ReadCreateEditDelete,
}

const READ: Permissions = Permissions::of(&[Sync, View, Print, Read, List, ListFolders]);
const READ_CREATE: Permissions = READ.with(Create);
const READ_CREATE_EDIT: Permissions = READ_CREATE.with(Write).with(WebEdit).with(RenameChild);
const READ_CREATE_EDIT_DELETE: Permissions = READ_CREATE_EDIT.with(Delete).with(DeleteChild);

impl Level {
    /// Every level, lowest first.
    pub const ALL: [Self; 5] =
        [Self::None, Self::Read, Self::ReadCreate, Self::ReadCreateEdit, Self::ReadCreateEditDelete];

    /// The name in tables, commands and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Read => "read",
            Self::ReadCreate => "read-create",
            Self::ReadCreateEdit => "read-create-edit",
            Self::ReadCreateEditDelete => "read-create-edit-delete",
        }
    }

    /// The level of that exact name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }

    /// What the level grants.
    pub const fn permissions(self) -> Permissions {
        match self {
            Self::None => Permissions::NONE,
            Self::Read => READ,
            Self::ReadCreate => READ_CREATE,
            Self::ReadCreateEdit => READ_CREATE_EDIT,
            Self::ReadCreateEditDelete => READ_CREATE_EDIT_DELETE,
        }
    }
}
