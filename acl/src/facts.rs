//! Everything that a decision about one item rests on. The guard gathers it; nothing here is looked up.

use crate::{Channel, Entry, Permissions, ShareId, Source, Step, UserId};

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
    /// The organization's policy `admin_browse_files`: its administrators may read what is in its shares.
    pub admin_browse_files: bool,
    /// From the share's root down to the item itself.
    pub chain: Vec<Step>,
    /// Whether the item is a folder with something below it that the caller may see by an entry set there.
    pub on_the_way: bool,
    /// Whether the item is a file that the caller made and still holds the creation lease of.
    pub creation_lease: bool,
    /// What narrows the result: the policies that hold for this user, and the share link's role.
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
    /// The share's organization.
    OrganizationAdministrator,
    /// The whole site.
    SystemAdministrator,
}

/// The team share that the item lies in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Which share.
    pub id: ShareId,
    /// Its name, for words.
    pub name: String,
    /// Whether it, and the organization it belongs to, are active.
    pub active: bool,
}

/// Something that keeps the result from being wider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What it leaves.
    pub keeps: Permissions,
    /// What it is.
    pub source: LimitSource,
}

/// What a limit comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LimitSource {
    /// The organization's policy of this name.
    Policy(String),
    /// The share link through which the caller came, by the name of its role.
    Link(String),
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

    /// Whether the entry says anything for this user: a guest may be in a group that subscribed, and still gets nothing by it.
    pub(crate) fn counts(&self, entry: &Entry) -> bool {
        !(entry.source == Source::Subscription && self.user.kind == UserKind::Guest)
    }
}
