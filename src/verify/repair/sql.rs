//! The statements that mend rows. Each first tells what it is going to do.

use crate::clock::Moment;
use crate::contents::named;
use crate::db::{Conn, DbError, Sql, query, query_scalar};
use crate::ids::{ContentId, NodeId, ShareId};
use crate::tree::is_unmentioned;
use crate::verify::sql::with_gone;

type Result<T> = std::result::Result<T, DbError>;

/// Sentences, bounded.
async fn told(conn: &mut Conn, sql: impl Into<Sql>, limit: i64) -> Result<Vec<String>> {
    query_scalar(sql).bind(limit).fetch_all(conn).await
}

async fn done(conn: &mut Conn, sql: impl Into<Sql>) -> Result<u64> {
    Ok(query(sql).execute(conn).await?.rows_affected())
}

pub(super) async fn shares(conn: &mut Conn) -> Result<Vec<i64>> {
    query_scalar("select id from share order by id").fetch_all(conn).await
}

/// Whether any share lacks a root or a trash of its own.
pub(super) async fn is_headless(conn: &mut Conn) -> Result<bool> {
    query_scalar(
        "select exists (select 1 from share s
                        where (select count(*) from node n where n.id in (s.root_id, s.trash_id) and n.share_id = s.id
                                                             and n.kind = 0 and n.parent_id is null) <> 2)",
    )
    .fetch_one(conn)
    .await
}

/// Files and revisions have the sizes of their contents, collections have none.
pub(super) async fn sizes(conn: &mut Conn, limit: i64) -> Result<Vec<String>> {
    let mended = told(
        conn,
        "select 'file ' || n.id || ' (`' || n.name || '`) has the size of its content again, ' || c.size || ' bytes'
         from node n join content c on c.id = n.content_id where n.size <> c.size
         union all
         select 'revision ' || r.id || ' of node ' || r.node_id || ' has the size of its content again, ' || c.size || ' bytes'
         from revision r join content c on c.id = r.content_id where r.size <> c.size
         union all
         select 'collection ' || n.id || ' (`' || n.name || '`) has no size again' from node n where n.kind = 0 and n.size <> 0
         limit ?",
        limit,
    );
    let mended = mended.await?;
    done(
        conn,
        "update node set size = (select c.size from content c where c.id = node.content_id)
         where exists (select 1 from content c where c.id = node.content_id and c.size <> node.size);
         update revision set size = (select c.size from content c where c.id = revision.content_id)
         where exists (select 1 from content c where c.id = revision.content_id and c.size <> revision.size);
         update node set size = 0 where kind = 0 and size <> 0",
    )
    .await?;
    Ok(mended)
}

/// The topmost nodes of trees that no share leads to, though its own share is there; of a ring the first.
macro_rules! lost {
    ($statement:literal) => {
        concat!(
            "with recursive reached (id) as (
                 select root_id from share union select trash_id from share union select node_id from detached
                 union select node.id from reached join node on node.parent_id = reached.id
             ), top (id) as (
                 select n.id from node n
                 where n.id not in (select id from reached) and exists (select 1 from share s where s.id = n.share_id)
                   and (n.parent_id is null or not exists (select 1 from node p where p.id = n.parent_id))
             ), below (id) as (
                 select id from top union select node.id from below join node on node.parent_id = below.id
             ), ring (id) as (
                 select min(n.id) from node n
                 where n.id not in (select id from reached) and n.id not in (select id from below)
                   and exists (select 1 from share s where s.id = n.share_id)
             ), lost (id) as (
                 select id from top union select id from ring where id is not null
             ) ",
            $statement
        )
    };
}

/// What can't be reached comes into the trash of its share, from where it can be restored.
pub(super) async fn unreachable(conn: &mut Conn, now: Moment, limit: i64) -> Result<Vec<String>> {
    let mut mended = Vec::new();
    // One ring at a time.
    loop {
        let found = told(
            conn,
            lost!(
                "select 'node ' || n.id || ' (`' || n.name || '`), which nothing led to, is in the trash of `' || s.name || '` now'
                 from lost join node n on n.id = lost.id join share s on s.id = n.share_id order by n.id limit ?"
            ),
            limit,
        );
        let found = found.await?;
        if found.is_empty() || mended.len() as i64 >= limit {
            return Ok(mended);
        }
        mended.extend(found);
        let ids: Vec<i64> = query_scalar(lost!("select id from lost order by id")).fetch_all(conn).await?;
        let list = serde_json::json!(ids).to_string();
        query(
            "delete from trash where node_id in (select value from json_each(?1));
             insert into trash (node_id, share_id, parent_id, name, deleted_by, deleted_at)
             select n.id, n.share_id, s.root_id, n.name, 0, ?2 from node n join share s on s.id = n.share_id
             where n.id in (select value from json_each(?1));
             update node set parent_id = (select s.trash_id from share s where s.id = node.share_id), name_key = '#' || id
             where id in (select value from json_each(?1))",
        )
        .bind(list)
        .bind(now.0)
        .execute(conn)
        .await?;
    }
}

/// What lies in a trash is listed there.
pub(super) async fn unlisted_trash(conn: &mut Conn, now: Moment, limit: i64) -> Result<Vec<String>> {
    let mended = told(
        conn,
        "select 'node ' || n.id || ' (`' || n.name || '`) is listed in the trash of `' || s.name || '`, where it lies'
         from share s join node n on n.parent_id = s.trash_id
         where not exists (select 1 from trash t where t.node_id = n.id) limit ?",
        limit,
    );
    let mended = mended.await?;
    query(
        "insert into trash (node_id, share_id, parent_id, name, deleted_by, deleted_at)
         select n.id, s.id, s.root_id, n.name, 0, cast(? as bigint) from share s join node n on n.parent_id = s.trash_id
         where not exists (select 1 from trash t where t.node_id = n.id)",
    )
    .bind(now.0)
    .execute(conn)
    .await?;
    Ok(mended)
}

/// What doesn't lie in a trash isn't listed there; the rows are moved aside.
pub(super) async fn wrongly_listed_trash(conn: &mut Conn, now: Moment, limit: i64) -> Result<Vec<String>> {
    let mended = told(
        conn,
        "select 'node ' || t.node_id || ' does not lie in the trash, and is no longer listed there (moved aside)'
         from trash t join node n on n.id = t.node_id join share s on s.id = t.share_id
         where n.parent_id is not null and n.parent_id <> s.trash_id limit ?",
        limit,
    );
    let mended = mended.await?;
    macro_rules! move_aside {
        ($object:literal) => {
            concat!(
                "insert into aside (at, what, was)
                 select cast(? as bigint), 'trash', ",
                $object,
                "('node_id', t.node_id, 'share_id', t.share_id, 'parent_id', t.parent_id, 'name', t.name,
                  'deleted_by', t.deleted_by, 'deleted_at', t.deleted_at)
                 from trash t join node n on n.id = t.node_id join share s on s.id = t.share_id
                 where n.parent_id is not null and n.parent_id <> s.trash_id;
                 delete from trash where node_id in (
                     select t.node_id from trash t join node n on n.id = t.node_id join share s on s.id = t.share_id
                     where n.parent_id is not null and n.parent_id <> s.trash_id)"
            )
        };
    }
    query(Sql::two(move_aside!("json_object"), move_aside!("json_build_object"))).bind(now.0).execute(conn).await?;
    Ok(mended)
}

/// Rows of a node that is not there are moved aside. Only SQLite's file can hold such.
pub(super) async fn dangling(conn: &mut Conn, now: Moment) -> Result<Vec<String>> {
    macro_rules! aside {
        ($table:literal, $columns:literal) => {
            (
                $table,
                Sql::two(
                    concat!(
                        "insert into aside (at, what, was) select ?, '",
                        $table,
                        "', json_object(",
                        $columns,
                        ") from ",
                        $table,
                        " where node_id not in (select id from node)"
                    ),
                    "select 1 where 1 > cast(? as bigint)",
                ),
                Sql::two(
                    concat!("delete from ", $table, " where node_id not in (select id from node)"),
                    "select 1 where 1 > 1",
                ),
            )
        };
    }
    let tables = [
        aside!(
            "revision",
            "'id', id, 'node_id', node_id, 'seq', seq, 'content_id', lower(hex(content_id)), 'size', size,
             'modified_at', modified_at, 'author_id', author_id, 'kept_at', kept_at, 'revno', revno"
        ),
        aside!("prop", "'node_id', node_id, 'ns', ns, 'name', name, 'value', value, 'lang', lang"),
        aside!("lock", "'id', id, 'node_id', node_id, 'share_id', share_id, 'kind', kind, 'holder_id', holder_id"),
        aside!(
            "trash",
            "'node_id', node_id, 'share_id', share_id, 'parent_id', parent_id, 'name', name, 'deleted_at', deleted_at"
        ),
        aside!(
            "access_grant",
            "'id', id, 'node_id', node_id, 'user_id', user_id, 'group_id', group_id, 'deny', deny, 'form', form, 'value', value"
        ),
    ];
    let mut mended = Vec::new();
    for (table, keep, remove) in tables {
        let moved = query(keep).bind(now.0).execute(conn).await?.rows_affected();
        if moved > 0 {
            done(conn, remove).await?;
            mended.push(format!("{moved} rows of `{table}` of nodes that are not there are moved aside"));
        }
    }
    Ok(mended)
}

/// Shares count what they hold.
pub(super) async fn used_bytes(conn: &mut Conn, limit: i64) -> Result<Vec<String>> {
    macro_rules! held {
        ($statement:literal) => {
            with_gone!(concat!(
                ", held (share_id, bytes) as (
                     select s.id, (select cast(coalesce(sum(n.size), 0) as bigint) from node n
                                   where n.share_id = s.id and n.id not in (select id from gone))
                                + (select cast(coalesce(sum(r.size), 0) as bigint) from revision r join node n on n.id = r.node_id
                                   where n.share_id = s.id and n.id not in (select id from gone))
                     from share s
                 ) ",
                $statement
            ))
        };
    }
    let mended = told(
        conn,
        held!(
            "select 'share `' || s.name || '` counts ' || h.bytes || ' bytes, no longer ' || s.used_bytes
             from share s join held h on h.share_id = s.id where s.used_bytes <> h.bytes limit ?"
        ),
        limit,
    );
    let mended = mended.await?;
    done(
        conn,
        held!(
            "update share set used_bytes = (select h.bytes from held h where h.share_id = share.id)
             where used_bytes <> (select h.bytes from held h where h.share_id = share.id)"
        ),
    )
    .await?;
    Ok(mended)
}

/// The sequence of a share is that of the last row of its log, if it is behind it.
pub(super) async fn share_sequence(conn: &mut Conn, limit: i64) -> Result<Vec<String>> {
    let mended = told(
        conn,
        "select 'share `' || s.name || '` goes on after its last change again'
         from share s where s.seq < (select max(c.seq) from change c where c.share_id = s.id) limit ?",
        limit,
    );
    let mended = mended.await?;
    done(
        conn,
        "update share set seq = (select max(c.seq) from change c where c.share_id = share.id)
         where seq < (select max(c.seq) from change c where c.share_id = share.id)",
    )
    .await?;
    Ok(mended)
}

/// No node has changed after its share.
pub(super) async fn node_sequence(conn: &mut Conn, limit: i64) -> Result<Vec<String>> {
    let mended = told(
        conn,
        "select 'node ' || n.id || ' (`' || n.name || '`) changed with the last change of its share, not after it'
         from node n join share s on s.id = n.share_id where n.seq > s.seq limit ?",
        limit,
    );
    let mended = mended.await?;
    done(
        conn,
        "update node set seq = (select s.seq from share s where s.id = node.share_id)
         where exists (select 1 from share s where s.id = node.share_id and node.seq > s.seq)",
    )
    .await?;
    Ok(mended)
}

/// A collection has changed no earlier than what is in it.
pub(super) async fn ancestor_sequence(conn: &mut Conn, levels_max: usize) -> Result<Vec<String>> {
    let mut raised = 0;
    for _ in 0..=levels_max {
        let now = done(
            conn,
            concat!(
                "update node set seq = (select max(m.seq) from node m where m.parent_id = node.id and not ",
                is_unmentioned!("m.name"),
                ")
                 where kind = 0 and exists (select 1 from node m where m.parent_id = node.id and m.seq > node.seq and not ",
                is_unmentioned!("m.name"),
                ")
                   and not exists (select 1 from share where share.trash_id = node.id)
                   and not exists (select 1 from detached where detached.node_id = node.id)"
            ),
        );
        match now.await? {
            0 => break,
            now => raised += now,
        }
    }
    Ok(if raised == 0 { Vec::new() } else { vec![format!("{raised} collections changed when what is in them did")] })
}

/// Nodes are marked as having properties if they have.
pub(super) async fn properties(conn: &mut Conn, limit: i64) -> Result<Vec<String>> {
    let mended = told(
        conn,
        "select 'node ' || n.id || ' (`' || n.name || '`) is marked rightly as '
                || case n.has_props when 1 then 'lacking' else 'having' end || ' properties'
         from node n where n.has_props <> case when exists (select 1 from prop where node_id = n.id) then 1 else 0 end
         limit ?",
        limit,
    );
    let mended = mended.await?;
    done(
        conn,
        "update node set has_props = 1 - has_props
         where has_props <> case when exists (select 1 from prop where node_id = node.id) then 1 else 0 end",
    )
    .await?;
    Ok(mended)
}

/// Locks are kept for the share that their node lies in.
pub(super) async fn locks(conn: &mut Conn, limit: i64) -> Result<Vec<String>> {
    let mended = told(
        conn,
        "select 'lock ' || l.id || ' is kept for the share of node ' || l.node_id || ' again'
         from lock l join node n on n.id = l.node_id where n.share_id <> l.share_id limit ?",
        limit,
    );
    let mended = mended.await?;
    done(
        conn,
        "update lock set share_id = (select n.share_id from node n where n.id = lock.node_id)
         where exists (select 1 from node n where n.id = lock.node_id and n.share_id <> lock.share_id)",
    )
    .await?;
    Ok(mended)
}

/// The collector knows of contents that nothing names.
pub(super) async fn unknown_contents(conn: &mut Conn, limit: i64) -> Result<Vec<String>> {
    let mended = told(
        conn,
        concat!(
            "select 'content ' || lower(hex(c.id)) || ', which nothing names, is the collector''s now'
             from content c where not ",
            named!("c.id"),
            " and not exists (select 1 from gc where gc.content_id = c.id) limit ?"
        ),
        limit,
    );
    let mended = mended.await?;
    done(
        conn,
        concat!(
            "insert into gc (content_id) select c.id from content c where not ",
            named!("c.id"),
            " on conflict (content_id) do nothing"
        ),
    )
    .await?;
    Ok(mended)
}

/// What the collector gave up and is there all the same is a candidate like others.
pub(super) async fn given_up_contents(conn: &mut Conn, limit: i64) -> Result<Vec<String>> {
    let mended = told(
        conn,
        "select 'content ' || lower(hex(g.content_id)) || ' is no longer given up'
         from gc g join content c on c.id = g.content_id where g.doomed = 1 limit ?",
        limit,
    );
    let mended = mended.await?;
    done(
        conn,
        "update gc set doomed = 0, not_before = null
         where doomed = 1 and exists (select 1 from content where content.id = gc.content_id)",
    )
    .await?;
    Ok(mended)
}

/// Bytes in the database whose content has no row.
pub(super) async fn bytes_without_content(conn: &mut Conn, limit: i64) -> Result<Vec<(ContentId, Vec<u8>)>> {
    let rows = query(
        "select i.content_id, i.bytes from content_inline i
         where not exists (select 1 from content c where c.id = i.content_id) order by i.content_id limit ?",
    );
    let rows = rows.bind(limit).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// The row of a content that nothing names and that is inline.
pub(super) async fn insert_content(
    conn: &mut Conn,
    content: ContentId,
    (size, hash): (u64, &[u8; 32]),
    now: Moment,
) -> Result<()> {
    let id = content.0.as_bytes().as_slice();
    query("delete from gc where content_id = ?").bind(id).execute(conn).await?;
    query("insert into content (id, size, hash, inline, created_at) values (?, ?, ?, 1, ?)")
        .bind(id)
        .bind(size.cast_signed())
        .bind(hash.as_slice())
        .bind(now.0)
        .execute(conn)
        .await?;
    query("insert into gc (content_id) values (?)").bind(id).execute(conn).await?;
    Ok(())
}

/// Gives a node the key of its name, if no other member of its collection has it. Gives its share then.
pub(super) async fn set_key(conn: &mut Conn, node: NodeId, key: &str) -> Result<Option<ShareId>> {
    let share: Option<i64> = query_scalar(
        "update node set name_key = ?1
         where id = ?2 and not exists (select 1 from node other
                                       where other.parent_id = node.parent_id and other.name_key = ?1 and other.id <> ?2)
         returning share_id",
    )
    .bind(key)
    .bind(node.0)
    .fetch_optional(conn)
    .await?;
    Ok(share.map(ShareId))
}
