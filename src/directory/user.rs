//! Users, full and guests: who they are and whether they may come in.

use super::{Administrator, DirectoryError, DirectoryName, name, plain_text, sql};
use crate::clock::Moment;
use crate::db::{DbError, Reads, WriteTx};
use crate::ids::{OrgId, UserId};
use crate::path::NameKey;
use crate::shares::home;

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
    /// Grows with every change of the password, so that a proof of the old one is worth nothing.
    pub generation: i64,
    /// When the user was added.
    pub created: Moment,
}

impl User {
    /// Whether a right password lets this user in.
    pub fn may_log_in(&self) -> bool {
        self.enabled && self.org_active
    }
}

/// What a new user is made of.
#[derive(Debug)]
pub struct NewUser<'a> {
    /// The organization the user will belong to.
    pub org: OrgId,
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

/// Adds a user, enabled, with an empty home unless a guest. Errors: [`DirectoryError::NameTaken`], [`DirectoryError::BadName`].
pub async fn create(
    tx: &mut WriteTx,
    _by: &Administrator,
    new: &NewUser<'_>,
    now: Moment,
) -> Result<UserId, DirectoryError> {
    check_profile(Some(new.display), Some(new.email))?;
    tx.touch_directory();
    let made = sql::insert_user(tx.conn(), new, &new.name.key(), now).await?;
    let id = made.ok_or_else(|| DirectoryError::NameTaken(new.name.as_str().to_owned()))?;
    if !new.guest {
        home::create(tx, new.org, id, new.name.as_str(), now).await?;
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

/// All users, by name.
pub async fn list(reads: &mut impl Reads) -> Result<Vec<User>, DbError> {
    sql::users(reads.conn()).await
}

/// Lets a user log in, or no longer; holds from the next request on.
pub async fn set_enabled(
    tx: &mut WriteTx,
    _by: &Administrator,
    user: UserId,
    enabled: bool,
) -> Result<(), DirectoryError> {
    tx.touch_directory();
    Ok(sql::set_enabled(tx.conn(), user, enabled).await?)
}

/// Replaces the password by its argon2id PHC string; app passwords stay as they are.
pub async fn set_password(
    tx: &mut WriteTx,
    _by: &Administrator,
    user: UserId,
    password_hash: &str,
) -> Result<(), DirectoryError> {
    tx.touch_directory();
    Ok(sql::set_password(tx.conn(), user, password_hash).await?)
}

/// Changes what is given of the full name and the address. Errors: [`DirectoryError::BadName`].
pub async fn set_profile(
    tx: &mut WriteTx,
    _by: &Administrator,
    user: UserId,
    display: Option<&str>,
    email: Option<&str>,
) -> Result<(), DirectoryError> {
    check_profile(display, email)?;
    tx.touch_directory();
    Ok(sql::set_profile(tx.conn(), user, display, email).await?)
}

fn check_profile(display: Option<&str>, email: Option<&str>) -> Result<(), DirectoryError> {
    plain_text("display name", display.unwrap_or_default(), DISPLAY_CHARS_MAX)?;
    plain_text("address", email.unwrap_or_default(), EMAIL_CHARS_MAX)
}
