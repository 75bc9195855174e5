//! The statements of COPY and MOVE.

use crate::clock::Moment;
use crate::db::{Conn, DbError, Sql, query, query_scalar};
use crate::ids::{NodeId, ShareId, UserId};
use crate::tree::Node;
use crate::tree::change::{By, State};
use crate::tree::sql::leave_place;

type Result<T> = std::result::Result<T, DbError>;

/// The file that `by` has taken from this name since `since`, unless others have a lock on it where it is now; and the mark
/// of it removed. What lies in the trash can't be locked anew.
pub(super) async fn vacated(
    conn: &mut Conn,
    parent: NodeId,
    key: &str,
    by: UserId,
    since: Moment,
) -> Result<Option<NodeId>> {
    let id: Option<i64> = query_scalar(
        "delete from vacated where parent_id = ? and name_key = ? and user_id = ? and left_at >= ?
         and not exists (select 1 from lock join node on node.id = lock.node_id join share on share.id = lock.share_id
                         where lock.node_id = vacated.node_id and lock.holder_id <> vacated.user_id
                           and node.parent_id <> share.trash_id)
         returning node_id",
    )
    .bind(parent.0)
    .bind(key)
    .bind(by.0)
    .bind(since.0)
    .fetch_optional(conn)
    .await?;
    Ok(id.map(NodeId))
}

/// Takes a node's row out of the list of the trash.
pub(crate) async fn leave_trash(conn: &mut Conn, node: NodeId) -> Result<()> {
    query("delete from trash where node_id = ?").bind(node.0).execute(conn).await?;
    Ok(())
}

/// Gives a node another place and name.
pub(crate) async fn move_node(
    conn: &mut Conn,
    id: NodeId,
    parent: NodeId,
    (name, key): (&str, &str),
    seq: i64,
    now: Moment,
) -> Result<()> {
    query(concat!(leave_place!(), "update node set parent_id = ?, name = ?, name_key = ?, seq = ? where id = ?"))
        .bind(now.0)
        .bind(id.0)
        .bind(parent.0)
        .bind(name)
        .bind(key)
        .bind(seq)
        .bind(id.0)
        .execute(conn)
        .await?;
    Ok(())
}

/// Makes everything from `root` down part of another share, changed there with `seq`.
pub(super) async fn change_share(conn: &mut Conn, root: NodeId, share: ShareId, seq: i64) -> Result<()> {
    query(
        "with recursive walk (id) as (
             select cast(?1 as bigint) union all select node.id from walk join node on node.parent_id = walk.id
         )
         update node set share_id = ?2, seq = ?3 where id in (select id from walk)",
    )
    .bind(root.0)
    .bind(share.0)
    .bind(seq)
    .execute(conn)
    .await?;
    Ok(())
}

/// Whether a copy in slices is still there as it was made.
pub(super) async fn is_leased(conn: &mut Conn, root: NodeId, now: Moment) -> Result<bool> {
    query_scalar("select exists (select 1 from detached where node_id = ? and not_before > ?)")
        .bind(root.0)
        .bind(now.0)
        .fetch_one(conn)
        .await
}

/// Gives a detached tree its place. At any time before it was as if it lay in the trash, whenever its rows were made.
pub(super) async fn attach(conn: &mut Conn, top: &Node, key: &str, (trash, now): (NodeId, Moment)) -> Result<()> {
    query(
        "insert into place (node_id, share_id, parent_id, name, name_key, left_at) values (?, ?, ?, ?, ?, ?);
         update node set parent_id = ?, name = ?, name_key = ?, seq = ? where id = ?;
         delete from detached where node_id = ?",
    )
    .bind(top.id.0)
    .bind(top.share.0)
    .bind(trash.0)
    .bind(&top.name)
    .bind(key)
    .bind(now.0)
    .bind(top.parent.map(|id| id.0))
    .bind(&top.name)
    .bind(key)
    .bind(top.seq)
    .bind(top.id.0)
    .bind(top.id.0)
    .execute(conn)
    .await?;
    Ok(())
}

/// The revisions of `from` become revisions of `to`, then the node `from` goes; both lie in one share. They are counted on
/// behind those of `to`, whose present state has just come from `from`, and so comes after all of them. They are states of `to` from
/// now on only: at no earlier time had it any of them.
pub(super) async fn absorb(conn: &mut Conn, from: NodeId, to: NodeId) -> Result<()> {
    query(
        "update revision set node_id = ?1, written_at = (select written_at from node where id = ?1), revno = revno + (select revno from node where id = ?1) - 1 where node_id = ?2;
         update node set revno = revno + (select f.revno from node f where f.id = ?2) - 1 where id = ?1;
         delete from node where id = ?2",
    )
        .bind(to.0)
        .bind(from.0)
        .execute(conn)
        .await?;
    Ok(())
}

/// Gives a file another content without keeping the one it has.
pub(super) async fn swap_content(conn: &mut Conn, file: NodeId, new: &State, now: Moment) -> Result<()> {
    query("update node set content_id = ?, size = ?, modified_at = ?, written_at = ? where id = ?")
        .bind(new.content.0.as_bytes().as_slice())
        .bind(new.size.cast_signed())
        .bind(new.modified.0)
        .bind(now.0)
        .bind(file.0)
        .execute(conn)
        .await?;
    Ok(())
}

/// The locks on `from` become locks on `to`, unless that has some of its own: then nothing is changed and it is `false`.
pub(super) async fn move_locks(conn: &mut Conn, from: NodeId, to: NodeId) -> Result<bool> {
    let held: i64 =
        query_scalar("select count(*) from lock where node_id = ?").bind(to.0).fetch_one(&mut *conn).await?;
    if held > 0 {
        return Ok(false);
    }
    query("update lock set node_id = ? where node_id = ?").bind(to.0).bind(from.0).execute(conn).await?;
    Ok(true)
}

/// Lays the properties of `from` over those of `to`.
pub(super) async fn merge_props(conn: &mut Conn, from: NodeId, to: NodeId) -> Result<()> {
    query(
        "insert into prop (node_id, ns, name, value, lang)
         select ?, ns, name, value, lang from prop where node_id = ?
         on conflict (node_id, ns, name) do update set value = excluded.value, lang = excluded.lang;
         update node set has_props = case when exists (select 1 from prop where node_id = node.id) then 1 else 0 end
         where id = ?",
    )
    .bind(to.0)
    .bind(from.0)
    .bind(to.0)
    .execute(conn)
    .await?;
    Ok(())
}

/// Makes the table in which a copy is planned, or empties it.
macro_rules! copy_map {
    () => {
        "create temp table if not exists copy_map (old bigint primary key, new bigint not null, depth bigint not null);
         delete from copy_map"
    };
}

/// The id that a node will have when it is inserted with it: one for each row of a `select`.
macro_rules! fresh_node_id {
    (sqlite) => {
        "(select seq from sqlite_sequence where name = 'node') + row_number() over ()"
    };
    (postgres) => {
        "nextval(pg_get_serial_sequence('node', 'id'))"
    };
}
pub(crate) use {copy_map, fresh_node_id};

/// Writes which nodes a copy of `source` takes and what their new ids are: how many, their bytes, levels below the source.
pub(super) async fn plan_copy(conn: &mut Conn, source: NodeId, deep: bool) -> Result<(i64, i64, i64)> {
    macro_rules! plan {
        ($id:expr) => {
            concat!(
                copy_map!(),
                "; insert into copy_map (old, new, depth)
                 with recursive walk (id, depth) as (
                     select cast(? as bigint), 0 union all
                     select node.id, walk.depth + 1 from walk join node on node.parent_id = walk.id where ? = 1
                 )
                 select id, ",
                $id,
                ", depth from walk"
            )
        };
    }
    query(Sql::two(plan!(fresh_node_id!(sqlite)), plan!(fresh_node_id!(postgres))))
        .bind(source.0)
        .bind(deep)
        .execute(&mut *conn)
        .await?;
    planned(conn).await
}

/// How many nodes a planned copy takes, their bytes, levels below the source.
pub(in crate::tree) async fn planned(conn: &mut Conn) -> Result<(i64, i64, i64)> {
    let row = query(
        "select count(*), coalesce(cast(sum(size) as bigint), 0), max(depth) from copy_map join node on id = old",
    )
    .fetch_one(conn)
    .await?;
    Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
}

/// Carries a planned copy out: `root` says where the copy of `source` comes; gives its id.
pub(super) async fn copy_planned(conn: &mut Conn, source: NodeId, root: &Node, key: &str, by: &By) -> Result<NodeId> {
    query(
        "insert into node (id, share_id, parent_id, name, name_key, kind, content_id, size, modified_at, created_at, seq,
                           author_id, made_at, written_at, client, has_props)
         select m.new, ?, coalesce(p.new, ?), case when n.id = ? then ? else n.name end,
                case when n.id = ? then ? else n.name_key end, n.kind,
                n.content_id, n.size, n.modified_at, ?, ?, ?, ?, ?, ?, n.has_props
         from copy_map m join node n on n.id = m.old left join copy_map p on p.old = n.parent_id;
         insert into prop (node_id, ns, name, value, lang)
         select m.new, ns, name, value, lang from prop join copy_map m on m.old = node_id",
    )
    .bind(root.share.0)
    .bind(root.parent.map(|id| id.0))
    .bind(source.0)
    .bind(&root.name)
    .bind(source.0)
    .bind(key)
    .bind(root.created.0)
    .bind(root.seq)
    .bind(by.user.0)
    .bind(by.at.0)
    .bind(by.at.0)
    .bind(&by.client)
    .execute(&mut *conn)
    .await?;
    let id = query_scalar("select new from copy_map where old = ?").bind(source.0).fetch_one(conn).await?;
    Ok(NodeId(id))
}
