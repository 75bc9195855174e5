//! The states of a file as resources of their own: its version history and each version, for reading only (RFC 3253
//! sections 3 and 5, the parts that don't change anything).
//!
//! `/versions/NODE/` is the history of a file, `/versions/NODE/NUMBER` a state of it; both know the file by what never
//! changes, so they stay true when it is renamed. Who may read the file may read them, and to others they don't exist or are
//! closed as it is. The report `version-tree` on the file tells of all of them. Versions are made by saving and nothing else,
//! so `version-control` is no class of this server.

use std::sync::Arc;

use commonhold_acl::{Object, Operation, Scene};
use http::StatusCode;
use http::header::HeaderValue;
use http::request::Parts;

use super::answers::{self, NS};
use super::bodies::PropfindBody;
use super::conditions::{Conditions, Reading, View};
use super::headers::{ByteRange, Depth, Header, HttpDate};
use super::xml::{QName, XmlWriter};
use super::{Deed, Exchange, PREFIX as DAV_PREFIX, Spot, get, lock, options, props, refused, shielded, small_body};
use crate::app::App;
use crate::clock::Moment;
use crate::db::Reads;
use crate::error::{Condition, HttpError};
use crate::guard::{self, Caller};
use crate::history::Authority;
use crate::history::revision::{self, Revision};
use crate::ids::NodeId;
use crate::locks::Keys;
use crate::net::RequestBody;
use crate::path::{Name, RelPath};
use crate::reply::{self, Reply};
use crate::trail::Trace;
use crate::tree::{self, Node};

/// Where versions begin in URLs.
pub const PREFIX: &str = "/versions/";
/// What can be done here.
const ALLOW_HERE: &str = "OPTIONS, GET, HEAD, PROPFIND";
/// And with a whole history.
const ALLOW_OF_HISTORY: &str = "OPTIONS, PROPFIND";

/// Named properties of all that is told of together in one answer, which is made at once.
const ANSWER_PROPERTIES_MAX: usize = 200_000;

/// The URL of a file's history.
pub fn history_href(file: NodeId) -> String {
    format!("{PREFIX}{}/", file.0)
}

/// The URL of a state of it.
pub fn version_href(file: NodeId, number: i64) -> String {
    format!("{PREFIX}{}/{number}", file.0)
}

/// One request about versions.
pub struct Visit {
    /// The server.
    pub app: Arc<App>,
    /// Who asks.
    pub caller: Caller,
    /// Method, target and headers.
    pub head: Parts,
    /// What the audit will tell of it.
    pub trace: Arc<Trace>,
}

/// OPTIONS, the same for everybody, also before login.
pub fn open_options() -> Reply {
    let mut answer = reply::empty(StatusCode::OK);
    options::compliance(answer.headers_mut(), HeaderValue::from_static(ALLOW_HERE));
    answer
}

/// Answers a request of somebody who has logged in, at a path below [`PREFIX`], still encoded.
///
/// Errors: 404 what there isn't, or the caller doesn't see; 403 without `read` on the file, and for every verb that would
/// change it; 405 unknown verbs, and GET of a history.
pub async fn handle(visit: Visit, below: &str, body: RequestBody) -> Result<Reply, HttpError> {
    match visit.head.method.as_str() {
        "OPTIONS" => Ok(open_options()),
        "GET" | "HEAD" => read(visit, below).await,
        "PROPFIND" => propfind(visit, below, body).await,
        "PUT" | "MKCOL" | "PROPPATCH" | "DELETE" | "COPY" | "MOVE" | "LOCK" | "UNLOCK" | "ACL" => {
            let text = "What a file was is never changed here; copy or restore it.";
            Err(HttpError::new(StatusCode::FORBIDDEN, text))
        }
        _ => Err(HttpError::takes_only(ALLOW_HERE, "This server does not know the method.")),
    }
}

/// Gives a file the content again that it had in a version; its present one is kept. In: perhaps conditions, and the tokens of locks. Out: 204, also when it is
/// the present state already. None of our own URLs does this: a client that knows versions by RFC 3253 has no verb for it without version control.
///
/// Errors: 404 as for reading; 403 without `write` and `read` on the file; 412; 423; 507 over the quota.
pub async fn restore(visit: Visit, below: &str) -> Result<Reply, HttpError> {
    let (file, number) = parse(below).ok_or_else(HttpError::not_found)?;
    let number = number.ok_or_else(HttpError::not_found)?;
    let (_, path) = file_of(&mut visit.app.db.read().await?, &visit, file).await?;
    let Visit { app, caller, head, trace } = visit;
    trace.leads_to(&path, &head);
    let x = Arc::new(Exchange { app, caller, now: trace.at, head, path, trace });
    shielded(&x, move |x| bring_back(x, file, number)).await
}

async fn bring_back(x: Arc<Exchange>, file: NodeId, number: i64) -> Result<Reply, HttpError> {
    let conditions = Conditions::parse(&x.head.headers)?;
    let mut tx = x.app.db.write().await?;
    let access = x.app.guard.access_in(&mut tx, &x.caller).await?;
    let spot = Spot::to_change(&mut tx, &access, &x.path).await?;
    // It may have been moved a moment ago, and another thing be there.
    let node = spot.found().ok().filter(|node| node.id == file).ok_or_else(HttpError::not_found)?;
    let scene = spot.scene(Scene::new(), Object::Item, Object::Parent);
    let permit = guard::permit(Operation::RestoreRevision, &scene).map_err(|denial| refused(&denial, &x.path))?;
    let former = revision::find(&mut tx, file, number).await?;
    conditions.confirm_past(&mut tx, &View::of(&x, &access), (&state_of(node, &former), &spot)).await?;
    let tokens = conditions.tokens();
    let keys = Keys { user: x.caller.user.id, tokens: &tokens };
    lock::confirm(&mut tx, &spot, spot.located.chain(), keys, &x).await?;
    if former.present {
        return Ok(reply::empty(StatusCode::NO_CONTENT));
    }
    let mut change = x.change(&mut tx, &spot);
    let by = Authority::Permit(&permit);
    revision::restore(&mut change, by, node, spot.located.ancestors(), &former).await?;
    let deed = Deed { note: Some(format!("revision {number} again")), ..Deed::new(node, StatusCode::NO_CONTENT) };
    x.commit(tx, deed).await?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

/// Which file, and which state of it; none: its history.
fn parse(below: &str) -> Option<(NodeId, Option<i64>)> {
    let number = |text: &str| -> Option<i64> {
        let plain = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| plain)
    };
    match below.trim_matches('/').split('/').collect::<Vec<_>>().as_slice() {
        [file] => Some((NodeId(number(file)?), None)),
        [file, version] => Some((NodeId(number(file)?), Some(number(version)?))),
        _ => None,
    }
}

/// The file, and the path by which the caller knows it. Errors: 404, 403 without `read`.
async fn file_of(tx: &mut impl Reads, visit: &Visit, file: NodeId) -> Result<(Node, RelPath), HttpError> {
    let access = visit.app.guard.access(&visit.app.db, &visit.caller).await?;
    let located = tree::locate_node(tx, file).await?.ok_or_else(HttpError::not_found)?;
    let chain = located.chain();
    let reached = access.by_id(chain[0].share).ok_or_else(HttpError::not_found)?;
    let node = located.node().filter(|node| !node.is_collection() && reached.seen(chain) == chain.len());
    let node = node.ok_or_else(HttpError::not_found)?;
    let scene = Scene::new().with(Object::Item, reached.at(chain), guard::item(node));
    let href = reached.href(DAV_PREFIX, chain);
    guard::permit(Operation::GetFile, &scene).map_err(|refused| HttpError::denied(&refused, href))?;
    let mut path = reached.mount().clone();
    for node in chain.iter().skip(1) {
        path = path.join(&Name::parse(&node.name)?)?;
    }
    Ok((node.clone(), path))
}

/// The file as it was in that state.
fn state_of(file: &Node, then: &Revision) -> Node {
    Node { content: Some(then.content), size: then.size, modified: then.modified, ..file.clone() }
}

/// In: perhaps a range and conditions. Out: 200, 206, 304. The bytes never change under such a URL.
async fn read(visit: Visit, below: &str) -> Result<Reply, HttpError> {
    let conditions = Conditions::parse(&visit.head.headers)?;
    let range = ByteRange::parse(&visit.head.headers)?;
    let (file, number) = parse(below).ok_or_else(HttpError::not_found)?;
    let mut tx = visit.app.db.read().await?;
    let (node, path) = file_of(&mut tx, &visit, file).await?;
    let Some(number) = number else {
        let text = "A history is listed with PROPFIND; its versions can be had one by one.";
        return Err(HttpError::takes_only(ALLOW_OF_HISTORY, text));
    };
    let revision = revision::find(&mut tx, file, number).await?;
    drop(tx);
    let state = state_of(&node, &revision);
    let Visit { app, caller, head, trace } = visit;
    let x = Exchange { app, caller, now: trace.at, head, path, trace };
    match conditions.reading(&state)? {
        Reading::NotModified => Ok(get::not_modified(&state)),
        Reading::Send => get::file(&x, &state, range).await,
    }
}

/// In: Depth (none means infinity), a `propfind` body or none. Out: 207; of a history with Depth 1 or infinity also all of
/// its versions, at most [`revision::LISTED_MAX`].
async fn propfind(visit: Visit, below: &str, body: RequestBody) -> Result<Reply, HttpError> {
    let depth = Depth::parse(&visit.head.headers)?.unwrap_or(Depth::Infinity);
    let asked = PropfindBody::parse(&small_body(body, visit.app.config.dav.xml_bytes_max).await?)?;
    let (file, number) = parse(below).ok_or_else(HttpError::not_found)?;
    let mut tx = visit.app.db.read().await?;
    let (node, _) = file_of(&mut tx, &visit, file).await?;
    let revisions = match number {
        Some(number) => revision::around(&mut tx, file, number).await,
        None => revision::list(&mut tx, file).await,
    };
    let (revisions, oldest) = (revisions?, revision::oldest(&mut tx, file).await?);
    if number.is_none() && depth != Depth::Zero {
        confirm_length(revisions.len(), &asked)?;
    }
    let mut w = XmlWriter::new(&QName::dav("multistatus"), &[("C", NS)]);
    let known = Known { file: &node, revisions: &revisions, oldest };
    match number {
        Some(number) => {
            let at = known.position(number).ok_or_else(HttpError::not_found)?;
            known.tell(&mut w, Subject::Version(at), &asked);
        }
        None => {
            known.tell(&mut w, Subject::History, &asked);
            if depth != Depth::Zero {
                (0..revisions.len()).for_each(|at| known.tell(&mut w, Subject::Version(at), &asked));
            }
        }
    }
    Ok(answers::multistatus(w))
}

/// The report `version-tree` (RFC 3253 section 3.7): each version of the file, the newest first.
pub async fn tree_of(tx: &mut impl Reads, node: &Node, props: Option<Vec<QName>>) -> Result<Reply, HttpError> {
    let revisions = revision::list(tx, node.id).await?;
    let mut w = XmlWriter::new(&QName::dav("multistatus"), &[("C", NS)]);
    let asked = props.map_or(PropfindBody::Empty, PropfindBody::Prop);
    confirm_length(revisions.len(), &asked)?;
    let known = Known { file: node, revisions: &revisions, oldest: None };
    (0..revisions.len()).for_each(|at| known.tell(&mut w, Subject::Version(at), &asked));
    Ok(answers::multistatus(w))
}

/// Bounds what the answer takes. Errors: 403 `number-of-matches-within-limits` beyond [`ANSWER_PROPERTIES_MAX`].
pub(super) fn confirm_length(things: usize, asked: &PropfindBody) -> Result<(), HttpError> {
    let names = match asked {
        PropfindBody::Prop(names) | PropfindBody::AllProp { include: names } => names.len(),
        PropfindBody::Empty | PropfindBody::PropName => 0,
    };
    if things.saturating_mul(names) > ANSWER_PROPERTIES_MAX {
        let text = format!(
            "{things} resources with {names} properties each are too much for one answer; ask for fewer properties."
        );
        return Err(HttpError::new(StatusCode::FORBIDDEN, text).with(Condition::NumberOfMatchesWithinLimits));
    }
    Ok(())
}

/// A file and its states, the newest first; not all of them, where there are too many or one was asked for.
struct Known<'a> {
    file: &'a Node,
    revisions: &'a [Revision],
    /// The number of the first of all.
    oldest: Option<i64>,
}

/// What is told of: the history, or the version at that place of the list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Subject {
    History,
    Version(usize),
}

/// A property of a version or a history.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Prop {
    ResourceType,
    DisplayName,
    CreationDate,
    LastModified,
    ContentLength,
    ContentType,
    Etag,
    /// The number (RFC 3253 section 3.3.1).
    VersionName,
    /// Who saved it (section 3.1.2).
    CreatorDisplayName,
    /// What people call it (section 3.1.1).
    Comment,
    /// The state before (section 3.3.2).
    PredecessorSet,
    /// The state after (section 3.3.3).
    SuccessorSet,
    /// The history that it belongs to (section 5.3.1).
    VersionHistory,
    /// Of a history: its versions (section 5.1.1).
    VersionSet,
    /// Of a history: the first of them (section 5.1.2).
    RootVersion,
}

impl Prop {
    /// With the names in `DAV:`.
    const ALL: [(Self, &'static str); 15] = [
        (Self::ResourceType, "resourcetype"),
        (Self::DisplayName, "displayname"),
        (Self::CreationDate, "creationdate"),
        (Self::LastModified, "getlastmodified"),
        (Self::ContentLength, "getcontentlength"),
        (Self::ContentType, "getcontenttype"),
        (Self::Etag, "getetag"),
        (Self::VersionName, "version-name"),
        (Self::CreatorDisplayName, "creator-displayname"),
        (Self::Comment, "comment"),
        (Self::PredecessorSet, "predecessor-set"),
        (Self::SuccessorSet, "successor-set"),
        (Self::VersionHistory, "version-history"),
        (Self::VersionSet, "version-set"),
        (Self::RootVersion, "root-version"),
    ];

    fn of(name: &QName) -> Option<Self> {
        Self::ALL.iter().find(|(_, local)| name.is_dav(local)).map(|(prop, _)| *prop)
    }

    /// Whether the resource has it.
    fn is_of(self, subject: Subject) -> bool {
        match self {
            Self::ResourceType | Self::DisplayName => true,
            Self::VersionSet | Self::RootVersion => subject == Subject::History,
            Self::CreationDate
            | Self::LastModified
            | Self::ContentLength
            | Self::ContentType
            | Self::Etag
            | Self::VersionName
            | Self::CreatorDisplayName
            | Self::Comment
            | Self::PredecessorSet
            | Self::SuccessorSet
            | Self::VersionHistory => subject != Subject::History,
        }
    }
}

impl Known<'_> {
    fn position(&self, number: i64) -> Option<usize> {
        self.revisions.iter().position(|revision| revision.number == number)
    }

    fn href(&self, subject: Subject) -> String {
        match subject {
            Subject::History => history_href(self.file.id),
            Subject::Version(at) => version_href(self.file.id, self.revisions[at].number),
        }
    }

    /// One `response`.
    fn tell(&self, w: &mut XmlWriter, subject: Subject, asked: &PropfindBody) {
        let all = Prop::ALL.map(|(_, local)| QName::dav(local));
        let of = |name: &QName| Prop::of(name).filter(|prop| prop.is_of(subject));
        answers::tell(
            w,
            &self.href(subject),
            (asked, &all),
            |name| of(name).is_some(),
            |w, name| {
                self.write(w, subject, of(name).expect("it has those that are written"), name);
            },
        );
    }

    fn write(&self, w: &mut XmlWriter, subject: Subject, prop: Prop, name: &QName) {
        let hrefs = |w: &mut XmlWriter, hrefs: Vec<String>| {
            w.start(name);
            hrefs.iter().for_each(|href| w.dav("href", href));
            w.end();
        };
        let version = |at: usize| self.href(Subject::Version(at));
        let Subject::Version(at) = subject else {
            return match prop {
                Prop::ResourceType => {
                    w.start(name);
                    w.empty(&QName::dav("version-history"));
                    w.end();
                }
                Prop::VersionSet => hrefs(w, (0..self.revisions.len()).map(version).collect()),
                Prop::RootVersion => {
                    hrefs(w, self.oldest.map(|number| version_href(self.file.id, number)).into_iter().collect());
                }
                _ => w.element(name, &self.file.name),
            };
        };
        let revision = &self.revisions[at];
        match prop {
            Prop::ResourceType => w.empty(name),
            Prop::DisplayName => w.element(name, &self.file.name),
            Prop::CreationDate => w.element(name, &props::iso_date(revision.written)),
            Prop::LastModified => w.element(name, &http_date(revision.modified)),
            Prop::ContentLength => w.element(name, &revision.size.to_string()),
            Prop::ContentType => w.element(name, props::content_type(&self.file.name)),
            Prop::Etag => w.element(name, &format!("\"{}\"", revision.content)),
            Prop::VersionName => w.element(name, &revision.number.to_string()),
            Prop::CreatorDisplayName => w.element(name, revision.author_name.as_deref().unwrap_or_default()),
            Prop::Comment => w.element(name, &revision.label),
            Prop::PredecessorSet => {
                hrefs(w, Some(at + 1).filter(|at| *at < self.revisions.len()).map(version).into_iter().collect());
            }
            Prop::SuccessorSet => hrefs(w, at.checked_sub(1).map(version).into_iter().collect()),
            Prop::VersionHistory => hrefs(w, vec![history_href(self.file.id)]),
            Prop::VersionSet | Prop::RootVersion => w.empty(name),
        }
    }
}

fn http_date(moment: Moment) -> String {
    HttpDate::from(moment.system()).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn only_urls_as_they_are_written_are_read(below in "[0-9/a+ -]{0,12}") {
            if let Some((file, number)) = parse(&below) {
                let written = number.map_or_else(|| history_href(file), |number| version_href(file, number));
                let plain = |text: &str| text.trim_matches('/').to_owned();
                prop_assert_eq!(plain(&written[PREFIX.len()..]), plain(&below));
            }
        }
    }

    #[test]
    fn a_version_is_a_file_and_a_number() {
        assert_eq!(parse("17/3"), Some((NodeId(17), Some(3))));
        assert_eq!(parse("17/"), Some((NodeId(17), None)));
        for bad in ["", "/", "x", "17/3/1", "017/3", "17/03", "-1", "17/+3", "99999999999999999999"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_asked_of_all_versions_together_is_bounded() {
        let named = |names: usize| PropfindBody::Prop(vec![QName::dav("version-name"); names]);
        assert!(confirm_length(ANSWER_PROPERTIES_MAX / 10, &named(10)).is_ok());
        assert!(confirm_length(ANSWER_PROPERTIES_MAX / 10 + 1, &named(10)).is_err());
        assert!(confirm_length(revision::LISTED_MAX as usize, &PropfindBody::Empty).is_ok());
    }
}
