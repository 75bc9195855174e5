//! What a PUT promises: the old bytes or the new ones, whole, for every reader, whatever happens on the way.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::site::{Client, Connection, Depth, Rng, Site, chunk};

/// More than the database keeps in its rows, so that the bytes lie in a file.
const LARGE: usize = 300_000;

/// Traps 8 and 27.
#[test]
fn a_cut_upload_leaves_the_old_bytes() {
    let (site, ana) = share();
    let old = vec![b'o'; LARGE];
    let new = vec![b'n'; LARGE];
    ana.put("/Projects/kept.bin", old.clone()).status(201);
    // (what is sent before the line goes dead, whether as chunks)
    let cuts: &[(usize, bool)] =
        &[(0, false), (1, false), (16_000, false), (LARGE - 1, false), (0, true), (16_000, true), (LARGE, true)];
    for &(sent, as_chunks) in cuts {
        for path in ["/Projects/kept.bin", "/Projects/never.bin"] {
            for politely in [true, false] {
                let mut connection = begin_upload(&ana, path, &new[..sent], as_chunks);
                if politely {
                    // The server sees the end, answers or not, and closes: then the upload is over.
                    connection.finish_writing().expect("a connection can be half closed");
                    let answer = String::from_utf8_lossy(&connection.read_to_close().unwrap_or_default()).into_owned();
                    assert!(!answer.starts_with("HTTP/1.1 2"), "a cut upload is no success: {answer}");
                } else {
                    connection.cut().expect("a connection can be reset");
                }
            }
        }
        ana.get("/Projects/kept.bin").status(200).body(&old);
        ana.get("/Projects/never.bin").status(404);
    }
    ana.put("/Projects/kept.bin", new.clone()).status(204);
    ana.get("/Projects/kept.bin").status(200).body(&new);
    site.is_consistent();
}

/// Sends the head of an upload of `LARGE` bytes and a part of its body, without an end.
fn begin_upload(ana: &Client, path: &str, part: &[u8], as_chunks: bool) -> Connection {
    let mut connection = ana.connect();
    let head = ana.ask("PUT", path);
    let (head, body) = if as_chunks {
        let body: Vec<u8> = part.chunks(10_000).flat_map(chunk).collect();
        (head.with("Transfer-Encoding", "chunked").head(), body)
    } else {
        (head.with("Content-Length", LARGE.to_string()).head(), part.to_vec())
    };
    connection.write(&head).and_then(|()| connection.write(&body)).expect("the server reads");
    connection
}

/// Trap 27: while an upload is on its way, readers see the old version.
#[test]
fn a_running_upload_shows_nothing_of_itself() {
    let (_site, ana) = share();
    ana.put("/Projects/a.bin", "old").status(201);
    let new = vec![b'n'; LARGE];
    let mut over = begin_upload(&ana, "/Projects/a.bin", &new[..LARGE - 1], false);
    let mut fresh = begin_upload(&ana, "/Projects/b.bin", &new[..LARGE - 1], false);
    ana.get("/Projects/a.bin").status(200).body("old");
    ana.get("/Projects/b.bin").status(404);
    assert_eq!(ana.list("/Projects", Depth::One).paths(), ["/Projects/", "/Projects/a.bin"]);
    for (connection, status) in [(&mut over, 204), (&mut fresh, 201)] {
        connection.write(b"n").expect("the server reads");
        assert_eq!(connection.read_answer("PUT").expect("an answer").status, status);
    }
    ana.get("/Projects/a.bin").status(200).body(&new);
    ana.get("/Projects/b.bin").status(200).body(&new);
}

/// Every version is one byte, repeated: two kinds of byte in one answer would be two versions.
#[test]
fn readers_never_see_a_torn_file_while_it_is_overwritten() {
    let (site, ana) = share();
    // Small versions lie in the database, large ones in files; the name goes back and forth.
    let version = |n: usize| vec![n as u8; if n.is_multiple_of(2) { LARGE } else { 9_000 }];
    ana.put("/Projects/a.bin", version(0)).status(201);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            let (reader, done) = (ana.clone(), &done);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let reply = reader.get("/Projects/a.bin").status(200);
                    let kinds: BTreeSet<u8> = reply.answer.body.iter().copied().collect();
                    assert!(kinds.len() == 1 && [9_000, LARGE].contains(&reply.answer.body.len()), "torn: {kinds:?}");
                }
            });
        }
        for n in 1..=300 {
            ana.put("/Projects/a.bin", version(n)).status(204);
        }
        done.store(true, Ordering::Relaxed);
    });
    ana.get("/Projects/a.bin").status(200).body(version(300));
    site.is_consistent();
}

/// Trap 27: decided by the unique key of the name, not by a look before.
#[test]
fn of_sixteen_who_create_one_file_exactly_one_does() {
    let (_site, ana) = share();
    for round in 0..8 {
        let path = format!("/Projects/race-{round}.txt");
        let barrier = Barrier::new(16);
        let statuses: Vec<u16> = thread::scope(|scope| {
            let race = |n: usize| {
                let (ana, path, barrier) = (ana.clone(), &path, &barrier);
                scope.spawn(move || {
                    let request = ana.ask("PUT", path).with("If-None-Match", "*").body(n.to_string());
                    barrier.wait();
                    request.send().answer.status
                })
            };
            let racers: Vec<_> = (0..16).map(race).collect();
            racers.into_iter().map(|racer| racer.join().expect("a racer gets an answer")).collect()
        });
        assert_eq!(statuses.iter().filter(|&&status| status == 201).count(), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|&&status| status == 412).count(), 15, "{statuses:?}");
    }
}

/// If-Match is decided where the change is made: of two who read the same version one saves.
#[test]
fn of_sixteen_who_save_over_one_version_exactly_one_does() {
    let (_site, ana) = share();
    let etag = ana.put("/Projects/a.txt", "v1").status(201).etag();
    let barrier = Barrier::new(16);
    let statuses: Vec<u16> = thread::scope(|scope| {
        let race = |n: usize| {
            let (ana, etag, barrier) = (ana.clone(), &etag, &barrier);
            scope.spawn(move || {
                let request = ana.ask("PUT", "/Projects/a.txt").with("If-Match", etag).body(vec![n as u8; 20_000]);
                barrier.wait();
                request.send().answer.status
            })
        };
        let racers: Vec<_> = (0..16).map(race).collect();
        racers.into_iter().map(|racer| racer.join().expect("a racer gets an answer")).collect()
    });
    assert_eq!(statuses.iter().filter(|&&status| status == 204).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|&&status| status == 412).count(), 15, "{statuses:?}");
}

/// Trap 48: a refused body is read to its end, or the connection is closed after the answer; never is a part of the body
/// taken for the next request.
#[test]
fn a_refused_upload_leaves_a_connection_that_works_or_is_closed() {
    let site = Site::start();
    let [owner, viewer] = site.team("Projects", [("olga", "co-owner"), ("vic", "viewer")]);
    owner.put("/Projects/a.txt", "old").status(201);
    // A body that would be a request, if it were read as one.
    let smuggled = owner.ask("DELETE", "/Projects/a.txt").head();
    for (who, expected) in [(&site.anonymous(), 401), (&viewer, 403)] {
        for size in [smuggled.len(), 100_000, 4 << 20] {
            let body: Vec<u8> = smuggled.iter().copied().cycle().take(size).collect();
            for request in [
                who.ask("PUT", "/Projects/a.txt").body(body.clone()),
                who.ask("PUT", "/Projects/a.txt").chunks(body.chunks(30_000)),
            ] {
                let mut connection = who.connect();
                let refused = request.send_on(&mut connection).expect("the refusal arrives whole");
                assert_eq!(refused.status, expected);
                let next = owner.ask("GET", "/Projects/a.txt");
                match next.send_on(&mut connection) {
                    Ok(answer) => assert_eq!((answer.status, &answer.body[..]), (200, &b"old"[..])),
                    Err(_) => {
                        assert!(connection.read_to_close().unwrap_or_default().is_empty(), "nothing but the close")
                    }
                }
            }
        }
    }
    owner.get("/Projects/a.txt").status(200).body("old");
}

#[test]
fn many_requests_go_over_one_connection() {
    let (_site, ana) = share();
    let mut connection = ana.connect();
    let mut random = Rng::seeded();
    for n in 0..50 {
        let body = random.bytes(border_size(n));
        let put = ana.ask("PUT", "/Projects/a.bin").body(body.clone()).send_on(&mut connection).expect("kept open");
        assert_eq!(put.status, if n == 0 { 201 } else { 204 });
        assert!(put.body.is_empty());
        let get = ana.ask("GET", "/Projects/a.bin").send_on(&mut connection).expect("kept open");
        assert_eq!(get.body, body);
        let missing = ana.ask("GET", "/Projects/none").send_on(&mut connection).expect("kept open");
        assert_eq!(missing.status, 404);
    }
}

/// Sizes around the borders of storage: empty, in the database, just in, just out, in a file.
fn border_size(n: usize) -> usize {
    [0, 1, 16_384, 16_385, 70_000][n % 5]
}

#[test]
fn sizes_around_every_border_come_back_whole() {
    let (site, ana) = share();
    let mut random = Rng::seeded();
    for size in [0, 1, 4_095, 16_383, 16_384, 16_385, 65_536, 262_143, 262_144, 262_145, 1_048_576, 5_000_000] {
        let content = random.bytes(size);
        let path = format!("/Projects/{size}.bin");
        ana.put(&path, content.clone()).status(201);
        ana.get(&path).status(200).body(&content).says("content-length", &size.to_string());
        ana.ask("PUT", &path).chunks(content.chunks(60_000)).send().status(204);
        ana.get(&path).status(200).body(&content);
    }
    site.is_consistent();
}

fn share() -> (Site, Client) {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    (site, ana)
}

/// What doesn't fit into the quota is 507 with its condition, the old bytes stay, and others' saves beside it go through.
#[test]
fn a_save_over_the_quota_is_507_and_hinders_nobody() {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.put("/Projects/a.txt", "old").status(201);
    site.cli(&["share", "set", "Projects", "--quota", "100000"]).ok();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..20 {
                ana.put(&format!("/Projects/small-{round}.txt"), "fits").status(201);
            }
        });
        for _ in 0..20 {
            ana.put("/Projects/a.txt", vec![b'x'; 200_000]).status(507).condition("quota-not-exceeded");
        }
    });
    ana.get("/Projects/a.txt").status(200).body("old");
    site.is_consistent();
}

/// A client that has stopped sending is told so, as for every other body, and what it began is nothing.
#[test]
fn an_upload_that_comes_no_further_is_408() {
    let site = Site::start_with("[limits]\nbody_idle_timeout_s = 1\n");
    let [ana] = site.team("Projects", [("ana", "editor")]);
    ana.put("/Projects/plan.txt", "the first draft").status(201);
    let mut connection = ana.connect();
    let upload = ana.ask("PUT", "/Projects/plan.txt").with("Content-Length", "16");
    connection.write(&upload.head()).expect("the server reads");
    connection.write(b"the sec").expect("the server reads");
    assert_eq!(connection.read_answer("PUT").expect("an answer").status, 408);
    ana.get("/Projects/plan.txt").status(200).body("the first draft");
}
