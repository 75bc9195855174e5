//! Which grants reach a user, and where they stand: what the guard needs to know of one person.

use std::collections::HashMap;

use commonhold_acl::{self as acl, Effect, Source};

use super::sql;
use crate::db::{DbError, Reads};
use crate::directory::group::Membership;
use crate::ids::{GroupId, NodeId, ShareId, UserId};
use crate::tree::{Kind, Node};

/// A node that says something to a user, or lies above one that does.
#[derive(Debug, Clone)]
pub struct Placed {
    /// The share it lies in.
    pub share: ShareId,
    /// `None` for the top of a tree.
    pub parent: Option<NodeId>,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Whether it takes over what its parent gives.
    pub inherits: bool,
}

/// The grants that reach a user.
#[derive(Debug, Default)]
pub struct Reach {
    /// By the node they stand on.
    pub entries: HashMap<NodeId, Vec<acl::Entry>>,
    /// These nodes, those that don't inherit in the same shares, and all above them.
    pub places: HashMap<NodeId, Placed>,
}

/// The grants for a user and for his groups, and which nodes don't inherit in the shares in which they lie or in `shares`.
pub async fn reaching(
    reads: &mut impl Reads,
    user: UserId,
    memberships: &[Membership],
    shares: &[ShareId],
) -> Result<Reach, DbError> {
    let groups = groups_of(memberships);
    let rows = sql::entries(reads.conn(), user, &groups).await?;
    let entries = entries_of(reads, rows, memberships).await?;
    let nodes: Vec<NodeId> = entries.keys().copied().collect();
    let places = sql::places(reads.conn(), &nodes, shares).await?.into_iter().collect();
    Ok(Reach { entries, places })
}

/// The same for the nodes of a chain and nothing else.
pub async fn reaching_at(
    reads: &mut impl Reads,
    user: UserId,
    memberships: &[Membership],
    chain: &[Node],
) -> Result<Reach, DbError> {
    let nodes: Vec<NodeId> = chain.iter().map(|node| node.id).collect();
    let rows = sql::entries_at(reads.conn(), user, &groups_of(memberships), &nodes).await?;
    let entries = entries_of(reads, rows, memberships).await?;
    let cut = sql::cut(reads.conn(), &nodes).await?;
    let placed = |node: &Node| {
        let inherits = !cut.contains(&node.id);
        let (share, parent, name, kind) = (node.share, node.parent, node.name.clone(), node.kind);
        (node.id, Placed { share, parent, name, kind, inherits })
    };
    Ok(Reach { entries, places: chain.iter().map(placed).collect() })
}

fn groups_of(memberships: &[Membership]) -> Vec<GroupId> {
    memberships.iter().map(|membership| membership.group).collect()
}

async fn entries_of(
    reads: &mut impl Reads,
    rows: Vec<sql::EntryRow>,
    memberships: &[Membership],
) -> Result<HashMap<NodeId, Vec<acl::Entry>>, DbError> {
    let paths: HashMap<GroupId, &[String]> =
        memberships.iter().map(|membership| (membership.group, membership.path.as_slice())).collect();
    let stored: Vec<_> = rows.iter().map(|row| row.stored.clone()).collect();
    let mut entries: HashMap<NodeId, Vec<acl::Entry>> = HashMap::new();
    for (row, granted) in rows.into_iter().zip(super::granted(reads, &stored).await?) {
        let via = row.group.and_then(|group| paths.get(&group)).map(|path| path.to_vec()).unwrap_or_default();
        let source = Source::FolderGrant(if row.deny { Effect::Deny } else { Effect::Allow });
        entries.entry(row.node).or_default().push(acl::Entry { source, granted, via });
    }
    Ok(entries)
}
