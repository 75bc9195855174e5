//! The statements of the tree. Several statements in one string run in order.

use bytes::Bytes;
use serde_json::json;

use super::change::{By, Departure, Fresh, Journal, State};
use super::reservation::{Limited, Room};
use super::{Kind, Node, ShareState, Usage};
use crate::blobs::CHUNKS_OF_A_PART;
use crate::blobs::sums::SUM_BYTES;
use crate::clock::Moment;
use crate::db::{Conn, DbError, Query, Row, Sql, query, query_scalar};
use crate::ids::{ContentId, NodeId, OrgId, ShareId, UserId};

type Result<T> = std::result::Result<T, DbError>;

/// A node from the first thirteen columns of a row.
pub(crate) fn node(row: &Row) -> Result<Node> {
    let lease_user: Option<i64> = row.try_get(10)?;
    let lease_until: Option<i64> = row.try_get(11)?;
    Ok(Node {
        id: NodeId(row.try_get(0)?),
        share: ShareId(row.try_get(1)?),
        parent: row.try_get::<Option<i64>>(2)?.map(NodeId),
        name: row.try_get(3)?,
        kind: if row.try_get::<i64>(4)? == 0 { Kind::Collection } else { Kind::File },
        content: row.try_get(5)?,
        size: row.try_get::<i64>(6)?.unsigned_abs(),
        modified: Moment(row.try_get(7)?),
        created: Moment(row.try_get(8)?),
        seq: row.try_get(9)?,
        lease: lease_user.zip(lease_until).map(|(user, until)| (UserId(user), Moment(until))),
        has_props: row.try_get(12)?,
    })
}

/// The step from the organizations in `above` to those above them.
macro_rules! further_up {
    () => {
        " union all
          select organization.parent_id
          from above join organization on organization.id = above.id where organization.parent_id is not null "
    };
}

/// What each limited organization in `above` has left, the last column of a select and where its rows come from.
macro_rules! left_of_organizations {
    () => {
        "limited.quota_bytes - (
             with recursive below (id) as (
                 select limited.id
                 union all
                 select organization.id from below join organization on organization.parent_id = below.id
             )
             select cast(coalesce(sum(counted.used_bytes), 0) as bigint)
             from share counted where counted.org_id in (select id from below)
         )
         from above join organization limited on limited.id = above.id where limited.quota_bytes is not null "
    };
}

/// The most that a share may take as things stand: its own quota, or what it takes and what the tightest of the organizations
/// above it, and of its own, has left. Below nothing is added up unless some organization has a size limit at all, and
/// the condition holds.
macro_rules! quota {
    ($condition:literal) => {
        concat!(
            "case when ",
            $condition,
            " and exists (select 1 from organization where quota_bytes is not null) then
                 (with recursive above (id) as (
                      select share.org_id",
            further_up!(),
            ")
                  select min(room) from (
                      select share.quota_bytes as room
                      union all
                      select share.used_bytes + ",
            left_of_organizations!(),
            ") rooms)
             else share.quota_bytes end"
        )
    };
}

/// The row of an active share with the root `root`, and the nodes on the way along `keys`, the root first, as far as they
/// lead. Changes of the share begin with this question: one for everything that they must know.
pub(super) async fn chain(conn: &mut Conn, root: NodeId, keys: &[String]) -> Result<Option<(ShareState, Vec<Node>)>> {
    macro_rules! chain {
        ($key:literal) => {
            concat!(
                "with recursive step (depth, id) as (
                     select 0, cast(?1 as bigint)
                     union all
                     select step.depth + 1, node.id
                     from step join node on node.parent_id = step.id and node.name_key = ",
                $key,
                ")
                 select node.id, node.share_id, node.parent_id, node.name, node.kind, node.content_id, node.size,
                        node.modified_at, node.created_at, node.seq, node.lease_user, node.lease_until, node.has_props,
                        share.trash_id, share.seq, share.used_bytes, ",
                quota!("step.depth = 0"),
                ", exists (select 1 from lock where lock.share_id = share.id), exists (select 1 from vacated)
                 from step join node on node.id = step.id join share on share.id = node.share_id and share.active = 1
                 order by step.depth"
            )
        };
    }
    let rows = query(Sql::two(
        chain!("json_extract(?2, '$[' || step.depth || ']')"),
        chain!("cast(cast(?2 as text) as json) ->> step.depth"),
    ))
    .bind(root.0)
    .bind(json!(keys).to_string())
    .fetch_all(conn)
    .await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let share = ShareState {
        trash: NodeId(first.try_get(13)?),
        seq: first.try_get(14)?,
        usage: Usage {
            used_bytes: first.try_get::<i64>(15)?.unsigned_abs(),
            quota_bytes: first.try_get::<Option<i64>>(16)?.map(|bytes| bytes.max(0).unsigned_abs()),
        },
        has_locks: first.try_get(17)?,
        has_left: first.try_get(18)?,
    };
    Ok(Some((share, rows.iter().map(node).collect::<Result<_>>()?)))
}

/// The member of that key.
pub(super) async fn member(conn: &mut Conn, parent: NodeId, key: &str) -> Result<Option<Node>> {
    let row = query(
        "select id, share_id, parent_id, name, kind, content_id, size, modified_at, created_at, seq,
                lease_user, lease_until, has_props
         from node where parent_id = ? and name_key = ?",
    )
    .bind(parent.0)
    .bind(key)
    .fetch_optional(conn)
    .await?;
    row.as_ref().map(self::node).transpose()
}

/// The nodes from the topmost down to `node`.
pub(super) async fn chain_up(conn: &mut Conn, node: NodeId) -> Result<Vec<Node>> {
    let rows = query(
        "with recursive up (depth, id) as (
             select 0, cast(?1 as bigint)
             union all
             select up.depth + 1, node.parent_id from up join node on node.id = up.id where node.parent_id is not null
         )
         select node.id, share_id, parent_id, name, kind, content_id, size, modified_at, created_at, seq,
                lease_user, lease_until, has_props
         from up join node on node.id = up.id order by up.depth desc",
    )
    .bind(node.0)
    .fetch_all(conn)
    .await?;
    rows.iter().map(self::node).collect()
}

pub(super) async fn share_name(conn: &mut Conn, share: ShareId) -> Result<Option<String>> {
    query_scalar("select name from share where id = ?").bind(share.0).fetch_optional(conn).await
}

pub(super) async fn has_locks(conn: &mut Conn, share: ShareId) -> Result<bool> {
    query_scalar("select exists (select 1 from lock where share_id = ?)").bind(share.0).fetch_one(conn).await
}

/// The file of that key, or of that key behind two characters; the exact one first.
pub(super) async fn document(conn: &mut Conn, parent: NodeId, key: &str) -> Result<Option<Node>> {
    let row = query(
        "select id, share_id, parent_id, name, kind, content_id, size, modified_at, created_at, seq,
                lease_user, lease_until, has_props
         from node where parent_id = ?1 and kind = 1 and (name_key = ?2 or substr(name_key, 3) = ?2)
         order by name_key = ?2 desc, name_key limit 1",
    )
    .bind(parent.0)
    .bind(key)
    .fetch_optional(conn)
    .await?;
    row.as_ref().map(self::node).transpose()
}

/// Keeps in mind that a file has left its name.
pub(super) async fn vacate(conn: &mut Conn, n: &Node, by: UserId, now: Moment) -> Result<()> {
    query(
        "insert into vacated (parent_id, name_key, node_id, user_id, left_at)
         select parent_id, name_key, id, ?, ? from node where id = ?
         on conflict (parent_id, name_key)
         do update set node_id = excluded.node_id, user_id = excluded.user_id, left_at = excluded.left_at",
    )
    .bind(by.0)
    .bind(now.0)
    .bind(n.id.0)
    .execute(conn)
    .await?;
    Ok(())
}

/// The rows of nodes as one JSON text.
macro_rules! nodes_as_json {
    (sqlite) => {
        "json_group_array(json_array(id, name, kind, lower(hex(content_id)), size, modified_at, created_at, seq, has_props))"
    };
    (postgres) => {
        "coalesce(json_agg(json_build_array(id, name, kind, lower(hex(content_id)), size, modified_at, created_at, seq,
                                            has_props) order by name_key), '[]')::text"
    };
}
pub(super) use nodes_as_json;

/// A page of members as one JSON row, and the key of the last of them. Rows one by one cost three times as much here.
pub(super) async fn members_json(
    conn: &mut Conn,
    parent: NodeId,
    after: &str,
    collections_only: bool,
    limit: i64,
) -> Result<(String, Option<String>)> {
    macro_rules! members {
        ($rows:expr) => {
            concat!(
                "select ",
                $rows,
                ", max(name_key)
                 from (select * from node where parent_id = ? and name_key > ? and (? = 0 or kind = 0)
                       order by name_key limit ?) as member"
            )
        };
    }
    let row = query(Sql::two(members!(nodes_as_json!(sqlite)), members!(nodes_as_json!(postgres))))
        .bind(parent.0)
        .bind(after)
        .bind(collections_only)
        .bind(limit)
        .fetch_one(conn)
        .await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// How many nodes lie below `root`, itself included; counts no further than `limit`.
pub(super) async fn count_below(conn: &mut Conn, root: NodeId, limit: i64) -> Result<i64> {
    query_scalar(
        "with recursive walk (id) as (
             select cast(?1 as bigint) union all select node.id from walk join node on node.parent_id = walk.id
         )
         select count(*) from (select 1 from walk limit ?2) as counted",
    )
    .bind(root.0)
    .bind(limit)
    .fetch_one(conn)
    .await
}

/// How many members a collection has, the characters of their names, and how many have properties.
pub(super) async fn extent(conn: &mut Conn, parent: NodeId) -> Result<[i64; 3]> {
    let row = query(
        "select count(*), cast(coalesce(sum(length(name)), 0) as bigint), cast(coalesce(sum(has_props), 0) as bigint)
         from node where parent_id = ?",
    );
    let row = row.bind(parent.0).fetch_one(conn).await?;
    Ok([row.try_get(0)?, row.try_get(1)?, row.try_get(2)?])
}

/// The bytes of a content that lies in the database, and its hash.
pub(super) async fn inline_bytes(conn: &mut Conn, content: ContentId) -> Result<Option<(Bytes, Vec<u8>)>> {
    let row = query(
        "select content_inline.bytes, content.hash
         from content_inline join content on content.id = content_inline.content_id
         where content_inline.content_id = ?",
    )
    .bind(content.0.as_bytes().as_slice())
    .fetch_optional(conn)
    .await?;
    row.map(|row| Ok((Bytes::from(row.try_get::<Vec<u8>>(0)?), row.try_get(1)?))).transpose()
}

/// What an active share holds and may hold.
pub(super) async fn usage(conn: &mut Conn, share: ShareId) -> Result<Option<Usage>> {
    let row = query(concat!("select used_bytes, ", quota!("1 = 1"), " from share where id = ? and active = 1"))
        .bind(share.0)
        .fetch_optional(conn)
        .await?;
    row.map(|row| {
        Ok(Usage {
            used_bytes: row.try_get::<i64>(0)?.unsigned_abs(),
            quota_bytes: row.try_get::<Option<i64>>(1)?.map(|bytes| bytes.max(0).unsigned_abs()),
        })
    })
    .transpose()
}

/// What the quota of a share and the limits of the organizations above it have left.
pub(super) async fn rooms(conn: &mut Conn, share: ShareId) -> Result<Vec<Room>> {
    let rows = query(concat!(
        "with recursive above (id) as (select org_id from share where id = ?1",
        further_up!(),
        ")
         select share.id, cast(null as bigint), share.quota_bytes - share.used_bytes
         from share where share.id = ?1 and share.quota_bytes is not null
         union all
         select cast(null as bigint), limited.id, ",
        left_of_organizations!()
    ));
    let rows = rows.bind(share.0).fetch_all(conn).await?;
    let room = |row: &Row| {
        let of = match row.try_get::<Option<i64>>(0)? {
            Some(share) => Limited::Share(ShareId(share)),
            None => Limited::Organization(OrgId(row.try_get(1)?)),
        };
        Ok(Room { of, bytes: row.try_get::<i64>(2)?.max(0).unsigned_abs() })
    };
    rows.iter().map(room).collect()
}

fn ids(nodes: &[NodeId]) -> String {
    json!(nodes.iter().map(|id| id.0).collect::<Vec<_>>()).to_string()
}

/// What every change writes beside its own rows: the row of the change log, the share's sequence and bytes, the ancestors'
/// sequence. `$node` is how the statement names the changed node.
macro_rules! journal {
    ($node:literal) => {
        concat!(
            "insert into change (share_id, seq, op, node_id, parent_id, name, actor_id, at) values (?, ?, ?, ",
            $node,
            ", ?, ?, ?, ?);
             update share set seq = ?, used_bytes = used_bytes + ? where id = ?;
             update node set seq = ? where id in (select value from json_each(?))"
        )
    };
}

/// Binds what [`journal`] leaves open. `node` when it is bound and not known to the statement itself.
fn bind_journal<'q>(query: Query<'q>, j: &Journal<'q>, node: Option<NodeId>) -> Query<'q> {
    let query = query.bind(j.share.0).bind(j.seq).bind(j.op as i64);
    let query = match node {
        Some(node) => query.bind(node.0),
        None => query,
    };
    query
        .bind(j.parent.map(|id| id.0))
        .bind(j.name)
        .bind(j.actor.0)
        .bind(j.at.0)
        .bind(j.seq)
        .bind(j.added_bytes)
        .bind(j.share.0)
        .bind(j.seq)
        .bind(ids(j.ancestors))
}

/// The row of a change, and what every change does beside.
pub(super) async fn journal(conn: &mut Conn, node: NodeId, j: &Journal<'_>) -> Result<()> {
    bind_journal(query(journal!("?")), j, Some(node)).execute(conn).await?;
    Ok(())
}

/// Where a node was that leaves its place with the change of that sequence.
pub(crate) async fn depart(conn: &mut Conn, share: ShareId, seq: i64, left: &Departure) -> Result<()> {
    query("insert into departure (share_id, seq, node_id, kind, ids, path) values (?, ?, ?, ?, ?, ?)")
        .bind(share.0)
        .bind(seq)
        .bind(left.node.0)
        .bind(i64::from(left.kind == Kind::File))
        .bind(ids(&left.ids))
        .bind(&left.path)
        .execute(conn)
        .await?;
    Ok(())
}

/// Counts bytes without a row in the change log.
pub(super) async fn account(conn: &mut Conn, share: ShareId, added_bytes: i64) -> Result<()> {
    query("update share set used_bytes = used_bytes + ? where id = ?")
        .bind(added_bytes)
        .bind(share.0)
        .execute(conn)
        .await?;
    Ok(())
}

/// Removes a file's row for good, with its revisions and properties.
pub(super) async fn purge(conn: &mut Conn, node: NodeId) -> Result<()> {
    query("delete from node where id = ?").bind(node.0).execute(conn).await?;
    Ok(())
}

/// The rows of a new content, with or without its bytes.
macro_rules! content {
    (in_store) => {
        "insert into content (id, size, hash, inline, created_at) values (?, ?, ?, 0, ?); "
    };
    (inline) => {
        "insert into content (id, size, hash, inline, created_at) values (?, ?, ?, 1, ?);
         insert into content_inline (content_id, bytes) values (?, ?); "
    };
}

fn bind_content<'q>(query: Query<'q>, fresh: &'q Fresh, now: Moment) -> Query<'q> {
    let id = fresh.id.0.as_bytes().as_slice();
    let query = query.bind(id).bind(fresh.size.cast_signed()).bind(fresh.hash.as_slice()).bind(now.0);
    match &fresh.inline {
        Some(bytes) => query.bind(id).bind(bytes.as_ref()),
        None => query,
    }
}

/// A new content's rows.
pub(super) async fn insert_content(conn: &mut Conn, fresh: &Fresh, now: Moment) -> Result<()> {
    let statement = if fresh.inline.is_some() { content!(inline) } else { content!(in_store) };
    bind_content(query(statement), fresh, now).execute(conn).await?;
    insert_proofs(conn, fresh).await
}

/// What proves a new content's bytes. Its own row is there.
async fn insert_proofs(conn: &mut Conn, fresh: &Fresh) -> Result<()> {
    if let Some(checksum) = &fresh.checksum {
        let insert = query("insert into content_checksum (content_id, checksum) values (?, ?)");
        insert.bind(fresh.id.0.as_bytes().as_slice()).bind(checksum).execute(conn).await?;
    }
    insert_sums(conn, fresh.id, &fresh.sums).await
}

/// The hashes of a content's chunks, so many in a row as are asked for together. Its own row is there.
pub(super) async fn insert_sums(conn: &mut Conn, content: ContentId, sums: &[u8]) -> Result<()> {
    for (part, sums) in sums.chunks(CHUNKS_OF_A_PART as usize * SUM_BYTES).enumerate() {
        query("insert into content_sums (content_id, part, sums) values (?, ?, ?)")
            .bind(content.0.as_bytes().as_slice())
            .bind(part as i64)
            .bind(sums)
            .execute(conn)
            .await?;
    }
    Ok(())
}

/// A new file with its content and the change log's row, in one hop; gives its id. `n.id` is not looked at.
pub(super) async fn create_file(
    conn: &mut Conn,
    n: &Node,
    key: &str,
    by: &By,
    fresh: &Fresh,
    j: &Journal<'_>,
) -> Result<NodeId> {
    macro_rules! create {
        ($place:ident) => {
            concat!(
                content!($place),
                "insert into node (share_id, parent_id, name, name_key, kind, content_id, size, modified_at, created_at,
                                   seq, author_id, lease_user, lease_until, made_at, written_at, client)
                 values (?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) returning id; ",
                journal!("last_insert_rowid()")
            )
        };
    }
    let statement = if fresh.inline.is_some() { create!(inline) } else { create!(in_store) };
    let query = bind_content(query(statement), fresh, j.at)
        .bind(n.share.0)
        .bind(n.parent.map(|id| id.0))
        .bind(&n.name)
        .bind(key)
        .bind(fresh.id.0.as_bytes().as_slice())
        .bind(n.size.cast_signed())
        .bind(n.modified.0)
        .bind(n.created.0)
        .bind(n.seq)
        .bind(by.user.0)
        .bind(n.lease.map(|(user, _)| user.0))
        .bind(n.lease.map(|(_, until)| until.0))
        .bind(by.at.0)
        .bind(by.at.0)
        .bind(&by.client);
    // All rows, not the first one: that would leave the statements behind it undone.
    let rows = bind_journal(query, j, None).fetch_all(conn).await?;
    insert_proofs(conn, fresh).await?;
    rows.first().expect("a new row returns its id").try_get(0).map(NodeId)
}

/// A new node; gives its id. `n.id` is not looked at.
pub(super) async fn insert_node(conn: &mut Conn, n: &Node, key: &str, by: &By) -> Result<NodeId> {
    let id = query_scalar(
        "insert into node (share_id, parent_id, name, name_key, kind, content_id, size, modified_at, created_at, seq,
                           author_id, lease_user, lease_until, made_at, written_at, client)
         values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) returning id",
    )
    .bind(n.share.0)
    .bind(n.parent.map(|id| id.0))
    .bind(&n.name)
    .bind(key)
    .bind(i64::from(n.kind == Kind::File))
    .bind(n.content.as_ref().map(|id| id.0.as_bytes().as_slice()))
    .bind(n.size.cast_signed())
    .bind(n.modified.0)
    .bind(n.created.0)
    .bind(n.seq)
    .bind(by.user.0)
    .bind(n.lease.map(|(user, _)| user.0))
    .bind(n.lease.map(|(_, until)| until.0))
    .bind(by.at.0)
    .bind(by.at.0)
    .bind(&by.client)
    .fetch_one(conn)
    .await?;
    Ok(NodeId(id))
}

/// Gives a file another content; its present state becomes a revision when `keep`, marked when it is somebody else's and
/// the new one is blind.
pub(super) async fn replace_content(
    conn: &mut Conn,
    file: NodeId,
    new: &State,
    (seq, by): (i64, &By),
    keep: bool,
) -> Result<()> {
    query(
        "insert into revision (node_id, seq, content_id, size, modified_at, author_id, kept_at, collision,
                               written_at, revno, client, pinned, label)
         select id, seq, content_id, size, modified_at, author_id, ?,
                case when ? and author_id is not null and author_id <> ? then 1 else 0 end,
                written_at, revno, client, pinned, label
         from node where id = ? and ?;
         update node set content_id = ?, size = ?, modified_at = ?, seq = ?, author_id = ?,
                         written_at = ?, revno = revno + ?, client = ?, pinned = 0, label = '' where id = ?",
    )
    .bind(by.at.0)
    .bind(new.blind)
    .bind(by.user.0)
    .bind(file.0)
    .bind(keep)
    .bind(new.content.0.as_bytes().as_slice())
    .bind(new.size.cast_signed())
    .bind(new.modified.0)
    .bind(seq)
    .bind(by.user.0)
    .bind(by.at.0)
    .bind(keep)
    .bind(&by.client)
    .bind(file.0)
    .execute(conn)
    .await?;
    Ok(())
}

/// Whether a save by `user` at `now` belongs to one that he began less than `within_ms` ago: nothing in between is kept.
pub(super) async fn is_same_save(conn: &mut Conn, file: NodeId, by: &By, within_ms: i64) -> Result<bool> {
    query_scalar(
        "select exists (
             select 1 from node where id = ? and author_id = ? and pinned = 0 and label = ''
             and ? - coalesce((select max(kept_at) from revision where node_id = node.id), made_at) < ?)",
    )
    .bind(file.0)
    .bind(by.user.0)
    .bind(by.at.0)
    .bind(within_ms)
    .fetch_one(conn)
    .await
}

/// How many revisions of a file there are, and how many of them are marked as collisions.
#[cfg(test)]
pub(super) async fn revisions(conn: &mut Conn, file: NodeId) -> Result<(i64, i64)> {
    let row = query("select count(*), coalesce(cast(sum(collision) as bigint), 0) from revision where node_id = ?")
        .bind(file.0)
        .fetch_one(conn)
        .await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// Whether a name, as `node.name`, is one of those that macOS gives to what it lays beside files ([`is_macos_litter`](super::scratch::is_macos_litter)).
macro_rules! is_litter {
    ($name:literal) => {
        concat!("(substr(", $name, ", 1, 2) = '._' or ", $name, " = '.DS_Store')")
    };
}
pub(crate) use is_litter;

/// Whether it is one that the change log may not tell of: such litter, or an owner file. What has it may have changed after the collection that
/// it lies in.
macro_rules! is_unmentioned {
    ($name:literal) => {
        concat!(
            "(",
            $crate::tree::is_litter!($name),
            " or substr(",
            $name,
            ", 1, 2) = '~$' or substr(",
            $name,
            ", 1, 7) = '.~lock.')"
        )
    };
}
pub(crate) use is_unmentioned;

/// Keeps in mind where a node lies that is about to leave its place: binds the moment and the node.
macro_rules! leave_place {
    () => {
        "insert into place (node_id, share_id, parent_id, name, name_key, left_at)
         select id, share_id, parent_id, name, name_key, ? from node where id = ?; "
    };
}
pub(super) use leave_place;

/// Moves a node below the trash, where its key is its id, so that equal names lie side by side. `path`: the names above it.
pub(super) async fn to_trash(
    conn: &mut Conn,
    n: &Node,
    (trash, path): (NodeId, &str),
    seq: i64,
    by: UserId,
    now: Moment,
) -> Result<()> {
    query(concat!(
        leave_place!(),
        "update node set parent_id = ?, name_key = '#' || id, seq = ?, lease_user = null where id = ?;
         insert into trash (node_id, share_id, parent_id, name, deleted_by, deleted_at, path) values (?, ?, ?, ?, ?, ?, ?)"
    ))
    .bind(now.0)
    .bind(n.id.0)
    .bind(trash.0)
    .bind(seq)
    .bind(n.id.0)
    .bind(n.id.0)
    .bind(n.share.0)
    .bind(n.parent.map(|id| id.0))
    .bind(&n.name)
    .bind(by.0)
    .bind(now.0)
    .bind(path)
    .execute(conn)
    .await?;
    Ok(())
}

/// The bytes of everything from `root` down, revisions included.
pub(super) async fn bytes_below(conn: &mut Conn, root: NodeId) -> Result<i64> {
    query_scalar(
        "with recursive walk (id) as (
             select cast(?1 as bigint) union all select node.id from walk join node on node.parent_id = walk.id
         )
         select (select coalesce(cast(sum(size) as bigint), 0) from node where id in (select id from walk))
              + (select coalesce(cast(sum(size) as bigint), 0) from revision where node_id in (select id from walk))",
    )
    .bind(root.0)
    .fetch_one(conn)
    .await
}
