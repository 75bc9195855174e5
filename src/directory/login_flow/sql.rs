//! The statements of clients that wait for a login.

use crate::clock::Moment;
use crate::db::{Conn, DbError, query, query_scalar};
use crate::ids::UserId;

type Result<T> = std::result::Result<T, DbError>;

/// Removes those whose time is over, and the oldest of so many that one more would be too many.
pub(super) async fn make_room(conn: &mut Conn, now: Moment, max: i64) -> Result<()> {
    query("delete from login_flow where expires_at <= ?").bind(now.0).execute(&mut *conn).await?;
    query(
        "delete from login_flow
         where page in (select page from login_flow order by expires_at desc, page limit 1000000 offset ?)",
    )
    .bind(max - 1)
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn insert(
    conn: &mut Conn,
    (page, poll): ([u8; 32], [u8; 32]),
    agent: &str,
    expires: Moment,
) -> Result<()> {
    query("insert into login_flow (page, poll, agent, expires_at) values (?, ?, ?, ?)")
        .bind(page.as_slice())
        .bind(poll.as_slice())
        .bind(agent)
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

pub(super) async fn end(conn: &mut Conn, poll: [u8; 32]) -> Result<()> {
    query("delete from login_flow where poll = ?").bind(poll.as_slice()).execute(conn).await?;
    Ok(())
}
