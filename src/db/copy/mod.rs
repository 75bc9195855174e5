//! All rows of a database, whatever it is kept in: told table by table in an order in which they can be loaded again.
//!
//! What is read is one moment ([`ReadTx`](super::ReadTx)), page by page along the primary keys; what is loaded is one transaction, so that nothing half
//! loaded is ever seen. Numbers, texts and bytes are the same on SQLite and PostgreSQL, and so are their orders; so a copy goes from either to
//! either ([`copy`]), or by way of a file ([`dump`], [`load`]). What a server knows only for itself isn't copied ([`OWN_TABLES`]).

mod catalog;
mod format;

use std::io::{self, Read, Write};

pub use catalog::{Table, schema};

use super::query::{Bind, Value, query};
use super::{Db, DbError, Reads, Row, WriteTx};
use catalog::Statements;
use format::{Reader, Record, Writer};

/// Tables of the migrations, of the numbers that tell a running server what its caches are worth, and of what runs now.
pub const OWN_TABLES: [&str; 3] = ["_sqlx_migrations", "epoch", "server"];

/// Rows that are read at once.
const PAGE_ROWS: i64 = 250;

/// Why rows couldn't be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The file.
    #[error("the file of the rows: {0}")]
    File(#[from] io::Error),
    /// The file is no whole copy of rows.
    #[error("the file of the rows is damaged or cut off: {0}")]
    Damaged(&'static str),
    /// The file is of another version of this format.
    #[error("the file of the rows has the format {0}, which this server doesn't know")]
    Format(u32),
    /// The rows are of another schema than the database.
    #[error("the rows have another schema than the database: {0}")]
    Schema(String),
    /// There is a site in the database already.
    #[error("the database isn't empty: it holds a site already")]
    NotEmpty,
    /// The rows that have arrived are not those that were sent.
    #[error("the table `{0}` holds other rows than those that were copied")]
    Differs(String),
}

/// What a table holds: two tables with the same rows have the same, whichever databases they are in.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TableSum {
    /// The table.
    pub name: String,
    /// How many rows.
    pub rows: u64,
    /// BLAKE3 over all of them in the order of their keys, in hexadecimal digits.
    pub hash: String,
}

/// Adds up what a table holds while its rows go by.
struct Sum {
    rows: u64,
    hasher: blake3::Hasher,
}

impl Sum {
    fn new() -> Self {
        Self { rows: 0, hasher: blake3::Hasher::new() }
    }

    fn add(&mut self, row: &[Value]) {
        self.rows += 1;
        self.hasher.update(&format::row(row));
    }

    fn of(self, table: &str) -> TableSum {
        TableSum { name: table.to_owned(), rows: self.rows, hash: self.hasher.finalize().to_string() }
    }
}

/// The pages of a table, one after the other, and the sum of what went by.
struct Pages<'t> {
    table: &'t Table,
    statements: Statements,
    after: Option<Vec<Value>>,
    sum: Sum,
}

impl<'t> Pages<'t> {
    fn of(table: &'t Table) -> Self {
        Self { table, statements: Statements::of(table), after: None, sum: Sum::new() }
    }

    /// The next rows; `None` at the end.
    async fn next(&mut self, reads: &mut impl Reads) -> Result<Option<Vec<Row>>, DbError> {
        let page = match &self.after {
            None => query(self.statements.first),
            Some(key) => key.iter().fold(query(self.statements.next), |query, value| query.bind(bind(value))),
        };
        let rows = page.bind(PAGE_ROWS).fetch_all(reads.conn()).await?;
        let Some(last) = rows.last() else { return Ok(None) };
        self.after = Some(self.table.key.iter().map(|at| last.0[*at].clone()).collect());
        rows.iter().for_each(|row| self.sum.add(&row.0));
        Ok(Some(rows))
    }

    fn sum(self) -> TableSum {
        self.sum.of(&self.table.name)
    }
}

fn bind(value: &Value) -> Bind<'_> {
    match value {
        Value::Null => Bind::Null,
        Value::Int(number) => Bind::Int(*number),
        Value::Text(text) => Bind::Text(text.into()),
        Value::Blob(bytes) => Bind::Blob(bytes.into()),
    }
}

/// What every table holds, in the order of their names.
pub async fn sums(reads: &mut impl Reads) -> Result<Vec<TableSum>, DbError> {
    let mut sums = Vec::new();
    for table in catalog::tables(reads).await? {
        let mut pages = Pages::of(&table);
        while pages.next(reads).await?.is_some() {}
        sums.push(pages.sum());
    }
    Ok(by_name(sums))
}

fn by_name(mut sums: Vec<TableSum>) -> Vec<TableSum> {
    sums.sort_by(|a, b| a.name.cmp(&b.name));
    sums
}

/// Writes all rows as a file; gives what it holds.
pub async fn dump(reads: &mut impl Reads, file: impl Write) -> Result<Vec<TableSum>, CopyError> {
    let mut writer = Writer::begin(file, &schema(reads).await?)?;
    let mut sums = Vec::new();
    for table in catalog::tables(reads).await? {
        writer.table(&table.name, &table.columns)?;
        let mut pages = Pages::of(&table);
        while let Some(rows) = pages.next(reads).await? {
            for row in &rows {
                writer.row(&row.0)?;
            }
        }
        sums.push(pages.sum());
    }
    for (table, last) in catalog::last_ids(reads).await? {
        writer.last_id(&table, last)?;
    }
    writer.end()?;
    Ok(by_name(sums))
}

/// The rows of one table in a file, as far as these columns go.
pub struct Rows<R> {
    reader: Reader<R>,
    table: &'static str,
    columns: &'static [&'static str],
    /// Where the columns are in the rows that come; none before the table.
    at: Option<Vec<usize>>,
    ended: bool,
}

impl<R: Read> Rows<R> {
    /// Those of `table`.
    pub fn of(file: R, table: &'static str, columns: &'static [&'static str]) -> Result<Self, CopyError> {
        Ok(Self { reader: Reader::begin(file)?, table, columns, at: None, ended: false })
    }

    /// The next row; `None` at the end.
    pub fn next_row(&mut self) -> Result<Option<Row>, CopyError> {
        while !self.ended {
            match (self.reader.next()?, &self.at) {
                (Record::Row(row), Some(at)) => return Ok(Some(Row(at.iter().map(|at| row[*at].clone()).collect()))),
                (Record::Table { name, columns }, None) if name == self.table => {
                    let place = |wanted: &&str| columns.iter().position(|column| column == wanted);
                    let at: Option<Vec<usize>> = self.columns.iter().map(place).collect();
                    self.at = Some(at.ok_or(CopyError::Damaged("a column is missing"))?);
                }
                (Record::End, _) | (Record::Table { .. }, Some(_)) => self.ended = true,
                (Record::Row(_) | Record::Table { .. } | Record::LastId { .. }, _) => {}
            }
        }
        Ok(None)
    }
}

/// Confirms that the database holds no site. Errors: [`CopyError::NotEmpty`].
pub async fn confirm_empty(reads: &mut impl Reads) -> Result<(), CopyError> {
    if catalog::is_inhabited(reads).await? { Err(CopyError::NotEmpty) } else { Ok(()) }
}

/// Lets every table give its next ids so much later.
pub async fn skip_ids(tx: &mut WriteTx, skipped: i64) -> Result<(), DbError> {
    for (table, last) in catalog::last_ids(tx).await? {
        catalog::set_last_id(tx, &table, last + skipped).await?;
    }
    Ok(())
}

/// Loads the rows of a file into a database of the same schema that holds no site. They are there when the transaction is committed.
///
/// Errors: [`CopyError::NotEmpty`], [`CopyError::Schema`], [`CopyError::Damaged`], [`CopyError::Format`]; the transaction is given up then.
pub async fn load(tx: &mut WriteTx, file: impl Read) -> Result<(), CopyError> {
    let mut reader = Reader::begin(file)?;
    let mut loading = Loading::begin(tx, &reader.schema).await?;
    loop {
        match reader.next()? {
            Record::Table { name, columns } => loading.table(&name, &columns).await?,
            Record::Row(row) => loading.row(row).await?,
            Record::LastId { table, id } => loading.last_id(&table, id).await?,
            Record::End => return loading.end().await,
        }
    }
}

/// Copies all rows of a database into another one of the same schema that holds no site, in one transaction of it, and proves that it holds the same then.
///
/// Errors: [`CopyError::NotEmpty`], [`CopyError::Schema`], [`CopyError::Differs`]; nothing is kept then.
pub async fn copy(from: &Db, into: &Db) -> Result<Vec<TableSum>, CopyError> {
    let mut reads = from.read().await?;
    let mut tx = into.unsealed().write().await?;
    let schema = schema(&mut reads).await?;
    let mut loading = Loading::begin(&mut tx, &schema).await?;
    let mut sums = Vec::new();
    for table in catalog::tables(&mut reads).await? {
        loading.table(&table.name, &table.columns).await?;
        let mut pages = Pages::of(&table);
        while let Some(rows) = pages.next(&mut reads).await? {
            for row in rows {
                loading.row(row.0).await?;
            }
        }
        sums.push(pages.sum());
    }
    for (table, id) in catalog::last_ids(&mut reads).await? {
        loading.last_id(&table, id).await?;
    }
    loading.end().await?;
    let expected = by_name(sums);
    confirm(&mut tx, &expected).await?;
    tx.commit().await?;
    Ok(expected)
}

/// Confirms that the tables hold what was copied, those and no others. Errors: [`CopyError::Differs`].
pub async fn confirm(reads: &mut impl Reads, expected: &[TableSum]) -> Result<(), CopyError> {
    let found = sums(reads).await?;
    let differs = expected.iter().find(|sum| !found.contains(sum)).or(found.iter().find(|sum| !expected.contains(sum)));
    differs.map_or(Ok(()), |sum| Err(CopyError::Differs(sum.name.clone())))
}

/// Rows on their way into an empty database.
struct Loading<'t> {
    tx: &'t mut WriteTx,
    tables: Vec<Table>,
    target: Option<Target>,
}

/// The table that rows go into at the moment.
struct Target {
    statements: Statements,
    columns: usize,
    waiting: Vec<Vec<Value>>,
}

impl<'t> Loading<'t> {
    async fn begin(tx: &'t mut WriteTx, expected: &[i64]) -> Result<Self, CopyError> {
        let found = schema(tx).await?;
        if found != expected {
            return Err(CopyError::Schema(format!("versions {expected:?} instead of {found:?}")));
        }
        confirm_empty(tx).await?;
        let tables = catalog::tables(tx).await?;
        tx.touch_directory();
        // What the migrations have put there is in the rows that come.
        for table in tables.iter().rev() {
            query(Statements::of(table).clear).execute(tx.conn()).await?;
        }
        Ok(Self { tx, tables, target: None })
    }

    async fn table(&mut self, name: &str, columns: &[String]) -> Result<(), CopyError> {
        self.flush().await?;
        let table = self.tables.iter().find(|table| table.name == name);
        let table = table.ok_or_else(|| CopyError::Schema(format!("there is no table `{name}`")))?;
        if table.columns != columns {
            return Err(CopyError::Schema(format!("`{name}` has other columns")));
        }
        self.target = Some(Target { statements: Statements::of(table), columns: columns.len(), waiting: Vec::new() });
        Ok(())
    }

    async fn row(&mut self, row: Vec<Value>) -> Result<(), CopyError> {
        let target = self.target.as_mut().ok_or(CopyError::Damaged("a row without a table"))?;
        if row.len() != target.columns {
            return Err(CopyError::Damaged("a row has not the columns of its table"));
        }
        target.waiting.push(row);
        if target.waiting.len() == catalog::ROWS_AT_ONCE {
            let binds = target.waiting.iter().flatten();
            binds
                .fold(query(target.statements.insert_many), |query, value| query.bind(bind(value)))
                .execute(self.tx.conn())
                .await?;
            target.waiting.clear();
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), CopyError> {
        let Some(target) = self.target.take() else { return Ok(()) };
        for row in &target.waiting {
            let insert = row.iter().fold(query(target.statements.insert), |query, value| query.bind(bind(value)));
            insert.execute(self.tx.conn()).await?;
        }
        Ok(())
    }

    /// Ids that were given once are never given again.
    async fn last_id(&mut self, table: &str, id: i64) -> Result<(), CopyError> {
        self.flush().await?;
        if !self.tables.iter().any(|known| known.name == table) {
            return Err(CopyError::Schema(format!("there is no table `{table}`")));
        }
        Ok(catalog::set_last_id(self.tx, table, id).await?)
    }

    async fn end(mut self) -> Result<(), CopyError> {
        self.flush().await
    }
}

#[cfg(test)]
mod tests;
