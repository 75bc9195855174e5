//! Identifiers as types, so that a node's id can't be handed where a user's is wanted.
//!
//! Those that the decision core needs come from `commonhold_acl`; the rest is here. Nothing here makes an id: rows do.

use std::fmt;

pub use commonhold_acl::{DeviceId, GroupId, ItemId as NodeId, ShareId, UserId};

/// An organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrgId(pub i64);

/// A department of an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DepartmentId(pub i64);

/// A content: immutable bytes, named by a time-ordered uuid (version 7). Its text form is the ETag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentId(pub uuid::Uuid);

impl ContentId {
    /// A fresh id. The time in it orders blobs on disk; its random bits make it unique over restores of a backup.
    pub fn fresh() -> Self {
        Self(uuid::Uuid::now_v7())
    }
}

impl fmt::Display for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_simple().fmt(f)
    }
}
