//! Uploads that can be resumed, as tus 1.0 has them (<https://tus.io/protocols/resumable-upload>): what is told, what is kept, and that a file is made of it
//! once. The real client: `litmus/tus.sh`.

use std::sync::Barrier;
use std::thread;

use data_encoding::{BASE64, HEXLOWER};
use sha1::{Digest, Sha1};

use crate::site::{Client, Connection, Reply, Request, Rng, Site};

pub const CONTENT: &str = "application/offset+octet-stream";
/// More than the database keeps in its rows, so that the bytes lie in a file.
pub const LARGE: usize = 300_000;
pub const LOCK: &str = r#"<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>"#;

/// Contents that nothing names go at once.
pub fn shared() -> (Site, Client, Client) {
    let site = Site::start_with("[storage]\ngc_grace_h = 0\n");
    let [ana, ben] = site.team("Projects", [("ana", "collaborator"), ("ben", "viewer")]);
    (site, ana, ben)
}

pub fn tus<'c>(who: &'c Client, method: &str, target: &str) -> Request<'c> {
    who.raw(method, target).with("Tus-Resumable", "1.0.0")
}

pub fn named(name: &str) -> String {
    format!("filename {}", BASE64.encode(name.as_bytes()))
}

/// A POST that begins an upload below `/dav/Projects/`.
pub fn begin<'c>(who: &'c Client, name: &str, size: usize) -> Request<'c> {
    tus(who, "POST", "/dav/Projects/").with("Upload-Length", size.to_string()).with("Upload-Metadata", named(name))
}

/// The URL of a new upload.
pub fn begun(who: &Client, name: &str, size: usize) -> String {
    let reply = begin(who, name, size).send().status(201).says("tus-resumable", "1.0.0");
    reply.header("upload-expires");
    reply.header("location").to_owned()
}

pub fn patch<'c>(who: &'c Client, url: &str, offset: usize, body: &[u8]) -> Request<'c> {
    tus(who, "PATCH", url).with("Upload-Offset", offset.to_string()).with("Content-Type", CONTENT).body(body)
}

pub fn offset(who: &Client, url: &str) -> usize {
    let reply = tus(who, "HEAD", url).send().status_in(&[200]);
    let reply = reply.says("cache-control", "no-store").says("tus-resumable", "1.0.0");
    reply.header("upload-offset").parse().unwrap()
}

pub fn is_at(reply: Reply, offset: usize) -> Reply {
    reply.status(204).says("upload-offset", &offset.to_string()).says("tus-resumable", "1.0.0")
}

/// Bytes that show where each of them belongs.
pub fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at % 251) as u8).collect()
}

#[test]
fn options_tells_what_the_server_can() {
    let (site, ana, _) = shared();
    for target in ["/dav/", "/dav/Projects/", "/tus/", "/remote.php/dav/files/ana/Projects/"] {
        for who in [&site.anonymous(), &ana] {
            let told = who.raw("OPTIONS", target).send().status_in(&[200, 204]);
            let told = told.says("tus-version", "1.0.0").says("tus-resumable", "1.0.0");
            let told = told.says("tus-max-size", &(100_u64 << 30).to_string());
            assert_eq!(
                told.list("tus-extension"),
                ["creation", "creation-with-upload", "checksum", "expiration", "termination"]
            );
            assert_eq!(told.list("tus-checksum-algorithm"), ["sha1", "sha256", "md5", "adler32"]);
        }
    }
}

#[test]
fn a_file_comes_piece_by_piece_and_is_the_file_once() {
    let (site, ana, ben) = shared();
    let whole = bytes(LARGE);
    let metadata = format!("{},mtime {},kept", named("plan ü.bin"), BASE64.encode(b"1700000000"));
    let reply = tus(&ana, "POST", "/dav/Projects")
        .with("Upload-Length", LARGE.to_string())
        .with("Upload-Metadata", &metadata)
        .send()
        .status(201);
    let url = reply.header("location").to_owned();
    assert_eq!(offset(&ana, &url), 0);
    let mut at = 0;
    for count in [1, 99_999, 0, 100_000, 50_000] {
        at += count;
        is_at(patch(&ana, &url, at - count, &whole[at - count..at]).send(), at).header("upload-expires");
        assert_eq!(offset(&ana, &url), at);
    }
    let told = tus(&ana, "HEAD", &url).send().status_in(&[200]);
    told.says("upload-length", &LARGE.to_string()).says("upload-metadata", &metadata);
    ana.get("/Projects/plan ü.bin").status(404);
    let made = is_at(patch(&ana, &url, at, &whole[at..]).send(), LARGE);
    let etag = made.header("etag").to_owned();
    let file = ben.get("/Projects/plan ü.bin").status(200).body(&whole);
    assert_eq!(file.header("etag"), etag);
    assert_eq!(file.header("last-modified"), "Tue, 14 Nov 2023 22:13:20 GMT");
    // Whoever missed the answer learns that it is made; no more can come, and it isn't made again.
    assert_eq!(offset(&ana, &url), LARGE);
    patch(&ana, &url, LARGE - 1, &whole[LARGE - 1..]).send().status(409);
    patch(&ana, &url, LARGE, b"x").send().status(413);
    is_at(patch(&ana, &url, LARGE, b"").send(), LARGE);
    assert_eq!(ana.get("/Projects/plan ü.bin").header("etag"), etag);
    tus(&ana, "DELETE", &url).send().status(204);
    ana.get("/Projects/plan ü.bin").status(200);
    site.is_consistent();
}

/// Where a PUT of the file would be refused nothing has to be sent first.
#[test]
fn an_upload_is_refused_at_once_where_a_put_would_be() {
    let site = Site::start_with("[limits]\nupload_bytes_max = 2000\n");
    let [ana, ben] = site.team("Projects", [("ana", "collaborator"), ("ben", "viewer")]);
    site.cli(&["share", "set", "Projects", "--policy", "excluded_extensions=exe"]).ok();
    ana.put("/Projects/a.txt", "one").status(201);
    let lock = ana.ask("LOCK", "/Projects/locked.txt").xml(LOCK).send().status(201).header("lock-token").to_owned();
    begin(&ben, "mine.txt", 10).send().status(403);
    let to = |who: &Client, target: &str, name: &str| {
        let post = tus(who, "POST", target).with("Upload-Length", "10").with("Upload-Metadata", named(name));
        post.send().answer.status
    };
    assert_eq!(to(&ana, "/dav/Nothing/", "a.txt"), 404);
    assert_eq!(to(&ana, "/dav/", "a.txt"), 403);
    assert_eq!(to(&ana, "/dav/Projects/missing/", "a.txt"), 409);
    for bad in ["", ".", "..", "a/b", "../b"] {
        assert_eq!(to(&ana, "/dav/Projects/", bad), 400, "{bad}");
    }
    assert_eq!(to(&ana, "/dav/Projects/", "a.exe"), 403);
    assert_eq!(to(&ana, "/dav/Projects/", "locked.txt"), 423);
    begin(&ana, "locked.txt", 1).with("If", format!("({lock})")).send().status(201);
    begin(&ana, "a.txt", 10).with("If-None-Match", "*").send().status(412);
    begin(&ana, "a.txt", 10).with("If-Match", "\"other\"").send().status(412);
    begin(&ana, "large.txt", 2001).send().status(413);
    site.cli(&["share", "set", "Projects", "--quota", "1000"]).ok();
    begin(&ana, "large.txt", 1001).send().status(507);
    begin(&ana, "large.txt", 900).send().status(201);
    let post = |headers: &[(&str, &str)]| {
        let post = headers.iter().fold(ana.raw("POST", "/dav/Projects/"), |post, (name, value)| post.with(name, value));
        post.send().answer.status
    };
    let name = named("b.txt");
    let (version, length, metadata) =
        (("Tus-Resumable", "1.0.0"), ("Upload-Length", "10"), ("Upload-Metadata", name.as_str()));
    assert_eq!(post(&[("Tus-Resumable", "0.2.2"), length, metadata]), 412);
    assert_eq!(post(&[length, metadata]), 412);
    assert_eq!(post(&[version, metadata]), 400);
    assert_eq!(post(&[version, ("Upload-Defer-Length", "1"), metadata]), 400);
    assert_eq!(post(&[version, ("Upload-Length", "-1"), metadata]), 400);
    assert_eq!(post(&[version, length]), 400);
    assert_eq!(post(&[version, length, ("Upload-Metadata", "filename !")]), 400);
    assert_eq!(post(&[version, length, ("Upload-Metadata", "filename YQ==,mtime bm93")]), 400);
    // Without a word of tus it is the POST that it always was.
    assert_eq!(post(&[]), 405);
    site.is_consistent();
}

#[test]
fn an_upload_is_its_own_persons_and_no_other_doors() {
    let (_site, ana, ben) = shared();
    let url = begun(&ana, "a.bin", 10);
    is_at(patch(&ana, &url, 0, b"12345").send(), 5);
    tus(&ben, "HEAD", &url).send().status_in(&[404]);
    patch(&ben, &url, 5, b"67890").send().status(404);
    tus(&ben, "DELETE", &url).send().status(404);
    // By the other doors for uploads in pieces it isn't there either.
    let id = url.strip_prefix("/tus/").unwrap();
    for name in [id.to_owned(), format!(".{id}"), format!("%2e{id}")] {
        let there = format!("/remote.php/dav/uploads/ana/{name}");
        ana.raw("PUT", &format!("{there}/7")).body("x").send().status_in(&[400, 404]);
        ana.raw("DELETE", &there).send().status_in(&[400, 404]);
    }
    ana.raw("MKCOL", "/remote.php/dav/uploads/ana/1").send().status(201);
    tus(&ana, "HEAD", "/tus/1").send().status_in(&[404]);
    tus(&ana, "HEAD", "/tus/").send().status_in(&[404]);
    assert_eq!(offset(&ana, &url), 5);
    // What it becomes is decided when it is made.
    is_at(patch(&ana, &url, 5, b"67890").send(), 10);
    ana.get("/Projects/a.bin").status(200).body("1234567890");
}

#[test]
fn a_step_that_is_none_changes_nothing() {
    let (_site, ana, _) = shared();
    let url = begun(&ana, "a.bin", 10);
    let plain = |method: &str| ana.raw(method, &url).with("Upload-Offset", "0").with("Content-Type", CONTENT);
    plain("PATCH").body("x").send().status(412).says("tus-version", "1.0.0");
    plain("PATCH").with("Tus-Resumable", "0.2.1").body("x").send().status(412);
    ana.raw("HEAD", &url).send().status_in(&[412]);
    let with = |name: &str, value: &str| tus(&ana, "PATCH", &url).with(name, value);
    with("Upload-Offset", "0").body("x").send().status(415);
    with("Upload-Offset", "0").with("Content-Type", "text/plain").body("x").send().status(415);
    with("Content-Type", CONTENT).body("x").send().status(400);
    with("Content-Type", CONTENT).with("Upload-Offset", "one").body("x").send().status(400);
    patch(&ana, &url, 1, b"x").send().status(409).says("tus-resumable", "1.0.0");
    patch(&ana, &url, 0, b"12345678901").send().status(413);
    let chunks = tus(&ana, "PATCH", &url).with("Upload-Offset", "0").with("Content-Type", CONTENT);
    chunks.chunks([&b"123456"[..], b"78901"]).send().status(413);
    tus(&ana, "GET", &url).send().status(405).says("allow", "OPTIONS, HEAD, PATCH, POST, DELETE");
    tus(&ana, "PUT", &url).body("x").send().status(405);
    assert_eq!(offset(&ana, &url), 0);
    let chunks = tus(&ana, "PATCH", &url).with("Upload-Offset", "0").with("Content-Type", CONTENT);
    is_at(chunks.chunks([&b"12"[..], b"34"]).send(), 4);
    // For clients that can't send PATCH.
    let post = tus(&ana, "POST", &url).with("X-HTTP-Method-Override", "PATCH");
    is_at(post.with("Upload-Offset", "4").with("Content-Type", CONTENT).body("567890").send(), 10);
    ana.get("/Projects/a.bin").status(200).body("1234567890");
}

#[test]
fn a_checksum_that_is_another_leaves_the_offset() {
    let (_site, ana, _) = shared();
    let whole = bytes(LARGE);
    let url = begun(&ana, "a.bin", LARGE);
    let sha1 = |part: &[u8]| format!("sha1 {}", BASE64.encode(&Sha1::digest(part)));
    let (one, two) = whole.split_at(200_000);
    is_at(patch(&ana, &url, 0, one).with("Upload-Checksum", sha1(one)).send(), one.len());
    patch(&ana, &url, one.len(), two).with("Upload-Checksum", sha1(one)).send().status(460);
    patch(&ana, &url, one.len(), two).with("Upload-Checksum", "crc32 AAAAAA==").send().status(400);
    assert_eq!(offset(&ana, &url), one.len());
    // Of a part nobody knows whether it is right.
    let cut = patch(&ana, &url, one.len(), two).with("Upload-Checksum", sha1(two));
    let mut connection = ana.connect();
    connection.write(&cut.head()).and_then(|()| connection.write(&two[..50_000])).unwrap();
    connection.finish_writing().unwrap();
    let answer = String::from_utf8_lossy(&connection.read_to_close().unwrap_or_default()).into_owned();
    assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    assert_eq!(offset(&ana, &url), one.len());
    is_at(patch(&ana, &url, one.len(), two).with("Upload-Checksum", sha1(two)).send(), LARGE);
    ana.get("/Projects/a.bin").status(200).body(&whole);
    // The checksum of the whole file is compared when it is made.
    let checksum = |part: &[u8]| format!("SHA1:{}", HEXLOWER.encode(&Sha1::digest(part)));
    for (said, status) in [(checksum(one), 400), (checksum(&whole), 204)] {
        let begun = begin(&ana, "b.bin", LARGE).with("OC-Checksum", said).send().status(201);
        patch(&ana, begun.header("location"), 0, &whole).send().status(status);
    }
    ana.get("/Projects/b.bin").status(200).body(&whole);
}

/// Sends the head of a PATCH that announces everything from `offset` on, and a part of it.
pub fn patch_begun(ana: &Client, url: &str, (offset, size): (usize, usize), part: &[u8]) -> Connection {
    let head = tus(ana, "PATCH", url).with("Upload-Offset", offset.to_string()).with("Content-Type", CONTENT);
    let head = head.with("Content-Length", (size - offset).to_string()).head();
    let mut connection = ana.connect();
    connection.write(&head).and_then(|()| connection.write(part)).expect("the server reads");
    connection
}

#[test]
fn what_came_before_a_connection_broke_is_kept() {
    let (site, ana, _) = shared();
    let whole = bytes(LARGE);
    let url = begun(&ana, "a.bin", LARGE);
    let mut connection = patch_begun(&ana, &url, (0, LARGE), &whole[..100_000]);
    connection.finish_writing().unwrap();
    let _ = connection.read_to_close();
    assert_eq!(offset(&ana, &url), 100_000);
    patch_begun(&ana, &url, (100_000, LARGE), &whole[100_000..200_000]).cut().unwrap();
    // A reset may take bytes with it that the server has not read yet; what it has read it keeps, as soon as it sees the end.
    let at = loop {
        match offset(&ana, &url) {
            100_000 => match patch(&ana, &url, 100_000, &whole[100_000..100_001]).send().answer.status {
                204 => break 100_001,
                _ => continue,
            },
            at => break at,
        }
    };
    assert!((100_001..=200_000).contains(&at), "{at}");
    // The last byte is kept in the file and nowhere else: whatever breaks off, no offset says that all is there before it is the file.
    let mut connection = patch_begun(&ana, &url, (at, LARGE), &whole[at..LARGE - 1]);
    connection.finish_writing().unwrap();
    let _ = connection.read_to_close();
    assert_eq!(offset(&ana, &url), LARGE - 1);
    ana.get("/Projects/a.bin").status(404);
    is_at(patch(&ana, &url, LARGE - 1, &whole[LARGE - 1..]).send(), LARGE).header("etag");
    ana.get("/Projects/a.bin").status(200).body(&whole);
    site.is_consistent();
}

#[test]
fn of_two_requests_with_the_same_bytes_one_is_refused() {
    let (site, ana, _) = shared();
    let whole = bytes(40_000);
    for round in 0..12 {
        let url = begun(&ana, &format!("{round}.bin"), whole.len());
        let at = if round % 2 == 0 { 0 } else { 20_000 };
        is_at(patch(&ana, &url, 0, &whole[..at]).send(), at);
        // Half of the rounds with the bytes that complete it.
        let end = if round % 4 < 2 { whole.len() } else { at + 10_000 };
        let barrier = Barrier::new(2);
        let mut statuses: Vec<u16> = thread::scope(|scope| {
            let both: Vec<_> = (0..2)
                .map(|_| {
                    let (ana, barrier, part, url) = (ana.clone(), &barrier, &whole[at..end], &url);
                    scope.spawn(move || {
                        barrier.wait();
                        patch(&ana, url, at, part).send().answer.status
                    })
                })
                .collect();
            both.into_iter().map(|one| one.join().expect("an answer")).collect()
        });
        statuses.sort_unstable();
        assert!(matches!(statuses[..], [204, 409 | 423]), "{statuses:?}");
        assert_eq!(offset(&ana, &url), end);
        if end < whole.len() {
            is_at(patch(&ana, &url, end, &whole[end..]).send(), whole.len());
        }
        ana.get(&format!("/Projects/{round}.bin")).status(200).body(&whole);
    }
    site.is_consistent();
}

#[test]
fn no_offset_that_was_told_is_lost_by_a_kill() {
    let (mut site, ana, _) = shared();
    let mut rng = Rng::seeded();
    for round in 0..4 {
        let (name, whole) = (format!("{round}.bin"), bytes(LARGE));
        let url = begun(&ana, &name, LARGE);
        let mut told = 0;
        while told < LARGE {
            let end = (told + 1 + rng.below(80_000)).min(LARGE);
            is_at(patch(&ana, &url, told, &whole[told..end]).send(), end);
            told = end;
            if rng.once_in(3) && told < LARGE {
                // In the middle of one, too.
                let more = patch_begun(&ana, &url, (told, LARGE), &whole[told..LARGE.min(told + 20_000)]);
                site.kill9();
                drop(more);
                site.restart();
                site.cli(&["gc"]).ok();
                let found = offset(&ana, &url);
                assert!((told..LARGE).contains(&found), "{found} after {told}");
                told = found;
            }
        }
        site.kill9();
        site.restart();
        assert_eq!(offset(&ana, &url), LARGE);
        ana.get(&format!("/Projects/{name}")).status(200).body(&whole);
        let states = site.cli(&["revision", "list", &format!("/Projects/{name}"), "--json"]).ok().json();
        assert_eq!(states.as_array().map(Vec::len), Some(1), "{states}");
    }
    site.is_consistent();
}

#[test]
fn a_kill_while_the_file_is_made_leaves_it_made_once_or_to_be_made() {
    let (mut site, ana, _) = shared();
    let mut rng = Rng::seeded();
    let whole = bytes(LARGE);
    for round in 0..8 {
        let name = format!("/Projects/{round}.bin");
        let url = begun(&ana, &format!("{round}.bin"), LARGE);
        is_at(patch(&ana, &url, 0, &whole[..200_000]).send(), 200_000);
        let last = patch_begun(&ana, &url, (200_000, LARGE), &whole[200_000..]);
        for _ in 0..rng.below(20_000) {
            thread::yield_now();
        }
        site.kill9();
        drop(last);
        site.restart();
        let at = offset(&ana, &url);
        if at == LARGE {
            ana.get(&name).status(200).body(&whole);
        } else {
            assert!((200_000..LARGE).contains(&at), "{at}");
            ana.get(&name).status(404);
            is_at(patch(&ana, &url, at, &whole[at..]).send(), LARGE);
            ana.get(&name).status(200).body(&whole);
        }
        let states = site.cli(&["revision", "list", &name, "--json"]).ok().json();
        assert_eq!(states.as_array().map(Vec::len), Some(1), "{states}");
    }
    site.is_consistent();
}

/// A long request is kept while it comes, not at its end.
#[test]
fn a_kill_in_the_middle_of_a_long_request_loses_little_of_it() {
    const SLICE: usize = 32 << 20;
    let (mut site, ana, _) = shared();
    let whole = bytes(SLICE + SLICE / 4);
    let url = begun(&ana, "long.bin", whole.len());
    let connection = patch_begun(&ana, &url, (0, whole.len()), &whole[..whole.len() - 1]);
    while offset(&ana, &url) == 0 {
        thread::yield_now();
    }
    site.kill9();
    drop(connection);
    site.restart();
    let at = offset(&ana, &url);
    assert!((SLICE..whole.len()).contains(&at), "{at}");
    is_at(patch(&ana, &url, at, &whole[at..]).send(), whole.len());
    ana.get("/Projects/long.bin").status(200).body(&whole);
}

#[test]
fn what_counts_for_the_file_is_looked_at_when_it_is_made() {
    let (site, ana, _) = shared();
    let etag = ana.put("/Projects/a.txt", "one").status(201).etag();
    // Somebody else locks it meanwhile; the upload waits.
    let url = begin(&ana, "a.txt", 5).with("If-Match", &etag).send().status(201).header("location").to_owned();
    let token = ana.ask("LOCK", "/Projects/a.txt").xml(LOCK).send().status(200).header("lock-token").to_owned();
    patch(&ana, &url, 0, b"later").send().status(423);
    assert_eq!(offset(&ana, &url), 4);
    // What the last PATCH says counts, too.
    let locked = format!("({token})");
    is_at(patch(&ana, &url, 4, b"r").with("If", &locked).send(), 5);
    ana.get("/Projects/a.txt").status(200).body("later");
    // And a lock that the POST named.
    let url = begin(&ana, "a.txt", 5).with("If", &locked).send().status(201).header("location").to_owned();
    is_at(patch(&ana, &url, 0, b"again").send(), 5);
    ana.ask("UNLOCK", "/Projects/a.txt").with("Lock-Token", &token).send().status(204);
    // Another state than the one that the POST named.
    let etag = ana.get("/Projects/a.txt").etag();
    let url = begin(&ana, "a.txt", 5).with("If-Match", &etag).send().status(201).header("location").to_owned();
    let fresh = begin(&ana, "b.txt", 5).with("If-None-Match", "*").send().status(201).header("location").to_owned();
    ana.put("/Projects/a.txt", "meanwhile").status(204);
    ana.put("/Projects/b.txt", "meanwhile").status(201);
    for url in [&url, &fresh] {
        patch(&ana, url, 0, b"mine!").send().status(412);
        assert_eq!(offset(&ana, url), 4);
    }
    let etag = ana.get("/Projects/a.txt").etag();
    is_at(patch(&ana, &url, 4, b"!").with("If-Match", &etag).send(), 5);
    ana.get("/Projects/a.txt").status(200).body("mine!");
    ana.get("/Projects/b.txt").status(200).body("meanwhile");
    // Rights that were taken away since.
    let url = begun(&ana, "c.txt", 5);
    site.cli(&["share", "unsubscribe", "Projects", "--user", "ana"]).ok();
    patch(&ana, &url, 0, b"mine!").send().status(404);
    site.cli(&["share", "subscribe", "Projects", "--user", "ana", "--role", "viewer"]).ok();
    patch(&ana, &url, 4, b"!").send().status(403);
    site.is_consistent();
}

#[test]
fn an_empty_file_and_one_whose_bytes_come_along_need_no_more_requests() {
    let (site, ana, _) = shared();
    let made =
        begin(&ana, "empty.txt", 0).send().status(201).says("upload-offset", "0").says_nothing_of("upload-expires");
    made.header("etag");
    assert_eq!(offset(&ana, made.header("location")), 0);
    is_at(patch(&ana, made.header("location"), 0, b"").send(), 0);
    ana.get("/Projects/empty.txt").status(200).body("");
    let along = |name: &str, size: usize| begin(&ana, name, size).with("Content-Type", CONTENT);
    let made = along("a.txt", 3).body("one").send().status(201).says("upload-offset", "3");
    made.header("etag");
    ana.get("/Projects/a.txt").status(200).body("one");
    let part = along("b.txt", 6).body("one").send().status(201).says("upload-offset", "3");
    is_at(patch(&ana, part.header("location"), 3, b"two").send(), 6);
    ana.get("/Projects/b.txt").status(200).body("onetwo");
    begin(&ana, "c.txt", 3).body("one").send().status(415);
    along("c.txt", 2).body("one").send().status(413);
    along("empty2.txt", 0).body("one").send().status(413);
    along("c.txt", 3).with("Upload-Checksum", "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=").body("one").send().status(460);
    for name in ["c.txt", "empty2.txt"] {
        ana.get(&format!("/Projects/{name}")).status(404);
    }
    site.is_consistent();
}

#[test]
fn an_upload_ends_when_it_is_given_up_or_nobody_goes_on() {
    let (site, ana, _) = shared();
    let given_up = begun(&ana, "a.bin", LARGE);
    let left = begun(&ana, "b.bin", LARGE);
    for url in [&given_up, &left] {
        is_at(patch(&ana, url, 0, &bytes(100_000)).send(), 100_000);
    }
    tus(&ana, "DELETE", &given_up).send().status(204);
    tus(&ana, "DELETE", &given_up).send().status(404);
    tus(&ana, "HEAD", &given_up).send().status_in(&[404]);
    site.sql("update upload set expires_at = 1");
    tus(&ana, "HEAD", &left).send().status_in(&[404]);
    patch(&ana, &left, 100_000, b"x").send().status(404);
    site.cli(&["job", "run", "sweep-locks"]).ok();
    site.cli(&["gc"]).ok();
    assert_eq!(site.blobs(), 0);
    site.is_consistent();
}

#[test]
fn what_is_on_its_way_is_bounded_and_what_is_made_is_not_counted() {
    let site = Site::start_with("[limits]\npieces_bytes_max = 1000\n");
    let [ana] = site.team("Projects", [("ana", "collaborator")]);
    ana.raw("OPTIONS", "/dav/").send().status(200).says("tus-max-size", "1000");
    begin(&ana, "a.bin", 1001).send().status(413);
    let one = begun(&ana, "a.bin", 1000);
    let two = begun(&ana, "b.bin", 1000);
    is_at(patch(&ana, &one, 0, &bytes(600)).send(), 600);
    patch(&ana, &two, 0, &bytes(401)).send().status(507);
    is_at(patch(&ana, &two, 0, &bytes(400)).send(), 400);
    patch(&ana, &two, 400, &bytes(1)).send().status(507);
    tus(&ana, "DELETE", &one).send().status(204);
    is_at(patch(&ana, &two, 400, &bytes(600)).send(), 1000);
    // More files than somebody may have uploads.
    for number in 0..110 {
        begin(&ana, &format!("{number}.txt"), 2).with("Content-Type", CONTENT).body("ok").send().status(201);
    }
    for number in 0..100 {
        begun(&ana, &format!("more-{number}.txt"), 2);
    }
    begin(&ana, "more.txt", 2).send().status(507);
    site.is_consistent();
}

#[test]
fn the_clients_of_other_servers_begin_one_under_their_urls() {
    let (_site, ana, ben) = shared();
    let there = "/remote.php/dav/files/ana/Projects/";
    let post = |who: &Client, target: &str| {
        tus(who, "POST", target).with("Upload-Length", "3").with("Upload-Metadata", named("a.txt")).send()
    };
    post(&ben, there).status(404);
    post(&ben, "/remote.php/webdav/Projects/").status(403);
    let url = post(&ana, there).status(201).header("location").to_owned();
    let made = is_at(patch(&ana, &url, 0, b"one").send(), 3);
    made.header("oc-fileid");
    assert_eq!(made.header("oc-etag"), made.header("etag"));
    ana.get("/Projects/a.txt").status(200).body("one");
    let lock = ana.ask("LOCK", "/Projects/a.txt").xml(LOCK).send().status(200).header("lock-token").to_owned();
    let refused = post(&ana, there).status(423);
    assert!(refused.text().contains(&format!("href>{there}a.txt<")), "{}", refused.told());
    let own = format!("<{there}a.txt> ({lock})");
    let url =
        tus(&ana, "POST", there).with("Upload-Length", "3").with("Upload-Metadata", named("a.txt")).with("If", own);
    let url = url.send().status(201).header("location").to_owned();
    is_at(patch(&ana, &url, 0, b"two").send(), 3);
    ana.get("/Projects/a.txt").status(200).body("two");
}
