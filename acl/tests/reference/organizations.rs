//! Large organizations made at random, compared with the reference.
//!
//! The seed is printed; `COMMONHOLD_SEED` repeats a run, and what fails is made smaller before it is shown.

use std::cell::Cell;
use std::collections::hash_map::RandomState;
use std::env;
use std::hash::{BuildHasher, Hasher};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use crate::exhaustive::{compare, transfers};
use crate::world::{
    Ask, Channel, Department, Entry, Given, Group, GroupKind, Kind, Node, Organization, Share, Subject, User, Verb,
    Whole, World,
};

/// Sites a run makes unless `COMMONHOLD_LAW_WORLDS` says otherwise.
const WORLDS: u32 = 60;
/// Callers looked at in each.
const CALLERS: usize = 12;

const POLICIES: [&str; 8] = [
    "user_trim_revisions",
    "user_purge_deleted",
    "user_create_links",
    "user_lock_files",
    "user_rollback",
    "users_may_grant",
    "web_editor_enabled",
    "web_preview_enabled",
];

fn number_from_env<N: std::str::FromStr>(name: &str) -> Option<N> {
    env::var(name).ok()?.parse().ok()
}

/// A runner whose seed was printed.
pub fn runner(cases: u32) -> TestRunner {
    let seed = number_from_env("COMMONHOLD_SEED").unwrap_or_else(|| RandomState::new().build_hasher().finish());
    println!("COMMONHOLD_SEED={seed}");
    let cases = number_from_env("COMMONHOLD_LAW_WORLDS").unwrap_or(cases);
    TestRunner::new(Config { cases, rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..Config::default() })
}

/// For a group or a user, which one, with which role.
type Subscriptions = Vec<(bool, u8, u8)>;

/// Raw numbers, from which [`build`] makes a site whatever they are; so they can be made smaller one by one.
#[derive(Clone, Debug)]
pub struct Raw {
    organizations: Vec<(u8, u8, u8)>,
    departments: Vec<(u8, Vec<u8>)>,
    users: Vec<(u8, u8)>,
    groups: Vec<(u8, Vec<(bool, u8)>)>,
    shares: Vec<(u8, u8, u8, Subscriptions)>,
    nodes: Vec<(u8, u8, u8)>,
    entries: Vec<(u16, bool, u8, bool, u8, u16)>,
    wholes: Vec<(bool, u8, bool, u8, u8)>,
    closed: Vec<(u8, u8, u8)>,
    callers: Vec<(u8, u8, u8)>,
}

/// Sizes up to these many users and nodes, and the rest in proportion.
pub fn raw(users: usize, nodes: usize) -> impl Strategy<Value = Raw> {
    use prop::collection::vec;
    let people = (
        vec(any::<(u8, u8, u8)>(), 1..6),
        vec((any::<u8>(), vec(any::<u8>(), 0..6)), 0..1 + users / 8),
        vec(any::<(u8, u8)>(), 2..users.max(3)),
        vec((any::<u8>(), vec(any::<(bool, u8)>(), 0..6)), 1..2 + users / 3),
    );
    let things = (
        vec((any::<u8>(), any::<u8>(), any::<u8>(), vec(any::<(bool, u8, u8)>(), 0..6)), 1..6),
        vec(any::<(u8, u8, u8)>(), 1..nodes.max(2)),
        vec(any::<(u16, bool, u8, bool, u8, u16)>(), 0..nodes.max(2)),
        vec(any::<(bool, u8, bool, u8, u8)>(), 0..8),
        vec(any::<(u8, u8, u8)>(), 0..4),
        vec(any::<(u8, u8, u8)>(), 1..CALLERS),
    );
    (people, things).prop_map(|(people, things)| {
        let (organizations, departments, users, groups) = people;
        let (shares, nodes, entries, wholes, closed, callers) = things;
        Raw { organizations, departments, users, groups, shares, nodes, entries, wholes, closed, callers }
    })
}

/// One in `n` of all numbers.
fn rarely(number: u8, n: u8) -> bool {
    number % n == n - 1
}

fn given(form: u8, value: u16) -> Given {
    match form % 3 {
        0 => Given::Role(usize::from(value) % 7),
        1 => Given::Level(usize::from(value) % 5),
        _ => Given::Set(value.into()),
    }
}

fn channel(number: u8) -> Channel {
    match number % 4 {
        0 => Channel::Web,
        1 => Channel::WebDav,
        2 => Channel::Device,
        _ => Channel::Link,
    }
}

/// The site, and the callers to look at.
pub fn build(raw: &Raw) -> (World, Vec<Ask>) {
    let mut world = World::default();
    for (at, (parent, activity, policies)) in raw.organizations.iter().enumerate() {
        let off =
            POLICIES.into_iter().enumerate().filter(|(policy, _)| policies >> policy & 1 == 1 && rarely(*activity, 2));
        world.organizations.push(Organization {
            parent: (at > 0 && parent % 3 > 0).then(|| usize::from(*parent) % at.max(1)),
            active: !rarely(*activity, 12),
            off: off.map(|(_, policy)| policy).collect(),
            browse: rarely(*policies, 4),
        });
    }
    let organizations = world.organizations.len();
    let users = raw.users.len();
    for (at, (parent, members)) in raw.departments.iter().enumerate() {
        world.departments.push(Department {
            parent: (at > 0 && parent % 4 > 0).then(|| usize::from(*parent) % at.max(1)),
            users: members.iter().map(|user| usize::from(*user) % users).collect(),
        });
    }
    let departments = world.departments.len();
    world.users.extend(raw.users.iter().map(|(organization, kind)| User {
        organization: usize::from(*organization) % organizations,
        guest: rarely(*kind, 6),
        enabled: !rarely(*kind, 11),
        system_administrator: rarely(*kind, 13),
    }));
    for (at, (kind, members)) in raw.groups.iter().enumerate() {
        let place = usize::from(*kind) / 8;
        let kind = match kind % 8 {
            0 => GroupKind::AllUsersOfOrganization(place % organizations),
            1 => GroupKind::AdministratorsOfOrganization(place % organizations),
            2 if departments > 0 => GroupKind::AllUsersOfDepartment(place % departments),
            3 if departments > 0 => GroupKind::AdministratorsOfDepartment(place % departments),
            _ => GroupKind::Plain,
        };
        // A group's groups come before it, so that none is inside itself.
        let members = members.iter().map(|(is_group, member)| match is_group {
            true if at > 0 => Subject::Group(usize::from(*member) % at),
            _ => Subject::User(usize::from(*member) % users),
        });
        world.groups.push(Group { kind, members: members.collect() });
    }
    let groups = world.groups.len();
    let subject = |is_group: bool, which: u8| match is_group {
        true => Subject::Group(usize::from(which) % groups),
        false => Subject::User(usize::from(which) % users),
    };
    for (at, (kind, organization, department, subscriptions)) in raw.shares.iter().enumerate() {
        let kind = match kind % 5 {
            0..3 => Kind::Team,
            3 => Kind::Public,
            _ => Kind::Home(usize::from(*kind) / 5 % users),
        };
        world.shares.push(Share {
            kind,
            organization: usize::from(*organization) % organizations,
            department: (departments > 0 && department % 2 == 0)
                .then(|| usize::from(*department) / 2 % departments.max(1)),
            active: !rarely(*organization, 14),
            root: at,
            subscriptions: subscriptions
                .iter()
                .map(|(is_group, who, role)| (subject(*is_group, *who), usize::from(*role) % 7))
                .collect(),
        });
        world.nodes.push(Node { share: at, parent: None, folder: true, inherits: true, entries: Vec::new() });
    }
    for (high, low, kind) in &raw.nodes {
        let folders: Vec<usize> = (0..world.nodes.len()).filter(|node| world.nodes[*node].folder).collect();
        let parent = folders[(usize::from(*high) << 8 | usize::from(*low)) % folders.len()];
        world.nodes.push(Node {
            share: world.nodes[parent].share,
            parent: Some(parent),
            folder: kind % 2 == 0,
            inherits: !rarely(*kind, 7),
            entries: Vec::new(),
        });
    }
    let nodes = world.nodes.len();
    for (node, is_group, who, deny, form, value) in &raw.entries {
        let entry = Entry { subject: subject(*is_group, *who), deny: *deny, given: given(*form, *value) };
        world.nodes[usize::from(*node) % nodes].entries.push(entry);
    }
    world.wholes.extend(raw.wholes.iter().map(|(of_group, target, for_group, who, level)| Whole {
        target: subject(*of_group, *target),
        subject: subject(*for_group, *who),
        level: usize::from(*level) % 5,
    }));
    let shares = world.shares.len();
    world.closed.extend(
        raw.closed
            .iter()
            .map(|(user, share, over)| (usize::from(*user) % users, usize::from(*share) % shares, channel(*over))),
    );
    let asks = raw.callers.iter().map(|(user, over, extra)| {
        let channel = channel(*over);
        Ask {
            user: usize::from(*user) % users,
            channel,
            link: (channel == Channel::Link).then(|| usize::from(*extra) % 7),
            reading: rarely(*over, 5),
            lease: rarely(*extra, 3).then(|| usize::from(*extra) % nodes).filter(|node| !world.nodes[*node].folder),
        }
    });
    let asks = asks.collect();
    (world, asks)
}

/// Some of all verbs: each on a node of its own, chosen by the caller's number.
fn some_verbs(world: &World, salt: usize) -> Vec<Verb> {
    let nodes = world.nodes.len();
    let mut verbs = Vec::new();
    for turn in 0..nodes.min(24) {
        let node = (salt * 31 + turn * 7) % nodes;
        let parent = world.nodes[node].parent;
        verbs.extend([Verb::Get(node), Verb::Propfind(node), Verb::Proppatch(node), Verb::Lock(node), Verb::Acl(node)]);
        verbs.extend([Verb::UnlockOthers(node), Verb::CreateLink(node), Verb::RollBack(node)]);
        if world.nodes[node].folder {
            verbs.extend([
                Verb::PutNew { parent: node },
                Verb::GetZip(node),
                Verb::LockDeep(node),
                Verb::SyncCollection(node),
            ]);
        } else {
            verbs.extend([Verb::PutOver(node), Verb::WebEdit(node), Verb::Preview(node), Verb::Trim(node)]);
        }
        if parent.is_some() {
            verbs.extend([Verb::Delete(node), Verb::Purge(node), Verb::Restore(node)]);
            let all = transfers(world, node);
            verbs.extend(all.iter().skip(salt % 5).step_by(all.len() / 6 + 1));
        }
    }
    verbs
}

#[test]
fn large_organizations_made_at_random_agree_with_the_reference() {
    let (compared, largest) = (Cell::new(0), Cell::new((0, 0, 0)));
    runner(WORLDS)
        .run(&raw(400, 400), |raw| {
            let (world, asks) = build(&raw);
            let (users, groups, nodes): (usize, usize, usize) = largest.get();
            largest.set((users.max(world.users.len()), groups.max(world.groups.len()), nodes.max(world.nodes.len())));
            for (salt, ask) in asks.into_iter().enumerate() {
                compared.set(compared.get() + compare(&world, ask, &some_verbs(&world, salt)));
            }
            Ok(())
        })
        .expect("the crate and the reference agree");
    let (users, groups, nodes) = largest.get();
    println!("{} decisions compared; up to {users} users, {groups} groups, {nodes} items", compared.get());
}
