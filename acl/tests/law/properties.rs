//! What holds on every site: the law's promises on random chains of entries.

use commonhold_acl::*;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::site::{home_of, nobody};

fn permissions() -> impl Strategy<Value = Permissions> {
    any::<u32>().prop_map(Permissions::from_bits)
}

/// An entry; its path of groups makes it unlike any other of the chain.
fn entry() -> impl Strategy<Value = Entry> {
    let source = prop_oneof![
        Just(Source::Subscription),
        Just(Source::FolderGrant(Effect::Allow)),
        Just(Source::FolderGrant(Effect::Deny)),
        Just(Source::WholeUserGrant { of: Whose::User("olga".into()) }),
    ];
    let granted = prop_oneof![
        permissions().prop_map(Granted::Custom),
        (0..7usize).prop_map(|role| Granted::Role(roles()[role].clone())),
        (0..5usize).prop_map(|level| Granted::Level(Level::ALL[level])),
    ];
    let via = prop::collection::vec("[a-z]{8}", 1..4);
    (source, granted, via).prop_map(|(source, granted, via)| Entry { source, granted, via })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (prop::bool::weighted(0.8), prop::collection::vec(entry(), 0..4)).prop_map(|(inherits, entries)| Step {
        path: String::new(),
        inherits,
        entries,
    });
    prop::collection::vec(step, 1..5).prop_map(|mut steps| {
        let mut path = String::new();
        for (depth, step) in steps.iter_mut().enumerate() {
            path += &format!("/f{depth}");
            step.path.clone_from(&path);
        }
        steps
    })
}

fn limits() -> impl Strategy<Value = Vec<Limit>> {
    let limit = prop_oneof![
        prop::sample::select(&Policy::ALL[..]).prop_map(Limit::Policy),
        permissions().prop_map(|keeps| Limit::Link(Role::new("link", keeps))),
        Just(Limit::Reading),
    ];
    prop::collection::vec(limit, 0..3)
}

/// Facts of an open door; a member, without more than entries, in a share or in somebody else's home.
fn plain() -> impl Strategy<Value = Facts> {
    (steps(), any::<bool>()).prop_map(|(chain, at_olgas)| {
        let share = if at_olgas { home_of(8, "olga") } else { nobody("ben").share };
        Facts { chain, share, ..nobody("ben") }
    })
}

/// Any facts at all.
fn facts() -> impl Strategy<Value = Facts> {
    let rank = prop_oneof![
        4 => Just(Rank::Member),
        1 => Just(Rank::DepartmentAdministrator),
        1 => Just(Rank::OrganizationAdministrator),
        1 => Just(Rank::SystemAdministrator),
    ];
    let flags = prop::array::uniform4(any::<bool>());
    let open = prop::array::uniform4(prop::bool::weighted(0.95));
    (plain(), rank, limits(), flags, open).prop_map(|(mut facts, rank, limits, flags, open)| {
        let [guest, lease, browse, on_the_way] = flags;
        facts.user.rank = rank;
        facts.user.kind = if guest { UserKind::Guest } else { UserKind::Full };
        [facts.user.enabled, facts.user.organization_active, facts.share.active, facts.channel_open] = open;
        Facts { limits, creation_lease: lease, admin_browse_files: browse, on_the_way, ..facts }
    })
}

fn held(facts: &Facts) -> Permissions {
    evaluate(facts.clone()).permissions()
}

fn includes(wide: Permissions, narrow: Permissions) -> bool {
    narrow.difference(wide).is_empty()
}

/// Puts the entry into a random place of the chain.
fn insert(facts: &Facts, entry: Entry, at: Index) -> Facts {
    let mut facts = facts.clone();
    let step = at.index(facts.chain.len());
    let entries = &mut facts.chain[step].entries;
    entries.insert(at.index(entries.len() + 1), entry);
    facts
}

proptest! {
    /// The law as a sum instead of a search: from the root down, allows are added and denies taken off.
    #[test]
    fn the_search_for_a_reason_agrees_with_the_walk_from_the_root(facts in plain()) {
        let walked = facts.chain.iter().fold(Permissions::NONE, |inherited, step| {
            let sum = |denies| {
                step.entries
                    .iter()
                    .filter(|entry| entry.denies() == denies)
                    .filter(|entry| match (&facts.share.kind, &entry.source) {
                        (_, Source::FolderGrant(_)) => true,
                        (ShareKind::Home { .. }, source) => *source != Source::Subscription,
                        (ShareKind::Team | ShareKind::Public, source) => *source == Source::Subscription,
                    })
                    .map(|entry| entry.granted.permissions())
                    .fold(Permissions::NONE, Permissions::union)
            };
            let start = if step.inherits { inherited } else { Permissions::NONE };
            start.union(sum(false)).difference(sum(true))
        });
        prop_assert_eq!(held(&facts), walked);
    }

    #[test]
    fn one_more_allow_never_takes_a_permission_away(
        facts in facts(), more in entry(), at in any::<Index>(),
    ) {
        let source = match more.source {
            Source::FolderGrant(Effect::Deny) => Source::FolderGrant(Effect::Allow),
            giving => giving,
        };
        let more = Entry { source, ..more };
        prop_assert!(includes(held(&insert(&facts, more, at)), held(&facts)));
    }

    #[test]
    fn one_more_deny_never_gives_a_permission(
        facts in facts(), more in entry(), at in any::<Index>(),
    ) {
        let more = Entry { source: Source::FolderGrant(Effect::Deny), ..more };
        prop_assert!(includes(held(&facts), held(&insert(&facts, more, at))));
    }

    #[test]
    fn a_deny_on_the_item_itself_wins_over_every_entry(facts in plain(), denied in permissions()) {
        let mut facts = facts;
        let granted = Granted::Custom(denied);
        let entry = Entry { source: Source::FolderGrant(Effect::Deny), granted, via: vec![] };
        facts.chain.last_mut().unwrap().entries.push(entry);
        prop_assert!(held(&facts).intersection(denied).is_empty());
    }

    #[test]
    fn without_the_entry_it_names_a_reason_is_another(facts in facts()) {
        let effective = evaluate(facts.clone());
        for permission in Permission::ALL {
            let (Reason::Granted(place) | Reason::Denied(place)) = effective.reason(permission) else {
                continue;
            };
            let mut without = facts.clone();
            without.chain[place.step].entries.remove(place.entry);
            let (before, after) = (
                effective.explain(permission, "/x"),
                evaluate(without).explain(permission, "/x"),
            );
            prop_assert!(before.sentence != after.sentence, "{}", before.sentence);
        }
    }

    #[test]
    fn without_the_cut_or_the_limit_it_names_a_reason_is_another(facts in facts()) {
        let effective = evaluate(facts.clone());
        for permission in Permission::ALL {
            let mut without = facts.clone();
            match effective.reason(permission) {
                Reason::Cut { step } => {
                    without.chain[step].inherits = true;
                    prop_assert!(held(&without).contains(permission) || !facts.limits.is_empty());
                }
                Reason::Limited { limit } => {
                    without.limits.remove(limit);
                    let after = evaluate(without).reason(permission);
                    let next_limit = matches!(after, Reason::Limited { .. });
                    prop_assert!(after.holds() || next_limit);
                }
                _ => {}
            }
        }
    }

    #[test]
    fn what_a_caller_may_do_to_an_item_the_caller_sees(facts in facts()) {
        let effective = evaluate(facts);
        for kind in [ItemKind::File, ItemKind::Folder] {
            let item = Item { id: ItemId(5), kind };
            for permission in Permission::ALL {
                let speaks = permission.applies_to().covers(kind);
                if speaks && effective.allows(permission) {
                    prop_assert!(effective.sees(kind));
                }
                let decided = decide(&effective, permission, item);
                let kind = decided.map(drop).map_err(|denial| denial.kind);
                let expected = match (effective.sees(item.kind), effective.allows(permission)) {
                    (false, _) => Err(DenialKind::Invisible),
                    (true, false) => Err(DenialKind::Forbidden),
                    (true, true) => Ok(()),
                };
                prop_assert_eq!(kind, expected);
            }
        }
    }

    #[test]
    fn no_limit_ever_widens(facts in facts(), keeps in permissions()) {
        let mut limited = facts.clone();
        limited.limits.push(Limit::Link(Role::new("link", keeps)));
        prop_assert_eq!(held(&limited), held(&facts).intersection(keeps));
    }

    #[test]
    fn an_explanation_says_what_the_decision_does(facts in facts()) {
        let effective = evaluate(facts);
        for permission in Permission::ALL {
            let explanation = effective.explain(permission, "/f0/x");
            prop_assert_eq!(explanation.allowed, effective.allows(permission));
            prop_assert_eq!(!explanation.allowed, explanation.sentence.contains(" may not "));
            prop_assert!(explanation.sentence.starts_with("`ben` may "));
            prop_assert!(explanation.sentence.ends_with('.'));
        }
    }

    #[test]
    fn a_set_survives_its_bits_and_its_names(set in permissions()) {
        prop_assert_eq!(Permissions::from_bits(set.bits()), set);
        prop_assert_eq!(set.to_string().parse(), Ok(set));
        prop_assert_eq!(set.iter().collect::<Permissions>(), set);
    }

    #[test]
    fn sets_follow_the_laws_of_sets(a in permissions(), b in permissions()) {
        for permission in Permission::ALL {
            let (in_a, in_b) = (a.contains(permission), b.contains(permission));
            prop_assert_eq!(a.union(b).contains(permission), in_a || in_b);
            prop_assert_eq!(a.intersection(b).contains(permission), in_a && in_b);
            prop_assert_eq!(a.difference(b).contains(permission), in_a && !in_b);
            prop_assert!(a.with(permission).contains(permission));
            prop_assert!(!a.without(permission).contains(permission));
        }
    }

    #[test]
    fn reading_a_set_never_panics(text in ".*") {
        let _ = text.parse::<Permissions>();
    }
}
