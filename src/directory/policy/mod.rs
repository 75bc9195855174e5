//! Policies: what an organization says for itself and for those below, unless one of them sets its own; switches here, those
//! with a value in [`measure`].

pub mod measure;
mod sql;

use std::collections::HashMap;

pub use measure::{Measure, Measures, Value};

use super::organization::{self, Organization};
use super::{Administrator, DirectoryError};
use crate::db::{DbError, Reads, WriteTx};
use crate::ids::{OrgId, ShareId};

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
    /// Users take folders back to a time.
    UserRollback,
    /// There is a web editor.
    WebEditorEnabled,
    /// There are previews on the web.
    WebPreviewEnabled,
    /// Drives can be mapped.
    WebdavEnabled,
}

impl Policy {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 11] = [
        Self::AdminBrowseFiles,
        Self::UserCreateShares,
        Self::UsersMayGrant,
        Self::UserTrimRevisions,
        Self::UserPurgeDeleted,
        Self::UserCreateLinks,
        Self::UserLockFiles,
        Self::UserRollback,
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
            Self::UserRollback => "user_rollback",
            Self::WebEditorEnabled => "web_editor_enabled",
            Self::WebPreviewEnabled => "web_preview_enabled",
            Self::WebdavEnabled => "webdav_enabled",
        }
    }

    /// The policy of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.name() == name)
    }

    /// What it means where it is on, in a line.
    pub const fn help(self) -> &'static str {
        match self {
            Self::AdminBrowseFiles => "its administrators read what is in its shares",
            Self::UserCreateShares => "users make team shares of their own",
            Self::UsersMayGrant => "co-owners, and users in their homes, grant to others",
            Self::UserTrimRevisions => "users whose role allows it erase previous revisions",
            Self::UserPurgeDeleted => "users whose role allows it erase deleted items",
            Self::UserCreateLinks => "users whose role allows it make share links",
            Self::UserLockFiles => "users lock files",
            Self::UserRollback => "users who may write take folders back to a time",
            Self::WebEditorEnabled => "the web editor",
            Self::WebPreviewEnabled => "previews in the portal",
            Self::WebdavEnabled => "mapped drives; off: its shares and its people have none but on registered devices",
        }
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
            | Self::UserRollback
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

/// What one organization or share says about one policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Of a switch.
    Switch(Policy, bool),
    /// Of a policy with a value.
    Measure(Measure, Value),
}

impl Said {
    /// What a stored row says. `None`: a name or a value that this server doesn't know says nothing.
    fn stored(name: &str, value: &str) -> Option<Self> {
        match (Policy::named(name), Measure::named(name)) {
            (Some(policy), _) => Some(Self::Switch(policy, value == ON)),
            (None, Some(measure)) => Some(Self::Measure(measure, measure.parse(value).ok()?)),
            (None, None) => None,
        }
    }

    /// The policy's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Switch(policy, _) => policy.name(),
            Self::Measure(measure, _) => measure.name(),
        }
    }

    fn value(&self) -> String {
        match self {
            Self::Switch(_, on) => if *on { ON } else { OFF }.to_owned(),
            Self::Measure(_, value) => value.to_string(),
        }
    }
}

/// Everything that holds in one organization.
#[derive(Debug, Clone, Default)]
struct Holding {
    switches: PolicySet,
    measures: Measures,
}

/// The policies of some organizations.
#[derive(Debug, Clone, Default)]
pub struct Policies(HashMap<OrgId, Holding>);

impl Policies {
    /// Whether they were read for the organization.
    pub fn cover(&self, org: OrgId) -> bool {
        self.0.contains_key(&org)
    }

    /// Takes what was read for further organizations.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// The switches of one of the organizations they were read for.
    pub fn of(&self, org: OrgId) -> PolicySet {
        self.0.get(&org).map(|holding| holding.switches).unwrap_or_default()
    }

    /// The values of one of the organizations they were read for; a share may have its own ([`measures`]).
    pub fn measures(&self, org: OrgId) -> Measures {
        self.0.get(&org).map(|holding| holding.measures.clone()).unwrap_or_default()
    }
}

/// Reads the policies that hold in these organizations: of each policy what the nearest organization upward says.
pub async fn of(reads: &mut impl Reads, orgs: &[OrgId]) -> Result<Policies, DbError> {
    let mut policies = Policies(orgs.iter().map(|org| (*org, Holding::default())).collect());
    for (org, _, said) in on_the_way_up(reads, orgs).await? {
        let holding = policies.0.entry(org).or_default();
        match said {
            Said::Switch(policy, on) => holding.switches.set(policy, on),
            Said::Measure(measure, value) => holding.measures.set(measure, value),
        }
    }
    Ok(policies)
}

/// Who says what in these organizations and above them: whom it reaches, who says it. The farthest come first, so that the
/// nearest have the last word.
async fn on_the_way_up(reads: &mut impl Reads, orgs: &[OrgId]) -> Result<Vec<(OrgId, OrgId, Said)>, DbError> {
    let rows = sql::on_the_way_up(reads.conn(), orgs).await?;
    let said = rows.into_iter().filter_map(|(org, by, name, value)| Some((org, by, Said::stored(&name, &value)?)));
    let reaches = |org: OrgId, by: OrgId, said: &Said| match said {
        Said::Measure(measure, _) => org == by || measure.is_inherited(),
        Said::Switch(..) => true,
    };
    Ok(said.filter(|(org, by, said)| reaches(*org, *by, said)).collect())
}

/// The organization whose word holds in this one, by the names of the policies that any says something about.
pub async fn spoken_by(reads: &mut impl Reads, org: OrgId) -> Result<HashMap<&'static str, OrgId>, DbError> {
    let said = on_the_way_up(reads, &[org]).await?;
    Ok(said.into_iter().map(|(_, by, said)| (said.name(), by)).collect())
}

/// Sets a policy of an organization. Holds from the next request on.
///
/// Errors: [`DirectoryError::OutOfReach`].
pub async fn set(tx: &mut WriteTx, by: &Administrator, org: &Organization, said: &Said) -> Result<(), DirectoryError> {
    by.confirm_place(org.id, None, || organization::told(&org.name))?;
    tx.touch_directory();
    count_switch(tx, said.name()).await?;
    Ok(sql::upsert(tx.conn(), org.id, said.name(), &said.value()).await?)
}

/// Leaves a policy to the organizations above again. Holds from the next request on.
///
/// Errors: [`DirectoryError::OutOfReach`].
pub async fn unset(tx: &mut WriteTx, by: &Administrator, org: &Organization, name: &str) -> Result<(), DirectoryError> {
    by.confirm_place(org.id, None, || organization::told(&org.name))?;
    tx.touch_directory();
    count_switch(tx, name).await?;
    Ok(sql::delete(tx.conn(), org.id, name).await?)
}

/// How often anybody has said anything about macOS' litter, anywhere: what the change log tells of isn't the same before and after.
pub async fn litter_switches(reads: &mut impl Reads) -> Result<i64, DbError> {
    sql::litter_switches(reads.conn()).await
}

async fn count_switch(tx: &mut WriteTx, name: &str) -> Result<(), DbError> {
    if name == Measure::MacosLitter.name() { sql::count_litter_switch(tx.conn()).await } else { Ok(()) }
}

/// The values that hold in these shares, each with its organization: its own, else those of the organization.
pub async fn measures(
    reads: &mut impl Reads,
    shares: &[(ShareId, OrgId)],
) -> Result<HashMap<ShareId, Measures>, DbError> {
    let orgs: Vec<OrgId> = shares.iter().map(|(_, org)| *org).collect();
    let policies = of(reads, &orgs).await?;
    measures_with(reads, &policies, shares).await
}

/// The same, when the policies of the organizations have been read.
pub(crate) async fn measures_with(
    reads: &mut impl Reads,
    policies: &Policies,
    shares: &[(ShareId, OrgId)],
) -> Result<HashMap<ShareId, Measures>, DbError> {
    let mut found: HashMap<ShareId, Measures> =
        shares.iter().map(|(share, org)| (*share, policies.measures(*org))).collect();
    let ids: Vec<ShareId> = shares.iter().map(|(share, _)| *share).collect();
    for (share, name, value) in sql::of_shares(reads.conn(), &ids).await? {
        if let Some(Said::Measure(measure, value)) = Said::stored(&name, &value) {
            found.entry(share).or_default().set(measure, value);
        }
    }
    Ok(found)
}

/// The policies with a value that a share has itself.
pub async fn own_of_share(reads: &mut impl Reads, share: ShareId) -> Result<Vec<Measure>, DbError> {
    let rows = sql::of_shares(reads.conn(), &[share]).await?;
    Ok(rows.iter().filter_map(|(_, name, _)| Measure::named(name)).collect())
}

/// Sets a policy of a share; `None` leaves it to the organization again. Whether it may be, the caller has asked.
pub(crate) async fn set_of_share(
    tx: &mut WriteTx,
    share: ShareId,
    measure: Measure,
    value: Option<&Value>,
) -> Result<(), DbError> {
    tx.touch_directory();
    count_switch(tx, measure.name()).await?;
    match value {
        Some(value) => sql::upsert_of_share(tx.conn(), share, measure.name(), &value.to_string()).await,
        None => sql::delete_of_share(tx.conn(), share, measure.name()).await,
    }
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
            assert_eq!(Policy::named(policy.name()), Some(policy));
            assert_eq!(Measure::named(policy.name()), None, "{policy:?}");
            assert_eq!(set.is_on(policy), policy.default(), "{policy:?}");
        }
        assert_eq!(set.off().collect::<Vec<_>>(), [Policy::AdminBrowseFiles]);
        assert_eq!(Policy::named("fly"), None);
    }
}
