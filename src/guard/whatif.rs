//! What a change of grants would do: who gains and who loses what, on how many files and folders.
//!
//! The change is made inside a transaction that is given up afterwards; before and after it everybody is asked by the law.

use std::collections::{BTreeMap, HashMap, HashSet};

use commonhold_acl::Permissions;

use super::{Crowd, Person};
use crate::db::Reads;
use crate::grants;
use crate::ids::{NodeId, UserId};
use crate::shares::Share;
use crate::tree::{self, Node, TreeError, view};

/// Regions with grants of their own that are looked at one by one; beyond, what lies in them isn't counted.
const REGIONS_MAX: usize = 200;

/// What everybody may do at and below one place, at one moment.
#[derive(Debug)]
pub struct Look {
    /// By region: it and each node below with grants of its own.
    regions: Vec<(NodeId, People)>,
}

/// Names and permissions.
type People = HashMap<UserId, (String, Permissions)>;

/// What changes for one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// Which user.
    pub user: UserId,
    /// By name.
    pub name: String,
    /// What he gains at the place or below.
    pub gains: Permissions,
    /// What he loses there; somebody may gain at one folder what he loses at another.
    pub loses: Permissions,
    /// Files and folders, the place itself included, for which anything changes.
    pub items: u64,
}

/// Looks at what everybody may do with the last node of a chain that begins with the root of `share`, and below.
pub async fn look(tx: &mut impl Reads, share: &Share, chain: &[Node]) -> Result<Look, TreeError> {
    let node = chain.last().expect("a chain has a node");
    let marked: Vec<NodeId> = grants::marked(tx, Some(node))
        .await?
        .into_iter()
        .filter(|marked| *marked != node.id)
        .take(REGIONS_MAX)
        .collect();
    let mut chains = vec![chain.to_vec()];
    for marked in marked {
        chains.push(tree::chain_of(tx, marked).await?);
    }
    let nodes: HashSet<NodeId> = chains.iter().flatten().map(|node| node.id).collect();
    let nodes: Vec<NodeId> = nodes.into_iter().collect();
    let places = grants::of_nodes(tx, &nodes).await?;
    let crowd = Crowd::read(tx, share, &places).await?;
    let mut regions = Vec::with_capacity(chains.len());
    for chain in chains {
        let people = crowd.at(tx, &chain, "", None).await?;
        let known = |person: Person| {
            let permissions = person.effective.permissions();
            (person.user.id, (person.user.name.clone(), permissions))
        };
        let node = chain.last().map_or(node.id, |node| node.id);
        regions.push((node, people.into_iter().map(known).collect()));
    }
    Ok(Look { regions })
}

/// What has changed between two looks at the last node of a chain, by name of the user.
pub async fn compare(tx: &mut impl Reads, node: &Node, before: &Look, after: &Look) -> Result<Vec<Effect>, TreeError> {
    let nothing = HashMap::new();
    let region = |look: &Look, node: NodeId| look.regions.iter().position(|(region, _)| *region == node);
    let marks: HashSet<NodeId> = before.regions.iter().chain(&after.regions).map(|(region, _)| *region).collect();
    let marks: Vec<NodeId> = marks.into_iter().collect();
    let counts = view::regions(tx, node.id, &marks).await?;
    let mut effects: BTreeMap<String, Effect> = BTreeMap::new();
    for (mark, items) in counts {
        // A region that only one of the looks knows held before, or holds now, what the place itself does.
        let people = |look: &'_ Look| region(look, mark).or_else(|| region(look, node.id));
        let of = |look: &'_ Look, at: Option<usize>| {
            at.map(|at| look.regions[at].1.clone()).unwrap_or_else(|| nothing.clone())
        };
        let (then, now) = (of(before, people(before)), of(after, people(after)));
        let users: HashSet<UserId> = then.keys().chain(now.keys()).copied().collect();
        for user in users {
            let permissions =
                |people: &People| people.get(&user).map_or(Permissions::NONE, |(_, permissions)| *permissions);
            let (had, has) = (permissions(&then), permissions(&now));
            if had == has {
                continue;
            }
            let name = then.get(&user).or(now.get(&user)).map(|(name, _)| name.clone()).unwrap_or_default();
            let effect = effects.entry(name.clone()).or_insert(Effect {
                user,
                name,
                gains: Permissions::NONE,
                loses: Permissions::NONE,
                items: 0,
            });
            effect.gains = effect.gains.union(has.difference(had));
            effect.loses = effect.loses.union(had.difference(has));
            effect.items += items;
        }
    }
    Ok(effects.into_values().collect())
}
