//! Two worlds that differ only in what somebody may not see give him the same answers on every verb.
//!
//! Both worlds are made alike; then one gets what is hidden from three people: folders that inherit nothing, denied files
//! with locks on them, another share, more in a colleague's home. Then each of the three does the same in both.
//! What changes by chance or with time (entity tags, tokens, dates) is masked. Not asked: whether a name that is taken by
//! something hidden can be given, and whether a folder with something hidden inside can be taken away, or renamed while that
//! is locked; such a request has
//! to be refused, and what the refusals tell is tested in `grants.rs`.

use crate::site::{Client, Depth, Reply, Site, asking_for};

const EVERYTHING: &str = "owner,trim,purge,delete,share,sync,view,print,read,write,web-edit,list,list-folders,create,delete-child,rename-child";

struct World {
    site: Site,
    ana: Client,
    people: [Client; 3],
}

/// Ben edits `Projects`, vic may read `plans/2027` in it and finds ana's `Reports`, ulf may only drop files.
fn world() -> World {
    let site = Site::start();
    let [ana, ben, ulf] = site.team("Projects", [("ana", "co-owner"), ("ben", "editor"), ("ulf", "uploader")]);
    let vic = site.user("vic");
    site.cli(&["group", "add", "Others"]).ok();
    for name in ["ben", "ulf", "vic"] {
        site.cli(&["group", "member", "add", "Others", "--user", name]).ok();
    }
    for folder in ["plans", "plans/2027", "open"] {
        ana.mkcol(&format!("/Projects/{folder}")).status(201);
    }
    for file in ["plans/2027/budget.txt", "plans/notes.txt", "open/a.txt"] {
        ana.put(&format!("/Projects/{file}"), file).status(201);
    }
    ana.mkcol("/Home/Reports").status(201);
    ana.put("/Home/Reports/may.txt", "may").status(201);
    site.cli(&["grant", "add", "/Projects/plans/2027", "--user", "vic", "--level", "read"]).ok();
    site.cli(&["grant", "add", "~ana/Reports", "--user", "vic", "--role", "editor"]).ok();
    World { site, ana, people: [ben, vic, ulf] }
}

impl World {
    /// What none of the three sees.
    fn hide_more(&self) {
        let World { site, ana, .. } = self;
        for (folder, file) in
            [("/Projects/plans/secret", "s.txt"), ("/Projects/vault", "v.txt"), ("/Home/Private", "p.txt")]
        {
            ana.mkcol(folder).status(201);
            ana.put(&format!("{folder}/{file}"), "hidden").status(201);
        }
        ana.put("/Projects/hidden.txt", "hidden").status(201);
        ana.put("/Projects/plans/2027/hidden.txt", "hidden").status(201);
        ana.put("/Home/Reports/hidden.txt", "hidden").status(201);
        for folder in ["/Projects/plans/secret", "/Projects/vault"] {
            site.cli(&["grant", "add", folder, "--user", "ana", "--role", "co-owner"]).ok();
            site.cli(&["grant", "inherit", folder, "off"]).ok();
        }
        for file in ["/Projects/hidden.txt", "/Projects/plans/2027/hidden.txt", "~ana/Reports/hidden.txt"] {
            site.cli(&["grant", "add", file, "--group", "Others", "--deny", EVERYTHING]).ok();
        }
        for locked in ["/Projects/hidden.txt", "/Projects/vault/v.txt"] {
            lock(ana, locked, "0").status(200);
        }
        site.cli(&["share", "add", "Vault", "--owner", "ana"]).ok();
        ana.put("/Vault/v.txt", "hidden").status(201);
    }
}

fn lock(who: &Client, path: &str, depth: &str) -> Reply {
    let body = r#"<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>"#;
    who.ask("LOCK", path).with("Depth", depth).xml(body).send()
}

/// Paths that are hidden in one world and missing in the other.
const HIDDEN: [&str; 10] = [
    "/Projects/hidden.txt",
    "/Projects/plans/secret",
    "/Projects/plans/secret/s.txt",
    "/Projects/plans/secret/none.txt",
    "/Projects/vault/",
    "/Projects/plans/2027/hidden.txt",
    "/Vault",
    "/Vault/v.txt",
    "/Shared with me/ana/Private/p.txt",
    "/Shared with me/ana/Reports/hidden.txt",
];

/// Paths that are alike in both, seen or not.
const ALIKE: [&str; 9] = [
    "/",
    "/Projects",
    "/Projects/plans",
    "/Projects/plans/2027/",
    "/Projects/plans/2027/budget.txt",
    "/Projects/none/none.txt",
    "/Shared with me",
    "/Shared with me/ana",
    "/Shared with me/ana/Reports/may.txt",
];

type Act = Box<dyn Fn(&Client) -> Reply>;

/// Everything that is asked, with words for it. What changes something comes last.
fn acts() -> Vec<(String, Act)> {
    let mut acts: Vec<(String, Act)> = Vec::new();
    let mut add = |told: String, act: Act| acts.push((told, act));
    let props = asking_for(&[
        "{DAV:}displayname",
        "{DAV:}getetag",
        "{DAV:}resourcetype",
        "{DAV:}lockdiscovery",
        "{DAV:}supportedlock",
        "{DAV:}current-user-privilege-set",
        "{DAV:}owner",
        "{DAV:}acl",
        "{DAV:}getcontentlength",
        "{urn:example}none",
    ]);
    for path in HIDDEN.into_iter().chain(ALIKE) {
        for method in ["GET", "HEAD", "OPTIONS"] {
            add(format!("{method} {path}"), Box::new(move |who| who.ask(method, path).send()));
        }
        add(format!("page {path}"), Box::new(move |who| who.ask("GET", path).with("Accept", "text/html").send()));
        add(
            format!("GET if-none-match {path}"),
            Box::new(move |who| who.ask("GET", path).with("If-None-Match", "*").send()),
        );
        for depth in [Depth::Zero, Depth::One, Depth::Infinity] {
            let props = props.clone();
            add(format!("PROPFIND {depth:?} {path}"), Box::new(move |who| who.propfind(path, depth, &props)));
            add(format!("allprop {depth:?} {path}"), Box::new(move |who| who.list(path, depth)));
        }
    }
    for path in HIDDEN {
        let colour = r#"<colour xmlns="urn:example">red</colour>"#;
        add(format!("PROPPATCH {path}"), Box::new(move |who| who.set(path, colour)));
        add(format!("DELETE {path}"), Box::new(move |who| who.delete(path)));
        add(format!("COPY {path}"), Box::new(move |who| who.copy(path, "/Home/stolen")));
        add(format!("MOVE {path}"), Box::new(move |who| who.rename(path, "/Home/stolen")));
        add(format!("PUT below {path}"), Box::new(move |who| who.put(&format!("{path}/x.txt"), "x")));
        add(format!("MKCOL below {path}"), Box::new(move |who| who.mkcol(&format!("{path}/x"))));
        add(format!("LOCK below {path}"), Box::new(move |who| lock(who, &format!("{path}/x"), "0")));
        let token = "<urn:uuid:00000000-0000-4000-8000-000000000000>";
        add(format!("UNLOCK {path}"), Box::new(move |who| who.ask("UNLOCK", path).with("Lock-Token", token).send()));
        let acl = r#"<acl xmlns="DAV:"/>"#;
        add(format!("ACL {path}"), Box::new(move |who| who.ask("ACL", path).xml(acl).send()));
        let search = r#"<expand-property xmlns="DAV:"><property name="owner"/></expand-property>"#;
        add(format!("REPORT {path}"), Box::new(move |who| who.ask("REPORT", path).xml(search).send()));
        // A tagged list that asks about the hidden one, on something that is there.
        for state in [format!("<{}> ([\"x\"])", target(path)), format!("<{}> (Not [\"x\"])", target(path))] {
            let told = format!("If {state}");
            let ask = move |who: &Client| who.ask("PROPFIND", "/Projects").with("Depth", "0").with("If", &state).send();
            add(told, Box::new(ask));
        }
        add(
            format!("COPY onto something below {path}"),
            Box::new(move |who| who.copy("/Projects/open/a.txt", &format!("{path}/x.txt"))),
        );
    }
    // Whoever may make nothing in a folder isn't told whether the name is taken.
    for path in ["/Projects/plans/2027/hidden.txt", "/Projects/hidden.txt"] {
        let unless = move |who: &Client, act: &dyn Fn(&Client) -> Reply| {
            if who.name == "vic" { act(who) } else { who.list("/Projects", Depth::Zero) }
        };
        add(format!("PUT {path}"), Box::new(move |who| unless(who, &|who| who.put(path, "x"))));
        add(format!("MKCOL {path}"), Box::new(move |who| unless(who, &|who| who.mkcol(path))));
        add(format!("LOCK {path}"), Box::new(move |who| unless(who, &|who| lock(who, path, "0"))));
        let onto = move |who: &Client| who.copy("/Shared with me/ana/Reports/may.txt", path);
        add(format!("COPY onto {path}"), Box::new(move |who| unless(who, &onto)));
    }
    add("COPY plans".into(), Box::new(|who| who.copy("/Projects/plans", &format!("/Projects/copy of {}", who.name))));
    add("list the copy".into(), Box::new(|who| who.list(&format!("/Projects/copy of {}", who.name), Depth::Infinity)));
    add("COPY home".into(), Box::new(|who| who.copy("/Shared with me/ana/Reports", "/Home/Reports")));
    add("list the copy at home".into(), Box::new(|who| who.list("/Home", Depth::Infinity)));
    add("rename".into(), Box::new(|who| who.rename("/Projects/plans", "/Projects/plans2")));
    add("rename back".into(), Box::new(|who| who.rename("/Projects/plans2", "/Projects/plans")));
    add("LOCK plans".into(), Box::new(|who| lock(who, "/Projects/plans", "0")));
    add("the lock".into(), Box::new(|who| who.list("/Projects/plans", Depth::Zero)));
    add("PUT new".into(), Box::new(|who| who.put(&format!("/Projects/open/{}.txt", who.name), "new")));
    add("PUT over".into(), Box::new(|who| who.put("/Shared with me/ana/Reports/may.txt", "new")));
    add("DELETE open".into(), Box::new(|who| who.delete("/Projects/open")));
    add("DELETE of a file".into(), Box::new(|who| who.delete("/Projects/plans/notes.txt")));
    add("all of it".into(), Box::new(|who| who.list("/", Depth::Infinity)));
    acts
}

fn target(path: &str) -> String {
    crate::site::target(path)
}

/// Status, headers and body, without what time and chance make of them.
fn outline(reply: &Reply, host: &str) -> (u16, Vec<String>, String) {
    let unlike = ["date", "x-request-id", "etag", "last-modified", "content-length", "lock-token"];
    let headers = reply.answer.headers.iter().map(|(name, value)| (name.to_lowercase(), value));
    let mut headers: Vec<String> = headers
        .map(|(name, value)| if unlike.contains(&name.as_str()) { name } else { format!("{name}: {value}") })
        .collect();
    headers.sort();
    let mut body = String::from_utf8_lossy(&reply.answer.body).replace(host, "HOST");
    // Figures of the quota count what is hidden too: SECURITY.md.
    let quota = ["quota-available-bytes", "quota-used-bytes"];
    for element in ["getetag", "getlastmodified", "creationdate", "locktoken", "timeout", "lapses"].iter().chain(&quota)
    {
        body = masked(&body, element);
    }
    // The page for people has dates in its last column.
    let is_date = |cell: &str| cell.ends_with("GMT");
    let cells: Vec<&str> = body
        .split("<td>")
        .map(|cell| if is_date(cell.split('<').next().unwrap_or(cell)) { "DATE" } else { cell })
        .collect();
    (reply.answer.status, headers, cells.join("<td>"))
}

/// The text with the content of these elements taken out, whatever their prefix.
fn masked(text: &str, element: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    loop {
        let open = rest.match_indices(element).map(|(at, _)| at).find(|at| {
            let before = rest[..*at].rfind('<').unwrap_or(0);
            !rest[before..*at].contains('/') && rest[at + element.len()..].starts_with('>')
        });
        let Some(at) = open else { break };
        let start = at + element.len() + 1;
        let Some(end) = rest[start..].find(element).map(|end| start + end) else { break };
        out.push_str(&rest[..start]);
        out.push_str("…</");
        rest = &rest[end..];
    }
    out + rest
}

#[test]
fn two_worlds_that_differ_in_what_is_hidden_answer_alike() {
    let (poor, rich) = (world(), world());
    rich.hide_more();
    let acts = acts();
    let mut wrong = Vec::new();
    let mut compared = 0;
    for n in 0..3 {
        let (one, other) = (&poor.people[n], &rich.people[n]);
        for (told, act) in &acts {
            let (a, b) = (act(one), act(other));
            compared += 1;
            if outline(&a, &one.host()) != outline(&b, &other.host()) {
                wrong.push(format!("{told} by {}:\n  {}\n  {}", one.name, a.told(), b.told()));
            }
        }
        // The others find the worlds as they were.
        for world in [&poor, &rich] {
            world.ana.mkcol("/Projects/open");
            world.ana.put("/Projects/open/a.txt", "a").status_in(&[201, 204]);
            world.site.cli(&["lock", "list"]).ok();
        }
    }
    assert!(wrong.is_empty(), "{} of {compared} differ:\n{}", wrong.len(), wrong.join("\n\n"));
    assert!(compared > 900, "{compared}");
    rich.ana.get("/Projects/plans/secret/s.txt").status(200).body("hidden");
    rich.site.is_consistent();
}
