//! Request bodies in XML, hostile and merely wrong ones: refused with a 4xx, nothing changed, the server unharmed.

use crate::site::{Client, Depth, Site, asking_for};

/// Trap 1: naive parsers overflow their stack at some 2,000 levels.
#[test]
fn nested_elements_are_refused_beyond_a_depth() {
    let (_site, ana) = one_file();
    let nested = |levels: usize| {
        let inside = format!("{}{}", "<x>".repeat(levels), "</x>".repeat(levels));
        [
            ("PROPFIND", format!(r#"<propfind xmlns="DAV:"><prop>{inside}</prop></propfind>"#)),
            ("PROPPATCH", format!(r#"<propertyupdate xmlns="DAV:"><set><prop>{inside}</prop></set></propertyupdate>"#)),
        ]
    };
    for (method, body) in nested(50) {
        ana.ask(method, "/Projects/a.txt").xml(&body).send().status(207);
    }
    for levels in [65, 3_000, 10_000] {
        for (method, body) in nested(levels) {
            ana.ask(method, "/Projects/a.txt").xml(&body).send().status_in(&[400, 413]);
        }
    }
    unharmed(&ana);
}

/// Trap 1.
#[test]
fn too_many_elements_are_refused() {
    let (_site, ana) = one_file();
    let asking =
        |elements: usize| format!(r#"<propfind xmlns="DAV:"><prop>{}</prop></propfind>"#, "<x/>".repeat(elements));
    ana.propfind("/Projects/a.txt", Depth::Zero, &asking(1)).status(207);
    ana.propfind("/Projects/a.txt", Depth::Zero, &asking(10_001)).status_in(&[400, 413]);
    unharmed(&ana);
}

/// Trap 1.
#[test]
fn a_huge_body_is_413() {
    let (_site, ana) = one_file();
    let filler = "x".repeat(9 << 20);
    for (method, body) in [
        ("PROPFIND", format!(r#"<propfind xmlns="DAV:"><prop><x>{filler}</x></prop></propfind>"#)),
        (
            "PROPPATCH",
            format!(r#"<propertyupdate xmlns="DAV:"><set><prop><x>{filler}</x></prop></set></propertyupdate>"#),
        ),
    ] {
        ana.ask(method, "/Projects/a.txt").with("Depth", "0").xml(&body).send().status(413);
        let pieces = body.as_bytes().chunks(1 << 16);
        ana.ask(method, "/Projects/a.txt").with("Depth", "0").chunks(pieces).send().status(413);
    }
    unharmed(&ana);
}

/// Trap 1: no DOCTYPE, so no entity to expand and no file to fetch.
#[test]
fn a_doctype_is_refused() {
    let (_site, ana) = one_file();
    for doctype in [
        "<!DOCTYPE propfind>",
        r#"<!DOCTYPE propfind [<!ENTITY e "x">]>"#,
        r#"<!DOCTYPE propfind [<!ENTITY e SYSTEM "file:///etc/passwd">]>"#,
        r#"<!DOCTYPE propfind [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY e "&b;&b;&b;&b;&b;&b;&b;&b;">]>"#,
    ] {
        let body =
            format!(r#"<?xml version="1.0"?>{doctype}<propfind xmlns="DAV:"><prop><displayname/></prop></propfind>"#);
        ana.propfind("/Projects/a.txt", Depth::Zero, &body).status(400);
    }
    let undeclared =
        r#"<propertyupdate xmlns="DAV:"><set><prop><x xmlns="urn:x">&e;</x></prop></set></propertyupdate>"#;
    ana.ask("PROPPATCH", "/Projects/a.txt").xml(undeclared).send().status(400);
    unharmed(&ana);
}

/// Traps 1 and 2: a body that isn't what its verb asks for.
#[test]
fn malformed_bodies_are_400_and_change_nothing() {
    let (_site, ana) = one_file();
    let not_xml: &[&str] = &[
        "x",
        "<",
        "<propfind",
        r#"<propfind xmlns="DAV:">"#,
        r#"<propfind xmlns="DAV:"></prop>"#,
        r#"<propfind xmlns="DAV:"><prop></propfind></prop>"#,
        r#"<propfind xmlns="DAV:"><D:prop/></propfind>"#,
        r#"<propfind xmlns="DAV:"><prop><b:x xmlns:b=""/></prop></propfind>"#,
        r#"<propfind xmlns="DAV:"/><propfind xmlns="DAV:"/>"#,
        r#"<propfind xmlns="DAV:" a="1" a="2"><allprop/></propfind>"#,
        r#"<propertyupdate xmlns="DAV:"><set><prop><x>&#0;</x></prop></set></propertyupdate>"#,
        r#"<propertyupdate xmlns="DAV:"><set><prop><x>"#,
    ];
    for body in not_xml {
        ana.propfind("/Projects/a.txt", Depth::Zero, body).status(400);
        ana.ask("PROPPATCH", "/Projects/a.txt").xml(body).send().status(400);
    }
    let not_utf8: &[u8] = b"<propfind xmlns=\"DAV:\"><prop><x\xff/></prop></propfind>";
    ana.ask("PROPFIND", "/Projects/a.txt").with("Depth", "0").body(not_utf8).send().status(400);
    ana.ask("PROPPATCH", "/Projects/a.txt").body("").send().status(400);
    ana.ask("PROPPATCH", "/Projects/a.txt").send().status(400);
    unharmed(&ana);
}

#[test]
fn the_body_of_another_verb_is_refused() {
    let (_site, ana) = one_file();
    let update = r#"<propertyupdate xmlns="DAV:"><set><prop><x xmlns="urn:x"/></prop></set></propertyupdate>"#;
    // RFC 4918 section 8.2: well-formed, but not processable.
    ana.propfind("/Projects/a.txt", Depth::Zero, update).status_in(&[400, 422]);
    ana.ask("PROPPATCH", "/Projects/a.txt").xml(&asking_for(&["{DAV:}getetag"])).send().status_in(&[400, 422]);
    ana.propfind("/Projects/a.txt", Depth::Zero, r#"<propfind xmlns="urn:other"><allprop/></propfind>"#)
        .status_in(&[400, 422]);
    ana.ask("MKCOL", "/Projects/folder").with("Content-Type", "text/plain").body("make it").send().status(415);
    ana.list("/Projects/folder", Depth::Zero).status(404);
}

#[test]
fn a_dead_property_keeps_its_xml() {
    let (_site, ana) = one_file();
    let value = concat!(
        r#"<note xmlns="urn:n" xmlns:o="urn:o" xml:lang="de">"#,
        "Gr\u{fc}\u{df}e &amp; <o:b o:c=\"1\">\u{1F600}&lt;tag&gt;</o:b> <![CDATA[a < b]]></note>"
    );
    ana.set("/Projects/a.txt", value).status(207);
    let reply = ana.propfind("/Projects/a.txt", Depth::Zero, &asking_for(&["{urn:n}note"])).status(207);
    let kept = reply.multistatus().only().value("{urn:n}note").to_owned();
    assert_eq!(kept, "Gr\u{fc}\u{df}e & <{urn:o}b>\u{1F600}<tag></> a < b");
    assert!(reply.text().contains(r#"xml:lang="de""#), "RFC 4918 section 4.3 keeps the language: {}", reply.told());
}

/// The file is as it was, and the server answers.
fn unharmed(ana: &Client) {
    ana.get("/Projects/a.txt").status(200).body("old");
}

fn one_file() -> (Site, Client) {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.put("/Projects/a.txt", "old").status(201);
    (site, ana)
}
