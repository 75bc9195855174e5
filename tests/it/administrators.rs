//! How far administrators reach: of the site, of an organization, of a department; co-owners; everybody for himself. Row F8.

use serde_json::json;

use crate::directory::shares;
use crate::site::{Client, Ran, Site};

/// Acme with Sales (North below it) and Finance, and Labs below Acme. Olga administers Acme, dora Sales; ann is in
/// Sales/North, fay in Finance, sam in both Sales and Finance, lea in Labs; the site is root's.
fn organization() -> Site {
    let site = Site::start();
    site.cli(&["org", "add", "Labs", "--parent", "Acme"]).ok();
    for department in ["Sales", "Sales/North", "Finance"] {
        site.cli(&["department", "add", department]).ok();
    }
    for name in ["olga", "dora", "ann", "fay", "sam"] {
        site.cli(&["user", "add", name]).ok();
    }
    site.cli(&["user", "add", "lea", "--org", "Labs"]).ok();
    for (department, name) in [("Sales/North", "ann"), ("Finance", "fay"), ("Sales", "sam"), ("Finance", "sam")] {
        site.cli(&["department", "member", "add", department, "--user", name]).ok();
    }
    site.cli(&["group", "member", "add", "Administrators", "--user", "olga"]).ok();
    site.cli(&["group", "member", "add", "Sales/Administrators", "--user", "dora"]).ok();
    for share in [&["Offers", "--department", "Sales"][..], &["Books", "--department", "Finance"], &["Common"]] {
        site.cli(&[&["share", "add"], share].concat()).ok();
    }
    site.cli(&["share", "add", "Lenses", "--org", "Labs"]).ok();
    site
}

fn acting(site: &Site, who: &str, words: &[&str]) -> Ran {
    site.cli(&[&["--as", who], words].concat())
}

/// All of these are within reach.
#[track_caller]
fn may(site: &Site, who: &str, commands: &[&[&str]]) {
    for words in commands {
        acting(site, who, words).ok();
    }
}

/// None of these is, and the answer says so.
#[track_caller]
fn may_not(site: &Site, who: &str, commands: &[&[&str]]) {
    for words in commands {
        let told = acting(site, who, words).says_why_not();
        assert!(told.contains(&format!("`{who}` does not administer")), "{words:?}: {told}");
    }
}

#[test]
fn an_administrator_of_a_department_reaches_it_and_what_is_below() {
    let site = organization();
    may(
        &site,
        "dora",
        &[
            &["user", "add", "new", "--department", "Sales/North"],
            &["user", "set", "ann", "--display", "Ann"],
            &["user", "set", "new", "--new-password"],
            &["user", "disable", "ann"],
            &["user", "enable", "ann"],
            &["user", "app-password", "ann", "--label", "drive"],
            &["user", "show", "ann"],
            &["device", "add", "ann", "notebook"],
            &["department", "add", "Sales/South", "--admin", "ann"],
            &["department", "member", "add", "Sales/South", "--user", "ann"],
            &["department", "member", "remove", "Sales/South", "--user", "ann"],
            &["group", "member", "remove", "Sales/South/Administrators", "--user", "ann"],
            &["department", "remove", "Sales/South"],
            &["group", "add", "Team", "--department", "Sales"],
            &["group", "member", "add", "Sales/Team", "--user", "fay"],
            &["group", "member", "add", "Sales/Administrators", "--user", "ann"],
            &["group", "remove", "Sales/Team"],
            &["share", "add", "Bids", "--department", "Sales/North"],
            &["share", "subscribe", "Offers", "--user", "fay"],
            &["share", "set", "Offers", "--auto-lock", "on"],
            &["share", "channel", "Offers", "--user", "fay", "--webdav", "off"],
            &["share", "unsubscribe", "Offers", "--user", "fay"],
            &["share", "deactivate", "Offers"],
            &["share", "activate", "Offers"],
            &["share", "show", "Offers"],
            &["user", "remove", "new"],
        ],
    );
    may_not(
        &site,
        "dora",
        &[
            &["user", "add", "more"],
            &["user", "add", "more", "--department", "Finance"],
            &["user", "add", "more", "--department", "Sales", "--admin"],
            &["user", "set", "fay", "--display", "F"],
            &["user", "disable", "fay"],
            &["user", "show", "fay"],
            // Whoever had sam's password would have the books, too.
            &["user", "set", "sam", "--new-password"],
            &["user", "app-password", "sam", "--label", "drive"],
            &["device", "add", "sam", "notebook"],
            &["user", "app-password", "olga", "--label", "drive"],
            &["user", "set", "root", "--new-password"],
            &["user", "set", "ann", "--admin", "on"],
            &["department", "add", "More"],
            &["department", "add", "Finance/More"],
            // Whom she brought in would be in her hands.
            &["department", "member", "add", "Sales", "--user", "fay"],
            &["department", "remove", "Sales"],
            &["department", "show", "Finance"],
            &["group", "add", "More"],
            &["group", "member", "add", "Administrators", "--user", "dora"],
            &["group", "member", "add", "Finance/Administrators", "--user", "dora"],
            &["group", "show", "Administrators"],
            &["share", "add", "More", "--department", "Finance"],
            &["share", "add", "More", "--public"],
            &["share", "subscribe", "Books", "--user", "dora"],
            &["share", "subscribe", "Common", "--user", "dora"],
            &["share", "set", "Offers", "--department", "Finance"],
            &["share", "set", "Offers", "--department", "none"],
            &["share", "show", "Books"],
            &["org", "add", "More"],
            &["org", "set", "Acme", "--policy", "admin_browse_files=on"],
            &["org", "deactivate", "Acme"],
            &["org", "show", "Acme"],
        ],
    );
    // Lists show what is within reach.
    assert_eq!(listed(&site, "dora", &["user", "list"]), ["ann"]);
    assert_eq!(listed(&site, "dora", &["share", "list"]), ["Bids", "Offers"]);
    assert_eq!(listed(&site, "dora", &["department", "list"]), ["Sales", "Sales/North"]);
    assert_eq!(listed(&site, "dora", &["org", "list"]), Vec::<String>::new());
    // Ann administers Sales now as dora does, so the two have each other in hand, and nobody else more.
    may(&site, "ann", &[&["group", "member", "remove", "Sales/Administrators", "--user", "dora"]]);
    may_not(&site, "dora", &[&["share", "set", "Offers", "--auto-lock", "off"]]);
}

#[test]
fn an_administrator_of_an_organization_reaches_it_and_those_below() {
    let site = organization();
    may(
        &site,
        "olga",
        &[
            &["user", "add", "new"],
            &["user", "add", "more", "--org", "Labs"],
            &["user", "set", "sam", "--new-password"],
            &["user", "disable", "dora"],
            &["user", "enable", "dora"],
            &["user", "disable", "lea"],
            &["department", "add", "Legal"],
            &["department", "member", "add", "Sales", "--user", "fay"],
            &["group", "add", "Team", "--org", "Labs"],
            &["group", "member", "add", "Administrators", "--user", "fay"],
            &["share", "add", "Notices", "--public"],
            &["share", "subscribe", "Books", "--user", "olga"],
            &["share", "set", "Offers", "--department", "Finance"],
            &["org", "set", "Acme", "--policy", "user_lock_files=off"],
            &["org", "add", "More", "--parent", "Labs"],
            &["org", "set", "Labs", "--users-max", "5"],
            &["org", "deactivate", "Labs"],
            &["org", "activate", "Labs"],
        ],
    );
    may_not(
        &site,
        "olga",
        &[
            &["user", "add", "evil", "--admin"],
            &["user", "set", "olga", "--admin", "on"],
            &["user", "set", "root", "--new-password"],
            &["user", "disable", "root"],
            &["user", "app-password", "root", "--label", "drive"],
            &["org", "add", "Other"],
            // What an organization may be is said above it.
            &["org", "set", "Acme", "--quota", "none"],
            &["org", "deactivate", "Acme"],
        ],
    );
    site.cli(&["org", "add", "Others"]).ok();
    site.cli(&["user", "add", "otto", "--org", "Others"]).ok();
    site.cli(&["share", "add", "Theirs", "--org", "Others"]).ok();
    may_not(
        &site,
        "olga",
        &[
            &["user", "add", "evil", "--org", "Others"],
            &["user", "disable", "otto"],
            &["group", "add", "Team", "--org", "Others"],
            &["share", "set", "Theirs", "--auto-lock", "on"],
            &["org", "set", "Others", "--policy", "admin_browse_files=on"],
        ],
    );
    assert_eq!(listed(&site, "olga", &["org", "list"]), ["Acme", "Labs", "More"]);
    // Of the site everything.
    may(
        &site,
        "root",
        &[
            &["user", "set", "olga", "--admin", "on"],
            &["user", "disable", "otto"],
            &["org", "set", "Acme", "--users-max", "50"],
            &["share", "set", "Theirs", "--auto-lock", "on"],
        ],
    );
}

#[test]
fn a_user_makes_a_share_and_manages_it_as_its_co_owner() {
    let site = organization();
    may(&site, "fay", &[&["share", "add", "Plans", "--description", "mine"]]);
    let shown = site.cli(&["share", "show", "Plans", "--json"]).ok().json();
    assert_eq!(
        (&shown["subscribers"][0]["user"], &shown["subscribers"][0]["role"]),
        (&json!("fay"), &json!("co-owner"))
    );
    may(
        &site,
        "fay",
        &[
            &["share", "subscribe", "Plans", "--user", "ann", "--role", "viewer"],
            &["share", "channel", "Plans", "--user", "ann", "--webdav", "off"],
            &["share", "set", "Plans", "--auto-lock", "on"],
        ],
    );
    may_not(&site, "fay", &[&["share", "set", "Plans", "--quota", "none"]]);
    may_not(&site, "ann", &[&["share", "subscribe", "Plans", "--user", "ann", "--role", "co-owner"]]);
    assert!(
        acting(&site, "fay", &["share", "unsubscribe", "Plans", "--user", "fay"])
            .says_why_not()
            .contains("last co-owner")
    );
    // A closed channel of her own is no obstacle: the office is not the door.
    may(&site, "fay", &[&["share", "subscribe", "Plans", "--user", "sam", "--role", "co-owner"]]);
    site.cli(&["org", "set", "Acme", "--policy", "users_may_grant=off"]).ok();
    assert!(
        acting(&site, "sam", &["share", "unsubscribe", "Plans", "--user", "fay"])
            .says_why_not()
            .contains("users_may_grant")
    );
    may(&site, "sam", &[&["share", "set", "Plans", "--auto-lock", "off"]]);
    site.cli(&["org", "set", "Acme", "--policy", "users_may_grant=on"]).ok();
    may(&site, "sam", &[&["share", "unsubscribe", "Plans", "--user", "fay"]]);
    may_not(&site, "fay", &[&["share", "set", "Plans", "--auto-lock", "off"]]);
    site.cli(&["org", "set", "Acme", "--policy", "user_create_shares=off"]).ok();
    assert!(acting(&site, "fay", &["share", "add", "More"]).says_why_not().contains("user_create_shares"));
    may(&site, "olga", &[&["share", "add", "More"]]);
    site.cli(&["org", "set", "Acme", "--policy", "user_create_shares=on"]).ok();
    site.cli(&["user", "add", "gus", "--guest"]).ok();
    assert!(acting(&site, "gus", &["share", "add", "Mine"]).says_why_not().contains("guest"));
}

#[test]
fn everybody_has_his_own_account_in_hand_and_no_other() {
    let site = organization();
    may(
        &site,
        "fay",
        &[
            &["user", "app-password", "fay", "--label", "drive"],
            &["user", "app-password", "fay", "--list"],
            &["user", "app-password", "fay", "--revoke", "drive"],
            &["device", "add", "fay", "notebook"],
            &["device", "list", "fay"],
            &["device", "remove", "fay", "notebook"],
            &["user", "set", "fay", "--display", "Fay", "--new-password"],
            &["user", "show", "fay"],
        ],
    );
    may_not(
        &site,
        "fay",
        &[
            &["user", "app-password", "ann", "--label", "drive"],
            &["user", "app-password", "ann", "--list"],
            &["user", "disable", "fay"],
            &["user", "remove", "fay"],
            &["user", "show", "ann"],
            &["user", "set", "fay", "--admin", "on"],
            &["device", "list", "ann"],
        ],
    );
    // Who couldn't log in can do nothing; what only the site's owner does is done in nobody's name.
    site.cli(&["user", "disable", "fay"]).ok();
    assert!(acting(&site, "fay", &["user", "show", "fay"]).says_why_not().contains("disabled"));
    assert!(acting(&site, "nobody", &["user", "list"]).says_why_not().contains("no user `nobody`"));
    assert!(acting(&site, "root", &["verify"]).says_why_not().contains("--as"));
}

/// The law: an organization's administrator manages, but reads only where he was let, or where the policy says so.
#[test]
fn an_administrator_reads_by_the_policy_alone() {
    let site = organization();
    let olga = site.client("olga", &site.app_password("olga", "drive"));
    let dora = site.client("dora", &site.app_password("dora", "drive"));
    let root: Client = site.client("root", "the root of all rights");
    assert_eq!(shares(&olga), Vec::<String>::new());
    assert_eq!(shares(&root), ["Books", "Common", "Lenses", "Offers"]);
    root.put("/Common/a.txt", "read me").status(201);
    site.cli(&["org", "set", "Acme", "--policy", "admin_browse_files=on"]).ok();
    assert_eq!(shares(&olga), ["Books", "Common", "Lenses", "Offers"]);
    olga.get("/Common/a.txt").status(200);
    olga.put("/Common/a.txt", "changed").status(403);
    assert_eq!(shares(&dora), Vec::<String>::new(), "it is for the organization's administrators");
    site.cli(&["org", "set", "Labs", "--policy", "admin_browse_files=off"]).ok();
    assert_eq!(shares(&olga), ["Books", "Common", "Offers"]);
    site.cli(&["group", "member", "remove", "Administrators", "--user", "olga"]).ok();
    olga.get("/Common/a.txt").status(404);
}

/// Row F4: a public folder is the organization's and has no owner.
#[test]
fn a_public_folder_has_no_owner_and_shows_to_whom_it_is_given() {
    let site = organization();
    let ann = site.client("ann", &site.app_password("ann", "drive"));
    site.cli(&["share", "add", "Notices", "--public"]).ok();
    site.cli(&["share", "add", "Mine", "--public", "--owner", "ann"]).exits(2);
    ann.get("/Notices/").status(404);
    site.cli(&["share", "subscribe", "Notices", "--group", "All Users", "--role", "viewer"]).ok();
    ann.get("/Notices/").status(200);
    ann.put("/Notices/a.txt", "x").status(403);
    // Nobody owns it, so the last to leave leaves.
    site.cli(&["share", "unsubscribe", "Notices", "--group", "All Users"]).ok();
    ann.get("/Notices/").status(404);
    let row = site.cli(&["share", "show", "Notices", "--json"]).ok().json();
    assert_eq!((&row["kind"], &row["organization"]), (&json!("public folder"), &json!("Acme")));
}

/// The names in a list as somebody sees it.
#[track_caller]
fn listed(site: &Site, who: &str, list: &[&str]) -> Vec<String> {
    let rows = acting(site, who, &[list, &["--json"]].concat()).ok().json();
    rows.as_array().expect("a list").iter().map(|row| row["name"].as_str().expect("a name").to_owned()).collect()
}
