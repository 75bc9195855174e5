//! What was granted to somebody at one place: the entries of a folder or file.
//!
//! The guard gathers only the entries that reach the caller, and says through which groups.

use crate::{Level, Permissions, Role};

/// One step on the way from a share's root to the item, with the entries set there that reach the caller.
///
/// Steps that inherit and have no entry change nothing and may be left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The path as people see it, such as `/Projects/Plans`.
    pub path: String,
    /// Whether it takes over what its parent gives; if not, its own entries are all there is.
    pub inherits: bool,
    /// What reaches the caller here.
    pub entries: Vec<Entry>,
}

/// One subscription or grant that reaches the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// How it was given.
    pub source: Source,
    /// What was given, or denied.
    pub granted: Granted,
    /// The groups it came through: first the one the caller is in, last the one it was given to. Empty: given directly.
    pub via: Vec<String>,
}

/// The three ways of granting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A subscription to the share. It stands at the share's root, and counts neither for a guest nor in a home.
    Subscription,
    /// An entry on this folder or file.
    FolderGrant(Effect),
    /// A grant on everything of a user, or of each member of a group. It stands at the root of a home, and counts nowhere else.
    WholeUserGrant {
        /// Whose things were granted.
        of: Whose,
    },
}

/// Whose things a whole-user grant is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Those of the user of this name.
    User(String),
    /// Those of each member of the group of this name.
    Members(String),
}

/// Whether a folder grant gives or takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It gives.
    Allow,
    /// It takes away what is inherited and what is allowed at the same place.
    Deny,
}

/// The form in which permissions were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Granted {
    /// As a role.
    Role(Role),
    /// As a plain level.
    Level(Level),
    /// As a set of the grantor's own choice.
    Custom(Permissions),
}

impl Granted {
    /// The permissions meant.
    pub const fn permissions(&self) -> Permissions {
        match self {
            Self::Role(role) => role.permissions,
            Self::Level(level) => level.permissions(),
            Self::Custom(permissions) => *permissions,
        }
    }
}

impl Entry {
    /// Whether the entry takes away instead of giving.
    pub const fn denies(&self) -> bool {
        matches!(self.source, Source::FolderGrant(Effect::Deny))
    }
}
