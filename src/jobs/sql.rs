//! The statements of jobs' rows.

use std::collections::HashMap;

use super::claim::{Key, Row};
use crate::clock::Moment;
use crate::db::{Conn, DbError, query, query_scalar};

type Result<T> = std::result::Result<T, DbError>;

/// Every row by the name of its job.
pub(super) async fn rows(conn: &mut Conn) -> Result<HashMap<String, Row>> {
    let rows = query(
        "select name, next_at, claimed_by, lease_until, started_at, ended_at, outcome, failed, progress
         from job order by name",
    )
    .fetch_all(conn)
    .await?;
    let row = |row: &crate::db::Row| {
        let claimed_by: Option<String> = row.try_get(2)?;
        let lease_until: Option<i64> = row.try_get(3)?;
        let read = Row {
            next_at: Moment(row.try_get(1)?),
            claim: claimed_by.zip(lease_until.map(Moment)),
            started: row.try_get::<Option<i64>>(4)?.map(Moment),
            ended: row.try_get::<Option<i64>>(5)?.map(Moment),
            outcome: row.try_get(6)?,
            failed: row.try_get(7)?,
            progress: row.try_get(8)?,
        };
        Ok((row.try_get(0)?, read))
    };
    rows.iter().map(row).collect()
}

/// From when on a job can be claimed.
pub(super) async fn free_at(conn: &mut Conn, job: &str) -> Result<Option<Moment>> {
    let at: Option<i64> = query_scalar(
        "select case when claimed_by is not null and lease_until > next_at then lease_until else next_at end
         from job where name = ?",
    )
    .bind(job)
    .fetch_optional(conn)
    .await?;
    Ok(at.map(Moment))
}

/// Claims a job for somebody until a moment, if nobody else has it; with `due` only if it is. Gives where its last run was broken off.
pub(super) async fn claim(
    conn: &mut Conn,
    job: &str,
    (by, until): (&str, Moment),
    now: Moment,
    due: bool,
) -> Result<Option<Option<String>>> {
    let row = query(
        "insert into job (name, next_at, claimed_by, lease_until, started_at) values (?1, ?2, ?3, ?4, ?2)
         on conflict (name) do update
         set claimed_by = excluded.claimed_by, lease_until = excluded.lease_until, started_at = excluded.started_at
         where (job.claimed_by is null or job.lease_until <= ?2) and (job.next_at <= ?2 or ?5 = 0)
         returning progress",
    )
    .bind(job)
    .bind(now.0)
    .bind(by)
    .bind(until.0)
    .bind(due)
    .fetch_optional(conn)
    .await?;
    row.map(|row| row.try_get(0)).transpose()
}

/// Makes the lease of a claim longer, and keeps in mind where the run is if that is told. Gives whether the claim still holds.
pub(super) async fn note(
    conn: &mut Conn,
    (job, by, since): &Key,
    until: Moment,
    progress: Option<&str>,
) -> Result<bool> {
    let done = query(
        "update job set lease_until = ?, progress = coalesce(?, progress)
         where name = ? and claimed_by = ? and started_at = ?",
    )
    .bind(until.0)
    .bind(progress)
    .bind(*job)
    .bind(by)
    .bind(since.0)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Ends a claim with what came of the run.
pub(super) async fn end(
    conn: &mut Conn,
    (job, by, since): &Key,
    (ended, next): (Moment, Moment),
    (outcome, failed): (&str, bool),
    keeps_progress: bool,
) -> Result<()> {
    query(
        "update job set claimed_by = null, lease_until = null, ended_at = ?, next_at = ?, outcome = ?, failed = ?,
                        progress = case when ? = 1 then progress else null end
         where name = ? and claimed_by = ? and started_at = ?",
    )
    .bind(ended.0)
    .bind(next.0)
    .bind(outcome)
    .bind(failed)
    .bind(keeps_progress)
    .bind(*job)
    .bind(by)
    .bind(since.0)
    .execute(conn)
    .await?;
    Ok(())
}
