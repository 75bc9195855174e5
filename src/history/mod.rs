//! History: what files were before, what was deleted, and the way back to both.
//!
//! [`revision`] lists the states of a file, brings one back, keeps or trims them; [`trash`] tells what was deleted, restores
//! and purges it; [`past`] knows what a share was at a time, for rolling back and for snapshots. The tree writes the history
//! (a state that is overwritten, a node that leaves its place); here it is read, and only here does anything of it go.
//! Knows no HTTP.

pub mod past;
pub mod revision;
pub mod trash;

use commonhold_acl::{Permission, Permit};

use crate::db::DbError;
use crate::directory::Administrator;
use crate::ids::NodeId;
use crate::locks::LockError;
use crate::tree::TreeError;

/// Whoever changes something of the history.
#[derive(Debug, Clone, Copy)]
pub enum Authority<'a> {
    /// By the law's permit for it.
    Permit(&'a Permit),
    /// The site's owner, or the server itself by a rule.
    Site(&'a Administrator),
}

impl Authority<'_> {
    fn require(self, permission: Permission, node: NodeId) {
        match self {
            Self::Permit(permit) => {
                assert!(permit.allows(node, permission), "a permit for `{}` on this node", permission.name());
            }
            Self::Site(by) => assert!(by.reaches_site(), "an administrator of the whole site"),
        }
    }
}

/// Why the history could not be read or changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HistoryError {
    /// Its number is none of the file's.
    #[error("there is no revision {0} of it; it may have been trimmed")]
    NoSuchRevision(i64),
    /// The present state of a file is no revision to be trimmed.
    #[error("revision {0} is the present state, which is never trimmed")]
    Present(i64),
    /// Pinned or named.
    #[error("revision {0} is pinned or has a name; say that this one may go too")]
    Kept(i64),
    /// A label that breaks the rules.
    #[error("a revision's name has at most {max} characters, none of them a control character", max = revision::LABEL_CHARS_MAX)]
    BadLabel,
    /// It has been restored or purged meanwhile.
    #[error("that is no longer in the trash")]
    NotInTrash,
    /// A file stands where a folder would have to be made again.
    #[error("`{0}` is a file now, and what was deleted lay in a folder of that name; restore it to another place")]
    InTheWay(String),
    /// More variants of the name are taken than are tried.
    #[error("too many things are called `{0}` there; restore it to another place")]
    NoFreeName(String),
    /// The folder is younger than the time.
    #[error("it was not there yet at that time")]
    NotThereYet,
    /// A time in the future.
    #[error("that time has not come yet")]
    Future,
    /// The tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The locks.
    #[error(transparent)]
    Lock(#[from] LockError),
}

impl From<DbError> for HistoryError {
    fn from(error: DbError) -> Self {
        Self::Tree(error.into())
    }
}
