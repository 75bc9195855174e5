//! Extended MKCOL (RFC 5689): a collection with its first properties, made whole or not at all.

use crate::locks::locked;
use crate::site::{Client, Depth, Reply, Site, asking_for};

fn team() -> (Site, [Client; 2]) {
    let site = Site::start();
    let people = site.team("Projects", [("ana", "co-owner"), ("ben", "viewer")]);
    (site, people)
}

/// An extended MKCOL with this in its one `prop`.
fn mkcol(client: &Client, path: &str, prop: &str) -> Reply {
    let body = format!(
        r#"<?xml version="1.0" encoding="utf-8"?><D:mkcol xmlns:D="DAV:" xmlns:x="urn:x"><D:set><D:prop>{prop}</D:prop></D:set></D:mkcol>"#
    );
    client.ask("MKCOL", path).xml(&body).send()
}

const PLAIN: &str = "<D:resourcetype><D:collection/></D:resourcetype>";

#[test]
fn a_collection_is_made_with_its_first_properties() {
    let (site, [ana, _]) = team();
    let props = "<D:displayname>The plans</D:displayname><x:colour>blue</x:colour>";
    let reply = mkcol(&ana, "/Projects/plans", &format!("{PLAIN}{props}")).status(201);
    assert!(reply.header("content-location").ends_with("/dav/Projects/plans/"), "{}", reply.told());
    assert!(reply.text().contains("mkcol-response") && reply.text().contains("HTTP/1.1 200 OK"), "{}", reply.told());
    let found = ana.propfind(
        "/Projects/plans",
        Depth::Zero,
        &asking_for(&["{DAV:}resourcetype", "{DAV:}displayname", "{urn:x}colour"]),
    );
    let found = found.status(207);
    for part in ["collection", "The plans", "blue"] {
        assert!(found.text().contains(part), "`{part}`: {}", found.told());
    }
    assert!(!found.text().contains("404"), "{}", found.told());
    // The type may be left out, and so may everything else.
    mkcol(&ana, "/Projects/more", "<x:colour>red</x:colour>").status(201);
    mkcol(&ana, "/Projects/most", PLAIN).status(201);
    assert!(ana.ask("OPTIONS", "/Projects").send().list("dav").contains(&"extended-mkcol"));
    site.is_consistent();
}

#[test]
fn what_cannot_be_set_is_named_and_nothing_is_made() {
    let (site, [ana, _]) = team();
    let reply = mkcol(&ana, "/Projects/plans", &format!("{PLAIN}<D:getetag>1</D:getetag><x:colour>blue</x:colour>"))
        .status(403);
    for part in [
        "mkcol-response",
        "cannot-modify-protected-property",
        "HTTP/1.1 403 Forbidden",
        "HTTP/1.1 424 Failed Dependency",
    ] {
        assert!(reply.text().contains(part), "`{part}`: {}", reply.told());
    }
    for kind in ["<D:collection/><x:calendar/>", "<x:calendar/>", ""] {
        let kind = format!("<D:resourcetype>{kind}</D:resourcetype><x:colour>blue</x:colour>");
        let reply = mkcol(&ana, "/Projects/plans", &kind).status(403);
        for part in ["mkcol-response", "valid-resourcetype", "HTTP/1.1 424 Failed Dependency"] {
            assert!(reply.text().contains(part), "`{part}`: {}", reply.told());
        }
    }
    ana.list("/Projects/plans", Depth::Zero).status(404);
    site.is_consistent();
}

#[test]
fn more_properties_than_a_resource_may_have_make_nothing() {
    let site = Site::start_with("[dav]\ndead_properties_max = 2\n");
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    let many = "<x:a>1</x:a><x:b>2</x:b><x:c>3</x:c>";
    let reply = mkcol(&ana, "/Projects/plans", many).status(507);
    assert!(reply.text().contains("HTTP/1.1 507 Insufficient Storage"), "{}", reply.told());
    ana.list("/Projects/plans", Depth::Zero).status(404);
    mkcol(&ana, "/Projects/plans", "<x:a>1</x:a><x:b>2</x:b>").status(201);
    site.is_consistent();
}

#[test]
fn an_extended_mkcol_is_refused_where_a_plain_one_is() {
    let (_site, [ana, ben]) = team();
    mkcol(&ben, "/Projects/plans", PLAIN).status(403).condition("need-privileges");
    mkcol(&ana, "/Projects/none/plans", PLAIN).status(409);
    mkcol(&ana, "/Projects/plans", PLAIN).status(201);
    mkcol(&ana, "/Projects/plans", PLAIN).status(405);
    mkcol(&ana, "/Elsewhere", PLAIN).status(403);
    locked(&ana, "/Projects");
    mkcol(&ana, "/Projects/more", PLAIN).status(423).condition("lock-token-submitted");
}

#[test]
fn a_body_that_is_no_mkcol_is_415_or_400() {
    let (_site, [ana, _]) = team();
    let ask = |kind: &str, body: &str| ana.ask("MKCOL", "/Projects/plans").with("Content-Type", kind).body(body).send();
    ask("text/plain", r#"<mkcol xmlns="DAV:"><set><prop/></set></mkcol>"#).status(415);
    ask("application/xml", r#"<mkcalendar xmlns="urn:ietf:params:xml:ns:caldav"/>"#).status(415);
    ask("application/xml", r#"<propertyupdate xmlns="DAV:"><set><prop/></set></propertyupdate>"#).status(415);
    ask("text/xml; charset=utf-8", r#"<mkcol xmlns="DAV:">"#).status(400);
    ask("text/xml", r#"<mkcol xmlns="DAV:"/>"#).status(400);
    ana.list("/Projects/plans", Depth::Zero).status(404);
}
