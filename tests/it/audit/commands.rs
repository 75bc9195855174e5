//! Administration leaves records: each command that changes something, and the server's start and stop.

use serde_json::Value;

use super::{records, told};
use crate::site::Site;

#[test]
fn every_changing_command_leaves_one_record_with_its_words() {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.put("/Projects/plan.txt", "v1").status(201);
    let commands: &[&[&str]] = &[
        &["user", "add", "ben", "--display", "Ben O'Hara"],
        &["user", "set", "ben", "--email", "ben@example.com"],
        &["user", "app-password", "ben", "--label", "notebook"],
        &["user", "app-password", "ben", "--revoke", "notebook"],
        &["user", "disable", "ben"],
        &["user", "enable", "ben"],
        &["group", "add", "Sales"],
        &["group", "member", "add", "Sales", "--user", "ben"],
        &["group", "member", "remove", "Sales", "--user", "ben"],
        &["share", "add", "Archive"],
        &["share", "subscribe", "Archive", "--user", "ben", "--role", "viewer"],
        &["share", "unsubscribe", "Archive", "--user", "ben"],
        &["share", "set", "Archive", "--quota", "1000"],
        &["share", "deactivate", "Archive"],
        &["share", "activate", "Archive"],
        &["org", "add", "Acme North"],
        &["department", "add", "Sales"],
        &["department", "member", "add", "Sales", "--user", "ben"],
        &["share", "channel", "Projects", "--user", "ana", "--web", "off"],
        &["grant", "add", "/Projects/plan.txt", "--user", "ben", "--level", "read"],
        &["grant", "inherit", "/Projects/plan.txt", "off"],
        &["grant", "inherit", "/Projects/plan.txt", "on"],
        &["lock", "add", "/Projects/plan.txt", "--user", "ana"],
        &["lock", "break", "/Projects/plan.txt"],
        &["job", "run", "sweep-locks"],
        &["office-url", "/Projects/plan.txt", "--for", "ana", "--url", "https://h"],
        &["office-url", "revoke", "1"],
    ];
    for command in commands {
        let before = administration(&site).len();
        let ran = site.cli(command).ok();
        let found = administration(&site);
        assert_eq!(found.len(), before + 1, "{command:?}: {found:#?}");
        let record = &found[before];
        assert_eq!(record["user"], "command line", "{record}");
        assert_eq!(record["channel"], "command line", "{record}");
        let verb = record["verb"].as_str().unwrap();
        assert!(command.join(" ").starts_with(verb), "{record}");
        let note = record["note"].as_str().unwrap();
        assert_eq!(note.replace('"', ""), command.join(" "));
        // What it prints once is nowhere else.
        let secret = ran.stdout.split_whitespace().max_by_key(|word| word.len()).unwrap();
        assert!(verb != "user app-password" || !found.iter().any(|record| record.to_string().contains(secret)));
    }
    let about: Vec<String> = records(&site, &["--path", "/Archive"]).iter().map(told).collect();
    assert_eq!(about.len(), 6, "{about:#?}");
    assert_eq!(about[0], "share add - /Archive by command line over command line (-)");
}

/// What was done at the command line.
fn administration(site: &Site) -> Vec<Value> {
    records(site, &["--user", "command line"])
}

#[test]
fn a_command_that_only_looks_or_fails_leaves_no_record() {
    let site = Site::start();
    let [_ana] = site.team("Projects", [("ana", "co-owner")]);
    let before = records(&site, &[]);
    for command in
        [&["user", "list"][..], &["share", "show", "Projects"], &["verify"], &["audit", "verify"], &["audit", "head"]]
    {
        site.cli(command).ok();
    }
    site.cli(&["explain", "ana", "/Projects"]).ok();
    site.cli(&["share", "add", "Projects"]).says_why_not();
    site.cli(&["share", "subscribe", "Projects", "--user", "nobody"]).says_why_not();
    assert_eq!(records(&site, &[]), before);
}

#[test]
fn the_log_begins_with_the_site_and_tells_of_start_and_stop() {
    let mut site = Site::start_alone();
    site.stop();
    site.restart();
    let verbs: Vec<Value> = records(&site, &[]).into_iter().map(|record| record["verb"].clone()).collect();
    assert_eq!(verbs, ["init", "start", "stop", "start"]);
    let started = &records(&site, &["--verb", "start"])[1];
    assert_eq!(started["user"], "server");
    assert!(started["note"].as_str().unwrap().contains(" on 127.0.0.1:"), "{started}");
    site.kill9();
    let verbs: Vec<Value> =
        records(&site, &["--limit", "1"]).into_iter().map(|record| record["verb"].clone()).collect();
    assert_eq!(verbs, ["start"], "a killed server says no good-bye, and that shows");
}

#[test]
fn what_is_done_in_somebodys_name_has_that_name_and_what_he_may_not_is_a_denial() {
    let site = Site::start();
    let [_ana, _ben] = site.team("Projects", [("ana", "co-owner"), ("ben", "viewer")]);
    site.cli(&["--as", "root", "group", "add", "Sales"]).ok();
    let done = records(&site, &["--user", "root"]);
    assert_eq!(done.iter().map(told).collect::<Vec<_>>(), ["group add - - by root over command line (-)"]);
    assert!(done[0]["user_id"].is_i64(), "{done:?}");
    let why = site.cli(&["--as", "ben", "user", "disable", "ana"]).says_why_not();
    let denied = records(&site, &["--user", "ben", "--denied"]);
    assert_eq!(denied.iter().map(told).collect::<Vec<_>>(), ["user disable - - by ben over command line (-)"]);
    let rule = denied[0]["rule"].as_str().unwrap();
    assert_eq!(format!("error: {}", rule.split_once(": ").unwrap().1), why);
}
