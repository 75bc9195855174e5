//! The statements of devices.

use super::Device;
use crate::clock::Moment;
use crate::db::{Conn, DbError, Row, query, query_scalar};
use crate::ids::{DeviceId, UserId};
use crate::path::NameKey;

type Result<T> = std::result::Result<T, DbError>;

fn device(row: &Row) -> Result<Device> {
    Ok(Device {
        id: DeviceId(row.try_get(0)?),
        user: UserId(row.try_get(1)?),
        name: row.try_get(2)?,
        created: Moment(row.try_get(3)?),
    })
}

/// None: the user has one of that name.
pub(super) async fn insert(
    conn: &mut Conn,
    user: UserId,
    name: &str,
    key: &NameKey,
    now: Moment,
) -> Result<Option<DeviceId>> {
    let id = query_scalar(
        "insert into device (user_id, name, name_key, created_at) values (?, ?, ?, ?)
         on conflict (user_id, name_key) do nothing returning id",
    );
    let id = id.bind(user.0).bind(name).bind(key.as_str()).bind(now.0);
    Ok(id.fetch_optional(conn).await?.map(DeviceId))
}

pub(super) async fn list(conn: &mut Conn, user: UserId) -> Result<Vec<Device>> {
    let rows = query("select id, user_id, name, created_at from device where user_id = ? order by name_key");
    rows.bind(user.0).fetch_all(conn).await?.iter().map(device).collect()
}

pub(super) async fn by_key(conn: &mut Conn, user: UserId, key: &NameKey) -> Result<Option<Device>> {
    let row = query("select id, user_id, name, created_at from device where user_id = ? and name_key = ?");
    row.bind(user.0).bind(key.as_str()).fetch_optional(conn).await?.as_ref().map(device).transpose()
}

pub(super) async fn by_id(conn: &mut Conn, id: DeviceId) -> Result<Option<Device>> {
    let row = query("select id, user_id, name, created_at from device where id = ?").bind(id.0);
    row.fetch_optional(conn).await?.as_ref().map(device).transpose()
}

pub(super) async fn delete(conn: &mut Conn, id: DeviceId) -> Result<()> {
    query("delete from device where id = ?").bind(id.0).execute(conn).await?;
    Ok(())
}
