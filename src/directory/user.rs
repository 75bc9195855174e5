//! Users, full and guests: who they are and whether they may come in.

use super::department::{self, Department};
use super::organization::{self, Organization};
use super::{Administrator, DirectoryError, DirectoryName, Principal, name, plain_text, sql};
use crate::clock::Moment;
use crate::db::{DbError, Reads, WriteTx};
use crate::grants;
use crate::ids::{OrgId, UserId};
use crate::path::NameKey;
use crate::shares::{self, home};

/// Characters in a display name.
const DISPLAY_CHARS_MAX: usize = 128;
/// Characters in an address; RFC 5321 section 4.5.3.1 allows no longer one.
const EMAIL_CHARS_MAX: usize = 254;

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Permanent.
    pub id: UserId,
    /// The organization the user belongs to.
    pub org: OrgId,
    /// Whether that organization and those above it are active.
    pub org_active: bool,
    /// The login name, as it was given.
    pub name: String,
    /// What the login name is unique by.
    pub key: String,
    /// The full name for people; may be empty.
    pub display: String,
    /// May be empty.
    pub email: String,
    /// From outside: can't subscribe to shares.
    pub guest: bool,
    /// Administers the whole site.
    pub admin: bool,
    /// A disabled user keeps everything but can't log in.
    pub enabled: bool,
    /// A removed user has left: nothing but the row and the home is kept.
    pub removed: bool,
    /// Grows with every change of the password, so that a proof of the old one is worth nothing.
    pub generation: i64,
    /// When the user was added.
    pub created: Moment,
}

impl User {
    /// Whether a right password lets this user in.
    pub fn may_log_in(&self) -> bool {
        self.enabled && !self.removed && self.org_active
    }

    /// Errors: [`DirectoryError::OtherOrganization`]; [`DirectoryError::Removed`] for who belongs to none any more.
    pub fn confirm_same_organization(&self, org: OrgId) -> Result<(), DirectoryError> {
        match self {
            _ if self.removed => Err(DirectoryError::Removed(self.name.clone())),
            _ if self.org != org => Err(DirectoryError::OtherOrganization(self.name.clone())),
            _ => Ok(()),
        }
    }
}

/// What a new user is made of.
#[derive(Debug)]
pub struct NewUser<'a> {
    /// The organization the user will belong to.
    pub org: OrgId,
    /// A department that the user will be a member of.
    pub department: Option<&'a Department>,
    /// The login name.
    pub name: &'a DirectoryName,
    /// The full name; empty for none.
    pub display: &'a str,
    /// The address; empty for none.
    pub email: &'a str,
    /// See [`User::guest`].
    pub guest: bool,
    /// See [`User::admin`].
    pub admin: bool,
    /// An argon2id PHC string; `None`: only app passwords log in.
    pub password_hash: Option<&'a str>,
}

impl<'a> NewUser<'a> {
    /// A full user without a password.
    pub const fn named(org: OrgId, name: &'a DirectoryName) -> Self {
        let (guest, admin) = (false, false);
        Self { org, department: None, name, display: "", email: "", guest, admin, password_hash: None }
    }
}

/// Adds a user, enabled, with an empty home unless a guest.
///
/// Errors: [`DirectoryError::NameTaken`], [`DirectoryError::BadName`], [`DirectoryError::TooManyUsers`],
/// [`DirectoryError::GuestsStayOut`] for a guest of a department, [`DirectoryError::OutOfReach`].
pub async fn create(
    tx: &mut WriteTx,
    by: &Administrator,
    new: &NewUser<'_>,
    now: Moment,
) -> Result<UserId, DirectoryError> {
    check_profile(Some(new.display), Some(new.email))?;
    if new.admin {
        by.confirm_site()?;
    }
    let org = organization::by_id(tx, new.org).await?.ok_or(DirectoryError::NoOrganization)?;
    by.confirm_place(new.org, new.department.map(|department| department.id), || organization::told(&org.name))?;
    if !new.guest {
        confirm_seat(tx, &org).await?;
    }
    tx.touch_directory();
    let made = sql::insert_user(tx.conn(), new, &new.name.key(), now).await?;
    let id = made.ok_or_else(|| DirectoryError::NameTaken(new.name.as_str().to_owned()))?;
    if !new.guest {
        home::create(tx, new.org, id, new.name.as_str(), now).await?;
    }
    if let Some(department) = new.department {
        let user = by_id(tx, id).await?.ok_or_else(|| DirectoryError::NoSuchUser(new.name.as_str().to_owned()))?;
        department::put_in(tx, department, &user).await?;
    }
    Ok(id)
}

/// The user of that name, in any letter case.
pub async fn find(reads: &mut impl Reads, name: &str) -> Result<Option<User>, DbError> {
    match name::key(name) {
        Some(key) => Ok(with_password_hash(reads, &key).await?.map(|(user, _)| user)),
        None => Ok(None),
    }
}

/// The same, for those who need one. Errors: [`DirectoryError::NoSuchUser`].
pub async fn named(reads: &mut impl Reads, name: &str) -> Result<User, DirectoryError> {
    let found = find(reads, name).await?;
    found.ok_or_else(|| DirectoryError::NoSuchUser(name.escape_debug().to_string()))
}

/// The user of that name key and the hash of the password, if there is one; for `auth/`.
pub async fn with_password_hash(
    reads: &mut impl Reads,
    key: &NameKey,
) -> Result<Option<(User, Option<String>)>, DbError> {
    sql::user_by_key(reads.conn(), key).await
}

/// The user of that id.
pub async fn by_id(reads: &mut impl Reads, id: UserId) -> Result<Option<User>, DbError> {
    sql::user_by_id(reads.conn(), id).await
}

/// All users, by name; also those who were removed and whose name is kept.
pub async fn list(reads: &mut impl Reads) -> Result<Vec<User>, DbError> {
    sql::users(reads.conn()).await
}

/// Lets a user log in, or no longer; holds from the next request on. Enabling brings a removed user back, without
/// passwords, memberships and subscriptions.
///
/// Errors: [`DirectoryError::LastAdministrator`], [`DirectoryError::TooManyUsers`], [`DirectoryError::OutOfReach`].
pub async fn set_enabled(
    tx: &mut WriteTx,
    by: &Administrator,
    user: &User,
    enabled: bool,
) -> Result<(), DirectoryError> {
    by.confirm_user(tx, user).await?;
    if !enabled {
        confirm_other_administrator(tx, user).await?;
    } else if !user.guest && (!user.enabled || user.removed) {
        let org = organization::by_id(tx, user.org).await?.ok_or(DirectoryError::NoOrganization)?;
        confirm_seat(tx, &org).await?;
    }
    tx.touch_directory();
    Ok(sql::set_enabled(tx.conn(), user.id, enabled).await?)
}

/// Makes a user an administrator of the whole site, or no longer.
///
/// Errors: [`DirectoryError::GuestsStayOut`], [`DirectoryError::Removed`], [`DirectoryError::LastAdministrator`],
/// [`DirectoryError::OutOfReach`].
pub async fn set_admin(tx: &mut WriteTx, by: &Administrator, user: &User, admin: bool) -> Result<(), DirectoryError> {
    by.confirm_site()?;
    match admin {
        true if user.guest => return Err(DirectoryError::GuestsStayOut(user.name.clone())),
        true if user.removed => return Err(DirectoryError::Removed(user.name.clone())),
        true => {}
        false => confirm_other_administrator(tx, user).await?,
    }
    tx.touch_directory();
    Ok(sql::set_admin(tx.conn(), user.id, admin).await?)
}

/// What became of the name of a removed user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// Nothing was in the home: anybody may have the name.
    NameFree,
    /// The home is kept under the name.
    HomeKept,
}

/// Removes a user: the account can't log in and is in no list, group or share any more. The row stays, since history
/// names it, and so does the home with all that is in it; the name is free for somebody else only if there is nothing.
///
/// Errors: [`DirectoryError::LastAdministrator`], [`DirectoryError::LastCoOwner`], [`DirectoryError::Removed`],
/// [`DirectoryError::OutOfReach`].
pub async fn remove(tx: &mut WriteTx, by: &Administrator, user: &User) -> Result<Removed, DirectoryError> {
    by.confirm_user(tx, user).await?;
    if user.removed {
        return Err(DirectoryError::Removed(user.name.clone()));
    }
    confirm_other_administrator(tx, user).await?;
    let principal = Principal::User(user.id);
    if let Some(share) = shares::owned_only_by(tx, principal).await? {
        return Err(DirectoryError::LastCoOwner(share));
    }
    let is_empty = home::is_empty(tx, user.id).await?;
    tx.touch_directory();
    shares::forget(tx, principal).await?;
    grants::forget(tx, principal).await?;
    sql::strip(tx.conn(), user.id).await?;
    if is_empty {
        sql::free_name(tx.conn(), user.id).await?;
    }
    Ok(if is_empty { Removed::NameFree } else { Removed::HomeKept })
}

/// Replaces the password by its argon2id PHC string; app passwords stay as they are. Errors: [`DirectoryError::OutOfReach`].
pub async fn set_password(
    tx: &mut WriteTx,
    by: &Administrator,
    user: &User,
    password_hash: &str,
) -> Result<(), DirectoryError> {
    by.confirm_user_or_self(tx, user).await?;
    tx.touch_directory();
    Ok(sql::set_password(tx.conn(), user.id, password_hash).await?)
}

/// Changes what is given of the full name and the address.
///
/// Errors: [`DirectoryError::BadName`], [`DirectoryError::OutOfReach`].
pub async fn set_profile(
    tx: &mut WriteTx,
    by: &Administrator,
    user: &User,
    display: Option<&str>,
    email: Option<&str>,
) -> Result<(), DirectoryError> {
    check_profile(display, email)?;
    by.confirm_user_or_self(tx, user).await?;
    tx.touch_directory();
    Ok(sql::set_profile(tx.conn(), user.id, display, email).await?)
}

/// Errors: [`DirectoryError::TooManyUsers`] when the organization has no place for one more.
async fn confirm_seat(tx: &mut WriteTx, org: &Organization) -> Result<(), DirectoryError> {
    match org.users_max {
        Some(max) if organization::used(tx, org.id).await?.users >= max => {
            Err(DirectoryError::TooManyUsers { org: org.name.clone(), max })
        }
        _ => Ok(()),
    }
}

/// Errors: [`DirectoryError::LastAdministrator`] when nobody else could administer the site.
async fn confirm_other_administrator(tx: &mut WriteTx, user: &User) -> Result<(), DirectoryError> {
    if user.admin && sql::count_administrators_but(tx.conn(), user.id).await? == 0 {
        return Err(DirectoryError::LastAdministrator);
    }
    Ok(())
}

/// Errors: [`DirectoryError::LastAdministrator`] when nobody outside of the organization and those below could.
pub(super) async fn confirm_administrator_outside(tx: &mut WriteTx, org: OrgId) -> Result<(), DirectoryError> {
    match sql::count_administrators_outside(tx.conn(), org).await? {
        0 => Err(DirectoryError::LastAdministrator),
        _ => Ok(()),
    }
}

fn check_profile(display: Option<&str>, email: Option<&str>) -> Result<(), DirectoryError> {
    plain_text("display name", display.unwrap_or_default(), DISPLAY_CHARS_MAX)?;
    plain_text("address", email.unwrap_or_default(), EMAIL_CHARS_MAX)
}
