//! Everybody at once against one by one: both gather facts, and both must tell the same.

use std::collections::HashMap;

use commonhold_acl::{Channel, Effect, Granted, Level, Permission, Permissions};

use super::{effective, people_at};
use crate::clock::Moment;
use crate::directory::policy::{self, Policy, Said};
use crate::directory::tests::site::{NOW, TestSite};
use crate::directory::{DirectoryName, Principal, group, organization, user};
use crate::grants::{self, Authority, NewGrant};
use crate::ids::UserId;
use crate::path::Name;
use crate::shares::{self, NewShare, RuleChange, Share, home};
use crate::tree::change::{Change, Fresh};
use crate::tree::{self, Located};

/// A generator that gives the same numbers for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n
    }
}

const PATHS: [&[&str]; 4] = [&[], &["a"], &["a", "b"], &["a", "b", "c"]];

async fn at(site: &TestSite, share: &Share, path: &[&str]) -> Located {
    let names: Vec<Name> = path.iter().map(|name| Name::parse(name).unwrap()).collect();
    tree::locate(&mut site.read().await, share.root, &names).await.unwrap()
}

#[tokio::test]
async fn everybody_at_once_is_told_the_same_as_one_by_one() {
    let mut checked = 0;
    for seed in 0..12 {
        let dice = &mut Dice(seed);
        let site = TestSite::new().await;
        let people: Vec<UserId> = {
            let mut people = Vec::new();
            for n in 0..7 {
                let name = format!("user{n}");
                let made = site.add_with(&name, |new| {
                    new.guest = n == 5;
                    new.admin = n == 6;
                });
                people.push(made.await.id);
            }
            people
        };
        let mut tx = site.write().await;
        for n in 0..3 {
            let name = DirectoryName::of_group(&format!("group{n}")).unwrap();
            group::create(&mut tx, &site.by, site.org, None, &name, NOW).await.unwrap();
        }
        let groups = group::list(&mut tx, site.org).await.unwrap();
        for group in groups.iter().filter(|group| group.name != "All Users") {
            for person in &people {
                if dice.below(3) == 0 {
                    group::add_member(&mut tx, &site.by, group, Principal::User(*person)).await.unwrap();
                }
            }
        }
        let new = NewShare {
            org: site.org,
            name: &Name::parse("Plans").unwrap(),
            description: "",
            quota_bytes: None,
            department: None,
            public: false,
        };
        let team = shares::create(&mut tx, &site.by, &new, NOW).await.unwrap();
        tx.commit().await.unwrap();
        let mut shares = vec![shares::by_id(&mut site.read().await, team).await.unwrap().unwrap()];
        shares.push(home::of(&mut site.read().await, people[0]).await.unwrap().unwrap());
        for share in &shares {
            furnish(&site, share, people[6]).await;
        }

        let anybody = |dice: &mut Dice| match dice.below(2) {
            0 => Principal::User(people[dice.below(people.len())]),
            _ => Principal::Group(groups[dice.below(groups.len())].id),
        };
        let mut tx = site.write().await;
        for _ in 0..4 {
            let role = ["co-owner", "editor", "viewer", "uploader"][dice.below(4)];
            // Guests and some others can't subscribe; then there is one less.
            let _ = shares::subscribe(&mut tx, &site.by, &shares[0], anybody(dice), role, NOW).await;
        }
        for _ in 0..3 {
            let level = Level::ALL[1 + dice.below(4)];
            let (target, subject) = (anybody(dice), anybody(dice));
            grants::set_whole(&mut tx, &site.by, target, subject, level, NOW).await.unwrap();
        }
        if dice.below(2) == 0 {
            let org = organization::by_id(&mut tx, site.org).await.unwrap().unwrap();
            policy::set(&mut tx, &site.by, &org, &Said::Switch(Policy::AdminBrowseFiles, true)).await.unwrap();
        }
        let change = RuleChange { webdav: Some(Some(false)), ..RuleChange::default() };
        shares::set_channels(&mut tx, &site.by, &shares[0], anybody(dice), &change).await.unwrap();
        tx.commit().await.unwrap();
        for share in &shares {
            for path in PATHS {
                let node = at(&site, share, path).await.node().unwrap().clone();
                let mut tx = site.write().await;
                for _ in 0..dice.below(3) {
                    let permissions: Permissions = Permission::ALL.into_iter().filter(|_| dice.below(3) == 0).collect();
                    let effect = if dice.below(3) == 0 { Effect::Deny } else { Effect::Allow };
                    let new = NewGrant { principal: anybody(dice), effect, granted: Granted::Custom(permissions) };
                    let by = Authority::Administrator(&site.by);
                    if !permissions.is_empty() {
                        grants::set(&mut tx, by, node.id, &new, NOW).await.unwrap();
                    }
                }
                if dice.below(4) == 0 && !path.is_empty() {
                    let by = Authority::Administrator(&site.by);
                    grants::set_inherits(&mut tx, by, &node, false).await.unwrap();
                }
                tx.commit().await.unwrap();
            }
        }

        for share in &shares {
            for path in PATHS {
                let located = at(&site, share, path).await;
                let mut tx = site.read().await;
                let crowd = people_at(&mut tx, share, located.chain(), "/x").await.unwrap();
                let crowd: HashMap<UserId, _> = crowd.into_iter().map(|person| (person.user.id, person)).collect();
                for person in &people {
                    let account = user::by_id(&mut tx, *person).await.unwrap().unwrap();
                    for channel in [Channel::Web, Channel::WebDav] {
                        let alone = effective(&mut tx, &account, channel, share, located.chain()).await.unwrap();
                        let among = crowd.get(person).filter(|found| found.doors.contains(&channel));
                        let among = among.map_or(Permissions::NONE, |found| found.effective.permissions());
                        assert_eq!(
                            among,
                            alone.permissions(),
                            "seed {seed}: {} at {path:?} of {} over {channel:?}",
                            account.name,
                            share.name
                        );
                        // What a request would be decided by.
                        let caller = super::Caller::new(std::sync::Arc::new(account.clone()), channel);
                        let access = super::Guard::default().access(&site.db, &caller).await.unwrap();
                        let asked = access.by_id(share.id).map(|reached| reached.at(located.chain()).permissions());
                        assert_eq!(asked.unwrap_or_default(), alone.permissions(), "seed {seed}: {}", account.name);
                        checked += 1;
                    }
                }
            }
        }
    }
    assert_eq!(checked, 12 * 2 * 4 * 7 * 2);
}

/// Makes the collections a and a/b and the file a/b/c.
async fn furnish(site: &TestSite, share: &Share, by: UserId) {
    let account = user::by_id(&mut site.read().await, by).await.unwrap().unwrap();
    let owner = share.owner.unwrap_or(account.id);
    let account = user::by_id(&mut site.read().await, owner).await.unwrap().unwrap();
    for path in &PATHS[1..] {
        let located = at(site, share, path).await;
        let mut tx = site.write().await;
        let caller = super::Caller::new(std::sync::Arc::new(account.clone()), Channel::WebDav);
        let access = super::Guard::default().access_in(&mut tx, &caller).await.unwrap();
        let reached = access.by_id(share.id).unwrap();
        let parent = super::item(located.parent().unwrap());
        let scene =
            commonhold_acl::Scene::new().with(commonhold_acl::Object::Parent, reached.at(located.ancestors()), parent);
        let permit = super::permit(commonhold_acl::Operation::PutNew, &scene).unwrap();
        let name = Name::parse(path[path.len() - 1]).unwrap();
        let mut change = Change::begin(&mut tx, &located, owner, Moment(NOW.0));
        if path.len() < 3 {
            change.create_collection(&permit, located.ancestors(), &name).await.unwrap();
        } else {
            let empty = Fresh::small(Default::default());
            change.create_file(&permit, located.ancestors(), &name, &empty, None).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
}
