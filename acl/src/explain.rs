//! The reason of a decision as one true sentence.
//!
//! People are called by their login names and by nothing else. What the site named stands in backticks.

use crate::effective::BROWSE;
use crate::{
    Channel, Closed, Effective, Entry, Facts, Granted, LimitSource, Permission, Place, Rank, Reason, Source, Step,
    UserKind,
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

fn why(facts: &Facts, permission: Permission, reason: Reason) -> String {
    let name = &facts.user.name;
    match reason {
        Reason::Granted(place) => {
            let (step, entry) = at(facts, place);
            format!("`{name}` has {}{}", grant(facts, step, entry), via(entry))
        }
        Reason::SystemAdministrator => {
            format!("`{name}` is a system administrator, and so a co-owner of every team share")
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
        Reason::Closed(Closed::Share) => format!("the share `{}` is not active", facts.share.name),
        Reason::Closed(Closed::Channel) => {
            format!("the share `{}` is not open to `{name}` {}", facts.share.name, over(facts.channel))
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
        Reason::Limited { limit } => match &facts.limits[limit].source {
            LimitSource::Policy(policy) => {
                format!("the policy `{policy}` takes `{permission}` away")
            }
            LimitSource::Link(role) => {
                format!("the share link's role `{role}` does not include `{permission}`")
            }
        },
        Reason::NotGranted => match (facts.user.kind, facts.user.rank) {
            (UserKind::Guest, _) if reaching(facts).next().is_none() => {
                format!("{}, and guests can't subscribe to a share", lack(facts, permission))
            }
            (_, Rank::OrganizationAdministrator) if !facts.admin_browse_files && BROWSE.contains(permission) => {
                format!(
                    "{}, and the policy `admin_browse_files`, by which administrators read, is off",
                    lack(facts, permission)
                )
            }
            _ => lack(facts, permission),
        },
    }
}

/// That nothing which reaches the caller includes the permission.
fn lack(facts: &Facts, permission: Permission) -> String {
    let name = &facts.user.name;
    let grants: Vec<_> =
        reaching(facts).map(|(step, entry)| format!("{}{}", grant(facts, step, entry), via(entry))).collect();
    match grants.as_slice() {
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
        Source::WholeUserGrant { of } => format!("{what} on everything of `{of}`"),
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
