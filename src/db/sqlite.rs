//! SQLite, through rusqlite: a connection, and how statements run on it.
//!
//! A statement runs at once on the thread that asks: most take a few microseconds, less than the way to another thread and back. What waits
//! for the disk, a commit, is on the writer's own thread ([`write`](super::write)).

use std::path::Path;
use std::time::Duration;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags};

use super::DbError;
use super::query::{Bind, Done, Row, Value};
use super::source::Purpose;

/// How long a writer of this process waits for another process's transaction before it answers "busy".
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Prepared statements that a connection keeps; there are fewer in the whole program.
const STATEMENTS_MAX: usize = 512;

/// A connection.
#[derive(Debug)]
pub struct SqliteConn(Connection);

impl ToSql for Bind<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl From<rusqlite::Error> for DbError {
    fn from(error: rusqlite::Error) -> Self {
        let text = || error.to_string().into();
        // Primary result codes (https://sqlite.org/rescode.html): the low byte of the extended ones.
        match error.sqlite_error().map(|cause| cause.extended_code & 0xff) {
            Some(5 | 6) => Self::Busy,
            Some(13) => Self::Full,
            Some(8 | 10 | 11 | 14 | 26) => Self::Lost(text()),
            _ => Self::Statement(text()),
        }
    }
}

impl SqliteConn {
    /// Opens the database file, which is there and in WAL mode.
    pub(super) fn open(path: &Path, purpose: Purpose) -> Result<Self, DbError> {
        let access = match purpose {
            Purpose::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
            Purpose::WriteDurably | Purpose::WriteRelaxed => OpenFlags::SQLITE_OPEN_READ_WRITE,
        };
        let conn = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        conn.busy_timeout(BUSY_TIMEOUT)?;
        conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        conn.pragma_update(None, "foreign_keys", true)?;
        conn.pragma_update(None, "cache_size", -16384)?;
        conn.pragma_update(None, "temp_store", "memory")?;
        conn.pragma_update(None, "synchronous", if purpose == Purpose::WriteRelaxed { "normal" } else { "full" })?;
        // The checkpoint has a connection of its own: in a commit it would let its saver wait.
        conn.pragma_update(None, "wal_autocheckpoint", 0)?;
        Ok(Self(conn))
    }

    /// Runs the statements of `sql` one after the other: all their rows, and how many rows they changed.
    pub(super) fn run(&mut self, sql: &'static str, binds: &[Bind<'_>]) -> Result<(Vec<Row>, Done), DbError> {
        let mut rows = Vec::new();
        let mut changed = 0;
        let mut next = 0;
        for text in sql.split(';').map(str::trim).filter(|text| !text.is_empty()) {
            let mut statement = self.0.prepare_cached(text)?;
            bind(&mut statement, binds, &mut next)?;
            let columns = statement.column_count();
            let writes = !statement.readonly();
            let mut found = statement.raw_query();
            while let Some(row) = found.next()? {
                rows.push(Row((0..columns)
                    .map(|column| value(row.get_ref(column)?))
                    .collect::<Result<_, DbError>>()?));
            }
            drop(found);
            if writes {
                changed += self.0.changes();
            }
        }
        Ok((rows, Done(changed)))
    }

    /// Runs statements that take and give nothing.
    pub(super) fn command(&mut self, sql: &'static str) -> Result<(), DbError> {
        self.run(sql, &[]).map(|_| ())
    }
}

/// Binds what the statement wants: `?N` by number; a bare `?` takes the `next` one.
fn bind(statement: &mut rusqlite::Statement<'_>, binds: &[Bind<'_>], next: &mut usize) -> Result<(), DbError> {
    let count = statement.parameter_count();
    // The number of the last parameter is its count; so if that one has a name, all are numbered.
    let numbered = count > 0 && statement.parameter_name(count).is_some();
    for index in 1..=count {
        let at = if numbered { index - 1 } else { *next + index - 1 };
        let value =
            binds.get(at).ok_or_else(|| DbError::Statement(format!("parameter {index} is not bound").into()))?;
        statement.raw_bind_parameter(index, value)?;
    }
    if !numbered {
        *next += count;
    }
    Ok(())
}

fn value(value: ValueRef<'_>) -> Result<Value, DbError> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| "a text is not UTF-8");
    match value {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(value) => Ok(Value::Int(value)),
        ValueRef::Text(bytes) => text(bytes).map(Value::Text).map_err(|why| DbError::Statement(why.into())),
        ValueRef::Blob(bytes) => Ok(Value::Blob(bytes.to_vec())),
        ValueRef::Real(_) => Err(DbError::Statement("a number is not whole".into())),
    }
}
