//! Everything that a decision about one item rests on. The guard gathers it; nothing here is looked up.

use crate::{Channel, Entry, Level, Operation, Permission, Permissions, Policy, Role, ShareId, Source, Step, UserId};

/// The facts about one caller and one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The caller; over a share link, the link's creator.
    pub user: User,
    /// The channel of the request.
    pub channel: Channel,
    /// Whether that channel is open for this user on this share.
    pub channel_open: bool,
    /// The share that the item lies in.
    pub share: Share,
    /// The policy `admin_browse_files` of the share's organization: its administrators may read what is in its shares.
    pub admin_browse_files: bool,
    /// From the share's root down to the item itself.
    pub chain: Vec<Step>,
    /// Whether the item is a folder with something below it that the caller may see by an entry set there.
    pub on_the_way: bool,
    /// Whether the item is a file that the caller made and still holds the creation lease of.
    pub creation_lease: bool,
    /// What narrows the result: the policies of the share's organization that are off, and the share link's role.
    /// That no policy caps an administrator of the share is known here; the guard names the policies all the same.
    pub limits: Vec<Limit>,
}

/// The caller, as far as access goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Which user.
    pub id: UserId,
    /// The login name, for words.
    pub name: String,
    /// Full or guest.
    pub kind: UserKind,
    /// Whether the account is enabled.
    pub enabled: bool,
    /// Whether the user's organization is active.
    pub organization_active: bool,
    /// What the user administers.
    pub rank: Rank,
}

/// The two kinds of accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserKind {
    /// A person of an organization.
    Full,
    /// Somebody from outside, who can't subscribe to a share.
    Guest,
}

/// What a user administers, as seen from the share in question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rank {
    /// Nothing that the share is part of.
    Member,
    /// The department that the share belongs to, or one above it.
    DepartmentAdministrator,
    /// The organization that the share belongs to, or one above it.
    OrganizationAdministrator,
    /// The whole site.
    SystemAdministrator,
}

/// The tree that the item lies in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Which share.
    pub id: ShareId,
    /// Its name, for words.
    pub name: String,
    /// What it is.
    pub kind: ShareKind,
    /// Whether it, and the organization it belongs to, are active.
    pub active: bool,
}

/// The three kinds of trees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShareKind {
    /// A team share: people subscribe to it, and system administrators are co-owners.
    Team,
    /// A user's home: he holds everything in it, others what he or an administrator granted.
    Home {
        /// Whose it is.
        owner: UserId,
        /// His login name, for words.
        name: String,
    },
    /// A public folder: a team share of the organization without an owner.
    Public,
}

/// Something that keeps the result from being wider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Limit {
    /// A policy of the organization that is off.
    Policy(Policy),
    /// The share link through which the caller came, with the role that it gives.
    Link(Role),
    /// The URL by which the caller came is for reading only.
    Reading,
}

impl Limit {
    /// What it leaves.
    pub const fn keeps(&self) -> Permissions {
        match self {
            Self::Policy(policy) => Permissions::ALL.difference(policy.takes()),
            Self::Link(role) => role.permissions,
            Self::Reading => Level::Read.permissions(),
        }
    }
}

/// Why a share does not exist for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The account is disabled.
    Account,
    /// The user's organization is not active.
    Organization,
    /// The share is not active.
    Share,
    /// The channel is not open for the user on this share.
    Channel,
}

impl Facts {
    pub(crate) fn closed(&self) -> Option<Closed> {
        if !self.user.enabled {
            Some(Closed::Account)
        } else if !self.user.organization_active {
            Some(Closed::Organization)
        } else if !self.share.active {
            Some(Closed::Share)
        } else if !self.channel_open {
            Some(Closed::Channel)
        } else {
            None
        }
    }

    /// Whether the entry says anything for this user: a guest may be in a group that subscribed, and still gets nothing
    /// by it. Nobody subscribes to a home, and a grant on everything of a user is one on his home.
    pub(crate) fn counts(&self, entry: &Entry) -> bool {
        match entry.source {
            Source::Subscription => self.user.kind == UserKind::Full && !self.in_a_home(),
            Source::WholeUserGrant { .. } => self.in_a_home(),
            Source::FolderGrant(_) => true,
        }
    }

    pub(crate) fn in_a_home(&self) -> bool {
        match self.share.kind {
            ShareKind::Home { .. } => true,
            ShareKind::Team | ShareKind::Public => false,
        }
    }

    /// Whether the caller's own home is what the item lies in.
    pub(crate) fn at_home(&self) -> bool {
        match self.share.kind {
            ShareKind::Home { owner, .. } => owner == self.user.id,
            ShareKind::Team | ShareKind::Public => false,
        }
    }

    /// Whether the user may do as an administrator of the share, be it active or not. That alone shows nothing of its
    /// content. The holder of an administrator's share link is none, and who comes by a URL for reading.
    pub(crate) fn administers(&self) -> bool {
        self.user.rank != Rank::Member
            && self.channel != Channel::Link
            && !self.limits.contains(&Limit::Reading)
            && !matches!(self.closed(), Some(Closed::Account | Closed::Organization))
    }

    /// Whether the policy lets the user read as an administrator. It is about those of the organization and of the site;
    /// a system administrator needs it in homes only.
    pub(crate) fn browses(&self) -> bool {
        self.admin_browse_files
            && match self.user.rank {
                Rank::OrganizationAdministrator | Rank::SystemAdministrator => true,
                Rank::Member | Rank::DepartmentAdministrator => false,
            }
    }

    /// The first limit that takes the permission away.
    pub(crate) fn limit(&self, permission: Permission) -> Option<usize> {
        self.limits.iter().position(|limit| match limit {
            Limit::Policy(_) => self.is_capped() && !limit.keeps().contains(permission),
            Limit::Link(_) | Limit::Reading => !limit.keeps().contains(permission),
        })
    }

    /// The first policy that stops the operation whatever permissions are held, and its place among the limits.
    pub(crate) fn bar(&self, operation: Operation) -> Option<(usize, Policy)> {
        self.limits.iter().enumerate().find_map(|(at, limit)| match limit {
            Limit::Policy(policy) if self.is_capped() && policy.bars(operation) => Some((at, *policy)),
            Limit::Policy(_) | Limit::Link(_) | Limit::Reading => None,
        })
    }

    /// Whether policies hold for the user: they do not for who administers the share.
    fn is_capped(&self) -> bool {
        self.user.rank == Rank::Member
    }
}
