//! Team shares, public folders and homes; who is subscribed with which role, and through which doors.
//!
//! Here: making, listing and finding shares; subscribing users and groups; which shares reach a user, and how. Not here: what
//! a role allows (`acl`), what lies in a share (`tree/`), whether a door is open (`guard/`). Knows no HTTP.

mod channel;
pub mod home;
pub mod role;
mod sql;
mod subscription;

use std::time::Duration;

pub use channel::{ChannelRule, Doors, RuleChange, Rules, channel_rules, doors, set_channels};
pub use subscription::{OWNER_ROLE, Reach, Subscriber, Subscription, reaching, subscribe, subscribers, unsubscribe};
pub(crate) use subscription::{forget, owned_only_by};

use crate::clock::Moment;
use crate::db::{DbError, Reads, WriteTx};
use crate::directory::department::Department;
use crate::directory::policy::{self, Measure, Policy, Value};
use crate::directory::{Administrator, DirectoryError, Principal, plain_text};
use crate::ids::{DepartmentId, NodeId, OrgId, ShareId, UserId};
use crate::path::{Name, NameKey};

/// Characters in a description.
const DESCRIPTION_CHARS_MAX: usize = 1000;
/// The longest that a holder may let somebody wait who asks for a lock's release.
pub const HANDOVER_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Keys of the names that are no share's: a person's own home is at `/Home`, those of others are below `/Shared with me`.
const RESERVED: [&str; 2] = ["home", "shared with me"];

/// What a share is. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShareKind {
    /// Given to its subscribers.
    Team,
    /// What belongs to one user.
    Home,
    /// A folder of the organization, without an owner.
    Public,
}

/// A share: a tree of its own, with a root, a trash and a quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Permanent.
    pub id: ShareId,
    /// What it is.
    pub kind: ShareKind,
    /// The organization it belongs to.
    pub org: OrgId,
    /// Whether that organization and those above it are active.
    pub org_active: bool,
    /// The department whose administrators manage it; of a home none.
    pub department: Option<DepartmentId>,
    /// Whose home it is.
    pub owner: Option<UserId>,
    /// Its name below the root, as it was given; of a home its owner's name.
    pub name: String,
    /// For people; may be empty.
    pub description: String,
    /// An inactive share exists for nobody but its administrators' commands.
    pub active: bool,
    /// The collection that the share is.
    pub root: NodeId,
    /// The collection of what was deleted.
    pub trash: NodeId,
    /// The sequence of its last change.
    pub seq: i64,
    /// Bytes of live files, revisions and trash together.
    pub used_bytes: u64,
    /// The most they may be; `None`: no limit.
    pub quota_bytes: Option<u64>,
    /// When it was made.
    pub created: Moment,
    /// Whether somebody whose office program puts an owner file beside a document gets a lock on the document.
    pub auto_lock: bool,
    /// Whether a late save against a lock that was taken away is kept beside the file.
    pub collision_copies: bool,
    /// After how long a request to release a lock ends it; whole seconds.
    pub handover: Duration,
}

impl Share {
    /// What its name is unique by; homes don't stand below the root, and their names are those of users.
    pub fn key(&self) -> NameKey {
        Name::parse(&self.name).expect("only valid names are stored").key()
    }
}

impl Share {
    /// Errors: [`DirectoryError::OutOfReach`].
    fn confirm(&self, by: &Administrator) -> Result<(), DirectoryError> {
        by.confirm(by.reaches_share(self.id, self.org, self.department), || self.told())
    }

    /// The same about who has it, which the policy `users_may_grant` may leave to administrators. Errors:
    /// [`ShareError::MayNotGive`], [`DirectoryError::OutOfReach`].
    async fn confirm_giving(&self, tx: &mut WriteTx, by: &Administrator) -> Result<(), ShareError> {
        self.confirm(by)?;
        match by.actor().filter(|_| !by.reaches(self.org, self.department)) {
            Some(actor) if !policy::of(tx, &[self.org]).await?.of(self.org).is_on(Policy::UsersMayGrant) => {
                Err(ShareError::MayNotGive(actor.name.clone()))
            }
            _ => Ok(()),
        }
    }

    fn told(&self) -> String {
        format!("the share `{}`", self.name)
    }
}

/// Why shares and subscriptions couldn't be changed or found.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ShareError {
    /// There is a share of that name, or of one that differs only in letter case or Unicode form.
    #[error("the name `{0}` is taken")]
    NameTaken(String),
    /// No share of that name.
    #[error("there is no share `{0}`")]
    NoSuchShare(String),
    /// No role of that name.
    #[error("there is no role `{role}`; the roles are {roles}")]
    NoSuchRole {
        /// What was asked for.
        role: String,
        /// Those that there are.
        roles: String,
    },
    /// A name that breaks the rules for roles.
    #[error("`{0}` is no name for a role: a small letter first, then small letters, digits and hyphens, at most 40")]
    BadRoleName(String),
    /// There is a role of that name.
    #[error("there is a role `{0}` already")]
    RoleTaken(String),
    /// The seven built-in roles are the same on every site.
    #[error("`{0}` is built in and stays as it is; add a role of your own instead")]
    BuiltInRole(String),
    /// A role of nothing.
    #[error("a role allows something; name a permission")]
    EmptyRole,
    /// Beyond [`role::ADDED_MAX`].
    #[error("a site can have {max} roles of its own at the most", max = role::ADDED_MAX)]
    TooManyRoles,
    /// Somebody has something by it.
    #[error(
        "the role `{role}` is in use: subscriptions {}, grants {}; give other roles there first",
        uses.subscriptions, uses.grants
    )]
    RoleInUse {
        /// Which.
        role: String,
        /// By what.
        uses: role::Uses,
    },
    /// A quota that can't be counted.
    #[error("a quota is at most {max} bytes", max = i64::MAX)]
    QuotaTooLarge,
    /// Beyond [`HANDOVER_MAX`], or no time at all.
    #[error("a hand-over takes from 1 second to {} days", HANDOVER_MAX.as_secs() / (24 * 60 * 60))]
    HandoverOutOfRange,
    /// Guests see what is granted to them, but subscribe to nothing.
    #[error("`{0}` is a guest, and guests can't subscribe")]
    GuestsCantSubscribe(String),
    /// Ending a subscription that isn't there.
    #[error("that is no subscriber of `{0}`")]
    NotSubscribed(String),
    /// The first names of paths to homes.
    #[error("the name `{0}` is reserved: homes are found below it")]
    Reserved(String),
    /// More devices than [`channel::DEVICE_RULES_MAX`].
    #[error("a rule names at most {max} devices", max = channel::DEVICE_RULES_MAX)]
    TooManyDeviceRules,
    /// The policy of the organization.
    #[error("`{0}` may not make shares: the organization's policy `user_create_shares` is off")]
    MayNotCreate(String),
    /// The policy of the organization.
    #[error("`{0}` may not give shares to others: the organization's policy `users_may_grant` is off")]
    MayNotGive(String),
    /// The share would be left without anybody who may manage it.
    #[error("that is the last co-owner of `{0}`; subscribe another one first")]
    LastCoOwner(String),
    /// A description that breaks the rules.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The database didn't answer.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// What a new share is made of.
#[derive(Debug)]
pub struct NewShare<'a> {
    /// The organization it will belong to.
    pub org: OrgId,
    /// The department whose administrators will manage it.
    pub department: Option<&'a Department>,
    /// A public folder instead of a team share.
    pub public: bool,
    /// Its name below the root; unique on the site, whatever the organization.
    pub name: &'a Name,
    /// Empty for none.
    pub description: &'a str,
    /// See [`Share::quota_bytes`].
    pub quota_bytes: Option<u64>,
}

impl<'a> NewShare<'a> {
    /// A team share without description and quota.
    pub const fn team(org: OrgId, name: &'a Name) -> Self {
        Self { org, department: None, public: false, name, description: "", quota_bytes: None }
    }
}

/// Makes an empty share with its root and its trash. It has no subscriber, unless a user makes it for himself: whoever doesn't
/// administer its place may make a team share, where the policy `user_create_shares` lets him, and becomes its co-owner.
///
/// Errors: [`ShareError::NameTaken`], [`ShareError::Reserved`], [`ShareError::QuotaTooLarge`],
/// [`ShareError::MayNotCreate`], [`ShareError::GuestsCantSubscribe`], [`DirectoryError::OutOfReach`] for a place or a kind
/// of share that is for administrators, [`DirectoryError::BadName`] for the description.
pub async fn create(
    tx: &mut WriteTx,
    by: &Administrator,
    new: &NewShare<'_>,
    now: Moment,
) -> Result<ShareId, ShareError> {
    let key = new.name.key();
    if RESERVED.contains(&key.as_str()) {
        return Err(ShareError::Reserved(new.name.as_str().to_owned()));
    }
    let maker = confirm_making(tx, by, new).await?;
    plain_text("description", new.description, DESCRIPTION_CHARS_MAX)?;
    let quota = stored_quota(new.quota_bytes)?;
    tx.touch_directory();
    let Some(id) = sql::insert_share(tx.conn(), new, &key, quota, now).await? else {
        return Err(ShareError::NameTaken(new.name.as_str().to_owned()));
    };
    let root = sql::insert_top(tx.conn(), id, now).await?;
    let trash = sql::insert_top(tx.conn(), id, now).await?;
    sql::set_tops(tx.conn(), id, root, trash).await?;
    if let Some(maker) = maker {
        sql::upsert_subscription(tx.conn(), id, Principal::User(maker), OWNER_ROLE, now).await?;
    }
    Ok(id)
}

/// Whether it may be made, and who is to own it because he makes it for himself.
async fn confirm_making(
    tx: &mut WriteTx,
    by: &Administrator,
    new: &NewShare<'_>,
) -> Result<Option<UserId>, ShareError> {
    let department = new.department.map(|department| department.id);
    let Some(actor) = by.actor().filter(|_| !by.reaches(new.org, department)) else { return Ok(None) };
    if new.public || department.is_some() {
        by.confirm_place(new.org, department, || match new.department {
            Some(department) => department.told(),
            None => "public folders".to_owned(),
        })?;
    }
    actor.confirm_same_organization(new.org)?;
    if actor.guest {
        return Err(ShareError::GuestsCantSubscribe(actor.name.clone()));
    }
    if !policy::of(tx, &[new.org]).await?.of(new.org).is_on(Policy::UserCreateShares) {
        return Err(ShareError::MayNotCreate(actor.name.clone()));
    }
    Ok(Some(actor.id))
}

/// What of a share to change; `None` leaves it as it is.
#[derive(Debug, Default)]
pub struct Settings<'a> {
    /// See [`Share::description`].
    pub description: Option<&'a str>,
    /// See [`Share::quota_bytes`]. Less than what is used stops writing and loses nothing. For administrators.
    pub quota_bytes: Option<Option<u64>>,
    /// See [`Share::auto_lock`].
    pub auto_lock: Option<bool>,
    /// See [`Share::collision_copies`].
    pub collision_copies: Option<bool>,
    /// See [`Share::department`]. For administrators.
    pub department: Option<Option<&'a Department>>,
    /// See [`Share::handover`]; at most [`HANDOVER_MAX`]. Requests that were made already keep their hour.
    pub handover: Option<Duration>,
}

/// Changes settings of a share; holds from the next request on.
///
/// Errors: [`ShareError::QuotaTooLarge`], [`ShareError::HandoverOutOfRange`], [`DirectoryError::BadName`] for the
/// description, [`DirectoryError::OutOfReach`]; nothing is changed then.
pub async fn set(
    tx: &mut WriteTx,
    by: &Administrator,
    share: &Share,
    settings: &Settings<'_>,
) -> Result<(), ShareError> {
    share.confirm(by)?;
    if settings.quota_bytes.is_some() {
        // A co-owner doesn't give himself room.
        by.confirm_place(share.org, share.department, || share.told())?;
    }
    if let Some(department) = settings.department {
        // Away from one and into another: both are asked.
        by.confirm_place(share.org, share.department, || share.told())?;
        by.confirm_place(share.org, department.map(|department| department.id), || "that department".to_owned())?;
        if department.is_some_and(|department| department.org != share.org) {
            return Err(DirectoryError::OtherOrganization(share.name.clone()).into());
        }
    }
    plain_text("description", settings.description.unwrap_or_default(), DESCRIPTION_CHARS_MAX)?;
    if settings.handover.is_some_and(|span| span.as_secs() == 0 || span > HANDOVER_MAX) {
        return Err(ShareError::HandoverOutOfRange);
    }
    let quota = settings.quota_bytes.map(stored_quota).transpose()?;
    tx.touch_directory();
    Ok(sql::set(tx.conn(), share.id, settings, quota).await?)
}

/// Gives a share a value of its own of a policy, or leaves it to the organization again with `None`; for administrators. Holds from
/// the next request on.
///
/// Errors: [`DirectoryError::OutOfReach`].
pub async fn set_policy(
    tx: &mut WriteTx,
    by: &Administrator,
    share: &Share,
    measure: Measure,
    value: Option<&Value>,
) -> Result<(), ShareError> {
    by.confirm_place(share.org, share.department, || share.told())?;
    Ok(policy::set_of_share(tx, share.id, measure, value).await?)
}

/// Lets a share exist again for those who have it, or for nobody; holds from the next request on. What lies in it stays.
///
/// Errors: [`DirectoryError::OutOfReach`].
pub async fn set_active(tx: &mut WriteTx, by: &Administrator, share: &Share, active: bool) -> Result<(), ShareError> {
    share.confirm(by)?;
    tx.touch_directory();
    Ok(sql::set_active(tx.conn(), share.id, active).await?)
}

fn stored_quota(bytes: Option<u64>) -> Result<Option<i64>, ShareError> {
    bytes.map(i64::try_from).transpose().map_err(|_| ShareError::QuotaTooLarge)
}

/// The share of that name, for those who need one. Errors: [`ShareError::NoSuchShare`].
pub async fn named(reads: &mut impl Reads, name: &str) -> Result<Share, ShareError> {
    let found = match Name::parse(name) {
        Ok(name) => find(reads, &name).await?,
        Err(_) => None,
    };
    found.ok_or_else(|| ShareError::NoSuchShare(name.escape_debug().to_string()))
}

/// The share of that name, in any letter case.
pub async fn find(reads: &mut impl Reads, name: &Name) -> Result<Option<Share>, DbError> {
    sql::share_by_key(reads.conn(), &name.key()).await
}

/// The share of that id.
pub async fn by_id(reads: &mut impl Reads, id: ShareId) -> Result<Option<Share>, DbError> {
    sql::share_by_id(reads.conn(), id).await
}

/// The shares of these ids, of any kind, by name.
pub async fn by_ids(reads: &mut impl Reads, shares: &[ShareId]) -> Result<Vec<Share>, DbError> {
    sql::shares_by_ids(reads.conn(), shares).await
}

/// All team shares and public folders, by name.
pub async fn list(reads: &mut impl Reads) -> Result<Vec<Share>, DbError> {
    sql::shares(reads.conn()).await
}

#[cfg(test)]
mod tests;
