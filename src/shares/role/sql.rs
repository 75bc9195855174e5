//! The statements of added roles.

use commonhold_acl::{Permissions, Role};

use super::SiteRole;
use crate::clock::Moment;
use crate::db::{Conn, DbError, Row, query, query_scalar};

type Result<T> = std::result::Result<T, DbError>;

fn role(row: &Row) -> Result<SiteRole> {
    let permissions = u32::try_from(row.try_get::<i64>(2)?).unwrap_or_default();
    Ok(SiteRole {
        role: Role::new(row.try_get::<String>(0)?, Permissions::from_bits(permissions)),
        description: row.try_get(1)?,
        added: Some(Moment(row.try_get(3)?)),
    })
}

pub(super) async fn roles(conn: &mut Conn) -> Result<Vec<SiteRole>> {
    let rows = query("select name, description, permissions, created_at from role order by name");
    rows.fetch_all(conn).await?.iter().map(role).collect()
}

pub(super) async fn count(conn: &mut Conn) -> Result<i64> {
    query_scalar("select count(*) from role").fetch_one(conn).await
}

/// Whether the name was free.
pub(super) async fn insert(conn: &mut Conn, new: &Role, description: &str, now: Moment) -> Result<bool> {
    let insert = query(
        "insert into role (name, description, permissions, created_at) values (?, ?, ?, ?) on conflict (name) do nothing",
    );
    let insert = insert.bind(new.name.as_ref()).bind(description).bind(i64::from(new.permissions.bits()));
    Ok(insert.bind(now.0).execute(conn).await?.rows_affected() == 1)
}

pub(super) async fn update(conn: &mut Conn, role: &Role, description: &str) -> Result<()> {
    let update = query("update role set permissions = ?, description = ? where name = ?");
    let update = update.bind(i64::from(role.permissions.bits())).bind(description).bind(role.name.as_ref());
    update.execute(conn).await?;
    Ok(())
}

pub(super) async fn delete(conn: &mut Conn, name: &str) -> Result<()> {
    query("delete from role where name = ?").bind(name).execute(conn).await?;
    Ok(())
}

/// How many subscriptions name the role.
pub(super) async fn subscriptions(conn: &mut Conn, name: &str) -> Result<i64> {
    query_scalar("select count(*) from subscription where role = ?").bind(name).fetch_one(conn).await
}

/// How many entries on folders and files name the role. The table is another room's, which knows this one.
pub(super) async fn grants(conn: &mut Conn, name: &str) -> Result<i64> {
    query_scalar("select count(*) from access_grant where form = 0 and value = ?").bind(name).fetch_one(conn).await
}

/// The ids of the shares that somebody has with this role, by id.
pub(super) async fn shares(conn: &mut Conn, name: &str) -> Result<Vec<i64>> {
    query_scalar("select distinct share_id from subscription where role = ? order by share_id")
        .bind(name)
        .fetch_all(conn)
        .await
}
