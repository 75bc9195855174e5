//! A share as plain files, and plain files as a share.

use std::fs::{self, File, FileTimes};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::site::{Depth, Site};

/// A content that is a file of the store.
const LARGE: usize = 100_000;

/// Whole milliseconds, as the site keeps them.
fn long_ago() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_200_000_000_123)
}

fn put(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("the temporary folder can be written");
    let file = File::options().write(true).open(path).expect("it is there");
    file.set_times(FileTimes::new().set_modified(long_ago())).expect("its time can be set");
}

fn told(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// Issue 6, part 9: out and in again, with times.
#[test]
fn plain_files_go_in_and_come_out_with_their_times() {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    let (from, into) = (site.folder().join("from"), site.folder().join("into"));
    fs::create_dir_all(from.join("plans/empty")).expect("a folder");
    put(&from.join("large.bin"), &vec![7; LARGE]);
    put(&from.join("plans/pl\u{e4}n.txt"), b"small");

    let import = |options: &[&str]| site.cli(&[&["import", told(&from), "/Projects", "--json"], options].concat());
    let dry = import(&["--dry-run"]).ok().json();
    assert_eq!((dry["files"].as_u64(), dry["folders"].as_u64()), (Some(2), Some(2)), "{dry}");
    ana.get("/Projects/large.bin").status(404);
    let done = import(&["--as", "ana"]).ok().json();
    assert_eq!((done["files"].as_u64(), done["bytes"].as_u64()), (Some(2), Some(LARGE as u64 + 5)), "{done}");
    ana.get("/Projects/large.bin")
        .status(200)
        .body(vec![7; LARGE])
        .says("last-modified", "Thu, 10 Jan 2008 21:20:00 GMT");
    ana.get("/Projects/plans/pl\u{e4}n.txt").status(200).body("small");
    assert_eq!(ana.list("/Projects/plans/empty", Depth::One).status(207).paths().len(), 1);
    // Again: nothing is brought twice.
    let again = import(&[]).ok().json();
    assert_eq!((again["files"].as_u64(), again["same"].as_u64()), (Some(0), Some(2)), "{again}");

    let export = || site.cli(&["export", "/Projects", told(&into), "--json"]).ok().json();
    assert_eq!(export()["files"].as_u64(), Some(2));
    assert_eq!(fs::read(into.join("large.bin")).expect("it is there"), vec![7; LARGE]);
    let about = fs::metadata(into.join("plans/pl\u{e4}n.txt")).expect("it is there");
    assert_eq!(about.modified().expect("a time"), long_ago());
    assert!(into.join("plans/empty").is_dir());
    ana.put("/Projects/large.bin", "changed").status(204);
    let again = export();
    assert_eq!((again["files"].as_u64(), again["same"].as_u64()), (Some(1), Some(1)), "{again}");
    assert_eq!(fs::read(into.join("large.bin")).expect("it is there"), b"changed");
    site.is_consistent();
}

#[test]
fn what_is_not_brought_is_told() {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    site.cli(&["share", "set", "Projects", "--policy", "excluded_extensions=.exe", "--policy", "max_file_bytes=100"])
        .ok();
    ana.put("/Projects/taken.txt", "another").status(201);
    let from = site.folder().join("from");
    fs::create_dir(&from).expect("a folder");
    for name in ["good.txt", "Twin.txt", "twin.txt", "taken.txt", "setup.exe"] {
        put(&from.join(name), b"plain");
    }
    put(&from.join("large.bin"), &[0; 101]);
    symlink(from.join("good.txt"), from.join("link.txt")).expect("a link");
    let ran = site.cli(&["import", told(&from), "/Projects"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for line in [
        "link.txt: a symbolic link",
        "twin.txt: another name",
        "taken.txt: something else",
        "setup.exe: its extension",
        "large.bin: it is too large",
    ] {
        assert!(ran.stdout.contains(line), "{line}: {}", ran.stdout);
    }
    assert!(ran.stdout.starts_with("brought 2 files of 10 bytes"), "{}", ran.stdout);
    ana.get("/Projects/taken.txt").status(200).body("another");
    site.is_consistent();
}

/// Trap 12: files and folders alike, and a dry run says so.
#[test]
fn a_share_that_refuses_what_windows_cannot_name_is_brought_no_such_folder() {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.mkcol("/Projects/old.").status(201);
    site.cli(&["share", "set", "Projects", "--policy", "windows_names=refuse"]).ok();
    let from = site.folder().join("from");
    for folder in ["AUX", "what?", "old.", "plans"] {
        fs::create_dir_all(from.join(folder)).expect("a folder");
        put(&from.join(folder).join("a.txt"), b"plain");
    }
    put(&from.join("nul.txt"), b"plain");
    for more in [["--dry-run"].as_slice(), &[]] {
        let done = site.cli(&[&["import", told(&from), "/Projects", "--json"], more].concat()).exits(1).json();
        let told = done["left_out_named"].as_array().expect("a list");
        for name in ["/AUX: ", "/what?: ", "/nul.txt: "] {
            let is_told = |line: &&serde_json::Value| {
                line.as_str().is_some_and(|line| line.contains(name) && line.contains("windows_names"))
            };
            assert!(told.iter().any(|line| is_told(&line)), "{name}: {done}");
        }
        assert_eq!((&done["files"], &done["folders"]), (&2.into(), &1.into()), "{done}");
    }
    for name in ["AUX", "what?", "nul.txt"] {
        ana.get(&format!("/Projects/{name}")).status(404);
    }
    // What is there already stays usable.
    ana.get("/Projects/old./a.txt").status(200).body("plain");
    site.is_consistent();
}

/// The kernel says that its files are empty, and gives more when they are read: what counts is what came.
#[test]
fn a_file_that_grows_while_it_is_brought_is_measured_again() {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    site.cli(&["share", "set", "Projects", "--policy", "max_file_bytes=10"]).ok();
    let import = || site.cli(&["import", "/proc/sys/kernel/random", "/Projects", "--json"]).exits(1).json();
    let done = import();
    let left_out = done["left_out_named"].as_array().expect("a list");
    for name in ["/boot_id", "/uuid"] {
        let is_told = |line: &serde_json::Value| {
            line.as_str().is_some_and(|line| line.contains(&format!("{name}: it is too large")))
        };
        assert!(left_out.iter().any(is_told), "{name}: {done}");
    }
    let there: Vec<String> = ana.list("/Projects", Depth::One).status(207).paths();
    assert!(there.iter().all(|path| !path.ends_with("id")), "{there:?}");
    assert_eq!(done["files"].as_u64(), Some(there.len() as u64 - 1), "only what came is counted: {done} {there:?}");
    site.is_consistent();
}

/// With `--as` the guard decides: what is not seen is not there, what may not be read is told, and nobody writes where he may not.
#[test]
fn in_a_users_name_it_is_what_he_may() {
    let site = Site::start();
    let [ana, _eve] = site.team("Projects", [("ana", "co-owner"), ("eve", "viewer")]);
    ana.mkcol("/Projects/secret").status(201);
    ana.put("/Projects/secret/a.txt", "hidden").status(201);
    ana.put("/Projects/b.txt", "seen").status(201);
    site.cli(&["grant", "inherit", "/Projects/secret", "off"]).ok();
    ana.put("/Projects/listed.txt", "not for eve").status(201);
    site.cli(&["grant", "add", "/Projects/listed.txt", "--user", "eve", "--deny", "read"]).ok();
    let (from, into) = (site.folder().join("from"), site.folder().join("into"));
    let ran = site.cli(&["export", "/Projects", told(&into), "--as", "eve"]).exits(1);
    assert!(ran.stdout.contains("left out: /Projects/listed.txt: it may not be read"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("secret"), "{}", ran.stdout);
    assert!(into.join("b.txt").exists() && !into.join("secret").exists() && !into.join("listed.txt").exists());
    fs::create_dir(&from).expect("a folder");
    put(&from.join("c.txt"), b"plain");
    let why = site.cli(&["import", told(&from), "/Projects", "--as", "eve"]).says_why_not();
    assert!(why.contains("eve"), "{why}");
    let denied = site.cli(&["audit", "--json"]).ok().stdout;
    assert!(denied.contains("import"), "the denial is recorded");
    ana.get("/Projects/c.txt").status(404);
    // A quota holds for a command too.
    site.cli(&["share", "set", "Projects", "--quota", "22"]).ok();
    site.cli(&["import", told(&from), "/Projects", "--as", "ana"]).says_why_not();
    site.cli(&["share", "set", "Projects", "--quota", "1000"]).ok();
    site.cli(&["import", told(&from), "/Projects", "--as", "ana"]).ok();
    let states = site.cli(&["revision", "list", "/Projects/c.txt", "--json"]).ok().json();
    assert_eq!((&states[0]["author"], &states[0]["client"]), (&"ana".into(), &"command line".into()), "{states}");
    site.is_consistent();
}
