//! Team shares and who is subscribed to them with which role.
//!
//! Here: making, listing and finding shares; subscribing users and groups; which shares reach a user, and how. Not here: what
//! a role allows (`acl`), what lies in a share (`tree/`), whether a door is open (`guard/`). Knows no HTTP.

mod sql;
mod subscription;

use commonhold_acl as acl;

pub use subscription::{Reach, Subscriber, Subscription, reaching, subscribe, subscribers, unsubscribe};

use crate::clock::Moment;
use crate::db::{DbError, Reads, WriteTx};
use crate::directory::{Administrator, DirectoryError, plain_text};
use crate::ids::{NodeId, OrgId, ShareId};
use crate::path::{Name, NameKey};

/// Characters in a description.
const DESCRIPTION_CHARS_MAX: usize = 1000;

/// A team share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Permanent.
    pub id: ShareId,
    /// The organization it belongs to.
    pub org: OrgId,
    /// Whether that organization is active.
    pub org_active: bool,
    /// Its name below the root, as it was given.
    pub name: String,
    /// For people; may be empty.
    pub description: String,
    /// An inactive share exists for nobody but its administrators' commands.
    pub active: bool,
    /// The collection that the share is.
    pub root: NodeId,
    /// The collection of what was deleted.
    pub trash: NodeId,
    /// The sequence of its last change.
    pub seq: i64,
    /// Bytes of live files, revisions and trash together.
    pub used_bytes: u64,
    /// The most they may be; `None`: no limit.
    pub quota_bytes: Option<u64>,
    /// When it was made.
    pub created: Moment,
}

impl Share {
    /// What its name is unique by.
    pub fn key(&self) -> NameKey {
        Name::parse(&self.name).expect("only valid names are stored").key()
    }
}

/// Why shares and subscriptions couldn't be changed or found.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ShareError {
    /// There is a share of that name, or of one that differs only in letter case or Unicode form.
    #[error("the name `{0}` is taken")]
    NameTaken(String),
    /// No share of that name.
    #[error("there is no share `{0}`")]
    NoSuchShare(String),
    /// No role of that name.
    #[error("there is no role `{role}`; the roles are {roles}", roles = role_names())]
    NoSuchRole {
        /// What was asked for.
        role: String,
    },
    /// A quota that can't be counted.
    #[error("a quota is at most {max} bytes", max = i64::MAX)]
    QuotaTooLarge,
    /// Guests see what is granted to them, but subscribe to nothing.
    #[error("`{0}` is a guest, and guests can't subscribe")]
    GuestsCantSubscribe(String),
    /// Ending a subscription that isn't there.
    #[error("that is no subscriber of `{0}`")]
    NotSubscribed(String),
    /// The share would be left without anybody who may manage it.
    #[error("that is the last co-owner of `{0}`; subscribe another one first")]
    LastCoOwner(String),
    /// A description that breaks the rules.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The database didn't answer.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for ShareError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

/// What a new share is made of.
#[derive(Debug)]
pub struct NewShare<'a> {
    /// The organization it will belong to.
    pub org: OrgId,
    /// Its name below the root.
    pub name: &'a Name,
    /// Empty for none.
    pub description: &'a str,
    /// See [`Share::quota_bytes`].
    pub quota_bytes: Option<u64>,
}

/// Makes an empty share without subscribers, with its root and its trash.
///
/// Errors: [`ShareError::NameTaken`], [`ShareError::QuotaTooLarge`], [`DirectoryError::BadName`] for the description.
pub async fn create(
    tx: &mut WriteTx,
    _by: &Administrator,
    new: &NewShare<'_>,
    now: Moment,
) -> Result<ShareId, ShareError> {
    plain_text("description", new.description, DESCRIPTION_CHARS_MAX)?;
    let quota = new.quota_bytes.map(i64::try_from).transpose().map_err(|_| ShareError::QuotaTooLarge)?;
    tx.touch_directory();
    let Some(id) = sql::insert_share(tx.conn(), new, &new.name.key(), quota, now).await? else {
        return Err(ShareError::NameTaken(new.name.as_str().to_owned()));
    };
    let root = sql::insert_top(tx.conn(), id, now).await?;
    let trash = sql::insert_top(tx.conn(), id, now).await?;
    sql::set_tops(tx.conn(), id, root, trash).await?;
    Ok(id)
}

/// The share of that name, for those who need one. Errors: [`ShareError::NoSuchShare`].
pub async fn named(reads: &mut impl Reads, name: &str) -> Result<Share, ShareError> {
    let found = match Name::parse(name) {
        Ok(name) => find(reads, &name).await?,
        Err(_) => None,
    };
    found.ok_or_else(|| ShareError::NoSuchShare(name.escape_debug().to_string()))
}

/// The share of that name, in any letter case.
pub async fn find(reads: &mut impl Reads, name: &Name) -> Result<Option<Share>, DbError> {
    Ok(sql::share_by_key(reads.conn(), &name.key()).await?)
}

/// The share of that id.
pub async fn by_id(reads: &mut impl Reads, id: ShareId) -> Result<Option<Share>, DbError> {
    Ok(sql::share_by_id(reads.conn(), id).await?)
}

/// All shares, by name.
pub async fn list(reads: &mut impl Reads) -> Result<Vec<Share>, DbError> {
    Ok(sql::shares(reads.conn()).await?)
}

fn role_names() -> String {
    acl::roles().iter().map(|role| role.name.as_ref()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
