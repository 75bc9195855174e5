//! The statements about contents that nothing names.

use serde_json::json;

use super::examine::Known;
use crate::blobs::CHUNKS_OF_A_PART;
use crate::blobs::sums::SUM_BYTES;
use crate::clock::Moment;
use crate::db::{Conn, DbError, Query, Row, Sql, query, query_scalar};
use crate::ids::ContentId;

type Result<T> = std::result::Result<T, DbError>;

/// The hashes of a part.
const PART_BYTES: usize = CHUNKS_OF_A_PART as usize * SUM_BYTES;

/// Whether anything names the content that the enclosing statement calls so. Whoever adds a table that names contents adds it here, and its
/// triggers to the migration; a test compares this with the schema.
macro_rules! named {
    ($content:literal) => {
        concat!(
            "(exists (select 1 from node where node.content_id = ",
            $content,
            ") or exists (select 1 from revision where revision.content_id = ",
            $content,
            ") or exists (select 1 from upload_part where upload_part.content_id = ",
            $content,
            "))"
        )
    };
}
pub(crate) use named;

/// A statement in which `LIST` stands for the ids of a list that is bound as JSON.
macro_rules! about_these {
    ($before:expr, $after:expr) => {
        query(Sql::two(
            concat!($before, "(select unhex(value) from json_each(?))", $after),
            concat!($before, "(select unhex(value) from json_texts(?))", $after),
        ))
    };
}

fn list(contents: &[ContentId]) -> String {
    json!(contents.iter().map(ToString::to_string).collect::<Vec<_>>()).to_string()
}

async fn contents(query: Query<'_>, conn: &mut Conn) -> Result<Vec<ContentId>> {
    query.fetch_all(conn).await?.iter().map(|row| row.try_get(0)).collect()
}

pub(super) async fn give_grace(conn: &mut Conn, not_before: Moment, limit: i64) -> Result<u64> {
    let done = query(
        "update gc set not_before = ?
         where content_id in (select content_id from gc where not_before is null order by content_id limit ?)",
    );
    Ok(done.bind(not_before.0).bind(limit).execute(conn).await?.rows_affected())
}

/// Those whose grace is over.
pub(super) async fn due(conn: &mut Conn, now: Moment, limit: i64) -> Result<Vec<ContentId>> {
    let due =
        query("select content_id from gc where not_before <= ? and doomed = 0 order by not_before, content_id limit ?");
    contents(due.bind(now.0).bind(limit), conn).await
}

/// Of these, those that something names are no candidates any more.
pub(super) async fn spare(conn: &mut Conn, these: &[ContentId]) -> Result<u64> {
    let done = about_these!("delete from gc where content_id in ", concat!(" and ", named!("gc.content_id")));
    Ok(done.bind(list(these)).execute(conn).await?.rows_affected())
}

/// Of these, those that still are candidates.
pub(super) async fn not_spared(conn: &mut Conn, these: &[ContentId]) -> Result<Vec<ContentId>> {
    let left = about_these!("select content_id from gc where content_id in ", " order by content_id");
    contents(left.bind(list(these)), conn).await
}

/// How many of these have rows, and their bytes.
pub(super) async fn sizes(conn: &mut Conn, these: &[ContentId]) -> Result<(u64, u64)> {
    let row = about_these!("select count(*), cast(coalesce(sum(size), 0) as bigint) from content where id in ", "");
    counted(&row.bind(list(these)).fetch_one(conn).await?)
}

fn counted(row: &Row) -> Result<(u64, u64)> {
    Ok((row.try_get::<i64>(0)?.unsigned_abs(), row.try_get::<i64>(1)?.unsigned_abs()))
}

/// Removes the rows of contents, and with them the bytes of those that are inline; the others are doomed.
pub(super) async fn remove(conn: &mut Conn, these: &[ContentId]) -> Result<()> {
    let ids = list(these);
    about_these!(
        "delete from gc where content_id in ",
        " and exists (select 1 from content where content.id = gc.content_id and content.inline = 1)"
    )
    .bind(&ids)
    .execute(conn)
    .await?;
    about_these!("update gc set doomed = 1 where content_id in ", "").bind(&ids).execute(conn).await?;
    about_these!("delete from content_inline where content_id in ", "").bind(&ids).execute(conn).await?;
    about_these!("delete from damage where content_id in ", "").bind(&ids).execute(conn).await?;
    about_these!("delete from content where id in ", "").bind(&ids).execute(conn).await?;
    Ok(())
}

pub(super) async fn doomed(conn: &mut Conn, after: Option<ContentId>, limit: i64) -> Result<Vec<ContentId>> {
    let after = after.map_or(Vec::new(), |id| id.0.as_bytes().to_vec());
    // One that has a row is whole, whatever is said about it: `verify --repair` clears that up.
    let doomed = query(
        "select content_id from gc
         where doomed = 1 and content_id > ? and not exists (select 1 from content where content.id = gc.content_id)
         order by content_id limit ?",
    );
    contents(doomed.bind(after).bind(limit), conn).await
}

pub(super) async fn forget(conn: &mut Conn, gone: &[ContentId]) -> Result<()> {
    let forget = about_these!("delete from gc where content_id in ", " and doomed = 1");
    forget.bind(list(gone)).execute(conn).await?;
    Ok(())
}

/// Blobs without a row become candidates.
pub(super) async fn suspect(conn: &mut Conn, blobs: &[ContentId], not_before: Moment) -> Result<u64> {
    macro_rules! suspect {
        ($list:literal) => {
            concat!(
                "insert into gc (content_id, not_before) select unhex(j.value), cast(? as bigint) from ",
                $list,
                " j where not exists (select 1 from content where content.id = unhex(j.value))
                  on conflict (content_id) do nothing"
            )
        };
    }
    let done = query(Sql::two(suspect!("json_each(?)"), suspect!("json_texts(?)")));
    Ok(done.bind(not_before.0).bind(list(blobs)).execute(conn).await?.rows_affected())
}

/// Of these, those without a row.
pub(super) async fn unknown(conn: &mut Conn, blobs: &[ContentId]) -> Result<Vec<ContentId>> {
    macro_rules! unknown {
        ($list:literal) => {
            concat!(
                "select unhex(j.value) from ",
                $list,
                " j where not exists (select 1 from content where content.id = unhex(j.value)) order by j.value"
            )
        };
    }
    let unknown = query(Sql::two(unknown!("json_each(?)"), unknown!("json_texts(?)")));
    contents(unknown.bind(list(blobs)), conn).await
}

/// Number and bytes of the candidates that nothing names and whose grace is over within this time, both ends included; that of fresh ones
/// ends at `fresh`.
pub(super) async fn unnamed(conn: &mut Conn, (from, to): (Moment, Moment), fresh: Moment) -> Result<(u64, u64)> {
    let row = query(concat!(
        "select count(*), cast(coalesce(sum(content.size), 0) as bigint)
         from gc left join content on content.id = gc.content_id
         where gc.doomed = 0 and coalesce(gc.not_before, ?) between ? and ? and not ",
        named!("gc.content_id")
    ));
    counted(&row.bind(fresh.0).bind(from.0).bind(to.0).fetch_one(conn).await?)
}

/// When the grace of the first candidate ends that still waits.
pub(super) async fn first_after(conn: &mut Conn, now: Moment, fresh: Moment) -> Result<Option<Moment>> {
    let first: Option<i64> =
        query_scalar("select min(coalesce(not_before, ?)) from gc where doomed = 0 and coalesce(not_before, ?) > ?")
            .bind(fresh.0)
            .bind(fresh.0)
            .bind(now.0)
            .fetch_one(conn)
            .await?;
    Ok(first.map(Moment))
}

/// The hash of a content that is there, and those of the chunks of a part; none where there are none.
pub(super) async fn hashes(conn: &mut Conn, content: ContentId, part: u64) -> Result<([u8; 32], Vec<u8>)> {
    let row = query(
        "select c.hash, s.sums from content c left join content_sums s on s.content_id = c.id and s.part = ?
         where c.id = ?",
    )
    .bind(part.cast_signed())
    .bind(content.0.as_bytes().as_slice())
    .fetch_optional(conn)
    .await?;
    let row = row.ok_or_else(|| DbError::Lost("a content has gone".into()))?;
    let hash = <[u8; 32]>::try_from(row.try_get::<&[u8]>(0)?);
    let hash = hash.map_err(|_| DbError::Lost("the hash of a content has not 32 bytes".into()))?;
    Ok((hash, row.try_get::<Option<Vec<u8>>>(1)?.unwrap_or_default()))
}

/// The hashes of the chunks of a part; none where there are none.
pub(super) async fn sums(conn: &mut Conn, content: ContentId, part: u64) -> Result<Vec<u8>> {
    let sums: Option<Vec<u8>> = query_scalar("select sums from content_sums where content_id = ? and part = ?")
        .bind(content.0.as_bytes().as_slice())
        .bind(part.cast_signed())
        .fetch_optional(conn)
        .await?;
    Ok(sums.unwrap_or_default())
}

pub(super) async fn known_damage(conn: &mut Conn, limit: i64) -> Result<Vec<Known>> {
    let rows = query("select content_id, found_at, what from damage order by content_id limit ?");
    let rows = rows.bind(limit).fetch_all(conn).await?;
    let known =
        |row: &Row| Ok(Known { content: row.try_get(0)?, found: Moment(row.try_get(1)?), what: row.try_get(2)? });
    rows.iter().map(known).collect()
}

pub(super) async fn count_damaged(conn: &mut Conn) -> Result<u64> {
    let damaged: i64 = query_scalar("select count(*) from damage").fetch_one(conn).await?;
    Ok(damaged.unsigned_abs())
}

pub(super) async fn damage_of(conn: &mut Conn, content: ContentId) -> Result<bool> {
    let known = query_scalar("select exists (select 1 from damage where content_id = ?)");
    known.bind(content.0.as_bytes().as_slice()).fetch_one(conn).await
}

/// Keeps damage of a content that is there in mind, once.
pub(super) async fn insert_damage(conn: &mut Conn, content: ContentId, what: &str, now: Moment) -> Result<bool> {
    let done = query(
        "insert into damage (content_id, found_at, what) select id, cast(? as bigint), cast(? as text) from content where id = ?
         on conflict (content_id) do nothing",
    )
    .bind(now.0)
    .bind(what)
    .bind(content.0.as_bytes().as_slice())
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn delete_damage(conn: &mut Conn, content: ContentId) -> Result<bool> {
    let done = query("delete from damage where content_id = ?").bind(content.0.as_bytes().as_slice());
    Ok(done.execute(conn).await?.rows_affected() > 0)
}

/// The checksums that are kept of these contents.
pub(super) async fn checksums(conn: &mut Conn, contents: &[ContentId]) -> Result<Vec<(ContentId, String)>> {
    let kept = about_these!("select content_id, checksum from content_checksum where content_id in ", "");
    let rows = kept.bind(list(contents)).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Whether these are the hashes that are kept of a content's chunks.
pub(super) async fn has_sums(conn: &mut Conn, content: ContentId, sums: &[u8]) -> Result<bool> {
    for (part, expected) in sums.chunks(PART_BYTES).enumerate() {
        if self::sums(conn, content, part as u64).await? != expected {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether any hashes of a content's chunks are kept.
pub(super) async fn any_sums(conn: &mut Conn, content: ContentId) -> Result<bool> {
    let any = query_scalar("select exists (select 1 from content_sums where content_id = ?)");
    any.bind(content.0.as_bytes().as_slice()).fetch_one(conn).await
}

/// Keeps other hashes of a content's chunks. Gives whether the content is still there.
pub(super) async fn replace_sums(conn: &mut Conn, content: ContentId, sums: &[u8]) -> Result<bool> {
    let id = content.0.as_bytes().as_slice();
    if has_sums(conn, content, sums).await? {
        return Ok(false);
    }
    query("delete from content_sums where content_id = ?").bind(id).execute(conn).await?;
    let mut kept = 0;
    for (part, sums) in sums.chunks(PART_BYTES).enumerate() {
        let insert = query(Sql::two(
            "insert into content_sums (content_id, part, sums) select id, ?, ? from content where id = ?",
            "insert into content_sums (content_id, part, sums)
             select id, cast(? as bigint), cast(? as bytea) from content where id = ?",
        ));
        kept += insert.bind(part as i64).bind(sums).bind(id).execute(conn).await?.rows_affected();
    }
    Ok(kept > 0)
}
