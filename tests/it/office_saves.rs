//! How programs save: conversations kept as data in `tests/recorded/`, replayed against the server. Whatever a program does
//! with temporary files, the document under its name stays the same one.
//!
//! How a recording is written down is in `recorded.rs`, how Office behaves without any saving in `office.rs`.

use crate::locks::locks_on;
use crate::recorded::steps;
use crate::site::{Client, Depth, Site, asking_for, dav};

/// A recorded conversation, and the document that it saves.
const RECORDINGS: &[(&str, &str, &str)] = &[
    ("Word", "plan.docx", include_str!("../recorded/word.txt")),
    ("PowerPoint", "talk.pptx", include_str!("../recorded/powerpoint.txt")),
    ("Excel", "book.xlsx", include_str!("../recorded/excel.txt")),
    ("LibreOffice", "plan.odt", include_str!("../recorded/libreoffice.txt")),
    ("vim", "plan.txt", include_str!("../recorded/vim.txt")),
    ("vim over davfs2", "plan.txt", include_str!("../recorded/vim_davfs2.txt")),
    ("macOS", "letter.pages", include_str!("../recorded/macos.txt")),
    ("macOS with a lock", "letter.pages", include_str!("../recorded/macos_locked.txt")),
];

/// What every recording writes.
const SECOND: &str = "the second draft";

/// A site with one of these documents in the first draft, and a property that nobody but its author knows.
fn drafted(document: &str) -> (Site, Client, Client) {
    let site = Site::start();
    let [ana, ben] = site.team("Projects", [("ana", "editor"), ("ben", "editor")]);
    ana.put(document, "the first draft").status(201);
    ana.set(document, r#"<case xmlns="urn:example">4711</case>"#).status(207);
    (site, ana, ben)
}

#[track_caller]
fn property(who: &Client, document: &str) -> Option<String> {
    let told = who.propfind(document, Depth::Zero, &asking_for(&["{urn:example}case"])).multistatus();
    told.only().properties.get(&200).and_then(|found| found.get("{urn:example}case")).cloned()
}

/// Trap 20: after a save there is one document of that name, with the new content and all that belonged to the old one; and
/// from LOCK to UNLOCK nobody else writes it.
#[test]
fn every_way_of_saving_keeps_the_document_behind_its_name() {
    for (program, name, recording) in RECORDINGS {
        let document = format!("/Projects/{name}");
        let (site, ana, ben) = drafted(&document);
        let etag = ana.head(&document).etag();
        let mut token = String::new();
        for step in steps(recording) {
            if step.is("UNLOCK") && step.target.ends_with(name) {
                // The last moment of the lock: it is on the document, whatever has been moved to and fro meanwhile.
                assert_eq!(locks_on(&ana, &document)[0].token.as_deref(), Some(&*token), "{program}");
                let refused = ben.put(&document, "ben's").status(423).condition("lock-token-submitted");
                assert!(refused.text().contains("ana"), "{program}: {}", refused.told());
            }
            let reply = step.send(&ana, &token);
            assert_eq!(reply.answer.status, step.status, "{program}: {}", reply.told());
            if let Some(new) = reply.answer.header("lock-token") {
                token = new.trim_matches(['<', '>']).to_owned();
            }
        }
        assert_ne!(ana.get(&document).status(200).body(SECOND).etag(), etag, "{program}");
        assert_eq!(
            property(&ben, &document).as_deref(),
            Some("4711"),
            "{program}: what belonged to the document is gone"
        );
        assert_eq!(
            ana.list("/Projects", Depth::One).paths(),
            ["/Projects/", &document],
            "{program}: something is left"
        );
        ben.put(&document, "the third draft").status(204);
        site.is_consistent();
    }
}

/// Trap 20: what programs lay beside a document while it is open takes no room in the trash and shows in no change of the
/// folder.
#[test]
fn owner_files_leave_no_trace() {
    let (_site, ana, ben) = drafted("/Projects/plan.docx");
    let folder = asking_for(&["{DAV:}getetag", "{DAV:}quota-used-bytes"]);
    let state = || {
        let told = ben.propfind("/Projects/", Depth::Zero, &folder).multistatus();
        [dav("getetag"), dav("quota-used-bytes")].map(|name| told.only().value(&name).to_owned())
    };
    let before = state();
    for name in ["~$plan.docx", "~$an.docx", ".~lock.plan.docx#"] {
        let path = format!("/Projects/{name}");
        ana.put(&path, "").status(201);
        ana.put(&path, "ana has it open").status(204);
        ben.get(&path).status(200).body("ana has it open");
        ana.delete(&path).status(204);
        ana.get(&path).status(404);
    }
    assert_eq!(state(), before);
    // Another file does both.
    ana.put("/Projects/note.txt", "a note").status(201);
    ana.delete("/Projects/note.txt").status(204);
    let [etag, used] = state();
    assert!(etag != before[0] && used != before[1], "a deleted file is in the trash");
}

/// Only the person who moved the document away is saving it, and only while it is where he left it.
#[test]
fn a_name_that_somebody_left_is_no_claim_on_what_became_of_the_document() {
    let (_site, ana, ben) = drafted("/Projects/plan.docx");
    ana.rename("/Projects/plan.docx", "/Projects/~plan.docx").status(201);
    ana.rename("/Projects/~plan.docx", "/Projects/archived.docx").status(201);
    let token = crate::locks::locked(&ben, "/Projects/archived.docx");
    ana.put("/Projects/new.docx", SECOND).status(201);
    ana.rename("/Projects/new.docx", "/Projects/plan.docx").status(201);
    // The archived document is still itself, and still ben's to write.
    assert_eq!(property(&ana, "/Projects/archived.docx").as_deref(), Some("4711"));
    assert_eq!(property(&ana, "/Projects/plan.docx"), None);
    crate::locks::save(&ben, "/Projects/archived.docx", &token).status(204);
    // A lock that somebody else has taken on what was put aside stays there as well.
    ana.rename("/Projects/plan.docx", "/Projects/~plan.docx").status(201);
    let token = crate::locks::locked(&ben, "/Projects/~plan.docx");
    ana.put("/Projects/new.docx", "the third draft").status(201);
    ana.rename("/Projects/new.docx", "/Projects/plan.docx").status(201);
    assert_eq!(locks_on(&ana, "/Projects/plan.docx"), []);
    crate::locks::save(&ben, "/Projects/~plan.docx", &token).status(204);
}
