//! Copies in slices: a large tree is made where no share leads to, in short transactions with those of others in between, and comes to
//! its place by one row when all of it is there.
//!
//! It is a copy of one moment: its source is read in one transaction, which sees nothing of what others write meanwhile. Each slice names
//! contents that are there at that time, so nothing of it can be collected any more; where one is gone, because the source was purged, there is no
//! copy. The topmost node stands in `detached` with a lease that each slice renews. What was given up or broken off is purged from there like
//! everything that is purged. The bytes count when it comes to its place ([`Change::attach`](super::change::Change::attach)).

mod pages;
mod sql;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::change::By;
use super::props::{self, DeadProp};
use super::view::View;
use super::{Located, Node, ShareState, TreeError};
use crate::clock::Moment;
use crate::db::{Db, DbError, Portion, Reads, WriteTx};
use crate::ids::{ContentId, NodeId, ShareId};
use crate::path::PATH_DEPTH_MAX;
use pages::Pages;

/// A copy whose server says nothing for so long is given up.
pub const LEASE: Duration = Duration::from_secs(10 * 60);
/// So often a slice is tried that other transactions are in the way of.
const TRIES_MAX: u32 = 3;
/// Bytes of dead properties in one slice, a node's all together.
const SLICE_PROPS_BYTES: u64 = 256 * 1024;

/// A row of the source, as it will be copied.
#[derive(Debug, Clone)]
struct Piece {
    old: NodeId,
    /// `None` for the topmost.
    parent: Option<NodeId>,
    name: String,
    key: String,
    is_collection: bool,
    content: Option<ContentId>,
    size: u64,
    modified: Moment,
    has_props: bool,
    /// Levels below the topmost.
    level: i64,
}

/// What is to be copied, for whom and where.
#[derive(Debug)]
pub(crate) struct Order {
    /// The collection.
    pub source: Node,
    /// What is seen of it.
    pub seen: View,
    /// The share that it comes to.
    pub share: ShareId,
    /// The last change of that share.
    pub seq: i64,
    /// Bytes that its quota allows as things stand; `None`: any number.
    pub room: Option<u64>,
    /// Who copies.
    pub by: By,
}

impl Order {
    /// A copy of what is seen of `source`, to the share that `to` leads into.
    pub fn new(source: &Node, seen: View, to: &Located, by: By) -> Self {
        let ShareState { seq, usage, .. } = to.share;
        let room = usage.quota_bytes.map(|quota| quota.saturating_sub(usage.used_bytes));
        Self { source: source.clone(), seen, share: to.chain[0].share, seq, room, by }
    }
}

/// A copy that is whole and not in its place yet.
#[derive(Debug)]
pub struct Assembly {
    /// What was copied.
    pub source: NodeId,
    /// What was seen of it.
    pub seen: View,
    /// The share that it was made for.
    pub share: ShareId,
    /// Its topmost node.
    pub(super) root: NodeId,
    pub(super) modified: Moment,
    pub(super) has_props: bool,
    pub(super) bytes: u64,
    pub(super) levels: i64,
}

/// Copies what `tx` sees of the source.
///
/// Errors: [`TreeError::OverQuota`], [`TreeError::TooDeep`] as soon as it is clear; [`TreeError::CopyLost`]. Then nothing is left that
/// isn't purged by itself.
pub(crate) async fn assemble(db: &Db, tx: &mut impl Reads, order: Order) -> Result<Assembly, TreeError> {
    let Order { source, seen, share, seq, room, by } = order;
    let mut pages = Pages::of(&source, &seen);
    let top = sql::topmost(tx.conn(), source.id).await?.ok_or(TreeError::CopyLost)?;
    let (modified, has_props) = (top.modified, top.has_props);
    let whole = Assembly { source: source.id, seen, share, root: NodeId(0), modified, has_props, bytes: 0, levels: 0 };
    let mut making = Making { whole, room, seq, by, lease: None, made: HashMap::new(), portion: Portion::default() };
    match making.all(db, tx, (top, &mut pages)).await {
        Ok(()) => Ok(making.whole),
        Err(error) => {
            give_up(db, &making.whole).await;
            Err(error)
        }
    }
}

/// Lets the rows of a copy that doesn't come to its place go. If that fails, they go when the lease is over.
pub(crate) async fn give_up(db: &Db, copy: &Assembly) {
    let (own, root) = (db.clone(), copy.root);
    let given_up = db.work(async move {
        let mut tx = own.write().await?;
        sql::end_lease(tx.conn(), root).await?;
        tx.commit().await
    });
    if !matches!(given_up.await, Ok(Ok(()))) {
        tracing::warn!("a copy that was given up is purged later, when its lease is over");
    }
}

/// A copy, as far as it has come.
struct Making {
    whole: Assembly,
    room: Option<u64>,
    seq: i64,
    by: By,
    /// `None` before the topmost node is there.
    lease: Option<Moment>,
    /// The copies of collections.
    made: HashMap<NodeId, NodeId>,
    portion: Portion,
}

impl Making {
    async fn all(&mut self, db: &Db, tx: &mut impl Reads, (top, pages): (Piece, &mut Pages)) -> Result<(), TreeError> {
        let mut page = vec![top];
        while !page.is_empty() {
            for piece in &page {
                self.whole.bytes = self.whole.bytes.saturating_add(piece.size);
                self.whole.levels = self.whole.levels.max(piece.level);
            }
            self.confirm()?;
            self.page(db, tx, page).await?;
            page = pages.next(tx, Portion::MOST).await?;
        }
        Ok(())
    }

    /// Whether it can still come to its place: that it may is decided there.
    fn confirm(&self) -> Result<(), TreeError> {
        if self.whole.levels > PATH_DEPTH_MAX as i64 {
            return Err(TreeError::TooDeep);
        }
        match self.room {
            Some(available) if self.whole.bytes > available => {
                Err(TreeError::OverQuota { wanted: self.whole.bytes, available })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Writes a page, each of whose nodes lies in a collection of an earlier one, in slices.
    async fn page(&mut self, db: &Db, tx: &mut impl Reads, page: Vec<Piece>) -> Result<(), TreeError> {
        let with_props = having_props(&page);
        let weights = if with_props.is_empty() { HashMap::new() } else { sql::weights(tx.conn(), &with_props).await? };
        let mut page = page.into_iter().peekable();
        while page.peek().is_some() {
            let (mut pieces, mut bytes) = (Vec::new(), 0);
            while let Some(piece) = page.next_if(|_| pieces.len() < self.portion.rows() && bytes < SLICE_PROPS_BYTES) {
                bytes += weights.get(&piece.old).copied().unwrap_or(0);
                pieces.push(piece);
            }
            let with_props = having_props(&pieces);
            let props = if with_props.is_empty() { Vec::new() } else { props::of(tx, &with_props).await? };
            self.slice(db, pieces, props).await?;
        }
        Ok(())
    }

    async fn slice(&mut self, db: &Db, pieces: Vec<Piece>, props: Vec<(NodeId, DeadProp)>) -> Result<(), TreeError> {
        let rows = pieces.len();
        let parent = |piece: &Piece| piece.parent.map(|parent| self.made[&parent]);
        let slice = Slice {
            parents: pieces.iter().map(parent).collect(),
            pieces,
            props,
            share: self.whole.share,
            seq: self.seq,
            by: self.by.clone(),
            leased: self.lease.map(|lease| (self.whole.root, lease)),
        };
        let slice = Arc::new(slice);
        let mut tries = 1..TRIES_MAX;
        let written = loop {
            let (own, slice) = (db.clone(), Arc::clone(&slice));
            let written = db.work(async move { slice.write(own.write().await?).await }).await;
            match written.map_err(|_| DbError::Lost("a slice of a copy broke down".into()))? {
                Err(TreeError::Db(DbError::Conflict)) if tries.next().is_some() => {}
                written => break written?,
            }
        };
        self.whole.root = written.root;
        self.lease = Some(written.lease);
        self.made.extend(written.made);
        self.portion = self.portion.after(rows, written.took);
        Ok(())
    }
}

fn having_props(pieces: &[Piece]) -> Vec<NodeId> {
    pieces.iter().filter(|piece| piece.has_props).map(|piece| piece.old).collect()
}

/// One short transaction's part of a copy.
struct Slice {
    pieces: Vec<Piece>,
    /// Where each of them comes; `None` for the topmost.
    parents: Vec<Option<NodeId>>,
    props: Vec<(NodeId, DeadProp)>,
    share: ShareId,
    seq: i64,
    by: By,
    /// The topmost node and its lease, once it is there.
    leased: Option<(NodeId, Moment)>,
}

/// What a slice has come to.
struct Written {
    root: NodeId,
    lease: Moment,
    made: Vec<(NodeId, NodeId)>,
    took: Duration,
}

impl Slice {
    async fn write(&self, mut tx: WriteTx) -> Result<Written, TreeError> {
        let (begun, now) = (Instant::now(), Moment::now());
        let lease = now.plus(LEASE);
        tx.protect().await?;
        let olds: Vec<NodeId> = self.pieces.iter().map(|piece| piece.old).collect();
        let new: HashMap<NodeId, NodeId> = sql::fresh_ids(tx.conn(), &olds).await?.into_iter().collect();
        let places = self.pieces.iter().zip(&self.parents);
        let rows: Vec<_> = places.map(|(piece, parent)| (new[&piece.old], *parent, piece)).collect();
        let made =
            rows.iter().filter(|(_, _, piece)| piece.is_collection).map(|(id, _, piece)| (piece.old, *id)).collect();
        if sql::insert(tx.conn(), &rows, (self.share, self.seq, &self.by)).await? < rows.len() as u64 {
            return Err(TreeError::CopyLost);
        }
        if !self.props.is_empty() {
            let props = self.props.iter().map(|(old, prop)| (new[old], prop));
            sql::insert_props(tx.conn(), props.collect()).await?;
        }
        let root = match self.leased {
            // Others may be purging what there is, once the lease is over.
            Some((_, until)) if until <= now => return Err(TreeError::CopyLost),
            Some((root, until)) if sql::renew(tx.conn(), root, (until, lease)).await? => root,
            Some(_) => return Err(TreeError::CopyLost),
            None => {
                sql::detach(tx.conn(), rows[0].0, lease).await?;
                rows[0].0
            }
        };
        let took = begun.elapsed();
        tx.commit().await?;
        Ok(Written { root, lease, made, took })
    }
}
