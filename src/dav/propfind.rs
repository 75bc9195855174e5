//! PROPFIND: properties of a resource, its members, or everything below (RFC 4918 section 9.1).

use commonhold_acl::{Object, Operation, Scene};
use http::header::{CACHE_CONTROL, CONTENT_LOCATION, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, StatusCode};

use super::bodies::PropfindBody;
use super::conditions::{Conditions, View};
use super::headers::{Depth, Header};
use super::listing::{Asked, Listing};
use super::{Exchange, Spot, refused, small_body};
use crate::db::ReadTx;
use crate::error::{Condition, HttpError};
use crate::guard::{self, Place, Reached};
use crate::net::RequestBody;
use crate::reply::{Body, Reply};
use crate::tree::list::count_below;

/// The type of every XML answer.
pub(super) const XML_TYPE: HeaderValue = HeaderValue::from_static("application/xml; charset=utf-8");

/// In: Depth (none means infinity), a `propfind` body or none. Out: 207, streamed.
///
/// Errors: 400 malformed; 403 without `list` (or `list-folders`) for Depth 1, and with `propfind-finite-depth` for an
/// infinity of more than `dav.propfind_infinity_max` resources; 404; 412.
pub async fn propfind(x: Exchange, body: RequestBody) -> Result<Reply, HttpError> {
    let depth = Depth::parse(&x.head.headers)?.unwrap_or(Depth::Infinity);
    let conditions = Conditions::parse(&x.head.headers)?;
    let body = small_body(body, x.app.config.dav.xml_bytes_max).await?;
    let asked = Asked::new(PropfindBody::parse(&body)?, depth);
    let access = x.app.guard.access(&x.app.db, &x.caller).await?;
    match access.place(&x.path) {
        Place::Top => {
            let below: Vec<&Reached> = access.all().collect();
            confirm_bound(&x, &below, depth).await?;
            return answer(Listing::of_root(&x, &access, asked, depth).await?, true, "").await;
        }
        Place::Others => {
            let below: Vec<&Reached> = access.others().iter().collect();
            confirm_bound(&x, &below, depth).await?;
            let href = x.href(true);
            return answer(Listing::of_others(&x, &access, asked, depth).await?, true, &href).await;
        }
        Place::In(..) | Place::Nowhere => {}
    }

    // The resource alone, without any property that lies in rows of its own, needs no transaction.
    if depth == Depth::Zero && conditions.is_empty() {
        let spot = Spot::known(&x.app, &access, &x.path).await?;
        let node = spot.found()?;
        let has_locks = x.app.tree.has_locks(&x.app.db, node.share).await?;
        if !asked.needs_rows(node, has_locks) {
            let href = x.href(node.is_collection());
            let is_collection = node.is_collection();
            return answer(Listing::of_one(&x, asked, &spot, node, href.clone()), is_collection, &href).await;
        }
    }
    let mut tx = x.app.db.read().await?;
    let spot = Spot::locate(&mut tx, &access, &x.path).await?.ok_or_else(HttpError::not_found)?;
    let node = spot.found()?;
    if !conditions.is_empty() {
        let view = View::of(&x, &access);
        conditions.confirm_if(&mut tx, &view, &spot, true).await?;
    }
    let enters = depth != Depth::Zero && node.is_collection();
    if enters {
        let scene = spot.scene(Scene::new(), Object::Item, Object::Parent);
        guard::permit(Operation::PropfindMembers, &scene).map_err(|denial| refused(&denial, &x.path))?;
        if depth == Depth::Infinity {
            confirm_bound_below(&x, &mut tx, &spot).await?;
        }
    }
    let href = x.href(node.is_collection());
    let is_collection = node.is_collection();
    let listing = Listing::of_node(&x, tx, asked, &spot, node.clone(), depth).await?;
    answer(listing, is_collection, &href).await
}

/// Refuses an infinity over whole shares that is too large, before anything is sent.
async fn confirm_bound(x: &Exchange, below: &[&Reached], depth: Depth) -> Result<(), HttpError> {
    if depth != Depth::Infinity {
        return Ok(());
    }
    let bound = x.app.config.dav.propfind_infinity_max as u64;
    let mut tx = x.app.db.read().await?;
    let mut found = 0;
    for reached in below {
        found += count_below(&mut tx, reached.share.root, &reached.view(&[]), bound + 1 - found.min(bound)).await?;
        confirm_count(bound, found)?;
    }
    Ok(())
}

/// Refuses to tell of everything below a collection when it is too much, before anything is sent.
pub(super) async fn confirm_bound_below(x: &Exchange, tx: &mut ReadTx, spot: &Spot) -> Result<(), HttpError> {
    let bound = x.app.config.dav.propfind_infinity_max as u64;
    let view = spot.reached.view(spot.chain());
    confirm_count(bound, count_below(tx, spot.found()?.id, &view, bound + 1).await?)
}

fn confirm_count(bound: u64, found: u64) -> Result<(), HttpError> {
    if found <= bound {
        return Ok(());
    }
    let text = format!("More than {bound} resources lie here; ask for Depth 0 or 1.");
    Err(HttpError::new(StatusCode::FORBIDDEN, text).with(Condition::PropfindFiniteDepth))
}

/// Sends the listing: at once when it is small, else as it is made.
pub(super) async fn answer(mut listing: Listing, is_collection: bool, href: &str) -> Result<Reply, HttpError> {
    let first = listing.next_chunk().await?.unwrap_or_default();
    let body = if listing.is_done() { Body::bytes(first) } else { Body::stream(listing.into_stream(first)) };
    let mut reply = Reply::new(body);
    *reply.status_mut() = StatusCode::MULTI_STATUS;
    let headers: &mut HeaderMap = reply.headers_mut();
    headers.insert(CONTENT_TYPE, XML_TYPE);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if is_collection && !href.is_empty() {
        headers.insert(CONTENT_LOCATION, HeaderValue::try_from(href).expect("an href is ASCII"));
    }
    Ok(reply)
}
