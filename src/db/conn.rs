//! A connection, of either kind.

use super::DbError;
use super::postgres::PgConn;
use super::query::{Bind, Done, Row, Sql};
use super::sqlite::SqliteConn;

/// A connection, for the statements in a room's `sql.rs`.
#[derive(Debug)]
pub struct Conn(pub(super) Driver);

#[derive(Debug)]
pub(super) enum Driver {
    /// In this process; nothing is ever waited for but the disk.
    Sqlite(SqliteConn),
    /// Elsewhere.
    Postgres(Box<PgConn>),
}

impl Conn {
    /// Runs statements: all their rows, and how many rows they changed.
    pub(super) async fn run(&mut self, sql: Sql, binds: &[Bind<'_>]) -> Result<(Vec<Row>, Done), DbError> {
        match &mut self.0 {
            Driver::Sqlite(conn) => conn.run(sql.sqlite, binds),
            Driver::Postgres(conn) => conn.run(sql, binds).await,
        }
    }

    /// Runs statements that take and give nothing, and whose text is one of the dialect's.
    pub(super) async fn command(&mut self, sql: &'static str) -> Result<(), DbError> {
        match &mut self.0 {
            Driver::Sqlite(conn) => conn.command(sql),
            Driver::Postgres(conn) => conn.command(sql).await,
        }
    }

    /// Why the open transaction can't be committed, if a statement of it has failed in a way that undoes all of it.
    pub(super) fn spoiled(&self) -> Option<DbError> {
        match &self.0 {
            Driver::Sqlite(_) => None,
            Driver::Postgres(conn) => conn.spoiled(),
        }
    }

    /// Whether it can't be used any more.
    pub(super) fn is_broken(&self) -> bool {
        match &self.0 {
            Driver::Sqlite(_) => false,
            Driver::Postgres(conn) => conn.is_broken(),
        }
    }
}
