//! Grants: what users and groups were given or refused on a folder or file, and on everything of somebody.
//!
//! Here: the entries on nodes, the switch that stops inheriting, whole-user grants; making and listing them; which of them
//! reach a user. Not here: what they come to (`acl`, `guard/`). An entry hangs off its node, so it goes along with a move,
//! into the trash and back, and a copy has none. Knows no HTTP.

mod reach;
mod sql;
mod whole;

use commonhold_acl::{Effect, Granted, Level, Permission, Permissions, Permit};

pub use reach::{Placed, Reach, reaching, reaching_at};
pub use whole::{Whole, reaching as wholes_reaching, set as set_whole, wholes};

use crate::clock::Moment;
use crate::db::{DbError, Reads, WriteTx};
use crate::directory::{Administrator, Principal};
use crate::ids::NodeId;
use crate::shares::role::Roles;
use crate::tree::Node;

/// Entries of one node at the most: they are read together.
pub const ENTRIES_MAX: usize = 1_000;

/// An entry on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Where it stands.
    pub node: NodeId,
    /// Whom it is for.
    pub principal: Principal,
    /// The name of the user or group.
    pub name: String,
    /// Whether it gives or takes.
    pub effect: Effect,
    /// What.
    pub granted: Granted,
    /// When it was made.
    pub since: Moment,
}

/// An entry to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGrant {
    /// Whom it is for.
    pub principal: Principal,
    /// Whether it gives or takes.
    pub effect: Effect,
    /// What.
    pub granted: Granted,
}

/// Whoever may say who may do what on a node.
#[derive(Debug, Clone, Copy)]
pub enum Authority<'a> {
    /// A permit for `owner` on that node.
    Owner(&'a Permit),
    /// An administrator.
    Administrator(&'a Administrator),
}

impl Authority<'_> {
    fn require(self, node: NodeId) {
        match self {
            Self::Owner(permit) => {
                assert!(permit.allows(node, Permission::Owner), "a permit to set the access to this node");
            }
            Self::Administrator(_) => {}
        }
    }
}

/// Why grants couldn't be changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GrantError {
    /// Nothing is there to be taken away.
    #[error("there is no such grant")]
    NoSuchGrant,
    /// [`ENTRIES_MAX`].
    #[error("a folder or file can have {ENTRIES_MAX} grants at the most")]
    TooMany,
    /// An entry that says nothing.
    #[error("a grant of no permission says nothing")]
    Empty,
    /// Nobody would be left who may set the access.
    #[error("that would leave `{0}` without anybody who may set the access to it")]
    LastCoOwner(String),
    /// No role of that name.
    #[error("there is no role `{0}`")]
    NoSuchRole(String),
    /// The database didn't answer.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Makes an entry on a node; one for the same principal and with the same effect is replaced.
///
/// Errors: [`GrantError::TooMany`], [`GrantError::Empty`].
pub async fn set(
    tx: &mut WriteTx,
    by: Authority<'_>,
    node: NodeId,
    new: &NewGrant,
    now: Moment,
) -> Result<(), GrantError> {
    by.require(node);
    confirm_says_something(new)?;
    tx.touch_directory();
    sql::upsert(tx.conn(), node, new, now).await?;
    if sql::count(tx.conn(), node).await? > ENTRIES_MAX as i64 { Err(GrantError::TooMany) } else { Ok(()) }
}

/// Replaces all entries of a node. Errors: as [`set`].
pub async fn replace(
    tx: &mut WriteTx,
    by: Authority<'_>,
    node: NodeId,
    new: &[NewGrant],
    now: Moment,
) -> Result<(), GrantError> {
    by.require(node);
    if new.len() > ENTRIES_MAX {
        return Err(GrantError::TooMany);
    }
    new.iter().try_for_each(confirm_says_something)?;
    tx.touch_directory();
    sql::clear(tx.conn(), node).await?;
    for new in new {
        sql::upsert(tx.conn(), node, new, now).await?;
    }
    Ok(())
}

/// A level of nothing is no entry; it is what ends one.
fn confirm_says_something(new: &NewGrant) -> Result<(), GrantError> {
    if new.granted.permissions().is_empty() { Err(GrantError::Empty) } else { Ok(()) }
}

/// Takes away what a principal has on a node, given or refused. Errors: [`GrantError::NoSuchGrant`].
pub async fn remove(tx: &mut WriteTx, by: Authority<'_>, node: NodeId, principal: Principal) -> Result<(), GrantError> {
    by.require(node);
    tx.touch_directory();
    if sql::delete(tx.conn(), node, principal).await? { Ok(()) } else { Err(GrantError::NoSuchGrant) }
}

/// Takes away everything that a principal was given or refused, on folders and of whole users; for who is removed.
pub(crate) async fn forget(tx: &mut WriteTx, principal: Principal) -> Result<(), DbError> {
    tx.touch_directory();
    sql::forget(tx.conn(), principal).await
}

/// Lets a node take over what its parent gives, or start from its own entries alone.
pub async fn set_inherits(tx: &mut WriteTx, by: Authority<'_>, node: &Node, inherits: bool) -> Result<(), GrantError> {
    by.require(node.id);
    tx.touch_directory();
    Ok(sql::set_inherits(tx.conn(), node.id, inherits).await?)
}

/// The entries of a node: users before groups, each by name, allows before denies.
pub async fn of_node(reads: &mut impl Reads, node: NodeId) -> Result<Vec<Grant>, DbError> {
    of_nodes(reads, &[node]).await
}

/// The entries of these nodes, by node, in the order of [`of_node`].
pub async fn of_nodes(reads: &mut impl Reads, nodes: &[NodeId]) -> Result<Vec<Grant>, DbError> {
    let rows = sql::of_nodes(reads.conn(), nodes).await?;
    let (grants, stored): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
    let granted = granted(reads, &stored).await?;
    Ok(grants.into_iter().zip(granted).map(|(grant, granted): (Grant, _)| Grant { granted, ..grant }).collect())
}

/// Which of these nodes don't inherit.
pub async fn cut(reads: &mut impl Reads, nodes: &[NodeId]) -> Result<Vec<NodeId>, DbError> {
    sql::cut(reads.conn(), nodes).await
}

/// The nodes that have entries or don't inherit: all, or those at and below one.
pub async fn marked(reads: &mut impl Reads, below: Option<&Node>) -> Result<Vec<NodeId>, DbError> {
    Ok(match below {
        Some(node) => sql::marked_below(reads.conn(), node.id).await?,
        None => sql::marked(reads.conn()).await?,
    })
}

/// Whether any entry, or node that doesn't inherit, is at or below a node: then moving it changes who may do what.
pub async fn speaks(reads: &mut impl Reads, node: &Node) -> Result<bool, DbError> {
    if node.is_collection() {
        sql::speaks_below(reads.conn(), node.share, node.id).await
    } else {
        sql::speaks(reads.conn(), node.id).await
    }
}

/// What was granted, as it is kept.
fn stored(granted: &Granted) -> Stored {
    match granted {
        Granted::Role(role) => (ROLE, role.name.to_string()),
        Granted::Level(level) => (LEVEL, level.name().to_owned()),
        Granted::Custom(permissions) => (PERMISSIONS, permissions.to_string()),
    }
}

/// What was granted as it is kept: the form and the value.
type Stored = (i64, String);

/// The way back for these. A role or level that the site doesn't know any more gives nothing.
async fn granted(reads: &mut impl Reads, stored: &[Stored]) -> Result<Vec<Granted>, DbError> {
    let names = stored.iter().filter(|(form, _)| *form == ROLE).map(|(_, value)| value.as_str());
    let roles = Roles::for_names(reads, names).await?;
    let granted = |(form, value): &Stored| match *form {
        ROLE => Granted::Role(roles.get_or_empty(value)),
        LEVEL => Granted::Level(Level::parse(value).unwrap_or(Level::None)),
        _ => Granted::Custom(value.parse().unwrap_or(Permissions::NONE)),
    };
    Ok(stored.iter().map(granted).collect())
}

const ROLE: i64 = 0;
const LEVEL: i64 = 1;
const PERMISSIONS: i64 = 2;
