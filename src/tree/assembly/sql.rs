//! The statements of copies in slices. Rows go to the database as one JSON text.

use std::collections::HashMap;

use serde_json::json;

use super::Piece;
use super::pages::Branch;
use crate::clock::Moment;
use crate::db::{Conn, DbError, Row, Sql, query};
use crate::ids::{NodeId, ShareId};
use crate::tree::change::By;
use crate::tree::props::DeadProp;
use crate::tree::transfer_sql::fresh_node_id;
use crate::tree::view::Lists;

type Result<T> = std::result::Result<T, DbError>;

/// Which members are seen: of the rest, those that are all the same, those that are not.
type Filter<'a> = (Lists, &'a [NodeId], &'a [NodeId]);

fn list(nodes: impl IntoIterator<Item = NodeId>) -> String {
    json!(nodes.into_iter().map(|node| node.0).collect::<Vec<_>>()).to_string()
}

macro_rules! columns {
    () => {
        "select node.id, node.parent_id, name, name_key, kind, content_id, size, modified_at, has_props "
    };
}

/// What is seen of members, behind a `where`; the values begin with `?3`.
macro_rules! seen {
    () => {
        " (?3 = 0 or (?3 = 1 and kind = 0) or node.id in (select value from json_each(?4)))
          and node.id not in (select value from json_each(?5)) "
    };
}

fn piece(row: &Row, level: impl Fn(NodeId) -> i64) -> Result<Piece> {
    let parent = row.try_get::<Option<i64>>(1)?.map(NodeId);
    Ok(Piece {
        old: NodeId(row.try_get(0)?),
        level: parent.map_or(0, level),
        parent,
        name: row.try_get(2)?,
        key: row.try_get(3)?,
        is_collection: row.try_get::<i64>(4)? == 0,
        content: row.try_get(5)?,
        size: row.try_get::<i64>(6)?.unsigned_abs(),
        modified: Moment(row.try_get(7)?),
        has_props: row.try_get(8)?,
    })
}

/// The topmost node of a copy, which lies nowhere.
pub(super) async fn topmost(conn: &mut Conn, node: NodeId) -> Result<Option<Piece>> {
    let row = query(concat!(columns!(), "from node where id = ?")).bind(node.0).fetch_optional(conn).await?;
    let top = row.map(|row| piece(&row, |_| 0)).transpose()?;
    Ok(top.map(|top| Piece { parent: None, key: String::new(), ..top }))
}

/// Members of one collection behind a key, in the order of their keys.
pub(super) async fn members(
    conn: &mut Conn,
    of: Branch,
    after: &str,
    (lists, also, except): Filter<'_>,
    limit: usize,
) -> Result<Vec<Piece>> {
    let members = query(concat!(
        columns!(),
        "from node where parent_id = ?1 and name_key > ?2 and",
        seen!(),
        "order by name_key limit ?6"
    ));
    let members = members.bind(of.id.0).bind(after).bind(lists as i64);
    let members = members.bind(list(also.iter().copied())).bind(list(except.iter().copied())).bind(limit as i64);
    members.fetch_all(conn).await?.iter().map(|row| piece(row, |_| of.level + 1)).collect()
}

/// Members of several collections, in any order; as many as `limit` are not all.
pub(super) async fn members_of(
    conn: &mut Conn,
    parents: &[Branch],
    (lists, also, except): Filter<'_>,
    limit: usize,
) -> Result<Vec<Piece>> {
    let levels: HashMap<NodeId, i64> = parents.iter().map(|branch| (branch.id, branch.level + 1)).collect();
    let members = query(concat!(
        columns!(),
        "from json_each(?1) p cross join node where node.parent_id = p.value and ?2 = ?2 and",
        seen!(),
        "limit ?6"
    ));
    let members = members.bind(list(parents.iter().map(|branch| branch.id))).bind("").bind(lists as i64);
    let members = members.bind(list(also.iter().copied())).bind(list(except.iter().copied())).bind(limit as i64);
    members.fetch_all(conn).await?.iter().map(|row| piece(row, |parent| levels[&parent])).collect()
}

/// How many bytes of dead properties each of these nodes has.
pub(super) async fn weights(conn: &mut Conn, nodes: &[NodeId]) -> Result<HashMap<NodeId, u64>> {
    let rows = query(
        "select node_id, cast(sum(length(ns) + length(name) + length(value)) as bigint) from prop
         where node_id in (select value from json_each(?)) group by node_id",
    );
    let rows = rows.bind(list(nodes.iter().copied())).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((NodeId(row.try_get(0)?), row.try_get::<i64>(1)?.unsigned_abs()))).collect()
}

/// For each node the id that its copy will have.
pub(super) async fn fresh_ids(conn: &mut Conn, olds: &[NodeId]) -> Result<Vec<(NodeId, NodeId)>> {
    macro_rules! fresh {
        ($id:expr) => {
            concat!("select value, ", $id, " from json_each(?)")
        };
    }
    let rows = query(Sql::two(fresh!(fresh_node_id!(sqlite)), fresh!(fresh_node_id!(postgres))));
    let rows = rows.bind(list(olds.iter().copied())).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((NodeId(row.try_get(0)?), NodeId(row.try_get(1)?)))).collect()
}

/// Inserts copies: id, where it comes, what of. Gives how many of them: those whose contents are gone aren't.
pub(super) async fn insert(
    conn: &mut Conn,
    rows: &[(NodeId, Option<NodeId>, &Piece)],
    (share, seq, by): (ShareId, i64, &By),
) -> Result<u64> {
    macro_rules! insert {
        ($rows:literal) => {
            concat!(
                "insert into node (id, share_id, parent_id, name, name_key, kind, content_id, size, modified_at, created_at,
                                   seq, author_id, made_at, written_at, client, has_props)
                 select cast(value ->> 0 as bigint), cast(?1 as bigint), cast(value ->> 1 as bigint), value ->> 2, value ->> 3,
                        cast(value ->> 4 as bigint), unhex(value ->> 5), cast(value ->> 6 as bigint),
                        cast(value ->> 7 as bigint), cast(?2 as bigint), cast(?3 as bigint), cast(?4 as bigint),
                        cast(?2 as bigint), cast(?2 as bigint), cast(?5 as text), cast(value ->> 8 as bigint)
                 from ",
                $rows,
                " where cast(value ->> 4 as bigint) = 0
                     or exists (select 1 from content where content.id = unhex(value ->> 5))"
            )
        };
    }
    let row = |(id, parent, piece): &(NodeId, Option<NodeId>, &Piece)| {
        let Piece { name, key, is_collection, content, size, modified, has_props, .. } = piece;
        let content = content.map(|content| content.to_string());
        let parent = parent.map(|parent| parent.0);
        json!([id.0, parent, name, key, i64::from(!is_collection), content, size, modified.0, i64::from(*has_props)])
    };
    let rows: Vec<_> = rows.iter().map(row).collect();
    // The second form has the same values in the same order, so that one number means the same in both.
    let insert = query(Sql::two(
        insert!("json_each(?6)"),
        insert!("json_array_elements(cast(cast(?6 as text) as json)) as j (value)"),
    ));
    let insert = insert.bind(share.0).bind(by.at.0).bind(seq).bind(by.user.0).bind(&by.client);
    Ok(insert.bind(json!(rows).to_string()).execute(conn).await?.rows_affected())
}

/// Inserts dead properties.
pub(super) async fn insert_props(conn: &mut Conn, props: Vec<(NodeId, &DeadProp)>) -> Result<()> {
    macro_rules! insert {
        ($rows:literal) => {
            concat!(
                "insert into prop (node_id, ns, name, value, lang)
                 select cast(value ->> 0 as bigint), value ->> 1, value ->> 2, value ->> 3, value ->> 4 from ",
                $rows
            )
        };
    }
    let row = |(node, prop): &(NodeId, &DeadProp)| json!([node.0, prop.ns, prop.name, prop.value, prop.lang]);
    let rows: Vec<_> = props.iter().map(row).collect();
    let insert = query(Sql::two(
        insert!("json_each(?1)"),
        insert!("json_array_elements(cast(cast(?1 as text) as json)) as j (value)"),
    ));
    insert.bind(json!(rows).to_string()).execute(conn).await?;
    Ok(())
}

/// Lists the topmost node of a copy in the making.
pub(super) async fn detach(conn: &mut Conn, root: NodeId, lease: Moment) -> Result<()> {
    query("insert into detached (node_id, not_before) values (?, ?)").bind(root.0).bind(lease.0).execute(conn).await?;
    Ok(())
}

/// Takes a lease anew. Gives whether it was still there as it had been left.
pub(super) async fn renew(conn: &mut Conn, root: NodeId, (left, new): (Moment, Moment)) -> Result<bool> {
    let renewed = query("update detached set not_before = ? where node_id = ? and not_before = ?");
    Ok(renewed.bind(new.0).bind(root.0).bind(left.0).execute(conn).await?.rows_affected() == 1)
}

/// From now on it may be purged.
pub(super) async fn end_lease(conn: &mut Conn, root: NodeId) -> Result<()> {
    query("update detached set not_before = 0 where node_id = ?").bind(root.0).execute(conn).await?;
    Ok(())
}
