//! The reason of a decision as one true sentence.
//!
//! People are called by their login names and by nothing else. What the site named stands in backticks.

use crate::effective::BROWSE;
use crate::{
    Channel, Closed, Effective, Entry, Facts, Granted, Limit, Permission, Place, Policy, Rank, Reason, ShareKind,
    Source, Step, UserKind, Whose,
};

/// An answer to "may this user do that, and why".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Whether the permission is held.
    pub allowed: bool,
    /// Why, as data.
    pub reason: Reason,
    /// Why, in words, such as
    /// "`ben` may delete `/Projects/plan.txt`: `ben` has the role `editor` on `Projects` through the group `Sales`."
    pub sentence: String,
}

impl Effective {
    /// Says whether the caller holds the permission on the item at that path, as people see it, and why.
    pub fn explain(&self, permission: Permission, path: &str) -> Explanation {
        let facts = self.facts();
        let reason = self.reason(permission);
        let allowed = reason.holds();
        let caller = caller(facts);
        let may = if allowed { "may" } else { "may not" };
        let what = phrase(permission);
        let why = why(facts, permission, reason);
        Explanation { allowed, reason, sentence: format!("{caller} {may} {what} `{path}`: {why}.") }
    }

    /// Says which policy stops the operation.
    pub(crate) fn explain_bar(&self, policy: Policy, path: &str) -> Explanation {
        let facts = self.facts();
        let (caller, what) = (caller(facts), barred(policy));
        let sentence = format!("{caller} may not {what} `{path}`: the policy `{}` is off.", policy.name());
        Explanation { allowed: false, reason: Reason::Barred(policy), sentence }
    }
}

fn caller(facts: &Facts) -> String {
    let name = &facts.user.name;
    match facts.channel {
        Channel::Link => format!("The holder of a share link by `{name}`"),
        Channel::Web | Channel::WebDav | Channel::Device(_) => format!("`{name}`"),
    }
}

const fn phrase(permission: Permission) -> &'static str {
    match permission {
        Permission::Owner => "set the access to",
        Permission::Trim => "trim the revisions of",
        Permission::Purge => "purge",
        Permission::Delete => "delete",
        Permission::Share => "share",
        Permission::Sync => "sync",
        Permission::View => "view",
        Permission::Print => "print",
        Permission::Read => "read",
        Permission::Write => "write",
        Permission::WebEdit => "edit on the web",
        Permission::List => "list",
        Permission::ListFolders => "list the folders in",
        Permission::Create => "create items in",
        Permission::DeleteChild => "delete members of",
        Permission::RenameChild => "rename members of",
    }
}

/// What the policy stops.
const fn barred(policy: Policy) -> &'static str {
    match policy {
        Policy::UserTrimRevisions => phrase(Permission::Trim),
        Policy::UserPurgeDeleted => phrase(Permission::Purge),
        Policy::UserCreateLinks => phrase(Permission::Share),
        Policy::UserLockFiles => "lock",
        Policy::UserRollback => "roll back",
        Policy::UsersMayGrant => phrase(Permission::Owner),
        Policy::WebEditorEnabled => phrase(Permission::WebEdit),
        Policy::WebPreviewEnabled => "preview",
    }
}

fn why(facts: &Facts, permission: Permission, reason: Reason) -> String {
    let name = &facts.user.name;
    match reason {
        Reason::Granted(place) => {
            let (step, entry) = at(facts, place);
            format!("`{name}` has {}{}", grant(facts, step, entry), via(entry))
        }
        Reason::HomeOwner => format!("it lies in the home of `{name}`, who is co-owner of everything there"),
        Reason::SystemAdministrator => {
            let everywhere = match facts.share.kind {
                ShareKind::Team | ShareKind::Home { .. } => "team share",
                ShareKind::Public => "public folder",
            };
            format!("`{name}` is a system administrator, and so a co-owner of every {everywhere}")
        }
        Reason::AdminBrowsesFiles => {
            format!("`{name}` administers the organization, and its policy `admin_browse_files` is on")
        }
        Reason::CreationLease => {
            format!("`{name}` has just created the file and may finish it")
        }
        Reason::Closed(Closed::Account) => format!("the account `{name}` is disabled"),
        Reason::Closed(Closed::Organization) => {
            format!("the organization of `{name}` is not active")
        }
        Reason::Closed(Closed::Share) => format!("{} is not active", share(facts)),
        Reason::Closed(Closed::Channel) => {
            format!("{} is not open to `{name}` {}", share(facts), over(facts.channel))
        }
        Reason::Denied(place) => {
            let (step, entry) = at(facts, place);
            format!("`{name}` is denied {}{}", grant(facts, step, entry), via(entry))
        }
        Reason::Cut { step } => format!(
            "`{}` does not inherit what `{name}` has above it, and {}",
            facts.chain[step].path,
            lack(facts, permission)
        ),
        Reason::Limited { limit } => match &facts.limits[limit] {
            Limit::Policy(policy) => {
                format!("the policy `{}` takes `{permission}` away", policy.name())
            }
            Limit::Link(role) => {
                format!("the share link's role `{}` does not include `{permission}`", role.name)
            }
            Limit::Reading => "the URL is for reading only".to_owned(),
        },
        Reason::Barred(policy) => format!("the policy `{}` is off", policy.name()),
        Reason::NotGranted => format!("{}{}", lack(facts, permission), aside(facts, permission)),
    }
}

/// Why something that might have given the permission did not.
fn aside(facts: &Facts, permission: Permission) -> &'static str {
    if facts.user.kind == UserKind::Guest {
        let alone = reaching(facts).next().is_none() && !facts.in_a_home();
        return if alone { ", and guests can't subscribe to a share" } else { "" };
    }
    match facts.user.rank {
        Rank::OrganizationAdministrator | Rank::SystemAdministrator
            if !facts.admin_browse_files && BROWSE.contains(permission) =>
        {
            ", and the policy `admin_browse_files`, by which administrators read, is off"
        }
        Rank::SystemAdministrator => ", and system administrators are no co-owners of homes",
        Rank::Member | Rank::DepartmentAdministrator | Rank::OrganizationAdministrator => "",
    }
}

/// The share in words.
fn share(facts: &Facts) -> String {
    match &facts.share.kind {
        ShareKind::Team => format!("the share `{}`", facts.share.name),
        ShareKind::Home { name, .. } => format!("the home of `{name}`"),
        ShareKind::Public => format!("the public folder `{}`", facts.share.name),
    }
}

/// That nothing which reaches the caller includes the permission.
fn lack(facts: &Facts, permission: Permission) -> String {
    let name = &facts.user.name;
    let grants: Vec<_> =
        reaching(facts).map(|(step, entry)| format!("{}{}", grant(facts, step, entry), via(entry))).collect();
    match grants.as_slice() {
        [] if facts.in_a_home() => format!("no grant reaches `{name}` there"),
        [] => format!("no subscription or grant reaches `{name}` there"),
        [only] => {
            format!("{only} does not include `{permission}`, and no other grant reaches `{name}`")
        }
        several => format!("none of the grants that reach `{name}` includes `{permission}`: {}", several.join("; ")),
    }
}

/// The entries that give something on the item, the nearest first.
fn reaching(facts: &Facts) -> impl Iterator<Item = (&Step, &Entry)> {
    let start = facts.chain.iter().rposition(|step| !step.inherits).unwrap_or(0);
    facts.chain[start..].iter().rev().flat_map(move |step| {
        step.entries.iter().filter(|entry| facts.counts(entry) && !entry.denies()).map(move |entry| (step, entry))
    })
}

fn at(facts: &Facts, place: Place) -> (&Step, &Entry) {
    let step = &facts.chain[place.step];
    (step, &step.entries[place.entry])
}

fn grant(facts: &Facts, step: &Step, entry: &Entry) -> String {
    let what = match &entry.granted {
        Granted::Role(role) => format!("the role `{}`", role.name),
        Granted::Level(level) => format!("the level `{}`", level.name()),
        Granted::Custom(permissions) => format!("the permission set `{permissions}`"),
    };
    match &entry.source {
        Source::Subscription => format!("{what} on `{}`", facts.share.name),
        Source::FolderGrant(_) => format!("{what} on `{}`", step.path),
        Source::WholeUserGrant { of: Whose::User(owner) } => format!("{what} on everything of `{owner}`"),
        Source::WholeUserGrant { of: Whose::Members(group) } => {
            format!("{what} on everything of the members of `{group}`")
        }
    }
}

fn via(entry: &Entry) -> String {
    match entry.via.as_slice() {
        [] => String::new(),
        groups => format!(" through the group `{}`", groups.join("`, a member of `")),
    }
}

const fn over(channel: Channel) -> &'static str {
    match channel {
        Channel::Web => "on the web",
        Channel::WebDav => "over WebDAV",
        Channel::Device(_) => "on this device",
        Channel::Link => "over a share link",
    }
}
