//! Locks under pressure: of two that exclude each other one is given, never both; many clients that lock and unlock cost
//! no memory; and what was acknowledged survives `kill -9`.
//!
//! `COMMONHOLD_LOCK_ROUNDS` sets how many races are run and how many locks each client of the crowd takes,
//! `COMMONHOLD_LOCK_KILLS` how often the server is killed.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SendError, Sender, SyncSender, channel, sync_channel};
use std::thread;

use crate::locks::{lock, lock_shared, locked, locks_on, refresh, token_of, unlock};
use crate::site::rng::number_from_env;
use crate::site::{Client, Depth, Reply, Rng, Site};

const RACES: u64 = 1000;

/// A LOCK as somebody asks for it.
type Ask = fn(&Client) -> Reply;

/// Lets two people ask at the same moment, so often; each time exactly one must get his lock, which he then gives back.
/// Gives how often the first one won.
fn race(ana: &Client, ben: &Client, asks: [(Ask, &str); 2], refusals: [u16; 2]) -> usize {
    let rounds = number_from_env("COMMONHOLD_LOCK_ROUNDS").unwrap_or(RACES);
    let [here, there] = meeting();
    let run = |who: &Client, (ask, path): (Ask, &str), refusal: u16, other: Meeting| -> Vec<bool> {
        let round = |_| {
            other.meet();
            let answer = ask(who).status_in(&[200, refusal]);
            // Nobody gives his lock back before the other has his answer, or both could be right to get one.
            other.meet();
            let won = answer.answer.status == 200;
            if won {
                unlock(who, path, &token_of(&answer)).status(204);
            }
            won
        };
        (0..rounds).map(round).collect()
    };
    let [first, second] = thread::scope(|scope| {
        let second = scope.spawn(|| run(ben, asks[1], refusals[1], there));
        let first = run(ana, asks[0], refusals[0], here);
        [first, second.join().expect("the other's answers are among the expected")]
    });
    for (round, (first, second)) in first.iter().zip(&second).enumerate() {
        assert!(first != second, "round {round}: {}", if *first { "both got a lock" } else { "nobody got a lock" });
    }
    first.iter().filter(|won| **won).count()
}

/// One side of two threads that wait for each other; a side that has failed fails the other one too.
struct Meeting(SyncSender<()>, Receiver<()>);

fn meeting() -> [Meeting; 2] {
    let ((here, to_here), (there, to_there)) = (sync_channel(1), sync_channel(1));
    [Meeting(there, to_here), Meeting(here, to_there)]
}

impl Meeting {
    fn meet(&self) {
        self.0.send(()).and_then(|()| self.1.recv().map_err(|_| SendError(()))).expect("the other side is there");
    }
}

fn two_editors() -> (Site, Client, Client) {
    let site = Site::start();
    let [ana, ben] = site.team("Projects", [("ana", "editor"), ("ben", "editor")]);
    (site, ana, ben)
}

#[test]
fn of_two_locks_that_exclude_each_other_exactly_one_is_given() {
    let (site, ana, ben) = two_editors();
    ana.put("/Projects/plan.txt", "v1").status(201);
    let exclusive: (Ask, &str) = (|who| lock(who, "/Projects/plan.txt").send(), "/Projects/plan.txt");
    let shared: (Ask, &str) = (|who| lock_shared(who, "/Projects/plan.txt").send(), "/Projects/plan.txt");
    let won = race(&ana, &ben, [exclusive, exclusive], [423, 423]);
    println!("exclusive against exclusive: the first one won {won} times");
    let won = race(&ana, &ben, [exclusive, shared], [423, 423]);
    println!("exclusive against shared: the first one won {won} times");
    assert_eq!(locks_on(&ana, "/Projects/plan.txt"), []);
    site.is_consistent();
}

#[test]
fn a_deep_lock_and_one_below_it_are_never_both_given() {
    let (site, ana, ben) = two_editors();
    for folder in ["/Projects/a", "/Projects/a/b"] {
        ana.mkcol(folder).status(201);
    }
    ana.put("/Projects/a/b/c", "c").status(201);
    let deep: (Ask, &str) = (|who| lock(who, "/Projects/a").with("Depth", "infinity").send(), "/Projects/a");
    let below: (Ask, &str) = (|who| lock(who, "/Projects/a/b/c").send(), "/Projects/a/b/c");
    // The deep one is refused with the name of what is locked below it, in a 207.
    let won = race(&ana, &ben, [deep, below], [207, 423]);
    println!("the deep lock won {won} times");
    site.is_consistent();
}

/// Connections of the crowd.
const CROWD: usize = 20;
/// What the server may have grown by after the crowd.
const GROWTH_KIB_MAX: u64 = 16 * 1024;

#[test]
fn a_crowd_that_locks_and_unlocks_costs_no_memory() {
    let each = number_from_env("COMMONHOLD_LOCK_ROUNDS").unwrap_or(100);
    let (site, ana, _ben) = two_editors();
    let crowd = |rounds: u64| {
        thread::scope(|scope| {
            for n in 0..CROWD {
                let client = ana.clone();
                scope.spawn(move || {
                    // Every second one locks a name where nothing is, which makes a file and takes it away again.
                    let file = format!("/Projects/crowd-{n}.txt");
                    if n % 2 == 0 {
                        client.put(&file, "v1").status(201);
                    }
                    for _ in 0..rounds {
                        let token = locked(&client, &file);
                        unlock(&client, &file, &token).status(204);
                    }
                    if n % 2 == 0 {
                        client.delete(&file).status(204);
                    }
                });
            }
        });
    };
    // The first round fills caches, statement tables and the pools of the allocator.
    crowd(10);
    let before = resident_kib(&site);
    crowd(each);
    let after = resident_kib(&site);
    println!("{} pairs of LOCK and UNLOCK: {before} KiB before, {after} KiB after", CROWD as u64 * each);
    assert!(after < before + GROWTH_KIB_MAX, "the server grew from {before} to {after} KiB");
    assert_eq!(ana.list("/Projects", Depth::One).paths(), ["/Projects/"]);
    site.is_consistent();
}

/// The resident memory of the site's server.
fn resident_kib(site: &Site) -> u64 {
    let pid = std::fs::read_to_string(site.data().join("server.lock")).expect("a running server names itself there");
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid.trim())).expect("the server runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the system tells it");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

const WRITERS: usize = 4;
const FILES: usize = 5;

/// What a writer knows of its files: the token of the lock on each that has one.
type Held = BTreeMap<String, String>;

#[test]
fn an_acknowledged_lock_or_unlock_survives_kill_9() {
    let kills = number_from_env("COMMONHOLD_LOCK_KILLS").unwrap_or(10);
    let (mut site, ana, ben) = two_editors();
    let mut random = Rng::seeded();
    let files = |writer: usize| (0..FILES).map(move |n| format!("/Projects/writer-{writer}-{n}.txt"));
    for file in (0..WRITERS).flat_map(files) {
        ana.put(&file, "v1").status(201);
    }
    let mut known = vec![Held::new(); WRITERS];
    let mut acknowledged = 0;
    for round in 1..=kills {
        let killed_after = 1 + random.below(100);
        let (tell, told) = channel();
        let writers: Vec<_> = known
            .drain(..)
            .enumerate()
            .map(|(writer, held)| {
                let (client, tell, random) = (ana.clone(), tell.clone(), Rng::new(random.draw()));
                thread::spawn(move || lock_until_cut_off(&client, files(writer).collect(), held, random, &tell))
            })
            .collect();
        drop(tell);
        acknowledged += told.iter().take(killed_after).count();
        site.kill9();
        acknowledged += told.iter().count();
        let outcomes: Vec<(Held, String)> =
            writers.into_iter().map(|writer| writer.join().expect("a writer ends when the server is gone")).collect();
        site.restart();
        for (writer, (mut held, unanswered)) in outcomes.into_iter().enumerate() {
            for file in files(writer) {
                let found = locks_on(&ana, &file);
                assert!(found.len() <= 1, "round {round}: an exclusive lock is the only one: {found:?}");
                let token = found.into_iter().next().map(|lock| lock.token.expect("ana's own"));
                if file != unanswered {
                    assert_eq!(token.as_ref(), held.get(&file), "round {round}: `{file}`");
                }
                // The one request without an answer may have been carried out or not; either way locks still guard.
                ben.put(&file, "v2").status(if token.is_some() { 423 } else { 204 });
                match token {
                    Some(token) => held.insert(file, token),
                    None => held.remove(&file),
                };
            }
            known.push(held);
        }
    }
    println!("{acknowledged} acknowledged changes of locks in {kills} rounds, all found");
    site.is_consistent();
}

/// Locks, refreshes and unlocks at random until a request gets no answer. Gives the locks held by then, and the file of
/// that request.
fn lock_until_cut_off(
    client: &Client,
    files: Vec<String>,
    mut held: Held,
    mut random: Rng,
    tell: &Sender<()>,
) -> (Held, String) {
    loop {
        let file = &files[random.below(files.len())];
        let answer = match held.get(file) {
            None => lock(client, file).try_send(),
            Some(token) if random.once_in(3) => refresh(client, file, token).try_send(),
            Some(token) => client.ask("UNLOCK", file).with("Lock-Token", format!("<{token}>")).try_send(),
        };
        let Ok(answer) = answer else { return (held, file.clone()) };
        match answer.status_in(&[200, 204]) {
            answer if answer.answer.status == 204 => held.remove(file),
            answer if answer.answer.header("lock-token").is_some() => held.insert(file.clone(), token_of(&answer)),
            _ => None,
        };
        // Once the server is killed nobody counts any more.
        let _ = tell.send(());
    }
}
