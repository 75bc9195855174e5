//! GET and HEAD: the bytes of a file, or a page for people about a collection (RFC 9110 sections 9.3.1, 9.3.2, 14).

use commonhold_acl::{Object, Operation, Scene};
use futures_util::{StreamExt, TryStreamExt, stream};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LAST_MODIFIED, LOCATION,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, StatusCode};

use super::conditions::{Conditions, Reading, View};
use super::headers::{ByteRange, EntityTag, Extent, Header, HttpDate, IfRange};
use super::{Exchange, Spot, is_head, page, refused};
use crate::cloud::CameIn;
use crate::contents;
use crate::error::HttpError;
use crate::guard::{self, Place};
use crate::path::RelPath;
use crate::reply::{self, Body, Reply};
use crate::stored::{self, Stored};
use crate::tree::Node;

/// Types that a browser would run or open in the site's name. They are handed out as downloads.
const ACTIVE_TYPES: [&str; 7] = [
    "text/html",
    "application/xhtml+xml",
    "image/svg+xml",
    "text/xml",
    "application/xml",
    "application/pdf",
    "text/javascript",
];

/// Out: 200, 206 for one range, 304; of a collection a page (200).
///
/// Errors: 403 without `read` (of a collection: `list`); 404; 412; 416.
pub async fn get(x: Exchange) -> Result<Reply, HttpError> {
    let conditions = Conditions::parse(&x.head.headers)?;
    let range = ByteRange::parse(&x.head.headers)?;
    let access = x.app.guard.access(&x.app.db, &x.caller).await?;
    match access.place(&x.path) {
        Place::Top => return page::shares(&x, &access),
        Place::Others => return page::others(&x, &access),
        Place::In(..) | Place::Nowhere => {}
    }
    let spot = Spot::known(&x.app, &access, &x.path).await?;
    let node = spot.found()?;
    let operation = if node.is_collection() { Operation::GetFolder } else { Operation::GetFile };
    let scene = spot.scene(Scene::new(), Object::Item, Object::Parent);
    guard::permit(operation, &scene).map_err(|denial| refused(&denial, &x.path))?;
    if conditions.has_if() {
        let view = View::of(&x, &access);
        conditions.confirm_if(&mut x.app.db.read().await?, &view, &spot, true).await?;
    }
    let reading = conditions.reading(node)?;
    if node.is_collection() {
        return collection(&x, &spot, node).await;
    }
    if reading == Reading::NotModified {
        return Ok(not_modified(node));
    }
    file(&x, node, range).await
}

/// 304.
pub(super) fn not_modified(node: &Node) -> Reply {
    let mut answer = reply::empty(StatusCode::NOT_MODIFIED);
    validators(answer.headers_mut(), node);
    answer
}

/// The page of a collection; a browser that left the slash away is sent to the one with it, so that links work.
async fn collection(x: &Exchange, spot: &Spot, node: &Node) -> Result<Reply, HttpError> {
    let href = HeaderValue::try_from(x.href(true)).expect("an href is ASCII");
    if !x.path.trailing_slash() && page::wanted(&x.head.headers) {
        let mut answer = reply::empty(StatusCode::FOUND);
        answer.headers_mut().insert(LOCATION, href);
        return Ok(answer);
    }
    let mut answer = page::collection(x, spot, node).await?;
    answer.headers_mut().insert(ETAG, HeaderValue::try_from(node.etag()).expect("an ETag is ASCII"));
    answer.headers_mut().insert(CONTENT_LOCATION, href);
    Ok(answer)
}

/// The bytes of a file, of any state of it; `x` has the path that says what kind of file it is.
pub(super) async fn file(x: &Exchange, node: &Node, range: Option<ByteRange>) -> Result<Reply, HttpError> {
    // Parts are defined for GET alone (RFC 9110 section 14.2).
    let extent = match range.filter(|_| !is_head(&x.head) && range_applies(&x.head.headers, node)) {
        Some(range) => range.within(node.size),
        None => Extent::Whole,
    };
    let part = match extent {
        Extent::Whole => None,
        Extent::Part(bytes) => Some((*bytes.start(), *bytes.end())),
        Extent::Unsatisfiable => {
            let mut answer = reply::empty(StatusCode::RANGE_NOT_SATISFIABLE);
            let all = HeaderValue::try_from(format!("bytes */{}", node.size)).expect("digits are ASCII");
            answer.headers_mut().insert(CONTENT_RANGE, all);
            return Ok(answer);
        }
    };
    let mut answer = head(node, part);
    if !is_head(&x.head) {
        *answer.body_mut() = body(x, node, part).await?;
        x.trace.hands_out(node.share, node.id);
    }
    if x.head.extensions.get::<CameIn>().is_some()
        && part.is_none()
        && let Some(content) = node.content
        && let Some((_, checksum)) = contents::checksums(&mut x.app.db.read().await?, &[content]).await?.pop()
    {
        let checksum = HeaderValue::try_from(checksum).expect("a checksum is ASCII");
        answer.headers_mut().insert(HeaderName::from_static("oc-checksum"), checksum);
    }
    validators(answer.headers_mut(), node);
    harmless(answer.headers_mut(), &x.path);
    Ok(answer)
}

/// Status and headers, the same for GET and HEAD.
fn head(node: &Node, part: Option<(u64, u64)>) -> Reply {
    let mut answer = Reply::new(Body::empty());
    let headers = answer.headers_mut();
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    match part {
        None => {
            headers.insert(CONTENT_LENGTH, node.size.into());
        }
        Some((first, last)) => {
            let range = format!("bytes {first}-{last}/{}", node.size);
            headers.insert(CONTENT_RANGE, HeaderValue::try_from(range).expect("digits are ASCII"));
            headers.insert(CONTENT_LENGTH, (last - first + 1).into());
            *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
    }
    answer
}

/// Whether `If-Range` lets the range count (RFC 9110 section 13.1.5).
fn range_applies(headers: &HeaderMap, node: &Node) -> bool {
    match IfRange::parse(headers) {
        Ok(None) => true,
        Ok(Some(condition)) => {
            let etag = EntityTag::strong(node.etag().trim_matches('"')).expect("our tags are letters, digits and `-`");
            condition.allows(&etag, HttpDate::from(node.modified.system()))
        }
        Err(_) => false,
    }
}

/// The bytes of a file, or of a part of it (first and last byte).
async fn body(x: &Exchange, node: &Node, part: Option<(u64, u64)>) -> Result<Body, HttpError> {
    let content = node.content.ok_or_else(HttpError::internal)?;
    let range = part.map_or(0..node.size, |(first, last)| first..last + 1);
    let length = range.end - range.start;
    let mut bytes = match stored::open(&x.app, (content, node.size), range, &x.path).await? {
        Stored::AtHand(bytes) => return Ok(Body::bytes(bytes)),
        Stored::Coming(bytes) => Box::pin(bytes),
    };
    // Before the head goes out: most files are one chunk, and a damaged one is told by the status.
    match Box::pin(bytes.try_next()).await.map_err(stored::refusal)? {
        Some(all) if all.len() as u64 == length => Ok(Body::bytes(all)),
        first => Ok(Body::stream(stream::iter(first.map(Ok)).chain(bytes))),
    }
}

/// `ETag` and `Last-Modified`, the same in every answer about a state.
pub(super) fn validators(headers: &mut HeaderMap, node: &Node) {
    headers.insert(ETAG, HeaderValue::try_from(node.etag()).expect("an ETag is ASCII"));
    let modified = HttpDate::from(node.modified.system()).to_string();
    headers.insert(LAST_MODIFIED, HeaderValue::try_from(modified).expect("a date is ASCII"));
}

/// What keeps a stored file from acting in the site's name in a browser.
fn harmless(headers: &mut HeaderMap, path: &RelPath) {
    let name = path.name().map_or("", |name| name.as_str());
    let guess = mime_guess::from_path(name).first_raw().unwrap_or("application/octet-stream");
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(guess));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if ACTIVE_TYPES.contains(&guess) {
        headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    }
}
