//! What was deleted, as one list of all that somebody reaches: Nextcloud's clients read it, bring things back and purge them.
//!
//! A thing is called by its number, which never changes. Who sees, brings back and purges what, `guard/deleted.rs` says; what happens then,
//! `history/trash/`. None of our own URLs leads here: `cloud/` turns those of the clients to [`PREFIX`] and back.

use std::cmp::Reverse;
use std::sync::Arc;

use commonhold_acl::Operation;
use http::StatusCode;

use super::answers::{self, NS};
use super::bodies::PropfindBody;
use super::conditions::{Conditions, View};
use super::headers::{Depth, Header, HttpDate};
use super::props::cloud;
use super::versions::{Visit, confirm_length};
use super::xml::{QName, XmlWriter};
use super::{Deed, Exchange, Spot, lock, props, refused, shielded, small_body};
use crate::db::{Reads, WriteTx};
use crate::error::HttpError;
use crate::guard::{self, Access, Caller, Deleted, Reached};
use crate::history::Authority;
use crate::history::trash::{self, Item, Measured, Period, Way};
use crate::ids::NodeId;
use crate::locks::Keys;
use crate::net::RequestBody;
use crate::path::{Name, RelPath};
use crate::reply::{self, Reply};
use crate::tree;

/// Where deleted things are in URLs, before they are turned outwards.
pub const PREFIX: &str = "/trash/";
/// Things that one answer tells of, the newest.
const LISTED_MAX: usize = 10_000;
/// The namespaces of the clients' properties.
const OC: &str = cloud::NS;
const NC: &str = "http://nextcloud.org/ns";

/// In: Depth, a `propfind` body or none. Out: 207, what the caller may list and bring back, in all that he reaches.
pub async fn list(visit: Visit, body: RequestBody) -> Result<Reply, HttpError> {
    let depth = Depth::parse(&visit.head.headers)?.unwrap_or(Depth::Infinity);
    let asked = PropfindBody::parse(&small_body(body, visit.app.config.dav.xml_bytes_max).await?)?;
    let access = visit.app.guard.access(&visit.app.db, &visit.caller).await?;
    let mut entries = Vec::new();
    if depth != Depth::Zero {
        let mut tx = visit.app.db.read().await?;
        for reached in access.all() {
            entries.extend(seen(&mut tx, &visit.caller, reached).await?);
            entries.sort_by_key(|entry| Reverse((entry.item.deleted, entry.item.node.id)));
            entries.truncate(LISTED_MAX);
        }
    }
    confirm_length(entries.len(), &asked)?;
    let mut w = XmlWriter::new(&QName::dav("multistatus"), &[("C", NS), ("oc", OC), ("nc", NC)]);
    let all = NAMES.map(|(ns, local)| QName::fixed(ns, local));
    let asked = (&asked, all.as_slice());
    tell(&mut w, PREFIX, asked, None);
    for entry in &entries {
        let slash = if entry.item.node.is_collection() { "/" } else { "" };
        tell(&mut w, &format!("{PREFIX}{}{slash}", entry.item.node.id.0), asked, Some((entry, &visit.app.site)));
    }
    Ok(answers::multistatus(w))
}

/// A deleted thing, and what it is to the caller.
struct Entry {
    item: Item,
    /// Where it lay, as he knows that place.
    place: String,
    may_purge: bool,
}

/// What was deleted in a share, as far as the caller may see its trash.
async fn seen(tx: &mut impl Reads, caller: &Caller, reached: &Reached) -> Result<Vec<Entry>, HttpError> {
    let items = trash::list(tx, &reached.share, Period::default()).await?;
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let sight = guard::deleted(tx, caller, &reached.share, &items, &[]).await?;
    let entry = |item: Item| {
        let may = |operation| sight.permit(operation, &item).is_ok();
        let may_purge = may(Operation::Purge);
        (sight.sees(&item) && may(Operation::ListTrash)).then(|| {
            let top = reached.mount().to_string();
            let place = item.names().fold(top.trim_matches('/').to_owned(), |place, name| place + "/" + name);
            Entry { item, place, may_purge }
        })
    };
    Ok(items.into_iter().filter_map(entry).collect())
}

/// The properties that something has: of the list itself, nothing but what it is.
const NAMES: [(&str, &str); 13] = [
    ("DAV:", "resourcetype"),
    ("DAV:", "displayname"),
    ("DAV:", "getlastmodified"),
    ("DAV:", "getetag"),
    ("DAV:", "getcontentlength"),
    ("DAV:", "getcontenttype"),
    (OC, "fileid"),
    (OC, "id"),
    (OC, "size"),
    (OC, "permissions"),
    (NC, "trashbin-filename"),
    (NC, "trashbin-original-location"),
    (NC, "trashbin-deletion-time"),
];

/// The text of a property; `None` when the thing hasn't got it.
fn value((ns, local): (&str, &str), entry: &Entry, site: &str) -> Option<String> {
    let node = &entry.item.node;
    let of_file = |text: String| (!node.is_collection()).then_some(text);
    match (ns, local) {
        ("DAV:", "displayname") | (NC, "trashbin-filename") => Some(node.name.clone()),
        ("DAV:", "getlastmodified") => Some(HttpDate::from(node.modified.system()).to_string()),
        ("DAV:", "getetag") => Some(node.etag()),
        ("DAV:", "getcontentlength") | (OC, "size") => of_file(node.size.to_string()),
        ("DAV:", "getcontenttype") => of_file(props::content_type(&node.name).to_owned()),
        (OC, "fileid") => Some(node.id.0.to_string()),
        (OC, "id") => Some(cloud::id_of(node, site)),
        (OC, "permissions") => Some(if entry.may_purge { "GD" } else { "G" }.to_owned()),
        (NC, "trashbin-original-location") => Some(entry.place.clone()),
        (NC, "trashbin-deletion-time") => Some(entry.item.deleted.unix_s().to_string()),
        _ => None,
    }
}

/// One `response`: of the list itself, or of a thing in it.
fn tell(w: &mut XmlWriter, href: &str, asked: (&PropfindBody, &[QName]), entry: Option<(&Entry, &str)>) {
    let is_type = |name: &QName| name.is_dav("resourcetype");
    let text = |name: &QName| entry.and_then(|(entry, site)| value((name.ns(), name.local()), entry, site));
    answers::tell(
        w,
        href,
        asked,
        |name| is_type(name) || text(name).is_some(),
        |w, name| match text(name) {
            Some(text) => w.element(name, &text),
            None => {
                w.start(name);
                if entry.is_none_or(|(entry, _)| entry.item.node.is_collection()) {
                    w.empty(&QName::dav("collection"));
                }
                w.end();
            }
        },
    );
}

/// A deleted thing that somebody wants something of.
struct Found {
    reached: Reached,
    item: Item,
    sight: Deleted,
}

/// The deleted thing of that number, with what counts for what lies in it. Errors: 404 also where the caller doesn't see it.
async fn find(tx: &mut impl Reads, access: &Access, caller: &Caller, node: NodeId) -> Result<Found, HttpError> {
    let share = trash::share_of(tx, node).await?.ok_or_else(HttpError::not_found)?;
    let reached = access.by_id(share).ok_or_else(HttpError::not_found)?.clone();
    let item = trash::find(tx, &reached.share, node).await?.ok_or_else(HttpError::not_found)?;
    let inside = trash::speaking_inside(tx, &item).await?;
    let sight = guard::deleted(tx, caller, &reached.share, std::slice::from_ref(&item), &inside).await?;
    if sight.sees(&item) { Ok(Found { reached, item, sight }) } else { Err(HttpError::not_found()) }
}

/// The request as one about the place where the thing lay. Errors: 404.
async fn at_its_place(visit: Visit, name: &str) -> Result<(Arc<Exchange>, NodeId), HttpError> {
    let node = NodeId(name.parse().map_err(|_| HttpError::not_found())?);
    let access = visit.app.guard.access(&visit.app.db, &visit.caller).await?;
    let found = find(&mut visit.app.db.read().await?, &access, &visit.caller, node).await?;
    let mut path: RelPath = found.reached.mount().clone();
    for name in found.item.names() {
        path = path.join(&Name::parse(name)?)?;
    }
    let Visit { app, caller, head, trace } = visit;
    trace.leads_to(&path, &head);
    Ok((Arc::new(Exchange { app, caller, now: trace.at, head, path, trace }), node))
}

/// Brings a thing back to where it lay, as `trash restore` does: collections that are gone are made again, and a taken name gets a variant. Out: 201.
///
/// Errors: 404; 403 without `list` and `delete` on it, and `create` where it comes to; 412; 423 where others keep that locked; 409 where it can't be.
pub async fn restore(visit: Visit, name: &str) -> Result<Reply, HttpError> {
    let (x, node) = at_its_place(visit, name).await?;
    shielded(&x, move |x| bring_back(x, node)).await
}

async fn bring_back(x: Arc<Exchange>, node: NodeId) -> Result<Reply, HttpError> {
    let conditions = Conditions::parse(&x.head.headers)?;
    let tokens = conditions.tokens();
    let mut tx = x.app.db.write().await?;
    let access = x.app.guard.access_in(&mut tx, &x.caller).await?;
    let Found { reached, item, sight } = find(&mut tx, &access, &x.caller, node).await?;
    sight.permit(Operation::ListTrash, &item).map_err(|denial| refused(&denial, &x.path))?;
    let way = Way::back(&mut tx, &item).await?;
    let permit = sight.permit_back(&mut tx, (&x.caller, &reached), (&item, &way)).await?;
    let permit = permit.map_err(|denial| refused(&denial, &x.path))?;
    confirm(&mut tx, &x, &access, (&conditions, &item)).await?;
    let root = root_of(&mut tx, &reached).await?;
    let keys = Keys { user: x.caller.user.id, tokens: &tokens };
    lock::confirm(&mut tx, &root, way.there(), keys, &x).await?;
    let name = Name::parse(&item.node.name)?;
    // It may turn out after a collection has been made again that it can't come back.
    tx.protect().await?;
    let mut change = x.change(&mut tx, &root);
    let way = way.rebuild(&mut change).await?;
    let back = trash::restore(&mut change, Authority::Permit(&permit), &item, &way, &name).await?;
    let note = (back.name != item.node.name).then(|| format!("as `{}`", back.name));
    x.commit(tx, Deed { note, ..Deed::new(&back, StatusCode::CREATED) }).await?;
    Ok(reply::empty(StatusCode::CREATED))
}

/// Holds conditions against a deleted thing, and against the locks where it lay. Errors: 412.
async fn confirm(
    tx: &mut WriteTx,
    x: &Exchange,
    access: &Access,
    (conditions, item): (&Conditions, &Item),
) -> Result<(), HttpError> {
    let place = Spot::locate(tx, access, &x.path).await?.ok_or_else(HttpError::not_found)?;
    conditions.confirm_past(tx, &View::of(x, access), (&item.node, &place)).await
}

/// The share's root, as it is now.
async fn root_of(tx: &mut WriteTx, reached: &Reached) -> Result<Spot, HttpError> {
    Ok(Spot::new(reached, Arc::new(tree::locate(tx, reached.share.root, &[]).await?)))
}

/// Erases a thing for good, as `trash purge` does. Out: 204.
///
/// Errors: 404; 403 without `purge` on it and on everything in it, or where the policy `user_purge_deleted` is off; 412.
pub async fn purge(visit: Visit, name: &str) -> Result<Reply, HttpError> {
    let (x, node) = at_its_place(visit, name).await?;
    // Counting a large tree would keep writers waiting.
    let measured = trash::measure(&mut x.app.db.read().await?, &[node]).await?.pop();
    let measured = measured.ok_or_else(HttpError::not_found)?;
    shielded(&x, move |x| erase(x, measured)).await
}

async fn erase(x: Arc<Exchange>, measured: Measured) -> Result<Reply, HttpError> {
    let conditions = Conditions::parse(&x.head.headers)?;
    let mut tx = x.app.db.write().await?;
    let access = x.app.guard.access_in(&mut tx, &x.caller).await?;
    let Found { item, sight, .. } = find(&mut tx, &access, &x.caller, measured.node).await?;
    let permit = sight.permit(Operation::Purge, &item).map_err(|denial| refused(&denial, &x.path))?;
    if !sight.may_purge_inside(&item) {
        return Err(HttpError::new(StatusCode::FORBIDDEN, "Not everything in it is yours to purge."));
    }
    confirm(&mut tx, &x, &access, (&conditions, &item)).await?;
    let gone = trash::purge(&mut tx, Authority::Permit(&permit), item.node.share, &measured, x.now).await?;
    let note = Some(format!("purged {} items, {} bytes", gone.items, gone.bytes));
    x.commit(tx, Deed { note, ..Deed::new(&item.node, StatusCode::NO_CONTENT) }).await?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}
