//! Logins on a real database, also one that another process changes.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use data_encoding::BASE64;
use http::HeaderValue;

use super::{Auth, AuthError, How, Login, password};
use crate::clock::Moment;
use crate::config;
use crate::db::Db;
use crate::directory::Administrator;
use crate::directory::app_password::{self, Credential};
use crate::directory::secret::Secret;
use crate::directory::tests::site::{NOW, TestSite};
use crate::directory::user::{self, User};

const PASSWORD: &str = "correct horse battery";
const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));
const FAR_AWAY: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));

/// Hashes that take no time; everything else as it comes.
fn cheap() -> config::Auth {
    config::Auth { argon2_memory_kib: 64, argon2_iterations: 1, ..config::Auth::default() }
}

fn hash(password: &str) -> String {
    password::hash(&Secret::new(password.to_owned()), &cheap()).unwrap()
}

fn basic(user: &str, secret: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("Basic {}", BASE64.encode(format!("{user}:{secret}").as_bytes()))).unwrap()
}

async fn add(site: &TestSite, name: &str) -> User {
    let user = site.add(name).await;
    change_password(&site.db, &user, PASSWORD).await;
    user::named(&mut site.read().await, name).await.unwrap()
}

async fn app_password(db: &Db, user: &User, label: &str) -> String {
    let credential = Credential::fresh();
    let mut tx = db.write().await.unwrap();
    app_password::add(&mut tx, &Administrator::of_the_site(), user, (label, None), &credential, NOW).await.unwrap();
    tx.commit().await.unwrap();
    credential.shown().reveal().to_owned()
}

async fn change_password(db: &Db, user: &User, password: &str) {
    let mut tx = db.write().await.unwrap();
    user::set_password(&mut tx, &Administrator::of_the_site(), user, &hash(password)).await.unwrap();
    tx.commit().await.unwrap();
}

async fn enable(db: &Db, user: &User, enabled: bool) {
    let mut tx = db.write().await.unwrap();
    user::set_enabled(&mut tx, &Administrator::of_the_site(), user, enabled).await.unwrap();
    tx.commit().await.unwrap();
}

/// One server's view: its database and what it remembers.
struct Door<'a> {
    site: &'a TestSite,
    auth: Auth,
}

impl<'a> Door<'a> {
    fn of(site: &'a TestSite) -> Self {
        Self { site, auth: Auth::new(&cheap()) }
    }

    async fn try_at(&self, user: &str, secret: &str, peer: IpAddr, now: Moment) -> Result<Login, AuthError> {
        self.auth.login(&self.site.db, Some(&basic(user, secret)), peer, now).await
    }

    async fn opens(&self, user: &str, secret: &str) -> bool {
        match self.try_at(user, secret, HOME, NOW).await {
            Ok(_) => true,
            Err(AuthError::Wrong) => false,
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn a_password_and_an_app_password_both_let_their_user_in() {
    let site = TestSite::new().await;
    let ana = add(&site, "Ana").await;
    let secret = app_password(&site.db, &ana, "drive P").await;
    let door = Door::of(&site);
    // Twice each: the second time what is remembered answers.
    for _ in 0..2 {
        let login = door.try_at("ana", PASSWORD, HOME, NOW).await.unwrap();
        assert_eq!((login.user.as_ref(), &login.how), (&ana, &How::Password));
        let login = door.try_at("ANA", &secret, HOME, NOW).await.unwrap();
        assert_eq!(login.user.as_ref(), &ana);
        assert!(matches!(&login.how, How::AppPassword { label, .. } if &**label == "drive P"));
    }
    assert!(door.opens("ACME\\ana", PASSWORD).await);
    assert!(door.opens("ACME\\ana", &secret.to_uppercase().replace('-', "")).await);
}

#[tokio::test]
async fn nobody_else_gets_in() {
    let site = TestSite::new().await;
    let (ana, ben) = (add(&site, "ana").await, site.add("ben").await);
    let secret = app_password(&site.db, &ana, "drive").await;
    let door = Door::of(&site);
    assert!(!door.opens("ana", "wrong").await);
    assert!(!door.opens("nobody", PASSWORD).await);
    assert!(!door.opens("ben", PASSWORD).await, "ben has no password");
    assert!(!door.opens(&ben.name, &secret).await, "it is ana's app password");
    assert!(!door.opens("ana", Credential::fresh().shown().reveal()).await);
    assert!(!door.opens("ana", "").await);
    let nothing = door.auth.login(&site.db, None, HOME, NOW).await;
    assert!(matches!(nothing, Err(AuthError::Missing)));
}

#[tokio::test]
async fn what_an_administrator_takes_away_is_gone_at_the_next_request() {
    let site = TestSite::new().await;
    let ana = add(&site, "ana").await;
    let secret = app_password(&site.db, &ana, "drive").await;
    let door = Door::of(&site);
    // First by the server's own hand, then by a command in another process.
    for db in [&site.db, &site.opened_elsewhere().await] {
        assert!(door.opens("ana", PASSWORD).await && door.opens("ana", &secret).await);
        enable(db, &ana, false).await;
        assert!(!door.opens("ana", PASSWORD).await && !door.opens("ana", &secret).await);
        enable(db, &ana, true).await;
        assert!(door.opens("ana", PASSWORD).await && door.opens("ana", &secret).await);
    }
    let mut tx = site.write().await;
    app_password::revoke(&mut tx, &site.by, &ana, "drive").await.unwrap();
    tx.commit().await.unwrap();
    assert!(!door.opens("ana", &secret).await);
    assert!(door.opens("ana", PASSWORD).await);
}

#[tokio::test]
async fn a_changed_password_counts_from_the_next_request_on() {
    let site = TestSite::new().await;
    let ana = add(&site, "ana").await;
    let secret = app_password(&site.db, &ana, "drive").await;
    let elsewhere = site.opened_elsewhere().await;
    let door = Door::of(&site);
    assert!(door.opens("ana", PASSWORD).await);
    assert!(!door.opens("ana", "another password").await);
    change_password(&elsewhere, &ana, "another password").await;
    assert!(!door.opens("ana", PASSWORD).await, "the proof was of the old password");
    assert!(door.opens("ana", "another password").await, "though it was wrong a moment ago");
    assert!(door.opens("ana", &secret).await, "app passwords live on");
}

#[tokio::test]
async fn a_change_that_does_not_concern_a_user_leaves_proofs_and_refusals_as_they_are() {
    let site = TestSite::new().await;
    add(&site, "ana").await;
    let config = config::Auth { throttle_burst: 1, ..cheap() };
    let door = Door { site: &site, auth: Auth::new(&config) };
    assert!(door.opens("ana", PASSWORD).await);
    assert!(!door.opens("ana", "a mistake").await);
    // The only guess is used up, so a second comparison would be Throttled instead of true and false.
    for name in ["ben", "eva"] {
        site.add(name).await;
        assert!(door.opens("ana", PASSWORD).await);
        assert!(!door.opens("ana", "a mistake").await);
    }
    let other = door.try_at("ana", "another mistake", HOME, NOW).await;
    assert!(matches!(other, Err(AuthError::Throttled { .. })));
}

#[tokio::test]
async fn a_drive_with_an_old_password_counts_once_a_minute() {
    let site = TestSite::new().await;
    add(&site, "ana").await;
    let config = config::Auth { throttle_burst: 2, ..cheap() };
    let door = Door { site: &site, auth: Auth::new(&config) };
    for second in 0..60 {
        let now = NOW.plus(Duration::from_secs(second));
        assert!(matches!(door.try_at("ana", "an old one", HOME, now).await, Err(AuthError::Wrong)));
    }
    let minute = NOW.plus(Duration::from_secs(60));
    assert!(matches!(door.try_at("ana", "an old one", HOME, minute).await, Err(AuthError::Wrong)), "the second guess");
    let later = minute.plus(Duration::from_secs(60));
    assert!(matches!(door.try_at("ana", "an old one", HOME, later).await, Err(AuthError::Throttled { .. })));
}

#[tokio::test]
async fn an_attacker_is_throttled_and_the_owner_is_not() {
    let site = TestSite::new().await;
    let ana = add(&site, "ana").await;
    let secret = app_password(&site.db, &ana, "drive").await;
    let config = config::Auth { throttle_burst: 2, ..cheap() };
    let door = Door { site: &site, auth: Auth::new(&config) };
    let drive = || door.try_at("ana", PASSWORD, HOME, NOW);
    drive().await.unwrap();
    let mut throttled = 0;
    for guess in 0..20 {
        match door.try_at("ana", &format!("guess {guess}"), ELSEWHERE, NOW).await {
            Err(AuthError::Wrong) => {}
            Err(AuthError::Throttled { retry_after_s }) => {
                assert!((1..=481).contains(&retry_after_s), "{retry_after_s}");
                throttled += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(throttled, 18);
    drive().await.unwrap();
    door.try_at("ana", &secret, FAR_AWAY, NOW).await.expect("an app password passes from anywhere");
    let after_expiry = NOW.plus(Duration::from_secs(301));
    door.try_at("ana", PASSWORD, HOME, after_expiry).await.expect("so does the password from a familiar network");
    door.try_at("ana", PASSWORD, FAR_AWAY, NOW).await.expect("which an app password makes one too");
    let guessed = door.try_at("ana", "guess 30", ELSEWHERE, after_expiry.plus(Duration::from_secs(480))).await;
    assert!(matches!(guessed, Err(AuthError::Wrong)), "nobody is locked out for good: {guessed:?}");
}

#[tokio::test]
async fn many_connections_of_one_client_cost_one_hash() {
    let site = TestSite::new().await;
    add(&site, "ana").await;
    // Room for one hash and nobody waiting: a second one would be Busy.
    let config = config::Auth { hashes_max: 1, hashes_waiting_max: 0, ..cheap() };
    let door = Door { site: &site, auth: Auth::new(&config) };
    let logins = futures_util::future::join_all((0..50).map(|_| door.try_at("ana", PASSWORD, HOME, NOW))).await;
    assert!(logins.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_proof_ends_when_its_time_is_over() {
    let site = TestSite::new().await;
    let ana = add(&site, "ana").await;
    let config = config::Auth { throttle_burst: 1, ..cheap() };
    let door = Door { site: &site, auth: Auth::new(&config) };
    door.try_at("ana", PASSWORD, HOME, NOW).await.unwrap();
    assert!(matches!(door.try_at("ana", "a mistake", HOME, NOW).await, Err(AuthError::Wrong)));
    // The guess is used up, so only a proof lets anybody in.
    let last = NOW.plus(Duration::from_secs(299));
    assert_eq!(door.try_at("ana", PASSWORD, HOME, last).await.unwrap().user.id, ana.id);
    let over = NOW.plus(Duration::from_secs(300));
    assert!(matches!(door.try_at("ana", PASSWORD, HOME, over).await, Err(AuthError::Throttled { .. })));
}
