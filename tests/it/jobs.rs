//! What the server does by itself, as it is seen and started from the command line.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::site::{Client, Site};

/// The row of a job in `job list`.
fn job(site: &Site, name: &str) -> Value {
    let listed = site.cli(&["job", "list", "--json"]).ok().json();
    let mut rows = listed.as_array().expect("an array").iter();
    rows.find(|row| row["name"] == name).cloned().unwrap_or_else(|| panic!("no job `{name}`: {listed}"))
}

/// The same, as soon as it looks as it should.
fn job_once(site: &Site, name: &str, ready: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..200 {
        let row = job(site, name);
        if ready(&row) {
            return row;
        }
    }
    panic!("the job `{name}` doesn't come to that: {}", job(site, name));
}

#[test]
fn jobs_run_when_the_server_starts_and_show_what_they_did() {
    let mut site = Site::start();
    for name in ["sweep-locks", "retain-audit"] {
        let row = job_once(&site, name, |row| row["state"] == "waiting");
        assert!(row["outcome"].as_str().is_some_and(|outcome| outcome.starts_with("removed")), "{row}");
        assert!(row["last"].as_str() < row["next"].as_str() && row["by"].is_null(), "{row}");
        let told = site.cli(&["job", "list"]).ok().stdout;
        assert!(told.contains(name) && told.starts_with("JOB"), "{told}");
    }
    site.stop();
}

#[test]
fn a_job_is_run_by_hand_beside_the_server() {
    let site = Site::start();
    let before = job_once(&site, "retain-audit", |row| row["state"] == "waiting");
    let ran = site.cli(&["job", "run", "retain-audit"]).ok();
    assert_eq!(ran.stdout, "removed records older than 400 days\n");
    let after = job(&site, "retain-audit");
    assert!(before["last"].as_str() <= after["last"].as_str() && after["state"] == "waiting", "{before} {after}");
    site.cli(&["job", "run", "everything"]).exits(2);
    site.cli(&["--as", "root", "job", "list"]).says_why_not();
}

/// Bytes that lie in a file of their own, others for each number.
fn large(number: usize) -> Vec<u8> {
    (0..40_000).map(|n| (n * 31 + number * 7) as u8).collect()
}

/// Owner files of editors are removed for good at once, so their contents are the collector's; copies that somebody makes of them
/// meanwhile keep theirs.
#[test]
fn a_copy_that_races_with_the_collector_keeps_its_bytes() {
    const ROUNDS: usize = 40;
    let site = Site::start_with("[storage]\ngc_grace_h = 0\n");
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    job_once(&site, "gc", |row| row["state"] == "waiting");
    let over = AtomicBool::new(false);
    let copied = std::thread::scope(|scope| {
        let copier = scope.spawn(|| {
            let copied: Vec<_> = (0..ROUNDS).filter_map(|n| copied_in_time(&ana, n)).collect();
            over.store(true, Ordering::Release);
            copied
        });
        while !over.load(Ordering::Acquire) {
            site.cli(&["job", "run", "gc"]).ok();
        }
        copier.join().expect("the copier ends")
    });
    let ran = site.cli(&["gc"]).ok().stdout;
    for (n, copy) in &copied {
        ana.get(copy).status(200).body(large(*n));
    }
    site.is_consistent();
    // What was not copied is gone, bytes and all.
    assert_eq!(site.blobs(), copied.len(), "{ran}");
    let records = site.cli(&["audit", "--verb", "gc", "--json"]).ok().json();
    assert!(copied.len() == ROUNDS || records.as_array().is_some_and(|records| !records.is_empty()), "{records}");
}

/// Removes a file for good while it is copied. Gives the copy, if there is one.
fn copied_in_time(ana: &Client, n: usize) -> Option<(usize, String)> {
    let (source, copy) = (format!("/Projects/~$draft {n}.docx"), format!("/Projects/copy {n}.docx"));
    ana.put(&source, large(n)).status(201);
    let came = std::thread::scope(|scope| {
        let copying = scope.spawn(|| ana.copy(&source, &copy).answer.status);
        ana.delete(&source).status(204);
        copying.join().expect("the copy is answered")
    });
    assert!([201, 404].contains(&came), "{came}");
    (came == 201).then_some((n, copy))
}

#[test]
fn what_nothing_names_waits_for_its_grace_and_is_told_before() {
    let mut site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.put("/Projects/~$a.docx", large(1)).status(201);
    ana.put("/Projects/b.bin", large(2)).status(201);
    ana.delete("/Projects/~$a.docx").status(204);
    ana.delete("/Projects/b.bin").status(204);
    for _ in 0..2 {
        let told = site.cli(&["gc", "--dry-run", "--json"]).ok().json();
        assert_eq!((&told["contents"], &told["waiting_contents"]), (&0.into(), &1.into()), "{told}");
        assert_eq!(told["waiting_bytes"], 40_000);
        site.cli(&["gc"]).ok();
        assert_eq!(site.blobs(), 2, "the trash names its contents, and the other has its grace");
    }
    site.put_stray();
    let told = site.cli(&["gc", "--dry-run", "--json"]).ok().json();
    assert_eq!(told["strays"], 1, "{told}");
    let ran = site.cli(&["gc"]).ok().stdout;
    assert!(ran.contains("found 1 that no row names"), "{ran}");
    assert_eq!(site.blobs(), 3, "it is given its grace from when it was found");
    site.stop();
    site.is_consistent();
}
