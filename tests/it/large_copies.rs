//! COPY of trees that are too large for one transaction: they go in slices, and nobody sees it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::site::{Client, Depth, Rng, Site, asking_for, rng::number_from_env};

/// Every tree of more than a few nodes goes in slices.
const SOON: &str = "[dav]\ncopy_at_once_max = 5\n";

/// Nodes of the tree that [`grown`] makes.
const NODES: usize = 5 * (1 + 20) + 1;

/// `/Projects/big`: 5 folders of 20 files each.
fn grown(config: &str) -> (Site, Client, Client) {
    let site = Site::start_with(config);
    let [ana, ben] = site.team("Projects", [("ana", "co-owner"), ("ben", "editor")]);
    ana.mkcol("/Projects/big").status(201);
    ana.mkcol("/Projects/big/d0").status(201);
    for file in 0..20 {
        ana.put(&format!("/Projects/big/d0/f{file}"), format!("content {file}")).status(201);
    }
    for folder in 1..5 {
        ana.copy("/Projects/big/d0", &format!("/Projects/big/d{folder}")).status(201);
    }
    (site, ana, ben)
}

/// How many nodes lie at and below a folder; 0 when it is not there.
fn count(client: &Client, folder: &str) -> usize {
    let reply = client.list(folder, Depth::Infinity).status_in(&[207, 404]);
    if reply.answer.status == 404 { 0 } else { reply.paths().len() }
}

#[test]
fn a_large_copy_is_there_as_a_whole_or_not_at_all() {
    let (site, ana, ben) = grown(SOON);
    ana.set("/Projects/big/d3/f7", r#"<colour xmlns="urn:example">red</colour>"#).status(207);
    ana.set("/Projects/big", r#"<colour xmlns="urn:example">blue</colour>"#).status(207);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut seen = 0;
            while !over.load(Ordering::Acquire) {
                let here = count(&ben, "/Projects/copy");
                assert!([0, NODES].contains(&here), "half of a copy is seen: {here}");
                seen += 1;
            }
            seen
        });
        for _ in 0..4 {
            ana.copy("/Projects/big", "/Projects/copy").status(201);
            assert_eq!(count(&ana, "/Projects/copy"), NODES);
            ana.get("/Projects/copy/d4/f19").status(200).body("content 19");
            for (path, colour) in [("/Projects/copy/d3/f7", "red"), ("/Projects/copy", "blue")] {
                let kept = ana.propfind(path, Depth::Zero, &asking_for(&["{urn:example}colour"])).multistatus();
                let of_itself = kept.only().value("{urn:example}colour");
                assert_eq!(of_itself, colour, "{path}");
            }
            ana.delete("/Projects/copy").status(204);
        }
        over.store(true, Ordering::Release);
        assert!(watcher.join().expect("the watcher ends") > 0);
    });
    // It replaces what stands there, which then lies in the trash.
    ana.put("/Projects/taken", "in the way").status(201);
    ana.ask("COPY", "/Projects/big").to("/Projects/taken").overwrite(false).send().status(412);
    ana.copy("/Projects/big", "/Projects/taken").status(204);
    assert_eq!(count(&ana, "/Projects/taken"), NODES);
    site.cli(&["trash", "restore", "/Projects/taken", "--to", "/Projects/big"]).ok();
    ana.get("/Projects/big/taken").status(200).body("in the way");
    site.is_consistent();
}

/// A file in the first folder is always one save ahead of, or as new as, the one in the last folder. So it is in every copy.
#[test]
fn a_large_copy_is_its_source_at_one_moment() {
    let (site, ana, ben) = grown(SOON);
    for path in ["/Projects/big/d0/f0", "/Projects/big/d4/f9"] {
        ana.put(path, "0").status(204);
    }
    let number = |path: &str| -> u32 { ana.get(path).status(200).text().parse().expect("a number") };
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut saves = 0_u32;
            while !over.load(Ordering::Acquire) {
                saves += 1;
                ben.put("/Projects/big/d0/f0", saves.to_string()).status(204);
                ben.put("/Projects/big/d4/f9", saves.to_string()).status(204);
            }
            saves
        });
        for copy in 0..8 {
            let to = format!("/Projects/copy{copy}");
            ana.copy("/Projects/big", &to).status(201);
            let (first, last) = (number(&format!("{to}/d0/f0")), number(&format!("{to}/d4/f9")));
            assert!(first == last || first == last + 1, "a copy of two moments: {first} and {last}");
        }
        over.store(true, Ordering::Release);
        assert!(writer.join().expect("the writer ends") > 0);
    });
    site.is_consistent();
}

/// What is refused at the end leaves nothing: its rows go with the next purge, and its bytes were never counted.
#[test]
fn a_large_copy_that_is_refused_leaves_nothing() {
    let (site, ana, ben) = grown(SOON);
    let used = || site.cli(&["share", "show", "Projects", "--json"]).ok().json()["used_bytes"].clone();
    let before = used();
    site.cli(&["share", "set", "Projects", "--quota", "1500"]).ok();
    ana.copy("/Projects/big", "/Projects/copy").status(507).condition("quota-not-exceeded");
    assert_eq!((count(&ana, "/Projects/copy"), used()), (0, before.clone()));
    site.cli(&["share", "set", "Projects", "--quota", "none"]).ok();
    ana.ask("COPY", "/Projects/big").to("/Projects/no/where").send().status(409);
    ana.ask("COPY", "/Projects/big").to("/Projects/copy").with("If-Match", "\"other\"").send().status(412);
    site.cli(&["job", "run", "purge"]).ok();
    assert_eq!(used(), before);
    // What somebody doesn't see is in no copy of his.
    site.cli(&["grant", "inherit", "/Projects/big/d2", "off"]).ok();
    ben.copy("/Projects/big", "/Projects/bens").status(201);
    assert_eq!(count(&ana, "/Projects/bens"), NODES - 21);
    site.is_consistent();
}

/// Rights of one's own on several things below are the same rights when the copy comes to its place.
#[test]
fn a_large_copy_with_several_marked_folders_below_is_made() {
    let (site, ana, ben) = grown(SOON);
    for folder in 0..4 {
        site.cli(&["grant", "add", &format!("/Projects/big/d{folder}"), "--user", "ben", "--level", "read"]).ok();
    }
    for copy in 0..3 {
        ben.copy("/Projects/big", &format!("/Projects/copy{copy}")).status(201);
        assert_eq!(count(&ana, &format!("/Projects/copy{copy}")), NODES);
    }
    site.is_consistent();
}

/// More copies than a server has connections that read: each has its turn, and listings are answered meanwhile.
#[test]
fn many_large_copies_at_once_are_all_made() {
    const COPIES: usize = 12;
    let (site, ana, ben) = grown(SOON);
    thread::scope(|scope| {
        for copy in 0..COPIES {
            let (ana, ben) = (ana.clone(), ben.clone());
            scope.spawn(move || {
                ana.copy("/Projects/big", &format!("/Projects/copy{copy}")).status(201);
                assert_eq!(count(&ben, &format!("/Projects/copy{copy}")), NODES);
            });
        }
        for _ in 0..COPIES {
            assert_eq!(count(&ben, "/Projects/big"), NODES);
        }
    });
    site.is_consistent();
}

/// A moment in the middle of a large copy knows nothing of it, though its rows were made before.
#[test]
fn a_roll_back_to_the_middle_of_a_large_copy_takes_it_away() {
    let (site, ana, _) = grown(SOON);
    // The rows of the copy say that they were made before the mark, and it came to its place after it.
    ana.copy("/Projects/big", "/Projects/copy").status(201);
    site.sql(
        "update node set made_at = made_at - 600000, written_at = written_at - 600000;
              update place set left_at = left_at + 1 where name = 'copy'",
    );
    let records = site.cli(&["audit", "--verb", "COPY", "--json"]).ok().json();
    let moment = records.as_array().and_then(|records| records.last()).expect("a record")["time"].clone();
    let told =
        site.cli(&["rollback", "/Projects", "--to", moment.as_str().expect("a time"), "--new", "--json"]).ok().json();
    assert_eq!(
        (&told["trashed"], count(&ana, "/Projects/copy"), count(&ana, "/Projects/big")),
        (&1.into(), 0, NODES),
        "{told}"
    );
    site.is_consistent();
}

/// `COMMONHOLD_KILL_ROUNDS` sets how often.
#[test]
fn a_server_killed_in_the_middle_of_a_large_copy_leaves_all_of_it_or_nothing() {
    let (mut site, ana, _) = grown(SOON);
    let mut rng = Rng::seeded();
    let mut came = 0;
    let rounds = number_from_env("COMMONHOLD_KILL_ROUNDS").unwrap_or(8);
    for round in 0..rounds {
        let to = format!("/Projects/copy{round}");
        let copier = ana.clone();
        let path = to.clone();
        let copying = thread::spawn(move || {
            let sent = copier.ask("COPY", "/Projects/big").to(&path).try_send();
            sent.is_ok_and(|reply| reply.answer.status == 201)
        });
        // Requests beside it take about as long as its slices.
        for _ in 0..rng.below(12) {
            ana.get("/Projects/big/d0/f0").status(200);
        }
        site.kill9();
        let acknowledged = copying.join().expect("the copier ends");
        site.restart();
        let here = count(&ana, &to);
        assert!(here == NODES || (here == 0 && !acknowledged), "round {round}: {here}, acknowledged: {acknowledged}");
        came += usize::from(here > 0);
        site.is_consistent();
    }
    println!("{came} of {rounds} copies had come to their places");
    // What was broken off goes once its lease is over.
    site.kill9();
    site.sql("update site set value = value; update detached set not_before = 0");
    site.restart();
    site.cli(&["job", "run", "purge"]).ok();
    site.is_consistent();
}
