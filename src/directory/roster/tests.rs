//! The rosters of groups against the groups of users, on nested groups made at random.

use super::*;
use crate::directory::tests::site::{NOW, TestSite};
use crate::directory::{DirectoryName, Principal, group, groups_of};

#[tokio::test]
async fn a_roster_tells_the_same_as_the_groups_of_each_user() {
    let site = TestSite::new().await;
    let mut users = Vec::new();
    for n in 0..12 {
        users.push(site.add_with(&format!("user{n}"), |new| new.guest = n % 5 == 4).await.id);
    }
    let mut tx = site.write().await;
    let mut groups = Vec::new();
    for n in 0..8 {
        let name = DirectoryName::of_group(&format!("group{n}")).unwrap();
        group::create(&mut tx, &site.by, site.org, None, &name, NOW).await.unwrap();
        groups.push(group::named(&mut tx, site.org, &format!("group{n}")).await.unwrap());
    }
    // A fixed walk through the pairs stands for chance: diamonds, chains and empty groups are among them.
    for n in 0..40u64 {
        let (outer, inner) = ((n * 7 % 8) as usize, (n * 5 % 8) as usize);
        if outer < inner {
            let (outer, inner) = (&groups[outer], Principal::Group(groups[inner].id));
            group::add_member(&mut tx, &site.by, outer, inner).await.unwrap();
        }
        let user = users[(n * 11 % 12) as usize];
        let group = &groups[(n * 3 % 7) as usize];
        group::add_member(&mut tx, &site.by, group, Principal::User(user)).await.unwrap();
    }
    tx.commit().await.unwrap();

    let mut tx = site.read().await;
    let groups: Vec<_> = group::list(&mut tx, site.org).await.unwrap().into_iter().map(|group| group.id).collect();
    let ways = ways(&mut tx, &groups).await.unwrap();
    let members = users_in(&mut tx, &groups).await.unwrap();
    let mut checked = 0;
    for user in users {
        let known = groups_of(&mut tx, user).await.unwrap();
        for group in &groups {
            let known = known.iter().find(|membership| membership.group == *group).map(|found| found.path.len());
            assert_eq!(ways.of(*group, user).map(<[String]>::len), known, "{user:?} in {group:?}");
            assert_eq!(members.contains(&(*group, user)), known.is_some(), "{user:?} in {group:?}");
            checked += usize::from(known.is_some());
        }
    }
    assert!(checked > 40, "{checked}");
}
