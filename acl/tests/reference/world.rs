//! A site as plain rows. Everything is named by its index. Knows neither the crate nor the reference.

/// A set of permissions: a bit each, in the order of the rows of `roles.csv`.
pub type Bits = u32;

/// Whom a grant is for, or whose things it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    User(usize),
    Group(usize),
}

/// What was given, in the form in which it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// A column of `roles.csv`.
    Role(usize),
    /// A row of `levels.csv`.
    Level(usize),
    Set(Bits),
}

#[derive(Clone, Debug, Default)]
pub struct World {
    pub organizations: Vec<Organization>,
    pub departments: Vec<Department>,
    pub users: Vec<User>,
    pub groups: Vec<Group>,
    pub shares: Vec<Share>,
    pub nodes: Vec<Node>,
    pub wholes: Vec<Whole>,
    /// Channels that are not open: for that user, on that share.
    pub closed: Vec<(usize, usize, Channel)>,
}

#[derive(Clone, Debug, Default)]
pub struct Organization {
    pub parent: Option<usize>,
    pub active: bool,
    /// The policies that cap and are off here and below.
    pub off: Vec<&'static str>,
    /// `admin_browse_files`, which is on here and below.
    pub browse: bool,
}

#[derive(Clone, Debug)]
pub struct Department {
    pub parent: Option<usize>,
    pub users: Vec<usize>,
}

#[derive(Clone, Debug)]
pub struct User {
    pub organization: usize,
    pub guest: bool,
    pub enabled: bool,
    pub system_administrator: bool,
}

#[derive(Clone, Debug)]
pub struct Group {
    pub kind: GroupKind,
    /// Not of the groups whose members are computed.
    pub members: Vec<Subject>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupKind {
    Plain,
    AllUsersOfOrganization(usize),
    AllUsersOfDepartment(usize),
    AdministratorsOfOrganization(usize),
    AdministratorsOfDepartment(usize),
}

#[derive(Clone, Debug)]
pub struct Share {
    pub kind: Kind,
    pub organization: usize,
    pub department: Option<usize>,
    pub active: bool,
    /// Its root.
    pub root: usize,
    /// Whom with which role.
    pub subscriptions: Vec<(Subject, usize)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Team,
    Public,
    /// Whose.
    Home(usize),
}

#[derive(Clone, Debug)]
pub struct Node {
    pub share: usize,
    pub parent: Option<usize>,
    pub folder: bool,
    pub inherits: bool,
    pub entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub subject: Subject,
    pub deny: bool,
    pub given: Given,
}

/// A grant on everything of somebody.
#[derive(Clone, Copy, Debug)]
pub struct Whole {
    pub target: Subject,
    pub subject: Subject,
    /// A row of `levels.csv`.
    pub level: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    Web,
    WebDav,
    Device,
    Link,
}

/// Who asks, and how.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// The user; over a link, its creator.
    pub user: usize,
    pub channel: Channel,
    /// The role of the share link, a column of `roles.csv`.
    pub link: Option<usize>,
    /// Whether the URL by which he comes, such as one for Office, is for reading only.
    pub reading: bool,
    /// The file that he has just made.
    pub lease: Option<usize>,
}

impl Ask {
    pub fn of(user: usize) -> Self {
        Self { user, channel: Channel::WebDav, link: None, reading: false, lease: None }
    }
}

/// What is asked for. Numbers are nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Get(usize),
    GetZip(usize),
    Propfind(usize),
    PropfindMembers(usize),
    Proppatch(usize),
    PutNew {
        parent: usize,
    },
    PutOver(usize),
    Mkcol {
        parent: usize,
    },
    Delete(usize),
    /// `onto`: what has the name at the destination.
    Copy {
        source: usize,
        parent: usize,
        onto: Option<usize>,
    },
    Move {
        source: usize,
        parent: usize,
        onto: Option<usize>,
    },
    Lock(usize),
    /// With depth infinity.
    LockDeep(usize),
    LockNew {
        parent: usize,
    },
    UnlockOwn(usize),
    UnlockOthers(usize),
    SyncCollection(usize),
    ReportCollection(usize),
    FreeBusy(usize),
    Acl(usize),
    ReadAcl(usize),
    Trim(usize),
    Purge(usize),
    ListTrash(usize),
    Restore(usize),
    RestoreRevision(usize),
    RollBack(usize),
    CreateLink(usize),
    Preview(usize),
    Print(usize),
    WebEdit(usize),
    ManageShare(usize),
}

/// How it is answered: the statuses of the law's order of answers, but for those of locks, conditions and quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Done,
    /// 403
    Forbidden,
    /// 404
    Missing,
}

impl World {
    pub fn children(&self, folder: usize) -> impl Iterator<Item = usize> {
        (0..self.nodes.len()).filter(move |node| self.nodes[*node].parent == Some(folder))
    }

    /// Everything below the folder.
    pub fn below(&self, folder: usize) -> Vec<usize> {
        let mut found: Vec<usize> = self.children(folder).collect();
        let mut at = 0;
        while at < found.len() {
            let more: Vec<usize> = self.children(found[at]).collect();
            found.extend(more);
            at += 1;
        }
        found
    }

    /// Whether `node` is `folder` or lies below it.
    pub fn is_within(&self, node: usize, folder: usize) -> bool {
        node == folder || self.nodes[node].parent.is_some_and(|parent| self.is_within(parent, folder))
    }
}
