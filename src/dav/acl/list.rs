//! `DAV:acl` as it is shown (RFC 3744 section 5.5): the entries of a resource and those it takes over from above.
//!
//! In the order in which they are decided: those of the resource before those of its parent, and so on up to the share's
//! root; at one place what is denied before what is given. So the first entry that speaks of somebody and a privilege is the
//! one that counts, as RFC 3744 section 6 evaluates a list.
//! Subscriptions and whole-user grants are entries of the share's root; they are made by other doors, so they are shown as
//! protected, and so is what the owner of a home has in it.

use std::collections::HashMap;
use std::sync::Arc;

use commonhold_acl::{self as acl, Effect, Granted, ItemKind, Permissions, Privilege};

use super::super::answers::NS;
use super::super::bodies::acl::AceForm;
use super::super::principals::href_of;
use super::super::privileges::write_privilege;
use super::super::xml::{QName, XmlWriter};
use crate::db::{DbError, Reads};
use crate::directory::{self, Principal, principal};
use crate::grants::{self, Whole};
use crate::ids::{NodeId, UserId};
use crate::shares::role::Roles;
use crate::shares::{self, Share, ShareKind};

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whom it is for.
    pub principal: Principal,
    /// The principal's URL.
    pub href: String,
    /// Whether it takes away.
    pub deny: bool,
    /// What.
    pub granted: Granted,
    /// How it came about.
    pub origin: Origin,
    /// The URL of the resource that it is an entry of, when it is another one than that whose list this is.
    pub inherited: Option<String>,
}

/// How an entry came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// By a grant on a file or folder. Only these are the ACL method's to change.
    Grant,
    /// By a subscription to the share.
    Subscription,
    /// By a grant on everything of the home's owner.
    WholeUser,
    /// The home is theirs.
    HomeOwner,
}

impl Origin {
    /// Our element that says so; nothing for a plain grant.
    const fn element(self) -> Option<&'static str> {
        match self {
            Self::Grant => None,
            Self::Subscription => Some("subscription"),
            Self::WholeUser => Some("whole-user-grant"),
            Self::HomeOwner => Some("home-owner"),
        }
    }
}

impl Entry {
    /// Whether another door makes and changes it.
    pub fn is_protected(&self) -> bool {
        self.origin != Origin::Grant
    }

    /// The privileges that it is shown by on an item of that kind; none if it says nothing about such an item.
    pub fn privileges(&self, kind: ItemKind) -> Vec<Privilege> {
        acl::shown(self.granted.permissions(), kind)
    }
}

/// The entries of one resource, in the order in which they are decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct List {
    /// What holds whatever is denied or cut off: the owner of a home.
    owner: Option<Entry>,
    /// Those that stand on the resource.
    here: Vec<Entry>,
    /// Those that it takes over. Thousands of resources may share them.
    above: Arc<Vec<Entry>>,
}

/// What the members of a resource take over from it.
#[derive(Debug, Default)]
pub struct Heritage {
    owner: Option<Entry>,
    entries: Arc<Vec<Entry>>,
}

impl Heritage {
    /// The list of a member with these entries of its own; it takes over the others only if it inherits.
    pub fn of_member(&self, own: Vec<Entry>, inherits: bool) -> List {
        let above = if inherits { Arc::clone(&self.entries) } else { Arc::default() };
        List { owner: self.owner.clone(), here: own_order(own).collect(), above }
    }
}

impl List {
    /// The list of the root of a share, with these entries of its own.
    pub async fn of_root(reads: &mut impl Reads, share: &Share, own: Vec<Entry>) -> Result<Self, DbError> {
        let mut given = Vec::new();
        let mut owner = None;
        match (share.kind, share.owner) {
            (ShareKind::Home, Some(user)) => {
                owner = Some((Principal::User(user), Granted::Custom(Permissions::ALL)));
                for Whole { subject, level, .. } in wholes_on(reads, user).await? {
                    given.push((subject, Granted::Level(level), Origin::WholeUser));
                }
            }
            (ShareKind::Home, None) => {}
            (ShareKind::Team | ShareKind::Public, _) => {
                let subscribers = shares::subscribers(reads, share.id).await?;
                let names = subscribers.iter().map(|subscriber| subscriber.role.as_str());
                let roles = Roles::for_names(reads, names).await?;
                for subscriber in &subscribers {
                    let role = Granted::Role(roles.get_or_empty(&subscriber.role));
                    given.push((subscriber.principal, role, Origin::Subscription));
                }
            }
        }
        let mut principals: Vec<Principal> = given.iter().map(|(principal, ..)| *principal).collect();
        principals.extend(owner.iter().map(|(principal, _)| *principal));
        let cards = principal::cards(reads, &principals).await?;
        let entry = |principal: Principal, granted, origin| {
            let href = href_of(cards.get(&principal)?);
            Some(Entry { principal, href, deny: false, granted, origin, inherited: None })
        };
        let given = given.into_iter().filter_map(|(who, granted, origin)| entry(who, granted, origin));
        let owner = owner.and_then(|(who, granted)| entry(who, granted, Origin::HomeOwner));
        Ok(Self { owner, here: own_order(own).chain(given).collect(), above: Arc::default() })
    }

    /// What members take over, when the resource is at `href`.
    pub fn heritage(&self, href: &str) -> Heritage {
        let taken_over = |entry: &Entry| {
            let inherited = entry.inherited.clone().unwrap_or_else(|| href.to_owned());
            Entry { inherited: Some(inherited), ..entry.clone() }
        };
        let entries = if self.here.is_empty() {
            Arc::clone(&self.above)
        } else {
            Arc::new(self.here.iter().map(taken_over).chain(self.above.iter().cloned()).collect())
        };
        Heritage { owner: self.owner.as_ref().map(taken_over), entries }
    }

    /// A list of nothing but these.
    #[cfg(test)]
    pub fn of_own(own: Vec<Entry>) -> Self {
        Self { here: own_order(own).collect(), ..Self::default() }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.owner.iter().chain(&self.here).chain(self.above.iter())
    }

    /// Those that the ACL method replaces.
    pub fn own(&self) -> impl Iterator<Item = &Entry> {
        self.here.iter().filter(|entry| entry.origin == Origin::Grant)
    }

    /// The owner of the home that the resource lies in, who can't be denied anything.
    pub fn home_owner(&self) -> Option<Principal> {
        self.owner.as_ref().map(|entry| entry.principal)
    }

    /// Writes the property, about an item of that kind. An entry that says nothing about such an item is left out.
    pub fn write(&self, w: &mut XmlWriter, kind: ItemKind) {
        w.start_dav("acl");
        for entry in self.iter() {
            let privileges = entry.privileges(kind);
            if !privileges.is_empty() {
                write_ace(w, entry, &privileges);
            }
        }
        w.end_dav("acl");
    }
}

/// At one place what is denied counts first.
fn own_order(own: Vec<Entry>) -> impl Iterator<Item = Entry> {
    let (deny, grant): (Vec<_>, Vec<_>) = own.into_iter().partition(|entry| entry.deny);
    deny.into_iter().chain(grant)
}

fn write_ace(w: &mut XmlWriter, entry: &Entry, privileges: &[Privilege]) {
    w.start_dav("ace");
    w.start_dav("principal");
    w.dav("href", &entry.href);
    w.end_dav("principal");
    let effect = if entry.deny { "deny" } else { "grant" };
    w.start_dav(effect);
    for privilege in privileges {
        write_privilege(w, privilege);
    }
    w.end_dav(effect);
    if entry.is_protected() {
        w.empty(&QName::dav("protected"));
    }
    if let Some(href) = &entry.inherited {
        w.start_dav("inherited");
        w.dav("href", href);
        w.end_dav("inherited");
    }
    // What is given in our own words, which say more than the privileges do.
    let form = form_of(&entry.granted);
    w.element(&QName::fixed(NS, form.element()), form.text());
    if let Some(origin) = entry.origin.element() {
        w.empty(&QName::fixed(NS, origin));
    }
    w.end_dav("ace");
}

/// What was granted, as an entry says it.
pub fn form_of(granted: &Granted) -> AceForm {
    match granted {
        Granted::Role(role) => AceForm::Role(role.name.to_string()),
        Granted::Level(level) => AceForm::Level(level.name().to_owned()),
        Granted::Custom(permissions) => AceForm::Permissions(permissions.to_string()),
    }
}

/// The whole-user grants on everything of this user, by himself or as a member of a group.
async fn wholes_on(reads: &mut impl Reads, user: UserId) -> Result<Vec<Whole>, DbError> {
    let wholes = grants::wholes(reads).await?;
    if wholes.is_empty() {
        return Ok(wholes);
    }
    let groups = directory::groups_of(reads, user).await?;
    let is_target = |target: Principal| match target {
        Principal::User(target) => target == user,
        Principal::Group(target) => groups.iter().any(|membership| membership.group == target),
    };
    Ok(wholes.into_iter().filter(|whole| is_target(whole.target) && whole.subject != Principal::User(user)).collect())
}

/// The own entries of some nodes, and which of the nodes don't inherit.
#[derive(Debug)]
pub struct Own {
    entries: HashMap<NodeId, Vec<Entry>>,
    cut: Vec<NodeId>,
}

impl Own {
    /// Reads them.
    pub async fn of(reads: &mut impl Reads, nodes: &[NodeId]) -> Result<Self, DbError> {
        let grants = grants::of_nodes(reads, nodes).await?;
        let cut = grants::cut(reads, nodes).await?;
        let principals: Vec<Principal> = grants.iter().map(|grant| grant.principal).collect();
        let cards = principal::cards(reads, &principals).await?;
        let mut entries: HashMap<NodeId, Vec<Entry>> = HashMap::new();
        for grant in grants {
            if let Some(card) = cards.get(&grant.principal) {
                entries.entry(grant.node).or_default().push(Entry {
                    principal: grant.principal,
                    href: href_of(card),
                    deny: grant.effect == Effect::Deny,
                    granted: grant.granted,
                    origin: Origin::Grant,
                    inherited: None,
                });
            }
        }
        Ok(Self { entries, cut })
    }

    /// Those of one node, and whether it inherits.
    pub fn take(&mut self, node: NodeId) -> (Vec<Entry>, bool) {
        (self.entries.remove(&node).unwrap_or_default(), !self.cut.contains(&node))
    }
}

#[cfg(test)]
mod tests {
    use commonhold_acl::{Facts, Permission, Rank, Source, Step, UserKind, Whose};
    use proptest::prelude::*;

    use super::*;
    use crate::ids::{GroupId, ShareId};

    const ANA: Principal = Principal::User(UserId(1));
    const BEN: Principal = Principal::User(UserId(2));
    /// Ana is a member.
    const SALES: Principal = Principal::Group(GroupId(1));

    /// A node's own entries, and whether it inherits.
    type Place = (Vec<Entry>, bool);

    fn some_permissions() -> impl Strategy<Value = Granted> {
        proptest::sample::subsequence(Permission::ALL.to_vec(), 1..5)
            .prop_map(|permissions| Granted::Custom(permissions.into_iter().collect()))
    }

    fn some_entry() -> impl Strategy<Value = Entry> {
        (proptest::sample::select(vec![ANA, BEN, SALES]), any::<bool>(), some_permissions()).prop_map(
            |(principal, deny, granted)| {
                let href = format!("{principal:?}");
                Entry { principal, href, deny, granted, origin: Origin::Grant, inherited: None }
            },
        )
    }

    fn some_places() -> impl Strategy<Value = Vec<Place>> {
        proptest::collection::vec((proptest::collection::vec(some_entry(), 0..4), proptest::bool::weighted(0.8)), 1..5)
    }

    /// RFC 3744 section 6: the first entry that speaks of the privilege decides.
    fn by_the_rfc(list: &List, permission: Permission) -> bool {
        let reaches = |entry: &&Entry| entry.principal == ANA || entry.principal == SALES;
        let speaks = |entry: &&Entry| entry.granted.permissions().contains(permission);
        list.iter().filter(reaches).find(speaks).is_some_and(|entry| !entry.deny)
    }

    fn by_the_law(places: &[Place], given: &[Entry], home: Option<UserId>) -> acl::Effective {
        let entry = |entry: &Entry| acl::Entry {
            source: match entry.origin {
                Origin::Subscription => Source::Subscription,
                Origin::WholeUser => Source::WholeUserGrant { of: Whose::User("owner".into()) },
                Origin::Grant | Origin::HomeOwner => {
                    Source::FolderGrant(if entry.deny { Effect::Deny } else { Effect::Allow })
                }
            },
            granted: entry.granted.clone(),
            via: if entry.principal == SALES { vec!["Sales".into()] } else { Vec::new() },
        };
        let step = |(at, (own, inherits)): (usize, &Place)| Step {
            path: format!("/Share/{at}"),
            inherits: *inherits,
            entries: own
                .iter()
                .chain(given.iter().filter(|_| at == 0))
                .filter(|entry| entry.principal != BEN)
                .map(entry)
                .collect(),
        };
        let kind = match home {
            Some(owner) => acl::ShareKind::Home { owner, name: "owner".into() },
            None => acl::ShareKind::Team,
        };
        acl::evaluate(Facts {
            user: acl::User {
                id: UserId(1),
                name: "ana".into(),
                kind: UserKind::Full,
                enabled: true,
                organization_active: true,
                rank: Rank::Member,
            },
            channel: acl::Channel::WebDav,
            channel_open: true,
            share: acl::Share { id: ShareId(1), name: "Share".into(), kind, active: true },
            admin_browse_files: false,
            chain: places.iter().enumerate().map(step).collect(),
            on_the_way: false,
            creation_lease: false,
            limits: Vec::new(),
        })
    }

    proptest! {
        #[test]
        fn the_list_evaluated_as_the_rfc_says_comes_to_the_laws_answer(
            places in some_places(),
            given in proptest::collection::vec((proptest::sample::select(vec![ANA, BEN, SALES]), some_permissions()), 0..3),
            home in proptest::option::of(1i64..3),
        ) {
            let home = home.map(UserId);
            let origin = if home.is_some() { Origin::WholeUser } else { Origin::Subscription };
            let given: Vec<Entry> = given
                .into_iter()
                .map(|(principal, granted)| Entry {
                    principal, href: String::new(), deny: false, granted, origin, inherited: None,
                })
                .collect();
            let owner = home.map(|owner| Entry {
                principal: Principal::User(owner),
                href: String::new(),
                deny: false,
                granted: Granted::Custom(Permissions::ALL),
                origin: Origin::HomeOwner,
                inherited: None,
            });
            let here = own_order(places[0].0.clone()).chain(given.iter().cloned()).collect();
            let mut list = List { owner, here, above: Arc::default() };
            for (own, inherits) in &places[1..] {
                list = list.heritage("/dav/Share/").of_member(own.clone(), *inherits);
            }
            let law = by_the_law(&places, &given, home);
            for permission in Permission::ALL {
                prop_assert_eq!(by_the_rfc(&list, permission), law.allows(permission), "{}", permission);
            }
        }
    }
}
