//! Names that not every client can have, by the policies of a share: those that Windows can't, and what macOS leaves lying about.
//! Which names are the same, and which are no names at all, is in `paths.rs`.

use crate::site::{Client, Depth, Reply, Request, Site, dav};

fn windows(request: Request<'_>) -> Reply {
    request.with("User-Agent", "Microsoft-WebDAV-MiniRedir/10.0.19045").with("translate", "f").send()
}

fn share() -> (Site, Client, Client) {
    let site = Site::start();
    let [ana, ben] = site.team("Projects", [("ana", "editor"), ("ben", "editor")]);
    (site, ana, ben)
}

/// Trap 12: Windows is told another name for one that it can't have, and means that one by it.
#[test]
fn windows_opens_what_it_could_not_name() {
    let (_site, ana, ben) = share();
    ana.put("/Projects/10:30 <draft>?.txt", "a meeting").status(201);
    ana.mkcol("/Projects/etc.").status(201);
    ana.put("/Projects/etc./rest ", "the rest").status(201);
    let told = windows(ben.ask("PROPFIND", "/Projects").with("Depth", "1")).paths();
    let (file, folder) = ("/Projects/10\u{f022}30 \u{f023}draft\u{f024}\u{f025}.txt", "/Projects/etc\u{f029}");
    assert_eq!(told, ["/Projects/", file, &format!("{folder}/")]);
    // Everything that Windows does, it does by that name, and is answered by it.
    windows(ben.ask("GET", file)).status(200).body("a meeting");
    assert_eq!(windows(ben.ask("PROPFIND", file).with("Depth", "0")).paths(), [file]);
    assert_eq!(
        windows(ben.ask("PROPFIND", folder).with("Depth", "1")).paths(),
        [format!("{folder}/"), format!("{folder}/rest\u{f028}")]
    );
    windows(ben.ask("PUT", file).body("a longer meeting")).status(204);
    let moved = format!("{folder}/11\u{f022}00.txt");
    windows(ben.ask("MOVE", file).to(&moved).overwrite(false)).status(201);
    ana.get("/Projects/etc./11:00.txt").status(200).body("a longer meeting");
    // Others have the names as they are.
    assert_eq!(
        ana.list("/Projects/etc.", Depth::One).paths(),
        ["/Projects/etc./", "/Projects/etc./11:00.txt", "/Projects/etc./rest "]
    );
    ana.get(&moved).status(404);
}

/// Trap 12: the names of shares, too.
#[test]
fn windows_is_told_another_name_of_a_share_that_it_can_not_name() {
    let site = Site::start();
    let [ana] = site.team("What next?", [("ana", "editor")]);
    let told = windows(ana.ask("PROPFIND", "/").with("Depth", "1")).paths();
    assert_eq!(told, ["/", "/Home/", "/What next\u{f025}/"]);
    windows(ana.ask("PUT", "/What next\u{f025}/a.txt").body("a plan")).status(201);
    ana.get("/What next?/a.txt").status(200).body("a plan");
}

/// Trap 12: a share may refuse such names instead, each new one through every door, and says which rule it was.
#[test]
fn a_share_may_refuse_what_windows_cannot_name() {
    let (site, ana, _ben) = share();
    ana.put("/Projects/old?.txt", "from before").status(201);
    ana.put("/Projects/plan.txt", "a plan").status(201);
    site.cli(&["share", "set", "Projects", "--policy", "windows_names=refuse"]).ok();
    for name in ["CON", "nul.txt", "etc.", "rest ", "what?.txt", "10:30.txt", "a|b"] {
        let path = format!("/Projects/{name}");
        let refused = ana.put(&path, "x").status(403);
        assert!(refused.text().contains("windows_names"), "{}", refused.told());
        ana.mkcol(&path).status(403);
        ana.copy("/Projects/plan.txt", &path).status(403);
        ana.rename("/Projects/plan.txt", &path).status(403);
        crate::locks::lock(&ana, &path).send().status(403);
        ana.get(&path).status(404);
    }
    // What is there already stays usable, and can be given a better name.
    ana.put("/Projects/old?.txt", "still written").status(204);
    ana.rename("/Projects/old?.txt", "/Projects/old.txt").status(201);
    // A name that Windows was told for such a one is that one.
    windows(ana.ask("PUT", "/Projects/10\u{f022}30.txt").body("x")).status(403);
    ana.put("/Projects/fine.txt", "x").status(201);
    site.cli(&["share", "set", "Projects", "--policy", "windows_names=nonsense"]).exits(2);
}

/// Trap 15: what macOS lays beside files is accepted always; a share may keep it out of everybody else's sight, out of trash
/// and history, and out of the log of changes.
#[test]
fn what_macos_leaves_lying_about_can_be_kept_from_others() {
    let (site, ana, ben) = share();
    let litter = ["/Projects/._plan.pdf", "/Projects/.DS_Store"];
    ana.put("/Projects/plan.pdf", "a plan").status(201);
    for path in litter {
        ana.put(path, "before").status(201);
    }
    assert_eq!(ben.list("/Projects", Depth::One).paths().len(), 4, "kept unless the share says otherwise");
    site.cli(&["share", "set", "Projects", "--policy", "macos_litter=hide"]).ok();
    let state = |who: &Client| {
        let body = crate::site::asking_for(&["{DAV:}getetag", "{DAV:}quota-used-bytes"]);
        let told = who.propfind("/Projects", Depth::Zero, &body).multistatus();
        [dav("getetag"), dav("quota-used-bytes")].map(|name| told.only().value(&name).to_owned())
    };
    assert_eq!(ben.list("/Projects", Depth::One).paths(), ["/Projects/", "/Projects/plan.pdf"]);
    assert_eq!(ana.list("/Projects", Depth::One).paths().len(), 4, "who has written it sees it");
    let whole = "<D:sync-collection xmlns:D='DAV:'><D:sync-token/><D:sync-level>1</D:sync-level><D:prop><D:getetag/></D:prop></D:sync-collection>";
    let followed = ben.ask("REPORT", "/Projects").xml(whole).send().status(207);
    assert_eq!(followed.paths(), ["/Projects/plan.pdf"], "who follows the log isn't told either");
    let [etag, _] = state(&ana);
    for path in litter {
        let [_, used] = state(&ana);
        ana.put(path, "after!").status(204);
        assert_eq!(state(&ana)[0], etag, "outside of the log");
        assert_eq!(state(&ana)[1], used, "no revision takes room");
        // It is hidden, not forbidden: ben's Mac asks for it by its name.
        ben.get(path).status(200).body("after!");
        ana.delete(path).status(204);
        ana.get(path).status(404);
    }
    assert_eq!(state(&ana)[0], etag);
    let trash = site.cli(&["trash", "list", "/Projects", "--json"]).ok().json();
    assert_eq!(trash, serde_json::json!([]));
    // It leaves for another share as quietly.
    site.cli(&["share", "add", "Other"]).ok();
    site.cli(&["share", "subscribe", "Other", "--user", "ana", "--role", "co-owner"]).ok();
    ana.put("/Other/._there.pdf", "there").status(201);
    ana.put("/Projects/._here.pdf", "here").status(201);
    ana.put("/Projects/._there.pdf", "onto it").status(201);
    let [etag, _] = state(&ana);
    ana.rename("/Projects/._here.pdf", "/Other/._here.pdf").status(201);
    ana.rename("/Projects/._there.pdf", "/Other/._there.pdf").status(204);
    assert_eq!(state(&ana)[0], etag);
    // And comes as quietly with a folder that is brought from a Mac.
    let from = site.folder().join("from");
    std::fs::create_dir(&from).expect("a folder");
    std::fs::write(from.join("._brought.pdf"), "brought").expect("a file");
    site.cli(&["import", from.to_str().expect("a path"), "/Projects", "--as", "ana"]).ok();
    ben.get("/Projects/._brought.pdf").status(200).body("brought");
    assert_eq!(state(&ana)[0], etag);
    let trash = site.cli(&["trash", "list", "/Projects", "--json"]).ok().json();
    assert_eq!(trash, serde_json::json!([]));
    site.is_consistent();
    // A folder that looks empty to ben is his to delete with what is hidden in it.
    ana.mkcol("/Projects/folder").status(201);
    // So that the folder has not changed last.
    ana.put("/Projects/other.pdf", "another").status(201);
    ana.put("/Projects/folder/.DS_Store", "x").status(201);
    site.is_consistent();
    assert_eq!(ben.list("/Projects/folder", Depth::One).paths(), ["/Projects/folder/"]);
    ben.delete("/Projects/folder").status(204);
    site.is_consistent();
}
