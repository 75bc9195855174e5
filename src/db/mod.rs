//! The database: opening it, read and write transactions, migrations, and when a cache is still true.
//!
//! SQLite through sqlx, in WAL mode, `synchronous = FULL`: a commit that was acknowledged survives a power cut. Rooms see
//! [`Db`], [`ReadTx`], [`WriteTx`] and [`Stamp`]; the statements are in each room's `sql.rs`, and no other file knows the
//! dialect. Groups of writers share a commit ([`write`](self::write)).

mod epochs;
mod write;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, SqliteConnection};

pub use epochs::Stamp;
pub use write::WriteTx;

use crate::ids::ShareId;

/// A connection, for the statements in a room's `sql.rs`.
pub type Conn = SqliteConnection;

/// How long a writer of this process waits for another process's transaction before it answers "busy".
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections that read at the same time; each is a thread of its own.
const READERS_MAX: u32 = 8;
/// How long a reader waits for a free connection before it answers "busy".
const READER_WAIT: Duration = Duration::from_secs(10);
/// Pages of 4 KiB in the log before a checkpoint copies them back: 16 MiB.
const CHECKPOINT_PAGES: &str = "4096";

/// Why the database didn't do what it was asked. Clonable, because a whole group of writers hears of it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DbError {
    /// Somebody else holds it for too long; trying again later helps.
    #[error("the database is busy")]
    Busy,
    /// The disk under it is full.
    #[error("the disk under the database is full")]
    Full,
    /// It can't be reached or read.
    #[error("the database can't be used: {0}")]
    Lost(Arc<str>),
    /// Written by a newer server.
    #[error("the site was written by a newer server (schema {0}); this binary is too old for it")]
    Newer(i64),
    /// A statement was refused; a fault of ours.
    #[error("a statement failed: {0}")]
    Statement(Arc<str>),
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        let text = || Arc::from(error.to_string());
        match &error {
            sqlx::Error::PoolTimedOut => Self::Busy,
            sqlx::Error::Io(_) | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => Self::Lost(text()),
            // Primary result codes of SQLite (https://sqlite.org/rescode.html): the low byte of the extended ones.
            sqlx::Error::Database(cause) => {
                match cause.code().and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff) {
                    Some(5 | 6) => Self::Busy,
                    Some(13) => Self::Full,
                    Some(8 | 10 | 11 | 14 | 26) => Self::Lost(text()),
                    _ => Self::Statement(text()),
                }
            }
            _ => Self::Statement(text()),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for DbError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        match error {
            sqlx::migrate::MigrateError::VersionMissing(version) => Self::Newer(version),
            sqlx::migrate::MigrateError::Execute(error) => error.into(),
            other => Self::Lost(other.to_string().into()),
        }
    }
}

/// Anything that statements can be read through: a read or a write transaction.
pub trait Reads: Send {
    /// The connection, for a room's `sql.rs`.
    fn conn(&mut self) -> &mut Conn;
}

/// A consistent view of one moment; writes by others don't show in it.
pub struct ReadTx(sqlx::Transaction<'static, sqlx::Sqlite>);

impl Reads for ReadTx {
    fn conn(&mut self) -> &mut Conn {
        &mut self.0
    }
}

/// An open database. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    readers: SqlitePool,
    writer: Arc<write::Writer>,
    epochs: Arc<epochs::Epochs>,
}

impl Db {
    /// Opens the database file `path`, makes it if `create`, and brings its schema up to date.
    ///
    /// `durable`: sync every commit. Errors: [`DbError::Newer`] for a schema this binary doesn't know.
    pub async fn open(path: &Path, create: bool, durable: bool) -> Result<Self, DbError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(create)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(if durable { SqliteSynchronous::Full } else { SqliteSynchronous::Normal })
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            .pragma("cache_size", "-16384")
            .pragma("temp_store", "memory")
            .optimize_on_close(false, None);
        let mut conn = SqliteConnection::connect_with(&options).await?;
        sqlx::migrate!("migrations/sqlite").run(&mut conn).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .acquire_timeout(READER_WAIT)
            .test_before_acquire(false)
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_with(options.read_only(true))
            .await?;
        let epochs = epochs::Epochs::open(path).map_err(|error| DbError::Lost(error.to_string().into()))?;
        let epochs = Arc::new(epochs);
        Ok(Self { readers, writer: Arc::new(write::Writer::new(conn, Arc::clone(&epochs))), epochs })
    }

    /// Begins to read. Errors: [`DbError::Busy`] when no connection comes free in time.
    pub async fn read(&self) -> Result<ReadTx, DbError> {
        Ok(ReadTx(self.readers.begin().await?))
    }

    /// Begins to write: waits for its turn. Errors: [`DbError::Busy`] when another process holds the database.
    pub async fn write(&self) -> Result<WriteTx, DbError> {
        self.writer.begin().await
    }

    /// What must still hold for a cached answer about people, groups, shares and subscriptions.
    pub fn directory_stamp(&self) -> Stamp {
        self.epochs.directory()
    }

    /// What must still hold for a cached answer about the tree of `share`.
    pub fn share_stamp(&self, share: ShareId) -> Stamp {
        self.epochs.share(share)
    }

    /// What SQLite itself finds wrong with the file, a sentence each; empty is right.
    pub async fn damage(&self) -> Result<Vec<String>, DbError> {
        let found: Vec<String> = sqlx::query_scalar("pragma integrity_check(100)").fetch_all(&self.readers).await?;
        Ok(found.into_iter().filter(|line| line != "ok").map(|line| format!("the database file: {line}")).collect())
    }

    /// Ends all use and folds the log back into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}
