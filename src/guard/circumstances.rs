//! What else than grants counts for a caller: what he administers, which policies hold, which doors are open.

use std::collections::HashMap;

use commonhold_acl as acl;
use commonhold_acl::Channel;

use crate::db::{DbError, Reads};
use crate::directory::group::Membership;
use crate::directory::policy::{self, Measures, Policies, Policy, PolicySet};
use crate::directory::{Reach, User, roster};
use crate::ids::{OrgId, ShareId};
use crate::shares::{self, Doors, Share};

/// The circumstances of one caller over one channel.
pub(super) struct Circumstances {
    site: bool,
    user_org: OrgId,
    channel: Channel,
    reach: Reach,
    policies: Policies,
    doors: Doors,
}

/// What of it counts on one share.
pub(super) struct Standing {
    pub rank: acl::Rank,
    pub channel_open: bool,
    pub admin_browse_files: bool,
    pub limits: Vec<acl::Limit>,
}

impl Circumstances {
    /// Reads them, with the policies of the caller's own organization and of those that he administers.
    pub async fn read(
        tx: &mut impl Reads,
        user: &User,
        groups: &[Membership],
        channel: Channel,
    ) -> Result<Self, DbError> {
        let reach = Reach::of(tx, user).await?;
        let orgs: Vec<OrgId> = reach.organizations().chain([user.org]).collect();
        let policies = policy::of(tx, &orgs).await?;
        let doors = shares::doors(tx, user.id, groups, channel).await?;
        Ok(Self { site: user.admin, user_org: user.org, channel, reach, policies, doors })
    }

    /// Reads the policies of the organizations that these shares belong to, as far as they aren't known.
    pub async fn include(&mut self, tx: &mut impl Reads, shares: impl Iterator<Item = OrgId>) -> Result<(), DbError> {
        let mut unknown: Vec<OrgId> = shares.filter(|org| !self.policies.cover(*org)).collect();
        unknown.sort_unstable();
        unknown.dedup();
        if !unknown.is_empty() {
            self.policies.extend(policy::of(tx, &unknown).await?);
        }
        Ok(())
    }

    /// The policies with a value that hold in these shares, whose organizations' policies have been read.
    pub async fn measures(
        &self,
        tx: &mut impl Reads,
        shares: &[(ShareId, OrgId)],
    ) -> Result<HashMap<ShareId, Measures>, DbError> {
        policy::measures_with(tx, &self.policies, shares).await
    }

    /// The organizations in whose shares the caller reads as their administrator.
    pub fn browsed(&self) -> Vec<OrgId> {
        self.reach.organizations().filter(|org| self.policies.of(*org).is_on(Policy::AdminBrowseFiles)).collect()
    }

    /// The organizations in whose people's homes he does: a system administrator too, who needs the policy only there.
    pub async fn browsed_homes(&mut self, tx: &mut impl Reads) -> Result<Vec<OrgId>, DbError> {
        if !self.site {
            return Ok(self.browsed());
        }
        let orgs = roster::organizations(tx).await?;
        self.include(tx, orgs.iter().copied()).await?;
        Ok(orgs.into_iter().filter(|org| self.policies.of(*org).is_on(Policy::AdminBrowseFiles)).collect())
    }

    /// What of them counts on a share, whose organization's policies have been read.
    pub fn standing(&self, share: &Share) -> Standing {
        Standing {
            rank: self.rank(share),
            channel_open: self.channel_open(share),
            admin_browse_files: self.admin_browse_files(share),
            limits: self.limits(share),
        }
    }

    /// What the caller is towards a share.
    fn rank(&self, share: &Share) -> acl::Rank {
        self.reach.rank(share.org, share.department)
    }

    /// Whether the caller's channel is open for him on a share. Where an organization has no drives, its people and its
    /// shares have none.
    fn channel_open(&self, share: &Share) -> bool {
        let has_drives = |org| self.policies.of(org).is_on(Policy::WebdavEnabled);
        self.doors.is_open(share.id)
            && (self.channel != Channel::WebDav || has_drives(self.user_org) && has_drives(share.org))
    }

    /// Whether administrators of the share's organization read what is in it.
    fn admin_browse_files(&self, share: &Share) -> bool {
        self.policies.of(share.org).is_on(Policy::AdminBrowseFiles)
    }

    /// The policies of the share's organization that cap.
    fn limits(&self, share: &Share) -> Vec<acl::Limit> {
        limits(self.policies.of(share.org))
    }
}

/// The policies that cap.
pub(super) fn limits(policies: PolicySet) -> Vec<acl::Limit> {
    let capping = policies.off().filter_map(|policy| acl::Policy::parse(policy.name()));
    capping.map(acl::Limit::Policy).collect()
}
