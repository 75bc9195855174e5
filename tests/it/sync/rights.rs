//! What a change of rights has hidden is gone, and what it shows has come.

use super::follower::Follower;
use super::{EVERYTHING, told};
use crate::site::{Client, Site};

fn site() -> (Site, Client, Client) {
    let site = Site::start();
    let [ana, ben] = site.team("Projects", [("ana", "co-owner"), ("ben", "viewer")]);
    for folder in ["open", "secret", "secret/deep"] {
        ana.mkcol(&format!("/Projects/{folder}")).status(201);
        ana.put(&format!("/Projects/{folder}/a.txt"), "a").status(201);
    }
    (site, ana, ben)
}

#[test]
fn what_a_grant_hides_is_gone_and_comes_back_with_it() {
    let (site, ana, ben) = site();
    let mut follower = Follower::new(&ben, "/Projects", true);
    let mut flat = Follower::new(&ben, "/Projects", false);
    follower.follow(None);
    flat.follow(None);
    site.cli(&["grant", "add", "/Projects/secret", "--user", "ben", "--deny", EVERYTHING]).ok();
    assert_eq!(follower.follow(None), [told(("/secret", 404))].into());
    assert_eq!(flat.follow(None), [told(("/secret", 404))].into());
    assert_eq!(follower.follow(None), [].into());
    follower.sees_what_is_listed();
    // What happens where he doesn't see it is not told, nor what is deleted there.
    ana.put("/Projects/secret/b.txt", "b").status(201);
    ana.delete("/Projects/secret/a.txt").status(204);
    ana.rename("/Projects/open/a.txt", "/Projects/secret/moved.txt").status(201);
    assert_eq!(follower.follow(None), [("/open", 200), ("/open/a.txt", 404)].map(told).into());
    ana.rename("/Projects/secret/moved.txt", "/Projects/open/a.txt").status(201);
    assert_eq!(follower.follow(None), [("/open", 200), ("/open/a.txt", 200)].map(told).into());
    // One thing in it is shown: so is the way to it.
    site.cli(&["grant", "add", "/Projects/secret/deep/a.txt", "--user", "ben", "--level", "read"]).ok();
    let shown = [("/secret", 200), ("/secret/deep", 200), ("/secret/deep/a.txt", 200)];
    assert_eq!(follower.follow(None), shown.map(told).into());
    follower.sees_what_is_listed();
    site.cli(&["grant", "remove", "/Projects/secret", "--user", "ben"]).ok();
    let more = [("/secret/b.txt", 200)];
    let got = follower.follow(None);
    assert!(more.map(told).iter().all(|one| got.contains(one)), "{got:?}");
    follower.sees_what_is_listed();
    flat.pages(None);
    flat.sees_what_is_listed();
}

#[test]
fn another_role_shows_other_things() {
    let (site, ana, ben) = site();
    site.cli(&["share", "subscribe", "Projects", "--user", "ben", "--role", "collaborator"]).ok();
    let mut follower = Follower::new(&ben, "/Projects", true);
    follower.follow(None);
    // A folder that begins with its own entries, and then takes over those above again.
    site.cli(&["grant", "add", "/Projects/secret", "--user", "ana", "--role", "co-owner"]).ok();
    for round in 0..3 {
        site.cli(&["grant", "inherit", "/Projects/secret", "off"]).ok();
        ana.put(&format!("/Projects/secret/{round}.txt"), "x").status(201);
        follower.pages(Some(2));
        follower.sees_what_is_listed();
        site.cli(&["grant", "inherit", "/Projects/secret", "on"]).ok();
        follower.pages(Some(1));
        follower.sees_what_is_listed();
    }
    // Through a group, and over the switch of a share.
    site.cli(&["group", "add", "readers"]).ok();
    site.cli(&["grant", "add", "/Projects/open", "--group", "readers", "--deny", EVERYTHING]).ok();
    assert_eq!(follower.follow(None), [].into());
    site.cli(&["group", "member", "add", "readers", "--user", "ben"]).ok();
    assert_eq!(follower.follow(None), [told(("/open", 404))].into());
    site.cli(&["group", "member", "remove", "readers", "--user", "ben"]).ok();
    assert_eq!(follower.follow(None), [("/open", 200), ("/open/a.txt", 200)].map(told).into());
}

/// Rights that change while somebody fetches page after page: at the end he knows what is listed.
#[test]
fn rights_may_change_in_the_middle_of_the_pages() {
    let (site, ana, ben) = site();
    let mut follower = Follower::new(&ben, "/Projects", true);
    follower.page(Some(2));
    site.cli(&["grant", "add", "/Projects/open", "--user", "ben", "--deny", EVERYTHING]).ok();
    follower.page(Some(1));
    ana.delete("/Projects/secret/deep/a.txt").status(204);
    site.cli(&["grant", "remove", "/Projects/open", "--user", "ben"]).ok();
    follower.page(Some(1));
    follower.pages(Some(2));
    follower.sees_what_is_listed();
    // As often as tokens can tell; whoever is slower still begins anew, and loses nothing.
    for number in 0..6 {
        let folder = format!("/Projects/{number}");
        ana.mkcol(&folder).status(201);
        site.cli(&["grant", "add", &folder, "--user", "ben", "--deny", EVERYTHING]).ok();
        follower.page(Some(1));
    }
    follower.pages(Some(3));
    follower.sees_what_is_listed();
}
