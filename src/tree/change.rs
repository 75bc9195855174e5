//! Changing a share's tree: new collections and files, other contents, the way into the trash.
//!
//! A [`Change`] is one share taken for writing inside a write transaction: its sequence and quota are known and nobody
//! else can move them before the commit. Whoever changes anything shows the [`Permit`] that allows it.

use std::time::Duration;

use bytes::Bytes;
use commonhold_acl::{Permission, Permit};

use super::scratch::{is_macos_litter, leaves_no_trace};
use super::{CREATION_LEASE, Kind, Located, Node, ShareState, TreeError, Usage, sql};
use crate::blobs::sums::Sums;
use crate::blobs::{Place, Sealed};
use crate::clock::Moment;
use crate::db::{Reads, WriteTx};
use crate::grants;
use crate::ids::{ContentId, NodeId, ShareId, UserId};
use crate::path::Name;

/// What a row of the change log tells; the numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i64)]
pub enum Op {
    /// A node has been made.
    Create = 1,
    /// A file has another content.
    Write = 2,
    /// Properties have changed.
    Props = 3,
    /// A node has gone to the trash.
    Delete = 4,
    /// A node has another place or name; `parent` and `name` are the new ones.
    Move = 5,
    /// A tree has been copied; the node is the root of the copy.
    Copy = 6,
    /// A node has come back from the trash, to `parent` and `name`.
    Restore = 7,
}

/// A row of the change log and what goes with it.
pub(super) struct Journal<'a> {
    pub share: ShareId,
    pub seq: i64,
    pub op: Op,
    pub parent: Option<NodeId>,
    pub name: &'a str,
    pub actor: UserId,
    pub at: Moment,
    pub added_bytes: i64,
    pub ancestors: &'a [NodeId],
}

/// Where a node was that leaves its place.
pub(crate) struct Departure {
    pub node: NodeId,
    pub kind: Kind,
    /// The collections that it was in, from the share's root on.
    pub ids: Vec<NodeId>,
    /// Its names from the share's root on, a slash between them.
    pub path: String,
}

impl Departure {
    /// Of a node that lies in the last of `was_in`.
    pub fn of(left: &Node, was_in: &[Node]) -> Self {
        let names: Vec<&str> = was_in.iter().skip(1).chain([left]).map(|node| node.name.as_str()).collect();
        let ids = was_in.iter().map(|node| node.id).collect();
        Self { node: left.id, kind: left.kind, ids, path: names.join("/") }
    }
}

/// A content that no row names yet: its bytes are on disk already, or come along.
#[derive(Debug, Clone)]
pub struct Fresh {
    /// Its id; the blob of that name, unless inline.
    pub id: ContentId,
    /// Bytes.
    pub size: u64,
    /// BLAKE3.
    pub hash: [u8; 32],
    /// The bytes, when small enough to lie in the database.
    pub inline: Option<Bytes>,
    /// The hashes of its chunks, if it has several.
    pub sums: Vec<u8>,
    /// The checksum that came along with it and was found right, as its client wrote it.
    pub checksum: Option<String>,
}

impl Fresh {
    /// A content that is small enough to lie in the database.
    pub fn small(bytes: Bytes) -> Self {
        let hash = *blake3::hash(&bytes).as_bytes();
        let size = bytes.len() as u64;
        Self { id: ContentId::fresh(), size, hash, inline: Some(bytes), sums: Vec::new(), checksum: None }
    }
}

impl From<Sealed> for Fresh {
    fn from(sealed: Sealed) -> Self {
        let (id, inline) = match sealed.place {
            Place::Inline(bytes) => (ContentId::fresh(), Some(bytes)),
            Place::File(blob) => (ContentId(uuid::Uuid::from_bytes(*blob.as_bytes())), None),
        };
        let Sums { hash, chunks } = sealed.sums;
        Self { id, size: sealed.size, hash, inline, sums: chunks, checksum: None }
    }
}

/// A state that a file gets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct State {
    pub content: ContentId,
    pub size: u64,
    pub modified: Moment,
    /// Whoever brings it has not said which state it replaces.
    pub blind: bool,
}

/// Who changes something, when, and through what.
#[derive(Debug, Clone)]
pub(crate) struct By {
    pub user: UserId,
    pub at: Moment,
    pub client: String,
}

/// One share, taken for changes by one person at one moment.
pub struct Change<'t> {
    pub(crate) tx: &'t mut WriteTx,
    /// The share.
    pub share: ShareId,
    pub(crate) trash: NodeId,
    pub(crate) seq: i64,
    usage: Usage,
    pub(crate) by: By,
    coalesces: Option<Duration>,
    /// What macOS lays beside files has no history.
    sweeps_litter: bool,
}

impl<'t> Change<'t> {
    /// Takes the share that `located` lies in; `located` must have been looked up in this very transaction, after every
    /// earlier change of it.
    pub fn begin(tx: &'t mut WriteTx, located: &Located, actor: UserId, now: Moment) -> Self {
        let share = located.chain()[0].share;
        let ShareState { trash, seq, usage, .. } = located.share;
        Self {
            tx,
            share,
            trash,
            seq,
            usage,
            by: By { user: actor, at: now, client: String::new() },
            coalesces: None,
            sweeps_litter: false,
        }
    }

    /// Says through what it is made, in a few words for the history.
    pub fn through(self, client: String) -> Self {
        Self { by: By { client, ..self.by }, ..self }
    }

    /// Says that it is made at another moment than it was asked for.
    pub fn made_at(self, now: Moment) -> Self {
        Self { by: By { at: now, ..self.by }, ..self }
    }

    /// Makes saves of one person within that time one revision.
    pub fn coalescing(self, within: Option<Duration>) -> Self {
        Self { coalesces: within, ..self }
    }

    /// Makes files of macOS' own such as owner files are: outside of the log, without revisions and trash.
    pub fn sweeping_litter(self, yes: bool) -> Self {
        Self { sweeps_litter: yes, ..self }
    }

    /// Whether a file of this name comes and goes without a trace.
    fn is_passing(&self, name: &str) -> bool {
        leaves_no_trace(name, self.sweeps_litter)
    }

    /// Refuses what the quota doesn't allow. Errors: [`TreeError::OverQuota`].
    pub(crate) fn confirm_quota(&self, wanted: u64) -> Result<(), TreeError> {
        let Some(quota) = self.usage.quota_bytes else { return Ok(()) };
        let available = quota.saturating_sub(self.usage.used_bytes);
        if wanted > available { Err(TreeError::OverQuota { wanted, available }) } else { Ok(()) }
    }

    /// Comes before the first write, and after everything that may refuse: what gives up until here disturbs no other job.
    pub(crate) fn touch(&mut self) {
        self.tx.touch_share(self.share);
    }

    /// Comes before a node leaves its place. Grants hang off nodes, and what they come to depends on where these lie: if any
    /// lies at or below the node, what is known of people's access is no longer true.
    pub(crate) async fn unsettle(&mut self, node: &Node) -> Result<(), TreeError> {
        if grants::speaks(self.tx, node).await? {
            self.tx.touch_directory();
        }
        Ok(())
    }

    /// The sequence that a change of a file of this name gets: the next one, unless the log doesn't tell of such files.
    pub(crate) fn next_seq(&mut self, name: &str) -> i64 {
        self.next_seq_of(&[name])
    }

    /// The same for a change that takes a file from one name to another: the log tells of it if it tells of either.
    pub(crate) fn next_seq_of(&mut self, names: &[&str]) -> i64 {
        self.touch();
        self.seq += i64::from(!names.iter().all(|name| self.is_passing(name)));
        self.seq
    }

    /// As [`Self::log`] for a node that has left its place, which was in the last of `was_in`; whoever follows the log is told where that was.
    pub(crate) async fn log_departure(
        &mut self,
        op: Op,
        (left, was_in): (&Node, &[Node]),
        (parent, name): (Option<NodeId>, &str),
        added_bytes: i64,
        ancestors: &[Node],
    ) -> Result<(), TreeError> {
        if self.is_passing(&left.name) {
            return self.log(op, (left.id, parent, name), added_bytes, ancestors).await;
        }
        self.depart(self.seq, left, was_in).await?;
        self.write_log(op, (left.id, parent, name), added_bytes, ancestors).await
    }

    /// Keeps where a node is that leaves its place with the change of that sequence. The log doesn't tell of owner files.
    pub(crate) async fn depart(&mut self, seq: i64, left: &Node, was_in: &[Node]) -> Result<(), TreeError> {
        if self.is_passing(&left.name) {
            return Ok(());
        }
        let departure = Departure::of(left, was_in);
        Ok(sql::depart(self.tx.conn(), self.share, seq, &departure).await?)
    }

    /// Writes the change log's row, the share's counters and the ancestors' sequence.
    pub(crate) async fn log(
        &mut self,
        op: Op,
        (node, parent, name): (NodeId, Option<NodeId>, &str),
        added_bytes: i64,
        ancestors: &[Node],
    ) -> Result<(), TreeError> {
        if self.is_passing(name) {
            self.count(added_bytes);
            return Ok(sql::account(self.tx.conn(), self.share, added_bytes).await?);
        }
        self.write_log(op, (node, parent, name), added_bytes, ancestors).await
    }

    async fn write_log(
        &mut self,
        op: Op,
        (node, parent, name): (NodeId, Option<NodeId>, &str),
        added_bytes: i64,
        ancestors: &[Node],
    ) -> Result<(), TreeError> {
        self.count(added_bytes);
        let ancestors: Vec<NodeId> = ancestors.iter().map(|node| node.id).collect();
        let row = self.row(op, parent, name, added_bytes, &ancestors);
        Ok(sql::journal(self.tx.conn(), node, &row).await?)
    }

    fn count(&mut self, added_bytes: i64) {
        self.usage.used_bytes = self.usage.used_bytes.saturating_add_signed(added_bytes);
    }

    fn row<'a>(
        &self,
        op: Op,
        parent: Option<NodeId>,
        name: &'a str,
        added_bytes: i64,
        ancestors: &'a [NodeId],
    ) -> Journal<'a> {
        let (share, seq, actor, at) = (self.share, self.seq, self.by.user, self.by.at);
        Journal { share, seq, op, parent, name, actor, at, added_bytes, ancestors }
    }

    /// A node that doesn't exist yet, in the last of `ancestors`.
    pub(crate) fn blank(&self, ancestors: &[Node], name: &Name, kind: Kind) -> Node {
        let parent = ancestors.last().expect("a share's root is always an ancestor");
        assert!(parent.is_collection() && parent.share == self.share, "members belong into collections of the share");
        Node {
            id: NodeId(0),
            share: self.share,
            parent: Some(parent.id),
            name: name.as_str().to_owned(),
            kind,
            content: None,
            size: 0,
            modified: self.by.at,
            created: self.by.at,
            seq: self.seq,
            lease: None,
            has_props: false,
        }
    }

    /// Makes an empty collection as a member of the last of `ancestors`, for which `permit` allows `create`.
    pub async fn create_collection(
        &mut self,
        permit: &Permit,
        ancestors: &[Node],
        name: &Name,
    ) -> Result<Node, TreeError> {
        require(permit, Permission::Create, ancestors.last().expect("a share's root is always an ancestor").id);
        self.add_collection(ancestors, name).await
    }

    /// The same for whoever has looked whether it may be made.
    pub(crate) async fn add_collection(&mut self, ancestors: &[Node], name: &Name) -> Result<Node, TreeError> {
        self.next_seq(name.as_str());
        let mut node = self.blank(ancestors, name, Kind::Collection);
        node.id = sql::insert_node(self.tx.conn(), &node, name.key().as_str(), &self.by).await?;
        self.log(Op::Create, (node.id, node.parent, &node.name), 0, ancestors).await?;
        Ok(node)
    }

    /// Makes a file with `content` as a member of the last of `ancestors`, for which `permit` allows `create`.
    /// Its maker gets a creation lease. `modified`: as the client wants it, else now.
    ///
    /// Errors: [`TreeError::OverQuota`].
    pub async fn create_file(
        &mut self,
        permit: &Permit,
        ancestors: &[Node],
        name: &Name,
        content: &Fresh,
        modified: Option<Moment>,
    ) -> Result<Node, TreeError> {
        self.confirm_quota(content.size)?;
        self.next_seq(name.as_str());
        let mut node = self.blank(ancestors, name, Kind::File);
        require(permit, Permission::Create, node.parent.expect("a member has a parent"));
        node.content = Some(content.id);
        node.size = content.size;
        node.modified = modified.unwrap_or(self.by.at);
        node.lease = Some((self.by.user, self.by.at.plus(CREATION_LEASE)));
        let (key, bytes) = (name.key(), content.size.cast_signed());
        if self.is_passing(name.as_str()) {
            sql::insert_content(self.tx.conn(), content, self.by.at).await?;
            node.id = sql::insert_node(self.tx.conn(), &node, key.as_str(), &self.by).await?;
            self.log(Op::Create, (node.id, node.parent, &node.name), bytes, ancestors).await?;
            return Ok(node);
        }
        self.count(bytes);
        let ancestors: Vec<NodeId> = ancestors.iter().map(|node| node.id).collect();
        let row = self.row(Op::Create, node.parent, &node.name, bytes, &ancestors);
        node.id = sql::create_file(self.tx.conn(), &node, key.as_str(), &self.by, content, &row).await?;
        Ok(node)
    }

    /// Gives `file` another content; the present state becomes a revision, unless it is empty: the empty file that
    /// Finder and Windows make before they write is no state that anybody wants back.
    ///
    /// `blind`: the client has not said which state it changes, by a condition or a lock. What it overwrites of somebody
    /// else's is marked then. `permit` allows `write` on the file. Errors: [`TreeError::OverQuota`].
    pub async fn write_file(
        &mut self,
        permit: &Permit,
        file: &Node,
        ancestors: &[Node],
        content: &Fresh,
        modified: Option<Moment>,
        blind: bool,
    ) -> Result<Node, TreeError> {
        require(permit, Permission::Write, file.id);
        self.confirm_quota(content.size)?;
        self.touch();
        sql::insert_content(self.tx.conn(), content, self.by.at).await?;
        let modified = modified.unwrap_or(self.by.at);
        self.set_content(file, ancestors, State { content: content.id, size: content.size, modified, blind }).await
    }

    /// The common end of every way to another content: PUT, COPY and MOVE onto a file.
    pub(crate) async fn set_content(&mut self, file: &Node, ancestors: &[Node], new: State) -> Result<Node, TreeError> {
        let seq = self.next_seq(&file.name);
        let keep = file.size > 0
            && !(self.sweeps_litter && is_macos_litter(&file.name))
            && match self.coalesces {
                Some(within) => !sql::is_same_save(self.tx.conn(), file.id, &self.by, millis(within)).await?,
                None => true,
            };
        sql::replace_content(self.tx.conn(), file.id, &new, (seq, &self.by), keep).await?;
        let dropped = if keep { 0 } else { file.size };
        let added = new.size.cast_signed() - dropped.cast_signed();
        self.log(Op::Write, (file.id, file.parent, &file.name), added, ancestors).await?;
        let State { content, size, modified, .. } = new;
        Ok(Node { content: Some(content), size, modified, seq, ..file.clone() })
    }

    /// Removes a file that a lock made and nobody has written. There is nothing to keep of it, unless something was copied or moved onto it meanwhile.
    pub async fn discard(&mut self, node: &Node, ancestors: &[Node]) -> Result<(), TreeError> {
        assert!(node.kind == Kind::File && node.size == 0, "only an empty file is discarded");
        let seq = self.next_seq(&node.name);
        if sql::bytes_below(self.tx.conn(), node.id).await? > 0 {
            // It had bytes at some time, which are somebody's.
            let path = names_below(ancestors);
            sql::to_trash(self.tx.conn(), node, (self.trash, &path), seq, self.by.user, self.by.at).await?;
        } else {
            sql::purge(self.tx.conn(), node.id).await?;
        }
        self.log_departure(Op::Delete, (node, ancestors), (node.parent, &node.name), 0, ancestors).await
    }

    /// Moves a node with everything below it into the share's trash, as one row.
    ///
    /// `permit` allows `delete` on the node or `delete-child` on its parent.
    pub async fn delete(&mut self, permit: &Permit, node: &Node, ancestors: &[Node]) -> Result<(), TreeError> {
        let parent = node.parent.expect("a share's root is never deleted through the tree");
        assert!(may_take(permit, node.id, parent), "a permit to delete this node");
        self.unsettle(node).await?;
        self.touch();
        if node.kind == Kind::File && self.is_passing(&node.name) {
            let freed = sql::bytes_below(self.tx.conn(), node.id).await?;
            sql::purge(self.tx.conn(), node.id).await?;
            return self.log(Op::Delete, (node.id, node.parent, &node.name), -freed, ancestors).await;
        }
        let seq = self.next_seq(&node.name);
        if node.kind == Kind::File {
            sql::vacate(self.tx.conn(), node, self.by.user, self.by.at).await?;
        }
        let path = names_below(ancestors);
        sql::to_trash(self.tx.conn(), node, (self.trash, &path), seq, self.by.user, self.by.at).await?;
        self.log_departure(Op::Delete, (node, ancestors), (node.parent, &node.name), 0, ancestors).await
    }
}

/// The names from a share's root down to the last of a chain, a `/` between them; of the root itself nothing.
pub(crate) fn names_below(chain: &[Node]) -> String {
    let names: Vec<&str> = chain.iter().skip(1).map(|node| node.name.as_str()).collect();
    names.join("/")
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn require(permit: &Permit, permission: Permission, item: NodeId) {
    assert!(permit.allows(item, permission), "a permit for `{}` on this node", permission.name());
}

/// Whether the permit is for taking the node away from its parent.
pub(super) fn may_take(permit: &Permit, node: NodeId, parent: NodeId) -> bool {
    permit.allows(node, Permission::Delete) || permit.allows(parent, Permission::DeleteChild)
}
