//! A server dies, or the primary database, while people work: what was acknowledged is there, and the site goes on by itself.
//!
//! The database's part needs a primary and a synchronous standby: `tests/postgres_pair.sh cargo test --test it failover`. Then
//! `COMMONHOLD_TEST_FAILOVER` names the command that kills the one and promotes the other. An object store of several nodes loses one in
//! `tests/garage.sh cargo test --test it failover`, which is run by hand.

use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::remembering::remember;
use crate::site::rng::number_from_env;
use crate::site::{Client, Site, is_elsewhere};

/// People who work at the same time.
const PEOPLE: usize = 6;
/// Changes between two deaths.
const CHANGES: usize = 60;

/// One test at a time: all of them share the primary, and no server starts while it is dead.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn people(site: &Site) -> Vec<Client> {
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    (0..PEOPLE).map(|_| ana.clone()).collect()
}

#[test]
fn no_acknowledged_change_is_lost_when_servers_are_killed() {
    if !is_elsewhere() {
        return; // `kill9.rs` kills the only one
    }
    let _alone = alone();
    let kills = number_from_env("COMMONHOLD_KILL_ROUNDS").unwrap_or(6);
    let mut site = Site::start_several(3, "");
    let people = people(&site);
    let seen = remember(people, |told| {
        for kill in 0..kills {
            told.iter().take(CHANGES).count();
            site.kill9_one(kill as usize % 3);
            told.iter().take(CHANGES).count();
            site.start_one_more();
        }
    });
    println!("{kills} kills of one of three servers: {seen:?}");
    assert!(seen.acknowledged >= 2 * CHANGES * kills as usize);
    site.is_consistent();
    site.cli(&["audit", "verify"]).ok();
}

#[test]
fn no_acknowledged_change_is_lost_when_the_primary_database_is_killed() {
    let Ok(failover) = std::env::var("COMMONHOLD_TEST_FAILOVER") else {
        return; // there is no standby that could take over
    };
    let _alone = alone();
    let mut site = Site::start_several(3, "");
    let people = people(&site);
    let seen = remember(people, |told| {
        told.iter().take(5 * CHANGES).count();
        let ran = Command::new(&failover).output().expect("the command is there");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        println!("{}", String::from_utf8_lossy(&ran.stdout).trim());
        told.iter().take(5 * CHANGES).count();
    });
    println!("the primary killed under three servers: {seen:?}");
    assert!(seen.acknowledged >= 10 * CHANGES);
    // Nobody was restarted.
    site.is_consistent();
    site.cli(&["audit", "verify"]).ok();
    site.stop();
}

#[test]
fn no_acknowledged_change_is_lost_when_a_node_of_the_object_store_is_killed() {
    let Ok(death) = std::env::var("COMMONHOLD_TEST_NODE_DEATH") else {
        return; // the object store has no node to spare
    };
    let _alone = alone();
    let site = Site::start();
    let people = people(&site);
    let seen = remember(people, |told| {
        told.iter().take(5 * CHANGES).count();
        let killed = Command::new("sh").args(["-c", &death]).status().expect("there is a shell");
        assert!(killed.success(), "`{death}` kills it");
        told.iter().take(5 * CHANGES).count();
    });
    println!("one node of the object store killed: {seen:?}");
    assert!(seen.acknowledged >= 10 * CHANGES);
    site.is_consistent();
}
