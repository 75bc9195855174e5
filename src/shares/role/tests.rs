//! Roles of the site's own, on a real database.

use commonhold_acl::{Effect, Granted, Permission, Permissions, Role, roles};

use super::{ADDED_MAX, Roles, Uses};
use crate::directory::tests::site::{NOW, TestSite};
use crate::directory::{DirectoryError, Principal, groups_of};
use crate::grants::{self, Authority, NewGrant};
use crate::path::Name;
use crate::shares::{self, NewShare, Share, ShareError, role};

fn set(names: &str) -> Permissions {
    names.parse().unwrap()
}

async fn add(site: &TestSite, name: &str, permissions: &str) -> Result<(), ShareError> {
    let mut tx = site.write().await;
    role::add(&mut tx, &site.by, &Role::new(name.to_owned(), set(permissions)), "", NOW).await?;
    tx.commit().await?;
    Ok(())
}

async fn change(site: &TestSite, name: &str, permissions: &str) -> Result<(), ShareError> {
    let mut tx = site.write().await;
    role::set(&mut tx, &site.by, name, Some(set(permissions)), None).await?;
    tx.commit().await?;
    Ok(())
}

async fn remove(site: &TestSite, name: &str) -> Result<(), ShareError> {
    let mut tx = site.write().await;
    role::remove(&mut tx, &site.by, name).await?;
    tx.commit().await?;
    Ok(())
}

async fn share(site: &TestSite) -> Share {
    let name = Name::parse("Projects").unwrap();
    let mut tx = site.write().await;
    let new = NewShare::team(site.org, &name);
    let id = shares::create(&mut tx, &site.by, &new, NOW).await.unwrap();
    tx.commit().await.unwrap();
    shares::by_id(&mut site.read().await, id).await.unwrap().unwrap()
}

async fn subscribe(site: &TestSite, share: &Share, who: Principal, role: &str) -> Result<(), ShareError> {
    let mut tx = site.write().await;
    shares::subscribe(&mut tx, &site.by, share, who, role, NOW).await?;
    tx.commit().await?;
    Ok(())
}

#[tokio::test]
async fn an_added_role_stands_behind_the_built_in_ones_and_allows_what_it_was_given() {
    let site = TestSite::new().await;
    add(&site, "reviewer", "list read view").await.unwrap();
    add(&site, "archivist", "list trim").await.unwrap();
    let known: Vec<_> = Roles::load(&mut site.read().await).await.unwrap().iter().collect();
    let names: Vec<_> = known.iter().map(|known| known.role.name.as_ref()).collect();
    let built_in: Vec<_> = roles().iter().map(|role| role.name.as_ref()).collect();
    assert_eq!(names[..7], built_in);
    assert_eq!(names[7..], ["archivist", "reviewer"]);
    assert!(known[..7].iter().all(|known| known.added.is_none() && !known.description.is_empty()));
    assert_eq!(known[8].added, Some(NOW));
    let found = role::named(&mut site.read().await, "reviewer").await.unwrap();
    assert_eq!(found, Role::new("reviewer", set("list read view")));
}

#[tokio::test]
async fn a_subscription_by_an_added_role_follows_the_role() {
    let site = TestSite::new().await;
    let share = share(&site).await;
    let ana = site.add("ana").await;
    let who = Principal::User(ana.id);
    assert!(matches!(subscribe(&site, &share, who, "reviewer").await, Err(ShareError::NoSuchRole { .. })));
    add(&site, "reviewer", "list read").await.unwrap();
    subscribe(&site, &share, who, "reviewer").await.unwrap();
    let held = async || {
        let mut tx = site.read().await;
        let groups = groups_of(&mut tx, ana.id).await.unwrap();
        shares::reaching(&mut tx, &ana, &groups, &[]).await.unwrap()[0].subscriptions[0].role.clone()
    };
    assert_eq!(held().await, Role::new("reviewer", set("list read")));
    change(&site, "reviewer", "list").await.unwrap();
    assert_eq!(held().await, Role::new("reviewer", set("list")));
}

#[tokio::test]
async fn the_built_in_roles_stay_as_they_are() {
    let site = TestSite::new().await;
    for built_in in roles() {
        let name = built_in.name.as_ref();
        assert!(matches!(add(&site, name, "list").await, Err(ShareError::RoleTaken(_))), "{name}");
        assert!(matches!(change(&site, name, "list").await, Err(ShareError::BuiltInRole(_))), "{name}");
        assert!(matches!(remove(&site, name).await, Err(ShareError::BuiltInRole(_))), "{name}");
        assert_eq!(role::named(&mut site.read().await, name).await.unwrap(), *built_in);
    }
}

#[tokio::test]
async fn a_role_in_use_is_not_removed() {
    let site = TestSite::new().await;
    let share = share(&site).await;
    let ana = Principal::User(site.add("ana").await.id);
    add(&site, "reviewer", "list read").await.unwrap();
    subscribe(&site, &share, ana, "reviewer").await.unwrap();
    let refused = remove(&site, "reviewer").await;
    assert!(
        matches!(refused, Err(ShareError::RoleInUse { uses: Uses { subscriptions: 1, grants: 0 }, .. })),
        "{refused:?}"
    );
    subscribe(&site, &share, ana, "viewer").await.unwrap();

    let mut tx = site.write().await;
    let by = Authority::Administrator(&site.by);
    let role = role::named(&mut tx, "reviewer").await.unwrap();
    let new = NewGrant { principal: ana, effect: Effect::Deny, granted: Granted::Role(role) };
    grants::set(&mut tx, by, share.root, &new, NOW).await.unwrap();
    tx.commit().await.unwrap();
    let refused = remove(&site, "reviewer").await;
    assert!(matches!(refused, Err(ShareError::RoleInUse { uses: Uses { subscriptions: 0, grants: 1 }, .. })));
    let mut tx = site.write().await;
    grants::remove(&mut tx, Authority::Administrator(&site.by), share.root, ana).await.unwrap();
    tx.commit().await.unwrap();
    remove(&site, "reviewer").await.unwrap();
    assert!(matches!(remove(&site, "reviewer").await, Err(ShareError::NoSuchRole { .. })));
    assert!(matches!(change(&site, "reviewer", "list").await, Err(ShareError::NoSuchRole { .. })));
}

#[tokio::test]
async fn a_role_that_the_last_co_owner_has_keeps_the_right_to_manage() {
    let site = TestSite::new().await;
    let share = share(&site).await;
    let [ana, ben] = [site.add("ana").await, site.add("ben").await].map(|user| Principal::User(user.id));
    add(&site, "keeper", "owner list read").await.unwrap();
    subscribe(&site, &share, ana, "keeper").await.unwrap();
    let refused = change(&site, "keeper", "list read").await;
    assert!(matches!(refused, Err(ShareError::LastCoOwner(name)) if name == "Projects"));
    assert!(role::named(&mut site.read().await, "keeper").await.unwrap().permissions.contains(Permission::Owner));
    change(&site, "keeper", "owner list").await.unwrap();
    subscribe(&site, &share, ben, "co-owner").await.unwrap();
    change(&site, "keeper", "list").await.unwrap();
}

#[tokio::test]
async fn a_role_has_a_plain_name_and_allows_something() {
    let site = TestSite::new().await;
    for name in ["", "Reviewer", "re viewer", "-x", "x-", "9x", "rôle", "a/b", &"x".repeat(41)] {
        assert!(matches!(add(&site, name, "list").await, Err(ShareError::BadRoleName(_))), "{name}");
    }
    assert!(matches!(add(&site, "nothing", "").await, Err(ShareError::EmptyRole)));
    add(&site, &"x".repeat(40), "list").await.unwrap();
    assert!(matches!(add(&site, &"x".repeat(40), "list").await, Err(ShareError::RoleTaken(_))));
    assert!(matches!(change(&site, &"x".repeat(40), "").await, Err(ShareError::EmptyRole)));
    let mut tx = site.write().await;
    let told = role::add(&mut tx, &site.by, &Role::new("told", set("list")), "two\nlines", NOW).await;
    assert!(matches!(told, Err(ShareError::Directory(DirectoryError::BadName { noun: "description", .. }))));
}

#[tokio::test]
async fn a_site_has_so_many_roles_of_its_own_and_no_more() {
    let site = TestSite::new().await;
    let mut tx = site.write().await;
    for n in 0..ADDED_MAX {
        role::add(&mut tx, &site.by, &Role::new(format!("role-{n}"), set("list")), "", NOW).await.unwrap();
    }
    let more = role::add(&mut tx, &site.by, &Role::new("more", set("list")), "", NOW).await;
    assert!(matches!(more, Err(ShareError::TooManyRoles)));
}
