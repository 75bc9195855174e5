//! PROPPATCH: sets and removes properties, all or none (RFC 4918 section 9.2).

use std::sync::Arc;

use commonhold_acl::{Object, Operation, Permit, Scene};
use http::StatusCode;

use super::answers;
use super::bodies::{PropOp, PropertyUpdate};
use super::conditions::{Conditions, View};
use super::props::Live;
use super::xml::{QName, RawXml, XmlWriter};
use super::{Deed, Exchange, NS_WIN32, Spot, lock, refused, shielded_briefly, small_body};
use crate::clock::Moment;
use crate::error::{Condition, HttpError};
use crate::guard;
use crate::locks::Keys;
use crate::net::RequestBody;
use crate::reply::Reply;
use crate::tree::props::{Bounds, DeadProp, Patch, Times};

/// In: a `propertyupdate` body. Out: 207 with 200 for each property, or, when one of them can't be changed, 403 for it
/// and 424 for all others, and nothing is changed.
///
/// Errors: 400 malformed; 403 without `write`, at the top level; 404; 412; 413; 507 when there would be too many.
pub async fn proppatch(x: Exchange, body: RequestBody) -> Result<Reply, HttpError> {
    let body = small_body(body, x.app.config.dav.proppatch_bytes_max).await?;
    let update = PropertyUpdate::parse(&body)?;
    let update = Arc::new(update);
    shielded_briefly(&Arc::new(x), move |x| patch(x, Arc::clone(&update))).await
}

async fn patch(x: Arc<Exchange>, update: Arc<PropertyUpdate>) -> Result<Reply, HttpError> {
    let conditions = Conditions::parse(&x.head.headers)?;
    let mut tx = x.app.db.write().await?;
    let access = x.app.guard.access_in(&mut tx, &x.caller).await?;
    let spot = Spot::to_change(&mut tx, &access, &x.path).await?;
    let node = spot.found_or_leased(&x)?;
    let permit = permit(&x, &spot)?;
    let view = View::of(&x, &access);
    conditions.confirm_change(&mut tx, &view, &spot).await?;
    let tokens = conditions.tokens();
    lock::confirm(&mut tx, &spot, spot.located.chain(), Keys { user: x.caller.user.id, tokens: &tokens }, &x).await?;
    let href = x.href(node.is_collection());
    if changes_protected(&update) {
        return Ok(multistatus(&href, &update, Outcome::Refused));
    }
    let (patches, times) = instructions(&update);
    tx.protect().await?;
    let mut change = x.change(&mut tx, &spot);
    if !change.patch_props(&permit, node, spot.located.ancestors(), &patches, times, bounds(&x)).await? {
        return Ok(multistatus(&href, &update, Outcome::TooMany));
    }
    x.commit(tx, Deed::new(node, StatusCode::MULTI_STATUS)).await?;
    Ok(multistatus(&href, &update, Outcome::Done))
}

/// How many dead properties a resource may have.
pub(super) fn bounds(x: &Exchange) -> Bounds {
    let limits = &x.app.config.dav;
    Bounds { count_max: limits.dead_properties_max, bytes_max: limits.dead_properties_bytes_max }
}

/// The permit: `write`, or the creation lease of whoever has just made the file.
fn permit(x: &Exchange, spot: &Spot) -> Result<Permit, HttpError> {
    let leased = spot.leased(x);
    let scene = spot.scene(Scene::new(), Object::Item, Object::Parent);
    let scene = match &leased {
        Some((node, effective)) => scene.with(Object::Item, effective, guard::item(node)),
        None => scene,
    };
    guard::permit(Operation::Proppatch, &scene).map_err(|denial| refused(&denial, &x.path))
}

/// Whether it would change what only the server can.
pub(super) fn changes_protected(update: &PropertyUpdate) -> bool {
    update.names().into_iter().any(is_protected)
}

/// A live property is the server's; of them only the display name can be set, and is then kept like a dead one.
fn is_protected(name: &QName) -> bool {
    Live::of(name).is_some_and(|live| live != Live::DisplayName)
}

/// What the tree is to do. Windows' times are those of the file too.
pub(super) fn instructions(update: &PropertyUpdate) -> (Vec<Patch>, Times) {
    let mut times = Times::default();
    let mut patches = Vec::with_capacity(update.ops.len());
    for op in &update.ops {
        match op {
            PropOp::Set { name, value } => {
                if name.ns() == NS_WIN32 {
                    match name.local() {
                        "Win32LastModifiedTime" => times.modified = date(value).or(times.modified),
                        "Win32CreationTime" => times.created = date(value).or(times.created),
                        _ => {}
                    }
                }
                patches.push(Patch::Set(DeadProp {
                    ns: name.ns().to_owned(),
                    name: name.local().to_owned(),
                    value: value.content().to_owned(),
                    lang: value.lang().unwrap_or_default().to_owned(),
                }));
            }
            PropOp::Remove(name) => patches.push(Patch::Remove(name.ns().to_owned(), name.local().to_owned())),
        }
    }
    (patches, times)
}

fn date(value: &RawXml) -> Option<Moment> {
    httpdate::parse_http_date(value.as_text()?.trim()).ok().map(Moment::from)
}

/// What came of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    /// Some are the server's to change.
    Refused,
    TooMany,
}

/// The answer: properties of one outcome together, each name once.
fn multistatus(href: &str, update: &PropertyUpdate, outcome: Outcome) -> Reply {
    let mut w = XmlWriter::new(&QName::dav("multistatus"), &[]);
    w.start(&QName::dav("response"));
    w.element(&QName::dav("href"), href);
    propstats(&mut w, update, outcome);
    answers::multistatus(w)
}

/// A `propstat` for each outcome that some of the properties have.
pub(super) fn propstats(w: &mut XmlWriter, update: &PropertyUpdate, outcome: Outcome) {
    let (protected, others): (Vec<_>, Vec<_>) = update.names().into_iter().partition(|name| is_protected(name));
    match outcome {
        Outcome::Done => propstat(w, &others, StatusCode::OK, None),
        Outcome::TooMany => propstat(w, &others, StatusCode::INSUFFICIENT_STORAGE, None),
        Outcome::Refused => {
            let condition = Some(Condition::CannotModifyProtectedProperty);
            if !protected.is_empty() {
                propstat(w, &protected, StatusCode::FORBIDDEN, condition);
            }
            if !others.is_empty() {
                propstat(w, &others, StatusCode::FAILED_DEPENDENCY, None);
            }
        }
    }
}

/// One `propstat` (RFC 4918 section 14.22).
pub(super) fn propstat(w: &mut XmlWriter, names: &[&QName], status: StatusCode, condition: Option<Condition>) {
    w.start(&QName::dav("propstat"));
    w.start(&QName::dav("prop"));
    for name in names {
        w.empty(name);
    }
    w.end();
    w.element(&QName::dav("status"), &format!("HTTP/1.1 {status}"));
    if let Some(condition) = condition {
        w.start(&QName::dav("error"));
        w.empty(&QName::dav(condition.name()));
        w.end();
    }
    w.end();
}
