//! Copies of a real database with rows in tables that refer to each other.

use super::*;
use crate::db::query_scalar;
use crate::db::tests::place;

struct Fixture {
    db: Db,
    _folder: tempfile::TempDir,
}

async fn empty() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&folder.path().join("test.db"), true, true).await.unwrap();
    Fixture { db, _folder: folder }
}

/// Nodes of the inhabited database: several pages, several statements' worth and a rest.
const NODES: i64 = 777;

async fn inhabited() -> Fixture {
    let site = empty().await;
    let mut tx = site.db.write().await.unwrap();
    tx.touch_directory();
    query(
        "insert into organization (name, name_key, created_at) values ('Acme', 'acme', 1), ('Labs', 'labs', 2);
         update organization set parent_id = 1 where id = 2;
         insert into user (org_id, name, name_key, created_at) values (2, 'Zoë', 'zoë', 3);
         insert into share (org_id, name, name_key, root_id, trash_id, created_at) values (1, 'Projects', 'projects', 1, 2, 4);
         insert into content (id, size, hash, inline, created_at) values (x'00ff', 3, x'07', 1, 5);
         insert into content_inline (content_id, bytes) values (x'00ff', x'0001ff')",
    )
    .execute(tx.conn())
    .await
    .unwrap();
    for number in 1..=NODES + 1 {
        query(
            "insert into node (share_id, parent_id, name, name_key, kind, modified_at, created_at, seq)
             values (1, ?, ?, ?, 0, 1, 1, 1)",
        )
        .bind((number > 1).then_some(1))
        .bind(format!("n{number}"))
        .bind(format!("n{number}"))
        .execute(tx.conn())
        .await
        .unwrap();
    }
    // An id that was given and is free stays given.
    query("delete from node where id = ?").bind(NODES + 1).execute(tx.conn()).await.unwrap();
    tx.commit().await.unwrap();
    site
}

async fn sums_of(db: &Db) -> Vec<TableSum> {
    sums(&mut db.read().await.unwrap()).await.unwrap()
}

async fn dumped(db: &Db) -> Vec<u8> {
    let mut file = Vec::new();
    let sums = dump(&mut db.read().await.unwrap(), &mut file).await.unwrap();
    assert_eq!(sums, sums_of(db).await);
    file
}

/// The next id that the table of nodes gives.
async fn next_node(db: &Db) -> i64 {
    let mut tx = db.write().await.unwrap();
    tx.touch_directory();
    let id = query_scalar(
        "insert into node (share_id, name, name_key, kind, modified_at, created_at, seq)
         values (1, '', '', 0, 1, 1, 1) returning id",
    );
    id.fetch_one(tx.conn()).await.unwrap()
}

#[tokio::test]
async fn a_copy_holds_the_same_rows_and_gives_no_id_twice() {
    let (site, other) = (inhabited().await, empty().await);
    let told = copy(&site.db, &other.db).await.unwrap();
    assert_eq!(sums_of(&other.db).await, told);
    let nodes = told.iter().find(|sum| sum.name == "node").unwrap();
    assert_eq!(nodes.rows, NODES.unsigned_abs());
    assert!(told.iter().all(|sum| !OWN_TABLES.contains(&sum.name.as_str())));
    assert_eq!(next_node(&other.db).await, NODES + 2);
}

#[tokio::test]
async fn a_file_of_rows_makes_the_same_database() {
    let (site, other) = (inhabited().await, empty().await);
    let file = dumped(&site.db).await;
    let written = Reader::begin(file.as_slice()).unwrap().schema;
    assert_eq!(written, schema(&mut site.db.read().await.unwrap()).await.unwrap());
    let mut tx = other.db.write().await.unwrap();
    load(&mut tx, file.as_slice()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(sums_of(&other.db).await, sums_of(&site.db).await);
    assert_eq!(next_node(&other.db).await, NODES + 2);
}

#[tokio::test]
async fn a_database_with_a_site_in_it_is_left_alone() {
    let (site, other) = (inhabited().await, inhabited().await);
    let before = sums_of(&other.db).await;
    assert!(matches!(copy(&site.db, &other.db).await, Err(CopyError::NotEmpty)));
    assert_eq!(sums_of(&other.db).await, before);
}

#[tokio::test]
async fn nothing_of_a_file_that_is_cut_off_stays() {
    let (site, other) = (inhabited().await, empty().await);
    let before = sums_of(&other.db).await;
    let file = dumped(&site.db).await;
    let mut tx = other.db.write().await.unwrap();
    let loaded = load(&mut tx, &file[..file.len() - 1]).await;
    assert!(matches!(loaded, Err(CopyError::Damaged(_))), "{loaded:?}");
    drop(tx);
    assert_eq!(sums_of(&other.db).await, before);
}

/// A sum tells any difference, also which of two columns a value is in.
#[tokio::test]
async fn other_rows_have_other_sums() {
    let (site, other) = (inhabited().await, empty().await);
    let told = copy(&site.db, &other.db).await.unwrap();
    let mut tx = other.db.write().await.unwrap();
    // As many tables, too.
    let lost = confirm(&mut tx, &told[..told.len() - 1]).await;
    assert!(matches!(&lost, Err(CopyError::Differs(table)) if *table == told[told.len() - 1].name), "{lost:?}");
    let more = [told.as_slice(), &[TableSum { name: "more".into(), ..told[0].clone() }]].concat();
    assert!(matches!(confirm(&mut tx, &more).await, Err(CopyError::Differs(table)) if table == "more"));
    tx.touch_directory();
    query("update node set seq = modified_at + 1 where id = 500").execute(tx.conn()).await.unwrap();
    let confirmed = confirm(&mut tx, &told).await;
    assert!(matches!(&confirmed, Err(CopyError::Differs(table)) if table == "node"), "{confirmed:?}");
}

/// Both kinds of database tell the same sums, whichever way the rows went.
#[tokio::test]
async fn rows_go_to_a_server_and_back() {
    if place::server().is_none() {
        return; // `tests/postgres.sh` brings one
    }
    let folder = tempfile::tempdir().unwrap();
    let (site, there, back) = (inhabited().await, place::empty(folder.path()).await, empty().await);
    let told = copy(&site.db, &there).await.unwrap();
    assert_eq!(copy(&there, &back.db).await.unwrap(), told);
    assert_eq!(dumped(&there).await, dumped(&site.db).await);
    assert_eq!(next_node(&back.db).await, NODES + 2);
    assert_eq!(next_node(&there).await, NODES + 2);
    there.close().await;
}
