//! Policies: switches of an organization that hold for it and for those below, unless one of them sets its own.

mod sql;

use std::collections::HashMap;

use super::organization::{self, Organization};
use super::{Administrator, DirectoryError};
use crate::db::{DbError, Reads, WriteTx};
use crate::ids::OrgId;

/// A switch that an organization may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Policy {
    /// Administrators of the organization read what is in its shares.
    AdminBrowseFiles,
    /// Users make team shares of their own.
    UserCreateShares,
    /// Co-owners, and users in their homes, grant to others.
    UsersMayGrant,
    /// Users whose role allows it trim revisions.
    UserTrimRevisions,
    /// Users whose role allows it purge what was deleted.
    UserPurgeDeleted,
    /// Users whose role allows it make share links.
    UserCreateLinks,
    /// Users lock files.
    UserLockFiles,
    /// There is a web editor.
    WebEditorEnabled,
    /// There are previews on the web.
    WebPreviewEnabled,
    /// Drives can be mapped.
    WebdavEnabled,
}

impl Policy {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 10] = [
        Self::AdminBrowseFiles,
        Self::UserCreateShares,
        Self::UsersMayGrant,
        Self::UserTrimRevisions,
        Self::UserPurgeDeleted,
        Self::UserCreateLinks,
        Self::UserLockFiles,
        Self::WebEditorEnabled,
        Self::WebPreviewEnabled,
        Self::WebdavEnabled,
    ];

    /// The name in commands and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AdminBrowseFiles => "admin_browse_files",
            Self::UserCreateShares => "user_create_shares",
            Self::UsersMayGrant => "users_may_grant",
            Self::UserTrimRevisions => "user_trim_revisions",
            Self::UserPurgeDeleted => "user_purge_deleted",
            Self::UserCreateLinks => "user_create_links",
            Self::UserLockFiles => "user_lock_files",
            Self::WebEditorEnabled => "web_editor_enabled",
            Self::WebPreviewEnabled => "web_preview_enabled",
            Self::WebdavEnabled => "webdav_enabled",
        }
    }

    /// The policy of that name. Errors: [`DirectoryError::NoSuchPolicy`].
    pub fn named(name: &str) -> Result<Self, DirectoryError> {
        let found = Self::ALL.into_iter().find(|policy| policy.name() == name);
        found.ok_or_else(|| DirectoryError::NoSuchPolicy(name.escape_debug().to_string()))
    }

    /// What holds where no organization says otherwise.
    pub const fn default(self) -> bool {
        match self {
            Self::AdminBrowseFiles => false,
            Self::UserCreateShares
            | Self::UsersMayGrant
            | Self::UserTrimRevisions
            | Self::UserPurgeDeleted
            | Self::UserCreateLinks
            | Self::UserLockFiles
            | Self::WebEditorEnabled
            | Self::WebPreviewEnabled
            | Self::WebdavEnabled => true,
        }
    }

    fn bit(self) -> u16 {
        1 << (self as u16)
    }
}

/// Every policy as it holds in one organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicySet(u16);

impl Default for PolicySet {
    fn default() -> Self {
        Self(Policy::ALL.into_iter().filter(|policy| policy.default()).map(Policy::bit).sum())
    }
}

impl PolicySet {
    /// Whether the policy is on.
    pub fn is_on(self, policy: Policy) -> bool {
        self.0 & policy.bit() != 0
    }

    /// The policies that are off.
    pub fn off(self) -> impl Iterator<Item = Policy> {
        Policy::ALL.into_iter().filter(move |policy| !self.is_on(*policy))
    }

    fn set(&mut self, policy: Policy, on: bool) {
        if on { self.0 |= policy.bit() } else { self.0 &= !policy.bit() }
    }
}

/// The policies of some organizations.
#[derive(Debug, Clone, Default)]
pub struct Policies(HashMap<OrgId, PolicySet>);

impl Policies {
    /// Whether they were read for the organization.
    pub fn cover(&self, org: OrgId) -> bool {
        self.0.contains_key(&org)
    }

    /// Takes what was read for further organizations.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Those of one of the organizations they were read for.
    pub fn of(&self, org: OrgId) -> PolicySet {
        self.0.get(&org).copied().unwrap_or_default()
    }
}

/// Reads the policies that hold in these organizations: of each policy what the nearest organization upward says.
pub async fn of(reads: &mut impl Reads, orgs: &[OrgId]) -> Result<Policies, DbError> {
    let mut policies = Policies(orgs.iter().map(|org| (*org, PolicySet::default())).collect());
    // The farthest come first, so that the nearest have the last word. A name that this server doesn't know says nothing.
    for (org, name, value) in sql::on_the_way_up(reads.conn(), orgs).await? {
        if let Ok(policy) = Policy::named(&name) {
            policies.0.entry(org).or_default().set(policy, value == ON);
        }
    }
    Ok(policies)
}

/// What the organization itself says; nothing about policies that it leaves to those above.
pub async fn own(reads: &mut impl Reads, org: OrgId) -> Result<Vec<(Policy, bool)>, DbError> {
    let rows = sql::own(reads.conn(), org).await?;
    Ok(rows.into_iter().filter_map(|(name, value)| Some((Policy::named(&name).ok()?, value == ON))).collect())
}

/// Sets a policy of an organization; `None` leaves it to those above again. Holds from the next request on.
///
/// Errors: [`DirectoryError::OutOfReach`].
pub async fn set(
    tx: &mut WriteTx,
    by: &Administrator,
    org: &Organization,
    policy: Policy,
    value: Option<bool>,
) -> Result<(), DirectoryError> {
    by.confirm_place(org.id, None, || organization::told(&org.name))?;
    tx.touch_directory();
    match value {
        Some(on) => sql::upsert(tx.conn(), org.id, policy.name(), if on { ON } else { OFF }).await?,
        None => sql::delete(tx.conn(), org.id, policy.name()).await?,
    }
    Ok(())
}

const ON: &str = "true";
const OFF: &str = "false";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_policy_has_a_name_of_its_own_and_a_default() {
        let set = PolicySet::default();
        for policy in Policy::ALL {
            assert_eq!(Policy::named(policy.name()).unwrap(), policy);
            assert_eq!(set.is_on(policy), policy.default(), "{policy:?}");
        }
        assert_eq!(set.off().collect::<Vec<_>>(), [Policy::AdminBrowseFiles]);
        assert!(matches!(Policy::named("fly"), Err(DirectoryError::NoSuchPolicy(name)) if name == "fly"));
    }
}
