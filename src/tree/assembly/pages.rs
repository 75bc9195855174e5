//! The source of a copy, page by page: collections before what lies in them, so that a page's parents are in earlier ones.

use std::collections::{HashMap, VecDeque};

use super::{Piece, sql};
use crate::db::{DbError, Reads};
use crate::ids::NodeId;
use crate::tree::Node;
use crate::tree::view::{Lists, View};

/// Small collections that are read with one question.
const PARENTS_MAX: usize = 256;

/// A collection whose members come next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Branch {
    pub id: NodeId,
    /// Which of its members are seen.
    pub lists: Lists,
    pub level: i64,
}

/// How far the reading has come.
#[derive(Debug)]
pub(super) struct Pages {
    ahead: VecDeque<Branch>,
    /// A collection in the middle of which the next page begins, and the key of the last member that was read.
    within: Option<(Branch, String)>,
    /// So many are tried at once: fewer where they are large.
    parents: usize,
    /// From which nodes on something else is seen.
    marks: HashMap<NodeId, Lists>,
    also: Vec<NodeId>,
    except: Vec<NodeId>,
}

impl Pages {
    pub fn of(source: &Node, seen: &View) -> Self {
        let View { lists, all, collections, named, also, except } = seen;
        let marks = [(all, Lists::All), (collections, Lists::Collections), (named, Lists::Named)];
        let marks = marks.into_iter().flat_map(|(nodes, lists)| nodes.iter().map(move |node| (*node, lists)));
        Self {
            ahead: VecDeque::from([Branch { id: source.id, lists: *lists, level: 0 }]),
            within: None,
            parents: PARENTS_MAX,
            marks: marks.collect(),
            also: also.clone(),
            except: except.clone(),
        }
    }

    /// Some nodes that have not been read yet, at most `limit`; none at the end.
    pub async fn next(&mut self, tx: &mut impl Reads, limit: usize) -> Result<Vec<Piece>, DbError> {
        loop {
            let page = match self.within.take() {
                Some((branch, after)) => self.members(tx, branch, &after, limit).await?,
                None if self.ahead.is_empty() => return Ok(Vec::new()),
                None => self.several(tx, limit).await?,
            };
            for piece in page.iter().filter(|(_, piece)| piece.is_collection) {
                let (lists, piece) = piece;
                let lists = self.marks.get(&piece.old).copied().unwrap_or(*lists);
                self.ahead.push_back(Branch { id: piece.old, lists, level: piece.level });
            }
            if !page.is_empty() {
                return Ok(page.into_iter().map(|(_, piece)| piece).collect());
            }
        }
    }

    /// All members of the next few collections; of the next one a part, where even it has more than `limit`.
    async fn several(&mut self, tx: &mut impl Reads, limit: usize) -> Result<Vec<(Lists, Piece)>, DbError> {
        let lists = self.ahead[0].lists;
        loop {
            let alike = self.ahead.iter().take(self.parents).take_while(|branch| branch.lists == lists);
            let branches: Vec<Branch> = alike.copied().collect();
            if let [branch] = branches[..] {
                self.ahead.pop_front();
                self.parents = (self.parents * 2).min(PARENTS_MAX);
                return self.members(tx, branch, "", limit).await;
            }
            let filter = (lists, &self.also[..], &self.except[..]);
            let page = sql::members_of(tx.conn(), &branches, filter, limit + 1).await?;
            if page.len() <= limit {
                self.ahead.drain(..branches.len());
                self.parents = (self.parents * 2).min(PARENTS_MAX);
                return Ok(page.into_iter().map(|piece| (lists, piece)).collect());
            }
            self.parents = branches.len() / 2;
        }
    }

    async fn members(
        &mut self,
        tx: &mut impl Reads,
        branch: Branch,
        after: &str,
        limit: usize,
    ) -> Result<Vec<(Lists, Piece)>, DbError> {
        let filter = (branch.lists, &self.also[..], &self.except[..]);
        let page = sql::members(tx.conn(), branch, after, filter, limit).await?;
        self.within = page.last().filter(|_| page.len() == limit).map(|last| (branch, last.key.clone()));
        Ok(page.into_iter().map(|piece| (branch.lists, piece)).collect())
    }
}
