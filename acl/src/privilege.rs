//! The permissions as privileges of the WebDAV access control protocol (RFC 3744 sections 3, 5.3 and 5.4).
//!
//! Names and structure only; the XML is the surface's. Where the protocol has no name for a permission, the
//! permission is an abstract privilege of the same name in the product's own namespace.

use crate::{ItemKind, Operation, Permission, Permissions};

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

const fn dav(name: &'static str, description: &'static str, meaning: Meaning) -> Supported {
    let privilege = Privilege { namespace: DAV, name };
    Supported { privilege, is_abstract: false, description, members: &[], meaning }
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
    }
}

const fn own_name(permission: Permission) -> Privilege {
    Privilege { namespace: COMMONHOLD, name: permission.name() }
}

/// The privileges that every item supports, as one tree: `DAV:all` and what it consists of.
pub static SUPPORTED: Supported = Supported {
    members: &[
        dav(
            "read",
            "read a file, list a folder",
            Meaning::Permission { on_file: Some(Permission::Read), on_folder: Some(Permission::List) },
        ),
        Supported {
            members: &[
                dav("write-properties", "change properties", everywhere(Permission::Write)),
                dav("write-content", "replace the content", everywhere(Permission::Write)),
                dav("bind", "make a member in this folder", on_folders(Permission::Create)),
                dav("unbind", "take a member out of this folder", on_folders(Permission::DeleteChild)),
            ],
            ..dav("write", "change content, properties and members", Meaning::Members)
        },
        dav("unlock", "break other people's locks", everywhere(Permission::Owner)),
        dav("read-acl", "read who may do what", everywhere(Permission::Owner)),
        dav("write-acl", "change who may do what", everywhere(Permission::Owner)),
        dav("read-current-user-privilege-set", "read one's own privileges", Meaning::Sight),
        own(Permission::Trim),
        own(Permission::Purge),
        own(Permission::Delete),
        own(Permission::Share),
        own(Permission::Sync),
        own(Permission::View),
        own(Permission::Print),
        own(Permission::WebEdit),
        own(Permission::ListFolders),
        own(Permission::RenameChild),
    ],
    ..dav("all", "everything", Meaning::Members)
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
}
