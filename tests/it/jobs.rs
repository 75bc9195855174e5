//! What the server does by itself, as it is seen and started from the command line.

use serde_json::Value;

use crate::site::Site;

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
