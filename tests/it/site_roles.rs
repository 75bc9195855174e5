//! Roles of the site's own: added, given, changed and removed beside a running server.

use crate::site::{Client, Site};

/// A site with the share `Projects`, a co-owner of it, and somebody without anything.
fn share() -> (Site, Client, Client) {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    let ben = site.user("ben");
    (site, ana, ben)
}

#[test]
fn an_added_role_is_given_and_its_change_holds_from_the_next_request_on() {
    let (site, ana, ben) = share();
    ana.put("/Projects/plan.txt", "plan").status(201);
    site.cli(&["role", "add", "reader", "--allow", "list,read,view", "--description", "Reads here"]).ok();
    ben.get("/Projects/plan.txt").status(404);
    site.cli(&["share", "subscribe", "Projects", "--user", "ben", "--role", "reader"]).ok();
    ben.get("/Projects/plan.txt").status(200);
    ben.put("/Projects/new.txt", "new").status(403);
    let why = site.cli(&["explain", "ben", "/Projects/plan.txt", "read"]).exits(0).stdout;
    assert!(why.contains("the role `reader` on `Projects`"), "{why}");

    site.cli(&["role", "set", "reader", "--allow", "list,create"]).ok();
    ben.get("/Projects/plan.txt").status(403);
    ben.put("/Projects/new.txt", "new").status(201);

    site.cli(&["role", "remove", "reader"]).says_why_not();
    site.cli(&["share", "subscribe", "Projects", "--user", "ben", "--role", "viewer"]).ok();
    site.cli(&["role", "remove", "reader"]).ok();
    site.cli(&["share", "subscribe", "Projects", "--user", "ben", "--role", "reader"]).says_why_not();
    site.is_consistent();
}

#[test]
fn roles_are_listed_and_shown_in_words_and_as_json() {
    let (site, _ana, _ben) = share();
    site.cli(&["role", "add", "keeper", "--like", "viewer", "--allow", "trim", "--description", "Keeps it small"]).ok();
    site.cli(&["share", "subscribe", "Projects", "--user", "ben", "--role", "keeper"]).ok();

    let listed = site.cli(&["role", "list", "--json"]).ok().json();
    let names: Vec<_> = listed.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    let built_in = ["co-owner", "collaborator", "editor", "web-editor", "viewer", "previewer", "uploader"];
    assert_eq!(names[..7], built_in);
    assert_eq!(names[7..], ["keeper"]);
    let keeper = site.cli(&["role", "show", "keeper", "--json"]).ok().json();
    assert_eq!(keeper, listed[7]);
    assert_eq!(keeper["built_in"], false);
    assert_eq!(keeper["subscriptions"], 1);
    assert_eq!(keeper["description"], "Keeps it small");
    let permissions = ["trim", "sync", "view", "print", "read", "list", "list-folders"];
    assert_eq!(keeper["permissions"], serde_json::json!(permissions));
    assert_eq!(listed[0]["built_in"], true);

    let told = site.cli(&["role", "show", "keeper"]).ok().stdout;
    assert!(told.contains("erase previous revisions of a file") && told.contains("Keeps it small"), "{told}");
    assert!(site.cli(&["role", "list"]).ok().stdout.contains("keeper"));
}

#[test]
fn built_in_roles_and_impossible_ones_are_refused() {
    let (site, _ana, _ben) = share();
    let cannot: &[&[&str]] = &[
        &["role", "add", "editor", "--allow", "list"],
        &["role", "set", "editor", "--allow", "list"],
        &["role", "remove", "editor"],
        &["role", "add", "Mine", "--allow", "list"],
        &["role", "add", "mine"],
        &["role", "add", "mine", "--like", "emperor"],
        &["role", "set", "mine", "--allow", "list"],
        &["role", "show", "mine"],
        &["role", "remove", "mine"],
    ];
    for args in cannot {
        site.cli(args).says_why_not();
    }
    site.cli(&["role", "add", "mine", "--allow", "list,reed"]).exits(2);
}

#[test]
fn roles_are_the_whole_sites_and_so_its_administrators_to_change() {
    let (site, _ana, _ben) = share();
    site.cli(&["group", "member", "add", "Administrators", "--user", "ben"]).ok();
    for who in ["ana", "ben"] {
        site.cli(&["role", "add", "mine", "--allow", "list", "--as", who]).says_why_not();
    }
    site.cli(&["role", "add", "mine", "--allow", "list", "--as", "root"]).ok();
    site.cli(&["role", "set", "mine", "--allow", "view", "--as", "ben"]).says_why_not();
    site.cli(&["role", "remove", "mine", "--as", "ben"]).says_why_not();
    site.cli(&["role", "remove", "mine", "--as", "root"]).ok();
}

#[test]
fn a_grant_by_an_added_role_follows_it_and_keeps_it_in_use() {
    let (site, ana, ben) = share();
    ana.mkcol("/Projects/Plans").status(201);
    ana.put("/Projects/Plans/plan.txt", "plan").status(201);
    site.cli(&["role", "add", "reader", "--allow", "list,read"]).ok();
    site.cli(&["grant", "add", "/Projects/Plans", "--user", "ben", "--role", "reader"]).ok();
    ben.get("/Projects/Plans/plan.txt").status(200);
    site.cli(&["role", "remove", "reader"]).says_why_not();
    site.cli(&["role", "set", "reader", "--allow", "list"]).ok();
    ben.get("/Projects/Plans/plan.txt").status(403);
    assert_eq!(site.cli(&["role", "show", "reader", "--json"]).ok().json()["grants"], 1);
    site.cli(&["grant", "remove", "/Projects/Plans", "--user", "ben"]).ok();
    site.cli(&["role", "remove", "reader"]).ok();
}

#[test]
fn the_last_co_owner_of_a_share_keeps_the_right_by_an_added_role_too() {
    let (site, _ana, _ben) = share();
    site.cli(&["role", "add", "owner-like", "--allow", "owner,list"]).ok();
    site.cli(&["share", "subscribe", "Projects", "--user", "ben", "--role", "owner-like"]).ok();
    site.cli(&["share", "unsubscribe", "Projects", "--user", "ana"]).ok();
    site.cli(&["role", "set", "owner-like", "--allow", "list"]).says_why_not();
    site.cli(&["share", "unsubscribe", "Projects", "--user", "ben"]).says_why_not();
    site.cli(&["explain", "ben", "/Projects", "owner"]).exits(0);
}
