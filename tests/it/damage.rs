//! Bits that flip in the store: all are found, and none is served.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use crate::site::rng::number_from_env;
use crate::site::{Client, Rng, Site, is_elsewhere, is_in_bucket};

/// Contents of which each gets one flipped bit; more with COMMONHOLD_FLIPPED_BITS.
const BITS: usize = 120;
/// One hash is kept for so many bytes.
const CHUNK: usize = 256 * 1024;

/// A blob by its bytes' length, which is its own in these tests.
fn blobs(site: &Site) -> HashMap<u64, PathBuf> {
    let mut folders = vec![site.data().join("blobs")];
    let mut found = HashMap::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the test owns the folder") {
            let entry = entry.expect("readable");
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                found.insert(entry.metadata().expect("readable").len(), entry.path());
            }
        }
    }
    found
}

fn flip(blob: &PathBuf, bit: u64) {
    let file = fs::File::options().read(true).write(true).open(blob).expect("the test owns the folder");
    let mut byte = [0];
    file.read_exact_at(&mut byte, bit / 8).expect("it is that long");
    file.write_all_at(&[byte[0] ^ (1 << (bit % 8))], bit / 8).expect("the test owns the folder");
}

/// What comes before the answer ends or breaks off, and whether it is whole.
fn get(client: &Client, path: &str, range: Option<(u64, u64)>) -> (u16, Vec<u8>, bool) {
    let mut connection = client.connect();
    let mut request = client.ask("GET", path).with("Connection", "close");
    if let Some((first, last)) = range {
        request = request.with("Range", format!("bytes={first}-{last}"));
    }
    connection.write(&request.head()).expect("the server reads");
    // The connection may break off so early that not even the head has left.
    let Ok((status, headers)) = connection.read_head() else { return (200, Vec::new(), false) };
    let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: usize = length.expect("it has a length").1.parse().expect("a number");
    let body = connection.read_to_close().unwrap_or_default();
    let whole = body.len() == length;
    (status, body, whole)
}

#[test]
fn every_flipped_bit_is_found_and_none_is_served() {
    if is_in_bucket() {
        return; // it takes hold of the files of contents
    }
    let bits = number_from_env("COMMONHOLD_FLIPPED_BITS").map_or(BITS, |bits| bits as usize);
    let mut random = Rng::seeded();
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    let content = |n: usize| -> Vec<u8> { (0..17_000 + n).map(|at| (at * 31 + n * 7) as u8).collect() };
    let path = |n: usize| format!("/Projects/{n}.bin");
    for n in 0..bits {
        ana.put(&path(n), content(n)).status(201);
    }
    ana.put("/Projects/right.bin", vec![7; 50_000]).status(201);
    let stored = blobs(&site);
    let flipped: Vec<u64> = (0..bits).map(|n| random.below((17_000 + n) * 8) as u64).collect();
    for (n, bit) in flipped.iter().enumerate() {
        flip(&stored[&((17_000 + n) as u64)], *bit);
    }
    for (n, bit) in flipped.iter().enumerate() {
        let (status, _, _) = get(&ana, &path(n), None);
        assert_eq!(status, 500, "{n}: bit {bit} is served");
        let (status, _, _) = get(&ana, &path(n), Some((bit / 8, bit / 8)));
        assert_eq!(status, 500, "{n}: bit {bit} is served in a part");
    }
    ana.get("/Projects/right.bin").status(200).body(vec![7; 50_000]);

    let ran = site.cli(&["job", "run", "scrub"]).ok().stdout;
    assert!(ran.contains(&format!("{bits} are newly found damaged, {bits} in all")), "{ran}");
    let records = site.cli(&["audit", "--verb", "damage", "--json"]).ok().json();
    assert_eq!(records.as_array().map(Vec::len), Some(bits), "each has a record");
    let found = site.cli(&["verify", "--json"]).exits(1).json();
    assert_eq!(found["findings"].as_array().map(Vec::len), Some(bits), "{found}");
    let again = site.cli(&["job", "run", "scrub"]).ok().stdout;
    assert!(again.contains(&format!("0 are newly found damaged, {bits} in all")), "told once: {again}");

    // What is put right is right again.
    for (n, bit) in flipped.iter().enumerate() {
        flip(&stored[&((17_000 + n) as u64)], *bit);
    }
    let ran = site.cli(&["job", "run", "scrub"]).ok().stdout;
    assert!(ran.contains("all are right"), "{ran}");
    ana.get(&path(0)).status(200).body(content(0));
    site.is_consistent();
}

#[test]
fn a_large_file_is_served_up_to_the_damage_and_behind_it() {
    if is_in_bucket() {
        return; // it takes hold of the files of contents
    }
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    let content: Vec<u8> = (0..5 * CHUNK + 777).map(|n| (n * 31 + n / CHUNK) as u8).collect();
    ana.put("/Projects/large.bin", content.clone()).status(201);
    let at = 2 * CHUNK as u64 + 100;
    flip(&blobs(&site)[&(content.len() as u64)], at * 8);
    let (status, given, whole) = get(&ana, "/Projects/large.bin", None);
    assert!(status == 200 && !whole && given.len() <= 2 * CHUNK && content.starts_with(&given), "{}", given.len());
    let (status, given, whole) = get(&ana, "/Projects/large.bin", Some((at - 50, at + 1000)));
    assert!(status == 500 && whole && !given.is_empty(), "{status}");
    let behind = (3 * CHUNK as u64 + 5, content.len() as u64 - 3);
    let (status, given, whole) = get(&ana, "/Projects/large.bin", Some(behind));
    assert!(status == 206 && whole && given == content[behind.0 as usize..=behind.1 as usize]);
    let log = fs::read_to_string(site.folder().join("server.log")).expect("the log is there");
    assert!(log.contains("a damaged content was not served") && log.contains("/Projects/large.bin"), "{log}");
    let told = site.cli(&["verify"]).exits(1).stdout;
    assert!(told.contains("large.bin") && told.contains("its bytes have changed"), "{told}");
}

/// What only a chunk in the middle has lost is not handed out either, nor what comes behind it.
#[test]
fn commands_hand_out_no_damaged_bytes() {
    if is_in_bucket() {
        return; // it takes hold of the files of contents
    }
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    let content = "abcdefg\n".repeat(CHUNK / 2);
    ana.put("/Projects/plan.txt", content.clone()).status(201);
    ana.put("/Projects/plan.txt", "small").status(204);
    let blob = &blobs(&site)[&(content.len() as u64)];
    let out = site.folder().join("plan.txt");
    let out = out.to_str().expect("a plain path");
    let get = |options: &[&str]| site.cli(&[&["revision", "get", "/Projects/plan.txt", "1"], options].concat());
    assert_eq!(get(&[]).ok().stdout, content);

    flip(blob, (CHUNK as u64 + 100) * 8);
    let ran = get(&[]).exits(1);
    assert!(ran.stdout.len() <= CHUNK && content.starts_with(&ran.stdout), "{} bytes", ran.stdout.len());
    assert!(
        ran.stderr.contains("revision 1 of /Projects/plan.txt") && ran.stderr.contains("changed"),
        "{}",
        ran.stderr
    );
    let told = get(&["--out", out]).says_why_not();
    assert!(told.contains("changed"), "{told}");
    assert!(!fs::exists(out).expect("it can be asked"), "no half of a file stays");

    site.cli(&["revision", "restore", "/Projects/plan.txt", "1"]).ok();
    let into = site.folder().join("into");
    let ran = site.cli(&["export", "/Projects", into.to_str().expect("a plain path")]).exits(1);
    assert!(ran.stdout.contains("left out: /Projects/plan.txt") && ran.stdout.contains("changed"), "{}", ran.stdout);
    assert_eq!(fs::read_dir(&into).expect("the folder is made").count(), 0, "nothing unfinished stays");
}

#[test]
fn small_contents_in_the_database_are_compared_too() {
    if is_elsewhere() {
        return; // it takes hold of the embedded database's file
    }
    let mut site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.put("/Projects/small.txt", "what was stored").status(201);
    ana.get("/Projects/small.txt").status(200).body("what was stored");
    site.stop();
    site.sql("update content_inline set bytes = cast('what wam stored' as blob)");
    site.restart();
    ana.get("/Projects/small.txt").status(500);
    let ran = site.cli(&["job", "run", "scrub"]).ok().stdout;
    assert!(ran.contains("1 in all"), "{ran}");
    site.cli(&["verify"]).exits(1);
}
