//! REPORT on files and folders (RFC 3253 section 3.6): who is named by a resource's list of entries, what of a folder is
//! one's own, and properties with what they name.
//!
//! Searching principals is the same from everywhere ([`super::principals::search`]).
//! RFC 3253 section 3.8, RFC 3744 section 9.

use std::collections::HashSet;

use commonhold_acl::{Object, Operation, Scene};

use super::acl;
use super::answers;
use super::bodies::report::{Expand, MatchBy, ReportBody};
use super::headers::Depth;
use super::listing::{Asked, Listing};
use super::principals::entry::{Subject, TOLD_MAX, Teller, Wish, too_many};
use super::principals::{self, Place as Principals, search};
use super::propfind::{self, answer};
use super::props::Live;
use super::xml::{QName, RawXml, XmlWriter};
use super::{Exchange, Spot, refused, small_body, sync, versions};
use crate::db::{ReadTx, Reads};
use crate::directory::Principal;
use crate::directory::principal::{self, Card, Sight};
use crate::error::HttpError;
use crate::guard::{self, Access, Place};
use crate::net::RequestBody;
use crate::reply::Reply;
use crate::shares::ShareKind;

/// In: Depth 0 or none, the report's body. Out: 207, or 200 for `principal-search-property-set`.
///
/// Errors: 400 malformed, another Depth; 403 `supported-report`, `number-of-matches-within-limits`, or without the right
/// that a report needs; 404.
pub async fn report(x: Exchange, body: RequestBody) -> Result<Reply, HttpError> {
    search::confirm_depth(&x.head.headers)?;
    let body = ReportBody::parse(&small_body(body, x.app.config.dav.xml_bytes_max).await?)?;
    let access = x.app.guard.access(&x.app.db, &x.caller).await?;
    let mut tx = x.app.db.read().await?;
    let spot = match access.place(&x.path) {
        Place::Top | Place::Others => None,
        Place::In(..) | Place::Nowhere => {
            let spot = Spot::locate(&mut tx, &access, &x.path).await?.ok_or_else(HttpError::not_found)?;
            spot.found()?;
            Some(spot)
        }
    };
    let body = match (body, &spot) {
        // Often asked, and not about people.
        (ReportBody::SyncCollection { token, deep, limit, props }, Some(spot)) => {
            return sync::changes(&x, tx, spot, sync::Wanted { token, deep, limit, props }).await;
        }
        (ReportBody::VersionTree { props }, Some(spot)) => return of_versions(&x, &mut tx, spot, props).await,
        (body, _) => body,
    };
    let sight = Sight::of(&mut tx, &x.caller.user).await?;
    let me = principals::me(&mut tx, &x.caller.user).await?;
    match body {
        ReportBody::AclPrincipalPropSet { props } => match spot {
            Some(spot) => of_list(&x, &mut tx, &sight, &me, &spot, props.into()).await,
            None => Err(search::unsupported()),
        },
        ReportBody::PrincipalMatch { by: MatchBy::Itself, .. } => Ok(answers::multistatus(search::empty_multistatus())),
        ReportBody::PrincipalMatch { by: MatchBy::Property(name), props } => {
            owned(&x, tx, &access, spot, &name, props).await
        }
        ReportBody::PrincipalPropertySearch { terms, props, everywhere } => {
            let scope = everywhere.then_some(Principals::Top);
            search::search(&mut tx, &sight, &me, scope, &terms, props.into()).await
        }
        ReportBody::PrincipalSearchPropertySet => Ok(search::searchable()),
        ReportBody::ExpandProperty(properties) => expanded(&x, tx, &access, spot, &sight, &me, properties).await,
        // Of what is no resource of the tree.
        ReportBody::VersionTree { .. } | ReportBody::SyncCollection { .. } | ReportBody::Unknown(_) => {
            Err(search::unsupported())
        }
    }
}

/// `version-tree`: the states of a file, for whoever may read it.
async fn of_versions(
    x: &Exchange,
    tx: &mut ReadTx,
    spot: &Spot,
    props: Option<Vec<QName>>,
) -> Result<Reply, HttpError> {
    let node = spot.found()?;
    if node.is_collection() {
        return Err(search::unsupported());
    }
    let scene = spot.scene(Scene::new(), Object::Item, Object::Parent);
    guard::permit(Operation::GetFile, &scene).map_err(|denial| refused(&denial, &x.path))?;
    versions::tree_of(tx, node, props).await
}

/// `acl-principal-prop-set`: each principal of the list once. One that the caller may know nothing of is 404.
async fn of_list(
    x: &Exchange,
    tx: &mut ReadTx,
    sight: &Sight,
    me: &Card,
    spot: &Spot,
    wish: Wish,
) -> Result<Reply, HttpError> {
    let scene = spot.scene(Scene::new(), Object::Item, Object::Parent);
    guard::permit(Operation::ReadAcl, &scene).map_err(|denial| refused(&denial, &x.path))?;
    let kind = guard::item(spot.found()?).kind;
    let list = acl::list_of(tx, spot).await?;
    let mut known = HashSet::new();
    let shown = list.iter().filter(|entry| !entry.privileges(kind).is_empty());
    let named: Vec<(Principal, &str)> = shown
        .filter(|entry| known.insert(entry.principal))
        .map(|entry| (entry.principal, entry.href.as_str()))
        .collect();
    if named.len() > TOLD_MAX {
        return Err(too_many());
    }
    let principals: Vec<Principal> = named.iter().map(|(principal, _)| *principal).collect();
    let mut cards = principal::cards(tx, &principals).await?;
    let mut w = search::empty_multistatus();
    let mut teller = Teller::new(tx, sight, me);
    for (principal, href) in named {
        match cards.remove(&principal).filter(|card| sight.sees(card)) {
            Some(card) => teller.tell(&mut w, &Subject::Card(card), &wish).await?,
            None => {
                w.start_dav("response");
                w.dav("href", href);
                w.dav("status", "HTTP/1.1 404 Not Found");
                w.end_dav("response");
            }
        }
    }
    Ok(answers::multistatus(w))
}

/// `principal-match` by a property: only `owner` names anybody, and only in homes. So everything below the folder, where
/// that is in the caller's own home; at the top the home itself too.
async fn owned(
    x: &Exchange,
    tx: ReadTx,
    access: &Access,
    spot: Option<Spot>,
    name: &QName,
    props: Option<Vec<QName>>,
) -> Result<Reply, HttpError> {
    let nothing = || Ok(answers::multistatus(search::empty_multistatus()));
    if Live::of(name) != Some(Live::Owner) {
        return nothing();
    }
    let mut tx = tx;
    let (spot, with_itself) = match (spot, access.home()) {
        (Some(spot), _) => (spot, false),
        (None, Some(home)) if x.path.is_root() => {
            let home = home.mount().clone();
            (Spot::locate(&mut tx, access, &home).await?.ok_or_else(HttpError::not_found)?, true)
        }
        (None, _) => return nothing(),
    };
    let share = &spot.reached.share;
    let is_own = share.kind == ShareKind::Home && share.owner == Some(x.caller.user.id);
    if !is_own || !spot.found()?.is_collection() {
        return nothing();
    }
    propfind::confirm_bound_below(x, &mut tx, &spot).await?;
    let asked = props.map_or_else(Asked::existence, Asked::of);
    answer(Listing::below(x, tx, asked, &spot, with_itself).await?, false, "").await
}

/// `expand-property`: a PROPFIND in which the URLs of principals give way to what is told of them.
async fn expanded(
    x: &Exchange,
    mut tx: ReadTx,
    access: &Access,
    spot: Option<Spot>,
    sight: &Sight,
    me: &Card,
    properties: Vec<Expand>,
) -> Result<Reply, HttpError> {
    let mut values = Vec::new();
    for property in properties.iter().filter(|property| !property.below.is_empty()) {
        let subject = match Live::of(&property.name) {
            Some(Live::CurrentUserPrincipal) => Some(Subject::Card(me.clone())),
            Some(Live::PrincipalCollectionSet) => Some(Subject::Collection(Principals::Top)),
            Some(Live::Owner) => owner(&mut tx, spot.as_ref(), sight).await?.map(Subject::Card),
            Some(_) | None => None,
        };
        if let Some(subject) = subject {
            // A document of its own, whose beginning is taken off.
            let mut w = XmlWriter::new(&QName::dav("multistatus"), &[]);
            w.take();
            let mut teller = Teller::new(&mut tx, sight, me);
            teller.tell(&mut w, &subject, &Wish::These(property.below.clone())).await?;
            let text = String::from_utf8(w.take().to_vec()).expect("the writer writes UTF-8");
            values.push((property.name.clone(), RawXml::from_stored(text, None)));
        }
    }
    let names = properties.into_iter().map(|property| property.name).collect();
    let asked = Asked::of(names).with_values(values);
    let listing = match (spot, access.place(&x.path)) {
        (Some(spot), _) => {
            let node = spot.found()?.clone();
            Listing::of_node(x, tx, asked, &spot, node, Depth::Zero).await?
        }
        (None, Place::Others) => Listing::of_others(x, access, asked, Depth::Zero).await?,
        (None, _) => Listing::of_root(x, access, asked, Depth::Zero).await?,
    };
    answer(listing, false, "").await
}

/// The owner of the home that the resource lies in, if the caller sees them.
async fn owner(tx: &mut impl Reads, spot: Option<&Spot>, sight: &Sight) -> Result<Option<Card>, HttpError> {
    let Some(owner) = spot.and_then(|spot| spot.reached.share.owner).map(Principal::User) else { return Ok(None) };
    Ok(principal::cards(tx, &[owner]).await?.remove(&owner).filter(|card| sight.sees(card)))
}
