//! The statements that look for what must never be, beside those of the tree's own check.

use super::{Named, State};
use crate::contents::named;
use crate::db::{Conn, DbError, Row, Sql, query, query_scalar};
use crate::ids::{ContentId, NodeId};
use crate::tree::is_unmentioned;

type Result<T> = std::result::Result<T, DbError>;

/// Nodes that no share leads to on purpose: what is being purged, and copies in the making.
macro_rules! with_gone {
    ($statement:expr) => {
        concat!(
            "with recursive gone (id) as (
                 select node_id from detached union all select node.id from gone join node on node.parent_id = gone.id
             ) ",
            $statement
        )
    };
}
pub(super) use with_gone;

/// Lets the statements of this transaction take the time that a large site wants.
pub(super) async fn take_time(conn: &mut Conn) -> Result<()> {
    query(Sql::two("select 1", "set local statement_timeout = 0")).execute(conn).await?;
    Ok(())
}

/// What must never be: each row a sentence.
pub(super) async fn inconsistencies(conn: &mut Conn, limit: i64) -> Result<Vec<String>> {
    query_scalar(concat!(
        "select 'node ' || n.id || ' (`' || n.name || '`) changed after the collection that it lies in did'
         from node n join node p on p.id = n.parent_id
         where n.seq > p.seq and not ",
        is_unmentioned!("n.name"),
        "
           and not exists (select 1 from share where share.trash_id = p.id)
           and not exists (select 1 from detached where detached.node_id = p.id)
         union all
         select 'collection ' || n.id || ' (`' || n.name || '`) has a content or a size'
         from node n where n.kind = 0 and (n.content_id is not null or n.size <> 0)
         union all
         select 'share `' || s.name || '` has no root or no trash of its own'
         from share s where (select count(*) from node n where n.id in (s.root_id, s.trash_id) and n.share_id = s.id
                                                         and n.kind = 0 and n.parent_id is null) <> 2
         union all
         select 'a change is missing in the log of share `' || s.name || '`'
         from share s where (select count(*) from change c where c.share_id = s.id)
                            <> (select coalesce(max(c.seq) - min(c.seq) + 1, 0) from change c where c.share_id = s.id)
         union all
         select 'revision ' || r.id || ' is one of node ' || r.node_id || ', which is no file'
         from revision r join node n on n.id = r.node_id where n.kind <> 1
         union all
         select 'revision ' || r.id || ' of node ' || r.node_id || ' has another size than its content'
         from revision r join content c on c.id = r.content_id where c.size <> r.size
         union all
         select 'revision ' || r.id || ' of node ' || r.node_id || ' is younger than the present state'
         from revision r join node n on n.id = r.node_id where r.seq > n.seq
         union all
         select 'lock ' || l.id || ' is kept for another share than that of node ' || l.node_id
         from lock l join node n on n.id = l.node_id where n.share_id <> l.share_id
         union all
         select 'node ' || t.node_id || ' is listed in the trash of another share than its own'
         from trash t join node n on n.id = t.node_id where n.share_id <> t.share_id
         union all
         select 'content ' || lower(hex(c.id)) || ' is named by nothing, and the collector does not know of it'
         from content c where not ",
        named!("c.id"),
        " and not exists (select 1 from gc where gc.content_id = c.id)
         union all
         select 'content ' || lower(hex(g.content_id)) || ' was given up by the collector and is there'
         from gc g join content c on c.id = g.content_id where g.doomed = 1
         union all
         select 'the database has the bytes of content ' || lower(hex(i.content_id)) || ', which is not there'
         from content_inline i where not exists (select 1 from content c where c.id = i.content_id)
         union all
         select 'piece `' || p.name || '` of upload ' || p.upload_id || ' names a content that is not there'
         from upload_part p where not exists (select 1 from content c where c.id = p.content_id)
         union all
         select 'piece `' || p.name || '` of upload ' || p.upload_id || ' has another size than its content'
         from upload_part p join content c on c.id = p.content_id where c.size <> p.size
         union all
         select 'piece `' || p.name || '` of upload ' || p.upload_id || ' does not lie between the one before it and the last byte'
         from (select upload_part.upload_id, upload_part.name, upload_part.size, upload_file.size as whole,
                      cast(coalesce(sum(upload_part.size) over (
                          partition by upload_part.upload_id order by length(upload_part.name), upload_part.name
                          rows between unbounded preceding and 1 preceding), 0) as bigint) as begins
               from upload_part join upload_file on upload_file.upload_id = upload_part.upload_id) p
         where p.name <> cast(p.begins as text) or p.begins + p.size >= p.whole
         limit ?"
    ))
    .bind(limit)
    .fetch_all(conn)
    .await
}

/// Rows that name a row that is not there, by the two tables. A server of PostgreSQL doesn't let that happen.
pub(super) async fn dangling(conn: &mut Conn, limit: i64) -> Result<Vec<(String, String)>> {
    let rows = query(Sql::two(
        "select \"table\", parent from pragma_foreign_key_check limit ?",
        "select '', '' where 1 > cast(? as bigint)",
    ));
    let rows = rows.bind(limit).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// A page of the names of members, with their keys; those in a trash itself have others.
pub(super) async fn names(conn: &mut Conn, after: NodeId, limit: i64) -> Result<Vec<Named>> {
    let rows = query(
        "select n.id, n.name, n.name_key from node n
         where n.id > ? and n.parent_id is not null
           and not exists (select 1 from share where share.trash_id = n.parent_id)
         order by n.id limit ?",
    );
    let named = |row: &Row| Ok(Named { node: NodeId(row.try_get(0)?), name: row.try_get(1)?, key: row.try_get(2)? });
    rows.bind(after.0).bind(limit).fetch_all(conn).await?.iter().map(named).collect()
}

/// The states before those of files that have this content, the newest first.
pub(super) async fn older_states(conn: &mut Conn, content: ContentId) -> Result<Vec<State>> {
    let rows = query(
        "select r.node_id, r.revno, r.content_id from revision r
         where r.node_id in (select id from node where content_id = ?1)
            or exists (select 1 from revision d where d.node_id = r.node_id and d.content_id = ?1 and d.revno > r.revno)
         order by r.node_id, r.revno desc",
    );
    let state =
        |row: &Row| Ok(State { file: NodeId(row.try_get(0)?), number: row.try_get(1)?, content: row.try_get(2)? });
    rows.bind(content.0.as_bytes().as_slice()).fetch_all(conn).await?.iter().map(state).collect()
}
