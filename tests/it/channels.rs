//! Through which doors a share is open: WebDAV, each registered device, devices of the future. Row T5.

use serde_json::json;

use crate::directory::shares;
use crate::locks::lock;
use crate::site::{Client, Depth, Site};

/// A share with a co-owner, and ben in two groups that have it.
fn projects() -> (Site, Client, Client) {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.put("/Projects/plan.txt", "the plan").status(201);
    let ben = site.user("ben");
    for group in ["North", "South"] {
        site.cli(&["group", "add", group]).ok();
        site.cli(&["group", "member", "add", group, "--user", "ben"]).ok();
        site.cli(&["share", "subscribe", "Projects", "--group", group, "--role", "editor"]).ok();
    }
    (site, ana, ben)
}

#[track_caller]
fn channel(site: &Site, words: &[&str]) {
    site.cli(&[&["share", "channel", "Projects"], words].concat()).ok();
}

/// A client of a newly registered device.
#[track_caller]
fn device(site: &Site, user: &str, name: &str) -> Client {
    let ran = site.cli(&["device", "add", user, name]).ok();
    let longest = ran.stdout.split_whitespace().max_by_key(|word| word.len()).expect("an app password").to_owned();
    site.client(user, &longest)
}

#[track_caller]
fn open(client: &Client) {
    client.get("/Projects/plan.txt").status(200);
}

#[track_caller]
fn closed(client: &Client) {
    client.get("/Projects/plan.txt").status(404);
}

#[test]
fn a_closed_channel_makes_the_share_vanish_for_the_next_request() {
    let (site, ana, ben) = projects();
    open(&ben);
    channel(&site, &["--user", "ben", "--webdav", "off"]);
    closed(&ben);
    open(&ana);
    assert_eq!(shares(&ben), Vec::<String>::new());
    // No verb tells a closed share from none.
    for (method, there, nowhere) in [
        ("PROPFIND", "/Projects", "/Nothing"),
        ("PUT", "/Projects/new.txt", "/Nothing/new.txt"),
        ("DELETE", "/Projects/plan.txt", "/Nothing/plan.txt"),
        ("MKCOL", "/Projects/new", "/Nothing/new"),
        ("PROPPATCH", "/Projects/plan.txt", "/Nothing/plan.txt"),
        ("OPTIONS", "/Projects/plan.txt", "/Nothing/plan.txt"),
    ] {
        let [there, nowhere] = [there, nowhere].map(|path| ben.ask(method, path).send());
        assert_eq!(there.answer.status, nowhere.answer.status, "{method}: {} {}", there.told(), nowhere.told());
    }
    lock(&ben, "/Projects/plan.txt").send().status(404);
    ben.copy("/Projects/plan.txt", "/Home/plan.txt").status(404);
    // And the reason can be asked for.
    let told = site.cli(&["explain", "ben", "/Projects/plan.txt", "read"]).exits(3).stdout;
    assert!(told.contains("channel") || told.contains("WebDAV"), "{told}");
    site.cli(&["explain", "ben", "/Projects/plan.txt", "read", "--channel", "web"]).exits(0);
    channel(&site, &["--user", "ben", "--webdav", "unset"]);
    open(&ben);
}

#[test]
fn a_users_own_rule_goes_before_his_groups_and_one_group_that_says_on_is_enough() {
    let (site, _ana, ben) = projects();
    channel(&site, &["--group", "North", "--webdav", "off"]);
    closed(&ben);
    channel(&site, &["--group", "South", "--webdav", "on"]);
    open(&ben);
    channel(&site, &["--group", "South", "--webdav", "off"]);
    closed(&ben);
    channel(&site, &["--user", "ben", "--webdav", "on"]);
    open(&ben);
    channel(&site, &["--user", "ben", "--webdav", "off"]);
    channel(&site, &["--group", "South", "--webdav", "on"]);
    closed(&ben);
    // Everybody at once: the computed group is a group like others.
    channel(&site, &["--user", "ben", "--webdav", "unset"]);
    channel(&site, &["--group", "South", "--webdav", "unset"]);
    channel(&site, &["--group", "North", "--webdav", "unset"]);
    channel(&site, &["--group", "All Users", "--webdav", "off"]);
    closed(&ben);
}

#[test]
fn a_device_is_a_door_of_its_own_with_a_credential_of_its_own() {
    let (site, _ana, ben) = projects();
    let notebook = device(&site, "ben", "Notebook");
    open(&notebook);
    // Off as a drive says nothing of a device, and the other way round.
    channel(&site, &["--user", "ben", "--webdav", "off"]);
    closed(&ben);
    open(&notebook);
    channel(&site, &["--user", "ben", "--webdav", "on", "--device", "notebook", "off"]);
    open(&ben);
    closed(&notebook);
    let desk = device(&site, "ben", "desk");
    open(&desk);
    // By the group's rule for devices of that name, which the user's own goes before.
    channel(&site, &["--user", "ben", "--device", "notebook", "unset"]);
    channel(&site, &["--group", "North", "--device", "NOTEBOOK", "off", "--device", "desk", "off"]);
    closed(&notebook);
    channel(&site, &["--user", "ben", "--device", "notebook", "on"]);
    open(&notebook);
    closed(&desk);
    let listed = site.cli(&["device", "list", "ben", "--json"]).ok().json();
    let names: Vec<_> = listed.as_array().unwrap().iter().map(|row| row["name"].clone()).collect();
    assert_eq!(names, ["desk", "Notebook"]);
    assert!(site.cli(&["device", "add", "ben", "NOTEBOOK"]).says_why_not().contains("has a device"));
    // Removed, it is out at the next request, and so is its app password.
    site.cli(&["device", "remove", "ben", "notebook"]).ok();
    notebook.get("/Projects/plan.txt").status(401);
    site.cli(&["device", "remove", "ben", "notebook"]).says_why_not();
    open(&ben);
}

#[test]
fn devices_registered_later_obey_the_rule_for_the_future() {
    let (site, _ana, ben) = projects();
    let before = device(&site, "ben", "before");
    channel(&site, &["--group", "North", "--future-devices", "off"]);
    let after = device(&site, "ben", "after");
    open(&before);
    closed(&after);
    open(&ben);
    // Another group's "on" is enough, but only for devices that came after it was said.
    channel(&site, &["--group", "South", "--future-devices", "on"]);
    closed(&after);
    let later = device(&site, "ben", "later");
    open(&later);
    // The user's own word goes before; the device's name before the future.
    channel(&site, &["--user", "ben", "--future-devices", "off"]);
    let last = device(&site, "ben", "last");
    open(&later);
    closed(&last);
    channel(&site, &["--user", "ben", "--device", "last", "on"]);
    open(&last);
    channel(&site, &["--user", "ben", "--device", "last", "unset", "--future-devices", "on"]);
    open(&last);
}

#[test]
fn an_organization_without_drives_has_devices_only() {
    let (site, ana, ben) = projects();
    let notebook = device(&site, "ben", "notebook");
    site.cli(&["org", "set", "Acme", "--policy", "webdav_enabled=off"]).ok();
    closed(&ben);
    closed(&ana);
    open(&notebook);
    assert_eq!(ben.list("/", Depth::One).status(207).paths(), ["/"], "nor a home");
    site.cli(&["org", "set", "Acme", "--policy", "webdav_enabled=on"]).ok();
    open(&ben);
}

#[test]
fn rules_are_shown_beside_the_subscribers_and_end_with_the_subscription() {
    let (site, _ana, ben) = projects();
    channel(&site, &["--group", "North", "--web", "off", "--future-devices", "on"]);
    channel(&site, &["--user", "ben", "--webdav", "off", "--device", "Notebook", "on"]);
    let rows = site.cli(&["share", "subscribers", "Projects", "--json"]).ok().json();
    let row = |who: &str, name: &str| {
        let rows = rows.as_array().expect("a list");
        rows.iter().find(|row| row[who] == name).unwrap_or_else(|| panic!("{name}: {rows:#?}")).clone()
    };
    let of_north = json!({"web": false, "webdav": null, "future_devices": true, "devices": {}});
    assert_eq!((&row("group", "North")["role"], &row("group", "North")["channels"]), (&json!("editor"), &of_north));
    let of_ben = json!({"web": null, "webdav": false, "future_devices": null, "devices": {"Notebook": true}});
    assert_eq!((&row("user", "ben")["role"], &row("user", "ben")["channels"]), (&json!(null), &of_ben));
    let told = site.cli(&["share", "show", "Projects"]).ok().stdout;
    assert!(told.contains("webdav off, device Notebook on"), "{told}");
    // A rule without anything to say is none.
    channel(&site, &["--user", "ben", "--webdav", "unset", "--device", "notebook", "unset"]);
    assert!(!site.cli(&["share", "show", "Projects"]).ok().stdout.contains("webdav off"));
    open(&ben);
    site.cli(&["share", "unsubscribe", "Projects", "--group", "North"]).ok();
    site.cli(&["share", "subscribe", "Projects", "--group", "North"]).ok();
    assert!(!site.cli(&["share", "show", "Projects"]).ok().stdout.contains("web off"));
    for wrong in [
        &["share", "channel", "Projects", "--user", "ben"][..],
        &["share", "channel", "Projects", "--webdav", "off"],
        &["share", "channel", "Projects", "--user", "ben", "--webdav", "maybe"],
    ] {
        site.cli(wrong).exits(2);
    }
    site.cli(&["share", "channel", "Projects", "--user", "ben", "--device", "notebook", "maybe"]).says_why_not();
    site.cli(&["share", "channel", "Projects", "--user", "nobody", "--webdav", "off"]).says_why_not();
}
