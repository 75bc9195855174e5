//! What is told of a principal: its properties, and through them those of others.
//!
//! One way of writing serves PROPFIND, the reports and `expand-property`, where a URL in a value is replaced by what is told of
//! the principal there (RFC 3253 section 3.8).
//! RFC 3744 sections 4 and 5, RFC 5397.

use super::super::answers::{NS, close_propstat, open_propstat};
use super::super::bodies::PropfindBody;
use super::super::bodies::report::Expand;
use super::super::privileges;
use super::super::xml::{DAV, QName, XmlWriter};
use super::{GROUPS, PREFIX, Place, USERS, href_of};
use crate::db::Reads;
use crate::directory::principal::{self, Card, Sight};
use crate::error::{Condition, HttpError};

/// The most principals in one answer that is made at once; `number-of-matches-within-limits` beyond.
pub const TOLD_MAX: usize = 2_000;

/// The most URLs of members and groups in such an answer.
const HREFS_MAX: usize = 100_000;

/// Something below `/principals/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A collection.
    Collection(Place),
    /// A principal.
    Card(Card),
}

impl Subject {
    /// Its URL.
    pub fn href(&self) -> String {
        match self {
            Self::Collection(place) => place.href().to_owned(),
            Self::Card(card) => href_of(card),
        }
    }

    /// Its name for people: a user's full name, else the login name; a group's name after its departments.
    pub fn title(&self) -> String {
        match self {
            Self::Collection(place) => place.title().to_owned(),
            Self::Card(Card::User(user)) if user.display.is_empty() => user.name.clone(),
            Self::Card(Card::User(user)) => user.display.clone(),
            // Without the organization, which is nearly always the reader's own.
            Self::Card(Card::Group(group)) => group.full_name(),
        }
    }

    fn login_name(&self) -> String {
        match self {
            Self::Card(Card::User(user)) => user.name.clone(),
            Self::Card(Card::Group(_)) | Self::Collection(_) => self.title(),
        }
    }

    /// Other URLs for the same: the address of a user.
    fn other_hrefs(&self) -> Vec<String> {
        match self {
            Self::Card(Card::User(user)) if !user.email.is_empty() => vec![format!("mailto:{}", user.email)],
            Self::Card(_) | Self::Collection(_) => Vec::new(),
        }
    }
}

/// What is asked of a principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Only that it is there.
    Existence,
    /// The names of its properties.
    Names,
    /// What `allprop` brings, and these besides.
    All(Vec<Expand>),
    /// These.
    These(Vec<Expand>),
}

impl From<PropfindBody> for Wish {
    fn from(body: PropfindBody) -> Self {
        match body {
            PropfindBody::PropName => Self::Names,
            PropfindBody::Empty => Self::All(Vec::new()),
            PropfindBody::AllProp { include } => Self::All(plain(include)),
            PropfindBody::Prop(names) => Self::These(plain(names)),
        }
    }
}

impl From<Option<Vec<QName>>> for Wish {
    fn from(props: Option<Vec<QName>>) -> Self {
        props.map_or(Self::Existence, |names| Self::These(plain(names)))
    }
}

fn plain(names: Vec<QName>) -> Vec<Expand> {
    names.into_iter().map(|name| Expand { name, below: Vec::new() }).collect()
}

/// A property of a principal or of a collection of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prop {
    /// That it is a principal, or a collection.
    ResourceType,
    /// The name for people.
    DisplayName,
    /// None is possible.
    SupportedLock,
    /// There is none.
    LockDiscovery,
    /// Ours: the login name, or the group's name with its departments.
    LoginName,
    /// RFC 3744 section 4.1.
    AlternateUriSet,
    /// RFC 3744 section 4.2.
    PrincipalUrl,
    /// RFC 3744 section 4.3; of groups.
    GroupMemberSet,
    /// RFC 3744 section 4.4.
    GroupMembership,
    /// RFC 3744 section 5.1: nobody.
    Owner,
    /// RFC 3744 section 5.2: none.
    Group,
    /// RFC 3744 section 5.3.
    SupportedPrivilegeSet,
    /// RFC 3744 section 5.4.
    CurrentUserPrivilegeSet,
    /// RFC 3744 section 5.5; nobody reads it.
    Acl,
    /// RFC 3744 section 5.6.
    AclRestrictions,
    /// RFC 3744 section 5.7.
    InheritedAclSet,
    /// RFC 3744 section 5.8.
    PrincipalCollectionSet,
    /// RFC 5397.
    CurrentUserPrincipal,
    /// RFC 3253 section 3.1.5.
    SupportedReportSet,
}

impl Prop {
    const ALL: [(Self, &'static str, &'static str); 19] = [
        (Self::ResourceType, DAV, "resourcetype"),
        (Self::DisplayName, DAV, "displayname"),
        (Self::SupportedLock, DAV, "supportedlock"),
        (Self::LockDiscovery, DAV, "lockdiscovery"),
        (Self::LoginName, NS, "name"),
        (Self::AlternateUriSet, DAV, "alternate-URI-set"),
        (Self::PrincipalUrl, DAV, "principal-URL"),
        (Self::GroupMemberSet, DAV, "group-member-set"),
        (Self::GroupMembership, DAV, "group-membership"),
        (Self::Owner, DAV, "owner"),
        (Self::Group, DAV, "group"),
        (Self::SupportedPrivilegeSet, DAV, "supported-privilege-set"),
        (Self::CurrentUserPrivilegeSet, DAV, "current-user-privilege-set"),
        (Self::Acl, DAV, "acl"),
        (Self::AclRestrictions, DAV, "acl-restrictions"),
        (Self::InheritedAclSet, DAV, "inherited-acl-set"),
        (Self::PrincipalCollectionSet, DAV, "principal-collection-set"),
        (Self::CurrentUserPrincipal, DAV, "current-user-principal"),
        (Self::SupportedReportSet, DAV, "supported-report-set"),
    ];

    /// The property of that name.
    pub fn of(name: &QName) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, ns, local)| *ns == name.ns() && *local == name.local());
        found.map(|(prop, ..)| *prop)
    }

    /// Whether `allprop` brings it: those of RFC 4918 (RFC 3744 section 4).
    fn in_allprop(self) -> bool {
        matches!(self, Self::ResourceType | Self::DisplayName | Self::SupportedLock | Self::LockDiscovery)
    }

    fn is_of(self, subject: &Subject) -> bool {
        match self {
            Self::AlternateUriSet | Self::PrincipalUrl | Self::GroupMembership | Self::LoginName => {
                matches!(subject, Subject::Card(_))
            }
            Self::GroupMemberSet => matches!(subject, Subject::Card(Card::Group(_))),
            Self::ResourceType
            | Self::DisplayName
            | Self::SupportedLock
            | Self::LockDiscovery
            | Self::Owner
            | Self::Group
            | Self::SupportedPrivilegeSet
            | Self::CurrentUserPrivilegeSet
            | Self::Acl
            | Self::AclRestrictions
            | Self::InheritedAclSet
            | Self::PrincipalCollectionSet
            | Self::CurrentUserPrincipal
            | Self::SupportedReportSet => true,
        }
    }

    /// The texts of the value that a search looks into; nothing if it can't be searched.
    pub fn searched(self, subject: &Subject) -> Option<Vec<String>> {
        match self {
            Self::DisplayName => Some(vec![subject.title()]),
            Self::LoginName => Some(vec![subject.login_name()]),
            Self::AlternateUriSet => Some(subject.other_hrefs()),
            Self::ResourceType
            | Self::SupportedLock
            | Self::LockDiscovery
            | Self::PrincipalUrl
            | Self::GroupMemberSet
            | Self::GroupMembership
            | Self::Owner
            | Self::Group
            | Self::SupportedPrivilegeSet
            | Self::CurrentUserPrivilegeSet
            | Self::Acl
            | Self::AclRestrictions
            | Self::InheritedAclSet
            | Self::PrincipalCollectionSet
            | Self::CurrentUserPrincipal
            | Self::SupportedReportSet => None,
        }
    }
}

/// A URL in a value, and what is there.
type Link = (String, Option<Subject>);

/// Writes what is asked about principals.
pub struct Teller<'t, T> {
    tx: &'t mut T,
    sight: &'t Sight,
    me: &'t Card,
    told: usize,
    hrefs: usize,
}

impl<'t, T: Reads> Teller<'t, T> {
    /// Tells `me` what it may see, through that transaction.
    pub fn new(tx: &'t mut T, sight: &'t Sight, me: &'t Card) -> Self {
        Self { tx, sight, me, told: 0, hrefs: 0 }
    }

    /// One `response` about it.
    ///
    /// Errors: 403 `number-of-matches-within-limits` once an expansion has told of more than [`TOLD_MAX`].
    pub async fn tell(&mut self, w: &mut XmlWriter, subject: &Subject, wish: &Wish) -> Result<(), HttpError> {
        w.start_dav("response");
        w.dav("href", &subject.href());
        let has = |name: &QName| Prop::of(name).filter(|prop| prop.is_of(subject));
        let all = || Prop::ALL.iter().filter(|(prop, ..)| prop.is_of(subject));
        let mut found: Vec<(Prop, &[Expand])> = Vec::new();
        let mut missing: Vec<&QName> = Vec::new();
        let mut closed = false;
        let asked = match wish {
            Wish::Existence => {
                w.dav("status", "HTTP/1.1 200 OK");
                w.end_dav("response");
                return Ok(());
            }
            Wish::Names => {
                open_propstat(w);
                for (_, ns, local) in all() {
                    w.empty(&QName::fixed(ns, local));
                }
                close_propstat(w, "HTTP/1.1 200 OK");
                w.end_dav("response");
                return Ok(());
            }
            Wish::All(also) => {
                found.extend(all().filter(|(prop, ..)| prop.in_allprop()).map(|(prop, ..)| (*prop, [].as_slice())));
                also
            }
            Wish::These(these) => these,
        };
        for expand in asked {
            match has(&expand.name) {
                Some(Prop::Acl) => closed = true,
                Some(prop) if found.iter().any(|(known, _)| *known == prop) => {}
                Some(prop) => found.push((prop, &expand.below)),
                None => missing.push(&expand.name),
            }
        }
        if !found.is_empty() || (missing.is_empty() && !closed) {
            open_propstat(w);
            for (prop, below) in found {
                self.value(w, subject, prop, below).await?;
            }
            close_propstat(w, "HTTP/1.1 200 OK");
        }
        if closed {
            write_closed_acl(w, &subject.href());
        }
        if !missing.is_empty() {
            open_propstat(w);
            for name in missing {
                w.empty(name);
            }
            close_propstat(w, "HTTP/1.1 404 Not Found");
        }
        w.end_dav("response");
        Ok(())
    }

    async fn value(
        &mut self,
        w: &mut XmlWriter,
        subject: &Subject,
        prop: Prop,
        below: &[Expand],
    ) -> Result<(), HttpError> {
        let (_, ns, local) =
            Prop::ALL.iter().find(|(known, ..)| *known == prop).expect("every property is in the table");
        let name = QName::fixed(ns, local);
        match prop {
            Prop::ResourceType => {
                w.start(&name);
                let kind = if matches!(subject, Subject::Card(_)) { "principal" } else { "collection" };
                w.empty(&QName::dav(kind));
                w.end();
            }
            Prop::DisplayName => w.element(&name, &subject.title()),
            Prop::LoginName => w.element(&name, &subject.login_name()),
            Prop::SupportedLock
            | Prop::LockDiscovery
            | Prop::Owner
            | Prop::Group
            | Prop::InheritedAclSet
            | Prop::Acl => {
                w.empty(&name);
            }
            Prop::SupportedPrivilegeSet => privileges::write_principals_privileges(w),
            Prop::CurrentUserPrivilegeSet => privileges::write_privileges_on_principals(w),
            Prop::AclRestrictions => privileges::write_acl_restrictions(w),
            Prop::SupportedReportSet => privileges::write_supported_reports(w, false, false, false),
            Prop::AlternateUriSet
            | Prop::PrincipalUrl
            | Prop::GroupMemberSet
            | Prop::GroupMembership
            | Prop::PrincipalCollectionSet
            | Prop::CurrentUserPrincipal => {
                let links = self.links(subject, prop).await?;
                self.write_links(w, &name, links, below).await?;
            }
        }
        Ok(())
    }

    async fn links(&mut self, subject: &Subject, prop: Prop) -> Result<Vec<Link>, HttpError> {
        let cards =
            |cards: Vec<Card>| cards.into_iter().map(|card| (href_of(&card), Some(Subject::Card(card)))).collect();
        Ok(match (prop, subject) {
            (Prop::GroupMemberSet, Subject::Card(Card::Group(group))) => {
                cards(principal::members(self.tx, self.sight, group).await?)
            }
            (Prop::GroupMembership, Subject::Card(card)) => {
                cards(principal::memberships(self.tx, self.sight, card).await?)
            }
            (Prop::PrincipalUrl, Subject::Card(card)) => cards(vec![card.clone()]),
            (Prop::CurrentUserPrincipal, _) => cards(vec![self.me.clone()]),
            (Prop::PrincipalCollectionSet, _) => vec![(PREFIX.to_owned(), Some(Subject::Collection(Place::Top)))],
            (Prop::AlternateUriSet, subject) => subject.other_hrefs().into_iter().map(|href| (href, None)).collect(),
            _ => Vec::new(),
        })
    }

    /// A property whose value are URLs; where something is asked of what is there, that instead of the URL.
    pub async fn write_links(
        &mut self,
        w: &mut XmlWriter,
        name: &QName,
        links: Vec<Link>,
        below: &[Expand],
    ) -> Result<(), HttpError> {
        if links.is_empty() {
            w.empty(name);
            return Ok(());
        }
        self.hrefs += links.len();
        // One principal alone may have more; it is bounded by how many there are.
        if self.hrefs > HREFS_MAX && self.hrefs > links.len() {
            return Err(too_many());
        }
        w.start(name);
        for (href, subject) in links {
            match subject {
                Some(subject) if !below.is_empty() => {
                    self.told += 1;
                    if self.told > TOLD_MAX {
                        return Err(too_many());
                    }
                    Box::pin(self.tell(w, &subject, &Wish::These(below.to_vec()))).await?;
                }
                Some(_) | None => w.dav("href", &href),
            }
        }
        w.end();
        Ok(())
    }
}

/// 403: the answer would tell of more than [`TOLD_MAX`] principals, or name more than [`HREFS_MAX`].
pub fn too_many() -> HttpError {
    let text = format!("More than {TOLD_MAX} people and groups match, or have too many members; please ask for fewer.");
    HttpError::new(http::StatusCode::FORBIDDEN, text).with(Condition::NumberOfMatchesWithinLimits)
}

/// A `propstat` that says why `acl` isn't shown: RFC 3744 section 5.5.
pub fn write_closed_acl(w: &mut XmlWriter, href: &str) {
    open_propstat(w);
    w.empty(&QName::dav("acl"));
    w.end_dav("prop");
    w.dav("status", "HTTP/1.1 403 Forbidden");
    w.start_dav("error");
    w.start_dav("need-privileges");
    w.start_dav("resource");
    w.dav("href", href);
    privileges::write_privilege(w, &commonhold_acl::Privilege { namespace: DAV, name: "read-acl" });
    w.end_dav("resource");
    w.end_dav("need-privileges");
    w.end_dav("error");
    w.end_dav("propstat");
}

/// The URL of the collection a principal is listed in.
pub fn collection_of(card: &Card) -> &'static str {
    match card {
        Card::User(_) => USERS,
        Card::Group(_) => GROUPS,
    }
}
