//! Whose a lock is: tokens count for their holder and are shown to nobody else, shared locks have several holders, and a
//! role decides who may lock, but not who may give a lock back.

use super::{
    ActiveLock, active_locks, ana_and_ben, holding, lock, lock_shared, locked, lockinfo, locks_on, refresh, save,
    token_of, unlock,
};
use crate::site::{Client, Depth, Site, asking_for, dav};

/// Traps 5 and 4: a token is half of a key, the other half is its holder.
#[test]
fn the_token_of_another_person_opens_nothing() {
    let (_site, ana, ben) = ana_and_ben();
    let token = locked(&ana, "/Projects/plan.txt");
    save(&ben, "/Projects/plan.txt", &token).status(412);
    let submitted = format!("(<{token}>) (Not <DAV:no-lock>)");
    let with_token = |method| ben.ask(method, "/Projects/plan.txt").with("If", &submitted);
    with_token("PUT").body("mine").send().status(423);
    with_token("DELETE").send().status(423);
    with_token("MOVE").to("/Projects/taken.txt").send().status(423);
    refresh(&ben, "/Projects/plan.txt", &token).send().status(412);
    unlock(&ben, "/Projects/plan.txt", &token).status(403).condition("need-privileges");
    ana.get("/Projects/plan.txt").status(200).body("v1");
    save(&ana, "/Projects/plan.txt", &token).status(204);
}

/// Trap 25.
#[test]
fn a_token_is_shown_to_its_holder_alone() {
    let (_site, ana, ben) = ana_and_ben();
    let answer = lock_shared(&ana, "/Projects/plan.txt").send().status(200);
    let token = token_of(&answer);
    let [told] = &active_locks(&answer)[..] else { panic!("the lock itself: {}", answer.told()) };
    assert_eq!(told.token.as_deref(), Some(&*token));

    let bens_answer = lock_shared(&ben, "/Projects/plan.txt").send().status(200);
    let refusal = ben.put("/Projects/plan.txt", "mine").status(423);
    let conflict = lock(&ben, "/Projects/plan.txt").send().status(423);
    let listing = ben.propfind("/Projects", Depth::One, &asking_for(&["{DAV:}lockdiscovery"]));
    let everything = ben.list("/Projects/plan.txt", Depth::Zero);
    let uuid = token.strip_prefix("urn:uuid:").expect("a token is a URN of a UUID");
    for seen in [&bens_answer, &refusal, &conflict, &listing, &everything] {
        assert!(!seen.text().contains(uuid), "ana's token is told to ben: {}", seen.told());
    }
    let tokens = |who: &Client| -> Vec<Option<String>> {
        locks_on(who, "/Projects/plan.txt").into_iter().map(|lock| lock.token).collect()
    };
    assert_eq!(tokens(&ana), [Some(token), None]);
    assert_eq!(tokens(&ben), [None, Some(token_of(&bens_answer))]);
    assert!(tokens(&ana) != tokens(&ben));
}

/// Trap 25: who holds the lock is no secret, since people must talk to each other.
#[test]
fn the_holder_of_a_lock_is_named_to_everybody_who_sees_the_file() {
    let site = Site::start();
    let [ana, eva, vic] = site.team("Projects", [("ana", "editor"), ("eva", "viewer"), ("vic", "previewer")]);
    ana.put("/Projects/plan.txt", "v1").status(201);
    lock(&ana, "/Projects/plan.txt").with("Timeout", "Second-3600").send().status(200);
    for who in [&ana, &eva, &vic] {
        let [seen] = &locks_on(who, "/Projects/plan.txt")[..] else { panic!("one lock") };
        let ActiveLock { exclusive, depth, owner, root, .. } = seen;
        assert_eq!((*exclusive, &**depth, &**owner, &**root), (true, "0", "ana", "/dav/Projects/plan.txt"));
    }
    // What the client says of its owner is kept as it was sent.
    ana.put("/Projects/other.txt", "v1").status(201);
    let owner = r#"<D:owner><D:href xmlns:D="DAV:">mailto:ana@example.org</D:href> &amp; <x:team xmlns:x="urn:example">north</x:team></D:owner>"#;
    ana.ask("LOCK", "/Projects/other.txt").xml(&lockinfo("exclusive", owner)).send().status(200);
    let [seen] = &locks_on(&eva, "/Projects/other.txt")[..] else { panic!("one lock") };
    assert_eq!(seen.owner, "<{DAV:}href>mailto:ana@example.org</> & <{urn:example}team>north</>");
    // But a client may say anything; who holds the lock stands beside it.
    let asked = r#"<D:propfind xmlns:D="DAV:"><D:prop><D:lockdiscovery/></D:prop></D:propfind>"#;
    let reply = eva.ask("PROPFIND", "/Projects/other.txt").with("Depth", "0").xml(asked).send().status(207);
    assert!(reply.told().contains(r#"holder xmlns:x="urn:commonhold:dav">ana</"#), "{}", reply.told());
}

/// Trap 24: of the shared locks on a resource one is enough, and it must be one's own.
#[test]
fn whoever_holds_one_of_the_shared_locks_may_write() {
    let site = Site::start();
    let [ana, ben, eva] = site.team("Projects", [("ana", "editor"), ("ben", "editor"), ("eva", "editor")]);
    ana.put("/Projects/plan.txt", "v1").status(201);
    let file = "/Projects/plan.txt";
    let [anas, bens] = [&ana, &ben].map(|who| token_of(&lock_shared(who, file).send().status(200)));
    save(&ana, file, &anas).status(204);
    save(&ben, file, &bens).status(204);
    ana.put(file, "without").status(423);
    eva.put(file, "mine").status(423).condition("lock-token-submitted");
    save(&eva, file, &anas).status(412);
    for who in [&ana, &eva] {
        lock(who, file).send().status(423).condition("no-conflicting-lock");
    }
    unlock(&ana, file, &anas).status(204);
    eva.put(file, "mine").status(423);
    save(&ana, file, &anas).status(412);
    save(&ben, file, &bens).status(204);
    unlock(&ben, file, &bens).status(204);
    eva.put(file, "mine").status(204);
}

#[test]
fn a_lock_can_be_given_back_after_the_right_to_it_is_gone() {
    let site = Site::start();
    let [owner, ana] = site.team("Projects", [("olga", "co-owner"), ("ana", "editor")]);
    owner.put("/Projects/plan.txt", "v1").status(201);
    for role in ["viewer", "previewer", "web-editor", "uploader"] {
        let token = locked(&ana, "/Projects/plan.txt");
        site.cli(&["share", "subscribe", "Projects", "--user", "ana", "--role", role]).ok();
        save(&ana, "/Projects/plan.txt", &token).status(403);
        // An uploader doesn't see the file; the others may only not lock it.
        let refused = if role == "uploader" { 404 } else { 403 };
        refresh(&ana, "/Projects/plan.txt", &token).send().status(refused);
        owner.put("/Projects/plan.txt", "v2").status(423);
        unlock(&ana, "/Projects/plan.txt", &token).status(204);
        owner.put("/Projects/plan.txt", "v2").status(204);
        site.cli(&["share", "subscribe", "Projects", "--user", "ana", "--role", "editor"]).ok();
    }
}

#[test]
fn an_unlock_tells_nothing_of_what_one_cannot_see() {
    let site = Site::start();
    let [owner, uploader] = site.team("Projects", [("olga", "co-owner"), ("ulf", "uploader")]);
    owner.put("/Projects/secret.txt", "secret").status(201);
    let token = locked(&owner, "/Projects/secret.txt");
    let stranger = site.user("sam");
    for (token, path) in
        [(&*token, "/Projects/secret.txt"), (&*token, "/Projects/absent.txt"), ("urn:x", "/Projects/secret.txt")]
    {
        unlock(&uploader, path, token).status(404);
        unlock(&stranger, path, token).status(404);
    }
    save(&owner, "/Projects/secret.txt", &token).status(204);
}

/// A co-owner may take a lock away; whoever lost it learns so from his next save.
#[test]
fn a_co_owner_may_unlock_for_another() {
    let site = Site::start();
    let [owner, ana] = site.team("Projects", [("olga", "co-owner"), ("ana", "editor")]);
    ana.put("/Projects/plan.txt", "v1").status(201);
    let token = locked(&ana, "/Projects/plan.txt");
    unlock(&owner, "/Projects/plan.txt", &token).status(204);
    save(&ana, "/Projects/plan.txt", &token).status(412);
    owner.put("/Projects/plan.txt", "v2").status(204);
}

/// What `supportedlock` offers and what LOCK gives are one decision.
#[test]
fn a_lock_is_offered_to_exactly_those_who_get_one() {
    let site = Site::start();
    let roles = ["co-owner", "collaborator", "editor", "web-editor", "viewer", "previewer", "uploader"];
    let people = site.team("Projects", roles.map(|role| (role, role)));
    people[0].put("/Projects/plan.txt", "v1").status(201);
    people[0].mkcol("/Projects/folder").status(201);
    let mut lockers = Vec::new();
    for (who, role) in people.iter().zip(roles) {
        for path in ["/Projects/plan.txt", "/Projects/folder/", "/Projects/"] {
            let asked = who.propfind(path, Depth::Zero, &asking_for(&["{DAV:}supportedlock"]));
            if asked.answer.status == 404 {
                assert_eq!((role, path), ("uploader", "/Projects/plan.txt"));
                continue;
            }
            let offered = asked.multistatus().only().value(&dav("supportedlock")).to_owned();
            assert!(offered.is_empty() || (offered.contains("exclusive") && offered.contains("shared")), "{offered}");
            let got = lock(who, path).send();
            assert_eq!(got.answer.status, if offered.is_empty() { 403 } else { 200 }, "{role}: {}", got.told());
            if !offered.is_empty() {
                lockers.push((role, path));
                unlock(who, path, &token_of(&got)).status(204);
            }
        }
    }
    // "write" locks a file, "write" and "create" a folder: the first three roles have both.
    assert_eq!(lockers.len(), 3 * 3, "{lockers:?}");
    let root = people[0].propfind("/", Depth::Zero, &asking_for(&["{DAV:}supportedlock"])).multistatus();
    assert_eq!(root.only().value(&dav("supportedlock")), "");
    lock(&people[0], "/").send().status(403);
}

#[test]
fn one_person_holds_a_hundred_locks_in_a_share_and_no_more() {
    let site = Site::start();
    let [ana, ben] = site.team("Projects", [("ana", "editor"), ("ben", "editor")]);
    site.cli(&["share", "add", "Archive"]).ok();
    site.cli(&["share", "subscribe", "Archive", "--user", "ana", "--role", "editor"]).ok();
    let file = |n: usize| format!("/Projects/{n}.txt");
    let tokens: Vec<String> = (0..100).map(|n| locked(&ana, &file(n))).collect();
    let refused = lock(&ana, &file(100)).send().status(403);
    assert!(refused.text().contains("100"), "the refusal tells the limit: {}", refused.told());
    ana.get(&file(100)).status(404);
    locked(&ben, &file(100));
    locked(&ana, "/Archive/1.txt");
    refresh(&ana, &file(1), &tokens[1]).send().status(200);
    unlock(&ana, &file(0), &tokens[0]).status(204);
    locked(&ana, &file(101));
    lock(&ana, &file(102)).send().status(403);
    // A deleted file is locked for nobody.
    for (n, token) in tokens.iter().enumerate().skip(1) {
        ana.ask("DELETE", &file(n)).with("If", holding(token)).send().status(204);
        locked(&ana, &format!("/Projects/again-{n}.txt"));
    }
}

#[test]
fn a_resource_has_at_most_twenty_shared_locks() {
    let (_site, ana, ben) = ana_and_ben();
    for _ in 0..10 {
        for who in [&ana, &ben] {
            lock_shared(who, "/Projects/plan.txt").send().status(200);
        }
    }
    lock_shared(&ana, "/Projects/plan.txt").send().status(403);
    assert_eq!(locks_on(&ben, "/Projects/plan.txt").len(), 20);
}

#[test]
fn what_a_client_says_of_its_owner_has_two_kibibytes() {
    let (_site, ana, _ben) = ana_and_ben();
    let lock = |length: usize| {
        let owner = format!("<D:owner>{}</D:owner>", "o".repeat(length));
        ana.ask("LOCK", "/Projects/plan.txt").xml(&lockinfo("exclusive", &owner)).send()
    };
    lock(2049).status(413);
    assert_eq!(locks_on(&ana, "/Projects/plan.txt"), []);
    lock(2048).status(200);
    assert_eq!(locks_on(&ana, "/Projects/plan.txt")[0].owner.len(), 2048);
}

/// GNOME's file manager shows a person nothing of a refusal but the reason in its status line.
#[test]
fn the_status_line_of_a_refusal_names_the_holder() {
    let (_site, ana, ben) = ana_and_ben();
    locked(&ana, "/Projects/plan.txt");
    let refused = ben.ask("PUT", "/Projects/plan.txt").with("Connection", "close").body("mine");
    let mut connection = ben.connect();
    connection.write(&refused.head()).expect("the server reads");
    connection.write(b"mine").expect("the server reads");
    let answer = String::from_utf8(connection.read_to_close().expect("the server answers")).expect("it is text");
    assert!(answer.starts_with("HTTP/1.1 423 Locked by `ana`.\r\n"), "{answer}");
}
