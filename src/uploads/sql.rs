//! The statements of uploads in pieces.

use super::announced::{Announced, Announcement};
use super::{Beside, Part};
use crate::clock::Moment;
use crate::db::{Conn, DbError, Row, query, query_scalar};
use crate::ids::{ContentId, UserId};

type Result<T> = std::result::Result<T, DbError>;

/// Those that no file has been made of.
pub(super) async fn count(conn: &mut Conn, user: UserId) -> Result<i64> {
    query_scalar(
        "select count(*) from upload left join upload_file on upload_file.upload_id = upload.id
         where upload.user_id = ? and coalesce(upload_file.made, 0) = 0",
    )
    .bind(user.0)
    .fetch_one(conn)
    .await
}

/// Whether the name was free.
pub(super) async fn insert(conn: &mut Conn, user: UserId, name: &str, expires: Moment) -> Result<bool> {
    let insert =
        query("insert into upload (user_id, name, expires_at) values (?, ?, ?) on conflict (user_id, name) do nothing");
    Ok(insert.bind(user.0).bind(name).bind(expires.0).execute(conn).await?.rows_affected() == 1)
}

pub(super) async fn find(conn: &mut Conn, user: UserId, name: &str, now: Moment) -> Result<Option<i64>> {
    query_scalar("select id from upload where user_id = ? and name = ? and expires_at > ?")
        .bind(user.0)
        .bind(name)
        .bind(now.0)
        .fetch_optional(conn)
        .await
}

pub(super) async fn count_parts_beside(conn: &mut Conn, (upload, name): (i64, &str)) -> Result<i64> {
    let count = query_scalar("select count(*) from upload_part where upload_id = ? and name <> ?");
    count.bind(upload).bind(name).fetch_one(conn).await
}

/// The bytes of all pieces but that of this name.
pub(super) async fn bytes_beside(conn: &mut Conn, user: UserId, (upload, name): (i64, &str)) -> Result<Beside> {
    let row = query(
        "select coalesce(cast(sum(case when upload.id = ?1 then upload_part.size else 0 end) as bigint), 0),
                coalesce(cast(sum(upload_part.size) as bigint), 0)
         from upload join upload_part on upload_part.upload_id = upload.id
         where upload.user_id = ?2 and not (upload.id = ?1 and upload_part.name = ?3)",
    )
    .bind(upload)
    .bind(user.0)
    .bind(name)
    .fetch_one(conn)
    .await?;
    let bytes = |column| Ok::<_, DbError>(row.try_get::<i64>(column)?.unsigned_abs());
    Ok(Beside { of_upload: bytes(0)?, of_person: bytes(1)? })
}

pub(super) async fn put_part(
    conn: &mut Conn,
    upload: i64,
    name: &str,
    (content, size): (ContentId, u64),
) -> Result<()> {
    query(
        "delete from upload_part where upload_id = ? and name = ?;
         insert into upload_part (upload_id, name, content_id, size) values (?, ?, ?, ?)",
    )
    .bind(upload)
    .bind(name)
    .bind(upload)
    .bind(name)
    .bind(content.0.as_bytes().as_slice())
    .bind(size.cast_signed())
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn prolong(conn: &mut Conn, upload: i64, expires: Moment) -> Result<()> {
    query("update upload set expires_at = ? where id = ?").bind(expires.0).bind(upload).execute(conn).await?;
    Ok(())
}

pub(super) async fn insert_announced(conn: &mut Conn, upload: i64, told: &Announcement) -> Result<()> {
    query("insert into upload_file (upload_id, size, path, terms, told, made) values (?, ?, ?, ?, ?, 0)")
        .bind(upload)
        .bind(told.size.cast_signed())
        .bind(&told.path)
        .bind(&told.terms)
        .bind(&told.told)
        .execute(conn)
        .await?;
    Ok(())
}

pub(super) async fn announced(conn: &mut Conn, user: UserId, name: &str, now: Moment) -> Result<Option<Announced>> {
    let row = query(
        "select upload_file.size, upload_file.path, upload_file.terms, upload_file.told, upload_file.made, upload.expires_at,
                upload.id,
                coalesce((select cast(sum(upload_part.size) as bigint) from upload_part
                          where upload_part.upload_id = upload.id), 0)
         from upload join upload_file on upload_file.upload_id = upload.id
         where upload.user_id = ? and upload.name = ? and upload.expires_at > ?",
    )
    .bind(user.0)
    .bind(name)
    .bind(now.0)
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let size = row.try_get::<i64>(0)?.unsigned_abs();
    let (path, terms, told) = (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
    let is_made = row.try_get::<i64>(4)? != 0;
    let came = row.try_get::<i64>(7)?.unsigned_abs();
    Ok(Some(Announced {
        row: row.try_get(6)?,
        announcement: Announcement { size, path, terms, told },
        offset: if is_made { size } else { came },
        is_made,
        expires: Moment(row.try_get(5)?),
    }))
}

/// Whether it was not made before.
pub(super) async fn mark_made(conn: &mut Conn, upload: i64) -> Result<bool> {
    let done = query("update upload_file set made = 1 where upload_id = ? and made = 0").bind(upload).execute(conn);
    Ok(done.await?.rows_affected() == 1)
}

pub(super) async fn delete_parts(conn: &mut Conn, upload: i64) -> Result<()> {
    query("delete from upload_part where upload_id = ?").bind(upload).execute(conn).await?;
    Ok(())
}

pub(super) async fn delete_unannounced(conn: &mut Conn, upload: i64) -> Result<()> {
    query("delete from upload where id = ?1 and not exists (select 1 from upload_file where upload_id = ?1)")
        .bind(upload)
        .execute(conn)
        .await?;
    Ok(())
}

pub(super) async fn parts(conn: &mut Conn, upload: i64) -> Result<Vec<Part>> {
    let rows = query("select name, content_id, size from upload_part where upload_id = ? order by name");
    let part = |row: &Row| {
        Ok(Part { name: row.try_get(0)?, content: row.try_get(1)?, size: row.try_get::<i64>(2)?.unsigned_abs() })
    };
    rows.bind(upload).fetch_all(conn).await?.iter().map(part).collect()
}

/// Whether there was one.
pub(super) async fn delete(conn: &mut Conn, user: UserId, name: &str) -> Result<bool> {
    query("delete from upload_part where upload_id in (select id from upload where user_id = ? and name = ?)")
        .bind(user.0)
        .bind(name)
        .execute(&mut *conn)
        .await?;
    let done = query("delete from upload where user_id = ? and name = ?").bind(user.0).bind(name).execute(conn).await?;
    Ok(done.rows_affected() == 1)
}

/// How many pieces of uploads that are over were removed.
pub(super) async fn sweep_parts(conn: &mut Conn, now: Moment, limit: i64) -> Result<u64> {
    let done = query(
        "delete from upload_part where (upload_id, name) in
             (select upload_part.upload_id, upload_part.name
              from upload join upload_part on upload_part.upload_id = upload.id
              where upload.expires_at <= ? limit ?)",
    );
    Ok(done.bind(now.0).bind(limit).execute(conn).await?.rows_affected())
}

/// How many were given up, of those whose pieces are gone.
pub(super) async fn sweep(conn: &mut Conn, now: Moment, limit: i64) -> Result<u64> {
    let done = query(
        "delete from upload where id in
             (select id from upload where expires_at <= ?
                 and not exists (select 1 from upload_part where upload_part.upload_id = upload.id)
              order by id limit ?)",
    );
    Ok(done.bind(now.0).bind(limit).execute(conn).await?.rows_affected())
}
