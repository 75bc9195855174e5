//! The mapped drive of Windows (its WebDAV Mini-Redirector), replayed as it speaks where it takes no locks: no body in
//! PROPFIND, no trailing slashes, `translate: f` on everything.

use crate::site::{Client, Depth, Reply, Request, Site, asking_for, basic, dav};

const AGENT: &str = "Microsoft-WebDAV-MiniRedir/10.0.19045";

/// The namespace of Windows' times and attributes.
const WIN32: &str = "urn:schemas-microsoft-com:";

/// Traps 18 and 19: Windows begins at the host's root, without credentials, and walks down segment by segment.
#[test]
fn a_drive_is_mapped_from_the_root_of_the_host() {
    let (site, ana) = share();
    for target in ["/", "*", "/dav", "/dav/", "/dav/Projects"] {
        let reply = windows(site.anonymous().raw("OPTIONS", target)).status(200).says("MS-Author-Via", "DAV");
        let (classes, allow) = (reply.list("DAV"), reply.list("Allow"));
        assert!(classes.contains(&"1") && classes.contains(&"3"), "{}", reply.told());
        assert!(allow.contains(&"OPTIONS") && allow.contains(&"PROPFIND"), "{}", reply.told());
        let locks = ["LOCK", "UNLOCK"].map(|verb| allow.contains(&verb));
        assert_eq!(locks, [classes.contains(&"2"); 2], "class 2 means locks: {}", reply.told());
    }
    let walk = |target: &str, depth: &str| windows(ana.raw("PROPFIND", target).with("Depth", depth)).status(207);
    for target in ["/", "/dav", "/dav/Projects", "/dav/Projects/plans"] {
        assert!(walk(target, "0").multistatus().only().is_collection(), "{target}");
    }
    let hrefs: Vec<String> = walk("/", "1").multistatus().responses.into_keys().collect();
    assert!(hrefs.contains(&"/".to_owned()) && hrefs.contains(&"/dav/".to_owned()), "{hrefs:?}");
    assert_eq!(walk("/dav", "1").paths(), ["/", "/Home/", "/Projects/"]);
}

/// Trap 18: what OPTIONS allows answers something else than 405, and the rest answers 405 and says what is allowed.
#[test]
fn allow_tells_the_truth() {
    let (_site, ana) = share();
    ana.put("/Projects/a.txt", "a").status(201);
    for path in ["/", "/Projects", "/Projects/plans", "/Projects/a.txt", "/Projects/unmapped"] {
        let options = ana.ask("OPTIONS", path).send().status(200);
        let allowed = options.list("Allow");
        for method in
            ["GET", "HEAD", "PROPFIND", "PROPPATCH", "PUT", "MKCOL", "COPY", "MOVE", "DELETE", "LOCK", "UNLOCK", "POST"]
        {
            // `Expect` nothing and send nothing that could succeed: a condition that never holds.
            let reply = ana.ask(method, path).with("If-Match", "\"never\"").send();
            if method == "POST" {
                assert!(!allowed.contains(&method), "{}", options.told());
                let reply = reply.status(405);
                assert!(
                    reply.list("Allow").contains(&"OPTIONS") && !reply.list("Allow").contains(&method),
                    "{}",
                    reply.told()
                );
            } else if allowed.contains(&method) {
                assert_ne!(reply.answer.status, 405, "{} allows it: {}", options.told(), reply.told());
            }
        }
    }
}

/// Trap 14: Windows remembers a 404 for a minute, whatever the letter case, unless it may not be stored.
#[test]
fn a_404_is_not_remembered() {
    let (_site, ana) = share();
    for method in ["PROPFIND", "GET", "HEAD"] {
        windows(ana.ask(method, "/Projects/New.txt").with("Depth", "0")).status(404).says("cache-control", "no-store");
    }
    ana.put("/Projects/new.txt", "there").status(201);
    for path in ["/Projects/New.txt", "/Projects/NEW.TXT"] {
        assert_eq!(windows(ana.ask("PROPFIND", path).with("Depth", "0")).paths(), [path]);
    }
}

/// Trap 13: a copied file keeps its times and attributes, and looks as old as it is.
#[test]
fn a_file_copied_in_keeps_its_times_and_attributes() {
    let (_site, ana) = share();
    let file = "/Projects/Quarterly report.docx";
    windows(ana.ask("PROPFIND", file).with("Depth", "0")).status(404);
    windows(ana.ask("PUT", file).body("")).status(201);
    let first = win32(&ana, file, "Sat, 18 Jul 2020 08:15:30 GMT");
    let names = ["Win32CreationTime", "Win32LastAccessTime", "Win32LastModifiedTime", "Win32FileAttributes"];
    for name in names {
        // A bare 403, or a name without its namespace, makes the copy fail.
        assert_eq!(first.multistatus().only().status_of(&format!("{{{WIN32}}}{name}")), Some(200), "{}", first.told());
    }
    windows(ana.ask("HEAD", file)).status(200).says("content-length", "0");
    let written = windows(ana.ask("PUT", file).body("the report")).status(204);
    let second = win32(&ana, file, "Sat, 18 Jul 2020 08:15:30 GMT");
    second.status(207);

    let asked: Vec<String> = names.iter().map(|name| format!("{{{WIN32}}}{name}")).collect();
    let asked: Vec<&str> = asked.iter().map(String::as_str).chain(["{DAV:}getlastmodified", "{DAV:}getetag"]).collect();
    let listed = ana.propfind(file, Depth::Zero, &asking_for(&asked)).multistatus();
    let listed = listed.only();
    assert_eq!(listed.value(&format!("{{{WIN32}}}Win32LastModifiedTime")), "Sat, 18 Jul 2020 08:15:30 GMT");
    assert_eq!(listed.value(&format!("{{{WIN32}}}Win32CreationTime")), "Fri, 17 Jul 2020 10:00:00 GMT");
    assert_eq!(listed.value(&format!("{{{WIN32}}}Win32FileAttributes")), "00000020");
    assert_eq!(listed.value(&dav("getlastmodified")), "Sat, 18 Jul 2020 08:15:30 GMT");
    assert_eq!(listed.value(&dav("getetag")), written.etag(), "a change of times is no new version");
    ana.get(file).status(200).body("the report").says("last-modified", "Sat, 18 Jul 2020 08:15:30 GMT");
}

/// Trap 13: what ownCloud's clients and rclone send.
#[test]
fn an_upload_may_bring_its_time() {
    let (_site, ana) = share();
    // 1595060130 is 2020-07-18 08:15:30 UTC.
    ana.ask("PUT", "/Projects/old.txt")
        .with("X-OC-Mtime", "1595060130")
        .body("x")
        .send()
        .status(201)
        .says("x-oc-mtime", "accepted");
    ana.head("/Projects/old.txt").status(200).says("last-modified", "Sat, 18 Jul 2020 08:15:30 GMT");
    ana.put("/Projects/old.txt", "y").status(204);
    assert_ne!(
        ana.head("/Projects/old.txt").header("last-modified"),
        "Sat, 18 Jul 2020 08:15:30 GMT",
        "a write without a time is now"
    );
    ana.ask("PUT", "/Projects/bad.txt").with("X-OC-Mtime", "soon").body("x").send().status(400);
    ana.get("/Projects/bad.txt").status(404);
}

/// Trap 45: Explorer asks the person only when it sees a plain 412.
#[test]
fn a_rename_onto_a_taken_name_is_412() {
    let (_site, ana) = share();
    ana.put("/Projects/a.txt", "a").status(201);
    ana.put("/Projects/b.txt", "b").status(201);
    let destination = format!("http://{}/dav/Projects/b.txt", ana.host());
    let rename = || windows(ana.ask("MOVE", "/Projects/a.txt").with("Destination", &destination).overwrite(false));
    rename().status(412);
    ana.delete("/Projects/b.txt").status(204);
    rename().status(201);
}

/// Trap 17: the room on the drive is what the root of the share says, in answer to a question that names no property.
#[test]
fn a_drive_shows_how_much_room_there_is() {
    let (site, ana) = share();
    site.cli(&["share", "set", "Projects", "--quota", "5000000"]).ok();
    ana.put("/Projects/a.txt", "12345").status(201);
    let told = windows(ana.ask("PROPFIND", "/Projects").with("Depth", "0")).multistatus();
    assert_eq!(told.only().value(&dav("quota-used-bytes")), "5");
    assert_eq!(told.only().value(&dav("quota-available-bytes")), "4999995");
    let file = windows(ana.ask("PROPFIND", "/Projects/a.txt").with("Depth", "0")).multistatus();
    assert_eq!(file.only().status_of(&dav("quota-used-bytes")), None);
    // Who names `allprop` gets what RFC 4331 says, nothing of the quota.
    let all = ana.propfind("/Projects", Depth::Zero, r#"<propfind xmlns="DAV:"><allprop/></propfind>"#).multistatus();
    assert_eq!(all.only().status_of(&dav("quota-used-bytes")), None);
}

/// Trap 15: refusing one of these breaks the copy of a whole folder; asking for one that isn't there is common.
#[test]
fn the_small_files_of_explorer_are_files() {
    let (_site, ana) = share();
    for name in ["desktop.ini", "Thumbs.db", "AutoRun.inf", "folder.jpg"] {
        let path = format!("/Projects/{name}");
        windows(ana.ask("PROPFIND", &path).with("Depth", "0")).status(404);
        windows(ana.ask("PUT", &path).body(name)).status(201);
        windows(ana.ask("GET", &path)).status(200).body(name);
        windows(ana.ask("DELETE", &path)).status(204);
    }
}

/// Trap 40: Windows may put the domain before the name.
#[test]
fn a_domain_before_the_name_is_accepted() {
    let (_site, ana) = share();
    for domain in ["ACME", "acme.example.org", "DESKTOP-1"] {
        let from_windows = ana.with_authorization(&basic(&format!("{domain}\\ana"), &ana.secret));
        windows(from_windows.ask("PROPFIND", "/Projects").with("Depth", "0")).status(207);
    }
    let wrong = ana.with_authorization(&basic("ACME\\ana", "not the password"));
    windows(wrong.ask("PROPFIND", "/Projects").with("Depth", "0")).status(401);
}

/// Trap 34: of a listing beyond 1,000,000 bytes Windows shows nothing, so the times stay out of one that would become longer.
#[test]
fn five_thousand_files_list_within_what_windows_reads() {
    let (site, ana) = share();
    let folder = site.folder().join("many");
    std::fs::create_dir(&folder).expect("the test owns the folder");
    for n in 0..5_000 {
        std::fs::write(folder.join(format!("Quarterly report {n:04}.docx")), "x").expect("the disk takes it");
    }
    ana.mkcol("/Projects/many").status(201);
    site.cli(&["import", folder.to_str().expect("a plain path"), "/Projects/many"]).ok();
    let large = windows(ana.ask("PROPFIND", "/Projects/many").with("Depth", "1")).status(207);
    assert!(large.answer.body.len() <= 1_000_000, "{} bytes", large.answer.body.len());
    let listed = large.multistatus();
    assert_eq!(listed.responses.len(), 5_001);
    assert_eq!(listed.at("/Projects/many/Quarterly report 4999.docx").value(&dav("getcontentlength")), "1");
    // One by one, and to everybody else, they have their times.
    let one = windows(ana.ask("PROPFIND", "/Projects/many/Quarterly report 4999.docx").with("Depth", "0"));
    assert!(one.multistatus().only().value(&dav("getlastmodified")).ends_with(" GMT"));
    let others = ana.list("/Projects/many", Depth::One).multistatus();
    assert!(others.at("/Projects/many/Quarterly report 4999.docx").value(&dav("getlastmodified")).ends_with(" GMT"));
    // A folder that fits has them for Windows too.
    let small = windows(ana.ask("PROPFIND", "/Projects").with("Depth", "1")).multistatus();
    assert!(small.at("/Projects/many/").value(&dav("getlastmodified")).ends_with(" GMT"));
}

/// Trap 34: each letter of such a name takes six bytes.
#[test]
fn names_in_cyrillic_list_within_what_windows_reads() {
    let (site, ana) = share();
    let folder = site.folder().join("many");
    std::fs::create_dir(&folder).expect("the test owns the folder");
    let file = |n: usize| folder.join(format!("{} {n:04}.doc", "\u{43f}".repeat(30)));
    for n in 0..2_700 {
        std::fs::write(file(n), "x").expect("the disk takes it");
    }
    // All of them are too many with their times, a fifth less are not.
    for (into, files, dated) in [("/Projects/many", 2_700, false), ("/Projects/fewer", 2_200, true)] {
        for n in files..2_700 {
            std::fs::remove_file(file(n)).expect("the test owns the file");
        }
        ana.mkcol(into).status(201);
        site.cli(&["import", folder.to_str().expect("a plain path"), into]).ok();
        let listed = windows(ana.ask("PROPFIND", into).with("Depth", "1")).status(207);
        assert!(listed.answer.body.len() <= 1_000_000, "{} bytes", listed.answer.body.len());
        assert_eq!(listed.multistatus().responses.len(), files + 1);
        assert_eq!(listed.text().matches("<getlastmodified>").count() > files, dated);
    }
}

fn windows(request: Request<'_>) -> Reply {
    request.with("User-Agent", AGENT).with("translate", "f").with("Connection", "Keep-Alive").send()
}

/// The PROPPATCH that follows each PUT.
fn win32(ana: &Client, path: &str, modified: &str) -> Reply {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\" ?><D:propertyupdate xmlns:D=\"DAV:\" xmlns:Z=\"{WIN32}\"><D:set><D:prop>\
         <Z:Win32CreationTime>Fri, 17 Jul 2020 10:00:00 GMT</Z:Win32CreationTime>\
         <Z:Win32LastAccessTime>{modified}</Z:Win32LastAccessTime>\
         <Z:Win32LastModifiedTime>{modified}</Z:Win32LastModifiedTime>\
         <Z:Win32FileAttributes>00000020</Z:Win32FileAttributes></D:prop></D:set></D:propertyupdate>"
    );
    windows(ana.ask("PROPPATCH", path).with("Content-Type", "text/xml; charset=\"utf-8\"").body(body))
}

fn share() -> (Site, Client) {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.mkcol("/Projects/plans").status(201);
    (site, ana)
}
