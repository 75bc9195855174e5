//! Contents in a bucket: what people notice when the object store is away, slow, or dies in the middle. The tests need one
//! (`tests/seaweed.sh`); without it they say so and end.

use std::io::ErrorKind;
use std::thread;
use std::time::{Duration, Instant};

use crate::site::{Client, Connection, Depth, Does, Line, Rng, Site, Store, rng::number_from_env, store};

/// More than the database keeps in its rows.
const LARGE: usize = 300_000;
/// More than one part of an upload.
const PARTS: usize = 20 << 20;

/// A site whose way to the store is the test's, with its way and its client; none, and that is said, without a store.
fn on_a_line() -> Option<(Line, Site, Client)> {
    if there_is_none() {
        return None;
    }
    let line = Line::to(store::endpoint());
    let site = Site::start_with(&store::settings(line.address()));
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    Some((line, site, ana))
}

fn bytes(length: usize) -> Vec<u8> {
    Rng::new(length as u64).bytes(length)
}

/// Whether there is an object store; says so if not.
fn there_is_none() -> bool {
    let none = store::bucket().is_none();
    if none {
        println!("skipped: `tests/seaweed.sh` brings the object store that this is about");
    }
    none
}

/// What is of rows alone goes on.
fn rows_go_on(ana: &Client, round: &str) {
    ana.list("/Projects", Depth::One).status(207);
    ana.get("/Projects/small.txt").status(200).body("small");
    ana.head("/Projects/large.bin").status(200);
    ana.put(&format!("/Projects/{round}.txt"), "new").status(201);
    ana.mkcol(&format!("/Projects/{round}")).status(201);
    ana.copy("/Projects/large.bin", &format!("/Projects/{round}/copy.bin")).status(201);
    ana.rename(&format!("/Projects/{round}/copy.bin"), &format!("/Projects/{round}/moved.bin")).status(201);
    ana.delete(&format!("/Projects/{round}.txt")).status(204);
    let health = ana.raw("GET", "/health").send().status(200);
    assert!(health.text().starts_with("ok"), "{}", health.text());
}

#[test]
fn without_the_store_contents_are_503_and_all_else_goes_on() {
    let Some((line, mut site, ana)) = on_a_line() else { return };
    let large = bytes(LARGE);
    ana.put("/Projects/large.bin", large.clone()).status(201);
    ana.put("/Projects/small.txt", "small").status(201);

    for (does, round) in [(Does::Refuse, "refused"), (Does::Hang, "hanging")] {
        line.does(does);
        rows_go_on(&ana, round);
        let refused = ana.get("/Projects/large.bin").status(503);
        assert!(!refused.header("retry-after").is_empty());
        ana.ask("GET", "/Projects/large.bin").with("Range", "bytes=5-9").send().status(503);
        for path in ["/Projects/large.bin", "/Projects/never.bin"] {
            let refused = ana.put(path, bytes(LARGE + 1)).status(503);
            assert!(!refused.header("retry-after").is_empty());
            ana.put(path, bytes(PARTS)).status(503);
        }
        ana.get("/Projects/never.bin").status(404);
        // It is back, and nobody has started anything anew.
        line.does(Does::Pass);
        ana.get("/Projects/large.bin").status(200).body(&large);
        ana.get(&format!("/Projects/{round}/moved.bin")).status(200).body(&large);
        ana.put(&format!("/Projects/{round}.bin"), bytes(LARGE)).status(201);
    }
    site.is_consistent();

    // A server that starts meanwhile serves rows too.
    line.does(Does::Refuse);
    site.stop();
    site.restart();
    rows_go_on(&ana, "restarted");
    ana.get("/Projects/large.bin").status(503);
    line.does(Does::Pass);
    ana.get("/Projects/large.bin").status(200).body(&large);
    site.is_consistent();
}

#[test]
fn a_silent_store_keeps_nobody_else_waiting() {
    let Some((line, _site, ana)) = on_a_line() else { return };
    ana.put("/Projects/large.bin", bytes(LARGE)).status(201);
    ana.put("/Projects/small.txt", "small").status(201);
    line.does(Does::Hang);
    thread::scope(|scope| {
        let ana = &ana;
        let stuck: Vec<_> = (0..40)
            .map(|n| {
                scope.spawn(move || {
                    let began = Instant::now();
                    let path = format!("/Projects/{n}.bin");
                    let reply = if n % 2 == 0 { ana.get("/Projects/large.bin") } else { ana.put(&path, bytes(LARGE)) };
                    reply.status(503);
                    began.elapsed()
                })
            })
            .collect();
        let began = Instant::now();
        rows_go_on(ana, "meanwhile");
        let took = began.elapsed();
        for stuck in stuck {
            let waited = stuck.join().expect("it is answered");
            assert!(waited >= Duration::from_secs(1), "the store was waited for: {waited:?}");
        }
        assert!(took < Duration::from_secs(2), "rows waited for the store: {took:?}");
    });
}

/// Nobody waits for another's question whether the bucket is the right one.
#[test]
fn a_store_that_is_silent_from_the_start_is_waited_for_by_all_at_once() {
    let Some((line, mut site, ana)) = on_a_line() else { return };
    ana.put("/Projects/large.bin", bytes(LARGE)).status(201);
    site.stop();
    line.does(Does::Hang);
    site.restart();
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                let began = Instant::now();
                ana.get("/Projects/large.bin").status(503);
                let waited = began.elapsed();
                assert!(waited < Duration::from_secs(10), "five times what an answer may take: {waited:?}");
            });
        }
    });
    line.does(Does::Pass);
    ana.get("/Projects/large.bin").status(200).body(bytes(LARGE));
}

#[test]
fn a_download_that_is_cut_on_the_way_comes_whole_all_the_same() {
    let Some((line, _site, ana)) = on_a_line() else { return };
    let large = bytes(PARTS);
    ana.put("/Projects/large.bin", large.clone()).status(201);
    for cut in [1000, 300_000, 9 << 20] {
        line.cut_after_from_store(cut);
        ana.get("/Projects/large.bin").status(200).body(&large);
        assert!(line.has_done_so(), "after {cut} bytes");
    }
    line.cut_after_from_store(1 << 20);
    let part = ana.ask("GET", "/Projects/large.bin").with("Range", "bytes=1000000-9999999").send();
    part.status(206).body(&large[1_000_000..10_000_000]);
}

/// Begins a download and reads so much of its body.
fn begin_download(ana: &Client, path: &str, read: usize) -> Connection {
    let mut connection = ana.connect();
    connection.write(&ana.ask("GET", path).head()).expect("the server reads");
    assert_eq!(connection.read_head().expect("a head").0, 200);
    connection.read_exactly(read).expect("the first bytes");
    connection
}

/// The rest of a body must not come: the connection is broken off instead.
fn breaks_off(connection: &mut Connection, rest: usize) {
    let error = connection.read_exactly(rest).expect_err("half an answer must not look whole");
    assert!(matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset), "{error}");
}

#[test]
fn a_download_that_loses_its_store_breaks_off() {
    let Some((line, _site, ana)) = on_a_line() else { return };
    let large = bytes(4 * PARTS);
    ana.put("/Projects/large.bin", large.clone()).status(201);
    let mut connection = begin_download(&ana, "/Projects/large.bin", 1 << 20);
    line.does(Does::Refuse);
    breaks_off(&mut connection, large.len() - (1 << 20));
    line.does(Does::Pass);
    ana.get("/Projects/large.bin").status(200).body(&large);
}

#[test]
fn an_upload_that_is_cut_on_the_way_is_stored_whole_or_not_at_all() {
    let Some((line, site, ana)) = on_a_line() else { return };
    let mut stands = bytes(LARGE);
    ana.put("/Projects/a.bin", stands.clone()).status(201);
    for (cut, length) in [(1000, LARGE), (100_000, LARGE), (1000, PARTS), (6 << 20, PARTS), (19 << 20, PARTS)] {
        let new = Rng::new(cut).bytes(length);
        line.cut_after_to_store(cut);
        let reply = ana.put("/Projects/a.bin", new.clone()).status_in(&[204, 503]);
        if reply.answer.status == 204 {
            stands = new;
        }
        ana.get("/Projects/a.bin").status(200).body(&stands);
        assert!(line.has_done_so(), "after {cut} bytes");
    }
    site.is_consistent();
}

#[test]
fn a_bit_that_flips_on_the_way_to_the_store_is_never_acknowledged() {
    let Some((line, site, ana)) = on_a_line() else { return };
    let old = bytes(LARGE);
    ana.put("/Projects/a.bin", old.clone()).status(201);
    for (flip, length) in [(100_000, LARGE), (12 << 20, PARTS)] {
        line.flip_after_to_store(flip);
        ana.put("/Projects/a.bin", bytes(length + 1)).status(503);
        assert!(line.has_done_so());
        ana.get("/Projects/a.bin").status(200).body(&old);
    }
    site.is_consistent();
}

#[test]
fn a_bit_that_flips_on_the_way_from_the_store_is_never_served() {
    let Some((line, site, ana)) = on_a_line() else { return };
    let large = bytes(PARTS);
    ana.put("/Projects/a.bin", large.clone()).status(201);
    line.flip_after_from_store(9 << 20);
    let mut download = begin_download(&ana, "/Projects/a.bin", 0);
    let given = download.read_to_close().unwrap_or_default();
    assert!(line.has_done_so());
    assert!(given.len() < 9 << 20 && large.starts_with(&given), "{} bytes", given.len());
    ana.get("/Projects/a.bin").status(200).body(&large);
    site.is_consistent();
}

#[test]
fn a_store_that_is_killed_takes_nothing_that_was_acknowledged_along() {
    if there_is_none() {
        return;
    }
    let Some(mut store) = Store::start() else {
        println!("skipped: this store can't be started a second time");
        return;
    };
    let site = Site::start_with(&store::settings(store.address()));
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    let kept = bytes(PARTS);
    ana.put("/Projects/kept.bin", kept.clone()).status(201);

    // In the middle of an upload, whose client sends on.
    let new = bytes(2 * PARTS);
    let mut upload = ana.connect();
    let head = ana.ask("PUT", "/Projects/kept.bin").with("Content-Length", new.len().to_string()).head();
    upload.write(&head).expect("the server reads");
    upload.write(&new[..PARTS]).expect("the server reads");
    let mut download = begin_download(&ana, "/Projects/kept.bin", 1 << 20);
    store.kill9();
    breaks_off(&mut download, kept.len() - (1 << 20));
    let answer = upload.exchange(&new[PARTS..], &[], "PUT").expect("it is answered");
    assert_eq!(answer.status, 503);
    ana.get("/Projects/kept.bin").status(503);
    ana.list("/Projects", Depth::One).status(207);

    store.restart();
    ana.get("/Projects/kept.bin").status(200).body(&kept);
    ana.put("/Projects/kept.bin", new.clone()).status(204);
    ana.get("/Projects/kept.bin").status(200).body(&new);
    site.is_consistent();
}

/// 1 GiB with `COMMONHOLD_LARGE_MIB=1024`.
#[test]
fn a_large_file_comes_and_goes_in_flat_memory() {
    if there_is_none() {
        return;
    }
    let mib = number_from_env("COMMONHOLD_LARGE_MIB").unwrap_or(192) as usize;
    let piece = bytes(1 << 20);
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.put("/Projects/large.bin", bytes(LARGE)).status(201);
    ana.get("/Projects/large.bin").status(200);
    let before = site.memory_peak_mib();

    let mut upload = ana.connect();
    let length = (mib << 20).to_string();
    upload.write(&ana.ask("PUT", "/Projects/large.bin").with("Content-Length", length).head()).expect("it reads");
    for _ in 0..mib {
        upload.write(&piece).expect("the server reads");
    }
    assert_eq!(upload.read_answer("PUT").expect("an answer").status, 204);
    let uploaded = site.memory_peak_mib();
    let mut download = begin_download(&ana, "/Projects/large.bin", 0);
    for _ in 0..mib {
        assert!(download.read_exactly(piece.len()).expect("the next MiB") == piece);
    }
    let downloaded = site.memory_peak_mib();
    println!("{mib} MiB: {before} MiB before, {uploaded} after the upload, {downloaded} after the download");
    // Four parts of 8 MiB, what the connections hold, and what the allocator keeps of each thread's; 1 GiB takes no more than that either.
    assert!(uploaded - before < 96, "{before} MiB before, {uploaded} after");
    assert!(downloaded - uploaded < 48, "{uploaded} MiB before, {downloaded} after");
}

#[test]
fn a_bucket_that_is_not_the_sites_is_refused() {
    if there_is_none() {
        return;
    }
    let mut site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.put("/Projects/large.bin", bytes(LARGE)).status(201);
    site.stop();
    let bucket = store::bucket().expect("it is there");
    let serve =
        |place: &str| site.command(&["serve", "--listen", "127.0.0.1:0"]).env("COMMONHOLD_BLOBS", place).output();
    let refused = serve(&format!("{bucket}/elsewhere")).expect("the binary runs");
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && why.contains("doesn't hold the contents of this site"), "{why}");
    let refused = serve("s3://Not-A-Bucket").expect("the binary runs");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("storage.blobs"), "{refused:?}");
    site.restart();
    ana.get("/Projects/large.bin").status(200).body(bytes(LARGE));
}

/// A credential is in no answer, no error of a command and no line of the log.
#[test]
fn a_refused_credential_is_said_and_not_shown() {
    if there_is_none() {
        return;
    }
    let mut site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.put("/Projects/large.bin", bytes(LARGE)).status(201);
    site.stop();
    let secret = "the-wrong-secret-of-a-test";
    let mut verify = site.command(&["verify"]);
    let ran = verify.env("AWS_SECRET_ACCESS_KEY", secret).env("RUST_LOG", "trace").output().expect("the binary runs");
    let told = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(!ran.status.success() && told.contains("object store"), "{told}");
    assert!(["SignatureDoesNotMatch", "AccessDenied", "403"].iter().any(|word| told.contains(word)), "{told}");
    let key = std::env::var("AWS_ACCESS_KEY_ID").expect("tests/seaweed.sh sets it");
    for shown in [secret.to_owned(), format!("{key}/2"), "Signature=".to_owned()] {
        assert!(!told.contains(&shown), "{shown} is shown: {told}");
    }
}
