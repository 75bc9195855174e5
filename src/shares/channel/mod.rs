//! Channels: through which doors a share is open for a user.
//!
//! A rule of a user or a group says for one share whether the web, WebDAV, devices that are registered later, or a device
//! of a certain name get in. What a user's own rule says holds before what those of his groups say; among groups one that
//! says "on" is enough; about what no rule says anything, the door is open.

mod sql;

use std::collections::{BTreeMap, HashMap, HashSet};

use commonhold_acl::Channel;

use super::{Share, ShareError};
use crate::db::{DbError, Reads, WriteTx};
use crate::directory::group::Membership;
use crate::directory::{Administrator, DirectoryName, Principal};
use crate::ids::{DeviceId, GroupId, ShareId, UserId};

/// Devices that one rule names at the most.
pub const DEVICE_RULES_MAX: i64 = 1_000;

/// Which shares are closed for one user over one channel.
#[derive(Debug, Clone, Default)]
pub struct Doors(HashSet<ShareId>);

impl Doors {
    /// Whether the rules leave the share open; one that isn't does not exist for the request.
    pub fn is_open(&self, share: ShareId) -> bool {
        !self.0.contains(&share)
    }
}

/// Reads which shares the rules close for `user` over `channel`. A share link is no door of the user's, and always open.
pub async fn doors(
    reads: &mut impl Reads,
    user: UserId,
    memberships: &[Membership],
    channel: Channel,
) -> Result<Doors, DbError> {
    let groups: Vec<GroupId> = memberships.iter().map(|membership| membership.group).collect();
    let says: Vec<Says> = match channel {
        Channel::Link => return Ok(Doors::default()),
        Channel::Web => {
            sql::rules(reads.conn(), user, &groups).await?.iter().map(|rule| rule.about(rule.web)).collect()
        }
        Channel::WebDav => {
            sql::rules(reads.conn(), user, &groups).await?.iter().map(|rule| rule.about(rule.webdav)).collect()
        }
        Channel::Device(device) => {
            // A rule for devices registered later reaches those that came after it; one with the device's name goes before.
            let rules = sql::rules(reads.conn(), user, &groups).await?;
            let later =
                |rule: &Rule| rule.future_devices.filter(|_| rule.future_after.is_some_and(|last| device > last));
            let mut says: HashMap<_, _> =
                rules.iter().map(|rule| ((rule.share, rule.group), rule.about(later(rule)))).collect();
            for named in sql::device_rules(reads.conn(), user, &groups, device).await? {
                says.insert((named.share, named.group), named);
            }
            says.into_values().collect()
        }
    };
    Ok(Doors(closed(&says)))
}

/// What a user's or a group's rule says about the channels of a share; `None`: nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelRule {
    /// Whose rule it is.
    pub principal: Principal,
    /// The portal and the mobile apps.
    pub web: Option<bool>,
    /// Mapped drives.
    pub webdav: Option<bool>,
    /// Devices registered since this was said first.
    pub future_devices: Option<bool>,
    /// Devices by their names.
    pub devices: Vec<(String, bool)>,
}

/// What of a rule to change; `None` leaves it as it is, `Some(None)` lets the rule say nothing about it any more.
#[derive(Debug, Default)]
pub struct RuleChange<'a> {
    /// See [`ChannelRule::web`].
    pub web: Option<Option<bool>>,
    /// See [`ChannelRule::webdav`].
    pub webdav: Option<Option<bool>>,
    /// See [`ChannelRule::future_devices`].
    pub future_devices: Option<Option<bool>>,
    /// Devices by name.
    pub devices: &'a [(DirectoryName, Option<bool>)],
}

/// Changes through which channels a share is open for a user or for the members of a group; holds from the next request on.
///
/// A rule may be there before its user or group subscribes. Errors: [`DirectoryError::OtherOrganization`],
/// [`DirectoryError::OutOfReach`], [`ShareError::TooManyDeviceRules`].
pub async fn set_channels(
    tx: &mut WriteTx,
    by: &Administrator,
    share: &Share,
    principal: Principal,
    change: &RuleChange<'_>,
) -> Result<(), ShareError> {
    share.confirm(by)?;
    tx.touch_directory();
    sql::upsert_rule(tx.conn(), share.id, principal, change).await?;
    for (name, open) in change.devices {
        match open {
            Some(open) => sql::upsert_device_rule(tx.conn(), share.id, principal, name, *open).await?,
            None => sql::delete_device_rule(tx.conn(), share.id, principal, name).await?,
        }
    }
    if sql::count_device_rules(tx.conn(), share.id, principal).await? > DEVICE_RULES_MAX {
        return Err(ShareError::TooManyDeviceRules);
    }
    Ok(())
}

/// The rules of a share: of users before those of groups, each by its id.
pub async fn channel_rules(reads: &mut impl Reads, share: ShareId) -> Result<Vec<ChannelRule>, DbError> {
    let mut rules: BTreeMap<Principal, ChannelRule> =
        sql::rules_of(reads.conn(), share).await?.into_iter().map(|rule| (rule.principal, rule)).collect();
    for (principal, name, open) in sql::device_rules_of(reads.conn(), share).await? {
        let none = ChannelRule { principal, web: None, webdav: None, future_devices: None, devices: Vec::new() };
        rules.entry(principal).or_insert(none).devices.push((name, open));
    }
    Ok(rules.into_values().filter(ChannelRule::says_anything).collect())
}

impl ChannelRule {
    fn says_anything(&self) -> bool {
        [self.web, self.webdav, self.future_devices].iter().any(Option::is_some) || !self.devices.is_empty()
    }
}

/// The rules of one share, for a look at everybody.
#[derive(Debug)]
pub struct Rules(Vec<ChannelRule>);

impl Rules {
    /// Reads them.
    pub async fn of(reads: &mut impl Reads, share: ShareId) -> Result<Self, DbError> {
        Ok(Self(channel_rules(reads, share).await?))
    }

    /// The groups that have rules.
    pub fn groups(&self) -> impl Iterator<Item = GroupId> {
        self.0.iter().filter_map(|rule| match rule.principal {
            Principal::Group(group) => Some(group),
            Principal::User(_) => None,
        })
    }

    /// Whether the web or WebDAV is open for a user who is in the groups of which `is_in` says so.
    pub fn is_open(&self, user: UserId, is_in: impl Fn(GroupId) -> bool, channel: Channel) -> bool {
        let share = ShareId(0);
        let says = self.0.iter().filter_map(|rule| {
            let group = match rule.principal {
                Principal::User(id) if id == user => None,
                Principal::Group(group) if is_in(group) => Some(group),
                Principal::User(_) | Principal::Group(_) => return None,
            };
            let open = match channel {
                Channel::Web => rule.web,
                Channel::WebDav => rule.webdav,
                Channel::Device(_) | Channel::Link => None,
            };
            Some(Says { share, group, open })
        });
        closed(&says.collect::<Vec<_>>()).is_empty()
    }
}

/// Ends what the rules of a user or a group say about one share.
pub(super) async fn forget_in(tx: &mut WriteTx, share: ShareId, principal: Principal) -> Result<(), DbError> {
    sql::delete_rules(tx.conn(), Some(share), principal).await
}

/// Ends what the rules of a user or a group say about any share.
pub(super) async fn forget(tx: &mut WriteTx, principal: Principal) -> Result<(), DbError> {
    sql::delete_rules(tx.conn(), None, principal).await
}

/// What one rule of a share says about the channel in question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Says {
    share: ShareId,
    /// None: the user's own.
    group: Option<GroupId>,
    open: Option<bool>,
}

/// A row of rules.
struct Rule {
    share: ShareId,
    group: Option<GroupId>,
    web: Option<bool>,
    webdav: Option<bool>,
    future_devices: Option<bool>,
    future_after: Option<DeviceId>,
}

impl Rule {
    fn about(&self, open: Option<bool>) -> Says {
        Says { share: self.share, group: self.group, open }
    }
}

fn closed(says: &[Says]) -> HashSet<ShareId> {
    let mut shares: HashMap<ShareId, (Option<bool>, Option<bool>)> = HashMap::new();
    for said in says {
        let (own, of_groups) = shares.entry(said.share).or_default();
        match said.group {
            None => *own = said.open,
            Some(_) => *of_groups = (*of_groups).max(said.open),
        }
    }
    let is_closed = |(own, of_groups): &(Option<bool>, Option<bool>)| own.or(*of_groups) == Some(false);
    shares.into_iter().filter(|(_, said)| is_closed(said)).map(|(share, _)| share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_rule_goes_before_those_of_groups_and_one_group_that_says_on_is_enough() {
        let group = |n, open| Says { share: ShareId(1), group: Some(GroupId(n)), open };
        let own = |open| Says { share: ShareId(1), group: None, open };
        let cases: [(&[Says], bool); 10] = [
            (&[], true),
            (&[own(None)], true),
            (&[own(Some(false))], false),
            (&[own(Some(true)), group(1, Some(false))], true),
            (&[own(Some(false)), group(1, Some(true))], false),
            (&[own(None), group(1, Some(false))], false),
            (&[group(1, None), group(2, Some(false))], false),
            (&[group(1, Some(true)), group(2, Some(false))], true),
            (&[group(1, Some(false)), group(2, Some(true))], true),
            (&[group(1, None), group(2, None)], true),
        ];
        for (says, open) in cases {
            assert_eq!(closed(says).is_empty(), open, "{says:?}");
        }
    }
}
