//! Locks: who holds what, until when, and whether a change may pass.
//!
//! One table for every door. A `dav` lock is held by a person *and* a token; a `user` lock by a person, from any of his
//! clients; an `auto` lock likewise, for a document that he has open. All of them are bound to a node, compared with the
//! clock in the query, decided in the transaction of the change, and kept over a restart. RFC 4918 sections 6 and 7.
//! What a role allows is not decided here.

mod sql;
mod sweep;
mod take;

use std::time::Duration;

pub use sweep::{count, discard_unwritten, sweep};
pub use take::{
    Refusal, Release, Wish, add_user_lock, break_lock, keep_auto, keeps_late_save, left_behind, list, lock, refresh,
    release, request, settle_auto, written,
};

use crate::clock::Moment;
use crate::db::{DbError, Reads};
use crate::ids::{NodeId, ShareId, UserId};
use crate::tree::{Node, TreeError};

/// A lock's life when the client names none.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(30 * 60);
/// The shortest life: a client that asks for less would lose its lock between two keystrokes.
pub const TIMEOUT_MIN: Duration = Duration::from_secs(60);
/// The longest: "infinite" is a lock that nobody can get rid of.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Locks of one person in one share.
pub const HELD_MAX: usize = 100;
/// Shared locks on one resource.
pub const SHARED_MAX: usize = 20;
/// How long an auto lock outlives the last sign of its holder.
pub const AUTO_LIFE: Duration = Duration::from_secs(15 * 60);
/// How long a late save against a broken lock is kept as a collision copy.
pub const BROKEN_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// What a lock is held by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockKind {
    /// A person and a token.
    Dav,
    /// A person.
    User,
    /// A person who has the document open.
    Auto,
}

impl LockKind {
    /// Its name in commands.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dav => "dav",
            Self::User => "user",
            Self::Auto => "auto",
        }
    }
}

/// Somebody's wish that a lock be released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Whose.
    pub by: UserId,
    /// His name.
    pub by_name: String,
    /// When the lock ends because of it.
    pub lapses: Moment,
}

/// A lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// Its row.
    pub id: i64,
    /// The share.
    pub share: ShareId,
    /// The lock root.
    pub node: NodeId,
    /// `urn:uuid:…`; for its holder only.
    pub token: String,
    /// What it is held by.
    pub kind: LockKind,
    /// Else shared.
    pub exclusive: bool,
    /// Covers everything below.
    pub deep: bool,
    /// Who holds it.
    pub holder: UserId,
    /// His login name.
    pub holder_name: String,
    /// The `owner` that the client sent, self-contained XML.
    pub owner: Option<String>,
    /// Since when.
    pub created: Moment,
    /// The time-out that was given, seconds; `None`: untimed.
    pub granted_s: Option<u32>,
    /// Until when; `None`: untimed.
    pub expires: Option<Moment>,
    /// It made its file, which nobody has written yet.
    pub fresh: bool,
    /// Somebody wants it.
    pub wanted: Option<Wanted>,
}

impl Lock {
    /// When it ends: by its time-out, or by a request that lapses.
    pub fn ends(&self) -> Option<Moment> {
        match (self.expires, self.wanted.as_ref().map(|wanted| wanted.lapses)) {
            (Some(expires), Some(lapses)) => Some(expires.min(lapses)),
            (expires, lapses) => expires.or(lapses),
        }
    }

    /// Seconds that are left of it, rounded up; `None`: untimed.
    pub fn remaining_s(&self, now: Moment) -> Option<u64> {
        self.ends().map(|end| u64::try_from(end.0.saturating_sub(now.0)).unwrap_or(0).div_ceil(1000))
    }

    /// Whether `user` passes it without showing a token.
    fn yields_to(&self, user: UserId) -> bool {
        match self.kind {
            LockKind::Dav => false,
            LockKind::User | LockKind::Auto => self.holder == user,
        }
    }

    /// Whether it covers a node at the end of `chain`, which leads from the share's root to that node.
    fn covers(&self, chain: &[Node]) -> bool {
        match chain.split_last() {
            Some((node, above)) => node.id == self.node || (self.deep && above.iter().any(|node| node.id == self.node)),
            None => false,
        }
    }
}

/// Whoever makes a change, and the tokens he shows.
#[derive(Debug, Clone, Copy)]
pub struct Keys<'a> {
    /// Who.
    pub user: UserId,
    /// The tokens that the request submits.
    pub tokens: &'a [&'a str],
}

impl Keys<'_> {
    /// Whether he may pass this lock. Somebody else's token opens nothing.
    fn open(&self, lock: &Lock) -> bool {
        lock.yields_to(self.user) || (lock.holder == self.user && self.tokens.contains(&lock.token.as_str()))
    }
}

/// Locks that stand in the way of a change.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LockError {
    /// Locked; the locks, never empty.
    #[error("locked by `{}`", .0[0].holder_name)]
    Locked(Vec<Lock>),
    /// The tree or the database.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

impl From<DbError> for LockError {
    fn from(error: DbError) -> Self {
        Self::Tree(error.into())
    }
}

/// The locks that cover the last node of `chain`: those on it, and deep ones above.
pub async fn covering(tx: &mut impl Reads, chain: &[Node], now: Moment) -> Result<Vec<Lock>, LockError> {
    let nodes: Vec<NodeId> = chain.iter().map(|node| node.id).collect();
    let mut locks = sql::on_nodes(tx.conn(), &nodes, now).await?;
    locks.retain(|lock| lock.covers(chain));
    Ok(locks)
}

/// The locks on anything below `node`.
pub async fn below(tx: &mut impl Reads, node: &Node, now: Moment) -> Result<Vec<Lock>, LockError> {
    if !node.is_collection() {
        return Ok(Vec::new());
    }
    Ok(sql::below(tx.conn(), node.share, node.id, now).await?)
}

/// The locks that a person holds in a share.
pub async fn held(tx: &mut impl Reads, share: ShareId, user: UserId, now: Moment) -> Result<Vec<Lock>, LockError> {
    Ok(sql::held(tx.conn(), share, user, now).await?)
}

/// The locks on the members of a collection, for a listing.
pub async fn on_members(tx: &mut impl Reads, nodes: &[NodeId], now: Moment) -> Result<Vec<Lock>, LockError> {
    Ok(sql::on_nodes(tx.conn(), nodes, now).await?)
}

/// Whether a change of the last node of `chain` may pass: of its content, its properties, or of what its members are.
///
/// Errors: [`LockError::Locked`].
pub async fn confirm(tx: &mut impl Reads, chain: &[Node], keys: Keys<'_>, now: Moment) -> Result<(), LockError> {
    pass(covering(tx, chain, now).await?, keys)
}

/// Whether the last node of `chain` may go from its place, with everything below it: neither it, nor its parent's
/// membership, nor anything below may be locked by others.
///
/// Errors: [`LockError::Locked`].
pub async fn confirm_taking(tx: &mut impl Reads, chain: &[Node], keys: Keys<'_>, now: Moment) -> Result<(), LockError> {
    let (node, above) = chain.split_last().expect("a chain has a node");
    let nodes: Vec<NodeId> = chain.iter().map(|node| node.id).collect();
    let mut locks = sql::on_nodes(tx.conn(), &nodes, now).await?;
    locks.retain(|lock| lock.covers(chain) || lock.covers(above));
    locks.extend(below(tx, node, now).await?);
    pass(locks, keys)
}

/// Keeps the locks that the keys don't open. Of shared locks on one root, one is enough.
fn pass(mut locks: Vec<Lock>, keys: Keys<'_>) -> Result<(), LockError> {
    let opened: Vec<NodeId> =
        locks.iter().filter(|lock| !lock.exclusive && keys.open(lock)).map(|lock| lock.node).collect();
    locks.retain(|lock| !keys.open(lock) && (lock.exclusive || !opened.contains(&lock.node)));
    if locks.is_empty() { Ok(()) } else { Err(LockError::Locked(locks)) }
}

/// The tokens of `locks` that count for `user` in an `If` header.
pub fn tokens_of(locks: &[Lock], user: UserId) -> Vec<String> {
    locks
        .iter()
        .filter(|lock| lock.holder == user && lock.kind == LockKind::Dav)
        .map(|lock| lock.token.clone())
        .collect()
}

#[cfg(test)]
mod tests;
