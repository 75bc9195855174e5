//! What the server does by itself, as it is seen and started from the command line.

use std::process::Stdio;
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

fn revisions(site: &Site, path: &str) -> Vec<i64> {
    let listed = site.cli(&["revision", "list", path, "--json"]).ok().json();
    listed.as_array().expect("an array").iter().map(|row| row["number"].as_i64().expect("a number")).collect()
}

#[test]
fn the_rule_of_a_share_trims_neither_the_present_state_nor_what_is_pinned_or_named() {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    site.cli(&["share", "add", "Archive", "--owner", "ana"]).ok();
    for share in ["Projects", "Archive"] {
        for state in ["one", "two", "three", "four", "five", "six"] {
            ana.put(&format!("/{share}/a.txt"), state).status_in(&[201, 204]);
        }
        ana.put(&format!("/{share}/once.txt"), "once").status(201);
    }
    site.cli(&["revision", "pin", "/Projects/a.txt", "2"]).ok();
    site.cli(&["revision", "name", "/Projects/a.txt", "3", "for the board"]).ok();
    site.cli(&["job", "run", "trim"]).ok();
    assert_eq!(revisions(&site, "/Projects/a.txt"), [6, 5, 4, 3, 2, 1], "nobody has made a rule");

    site.cli(&["share", "set", "Projects", "--policy", "trim_revisions_keep=1"]).ok();
    let ran = site.cli(&["job", "run", "trim"]).ok().stdout;
    assert_eq!(ran, "trimmed 2 revisions of 7 bytes in 1 shares\n");
    assert_eq!(revisions(&site, "/Projects/a.txt"), [6, 5, 3, 2]);
    assert_eq!(revisions(&site, "/Archive/a.txt"), [6, 5, 4, 3, 2, 1], "another share has no rule");
    ana.get("/Projects/a.txt").status(200).body("six");
    ana.get("/Projects/once.txt").status(200).body("once");
    let records = site.cli(&["audit", "--verb", "trim", "--json"]).ok().json();
    assert_eq!(records.as_array().map(Vec::len), Some(1), "{records}");
    let told = (&records[0]["path"], &records[0]["user"]);
    assert_eq!(told, (&"/Projects".into(), &"server".into()), "{records}");
    assert!(records[0].to_string().contains("trim_revisions_keep=1"), "{records}");

    // By age: nothing is so old yet, but for what a test makes old.
    site.cli(&["org", "set", "Acme", "--policy", "trim_revisions_days=30"]).ok();
    site.cli(&["job", "run", "trim"]).ok();
    assert_eq!(revisions(&site, "/Archive/a.txt").len(), 6);
    site.sql("update revision set kept_at = kept_at - 2678400000 where revno <= 3");
    site.cli(&["job", "run", "trim"]).ok();
    assert_eq!(revisions(&site, "/Archive/a.txt"), [6, 5, 4]);
    assert_eq!(revisions(&site, "/Projects/a.txt"), [6, 5, 3, 2]);
    site.is_consistent();
}

#[test]
fn a_run_that_was_broken_off_in_a_share_without_a_rule_misses_nothing_in_the_next() {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    site.cli(&["share", "add", "Archive", "--owner", "ana"]).ok();
    for state in ["one", "two", "three"] {
        ana.put("/Archive/a.txt", state).status_in(&[201, 204]);
    }
    site.cli(&["share", "set", "Archive", "--policy", "trim_revisions_keep=1"]).ok();
    job_once(&site, "trim", |row| row["state"] == "waiting");
    // There was a rule when the run came so far.
    site.sql(
        "update job set progress = 'share=' || (select id from share where name = 'Projects') || ' node=1000000'
         where name = 'trim'",
    );
    let ran = site.cli(&["job", "run", "trim"]).ok().stdout;
    assert_eq!(ran, "trimmed 1 revisions of 3 bytes in 1 shares\n");
    assert_eq!(revisions(&site, "/Archive/a.txt"), [3, 2]);
}

#[test]
fn what_was_deleted_long_ago_is_purged_by_rule_and_its_bytes_go_with_it() {
    let site = Site::start_with("[storage]\ngc_grace_h = 0\n");
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.mkcol("/Projects/old").status(201);
    for n in 0..3 {
        ana.put(&format!("/Projects/old/{n}.bin"), large(n)).status(201);
    }
    ana.put("/Projects/new.bin", large(7)).status(201);
    ana.put("/Projects/kept.bin", large(8)).status(201);
    ana.delete("/Projects/old").status(204);
    site.sql("update trash set deleted_at = deleted_at - 864000000");
    ana.delete("/Projects/new.bin").status(204);
    site.cli(&["job", "run", "purge-deleted"]).ok();
    assert_eq!(site.cli(&["trash", "list", "--json"]).ok().json().as_array().map(Vec::len), Some(2), "no rule");

    site.cli(&["org", "set", "Acme", "--policy", "purge_deleted_days=9"]).ok();
    let ran = site.cli(&["job", "run", "purge-deleted"]).ok().stdout;
    assert_eq!(ran, "purged 4 deleted items of 120000 bytes in 1 shares\n");
    let left = site.cli(&["trash", "list", "--json"]).ok().json();
    assert_eq!(left.as_array().map(Vec::len), Some(1), "{left}");
    site.cli(&["job", "run", "purge"]).ok();
    site.cli(&["job", "run", "gc"]).ok();
    assert_eq!(site.blobs(), 2);
    let records = site.cli(&["audit", "--verb", "purge", "--json"]).ok().json();
    assert_eq!(records.as_array().map(Vec::len), Some(1), "{records}");
    ana.get("/Projects/kept.bin").status(200).body(large(8));
    site.is_consistent();
}

#[test]
fn a_job_is_run_once_and_goes_on_elsewhere_when_its_process_is_killed() {
    let site = Site::start_with("[jobs]\nscrub_bytes_per_s = 20000\n");
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    job_once(&site, "scrub", |row| row["state"] == "waiting");
    for n in 0..3 {
        ana.put(&format!("/Projects/{n}.bin"), large(n)).status(201);
    }
    let mut first = site.command(&["job", "run", "scrub"]);
    let mut first = first.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary runs");
    let running = job_once(&site, "scrub", |row| row["state"] == "running");
    let by = running["by"].as_str().expect("somebody runs it").to_owned();
    assert!(by.ends_with(&format!(":{}", first.id())), "{running}");
    let why = site.cli(&["job", "run", "scrub"]).says_why_not();
    assert!(why.contains(&by), "{why}");
    // The others can be run meanwhile.
    site.cli(&["job", "run", "sweep-locks"]).ok();

    first.kill().expect("it is a child of the test");
    first.wait().expect("it is a child of the test");
    site.cli(&["job", "run", "scrub"]).says_why_not();
    // As a minute later.
    site.sql("update job set lease_until = lease_until - 60000 where name = 'scrub'");
    assert_eq!(job(&site, "scrub")["state"], "left");
    // As if it had come so far: behind the second of the three.
    site.sql(
        "update job set progress = 'after=' || (select lower(hex(id)) from content order by id limit 1 offset 1)
                                   || ' contents=7 bytes=700 damaged=0'
         where name = 'scrub'",
    );
    let ran = site.cli(&["job", "run", "scrub"]).ok().stdout;
    assert!(ran.contains("read 8 contents, 40700 bytes; all are right"), "{ran}");
    site.is_consistent();
}
