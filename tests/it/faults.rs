//! Things that go wrong around the server: a second one on the same site, a full disk, damaged files, the end of the
//! process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sqlx::{Connection, Executor};
use tempfile::TempDir;

use crate::site::{Client, Depth, Ran, Site, is_elsewhere, is_in_bucket};

#[test]
fn a_second_server_on_the_same_site_refuses_to_start() {
    let (mut site, ana) = share();
    let why = site.cli(&["serve", "--listen", "127.0.0.1:0"]).says_why_not();
    assert!(why.contains("another") || why.contains("already"), "{why}");
    ana.get("/Projects/").status(200);
    // The lock of a killed server doesn't outlive it.
    site.kill9();
    site.restart();
    ana.get("/Projects/").status(200);
}

#[test]
fn sigterm_finishes_the_running_request_and_ends_with_0() {
    let (mut site, ana) = share();
    let body = vec![b'x'; 200_000];
    let mut connection = ana.connect();
    let upload =
        ana.ask("PUT", "/Projects/a.bin").with("Content-Length", body.len().to_string()).with("Expect", "100-continue");
    connection.write(&upload.head()).expect("the server reads");
    // The interim answer proves that the request runs before the server is told to stop.
    assert_eq!(connection.read_head().expect("an interim answer").0, 100);
    connection.write(&body[..100_000]).expect("the server reads");
    site.ask_to_stop();
    connection.write(&body[100_000..]).expect("the server still reads");
    assert_eq!(connection.read_answer("PUT").expect("the running request is answered").status, 201);
    assert!(connection.read_to_close().expect("and the connection closed").is_empty());
    site.has_stopped();
    site.restart();
    ana.get("/Projects/a.bin").status(200).body(&body);
}

#[test]
fn an_idle_server_stops_at_once_though_clients_keep_their_connections() {
    let (mut site, ana) = share();
    let mut kept = ana.connect();
    let answer = ana.ask("GET", "/Projects/").send_on(&mut kept).expect("an answer");
    assert_eq!(answer.status, 200);
    site.stop();
    assert!(kept.read_to_close().expect("closed, not reset").is_empty());
}

/// Only root may mount a small file system; for others the test says so and ends.
#[test]
fn a_full_disk_is_507_the_old_bytes_stay_and_a_purge_brings_it_back() {
    if is_in_bucket() {
        println!("skipped: the contents are on no disk of ours");
        return;
    }
    let Some(disk) = SmallDisk::mount() else {
        println!("skipped: mounting a small disk needs root");
        return;
    };
    let mut site = Site::start_in(disk.0.path(), "[storage]\nmin_free_bytes = 8388608\ngc_grace_h = 0\n");
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.put("/Projects/kept.bin", vec![b'o'; 1 << 20]).status(201);
    let mut stored = 0;
    let full = loop {
        let reply = ana.put(&format!("/Projects/{stored}.bin"), vec![b'f'; 4 << 20]);
        if reply.answer.status != 201 {
            break reply;
        }
        stored += 1;
        assert!(stored < 32, "128 MiB don't fit on a disk of 64");
    };
    full.status(507);
    assert!(stored > 0, "there was room for some");
    let over = vec![b'n'; 16 << 20];
    ana.put("/Projects/kept.bin", over.clone()).status(507);
    ana.ask("PUT", "/Projects/kept.bin").chunks(over.chunks(1 << 20)).send().status(507);
    ana.get("/Projects/kept.bin").status(200).body(vec![b'o'; 1 << 20]);
    ana.get(&format!("/Projects/{stored}.bin")).status(404);
    // What is there can be read, listed and deleted.
    assert_eq!(ana.list("/Projects", Depth::One).paths().len(), stored + 2);
    for n in 0..stored {
        ana.delete(&format!("/Projects/{n}.bin")).status(204);
    }
    // What is deleted can come back, and takes its room until it is purged and collected; both work on the full disk.
    ana.put("/Projects/later.bin", vec![b'l'; 4 << 20]).status(507);
    site.cli(&["trash", "purge", "/Projects", "--all"]).ok();
    site.cli(&["gc"]).ok();
    ana.put("/Projects/later.bin", vec![b'l'; 4 << 20]).status(201);
    site.stop();
    site.restart();
    ana.get("/Projects/kept.bin").status(200).body(vec![b'o'; 1 << 20]);
    site.is_consistent();
}

/// A tmpfs of 64 MiB.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let at = tempfile::tempdir().expect("a temporary folder can be made");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64m", "tmpfs"]).arg(at.path()).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(at))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).output();
    }
}

#[test]
fn verify_finds_a_flipped_bit_and_a_lost_file() {
    if is_in_bucket() {
        println!("skipped: the contents are in no file of ours");
        return;
    }
    let (mut site, ana) = share();
    let marker: Vec<u8> = (0..100_003_u32).map(|n| (n % 241) as u8).collect();
    ana.put("/Projects/a.bin", marker.clone()).status(201);
    site.is_consistent();
    site.stop();
    let file = files_below(site.data()).into_iter().find(|path| fs::read(path).is_ok_and(|bytes| bytes == marker));
    let file = file.expect("large content lies in a file of its own");
    let write = |bytes: &[u8]| {
        // The store makes its files read-only; a broken disk doesn't ask.
        let _ = fs::remove_file(&file);
        fs::write(&file, bytes).expect("the test owns the folder");
    };

    let mut flipped = marker.clone();
    flipped[50_000] ^= 1;
    write(&flipped);
    assert_ne!(site.cli(&["verify"]).code, Some(0), "a flipped bit");

    write(&marker[..99_999]);
    assert_ne!(site.cli(&["verify"]).code, Some(0), "a cut file");
    // What is missing is never made up: the answer breaks off.
    site.restart();
    let mut connection = ana.connect();
    let answer = ana.ask("GET", "/Projects/a.bin").send_on(&mut connection);
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status >= 500), "no whole 200");
    site.stop();

    fs::remove_file(&file).expect("the test owns the folder");
    assert_ne!(site.cli(&["verify"]).code, Some(0), "a lost file");
    write(&marker);
    site.is_consistent();
}

#[test]
fn a_damaged_database_is_told_and_not_served() {
    if is_elsewhere() {
        return; // it takes hold of the embedded database's file
    }
    let (mut site, _ana) = share();
    site.stop();
    let database = files_below(site.data())
        .into_iter()
        .find(|path| fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"SQLite format 3\0")));
    fs::write(database.expect("the site has a database"), vec![0x55; 100_000]).expect("the test owns the folder");
    site.cli(&["serve", "--listen", "127.0.0.1:0"]).says_why_not();
    assert_ne!(site.cli(&["verify"]).code, Some(0));
}

/// Trap 46: a writer waits for a while first, and what then can't be done is 503 with a hint, never "not found". Readers
/// don't even notice.
#[test]
fn a_busy_database_is_503_and_never_not_found() {
    if is_elsewhere() {
        return; // it takes hold of the embedded database's file
    }
    let (site, ana) = share();
    ana.put("/Projects/a.txt", "old").status(201);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(site.data().join("commonhold.db"));
    let mut holder = runtime.block_on(async {
        let mut holder = sqlx::SqliteConnection::connect_with(&options).await.expect("the database opens");
        holder.execute("begin immediate").await.expect("nobody writes now");
        holder
    });
    for refused in [ana.put("/Projects/a.txt", "new"), ana.delete("/Projects/a.txt")] {
        let refused = refused.status(503);
        assert!(refused.header("retry-after").parse::<u32>().is_ok(), "{}", refused.told());
    }
    ana.get("/Projects/a.txt").status(200).body("old");
    runtime.block_on(async { holder.execute("rollback").await }).expect("the transaction ends");
    ana.put("/Projects/a.txt", "new").status(204);
    site.is_consistent();
}

#[test]
fn a_server_without_a_site_says_so() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let mut command = crate::site::command();
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(folder.path().join("none"));
    let why = Ran::run(command, "").says_why_not();
    assert!(why.contains("init"), "it says what to do: {why}");
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the test owns the folder") {
            let path = entry.expect("the test owns the folder").path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files
}

fn share() -> (Site, Client) {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    (site, ana)
}
