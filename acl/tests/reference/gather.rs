//! What a guard does: it turns the rows of a site into facts, asks the crate, and puts its decisions about an operation
//! and about what lies below together.

use commonhold_acl as acl;
use commonhold_acl::{
    DenialKind, Effect, Effective, Entry, Facts, Granted, Item, ItemId, ItemKind, Level, Limit, Listing, Object,
    Operation, Permissions, Policy, Rank, Scene, Source, Step, Whose, decide_operation, evaluate, roles,
};

use crate::world::{Answer, Ask, Bits, Channel, Given, GroupKind, Kind, Subject, Verb, World};

/// Where an entry of the facts comes from, to take it away again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Entry { node: usize, at: usize },
    Subscription { share: usize, at: usize },
    Whole { at: usize },
}

/// Everything that one caller may do, node by node.
pub struct Guard<'w> {
    world: &'w World,
    effective: Vec<Effective>,
}

impl<'w> Guard<'w> {
    pub fn new(world: &'w World, ask: Ask) -> Self {
        let circumstances = Circumstances::of(world, &ask);
        let facts = |node| circumstances.facts(world, &ask, node);
        let alone: Vec<Effective> = (0..world.nodes.len()).map(|node| evaluate(facts(node))).collect();
        let shown: Vec<usize> =
            (0..world.nodes.len()).filter(|node| alone[*node].is_granted_here(kind(world, *node))).collect();
        let on_the_way = |folder: usize| {
            shown.iter().any(|node| *node != folder && world.is_within(*node, folder)) && world.nodes[folder].folder
        };
        let effective = (0..world.nodes.len()).map(|node| match on_the_way(node) {
            true => evaluate(Facts { on_the_way: true, ..alone[node].facts().clone() }),
            false => alone[node].clone(),
        });
        Self { world, effective: effective.collect() }
    }

    pub fn at(&self, node: usize) -> &Effective {
        &self.effective[node]
    }

    pub fn held(&self, node: usize) -> Bits {
        self.effective[node].permissions().bits()
    }

    pub fn sees(&self, node: usize) -> bool {
        self.effective[node].sees(kind(self.world, node))
    }

    pub fn listing(&self, folder: usize) -> Option<Vec<usize>> {
        let granted = |node: usize| self.at(node).is_granted_here(kind(self.world, node));
        let leads_on = |node: usize| self.at(node).facts().on_the_way;
        let shown = |node: &usize| match self.at(folder).listing() {
            Listing::Members => self.sees(*node),
            Listing::Folders if self.world.nodes[*node].folder => self.sees(*node),
            Listing::Folders | Listing::Way => self.sees(*node) && (granted(*node) || leads_on(*node)),
            Listing::Nothing => false,
        };
        let may = self.decide(Operation::PropfindMembers, &self.scene(Some(folder), None, None)).is_ok();
        may.then(|| self.world.children(folder).filter(shown).collect())
    }

    fn decide(&self, operation: Operation, scene: &Scene<'_>) -> Result<(), DenialKind> {
        decide_operation(operation, scene).map(drop).map_err(|denial| denial.kind)
    }

    /// The item with its parent, and the destination with the folder it lies in.
    fn scene(&self, item: Option<usize>, to: Option<usize>, onto: Option<usize>) -> Scene<'_> {
        let parent = item.and_then(|item| self.world.nodes[item].parent);
        let places = [
            (Object::Item, item),
            (Object::Parent, parent),
            (Object::DestinationParent, to),
            (Object::Destination, onto),
        ];
        places.into_iter().fold(Scene::new(), |scene, (object, node)| match node {
            Some(node) => scene.with(object, self.at(node), item_of(self.world, node)),
            None => scene,
        })
    }

    fn name_in(&self, parent: usize) -> Scene<'_> {
        Scene::new().with(Object::Parent, self.at(parent), item_of(self.world, parent))
    }

    /// Whether what lies below lets the operation pass. `leaves_out`: what is hidden is passed over.
    fn below(&self, operation: Operation, object: Object, folder: usize, leaves_out: bool) -> bool {
        self.world.below(folder).into_iter().all(|node| {
            let Some(operation) = operation.below(object, kind(self.world, node)) else { return true };
            match self.decide(operation, &self.scene(Some(node), None, None)) {
                Ok(()) => true,
                Err(DenialKind::Invisible) => leaves_out,
                Err(DenialKind::Forbidden | DenialKind::Barred(_)) => false,
            }
        })
    }

    pub fn answer(&self, verb: Verb) -> Answer {
        let on = |operation, node| (operation, self.scene(Some(node), None, None), Some(node), None);
        let name = |operation, parent| (operation, self.name_in(parent), None, None);
        let folder = |node: usize| self.world.nodes[node].folder;
        let (operation, scene, source, onto) = match verb {
            Verb::Get(node) => on(if folder(node) { Operation::GetFolder } else { Operation::GetFile }, node),
            Verb::GetZip(node) => on(Operation::GetZip, node),
            Verb::Propfind(node) => on(Operation::Propfind, node),
            Verb::PropfindMembers(node) => on(Operation::PropfindMembers, node),
            Verb::Proppatch(node) => on(Operation::Proppatch, node),
            Verb::PutNew { parent } => name(Operation::PutNew, parent),
            Verb::PutOver(node) => on(Operation::PutOver, node),
            Verb::Mkcol { parent } => name(Operation::Mkcol, parent),
            Verb::Delete(node) => on(Operation::Delete, node),
            Verb::Copy { source, parent, onto } => {
                let operation =
                    Operation::Copy { source: kind(self.world, source), landing: self.landing(source, onto) };
                (operation, self.scene(Some(source), Some(parent), onto), Some(source), onto)
            }
            Verb::Move { source, parent, onto } => {
                let landing = self.landing(source, onto);
                let operation = if self.world.nodes[source].parent == Some(parent) {
                    Operation::Rename(landing)
                } else if self.world.nodes[source].share == self.world.nodes[parent].share {
                    Operation::Move(landing)
                } else {
                    Operation::MoveToShare { source: kind(self.world, source), landing }
                };
                (operation, self.scene(Some(source), Some(parent), onto), Some(source), onto)
            }
            Verb::Lock(node) => on(if folder(node) { Operation::LockFolder } else { Operation::LockFile }, node),
            Verb::LockDeep(node) => on(Operation::LockFolder, node),
            Verb::LockNew { parent } => name(Operation::LockNew, parent),
            Verb::UnlockOwn(node) => on(Operation::UnlockOwn, node),
            Verb::UnlockOthers(node) => on(Operation::UnlockOthers, node),
            Verb::SyncCollection(node) => on(Operation::SyncCollection, node),
            Verb::ReportCollection(node) => on(Operation::ReportCollection, node),
            Verb::FreeBusy(node) => on(Operation::FreeBusy, node),
            Verb::Acl(node) => on(Operation::Acl, node),
            Verb::ReadAcl(node) => on(Operation::ReadAcl, node),
            Verb::Trim(node) => on(Operation::Trim, node),
            Verb::Purge(node) => on(Operation::Purge, node),
            Verb::ListTrash(node) => on(Operation::ListTrash, node),
            Verb::Restore(node) => on(Operation::Restore, node),
            Verb::RestoreRevision(node) => on(Operation::RestoreRevision, node),
            Verb::RollBack(node) => on(Operation::RollBack, node),
            Verb::CreateLink(node) => on(Operation::CreateLink, node),
            Verb::Preview(node) => on(Operation::Preview, node),
            Verb::Print(node) => on(Operation::Print, node),
            Verb::WebEdit(node) => on(Operation::WebEdit, node),
            Verb::ManageShare(node) => on(Operation::ManageShare, node),
        };
        match self.decide(operation, &scene) {
            Err(DenialKind::Invisible) => return Answer::Missing,
            Err(DenialKind::Forbidden | DenialKind::Barred(_)) => return Answer::Forbidden,
            Ok(()) => {}
        }
        let leaves_out = matches!(verb, Verb::Copy { .. } | Verb::GetZip(_));
        let source = source.filter(|_| !matches!(verb, Verb::Lock(_)));
        let source_passes = source.is_none_or(|node| self.below(operation, Object::Item, node, leaves_out));
        let onto_passes = onto.is_none_or(|node| self.below(operation, Object::Destination, node, false));
        if source_passes && onto_passes { Answer::Done } else { Answer::Forbidden }
    }

    fn landing(&self, source: usize, onto: Option<usize>) -> acl::Landing {
        match onto {
            None => acl::Landing::Free,
            Some(there) if !self.world.nodes[there].folder && !self.world.nodes[source].folder => acl::Landing::Revises,
            Some(_) => acl::Landing::Replaces,
        }
    }
}

fn kind(world: &World, node: usize) -> ItemKind {
    if world.nodes[node].folder { ItemKind::Folder } else { ItemKind::File }
}

fn item_of(world: &World, node: usize) -> Item {
    Item { id: ItemId(node as i64), kind: kind(world, node) }
}

/// From the root down.
fn chain(world: &World, node: usize) -> Vec<usize> {
    let mut chain = vec![node];
    while let Some(parent) = world.nodes[chain[0]].parent {
        chain.insert(0, parent);
    }
    chain
}

/// The groups that a user is in, each with a way to it.
fn groups_of(world: &World, user: usize) -> Vec<Option<Vec<String>>> {
    let mut ways: Vec<Option<Vec<String>>> = vec![None; world.groups.len()];
    let name = |group: usize| format!("g{group}");
    let departments = departments_of(world, user);
    for (group, row) in world.groups.iter().enumerate() {
        let direct = match row.kind {
            GroupKind::AllUsersOfOrganization(organization) => {
                !world.users[user].guest && world.users[user].organization == organization
            }
            GroupKind::AllUsersOfDepartment(department) => {
                !world.users[user].guest && departments.contains(&department)
            }
            GroupKind::Plain
            | GroupKind::AdministratorsOfOrganization(_)
            | GroupKind::AdministratorsOfDepartment(_) => row.members.contains(&Subject::User(user)),
        };
        if direct {
            ways[group] = Some(vec![name(group)]);
        }
    }
    loop {
        let further = world.groups.iter().enumerate().find_map(|(group, row)| {
            let computed =
                matches!(row.kind, GroupKind::AllUsersOfOrganization(_) | GroupKind::AllUsersOfDepartment(_));
            if computed || ways[group].is_some() {
                return None;
            }
            let inner = row.members.iter().find_map(|member| match member {
                Subject::Group(inner) => ways[*inner].clone(),
                Subject::User(_) => None,
            })?;
            Some((group, [inner, vec![name(group)]].concat()))
        });
        match further {
            Some((group, way)) => ways[group] = Some(way),
            None => return ways,
        }
    }
}

/// Those that list him, and all above them.
fn departments_of(world: &World, user: usize) -> Vec<usize> {
    let mut found: Vec<usize> = (0..world.departments.len())
        .filter(|department| world.departments[*department].users.contains(&user))
        .collect();
    let mut at = 0;
    while at < found.len() {
        found.extend(world.departments[found[at]].parent);
        at += 1;
    }
    found
}

/// The organization and those above it.
fn upward(world: &World, organization: usize) -> Vec<usize> {
    let mut found = vec![organization];
    while let Some(parent) = world.organizations[found[found.len() - 1]].parent {
        found.push(parent);
    }
    found
}

fn granted(given: Given) -> Granted {
    match given {
        Given::Role(role) => Granted::Role(roles()[role].clone()),
        Given::Level(level) => Granted::Level(Level::ALL[level]),
        Given::Set(bits) => Granted::Custom(Permissions::from_bits(bits)),
    }
}

/// The entries at a node that reach the caller.
fn origins(world: &World, groups: &[Option<Vec<String>>], ask: &Ask, node: usize) -> Vec<(Origin, Entry)> {
    let via = |subject: Subject, user: usize, groups: &[Option<Vec<String>>]| match subject {
        Subject::User(other) => (other == user).then(Vec::new),
        Subject::Group(group) => groups[group].clone(),
    };
    let mut found = Vec::new();
    for (at, entry) in world.nodes[node].entries.iter().enumerate() {
        if let Some(via) = via(entry.subject, ask.user, groups) {
            let source = Source::FolderGrant(if entry.deny { Effect::Deny } else { Effect::Allow });
            found.push((Origin::Entry { node, at }, Entry { source, granted: granted(entry.given), via }));
        }
    }
    let share = world.nodes[node].share;
    if world.shares[share].root != node {
        return found;
    }
    for (at, (subject, role)) in world.shares[share].subscriptions.iter().enumerate() {
        if let Some(via) = via(*subject, ask.user, groups) {
            let granted = Granted::Role(roles()[*role].clone());
            found.push((Origin::Subscription { share, at }, Entry { source: Source::Subscription, granted, via }));
        }
    }
    if let Kind::Home(owner) = world.shares[share].kind
        && !world.wholes.is_empty()
    {
        let of_owner = groups_of(world, owner);
        for (at, whole) in world.wholes.iter().enumerate() {
            let (Some(_), Some(via)) = (via(whole.target, owner, &of_owner), via(whole.subject, ask.user, groups))
            else {
                continue;
            };
            let of = match whole.target {
                Subject::User(user) => Whose::User(format!("u{user}")),
                Subject::Group(group) => Whose::Members(format!("g{group}")),
            };
            let granted = Granted::Level(Level::ALL[whole.level]);
            found.push((Origin::Whole { at }, Entry { source: Source::WholeUserGrant { of }, granted, via }));
        }
    }
    found
}

/// What is true of the caller, whatever he asks about.
pub struct Circumstances {
    groups: Vec<Option<Vec<String>>>,
}

impl Circumstances {
    /// The permissions on one node, without looking at the others.
    pub fn held(&self, world: &World, ask: &Ask, node: usize) -> Bits {
        evaluate(self.facts(world, ask, node)).permissions().bits()
    }

    /// Where an entry of a node's facts comes from.
    pub fn origin(&self, world: &World, ask: &Ask, node: usize, place: acl::Place) -> Origin {
        origins(world, &self.groups, ask, Self::node_at(world, node, place.step))[place.entry].0
    }

    /// The node at a step of another's chain.
    pub fn node_at(world: &World, node: usize, step: usize) -> usize {
        chain(world, node)[step]
    }

    pub fn of(world: &World, ask: &Ask) -> Self {
        Self { groups: groups_of(world, ask.user) }
    }

    fn rank(&self, world: &World, user: usize, share: usize) -> Rank {
        let in_a = |kind: GroupKind| {
            world.groups.iter().zip(&self.groups).any(|(group, way)| group.kind == kind && way.is_some())
        };
        let share = &world.shares[share];
        let mut department = share.department;
        if world.users[user].system_administrator {
            return Rank::SystemAdministrator;
        }
        let organizations = upward(world, share.organization);
        if organizations.into_iter().any(|above| in_a(GroupKind::AdministratorsOfOrganization(above))) {
            return Rank::OrganizationAdministrator;
        }
        while let Some(here) = department {
            if in_a(GroupKind::AdministratorsOfDepartment(here)) {
                return Rank::DepartmentAdministrator;
            }
            department = world.departments[here].parent;
        }
        Rank::Member
    }

    pub fn facts(&self, world: &World, ask: &Ask, node: usize) -> Facts {
        let index = world.nodes[node].share;
        let (user, share) = (&world.users[ask.user], &world.shares[index]);
        let organizations = upward(world, share.organization);
        let is_active = |organization| upward(world, organization).into_iter().all(|o| world.organizations[o].active);
        let is_off =
            |policy: &Policy| organizations.iter().any(|o| world.organizations[*o].off.contains(&policy.name()));
        let mut limits: Vec<Limit> = Policy::ALL.into_iter().filter(is_off).map(Limit::Policy).collect();
        limits.extend(ask.link.map(|role| Limit::Link(roles()[role].clone())));
        limits.extend(ask.reading.then_some(Limit::Reading));
        let steps = chain(world, node).into_iter().map(|node| Step {
            path: String::new(),
            inherits: world.nodes[node].inherits,
            entries: origins(world, &self.groups, ask, node).into_iter().map(|(_, entry)| entry).collect(),
        });
        Facts {
            user: acl::User {
                id: acl::UserId(ask.user as i64),
                name: String::new(),
                kind: if user.guest { acl::UserKind::Guest } else { acl::UserKind::Full },
                enabled: user.enabled,
                organization_active: is_active(user.organization),
                rank: self.rank(world, ask.user, index),
            },
            channel: channel(ask.channel),
            channel_open: !world.closed.contains(&(ask.user, index, ask.channel)),
            share: acl::Share {
                id: acl::ShareId(index as i64),
                name: String::new(),
                kind: match share.kind {
                    Kind::Team => acl::ShareKind::Team,
                    Kind::Public => acl::ShareKind::Public,
                    Kind::Home(owner) => acl::ShareKind::Home { owner: acl::UserId(owner as i64), name: String::new() },
                },
                active: share.active && is_active(share.organization),
            },
            admin_browse_files: organizations.iter().any(|o| world.organizations[*o].browse),
            chain: steps.collect(),
            on_the_way: false,
            creation_lease: ask.lease == Some(node),
            limits,
        }
    }
}

fn channel(channel: Channel) -> acl::Channel {
    match channel {
        Channel::Web => acl::Channel::Web,
        Channel::WebDav => acl::Channel::WebDav,
        Channel::Device => acl::Channel::Device(acl::DeviceId(1)),
        Channel::Link => acl::Channel::Link,
    }
}
