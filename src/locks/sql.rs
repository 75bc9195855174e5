//! The statements about locks. What has ended is left out by the question; the sweep removes it in its own time.

use serde_json::json;

use super::{Lock, LockKind, Wanted};
use crate::clock::Moment;
use crate::db::{Conn, DbError, Row, Sql, query, query_scalar};
use crate::ids::{NodeId, OrgId, ShareId, UserId};

type Result<T> = std::result::Result<T, DbError>;

fn lock(row: &Row) -> Result<Lock> {
    let wanted_by: Option<i64> = row.try_get(12)?;
    let wanted_name: Option<String> = row.try_get(13)?;
    let lapses: Option<i64> = row.try_get(14)?;
    Ok(Lock {
        id: row.try_get(0)?,
        share: ShareId(row.try_get(1)?),
        node: NodeId(row.try_get(2)?),
        token: row.try_get(3)?,
        kind: match row.try_get::<i64>(4)? {
            0 => LockKind::Dav,
            1 => LockKind::User,
            _ => LockKind::Auto,
        },
        exclusive: row.try_get(5)?,
        deep: row.try_get(6)?,
        holder: UserId(row.try_get(7)?),
        holder_name: row.try_get(8)?,
        owner: row.try_get(9)?,
        created: Moment(row.try_get(10)?),
        granted_s: row.try_get(11)?,
        wanted: match (wanted_by, wanted_name, lapses) {
            (Some(by), Some(by_name), Some(lapses)) => Some(Wanted { by: UserId(by), by_name, lapses: Moment(lapses) }),
            _ => None,
        },
        expires: row.try_get::<Option<i64>>(15)?.map(Moment),
        fresh: row.try_get(16)?,
    })
}

/// The columns of a lock and the tables they come from; `?1` is the present moment. What lies in the trash has no locks.
macro_rules! live_locks {
    ($where:literal) => {
        concat!(
            "select l.id, l.share_id, l.node_id, l.token, l.kind, l.exclusive, l.deep, l.holder_id, u.name, l.owner,
                    l.created_at, l.granted_s, l.wanted_by, w.name, l.lapses_at, l.expires_at, l.fresh
             from lock l join user u on u.id = l.holder_id left join user w on w.id = l.wanted_by
             where (l.expires_at is null or l.expires_at > ?1) and (l.lapses_at is null or l.lapses_at > ?1) and ",
            $where
        )
    };
}

fn locks(rows: &[Row]) -> Result<Vec<Lock>> {
    rows.iter().map(lock).collect()
}

pub(super) async fn on_nodes(conn: &mut Conn, nodes: &[NodeId], now: Moment) -> Result<Vec<Lock>> {
    let ids = json!(nodes.iter().map(|id| id.0).collect::<Vec<_>>()).to_string();
    let rows = query(live_locks!("l.node_id in (select value from json_each(?2)) order by l.id"))
        .bind(now.0)
        .bind(ids)
        .fetch_all(conn)
        .await?;
    locks(&rows)
}

/// Locks whose root lies below `node`, found from the few locks upward and not from the many nodes downward.
pub(super) async fn below(conn: &mut Conn, share: ShareId, node: NodeId, now: Moment) -> Result<Vec<Lock>> {
    let rows = query(live_locks!(
        "l.share_id = ?2 and l.node_id <> ?3 and l.id in (
             with recursive up (lock_id, node_id) as (
                 select id, node_id from lock where share_id = ?2
                 union all
                 select up.lock_id, node.parent_id from up join node on node.id = up.node_id
                 where node.parent_id is not null and up.node_id <> ?3
             )
             select lock_id from up where node_id = ?3
         ) order by l.id"
    ))
    .bind(now.0)
    .bind(share.0)
    .bind(node.0)
    .fetch_all(conn)
    .await?;
    locks(&rows)
}

/// All locks, the newest first; what lies in a trash is left out.
pub(super) async fn all(conn: &mut Conn, now: Moment) -> Result<Vec<Lock>> {
    let rows = query(live_locks!(
        "not exists (
             with recursive up (id) as (
                 select l.node_id union all
                 select node.parent_id from up join node on node.id = up.id where node.parent_id is not null
             )
             select 1 from up join share on share.trash_id = up.id
         ) order by l.id desc"
    ))
    .bind(now.0)
    .fetch_all(conn)
    .await?;
    locks(&rows)
}

/// The locks that a person holds in a share, but for those of deleted files, which wait in the trash for their editor.
pub(super) async fn held(conn: &mut Conn, share: ShareId, holder: UserId, now: Moment) -> Result<Vec<Lock>> {
    let rows = query(live_locks!(
        "l.share_id = ?2 and l.holder_id = ?3 and not exists (
             select 1 from node join share on share.trash_id = node.parent_id where node.id = l.node_id
         ) order by l.id"
    ))
    .bind(now.0)
    .bind(share.0)
    .bind(holder.0)
    .fetch_all(conn)
    .await?;
    locks(&rows)
}

/// A new lock; `lock.id` is not looked at.
pub(super) async fn insert(conn: &mut Conn, lock: &Lock) -> Result<()> {
    query(
        "insert into lock (share_id, node_id, token, kind, exclusive, deep, holder_id, owner, created_at, granted_s,
                           expires_at, fresh)
         values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(lock.share.0)
    .bind(lock.node.0)
    .bind(&lock.token)
    .bind(lock.kind as i64)
    .bind(lock.exclusive)
    .bind(lock.deep)
    .bind(lock.holder.0)
    .bind(&lock.owner)
    .bind(lock.created.0)
    .bind(lock.granted_s)
    .bind(lock.expires.map(|m| m.0))
    .bind(lock.fresh)
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn prolong(conn: &mut Conn, id: i64, granted_s: Option<u32>, expires: Option<Moment>) -> Result<()> {
    query("update lock set granted_s = ?, expires_at = ? where id = ?")
        .bind(granted_s)
        .bind(expires.map(|m| m.0))
        .bind(id)
        .execute(conn)
        .await?;
    Ok(())
}

pub(super) async fn want(conn: &mut Conn, id: i64, by: UserId, lapses: Moment) -> Result<()> {
    query("update lock set wanted_by = ?, lapses_at = ? where id = ?")
        .bind(by.0)
        .bind(lapses.0)
        .bind(id)
        .execute(conn)
        .await?;
    Ok(())
}

pub(super) async fn count(conn: &mut Conn) -> Result<i64> {
    query_scalar("select count(*) from lock").fetch_one(conn).await
}

pub(super) async fn delete(conn: &mut Conn, id: i64) -> Result<()> {
    query("delete from lock where id = ?").bind(id).execute(conn).await?;
    Ok(())
}

/// Removes a lock and keeps that it was broken.
pub(super) async fn break_up(conn: &mut Conn, lock: &Lock, by: Option<UserId>, now: Moment) -> Result<()> {
    query(
        "insert into broken_lock (token, share_id, node_id, holder_id, broken_by, broken_at)
         values (?, ?, ?, ?, ?, ?)
         on conflict (token) do update set broken_by = excluded.broken_by, broken_at = excluded.broken_at;
         delete from lock where id = ?",
    )
    .bind(&lock.token)
    .bind(lock.share.0)
    .bind(lock.node.0)
    .bind(lock.holder.0)
    .bind(by.map(|by| by.0))
    .bind(now.0)
    .bind(lock.id)
    .execute(conn)
    .await?;
    Ok(())
}

/// Whether one of these tokens was a lock of `holder` on `node` that somebody broke, or that has lapsed.
pub(super) async fn was_broken(
    conn: &mut Conn,
    tokens: &[&str],
    node: NodeId,
    holder: UserId,
    now: Moment,
) -> Result<bool> {
    macro_rules! broken {
        ($tokens:literal) => {
            concat!(
                "select exists (select 1 from broken_lock where token in (select value from ",
                $tokens,
                ") and node_id = ?2 and holder_id = ?3)
                     or exists (select 1 from lock where token in (select value from ",
                $tokens,
                ") and node_id = ?2 and holder_id = ?3 and lapses_at <= ?4)"
            )
        };
    }
    query_scalar(Sql::two(broken!("json_each(?1)"), broken!("json_texts(?1)")))
        .bind(json!(tokens).to_string())
        .bind(node.0)
        .bind(holder.0)
        .bind(now.0)
        .fetch_one(conn)
        .await
}

/// Removes the locks at and below `root`, which has been moved: a lock stays at its URL (RFC 4918 section 7.7).
pub(super) async fn delete_at_and_below(conn: &mut Conn, share: ShareId, root: NodeId) -> Result<()> {
    query(
        "delete from lock where share_id = ?1 and id in (
             with recursive up (lock_id, node_id) as (
                 select id, node_id from lock where share_id = ?1
                 union all
                 select up.lock_id, node.parent_id from up join node on node.id = up.node_id
                 where node.parent_id is not null and up.node_id <> ?2
             )
             select lock_id from up where node_id = ?2
         )",
    )
    .bind(share.0)
    .bind(root.0)
    .execute(conn)
    .await?;
    Ok(())
}

/// The file has been written: its lock no longer stands for a file that exists only because of it.
pub(super) async fn settle(conn: &mut Conn, node: NodeId) -> Result<()> {
    query("update lock set fresh = 0 where node_id = ? and fresh = 1").bind(node.0).execute(conn).await?;
    Ok(())
}

/// The share's switches about locks: auto lock, collision copies, hand-over time in seconds.
pub(super) async fn switches(conn: &mut Conn, share: ShareId) -> Result<(bool, bool, i64)> {
    let row = query("select auto_lock, collision_copies, handover_s from share where id = ?")
        .bind(share.0)
        .fetch_one(conn)
        .await?;
    Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
}

/// A lock whose time was over before its file was written.
pub(super) struct Unwritten {
    pub lock: i64,
    pub node: NodeId,
    pub holder: UserId,
    pub share: (ShareId, OrgId),
}

/// At most `limit` of them, in active shares. What has lapsed isn't there: somebody wants that file.
pub(super) async fn unwritten(conn: &mut Conn, now: Moment, limit: i64) -> Result<Vec<Unwritten>> {
    let rows = query(
        "select l.id, l.node_id, l.holder_id, share.id, share.org_id
         from lock l join share on share.id = l.share_id and share.active = 1
         where l.fresh = 1 and l.expires_at <= ? and (l.lapses_at is null or l.lapses_at > l.expires_at)
         order by l.id limit ?",
    );
    let unwritten = |row: &Row| {
        let share = (ShareId(row.try_get(3)?), OrgId(row.try_get(4)?));
        Ok(Unwritten { lock: row.try_get(0)?, node: NodeId(row.try_get(1)?), holder: UserId(row.try_get(2)?), share })
    };
    rows.bind(now.0).bind(limit).fetch_all(conn).await?.iter().map(unwritten).collect()
}

/// Keeps of the locks that have lapsed who lost them, and to whom.
pub(super) async fn record_lapsed(conn: &mut Conn, now: Moment) -> Result<()> {
    query(
        "insert into broken_lock (token, share_id, node_id, holder_id, broken_by, broken_at)
         select token, share_id, node_id, holder_id, wanted_by, lapses_at from lock
         where lapses_at <= ? and (expires_at is null or expires_at > lapses_at)
         on conflict (token) do nothing",
    )
    .bind(now.0)
    .execute(conn)
    .await?;
    Ok(())
}

/// Removes locks that have ended, at most `limit`; how many.
pub(super) async fn delete_ended(conn: &mut Conn, now: Moment, limit: i64) -> Result<u64> {
    let delete =
        query("delete from lock where id in (select id from lock where expires_at <= ?1 or lapses_at <= ?1 limit ?2)");
    Ok(delete.bind(now.0).bind(limit).execute(conn).await?.rows_affected())
}

/// Forgets locks that were broken at `until` or before, at most `limit`; how many.
pub(super) async fn forget_broken(conn: &mut Conn, until: Moment, limit: i64) -> Result<u64> {
    let delete =
        query("delete from broken_lock where token in (select token from broken_lock where broken_at <= ? limit ?)");
    Ok(delete.bind(until.0).bind(limit).execute(conn).await?.rows_affected())
}

/// Forgets names that were left at `until` or before, at most `limit`; how many.
pub(super) async fn forget_vacated(conn: &mut Conn, until: Moment, limit: i64) -> Result<u64> {
    let delete = query(
        "delete from vacated where (parent_id, name_key) in
             (select parent_id, name_key from vacated where left_at <= ? limit ?)",
    );
    Ok(delete.bind(until.0).bind(limit).execute(conn).await?.rows_affected())
}
