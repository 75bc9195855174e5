//! What a caller reaches, and under which paths: team shares by their names, the own home, and what others have shared.
//!
//! Every share hangs at one place of the caller's tree. The collections above these places are fixed: they hold what is
//! reached and nothing else.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use super::Fence;
use super::sight::{Sight, Zone};
use crate::directory::policy::Measures;
use crate::ids::{NodeId, ShareId, UserId};
use crate::path::{Name, RelPath, WindowsNameProblem, windows_problem};
use crate::shares::Share;
use crate::tree::Node;
use crate::tree::scratch::is_exempt;
use crate::tree::view::Filter;

/// The own home's name below the root.
pub const HOME: &str = "Home";
/// The collection of other people's homes in which something is granted to the caller.
pub const OTHERS: &str = "Shared with me";

/// A share that a caller reaches, and what he may do in it.
#[derive(Debug, Clone)]
pub struct Reached {
    /// The share.
    pub share: Arc<Share>,
    mount: Arc<RelPath>,
    sight: Arc<Sight>,
    measures: Arc<Measures>,
    /// The only folder of it that is reached, with everything below.
    within: Option<NodeId>,
}

/// Why a share doesn't take a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// One of this extension.
    #[error("its extension is not taken (policy `excluded_extensions`)")]
    Extension(String),
    /// One of more bytes than this.
    #[error("it is too large (policy `max_file_bytes`)")]
    Bytes(u64),
    /// One of a name that Windows can't have.
    #[error("{0} (policy `windows_names`)")]
    Name(WindowsNameProblem),
}

impl Reached {
    pub(super) fn new(share: Share, mount: RelPath, sight: Sight, measures: Measures) -> Self {
        let (share, mount) = (Arc::new(share), Arc::new(mount));
        Self { share, mount, sight: Arc::new(sight), measures: Arc::new(measures), within: None }
    }

    /// The policies with a value that hold in it.
    pub fn measures(&self) -> &Measures {
        &self.measures
    }

    /// Whether the share takes a file of this name and size. The temporary files of editors may have any extension.
    pub fn takes(&self, name: &str, bytes: u64) -> Result<(), NotTaken> {
        if let Some(extension) = self.measures.excludes(name)
            && !is_exempt(name)
        {
            return Err(NotTaken::Extension(extension.to_owned()));
        }
        match self.measures.max_file_bytes() {
            Some(bytes_max) if bytes > bytes_max => Err(NotTaken::Bytes(bytes_max)),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether the share takes something new of this name.
    pub fn takes_name(&self, name: &Name) -> Result<(), NotTaken> {
        match windows_problem(name).filter(|_| self.measures.refuses_windows_names()) {
            Some(problem) => Err(NotTaken::Name(problem)),
            None => Ok(()),
        }
    }

    /// Which members of a node, whose zone is `zone`, this caller is shown.
    pub fn filter_for(&self, caller: UserId, zone: Zone, node: NodeId) -> Filter {
        Filter { litter_of: self.measures.hides_litter().then_some(caller), ..self.sight.filter(zone, node) }
    }

    /// The part of a way from the root on that is reached, if it is there: from the folder on that a fence is around, and nothing of a way past it.
    pub fn within<'n>(&self, chain: &'n [Node]) -> &'n [Node] {
        let Some(folder) = self.within else { return chain };
        let at = chain.iter().position(|node| node.id == folder);
        &chain[at.unwrap_or(chain.len())..]
    }

    /// Whether such a way leads to something that is reached.
    pub fn holds(&self, chain: &[Node]) -> bool {
        !self.within(chain).is_empty()
    }

    /// Whether the node is the folder that a fence is around.
    pub fn is_fence(&self, node: NodeId) -> bool {
        self.within == Some(node)
    }

    /// Where its root is for the caller.
    pub fn mount(&self) -> &RelPath {
        &self.mount
    }

    /// The last name of that place.
    pub fn name(&self) -> &str {
        self.mount.name().map_or("", Name::as_str)
    }

    /// The caller's URL of the last node of a chain that begins with the root.
    pub fn href(&self, prefix: &str, chain: &[Node]) -> String {
        let names = chain.iter().skip(1).map(|node| node.name.as_str());
        self.href_of(prefix, names, chain.last().is_some_and(Node::is_collection))
    }

    /// The caller's URL of what these names lead to from the root.
    pub fn href_of<'n>(&self, prefix: &str, names: impl IntoIterator<Item = &'n str>, is_collection: bool) -> String {
        let mut href = self.mount.to_href(prefix, true);
        for name in names {
            href.extend(crate::path::encode_segment(name));
            href.push('/');
        }
        if !is_collection {
            href.pop();
        }
        href
    }

    /// How many nodes of a chain from the root on the caller sees; none of one that leads past the folder that a fence is around.
    pub fn seen(&self, chain: &[Node]) -> usize {
        if !self.holds(chain) {
            return 0;
        }
        let mut zone = self.zone(&[]);
        let hidden = chain.iter().position(|node| {
            zone = self.zone_below(zone, node.id);
            !self.effective(zone, node.id).sees(super::item(node).kind)
        });
        hidden.unwrap_or(chain.len())
    }
}

impl Deref for Reached {
    type Target = Sight;

    fn deref(&self) -> &Sight {
        &self.sight
    }
}

/// Where a path leads.
#[derive(Debug)]
pub enum Place<'a, 'p> {
    /// To the root of everything.
    Top,
    /// To the collection of other people's homes.
    Others,
    /// Into a share that the caller reaches, along these names.
    In(&'a Reached, &'p [Name]),
    /// To nothing of the caller's.
    Nowhere,
}

/// Everything that one caller reaches over one channel.
#[derive(Debug, Default)]
pub struct Access {
    shares: Vec<Reached>,
    home: Option<Reached>,
    others: Vec<Reached>,
    by_key: HashMap<String, usize>,
    others_by_key: HashMap<String, usize>,
    /// It is kept to one folder, so that there are no levels above it.
    is_fenced: bool,
}

impl Access {
    /// `others`: homes of other people. Both in the order in which they are listed.
    pub(super) fn new(shares: Vec<Reached>, home: Option<Reached>, others: Vec<Reached>) -> Self {
        let index = |reached: &[Reached]| -> HashMap<String, usize> {
            let keys = reached.iter().enumerate();
            keys.filter_map(|(at, reached)| Some((reached.mount.name()?.key().as_str().to_owned(), at))).collect()
        };
        Self { by_key: index(&shares), others_by_key: index(&others), shares, home, others, is_fenced: false }
    }

    /// What of it lies inside a fence.
    pub(super) fn within(&self, fence: &Fence) -> Self {
        let kept = |reached: &Reached| {
            (reached.share.id == fence.share).then(|| Reached { within: Some(fence.folder), ..reached.clone() })
        };
        let all = |reached: &[Reached]| reached.iter().filter_map(kept).collect();
        let fenced = Self::new(all(&self.shares), self.home.as_ref().and_then(kept), all(&self.others));
        Self { is_fenced: true, ..fenced }
    }

    /// The team shares and public folders, in the order of their names.
    pub fn shares(&self) -> &[Reached] {
        &self.shares
    }

    /// The own home.
    pub fn home(&self) -> Option<&Reached> {
        self.home.as_ref()
    }

    /// The homes of other people in which the caller sees anything, in the order of their names.
    pub fn others(&self) -> &[Reached] {
        &self.others
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Reached> {
        self.home.iter().chain(&self.shares).chain(&self.others)
    }

    /// The share of that id, if the caller reaches it.
    pub fn by_id(&self, share: ShareId) -> Option<&Reached> {
        self.all().find(|reached| reached.share.id == share)
    }

    /// Where the path leads. A share that the caller doesn't reach is not there for him.
    pub fn place<'a, 'p>(&'a self, path: &'p RelPath) -> Place<'a, 'p> {
        let Some((first, below)) = path.segments().split_first() else {
            return if self.is_fenced { Place::Nowhere } else { Place::Top };
        };
        let key = first.key();
        if key.as_str() == "home" {
            return self.home.as_ref().map_or(Place::Nowhere, |home| Place::In(home, below));
        }
        if key.as_str() == "shared with me" {
            return match below.split_first() {
                None if self.others.is_empty() || self.is_fenced => Place::Nowhere,
                None => Place::Others,
                Some((owner, below)) => {
                    let at = self.others_by_key.get(owner.key().as_str());
                    at.map_or(Place::Nowhere, |at| Place::In(&self.others[*at], below))
                }
            };
        }
        let at = self.by_key.get(key.as_str());
        at.map_or(Place::Nowhere, |at| Place::In(&self.shares[*at], below))
    }

    pub(super) fn weight_bytes(&self) -> u64 {
        const BYTES_MIN: u64 = 500;
        BYTES_MIN + self.all().map(|reached| reached.sight.weight_bytes()).sum::<u64>()
    }
}

/// Whether the path names a fixed collection, or would name a member of one: nothing is made or changed there.
pub fn is_fixed(path: &RelPath) -> bool {
    match path.segments() {
        [] | [_] => true,
        [first, _] => first.key().as_str() == "shared with me",
        [_, _, ..] => false,
    }
}
