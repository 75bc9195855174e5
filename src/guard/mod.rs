//! The guard: gathers what the law needs to know, asks `acl`, and gives out its permits. The only caller of `acl`'s
//! decisions; every door of the server comes through here.
//!
//! What a person reaches is read once and kept as long as nothing about people, shares or subscriptions has changed
//! ([`crate::db::Stamp`]), so a decision costs no database work, and a change made anywhere, also by a command in another
//! process, holds from the next request on. Inside a write transaction the same stamp proves that the kept facts are
//! those of the transaction's own view.

mod access;
mod circumstances;
mod crowd;
mod deleted;
mod explain;
mod inside;
mod load;
mod managing;
mod overview;
mod sight;
mod whatif;

use std::sync::Arc;

use commonhold_acl as acl;
use commonhold_acl::{Channel, Item, Operation, Permit, Scene};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

pub use access::{Access, HOME, NotTaken, OTHERS, Place, Reached, is_fixed};
pub use crowd::{Crowd, Person, is_owned, people_at};
pub use deleted::{Deleted, deleted};
pub use explain::{effective, explain, hidden};
pub use inside::{Inside, Taking, inside};
pub use managing::managing;
pub use overview::{Held, best, places_of, sources};
pub use sight::{Below, Sight, Zone};
pub use whatif::{Effect, Look, compare, look};

use crate::db::{Db, DbError, Reads, Stamp, WriteTx};
use crate::directory::office_url::Purpose;
use crate::directory::{self, User};
use crate::ids::{NodeId, ShareId, UserId};
use crate::tree::{Kind, Node};

/// People whose access is kept at a time, about; the others are read when they come.
const KEPT_MAX: usize = 10_000;
/// Memory that it may take.
const KEPT_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Whoever makes a request, over which door.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The account.
    pub user: Arc<User>,
    /// The door.
    pub channel: Channel,
    /// What keeps him to a part of what is his, if anything does.
    pub fence: Option<Fence>,
}

/// What a URL of its own is kept to, such as one for Office: whoever comes by it reaches nothing outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fence {
    /// The share.
    pub share: ShareId,
    /// The folder in it, with everything below.
    pub folder: NodeId,
    /// Nothing is changed.
    pub reading: bool,
}

impl From<Purpose> for Fence {
    fn from(purpose: Purpose) -> Self {
        Self { share: purpose.share, folder: purpose.folder, reading: purpose.reading }
    }
}

impl Caller {
    /// Somebody who comes by a door of his own.
    pub fn new(user: Arc<User>, channel: Channel) -> Self {
        Self { user, channel, fence: None }
    }

    /// What his access is kept under: what may be done inside a fence depends on whether that is for reading, and on nothing else of it.
    fn key(&self) -> Key {
        (self.user.id, self.channel, self.is_reading())
    }

    fn is_reading(&self) -> bool {
        self.fence.is_some_and(|fence| fence.reading)
    }

    fn limit(&self) -> Option<acl::Limit> {
        self.is_reading().then_some(acl::Limit::Reading)
    }

    fn fenced(&self, access: Arc<Access>) -> Arc<Access> {
        match &self.fence {
            Some(fence) => Arc::new(access.within(fence)),
            None => access,
        }
    }
}

type Key = (UserId, Channel, bool);

/// Keeps what callers reach.
#[derive(Debug)]
pub struct Guard {
    kept: Cache<Key, (Stamp, Arc<Access>), ByBytes>,
}

#[derive(Debug, Clone)]
struct ByBytes;

impl Weighter<Key, (Stamp, Arc<Access>)> for ByBytes {
    fn weight(&self, _: &Key, (_, access): &(Stamp, Arc<Access>)) -> u64 {
        access.weight_bytes()
    }
}

impl Default for Guard {
    fn default() -> Self {
        Self { kept: Cache::with_weighter(KEPT_MAX, KEPT_BYTES_MAX, ByBytes) }
    }
}

impl Guard {
    /// What the caller reaches at this moment.
    pub async fn access(&self, db: &Db, caller: &Caller) -> Result<Arc<Access>, DbError> {
        // The stamp is taken before the rows are read: a change in between makes the kept answer stale, never wrong.
        let stamp = db.directory_stamp().await?;
        if let Some(access) = self.kept(caller, stamp) {
            return Ok(caller.fenced(access));
        }
        let (channel, limit) = (caller.channel, caller.limit());
        let access = Box::pin(async { load::load(&mut db.read().await?, &caller.user, channel, limit).await });
        let access = Arc::new(access.await?);
        self.kept.insert(caller.key(), (stamp, Arc::clone(&access)));
        Ok(caller.fenced(access))
    }

    /// What the caller reaches as this transaction sees it: the decision that counts.
    pub async fn access_in(&self, tx: &mut WriteTx, caller: &Caller) -> Result<Arc<Access>, DbError> {
        let stamp = tx.directory_stamp();
        if let Some(access) = stamp.and_then(|stamp| self.kept(caller, stamp)) {
            return Ok(caller.fenced(access));
        }
        // The account itself may have changed since the login.
        let user = directory::user_by_id(tx, caller.user.id).await?;
        let access = match user {
            Some(user) => Arc::new(load::load(tx, &user, caller.channel, caller.limit()).await?),
            None => Arc::default(),
        };
        if let Some(stamp) = stamp {
            self.kept.insert(caller.key(), (stamp, Arc::clone(&access)));
        }
        Ok(caller.fenced(access))
    }

    /// What the caller reaches as a transaction sees it that only reads, and has begun a while ago.
    pub async fn access_as_of(&self, tx: &mut impl Reads, caller: &Caller) -> Result<Access, DbError> {
        let access = match directory::user_by_id(tx, caller.user.id).await? {
            Some(user) => load::load(tx, &user, caller.channel, caller.limit()).await?,
            None => Access::default(),
        };
        Ok(match &caller.fence {
            Some(fence) => access.within(fence),
            None => access,
        })
    }

    fn kept(&self, caller: &Caller, stamp: Stamp) -> Option<Arc<Access>> {
        let (kept_at, access) = self.kept.get(&caller.key())?;
        (kept_at == stamp).then_some(access)
    }
}

/// A node as the law names it.
pub fn item(node: &Node) -> Item {
    match node.kind {
        Kind::Collection => Item::folder(node.id),
        Kind::File => Item::file(node.id),
    }
}

/// The law's refusal of an operation.
#[derive(Debug)]
pub struct Refused {
    /// What was asked.
    pub operation: Operation,
    /// What is missing, where, and why.
    pub denial: acl::Denial,
}

/// Decides about an operation. Errors: the law's refusal.
pub fn permit(operation: Operation, scene: &Scene<'_>) -> Result<Permit, Refused> {
    acl::decide_operation(operation, scene).map_err(|denial| Refused { operation, denial })
}

#[cfg(test)]
mod tests;
