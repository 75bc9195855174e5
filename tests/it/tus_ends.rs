//! How uploads that can be resumed end: a file is made of each once, whatever its client sends again, and what nobody can go on with is gone.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;

use data_encoding::BASE64;

use crate::secure::{curl_speaks_http2, eventually};
use crate::site::{Connection, Depth, Site, basic};
use crate::tus::{CONTENT, LARGE, LOCK, begin, begun, bytes, is_at, named, offset, patch, patch_begun, shared, tus};

/// Of requests that ask for the same file at the same time, one is answered before anything can be written, and the other when it is made.
pub fn one_makes_the_file(
    site: &Site,
    method: &'static str,
    (refused, made): (u16, u16),
    ask: impl Fn() -> Connection,
) {
    let held = site.hold_writer();
    let (answers, answered) = channel();
    thread::scope(|scope| {
        for mut connection in [ask(), ask()] {
            let answers = answers.clone();
            scope.spawn(move || answers.send(connection.read_answer(method).expect("an answer").status));
        }
        let first = answered.recv();
        drop(held);
        assert_eq!((first, answered.recv()), (Ok(refused), Ok(made)));
    });
}

/// A proxy's time-out and its client's next try begin no second copy of all the pieces.
#[test]
fn of_two_last_bytes_at_the_same_time_one_makes_the_file_and_the_other_waits_for_nothing() {
    let site = Site::start_alone();
    let [ana] = site.team("Projects", [("ana", "collaborator")]);
    let whole = bytes(LARGE);
    for name in ["a.bin", "b.bin"] {
        let url = begun(&ana, name, LARGE);
        is_at(patch(&ana, &url, 0, &whole[..LARGE - 1]).send(), LARGE - 1);
        let last = || patch_begun(&ana, &url, (LARGE - 1, LARGE), &whole[LARGE - 1..]);
        one_makes_the_file(&site, "PATCH", (423, 204), last);
        assert_eq!(offset(&ana, &url), LARGE);
        ana.get(&format!("/Projects/{name}")).status(200).body(&whole);
    }
    site.is_consistent();
}

/// Nobody but the server knows the URL of an upload whose POST broke off.
#[test]
fn an_upload_whose_post_broke_off_is_gone() {
    let (site, ana, _) = shared();
    let uploads = || site.count("select count(*) from upload");
    let post = begin(&ana, "a.bin", LARGE).with("Content-Type", CONTENT).with("Content-Length", LARGE.to_string());
    for politely in [true, false] {
        let mut connection = ana.connect();
        connection.write(&post.head()).and_then(|()| connection.write(&bytes(100_000))).expect("the server reads");
        eventually("an upload begins", || uploads() == 1);
        match politely {
            true => connection.finish_writing().expect("it is open"),
            false => connection.cut().expect("it is open"),
        }
        eventually("the upload is gone", || uploads() == 0);
    }
    if !curl_speaks_http2() {
        return;
    }
    let authorization = basic("ana", &site.app_password("ana", "curl"));
    let begin = || {
        let mut curl = Command::new("curl")
            .args(["--silent", "--http2-prior-knowledge", "--request", "POST", "--upload-file", "-"])
            .args(["--header", "Tus-Resumable: 1.0.0", "--header", &format!("Content-Type: {CONTENT}")])
            .args(["--header", &format!("Upload-Metadata: {}", named("a.bin"))])
            .args(["--header", &format!("Upload-Length: {LARGE}")])
            .args(["--header", &format!("Authorization: {authorization}")])
            .arg(format!("http://{}/dav/Projects/", ana.host()))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("curl is installed");
        let input = curl.stdin.as_mut().expect("it was made with one");
        input.write_all(&bytes(100_000)).and_then(|()| input.flush()).expect("curl reads");
        curl
    };
    let end = |mut curl: Child| curl.kill().and_then(|()| curl.wait()).expect("it is the test's");
    let curl = begin();
    eventually("an upload begins", || uploads() == 1);
    end(curl);
    eventually("the upload is gone", || uploads() == 0);
    // While its row waits for being written; so much later both the beginning and the end of the request have come.
    let later = || (0..50).for_each(|_| drop(ana.get("/Projects").status(200)));
    let held = site.hold_writer();
    let curl = begin();
    later();
    end(curl);
    later();
    drop(held);
    ana.put("/Projects/behind.txt", "").status(201);
    eventually("the upload is gone", || uploads() == 0);
    site.is_consistent();
}

#[test]
fn a_time_can_be_told_twice() {
    let (_site, ana, _) = shared();
    let metadata = format!("{},mtime {}", named("a.txt"), BASE64.encode(b"1600000000"));
    let post = tus(&ana, "POST", "/dav/Projects/").with("Upload-Length", "3").with("Upload-Metadata", metadata);
    let begun = post.with("X-OC-Mtime", "1700000000").send().status(201);
    is_at(patch(&ana, begun.header("location"), 0, b"one").send(), 3);
    ana.get("/Projects/a.txt").status(200).says("last-modified", "Tue, 14 Nov 2023 22:13:20 GMT");
}

/// What is saved after a lock was taken away is kept beside the file: once, however often the end of it is sent.
#[test]
fn a_late_save_is_kept_once() {
    let (site, ana, _) = shared();
    ana.put("/Projects/a.txt", "old").status(201);
    let token = ana.ask("LOCK", "/Projects/a.txt").xml(LOCK).send().status(200).header("lock-token").to_owned();
    let url = begin(&ana, "a.txt", 5).with("If", format!("({token})")).send().status(201).header("location").to_owned();
    site.cli(&["lock", "break", "/Projects/a.txt"]).ok();
    let refused = patch(&ana, &url, 0, b"late!").send().status(412);
    assert!(refused.text().contains("a (collision 1 by ana).txt"), "{}", refused.told());
    patch(&ana, &url, 4, b"!").send().status(409);
    assert_eq!(offset(&ana, &url), 5);
    ana.get("/Projects/a.txt").status(200).body("old");
    ana.get("/Projects/a (collision 1 by ana).txt").status(200).body("late!");
    assert_eq!(ana.list("/Projects", Depth::One).paths().len(), 3);
    site.is_consistent();
}

#[test]
fn only_bytes_that_are_kept_prolong_an_upload() {
    let (site, ana, _) = shared();
    let url = begun(&ana, "a.bin", 10);
    site.sql("update upload set expires_at = expires_at - 3600000");
    let told = |reply: crate::site::Reply| reply.header("upload-expires").to_owned();
    let before = told(tus(&ana, "HEAD", &url).send().status_in(&[200]));
    assert_eq!(told(is_at(patch(&ana, &url, 0, b"").send(), 0)), before);
    let after = told(is_at(patch(&ana, &url, 0, b"1").send(), 1));
    assert_ne!(after, before);
    assert_eq!(told(tus(&ana, "HEAD", &url).send().status_in(&[200])), after);
}

#[test]
fn a_part_that_comes_no_further_is_408_and_kept() {
    let site = Site::start_with("[limits]\nbody_idle_timeout_s = 1\n");
    let [ana] = site.team("Projects", [("ana", "editor")]);
    let url = begun(&ana, "a.bin", 10);
    let mut connection = patch_begun(&ana, &url, (0, 10), b"12345");
    let refused = connection.read_answer("PATCH").expect("an answer");
    let text = String::from_utf8_lossy(&refused.body);
    assert!(refused.status == 408 && text.contains("HEAD") && !text.contains("Nothing was changed"), "{text}");
    assert_eq!(offset(&ana, &url), 5);
    is_at(patch(&ana, &url, 5, b"67890").send(), 10);
    ana.get("/Projects/a.bin").status(200).body("1234567890");
}

/// As that of any PUT is, whenever it was decided.
#[test]
fn a_denial_at_the_end_of_a_post_with_bytes_is_recorded_with_its_rule() {
    let (site, ana, _) = shared();
    let post = begin(&ana, "a.txt", 3).with("Content-Type", CONTENT).with("Content-Length", "3");
    let mut connection = ana.connect();
    connection.write(&post.head()).expect("the server reads");
    eventually("an upload begins", || site.count("select count(*) from upload") == 1);
    site.cli(&["share", "unsubscribe", "Projects", "--user", "ana"]).ok();
    site.cli(&["share", "subscribe", "Projects", "--user", "ana", "--role", "viewer"]).ok();
    connection.write(b"one").expect("the server reads");
    assert_eq!(connection.read_answer("POST").expect("an answer").status, 403);
    let denied = || site.cli(&["audit", "--user", "ana", "--denied", "--json"]).ok().json();
    eventually("the denial is recorded", || denied().as_array().is_some_and(|all| !all.is_empty()));
    let denied = denied();
    assert_eq!(denied[0]["path"], "/Projects/a.txt", "{denied:#}");
    assert!(denied[0]["rule"].as_str().unwrap().contains("`ana` may not create"), "{denied:#}");
}
