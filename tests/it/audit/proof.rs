//! That the log proves itself: against who can write the database, against a crash in the middle of everything, and with
//! many writers at once.

use std::collections::BTreeSet;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use rusqlite::Connection;

use super::{busy, records, verified};
use crate::site::{Client, Rng, Site, is_elsewhere, rng::number_from_env};

/// The database, in the hands of somebody who can write it and knows of the triggers.
fn database(site: &Site) -> Connection {
    let database = Connection::open(site.data().join("commonhold.db")).expect("the database opens");
    database
        .execute_batch("drop trigger audit_is_never_updated; drop trigger audit_is_only_cut_at_the_stump")
        .expect("the triggers are there");
    database
}

fn files_made() -> Site {
    let mut site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    busy(&ana);
    site.stop();
    site
}

#[track_caller]
fn finds(site: &Site, finding: &str) {
    let ran = site.cli(&["audit", "verify"]).exits(1);
    assert!(ran.stdout.contains(finding), "`{finding}` expected: {ran:#?}");
}

#[test]
fn a_record_that_was_altered_with_sqlite_is_named() {
    if is_elsewhere() {
        return; // it alters the embedded database with SQLite itself
    }
    let site = files_made();
    let seq = records(&site, &["--path", "/Projects/7.txt"])[0]["number"].as_i64().unwrap();
    let changed = database(&site).execute("update audit set actor = 'eva' where seq = ?1", [seq]).unwrap();
    assert_eq!(changed, 1);
    finds(&site, &format!("record {seq}: it, its number or the record before it is not as it was written"));
    let told = site.cli(&["audit", "verify", "--json"]).exits(1).json();
    assert_eq!(told["checked"].as_i64(), Some(seq - 1));
}

#[test]
fn records_that_were_deleted_with_sqlite_are_named() {
    if is_elsewhere() {
        return; // it alters the embedded database with SQLite itself
    }
    let site = files_made();
    let seq = records(&site, &["--path", "/Projects/7.txt"])[0]["number"].as_i64().unwrap();
    database(&site).execute("delete from audit where seq = ?1", [seq]).unwrap();
    finds(&site, &format!("record {seq}: it is missing"));
}

#[test]
fn an_end_that_was_cut_off_shows_against_the_kept_head_and_in_the_log_itself() {
    if is_elsewhere() {
        return; // it alters the embedded database with SQLite itself
    }
    let mut site = files_made();
    let head = site.cli(&["audit", "head"]).ok().stdout.trim().to_owned();
    site.cli(&["audit", "verify", "--against", &head]).ok();
    let last = records(&site, &["--limit", "1"])[0]["number"].as_i64().unwrap();
    database(&site).execute("delete from audit where seq > ?1", [last - 3]).unwrap();
    let missing = format!("record {}: it and all up to record {last} are missing", last - 2);
    finds(&site, &missing);
    // Without the file, only who has kept a head elsewhere can tell.
    let file = site.data().join("audit.head");
    let kept = std::fs::read(&file).expect("the server keeps its head");
    std::fs::remove_file(&file).unwrap();
    let told = site.cli(&["audit", "verify"]).ok().stdout;
    assert!(told.contains("no head was kept elsewhere"), "{told}");
    let ran = site.cli(&["audit", "verify", "--against", &head]).exits(1);
    assert!(ran.stdout.contains(&missing), "{ran:#?}");
    // A server that starts on it makes the finding a part of the log, before it keeps a new head.
    std::fs::write(&file, kept).unwrap();
    site.restart();
    finds(&site, "a server said at its start that the log does not go through");
    site.stop();
    finds(&site, "a server said at its start that the log does not go through");
}

#[test]
fn a_log_that_was_written_anew_shows_against_a_kept_head() {
    if is_elsewhere() {
        return; // it alters the embedded database with SQLite itself
    }
    let mut site = files_made();
    let head = site.cli(&["audit", "head"]).ok().stdout.trim().to_owned();
    // Everything away, the kept head too; and a new log grows beyond the number of the old one.
    database(&site).execute("delete from audit", []).unwrap();
    std::fs::remove_file(site.data().join("audit.head")).unwrap();
    site.restart();
    for n in 0..40 {
        site.cli(&["share", "set", "Projects", "--description", &n.to_string()]).ok();
    }
    verified(&site);
    let ran = site.cli(&["audit", "verify", "--against", &head]).exits(1);
    assert!(ran.stdout.contains("the log was written anew up to there"), "{ran:#?}");
}

const WRITERS: u64 = 4;

/// After a kill each change that is there has its record and each record its change, in the same order; and nothing that was
/// acknowledged is without one. `COMMONHOLD_AUDIT_KILLS` sets how often.
#[test]
fn after_kill_9_no_change_is_without_its_record_and_no_record_without_its_change() {
    if is_elsewhere() {
        return; // it alters the embedded database with SQLite itself
    }
    let rounds = number_from_env("COMMONHOLD_AUDIT_KILLS").unwrap_or(8);
    let mut site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    for writer in 0..WRITERS {
        ana.mkcol(&format!("/Projects/{writer}")).status(201);
    }
    let mut random = Rng::seeded();
    let mut acknowledged = BTreeSet::new();
    for round in 0..rounds {
        let (tell, told) = channel();
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (client, tell, random) = (ana.clone(), tell.clone(), Rng::new(random.draw()));
                thread::spawn(move || write_until_cut_off(&client, writer, random, &tell))
            })
            .collect();
        drop(tell);
        acknowledged.extend(told.iter().take(20 + random.below(150)));
        // Another process appends to the same chain meanwhile.
        site.cli(&["share", "set", "Projects", "--description", &round.to_string()]).ok();
        site.kill9();
        acknowledged.extend(told.iter());
        writers.into_iter().for_each(|writer| writer.join().expect("a writer ends when the server is gone"));
        site.restart();

        verified(&site);
        let database = Connection::open(site.data().join("commonhold.db")).expect("the database opens");
        let nodes = |statement: &str| -> Vec<(i64, i64)> {
            let mut rows = database.prepare(statement).unwrap();
            let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            rows.collect::<Result<_, _>>().unwrap()
        };
        let changes = nodes("select node_id, actor_id from change order by seq");
        let recorded = nodes(
            "select node_id, actor_id from audit where verb in ('PUT', 'MKCOL', 'MOVE', 'DELETE') and outcome = 0 order by seq",
        );
        assert!(changes == recorded, "round {round}: {} changes, {} records", changes.len(), recorded.len());
        let mut rows = database.prepare("select request from audit where request is not null").unwrap();
        let requests: BTreeSet<String> = rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let lost: Vec<_> = acknowledged.difference(&requests).collect();
        assert!(lost.is_empty(), "round {round}: acknowledged and not recorded: {lost:?}");
    }
    println!("{} acknowledged changes in {rounds} kills, each with its record", acknowledged.len());
    assert!(acknowledged.len() > 100, "the writers wrote");
    site.is_consistent();
}

/// Changes a folder and tells of the request of each change that was acknowledged.
fn write_until_cut_off(client: &Client, writer: u64, mut random: Rng, tell: &Sender<String>) {
    for n in 0_u64.. {
        let name = |n: u64| format!("/Projects/{writer}/{n}.txt");
        let file = name(random.draw() % 4);
        let request = match random.below(8) {
            0..=3 => client.ask("PUT", &file).body(random.bytes(300)),
            4 => client.ask("PUT", &file).body(random.bytes(40_000)),
            5 => client.ask("DELETE", &file),
            6 => client.ask("MOVE", &file).to(&format!("/Projects/{writer}/moved {} {n}.txt", random.draw())),
            _ => client.ask("MKCOL", &format!("/Projects/{writer}/folder {} {n}", random.draw())),
        };
        let Ok(reply) = request.try_send() else { return };
        assert!(matches!(reply.answer.status, 201 | 204 | 404), "{}", reply.told());
        if reply.answer.status != 404 {
            // Once the server is killed nobody counts any more.
            let _ = tell.send(reply.header("x-request-id").to_owned());
        }
    }
}
