//! Jobs on a real database: who may run one, for how long, and what is left of a run.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::claim::{Claim, LEASE, Row};
use super::{Chores, Job, JobError, Pace, carry_out, run, runner, standings};
use crate::blobs::{BlobError, Blobs};
use crate::clock::Moment;
use crate::config;
use crate::db::{Reads, query, query_scalar};
use crate::directory::tests::site::{NOW, TestSite};
use crate::ids::ContentId;

async fn row(site: &TestSite, job: Job) -> Option<Row> {
    let all = standings(&mut site.read().await).await.unwrap();
    all.into_iter().find(|standing| standing.job == job).unwrap().row
}

async fn take(site: &TestSite, by: &str, now: Moment) -> Option<Claim> {
    Claim::take(&site.db, Job::SweepLocks, by, now, true).await.unwrap()
}

fn later(seconds: u64) -> Moment {
    NOW.plus(Duration::from_secs(seconds))
}

#[test]
fn every_job_is_found_by_its_name() {
    for job in Job::ALL {
        assert_eq!(Job::named(job.name()), Some(job));
    }
    assert_eq!(Job::named("nothing"), None);
    assert!(runner().ends_with(&format!(":{}", std::process::id())), "{}", runner());
}

#[tokio::test]
async fn a_job_is_claimed_by_one_server_until_its_lease_is_over() {
    let site = TestSite::new().await;
    let elsewhere = site.opened_elsewhere().await;
    assert!(row(&site, Job::SweepLocks).await.is_none(), "nobody has run it");
    let first = take(&site, "one:1", NOW).await.expect("it is free");
    let lapse = NOW.plus(LEASE);
    let just_before = Moment(lapse.0 - 1);
    for (due, now) in [(true, NOW), (true, just_before), (false, just_before)] {
        let second = Claim::take(&elsewhere, Job::SweepLocks, "two:1", now, due).await.unwrap();
        assert!(second.is_none(), "it is claimed at {now:?}");
    }
    let claim = row(&site, Job::SweepLocks).await.unwrap().claim;
    assert_eq!(claim, Some(("one:1".to_owned(), lapse)));

    // The first says that it is still at it; so its lease ends later.
    first.renew(&site.db, later(30)).await.unwrap();
    assert!(Claim::take(&elsewhere, Job::SweepLocks, "two:1", lapse, true).await.unwrap().is_none());
    let second = Claim::take(&elsewhere, Job::SweepLocks, "two:1", later(30).plus(LEASE), true).await.unwrap();
    assert!(second.is_some(), "whoever says nothing for so long is dead");

    // And if it wasn't, it is told, and its end changes nothing.
    assert!(matches!(first.renew(&site.db, later(95)).await, Err(JobError::Lost)));
    first.finish(&site.db, (later(96), later(126)), "done by the first", false).await.unwrap();
    let left = row(&site, Job::SweepLocks).await.unwrap();
    assert_eq!((left.claim.unwrap().0.as_str(), left.outcome), ("two:1", None));
}

#[tokio::test]
async fn of_many_who_want_a_job_at_once_one_gets_it() {
    let site = TestSite::new().await;
    let elsewhere = site.opened_elsewhere().await;
    for round in 0..20 {
        let now = later(round * 1000);
        let want = (0..8).map(|n| {
            let db = if n % 2 == 0 { site.db.clone() } else { elsewhere.clone() };
            tokio::spawn(async move { Claim::take(&db, Job::SweepLocks, &format!("{n}"), now, true).await.unwrap() })
        });
        let want: Vec<_> = want.collect();
        let mut got = Vec::new();
        for one in want {
            got.extend(one.await.unwrap());
        }
        assert_eq!(got.len(), 1, "round {round}: {got:?}");
        got.remove(0).finish(&site.db, (now, now), "", false).await.unwrap();
    }
}

#[tokio::test]
async fn a_run_leaves_what_it_did_and_when_the_next_one_is_due() {
    let site = TestSite::new().await;
    let chores = site.chores();
    let claim = take(&site, "one:1", NOW).await.unwrap();
    let done = carry_out(&chores, claim, &Pace::until(CancellationToken::new())).await.unwrap().unwrap();
    let left = row(&site, Job::SweepLocks).await.unwrap();
    assert_eq!((left.outcome.as_deref(), left.failed, left.claim), (Some(done.as_str()), false, None));
    let every = Job::SweepLocks.every(&chores.config);
    assert_eq!((left.started, left.next_at), (Some(NOW), NOW.plus(every)));
    assert!(take(&site, "two:1", NOW.plus(every / 2)).await.is_none(), "not due yet");
    let anyway = Claim::take(&site.db, Job::SweepLocks, "two:1", NOW.plus(every / 2), false).await.unwrap();
    assert!(anyway.is_some(), "by hand at any time");
}

#[tokio::test]
async fn a_run_that_is_stopped_or_fails_goes_on_where_it_was() {
    let site = TestSite::new().await;
    let chores = site.chores();
    let stop = CancellationToken::new();
    stop.cancel();
    let claim = take(&site, "one:1", NOW).await.unwrap();
    claim.save(&site.db, NOW, "half way").await.unwrap();
    let ended = carry_out(&chores, claim, &Pace::until(stop)).await.unwrap();
    assert!(matches!(ended, Err(JobError::Stopped)));
    let left = row(&site, Job::SweepLocks).await.unwrap();
    assert!(!left.failed && left.claim.is_none() && left.next_at <= Moment::now(), "{left:?}");
    assert!(left.outcome.unwrap().starts_with("stopped"));

    let again = take(&site, "two:1", Moment::now()).await.expect("due at once");
    assert_eq!(again.progress.as_deref(), Some("half way"));
    again.fail(&site.db, (later(1), later(2)), "the disk is gone").await.unwrap();
    let left = row(&site, Job::SweepLocks).await.unwrap();
    assert_eq!((left.failed, left.outcome.as_deref()), (true, Some("the disk is gone")));
    assert_eq!((left.next_at, left.progress.as_deref()), (later(2), Some("half way")));

    let third = take(&site, "two:1", later(3)).await.unwrap();
    third.finish(&site.db, (later(4), later(5)), "all of it", false).await.unwrap();
    assert_eq!(row(&site, Job::SweepLocks).await.unwrap().progress, None);
}

#[tokio::test]
async fn a_job_that_fails_is_shown_and_hinders_no_other() {
    let site = TestSite::new().await;
    let mut tx = site.write().await;
    query("alter table vacated rename to elsewhere").execute(tx.conn()).await.unwrap();
    tx.commit().await.unwrap();
    let stop = CancellationToken::new();
    let jobs = tokio::spawn(run(site.chores(), stop.clone()));
    let both_have_run = async {
        let ended = async |job| row(&site, job).await.is_some_and(|row| row.ended.is_some());
        while !(ended(Job::SweepLocks).await && ended(Job::RetainAudit).await) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), both_have_run).await.expect("they run when the server starts");
    stop.cancel();
    jobs.await.unwrap();
    let failed = row(&site, Job::SweepLocks).await.unwrap();
    assert!(failed.failed && failed.outcome.unwrap().contains("vacated"));
    assert!(failed.next_at > Moment::now(), "it is tried again later");
    let other = row(&site, Job::RetainAudit).await.unwrap();
    assert!(!other.failed && other.claim.is_none(), "{other:?}");
}

#[tokio::test]
async fn the_collector_stops_at_a_store_that_is_away_and_its_record_is_kept() {
    let site = TestSite::new().await;
    // It takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let settings = config::S3 { endpoint, allow_http: true, answer_timeout_s: 1, ..config::S3::default() };
    let blobs = Blobs::in_bucket(&"s3://bucket/prefix".parse().unwrap(), &settings, "0123").unwrap();
    let chores = Chores { blobs, ..site.chores() };
    let mut tx = site.write().await;
    for _ in 0..3 {
        let insert = query("insert into gc (content_id, not_before) values (?, 0)");
        insert.bind(ContentId::fresh().0.as_bytes().as_slice()).execute(tx.conn()).await.unwrap();
    }
    tx.commit().await.unwrap();
    let claim = Claim::take(&site.db, Job::Gc, "one:1", NOW, true).await.unwrap().unwrap();
    let ended = carry_out(&chores, claim, &Pace::until(CancellationToken::new())).await.unwrap();
    assert!(matches!(ended, Err(JobError::Blob(BlobError::Away { .. }))), "{ended:?}");
    let left: i64 =
        query_scalar("select count(*) from gc where doomed = 1").fetch_one(site.read().await.conn()).await.unwrap();
    assert_eq!(left, 3, "they are tried again");
    let notes: Vec<String> =
        query_scalar("select note from audit where verb = 'gc'").fetch_all(site.read().await.conn()).await.unwrap();
    assert_eq!(notes, ["removed 3 contents, 0 bytes"]);
}
