//! Devices: machines that are registered for a user. Each has an app password of its own, by which a login is known as the
//! device's, and ends with it.

mod sql;

use super::app_password::{self, Credential};
use super::name::DirectoryName;
use super::user::User;
use super::{Administrator, DirectoryError, name, office_url};
use crate::clock::Moment;
use crate::db::{DbError, Reads, WriteTx};
use crate::ids::{DeviceId, UserId};

/// A registered machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Permanent; those registered later have greater ones.
    pub id: DeviceId,
    /// Whose it is.
    pub user: UserId,
    /// Its name, unique for its user.
    pub name: String,
    /// When it was registered.
    pub created: Moment,
}

/// Registers a device, with the credential that it logs in by.
///
/// Errors: [`DirectoryError::DeviceTaken`]; [`DirectoryError::LabelTaken`] when another app password is called so;
/// [`DirectoryError::OutOfReach`].
pub async fn add(
    tx: &mut WriteTx,
    by: &Administrator,
    user: &User,
    name: &DirectoryName,
    credential: &Credential,
    now: Moment,
) -> Result<DeviceId, DirectoryError> {
    by.confirm_user_or_self(tx, user).await?;
    tx.touch_directory();
    let Some(id) = sql::insert(tx.conn(), user.id, name.as_str(), &name.key(), now).await? else {
        return Err(DirectoryError::DeviceTaken { user: user.name.clone(), device: name.as_str().to_owned() });
    };
    app_password::add(tx, by, user, (name.as_str(), Some(id)), credential, now).await?;
    Ok(id)
}

/// The devices of a user, by name.
pub async fn list(reads: &mut impl Reads, user: UserId) -> Result<Vec<Device>, DbError> {
    sql::list(reads.conn(), user).await
}

/// The device of that name, in any letter case. Errors: [`DirectoryError::NoSuchDevice`].
pub async fn named(reads: &mut impl Reads, user: &User, name: &str) -> Result<Device, DirectoryError> {
    let found = match name::key(name) {
        Some(key) => sql::by_key(reads.conn(), user.id, &key).await?,
        None => None,
    };
    let device = || name.escape_debug().to_string();
    found.ok_or_else(|| DirectoryError::NoSuchDevice { user: user.name.clone(), device: device() })
}

/// The device of that id.
pub async fn by_id(reads: &mut impl Reads, id: DeviceId) -> Result<Option<Device>, DbError> {
    sql::by_id(reads.conn(), id).await
}

/// Ends a device with its app password and its Office URLs; holds from the next request on. Rules that name it stay for one of that name.
///
/// Errors: [`DirectoryError::NoSuchDevice`], [`DirectoryError::OutOfReach`].
pub async fn remove(
    tx: &mut WriteTx,
    by: &Administrator,
    user: &User,
    name: &str,
    now: Moment,
) -> Result<(), DirectoryError> {
    by.confirm_user_or_self(tx, user).await?;
    let device = named(tx, user, name).await?;
    tx.touch_directory();
    office_url::end_of_device(tx, device.id, now).await?;
    Ok(sql::delete(tx.conn(), device.id).await?)
}
