//! LOCK and UNLOCK (RFC 4918 sections 9.10 and 9.11), and what they and others say about locks.
//!
//! Written here and not left to the engine: its lock trait is told a path and a token, never who asks, so it could
//! neither keep a stranger from using a token nor decide inside the transaction of a change.

use std::sync::Arc;

use commonhold_acl::{Object, Operation, Scene};
use http::StatusCode;
use http::header::{HeaderName, HeaderValue};

use super::answers;
use super::bodies::{LockBody, LockInfo, LockScope};
use super::conditions::{Conditions, View};
use super::headers::{Depth, Header, LockToken, Timeout};
use super::props::write_locks;
use super::xml::{QName, XmlWriter};
use super::{
    Deed, Exchange, PREFIX, Spot, inside, nowhere, put, refused, root_is_fixed, shielded_briefly, small_body, taken,
};
use crate::db::{Reads, WriteTx};
use crate::error::{Condition, HttpError};
use crate::guard::{self, Access, Reached, Taking};
use crate::locks::{self, Keys, Lock, LockError, Refusal, Release, Wish};
use crate::net::RequestBody;
use crate::reply::{self, Reply};
use crate::tree::change::Fresh;
use crate::tree::{self, Node};

/// A lock body has to be no longer.
const LOCK_BODY_BYTES_MAX: usize = 16 * 1024;

/// In: a `lockinfo` body and Depth 0 or infinity (default) for a new lock, no body and an If header to refresh; Timeout.
/// Out: 200, or 201 when it made an empty file; `lockdiscovery`, Lock-Token of a new lock.
///
/// Errors: 400 malformed; 403 without `write` (collection: `create` too; unmapped: `create` on the parent), or too many
/// locks; 404; 409 the parent is missing; 412; 423 locked by others, 207 when only something below is.
pub async fn lock(x: Exchange, body: RequestBody) -> Result<Reply, HttpError> {
    let body = LockBody::parse(&small_body(body, LOCK_BODY_BYTES_MAX).await?)?;
    let body = Arc::new(body);
    shielded_briefly(&Arc::new(x), move |x| {
        let body = Arc::clone(&body);
        async move {
            match &*body {
                LockBody::New(info) => take(&x, info).await,
                LockBody::Refresh => refresh(&x).await,
            }
        }
    })
    .await
}

fn timeout_s(x: &Exchange) -> Result<Option<u32>, HttpError> {
    Ok(Timeout::parse(&x.head.headers)?.map(|timeout| match timeout {
        Timeout::Infinite => u32::MAX,
        Timeout::Seconds(seconds) => seconds,
    }))
}

async fn take(x: &Exchange, info: &LockInfo) -> Result<Reply, HttpError> {
    let conditions = Conditions::parse(&x.head.headers)?;
    let deep = match Depth::parse(&x.head.headers)? {
        None | Some(Depth::Infinity) => true,
        Some(Depth::Zero) => false,
        Some(Depth::One) => return Err(HttpError::bad_request("LOCK takes Depth 0 or infinity.")),
    };
    let timeout_s = timeout_s(x)?;
    if x.path.is_root() {
        return Err(root_is_fixed());
    }
    let name = x.path.name().expect("the root was refused");
    let mut tx = x.app.db.write().await?;
    let access = x.app.guard.access_in(&mut tx, &x.caller).await?;
    let view = View::of(x, &access);
    let spot = Spot::locate(&mut tx, &access, &x.path).await?.ok_or_else(|| nowhere(&x.path))?;
    let unmapped = spot.located.node().is_none();
    let leased = spot.leased(x);
    if !spot.located.is_root() {
        spot.parent()?;
    }
    if spot.is_hidden() && leased.is_none() {
        put::confirm_may_make(x, &spot, Operation::LockNew)?;
    }
    let operation = match spot.located.node() {
        None => Operation::LockNew,
        Some(node) if node.is_collection() => Operation::LockFolder,
        Some(_) => Operation::LockFile,
    };
    let scene = spot.scene(Scene::new(), Object::Item, Object::Parent);
    let scene = match &leased {
        Some((node, effective)) => scene.with(Object::Item, effective, guard::item(node)),
        None => scene,
    };
    let permit = guard::permit(operation, &scene).map_err(|refusal| refused(&refusal, &x.path))?;
    if deep {
        inside::confirm(&mut tx, &spot, Taking::Locked).await?;
    }
    conditions.confirm_change(&mut tx, &view, &spot).await?;
    let tokens = conditions.tokens();
    let keys = Keys { user: x.caller.user.id, tokens: &tokens };

    let mut chain = spot.located.chain().to_vec();
    if unmapped {
        if x.path.trailing_slash() {
            let text = "A name that ends in `/` is a collection's; a lock makes files only.";
            return Err(HttpError::new(StatusCode::CONFLICT, text));
        }
        taken::confirm(&spot.reached, name.as_str(), 0)?;
        taken::confirm_name(&spot.reached, name)?;
        confirm(&mut tx, &spot, &chain, keys, x).await?;
        // The file comes before its lock, and the lock may be refused.
        tx.protect().await?;
        let empty = Fresh::small(Default::default());
        let mut change = x.change(&mut tx, &spot);
        chain.push(change.create_file(&permit, spot.located.ancestors(), name, &empty, None).await?);
    }
    let wish = Wish {
        exclusive: info.scope == LockScope::Exclusive,
        deep,
        owner: info.owner.as_ref().map(|owner| owner.content().to_owned()),
        timeout_s,
        fresh: unmapped,
        first: !spot.located.has_locks(),
    };
    let who = (x.caller.user.id, x.caller.user.name.as_str());
    let lock = match locks::lock(&mut tx, &permit, &chain, who, wish, x.now).await {
        Ok(lock) => lock,
        Err(refusal) => return Err(not_given(&mut tx, &access, x, refusal).await),
    };
    let status = if unmapped { StatusCode::CREATED } else { StatusCode::OK };
    x.commit(tx, Deed::new(chain.last().expect("a chain has a node"), status)).await?;
    let mut answer = discovery(x, &lock, status);
    let token = HeaderValue::try_from(format!("<{}>", lock.token)).expect("a token is ASCII");
    answer.headers_mut().insert(HeaderName::from_static("lock-token"), token);
    Ok(answer)
}

async fn refresh(x: &Exchange) -> Result<Reply, HttpError> {
    let conditions = Conditions::parse(&x.head.headers)?;
    let timeout_s = timeout_s(x)?;
    let tokens = conditions.tokens();
    if tokens.is_empty() {
        return Err(HttpError::bad_request("To refresh a lock, name it in an If header; a new lock needs a body."));
    }
    let mut tx = x.app.db.write().await?;
    let access = x.app.guard.access_in(&mut tx, &x.caller).await?;
    let view = View::of(x, &access);
    let spot = Spot::locate(&mut tx, &access, &x.path).await?.ok_or_else(HttpError::not_found)?;
    let node = spot.found_or_leased(x)?;
    let operation = if node.is_collection() { Operation::LockFolder } else { Operation::LockFile };
    let leased = spot.leased(x);
    let scene = spot.scene(Scene::new(), Object::Item, Object::Parent);
    let scene = match &leased {
        Some((node, effective)) => scene.with(Object::Item, effective, guard::item(node)),
        None => scene,
    };
    guard::permit(operation, &scene).map(drop).map_err(|refusal| refused(&refusal, &x.path))?;
    conditions.confirm_change(&mut tx, &view, &spot).await?;
    let keys = Keys { user: x.caller.user.id, tokens: &tokens };
    let lock = locks::refresh(&mut tx, spot.within(), keys, timeout_s, x.now).await.map_err(of_tree)?;
    let lock = lock.ok_or_else(|| HttpError::precondition("None of these locks is yours here."))?;
    x.commit(tx, Deed::new(node, StatusCode::OK)).await?;
    Ok(discovery(x, &lock, StatusCode::OK))
}

/// In: Lock-Token. Out: 204.
///
/// Needs no right, and not even sight of the resource, for one's own lock: it can be given back after a role has changed. One that is rooted
/// above the folder of an Office URL isn't that URL's to give back.
///
/// Errors: 400 malformed or missing; 403 somebody else's, without `owner`; 404; 409 no such lock covers the resource.
pub async fn unlock(x: Arc<Exchange>) -> Result<Reply, HttpError> {
    let token = LockToken::parse(&x.head.headers)?
        .ok_or_else(|| HttpError::bad_request("The header `Lock-Token` is missing."))?
        .0;
    let mut tx = x.app.db.write().await?;
    let access = x.app.guard.access_in(&mut tx, &x.caller).await?;
    let spot = Spot::locate(&mut tx, &access, &x.path).await?.ok_or_else(HttpError::not_found)?;
    let node = spot.located.node().ok_or_else(HttpError::not_found)?.clone();
    let mut note = None;
    match locks::release(&mut tx, spot.within(), x.caller.user.id, &token, x.now).await.map_err(of_tree)? {
        Release::NotHere => {
            spot.found_or_leased(&x)?;
            let text = "No lock of that token covers this resource.";
            return Err(HttpError::new(StatusCode::CONFLICT, text).with(Condition::LockTokenMatchesRequestUri));
        }
        Release::NotYours(lock) => {
            let scene = spot.scene(Scene::new(), Object::Item, Object::Parent);
            guard::permit(Operation::UnlockOthers, &scene).map(drop).map_err(|refusal| refused(&refusal, &x.path))?;
            locks::break_lock(&mut tx, &lock, x.caller.user.id, x.now).await.map_err(of_tree)?;
            note = Some(format!("the lock of `{}` was broken", lock.holder_name));
        }
        Release::Done(lock) if lock.fresh && lock.node == node.id && node.size == 0 => {
            // Another shared lock may still hold the file that this one made.
            let others = locks::covering(&mut tx, spot.located.chain(), x.now).await.map_err(of_tree)?;
            if others.iter().all(|other| other.node != node.id) {
                let mut change = x.change(&mut tx, &spot);
                change.discard(&node, spot.located.ancestors()).await?;
            }
        }
        Release::Done(_) => {}
    }
    x.commit(tx, Deed { note, ..Deed::new(&node, StatusCode::NO_CONTENT) }).await?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

/// The answer to LOCK: the lock as its holder sees it.
fn discovery(x: &Exchange, lock: &Lock, status: StatusCode) -> Reply {
    let mut w = XmlWriter::new(&QName::dav("prop"), &[]);
    let href = x.href(lock.deep);
    write_locks(&mut w, &QName::dav("lockdiscovery"), &[(Arc::new(lock.clone()), href)], x.caller.user.id, x.now);
    answers::document(status, w)
}

/// Whether a change of the last node of `chain`, on the way to `spot`, may pass. Errors: 423 naming the locks.
pub(super) async fn confirm(
    tx: &mut impl Reads,
    spot: &Spot,
    chain: &[Node],
    keys: Keys<'_>,
    x: &Exchange,
) -> Result<(), HttpError> {
    if !spot.located.has_locks() {
        return Ok(());
    }
    match locks::confirm(tx, chain, keys, x.now).await {
        Ok(()) => Ok(()),
        Err(error) => Err(locked(tx, &spot.reached, x, error, false).await),
    }
}

/// Whether the resource may go from its place with everything below. Errors: 423; 207 when only things below are locked.
pub(super) async fn confirm_taking(
    tx: &mut WriteTx,
    spot: &Spot,
    keys: Keys<'_>,
    x: &Exchange,
) -> Result<(), HttpError> {
    if !spot.located.has_locks() {
        return Ok(());
    }
    match locks::confirm_taking(tx, spot.located.chain(), keys, x.now).await {
        Ok(()) => Ok(()),
        Err(error) => {
            let above: Vec<_> = spot.located.chain().iter().map(|node| node.id).collect();
            let inside =
                matches!(&error, LockError::Locked(locks) if locks.iter().all(|lock| !above.contains(&lock.node)));
            Err(locked(tx, &spot.reached, x, error, inside).await)
        }
    }
}

/// 423 with the roots of the locks, or a 207 that names them as blockers. What the caller doesn't see isn't named, and if
/// that is all there is, neither is who holds it.
async fn locked(
    tx: &mut impl Reads,
    reached: &Reached,
    x: &Exchange,
    error: LockError,
    as_blockers: bool,
) -> HttpError {
    let locks = match error {
        LockError::Locked(locks) => locks,
        LockError::Tree(error) => return error.into(),
    };
    let roots = match roots(tx, reached, &locks).await {
        Ok(roots) => roots,
        Err(error) => return error,
    };
    let Some(holder) = roots.holder else {
        let error = HttpError::new(StatusCode::LOCKED, "Something in it is locked.");
        return error.with(Condition::LockTokenSubmitted(vec![x.href(true)]));
    };
    let error = HttpError::new(StatusCode::LOCKED, format!("Locked by `{holder}`."));
    if as_blockers { error.blocked_by(roots.hrefs) } else { error.with(Condition::LockTokenSubmitted(roots.hrefs)) }
}

async fn not_given(tx: &mut impl Reads, access: &Access, x: &Exchange, refusal: Refusal) -> HttpError {
    let text = refusal.to_string();
    let (locks, below) = match refusal {
        Refusal::Conflict(locks) => (locks, false),
        Refusal::Below(locks) => (locks, true),
        Refusal::TooMany | Refusal::TooManyShared => {
            return HttpError::new(StatusCode::FORBIDDEN, format!("{text}."));
        }
        Refusal::Lock(error) => return of_tree(error),
    };
    let Some(reached) = access.by_id(locks[0].share) else { return HttpError::not_found() };
    let roots = match roots(tx, reached, &locks).await {
        Ok(roots) => roots,
        Err(error) => return error,
    };
    if roots.holder.is_none() {
        let error = HttpError::new(StatusCode::LOCKED, "Something in it is locked.");
        return error.with(Condition::NoConflictingLock(vec![x.href(true)]));
    }
    let error = HttpError::new(StatusCode::LOCKED, format!("{text}."));
    if below { error.blocked_by(roots.hrefs) } else { error.with(Condition::NoConflictingLock(roots.hrefs)) }
}

/// The roots of locks that a caller sees.
struct Roots {
    /// His URLs of them, each once.
    hrefs: Vec<String>,
    /// Who holds the first of them.
    holder: Option<String>,
}

async fn roots(tx: &mut impl Reads, reached: &Reached, locks: &[Lock]) -> Result<Roots, HttpError> {
    let mut roots = Roots { hrefs: Vec::new(), holder: None };
    for lock in locks {
        let chain = tree::chain_of(tx, lock.node).await?;
        if reached.seen(&chain) < chain.len() {
            continue;
        }
        roots.holder.get_or_insert_with(|| lock.holder_name.clone());
        let href = reached.href(PREFIX, &chain);
        if !roots.hrefs.contains(&href) {
            roots.hrefs.push(href);
        }
    }
    Ok(roots)
}

/// A lock error where no lock can stand in the way.
pub(super) fn of_tree(error: LockError) -> HttpError {
    match error {
        LockError::Locked(locks) => {
            HttpError::new(StatusCode::LOCKED, format!("Locked by `{}`.", locks[0].holder_name))
        }
        LockError::Tree(error) => error.into(),
    }
}
