//! The statements of organizations.

use super::{NewOrganization, Organization};
use crate::clock::Moment;
use crate::db::{Conn, DbError, Row, query, query_scalar};
use crate::ids::OrgId;
use crate::path::NameKey;

type Result<T> = std::result::Result<T, DbError>;

/// A `select` of the columns that [`organization`] reads, with what follows.
macro_rules! select_organization {
    ($rest:literal) => {
        concat!(
            "select id, parent_id, name, active, open, quota_bytes, users_max, created_at from organization ",
            $rest
        )
    };
}

fn organization(row: &Row) -> Result<Organization> {
    Ok(Organization {
        id: OrgId(row.try_get(0)?),
        parent: row.try_get::<Option<i64>>(1)?.map(OrgId),
        name: row.try_get(2)?,
        active: row.try_get(3)?,
        open: row.try_get(4)?,
        quota_bytes: row.try_get::<Option<i64>>(5)?.map(i64::unsigned_abs),
        users_max: row.try_get::<Option<i64>>(6)?.map(i64::unsigned_abs),
        created: Moment(row.try_get(7)?),
    })
}

/// None: the name is taken.
pub(super) async fn insert(
    conn: &mut Conn,
    new: &NewOrganization<'_>,
    key: &NameKey,
    (quota, users_max): (Option<i64>, Option<i64>),
    now: Moment,
) -> Result<Option<OrgId>> {
    let id = query_scalar(
        "insert into organization (name, name_key, parent_id, open, quota_bytes, users_max, created_at)
         values (?, ?, ?, ?, ?, ?, ?) on conflict (name_key) do nothing returning id",
    );
    let id = id.bind(new.name.as_str()).bind(key.as_str()).bind(new.parent.map(|parent| parent.id.0));
    let id = id.bind(new.parent.is_none_or(|parent| parent.open)).bind(quota).bind(users_max).bind(now.0);
    Ok(id.fetch_optional(conn).await?.map(OrgId))
}

pub(super) async fn first(conn: &mut Conn) -> Result<Option<Organization>> {
    let row = query(select_organization!("order by id limit 1"));
    row.fetch_optional(conn).await?.as_ref().map(organization).transpose()
}

pub(super) async fn by_id(conn: &mut Conn, id: OrgId) -> Result<Option<Organization>> {
    let row = query(select_organization!("where id = ?")).bind(id.0);
    row.fetch_optional(conn).await?.as_ref().map(organization).transpose()
}

pub(super) async fn by_key(conn: &mut Conn, key: &NameKey) -> Result<Option<Organization>> {
    let row = query(select_organization!("where name_key = ?")).bind(key.as_str());
    row.fetch_optional(conn).await?.as_ref().map(organization).transpose()
}

pub(super) async fn list(conn: &mut Conn) -> Result<Vec<Organization>> {
    let rows = query(select_organization!("order by name_key")).fetch_all(conn).await?;
    rows.iter().map(organization).collect()
}

/// How many organizations there are from this one to the top, itself included.
pub(super) async fn depth(conn: &mut Conn, org: OrgId) -> Result<i64> {
    let depth = query_scalar(
        "with recursive up (id) as (
             select cast(?1 as bigint)
             union all
             select organization.parent_id
             from up join organization on organization.id = up.id where organization.parent_id is not null
         )
         select count(*) from up",
    );
    depth.bind(org.0).fetch_one(conn).await
}

/// Bytes of its shares and of those below it; its own enabled users, guests not counted.
pub(super) async fn used(conn: &mut Conn, org: OrgId) -> Result<(i64, i64)> {
    let row = query(
        "with recursive down (id) as (
             select cast(?1 as bigint)
             union all
             select organization.id from down join organization on organization.parent_id = down.id
         )
         select (select cast(coalesce(sum(used_bytes), 0) as bigint) from share where org_id in (select id from down)),
                (select count(*) from user where org_id = ?1 and enabled = 1 and removed = 0 and guest = 0)",
    );
    let row = row.bind(org.0).fetch_one(conn).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

pub(super) async fn rename(conn: &mut Conn, org: OrgId, name: &str, key: &NameKey) -> Result<()> {
    let set = query("update organization set name = ?, name_key = ? where id = ?");
    set.bind(name).bind(key.as_str()).bind(org.0).execute(conn).await?;
    Ok(())
}

pub(super) async fn set_quota(conn: &mut Conn, org: OrgId, quota: Option<i64>) -> Result<()> {
    query("update organization set quota_bytes = ? where id = ?").bind(quota).bind(org.0).execute(conn).await?;
    Ok(())
}

pub(super) async fn set_users_max(conn: &mut Conn, org: OrgId, users_max: Option<i64>) -> Result<()> {
    query("update organization set users_max = ? where id = ?").bind(users_max).bind(org.0).execute(conn).await?;
    Ok(())
}

pub(super) async fn set_active(conn: &mut Conn, org: OrgId, active: bool) -> Result<()> {
    query("update organization set active = ? where id = ?").bind(active).bind(org.0).execute(conn).await?;
    Ok(())
}

/// Says anew of every organization whether it is open: active, and everything above it too.
pub(super) async fn spread_open(conn: &mut Conn) -> Result<()> {
    let spread = query(
        "with recursive tree (id, open) as (
             select id, active from organization where parent_id is null
             union all
             select organization.id, case when tree.open = 1 then organization.active else 0 end
             from tree join organization on organization.parent_id = tree.id
         )
         update organization set open = (select tree.open from tree where tree.id = organization.id)",
    );
    spread.execute(conn).await?;
    Ok(())
}
