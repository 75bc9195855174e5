//! The reports about principals (RFC 3744 sections 9.2 to 9.5): finding them, and finding oneself among them.
//!
//! Not here: which principals an ACL names ([`super::super::acl`]); what is told of each ([`super::entry`]).

use commonhold_acl::UserId;
use http::StatusCode;

use super::super::answers::{NS, document, multistatus};
use super::super::bodies::report::{MatchBy, ReportBody, SearchTerm};
use super::super::headers::{Depth, Header};
use super::super::small_body;
use super::super::xml::{QName, XmlWriter};
use super::entry::{Prop, Subject, TOLD_MAX, Teller, Wish, too_many};
use super::{Asking, Place, Visit, me};
use crate::db::Reads;
use crate::directory::principal::{self, Card, Sight};
use crate::directory::{self, Principal};
use crate::error::{Condition, HttpError};
use crate::ids::GroupId;
use crate::net::RequestBody;
use crate::path::folded;
use crate::reply::Reply;

/// REPORT on a principal or a collection of them. In: Depth 0 or none, the report's body. Out: 207, or 200 for
/// `principal-search-property-set`.
///
/// Errors: 400 malformed, another Depth; 403 `supported-report`, `number-of-matches-within-limits`.
pub async fn report(visit: Visit, asking: Asking, body: RequestBody) -> Result<Reply, HttpError> {
    confirm_depth(&visit.head.headers)?;
    let body = ReportBody::parse(&small_body(body, visit.app.config.dav.xml_bytes_max).await?)?;
    let Asking { mut tx, sight, subject } = asking;
    let me = me(&mut tx, &visit.caller.user).await?;
    match body {
        ReportBody::PrincipalPropertySearch { terms, props, everywhere } => {
            let scope = match &subject {
                _ if everywhere => Some(Place::Top),
                Subject::Collection(place) => Some(*place),
                Subject::Card(_) => None,
            };
            search(&mut tx, &sight, &me, scope, &terms, props.into()).await
        }
        ReportBody::PrincipalMatch { by: MatchBy::Itself, props } => {
            let mut matching = own(&mut tx, &sight, visit.caller.user.id).await?;
            matching.retain(|card| match &subject {
                Subject::Card(about) => about == card,
                Subject::Collection(Place::Top) => true,
                Subject::Collection(place) => super::entry::collection_of(card) == place.href(),
            });
            tell_of(&mut tx, &sight, &me, matching, props.into()).await
        }
        // No property of a principal names its owner.
        ReportBody::PrincipalMatch { by: MatchBy::Property(_), .. } => Ok(multistatus(empty_multistatus())),
        ReportBody::PrincipalSearchPropertySet => Ok(searchable()),
        ReportBody::ExpandProperty(properties) => {
            let mut w = empty_multistatus();
            let mut teller = Teller::new(&mut tx, &sight, &me);
            teller.tell(&mut w, &subject, &Wish::These(properties)).await?;
            Ok(multistatus(w))
        }
        ReportBody::AclPrincipalPropSet { .. }
        | ReportBody::VersionTree { .. }
        | ReportBody::SyncCollection { .. }
        | ReportBody::Unknown(_) => Err(unsupported()),
    }
}

/// Errors: 400 for a Depth other than 0, which these reports aren't defined for.
pub fn confirm_depth(headers: &http::HeaderMap) -> Result<(), HttpError> {
    match Depth::parse(headers)? {
        None | Some(Depth::Zero) => Ok(()),
        Some(Depth::One | Depth::Infinity) => Err(HttpError::bad_request("This report is defined for Depth 0 only.")),
    }
}

/// 403: the resource has no such report.
pub fn unsupported() -> HttpError {
    let text = "There is no such report here; the property `supported-report-set` lists those there are.";
    HttpError::new(StatusCode::FORBIDDEN, text).with(Condition::SupportedReport)
}

/// A multistatus to be filled.
pub fn empty_multistatus() -> XmlWriter {
    XmlWriter::new(&QName::dav("multistatus"), &[("C", NS)])
}

/// `principal-property-search` in a collection of principals; in none, nothing is found.
pub async fn search(
    tx: &mut impl Reads,
    sight: &Sight,
    me: &Card,
    scope: Option<Place>,
    terms: &[SearchTerm],
    wish: Wish,
) -> Result<Reply, HttpError> {
    let criteria: Vec<(Vec<Option<Prop>>, String)> =
        terms.iter().map(|term| (term.props.iter().map(Prop::of).collect(), folded(&term.text))).collect();
    let matches = |card: &Card| {
        let subject = Subject::Card(card.clone());
        criteria.iter().all(|(props, text)| {
            props.iter().all(|prop| {
                let texts = prop.and_then(|prop| prop.searched(&subject)).unwrap_or_default();
                texts.iter().any(|value| folded(value).contains(text))
            })
        })
    };
    let mut found = Vec::new();
    if matches!(scope, Some(Place::Top | Place::Users)) {
        let mut after = String::new();
        loop {
            let page = principal::users_after(tx, sight, &after).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.key);
            found.extend(page.into_iter().map(Card::User).filter(matches));
            confirm_count(&found)?;
        }
    }
    if matches!(scope, Some(Place::Top | Place::Groups)) {
        let mut after = GroupId(0);
        loop {
            let page = principal::groups_after(tx, sight, after).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            found.extend(page.into_iter().map(Card::Group).filter(matches));
            confirm_count(&found)?;
        }
    }
    tell_of(tx, sight, me, found, wish).await
}

fn confirm_count(found: &[Card]) -> Result<(), HttpError> {
    if found.len() > TOLD_MAX { Err(too_many()) } else { Ok(()) }
}

/// A multistatus about these principals.
pub async fn tell_of(
    tx: &mut impl Reads,
    sight: &Sight,
    me: &Card,
    cards: Vec<Card>,
    wish: Wish,
) -> Result<Reply, HttpError> {
    confirm_count(&cards)?;
    let mut w = empty_multistatus();
    let mut teller = Teller::new(tx, sight, me);
    for card in cards {
        teller.tell(&mut w, &Subject::Card(card), &wish).await?;
    }
    Ok(multistatus(w))
}

/// The principals that are this user: his own, and every group he is in, also through other groups.
async fn own(tx: &mut impl Reads, sight: &Sight, user: UserId) -> Result<Vec<Card>, HttpError> {
    let groups = directory::groups_of(tx, user).await?;
    let mut principals = vec![Principal::User(user)];
    principals.extend(groups.into_iter().map(|membership| Principal::Group(membership.group)));
    let mut cards = principal::cards(tx, &principals).await?;
    let own = principals.iter().filter_map(|principal| cards.remove(principal));
    Ok(own.filter(|card| sight.sees(card)).collect())
}

/// `principal-search-property-set`: what can be searched, the most useful first.
pub fn searchable() -> Reply {
    let mut w = XmlWriter::new(&QName::dav("principal-search-property-set"), &[("C", NS)]);
    let searchable = [
        (QName::dav("displayname"), "Full name"),
        (QName::fixed(NS, "name"), "Login name"),
        (QName::dav("alternate-URI-set"), "E-mail address"),
    ];
    for (name, description) in searchable {
        w.start_dav("principal-search-property");
        w.start_dav("prop");
        w.empty(&name);
        w.end_dav("prop");
        w.text_in_language(&QName::dav("description"), "en", description);
        w.end_dav("principal-search-property");
    }
    document(StatusCode::OK, w)
}
