//! Gathering the facts about one caller: what reaches him, and where.
//!
//! A handful of statements for everything that he reaches, however large the trees are: subscriptions, grants and
//! whole-user grants through all of his groups, and the nodes between the granted ones and the roots.

use std::collections::{HashMap, HashSet};

use commonhold_acl::{self as acl, Channel};

use super::access::{Access, HOME, OTHERS, Reached};
use super::circumstances::{Circumstances, Standing};
use super::sight::Sight;
use crate::db::{DbError, Reads};
use crate::directory::policy::Measures;
use crate::directory::{self, User};
use crate::grants::{self, Placed};
use crate::ids::{NodeId, OrgId, ShareId, UserId};
use crate::path::{Name, RelPath};
use crate::shares::{self, Share, ShareKind, home};
use crate::tree::Node;

/// What stands at the root of a share for the caller.
#[derive(Default)]
struct Root {
    entries: Vec<acl::Entry>,
}

/// A share that reaches the user, whether he sees anything in it or not.
pub(super) struct Gathered {
    pub share: Share,
    pub mount: RelPath,
    pub sight: Sight,
    pub measures: Measures,
}

/// Reads what `user` reaches over `channel`, as far as `limit` leaves it to him.
pub(super) async fn load(
    tx: &mut impl Reads,
    user: &User,
    channel: Channel,
    limit: Option<acl::Limit>,
) -> Result<Access, DbError> {
    let (mut team, mut own, mut others) = (Vec::new(), None, Vec::new());
    for Gathered { share, mount, sight, measures } in gather_within(tx, user, channel, None, limit).await? {
        // A share in which nothing is seen does not exist for the caller.
        if !sight.at(&[]).sees(acl::ItemKind::Folder) {
            continue;
        }
        let reached = Reached::new(share, mount, sight, measures);
        match reached.share.kind {
            ShareKind::Team | ShareKind::Public => team.push(reached),
            ShareKind::Home if reached.share.owner == Some(user.id) => own = Some(reached),
            ShareKind::Home => others.push(reached),
        }
    }
    Ok(Access::new(team, own, others))
}

/// Reads what reaches `user` in all shares; or `only` at the nodes of a chain in one share, whatever reaches him there: then
/// nothing is known of what lies beside and below, and so of no way to it.
pub(super) async fn gather(
    tx: &mut impl Reads,
    user: &User,
    channel: Channel,
    only: Option<(&Share, &[Node])>,
) -> Result<Vec<Gathered>, DbError> {
    gather_within(tx, user, channel, only, None).await
}

async fn gather_within(
    tx: &mut impl Reads,
    user: &User,
    channel: Channel,
    only: Option<(&Share, &[Node])>,
    limit: Option<acl::Limit>,
) -> Result<Vec<Gathered>, DbError> {
    let groups = directory::groups_of(tx, user.id).await?;
    let mut circumstances = Circumstances::read(tx, user, &groups, channel).await?;
    let browsed = circumstances.browsed();
    let mut found: HashMap<ShareId, (Share, Root)> = HashMap::new();
    for reach in shares::reaching(tx, user, &groups, &browsed).await? {
        let entries = reach.subscriptions.into_iter().map(|subscription| acl::Entry {
            source: acl::Source::Subscription,
            granted: acl::Granted::Role(subscription.role),
            via: subscription.via,
        });
        let root = Root { entries: entries.collect() };
        found.insert(reach.share.id, (reach.share, root));
    }
    let wholes = grants::wholes_reaching(tx, user.id, &groups).await?;
    let mut owners: Vec<UserId> = wholes.iter().map(|(owner, _)| *owner).collect();
    owners.push(user.id);
    let browsed = circumstances.browsed_homes(tx).await?;
    for share in home::of_users(tx, &owners, &browsed).await? {
        found.insert(share.id, (share, Root::default()));
    }
    let mut homes: HashMap<UserId, ShareId> = HashMap::new();
    for (share, _) in found.values() {
        if let Some(owner) = share.owner {
            homes.insert(owner, share.id);
        }
    }
    for (owner, entry) in wholes {
        if let Some((_, root)) = homes.get(&owner).and_then(|home| found.get_mut(home)) {
            root.entries.push(entry);
        }
    }

    if let Some((only, _)) = only {
        found.retain(|share, _| *share == only.id);
        found.entry(only.id).or_insert_with(|| (only.clone(), Root::default()));
    }
    let shares: Vec<ShareId> = found.keys().copied().collect();
    let grants::Reach { mut entries, places } = match only {
        None => grants::reaching(tx, user.id, &groups, &shares).await?,
        Some((_, chain)) => grants::reaching_at(tx, user.id, &groups, chain).await?,
    };
    let mut by_share: HashMap<ShareId, HashMap<NodeId, Placed>> = HashMap::new();
    for (node, placed) in places {
        by_share.entry(placed.share).or_default().insert(node, placed);
    }
    let more: Vec<ShareId> = by_share.keys().copied().filter(|share| !found.contains_key(share)).collect();
    if only.is_none() && !more.is_empty() {
        for share in shares::by_ids(tx, &more).await? {
            found.insert(share.id, (share, Root::default()));
        }
    }

    circumstances.include(tx, found.values().map(|(share, _)| share.org)).await?;
    let orgs: Vec<(ShareId, OrgId)> = found.values().map(|(share, _)| (share.id, share.org)).collect();
    let mut measures = circumstances.measures(tx, &orgs).await?;
    let mut found: Vec<(Share, Root)> = found.into_values().collect();
    found.sort_by(|(a, _), (b, _)| (a.key().as_str(), a.id).cmp(&(b.key().as_str(), b.id)));
    let mut owners_named: HashSet<String> = HashSet::new();
    let mut gathered = Vec::with_capacity(found.len());
    for (share, mut root) in found {
        let mount = mount(&share, user.id, &mut owners_named);
        let mut places = by_share.remove(&share.id).unwrap_or_default();
        places.remove(&share.root);
        root.entries.extend(entries.remove(&share.root).unwrap_or_default());
        let below = places.keys().filter_map(|node| Some((*node, entries.remove(node)?))).collect();
        let mut standing = circumstances.standing(&share);
        standing.limits.extend(limit.clone());
        let facts = facts(user, channel, standing, &share, mount.to_string(), root.entries);
        let sight = Sight::new(share.root, facts, places, below);
        let measures = measures.remove(&share.id).unwrap_or_default();
        gathered.push(Gathered { share, mount, sight, measures });
    }
    Ok(gathered)
}

/// Where a share's root is for this user. Of two people of one name, of whom one has left, the later home has a number.
fn mount(share: &Share, user: UserId, owners_named: &mut HashSet<String>) -> RelPath {
    let root = RelPath::root();
    let at = |path: &RelPath, name: &str| {
        let name = Name::parse(name).expect("names of shares and users are names");
        path.join(&name).expect("two names are no long path")
    };
    match share.kind {
        ShareKind::Team | ShareKind::Public => at(&root, &share.name),
        ShareKind::Home if share.owner == Some(user) => at(&root, HOME),
        ShareKind::Home => {
            let others = at(&root, OTHERS);
            if owners_named.insert(share.key().as_str().to_owned()) {
                at(&others, &share.name)
            } else {
                at(&others, &format!("{} ({})", share.name, share.id.0))
            }
        }
    }
}

/// The facts about one user and the root of one share, which he knows by that path.
pub(super) fn facts(
    user: &User,
    channel: Channel,
    standing: Standing,
    share: &Share,
    path: String,
    entries: Vec<acl::Entry>,
) -> acl::Facts {
    acl::Facts {
        user: acl::User {
            id: user.id,
            name: user.name.clone(),
            kind: if user.guest { acl::UserKind::Guest } else { acl::UserKind::Full },
            enabled: user.enabled,
            organization_active: user.org_active,
            rank: standing.rank,
        },
        channel,
        channel_open: standing.channel_open,
        share: acl::Share {
            id: share.id,
            name: share.name.clone(),
            kind: match (share.kind, share.owner) {
                (ShareKind::Home, Some(owner)) => acl::ShareKind::Home { owner, name: share.name.clone() },
                (ShareKind::Public, _) => acl::ShareKind::Public,
                (ShareKind::Team | ShareKind::Home, _) => acl::ShareKind::Team,
            },
            active: share.active && share.org_active,
        },
        admin_browse_files: standing.admin_browse_files,
        chain: vec![acl::Step { path, inherits: true, entries }],
        on_the_way: false,
        creation_lease: false,
        limits: standing.limits,
    }
}
