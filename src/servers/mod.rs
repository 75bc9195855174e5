//! The servers of a site, as they know of each other: a row each, renewed as long as it runs.
//!
//! For people (`commonhold server list`) and for upgrades (`db/postgres/upgrade.rs`); nothing else rests on it. A site whose rows are in its own folder
//! has one server, which is told apart by the lock on that folder, and nothing is written here.

mod sql;

use std::time::Duration;

use crate::clock::Moment;
use crate::db::{self, Db, DbError, Reads};

/// How often a server says that it runs.
pub const SAYS_SO: Duration = Duration::from_secs(15);
/// A row of one that is gone is kept so long, to be seen.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// As configured, or machine and process.
    pub name: String,
    /// Of the program.
    pub version: String,
    /// The newest change of the schema that it knows.
    pub migration: i64,
    /// Where it listens.
    pub address: String,
    /// When it was started.
    pub started: Moment,
    /// When it last said that it runs.
    pub seen: Moment,
}

impl Server {
    /// This process.
    pub fn this(name: String, address: String, now: Moment) -> Self {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Self { name, version, migration: db::newest_migration(), address, started: now, seen: now }
    }

    /// Whether it runs, as far as anybody can tell.
    pub fn runs(&self, now: Moment) -> bool {
        self.seen > now.minus(db::SERVER_SILENT_MAX)
    }
}

/// Says that this server runs. Gives whether the database has been changed by a newer one meanwhile.
pub async fn say_so(db: &Db, this: &Server, now: Moment) -> Result<bool, DbError> {
    let Some(mut aside) = db.aside().await? else { return Ok(false) };
    let this = Server { seen: now, ..this.clone() };
    sql::keep(aside.conn(), &this).await?;
    sql::forget(aside.conn(), now.minus(KEPT)).await?;
    let newest = sql::migration(aside.conn()).await?;
    aside.commit().await?;
    Ok(newest > this.migration)
}

/// Says that it ends.
pub async fn say_goodbye(db: &Db, this: &Server) -> Result<(), DbError> {
    let Some(mut aside) = db.aside().await? else { return Ok(()) };
    sql::remove(aside.conn(), &this.name).await?;
    aside.commit().await
}

/// All that are known, also those that were killed within the last days.
pub async fn all(reads: &mut impl Reads) -> Result<Vec<Server>, DbError> {
    sql::all(reads.conn()).await
}
