//! A small site for the tests: the share `Projects`, people, and words to grant with.

use commonhold_acl::*;

/// A file and a folder of the share.
pub const PLAN: Item = Item::file(ItemId(12));
pub const PLANS: Item = Item::folder(ItemId(11));

/// The facts about a full user of an active site who has nothing yet, on the share's root.
pub fn nobody(name: &str) -> Facts {
    Facts {
        user: User {
            id: UserId(7),
            name: name.into(),
            kind: UserKind::Full,
            enabled: true,
            organization_active: true,
            rank: Rank::Member,
        },
        channel: Channel::WebDav,
        channel_open: true,
        share: Share { id: ShareId(1), name: "Projects".into(), kind: ShareKind::Team, active: true },
        admin_browse_files: false,
        chain: vec![step("/Projects", [])],
        on_the_way: false,
        creation_lease: false,
        limits: vec![],
    }
}

/// The same with subscriptions of these built-in roles.
pub fn subscriber<const N: usize>(name: &str, roles: [&str; N]) -> Facts {
    Facts { chain: vec![step("/Projects", roles.map(subscription))], ..nobody(name) }
}

/// A user with this rank and nothing else.
pub fn ranked(name: &str, rank: Rank) -> Facts {
    let mut facts = nobody(name);
    facts.user.rank = rank;
    facts
}

/// The facts one or more steps farther down.
pub fn below(facts: &Facts, steps: impl IntoIterator<Item = Step>) -> Facts {
    let mut facts = facts.clone();
    facts.chain.extend(steps);
    facts
}

/// The home of that user.
pub fn home_of(owner: i64, name: &str) -> Share {
    let kind = ShareKind::Home { owner: UserId(owner), name: name.into() };
    Share { id: ShareId(2), name: "Home".into(), kind, active: true }
}

pub fn step<const N: usize>(path: &str, entries: [Entry; N]) -> Step {
    Step { path: path.into(), inherits: true, entries: entries.into() }
}

/// A step that does not inherit.
pub fn apart<const N: usize>(path: &str, entries: [Entry; N]) -> Step {
    Step { inherits: false, ..step(path, entries) }
}

pub fn subscription(role: &str) -> Entry {
    Entry { source: Source::Subscription, granted: Granted::Role(role_of(role)), via: vec![] }
}

pub fn allow(permissions: &str) -> Entry {
    entry(Source::FolderGrant(Effect::Allow), permissions)
}

pub fn deny(permissions: &str) -> Entry {
    entry(Source::FolderGrant(Effect::Deny), permissions)
}

pub fn through<const N: usize>(groups: [&str; N], entry: Entry) -> Entry {
    Entry { via: groups.map(Into::into).into(), ..entry }
}

pub fn role_of(name: &str) -> Role {
    builtin(name).expect("a built-in role").clone()
}

pub fn set(names: &str) -> Permissions {
    names.parse().expect("names of permissions")
}

fn entry(source: Source, permissions: &str) -> Entry {
    Entry { source, granted: Granted::Custom(set(permissions)), via: vec![] }
}
