//! What a list of entries that a client sends comes to: the grants of the resource as they are to be, or why not.
//!
//! An entry that comes back as it was shown keeps what it was made of, a role or a level or single permissions, though the
//! client knows privileges only. Pure: who the principals are was found out before.
//! RFC 3744 section 8.1.1.

use std::collections::HashMap;

use commonhold_acl::{self as acl, Effect, Granted, ItemKind, Level, NotSettable, Permissions, Privilege, Supported};

use super::super::bodies::acl::AceForm;
use super::super::xml::QName;
use super::list::List;
use crate::directory::Principal;
use crate::grants::NewGrant;
use crate::shares::role::Roles;

/// An entry as it was sent, its principal found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Whom it is for.
    pub principal: Principal,
    /// Whether it takes away.
    pub deny: bool,
    /// The privileges named.
    pub names: Vec<QName>,
    /// What it gives in our own words, if it says so.
    pub form: Option<AceForm>,
}

/// Why a list can't be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// `deny-before-grant`.
    #[error("what is denied comes before what is granted")]
    DenyAfterGrant,
    /// `not-supported-privilege`.
    #[error("there is no privilege `{0}` here")]
    UnknownPrivilege(QName),
    /// `no-abstract`.
    #[error(transparent)]
    Abstract(NotSettable),
    /// `no-ace-conflict`: what can't be told apart was told apart.
    #[error(transparent)]
    Inseparable(NotSettable),
    /// `no-ace-conflict`.
    #[error("two entries for the same principal say different things about roles or levels")]
    Twice,
    /// `no-ace-conflict`.
    #[error("what is granted to somebody is denied to the same by another entry")]
    TakenBack,
    /// `no-ace-conflict`.
    #[error("there is no {0} `{1}`")]
    NoSuchForm(&'static str, String),
    /// `no-ace-conflict`.
    #[error("an entry gives nothing")]
    Empty,
    /// `no-protected-ace-conflict`.
    #[error("the owner of a home can't be denied anything in it")]
    DeniesOwner,
}

/// The grants that the list comes to on a resource of that kind which has `current`.
pub fn plan(sent: &[Sent], current: &List, kind: ItemKind, roles: &Roles) -> Result<Vec<NewGrant>, PlanError> {
    let first_grant = sent.iter().position(|one| !one.deny).unwrap_or(sent.len());
    if sent[first_grant..].iter().any(|one| one.deny) {
        return Err(PlanError::DenyAfterGrant);
    }
    if sent.iter().any(|one| one.deny && current.home_owner() == Some(one.principal)) {
        return Err(PlanError::DeniesOwner);
    }
    // Several entries for one principal are one grant; in the order of the first.
    let mut order: Vec<Key> = Vec::new();
    let mut together: HashMap<Key, Vec<&Sent>> = HashMap::new();
    for one in sent {
        let key = (one.principal, one.deny);
        if !together.contains_key(&key) {
            order.push(key);
        }
        together.entry(key).or_default().push(one);
    }
    let mut planned: Vec<NewGrant> = Vec::new();
    for (principal, deny) in order {
        let granted = match together[&(principal, deny)].as_slice() {
            [one] => granted(one, current, kind, roles)?,
            several => {
                if several.iter().any(|one| one.form.is_some()) {
                    return Err(PlanError::Twice);
                }
                let mut names: Vec<QName> = Vec::new();
                for name in several.iter().flat_map(|one| &one.names) {
                    if !names.contains(name) {
                        names.push(name.clone());
                    }
                }
                Granted::Custom(permissions_of(&names, kind)?)
            }
        };
        if granted.permissions().is_empty() {
            return Err(PlanError::Empty);
        }
        planned.push(new_grant(principal, deny, granted));
    }
    let denied = planned.iter().filter(|grant| grant.effect == Effect::Deny);
    let denied: HashMap<Principal, Permissions> =
        denied.map(|grant| (grant.principal, grant.granted.permissions())).collect();
    for grant in planned.iter().filter(|grant| grant.effect == Effect::Allow) {
        let denied = denied.get(&grant.principal).copied().unwrap_or(Permissions::NONE);
        if grant.granted.permissions().difference(denied).is_empty() {
            return Err(PlanError::TakenBack);
        }
    }
    // What clients don't get to see is not theirs to replace (RFC 3744 section 8.1).
    let unseen = current.own().filter(|entry| entry.privileges(kind).is_empty());
    let unseen = unseen.filter(|entry| !together.contains_key(&(entry.principal, entry.deny)));
    planned.extend(unseen.map(|entry| new_grant(entry.principal, entry.deny, entry.granted.clone())));
    Ok(planned)
}

/// Whom a grant is for, and whether it takes away: there is one of each at one place.
type Key = (Principal, bool);

fn new_grant(principal: Principal, deny: bool, granted: Granted) -> NewGrant {
    NewGrant { principal, effect: if deny { Effect::Deny } else { Effect::Allow }, granted }
}

/// What one entry gives or takes.
fn granted(sent: &Sent, current: &List, kind: ItemKind, roles: &Roles) -> Result<Granted, PlanError> {
    let is_shown_as = |permissions| sent.names.is_empty() || same(&sent.names, &acl::shown(permissions, kind));
    if let Some(form) = &sent.form {
        let formed = formed(form, roles)?;
        // Whose privileges were changed since it was shown gives what the privileges say.
        if is_shown_as(formed.permissions()) {
            return Ok(formed);
        }
    }
    let kept = current.own().find(|entry| {
        entry.principal == sent.principal && entry.deny == sent.deny && is_shown_as(entry.granted.permissions())
    });
    match kept {
        Some(entry) if sent.form.is_none() => Ok(entry.granted.clone()),
        Some(_) | None => Ok(Granted::Custom(permissions_of(&sent.names, kind)?)),
    }
}

fn formed(form: &AceForm, roles: &Roles) -> Result<Granted, PlanError> {
    let missing = |noun| PlanError::NoSuchForm(noun, form.text().escape_debug().to_string());
    match form {
        AceForm::Role(name) => roles.get(name).cloned().map(Granted::Role).ok_or_else(|| missing("role")),
        AceForm::Level(name) => Level::parse(name).map(Granted::Level).ok_or_else(|| missing("level")),
        AceForm::Permissions(names) => names.parse().map(Granted::Custom).map_err(|_| missing("permission among")),
    }
}

/// Whether these are the same privileges, in any order.
pub fn same(names: &[QName], privileges: &[Privilege]) -> bool {
    let is_named = |privilege: &Privilege| {
        names.iter().any(|name| name.ns() == privilege.namespace && name.local() == privilege.name)
    };
    names.len() == privileges.len() && privileges.iter().all(is_named)
}

fn permissions_of(names: &[QName], kind: ItemKind) -> Result<Permissions, PlanError> {
    let supported = |name: &QName| -> Result<&'static Supported, PlanError> {
        let found = acl::supported(name.ns(), name.local(), kind);
        found.ok_or_else(|| PlanError::UnknownPrivilege(name.clone()))
    };
    let named = names.iter().map(supported).collect::<Result<Vec<_>, _>>()?;
    acl::permissions_of(&named, kind).map_err(|why| match why {
        NotSettable::Abstract(_) => PlanError::Abstract(why),
        NotSettable::Inseparable(..) => PlanError::Inseparable(why),
    })
}

#[cfg(test)]
mod tests {
    use commonhold_acl::{Permission, builtin};
    use proptest::prelude::*;

    use super::super::list::{Entry, Origin};
    use super::*;
    use crate::ids::{GroupId, UserId};

    const ANA: Principal = Principal::User(UserId(1));
    const BEN: Principal = Principal::User(UserId(2));
    const SALES: Principal = Principal::Group(GroupId(1));

    fn sent(principal: Principal, deny: bool, names: &str) -> Sent {
        let names = names.split_whitespace().map(|name| QName::new("DAV:", name).unwrap()).collect();
        Sent { principal, deny, names, form: None }
    }

    fn formed(form: AceForm, names: &str) -> Sent {
        Sent { form: Some(form), ..sent(ANA, false, names) }
    }

    fn own(principal: Principal, deny: bool, granted: Granted) -> Entry {
        Entry { principal, href: format!("{principal:?}"), deny, granted, origin: Origin::Grant, inherited: None }
    }

    fn role(name: &str) -> Granted {
        Granted::Role(builtin(name).unwrap().clone())
    }

    fn custom(names: &str) -> Granted {
        Granted::Custom(names.parse().unwrap())
    }

    fn on_folder(sent: &[Sent], current: Vec<Entry>) -> Result<Vec<NewGrant>, PlanError> {
        plan(sent, &List::of_own(current), ItemKind::Folder, &Roles::default())
    }

    fn one(sent: Sent, current: Vec<Entry>) -> Result<Granted, PlanError> {
        on_folder(&[sent], current).map(|mut grants| grants.remove(0).granted)
    }

    #[test]
    fn privileges_become_permissions() {
        let read = Granted::Custom(Level::Read.permissions());
        assert_eq!(one(sent(ANA, false, "read"), vec![]), Ok(read.clone()));
        let planned = on_folder(&[sent(ANA, true, "unbind"), sent(SALES, false, "read write")], vec![]).unwrap();
        let expected = [
            new_grant(ANA, true, custom("delete delete-child rename-child")),
            new_grant(SALES, false, Granted::Custom(Level::ReadCreateEditDelete.permissions())),
        ];
        assert_eq!(planned, expected);
        assert_eq!(on_folder(&[], vec![own(ANA, false, read)]), Ok(vec![]), "an empty list leaves nothing");
    }

    #[test]
    fn what_comes_back_as_it_was_shown_keeps_its_role() {
        let current = || {
            vec![own(ANA, false, role("previewer")), own(SALES, true, custom("sync")), own(BEN, false, role("viewer"))]
        };
        assert_eq!(one(sent(ANA, false, "read"), current()), Ok(role("previewer")), "shown as DAV:read");
        assert_eq!(one(sent(BEN, false, "read"), current()), Ok(role("viewer")));
        let changed = one(sent(BEN, false, "write read"), current()).unwrap();
        assert_eq!(
            changed,
            Granted::Custom(Level::ReadCreateEditDelete.permissions()),
            "what was changed is what it says"
        );
        assert_eq!(one(sent(BEN, true, "read"), current()).unwrap(), Granted::Custom(Level::Read.permissions()));
        let sync = Sent { names: vec![QName::fixed(acl::COMMONHOLD, "sync")], ..sent(SALES, true, "") };
        assert_eq!(one(sync.clone(), current()), Ok(custom("sync")), "though it is abstract");
        assert!(matches!(one(Sent { deny: false, ..sync }, current()), Err(PlanError::Abstract(_))));
    }

    #[test]
    fn our_own_words_count_while_the_privileges_agree_with_them() {
        let viewer = || AceForm::Role("viewer".into());
        assert_eq!(one(formed(viewer(), ""), vec![]), Ok(role("viewer")));
        assert_eq!(one(formed(viewer(), "read"), vec![]), Ok(role("viewer")));
        let changed = one(formed(viewer(), "read bind"), vec![]);
        assert_eq!(changed, Ok(Granted::Custom(Level::ReadCreate.permissions())));
        let level = AceForm::Level("read-create".into());
        assert_eq!(one(formed(level, ""), vec![]), Ok(Granted::Level(Level::ReadCreate)));
        assert_eq!(one(formed(AceForm::Permissions("list, view".into()), ""), vec![]), Ok(custom("list view")));
        for wrong in [AceForm::Role("king".into()), AceForm::Level("5".into()), AceForm::Permissions("fly".into())] {
            assert!(matches!(one(formed(wrong, "read"), vec![]), Err(PlanError::NoSuchForm(..))));
        }
        assert_eq!(one(formed(AceForm::Level("none".into()), ""), vec![]), Err(PlanError::Empty));
    }

    #[test]
    fn several_entries_for_one_principal_are_one() {
        let split = [sent(ANA, false, "write-content"), sent(ANA, false, "write-properties read")];
        let expected = vec![new_grant(ANA, false, custom("sync view print read write web-edit list list-folders"))];
        assert_eq!(on_folder(&split, vec![]), Ok(expected));
        let twice = [formed(AceForm::Role("viewer".into()), "read"), sent(ANA, false, "read")];
        assert_eq!(on_folder(&twice, vec![]), Err(PlanError::Twice));
    }

    #[test]
    fn a_list_that_contradicts_itself_is_refused() {
        let after = [sent(ANA, false, "read"), sent(BEN, true, "read")];
        assert_eq!(on_folder(&after, vec![]), Err(PlanError::DenyAfterGrant));
        let back = [sent(ANA, true, "read write"), sent(ANA, false, "read")];
        assert_eq!(on_folder(&back, vec![]), Err(PlanError::TakenBack));
        assert!(on_folder(&[sent(ANA, true, "unbind"), sent(ANA, false, "read write")], vec![]).is_ok());
        let unknown = one(sent(ANA, false, "read execute"), vec![]);
        assert_eq!(unknown, Err(PlanError::UnknownPrivilege(QName::dav("execute"))));
        assert!(matches!(one(sent(ANA, false, "read-acl"), vec![]), Err(PlanError::Inseparable(_))));
        let on_file = plan(&[sent(ANA, false, "bind")], &List::default(), ItemKind::File, &Roles::default());
        assert_eq!(on_file, Err(PlanError::UnknownPrivilege(QName::dav("bind"))));
    }

    #[test]
    fn what_is_not_shown_of_a_file_stays() {
        let list = own(BEN, false, custom("list"));
        let current = List::of_own(vec![list, own(ANA, false, role("viewer"))]);
        let planned = plan(&[sent(SALES, false, "read")], &current, ItemKind::File, &Roles::default()).unwrap();
        let expected = [
            new_grant(SALES, false, Granted::Custom(Level::Read.permissions())),
            new_grant(BEN, false, custom("list")),
        ];
        assert_eq!(planned, expected);
    }

    fn some_granted() -> impl Strategy<Value = Granted> {
        prop_oneof![
            (0..acl::roles().len()).prop_map(|at| Granted::Role(acl::roles()[at].clone())),
            (1..Level::ALL.len()).prop_map(|at| Granted::Level(Level::ALL[at])),
            proptest::sample::subsequence(Permission::ALL.to_vec(), 1..Permission::ALL.len())
                .prop_map(|permissions| Granted::Custom(permissions.into_iter().collect())),
        ]
    }

    proptest! {
        /// RFC 3744 section 8.1: read, change nothing, write back.
        #[test]
        fn a_list_sent_back_as_it_is_shown_changes_nothing(
            granted in proptest::collection::vec(some_granted(), 0..8),
            deny_count in 0usize..8,
            file in any::<bool>(),
        ) {
            let kind = if file { ItemKind::File } else { ItemKind::Folder };
            let entries: Vec<Entry> = granted
                .into_iter()
                .enumerate()
                .map(|(at, granted)| own(Principal::User(UserId(at as i64)), at < deny_count, granted))
                .collect();
            let current = List::of_own(entries.clone());
            let shown = entries.iter().map(|entry| Sent {
                principal: entry.principal,
                deny: entry.deny,
                names: entry.privileges(kind).iter().map(|p| QName::fixed(p.namespace, p.name)).collect(),
                form: None,
            });
            let shown: Vec<Sent> = shown.filter(|one| !one.names.is_empty()).collect();
            let mut planned = plan(&shown, &current, kind, &Roles::default()).unwrap();
            planned.sort_by_key(|grant| grant.principal);
            let expected: Vec<_> = entries.into_iter().map(|e| new_grant(e.principal, e.deny, e.granted)).collect();
            prop_assert_eq!(planned, expected);
        }

        #[test]
        fn what_is_set_is_shown_by_the_privileges_that_were_named(
            names in proptest::sample::subsequence(
                vec!["all", "read", "write", "write-content", "write-properties", "bind", "unbind", "unlock", "read-acl", "write-acl"], 1..6),
            deny in any::<bool>(),
        ) {
            let one = sent(ANA, deny, &names.join(" "));
            if let Ok(grants) = on_folder(std::slice::from_ref(&one), vec![]) {
                let shown = acl::shown(grants[0].granted.permissions(), ItemKind::Folder);
                let implied = |name: &QName, within: &str| acl::supported("DAV:", within, ItemKind::Folder)
                    .is_some_and(|outer| outer.privilege.name == name.local() || within == "all"
                        || (within == "write" && matches!(name.local(), "write-content" | "write-properties" | "bind" | "unbind")));
                for name in &one.names {
                    prop_assert!(shown.iter().any(|privilege| implied(name, privilege.name)), "{:?} {:?}", one.names, shown);
                }
            }
        }
    }
}
