//! Statements about what is kept of certificates: rows of the table `site`.

use crate::db::{Conn, DbError, query, query_scalar};

type Result<T> = std::result::Result<T, DbError>;

pub(super) async fn value(conn: &mut Conn, key: &str) -> Result<Option<String>> {
    query_scalar("select value from site where key = ?").bind(key).fetch_optional(conn).await
}

pub(super) async fn put(conn: &mut Conn, key: &str, value: &str) -> Result<()> {
    query("insert into site (key, value) values (?, ?) on conflict (key) do update set value = excluded.value")
        .bind(key)
        .bind(value)
        .execute(conn)
        .await?;
    Ok(())
}

/// Values of the keys that begin so.
pub(super) async fn values_of_those_with(conn: &mut Conn, start: &str) -> Result<Vec<String>> {
    query_scalar("select value from site where substr(key, 1, length(?1)) = ?1 order by key")
        .bind(start)
        .fetch_all(conn)
        .await
}

pub(super) async fn remove_those_with(conn: &mut Conn, start: &str) -> Result<()> {
    query("delete from site where substr(key, 1, length(?1)) = ?1").bind(start).execute(conn).await?;
    Ok(())
}
