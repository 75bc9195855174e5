//! Office URLs: a document opened by a token in its URL, as one person, through one device, in one folder, for some hours.

use serde_json::Value;

use crate::audit::records;
use crate::recorded::replay;
use crate::site::{Client, Reply, Site};

const LOCK: &str = r#"<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>"#;

/// What is taken there (RFC 9110 section 10.2.1).
const VERBS: &str = "OPTIONS, GET, HEAD, PROPFIND, PUT, LOCK, UNLOCK, PROPPATCH, DELETE, MOVE, COPY, MKCOL";

/// What a command has made.
struct Url {
    number: String,
    token: String,
    office: Option<String>,
}

impl Url {
    fn to(&self, path: &str) -> String {
        format!("/t/{}{path}", self.token)
    }
}

/// For ana, of the document `plan.docx` in `plans`, which is beside `other`.
fn made(site: &Site, options: &[&str]) -> Url {
    made_for(site, "/Projects/plans/plan.docx", options)
}

fn made_for(site: &Site, path: &str, options: &[&str]) -> Url {
    let fixed = ["office-url", path, "--for", "ana", "--url", "https://files.example.org", "--json"];
    let told = site.cli(&[&fixed, options].concat()).ok().json();
    let url = told["url"].as_str().unwrap().strip_prefix("https://files.example.org/t/").unwrap();
    let (token, rest) = url.split_once('/').unwrap();
    assert_eq!(format!("/{rest}"), path.replace(' ', "%20"));
    assert_eq!(token.len(), 32);
    Url {
        number: told["number"].to_string(),
        token: token.to_owned(),
        office: told["office"].as_str().map(|office| office.replace(token, "TOKEN")),
    }
}

fn shared(config: &str) -> (Site, Client, Client, Client) {
    let site = Site::start_with(config);
    let [ana, ben] = site.team("Projects", [("ana", "editor"), ("ben", "editor")]);
    for folder in ["plans", "plans/2027", "other"] {
        ana.mkcol(&format!("/Projects/{folder}")).status(201);
    }
    ana.put("/Projects/plans/plan.docx", "the first draft").status(201);
    ana.put("/Projects/other/secret.docx", "a secret").status(201);
    let word = site.anonymous();
    (site, ana, ben, word)
}

fn propfind(who: &Client, target: &str) -> Reply {
    who.raw("PROPFIND", target).with("Depth", "0").send()
}

#[test]
fn word_opens_and_saves_by_a_url_without_a_login() {
    let (site, ana, ben, _) = shared("");
    let url = made(&site, &[]);
    let recording = include_str!("../recorded/office_url.txt").replace("{office}", &url.token);
    replay("Word opens by an Office URL", &recording, &site, [&ana, &ben]);
    site.is_consistent();
}

#[test]
fn the_command_prints_what_office_and_browsers_take() {
    let (site, ana, _, word) = shared("");
    assert_eq!(
        made(&site, &[]).office.unwrap(),
        "ms-word:ofe|u|https://files.example.org/t/TOKEN/Projects/plans/plan.docx"
    );
    let reading = made(&site, &["--read-only"]).office.unwrap();
    assert_eq!(reading, "ms-word:ofv|u|https://files.example.org/t/TOKEN/Projects/plans/plan.docx");
    for (name, begins) in
        [("a b.xlsx", Some("ms-excel:ofe|u|")), ("talk.PPTX", Some("ms-powerpoint:ofe|u|")), ("a.txt", None)]
    {
        ana.put(&format!("/Home/{name}"), "mine").status(201);
        let url = made_for(&site, &format!("/Home/{name}"), &[]);
        assert_eq!(url.office.is_some(), begins.is_some());
        assert!(url.office.as_ref().is_none_or(|office| office.starts_with(begins.unwrap())));
        word.raw("GET", &url.to(&format!("/Home/{}", name.replace(' ', "%20")))).send().status(200).body("mine");
    }
    let told = site.cli(&["office-url", "/Projects/plans/plan.docx", "--for", "ana", "--url", "https://h"]).ok().stdout;
    assert!(told.starts_with("ms-word:ofe|u|https://h/t/") && told.contains("\nhttps://h/t/"), "{told}");
    // A folder, what isn't there, what the person doesn't see, and more hours than there may be.
    for wrong in [
        &["office-url", "/Projects/plans", "--for", "ana"][..],
        &["office-url", "/Projects/none.docx", "--for", "ana"],
        &["office-url", "/Projects/plans/plan.docx", "--for", "cid"],
        &["office-url", "/Projects/plans/plan.docx", "--for", "ana", "--device", "none"],
        &["office-url", "revoke", "4711"],
    ] {
        site.cli(wrong).exits(1);
    }
    site.user("cid");
    let why = site.cli(&["office-url", "/Projects/plans/plan.docx", "--for", "cid"]).says_why_not();
    assert!(why.contains("cid"), "{why}");
    for hours in ["0", "169"] {
        site.cli(&["office-url", "/Projects/plans/plan.docx", "--for", "ana", "--hours", hours]).exits(2);
    }
}

#[test]
fn a_url_is_good_for_as_many_hours_as_were_asked_for() {
    let (site, ..) = shared("");
    for (asked, hours) in [(&[][..], 8), (&["--hours", "1"], 1), (&["--hours", "168"], 168)] {
        let number = made(&site, asked).number;
        site.sql(&format!("update office_url set created_at = created_at + {hours} * 3600000 where id = {number}"));
        let listed = site.cli(&["office-url", "list", "--json"]).ok().json();
        assert_eq!(listed[0]["number"].to_string(), number);
        assert_eq!(listed[0]["created"], listed[0]["expires"], "{asked:?}");
    }
}

/// The tree is there below the folder, and nothing of it beside and above: neither as the target of a request nor as its destination or condition.
#[test]
fn a_url_reaches_its_folder_and_nothing_else() {
    let (site, ana, _, word) = shared("");
    let url = made(&site, &[]);
    word.raw("PUT", &url.to("/Projects/plans/2027/new.docx")).body("new").send().status(201);
    word.raw("GET", &url.to("/projects/PLANS/plan.docx")).send().status(200).body("the first draft");
    for outside in [
        "/",
        "/Projects",
        "/Projects/",
        "/Projects/other",
        "/Projects/other/secret.docx",
        "/Projects/plans2",
        "/Home/",
        "/Shared%20with%20me",
    ] {
        for verb in ["GET", "HEAD", "PROPFIND", "PUT", "DELETE", "LOCK", "MKCOL", "MOVE", "COPY", "PROPPATCH"] {
            word.raw(verb, &url.to(outside)).send().status_in(&[403]);
        }
        let options = word.raw("OPTIONS", &url.to(outside)).send().status(200).says("MS-Author-Via", "DAV");
        assert_eq!(options.header("allow"), VERBS);
    }
    word.raw("GET", &url.to("/Projects/plans/%2e%2e/other/secret.docx")).send().status_in(&[400, 403]);
    word.raw("GET", &url.to("/Projects/plans/..%2fother/secret.docx")).send().status_in(&[400, 403]);
    let host = word.host();
    for to in [
        format!("http://{host}{}", url.to("/Projects/other/x.docx")),
        format!("http://{host}/dav/Projects/other/x.docx"),
        url.to("/Projects/x.docx"),
        "/dav/Projects/other/secret.docx".to_owned(),
        "/dav/Home/x.docx".to_owned(),
        url.to("/"),
    ] {
        // Outside nothing is there, and at the top nothing is ever made.
        let expected = if to == url.to("/") { 403 } else { 409 };
        for verb in ["MOVE", "COPY"] {
            let refused = word.raw(verb, &url.to("/Projects/plans/plan.docx")).with("Destination", &to).send();
            refused.status(expected);
        }
    }
    // Which state something outside has can't be found out by a condition.
    let etag = ana.get("/Projects/other/secret.docx").etag();
    for resource in ["/dav/Projects/other/secret.docx".to_owned(), url.to("/Projects/other/secret.docx")] {
        let condition = format!("<{resource}> ([{etag}])");
        word.raw("GET", &url.to("/Projects/plans/plan.docx")).with("If", condition).send().status(412);
    }
    // The folder itself stays; what needs a login is asked for with one.
    word.raw("DELETE", &url.to("/Projects/plans/")).send().status(403);
    for to in ["/dav/Projects/moved/".to_owned(), url.to("/Projects/PLANS"), url.to("/Projects/plans/2027/x")] {
        word.raw("MOVE", &url.to("/Projects/plans/")).with("Destination", to).send().status(403);
    }
    for verb in ["REPORT", "ACL", "POST", "PATCH", "MKCOL", "PUT"] {
        word.raw(verb, &url.to("/Projects/plans/")).send().status(405).says("Allow", VERBS);
    }
    for path in ["/dav/Projects/plans/plan.docx", "/remote.php/webdav/Projects/plans/plan.docx"] {
        word.raw("GET", path).send().status(401);
    }
    ana.get("/Projects/other/secret.docx").status(200).body("a secret");
    // Where the folder goes, its URL goes along; where another one comes to its place, it doesn't.
    ana.rename("/Projects/plans", "/Projects/moved").status(201);
    ana.mkcol("/Projects/plans").status(201);
    ana.put("/Projects/plans/plan.docx", "another").status(201);
    word.raw("GET", &url.to("/Projects/plans/plan.docx")).send().status(403);
    word.raw("GET", &url.to("/Projects/moved/plan.docx")).send().status(200).body("the first draft");
    site.is_consistent();
}

/// Whoever walks on from a page stays below the token.
#[test]
fn a_browser_sees_the_folder_of_a_url_as_pages() {
    let (site, _, _, word) = shared("");
    let url = made(&site, &[]);
    let page = |target: &str| word.raw("GET", target).with("Accept", "text/html").send();
    let folder = url.to("/Projects/plans/");
    page(folder.trim_end_matches('/')).status(302).says("Location", &folder);
    let listed = page(&folder).status(200).says("Content-Location", &folder);
    assert!(!listed.text().contains("/dav/") && !listed.text().contains(&url.token), "{}", listed.told());
    // The links are relative.
    assert!(
        listed.text().contains("href=\"plan.docx\"") && listed.text().contains("href=\"2027/\""),
        "{}",
        listed.told()
    );
    page(&format!("{folder}plan.docx")).status(200).body("the first draft");
    page(&format!("{folder}2027")).status(302).says("Location", &format!("{folder}2027/"));
    page(&url.to("/Projects/")).status(403);
}

/// A lock on the whole share serves whoever saves by the URL, and isn't the URL's to keep or to give back.
#[test]
fn a_lock_above_the_folder_of_a_url_is_not_the_urls() {
    let (site, ana, _, word) = shared("");
    let url = made(&site, &[]);
    let locked = ana.ask("LOCK", "/Projects/").xml(LOCK).send().status(200);
    let token = locked.header("lock-token").to_owned();
    let file = url.to("/Projects/plans/plan.docx");
    word.raw("UNLOCK", &file).with("Lock-Token", &token).send().status(409);
    word.raw("LOCK", &file).with("If", format!("({token})")).with("Timeout", "Second-600").send().status(412);
    word.raw("PUT", &file).with("If", format!("({token})")).body("hers").send().status(204);
    word.raw("PUT", &file).body("without it").send().status(423);
    ana.ask("UNLOCK", "/Projects/").with("Lock-Token", &token).send().status(204);
    // One of the folder itself is.
    let locked = word.raw("LOCK", &url.to("/Projects/plans/")).body(LOCK).send().status(200);
    word.raw("UNLOCK", &file).with("Lock-Token", locked.header("lock-token")).send().status(204);
}

#[test]
fn a_url_for_reading_changes_nothing() {
    let (site, ana, _, word) = shared("");
    let url = made(&site, &["--read-only"]);
    let file = url.to("/Projects/plans/plan.docx");
    word.raw("GET", &file).send().status(200).body("the first draft");
    propfind(&word, &file).status(207);
    for verb in ["PUT", "LOCK", "DELETE", "PROPPATCH", "UNLOCK"] {
        word.raw(verb, &file).body(LOCK).send().status(403);
    }
    for verb in ["MOVE", "COPY"] {
        word.raw(verb, &file).with("Destination", url.to("/Projects/plans/x.docx")).send().status(403);
    }
    word.raw("MKCOL", &url.to("/Projects/plans/new")).send().status(403);
    word.raw("REPORT", &file).send().status(405).says("Allow", "OPTIONS, GET, HEAD, PROPFIND");
    // What it says of rights is what it has; ana's own stay hers.
    let asked = r#"<D:propfind xmlns:D="DAV:"><D:prop><D:current-user-privilege-set/></D:prop></D:propfind>"#;
    let told = word.raw("PROPFIND", &file).with("Depth", "0").body(asked).send().status(207);
    assert!(told.text().contains("read") && !told.text().contains("write"), "{}", told.told());
    ana.put("/Projects/plans/plan.docx", "hers").status(204);
    word.raw("GET", &file).send().status(200).body("hers");
}

#[test]
fn a_url_ends_with_its_time_or_when_it_is_revoked() {
    let (site, ana, _, word) = shared("");
    let [first, second] = [made(&site, &[]), made(&site, &[])];
    let path = "/Projects/plans/plan.docx";
    let listed = site.cli(&["office-url", "list", "--json"]).ok().json();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!((&listed[0]["user"], &listed[0]["folder"]), (&"ana".into(), &"/Projects/plans".into()));
    assert!(!listed.to_string().contains(&first.token));
    let places = || {
        let listed = site.cli(&["office-url", "list", "--json"]).ok().json();
        listed[0]["folder"].as_str().unwrap().to_owned() + " " + listed[0]["file"].as_str().unwrap()
    };
    ana.rename("/Projects/plans", "/Projects/moved").status(201);
    assert_eq!(places(), "/Projects/moved /Projects/moved/plan.docx");
    ana.delete("/Projects/moved").status(204);
    assert_eq!(places(), "(gone) (gone)");
    site.cli(&["trash", "restore", "/Projects/moved"]).ok();
    ana.rename("/Projects/moved", "/Projects/plans").status(201);
    site.cli(&["office-url", "revoke", &first.number]).ok();
    word.raw("GET", &first.to(path)).send().status(403);
    word.raw("PUT", &first.to(path)).body("late").send().status(403);
    word.raw("GET", &second.to(path)).send().status(200);
    site.sql(&format!("update office_url set expires_at = created_at where id = {}", second.number));
    word.raw("GET", &second.to(path)).send().status(403);
    // One that was good is nobody's guess, however often a program asks for it.
    for _ in 0..30 {
        word.raw("GET", &second.to(path)).send().status(403);
    }
    assert_eq!(site.cli(&["office-url", "list", "--json"]).ok().json(), Value::Array(Vec::new()));
    site.cli(&["office-url", "revoke", &second.number]).exits(1);
}

#[test]
fn a_url_is_its_person_and_device_as_they_are_now() {
    let (site, _, ben, word) = shared("");
    let path = "/Projects/plans/plan.docx";
    let plain = made(&site, &[]);
    site.cli(&["device", "add", "ana", "notebook"]).ok();
    let of_device = made(&site, &["--device", "notebook"]);
    word.raw("PUT", &of_device.to(path)).body("by the notebook").send().status(204);
    // The device has no door to the share, the drive has.
    site.cli(&["share", "channel", "Projects", "--user", "ana", "--device", "notebook", "off"]).ok();
    word.raw("GET", &of_device.to(path)).send().status(403);
    word.raw("GET", &plain.to(path)).send().status(200).body("by the notebook");
    site.cli(&["share", "channel", "Projects", "--user", "ana", "--device", "notebook", "on"]).ok();
    word.raw("GET", &of_device.to(path)).send().status(200);
    site.cli(&["device", "remove", "ana", "notebook"]).ok();
    // It was good, so whoever still has the document open guesses nothing.
    word.raw("GET", &of_device.to(path)).send().status(403);
    // A smaller role, none, and no account.
    site.cli(&["share", "subscribe", "Projects", "--user", "ana", "--role", "viewer"]).ok();
    word.raw("PUT", &plain.to(path)).body("as a viewer").send().status(403);
    word.raw("GET", &plain.to(path)).send().status(200);
    site.cli(&["share", "unsubscribe", "Projects", "--user", "ana"]).ok();
    word.raw("GET", &plain.to(path)).send().status(403);
    site.cli(&["share", "subscribe", "Projects", "--user", "ana", "--role", "editor"]).ok();
    word.raw("GET", &plain.to(path)).send().status(200);
    site.cli(&["device", "add", "ana", "laptop"]).ok();
    let of_laptop = made(&site, &["--device", "laptop"]);
    word.raw("GET", &of_laptop.to(path)).send().status(200);
    site.cli(&["user", "disable", "ana"]).ok();
    word.raw("GET", &plain.to(path)).send().status(403);
    site.cli(&["user", "remove", "ana"]).ok();
    for url in [&plain, &of_laptop] {
        word.raw("GET", &url.to(path)).send().status(403);
    }
    ben.get(path).status(200).body("by the notebook");
}

#[test]
fn people_make_urls_for_themselves_and_administrators_for_their_people() {
    let (site, _, _, _) = shared("");
    let path = "/Projects/plans/plan.docx";
    let url = ["--url", "https://h"];
    site.cli(&[&["--as", "ana", "office-url", path, "--for", "ana"], &url[..]].concat()).ok();
    let why = site.cli(&[&["--as", "ben", "office-url", path, "--for", "ana"], &url[..]].concat()).says_why_not();
    assert!(why.contains("`ben` does not administer"), "{why}");
    site.cli(&["--as", "ben", "office-url", "revoke", "1"]).exits(1);
    assert_eq!(site.cli(&["--as", "ben", "office-url", "list", "--json"]).ok().json(), Value::Array(Vec::new()));
    site.cli(&["--as", "ana", "office-url", "revoke", "1", "--json"]).ok();
}

#[test]
fn guesses_are_slowed_down_and_hold_up_nobody_who_has_a_url() {
    let (mut site, _, _, word) = shared("[auth]\nthrottle_burst = 4\n");
    let url = made(&site, &[]);
    let guess = |n: usize| {
        let token = format!("{n:0>32}");
        word.raw("GET", &format!("/t/{token}/Projects/plans/plan.docx")).send()
    };
    assert_eq!((0..4).map(|n| guess(n).answer.status).collect::<Vec<_>>(), [404; 4]);
    guess(5).status(429).header("retry-after");
    word.raw("GET", "/t/short/Projects/").send().status(429);
    word.raw("GET", &url.to("/Projects/plans/plan.docx")).send().status(200);
    site.stop();
    let denied = records(&site, &["--denied"]);
    let rules: Vec<&str> = denied.iter().filter_map(|record| record["rule"].as_str()).collect();
    assert!(rules.contains(&"there is no Office URL of this token"), "{rules:?}");
    assert!(rules.contains(&"too many tokens of Office URLs that are none"), "{rules:?}");
}

/// The audit names person, device and door; nothing that is written anywhere has a token.
#[test]
fn records_name_the_person_and_no_token_is_written_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    let (mut site, _, _, word) = shared(&format!("[log]\nlevel = \"debug\"\n[access_log]\nto = {log:?}\n"));
    site.cli(&["device", "add", "ana", "notebook"]).ok();
    let url = made(&site, &["--device", "notebook"]);
    let path = "/Projects/plans/plan.docx";
    let referer = format!("https://files.example.org{}", url.to(path));
    word.raw("PUT", &url.to(path))
        .with("Referer", &referer)
        .body("v2")
        .send()
        .status(204)
        .says("Referrer-Policy", "no-referrer");
    word.raw("COPY", &url.to(path)).with("Destination", url.to("/Projects/plans/copy.docx")).send().status(201);
    word.raw("GET", &url.to("/Projects/other/secret.docx")).send().status(403);
    word.raw("GET", &url.to(path)).send().status(200);
    word.raw("MOVE", "/dav/Projects/plans/plan.docx").with("Destination", url.to("/x")).send().status(401);
    site.cli(&["office-url", "revoke", &url.number]).ok();
    word.raw("PUT", &url.to(path)).body("late").send().status(403);
    let guessed = "0".repeat(32);
    word.raw("GET", &format!("/t/{guessed}{path}")).send().status(404);
    site.stop();
    let audit = records(&site, &[]);
    let by_url: Vec<&Value> = audit.iter().filter(|record| record["channel"] == "office url").collect();
    let told: Vec<(&str, &str)> =
        by_url.iter().map(|record| (record["verb"].as_str().unwrap(), record["outcome"].as_str().unwrap())).collect();
    for expected in
        [("PUT", "done"), ("COPY", "done"), ("GET", "denied"), ("GET", "done"), ("PUT", "denied"), ("LOGIN", "done")]
    {
        assert!(told.contains(&expected), "{expected:?}: {told:?}");
    }
    assert!(by_url.iter().all(|record| record["user"] == "ana" && record["device"] == "notebook"), "{by_url:#?}");
    let put = by_url.iter().find(|record| record["verb"] == "PUT").unwrap();
    assert_eq!(put["path"], path);
    let lines = std::fs::read_to_string(&log).expect("it is there");
    assert!(lines.contains("/t/-/Projects/plans/plan.docx") && lines.contains(" ana "), "{lines}");
    let everything = audit.iter().map(ToString::to_string).collect::<String>() + &lines + &logs(&site);
    assert!(!everything.contains(&url.token) && !everything.contains(&guessed));
}

/// What the servers have written to their standard error.
fn logs(site: &Site) -> String {
    let files = std::fs::read_dir(site.folder()).unwrap().filter_map(|entry| {
        let path = entry.unwrap().path();
        path.is_file().then(|| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned())
    });
    let logs = files.collect::<String>();
    assert!(logs.contains("request"), "the log is read");
    logs
}
