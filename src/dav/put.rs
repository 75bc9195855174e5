//! PUT: a new file, or another content for one that is there (RFC 9110 section 9.3.4, RFC 4918 section 9.7).
//!
//! The body is staged beside the tree and synced; then one transaction decides access, conditions and quota and lets the
//! name point to the new bytes. Until that moment, and whenever anything fails, the old bytes are what everybody sees.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use commonhold_acl::{Object, Operation, Permit, Scene};
use headers::{ContentLength, HeaderMapExt};
use http::header::{CONTENT_ENCODING, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};

use super::conditions::Conditions;
use super::engine::{self, Errand, Upload};
use super::get::validators;
use super::headers::{ExpectedLength, Header, OcMtime, has_content_range};
use super::{Exchange, Spot, refused, root_is_fixed, shielded};
use crate::blobs::{Place, Sealed};
use crate::clock::Moment;
use crate::error::HttpError;
use crate::guard::{self, Access};
use crate::ids::ContentId;
use crate::net::RequestBody;
use crate::reply::{self, Reply};
use crate::tree::Node;
use crate::tree::change::{Change, Fresh};

/// In: a path whose parent exists, the bytes; Content-Length or chunked (then X-Expected-Entity-Length counts);
/// X-OC-Mtime sets the time. Out: 201 new, 204 over; ETag and Last-Modified of what was stored.
///
/// Errors: 400 malformed, another length than announced, or Content-Range; 403 at the top level or without `create`
/// (new) or `write` (over); 405 a collection; 409 the parent is missing; 412; 413; 507.
pub async fn put(x: Exchange, body: RequestBody) -> Result<Reply, HttpError> {
    let terms = Terms::parse(&x)?;
    let access = x.app.guard.access(&x.app.db, &x.caller).await?;
    let spot = Spot::known(&x.app, &access, &x.path).await.map_err(|error| at_the_top(&x, error))?;
    decide(&x, &spot)?;
    let over = spot.located.node().cloned();
    if !terms.conditions.is_empty() {
        terms.conditions.confirm_change(&mut x.app.db.read().await?, &access, over.as_ref()).await?;
    }
    confirm_room(&x, terms.expected)?;

    let x = Arc::new(x);
    let commits = Arc::clone(&x);
    let created = Arc::new(AtomicBool::new(false));
    let new = Arc::clone(&created);
    let (expected, has_mtime) = (terms.expected, terms.modified.is_some());
    let upload = Upload {
        staged: x.app.blobs.stage(),
        expected,
        bytes_max: x.app.config.limits.upload_bytes_max,
        commit: Box::new(move |sealed| Box::pin(shielded(commit(commits, terms, sealed, new)))),
    };
    let errand = Errand::write(upload, over);
    engine::run(&x.head, &x.path, Arc::clone(&errand), Some(body)).await?;
    let node = errand.node().ok_or_else(HttpError::internal)?;
    let mut answer = reply::empty(if created.load(Ordering::Acquire) { StatusCode::CREATED } else { StatusCode::NO_CONTENT });
    validators(answer.headers_mut(), &node);
    if has_mtime {
        answer.headers_mut().insert(HeaderName::from_static("x-oc-mtime"), HeaderValue::from_static("accepted"));
    }
    Ok(answer)
}

/// What the headers ask for.
struct Terms {
    conditions: Conditions,
    expected: Option<u64>,
    modified: Option<Moment>,
}

impl Terms {
    fn parse(x: &Exchange) -> Result<Self, HttpError> {
        let headers = &x.head.headers;
        if has_content_range(headers) {
            return Err(HttpError::bad_request("PUT takes whole files only, without Content-Range."));
        }
        if headers.contains_key(CONTENT_ENCODING) {
            let text = "The server stores what it is sent; a Content-Encoding is not taken off.";
            return Err(HttpError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
        }
        if x.path.is_root() {
            return Err(root_is_fixed());
        }
        Ok(Self {
            conditions: Conditions::parse(headers)?,
            expected: expected_length(headers)?,
            modified: OcMtime::parse(headers)?.map(|header| Moment::from(header.0)),
        })
    }
}

fn expected_length(headers: &HeaderMap) -> Result<Option<u64>, HttpError> {
    let announced = ExpectedLength::parse(headers)?.map(|header| header.bytes);
    Ok(headers.typed_get::<ContentLength>().map(|header| header.0).or(announced))
}

/// Nothing is made at the top level: there, what the caller doesn't reach is refused as what isn't there.
fn at_the_top(x: &Exchange, error: HttpError) -> HttpError {
    if x.path.segments().len() == 1 { root_is_fixed() } else { error }
}

/// What must be true of the place; asked before the body is read and again when it is there.
fn decide(x: &Exchange, spot: &Spot) -> Result<Permit, HttpError> {
    super::mkcol::confirm_parent_visible(spot)?;
    let is_collection = HttpError::new(StatusCode::METHOD_NOT_ALLOWED, "A collection is there; PUT makes files.");
    if spot.located.is_root() {
        return Err(is_collection);
    }
    spot.parent()?;
    let effective = &spot.reached.effective;
    let scene = spot.scene(Scene::new(), Object::Item, Object::Parent);
    let (operation, leased) = match spot.located.node() {
        None => (Operation::PutNew, None),
        Some(node) if node.leased_to(x.caller.user.id, x.now) => (Operation::PutOver, Some((node, effective.leased()))),
        Some(_) => (Operation::PutOver, None),
    };
    let scene = match &leased {
        Some((node, effective)) => scene.with(Object::Item, effective, guard::item(node)),
        None => scene,
    };
    let permit = guard::permit(operation, &scene).map_err(|denial| refused(&denial, &x.path))?;
    if spot.located.node().is_some_and(Node::is_collection) {
        return Err(is_collection);
    }
    if x.path.trailing_slash() {
        let text = "A name that ends in `/` is a collection's; make it with MKCOL.";
        return Err(HttpError::new(StatusCode::CONFLICT, text));
    }
    Ok(permit)
}

/// Refuses early what can't be stored anyway. Errors: 413, 507.
fn confirm_room(x: &Exchange, expected: Option<u64>) -> Result<(), HttpError> {
    let bytes_max = x.app.config.limits.upload_bytes_max;
    let wanted = expected.unwrap_or(0);
    if wanted > bytes_max {
        return Err(engine::too_large(bytes_max));
    }
    let free = x.app.blobs.free_bytes()?;
    if free < wanted.saturating_add(x.app.config.storage.min_free_bytes) {
        return Err(crate::blobs::BlobError::Full.into());
    }
    Ok(())
}

/// The one transaction of the PUT.
async fn commit(x: Arc<Exchange>, terms: Terms, sealed: Sealed, new: Arc<AtomicBool>) -> Result<Node, HttpError> {
    let content = fresh(sealed);
    let mut tx = x.app.db.write().await?;
    let access: Arc<Access> = x.app.guard.access_in(&mut tx, &x.caller).await?;
    let spot = Spot::locate(&mut tx, &access, &x.path).await?.ok_or_else(HttpError::not_found)?;
    let permit = decide(&x, &spot)?;
    let over = spot.located.node();
    new.store(over.is_none(), Ordering::Release);
    terms.conditions.confirm_change(&mut tx, &access, over).await?;
    let name = x.path.name().expect("the root was refused");
    let ancestors = spot.located.ancestors();
    let mut change = Change::begin(&mut tx, spot.reached.share.id, x.caller.user.id, x.now).await?;
    let node = match over {
        Some(file) => change.write_file(&permit, file, ancestors, &content, terms.modified).await?,
        None => change.create_file(&permit, ancestors, name, &content, terms.modified).await?,
    };
    tx.commit().await?;
    Ok(node)
}

fn fresh(sealed: Sealed) -> Fresh {
    let (id, inline) = match sealed.place {
        Place::Inline(bytes) => (ContentId::fresh(), Some(bytes)),
        Place::File(blob) => (ContentId(uuid::Uuid::from_bytes(*blob.as_bytes())), None),
    };
    Fresh { id, size: sealed.size, hash: sealed.hash, inline }
}
