//! The statements about the trash.

use serde_json::json;

use super::{Measured, Period, Row};
use crate::clock::Moment;
use crate::db::{Conn, DbError, query, query_scalar};
use crate::ids::{NodeId, ShareId, UserId};
use crate::tree::{Node, node_of_row};

type Result<T> = std::result::Result<T, DbError>;

fn list(nodes: &[NodeId]) -> String {
    json!(nodes.iter().map(|node| node.0).collect::<Vec<_>>()).to_string()
}

/// Deleted things, the newest first; or the one of that id.
pub(super) async fn items(
    conn: &mut Conn,
    share: ShareId,
    period: Period,
    only: Option<NodeId>,
    limit: i64,
) -> Result<Vec<Row>> {
    let rows = query(
        "select node.id, node.share_id, node.parent_id, trash.name, kind, content_id, size, modified_at, node.created_at,
                seq, lease_user, lease_until, has_props,
                trash.parent_id, deleted_by, user.name, deleted_at, path
         from trash join node on node.id = trash.node_id left join user on user.id = deleted_by
         where trash.share_id = ? and deleted_at >= ? and deleted_at < ? and cast(? as bigint) in (0, node.id)
         order by deleted_at desc, seq desc, node.id desc limit ?",
    );
    let rows = rows.bind(share.0).bind(period.since.map_or(i64::MIN, |since| since.0));
    let rows = rows.bind(period.until.map_or(i64::MAX, |until| until.0)).bind(only.map_or(0, |node| node.0));
    let rows = rows.bind(limit).fetch_all(conn).await?;
    let row = |row: &crate::db::Row| {
        Ok(Row {
            node: node_of_row(row)?,
            parent: NodeId(row.try_get(13)?),
            deleted_by: UserId(row.try_get(14)?),
            deleted_by_name: row.try_get(15)?,
            deleted: Moment(row.try_get(16)?),
            path: row.try_get(17)?,
        })
    };
    rows.iter().map(row).collect()
}

/// What was deleted before a moment, the oldest first, after this one.
pub(super) async fn deleted_before(
    conn: &mut Conn,
    share: ShareId,
    before: Moment,
    after: Option<(Moment, NodeId)>,
    limit: i64,
) -> Result<Vec<(NodeId, Moment)>> {
    let (at, node) = after.map_or((i64::MIN, 0), |(at, node)| (at.0, node.0));
    let rows = query(
        "select node_id, deleted_at from trash
         where share_id = ?1 and deleted_at < ?2 and (deleted_at, node_id) > (?3, ?4)
         order by deleted_at, node_id limit ?5",
    );
    let rows = rows.bind(share.0).bind(before.0).bind(at).bind(node).bind(limit).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((NodeId(row.try_get(0)?), Moment(row.try_get(1)?)))).collect()
}

pub(super) async fn shares(conn: &mut Conn) -> Result<Vec<ShareId>> {
    let ids: Vec<i64> = query_scalar("select distinct share_id from trash order by share_id").fetch_all(conn).await?;
    Ok(ids.into_iter().map(ShareId).collect())
}

pub(super) async fn share_of(conn: &mut Conn, node: NodeId) -> Result<Option<ShareId>> {
    let share = query_scalar("select share_id from trash where node_id = ?").bind(node.0).fetch_optional(conn).await?;
    Ok(share.map(ShareId))
}

/// These nodes and all above them, where one that is in the trash hangs below the node that it was deleted from; and
/// whether it is.
pub(super) async fn above(conn: &mut Conn, nodes: &[NodeId]) -> Result<Vec<(NodeId, (Node, bool))>> {
    let rows = query(
        "with recursive up (id) as (
             select value from json_each(?)
             union
             select coalesce(trash.parent_id, node.parent_id)
             from up join node on node.id = up.id left join trash on trash.node_id = node.id
             where coalesce(trash.parent_id, node.parent_id) is not null
         )
         select node.id, node.share_id, coalesce(trash.parent_id, node.parent_id), coalesce(trash.name, node.name), kind,
                content_id, size, modified_at, created_at, seq, lease_user, lease_until, has_props,
                case when trash.node_id is null then 0 else 1 end
         from up join node on node.id = up.id left join trash on trash.node_id = node.id",
    );
    let rows = rows.bind(list(nodes)).fetch_all(conn).await?;
    rows.iter().map(|row| node_of_row(row).and_then(|node| Ok((node.id, (node, row.try_get(13)?))))).collect()
}

pub(super) async fn measure(conn: &mut Conn, nodes: &[NodeId]) -> Result<Vec<Measured>> {
    let rows = query(
        "with recursive walk (top, id) as (
             select node_id, node_id from trash where node_id in (select value from json_each(?))
             union all
             select walk.top, node.id from walk join node on node.parent_id = walk.id
         ), counted (top, items, bytes) as (
             select walk.top, count(*),
                    cast(sum(node.size + coalesce((select cast(sum(size) as bigint) from revision
                                                   where node_id = node.id), 0)) as bigint)
             from walk join node on node.id = walk.id group by walk.top
         )
         select node_id, counted.bytes, counted.items, version
         from trash join counted on counted.top = trash.node_id",
    );
    let rows = rows.bind(list(nodes)).fetch_all(conn).await?;
    let measured = |row: &crate::db::Row| {
        Ok(Measured {
            node: NodeId(row.try_get(0)?),
            bytes: row.try_get::<i64>(1)?.unsigned_abs(),
            items: row.try_get::<i64>(2)?.unsigned_abs(),
            version: row.try_get(3)?,
        })
    };
    rows.iter().map(measured).collect()
}

/// Nodes below one that say who may do what, and those between.
pub(super) async fn speaking_inside(conn: &mut Conn, top: NodeId) -> Result<Vec<Node>> {
    let rows = query(
        "with recursive walk (id, inherits) as (
             select id, inherits from node where parent_id = ?
             union all
             select node.id, node.inherits from walk join node on node.parent_id = walk.id
         ), up (id) as (
             select id from walk where inherits = 0 or exists (select 1 from access_grant where node_id = walk.id)
             union
             select node.parent_id from up join node on node.id = up.id where node.parent_id in (select id from walk)
         )
         select node.id, share_id, parent_id, name, kind, content_id, size, modified_at, created_at, seq,
                lease_user, lease_until, has_props
         from up join node on node.id = up.id order by node.id",
    );
    rows.bind(top.0).fetch_all(conn).await?.iter().map(node_of_row).collect()
}

/// Gives a node the entries of another one, and lets it inherit as that does.
pub(super) async fn take_over_grants(conn: &mut Conn, from: NodeId, to: NodeId) -> Result<()> {
    query(
        "insert into access_grant (node_id, user_id, group_id, deny, form, value, created_at)
         select cast(? as bigint), user_id, group_id, deny, form, value, created_at from access_grant where node_id = ?;
         update node set inherits = (select f.inherits from node f where f.id = ?) where id = ?",
    )
    .bind(to.0)
    .bind(from.0)
    .bind(from.0)
    .bind(to.0)
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn is_in_trash(conn: &mut Conn, node: NodeId, trash: NodeId) -> Result<bool> {
    let found = query_scalar(
        "select exists (select 1 from trash join node on node.id = trash.node_id where node.id = ? and node.parent_id = ?)",
    );
    found.bind(node.0).bind(trash.0).fetch_one(conn).await
}

/// How deep the tree below a node is; 0 for one without members.
pub(super) async fn levels_below(conn: &mut Conn, node: NodeId) -> Result<i64> {
    query_scalar(
        "with recursive walk (id, depth) as (
             select cast(? as bigint), 0
             union all
             select node.id, walk.depth + 1 from walk join node on node.parent_id = walk.id and node.kind = 0
         )
         select max(depth) + case when exists (select 1 from node join walk w on node.parent_id = w.id
                                               where node.kind = 1 and w.depth = (select max(depth) from walk))
                             then 1 else 0 end from walk",
    )
    .bind(node.0)
    .fetch_one(conn)
    .await
}

/// By which it is known whether what was counted of a deleted tree is still true; `None` when it is not in the trash.
pub(super) async fn version(conn: &mut Conn, share: ShareId, node: NodeId) -> Result<Option<i64>> {
    let version = query_scalar("select version from trash where node_id = ? and share_id = ?");
    version.bind(node.0).bind(share.0).fetch_optional(conn).await
}

/// Cuts a tree off the trash.
pub(super) async fn detach(conn: &mut Conn, node: NodeId, now: Moment) -> Result<()> {
    query(
        "delete from trash where node_id = ?1; delete from place where node_id = ?1; delete from lock where node_id = ?1;
         update node set parent_id = null, name_key = '', lease_user = null where id = ?1;
         insert into detached (node_id, not_before) values (?1, ?2)",
    )
    .bind(node.0)
    .bind(now.0)
    .execute(conn)
    .await?;
    Ok(())
}

/// Detached nodes whose time has come.
pub(super) async fn detached(conn: &mut Conn, now: Moment, limit: i64) -> Result<Vec<NodeId>> {
    let ids: Vec<i64> =
        query_scalar("select node_id from detached where not_before <= ? order by not_before, node_id limit ?")
            .bind(now.0)
            .bind(limit)
            .fetch_all(conn)
            .await?;
    Ok(ids.into_iter().map(NodeId).collect())
}

/// Some members of these nodes, and whether they are collections.
pub(super) async fn members(conn: &mut Conn, nodes: &[NodeId], limit: i64) -> Result<Vec<(NodeId, bool)>> {
    let rows = query(
        "select id, case when kind = 0 then 1 else 0 end from node
         where parent_id in (select value from json_each(?)) limit ?",
    );
    let rows = rows.bind(list(nodes)).bind(limit).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((NodeId(row.try_get(0)?), row.try_get(1)?))).collect()
}

/// Makes nodes tops of detached trees of their own.
pub(super) async fn detach_below(conn: &mut Conn, nodes: &[NodeId], now: Moment) -> Result<()> {
    query(
        "update node set parent_id = null, name_key = '' where id in (select value from json_each(?1));
         insert into detached (node_id, not_before)
         select id, cast(?2 as bigint) from node where id in (select value from json_each(?1))",
    )
    .bind(list(nodes))
    .bind(now.0)
    .execute(conn)
    .await?;
    Ok(())
}

/// Removes nodes without members, with everything that hangs off them.
pub(super) async fn remove(conn: &mut Conn, nodes: &[NodeId]) -> Result<()> {
    query("delete from node where id in (select value from json_each(?))").bind(list(nodes)).execute(conn).await?;
    Ok(())
}
