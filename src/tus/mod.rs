//! Uploads that can be resumed: tus 1.0 (<https://tus.io/protocols/resumable-upload>) with creation, creation-with-upload, checksum, expiration and
//! termination.
//!
//! POST on a collection begins one, refused at once as a PUT of the file would be; HEAD, PATCH and DELETE at its own URL are its person's only. The request
//! that brings the last byte makes the file, by a PUT of all pieces ([`crate::pieces`]): the same guard, conditions, quota, locks and record.

mod take;

use std::sync::Arc;

use bytes::Bytes;
use headers::{ContentLength, HeaderMapExt};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, Uri};
use http_body::Body as _;
use serde::{Deserialize, Serialize};

use crate::audit::{Line, Record};
use crate::clock::Moment;
use crate::cloud::CameIn;
use crate::config::Limits;
use crate::dav::checksum::Proof;
use crate::dav::headers::{
    ChecksumAlgorithm, Header, HttpDate, UploadChecksum, UploadLength, UploadMetadata, UploadOffset,
};
use crate::dav::{self, Exchange, OfUpload, PREFIX};
use crate::error::HttpError;
use crate::net::RequestBody;
use crate::path::{Name, RelPath};
use crate::pieces;
use crate::reply::{self, Reply};
use crate::trail;
use crate::uploads::announced::{self, Announced, Announcement};
use take::{Came, Taking};

/// Uploads have their URLs below it.
pub const PATH: &str = "/tus/";

/// What is taken there.
const ALLOW_HERE: &str = "OPTIONS, HEAD, PATCH, POST, DELETE";

const VERSION: &str = "1.0.0";
const EXTENSIONS: &str = "creation,creation-with-upload,checksum,expiration,termination";
const CONTENT: &str = "application/offset+octet-stream";

const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const LENGTH: HeaderName = HeaderName::from_static("upload-length");
const METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const EXPIRES: HeaderName = HeaderName::from_static("upload-expires");

/// The headers of a PUT that an upload can say: with its POST for the time when the file is made, and again with the PATCH that makes it.
const TERMS: [&str; 6] = ["if-match", "if-none-match", "if-unmodified-since", "if", "oc-checksum", "x-oc-mtime"];

/// The id of an upload, if the path is one's.
pub fn id(path: &str) -> Option<&str> {
    path.strip_prefix(PATH)
}

/// Whether a request to a collection begins an upload, by what only tus clients say.
pub fn begins(head: &Parts) -> bool {
    head.method == Method::POST && (is_spoken(head) || head.headers.contains_key(LENGTH))
}

/// Whether the answer to a request says the version, too.
pub fn is_spoken(head: &Parts) -> bool {
    id(head.uri.path()).is_some() || head.headers.contains_key(RESUMABLE)
}

/// What every answer to a tus client says.
pub fn answered(reply: &mut Reply) {
    let is_other_version = reply.status() == StatusCode::PRECONDITION_FAILED;
    let headers = reply.headers_mut();
    headers.insert(RESUMABLE, HeaderValue::from_static(VERSION));
    if is_other_version {
        headers.insert(HeaderName::from_static("tus-version"), HeaderValue::from_static(VERSION));
    }
}

/// What OPTIONS tells of it.
pub fn announce(headers: &mut HeaderMap, limits: &Limits) {
    let algorithms = ChecksumAlgorithm::ALL.map(|(name, _)| name.to_ascii_lowercase()).join(",");
    for (name, value) in [
        ("tus-resumable", VERSION),
        ("tus-version", VERSION),
        ("tus-extension", EXTENSIONS),
        ("tus-max-size", &size_max(limits).to_string()),
        ("tus-checksum-algorithm", &algorithms),
    ] {
        headers.insert(name, HeaderValue::try_from(value).expect("words and digits are ASCII"));
    }
}

/// Bytes of a file that can come so.
fn size_max(limits: &Limits) -> u64 {
    limits.upload_bytes_max.min(limits.pieces_bytes_max).min(i64::MAX.unsigned_abs())
}

/// OPTIONS at the URLs of uploads, for everybody.
pub fn open_options(limits: &Limits) -> Reply {
    let mut reply = reply::empty(StatusCode::NO_CONTENT);
    reply.headers_mut().insert(ALLOW, HeaderValue::from_static(ALLOW_HERE));
    announce(reply.headers_mut(), limits);
    reply
}

/// What of a request counts when the file is made.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Terms {
    headers: Vec<(String, String)>,
    /// It came by the door of Nextcloud's and ownCloud's clients.
    came_in: bool,
}

impl Terms {
    /// Those of the request that begins an upload.
    fn of(head: &Parts, mtime: Option<String>) -> Self {
        let mut headers: Vec<(String, String)> = Vec::new();
        for name in TERMS {
            // Values that are no text are refused where they are parsed.
            let values = head.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
            headers.extend(values.map(|value| (name.to_owned(), value.into_owned())));
        }
        // The header is the nearer word of both.
        let mtime = mtime.filter(|_| !head.headers.contains_key("x-oc-mtime"));
        headers.extend(mtime.map(|mtime| ("x-oc-mtime".to_owned(), mtime)));
        Self { headers, came_in: head.extensions.get::<CameIn>().is_some() }
    }

    /// The PUT to `path` of so many bytes; what `head`, of the request that leads to it, says itself counts instead of what was said before.
    ///
    /// Errors: 400 for a header that can't be one.
    fn put(&self, head: &Parts, path: &RelPath, size: u64) -> Result<Parts, HttpError> {
        let mut put = head.clone();
        put.method = Method::PUT;
        put.uri = Uri::try_from(path.to_href(PREFIX, false)).map_err(|_| malformed())?;
        put.headers = HeaderMap::new();
        for name in TERMS.map(HeaderName::from_static).iter().chain([&USER_AGENT]) {
            for value in head.headers.get_all(name) {
                put.headers.append(name, value.clone());
            }
        }
        let said: Vec<HeaderName> = put.headers.keys().cloned().collect();
        for (name, value) in &self.headers {
            let name = HeaderName::try_from(name).map_err(|_| malformed())?;
            if !said.contains(&name) {
                put.headers.append(name, HeaderValue::from_bytes(value.as_bytes()).map_err(|_| malformed())?);
            }
        }
        put.headers.insert(CONTENT_LENGTH, size.into());
        if self.came_in {
            put.extensions.insert(CameIn);
        }
        Ok(put)
    }
}

fn malformed() -> HttpError {
    HttpError::bad_request("What was told of the upload can't be part of a request.")
}

/// POST on a collection, `x.path`. Out: 201, `Location`; `Upload-Expires` unless the file is made; `Upload-Offset` if bytes came along.
///
/// Errors: 412 another version; 400 without length or file name; 413, 507; 415 a body of another type; those of a PUT of the file.
pub async fn begin(x: Exchange, body: RequestBody) -> Result<Reply, HttpError> {
    confirm_version(&x.head.headers)?;
    let headers = &x.head.headers;
    let Some(UploadLength(size)) = UploadLength::parse(headers)? else {
        return Err(HttpError::bad_request("The header `Upload-Length` is missing."));
    };
    let metadata = UploadMetadata::parse(headers)?.unwrap_or_default();
    let name = metadata.filename.ok_or_else(|| {
        HttpError::bad_request("The header `Upload-Metadata` has no `filename`, with which the file is made.")
    })?;
    let path = x.path.join(&Name::parse(&name)?)?;
    x.trace.leads_to(&path, &x.head);
    if size > size_max(&x.app.config.limits) {
        return Err(dav::too_large(size_max(&x.app.config.limits)));
    }
    let has_body = !body.is_end_stream();
    if has_body {
        confirm_content(headers)?;
    }
    let mut taking = taking(&x, announced::fresh_id().into(), (0, size), x.now)?;
    let terms = Terms::of(&x.head, metadata.mtime);
    let announcement = Announcement {
        size,
        path: path.to_href("/", false),
        terms: serde_json::to_string(&terms).map_err(|_| malformed())?,
        told: told(headers),
    };
    let put = terms.put(&x.head, &path, size)?;
    let y = Exchange { head: put, path, ..x };
    dav::confirm_welcome(&y).await?;
    let status = StatusCode::CREATED;
    // Of an empty file the PUT tells.
    let record = (size > 0).then(|| Record {
        status: Some(status.as_u16()),
        note: Some(Line::note("an upload begins")),
        ..y.trace.record_of(Some(&y.path))
    });
    let id = Arc::clone(&taking.id);
    // As a whole: of an upload that only its row outlived nobody would know the URL.
    let mut reply = dav::outliving(async move {
        let (db, user, id, now) = (y.app.db.clone(), y.caller.user.id, Arc::clone(&taking.id), y.now);
        taking.expires = dav::to_its_end(&y.app.db, async move {
            let mut tx = db.write().await?;
            let expires = announced::begin(&mut tx, user, &id, &announcement, now).await?;
            trail::commit(tx, record).await?;
            Ok(expires)
        })
        .await?;
        if has_body || size == 0 {
            return bring_along(y, taking, body, size == 0).await;
        }
        y.trace.is_recorded();
        let mut reply = reply::empty(status);
        expire(reply.headers_mut(), taking.expires);
        Ok(reply)
    })
    .await?;
    *reply.status_mut() = status;
    let location = HeaderValue::try_from(format!("{PATH}{id}")).expect("an id is ASCII");
    reply.headers_mut().insert(LOCATION, location);
    Ok(reply)
}

/// HEAD, PATCH and DELETE at the URL of an upload.
///
/// Errors: 404 for another person's, too; 412 another version; 405 for other verbs.
pub async fn answer(mut x: Exchange, id: &str, body: RequestBody) -> Result<Reply, HttpError> {
    confirm_version(&x.head.headers)?;
    let found = announced::find(&mut x.app.db.read().await?, x.caller.user.id, id, x.now).await?;
    let told = &found.announcement;
    match method(&x.head)? {
        Method::HEAD => {
            let mut reply = reply::empty(StatusCode::OK);
            let headers = reply.headers_mut();
            headers.insert(OFFSET, found.offset.into());
            headers.insert(LENGTH, told.size.into());
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            headers.insert(METADATA, HeaderValue::from_bytes(told.told.as_bytes()).map_err(|_| malformed())?);
            expire(headers, found.expires);
            Ok(reply)
        }
        Method::PATCH => {
            x.path = RelPath::parse_request_target(&told.path)?;
            x.trace.leads_to(&x.path, &x.head);
            patch(x, id, &found, body).await
        }
        Method::DELETE => {
            let status = StatusCode::NO_CONTENT;
            // Of its own URL: nothing of the tree was deleted.
            let record = Record { status: Some(status.as_u16()), ..x.trace.record_of(None) };
            if !pieces::end(&x.app, x.caller.user.id, &announced::name_of(id), Some(record)).await? {
                return Err(HttpError::not_found());
            }
            x.trace.is_recorded();
            Ok(reply::empty(status))
        }
        _ => Err(HttpError::takes_only(ALLOW_HERE, "An upload takes HEAD, PATCH and DELETE.")),
    }
}

/// PATCH: the bytes from `Upload-Offset` on. Out: 204, `Upload-Offset`; `ETag` of the file if it is made now.
///
/// Errors: 409 they are not the next ones; 415; 413 more than the file has; 460; 507; those of the PUT that makes the file.
async fn patch(x: Exchange, id: &str, found: &Announced, body: RequestBody) -> Result<Reply, HttpError> {
    confirm_content(&x.head.headers)?;
    let Some(UploadOffset(offset)) = UploadOffset::parse(&x.head.headers)? else {
        return Err(HttpError::bad_request("The header `Upload-Offset` is missing."));
    };
    if offset != found.offset {
        let text = format!("The upload goes on at byte {}.", found.offset);
        return Err(HttpError::new(StatusCode::CONFLICT, text));
    }
    let size = found.announcement.size;
    let taking = taking(&x, id.into(), (offset, size), found.expires)?;
    let terms: Terms = serde_json::from_str(&found.announcement.terms).map_err(|_| malformed())?;
    let put = terms.put(&x.head, &x.path, size)?;
    let mut reply = dav::outliving(bring(Exchange { head: put, ..x }, taking, body, false)).await?;
    *reply.status_mut() = StatusCode::NO_CONTENT;
    Ok(reply)
}

/// What takes the bytes of a request, `(offset, size)` from where on and of how many, for an upload that `expires` unless any are kept.
fn taking(x: &Exchange, id: Arc<str>, (offset, size): (u64, u64), expires: Moment) -> Result<Taking, HttpError> {
    let headers = &x.head.headers;
    Ok(Taking {
        app: Arc::clone(&x.app),
        user: x.caller.user.id,
        id,
        offset,
        size,
        proof: UploadChecksum::parse(headers)?.map(|checksum| Proof::of(checksum.0)),
        announced: headers.typed_get::<ContentLength>().map(|length| length.0),
        expires,
    })
}

/// Takes the bytes of a request, and makes the file if all are there; an empty one is `made_at_once`. `y` is the PUT that makes it.
async fn bring(y: Exchange, taking: Taking, body: RequestBody, made_at_once: bool) -> Result<Reply, HttpError> {
    let (id, size) = (Arc::clone(&taking.id), taking.size);
    let Came { offset, expires, last, body } = taking.take(body).await?;
    if last.is_none() && !made_at_once {
        y.trace.is_recorded();
        let mut reply = reply::empty(StatusCode::NO_CONTENT);
        reply.headers_mut().insert(OFFSET, offset.into());
        expire(reply.headers_mut(), expires);
        return Ok(reply);
    }
    let mut reply = make(y, &id, last, body).await?;
    reply.headers_mut().insert(OFFSET, size.into());
    Ok(reply)
}

/// The same of what comes along with the POST: unless it is kept the upload ends, since its client doesn't know its URL.
async fn bring_along(y: Exchange, taking: Taking, body: RequestBody, made_at_once: bool) -> Result<Reply, HttpError> {
    let (app, user, name) = (Arc::clone(&y.app), taking.user, announced::name_of(&taking.id));
    let brought = bring(y, taking, body, made_at_once).await;
    if brought.is_err()
        && let Err(error) = pieces::end(&app, user, &name, None).await
    {
        tracing::warn!(why = %error.text, "an upload that nobody can go on with is still there");
    }
    brought
}

/// Makes the file of the pieces and its last byte. Errors: 423 when another request is about to.
async fn make(mut y: Exchange, id: &Arc<str>, last: Option<Bytes>, body: RequestBody) -> Result<Reply, HttpError> {
    let user = y.caller.user.id;
    let turn = y.app.making.begin(user, &announced::name_of(id))?;
    y.now = Moment::now();
    y.head.extensions.insert(OfUpload(Arc::clone(id)));
    let parts = announced::parts(&mut y.app.db.read().await?, user, id, y.now).await?;
    pieces::make(y, turn, parts, last, body).await
}

/// The request's method; for clients that can send POST only, the one that `X-HTTP-Method-Override` names. Errors: 400 for one that is none.
fn method(head: &Parts) -> Result<Method, HttpError> {
    match head.headers.get("x-http-method-override") {
        Some(name) if head.method == Method::POST => Method::from_bytes(name.as_bytes())
            .map_err(|_| HttpError::bad_request("The header `X-HTTP-Method-Override` is malformed.")),
        _ => Ok(head.method.clone()),
    }
}

/// Errors: 412, also without a word about it.
fn confirm_version(headers: &HeaderMap) -> Result<(), HttpError> {
    match headers.get(RESUMABLE) {
        Some(version) if version == VERSION => Ok(()),
        _ => Err(HttpError::precondition("The header `Tus-Resumable` is not `1.0.0`.")),
    }
}

/// Errors: 415.
fn confirm_content(headers: &HeaderMap) -> Result<(), HttpError> {
    let content = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if content.is_some_and(|content| content.trim().eq_ignore_ascii_case(CONTENT)) {
        return Ok(());
    }
    let text = "The bytes of an upload come as `application/offset+octet-stream`.";
    Err(HttpError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text))
}

/// What the client told, in its own words.
fn told(headers: &HeaderMap) -> String {
    let lines: Vec<_> = headers.get_all(METADATA).iter().map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    lines.join(",")
}

fn expire(headers: &mut HeaderMap, expires: Moment) {
    let date = HttpDate::from(expires.system()).to_string();
    headers.insert(EXPIRES, HeaderValue::try_from(date).expect("a date is ASCII"));
}
