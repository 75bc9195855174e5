//! The statements of Office URLs.

use super::{OfficeUrl, Purpose};
use crate::clock::Moment;
use crate::db::{Conn, DbError, Row, query, query_scalar};
use crate::directory::sql::{select_user, user};
use crate::ids::{DeviceId, NodeId, ShareId, UserId};

type Result<T> = std::result::Result<T, DbError>;

/// The columns that [`url`] reads, behind those of its user.
macro_rules! select {
    ($rest:literal) => {
        select_user!(
            ", o.id, o.device_id, d.name, o.share_id, o.folder_id, o.file_id, o.reading, o.created_at, o.expires_at",
            "join office_url o on o.user_id = user.id left join device d on d.id = o.device_id ",
            $rest
        )
    };
}

fn url(row: &Row) -> Result<OfficeUrl> {
    let device = row.try_get::<Option<i64>>(14)?.map(DeviceId).zip(row.try_get(15)?);
    let purpose = Purpose {
        share: ShareId(row.try_get(16)?),
        folder: NodeId(row.try_get(17)?),
        file: NodeId(row.try_get(18)?),
        reading: row.try_get(19)?,
    };
    let (created, expires) = (Moment(row.try_get(20)?), Moment(row.try_get(21)?));
    Ok(OfficeUrl { id: row.try_get(13)?, user: user(row)?, device, purpose, created, expires })
}

pub(super) async fn insert(
    conn: &mut Conn,
    token: [u8; 32],
    (user, device): (UserId, Option<DeviceId>),
    purpose: Purpose,
    (now, expires): (Moment, Moment),
) -> Result<i64> {
    let insert = query_scalar(
        "insert into office_url (token, user_id, device_id, share_id, folder_id, file_id, reading, created_at, expires_at)
         values (?, ?, ?, ?, ?, ?, ?, ?, ?) returning id",
    );
    let insert = insert.bind(token.as_slice()).bind(user.0).bind(device.map(|device| device.0));
    let insert = insert.bind(purpose.share.0).bind(purpose.folder.0).bind(purpose.file.0).bind(purpose.reading);
    insert.bind(now.0).bind(expires.0).fetch_one(conn).await
}

/// Removes those that ended before.
pub(super) async fn forget(conn: &mut Conn, before: Moment) -> Result<()> {
    query("delete from office_url where expires_at < ?").bind(before.0).execute(conn).await?;
    Ok(())
}

/// Those of a user that are good.
pub(super) async fn count(conn: &mut Conn, user: UserId, now: Moment) -> Result<i64> {
    let count = query_scalar("select count(*) from office_url where user_id = ? and expires_at > ?");
    count.bind(user.0).bind(now.0).fetch_one(conn).await
}

pub(super) async fn by_token(conn: &mut Conn, token: [u8; 32]) -> Result<Option<OfficeUrl>> {
    let row = query(select!("where o.token = ?")).bind(token.as_slice());
    row.fetch_optional(conn).await?.as_ref().map(url).transpose()
}

pub(super) async fn by_id(conn: &mut Conn, id: i64) -> Result<Option<OfficeUrl>> {
    let row = query(select!("where o.id = ?")).bind(id);
    row.fetch_optional(conn).await?.as_ref().map(url).transpose()
}

pub(super) async fn list(conn: &mut Conn, of: Option<UserId>, now: Moment) -> Result<Vec<OfficeUrl>> {
    let rows = match of {
        Some(of) => {
            query(select!("where o.expires_at > ? and o.user_id = ? order by o.id desc")).bind(now.0).bind(of.0)
        }
        None => query(select!("where o.expires_at > ? order by o.id desc")).bind(now.0),
    };
    rows.fetch_all(conn).await?.iter().map(url).collect()
}

/// Those that are good end now; those that ended before ended then.
pub(super) async fn end_of_device(conn: &mut Conn, device: DeviceId, now: Moment) -> Result<()> {
    let end = query(
        "update office_url set device_id = null, expires_at = case when expires_at < ?1 then expires_at else ?1 end where device_id = ?2",
    );
    end.bind(now.0).bind(device.0).execute(conn).await?;
    Ok(())
}

pub(super) async fn end(conn: &mut Conn, id: i64, now: Moment) -> Result<()> {
    query("update office_url set expires_at = ? where id = ?").bind(now.0).bind(id).execute(conn).await?;
    Ok(())
}
