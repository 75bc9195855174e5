//! The database with a real file: what is bound, groups of writers, checkpoints, closing.

pub(crate) mod place;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// More pages than the log may have before the writer itself sees to it.
const MANY_PAGES: usize = 24_000;

struct Fixture {
    db: Db,
    folder: tempfile::TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let db = Db::open(&folder.path().join("test.db"), true, true).await.expect("a new database opens");
        Self { db, folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    async fn put(&self, key: String, value: Vec<u8>) -> Result<(), DbError> {
        let db = self.db.clone();
        let job = async move {
            let mut tx = db.write().await?;
            tx.touch_directory();
            query("insert into site (key, value) values (?, ?)")
                .bind(key)
                .bind(String::from_utf8(value).expect("the test writes text"))
                .execute(tx.conn())
                .await?;
            tx.commit().await
        };
        self.db.work(job).await.expect("the job does not panic")
    }

    async fn count(&self) -> i64 {
        let mut tx = self.db.read().await.expect("a reader comes free");
        query_scalar("select count(*) from site where key like 'test%'").fetch_one(tx.conn()).await.expect("it counts")
    }
}

#[tokio::test]
async fn what_is_bound_comes_back_as_it_was() {
    let site = Fixture::new().await;
    let mut tx = site.db.read().await.expect("a reader comes free");
    let bytes: &[u8] = &[0, 255, 7];
    let row = query("select ?, ?, ?, ?, ?, ?")
        .bind(i64::MIN)
        .bind("Zoë's; plan")
        .bind(bytes)
        .bind(true)
        .bind(None::<i64>)
        .bind(Some(u32::MAX))
        .fetch_one(tx.conn())
        .await
        .expect("the statement runs");
    assert_eq!(row.try_get::<i64>(0).expect("a number"), i64::MIN);
    assert_eq!(row.try_get::<String>(1).expect("a text"), "Zoë's; plan");
    assert_eq!(row.try_get::<&[u8]>(2).expect("bytes"), bytes);
    assert!(row.try_get::<bool>(3).expect("a truth value"));
    assert_eq!(row.try_get::<Option<i64>>(4).expect("no value"), None);
    assert_eq!(row.try_get::<Option<u32>>(5).expect("a number"), Some(u32::MAX));
    row.try_get::<i64>(1).expect_err("a text is no number");
    row.try_get::<i64>(4).expect_err("no value is no number");
    row.try_get::<i64>(6).expect_err("there is no such column");
}

#[tokio::test]
async fn several_statements_take_what_is_bound_in_order_or_by_number() {
    let site = Fixture::new().await;
    let mut tx = site.db.write().await.expect("nobody else writes");
    let done = query(
        "insert into site (key, value) values (?, ?); insert into site (key, value) values (?, ?), (?, ?);
         update site set value = 'new' where key = ?",
    );
    let binds = ["test-a", "1", "test-b", "2", "test-c", "3", "test-b"];
    let done = binds.into_iter().fold(done, Query::bind).execute(tx.conn()).await.expect("the statements run");
    assert_eq!(done.rows_affected(), 4, "the rows of all statements count");
    let found =
        query_scalar("select value from site where key = ?2 and value <> ?1; select value from site where key = ?3");
    let found: Vec<String> = ["0", "test-b", "test-c"]
        .into_iter()
        .fold(found, Scalar::bind)
        .fetch_all(tx.conn())
        .await
        .expect("the statements run");
    assert_eq!(found, ["new", "3"]);
    query("select ?, ?").bind(1).fetch_all(tx.conn()).await.expect_err("one value is missing");
    tx.commit().await.expect("the disk takes it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_write_at_once_share_commits() {
    let site = Arc::new(Fixture::new().await);
    let before = site.db.epochs.counter_for_tests();
    let commits_of = |jobs: u32| {
        let site = Arc::clone(&site);
        async move {
            let all = (0..jobs).map(|n| {
                let site = Arc::clone(&site);
                tokio::spawn(async move { site.put(format!("test-{n}"), b"value".to_vec()).await })
            });
            for one in all.collect::<Vec<_>>() {
                one.await.expect("the task ends").expect("the disk takes it");
            }
        }
    };
    commits_of(400).await;
    assert_eq!(site.count().await, 400);
    let commits = site.db.epochs.counter_for_tests().wrapping_sub(before);
    assert!(commits < 400, "400 jobs that came at once took {commits} commits");
}

#[tokio::test]
async fn a_job_runs_to_its_end_though_nobody_waits_and_a_panic_is_its_own() {
    let site = Fixture::new().await;
    let panicked: Result<(), _> = site.db.work(async { panic!("this job is broken") }).await;
    let _: tokio::task::JoinError = panicked.expect_err("the panic is told");
    let ran = Arc::new(AtomicU32::new(0));
    let (begun, begins) = tokio::sync::oneshot::channel();
    let (go, gone) = tokio::sync::oneshot::channel::<()>();
    let (ended, ends) = tokio::sync::oneshot::channel();
    let count = Arc::clone(&ran);
    let mut waiting = Box::pin(site.db.work(async move {
        begun.send(()).expect("the test waits for it");
        gone.await.expect("the test lets it go on");
        count.fetch_add(1, Ordering::SeqCst);
        ended.send(()).expect("the test waits for it");
    }));
    tokio::select! {
        _ = &mut waiting => unreachable!("it waits for the test"),
        told = begins => told.expect("it begins"),
    }
    drop(waiting);
    go.send(()).expect("it still waits");
    ends.await.expect("it ends");
    assert_eq!(ran.load(Ordering::SeqCst), 1);
}

/// Where a short job of its own task is done, and where that task is.
async fn places_of_a_short_job(db: &Db) -> (std::thread::ThreadId, std::thread::ThreadId) {
    let db = db.clone();
    let task = tokio::spawn(async move {
        let job = db.work_on_the_spot(async { std::thread::current().id() });
        (job.await.expect("the job does not panic"), std::thread::current().id())
    });
    task.await.expect("the task ends")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_job_is_done_on_the_spot_when_nobody_writes_and_elsewhere_when_somebody_does() {
    let site = Fixture::new().await;
    let (there, here) = places_of_a_short_job(&site.db).await;
    assert_ne!(there, here, "nothing is known yet of who writes and how quick the disk is");
    let quick = write::ON_THE_SPOT_MAX / 10;
    (0..write::LONE_COMMITS_MIN).for_each(|_| site.db.writer.pace.committed(quick, true));
    let (there, here) = places_of_a_short_job(&site.db).await;
    assert_eq!(there, here, "nobody writes");
    let writing = site.db.write().await.expect("nobody else writes");
    let (there, here) = places_of_a_short_job(&site.db).await;
    assert_ne!(there, here, "somebody writes");
    drop(writing);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_job_that_has_to_wait_ends_though_nobody_waits_for_it() {
    let site = Fixture::new().await;
    let db = site.db.clone();
    (0..write::LONE_COMMITS_MIN).for_each(|_| db.writer.pace.committed(write::ON_THE_SPOT_MAX / 10, true));
    let (go, gone) = tokio::sync::oneshot::channel::<()>();
    let (ended, ends) = tokio::sync::oneshot::channel();
    let mut waiting = Box::pin(site.db.work_on_the_spot(async move {
        gone.await.expect("the test lets it go on");
        let mut tx = db.write().await.expect("nobody else writes");
        tx.touch_directory();
        query("insert into site (key, value) values ('test-late', '')")
            .execute(tx.conn())
            .await
            .expect("it is inserted");
        tx.commit().await.expect("the disk takes it");
        ended.send(()).expect("the test waits for it");
    }));
    assert!(futures_util::poll!(&mut waiting).is_pending(), "it waits for the test");
    drop(waiting);
    go.send(()).expect("it still waits");
    ends.await.expect("it ends");
    assert_eq!(site.count().await, 1);
}

#[test]
fn only_lone_commits_on_a_quick_disk_are_waited_for_on_the_spot() {
    let pace = write::Pace::default();
    let quick = write::ON_THE_SPOT_MAX / 10;
    let commits = |took, lone| (0..write::LONE_COMMITS_MIN).for_each(|_| pace.committed(took, lone));
    assert!(!pace.is_quick_and_lone(), "nothing is known yet");
    commits(quick, true);
    assert!(pace.is_quick_and_lone());
    pace.committed(quick, false);
    assert!(!pace.is_quick_and_lone(), "somebody else came");
    commits(quick, true);
    assert!(pace.is_quick_and_lone(), "alone again");
    commits(write::ON_THE_SPOT_MAX * 3, true);
    assert!(!pace.is_quick_and_lone(), "the disk has become slow");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_begins_anew_however_much_is_written() {
    let site = Fixture::new().await;
    // Each value fills about eight pages.
    for n in 0..MANY_PAGES / 8 {
        site.put(format!("test-{n}"), vec![b'x'; 32_000]).await.expect("the disk takes it");
    }
    let length = std::fs::metadata(site.path().join("test.db-wal")).expect("the log is there").len();
    let most = u64::from(checkpoint::LENGTH_MAX) * 4120 * 5 / 4;
    assert!(length < most, "the log has {length} bytes, more than {most}");
    assert_eq!(site.count().await, (MANY_PAGES / 8) as i64);
}

#[tokio::test]
async fn closing_folds_the_log_back_and_nothing_is_lost() {
    let site = Fixture::new().await;
    site.put("test-kept".into(), b"value".to_vec()).await.expect("the disk takes it");
    let path = site.path().join("test.db");
    let Fixture { db, folder } = site;
    db.close().await;
    drop(db);
    let db = Db::open(&path, false, true).await.expect("it opens again");
    let mut tx = db.read().await.expect("a reader comes free");
    let value: String =
        query_scalar("select value from site where key = 'test-kept'").fetch_one(tx.conn()).await.expect("it is there");
    assert_eq!(value, "value");
    drop((tx, db, folder));
}
