//! The permissions as privileges of the WebDAV access control protocol (RFC 3744 sections 3, 5.3 and 5.4).
//!
//! Names and structure only; the XML is the surface's. Where the protocol has no name for a permission, the
//! permission is an abstract privilege of the same name in the product's own namespace.
//!
//! Both ways: [`privileges`] says what permissions amount to, [`permissions_of`] what an entry gives that names
//! privileges, [`shown`] how an entry is shown to those who read it.

use std::error::Error;
use std::fmt;

use crate::Permission::{Create, Delete, DeleteChild, Owner, RenameChild, WebEdit, Write};
use crate::{ItemKind, Level, Operation, Permission, Permissions};

/// The namespace of the protocol's own privileges.
pub const DAV: &str = "DAV:";
/// The namespace of the product's own privileges.
pub const COMMONHOLD: &str = "urn:commonhold:acl";

/// A privilege's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Privilege {
    /// The XML namespace.
    pub namespace: &'static str,
    /// The local name.
    pub name: &'static str,
}

/// A node of `DAV:supported-privilege-set` (RFC 3744 section 5.3).
#[derive(Debug)]
pub struct Supported {
    /// The privilege.
    pub privilege: Privilege,
    /// Whether it can't be named in an ACE by itself.
    pub is_abstract: bool,
    /// What it is for, in English.
    pub description: &'static str,
    /// What it consists of, if it is an aggregate.
    pub members: &'static [Supported],
    meaning: Meaning,
    /// What an entry that names it gives or takes, here and below.
    gives: Permissions,
}

/// What it takes to hold a privilege.
#[derive(Debug)]
enum Meaning {
    /// Each member that applies to the item.
    Members,
    /// To see the item.
    Sight,
    /// A permission that depends on the item's kind; without one, the privilege does not apply to that kind.
    Permission { on_file: Option<Permission>, on_folder: Option<Permission> },
}

const fn dav(name: &'static str, description: &'static str, meaning: Meaning, gives: Permissions) -> Supported {
    let privilege = Privilege { namespace: DAV, name };
    Supported { privilege, is_abstract: false, description, members: &[], meaning, gives }
}

const fn everywhere(permission: Permission) -> Meaning {
    Meaning::Permission { on_file: Some(permission), on_folder: Some(permission) }
}

const fn on_folders(permission: Permission) -> Meaning {
    Meaning::Permission { on_file: None, on_folder: Some(permission) }
}

const fn own(permission: Permission) -> Supported {
    let applies_to = permission.applies_to();
    Supported {
        privilege: own_name(permission),
        is_abstract: true,
        description: permission.meaning(),
        members: &[],
        meaning: Meaning::Permission {
            on_file: if applies_to.covers(ItemKind::File) { Some(permission) } else { None },
            on_folder: if applies_to.covers(ItemKind::Folder) { Some(permission) } else { None },
        },
        gives: Permissions::of(&[permission]),
    }
}

const fn own_name(permission: Permission) -> Privilege {
    Privilege { namespace: COMMONHOLD, name: permission.name() }
}

const OWNER: Permissions = Permissions::of(&[Owner]);

/// The privileges that there are, as one tree: `DAV:all` and what it consists of.
///
/// An entry that names `read` gives the level `read`, `read` and `write` together the highest level: the fewest entries
/// that a client knows to write must not leave anything out that belongs to reading and writing.
pub static SUPPORTED: Supported = Supported {
    members: &[
        dav(
            "read",
            "read a file, list a folder",
            Meaning::Permission { on_file: Some(Permission::Read), on_folder: Some(Permission::List) },
            Level::Read.permissions(),
        ),
        Supported {
            members: &[
                dav("write-properties", "change properties", everywhere(Write), Permissions::of(&[Write])),
                dav("write-content", "replace the content", everywhere(Write), Permissions::of(&[Write, WebEdit])),
                dav("bind", "make a member in this folder", on_folders(Create), Permissions::of(&[Create])),
                dav(
                    "unbind",
                    "take a member out of this folder",
                    on_folders(DeleteChild),
                    Permissions::of(&[Delete, DeleteChild, RenameChild]),
                ),
                own(RenameChild),
            ],
            ..dav(
                "write",
                "change content, properties and members",
                Meaning::Members,
                Permissions::of(&[Write, WebEdit, Create, Delete, DeleteChild, RenameChild]),
            )
        },
        dav("unlock", "break other people's locks", everywhere(Owner), OWNER),
        dav("read-acl", "read who may do what", everywhere(Owner), OWNER),
        dav("write-acl", "change who may do what", everywhere(Owner), OWNER),
        Supported {
            is_abstract: true,
            ..dav(
                "read-current-user-privilege-set",
                "read one's own privileges; whoever sees the item may",
                Meaning::Sight,
                Permissions::NONE,
            )
        },
        own(Permission::Trim),
        own(Permission::Purge),
        own(Permission::Delete),
        own(Permission::Share),
        own(Permission::Sync),
        own(Permission::View),
        own(Permission::Print),
        own(Permission::WebEdit),
        own(Permission::ListFolders),
    ],
    ..dav("all", "everything", Meaning::Members, Permissions::ALL)
};

/// The value of `DAV:current-user-privilege-set` (RFC 3744 section 5.4) for somebody who sees the item and holds
/// these permissions on it: each privilege held, the aggregates before what they consist of.
pub fn privileges(permissions: Permissions, kind: ItemKind) -> Vec<Privilege> {
    let mut held = Vec::new();
    SUPPORTED.collect(permissions, kind, &mut held);
    held
}

/// The privilege that a refusal of the operation names in `DAV:need-privileges` for a missing permission.
pub const fn needed_privilege(operation: Operation, permission: Permission) -> Privilege {
    let name = match (operation, permission) {
        (_, Permission::Read | Permission::List) => "read",
        (Operation::Proppatch, Permission::Write) => "write-properties",
        (_, Permission::Write) => "write-content",
        (_, Permission::Create) => "bind",
        (_, Permission::DeleteChild) => "unbind",
        (Operation::UnlockOthers, Permission::Owner) => "unlock",
        (Operation::ReadAcl, Permission::Owner) => "read-acl",
        (_, Permission::Owner) => "write-acl",
        (
            _,
            Permission::Trim
            | Permission::Purge
            | Permission::Delete
            | Permission::Share
            | Permission::Sync
            | Permission::View
            | Permission::Print
            | Permission::WebEdit
            | Permission::ListFolders
            | Permission::RenameChild,
        ) => return own_name(permission),
    };
    Privilege { namespace: DAV, name }
}

/// The privilege of that name that items of that kind support, if there is one.
pub fn supported(namespace: &str, name: &str, kind: ItemKind) -> Option<&'static Supported> {
    SUPPORTED.find(namespace, name).filter(|found| found.applies_to(kind))
}

/// Why no entry can be made of some privileges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSettable {
    /// This one is abstract: it comes only as a part of others.
    Abstract(Privilege),
    /// The first can't be given or taken without the second, which was not named: they are one permission.
    Inseparable(Privilege, Privilege),
}

/// What an entry gives, or takes, that names these privileges on an item of that kind; it is passed down as it is.
///
/// # Errors
/// [`Abstract`](NotSettable::Abstract), and [`Inseparable`](NotSettable::Inseparable) where an entry would reach farther
/// than what it names.
pub fn permissions_of(named: &[&'static Supported], kind: ItemKind) -> Result<Permissions, NotSettable> {
    let mut permissions = Permissions::NONE;
    for one in named {
        if one.is_abstract {
            return Err(NotSettable::Abstract(one.privilege));
        }
        permissions = permissions.union(one.gives);
    }
    for one in named {
        let tied = SUPPORTED.tied_to(one, kind).into_iter().find(|tied| !named.iter().any(|named| named.holds(tied)));
        if let Some(tied) = tied {
            return Err(NotSettable::Inseparable(one.privilege, tied.privilege));
        }
    }
    Ok(permissions)
}

/// How an entry with these permissions on an item of that kind is shown: the privileges that it amounts to there, an
/// aggregate instead of its members. What it amounts to only below is shown where it amounts to nothing here, and the
/// abstract privileges only where there is nothing else. Empty: it says nothing about such an item.
pub fn shown(permissions: Permissions, kind: ItemKind) -> Vec<Privilege> {
    let amounts_to = |kind| {
        let mut widest = Vec::new();
        SUPPORTED.collect_widest(permissions, kind, &mut widest);
        widest
    };
    let mut shown = amounts_to(kind);
    if shown.is_empty() && kind == ItemKind::Folder {
        shown = amounts_to(ItemKind::File);
    }
    if shown.is_empty() {
        let own = permissions.iter().filter(|own| kind == ItemKind::Folder || own.applies_to().covers(kind));
        let own = own.filter_map(|permission| SUPPORTED.find(COMMONHOLD, permission.name()));
        shown = own.map(|own| own.privilege).collect();
    }
    shown
}

impl fmt::Display for Privilege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Display for NotSettable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Abstract(privilege) => write!(f, "`{privilege}` comes only as a part of other privileges"),
            Self::Inseparable(named, tied) => {
                write!(f, "`{named}` and `{tied}` are one permission here; name both or neither")
            }
        }
    }
}

impl Error for NotSettable {}

impl Supported {
    fn collect(&self, permissions: Permissions, kind: ItemKind, held: &mut Vec<Privilege>) {
        if self.is_held(permissions, kind) == Some(true) {
            held.push(self.privilege);
        }
        for member in self.members {
            member.collect(permissions, kind, held);
        }
    }

    /// Whether it is held; nothing if it does not apply to that kind of item.
    fn is_held(&self, permissions: Permissions, kind: ItemKind) -> Option<bool> {
        match self.meaning {
            Meaning::Members => {
                Some(self.members.iter().filter_map(|member| member.is_held(permissions, kind)).all(|held| held))
            }
            Meaning::Sight => Some(true),
            Meaning::Permission { on_file, on_folder } => {
                let needed = match kind {
                    ItemKind::File => on_file,
                    ItemKind::Folder => on_folder,
                };
                needed.map(|permission| permissions.contains(permission))
            }
        }
    }

    /// Whether an item of that kind supports it.
    pub fn applies_to(&self, kind: ItemKind) -> bool {
        match self.meaning {
            Meaning::Members | Meaning::Sight => true,
            Meaning::Permission { on_file, on_folder } => match kind {
                ItemKind::File => on_file.is_some(),
                ItemKind::Folder => on_folder.is_some(),
            },
        }
    }

    fn find(&'static self, namespace: &str, name: &str) -> Option<&'static Self> {
        if self.privilege.namespace == namespace && self.privilege.name == name {
            return Some(self);
        }
        self.members.iter().find_map(|member| member.find(namespace, name))
    }

    /// Whether it is the other one or has it as a part.
    fn holds(&self, other: &Self) -> bool {
        self.privilege == other.privilege || self.members.iter().any(|member| member.holds(other))
    }

    /// The named privileges of the protocol that somebody holds as soon as he is given `one`.
    fn tied_to(&'static self, one: &Self, kind: ItemKind) -> Vec<&'static Self> {
        let mut tied = Vec::new();
        let is_leaf = matches!(self.meaning, Meaning::Permission { .. }) && !self.is_abstract;
        if is_leaf && self.is_held(one.gives, kind) == Some(true) {
            tied.push(self);
        }
        tied.extend(self.members.iter().flat_map(|member| member.tied_to(one, kind)));
        tied
    }

    fn collect_widest(&self, permissions: Permissions, kind: ItemKind, widest: &mut Vec<Privilege>) {
        if self.is_abstract {
            return;
        }
        if self.is_held(permissions, kind) == Some(true) {
            return widest.push(self.privilege);
        }
        for member in self.members {
            member.collect_widest(permissions, kind, widest);
        }
    }
}
