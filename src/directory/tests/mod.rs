//! Users, groups and app passwords on a real database.

mod membership;
pub(crate) mod site;
mod upgrade;

use site::{NOW, TestSite};

use super::app_password::{self, Credential};
use super::department;
use super::group::{self, Membership};
use super::user::{self, NewUser};
use super::{DirectoryError, DirectoryName, Principal};
use crate::db::Reads;
use crate::tree::check;

fn membership(of: &group::Group, path: &[&str]) -> Membership {
    Membership { group: of.id, path: path.iter().map(|name| (*name).to_owned()).collect() }
}

#[tokio::test]
async fn a_user_is_found_in_any_letter_case_and_keeps_the_name_as_given() {
    let site = TestSite::new().await;
    let made = site.add("Zoë").await;
    assert_eq!((made.name.as_str(), made.enabled, made.guest, made.admin), ("Zoë", true, false, false));
    let mut tx = site.read().await;
    for name in ["zoë", "ZOË", "zoe\u{308}"] {
        assert_eq!(user::find(&mut tx, name).await.unwrap(), Some(made.clone()), "{name}");
    }
    assert_eq!(user::by_id(&mut tx, made.id).await.unwrap(), Some(made));
    assert_eq!(user::find(&mut tx, "zoe").await.unwrap(), None);
    assert_eq!(user::find(&mut tx, "no/name").await.unwrap(), None);
    assert!(matches!(user::named(&mut tx, "zoe").await, Err(DirectoryError::NoSuchUser(name)) if name == "zoe"));
}

#[tokio::test]
async fn a_name_that_differs_only_in_case_is_taken() {
    let site = TestSite::new().await;
    site.add("ana").await;
    let name = DirectoryName::of_user("ANA").unwrap();
    let new = NewUser::named(site.org, &name);
    let mut tx = site.write().await;
    let refused = user::create(&mut tx, &site.by, &new, NOW).await.unwrap_err();
    assert!(matches!(refused, DirectoryError::NameTaken(name) if name == "ANA"));
    // A refusal leaves the transaction usable.
    let group = DirectoryName::of_group("ana").unwrap();
    group::create(&mut tx, &site.by, site.org, None, &group, NOW).await.unwrap();
    let refused = group::create(&mut tx, &site.by, site.org, None, &DirectoryName::of_group("Ana").unwrap(), NOW).await;
    assert!(matches!(refused, Err(DirectoryError::NameTaken(_))));
}

#[tokio::test]
async fn a_user_is_changed_in_what_was_given_only() {
    let site = TestSite::new().await;
    let ana = site.add_with("ana", |new| (new.display, new.email) = ("Ana", "ana@example.com")).await;
    let mut tx = site.write().await;
    user::set_profile(&mut tx, &site.by, &ana, Some("Ana María"), None).await.unwrap();
    user::set_enabled(&mut tx, &site.by, &ana, false).await.unwrap();
    user::set_password(&mut tx, &site.by, &ana, "a hash").await.unwrap();
    tx.commit().await.unwrap();
    let mut expected = ana.clone();
    expected.display = "Ana María".to_owned();
    expected.enabled = false;
    expected.generation = ana.generation + 1;
    let key = DirectoryName::of_user("ana").unwrap().key();
    let found = user::with_password_hash(&mut site.read().await, &key).await.unwrap();
    assert_eq!(found, Some((expected, Some("a hash".to_owned()))));
    let refused = user::set_profile(&mut site.write().await, &site.by, &ana, None, Some("two\nlines")).await;
    assert!(matches!(refused, Err(DirectoryError::BadName { noun: "address", .. })));
}

#[tokio::test]
async fn a_user_is_in_every_group_around_his_own_by_the_shortest_way() {
    let site = TestSite::new().await;
    let (ana, ben) = (site.add("ana").await, site.add("ben").await);
    let sales = site.add_group("Sales").await;
    let north = site.add_group("North").await;
    let europe = site.add_group("Europe").await;
    let everyone = site.add_group("Everyone").await;
    // ana -> North -> Sales -> Europe -> Everyone, and Sales -> Everyone; ben -> Everyone.
    site.join(&north, Principal::User(ana.id)).await.unwrap();
    site.join(&sales, Principal::Group(north.id)).await.unwrap();
    site.join(&europe, Principal::Group(sales.id)).await.unwrap();
    site.join(&everyone, Principal::Group(europe.id)).await.unwrap();
    site.join(&everyone, Principal::Group(sales.id)).await.unwrap();
    site.join(&everyone, Principal::User(ben.id)).await.unwrap();
    let mut tx = site.read().await;
    assert_eq!(
        site.custom_groups_of(ana.id).await,
        [
            membership(&north, &["North"]),
            membership(&sales, &["North", "Sales"]),
            membership(&europe, &["North", "Sales", "Europe"]),
            membership(&everyone, &["North", "Sales", "Everyone"]),
        ]
    );
    assert_eq!(site.custom_groups_of(ben.id).await, [membership(&everyone, &["Everyone"])]);
    let members = group::members(&mut tx, site.org).await.unwrap();
    let of_everyone: Vec<_> = members.iter().filter(|member| member.group == everyone.id).map(|m| &*m.name).collect();
    assert_eq!(of_everyone, ["ben", "Europe", "Sales"]);
}

#[tokio::test]
async fn a_group_can_not_contain_itself_however_far_around() {
    let site = TestSite::new().await;
    let [a, b, c] = [site.add_group("a").await, site.add_group("b").await, site.add_group("c").await];
    assert!(matches!(site.join(&a, Principal::Group(a.id)).await, Err(DirectoryError::Cycle)));
    site.join(&a, Principal::Group(b.id)).await.unwrap();
    site.join(&b, Principal::Group(c.id)).await.unwrap();
    assert!(matches!(site.join(&c, Principal::Group(a.id)).await, Err(DirectoryError::Cycle)));
    // A second way down is no circle.
    site.join(&a, Principal::Group(c.id)).await.unwrap();
}

#[tokio::test]
async fn groups_are_nested_to_the_limit_and_every_member_counts_all_of_them() {
    let site = TestSite::new().await;
    let ana = site.add("ana").await;
    let deepest = usize::try_from(group::NESTING_MAX).unwrap();
    let mut groups = Vec::new();
    for level in 0..=deepest {
        groups.push(site.add_group(&format!("g{level:02}")).await);
    }
    site.join(&groups[0], Principal::User(ana.id)).await.unwrap();
    for pair in groups[..deepest].windows(2) {
        site.join(&pair[1], Principal::Group(pair[0].id)).await.unwrap();
    }
    let memberships = site.custom_groups_of(ana.id).await;
    assert_eq!(memberships.len(), deepest);
    assert_eq!(memberships[deepest - 1].path.len(), deepest);
    // One more level is refused above and below.
    let one_more = groups[deepest].id;
    let above = site.join(&groups[deepest], Principal::Group(groups[deepest - 1].id)).await;
    let below = site.join(&groups[0], Principal::Group(one_more)).await;
    assert!(matches!(
        (above, below),
        (Err(DirectoryError::NestedTooDeep { .. }), Err(DirectoryError::NestedTooDeep { .. }))
    ));
}

#[tokio::test]
async fn a_member_leaves_once() {
    let site = TestSite::new().await;
    let ana = site.add("ana").await;
    let team = site.add_group("Team").await;
    site.join(&team, Principal::User(ana.id)).await.unwrap();
    site.join(&team, Principal::User(ana.id)).await.unwrap();
    let mut tx = site.write().await;
    group::remove_member(&mut tx, &site.by, &team, Principal::User(ana.id)).await.unwrap();
    assert_eq!(group::groups_of(&mut tx, ana.id).await.unwrap().len(), 1, "in All Users alone");
    for absent in [Principal::User(ana.id), Principal::Group(team.id)] {
        let refused = group::remove_member(&mut tx, &site.by, &team, absent).await;
        assert!(matches!(refused, Err(DirectoryError::NotAMember(name)) if name == "Team"));
    }
}

#[tokio::test]
async fn an_app_password_is_found_by_its_public_half_until_it_is_revoked() {
    let site = TestSite::new().await;
    let (ana, ben) = (site.add("ana").await, site.add("ben").await);
    let credential = Credential::fresh();
    let mut tx = site.write().await;
    let made = app_password::add(&mut tx, &site.by, &ana, ("notebook", None), &credential, NOW).await.unwrap();
    let again = app_password::add(&mut tx, &site.by, &ana, ("notebook", None), &Credential::fresh(), NOW).await;
    assert!(matches!(again, Err(DirectoryError::LabelTaken { .. })));
    let unnamed = app_password::add(&mut tx, &site.by, &ana, (" ", None), &Credential::fresh(), NOW).await;
    assert!(matches!(unnamed, Err(DirectoryError::BadName { noun: "label", .. })));
    app_password::add(&mut tx, &site.by, &ben, ("notebook", None), &Credential::fresh(), NOW).await.unwrap();
    assert_eq!(app_password::list(&mut tx, ana.id).await.unwrap(), std::slice::from_ref(&made));
    let (found, secret_hash, user) = app_password::by_id(&mut tx, credential.id()).await.unwrap().unwrap();
    assert_eq!((&found, &user), (&made, &ana));
    assert!(credential.matches(&secret_hash));
    app_password::revoke(&mut tx, &site.by, &ana, "notebook").await.unwrap();
    assert_eq!(app_password::by_id(&mut tx, credential.id()).await.unwrap(), None);
    assert_eq!(app_password::list(&mut tx, ben.id).await.unwrap().len(), 1, "ben's is another one");
    let again = app_password::revoke(&mut tx, &site.by, &ana, "notebook").await;
    assert!(matches!(again, Err(DirectoryError::NoSuchAppPassword { .. })));
}

#[tokio::test]
async fn what_contradicts_itself_in_the_directory_is_found() {
    let site = TestSite::new().await;
    site.add("ana").await;
    let (by, mut tx) = (&site.by, site.write().await);
    department::create(&mut tx, by, site.org, "Sales", NOW).await.unwrap();
    department::create(&mut tx, by, site.org, "Sales/North", NOW).await.unwrap();
    tx.commit().await.unwrap();
    let found = check::inconsistencies(&mut site.read().await).await.unwrap();
    assert!(found.is_empty(), "{found:?}");
    for (harm, finding) in [
        ("update organization set open = 0", "is closed against those above it"),
        ("delete from user_group where builtin = 2 and department_id is null", "organization `Acme` lacks"),
        ("delete from user_group where builtin = 1 and department_id = 2", "department `Sales/North` lacks"),
        ("update department set path = 'South' where id = 2", "is not called after where it lies"),
        ("update share set kind = 0 where owner_id = 1", "user `ana` has no home"),
        (
            "insert into organization (name, name_key, created_at) values ('B', 'b', 1);
             insert into department (org_id, name, name_key, path, created_at) select id, 'D', 'd', 'D', 1 from organization
             where name = 'B';
             insert into department_user select department.id, 1 from department where name = 'D'",
            "of another organization",
        ),
    ] {
        let mut tx = site.write().await;
        tx.touch_directory();
        crate::db::query(harm).execute(tx.conn()).await.unwrap();
        let found = check::inconsistencies(&mut tx).await.unwrap();
        assert!(found.iter().any(|found| found.contains(finding)), "{harm}: {found:?}");
        // Given up: the next harm is done to a sound site.
        drop(tx);
    }
}
