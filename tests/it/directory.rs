//! A real organization: organizations as a tree, departments, groups of their own, users who come and go.

use serde_json::{Value, json};

use crate::locks::lock;
use crate::site::{Client, Depth, Site, asking_for, password_of};

/// Rows T14, T20, F6.
#[test]
fn a_deactivated_organization_ends_the_access_of_all_below_it_at_the_next_request() {
    let site = Site::start();
    site.cli(&["org", "add", "Labs", "--parent", "Acme"]).ok();
    site.cli(&["org", "add", "Optics", "--parent", "Labs"]).ok();
    site.cli(&["share", "add", "Lenses", "--org", "Optics"]).ok();
    let ana = site.user_of("ana", &["--org", "Optics"]);
    site.cli(&["share", "subscribe", "Lenses", "--user", "ana"]).ok();
    let ben = site.user("ben");
    let by_password = site.client("ana", &password_of("ana"));
    for client in [&ana, &by_password] {
        client.put("/Lenses/a.txt", "kept").status_in(&[201, 204]);
    }
    site.cli(&["org", "deactivate", "Labs"]).ok();
    for client in [&ana, &by_password] {
        client.get("/Lenses/a.txt").status(401);
    }
    ben.get("/").status(200);
    let shown = site.cli(&["org", "show", "Optics", "--json"]).ok().json();
    assert_eq!((&shown["active"], &shown["open"]), (&json!(true), &json!(false)), "{shown}");
    // One level alone doesn't open what is closed above.
    site.cli(&["org", "activate", "Optics"]).ok();
    ana.get("/Lenses/a.txt").status(401);
    site.cli(&["org", "activate", "Labs"]).ok();
    ana.get("/Lenses/a.txt").status(200).body("kept");
    // An organization's share is gone for who comes from elsewhere, too: here for the site's administrator.
    let root = site.client("root", "the root of all rights");
    root.get("/Lenses/a.txt").status(200);
    site.cli(&["org", "deactivate", "Optics"]).ok();
    root.get("/Lenses/a.txt").status(404);
}

#[test]
fn the_last_administrator_of_a_site_stays() {
    let site = Site::start();
    for command in
        [&["user", "disable", "root"][..], &["user", "remove", "root"], &["user", "set", "root", "--admin", "off"]]
    {
        assert!(site.cli(command).says_why_not().contains("without an administrator"), "{command:?}");
    }
    assert!(site.cli(&["org", "deactivate", "Acme"]).says_why_not().contains("without an administrator"));
    site.user("eva");
    site.cli(&["user", "set", "eva", "--admin", "on"]).ok();
    site.cli(&["user", "disable", "root"]).ok();
    site.cli(&["user", "disable", "eva"]).says_why_not();
    site.cli(&["user", "enable", "root"]).ok();
    site.cli(&["user", "disable", "eva"]).ok();
}

#[test]
fn an_organization_has_as_many_active_users_as_it_may() {
    let site = Site::start();
    site.cli(&["org", "add", "Labs", "--users-max", "2"]).ok();
    let add = |name: &str, more: &[&str]| site.cli(&[&["user", "add", name, "--org", "Labs"], more].concat());
    add("ana", &[]).ok();
    add("ben", &[]).ok();
    assert!(add("eva", &[]).says_why_not().contains("2 active users"));
    // Guests don't count, and who is disabled makes room.
    add("gus", &["--guest"]).ok();
    site.cli(&["user", "disable", "ana"]).ok();
    add("eva", &[]).ok();
    assert!(site.cli(&["user", "enable", "ana"]).says_why_not().contains("2 active users"));
    site.cli(&["org", "set", "Labs", "--users-max", "none"]).ok();
    site.cli(&["user", "enable", "ana"]).ok();
    let row = site.cli(&["org", "show", "Labs", "--json"]).ok().json();
    assert_eq!((&row["users"], &row["users_max"]), (&json!(3), &Value::Null), "{row}");
}

#[test]
fn names_of_organizations_are_unique_in_any_letter_case() {
    let site = Site::start();
    site.cli(&["org", "add", "Labs"]).ok();
    for (command, why) in [
        (&["org", "add", "LABS"][..], "taken"),
        (&["org", "add", "Acme/Labs"], "organization name"),
        (&["org", "add", "More", "--parent", "Nowhere"], "no organization `Nowhere`"),
        (&["org", "set", "Labs", "--rename", "acme"], "taken"),
        (&["org", "show", "Nowhere"], "no organization `Nowhere`"),
        (&["user", "add", "ana", "--org", "Nowhere"], "no organization `Nowhere`"),
    ] {
        assert!(site.cli(command).says_why_not().contains(why), "{command:?}");
    }
    site.cli(&["org", "set", "Labs", "--rename", "labs"]).ok();
    let mut above = "labs".to_owned();
    for level in 2..=8 {
        let name = format!("Level {level}");
        site.cli(&["org", "add", &name, "--parent", &above]).ok();
        above = name;
    }
    assert!(site.cli(&["org", "add", "Too deep", "--parent", &above]).says_why_not().contains("deeper than 8"));
    let names = names(&site, &["org", "list"]);
    assert_eq!(names.len(), 9, "{names:?}");
}

/// Row F7: a member of a part is a member of the whole, and All Users is computed.
#[test]
fn a_member_of_a_department_is_in_all_users_of_it_and_of_those_above() {
    let site = Site::start();
    site.cli(&["department", "add", "Sales"]).ok();
    site.cli(&["department", "add", "Sales/North"]).ok();
    let [ana, ben] = ["ana", "ben"].map(|name| site.user(name));
    site.cli(&["department", "member", "add", "sales/north", "--user", "ana"]).ok();
    for (share, group) in [("All", "All Users"), ("Whole", "Sales/All Users"), ("Part", "Sales/North/All Users")] {
        site.cli(&["share", "add", share]).ok();
        site.cli(&["share", "subscribe", share, "--group", group, "--role", "editor"]).ok();
    }
    assert_eq!(shares(&ana), ["All", "Part", "Whole"]);
    assert_eq!(shares(&ben), ["All"]);
    let told = site.cli(&["explain", "ana", "/Whole", "list"]).exits(0).stdout;
    assert!(told.contains("Sales/North/All Users") && told.contains("Sales/All Users"), "{told}");
    // What follows from membership ends with it, at the next request.
    site.cli(&["department", "member", "remove", "Sales/North", "--user", "ana"]).ok();
    assert_eq!(shares(&ana), ["All"]);
    site.cli(&["department", "member", "remove", "Sales/North", "--user", "ana"]).says_why_not();
    // A guest is in none of them.
    let gus = site.user_of("gus", &["--guest"]);
    assert_eq!(shares(&gus), Vec::<String>::new());
    assert!(site.cli(&["department", "member", "add", "Sales", "--user", "gus"]).says_why_not().contains("guest"));
    // Nobody puts a member into a computed group, and no group is made or removed in its place.
    for (command, why) in [
        (&["group", "member", "add", "All Users", "--user", "ana"][..], "follow from"),
        (&["group", "member", "add", "Sales/Administrators", "--user", "gus"], "guest"),
        (&["group", "member", "add", "Administrators", "--group", "Sales/All Users"], "only users"),
        (&["group", "add", "all users"], "taken"),
        (&["group", "add", "Administrators", "--department", "Sales"], "taken"),
        (&["group", "remove", "Sales/All Users"], "built in"),
    ] {
        assert!(site.cli(command).says_why_not().contains(why), "{command:?}");
    }
    let shown = site.cli(&["user", "show", "ben", "--json"]).ok().json();
    assert_eq!(shown["groups"], json!([["All Users"]]), "{shown}");
}

#[test]
fn departments_are_nested_named_and_removed_when_empty() {
    let site = Site::start();
    for (path, why) in [
        ("Sales/North", Some("no department `Sales`")),
        ("Sales", None),
        ("SALES", Some("taken")),
        ("Sales/North", None),
        ("Sales//South", Some("no department `Sales/`")),
        ("/Sales", Some("no department")),
        ("Sales/..", Some("department name")),
        ("1/2/3/4/5/6/7/8/9", Some("no department")),
    ] {
        let ran = site.cli(&["department", "add", path]);
        match why {
            None => drop(ran.ok()),
            Some(why) => {
                let told = ran.says_why_not();
                assert!(told.contains(why), "{path}: {told}");
            }
        }
    }
    let mut path = "Sales".to_owned();
    for level in 2..=8 {
        path.push_str(&format!("/{level}"));
        site.cli(&["department", "add", &path]).ok();
    }
    assert!(site.cli(&["department", "add", &format!("{path}/9")]).says_why_not().contains("deeper than 8"));
    site.user("dora");
    site.cli(&["department", "add", "Finance", "--admin", "dora"]).ok();
    let listed = site.cli(&["department", "list", "--json"]).ok().json();
    let paths: Vec<&str> = listed.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(paths[..4], ["Finance", "Sales", "Sales/2", "Sales/2/3"], "{listed}");
    assert_eq!(listed[0]["administrators"], json!(["dora"]), "{listed}");
    // Only what is empty goes, and says what is in it.
    site.cli(&["share", "add", "Books", "--department", "Finance"]).ok();
    for (command, why) in [
        (&["department", "remove", "Sales"][..], "the department `Sales/"),
        (&["department", "remove", "Finance"], "the share `Books`"),
    ] {
        let told = site.cli(command).says_why_not();
        assert!(told.contains(why), "{command:?}: {told}");
    }
    site.cli(&["share", "set", "Books", "--department", "none"]).ok();
    site.cli(&["group", "add", "Clerks", "--department", "Finance"]).ok();
    assert!(site.cli(&["department", "remove", "Finance"]).says_why_not().contains("the group `Clerks`"));
    site.cli(&["group", "remove", "Finance/Clerks"]).ok();
    site.cli(&["department", "remove", "Finance"]).ok();
    assert!(site.cli(&["department", "show", "Finance"]).says_why_not().contains("no department"));
    // A department's group has a name of its own, also one that the organization has.
    site.cli(&["group", "add", "Team"]).ok();
    site.cli(&["group", "add", "Team", "--department", "Sales"]).ok();
    let groups = names(&site, &["group", "list"]);
    assert!(groups.contains(&"Team".to_owned()) && groups.contains(&"Sales/Team".to_owned()), "{groups:?}");
}

#[test]
fn what_belongs_to_another_organization_stays_outside() {
    let site = Site::start();
    site.cli(&["org", "add", "Labs"]).ok();
    site.cli(&["user", "add", "lea", "--org", "Labs"]).ok();
    site.cli(&["group", "add", "Team"]).ok();
    site.cli(&["group", "add", "Team", "--org", "Labs"]).ok();
    site.cli(&["department", "add", "Sales"]).ok();
    site.cli(&["share", "add", "Projects"]).ok();
    for command in [
        &["group", "member", "add", "Team", "--user", "lea"][..],
        &["department", "member", "add", "Sales", "--user", "lea"],
        &["share", "subscribe", "Projects", "--user", "lea"],
        &["share", "add", "Plans", "--owner", "lea"],
    ] {
        assert!(site.cli(command).says_why_not().contains("another organization"), "{command:?}");
    }
    site.cli(&["group", "member", "add", "Team", "--user", "lea", "--org", "Labs"]).ok();
    assert_eq!(names(&site, &["group", "list", "--org", "Labs"]), ["Administrators", "All Users", "Team"]);
    assert_eq!(names(&site, &["user", "list", "--org", "Labs"]), ["lea"]);
}

/// Row T20: nothing is lost when somebody leaves.
#[test]
fn a_removed_user_is_out_of_everything_and_the_home_is_kept() {
    let site = Site::start();
    let [ana, ben] = site.team("Projects", [("ana", "co-owner"), ("ben", "editor")]);
    ben.put("/Projects/of ben.txt", "stays").status(201);
    ben.put("/Home/diary.txt", "stays, too").status(201);
    assert!(site.cli(&["user", "remove", "ana"]).says_why_not().contains("last co-owner of `Projects`"));
    site.cli(&["grant", "add", "/Projects/of ben.txt", "--user", "ben", "--level", "read"]).ok();
    site.cli(&["lock", "add", "/Projects/of ben.txt", "--user", "ben"]).ok();
    let told = site.cli(&["user", "remove", "ben"]).ok().stdout;
    assert!(told.contains("home and its name are kept"), "{told}");
    ben.get("/Projects/").status(401);
    site.client("ben", &password_of("ben")).get("/").status(401);
    ana.put("/Projects/of ben.txt", "stays").status(204);
    ana.get("/Projects/of ben.txt").status(200).body("stays");
    let shown = site.cli(&["share", "show", "Projects"]).ok().stdout;
    assert!(!shown.contains("ben"), "{shown}");
    // The name is his as long as there is something under it.
    assert!(site.cli(&["user", "add", "ben"]).says_why_not().contains("taken"));
    for command in [
        &["share", "subscribe", "Projects", "--user", "ben"][..],
        &["user", "remove", "ben"],
        &["user", "set", "ben", "--admin", "on"],
    ] {
        assert!(site.cli(command).says_why_not().contains("was removed"), "{command:?}");
    }
    let listed = site.cli(&["user", "list", "--json"]).ok().json();
    let row = listed.as_array().unwrap().iter().find(|row| row["name"] == "ben").expect("the name is kept").clone();
    assert_eq!((&row["removed"], &row["enabled"]), (&json!(true), &json!(false)));
    // Back again: the home is as it was, the share is not.
    site.cli(&["user", "enable", "ben"]).ok();
    let ben = site.client("ben", &site.app_password("ben", "drive"));
    ben.get("/Home/diary.txt").status(200).body("stays, too");
    ben.get("/Projects/of ben.txt").status(404);
    // Nothing in the home: the name is free, and the next of that name finds nothing of the first.
    site.user("eva");
    assert!(site.cli(&["user", "remove", "eva"]).ok().stdout.contains("the name is free"));
    let eva = site.user("eva");
    eva.get("/Home/").status(200);
    site.cli(&["user", "remove", "ana"]).says_why_not();
    site.is_consistent();
}

#[test]
fn a_removed_group_takes_what_was_given_to_it_along() {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    let ben = site.user("ben");
    site.cli(&["group", "add", "Team"]).ok();
    site.cli(&["group", "member", "add", "Team", "--user", "ben"]).ok();
    site.cli(&["share", "subscribe", "Projects", "--group", "Team", "--role", "co-owner"]).ok();
    site.cli(&["share", "unsubscribe", "Projects", "--user", "ana"]).ok();
    ana.get("/Projects/").status(404);
    assert!(site.cli(&["group", "remove", "Team"]).says_why_not().contains("last co-owner of `Projects`"));
    ben.get("/Projects/").status(200);
    site.cli(&["share", "subscribe", "Projects", "--user", "ana", "--role", "co-owner"]).ok();
    site.cli(&["group", "remove", "Team"]).ok();
    ben.get("/Projects/").status(404);
    assert!(site.cli(&["group", "show", "Team"]).says_why_not().contains("no group"));
}

/// Rows T14 and F6: the size limit counts everything of the organization and of those below, each byte once.
#[test]
fn an_organization_takes_no_more_than_its_size_limit() {
    let site = Site::start();
    site.cli(&["org", "set", "Acme", "--quota", "1000"]).ok();
    site.cli(&["org", "add", "Labs", "--parent", "Acme"]).ok();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    let lea = site.user_of("lea", &["--org", "Labs"]);
    site.cli(&["share", "add", "Lenses", "--org", "Labs", "--owner", "lea"]).ok();
    ana.put("/Projects/a.bin", vec![0; 400]).status(201);
    lea.put("/Lenses/b.bin", vec![0; 300]).status(201);
    ana.put("/Home/c.bin", vec![0; 200]).status(201);
    let refused = lea.put("/Home/d.bin", vec![0; 200]).status(507).condition("quota-not-exceeded");
    assert!(refused.text().contains("room for 100 bytes"), "{}", refused.told());
    ana.copy("/Projects/a.bin", "/Projects/copy.bin").status(507);
    lea.put("/Home/d.bin", vec![0; 100]).status(201);
    lea.put("/Home/e.bin", vec![0; 1]).status(507);
    // The tightest limit on the way up counts, the share's own among them; what is left is told as the drive's room.
    site.cli(&["org", "set", "Acme", "--quota", "2000"]).ok();
    site.cli(&["org", "set", "Labs", "--quota", "700"]).ok();
    site.cli(&["share", "set", "Lenses", "--quota", "350"]).ok();
    lea.put("/Lenses/f.bin", vec![0; 51]).status(507);
    lea.put("/Lenses/f.bin", vec![0; 50]).status(201);
    lea.put("/Home/g.bin", vec![0; 251]).status(507);
    let room = lea.propfind("/Home", Depth::Zero, &asking_for(&["{DAV:}quota-available-bytes"])).status(207);
    assert!(room.text().contains(">250<"), "{}", room.told());
    ana.put("/Projects/h.bin", vec![0; 900]).status(201);
    // Less than is used stops writing and loses nothing.
    site.cli(&["org", "set", "Acme", "--quota", "10"]).ok();
    ana.put("/Projects/i.bin", vec![0; 1]).status(507);
    ana.get("/Projects/h.bin").status(200);
    ana.delete("/Projects/h.bin").status(204);
    site.cli(&["org", "set", "Acme", "--quota", "none"]).ok();
    ana.put("/Projects/i.bin", vec![0; 5000]).status(201);
    let shown = site.cli(&["org", "show", "Acme", "--json"]).ok().json();
    assert_eq!(shown["used_bytes"], json!(400 + 200 + 300 + 50 + 100 + 900 + 5000), "{shown}");
    site.is_consistent();
}

/// Row T14: of each policy the nearest organization upward has the word.
#[test]
fn policies_are_inherited_until_an_organization_says_otherwise() {
    let site = Site::start();
    site.cli(&["org", "add", "Labs", "--parent", "Acme"]).ok();
    let on = |org: &str, policy: &str| {
        let shown = site.cli(&["org", "show", org, "--json"]).ok().json();
        let policies = shown["policies"].as_array().expect("policies").clone();
        let row = policies.iter().find(|row| row["name"] == policy).expect("the policy").clone();
        (row["on"].as_bool().unwrap(), row["own"].as_bool().unwrap())
    };
    assert_eq!(on("Labs", "admin_browse_files"), (false, false), "the default");
    assert_eq!(on("Labs", "user_lock_files"), (true, false), "the default");
    site.cli(&["org", "set", "Acme", "--policy", "user_lock_files=off", "--policy", "admin_browse_files=on"]).ok();
    assert_eq!(on("Labs", "user_lock_files"), (false, false));
    site.cli(&["org", "set", "Labs", "--policy", "user_lock_files=on"]).ok();
    assert_eq!((on("Labs", "user_lock_files"), on("Acme", "user_lock_files")), ((true, true), (false, true)));
    site.cli(&["org", "set", "Labs", "--policy", "user_lock_files=inherit"]).ok();
    assert_eq!(on("Labs", "user_lock_files"), (false, false));
    let told = site.cli(&["org", "set", "Labs", "--policy", "fly=on"]).exits(2).stderr;
    assert!(told.contains("no policy `fly`") && told.contains("user_lock_files"), "{told}");
    site.cli(&["org", "set", "Labs", "--policy", "user_lock_files=maybe"]).exits(2);
    // And it caps what people do, at the next request; administrators are not capped.
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.put("/Projects/a.txt", "x").status(201);
    lock(&ana, "/Projects/a.txt").send().status(403);
    site.cli(&["org", "set", "Acme", "--policy", "user_lock_files=on"]).ok();
    lock(&ana, "/Projects/a.txt").send().status(200);
}

#[test]
fn a_guest_has_no_home_and_others_have() {
    let site = Site::start();
    let (ana, gus) = (site.user("ana"), site.user_of("gus", &["--guest"]));
    ana.put("/Home/a.txt", "mine").status(201);
    gus.get("/Home/").status(404);
    gus.put("/Home/a.txt", "mine").status_in(&[403, 404, 409]);
    site.cli(&["share", "add", "Home"]).says_why_not();
    site.cli(&["share", "add", "shared WITH me"]).says_why_not();
}

/// The names in a list.
fn names(site: &Site, list: &[&str]) -> Vec<String> {
    let rows = site.cli(&[list, &["--json"]].concat()).ok().json();
    rows.as_array().expect("a list").iter().map(|row| row["name"].as_str().expect("a name").to_owned()).collect()
}

/// The team shares that somebody finds at the root.
pub fn shares(client: &Client) -> Vec<String> {
    let paths = client.list("/", Depth::One).status(207).paths();
    let names = paths.iter().map(|path| path.trim_matches('/').to_owned());
    names.filter(|name| !["", "Home", "Shared with me"].contains(&name.as_str())).collect()
}
