//! MKCOL: makes one new, empty collection (RFC 4918 section 9.3).

use std::sync::Arc;

use commonhold_acl::{Object, Operation, Scene};
use http::StatusCode;
use http::header::{CONTENT_LOCATION, HeaderValue};

use super::conditions::{Conditions, View};
use super::engine::{self, Errand};
use super::{Deed, Exchange, Spot, lock, nowhere, refused, small_body};
use crate::error::HttpError;
use crate::guard::{self, Place};
use crate::locks::Keys;
use crate::net::RequestBody;
use crate::reply::Reply;

/// In: a path whose parent exists, no body. Out: 201.
///
/// Errors: 403 at the top level or without `create` on the parent; 405 the name is taken; 409 the parent is missing;
/// 415 any body; 412.
pub async fn mkcol(x: Exchange, body: RequestBody) -> Result<Reply, HttpError> {
    let body = small_body(body, x.app.config.dav.xml_bytes_max).await?;
    if !body.is_empty() {
        return Err(HttpError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "MKCOL takes no body on this server."));
    }
    let href = x.href(true);
    let x = Arc::new(x);
    let making = Arc::clone(&x);
    let errand =
        Errand::collection(Box::new(move || Box::pin(async move { super::shielded_briefly(&making, make).await })));
    let mut reply = engine::run(&x.head, &x.path, errand, None).await?;
    let location = HeaderValue::try_from(href).expect("an href is ASCII");
    reply.headers_mut().insert(CONTENT_LOCATION, location);
    Ok(reply)
}

async fn make(x: Arc<Exchange>) -> Result<(), HttpError> {
    let conditions = Conditions::parse(&x.head.headers)?;
    let taken = || HttpError::new(StatusCode::METHOD_NOT_ALLOWED, "Something of that name is there already.");
    let Some(name) = x.path.name() else { return Err(taken()) };
    let mut tx = x.app.db.write().await?;
    let access = x.app.guard.access_in(&mut tx, &x.caller).await?;
    if let Place::Others = access.place(&x.path) {
        return Err(taken());
    }
    let spot = Spot::locate(&mut tx, &access, &x.path).await?.ok_or_else(|| nowhere(&x.path))?;
    if spot.located.is_root() {
        return Err(taken());
    }
    spot.parent()?;
    let scene = spot.scene(Scene::new(), Object::Item, Object::Parent);
    let permit = guard::permit(Operation::Mkcol, &scene).map_err(|denial| refused(&denial, &x.path))?;
    if spot.located.node().is_some() {
        return Err(taken());
    }
    super::taken::confirm_name(&spot.reached, name)?;
    let view = View { access: &access, user: x.caller.user.id, now: x.now };
    conditions.confirm_change(&mut tx, &view, &spot).await?;
    let tokens = conditions.tokens();
    let keys = Keys { user: x.caller.user.id, tokens: &tokens };
    lock::confirm(&mut tx, &spot, spot.located.ancestors(), keys, &x).await?;
    let mut change = x.change(&mut tx, &spot);
    let made = change.create_collection(&permit, spot.located.ancestors(), name).await?;
    x.commit(tx, Deed::new(&made, StatusCode::CREATED)).await
}
