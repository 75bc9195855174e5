//! The statements of the counters that all servers share. `about` is a hash that says of what kind the row is and whom it concerns.

use crate::clock::Moment;
use crate::db::{Conn, DbError, Sql, query, query_scalar};

type Result<T> = std::result::Result<T, DbError>;

/// Adds one charge to a counter, and gives what it is then.
pub(super) async fn charge(conn: &mut Conn, about: &[u8], now: Moment, refill_ms: i64) -> Result<Moment> {
    let charged = query_scalar(
        "insert into guess (about, tat) values (?1, ?2)
         on conflict (about) do update set tat = case when guess.tat > ?3 then guess.tat else ?3 end + ?4
         returning tat",
    );
    let charged = charged.bind(about).bind(now.0.saturating_add(refill_ms)).bind(now.0).bind(refill_ms);
    Ok(Moment(charged.fetch_one(conn).await?))
}

/// Takes one charge back.
pub(super) async fn take_back(conn: &mut Conn, about: &[u8], refill_ms: i64) -> Result<()> {
    query("update guess set tat = tat - ? where about = ?").bind(refill_ms).bind(about).execute(conn).await?;
    Ok(())
}

/// Whether there is such a row that isn't over.
pub(super) async fn is_there(conn: &mut Conn, about: &[u8], now: Moment) -> Result<bool> {
    let found: Option<i64> = query_scalar("select 1 from guess where about = ? and tat > ?")
        .bind(about)
        .bind(now.0)
        .fetch_optional(conn)
        .await?;
    Ok(found.is_some())
}

/// Keeps a row until then.
pub(super) async fn keep(conn: &mut Conn, about: &[u8], until: Moment) -> Result<()> {
    query("insert into guess (about, tat) values (?, ?) on conflict (about) do update set tat = excluded.tat")
        .bind(about)
        .bind(until.0)
        .execute(conn)
        .await?;
    Ok(())
}

/// Removes what says nothing any more.
pub(super) async fn forget(conn: &mut Conn, now: Moment) -> Result<u64> {
    // Those that somebody holds are left for the next time: so this one never waits, and nobody waits for each other.
    let forget = Sql::two(
        "delete from guess where tat < ?",
        "delete from guess where about in (select about from guess where tat < ? for update skip locked)",
    );
    Ok(query(forget).bind(now.0).execute(conn).await?.rows_affected())
}
