//! Revisions: each save is one, with who, when and through what; any can be had back, and only trimming takes one away.

use serde_json::Value;

use super::{between, used};
use crate::site::{Client, Depth, Reply, Site};

#[track_caller]
fn revisions(site: &Site, path: &str) -> Vec<Value> {
    site.cli(&["revision", "list", path, "--json"]).ok().json().as_array().expect("a list").clone()
}

#[track_caller]
fn numbers(site: &Site, path: &str) -> Vec<i64> {
    revisions(site, path).iter().map(|row| row["number"].as_i64().expect("a number")).collect()
}

fn save(who: &Client, path: &str, content: &str) -> Reply {
    who.ask("PUT", path).with("User-Agent", "Example-Editor/2.1 (Test)").body(content).send()
}

#[test]
fn every_save_is_a_revision_that_says_who_made_it_and_through_what() {
    let site = Site::start();
    let [ana, ben] = site.team("Projects", [("ana", "co-owner"), ("ben", "editor")]);
    save(&ana, "/Projects/plan.txt", "one").status(201);
    save(&ben, "/Projects/plan.txt", "second").status(204);
    ana.put("/Projects/plan.txt", "3").status(204);
    let listed = revisions(&site, "/Projects/plan.txt");
    let told = |row: &Value| {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        (row["number"].as_i64().unwrap(), text("author"), row["bytes"].as_u64().unwrap(), row["present"] == true)
    };
    let expected = [(3, "ana", 1, true), (2, "ben", 6, false), (1, "ana", 3, false)];
    let expected = expected.map(|(number, author, bytes, present)| (number, author.to_owned(), bytes, present));
    assert_eq!(listed.iter().map(told).collect::<Vec<_>>(), expected);
    assert_eq!(listed[1]["client"], "drive, Example-Editor");
    assert_eq!(listed[1]["hash"], blake3::hash(b"second").to_hex().as_str());
    // Ben had not said which state of hers he changes, nor she of his.
    assert_eq!((&listed[1]["collision"], &listed[2]["collision"]), (&Value::Bool(true), &Value::Bool(true)));
    for (number, content) in [("1", "one"), ("2", "second"), ("3", "3")] {
        assert_eq!(site.cli(&["revision", "get", "/Projects/plan.txt", number]).ok().stdout, content);
    }
    // More than what lies in the database.
    let long = "long ".repeat(300_000);
    save(&ana, "/Projects/plan.txt", &long).status(204);
    save(&ana, "/Projects/plan.txt", "short").status(204);
    let out = site.folder().join("out.txt");
    site.cli(&["revision", "get", "/Projects/plan.txt", "4", "--out", out.to_str().unwrap()]).ok();
    assert_eq!(std::fs::read_to_string(out).unwrap(), long);
    site.cli(&["revision", "show", "/Projects/plan.txt", "9"]).says_why_not();
    site.cli(&["revision", "list", "/Projects"]).says_why_not();
    site.is_consistent();
}

#[test]
fn a_restored_revision_is_a_new_state_and_takes_nothing_away() {
    let site = Site::start();
    let [ana, ben, vic] = site.team("Projects", [("ana", "co-owner"), ("ben", "editor"), ("vic", "viewer")]);
    ana.put("/Projects/plan.txt", "one").status(201);
    ana.put("/Projects/plan.txt", "two").status(204);
    let before = ana.get("/Projects/plan.txt").etag();
    site.cli(&["--as", "ben", "revision", "restore", "/Projects/plan.txt", "1"]).ok();
    let after = ana.get("/Projects/plan.txt").status(200).body("one");
    assert_ne!(after.etag(), before);
    assert_eq!(numbers(&site, "/Projects/plan.txt"), [3, 2, 1]);
    assert_eq!(revisions(&site, "/Projects/plan.txt")[0]["author"], "ben");
    assert_eq!(used(&site, "Projects"), 9);

    // Write and read, and nobody else's lock.
    let refused = site.cli(&["--as", "vic", "revision", "restore", "/Projects/plan.txt", "2"]).says_why_not();
    assert!(refused.contains("write"), "{refused}");
    drop(vic);
    site.cli(&["lock", "add", "/Projects/plan.txt", "--user", "ana"]).ok();
    let refused = site.cli(&["--as", "ben", "revision", "restore", "/Projects/plan.txt", "2"]).says_why_not();
    assert!(refused.contains("ana"), "{refused}");
    site.cli(&["revision", "restore", "/Projects/plan.txt", "2"]).says_why_not();
    site.cli(&["--as", "ana", "revision", "restore", "/Projects/plan.txt", "2"]).ok();
    ben.get("/Projects/plan.txt").status(200).body("two");
    site.is_consistent();
}

#[test]
fn history_goes_along_when_a_file_moves_also_to_another_share() {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    site.cli(&["share", "add", "Archive", "--owner", "ana"]).ok();
    ana.mkcol("/Projects/plans").status(201);
    ana.put("/Projects/plan.txt", "one").status(201);
    ana.put("/Projects/plan.txt", "three").status(204);
    ana.rename("/Projects/plan.txt", "/Projects/plans/moved.txt").status(201);
    assert_eq!(numbers(&site, "/Projects/plans/moved.txt"), [2, 1]);
    ana.rename("/Projects/plans", "/Archive/plans").status(201);
    assert_eq!(numbers(&site, "/Archive/plans/moved.txt"), [2, 1]);
    assert_eq!((used(&site, "Projects"), used(&site, "Archive")), (0, 8));
    assert_eq!(site.cli(&["revision", "get", "/Archive/plans/moved.txt", "1"]).ok().stdout, "one");

    // A file that comes onto another one brings its history: each state keeps a number of its own.
    ana.put("/Archive/other.txt", "x1").status(201);
    ana.put("/Archive/other.txt", "x2").status(204);
    ana.rename("/Archive/other.txt", "/Archive/plans/moved.txt").status(204);
    assert_eq!(numbers(&site, "/Archive/plans/moved.txt"), [4, 3, 2, 1]);
    let contents =
        ["1", "2", "3", "4"].map(|n| site.cli(&["revision", "get", "/Archive/plans/moved.txt", n]).ok().stdout);
    assert_eq!(contents, ["one", "three", "x1", "x2"]);
    site.is_consistent();
}

#[test]
fn trimming_erases_what_it_says_and_never_the_present_state() {
    let site = Site::start();
    let [ana, ben] = site.team("Projects", [("ana", "co-owner"), ("ben", "editor")]);
    drop(ben);
    let file = "/Projects/plan.txt";
    for (at, content) in ["1", "22", "333", "4444", "55555"].iter().enumerate() {
        ana.put(file, *content).status(if at == 0 { 201 } else { 204 });
    }
    site.cli(&["revision", "pin", file, "2"]).ok();
    site.cli(&["revision", "name", file, "3", "as sent"]).ok();
    assert_eq!(revisions(&site, file)[2]["name"], "as sent");
    assert_eq!(used(&site, "Projects"), 15);

    site.cli(&["revision", "trim", file, "--number", "5"]).says_why_not();
    site.cli(&["revision", "trim", file, "--number", "2"]).says_why_not();
    site.cli(&["revision", "trim", file]).exits(2);
    site.cli(&["revision", "trim", file, "--number", "1"]).ok();
    assert_eq!((numbers(&site, file), used(&site, "Projects")), (vec![5, 4, 3, 2], 14));
    site.cli(&["revision", "trim", file, "--keep", "0"]).ok();
    assert_eq!((numbers(&site, file), used(&site, "Projects")), (vec![5, 3, 2], 10));
    site.cli(&["revision", "trim", file, "--number", "2", "--pinned"]).ok();
    site.cli(&["revision", "name", file, "3", ""]).ok();
    ana.get(file).status(200).body("55555");

    // A whole folder, by time: what was replaced later stays.
    ana.mkcol("/Projects/sub").status(201);
    ana.put("/Projects/sub/a.txt", "a1").status(201);
    ana.put("/Projects/sub/a.txt", "a2").status(204);
    let moment = between();
    ana.put("/Projects/sub/a.txt", "a3").status(204);
    site.cli(&["revision", "trim", "/Projects", "--older-than", &moment]).ok();
    assert_eq!(numbers(&site, "/Projects/sub/a.txt"), [3, 2]);
    assert_eq!((numbers(&site, file), used(&site, "Projects")), (vec![5], 9));
    site.is_consistent();
}

#[test]
fn trimming_in_somebodys_name_wants_the_permission_everywhere_and_the_policy() {
    let site = Site::start();
    let [ana, ben] = site.team("Projects", [("ana", "co-owner"), ("ben", "editor")]);
    ana.mkcol("/Projects/sub").status(201);
    for content in ["1", "2"] {
        ana.put("/Projects/sub/a.txt", content).status_in(&[201, 204]);
    }
    let trim = |who: &str, path: &str| site.cli(&["--as", who, "revision", "trim", path, "--keep", "0"]);
    let refused = trim("ben", "/Projects/sub/a.txt").says_why_not();
    assert!(refused.contains("trim"), "{refused}");
    site.cli(&["grant", "add", "/Projects/sub", "--user", "ana", "--deny", "trim"]).ok();
    let refused = trim("ana", "/Projects").says_why_not();
    assert!(refused.contains("/Projects/sub"), "{refused}");
    site.cli(&["grant", "remove", "/Projects/sub", "--user", "ana"]).ok();
    site.cli(&["org", "set", "Acme", "--policy", "user_trim_revisions=off"]).ok();
    trim("ana", "/Projects").says_why_not();
    assert_eq!(numbers(&site, "/Projects/sub/a.txt"), [2, 1]);
    site.cli(&["org", "set", "Acme", "--policy", "user_trim_revisions=on"]).ok();
    trim("ana", "/Projects").ok();
    assert_eq!(numbers(&site, "/Projects/sub/a.txt"), [2]);
    // Each of them is in the audit, the denials with their rule.
    let audit = site.cli(&["audit", "--verb", "revision trim", "--json"]).ok().json();
    let outcomes: Vec<&str> = audit.as_array().unwrap().iter().filter_map(|row| row["outcome"].as_str()).collect();
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "done").count(), 1, "{audit}");
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "denied").count(), 3, "{audit}");
    assert_eq!(ben.list("/Projects", Depth::One).paths(), ["/Projects/", "/Projects/sub/"]);
    site.is_consistent();
}

#[test]
fn near_saves_of_one_person_are_one_revision_where_the_policy_says_so() {
    let site = Site::start();
    let [ana, ben] = site.team("Projects", [("ana", "co-owner"), ("ben", "editor")]);
    let file = "/Projects/plan.txt";
    ana.put(file, "a1").status(201);
    ana.put(file, "a2").status(204);
    site.cli(&["org", "set", "Acme", "--policy", "coalesce_revisions_s=3600"]).ok();
    // The run of saves began with the one that came after the last kept state.
    ana.put(file, "a3 longer").status(204);
    ana.put(file, "a4").status(204);
    assert_eq!((numbers(&site, file), used(&site, "Projects")), (vec![2, 1], 4));
    // Somebody else's state, and one that is named or pinned, are kept whenever they were saved.
    ben.put(file, "b1").status(204);
    ben.put(file, "b2").status(204);
    site.cli(&["revision", "name", file, "3", "as sent"]).ok();
    ben.put(file, "b3").status(204);
    site.cli(&["revision", "pin", file, "4"]).ok();
    ben.put(file, "b4").status(204);
    let contents = ["1", "2", "3", "4", "5"].map(|n| site.cli(&["revision", "get", file, n]).ok().stdout);
    assert_eq!(contents, ["a1", "a4", "b2", "b3", "b4"]);
    assert_eq!(used(&site, "Projects"), 10);
    site.cli(&["org", "set", "Acme", "--policy", "coalesce_revisions_s=none"]).ok();
    ben.put(file, "b5").status(204);
    assert_eq!(numbers(&site, file), [6, 5, 4, 3, 2, 1]);
    site.is_consistent();
}

#[test]
fn revisions_of_what_somebody_does_not_see_do_not_exist() {
    let site = Site::start();
    let [ana, uma] = site.team("Projects", [("ana", "co-owner"), ("uma", "uploader")]);
    drop(uma);
    site.user("sam");
    ana.put("/Projects/plan.txt", "secret").status(201);
    for who in ["uma", "sam"] {
        for act in ["list", "get", "restore"] {
            let number: &[&str] = if act == "list" { &[] } else { &["1"] };
            let told = |path: &str| site.cli(&[&["--as", who, "revision", act, path], number].concat()).says_why_not();
            let [hidden, missing] = ["/Projects/plan.txt", "/Projects/none.txt"].map(told);
            assert_eq!(hidden.replace("plan", "none"), missing, "{who} {act}");
        }
    }
}
