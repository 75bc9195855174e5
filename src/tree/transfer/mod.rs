//! COPY and MOVE of any tree as rows, in one transaction (RFC 4918 sections 9.8 and 9.9).
//!
//! No byte of content moves: a copy names the same contents. What stood at the destination goes to the trash; a file that
//! a file comes onto keeps its identity and gets a new revision, so that editors which write a temporary file and rename
//! it don't cut a history off.

pub(crate) mod sql;

use commonhold_acl::{Landing, Permission, Permit};

use super::assembly::Assembly;
use super::change::{By, Change, Fresh, Op, State, may_take, require};
use super::scratch::is_save_scratch;
use super::view::{self, View};
use super::{Kind, Located, Node, TreeError, VACATED_KEPT, sql as tree_sql};
use crate::clock::Moment;
use crate::db::Reads;
use crate::ids::NodeId;
use crate::path::{Name, PATH_DEPTH_MAX, folded};

/// Where a copied or moved node comes.
pub struct Target<'a> {
    /// The path of the destination, in the share of the [`Change`].
    pub at: &'a Located,
    /// Its last name, as the client spells it.
    pub name: &'a Name,
    /// What the node meets there.
    pub landing: Landing,
}

impl Target<'_> {
    fn parent(&self) -> NodeId {
        self.at.parent().expect("the destination has a parent").id
    }
}

impl Change<'_> {
    /// Copies `source`, with what is seen below it unless `deep` is `None`. Gives the node at the destination.
    ///
    /// Errors: [`TreeError::OverQuota`], [`TreeError::TooDeep`].
    pub async fn copy(
        &mut self,
        permit: &Permit,
        source: &Node,
        deep: Option<&View>,
        to: &Target<'_>,
    ) -> Result<Node, TreeError> {
        if to.landing == Landing::Revises {
            self.confirm_quota(source.size)?;
            return self.revise(permit, source, to).await;
        }
        require(permit, Permission::Create, to.parent());
        let (nodes, bytes, levels) = match deep {
            Some(seen) if !seen.is_all() => view::plan_copy(self.tx.conn(), source.id, seen).await?,
            _ => sql::plan_copy(self.tx.conn(), source.id, deep.is_some()).await?,
        };
        assert!(nodes > 0, "the source is part of its own copy");
        self.confirm_quota(bytes.unsigned_abs())?;
        confirm_depth(to, levels)?;
        self.clear(permit, to).await?;
        let seq = self.next_seq(to.name.as_str());
        let blank = self.blank(to.at.ancestors(), to.name, source.kind);
        let mut copy = Node {
            content: source.content,
            size: source.size,
            modified: source.modified,
            has_props: source.has_props,
            seq,
            ..blank
        };
        copy.id = sql::copy_planned(self.tx.conn(), source.id, &copy, to.name.key().as_str(), &self.by).await?;
        self.log(Op::Copy, (copy.id, copy.parent, &copy.name), bytes, to.at.ancestors()).await?;
        Ok(copy)
    }

    /// Puts a copy of `source` that was made in slices where it belongs.
    ///
    /// Errors: as [`Change::copy`], and [`TreeError::CopyLost`].
    pub async fn attach(
        &mut self,
        permit: &Permit,
        source: &Node,
        copy: &Assembly,
        to: &Target<'_>,
    ) -> Result<Node, TreeError> {
        require(permit, Permission::Create, to.parent());
        assert!(to.landing != Landing::Revises, "a collection comes onto no file");
        assert!((copy.source, copy.share) == (source.id, self.share), "a copy of this, for here");
        if !sql::is_leased(self.tx.conn(), copy.root, self.by.at).await? {
            return Err(TreeError::CopyLost);
        }
        self.confirm_quota(copy.bytes)?;
        confirm_depth(to, copy.levels)?;
        self.clear(permit, to).await?;
        let seq = self.next_seq(to.name.as_str());
        let blank = self.blank(to.at.ancestors(), to.name, source.kind);
        let placed = Node { id: copy.root, modified: copy.modified, has_props: copy.has_props, seq, ..blank };
        let key = to.name.key();
        sql::attach(self.tx.conn(), &placed, key.as_str(), (self.trash, self.by.at)).await?;
        self.log(Op::Copy, (placed.id, placed.parent, &placed.name), copy.bytes.cast_signed(), to.at.ancestors())
            .await?;
        Ok(placed)
    }

    /// Moves or renames `source`, which lies in this share below `source_ancestors`. Gives the node at the destination.
    pub async fn relocate(
        &mut self,
        permit: &Permit,
        source: &Node,
        source_ancestors: &[Node],
        to: &Target<'_>,
    ) -> Result<Node, TreeError> {
        let old_parent = source.parent.expect("a share's root is never moved through the tree");
        let renamed = to.parent() == old_parent && permit.allows(old_parent, Permission::RenameChild);
        assert!(renamed || may_take(permit, source.id, old_parent), "a permit to take the source away");
        self.unsettle(source).await?;
        self.touch();
        if to.landing == Landing::Revises {
            let file = self.revise(permit, source, to).await?;
            sql::absorb(self.tx.conn(), source.id, file.id).await?;
            self.next_seq(&source.name);
            // The source's bytes were counted already, where it lay.
            let freed = -source.size.cast_signed();
            let gone = (source.parent, source.name.as_str());
            self.log_departure(Op::Delete, (source, source_ancestors), gone, freed, source_ancestors).await?;
            return Ok(file);
        }
        if !renamed {
            require(permit, Permission::Create, to.parent());
        }
        // In other letters it is the same name: nobody has left it before.
        let respelled = to.parent() == old_parent && folded(&source.name) == to.name.key().as_str();
        if source.kind == Kind::File && to.landing == Landing::Free && !respelled {
            if let Some(document) = self.former(to).await? {
                return self.save_as(source, source_ancestors, &document, to).await;
            }
            if is_save_scratch(to.name.as_str()) && to.parent() == old_parent {
                tree_sql::vacate(self.tx.conn(), source, self.by.user, self.by.at).await?;
            }
        }
        self.clear(permit, to).await?;
        let place = self.put_in_place(source, Some(&source.name), to).await?;
        let both: Vec<Node> = source_ancestors.iter().chain(to.at.ancestors()).cloned().collect();
        let come = (place.parent, place.name.as_str());
        self.log_departure(Op::Move, (source, source_ancestors), come, 0, &both).await?;
        Ok(place)
    }

    /// Moves `source` here from another share, where `from` leads to it. Its history goes along; onto a file, its content does, and it goes to the
    /// trash of its own share. `sweeps_litter`: whether that one does ([`Change::sweeping_litter`]).
    ///
    /// Errors: as [`Change::copy`].
    pub async fn adopt(
        &mut self,
        permit: &Permit,
        source: &Node,
        (from, sweeps_litter): (&Located, bool),
        to: &Target<'_>,
    ) -> Result<Node, TreeError> {
        let source_ancestors = from.ancestors();
        let old_parent = source.parent.expect("a share's root is never moved through the tree");
        assert!(may_take(permit, source.id, old_parent), "a permit to take the source away");
        self.unsettle(source).await?;
        if to.landing == Landing::Revises {
            let file = self.copy(permit, source, Some(&View::default()), to).await?;
            self.at_source(from, sweeps_litter).delete(permit, source, source_ancestors).await?;
            return Ok(file);
        }
        require(permit, Permission::Create, to.parent());
        let (_, _, levels) = sql::plan_copy(self.tx.conn(), source.id, true).await?;
        confirm_depth(to, levels)?;
        let bytes = tree_sql::bytes_below(self.tx.conn(), source.id).await?;
        self.confirm_quota(bytes.unsigned_abs())?;
        self.clear(permit, to).await?;
        let place = self.put_in_place(source, None, to).await?;
        sql::change_share(self.tx.conn(), source.id, self.share, place.seq).await?;
        self.log(Op::Move, (place.id, place.parent, &place.name), bytes, to.at.ancestors()).await?;
        let mut left = self.at_source(from, sweeps_litter);
        left.next_seq(&source.name);
        let gone = (source.parent, source.name.as_str());
        left.log_departure(Op::Delete, (source, source_ancestors), gone, -bytes, source_ancestors).await?;
        Ok(place)
    }

    /// The same change where the source lies, in its own share.
    fn at_source(&mut self, from: &Located, sweeps_litter: bool) -> Change<'_> {
        let By { user, at, client } = self.by.clone();
        Change::begin(self.tx, from, user, at).through(client).sweeping_litter(sweeps_litter)
    }

    /// The file that this person took from the destination's name a moment ago: deleted, or moved out of the way. It must
    /// still be where it went, and nobody else's: what has been renamed again, or locked by others, is no backup.
    async fn former(&mut self, to: &Target<'_>) -> Result<Option<Node>, TreeError> {
        let since = Moment(self.by.at.0 - VACATED_KEPT.as_millis() as i64);
        let key = to.name.key();
        let Some(id) = sql::vacated(self.tx.conn(), to.parent(), key.as_str(), self.by.user, since).await? else {
            return Ok(None);
        };
        let document = tree_sql::chain_up(self.tx.conn(), id).await?.pop();
        let beside = |node: &Node| node.parent == Some(to.parent()) && is_save_scratch(&node.name);
        Ok(document.filter(|node| node.kind == Kind::File && (node.parent == Some(self.trash) || beside(node))))
    }

    /// Writes `content` under the free name `name`, if it is one that this person has just moved a document away from: an
    /// editor saves that keeps a backup, such as vim. The document comes back as in a save by renames; the backup stays
    /// with the old content, as a file of its own. `None`, and nothing is changed, for any other name.
    ///
    /// `permit` allows `create` on the parent. Errors: [`TreeError::OverQuota`].
    pub async fn write_back(
        &mut self,
        permit: &Permit,
        at: &Located,
        name: &Name,
        content: &Fresh,
        modified: Option<Moment>,
    ) -> Result<Option<Node>, TreeError> {
        // Most files are new: then nobody need ask.
        if !at.share.has_left {
            return Ok(None);
        }
        self.touch();
        let to = Target { at, name, landing: Landing::Free };
        let document = self.former(&to).await?.filter(|node| node.parent != Some(self.trash));
        let Some(document) = document else { return Ok(None) };
        require(permit, Permission::Create, to.parent());
        self.confirm_quota(content.size.saturating_add(document.size))?;
        self.bring_back(&document, &to, content, modified).await.map(Some)
    }

    /// The same where the client has made an empty file of the name first, by a lock (davfs2) or by an empty PUT: `file`. What it
    /// has beside no bytes, its locks and properties, is the document's then.
    ///
    /// `permit` allows `write` on the file. Errors: [`TreeError::OverQuota`].
    pub async fn write_back_over(
        &mut self,
        permit: &Permit,
        at: &Located,
        (name, file): (&Name, &Node),
        content: &Fresh,
        modified: Option<Moment>,
    ) -> Result<Option<Node>, TreeError> {
        let is_own = file.lease.is_some_and(|(maker, _)| maker == self.by.user);
        if !at.share.has_left || !is_own || file.size > 0 {
            return Ok(None);
        }
        self.touch();
        let to = Target { at, name, landing: Landing::Free };
        let document = self.former(&to).await?.filter(|node| node.parent != Some(self.trash));
        let Some(document) = document else { return Ok(None) };
        require(permit, Permission::Write, file.id);
        self.confirm_quota(content.size.saturating_add(document.size))?;
        // Locked itself, it needs no other lock, and two of them would be one too many to give back.
        if !sql::move_locks(self.tx.conn(), file.id, document.id).await? {
            return Ok(None);
        }
        if file.has_props {
            sql::merge_props(self.tx.conn(), file.id, document.id).await?;
        }
        self.discard(file, at.ancestors()).await?;
        let back = self.bring_back(&document, &to, content, modified).await?;
        Ok(Some(Node { has_props: back.has_props || file.has_props, ..back }))
    }

    /// Puts a document that was moved aside back to its name, with the new content, and a copy of the old state where it lay.
    async fn bring_back(
        &mut self,
        document: &Node,
        to: &Target<'_>,
        content: &Fresh,
        modified: Option<Moment>,
    ) -> Result<Node, TreeError> {
        let ancestors = to.at.ancestors();
        self.unsettle(document).await?;
        let back = self.put_in_place(document, Some(&document.name), to).await?;
        // What was moved aside lies beside its name.
        let come = (back.parent, back.name.as_str());
        self.log_departure(Op::Move, (document, ancestors), come, 0, ancestors).await?;

        let backup_name = Name::parse(&document.name).expect("it has been a name before");
        self.next_seq(backup_name.as_str());
        let blank = self.blank(ancestors, &backup_name, Kind::File);
        let mut backup = Node { content: document.content, size: document.size, modified: document.modified, ..blank };
        backup.id = tree_sql::insert_node(self.tx.conn(), &backup, backup_name.key().as_str(), &self.by).await?;
        let kept = document.size.cast_signed();
        self.log(Op::Create, (backup.id, backup.parent, &backup.name), kept, ancestors).await?;

        tree_sql::insert_content(self.tx.conn(), content, self.by.at).await?;
        let modified = modified.unwrap_or(self.by.at);
        let new = State { content: content.id, size: content.size, modified, blind: false };
        self.set_content(&back, ancestors, new).await
    }

    /// An editor saves: it has moved the document out of the way or deleted it, and now moves what it has written to the
    /// document's name. The document comes back under its name, with its history, properties and locks, and gets the new
    /// content as a revision; what was moved out of the way stays where it is, as a file of its own.
    async fn save_as(
        &mut self,
        source: &Node,
        source_ancestors: &[Node],
        document: &Node,
        to: &Target<'_>,
    ) -> Result<Node, TreeError> {
        self.unsettle(document).await?;
        let was_deleted = document.parent == Some(self.trash);
        let (new, old) =
            (source.content.expect("a file has a content"), document.content.expect("a file has a content"));
        let left = (!was_deleted).then_some(document.name.as_str());
        let back = self.put_in_place(document, left, to).await?;
        if was_deleted {
            self.log(Op::Move, (back.id, back.parent, &back.name), 0, to.at.ancestors()).await?;
        } else {
            let come = (back.parent, back.name.as_str());
            self.log_departure(Op::Move, (document, to.at.ancestors()), come, 0, to.at.ancestors()).await?;
        }
        if source.has_props {
            sql::merge_props(self.tx.conn(), source.id, back.id).await?;
        }
        let state = State { content: new, size: source.size, modified: source.modified, blind: false };
        let saved = self.set_content(&back, to.at.ancestors(), state).await?;
        if was_deleted {
            self.next_seq(&source.name);
            sql::leave_trash(self.tx.conn(), document.id).await?;
            sql::absorb(self.tx.conn(), source.id, document.id).await?;
            let freed = -source.size.cast_signed();
            let gone = (source.parent, source.name.as_str());
            self.log_departure(Op::Delete, (source, source_ancestors), gone, freed, source_ancestors).await?;
        } else {
            self.next_seq_of(&[&source.name, &document.name]);
            let aside = document.parent.expect("only a root has no parent");
            let key = Name::parse(&document.name)
                .map_or_else(|_| document.name.clone(), |name| name.key().as_str().to_owned());
            sql::move_node(self.tx.conn(), source.id, aside, (&document.name, &key), self.seq, self.by.at).await?;
            let state = State { content: old, size: document.size, modified: document.modified, blind: false };
            sql::swap_content(self.tx.conn(), source.id, &state, self.by.at).await?;
            let more = document.size.cast_signed() - source.size.cast_signed();
            let come = (Some(aside), document.name.as_str());
            self.log_departure(Op::Move, (source, source_ancestors), come, more, source_ancestors).await?;
        }
        Ok(Node { has_props: saved.has_props || source.has_props, ..saved })
    }

    /// The file at the destination gets the source's content, and its properties over its own.
    async fn revise(&mut self, permit: &Permit, source: &Node, to: &Target<'_>) -> Result<Node, TreeError> {
        let file = to.at.node().expect("a file to come onto");
        assert!(source.kind == Kind::File && file.kind == Kind::File, "only a file comes onto a file");
        require(permit, Permission::Write, file.id);
        let content = source.content.expect("a file has a content");
        self.touch();
        if source.has_props {
            sql::merge_props(self.tx.conn(), source.id, file.id).await?;
        }
        let state = State { content, size: source.size, modified: source.modified, blind: false };
        let file = self.set_content(file, to.at.ancestors(), state).await?;
        Ok(Node { has_props: file.has_props || source.has_props, ..file })
    }

    /// Makes the name at the destination free.
    async fn clear(&mut self, permit: &Permit, to: &Target<'_>) -> Result<(), TreeError> {
        match to.landing {
            Landing::Free => assert!(to.at.node().is_none(), "the name is free"),
            Landing::Revises => {}
            Landing::Replaces => {
                let old = to.at.node().expect("something to replace");
                self.delete(permit, old, to.at.ancestors()).await?;
            }
        }
        Ok(())
    }

    /// The row's move itself. `leaves`: a name in this share that the log may have to tell of, too.
    async fn put_in_place(&mut self, source: &Node, leaves: Option<&str>, to: &Target<'_>) -> Result<Node, TreeError> {
        let name = to.name.as_str();
        let seq = self.next_seq_of(&[name, leaves.unwrap_or(name)]);
        let place = self.blank(to.at.ancestors(), to.name, source.kind);
        let key = to.name.key();
        sql::move_node(self.tx.conn(), source.id, to.parent(), (&place.name, key.as_str()), seq, self.by.at).await?;
        Ok(Node { share: self.share, parent: place.parent, name: place.name, seq, ..source.clone() })
    }
}

fn confirm_depth(to: &Target<'_>, levels: i64) -> Result<(), TreeError> {
    // The share's own name is the first of a path's.
    let depth = to.at.ancestors().len() as i64 + levels + 1;
    if depth > PATH_DEPTH_MAX as i64 { Err(TreeError::TooDeep) } else { Ok(()) }
}
