//! Subscriptions: a user or a group has a share on the drive, with a role.

use std::collections::HashMap;

use commonhold_acl::{self as acl, Permission};

use super::role::Roles;
use super::{Share, ShareError, channel, role, sql};
use crate::clock::Moment;
use crate::db::{DbError, Reads, WriteTx};
use crate::directory::group::{self, Membership};
use crate::directory::user::{self, User};
use crate::directory::{Administrator, DirectoryError, Principal};
use crate::ids::{GroupId, OrgId, ShareId};

/// The role of whoever a share is made for.
pub const OWNER_ROLE: &str = "co-owner";

/// One subscriber of a share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscriber {
    /// Who.
    pub principal: Principal,
    /// The name of the user or group.
    pub name: String,
    /// The name of the role.
    pub role: String,
    /// When the subscription was made.
    pub since: Moment,
}

/// A subscription that reaches a certain user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// What it allows. A role that the site doesn't know any more allows nothing.
    pub role: acl::Role,
    /// The groups it comes through: first the one the user is in, last the one that subscribed. Empty: the user's own.
    pub via: Vec<String>,
}

/// A share that reaches a user, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// The share, whether active or not.
    pub share: Share,
    /// The user's own first. Empty only for administrators, whom shares reach without.
    pub subscriptions: Vec<Subscription>,
}

/// Subscribes a user or a group with the role of that name; again changes the role.
///
/// Errors: [`ShareError::NoSuchRole`], [`ShareError::GuestsCantSubscribe`], [`ShareError::LastCoOwner`],
/// [`DirectoryError::OtherOrganization`], [`ShareError::MayNotGive`], [`DirectoryError::OutOfReach`].
pub async fn subscribe(
    tx: &mut WriteTx,
    by: &Administrator,
    share: &Share,
    principal: Principal,
    role: &str,
    now: Moment,
) -> Result<(), ShareError> {
    share.confirm_giving(tx, by).await?;
    role::named(tx, role).await?;
    match principal {
        Principal::User(id) => {
            let user = user::by_id(tx, id).await?.ok_or_else(|| DirectoryError::NoSuchUser(id.0.to_string()))?;
            user.confirm_same_organization(share.org)?;
            if user.guest {
                return Err(ShareError::GuestsCantSubscribe(user.name));
            }
        }
        Principal::Group(id) => {
            let group = group::by_id(tx, id).await?.ok_or_else(|| DirectoryError::NoSuchGroup(id.0.to_string()))?;
            if group.org != share.org {
                return Err(DirectoryError::OtherOrganization(group.name).into());
            }
        }
    }
    tx.touch_directory();
    let was_owned = is_owned(tx, share.id).await?;
    sql::upsert_subscription(tx.conn(), share.id, principal, role, now).await?;
    keep_an_owner(tx, share, was_owned).await
}

/// Ends a subscription, with the rules about its channels.
///
/// Errors: [`ShareError::NotSubscribed`], [`ShareError::LastCoOwner`], [`ShareError::MayNotGive`],
/// [`DirectoryError::OutOfReach`].
pub async fn unsubscribe(
    tx: &mut WriteTx,
    by: &Administrator,
    share: &Share,
    principal: Principal,
) -> Result<(), ShareError> {
    share.confirm_giving(tx, by).await?;
    tx.touch_directory();
    let was_owned = is_owned(tx, share.id).await?;
    if !sql::delete_subscription(tx.conn(), share.id, principal).await? {
        return Err(ShareError::NotSubscribed(share.name.clone()));
    }
    channel::forget_in(tx, share.id, principal).await?;
    keep_an_owner(tx, share, was_owned).await
}

/// The subscribers of a share: users before groups, each by name.
pub async fn subscribers(reads: &mut impl Reads, share: ShareId) -> Result<Vec<Subscriber>, DbError> {
    sql::subscribers(reads.conn(), share).await
}

/// The shares that reach a user by a subscription of his own or of one of his groups, by name; with every share for a system
/// administrator, and those of the organizations that he browses as their administrator. A guest in a subscribed group is
/// listed too: that a subscription gives a guest nothing is the law's to say.
pub async fn reaching(
    reads: &mut impl Reads,
    user: &User,
    memberships: &[Membership],
    browsed: &[OrgId],
) -> Result<Vec<Reach>, DbError> {
    let paths: HashMap<GroupId, &[String]> =
        memberships.iter().map(|membership| (membership.group, membership.path.as_slice())).collect();
    let groups: Vec<GroupId> = memberships.iter().map(|membership| membership.group).collect();
    let administered = match user.admin {
        true => sql::shares(reads.conn()).await?,
        false if browsed.is_empty() => Vec::new(),
        false => sql::shares_of(reads.conn(), browsed).await?,
    };
    let reach = |share| Reach { share, subscriptions: Vec::new() };
    let mut reaches: Vec<Reach> = administered.into_iter().map(reach).collect();
    let listed = reaches.len();
    let mut known: HashMap<ShareId, usize> = reaches.iter().enumerate().map(|(at, r)| (r.share.id, at)).collect();
    let rows = sql::reaching(reads.conn(), user.id, &groups).await?;
    let roles = Roles::for_names(reads, rows.iter().map(|row| row.role.as_str())).await?;
    for reaching in rows {
        let at = *known.entry(reaching.share.id).or_insert(reaches.len());
        if at == reaches.len() {
            reaches.push(reach(reaching.share));
        }
        let via = reaching.group.and_then(|group| paths.get(&group)).map(|path| path.to_vec()).unwrap_or_default();
        let role = roles.get_or_empty(&reaching.role);
        reaches[at].subscriptions.push(Subscription { role, via });
    }
    // Each of the two came ordered; only together they are not.
    if (1..reaches.len()).contains(&listed) {
        reaches.sort_by_cached_key(|reach| reach.share.key());
    }
    Ok(reaches)
}

/// The name of a share that would have no owner without this user or group, if there is one.
pub(crate) async fn owned_only_by(reads: &mut impl Reads, principal: Principal) -> Result<Option<String>, DbError> {
    let beside = sql::subscriptions_beside(reads.conn(), principal).await?;
    let roles = Roles::for_names(reads, beside.iter().map(|(.., role)| role.as_str())).await?;
    let owns = |role: &str| roles.get(role).is_some_and(|role| role.permissions.contains(Permission::Owner));
    let mut others: HashMap<ShareId, (String, bool, bool)> = HashMap::new();
    for (share, name, is_theirs, role) in beside {
        let (_, theirs, another) = others.entry(share).or_insert((name, false, false));
        if owns(&role) {
            if is_theirs { *theirs = true } else { *another = true }
        }
    }
    let mut left: Vec<String> =
        others.into_values().filter(|(_, theirs, another)| *theirs && !another).map(|(name, ..)| name).collect();
    left.sort();
    Ok(left.into_iter().next())
}

/// Ends every subscription of a user or a group and every rule about its channels; for who is removed.
pub(crate) async fn forget(tx: &mut WriteTx, principal: Principal) -> Result<(), DbError> {
    tx.touch_directory();
    sql::delete_subscriptions(tx.conn(), principal).await?;
    channel::forget(tx, principal).await
}

/// Whether any subscription to the share carries the right to manage it. Which roles do is data, so the roles are asked.
pub(super) async fn is_owned(tx: &mut WriteTx, share: ShareId) -> Result<bool, DbError> {
    let given = sql::roles(tx.conn(), share).await?;
    let roles = Roles::for_names(tx, given.iter().map(String::as_str)).await?;
    Ok(given.iter().filter_map(|role| roles.get(role)).any(|role| role.permissions.contains(Permission::Owner)))
}

async fn keep_an_owner(tx: &mut WriteTx, share: &Share, was_owned: bool) -> Result<(), ShareError> {
    if was_owned && !is_owned(tx, share.id).await? {
        return Err(ShareError::LastCoOwner(share.name.clone()));
    }
    Ok(())
}
