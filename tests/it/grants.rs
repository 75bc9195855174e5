//! Grants on folders and files: what they give and refuse, how they are inherited, what a granted path shows, homes and
//! what others find of them, and what moves, copies and deletions make of all that.

use crate::site::{Client, Depth, Reply, Site};

/// Ana owns `Projects`; ben has nothing. In it: plans/2027/budget.txt, plans/notes.txt, salaries/ana.txt.
fn projects() -> (Site, Client, Client) {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    let ben = site.user("ben");
    for folder in ["plans", "plans/2027", "salaries"] {
        ana.mkcol(&format!("/Projects/{folder}")).status(201);
    }
    for file in ["plans/2027/budget.txt", "plans/notes.txt", "salaries/ana.txt"] {
        ana.put(&format!("/Projects/{file}"), file).status(201);
    }
    (site, ana, ben)
}

#[track_caller]
fn grant(site: &Site, words: &[&str]) {
    site.cli(&[&["grant"], words].concat()).ok();
}

fn everything(who: &Client) -> Vec<String> {
    who.list("/", Depth::Infinity).paths()
}

#[test]
fn a_grant_on_a_folder_shows_the_way_to_it_and_nothing_else() {
    let (site, ana, ben) = projects();
    assert_eq!(everything(&ben), ["/", "/Home/"]);
    grant(&site, &["add", "/Projects/plans/2027", "--user", "ben", "--level", "read"]);
    let way =
        ["/", "/Home/", "/Projects/", "/Projects/plans/", "/Projects/plans/2027/", "/Projects/plans/2027/budget.txt"];
    assert_eq!(everything(&ben), way);
    assert_eq!(ben.list("/Projects", Depth::One).paths(), ["/Projects/", "/Projects/plans/"]);
    assert_eq!(ben.list("/Projects/plans", Depth::One).paths(), ["/Projects/plans/", "/Projects/plans/2027/"]);
    ben.get("/Projects/plans/2027/budget.txt").status(200).body("plans/2027/budget.txt");
    for hidden in ["/Projects/plans/notes.txt", "/Projects/salaries", "/Projects/salaries/ana.txt"] {
        ben.get(hidden).status(404);
        ben.list(hidden, Depth::Zero).status(404);
        ben.delete(hidden).status(404);
    }
    // The way is seen and no more: nothing is made, renamed or read on it.
    ben.put("/Projects/plans/new.txt", "x").status(403);
    ben.mkcol("/Projects/new").status(403);
    ben.ask("GET", "/Projects/plans/").with("Accept", "text/html").send().status(403);
    ben.put("/Projects/plans/2027/budget.txt", "x").status(403).condition("need-privileges");

    grant(&site, &["add", "/Projects/plans/2027", "--user", "ben", "--role", "editor"]);
    ben.put("/Projects/plans/2027/budget.txt", "v2").status(204);
    ben.put("/Projects/plans/2027/more.txt", "more").status(201);
    ana.get("/Projects/plans/2027/more.txt").status(200).body("more");

    grant(&site, &["remove", "/Projects/plans/2027", "--user", "ben"]);
    ben.get("/Projects/plans/2027/budget.txt").status(404);
    assert_eq!(everything(&ben), ["/", "/Home/"]);
}

#[test]
fn a_single_file_can_be_granted() {
    let (site, _ana, ben) = projects();
    grant(&site, &["add", "/Projects/plans/notes.txt", "--user", "ben", "--allow", "read,write"]);
    assert_eq!(ben.list("/Projects/plans", Depth::One).paths(), ["/Projects/plans/", "/Projects/plans/notes.txt"]);
    ben.get("/Projects/plans/notes.txt").status(200);
    ben.put("/Projects/plans/notes.txt", "by ben").status(204);
    ben.delete("/Projects/plans/notes.txt").status(403);
    ben.rename("/Projects/plans/notes.txt", "/Home/notes.txt").status(403);
}

#[test]
fn a_deny_hides_a_folder_and_an_allow_nearer_brings_a_part_of_it_back() {
    let (site, _ana, ben) = projects();
    site.cli(&["share", "subscribe", "Projects", "--user", "ben", "--role", "editor"]).ok();
    let all =
        "owner,delete,share,sync,view,print,read,write,web-edit,list,list-folders,create,delete-child,rename-child";
    grant(&site, &["add", "/Projects/plans", "--user", "ben", "--deny", all]);
    let left = ["/Projects/", "/Projects/salaries/", "/Projects/salaries/ana.txt"];
    assert_eq!(ben.list("/Projects", Depth::Infinity).paths(), left);
    for path in ["/Projects/plans", "/Projects/plans/notes.txt", "/Projects/plans/2027/budget.txt"] {
        ben.get(path).status(404);
        ben.put(&format!("{path}/x"), "x").status(409);
    }
    grant(&site, &["add", "/Projects/plans/2027", "--user", "ben", "--level", "read"]);
    let more = ["/Projects/", "/Projects/plans/", "/Projects/plans/2027/", "/Projects/plans/2027/budget.txt"];
    assert_eq!(ben.list("/Projects", Depth::Infinity).paths()[..4], more);
    ben.get("/Projects/plans/2027/budget.txt").status(200);
    ben.get("/Projects/plans/notes.txt").status(404);
    // At one folder the deny wins, whoever it came through.
    grant(&site, &["add", "/Projects/plans/2027", "--user", "ben", "--deny", "read"]);
    ben.get("/Projects/plans/2027/budget.txt").status(403);
}

#[test]
fn a_folder_that_does_not_inherit_starts_from_its_own_grants() {
    let (site, ana, ben) = projects();
    site.cli(&["share", "subscribe", "Projects", "--user", "ben", "--role", "collaborator"]).ok();
    ben.get("/Projects/salaries/ana.txt").status(200);
    grant(&site, &["add", "/Projects/salaries", "--user", "ana", "--role", "co-owner"]);
    grant(&site, &["inherit", "/Projects/salaries", "off"]);
    ben.get("/Projects/salaries/ana.txt").status(404);
    assert!(!ben.list("/Projects", Depth::One).paths().contains(&"/Projects/salaries/".to_owned()));
    ana.get("/Projects/salaries/ana.txt").status(200);
    grant(&site, &["add", "/Projects/salaries", "--user", "ben", "--level", "read"]);
    ben.get("/Projects/salaries/ana.txt").status(200);
    ben.put("/Projects/salaries/ana.txt", "x").status(403);
    grant(&site, &["remove", "/Projects/salaries", "--user", "ben"]);
    grant(&site, &["inherit", "/Projects/salaries", "on"]);
    ben.put("/Projects/salaries/ana.txt", "x").status(204);
    site.cli(&["grant", "inherit", "/Projects", "off"]).says_why_not();
}

#[test]
fn groups_and_guests_can_be_granted_to() {
    let (site, _ana, ben) = projects();
    site.cli(&["group", "add", "Sales"]).ok();
    site.cli(&["group", "member", "add", "Sales", "--user", "ben"]).ok();
    grant(&site, &["add", "/Projects/plans", "--group", "Sales", "--role", "viewer"]);
    ben.get("/Projects/plans/notes.txt").status(200);
    site.cli_with_input(&["user", "add", "gil", "--guest", "--password-stdin"], "the guest of the house\n").ok();
    let gil = site.client("gil", &site.app_password("gil", "drive"));
    assert_eq!(everything(&gil), ["/"]);
    grant(&site, &["add", "/Projects/plans/notes.txt", "--user", "gil", "--level", "read"]);
    gil.get("/Projects/plans/notes.txt").status(200);
    assert_eq!(everything(&gil), ["/", "/Projects/", "/Projects/plans/", "/Projects/plans/notes.txt"]);
}

#[test]
fn everybody_has_a_home_and_nobody_else_is_in_it() {
    let (site, ana, ben) = projects();
    ana.put("/Home/diary.txt", "dear").status(201);
    ana.mkcol("/Home/Reports").status(201);
    ben.get("/Home/diary.txt").status(404);
    ben.get("/Shared%20with%20me/ana/diary.txt").status(404);
    assert_eq!(everything(&ben), ["/", "/Home/"]);
    // Not even an administrator of the site.
    let root = site.client("root", "the root of all rights");
    assert!(!everything(&root).iter().any(|path| path.contains("diary")));
    // What is at the fixed levels is neither made nor changed.
    ana.mkcol("/Home").status(405);
    ana.delete("/Home").status(403);
    ana.rename("/Home", "/House").status(403);
    ana.mkcol("/Shared with me").status(403);
    ana.put("/Shared with me/x", "x").status(403);
    ana.copy("/Home/diary.txt", "/Shared with me/diary.txt").status(403);
    // A home is a share like others: things move between them.
    ana.copy("/Home/diary.txt", "/Projects/diary.txt").status(201);
    ana.rename("/Projects/plans", "/Home/plans").status(201);
    ana.get("/Home/plans/2027/budget.txt").status(200);
    site.is_consistent();
}

#[test]
fn a_folder_that_its_owner_shares_is_found_at_the_next_look() {
    let (site, ana, ben) = projects();
    ana.mkcol("/Home/Reports").status(201);
    ana.put("/Home/Reports/may.txt", "may").status(201);
    ana.put("/Home/diary.txt", "dear").status(201);
    grant(&site, &["add", "~ana/Reports", "--user", "ben", "--level", "read-create"]);
    let shared = ["/Shared with me/", "/Shared with me/ana/"];
    assert_eq!(ben.list("/Shared with me", Depth::One).paths(), shared);
    let below = ["/Shared with me/ana/", "/Shared with me/ana/Reports/", "/Shared with me/ana/Reports/may.txt"];
    assert_eq!(ben.list("/Shared with me/ana", Depth::Infinity).paths(), below);
    assert_eq!(ben.list("/", Depth::One).paths(), ["/", "/Home/", "/Shared with me/"]);
    ben.get("/Shared with me/ana/Reports/may.txt").status(200).body("may");
    ben.get("/Shared with me/ana/diary.txt").status(404);
    ben.put("/Shared with me/ana/Reports/june.txt", "june").status(201);
    ana.get("/Home/Reports/june.txt").status(200).body("june");
    ben.delete("/Shared with me/ana").status(403);
    ben.delete("/Shared with me/ana/Reports").status(403);
    let page = ben.ask("GET", "/Shared with me/").with("Accept", "text/html").send().status(200);
    assert!(page.text().contains("ana/"), "{}", page.told());
    // The owner can't be kept out of his own home.
    grant(&site, &["add", "~ana/Reports", "--user", "ana", "--deny", "read,write,list"]);
    grant(&site, &["inherit", "~ana/Reports", "off"]);
    ana.get("/Home/Reports/may.txt").status(200);
    grant(&site, &["remove", "~ana/Reports", "--user", "ben"]);
    assert_eq!(ben.list("/", Depth::One).paths(), ["/", "/Home/"]);
    ben.list("/Shared with me", Depth::One).status(404);
}

#[test]
fn everything_of_somebody_can_be_granted_in_four_forms() {
    let site = Site::start();
    let [ana, ben, cleo] = ["ana", "ben", "cleo"].map(|name| site.user(name));
    for (group, member) in [("Sales", "ana"), ("Bosses", "ben")] {
        site.cli(&["group", "add", group]).ok();
        site.cli(&["group", "member", "add", group, "--user", member]).ok();
    }
    ana.put("/Home/a.txt", "a").status(201);
    cleo.put("/Home/c.txt", "c").status(201);
    let file = "/Shared with me/ana/a.txt";
    for (target, to, name) in [
        ("ana", "--user", "ben"),
        ("ana", "--group", "Bosses"),
        ("Sales", "--user", "ben"),
        ("Sales", "--group", "Bosses"),
    ] {
        ben.get(file).status(404);
        grant(&site, &["user", target, to, name, "--level", "read"]);
        ben.get(file).status(200).body("a");
        ben.put(file, "b").status(403);
        assert_eq!(ben.list("/Shared with me", Depth::Infinity).paths().len(), 3);
        grant(&site, &["user", target, to, name, "--level", "read-create-edit"]);
        ben.put(file, "a").status(204);
        ben.delete(file).status(403);
        grant(&site, &["user", target, to, name, "--level", "none"]);
    }
    ben.get(file).status(404);
    cleo.get(file).status(404);
    site.cli(&["grant", "user", "ana", "--user", "ben", "--level", "none"]).says_why_not();

    // As on a single folder, nobody of another organization is let in, nor is anybody let into what lies there.
    site.cli(&["org", "add", "Globex"]).ok();
    site.cli_with_input(&["user", "add", "gus", "--org", "Globex", "--password-stdin"], "the password of gus\n").ok();
    for (target, to, name) in [("ana", "--user", "gus"), ("gus", "--user", "ben"), ("gus", "--group", "Bosses")] {
        let why = site.cli(&["grant", "user", target, to, name, "--level", "read"]).says_why_not();
        assert!(why.contains("organization"), "{target} to {name}: {why}");
    }
}

#[test]
fn a_move_takes_grants_along_and_a_copy_does_not() {
    let (site, ana, ben) = projects();
    grant(&site, &["add", "/Projects/plans/2027", "--user", "ben", "--level", "read"]);
    ben.get("/Projects/plans/2027/budget.txt").status(200);
    ana.rename("/Projects/plans", "/Projects/salaries/plans").status(201);
    ben.get("/Projects/plans/2027/budget.txt").status(404);
    ben.get("/Projects/salaries/plans/2027/budget.txt").status(200);
    ana.copy("/Projects/salaries/plans", "/Projects/copy").status(201);
    ben.get("/Projects/copy/2027/budget.txt").status(404);
    ana.get("/Projects/copy/2027/budget.txt").status(200);
    // Also into another share, where the way to it shows at once.
    ana.rename("/Projects/salaries/plans/2027", "/Home/2027").status(201);
    ben.get("/Shared with me/ana/2027/budget.txt").status(200);
    ben.list("/Projects", Depth::Zero).status(404);
    // In the trash it is nobody's.
    ana.delete("/Home/2027").status(204);
    assert_eq!(everything(&ben), ["/", "/Home/"]);
    site.is_consistent();
}

#[test]
fn what_somebody_does_not_see_is_never_deleted_or_moved_through_its_folder() {
    let (site, ana, ben) = projects();
    site.cli(&["share", "subscribe", "Projects", "--user", "ben", "--role", "editor"]).ok();
    grant(&site, &["inherit", "/Projects/plans/2027", "off"]);
    let refused = ben.delete("/Projects/plans").status(403);
    assert!(!refused.text().contains("2027"), "{}", refused.told());
    ben.rename("/Projects/plans", "/Projects/salaries/plans").status(403);
    ben.rename("/Projects/plans", "/Home/plans").status(403);
    lock(&ben, "/Projects/plans", "infinity").status(403);
    lock(&ben, "/Projects/plans", "0").status(200);
    ana.get("/Projects/plans/2027/budget.txt").status(404);
    let root = site.client("root", "the root of all rights");
    root.get("/Projects/plans/2027/budget.txt").status(200);
    // Nothing stands in the way of a new name, nor of a copy of what is seen.
    ben.copy("/Projects/plans", "/Projects/copy").status(201);
    let copied = ["/Projects/copy/", "/Projects/copy/notes.txt"];
    assert_eq!(ana.list("/Projects/copy", Depth::Infinity).paths(), copied);
    // Onto it: what stands there would be deleted with what isn't seen.
    ben.copy("/Projects/salaries", "/Projects/plans").status(403);
    ben.delete("/Projects/copy").status(204);
    site.is_consistent();
}

#[test]
fn what_somebody_sees_but_may_not_take_is_named_and_keeps_the_whole_in_place() {
    let (site, ana, ben) = projects();
    site.cli(&["share", "subscribe", "Projects", "--user", "ben", "--role", "editor"]).ok();
    grant(&site, &["add", "/Projects/plans/2027", "--user", "ben", "--deny", "delete,delete-child,write"]);
    let blocked = |reply: Reply| {
        let multistatus = reply.multistatus();
        assert_eq!(multistatus.paths(), ["/Projects/plans/2027/", "/Projects/plans/2027/budget.txt"]);
        assert!(multistatus.responses.values().all(|response| response.status == Some(403)), "{}", reply.told());
    };
    blocked(ben.delete("/Projects/plans"));
    blocked(ben.rename("/Projects/plans", "/Projects/salaries/plans"));
    blocked(lock(&ben, "/Projects/plans", "infinity"));
    ana.get("/Projects/plans/notes.txt").status(200);
    // What is seen and not read isn't copied, and what is in it is named.
    grant(&site, &["add", "/Projects/plans/2027", "--user", "ben", "--deny", "read,delete"]);
    let refused = ben.copy("/Projects/plans", "/Projects/copy");
    assert_eq!(refused.multistatus().paths(), ["/Projects/plans/2027/budget.txt"]);
    ana.get("/Projects/copy").status(404);
}

#[test]
fn a_lock_below_that_is_not_seen_is_not_told_of() {
    let (site, ana, ben) = projects();
    site.cli(&["share", "subscribe", "Projects", "--user", "ben", "--role", "editor"]).ok();
    grant(&site, &["add", "/Projects/plans/2027", "--user", "ana", "--role", "co-owner"]);
    grant(&site, &["inherit", "/Projects/plans/2027", "off"]);
    lock(&ana, "/Projects/plans/2027/budget.txt", "0").status(200);
    let refused = ben.rename("/Projects/plans", "/Projects/renamed").status(423);
    for word in ["2027", "budget", "ana"] {
        assert!(!refused.text().contains(word), "{}", refused.told());
    }
    let refused = ben.delete("/Projects/plans").status(403);
    assert!(!refused.text().contains("2027"), "{}", refused.told());
}

#[test]
fn grants_are_listed_and_taken_away_by_the_command_line() {
    let (site, ana, _ben) = projects();
    ana.mkcol("/Home/Reports").status(201);
    grant(&site, &["add", "/Projects/plans", "--user", "ben", "--role", "editor"]);
    grant(&site, &["add", "/Projects/plans", "--user", "ben", "--deny", "delete,share"]);
    grant(&site, &["add", "~ana/Reports", "--user", "ben", "--level", "read"]);
    grant(&site, &["inherit", "/Projects/salaries", "off"]);
    grant(&site, &["user", "ana", "--user", "ben", "--level", "read"]);
    let rows = site.cli(&["grant", "list", "--json"]).ok().json();
    let told: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let what = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
            [what("path"), what("to"), what("name"), what("effect"), what("role"), what("level")].join(" ")
        })
        .collect();
    let expected = [
        "/Projects/plans user ben allow editor -",
        "/Projects/plans user ben deny - -",
        "/Projects/salaries - - inherit off - -",
        "~ana/Reports user ben allow - read",
        "~ana user ben allow - read",
    ];
    assert_eq!(told, expected);
    assert_eq!(rows[1]["permissions"], serde_json::json!(["delete", "share"]));
    let below = site.cli(&["grant", "list", "/Projects/plans", "--json"]).ok().json();
    assert_eq!(below.as_array().unwrap().len(), 2);
    grant(&site, &["remove", "/Projects/plans", "--user", "ben"]);
    assert_eq!(site.cli(&["grant", "list", "/Projects/plans", "--json"]).ok().json(), serde_json::json!([]));
    let why = site.cli(&["grant", "remove", "/Projects/plans", "--user", "ben"]).says_why_not();
    assert!(why.contains("no grant"), "{why}");
    site.cli(&["grant", "add", "/Projects/none", "--user", "ben", "--level", "read"]).says_why_not();
    site.cli(&["grant", "add", "/Projects/plans", "--user", "ben", "--level", "none"]).says_why_not();
    site.cli(&["grant", "add", "/Projects/plans", "--user", "ben", "--role", "king"]).says_why_not();
}

#[test]
fn the_last_co_owner_of_a_share_is_not_locked_out() {
    let (site, ana, _ben) = projects();
    for deny in ["owner", "owner,read"] {
        let why = site.cli(&["grant", "add", "/Projects", "--user", "ana", "--deny", deny]).says_why_not();
        assert!(why.contains("without anybody who may set the access"), "{why}");
    }
    grant(&site, &["add", "/Projects", "--user", "ben", "--role", "co-owner"]);
    grant(&site, &["add", "/Projects", "--user", "ana", "--deny", "owner"]);
    let why = site.cli(&["grant", "remove", "/Projects", "--user", "ben"]).says_why_not();
    assert!(why.contains("/Projects"), "{why}");
    let why = site.cli(&["grant", "add", "/Projects", "--user", "ben", "--level", "read"]).says_why_not();
    assert!(why.contains("/Projects"), "{why}");
    grant(&site, &["remove", "/Projects", "--user", "ana"]);
    grant(&site, &["remove", "/Projects", "--user", "ben"]);
    site.cli(&["explain", "ana", "/Projects", "owner"]).exits(0);
    ana.get("/Projects/plans/notes.txt").status(200);
}

#[test]
fn a_dry_run_says_who_gains_and_loses_what_and_changes_nothing() {
    let (site, ana, ben) = projects();
    site.cli(&["share", "subscribe", "Projects", "--user", "ben", "--role", "editor"]).ok();
    let token = lock(&ben, "/Projects/plans/notes.txt", "0").status(200).header("lock-token").to_owned();
    let outlook = |words: &[&str]| site.cli(&[&["grant"], words, &["--dry-run", "--json"]].concat()).ok().json();
    let names = |shifts: &serde_json::Value| -> Vec<String> {
        shifts.as_array().unwrap().iter().map(|shift| shift["user"].as_str().unwrap().to_owned()).collect()
    };
    let denied = outlook(&["add", "/Projects/plans", "--user", "ben", "--deny", "write,delete"]);
    assert_eq!((names(&denied["gains"]), names(&denied["loses"])), (vec![], vec!["ben".to_owned()]));
    assert_eq!(denied["loses"][0]["permissions"], serde_json::json!(["delete", "write"]));
    // plans, plans/2027, plans/2027/budget.txt, plans/notes.txt
    assert_eq!(denied["loses"][0]["items"], 4);
    assert_eq!(denied["loses"][0]["locks"][0]["path"], "/Projects/plans/notes.txt");
    ben.ask("UNLOCK", "/Projects/plans/notes.txt").with("Lock-Token", token).send().status(204);

    site.cli(&["group", "add", "Sales"]).ok();
    for name in ["cleo", "dan"] {
        site.user(name);
        site.cli(&["group", "member", "add", "Sales", "--user", name]).ok();
    }
    grant(&site, &["add", "/Projects/plans/2027", "--user", "dan", "--level", "read"]);
    let given = outlook(&["add", "/Projects/plans", "--group", "Sales", "--level", "read"]);
    assert_eq!(names(&given["gains"]), ["cleo", "dan"]);
    // Dan reads plans/2027 already.
    assert_eq!((&given["gains"][0]["items"], &given["gains"][1]["items"]), (&4.into(), &2.into()));
    let cut = outlook(&["inherit", "/Projects/salaries", "off"]);
    assert_eq!(names(&cut["loses"]), ["ana", "ben"]);
    let told = site.cli(&["grant", "add", "/Projects/salaries", "--user", "ben", "--deny", "read", "--dry-run"]).ok();
    assert_eq!(told.stdout.trim(), "ben would lose read on 2 items");
    let whole = outlook(&["user", "ana", "--user", "ben", "--level", "read"]);
    assert_eq!(names(&whole["gains"]), ["ben"]);
    let rows = site.cli(&["grant", "list", "--json"]).ok().json();
    assert_eq!(rows.as_array().unwrap().len(), 1, "{rows}");
    ana.get("/Projects/plans/notes.txt").status(200);
    ben.put("/Projects/plans/notes.txt", "as before").status(204);
}

#[test]
fn access_is_shown_of_a_user_and_of_a_path_with_where_it_comes_from() {
    let (site, ana, _ben) = projects();
    ana.mkcol("/Home/Reports").status(201);
    site.cli(&["group", "add", "Sales"]).ok();
    site.cli(&["group", "member", "add", "Sales", "--user", "ben"]).ok();
    site.cli(&["share", "subscribe", "Projects", "--group", "Sales", "--role", "viewer"]).ok();
    grant(&site, &["add", "/Projects/plans", "--user", "ben", "--role", "editor"]);
    grant(&site, &["add", "~ana/Reports", "--user", "ben", "--level", "read"]);
    let of_ben = site.cli(&["access", "--user", "ben", "--json"]).ok().json();
    let rows: Vec<_> = of_ben
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let best = row["best"].as_str().unwrap_or("-");
            let from: Vec<_> = row["from"].as_array().unwrap().iter().map(|f| f.as_str().unwrap()).collect();
            format!("{} {best}: {}", row["path"].as_str().unwrap(), from.join("; "))
        })
        .collect();
    let expected = [
        "/Home co-owner: the owner",
        "/Projects viewer: subscription, role `viewer`, through the group `Sales`",
        "/Projects/plans editor: role `editor` on `/Projects/plans`",
        "/Shared with me/ana -: ",
        "/Shared with me/ana/Reports viewer: level `read` on `/Shared with me/ana/Reports`",
    ];
    assert_eq!(rows, expected);
    let at_plans = site.cli(&["access", "--path", "/Projects/plans/notes.txt", "--json"]).ok().json();
    let people: Vec<_> = at_plans
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            format!(
                "{} {} {}",
                row["user"].as_str().unwrap(),
                row["best"].as_str().unwrap(),
                row["from"][0].as_str().unwrap()
            )
        })
        .collect();
    let expected = [
        "ana co-owner subscription, role `co-owner`",
        "ben editor role `editor` on `/Projects/plans`",
        "root co-owner a system administrator",
    ];
    assert_eq!(people, expected);
    let at_reports = site.cli(&["access", "--path", "~ana/Reports"]).ok();
    assert!(at_reports.stdout.contains("ben") && !at_reports.stdout.contains("root"), "{}", at_reports.stdout);
    let why = site.cli(&["explain", "ben", "/Shared with me/ana/Reports", "write"]).exits(3);
    assert!(why.stdout.contains("level `read`"), "{}", why.stdout);
    site.cli(&["explain", "ana", "/Home/Reports", "owner"]).exits(0);
    site.cli(&["explain", "ben", "/Home", "--channel", "device:none"]).says_why_not();
}

fn lock(who: &Client, path: &str, depth: &str) -> Reply {
    let body = r#"<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>"#;
    who.ask("LOCK", path).with("Depth", depth).xml(body).send()
}
