//! PATCH of a part of a file (SabreDAV's `sabredav-partialupdate`), which a share allows by its policy `partial_updates`.

use std::fs;
use std::os::unix::fs::FileExt;
use std::sync::Barrier;
use std::thread;

use crate::locks::{holding, locked};
use crate::site::{Client, Reply, Request, Site, is_in_bucket};

const DIGITS: &[u8] = b"0123456789";
const PARTIAL_UPDATE: &str = "application/x-sabredav-partialupdate";
const FILE: &str = "/Projects/digits";

fn part<'a>(who: &'a Client, path: &str, range: &str) -> Request<'a> {
    who.ask("PATCH", path).with("Content-Type", PARTIAL_UPDATE).with("X-Update-Range", range)
}

fn patch(who: &Client, path: &str, range: &str, body: impl Into<Vec<u8>>) -> Reply {
    part(who, path, range).body(body).send()
}

fn allow(site: &Site, word: &str) {
    site.cli(&["share", "set", "Projects", "--policy", &format!("partial_updates={word}")]).ok();
}

fn digits() -> (Site, Client) {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.put(FILE, DIGITS).status(201);
    allow(&site, "allow");
    (site, ana)
}

#[test]
fn every_form_of_range_changes_these_bytes_and_no_others() {
    let (site, ana) = digits();
    for (range, body, expected) in [
        ("bytes=2-4", "abc", "01abc56789"),
        ("bytes=0-9", "abcdefghij", "abcdefghij"),
        ("bytes=8-11", "abcd", "01234567abcd"),
        ("bytes=7-", "a", "0123456a89"),
        ("bytes=7-", "abcdef", "0123456abcdef"),
        ("bytes=10-", "abc", "0123456789abc"),
        ("bytes=-3", "ab", "0123456ab9"),
        ("bytes=-3", "abcde", "0123456abcde"),
        ("bytes=-10", "a", "a123456789"),
        ("append", "abc", "0123456789abc"),
    ] {
        ana.put(FILE, DIGITS).status(204);
        let etag = patch(&ana, FILE, range, body).status(204).etag();
        let read = ana.get(FILE).status(200).body(expected);
        assert_eq!(read.etag(), etag, "{range}");
    }
    for range in ["bytes=0-2", "bytes=0-", "bytes=-0", "append"] {
        ana.put("/Projects/empty", "").status_in(&[201, 204]);
        patch(&ana, "/Projects/empty", range, "abc").status(204);
        ana.get("/Projects/empty").status(200).body("abc");
    }
    // The same by the URLs of Nextcloud's and ownCloud's clients.
    ana.put(FILE, DIGITS).status(204);
    let door = ana.raw("PATCH", "/remote.php/dav/files/ana/Projects/digits");
    door.with("Content-Type", PARTIAL_UPDATE).with("X-Update-Range", "append").body("ab").send().status(204);
    ana.get(FILE).status(200).body("0123456789ab");
    site.is_consistent();
}

#[test]
fn a_part_that_does_not_fit_changes_nothing() {
    let (site, ana) = digits();
    for (range, body, status) in [
        ("bytes=11-", "a", 416),
        ("bytes=11-11", "a", 416),
        ("bytes=-11", "a", 416),
        ("bytes=2-4", "ab", 400),
        ("bytes=2-4", "abcd", 400),
        ("bytes=4-2", "abc", 400),
        ("bytes=0-1,3-4", "abcd", 400),
        ("lines=1-2", "ab", 400),
        ("append", "", 400),
    ] {
        patch(&ana, FILE, range, body).status(status);
    }
    let kind = |kind: &str| ana.ask("PATCH", FILE).with("Content-Type", kind).with("X-Update-Range", "append");
    kind("application/octet-stream").body("abc").send().status(415);
    kind("application/x-sabredav-partialupdate; charset=x").body("").send().status(400);
    ana.ask("PATCH", FILE).with("X-Update-Range", "append").body("abc").send().status(415);
    ana.ask("PATCH", FILE).with("Content-Type", PARTIAL_UPDATE).body("abc").send().status(400);
    part(&ana, FILE, "append").chunks([&b"abc"[..]]).send().status(411);
    part(&ana, FILE, "append").with("Content-Range", "bytes 0-2/10").body("abc").send().status(400);
    part(&ana, FILE, "append").with("Content-Encoding", "gzip").body("abc").send().status(415);
    let checksum = "SHA1:a9993e364706816aba3e25717850c26c9cd0d89d";
    part(&ana, FILE, "append").with("OC-Checksum", checksum).body("abc").send().status(400);
    ana.ask("PUT", FILE).with("Content-Range", "bytes 0-2/10").body("abc").send().status(400);
    patch(&ana, "/Projects/missing", "append", "abc").status(404);
    patch(&ana, "/Projects", "append", "abc").status(405);
    patch(&ana, "/", "append", "abc").status(403);
    // Who goes away in the middle.
    let mut connection = ana.connect();
    connection.write(&part(&ana, FILE, "bytes=2-").with("Content-Length", "5").head()).expect("the server reads");
    connection.write(b"abc").expect("the server reads");
    connection.cut().expect("it is open");
    ana.get(FILE).status(200).body(DIGITS);
    ana.get("/Projects/missing").status(404);
    site.is_consistent();
}

#[test]
fn a_share_takes_parts_only_by_its_policy_and_says_so() {
    let site = Site::start();
    let [ana, vic] = site.team("Projects", [("ana", "co-owner"), ("vic", "viewer")]);
    ana.put(FILE, DIGITS).status(201);
    let options = |who: &Client, path: &str| who.ask("OPTIONS", path).send().status(200);
    for word in ["refuse", "allow", "inherit"] {
        allow(&site, word);
        let allowed = word == "allow";
        let (of_file, of_folder, of_viewer) = (options(&ana, FILE), options(&ana, "/Projects"), options(&vic, FILE));
        assert_eq!(of_file.list("allow").contains(&"PATCH"), allowed, "{}", of_file.told());
        assert_eq!(of_file.list("dav").contains(&"sabredav-partialupdate"), allowed, "{}", of_file.told());
        assert_eq!(of_file.list("accept-patch").contains(&PARTIAL_UPDATE), allowed, "{}", of_file.told());
        let by_door = ana.raw("OPTIONS", "/remote.php/dav/files/ana/Projects/digits").send().status(200);
        assert_eq!(by_door.list("allow"), of_file.list("allow"));
        assert_eq!(by_door.list("accept-patch"), of_file.list("accept-patch"));
        assert_eq!(of_folder.list("dav").contains(&"sabredav-partialupdate"), allowed, "{}", of_folder.told());
        for told in [&of_folder, &of_viewer] {
            assert!(!told.list("allow").contains(&"PATCH"), "{}", told.told());
        }
        if !allowed {
            let refused = patch(&ana, FILE, "append", "abc").status(405);
            assert!(refused.text().contains("partial_updates"), "{}", refused.told());
            assert!(!refused.list("allow").contains(&"PATCH"), "{}", refused.told());
            ana.get(FILE).status(200).body(DIGITS);
        }
    }
    // Whoever doesn't say who he is learns what the server knows.
    let anonymous = site.anonymous().raw("OPTIONS", "/dav/").send().status(200);
    assert!(["PATCH", "POST"].iter().all(|verb| anonymous.list("allow").contains(verb)), "{}", anonymous.told());
    // What an organization says holds for its shares.
    site.cli(&["org", "set", "Acme", "--policy", "partial_updates=allow"]).ok();
    patch(&ana, FILE, "append", "abc").status(204);
    site.cli(&["share", "set", "Projects", "--policy", "partial_updates=on"]).exits(2);
}

#[test]
fn a_part_needs_what_a_save_needs_and_leaves_a_revision_and_a_record() {
    let site = Site::start();
    let roles = ["co-owner", "collaborator", "editor", "web-editor", "viewer", "previewer", "uploader"];
    let [owner, collaborator, others @ ..] = site.team("Projects", roles.map(|role| (role, role)));
    owner.put(FILE, DIGITS).status(201);
    allow(&site, "allow");
    let gus = site.user("gus");
    for who in [&owner, &collaborator, &others[0]] {
        patch(who, FILE, "bytes=0-0", "x").status(204);
    }
    for who in &others[1..4] {
        patch(who, FILE, "bytes=0-0", "y").status(403);
    }
    for who in [&others[4], &gus] {
        patch(who, FILE, "bytes=0-0", "y").status(404);
        patch(who, "/Projects/missing", "bytes=0-0", "y").status(404);
    }
    owner.get(FILE).status(200).body("x123456789");
    let states = site.cli(&["revision", "list", FILE, "--json"]).ok().json();
    assert_eq!(states.as_array().map(Vec::len), Some(4), "{states}");
    assert_eq!(site.cli(&["revision", "get", FILE, "1"]).ok().stdout.as_bytes(), DIGITS);
    let records = site.cli(&["audit", "--verb", "PATCH", "--path", FILE, "--json"]).ok().stdout;
    assert_eq!(records.matches(r#""done""#).count(), 3, "{records}");
    site.is_consistent();
}

#[test]
fn conditions_locks_and_quota_hold_for_a_part() {
    let site = Site::start();
    let [ana, ben] = site.team("Projects", [("ana", "co-owner"), ("ben", "editor")]);
    let old = ana.put(FILE, DIGITS).status(201).etag();
    allow(&site, "allow");
    let new = part(&ben, FILE, "append").with("If-Match", &old).body("a").send().status(204).etag();
    part(&ben, FILE, "append").with("If-Match", &old).body("b").send().status(412);
    part(&ben, FILE, "bytes=99-").with("If-Match", &old).body("b").send().status(412);
    part(&ben, FILE, "append").with("If-None-Match", "*").body("b").send().status(412);
    part(&ben, FILE, "append").with("If-Match", &new).body("c").send().status(204);
    ana.get(FILE).status(200).body("0123456789ac");

    let token = locked(&ana, FILE);
    patch(&ben, FILE, "append", "d").status(423).condition("lock-token-submitted");
    patch(&ana, FILE, "append", "d").status(423);
    part(&ana, FILE, "append").with("If", holding(&token)).body("d").send().status(204);
    ana.get(FILE).status(200).body("0123456789acd");

    // Each state counts whole, as those of PUT do.
    let large = vec![7; 300_000];
    ana.put("/Projects/large", large.clone()).status(201);
    site.cli(&["share", "set", "Projects", "--quota", "400000"]).ok();
    patch(&ben, "/Projects/large", "bytes=0-0", "x").status(507).condition("quota-not-exceeded");
    site.cli(&["share", "set", "Projects", "--quota", "none", "--policy", "max_file_bytes=300000"]).ok();
    patch(&ben, "/Projects/large", "append", "x").status(413);
    ana.get("/Projects/large").status(200).body(&large);
    patch(&ben, "/Projects/large", "bytes=0-0", "x").status(204);
    site.is_consistent();
}

/// Whoever is told that his line was taken finds it in the file, once, and nobody else's is lost to it.
#[test]
fn of_many_who_append_at_the_same_time_nobody_loses_a_line() {
    const APPENDERS: usize = 8;
    const LINES: usize = 6;
    let (site, ana) = digits();
    // Also beyond what lies in the database, where reading the old content takes a while.
    for (name, begin) in [("small", 0), ("large", 700_000)] {
        let path = format!("/Projects/{name}");
        let first = vec![b'.'; begin];
        ana.put(&path, first.clone()).status(201);
        let together = Barrier::new(APPENDERS);
        let mut taken: Vec<String> = thread::scope(|scope| {
            let append = |n: usize| {
                let (ana, together, path) = (&ana, &together, &path);
                move || {
                    together.wait();
                    let lines = (0..LINES).map(|line| format!("\n{n}:{line};"));
                    let append = |line: &String| patch(ana, path, "append", line.as_str()).status_in(&[204, 412]);
                    lines.filter(|line| append(line).answer.status == 204).collect::<Vec<_>>()
                }
            };
            let appenders: Vec<_> = (0..APPENDERS).map(|n| scope.spawn(append(n))).collect();
            appenders.into_iter().flat_map(|one| one.join().expect("an appender does not panic")).collect()
        });
        let stored = ana.get(&path).status(200).answer.body;
        assert!(!taken.is_empty() && stored.starts_with(&first), "{name}");
        let text = String::from_utf8(stored[begin..].to_vec()).expect("lines of text");
        let mut found: Vec<String> = text.split_inclusive(';').map(str::to_owned).collect();
        found.sort();
        taken.sort();
        assert_eq!(found, taken, "{name}");
    }
    site.is_consistent();
}

/// The file has another content when the part has come: the part of the one before is not made one of this.
#[test]
fn a_save_while_a_part_is_on_its_way_is_not_undone() {
    let (site, ana) = digits();
    let mut slow = ana.connect();
    let begun = part(&ana, FILE, "bytes=2-3").with("Content-Length", "2").with("Expect", "100-continue");
    slow.write(&begun.head()).expect("the server reads");
    assert_eq!(slow.read_head().expect("an interim answer").0, 100);
    ana.put(FILE, "another state").status(204);
    slow.write(b"ab").expect("the server reads");
    assert_eq!(slow.read_answer("PATCH").expect("an answer").status, 412);
    ana.get(FILE).status(200).body("another state");
    site.is_consistent();
}

#[test]
fn a_part_of_a_large_file_is_exact_at_every_border() {
    let (site, ana) = digits();
    let mut content: Vec<u8> = (0..400_000_u32).flat_map(u32::to_le_bytes).collect();
    ana.put("/Projects/large", content.clone()).status(201);
    for (first, length) in [
        (0, 1),
        (16_384, 16_384),
        (262_143, 2),
        (262_144, 262_144),
        (1_000_000, 300_000),
        (1_599_999, 1),
        (1_599_990, 70),
    ] {
        let body: Vec<u8> = (0..length).map(|n| (n * 7 + first) as u8).collect();
        patch(&ana, "/Projects/large", &format!("bytes={first}-"), body.clone()).status(204);
        content.resize(content.len().max(first + length), 0);
        content[first..first + length].copy_from_slice(&body);
        ana.get("/Projects/large").status(200).body(&content);
    }
    site.is_consistent();
}

/// What has changed on the disk would have a right hash again in the new content.
#[test]
fn damaged_bytes_do_not_become_part_of_a_new_content() {
    if is_in_bucket() {
        return; // it takes hold of the files of contents
    }
    let (site, ana) = digits();
    let content: Vec<u8> = (0..900_007_u32).map(|n| (n * 31) as u8).collect();
    ana.put("/Projects/large", content.clone()).status(201);
    let mut folders = vec![site.data().join("blobs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the test owns the folder") {
            let entry = entry.expect("readable");
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else if entry.metadata().expect("readable").len() == content.len() as u64 {
                let file = fs::File::options().write(true).open(entry.path()).expect("the test owns the folder");
                file.write_all_at(&[content[600_000] ^ 1], 600_000).expect("the test owns the folder");
            }
        }
    }
    for range in ["bytes=0-0", "bytes=700000-700000"] {
        patch(&ana, "/Projects/large", range, "x").status(500);
    }
    patch(&ana, "/Projects/large", "append", "x").status(500);
    let states = site.cli(&["revision", "list", "/Projects/large", "--json"]).ok().json();
    assert_eq!(states.as_array().map(Vec::len), Some(1), "{states}");
    ana.put("/Projects/large", "whole again").status(204);
    patch(&ana, "/Projects/large", "append", "!").status(204);
    ana.get("/Projects/large").status(200).body("whole again!");
}

#[test]
fn of_a_file_of_more_than_a_gibibyte_no_part_is_replaced() {
    let (site, ana) = digits();
    let replace = |bytes: u64| {
        // As far as its row says: nobody writes so much for this.
        site.sql(&format!("update node set size = {bytes} where name = 'digits'"));
        patch(&ana, FILE, "bytes=0-2", "abc")
    };
    let refused = replace((1 << 30) + 1).status(413);
    assert!(refused.text().contains("1073741824"), "{}", refused.told());
    assert_ne!(replace(1 << 30).answer.status, 413);
}
