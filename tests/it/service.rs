//! The server as a service: what its manager is told, what SIGHUP does to the access log, and whose address is written down behind a proxy.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use rustix::process::Signal;

use crate::secure::eventually;
use crate::site::{Server, Site, is_in_bucket};

#[test]
fn the_service_manager_hears_of_start_reload_life_and_stop() {
    let mut site = Site::start_several(1, "");
    site.stop();
    let socket = site.folder().join("notify");
    let manager = UnixDatagram::bind(&socket).expect("a socket can be made");
    manager.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out can be set");
    let mut serve = site.command(&["serve", "--listen", "127.0.0.1:0"]);
    serve.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "100000");
    let server = Server::start(serve, &site.folder().join("log"));
    // The next word that says this, whatever is said before.
    let hear = |word: &str| {
        let mut words = [0; 200];
        loop {
            let length = manager.recv(&mut words).expect("the server speaks");
            let words = String::from_utf8_lossy(&words[..length]);
            if words.starts_with(word) {
                return words.into_owned();
            }
        }
    };
    hear("READY=1");
    assert!(hear("STATUS=").contains("serving http://127.0.0.1:"));
    hear("WATCHDOG=1");
    hear("WATCHDOG=1");
    server.signal(Signal::HUP);
    assert!(hear("RELOADING=1").contains("\nMONOTONIC_USEC="));
    hear("READY=1");
    server.signal(Signal::TERM);
    hear("STOPPING=1");
    assert_eq!(server.exit_status().code(), Some(0));
}

#[test]
fn what_could_not_be_read_anew_is_told_and_no_manager_waits_for_signs_of_life_that_it_does_not_want() {
    let mut site = Site::start_several(1, "");
    site.stop();
    let file = site.folder().join("own.toml");
    std::fs::write(&file, "").expect("the temporary folder can be written");
    let mut serve = site.command(&["serve", "--listen", "127.0.0.1:0", "--config", file.to_str().expect("plain")]);
    serve.env("NOTIFY_SOCKET", site.folder().join("nobody")).env("WATCHDOG_USEC", "0");
    let server = Server::start(serve, &site.folder().join("log"));
    std::fs::write(&file, "[storage]\ndatabase = postgres://site:hunter2@db/files\n").expect("it can be written");
    server.signal(Signal::HUP);
    let reloads = || site.cli(&["audit", "--verb", "reload"]).ok().stdout;
    eventually("the signal is heard", || reloads().contains("by SIGHUP; as before: settings"));
    server.signal(Signal::TERM);
    assert_eq!(server.exit_status().code(), Some(0));
    let log = std::fs::read_to_string(site.folder().join("log")).expect("it is there");
    assert!(log.contains("the settings stay as they were") && !log.contains("were read anew"), "{log}");
    assert!(!log.contains("hunter2") && !log.contains("broke down"), "{log}");
}

#[test]
fn the_access_log_goes_on_in_a_new_file_after_sighup() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (log, rotated) = (folder.path().join("access.log"), folder.path().join("access.log.1"));
    let site = Site::start_several(1, &format!("[access_log]\nto = {log:?}\n"));
    let [ana] = site.team("Projects", [("ana", "editor")]);
    let has =
        |file: &std::path::Path, words: &str| std::fs::read_to_string(file).is_ok_and(|text| text.contains(words));
    ana.put("/Projects/before.txt", "x").status(201);
    eventually("its line is written", || has(&log, "before.txt"));
    std::fs::rename(&log, &rotated).expect("the file can be moved away");
    site.ask_to_reload();
    eventually("the file is made anew", || log.exists());
    ana.put("/Projects/after.txt", "x").status(201);
    eventually("its line is in the new file", || has(&log, "after.txt"));
    assert!(!has(&rotated, "after.txt"));
}

/// The throttle of passwords counts by the same address: a client of the proxy that guesses holds up none of its others.
#[test]
fn the_client_behind_a_trusted_proxy_is_in_the_audit_and_the_only_one_that_is_slowed() {
    let site = Site::start_several(1, "[net]\ntrusted_proxies = [\"127.0.0.1\"]\n[auth]\nthrottle_burst = 100\n");
    let [ana] = site.team("Projects", [("ana", "editor")]);
    let from = |address: &str| ana.ask("PUT", "/Projects/a.txt").with("X-Forwarded-For", address).body("x").send();
    from("203.0.113.9, 192.0.2.7").status(201);
    let audit = site.cli(&["audit", "--verb", "PUT", "--json"]).ok().stdout;
    assert!(audit.contains("\"192.0.2.7\"") && !audit.contains("203.0.113.9"), "{audit}");

    // 60 wrong passwords from one network, of people who don't exist.
    let guess = |n: usize, address: &str| {
        let guesser = site.client(&format!("nobody{n}"), "a wrong password");
        guesser.ask("GET", "/Projects/").with("X-Forwarded-For", address).send().answer.status
    };
    let slowed = (0..90).map(|n| guess(n, "198.51.100.4")).filter(|status| *status == 429).count();
    assert!(slowed > 0, "the network that guesses is slowed");
    assert_eq!(guess(100, "192.0.2.200"), 401, "another one isn't");
}

#[test]
fn programs_that_watch_read_counts_at_an_address_of_their_own() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let token = folder.path().join("token");
    std::fs::write(&token, "a token of many letters\n").expect("the temporary folder can be written");
    let config = format!(
        "[server]\nlisten_plain = [\"127.0.0.1:0\"]\n[metrics]\nlisten = \"127.0.0.1:0\"\ntoken_file = {token:?}\n[tls]\n{}",
        crate::secure::pair_in(folder.path())
    );
    let site = Site::start_several(1, &config);
    let [ana] = site.team("Projects", [("ana", "editor")]);
    ana.put("/Projects/a.txt", "x").status(201);
    ana.with_authorization("Basic bm9ib2R5OndyaXRl").get("/Projects/").status(401);
    let watcher = site.anonymous().at(site.said_before("metrics at http://", "/metrics"));
    let refused = watcher.raw("GET", "/metrics").send().status(401);
    assert_eq!(refused.header("www-authenticate"), "Bearer");
    let watcher = watcher.with_authorization("Bearer a token of many letters");
    watcher.raw("GET", "/dav/").send().status(404);
    assert_eq!(watcher.raw("POST", "/metrics").send().status(405).header("allow"), "GET");
    let counts = watcher.raw("GET", "/metrics").send().status(200);
    for line in [
        "commonhold_requests_total{verb=\"PUT\",status=\"201\"} 1",
        "commonhold_logins_refused_total{why=\"wrong\"} 1",
        "commonhold_database_up 1",
        "commonhold_locks 0",
    ] {
        assert!(counts.text().lines().any(|found| found == line), "{line}\n{}", counts.text());
    }
    assert!(counts.text().contains("commonhold_disk_free_bytes ") || is_in_bucket(), "{}", counts.text());
    ana.raw("GET", "/metrics").send().status(404);
}

/// It doesn't open the door to more than it has to.
#[test]
fn the_shipped_unit_is_understood_and_confined() {
    let unit = concat!(env!("CARGO_MANIFEST_DIR"), "/config/commonhold.service");
    let mut analyze = std::process::Command::new("systemd-analyze");
    match analyze.args(["security", "--offline=true", "--threshold=25", unit]).output() {
        Ok(ran) => assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout)),
        Err(error) => println!("`systemd-analyze` is not here: {error}"),
    }
}
