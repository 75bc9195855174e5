//! The roles of a site: the seven built-in ones, and those that an administrator added.
//!
//! A role is a name for a set of permissions, and everything that is given by a role follows the role when it changes. The
//! built-in ones are the law's own and never change. Not here: what a permission allows (`acl`).

mod sql;

use commonhold_acl::{self as acl, Permission, Permissions, Role};

use super::{ShareError, by_id, subscription};
use crate::clock::Moment;
use crate::db::{DbError, Reads, WriteTx};
use crate::directory::{Administrator, plain_text};
use crate::ids::ShareId;

/// Bytes in a name.
const NAME_BYTES_MAX: usize = 40;
/// Characters in a description.
const DESCRIPTION_CHARS_MAX: usize = 200;
/// Roles that may be added to a site: they are all read together.
pub const ADDED_MAX: usize = 200;

/// A role as the site has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteRole {
    /// Its name and what it allows.
    pub role: Role,
    /// For people; may be empty.
    pub description: String,
    /// When it was added; `None` for a built-in one.
    pub added: Option<Moment>,
}

/// The roles of a site, to look names up in.
#[derive(Debug, Clone, Default)]
pub struct Roles {
    added: Vec<SiteRole>,
}

impl Roles {
    /// Reads them.
    pub async fn load(reads: &mut impl Reads) -> Result<Self, DbError> {
        Ok(Self { added: sql::roles(reads.conn()).await? })
    }

    /// Reads them if any of the names is not that of a built-in role; mostly none is, and nothing is read.
    pub async fn for_names<'a>(
        reads: &mut impl Reads,
        mut names: impl Iterator<Item = &'a str>,
    ) -> Result<Self, DbError> {
        if names.any(|name| acl::builtin(name).is_none()) { Self::load(reads).await } else { Ok(Self::default()) }
    }

    /// The role of that exact name.
    pub fn get(&self, name: &str) -> Option<&Role> {
        let added = || self.added.iter().map(|added| &added.role).find(|role| role.name == name);
        acl::builtin(name).or_else(added)
    }

    /// The role of that name; one that the site doesn't know any more allows nothing.
    pub fn get_or_empty(&self, name: &str) -> Role {
        self.get(name).cloned().unwrap_or_else(|| Role::new(name.to_owned(), Permissions::NONE))
    }

    /// All of them, the built-in ones first, then by name.
    pub fn iter(&self) -> impl Iterator<Item = SiteRole> {
        let built_in = acl::roles().iter().map(|role| SiteRole {
            role: role.clone(),
            description: acl::about(&role.name).unwrap_or_default().to_owned(),
            added: None,
        });
        built_in.chain(self.added.iter().cloned())
    }
}

/// The role of that exact name. Errors: [`ShareError::NoSuchRole`].
pub async fn named(reads: &mut impl Reads, name: &str) -> Result<Role, ShareError> {
    let roles = Roles::for_names(reads, [name].into_iter()).await?;
    match roles.get(name) {
        Some(role) => Ok(role.clone()),
        None => Err(none_of(&roles, name)),
    }
}

fn none_of(roles: &Roles, name: &str) -> ShareError {
    let all: Vec<_> = roles.iter().map(|known| known.role.name).collect();
    ShareError::NoSuchRole { role: name.escape_debug().to_string(), roles: all.join(", ") }
}

/// What is given by a role.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Uses {
    /// Subscriptions with it.
    pub subscriptions: u64,
    /// Entries on folders and files, giving or refusing.
    pub grants: u64,
}

/// What is given by the role of that name.
pub async fn uses(reads: &mut impl Reads, name: &str) -> Result<Uses, DbError> {
    let subscriptions = sql::subscriptions(reads.conn(), name).await?.unsigned_abs();
    Ok(Uses { subscriptions, grants: sql::grants(reads.conn(), name).await?.unsigned_abs() })
}

/// Adds a role; roles are the whole site's.
///
/// Errors: [`ShareError::Directory`] beyond one's reach, [`ShareError::BadRoleName`], [`ShareError::RoleTaken`], [`ShareError::EmptyRole`], [`ShareError::TooManyRoles`];
/// [`ShareError::Directory`] for a bad description too.
pub async fn add(
    tx: &mut WriteTx,
    by: &Administrator,
    role: &Role,
    description: &str,
    now: Moment,
) -> Result<(), ShareError> {
    by.confirm_site()?;
    confirm(role, description)?;
    if acl::builtin(&role.name).is_some() {
        return Err(ShareError::RoleTaken(role.name.to_string()));
    }
    if sql::count(tx.conn()).await? >= ADDED_MAX as i64 {
        return Err(ShareError::TooManyRoles);
    }
    tx.touch_directory();
    let free = sql::insert(tx.conn(), role, description, now).await?;
    if free { Ok(()) } else { Err(ShareError::RoleTaken(role.name.to_string())) }
}

/// Changes what an added role allows, for everybody who has it, and its description.
///
/// Errors: [`ShareError::NoSuchRole`], [`ShareError::BuiltInRole`], [`ShareError::EmptyRole`], [`ShareError::Directory`],
/// [`ShareError::LastCoOwner`] if that would leave a share without anybody who may manage it.
pub async fn set(
    tx: &mut WriteTx,
    by: &Administrator,
    name: &str,
    permissions: Option<Permissions>,
    description: Option<&str>,
) -> Result<(), ShareError> {
    by.confirm_site()?;
    let before = added(tx, name).await?;
    let role = Role::new(name.to_owned(), permissions.unwrap_or(before.role.permissions));
    let description = description.unwrap_or(&before.description);
    confirm(&role, description)?;
    tx.touch_directory();
    sql::update(tx.conn(), &role, description).await?;
    if before.role.permissions.contains(Permission::Owner) && !role.permissions.contains(Permission::Owner) {
        for share in sql::shares(tx.conn(), name).await?.into_iter().map(ShareId) {
            if !subscription::is_owned(tx, share).await? {
                let share = by_id(tx, share).await?.map(|share| share.name).unwrap_or_default();
                return Err(ShareError::LastCoOwner(share));
            }
        }
    }
    Ok(())
}

/// Removes an added role that nothing is given by.
///
/// Errors: [`ShareError::NoSuchRole`], [`ShareError::BuiltInRole`], [`ShareError::RoleInUse`].
pub async fn remove(tx: &mut WriteTx, by: &Administrator, name: &str) -> Result<(), ShareError> {
    by.confirm_site()?;
    added(tx, name).await?;
    let uses = uses(tx, name).await?;
    if uses != Uses::default() {
        return Err(ShareError::RoleInUse { role: name.to_owned(), uses });
    }
    tx.touch_directory();
    Ok(sql::delete(tx.conn(), name).await?)
}

/// Errors: [`ShareError::NoSuchRole`], [`ShareError::BuiltInRole`].
async fn added(reads: &mut impl Reads, name: &str) -> Result<SiteRole, ShareError> {
    if acl::builtin(name).is_some() {
        return Err(ShareError::BuiltInRole(name.to_owned()));
    }
    let roles = Roles::load(reads).await?;
    let found = roles.added.iter().find(|added| added.role.name == name);
    found.cloned().ok_or_else(|| none_of(&roles, name))
}

fn confirm(role: &Role, description: &str) -> Result<(), ShareError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let name = role.name.as_ref();
    let well_formed = name.len() <= NAME_BYTES_MAX
        && name.bytes().all(plain)
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.ends_with('-');
    if !well_formed {
        return Err(ShareError::BadRoleName(name.escape_debug().to_string()));
    }
    if role.permissions.is_empty() {
        return Err(ShareError::EmptyRole);
    }
    plain_text("description", description, DESCRIPTION_CHARS_MAX)?;
    Ok(())
}

#[cfg(test)]
mod tests;
