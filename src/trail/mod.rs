//! What requests leave in the audit.
//!
//! A change leaves its record in its own transaction ([`Trace::record`], appended by `dav`). Everything else, downloads,
//! denials, refusals and logins, changes nothing and must hold no answer up: it goes through a bounded queue, and is
//! appended in batches ([`batch`]) a quarter of a second later. So a crash may lose the last of it, and a flood more than
//! the queue holds; how many were lost to a flood is recorded itself.
//!
//! Who sees a 404 must not learn from its timing whether something is hidden there. So every 404 is queued alike, and
//! whether the law was its reason is found out behind the answer.

pub mod batch;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use http::header::{CONTENT_LENGTH, USER_AGENT};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, Uri, Version};
use tokio::sync::{Notify, mpsc};

use crate::audit::{self, Actor, Line, Outcome, Record};
use crate::auth::{self, How};
use crate::clock::Moment;
use crate::cloud::{login, office};
use crate::dav::PREFIX;
use crate::db::WriteTx;
use crate::error::{Denied, HttpError};
use crate::guard::{Caller, HOME, OTHERS};
use crate::ids::{NodeId, ShareId};
use crate::net::PeerAddr;
use crate::path::{Name, Prefixed, RelPath, split_prefix, windows};
use crate::reply::Reply;
use crate::telemetry::RequestId;

/// Events that may wait to be appended; what comes beyond them is counted.
const QUEUE_EVENTS_MAX: usize = 16 * 1024;

/// Verbs that change something when they succeed. Who tries one and fails leaves a record too.
const CHANGING: [&str; 12] =
    ["PUT", "PATCH", "POST", "MKCOL", "MKCALENDAR", "DELETE", "COPY", "MOVE", "PROPPATCH", "LOCK", "UNLOCK", "ACL"];

/// One request, as its record will tell of it.
#[derive(Debug)]
pub struct Trace {
    /// Its id.
    pub id: RequestId,
    /// When it came in.
    pub at: Moment,
    /// When, for measuring how long it took.
    pub begun: Instant,
    /// The version of HTTP.
    pub version: Version,
    address: IpAddr,
    method: Method,
    uri: Uri,
    agent: Option<HeaderValue>,
    destination: Option<HeaderValue>,
    /// Which path of the tree it is about, and where to, when the door knows better than the URLs.
    place: OnceLock<(RelPath, Option<RelPath>)>,
    caller: OnceLock<(Caller, How)>,
    /// The file that is handed out, if it is one.
    download: OnceLock<(ShareId, NodeId)>,
    /// A transaction of it has been committed together with its record.
    recorded: AtomicBool,
}

impl Trace {
    /// Of a request that has just come in.
    pub fn new(id: RequestId, at: Moment, head: &Parts) -> Arc<Self> {
        Arc::new(Self {
            id,
            at,
            begun: Instant::now(),
            version: head.version,
            address: PeerAddr::of(head).ip().to_canonical(),
            method: head.method.clone(),
            uri: without_secret(&head.uri),
            agent: head.headers.get(USER_AGENT).cloned(),
            destination: head.headers.get("destination").filter(|value| !has_token(value)).cloned(),
            place: OnceLock::new(),
            caller: OnceLock::new(),
            download: OnceLock::new(),
            recorded: AtomicBool::new(false),
        })
    }

    /// Says who makes the request, and by which credential.
    pub fn by(&self, caller: &Caller, how: &How) {
        // Said once for each request.
        let _ = self.caller.set((caller.clone(), how.clone()));
    }

    /// Says which path of the tree the request is about; `head` is as the door has turned it, so that its `Destination` is one of the tree's too.
    pub fn leads_to(&self, path: &RelPath, head: &Parts) {
        let target = head.headers.get("destination").and_then(place_of);
        let target = match windows::asks(&head.headers) {
            true => target.and_then(|path| path.meant_by_windows().ok()),
            false => target,
        };
        let _ = self.place.set((path.clone(), target));
    }

    /// Says that the answer is this file.
    pub fn hands_out(&self, share: ShareId, node: NodeId) {
        let _ = self.download.set((share, node));
    }

    /// Says that what the request did is committed, together with its record.
    pub fn is_recorded(&self) {
        self.recorded.store(true, Ordering::Release);
    }

    /// A record of this request: nothing but who, over which door, what and where.
    pub fn record(&self) -> Record {
        self.record_of(self.path().as_ref())
    }

    /// The same, for who has read the path already; `None`: it leads nowhere below the tree.
    pub fn record_of(&self, path: Option<&RelPath>) -> Record {
        let path = match path {
            Some(path) => self.shown(path),
            None => Line::path(self.uri.path()),
        };
        let target = self.target().map(|path| self.shown(&path));
        Record { path: Some(path), target, ..Record::new(self.at, self.actor(), self.method.as_str()) }
    }

    /// The verb.
    pub fn method(&self) -> &str {
        self.method.as_str()
    }

    /// Path and query, as they were sent, without what is secret in them.
    pub fn target_text(&self) -> String {
        self.uri.path_and_query().map_or_else(|| "*".to_owned(), ToString::to_string)
    }

    /// The path, as it was sent, without what is secret in it.
    pub fn path_text(&self) -> &str {
        self.uri.path()
    }

    /// The other end of the connection.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// What the client calls itself.
    pub fn agent_text(&self) -> Option<String> {
        self.agent.as_ref().map(|agent| String::from_utf8_lossy(agent.as_bytes()).into_owned())
    }

    /// Through what the request comes, in a few words: the device, the app password's label or the door, and the first
    /// word of what the client calls itself.
    pub fn client(&self) -> String {
        let named = self.caller.get().map(|(caller, how)| match how {
            How::AppPassword { label, .. } => label.as_ref(),
            How::Password | How::OfficeUrl { .. } => how.channel_name(caller.channel),
        });
        let agent = self.agent_text().unwrap_or_default();
        let program = agent.split(['/', ' ', '(']).next().unwrap_or_default();
        let words = [named.unwrap_or_default(), program].into_iter().filter(|word| !word.is_empty());
        Line::name(&words.collect::<Vec<_>>().join(", ")).as_str().to_owned()
    }

    /// Login name and door of whoever has logged in.
    pub fn caller_names(&self) -> Option<(&str, &'static str)> {
        self.caller.get().map(|(caller, how)| (caller.user.name.as_str(), how.channel_name(caller.channel)))
    }

    fn path(&self) -> Option<RelPath> {
        self.place.get().map(|(path, _)| path.clone()).or_else(|| below_prefix(self.uri.path()))
    }

    /// Where to, if there is a `Destination` and it is one of ours.
    fn target(&self) -> Option<RelPath> {
        match self.place.get() {
            Some((_, target)) => target.clone(),
            None => place_of(self.destination.as_ref()?),
        }
    }

    /// A path as it is the same for everybody: what is in a home begins with `~` and its owner's name.
    fn shown(&self, path: &RelPath) -> Line {
        let is = |name: &Name, fixed: &str| name.key().as_str() == fixed.to_lowercase();
        let user = self.caller.get().map(|(caller, _)| caller.user.name.as_str());
        let (top, below) = match (path.segments(), user) {
            ([first, below @ ..], Some(user)) if is(first, HOME) => (format!("~{user}"), below),
            ([first, owner, below @ ..], _) if is(first, OTHERS) => (format!("~{owner}"), below),
            _ => return Line::path(&path.to_string()),
        };
        Line::path(&below.iter().fold(top, |path, name| format!("{path}/{name}")))
    }

    fn actor(&self) -> Actor {
        let agent = self.agent_text().map(|agent| Line::agent(&agent));
        let known = self.caller.get().map(|(caller, how)| Actor {
            id: Some(caller.user.id),
            name: Line::name(&caller.user.name),
            channel: Line::name(how.channel_name(caller.channel)),
            device: device(how),
            ..Actor::default()
        });
        Actor {
            address: Some(Line::name(&self.address.to_string())),
            agent,
            request: Some(Line::name(&self.id.to_string())),
            ..known.unwrap_or_else(|| Actor { channel: Line::name("webdav"), ..Actor::default() })
        }
    }
}

/// The path of the tree that a `Destination` names.
fn place_of(destination: &HeaderValue) -> Option<RelPath> {
    below_prefix(path_in(destination)?)
}

/// The path of a `Destination`.
fn path_in(destination: &HeaderValue) -> Option<&str> {
    let text = destination.to_str().ok()?;
    match text.split_once("://") {
        Some((_scheme, rest)) => Some(&rest[rest.find('/')?..]),
        None => Some(text),
    }
}

/// Whether a `Destination` is an Office URL, which is a secret.
fn has_token(destination: &HeaderValue) -> bool {
    path_in(destination).is_some_and(office::is_at)
}

/// The URL without what would let others in: that of a page to log a client in on is a secret as long as the client waits, and an Office URL
/// as long as it is good.
fn without_secret(uri: &Uri) -> Uri {
    match (login::page_without_token(uri.path()), office::without_token(uri.path())) {
        (Some(page), _) => Uri::from_static(page),
        (None, Some(told)) => told,
        (None, None) => uri.clone(),
    }
}

fn below_prefix(path: &str) -> Option<RelPath> {
    match split_prefix(path, PREFIX) {
        Prefixed::Below(raw) => RelPath::parse_request_target(raw).ok(),
        Prefixed::Root | Prefixed::Redirect => Some(RelPath::root()),
        Prefixed::Outside => None,
    }
}

/// The registered device, or what the user calls the app password.
fn device(how: &How) -> Option<Line> {
    match how {
        How::Password | How::OfficeUrl { device: None } => None,
        How::AppPassword { label, .. } | How::OfficeUrl { device: Some((_, label)) } => Some(Line::name(label)),
    }
}

/// Commits a step that changes nothing of the tree, with its record; `None` for one that is told with what it leads to.
pub async fn commit(mut tx: WriteTx, record: Option<Record>) -> Result<(), HttpError> {
    if let Some(record) = record {
        audit::append(&mut tx, &record).await?;
    }
    Ok(tx.commit().await?)
}

/// Something that is recorded behind the answer.
struct Event {
    trace: Arc<Trace>,
    what: What,
}

enum What {
    /// A file was handed out, so many bytes of it.
    Download { status: StatusCode, bytes: Option<u64> },
    /// The answer was no success.
    Refusal { status: StatusCode, text: String, denied: Option<Arc<Denied>> },
    /// A credential was used that this server had not seen before.
    Login,
    /// Nobody was let in. No status: the client had hung up before that was known.
    NoLogin { name: Option<Name>, status: Option<StatusCode> },
}

/// Where events go. Cheap, bounded, and never in anybody's way.
pub struct Trail {
    queue: mpsc::Sender<Event>,
    /// Events that found the queue full.
    dropped: AtomicU64,
    /// The queue is half full, so that the next batch shouldn't wait.
    hurry: Notify,
}

/// The other end of the queue.
pub struct Events(mpsc::Receiver<Event>);

impl Trail {
    /// An empty queue.
    pub fn new() -> (Self, Events) {
        let (queue, events) = mpsc::channel(QUEUE_EVENTS_MAX);
        (Self { queue, dropped: AtomicU64::new(0), hurry: Notify::new() }, Events(events))
    }

    fn push(&self, trace: &Arc<Trace>, what: What) {
        if self.queue.try_send(Event { trace: Arc::clone(trace), what }).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        if self.queue.capacity() < QUEUE_EVENTS_MAX / 2 {
            self.hurry.notify_one();
        }
    }

    /// Tells of an answer. What a change has recorded itself, and what nobody wants to know, is left out.
    pub fn answered(&self, trace: &Arc<Trace>, answer: Result<&Reply, &HttpError>) {
        if trace.caller.get().is_none() || trace.recorded.load(Ordering::Acquire) {
            return;
        }
        match answer {
            Ok(reply) if trace.download.get().is_some() => {
                let bytes = reply.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
                self.push(trace, What::Download { status: reply.status(), bytes });
            }
            // A 207 that names what stood in the way: nothing was changed.
            Ok(reply) if trace.changes() => {
                let (status, text) = (reply.status(), "nothing was changed".to_owned());
                self.push(trace, What::Refusal { status, text, denied: None });
            }
            Ok(_) => {}
            Err(error) => {
                let wanted = trace.changes() || matches!(error.status.as_u16(), 403 | 404);
                if wanted {
                    let (text, denied) = (error.text.clone().into_owned(), error.denied.clone());
                    self.push(trace, What::Refusal { status: error.status, text, denied });
                }
            }
        }
    }

    /// Tells of a login whose credential this server had not seen before.
    pub fn logged_in(&self, trace: &Arc<Trace>) {
        self.push(trace, What::Login);
    }

    /// Watches a login: one that fails, or whose client hangs up before its end, is told of.
    pub fn watch_login<'t>(&'t self, trace: &'t Arc<Trace>, credentials: Option<&'t HeaderValue>) -> Watched<'t> {
        Watched { trail: self, trace, credentials, is_over: false }
    }
}

impl Trace {
    fn changes(&self) -> bool {
        CHANGING.contains(&self.method.as_str())
    }
}

/// A login under way.
pub struct Watched<'t> {
    trail: &'t Trail,
    trace: &'t Arc<Trace>,
    credentials: Option<&'t HeaderValue>,
    is_over: bool,
}

impl Watched<'_> {
    /// Nobody was let in.
    pub fn failed(mut self, status: StatusCode) {
        self.is_over = true;
        self.tell(Some(status));
    }

    fn tell(&self, status: Option<StatusCode>) {
        // The name alone: the secret is kept nowhere.
        let name = self.credentials.and_then(auth::claimed_name);
        self.trail.push(self.trace, What::NoLogin { name, status });
    }

    /// It was right, or none was tried.
    pub fn is_over(mut self) {
        self.is_over = true;
    }
}

impl Drop for Watched<'_> {
    /// Who hangs up while his guess is looked at would otherwise leave no trace of it.
    fn drop(&mut self) {
        if !self.is_over {
            self.tell(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn trace(authorization: &str) -> (Arc<Trace>, Parts) {
        let request = Request::get("/dav/Projects/plan%20b.txt").header("authorization", authorization);
        let (head, ()) = request.body(()).unwrap().into_parts();
        (Trace::new(RequestId::fresh(), Moment(0), &head), head)
    }

    /// The name in `Basic` credentials and the status, of a login that nobody was let in by.
    fn told(event: Event) -> (Option<String>, Option<u16>) {
        let What::NoLogin { name, status } = event.what else { panic!("the event of a login that failed") };
        (name.map(|name| name.as_str().to_owned()), status.map(|status| status.as_u16()))
    }

    #[test]
    fn a_guess_whose_client_hangs_up_is_told_of_all_the_same() {
        let (trail, mut events) = Trail::new();
        // ana:guess
        let (trace, head) = trace("Basic YW5hOmd1ZXNz");
        let credentials = head.headers.get("authorization");
        trail.watch_login(&trace, credentials).is_over();
        drop(trail.watch_login(&trace, credentials));
        trail.watch_login(&trace, credentials).failed(StatusCode::UNAUTHORIZED);
        trail.watch_login(&trace, None).failed(StatusCode::UNAUTHORIZED);
        let ana = || Some("ana".to_owned());
        for expected in [(ana(), None), (ana(), Some(401)), (None, Some(401))] {
            assert_eq!(told(events.0.try_recv().unwrap()), expected);
        }
        assert!(events.0.try_recv().is_err());
    }

    #[test]
    fn events_beyond_the_queue_are_counted_and_hold_nobody_up() {
        let (trail, _events) = Trail::new();
        let (trace, _) = trace("");
        for _ in 0..QUEUE_EVENTS_MAX + 7 {
            trail.logged_in(&trace);
        }
        assert_eq!(trail.dropped.load(Ordering::Relaxed), 7);
    }

    #[test]
    fn a_record_has_the_path_as_people_see_it_and_no_secret() {
        let (trace, _) = trace("Basic YW5hOmd1ZXNz");
        let record = trace.record();
        assert_eq!(record.path.as_ref().map(Line::as_str), Some("/Projects/plan b.txt"));
        assert!(!format!("{record:?}{trace:?}").contains("guess"));
        assert!(!format!("{trace:?}").contains("YW5h"));
    }
}
