//! COPY and MOVE (RFC 4918 sections 9.8 and 9.9): one transaction each, whatever the size of the tree.

use std::sync::Arc;

use commonhold_acl::{Denial, Landing, Object, Operation, Permit, Scene};
use http::StatusCode;

use super::conditions::{Conditions, View};
use super::headers::{Depth, Destination, Header, Origin, Overwrite};
use super::{Deed, Exchange, PREFIX, Spot, inside, lock, refused, root_is_fixed, taken};
use crate::db::WriteTx;
use crate::error::HttpError;
use crate::guard::{self, Refused, Taking, item};
use crate::locks::{self, Keys};
use crate::path::{Prefixed, RelPath, split_prefix};
use crate::reply::{self, Reply};
use crate::tree::Node;
use crate::tree::scratch::is_save_scratch;
use crate::tree::transfer::Target;

/// In: a path, Destination, Overwrite (default T), Depth 0 or infinity (default). Out: 201, or 204 when something stood
/// at the destination.
///
/// Errors: 400 malformed; 403 onto itself, above or below itself, at the top level, or without the permissions; 404;
/// an extension
/// that is not taken; 409 the destination's parent is missing; 412 a condition, or Overwrite: F and something is there; 502 another
/// server; 413 from another share; 507.
pub async fn copy(x: Arc<Exchange>) -> Result<Reply, HttpError> {
    let deep = match Depth::parse(&x.head.headers)? {
        None | Some(Depth::Infinity) => true,
        Some(Depth::Zero) => false,
        Some(Depth::One) => return Err(HttpError::bad_request("COPY takes Depth 0 or infinity.")),
    };
    transfer(x, Way::Copy { deep }).await
}

/// In: a path, Destination, Overwrite (default T), Depth infinity. Out and errors: as [`copy`], and 403 for a share.
pub async fn relocate(x: Arc<Exchange>) -> Result<Reply, HttpError> {
    let shallow = match Depth::parse(&x.head.headers)? {
        None | Some(Depth::Infinity) => false,
        // Harmless on a file, and some clients send it.
        Some(Depth::Zero) => true,
        Some(Depth::One) => return Err(HttpError::bad_request("MOVE takes Depth: infinity only.")),
    };
    transfer(x, Way::Move { shallow }).await
}

#[derive(Clone, Copy)]
enum Way {
    Copy { deep: bool },
    Move { shallow: bool },
}

async fn transfer(x: Arc<Exchange>, way: Way) -> Result<Reply, HttpError> {
    let conditions = Conditions::parse(&x.head.headers)?;
    let overwrite = Overwrite::parse(&x.head.headers)?.is_none_or(|header| header.0);
    let destination = destination(&x)?;
    if x.path.starts_with(&destination) || destination.starts_with(&x.path) {
        return Err(HttpError::new(
            StatusCode::FORBIDDEN,
            "The destination is the resource itself, or lies above or below it.",
        ));
    }
    let name = destination.name().expect("the root lies above every path").clone();

    let mut tx = x.app.db.write().await?;
    let access = x.app.guard.access_in(&mut tx, &x.caller).await?;
    let from = Spot::to_change(&mut tx, &access, &x.path).await?;
    let source = from.found()?;
    if guard::is_fixed(&destination) || (from.located.is_root() && matches!(way, Way::Move { .. })) {
        return Err(root_is_fixed());
    }
    let unmapped = || HttpError::new(StatusCode::CONFLICT, "The collection at the destination is not there.");
    let to = Spot::locate(&mut tx, &access, &destination).await?.ok_or_else(unmapped)?;
    to.visible_parent().ok_or_else(unmapped)?;
    let landing = landing(source, &to);
    let refuse = |refusal: Refused| match refusal.denial {
        Denial { on: Object::Item | Object::Parent, .. } => refused(&refusal, &x.path),
        Denial { on: Object::Destination | Object::DestinationParent, .. } => refused(&refusal, &destination),
    };
    if to.is_hidden() {
        // Who may make nothing there is told so, whether the name is free or not.
        permit(way, &from, &to, source, Landing::Free).map(drop).map_err(refuse)?;
    }
    let permit = permit(way, &from, &to, source, landing).map_err(refuse)?;
    taken::confirm_brought(&to.reached, name.as_str(), source)?;
    confirm_inside(&mut tx, way, (&from, source), (&to, landing)).await?;
    if matches!(way, Way::Move { shallow: true }) && source.is_collection() {
        return Err(HttpError::bad_request("A collection is moved with Depth: infinity only."));
    }
    let view = View { access: &access, user: x.caller.user.id, now: x.now };
    match way {
        Way::Copy { .. } => conditions.confirm_change(&mut tx, &view, &from).await?,
        Way::Move { .. } => conditions.confirm_move(&mut tx, &view, &from).await?,
    }
    let replaced = to.located.node().is_some();
    if replaced && !overwrite {
        return Err(HttpError::precondition("Something is at the destination, and Overwrite is F."));
    }
    let tokens = conditions.tokens();
    let keys = Keys { user: x.caller.user.id, tokens: &tokens };
    if let Way::Move { .. } = way {
        lock::confirm_taking(&mut tx, &from, keys, &x).await?;
    }
    match landing {
        Landing::Free => lock::confirm(&mut tx, &to, to.located.ancestors(), keys, &x).await?,
        Landing::Revises => lock::confirm(&mut tx, &to, to.located.chain(), keys, &x).await?,
        Landing::Replaces => lock::confirm_taking(&mut tx, &to, keys, &x).await?,
    }

    let target = Target { at: &to.located, name: &name, landing };
    let mut change = x.saving(&mut tx, &to);
    let placed = match way {
        Way::Copy { deep } => {
            let seen = deep.then(|| from.reached.view(from.chain()));
            change.copy(&permit, source, seen.as_ref(), &target).await?
        }
        Way::Move { .. } if source.share == to.reached.share.id => {
            change.relocate(&permit, source, from.located.ancestors(), &target).await?
        }
        Way::Move { .. } => change.adopt(&permit, source, &from.located, &target).await?,
    };
    // A lock stays at its URL, but an editor that moves a document aside for a moment is still saving it.
    let aside = landing == Landing::Free
        && (placed.id, placed.parent) == (source.id, source.parent)
        && !source.is_collection()
        && is_save_scratch(name.as_str());
    if matches!(way, Way::Move { .. }) && !aside {
        locks::left_behind(&mut tx, source).await.map_err(lock::of_tree)?;
    }
    if let (Landing::Replaces, Some(gone)) = (landing, to.located.node()) {
        locks::left_behind(&mut tx, gone).await.map_err(lock::of_tree)?;
    }
    let status = if replaced { StatusCode::NO_CONTENT } else { StatusCode::CREATED };
    x.commit(tx, Deed::new(&placed, status)).await?;
    Ok(reply::empty(status))
}

/// What everything inside of what is taken along, and of what is replaced, must allow.
async fn confirm_inside(
    tx: &mut WriteTx,
    way: Way,
    (from, source): (&Spot, &Node),
    (to, landing): (&Spot, Landing),
) -> Result<(), HttpError> {
    let taking = match way {
        Way::Copy { deep } => deep.then_some(Taking::Copied),
        // A new name in the same collection takes nothing away from anybody.
        Way::Move { .. } if is_rename(from, to) => None,
        Way::Move { .. } if source.share == to.reached.share.id => Some(Taking::Away),
        Way::Move { .. } => Some(Taking::ToAnotherShare),
    };
    if let Some(taking) = taking {
        inside::confirm(tx, from, taking).await?;
    }
    match landing {
        Landing::Replaces => inside::confirm(tx, to, Taking::Away).await,
        Landing::Free | Landing::Revises => Ok(()),
    }
}

fn is_rename(from: &Spot, to: &Spot) -> bool {
    from.located.parent().map(|parent| parent.id) == to.located.parent().map(|parent| parent.id)
}

/// The path in `Destination`, below our prefix. Errors: 400, 502 for another server, 403 beside the tree.
fn destination(x: &Exchange) -> Result<RelPath, HttpError> {
    let header = Destination::parse(&x.head.headers)?
        .ok_or_else(|| HttpError::bad_request("The header `Destination` is missing."))?;
    let mut origins: Vec<Origin> = x.app.origins.clone();
    let host = x.head.uri.authority().map(|authority| authority.as_str());
    let host = host.or_else(|| x.head.headers.get(http::header::HOST).and_then(|host| host.to_str().ok()));
    origins.extend(host.and_then(|host| Origin::from_host(host).ok()));
    match split_prefix(header.raw_path_if_ours(&origins)?, PREFIX) {
        Prefixed::Root | Prefixed::Redirect => Ok(RelPath::root()),
        Prefixed::Below(raw) => Ok(RelPath::parse_request_target(raw)?),
        Prefixed::Outside => {
            Err(HttpError::new(StatusCode::FORBIDDEN, "The destination lies outside of the shared tree, `/dav/`."))
        }
    }
}

/// What the source meets at the destination.
fn landing(source: &Node, to: &Spot) -> Landing {
    match to.located.node() {
        None => Landing::Free,
        Some(there) if !there.is_collection() && !source.is_collection() => Landing::Revises,
        Some(_) => Landing::Replaces,
    }
}

fn permit(way: Way, from: &Spot, to: &Spot, source: &Node, landing: Landing) -> Result<Permit, Refused> {
    let scene = from.scene(Scene::new(), Object::Item, Object::Parent);
    let scene = to.scene(scene, Object::Destination, Object::DestinationParent);
    let kind = item(source).kind;
    let operation = match way {
        Way::Copy { .. } => Operation::Copy { source: kind, landing },
        Way::Move { .. } if is_rename(from, to) => Operation::Rename(landing),
        Way::Move { .. } if source.share == to.reached.share.id => Operation::Move(landing),
        Way::Move { .. } => Operation::MoveToShare { source: kind, landing },
    };
    guard::permit(operation, &scene)
}
