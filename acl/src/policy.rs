//! The policies of an organization that cap what its people may do, as far as the law knows them.
//!
//! A policy that is off takes permissions away, stops operations that no single permission stands for, or both. It holds
//! for everybody but administrators of the share.

use crate::{Operation, Permission, Permissions};

/// A policy that caps what people may do where it is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Policy {
    /// People may erase previous revisions.
    UserTrimRevisions,
    /// People may erase deleted items for good.
    UserPurgeDeleted,
    /// People may create share links.
    UserCreateLinks,
    /// People may lock.
    UserLockFiles,
    /// People may take folders back to a time.
    UserRollback,
    /// People may say who may do what on what is theirs.
    UsersMayGrant,
    /// The web editor can be used.
    WebEditorEnabled,
    /// The portal shows previews.
    WebPreviewEnabled,
}

impl Policy {
    /// Every policy that caps.
    pub const ALL: [Self; 8] = [
        Self::UserTrimRevisions,
        Self::UserPurgeDeleted,
        Self::UserCreateLinks,
        Self::UserLockFiles,
        Self::UserRollback,
        Self::UsersMayGrant,
        Self::WebEditorEnabled,
        Self::WebPreviewEnabled,
    ];

    /// The name in tables, commands and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UserTrimRevisions => "user_trim_revisions",
            Self::UserPurgeDeleted => "user_purge_deleted",
            Self::UserCreateLinks => "user_create_links",
            Self::UserLockFiles => "user_lock_files",
            Self::UserRollback => "user_rollback",
            Self::UsersMayGrant => "users_may_grant",
            Self::WebEditorEnabled => "web_editor_enabled",
            Self::WebPreviewEnabled => "web_preview_enabled",
        }
    }

    /// The policy of that exact name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.name() == name)
    }

    /// The permissions that it takes away where it is off.
    pub const fn takes(self) -> Permissions {
        match self {
            Self::UserTrimRevisions => Permissions::of(&[Permission::Trim]),
            Self::UserPurgeDeleted => Permissions::of(&[Permission::Purge]),
            Self::UserCreateLinks => Permissions::of(&[Permission::Share]),
            Self::WebEditorEnabled => Permissions::of(&[Permission::WebEdit]),
            Self::WebPreviewEnabled => Permissions::of(&[Permission::View]),
            // Who may write may not lock or roll back then, and who owns may not grant, but writes and breaks locks as before.
            Self::UserLockFiles | Self::UserRollback | Self::UsersMayGrant => Permissions::NONE,
        }
    }

    /// Whether it stops the operation where it is off, whatever permissions are held.
    pub const fn bars(self, operation: Operation) -> bool {
        match self {
            Self::UserLockFiles => {
                matches!(operation, Operation::LockFile | Operation::LockFolder | Operation::LockNew)
            }
            Self::UserRollback => matches!(operation, Operation::RollBack),
            Self::UsersMayGrant => matches!(operation, Operation::Acl),
            // Other permissions serve for these two as well, and no permission does while there is no editor or preview.
            Self::WebEditorEnabled => matches!(operation, Operation::WebEdit),
            Self::WebPreviewEnabled => matches!(operation, Operation::Preview),
            Self::UserTrimRevisions | Self::UserPurgeDeleted | Self::UserCreateLinks => false,
        }
    }
}
