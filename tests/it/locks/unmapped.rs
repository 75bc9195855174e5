//! LOCK of a URL where nothing is (RFC 4918 section 9.10.4): an empty file, which is there for good once somebody writes it.

use super::{ana_and_ben, holding, lock, lock_shared, locked, locks_on, save, token_of, unlock};
use crate::site::{Depth, Site, target};

/// Trap 26: Save As in Office, and every copy that Windows makes.
#[test]
fn a_lock_of_nothing_makes_an_empty_file() {
    let (_site, ana, ben) = ana_and_ben();
    let file = "/Projects/new.docx";
    let answer = lock(&ana, file).with("Timeout", "Second-3600").send().status(201);
    let token = token_of(&answer);
    ben.get(file).status(200).body("");
    assert!(ben.list("/Projects", Depth::One).paths().contains(&file.to_owned()));
    assert_eq!(locks_on(&ben, file).len(), 1);
    ben.put(file, "mine").status(423);
    ben.delete(file).status(423);
    lock(&ben, file).send().status(423);
    save(&ana, file, &token).status(204);
    unlock(&ana, file, &token).status(204);
    ben.get(file).status(200).body("saved");
}

/// Trap 26.
#[test]
fn a_file_that_nobody_wrote_goes_with_its_lock() {
    let (site, ana, ben) = ana_and_ben();
    let before = ana.list("/Projects", Depth::Infinity).paths();
    let token = locked(&ana, "/Projects/new.docx");
    unlock(&ana, "/Projects/new.docx", &token).status(204);
    ana.get("/Projects/new.docx").status(404);
    assert_eq!(ana.list("/Projects", Depth::Infinity).paths(), before);
    // The name is free, for others too.
    ben.ask("PUT", "/Projects/new.docx").with("If-None-Match", "*").body("ben's").send().status(201);
    site.is_consistent();
}

/// Trap 26: an empty file that somebody saved is a file.
#[test]
fn a_file_that_was_written_stays_even_when_it_is_empty() {
    let (_site, ana, _ben) = ana_and_ben();
    let token = locked(&ana, "/Projects/empty.txt");
    ana.ask("PUT", "/Projects/empty.txt").with("If", holding(&token)).body("").send().status(204);
    unlock(&ana, "/Projects/empty.txt", &token).status(204);
    ana.get("/Projects/empty.txt").status(200).body("");
    // So is one that was empty before it was locked.
    let token = locked(&ana, "/Projects/empty.txt");
    unlock(&ana, "/Projects/empty.txt", &token).status(204);
    ana.get("/Projects/empty.txt").status(200).body("");
}

#[test]
fn an_unwritten_file_stays_while_another_lock_is_on_it() {
    let (_site, ana, ben) = ana_and_ben();
    let anas = token_of(&lock_shared(&ana, "/Projects/new.txt").send().status(201));
    let bens = token_of(&lock_shared(&ben, "/Projects/new.txt").send().status(200));
    unlock(&ana, "/Projects/new.txt", &anas).status(204);
    save(&ben, "/Projects/new.txt", &bens).status(204);
    unlock(&ben, "/Projects/new.txt", &bens).status(204);
    ana.get("/Projects/new.txt").status(200).body("saved");
}

#[test]
fn a_lock_of_nothing_needs_a_parent_and_a_name_for_a_file() {
    let (_site, ana, _ben) = ana_and_ben();
    lock(&ana, "/Projects/none/new.txt").send().status(409);
    lock(&ana, "/Projects/folder/").send().status(409);
    lock(&ana, "/new.txt").send().status(403);
    lock(&ana, "/Projects/plan.txt/new.txt").send().status(409);
    lock(&ana, "/Projects/new.txt").with("If-Match", "*").send().status(412);
    ana.get("/Projects/new.txt").status(404);
}

/// Trap 26: whoever may only drop files into a folder locks, writes and releases his own as Windows does, though he doesn't
/// see it.
#[test]
fn an_uploader_locks_and_fills_the_file_he_makes() {
    let site = Site::start();
    let [owner, uploader] = site.team("Projects", [("olga", "co-owner"), ("ulf", "uploader")]);
    let file = "/Projects/report.docx";
    let token = locked(&uploader, file);
    save(&uploader, file, &token).status(204);
    let times = r#"<Z:Win32FileAttributes xmlns:Z="urn:schemas-microsoft-com:">00000020</Z:Win32FileAttributes>"#;
    let update =
        format!(r#"<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop>{times}</D:prop></D:set></D:propertyupdate>"#);
    uploader.ask("PROPPATCH", file).with("If", holding(&token)).xml(&update).send().status(207);
    owner.put(file, "mine").status(423);
    unlock(&uploader, file, &token).status(204);
    owner.get(file).status(200).body("saved");
    let token = locked(&uploader, "/Projects/second.docx");
    unlock(&uploader, "/Projects/second.docx", &token).status(204);
    owner.get("/Projects/second.docx").status(404);
}

/// What was copied onto the file meanwhile is somebody's, though what was copied last is empty.
#[test]
fn the_states_of_a_file_outlive_a_lock_that_made_it() {
    let (site, ana, _ben) = ana_and_ben();
    ana.put("/Projects/full.txt", "content").status(201);
    ana.put("/Projects/empty.txt", "").status(201);
    let token = locked(&ana, "/Projects/new.txt");
    for from in ["/Projects/full.txt", "/Projects/empty.txt"] {
        ana.ask("COPY", from)
            .to("/Projects/new.txt")
            .with("If", format!("<{}> (<{token}>)", target("/Projects/new.txt")))
            .send()
            .status(204);
    }
    unlock(&ana, "/Projects/new.txt", &token).status(204);
    site.is_consistent();
    let kept = ana.get("/Projects/new.txt").answer.status == 200;
    let trash = site.cli(&["trash", "list", "/Projects", "--json"]).ok().stdout;
    assert!(kept || trash.contains("new.txt"), "{trash}");
}
