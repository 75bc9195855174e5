//! The tree: collections and files as rows, a node each, below the root of their share.
//!
//! Reading is here and in [`list`]; [`change`] changes, each change in one transaction that begins by taking the share's
//! row; [`transfer`] is COPY and MOVE; [`props`] the dead properties; [`check`] what must always hold. The bytes of files
//! are elsewhere (`blobs/`): a node names a content that never changes. Knows no HTTP.

pub mod assembly;
pub mod cache;
pub mod change;
pub mod check;
pub mod list;
pub mod props;
pub mod reservation;
pub mod scratch;
mod sql;
pub mod sync;
pub mod transfer;
pub mod view;

pub(crate) use sql::node as node_of_row;
pub(crate) use sql::{is_litter, is_unmentioned};
pub(crate) use transfer::sql as transfer_sql;

use std::time::Duration;

use bytes::Bytes;

use crate::clock::Moment;
use crate::db::{DbError, Reads, WriteTx};
use crate::ids::{ContentId, NodeId, ShareId, UserId};
use crate::path::{Name, encode_segment};

/// How long whoever made a file may still write it without `write` (access.md "Creation lease").
pub const CREATION_LEASE: Duration = Duration::from_secs(5 * 60);

/// How long a name that a file has left is kept in mind: an editor that deletes a document, or moves it out of the way, and
/// then moves the new one to its name, has saved it.
pub const VACATED_KEPT: Duration = Duration::from_secs(120);

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Holds members.
    Collection,
    /// Has a content.
    File,
}

/// A row of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Permanent, never reused.
    pub id: NodeId,
    /// The share it lies in.
    pub share: ShareId,
    /// The collection it is a member of; `None` for a share's root and its trash.
    pub parent: Option<NodeId>,
    /// As sent by the client that gave it; empty for a root.
    pub name: String,
    /// Collection or file.
    pub kind: Kind,
    /// The content of a file.
    pub content: Option<ContentId>,
    /// Bytes of a file, 0 for a collection.
    pub size: u64,
    /// Last change of the content, or as a client set it.
    pub modified: Moment,
    /// When it was made, or as a client set it.
    pub created: Moment,
    /// The share's change sequence when it, or for a collection anything below it, last changed.
    pub seq: i64,
    /// Who may still write it because he has just made it, and until when.
    pub lease: Option<(UserId, Moment)>,
    /// Whether it has dead properties.
    pub has_props: bool,
}

impl Node {
    /// Whether it is a collection.
    pub fn is_collection(&self) -> bool {
        self.kind == Kind::Collection
    }

    /// The entity tag, quoted, always strong (RFC 9110 section 8.8.3): of a file the id of its content, of a collection
    /// its id and sequence, so that it changes when anything below changes.
    pub fn etag(&self) -> String {
        match self.content {
            Some(content) => format!("\"{content}\""),
            None => format!("\"{:x}-{:x}\"", self.id.0, self.seq),
        }
    }

    /// Whether `user` made it so recently that he may write it whatever his role says.
    pub fn leased_to(&self, user: UserId, now: Moment) -> bool {
        self.lease.is_some_and(|(holder, until)| holder == user && now < until)
    }
}

/// How far a path leads: the nodes on the way, from the share's root on, and the names that lead nowhere.
#[derive(Debug, Clone)]
pub struct Located {
    chain: Vec<Node>,
    missing: Vec<Name>,
    share: ShareState,
}

/// A share's row, as far as changes of its tree need it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShareState {
    /// The collection of what was deleted.
    pub trash: NodeId,
    /// Of the last change.
    pub seq: i64,
    /// What it holds and may hold.
    pub usage: Usage,
    /// Whether there is any lock in it, ended or not.
    pub has_locks: bool,
    /// Whether any file has left its name a moment ago, here or elsewhere.
    pub has_left: bool,
}

impl Located {
    /// The node that the whole path names.
    pub fn node(&self) -> Option<&Node> {
        if self.missing.is_empty() { self.chain.last() } else { None }
    }

    /// The collection that holds, or would hold, the last name of the path. `None` when the path is the share's root,
    /// when more than the last name is missing, or when a file stands in the way.
    pub fn parent(&self) -> Option<&Node> {
        let at = match self.missing.len() {
            0 => self.chain.len().checked_sub(2)?,
            1 => self.chain.len() - 1,
            _ => return None,
        };
        self.chain.get(at).filter(|node| node.is_collection())
    }

    /// The nodes from the share's root to the parent, which a change below marks as changed.
    pub fn ancestors(&self) -> &[Node] {
        &self.chain[..self.chain.len() - usize::from(self.missing.is_empty())]
    }

    /// The nodes that exist on the way, from the share's root on.
    pub fn chain(&self) -> &[Node] {
        &self.chain
    }

    /// The last name of the path, when only that leads nowhere.
    pub fn missing_name(&self) -> Option<&Name> {
        if self.missing.len() == 1 { self.missing.first() } else { None }
    }

    /// The same path as it would be if its last node weren't there, with `name` as the name that leads nowhere.
    pub fn without_its_node(&self, name: &Name) -> Self {
        Self { chain: self.ancestors().to_vec(), missing: vec![name.clone()], share: self.share }
    }

    /// What the share holds and may hold.
    pub fn usage(&self) -> Usage {
        self.share.usage
    }

    /// Whether there is any lock in the share, ended or not; if there is none, nobody need ask which.
    pub fn has_locks(&self) -> bool {
        self.share.has_locks
    }

    /// Whether the path is the share itself.
    pub fn is_root(&self) -> bool {
        self.missing.is_empty() && self.chain.len() == 1
    }
}

/// Why the tree refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TreeError {
    /// The share has been removed or deactivated meanwhile.
    #[error("the share is gone")]
    ShareGone,
    /// The quota doesn't allow so many bytes more.
    #[error("the quota allows {available} bytes more, not {wanted}")]
    OverQuota {
        /// Bytes that the change needs.
        wanted: u64,
        /// Bytes that are left.
        available: u64,
    },
    /// The result would lie deeper than a path may be.
    #[error("the result would lie too deep")]
    TooDeep,
    /// A copy in slices can't be finished: what it is made of was purged meanwhile, or its time was over.
    #[error("what is copied has gone meanwhile")]
    CopyLost,
    /// The bytes of a small content are not what was stored.
    #[error("content {0} is damaged")]
    Damaged(ContentId),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Follows `names` from the share's root as far as they lead.
///
/// Errors: [`TreeError::ShareGone`] without the root; [`TreeError::Db`].
pub async fn locate(tx: &mut impl Reads, root: NodeId, names: &[Name]) -> Result<Located, TreeError> {
    let keys: Vec<String> = names.iter().map(|name| name.key().as_str().to_owned()).collect();
    let (share, chain) = sql::chain(tx.conn(), root, &keys).await?.ok_or(TreeError::ShareGone)?;
    let missing = names[(chain.len() - 1).min(names.len())..].to_vec();
    Ok(Located { chain, missing, share })
}

/// The rows of a content that something else than a file names.
pub(crate) async fn insert_content(tx: &mut WriteTx, content: &change::Fresh, now: Moment) -> Result<(), DbError> {
    sql::insert_content(tx.conn(), content, now).await
}

/// The bytes of a content, when they are kept in the database; `None` when they are in the blob store.
///
/// Errors: [`TreeError::Damaged`].
pub async fn inline_bytes(tx: &mut impl Reads, content: ContentId) -> Result<Option<Bytes>, TreeError> {
    let Some((bytes, hash)) = sql::inline_bytes(tx.conn(), content).await? else { return Ok(None) };
    if blake3::hash(&bytes).as_bytes()[..] == hash[..] { Ok(Some(bytes)) } else { Err(TreeError::Damaged(content)) }
}

/// The nodes from the root of its share down to `node`; they begin with the trash when it lies there.
pub async fn chain_of(tx: &mut impl Reads, node: NodeId) -> Result<Vec<Node>, TreeError> {
    Ok(sql::chain_up(tx.conn(), node).await?)
}

/// The way to a node that is known by its id; `None` when it is gone or lies in a trash.
pub async fn locate_node(tx: &mut impl Reads, node: NodeId) -> Result<Option<Located>, TreeError> {
    let chain = sql::chain_up(tx.conn(), node).await?;
    let Some((root, below)) = chain.split_first() else { return Ok(None) };
    let names: Result<Vec<Name>, _> = below.iter().map(|node| Name::parse(&node.name)).collect();
    let Ok(names) = names else { return Ok(None) };
    let located = locate(tx, root.id, &names).await?;
    // A way through the trash leads nowhere: what lies there is not found by its name.
    Ok(located.node().is_some_and(|found| found.id == node).then_some(located))
}

/// The URL of the last node of a chain, in the share of that name.
pub fn href_of(prefix: &str, share: &str, chain: &[Node]) -> String {
    let mut href = prefix.trim_end_matches('/').to_owned();
    let names = chain.iter().skip(1).map(|node| node.name.as_str());
    for name in std::iter::once(share).chain(names) {
        href.push('/');
        href.extend(encode_segment(name));
    }
    if chain.last().is_some_and(Node::is_collection) {
        href.push('/');
    }
    href
}

/// A share's name. Errors: [`TreeError::ShareGone`].
pub async fn share_name(tx: &mut impl Reads, share: ShareId) -> Result<String, TreeError> {
    sql::share_name(tx.conn(), share).await?.ok_or(TreeError::ShareGone)
}

/// The file in `parent` whose key is `key`, or is `key` behind two more characters (as Word cuts the name of a document in
/// its owner file).
pub async fn find_document(tx: &mut impl Reads, parent: &Node, key: &str) -> Result<Option<Node>, TreeError> {
    Ok(sql::document(tx.conn(), parent.id, key).await?)
}

/// Whether there is any lock in the share, ended or not.
pub async fn has_locks(tx: &mut impl Reads, share: ShareId) -> Result<bool, TreeError> {
    Ok(sql::has_locks(tx.conn(), share).await?)
}

/// The member of `parent` that has this name, in any spelling.
pub async fn find_exact(tx: &mut impl Reads, parent: &Node, name: &Name) -> Result<Option<Node>, TreeError> {
    Ok(sql::member(tx.conn(), parent.id, name.key().as_str()).await?)
}

/// What a share holds, and may hold.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// Bytes of live files, revisions and trash together.
    pub used_bytes: u64,
    /// `None`: unlimited.
    pub quota_bytes: Option<u64>,
}

/// Counts bytes that a share has got or lost without a row in its change log.
pub(crate) async fn account(tx: &mut WriteTx, share: ShareId, added_bytes: i64) -> Result<(), TreeError> {
    Ok(sql::account(tx.conn(), share, added_bytes).await?)
}

/// What `share` holds at the moment. Errors: [`TreeError::ShareGone`].
pub async fn usage(tx: &mut impl Reads, share: ShareId) -> Result<Usage, TreeError> {
    sql::usage(tx.conn(), share).await?.ok_or(TreeError::ShareGone)
}

#[cfg(test)]
mod tests;
