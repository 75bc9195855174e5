//! Locks on collections: depth 0 guards who is a member, depth infinity everything below; and what COPY, MOVE and DELETE
//! do with locks.

use super::{
    ana_and_ben, condition_hrefs, holding, holding_at, lock, lock_shared, locked, locks_on, save, token_of, unlock,
};
use crate::site::{Client, Depth, Reply, Site, asking_for, dav};

/// The shared folder of these tests, with something in it.
fn folder() -> (Site, Client, Client) {
    let (site, ana, ben) = ana_and_ben();
    ana.mkcol("/Projects/folder").status(201);
    ana.mkcol("/Projects/folder/inner").status(201);
    ana.put("/Projects/folder/a.txt", "a").status(201);
    ana.put("/Projects/folder/inner/b.txt", "b").status(201);
    (site, ana, ben)
}

fn lock_depth_0(who: &Client, path: &str) -> String {
    token_of(&lock(who, path).with("Depth", "0").send().status(200))
}

/// The only path that a 207 names, with 423.
#[track_caller]
fn blocker(reply: &Reply) -> String {
    let told = reply.multistatus();
    assert_eq!(told.only().status, Some(423), "{}", reply.told());
    told.paths().remove(0)
}

/// Trap 23.
#[test]
fn a_depth_0_lock_on_a_folder_guards_its_membership() {
    let (_site, ana, ben) = folder();
    let token = lock_depth_0(&ana, "/Projects/folder");
    for refused in [
        ben.put("/Projects/folder/new.txt", "new"),
        ben.mkcol("/Projects/folder/new"),
        ben.delete("/Projects/folder/a.txt"),
        ben.delete("/Projects/folder/inner"),
        ben.rename("/Projects/folder/a.txt", "/Projects/a.txt"),
        ben.rename("/Projects/folder/a.txt", "/Projects/folder/c.txt"),
        ben.rename("/Projects/plan.txt", "/Projects/folder/plan.txt"),
        ben.copy("/Projects/plan.txt", "/Projects/folder/plan.txt"),
        lock(&ben, "/Projects/folder/unmapped.txt").send(),
        ben.delete("/Projects/folder"),
        ben.rename("/Projects/folder", "/Projects/elsewhere"),
        ben.set("/Projects/folder", r#"<colour xmlns="urn:example">red</colour>"#),
    ] {
        let refused = refused.status(423).condition("lock-token-submitted");
        assert_eq!(condition_hrefs(&refused, "lock-token-submitted"), ["/dav/Projects/folder/"]);
    }
    lock(&ben, "/Projects/folder").send().status(423).condition("no-conflicting-lock");
    // It is no lock on what the members are, nor on the folders in it.
    ben.put("/Projects/folder/a.txt", "changed").status(204);
    ben.copy("/Projects/plan.txt", "/Projects/folder/a.txt").status(204);
    ben.put("/Projects/folder/inner/new.txt", "new").status(201);
    assert_eq!(locks_on(&ben, "/Projects/folder/a.txt"), []);
    let bens = locked(&ben, "/Projects/folder/a.txt");
    unlock(&ben, "/Projects/folder/a.txt", &bens).status(204);
    // The holder names the folder's token.
    let at_folder = holding_at("/Projects/folder/", &token);
    ana.ask("PUT", "/Projects/folder/new.txt").with("If", &at_folder).body("new").send().status(201);
    ana.ask("MKCOL", "/Projects/folder/new").with("If", &at_folder).send().status(201);
    ana.ask("DELETE", "/Projects/folder/a.txt").with("If", &at_folder).send().status(204);
    ana.ask("MOVE", "/Projects/folder/new.txt").with("If", &at_folder).to("/Projects/new.txt").send().status(201);
}

/// Traps 24 and 44: a LOCK without Depth is one of depth infinity.
#[test]
fn a_deep_lock_covers_every_member_and_every_new_one() {
    let (_site, ana, ben) = folder();
    let token = token_of(&lock(&ana, "/Projects/folder").send().status(200));
    let new = "/Projects/folder/inner/new.txt";
    ana.ask("PUT", new).with("If", holding(&token)).body("new").send().status(201);
    for path in ["/Projects/folder/a.txt", "/Projects/folder/inner/b.txt", new] {
        let [seen] = &locks_on(&ben, path)[..] else { panic!("the folder's lock covers `{path}`") };
        assert_eq!((&*seen.depth, &*seen.root), ("infinity", "/dav/Projects/folder/"));
        let refused = ben.put(path, "mine").status(423).condition("lock-token-submitted");
        assert_eq!(condition_hrefs(&refused, "lock-token-submitted"), ["/dav/Projects/folder/"]);
        lock(&ben, path).send().status(423).condition("no-conflicting-lock");
        lock(&ana, path).send().status(423).condition("no-conflicting-lock");
        save(&ana, path, &token).status(204);
    }
    ben.mkcol("/Projects/folder/inner/mine").status(423);
    ben.delete("/Projects/folder/inner").status(423);
    ben.copy("/Projects/plan.txt", "/Projects/folder/inner/plan.txt").status(423);
    // What is moved in is covered from then on, what is moved out no more.
    ana.ask("MOVE", "/Projects/plan.txt")
        .with("If", holding_at("/Projects/folder/", &token))
        .to("/Projects/folder/plan.txt")
        .send()
        .status(201);
    ben.put("/Projects/folder/plan.txt", "mine").status(423);
    ana.ask("MOVE", "/Projects/folder/a.txt").with("If", holding(&token)).to("/Projects/a.txt").send().status(201);
    ben.put("/Projects/a.txt", "mine").status(204);
    // A listing shows it at each of them.
    let asked = asking_for(&["{DAV:}lockdiscovery"]);
    let listed = ben.propfind("/Projects/folder", Depth::Infinity, &asked).multistatus();
    for path in listed.paths() {
        assert!(listed.at(&path).value(&dav("lockdiscovery")).contains("ana"), "{path}");
    }
}

/// Trap 24: UNLOCK at a member takes the whole lock away (RFC 4918 section 9.11).
#[test]
fn a_deep_lock_is_released_at_any_of_its_members() {
    let (_site, ana, ben) = folder();
    let token = locked(&ana, "/Projects/folder");
    unlock(&ana, "/Projects/plan.txt", &token).status(409).condition("lock-token-matches-request-uri");
    unlock(&ana, "/Projects/folder/inner/b.txt", &token).status(204);
    assert_eq!(locks_on(&ben, "/Projects/folder"), []);
    ben.put("/Projects/folder/a.txt", "mine").status(204);
    // A lock of depth 0 isn't one on the members.
    let token = lock_depth_0(&ana, "/Projects/folder");
    unlock(&ana, "/Projects/folder/a.txt", &token).status(409);
    unlock(&ana, "/Projects/folder/", &token).status(204);
}

/// Trap 24: RFC 4918 section 9.10.9.
#[test]
fn a_deep_lock_is_refused_with_the_names_of_what_is_locked_below() {
    let (_site, ana, ben) = folder();
    let bens = locked(&ben, "/Projects/folder/inner/b.txt");
    for who in [&ana, &ben] {
        assert_eq!(blocker(&lock(who, "/Projects/folder").send()), "/Projects/folder/inner/b.txt");
        assert_eq!(blocker(&lock_shared(who, "/Projects").send()), "/Projects/folder/inner/b.txt");
    }
    assert_eq!(locks_on(&ana, "/Projects/folder"), []);
    // Depth 0 doesn't reach so far.
    let token = lock_depth_0(&ana, "/Projects/folder/inner");
    unlock(&ana, "/Projects/folder/inner", &token).status(204);
    unlock(&ben, "/Projects/folder/inner/b.txt", &bens).status(204);
    lock_shared(&ben, "/Projects/folder/inner/b.txt").send().status(200);
    assert_eq!(blocker(&lock(&ana, "/Projects/folder").send()), "/Projects/folder/inner/b.txt");
    lock_shared(&ana, "/Projects/folder").send().status(200);
}

/// Traps 33 and 24: all or nothing, and the blocker is named.
#[test]
fn a_folder_with_a_foreign_lock_in_it_stays_whole() {
    let (_site, ana, ben) = folder();
    ana.mkcol("/Projects/empty").status(201);
    let bens = locked(&ben, "/Projects/folder/inner/b.txt");
    let before = ana.list("/Projects", Depth::Infinity).paths();
    for refused in [
        ana.delete("/Projects/folder"),
        ana.rename("/Projects/folder", "/Projects/elsewhere"),
        ana.ask("COPY", "/Projects/empty").to("/Projects/folder").overwrite(true).send(),
        ana.ask("MOVE", "/Projects/empty").to("/Projects/folder").overwrite(true).send(),
        // The holder too must say that he knows of it.
        ben.delete("/Projects/folder"),
    ] {
        assert_eq!(blocker(&refused), "/Projects/folder/inner/b.txt");
        assert_eq!(ana.list("/Projects", Depth::Infinity).paths(), before);
    }
    save(&ben, "/Projects/folder/inner/b.txt", &bens).status(204);
    // A copy takes nothing away.
    ana.copy("/Projects/folder", "/Projects/copy").status(201);
    let at_file = holding_at("/Projects/folder/inner/b.txt", &bens);
    ben.ask("DELETE", "/Projects/folder").with("If", at_file).send().status(204);
}

/// RFC 4918 section 7.6.
#[test]
fn a_copy_needs_no_lock_and_brings_none() {
    let (_site, ana, ben) = folder();
    let token = locked(&ana, "/Projects/folder/a.txt");
    ben.copy("/Projects/folder/a.txt", "/Projects/copy.txt").status(201);
    ben.copy("/Projects/folder", "/Projects/copied").status(201);
    for path in ["/Projects/copy.txt", "/Projects/copied/a.txt"] {
        assert_eq!(locks_on(&ana, path), []);
        ben.put(path, "mine").status(204);
    }
    // Onto a locked file it is a write: the lock stays, and its holder needs his token.
    ben.copy("/Projects/plan.txt", "/Projects/folder/a.txt").status(423).condition("lock-token-submitted");
    ana.copy("/Projects/plan.txt", "/Projects/folder/a.txt").status(423);
    let onto = ana.ask("COPY", "/Projects/plan.txt").with("If", holding_at("/Projects/folder/a.txt", &token));
    onto.to("/Projects/folder/a.txt").send().status(204);
    ben.put("/Projects/folder/a.txt", "mine").status(423);
    save(&ana, "/Projects/folder/a.txt", &token).status(204);
}

/// Trap 22: RFC 4918 section 7.7, a lock is on a URL and what moves away goes without it.
#[test]
fn a_move_leaves_the_lock_behind() {
    let (_site, ana, ben) = folder();
    let token = locked(&ana, "/Projects/plan.txt");
    ana.ask("MOVE", "/Projects/plan.txt").with("If", holding(&token)).to("/Projects/renamed.txt").send().status(201);
    assert_eq!(locks_on(&ana, "/Projects/renamed.txt"), []);
    save(&ana, "/Projects/renamed.txt", &token).status(412);
    ben.put("/Projects/renamed.txt", "mine").status(204);
    ben.put("/Projects/plan.txt", "a new one").status(201);
    // The same for what lies in a folder.
    let token = locked(&ana, "/Projects/folder/inner/b.txt");
    ana.ask("MOVE", "/Projects/folder").with("If", holding(&token)).to("/Projects/moved.bak").send().status(201);
    assert_eq!(locks_on(&ana, "/Projects/moved.bak/inner/b.txt"), []);
    ben.put("/Projects/moved.bak/inner/b.txt", "mine").status(204);
}

#[test]
fn a_deleted_file_leaves_its_name_unlocked() {
    let (_site, ana, ben) = folder();
    let token = locked(&ana, "/Projects/plan.txt");
    ana.ask("DELETE", "/Projects/plan.txt").with("If", holding(&token)).send().status(204);
    ben.put("/Projects/plan.txt", "a new one").status(201);
    save(&ana, "/Projects/plan.txt", &token).status(412);
    let token = locked(&ana, "/Projects/folder");
    ana.ask("DELETE", "/Projects/folder").with("If", holding(&token)).send().status(204);
    ben.mkcol("/Projects/folder").status(201);
    assert_eq!(locks_on(&ben, "/Projects/folder"), []);
    ben.put("/Projects/folder/new.txt", "new").status(201);
}

#[test]
fn a_locked_share_is_locked_down_to_its_last_file() {
    let (_site, ana, ben) = folder();
    let token = locked(&ana, "/Projects");
    ben.put("/Projects/folder/inner/b.txt", "mine").status(423);
    ben.put("/Projects/new.txt", "new").status(423);
    save(&ana, "/Projects/folder/inner/b.txt", &token).status(204);
    unlock(&ana, "/Projects/", &token).status(204);
    ben.put("/Projects/new.txt", "new").status(201);
}
