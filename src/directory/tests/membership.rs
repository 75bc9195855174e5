//! Who is in which group, in organizations made up at random: by the statement, and by a model that knows no SQL.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::site::{NOW, TestSite};
use crate::directory::department::{self, Department};
use crate::directory::group::{self, Group};
use crate::directory::user::{self, NewUser, User};
use crate::directory::{Administrator, DirectoryName, Principal, Reach};
use crate::ids::UserId;

/// An organization: departments by the place of what they are part of, who is where, which groups there are.
#[derive(Debug, Clone)]
struct Plan {
    /// Of each department one before it that it is part of, if any.
    departments: Vec<Option<usize>>,
    guests: Vec<bool>,
    /// User and department.
    staff: Vec<(usize, usize)>,
    /// Of each group its department, if any.
    groups: Vec<Option<usize>>,
    /// Group and user.
    members: Vec<(usize, usize)>,
    /// Group, and a group before it or a department whose All Users is in it.
    inner: Vec<(usize, usize, bool)>,
    /// User, and a department that he administers, or the organization.
    administrators: Vec<(usize, Option<usize>)>,
}

const USERS: usize = 4;
const DEPARTMENTS: usize = 5;
const GROUPS: usize = 4;

fn plan() -> impl Strategy<Value = Plan> {
    let departments: Vec<_> = (0..DEPARTMENTS)
        .map(|at| prop::option::of(0..at.max(1)).prop_map(move |part| part.filter(|_| at > 0)))
        .collect();
    let inner = prop::collection::vec((1..GROUPS, 0..DEPARTMENTS, any::<bool>()), 0..5);
    (
        departments,
        prop::collection::vec(prop::bool::weighted(0.2), USERS),
        prop::collection::vec((0..USERS, 0..DEPARTMENTS), 0..6),
        prop::collection::vec(prop::option::of(0..DEPARTMENTS), GROUPS),
        prop::collection::vec((0..GROUPS, 0..USERS), 0..6),
        inner,
        prop::collection::vec((0..USERS, prop::option::weighted(0.8, 0..DEPARTMENTS)), 0..3),
    )
        .prop_map(|(departments, guests, staff, groups, members, inner, administrators)| Plan {
            departments,
            guests,
            staff,
            groups,
            members,
            inner: inner
                .into_iter()
                .map(|(of, what, is_group)| (of, if is_group { what % of } else { what }, is_group))
                .collect(),
            administrators,
        })
}

/// What was made of a plan.
struct Made {
    departments: Vec<Department>,
    users: Vec<User>,
    groups: Vec<Group>,
}

impl Plan {
    /// The departments that a user is in, with those above.
    fn departments_of(&self, user: usize) -> BTreeSet<usize> {
        let direct = self.staff.iter().filter(|(of, _)| *of == user && !self.guests[user]).map(|(_, at)| *at);
        direct.flat_map(|at| self.up(at)).collect()
    }

    /// A department and those that it is part of.
    fn up(&self, department: usize) -> Vec<usize> {
        std::iter::successors(Some(department), |at| self.departments[*at]).collect()
    }

    /// The names of the groups that a user is in, by following everything as often as it takes.
    fn names_of(&self, user: usize, made: &Made) -> BTreeSet<String> {
        let departments = self.departments_of(user);
        let mut names = BTreeSet::new();
        if !self.guests[user] {
            names.insert("All Users".to_owned());
        }
        names.extend(departments.iter().map(|at| format!("{}/All Users", made.departments[*at].path)));
        let administered = self.administrators.iter().filter(|(of, _)| *of == user && !self.guests[user]);
        names.extend(administered.map(|(_, at)| match at {
            Some(at) => format!("{}/Administrators", made.departments[*at].path),
            None => "Administrators".to_owned(),
        }));
        let mut inside: BTreeSet<usize> =
            self.members.iter().filter(|(_, of)| *of == user).map(|(at, _)| *at).collect();
        loop {
            let before = inside.len();
            for (outer, what, is_group) in &self.inner {
                if if *is_group { inside.contains(what) } else { departments.contains(what) } {
                    inside.insert(*outer);
                }
            }
            if inside.len() == before {
                break;
            }
        }
        names.extend(inside.into_iter().map(|at| made.groups[at].name.clone()));
        names
    }

    async fn make(&self, site: &TestSite) -> Made {
        let (by, mut tx) = (Administrator::of_the_site(), site.write().await);
        let mut made = Made { departments: Vec::new(), users: Vec::new(), groups: Vec::new() };
        for (at, part_of) in self.departments.iter().enumerate() {
            let path = match part_of {
                Some(whole) => format!("{}/D{at}", made.departments[*whole].path),
                None => format!("D{at}"),
            };
            made.departments.push(department::create(&mut tx, &by, site.org, &path, NOW).await.unwrap());
        }
        for (at, guest) in self.guests.iter().enumerate() {
            let name = DirectoryName::of_user(&format!("u{at}")).unwrap();
            let new = NewUser { guest: *guest, ..NewUser::named(site.org, &name) };
            let id = user::create(&mut tx, &by, &new, NOW).await.unwrap();
            made.users.push(user::by_id(&mut tx, id).await.unwrap().unwrap());
        }
        for (user, at) in self.staff.iter().filter(|(user, _)| !self.guests[*user]) {
            department::add_member(&mut tx, &by, &made.departments[*at], &made.users[*user]).await.unwrap();
        }
        for (at, department) in self.groups.iter().enumerate() {
            let department = department.map(|at| &made.departments[at]);
            let name = DirectoryName::of_group(&format!("G{at}")).unwrap();
            let id = group::create(&mut tx, &by, site.org, department, &name, NOW).await.unwrap();
            made.groups.push(group::by_id(&mut tx, id).await.unwrap().unwrap());
        }
        for (group, user) in &self.members {
            let member = Principal::User(made.users[*user].id);
            group::add_member(&mut tx, &by, &made.groups[*group], member).await.unwrap();
        }
        for (outer, what, is_group) in &self.inner {
            let inner = match is_group {
                true => made.groups[*what].id,
                false => {
                    let name = format!("{}/All Users", made.departments[*what].path);
                    group::named(&mut tx, site.org, &name).await.unwrap().id
                }
            };
            group::add_member(&mut tx, &by, &made.groups[*outer], Principal::Group(inner)).await.unwrap();
        }
        for (user, at) in self.administrators.iter().filter(|(user, _)| !self.guests[*user]) {
            let place = at.map(|at| format!("{}/", made.departments[at].path)).unwrap_or_default();
            let of = group::named(&mut tx, site.org, &format!("{place}Administrators")).await.unwrap();
            group::add_member(&mut tx, &by, &of, Principal::User(made.users[*user].id)).await.unwrap();
        }
        tx.commit().await.unwrap();
        made
    }

    async fn holds(&self) {
        let site = TestSite::new().await;
        let made = self.make(&site).await;
        let mut tx = site.read().await;
        let mut inside: BTreeMap<String, BTreeSet<UserId>> = BTreeMap::new();
        for (at, user) in made.users.iter().enumerate() {
            let found = group::groups_of(&mut tx, user.id).await.unwrap();
            let names: BTreeSet<String> = found.iter().filter_map(|found| found.path.last().cloned()).collect();
            assert_eq!(names, self.names_of(at, &made), "{}", user.name);
            assert_eq!(names.len(), found.len(), "each once");
            // What is on a way is a membership of its own.
            assert!(found.iter().all(|found| found.path.iter().all(|step| names.contains(step))));
            for name in names {
                inside.entry(name).or_default().insert(user.id);
            }
            // Whoever administers a department administers what is below it, and nothing else.
            let reach = Reach::of(&mut tx, user).await.unwrap();
            let named = |of: Option<usize>| !self.guests[at] && self.administrators.contains(&(at, of));
            for (below, department) in made.departments.iter().enumerate() {
                let expected = self.up(below).into_iter().any(|at| named(Some(at)));
                assert_eq!(reach.departments().any(|id| id == department.id), expected);
            }
            assert_eq!(reach.organizations().any(|org| org == site.org), named(None));
        }
        // The other way round, from the groups to the users, tells the same.
        for group in group::list(&mut tx, site.org).await.unwrap() {
            let users = crate::directory::roster::users_in(&mut tx, &[group.id]).await.unwrap();
            let users: BTreeSet<UserId> = users.into_iter().map(|(_, user)| user).collect();
            assert_eq!(users, inside.remove(&group.name).unwrap_or_default(), "{}", group.name);
        }
    }
}

#[test]
fn groups_of_a_user_and_users_of_a_group_are_those_of_the_model() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let config = Config { cases: 48, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&plan(), |plan| {
        runtime.block_on(plan.holds());
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
