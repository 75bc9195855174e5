//! The guard: gathers what the law needs to know, asks `acl`, and gives out its permits. The only caller of `acl`'s
//! decisions; every door of the server comes through here.
//!
//! What a person reaches is read once and kept as long as nothing about people, shares or subscriptions has changed
//! ([`crate::db::Stamp`]), so a decision costs no database work, and a change made anywhere, also by a command in another
//! process, holds from the next request on. Inside a write transaction the same stamp proves that the kept facts are
//! those of the transaction's own view.

mod circumstances;

use std::collections::HashMap;
use std::sync::Arc;

use commonhold_acl as acl;
use commonhold_acl::{Channel, Effective, Explanation, Item, Operation, Permission, Permit, Scene};
use quick_cache::sync::Cache;

use circumstances::Circumstances;

use crate::db::{Db, DbError, Reads, Stamp, WriteTx};
use crate::directory::{self, User};
use crate::ids::UserId;
use crate::path::{Name, RelPath};
use crate::shares::{self, Share, ShareKind};
use crate::tree::{self, Kind, Node, TreeError};

/// People whose access is kept at a time; the others are read when they come.
const KEPT_MAX: usize = 10_000;

/// Whoever makes a request, over which door.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The account.
    pub user: Arc<User>,
    /// The door.
    pub channel: Channel,
}

/// A share that a caller reaches, and what he may do in it.
#[derive(Debug, Clone)]
pub struct Reached {
    /// The share.
    pub share: Arc<Share>,
    /// The permissions on everything in it, with their reasons.
    pub effective: Effective,
}

/// Everything that one caller reaches over one channel.
#[derive(Debug, Default)]
pub struct Access {
    shares: Vec<Reached>,
    by_key: HashMap<String, usize>,
}

impl Access {
    /// The shares, in the order of their names.
    pub fn shares(&self) -> &[Reached] {
        &self.shares
    }

    /// The share of that name, if the caller reaches it. One that he doesn't reach is not there for him.
    pub fn share(&self, name: &Name) -> Option<&Reached> {
        self.by_key.get(name.key().as_str()).map(|at| &self.shares[*at])
    }
}

/// Keeps what callers reach.
#[derive(Debug)]
pub struct Guard {
    kept: Cache<(UserId, Channel), (Stamp, Arc<Access>)>,
}

impl Default for Guard {
    fn default() -> Self {
        Self { kept: Cache::new(KEPT_MAX) }
    }
}

impl Guard {
    /// What the caller reaches at this moment.
    pub async fn access(&self, db: &Db, caller: &Caller) -> Result<Arc<Access>, DbError> {
        // The stamp is taken before the rows are read: a change in between makes the kept answer stale, never wrong.
        let stamp = db.directory_stamp();
        if let Some(access) = self.kept(caller, stamp) {
            return Ok(access);
        }
        let access = Box::pin(async { load(&mut db.read().await?, &caller.user, caller.channel).await });
        let access = Arc::new(access.await?);
        self.kept.insert((caller.user.id, caller.channel), (stamp, Arc::clone(&access)));
        Ok(access)
    }

    /// What the caller reaches as this transaction sees it: the decision that counts.
    pub async fn access_in(&self, tx: &mut WriteTx, caller: &Caller) -> Result<Arc<Access>, DbError> {
        let stamp = tx.directory_stamp();
        if let Some(access) = stamp.and_then(|stamp| self.kept(caller, stamp)) {
            return Ok(access);
        }
        // The account itself may have changed since the login.
        let user = directory::user_by_id(tx, caller.user.id).await?;
        let access = match user {
            Some(user) => Arc::new(load(tx, &user, caller.channel).await?),
            None => Arc::default(),
        };
        if let Some(stamp) = stamp {
            self.kept.insert((caller.user.id, caller.channel), (stamp, Arc::clone(&access)));
        }
        Ok(access)
    }

    fn kept(&self, caller: &Caller, stamp: Stamp) -> Option<Arc<Access>> {
        let (kept_at, access) = self.kept.get(&(caller.user.id, caller.channel))?;
        (kept_at == stamp).then_some(access)
    }
}

/// Reads what `user` reaches over `channel`.
async fn load(tx: &mut impl Reads, user: &User, channel: Channel) -> Result<Access, DbError> {
    let groups = directory::groups_of(tx, user.id).await?;
    let mut circumstances = Circumstances::read(tx, user, &groups, channel).await?;
    let reaching = shares::reaching(tx, user, &groups, &circumstances.browsed()).await?;
    circumstances.include(tx, reaching.iter().map(|reach| reach.share.org)).await?;
    let mut access = Access::default();
    for reach in reaching {
        let effective = acl::evaluate(facts(user, channel, &circumstances, &reach));
        // A share on which nothing is held does not exist for the caller.
        if effective.sees(acl::ItemKind::Folder) {
            access.by_key.insert(reach.share.key().as_str().to_owned(), access.shares.len());
            access.shares.push(Reached { share: Arc::new(reach.share), effective });
        }
    }
    Ok(access)
}

/// The facts about one user and one share.
fn facts(user: &User, channel: Channel, circumstances: &Circumstances, reach: &shares::Reach) -> acl::Facts {
    let entries = reach.subscriptions.iter().map(|subscription| acl::Entry {
        source: acl::Source::Subscription,
        granted: acl::Granted::Role(subscription.role.clone()),
        via: subscription.via.clone(),
    });
    let share = &reach.share;
    acl::Facts {
        user: acl::User {
            id: user.id,
            name: user.name.clone(),
            kind: if user.guest { acl::UserKind::Guest } else { acl::UserKind::Full },
            enabled: user.enabled,
            organization_active: user.org_active,
            rank: circumstances.rank(share),
        },
        channel,
        channel_open: circumstances.channel_open(share),
        share: acl::Share {
            id: share.id,
            name: share.name.clone(),
            kind: match share.kind {
                ShareKind::Public => acl::ShareKind::Public,
                ShareKind::Team | ShareKind::Home => acl::ShareKind::Team,
            },
            active: share.active && share.org_active,
        },
        admin_browse_files: circumstances.admin_browse_files(share),
        chain: vec![acl::Step { path: format!("/{}", share.name), inherits: true, entries: entries.collect() }],
        on_the_way: false,
        creation_lease: false,
        limits: circumstances.limits(share),
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

/// Why an explanation could not be given.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// There is no such account.
    #[error("there is no user `{0}`")]
    NoSuchUser(String),
    /// The path names nothing.
    #[error("there is no `{0}`")]
    NoSuchPath(String),
    /// The root of all shares belongs to nobody.
    #[error("`/` lists the shares of whoever asks; name a share, such as `/Projects`")]
    Root,
    /// The tree or the database.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

impl From<DbError> for ExplainError {
    fn from(error: DbError) -> Self {
        Self::Tree(error.into())
    }
}

/// Says whether the user of that name may do something to what `path` names, and the one reason; about `list` or `view`
/// when no permission is asked for.
pub async fn explain(
    tx: &mut impl Reads,
    user: &str,
    path: &RelPath,
    permission: Option<Permission>,
    channel: Channel,
) -> Result<Explanation, ExplainError> {
    let missing = || ExplainError::NoSuchPath(path.to_string());
    let account = directory::find_user(tx, user).await?.ok_or_else(|| ExplainError::NoSuchUser(user.to_owned()))?;
    let (share_name, below) = path.segments().split_first().ok_or(ExplainError::Root)?;
    let share = shares::find(tx, share_name).await?.ok_or_else(missing)?;
    let located = tree::locate(tx, share.root, below).await?;
    let kind = located.node().ok_or_else(missing)?.kind;
    let groups = directory::groups_of(tx, account.id).await?;
    let mut circumstances = Circumstances::read(tx, &account, &groups, channel).await?;
    circumstances.include(tx, [share.org].into_iter()).await?;
    let reaching = shares::reaching(tx, &account, &groups, &circumstances.browsed()).await?;
    let reach = reaching.into_iter().find(|reach| reach.share.id == share.id);
    // A share without any subscription of his: the facts without entries say so.
    let reach = reach.unwrap_or(shares::Reach { share, subscriptions: Vec::new() });
    let effective = acl::evaluate(facts(&account, channel, &circumstances, &reach));
    let asked = permission.unwrap_or(if kind == Kind::File { Permission::View } else { Permission::List });
    Ok(effective.explain(asked, &path.to_string()))
}
