//! Snapshots: a share as it is or was, as a share of its own, by rows only.

use super::{between, tree, used};
use crate::site::{Depth, Site};

#[test]
fn a_snapshot_has_what_the_share_was_at_the_time_and_goes_its_own_way() {
    let site = Site::start();
    let [ana, ben] = site.team("Projects", [("ana", "co-owner"), ("ben", "editor")]);
    ana.mkcol("/Projects/plans").status(201);
    ana.put("/Projects/plans/a.txt", "a1").status(201);
    ana.put("/Projects/gone.txt", "g1").status(201);
    ana.put("/Projects/purged.txt", "p1").status(201);
    ana.set("/Projects/plans/a.txt", r#"<colour xmlns="urn:example">red</colour>"#).status(207);
    let at = between();
    ana.put("/Projects/plans/a.txt", "a2 is longer").status(204);
    ana.rename("/Projects/plans", "/Projects/renamed").status(201);
    ana.put("/Projects/renamed/later.txt", "later").status(201);
    ana.delete("/Projects/gone.txt").status(204);
    ana.delete("/Projects/purged.txt").status(204);
    site.cli(&["trash", "purge", "/Projects/purged.txt"]).ok();
    let stored = site.blobs();

    site.cli(&["--as", "ana", "snapshot", "Projects", "Then", "--at", &at]).ok();
    site.cli(&["--as", "ana", "snapshot", "/Projects", "Now"]).ok();
    let file = |path: &str, content: &str| (path.to_owned(), content.to_owned());
    assert_eq!(
        tree(&ana, "/Then"),
        [file("/Then/gone.txt", "g1"), file("/Then/plans/", ""), file("/Then/plans/a.txt", "a1")]
    );
    assert_eq!(used(&site, "Then"), 4);
    let now: Vec<_> =
        tree(&ana, "/Projects").into_iter().map(|(path, c)| (path.replace("/Projects/", "/Now/"), c)).collect();
    assert_eq!(tree(&ana, "/Now"), now);
    assert_eq!(site.blobs(), stored, "no content is written");

    // Nobody else has it, and each goes its own way.
    assert_eq!(ben.list("/", Depth::One).paths(), ["/", "/Home/", "/Projects/"]);
    ana.put("/Then/plans/a.txt", "changed").status(204);
    ana.get("/Projects/renamed/a.txt").status(200).body("a2 is longer");
    assert!(ana.propfind("/Then/plans/a.txt", Depth::Zero, "").text().contains("red"));
    site.is_consistent();
}

#[test]
fn who_makes_a_snapshot_owns_and_reads_the_share_and_may_make_one() {
    let site = Site::start();
    let [ana, ben] = site.team("Projects", [("ana", "co-owner"), ("ben", "editor")]);
    ana.mkcol("/Projects/plans").status(201);
    ben.put("/Projects/plans/a.txt", "123456").status(201);
    let take = |who: &str, name: &str| site.cli(&["--as", who, "snapshot", "Projects", name]);
    assert!(take("ben", "Mine").says_why_not().contains("owner"));
    site.user("sam");
    take("sam", "Mine").says_why_not();
    take("ana", "Projects").says_why_not();
    site.cli(&["grant", "add", "/Projects/plans", "--user", "ana", "--deny", "read"]).ok();
    assert!(take("ana", "Mine").says_why_not().contains("/Projects/plans"));
    site.cli(&["grant", "remove", "/Projects/plans", "--user", "ana"]).ok();
    site.cli(&["org", "set", "Acme", "--policy", "user_create_shares=off"]).ok();
    take("ana", "Mine").says_why_not();
    site.cli(&["org", "set", "Acme", "--policy", "user_create_shares=on"]).ok();
    // Its bytes count for the organization.
    site.cli(&["org", "set", "Acme", "--quota", "11"]).ok();
    take("ana", "Mine").says_why_not();
    site.cli(&["org", "set", "Acme", "--quota", "12"]).ok();
    take("ana", "Mine").ok();
    site.cli(&["org", "set", "Acme", "--quota", "13"]).ok();
    ana.put("/Home/diary.txt", "d").status(201);
    site.cli(&["snapshot", "~ana", "Of a home", "--owner", "ben"]).says_why_not();
    site.cli(&["org", "set", "Acme", "--quota", "100"]).ok();
    site.cli(&["snapshot", "~ana", "Of a home", "--owner", "ben"]).ok();
    ben.get("/Of a home/diary.txt").status(200).body("d");
    site.is_consistent();
}
