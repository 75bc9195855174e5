//! Organizations: the tenants of a site. Users, groups and shares belong to one.

use super::{Administrator, DirectoryError, DirectoryName, sql};
use crate::clock::Moment;
use crate::db::{DbError, Reads, WriteTx};
use crate::ids::OrgId;

/// An organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Permanent.
    pub id: OrgId,
    /// As it was given.
    pub name: String,
    /// Nobody of an inactive organization gets in.
    pub active: bool,
    /// When it was made.
    pub created: Moment,
}

/// Makes an organization with its two built-in groups. Errors: [`DirectoryError::NameTaken`].
pub async fn create(
    tx: &mut WriteTx,
    _by: &Administrator,
    name: &DirectoryName,
    now: Moment,
) -> Result<OrgId, DirectoryError> {
    tx.touch_directory();
    let made = sql::insert_organization(tx.conn(), name.as_str(), &name.key(), now).await?;
    let id = made.ok_or_else(|| DirectoryError::NameTaken(name.as_str().to_owned()))?;
    sql::insert_builtin_groups(tx.conn(), id, None, now).await?;
    Ok(id)
}

/// The site's first organization, the one made with it. Errors: [`DirectoryError::NoOrganization`].
pub async fn first(reads: &mut impl Reads) -> Result<Organization, DirectoryError> {
    sql::first_organization(reads.conn()).await?.ok_or(DirectoryError::NoOrganization)
}

/// One organization.
pub async fn by_id(reads: &mut impl Reads, id: OrgId) -> Result<Option<Organization>, DbError> {
    sql::organization_by_id(reads.conn(), id).await
}
