//! Logging in (RFC 7617): who is let in, who isn't, and that nothing outlives its removal.

use std::time::{Duration, Instant};

use crate::site::{Client, Site, basic, password_of};

#[test]
fn without_credentials_there_is_a_challenge() {
    let (site, _ana) = share();
    for (method, path) in [
        ("GET", "/"),
        ("PROPFIND", "/Projects"),
        ("PUT", "/Projects/a.txt"),
        ("DELETE", "/nothing/here"),
        ("MOVE", "/Projects"),
    ] {
        challenged(&site.anonymous(), method, path);
    }
}

#[test]
fn wrong_credentials_are_challenged_alike() {
    let (site, ana) = share();
    let attempts = [
        basic("ana", "wrong"),
        basic("ana", ""),
        basic("ana", &format!("{}x", ana.secret)),
        basic("ana", &ana.secret[..ana.secret.len() - 1]),
        basic("nobody", &ana.secret),
        basic("", &ana.secret),
        basic("", ""),
        basic("ben", &password_of("ben")),
    ];
    let answers: Vec<String> = attempts
        .iter()
        .map(|authorization| {
            let reply = challenged(&ana.with_authorization(authorization), "GET", "/Projects/");
            format!("{} {}", reply.header("www-authenticate"), reply.text())
        })
        .collect();
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "an answer tells names from passwords: {answers:#?}");
    // One person's password is no other's.
    let ben = site.user("ben");
    challenged(&site.client("ana", &ben.secret), "GET", "/Projects/");
}

#[test]
fn malformed_credentials_are_refused() {
    let (_site, ana) = share();
    for value in [
        "Basic",
        "Basic ",
        "Basic !!!!",
        "Basic YW5h",
        "Basic YW5hOg",
        "Bearer abc",
        "Digest username=\"ana\"",
        "YW5hOmFuYQ==",
    ] {
        ana.with_authorization(value).get("/Projects/").status_in(&[400, 401]);
    }
    // Two that contradict each other: neither is taken for the one that counts.
    let twice = ana.ask("GET", "/Projects/").with("Authorization", basic("ben", "wrong")).send();
    twice.status_in(&[400, 401]);
}

#[test]
fn the_password_of_a_person_and_an_app_password_both_work() {
    let (site, ana) = share();
    ana.get("/Projects/").status(200);
    site.client("ana", &password_of("ana")).get("/Projects/").status(200);
    site.client("ANA", &password_of("ana")).get("/Projects/").status_in(&[200, 401]);
    let second = site.app_password("ana", "laptop");
    assert_ne!(second, ana.secret);
    site.client("ana", &second).get("/Projects/").status(200);
    ana.get("/Projects/").status(200);
    // RFC 7617 section 2: the first colon ends the name, the password may have more; both are UTF-8.
    site.cli_with_input(&["user", "add", "zo\u{eb}", "--password-stdin"], "pass:w\u{f6}rd: with colons\n").ok();
    site.client("zo\u{eb}", "pass:w\u{f6}rd: with colons").get("/").status(200);
}

/// Trap 38: revocation holds at the next request, also on an open connection.
#[test]
fn a_revoked_app_password_is_refused_at_the_next_request() {
    let (site, ana) = share();
    let laptop = site.client("ana", &site.app_password("ana", "laptop"));
    laptop.get("/Projects/").status(200);
    site.cli(&["user", "app-password", "ana", "--revoke", "laptop"]).ok();
    challenged(&laptop, "GET", "/Projects/");
    ana.get("/Projects/").status(200);
}

/// Trap 38.
#[test]
fn a_disabled_account_is_refused_at_the_next_request() {
    let (site, ana) = share();
    let by_password = site.client("ana", &password_of("ana"));
    ana.get("/Projects/").status(200);
    by_password.get("/Projects/").status(200);
    site.cli(&["user", "disable", "ana"]).ok();
    challenged(&ana, "GET", "/Projects/");
    challenged(&by_password, "GET", "/Projects/");
    site.cli(&["user", "enable", "ana"]).ok();
    ana.get("/Projects/").status(200);
    by_password.get("/Projects/").status(200);
}

/// Trap 38: Windows sends the password with every request; a hash takes 20 ms and more, a request without one far less.
#[test]
fn a_password_is_hashed_once_for_many_requests() {
    let (site, _ana) = share();
    let by_password = site.client("ana", &password_of("ana"));
    let timed = || {
        let began = Instant::now();
        by_password.head("/Projects/").status(200);
        began.elapsed()
    };
    let first = timed();
    let mut others: Vec<Duration> = (0..51).map(|_| timed()).collect();
    others.sort();
    assert!(others[25] * 2 < first, "the first took {first:?}, half of the others more than {:?}", others[25]);
}

/// Whoever guesses is slowed down; the owner isn't.
#[test]
fn guessing_locks_nobody_out() {
    let (site, ana) = share();
    for n in 0..60 {
        let guess = site.client("ana", &format!("guess number {n}"));
        let reply = guess.get("/Projects/").status_in(&[401, 429, 503]);
        if reply.answer.status != 401 {
            assert!(reply.header("retry-after").parse::<u64>().is_ok(), "{}", reply.told());
        }
        if n % 10 == 0 {
            ana.get("/Projects/").status(200);
        }
    }
    // Now the account is being attacked: more guesses aren't even tried, but the drive goes on.
    let guess = site.client("ana", "one more guess").get("/Projects/");
    assert_eq!(guess.answer.status, 429, "{}", guess.told());
    ana.get("/Projects/").status(200);
    site.client("ana", &site.app_password("ana", "another drive")).get("/Projects/").status(200);
    // Somebody else isn't touched.
    let ben = site.user("ben");
    site.client("ben", &password_of("ben")).get("/").status(200);
    ben.get("/").status(200);
}

/// The realm never changes between requests, so that clients can remember the password for it.
#[track_caller]
fn challenged(who: &Client, method: &str, path: &str) -> crate::site::Reply {
    let reply = who.ask(method, path).send().status(401);
    let challenge = reply.header("www-authenticate");
    assert!(challenge.starts_with("Basic realm=\"") && challenge.contains("charset=\"UTF-8\""), "{}", reply.told());
    reply
}

fn share() -> (Site, Client) {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    (site, ana)
}
