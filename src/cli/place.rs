//! A path as people write it in a command: `/Share/folder/file`, `~ana/folder` in a home, `/Home/folder` in the home of
//! whoever the command is about.

use std::collections::HashMap;
use std::fmt;

use super::output::Failure;
use crate::db::Reads;
use crate::directory::user::{self, User};
use crate::guard::{HOME, OTHERS};
use crate::history::trash;
use crate::ids::{NodeId, ShareId};
use crate::path::{Name, PathError, RelPath};
use crate::shares::{self, Share, home};
use crate::tree::{self, Located, Node};

/// A path, not yet looked up.
#[derive(Debug, Clone)]
pub(super) struct TreePath {
    top: Top,
    below: Vec<Name>,
}

#[derive(Debug, Clone)]
enum Top {
    /// Of everything; it belongs to nobody.
    Root,
    Share(Name),
    /// None: of whoever the command is about.
    Home(Option<String>),
}

/// What a path leads to.
pub(super) struct Found {
    pub share: Share,
    pub located: Located,
    /// As it is shown: `/Projects/plans`, `~ana/Reports`.
    pub shown: String,
    /// The share's root, likewise.
    pub top: String,
}

impl Found {
    pub fn node(&self) -> &Node {
        self.located.node().expect("only what is there is found")
    }
}

impl TreePath {
    /// For clap.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::read(text).map_err(|error| error.to_string())
    }

    fn read(text: &str) -> Result<Self, PathError> {
        if let Some(rest) = text.strip_prefix('~') {
            let (owner, below) = rest.split_once('/').unwrap_or((rest, ""));
            let owner = Name::parse(owner)?.as_str().to_owned();
            let below = RelPath::parse_human(&format!("/{below}"))?;
            return Ok(Self { top: Top::Home(Some(owner)), below: below.segments().to_vec() });
        }
        let path = RelPath::parse_human(text)?;
        let same = |name: &Name, other: &str| name.key().as_str() == other.to_lowercase();
        Ok(match path.segments() {
            [] => Self { top: Top::Root, below: Vec::new() },
            [home, below @ ..] if same(home, HOME) => Self { top: Top::Home(None), below: below.to_vec() },
            [others, owner, below @ ..] if same(others, OTHERS) => {
                Self { top: Top::Home(Some(owner.as_str().to_owned())), below: below.to_vec() }
            }
            [share, below @ ..] => Self { top: Top::Share(share.clone()), below: below.to_vec() },
        })
    }

    /// Whether it is the root of everything.
    pub fn is_root(&self) -> bool {
        matches!(self.top, Top::Root)
    }

    /// Whether it is in the home of whoever the command is about.
    pub fn is_somebodys_home(&self) -> bool {
        matches!(self.top, Top::Home(None))
    }

    /// The path above it, and its last name; `None` for a share.
    pub fn split_last(&self) -> Option<(Self, Name)> {
        let (last, above) = self.below.split_last()?;
        Some((Self { top: self.top.clone(), below: above.to_vec() }, last.clone()))
    }

    /// The share that it leads into, and the names below that, whatever is there; `/Home` is that of `whose`.
    pub async fn share(&self, tx: &mut impl Reads, whose: Option<&User>) -> Result<(Share, Vec<Name>), Failure> {
        Ok((self.top(tx, whose).await?.0, self.below.clone()))
    }

    /// What it leads to; `/Home` is that of `whose`.
    pub async fn find(&self, tx: &mut impl Reads, whose: Option<&User>) -> Result<Found, Failure> {
        let (share, top) = self.top(tx, whose).await?;
        let located = tree::locate(tx, share.root, &self.below).await?;
        located.node().ok_or_else(|| self.missing())?;
        let shown = shown(&top, located.chain());
        Ok(Found { share, located, shown, top })
    }

    fn missing(&self) -> Failure {
        Failure::new(format!("there is no `{self}`"))
    }

    /// The share, and how its root is shown.
    async fn top(&self, tx: &mut impl Reads, whose: Option<&User>) -> Result<(Share, String), Failure> {
        Ok(match &self.top {
            Top::Root => {
                return Err(Failure::new("`/` lists the shares of whoever asks; name a share, such as `/Projects`"));
            }
            Top::Share(name) => {
                let share = shares::find(tx, name).await?.ok_or_else(|| self.missing())?;
                let top = format!("/{}", share.name);
                (share, top)
            }
            Top::Home(owner) => {
                let owner = match (owner, whose) {
                    (Some(name), _) => user::named(tx, name).await?,
                    (None, Some(whose)) => whose.clone(),
                    (None, None) => {
                        return Err(Failure::new("`/Home` is everybody's own; name a user, such as `~ana`"));
                    }
                };
                let home = home::of(tx, owner.id).await?;
                let home = home.ok_or_else(|| Failure::new(format!("`{}` has no home", owner.name)))?;
                (home, format!("~{}", owner.name))
            }
        })
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.top {
            Top::Root => write!(f, "/")?,
            Top::Share(name) => write!(f, "/{name}")?,
            Top::Home(Some(owner)) => write!(f, "~{owner}")?,
            Top::Home(None) => write!(f, "/{HOME}")?,
        }
        self.below.iter().try_for_each(|name| write!(f, "/{name}"))
    }
}

/// The path of a share's root and the nodes below it.
fn shown(top: &str, chain: &[Node]) -> String {
    chain.iter().skip(1).fold(top.to_owned(), |path, node| path + "/" + &node.name)
}

/// The path of a node that is known by its chain.
pub(super) async fn path_of(tx: &mut impl Reads, chain: &[Node]) -> Result<String, Failure> {
    let Some(root) = chain.first() else { return Err(Failure::new("it is gone")) };
    let share = shares::by_id(tx, root.share).await?.ok_or_else(|| Failure::new("its share is gone"))?;
    Ok(shown(&top_of(&share), chain))
}

/// The same for nodes that are known by their ids, of all that are there.
pub(super) async fn paths_of(tx: &mut impl Reads, nodes: &[NodeId]) -> Result<HashMap<NodeId, String>, Failure> {
    let chains = trash::present(tx, nodes).await?;
    let shares: Vec<ShareId> = chains.values().map(|chain| chain[0].share).collect();
    let shares = shares::by_ids(tx, &shares).await?;
    let path = |chain: &[Node]| {
        let share = shares.iter().find(|share| share.root == chain[0].id)?;
        Some(shown(&top_of(share), chain))
    };
    Ok(chains.iter().filter_map(|(node, chain)| Some((*node, path(chain)?))).collect())
}

fn top_of(share: &Share) -> String {
    if share.owner.is_some() { format!("~{}", share.name) } else { format!("/{}", share.name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_as_they_are_read() {
        for (text, read) in [
            ("/Projects/plans/a.txt", "/Projects/plans/a.txt"),
            ("/Projects/", "/Projects"),
            ("~ana", "~ana"),
            ("~ana/Reports/2027", "~ana/Reports/2027"),
            ("/home/x", "/Home/x"),
            ("/Shared with me/ana/x", "~ana/x"),
            ("/Shared with me", "/Shared with me"),
        ] {
            assert_eq!(TreePath::parse(text).unwrap().to_string(), read, "{text}");
        }
        for bad in ["", "Projects", "~", "~/x", "~ana/../x", "/a/./b"] {
            assert!(TreePath::parse(bad).is_err(), "{bad}");
        }
    }
}
