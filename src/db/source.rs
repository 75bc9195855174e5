//! Where connections come from: the file of a site, or a PostgreSQL server.

use std::path::PathBuf;

use super::conn::Driver;
use super::postgres::{Address, PgConn};
use super::sqlite::SqliteConn;
use super::{Conn, DbError};

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Reading only.
    Read,
    /// Writing, each commit synced.
    WriteDurably,
    /// Writing; the system may sync when it likes.
    WriteRelaxed,
}

/// Opens connections.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// The database file, which is there and in WAL mode.
    File(PathBuf),
    /// A server, whose own settings say how durable a commit is.
    Server(Box<Address>),
}

impl Source {
    pub async fn open(&self, purpose: Purpose) -> Result<Conn, DbError> {
        Ok(Conn(match self {
            Self::File(path) => Driver::Sqlite(SqliteConn::open(path, purpose)?),
            Self::Server(address) => Driver::Postgres(Box::new(PgConn::open(address, purpose).await?)),
        }))
    }
}
