//! Rolling back: contents as they were before a time, and, if asked for, everything as it was.

use serde_json::Value;

use super::{between, tree, used};
use crate::site::{Client, Depth, Site};

#[track_caller]
fn roll_back(site: &Site, more: &[&str]) -> Value {
    site.cli(&[&["rollback", "--json"], more].concat()).ok().json()
}

#[track_caller]
fn counts<const N: usize>(report: &Value, names: [&str; N]) -> [u64; N] {
    names.map(|name| report[name].as_u64().expect("a number"))
}

/// A share with some folders and files, and the moment after they were made.
fn share(site: &Site) -> ([Client; 2], String) {
    let people = site.team("Projects", [("ana", "co-owner"), ("ben", "editor")]);
    let ana = &people[0];
    for folder in ["/Projects/plans", "/Projects/plans/deep", "/Projects/other"] {
        ana.mkcol(folder).status(201);
    }
    for (file, content) in [
        ("/Projects/plans/a.txt", "a1"),
        ("/Projects/plans/deep/b.txt", "b1"),
        ("/Projects/plans/deep/c.txt", "c1"),
        ("/Projects/other/d.txt", "d1"),
        ("/Projects/e.txt", "e1"),
    ] {
        ana.put(file, content).status(201);
    }
    (people, between())
}

#[test]
fn contents_go_back_to_the_last_state_before_the_time_as_new_revisions() {
    let site = Site::start();
    let ([ana, _], at) = share(&site);
    ana.put("/Projects/plans/a.txt", "a2").status(204);
    ana.put("/Projects/plans/a.txt", "a3").status(204);
    ana.put("/Projects/plans/deep/b.txt", "b2").status(204);
    ana.put("/Projects/other/d.txt", "d2").status(204);
    ana.put("/Projects/plans/new.txt", "new").status(201);
    ana.delete("/Projects/plans/deep/c.txt").status(204);
    let before = (tree(&ana, "/Projects"), used(&site, "Projects"));

    let would = roll_back(&site, &["/Projects/plans", "--to", &at, "--dry-run"]);
    assert_eq!((tree(&ana, "/Projects"), used(&site, "Projects")), before, "a dry run changes nothing");
    let report = roll_back(&site, &["/Projects/plans", "--to", &at]);
    let expected = [2, 0, 0, 0, 1, 1];
    let names = ["rewritten", "restored", "trashed", "locked", "still_deleted", "still_new"];
    assert_eq!(counts(&would, names), expected, "{would}");
    assert_eq!(counts(&report, names), expected, "{report}");
    ana.get("/Projects/plans/a.txt").status(200).body("a1");
    ana.get("/Projects/plans/deep/b.txt").status(200).body("b1");
    ana.get("/Projects/other/d.txt").status(200).body("d2");
    ana.get("/Projects/plans/new.txt").status(200).body("new");
    ana.get("/Projects/plans/deep/c.txt").status(404);
    let listed = site.cli(&["revision", "list", "/Projects/plans/a.txt", "--json"]).ok().json();
    assert_eq!(listed.as_array().unwrap().len(), 4, "{listed}");
    assert_eq!(used(&site, "Projects"), before.1 + 4);
    // Nothing more to do.
    assert_eq!(counts(&roll_back(&site, &["/Projects/plans", "--to", &at]), ["rewritten"]), [0]);

    // One file, and the way back from the roll back.
    roll_back(&site, &["/Projects/other/d.txt", "--to", &at]);
    ana.get("/Projects/other/d.txt").status(200).body("d1");
    site.is_consistent();
}

#[test]
fn a_share_that_was_encrypted_renamed_and_deleted_is_back_as_it_was() {
    let site = Site::start();
    let ([ana, ben], at) = share(&site);
    let before = tree(&ana, "/Projects");
    // Some are rewritten and renamed, some deleted with a new file beside, a folder is renamed and moved.
    ben.put("/Projects/plans/a.txt", "XXXX").status(204);
    ben.rename("/Projects/plans/a.txt", "/Projects/plans/a.txt.locked").status(201);
    ben.put("/Projects/plans/deep/b.txt.locked", "XXXX").status(201);
    ben.delete("/Projects/plans/deep/b.txt").status(204);
    ben.rename("/Projects/plans/deep", "/Projects/other/hidden").status(201);
    ben.rename("/Projects/e.txt", "/Projects/other/hidden/E.TXT").status(201);
    // What was made in a folder before it was deleted must not come back with it.
    ben.put("/Projects/plans/read me.txt", "pay!").status(201);
    ben.mkcol("/Projects/plans/more").status(201);
    ben.put("/Projects/plans/more/read me.txt", "pay!").status(201);
    ben.delete("/Projects/plans").status(204);
    ben.mkcol("/Projects/plans").status(201);
    ben.put("/Projects/plans/a.txt", "pay!").status(201);
    ben.put("/Projects/e.txt", "pay!").status(201);
    let encrypted = tree(&ana, "/Projects");
    let wrecked = between();

    let report = roll_back(&site, &["/Projects", "--to", &at, "--whole"]);
    assert_eq!(tree(&ana, "/Projects"), before, "{report}");
    assert_eq!(counts(&report, ["still_deleted", "still_new", "locked", "unknown"]), [0; 4], "{report}");
    site.is_consistent();

    // And forth again: nothing was lost on the way.
    roll_back(&site, &["/Projects", "--to", &wrecked, "--whole"]);
    assert_eq!(tree(&ana, "/Projects"), encrypted);
    site.is_consistent();
}

#[test]
fn a_file_that_another_was_moved_onto_goes_back_to_its_own_state() {
    let site = Site::start();
    let ([ana, _], _) = share(&site);
    ana.put("/Projects/file.txt", "its own").status(201);
    ana.put("/Projects/other.txt", "another's").status(201);
    let at = between();
    ana.put("/Projects/other.txt", "another's later").status(204);
    ana.rename("/Projects/other.txt", "/Projects/file.txt").status(204);
    let moved = between();
    ana.put("/Projects/file.txt", "later still").status(204);
    roll_back(&site, &["/Projects/file.txt", "--to", &moved]);
    ana.get("/Projects/file.txt").status(200).body("another's later");
    roll_back(&site, &["/Projects/file.txt", "--to", &at]);
    ana.get("/Projects/file.txt").status(200).body("its own");
    site.is_consistent();
}

#[test]
fn what_a_roll_back_has_put_into_the_trash_keeps_the_path_it_had() {
    let site = Site::start();
    let ([ana, _], at) = share(&site);
    ana.mkcol("/Projects/plans/deep/new").status(201);
    ana.put("/Projects/plans/deep/new/n.txt", "new").status(201);
    ana.put("/Projects/n.txt", "new").status(201);
    roll_back(&site, &["/Projects", "--to", &at, "--new"]);
    let listed = site.cli(&["trash", "list", "/Projects", "--json"]).ok().json();
    let mut paths: Vec<_> =
        listed.as_array().unwrap().iter().map(|row| row["path"].as_str().unwrap().to_owned()).collect();
    paths.sort();
    assert_eq!(paths, ["/Projects/n.txt", "/Projects/plans/deep/new"]);
    // Also when the folders above have gone.
    ana.delete("/Projects/plans").status(204);
    site.cli(&["trash", "purge", "/Projects/plans"]).ok();
    let listed = site.cli(&["trash", "list", "/Projects", "--json"]).ok().json();
    let paths: Vec<_> = listed.as_array().unwrap().iter().map(|row| row["path"].as_str().unwrap().to_owned()).collect();
    assert!(paths.contains(&"/Projects/plans/deep/new".to_owned()), "{paths:?}");
    site.is_consistent();
}

#[test]
fn what_was_deleted_or_made_since_can_be_asked_for_alone() {
    let site = Site::start();
    let ([ana, _], at) = share(&site);
    ana.put("/Projects/plans/new.txt", "new").status(201);
    ana.delete("/Projects/plans/deep").status(204);
    ana.rename("/Projects/e.txt", "/Projects/plans/deep").status(201);
    let report = roll_back(&site, &["/Projects", "--to", &at, "--deleted"]);
    assert_eq!(counts(&report, ["restored", "trashed", "moved", "still_new"]), [1, 0, 0, 1], "{report}");
    ana.get("/Projects/plans/deep (restored)/b.txt").status(200).body("b1");
    ana.get("/Projects/plans/deep").status(200).body("e1");
    let report = roll_back(&site, &["/Projects/plans", "--to", &at, "--new"]);
    assert_eq!(counts(&report, ["restored", "trashed", "moved"]), [0, 1, 0], "{report}");
    ana.get("/Projects/plans/new.txt").status(404);
    site.cli(&["trash", "restore", "/Projects/plans/new.txt"]).ok();
    ana.get("/Projects/plans/new.txt").status(200).body("new");
    site.is_consistent();
}

#[test]
fn what_others_have_locked_stays_and_is_named() {
    let site = Site::start();
    let ([ana, ben], at) = share(&site);
    ana.put("/Projects/plans/a.txt", "a2").status(204);
    ana.put("/Projects/plans/deep/b.txt", "b2").status(204);
    ana.put("/Projects/other/d.txt", "d2").status(204);
    ana.rename("/Projects/plans", "/Projects/renamed").status(201);
    site.cli(&["lock", "add", "/Projects/renamed/deep", "--user", "ben"]).ok();
    site.cli(&["lock", "add", "/Projects/other/d.txt", "--user", "ana"]).ok();
    let report = roll_back(&site, &["/Projects", "--to", &at, "--whole", "--as", "ana"]);
    assert_eq!(counts(&report, ["rewritten", "locked", "moved"]), [2, 1, 0], "{report}");
    let locked = report["items"].as_array().unwrap().iter().find(|item| item["what"] == "locked").unwrap();
    assert_eq!(locked["path"], "/Projects/renamed/deep/b.txt");
    ben.get("/Projects/renamed/a.txt").status(200).body("a1");
    ben.get("/Projects/renamed/deep/b.txt").status(200).body("b2");
    ben.get("/Projects/other/d.txt").status(200).body("d1");
    site.is_consistent();
}

#[test]
fn rolling_back_in_somebodys_name_wants_write_on_all_of_it() {
    let site = Site::start();
    let ([ana, ben], at) = share(&site);
    ana.put("/Projects/plans/deep/b.txt", "b2").status(204);
    site.cli(&["share", "subscribe", "Projects", "--user", "ben", "--role", "viewer"]).ok();
    let back = |who: &str, path: &str| site.cli(&["--as", who, "rollback", path, "--to", &at]);
    assert!(back("ben", "/Projects/plans").says_why_not().contains("write"));
    site.cli(&["share", "subscribe", "Projects", "--user", "ben", "--role", "editor"]).ok();
    site.cli(&["grant", "add", "/Projects/plans/deep", "--user", "ben", "--deny", "write"]).ok();
    assert!(back("ben", "/Projects/plans").says_why_not().contains("/Projects/plans/deep"));
    site.cli(&["grant", "add", "/Projects/plans/deep", "--user", "ana", "--role", "co-owner"]).ok();
    site.cli(&["grant", "inherit", "/Projects/plans/deep", "off"]).ok();
    let hidden = back("ben", "/Projects/plans").says_why_not();
    assert!(!hidden.contains("deep"), "{hidden}");
    ana.get("/Projects/plans/deep/b.txt").status(200).body("b2");
    back("ana", "/Projects/plans").ok();
    ana.get("/Projects/plans/deep/b.txt").status(200).body("b1");
    site.user("sam");
    let told =
        [("sam", "/Projects/plans"), ("sam", "/Projects/absent")].map(|(who, path)| back(who, path).says_why_not());
    assert_eq!(told[0].replace("plans", "absent"), told[1]);
    // A time that has not come, and one before there was anything.
    site.cli(&["rollback", "/Projects", "--to", "2999-01-01"]).says_why_not();
    site.cli(&["rollback", "/Projects/plans", "--to", "2001-01-01"]).says_why_not();
    assert_eq!(ben.list("/Projects", Depth::One).paths().len(), 4);
    site.is_consistent();
}

#[test]
fn the_further_options_want_more_and_the_policy_stops_all_of_it() {
    let site = Site::start();
    let ([ana, ben], at) = share(&site);
    let back = |words: &[&str]| site.cli(&[&["--as", "ben", "rollback"], words, &["--to", &at]].concat());
    // What he may not restore stays deleted, whatever else comes back.
    site.cli(&["grant", "add", "/Projects/plans/a.txt", "--user", "ben", "--deny", "delete"]).ok();
    ana.delete("/Projects/plans/a.txt").status(204);
    ana.delete("/Projects/e.txt").status(204);
    back(&["/Projects", "--deleted"]).ok();
    ben.get("/Projects/e.txt").status(200).body("e1");
    ben.get("/Projects/plans/a.txt").status(404);

    site.cli(&["grant", "add", "/Projects/other", "--user", "ben", "--deny", "create"]).ok();
    for option in ["--deleted", "--new", "--whole"] {
        let why = back(&["/Projects/other", option]).says_why_not();
        assert!(why.contains("create"), "{option}: {why}");
    }
    back(&["/Projects/other"]).ok();

    site.cli(&["org", "set", "Acme", "--policy", "user_rollback=off"]).ok();
    let why = back(&["/Projects/other"]).says_why_not();
    assert!(why.contains("user_rollback"), "{why}");
    roll_back(&site, &["/Projects", "--to", &at, "--deleted"]);
    ana.get("/Projects/plans/a.txt").status(200).body("a1");
    site.is_consistent();
}
