//! Backups beside a running server, and the drill: everything is lost and comes back.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::Value;

use crate::site::{Client, Depth, Site};

/// A content that is a file of the store.
const LARGE: usize = 100_000;

struct Drill {
    site: Site,
    ana: Client,
    folder: PathBuf,
}

impl Drill {
    fn start() -> Self {
        Self::of(Site::start())
    }

    fn of(site: Site) -> Self {
        let [ana] = site.team("Projects", [("ana", "co-owner")]);
        ana.put("/Projects/large.bin", vec![1; LARGE]).status(201);
        ana.put("/Projects/large.bin", vec![2; LARGE]).status(204);
        ana.put("/Projects/plän.txt", "small").status(201);
        ana.mkcol("/Projects/gone").status(201);
        ana.put("/Projects/gone/a.bin", vec![3; LARGE]).status(201);
        ana.delete("/Projects/gone").status(204);
        let folder = site.folder().join("backup");
        Self { site, ana, folder }
    }

    fn run(&self, command: &str, options: &[&str]) -> crate::site::Ran {
        let folder = self.folder.to_str().expect("a plain path");
        self.site.cli(&[&[command, folder], options].concat())
    }

    #[track_caller]
    fn backup(&self) -> Value {
        self.run("backup", &["--json", "--verify"]).ok().json()
    }
}

struct Stopping<'a>(&'a AtomicBool);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn number(of: &Value, name: &str) -> u64 {
    of[name].as_u64().unwrap_or_else(|| panic!("{name} in {of}"))
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// Issue 6, part 9: the restore drill. Rows and contents come back; what the lost site would have said after the backup is not mistaken for
/// what the restored one says.
#[test]
fn a_lost_site_comes_back_from_its_backup() {
    let mut drill = Drill::start();
    let before = drill.ana.list("/Projects", Depth::Infinity).status(207).paths();
    let made = drill.backup();
    assert_eq!((number(&made, "generation"), number(&made, "contents")), (1, 3), "{made}");
    // The lost site goes on for a while.
    drill.ana.put("/Projects/later.bin", vec![4; LARGE]).status(201);
    let folder_then = drill.ana.list("/Projects", Depth::Zero).status(207);
    let etag_then = folder_then.multistatus().only().value("{DAV:}getetag").to_owned();

    drill.site.lose_everything();
    let told = drill.run("restore", &[]).ok().stdout;
    assert!(told.contains("restored generation 1") && told.contains("verified"), "{told}");
    drill.site.restart();
    let ana = &drill.ana;
    assert_eq!(ana.list("/Projects", Depth::Infinity).status(207).paths(), before);
    ana.get("/Projects/large.bin").status(200).body(vec![2; LARGE]);
    ana.get("/Projects/plän.txt").status(200).body("small");
    ana.get("/Projects/later.bin").status(404);
    drill.site.is_consistent();
    drill.site.cli(&["audit", "verify"]).ok();
    let records = drill.site.cli(&["audit", "--json"]).ok().stdout;
    assert!(records.contains("\"restore\""), "the audit tells of it");

    // As many changes as the lost one had made: no entity tag comes again with another meaning.
    ana.put("/Projects/other.bin", vec![5; LARGE]).status(201);
    let folder_now = ana.list("/Projects", Depth::Zero).status(207);
    assert_ne!(folder_now.multistatus().only().value("{DAV:}getetag"), etag_then);
    drill.site.is_consistent();
}

#[test]
fn a_second_backup_brings_what_is_new_and_old_ones_go_with_what_only_they_named() {
    let drill = Drill::of(Site::start_with("[storage]\ngc_grace_h = 0\n"));
    assert_eq!(number(&drill.backup(), "contents"), 3);
    drill.ana.put("/Projects/new.bin", vec![6; LARGE]).status(201);
    let second = drill.backup();
    assert_eq!((number(&second, "generation"), number(&second, "contents")), (2, 4), "{second}");
    // From now on only the older ones name what was in the deleted folder.
    drill.site.cli(&["trash", "purge", "/Projects/gone"]).ok();
    drill.site.cli(&["job", "run", "purge"]).ok();
    drill.site.cli(&["gc"]).ok();
    assert_eq!(number(&drill.backup(), "contents"), 3);
    assert_eq!(files(&drill.folder.join("blobs")).len(), 4, "the older ones still name it");
    let told = drill.run("backup", &["--keep", "1"]).ok().stdout;
    assert!(told.contains("of which 0 of 0 bytes are new"), "{told}");
    assert!(told.contains("dropped 3 old generations and 1 contents"), "{told}");
    let list = drill.run("backup", &["--list", "--json"]).ok().json();
    assert_eq!(list.as_array().map(Vec::len), Some(1));
    assert_eq!(number(&list[0], "generation"), 4);
    assert_eq!(files(&drill.folder.join("blobs")).len(), 3, "the others are still named");
    assert_eq!(files(&drill.folder.join("rows")).len(), 2);
}

/// The rows of a run that failed are of no use to anybody, and as large as the site's.
#[test]
fn the_next_backup_clears_away_what_a_failed_one_left() {
    let drill = Drill::start();
    drill.backup();
    let rows = drill.folder.join("rows");
    for name in ["000002.rows", "000002.json.new"] {
        fs::write(rows.join(name), "cut off").expect("the folder is the test's");
    }
    let second = drill.backup();
    assert_eq!(number(&second, "generation"), 2, "{second}");
    let names: Vec<_> = files(&rows).into_iter().map(|file| file.file_name().expect("a name").to_owned()).collect();
    assert_eq!(names, ["000001.json", "000001.rows", "000002.json", "000002.rows"]);
}

/// What is saved while the backup runs is in it or not, but never half.
#[test]
fn a_backup_is_one_moment_of_a_site_that_is_written_to() {
    let mut drill = Drill::start();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let (ana, stop) = (&drill.ana, &stop);
        scope.spawn(move || {
            // Pairs of files that are written in order: the second of a pair is never there without the first.
            let mut n = 0;
            while !stop.load(Ordering::Relaxed) {
                ana.put(&format!("/Projects/a{n}.bin"), vec![7; LARGE]).status(201);
                ana.put(&format!("/Projects/b{n}.txt"), "small").status(201);
                n += 1;
            }
        });
        // Stopped also when a backup fails: else the test would never end.
        let _stopping = Stopping(stop);
        drill.backup();
        drill.backup();
    });
    drill.site.lose_everything();
    drill.run("restore", &[]).ok();
    drill.site.restart();
    drill.site.is_consistent();
    let paths = drill.ana.list("/Projects", Depth::One).status(207).paths();
    for path in paths.iter().filter(|path| path.contains("/b")) {
        let first = path.replace("/b", "/a").replace(".txt", ".bin");
        assert!(paths.contains(&first), "{path} without {first}");
        drill.ana.get(first.trim_end_matches('/')).status(200).body(vec![7; LARGE]);
    }
}

#[test]
fn damage_in_a_backup_is_found_before_anything_is_restored() {
    let mut drill = Drill::start();
    drill.backup();
    let blob = files(&drill.folder.join("blobs")).pop().expect("a content");
    let mut bytes = fs::read(&blob).expect("a file");
    bytes[LARGE / 2] ^= 1;
    fs::write(&blob, &bytes).expect("a file");
    let told = drill.run("backup", &["--verify"]).says_why_not();
    assert!(told.contains("changed"), "{told}");
    drill.site.lose_everything();
    let told = drill.run("restore", &[]).says_why_not();
    assert!(told.contains("damaged"), "{told}");
    // That was no site, and a better backup can be restored in its place; or this one, as far as it goes.
    let told = drill.run("restore", &["--even-damaged"]).ok().stdout;
    assert!(told.contains("not in the backup: content"), "{told}");
    drill.site.restart();
    drill.ana.get("/Projects/plän.txt").status(200).body("small");
    // The rows are one file with one hash.
    let rows = files(&drill.folder.join("rows")).into_iter().find(|file| file.extension().is_some_and(|e| e == "rows"));
    let rows = rows.expect("the rows");
    let mut bytes = fs::read(&rows).expect("a file");
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(&rows, &bytes).expect("a file");
    drill.site.lose_everything();
    let told = drill.run("restore", &["--generation", "1"]).says_why_not();
    assert!(told.contains("the rows"), "{told}");
}

#[test]
fn a_backup_goes_where_it_belongs_and_nowhere_else() {
    let drill = Drill::start();
    drill.backup();
    let told = drill.run("restore", &[]).says_why_not();
    assert!(told.contains("holds a site already") || told.contains("running"), "{told}");
    drill.ana.get("/Projects/plän.txt").status(200);
    let other = Site::start();
    let folder = drill.folder.to_str().expect("a plain path");
    let told = other.cli(&["backup", folder]).says_why_not();
    assert!(told.contains("another site"), "{told}");
    let full = other.folder().to_str().expect("a plain path").to_owned();
    let told = other.cli(&["backup", &full]).says_why_not();
    assert!(told.contains("no folder of a backup"), "{told}");
    other.cli(&["restore", &full]).says_why_not();
    drill.run("restore", &["--generation", "7"]).says_why_not();
}
