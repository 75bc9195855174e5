//! A visit to a server: the steps of a client, each judged, in a folder of its own that is removed at the end.

use std::error::Error;

use super::client::{Ask, Http, Reply};
use super::finding::{Finding, State};
use crate::path::encode_segment;

/// How the folder of a visit begins; some random characters follow.
const FOLDER: &str = ".commonhold-doctor-";

/// What the answer to a step is worth.
pub(super) struct Verdict {
    state: State,
    remedy: &'static str,
    seen: Option<String>,
}

/// As the client needs it.
pub(super) fn right() -> Verdict {
    Verdict { state: State::Ok, remedy: "", seen: None }
}

/// The client goes on, not as people expect.
pub(super) fn doubt(remedy: &'static str) -> Verdict {
    Verdict { state: State::Warning, remedy, seen: None }
}

/// The client fails here. An empty remedy is one that the status alone tells.
pub(super) fn wrong(remedy: &'static str) -> Verdict {
    Verdict { state: State::Failure, remedy, seen: None }
}

impl Verdict {
    /// What was seen, if the status doesn't say it.
    pub fn seeing(self, seen: impl Into<String>) -> Self {
        Self { seen: Some(seen.into()), ..self }
    }
}

/// Right with one of these statuses, else wrong.
pub(super) fn status(reply: &Reply, wanted: &[u16], remedy: &'static str) -> Verdict {
    if wanted.contains(&reply.status.as_u16()) { right() } else { wrong(remedy) }
}

/// What is wrong where COPY and MOVE lead nowhere.
pub(super) const DESTINATION: &str = "`Destination` names another host or path than the server knows as its own: let the proxy pass `Host` and `Destination` unchanged, or name the public address (`server.public_origins`)";

/// What a status alone says about the server or what stands before it.
fn remedy_of(reply: &Reply, has_destination: bool) -> &'static str {
    match reply.status.as_u16() {
        // RFC 4918 section 9.9.4: the destination is on another server.
        502 if has_destination => DESTINATION,
        301 | 302 | 303 | 307 | 308 => {
            "drives don't follow redirects: answer at this URL itself, or give people the one it leads to"
        }
        401 => {
            "the login was refused: check name and password, and that the proxy passes the header `Authorization` on"
        }
        403 => "this person may not do that here: choose a folder where he may create, change and delete",
        404 => "nothing is at this URL: check the path, and that the proxy passes it on as it came",
        405 | 501 => "the verb doesn't reach a WebDAV server: let the proxy pass all methods",
        409 => "the folder around it is missing: check that the proxy passes the path on as it came",
        411 => {
            "a body in chunks is refused: let the proxy pass it on as it comes, or switch it to HTTP/1.1 with request buffering"
        }
        413 => {
            "the body is too large for what stands before the server: raise its limit (nginx: `client_max_body_size 0`)"
        }
        429 => "too many failed logins came from here: wait, and try the right password",
        502..=504 => "the proxy reaches no server, or not in time: check that it runs, and the proxy's time-outs",
        507 => "the disk or the share's quota is full",
        _ => "look into the server's log for this request",
    }
}

/// A visit to one collection.
pub(super) struct Visit {
    http: Http,
    findings: Vec<Finding>,
    /// The collection, encoded, without a slash at its end; empty for the host's root.
    base: String,
    /// The name of its own folder.
    folder: String,
    /// Whether there is something to remove.
    has_folder: bool,
    /// Whether the last request was answered with a success, whatever the client makes of it.
    succeeded: bool,
}

impl Visit {
    pub fn new(http: Http, nonce: &str) -> Self {
        let base = http.url().path().trim_end_matches('/').to_owned();
        Self {
            http,
            findings: Vec::new(),
            base,
            folder: format!("{FOLDER}{nonce}"),
            has_folder: false,
            succeeded: false,
        }
    }

    pub fn http(&self) -> &Http {
        &self.http
    }

    /// The collection that is visited, as clients without slashes name it.
    pub fn collection(&self) -> String {
        if self.base.is_empty() { "/".to_owned() } else { self.base.clone() }
    }

    /// The path of the visit's own folder.
    pub fn own(&self) -> String {
        format!("{}/{}", self.base, self.folder)
    }

    /// The path of something in it, given by its name.
    pub fn at(&self, name: &str) -> String {
        format!("{}/{}", self.own(), encode_segment(name))
    }

    /// A path as `Destination` names it.
    pub fn destination(&self, path: &str) -> String {
        format!("{}{path}", self.http.origin())
    }

    /// Whether it makes sense to go on after a step that a client fails at: the server did answer.
    pub fn goes_on(&self) -> Option<()> {
        self.succeeded.then_some(())
    }

    /// Records what no request is needed for.
    pub fn record(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Sends a request and judges its answer. Gives the answer unless the client fails here.
    pub async fn step(
        &mut self,
        check: &str,
        expected: &str,
        ask: Ask,
        judge: impl FnOnce(&Reply) -> Verdict,
    ) -> Option<Reply> {
        let expected = expected.to_owned();
        let (has_destination, is_anonymous) = (ask.has("Destination"), ask.is_anonymous());
        let reply = match self.http.send(ask).await {
            Ok(reply) => reply,
            Err(error) => {
                let finding = Finding::failure(check, cause_of(&error), remedy_without_answer(&error));
                self.succeeded = false;
                self.record(Finding { expected, ..finding });
                return None;
            }
        };
        self.succeeded = reply.status.is_success();
        let verdict = judge(&reply);
        // What was decided before the request got anywhere explains more than what the step wanted of it.
        let explains_all = match reply.status.as_u16() {
            300..=399 | 429 | 503 | 504 => true,
            401 => !is_anonymous,
            502 => !has_destination,
            _ => false,
        };
        let remedy = match (verdict.state, verdict.remedy) {
            (State::Failure, "") => remedy_of(&reply, has_destination),
            (State::Failure, _) if explains_all => remedy_of(&reply, has_destination),
            (_, remedy) => remedy,
        };
        let found = verdict.seen.unwrap_or_else(|| reply.told());
        self.record(Finding {
            check: check.to_owned(),
            state: verdict.state,
            expected,
            found,
            remedy: remedy.to_owned(),
        });
        (verdict.state != State::Failure).then_some(reply)
    }

    /// Makes the visit's own folder, in which the rest happens.
    pub async fn make_folder(&mut self) -> Option<Reply> {
        let ask = Ask::new("MKCOL", self.own());
        let remedy = "clients make folders without a slash at the end of the URL: let the server take that, and the proxy pass the path on as it came";
        let judge = |reply: &Reply| status(reply, &[201], if reply.is(409) || reply.is(301) { remedy } else { "" });
        let made = self.step("make a folder: MKCOL without a slash", "201", ask, judge).await;
        // Also after a success that clients don't expect.
        self.has_folder = self.succeeded;
        made
    }

    /// Removes what the visit made, and gives what it found.
    pub async fn end(mut self) -> Vec<Finding> {
        if self.has_folder {
            let ask = Ask::new("DELETE", self.own());
            let remedy = "the folder of this visit is still there: delete it by hand";
            self.step("clean up: DELETE of the folder", "204 and nothing left", ask, |reply| {
                match reply.status.as_u16() {
                    200 | 204 => right(),
                    207 => wrong(remedy).seeing("207: something in it was not deleted"),
                    _ => wrong(remedy),
                }
            })
            .await;
        }
        self.findings
    }
}

/// The innermost reason, which says more than "error sending request".
fn cause_of(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    format!("no answer: {cause}")
}

fn remedy_without_answer(error: &reqwest::Error) -> &'static str {
    let cause = cause_of(error).to_lowercase();
    if cause.contains("certificate") || cause.contains("unknownissuer") {
        return "clients refuse this certificate too: use one of a public authority, or trust its authority on each machine (here: --ca FILE)";
    }
    if error.is_connect() {
        return "nothing accepts connections there: check the name, the port, the firewall, and that the server runs";
    }
    if error.is_timeout() {
        return "it takes too long: check the proxy's buffering and time-outs, and the server's log";
    }
    "the connection broke in the middle: check the proxy's log for limits and time-outs"
}
