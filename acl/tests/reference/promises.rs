//! The law's promises on random sites, each held against the crate and the reference.

use std::cell::Cell;

use commonhold_acl::{Closed, Effective, Limit, Permission, Reason};
use proptest::prelude::*;

use crate::gather::{Circumstances, Origin};
use crate::organizations::{build, raw, runner};
use crate::reference;
use crate::world::{Ask, Bits, Entry, Given, Kind, Subject, Whole, World};

/// Sites a run makes unless `COMMONHOLD_LAW_WORLDS` says otherwise.
const WORLDS: u32 = 2_000;

fn evaluate(world: &World, ask: &Ask, node: usize) -> Effective {
    commonhold_acl::evaluate(Circumstances::of(world, ask).facts(world, ask, node))
}

/// What the caller holds on every node; both say the same.
fn held(world: &World, ask: &Ask) -> Vec<Bits> {
    let circumstances = Circumstances::of(world, ask);
    let held = (0..world.nodes.len()).map(|node| {
        let held = circumstances.held(world, ask, node);
        assert_eq!(held, reference::held(world, ask, node), "{node} of {world:#?} for {ask:?}");
        held
    });
    held.collect()
}

#[test]
fn one_more_allow_takes_nothing_away_from_anybody() {
    let more = (any::<u8>(), any::<bool>(), any::<u16>(), any::<u16>(), any::<u8>());
    let compared = Cell::new(0);
    let run = runner(WORLDS).run(&(raw(40, 40), more), |(raw, (kind, is_group, who, node, given))| {
        let (world, asks) = build(&raw);
        let mut wider = world.clone();
        let subject = match is_group {
            true => Subject::Group(usize::from(who) % world.groups.len()),
            false => Subject::User(usize::from(who) % world.users.len()),
        };
        let (node, share) = (usize::from(node) % world.nodes.len(), usize::from(node) % world.shares.len());
        match kind % 3 {
            0 => {
                let entry = Entry { subject, deny: false, given: Given::Role(usize::from(given) % 7) };
                wider.nodes[node].entries.push(entry);
            }
            1 => wider.shares[share].subscriptions.push((subject, usize::from(given) % 7)),
            _ => {
                let target = Subject::User(usize::from(given) % world.users.len());
                wider.wholes.push(Whole { target, subject, level: 1 + usize::from(given) % 4 });
            }
        }
        // Also for whom it was meant.
        let meant = match subject {
            Subject::User(user) => Ask::of(user),
            Subject::Group(_) => Ask::of(0),
        };
        for ask in asks.iter().chain([&meant]) {
            for (before, after) in held(&world, ask).into_iter().zip(held(&wider, ask)) {
                prop_assert_eq!(before & !after, 0, "{:?}", ask);
                compared.set(compared.get() + 1);
            }
        }
        Ok(())
    });
    run.expect("an allow only adds");
    println!("{} permission sets compared", compared.get());
}

#[test]
fn a_deny_on_the_item_always_wins_at_that_folder() {
    let compared = Cell::new(0);
    let run = runner(WORLDS).run(&(raw(40, 40), any::<u16>(), any::<u16>()), |(raw, denied, node)| {
        let (world, asks) = build(&raw);
        let node = usize::from(node) % world.nodes.len();
        for ask in &asks {
            // A lease rests on another permission.
            let ask = &Ask { lease: None, ..*ask };
            let mut denying = world.clone();
            let given = Given::Set(denied.into());
            denying.nodes[node].entries.push(Entry { subject: Subject::User(ask.user), deny: true, given });
            let effective = evaluate(&denying, ask, node);
            for permission in Permission::ALL {
                let reason = effective.reason(permission);
                if denied >> permission as u32 & 1 == 1 {
                    // What comes by ownership or rank is no entry.
                    let by_an_entry = matches!(reason, Reason::Granted(_));
                    prop_assert!(!by_an_entry, "{:?} {:?}", permission, reason);
                } else {
                    prop_assert_eq!(effective.allows(permission), evaluate(&world, ask, node).allows(permission));
                }
                compared.set(compared.get() + 1);
            }
        }
        Ok(())
    });
    run.expect("a deny wins where it stands");
    println!("{} permissions compared", compared.get());
}

/// Takes the reason out of the site or the asking. False: there is nothing to take.
fn remove(world: &mut World, ask: &mut Ask, node: usize, effective: &Effective, reason: Reason) -> bool {
    let share = world.nodes[node].share;
    match reason {
        Reason::Granted(place) | Reason::Denied(place) => {
            match Circumstances::of(world, ask).origin(world, ask, node, place) {
                Origin::Entry { node, at } => drop(world.nodes[node].entries.remove(at)),
                Origin::Subscription { share, at } => drop(world.shares[share].subscriptions.remove(at)),
                Origin::Whole { at } => drop(world.wholes.remove(at)),
            }
        }
        Reason::HomeOwner => {
            // Somebody who is no caller and nobody's target.
            let user = world.users[ask.user].clone();
            world.users.push(user);
            world.shares[share].kind = Kind::Home(world.users.len() - 1);
        }
        Reason::SystemAdministrator => world.users[ask.user].system_administrator = false,
        Reason::AdminBrowsesFiles => {
            world.organizations.iter_mut().for_each(|organization| organization.browse = false)
        }
        Reason::CreationLease => ask.lease = None,
        Reason::Closed(Closed::Account) => world.users[ask.user].enabled = true,
        Reason::Closed(Closed::Organization) => {
            world.organizations.iter_mut().for_each(|organization| organization.active = true);
        }
        Reason::Closed(Closed::Share) => {
            world.shares[share].active = true;
            world.organizations.iter_mut().for_each(|organization| organization.active = true);
        }
        Reason::Closed(Closed::Channel) => world.closed.retain(|closed| *closed != (ask.user, share, ask.channel)),
        Reason::Cut { step } => {
            let node = Circumstances::node_at(world, node, step);
            world.nodes[node].inherits = true;
        }
        Reason::Limited { limit } => match &effective.facts().limits[limit] {
            Limit::Policy(policy) => {
                let off = policy.name();
                world.organizations.iter_mut().for_each(|organization| organization.off.retain(|name| *name != off));
            }
            // A link of the widest role takes nothing away.
            Limit::Link(_) => ask.link = Some(0),
            Limit::Reading => ask.reading = false,
        },
        Reason::Barred(_) => panic!("no permission has this reason"),
        Reason::NotGranted => return false,
    }
    true
}

#[test]
fn the_reason_of_an_explanation_removed_changes_the_answer() {
    let (explained, changed) = (Cell::new(0), Cell::new(0));
    let run = runner(WORLDS).run(&(raw(30, 24), any::<u16>()), |(raw, node)| {
        let (world, asks) = build(&raw);
        let node = usize::from(node) % world.nodes.len();
        for ask in asks {
            for permission in Permission::ALL {
                let (mut world, mut ask) = (world.clone(), ask);
                let bit = 1 << permission as u32;
                let first = evaluate(&world, &ask, node).reason(permission);
                explained.set(explained.get() + 1);
                // Of several reasons for one answer one is told, and then the next.
                let last = loop {
                    let effective = evaluate(&world, &ask, node);
                    let reason = effective.reason(permission);
                    let answer = reference::held(&world, &ask, node) & bit != 0;
                    prop_assert_eq!(reason.holds(), answer);
                    if answer != first.holds() || !remove(&mut world, &mut ask, node, &effective, reason) {
                        break reason;
                    }
                };
                let has_changed = last.holds() != first.holds();
                changed.set(changed.get() + u32::from(has_changed));
                // Only nothing is no thing to be removed; a closed door may have nothing behind it.
                let may_stay = matches!(first, Reason::NotGranted | Reason::Closed(_));
                prop_assert!(has_changed || may_stay, "{:?} of {} for {:?}", first, node, ask);
            }
        }
        Ok(())
    });
    run.expect("a reason is what the answer rests on");
    println!(
        "{} answers explained; {} changed with the reasons removed, the others had none",
        explained.get(),
        changed.get()
    );
}
