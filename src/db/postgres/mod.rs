//! PostgreSQL, through sqlx: a connection, how statements run on it, and the schema.
//!
//! The server says which types the parameters of a statement have, and the values that are bound are sent as these.

mod address;
pub mod translate;
mod upgrade;

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

use futures_util::TryStreamExt;
use parking_lot::Mutex;
use sqlx::postgres::{PgRow, PgTypeInfo};
use sqlx::{
    Arguments, AssertSqlSafe, Column as _, Connection, Either, Executor, PgConnection, Row as _, Statement as _,
    TypeInfo, ValueRef as _,
};

use super::DbError;
use super::query::{Bind, Done, Row, Sql, Value};
use super::source::Purpose;
pub use address::Address;
use translate::{Translated, translate};
pub(super) use upgrade::{migrate, newest_migration};

/// A statement, or its commit, that has no answer after so long never gets one: the connection is given up. Longer than anything that is waited for
/// in the database itself.
const ANSWER_MAX: Duration = Duration::from_secs(120);
/// The same for the one question that every request begins with: a host that is gone without a word is noticed by it.
pub(super) const QUICK_ANSWER_MAX: Duration = Duration::from_secs(5);

/// Begins a writing transaction: of all nodes one writes at a time, as on SQLite, so everything that is decided in a transaction is decided alone.
/// The number is this program's among the advisory locks of the database, and so is that of [`CLAIM`].
pub(super) const BEGIN_ALONE: &str = "begin; select pg_advisory_xact_lock(7236825610)";
/// Begins a transaction beside the writer, whose loss in a crash does no harm.
pub(super) const BEGIN_ASIDE: &str = "begin; set local synchronous_commit = off";
/// Takes the database for one server as long as the connection lasts; gives whether it was free.
pub(super) const CLAIM: &str = "select pg_try_advisory_lock(7236825611)";
/// The same for one of several servers, beside none that wants it for itself.
pub(super) const CLAIM_SHARED: &str = "select pg_try_advisory_lock_shared(7236825611)";

/// What a parameter is sent as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bool,
    Int2,
    Int4,
    Int8,
    Text,
    Bytes,
}

impl Kind {
    fn of(info: &PgTypeInfo) -> Result<Self, DbError> {
        Ok(match info.name() {
            "BOOL" => Self::Bool,
            "INT2" => Self::Int2,
            "INT4" => Self::Int4,
            "INT8" => Self::Int8,
            "TEXT" | "VARCHAR" | "NAME" | "UNKNOWN" => Self::Text,
            "BYTEA" => Self::Bytes,
            other => return Err(statement(format!("a parameter has the type {other}"))),
        })
    }
}

fn statement(why: impl Into<String>) -> DbError {
    DbError::Statement(why.into().into())
}

/// A statement as this server's connections send it.
#[derive(Debug)]
struct Prepared {
    text: &'static str,
    takes: Vec<usize>,
}

/// The statements of one text. They are constants of the program, so there are as many as it has, and they stay.
type Script = &'static [Prepared];

static SCRIPTS: LazyLock<Mutex<HashMap<(usize, usize), Script>>> = LazyLock::new(Mutex::default);

fn script(sql: &'static str) -> Script {
    let mut scripts = SCRIPTS.lock();
    scripts.entry((sql.as_ptr() as usize, sql.len())).or_insert_with(|| {
        let mut next = 0;
        let parts = sql.split(';').map(str::trim).filter(|part| !part.is_empty());
        let prepared = parts.map(|part| {
            let Translated { text, takes } = translate(part, &mut next);
            Prepared { text: Box::leak(text.into_boxed_str()), takes }
        });
        Box::leak(prepared.collect::<Vec<_>>().into_boxed_slice())
    })
}

/// A connection.
pub struct PgConn {
    conn: PgConnection,
    kinds: HashMap<usize, Vec<Kind>>,
    broken: bool,
    /// Why nothing of the open transaction will be: a statement of it has failed. The server would answer its commit with a rollback and no error.
    spoiled: Option<DbError>,
}

impl std::fmt::Debug for PgConn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PgConn").field("broken", &self.broken).finish_non_exhaustive()
    }
}

/// What a failure means (https://www.postgresql.org/docs/15/errcodes-appendix.html).
pub(super) fn meaning(error: &sqlx::Error) -> DbError {
    let text = || error.to_string().into();
    match error {
        sqlx::Error::Database(cause) => match cause.code().as_deref() {
            // Serialization failure, deadlock.
            Some("40001" | "40P01") => DbError::Conflict,
            // Lock not available, too many connections, a query cancelled for being too slow; the transaction has failed before.
            Some("55P03" | "53300" | "57014" | "25P02") => DbError::Busy,
            Some("53100") => DbError::Full,
            // Shut down, starting up, read-only because it is a standby now, connection exceptions, damaged.
            Some(code)
                if code.starts_with("57P") || code.starts_with("08") || code.starts_with("XX") || code == "25006" =>
            {
                DbError::Lost(text())
            }
            _ => DbError::Statement(text()),
        },
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::Encode(_) => {
            DbError::Statement(text())
        }
        _ => DbError::Lost(text()),
    }
}

impl PgConn {
    /// Connects.
    pub async fn open(address: &Address, purpose: Purpose) -> Result<Self, DbError> {
        let conn = address.connect(purpose).await?;
        Ok(Self { conn, kinds: HashMap::new(), broken: false, spoiled: None })
    }

    /// Whether it can't be used any more.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Why the open transaction can't be committed.
    pub fn spoiled(&self) -> Option<DbError> {
        self.spoiled.clone()
    }

    /// For migrations.
    pub fn inner(&mut self) -> &mut PgConnection {
        &mut self.conn
    }

    /// Runs the statements of `sql` one after the other: all their rows, and how many rows they changed.
    pub async fn run(&mut self, sql: Sql, binds: &[Bind<'_>]) -> Result<(Vec<Row>, Done), DbError> {
        let mut rows = Vec::new();
        let mut changed = 0;
        for prepared in script(sql.postgres) {
            let ran = in_time(self.run_one(prepared, binds, &mut rows)).await;
            changed += ran.map_err(|error| self.failed(error, prepared.text))?;
        }
        Ok((rows, Done(changed)))
    }

    async fn run_one(
        &mut self,
        prepared: &'static Prepared,
        binds: &[Bind<'_>],
        rows: &mut Vec<Row>,
    ) -> Result<u64, DbError> {
        let key = prepared.text.as_ptr() as usize;
        if !self.kinds.contains_key(&key) {
            let described = self
                .conn
                .prepare(sqlx::SqlSafeStr::into_sql_str(prepared.text))
                .await
                .map_err(|error| meaning(&error))?;
            let kinds = match described.parameters() {
                Some(Either::Left(types)) => types.iter().map(Kind::of).collect::<Result<_, _>>()?,
                _ => Vec::new(),
            };
            self.kinds.insert(key, kinds);
        }
        let kinds = &self.kinds[&key];
        let mut arguments = sqlx::postgres::PgArguments::default();
        for (at, kind) in prepared.takes.iter().zip(kinds) {
            let bind = binds.get(*at).ok_or_else(|| statement(format!("parameter {at} is not bound")))?;
            add(&mut arguments, bind, *kind)?;
        }
        let mut changed = 0;
        let mut found = self.conn.fetch_many(sqlx::query_with(prepared.text, arguments));
        while let Some(one) = found.try_next().await.map_err(|error| meaning(&error))? {
            match one {
                Either::Left(done) => changed += done.rows_affected(),
                Either::Right(row) => rows.push(read(&row)?),
            }
        }
        Ok(changed)
    }

    /// Runs statements that take and give nothing. A commit of a transaction in which something has failed is an error.
    pub async fn command(&mut self, sql: &'static str) -> Result<(), DbError> {
        if sql == "commit"
            && let Some(why) = self.spoiled()
        {
            return Err(why);
        }
        let ran = self.conn.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned())));
        let ran = in_time(async { ran.await.map_err(|error| meaning(&error)) }).await;
        ran.map(drop).map_err(|error| self.failed(error, sql))?;
        // What begins, ends or goes back begins anew.
        self.spoiled = None;
        Ok(())
    }

    /// Keeps in mind that the transaction can't be committed, and whether the connection is lost; says which statement a fault is in.
    fn failed(&mut self, error: DbError, text: &str) -> DbError {
        self.broken |= matches!(error, DbError::Lost(_));
        let first = if matches!(error, DbError::Conflict) { DbError::Conflict } else { DbError::Busy };
        let why = self.spoiled.get_or_insert(first);
        match error {
            // Also of what is refused because something before it failed.
            DbError::Busy => why.clone(),
            DbError::Statement(why) => {
                statement(format!("{why} (in `{}`)", text.split_whitespace().collect::<Vec<_>>().join(" ")))
            }
            other => other,
        }
    }

    /// Ends it in order.
    pub async fn close(self) {
        // What is not said goodbye to is noticed by the server all the same.
        let _ = self.conn.close().await;
    }
}

async fn in_time<T>(answer: impl Future<Output = Result<T, DbError>>) -> Result<T, DbError> {
    let given_up = |_| Err(DbError::Lost("there was no answer in time".into()));
    tokio::time::timeout(ANSWER_MAX, answer).await.unwrap_or_else(given_up)
}

fn add(arguments: &mut sqlx::postgres::PgArguments, bind: &Bind<'_>, kind: Kind) -> Result<(), DbError> {
    let number = match bind {
        Bind::Int(number) => Some(*number),
        _ => None,
    };
    let out_of_range = |_| statement("a number is too large for its column");
    let added = match (bind, kind) {
        (Bind::Null, Kind::Bool) => arguments.add(None::<bool>),
        (Bind::Null | Bind::Int(_), Kind::Int2) => {
            arguments.add(number.map(i16::try_from).transpose().map_err(out_of_range)?)
        }
        (Bind::Null | Bind::Int(_), Kind::Int4) => {
            arguments.add(number.map(i32::try_from).transpose().map_err(out_of_range)?)
        }
        (Bind::Null | Bind::Int(_), Kind::Int8) => arguments.add(number),
        (Bind::Int(number), Kind::Bool) => arguments.add(*number != 0),
        (Bind::Null, Kind::Text) => arguments.add(None::<&str>),
        (Bind::Text(text), Kind::Text) => arguments.add(text.as_ref()),
        // Only where it is asked whether there is a value.
        (Bind::Int(number), Kind::Text) => arguments.add(number.to_string()),
        (Bind::Blob(_), Kind::Text) => arguments.add(""),
        (Bind::Null, Kind::Bytes) => arguments.add(None::<&[u8]>),
        (Bind::Blob(bytes), Kind::Bytes) => arguments.add(bytes.as_ref()),
        (bind, kind) => return Err(statement(format!("{bind:?} is bound where the type is {kind:?}"))),
    };
    added.map_err(|error| statement(error.to_string()))
}

fn read(row: &PgRow) -> Result<Row, DbError> {
    let value = |at: usize| {
        let decode = |error: sqlx::Error| meaning(&error);
        if row.try_get_raw(at).map_err(decode)?.is_null() {
            return Ok(Value::Null);
        }
        Ok(match row.column(at).type_info().name() {
            "BOOL" => Value::Int(row.try_get::<bool, _>(at).map_err(decode)?.into()),
            "INT2" => Value::Int(row.try_get::<i16, _>(at).map_err(decode)?.into()),
            "INT4" => Value::Int(row.try_get::<i32, _>(at).map_err(decode)?.into()),
            "INT8" => Value::Int(row.try_get(at).map_err(decode)?),
            "TEXT" | "VARCHAR" | "NAME" | "UNKNOWN" => Value::Text(row.try_get(at).map_err(decode)?),
            "BYTEA" => Value::Blob(row.try_get(at).map_err(decode)?),
            "VOID" => Value::Null,
            other => return Err(statement(format!("column {at} has the type {other}"))),
        })
    };
    (0..row.len()).map(value).collect::<Result<_, _>>().map(Row)
}
