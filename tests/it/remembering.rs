//! Somebody who changes files while servers and databases die, and remembers every answer.
//!
//! Each changes a folder of his own. A change that was acknowledged must be there; one that had no answer, or 503, must be there whole or not at all,
//! and stay so.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use crate::kill9::random_change;
use crate::model::{Node, try_read_tree};
use crate::site::{Client, Rng};

/// A site that doesn't answer after this time has not come back.
const PATIENCE: Duration = Duration::from_secs(120);

/// What somebody has seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// Changes whose success he was told.
    pub acknowledged: usize,
    /// Changes without an answer, or with 503.
    pub unknown: usize,
    /// Of these, how many had been made.
    pub made: usize,
    /// The longest time without an acknowledged change.
    pub longest: Duration,
}

impl Seen {
    /// Of several together.
    pub fn and(self, other: Self) -> Self {
        Self {
            acknowledged: self.acknowledged + other.acknowledged,
            unknown: self.unknown + other.unknown,
            made: self.made + other.made,
            longest: self.longest.max(other.longest),
        }
    }
}

/// Lets several people change folders of their own in the share `Projects` until `over`, and `meanwhile` happen; then all that they remember must hold.
/// `meanwhile` hears of every acknowledged change.
pub fn remember(people: Vec<Client>, meanwhile: impl FnOnce(std::sync::mpsc::Receiver<()>)) -> Seen {
    let over = AtomicBool::new(false);
    let (tell, told) = std::sync::mpsc::channel();
    let mut random = Rng::seeded();
    for (number, client) in people.iter().enumerate() {
        client.mkcol(&folder_of(number)).status(201);
    }
    thread::scope(|scope| {
        let over = &over;
        let workers: Vec<_> = people
            .into_iter()
            .enumerate()
            .map(|(number, client)| {
                let (random, tell) = (Rng::new(random.draw()), tell.clone());
                scope.spawn(move || work(&client, number, random, over, &tell))
            })
            .collect();
        drop(tell);
        let working = Working(over);
        meanwhile(told);
        drop(working);
        let each = workers.into_iter().map(|worker| worker.join().expect("what he remembers holds"));
        each.fold(Seen::default(), Seen::and)
    })
}

/// As long as it is kept they work. They end too when what happens meanwhile fails: else it would never be heard why.
struct Working<'a>(&'a AtomicBool);

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn folder_of(number: usize) -> String {
    format!("/Projects/remembered-{number}")
}

fn work(client: &Client, number: usize, mut random: Rng, over: &AtomicBool, tell: &Sender<()>) -> Seen {
    let folder = folder_of(number);
    let mut tree = Node::empty_folder();
    let mut seen = Seen::default();
    let mut last = Instant::now();
    while !over.load(Ordering::Acquire) {
        let change = random_change(&mut random);
        let mut after = tree.clone();
        let expected = change.apply(&mut after);
        match change.send(client, &folder) {
            Ok(reply) if reply.answer.status != 503 => {
                assert!(expected.contains(&reply.answer.status), "{expected:?} expected: {}", reply.told());
                tree = after;
                seen.acknowledged += 1;
                seen.longest = seen.longest.max(last.elapsed());
                last = Instant::now();
                // Nobody counts any more at the end.
                let _ = tell.send(());
            }
            Ok(_) | Err(_) => {
                seen.unknown += 1;
                let found = settled(client, number, &folder);
                assert!(
                    found == tree || found == after,
                    "{folder}: neither before nor after {change:?}, which had no answer"
                );
                if found == after && found != tree {
                    seen.made += 1;
                }
                tree = found;
            }
        }
    }
    let found = settled(client, number, &folder);
    assert!(found == tree, "{folder} is not what was acknowledged");
    seen
}

/// The folder, once the site answers again. A write goes first: it waits for one whose answer was lost and which may be under way still.
fn settled(client: &Client, number: usize, folder: &str) -> Node {
    let begun = Instant::now();
    loop {
        let written = client.ask("PUT", &format!("/Projects/barrier-{number}")).body("here").try_send();
        if written.is_ok_and(|reply| [201, 204].contains(&reply.answer.status))
            && let Ok(tree) = try_read_tree(client, folder)
        {
            return tree;
        }
        assert!(begun.elapsed() < PATIENCE, "the site does not come back");
        thread::yield_now();
    }
}
