//! The statements that look for what must never be, and for every content.

use serde_json::json;

use crate::db::{Conn, DbError, Sql, query, query_scalar};
use crate::ids::ContentId;

type Result<T> = std::result::Result<T, DbError>;

/// Id, size, hash, whether its bytes should be in the database, and these.
type Content = (ContentId, u64, Vec<u8>, bool, Option<Vec<u8>>);

/// What must never be: each row a sentence.
pub(super) async fn inconsistencies(conn: &mut Conn, limit: i64) -> Result<Vec<String>> {
    query_scalar(
        "with recursive gone (id) as (
             select node_id from detached union all select node.id from gone join node on node.parent_id = gone.id
         )
         select 'node ' || n.id || ' (`' || n.name || '`) hangs below node ' || n.parent_id || ', which is not there'
         from node n where n.parent_id is not null and not exists (select 1 from node p where p.id = n.parent_id)
         union all
         select 'node ' || n.id || ' (`' || n.name || '`) is a member of a file'
         from node n join node p on p.id = n.parent_id where p.kind = 1
         union all
         select 'node ' || n.id || ' (`' || n.name || '`) lies in another share than its parent'
         from node n join node p on p.id = n.parent_id where p.share_id <> n.share_id
         union all
         select 'file ' || n.id || ' (`' || n.name || '`) names a content that is not there'
         from node n where n.kind = 1 and not exists (select 1 from content c where c.id = n.content_id)
         union all
         select 'file ' || n.id || ' (`' || n.name || '`) has another size than its content'
         from node n join content c on c.id = n.content_id where n.size <> c.size
         union all
         select 'revision ' || r.seq || ' of node ' || r.node_id || ' names a content that is not there'
         from revision r where not exists (select 1 from content c where c.id = r.content_id)
         union all
         select 'content ' || lower(hex(c.id)) || ' should lie in the database and does not'
         from content c where c.inline = 1 and not exists (select 1 from content_inline i where i.content_id = c.id)
         union all
         select 'share `' || s.name || '` counts ' || s.used_bytes || ' bytes and holds ' || held
         from (select share.*, (select coalesce(sum(size), 0) from node
                                where share_id = share.id and id not in (select id from gone))
                             + (select coalesce(sum(r.size), 0) from revision r join node n on n.id = r.node_id
                                where n.share_id = share.id and n.id not in (select id from gone)) as held from share) s
         where s.used_bytes <> held
         union all
         select 'share `' || s.name || '` has a change beyond its sequence'
         from share s where s.seq <> (select coalesce(max(seq), 0) from change where share_id = s.id)
         union all
         select 'node ' || n.id || ' (`' || n.name || '`) changed after its share did'
         from node n join share s on s.id = n.share_id where n.seq > s.seq
         union all
         select 'node ' || n.id || ' (`' || n.name || '`) can not be reached from a share'
         from node n where n.id not in (
             with recursive walk (id) as (
                 select root_id from share union all select trash_id from share union all select node_id from detached
                 union all select node.id from walk join node on node.parent_id = walk.id
             ) select id from walk)
         union all
         select 'node ' || n.id || ' is marked wrongly as ' || case n.has_props when 1 then 'having' else 'lacking' end || ' properties'
         from node n where n.has_props <> case when exists (select 1 from prop where node_id = n.id) then 1 else 0 end
         union all
         select 'node ' || t.node_id || ' is listed in the trash and does not lie there'
         from trash t join node n on n.id = t.node_id join share s on s.id = t.share_id where n.parent_id <> s.trash_id
         union all
         select 'node ' || n.id || ' lies in the trash and is not listed there'
         from share s join node n on n.parent_id = s.trash_id
         where not exists (select 1 from trash t where t.node_id = n.id)
         union all
         select 'node ' || d.node_id || ' is detached and lies below node ' || n.parent_id
         from detached d join node n on n.id = d.node_id where n.parent_id is not null
         union all
         select 'revision ' || r.revno || ' of node ' || r.node_id || ' is numbered beyond the present state, ' || n.revno
         from revision r join node n on n.id = r.node_id where r.revno >= n.revno
         union all
         select 'organization `' || o.name || '` is ' || case when o.open = 1 then 'open' else 'closed' end
                || ' against those above it'
         from organization o left join organization above on above.id = o.parent_id
         where o.open <> case when coalesce(above.open, 1) = 1 then o.active else 0 end
         union all
         select 'organization `' || o.name || '` lacks a built-in group of its own'
         from organization o where (select count(*) from user_group g
                                    where g.org_id = o.id and g.department_id is null and g.builtin > 0) <> 2
         union all
         select 'department `' || d.path || '` lacks a built-in group of its own'
         from department d where (select count(*) from user_group g where g.department_id = d.id and g.builtin > 0) <> 2
         union all
         select 'department `' || d.path || '` is not called after where it lies'
         from department d left join department above on above.id = d.parent_id
         where d.path <> coalesce(above.path || '/', '') || d.name or coalesce(above.org_id, d.org_id) <> d.org_id
         union all
         select 'user `' || u.name || '` has no home'
         from user u where u.guest = 0 and not exists (select 1 from share where owner_id = u.id and kind = 1)
         union all
         select 'user `' || u.name || '` is in a group or department of another organization'
         from user u where exists (select 1 from group_user m join user_group g on g.id = m.group_id
                                   where m.user_id = u.id and g.org_id <> u.org_id)
                        or exists (select 1 from department_user m join department d on d.id = m.department_id
                                   where m.user_id = u.id and d.org_id <> u.org_id)
         limit ?",
    )
    .bind(limit)
    .fetch_all(conn)
    .await
}

/// A page of contents: id, size, hash, whether the bytes should be inline, and these bytes.
pub(super) async fn contents(conn: &mut Conn, after: Option<ContentId>, limit: i64) -> Result<Vec<Content>> {
    let rows = query(
        "select c.id, c.size, c.hash, c.inline, i.bytes from content c left join content_inline i on i.content_id = c.id
         where c.id > ? order by c.id limit ?",
    )
    .bind(after.map_or(Vec::new(), |id| id.0.as_bytes().to_vec()))
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            Ok((
                row.try_get(0)?,
                row.try_get::<i64>(1)?.unsigned_abs(),
                row.try_get(2)?,
                row.try_get(3)?,
                row.try_get(4)?,
            ))
        })
        .collect()
}

/// Where a content is used, for words: the first node or revision that names it.
pub(super) async fn user_of_content(conn: &mut Conn, content: ContentId) -> Result<Option<String>> {
    query_scalar(
        "select 'file ' || id || ' (`' || name || '`)' from node where content_id = ?1
         union all
         select 'revision ' || r.seq || ' of file ' || n.id || ' (`' || n.name || '`)'
         from revision r join node n on n.id = r.node_id where r.content_id = ?1 limit 1",
    )
    .bind(content.0.as_bytes().as_slice())
    .fetch_optional(conn)
    .await
}

/// Those of these contents that there are.
pub(super) async fn known_contents(conn: &mut Conn, contents: &[ContentId]) -> Result<Vec<ContentId>> {
    let hex = json!(contents.iter().map(ToString::to_string).collect::<Vec<_>>()).to_string();
    let known = query(Sql::two(
        "select c.id from json_each(?) j join content c on c.id = unhex(j.value)",
        "select c.id from json_texts(?) j join content c on c.id = unhex(j.value)",
    ));
    known.bind(hex).fetch_all(conn).await?.iter().map(|row| row.try_get(0)).collect()
}
