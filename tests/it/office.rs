//! Microsoft Office and LibreOffice, as far as they take no locks: discovery, and saves through temporary files.

use crate::site::{Client, Depth, Site, asking_for};

/// Traps 18 and 42: what Office asks before it opens a document by its address.
#[test]
fn office_discovers_the_folder() {
    let (_site, ana) = document();
    let discovery = "Microsoft Office Protocol Discovery";
    for path in ["/", "/Projects", "/Projects/"] {
        ana.ask("OPTIONS", path).with("User-Agent", discovery).send().status(200).says("MS-Author-Via", "DAV");
    }
    let existence = "Microsoft Office Existence Discovery";
    for path in ["/Projects", "/Projects/", "/Projects/plan.docx"] {
        ana.ask("HEAD", path).with("User-Agent", existence).send().status(200).body("");
    }
    ana.ask("HEAD", "/Projects/none.docx").with("User-Agent", existence).send().status(404);
}

/// Word: the new bytes in a temporary file, the old ones renamed away, the new ones renamed to the name.
#[test]
fn a_save_by_two_renames_ends_with_the_new_document() {
    let (_site, ana) = document();
    let before = ana.get("/Projects/plan.docx").etag();
    ana.put("/Projects/~WRD0001.tmp", "v2").status(201);
    ana.rename("/Projects/plan.docx", "/Projects/~WRL0001.tmp").status(201);
    ana.rename("/Projects/~WRD0001.tmp", "/Projects/plan.docx").status(201);
    ana.delete("/Projects/~WRL0001.tmp").status(204);
    assert_ne!(ana.get("/Projects/plan.docx").status(200).body("v2").etag(), before);
    assert_eq!(ana.list("/Projects", Depth::One).paths(), ["/Projects/", "/Projects/plan.docx"]);
}

/// Other editors: the temporary file is moved over the document, or the document deleted before.
#[test]
fn a_save_by_moving_over_or_after_a_delete_ends_with_the_new_document() {
    let (_site, ana) = document();
    ana.put("/Projects/plan.tmp", "v2").status(201);
    ana.ask("MOVE", "/Projects/plan.tmp").to("/Projects/plan.docx").overwrite(true).send().status(204);
    ana.get("/Projects/plan.docx").status(200).body("v2");
    ana.put("/Projects/plan.tmp", "v3").status(201);
    ana.delete("/Projects/plan.docx").status(204);
    ana.ask("MOVE", "/Projects/plan.tmp").to("/Projects/plan.docx").overwrite(false).send().status(201);
    ana.get("/Projects/plan.docx").status(200).body("v3");
    assert_eq!(ana.list("/Projects", Depth::One).paths(), ["/Projects/", "/Projects/plan.docx"]);
}

/// The owner file that Office puts beside an open document.
#[test]
fn the_owner_file_of_a_document_comes_and_goes() {
    let (_site, ana) = document();
    ana.put("/Projects/~$plan.docx", "").status(201);
    ana.head("/Projects/~$plan.docx").status(200);
    ana.put("/Projects/~$plan.docx", "ana").status(204);
    ana.get("/Projects/~$plan.docx").status(200).body("ana");
    ana.delete("/Projects/~$plan.docx").status(204);
    ana.get("/Projects/~$plan.docx").status(404);
}

/// LibreOffice waits for `100 Continue` with every body, looks at the folder before it saves, and asks for a property of
/// its own.
#[test]
fn libreoffice_opens_and_saves() {
    let (_site, ana) = document();
    let read_only = asking_for(&["{http://ucb.openoffice.org/dav/props/}IsReadOnly", "{DAV:}getetag"]);
    let opened = ana.propfind("/Projects/plan.docx", Depth::Zero, &read_only).multistatus();
    assert_eq!(opened.only().status_of("{http://ucb.openoffice.org/dav/props/}IsReadOnly"), Some(404));
    ana.head("/Projects").status(200);
    ana.get("/Projects").status(200);
    let mut connection = ana.connect();
    let save = ana.ask("PUT", "/Projects/plan.docx").with("Expect", "100-continue").with("Content-Length", "2");
    connection.write(&save.head()).expect("the server reads");
    let (status, _) = connection.read_head().expect("an interim answer before the body");
    assert_eq!(status, 100);
    connection.write(b"v2").expect("the server reads");
    assert_eq!(connection.read_answer("PUT").expect("an answer").status, 204);
    ana.get("/Projects/plan.docx").status(200).body("v2");
}

/// Trap 48: with `Expect` a refusal comes instead of `100 Continue`, and the bytes never travel.
#[test]
fn a_refused_save_is_told_before_the_body_is_sent() {
    let site = Site::start();
    let [owner, viewer] = site.team("Projects", [("olga", "co-owner"), ("vic", "viewer")]);
    owner.put("/Projects/plan.docx", "v1").status(201);
    for (who, expected) in [(viewer, 403), (site.anonymous(), 401)] {
        let mut connection = who.connect();
        let save =
            who.ask("PUT", "/Projects/plan.docx").with("Expect", "100-continue").with("Content-Length", "1000000");
        connection.write(&save.head()).expect("the server reads");
        let (status, _) = connection.read_head().expect("an answer before the body");
        assert_eq!(status, expected);
    }
    owner.get("/Projects/plan.docx").status(200).body("v1");
}

fn document() -> (Site, Client) {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.put("/Projects/plan.docx", "v1").status(201);
    (site, ana)
}
