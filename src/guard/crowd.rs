//! Everybody at one place: who may do what with one folder or file, and why.
//!
//! The facts are gathered for all users at once, since asking for ten thousand one by one would take minutes; the law is the
//! same function, and a test compares both ways.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use commonhold_acl::{self as acl, Channel, Effective, Granted, Permission, Reason, Source, Whose};

use super::circumstances::{self, Standing};
use super::load::facts;
use crate::db::{DbError, Reads};
use crate::directory::policy::{self, Policy};
use crate::directory::roster::{self, Ways};
use crate::directory::{self, Principal, User, user};
use crate::grants::{self, Grant};
use crate::ids::{GroupId, OrgId, UserId};
use crate::shares::role::Roles;
use crate::shares::{self, Share, ShareKind};
use crate::tree::Node;

/// The doors of people.
const DOORS: [Channel; 2] = [Channel::Web, Channel::WebDav];

/// Somebody who may do something at a place.
#[derive(Debug, Clone)]
pub struct Person {
    /// Who.
    pub user: Arc<User>,
    /// What he may do, through the first of the doors that are open for him.
    pub effective: Effective,
    /// The doors that are.
    pub doors: Vec<Channel>,
}

/// Everybody as far as one share is concerned, so that several places of it can be looked at.
#[derive(Debug)]
pub struct Crowd {
    share: Share,
    users: HashMap<UserId, Arc<User>>,
    ways: Ways,
    root: Vec<(Principal, acl::Entry)>,
    administrators: HashMap<UserId, acl::Rank>,
    rules: shares::Rules,
    policies: policy::Policies,
}

impl Crowd {
    /// Reads who there is and what stands at the root of `share`; of groups that have grants at `places` too, who is in.
    pub async fn read(tx: &mut impl Reads, share: &Share, places: &[Grant]) -> Result<Self, DbError> {
        let users: Vec<User> = user::list(tx).await?;
        let mut root = subscriptions(tx, share).await?;
        root.extend(wholes(tx, share).await?);
        let rules = shares::Rules::of(tx, share.id).await?;
        let given = root.iter().map(|(principal, _)| *principal).chain(places.iter().map(|grant| grant.principal));
        let mut groups: Vec<GroupId> = given
            .filter_map(|principal| match principal {
                Principal::Group(group) => Some(group),
                Principal::User(_) => None,
            })
            .chain(rules.groups())
            .collect();
        groups.sort_unstable();
        groups.dedup();
        let ways = roster::ways(tx, &groups).await?;
        let mut orgs: Vec<OrgId> = users.iter().map(|user| user.org).chain([share.org]).collect();
        orgs.sort_unstable();
        orgs.dedup();
        let policies = policy::of(tx, &orgs).await?;
        let administrators = roster::administrators(tx, share.org, share.department).await?;
        let users = users.into_iter().map(|user| (user.id, Arc::new(user))).collect();
        Ok(Self { share: share.clone(), users, ways, root, administrators, rules, policies })
    }

    /// Everybody who may do anything with the last node of a chain that begins with the root, by name. `only`: of these.
    /// `path` is what people call the share's root.
    ///
    /// Who only passes through, to something farther down, isn't among them.
    pub async fn at(
        &self,
        tx: &mut impl Reads,
        chain: &[Node],
        path: &str,
        only: Option<&HashSet<UserId>>,
    ) -> Result<Vec<Person>, DbError> {
        let nodes: Vec<_> = chain.iter().map(|node| node.id).collect();
        let grants = grants::of_nodes(tx, &nodes).await?;
        let cut = grants::cut(tx, &nodes).await?;
        // Which entries reach whom: by user, the step and the entry.
        let mut reached: HashMap<UserId, Vec<(usize, acl::Entry)>> = HashMap::new();
        for (principal, entry) in &self.root {
            self.spread(&mut reached, *principal, 0, entry);
        }
        for grant in grants {
            let step = nodes.iter().position(|node| *node == grant.node).unwrap_or_default();
            let entry =
                acl::Entry { source: Source::FolderGrant(grant.effect), granted: grant.granted, via: Vec::new() };
            self.spread(&mut reached, grant.principal, step, &entry);
        }
        let mut steps = vec![acl::Step { path: path.to_owned(), inherits: true, entries: Vec::new() }];
        for node in chain.iter().skip(1) {
            let path = format!("{}/{}", steps[steps.len() - 1].path, node.name);
            steps.push(acl::Step { path, inherits: !cut.contains(&node.id), entries: Vec::new() });
        }
        let mut people = Vec::new();
        for user in self.users.values().filter(|user| only.is_none_or(|only| only.contains(&user.id))) {
            let entries = reached.remove(&user.id).unwrap_or_default();
            let rank = self.rank(user);
            if entries.is_empty() && rank == acl::Rank::Member && self.share.owner != Some(user.id) {
                continue;
            }
            let mut chain = steps.clone();
            for (step, entry) in entries {
                chain[step].entries.push(entry);
            }
            // What neither cuts nor speaks changes nothing.
            let mut at = 0;
            chain.retain(|step| {
                at += 1;
                at == 1 || !step.inherits || !step.entries.is_empty()
            });
            if let Some(person) = self.person(user, rank, chain) {
                people.push(person);
            }
        }
        people.sort_by(|a, b| a.user.key.cmp(&b.user.key));
        Ok(people)
    }

    fn spread(
        &self,
        reached: &mut HashMap<UserId, Vec<(usize, acl::Entry)>>,
        principal: Principal,
        step: usize,
        entry: &acl::Entry,
    ) {
        match principal {
            Principal::User(user) => reached.entry(user).or_default().push((step, entry.clone())),
            Principal::Group(group) => {
                for (user, way) in self.ways.users(group) {
                    let entry = acl::Entry { via: way.to_vec(), ..entry.clone() };
                    reached.entry(user).or_default().push((step, entry));
                }
            }
        }
    }

    fn rank(&self, user: &User) -> acl::Rank {
        if user.admin {
            return acl::Rank::SystemAdministrator;
        }
        self.administrators.get(&user.id).copied().unwrap_or(acl::Rank::Member)
    }

    fn person(&self, user: &Arc<User>, rank: acl::Rank, chain: Vec<acl::Step>) -> Option<Person> {
        let policies = self.policies.of(self.share.org);
        let has_drives = |org| self.policies.of(org).is_on(Policy::WebdavEnabled);
        let open = |channel: &Channel| {
            self.rules.is_open(user.id, |group| self.ways.of(group, user.id).is_some(), *channel)
                && (*channel != Channel::WebDav || has_drives(user.org) && has_drives(self.share.org))
        };
        let doors: Vec<Channel> = DOORS.into_iter().filter(open).collect();
        let standing = Standing {
            rank,
            channel_open: !doors.is_empty(),
            admin_browse_files: policies.is_on(Policy::AdminBrowseFiles),
            limits: circumstances::limits(policies),
        };
        let channel = doors.first().copied().unwrap_or(Channel::Web);
        let mut facts = facts(user, channel, standing, &self.share, String::new(), Vec::new());
        facts.chain = chain;
        let effective = acl::evaluate(facts);
        (!effective.permissions().is_empty()).then(|| Person { user: Arc::clone(user), effective, doors })
    }
}

/// The subscriptions to a share, as entries without ways.
async fn subscriptions(tx: &mut impl Reads, share: &Share) -> Result<Vec<(Principal, acl::Entry)>, DbError> {
    let subscribers = shares::subscribers(tx, share.id).await?;
    let roles = Roles::for_names(tx, subscribers.iter().map(|subscriber| subscriber.role.as_str())).await?;
    let entry = |subscriber: shares::Subscriber| {
        let granted = Granted::Role(roles.get_or_empty(&subscriber.role));
        (subscriber.principal, acl::Entry { source: Source::Subscription, granted, via: Vec::new() })
    };
    Ok(subscribers.into_iter().map(entry).collect())
}

/// The whole-user grants on a home, as entries without ways.
async fn wholes(tx: &mut impl Reads, share: &Share) -> Result<Vec<(Principal, acl::Entry)>, DbError> {
    let (ShareKind::Home, Some(owner)) = (share.kind, share.owner) else { return Ok(Vec::new()) };
    let groups: HashSet<GroupId> =
        directory::groups_of(tx, owner).await?.into_iter().map(|membership| membership.group).collect();
    let mut entries = Vec::new();
    for whole in grants::wholes(tx).await? {
        let of = match whole.target {
            Principal::User(user) if user == owner => Whose::User(whole.target_name),
            Principal::Group(group) if groups.contains(&group) => Whose::Members(whole.target_name),
            Principal::User(_) | Principal::Group(_) => continue,
        };
        let (source, granted) = (Source::WholeUserGrant { of }, Granted::Level(whole.level));
        entries.push((whole.subject, acl::Entry { source, granted, via: Vec::new() }));
    }
    Ok(entries)
}

/// Everybody who may do anything with the last node of a chain that begins with the root of `share`, by name.
pub async fn people_at(tx: &mut impl Reads, share: &Share, chain: &[Node], path: &str) -> Result<Vec<Person>, DbError> {
    let nodes: Vec<_> = chain.iter().map(|node| node.id).collect();
    let grants = grants::of_nodes(tx, &nodes).await?;
    Crowd::read(tx, share, &grants).await?.at(tx, chain, path, None).await
}

/// Whether anybody may set the access to the last node of the chain by anything but being a system administrator. A home
/// always has its owner.
///
/// Whoever changes grants asks before and after: a change that takes the last one away is refused (access.md "The owner
/// permission can never be lost by accident").
pub async fn is_owned(tx: &mut impl Reads, share: &Share, chain: &[Node]) -> Result<bool, DbError> {
    if share.kind == ShareKind::Home {
        return Ok(true);
    }
    let owns = |person: &Person| {
        let reason = person.effective.reason(Permission::Owner);
        reason.holds() && reason != Reason::SystemAdministrator
    };
    Ok(people_at(tx, share, chain, "").await?.iter().any(owns))
}
