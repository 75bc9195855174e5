//! Which tables a database has, as it tells itself, and the statements that read and fill them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

use parking_lot::Mutex;

use super::OWN_TABLES;
use crate::db::query::{Sql, query, query_scalar};
use crate::db::{DbError, Reads, WriteTx};

/// Rows that one statement inserts.
pub(super) const ROWS_AT_ONCE: usize = 50;

/// A table: its columns in the order of their names, which is the same on every database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<String>,
    /// Which of them are its primary key, in the order of the key.
    pub key: Vec<usize>,
}

/// The versions of the schema: the migrations that were carried out, without PostgreSQL's own first one.
pub async fn schema(reads: &mut impl Reads) -> Result<Vec<i64>, DbError> {
    query_scalar("select version from _sqlx_migrations where version > 0 order by version")
        .fetch_all(reads.conn())
        .await
}

/// Whether there is a site in the database: every site has an organization.
pub(super) async fn is_inhabited(reads: &mut impl Reads) -> Result<bool, DbError> {
    query_scalar("select exists (select 1 from organization)").fetch_one(reads.conn()).await
}

/// The columns of a table, and which of them are at which place of its key.
type Columns = (Vec<String>, Vec<(i64, usize)>);

/// The tables, those that others refer to before these.
pub(super) async fn tables(reads: &mut impl Reads) -> Result<Vec<Table>, DbError> {
    let rows = query(Sql::two(
        "select m.name, c.name, c.pk from sqlite_master m join pragma_table_info(m.name) c
         where m.type = 'table' and m.name not like 'sqlite%' order by m.name, c.name",
        "select c.relname::text, a.attname::text, coalesce(array_position(i.indkey::int2[], a.attnum) + 1, 0)::bigint
         from pg_class c
              join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
              left join pg_index i on i.indrelid = c.oid and i.indisprimary
         where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace
         order by c.relname::text collate \"C\", a.attname::text collate \"C\"",
    ));
    let mut found: BTreeMap<String, Columns> = BTreeMap::new();
    for row in rows.fetch_all(reads.conn()).await? {
        let (table, column, place): (String, String, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if OWN_TABLES.contains(&table.as_str()) {
            continue;
        }
        for name in [&table, &column] {
            let is_plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            assert!(is_plain, "our tables and columns are plain words");
        }
        let (columns, key) = found.entry(table).or_default();
        if place > 0 {
            key.push((place, columns.len()));
        }
        columns.push(column);
    }
    let tables = found.into_iter().map(|(name, (columns, mut key))| {
        key.sort_unstable();
        assert!(!key.is_empty(), "every table has a primary key");
        Table { name, columns, key: key.into_iter().map(|(_, at)| at).collect() }
    });
    let references = references(reads).await?;
    Ok(in_order(tables.collect(), &references))
}

/// Which table refers to which other one.
async fn references(reads: &mut impl Reads) -> Result<HashSet<(String, String)>, DbError> {
    let rows = query(Sql::two(
        "select m.name, f.\"table\" from sqlite_master m join pragma_foreign_key_list(m.name) f where m.type = 'table'",
        "select c.relname::text, r.relname::text
         from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_class r on r.oid = k.confrelid
         where k.contype = 'f' and c.relnamespace = current_schema()::regnamespace",
    ));
    rows.fetch_all(reads.conn()).await?.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// By name, but each after those that it refers to.
fn in_order(mut left: Vec<Table>, references: &HashSet<(String, String)>) -> Vec<Table> {
    let mut ordered: Vec<Table> = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let waits = |table: &Table| {
            let refers = |other: &Table| references.contains(&(table.name.clone(), other.name.clone()));
            left.iter().any(|other| other.name != table.name && refers(other))
        };
        let next = left.iter().position(|table| !waits(table)).unwrap_or(0);
        ordered.push(left.remove(next));
    }
    ordered
}

/// The last id that each table has given.
pub(super) async fn last_ids(reads: &mut impl Reads) -> Result<Vec<(String, i64)>, DbError> {
    let rows = query(Sql::two(
        "select name, seq from sqlite_sequence where seq > 0 order by name",
        "select c.relname::text, s.last_value
         from pg_class c
              join pg_attribute a on a.attrelid = c.oid and a.attidentity <> ''
              join pg_sequences s on s.schemaname = current_schema()
                   and quote_ident(s.schemaname) || '.' || quote_ident(s.sequencename)
                       = pg_get_serial_sequence(quote_ident(c.relname), a.attname)
         where c.relnamespace = current_schema()::regnamespace and s.last_value is not null
         order by c.relname::text collate \"C\"",
    ));
    let rows = rows.fetch_all(reads.conn()).await?;
    let ids: Result<Vec<(String, i64)>, DbError> =
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect();
    Ok(ids?.into_iter().filter(|(table, _)| !OWN_TABLES.contains(&table.as_str())).collect())
}

/// Lets a table give larger ids than this one from now on.
pub(super) async fn set_last_id(tx: &mut WriteTx, table: &str, id: i64) -> Result<(), DbError> {
    let set = query(Sql::two(
        "update sqlite_sequence set seq = ?2 where name = ?1;
         insert into sqlite_sequence (name, seq)
         select ?1, ?2 where not exists (select 1 from sqlite_sequence where name = ?1)",
        "select setval(pg_get_serial_sequence(quote_ident(?1), 'id'), ?2)",
    ));
    set.bind(table).bind(id).execute(tx.conn()).await?;
    Ok(())
}

/// The statements for one table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Statements {
    /// The first rows; takes how many.
    pub first: &'static str,
    /// Those after a key; takes the key and how many.
    pub next: &'static str,
    /// Takes a row.
    pub insert: &'static str,
    /// Takes [`ROWS_AT_ONCE`] of them.
    pub insert_many: &'static str,
    /// Removes all.
    pub clear: &'static str,
}

/// A text for each table and statement, made once: the drivers keep statements by their text, which stays.
static TEXTS: LazyLock<Mutex<HashMap<String, &'static str>>> = LazyLock::new(Mutex::default);

fn kept(text: String) -> &'static str {
    TEXTS.lock().entry(text).or_insert_with_key(|text| Box::leak(text.clone().into_boxed_str()))
}

impl Statements {
    pub fn of(table: &Table) -> Self {
        let Table { name, columns, key } = table;
        let all = columns.join(", ");
        let key: Vec<&str> = key.iter().map(|at| columns[*at].as_str()).collect();
        let order = key.join(", ");
        let marks = |count: usize| vec!["?"; count].join(", ");
        let row = format!("({})", marks(columns.len()));
        let after = match key.as_slice() {
            [one] => format!("{one} > ?"),
            several => format!("({order}) > ({})", marks(several.len())),
        };
        let insert = format!("insert into {name} ({all}) values");
        Self {
            first: kept(format!("select {all} from {name} order by {order} limit ?")),
            next: kept(format!("select {all} from {name} where {after} order by {order} limit ?")),
            insert: kept(format!("{insert} {row}")),
            insert_many: kept(format!("{insert} {}", vec![row.as_str(); ROWS_AT_ONCE].join(", "))),
            clear: kept(format!("delete from {name}")),
        }
    }
}
