//! The law as a beginner would write it down, sentence by sentence, from its text and its tables and nothing else.

use std::sync::OnceLock;

use crate::world::{Answer, Ask, Bits, Channel, Given, GroupKind, Kind, Subject, Verb, World};

const ROLES: &str = include_str!("../../data/roles.csv");
const LEVELS: &str = include_str!("../../data/levels.csv");

/// The tables, and the permissions by name.
struct Tables {
    roles: Vec<Bits>,
    levels: Vec<Bits>,
    all: Bits,
    /// Whatever shows a file: what is said of items and files, and what lists the folder around it.
    shows_a_file: Bits,
    owner: Bits,
    trim: Bits,
    purge: Bits,
    delete: Bits,
    share: Bits,
    sync: Bits,
    view: Bits,
    print: Bits,
    read: Bits,
    write: Bits,
    web_edit: Bits,
    list: Bits,
    list_folders: Bits,
    create: Bits,
    delete_child: Bits,
    rename_child: Bits,
}

fn t() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| {
        let mut rows = ROLES.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let columns = rows.next().unwrap().len();
        let rows: Vec<_> = rows.collect();
        let bit = |name: &str| 1 << rows.iter().position(|row| row[0] == name).unwrap();
        let column = |column: usize| (0..rows.len()).filter(|row| rows[*row][column] == "Y").map(|row| 1 << row).sum();
        let levels = LEVELS.lines().skip(1).map(|line| {
            let names = line.split(',').nth(1).unwrap();
            names.split_whitespace().map(bit).sum()
        });
        let of_items_and_files = (0..rows.len()).filter(|row| rows[*row][1] != "folder").map(|row| 1 << row);
        Tables {
            roles: (3..columns).map(column).collect(),
            levels: levels.collect(),
            all: (0..rows.len()).map(|row| 1 << row).sum(),
            shows_a_file: of_items_and_files.sum::<Bits>() | bit("list"),
            owner: bit("owner"),
            trim: bit("trim"),
            purge: bit("purge"),
            delete: bit("delete"),
            share: bit("share"),
            sync: bit("sync"),
            view: bit("view"),
            print: bit("print"),
            read: bit("read"),
            write: bit("write"),
            web_edit: bit("web-edit"),
            list: bit("list"),
            list_folders: bit("list-folders"),
            create: bit("create"),
            delete_child: bit("delete-child"),
            rename_child: bit("rename-child"),
        }
    })
}

pub fn given(given: Given) -> Bits {
    match given {
        Given::Role(role) => t().roles[role],
        Given::Level(level) => t().levels[level],
        Given::Set(bits) => bits & t().all,
    }
}

// Principals.

fn is(w: &World, user: usize, subject: Subject) -> bool {
    match subject {
        Subject::User(other) => other == user,
        Subject::Group(group) => is_in(w, user, group),
    }
}

fn is_in(w: &World, user: usize, group: usize) -> bool {
    let guest = w.users[user].guest;
    match w.groups[group].kind {
        GroupKind::AllUsersOfOrganization(organization) => !guest && w.users[user].organization == organization,
        GroupKind::AllUsersOfDepartment(department) => !guest && is_of(w, user, department),
        GroupKind::Plain | GroupKind::AdministratorsOfOrganization(_) | GroupKind::AdministratorsOfDepartment(_) => {
            w.groups[group].members.iter().any(|member| is(w, user, *member))
        }
    }
}

/// A member of a sub-department is a member of the department.
fn is_of(w: &World, user: usize, department: usize) -> bool {
    let departments = 0..w.departments.len();
    w.departments[department].users.contains(&user)
        || departments.into_iter().any(|d| w.departments[d].parent == Some(department) && is_of(w, user, d))
}

fn is_member_of_a(w: &World, user: usize, kind: GroupKind) -> bool {
    (0..w.groups.len()).any(|group| w.groups[group].kind == kind && is_in(w, user, group))
}

/// An organization's administrator is one of those below it too.
fn administers_organization(w: &World, user: usize, organization: usize) -> bool {
    is_member_of_a(w, user, GroupKind::AdministratorsOfOrganization(organization))
        || w.organizations[organization].parent.is_some_and(|parent| administers_organization(w, user, parent))
}

/// The department and everything below it.
fn administers_department(w: &World, user: usize, department: usize) -> bool {
    is_member_of_a(w, user, GroupKind::AdministratorsOfDepartment(department))
        || w.departments[department].parent.is_some_and(|parent| administers_department(w, user, parent))
}

fn administers(w: &World, user: usize, share: usize) -> bool {
    let share = &w.shares[share];
    w.users[user].system_administrator
        || administers_organization(w, user, share.organization)
        || share.department.is_some_and(|department| administers_department(w, user, department))
}

// Evaluation, in the order of the law's list.

fn is_active(w: &World, organization: usize) -> bool {
    let it = &w.organizations[organization];
    it.active && it.parent.is_none_or(|parent| is_active(w, parent))
}

/// 1.
fn is_open(w: &World, ask: &Ask, share: usize) -> bool {
    w.users[ask.user].enabled
        && is_active(w, w.users[ask.user].organization)
        && w.shares[share].active
        && is_active(w, w.shares[share].organization)
        && !w.closed.contains(&(ask.user, share, ask.channel))
}

/// 2 to 4: what the entries come to for a user on a node.
fn walked(w: &World, user: usize, node: usize) -> Bits {
    let here = &w.nodes[node];
    let from_above = match here.parent {
        Some(parent) if here.inherits => walked(w, user, parent),
        _ => 0,
    };
    (from_above | allowed_at(w, user, node)) & !denied_at(w, user, node)
}

fn allowed_at(w: &World, user: usize, node: usize) -> Bits {
    let mut bits = 0;
    for entry in &w.nodes[node].entries {
        if !entry.deny && is(w, user, entry.subject) {
            bits |= given(entry.given);
        }
    }
    let share = &w.shares[w.nodes[node].share];
    if share.root == node {
        match share.kind {
            Kind::Team | Kind::Public => {
                for (subject, role) in &share.subscriptions {
                    if is(w, user, *subject) && !w.users[user].guest {
                        bits |= t().roles[*role];
                    }
                }
            }
            Kind::Home(owner) => {
                for whole in &w.wholes {
                    if is(w, owner, whole.target) && is(w, user, whole.subject) {
                        bits |= t().levels[whole.level];
                    }
                }
            }
        }
    }
    bits
}

fn denied_at(w: &World, user: usize, node: usize) -> Bits {
    let mut bits = 0;
    for entry in &w.nodes[node].entries {
        if entry.deny && is(w, user, entry.subject) {
            bits |= given(entry.given);
        }
    }
    bits
}

/// Whether the last word about the permission, on the way to the node, is a deny.
fn is_denied(w: &World, user: usize, node: usize, bit: Bits) -> bool {
    if is_beyond_denies(w, user, w.nodes[node].share) {
        return false;
    }
    let here = &w.nodes[node];
    if denied_at(w, user, node) & bit != 0 {
        true
    } else if allowed_at(w, user, node) & bit != 0 {
        false
    } else {
        here.inherits && here.parent.is_some_and(|parent| is_denied(w, user, parent, bit))
    }
}

/// A home's owner, and a system administrator on whatever is nobody's home.
fn is_beyond_denies(w: &World, user: usize, share: usize) -> bool {
    match w.shares[share].kind {
        Kind::Home(owner) => owner == user,
        Kind::Team | Kind::Public => w.users[user].system_administrator,
    }
}

fn is_off(w: &World, organization: usize, policy: &str) -> bool {
    let it = &w.organizations[organization];
    it.off.contains(&policy) || it.parent.is_some_and(|parent| is_off(w, parent, policy))
}

fn is_browsed(w: &World, organization: usize) -> bool {
    let it = &w.organizations[organization];
    it.browse || it.parent.is_some_and(|parent| is_browsed(w, parent))
}

/// The effective permissions.
pub fn held(w: &World, ask: &Ask, node: usize) -> Bits {
    let share = w.nodes[node].share;
    if !is_open(w, ask, share) {
        return 0;
    }
    let organization = w.shares[share].organization;
    let mut bits = walked(w, ask.user, node);
    // 5. and the owner of a home
    if is_beyond_denies(w, ask.user, share) {
        bits = t().all;
    }
    let administrator = w.users[ask.user].system_administrator || administers_organization(w, ask.user, organization);
    if administrator && is_browsed(w, organization) {
        bits |= t().levels[1];
    }
    // The creation lease.
    if ask.lease == Some(node) && bits & t().create != 0 {
        bits |= t().write;
    }
    // 6.
    if !administers(w, ask.user, share) {
        let caps = [
            ("user_trim_revisions", t().trim),
            ("user_purge_deleted", t().purge),
            ("user_create_links", t().share),
            ("web_editor_enabled", t().web_edit),
            ("web_preview_enabled", t().view),
        ];
        for (policy, taken) in caps {
            if is_off(w, organization, policy) {
                bits &= !taken;
            }
        }
    }
    // 7.
    if let Some(role) = ask.link {
        bits &= t().roles[role];
    }
    // A URL for reading leaves what the level Read has.
    if ask.reading {
        bits &= t().levels[1];
    }
    bits
}

/// Whether a policy stops what no permission stands for.
fn is_stopped(w: &World, ask: &Ask, node: usize, policy: &str) -> bool {
    let share = w.nodes[node].share;
    is_off(w, w.shares[share].organization, policy) && !administers(w, ask.user, share)
}

// What is visible.

/// Seen for what he may do to it.
fn is_reached(w: &World, ask: &Ask, node: usize) -> bool {
    let bits = held(w, ask, node);
    if w.nodes[node].folder { bits != 0 } else { bits & t().shows_a_file != 0 }
}

/// Reached by something that is allowed at this very place and holds.
fn is_granted(w: &World, ask: &Ask, node: usize) -> bool {
    let here = allowed_at(w, ask.user, node) & !denied_at(w, ask.user, node);
    let is_owner = w.shares[w.nodes[node].share].kind == Kind::Home(ask.user);
    here & held(w, ask, node) != 0 && !is_owner && is_reached(w, ask, node)
}

/// 8.
fn is_on_the_way(w: &World, ask: &Ask, folder: usize) -> bool {
    w.below(folder).into_iter().any(|node| is_granted(w, ask, node))
}

pub fn sees(w: &World, ask: &Ask, node: usize) -> bool {
    is_reached(w, ask, node) || w.nodes[node].folder && is_on_the_way(w, ask, node)
}

/// The members that a listing of a folder shows; none if he may not list it.
pub fn listing(w: &World, ask: &Ask, folder: usize) -> Option<Vec<usize>> {
    let bits = held(w, ask, folder);
    let shown = |node: &usize| {
        let leads_on = || w.nodes[*node].folder && is_on_the_way(w, ask, *node);
        let lists_it = bits & t().list != 0 || bits & t().list_folders != 0 && w.nodes[*node].folder;
        if lists_it { sees(w, ask, *node) } else { is_granted(w, ask, *node) || leads_on() }
    };
    let may = bits & (t().list | t().list_folders) != 0 || is_on_the_way(w, ask, folder);
    (sees(w, ask, folder) && may).then(|| w.children(folder).filter(shown).collect())
}

// Verbs.

/// DELETE of one item: delete on it or delete-child on its parent; a deny on the item wins.
fn may_go(w: &World, ask: &Ask, node: usize) -> bool {
    let parent = w.nodes[node].parent.unwrap();
    sees(w, ask, node)
        && (held(w, ask, node) & t().delete != 0
            || held(w, ask, parent) & t().delete_child != 0 && !is_denied(w, ask.user, node, t().delete))
}

/// The same on every descendant.
fn may_go_whole(w: &World, ask: &Ask, node: usize) -> bool {
    may_go(w, ask, node) && w.below(node).into_iter().all(|below| may_go(w, ask, below))
}

/// read per file, list per folder
fn may_be_copied(w: &World, ask: &Ask, node: usize) -> bool {
    let needed = if w.nodes[node].folder { t().list } else { t().read };
    held(w, ask, node) & needed != 0
}

/// What stands at the destination, and the room for a name there.
fn may_land(w: &World, ask: &Ask, source: usize, parent: usize, onto: Option<usize>, new_name: bool) -> bool {
    let room = !new_name || held(w, ask, parent) & t().create != 0;
    match onto {
        None => room,
        Some(there) if !w.nodes[there].folder && !w.nodes[source].folder => held(w, ask, there) & t().write != 0,
        Some(there) => room && may_go_whole(w, ask, there),
    }
}

pub fn answer(w: &World, ask: &Ask, verb: Verb) -> Answer {
    let missing = |node: usize| !sees(w, ask, node);
    let has = |node: usize, bits: Bits| held(w, ask, node) & bits == bits;
    let either = |node: usize, bits: Bits| held(w, ask, node) & bits != 0;
    // The folder in which a name is made or met; the root of a share stands for itself.
    let around = |node: usize| w.nodes[node].parent.unwrap_or(node);
    let manages = |node: usize| {
        let organizations_are_active = is_active(w, w.users[ask.user].organization);
        w.users[ask.user].enabled
            && organizations_are_active
            && ask.channel != Channel::Link
            && !ask.reading
            && administers(w, ask.user, w.nodes[node].share)
    };
    let (unseen, may) = match verb {
        Verb::Get(node) if w.nodes[node].folder => (missing(node), has(node, t().list)),
        Verb::Get(node) => (missing(node), has(node, t().read)),
        Verb::GetZip(node) => {
            let packed = |below: usize| match w.nodes[below].folder {
                true => has(below, t().list | t().sync),
                false => has(below, t().read),
            };
            let inside = w.below(node).into_iter().filter(|below| sees(w, ask, *below)).all(packed);
            (missing(node), has(node, t().list | t().sync) && inside)
        }
        Verb::Propfind(node) => (missing(node), true),
        Verb::PropfindMembers(node) => (missing(node), listing(w, ask, node).is_some()),
        Verb::Proppatch(node) => (missing(node), has(node, t().write)),
        Verb::PutNew { parent } | Verb::Mkcol { parent } => (missing(parent), has(parent, t().create)),
        // The oracle: a name that is taken answers like one that is refused.
        Verb::PutOver(node) => (missing(around(node)), has(node, t().write)),
        Verb::Delete(node) => (missing(node), may_go_whole(w, ask, node)),
        Verb::Copy { source, parent, onto } => {
            let inside = w.below(source).into_iter().filter(|below| sees(w, ask, *below));
            let copied = may_be_copied(w, ask, source) && inside.into_iter().all(|below| may_be_copied(w, ask, below));
            let lands = may_land(w, ask, source, parent, onto, true);
            (missing(source) || missing(parent), copied && lands)
        }
        Verb::Move { source, parent, onto } => {
            let from = around(source);
            if from == parent {
                let renamed = has(parent, t().rename_child);
                (missing(source), renamed && may_land(w, ask, source, parent, onto, false))
            } else {
                let elsewhere = w.nodes[source].share != w.nodes[parent].share;
                let taken_along = |node: usize| !elsewhere || may_be_copied(w, ask, node) && has(node, t().sync);
                let along = taken_along(source) && w.below(source).into_iter().all(taken_along);
                // Also a file's new revision takes the source out of one folder and into another.
                let lands = may_land(w, ask, source, parent, onto, true) && has(parent, t().create);
                (missing(source) || missing(parent), along && may_go_whole(w, ask, source) && lands)
            }
        }
        Verb::Lock(node) => {
            let needed = if w.nodes[node].folder { t().write | t().create } else { t().write };
            (missing(around(node)), has(node, needed) && !is_stopped(w, ask, node, "user_lock_files"))
        }
        // All or nothing.
        Verb::LockDeep(node) => {
            let lockable = |below: usize| match w.nodes[below].folder {
                true => has(below, t().write | t().create),
                false => has(below, t().write),
            };
            let inside = w.below(node).into_iter().all(|below| sees(w, ask, below) && lockable(below));
            let may = lockable(node) && inside && !is_stopped(w, ask, node, "user_lock_files");
            (missing(around(node)), may)
        }
        Verb::LockNew { parent } => {
            (missing(parent), has(parent, t().create) && !is_stopped(w, ask, parent, "user_lock_files"))
        }
        Verb::UnlockOwn(_) => (false, true),
        Verb::UnlockOthers(node) | Verb::ManageShare(node) => {
            (!manages(node) && missing(node), manages(node) || has(node, t().owner))
        }
        Verb::SyncCollection(node) => (missing(node), has(node, t().list | t().sync)),
        Verb::ReportCollection(node) => (missing(node), has(node, t().list)),
        Verb::FreeBusy(node) => (missing(node), has(node, t().view)),
        Verb::Acl(node) => (missing(node), has(node, t().owner) && !is_stopped(w, ask, node, "users_may_grant")),
        Verb::ReadAcl(node) => (missing(node), has(node, t().owner)),
        Verb::Trim(node) => (missing(node), has(node, t().trim)),
        Verb::Purge(node) => {
            let whole = |below: usize| sees(w, ask, below) && has(below, t().purge);
            (missing(node), whole(node) && w.below(node).into_iter().all(whole))
        }
        Verb::ListTrash(node) => (missing(node), has(node, t().list | t().delete)),
        Verb::Restore(node) => {
            (missing(around(node)), has(node, t().list | t().delete) && has(around(node), t().create))
        }
        Verb::RestoreRevision(node) => (missing(node), has(node, t().write | t().read)),
        Verb::RollBack(node) => {
            let whole = |below: usize| sees(w, ask, below) && has(below, t().write);
            let may = whole(node) && w.below(node).into_iter().all(whole);
            (missing(node), may && !is_stopped(w, ask, node, "user_rollback"))
        }
        Verb::CreateLink(node) => (missing(node), has(node, t().share)),
        Verb::Preview(node) => {
            (missing(node), either(node, t().view | t().read) && !is_stopped(w, ask, node, "web_preview_enabled"))
        }
        Verb::Print(node) => (missing(node), has(node, t().print)),
        Verb::WebEdit(node) => {
            (missing(node), either(node, t().web_edit | t().write) && !is_stopped(w, ask, node, "web_editor_enabled"))
        }
    };
    match (unseen, may) {
        (true, _) => Answer::Missing,
        (false, false) => Answer::Forbidden,
        (false, true) => Answer::Done,
    }
}
