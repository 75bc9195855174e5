//! Properties of a resource as XML: the live ones, computed here, and the dead ones, as they were stored
//! (RFC 4918 section 15, RFC 4331, RFC 3744 section 5, RFC 5397, RFC 3253 section 3.1.5).

pub mod cloud;

use std::sync::Arc;

use commonhold_acl::{self as acl, Effective, ItemKind, Operation, Permission};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::NS_WIN32;
use super::acl::list::List;
use super::headers::HttpDate;
use super::xml::{DAV, QName, RawXml, XmlWriter};
use super::{principals, privileges, versions};
use crate::clock::Moment;
use crate::guard;
use crate::ids::{NodeId, UserId};
use crate::locks::{Lock, LockKind};
use crate::shares::{Share, ShareKind};
use crate::tree::Node;
use crate::tree::props::DeadProp;

/// Where Apple's calendar server has put `getctag`.
const NS_CALENDAR_SERVER: &str = "http://calendarserver.org/ns/";

/// A property that the server computes. Clients can't set any but the display name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Live {
    /// When it was made.
    CreationDate,
    /// The name for people: as a client set it, else the last name of the URL.
    DisplayName,
    /// Bytes of a file.
    ContentLength,
    /// Media type of a file, by its name.
    ContentType,
    /// As the header.
    Etag,
    /// As the header.
    LastModified,
    /// Which locks there are.
    LockDiscovery,
    /// Whether it is a collection.
    ResourceType,
    /// Which locks there may be.
    SupportedLock,
    /// Bytes that still fit (RFC 4331 section 3).
    QuotaAvailable,
    /// Bytes that count against the quota (RFC 4331 section 4).
    QuotaUsed,
    /// What the caller may do (RFC 3744 section 5.4).
    CurrentUserPrivilegeSet,
    /// Whose it is (RFC 3744 section 5.1): of what lies in a home, its owner.
    Owner,
    /// None (RFC 3744 section 5.2).
    Group,
    /// Which privileges there are (RFC 3744 section 5.3).
    SupportedPrivilegeSet,
    /// Who may do what (RFC 3744 section 5.5).
    Acl,
    /// What no list of entries may have (RFC 3744 section 5.6).
    AclRestrictions,
    /// None: no other list narrows this one (RFC 3744 section 5.7).
    InheritedAclSet,
    /// Where principals are (RFC 3744 section 5.8).
    PrincipalCollectionSet,
    /// Who asks (RFC 5397).
    CurrentUserPrincipal,
    /// Which reports there are (RFC 3253 section 3.1.5).
    SupportedReportSet,
    /// Where the states of a file are (RFC 3253 section 5.2.1).
    VersionHistory,
    /// From where on a collection can be followed (RFC 6578 section 4).
    SyncToken,
    /// Another text whenever anything in the collection is another: what clients asked before there were tokens.
    CTag,
    /// Which of the states of a file is the present one (RFC 3253 section 3.2.1).
    CheckedIn,
    /// What the clients of ownCloud and Nextcloud know a resource by, on every site.
    CloudId,
    /// The same on this site.
    CloudFileId,
    /// What the caller may do, a letter each.
    CloudPermissions,
    /// Bytes of a file.
    CloudSize,
    /// What its client said the bytes of a file are.
    CloudChecksums,
}

impl Live {
    /// Every one, with its local name; those of RFC 4918 itself come with `allprop`, the others only when asked for.
    const ALL: [(Self, &'static str); 30] = [
        (Self::CreationDate, "creationdate"),
        (Self::DisplayName, "displayname"),
        (Self::ContentLength, "getcontentlength"),
        (Self::ContentType, "getcontenttype"),
        (Self::Etag, "getetag"),
        (Self::LastModified, "getlastmodified"),
        (Self::LockDiscovery, "lockdiscovery"),
        (Self::ResourceType, "resourcetype"),
        (Self::SupportedLock, "supportedlock"),
        (Self::QuotaAvailable, "quota-available-bytes"),
        (Self::QuotaUsed, "quota-used-bytes"),
        (Self::CurrentUserPrivilegeSet, "current-user-privilege-set"),
        (Self::Owner, "owner"),
        (Self::Group, "group"),
        (Self::SupportedPrivilegeSet, "supported-privilege-set"),
        (Self::Acl, "acl"),
        (Self::AclRestrictions, "acl-restrictions"),
        (Self::InheritedAclSet, "inherited-acl-set"),
        (Self::PrincipalCollectionSet, "principal-collection-set"),
        (Self::CurrentUserPrincipal, "current-user-principal"),
        (Self::SupportedReportSet, "supported-report-set"),
        (Self::VersionHistory, "version-history"),
        (Self::SyncToken, "sync-token"),
        (Self::CTag, "getctag"),
        (Self::CheckedIn, "checked-in"),
        (Self::CloudId, "id"),
        (Self::CloudFileId, "fileid"),
        (Self::CloudPermissions, "permissions"),
        (Self::CloudSize, "size"),
        (Self::CloudChecksums, "checksums"),
    ];

    fn namespace(self) -> &'static str {
        match self {
            Self::CTag => NS_CALENDAR_SERVER,
            Self::CloudId | Self::CloudFileId | Self::CloudPermissions | Self::CloudSize | Self::CloudChecksums => {
                cloud::NS
            }
            _ => DAV,
        }
    }

    /// The property of that name.
    pub fn of(name: &QName) -> Option<Self> {
        let found = Self::ALL.iter().find(|(live, local)| name.local() == *local && name.ns() == live.namespace());
        found.map(|(live, _)| *live)
    }

    /// All of them with their names.
    pub fn all() -> impl Iterator<Item = (Self, QName)> {
        Self::ALL.iter().map(|(live, local)| (*live, QName::fixed(live.namespace(), local)))
    }

    /// Whether `allprop` brings it.
    pub fn in_allprop(self) -> bool {
        match self {
            Self::CreationDate
            | Self::DisplayName
            | Self::ContentLength
            | Self::ContentType
            | Self::Etag
            | Self::LastModified
            | Self::LockDiscovery
            | Self::ResourceType
            | Self::SupportedLock => true,
            Self::QuotaAvailable
            | Self::QuotaUsed
            | Self::CurrentUserPrivilegeSet
            | Self::Owner
            | Self::Group
            | Self::SupportedPrivilegeSet
            | Self::Acl
            | Self::AclRestrictions
            | Self::InheritedAclSet
            | Self::PrincipalCollectionSet
            | Self::CurrentUserPrincipal
            | Self::SupportedReportSet
            | Self::VersionHistory
            | Self::SyncToken
            | Self::CTag
            | Self::CheckedIn
            | Self::CloudId
            | Self::CloudFileId
            | Self::CloudPermissions
            | Self::CloudSize
            | Self::CloudChecksums => false,
        }
    }

    /// The two of the quota.
    pub fn quota_names() -> [QName; 2] {
        [QName::dav("quota-available-bytes"), QName::dav("quota-used-bytes")]
    }

    /// Whether it needs the share's quota.
    pub fn is_quota(self) -> bool {
        matches!(self, Self::QuotaAvailable | Self::QuotaUsed)
    }
}

/// Bytes used and still to be used.
#[derive(Debug, Clone, Copy, Default)]
pub struct Room {
    /// Bytes that count.
    pub used: u64,
    /// Bytes left.
    pub available: u64,
}

/// A resource as far as its properties go.
pub struct Resource<'a> {
    /// Its row; none for the root of all shares.
    pub node: Option<&'a Node>,
    /// The last name of its URL.
    pub name: &'a str,
    /// The share it lies in; none at the root.
    pub share: Option<&'a Share>,
    /// What the caller may do with it; none at the root.
    pub effective: Option<&'a Effective>,
    /// What he may do with its parent, and which that is; none at the root of a share.
    pub above: Option<(&'a Effective, NodeId)>,
    /// Its dead properties, as far as they were asked for.
    pub dead: &'a [DeadProp],
    /// The share's quota, if asked for.
    pub room: Option<Room>,
    /// The locks that cover it, if asked for, with the URLs of their roots.
    pub locks: &'a [(Arc<Lock>, String)],
    /// Its list of entries, if asked for.
    pub acl: Option<&'a List>,
    /// The entity tag of a collection that is none of the tree's, if asked for.
    pub stand_in: Option<&'a str>,
    /// What tells this site from others.
    pub site: &'a str,
    /// From where on it can be followed, if asked for and the caller may.
    pub sync_token: Option<&'a str>,
    /// The number of a file's present state, if asked for.
    pub version: Option<i64>,
    /// The checksum that came along with a file's content, if asked for.
    pub checksum: Option<&'a str>,
    /// Who asks: tokens are shown to their holder only.
    pub caller: UserId,
    /// The caller's URL as a principal.
    pub me: &'a str,
    /// When.
    pub now: Moment,
}

impl Resource<'_> {
    fn is_collection(&self) -> bool {
        self.node.is_none_or(Node::is_collection)
    }

    fn kind(&self) -> ItemKind {
        if self.is_collection() { ItemKind::Folder } else { ItemKind::File }
    }

    /// The URL of whoever owns it. What lies in a team share belongs to the team.
    pub fn owner(&self) -> Option<String> {
        let share = self.share.filter(|share| share.kind == ShareKind::Home)?;
        Some(principals::user_href(&share.name))
    }

    /// The name and value of a dead property, which may be called for by its name.
    pub fn dead(&self, name: &QName) -> Option<&DeadProp> {
        self.dead.iter().find(|prop| prop.ns == name.ns() && prop.name == name.local())
    }

    /// Whether the resource has this live property.
    pub fn has(&self, live: Live) -> bool {
        match live {
            Live::ResourceType | Live::DisplayName | Live::SupportedLock | Live::LockDiscovery => true,
            Live::CreationDate | Live::LastModified => self.node.is_some(),
            Live::Etag => self.node.is_some() || self.stand_in.is_some(),
            Live::CloudId | Live::CloudFileId | Live::CloudPermissions => true,
            Live::CloudSize => !self.is_collection(),
            Live::CloudChecksums => self.checksum.is_some(),
            Live::ContentLength | Live::ContentType | Live::VersionHistory => !self.is_collection(),
            Live::CheckedIn => self.version.is_some(),
            Live::QuotaAvailable | Live::QuotaUsed => self.room.is_some() && self.is_collection(),
            Live::CurrentUserPrivilegeSet | Live::Acl => self.effective.is_some(),
            Live::SyncToken => self.sync_token.is_some(),
            Live::CTag => self.is_collection() && self.node.is_some(),
            Live::Owner
            | Live::Group
            | Live::SupportedPrivilegeSet
            | Live::AclRestrictions
            | Live::InheritedAclSet
            | Live::PrincipalCollectionSet
            | Live::CurrentUserPrincipal
            | Live::SupportedReportSet => true,
        }
    }

    /// Whether the caller may follow it by its changes, as REPORT sync-collection decides.
    pub fn may_follow(&self) -> bool {
        let may = |permission| self.effective.is_some_and(|effective| effective.allows(permission));
        self.node.is_some_and(Node::is_collection) && may(Permission::List) && may(Permission::Sync)
    }

    /// Whether the caller may not read this property, which the resource has.
    pub fn is_closed(&self, live: Live) -> bool {
        live == Live::Acl && !self.effective.is_some_and(|effective| effective.allows(Permission::Owner))
    }

    /// Writes a live property that the resource has.
    pub fn write(&self, w: &mut XmlWriter, live: Live, name: &QName) {
        if let Live::DisplayName = live
            && let Some(prop) = self.dead(name)
        {
            return write_dead(w, prop, self.node);
        }
        match live {
            Live::ResourceType if self.is_collection() => {
                w.start_dav("resourcetype");
                w.empty(&QName::dav("collection"));
                w.end_dav("resourcetype");
            }
            Live::ResourceType => w.empty(name),
            Live::LockDiscovery => write_locks(w, name, self.locks, self.caller, self.now),
            Live::SupportedLock => self.write_supported_locks(w, name),
            Live::DisplayName => w.element(name, self.name),
            Live::QuotaAvailable => w.element(name, &self.room.unwrap_or_default().available.to_string()),
            Live::QuotaUsed => w.element(name, &self.room.unwrap_or_default().used.to_string()),
            Live::CurrentUserPrivilegeSet => self.write_privileges(w, name),
            Live::Owner => privileges::write_hrefs(w, name, self.owner().as_deref()),
            Live::Group | Live::InheritedAclSet => w.empty(name),
            Live::SupportedPrivilegeSet => privileges::write_supported_privileges(w, self.kind()),
            Live::Acl => match self.acl {
                Some(list) => list.write(w, self.kind()),
                None => w.empty(name),
            },
            Live::AclRestrictions => privileges::write_acl_restrictions(w),
            Live::PrincipalCollectionSet => privileges::write_principal_collections(w),
            Live::CurrentUserPrincipal => privileges::write_hrefs(w, name, [self.me]),
            Live::SupportedReportSet => {
                let has_versions = !self.is_collection();
                privileges::write_supported_reports(w, self.effective.is_some(), has_versions, self.may_follow());
            }
            Live::SyncToken => w.element(name, self.sync_token.unwrap_or_default()),
            Live::CTag => w.element(name, self.node.map(Node::etag).unwrap_or_default().trim_matches('"')),
            Live::CheckedIn => {
                let version = self.node.zip(self.version);
                let href = version.map(|(node, number)| versions::version_href(node.id, number));
                privileges::write_hrefs(w, name, href.as_deref());
            }
            Live::VersionHistory => {
                let href = self.node.map(|node| versions::history_href(node.id));
                privileges::write_hrefs(w, name, href.as_deref());
            }
            Live::CloudId => w.element(name, &cloud::id(self)),
            Live::CloudFileId => w.element(name, &cloud::file_id(self)),
            Live::CloudPermissions => w.element(name, &cloud::permissions(self)),
            Live::CloudSize => w.element(name, &self.node.map_or(0, |node| node.size).to_string()),
            Live::CloudChecksums => {
                w.start(name);
                w.element(&QName::fixed(cloud::NS, "checksum"), self.checksum.unwrap_or_default());
                w.end();
            }
            Live::Etag if self.node.is_none() => w.dav("getetag", self.stand_in.unwrap_or_default()),
            Live::CreationDate | Live::ContentLength | Live::ContentType | Live::Etag | Live::LastModified => {
                let Some(node) = self.node else { return };
                match live {
                    Live::CreationDate => w.dav("creationdate", &iso_date(node.created)),
                    Live::ContentLength => w.dav("getcontentlength", &node.size.to_string()),
                    Live::ContentType => w.dav("getcontenttype", content_type(&node.name)),
                    Live::Etag => w.dav("getetag", &node.etag()),
                    _ => w.dav("getlastmodified", &HttpDate::from(node.modified.system()).to_string()),
                }
            }
        }
    }

    /// Both scopes where the caller may lock at all, by the same permissions as LOCK.
    fn write_supported_locks(&self, w: &mut XmlWriter, name: &QName) {
        let may = |permission| self.effective.is_some_and(|effective| effective.allows(permission));
        let lock = if self.is_collection() { Operation::LockFolder } else { Operation::LockFile };
        // A policy against locking is known before anybody tries.
        let barred = self.effective.is_some_and(|effective| effective.barred(lock).is_some());
        if barred || !may(Permission::Write) || (self.is_collection() && !may(Permission::Create)) {
            return w.empty(name);
        }
        w.start(name);
        for scope in ["exclusive", "shared"] {
            w.start(&QName::dav("lockentry"));
            write_scope(w, scope);
            w.end();
        }
        w.end();
    }

    fn write_privileges(&self, w: &mut XmlWriter, name: &QName) {
        let (Some(effective), Some(node)) = (self.effective, self.node) else { return w.empty(name) };
        w.start(name);
        for privilege in acl::privileges(effective.permissions(), guard::item(node).kind) {
            privileges::write_privilege(w, &privilege);
        }
        w.end();
    }
}

fn write_scope(w: &mut XmlWriter, scope: &'static str) {
    w.start(&QName::dav("lockscope"));
    w.empty(&QName::dav(scope));
    w.end();
    w.start(&QName::dav("locktype"));
    w.empty(&QName::dav("write"));
    w.end();
}

/// Writes `lockdiscovery` (RFC 4918 section 15.8). Everybody who sees the resource learns who holds a lock and until when;
/// the token only its holder, since a token is half of a key.
pub fn write_locks(w: &mut XmlWriter, name: &QName, locks: &[(Arc<Lock>, String)], caller: UserId, now: Moment) {
    if locks.is_empty() {
        return w.empty(name);
    }
    w.start(name);
    for (lock, root) in locks {
        w.start(&QName::dav("activelock"));
        write_scope(w, if lock.exclusive { "exclusive" } else { "shared" });
        w.element(&QName::dav("depth"), if lock.deep { "infinity" } else { "0" });
        match &lock.owner {
            Some(owner) => w.value(&QName::dav("owner"), &RawXml::from_stored(owner.clone(), None)),
            None => w.element(&QName::dav("owner"), &lock.holder_name),
        }
        // `owner` is whatever the client sent; this is who holds it.
        w.element(&QName::fixed(super::answers::NS, "holder"), &lock.holder_name);
        let left = lock.remaining_s(now).map_or("Infinite".to_owned(), |seconds| format!("Second-{seconds}"));
        w.element(&QName::dav("timeout"), &left);
        if lock.holder == caller && lock.kind == LockKind::Dav {
            w.start(&QName::dav("locktoken"));
            w.element(&QName::dav("href"), &lock.token);
            w.end();
        }
        w.start(&QName::dav("lockroot"));
        w.element(&QName::dav("href"), root);
        w.end();
        if let Some(wanted) = &lock.wanted {
            w.start(&QName::fixed(super::answers::NS, "wanted"));
            w.element(&QName::fixed(super::answers::NS, "by"), &wanted.by_name);
            w.element(&QName::fixed(super::answers::NS, "lapses"), &iso_date(wanted.lapses));
            w.end();
        }
        w.end();
    }
    w.end();
}

/// Writes a dead property. The two times that Windows keeps with a file are those of the file, whoever changed it last.
pub fn write_dead(w: &mut XmlWriter, prop: &DeadProp, node: Option<&Node>) {
    let Some(name) = QName::new(&prop.ns, &prop.name) else { return };
    if let (NS_WIN32, Some(node)) = (prop.ns.as_str(), node) {
        match prop.name.as_str() {
            "Win32LastModifiedTime" => return w.element(&name, &HttpDate::from(node.modified.system()).to_string()),
            "Win32CreationTime" => return w.element(&name, &HttpDate::from(node.created.system()).to_string()),
            _ => {}
        }
    }
    let lang = (!prop.lang.is_empty()).then(|| prop.lang.clone());
    w.value(&name, &RawXml::from_stored(prop.value.clone(), lang));
}

/// The media type by a file's name, without a charset that nobody knows.
pub fn content_type(name: &str) -> &'static str {
    mime_guess::from_path(name).first_raw().unwrap_or("application/octet-stream")
}

/// `creationdate`: RFC 3339 in UTC, whole seconds.
pub(super) fn iso_date(moment: Moment) -> String {
    let seconds = i64::try_from(moment.unix_s()).unwrap_or(i64::MAX);
    OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|date| date.format(&Rfc3339).ok())
        .unwrap_or_else(|| "1970-01-01T00:00:00Z".to_owned())
}
