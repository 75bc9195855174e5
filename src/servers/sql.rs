//! The statements of the list of servers.

use super::Server;
use crate::clock::Moment;
use crate::db::{Conn, DbError, Row, query, query_scalar};

type Result<T> = std::result::Result<T, DbError>;

/// Writes or renews a server's row.
pub(super) async fn keep(conn: &mut Conn, server: &Server) -> Result<()> {
    query(
        "insert into server (name, version, migration, address, started_at, seen_at) values (?, ?, ?, ?, ?, ?)
         on conflict (name) do update set version = excluded.version, migration = excluded.migration, address = excluded.address,
                                          started_at = excluded.started_at, seen_at = excluded.seen_at",
    )
    .bind(server.name.as_str())
    .bind(server.version.as_str())
    .bind(server.migration)
    .bind(server.address.as_str())
    .bind(server.started.0)
    .bind(server.seen.0)
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn remove(conn: &mut Conn, name: &str) -> Result<()> {
    query("delete from server where name = ?").bind(name).execute(conn).await?;
    Ok(())
}

/// Removes the rows of those that have not been seen since.
pub(super) async fn forget(conn: &mut Conn, since: Moment) -> Result<()> {
    query("delete from server where seen_at < ?").bind(since.0).execute(conn).await?;
    Ok(())
}

pub(super) async fn all(conn: &mut Conn) -> Result<Vec<Server>> {
    let rows = query("select name, version, migration, address, started_at, seen_at from server order by name");
    rows.fetch_all(conn).await?.iter().map(server).collect()
}

fn server(row: &Row) -> Result<Server> {
    Ok(Server {
        name: row.try_get(0)?,
        version: row.try_get(1)?,
        migration: row.try_get(2)?,
        address: row.try_get(3)?,
        started: Moment(row.try_get(4)?),
        seen: Moment(row.try_get(5)?),
    })
}

/// The newest change of the schema that the database has seen; only one on a server is asked.
pub(super) async fn migration(conn: &mut Conn) -> Result<i64> {
    query_scalar("select max(version) from _sqlx_migrations").fetch_one(conn).await
}
