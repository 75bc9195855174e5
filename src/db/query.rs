//! What a room's `sql.rs` sees of the database: a statement, what is bound to it, and the rows it gives.
//!
//! The drivers ([`sqlite`](super::sqlite), [`postgres`](super::postgres)) are below this and nowhere above. Statements are constants of the program: no text of a
//! client is ever part of one.

use std::borrow::Cow;

use super::{Conn, DbError};
use crate::ids::ContentId;

type Result<T> = std::result::Result<T, DbError>;

/// As many values as most statements take.
const BINDS_USUAL: usize = 8;

/// A value on its way to the database.
#[derive(Debug, Clone)]
pub enum Bind<'q> {
    /// No value.
    Null,
    /// A number; a truth value is 0 or 1.
    Int(i64),
    /// Text.
    Text(Cow<'q, str>),
    /// Bytes.
    Blob(Cow<'q, [u8]>),
}

macro_rules! bind_from {
    ($($from:ty => |$value:ident| $bind:expr;)*) => {
        $(impl<'q> From<$from> for Bind<'q> {
            fn from($value: $from) -> Self {
                $bind
            }
        })*
    };
}

bind_from! {
    i64 => |value| Self::Int(value);
    i32 => |value| Self::Int(value.into());
    u32 => |value| Self::Int(value.into());
    bool => |value| Self::Int(value.into());
    &'q str => |value| Self::Text(Cow::Borrowed(value));
    &'q String => |value| Self::Text(Cow::Borrowed(value));
    String => |value| Self::Text(Cow::Owned(value));
    &'q [u8] => |value| Self::Blob(Cow::Borrowed(value));
    &'q Vec<u8> => |value| Self::Blob(Cow::Borrowed(value));
    Vec<u8> => |value| Self::Blob(Cow::Owned(value));
    &'q Option<String> => |value| value.as_deref().into();
}

impl<'q, T: Into<Bind<'q>>> From<Option<T>> for Bind<'q> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A value that came from the database.
#[derive(Debug, Clone)]
pub enum Value {
    /// No value.
    Null,
    /// A number.
    Int(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// What a column can be read as.
pub trait Column<'r>: Sized {
    /// The value as this type; `None` when it is of another kind.
    fn read(value: &'r Value) -> Option<Self>;
}

macro_rules! columns {
    ($($into:ty => $($pattern:pat => $value:expr),+;)*) => {
        $(impl<'r> Column<'r> for $into {
            fn read(value: &'r Value) -> Option<Self> {
                match value {
                    $($pattern => $value,)+
                    _ => None,
                }
            }
        })*
    };
}

columns! {
    i64 => Value::Int(value) => Some(*value);
    u32 => Value::Int(value) => u32::try_from(*value).ok();
    bool => Value::Int(value) => Some(*value != 0);
    &'r str => Value::Text(text) => Some(text);
    String => Value::Text(text) => Some(text.clone());
    &'r [u8] => Value::Blob(bytes) => Some(bytes);
    Vec<u8> => Value::Blob(bytes) => Some(bytes.clone());
    ContentId => Value::Blob(bytes) => uuid::Uuid::from_slice(bytes).ok().map(Self);
}

impl<'r, T: Column<'r>> Column<'r> for Option<T> {
    fn read(value: &'r Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::read(value).map(Some),
        }
    }
}

/// One row.
#[derive(Debug)]
pub struct Row(pub(super) Vec<Value>);

impl Row {
    /// The value of a column, counted from 0. Errors: [`DbError::Statement`] when there is none or it is of another kind.
    pub fn try_get<'r, T: Column<'r>>(&'r self, column: usize) -> Result<T> {
        let value = self.0.get(column).and_then(T::read);
        value.ok_or_else(|| DbError::Statement(format!("column {column} is not what is read from it").into()))
    }
}

/// What a statement without rows has done.
#[derive(Debug, Clone, Copy)]
pub struct Done(pub(super) u64);

impl Done {
    /// How many rows it has made, changed or removed.
    pub fn rows_affected(self) -> u64 {
        self.0
    }
}

/// A statement's text in the dialects, nearly always the same.
#[derive(Debug, Clone, Copy)]
pub struct Sql {
    pub(super) sqlite: &'static str,
    pub(super) postgres: &'static str,
}

impl Sql {
    /// A statement that is written twice. Both take the same values, bare `?` in the same order.
    pub const fn two(sqlite: &'static str, postgres: &'static str) -> Self {
        Self { sqlite, postgres }
    }
}

impl From<&'static str> for Sql {
    fn from(both: &'static str) -> Self {
        Self::two(both, both)
    }
}

/// A statement, or several separated by `;`, with what is bound: `?` in order over all of them, `?N` by number.
#[derive(Debug)]
#[must_use = "a statement does nothing until it is sent"]
pub struct Query<'q> {
    sql: Sql,
    binds: Vec<Bind<'q>>,
}

/// A statement. No `;` may stand in its literals.
pub fn query<'q>(sql: impl Into<Sql>) -> Query<'q> {
    Query { sql: sql.into(), binds: Vec::with_capacity(BINDS_USUAL) }
}

impl<'q> Query<'q> {
    /// Binds the next value.
    pub fn bind(mut self, value: impl Into<Bind<'q>>) -> Self {
        self.binds.push(value.into());
        self
    }

    /// Every row, of all its statements.
    pub async fn fetch_all(self, conn: &mut Conn) -> Result<Vec<Row>> {
        Ok(conn.run(self.sql, &self.binds).await?.0)
    }

    /// The first row, if there is one.
    pub async fn fetch_optional(self, conn: &mut Conn) -> Result<Option<Row>> {
        Ok(conn.run(self.sql, &self.binds).await?.0.into_iter().next())
    }

    /// The first row. Errors: [`DbError::Statement`] when there is none.
    pub async fn fetch_one(self, conn: &mut Conn) -> Result<Row> {
        let sql = self.sql;
        self.fetch_optional(conn)
            .await?
            .ok_or_else(|| DbError::Statement(format!("no row from `{}`", sql.sqlite).into()))
    }

    /// Carries it out.
    pub async fn execute(self, conn: &mut Conn) -> Result<Done> {
        Ok(conn.run(self.sql, &self.binds).await?.1)
    }
}

/// A statement of whose rows the first column is all that counts.
#[derive(Debug)]
#[must_use = "a statement does nothing until it is sent"]
pub struct Scalar<'q>(Query<'q>);

/// A statement that gives one value a row.
pub fn query_scalar<'q>(sql: impl Into<Sql>) -> Scalar<'q> {
    Scalar(query(sql))
}

impl<'q> Scalar<'q> {
    /// Binds the next value.
    pub fn bind(self, value: impl Into<Bind<'q>>) -> Self {
        Self(self.0.bind(value))
    }

    /// The value of every row.
    pub async fn fetch_all<T: for<'r> Column<'r>>(self, conn: &mut Conn) -> Result<Vec<T>> {
        self.0.fetch_all(conn).await?.iter().map(|row| row.try_get(0)).collect()
    }

    /// The value of the first row, if there is one.
    pub async fn fetch_optional<T: for<'r> Column<'r>>(self, conn: &mut Conn) -> Result<Option<T>> {
        self.0.fetch_optional(conn).await?.map(|row| row.try_get(0)).transpose()
    }

    /// The value of the first row. Errors: [`DbError::Statement`] when there is none.
    pub async fn fetch_one<T: for<'r> Column<'r>>(self, conn: &mut Conn) -> Result<T> {
        self.0.fetch_one(conn).await?.try_get(0)
    }
}
