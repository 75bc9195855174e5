//! MKCOL: makes one new collection, empty (RFC 4918 section 9.3), with its first properties if the body has some (extended MKCOL, RFC 5689).

use std::sync::Arc;

use commonhold_acl::{Object, Operation, Scene};
use http::header::{CONTENT_LOCATION, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, StatusCode};

use super::answers;
use super::bodies::{BodyError, MkcolBody};
use super::conditions::{Conditions, View};
use super::engine::{self, Errand};
use super::proppatch::{self, Outcome};
use super::xml::{QName, XmlWriter};
use super::{Deed, Exchange, Spot, lock, nowhere, refused, shielded_briefly, small_body};
use crate::error::{Condition, HttpError};
use crate::guard::{self, Place};
use crate::locks::Keys;
use crate::net::RequestBody;
use crate::reply::Reply;

/// In: a path whose parent exists; no body, or a `mkcol` with properties. Out: 201, with a `mkcol-response` if there was a body; when one of the
/// properties can't be set, 403 or 507 with it, and nothing is made.
///
/// Errors: 400 malformed; 403 at the top level or without `create` on the parent; 405 the name is taken; 409 the parent is missing;
/// 412; 413; 415 a body that is no XML, or another element.
pub async fn mkcol(x: Exchange, body: RequestBody) -> Result<Reply, HttpError> {
    let body = small_body(body, x.app.config.dav.proppatch_bytes_max).await?;
    let location = HeaderValue::try_from(x.href(true)).expect("an href is ASCII");
    let wanted = wanted(&x.head.headers, &body)?;
    let x = Arc::new(x);
    let mut reply = match wanted {
        Some(wanted) => {
            let wanted = Arc::new(wanted);
            let asked = Arc::clone(&wanted);
            let made = shielded_briefly(&x, move |x| make(x, Some(Arc::clone(&asked)))).await?;
            answer(&wanted, made)
        }
        None => {
            let making = Arc::clone(&x);
            let make = async move { shielded_briefly(&making, |x| make(x, None)).await.map(drop) };
            let errand = Errand::collection(Box::new(move || Box::pin(make)));
            engine::run(&x.head, &x.path, errand, None).await?
        }
    };
    if reply.status() == StatusCode::CREATED {
        reply.headers_mut().insert(CONTENT_LOCATION, location);
    }
    Ok(reply)
}

/// What the body asks for. Errors: 415 for what is no `mkcol` at all.
fn wanted(headers: &HeaderMap, body: &[u8]) -> Result<Option<MkcolBody>, HttpError> {
    if body.is_empty() {
        return Ok(None);
    }
    let unknown =
        || HttpError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body of a MKCOL is XML with the root `mkcol`.");
    if headers.get(CONTENT_TYPE).is_some_and(|kind| !is_xml(kind)) {
        return Err(unknown());
    }
    match MkcolBody::parse(body) {
        Ok(wanted) => Ok(Some(wanted)),
        Err(BodyError::WrongRoot { .. }) => Err(unknown()),
        Err(error) => Err(error.into()),
    }
}

fn is_xml(kind: &HeaderValue) -> bool {
    let kind = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    ["application/xml", "text/xml"].iter().any(|xml| kind.eq_ignore_ascii_case(xml))
}

/// What came of it.
#[derive(Clone, Copy)]
enum Made {
    With(Outcome),
    /// A collection of another type is asked for.
    WrongType,
}

impl MkcolBody {
    /// Whether a plain collection is asked for, the only kind there is.
    fn is_plain(&self) -> bool {
        self.resource_types.as_deref().is_none_or(|types| types == [QName::dav("collection")])
    }
}

/// RFC 5689 section 5.2.
fn answer(wanted: &MkcolBody, made: Made) -> Reply {
    let status = match made {
        Made::With(Outcome::Done) => StatusCode::CREATED,
        Made::With(Outcome::TooMany) => StatusCode::INSUFFICIENT_STORAGE,
        Made::With(Outcome::Refused) | Made::WrongType => StatusCode::FORBIDDEN,
    };
    let mut w = XmlWriter::new(&QName::dav("mkcol-response"), &[]);
    let resource_type = QName::dav("resourcetype");
    match made {
        Made::WrongType => {
            let all = wanted.properties.names();
            proppatch::propstat(&mut w, &[&resource_type], StatusCode::FORBIDDEN, Some(Condition::ValidResourcetype));
            if !all.is_empty() {
                proppatch::propstat(&mut w, &all, StatusCode::FAILED_DEPENDENCY, None);
            }
        }
        Made::With(outcome) => {
            if wanted.resource_types.is_some() {
                let kept = if outcome == Outcome::Done { StatusCode::OK } else { StatusCode::FAILED_DEPENDENCY };
                proppatch::propstat(&mut w, &[&resource_type], kept, None);
            }
            if wanted.resource_types.is_none() || !wanted.properties.ops.is_empty() {
                proppatch::propstats(&mut w, &wanted.properties, outcome);
            }
        }
    }
    answers::document(status, w)
}

async fn make(x: Arc<Exchange>, wanted: Option<Arc<MkcolBody>>) -> Result<Made, HttpError> {
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
    let view = View::of(&x, &access);
    conditions.confirm_change(&mut tx, &view, &spot).await?;
    let tokens = conditions.tokens();
    let keys = Keys { user: x.caller.user.id, tokens: &tokens };
    lock::confirm(&mut tx, &spot, spot.located.ancestors(), keys, &x).await?;
    if let Some(wanted) = &wanted {
        if !wanted.is_plain() {
            return Ok(Made::WrongType);
        }
        if proppatch::changes_protected(&wanted.properties) {
            return Ok(Made::With(Outcome::Refused));
        }
        tx.protect().await?;
    }
    let mut change = x.change(&mut tx, &spot);
    let made = change.create_collection(&permit, spot.located.ancestors(), name).await?;
    if let Some(wanted) = &wanted {
        let (patches, times) = proppatch::instructions(&wanted.properties);
        if !change.first_props(&permit, &made, &patches, times, proppatch::bounds(&x)).await? {
            return Ok(Made::With(Outcome::TooMany));
        }
    }
    x.commit(tx, Deed::new(&made, StatusCode::CREATED)).await?;
    Ok(Made::With(Outcome::Done))
}
