//! The properties of RFC 3744 section 5 on files and folders, and the reports that start from them.

use super::acl_method::{ace, acl_of, entries, set_acl};
use super::site::xml::Element;
use super::site::{Client, Depth, Reply, Site, asking_for, dav};

fn props(client: &Client, path: &str, depth: Depth, names: &[&str]) -> Reply {
    let names: Vec<String> = names.iter().map(|name| dav(name)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    client.propfind(path, depth, &asking_for(&names)).status(207)
}

fn report(client: &Client, path: &str, body: &str) -> Reply {
    client.ask("REPORT", path).with("Depth", "0").xml(body).send()
}

fn told(reply: &Reply) -> Vec<String> {
    let root = Element::parse(reply.text());
    let href = |response: &Element| response.child(&dav("href")).expect("each response has an href").inner();
    root.elements().filter(|element| element.name == dav("response")).map(href).collect()
}

fn projects() -> (Site, [Client; 3]) {
    let site = Site::start();
    let [ana, ben] = site.team("Projects", [("ana", "co-owner"), ("ben", "viewer")]);
    let cem = site.user("cem");
    ana.mkcol("/Projects/plans").status(201);
    ana.put("/Projects/plans/plan.txt", "v1").status(201);
    (site, [ana, ben, cem])
}

#[test]
fn the_list_is_read_by_who_owns_and_closed_to_others() {
    let (_site, [ana, ben, _]) = projects();
    let list = acl_of(&ana, "/Projects/");
    assert_eq!(
        list,
        [
            "grant users/ana/ all protected +role co-owner +subscription",
            "grant users/ben/ read protected +role viewer +subscription"
        ]
    );
    let closed = props(&ben, "/Projects/plans/", Depth::Zero, &["acl", "displayname", "nothing"]);
    let expected = concat!(
        r#"<?xml version="1.0" encoding="utf-8"?><D:multistatus xmlns:D="DAV:"><D:response><D:href>/dav/Projects/plans/</D:href>"#,
        "<D:propstat><D:prop><D:displayname>plans</D:displayname></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>",
        "<D:propstat><D:prop><D:acl/></D:prop><D:status>HTTP/1.1 403 Forbidden</D:status><D:error><D:need-privileges>",
        "<D:resource><D:href>/dav/Projects/plans/</D:href><D:privilege><D:read-acl/></D:privilege></D:resource>",
        "</D:need-privileges></D:error></D:propstat>",
        "<D:propstat><D:prop><D:nothing/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>",
        "</D:response></D:multistatus>",
    );
    assert_eq!(closed.text(), expected);
    let alone = props(&ben, "/Projects/plans/", Depth::Zero, &["acl"]).multistatus();
    assert_eq!(alone.only().status_of(&dav("acl")), Some(403));
    let top = props(&ana, "/", Depth::Zero, &["acl"]).multistatus();
    assert_eq!(top.only().status_of(&dav("acl")), Some(404), "the top has no list");
}

#[test]
fn a_list_is_written_as_the_rfc_writes_it() {
    let (_site, [ana, ..]) = projects();
    set_acl(&ana, "/Projects/plans/", &[ace("deny", "users/cem", "unbind"), ace("grant", "users/cem", "read")])
        .status(200);
    let found = props(&ana, "/Projects/plans/plan.txt", Depth::Zero, &["acl"]);
    let expected = concat!(
        "<D:acl>",
        "<D:ace><D:principal><D:href>/principals/users/cem/</D:href></D:principal>",
        r#"<D:deny><D:privilege><x:delete xmlns:x="urn:commonhold:acl"/></D:privilege></D:deny>"#,
        "<D:inherited><D:href>/dav/Projects/plans/</D:href></D:inherited>",
        r#"<x:permissions xmlns:x="urn:commonhold:dav">delete delete-child rename-child</x:permissions></D:ace>"#,
        "<D:ace><D:principal><D:href>/principals/users/cem/</D:href></D:principal>",
        "<D:grant><D:privilege><D:read/></D:privilege></D:grant>",
        "<D:inherited><D:href>/dav/Projects/plans/</D:href></D:inherited>",
        r#"<x:permissions xmlns:x="urn:commonhold:dav">sync view print read list list-folders</x:permissions></D:ace>"#,
        "<D:ace><D:principal><D:href>/principals/users/ana/</D:href></D:principal>",
        "<D:grant><D:privilege><D:all/></D:privilege></D:grant><D:protected/>",
        "<D:inherited><D:href>/dav/Projects/</D:href></D:inherited>",
        r#"<x:role xmlns:x="urn:commonhold:dav">co-owner</x:role><x:subscription xmlns:x="urn:commonhold:dav"/></D:ace>"#,
        "<D:ace><D:principal><D:href>/principals/users/ben/</D:href></D:principal>",
        "<D:grant><D:privilege><D:read/></D:privilege></D:grant><D:protected/>",
        "<D:inherited><D:href>/dav/Projects/</D:href></D:inherited>",
        r#"<x:role xmlns:x="urn:commonhold:dav">viewer</x:role><x:subscription xmlns:x="urn:commonhold:dav"/></D:ace>"#,
        "</D:acl>",
    );
    assert!(found.text().contains(expected), "{}", found.text());
}

#[test]
fn a_listing_shows_the_list_of_each_member() {
    let (_site, [ana, ..]) = projects();
    ana.mkcol("/Projects/plans/old").status(201);
    ana.put("/Projects/plans/old/a.txt", "a").status(201);
    set_acl(&ana, "/Projects/plans/", &[ace("grant", "users/cem", "read")]).status(200);
    set_acl(&ana, "/Projects/plans/old/", &[ace("deny", "users/cem", "read")]).status(200);
    let body = asking_for(&[&dav("acl")]);
    for depth in [Depth::One, Depth::Infinity] {
        let found = ana.propfind("/Projects/", depth, &body).status(207).multistatus();
        let of = |path: &str| entries(found.at(path).value(&dav("acl")));
        assert_eq!(of("/Projects/"), acl_of(&ana, "/Projects/"));
        assert_eq!(of("/Projects/plans/"), acl_of(&ana, "/Projects/plans/"));
        if depth == Depth::Infinity {
            for path in ["/Projects/plans/plan.txt", "/Projects/plans/old/", "/Projects/plans/old/a.txt"] {
                assert_eq!(of(path), acl_of(&ana, path), "{path}");
            }
            assert!(
                of("/Projects/plans/old/a.txt")[0]
                    .starts_with("deny users/cem/ read inherited /dav/Projects/plans/old/")
            );
        }
    }
    let everything = ana.propfind("/", Depth::Infinity, &body).status(207).multistatus();
    assert_eq!(
        entries(everything.at("/Projects/plans/plan.txt").value(&dav("acl"))),
        acl_of(&ana, "/Projects/plans/plan.txt")
    );
}

#[test]
fn none_of_the_properties_comes_with_allprop_and_none_can_be_set() {
    let (_site, [ana, ..]) = projects();
    let all =
        ana.propfind("/Projects/plans/", Depth::Zero, r#"<propfind xmlns="DAV:"><allprop/></propfind>"#).status(207);
    let names =
        ana.propfind("/Projects/plans/", Depth::Zero, r#"<propfind xmlns="DAV:"><propname/></propfind>"#).status(207);
    for name in [
        "owner",
        "group",
        "supported-privilege-set",
        "current-user-privilege-set",
        "acl",
        "acl-restrictions",
        "inherited-acl-set",
        "principal-collection-set",
        "current-user-principal",
        "supported-report-set",
    ] {
        assert!(!all.text().contains(&format!("<D:{name}")), "{name}");
        assert!(names.text().contains(&format!("<D:{name}/>")), "{name}");
        let refused = ana.set("/Projects/plans/", &format!("<D:{name}>x</D:{name}>")).status(207);
        assert!(refused.text().contains("cannot-modify-protected-property"), "{name}: {}", refused.text());
    }
    let included = r#"<propfind xmlns="DAV:"><allprop/><include><acl/><owner/></include></propfind>"#;
    let found = ana.propfind("/Projects/plans/", Depth::Zero, included).status(207).multistatus();
    assert!(found.only().value(&dav("acl")).contains("co-owner"));
}

#[test]
fn the_privileges_that_there_are_depend_on_the_kind_of_resource() {
    let (_site, [ana, ..]) = projects();
    let asked = ["supported-privilege-set", "acl-restrictions", "inherited-acl-set", "owner", "group"];
    let of = |path: &str| props(&ana, path, Depth::Zero, &asked).multistatus().only().clone();
    let (folder, file) = (of("/Projects/plans/"), of("/Projects/plans/plan.txt"));
    let has = |supported: &str, name: &str| supported.contains(&format!("<{{DAV:}}privilege><{{DAV:}}{name}></></>"));
    let (on_folder, on_file) =
        (folder.value(&dav("supported-privilege-set")), file.value(&dav("supported-privilege-set")));
    for name in ["all", "read", "write", "write-content", "write-properties", "unlock", "read-acl", "write-acl"] {
        assert!(has(on_folder, name) && has(on_file, name), "{name}");
    }
    for name in ["bind", "unbind"] {
        assert!(has(on_folder, name) && !has(on_file, name), "{name}");
    }
    let abstract_sync = "<{urn:commonhold:acl}sync></></><{DAV:}abstract></><{DAV:}description>";
    assert!(on_file.contains(abstract_sync), "{on_file}");
    for resource in [&folder, &file] {
        assert_eq!(resource.value(&dav("acl-restrictions")), "<{DAV:}no-invert></><{DAV:}deny-before-grant></>");
        assert_eq!(resource.value(&dav("inherited-acl-set")), "");
        assert_eq!(resource.value(&dav("owner")), "", "a share belongs to the team");
        assert_eq!(resource.value(&dav("group")), "");
    }
    assert!(
        ana.propfind("/Projects/", Depth::Zero, &asking_for(&[&dav("supported-privilege-set")]))
            .text()
            .contains(r#"<D:description xml:lang="en">"#)
    );
}

#[test]
fn what_lies_in_a_home_has_an_owner() {
    let (_site, [ana, ben, _]) = projects();
    ana.put("/Home/note.txt", "mine").status(201);
    let owner = |client: &Client, path: &str| {
        props(client, path, Depth::Zero, &["owner"]).multistatus().only().value(&dav("owner")).to_owned()
    };
    let of_ana = "<{DAV:}href>/principals/users/ana/</>";
    assert_eq!(owner(&ana, "/Home/note.txt"), of_ana);
    assert_eq!(owner(&ana, "/Home/"), of_ana);
    set_acl(&ana, "/Home/note.txt", &[ace("grant", "users/ben", "read")]).status(200);
    assert_eq!(owner(&ben, "/Shared with me/ana/note.txt"), of_ana);
}

#[test]
fn a_report_tells_of_the_principals_in_a_list_each_once() {
    let (site, [ana, ben, _]) = projects();
    site.cli(&["user", "set", "cem", "--display", "Cem Öz"]).ok();
    set_acl(&ana, "/Projects/plans/", &[ace("deny", "users/cem", "unbind"), ace("grant", "users/cem", "read")])
        .status(200);
    let body = r#"<acl-principal-prop-set xmlns="DAV:"><prop><displayname/></prop></acl-principal-prop-set>"#;
    let found = report(&ana, "/Projects/plans/", body).status(207);
    assert_eq!(told(&found), ["/principals/users/cem/", "/principals/users/ana/", "/principals/users/ben/"]);
    assert_eq!(found.multistatus().at("/principals/users/cem/").value(&dav("displayname")), "Cem Öz");
    let refused = report(&ben, "/Projects/plans/", body).status(403).condition("need-privileges");
    assert!(refused.text().contains("<D:read-acl/>"));
    report(&ana, "/", body).status(403).condition("supported-report");
    report(&ana, "/Projects/missing", body).status(404);
}

#[test]
fn one_finds_what_one_owns() {
    let (_site, [ana, ben, _]) = projects();
    ana.mkcol("/Home/a").status(201);
    ana.put("/Home/a/b.txt", "b").status(201);
    let body = r#"<principal-match xmlns="DAV:"><principal-property><owner/></principal-property></principal-match>"#;
    let own = |client: &Client, path: &str| told(&report(client, path, body).status(207));
    assert_eq!(own(&ana, "/Home/"), ["/dav/Home/a/", "/dav/Home/a/b.txt"]);
    assert_eq!(own(&ana, "/Home/a/"), ["/dav/Home/a/b.txt"]);
    assert_eq!(own(&ana, "/"), ["/dav/Home/", "/dav/Home/a/", "/dav/Home/a/b.txt"]);
    assert!(own(&ana, "/Projects/").is_empty());
    set_acl(&ana, "/Home/a", &[ace("grant", "users/ben", "read")]).status(200);
    assert!(own(&ben, "/Shared with me/ana/a").is_empty(), "it is not his");
    let plain = report(&ana, "/Home/a/", body).status(207);
    assert!(plain.text().contains("<D:href>/dav/Home/a/b.txt</D:href><D:status>HTTP/1.1 200 OK</D:status>"));
    let named = body.replace("</principal-property>", "</principal-property><prop><displayname/></prop>");
    let found = report(&ana, "/Home/a/", &named).status(207).multistatus();
    assert_eq!(found.only().value(&dav("displayname")), "b.txt");
    let itself = r#"<principal-match xmlns="DAV:"><self/></principal-match>"#;
    assert!(told(&report(&ana, "/Home/", itself).status(207)).is_empty(), "no file is a principal");
}

#[test]
fn a_search_for_people_can_start_from_any_file() {
    let (_site, [ana, ..]) = projects();
    let body = |more: &str| {
        format!(
            r#"<principal-property-search xmlns="DAV:"><property-search><prop><displayname/></prop><match>BE</match></property-search>{more}</principal-property-search>"#
        )
    };
    let everywhere = body("<apply-to-principal-collection-set/>");
    assert_eq!(told(&report(&ana, "/Projects/plans/plan.txt", &everywhere).status(207)), ["/principals/users/ben/"]);
    assert!(told(&report(&ana, "/Projects/plans/", &body("")).status(207)).is_empty());
    report(&ana, "/Projects/", r#"<principal-search-property-set xmlns="DAV:"/>"#).status(200);
}

#[test]
fn an_expansion_of_a_file_tells_who_owns_it() {
    let (_site, [ana, ben, _]) = projects();
    ana.put("/Home/note.txt", "mine").status(201);
    set_acl(&ana, "/Home/note.txt", &[ace("grant", "users/ben", "read")]).status(200);
    let body = r#"<expand-property xmlns="DAV:"><property name="owner"><property name="displayname"/></property>
                  <property name="getcontentlength"/><property name="nothing"/></expand-property>"#;
    let expected = concat!(
        r#"<D:multistatus xmlns:D="DAV:"><D:response><D:href>/dav/Shared%20with%20me/ana/note.txt</D:href><D:propstat><D:prop>"#,
        "<D:owner><D:response><D:href>/principals/users/ana/</D:href><D:propstat><D:prop><D:displayname>ana</D:displayname>",
        "</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response></D:owner>",
        "<D:getcontentlength>4</D:getcontentlength></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>",
        "<D:propstat><D:prop><D:nothing/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>",
        "</D:response></D:multistatus>",
    );
    let found = report(&ben, "/Shared with me/ana/note.txt", body).status(207);
    assert!(found.text().ends_with(expected), "{}", found.text());
    let me = r#"<expand-property xmlns="DAV:"><property name="current-user-principal"><property name="principal-URL"/></property></expand-property>"#;
    for path in ["/", "/Projects/", "/Shared with me/"] {
        let found = report(&ben, path, me).status(207);
        assert!(
            found.text().contains("<D:principal-URL><D:href>/principals/users/ben/</D:href></D:principal-URL>"),
            "{path}"
        );
    }
    report(&ben, "/Projects/", r#"<version-tree xmlns="DAV:"/>"#).status(403).condition("supported-report");
    ben.ask("REPORT", "/Projects/").with("Depth", "1").xml(me).send().status(400);
}

#[test]
fn grants_of_every_making_are_shown() {
    let (site, [ana, ..]) = projects();
    site.cli(&["group", "add", "Sales"]).ok();
    site.cli(&["grant", "add", "/Projects/plans", "--group", "Sales", "--role", "uploader"]).ok();
    site.cli(&["grant", "add", "/Projects/plans", "--user", "cem", "--level", "read-create"]).ok();
    site.cli(&["grant", "add", "/Projects/plans", "--user", "ben", "--deny", "sync,print"]).ok();
    let own = [
        "deny users/ben/ +sync +print +permissions sync print",
        "grant users/cem/ read bind +level read-create",
        "grant groups/Acme:Sales/ bind +role uploader",
    ];
    let shown = acl_of(&ana, "/Projects/plans/");
    assert_eq!(shown[..3], own);
    assert_eq!(shown.len(), 5, "and two subscriptions");
    let file = acl_of(&ana, "/Projects/plans/plan.txt");
    assert_eq!(file[0], "deny users/ben/ +sync +print inherited /dav/Projects/plans/ +permissions sync print");
    assert!(!file.iter().any(|entry| entry.contains("uploader")), "an uploader has nothing on a file: {file:?}");
    site.cli(&["grant", "inherit", "/Projects/plans", "off"]).ok();
    // Whoever owned by what came from above owns no more; a system administrator does.
    let root = site.client("root", &site.app_password("root", "drive"));
    assert_eq!(acl_of(&root, "/Projects/plans/"), own, "nothing is taken over any more");
    assert_eq!(props(&ana, "/Projects/", Depth::Zero, &["acl"]).multistatus().only().status_of(&dav("acl")), Some(200));
}

#[test]
fn a_grant_on_everything_of_somebody_is_an_entry_of_the_home() {
    let (site, [ana, ..]) = projects();
    site.cli(&["group", "add", "Assistants"]).ok();
    site.cli(&["grant", "user", "ana", "--group", "Assistants", "--level", "read"]).ok();
    ana.put("/Home/note.txt", "mine").status(201);
    let whole = "grant groups/Acme:Assistants/ read protected";
    assert_eq!(acl_of(&ana, "/Home/")[1], format!("{whole} +level read +whole-user-grant"));
    assert_eq!(
        acl_of(&ana, "/Home/note.txt")[1],
        format!("{whole} inherited /dav/Home/ +level read +whole-user-grant")
    );
    set_acl(&ana, "/Home/", &[ace("deny", "groups/Acme:Assistants", "write")]).status(200);
    let shown = acl_of(&ana, "/Home/");
    assert!(shown[1].starts_with("deny groups/Acme:Assistants/ write") && shown[2].starts_with(whole), "{shown:?}");
}

/// RFC 3744 section 7.1.1 and appendix B: which privilege was missing on which resource, in the caller's own URLs.
#[test]
fn every_refusal_names_the_privilege_that_the_verb_needs_and_where() {
    let (_site, [ana, ben, _]) = projects();
    ana.mkcol("/Home/Shown").status(201);
    ana.put("/Home/Shown/a.txt", "a").status(201);
    set_acl(&ana, "/Home/Shown", &[ace("grant", "users/ben", "read")]).status(200);
    let lock = r#"<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>"#;
    let colour = r#"<propertyupdate xmlns="DAV:"><set><prop><c xmlns="urn:c">1</c></prop></set></propertyupdate>"#;
    for (folder, url) in [
        ("/Projects/plans", "/dav/Projects/plans/"),
        ("/Shared with me/ana/Shown", "/dav/Shared%20with%20me/ana/Shown/"),
    ] {
        let file = if folder.starts_with("/Shared") { "a.txt" } else { "plan.txt" };
        let (path, new, href) = (format!("{folder}/{file}"), format!("{folder}/new"), format!("{url}{file}"));
        let cases = [
            (ben.put(&path, "v2"), href.as_str(), "write-content"),
            (ben.put(&new, "v1"), url, "bind"),
            (ben.mkcol(&new), url, "bind"),
            (ben.ask("PROPPATCH", &path).xml(colour).send(), href.as_str(), "write-properties"),
            (ben.ask("LOCK", &path).xml(lock).send(), href.as_str(), "write-content"),
            (ben.ask("LOCK", &new).xml(lock).send(), url, "bind"),
            (ben.delete(&path), url, "unbind"),
            (ben.copy(&path, &new), url, "bind"),
            (ben.rename(&path, "/Home/moved"), url, "unbind"),
            (set_acl(&ben, &path, &[]), href.as_str(), "write-acl"),
        ];
        for (reply, at, privilege) in cases {
            let reply = reply.status(403).condition("need-privileges");
            let expected = format!(
                "<D:need-privileges><D:resource><D:href>{at}</D:href><D:privilege><D:{privilege}/></D:privilege></D:resource></D:need-privileges>"
            );
            assert!(reply.text().contains(&expected), "{expected} in {}", reply.told());
        }
    }
    let denied = [ace("deny", "users/ben", "unbind"), ace("grant", "users/ben", "read write")];
    set_acl(&ana, "/Projects/plans", &denied).status(200);
    let kept = ben.delete("/Projects/plans/plan.txt").status(403).condition("need-privileges");
    assert!(kept.text().contains("<D:href>/dav/Projects/plans/plan.txt</D:href>"), "denied by itself: {}", kept.told());
}

/// Many kilobytes for each entry: the answer is sent in pieces, and none is lost.
#[test]
fn a_long_list_on_many_files_comes_whole() {
    let (site, [ana, ..]) = projects();
    let groups: Vec<String> = (0..40).map(|n| format!("Group {n}")).collect();
    for group in &groups {
        site.cli(&["group", "add", group]).ok();
    }
    let aces: Vec<String> =
        groups.iter().map(|name| ace("grant", &format!("groups/Acme:{}", name.replace(' ', "%20")), "read")).collect();
    for n in 0..60 {
        ana.put(&format!("/Projects/plans/file{n}.txt"), "x").status(201);
    }
    ana.mkcol("/Projects/plans/sub").status(201);
    ana.put("/Projects/plans/sub/inner.txt", "x").status(201);
    set_acl(&ana, "/Projects/plans/", &aces).status(200);
    let body = asking_for(&[&dav("acl")]);
    let answer = ana.propfind("/Projects/plans/", Depth::Infinity, &body).status(207);
    assert!(answer.answer.body.len() > 10 * 64 * 1024, "only {} bytes", answer.answer.body.len());
    let found = answer.multistatus();
    assert_eq!(found.paths().len(), 1 + 61 + 2, "the folder, its files, and another folder with one");
    let expected = acl_of(&ana, "/Projects/plans/file0.txt");
    assert_eq!(expected.len(), 42);
    for n in 0..60 {
        assert_eq!(entries(found.at(&format!("/Projects/plans/file{n}.txt")).value(&dav("acl"))), expected);
    }
    assert_eq!(entries(found.at("/Projects/plans/sub/inner.txt").value(&dav("acl"))), expected);
}
