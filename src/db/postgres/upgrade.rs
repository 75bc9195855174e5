//! Bringing the schema of a database server up to date, under the eyes of older servers that may be running.
//!
//! A change of the schema comes in two steps, in two versions of this program: the first one expands, adding what the newer servers need and older ones
//! don't see; a later one contracts, taking away what only older ones rest on. So servers are replaced one after the other. One that contracts
//! is held back here as long as an older server runs.

use sqlx::migrate::Migrator;

use super::super::DbError;
use super::super::source::Purpose;
use super::{Address, PgConn};
use crate::clock::Moment;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// The changes of the schema that older servers can't live with. None so far.
const CONTRACTS: &[i64] = &[];

/// What a server of a site is known to be, by its row in the table `server`.
struct Older {
    name: String,
    version: String,
}

/// Brings the schema up to date, or to a version; one process at a time does, sqlx sees to that.
///
/// Errors: [`DbError::Newer`] for a schema that this binary doesn't know; [`DbError::Older`] when servers run that can't live with what is to be changed.
pub(in super::super) async fn migrate(address: &Address, version: Option<i64>) -> Result<(), DbError> {
    let mut conn = PgConn::open(address, Purpose::WriteDurably).await?;
    let pending = pending(&mut conn).await?;
    if !pending.is_empty() {
        let older = older(&mut conn).await?;
        allow(&pending, CONTRACTS, &older)?;
    }
    match version {
        None => MIGRATIONS.run(conn.inner()).await?,
        Some(version) => MIGRATIONS.run_to(version, conn.inner()).await?,
    }
    conn.close().await;
    Ok(())
}

/// The newest change of the schema that this binary knows.
pub(in super::super) fn newest_migration() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// The changes that the database has not seen; none of an empty one, which nobody uses.
async fn pending(conn: &mut PgConn) -> Result<Vec<i64>, DbError> {
    if !is_there(conn, "_sqlx_migrations").await? {
        return Ok(Vec::new());
    }
    let seen = sqlx::query_scalar("select version from _sqlx_migrations").fetch_all(conn.inner()).await;
    let seen: Vec<i64> = seen.map_err(|error| super::meaning(&error))?;
    Ok(MIGRATIONS.iter().map(|migration| migration.version).filter(|version| !seen.contains(version)).collect())
}

async fn is_there(conn: &mut PgConn, table: &str) -> Result<bool, DbError> {
    let found = sqlx::query_scalar("select to_regclass($1) is not null").bind(table).fetch_one(conn.inner()).await;
    found.map_err(|error| super::meaning(&error))
}

/// The servers that run and know less of the schema than this binary.
async fn older(conn: &mut PgConn) -> Result<Vec<Older>, DbError> {
    if !is_there(conn, "server").await? {
        return Ok(Vec::new());
    }
    let alive = Moment::now().minus(super::super::SERVER_SILENT_MAX);
    let found = sqlx::query_as("select name, version from server where seen_at > $1 and migration < $2 order by name");
    let found: Vec<(String, String)> = found
        .bind(alive.0)
        .bind(newest_migration())
        .fetch_all(conn.inner())
        .await
        .map_err(|error| super::meaning(&error))?;
    Ok(found.into_iter().map(|(name, version)| Older { name, version }).collect())
}

/// Whether the pending changes may be made while these servers run.
fn allow(pending: &[i64], contracts: &[i64], older: &[Older]) -> Result<(), DbError> {
    if older.is_empty() {
        return Ok(());
    }
    let names =
        older.iter().map(|server| format!("{} ({})", server.name, server.version)).collect::<Vec<_>>().join(", ");
    if pending.iter().any(|version| contracts.contains(version)) {
        return Err(DbError::Older(names.into()));
    }
    tracing::warn!(servers = %names, "the schema is brought up to date while older servers run; replace them soon");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn older() -> Vec<Older> {
        vec![Older { name: "one".into(), version: "0.1.0".into() }]
    }

    #[test]
    fn what_older_servers_rest_on_is_not_taken_away_under_them() {
        assert!(allow(&[12, 13], &[13], &older()).unwrap_err().to_string().contains("one (0.1.0)"));
        assert!(allow(&[12, 13], &[13], &[]).is_ok(), "nobody runs");
        assert!(allow(&[12], &[13], &older()).is_ok(), "what is only added disturbs nobody");
    }

    #[test]
    fn changes_that_contract_are_changes_that_there_are() {
        for version in CONTRACTS {
            assert!(MIGRATIONS.iter().any(|migration| migration.version == *version), "{version}");
        }
    }
}
