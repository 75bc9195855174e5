//! Policies with a value: who says them, what holds in an organization and in a share.

use serde_json::{Value, json};

use crate::site::Site;

/// The row of a policy in the answer of `policy list` with these options.
fn row(site: &Site, of: &[&str], policy: &str) -> Value {
    let rows = site.cli(&[&["policy", "list", "--json"], of].concat()).ok().json();
    rows.as_array().expect("a list").iter().find(|row| row["name"] == policy).expect("the policy").clone()
}

/// Row T14.
#[test]
fn a_value_is_inherited_until_an_organization_or_a_share_says_otherwise() {
    let site = Site::start();
    site.cli(&["org", "add", "Labs", "--parent", "Acme", "--policy", "trim_revisions_keep=5"]).ok();
    site.cli(&["share", "add", "Probes", "--org", "Labs"]).ok();
    let holds = |of: &[&str], policy: &str| {
        let row = row(&site, of, policy);
        (row["value"].clone(), row["own"].as_bool().unwrap(), row["from"].as_str().unwrap().to_owned())
    };
    let (labs, probes) = (["--org", "Labs"], ["--share", "Probes"]);
    assert_eq!(row(&site, &[], "max_file_bytes")["unit"], "bytes");
    assert_eq!(holds(&labs, "max_file_bytes"), (Value::Null, false, "default".to_owned()));
    assert_eq!(holds(&labs, "trim_revisions_keep"), (json!(5), true, "Labs".to_owned()));
    assert_eq!(holds(&probes, "trim_revisions_keep"), (json!(5), false, "Labs".to_owned()));

    site.cli(&["org", "set", "Acme", "--policy", "max_file_bytes=1000", "--policy", "purge_deleted_days=30"]).ok();
    assert_eq!(holds(&probes, "max_file_bytes"), (json!(1000), false, "Acme".to_owned()));
    site.cli(&["share", "set", "Probes", "--policy", "max_file_bytes=none"]).ok();
    assert_eq!(holds(&probes, "max_file_bytes"), (Value::Null, true, "this share".to_owned()));
    assert_eq!(holds(&labs, "max_file_bytes"), (json!(1000), false, "Acme".to_owned()));
    site.cli(&["share", "set", "Probes", "--policy", "max_file_bytes=inherit"]).ok();
    assert_eq!(holds(&probes, "max_file_bytes"), (json!(1000), false, "Acme".to_owned()));

    let shown = site.cli(&["share", "show", "Probes", "--json"]).ok().json();
    let told = shown["policies"].as_array().expect("policies").iter().find(|row| row["name"] == "purge_deleted_days");
    assert_eq!((&told.expect("the policy")["value"], &told.unwrap()["unit"]), (&json!(30), &json!("days")));
}

/// Sources, section 1b: a child has its own list of what it doesn't take.
#[test]
fn excluded_extensions_are_not_inherited() {
    let site = Site::start();
    site.cli(&["org", "set", "Acme", "--policy", "excluded_extensions=.EXE,iso"]).ok();
    site.cli(&["org", "add", "Labs", "--parent", "Acme"]).ok();
    assert_eq!(row(&site, &["--org", "Acme"], "excluded_extensions")["value"], json!(["exe", "iso"]));
    assert_eq!(row(&site, &["--org", "Labs"], "excluded_extensions")["value"], json!([]));
}

#[test]
fn a_value_is_of_its_unit_and_a_share_has_no_switch() {
    let site = Site::start();
    let _people = site.team("Projects", [("olga", "co-owner")]);
    let told = site.cli(&["org", "set", "Acme", "--policy", "purge_deleted_days=soon"]).exits(2).stderr;
    assert!(told.contains("from 1 to 36500 (days)"), "{told}");
    let told = site.cli(&["share", "set", "Projects", "--policy", "user_lock_files=off"]).says_why_not();
    assert!(told.contains("switch of organizations"), "{told}");
    // Rules about keeping are for administrators: a co-owner destroys no history by the back door.
    let keep = ["share", "set", "Projects", "--policy", "trim_revisions_keep=0"];
    site.cli(&[&["--as", "olga"], keep.as_slice()].concat()).says_why_not();
    site.cli(&["group", "member", "add", "Administrators", "--user", "olga"]).ok();
    site.cli(&[&["--as", "olga"], keep.as_slice()].concat()).ok();
}

/// `locked_extensions`: an owner file locks its document only where that is a document.
#[test]
fn auto_lock_is_for_the_extensions_of_the_policy() {
    let site = Site::start();
    let [ana, ben] = site.team("Projects", [("ana", "editor"), ("ben", "editor")]);
    site.cli(&["share", "set", "Projects", "--auto-lock", "on"]).ok();
    for name in ["plan.docx", "plan.xyz"] {
        ana.put(&format!("/Projects/{name}"), "one").status(201);
        ana.put(&format!("/Projects/.~lock.{name}#"), "ana").status(201);
    }
    ben.put("/Projects/plan.docx", "two").status(423);
    ben.put("/Projects/plan.xyz", "two").status(204);
    site.cli(&["share", "set", "Projects", "--policy", "locked_extensions=.xyz"]).ok();
    ana.delete("/Projects/.~lock.plan.xyz#").status(204);
    ana.put("/Projects/.~lock.plan.xyz#", "ana").status(201);
    ben.put("/Projects/plan.xyz", "three").status(423);
}
