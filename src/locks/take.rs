//! Taking, refreshing, releasing and breaking locks.

use commonhold_acl::{Permission, Permit};

use super::{
    AUTO_LIFE, HELD_MAX, Keys, Lock, LockError, LockKind, SHARED_MAX, TIMEOUT_DEFAULT, TIMEOUT_MAX, TIMEOUT_MIN, below,
    covering, sql,
};
use crate::clock::Moment;
use crate::db::{DbError, Reads, WriteTx};
use crate::ids::{NodeId, UserId};
use crate::tree::Node;

/// The lock that somebody wants.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Else shared.
    pub exclusive: bool,
    /// Depth infinity; of no meaning on a file.
    pub deep: bool,
    /// The client's `owner`, self-contained XML.
    pub owner: Option<String>,
    /// Seconds that the client asks for; `None`: as the server likes. Infinite is `u32::MAX`.
    pub timeout_s: Option<u32>,
    /// The lock makes its file.
    pub fresh: bool,
    /// There is no lock in the share ([`crate::tree::Located::has_locks`]), so that none can stand in the way.
    pub first: bool,
}

/// Why a lock isn't given.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The resource is locked already.
    #[error("locked by `{}`", .0[0].holder_name)]
    Conflict(Vec<Lock>),
    /// Something below the collection is locked.
    #[error("something below is locked by `{}`", .0[0].holder_name)]
    Below(Vec<Lock>),
    /// [`HELD_MAX`].
    #[error("one person can hold {HELD_MAX} locks in a share, and you do")]
    TooMany,
    /// [`SHARED_MAX`].
    #[error("a resource can have {SHARED_MAX} shared locks, and this one does")]
    TooManyShared,
    /// The tree or the database.
    #[error(transparent)]
    Lock(#[from] LockError),
}

impl From<DbError> for Refusal {
    fn from(error: DbError) -> Self {
        Self::Lock(error.into())
    }
}

/// The time-out that is given for the one that is asked for, seconds.
fn granted_s(asked_s: Option<u32>) -> u32 {
    let [default, least, most] = [TIMEOUT_DEFAULT, TIMEOUT_MIN, TIMEOUT_MAX].map(|span| span.as_secs() as u32);
    asked_s.unwrap_or(default).clamp(least, most)
}

fn ends(now: Moment, granted_s: u32) -> Moment {
    now.plus(std::time::Duration::from_secs(granted_s.into()))
}

fn fresh_token() -> String {
    format!("urn:uuid:{}", uuid::Uuid::new_v4())
}

/// Locks the last node of `chain` for `user`. `permit` allows `write` on it, and on a collection `create` too; a lock that
/// makes its file needs `create` on the parent instead.
///
/// Errors: [`Refusal`]; nothing is changed then.
pub async fn lock(
    tx: &mut WriteTx,
    permit: &Permit,
    chain: &[Node],
    (user, name): (UserId, &str),
    wish: Wish,
    now: Moment,
) -> Result<Lock, Refusal> {
    let (node, above) = chain.split_last().expect("a chain has a node");
    let made = wish.fresh && above.last().is_some_and(|parent| permit.allows(parent.id, Permission::Create));
    assert!(made || permit.allows(node.id, Permission::Write), "a permit to lock this node");
    let deep = wish.deep && node.is_collection();
    if !wish.first {
        confirm_free(tx, chain, user, wish.exclusive, deep, now).await?;
    }
    let granted = granted_s(wish.timeout_s);
    let lock = Lock {
        id: 0,
        share: node.share,
        node: node.id,
        token: fresh_token(),
        kind: LockKind::Dav,
        exclusive: wish.exclusive,
        deep,
        holder: user,
        holder_name: name.to_owned(),
        owner: wish.owner,
        created: now,
        granted_s: Some(granted),
        expires: Some(ends(now, granted)),
        fresh: wish.fresh,
        wanted: None,
    };
    tx.touch_share(node.share);
    sql::insert(tx.conn(), &lock).await?;
    Ok(lock)
}

/// Whether no lock stands in the way of a new one on the last node of `chain`, and `user` doesn't hold too many.
async fn confirm_free(
    tx: &mut impl Reads,
    chain: &[Node],
    user: UserId,
    exclusive: bool,
    deep: bool,
    now: Moment,
) -> Result<(), Refusal> {
    let node = chain.last().expect("a chain has a node");
    let mut there = covering(tx, chain, now).await?;
    // What he holds himself without a token is for all of his clients: none of them is kept from a lock of its own.
    there.retain(|lock| !lock.yields_to(user));
    if there.iter().any(|lock| lock.exclusive || exclusive) {
        return Err(Refusal::Conflict(there));
    }
    if there.len() >= SHARED_MAX {
        return Err(Refusal::TooManyShared);
    }
    if deep {
        let mut inside = below(tx, node, now).await?;
        inside.retain(|lock| !lock.yields_to(user) && (lock.exclusive || exclusive));
        if !inside.is_empty() {
            return Err(Refusal::Below(inside));
        }
    }
    if sql::held(tx.conn(), node.share, user, now).await?.len() >= HELD_MAX {
        return Err(Refusal::TooMany);
    }
    Ok(())
}

/// Gives a lock that covers the last node of `chain` another life. `None`: none of the tokens is such a lock of the user's.
/// A request to release it keeps its hour: refreshing doesn't put it off.
pub async fn refresh(
    tx: &mut WriteTx,
    chain: &[Node],
    keys: Keys<'_>,
    timeout_s: Option<u32>,
    now: Moment,
) -> Result<Option<Lock>, LockError> {
    let locks = covering(tx, chain, now).await?;
    let held = |lock: &Lock| lock.kind == LockKind::Dav && keys.open(lock);
    let Some(lock) = locks.into_iter().find(held) else { return Ok(None) };
    let granted = granted_s(timeout_s);
    let expires = ends(now, granted);
    tx.touch_share(lock.share);
    sql::prolong(tx.conn(), lock.id, Some(granted), Some(expires)).await?;
    Ok(Some(Lock { granted_s: Some(granted), expires: Some(expires), ..lock }))
}

/// What came of an UNLOCK.
#[derive(Debug)]
pub enum Release {
    /// The lock is gone. `fresh`: and the file that it made was never written.
    Done(Lock),
    /// No lock of that token covers the resource.
    NotHere,
    /// It is somebody else's.
    NotYours(Lock),
}

/// Releases the lock of that token, which must cover the last node of `chain`.
pub async fn release(
    tx: &mut WriteTx,
    chain: &[Node],
    user: UserId,
    token: &str,
    now: Moment,
) -> Result<Release, LockError> {
    let locks = covering(tx, chain, now).await?;
    let Some(lock) = locks.into_iter().find(|lock| lock.token == token) else { return Ok(Release::NotHere) };
    if lock.holder != user {
        return Ok(Release::NotYours(lock));
    }
    tx.touch_share(lock.share);
    sql::delete(tx.conn(), lock.id).await?;
    Ok(Release::Done(lock))
}

/// Takes a lock away from its holder, for whoever may: `owner`, an administrator, or (`by` is `None`) the site's owner at
/// the command line. It is recorded; the holder's late save becomes a collision copy.
pub async fn break_lock(
    tx: &mut WriteTx,
    lock: &Lock,
    by: impl Into<Option<UserId>>,
    now: Moment,
) -> Result<(), LockError> {
    let by = by.into();
    tx.touch_share(lock.share);
    sql::break_up(tx.conn(), lock, by, now).await?;
    tracing::info!(holder = %lock.holder_name, node = lock.node.0, by = by.map(|by| by.0), "a lock was broken");
    Ok(())
}

/// Every lock that holds now, the newest first; none in a trash.
pub async fn list(tx: &mut impl Reads, now: Moment) -> Result<Vec<Lock>, LockError> {
    Ok(sql::all(tx.conn(), now).await?)
}

/// Asks for the release of a lock that covers the last node of `chain`, for whom `permit` allows `write` on it: the holder
/// sees it, and after the time that the share sets the lock ends. Asking again doesn't begin the time anew. Gives the
/// moment at which it ends at the latest.
pub async fn request(
    tx: &mut WriteTx,
    permit: &Permit,
    chain: &[Node],
    lock: &Lock,
    now: Moment,
) -> Result<Moment, LockError> {
    let node = chain.last().expect("a chain has a node");
    assert!(lock.covers(chain) && permit.allows(node.id, Permission::Write), "a permit to write what the lock covers");
    if let Some(wanted) = &lock.wanted {
        return Ok(wanted.lapses);
    }
    let (_, _, handover_s) = sql::switches(tx.conn(), lock.share).await?;
    let lapses = Moment(now.0.saturating_add(handover_s.saturating_mul(1000)));
    tx.touch_share(lock.share);
    sql::want(tx.conn(), lock.id, permit.user(), lapses).await?;
    Ok(lapses)
}

/// Locks the last node of `chain`, with everything below it, for a person without any token, until `until` or untimed.
/// `permit` allows him `write` on it.
///
/// Errors: [`Refusal`]; nothing is changed then.
pub async fn add_user_lock(
    tx: &mut WriteTx,
    permit: &Permit,
    chain: &[Node],
    holder: (UserId, &str),
    until: Option<Moment>,
    now: Moment,
) -> Result<Lock, Refusal> {
    let node = chain.last().expect("a chain has a node");
    assert!(permit.user() == holder.0 && permit.allows(node.id, Permission::Write), "a permit to lock this node");
    hold(tx, chain, holder, LockKind::User, until, now).await
}

/// A lock without a token. His own locks with one don't stand in its way, nor any of his below.
async fn hold(
    tx: &mut WriteTx,
    chain: &[Node],
    holder: (UserId, &str),
    kind: LockKind,
    until: Option<Moment>,
    now: Moment,
) -> Result<Lock, Refusal> {
    let node = chain.last().expect("a chain has a node");
    let mut there = covering(tx, chain, now).await?;
    there.retain(|lock| lock.holder != holder.0 || lock.kind == kind);
    if !there.is_empty() {
        return Err(Refusal::Conflict(there));
    }
    let mut inside = below(tx, node, now).await?;
    inside.retain(|lock| lock.holder != holder.0);
    if !inside.is_empty() {
        return Err(Refusal::Below(inside));
    }
    if sql::held(tx.conn(), node.share, holder.0, now).await?.len() >= HELD_MAX {
        return Err(Refusal::TooMany);
    }
    let lock = Lock {
        id: 0,
        share: node.share,
        node: node.id,
        token: fresh_token(),
        kind,
        exclusive: true,
        deep: node.is_collection(),
        holder: holder.0,
        holder_name: holder.1.to_owned(),
        owner: None,
        created: now,
        granted_s: until.map(|until| u32::try_from(until.0.saturating_sub(now.0) / 1000).unwrap_or(u32::MAX)),
        expires: until,
        fresh: false,
        wanted: None,
    };
    tx.touch_share(node.share);
    sql::insert(tx.conn(), &lock).await?;
    Ok(lock)
}

/// Somebody's editor has opened (`true`) or closed a document: takes or gives back his auto lock on it, where the share
/// wants that and nobody else holds a lock.
pub async fn settle_auto(
    tx: &mut WriteTx,
    chain: &[Node],
    holder: (UserId, &str),
    open: bool,
    now: Moment,
) -> Result<(), Refusal> {
    let node = chain.last().expect("a chain has a node");
    let (auto_lock, _, _) = sql::switches(tx.conn(), node.share).await?;
    if !auto_lock || node.is_collection() {
        return Ok(());
    }
    let there = covering(tx, chain, now).await?;
    let own = there.iter().find(|lock| lock.kind == LockKind::Auto && lock.holder == holder.0);
    let until = now.plus(AUTO_LIFE);
    tx.touch_share(node.share);
    match (own, open) {
        (Some(lock), true) => {
            sql::prolong(tx.conn(), lock.id, Some(AUTO_LIFE.as_secs() as u32), Some(until)).await?;
        }
        (Some(lock), false) => sql::delete(tx.conn(), lock.id).await?,
        (None, true) if there.is_empty() => {
            hold(tx, chain, holder, LockKind::Auto, Some(until), now).await?;
        }
        (None, _) => {}
    }
    Ok(())
}

/// A save is a sign of life: the saver's auto lock on the last node of `chain`, if he has one, begins its time anew.
pub async fn keep_auto(tx: &mut WriteTx, chain: &[Node], holder: UserId, now: Moment) -> Result<(), LockError> {
    let own = |lock: &Lock| lock.kind == LockKind::Auto && lock.holder == holder;
    if let Some(lock) = covering(tx, chain, now).await?.into_iter().find(own) {
        tx.touch_share(lock.share);
        sql::prolong(tx.conn(), lock.id, Some(AUTO_LIFE.as_secs() as u32), Some(now.plus(AUTO_LIFE))).await?;
    }
    Ok(())
}

/// The file of a fresh lock has been written.
pub async fn written(tx: &mut WriteTx, node: NodeId) -> Result<(), LockError> {
    Ok(sql::settle(tx.conn(), node).await?)
}

/// A node has been moved away: a lock belongs to its URL and doesn't go along (RFC 4918 section 7.7).
pub async fn left_behind(tx: &mut WriteTx, node: &Node) -> Result<(), LockError> {
    tx.touch_share(node.share);
    Ok(sql::delete_at_and_below(tx.conn(), node.share, node.id).await?)
}

/// Whether a late save with these tokens is one against a lock that was taken away from `user`, and the share keeps such
/// saves as collision copies.
pub async fn keeps_late_save(tx: &mut impl Reads, node: &Node, keys: Keys<'_>, now: Moment) -> Result<bool, LockError> {
    if keys.tokens.is_empty() {
        return Ok(false);
    }
    let (_, collision_copies, _) = sql::switches(tx.conn(), node.share).await?;
    Ok(collision_copies && sql::was_broken(tx.conn(), keys.tokens, node.id, keys.user, now).await?)
}
