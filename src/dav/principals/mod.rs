//! Users and groups as resources of their own (RFC 3744 sections 2 and 4): their URLs, PROPFIND and REPORT on them.
//!
//! `/principals/users/NAME/`, and `/principals/groups/ORGANIZATION:NAME/` with the departments between, each after a `:`, which no
//! name has. Who sees whom is [`principal::Sight`]'s to say; what isn't seen does not exist. Nothing here can be changed: people and
//! groups are administered by other doors.
//! What is told of each is in [`entry`], the reports in [`search`].

pub mod entry;
pub mod search;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, stream};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LOCATION};
use http::request::Parts;

use super::bodies::PropfindBody;
use super::headers::{Depth, Destination, Header, Origin};
use super::propfind::XML_TYPE;
use super::xml::{QName, XmlWriter};
use super::{is_head, options, page, small_body};
use crate::app::App;
use crate::db::{DbError, ReadTx, Reads};
use crate::directory::principal::{self, Card, GroupCard, Sight};
use crate::directory::{Principal, User};
use crate::error::{Condition, HttpError};
use crate::guard::Caller;
use crate::ids::GroupId;
use crate::net::{RequestBody, Via, named_host};
use crate::path::{Prefixed, decode_segment, encode_segment, split_prefix};
use crate::reply::{self, Body, Reply};
use entry::{Subject, Teller, Wish};

/// Where principals begin in URLs.
pub const PREFIX: &str = "/principals/";
/// The collection of users.
pub const USERS: &str = "/principals/users/";
/// The collection of groups.
pub const GROUPS: &str = "/principals/groups/";
/// What stands between the names in a group's URL.
const BETWEEN_NAMES: char = ':';
/// So much is collected before it is sent.
const CHUNK_BYTES: usize = 64 * 1024;
/// What can be done here.
const ALLOW_HERE: &str = "OPTIONS, GET, HEAD, PROPFIND, REPORT";

/// The URL of a user.
pub fn user_href(name: &str) -> String {
    format!("{USERS}{}/", encode_segment(name))
}

/// The URL of a group.
pub fn group_href(group: &GroupCard) -> String {
    let mut href = GROUPS.to_owned();
    for (at, name) in group.path().into_iter().enumerate() {
        if at > 0 {
            href.push(BETWEEN_NAMES);
        }
        href.extend(encode_segment(name));
    }
    href.push('/');
    href
}

/// The URL of either.
pub fn href_of(card: &Card) -> String {
    match card {
        Card::User(user) => user_href(&user.name),
        Card::Group(group) => group_href(group),
    }
}

/// The origins under which the client of this request knows the server.
pub fn origins(app: &App, head: &Parts) -> Vec<Origin> {
    let mut origins: Vec<Origin> = app.origins.clone();
    let behind_proxy = head.extensions.get::<Via>().and_then(|via| via.host.as_deref());
    origins
        .extend([named_host(head), behind_proxy].into_iter().flatten().filter_map(|host| Origin::from_host(host).ok()));
    origins
}

/// The principal that a URL of a client names, if there is one and the caller sees it.
pub async fn at_href(
    tx: &mut impl Reads,
    sight: &Sight,
    origins: &[Origin],
    href: &str,
) -> Result<Option<Card>, DbError> {
    let Ok(url) = Destination::from_text(href) else { return Ok(None) };
    let Ok(raw) = url.raw_path_if_ours(origins) else { return Ok(None) };
    let Prefixed::Below(below) = split_prefix(raw, PREFIX) else { return Ok(None) };
    match subject_at(tx, sight, below).await? {
        Some(Subject::Card(card)) => Ok(Some(card)),
        Some(Subject::Collection(_)) | None => Ok(None),
    }
}

/// What lies at that path below [`PREFIX`], still encoded.
async fn subject_at(tx: &mut impl Reads, sight: &Sight, below: &str) -> Result<Option<Subject>, DbError> {
    let segments: Option<Vec<_>> =
        below.split('/').filter(|segment| !segment.is_empty()).map(|raw| decode_segment(raw).ok()).collect();
    let Some(segments) = segments else { return Ok(None) };
    let found = match segments.as_slice() {
        [] => Some(Subject::Collection(Place::Top)),
        [users] if users == "users" => Some(Subject::Collection(Place::Users)),
        [groups] if groups == "groups" => Some(Subject::Collection(Place::Groups)),
        [users, name] if users == "users" => principal::user_named(tx, sight, name).await?.map(Subject::Card),
        [groups, path] if groups == "groups" => {
            let path: Vec<&str> = path.split(BETWEEN_NAMES).collect();
            principal::group_at(tx, sight, &path).await?.map(Subject::Card)
        }
        _ => None,
    };
    Ok(found)
}

/// A collection of principals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// `/principals/`.
    Top,
    /// `/principals/users/`.
    Users,
    /// `/principals/groups/`.
    Groups,
}

impl Place {
    /// Its URL.
    pub const fn href(self) -> &'static str {
        match self {
            Self::Top => PREFIX,
            Self::Users => USERS,
            Self::Groups => GROUPS,
        }
    }

    /// Its name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Top => "People and groups",
            Self::Users => "People",
            Self::Groups => "Groups",
        }
    }
}

/// One request about principals.
pub struct Visit {
    /// The server.
    pub app: Arc<App>,
    /// Who asks.
    pub caller: Caller,
    /// Method, target and headers.
    pub head: Parts,
}

/// Answers a request of somebody who has logged in, at a path below [`PREFIX`], still encoded.
///
/// Errors: 404 what there isn't, or the caller doesn't see; 403 for every verb that would change it; 405 unknown verbs.
pub async fn handle(visit: Visit, below: &str, body: RequestBody) -> Result<Reply, HttpError> {
    let mut tx = visit.app.db.read().await?;
    let sight = Sight::of(&mut tx, &visit.caller.user).await?;
    let subject = subject_at(&mut tx, &sight, below).await?.ok_or_else(HttpError::not_found)?;
    let asking = Asking { tx, sight, subject };
    match visit.head.method.as_str() {
        "OPTIONS" => Ok(open_options()),
        "GET" | "HEAD" => Ok(page(&visit, &asking)),
        "PROPFIND" => propfind(visit, asking, body).await,
        "REPORT" => search::report(visit, asking, body).await,
        "PUT" | "MKCOL" | "PROPPATCH" | "DELETE" | "COPY" | "MOVE" | "LOCK" | "ACL" => {
            let text = "People and groups are the administrator's to change.";
            Err(HttpError::new(StatusCode::FORBIDDEN, text))
        }
        _ => Err(HttpError::takes_only(ALLOW_HERE, "This server does not know the method.")),
    }
}

/// What is asked about, and whose eyes see it.
pub struct Asking {
    /// One moment's view.
    pub tx: ReadTx,
    /// Whom the caller sees.
    pub sight: Sight,
    /// The resource at the URL.
    pub subject: Subject,
}

/// A page for people, and for clients that try GET first.
fn page(visit: &Visit, asking: &Asking) -> Reply {
    if !visit.head.uri.path().ends_with('/') {
        let mut answer = reply::empty(StatusCode::FOUND);
        if let Ok(target) = HeaderValue::try_from(asking.subject.href()) {
            answer.headers_mut().insert(LOCATION, target);
        }
        return answer;
    }
    let text = "Programs list people and groups here. What belongs to you is below /dav/.";
    let html = page::message(&asking.subject.title(), text);
    let mut answer = reply::bytes(StatusCode::OK, "text/html; charset=utf-8", html);
    page::plain(answer.headers_mut());
    if is_head(&visit.head) {
        *answer.body_mut() = Body::empty();
    }
    answer
}

/// In: Depth (none means infinity), a `propfind` body or none. Out: 207, streamed.
///
/// Errors: 400; 403 `propfind-finite-depth` for an infinity of more than `dav.propfind_infinity_max` principals.
async fn propfind(visit: Visit, mut asking: Asking, body: RequestBody) -> Result<Reply, HttpError> {
    let depth = Depth::parse(&visit.head.headers)?.unwrap_or(Depth::Infinity);
    let config = &visit.app.config.dav;
    let wish = Wish::from(PropfindBody::parse(&small_body(body, config.xml_bytes_max).await?)?);
    if depth == Depth::Infinity && matches!(asking.subject, Subject::Collection(_)) {
        let bound = config.propfind_infinity_max as u64;
        if principal::count(&mut asking.tx, &asking.sight).await? > bound {
            let text = format!("There are more than {bound} people and groups; ask for Depth 0 or 1.");
            return Err(HttpError::new(StatusCode::FORBIDDEN, text).with(Condition::PropfindFiniteDepth));
        }
    }
    let todo = steps(&asking.subject, depth);
    let me = me(&mut asking.tx, &visit.caller.user).await?;
    let xml = Some(XmlWriter::new(&QName::dav("multistatus"), &[("C", super::answers::NS)]));
    let walk = Walk { asking, me, wish, xml, loaded: VecDeque::new(), todo };
    let mut answer = Reply::new(Body::stream(walk.into_stream().await?));
    *answer.status_mut() = StatusCode::MULTI_STATUS;
    answer.headers_mut().insert(CONTENT_TYPE, XML_TYPE);
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(answer)
}

/// The caller's own card.
pub async fn me(tx: &mut impl Reads, user: &User) -> Result<Card, HttpError> {
    let own = Principal::User(user.id);
    // The account is there, since its login was right; it may be removed at this very moment.
    principal::cards(tx, &[own]).await?.remove(&own).ok_or_else(HttpError::not_found)
}

/// What a PROPFIND tells of, in this order.
fn steps(subject: &Subject, depth: Depth) -> VecDeque<Step> {
    let mut steps = VecDeque::from([Step::One(subject.clone())]);
    let Subject::Collection(place) = subject else { return steps };
    let users = Step::Users(String::new());
    let groups = Step::Groups(GroupId(0));
    let collection = |place| Step::One(Subject::Collection(place));
    match (place, depth) {
        (_, Depth::Zero) => {}
        (Place::Top, Depth::One) => steps.extend([collection(Place::Users), collection(Place::Groups)]),
        (Place::Top, Depth::Infinity) => {
            steps.extend([collection(Place::Users), users, collection(Place::Groups), groups]);
        }
        (Place::Users, Depth::One | Depth::Infinity) => steps.push_back(users),
        (Place::Groups, Depth::One | Depth::Infinity) => steps.push_back(groups),
    }
    steps
}

enum Step {
    One(Subject),
    /// Every user after this key.
    Users(String),
    /// Every group after this id.
    Groups(GroupId),
}

/// A multistatus in the making, page by page.
struct Walk {
    asking: Asking,
    me: Card,
    wish: Wish,
    /// None once the last chunk is out.
    xml: Option<XmlWriter>,
    /// The rest of a page.
    loaded: VecDeque<Subject>,
    todo: VecDeque<Step>,
}

impl Walk {
    /// The first chunk is made before anything is sent, so that what fails at once is an answer of its own.
    async fn into_stream(mut self) -> Result<impl Stream<Item = std::io::Result<Bytes>> + Send, HttpError> {
        let first = self.next_chunk().await?;
        Ok(stream::try_unfold((self, first), |(mut walk, first)| async move {
            let chunk = match first {
                Some(first) => Some(first),
                None => walk.next_chunk().await.map_err(std::io::Error::other)?,
            };
            Ok(chunk.map(|chunk| (chunk, (walk, None))))
        }))
    }

    async fn next_chunk(&mut self) -> Result<Option<Bytes>, HttpError> {
        let Some(mut xml) = self.xml.take() else { return Ok(None) };
        while xml.pending_bytes() < CHUNK_BYTES {
            if let Some(subject) = self.loaded.pop_front() {
                let Asking { tx, sight, .. } = &mut self.asking;
                // What is told of one is in memory at a time, and that may be the members of a large group.
                Teller::new(tx, sight, &self.me).tell(&mut xml, &subject, &self.wish).await?;
                continue;
            }
            let Some(step) = self.todo.pop_front() else { return Ok(Some(xml.finish())) };
            self.loaded = self.subjects(step).await?.into();
        }
        let chunk = xml.take();
        self.xml = Some(xml);
        Ok(Some(chunk))
    }

    /// The next ones of a step; what is left of it comes again.
    async fn subjects(&mut self, step: Step) -> Result<Vec<Subject>, HttpError> {
        let Asking { tx, sight, .. } = &mut self.asking;
        match step {
            Step::One(subject) => Ok(vec![subject]),
            Step::Users(after) => {
                let users = principal::users_after(tx, sight, &after).await?;
                if let Some(last) = users.last() {
                    self.todo.push_front(Step::Users(last.key.clone()));
                }
                Ok(users.into_iter().map(|user| Subject::Card(Card::User(user))).collect())
            }
            Step::Groups(after) => {
                let groups = principal::groups_after(tx, sight, after).await?;
                if let Some(last) = groups.last() {
                    self.todo.push_front(Step::Groups(last.id));
                }
                Ok(groups.into_iter().map(|group| Subject::Card(Card::Group(group))).collect())
            }
        }
    }
}

/// OPTIONS, the same for everybody, also before login.
pub fn open_options() -> Reply {
    let mut answer = reply::empty(StatusCode::OK);
    options::compliance(answer.headers_mut(), HeaderValue::from_static(ALLOW_HERE));
    answer
}
