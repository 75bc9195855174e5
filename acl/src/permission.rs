//! The sixteen permissions and sets of them.
//!
//! Which role or level holds which permission is in `role.rs` and `level.rs`; what a verb needs is in `verb.rs`.

use std::fmt;
use std::str::FromStr;

use crate::ItemKind;

/// One right on an item. Roles, levels and grants are sets of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "`Permission::meaning` says it")]
pub enum Permission {
    Owner,
    Trim,
    Purge,
    Delete,
    Share,
    Sync,
    View,
    Print,
    Read,
    Write,
    WebEdit,
    List,
    ListFolders,
    Create,
    DeleteChild,
    RenameChild,
}

/// What a permission speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppliesTo {
    /// A file or a folder.
    Item,
    /// A file; on a folder it is only passed down.
    File,
    /// A folder and the members it has.
    Folder,
}

impl AppliesTo {
    /// Whether a permission of this sort speaks of an item of that kind.
    pub const fn covers(self, kind: ItemKind) -> bool {
        match self {
            Self::Item => true,
            Self::File => matches!(kind, ItemKind::File),
            Self::Folder => matches!(kind, ItemKind::Folder),
        }
    }
}

impl Permission {
    /// Every permission, in the order of the law's table.
    pub const ALL: [Self; 16] = [
        Self::Owner,
        Self::Trim,
        Self::Purge,
        Self::Delete,
        Self::Share,
        Self::Sync,
        Self::View,
        Self::Print,
        Self::Read,
        Self::Write,
        Self::WebEdit,
        Self::List,
        Self::ListFolders,
        Self::Create,
        Self::DeleteChild,
        Self::RenameChild,
    ];

    /// The name used in tables, configuration, commands and answers, such as `delete-child`.
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// What the permission speaks of.
    pub const fn applies_to(self) -> AppliesTo {
        self.row().1
    }

    /// What its holder may do, in words for people.
    pub const fn meaning(self) -> &'static str {
        self.row().2
    }

    /// The permission of that exact name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| permission.name() == name)
    }

    const fn row(self) -> (&'static str, AppliesTo, &'static str) {
        use AppliesTo::{File, Folder, Item};
        match self {
            Self::Owner => {
                ("owner", Item, "change who may do what here; read and set the ACL; break other people's locks")
            }
            Self::Trim => ("trim", Item, "erase previous revisions of a file"),
            Self::Purge => ("purge", Item, "erase a deleted item for good"),
            Self::Delete => ("delete", Item, "move this file or folder to the trash"),
            Self::Share => ("share", Item, "create a share link to this file or folder"),
            Self::Sync => ("sync", Item, "download and keep in step on a device (file or folder with contents)"),
            Self::View => ("view", File, "preview in the portal (no download and no print)"),
            Self::Print => ("print", File, "print from the portal"),
            Self::Read => ("read", File, "download the bytes"),
            Self::Write => ("write", File, "replace the bytes or the properties"),
            Self::WebEdit => ("web-edit", File, "change the content in the web editor only"),
            Self::List => ("list", Folder, "see the files and folders inside"),
            Self::ListFolders => ("list-folders", Folder, "see the folders inside (not the files)"),
            Self::Create => ("create", Folder, "make a file or folder inside"),
            Self::DeleteChild => ("delete-child", Folder, "move a member of this folder to the trash"),
            Self::RenameChild => ("rename-child", Folder, "rename a member within this folder"),
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of permissions, one bit each in the order of [`Permission::ALL`].
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Permissions(u32);

impl Permissions {
    /// The empty set.
    pub const NONE: Self = Self(0);
    /// Every permission.
    pub const ALL: Self = Self::of(&Permission::ALL);

    /// The set of these permissions.
    pub const fn of(permissions: &[Permission]) -> Self {
        let mut set = Self::NONE;
        let mut rest = permissions;
        while let [first, others @ ..] = rest {
            set = set.with(*first);
            rest = others;
        }
        set
    }

    /// The set that [`bits`](Self::bits) gave; bits that no permission has are dropped.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// The set as a number, to be stored.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether the permission is in the set.
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & 1 << permission as u32 != 0
    }

    /// Whether the set has no member.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The set and this permission.
    pub const fn with(self, permission: Permission) -> Self {
        Self(self.0 | 1 << permission as u32)
    }

    /// The set but for this permission.
    pub const fn without(self, permission: Permission) -> Self {
        Self(self.0 & !(1 << permission as u32))
    }

    /// What is in either set.
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both sets.
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in this set and not in the other.
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The members in the order of the law's table.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.into_iter().filter(move |permission| self.contains(*permission))
    }
}

impl From<Permission> for Permissions {
    fn from(permission: Permission) -> Self {
        Self::of(&[permission])
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        permissions.into_iter().fold(Self::NONE, Self::with)
    }
}

/// The names, each after a space.
impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, permission) in self.iter().enumerate() {
            let gap = if i == 0 { "" } else { " " };
            write!(f, "{gap}{permission}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

/// Names with spaces, commas or both between them; the empty text is the empty set.
impl FromStr for Permissions {
    type Err = UnknownPermission;

    fn from_str(names: &str) -> Result<Self, UnknownPermission> {
        names
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter(|name| !name.is_empty())
            .map(|name| Permission::parse(name).ok_or_else(|| UnknownPermission(name.to_owned())))
            .collect()
    }
}

/// A word that names no permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownPermission(pub String);

impl fmt::Display for UnknownPermission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a permission", self.0)
    }
}

impl std::error::Error for UnknownPermission {}
