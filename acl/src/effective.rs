//! The evaluation: from the facts to the effective permissions on an item, to what the caller sees, and why.
//!
//! There is one function, [`reason`], and the permissions are those whose reason allows them. So a decision can't
//! differ from its explanation.

use std::sync::Arc;

use crate::{Closed, Facts, ItemKind, Level, Operation, Permission, Permissions, Policy, Rank, Step};

/// What a caller may do on an item over a channel, and the facts that say why. Cloning it copies a pointer.
///
/// It holds for every item whose facts are the same; where only a share's root has entries, that is the whole share.
#[derive(Clone, Debug)]
pub struct Effective(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    facts: Facts,
    permissions: Permissions,
}

/// What a listing of a folder shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// Each member that the caller sees.
    Members,
    /// The folders inside, and a file only if an entry on it shows it.
    Folders,
    /// Only the members that lead to something shown by an entry set farther down.
    Way,
    /// The folder can't be listed.
    Nothing,
}

/// Why a permission is held, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Held: by this entry, which allows it.
    Granted(Place),
    /// Held: the item lies in the caller's own home, of which no deny and no cut takes anything from him.
    HomeOwner,
    /// Held: a system administrator is Co-Owner of every team share and public folder, and of no home.
    SystemAdministrator,
    /// Held: an administrator of the organization reads by the policy `admin_browse_files`, in homes too.
    AdminBrowsesFiles,
    /// Held: the caller has just made the file and may finish it.
    CreationLease,
    /// Not held: the share does not exist for the request.
    Closed(Closed),
    /// Not held: this entry denies what is allowed at the same place or farther up.
    Denied(Place),
    /// Not held: allowed farther up, but this step of the chain does not inherit.
    Cut {
        /// Its index in [`Facts::chain`].
        step: usize,
    },
    /// Not held: a policy or the share link's role takes it away.
    Limited {
        /// Its index in [`Facts::limits`].
        limit: usize,
    },
    /// An operation is refused though what it needs is held: this policy is off. No permission has this reason.
    Barred(Policy),
    /// Not held: nothing that reaches the caller includes it.
    NotGranted,
}

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The index of its step in [`Facts::chain`].
    pub step: usize,
    /// Its index in [`Step::entries`].
    pub entry: usize,
}

/// A file is seen by who may list the folder it lies in or may do anything to it. The other permissions speak of
/// folders and of names: who may only drop files into a folder sees none of them.
const SHOWS_A_FILE: Permissions = Permissions::ALL
    .without(Permission::ListFolders)
    .without(Permission::Create)
    .without(Permission::DeleteChild)
    .without(Permission::RenameChild);

/// What the policy `admin_browse_files` gives to an organization's administrators.
pub(crate) const BROWSE: Permissions = Level::Read.permissions();

/// Evaluates the facts: what the caller may do on the item.
pub fn evaluate(facts: Facts) -> Effective {
    let permissions = Permission::ALL.into_iter().filter(|permission| reason(&facts, *permission).holds()).collect();
    Effective(Arc::new(Inner { facts, permissions }))
}

impl Effective {
    /// The permissions held.
    pub fn permissions(&self) -> Permissions {
        self.0.permissions
    }

    /// Whether the permission is held.
    pub fn allows(&self, permission: Permission) -> bool {
        self.0.permissions.contains(permission)
    }

    /// Whether the caller sees the item, if it is of that kind. What isn't seen does not exist for the caller.
    pub fn sees(&self, kind: ItemKind) -> bool {
        match kind {
            ItemKind::File => !self.0.permissions.intersection(SHOWS_A_FILE).is_empty(),
            ItemKind::Folder => !self.0.permissions.is_empty() || self.leads_on(),
        }
    }

    /// Whether an entry on the item itself shows it: then the folders on the way to it show that way.
    pub fn is_granted_here(&self, kind: ItemKind) -> bool {
        let last = self.0.facts.chain.len().saturating_sub(1);
        let here = |permission| matches!(self.reason(permission), Reason::Granted(place) if place.step == last);
        self.sees(kind) && self.0.permissions.iter().any(here)
    }

    /// What a listing of the item shows, if it is a folder.
    pub fn listing(&self) -> Listing {
        if self.allows(Permission::List) {
            Listing::Members
        } else if self.allows(Permission::ListFolders) {
            Listing::Folders
        } else if self.leads_on() {
            Listing::Way
        } else {
            Listing::Nothing
        }
    }

    /// Whether the caller administers the share, be it active or not. That alone shows nothing of its content. The
    /// holder of an administrator's share link does not.
    pub fn administers(&self) -> bool {
        self.0.facts.administers()
    }

    /// The policy that stops the caller from this operation, whatever permissions are held. Nothing stops an
    /// administrator of the share.
    pub fn barred(&self, operation: Operation) -> Option<Policy> {
        self.0.facts.bar(operation).map(|(_, policy)| policy)
    }

    /// The same for a file that the caller made and holds the creation lease of: who may create may also finish.
    pub fn leased(&self) -> Self {
        if self.allows(Permission::Write) {
            return self.clone();
        }
        evaluate(Facts { creation_lease: true, ..self.0.facts.clone() })
    }

    /// Whether an entry denies the permission on the item and nothing gives it all the same. Unlike
    /// [`Reason::Denied`] this does not ask whether anything would give it without the deny.
    pub fn denies(&self, permission: Permission) -> bool {
        matches!(given(&self.0.facts, permission), Reason::Denied(_))
    }

    /// Why the permission is held, or not.
    pub fn reason(&self, permission: Permission) -> Reason {
        reason(&self.0.facts, permission)
    }

    /// The facts it was evaluated from; the places in a [`Reason`] point into them.
    pub fn facts(&self) -> &Facts {
        &self.0.facts
    }

    fn leads_on(&self) -> bool {
        self.0.facts.on_the_way && self.0.facts.closed().is_none()
    }
}

impl Reason {
    /// Whether this is a reason for holding the permission.
    pub const fn holds(self) -> bool {
        match self {
            Self::Granted(_)
            | Self::HomeOwner
            | Self::SystemAdministrator
            | Self::AdminBrowsesFiles
            | Self::CreationLease => true,
            Self::Closed(_)
            | Self::Denied(_)
            | Self::Cut { .. }
            | Self::Limited { .. }
            | Self::Barred(_)
            | Self::NotGranted => false,
        }
    }
}

/// The law, for one permission: the request is let in, something gives the permission, and no limit takes it away.
fn reason(facts: &Facts, permission: Permission) -> Reason {
    if let Some(closed) = facts.closed() {
        return Reason::Closed(closed);
    }
    let reason = match given(facts, permission) {
        // A deny of what nothing allows takes nothing away; then the reason is that nothing allows it.
        Reason::Denied(_) if walk(facts, &facts.chain, permission, Denies::Ignored) == Reason::NotGranted => {
            Reason::NotGranted
        }
        given => given,
    };
    match facts.limit(permission) {
        Some(limit) if reason.holds() => Reason::Limited { limit },
        _ => reason,
    }
}

/// The owner of a home first, then the entries; what comes by ownership, rank or lease is beyond the reach of a deny.
fn given(facts: &Facts, permission: Permission) -> Reason {
    if facts.at_home() {
        return Reason::HomeOwner;
    }
    let walked = walk(facts, &facts.chain, permission, Denies::Obeyed);
    if walked.holds() {
        walked
    } else if facts.user.rank == Rank::SystemAdministrator && !facts.in_a_home() {
        Reason::SystemAdministrator
    } else if facts.browses() && BROWSE.contains(permission) {
        Reason::AdminBrowsesFiles
    } else if facts.creation_lease && permission == Permission::Write && given(facts, Permission::Create).holds() {
        Reason::CreationLease
    } else {
        walked
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Denies {
    Obeyed,
    Ignored,
}

/// The nearest step that says anything about the permission decides, and a deny there beats an allow. A step that
/// does not inherit ends the search.
fn walk(facts: &Facts, chain: &[Step], permission: Permission, denies: Denies) -> Reason {
    for (step, here) in chain.iter().enumerate().rev() {
        // Of several entries the one with the shortest way to the caller is the easiest to understand.
        let speaking = |denies: bool| {
            here.entries
                .iter()
                .enumerate()
                .filter(|(_, entry)| {
                    facts.counts(entry) && entry.denies() == denies && entry.granted.permissions().contains(permission)
                })
                .min_by_key(|(_, entry)| entry.via.len())
                .map(|(entry, _)| Place { step, entry })
        };
        if denies == Denies::Obeyed
            && let Some(place) = speaking(true)
        {
            return Reason::Denied(place);
        }
        if let Some(place) = speaking(false) {
            return Reason::Granted(place);
        }
        if !here.inherits {
            let cut = walk(facts, &chain[..step], permission, Denies::Obeyed).holds();
            return if cut { Reason::Cut { step } } else { Reason::NotGranted };
        }
    }
    Reason::NotGranted
}
