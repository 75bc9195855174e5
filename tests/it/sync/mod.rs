//! REPORT sync-collection: following a folder by its changes (RFC 6578).

mod follower;
mod rights;
mod writers;

use crate::site::{Client, Depth, Site, asking_for, dav};
use follower::{Follower, report};

/// What is denied to hide a folder.
const EVERYTHING: &str =
    "delete,share,sync,view,print,read,write,web-edit,list,list-folders,create,delete-child,rename-child";

/// A share with somebody who writes and somebody who follows.
fn shared() -> (Site, Client, Client) {
    let site = Site::start();
    let [ana, ben] = site.team("Projects", [("ana", "co-owner"), ("ben", "viewer")]);
    (site, ana, ben)
}

#[test]
fn changes_are_told_and_nothing_else() {
    let (_site, ana, ben) = shared();
    ana.mkcol("/Projects/plans").status(201);
    ana.put("/Projects/plans/a.txt", "one").status(201);
    ana.put("/Projects/b.txt", "two").status(201);
    let mut deep = Follower::new(&ben, "/Projects", true);
    assert_eq!(deep.follow(None), [("/plans", 200), ("/plans/a.txt", 200), ("/b.txt", 200)].map(told).into());
    let token = deep.token.clone();
    assert_eq!(deep.follow(None), [].into(), "nothing has happened");
    assert_eq!(deep.token, token, "and the token is the same");

    ana.put("/Projects/plans/a.txt", "three").status(204);
    assert_eq!(deep.follow(None), [("/plans", 200), ("/plans/a.txt", 200)].map(told).into());
    ana.set("/Projects/b.txt", r#"<colour xmlns="urn:example">red</colour>"#).status(207);
    assert_eq!(deep.follow(None), [told(("/b.txt", 200))].into());
    ana.rename("/Projects/b.txt", "/Projects/plans/c.txt").status(201);
    assert_eq!(deep.follow(None), [("/b.txt", 404), ("/plans", 200), ("/plans/c.txt", 200)].map(told).into());
    ana.rename("/Projects/plans", "/Projects/old").status(201);
    let moved = [("/plans", 404), ("/old", 200), ("/old/a.txt", 200), ("/old/c.txt", 200)];
    assert_eq!(deep.follow(None), moved.map(told).into());
    ana.copy("/Projects/old", "/Projects/new").status(201);
    assert_eq!(deep.follow(None), [("/new", 200), ("/new/a.txt", 200), ("/new/c.txt", 200)].map(told).into());
    ana.delete("/Projects/old").status(204);
    assert_eq!(deep.follow(None), [told(("/old", 404))].into());
    // Deleted and made again is one change.
    ana.delete("/Projects/new/a.txt").status(204);
    ana.put("/Projects/new/a.txt", "four").status(201);
    assert_eq!(deep.follow(None), [("/new", 200), ("/new/a.txt", 200)].map(told).into());
    // An owner file says who has a document open, and is nobody's to follow.
    ana.put("/Projects/new/~$a.docx", "ana").status(201);
    assert_eq!(deep.follow(None), [].into());
    deep.sees_what_is_listed();
}

fn told((path, status): (&str, u16)) -> (String, u16) {
    (path.to_owned(), status)
}

/// RFC 6578 section 3.3: a level of one is the members of the collection alone.
#[test]
fn a_level_of_one_tells_of_members_only() {
    let (_site, ana, ben) = shared();
    ana.mkcol("/Projects/plans").status(201);
    ana.put("/Projects/plans/a.txt", "one").status(201);
    let mut flat = Follower::new(&ben, "/Projects", false);
    assert_eq!(flat.follow(None), [told(("/plans", 200))].into());
    // The folder has another entity tag.
    ana.put("/Projects/plans/a.txt", "two").status(204);
    assert_eq!(flat.follow(None), [told(("/plans", 200))].into());
    ana.delete("/Projects/plans/a.txt").status(204);
    assert_eq!(flat.follow(None), [told(("/plans", 200))].into());
    ana.rename("/Projects/plans", "/Projects/old").status(201);
    assert_eq!(flat.follow(None), [("/plans", 404), ("/old", 200)].map(told).into());
    flat.sees_what_is_listed();
    // Any folder can be followed.
    let mut below = Follower::new(&ben, "/Projects/old", true);
    assert_eq!(below.follow(None), [].into());
    ana.put("/Projects/old/b.txt", "three").status(201);
    ana.put("/Projects/beside.txt", "four").status(201);
    assert_eq!(below.follow(None), [told(("/b.txt", 200))].into());
}

/// RFC 6578 section 3.6: 507 for the collection itself says that there is more.
#[test]
fn a_limit_is_kept_and_the_rest_comes_with_the_next_token() {
    let (_site, ana, ben) = shared();
    for folder in 0..5 {
        ana.mkcol(&format!("/Projects/{folder}")).status(201);
        for file in 0..5 {
            ana.put(&format!("/Projects/{folder}/{file}"), "x").status(201);
        }
    }
    for limit in [1, 2, 3, 7, 29, 30] {
        let mut follower = Follower::new(&ben, "/Projects", true);
        let pages = follower.pages(Some(limit));
        assert_eq!(pages, 30usize.div_ceil(limit as usize), "{limit}");
        follower.sees_what_is_listed();
        ana.rename("/Projects/0", "/Projects/moved").status(201);
        ana.delete("/Projects/1/3").status(204);
        follower.pages(Some(limit));
        follower.sees_what_is_listed();
        ana.rename("/Projects/moved", "/Projects/0").status(201);
        ana.put("/Projects/1/3", "again").status(201);
        follower.pages(Some(limit));
        follower.sees_what_is_listed();
    }
}

/// A folder that comes to the name of another one: what was below the first one is gone.
#[test]
fn a_folder_that_takes_the_name_of_another_is_told_whole() {
    let (_site, ana, ben) = shared();
    let mut followers = [Follower::new(&ben, "/Projects", true), Follower::new(&ben, "/Projects", true)];
    for name in ["a", "b"] {
        ana.mkcol(&format!("/Projects/{name}")).status(201);
        ana.put(&format!("/Projects/{name}/of {name}.txt"), name).status(201);
        ana.put(&format!("/Projects/{name}/both.txt"), name).status(201);
    }
    let mut follow = || {
        for (follower, limit) in followers.iter_mut().zip([None, Some(2)]) {
            follower.pages(limit);
            follower.sees_what_is_listed();
        }
    };
    follow();
    // The two change names.
    ana.rename("/Projects/a", "/Projects/c").status(201);
    ana.rename("/Projects/b", "/Projects/a").status(201);
    ana.rename("/Projects/c", "/Projects/b").status(201);
    follow();
    // There and back, with something lost on the way.
    ana.rename("/Projects/a", "/Projects/away").status(201);
    ana.delete("/Projects/away/both.txt").status(204);
    ana.rename("/Projects/away", "/Projects/a").status(201);
    follow();
    ana.delete("/Projects/a").status(204);
    ana.mkcol("/Projects/a").status(201);
    ana.put("/Projects/a/new.txt", "new").status(201);
    follow();
    // A file where a folder was, and the reverse.
    ana.delete("/Projects/a").status(204);
    ana.put("/Projects/a", "a file").status(201);
    follow();
    ana.delete("/Projects/a").status(204);
    ana.mkcol("/Projects/a").status(201);
    ana.put("/Projects/a/b.txt", "b").status(201);
    follow();
}

/// Names that differ in case are one name here, and two for who follows.
#[test]
fn a_name_that_comes_back_in_another_spelling_is_gone_as_it_was() {
    let (_site, ana, ben) = shared();
    ana.mkcol("/Projects/plans").status(201);
    ana.put("/Projects/plans/a.txt", "one").status(201);
    let mut followers = [(true, None), (true, Some(1)), (false, None)]
        .map(|(deep, limit)| (Follower::new(&ben, "/Projects", deep), limit));
    let mut follow = || {
        for (follower, limit) in &mut followers {
            follower.pages(*limit);
            follower.sees_what_is_listed();
        }
    };
    follow();
    ana.delete("/Projects/plans/a.txt").status(204);
    ana.put("/Projects/plans/A.txt", "two").status(201);
    follow();
    ana.rename("/Projects/plans", "/Projects/away").status(201);
    ana.rename("/Projects/away", "/Projects/Plans").status(201);
    follow();
    ana.delete("/Projects/Plans").status(204);
    ana.put("/Projects/plans", "a file").status(201);
    follow();
    ana.delete("/Projects/plans").status(204);
    ana.mkcol("/Projects/plans").status(201);
    follow();
    // Renamed to the other spelling, without a way in between.
    ana.rename("/Projects/plans", "/Projects/PLANS").status(201);
    ana.put("/Projects/PLANS/a.txt", "three").status(201);
    follow();
    ana.rename("/Projects/PLANS/a.txt", "/Projects/PLANS/A.txt").status(201);
    ana.rename("/Projects/PLANS", "/Projects/Plans").status(201);
    follow();
    // A file and then a folder of one name, neither of which is there any more.
    ana.put("/Projects/both", "a file").status(201);
    follow();
    ana.delete("/Projects/both").status(204);
    ana.mkcol("/Projects/both").status(201);
    follow();
    ana.delete("/Projects/both").status(204);
    follow();
}

#[test]
fn what_the_history_brings_and_takes_is_told() {
    let (site, ana, ben) = shared();
    ana.mkcol("/Projects/a").status(201);
    ana.mkcol("/Projects/a/b").status(201);
    ana.put("/Projects/a/b/c.txt", "c").status(201);
    let mut follower = Follower::new(&ben, "/Projects", true);
    follower.follow(None);
    ana.delete("/Projects/a").status(204);
    follower.follow(None);
    assert_eq!(follower.known(), [""; 0]);
    site.cli(&["--as", "ana", "trash", "restore", "/Projects/a"]).ok();
    assert_eq!(follower.follow(None), [("/a", 200), ("/a/b", 200), ("/a/b/c.txt", 200)].map(told).into());
    // What was purged meanwhile is told of as well.
    ana.delete("/Projects/a").status(204);
    site.cli(&["--as", "ana", "trash", "purge", "/Projects/a"]).ok();
    site.cli(&["job", "run", "purge"]).ok();
    assert_eq!(follower.follow(None), [told(("/a", 404))].into());
    // Things that come from another share, and go there.
    site.cli(&["share", "add", "Other"]).ok();
    site.cli(&["share", "subscribe", "Other", "--user", "ana", "--role", "co-owner"]).ok();
    ana.mkcol("/Other/x").status(201);
    ana.put("/Other/x/y.txt", "y").status(201);
    ana.rename("/Other/x", "/Projects/x").status(201);
    assert_eq!(follower.follow(None), [("/x", 200), ("/x/y.txt", 200)].map(told).into());
    ana.rename("/Projects/x", "/Other/x").status(201);
    assert_eq!(follower.follow(None), [told(("/x", 404))].into());
    follower.sees_what_is_listed();
}

/// RFC 6578 section 3.2, `DAV:valid-sync-token`.
#[test]
fn a_token_is_good_for_whom_and_what_it_was_given() {
    let (site, ana, ben) = shared();
    ana.mkcol("/Projects/plans").status(201);
    let mut follower = Follower::new(&ben, "/Projects", true);
    follower.follow(None);
    let token = follower.token.clone().expect("it was given");
    let refused = |who: &Client, path: &str, token: &str| {
        report(who, path, Some(token), true, None).status(403).condition("valid-sync-token");
    };
    refused(&ana, "/Projects", &token);
    refused(&ben, "/Projects/plans", &token);
    for bad in ["urn:commonhold:sync:AAAA", "http://example.org/1", &token[..token.len() - 2]] {
        refused(&ben, "/Projects", bad);
    }
    report(&ben, "/Projects", Some(&token), true, None).status(207);
    // The changes since are forgotten.
    ana.put("/Projects/plans/a.txt", "one").status(201);
    ana.put("/Projects/plans/b.txt", "one").status(201);
    site.sql("update change set at = 0");
    site.cli(&["job", "run", "forget-changes"]).ok();
    refused(&ben, "/Projects", &token);
    let mut again = Follower::new(&ben, "/Projects", true);
    again.follow(None);
    again.sees_what_is_listed();
    site.is_consistent();
    // Who has left the share is not told that there is one.
    site.cli(&["share", "unsubscribe", "Projects", "--user", "ben"]).ok();
    report(&ben, "/Projects", again.token.as_deref(), true, None).status(404);
}

/// What the log has kept to itself can't be told later, nor be taken back.
#[test]
fn whoever_follows_begins_anew_when_a_share_hides_what_macos_leaves_or_shows_it_again() {
    let (site, ana, ben) = shared();
    ana.put("/Projects/plan.pdf", "a plan").status(201);
    ana.put("/Projects/._plan.pdf", "more of it").status(201);
    let mut before = Follower::new(&ben, "/Projects", true);
    assert_eq!(before.follow(None), [("/plan.pdf", 200), ("/._plan.pdf", 200)].map(told).into());
    for word in ["hide", "keep"] {
        site.cli(&["share", "set", "Projects", "--policy", &format!("macos_litter={word}")]).ok();
        let refused = report(&ben, "/Projects", before.token.as_deref(), true, None);
        refused.status(403).condition("valid-sync-token");
        if word == "hide" {
            ana.put("/Projects/._new.pdf", "nobody is told").status(201);
        }
        let mut again = Follower::new(&ben, "/Projects", true);
        again.follow(None);
        again.sees_what_is_listed();
        before = again;
    }
    assert!(before.known().contains(&"/._new.pdf"), "which came while such files were hidden");
    // Nor is a token good for what came between two switches.
    for word in ["hide", "keep"] {
        site.cli(&["share", "set", "Projects", "--policy", &format!("macos_litter={word}")]).ok();
        ana.put(&format!("/Projects/._{word}.pdf"), "between them").status(201);
    }
    report(&ben, "/Projects", before.token.as_deref(), true, None).status(403).condition("valid-sync-token");
    let condition = format!("(<{}>)", before.token.as_deref().expect("he follows"));
    ben.ask("PROPFIND", "/Projects").with("Depth", "0").with("If", condition).send().status(412);
}

#[test]
fn a_collection_says_from_where_on_it_can_be_followed() {
    let (site, ana, ben) = shared();
    ana.put("/Projects/a.txt", "one").status(201);
    let ctag = "{http://calendarserver.org/ns/}getctag".to_owned();
    let names = [dav("sync-token"), ctag.clone(), dav("supported-report-set")];
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let listed = ben.propfind("/Projects", Depth::One, &asking_for(&names)).multistatus();
    let (folder, file) = (listed.at("/Projects/"), listed.at("/Projects/a.txt"));
    assert!(folder.value(&dav("supported-report-set")).contains("sync-collection"));
    assert!(!file.value(&dav("supported-report-set")).contains("sync-collection"));
    assert_eq!(file.status_of(&dav("sync-token")), Some(404));
    assert_eq!(file.status_of(&ctag), Some(404));
    let (token, before) = (folder.value(&dav("sync-token")).to_owned(), folder.value(&ctag).to_owned());
    // The token is as good as one of the report.
    let mut follower = Follower::new(&ben, "/Projects", true);
    follower.token = Some(token);
    ana.put("/Projects/b.txt", "two").status(201);
    assert_eq!(follower.follow(None), [told(("/b.txt", 200))].into());
    let after = ben.propfind("/Projects", Depth::Zero, &asking_for(&[&ctag])).multistatus();
    assert_ne!(after.only().value(&ctag), before);
    // Whose role may not follow is given no token, and no report (`sync` is missing).
    site.cli(&["share", "subscribe", "Projects", "--user", "ben", "--role", "previewer"]).ok();
    let listed = ben.propfind("/Projects", Depth::Zero, &asking_for(&names)).multistatus();
    assert_eq!(listed.only().status_of(&dav("sync-token")), Some(404));
    report(&ben, "/Projects", None, true, None).status(403).condition("need-privileges");
    report(&ana, "/Projects/a.txt", None, true, None).status(403).condition("supported-report");
    report(&ana, "/", None, true, None).status(403).condition("supported-report");
    let body = r#"<D:sync-collection xmlns:D="DAV:"><D:sync-token/></D:sync-collection>"#;
    ana.ask("REPORT", "/Projects").xml(body).send().status(400);
}

#[test]
fn properties_are_told_as_a_listing_tells_them() {
    let (_site, ana, ben) = shared();
    ana.put("/Projects/a.txt", "one").status(201);
    ana.set("/Projects/a.txt", r#"<colour xmlns="urn:example">red</colour>"#).status(207);
    let lock = r#"<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>"#;
    ana.ask("LOCK", "/Projects").with("Depth", "infinity").xml(lock).send().status(200);
    let props = r#"<D:prop><D:getetag/><D:lockdiscovery/><D:getcontentlength/><colour xmlns="urn:example"/><D:quota-used-bytes/><D:checked-in/></D:prop>"#;
    let body = format!(
        r#"<D:sync-collection xmlns:D="DAV:"><D:sync-token/><D:sync-level>1</D:sync-level>{props}</D:sync-collection>"#
    );
    let changed = ben.ask("REPORT", "/Projects").xml(&body).send().multistatus();
    let body = format!(r#"<D:propfind xmlns:D="DAV:">{props}</D:propfind>"#);
    let listed = ben.propfind("/Projects", Depth::One, &body).multistatus();
    let (changed, listed) = (changed.only(), listed.at("/Projects/a.txt"));
    assert_eq!(changed.properties, listed.properties);
    assert_eq!(changed.value("{urn:example}colour"), "red");
    assert!(changed.value(&dav("lockdiscovery")).contains("ana"));
    assert!(changed.value(&dav("checked-in")).contains("/versions/"));
}

/// RFC 6578 section 5: a token in `If` is a state of its collection, as long as nothing in it has changed.
#[test]
fn a_change_may_hang_on_a_folder_being_as_it_was_when_it_was_followed() {
    let site = Site::start();
    let [ana, ben] = site.team("Projects", [("ana", "co-owner"), ("ben", "editor")]);
    for folder in ["/Projects/plans", "/Projects/plans/old", "/Projects/more"] {
        ana.mkcol(folder).status(201);
    }
    let token = |who: &Client, folder: &str| {
        let mut follower = Follower::new(who, folder, true);
        follower.follow(None);
        follower.token.expect("it was given")
    };
    let put = |value: &str| ben.ask("PUT", "/Projects/plans/a.txt").with("If", value).body("1").send();
    let on = |folder: &str, token: &str| format!("</dav{folder}/> (<{token}>)");
    let bens = token(&ben, "/Projects/plans");
    let (anas, above) = (token(&ana, "/Projects/plans"), token(&ben, "/Projects"));
    for other in [
        on("/Projects/plans", &anas),
        on("/Projects/plans", &above),
        on("/Projects", &bens),
        on("/Projects/plans", &bens[..bens.len() - 1]),
        on("/Projects/plans", "urn:commonhold:sync:AAAA"),
        on("/Projects/nothing", &bens),
        format!("(<{bens}>)"),
        format!("</dav/Projects/plans/> (Not <{bens}>)"),
    ] {
        put(&other).status(412);
    }
    // What others do elsewhere in the share makes no difference to the folder, but to the one above both.
    ana.put("/Projects/more/b.txt", "two").status(201);
    put(&on("/Projects", &above)).status(412);
    put(&on("/Projects/plans", &bens)).status(201);
    put(&on("/Projects/plans", &bens)).status(412);
    put(&format!("</dav/Projects/plans/> (Not <{bens}>)")).status(204);

    // The property's token is as good. A property of a member counts, and whatever happens at any depth.
    let listed = ben.propfind("/Projects/plans", Depth::Zero, &asking_for(&[&dav("sync-token")])).multistatus();
    let before = on("/Projects/plans", listed.only().value(&dav("sync-token")));
    put(&before).status(204);
    for change in ["property", "deep", "gone"] {
        let before = on("/Projects/plans", &token(&ben, "/Projects/plans"));
        match change {
            "property" => ana.set("/Projects/plans/a.txt", r#"<colour xmlns="urn:example">red</colour>"#).status(207),
            "deep" => ana.put("/Projects/plans/old/c.txt", "three").status(201),
            _ => ana.rename("/Projects/plans/old/c.txt", "/Projects/c.txt").status(201),
        };
        put(&before).status(412);
    }
    ana.get("/Projects/plans/a.txt").status(200).body("1");

    // Rights that have changed show another folder.
    let before = on("/Projects/plans", &token(&ben, "/Projects/plans"));
    site.cli(&["grant", "add", "/Projects/plans/old", "--user", "ben", "--deny", EVERYTHING]).ok();
    put(&before).status(412);
    // In a request to the folder itself no tag is needed, also where somebody holds a lock.
    let lock = r#"<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>"#;
    ana.ask("LOCK", "/Projects/more/b.txt").xml(lock).send().status(200);
    let before = format!("(<{}>)", token(&ben, "/Projects/plans"));
    let moved = |value: &str| ben.ask("MOVE", "/Projects/plans").to("/Projects/Done").with("If", value).send();
    ana.put("/Projects/plans/d.txt", "four").status(201);
    moved(&before).status(412);
    moved(&format!("(<{}>)", token(&ben, "/Projects/plans"))).status(201);
    let present = format!("(<{}>)", token(&ana, "/Projects/Done"));
    ana.ask("DELETE", "/Projects/Done").with("If", &present).send().status(204);
    site.is_consistent();
}
