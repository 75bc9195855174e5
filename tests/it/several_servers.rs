//! Several servers of one site: what one of them is told, every other one knows at the next request.
//!
//! Here is what needs two servers by its nature; all other conversations run on three as well (`COMMONHOLD_TEST_NODES=3`). Without a database server
//! (`tests/postgres.sh`) there is nothing to look at.

use std::process::Command;

use crate::site::{Client, Site, balancer, is_elsewhere, password_of};

/// A site with servers beside each other, and somebody as each of them sees him.
fn beside_each_other<const N: usize>(config: &str) -> (Site, Client, [Client; N]) {
    let site = Site::start_several(N, config);
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    let at = site.addresses();
    let each = std::array::from_fn(|number| ana.at(at[number]));
    (site, ana, each)
}

/// Statuses of wrong passwords that are sent to these clients in turn.
fn guesses(of: &[&Client], count: usize) -> Vec<u16> {
    (0..count)
        .map(|n| {
            let guessing = of[n % of.len()].with_authorization(&crate::site::basic("ana", &format!("guess {n}")));
            guessing.get("/Projects/").answer.status
        })
        .collect()
}

#[test]
fn guesses_spread_over_two_servers_are_stopped_as_on_one() {
    if !is_elsewhere() {
        return; // one server counts in its memory: `auth/throttle`
    }
    let config = "[auth]\nthrottle_burst = 4\nargon2_memory_kib = 64\nargon2_iterations = 1\n";
    let (site, _, [here, there]) = beside_each_other(config);
    // Four are looked at, whichever server is asked, and then none.
    assert_eq!(guesses(&[&here, &there], 8), [401, 401, 401, 401, 429, 429, 429, 429]);
    let right = crate::site::basic("ana", &password_of("ana"));
    there.with_authorization(&right).get("/Projects/").status(429).header("retry-after");
    // Who holds an app password is never kept out by somebody's guessing.
    here.get("/Projects/").status(200);
    there.get("/Projects/").status(200);
    site.is_consistent();
}

#[test]
fn a_right_password_is_not_counted_and_makes_its_network_familiar_everywhere() {
    if !is_elsewhere() {
        return; // as above
    }
    let config = "[auth]\nthrottle_burst = 2\nargon2_memory_kib = 64\nargon2_iterations = 1\nproof_cache_s = 0\n";
    let (_site, _, [here, there]) = beside_each_other(config);
    let right = crate::site::basic("ana", &password_of("ana"));
    for _ in 0..5 {
        here.with_authorization(&right).get("/Projects/").status(200);
        there.with_authorization(&right).get("/Projects/").status(200);
    }
    assert_eq!(guesses(&[&here, &there], 3), [401, 401, 429]);
}

/// Whatever takes a right away on one server has taken it away on the other one, at once.
#[test]
fn what_one_server_is_told_the_other_knows_at_the_next_request() {
    if !is_elsewhere() {
        return; // one server
    }
    let (site, ana, [here, there]) = beside_each_other("");
    for round in 0..50 {
        let (one, other) = if round % 2 == 0 { (&here, &there) } else { (&there, &here) };
        one.put("/Projects/a.txt", format!("{round}")).status_in(&[201, 204]);
        other.get("/Projects/a.txt").status(200).body(format!("{round}"));
        one.mkcol("/Projects/folder").status(201);
        one.rename("/Projects/a.txt", "/Projects/folder/a.txt").status(201);
        other.get("/Projects/a.txt").status(404);
        other.get("/Projects/folder/a.txt").status(200);
        other.delete("/Projects/folder").status(204);
        one.get("/Projects/folder/a.txt").status(404);
    }
    site.cli(&["share", "deactivate", "Projects"]).ok();
    for client in [&here, &there] {
        client.get("/Projects/").status(404);
    }
    site.cli(&["share", "activate", "Projects"]).ok();
    ana.get("/Projects/").status(200);
    site.cli(&["user", "app-password", "ana", "--revoke", "drive"]).ok();
    for client in [&here, &there] {
        client.get("/Projects/").status(401);
    }
    site.is_consistent();
}

/// Each server is in the list, and one that was killed stays there for a while.
#[test]
fn the_servers_of_a_site_are_listed_and_one_that_stops_is_gone() {
    if !is_elsewhere() {
        return; // one server, which is not listed
    }
    let (mut site, _, _) = beside_each_other::<2>("");
    let listed = |site: &Site| site.cli(&["server", "list", "--json"]).ok().json();
    let servers = listed(&site);
    let servers = servers.as_array().expect("a list");
    assert_eq!(servers.len(), 2, "{servers:#?}");
    let addresses: Vec<String> = site.addresses().iter().map(ToString::to_string).collect();
    for server in servers {
        assert_eq!(server["state"], "running");
        assert_eq!(server["version"], env!("CARGO_PKG_VERSION"));
        assert!(addresses.iter().any(|at| server["address"] == at.as_str()), "{server}");
    }
    site.kill9_one(0);
    assert_eq!(listed(&site).as_array().map(Vec::len), Some(2), "nobody has said that it ended");
    site.stop();
    assert_eq!(listed(&site).as_array().map(Vec::len), Some(1));
}

/// The audit tells of each server by its name.
#[test]
fn a_server_has_the_name_that_its_configuration_gives_it() {
    let site = Site::start_with("[server]\nname = \"east\"\n");
    let records = site.cli(&["audit", "--json"]).ok().json();
    let starts: Vec<_> =
        records.as_array().expect("a list").iter().filter(|record| record["verb"] == "start").collect();
    assert!(!starts.is_empty());
    assert!(
        starts.iter().all(|start| start["note"].as_str().is_some_and(|note| note.ends_with(" as east"))),
        "{starts:#?}"
    );
}

/// The balancers' own check of the files that are shipped, where the balancer is installed.
#[test]
fn the_shipped_configurations_of_balancers_are_understood() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let nginx = folder.path().join("nginx.conf");
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/config/nginx-balancer.conf");
    let whole = format!(
        "pid {0}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\ninclude {shipped};\n}}\n",
        folder.path().display()
    );
    std::fs::write(&nginx, whole).expect("the temporary folder can be written");
    let checks: [(&str, Vec<&str>); 2] = [
        ("haproxy", vec!["-c", "-f", balancer::SHIPPED]),
        ("nginx", vec!["-t", "-q", "-c", nginx.to_str().expect("a plain path")]),
    ];
    for (program, arguments) in checks {
        match Command::new(program).args(arguments).output() {
            Ok(ran) => assert!(ran.status.success(), "{program}: {}", String::from_utf8_lossy(&ran.stderr)),
            Err(error) => println!("`{program}` is not here: {error}"),
        }
    }
}

/// Whoever follows the log of changes by its numbers misses none, whichever servers wrote: there are no gaps, and none appears behind what was read.
#[test]
fn the_log_of_changes_has_no_gaps_whichever_servers_write() {
    if !is_elsewhere() {
        return; // one server
    }
    const EACH: usize = 40;
    let (site, _, each) = beside_each_other::<3>("");
    let log = "select coalesce(max(seq), 0), count(*) from change where share_id = (select id from share where name = 'Projects')";
    let read = || {
        let answer = site.database().answer(log);
        let (last, count) = answer.split_once('|').expect("two columns");
        assert_eq!(last, count, "the numbers up to the last one are all there");
        last.parse::<usize>().expect("a number")
    };
    let before = read();
    std::thread::scope(|scope| {
        let writers = each.iter().enumerate().map(|(number, client)| {
            scope.spawn(move || {
                for n in 0..EACH {
                    client.put(&format!("/Projects/{number}-{n}.txt"), "x").status(201);
                }
            })
        });
        let writers: Vec<_> = writers.collect();
        while !writers.iter().all(|writer| writer.is_finished()) {
            read();
        }
    });
    assert_eq!(read(), before + each.len() * EACH);
    site.is_consistent();
}
