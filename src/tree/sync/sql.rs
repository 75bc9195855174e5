//! The statements about what has changed.

use std::collections::HashSet;

use serde_json::json;

use super::token::ViewId;
use crate::clock::Moment;
use crate::db::{Conn, DbError, Row, query, query_scalar};
use crate::ids::{NodeId, ShareId};
use crate::tree::{Kind, Node, sql as tree_sql};

type Result<T> = std::result::Result<T, DbError>;

/// A row of the change log, as far as it matters here.
#[derive(Debug)]
pub(super) struct Entry {
    pub seq: i64,
    pub op: i64,
    pub node: NodeId,
    pub left: Option<Left>,
}

/// Where its node was.
#[derive(Debug)]
pub(super) struct Left {
    pub kind: Kind,
    /// From the share's root on.
    pub ids: Vec<NodeId>,
    pub path: String,
}

pub(super) async fn key(conn: &mut Conn) -> Result<String> {
    query_scalar("select value from site where key = 'sync_key'").fetch_one(conn).await
}

pub(super) async fn remember(conn: &mut Conn, id: ViewId, shown: &str, now: Moment) -> Result<()> {
    query(
        "insert into sync_view (id, shown, used_at) values (?, ?, ?)
         on conflict (id) do update set used_at = excluded.used_at",
    )
    .bind(id.0.as_slice())
    .bind(shown)
    .bind(now.0)
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn view(conn: &mut Conn, id: ViewId) -> Result<Option<String>> {
    query_scalar("select shown from sync_view where id = ?").bind(id.0.as_slice()).fetch_optional(conn).await
}

pub(super) async fn sequence(conn: &mut Conn, share: ShareId) -> Result<Option<i64>> {
    query_scalar("select seq from share where id = ? and active = 1").bind(share.0).fetch_optional(conn).await
}

/// The first row that the log still has.
pub(super) async fn first(conn: &mut Conn, share: ShareId) -> Result<Option<i64>> {
    query_scalar("select seq from change where share_id = ? order by seq limit 1")
        .bind(share.0)
        .fetch_optional(conn)
        .await
}

pub(super) async fn entries(conn: &mut Conn, share: ShareId, after: i64, limit: i64) -> Result<Vec<Entry>> {
    let rows = query(
        "select change.seq, change.op, change.node_id, departure.kind, departure.ids, departure.path
         from change left join departure on departure.share_id = change.share_id and departure.seq = change.seq
         where change.share_id = ? and change.seq > ? order by change.seq limit ?",
    );
    let rows = rows.bind(share.0).bind(after).bind(limit).fetch_all(conn).await?;
    rows.iter().map(entry).collect()
}

/// Those of these nodes that came to their places after that row of that share's log: made, copied, moved, restored.
pub(super) async fn arrivals(
    conn: &mut Conn,
    (share, after): (ShareId, i64),
    nodes: impl IntoIterator<Item = NodeId>,
) -> Result<HashSet<NodeId>> {
    let ids = query_scalar(
        "select distinct node_id from change
         where share_id = ? and seq > ? and op in (1, 5, 6, 7) and node_id in (select value from json_each(?))",
    );
    let ids: Vec<i64> = ids.bind(share.0).bind(after).bind(list(nodes)).fetch_all(conn).await?;
    Ok(ids.into_iter().map(NodeId).collect())
}

fn entry(row: &Row) -> Result<Entry> {
    let left = match row.try_get::<Option<i64>>(3)? {
        Some(kind) => Some(Left {
            kind: if kind == 0 { Kind::Collection } else { Kind::File },
            ids: node_ids(row.try_get(4)?)?,
            path: row.try_get(5)?,
        }),
        None => None,
    };
    Ok(Entry { seq: row.try_get(0)?, op: row.try_get(1)?, node: NodeId(row.try_get(2)?), left })
}

fn node_ids(text: &str) -> Result<Vec<NodeId>> {
    let ids: Vec<i64> = serde_json::from_str(text)
        .map_err(|error| DbError::Lost(format!("a row of the change log can't be read: {error}").into()))?;
    Ok(ids.into_iter().map(NodeId).collect())
}

fn list(nodes: impl IntoIterator<Item = NodeId>) -> String {
    json!(nodes.into_iter().map(|node| node.0).collect::<Vec<_>>()).to_string()
}

/// These nodes and all above them, each once.
pub(super) async fn with_ancestors(conn: &mut Conn, nodes: &[NodeId]) -> Result<Vec<Node>> {
    let rows = query(
        "with recursive up (id) as (
             select value from json_each(?1)
             union
             select node.parent_id from up join node on node.id = up.id where node.parent_id is not null
         )
         select node.id, share_id, parent_id, name, kind, content_id, size, modified_at, created_at, seq,
                lease_user, lease_until, has_props
         from up join node on node.id = up.id",
    );
    let rows = rows.bind(list(nodes.iter().copied())).fetch_all(conn).await?;
    rows.iter().map(tree_sql::node).collect()
}

/// Some of the nodes at and below these, in the order of their ids.
pub(super) async fn below(conn: &mut Conn, roots: &[NodeId], after: i64, limit: i64) -> Result<Vec<NodeId>> {
    let ids = query_scalar(
        "with recursive walk (id) as (
             select value from json_each(?1)
             union
             select node.id from walk join node on node.parent_id = walk.id
         )
         select id from walk where id > ?2 order by id limit ?3",
    );
    let ids: Vec<i64> = ids.bind(list(roots.iter().copied())).bind(after).bind(limit).fetch_all(conn).await?;
    Ok(ids.into_iter().map(NodeId).collect())
}

/// Some of the members of a collection, in the order of their ids.
pub(super) async fn members(conn: &mut Conn, parent: NodeId, after: i64, limit: i64) -> Result<Vec<NodeId>> {
    let ids = query_scalar("select id from node where parent_id = ? and id > ? order by id limit ?");
    let ids: Vec<i64> = ids.bind(parent.0).bind(after).bind(limit).fetch_all(conn).await?;
    Ok(ids.into_iter().map(NodeId).collect())
}

/// A share whose log begins with a row from before that moment which isn't its last one.
pub(super) async fn share_with_old_rows(conn: &mut Conn, before: Moment) -> Result<Option<ShareId>> {
    let id: Option<i64> = query_scalar(
        "select share.id from share
         join change on change.share_id = share.id
                    and change.seq = (select min(first.seq) from change first where first.share_id = share.id)
         where change.at < ? and change.seq < share.seq order by share.id limit 1",
    )
    .bind(before.0)
    .fetch_optional(conn)
    .await?;
    Ok(id.map(ShareId))
}

/// Removes the first rows of a share's log, some of those from before that moment; the last one stays.
pub(super) async fn forget_rows(conn: &mut Conn, share: ShareId, before: Moment, limit: i64) -> Result<()> {
    let until: Option<i64> = query_scalar(
        "select max(old.seq) from (
             select seq from change
             where share_id = ?1 and at < ?2 and seq < (select seq from share where id = ?1) order by seq limit ?3
         ) old",
    )
    .bind(share.0)
    .bind(before.0)
    .bind(limit)
    .fetch_one(&mut *conn)
    .await?;
    query("delete from change where share_id = ? and seq <= ?; delete from departure where share_id = ? and seq <= ?")
        .bind(share.0)
        .bind(until)
        .bind(share.0)
        .bind(until)
        .execute(conn)
        .await?;
    Ok(())
}

pub(super) async fn forget_views(conn: &mut Conn, before: Moment) -> Result<()> {
    query("delete from sync_view where used_at < ?").bind(before.0).execute(conn).await?;
    Ok(())
}
