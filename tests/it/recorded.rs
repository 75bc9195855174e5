//! Conversations of clients that can't run here, kept as data in `tests/recorded/` and replayed over TCP, with what must be
//! answered at every step. Each says in its first comment what it is written from; how documents are saved is in
//! `office_saves.rs`.
//!
//! A step is `METHOD target` (after `@ben ` it is ben's, else ana's; `@nobody` has no login, `@ana as NAME` logs in by that
//! name), header lines, body lines after `| `, and `= status`. What must be true of the answer follows: `~ text` and
//! `!~ text` that its body has and hasn't, `^ Header: text` that a header has. `? name text` keeps what
//! follows the text in the body as `{name}` for later steps, and `& name text` the URL of the response that says the text. `{token}` stands for the
//! last Lock-Token, `{host}` for the server, `{N bytes}` as a whole body for so many. Lines that begin with `#`, and empty ones, are for people.

use crate::site::{Client, Reply, Site, basic};

const RECORDINGS: &[(&str, &str)] = &[
    ("Windows maps a drive", include_str!("../recorded/windows_map.txt")),
    ("Windows maps a drive of another port", include_str!("../recorded/windows_ssl.txt")),
    ("Windows browses", include_str!("../recorded/windows_browse.txt")),
    ("Windows copies files in", include_str!("../recorded/windows_copy_in.txt")),
    ("Windows edits a file", include_str!("../recorded/windows_edit.txt")),
    ("Windows makes, renames and deletes folders", include_str!("../recorded/windows_folders.txt")),
    ("Office opens by an address", include_str!("../recorded/office_address.txt")),
    ("Office saves as", include_str!("../recorded/office_save_as.txt")),
    ("Finder mounts", include_str!("../recorded/finder_mount.txt")),
    ("Finder copies in", include_str!("../recorded/finder_copy_in.txt")),
    ("Finder renames and deletes", include_str!("../recorded/finder_rename.txt")),
    ("an app of iOS", include_str!("../recorded/ios.txt")),
    ("an app of Android", include_str!("../recorded/android.txt")),
    ("Joplin keeps notes", include_str!("../recorded/joplin.txt")),
    ("clients of Nextcloud bring back", include_str!("../recorded/nextcloud_trash.txt")),
];

/// What must be true of an answer beside its status.
#[derive(Debug)]
enum Check {
    Says(String),
    SaysNothingOf(String),
    Header(String, String),
    /// Says this text, and what follows it is kept under the name.
    Keeps(String, String),
    /// Says this text, and the URL of the response that does is kept under the name.
    KeepsUrl(String, String),
}

/// One request of a recording.
#[derive(Debug, Default)]
pub struct Step {
    who: String,
    method: String,
    pub target: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
    pub status: u16,
    checks: Vec<Check>,
}

impl Step {
    pub fn is(&self, method: &str) -> bool {
        self.method == method
    }
}

/// Reads a recording.
pub fn steps(recording: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in recording.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if steps.last().is_none_or(|step| step.status != 0) && !is_check(line) {
            steps.push(opening(line));
            continue;
        }
        let step = steps.last_mut().expect("a check comes after a request");
        if let Some(status) = line.strip_prefix("= ") {
            step.status = status.parse().expect("a status");
        } else if let Some(text) = line.strip_prefix("~ ") {
            step.checks.push(Check::Says(text.to_owned()));
        } else if let Some(text) = line.strip_prefix("!~ ") {
            step.checks.push(Check::SaysNothingOf(text.to_owned()));
        } else if let Some(header) = line.strip_prefix("^ ") {
            let (name, value) = header.split_once(": ").expect("a header line");
            step.checks.push(Check::Header(name.to_owned(), value.to_owned()));
        } else if let Some(kept) = line.strip_prefix("? ") {
            let (name, text) = kept.split_once(' ').expect("a name and a text");
            step.checks.push(Check::Keeps(name.to_owned(), text.to_owned()));
        } else if let Some(kept) = line.strip_prefix("& ") {
            let (name, text) = kept.split_once(' ').expect("a name and a text");
            step.checks.push(Check::KeepsUrl(name.to_owned(), text.to_owned()));
        } else if let Some(line) = line.strip_prefix('|') {
            let body = step.body.get_or_insert_default();
            if !body.is_empty() {
                body.push('\n');
            }
            body.push_str(line.strip_prefix(' ').unwrap_or_default());
        } else {
            let (name, value) = line.split_once(": ").expect("a header line");
            step.headers.push((name.to_owned(), value.to_owned()));
        }
    }
    assert!(steps.iter().all(|step| step.status != 0), "every request has a status");
    steps
}

fn is_check(line: &str) -> bool {
    ["~ ", "!~ ", "^ ", "? ", "& "].iter().any(|mark| line.starts_with(mark))
}

fn opening(line: &str) -> Step {
    let (who, request) = match line.strip_prefix('@') {
        Some(line) => {
            let at = line.rfind(" /").or_else(|| line.rfind(" *")).expect("a target");
            let method = line[..at].rfind(' ').expect("a method");
            (&line[..method], &line[method + 1..])
        }
        None => ("", line),
    };
    let (method, target) = request.split_once(' ').expect("a request line");
    Step { who: who.to_owned(), method: method.to_owned(), target: target.to_owned(), ..Step::default() }
}

/// `{N bytes}`, or the text itself.
fn content(body: &str) -> Vec<u8> {
    let bytes = body.strip_prefix('{').and_then(|rest| rest.strip_suffix(" bytes}"));
    bytes.and_then(|count| count.parse().ok()).map_or_else(|| body.as_bytes().to_vec(), |count| vec![b'x'; count])
}

impl Step {
    /// The same with what earlier steps have kept, the newest first.
    fn naming(mut self, kept: &[(String, String)]) -> Self {
        let checks = self.checks.iter_mut().filter_map(|check| match check {
            Check::Says(text) | Check::SaysNothingOf(text) => Some(text),
            Check::Header(..) | Check::Keeps(..) | Check::KeepsUrl(..) => None,
        });
        let headers = self.headers.iter_mut().map(|(_, value)| value);
        for text in checks.chain(headers).chain([&mut self.target]).chain(&mut self.body) {
            for (name, value) in kept {
                *text = text.replace(name, value);
            }
        }
        self
    }

    /// Sends it; `token` is that of the last lock.
    pub fn send(&self, who: &Client, token: &str) -> Reply {
        let mut request = who.raw(&self.method, &self.target);
        let mut chunked = false;
        for (name, value) in &self.headers {
            chunked |= name == "Transfer-Encoding";
            if name != "Transfer-Encoding" {
                request = request.with(name, value.replace("{token}", token).replace("{host}", &who.host()));
            }
        }
        match self.body.as_deref().map(content) {
            Some(body) if chunked => request.chunks([&body[..]]).send(),
            Some(body) => request.body(body).send(),
            None => request.send(),
        }
    }

    /// What later steps name, out of an answer that is as it must be.
    fn kept(&self, reply: &Reply) -> Vec<(String, String)> {
        let body = reply.text();
        let kept = self.checks.iter().filter_map(|check| match check {
            Check::Keeps(name, text) => Some((name, body.split_once(text.as_str())?.1)),
            Check::KeepsUrl(name, text) => Some((name, body.split_once(text.as_str())?.0.rsplit_once("href>/")?.1)),
            Check::Says(_) | Check::SaysNothingOf(_) | Check::Header(..) => None,
        });
        kept.map(|(name, rest)| (format!("{{{name}}}"), rest.split('<').next().unwrap_or_default().to_owned()))
            .collect()
    }

    fn confirm(&self, told: &str, reply: &Reply) {
        assert_eq!(reply.answer.status, self.status, "{told}: {}", reply.told());
        for check in &self.checks {
            match check {
                Check::Says(text) => assert!(reply.text().contains(text), "{told}: `{text}`: {}", reply.told()),
                Check::SaysNothingOf(text) => {
                    assert!(!reply.text().contains(text), "{told}: `{text}`: {}", reply.told());
                }
                Check::Header(name, text) => {
                    let value = reply.answer.header(name).unwrap_or_default();
                    assert!(value.contains(text), "{told}: `{name}` with `{text}`: {}", reply.told());
                }
                Check::Keeps(_, text) | Check::KeepsUrl(_, text) => {
                    assert!(reply.text().contains(text), "{told}: `{text}`: {}", reply.told());
                }
            }
        }
    }
}

/// Every conversation goes as the client expects it, beginning with a share that has `plan.txt`, the folder `plans`, and
/// `plans/notes.txt` in it.
#[test]
fn clients_that_cannot_run_here_get_what_they_expect() {
    for (told, recording) in RECORDINGS {
        let site = Site::start();
        let [ana, ben] = site.team("Projects", [("ana", "editor"), ("ben", "editor")]);
        ana.put("/Projects/plan.txt", "the first draft").status(201);
        ana.mkcol("/Projects/plans").status(201);
        ana.put("/Projects/plans/notes.txt", "notes").status(201);
        replay(told, recording, &site, [&ana, &ben]);
        site.is_consistent();
    }
}

/// Replays a recording, with what must be true of every answer.
pub fn replay(told: &str, recording: &str, site: &Site, [ana, ben]: [&Client; 2]) {
    let mut token = String::new();
    let mut kept: Vec<(String, String)> = Vec::new();
    for step in steps(recording) {
        let step = step.naming(&kept);
        let renamed;
        let who = match step.who.as_str() {
            "" | "ana" => ana,
            "ben" => ben,
            "nobody" => {
                renamed = site.anonymous();
                &renamed
            }
            other => {
                let name = other.strip_prefix("ana as ").expect("a person of the conversation");
                renamed = ana.with_authorization(&basic(name, &ana.secret));
                &renamed
            }
        };
        let reply = step.send(who, &token);
        step.confirm(told, &reply);
        kept.splice(0..0, step.kept(&reply));
        if let Some(new) = reply.answer.header("lock-token") {
            token = new.trim_matches(['<', '>']).to_owned();
        }
    }
}
