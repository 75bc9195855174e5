//! What a share, a home and an organization take: quotas, the largest file, extensions that are not taken.

use std::sync::Barrier;
use std::thread;

use serde_json::Value;

use crate::site::{Client, Depth, Site, asking_for, dav};

/// Longer than what is read before anything is asked.
const LARGE: usize = 200_000;

/// The status that a PUT gets before any of its body is sent.
fn early(client: &Client, path: &str, length: usize) -> u16 {
    let mut connection = client.connect();
    let put = client.ask("PUT", path).with("Content-Length", length.to_string()).with("Expect", "100-continue");
    connection.write(&put.head()).expect("the server reads");
    connection.read_head().expect("an answer").0
}

fn available(client: &Client, path: &str) -> u64 {
    let asked = asking_for(&["{DAV:}quota-available-bytes"]);
    let told = client.propfind(path, Depth::Zero, &asked).status(207);
    told.multistatus().only().value(&dav("quota-available-bytes")).parse().expect("a number")
}

fn used(site: &Site, share: &str) -> u64 {
    site.cli(&["share", "show", share, "--json"]).ok().json()["used_bytes"].as_u64().expect("a number")
}

/// Row T14. 64 savers meet the edge together: as many as fit are taken, none more, and the sum is exact.
#[test]
fn savers_at_the_edge_of_a_quota_never_go_beyond_it_together() {
    const SAVERS: usize = 64;
    const FIT: usize = 9;
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    for length in [100, LARGE] {
        let quota = used(&site, "Projects") + (FIT * length + length / 2) as u64;
        site.cli(&["share", "set", "Projects", "--quota", &quota.to_string()]).ok();
        let together = Barrier::new(SAVERS);
        let statuses: Vec<u16> = thread::scope(|scope| {
            let save = |n: usize| {
                let (ana, together) = (&ana, &together);
                move || {
                    together.wait();
                    ana.put(&format!("/Projects/{length}-{n}.bin"), vec![7; length]).answer.status
                }
            };
            let savers: Vec<_> = (0..SAVERS).map(|n| scope.spawn(save(n))).collect();
            savers.into_iter().map(|saver| saver.join().expect("a saver does not panic")).collect()
        });
        let saved = statuses.iter().filter(|status| **status == 201).count();
        assert_eq!(statuses.iter().filter(|status| **status == 507).count(), SAVERS - saved, "{statuses:?}");
        assert_eq!(saved, FIT, "{statuses:?}");
        assert_eq!(quota - used(&site, "Projects"), (length / 2) as u64);
    }
    site.is_consistent();
}

/// An upload on its way has the room that it announced: the next one is refused before it sends anything.
#[test]
fn a_running_upload_keeps_its_room_until_it_ends() {
    let site = Site::start();
    let [ana, ben] = site.team("Projects", [("ana", "co-owner"), ("ben", "editor")]);
    site.cli(&["share", "add", "Plans", "--owner", "ana"]).ok();
    site.cli(&["org", "set", "Acme", "--quota", &(LARGE * 3 / 2).to_string()]).ok();
    let mut running = ana.connect();
    let put =
        ana.ask("PUT", "/Projects/a.bin").with("Content-Length", LARGE.to_string()).with("Expect", "100-continue");
    running.write(&put.head()).expect("the server reads");
    assert_eq!(running.read_head().expect("an interim answer").0, 100);
    assert_eq!(early(&ben, "/Projects/b.bin", LARGE), 507);
    // The organization's room is one for all of its shares, and for those who don't say how much comes.
    assert_eq!(early(&ana, "/Plans/b.bin", LARGE), 507);
    assert_eq!(early(&ana, "/Home/b.bin", LARGE / 3), 100);
    drop(running);
    // The server hears of the broken connections in its own time.
    let mut tries = 0;
    while ben.put("/Projects/b.bin", vec![1; LARGE]).status_in(&[201, 507]).answer.status == 507 {
        tries += 1;
        assert!(tries < 1_000, "the room is given back");
    }
    assert_eq!(available(&ben, "/Projects"), (LARGE / 2) as u64);
    let pieces = vec![2; LARGE];
    let chunked = ben.ask("PUT", "/Projects/c.bin").chunks(pieces.chunks(1000)).send();
    chunked.status(507).condition("quota-not-exceeded");
    site.is_consistent();
}

/// The quota of a user is that of his home.
#[test]
fn a_home_has_a_quota_of_its_own() {
    let site = Site::start();
    let ana = site.user_of("ana", &["--quota", "1000"]);
    let shown = || -> Value { site.cli(&["user", "show", "ana", "--json"]).ok().json()["home"].clone() };
    ana.put("/Home/a.bin", vec![0; 600]).status(201);
    ana.put("/Home/b.bin", vec![0; 600]).status(507).condition("quota-not-exceeded");
    assert_eq!(available(&ana, "/Home"), 400);
    assert_eq!((shown()["used_bytes"].as_u64(), shown()["quota_bytes"].as_u64()), (Some(600), Some(1000)));
    // Nobody gives himself room.
    site.cli(&["--as", "ana", "user", "set", "ana", "--quota", "none"]).says_why_not();
    site.cli(&["user", "set", "ana", "--quota", "1200"]).ok();
    ana.put("/Home/b.bin", vec![0; 600]).status(201);
    site.cli(&["user", "add", "gus", "--guest"]).ok();
    let told = site.cli(&["user", "set", "gus", "--quota", "5"]).says_why_not();
    assert!(told.contains("guest"), "{told}");
}

/// Policy `max_file_bytes`: refused by its announced length, and at the byte beyond it where nothing was announced.
#[test]
fn a_file_larger_than_the_policy_is_not_taken() {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    site.cli(&["share", "add", "Small", "--owner", "ana"]).ok();
    site.cli(&["share", "set", "Small", "--policy", &format!("max_file_bytes={LARGE}")]).ok();
    ana.put("/Small/a.bin", vec![0; LARGE]).status(201);
    assert_eq!(early(&ana, "/Small/b.bin", LARGE + 1), 413);
    let bytes = vec![0; LARGE + 1];
    ana.ask("PUT", "/Small/b.bin").chunks(bytes.chunks(10_000)).send().status(413);
    ana.get("/Small/b.bin").status(404);
    site.cli(&["share", "set", "Small", "--policy", "max_file_bytes=100"]).ok();
    ana.put("/Small/c.bin", vec![0; 101]).status(413);
    ana.put("/Small/c.bin", vec![0; 100]).status(201);
    // What is there already may stay and be moved about; what comes from elsewhere is measured.
    ana.rename("/Small/a.bin", "/Small/d.bin").status(201);
    ana.put("/Projects/e.bin", vec![0; 101]).status(201);
    ana.copy("/Projects/e.bin", "/Small/e.bin").status(413);
    ana.rename("/Projects/e.bin", "/Small/e.bin").status(413);
    ana.put("/Projects/f.bin", vec![0; 100]).status(201);
    ana.copy("/Projects/f.bin", "/Small/f.bin").status(201);
    site.is_consistent();
}

/// Policy `excluded_extensions`: by whatever way a file would get such a name, before its bytes are sent; saving goes on.
#[test]
fn an_excluded_extension_is_refused_by_every_way_to_a_name() {
    let site = Site::start();
    let [ana, eve] = site.team("Projects", [("ana", "co-owner"), ("eve", "viewer")]);
    ana.put("/Projects/old.exe", "from before").status(201);
    site.cli(&["org", "set", "Acme", "--policy", "excluded_extensions=.exe,.docx"]).ok();
    assert_eq!(early(&ana, "/Projects/setup.EXE", LARGE), 403);
    let refused = ana.put("/Projects/setup.exe", "MZ").status(403);
    assert!(refused.text().contains("`.exe`") && refused.text().contains("excluded_extensions"), "{}", refused.told());
    ana.put("/Projects/setup.exe. ", "MZ").status_in(&[400, 403]);
    ana.put("/Projects/plan.txt", "MZ").status(201);
    ana.rename("/Projects/plan.txt", "/Projects/plan.exe").status(403);
    ana.copy("/Projects/plan.txt", "/Projects/plan.exe").status(403);
    let lock = r#"<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>"#;
    ana.ask("LOCK", "/Projects/new.exe").xml(lock).send().status(403);
    ana.put("/Projects/old.exe", "again").status(403);
    // A folder is no file, and what is there already can be read and put away.
    ana.mkcol("/Projects/setup.exe").status(201);
    ana.get("/Projects/old.exe").status(200);
    ana.rename("/Projects/old.exe", "/Projects/old.txt").status(201);
    // What an editor lays beside a document for a moment.
    for name in ["~$plan.docx", ".~lock.plan.docx#", "~WRL0001.tmp"] {
        ana.put(&format!("/Projects/{name}"), "x").status(201);
    }
    // Who may not write is told that, and not which names are taken.
    let refused = eve.put("/Projects/setup2.exe", "MZ").status(403);
    assert!(!refused.text().contains("excluded_extensions"), "{}", refused.told());
    site.is_consistent();
}
