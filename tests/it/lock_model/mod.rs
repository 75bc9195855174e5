//! Random locks, unlocks and changes by three people, each checked against a model of who may: the status at once, all that
//! each of them sees of the locks now and then.
//!
//! What becomes of contents is the matter of `tree_model.rs`.
//! `COMMONHOLD_LOCK_STEPS` makes the walk longer, `COMMONHOLD_SEED` repeats one.

mod model;

use std::collections::BTreeMap;

use crate::locks::{lockinfo, locks_below, token_of};
use crate::site::rng::number_from_env;
use crate::site::{Client, Reply, Rng, Site};
use model::{Act, Held, Model, Path, ROOT, Says, VIEWER, url};

/// One walk takes seconds, far less than a name that was left is kept in mind.
const WALK_STEPS: u64 = 2000;

/// Few names, so that they meet; the last one is of the kind that editors move a document to.
const NAMES: &[&str] = &["a", "b", "c", "d~"];

const NODES_MAX: usize = 60;

/// A person's tokens must fit in one If header.
const HELD_MAX: usize = 40;
/// Nobody's token.
const STALE: &str = "urn:uuid:00000000-0000-4000-8000-000000000000";

#[test]
fn any_sequence_of_locks_and_changes_does_what_the_model_says() {
    let steps = number_from_env("COMMONHOLD_LOCK_STEPS").unwrap_or(WALK_STEPS);
    let mut random = Rng::seeded();
    let mut told = BTreeMap::new();
    for walk in 0..steps.div_ceil(WALK_STEPS) {
        walk_a_while(&mut random, WALK_STEPS.min(steps - walk * WALK_STEPS), &mut told);
    }
    println!("{told:?}");
}

/// Walks on a site of its own, and counts requests by their method and status.
fn walk_a_while(random: &mut Rng, steps: u64, told: &mut BTreeMap<(&'static str, u16), u32>) {
    let site = Site::start();
    let people = site.team("Projects", [("ana", "editor"), ("ben", "editor"), ("eva", "viewer")]);
    people[0].mkcol(ROOT).status(201);
    let mut model = Model::empty();
    for step in 1..=steps {
        let who = [0, 0, 0, 1, 1, 1, VIEWER][random.below(7)];
        let act = random_act(&model, random, who);
        let says = match random.below(12) {
            0..=1 => Says::Nothing,
            2 => Says::Foreign,
            3 => Says::Stale,
            _ => Says::Everything,
        };
        let condition = condition(&model, who, says);
        let expected = model.apply(who, says, &act);
        let reply = act.send(&people[who], condition.as_deref());
        assert_eq!(
            reply.answer.status,
            expected,
            "step {step}, {act:?}, {says:?}: {expected} expected: {}",
            reply.told()
        );
        *told.entry((act.name(), expected)).or_insert(0) += 1;
        if matches!(act, Act::Lock { .. }) && expected < 207 {
            model.locks.last_mut().expect("the lock was given").token = token_of(&reply);
        }
        if step % 25 == 0 || step == steps {
            for (who, person) in people.iter().enumerate() {
                assert_eq!(locks_below(person, ROOT), model.seen_by(who), "after step {step}, {act:?}, seen by {who}");
            }
        }
    }
    site.is_consistent();
}

impl Act {
    fn name(&self) -> &'static str {
        match self {
            Self::Put(_) => "PUT",
            Self::Mkcol(_) => "MKCOL",
            Self::Delete(_) => "DELETE",
            Self::Copy { .. } => "COPY",
            Self::Move { .. } => "MOVE",
            Self::Lock { .. } | Self::Refresh { .. } => "LOCK",
            Self::Unlock { .. } => "UNLOCK",
        }
    }

    fn send(&self, who: &Client, condition: Option<&str>) -> Reply {
        let ask = |at: &Path| who.ask(self.name(), &url(at));
        let depth = |deep: bool| if deep { "infinity" } else { "0" };
        let request = match self {
            Self::Put(at) => ask(at).body("content"),
            Self::Mkcol(at) | Self::Delete(at) => ask(at),
            Self::Copy { from, to, overwrite, whole } => {
                ask(from).to(&url(to)).overwrite(*overwrite).with("Depth", depth(*whole))
            }
            Self::Move { from, to, overwrite } => ask(from).to(&url(to)).overwrite(*overwrite),
            Self::Lock { at, exclusive, deep } => {
                ask(at).with("Depth", depth(*deep)).xml(&lockinfo(if *exclusive { "exclusive" } else { "shared" }, ""))
            }
            // These two are about one token, and say so themselves.
            Self::Unlock { at, token } => return ask(at).with("Lock-Token", format!("<{token}>")).send(),
            Self::Refresh { at, token } => return ask(at).with("If", format!("(<{token}>)")).send(),
        };
        match condition {
            Some(condition) => request.with("If", condition).send(),
            None => request.send(),
        }
    }
}

/// One to three names deep, more often short.
fn random_path(random: &mut Rng) -> Path {
    let depth = 1 + random.below(3).min(random.below(3));
    (0..depth).map(|_| NAMES[random.below(NAMES.len())]).collect()
}

fn random_act(model: &Model, random: &mut Rng, who: usize) -> Act {
    let at = random_path(random);
    let mine = model.locks.iter().filter(|lock| lock.who == who).count();
    let crowded = model.size() > NODES_MAX;
    match random.below(20) {
        _ if crowded => Act::Delete(vec![NAMES[random.below(NAMES.len())]]),
        0..=2 if mine < HELD_MAX => Act::Lock { at, exclusive: random.once_in(2), deep: random.once_in(3) },
        0..=7 => about_a_lock(model, random, who, at),
        8..=10 => Act::Put(at),
        11..=12 => Act::Mkcol(at),
        13 => Act::Delete(at),
        14..=15 => {
            Act::Copy { from: at, to: random_path(random), overwrite: !random.once_in(3), whole: !random.once_in(4) }
        }
        _ => Act::Move { from: at, to: random_path(random), overwrite: !random.once_in(3) },
    }
}

/// UNLOCK or refresh of a lock, more often of the person's own and at its root than another one or elsewhere.
fn about_a_lock(model: &Model, random: &mut Rng, who: usize, at: Path) -> Act {
    let own = !random.once_in(5);
    let locks: Vec<&Held> = model.locks.iter().filter(|lock| !own || lock.who == who).collect();
    let (token, at) = match locks.len() {
        0 => (STALE.to_owned(), at),
        count => {
            let lock = locks[random.below(count)];
            let root = model.path_of(lock.node).filter(|path| !path.is_empty() && !random.once_in(4));
            (lock.token.clone(), root.unwrap_or(at))
        }
    };
    if random.once_in(4) { Act::Refresh { at, token } } else { Act::Unlock { at, token } }
}

/// The If header; but for the stale token it is always true (RFC 4918 section 10.4.8).
fn condition(model: &Model, who: usize, says: Says) -> Option<String> {
    let named = |mine: bool| {
        let tokens = model.locks.iter().filter(|lock| (lock.who == who) == mine).take(HELD_MAX);
        let named: String = tokens.map(|lock| format!("<{}>", lock.token)).collect();
        let first = if named.is_empty() { named } else { format!("({named}) ") };
        Some(format!("{first}(Not <DAV:no-lock>)"))
    };
    match says {
        Says::Nothing => None,
        Says::Everything => named(true),
        Says::Foreign => named(false),
        Says::Stale => Some(format!("(<{STALE}>)")),
    }
}
