//! The statements of clients that wait for a login.

use crate::clock::Moment;
use crate::db::{Conn, DbError, query, query_scalar};
use crate::directory::DirectoryName;
use crate::ids::UserId;

type Result<T> = std::result::Result<T, DbError>;

/// Removes those whose time is over, and the oldest of so many at one address that one more would be too many.
pub(super) async fn make_room(conn: &mut Conn, address: &str, now: Moment, max: i64) -> Result<()> {
    query("delete from login_flow where expires_at <= ?").bind(now.0).execute(&mut *conn).await?;
    query(
        "delete from login_flow
         where page in (select page from login_flow where address = ? order by expires_at desc, page limit 1000000 offset ?)",
    )
    .bind(address)
    .bind(max - 1)
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn count(conn: &mut Conn) -> Result<i64> {
    query_scalar("select count(*) from login_flow").fetch_one(conn).await
}

pub(super) async fn insert(
    conn: &mut Conn,
    (page, poll): ([u8; 32], [u8; 32]),
    (agent, address): (&str, &str),
    expires: Moment,
) -> Result<()> {
    query("insert into login_flow (page, poll, agent, address, expires_at) values (?, ?, ?, ?, ?)")
        .bind(page.as_slice())
        .bind(poll.as_slice())
        .bind(agent)
        .bind(address)
        .bind(expires.0)
        .execute(conn)
        .await?;
    Ok(())
}

pub(super) async fn waiting(conn: &mut Conn, page: [u8; 32], now: Moment) -> Result<Option<String>> {
    query_scalar("select agent from login_flow where page = ? and expires_at > ? and user_id is null")
        .bind(page.as_slice())
        .bind(now.0)
        .fetch_optional(conn)
        .await
}

/// Whether a client waits.
pub(super) async fn grant(conn: &mut Conn, page: [u8; 32], user: UserId, now: Moment) -> Result<bool> {
    let grant = query("update login_flow set user_id = ? where page = ? and expires_at > ? and user_id is null");
    let done = grant.bind(user.0).bind(page.as_slice()).bind(now.0).execute(conn).await?;
    Ok(done.rows_affected() == 1)
}

/// Who has logged in for the client that asks by this token, and what it calls itself.
pub(super) async fn granted(conn: &mut Conn, poll: [u8; 32], now: Moment) -> Result<Option<(UserId, String)>> {
    let row = query("select user_id, agent from login_flow where poll = ? and expires_at > ? and user_id is not null")
        .bind(poll.as_slice())
        .bind(now.0)
        .fetch_optional(conn)
        .await?;
    row.map(|row| Ok((UserId(row.try_get(0)?), row.try_get(1)?))).transpose()
}

/// Whether a device or an app password of the user has this name, or a rule about anybody's devices names it.
pub(super) async fn is_taken(conn: &mut Conn, user: UserId, name: &DirectoryName) -> Result<bool> {
    let found: i64 = query_scalar(
        "select (select count(*) from device where user_id = ?1 and name_key = ?2)
              + (select count(*) from app_password where user_id = ?1 and label = ?3)
              + (select count(*) from device_rule where name_key = ?2)",
    )
    .bind(user.0)
    .bind(name.key().as_str())
    .bind(name.as_str())
    .fetch_one(conn)
    .await?;
    Ok(found > 0)
}

pub(super) async fn end(conn: &mut Conn, poll: [u8; 32]) -> Result<()> {
    query("delete from login_flow where poll = ?").bind(poll.as_slice()).execute(conn).await?;
    Ok(())
}
