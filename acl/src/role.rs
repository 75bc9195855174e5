//! Roles: named sets of permissions. The seven built-in ones are the default of `config/roles.toml`.
//!
//! A role is data and never an `if`: nothing in this crate asks for a role by name.

use std::borrow::Cow;

use crate::Permission::{
    Create, Delete, DeleteChild, List, ListFolders, Print, Read, RenameChild, Share, Sync, View, WebEdit, Write,
};
use crate::{Permission, Permissions};

/// The role of a subscription for which none was named.
pub const DEFAULT_ROLE: &str = "collaborator";

/// A named set of permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// The name in tables, commands and answers, such as `web-editor`.
    pub name: Cow<'static, str>,
    /// What its holder may do.
    pub permissions: Permissions,
}

impl Role {
    /// A role of the site's own.
    pub fn new(name: impl Into<Cow<'static, str>>, permissions: Permissions) -> Self {
        Self { name: name.into(), permissions }
    }

    const fn built_in(name: &'static str, permissions: &[Permission]) -> Self {
        Self { name: Cow::Borrowed(name), permissions: Permissions::of(permissions) }
    }
}

static BUILT_IN: [Role; 7] = [
    Role::built_in("co-owner", &Permission::ALL),
    Role::built_in(
        "collaborator",
        &[Delete, Share, Sync, View, Print, Read, Write, WebEdit, List, ListFolders, Create, DeleteChild, RenameChild],
    ),
    Role::built_in(
        "editor",
        &[Delete, Sync, View, Print, Read, Write, WebEdit, List, ListFolders, Create, DeleteChild, RenameChild],
    ),
    Role::built_in("web-editor", &[Delete, View, WebEdit, List, ListFolders, Create, DeleteChild, RenameChild]),
    Role::built_in("viewer", &[Sync, View, Print, Read, List, ListFolders]),
    Role::built_in("previewer", &[View, List, ListFolders]),
    Role::built_in("uploader", &[ListFolders, Create]),
];

/// For people, in the order of the roles.
const ABOUT: [&str; 7] = [
    "Everything, also who else may do what, and erasing for good.",
    "All content, and share links to it. Nothing is lost for good by a collaborator.",
    "All content, but no share links.",
    "As an editor, but in the portal only: nothing is downloaded, printed or kept on a device.",
    "Reads, prints and keeps in step, and changes nothing.",
    "Looks at previews in the portal.",
    "Drops files into folders and sees no file, not even those dropped there before.",
];

/// What the built-in role of that exact name is for, in a sentence for people.
pub fn about(name: &str) -> Option<&'static str> {
    let at = BUILT_IN.iter().position(|role| role.name == name)?;
    Some(ABOUT[at])
}

/// The seven built-in roles, widest first.
pub fn roles() -> &'static [Role] {
    &BUILT_IN
}

/// The built-in role of that exact name.
pub fn builtin(name: &str) -> Option<&'static Role> {
    BUILT_IN.iter().find(|role| role.name == name)
}
