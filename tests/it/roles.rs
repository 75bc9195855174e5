//! Who may do what: the law's table `oracle.csv`, every request by every role, and what changes when a role does.
//!
//! The seven roles are columns of the table; its last column is a user of the organization without a subscription.
//! Permissions inside the server are tested in `acl/`; here only the wire counts.

use std::collections::BTreeMap;

use crate::site::{Client, Depth, Reply, Site, asking_for, dav};

/// Request x role -> status.
const ORACLE: &str = include_str!("oracle.csv");

/// Rows whose requests the server doesn't serve yet, and the word of what they wait for.
const LATER: &[(&str, &str)] = &[
    ("create a share link to a file", "links"),
    ("preview a file in the portal", "the portal"),
    ("print a file from the portal", "the portal"),
    ("edit a text file in the web editor", "the portal"),
];

/// One cell of the table: somebody, and a folder made for this cell, with `file.txt` and `folder/inner.txt` in it.
struct Cell<'a> {
    who: &'a Client,
    owner: &'a Client,
    place: &'a str,
}

impl Cell<'_> {
    fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.place)
    }

    fn unlock_the_owners_lock(&self) -> Reply {
        let token = lock(self.owner, &self.at("file.txt")).status(200).header("lock-token").to_owned();
        self.who.ask("UNLOCK", &self.at("file.txt")).with("Lock-Token", token).send()
    }
}

/// A request of the table.
type Act = fn(&Cell) -> Reply;

/// The requests that a row stands for; each must answer what the row says. None for an unknown row.
fn acts(row: &str) -> Option<&'static [Act]> {
    Some(match row {
        "PROPFIND depth 1 on a folder" => &[|cell| cell.who.list(cell.place, Depth::One)],
        "REPORT sync-collection on the share" => &[|cell| {
            cell.who.ask("REPORT", cell.place).xml(
                r#"<D:sync-collection xmlns:D="DAV:"><D:sync-token/><D:sync-level>1</D:sync-level></D:sync-collection>"#,
            ).send()
        }],
        "PROPFIND depth 0 on a file" => &[|cell| cell.who.list(&cell.at("file.txt"), Depth::Zero)],
        "GET or HEAD a file" => {
            &[|cell| cell.who.get(&cell.at("file.txt")), |cell| cell.who.head(&cell.at("file.txt"))]
        }
        "PUT a new file" => &[|cell| cell.who.put(&cell.at("new.txt"), "new")],
        "MKCOL" => &[|cell| cell.who.mkcol(&cell.at("new"))],
        "PUT over an existing file" => &[|cell| cell.who.put(&cell.at("file.txt"), "newer")],
        "PROPPATCH a file" => {
            &[|cell| cell.who.set(&cell.at("file.txt"), r#"<colour xmlns="urn:example">red</colour>"#)]
        }
        "DELETE a file" => &[|cell| cell.who.delete(&cell.at("file.txt"))],
        "DELETE a folder" => &[|cell| cell.who.delete(&cell.at("folder"))],
        "MOVE a file inside the share" => &[
            |cell| cell.who.rename(&cell.at("file.txt"), &cell.at("renamed.txt")),
            |cell| cell.who.rename(&cell.at("file.txt"), &cell.at("folder/moved.txt")),
        ],
        "COPY a file inside the share" => &[|cell| cell.who.copy(&cell.at("file.txt"), &cell.at("copy.txt"))],
        "LOCK an unmapped URL" => &[|cell| lock(cell.who, &cell.at("unmapped.txt"))],
        "LOCK an existing file" => &[|cell| lock(cell.who, &cell.at("file.txt"))],
        "ACL on a file" => &[|cell| cell.who.ask("ACL", &cell.at("file.txt")).xml(r#"<D:acl xmlns:D="DAV:"/>"#).send()],
        "UNLOCK another user's lock" => &[|cell| cell.unlock_the_owners_lock()],
        _ => return None,
    })
}

/// The commands that a row stands for where no request does, in the name of whoever is asked about: the words, and where in
/// the cell. A command that does it counts as 200, one that denies it as 403, one to which nothing is there as 404.
fn command(row: &str) -> Option<(&'static [&'static str], &'static str, &'static [&'static str])> {
    Some(match row {
        "trim a file's revisions" => (&["revision", "trim"], "file.txt", &["--keep", "0"]),
        "purge a trashed file" => (&["trash", "purge"], "trashed.txt", &[]),
        "list the trash of the share" => (&["trash", "list"], "", &[]),
        "restore a trashed file" => (&["trash", "restore"], "trashed.txt", &[]),
        _ => return None,
    })
}

/// Every role on the rows that are commands, each in a folder of its own with a file that has a revision, and one in the trash.
#[test]
fn every_role_gets_the_answers_of_the_table_from_the_commands_too() {
    let site = Site::start();
    let [owner] = site.team("Projects", [("olga", "co-owner")]);
    let mut lines = ORACLE.lines();
    let roles: Vec<&str> = lines.next().expect("a line of headings").split(',').skip(1).collect();
    for role in &roles {
        site.user(&format!("the-{role}"));
        if *role != "not-subscribed" {
            site.cli(&["share", "subscribe", "Projects", "--user", &format!("the-{role}"), "--role", role]).ok();
        }
    }
    let (mut checked, mut wrong) = (0, Vec::new());
    for line in lines {
        let mut cells = line.split(',');
        let row = cells.next().expect("a row begins with its request");
        let Some((words, name, more)) = command(row) else { continue };
        for (status, role) in cells.zip(&roles) {
            let place = format!("/Projects/cell-{checked}");
            owner.mkcol(&place).status(201);
            owner.put(&format!("{place}/file.txt"), "old").status(201);
            owner.put(&format!("{place}/file.txt"), "new").status(204);
            owner.put(&format!("{place}/trashed.txt"), "trashed").status(201);
            owner.delete(&format!("{place}/trashed.txt")).status(204);
            let (who, path) = (format!("the-{role}"), format!("{place}/{name}"));
            let path = path.trim_end_matches('/');
            let ran = site.cli(&[&["--as", &who], words, &[path], more].concat());
            let is_missing = ["there is no", "nothing deleted is known"].iter().any(|text| ran.stderr.contains(text));
            let found = match ran.code {
                Some(0) => "200",
                Some(1) if is_missing => "404",
                Some(1) => "403",
                _ => "broken",
            };
            if found != status {
                wrong.push(format!("{row}, {role}: {status} expected: {ran:#?}"));
            }
            let trashed = super::history::trash(&site, &[&place]).len();
            let gone = found == "200" && name == "trashed.txt";
            if trashed != usize::from(!gone) {
                wrong.push(format!("{row}, {role}: {trashed} in the trash"));
            }
            checked += 1;
        }
    }
    assert!(wrong.is_empty(), "{} of {checked} cells are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(checked, 4 * 8);
}

/// An exclusive write lock, for longer than any test.
fn lock(who: &Client, path: &str) -> Reply {
    let body = r#"<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>"#;
    who.ask("LOCK", path).with("Timeout", "Second-600").xml(body).send()
}

#[test]
fn every_role_gets_exactly_the_answers_of_the_table() {
    let site = Site::start();
    let mut lines = ORACLE.lines();
    let roles: Vec<&str> = lines.next().expect("a line of headings").split(',').skip(1).collect();
    let [owner] = site.team("Projects", [("olga", "co-owner")]);
    let people: Vec<Client> = roles
        .iter()
        .map(|role| {
            let person = site.user(&format!("the-{role}"));
            if *role != "not-subscribed" {
                site.cli(&["share", "subscribe", "Projects", "--user", &person.name, "--role", role]).ok();
            }
            person
        })
        .collect();
    owner.mkcol("/Projects/pattern").status(201);
    owner.put("/Projects/pattern/file.txt", "old").status(201);
    owner.mkcol("/Projects/pattern/folder").status(201);
    owner.put("/Projects/pattern/folder/inner.txt", "inner").status(201);

    let (mut checked, mut wrong) = (0, Vec::new());
    for line in lines {
        let mut cells = line.split(',');
        let row = cells.next().expect("a row begins with its request");
        let Some(acts) = acts(row) else {
            let known = command(row).is_some();
            assert!(
                known || LATER.iter().any(|(later, _)| *later == row),
                "the row `{row}` is neither sent nor put off"
            );
            continue;
        };
        for ((cell, role), person) in cells.zip(&roles).zip(&people) {
            let (status, note) = cell.split_once(' ').unwrap_or((cell, ""));
            for act in acts {
                let place = format!("/Projects/cell-{checked}");
                owner.copy("/Projects/pattern", &place).status(201);
                let before = state_of(&owner, &place);
                let reply = act(&Cell { who: person, owner: &owner, place: &place });
                checked += 1;
                let case = format!("{row}, {role}: {cell} expected");
                if reply.answer.status.to_string() != status {
                    wrong.push(format!("{case}, {}", reply.told()));
                    continue;
                }
                if reply.answer.status >= 400 && state_of(&owner, &place) != before {
                    wrong.push(format!("{case}, refused, yet something changed"));
                }
                if reply.answer.status == 403
                    && !reply.request.starts_with("HEAD")
                    && !reply.text().contains("need-privileges")
                {
                    wrong.push(format!("{case}, the refusal doesn't name the privilege: {}", reply.told()));
                }
                if status == "207" && row.starts_with("PROPFIND depth 1") {
                    let members = [format!("{place}/"), format!("{place}/file.txt"), format!("{place}/folder/")];
                    let seen = |path: &&String| note != "(folders only)" || path.ends_with('/');
                    if reply.paths() != members.iter().filter(seen).cloned().collect::<Vec<_>>() {
                        wrong.push(format!("{case}, listed {:?}", reply.paths()));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {checked} cells are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(checked, 18 * 8, "16 rows, two of them sent in two ways, by eight people");
}

/// Every path below a folder with its ETag and its dead property.
fn state_of(owner: &Client, place: &str) -> BTreeMap<String, (String, bool)> {
    let asked = asking_for(&["{DAV:}getetag", "{urn:example}colour"]);
    let listed = owner.propfind(place, Depth::Infinity, &asked).multistatus();
    let state_at = |path: String| {
        let response = listed.at(&path);
        let coloured = response.status_of("{urn:example}colour") == Some(200);
        (path, (response.value(&dav("getetag")).to_owned(), coloured))
    };
    listed.paths().into_iter().map(state_at).collect()
}

/// A request about a path.
type Ask = fn(&Client, &str) -> Reply;

#[test]
fn what_a_stranger_may_not_see_answers_like_what_does_not_exist() {
    let site = Site::start();
    let [owner, uploader] = site.team("Projects", [("olga", "co-owner"), ("ulf", "uploader")]);
    let stranger = site.user("sam");
    owner.put("/Projects/secret.txt", "secret").status(201);
    owner.mkcol("/Projects/folder").status(201);

    let acts: &[Ask] = &[
        |who, path| who.get(path),
        |who, path| who.head(path),
        |who, path| who.ask("GET", path).with("Accept", "text/html").send(),
        |who, path| who.ask("GET", path).with("If-None-Match", "*").send(),
        |who, path| who.list(path, Depth::Zero),
        |who, path| who.list(path, Depth::Infinity),
        |who, path| who.set(path, r#"<colour xmlns="urn:example">red</colour>"#),
        |who, path| who.delete(path),
        |who, path| who.ask("DELETE", path).with("If-Match", "*").send(),
    ];
    let takes: &[Ask] =
        &[|who, path| who.copy(path, "/Projects/stolen.txt"), |who, path| who.rename(path, "/Projects/stolen.txt")];
    let alike = |who: &Client, ask: &Ask, (hidden, missing): (&str, &str)| {
        let [on_hidden, on_missing] = [hidden, missing].map(|path| ask(who, path));
        assert_eq!(on_hidden.answer.status, 404, "{}", on_hidden.told());
        assert_eq!(outline(&on_hidden, hidden), outline(&on_missing, missing), "{}", on_hidden.told());
    };
    for act in acts {
        alike(&stranger, act, ("/Projects/secret.txt", "/Nonesuch/secret.txt"));
        alike(&stranger, act, ("/Projects", "/Nonesuch"));
        alike(&stranger, act, ("/Projects/folder/", "/Nonesuch/folder/"));
        alike(&uploader, act, ("/Projects/secret.txt", "/Projects/absent.txt"));
    }
    for act in takes {
        alike(&stranger, act, ("/Projects/secret.txt", "/Nonesuch/secret.txt"));
        alike(&uploader, act, ("/Projects/secret.txt", "/Projects/absent.txt"));
    }
    let writes: &[Ask] = &[|who, path| who.put(path, "mine"), |who, path| who.mkcol(path), lock];
    for act in writes {
        alike(&stranger, act, ("/Projects/secret.txt", "/Nonesuch/secret.txt"));
        alike(&stranger, act, ("/Projects/new.txt", "/Nonesuch/new.txt"));
        let [on_hidden, on_missing] = ["/Projects", "/Nonesuch"].map(|path| act(&stranger, path));
        assert_eq!(outline(&on_hidden, "/Projects"), outline(&on_missing, "/Nonesuch"), "{}", on_hidden.told());
    }
    owner.get("/Projects/secret.txt").status(200).body("secret");
}

/// What an answer gives away: status, header names, and the body without the path that was asked for.
fn outline(reply: &Reply, path: &str) -> (u16, Vec<String>, String) {
    let mut names: Vec<String> = reply.answer.headers.iter().map(|(name, _)| name.to_lowercase()).collect();
    names.sort();
    let name = path.trim_matches('/').split('/').next_back().expect("a split gives a part").to_owned();
    let text = reply.text().replace(path.trim_end_matches('/'), "PATH").replace(&name, "NAME");
    (reply.answer.status, names, text)
}

#[test]
fn the_root_lists_only_the_shares_of_the_caller() {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "viewer")]);
    let [ben] = site.team("Accounts", [("ben", "co-owner")]);
    assert_eq!(ana.list("/", Depth::One).paths(), ["/", "/Home/", "/Projects/"]);
    assert_eq!(ben.list("/", Depth::One).paths(), ["/", "/Accounts/", "/Home/"]);
    assert_eq!(site.user("sam").list("/", Depth::One).paths(), ["/", "/Home/"]);
    let page = ana.ask("GET", "/").with("Accept", "text/html").send().status(200);
    assert!(page.text().contains("Projects") && !page.text().contains("Accounts"), "{}", page.told());
}

#[test]
fn nobody_makes_or_deletes_a_share_through_the_drive() {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.put("/Projects/a.txt", "a").status(201);
    ana.mkcol("/Plans").status(403);
    ana.put("/plan.txt", "p").status(403);
    ana.delete("/Projects").status(403);
    ana.delete("/Projects/").status(403);
    ana.delete("/").status(403);
    ana.rename("/Projects", "/Plans").status(403);
    ana.rename("/Projects/a.txt", "/a.txt").status(403);
    ana.copy("/Projects", "/Plans").status(403);
    ana.copy("/Projects/a.txt", "/a.txt").status(403);
    ana.mkcol("/Projects").status(405);
    assert_eq!(ana.list("/", Depth::Infinity).paths(), ["/", "/Home/", "/Projects/", "/Projects/a.txt"]);
}

#[test]
fn an_uploader_may_add_files_but_not_see_them() {
    let site = Site::start();
    let [owner, uploader, other] =
        site.team("Projects", [("olga", "co-owner"), ("ulf", "uploader"), ("uma", "uploader")]);
    owner.put("/Projects/taken.txt", "old").status(201);
    uploader.put("/Projects/taken.txt", "mine").status(403).condition("need-privileges");
    uploader.put("/Projects/TAKEN.TXT", "mine").status(403);
    owner.get("/Projects/taken.txt").status(200).body("old");

    uploader.put("/Projects/report.txt", "from ulf").status(201);
    uploader.get("/Projects/report.txt").status(404);
    other.put("/Projects/report.txt", "from uma").status(403);
    owner.get("/Projects/report.txt").status(200).body("from ulf");

    uploader.mkcol("/Projects/inbox").status(201);
    uploader.put("/Projects/inbox/b.txt", "b").status(201);
    assert_eq!(uploader.list("/Projects", Depth::Infinity).paths(), ["/Projects/", "/Projects/inbox/"]);
    // The page for people shows files, so it needs `list`.
    let page = uploader.ask("GET", "/Projects/").with("Accept", "text/html").send().status(403);
    assert!(!page.text().contains("report.txt"), "{}", page.told());
}

#[test]
fn an_uploader_may_finish_the_file_he_has_just_made() {
    let site = Site::start();
    let [owner, uploader] = site.team("Projects", [("olga", "co-owner"), ("ulf", "uploader")]);
    // Windows and macOS make an empty file, write it, then set its times.
    uploader.put("/Projects/report.txt", "").status(201);
    uploader.put("/Projects/report.txt", "whole").status(204);
    uploader.set("/Projects/report.txt", r#"<colour xmlns="urn:example">red</colour>"#).status(207);
    owner.get("/Projects/report.txt").status(200).body("whole");
}

#[test]
fn a_changed_role_holds_from_the_next_request() {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "editor")]);
    ana.put("/Projects/a.txt", "v1").status(201);
    site.cli(&["share", "subscribe", "Projects", "--user", "ana", "--role", "viewer"]).ok();
    ana.put("/Projects/a.txt", "v2").status(403).condition("need-privileges");
    ana.get("/Projects/a.txt").status(200).body("v1");
    site.cli(&["share", "subscribe", "Projects", "--user", "ana", "--role", "previewer"]).ok();
    ana.get("/Projects/a.txt").status(403);
    site.cli(&["share", "subscribe", "Projects", "--user", "ana", "--role", "editor"]).ok();
    ana.put("/Projects/a.txt", "v2").status(204);
    site.cli(&["share", "unsubscribe", "Projects", "--user", "ana"]).ok();
    ana.get("/Projects/a.txt").status(404);
    assert_eq!(ana.list("/", Depth::One).paths(), ["/", "/Home/"]);
}

#[test]
fn a_subscription_without_a_role_makes_a_collaborator() {
    let site = Site::start();
    let [owner] = site.team("Projects", [("olga", "co-owner")]);
    let ana = site.user("ana");
    site.cli(&["share", "subscribe", "Projects", "--user", "ana"]).ok();
    owner.put("/Projects/a.txt", "v1").status(201);
    ana.put("/Projects/a.txt", "v2").status(204);
    ana.delete("/Projects/a.txt").status(204);
    site.cli(&["explain", "ana", "/Projects", "share"]).exits(0);
    site.cli(&["explain", "ana", "/Projects", "owner"]).exits(3);
}

#[test]
fn a_group_brings_its_members_in_and_out_also_through_a_group() {
    let site = Site::start();
    let [owner] = site.team("Projects", [("olga", "co-owner")]);
    let ana = site.user("ana");
    for group in ["Sales", "Europe"] {
        site.cli(&["group", "add", group]).ok();
    }
    site.cli(&["group", "member", "add", "Sales", "--group", "Europe"]).ok();
    site.cli(&["group", "member", "add", "Europe", "--user", "ana"]).ok();
    owner.put("/Projects/a.txt", "v1").status(201);
    ana.get("/Projects/a.txt").status(404);
    site.cli(&["share", "subscribe", "Projects", "--group", "Sales", "--role", "viewer"]).ok();
    ana.get("/Projects/a.txt").status(200).body("v1");
    ana.put("/Projects/a.txt", "v2").status(403);
    site.cli(&["group", "member", "remove", "Europe", "--user", "ana"]).ok();
    ana.get("/Projects/a.txt").status(404);
}

#[test]
fn two_roles_of_one_person_add_up() {
    let site = Site::start();
    let [owner, ana] = site.team("Projects", [("olga", "co-owner"), ("ana", "uploader")]);
    owner.put("/Projects/a.txt", "v1").status(201);
    site.cli(&["group", "add", "Readers"]).ok();
    site.cli(&["group", "member", "add", "Readers", "--user", "ana"]).ok();
    site.cli(&["share", "subscribe", "Projects", "--group", "Readers", "--role", "previewer"]).ok();
    // Uploader alone sees no file, Previewer alone makes none; read comes with neither.
    assert_eq!(ana.list("/Projects", Depth::One).paths(), ["/Projects/", "/Projects/a.txt"]);
    ana.put("/Projects/b.txt", "b").status(201);
    ana.get("/Projects/a.txt").status(403);
}

#[test]
fn options_allows_what_the_role_allows() {
    let site = Site::start();
    let [owner, viewer] = site.team("Projects", [("olga", "co-owner"), ("vic", "viewer")]);
    owner.put("/Projects/a.txt", "v1").status(201);
    let allowed = |who: &Client| {
        let reply = who.ask("OPTIONS", "/Projects/a.txt").send().status(200);
        let allow: Vec<String> = reply.list("Allow").iter().map(|verb| (*verb).to_owned()).collect();
        ["GET", "PROPFIND", "PUT", "DELETE", "PROPPATCH", "MOVE"].map(|verb| allow.contains(&verb.to_owned()))
    };
    assert_eq!(allowed(&owner), [true; 6]);
    assert_eq!(allowed(&viewer), [true, true, false, false, false, false]);
}

/// A policy that is off stops a verb whose permission is held, and says so; administrators of the share are not capped.
#[test]
fn the_policy_against_locking_stops_every_lock_but_an_administrators() {
    let site = Site::start();
    let [ana, ben] = site.team("Projects", [("ana", "co-owner"), ("ben", "viewer")]);
    let root = site.client("root", "the root of all rights");
    ana.put("/Projects/plan.docx", "plan").status(201);
    site.cli(&["share", "set", "Projects", "--auto-lock", "on"]).ok();
    site.cli(&["org", "set", "Acme", "--policy", "user_lock_files=off"]).ok();

    let refused = lock(&ana, "/Projects/plan.docx").status(403);
    assert!(refused.text().contains("user_lock_files"), "{}", refused.text());
    assert!(!refused.text().contains("need-privileges"), "no privilege would help");
    lock(&ana, "/Projects/new.docx").status(403);
    lock(&ana, "/Projects").status(403);
    // Who may not write is told that first.
    lock(&ben, "/Projects/plan.docx").status(403).condition("need-privileges");
    ana.put("/Projects/plan.docx", "written all the same").status(204);
    // Opening a document takes no lock either.
    ana.put("/Projects/~$plan.docx", "ana").status(201);
    assert_eq!(site.cli(&["lock", "list", "--json"]).ok().json(), serde_json::json!([]));
    lock(&root, "/Projects/plan.docx").status(200);

    site.cli(&["org", "set", "Acme", "--policy", "user_lock_files=on"]).ok();
    lock(&ana, "/Projects/new.docx").status(201);
}
