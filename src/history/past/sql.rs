//! The statements about what was. They work on temporary tables of the writing connection, each filled anew:
//!
//! - `past`: every node of a share as it was at a time; `alive`: those of them below one node
//! - `scope`: what lies at and below that node now, with `stuck` for what is locked or has something locked inside
//! - `binned`: what was deleted since; `moves`: where nodes go; `tossed`: what goes to the trash; `todo`: new contents
//! - `told`: a row of the change log for each action

use super::rollback::{Fate, How};
use crate::clock::Moment;
use crate::db::{Conn, DbError, Sql, query, query_scalar};
use crate::ids::{NodeId, ShareId, UserId};
use crate::path::Name;
use crate::tree::Node;
use crate::tree::change::By;
use crate::tree::transfer_sql::{copy_map, fresh_node_id};

type Result<T> = std::result::Result<T, DbError>;

/// Places whose keys are not known.
pub(super) async fn places_without_key(conn: &mut Conn, share: ShareId, limit: i64) -> Result<Vec<(i64, String)>> {
    let rows = query("select id, name from place where share_id = ? and name_key = '' order by id limit ?");
    let rows = rows.bind(share.0).bind(limit).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

pub(super) async fn set_place_key(conn: &mut Conn, id: i64, key: &str) -> Result<()> {
    query("update place set name_key = ? where id = ?").bind(key).bind(id).execute(conn).await?;
    Ok(())
}

/// Fills `past` with what was there just before the moment, wherever it lay. What is being purged never comes back.
pub(super) async fn lay_out(conn: &mut Conn, share: ShareId, moment: Moment) -> Result<()> {
    query(
        "create temp table if not exists past (
             node_id bigint primary key, parent_id bigint not null, name text not null, name_key text not null,
             kind bigint not null, content_id bytea, size bigint not null, modified_at bigint not null,
             author_id bigint, known bigint not null
         );
         create index if not exists past_by_parent on past (parent_id);
         delete from past",
    )
    .execute(&mut *conn)
    .await?;
    query(
        "insert into past (node_id, parent_id, name, name_key, kind, content_id, size, modified_at, author_id, known)
         with recursive gone (id) as (
             select node_id from detached union all select node.id from gone join node on node.parent_id = gone.id
         )
         select n.id, coalesce(p.parent_id, n.parent_id), coalesce(p.name, n.name), coalesce(p.name_key, n.name_key),
                n.kind, coalesce(r.content_id, n.content_id), coalesce(r.size, n.size),
                coalesce(r.modified_at, n.modified_at), case when r.id is null then n.author_id else r.author_id end,
                case when n.kind = 0 or n.written_at < ?2 or r.id is not null then 1 else 0 end
         from node n
         left join place p on p.id = (select f.id from place f where f.node_id = n.id and f.left_at >= ?2
                                      order by f.left_at, f.id limit 1)
         left join revision r on n.written_at >= ?2
              and r.id = (select e.id from revision e where e.node_id = n.id and e.written_at < ?2
                          order by e.written_at desc, e.revno desc limit 1)
         where n.share_id = ?1 and n.made_at < ?2 and n.parent_id is not null
           and (p.id is null or p.share_id = ?1) and n.id not in (select id from gone)",
    )
    .bind(share.0)
    .bind(moment.0)
    .execute(conn)
    .await?;
    Ok(())
}

/// Fills `alive` with what lay at and below a node.
pub(super) async fn walk_past(conn: &mut Conn, top: NodeId) -> Result<()> {
    query(
        "create temp table if not exists alive (node_id bigint primary key);
         delete from alive;
         insert into alive (node_id)
         with recursive walk (id) as (
             select cast(? as bigint) union select past.node_id from walk join past on past.parent_id = walk.id
         ) select id from walk",
    )
    .bind(top.0)
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn made_at(conn: &mut Conn, node: NodeId) -> Result<Moment> {
    Ok(Moment(query_scalar("select made_at from node where id = ?").bind(node.0).fetch_one(conn).await?))
}

/// Fills `scope`, and empties the tables of the plan.
pub(super) async fn scope(
    conn: &mut Conn,
    (top, moment): (NodeId, Moment),
    everything: bool,
    deep: &str,
    flat: &str,
) -> Result<()> {
    query(
        "create temp table if not exists scope (
             node_id bigint primary key, parent_id bigint, came bigint not null,
             locked bigint not null, stuck bigint not null
         );
         create temp table if not exists binned (node_id bigint primary key);
         create temp table if not exists moves (
             node_id bigint primary key, parent_id bigint not null, name text not null, name_key text not null,
             old_parent_id bigint, from_trash bigint not null
         );
         create temp table if not exists tossed (node_id bigint primary key, parent_id bigint, top bigint not null);
         create temp table if not exists todo (
             node_id bigint primary key, content_id bytea not null, size bigint not null, modified_at bigint not null
         );
         create temp table if not exists told (
             op bigint not null, node_id bigint not null, parent_id bigint, name text not null
         );
         create index if not exists moves_by_place on moves (parent_id, name_key);
         delete from scope; delete from binned; delete from moves; delete from tossed; delete from todo;
         delete from told",
    )
    .execute(&mut *conn)
    .await?;
    query(
        "insert into scope (node_id, parent_id, came, locked, stuck)
         with recursive walk (id, deep) as (
             select cast(?1 as bigint), cast(?2 as bigint)
             union all
             select node.id, case when walk.deep = 1 or node.id in (select value from json_each(?3)) then 1 else 0 end
             from walk join node on node.parent_id = walk.id
         )
         select id, parent_id, case when made_at >= ?5 then 1 else 0 end,
                case when deep = 1 or id in (select value from json_each(?4)) then 1 else 0 end, 0
         from (select node.id, node.parent_id, node.made_at, walk.deep
               from walk join node on node.id = walk.id) as found;
         update scope set stuck = 1 where node_id in (
             with recursive up (id) as (
                 select node_id from scope where locked = 1
                 union select s.parent_id from up join scope s on s.node_id = up.id where s.parent_id is not null
             ) select id from up)",
    )
    .bind(top.0)
    .bind(everything)
    .bind(deep)
    .bind(flat)
    .bind(moment.0)
    .execute(conn)
    .await?;
    Ok(())
}

/// Fills `binned` with what was deleted since and may come back, with all below; takes what does come back into `scope`, with
/// all that came into it before it was deleted; and marks what lay in the trash then as what has come since.
pub(super) async fn bin(
    conn: &mut Conn,
    (share, trash): (ShareId, NodeId),
    moment: Moment,
    (kept_away, comes_back): (&str, bool),
) -> Result<()> {
    query(
        "insert into binned (node_id)
         with recursive walk (id) as (
             select node_id from trash
             where share_id = ? and deleted_at >= ? and node_id not in (select value from json_each(?))
             union all
             select node.id from walk join node on node.parent_id = walk.id
         ) select id from walk;
         insert into scope (node_id, parent_id, came, locked, stuck)
         with recursive back (id) as (
             select binned.node_id from binned join alive on alive.node_id = binned.node_id
             union select node.id from back join node on node.parent_id = back.id
         )
         select node.id, node.parent_id, case when node.made_at >= ? then 1 else 0 end, 0, 0
         from back join node on node.id = back.id where ? = 1;
         update scope set came = 1 where node_id in (
             with recursive walk (id) as (
                 select node_id from past where parent_id = ?
                 union select past.node_id from walk join past on past.parent_id = walk.id
             ) select id from walk)",
    )
    .bind(share.0)
    .bind(moment.0)
    .bind(kept_away)
    .bind(moment.0)
    .bind(comes_back)
    .bind(trash.0)
    .execute(conn)
    .await?;
    Ok(())
}

/// Whether a node has come since.
pub(super) async fn has_come(conn: &mut Conn, node: NodeId) -> Result<bool> {
    query_scalar("select came from scope where node_id = ?").bind(node.0).fetch_one(conn).await
}

/// Fills `moves`. What lay in a folder that can't be had back comes directly below
/// the topmost node: so nothing can ever come to lie in itself.
pub(super) async fn plan_moves(conn: &mut Conn, top: NodeId, how: How) -> Result<()> {
    query(
        "insert into moves (node_id, parent_id, name, name_key, old_parent_id, from_trash)
         select p.node_id,
                case when p.parent_id = ?1
                       or (exists (select 1 from alive a where a.node_id = p.parent_id)
                           and (exists (select 1 from scope s where s.node_id = p.parent_id)
                                or (?2 = 1 and exists (select 1 from binned b where b.node_id = p.parent_id))))
                     then p.parent_id else cast(?1 as bigint) end,
                p.name, p.name_key, n.parent_id, case when trash.node_id is null then 0 else 1 end
         from alive join past p on p.node_id = alive.node_id join node n on n.id = p.node_id
         left join scope on scope.node_id = p.node_id
         left join binned on binned.node_id = p.node_id
         left join trash on trash.node_id = p.node_id
         where p.node_id <> ?1 and (n.parent_id <> p.parent_id or n.name_key <> p.name_key or n.name <> p.name)
           and ((?2 = 1 and binned.node_id is not null) or (?3 = 1 and scope.node_id is not null and scope.stuck = 0))",
    )
    .bind(top.0)
    .bind(how.deleted)
    .bind(how.moved)
    .execute(conn)
    .await?;
    Ok(())
}

/// Fills `tossed` with what has come since, unless something is in it that stays.
pub(super) async fn plan_trash(conn: &mut Conn) -> Result<()> {
    query(
        "insert into tossed (node_id, parent_id, top)
         with recursive kept (id) as (
             select node_id from scope
             where (locked = 1 or came = 0) and node_id not in (select node_id from moves)
             union
             select s.parent_id from kept join scope s on s.node_id = kept.id
             where s.node_id not in (select node_id from moves) and s.parent_id is not null
         )
         select node_id, parent_id, 0 from scope where came = 1 and node_id not in (select id from kept);
         update tossed set top = 1 where parent_id not in (select t.node_id from tossed t)",
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Fills `todo` with the files whose content is another one than then.
pub(super) async fn plan_contents(conn: &mut Conn, moment: Moment) -> Result<()> {
    query(
        "insert into todo (node_id, content_id, size, modified_at)
         select n.id, r.content_id, r.size, r.modified_at
         from scope join node n on n.id = scope.node_id
         join revision r on r.id = (select e.id from revision e where e.node_id = n.id and e.written_at < ?1
                                    order by e.written_at desc, e.revno desc limit 1)
         where n.kind = 1 and n.written_at >= ?1 and scope.locked = 0 and r.content_id <> n.content_id",
    )
    .bind(moment.0)
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn planned_bytes(conn: &mut Conn) -> Result<i64> {
    query_scalar("select coalesce(cast(sum(size) as bigint), 0) from todo").fetch_one(conn).await
}

/// Fills `told`; gives how many actions there are. The numbers are those of the change log.
pub(super) async fn tell(conn: &mut Conn) -> Result<i64> {
    query(
        "insert into told (op, node_id, parent_id, name)
         select 4, tossed.node_id, tossed.parent_id, node.name from tossed join node on node.id = tossed.node_id where top = 1;
         insert into told (op, node_id, parent_id, name)
         select case from_trash when 1 then 7 else 5 end, node_id, parent_id, name from moves;
         insert into told (op, node_id, parent_id, name)
         select 2, todo.node_id, coalesce(moves.parent_id, node.parent_id), coalesce(moves.name, node.name)
         from todo join node on node.id = todo.node_id left join moves on moves.node_id = todo.node_id",
    )
    .execute(&mut *conn)
    .await?;
    query_scalar("select count(*) from told").fetch_one(conn).await
}

/// Writes the change log.
pub(super) async fn journal(conn: &mut Conn, share: ShareId, seq: i64, (by, now): (UserId, Moment)) -> Result<()> {
    query(
        "insert into change (share_id, seq, op, node_id, parent_id, name, actor_id, at)
         select cast(? as bigint), ? + row_number() over (order by case op when 4 then 0 when 2 then 2 else 1 end, node_id),
                op, node_id, parent_id, name, cast(? as bigint), cast(? as bigint) from told",
    )
    .bind(share.0)
    .bind(seq)
    .bind(by.0)
    .bind(now.0)
    .execute(conn)
    .await?;
    Ok(())
}

/// Which of the actions take a node away from its place, each with its sequence; nothing has been moved yet.
pub(super) async fn departing(conn: &mut Conn, share: ShareId, seq: i64) -> Result<Vec<(i64, NodeId)>> {
    let rows = query("select seq, node_id from change where share_id = ? and seq > ? and op in (4, 5) order by seq");
    let rows = rows.bind(share.0).bind(seq).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, NodeId(row.try_get(1)?)))).collect()
}

/// Moves what was made since to the trash.
pub(super) async fn apply_trash(
    conn: &mut Conn,
    share: ShareId,
    trash: NodeId,
    (by, now): (UserId, Moment),
) -> Result<()> {
    query(
        "insert into place (node_id, share_id, parent_id, name, name_key, left_at)
         select id, share_id, node.parent_id, name, name_key, cast(? as bigint)
         from node join tossed on tossed.node_id = node.id where top = 1;
         insert into trash (node_id, share_id, parent_id, name, deleted_by, deleted_at, path)
         with recursive up (node_id, at, path) as (
             select tossed.node_id, n.parent_id, n.name from tossed join node n on n.id = tossed.parent_id
             where top = 1 and n.parent_id is not null
             union all
             select up.node_id, n.parent_id, n.name || '/' || up.path from up join node n on n.id = up.at
             where n.parent_id is not null
         )
         select node.id, cast(? as bigint), node.parent_id, node.name, cast(? as bigint), cast(? as bigint),
                coalesce(up.path, '')
         from tossed join node on node.id = tossed.node_id
         left join up on up.node_id = node.id
              and exists (select 1 from node root where root.id = up.at and root.parent_id is null)
         where top = 1;
         update node set parent_id = ?, name_key = '#' || id, lease_user = null
         where id in (select node_id from tossed where top = 1)",
    )
    .bind(now.0)
    .bind(share.0)
    .bind(by.0)
    .bind(now.0)
    .bind(trash.0)
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes every node that moves off its name, under a key that no name has.
pub(super) async fn leave_places(conn: &mut Conn, now: Moment) -> Result<()> {
    query(
        "insert into place (node_id, share_id, parent_id, name, name_key, left_at)
         select node.id, share_id, node.parent_id, node.name, node.name_key, cast(? as bigint)
         from node join moves on moves.node_id = node.id;
         update node set name_key = '/' || id where id in (select node_id from moves)",
    )
    .bind(now.0)
    .execute(conn)
    .await?;
    Ok(())
}

/// Moves whose name is taken by what stays, or by another move that comes first.
pub(super) async fn clashes(conn: &mut Conn) -> Result<Vec<(NodeId, NodeId, String)>> {
    let rows = query(
        "select node_id, parent_id, name from moves
         where exists (select 1 from node where node.parent_id = moves.parent_id and node.name_key = moves.name_key)
            or exists (select 1 from moves m where m.parent_id = moves.parent_id and m.name_key = moves.name_key
                                               and m.node_id < moves.node_id)
         order by node_id",
    );
    let rows = rows.fetch_all(conn).await?;
    rows.iter().map(|row| Ok((NodeId(row.try_get(0)?), NodeId(row.try_get(1)?), row.try_get(2)?))).collect()
}

pub(super) async fn is_taken(conn: &mut Conn, parent: NodeId, key: &str) -> Result<bool> {
    query_scalar(
        "select exists (select 1 from node where parent_id = ?1 and name_key = ?2)
             or exists (select 1 from moves where parent_id = ?1 and name_key = ?2)",
    )
    .bind(parent.0)
    .bind(key)
    .fetch_one(conn)
    .await
}

pub(super) async fn rename_move(conn: &mut Conn, node: NodeId, name: &Name) -> Result<()> {
    let rename = query("update moves set name = ?, name_key = ? where node_id = ?");
    rename.bind(name.as_str()).bind(name.key().as_str().to_owned()).bind(node.0).execute(conn).await?;
    Ok(())
}

/// Carries the moves out. What comes back from the trash has no lock.
pub(super) async fn apply_moves(conn: &mut Conn, share: ShareId) -> Result<()> {
    query(
        "delete from lock where share_id = ? and node_id in (select node_id from binned)
                            and node_id in (select node_id from scope);
         delete from trash where node_id in (select node_id from moves);
         update trash set version = version + 1
         where share_id = ? and exists (select 1 from moves join binned on binned.node_id = moves.node_id);
         update node set parent_id = (select moves.parent_id from moves where moves.node_id = node.id),
                         name = (select moves.name from moves where moves.node_id = node.id),
                         name_key = (select moves.name_key from moves where moves.node_id = node.id)
         where id in (select node_id from moves)",
    )
    .bind(share.0)
    .bind(share.0)
    .execute(conn)
    .await?;
    Ok(())
}

/// Gives the files their contents; what they have becomes a revision, unless it is empty.
pub(super) async fn apply_contents(conn: &mut Conn, by: &By) -> Result<()> {
    query(
        "insert into revision (node_id, seq, content_id, size, modified_at, author_id, kept_at, collision,
                               written_at, revno, client, pinned, label)
         select id, seq, node.content_id, node.size, node.modified_at, author_id, cast(? as bigint), 0,
                written_at, revno, client, pinned, label
         from node join todo on todo.node_id = node.id where node.size > 0;
         update node set content_id = (select todo.content_id from todo where todo.node_id = node.id),
                         size = (select todo.size from todo where todo.node_id = node.id),
                         modified_at = ?, author_id = ?, written_at = ?, client = ?,
                         revno = revno + case when size > 0 then 1 else 0 end, pinned = 0, label = ''
         where id in (select node_id from todo)",
    )
    .bind(by.at.0)
    .bind(by.at.0)
    .bind(by.user.0)
    .bind(by.at.0)
    .bind(&by.client)
    .execute(conn)
    .await?;
    Ok(())
}

/// Counts the new bytes and marks everything that has changed, and all above it, with the last sequence.
pub(super) async fn settle(conn: &mut Conn, share: ShareId, (from, to): (i64, i64), top: NodeId) -> Result<()> {
    if from == to {
        return Ok(());
    }
    query(
        "update share set seq = ?1, used_bytes = used_bytes + (select coalesce(cast(sum(size) as bigint), 0) from todo)
         where id = ?2;
         update node set seq = ?1 where id in (
             with recursive up (id) as (
                 select cast(?3 as bigint)
                 union select node_id from told
                 union select parent_id from told where parent_id is not null
                 union select old_parent_id from moves where from_trash = 0 and old_parent_id is not null
                 union select node.parent_id from up join node on node.id = up.id where node.parent_id is not null
             ) select id from up)",
    )
    .bind(to)
    .bind(share.0)
    .bind(top.0)
    .execute(conn)
    .await?;
    Ok(())
}

/// The nodes that have met a fate, in the order of their ids.
pub(super) async fn nodes_of(conn: &mut Conn, fate: Fate, moment: Moment) -> Result<Vec<NodeId>> {
    let statement = match fate {
        Fate::Rewritten => "select node_id from todo where ?1 = ?1 order by node_id",
        Fate::Restored => "select node_id from moves where from_trash = 1 and ?1 = ?1 order by node_id",
        Fate::Moved => "select node_id from moves where from_trash = 0 and ?1 = ?1 order by node_id",
        Fate::Trashed => "select node_id from tossed where top = 1 and ?1 = ?1 order by node_id",
        Fate::Locked => {
            "select node.id from scope join node on node.id = scope.node_id
             where scope.locked = 1 and node.kind = 1 and node.made_at < ?1 and node.written_at >= ?1
             order by node.id"
        }
        Fate::Unknown => {
            "select node.id from scope join node on node.id = scope.node_id
             where scope.locked = 0 and node.kind = 1 and node.made_at < ?1 and node.written_at >= ?1
               and node.id not in (select node_id from todo)
               and not exists (select 1 from revision r where r.node_id = node.id and r.written_at < ?1)
             order by node.id"
        }
    };
    let ids: Vec<i64> = query_scalar(statement).bind(moment.0).fetch_all(conn).await?;
    Ok(ids.into_iter().map(NodeId).collect())
}

/// How many things were deleted since from what `scope` holds, and are still in the trash.
pub(super) async fn still_deleted(conn: &mut Conn, top: &Node, moment: Moment) -> Result<i64> {
    query_scalar(
        "select count(*) from trash where share_id = ? and deleted_at >= ?
         and parent_id in (select node_id from scope) and node_id not in (select node_id from tossed)",
    )
    .bind(top.share.0)
    .bind(moment.0)
    .fetch_one(conn)
    .await
}

/// How many things in `scope` have come since, and are still there.
pub(super) async fn still_new(conn: &mut Conn) -> Result<i64> {
    query_scalar("select count(*) from scope where came = 1 and node_id not in (select node_id from tossed)")
        .fetch_one(conn)
        .await
}

/// Plans a copy of everything that is `alive`: how many nodes, their bytes, and how many of them are not as they were,
/// because that is no longer known.
pub(super) async fn plan_snapshot(conn: &mut Conn, root: NodeId) -> Result<(i64, i64, i64)> {
    macro_rules! plan {
        ($id:expr) => {
            concat!(
                copy_map!(),
                "; insert into copy_map (old, new, depth) select node_id, ",
                $id,
                ", 0 from alive where node_id <> ?"
            )
        };
    }
    let plan = Sql::two(plan!(fresh_node_id!(sqlite)), plan!(fresh_node_id!(postgres)));
    query(plan).bind(root.0).execute(&mut *conn).await?;
    let row = query(
        "select count(*), coalesce(cast(sum(size) as bigint), 0), coalesce(cast(sum(1 - known) as bigint), 0)
         from copy_map join past on node_id = old",
    )
    .fetch_one(conn)
    .await?;
    Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
}

/// Carries it out, below the root of another share.
pub(super) async fn copy_past(conn: &mut Conn, root: &Node, seq: i64, by: &By) -> Result<()> {
    query(
        "insert into node (id, share_id, parent_id, name, name_key, kind, content_id, size, modified_at, created_at, seq,
                           author_id, made_at, written_at, client, has_props)
         select m.new, cast(? as bigint), coalesce(above.new, ?), p.name, p.name_key, p.kind, p.content_id, p.size,
                p.modified_at, n.created_at, cast(? as bigint), p.author_id, cast(? as bigint), cast(? as bigint), ?,
                n.has_props
         from copy_map m join past p on p.node_id = m.old join node n on n.id = m.old
         left join copy_map above on above.old = p.parent_id;
         insert into prop (node_id, ns, name, value, lang)
         select m.new, ns, name, value, lang from prop join copy_map m on m.old = node_id",
    )
    .bind(root.share.0)
    .bind(root.id.0)
    .bind(seq)
    .bind(by.at.0)
    .bind(by.at.0)
    .bind(&by.client)
    .execute(conn)
    .await?;
    Ok(())
}
