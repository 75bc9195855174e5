//! Organizations: the tenants of a site, a tree. Users, groups and shares belong to one.

mod sql;

use super::{Administrator, DirectoryError, DirectoryName, name, user};
use crate::clock::Moment;
use crate::db::{DbError, Reads, WriteTx};
use crate::ids::OrgId;

/// The longest chain of organizations below organizations.
pub const ORGANIZATION_NESTING_MAX: i64 = 8;

/// An organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Permanent.
    pub id: OrgId,
    /// The one above it.
    pub parent: Option<OrgId>,
    /// As it was given; unique on the site.
    pub name: String,
    /// Nobody of an inactive organization gets in, nor of one below it.
    pub active: bool,
    /// Whether it and all above it are active.
    pub open: bool,
    /// The most that its shares and those of the organizations below may take together; `None`: no limit.
    pub quota_bytes: Option<u64>,
    /// The most enabled users that it may have, guests not counted; `None`: no limit.
    pub users_max: Option<u64>,
    /// When it was made.
    pub created: Moment,
}

/// What counts against an organization's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// Bytes of its shares and homes and those of the organizations below.
    pub bytes: u64,
    /// Its enabled users, guests not counted.
    pub users: u64,
}

/// What a new organization is made of.
#[derive(Debug)]
pub struct NewOrganization<'a> {
    /// Its name.
    pub name: &'a DirectoryName,
    /// The one above it.
    pub parent: Option<&'a Organization>,
    /// See [`Organization::quota_bytes`].
    pub quota_bytes: Option<u64>,
    /// See [`Organization::users_max`].
    pub users_max: Option<u64>,
}

impl<'a> NewOrganization<'a> {
    /// One at the top, without limits.
    pub const fn named(name: &'a DirectoryName) -> Self {
        Self { name, parent: None, quota_bytes: None, users_max: None }
    }
}

/// What of an organization to change; `None` leaves it as it is.
#[derive(Debug, Default)]
pub struct Settings<'a> {
    /// Another name.
    pub name: Option<&'a DirectoryName>,
    /// See [`Organization::quota_bytes`]. Less than what is used stops writing and loses nothing.
    pub quota_bytes: Option<Option<u64>>,
    /// See [`Organization::users_max`]. Less than there are stops further ones.
    pub users_max: Option<Option<u64>>,
}

/// Makes an organization with its two built-in groups. One below another is made by an administrator of that one.
///
/// Errors: [`DirectoryError::NameTaken`], [`DirectoryError::NestedTooDeep`], [`DirectoryError::TooLarge`],
/// [`DirectoryError::OutOfReach`].
pub async fn create(
    tx: &mut WriteTx,
    by: &Administrator,
    new: &NewOrganization<'_>,
    now: Moment,
) -> Result<OrgId, DirectoryError> {
    match new.parent {
        None => by.confirm_site()?,
        Some(parent) => {
            by.confirm_place(parent.id, None, || told(&parent.name))?;
            if sql::depth(tx.conn(), parent.id).await? >= ORGANIZATION_NESTING_MAX {
                return Err(DirectoryError::NestedTooDeep { noun: "organizations", max: ORGANIZATION_NESTING_MAX });
            }
        }
    }
    let limits = (stored(new.quota_bytes)?, stored(new.users_max)?);
    tx.touch_directory();
    let made = sql::insert(tx.conn(), new, &new.name.key(), limits, now).await?;
    let id = made.ok_or_else(|| DirectoryError::NameTaken(new.name.as_str().to_owned()))?;
    super::sql::insert_builtin_groups(tx.conn(), id, None, now).await?;
    Ok(id)
}

/// The site's first organization, the one made with it. Errors: [`DirectoryError::NoOrganization`].
pub async fn first(reads: &mut impl Reads) -> Result<Organization, DirectoryError> {
    sql::first(reads.conn()).await?.ok_or(DirectoryError::NoOrganization)
}

/// One organization.
pub async fn by_id(reads: &mut impl Reads, id: OrgId) -> Result<Option<Organization>, DbError> {
    sql::by_id(reads.conn(), id).await
}

/// The organization of that name, in any letter case. Errors: [`DirectoryError::NoSuchOrganization`].
pub async fn named(reads: &mut impl Reads, name: &str) -> Result<Organization, DirectoryError> {
    let found = match name::key(name) {
        Some(key) => sql::by_key(reads.conn(), &key).await?,
        None => None,
    };
    found.ok_or_else(|| DirectoryError::NoSuchOrganization(name.escape_debug().to_string()))
}

/// All organizations, by name.
pub async fn list(reads: &mut impl Reads) -> Result<Vec<Organization>, DbError> {
    sql::list(reads.conn()).await
}

/// What counts against its limits now.
pub async fn used(reads: &mut impl Reads, org: OrgId) -> Result<Used, DbError> {
    let (bytes, users) = sql::used(reads.conn(), org).await?;
    Ok(Used { bytes: bytes.unsigned_abs(), users: users.unsigned_abs() })
}

/// Changes what is given. Limits are set by who administers the organization above; the site's own ones by who administers
/// the site.
///
/// Errors: [`DirectoryError::NameTaken`], [`DirectoryError::TooLarge`], [`DirectoryError::OutOfReach`].
pub async fn set(
    tx: &mut WriteTx,
    by: &Administrator,
    org: &Organization,
    settings: &Settings<'_>,
) -> Result<(), DirectoryError> {
    confirm_above(by, org)?;
    let quota = settings.quota_bytes.map(stored).transpose()?;
    let users = settings.users_max.map(stored).transpose()?;
    if let Some(name) = settings.name
        && sql::by_key(tx.conn(), &name.key()).await?.is_some_and(|other| other.id != org.id)
    {
        return Err(DirectoryError::NameTaken(name.as_str().to_owned()));
    }
    tx.touch_directory();
    if let Some(name) = settings.name {
        sql::rename(tx.conn(), org.id, name.as_str(), &name.key()).await?;
    }
    if let Some(quota) = quota {
        sql::set_quota(tx.conn(), org.id, quota).await?;
    }
    if let Some(users) = users {
        sql::set_users_max(tx.conn(), org.id, users).await?;
    }
    Ok(())
}

/// Ends the access of everybody in the organization and in those below it, or lets them in again; holds from the next
/// request on, and nothing is lost.
///
/// Errors: [`DirectoryError::LastAdministrator`], [`DirectoryError::OutOfReach`].
pub async fn set_active(
    tx: &mut WriteTx,
    by: &Administrator,
    org: &Organization,
    active: bool,
) -> Result<(), DirectoryError> {
    confirm_above(by, org)?;
    if !active {
        user::confirm_administrator_outside(tx, org.id).await?;
    }
    tx.touch_directory();
    sql::set_active(tx.conn(), org.id, active).await?;
    Ok(sql::spread_open(tx.conn()).await?)
}

/// What an organization may be is not its own administrators' to say.
fn confirm_above(by: &Administrator, org: &Organization) -> Result<(), DirectoryError> {
    match org.parent {
        None => by.confirm_site(),
        Some(parent) => by.confirm_place(parent, None, || format!("what `{}` is below", org.name)),
    }
}

/// An organization in a sentence.
pub(super) fn told(name: &str) -> String {
    format!("the organization `{name}`")
}

fn stored(limit: Option<u64>) -> Result<Option<i64>, DirectoryError> {
    limit.map(i64::try_from).transpose().map_err(|_| DirectoryError::TooLarge)
}
