//! COPY, MOVE and DELETE of trees (RFC 4918 sections 9.6, 9.8, 9.9): what they do, what they refuse, and that nobody
//! ever sees half of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::site::{Client, Depth, Site, asking_for};

#[test]
fn a_copied_folder_brings_everything_below_it() {
    let (_site, ana) = tree();
    ana.set("/Projects/a/b/f.txt", r#"<colour xmlns="urn:example">red</colour>"#).status(207);
    ana.copy("/Projects/a", "/Projects/new").status(201);
    assert_eq!(below(&ana, "/Projects/new"), ["/", "/b/", "/b/f.txt", "/g.txt"]);
    assert_eq!(below(&ana, "/Projects/a"), ["/", "/b/", "/b/f.txt", "/g.txt"]);
    ana.get("/Projects/new/b/f.txt").status(200).body("f");
    let kept = ana.propfind("/Projects/new/b/f.txt", Depth::Zero, &asking_for(&["{urn:example}colour"])).multistatus();
    assert_eq!(kept.only().value("{urn:example}colour"), "red");
    // A copy is a resource of its own.
    ana.put("/Projects/new/b/f.txt", "changed").status(204);
    ana.get("/Projects/a/b/f.txt").status(200).body("f");
    ana.ask("COPY", "/Projects/a").to("/Projects/shallow").with("Depth", "0").send().status(201);
    assert_eq!(below(&ana, "/Projects/shallow"), ["/"]);
}

#[test]
fn a_moved_folder_takes_everything_along() {
    let (_site, ana) = tree();
    ana.set("/Projects/a/b/f.txt", r#"<colour xmlns="urn:example">red</colour>"#).status(207);
    let etag = ana.get("/Projects/a/b/f.txt").etag();
    ana.rename("/Projects/a", "/Projects/d/moved").status(201);
    ana.list("/Projects/a", Depth::Zero).status(404);
    assert_eq!(below(&ana, "/Projects/d/moved"), ["/", "/b/", "/b/f.txt", "/g.txt"]);
    assert_eq!(ana.get("/Projects/d/moved/b/f.txt").status(200).body("f").etag(), etag);
    let kept =
        ana.propfind("/Projects/d/moved/b/f.txt", Depth::Zero, &asking_for(&["{urn:example}colour"])).multistatus();
    assert_eq!(kept.only().value("{urn:example}colour"), "red");
}

/// Trap 6: servers that delete the destination first destroy the source with it.
#[test]
fn nothing_is_copied_or_moved_onto_itself_its_ancestor_or_its_descendant() {
    let (_site, ana) = tree();
    let before = below(&ana, "/Projects");
    for method in ["COPY", "MOVE"] {
        for (from, to) in [
            ("/Projects/a", "/Projects/a"),
            ("/Projects/a/", "/Projects/a"),
            ("/Projects/a/g.txt", "/Projects/a/g.txt"),
            ("/Projects/a/b", "/Projects/a"),
            ("/Projects/a/b/f.txt", "/Projects/a"),
            ("/Projects/a/b/f.txt", "/Projects/a/b/"),
            ("/Projects/a", "/Projects/a/b"),
            ("/Projects/a", "/Projects/a/new"),
            ("/Projects/a", "/Projects/a/b/new"),
            ("/Projects/a/b/f.txt", "/Projects"),
            ("/Projects/a", "/"),
            ("/Projects", "/Projects/a"),
            ("/Projects", "/Projects/new"),
            // The same places in other letters, and in the other Unicode form.
            ("/Projects/a/g.txt", "/projects/A/g.txt"),
            ("/PROJECTS/A/G.TXT", "/Projects/a/g.txt"),
            ("/Projects", "/PROJECTS"),
            ("/Projects/a/b", "/projects/A"),
            ("/Projects/a", "/PROJECTS/A/B/new"),
            ("/Projects/\u{fc}/x.txt", "/Projects/U\u{308}"),
            ("/Projects/\u{fc}", "/Projects/u\u{308}/new"),
        ] {
            for overwrite in [true, false] {
                ana.ask(method, from).to(to).overwrite(overwrite).send().status(403);
            }
        }
        // Percent-encoding is no other name.
        ana.ask(method, "/Projects/a").with("Destination", "/dav/Projects/%61").send().status(403);
        ana.ask(method, "/Projects/a").with("Destination", "/dav/Projects//a//").send().status(403);
    }
    for (from, to) in [("a", "A"), ("a/g.txt", "A/G.TXT"), ("\u{fc}", "u\u{308}")] {
        for overwrite in [true, false] {
            let (from, to) = (format!("/Projects/{from}"), format!("/Projects/{to}"));
            ana.ask("COPY", &from).to(&to).overwrite(overwrite).send().status(403);
        }
    }
    assert_eq!(below(&ana, "/Projects"), before);
    ana.get("/Projects/a/b/f.txt").status(200).body("f");
}

/// Trap 6: Windows and macOS rename `plan.txt` to `Plan.txt`.
#[test]
fn a_name_is_written_in_other_letters_by_a_rename() {
    let site = Site::start();
    let [ana, ben] = site.team("Projects", [("ana", "co-owner"), ("ben", "viewer")]);
    ana.mkcol("/Projects/plans").status(201);
    ana.put("/Projects/plans/plan.txt", "one").status(201);
    ana.put("/Projects/plans/plan.txt", "two").status(204);
    ana.set("/Projects/plans/plan.txt", r#"<colour xmlns="urn:example">red</colour>"#).status(207);
    site.cli(&["grant", "add", "/Projects/plans", "--user", "ben", "--allow", "rename-child"]).ok();
    let id = "{http://owncloud.org/ns}fileid";
    let known = |path: &str| {
        let listed = ben.propfind(path, Depth::Zero, &asking_for(&[id, "{urn:example}colour"])).multistatus();
        let one = listed.only();
        (one.value(id).to_owned(), one.value("{urn:example}colour").to_owned())
    };
    let lock = r#"<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>"#;
    let locked = ana.ask("LOCK", "/Projects/plans/plan.txt").xml(lock).send().status(200);
    let token = format!("({})", locked.header("Lock-Token"));
    let before = (known("/Projects/plans/plan.txt"), ana.get("/Projects/plans/plan.txt").etag());
    let rename = |who: &Client, from: &str, to: &str| who.ask("MOVE", from).to(to).overwrite(false).send();
    // Others' locks hold, and nothing is made by it that needs more than to rename.
    rename(&ben, "/Projects/plans/plan.txt", "/Projects/plans/Plan.TXT").status(423);
    for (from, to) in [("plan.txt", "Plan.txt"), ("PLAN.TXT", "PLAN.txt"), ("PLAN.txt", "Plan.txt")] {
        let (from, to) = (format!("/Projects/plans/{from}"), format!("/Projects/plans/{to}"));
        ana.ask("MOVE", &from).to(&to).overwrite(false).with("If", &token).send().status(201);
    }
    assert_eq!(below(&ben, "/Projects/plans"), ["/", "/Plan.txt"]);
    assert_eq!((known("/Projects/plans/plan.txt"), ana.get("/Projects/plans/plan.txt").etag()), before);
    ana.put("/Projects/plans/Plan.txt", "three").status(423);
    ana.ask("UNLOCK", "/Projects/plans/Plan.txt").with("Lock-Token", token.trim_matches(['(', ')'])).send().status(204);
    let revisions = site.cli(&["revision", "list", "/Projects/plans/Plan.txt", "--json"]).ok().json();
    assert_eq!(revisions.as_array().map(Vec::len), Some(2), "{revisions}");

    // Who may only rename does so; who may not even that doesn't, and a folder is as good as a file.
    rename(&ben, "/Projects/plans/Plan.txt", "/Projects/plans/pl\u{c4}n.txt").status(201);
    rename(&ben, "/Projects/plans/pl\u{c4}n.txt", "/Projects/plans/pla\u{308}n.txt").status(201);
    assert_eq!(below(&ben, "/Projects/plans"), ["/", "/pla\u{308}n.txt"]);
    rename(&ben, "/Projects/plans", "/Projects/Plans").status(403).condition("need-privileges");
    ana.rename("/Projects/plans", "/Projects/PLANS").status(201);
    assert_eq!(below(&ana, "/Projects"), ["/", "/PLANS/", "/PLANS/pla\u{308}n.txt"]);
    ana.get("/Projects/plans/pl\u{e4}n.txt").status(200).body("two");
    // The grant has stayed.
    rename(&ben, "/Projects/PLANS/pla\u{308}n.txt", "/Projects/PLANS/PL\u{e4}N.txt").status(201);
    // A file that had the name before stays deleted.
    ana.put("/Projects/PLANS/new.txt", "old").status(201);
    ana.delete("/Projects/PLANS/new.txt").status(204);
    ana.put("/Projects/PLANS/new.txt", "new").status(201);
    ana.rename("/Projects/PLANS/new.txt", "/Projects/PLANS/New.txt").status(201);
    ana.get("/Projects/PLANS/new.txt").status(200).body("new");
    site.is_consistent();
}

/// Traps 7 and 45.
#[test]
fn a_taken_destination_is_replaced_whole_or_left_with_412() {
    let (_site, ana) = tree();
    ana.put("/Projects/d/only-here.txt", "x").status(201);
    for method in ["COPY", "MOVE"] {
        for (from, to) in [
            ("/Projects/a", "/Projects/d"),
            ("/Projects/a/g.txt", "/Projects/a/b/f.txt"),
            ("/Projects/a/g.txt", "/Projects/d"),
        ] {
            // Windows takes a 207 around the 412 for success.
            ana.ask(method, from).to(to).overwrite(false).send().status(412);
        }
    }
    assert_eq!(below(&ana, "/Projects/d"), ["/", "/only-here.txt"]);
    ana.copy("/Projects/a", "/Projects/d").status(204);
    assert_eq!(below(&ana, "/Projects/d"), ["/", "/b/", "/b/f.txt", "/g.txt"], "replaced, not merged");
    ana.rename("/Projects/d/g.txt", "/Projects/d/b/f.txt").status(204);
    ana.get("/Projects/d/b/f.txt").status(200).body("g");
    ana.get("/Projects/d/g.txt").status(404);
    // A file for a folder, and a folder for a file.
    ana.rename("/Projects/d/b/f.txt", "/Projects/d/b").status(403); // its own parent
    ana.copy("/Projects/a/g.txt", "/Projects/d/b").status(204);
    ana.get("/Projects/d/b").status(200).body("g");
    ana.copy("/Projects/a/b", "/Projects/d/b").status(204);
    assert_eq!(below(&ana, "/Projects/d"), ["/", "/b/", "/b/f.txt"]);
}

/// Trap 7: a name that is overwritten is never gone in between.
#[test]
fn a_file_that_is_moved_over_is_always_there() {
    let (_site, ana) = tree();
    let done = AtomicBool::new(false);
    ana.put("/Projects/doc.txt", "doc 0").status(201);
    thread::scope(|scope| {
        let reader = ana.clone();
        let done = &done;
        let reading = scope.spawn(move || {
            let mut last = 0;
            while !done.load(Ordering::Relaxed) {
                let reply = reader.get("/Projects/doc.txt").status(200);
                let version = reply.text().strip_prefix("doc ").and_then(|n| n.parse::<u32>().ok());
                let version = version.unwrap_or_else(|| panic!("torn: {}", reply.told()));
                assert!(version >= last, "version {version} after {last}");
                last = version;
            }
        });
        for version in 1..=200 {
            ana.put("/Projects/doc.tmp", format!("doc {version}")).status(201);
            ana.rename("/Projects/doc.tmp", "/Projects/doc.txt").status(204);
        }
        done.store(true, Ordering::Relaxed);
        reading.join().expect("the reader saw only whole versions");
    });
}

/// Trap 45: the plain status, never a 207 around one error.
#[test]
fn a_conflict_is_told_plainly() {
    let (_site, ana) = tree();
    for method in ["COPY", "MOVE"] {
        ana.ask(method, "/Projects/a").to("/Projects/none/a").send().status(409);
        ana.ask(method, "/Projects/a/g.txt").to("/Projects/none/g.txt").send().status(409);
        ana.ask(method, "/Projects/a/g.txt").to("/Projects/a/b/f.txt/g.txt").send().status(409);
        ana.ask(method, "/Projects/none").to("/Projects/x").send().status(404);
    }
    ana.mkcol("/Projects/none/x").status(409);
    ana.mkcol("/Projects/a").status(405);
    ana.mkcol("/Projects/a/g.txt").status(405);
    ana.delete("/Projects/none").status(404);
    ana.delete("/Projects/a/g.txt/none").status(404);
}

/// Trap 9.
#[test]
fn a_destination_is_ours_as_path_or_as_url() {
    let origin = "https://files.example.org";
    let site = Site::start_with(&format!("[server]\npublic_origins = [\"{origin}\"]\n"));
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.put("/Projects/a.txt", "a").status(201);
    let copy = |destination: &str| ana.ask("COPY", "/Projects/a.txt").with("Destination", destination).send();
    copy("/dav/Projects/1.txt").status(201);
    copy(&format!("http://{}/dav/Projects/2.txt", ana.host())).status(201);
    copy(&format!("{origin}/dav/Projects/3.txt")).status(201);
    for foreign in [
        "http://other.example.org/dav/Projects/4.txt",
        "http://127.0.0.1:1/dav/Projects/4.txt",
        "http://169.254.169.254/dav/Projects/4.txt",
    ] {
        copy(foreign).status(502);
    }
    copy("/dav/Projects/4.txt#part").status(400);
    copy(&format!("http://{}/dav/Projects/4.txt#part", ana.host())).status(400);
    copy("/dav/Projects/a%2F4.txt").status(400);
    for outside in ["/", "/davX/Projects/4.txt", "/other/4.txt"] {
        let refused = copy(outside);
        assert!([400, 403, 404, 409, 502].contains(&refused.answer.status), "{}", refused.told());
    }
    let names = ["", "1.txt", "2.txt", "3.txt", "a.txt"].map(|name| format!("/Projects/{name}"));
    assert_eq!(ana.list("/Projects", Depth::One).paths(), names);
}

/// Trap 8: the change runs to its end or not at all, whoever hangs up.
#[test]
fn a_caller_who_hangs_up_leaves_no_half_of_a_tree() {
    let (_site, ana) = tree();
    ana.mkcol("/Projects/wide").status(201);
    for n in 0..100 {
        ana.put(&format!("/Projects/wide/{n}.txt"), "x").status(201);
    }
    // Copies of copies: 800 files and 9 folders.
    ana.mkcol("/Projects/big").status(201);
    for n in 0..8 {
        ana.copy("/Projects/wide", &format!("/Projects/big/{n}")).status(201);
    }
    let size = |path: &str| {
        let reply = ana.list(path, Depth::Infinity);
        if reply.answer.status == 404 { 0 } else { reply.paths().len() }
    };
    assert_eq!(size("/Projects/big"), 809);
    for round in 0..10 {
        let hang_up = |method: &str, path: &str, to: &str| {
            let mut connection = ana.connect();
            connection.write(&ana.ask(method, path).to(to).head()).expect("the server reads");
            if round % 2 == 0 {
                connection.cut().expect("a connection can be reset");
            } else {
                drop(connection);
            }
            // Changes of one share are made one after the other: when this one is answered, the cut one is over,
            // or it comes later and whole.
            ana.put("/Projects/after.txt", "x").status_in(&[201, 204]);
        };
        let copied = format!("/Projects/copy-{round}");
        hang_up("COPY", "/Projects/big", &copied);
        assert!([0, 809].contains(&size(&copied)), "half of a copy");
        let moved = format!("/Projects/moved-{round}");
        ana.copy("/Projects/big", &format!("/Projects/source-{round}")).status(201);
        hang_up("MOVE", &format!("/Projects/source-{round}"), &moved);
        let sizes = (size(&format!("/Projects/source-{round}")), size(&moved));
        // Both whole: it happened between the two looks.
        assert!([(809, 0), (0, 809), (809, 809)].contains(&sizes), "half of a move: {sizes:?}");
    }
    assert_eq!(size("/Projects/big"), 809);
}

#[test]
fn a_deleted_tree_is_gone_and_its_names_are_free() {
    let (_site, ana) = tree();
    ana.delete("/Projects/a").status(204);
    for path in ["/Projects/a", "/Projects/a/g.txt", "/Projects/a/b/f.txt"] {
        ana.get(path).status(404);
    }
    ana.delete("/Projects/a").status(404);
    ana.put("/Projects/a", "a file now").status(201);
    ana.get("/Projects/a").status(200).body("a file now");
    ana.delete("/Projects/a").status(204);
    ana.mkcol("/Projects/a").status(201);
    assert_eq!(below(&ana, "/Projects/a"), ["/"]);
}

#[test]
fn a_move_to_another_share_needs_rights_on_both() {
    let (site, ana) = tree();
    site.cli(&["share", "add", "Archive"]).ok();
    site.cli(&["share", "subscribe", "Archive", "--user", "ana", "--role", "viewer"]).ok();
    ana.rename("/Projects/a", "/Archive/a").status(403);
    ana.copy("/Projects/a", "/Archive/a").status(403);
    assert_eq!(below(&ana, "/Projects/a").len(), 4);
    site.cli(&["share", "subscribe", "Archive", "--user", "ana", "--role", "editor"]).ok();
    ana.copy("/Projects/a", "/Archive/copied").status(201);
    ana.rename("/Projects/a", "/Archive/moved").status(201);
    ana.list("/Projects/a", Depth::Zero).status(404);
    for folder in ["/Archive/copied", "/Archive/moved"] {
        assert_eq!(below(&ana, folder), ["/", "/b/", "/b/f.txt", "/g.txt"]);
        ana.get(&format!("{folder}/b/f.txt")).status(200).body("f");
    }
    site.is_consistent();
}

#[test]
fn a_destination_is_read_in_the_encoding_of_any_client() {
    let (_site, ana) = tree();
    // Windows names the destination with the host it dialled, encoded in its own way.
    let windows = format!("http://{}/dav/Projects/New%20Folder%20%281%29", ana.host());
    ana.ask("MOVE", "/Projects/a").with("Destination", windows).overwrite(false).send().status(201);
    assert_eq!(below(&ana, "/Projects/New Folder (1)").len(), 4);
    // gvfs and davfs2 encode in lower case.
    ana.ask("MOVE", "/Projects/\u{fc}").with("Destination", "/dav/Projects/%c3%a4").send().status(201);
    assert_eq!(below(&ana, "/Projects/\u{e4}"), ["/", "/x.txt"]);
}

/// What lies below a folder, itself as `/`.
fn below(ana: &Client, folder: &str) -> Vec<String> {
    let paths = ana.list(folder, Depth::Infinity).paths();
    paths.iter().map(|path| path.strip_prefix(folder).expect("all lie below the folder").to_owned()).collect()
}

/// `a/g.txt`, `a/b/f.txt`, an empty folder `d` and `ü/x.txt`; one co-owner.
fn tree() -> (Site, Client) {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    for folder in ["/Projects/a", "/Projects/a/b", "/Projects/d", "/Projects/\u{fc}"] {
        ana.mkcol(folder).status(201);
    }
    ana.put("/Projects/a/g.txt", "g").status(201);
    ana.put("/Projects/a/b/f.txt", "f").status(201);
    ana.put("/Projects/\u{fc}/x.txt", "x").status(201);
    (site, ana)
}
