//! An acknowledged change survives `kill -9`, whole; one that wasn't acknowledged is there whole or not at all.
//!
//! Writers change folders of their own as fast as they can and remember every answer. The server is killed at a random
//! moment, started again on the same data, and each folder must be what its writer remembers: with or without the one
//! change that had no answer yet. `COMMONHOLD_KILL_ROUNDS` sets how often.
//!
//! A kill can't show a missing sync, since the kernel keeps what the process wrote: that is `durability.rs`.

use std::sync::mpsc::{Sender, channel};
use std::thread;

use crate::model::{Change, Node, read_tree};
use crate::site::{Client, Rng, Site, rng::number_from_env};

const WRITERS: u64 = 4;

const NAMES: &[&str] = &["a", "b", "c", "d", "e"];

#[test]
fn acknowledged_changes_survive_kill_9() {
    let rounds = number_from_env("COMMONHOLD_KILL_ROUNDS").unwrap_or(25);
    let mut site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    let mut random = Rng::seeded();
    let mut trees: Vec<Node> = Vec::new();
    for writer in 0..WRITERS {
        ana.mkcol(&folder_of(writer)).status(201);
        trees.push(Node::empty_folder());
    }
    let mut acknowledged = 0;
    for round in 1..=rounds {
        let killed_after = 1 + random.below(120);
        let (tell, told) = channel();
        let writers: Vec<_> = trees
            .drain(..)
            .zip(0..WRITERS)
            .map(|(tree, writer)| {
                let (client, tell, random) = (ana.clone(), tell.clone(), Rng::new(random.draw()));
                thread::spawn(move || write_until_cut_off(&client, &folder_of(writer), tree, random, &tell))
            })
            .collect();
        drop(tell);
        // So many answers, then the kill: the writers are in the middle of their next changes.
        acknowledged += told.iter().take(killed_after).count();
        site.kill9();
        acknowledged += told.iter().count();
        // All of them must be done before there is a server again, or they would go on with it.
        let outcomes: Vec<Outcome> =
            writers.into_iter().map(|writer| writer.join().expect("a writer ends when the server is gone")).collect();
        site.restart();
        for (writer, outcome) in (0..WRITERS).zip(outcomes) {
            let found = read_tree(&ana, &folder_of(writer));
            assert!(
                found == outcome.acknowledged || found == outcome.with_the_last,
                "round {round}: neither before nor after {:?}, which had no answer",
                outcome.last
            );
            trees.push(found);
        }
    }
    println!("{acknowledged} acknowledged changes in {rounds} rounds, all found");
    site.is_consistent();
}

/// What a writer knows when the server is gone.
struct Outcome {
    acknowledged: Node,
    with_the_last: Node,
    last: Change,
}

/// Sends changes, one after the other, until one gets no answer.
fn write_until_cut_off(client: &Client, folder: &str, mut tree: Node, mut random: Rng, tell: &Sender<()>) -> Outcome {
    loop {
        let change = random_change(&mut random);
        let mut after = tree.clone();
        let expected = change.apply(&mut after);
        match change.send(client, folder) {
            Ok(reply) => {
                assert!(expected.contains(&reply.answer.status), "{expected:?} expected: {}", reply.told());
                tree = after;
                // Once the server is killed nobody counts any more.
                let _ = tell.send(());
            }
            Err(_) => return Outcome { acknowledged: tree, with_the_last: after, last: change },
        }
    }
}

/// Small contents lie in the database, large ones in files.
pub fn random_change(random: &mut Rng) -> Change {
    let file = |random: &mut Rng| vec![random.pick(NAMES).to_owned()];
    let inner = |random: &mut Rng| vec!["folder".to_owned(), random.pick(NAMES).to_owned()];
    match random.below(12) {
        0..=3 => Change::Put(file(random), random.bytes(200)),
        4..=5 => Change::Put(file(random), random.bytes(100 * 1024)),
        6 => Change::Mkcol(vec!["folder".to_owned()]),
        7 => Change::Put(inner(random), random.bytes(200)),
        8 => Change::Move { from: file(random), to: inner(random), overwrite: true },
        9 => Change::Move { from: file(random), to: file(random), overwrite: true },
        10 => {
            Change::Copy { from: vec!["folder".to_owned()], to: vec!["copy".to_owned()], overwrite: true, whole: true }
        }
        _ => Change::Delete(file(random)),
    }
}

fn folder_of(writer: u64) -> String {
    format!("/Projects/writer-{writer}")
}
