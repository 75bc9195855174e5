//! Everything of one user: where he reaches what, and by which grants.

use commonhold_acl::{Channel, Effective, Entry, Granted, ItemKind, Permission, Permissions, Reason, Source, Whose};

use super::{Below, load};
use crate::db::{DbError, Reads};
use crate::directory::User;

/// A place from which on a user may do certain things.
#[derive(Debug, Clone)]
pub struct Held {
    /// As the user sees it.
    pub path: String,
    /// What it is.
    pub kind: ItemKind,
    /// What he may do with it, and with everything below it until another place is named.
    pub effective: Effective,
}

/// The places of a user over one channel: the roots of what he reaches, and below them every folder and file that has
/// grants for him or doesn't inherit, if he sees it; by path.
pub async fn places_of(tx: &mut impl Reads, user: &User, channel: Channel) -> Result<Vec<Held>, DbError> {
    let mut held = Vec::new();
    for gathered in load::gather(tx, user, channel, None).await? {
        let (sight, root) = (&gathered.sight, gathered.share.root);
        let top = gathered.mount.to_string();
        let effective = sight.at(&[]).clone();
        if !effective.sees(ItemKind::Folder) {
            continue;
        }
        held.push(Held { path: top.clone(), kind: ItemKind::Folder, effective });
        for Below { kind, names, own, .. } in sight.below(root) {
            if own.sees(kind) {
                let path = names.iter().fold(top.clone(), |path, name| path + "/" + name);
                held.push(Held { path, kind, effective: own.clone() });
            }
        }
    }
    held.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(held)
}

/// The widest of the built-in roles and levels that is within these permissions, by name; what they give as a word.
pub fn best(permissions: Permissions) -> Option<&'static str> {
    let within = |of: Permissions| of.difference(permissions).is_empty() && !of.is_empty();
    let roles = commonhold_acl::roles().iter().map(|role| (role.name.as_ref(), role.permissions));
    let levels = commonhold_acl::Level::ALL.into_iter().map(|level| (level.name(), level.permissions()));
    let fitting = roles.chain(levels).filter(|(_, of)| within(*of));
    // Of two that are as wide the first, a role.
    fitting.rev_max_by_key(|(_, of)| of.iter().count()).map(|(name, _)| name)
}

trait FirstMax: Iterator + Sized {
    /// The first of the largest; `max_by_key` gives the last.
    fn rev_max_by_key<K: Ord>(self, key: impl Fn(&Self::Item) -> K) -> Option<Self::Item> {
        let mut best: Option<(K, Self::Item)> = None;
        for item in self {
            let rank = key(&item);
            if best.as_ref().is_none_or(|(known, _)| rank > *known) {
                best = Some((rank, item));
            }
        }
        best.map(|(_, item)| item)
    }
}

impl<I: Iterator> FirstMax for I {}

/// What the permissions come from, a phrase each, the ones that give most first.
pub fn sources(effective: &Effective) -> Vec<String> {
    let mut sources: Vec<(String, usize)> = Vec::new();
    for permission in Permission::ALL {
        let Some(source) = source(effective, effective.reason(permission)) else { continue };
        match sources.iter_mut().find(|(known, _)| *known == source) {
            Some((_, gives)) => *gives += 1,
            None => sources.push((source, 1)),
        }
    }
    sources.sort_by_key(|(_, gives)| std::cmp::Reverse(*gives));
    sources.into_iter().map(|(source, _)| source).collect()
}

fn source(effective: &Effective, reason: Reason) -> Option<String> {
    let facts = effective.facts();
    Some(match reason {
        Reason::Granted(place) => {
            let step = &facts.chain[place.step];
            entry(&step.entries[place.entry], &step.path)
        }
        Reason::HomeOwner => "the owner".to_owned(),
        Reason::SystemAdministrator => "a system administrator".to_owned(),
        Reason::AdminBrowsesFiles => "an administrator, by the policy `admin_browse_files`".to_owned(),
        Reason::CreationLease => "has just made it".to_owned(),
        Reason::Closed(_)
        | Reason::Denied(_)
        | Reason::Cut { .. }
        | Reason::Limited { .. }
        | Reason::Barred(_)
        | Reason::NotGranted => {
            return None;
        }
    })
}

fn entry(entry: &Entry, path: &str) -> String {
    let what = match &entry.granted {
        Granted::Role(role) => format!("role `{}`", role.name),
        Granted::Level(level) => format!("level `{}`", level.name()),
        Granted::Custom(permissions) => format!("permissions `{permissions}`"),
    };
    let on = match &entry.source {
        Source::Subscription => format!("subscription, {what}"),
        Source::FolderGrant(_) => format!("{what} on `{path}`"),
        Source::WholeUserGrant { of: Whose::User(name) } => format!("{what} on everything of `{name}`"),
        Source::WholeUserGrant { of: Whose::Members(name) } => {
            format!("{what} on everything of the members of `{name}`")
        }
    };
    match entry.via.as_slice() {
        [] => on,
        groups => format!("{on}, through the group `{}`", groups.join("`, a member of `")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_word_is_the_widest_that_fits() {
        let role = |name| commonhold_acl::builtin(name).unwrap().permissions;
        for name in ["co-owner", "collaborator", "editor", "web-editor", "previewer", "uploader"] {
            assert_eq!(best(role(name)), Some(name));
        }
        // A viewer may do what the level `read` gives; the role's name goes before.
        assert_eq!(best(role("viewer")), Some("viewer"));
        assert_eq!(best(role("viewer").with(Permission::Create)), Some("read-create"));
        assert_eq!(best(Permission::Read.into()), None);
    }
}
