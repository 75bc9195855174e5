//! The database: opening it, read and write transactions, migrations, and when a cache is still true.
//!
//! SQLite in WAL mode, `synchronous = FULL`: a commit that was acknowledged survives a power cut. Rooms see [`Db`], [`ReadTx`], [`WriteTx`],
//! [`Stamp`], and [`query`](fn@query) with what it binds and gives; the statements are in each room's `sql.rs`. sqlx carries the migrations out; rusqlite
//! runs the statements, because the way to sqlx's thread and back costs more than most statements do (docs/decisions/0010-statements-on-the-spot.md).
//! Groups of writers share a commit ([`write`](self::write)); checkpoints are made beside them ([`checkpoint`](self::checkpoint)).

mod checkpoint;
mod conn;
pub mod copy;
mod epochs;
mod portion;
mod postgres;
mod query;
mod readers;
mod source;
mod sqlite;
mod write;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{Connection, SqliteConnection};

pub use conn::Conn;
pub use epochs::{Stamp, request};
pub use portion::Portion;
pub use postgres::Address;
pub use query::{Bind, Column, Done, Query, Row, Scalar, Sql, Value, query, query_scalar};
pub use readers::{Aside, ReadTx};
pub use write::{Commits, Seal, WriteTx};

use crate::clock::Moment;
use crate::ids::ShareId;
use checkpoint::Checkpoints;
use readers::Readers;
use source::{Purpose, Source};

/// Why the database didn't do what it was asked. Clonable, because a whole group of writers hears of it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DbError {
    /// Somebody else holds it for too long; trying again later helps.
    #[error("the database is busy")]
    Busy,
    /// Another transaction was in the way and the database has undone this one; doing it all again helps at once.
    #[error("another transaction was in the way")]
    Conflict,
    /// The disk under it is full.
    #[error("the disk under the database is full")]
    Full,
    /// It can't be reached or read.
    #[error("the database can't be used: {0}")]
    Lost(Arc<str>),
    /// Written by a newer server.
    #[error("the site was written by a newer server (schema {0}); this binary is too old for it")]
    Newer(i64),
    /// Servers run that can't live with what this binary would change.
    #[error("older servers are running that rest on what this version takes away: {0}; stop them first")]
    Older(Arc<str>),
    /// A statement was refused; a fault of ours.
    #[error("a statement failed: {0}")]
    Statement(Arc<str>),
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        let text = || Arc::from(error.to_string());
        match &error {
            sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed => Self::Lost(text()),
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

/// A server that has not been seen for so long is not running.
pub const SERVER_SILENT_MAX: Duration = Duration::from_secs(60);

/// The newest change of the schema that this binary knows.
pub fn newest_migration() -> i64 {
    postgres::newest_migration()
}

fn lost(error: std::io::Error) -> DbError {
    DbError::Lost(error.to_string().into())
}

/// Anything that statements can be read through: a read or a write transaction.
pub trait Reads: Send {
    /// The connection, for a room's `sql.rs`.
    fn conn(&mut self) -> &mut Conn;
}

/// The right to serve a database, as long as it is kept.
#[derive(Debug)]
pub struct Claim {
    _conn: Conn,
}

/// An open database. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    readers: Arc<Readers>,
    writer: Arc<write::Writer>,
    epochs: Arc<epochs::Epochs>,
    seal: Option<Arc<dyn Seal>>,
}

impl Db {
    /// Commits of this process.
    pub fn commits(&self) -> Commits {
        self.writer.pace.commits()
    }

    /// Opens the database file `path`, makes it if `create`, and brings its schema up to date.
    ///
    /// `durable`: sync every commit. Errors: [`DbError::Newer`] for a schema this binary doesn't know.
    pub async fn open(path: &Path, create: bool, durable: bool) -> Result<Self, DbError> {
        Self::open_at(path, create, durable, None).await
    }

    /// The same with the schema of an older server, if a version is named: for rows that have it, before they are brought up to date.
    pub async fn open_at(path: &Path, create: bool, durable: bool, version: Option<i64>) -> Result<Self, DbError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(create)
            .journal_mode(SqliteJournalMode::Wal)
            .foreign_keys(true)
            .optimize_on_close(false, None);
        let mut migrating = SqliteConnection::connect_with(&options).await?;
        let migrations = sqlx::migrate!("migrations/sqlite");
        match version {
            None => migrations.run(&mut migrating).await?,
            Some(version) => migrations.run_to(version, &mut migrating).await?,
        }
        let source = Source::File(path.to_owned());
        let purpose = if durable { Purpose::WriteDurably } else { Purpose::WriteRelaxed };
        let conn = source.open(purpose).await?;
        let epochs = Arc::new(epochs::Epochs::of_file(path).map_err(lost)?);
        let checkpoints = Some(Checkpoints::open(path).map_err(lost)?);
        let readers = Arc::new(Readers::open(source.clone()).await?);
        let writer = write::Writer::new(conn, (source, purpose), Arc::clone(&epochs), checkpoints).map_err(lost)?;
        // The last connection to go would fold the log back and remove it, so this one goes after the others are there.
        migrating.close().await?;
        Ok(Self { readers, writer: Arc::new(writer), epochs, seal: None })
    }

    /// Opens the database of a PostgreSQL server; with `create` an empty one is given its schema.
    ///
    /// Errors: [`DbError::Newer`]; [`DbError::Lost`] when it can't be reached.
    pub async fn connect(address: &Address) -> Result<Self, DbError> {
        Self::connect_at(address, None).await
    }

    /// The same with the schema of an older server, as [`Self::open_at`].
    pub async fn connect_at(address: &Address, version: Option<i64>) -> Result<Self, DbError> {
        let source = Source::Server(Box::new(address.clone()));
        postgres::migrate(address, version).await?;
        let conn = source.open(Purpose::WriteDurably).await?;
        let readers = Arc::new(Readers::open(source.clone()).await?);
        let epochs = Arc::new(epochs::Epochs::of_table(Arc::clone(&readers)));
        let place = (source, Purpose::WriteDurably);
        let writer = write::Writer::new(conn, place, Arc::clone(&epochs), None).map_err(lost)?;
        Ok(Self { readers, writer: Arc::new(writer), epochs, seal: None })
    }

    /// Begins to read. Errors: [`DbError::Busy`] when no connection comes free in time.
    pub async fn read(&self) -> Result<ReadTx, DbError> {
        self.readers.begin().await
    }

    /// Begins to write: waits for its turn. Errors: [`DbError::Busy`] when another process holds the database.
    pub async fn write(&self) -> Result<WriteTx, DbError> {
        Ok(self.writer.begin().await?.sealed_by(self.seal.clone()))
    }

    /// Begins a short transaction beside the writer, for what servers count together and no decision about files rests on. `None` with SQLite, whose
    /// one server counts in its memory.
    pub async fn aside(&self) -> Result<Option<Aside>, DbError> {
        if !self.is_server() {
            return Ok(None);
        }
        self.readers.begin_aside().await.map(Some)
    }

    /// The same database, to each of whose transactions `seal` adds something.
    pub fn sealed_by(&self, seal: Arc<dyn Seal>) -> Self {
        Self { seal: Some(seal), ..self.clone() }
    }

    /// The same database, to whose transactions nothing is added.
    pub fn unsealed(&self) -> Self {
        Self { seal: None, ..self.clone() }
    }

    /// Runs `work`, which writes, on the writer's thread and to its end, whatever becomes of whoever waits for it. Elsewhere its commit would
    /// keep a thread of the server waiting for the disk. Errors: it has panicked.
    pub async fn work<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, tokio::task::JoinError> {
        self.writer.work(work).await
    }

    /// As [`Self::work`], for what takes no longer than a commit: it is done at once where nobody else writes and the disk is quick, which saves a
    /// lone client the way to the thread and back. Errors: it has panicked.
    pub async fn work_on_the_spot<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, tokio::task::JoinError> {
        self.writer.work_on_the_spot(work).await
    }

    /// What must still hold for a cached answer about people, groups, shares and subscriptions.
    ///
    /// Errors: the database can't be asked, so nothing cached may be used.
    pub async fn directory_stamp(&self) -> Result<Stamp, DbError> {
        self.epochs.directory().await
    }

    /// What must still hold for a cached answer about the tree of `share`.
    ///
    /// Errors: as of [`Self::directory_stamp`].
    pub async fn share_stamp(&self, share: ShareId) -> Result<Stamp, DbError> {
        self.epochs.share(share).await
    }

    /// Takes a database on a server for this process, as long as the connection is kept: `None` when another one has it. A file is claimed otherwise.
    /// `shared`: beside others that take it so.
    pub async fn claim(&self, shared: bool) -> Result<Option<Claim>, DbError> {
        let mut conn = self.writer.connection().await?;
        if self.is_server() {
            let claim = if shared { postgres::CLAIM_SHARED } else { postgres::CLAIM };
            let free = query_scalar(claim).fetch_one(&mut conn).await?;
            return Ok(bool::then_some(free, Claim { _conn: conn }));
        }
        Ok(Some(Claim { _conn: conn }))
    }

    /// By which the site is known where others are too: 32 hexadecimal digits, made with its tables.
    pub async fn site_id(&self) -> Result<String, DbError> {
        let mut tx = self.read().await?;
        query_scalar("select value from site where key = 'id'").fetch_one(tx.conn()).await
    }

    /// Whether a server keeps it.
    pub fn is_server(&self) -> bool {
        self.writer.is_on_server()
    }

    /// What SQLite itself finds wrong with the file, a sentence each; empty is right.
    pub async fn damage(&self) -> Result<Vec<String>, DbError> {
        if self.is_server() {
            return Ok(Vec::new());
        }
        let mut tx = self.read().await?;
        let found: Vec<String> = query_scalar("pragma integrity_check(100)").fetch_all(tx.conn()).await?;
        Ok(found.into_iter().filter(|line| line != "ok").map(|line| format!("the database file: {line}")).collect())
    }

    /// A look at the same in a fraction of the time: pages and rows, without comparing indexes with their tables.
    pub async fn damage_at_a_glance(&self) -> Result<Vec<String>, DbError> {
        if self.is_server() {
            return Ok(Vec::new());
        }
        let mut tx = self.read().await?;
        let found: Vec<String> = query_scalar("pragma quick_check(10)").fetch_all(tx.conn()).await?;
        Ok(found.into_iter().filter(|line| line != "ok").collect())
    }

    /// The version of the database's own software.
    pub async fn version(&self) -> Result<String, DbError> {
        let mut tx = self.read().await?;
        query_scalar(Sql::two("select sqlite_version()", "select current_setting('server_version')"))
            .fetch_one(tx.conn())
            .await
    }

    /// The present time as the database tells it; none of a file, which has no clock of its own.
    pub async fn clock(&self) -> Result<Option<Moment>, DbError> {
        if !self.is_server() {
            return Ok(None);
        }
        let mut tx = self.read().await?;
        let now = "select cast(extract(epoch from clock_timestamp()) * 1000 as bigint)";
        Ok(Some(Moment(query_scalar(now).fetch_one(tx.conn()).await?)))
    }

    /// Ends all use, once those who write are done. The last connection that closes folds the log back into the file.
    pub async fn close(&self) {
        self.readers.close();
        self.writer.close().await;
    }
}

#[cfg(test)]
pub(crate) mod tests;
