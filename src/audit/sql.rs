//! The statements of the audit.

use data_encoding::HEXUPPER;

use super::chain::Head;
use super::record::{Actor, Entry, Line, Outcome, Record};
use super::{Filter, Page};
use crate::clock::Moment;
use crate::db::{Conn, DbError, Row, Sql, query, query_scalar};
use crate::ids::{NodeId, ShareId, UserId};

type Result<T> = std::result::Result<T, DbError>;

macro_rules! select_entry {
    ($rest:literal) => {
        concat!(
            "select seq, at, latest, outcome, verb, actor_id, actor, channel, device, address, agent, request, share_id,
                    node_id, path, target, status, bytes, times, note, hash
             from audit ",
            $rest
        )
    };
}

/// A row, or `None` when it holds what no record can: then it was not written by us.
fn entry(row: &Row) -> Option<Entry> {
    let line = |column| Some(Line::stored(row.try_get(column).ok()?));
    let maybe_line = |column| Some(row.try_get::<Option<String>>(column).ok()?.map(Line::stored));
    let maybe_id = |column| row.try_get::<Option<i64>>(column).ok();
    let bytes = match maybe_id(17)? {
        Some(bytes) => Some(u64::try_from(bytes).ok()?),
        None => None,
    };
    let status = match maybe_id(16)? {
        Some(status) => Some(u16::try_from(status).ok()?),
        None => None,
    };
    let record = Record {
        at: Moment(row.try_get(1).ok()?),
        outcome: Outcome::stored(row.try_get(3).ok()?)?,
        verb: line(4)?,
        actor: Actor {
            id: maybe_id(5)?.map(UserId),
            name: line(6)?,
            channel: line(7)?,
            device: maybe_line(8)?,
            address: maybe_line(9)?,
            agent: maybe_line(10)?,
            request: maybe_line(11)?,
        },
        share: maybe_id(12)?.map(ShareId),
        node: maybe_id(13)?.map(NodeId),
        path: maybe_line(14)?,
        target: maybe_line(15)?,
        status,
        bytes,
        times: u64::try_from(row.try_get::<i64>(18).ok()?).ok()?,
        note: maybe_line(19)?,
    };
    let hash = row.try_get::<&[u8]>(20).ok()?.try_into().ok()?;
    Some(Entry { seq: row.try_get(0).ok()?, latest: Moment(row.try_get(2).ok()?), record, hash })
}

fn page(rows: &[Row]) -> Result<Page> {
    rows.iter().map(|row| Ok((row.try_get(0)?, entry(row)))).collect()
}

fn hash_in(row: &Row, column: usize) -> Result<[u8; 32]> {
    let hash: &[u8] = row.try_get(column)?;
    hash.try_into().map_err(|_| DbError::Lost("a hash of the audit has not 32 bytes".into()))
}

/// The last record: number, latest time, hash.
pub(super) async fn last(conn: &mut Conn) -> Result<Option<(Head, Moment)>> {
    let row = query("select seq, hash, latest from audit order by seq desc limit 1").fetch_optional(conn).await?;
    row.map(|row| Ok((Head { seq: row.try_get(0)?, hash: hash_in(&row, 1)? }, Moment(row.try_get(2)?)))).transpose()
}

fn text(line: &Option<Line>) -> Option<&str> {
    line.as_ref().map(Line::as_str)
}

pub(super) async fn insert(conn: &mut Conn, seq: i64, latest: Moment, record: &Record, hash: &[u8; 32]) -> Result<()> {
    let Record { at, actor, verb, outcome, share, node, path, target, status, bytes, times, note } = record;
    query(
        "insert into audit (seq, at, latest, outcome, verb, actor_id, actor, channel, device, address, agent, request,
                            share_id, node_id, path, target, status, bytes, times, note, hash)
         values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(seq)
    .bind(at.0)
    .bind(latest.0)
    .bind(*outcome as i64)
    .bind(verb.as_str())
    .bind(actor.id.map(|id| id.0))
    .bind(actor.name.as_str())
    .bind(actor.channel.as_str())
    .bind(text(&actor.device))
    .bind(text(&actor.address))
    .bind(text(&actor.agent))
    .bind(text(&actor.request))
    .bind(share.map(|id| id.0))
    .bind(node.map(|id| id.0))
    .bind(text(path))
    .bind(text(target))
    .bind(status.map(i64::from))
    .bind(bytes.map(u64::cast_signed))
    .bind(times.cast_signed())
    .bind(text(note))
    .bind(hash.as_slice())
    .execute(conn)
    .await?;
    Ok(())
}

/// Many records with their numbers, latest times and hashes at once: to a database elsewhere each statement is a journey, and all who write wait meanwhile.
pub(super) async fn insert_all(conn: &mut Conn, records: &[(Head, Moment, &Record)]) -> Result<()> {
    let rows: Vec<serde_json::Value> =
        records.iter().map(|(head, latest, record)| row_of(head, *latest, record)).collect();
    let insert = Sql::two(
        "insert into audit (seq, at, latest, outcome, verb, actor_id, actor, channel, device, address, agent, request,
                            share_id, node_id, path, target, status, bytes, times, note, hash)
         select value ->> 'seq', value ->> 'at', value ->> 'latest', value ->> 'outcome', value ->> 'verb', value ->> 'actor_id',
                value ->> 'actor', value ->> 'channel', value ->> 'device', value ->> 'address', value ->> 'agent', value ->> 'request',
                value ->> 'share_id', value ->> 'node_id', value ->> 'path', value ->> 'target', value ->> 'status', value ->> 'bytes',
                value ->> 'times', value ->> 'note', unhex(value ->> 'hash')
         from json_each(?)",
        "insert into audit (seq, at, latest, outcome, verb, actor_id, actor, channel, device, address, agent, request,
                            share_id, node_id, path, target, status, bytes, times, note, hash)
         select seq, at, latest, outcome, verb, actor_id, actor, channel, device, address, agent, request,
                share_id, node_id, path, target, status, bytes, times, note, unhex(hash)
         from json_to_recordset(cast(cast(? as text) as json)) as r (
             seq bigint, at bigint, latest bigint, outcome bigint, verb text, actor_id bigint, actor text, channel text, device text,
             address text, agent text, request text, share_id bigint, node_id bigint, path text, target text, status bigint,
             bytes bigint, times bigint, note text, hash text)",
    );
    query(insert).bind(serde_json::Value::from(rows).to_string()).execute(conn).await?;
    Ok(())
}

fn row_of(head: &Head, latest: Moment, record: &Record) -> serde_json::Value {
    let Record { at, actor, verb, outcome, share, node, path, target, status, bytes, times, note } = record;
    serde_json::json!({
        "seq": head.seq, "at": at.0, "latest": latest.0, "outcome": *outcome as i64, "verb": verb.as_str(),
        "actor_id": actor.id.map(|id| id.0), "actor": actor.name.as_str(), "channel": actor.channel.as_str(),
        "device": text(&actor.device), "address": text(&actor.address), "agent": text(&actor.agent),
        "request": text(&actor.request), "share_id": share.map(|id| id.0), "node_id": node.map(|id| id.0),
        "path": text(path), "target": text(target), "status": status, "bytes": bytes.map(u64::cast_signed),
        "times": times.cast_signed(), "note": text(note), "hash": HEXUPPER.encode(&head.hash),
    })
}

/// The next records after the number `after` that the filter lets through, the oldest first.
pub(super) async fn after(conn: &mut Conn, after: i64, filter: &Filter, limit: i64) -> Result<Page> {
    let rows = query(select_entry!(
        "where seq > ?1 and (?2 is null or outcome = ?2) and (?3 is null or verb = ?3)
           and (?4 is null or actor_id = ?4 or actor = ?5) and at >= ?6 and at < ?7
         order by seq limit ?8"
    ));
    page(&filtered(rows.bind(after), filter).bind(limit).fetch_all(conn).await?)
}

/// The last records before the number `before` that the filter lets through, the newest first.
pub(super) async fn before(conn: &mut Conn, before: i64, filter: &Filter, limit: i64) -> Result<Page> {
    let rows = query(select_entry!(
        "where seq < ?1 and (?2 is null or outcome = ?2) and (?3 is null or verb = ?3)
           and (?4 is null or actor_id = ?4 or actor = ?5) and at >= ?6 and at < ?7
         order by seq desc limit ?8"
    ));
    page(&filtered(rows.bind(before), filter).bind(limit).fetch_all(conn).await?)
}

fn filtered<'q>(rows: crate::db::Query<'q>, filter: &'q Filter) -> crate::db::Query<'q> {
    let (id, name) = filter.user.as_ref().map(|(id, name)| (id.map_or(-1, |id| id.0), name.as_str())).unzip();
    rows.bind(filter.outcome.map(|outcome| outcome as i64))
        .bind(filter.verb.as_deref())
        .bind(id)
        .bind(name)
        .bind(filter.since.map_or(i64::MIN, |since| since.0))
        .bind(filter.until.map_or(i64::MAX, |until| until.0))
}

/// The first record from the number `seq` on: its number and the latest time up to it.
pub(super) async fn from(conn: &mut Conn, seq: i64) -> Result<Option<(i64, Moment)>> {
    let row = query("select seq, latest from audit where seq >= ? order by seq limit 1").bind(seq);
    row.fetch_optional(conn).await?.map(|row| Ok((row.try_get(0)?, Moment(row.try_get(1)?)))).transpose()
}

pub(super) async fn hash_of(conn: &mut Conn, seq: i64) -> Result<Option<[u8; 32]>> {
    let row = query("select hash from audit where seq = ?").bind(seq).fetch_optional(conn).await?;
    row.map(|row| hash_in(&row, 0)).transpose()
}

/// Up to where the log was cut off on purpose.
pub(super) async fn stump(conn: &mut Conn) -> Result<Option<Head>> {
    let row = query("select seq, hash from audit_stump where id = 1").fetch_optional(conn).await?;
    row.map(|row| Ok(Head { seq: row.try_get(0)?, hash: hash_in(&row, 1)? })).transpose()
}

/// Of the oldest `slice` records, the last from before `before`.
pub(super) async fn last_expired(conn: &mut Conn, before: Moment, slice: i64) -> Result<Option<i64>> {
    query_scalar("select max(seq) from (select seq, latest from audit order by seq limit ?) as oldest where latest < ?")
        .bind(slice)
        .bind(before.0)
        .fetch_one(conn)
        .await
}

/// Removes everything up to the stump, which is set first: only there the log lets itself be cut.
pub(super) async fn cut(conn: &mut Conn, stump: &Head) -> Result<u64> {
    query(
        "insert into audit_stump (id, seq, hash) values (1, ?, ?)
         on conflict (id) do update set seq = excluded.seq, hash = excluded.hash",
    )
    .bind(stump.seq)
    .bind(stump.hash.as_slice())
    .execute(conn)
    .await?;
    Ok(query("delete from audit where seq <= ?").bind(stump.seq).execute(conn).await?.rows_affected())
}
