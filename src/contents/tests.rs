//! Contents on a real database: which of them nothing names, and what becomes of these.

use std::collections::BTreeSet;
use std::time::Duration;

use super::blob_of;
use super::collect::{self, Judged, Outlook};
use crate::clock::Moment;
use crate::db::{DbError, Reads, Sql, query, query_scalar};
use crate::directory::tests::site::{NOW, TestSite};
use crate::ids::ContentId;

const GRACE: Duration = Duration::from_secs(48 * 60 * 60);

async fn run(site: &TestSite, statement: &'static str, contents: &[ContentId]) -> Result<(), DbError> {
    let mut tx = site.write().await;
    tx.protect().await?;
    let bound = contents.iter().fold(query(statement), |query, id| query.bind(id.0.as_bytes().as_slice()));
    bound.execute(tx.conn()).await?;
    tx.commit().await
}

/// A content that is kept in the database, or else as a blob.
async fn content(site: &TestSite, inline: bool) -> ContentId {
    let id = ContentId::fresh();
    let row = "insert into content (id, size, hash, inline, created_at) values (?, 10, unhex('00'), 1, 0)";
    run(site, row, &[id]).await.unwrap();
    let place = match inline {
        true => "insert into content_inline (content_id, bytes) values (?, 'ten bytes.')",
        false => "update content set inline = 0 where id = ?",
    };
    run(site, place, &[id]).await.unwrap();
    id
}

/// A file of no share with this content.
async fn name(site: &TestSite, content: ContentId) {
    let row = "insert into node (share_id, name, name_key, kind, content_id, size, modified_at, created_at, seq)
               values (0, 'x', 'x', 1, ?, 10, 0, 0, 0)";
    run(site, row, &[content]).await.unwrap();
}

/// Makes a revision of it, of the file that has the other content.
async fn keep(site: &TestSite, content: ContentId, file_with: ContentId) {
    let row = "insert into revision (node_id, seq, content_id, size, modified_at, kept_at)
               select id, 0, ?1, 10, 0, 0 from node where content_id = ?2";
    run(site, row, &[content, file_with]).await.unwrap();
}

async fn unname(site: &TestSite, content: ContentId) {
    run(site, "delete from node where content_id = ?", &[content]).await.unwrap();
}

async fn candidates(site: &TestSite) -> Vec<ContentId> {
    let ids: Vec<Vec<u8>> = query_scalar("select content_id from gc order by content_id")
        .fetch_all(site.read().await.conn())
        .await
        .unwrap();
    ids.iter().map(|id| ContentId(uuid::Uuid::from_slice(id).unwrap())).collect()
}

async fn look(site: &TestSite, now: Moment) {
    let mut tx = site.write().await;
    assert!(!collect::give_grace(&mut tx, now.plus(GRACE)).await.unwrap());
    tx.commit().await.unwrap();
}

async fn judge(site: &TestSite, now: Moment) -> Judged {
    let mut tx = site.write().await;
    let judged = collect::judge(&mut tx, now).await.unwrap();
    tx.commit().await.unwrap();
    judged
}

async fn exists(site: &TestSite, content: ContentId) -> bool {
    let rows = query_scalar("select exists (select 1 from content where id = ?)").bind(content.0.as_bytes().as_slice());
    rows.fetch_one(site.read().await.conn()).await.unwrap()
}

fn over() -> Moment {
    NOW.plus(GRACE)
}

fn just_before() -> Moment {
    Moment(over().0 - 1)
}

/// What names contents is a node, a revision or a piece of an upload; the other tables say something about one and go with it.
#[tokio::test]
async fn every_table_that_names_contents_is_looked_at() {
    let site = TestSite::new().await;
    let tables: Vec<String> = query_scalar(Sql::two(
        "select t.name from sqlite_master t join pragma_table_info(t.name) c
         where t.type = 'table' and c.name like '%content%id%'",
        "select cast(table_name as text) from information_schema.columns
         where table_schema = 'public' and column_name like '%content%id%'",
    ))
    .fetch_all(site.read().await.conn())
    .await
    .unwrap();
    let expected =
        ["content_checksum", "content_inline", "content_sums", "damage", "gc", "node", "revision", "upload_part"];
    assert_eq!(tables.into_iter().collect::<BTreeSet<_>>(), expected.map(str::to_owned).into());
}

#[tokio::test]
async fn a_content_that_nothing_names_waits_out_its_grace_and_goes() {
    let site = TestSite::new().await;
    let (inline, blob) = (content(&site, true).await, content(&site, false).await);
    for id in [inline, blob] {
        name(&site, id).await;
        assert!(candidates(&site).await.is_empty());
    }
    for id in [inline, blob] {
        unname(&site, id).await;
    }
    assert_eq!(candidates(&site).await, [inline, blob]);
    let waiting = Outlook { due: (0, 0), waiting: (2, 20), next: Some(over()) };
    assert_eq!(collect::outlook(&mut site.read().await, NOW, GRACE).await.unwrap(), waiting);
    assert_eq!(judge(&site, over()).await, Judged::default(), "nobody has looked yet");
    look(&site, NOW).await;
    assert_eq!(collect::outlook(&mut site.read().await, NOW, GRACE).await.unwrap(), waiting);
    assert_eq!(judge(&site, just_before()).await, Judged::default());
    let due = Outlook { due: (2, 20), ..Outlook::default() };
    assert_eq!(collect::outlook(&mut site.read().await, over(), GRACE).await.unwrap(), due);
    assert_eq!(judge(&site, over()).await, Judged { removed: 2, bytes: 20, ..Judged::default() });
    assert!(!exists(&site, inline).await && !exists(&site, blob).await);
    let left: i64 =
        query_scalar("select count(*) from content_inline").fetch_one(site.read().await.conn()).await.unwrap();
    assert_eq!(left, 0);

    // The inline one is done with; the other's blob is still to go.
    assert_eq!(candidates(&site).await, [blob]);
    assert_eq!(collect::doomed(&mut site.read().await, None).await.unwrap(), [blob]);
    assert!(collect::doomed(&mut site.read().await, Some(blob)).await.unwrap().is_empty());
    let mut tx = site.write().await;
    collect::forget(&mut tx, &[blob]).await.unwrap();
    tx.commit().await.unwrap();
    assert!(candidates(&site).await.is_empty());
}

#[tokio::test]
async fn what_is_named_again_is_spared_and_waits_anew_when_it_is_dropped() {
    let site = TestSite::new().await;
    let (copied, kept) = (content(&site, false).await, content(&site, false).await);
    for id in [copied, kept] {
        name(&site, id).await;
        unname(&site, id).await;
    }
    look(&site, NOW).await;
    name(&site, copied).await;
    keep(&site, kept, copied).await;
    assert_eq!(judge(&site, over()).await, Judged { spared: 2, ..Judged::default() });
    assert!(exists(&site, copied).await && exists(&site, kept).await);
    assert!(candidates(&site).await.is_empty());

    // Dropped while it was a candidate already: the time counts from the last name.
    name(&site, copied).await;
    run(&site, "delete from node where id = (select max(id) from node where content_id = ?)", &[copied]).await.unwrap();
    look(&site, NOW).await;
    unname(&site, copied).await;
    look(&site, just_before()).await;
    assert_eq!(judge(&site, over()).await, Judged::default());
    assert_eq!(judge(&site, just_before().plus(GRACE)).await.removed, 2, "the revision went with its file");
}

#[tokio::test]
async fn a_save_makes_a_candidate_only_of_what_it_does_not_keep() {
    let site = TestSite::new().await;
    let [first, second, third] = [content(&site, true).await, content(&site, true).await, content(&site, true).await];
    name(&site, first).await;
    keep(&site, first, first).await;
    run(&site, "update node set content_id = ?2 where content_id = ?1", &[first, second]).await.unwrap();
    assert!(candidates(&site).await.is_empty(), "kept as a revision");
    run(&site, "update node set content_id = ?1, size = 10 where content_id = ?1", &[second]).await.unwrap();
    assert!(candidates(&site).await.is_empty(), "the same content");
    run(&site, "update node set content_id = ?2 where content_id = ?1", &[second, third]).await.unwrap();
    assert_eq!(candidates(&site).await, [second]);
    run(&site, "delete from revision where content_id = ?", &[first]).await.unwrap();
    assert_eq!(candidates(&site).await, [first, second]);
}

#[tokio::test]
async fn a_blob_without_a_row_waits_too_and_an_upload_that_ends_after_its_doom_fails() {
    let site = TestSite::new().await;
    let (known, stray, late) = (content(&site, false).await, ContentId::fresh(), ContentId::fresh());
    name(&site, known).await;
    let blob = blob_of(stray);
    let day = Duration::from_secs(24 * 60 * 60);
    let begun = blob.begun();
    assert_eq!(collect::old_enough(&blob, GRACE, begun.plus(GRACE + day)), None, "its upload may still run");
    assert_eq!(collect::old_enough(&blob, GRACE, Moment(begun.plus(GRACE + day).0 + 1)), Some(stray));

    let seen = [known, stray, late];
    assert_eq!(collect::unknown(&mut site.read().await, &seen).await.unwrap().len(), 2);
    for found in [2, 0] {
        let mut tx = site.write().await;
        assert_eq!(collect::suspect(&mut tx, &seen, over()).await.unwrap(), found, "seen once more, nothing changes");
        tx.commit().await.unwrap();
    }
    assert_eq!(judge(&site, just_before()).await, Judged::default());
    // One of the uploads ends all the same, and is in time.
    let row = "insert into content (id, size, hash, inline, created_at) values (?, 10, unhex('00'), 0, 0)";
    run(&site, row, &[late]).await.unwrap();
    name(&site, late).await;
    assert_eq!(judge(&site, over()).await, Judged { spared: 1, removed: 1, ..Judged::default() });
    assert_eq!(collect::doomed(&mut site.read().await, None).await.unwrap(), [stray]);
    let refused = run(&site, row, &[stray]).await;
    assert!(matches!(&refused, Err(DbError::Statement(why)) if why.contains("collected")), "{refused:?}");
}

#[tokio::test]
async fn the_blob_of_a_content_that_is_there_is_never_given_up() {
    let site = TestSite::new().await;
    let (there, gone) = (content(&site, false).await, ContentId::fresh());
    for id in [there, gone] {
        run(&site, "insert into gc (content_id, not_before, doomed) values (?, 0, 1)", &[id]).await.unwrap();
    }
    assert_eq!(collect::doomed(&mut site.read().await, None).await.unwrap(), [gone]);
}

#[tokio::test]
async fn more_than_one_slice_is_told() {
    let site = TestSite::new().await;
    for _ in 0..=collect::SLICE {
        let id = ContentId::fresh();
        run(&site, "insert into gc (content_id, not_before) values (?, 0)", &[id]).await.unwrap();
    }
    assert!(judge(&site, NOW).await.more);
    assert_eq!(judge(&site, NOW).await, Judged { removed: 1, ..Judged::default() });
}
