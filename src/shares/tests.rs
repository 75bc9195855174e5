//! Shares and subscriptions on a real database.

use std::time::Duration;

use commonhold_acl::builtin;

use super::{HANDOVER_MAX, NewShare, Settings, Share, ShareError, ShareKind, Subscription};
use crate::clock::Moment;
use crate::directory::tests::site::{NOW, TestSite};
use crate::directory::user::{self, User};
use crate::directory::{DirectoryError, Principal, groups_of};
use crate::path::Name;
use crate::shares;

async fn add(site: &TestSite, name: &str) -> Result<Share, ShareError> {
    let name = Name::parse(name).unwrap();
    let mut tx = site.write().await;
    let new = NewShare::team(site.org, &name);
    let id = shares::create(&mut tx, &site.by, &new, NOW).await?;
    tx.commit().await?;
    Ok(shares::by_id(&mut site.read().await, id).await?.unwrap())
}

async fn subscribe(site: &TestSite, share: &Share, who: Principal, role: &str) -> Result<(), ShareError> {
    let mut tx = site.write().await;
    shares::subscribe(&mut tx, &site.by, share, who, role, NOW).await?;
    tx.commit().await?;
    Ok(())
}

async fn unsubscribe(site: &TestSite, share: &Share, who: Principal) -> Result<(), ShareError> {
    let mut tx = site.write().await;
    shares::unsubscribe(&mut tx, &site.by, share, who).await?;
    tx.commit().await?;
    Ok(())
}

async fn reaching(site: &TestSite, user: &User) -> Vec<(String, Vec<Subscription>)> {
    let mut tx = site.read().await;
    let groups = groups_of(&mut tx, user.id).await.unwrap();
    let reaches = shares::reaching(&mut tx, user, &groups, &[]).await.unwrap();
    reaches.into_iter().map(|reach| (reach.share.name, reach.subscriptions)).collect()
}

fn subscription(role: &str, via: &[&str]) -> Subscription {
    let via = via.iter().map(|group| (*group).to_owned()).collect();
    Subscription { role: builtin(role).unwrap().clone(), via }
}

#[tokio::test]
async fn a_new_share_is_empty_and_has_a_root_and_a_trash_of_its_own() {
    let site = TestSite::new().await;
    let name = Name::parse("Projects").unwrap();
    let mut tx = site.write().await;
    let new = NewShare { description: "what we build", quota_bytes: Some(1 << 40), ..NewShare::team(site.org, &name) };
    let id = shares::create(&mut tx, &site.by, &new, NOW).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = site.read().await;
    let share = shares::named(&mut tx, "PROJECTS").await.unwrap();
    let expected = Share {
        kind: ShareKind::Team,
        department: None,
        owner: None,
        id,
        org: site.org,
        org_active: true,
        name: "Projects".to_owned(),
        description: "what we build".to_owned(),
        active: true,
        root: share.root,
        trash: share.trash,
        seq: 0,
        used_bytes: 0,
        quota_bytes: Some(1 << 40),
        created: NOW,
        auto_lock: false,
        collision_copies: true,
        handover: Duration::from_secs(600),
    };
    assert_eq!(share, expected);
    assert_eq!(share.key(), name.key());
    assert_eq!(shares::find(&mut tx, &name).await.unwrap(), Some(share.clone()));
    let other = add(&site, "Plans").await.unwrap();
    let mut nodes = vec![share.root, share.trash, other.root, other.trash];
    nodes.sort();
    nodes.dedup();
    assert_eq!(nodes.len(), 4, "four nodes, none shared");
    assert!(nodes.iter().all(|node| node.0 > 0));
}

#[tokio::test]
async fn shares_are_listed_by_name_and_a_taken_name_is_refused() {
    let site = TestSite::new().await;
    for name in ["beta", "Alpha", "Ζeta"] {
        add(&site, name).await.unwrap();
    }
    assert!(matches!(add(&site, "ALPHA").await, Err(ShareError::NameTaken(name)) if name == "ALPHA"));
    let names: Vec<_> = shares::list(&mut site.read().await).await.unwrap().into_iter().map(|s| s.name).collect();
    assert_eq!(names, ["Alpha", "beta", "Ζeta"]);
    let missing = shares::named(&mut site.read().await, "no/share").await;
    assert!(matches!(missing, Err(ShareError::NoSuchShare(_))));
}

#[tokio::test]
async fn a_share_with_impossible_settings_is_refused() {
    let site = TestSite::new().await;
    let name = Name::parse("Projects").unwrap();
    let mut tx = site.write().await;
    let new = NewShare {
        org: site.org,
        department: None,
        public: false,
        name: &name,
        description: "",
        quota_bytes: Some(u64::MAX),
    };
    assert!(matches!(shares::create(&mut tx, &site.by, &new, NOW).await, Err(ShareError::QuotaTooLarge)));
    let new = NewShare { description: "two\nlines", quota_bytes: None, ..new };
    let refused = shares::create(&mut tx, &site.by, &new, NOW).await;
    assert!(matches!(refused, Err(ShareError::Directory(DirectoryError::BadName { noun: "description", .. }))));
}

#[tokio::test]
async fn only_the_settings_that_are_given_change() {
    let site = TestSite::new().await;
    let before = add(&site, "Projects").await.unwrap();
    let set = async |settings: Settings<'_>| {
        let mut tx = site.write().await;
        shares::set(&mut tx, &site.by, &before, &settings).await?;
        tx.commit().await?;
        Ok::<_, ShareError>(shares::by_id(&mut site.read().await, before.id).await?.unwrap())
    };
    let quota = set(Settings { quota_bytes: Some(Some(9)), ..Settings::default() }).await.unwrap();
    assert_eq!(quota, Share { quota_bytes: Some(9), ..before.clone() });
    let auto =
        set(Settings { auto_lock: Some(true), description: Some("plans"), ..Settings::default() }).await.unwrap();
    assert_eq!(auto, Share { auto_lock: true, description: "plans".to_owned(), ..quota });
    let lasting = Settings { handover: Some(HANDOVER_MAX), collision_copies: Some(false), ..Settings::default() };
    let lasting = set(Settings { quota_bytes: Some(None), ..lasting }).await.unwrap();
    let expected = Share { quota_bytes: None, handover: HANDOVER_MAX, collision_copies: false, ..auto };
    assert_eq!(lasting, expected);
    for span in [Duration::ZERO, HANDOVER_MAX + Duration::from_secs(1)] {
        let refused = set(Settings { handover: Some(span), ..Settings::default() }).await;
        assert!(matches!(refused, Err(ShareError::HandoverOutOfRange)), "{span:?}");
    }
    let refused = set(Settings { quota_bytes: Some(Some(u64::MAX)), ..Settings::default() }).await;
    assert!(matches!(refused, Err(ShareError::QuotaTooLarge)));
}

#[tokio::test]
async fn subscribing_again_changes_the_role() {
    let site = TestSite::new().await;
    let share = add(&site, "Projects").await.unwrap();
    let ben = site.add("ben").await;
    let team = site.add_group("Team").await;
    for role in ["viewer", "editor"] {
        subscribe(&site, &share, Principal::User(ben.id), role).await.unwrap();
        subscribe(&site, &share, Principal::Group(team.id), role).await.unwrap();
    }
    let subscribers = shares::subscribers(&mut site.read().await, share.id).await.unwrap();
    let told: Vec<_> = subscribers.iter().map(|s| (s.principal, s.name.as_str(), s.role.as_str(), s.since)).collect();
    let expected: [(_, _, _, Moment); 2] =
        [(Principal::User(ben.id), "ben", "editor", NOW), (Principal::Group(team.id), "Team", "editor", NOW)];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn an_unknown_role_is_refused_with_the_known_ones() {
    let site = TestSite::new().await;
    let share = add(&site, "Projects").await.unwrap();
    let ben = site.add("ben").await;
    let refused = subscribe(&site, &share, Principal::User(ben.id), "boss").await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "there is no role `boss`; the roles are co-owner, collaborator, editor, web-editor, viewer, previewer, uploader"
    );
}

#[tokio::test]
async fn a_guest_can_not_subscribe() {
    let site = TestSite::new().await;
    let share = add(&site, "Projects").await.unwrap();
    let gil = site.add_with("gil", |new| new.guest = true).await;
    let refused = subscribe(&site, &share, Principal::User(gil.id), "viewer").await;
    assert!(matches!(refused, Err(ShareError::GuestsCantSubscribe(name)) if name == "gil"));
}

#[tokio::test]
async fn the_last_co_owner_stays_one() {
    let site = TestSite::new().await;
    let share = add(&site, "Projects").await.unwrap();
    let (ana, ben) = (Principal::User(site.add("ana").await.id), Principal::User(site.add("ben").await.id));
    // A share that never had a co-owner subscription is managed by administrators; anybody may leave it.
    subscribe(&site, &share, ben, "editor").await.unwrap();
    unsubscribe(&site, &share, ben).await.unwrap();
    subscribe(&site, &share, ana, "co-owner").await.unwrap();
    subscribe(&site, &share, ben, "editor").await.unwrap();
    assert!(matches!(unsubscribe(&site, &share, ana).await, Err(ShareError::LastCoOwner(_))));
    assert!(matches!(subscribe(&site, &share, ana, "viewer").await, Err(ShareError::LastCoOwner(_))));
    subscribe(&site, &share, ben, "co-owner").await.unwrap();
    unsubscribe(&site, &share, ana).await.unwrap();
    assert!(matches!(unsubscribe(&site, &share, ana).await, Err(ShareError::NotSubscribed(_))));
    let left = shares::subscribers(&mut site.read().await, share.id).await.unwrap();
    assert_eq!(left.iter().map(|s| (s.principal, s.role.as_str())).collect::<Vec<_>>(), [(ben, "co-owner")]);
}

#[tokio::test]
async fn shares_reach_a_user_directly_and_through_groups() {
    let site = TestSite::new().await;
    let (ana, ben) = (site.add("ana").await, site.add("ben").await);
    let (team, everyone) = (site.add_group("Team").await, site.add_group("Everyone").await);
    site.join(&team, Principal::User(ben.id)).await.unwrap();
    site.join(&everyone, Principal::Group(team.id)).await.unwrap();
    let [projects, plans, _hidden] = [
        add(&site, "Projects").await.unwrap(),
        add(&site, "Plans").await.unwrap(),
        add(&site, "Hidden").await.unwrap(),
    ];
    subscribe(&site, &projects, Principal::Group(everyone.id), "viewer").await.unwrap();
    subscribe(&site, &projects, Principal::Group(team.id), "uploader").await.unwrap();
    subscribe(&site, &projects, Principal::User(ben.id), "editor").await.unwrap();
    subscribe(&site, &projects, Principal::User(ana.id), "co-owner").await.unwrap();
    subscribe(&site, &plans, Principal::Group(everyone.id), "previewer").await.unwrap();
    assert_eq!(
        reaching(&site, &ben).await,
        [
            ("Plans".to_owned(), vec![subscription("previewer", &["Team", "Everyone"])]),
            (
                "Projects".to_owned(),
                vec![
                    subscription("editor", &[]),
                    subscription("viewer", &["Team", "Everyone"]),
                    subscription("uploader", &["Team"]),
                ]
            ),
        ]
    );
    assert_eq!(reaching(&site, &ana).await, [("Projects".to_owned(), vec![subscription("co-owner", &[])])]);
}

#[tokio::test]
async fn every_share_reaches_a_system_administrator() {
    let site = TestSite::new().await;
    let root = site.add_with("root", |new| new.admin = true).await;
    for name in ["a", "b", "c", "d"] {
        let share = add(&site, name).await.unwrap();
        if matches!(name, "b" | "d") {
            subscribe(&site, &share, Principal::User(root.id), "viewer").await.unwrap();
        }
    }
    let viewer = || vec![subscription("viewer", &[])];
    let expected = [("a", Vec::new()), ("b", viewer()), ("c", Vec::new()), ("d", viewer())];
    let expected: Vec<_> = expected.into_iter().map(|(name, roles)| (name.to_owned(), roles)).collect();
    assert_eq!(reaching(&site, &root).await, expected);
    // Asked anew: a change of the account is a change of the reach.
    let ana = user::User { admin: false, ..root };
    assert_eq!(reaching(&site, &ana).await.len(), 2);
}
