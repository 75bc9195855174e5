//! How long a lock lasts: what is asked for and what is given, refreshing, and that a restart takes nothing away. That it
//! ends to the millisecond is tested where the time is an argument, beside the lock table.

use super::{
    active_locks, ana_and_ben, holding_at, lock, lock_shared, locked, lockinfo, locks_on, refresh, save, unlock,
};
use crate::site::Reply;

/// The seconds that an answer says were given.
#[track_caller]
fn given(reply: &Reply) -> u64 {
    let [lock] = &active_locks(reply)[..] else { panic!("one lock: {}", reply.told()) };
    seconds(&lock.timeout)
}

#[track_caller]
fn seconds(timeout: &str) -> u64 {
    timeout.strip_prefix("Second-").and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("no seconds: {timeout}"))
}

/// Trap 21: half an hour if nothing is asked, at least a minute, at most a day, never infinite.
#[test]
fn a_lock_says_how_long_it_was_given_for() {
    let (_site, ana, _ben) = ana_and_ben();
    for (asked, expected) in [
        (None, 1800),
        (Some("Second-600"), 600),
        (Some("second-600"), 600),
        (Some("Second-60"), 60),
        (Some("Second-59"), 60),
        (Some("Second-1"), 60),
        (Some("Second-0"), 60),
        (Some("Second-86400"), 86_400),
        (Some("Second-86401"), 86_400),
        (Some("Second-4100000000"), 86_400),
        (Some("Second-99999999999999999999999999"), 86_400),
        (Some("Infinite"), 86_400),
        // RFC 4918 section 10.7: the client's wishes in the order in which it likes them.
        (Some("Infinite, Second-4100000000"), 86_400),
        (Some("Second-120, Infinite"), 120),
    ] {
        let request = lock(&ana, "/Projects/plan.txt");
        let request = match asked {
            Some(asked) => request.with("Timeout", asked),
            None => request,
        };
        let answer = request.send().status(200);
        assert_eq!(given(&answer), expected, "for {asked:?}");
        let token = super::token_of(&answer);
        let [seen] = &locks_on(&ana, "/Projects/plan.txt")[..] else { panic!("one lock") };
        assert!((expected - 30..=expected).contains(&seconds(&seen.timeout)), "what is left of {expected}: {seen:?}");
        unlock(&ana, "/Projects/plan.txt", &token).status(204);
    }
    for malformed in ["", "600", "Second-", "Second--1", "Second-1x", "Forever", "Second-60; Infinite"] {
        lock(&ana, "/Projects/plan.txt").with("Timeout", malformed).send().status(400);
    }
    assert_eq!(locks_on(&ana, "/Projects/plan.txt"), []);
}

/// Trap 21: a refresh begins the time anew, with the time-out it asks for and not the one before.
#[test]
fn a_refresh_gives_the_same_lock_another_life() {
    let (_site, ana, ben) = ana_and_ben();
    let file = "/Projects/plan.txt";
    let owner = "<D:owner>in the north</D:owner>";
    let answer = ana.ask("LOCK", file).with("Timeout", "Second-100").xml(&lockinfo("exclusive", owner)).send();
    let token = super::token_of(&answer.status(200));
    for (asked, expected) in
        [(Some("Second-3600"), 3600), (None, 1800), (Some("Infinite"), 86_400), (Some("Second-1"), 60)]
    {
        let request = refresh(&ana, file, &token);
        let request = match asked {
            Some(asked) => request.with("Timeout", asked),
            None => request,
        };
        // RFC 4918 section 9.10.2: the token of a refreshed lock is not in the header, it is no new one.
        let answer = request.send().status(200).says_nothing_of("lock-token");
        assert_eq!(given(&answer), expected);
        let [lock] = &active_locks(&answer)[..] else { panic!("one lock") };
        assert_eq!((lock.token.as_deref(), &*lock.owner, lock.exclusive), (Some(&*token), "in the north", true));
    }
    // Windows sends the Depth of the first LOCK again, some clients the resource's tag.
    refresh(&ana, file, &token).with("Depth", "infinity").send().status(200);
    ana.ask("LOCK", file).with("If", holding_at(file, &token)).send().status(200);
    refresh(&ben, file, &token).send().status(412);
    refresh(&ana, file, "urn:uuid:00000000-0000-4000-8000-000000000000").send().status(412);
    refresh(&ana, "/Projects/none.txt", &token).send().status(404);
    ana.put("/Projects/other.txt", "unlocked").status(201);
    refresh(&ana, "/Projects/other.txt", &token).send().status(412);
    unlock(&ana, file, &token).status(204);
    refresh(&ana, file, &token).send().status(412);
}

#[test]
fn a_refresh_of_one_shared_lock_leaves_the_others_alone() {
    let (_site, ana, ben) = ana_and_ben();
    let [anas, _] = [&ana, &ben].map(|who| {
        super::token_of(&lock_shared(who, "/Projects/plan.txt").with("Timeout", "Second-3600").send().status(200))
    });
    assert_eq!(given(&refresh(&ana, "/Projects/plan.txt", &anas).with("Timeout", "Second-60").send()), 60);
    let left: Vec<u64> = locks_on(&ana, "/Projects/plan.txt").iter().map(|lock| seconds(&lock.timeout)).collect();
    assert!(left[0] <= 60 && left[1] > 3000, "{left:?}");
}

#[test]
fn a_deep_lock_is_refreshed_at_any_of_its_members() {
    let (_site, ana, _ben) = ana_and_ben();
    ana.mkcol("/Projects/folder").status(201);
    ana.put("/Projects/folder/a.txt", "a").status(201);
    let token = locked(&ana, "/Projects/folder");
    let answer = refresh(&ana, "/Projects/folder/a.txt", &token).with("Timeout", "Second-600").send().status(200);
    assert_eq!(given(&answer), 600);
    let [seen] = &locks_on(&ana, "/Projects/folder")[..] else { panic!("one lock") };
    assert!(seconds(&seen.timeout) <= 600, "{seen:?}");
}

/// Trap 22.
#[test]
fn a_lock_survives_a_restart_and_a_crash_with_its_token_and_its_time() {
    let (mut site, ana, ben) = ana_and_ben();
    let file = "/Projects/plan.txt";
    let token = super::token_of(&lock(&ana, file).with("Timeout", "Second-3600").send().status(200));
    let unmapped = locked(&ana, "/Projects/new.txt");
    let released = locked(&ana, "/Projects/released.txt");
    unlock(&ana, "/Projects/released.txt", &released).status(204);
    for crash in [false, true] {
        if crash {
            site.kill9()
        } else {
            site.stop()
        }
        site.restart();
        let [seen] = &locks_on(&ana, file)[..] else { panic!("one lock") };
        assert_eq!(seen.token.as_deref(), Some(&*token));
        assert!((3000..=3600).contains(&seconds(&seen.timeout)), "{seen:?}");
        ben.put(file, "mine").status(423);
        lock(&ben, file).send().status(423);
        save(&ana, file, &token).status(204);
        refresh(&ana, file, &token).with("Timeout", "Second-3600").send().status(200);
        ana.get("/Projects/released.txt").status(404);
    }
    // The lock on a name that nobody has written to still knows that the file is only its own.
    unlock(&ana, "/Projects/new.txt", &unmapped).status(204);
    ana.get("/Projects/new.txt").status(404);
    site.is_consistent();
}
