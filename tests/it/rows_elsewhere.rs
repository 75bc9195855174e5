//! What is true only of a site whose rows are on a PostgreSQL server; without one (`tests/postgres.sh`) there is nothing to look at.

use std::thread;
use std::time::{Duration, Instant};

use crate::site::{Client, Depth, Ran, Reply, Site, is_elsewhere};

/// The other side of a deadlock is looked for once a second.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_second_server_on_the_same_database_refuses_to_start() {
    if !is_elsewhere() {
        return; // two servers in one folder are another test's
    }
    let site = Site::start();
    let folder = site.folder().join("another");
    let mut elsewhere = crate::site::command();
    elsewhere.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&folder);
    elsewhere.env("COMMONHOLD_DATABASE", site.database().url());
    let why = Ran::run(elsewhere, "").says_why_not();
    assert!(why.contains("another server") && why.contains("storage.blobs"), "it says why, and what to do: {why}");
}

/// 503 for everything, also for what isn't there: "not found" is nothing that a server without its database could know.
#[test]
fn while_the_database_is_away_every_request_is_503_and_afterwards_none() {
    if !is_elsewhere() {
        return; // an embedded database is never away
    }
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.put("/Projects/a.txt", "old").status(201);
    ana.get("/Projects/a.txt").status(200);
    for _ in 0..3 {
        site.database().lets_in(false);
        site.database().cut_connections();
        for _ in 0..2 {
            ana.get("/Projects/a.txt").status(503).header("retry-after");
            ana.get("/Projects/missing.txt").status(503).header("retry-after");
            ana.put("/Projects/a.txt", "new").status(503).header("retry-after");
            ana.put("/Projects/large.bin", vec![7; 100_000]).status(503).header("retry-after");
            ana.list("/Projects", Depth::One).status(503).header("retry-after");
            ana.delete("/Projects/a.txt").status(503).header("retry-after");
            ana.raw("GET", "/health").send().status(503);
        }
        site.database().lets_in(true);
        ana.get("/Projects/a.txt").status(200).body("old");
        ana.get("/Projects/missing.txt").status(404);
        ana.put("/Projects/b.txt", "b").status_in(&[201, 204]);
        ana.raw("GET", "/health").send().status(200);
    }
    site.is_consistent();
}

/// A primary that is restarted, or another one in its place, cuts every connection.
#[test]
fn cut_connections_are_made_anew_and_nothing_is_lost() {
    if !is_elsewhere() {
        return; // an embedded database has no connections to cut
    }
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.put("/Projects/a.txt", "old").status(201);
    ana.get("/Projects/a.txt").status(200).body("old");
    for round in 0..5 {
        site.database().cut_connections();
        // Whoever meets the cut may be asked to try again, and is never told that something is not there.
        ana.get("/Projects/a.txt").status_in(&[200, 503]);
        ana.put("/Projects/a.txt", format!("{round}")).status_in(&[204, 503]);
        ana.propfind("/Projects", Depth::One, "").status_in(&[207, 503]);
        ana.put("/Projects/a.txt", format!("after {round}")).status(204);
        ana.get("/Projects/a.txt").status(200).body(format!("after {round}"));
    }
    site.is_consistent();
}

/// Waits until a question to the database is answered with `t`.
#[track_caller]
fn until(site: &Site, question: &str) {
    let begun = Instant::now();
    while site.database().answer(question) != "t" {
        assert!(begun.elapsed() < PATIENCE, "it never comes to this: {question}");
    }
}

const PATCH: &str =
    "<D:propertyupdate xmlns:D='DAV:'><D:set><D:prop><x xmlns='urn:x'>1</x></D:prop></D:set></D:propertyupdate>";
const DEADLOCKS: &str = "select deadlocks from pg_stat_database where datname = current_database()";
const HOLDS: &str = "select count(*) = 1 from pg_stat_activity
    where datname = current_database() and state = 'idle in transaction' and query like '%for update%'";
const WAITS: &str = "select count(*) > 0 from pg_locks join pg_stat_activity using (pid)
    where datname = current_database() and not granted";

type Change = fn(&Client) -> Reply;

/// Somebody at the database holds a row that a save needs, and then wants the writer's turn: each waits for the other, and the database undoes
/// whoever has waited for a second.
#[test]
fn a_change_that_the_database_undoes_for_another_transaction_is_made_again() {
    if !is_elsewhere() {
        return; // an embedded database has one writer, who never waits for himself
    }
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.put("/Projects/old.txt", "old").status(201);
    ana.put("/Projects/away.txt", "away").status(201);
    let changes: [(&str, Change); 4] = [
        ("PUT", |ana| ana.put("/Projects/new.txt", "new").status(201)),
        ("PROPPATCH", |ana| ana.ask("PROPPATCH", "/Projects/old.txt").xml(PATCH).send().status(207)),
        ("MOVE", |ana| ana.ask("MOVE", "/Projects/away.txt").to("/Projects/here.txt").send().status(201)),
        ("DELETE", |ana| ana.delete("/Projects/here.txt").status(204)),
    ];
    for (verb, change) in changes {
        let before: u32 = site.database().answer(DEADLOCKS).parse().expect("a number");
        let mut other = site.database().session();
        // It waits for ever, so the server is who is undone.
        other.send("set deadlock_timeout = '1h'; begin; select id from share for update;");
        until(&site, HOLDS);
        let answered = thread::scope(|scope| {
            let made = scope.spawn(|| change(&ana));
            until(&site, WAITS);
            other.send("select pg_advisory_xact_lock(7236825610); rollback;");
            other.ends();
            made.join()
        });
        answered.unwrap_or_else(|_| panic!("{verb} is made at the second try"));
        until(&site, &format!("select ({DEADLOCKS}) > {before}"));
    }
    ana.get("/Projects/new.txt").status(200).body("new");
    ana.get("/Projects/here.txt").status(404);
    site.is_consistent();
}
