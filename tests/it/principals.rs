//! People and groups as resources (RFC 3744 sections 2, 4 and 9, RFC 5397, RFC 3253 section 3.8): who sees whom, what is told of
//! each, and the reports that clients find them by.

use super::site::xml::Element;
use super::site::{Client, Reply, Site, asking_for, dav};

const ALL_USERS: &str = "/principals/groups/Acme:All%20Users/";

/// Ana (with a full name and an address), Ben and the guest Gus; the group `Sales` with Ana in it, and `Everywhere` with Sales in it.
fn acme() -> (Site, [Client; 3]) {
    let site = Site::start();
    let people = [site.user("ana"), site.user("ben"), guest(&site, "gus")];
    site.cli(&["user", "set", "ana", "--display", "Ana María", "--email", "ana@example.com"]).ok();
    site.cli(&["group", "add", "Sales"]).ok();
    site.cli(&["group", "add", "Every where"]).ok();
    site.cli(&["group", "member", "add", "Sales", "--user", "ana"]).ok();
    site.cli(&["group", "member", "add", "Every where", "--group", "Sales"]).ok();
    (site, people)
}

fn guest(site: &Site, name: &str) -> Client {
    site.cli_with_input(&["user", "add", name, "--guest", "--password-stdin"], "a long password for a guest\n").ok();
    site.client(name, &site.app_password(name, "drive"))
}

fn propfind(client: &Client, url: &str, depth: &str, names: &[&str]) -> Reply {
    client.raw("PROPFIND", url).with("Depth", depth).xml(&asking_for(names)).send()
}

fn report(client: &Client, url: &str, body: &str) -> Reply {
    let body = body.replacen('>', r#" xmlns:D="DAV:" xmlns:C="urn:commonhold:dav">"#, 1);
    let body =
        if body.contains("</") { body } else { body.replacen("/ xmlns", " xmlns", 1).replacen("\">", "\"/>", 1) };
    client.raw("REPORT", url).with("Depth", "0").xml(&body).send()
}

/// The URLs in a value.
fn hrefs(value: &str) -> Vec<&str> {
    value.split("<{DAV:}href>").skip(1).map(|rest| rest.split("</>").next().unwrap_or_default()).collect()
}

/// The URLs that a multistatus tells of, in its order.
fn told(reply: &Reply) -> Vec<String> {
    let root = Element::parse(reply.text());
    let href = |response: &Element| response.child(&dav("href")).expect("each response has an href").inner();
    root.elements().filter(|element| element.name == dav("response")).map(href).collect()
}

#[test]
fn a_user_is_a_principal_with_all_that_the_rfc_asks_for() {
    let (_site, [ana, ben, _]) = acme();
    let asked = [
        "resourcetype",
        "displayname",
        "principal-URL",
        "alternate-URI-set",
        "group-membership",
        "group-member-set",
        "owner",
        "group",
        "current-user-principal",
        "current-user-privilege-set",
        "principal-collection-set",
        "inherited-acl-set",
        "acl",
    ]
    .map(dav);
    let asked: Vec<&str> = asked.iter().map(String::as_str).chain(["{urn:commonhold:dav}name"]).collect();
    let found = propfind(&ben, "/principals/users/ANA", "0", &asked).status(207).multistatus();
    let user = found.at("/principals/users/ana/");
    assert_eq!(user.value(&dav("resourcetype")), "<{DAV:}principal></>");
    assert_eq!(user.value(&dav("displayname")), "Ana María");
    assert_eq!(hrefs(user.value(&dav("principal-URL"))), ["/principals/users/ana/"]);
    assert_eq!(hrefs(user.value(&dav("alternate-URI-set"))), ["mailto:ana@example.com"]);
    assert_eq!(hrefs(user.value(&dav("group-membership"))), [ALL_USERS, "/principals/groups/Acme:Sales/"]);
    assert_eq!(user.status_of(&dav("group-member-set")), Some(404), "a user has no members");
    assert_eq!(user.value(&dav("owner")), "");
    assert_eq!(user.value(&dav("inherited-acl-set")), "");
    assert_eq!(hrefs(user.value(&dav("current-user-principal"))), ["/principals/users/ben/"]);
    assert_eq!(hrefs(user.value(&dav("principal-collection-set"))), ["/principals/"]);
    assert!(user.value(&dav("current-user-privilege-set")).contains("<{DAV:}read></>"));
    assert_eq!(user.value("{urn:commonhold:dav}name"), "ana");
    assert_eq!(user.status_of(&dav("acl")), Some(403), "nobody reads the list of a principal");
    let plain = ana.raw("PROPFIND", "/principals/users/ben/").with("Depth", "0").send().status(207).multistatus();
    let ben = plain.only();
    assert_eq!(ben.value(&dav("displayname")), "ben", "without a full name it is the login name");
    assert_eq!(ben.status_of(&dav("principal-URL")), None, "no property of RFC 3744 comes with allprop");
}

#[test]
fn a_group_tells_its_direct_members_and_what_it_is_a_member_of() {
    let (site, [ana, ..]) = acme();
    let asked = [dav("group-member-set"), dav("group-membership"), dav("displayname")];
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    let of = |url: &str| propfind(&ana, url, "0", &asked).status(207).multistatus().only().clone();
    let sales = of("/principals/groups/acme:sales/");
    assert_eq!(hrefs(sales.value(&dav("group-member-set"))), ["/principals/users/ana/"]);
    assert_eq!(hrefs(sales.value(&dav("group-membership"))), ["/principals/groups/Acme:Every%20where/"]);
    assert_eq!(sales.value(&dav("displayname")), "Sales");
    let everywhere = of("/principals/groups/Acme:Every%20where/");
    assert_eq!(hrefs(everywhere.value(&dav("group-member-set"))), ["/principals/groups/Acme:Sales/"]);
    let everybody = of(ALL_USERS);
    let users = ["/principals/users/ana/", "/principals/users/ben/", "/principals/users/root/"];
    assert_eq!(hrefs(everybody.value(&dav("group-member-set"))), users, "guests are not among All Users");
    site.cli(&["group", "member", "remove", "Sales", "--user", "ana"]).ok();
    assert_eq!(of("/principals/groups/Acme:Sales/").value(&dav("group-member-set")), "");
}

#[test]
fn the_collections_list_who_is_seen_and_nobody_else() {
    let (site, [ana, _, gus]) = acme();
    let root = site.client("root", &site.app_password("root", "drive"));
    let listed = |client: &Client, url: &str, depth: &str| {
        told(&client.raw("PROPFIND", url).with("Depth", depth).send().status(207))
    };
    assert_eq!(listed(&ana, "/principals/", "0"), ["/principals/"]);
    assert_eq!(listed(&ana, "/principals/", "1"), ["/principals/", "/principals/users/", "/principals/groups/"]);
    let users = ["/principals/users/", "/principals/users/ana/", "/principals/users/ben/", "/principals/users/gus/"];
    let users: Vec<&str> = users.into_iter().chain(["/principals/users/root/"]).collect();
    assert_eq!(listed(&ana, "/principals/users/", "1"), users);
    assert_eq!(listed(&root, "/principals/users", "infinity"), users);
    let groups = [
        "/principals/groups/",
        ALL_USERS,
        "/principals/groups/Acme:Administrators/",
        "/principals/groups/Acme:Sales/",
        "/principals/groups/Acme:Every%20where/",
    ];
    assert_eq!(listed(&ana, "/principals/groups/", "1"), groups);
    let everything: Vec<&str> = ["/principals/"].into_iter().chain(users).chain(groups).collect();
    assert_eq!(listed(&ana, "/principals/", "infinity"), everything);
    let own = ["/principals/", "/principals/users/", "/principals/users/gus/", "/principals/groups/"];
    assert_eq!(listed(&gus, "/principals/", "infinity"), own, "a guest knows of nobody else");
}

#[test]
fn what_is_not_seen_does_not_exist() {
    let (_site, [ana, _, gus]) = acme();
    let missing = ana.raw("PROPFIND", "/principals/users/nobody/").with("Depth", "0").send().status(404);
    let hidden = gus.raw("PROPFIND", "/principals/users/ana/").with("Depth", "0").send().status(404);
    assert_eq!(missing.text(), hidden.text());
    gus.raw("PROPFIND", ALL_USERS).with("Depth", "0").send().status(404);
    gus.raw("GET", "/principals/groups/Acme:Sales/").send().status(404);
    gus.raw("PROPFIND", "/principals/users/gus/").with("Depth", "0").send().status(207);
    for url in [
        "/principals/others/",
        "/principals/users/ana/more/",
        "/principals/groups/Sales/",
        "/principals/groups/Acme/",
        "/principals/groups/Acme::Sales/",
        "/principals/groups/Acme:Nowhere:Sales/",
        "/principals/users/%FF/",
        "/principals/users/..%2fana/",
        "/principalsX/",
    ] {
        ana.raw("PROPFIND", url).with("Depth", "0").send().status(404);
    }
}

#[test]
fn people_and_groups_cannot_be_changed_over_webdav() {
    let (site, [ana, ..]) = acme();
    let root = site.client("root", &site.app_password("root", "drive"));
    for client in [&ana, &root] {
        for method in ["PUT", "MKCOL", "PROPPATCH", "DELETE", "COPY", "MOVE", "LOCK", "ACL"] {
            client.raw(method, "/principals/users/ana/").send().status(403);
        }
        let refused = client.raw("POST", "/principals/users/ana/").send().status(405);
        refused.says("Allow", "OPTIONS, GET, HEAD, PROPFIND, REPORT");
    }
    site.anonymous().raw("PROPFIND", "/principals/").with("Depth", "0").send().status(401);
    let page = ana.raw("GET", "/principals/users/ana/").send().status(200);
    assert!(page.text().contains("Ana María"));
    ana.raw("GET", "/principals/users/ana").send().status(302).says("location", "/principals/users/ana/");
    ana.raw("HEAD", "/principals/").send().status(200).body("");
    let allow = ana.raw("OPTIONS", "/principals/users/ana/").send().status(200);
    assert_eq!(allow.list("allow"), ["OPTIONS", "GET", "HEAD", "PROPFIND", "REPORT"]);
}

/// RFC 5397; what programs ask first at the top and at a drive's root.
#[test]
fn everybody_finds_the_own_principal_from_everywhere() {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "editor")]);
    ana.put("/Projects/plan.txt", "v1").status(201);
    for url in ["/", "/dav/", "/dav/Projects/", "/dav/Projects/plan.txt", "/principals/", "/principals/users/ana/"] {
        let asked = [dav("current-user-principal"), dav("principal-collection-set"), dav("unheard-of")];
        let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
        let found = propfind(&ana, url, "0", &asked).status(207).multistatus();
        let resource = found.only();
        assert_eq!(hrefs(resource.value(&dav("current-user-principal"))), ["/principals/users/ana/"], "{url}");
        assert_eq!(hrefs(resource.value(&dav("principal-collection-set"))), ["/principals/"], "{url}");
        assert_eq!(resource.status_of(&dav("unheard-of")), Some(404), "{url}");
    }
}

#[test]
fn people_are_found_by_parts_of_their_names_in_any_case() {
    let (_site, [ana, ben, gus]) = acme();
    let search = |client: &Client, url: &str, terms: &[(&str, &str)], more: &str| {
        let terms: String = terms
            .iter()
            .map(|(prop, text)| {
                format!("<D:property-search><D:prop><{prop}/></D:prop><D:match>{text}</D:match></D:property-search>")
            })
            .collect();
        let body = format!("<D:principal-property-search>{terms}{more}</D:principal-property-search>");
        told(&report(client, url, &body).status(207))
    };
    assert_eq!(search(&ben, "/principals/", &[("D:displayname", "MARÍ")], ""), ["/principals/users/ana/"]);
    let both = [("D:displayname", "ana"), ("D:alternate-URI-set", "@EXAMPLE")];
    assert_eq!(search(&ben, "/principals/users/", &both, ""), ["/principals/users/ana/"]);
    let neither = [("D:displayname", "ana"), ("D:alternate-URI-set", "elsewhere")];
    assert!(search(&ben, "/principals/", &neither, "").is_empty());
    assert_eq!(
        search(&ana, "/principals/groups/", &[("D:displayname", "sal")], ""),
        ["/principals/groups/Acme:Sales/"]
    );
    assert!(search(&ana, "/principals/users/", &[("D:displayname", "sal")], "").is_empty());
    assert!(search(&ana, "/principals/users/ana/", &[("D:displayname", "ana")], "").is_empty(), "it has no members");
    let everywhere = "<D:apply-to-principal-collection-set/>";
    assert_eq!(search(&ana, "/principals/users/ana/", &[("C:name", "be")], everywhere), ["/principals/users/ben/"]);
    assert!(search(&ana, "/principals/", &[("D:resourcetype", "principal")], "").is_empty(), "not searchable");
    assert!(search(&gus, "/principals/", &[("C:name", "a")], "").is_empty(), "a guest finds nobody");
    let asked = "<D:prop><D:displayname/><D:acl/><D:nothing/></D:prop>";
    let body = "<D:principal-property-search><D:property-search><D:prop><D:displayname/></D:prop><D:match>ben</D:match>\
                </D:property-search>PROP</D:principal-property-search>";
    let found = report(&ana, "/principals/", &body.replace("PROP", asked)).status(207).multistatus();
    let ben = found.at("/principals/users/ben/");
    assert_eq!(ben.value(&dav("displayname")), "ben");
    assert_eq!((ben.status_of(&dav("acl")), ben.status_of(&dav("nothing"))), (Some(403), Some(404)));
}

#[test]
fn what_can_be_searched_is_told() {
    let (_site, [ana, ..]) = acme();
    let told = report(&ana, "/principals/", "<D:principal-search-property-set/>").status(200);
    let set = Element::parse(told.text());
    assert_eq!(set.name, dav("principal-search-property-set"));
    let names: Vec<String> = set
        .elements()
        .map(|property| {
            assert_eq!(property.name, dav("principal-search-property"));
            assert!(!property.child(&dav("description")).expect("each is described").inner().is_empty());
            property.child(&dav("prop")).expect("each names a property").inner()
        })
        .collect();
    assert_eq!(names, ["<{DAV:}displayname></>", "<{urn:commonhold:dav}name></>", "<{DAV:}alternate-URI-set></>"]);
    assert!(told.text().contains(r#"<D:description xml:lang="en">Full name</D:description>"#));
}

#[test]
fn one_finds_oneself_and_the_own_groups() {
    let (_site, [ana, ben, gus]) = acme();
    let body = "<D:principal-match><D:self/></D:principal-match>";
    let own = |client: &Client, url: &str| told(&report(client, url, body).status(207));
    let groups = ["/principals/groups/Acme:Sales/", ALL_USERS, "/principals/groups/Acme:Every%20where/"];
    let mut found = own(&ana, "/principals/");
    found.sort();
    let mut expected: Vec<&str> = groups.into_iter().chain(["/principals/users/ana/"]).collect();
    expected.sort_unstable();
    assert_eq!(found, expected, "also through groups of groups");
    assert_eq!(own(&ana, "/principals/users/"), ["/principals/users/ana/"]);
    assert_eq!(own(&ben, "/principals/groups/"), [ALL_USERS]);
    assert_eq!(own(&ana, "/principals/groups/Acme:Every%20where/"), ["/principals/groups/Acme:Every%20where/"]);
    assert!(own(&ben, "/principals/groups/Acme:Sales/").is_empty());
    assert!(own(&ben, "/principals/users/ana/").is_empty());
    assert_eq!(own(&gus, "/principals/"), ["/principals/users/gus/"]);
    let named = "<D:principal-match><D:self/><D:prop><D:displayname/></D:prop></D:principal-match>";
    let found = report(&ana, "/principals/users/", named).status(207).multistatus();
    assert_eq!(found.only().value(&dav("displayname")), "Ana María");
    let plain = report(&ana, "/principals/users/", body).status(207);
    assert!(plain.text().contains("<D:status>HTTP/1.1 200 OK</D:status>"), "without properties there is a status");
    let owned = "<D:principal-match><D:principal-property><D:owner/></D:principal-property></D:principal-match>";
    assert!(told(&report(&ana, "/principals/", owned).status(207)).is_empty());
}

/// RFC 3253 section 3.8: the URL in a value gives way to what was asked of the resource there.
#[test]
fn an_expansion_tells_of_those_that_a_property_names() {
    let (_site, [ana, ..]) = acme();
    let body = r#"<D:expand-property><D:property name="displayname"/><D:property name="group-member-set">
        <D:property name="displayname"/><D:property name="group-membership"><D:property name="displayname"/></D:property>
        </D:property><D:property name="name" namespace="urn:commonhold:dav"/><D:property name="nothing"/></D:expand-property>"#;
    let answer = report(&ana, "/principals/groups/Acme:Sales/", body).status(207);
    let expected = concat!(
        r#"<?xml version="1.0" encoding="utf-8"?><D:multistatus xmlns:D="DAV:" xmlns:C="urn:commonhold:dav">"#,
        "<D:response><D:href>/principals/groups/Acme:Sales/</D:href><D:propstat><D:prop>",
        "<D:displayname>Sales</D:displayname>",
        "<D:group-member-set><D:response><D:href>/principals/users/ana/</D:href><D:propstat><D:prop>",
        "<D:displayname>Ana María</D:displayname><D:group-membership>",
        "<D:response><D:href>/principals/groups/Acme:All%20Users/</D:href><D:propstat><D:prop>",
        "<D:displayname>All Users</D:displayname></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>",
        "<D:response><D:href>/principals/groups/Acme:Sales/</D:href><D:propstat><D:prop>",
        "<D:displayname>Sales</D:displayname></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>",
        "</D:group-membership></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response></D:group-member-set>",
        "<C:name>Sales</C:name></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>",
        "<D:propstat><D:prop><D:nothing/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>",
        "</D:response></D:multistatus>",
    );
    assert_eq!(answer.text(), expected);
}

#[test]
fn a_report_that_is_unknown_or_not_for_that_depth_is_refused() {
    let (_site, [ana, ..]) = acme();
    report(&ana, "/principals/", "<D:version-tree/>").status(403).condition("supported-report");
    report(&ana, "/principals/users/ana/", "<D:acl-principal-prop-set/>").status(403).condition("supported-report");
    let body = r#"<D:principal-match xmlns:D="DAV:"><D:self/></D:principal-match>"#;
    for depth in ["1", "infinity", "2"] {
        ana.raw("REPORT", "/principals/").with("Depth", depth).xml(body).send().status(400);
    }
    ana.raw("REPORT", "/principals/").xml(body).send().status(207);
    ana.raw("REPORT", "/principals/").xml("<D:principal-match xmlns:D='DAV:'/>").send().status(400);
    ana.raw("REPORT", "/principals/").xml("<broken").send().status(400);
    ana.raw("REPORT", "/principals/").xml(&"x".repeat(65 * 1024)).send().status(413);
    let asked = [dav("supported-report-set")];
    let found = propfind(&ana, "/principals/", "0", &[asked[0].as_str()]).status(207).multistatus();
    let reports = found.only().value(&asked[0]).to_owned();
    for report in ["expand-property", "principal-match", "principal-property-search", "principal-search-property-set"] {
        assert!(reports.contains(&format!("<{{DAV:}}report><{{DAV:}}{report}></></>")), "{report}");
    }
    assert!(!reports.contains("acl-principal-prop-set"));
}

#[test]
fn an_infinity_of_more_people_than_the_limit_asks_for_a_finite_depth() {
    let site = Site::start_with("[dav]\npropfind_infinity_max = 5\n");
    let people: Vec<Client> = (0..4).map(|n| site.user(&format!("user{n}"))).collect();
    let ask = |depth: &str| people[0].raw("PROPFIND", "/principals/").with("Depth", depth).send();
    ask("infinity").status(403).condition("propfind-finite-depth");
    ask("1").status(207);
    people[0].raw("PROPFIND", "/principals/").send().status(403);
    people[0].raw("PROPFIND", "/principals/users/user1/").send().status(207);
}

#[test]
fn departments_groups_have_urls_with_their_departments_in_them() {
    let (site, [ana, ben, _]) = acme();
    site.cli(&["department", "add", "Sales"]).ok();
    site.cli(&["department", "add", "Sales/North", "--admin", "ben"]).ok();
    site.cli(&["department", "member", "add", "Sales/North", "--user", "ana"]).ok();
    site.cli(&["group", "add", "Drivers", "--department", "Sales/North"]).ok();
    site.cli(&["group", "member", "add", "Sales/North/Drivers", "--user", "ana"]).ok();
    let asked = [dav("group-member-set"), dav("displayname"), dav("group-membership")];
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    let of = |url: &str| propfind(&ben, url, "0", &asked).status(207).multistatus().only().clone();
    let drivers = of("/principals/groups/acme:SALES:north:drivers/");
    assert_eq!(drivers.value(&dav("displayname")), "Sales/North/Drivers");
    assert_eq!(hrefs(drivers.value(&dav("group-member-set"))), ["/principals/users/ana/"]);
    for department in ["Acme:Sales", "Acme:Sales:North"] {
        let everybody = of(&format!("/principals/groups/{department}:All%20Users/"));
        assert_eq!(hrefs(everybody.value(&dav("group-member-set"))), ["/principals/users/ana/"], "{department}");
    }
    let administrators = of("/principals/groups/Acme:Sales:North:Administrators/");
    assert_eq!(hrefs(administrators.value(&dav("group-member-set"))), ["/principals/users/ben/"]);
    let mut member_of = propfind(&ana, "/principals/users/ana/", "0", &asked).status(207).multistatus();
    let groups = member_of.at("/principals/users/ana/").value(&dav("group-membership")).to_owned();
    let expected = [
        ALL_USERS,
        "/principals/groups/Acme:Sales/",
        "/principals/groups/Acme:Sales:All%20Users/",
        "/principals/groups/Acme:Sales:North:All%20Users/",
        "/principals/groups/Acme:Sales:North:Drivers/",
    ];
    assert_eq!(hrefs(&groups), expected);
    member_of = propfind(&ben, "/principals/groups/", "1", &asked).status(207).multistatus();
    for group in expected {
        let path = group.replace("%20", " ");
        member_of.at(&path);
    }
}

#[test]
fn other_organizations_are_not_seen_but_by_those_who_administer_them() {
    let (site, [ana, ..]) = acme();
    let root = site.client("root", &site.app_password("root", "drive"));
    site.cli(&["org", "add", "Labs", "--parent", "Acme"]).ok();
    site.cli(&["org", "add", "Rivals"]).ok();
    for (name, org) in [("lena", "Labs"), ("rex", "Rivals")] {
        site.cli_with_input(&["user", "add", name, "--org", org, "--password-stdin"], "a long password for them\n")
            .ok();
    }
    let rex = site.client("rex", &site.app_password("rex", "drive"));
    let sees = |client: &Client, url: &str| client.raw("PROPFIND", url).with("Depth", "0").send().answer.status == 207;
    let all = |client: &Client, urls: &[&str]| urls.iter().map(|url| sees(client, url)).collect::<Vec<_>>();
    let urls = [
        "/principals/users/ben/",
        "/principals/users/lena/",
        "/principals/users/rex/",
        "/principals/groups/Labs:All%20Users/",
        "/principals/groups/Rivals:All%20Users/",
    ];
    assert_eq!(all(&ana, &urls), [true, false, false, false, false]);
    assert_eq!(all(&rex, &urls), [false, false, true, false, true]);
    assert_eq!(all(&root, &urls), [true; 5]);
    let listed = told(&rex.raw("PROPFIND", "/principals/").with("Depth", "infinity").send().status(207));
    assert!(listed.iter().all(|url| !url.contains("ana") && !url.contains("Acme")), "{listed:?}");
    site.cli(&["group", "member", "add", "Administrators", "--user", "ana"]).ok();
    assert_eq!(all(&ana, &urls), [true, true, false, true, false], "an administrator's reach goes down");
}

#[test]
fn who_is_removed_is_no_principal_any_more() {
    let (site, [ana, ..]) = acme();
    site.cli(&["user", "remove", "ben"]).ok();
    ana.raw("PROPFIND", "/principals/users/ben/").with("Depth", "0").send().status(404);
    let listed = told(&ana.raw("PROPFIND", "/principals/users/").with("Depth", "1").send().status(207));
    assert!(!listed.contains(&"/principals/users/ben/".to_owned()));
    let members = propfind(&ana, ALL_USERS, "0", &[dav("group-member-set").as_str()]).status(207).multistatus();
    assert!(!members.only().value(&dav("group-member-set")).contains("ben"));
}
