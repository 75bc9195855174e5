//! The audit: who did what leaves a record, what was denied leaves one with its rule, and nothing of it can be altered
//! without a trace.

mod commands;
mod doors;
mod proof;

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::site::{Client, Site};

/// Records behind the answer come within a second; whoever waits longer waits in vain.
const PATIENCE: Duration = Duration::from_secs(20);

/// All records that the arguments let through.
#[track_caller]
pub fn records(site: &Site, args: &[&str]) -> Vec<Value> {
    let args: Vec<&str> = ["audit", "--json"].into_iter().chain(args.iter().copied()).collect();
    let Value::Array(records) = site.cli(&args).ok().json() else { panic!("a list is an array") };
    records
}

/// The records, once there are so many of them.
#[track_caller]
fn records_once(site: &Site, args: &[&str], count: usize) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let found = records(site, args);
        if found.len() >= count || begun.elapsed() > PATIENCE {
            assert_eq!(found.len(), count, "records of {args:?}: {found:#?}");
            return found;
        }
    }
}

/// `VERB STATUS PATH -> TARGET by USER over CHANNEL (DEVICE)`.
fn told(record: &Value) -> String {
    let text = |key: &str| record[key].as_str().unwrap_or("-").to_owned();
    let target = record["target"].as_str().map(|target| format!(" -> {target}")).unwrap_or_default();
    let status = record["status"].as_u64().map_or("-".to_owned(), |status| status.to_string());
    format!(
        "{} {status} {}{target} by {} over {} ({})",
        text("verb"),
        text("path"),
        text("user"),
        text("channel"),
        text("device")
    )
}

#[track_caller]
fn verified(site: &Site) -> Value {
    site.cli(&["audit", "verify", "--json"]).ok().json()
}

const LOCK: &str = r#"<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>"#;

#[test]
fn each_verb_leaves_exactly_one_record_with_its_actor_and_path() {
    let site = Site::start_alone();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    let token = {
        ana.mkcol("/Projects/plans").status(201);
        ana.put("/Projects/plans/a b.txt", "one").status(201);
        ana.put("/Projects/plans/a b.txt", "three").status(204);
        ana.get("/Projects/plans/a b.txt").status(200).body("three");
        ana.ask("GET", "/Projects/plans/a b.txt").with("Range", "bytes=1-2").send().status(206);
        ana.head("/Projects/plans/a b.txt").status(200);
        ana.get("/Projects/plans/").status(200);
        ana.ask("PROPFIND", "/Projects/").with("Depth", "1").send().status(207);
        ana.set("/Projects/plans/a b.txt", "<x xmlns='urn:x'>1</x>").status(207);
        ana.copy("/Projects/plans/a b.txt", "/Projects/copy.txt").status(201);
        ana.rename("/Projects/copy.txt", "/Projects/moved.txt").status(201);
        let lock = ana.ask("LOCK", "/Projects/moved.txt").with("Timeout", "Second-600").xml(LOCK).send().status(200);
        lock.header("lock-token").to_owned()
    };
    ana.ask("LOCK", "/Projects/moved.txt").with("If", format!("({token})")).send().status(200);
    ana.ask("UNLOCK", "/Projects/moved.txt").with("Lock-Token", &token).send().status(204);
    ana.delete("/Projects/moved.txt").status(204);
    ana.get("/Projects/missing.txt").status(404);
    ana.ask("OPTIONS", "/Projects/").send().status(200);

    let found = records_once(&site, &["--user", "ana"], 13);
    let by = "by ana over webdav (drive)";
    let mut lines: Vec<String> = found.iter().map(told).collect();
    // Downloads and logins come a little later than changes.
    lines.sort();
    let mut expected: Vec<String> = [
        "LOGIN - -",
        "MKCOL 201 /Projects/plans",
        "PUT 201 /Projects/plans/a b.txt",
        "PUT 204 /Projects/plans/a b.txt",
        "GET 200 /Projects/plans/a b.txt",
        "GET 206 /Projects/plans/a b.txt",
        "PROPPATCH 207 /Projects/plans/a b.txt",
        "COPY 201 /Projects/plans/a b.txt -> /Projects/copy.txt",
        "MOVE 201 /Projects/copy.txt -> /Projects/moved.txt",
        "LOCK 200 /Projects/moved.txt",
        "LOCK 200 /Projects/moved.txt",
        "UNLOCK 204 /Projects/moved.txt",
        "DELETE 204 /Projects/moved.txt",
    ]
    .map(|what| format!("{what} {by}"))
    .into();
    expected.sort();
    assert_eq!(lines, expected);
    let sizes: Vec<u64> = found.iter().filter_map(|record| record["bytes"].as_u64()).collect();
    assert_eq!(sizes.iter().sum::<u64>(), 3 + 5 + 5 + 2, "what was written and handed out: {sizes:?}");
    for record in &found {
        assert_eq!(record["outcome"], "done", "{record}");
        assert_eq!(record["address"], "127.0.0.1", "{record}");
        assert_eq!(record["request"].as_str().map(str::len), Some(16), "{record}");
    }
    verified(&site);
}

#[test]
fn a_denial_carries_the_rule_that_denied_it() {
    let site = Site::start_alone();
    let [ana, eva] = site.team("Projects", [("ana", "co-owner"), ("eva", "viewer")]);
    let ben = site.user("ben");
    ana.put("/Projects/plan.txt", "v1").status(201);
    eva.put("/Projects/plan.txt", "mine").status(403);
    eva.delete("/Projects/plan.txt").status(403);
    ben.get("/Projects/plan.txt").status(404);
    ben.ask("PROPFIND", "/Projects/").with("Depth", "1").send().status(404);
    ben.get("/Projects/nothing.txt").status(404);
    ben.get("/Nothing/at/all").status(404);

    let of_eva = records_once(&site, &["--denied", "--user", "eva"], 2);
    assert_eq!(told(&of_eva[0]), "PUT 403 /Projects/plan.txt by eva over webdav (drive)");
    assert_eq!(
        of_eva[0]["rule"],
        "`eva` may not write `/Projects/plan.txt`: the role `viewer` on `Projects` does not include `write`, and no other \
         grant reaches `eva`."
    );
    assert_eq!(told(&of_eva[1]), "DELETE 403 /Projects/plan.txt by eva over webdav (drive)");
    let of_ben = records_once(&site, &["--denied", "--user", "ben"], 2);
    assert_eq!(told(&of_ben[0]), "GET 404 /Projects/plan.txt by ben over webdav (drive)");
    assert_eq!(
        of_ben[0]["rule"],
        "`ben` may not view `/Projects/plan.txt`: no subscription or grant reaches `ben` there."
    );
    assert_eq!(told(&of_ben[1]), "PROPFIND 404 /Projects by ben over webdav (drive)");
}

#[test]
fn wrong_logins_are_recorded_without_what_was_typed() {
    let site = Site::start();
    let ana = site.user("ana");
    let wrong = |name: &str, secret: &str| site.client(name, secret).get("/Projects/").status(401);
    wrong("ana", "not her password");
    wrong("her password in the wrong field", "x");
    ana.get("/Projects/").status(404);
    site.anonymous().get("/Projects/").status(401);
    let found = records_once(&site, &["--verb", "LOGIN"], 3);
    let lines: Vec<String> = found.iter().map(told).collect();
    assert_eq!(
        lines,
        [
            "LOGIN 401 - by ana over webdav (-)",
            "LOGIN 401 - by - over webdav (-)",
            "LOGIN - - by ana over webdav (drive)"
        ]
    );
    let all = site.cli(&["audit", "--json"]).ok().stdout;
    assert!(!all.contains("password in the wrong"), "{all}");
    assert!(!all.contains(&ana.secret), "{all}");
}

#[test]
fn a_change_that_was_refused_leaves_a_record_that_says_why() {
    let site = Site::start();
    let [ana, ben] = site.team("Projects", [("ana", "co-owner"), ("ben", "editor")]);
    ana.put("/Projects/plan.txt", "v1").status(201);
    ana.ask("LOCK", "/Projects/plan.txt").with("Timeout", "Second-600").xml(LOCK).send().status(200);
    ben.put("/Projects/plan.txt", "mine").status(423);
    ben.ask("PUT", "/Projects/plan.txt").with("If-None-Match", "*").body("mine").send().status(412);
    let found = records_once(&site, &["--user", "ben", "--verb", "PUT"], 2);
    assert_eq!(told(&found[0]), "PUT 423 /Projects/plan.txt by ben over webdav (drive)");
    assert_eq!((&found[0]["outcome"], &found[0]["note"]), (&"refused".into(), &"Locked by `ana`.".into()));
    assert_eq!(told(&found[1]), "PUT 412 /Projects/plan.txt by ben over webdav (drive)");
}

/// A client of somebody who makes files.
fn busy(ana: &Client) {
    for n in 0..20 {
        ana.put(&format!("/Projects/{n}.txt"), "x").status(201);
    }
}

#[test]
fn the_log_is_listed_by_time_and_limit_in_columns() {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    busy(&ana);
    let newest = records(&site, &["--verb", "PUT", "--limit", "3"]);
    let paths: Vec<_> = newest.iter().map(|record| record["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["/Projects/17.txt", "/Projects/18.txt", "/Projects/19.txt"]);
    assert_eq!(records(&site, &["--verb", "PUT", "--since", "1h"]).len(), 20);
    assert_eq!(records(&site, &["--until", "1h"]).len(), 0);
    assert_eq!(records(&site, &["--path", "/projects/7.TXT"]).len(), 1);
    let table = site.cli(&["audit", "--path", "/Projects/7.txt"]).ok().stdout;
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("NUMBER  TIME"), "{table}");
    assert!(lines[1].contains("ana (drive)") && lines[1].contains("/Projects/7.txt"), "{table}");
    assert_eq!(lines.len(), 2, "{table}");
    site.cli(&["audit", "--since", "yesterday"]).exits(2);
}

#[test]
fn an_item_is_found_under_the_names_it_had_before() {
    let site = Site::start_alone();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.put("/Projects/draft.txt", "v1").status(201);
    ana.rename("/Projects/draft.txt", "/Projects/final.txt").status(201);
    ana.put("/Projects/final.txt", "v2").status(204);
    ana.put("/Projects/draft.txt", "another").status(201);
    let found: Vec<String> = records(&site, &["--path", "/Projects/final.txt"]).iter().map(told).collect();
    let by = "by ana over webdav (drive)";
    assert_eq!(
        found,
        [
            format!("PUT 201 /Projects/draft.txt {by}"),
            format!("MOVE 201 /Projects/draft.txt -> /Projects/final.txt {by}"),
            format!("PUT 204 /Projects/final.txt {by}"),
        ]
    );
}

#[test]
fn what_is_in_a_home_is_recorded_by_its_owner_whoever_comes_there() {
    let site = Site::start();
    let [ana, ben] = site.team("Projects", [("ana", "co-owner"), ("ben", "viewer")]);
    ana.mkcol("/Home/Reports").status(201);
    ana.put("/Home/Reports/a.txt", "v1").status(201);
    ana.put("/Home/private.txt", "mine").status(201);
    site.cli(&["grant", "add", "~ana/Reports", "--user", "ben", "--level", "read"]).ok();
    ben.get("/Shared with me/ana/Reports/a.txt").status(200);
    ben.put("/Shared with me/ana/Reports/a.txt", "his").status(403);
    ben.get("/Shared with me/ana/private.txt").status(404);

    records_once(&site, &["--user", "ben", "--denied"], 2);
    let found = records(&site, &["--path", "~ana/Reports"]);
    let lines: Vec<String> = found.iter().map(told).collect();
    let (ana, ben) = ("by ana over webdav (drive)", "by ben over webdav (drive)");
    assert_eq!(
        lines,
        [
            format!("MKCOL 201 ~ana/Reports {ana}"),
            format!("PUT 201 ~ana/Reports/a.txt {ana}"),
            "grant add - ~ana/Reports by command line over command line (-)".to_owned(),
            format!("GET 200 ~ana/Reports/a.txt {ben}"),
            format!("PUT 403 ~ana/Reports/a.txt {ben}"),
        ]
    );
    let denied = records(&site, &["--path", "/Home/private.txt", "--user", "ana"]);
    assert_eq!(denied.iter().map(told).collect::<Vec<_>>(), [format!("PUT 201 ~ana/private.txt {ana}")]);
    let denied = records(&site, &["--path", "~ana/private.txt", "--denied"]);
    assert_eq!(denied.iter().map(told).collect::<Vec<_>>(), [format!("GET 404 ~ana/private.txt {ben}")]);
    assert!(denied[0]["rule"].as_str().unwrap().contains("`ben` may not view"), "{denied:?}");
}

#[test]
fn a_collection_that_is_hidden_denies_what_would_come_into_it() {
    let site = Site::start_alone();
    let [ana, ben] = site.team("Projects", [("ana", "co-owner"), ("ben", "editor")]);
    site.cli(&["share", "add", "Secret"]).ok();
    site.cli(&["share", "subscribe", "Secret", "--user", "ana"]).ok();
    ana.mkcol("/Secret/plans").status(201);
    ana.put("/Projects/plan.txt", "v1").status(201);
    ben.copy("/Projects/plan.txt", "/Secret/plans/plan.txt").status(409);
    ben.copy("/Projects/plan.txt", "/Projects/missing/plan.txt").status(409);
    let found = records_once(&site, &["--user", "ben", "--verb", "COPY"], 2);
    let by = "by ben over webdav (drive)";
    assert_eq!(told(&found[0]), format!("COPY 409 /Projects/plan.txt -> /Secret/plans/plan.txt {by}"));
    assert_eq!(found[0]["rule"], "`ben` may not list `/Secret/plans`: no subscription or grant reaches `ben` there.");
    assert_eq!(told(&found[1]), format!("COPY 409 /Projects/plan.txt -> /Projects/missing/plan.txt {by}"));
    assert_eq!(found[1]["outcome"], "refused", "nothing is there: {}", found[1]);
}

#[test]
fn each_answer_is_a_line_of_the_access_log_if_there_is_one() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    for format in ["combined", "json"] {
        let file = folder.path().join(format);
        let config = format!("[access_log]\nto = {file:?}\nformat = {format:?}\n");
        let mut site = Site::start_with(&config);
        let [ana] = site.team("Projects", [("ana", "co-owner")]);
        ana.ask("PUT", "/Projects/a b.txt").with("User-Agent", "test \"1\"").body("four").send().status(201);
        ana.get("/Projects/a b.txt").status(200);
        let id = ana.get("/Projects/none").status(404).header("x-request-id").to_owned();
        site.anonymous().get("/Projects/").status(401);
        site.stop();
        let log = std::fs::read_to_string(&file).expect("the log is there");
        let lines: Vec<&str> = log.lines().collect();
        assert_eq!(lines.len(), 4, "{log}");
        if format == "combined" {
            assert!(lines[0].starts_with("127.0.0.1 - ana ["), "{log}");
            assert!(
                lines[0].contains(r#"] "PUT /dav/Projects/a%20b.txt HTTP/1.1" 201 0 "-" "test \x221\x22" "#),
                "{log}"
            );
            assert!(lines[1].contains(r#""GET /dav/Projects/a%20b.txt HTTP/1.1" 200 4 "-" "-" "#), "{log}");
            assert!(lines[2].ends_with(&id) && lines[3].starts_with("127.0.0.1 - - ["), "{log}");
        } else {
            let put: Value = serde_json::from_str(lines[0]).expect("a line is JSON");
            assert_eq!((&put["user"], &put["method"], &put["status"]), (&"ana".into(), &"PUT".into(), &201.into()));
            assert_eq!((&put["agent"], &put["channel"]), (&"test \"1\"".into(), &"webdav".into()));
            assert_eq!(serde_json::from_str::<Value>(lines[2]).expect("a line is JSON")["request"], *id);
        }
    }
}
