//! Every small site, compared with the reference.
//!
//! Three enumerations, each without a gap: every chain of three places with every pair of what a user and his group may be
//! given or refused there; every tree of four places with every verb on every place; and every rank, kind of share, closed
//! door, policy, link, URL for reading and lease.

use std::{env, thread};

use crate::gather::{Circumstances, Guard};
use crate::reference;
use crate::world::{
    Ask, Bits, Channel, Department, Entry, Given, Group, GroupKind, Kind, Node, Organization, Share, Subject, User,
    Verb, Whole, World,
};

/// The caller, a group that he is in, and a share with these places: each with its parent and whether it is a folder.
const CALLER: usize = 0;
const GROUP: usize = 0;
const STRANGER: usize = 1;

fn site(places: &[(Option<usize>, bool)]) -> World {
    let user = User { organization: 0, guest: false, enabled: true, system_administrator: false };
    let node = |(parent, folder): &(Option<usize>, bool)| Node {
        share: 0,
        parent: *parent,
        folder: *folder,
        inherits: true,
        entries: Vec::new(),
    };
    World {
        organizations: vec![Organization { active: true, ..Organization::default() }],
        users: vec![user.clone(), user],
        groups: vec![Group { kind: GroupKind::Plain, members: vec![Subject::User(CALLER)] }],
        shares: vec![Share {
            kind: Kind::Team,
            organization: 0,
            department: None,
            active: true,
            root: 0,
            subscriptions: Vec::new(),
        }],
        nodes: places.iter().map(node).collect(),
        ..World::default()
    }
}

fn entry(group: bool, deny: bool, given: Given) -> Entry {
    let subject = if group { Subject::Group(GROUP) } else { Subject::User(CALLER) };
    Entry { subject, deny, given }
}

/// Nothing, an allow of each role, a deny of each role.
fn choices(group: bool) -> Vec<Option<Entry>> {
    let roles = || (0..7).map(Given::Role);
    let allows = roles().map(|role| Some(entry(group, false, role)));
    let denies = roles().map(|role| Some(entry(group, true, role)));
    [None].into_iter().chain(allows).chain(denies).collect()
}

/// The caller's own and his group's at one place: what it has, for every pair, with inheriting and without.
fn states() -> Vec<(bool, Vec<Entry>)> {
    let mut states = Vec::new();
    for inherits in [true, false] {
        for own in choices(false) {
            for of_group in choices(true) {
                states.push((inherits, own.into_iter().chain(of_group).collect()));
            }
        }
    }
    states
}

fn put(world: &mut World, node: usize, state: &(bool, Vec<Entry>)) {
    world.nodes[node].inherits = state.0;
    world.nodes[node].entries.clone_from(&state.1);
}

/// Splits the work over the processor's cores; each part counts what it compared.
fn in_parallel<T: Sync>(work: &[T], part: impl Fn(&[T]) -> u64 + Sync) -> u64 {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let size = work.len().div_ceil(cores);
    thread::scope(|scope| {
        let parts: Vec<_> = work.chunks(size).map(|chunk| scope.spawn(|| part(chunk))).collect();
        parts.into_iter().map(|part| part.join().expect("a difference was found")).sum()
    })
}

/// Subscriptions of the caller and of his group with each role, or none: what stands at most roots.
fn subscribed() -> Vec<(bool, Vec<Entry>)> {
    let allows = |group| choices(group).into_iter().filter(|choice| choice.is_none_or(|entry| !entry.deny));
    let pairs = allows(false).flat_map(|own| allows(true).map(move |of_group| (own, of_group)));
    pairs.map(|(own, of_group)| (true, own.into_iter().chain(of_group).collect())).collect()
}

/// Whether to go through what takes minutes too.
fn is_full() -> bool {
    env::var_os("COMMONHOLD_LAW_FULL").is_some()
}

#[test]
fn every_chain_of_three_places_agrees_with_the_reference() {
    let states = states();
    // A deny at the root, where all else is the same, is one more case of a deny at a folder below.
    let denied_roots = states.iter().filter(|(inherits, _)| *inherits && is_full()).cloned();
    let roots: Vec<_> = subscribed().into_iter().chain(denied_roots).collect();
    let compared = in_parallel(&roots, |roots| {
        let mut compared = 0;
        let mut world = site(&[(None, true), (Some(0), true), (Some(1), false)]);
        let ask = Ask::of(CALLER);
        let circumstances = Circumstances::of(&world, &ask);
        for root in roots {
            put(&mut world, 0, root);
            for folder in &states {
                put(&mut world, 1, folder);
                for file in &states {
                    put(&mut world, 2, file);
                    let (held, expected) = (circumstances.held(&world, &ask, 2), reference::held(&world, &ask, 2));
                    assert_eq!(held, expected, "{:#?}", world.nodes);
                    compared += 1;
                }
            }
        }
        compared
    });
    println!("{compared} chains of three places compared");
}

/// One permission at a time, and every pattern of it: the caller and his group each with nothing, an allow, a deny, or both.
#[test]
fn every_pattern_of_one_permission_agrees_with_the_reference() {
    let permissions: Vec<Bits> = (0..16).map(|bit| 1 << bit).collect();
    let compared = in_parallel(&permissions, |permissions| {
        let mut compared = 0;
        let mut world = site(&[(None, true), (Some(0), true), (Some(1), true)]);
        let ask = Ask::of(CALLER);
        let circumstances = Circumstances::of(&world, &ask);
        for permission in permissions {
            let given = Given::Set(*permission);
            for pattern in 0..1_u32 << 15 {
                for node in 0..3 {
                    let bits = pattern >> (5 * node);
                    let wanted = [(false, false), (false, true), (true, false), (true, true)].into_iter().enumerate();
                    let entries = wanted.filter(|(bit, _)| bits & (2 << bit) != 0);
                    let entries = entries.map(|(_, (group, deny))| entry(group, deny, given)).collect();
                    put(&mut world, node as usize, &(bits & 1 == 0, entries));
                }
                for node in 0..3 {
                    let (held, expected) =
                        (circumstances.held(&world, &ask, node), reference::held(&world, &ask, node));
                    assert_eq!(held, expected, "{:#?}", world.nodes);
                }
                compared += 3;
            }
        }
        compared
    });
    println!("{compared} patterns of one permission compared");
    assert_eq!(compared, 16 * 32 * 32 * 32 * 3);
}

/// Every verb on every place, and on every pair of places where it takes two.
fn verbs(world: &World) -> Vec<Verb> {
    let mut verbs = Vec::new();
    for node in 0..world.nodes.len() {
        let folder = world.nodes[node].folder;
        verbs.extend([
            Verb::Get(node),
            Verb::Propfind(node),
            Verb::Proppatch(node),
            Verb::Lock(node),
            Verb::UnlockOwn(node),
            Verb::UnlockOthers(node),
            Verb::Acl(node),
            Verb::ReadAcl(node),
            Verb::CreateLink(node),
            Verb::RollBack(node),
        ]);
        if folder {
            verbs.extend([
                Verb::GetZip(node),
                Verb::LockDeep(node),
                Verb::PropfindMembers(node),
                Verb::PutNew { parent: node },
                Verb::Mkcol { parent: node },
                Verb::LockNew { parent: node },
                Verb::SyncCollection(node),
                Verb::ReportCollection(node),
                Verb::FreeBusy(node),
                Verb::ListTrash(node),
                Verb::ManageShare(node),
            ]);
        } else {
            verbs.extend([
                Verb::PutOver(node),
                Verb::Trim(node),
                Verb::RestoreRevision(node),
                Verb::Preview(node),
                Verb::Print(node),
                Verb::WebEdit(node),
            ]);
        }
        if world.nodes[node].parent.is_some() {
            verbs.extend([Verb::Delete(node), Verb::Purge(node), Verb::Restore(node)]);
            verbs.extend(transfers(world, node));
        }
    }
    verbs
}

/// COPY and MOVE of it to every folder, onto a free name and onto everything there.
pub fn transfers(world: &World, source: usize) -> Vec<Verb> {
    let mut verbs = Vec::new();
    let folders = (0..world.nodes.len()).filter(|node| world.nodes[*node].folder && !world.is_within(*node, source));
    for parent in folders {
        // Nothing is put onto what it lies in.
        let there = world.children(parent).filter(|there| !world.is_within(source, *there));
        for onto in [None].into_iter().chain(there.map(Some)) {
            verbs.extend([Verb::Copy { source, parent, onto }, Verb::Move { source, parent, onto }]);
        }
    }
    verbs
}

/// Whatever is decided for this caller is the same in both. Gives the number of comparisons.
pub fn compare(world: &World, ask: Ask, verbs: &[Verb]) -> u64 {
    let guard = Guard::new(world, ask);
    let mut compared = 0;
    for node in 0..world.nodes.len() {
        assert_eq!(guard.held(node), reference::held(world, &ask, node), "{node} of {world:#?} for {ask:?}");
        assert_eq!(guard.sees(node), reference::sees(world, &ask, node), "{node} of {world:#?} for {ask:?}");
        compared += 2;
        if world.nodes[node].folder {
            let expected = reference::listing(world, &ask, node);
            assert_eq!(guard.listing(node), expected, "{node} of {world:#?} for {ask:?}");
            compared += 1;
        }
    }
    for verb in verbs {
        let expected = reference::answer(world, &ask, *verb);
        assert_eq!(guard.answer(*verb), expected, "{verb:?} in {world:#?} for {ask:?}");
        compared += 1;
    }
    compared
}

/// What may stand at a place of a tree: for the caller, or for his group and denied to him, with few permissions or many.
fn tree_states() -> Vec<(bool, Vec<Entry>)> {
    const EDITOR: Given = Given::Role(2);
    const VIEWER: Given = Given::Role(4);
    const UPLOADER: Given = Given::Role(6);
    let entries: [Vec<Entry>; 6] = [
        vec![],
        vec![entry(false, false, VIEWER)],
        vec![entry(true, false, EDITOR)],
        vec![entry(false, false, UPLOADER)],
        vec![entry(false, true, EDITOR)],
        vec![entry(true, false, EDITOR), entry(false, true, Given::Set(DELETE))],
    ];
    [true, false].into_iter().flat_map(|inherits| entries.clone().map(|entries| (inherits, entries))).collect()
}

/// The row of `delete` in `roles.csv`.
const DELETE: Bits = 1 << 3;

/// Every tree of a root and up to three further places, no deeper than three, each of them a file or a folder.
fn shapes() -> Vec<Vec<(Option<usize>, bool)>> {
    let mut shapes = Vec::new();
    let parents: [&[usize]; 7] = [&[], &[0], &[0, 0], &[0, 1], &[0, 0, 0], &[0, 0, 1], &[0, 1, 1]];
    for parents in parents {
        for kinds in 0..1_usize << parents.len() {
            let is_folder = |at: usize| kinds >> at & 1 == 1;
            // What has members is a folder.
            if parents.iter().all(|parent| *parent == 0 || is_folder(*parent - 1)) {
                let places = parents.iter().enumerate().map(|(at, parent)| (Some(*parent), is_folder(at)));
                shapes.push([(None, true)].into_iter().chain(places).collect());
            }
        }
    }
    shapes
}

#[test]
fn every_verb_on_every_small_tree_agrees_with_the_reference() {
    let states = tree_states();
    let shapes = shapes();
    // A shape, and what stands at its root.
    let work: Vec<_> = shapes.iter().flat_map(|shape| states[..6].iter().map(move |root| (shape, root))).collect();
    let (mut trees, mut compared) = (0, 0);
    for (shape, _) in &work {
        trees += states.len().pow(shape.len() as u32 - 1);
    }
    compared += in_parallel(&work, |work| {
        let mut compared = 0;
        for (shape, root) in work {
            let mut world = site(shape);
            put(&mut world, 0, root);
            let verbs = verbs(&world);
            for pattern in 0..states.len().pow(shape.len() as u32 - 1) {
                let mut rest = pattern;
                for node in 1..shape.len() {
                    put(&mut world, node, &states[rest % states.len()]);
                    rest /= states.len();
                }
                compared += compare(&world, Ask::of(CALLER), &verbs);
            }
        }
        compared
    });
    println!("{compared} decisions on {trees} trees compared");
}

/// The parts that make a caller more or less than a member with grants. Each is told what it does to the site and the asking.
type Twist = fn(&mut World, &mut Ask);

const RANKS: [Twist; 6] = [
    |_, _| {},
    |world, _| world.users[CALLER].system_administrator = true,
    |world, _| administers(world, GroupKind::AdministratorsOfOrganization(0)),
    |world, _| administers(world, GroupKind::AdministratorsOfOrganization(1)),
    |world, _| administers(world, GroupKind::AdministratorsOfDepartment(0)),
    |world, _| administers(world, GroupKind::AdministratorsOfDepartment(1)),
];

/// Through the group that the caller is in.
fn administers(world: &mut World, kind: GroupKind) {
    world.groups.push(Group { kind, members: vec![Subject::Group(GROUP)] });
}

const KINDS: [Twist; 5] = [
    |_, _| {},
    |world, _| world.shares[0].kind = Kind::Public,
    |world, _| world.shares[0].kind = Kind::Home(CALLER),
    |world, _| world.shares[0].kind = Kind::Home(STRANGER),
    |world, _| world.users[CALLER].guest = true,
];

const DOORS: [Twist; 8] = [
    |_, _| {},
    |world, _| world.users[CALLER].enabled = false,
    |world, _| world.organizations[0].active = false,
    |world, _| world.organizations[1].active = false,
    |world, _| world.shares[0].active = false,
    |world, _| world.closed.push((CALLER, 0, Channel::WebDav)),
    |world, _| world.closed.push((CALLER, 0, Channel::Link)),
    |world, _| world.closed.extend([(STRANGER, 0, Channel::WebDav), (CALLER, 0, Channel::Device)]),
];

const POLICIES: [Twist; 12] = [
    |_, _| {},
    |world, _| world.organizations[0].off.push("user_trim_revisions"),
    |world, _| world.organizations[0].off.push("user_purge_deleted"),
    |world, _| world.organizations[0].off.push("user_create_links"),
    |world, _| world.organizations[0].off.push("user_lock_files"),
    |world, _| world.organizations[0].off.push("user_rollback"),
    |world, _| world.organizations[0].off.push("users_may_grant"),
    |world, _| world.organizations[0].off.push("web_editor_enabled"),
    |world, _| world.organizations[0].off.push("web_preview_enabled"),
    |world, _| world.organizations[1].off.extend(["user_lock_files", "user_trim_revisions", "web_editor_enabled"]),
    |world, _| world.organizations[0].browse = true,
    |world, _| world.organizations[1].browse = true,
];

const WAYS: [Twist; 11] = [
    |_, _| {},
    |_, ask| ask.lease = Some(2),
    |_, ask| through_a_link(ask, 0),
    |_, ask| through_a_link(ask, 2),
    |_, ask| through_a_link(ask, 3),
    |_, ask| through_a_link(ask, 4),
    |_, ask| through_a_link(ask, 5),
    |_, ask| through_a_link(ask, 6),
    |_, ask| ask.channel = Channel::Device,
    |_, ask| ask.reading = true,
    |_, ask| (ask.reading, ask.lease) = (true, Some(2)),
];

fn through_a_link(ask: &mut Ask, role: usize) {
    ask.channel = Channel::Link;
    ask.link = Some(role);
}

const GRANTS: [Twist; 11] = [
    |_, _| {},
    |world, _| world.shares[0].subscriptions.push((Subject::User(CALLER), 0)),
    |world, _| world.shares[0].subscriptions.push((Subject::Group(GROUP), 1)),
    |world, _| world.shares[0].subscriptions.push((Subject::Group(GROUP), 6)),
    |world, _| world.wholes.push(whole(Subject::User(STRANGER), Subject::User(CALLER), 1)),
    |world, _| world.wholes.push(whole(Subject::Group(1), Subject::User(CALLER), 2)),
    |world, _| world.wholes.push(whole(Subject::User(STRANGER), Subject::Group(GROUP), 3)),
    |world, _| world.wholes.push(whole(Subject::Group(1), Subject::Group(GROUP), 4)),
    |world, _| world.nodes[1].entries.push(entry(true, false, Given::Level(3))),
    |world, _| {
        world.shares[0].subscriptions.push((Subject::User(CALLER), 0));
        world.nodes[1].entries.push(entry(true, true, Given::Role(2)));
    },
    |world, _| {
        world.shares[0].subscriptions.push((Subject::User(CALLER), 0));
        world.nodes[2].inherits = false;
    },
];

fn whole(target: Subject, subject: Subject, level: usize) -> Whole {
    Whole { target, subject, level }
}

/// A share of the department 1, which lies in the department 0, of the organization 0, which lies below 1.
fn ranked_site() -> World {
    let mut world = site(&[(None, true), (Some(0), true), (Some(1), false)]);
    world.organizations[0].parent = Some(1);
    world.organizations.push(Organization { active: true, ..Organization::default() });
    let department = |parent| Department { parent, users: Vec::new() };
    world.departments = vec![department(None), department(Some(0))];
    world.shares[0].department = Some(1);
    world.groups.push(Group { kind: GroupKind::Plain, members: vec![Subject::User(STRANGER)] });
    world
}

#[test]
fn every_rank_door_policy_link_and_lease_agrees_with_the_reference() {
    let mut work: Vec<(Twist, Twist)> = Vec::new();
    for rank in RANKS {
        work.extend(KINDS.map(|kind| (rank, kind)));
    }
    let compared = in_parallel(&work, |work| {
        let mut compared = 0;
        for (rank, kind) in work {
            for door in DOORS {
                for policy in POLICIES {
                    for way in WAYS {
                        for grant in GRANTS {
                            let (mut world, mut ask) = (ranked_site(), Ask::of(CALLER));
                            for twist in [*rank, *kind, door, policy, way, grant] {
                                twist(&mut world, &mut ask);
                            }
                            let verbs = verbs(&world);
                            compared += compare(&world, ask, &verbs);
                        }
                    }
                }
            }
        }
        compared
    });
    let sites = RANKS.len() * KINDS.len() * DOORS.len() * POLICIES.len() * WAYS.len() * GRANTS.len();
    println!("{compared} decisions on {sites} sites compared");
}
