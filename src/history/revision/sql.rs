//! The statements about the states of files.

use serde_json::json;

use super::{Mark, Revision, Rule, Which};
use crate::clock::Moment;
use crate::db::{Conn, DbError, Row, query, query_scalar};
use crate::ids::{NodeId, ShareId, UserId};

type Result<T> = std::result::Result<T, DbError>;

fn revision(row: &Row) -> Result<Revision> {
    Ok(Revision {
        number: row.try_get(0)?,
        present: row.try_get(1)?,
        content: row.try_get(2)?,
        size: row.try_get::<i64>(3)?.unsigned_abs(),
        written: Moment(row.try_get(4)?),
        modified: Moment(row.try_get(5)?),
        author: row.try_get::<Option<i64>>(6)?.map(UserId),
        author_name: row.try_get(7)?,
        client: row.try_get(8)?,
        pinned: row.try_get(9)?,
        label: row.try_get(10)?,
        overwritten_blindly: row.try_get(11)?,
        hash: row.try_get(12)?,
    })
}

/// The states of the file `?1`, of those for which `$which` holds, as many as `?3` says.
macro_rules! states {
    ($which:literal) => {
        concat!(
            "select revno, present, content_id, state.size, written_at, modified_at, author_id, user.name, client, pinned,
                    label, collision, content.hash
             from (select revno, 1 as present, content_id, size, written_at, modified_at, author_id, client, pinned, label,
                          0 as collision from node where id = ?1 and kind = 1
                   union all
                   select revno, 0, content_id, size, written_at, modified_at, author_id, client, pinned, label, collision
                   from revision where node_id = ?1) as state
             join content on content.id = state.content_id left join user on user.id = author_id
             where ",
            $which,
            " limit ?3"
        )
    };
}

/// The newest states of a file, or the one of that number.
pub(super) async fn list(conn: &mut Conn, file: NodeId, number: Option<i64>, limit: i64) -> Result<Vec<Revision>> {
    let rows = query(states!("(cast(?2 as bigint) = 0 or revno = ?2) order by revno desc"));
    let rows = rows.bind(file.0).bind(number.unwrap_or(0)).bind(limit).fetch_all(conn).await?;
    rows.iter().map(revision).collect()
}

/// The state of that number and the next one after it.
pub(super) async fn from(conn: &mut Conn, file: NodeId, number: i64) -> Result<Vec<Revision>> {
    let rows = query(states!("revno >= ?2 order by revno"));
    rows.bind(file.0).bind(number).bind(2).fetch_all(conn).await?.iter().map(revision).collect()
}

/// The last state before that number.
pub(super) async fn before(conn: &mut Conn, file: NodeId, number: i64) -> Result<Option<Revision>> {
    let row = query(states!("revno < ?2 order by revno desc"));
    row.bind(file.0).bind(number).bind(1).fetch_optional(conn).await?.as_ref().map(revision).transpose()
}

/// The number of the oldest state that is still there.
pub(super) async fn oldest(conn: &mut Conn, file: NodeId) -> Result<Option<i64>> {
    query_scalar(
        "select min(revno) from (select revno from node where id = ?1 and kind = 1
                                 union all select revno from revision where node_id = ?1) as state",
    )
    .bind(file.0)
    .fetch_one(conn)
    .await
}

/// The numbers of the present states of files.
pub(super) async fn present(conn: &mut Conn, files: &[NodeId]) -> Result<Vec<(NodeId, i64)>> {
    let files = json!(files.iter().map(|file| file.0).collect::<Vec<_>>()).to_string();
    let rows = query("select id, revno from node where kind = 1 and id in (select value from json_each(?))");
    let rows = rows.bind(files).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((NodeId(row.try_get(0)?), row.try_get(1)?))).collect()
}

pub(super) async fn mark(conn: &mut Conn, file: NodeId, revision: &Revision, mark: &Mark) -> Result<()> {
    let set = query(if revision.present {
        "update node set pinned = coalesce(?, pinned), label = coalesce(?, label) where id = ? and revno = ?"
    } else {
        "update revision set pinned = coalesce(?, pinned), label = coalesce(?, label) where node_id = ? and revno = ?"
    });
    set.bind(mark.pinned).bind(&mark.label).bind(file.0).bind(revision.number).execute(conn).await?;
    Ok(())
}

/// Takes revisions away at and below a node; gives their sizes.
pub(super) async fn trim(conn: &mut Conn, node: NodeId, which: Which, kept_too: bool) -> Result<Vec<i64>> {
    macro_rules! trim {
        ($which:literal) => {
            concat!(
                "with recursive walk (id) as (
                     select cast(?1 as bigint) union all select node.id from walk join node on node.parent_id = walk.id
                 )
                 delete from revision where node_id in (select id from walk)
                 and (?2 = 1 or (pinned = 0 and label = '')) and ",
                $which,
                " returning size"
            )
        };
    }
    let (statement, value) = match which {
        Which::Number(number) => (trim!("revno = ?3"), number),
        Which::ReplacedBefore(moment) => (trim!("kept_at < ?3"), moment.0),
        Which::AllBut(count) => (
            trim!(
                "id in (select id from (select id, row_number() over (partition by node_id order by revno desc) as nth
                                        from revision where node_id in (select id from walk)) as counted
                        where nth > ?3)"
            ),
            i64::try_from(count).unwrap_or(i64::MAX),
        ),
    };
    query_scalar(statement).bind(node.0).bind(kept_too).bind(value).fetch_all(conn).await
}

/// The next nodes of a share, in the order of their ids, and whether they may have revisions.
pub(super) async fn next_nodes(
    conn: &mut Conn,
    share: ShareId,
    after: NodeId,
    limit: i64,
) -> Result<Vec<(NodeId, bool)>> {
    let rows = query(
        "select id, case when kind = 1 and revno > 1 then 1 else 0 end from node
         where share_id = ? and id > ? order by id limit ?",
    );
    let rows = rows.bind(share.0).bind(after.0).bind(limit).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((NodeId(row.try_get(0)?), row.try_get(1)?))).collect()
}

/// Takes away what a rule is against; gives the sizes.
pub(super) async fn trim_by_rule(conn: &mut Conn, files: &[NodeId], rule: &Rule) -> Result<Vec<i64>> {
    let files = json!(files.iter().map(|file| file.0).collect::<Vec<_>>()).to_string();
    let number = |limit: Option<u64>| limit.map_or(i64::MAX, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
    query_scalar(
        "delete from revision where pinned = 0 and label = '' and id in (
             select id from (
                 select id, kept_at, row_number() over newest as nth, cast(sum(size) over newest as bigint) as bytes
                 from revision where node_id in (select value from json_each(?))
                 window newest as (partition by node_id order by revno desc)
             ) as counted
             where nth > ? or kept_at < ? or bytes > ?
         ) returning size",
    )
    .bind(files)
    .bind(number(rule.keep))
    .bind(rule.replaced_before.map_or(i64::MIN, |moment| moment.0))
    .bind(number(rule.bytes))
    .fetch_all(conn)
    .await
}

/// What was counted of the share's trash may no longer be true.
pub(super) async fn recount_trash(conn: &mut Conn, share: ShareId) -> Result<()> {
    let recount = query("update trash set version = version + 1 where share_id = ?");
    recount.bind(share.0).execute(conn).await?;
    Ok(())
}
