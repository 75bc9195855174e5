//! Locks between people (RFC 4918 sections 6 to 10): who is kept out of what, who sees which token, and for how long.
//!
//! Here: the words in which tests speak of locks, also those of other modules, and what one lock does to a colleague. A
//! module below for each part: `holders`, `time`, `if_header`, `folders`, `unmapped`. How administrators see and break
//! locks is elsewhere; which role may lock at all is a row of `oracle.csv`, in `roles.rs`.

mod folders;
mod holders;
mod if_header;
mod time;
mod unmapped;

use std::collections::BTreeMap;

use crate::site::xml::{Element, Node};
use crate::site::{Client, Depth, Reply, Request, Site, asking_for, dav, target};

/// A LOCK for a new exclusive lock, without Depth and Timeout.
pub fn lock<'a>(who: &'a Client, path: &str) -> Request<'a> {
    who.ask("LOCK", path).xml(&lockinfo("exclusive", ""))
}

/// The same for a shared lock.
pub fn lock_shared<'a>(who: &'a Client, path: &str) -> Request<'a> {
    who.ask("LOCK", path).xml(&lockinfo("shared", ""))
}

/// A LOCK body with what the client says of its owner, as XML.
pub fn lockinfo(scope: &str, owner: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:{scope}/></D:lockscope><D:locktype><D:write/></D:locktype>{owner}</D:lockinfo>"#
    )
}

/// A LOCK that refreshes.
pub fn refresh<'a>(who: &'a Client, path: &str, token: &str) -> Request<'a> {
    who.ask("LOCK", path).with("If", holding(token))
}

pub fn unlock(who: &Client, path: &str, token: &str) -> Reply {
    who.ask("UNLOCK", path).with("Lock-Token", format!("<{token}>")).send()
}

/// An If header for the request's own target.
pub fn holding(token: &str) -> String {
    format!("(<{token}>)")
}

/// An If header for another resource.
pub fn holding_at(path: &str, token: &str) -> String {
    format!("<{}> (<{token}>)", target(path))
}

/// A save by somebody who says what he holds.
pub fn save(who: &Client, path: &str, token: &str) -> Reply {
    who.ask("PUT", path).with("If", holding(token)).body("saved").send()
}

/// The token of a new lock, without its angle brackets.
#[track_caller]
pub fn token_of(reply: &Reply) -> String {
    let header = reply.header("lock-token");
    let token = header.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    token.unwrap_or_else(|| panic!("a Coded-URL expected: {}", reply.told())).to_owned()
}

/// Takes an exclusive lock and gives its token.
#[track_caller]
pub fn locked(who: &Client, path: &str) -> String {
    token_of(&lock(who, path).send().status_in(&[200, 201]))
}

/// An `activelock`, as somebody sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ActiveLock {
    pub exclusive: bool,
    pub depth: String,
    pub owner: String,
    pub timeout: String,
    pub token: Option<String>,
    /// The href of the lock root, as it stands.
    pub root: String,
}

/// What somebody sees of the locks that cover a resource.
#[track_caller]
pub fn locks_on(who: &Client, path: &str) -> Vec<ActiveLock> {
    active_locks(&who.propfind(path, Depth::Zero, &asking_for(&["{DAV:}lockdiscovery"])).status(207))
}

/// Every resource at and below `path` by its href, with what somebody sees of the locks that cover it, in order and
/// without the time that is left of them.
#[track_caller]
pub fn locks_below(who: &Client, path: &str) -> BTreeMap<String, Vec<ActiveLock>> {
    let told = who.propfind(path, Depth::Infinity, &asking_for(&["{DAV:}lockdiscovery"])).status(207);
    let responses = Element::parse(told.text());
    let read = |response: &Element| {
        let href = response.child(&dav("href")).expect("a response is about something").inner();
        let locks = all_within(response, &dav("activelock")).into_iter().map(ActiveLock::read);
        let mut locks: Vec<_> = locks.map(|lock| ActiveLock { timeout: String::new(), ..lock }).collect();
        locks.sort();
        (href, locks)
    };
    responses.elements().map(read).collect()
}

/// Every `activelock` in an answer.
#[track_caller]
pub fn active_locks(reply: &Reply) -> Vec<ActiveLock> {
    all_within(&Element::parse(reply.text()), &dav("activelock")).into_iter().map(ActiveLock::read).collect()
}

impl ActiveLock {
    fn read(element: &Element) -> Self {
        let text = |name: &str| element.child(&dav(name)).map(Element::inner);
        let href = |name: &str| element.child(&dav(name)).and_then(|e| e.child(&dav("href"))).map(Element::inner);
        let scope = element.child(&dav("lockscope")).expect("a lock has a scope");
        assert_eq!(element.child(&dav("locktype")).map(Element::inner).as_deref(), Some("<{DAV:}write></>"));
        Self {
            exclusive: scope.child(&dav("exclusive")).is_some(),
            depth: text("depth").expect("a lock has a depth"),
            owner: text("owner").unwrap_or_default(),
            timeout: text("timeout").expect("a lock has a time-out"),
            token: href("locktoken"),
            root: href("lockroot").expect("a lock has a root"),
        }
    }
}

fn all_within<'a>(element: &'a Element, name: &str) -> Vec<&'a Element> {
    let mut found = Vec::new();
    let mut open = vec![element];
    while let Some(element) = open.pop() {
        if element.name == name {
            found.push(element);
        }
        open.extend(element.content.iter().rev().filter_map(|node| match node {
            Node::Element(child) => Some(child),
            Node::Text(_) => None,
        }));
    }
    found
}

/// The hrefs below a condition of an error body.
#[track_caller]
fn condition_hrefs(reply: &Reply, condition: &str) -> Vec<String> {
    let error = Element::parse(reply.text());
    let condition = error.child(&dav(condition)).unwrap_or_else(|| panic!("`{condition}` expected: {}", reply.told()));
    condition.elements().map(Element::inner).collect()
}

/// Two editors, and a document of the first one's.
fn ana_and_ben() -> (Site, Client, Client) {
    let site = Site::start();
    let [ana, ben] = site.team("Projects", [("ana", "editor"), ("ben", "editor")]);
    ana.put("/Projects/plan.txt", "v1").status(201);
    (site, ana, ben)
}

#[test]
fn a_locked_file_refuses_everything_that_a_colleague_could_do_to_it() {
    let (_site, ana, ben) = ana_and_ben();
    ben.put("/Projects/mine.txt", "mine").status(201);
    ben.mkcol("/Projects/folder").status(201);
    let token = locked(&ana, "/Projects/plan.txt");
    let file = "/Projects/plan.txt";
    for refused in [
        ben.put(file, "overwritten"),
        ben.put("/Projects/PLAN.txt", "by another spelling"),
        ben.put(file, vec![b'x'; 200_000]),
        ben.set(file, r#"<colour xmlns="urn:example">red</colour>"#),
        ben.delete(file),
        ben.rename(file, "/Projects/folder/plan.txt"),
        ben.rename(file, "/Projects/renamed.txt"),
        ben.rename("/Projects/mine.txt", file),
        ben.copy("/Projects/mine.txt", file),
        ben.copy("/Projects/folder", file),
    ] {
        let refused = refused.status(423).condition("lock-token-submitted");
        assert_eq!(condition_hrefs(&refused, "lock-token-submitted"), ["/dav/Projects/plan.txt"]);
        assert!(refused.text().contains("ana"), "the refusal says who holds the lock: {}", refused.told());
    }
    for scope in [lock(&ben, file), lock_shared(&ben, file)] {
        let refused = scope.send().status(423).condition("no-conflicting-lock");
        assert_eq!(condition_hrefs(&refused, "no-conflicting-lock"), ["/dav/Projects/plan.txt"]);
    }
    // A write lock never hides reading.
    ben.get(file).status(200).body("v1");
    ben.list(file, Depth::Zero).status(207);
    ben.copy(file, "/Projects/copy.txt").status(201);
    save(&ana, file, &token).status(204);
    ben.get(file).status(200).body("saved");
}

#[test]
fn the_holder_needs_his_token_too_since_another_program_of_his_may_hold_it() {
    let (_site, ana, _ben) = ana_and_ben();
    let token = locked(&ana, "/Projects/plan.txt");
    let elsewhere = ana.clone();
    elsewhere.put("/Projects/plan.txt", "from the other machine").status(423);
    elsewhere.delete("/Projects/plan.txt").status(423);
    lock(&elsewhere, "/Projects/plan.txt").send().status(423).condition("no-conflicting-lock");
    save(&elsewhere, "/Projects/plan.txt", &token).status(204);
}

#[test]
fn a_released_file_is_everybodys_again() {
    let (_site, ana, ben) = ana_and_ben();
    let token = locked(&ana, "/Projects/plan.txt");
    unlock(&ana, "/Projects/plan.txt", &token).status(204).body("");
    assert_eq!(locks_on(&ben, "/Projects/plan.txt"), []);
    ben.put("/Projects/plan.txt", "v2").status(204);
    save(&ana, "/Projects/plan.txt", &token).status(412);
    unlock(&ana, "/Projects/plan.txt", &token).status(409).condition("lock-token-matches-request-uri");
}

/// Trap 44: npm's `webdav` and old Windows leave the angle brackets away.
#[test]
fn an_unlock_names_one_token_with_or_without_brackets() {
    let (_site, ana, _ben) = ana_and_ben();
    let token = locked(&ana, "/Projects/plan.txt");
    let unlock = |value: &str| ana.ask("UNLOCK", "/Projects/plan.txt").with("Lock-Token", value).send();
    ana.ask("UNLOCK", "/Projects/plan.txt").send().status(400);
    for malformed in ["", "<>", "<urn:uuid:1", "nonsense", &format!("<{token}> <{token}>")] {
        unlock(malformed).status(400);
    }
    unlock("<urn:uuid:00000000-0000-4000-8000-000000000000>").status(409);
    ana.ask("UNLOCK", "/Projects/none.txt").with("Lock-Token", format!("<{token}>")).send().status(404);
    unlock(&token).status(204);
}

#[test]
fn a_lock_body_that_cannot_be_read_is_refused_and_locks_nothing() {
    let (_site, ana, ben) = ana_and_ben();
    let lock = |body: &str| ana.ask("LOCK", "/Projects/plan.txt").xml(body).send();
    let scope = "<D:lockscope><D:exclusive/></D:lockscope>";
    let kind = "<D:locktype><D:write/></D:locktype>";
    for body in [
        "<".to_owned(),
        format!(r#"<D:lockinfo xmlns:D="DAV:">{scope}</D:lockinfo>"#),
        format!(r#"<D:lockinfo xmlns:D="DAV:">{kind}</D:lockinfo>"#),
        format!(r#"<D:lockinfo xmlns:D="DAV:">{scope}<D:locktype><D:read/></D:locktype></D:lockinfo>"#),
        format!(r#"<D:propfind xmlns:D="DAV:">{scope}{kind}</D:propfind>"#),
    ] {
        lock(&body).status(400);
    }
    lock(&lockinfo("exclusive", &format!("<D:owner>{}</D:owner>", "x".repeat(20_000)))).status(413);
    // Neither body nor token: nothing new and nothing to refresh.
    ana.ask("LOCK", "/Projects/plan.txt").send().status(400);
    ana.ask("LOCK", "/Projects/plan.txt").with("Depth", "1").xml(&lockinfo("exclusive", "")).send().status(400);
    ben.put("/Projects/plan.txt", "v2").status(204);
}
