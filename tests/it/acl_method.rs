//! The ACL method (RFC 3744 section 8): what it gives and takes, every precondition, and who may use it at all.

use super::site::client::basic;
use super::site::{Client, Depth, Reply, Site, asking_for, dav};

/// One entry: `grant` or `deny`, the path of a principal below `/principals/`, privileges of `DAV:`.
pub fn ace(effect: &str, who: &str, privileges: &str) -> String {
    let privileges: String =
        privileges.split_whitespace().map(|name| format!("<D:privilege><D:{name}/></D:privilege>")).collect();
    format!(
        "<D:ace><D:principal><D:href>/principals/{who}/</D:href></D:principal><D:{effect}>{privileges}</D:{effect}></D:ace>"
    )
}

pub fn set_acl(client: &Client, path: &str, aces: &[String]) -> Reply {
    client.ask("ACL", path).xml(&body(aces)).send()
}

fn body(aces: &[String]) -> String {
    format!(r#"<D:acl xmlns:D="DAV:" xmlns:C="urn:commonhold:dav">{}</D:acl>"#, aces.concat())
}

/// The entries of `DAV:acl` in one line each: effect, principal, privileges, marks.
pub fn acl_of(client: &Client, path: &str) -> Vec<String> {
    let found = client.propfind(path, Depth::Zero, &asking_for(&[&dav("acl")])).status(207).multistatus();
    entries(found.only().value(&dav("acl")))
}

pub fn entries(value: &str) -> Vec<String> {
    let short = value.replace("{DAV:}", "").replace("{urn:commonhold:dav}", "+").replace("{urn:commonhold:acl}", "+");
    let entries = short.split("<ace>").skip(1).map(|ace| {
        let (principal, rest) = ace
            .strip_prefix("<principal><href>")
            .and_then(|rest| rest.split_once("</></>"))
            .unwrap_or_else(|| panic!("{ace}"));
        let names = rest.replace("<privilege><", " ").replace("></></>", "").replace("</>", "");
        let names = names.replace(['<', '>'], " ").replace("href", "");
        let words: Vec<&str> = names.split_whitespace().collect();
        let (effect, rest) = words.split_first().expect("an effect");
        format!("{effect} {} {}", principal.trim_start_matches("/principals/"), rest.join(" "))
    });
    entries.collect()
}

/// Ana is co-owner, Ben editor, Cem has nothing; a folder with a file in it.
fn projects() -> (Site, [Client; 3]) {
    let site = Site::start();
    let [ana, ben] = site.team("Projects", [("ana", "co-owner"), ("ben", "editor")]);
    let cem = site.user("cem");
    ana.mkcol("/Projects/plans").status(201);
    ana.put("/Projects/plans/plan.txt", "v1").status(201);
    (site, [ana, ben, cem])
}

#[test]
fn a_grant_lets_somebody_in_and_its_removal_locks_them_out_at_once() {
    let (_site, [ana, _, cem]) = projects();
    cem.get("/Projects/plans/plan.txt").status(404);
    set_acl(&ana, "/Projects/plans", &[ace("grant", "users/cem", "read")]).status(200).body("");
    cem.get("/Projects/plans/plan.txt").status(200).body("v1");
    cem.put("/Projects/plans/plan.txt", "v2").status(403).condition("need-privileges");
    set_acl(&ana, "/Projects/plans", &[ace("grant", "users/cem", "read write")]).status(200);
    cem.put("/Projects/plans/plan.txt", "v2").status(204);
    set_acl(&ana, "/Projects/plans", &[]).status(200);
    cem.get("/Projects/plans/plan.txt").status(404);
}

#[test]
fn a_denial_takes_away_what_the_role_gives() {
    let (_site, [ana, ben, _]) = projects();
    ben.put("/Projects/plans/plan.txt", "v2").status(204);
    let deny = ace("deny", "users/ben", "write-content write-properties");
    set_acl(&ana, "/Projects/plans/plan.txt", std::slice::from_ref(&deny)).status(200);
    ben.put("/Projects/plans/plan.txt", "v3").status(403);
    ben.get("/Projects/plans/plan.txt").status(200).body("v2");
    ben.put("/Projects/plans/other.txt", "v1").status(201);
    set_acl(&ana, "/Projects/plans/", &[ace("deny", "users/ben", "read write")]).status(200);
    ben.get("/Projects/plans/other.txt").status(404);
    ben.list("/Projects/plans/", Depth::Zero).status(404);
    assert_eq!(ben.list("/Projects/", Depth::One).status(207).paths(), ["/Projects/"], "nothing tells of it");
}

#[test]
fn a_grant_to_a_group_reaches_its_members() {
    let (site, [ana, _, cem]) = projects();
    site.cli(&["group", "add", "Sales"]).ok();
    site.cli(&["group", "member", "add", "Sales", "--user", "cem"]).ok();
    set_acl(&ana, "/Projects/plans", &[ace("grant", "groups/Acme:Sales", "read")]).status(200);
    cem.get("/Projects/plans/plan.txt").status(200);
    site.cli(&["group", "member", "remove", "Sales", "--user", "cem"]).ok();
    cem.get("/Projects/plans/plan.txt").status(404);
    set_acl(&ana, "/Projects/plans", &[ace("grant", "groups/Acme:All%20Users", "read")]).status(200);
    cem.get("/Projects/plans/plan.txt").status(200);
}

/// RFC 3744 section 8.1: the list is replaced as a whole, and what was set is what is read.
#[test]
fn the_list_is_exactly_what_was_set() {
    let (_site, [ana, ..]) = projects();
    let set = [
        ace("deny", "users/cem", "unbind"),
        ace("grant", "users/cem", "read write"),
        ace("grant", "groups/Acme:Administrators", "read bind"),
        ace("grant", "users/ben", "unlock read-acl write-acl"),
    ];
    set_acl(&ana, "/Projects/plans/", &set).status(200);
    let inherited = ["grant users/ana/ all protected inherited /dav/Projects/ +role co-owner +subscription"];
    let shown = acl_of(&ana, "/Projects/plans/");
    let own = [
        "deny users/cem/ unbind +permissions delete delete-child rename-child",
        "grant users/ben/ unlock read-acl write-acl +permissions owner",
        "grant users/cem/ read write +permissions delete sync view print read write web-edit list list-folders create delete-child rename-child",
        "grant groups/Acme:Administrators/ read bind +permissions sync view print read list list-folders create",
        inherited[0],
        "grant users/ben/ read write protected inherited /dav/Projects/ +role editor +subscription",
    ];
    assert_eq!(shown, own);
    let member = acl_of(&ana, "/Projects/plans/plan.txt");
    let from = "inherited /dav/Projects/plans/";
    let denied = format!("deny users/cem/ +delete {from} +permissions delete delete-child rename-child");
    assert_eq!(member[0], denied, "what no privilege of the protocol says of a file is shown by our own");
    assert_eq!(member[1], format!("grant users/ben/ unlock read-acl write-acl {from} +permissions owner"));
    assert!(member[2].starts_with(&format!("grant users/cem/ read write {from} ")), "{member:?}");
    assert!(member[3].starts_with(&format!("grant groups/Acme:Administrators/ read {from} ")), "{member:?}");
    set_acl(&ana, "/Projects/plans/", &[ace("grant", "users/cem", "read")]).status(200);
    assert_eq!(
        acl_of(&ana, "/Projects/plans/")[0],
        "grant users/cem/ read +permissions sync view print read list list-folders"
    );
    assert_eq!(acl_of(&ana, "/Projects/plans/").len(), 3);
}

/// What a client does that adds one entry: it reads the list, drops what is inherited or protected, and sends it back.
#[test]
fn a_client_that_knows_no_roles_keeps_them_by_sending_back_what_it_read() {
    let (_site, [ana, ..]) = projects();
    let role = "<D:ace><D:principal><D:href>/principals/users/cem/</D:href></D:principal><D:grant/><C:role>previewer</C:role></D:ace>";
    set_acl(&ana, "/Projects/plans/", &[role.to_owned()]).status(200);
    let shown = acl_of(&ana, "/Projects/plans/");
    assert_eq!(shown[0], "grant users/cem/ read +role previewer");
    set_acl(&ana, "/Projects/plans/", &[ace("grant", "users/cem", "read"), ace("grant", "users/ben", "bind")])
        .status(200);
    assert!(acl_of(&ana, "/Projects/plans/").contains(&shown[0]), "the role stays");
    let whole = ana.propfind("/Projects/plans/", Depth::Zero, &asking_for(&[&dav("acl")])).status(207);
    let start = whole.text().find("<D:acl>").expect("the list") + "<D:acl>".len();
    let end = whole.text().find("</D:acl>").expect("its end");
    let raw = whole.text()[start..end].to_owned();
    set_acl(&ana, "/Projects/plans/", &[raw]).status(200);
    let again = ana.propfind("/Projects/plans/", Depth::Zero, &asking_for(&[&dav("acl")])).status(207);
    assert_eq!(again.text(), whole.text(), "sent back with all that is inherited or protected, it is the same");
}

#[test]
fn every_violated_precondition_is_named_and_nothing_is_changed() {
    let (site, [ana, ..]) = projects();
    site.cli_with_input(&["user", "add", "gus", "--guest", "--password-stdin"], "a long password for a guest\n").ok();
    set_acl(&ana, "/Projects/plans", &[ace("grant", "users/cem", "read")]).status(200);
    let before = acl_of(&ana, "/Projects/plans");
    let read = "<D:grant><D:privilege><D:read/></D:privilege></D:grant>";
    let with =
        |principal: &str, rest: &str| format!("<D:ace><D:principal>{principal}</D:principal>{read}{rest}</D:ace>");
    let href = |url: &str| format!("<D:href>{url}</D:href>");
    let cem = href("/principals/users/cem/");
    let abstract_one = format!(
        "<D:ace><D:principal>{cem}</D:principal><D:grant><D:privilege><s:sync xmlns:s='urn:commonhold:acl'/></D:privilege></D:grant></D:ace>"
    );
    let role = |name: &str| format!("<D:ace><D:principal>{cem}</D:principal><D:grant/><C:role>{name}</C:role></D:ace>");
    let cases: Vec<(&str, Vec<String>)> = vec![
        ("no-ace-conflict", vec![ace("grant", "users/cem", "write-content")]),
        ("no-ace-conflict", vec![ace("grant", "users/cem", "read-acl")]),
        ("no-ace-conflict", vec![ace("deny", "users/cem", "read"), ace("grant", "users/cem", "read")]),
        ("no-ace-conflict", vec![role("emperor")]),
        ("no-ace-conflict", vec![role("viewer"), ace("grant", "users/cem", "read")]),
        ("no-protected-ace-conflict", vec![with(&cem, "<D:protected/>")]),
        (
            "no-inherited-ace-conflict",
            vec![with(&cem, &format!("<D:inherited>{}</D:inherited>", href("/dav/Projects/")))],
        ),
        (
            "no-inherited-ace-conflict",
            vec![with(&href("/principals/users/ben/"), &format!("<D:inherited>{}</D:inherited>", href("/dav/Other/")))],
        ),
        ("deny-before-grant", vec![ace("grant", "users/cem", "read"), ace("deny", "users/ben", "write")]),
        ("no-invert", vec![format!("<D:ace><D:invert><D:principal>{cem}</D:principal></D:invert>{read}</D:ace>")]),
        ("no-abstract", vec![abstract_one]),
        ("no-abstract", vec![ace("grant", "users/cem", "read-current-user-privilege-set")]),
        ("not-supported-privilege", vec![ace("grant", "users/cem", "read execute")]),
        ("recognized-principal", vec![ace("grant", "users/nobody", "read")]),
        ("recognized-principal", vec![ace("grant", "groups/Acme:Nowhere", "read")]),
        ("recognized-principal", vec![with(&href("/dav/Projects/plans/"), "")]),
        ("recognized-principal", vec![with(&href("/principals/users/"), "")]),
        ("recognized-principal", vec![with(&href("http://elsewhere.example/principals/users/cem/"), "")]),
        ("recognized-principal", vec![with(&href("mailto:cem@example.com"), "")]),
        ("allowed-principal", vec![with("<D:all/>", "")]),
        ("allowed-principal", vec![with("<D:authenticated/>", "")]),
        ("allowed-principal", vec![with("<D:unauthenticated/>", "")]),
        ("allowed-principal", vec![with("<D:self/>", "")]),
        ("allowed-principal", vec![with("<D:property><D:owner/></D:property>", "")]),
    ];
    for (condition, aces) in cases {
        set_acl(&ana, "/Projects/plans", &aces).status(403).condition(condition);
    }
    set_acl(&ana, "/Projects/plans/plan.txt", &[ace("grant", "users/cem", "bind")])
        .status(403)
        .condition("not-supported-privilege");
    let many: Vec<String> =
        (0..1001).map(|n| ace("grant", if n % 2 == 0 { "users/cem" } else { "users/gus" }, "read")).collect();
    set_acl(&ana, "/Projects/plans", &many).status(403).condition("limited-number-of-aces");
    assert_eq!(acl_of(&ana, "/Projects/plans"), before);
    // A guest can be granted to, and an URL may be whole.
    let url = format!("http://{}/principals/users/gus", ana.host());
    set_acl(&ana, "/Projects/plans", &[with(&href(&url), "")]).status(200);
    assert!(acl_of(&ana, "/Projects/plans")[0].starts_with("grant users/gus/ read"));
}

#[test]
fn a_malformed_list_is_400() {
    let (_site, [ana, ..]) = projects();
    for bad in [
        "",
        "<D:acl xmlns:D='DAV:'",
        "<acl/>",
        "<D:propfind xmlns:D='DAV:'/>",
        "<D:acl xmlns:D='DAV:'><D:ace/></D:acl>",
        "<!DOCTYPE a><D:acl xmlns:D='DAV:'/>",
    ] {
        ana.ask("ACL", "/Projects/plans").xml(bad).send().status(400);
    }
    // RFC 3744 section 8.1.5.
    let both = "<D:ace><D:principal><D:href>/principals/users/cem/</D:href></D:principal>\
                <D:grant><D:privilege><D:read/></D:privilege></D:grant><D:principal><D:href>/principals/users/ben/</D:href>\
                </D:principal><D:deny><D:privilege><D:read/></D:privilege></D:deny></D:ace>";
    set_acl(&ana, "/Projects/plans", &[both.to_owned()]).status(400);
    ana.ask("ACL", "/Projects/plans").xml(&" ".repeat(512 * 1024 + 1)).send().status(413);
    ana.ask("ACL", "/Projects/missing").xml(&body(&[])).send().status(404);
    ana.ask("ACL", "/").xml(&body(&[])).send().status(403);
}

#[test]
fn only_who_owns_may_set_the_list_and_the_refusal_names_the_privilege() {
    let (site, [ana, ben, cem]) = projects();
    let refused = set_acl(&ben, "/Projects/plans/", &[]).status(403).condition("need-privileges");
    assert!(refused.text().contains("<D:href>/dav/Projects/plans/</D:href><D:privilege><D:write-acl/></D:privilege>"));
    set_acl(&cem, "/Projects/plans/", &[]).status(404);
    site.anonymous().ask("ACL", "/Projects/plans/").xml(&body(&[])).send().status(401);
    set_acl(&ana, "/Projects/plans/", &[ace("grant", "users/cem", "all")]).status(200);
    set_acl(&cem, "/Projects/plans/plan.txt", &[ace("deny", "users/ben", "read write")]).status(200);
    ben.get("/Projects/plans/plan.txt").status(404);
    let root = site.client("root", &site.app_password("root", "drive"));
    set_acl(&root, "/Projects/", &[ace("grant", "users/cem", "read")]).status(200);
    cem.list("/Projects/", Depth::One).status(207);
}

#[test]
fn the_last_who_may_set_the_access_cannot_give_that_up() {
    let (site, [ana, ..]) = projects();
    let lost = set_acl(&ana, "/Projects/", &[ace("deny", "users/ana", "all")]);
    lost.status(409).condition("no-ace-conflict");
    ana.put("/Projects/plans/plan.txt", "still here").status(204);
    set_acl(&ana, "/Projects/plans", &[ace("deny", "users/ana", "all")]).status(409);
    let heir = [ace("deny", "users/ana", "unlock read-acl write-acl"), ace("grant", "users/cem", "all")];
    set_acl(&ana, "/Projects/plans", &heir).status(200);
    set_acl(&ana, "/Projects/plans", &[]).status(403);
    // A group without anybody in it is no heir; one with somebody is.
    site.cli(&["group", "add", "Heirs"]).ok();
    let group = [ace("deny", "users/ana", "unlock read-acl write-acl"), ace("grant", "groups/Acme:Heirs", "all")];
    set_acl(&ana, "/Projects/", &group).status(409);
    site.cli(&["group", "member", "add", "Heirs", "--user", "cem"]).ok();
    set_acl(&ana, "/Projects/", &group).status(200);
    set_acl(&ana, "/Projects/", &[]).status(403);
}

#[test]
fn a_lock_keeps_others_from_changing_the_list() {
    let (site, [ana, ..]) = projects();
    let olga = site.user("olga");
    site.cli(&["share", "subscribe", "Projects", "--user", "olga", "--role", "co-owner"]).ok();
    let lock = r#"<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>"#;
    let token = ana.ask("LOCK", "/Projects/plans").xml(lock).send().status(200).header("lock-token").to_owned();
    let grant = [ace("grant", "users/cem", "read")];
    set_acl(&olga, "/Projects/plans", &grant).status(423).condition("lock-token-submitted");
    set_acl(&ana, "/Projects/plans", &grant).status(423);
    ana.ask("ACL", "/Projects/plans").with("If", format!("({token})")).xml(&body(&grant)).send().status(200);
    ana.ask("ACL", "/Projects/plans").with("If", "(<opaquelocktoken:other>)").xml(&body(&grant)).send().status(412);
}

/// RFC 3744 sections 7.3 and 7.4.
#[test]
fn a_move_takes_the_list_along_and_a_copy_does_not() {
    let (_site, [ana, _, cem]) = projects();
    set_acl(&ana, "/Projects/plans", &[ace("grant", "users/cem", "read")]).status(200);
    ana.copy("/Projects/plans", "/Projects/copied").status(201);
    ana.rename("/Projects/plans", "/Projects/moved").status(201);
    cem.get("/Projects/moved/plan.txt").status(200);
    cem.get("/Projects/copied/plan.txt").status(404);
    assert!(acl_of(&ana, "/Projects/moved")[0].starts_with("grant users/cem/ read"));
    assert!(acl_of(&ana, "/Projects/copied")[0].starts_with("grant users/ana/ all protected"));
}

#[test]
fn in_a_home_its_owner_cannot_be_denied_anything() {
    let (_site, [ana, ben, _]) = projects();
    ana.mkcol("/Home/Reports").status(201);
    ana.put("/Home/Reports/q1.txt", "numbers").status(201);
    set_acl(&ana, "/Home/Reports", &[ace("grant", "users/ben", "read")]).status(200);
    ben.get("/Shared with me/ana/Reports/q1.txt").status(200).body("numbers");
    let shown = acl_of(&ana, "/Home/Reports");
    let owner = "grant users/ana/ all protected inherited /dav/Home/ +permissions";
    assert!(shown[0].starts_with(owner) && shown[0].ends_with("+home-owner"), "{shown:?}");
    assert_eq!(shown[1], "grant users/ben/ read +permissions sync view print read list list-folders");
    set_acl(&ana, "/Home/Reports", &[ace("deny", "users/ana", "write")])
        .status(403)
        .condition("no-protected-ace-conflict");
    set_acl(&ben, "/Shared with me/ana/Reports", &[]).status(403);
    set_acl(&ana, "/Home/Reports", &[ace("grant", "users/ben", "all")]).status(200);
    let seen = acl_of(&ben, "/Shared with me/ana/Reports");
    assert!(seen[0].contains("inherited /dav/Shared%20with%20me/ana/ "), "in the reader's own URLs: {seen:?}");
    set_acl(&ben, "/Shared with me/ana/Reports", &[ace("grant", "users/cem", "read")]).status(200);
    ben.get("/Shared with me/ana/Reports/q1.txt").status(404);
}

#[test]
fn a_list_that_was_set_is_in_the_audit_with_all_that_it_says() {
    let (site, [ana, ..]) = projects();
    set_acl(&ana, "/Projects/plans", &[ace("deny", "users/ben", "unbind"), ace("grant", "users/cem", "read")])
        .status(200);
    let log = site.cli(&["audit", "--verb", "ACL", "--json"]).ok().json();
    let record = log.as_array().and_then(|records| records.last()).expect("a record");
    assert_eq!(record["path"], "/Projects/plans");
    let text = record.to_string();
    for part in ["deny delete delete-child rename-child to /principals/users/ben/", "to /principals/users/cem/"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn options_allows_acl_where_it_may_be_used_and_announces_access_control() {
    let (site, [ana, ben, _]) = projects();
    let anonymous = site.anonymous();
    for reply in [ana.ask("OPTIONS", "/Projects/plans").send(), anonymous.raw("OPTIONS", "/").send()] {
        assert!(reply.list("dav").contains(&"access-control"), "{}", reply.told());
    }
    let allows = |client: &Client, path: &str| {
        let reply = client.ask("OPTIONS", path).send().status(200);
        let verbs = reply.list("allow");
        (verbs.contains(&"ACL"), verbs.contains(&"REPORT"))
    };
    assert_eq!(allows(&ana, "/Projects/plans"), (true, true));
    assert_eq!(allows(&ben, "/Projects/plans"), (false, true));
    assert_eq!(allows(&ben, "/"), (false, true));
    assert_eq!(allows(&ben, "/Projects/missing"), (false, false));
    let odd = ana.with_authorization(&basic("ana", "wrong"));
    set_acl(&odd, "/Projects/plans", &[]).status(401);
}

#[test]
fn where_people_may_not_grant_only_administrators_set_lists() {
    let (site, [ana, _, cem]) = projects();
    let root = site.client("root", &site.app_password("root", "drive"));
    site.cli(&["org", "set", "Acme", "--policy", "users_may_grant=off"]).ok();
    let grant = [ace("grant", "users/cem", "read")];
    let refused = set_acl(&ana, "/Projects/plans", &grant).status(403);
    assert!(refused.text().contains("users_may_grant"), "{}", refused.told());
    let options = ana.ask("OPTIONS", "/Projects/plans").send();
    assert!(!options.list("allow").contains(&"ACL"));
    acl_of(&ana, "/Projects/plans");
    cem.get("/Projects/plans/plan.txt").status(404);
    set_acl(&root, "/Projects/plans", &grant).status(200);
    cem.get("/Projects/plans/plan.txt").status(200);
}

#[test]
fn nobody_of_another_organization_can_be_named_or_found_out() {
    let (site, [ana, ..]) = projects();
    site.cli(&["org", "add", "Rivals"]).ok();
    site.cli_with_input(&["user", "add", "rex", "--org", "Rivals", "--password-stdin"], "a long password for them\n")
        .ok();
    let to = |who: &str| set_acl(&ana, "/Projects/plans", &[ace("grant", who, "read")]).status(403);
    let (there, nowhere) = (to("users/rex"), to("users/nobody"));
    assert_eq!(there.text(), nowhere.text());
    // Who sees them all the same may not let them in either.
    let root = site.client("root", &site.app_password("root", "drive"));
    set_acl(&root, "/Projects/plans", &[ace("grant", "users/rex", "read")]).status(403).condition("allowed-principal");
    set_acl(&root, "/Projects/plans", &[ace("grant", "groups/Rivals:All%20Users", "read")])
        .status(403)
        .condition("allowed-principal");
}

/// A guest knows of nobody, and may own a folder all the same.
#[test]
fn whoever_stands_in_a_list_can_be_kept_by_those_who_may_not_know_of_them() {
    let (site, [ana, ..]) = projects();
    site.cli_with_input(&["user", "add", "gus", "--guest", "--password-stdin"], "a long password for a guest\n").ok();
    let gus = site.client("gus", &site.app_password("gus", "drive"));
    let list = [ace("grant", "users/gus", "all"), ace("grant", "users/cem", "read")];
    set_acl(&ana, "/Projects/plans", &list).status(200);
    let shown = acl_of(&gus, "/Projects/plans");
    assert!(shown.iter().any(|entry| entry.starts_with("grant users/cem/ read")), "{shown:?}");
    let report = r#"<acl-principal-prop-set xmlns="DAV:"><prop><displayname/></prop></acl-principal-prop-set>"#;
    let found = gus.ask("REPORT", "/Projects/plans").xml(report).send().status(207);
    let unseen = "<D:href>/principals/users/cem/</D:href><D:status>HTTP/1.1 404 Not Found</D:status>";
    assert!(found.text().contains(unseen), "{}", found.text());
    set_acl(&gus, "/Projects/plans", &list).status(200);
    set_acl(
        &gus,
        "/Projects/plans",
        &[list[0].clone(), ace("grant", "users/ana", "read"), ace("grant", "users/olga", "read")],
    )
    .status(403)
    .condition("recognized-principal");
    set_acl(&gus, "/Projects/plans", &list[..1]).status(200);
    set_acl(&gus, "/Projects/plans", &list).status(403).condition("recognized-principal");
}
