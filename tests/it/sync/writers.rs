//! Sixteen writers, rights that change, and people who follow: nothing is lost and nothing is told twice.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::EVERYTHING;
use super::follower::Follower;
use crate::site::rng::number_from_env;
use crate::site::{Client, Rng, Site};

const WRITERS: usize = 16;
/// Requests of each; `COMMONHOLD_SYNC_STEPS` for more.
const STEPS: u64 = 40;
const NAMES: [&str; 6] = ["a", "A", "b", "c", "d", "~$e"];

/// A path of one to three names.
fn path(rng: &mut Rng) -> String {
    let depth = 1 + rng.below(3);
    let names: Vec<&str> = (0..depth).map(|_| rng.pick(&NAMES)).collect();
    format!("/Projects/{}", names.join("/"))
}

/// One change that may succeed or not.
fn change(client: &Client, rng: &mut Rng) {
    let at = path(rng);
    let reply = match rng.below(10) {
        0..=2 => client.put(&at, format!("{}", rng.draw())),
        3 | 4 => client.mkcol(&at),
        5 => client.delete(&at),
        6 => client.copy(&at, &path(rng)),
        7 | 8 => client.rename(&at, &path(rng)),
        _ => client.set(&at, &format!(r#"<n xmlns="urn:example">{}</n>"#, rng.draw())),
    };
    assert!(reply.answer.status < 500, "{}", reply.told());
}

/// One change of what somebody may see.
fn change_rights(site: &Site, rng: &mut Rng) {
    let at = format!("/Projects/{}", rng.pick(&NAMES[..5]));
    let who = rng.pick(&["ben", "cleo", "dora"]);
    let role = rng.pick(&["viewer", "collaborator", "editor"]);
    let arguments: Vec<&str> = match rng.below(6) {
        0 => vec!["grant", "add", &at, "--user", who, "--deny", EVERYTHING],
        1 => vec!["grant", "add", &at, "--group", "readers", "--deny", EVERYTHING],
        2 => vec!["grant", "remove", &at, "--user", who],
        3 => vec!["grant", "inherit", &at, rng.pick(&["on", "off"])],
        4 => vec!["share", "subscribe", "Projects", "--user", who, "--role", role],
        _ => vec!["group", "member", rng.pick(&["add", "remove"]), "readers", "--user", who],
    };
    // The folder may be gone, and the grant too.
    let _ = site.command(&arguments).output().expect("the command runs");
}

/// Issue: sync-collection with writers on all servers (`COMMONHOLD_TEST_NODES=3`), nothing lost.
#[test]
fn whoever_follows_under_sixteen_writers_knows_what_is_listed() {
    let site = Site::start();
    let [ana, ben, cleo, dora] =
        site.team("Projects", [("ana", "co-owner"), ("ben", "collaborator"), ("cleo", "editor"), ("dora", "viewer")]);
    site.cli(&["group", "add", "readers"]).ok();
    site.cli(&["group", "member", "add", "readers", "--user", "cleo"]).ok();
    let steps = number_from_env("COMMONHOLD_SYNC_STEPS").unwrap_or(STEPS);
    let mut rng = Rng::seeded();
    let (writing, writers_left) = (AtomicBool::new(true), AtomicUsize::new(WRITERS));
    let mut followers: Vec<(Follower, Rng)> = Vec::new();
    for who in [&ana, &ben, &cleo, &dora] {
        followers.push((Follower::new(who, "/Projects", true), Rng::new(rng.draw())));
        followers.push((Follower::new(who, "/Projects", false), Rng::new(rng.draw())));
    }
    let pages = AtomicUsize::new(0);
    thread::scope(|scope| {
        for number in 0..WRITERS {
            let client = [&ana, &ben, &cleo][number % 3].clone();
            let mut rng = Rng::new(rng.draw());
            let (writing, writers_left) = (&writing, &writers_left);
            scope.spawn(move || {
                for _ in 0..steps {
                    change(&client, &mut rng);
                }
                if writers_left.fetch_sub(1, Ordering::AcqRel) == 1 {
                    writing.store(false, Ordering::Release);
                }
            });
        }
        for (follower, rng) in &mut followers {
            let (pages, writing) = (&pages, &writing);
            scope.spawn(move || {
                while writing.load(Ordering::Acquire) {
                    let limit = [None, Some(1 + rng.below(8) as u32)][rng.below(2)];
                    follower.page(limit);
                    pages.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let mut rights = Rng::new(rng.draw());
        while writing.load(Ordering::Acquire) {
            change_rights(&site, &mut rights);
        }
    });
    let mut anew = 0;
    for (follower, _) in &mut followers {
        follower.pages(Some(7));
        follower.sees_what_is_listed();
        anew += follower.begun_anew;
    }
    println!("{} pages, {anew} times begun anew", pages.into_inner());
    site.is_consistent();
}
