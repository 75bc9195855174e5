//! ACL: replaces the grants of a file or folder (RFC 3744 section 8.1).
//!
//! What the list that is sent comes to is [`plan`]'s to say, what is shown of it [`list`]'s. What the method can't change is
//! made by other doors: subscriptions, whole-user grants, the switch that stops inheriting.

pub mod list;
pub mod plan;

use std::sync::Arc;

use commonhold_acl::{Channel, Effect, Object, Operation, Permission, Scene};
use http::StatusCode;

use super::bodies::acl::{Ace, AceForm, AcePrincipal, AclBody};
use super::conditions::{Conditions, View};
use super::headers::{Destination, Header, Origin};
use super::{Deed, Exchange, PREFIX, Spot, lock, principals, refused, shielded, small_body};
use crate::db::{DbError, Reads, WriteTx};
use crate::directory::principal::{self, Sight};
use crate::directory::{self, Principal, User, roster};
use crate::error::{Condition, HttpError};
use crate::grants::{self, Authority, ENTRIES_MAX, GrantError, NewGrant};
use crate::guard::{self, Caller};
use crate::locks::Keys;
use crate::net::RequestBody;
use crate::path::{Prefixed, RelPath, split_prefix};
use crate::reply::{self, Reply};
use crate::shares::Share;
use crate::shares::role::Roles;
use list::{Entry, List, Own};
use plan::{Sent, plan, same};

/// People who are asked, one by one, whether they could set the access in the stead of whoever gives it up.
const HEIRS_ASKED_MAX: usize = 100;

/// In: an `acl` body. Out: 200, and the grants of the resource are those of the body.
///
/// Errors: 400 malformed; 403 without `owner` or by the policy `users_may_grant`, and with the precondition that the list
/// violates; 404; 409 when nobody would be left who may set the access; 412; 423.
pub async fn acl(x: Exchange, body: RequestBody) -> Result<Reply, HttpError> {
    let body = AclBody::parse(&small_body(body, x.app.config.dav.acl_bytes_max).await?)?;
    let body = Arc::new(body);
    shielded(&Arc::new(x), move |x| replace(x, Arc::clone(&body))).await
}

async fn replace(x: Arc<Exchange>, body: Arc<AclBody>) -> Result<Reply, HttpError> {
    let conditions = Conditions::parse(&x.head.headers)?;
    let mut tx = x.app.db.write().await?;
    let access = x.app.guard.access_in(&mut tx, &x.caller).await?;
    let spot = Spot::to_change(&mut tx, &access, &x.path).await?;
    let node = spot.found()?;
    let scene = spot.scene(Scene::new(), Object::Item, Object::Parent);
    let permit = guard::permit(Operation::Acl, &scene).map_err(|denial| refused(&denial, &x.path))?;
    let view = View::of(&x, &access);
    conditions.confirm_change(&mut tx, &view, &spot).await?;
    let tokens = conditions.tokens();
    lock::confirm(&mut tx, &spot, spot.located.chain(), Keys { user: x.caller.user.id, tokens: &tokens }, &x).await?;

    let current = list_of(&mut tx, &spot).await?;
    let kind = guard::item(node).kind;
    let sent = resolve(&mut tx, &x, &spot.reached.share, &current, kind, &body.aces).await?;
    let roles = sent.iter().filter_map(|one| match &one.form {
        Some(AceForm::Role(name)) => Some(name.as_str()),
        Some(AceForm::Level(_) | AceForm::Permissions(_)) | None => None,
    });
    let roles = Roles::for_names(&mut tx, roles).await?;
    let grants = plan(&sent, &current, kind, &roles)?;
    tx.protect().await?;
    grants::replace(&mut tx, Authority::Owner(&permit), node.id, &grants, x.now).await?;
    keep_an_owner(&mut tx, &x, &spot).await?;
    let note = Some(told(&mut tx, &grants).await?);
    x.commit(tx, Deed { note, ..Deed::new(node, StatusCode::OK) }).await?;
    Ok(reply::empty(StatusCode::OK))
}

/// The list in words, for the record.
async fn told(tx: &mut impl Reads, grants: &[NewGrant]) -> Result<String, DbError> {
    let principals: Vec<Principal> = grants.iter().map(|grant| grant.principal).collect();
    let cards = principal::cards(tx, &principals).await?;
    let told = grants.iter().filter_map(|grant| {
        let effect = match grant.effect {
            Effect::Allow => "grant",
            Effect::Deny => "deny",
        };
        let what = list::form_of(&grant.granted);
        Some(format!("{effect} {} to {}", what.text(), principals::href_of(cards.get(&grant.principal)?)))
    });
    let told: Vec<String> = told.collect();
    Ok(if told.is_empty() { "no grants".to_owned() } else { told.join("; ") })
}

/// Whoever sets the access keeps the right to do so, or somebody else has it. Errors: 409.
async fn keep_an_owner(tx: &mut WriteTx, x: &Exchange, spot: &Spot) -> Result<(), HttpError> {
    if owns(tx, x, spot, &x.caller.user).await? {
        return Ok(());
    }
    let list = list_of(tx, spot).await?;
    let owning = |entry: &&Entry| !entry.deny && entry.granted.permissions().contains(Permission::Owner);
    let mut users = Vec::new();
    let mut groups = Vec::new();
    for entry in list.iter().filter(owning) {
        match entry.principal {
            Principal::User(user) => users.push(user),
            Principal::Group(group) => groups.push(group),
        }
    }
    users.extend(roster::users_in(tx, &groups).await?.into_iter().map(|(_, user)| user));
    // Each is asked by the law as a whole, since a denial may reach them on another way.
    for user in users.into_iter().filter(|user| *user != x.caller.user.id).take(HEIRS_ASKED_MAX) {
        if let Some(user) = directory::user_by_id(tx, user).await?
            && owns(tx, x, spot, &Arc::new(user)).await?
        {
            return Ok(());
        }
    }
    Err(GrantError::LastCoOwner(x.path.to_string()).into())
}

/// Whether the user may set the access to the resource, as the transaction sees it.
async fn owns(tx: &mut WriteTx, x: &Exchange, spot: &Spot, user: &Arc<User>) -> Result<bool, HttpError> {
    let caller = Caller::new(Arc::clone(user), Channel::Web);
    let access = x.app.guard.access_in(tx, &caller).await?;
    let reached = access.by_id(spot.reached.share.id);
    Ok(reached.is_some_and(|reached| reached.at(spot.located.chain()).allows(Permission::Owner)))
}

/// The list of the resource that the spot names.
pub(super) async fn list_of(tx: &mut impl Reads, spot: &Spot) -> Result<List, DbError> {
    let chain = spot.located.chain();
    let ids: Vec<_> = chain.iter().map(|node| node.id).collect();
    let mut own = Own::of(tx, &ids).await?;
    let Some((root, below)) = chain.split_first() else { return Ok(List::default()) };
    let mut list = List::of_root(tx, &spot.reached.share, own.take(root.id).0).await?;
    for (at, node) in below.iter().enumerate() {
        let (entries, inherits) = own.take(node.id);
        list = list.heritage(&spot.href_of(&chain[..=at])).of_member(entries, inherits);
    }
    Ok(list)
}

/// Finds the principals of the entries, and passes over those that are inherited or protected and say what is shown.
async fn resolve(
    tx: &mut impl Reads,
    x: &Exchange,
    share: &Share,
    current: &List,
    kind: commonhold_acl::ItemKind,
    aces: &[Ace],
) -> Result<Vec<Sent>, HttpError> {
    let sight = Sight::of(tx, &x.caller.user).await?;
    let origins = principals::origins(&x.app, &x.head);
    let mut sent = Vec::new();
    for ace in aces {
        if ace.invert {
            let text = "An entry can't be for everybody but somebody.";
            return Err(refusal(text, Condition::NoInvert));
        }
        let AcePrincipal::Href(href) = &ace.principal else {
            let text = "An entry is for a person or a group, by its URL.";
            return Err(refusal(text, Condition::AllowedPrincipal));
        };
        let principal = match shown_principal(current, &origins, href) {
            Some(principal) => principal,
            None => match principals::at_href(tx, &sight, &origins, href).await? {
                // As with subscribers.
                Some(card) if card.org() != share.org => {
                    let text = "Only people and groups of the share's own organization can be granted to.";
                    return Err(refusal(text, Condition::AllowedPrincipal));
                }
                Some(card) => card.principal(),
                None => {
                    let text = "The URL of an entry names no person and no group that you may know of.";
                    return Err(refusal(text, Condition::RecognizedPrincipal));
                }
            },
        };
        if ace.inherited.is_some() || ace.protected {
            confirm_unchanged(current, kind, &origins, ace, principal)?;
            continue;
        }
        if sent.len() == ENTRIES_MAX {
            let text = format!("A list has {ENTRIES_MAX} entries at the most.");
            return Err(refusal(text, Condition::LimitedNumberOfAces));
        }
        sent.push(Sent { principal, deny: ace.deny, names: ace.privileges.clone(), form: ace.form.clone() });
    }
    Ok(sent)
}

/// A principal that the list names already: whoever may set the list may keep it there, though he may know nothing of them.
fn shown_principal(current: &List, origins: &[Origin], href: &str) -> Option<Principal> {
    let url = Destination::from_text(href).ok()?;
    let path = url.raw_path_if_ours(origins).ok()?;
    let is_named = |entry: &&Entry| entry.href.trim_end_matches('/') == path.trim_end_matches('/');
    current.iter().find(is_named).map(|entry| entry.principal)
}

/// An entry that this method can't change may come along, if it is as it is shown.
fn confirm_unchanged(
    current: &List,
    kind: commonhold_acl::ItemKind,
    origins: &[Origin],
    ace: &Ace,
    principal: Principal,
) -> Result<(), HttpError> {
    let is_it = |entry: &&Entry| {
        let from = match (&entry.inherited, &ace.inherited) {
            (None, None) => true,
            (Some(ours), Some(theirs)) => is_same_resource(origins, ours, theirs),
            _ => false,
        };
        from && entry.principal == principal
            && entry.deny == ace.deny
            && entry.is_protected() == ace.protected
            && same(&ace.privileges, &entry.privileges(kind))
    };
    match (current.iter().find(is_it), &ace.inherited) {
        (Some(_), _) => Ok(()),
        (None, Some(_)) => {
            Err(refusal("An inherited entry is changed where it stands.", Condition::NoInheritedAceConflict))
        }
        (None, None) => {
            let text = "A protected entry is changed by whoever administers the share.";
            Err(refusal(text, Condition::NoProtectedAceConflict))
        }
    }
}

fn is_same_resource(origins: &[Origin], ours: &str, theirs: &str) -> bool {
    let path = |href: &str| {
        let url = Destination::from_text(href).ok()?;
        match split_prefix(url.raw_path_if_ours(origins).ok()?, PREFIX) {
            Prefixed::Below(raw) => RelPath::parse_request_target(raw).ok(),
            Prefixed::Root | Prefixed::Redirect | Prefixed::Outside => None,
        }
    };
    match (path(ours), path(theirs)) {
        (Some(ours), Some(theirs)) => ours.starts_with(&theirs) && theirs.starts_with(&ours),
        _ => false,
    }
}

fn refusal(text: impl Into<std::borrow::Cow<'static, str>>, condition: Condition) -> HttpError {
    HttpError::new(StatusCode::FORBIDDEN, text).with(condition)
}
