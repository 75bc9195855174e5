//! PUT: a new file, or another content for one that is there (RFC 9110 section 9.3.4, RFC 4918 section 9.7).
//!
//! The body is staged beside the tree and synced; then one transaction decides access, conditions and quota and lets the
//! name point to the new bytes. Until that moment, and whenever anything fails, the old bytes are what everybody sees.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use commonhold_acl::{Object, Operation, Permit, Scene};
use headers::{ContentLength, HeaderMapExt};
use http::header::{CONTENT_ENCODING, EXPECT, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};

use super::checksum::Proof;
use super::conditions::{Conditions, View};
use super::engine::{self, Errand, Upload};
use super::get::validators;
use super::headers::{Checksum, ExpectedLength, Header, OcChecksum, OcMtime, has_content_range};
use super::props::cloud;
use super::{
    Deed, Exchange, Spot, lock, nowhere, owner_file, partial, refused, root_is_fixed, shielded_briefly, taken,
};
use crate::app::App;
use crate::blobs::BlobError;
use crate::clock::Moment;
use crate::cloud::CameIn;
use crate::db::{Reads, WriteTx};
use crate::error::HttpError;
use crate::guard::{self, Access};
use crate::ids::ContentId;
use crate::locks::{self, Keys};
use crate::net::RequestBody;
use crate::path::Name;
use crate::reply::{self, Reply};
use crate::tree::change::Fresh;
use crate::tree::reservation::{self, Reservation};
use crate::tree::{self, Node};
use crate::uploads::announced;

/// Bodies from this size on are refused before they are sent, as far as conditions and locks go.
const EARLY_BYTES_MIN: u64 = 64 * 1024;
/// Collision copies of one name at the most.
const COLLISIONS_MAX: u32 = 999;

/// In: a path whose parent exists, the bytes; Content-Length or chunked (then X-Expected-Entity-Length counts);
/// X-OC-Mtime sets the time, OC-Checksum says what the bytes must be. Out: 201 new, 204 over; ETag and Last-Modified of what was stored.
///
/// Errors: 400 malformed, another length or checksum than announced, or Content-Range; 403 at the top level or without `create`
/// (new) or `write` (over), or an extension that is not taken; 405 a collection; 409 the parent is missing; 412; 413; 507.
pub async fn put(x: Exchange, body: RequestBody) -> Result<Reply, HttpError> {
    let terms = Terms::parse(&x)?;
    // A small body is no longer than the question whether it may come; a large one is refused before it is sent, and so is
    // one that waits to be asked for.
    let waits = x.head.headers.contains_key(EXPECT);
    let promised = match waits || terms.expected.is_none_or(|bytes| bytes > EARLY_BYTES_MIN) {
        true => Box::pin(early(&x, &terms)).await?,
        false => Promised { bytes_max: x.app.config.limits.upload_bytes_max, room: None, reservation: None },
    };
    confirm_room(&x, terms.expected)?;
    save(x, Welcome { terms, promised }, body).await
}

/// A body that would be accepted.
pub(super) struct Welcome {
    terms: Terms,
    promised: Promised,
}

/// The same courtesy before there is a body at all, for one whose length the headers say: it would be accepted as it is now.
///
/// Errors: those of PUT that don't depend on the bytes.
pub(super) async fn welcome(x: &Exchange) -> Result<Welcome, HttpError> {
    let terms = Terms::parse(x)?;
    let promised = Box::pin(early(x, &terms)).await?;
    confirm_room(x, terms.expected)?;
    Ok(Welcome { terms, promised })
}

/// The same for what comes later. Errors: the same.
pub async fn confirm_welcome(x: &Exchange) -> Result<(), HttpError> {
    welcome(x).await.map(drop)
}

/// Takes the body. Out, and errors: those of PUT.
pub(super) async fn save(
    x: Exchange,
    Welcome { terms, promised }: Welcome,
    body: RequestBody,
) -> Result<Reply, HttpError> {
    let x = Arc::new(x);
    let commits = Arc::clone(&x);
    let created = Arc::new(AtomicBool::new(false));
    let new = Arc::clone(&created);
    let (expected, has_mtime, checksum) = (terms.expected, terms.modified.is_some(), terms.checksum.clone());
    let upload = Upload {
        staged: x.app.blobs.stage(),
        expected,
        bytes_max: promised.bytes_max,
        room: promised.room,
        proof: checksum.map(|expected| Box::new(Proof::of(expected))),
        commit: Box::new(move |sealed| {
            // From here on the transaction decides, and counts the bytes itself.
            drop(promised.reservation);
            Box::pin(async move {
                let checksum = terms.checksum.as_ref().map(ToString::to_string);
                let save = Arc::new((terms, Fresh { checksum, ..Fresh::from(sealed) }, new));
                shielded_briefly(&commits, move |x| commit(x, Arc::clone(&save))).await
            })
        }),
    };
    let errand = Errand::write(upload);
    engine::run(&x.head, &x.path, Arc::clone(&errand), Some(body)).await?;
    let node = errand.node().ok_or_else(HttpError::internal)?;
    let mut answer =
        reply::empty(if created.load(Ordering::Acquire) { StatusCode::CREATED } else { StatusCode::NO_CONTENT });
    validators(answer.headers_mut(), &node);
    if x.head.extensions.get::<CameIn>().is_some() {
        let headers = answer.headers_mut();
        // Nextcloud's client takes an upload without it for failed.
        let known_by = HeaderValue::try_from(cloud::id_of(&node, &x.app.site)).expect("an id is ASCII");
        headers.insert(HeaderName::from_static("oc-fileid"), known_by);
        // Beside `ETag`, which proxies may change.
        let etag = HeaderValue::try_from(node.etag()).expect("an ETag is ASCII");
        headers.insert(HeaderName::from_static("oc-etag"), etag);
    }
    if has_mtime {
        answer.headers_mut().insert(HeaderName::from_static("x-oc-mtime"), HeaderValue::from_static("accepted"));
    }
    Ok(answer)
}

/// An extension of the PUT of an upload that was announced: its id. In the transaction that makes the file it is said to be made.
#[derive(Debug, Clone)]
pub struct OfUpload(pub Arc<str>);

/// An extension of the PUT of a content that was put together with another one: the file must still have that one.
#[derive(Debug, Clone, Copy)]
pub(super) struct MadeOf(pub ContentId);

/// The courtesy of refusing before the body is sent what would be refused afterwards.
async fn early(x: &Exchange, terms: &Terms) -> Result<Promised, HttpError> {
    let access = x.app.guard.access(&x.app.db, &x.caller).await?;
    let mut tx = x.app.db.read().await?;
    let spot = Spot::locate(&mut tx, &access, &x.path).await?.ok_or_else(|| nowhere(&x.path))?;
    decide(x, &spot)?;
    if let Err(refusal) = confirm(&mut tx, x, &terms.conditions, &access, &spot).await
        && !keeps_late_save(&mut tx, x, &terms.conditions, &spot).await?
    {
        return Err(refusal);
    }
    taken::confirm(&spot.reached, name_of(x).as_str(), terms.expected.unwrap_or(0))?;
    let bytes_max = x.app.config.limits.upload_bytes_max;
    let bytes_max = spot.reached.measures().max_file_bytes().map_or(bytes_max, |policy| policy.min(bytes_max));
    if spot.located.usage().quota_bytes.is_none() {
        return Ok(Promised { bytes_max, room: None, reservation: None });
    }
    let rooms = reservation::rooms(&mut tx, spot.reached.share.id).await?;
    let reservation = x.app.reservations.promise(&rooms, terms.expected.unwrap_or(0))?;
    Ok(Promised { bytes_max, room: rooms.iter().map(|room| room.bytes).min(), reservation: Some(reservation) })
}

/// What may come, as far as can be said before it does.
struct Promised {
    bytes_max: u64,
    room: Option<u64>,
    reservation: Option<Reservation>,
}

/// What the headers ask for.
struct Terms {
    conditions: Conditions,
    expected: Option<u64>,
    modified: Option<Moment>,
    checksum: Option<Checksum>,
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
            checksum: OcChecksum::parse(headers)?.map(|header| header.0),
        })
    }
}

pub(super) fn expected_length(headers: &HeaderMap) -> Result<Option<u64>, HttpError> {
    let announced = ExpectedLength::parse(headers)?.map(|header| header.bytes);
    let length = headers.typed_get::<ContentLength>().map(|header| header.0);
    match (length, announced) {
        (Some(length), Some(announced)) if length != announced => {
            Err(HttpError::bad_request("Content-Length and X-Expected-Entity-Length differ."))
        }
        (length, announced) => Ok(length.or(announced)),
    }
}

/// What must be true of the place; asked before the body is read and again when it is there.
fn decide(x: &Exchange, spot: &Spot) -> Result<Permit, HttpError> {
    let is_collection = HttpError::new(StatusCode::METHOD_NOT_ALLOWED, "A collection is there; only a file has bytes.");
    if spot.located.is_root() {
        return Err(is_collection);
    }
    spot.parent()?;
    let scene = spot.scene(Scene::new(), Object::Item, Object::Parent);
    let operation = if spot.located.node().is_some() { Operation::PutOver } else { Operation::PutNew };
    let leased = spot.leased(x);
    if spot.is_hidden() && leased.is_none() {
        confirm_may_make(x, spot, Operation::PutNew)?;
    }
    let scene = match &leased {
        Some((node, effective)) => scene.with(Object::Item, effective, guard::item(node)),
        None => scene,
    };
    let permit = guard::permit(operation, &scene).map_err(|denial| refused(&denial, &x.path))?;
    if spot.located.node().is_some_and(Node::is_collection) {
        return Err(is_collection);
    }
    taken::confirm(&spot.reached, name_of(x).as_str(), 0)?;
    if spot.located.node().is_none() {
        taken::confirm_name(&spot.reached, name_of(x))?;
    }
    if x.path.trailing_slash() {
        let text = "A name that ends in `/` is a collection's; make it with MKCOL.";
        return Err(HttpError::new(StatusCode::CONFLICT, text));
    }
    Ok(permit)
}

/// The name that the file has or gets.
fn name_of(x: &Exchange) -> &Name {
    x.path.name().expect("the root was refused")
}

/// Whoever may make nothing in a collection is told so whether the name is free or taken by what he doesn't see.
pub(super) fn confirm_may_make(x: &Exchange, spot: &Spot, making: Operation) -> Result<(), HttpError> {
    let parent = spot.parent()?;
    let scene = Scene::new().with(Object::Parent, spot.parent_effective(), guard::item(parent));
    guard::permit(making, &scene).map(drop).map_err(|denial| refused(&denial, &x.path))
}

/// Refuses early what can't be stored anyway. Errors: 413, 507.
fn confirm_room(x: &Exchange, expected: Option<u64>) -> Result<(), HttpError> {
    let bytes_max = x.app.config.limits.upload_bytes_max;
    let wanted = expected.unwrap_or(0);
    if wanted > bytes_max {
        return Err(engine::too_large(bytes_max));
    }
    confirm_free(&x.app, wanted)
}

/// Confirms that the store has room for so many bytes. Errors: 507.
pub fn confirm_free(app: &App, bytes: u64) -> Result<(), HttpError> {
    if app.blobs.free_bytes()? < bytes.saturating_add(app.config.storage.min_free_bytes) {
        return Err(BlobError::Full.into());
    }
    Ok(())
}

/// The one transaction of the PUT.
async fn commit(x: Arc<Exchange>, save: Arc<(Terms, Fresh, Arc<AtomicBool>)>) -> Result<Node, HttpError> {
    let (terms, content, new) = &*save;
    let mut tx = x.app.db.write().await?;
    let access: Arc<Access> = x.app.guard.access_in(&mut tx, &x.caller).await?;
    let spot = Spot::locate(&mut tx, &access, &x.path).await?.ok_or_else(|| nowhere(&x.path))?;
    let permit = decide(&x, &spot)?;
    let over = spot.located.node();
    new.store(over.is_none(), Ordering::Release);
    if let Err(refusal) = confirm(&mut tx, &x, &terms.conditions, &access, &spot).await {
        if keeps_late_save(&mut tx, &x, &terms.conditions, &spot).await? {
            // Once, however often its client sends the end of an upload again.
            mark_made(&mut tx, &x).await?;
            return collision_copy(tx, &x, &spot, content, refusal).await;
        }
        return Err(refusal);
    }
    let made_of = x.head.extensions.get::<MadeOf>();
    if let Some(MadeOf(before)) = made_of {
        partial::confirm_allowed(&spot)?;
        if over.and_then(|file| file.content) != Some(*before) {
            return Err(HttpError::precondition(
                "The file was changed while the part came. Nothing of it was saved; send it again.",
            ));
        }
    }
    let name = name_of(&x);
    taken::confirm(&spot.reached, name.as_str(), content.size)?;
    mark_made(&mut tx, &x).await?;
    let ancestors = spot.located.ancestors();
    let mut change = x.saving(&mut tx, &spot);
    let node = match over {
        Some(file) => {
            let blind = made_of.is_none() && !terms.conditions.name_a_state();
            match change.write_back_over(&permit, &spot.located, (name, file), content, terms.modified).await? {
                Some(document) => document,
                None => change.write_file(&permit, file, ancestors, content, terms.modified, blind).await?,
            }
        }
        None => match change.write_back(&permit, &spot.located, name, content, terms.modified).await? {
            Some(document) => document,
            None => change.create_file(&permit, ancestors, name, content, terms.modified).await?,
        },
    };
    match over {
        Some(file) => {
            if file.size == 0 {
                locks::written(&mut tx, node.id).await.map_err(lock::of_tree)?;
            }
            if spot.located.has_locks() {
                let chain = spot.located.chain();
                locks::keep_auto(&mut tx, chain, x.caller.user.id, x.now).await.map_err(lock::of_tree)?;
            }
        }
        None => {
            if let Some(document) = owner_file::document_of(&mut tx, &spot).await? {
                owner_file::opened(&mut tx, &document, &x).await?;
            }
        }
    }
    let status = if over.is_some() { StatusCode::NO_CONTENT } else { StatusCode::CREATED };
    x.commit(tx, Deed { bytes: Some(content.size), ..Deed::new(&node, status) }).await?;
    Ok(node)
}

/// Says of the upload that it is one of, if it is, that its file is made. Errors: 409 when it was before.
async fn mark_made(tx: &mut WriteTx, x: &Exchange) -> Result<(), HttpError> {
    let Some(OfUpload(upload)) = x.head.extensions.get() else { return Ok(()) };
    tx.protect().await?;
    Ok(announced::mark_made(tx, x.caller.user.id, upload, x.now).await?)
}

/// Conditions and locks. Errors: 412, 423.
async fn confirm(
    tx: &mut impl Reads,
    x: &Exchange,
    conditions: &Conditions,
    access: &Access,
    spot: &Spot,
) -> Result<(), HttpError> {
    let view = View::of(x, access);
    conditions.confirm_change(tx, &view, spot).await?;
    let tokens = conditions.tokens();
    let keys = Keys { user: x.caller.user.id, tokens: &tokens };
    // A new name is a change of what its parent holds.
    lock::confirm(tx, spot, spot.located.chain(), keys, x).await
}

/// Whether this is the save of somebody whose lock on the file was taken away, and the share keeps such saves.
async fn keeps_late_save(
    tx: &mut impl Reads,
    x: &Exchange,
    conditions: &Conditions,
    spot: &Spot,
) -> Result<bool, HttpError> {
    let Some(file) = spot.located.node() else { return Ok(false) };
    let tokens = conditions.tokens();
    let keys = Keys { user: x.caller.user.id, tokens: &tokens };
    locks::keeps_late_save(tx, file, keys, x.now).await.map_err(lock::of_tree)
}

/// Keeps a late save beside the file, as `name (collision N by USER).ext`, and still refuses it under the file's own name.
async fn collision_copy(
    mut tx: WriteTx,
    x: &Exchange,
    spot: &Spot,
    content: &Fresh,
    refusal: HttpError,
) -> Result<Node, HttpError> {
    let parent = spot.parent()?.clone();
    let scene = spot.scene(Scene::new(), Object::Destination, Object::Parent);
    let Ok(permit) = guard::permit(Operation::PutNew, &scene) else { return Err(refusal) };
    let name = name_of(x).as_str();
    let (stem, extension) = match name.rfind('.') {
        Some(dot) if dot > 0 => name.split_at(dot),
        _ => (name, ""),
    };
    for number in 1..=COLLISIONS_MAX {
        let copy = format!("{stem} (collision {number} by {}){extension}", x.caller.user.name);
        let Ok(copy) = Name::parse(&copy) else { return Err(refusal) };
        if tree::find_exact(&mut tx, &parent, &copy).await?.is_some() {
            continue;
        }
        let mut change = x.change(&mut tx, spot);
        let kept = change.create_file(&permit, spot.located.ancestors(), &copy, content, None).await?;
        let text = format!("Your lock on this file was taken away; what you saved is kept as `{}`.", copy.as_str());
        let deed = Deed { bytes: Some(content.size), note: Some(text.clone()), ..Deed::new(&kept, refusal.status) };
        x.commit(tx, deed).await?;
        return Err(HttpError { text: text.into(), ..refusal });
    }
    Err(refusal)
}
