//! A whole site brought to another place and back: from a folder to a database and a bucket where the tests have them, else to another folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::site::database::Database;
use crate::site::{Client, Depth, Ran, Rng, Server, Site, command, is_in_bucket, store};

const LARGE: usize = 300_000;

/// A site on one machine, wherever the tests keep theirs.
struct Place {
    folder: tempfile::TempDir,
    database: Option<Database>,
    blobs: Option<String>,
}

impl Place {
    fn folder() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder can be made"), database: None, blobs: None }
    }

    /// A database and a bucket, as far as there are any; a folder of contents of its own instead of a bucket.
    fn elsewhere() -> Self {
        let place = Self::folder();
        let folder = || place.folder.path().join("contents").display().to_string();
        Self { database: Database::wanted(), blobs: Some(store::bucket().unwrap_or_else(folder)), ..place }
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = command();
        if let Some(database) = &self.database {
            command.env("COMMONHOLD_DATABASE", database.url());
        }
        if let Some(blobs) = &self.blobs {
            command.env("COMMONHOLD_BLOBS", blobs);
        }
        command.args(words).args(["--data", &self.data()]);
        command
    }

    fn cli(&self, words: &[&str]) -> Ran {
        Ran::run(self.command(words), "")
    }

    fn serve(&self) -> Server {
        Server::start(self.command(&["serve", "--listen", "127.0.0.1:0"]), &self.folder.path().join("log"))
    }

    /// The words that bring a site here.
    fn words(&self) -> Vec<String> {
        let to = self.database.as_ref().map_or_else(|| self.data(), Database::url);
        let mut words = vec!["migrate".to_owned(), "--to".to_owned(), to];
        words.extend(self.blobs.iter().flat_map(|place| ["--blobs".to_owned(), place.clone()]));
        words
    }
}

/// What a site is to its people: every path with its ETag, and the bytes of its files.
fn seen(ana: &Client) -> Vec<(String, String, Vec<u8>)> {
    let listing = ana.list("/Projects", Depth::Infinity).status(207);
    let mut seen: Vec<_> = listing
        .paths()
        .into_iter()
        .map(|path| {
            let reply = ana.get(&path).status(200);
            let etag = reply.etag();
            let bytes = if path.ends_with('/') { Vec::new() } else { reply.answer.body };
            (path, etag, bytes)
        })
        .collect();
    seen.sort();
    seen
}

fn migrate(from: &Place, to: &Place) -> Ran {
    let words = to.words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    from.cli(&words)
}

/// A client of a server that runs now.
fn at(server: &Server, secret: &str) -> Client {
    Client::new(crate::site::Nodes::at(vec![server.address]), "ana", secret)
}

#[test]
fn a_site_goes_to_another_place_and_back_and_nobody_sees_a_difference() {
    let home = Place::folder();
    Ran::run(
        home.command(&["init", "--org", "Acme", "--admin", "root", "--password-stdin"]),
        "the root of all rights\n",
    )
    .ok();
    Ran::run(home.command(&["user", "add", "ana", "--password-stdin"]), "ana's own long words\n").ok();
    home.cli(&["share", "add", "Projects", "--owner", "ana"]).ok();
    let printed = home.cli(&["user", "app-password", "ana", "--label", "drive"]).ok().stdout;
    let secret = printed.split_whitespace().max_by_key(|word| word.len()).expect("an app password").to_owned();

    let server = home.serve();
    let ana = at(&server, &secret);
    ana.mkcol("/Projects/plans").status(201);
    let large = Rng::new(1).bytes(LARGE);
    ana.put("/Projects/plans/large.bin", large.clone()).status(201);
    ana.put("/Projects/plans/larger.bin", Rng::new(2).bytes(20 << 20)).status(201);
    ana.put("/Projects/small.txt", "small").status(201);
    ana.put("/Projects/small.txt", "small again").status(204);
    ana.copy("/Projects/plans/large.bin", "/Projects/copy.bin").status(201);
    ana.delete("/Projects/copy.bin").status(204);
    ana.set("/Projects/small.txt", "<p:color xmlns:p=\"urn:p\">green</p:color>").status(207);
    let before = seen(&ana);

    // Not while a server runs, and not onto a site.
    let there = Place::elsewhere();
    let refused = migrate(&home, &there).says_why_not();
    assert!(refused.contains("running"), "{refused}");
    drop(server);

    let told = migrate(&home, &there).ok().stdout;
    assert!(told.contains("2 blobs") && told.contains("are the same there"), "{told}");
    there.cli(&["verify"]).ok();
    let audit = there.cli(&["audit", "--verb", "migrate"]);
    assert!(audit.stdout.contains("migrate --to"), "{audit:?}");
    let server = there.serve();
    let ana = at(&server, &secret);
    assert_eq!(seen(&ana), before);
    ana.put("/Projects/new.bin", Rng::new(3).bytes(LARGE)).status(201);
    ana.put("/Projects/new.txt", "new").status(201);
    ana.copy("/Projects/plans", "/Projects/plans again").status(201);
    let changed = seen(&ana);
    drop(server);
    let refused = migrate(&home, &there).says_why_not();
    assert!(refused.contains("holds a site already"), "{refused}");

    // And back, into a folder that has nothing of the bucket and the database any more.
    let back = Place::folder();
    migrate(&there, &back).ok();
    drop(there);
    back.cli(&["verify"]).ok();
    let server = back.serve();
    let ana = at(&server, &secret);
    assert_eq!(seen(&ana), changed);
    ana.put("/Projects/after.bin", large).status(201);
    assert_eq!(seen(&ana).len(), changed.len() + 1);
}

#[test]
fn a_move_that_was_cut_off_is_no_site_and_is_begun_anew() {
    if is_in_bucket() {
        println!("skipped: the contents are in no file that the test could damage");
        return;
    }
    let mut site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    for n in 0..4 {
        ana.put(&format!("/Projects/{n}.bin"), Rng::new(n).bytes(LARGE)).status(201);
    }
    site.stop();
    let damaged = Rng::new(2).bytes(LARGE);
    let file =
        files_below(site.data()).into_iter().find(|path| std::fs::read(path).is_ok_and(|bytes| bytes == damaged));
    let file = file.expect("large content lies in a file of its own");
    let write = |bytes: &[u8]| {
        std::fs::remove_file(&file).expect("the folder is the test's");
        std::fs::write(&file, bytes).expect("the folder is the test's");
    };
    write(&damaged[1..]);

    let back = Place::folder();
    let words = ["migrate", "--to", &back.data()];
    let why = site.cli(&words).says_why_not();
    assert!(why.contains("damaged") && why.contains("2.bin"), "{why}");
    // What has arrived so far is no site to anybody.
    let why = back.cli(&["serve", "--listen", "127.0.0.1:0"]).says_why_not();
    assert!(why.contains("come to its end"), "{why}");

    write(&damaged);
    let told = site.cli(&words).ok().stdout;
    assert!(told.contains("4 blobs"), "{told}");
    back.cli(&["verify"]).ok();
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(folder).expect("the folder is the test's").map(|entry| entry.expect("it is there").path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}
