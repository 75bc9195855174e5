//! Random changes of a tree, each checked against a model of it: the status at once, the whole tree now and then.
//!
//! `COMMONHOLD_MODEL_STEPS` makes the walk longer, `COMMONHOLD_SEED` repeats one.

use crate::model::{Change, Node, read_tree};
use crate::site::{Rng, Site, rng::number_from_env};

const ROOT: &str = "/Projects/model";

/// Few names, so that they meet: the same one in two cases, with a space, beyond ASCII, with and without an ending.
const NAMES: &[&str] = &["a", "A", "b", "c.txt", "C.TXT", "d e", "\u{fc}", "\u{dc}"];

/// Enough for every kind of clash, and little enough to read after each few steps.
const NODES_MAX: usize = 150;

#[test]
fn any_sequence_of_changes_leaves_the_tree_of_the_model() {
    let steps = number_from_env("COMMONHOLD_MODEL_STEPS").unwrap_or(400);
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.mkcol(ROOT).status(201);
    let mut random = Rng::seeded();
    let mut model = Node::empty_folder();
    for step in 1..=steps {
        let change = random_change(&mut random, model.count() > NODES_MAX);
        let expected = change.apply(&mut model);
        let reply = change.send(&ana, ROOT).expect("the server answers");
        assert!(expected.contains(&reply.answer.status), "step {step}: {expected:?} expected: {}", reply.told());
        if step % 40 == 0 || step == steps {
            assert!(read_tree(&ana, ROOT) == model, "after step {step}, {change:?}, the trees differ");
        }
    }
    site.is_consistent();
}

fn random_change(random: &mut Rng, crowded: bool) -> Change {
    let overwrite = !random.once_in(3);
    match random.below(10) {
        _ if crowded => Change::Delete(vec![random.pick(NAMES).to_owned()]),
        0..=2 => Change::Put(path(random), content(random)),
        3..=4 => Change::Mkcol(path(random)),
        5 => Change::Delete(path(random)),
        6..=7 => Change::Copy { from: path(random), to: path(random), overwrite, whole: !random.once_in(4) },
        _ => Change::Move { from: path(random), to: path(random), overwrite },
    }
}

/// One to four names deep, more often short.
fn path(random: &mut Rng) -> Vec<String> {
    let depth = 1 + random.below(4).min(random.below(4));
    (0..depth).map(|_| random.pick(NAMES).to_owned()).collect()
}

/// Empty, small, around the size that goes to a file, larger.
fn content(random: &mut Rng) -> Vec<u8> {
    let size = [0, 10, 16_384, 16_385, 100_000][random.below(5)];
    random.bytes(size)
}
