//! PROPFIND and the views of a collection: depth, properties that are and aren't there, the size of a listing, the page
//! a browser gets (RFC 4918 sections 9.1 and 9.2, RFC 4331).

use std::thread;

use crate::site::{Client, Depth, Site, asking_for, dav, target};

const COLOUR: &str = "{urn:example}colour";

#[test]
fn depth_zero_one_and_infinity_list_as_far_as_they_say() {
    let (_site, ana) = tree();
    let all = ["/Projects/plans/", "/Projects/plans/a b.txt", "/Projects/plans/deep/", "/Projects/plans/deep/c.txt"];
    assert_eq!(ana.list("/Projects/plans", Depth::Zero).paths(), all[..1]);
    assert_eq!(ana.list("/Projects/plans", Depth::One).paths(), all[..3]);
    assert_eq!(ana.list("/Projects/plans", Depth::Infinity).paths(), all);
    for depth in [Depth::Zero, Depth::One, Depth::Infinity] {
        assert_eq!(ana.list("/Projects/plans/a b.txt", depth).paths(), all[1..2]);
    }
}

/// Trap 10.
#[test]
fn propfind_without_depth_means_infinity() {
    let (_site, ana) = tree();
    let without = ana.ask("PROPFIND", "/Projects/plans").send().paths();
    assert_eq!(without, ana.list("/Projects/plans", Depth::Infinity).paths());
    assert_eq!(ana.ask("PROPFIND", "/Projects/plans").with("Depth", "Infinity").send().paths(), without);
}

/// Trap 10.
#[test]
fn propfind_of_more_than_the_limit_asks_for_a_finite_depth() {
    let site = Site::start_with("[dav]\npropfind_infinity_max = 10\n");
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.mkcol("/Projects/nine").status(201);
    for n in 2..=10 {
        ana.put(&format!("/Projects/nine/{n}.txt"), "x").status(201);
    }
    assert_eq!(ana.list("/Projects/nine", Depth::Infinity).paths().len(), 10, "the folder and nine files");
    ana.put("/Projects/nine/11.txt", "one too many").status(201);
    ana.list("/Projects/nine", Depth::Infinity).status(403).condition("propfind-finite-depth");
    assert_eq!(ana.list("/Projects/nine", Depth::One).paths().len(), 11, "a finite depth has no such limit");
}

/// Trap 34: Windows cuts a listing at 1,000,000 bytes.
#[test]
fn a_thousand_files_list_in_250_bytes_each() {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.mkcol("/Projects/big").status(201);
    let hands = 8;
    thread::scope(|scope| {
        for hand in 0..hands {
            let ana = ana.clone();
            scope.spawn(move || {
                for n in (1 + hand..=1_000).step_by(hands) {
                    ana.put(&format!("/Projects/big/file-{n:04}.txt"), "content").status(201);
                }
            });
        }
    });
    let reply = ana.list("/Projects/big/", Depth::One).status(207);
    let bytes = reply.answer.body.len();
    assert!(bytes <= 250 * 1_001, "{bytes} bytes for 1,001 entries");
    let listed = reply.multistatus();
    assert_eq!(listed.responses.len(), 1_001);
    for n in 1..=1_000 {
        let file = listed.at(&format!("/Projects/big/file-{n:04}.txt"));
        assert_eq!(file.value(&dav("getcontentlength")), "7");
    }
}

/// Trap 32.
#[test]
fn a_missing_property_is_a_404_of_its_own() {
    let (_site, ana) = tree();
    let body =
        asking_for(&["{DAV:}getcontentlength", "{DAV:}checked-out", "{http://openoffice.org}IsReadOnly", COLOUR]);
    let file = ana.propfind("/Projects/plans/a b.txt", Depth::Zero, &body).multistatus();
    let file = file.only();
    assert_eq!(file.value(&dav("getcontentlength")), "3");
    for missing in ["{DAV:}checked-out", "{http://openoffice.org}IsReadOnly", COLOUR] {
        assert_eq!(file.status_of(missing), Some(404), "`{missing}`");
    }
    // Nothing at all is found: LibreOffice can't open a file whose response has no propstat.
    let nothing = ana.propfind("/Projects/plans/a b.txt", Depth::Zero, &asking_for(&[COLOUR])).multistatus();
    assert_eq!(nothing.only().properties.keys().collect::<Vec<_>>(), [&404]);
}

/// Trap 32.
#[test]
fn dead_properties_come_when_asked_for_and_with_allprop() {
    let (_site, ana) = tree();
    let path = "/Projects/plans/a b.txt";
    ana.set(path, r#"<colour xmlns="urn:example">dark <b>red</b></colour>"#).status(207);
    let value = "dark <{urn:example}b>red</>";
    let ask = |body: &str| ana.propfind(path, Depth::Zero, body).multistatus().only().clone();
    assert_eq!(ask(&asking_for(&[COLOUR])).value(COLOUR), value);
    assert_eq!(ask(r#"<propfind xmlns="DAV:"><allprop/></propfind>"#).value(COLOUR), value);
    let included =
        ask(r#"<propfind xmlns="DAV:"><allprop/><include><quota-used-bytes/><getetag/></include></propfind>"#);
    assert_eq!(included.value(COLOUR), value);
    assert!(included.value(&dav("getetag")).starts_with('"'));
    // RFC 4918 section 9.1: the properties of RFC 4331 aren't part of allprop.
    assert_eq!(ask(r#"<propfind xmlns="DAV:"><allprop/></propfind>"#).status_of(&dav("quota-used-bytes")), None);
}

/// Trap 32.
#[test]
fn propname_gives_names_without_values() {
    let (_site, ana) = tree();
    let path = "/Projects/plans/a b.txt";
    ana.set(path, r#"<colour xmlns="urn:example">red</colour>"#).status(207);
    let names = ana.propfind(path, Depth::Zero, r#"<propfind xmlns="DAV:"><propname/></propfind>"#).multistatus();
    let names = names.only();
    for name in [dav("getetag"), dav("getcontentlength"), dav("resourcetype"), COLOUR.to_owned()] {
        assert_eq!(names.value(&name), "", "`{name}`");
    }
}

#[test]
fn a_property_change_is_whole_or_not_at_all() {
    let (_site, ana) = tree();
    let path = "/Projects/plans/a b.txt";
    let reply = ana.set(path, r#"<colour xmlns="urn:example">red</colour><D:getetag>"mine"</D:getetag>"#);
    let answer = reply.multistatus();
    assert_eq!(answer.only().status_of(&dav("getetag")), Some(403), "a protected property");
    assert_eq!(answer.only().status_of(COLOUR), Some(424), "what failed with it");
    let after = ana.propfind(path, Depth::Zero, &asking_for(&[COLOUR])).multistatus();
    assert_eq!(after.only().status_of(COLOUR), Some(404));
}

#[test]
fn a_removed_property_is_gone() {
    let (_site, ana) = tree();
    let path = "/Projects/plans";
    ana.set(path, r#"<colour xmlns="urn:example">red</colour>"#).status(207);
    let remove =
        r#"<propertyupdate xmlns="DAV:"><remove><prop><colour xmlns="urn:example"/></prop></remove></propertyupdate>"#;
    for _ in 0..2 {
        // RFC 4918 section 14.23: to remove what isn't there is no error.
        let answer = ana.ask("PROPPATCH", path).xml(remove).send().multistatus();
        assert_eq!(answer.only().status_of(COLOUR), Some(200));
    }
    let after = ana.propfind(path, Depth::Zero, &asking_for(&[COLOUR])).multistatus();
    assert_eq!(after.only().status_of(COLOUR), Some(404));
}

/// Trap 49.
#[test]
fn xml_answers_are_compact_and_typed() {
    let (_site, ana) = tree();
    ana.set("/Projects/plans", r#"<colour xmlns="urn:example">red</colour>"#).status(207);
    let answers = [
        ana.list("/Projects", Depth::Infinity),
        ana.propfind("/Projects/plans", Depth::One, &asking_for(&[COLOUR, "{DAV:}getetag"])),
        ana.propfind("/Projects/plans", Depth::One, r#"<propfind xmlns="DAV:"><propname/></propfind>"#),
        ana.set("/Projects/plans", r#"<shade xmlns="urn:example"/>"#),
    ];
    for reply in answers {
        let reply = reply.status(207).says("content-type", "application/xml; charset=utf-8");
        assert!(reply.text().starts_with(r#"<?xml version="1.0" encoding="utf-8"?>"#), "{}", reply.told());
        let between_tags = reply.text().split('>').skip(1).map(|after| after.split('<').next().unwrap_or_default());
        let blank = between_tags.filter(|text| !text.is_empty() && text.trim().is_empty()).count();
        assert!(blank <= 1, "white space between elements: {}", reply.told()); // one line end after the XML declaration
        reply.multistatus();
    }
    ana.list("/Projects/none", Depth::Zero).status(404);
    ana.ask("MKCOL", "/Projects/plans/").send().status(405);
}

/// Traps 42 and 37: LibreOffice and webdavclient3 take anything but 200 for "missing"; a person gets a page.
#[test]
fn a_collection_answers_get_and_head() {
    let (_site, ana) = tree();
    for path in ["/", "/Projects", "/Projects/", "/Projects/plans", "/Projects/plans/"] {
        ana.head(path).status(200).body("");
        ana.get(path).status(200);
        let browse =
            |path: &str| ana.ask("GET", path).with("Accept", "text/html,application/xhtml+xml,*/*;q=0.8").send();
        let page = if path.ends_with('/') {
            browse(path).status(200)
        } else {
            // Only a browser may be sent to the name with the slash: its relative links need it.
            browse(path).status(302).says("location", &target(&format!("{path}/")));
            browse(&format!("{path}/")).status(200)
        };
        assert!(page.header("content-type").starts_with("text/html"), "{}", page.told());
        assert!(!page.text().contains("multistatus"), "{}", page.told());
    }
}

/// Trap 37.
#[test]
fn the_page_of_a_folder_links_its_members_and_escapes_their_names() {
    let (_site, ana) = tree();
    ana.put("/Projects/plans/<i>&\"'.txt", "x").status(201);
    let page = ana.ask("GET", "/Projects/plans/").with("Accept", "text/html").send().status(200);
    let text = page.text();
    for link in ["a%20b.txt", "deep/", "%3Ci%3E"] {
        assert!(text.contains(link), "`{link}` expected: {}", page.told());
    }
    assert!(text.contains("a b.txt") && text.contains("&lt;i&gt;&amp;"), "{}", page.told());
    assert!(!text.contains("<i>"), "{}", page.told());
    assert!(!text.contains("c.txt"), "only the members of the folder itself: {}", page.told());
}

/// Trap 17: the drive's free space. A share without a quota says a finite number, not nothing.
#[test]
fn every_collection_tells_its_quota() {
    let (_site, ana) = tree();
    let asked = asking_for(&["{DAV:}quota-available-bytes", "{DAV:}quota-used-bytes"]);
    let quota = |path: &str| -> (u64, u64) {
        let answer = ana.propfind(path, Depth::Zero, &asked).multistatus();
        let number = |name: &str| answer.only().value(name).parse().expect("a whole number of bytes");
        (number("{DAV:}quota-available-bytes"), number("{DAV:}quota-used-bytes"))
    };
    for path in ["/", "/Projects", "/Projects/plans/", "/Projects/plans/deep"] {
        assert!(quota(path).0 > 1 << 20, "room for a small file at least at {path}");
    }
    let (_, before) = quota("/Projects");
    ana.put("/Projects/plans/small.bin", vec![7; 1_000]).status(201);
    ana.put("/Projects/plans/large.bin", vec![7; 100_000]).status(201);
    ana.copy("/Projects/plans/large.bin", "/Projects/plans/again.bin").status(201);
    assert_eq!(quota("/Projects").1 - before, 201_000, "every file counts in full, wherever its bytes lie");
    let file = ana.propfind("/Projects/plans/small.bin", Depth::Zero, &asked).multistatus();
    assert_eq!(file.only().status_of("{DAV:}quota-used-bytes"), Some(404), "quota is a property of collections");
    // Who asks for all properties is not told, and nobody sets them (RFC 4331 sections 3 and 4).
    let all = r#"<D:propfind xmlns:D="DAV:"><D:allprop/></D:propfind>"#;
    let all = ana.propfind("/Projects/plans", Depth::Zero, all).multistatus();
    for name in ["quota-available-bytes", "quota-used-bytes"] {
        assert_eq!(all.only().status_of(&format!("{{DAV:}}{name}")), None, "{name}");
        let refused = ana.set("/Projects/plans", &format!(r#"<D:{name} xmlns:D="DAV:">1</D:{name}>"#)).status(207);
        assert!(refused.text().contains("cannot-modify-protected-property"), "{name}: {}", refused.text());
    }
}

/// Trap 46: Finder shows a file whose request met a 5xx as gone. Many at once are waited for.
#[test]
fn many_writers_at_once_meet_no_server_error() {
    let (_site, ana) = tree();
    thread::scope(|scope| {
        for hand in 0..16 {
            let ana = ana.clone();
            scope.spawn(move || {
                for n in 0..12 {
                    let (file, moved) = (format!("/Projects/{hand}-{n}"), format!("/Projects/plans/{hand}-{n}"));
                    ana.put(&file, "x").status(201);
                    ana.set(&file, r#"<colour xmlns="urn:example">red</colour>"#).status(207);
                    ana.rename(&file, &moved).status(201);
                    ana.list("/Projects/plans", Depth::One).status(207);
                    ana.delete(&moved).status(204);
                }
            });
        }
    });
}

#[test]
fn the_live_properties_of_a_file_and_a_folder_are_right() {
    let (_site, ana) = tree();
    let written = ana.put("/Projects/plans/note.txt", "12345").status(201);
    let names = [
        "getetag",
        "getcontentlength",
        "getcontenttype",
        "getlastmodified",
        "creationdate",
        "resourcetype",
        "displayname",
    ]
    .map(dav);
    let body = asking_for(&names.each_ref().map(String::as_str));
    let listed = ana.propfind("/Projects/plans", Depth::One, &body).multistatus();
    let file = listed.at("/Projects/plans/note.txt");
    assert_eq!(file.value(&dav("getetag")), written.etag());
    assert_eq!(file.value(&dav("getcontentlength")), "5");
    assert_eq!(file.value(&dav("getcontenttype")), "text/plain");
    assert_eq!(file.value(&dav("getlastmodified")), written.header("last-modified"));
    assert_eq!(file.value(&dav("resourcetype")), "");
    let created = file.value(&dav("creationdate"));
    time::OffsetDateTime::parse(created, &time::format_description::well_known::Rfc3339)
        .expect("RFC 3339, section 15.1");
    let folder = listed.at("/Projects/plans/");
    assert!(folder.is_collection());
    assert!(httpdate::parse_http_date(folder.value(&dav("getlastmodified"))).is_ok());
    assert_ne!(folder.status_of(&dav("getcontentlength")), Some(200), "a folder has no length");
}

/// A share with one folder, two files and a folder in the folder; its one member is a co-owner.
fn tree() -> (Site, Client) {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.mkcol("/Projects/plans").status(201);
    ana.put("/Projects/plans/a b.txt", "abc").status(201);
    ana.mkcol("/Projects/plans/deep").status(201);
    ana.put("/Projects/plans/deep/c.txt", "c").status(201);
    (site, ana)
}
