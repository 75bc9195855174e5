//! The trash: what was deleted, by whom and when; with the rights of the place it came from; back or gone for good.

use serde_json::Value;

use super::{between, column, trash, tree, used};
use crate::site::{Depth, Site};

#[test]
fn what_is_deleted_is_listed_and_comes_back_whole() {
    let site = Site::start();
    let [ana, ben] = site.team("Projects", [("ana", "co-owner"), ("ben", "editor")]);
    ana.mkcol("/Projects/plans").status(201);
    ana.put("/Projects/plans/a.txt", "a1").status(201);
    ana.put("/Projects/plans/a.txt", "a2").status(204);
    ana.put("/Projects/plans/b.txt", "b").status(201);
    let before = tree(&ana, "/Projects");
    ben.delete("/Projects/plans/b.txt").status(204);
    ana.delete("/Projects/plans").status(204);
    let rows = trash(&site, &["/Projects"]);
    assert_eq!(column(&rows, "path"), ["/Projects/plans", "/Projects/plans/b.txt"]);
    assert_eq!(column(&rows, "deleted_by"), ["ana", "ben"]);
    assert_eq!(column(&rows, "bytes"), ["4", "1"]);
    assert_eq!(column(&rows, "items"), ["2", "1"]);
    assert_eq!(column(&rows, "place"), ["there", "deleted"]);
    assert_eq!(used(&site, "Projects"), 5);

    site.cli(&["--as", "ben", "trash", "restore", "/Projects/plans"]).ok();
    site.cli(&["--as", "ben", "trash", "restore", "/Projects/plans/b.txt"]).ok();
    assert_eq!(tree(&ana, "/Projects"), before);
    assert_eq!(trash(&site, &[]), [Value::Null; 0]);
    assert_eq!(site.cli(&["revision", "get", "/Projects/plans/a.txt", "1"]).ok().stdout, "a1");
    site.is_consistent();
}

#[test]
fn a_taken_name_comes_back_as_a_variant_of_it() {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    for round in 1..=3 {
        ana.put("/Projects/plan.txt", format!("v{round}")).status(201);
        ana.delete("/Projects/plan.txt").status(204);
    }
    ana.put("/Projects/plan.txt", "v4").status(201);
    let rows = trash(&site, &["/Projects"]);
    assert_eq!(rows.len(), 3, "deleted and made again, they lie side by side: {rows:?}");
    // Three of one name: which?
    let which = site.cli(&["trash", "restore", "/Projects/plan.txt"]).says_why_not();
    let numbers = column(&rows, "number");
    assert!(numbers.iter().all(|number| which.contains(number)), "{which}");
    site.cli(&["trash", "restore", &numbers[2]]).ok();
    ana.get("/Projects/plan (restored).txt").status(200).body("v1");
    site.cli(&["trash", "restore", &numbers[0]]).ok();
    ana.get("/Projects/plan (restored 2).txt").status(200).body("v3");
    ana.mkcol("/Projects/safe").status(201);
    site.cli(&["trash", "restore", &numbers[1], "--to", "/Projects/safe"]).ok();
    ana.get("/Projects/safe/plan.txt").status(200).body("v2");
    ana.get("/Projects/plan.txt").status(200).body("v4");
    site.cli(&["trash", "restore", &numbers[0]]).says_why_not();

    ana.delete("/Projects/safe/plan.txt").status(204);
    site.cli(&["trash", "restore", "/Projects/safe/plan.txt", "--to", "/Projects/renamed.txt"]).ok();
    ana.get("/Projects/renamed.txt").status(200).body("v2");
    site.is_consistent();
}

#[test]
fn everything_below_a_folder_comes_back_that_was_deleted_in_a_time() {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    for folder in ["/Projects/in", "/Projects/in/deep", "/Projects/out"] {
        ana.mkcol(folder).status(201);
    }
    for file in
        ["/Projects/in/a", "/Projects/in/deep/b", "/Projects/in/deep/c", "/Projects/in/early", "/Projects/out/d"]
    {
        ana.put(file, "x").status(201);
    }
    ana.delete("/Projects/in/early").status(204);
    let since = between();
    ana.delete("/Projects/in/deep/b").status(204);
    ana.delete("/Projects/in/deep").status(204);
    ana.delete("/Projects/in/a").status(204);
    ana.delete("/Projects/out/d").status(204);
    let until = between();
    ana.mkcol("/Projects/in/deep").status(201);
    ana.delete("/Projects/in/deep").status(204);
    let rows = trash(&site, &["/Projects/in", "--since", &since, "--until", &until]);
    assert_eq!(column(&rows, "path"), ["/Projects/in/a", "/Projects/in/deep", "/Projects/in/deep/b"]);
    let told = site.cli(&["trash", "restore", "/Projects/in", "--all", "--since", &since, "--until", &until]).ok();
    assert_eq!(told.stdout.lines().count(), 3, "{told:?}");
    let paths: Vec<String> = tree(&ana, "/Projects").into_iter().map(|(path, _)| path).collect();
    let expected =
        ["in/", "in/a", "in/deep/", "in/deep/b", "in/deep/c", "out/"].map(|path| format!("/Projects/{path}"));
    assert_eq!(paths, expected);
    site.is_consistent();
}

#[test]
fn folders_that_are_gone_are_made_again_with_the_grants_that_they_had() {
    let site = Site::start();
    let [ana, ben, eve] = site.team("Projects", [("ana", "co-owner"), ("ben", "editor"), ("eve", "editor")]);
    ana.mkcol("/Projects/private").status(201);
    ana.put("/Projects/private/a.txt", "for two").status(201);
    ana.put("/Projects/private/b.txt", "b").status(201);
    site.cli(&["grant", "add", "/Projects/private", "--user", "ana", "--role", "co-owner"]).ok();
    site.cli(&["grant", "add", "/Projects/private", "--user", "ben", "--role", "editor"]).ok();
    site.cli(&["grant", "inherit", "/Projects/private", "off"]).ok();
    eve.get("/Projects/private/a.txt").status(404);
    ben.delete("/Projects/private/a.txt").status(204);
    ana.delete("/Projects/private").status(204);

    // Where it came from decides: eve never saw it, and doesn't now.
    assert_eq!(column(&trash(&site, &["--as", "eve"]), "path"), [""; 0]);
    let seen = trash(&site, &["--as", "ben"]);
    assert_eq!(column(&seen, "path"), ["/Projects/private", "/Projects/private/a.txt"]);
    let number = &column(&seen, "number")[1];
    let refused = site.cli(&["--as", "eve", "trash", "restore", number]).says_why_not();
    let unknown = site.cli(&["--as", "eve", "trash", "restore", "999999"]).says_why_not();
    assert_eq!(refused.replace(number, "N"), unknown.replace("999999", "N"));

    site.cli(&["--as", "ben", "trash", "restore", number]).ok();
    ben.get("/Projects/private/a.txt").status(200).body("for two");
    eve.get("/Projects/private/a.txt").status(404);
    assert_eq!(eve.list("/Projects", Depth::One).paths(), ["/Projects/"]);
    site.is_consistent();
}

/// A folder is made again with its grants, and they count from the moment on at which it is there.
#[test]
fn nothing_comes_back_where_the_folder_that_is_made_again_takes_nothing_new() {
    let site = Site::start();
    let [ana, ben] = site.team("Projects", [("ana", "co-owner"), ("ben", "editor")]);
    for folder in ["/Projects/closed", "/Projects/closed/deep", "/Projects/open"] {
        ana.mkcol(folder).status(201);
    }
    for file in ["/Projects/closed/a.txt", "/Projects/closed/deep/b.txt", "/Projects/open/c.txt"] {
        ana.put(file, "x").status(201);
    }
    site.cli(&["grant", "add", "/Projects/closed", "--user", "ben", "--deny", "create"]).ok();
    for path in ["closed/a.txt", "closed/deep/b.txt", "closed", "open/c.txt", "open"] {
        ana.delete(&format!("/Projects/{path}")).status(204);
    }
    let numbers = |rows: &[Value]| -> Vec<(String, String)> {
        rows.iter().map(|row| (row["path"].as_str().unwrap().to_owned(), row["number"].to_string())).collect()
    };
    let rows = numbers(&trash(&site, &["--as", "ben"]));
    let number = |path: &str| &rows.iter().find(|(at, _)| at == path).unwrap().1;
    for path in ["/Projects/closed/a.txt", "/Projects/closed/deep/b.txt"] {
        let why = site.cli(&["--as", "ben", "trash", "restore", number(path)]).says_why_not();
        assert!(why.contains("create"), "{why}");
        let thing = format!("/remote.php/dav/trashbin/ben/trash/{}", number(path));
        let to = format!("http://{}/remote.php/dav/trashbin/ben/restore/x", ben.host());
        ben.raw("MOVE", &thing).with("Destination", to).send().status(403).condition("need-privileges");
    }
    assert_eq!(ana.list("/Projects", Depth::One).paths(), ["/Projects/"], "nothing was made again for them");
    // Of many, what can't come back leaves nothing behind.
    let told = site.cli(&["--as", "ben", "trash", "restore", "/Projects", "--all", "--since", "1h"]).ok().stdout;
    assert_eq!(told.lines().filter(|line| line.starts_with("left ")).count(), 2, "{told}");
    ana.get("/Projects/open/c.txt").status(200);
    ana.get("/Projects/closed/a.txt").status(404);
    site.is_consistent();
}

#[test]
fn nothing_comes_back_into_a_folder_that_somebody_else_has_locked() {
    let site = Site::start();
    let [ana, ben] = site.team("Projects", [("ana", "co-owner"), ("ben", "editor")]);
    ana.mkcol("/Projects/plans").status(201);
    ana.put("/Projects/plans/a.txt", "a").status(201);
    ben.delete("/Projects/plans/a.txt").status(204);
    site.cli(&["lock", "add", "/Projects/plans", "--user", "ana"]).ok();
    site.cli(&["--as", "ben", "trash", "restore", "/Projects/plans/a.txt"]).says_why_not();
    site.cli(&["--as", "ana", "trash", "restore", "/Projects/plans/a.txt"]).ok();
    ben.get("/Projects/plans/a.txt").status(200).body("a");
}

#[test]
fn what_comes_from_a_purged_place_is_for_those_who_own_the_share() {
    let site = Site::start();
    let [ana, ben] = site.team("Projects", [("ana", "co-owner"), ("ben", "editor")]);
    ana.mkcol("/Projects/plans").status(201);
    ana.put("/Projects/plans/a.txt", "a").status(201);
    ben.delete("/Projects/plans/a.txt").status(204);
    ben.delete("/Projects/plans").status(204);
    assert_eq!(trash(&site, &["--as", "ben"]).len(), 2);
    site.cli(&["trash", "purge", "/Projects/plans"]).ok();
    assert_eq!(trash(&site, &["--as", "ben"]), [Value::Null; 0]);
    let rows = trash(&site, &["--as", "ana"]);
    assert_eq!(
        (column(&rows, "path"), column(&rows, "place")),
        (vec!["/Projects/plans/a.txt".to_owned()], vec!["gone".to_owned()])
    );
    site.cli(&["--as", "ben", "trash", "restore", &column(&rows, "number")[0]]).says_why_not();
    site.cli(&["--as", "ana", "trash", "restore", "/Projects/plans/a.txt"]).ok();
    ben.get("/Projects/plans/a.txt").status(200).body("a");
    site.is_consistent();
}

#[test]
fn purging_frees_the_bytes_at_once_and_leaves_no_row() {
    let site = Site::start();
    let [ana, ben] = site.team("Projects", [("ana", "co-owner"), ("ben", "editor")]);
    ana.mkcol("/Projects/plans").status(201);
    ana.mkcol("/Projects/plans/deep").status(201);
    ana.put("/Projects/plans/deep/a.txt", "12345").status(201);
    ana.put("/Projects/plans/deep/a.txt", "123").status(204);
    ana.put("/Projects/keep.txt", "k").status(201);
    ana.delete("/Projects/plans").status(204);
    let refused = site.cli(&["--as", "ben", "trash", "purge", "/Projects/plans"]).says_why_not();
    assert!(refused.contains("purge"), "{refused}");
    site.cli(&["org", "set", "Acme", "--policy", "user_purge_deleted=off"]).ok();
    site.cli(&["--as", "ana", "trash", "purge", "/Projects/plans"]).says_why_not();
    site.cli(&["org", "set", "Acme", "--policy", "user_purge_deleted=on"]).ok();
    // Something in it that is kept from her keeps all of it.
    ben.mkcol("/Projects/plans").status(201);
    ben.mkcol("/Projects/plans/hidden").status(201);
    site.cli(&["grant", "add", "/Projects/plans/hidden", "--user", "ana", "--deny", "purge"]).ok();
    ben.delete("/Projects/plans").status(204);
    let second = &column(&trash(&site, &["/Projects"]), "number")[0];
    site.cli(&["--as", "ana", "trash", "purge", second]).says_why_not();
    site.cli(&["trash", "purge", second]).ok();
    let told = site.cli(&["--as", "ana", "trash", "purge", "/Projects/plans"]).ok().stdout;
    assert!(told.contains("3 items, 8 bytes"), "{told}");
    assert_eq!((used(&site, "Projects"), trash(&site, &[]).len()), (1, 0));
    site.cli(&["trash", "restore", "/Projects/plans"]).says_why_not();
    assert_eq!(ana.list("/Projects", Depth::Infinity).paths(), ["/Projects/", "/Projects/keep.txt"]);
    site.is_consistent();
}

#[test]
fn a_home_has_a_trash_of_its_own() {
    let site = Site::start();
    let ana = site.user("ana");
    site.user("ben");
    ana.put("/Home/diary.txt", "mine").status(201);
    ana.delete("/Home/diary.txt").status(204);
    assert_eq!(column(&trash(&site, &["--as", "ana", "/Home"]), "path"), ["/Home/diary.txt"]);
    assert_eq!(column(&trash(&site, &["~ana"]), "path"), ["~ana/diary.txt"]);
    assert_eq!(trash(&site, &["--as", "ben"]), [Value::Null; 0]);
    site.cli(&["--as", "ben", "trash", "list", "~ana"]).says_why_not();
    site.cli(&["--as", "ana", "trash", "restore", "/Home/diary.txt"]).ok();
    ana.get("/Home/diary.txt").status(200).body("mine");
}

#[test]
fn what_is_restored_is_not_locked_any_more() {
    let site = Site::start();
    let [ana, ben] = site.team("Projects", [("ana", "co-owner"), ("ben", "editor")]);
    ana.put("/Projects/plan.txt", "v1").status(201);
    site.cli(&["lock", "add", "/Projects/plan.txt", "--user", "ana"]).ok();
    ana.delete("/Projects/plan.txt").status(204);
    assert_eq!(site.cli(&["lock", "list", "--json"]).ok().json(), serde_json::json!([]));
    site.cli(&["trash", "restore", "/Projects/plan.txt"]).ok();
    ben.put("/Projects/plan.txt", "v2").status(204);
    site.is_consistent();
}

#[test]
fn a_deleted_file_gets_no_name_by_restoring_that_the_share_does_not_take() {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.put("/Projects/x.txt", "x").status(201);
    ana.delete("/Projects/x.txt").status(204);
    site.cli(&["share", "set", "Projects", "--policy", "excluded_extensions=.exe"]).ok();
    let to = |name: &str| site.cli(&["--as", "ana", "trash", "restore", "/Projects/x.txt", "--to", name]);
    let why = to("/Projects/x.exe").says_why_not();
    assert!(why.contains("excluded_extensions"), "{why}");
    ana.get("/Projects/x.exe").status(404);
    to("/Projects/y.txt").ok();
    ana.get("/Projects/y.txt").status(200).body("x");
}

/// Trap 12.
#[test]
fn a_deleted_folder_gets_no_name_by_restoring_that_the_share_does_not_take() {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    for folder in ["/Projects/plans", "/Projects/v1.exe"] {
        ana.mkcol(folder).status(201);
        ana.delete(folder).status(204);
    }
    let policies = ["--policy", "windows_names=refuse", "--policy", "excluded_extensions=.exe"];
    site.cli(&[["share", "set", "Projects"].as_slice(), &policies].concat()).ok();
    let to = |from: &str, name: &str| site.cli(&["--as", "ana", "trash", "restore", from, "--to", name]);
    let why = to("/Projects/plans", "/Projects/AUX").says_why_not();
    assert!(why.contains("windows_names"), "{why}");
    assert_eq!(ana.list("/Projects", crate::site::Depth::One).paths(), ["/Projects/"]);
    // A folder has no extension.
    to("/Projects/plans", "/Projects/v2.exe").ok();
    to("/Projects/v1.exe", "/Projects/v3").ok();
    assert_eq!(ana.list("/Projects", crate::site::Depth::One).paths().len(), 3);
}
