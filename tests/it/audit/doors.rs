//! What comes in by other doors, or by other names, leaves the same records as what comes in below `/dav/`.

use serde_json::Value;

use super::{records, records_once, told};
use crate::site::{Reply, Request, Site, password_of};

/// How each ended, in the order of the words.
fn ended(found: &[Value]) -> Vec<String> {
    let mut lines: Vec<String> = found.iter().map(|record| format!("{} {}", record["outcome"], told(record))).collect();
    lines.sort();
    lines
}

#[test]
fn an_upload_in_pieces_leaves_records_of_what_was_done() {
    let site = Site::start_alone();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    let upload = "/remote.php/dav/uploads/ana/4711";
    for end in ["MOVE", "DELETE"] {
        ana.raw("MKCOL", upload).send().status(201);
        ana.raw("PUT", &format!("{upload}/1")).body("one").send().status(201);
        ana.raw("PUT", &format!("{upload}/2")).body("two").send().status(201);
        match end {
            "MOVE" => {
                let to = "/remote.php/dav/files/ana/Projects/large.dat";
                ana.raw("MOVE", &format!("{upload}/.file")).with("Destination", to).send().status(201)
            }
            _ => ana.raw("DELETE", upload).send().status(204),
        };
    }
    ana.raw("DELETE", upload).send().status(404);
    let found = records_once(&site, &["--user", "ana"], 6);
    let (by, done) = ("by ana over webdav (drive)", r#""done""#);
    assert_eq!(
        ended(&found),
        [
            format!("{done} DELETE 204 {upload} {by}"),
            format!("{done} LOGIN - - {by}"),
            format!("{done} MKCOL 201 {upload} {by}"),
            format!("{done} MKCOL 201 {upload} {by}"),
            format!("{done} MOVE 201 /Projects/large.dat {by}"),
            format!(r#""refused" DELETE 404 {upload} {by}"#),
        ]
    );
}

#[test]
fn an_upload_that_can_be_resumed_leaves_records_of_what_was_done() {
    let site = Site::start_alone();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    let tus = |method: &str, target: &str| ana.raw(method, target).with("Tus-Resumable", "1.0.0");
    let begin = |size: &str| {
        let post =
            tus("POST", "/dav/Projects/").with("Upload-Length", size).with("Upload-Metadata", "filename YS50eHQ=");
        post.send().status(201).header("location").to_owned()
    };
    let patch = |url: &str, offset: &str, status: u16| {
        let patch =
            tus("PATCH", url).with("Upload-Offset", offset).with("Content-Type", "application/offset+octet-stream");
        patch.body("one").send().status(status);
    };
    let url = begin("6");
    patch(&url, "0", 204);
    patch(&url, "0", 409);
    patch(&url, "3", 204);
    let given_up = begin("6");
    tus("DELETE", &given_up).send().status(204);
    tus("DELETE", &given_up).send().status(404);
    begin("0");
    // Bytes that came along and were others than announced.
    tus("POST", "/dav/Projects/")
        .with("Upload-Length", "3")
        .with("Upload-Metadata", "filename YS50eHQ=")
        .with("Content-Type", "application/offset+octet-stream")
        .with("Upload-Checksum", "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=")
        .body("one")
        .send()
        .status(460);
    let found = records_once(&site, &["--user", "ana"], 10);
    let (by, done) = ("by ana over webdav (drive)", r#""done""#);
    assert_eq!(
        ended(&found),
        [
            format!("{done} DELETE 204 {given_up} {by}"),
            format!("{done} LOGIN - - {by}"),
            format!("{done} PATCH 201 /Projects/a.txt {by}"),
            format!("{done} POST 201 /Projects/a.txt {by}"),
            format!("{done} POST 201 /Projects/a.txt {by}"),
            format!("{done} POST 201 /Projects/a.txt {by}"),
            format!("{done} POST 204 /Projects/a.txt {by}"),
            format!(r#""refused" DELETE 404 {given_up} {by}"#),
            format!(r#""refused" PATCH 409 /Projects/a.txt {by}"#),
            format!(r#""refused" POST 460 /Projects/a.txt {by}"#),
        ]
    );
}

#[test]
fn what_the_clients_of_other_servers_do_has_its_place_in_the_tree() {
    let site = Site::start_alone();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    let ben = site.user("ben");
    let url = |who: &str, path: &str| format!("/remote.php/dav/files/{who}{path}");
    ana.raw("PUT", &url("ana", "/Projects/a%20b.txt")).body("one").send().status(201);
    ana.raw("COPY", &url("ana", "/Projects/a%20b.txt"))
        .with("Destination", url("ana", "/Projects/b.txt"))
        .send()
        .status(201);
    ana.raw("MOVE", "/index.php/remote.php/webdav/Projects/b.txt")
        .with("Destination", format!("http://{}/index.php/remote.php/webdav/Projects/c.txt", ana.host()))
        .send()
        .status(201);
    ana.raw("GET", &url("ana", "/Projects/c.txt")).send().status(200);
    ben.raw("GET", &url("ben", "/Projects/c.txt")).send().status(404);
    ben.raw("GET", &url("ben", "/Projects/nothing.txt")).send().status(404);
    let found = records_once(&site, &["--path", "/Projects", "--user", "ana"], 4);
    let mut lines: Vec<String> = found.iter().map(told).collect();
    lines.sort();
    let by = "by ana over webdav (drive)";
    assert_eq!(
        lines,
        [
            format!("COPY 201 /Projects/a b.txt -> /Projects/b.txt {by}"),
            format!("GET 200 /Projects/c.txt {by}"),
            format!("MOVE 201 /Projects/b.txt -> /Projects/c.txt {by}"),
            format!("PUT 201 /Projects/a b.txt {by}"),
        ]
    );
    let denied = records_once(&site, &["--denied", "--user", "ben"], 1);
    assert_eq!(told(&denied[0]), "GET 404 /Projects/c.txt by ben over webdav (drive)");
}

#[test]
fn a_name_that_windows_was_told_is_recorded_as_it_is() {
    fn windows(request: Request<'_>) -> Reply {
        request.with("User-Agent", "Microsoft-WebDAV-MiniRedir/10.0.19045").with("translate", "f").send()
    }
    let site = Site::start_alone();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    let ben = site.user("ben");
    ana.put("/Projects/10:30.txt", "one").status(201);
    let (from, to) = ("/Projects/10\u{f022}30.txt", "/Projects/11\u{f022}00.txt");
    windows(ben.ask("GET", from)).status(404);
    // What hid it is found out behind the answer, so the file stays there for that long.
    let denied = records_once(&site, &["--denied", "--user", "ben"], 1);
    assert!(told(&denied[0]).starts_with("GET 404 /Projects/10:30.txt by ben"), "{denied:?}");
    windows(ana.ask("GET", from)).status(200);
    windows(ana.ask("MOVE", from).to(to)).status(201);
    records_once(&site, &["--verb", "GET", "--user", "ana"], 1);
    let lines: Vec<String> = records(&site, &["--path", "/Projects", "--user", "ana"]).iter().map(told).collect();
    assert!(lines.iter().any(|line| line.starts_with("GET 200 /Projects/10:30.txt by ana")), "{lines:?}");
    let moved = "MOVE 201 /Projects/10:30.txt -> /Projects/11:00.txt by ana";
    assert!(lines.iter().any(|line| line.starts_with(moved)), "{lines:?}");
}

#[test]
fn a_login_on_a_page_is_told_as_it_ended_and_its_url_to_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    let site = Site::start_with(&format!("[access_log]\nto = {log:?}\n"));
    site.user("ana");
    let client = site.anonymous();
    let begun = client.raw("POST", "/index.php/login/v2").with("User-Agent", "Nextcloud").body("").send().status(200);
    let begun: serde_json::Value = serde_json::from_str(begun.text()).unwrap();
    let page = begun["login"].as_str().unwrap();
    let page = &page[page.find("/login").unwrap()..];
    let log_in = || client.raw("POST", page).body(format!("user=ana&password={}", password_of("ana"))).send();
    client.raw("GET", &format!("/index.php{page}")).send().status(200);
    log_in().status(200);
    log_in().status(404);
    let told: Vec<String> = records_once(&site, &["--user", "ana", "--verb", "POST"], 2)
        .iter()
        .map(|record| format!("{} {}", record["outcome"], record["status"]))
        .collect();
    assert_eq!(told, [r#""done" 200"#, r#""refused" 404"#]);
    let token = page.rsplit('/').next().unwrap();
    drop(site);
    let lines = std::fs::read_to_string(&log).unwrap();
    assert!(lines.contains("/login/v2/flow/") && !lines.contains(token), "{lines}");
}
