//! The statements that read only what is seen.
//!
//! A walk carries along what holds for the members of the node it has come to (`lists`: see [`Lists`](super::Lists)); lists
//! of ids are bound as JSON and looked up, so that a thousand of them cost no more than one.

use serde_json::json;

use super::{Bars, Filter, Forbidden, View};
use crate::db::{Conn, DbError, Query, Sql, query};
use crate::ids::NodeId;
use crate::tree::sql::{is_litter, nodes_as_json};
use crate::tree::transfer::sql::{copy_map, fresh_node_id, planned};

type Result<T> = std::result::Result<T, DbError>;

fn list(nodes: &[NodeId]) -> String {
    json!(nodes.iter().map(|node| node.0).collect::<Vec<_>>()).to_string()
}

pub(super) async fn members_json(
    conn: &mut Conn,
    parent: NodeId,
    after: &str,
    filter: &Filter,
    limit: i64,
) -> Result<(String, Option<String>)> {
    macro_rules! members {
        ($rows:expr) => {
            concat!(
                "select ",
                $rows,
                ", max(name_key)
                 from (select * from node
                       where parent_id = ?1 and name_key > ?2
                         and (?3 = 0 or (?3 = 1 and kind = 0) or id in (select value from json_each(?4)))
                         and id not in (select value from json_each(?5))
                         and (?6 = 0 or author_id = ?6 or not ",
                is_litter!("name"),
                ")
                       order by name_key limit ?7) as member"
            )
        };
    }
    let row = query(Sql::two(members!(nodes_as_json!(sqlite)), members!(nodes_as_json!(postgres))))
        .bind(parent.0)
        .bind(after)
        .bind(filter.lists as i64)
        .bind(list(&filter.also))
        .bind(list(&filter.except))
        .bind(filter.litter_of.map_or(0, |user| user.0))
        .bind(limit)
        .fetch_one(conn)
        .await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// A walk over what is seen: `?1` the topmost node, `?2` what is shown of its members, `?3` to `?7` the lists of a [`View`].
/// The limit at its end, if there is one, comes after.
macro_rules! walk {
    ($end:literal) => {
        concat!(
            "with recursive walk (id, depth, lists) as (
                 select cast(?1 as bigint), 0, cast(?2 as bigint)
                 union all
                 select node.id, walk.depth + 1,
                        case when node.id in (select value from json_each(?3)) then 0
                             when node.id in (select value from json_each(?4)) then 1
                             when node.id in (select value from json_each(?5)) then 2
                             else walk.lists end
                 from walk join node on node.parent_id = walk.id
                 where (walk.lists = 0 or (walk.lists = 1 and node.kind = 0)
                        or node.id in (select value from json_each(?6)))
                   and node.id not in (select value from json_each(?7)) ",
            $end
        )
    };
}

/// Binds what a [`walk`] wants.
fn bind_walk<'q>(walk: Query<'q>, root: NodeId, view: &View) -> Query<'q> {
    let View { lists, all, collections, named, also, except } = view;
    let walk = walk.bind(root.0).bind(*lists as i64);
    [all, collections, named, also, except].into_iter().fold(walk, |walk, nodes| walk.bind(list(nodes)))
}

pub(super) async fn count(conn: &mut Conn, root: NodeId, view: &View, limit: i64) -> Result<i64> {
    let walk = query(walk!(") select count(*) from (select 1 from walk limit ?8) as counted"));
    bind_walk(walk, root, view).bind(limit).fetch_one(conn).await?.try_get(0)
}

pub(super) async fn plan_copy(conn: &mut Conn, source: NodeId, view: &View) -> Result<(i64, i64, i64)> {
    macro_rules! plan {
        ($id:expr) => {
            concat!("insert into copy_map (old, new, depth) ", walk!(") select id, "), $id, ", depth from walk")
        };
    }
    query(copy_map!()).execute(&mut *conn).await?;
    let plan = query(Sql::two(plan!(fresh_node_id!(sqlite)), plan!(fresh_node_id!(postgres))));
    bind_walk(plan, source, view).execute(&mut *conn).await?;
    planned(conn).await
}

/// `bars` is 1 where files stand in the way, and 2 more where collections do.
pub(super) async fn forbidden(
    conn: &mut Conn,
    root: NodeId,
    view: &View,
    forbidden: &Forbidden,
    limit: i64,
) -> Result<Vec<NodeId>> {
    let number = |bars: Bars| i64::from(bars.files) + 2 * i64::from(bars.collections);
    let [none, files, collections_too, both] = [(false, false), (true, false), (false, true), (true, true)]
        .map(|(files, collections)| list(&forbidden.with(Bars { files, collections })));
    let walk = query(
        "with recursive walk (id, kind, lists, bars, looked) as (
             select cast(?1 as bigint), cast(0 as bigint), cast(?2 as bigint), cast(?8 as bigint), 1
             union all
             select node.id, node.kind,
                    case when node.id in (select value from json_each(?3)) then 0
                         when node.id in (select value from json_each(?4)) then 1
                         when node.id in (select value from json_each(?5)) then 2
                         else walk.lists end,
                    case when node.id in (select value from json_each(?9)) then 0
                         when node.id in (select value from json_each(?10)) then 1
                         when node.id in (select value from json_each(?11)) then 2
                         when node.id in (select value from json_each(?12)) then 3
                         else walk.bars end,
                    case when node.id in (select value from json_each(?9)) or node.id in (select value from json_each(?10))
                           or node.id in (select value from json_each(?11)) or node.id in (select value from json_each(?12))
                         then 1 else 0 end
             from walk join node on node.parent_id = walk.id
             where (walk.lists = 0 or (walk.lists = 1 and node.kind = 0)
                    or node.id in (select value from json_each(?6)))
               and node.id not in (select value from json_each(?7))
         )
         select id from walk
         where looked = 0 and (bars = 3 or (bars = 1 and kind = 1) or (bars = 2 and kind = 0)) limit ?13",
    );
    let walk = bind_walk(walk, root, view).bind(number(forbidden.top));
    let walk = [none, files, collections_too, both].into_iter().fold(walk, Query::bind);
    let found = walk.bind(limit).fetch_all(conn).await?;
    found.iter().map(|row| row.try_get(0).map(NodeId)).collect()
}

pub(super) async fn regions(conn: &mut Conn, root: NodeId, marks: &[NodeId]) -> Result<Vec<(NodeId, u64)>> {
    let rows = query(
        "with recursive walk (id, region) as (
             select cast(?1 as bigint), cast(?1 as bigint)
             union all
             select node.id,
                    case when node.id in (select value from json_each(?2)) then node.id else walk.region end
             from walk join node on node.parent_id = walk.id
         )
         select region, count(*) from walk group by region order by region",
    )
    .bind(root.0)
    .bind(list(marks))
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| Ok((NodeId(row.try_get(0)?), row.try_get::<i64>(1)?.unsigned_abs()))).collect()
}
