//! What is true only of a site whose rows are on a PostgreSQL server; without one (`tests/postgres.sh`) there is nothing to look at.

use crate::site::{Depth, Ran, Site, is_elsewhere};

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
