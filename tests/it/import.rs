//! Users and groups from CSV files: all or nothing, with the line of what is wrong.

use std::fs;

use serde_json::json;

use crate::directory::shares;
use crate::site::{Ran, Site};

fn site() -> Site {
    let site = Site::start();
    site.cli(&["department", "add", "Sales"]).ok();
    site.cli(&["department", "add", "Sales/North"]).ok();
    site.cli(&["group", "add", "Editors"]).ok();
    site
}

fn import(site: &Site, noun: &str, text: &[u8], options: &[&str]) -> Ran {
    let file = site.folder().join("table.csv");
    fs::write(&file, text).expect("the test owns the folder");
    site.cli(&[&[noun, "import", file.to_str().expect("a plain path")], options].concat())
}

fn users(site: &Site) -> Vec<String> {
    let rows = site.cli(&["user", "list", "--json"]).ok().json();
    rows.as_array().expect("a list").iter().map(|row| row["name"].as_str().expect("a name").to_owned()).collect()
}

const PEOPLE: &[u8] = b"name,display,email,guest,departments,groups
ana,Ana Lopes,ana@example.com,,Sales/North,Editors
ben,\"Ben, the \"\"second\"\"\",,no,Sales; Sales/North,
gus,,gus@example.net,yes,,
eva,=HYPERLINK(0),+1@x,,,
";

#[test]
fn a_file_of_users_is_imported_with_passwords_printed_once() {
    let site = site();
    site.cli(&["share", "add", "Offers"]).ok();
    site.cli(&["share", "subscribe", "Offers", "--group", "Sales/All Users"]).ok();
    let dry = import(&site, "user", PEOPLE, &["--dry-run"]).ok().stdout;
    assert!(dry.contains("would import 4 users") && dry.contains("nothing was changed"), "{dry}");
    assert_eq!(users(&site), ["root"]);
    let rows = import(&site, "user", PEOPLE, &["--json"]).ok().json();
    assert_eq!(users(&site), ["ana", "ben", "eva", "gus", "root"]);
    let password = |name: &str| {
        let row = rows.as_array().unwrap().iter().find(|row| row["name"] == name).expect("imported");
        row["password"].as_str().expect("made up").to_owned()
    };
    assert_eq!(shares(&site.client("ana", &password("ana"))), ["Offers"]);
    assert_eq!(shares(&site.client("eva", &password("eva"))), Vec::<String>::new());
    assert_ne!(password("ana"), password("ben"));
    // What looks like a formula is text, and so is what is quoted.
    let eva = site.cli(&["user", "show", "eva", "--json"]).ok().json();
    assert_eq!((&eva["display"], &eva["email"]), (&json!("=HYPERLINK(0)"), &json!("+1@x")));
    let ben = site.cli(&["user", "show", "ben", "--json"]).ok().json();
    assert_eq!(
        (&ben["display"], &ben["departments"]),
        (&json!("Ben, the \"second\""), &json!(["Sales", "Sales/North"]))
    );
    let ana = site.cli(&["user", "show", "ana", "--json"]).ok().json();
    assert!(ana["groups"].to_string().contains("Editors"), "{ana}");
    assert_eq!(site.cli(&["user", "show", "gus", "--json"]).ok().json()["guest"], json!(true));
    // A second time everybody is there already.
    let told = import(&site, "user", PEOPLE, &[]).says_why_not();
    assert!(told.contains("line 2: the name `ana` is taken"), "{told}");
    site.is_consistent();
}

#[test]
fn one_wrong_line_imports_nothing_and_is_named() {
    let site = site();
    for (text, why) in [
        (&b"name\nana\nANA\n"[..], "line 3: the name `ANA` is taken"),
        (b"name,departments\nana,\nben,Nowhere\n", "line 3: there is no department `Nowhere`"),
        (b"name,groups\nana,Nobody\n", "line 2: there is no group `Nobody`"),
        (b"name,guest\nana,perhaps\n", "line 2: `perhaps` is neither yes nor no"),
        (b"name,guest,departments\nana,yes,Sales\n", "line 2: `ana` is a guest"),
        (b"name\nana\n\"two\nlines\"\nben\n", "line 3: `two\\nlines` is no user name"),
        (b"name,password\nana,secret\n", "line 1: there is no column `password`"),
        (b"name,email\nana\n", "line 2: it has 1 cells"),
        (b"name\nana\n\xff\n", "line 3: it is no UTF-8"),
        (b"", "empty"),
    ] {
        let told = import(&site, "user", text, &[]).says_why_not();
        assert!(told.contains(why), "{why}: {told}");
        assert_eq!(users(&site), ["root"], "{why}");
    }
    // Several at once, each with its line.
    let told = import(&site, "user", b"name,groups\nana:x,\nben,Nobody\neva,\n", &["--dry-run"]).says_why_not();
    assert!(told.contains("nothing was imported") && told.contains("line 2: ") && told.contains("line 3: "), "{told}");
    site.cli(&["user", "import", "/nowhere.csv"]).says_why_not();
}

#[test]
fn a_file_of_groups_makes_them_and_adds_members() {
    let site = site();
    import(&site, "user", b"name\nana\nben\n", &["--without-passwords"]).ok();
    // As a spreadsheet with semicolons writes it; a group may be named before its own row.
    let text = "\u{feff}name;users;groups\r\nEveryone;;\"Editors; Sales/Team\"\r\nSales/Team;\"ana; ben\";\r\nEditors;ben;\r\n";
    let rows = import(&site, "group", text.as_bytes(), &["--json"]).ok().json();
    assert_eq!(rows[0], json!({"name": "Everyone", "new": true, "members": 2}));
    assert_eq!(rows[2], json!({"name": "Editors", "new": false, "members": 1}));
    let shown = site.cli(&["user", "show", "ana", "--json"]).ok().json();
    assert!(shown["groups"].to_string().contains(r#"["Sales/Team","Everyone"]"#), "{shown}");
    // Once more changes nothing; a circle or an unknown member does nothing at all.
    import(&site, "group", text.as_bytes(), &[]).ok();
    for (text, why) in [
        ("name,groups\nMore,\nSales/Team,Everyone\n", "line 3: the group would contain itself"),
        ("name,users\nMore,nobody\n", "line 2: there is no user `nobody`"),
        ("name\nMore\nNowhere/Team\n", "line 3: there is no department `Nowhere`"),
        ("name,users\nMore,\nAll Users,ana\n", "line 3: the members of `All Users` follow"),
    ] {
        let told = import(&site, "group", text.as_bytes(), &[]).says_why_not();
        assert!(told.contains(why), "{why}: {told}");
        assert!(!site.cli(&["group", "list"]).ok().stdout.contains("More"), "{why}");
    }
}

#[test]
fn an_import_is_done_as_far_as_whoever_acts_reaches() {
    let site = site();
    site.cli(&["user", "add", "dora"]).ok();
    site.cli(&["group", "member", "add", "Sales/Administrators", "--user", "dora"]).ok();
    import(&site, "user", b"name,departments\nann,Sales/North\n", &["--as", "dora", "--without-passwords"]).ok();
    let told = import(&site, "user", b"name,departments\nbob,Sales\neve,\n", &["--as", "dora"]).says_why_not();
    assert!(told.contains("line 3: `dora` does not administer the organization `Acme`"), "{told}");
    assert_eq!(users(&site), ["ann", "dora", "root"]);
    import(&site, "group", b"name,users\nSales/Team,ann\n", &["--as", "dora"]).ok();
    import(&site, "group", b"name,users\nEditors,ann\n", &["--as", "dora"]).says_why_not();
    site.cli(&["org", "add", "Labs"]).ok();
    import(&site, "user", b"name\nlea\n", &["--org", "Labs", "--without-passwords"]).ok();
    let listed = site.cli(&["user", "list", "--org", "Labs"]).ok().stdout;
    assert!(listed.contains("lea") && !listed.contains("ann"), "{listed}");
}
