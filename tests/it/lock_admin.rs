//! Locks as those who administer a site see them: who holds what, taking away, giving, asking for, and the switches of a
//! share, each with what the people with open documents notice of it.

use std::time::{Duration, Instant};

use crate::site::{Client, Depth, Reply, Site, asking_for, dav};

/// What is waited for takes no longer, or the test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// The holder's programs learn of it at their next save, and no byte of theirs is lost.
#[test]
fn a_save_against_a_broken_lock_is_refused_and_kept_beside_the_file() {
    let (site, [ana, ben]) = share();
    ana.put("/Projects/Report.docx", "v1").status(201);
    let token = lock(&ana, "/Projects/Report.docx");
    ben.put("/Projects/Report.docx", "mine").status(423);
    save(&ben, "/Projects/Report.docx", "mine", &token).status(412);
    let told = site.cli(&["lock", "break", "/Projects/Report.docx"]).ok().stdout;
    assert!(told.contains("ana") && !told.contains(&token), "{told}");
    ben.put("/Projects/Report.docx", "v2").status(204);

    save(&ana, "/Projects/Report.docx", "late", &token).status(412);
    let long = "later ".repeat(20_000);
    save(&ana, "/Projects/Report.docx", &long, &token).status(412);
    ben.get("/Projects/Report.docx").status(200).body("v2");
    ben.get("/Projects/Report (collision 1 by ana).docx").status(200).body("late");
    ben.get("/Projects/Report (collision 2 by ana).docx").status(200).body(&long);
    let listed = ben.list("/Projects", Depth::One).paths();
    assert_eq!(listed.len(), 4, "the folder, the file and two copies: {listed:?}");

    // Neither an invented token, nor hers in another hand, nor none at all makes a copy.
    save(&ana, "/Projects/Report.docx", "x", "urn:uuid:00000000-0000-4000-8000-000000000000").status(412);
    save(&ben, "/Projects/Report.docx", "x", &token).status(412);
    assert_eq!(ben.list("/Projects", Depth::One).paths(), listed);
    site.cli(&["lock", "break", "/Projects/Report.docx"]).says_why_not();
    site.is_consistent();
}

#[test]
fn without_collision_copies_a_late_save_is_refused_and_nothing_is_kept() {
    let (site, [ana, ben]) = share();
    site.cli(&["share", "set", "Projects", "--collision-copies", "off"]).ok();
    ana.put("/Projects/plan.txt", "v1").status(201);
    let token = lock(&ana, "/Projects/plan.txt");
    site.cli(&["lock", "break", "/Projects/plan.txt"]).ok();
    save(&ana, "/Projects/plan.txt", "late", &token).status(412);
    ben.get("/Projects/plan.txt").status(200).body("v1");
    assert_eq!(ben.list("/Projects", Depth::One).paths(), ["/Projects/", "/Projects/plan.txt"]);
}

#[test]
fn a_lock_above_or_below_is_not_broken_with_the_one_on_the_path() {
    let (site, [ana, ben]) = share();
    ana.mkcol("/Projects/plans").status(201);
    ana.put("/Projects/plans/a.txt", "a").status(201);
    site.cli(&["lock", "add", "/Projects/plans", "--user", "ana"]).ok();
    let token = lock(&ana, "/Projects/plans/a.txt");
    site.cli(&["lock", "break", "/Projects/plans"]).ok();
    ben.put("/Projects/plans/b.txt", "b").status(201);
    ben.put("/Projects/plans/a.txt", "b").status(423);
    let above = site.cli(&["lock", "break", "/Projects"]).says_why_not();
    assert!(above.contains("/Projects"), "{above}");
    save(&ana, "/Projects/plans/a.txt", "a2", &token).status(204);

    site.cli(&["lock", "break", "/Projects/plans/a.txt"]).ok();
    site.cli(&["lock", "add", "/Projects/plans", "--user", "ana"]).ok();
    let told = site.cli(&["lock", "break", "/Projects/plans/a.txt"]).says_why_not();
    assert!(told.contains("`/Projects/plans`") && told.contains("`ana`"), "it says where the lock is: {told}");
}

/// A lock of a person needs no token: whatever program she opens the file with, at whatever machine, may write.
#[test]
fn a_lock_of_a_person_lets_all_her_clients_write_and_nobody_elses() {
    let (site, [ana, ben]) = share();
    let vic = member(&site, "vic", "viewer");
    ana.put("/Projects/plan.txt", "v1").status(201);
    site.cli(&["lock", "add", "/Projects/plan.txt", "--user", "ana", "--for", "2h"]).ok();
    ana.put("/Projects/plan.txt", "v2").status(204);
    ana.clone().set("/Projects/plan.txt", "<x xmlns='urn:x'>1</x>").status(207);
    ben.put("/Projects/plan.txt", "mine").status(423).condition("lock-token-submitted");
    ben.delete("/Projects/plan.txt").status_in(&[423, 207]);
    ben.rename("/Projects/plan.txt", "/Projects/mine.txt").status_in(&[423, 207]);
    ben.get("/Projects/plan.txt").status(200).body("v2");
    for who in [&ana, &ben, &vic] {
        let shown = discovery(who, "/Projects/plan.txt");
        assert!(shown.contains("<{DAV:}owner>ana</>") && shown.contains("<{DAV:}exclusive>"), "{shown}");
        assert!(!shown.contains("locktoken") && !shown.contains("urn:uuid:"), "{shown}");
        let left = shown.split_once("Second-").and_then(|(_, rest)| rest.split_once('<')?.0.parse::<u64>().ok());
        assert!(left.is_some_and(|seconds| (7_000..=7_200).contains(&seconds)), "{shown}");
    }
    // Her word processor asks for a lock of its own, and gets it; then its token is needed, from her too.
    let token = lock(&ana, "/Projects/plan.txt");
    ana.put("/Projects/plan.txt", "v3").status(423);
    save(&ana, "/Projects/plan.txt", "v3", &token).status(204);
    unlock(&ana, "/Projects/plan.txt", &token).status(204);
    site.cli(&["lock", "release", "/Projects/plan.txt", "--user", "ana"]).ok();
    ben.put("/Projects/plan.txt", "mine").status(204);
    site.cli(&["lock", "release", "/Projects/plan.txt", "--user", "ana"]).says_why_not();
}

#[test]
fn a_locked_share_is_written_by_its_holder_alone() {
    let (site, [ana, ben]) = share();
    ana.put("/Projects/plan.txt", "v1").status(201);
    site.cli(&["lock", "add", "/Projects", "--user", "ana"]).ok();
    ben.put("/Projects/plan.txt", "mine").status(423);
    ben.put("/Projects/new.txt", "mine").status(423);
    ben.mkcol("/Projects/new").status(423);
    ben.get("/Projects/plan.txt").status(200).body("v1");
    ana.put("/Projects/plan.txt", "v2").status(204);
    ana.mkcol("/Projects/new").status(201);
    ana.put("/Projects/new/a.txt", "a").status(201);
    let shown = discovery(&ben, "/Projects/new/a.txt");
    assert!(shown.contains("<{DAV:}lockroot><{DAV:}href>/dav/Projects/</></>"), "{shown}");
    assert!(shown.contains("<{DAV:}depth>infinity</>") && shown.contains("<{DAV:}timeout>Infinite</>"), "{shown}");
    site.cli(&["lock", "release", "/Projects", "--user", "ana"]).ok();
    ben.put("/Projects/plan.txt", "mine").status(204);
}

/// The law decides who can be given a lock, and says why not.
#[test]
fn a_lock_is_given_to_those_who_may_write_there() {
    let (site, [ana, _ben]) = share();
    member(&site, "vic", "viewer");
    site.user("zoe");
    ana.put("/Projects/plan.txt", "v1").status(201);
    for path in ["/Projects", "/Projects/plan.txt"] {
        let viewer = site.cli(&["lock", "add", path, "--user", "vic"]).says_why_not();
        assert!(viewer.contains("`vic`") && viewer.contains("`viewer`") && viewer.contains("`write`"), "{viewer}");
        let stranger = site.cli(&["lock", "add", path, "--user", "zoe"]).says_why_not();
        assert!(stranger.contains("`zoe`"), "{stranger}");
    }
    site.cli(&["lock", "add", "/Projects/plan.txt", "--user", "ana"]).ok();
    let taken = site.cli(&["lock", "add", "/Projects/plan.txt", "--user", "ben"]).says_why_not();
    assert!(taken.contains("`ana`"), "{taken}");
    let below = site.cli(&["lock", "add", "/Projects", "--user", "ben"]).says_why_not();
    assert!(below.contains("`ana`"), "{below}");
    for (path, user) in [("/Projects/none.txt", "ana"), ("/Nothing", "ana"), ("/", "ana"), ("/Projects", "nobody")] {
        site.cli(&["lock", "add", path, "--user", user]).says_why_not();
    }
    for span in ["", "2", "h", "0s", "-1h", "1.5h", "367d"] {
        site.cli(&["lock", "add", "/Projects", "--user", "ana", "--for", span]).exits(2);
    }
    site.cli(&["lock", "add", "/Projects"]).exits(2);
}

#[test]
fn a_lock_that_somebody_wants_ends_in_time_though_its_holder_keeps_it() {
    let (site, [ana, ben]) = share();
    member(&site, "vic", "viewer");
    for file in ["a.txt", "b.txt"] {
        ana.put(&format!("/Projects/{file}"), "v1").status(201);
    }
    let seen = lock(&ana, "/Projects/a.txt");
    let told = site.cli(&["lock", "request", "/Projects/a.txt", "--user", "ben"]).ok().stdout;
    assert!(told.contains("`ana`") && told.contains("`/Projects/a.txt`"), "{told}");
    for who in [&ana, &ben] {
        let shown = discovery(who, "/Projects/a.txt");
        assert!(shown.contains("{urn:commonhold:dav}wanted>") && shown.contains("by>ben<"), "{shown}");
        assert_eq!(shown.contains(&seen), who.name == "ana", "a token is for its holder alone: {shown}");
    }
    let listed = &site.cli(&["lock", "list", "/Projects/a.txt", "--json"]).ok().json()[0];
    let lapses = listed["lapses"].as_str().expect("a time");
    assert!(listed["wanted_by"] == "ben" && told.contains(lapses), "{listed:#} but {told}");
    assert!(!discovery(&ana, "/Projects/b.txt").contains("wanted"));
    ben.put("/Projects/a.txt", "mine").status(423);
    save(&ana, "/Projects/a.txt", "v2", &seen).status(204);

    site.cli(&["share", "set", "Projects", "--handover", "1s"]).ok();
    let token = lock(&ana, "/Projects/b.txt");
    ben.put("/Projects/b.txt", "mine").status(423);
    site.cli(&["lock", "request", "/Projects/b.txt", "--user", "ben"]).ok();
    let deadline = Instant::now() + PATIENCE;
    while ben.put("/Projects/b.txt", "mine").status_in(&[204, 423]).answer.status == 423 {
        // She goes on refreshing, as her editor does by itself.
        let refresh =
            ana.ask("LOCK", "/Projects/b.txt").with("If", format!("(<{token}>)")).with("Timeout", "Second-600");
        refresh.send().status_in(&[200, 412]);
        assert!(Instant::now() < deadline, "the lock outlives the request");
    }
    save(&ana, "/Projects/b.txt", "late", &token).status(412);
    ben.get("/Projects/b.txt").status(200).body("mine");
    ben.get("/Projects/b (collision 1 by ana).txt").status(200).body("late");
    // What was asked before keeps its hour.
    ben.put("/Projects/a.txt", "mine").status(423);

    for (path, user) in [("/Projects/a.txt", "ana"), ("/Projects/b.txt", "ben"), ("/Projects/a.txt", "vic")] {
        site.cli(&["lock", "request", path, "--user", user]).says_why_not();
    }
}

/// Programs on a client that takes no locks lay a small file beside a document that is open: Word and Excel (`~$`, for
/// longer names without the first two characters), LibreOffice (`.~lock.`).
#[test]
fn an_open_document_is_locked_by_its_owner_file_where_the_share_wants_it() {
    let (site, [ana, ben]) = share();
    let documents = [("Book.xlsx", "~$Book.xlsx"), ("Report.docx", "~$port.docx"), ("Plan.odt", ".~lock.Plan.odt#")];
    for (document, owner_file) in documents {
        let [document, owner_file] = [document, owner_file].map(|name| format!("/Projects/{name}"));
        ana.put(&document, "v1").status(201);
        ana.put(&owner_file, "ana").status(201);
        ben.put(&document, "v2").status(204);
        ana.delete(&owner_file).status(204);
    }
    site.cli(&["share", "set", "Projects", "--auto-lock", "on"]).ok();
    for (document, owner_file) in documents {
        let [document, owner_file] = [document, owner_file].map(|name| format!("/Projects/{name}"));
        ana.put(&owner_file, "ana").status(201);
        ben.put(&document, "mine").status(423);
        let shown = discovery(&ben, &document);
        assert!(shown.contains("<{DAV:}owner>ana</>") && !shown.contains("locktoken"), "{shown}");
        let listed = site.cli(&["lock", "list", "--json"]).ok().json();
        assert_eq!((&listed[0]["path"], &listed[0]["kind"]), (&document.as_str().into(), &"auto".into()), "{listed:#}");
        ana.put(&document, "v3").status(204);
        // A program that locks too isn't kept out by the lock that its own owner file took.
        let token = lock(&ana, &document);
        save(&ana, &document, "v4", &token).status(204);
        unlock(&ana, &document, &token).status(204);
        ben.put(&document, "mine").status(423);
        ana.delete(&owner_file).status(204);
        ben.put(&document, "v5").status(204);
    }
    // Where somebody else holds the document, its owner file takes nothing away.
    let token = lock(&ben, "/Projects/Plan.odt");
    ana.put("/Projects/.~lock.Plan.odt#", "ana").status(201);
    save(&ben, "/Projects/Plan.odt", "v6", &token).status(204);
    ana.put("/Projects/Plan.odt", "mine").status(423);
}

#[test]
fn the_list_of_locks_tells_who_holds_what_since_when_and_until_when() {
    let (site, [ana, ben]) = share();
    site.cli(&["share", "add", "Empty", "--auto-lock"]).ok();
    assert_eq!(site.cli(&["lock", "list", "--json"]).ok().json(), serde_json::json!([]));
    ana.mkcol("/Projects/plans").status(201);
    ana.put("/Projects/plans/a b.txt", "a").status(201);
    ana.put("/Projects/z.txt", "z").status(201);
    let token = lock(&ana, "/Projects/plans/a b.txt");
    site.cli(&["lock", "add", "/Projects/z.txt", "--user", "ben"]).ok();
    let everything = site.cli(&["lock", "list", "--json"]).ok();
    assert!(!everything.stdout.contains(&token), "a token is for its holder alone");
    let everything = everything.json();
    let [newest, oldest] = everything.as_array().expect("an array").as_slice() else { panic!("{everything:#}") };
    let facts = |row: &serde_json::Value| {
        ["path", "kind", "scope", "depth", "holder"].map(|name| row[name].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(facts(newest), ["/Projects/z.txt", "user", "exclusive", "0", "ben"]);
    assert_eq!(facts(oldest), ["/Projects/plans/a b.txt", "dav", "exclusive", "0", "ana"]);
    assert!(newest["until"].is_null() && oldest["until"].as_str() > oldest["since"].as_str(), "{everything:#}");
    assert!(newest["wanted_by"].is_null() && newest["lapses"].is_null(), "{everything:#}");

    let below = |path: &str| {
        let rows = site.cli(&["lock", "list", path, "--json"]).ok().json();
        rows.as_array().expect("an array").iter().map(|row| facts(row)[0].clone()).collect::<Vec<_>>()
    };
    assert_eq!(below("/Projects"), ["/Projects/z.txt", "/Projects/plans/a b.txt"]);
    assert_eq!(below("/Projects/plans"), ["/Projects/plans/a b.txt"]);
    assert_eq!(below("/Projects/plans/a b.txt"), ["/Projects/plans/a b.txt"]);
    assert_eq!(below("/Empty"), [""; 0]);
    site.cli(&["lock", "list", "/Projects/none.txt"]).says_why_not();
    let told = site.cli(&["lock", "list"]).ok().stdout;
    assert!(told.contains("/Projects/plans/a b.txt") && told.contains("ben") && !told.contains(&token), "{told}");

    // A lock on a folder is shown for what it covers. What goes into the trash takes its lock out of every list.
    unlock(&ana, "/Projects/plans/a b.txt", &token).status(204);
    site.cli(&["lock", "add", "/Projects/plans", "--user", "ana"]).ok();
    assert_eq!(below("/Projects/plans/a b.txt"), ["/Projects/plans"]);
    ben.delete("/Projects/z.txt").status(204);
    ana.delete("/Projects/plans").status(204);
    assert_eq!(site.cli(&["lock", "list", "--json"]).ok().json(), serde_json::json!([]));
    assert_eq!(below("/Projects"), [""; 0]);
}

/// Outside checks call it T20: an inactive share is there for nobody, from the next request on.
#[test]
fn an_inactive_share_is_not_there_until_it_is_activated() {
    let (site, [ana, ben]) = share();
    let root = site.client("root", "the root of all rights");
    ana.put("/Projects/plan.txt", "v1").status(201);
    let token = lock(&ana, "/Projects/plan.txt");
    site.cli(&["share", "deactivate", "Projects"]).ok();
    for who in [&ana, &ben, &root] {
        who.get("/Projects/plan.txt").status(404);
        who.list("/Projects", Depth::Zero).status(404);
        who.put("/Projects/new.txt", "x").status_in(&[403, 404]);
        assert_eq!(who.list("/", Depth::One).paths(), ["/", "/Home/"]);
    }
    save(&ana, "/Projects/plan.txt", "v2", &token).status(404);
    unlock(&ana, "/Projects/plan.txt", &token).status(404);
    assert_eq!(site.cli(&["share", "show", "Projects", "--json"]).ok().json()["active"], false);
    site.cli(&["share", "activate", "Projects"]).ok();
    ben.get("/Projects/plan.txt").status(200).body("v1");
    ben.put("/Projects/plan.txt", "mine").status(423);
    save(&ana, "/Projects/plan.txt", "v2", &token).status(204);
    for command in ["activate", "deactivate"] {
        site.cli(&["share", command, "Nothing"]).says_why_not();
    }
}

#[test]
fn the_settings_of_a_share_are_told_as_they_were_set() {
    let (site, [ana, _ben]) = share();
    let told = |site: &Site| site.cli(&["share", "show", "Projects", "--json"]).ok().json();
    let before = told(&site);
    assert_eq!((&before["auto_lock"], &before["collision_copies"]), (&false.into(), &true.into()), "{before:#}");
    assert_eq!((&before["handover_s"], &before["quota_bytes"]), (&600.into(), &serde_json::Value::Null), "{before:#}");
    let set = ["share", "set", "Projects"];
    let values = ["--auto-lock", "on", "--collision-copies", "off", "--handover", "2h", "--quota", "10"];
    site.cli(&[&set[..], &values, &["--description", "What we plan"]].concat()).ok();
    let after = told(&site);
    assert_eq!((&after["auto_lock"], &after["collision_copies"]), (&true.into(), &false.into()), "{after:#}");
    assert_eq!((&after["handover_s"], &after["quota_bytes"]), (&7200.into(), &10.into()), "{after:#}");
    assert_eq!(after["description"], "What we plan");
    let people = site.cli(&["share", "show", "Projects"]).ok().stdout;
    assert!(people.contains("2h") && people.contains("auto lock"), "{people}");
    ana.put("/Projects/plan.txt", "eleven byte").status(507);
    site.cli(&[&set[..], &["--quota", "none"]].concat()).ok();
    ana.put("/Projects/plan.txt", "eleven byte").status(201);
    assert_eq!(told(&site)["handover_s"], 7200, "what isn't given stays");

    site.cli(&set).exits(2);
    for (option, value) in [("--auto-lock", "maybe"), ("--quota", "much"), ("--quota", "-1"), ("--handover", "soon")] {
        site.cli(&[&set[..], &[option, value]].concat()).exits(2);
    }
    site.cli(&[&set[..], &["--handover", "31d"]].concat()).says_why_not();
    site.cli(&["share", "set", "Nothing", "--auto-lock", "on"]).says_why_not();
    site.cli(&["share", "add", "Drafts", "--auto-lock"]).ok();
    let listed = site.cli(&["share", "list", "--json"]).ok().json();
    let drafts = listed.as_array().expect("an array").iter().find(|share| share["name"] == "Drafts");
    assert_eq!(drafts.expect("it was made")["auto_lock"], true);
}

/// A share with two editors.
fn share() -> (Site, [Client; 2]) {
    let site = Site::start();
    let team = site.team("Projects", [("ana", "editor"), ("ben", "editor")]);
    (site, team)
}

fn member(site: &Site, name: &str, role: &str) -> Client {
    let client = site.user(name);
    site.cli(&["share", "subscribe", "Projects", "--user", name, "--role", role]).ok();
    client
}

/// LOCK of something that is there; gives the token.
#[track_caller]
fn lock(who: &Client, path: &str) -> String {
    let info = r#"<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>"#;
    let answer = who.ask("LOCK", path).with("Timeout", "Second-3600").xml(info).send().status(200);
    answer.header("lock-token").trim_matches(['<', '>']).to_owned()
}

fn unlock(who: &Client, path: &str, token: &str) -> Reply {
    who.ask("UNLOCK", path).with("Lock-Token", format!("<{token}>")).send()
}

/// PUT by somebody who holds a lock, or believes so.
fn save(who: &Client, path: &str, body: &str, token: &str) -> Reply {
    who.ask("PUT", path).with("If", format!("(<{token}>)")).body(body).send()
}

/// The locks on something, as this person is told of them.
#[track_caller]
fn discovery(who: &Client, path: &str) -> String {
    let answer = who.propfind(path, Depth::Zero, &asking_for(&["{DAV:}lockdiscovery"])).multistatus();
    answer.only().value(&dav("lockdiscovery")).to_owned()
}
