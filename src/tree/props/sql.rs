//! The statements about dead properties and the times that clients set.

use serde_json::json;

use crate::clock::Moment;
use crate::db::{Conn, DbError, Row, query};
use crate::ids::NodeId;

type Result<T> = std::result::Result<T, DbError>;

/// Sets the times of a node; `None` leaves one as it is.
pub(super) async fn set_times(
    conn: &mut Conn,
    id: NodeId,
    modified: Option<Moment>,
    created: Option<Moment>,
) -> Result<()> {
    query("update node set modified_at = coalesce(?, modified_at), created_at = coalesce(?, created_at) where id = ?")
        .bind(modified.map(|m| m.0))
        .bind(created.map(|m| m.0))
        .bind(id.0)
        .execute(conn)
        .await?;
    Ok(())
}

/// One dead property: node, namespace, name, value, language.
pub(super) type PropRow = (i64, String, String, String, String);

/// The dead properties of several nodes, by node.
pub(super) async fn props_of(conn: &mut Conn, nodes: &[NodeId]) -> Result<Vec<PropRow>> {
    let rows = query(
        "select node_id, ns, name, value, lang from prop
         where node_id in (select value from json_each(?)) order by node_id, ns, name",
    )
    .bind(json!(nodes.iter().map(|id| id.0).collect::<Vec<_>>()).to_string())
    .fetch_all(conn)
    .await?;
    let prop = |row: &Row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?, row.try_get(4)?));
    rows.iter().map(prop).collect()
}

pub(super) async fn set_prop(conn: &mut Conn, node: NodeId, name: (&str, &str), value: &str, lang: &str) -> Result<()> {
    query(
        "insert into prop (node_id, ns, name, value, lang) values (?, ?, ?, ?, ?)
         on conflict (node_id, ns, name) do update set value = excluded.value, lang = excluded.lang",
    )
    .bind(node.0)
    .bind(name.0)
    .bind(name.1)
    .bind(value)
    .bind(lang)
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn remove_prop(conn: &mut Conn, node: NodeId, name: (&str, &str)) -> Result<()> {
    query("delete from prop where node_id = ? and ns = ? and name = ?")
        .bind(node.0)
        .bind(name.0)
        .bind(name.1)
        .execute(conn)
        .await?;
    Ok(())
}

/// Settles `has_props` after a change; gives number and bytes of the properties.
pub(super) async fn count_props(conn: &mut Conn, node: NodeId) -> Result<(i64, i64)> {
    query(
        "update node set has_props = case when exists (select 1 from prop where node_id = node.id) then 1 else 0 end
         where id = ?",
    )
    .bind(node.0)
    .execute(&mut *conn)
    .await?;
    let row = query(
        "select count(*), coalesce(cast(sum(length(ns) + length(name) + length(value)) as bigint), 0) from prop where node_id = ?",
    )
    .bind(node.0)
    .fetch_one(conn)
    .await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}
