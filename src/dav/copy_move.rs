//! COPY and MOVE (RFC 4918 sections 9.8 and 9.9): one transaction each. The copy of a large tree is made in slices before, where nobody sees
//! it, and this transaction then gives it its place.

use std::sync::Arc;

use commonhold_acl::{Denial, Landing, Object, Operation, Permit, Scene};
use http::StatusCode;

use super::conditions::{Conditions, View};
use super::headers::{Depth, Destination, Header, Overwrite};
use super::principals;
use super::{Deed, Exchange, PREFIX, Spot, broken_down, inside, lock, refused, root_is_fixed, shielded, taken};
use crate::clock::Moment;
use crate::db::WriteTx;
use crate::error::HttpError;
use crate::guard::{self, Refused, Taking, item};
use crate::locks::{self, Keys};
use crate::path::{Prefixed, RelPath, split_prefix, windows};
use crate::reply::{self, Reply};
use crate::tree::assembly::{self, Assembly, Order};
use crate::tree::list::count_below;
use crate::tree::scratch::is_save_scratch;
use crate::tree::transfer::Target;
use crate::tree::view::View as Seen;
use crate::tree::{Node, TreeError};

/// Copies in slices that are made for one request, when each time rights have changed meanwhile, or what is copied was purged.
const COPIES_MAX: usize = 3;

/// In: a path, Destination, Overwrite (default T), Depth 0 or infinity (default). Out: 201, or 204 when something stood
/// at the destination.
///
/// Errors: 400 malformed; 403 onto itself, above or below itself, at the top level, or without the permissions; 404;
/// an extension
/// that is not taken; 409 the destination's parent is missing; 412 a condition, or Overwrite: F and something is there; 502 another
/// server; 413 from another share; 507.
pub async fn copy(x: Arc<Exchange>) -> Result<Reply, HttpError> {
    let way = Way::Copy { deep: depth_of_copy(&x)? };
    match shielded(&x, move |x| transfer(x, way, None)).await? {
        Step::Done(reply) => Ok(reply),
        Step::InSlices => tokio::spawn(copy_in_slices(x)).await.unwrap_or_else(broken_down),
    }
}

fn depth_of_copy(x: &Exchange) -> Result<bool, HttpError> {
    Ok(match Depth::parse(&x.head.headers)? {
        None | Some(Depth::Infinity) => true,
        Some(Depth::Zero) => false,
        Some(Depth::One) => return Err(HttpError::bad_request("COPY takes Depth 0 or infinity.")),
    })
}

/// Makes a copy until one is what the caller may have when it comes to its place.
async fn copy_in_slices(x: Arc<Exchange>) -> Result<Reply, HttpError> {
    let db = &x.app.db;
    for _ in 0..COPIES_MAX {
        let copy = match assemble(&x).await {
            Ok(copy) => Arc::new(copy),
            Err(Unmade::Lost) => continue,
            Err(Unmade::Refused(error)) => return Err(error),
        };
        let made = Arc::clone(&copy);
        let placed = shielded(&x, move |x| transfer(x, WHOLE, Some(Arc::clone(&made)))).await;
        if let Ok(Step::Done(reply)) = placed {
            return Ok(reply);
        }
        assembly::give_up(db, &copy).await;
        placed?;
        if let Step::Done(reply) = shielded(&x, |x| transfer(x, WHOLE, None)).await? {
            return Ok(reply);
        }
    }
    Err(TreeError::CopyLost.into())
}

/// Why there is no copy.
enum Unmade {
    /// It may be tried again.
    Lost,
    Refused(HttpError),
}

impl<E: Into<HttpError>> From<E> for Unmade {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

/// Makes a copy of what the caller sees of the source at one moment. That he may have it is decided as of that moment, and once more when it
/// comes to its place.
async fn assemble(x: &Exchange) -> Result<Assembly, Unmade> {
    let _turn = x.app.sliced_copies.acquire().await.expect("nobody closes it");
    let mut tx = x.app.db.read().await?;
    let access = x.app.guard.access_as_of(&mut tx, &x.caller).await?;
    let from = Spot::to_change(&mut tx, &access, &x.path).await?;
    let to = Spot::locate(&mut tx, &access, &destination(x)?).await?.ok_or_else(unmapped)?;
    inside::confirm(&mut tx, &from, Taking::Copied).await?;
    let order = Order::new(from.found()?, from.reached.view(from.chain()), &to.located, x.by());
    match assembly::assemble(&x.app.db, &mut tx, order).await {
        Err(TreeError::CopyLost) => Err(Unmade::Lost),
        made => Ok(made?),
    }
}

/// In: a path, Destination, Overwrite (default T), Depth infinity. Out and errors: as [`copy`], and 403 for a share. Onto itself in
/// other letters or in the other Unicode form it is a rename
/// (docs/decisions/0020-a-name-in-other-letters.md).
pub async fn relocate(x: Arc<Exchange>) -> Result<Reply, HttpError> {
    let shallow = match Depth::parse(&x.head.headers)? {
        None | Some(Depth::Infinity) => false,
        // Harmless on a file, and some clients send it.
        Some(Depth::Zero) => true,
        Some(Depth::One) => return Err(HttpError::bad_request("MOVE takes Depth: infinity only.")),
    };
    match transfer(x, Way::Move { shallow }, None).await? {
        Step::Done(reply) => Ok(reply),
        Step::InSlices => unreachable!("whatever is moved is one row"),
    }
}

/// How far a transaction has come.
enum Step {
    Done(Reply),
    /// Everything is allowed as things stand; the tree is too large for one transaction, or what was copied is not what the caller would get now,
    /// or isn't there any more.
    InSlices,
}

/// A copy with everything inside.
const WHOLE: Way = Way::Copy { deep: true };

#[derive(Clone, Copy)]
enum Way {
    Copy { deep: bool },
    Move { shallow: bool },
}

/// `copied`: the copy, made before.
async fn transfer(x: Arc<Exchange>, way: Way, copied: Option<Arc<Assembly>>) -> Result<Step, HttpError> {
    let conditions = Conditions::parse(&x.head.headers)?;
    let overwrite = Overwrite::parse(&x.head.headers)?.is_none_or(|header| header.0);
    let destination = destination(&x)?;
    let respelled = matches!(way, Way::Move { .. }) && destination.respells(&x.path);
    if !respelled && (x.path.starts_with(&destination) || destination.starts_with(&x.path)) {
        return Err(onto_itself());
    }
    let name = destination.name().expect("the root lies above every path").clone();

    let mut tx = x.app.db.write().await?;
    let access = x.app.guard.access_in(&mut tx, &x.caller).await?;
    let from = Spot::to_change(&mut tx, &access, &x.path).await?;
    let source = from.found()?;
    if guard::is_fixed(&destination) || (from.located.is_root() && matches!(way, Way::Move { .. })) {
        return Err(root_is_fixed());
    }
    if let Way::Move { .. } = way {
        from.confirm_not_fence()?;
    }
    if respelled && source.name == name.as_str() {
        return Err(onto_itself());
    }
    let mut to = Spot::locate(&mut tx, &access, &destination).await?.ok_or_else(unmapped)?;
    if respelled {
        // What is met there is the source, which is nothing to replace.
        to = Spot::new(&to.reached, Arc::new(to.located.without_its_node(&name)));
    }
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
    if to.located.node().is_none() {
        taken::confirm_name(&to.reached, &name)?;
    }
    confirm_inside(&mut tx, way, (&from, source), (&to, landing)).await?;
    if matches!(way, Way::Move { shallow: true }) && source.is_collection() {
        return Err(HttpError::bad_request("A collection is moved with Depth: infinity only."));
    }
    let view = View::of(&x, &access);
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
    let seen = matches!(way, Way::Copy { deep: true }).then(|| from.reached.view(from.chain()));
    let fits = |copy: &Assembly| {
        (copy.source, copy.share) == (source.id, to.reached.share.id) && seen.as_ref() == Some(&copy.seen)
    };
    match (&seen, &copied) {
        (Some(seen), None) if !is_small(&mut tx, &x, source, seen).await? => return Ok(Step::InSlices),
        (_, Some(copy)) if !fits(copy) => return Ok(Step::InSlices),
        _ => {}
    }
    let mut change = x.saving(&mut tx, &to);
    let placed = match way {
        Way::Copy { .. } => match &copied {
            Some(copy) => match change.made_at(Moment::now()).attach(&permit, source, copy, &target).await {
                Err(TreeError::CopyLost) => return Ok(Step::InSlices),
                attached => attached?,
            },
            None => change.copy(&permit, source, seen.as_ref(), &target).await?,
        },
        Way::Move { .. } if source.share == to.reached.share.id => {
            change.relocate(&permit, source, from.located.ancestors(), &target).await?
        }
        Way::Move { .. } => {
            let sweeps_litter = from.reached.measures().hides_litter();
            change.adopt(&permit, source, (&from.located, sweeps_litter), &target).await?
        }
    };
    // A lock stays at its URL, which in another spelling is the same one. And an editor that moves a document aside for a moment is still saving it.
    let aside = landing == Landing::Free
        && (placed.id, placed.parent) == (source.id, source.parent)
        && !source.is_collection()
        && is_save_scratch(name.as_str());
    if matches!(way, Way::Move { .. }) && !aside && !respelled {
        locks::left_behind(&mut tx, source).await.map_err(lock::of_tree)?;
    }
    if let (Landing::Replaces, Some(gone)) = (landing, to.located.node()) {
        locks::left_behind(&mut tx, gone).await.map_err(lock::of_tree)?;
    }
    let status = if replaced { StatusCode::NO_CONTENT } else { StatusCode::CREATED };
    x.commit(tx, Deed::new(&placed, status)).await?;
    Ok(Step::Done(reply::empty(status)))
}

fn onto_itself() -> HttpError {
    let text = "The destination is the resource itself, or lies above or below it.";
    HttpError::new(StatusCode::FORBIDDEN, text)
}

fn unmapped() -> HttpError {
    HttpError::new(StatusCode::CONFLICT, "The collection at the destination is not there.")
}

/// Whether a tree is copied at once.
async fn is_small(tx: &mut WriteTx, x: &Exchange, source: &Node, seen: &Seen) -> Result<bool, HttpError> {
    let most = x.app.config.dav.copy_at_once_max;
    Ok(!source.is_collection() || count_below(tx, source.id, seen, most + 1).await? <= most)
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
    let origins = principals::origins(&x.app, &x.head);
    match split_prefix(header.raw_path_if_ours(&origins)?, PREFIX) {
        Prefixed::Root | Prefixed::Redirect => Ok(RelPath::root()),
        Prefixed::Below(raw) => {
            let path = RelPath::parse_request_target(raw)?;
            Ok(if windows::asks(&x.head.headers) { path.meant_by_windows()? } else { path })
        }
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
