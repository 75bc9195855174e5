//! Which grants reach a user, and where they stand: what the guard needs to know of one person.

use std::collections::HashMap;

use commonhold_acl::{self as acl, Effect, Source};

use super::sql;
use crate::db::{DbError, Reads};
use crate::directory::group::Membership;
use crate::ids::{GroupId, NodeId, ShareId, UserId};
use crate::tree::Kind;

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
    let paths: HashMap<GroupId, &[String]> =
        memberships.iter().map(|membership| (membership.group, membership.path.as_slice())).collect();
    let groups: Vec<GroupId> = memberships.iter().map(|membership| membership.group).collect();
    let mut entries: HashMap<NodeId, Vec<acl::Entry>> = HashMap::new();
    let rows = sql::entries(reads.conn(), user, &groups).await?;
    let stored: Vec<_> = rows.iter().map(|row| row.stored.clone()).collect();
    for (row, granted) in rows.into_iter().zip(super::granted(reads, &stored).await?) {
        let via = row.group.and_then(|group| paths.get(&group)).map(|path| path.to_vec()).unwrap_or_default();
        let source = Source::FolderGrant(if row.deny { Effect::Deny } else { Effect::Allow });
        entries.entry(row.node).or_default().push(acl::Entry { source, granted, via });
    }
    let nodes: Vec<NodeId> = entries.keys().copied().collect();
    let places = sql::places(reads.conn(), &nodes, shares).await?.into_iter().collect();
    Ok(Reach { entries, places })
}
