//! URLs by which one person opens the documents of one folder, without a login and for some hours: the token in the URL stands for the login.
//!
//! A token is 160 random bits, kept as its SHA-256 only, so it needs no slow hash. What its bearer may do is not written here: he is that person,
//! through that device, at each request anew (`guard/`).

mod sql;

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::device::Device;
use super::secret::{ALPHABET, Secret, random};
use super::user::User;
use super::{Administrator, DirectoryError};
use crate::clock::Moment;
use crate::db::{DbError, Reads, WriteTx};
use crate::ids::{DeviceId, NodeId, ShareId, UserId};

/// The longest time that one is good for.
pub const HOURS_MAX: u32 = 7 * 24;
/// Those of one person that are good at a time.
pub const PER_USER_MAX: i64 = 1_000;
/// How long one whose time is over is still known, so that a document that was left open isn't taken for somebody who guesses.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Characters of a token, 5 bits each.
const TOKEN_CHARS: usize = 32;

/// What a URL is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purpose {
    /// The share.
    pub share: ShareId,
    /// The folder, with everything below it.
    pub folder: NodeId,
    /// The document that it was made for, which is in it.
    pub file: NodeId,
    /// Nothing is changed by it.
    pub reading: bool,
}

/// What is known of a URL besides its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfficeUrl {
    /// By which it is revoked.
    pub id: i64,
    /// Whose it is.
    pub user: User,
    /// The registered device that it belongs to, and ends with; and its name.
    pub device: Option<(DeviceId, String)>,
    /// What it is for.
    pub purpose: Purpose,
    /// When it was made.
    pub created: Moment,
    /// When it ends, or was revoked.
    pub expires: Moment,
}

impl OfficeUrl {
    /// Whether it is good at this moment.
    pub fn is_good(&self, now: Moment) -> bool {
        now < self.expires
    }
}

/// The token, if the text may be one; anything else isn't worth a question to the database.
fn hash(token: &str) -> Option<[u8; 32]> {
    let is_one = token.len() == TOKEN_CHARS && token.bytes().all(|byte| ALPHABET.contains(&byte));
    is_one.then(|| Sha256::digest(token).into())
}

/// Makes a URL for a person, through one of his devices or as a mapped drive. Gives it with its token, which is shown this once.
///
/// Errors: [`DirectoryError::OutOfReach`], [`DirectoryError::CantAct`] for who may not log in, [`DirectoryError::TooManyOfficeUrls`].
pub async fn add(
    tx: &mut WriteTx,
    by: &Administrator,
    (user, device): (&User, Option<&Device>),
    purpose: Purpose,
    (now, expires): (Moment, Moment),
) -> Result<(i64, Secret), DirectoryError> {
    by.confirm_user_or_self(tx, user).await?;
    if !user.may_log_in() {
        return Err(DirectoryError::CantAct(user.name.clone()));
    }
    sql::forget(tx.conn(), now.minus(KEPT)).await?;
    if sql::count(tx.conn(), user.id, now).await? >= PER_USER_MAX {
        return Err(DirectoryError::TooManyOfficeUrls { user: user.name.clone(), max: PER_USER_MAX });
    }
    let token = Secret::new(random(TOKEN_CHARS).to_string());
    let hash = hash(token.reveal()).expect("a fresh token is one");
    let id = sql::insert(tx.conn(), hash, (user.id, device.map(|device| device.id)), purpose, (now, expires)).await?;
    Ok((id, token))
}

/// The URL of that token, good or not any more; for `auth/`.
pub async fn by_token(reads: &mut impl Reads, token: &str) -> Result<Option<OfficeUrl>, DbError> {
    match hash(token) {
        Some(hash) => sql::by_token(reads.conn(), hash).await,
        None => Ok(None),
    }
}

/// Those that are good: of one person, or all of them; the newest first.
pub async fn list(reads: &mut impl Reads, user: Option<UserId>, now: Moment) -> Result<Vec<OfficeUrl>, DbError> {
    sql::list(reads.conn(), user, now).await
}

/// Ends a URL; holds from the next request on. Gives it as it was.
///
/// Errors: [`DirectoryError::NoSuchOfficeUrl`] also when its time is over, [`DirectoryError::OutOfReach`].
pub async fn revoke(tx: &mut WriteTx, by: &Administrator, id: i64, now: Moment) -> Result<OfficeUrl, DirectoryError> {
    let none = || DirectoryError::NoSuchOfficeUrl(id);
    let url = sql::by_id(tx.conn(), id).await?.filter(|url| url.is_good(now)).ok_or_else(none)?;
    by.confirm_user_or_self(tx, &url.user).await?;
    sql::end(tx.conn(), id, now).await?;
    Ok(url)
}

/// Ends those of a device that is removed. They are still known, as any that have ended: a document that was left open isn't taken for a guess.
pub(super) async fn end_of_device(tx: &mut WriteTx, device: DeviceId, now: Moment) -> Result<(), DbError> {
    sql::end_of_device(tx.conn(), device, now).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::tests::site::{NOW, TestSite};
    use proptest::prelude::*;

    #[test]
    fn a_fresh_token_is_one_and_others_are_none() {
        let token = random(TOKEN_CHARS);
        assert!(hash(&token).is_some());
        for other in ["", &token[1..], &format!("{}0", &*token), &token.to_uppercase(), &format!("{}i", &token[1..])] {
            assert!(other == &**token || hash(other).is_none(), "{other}");
        }
    }

    fn after(hours: u64) -> Moment {
        NOW.plus(Duration::from_secs(hours * 60 * 60))
    }

    /// Makes one for a user, good for so many hours.
    async fn made(
        tx: &mut WriteTx,
        site: &TestSite,
        user: &User,
        now: Moment,
        hours: u64,
    ) -> Result<Secret, DirectoryError> {
        let purpose = Purpose { share: ShareId(1), folder: NodeId(2), file: NodeId(3), reading: false };
        let expires = now.plus(Duration::from_secs(hours * 60 * 60));
        Ok(add(tx, &site.by, (user, None), purpose, (now, expires)).await?.1)
    }

    #[tokio::test]
    async fn a_person_has_so_many_urls_and_no_more() {
        let site = TestSite::new().await;
        let (ana, ben) = (site.add("ana").await, site.add("ben").await);
        let mut tx = site.write().await;
        for _ in 0..PER_USER_MAX {
            made(&mut tx, &site, &ana, NOW, 1).await.unwrap();
        }
        let refused = made(&mut tx, &site, &ana, NOW, 1).await.unwrap_err();
        assert!(matches!(refused, DirectoryError::TooManyOfficeUrls { max: PER_USER_MAX, .. }));
        made(&mut tx, &site, &ben, NOW, 1).await.unwrap();
        // Those that have ended don't count, nor one that was revoked.
        let newest = list(&mut tx, Some(ana.id), NOW).await.unwrap().remove(0);
        revoke(&mut tx, &site.by, newest.id, NOW).await.unwrap();
        made(&mut tx, &site, &ana, NOW, 1).await.unwrap();
        made(&mut tx, &site, &ana, after(1), 1).await.unwrap();
    }

    #[tokio::test]
    async fn a_url_that_has_ended_is_known_for_a_while() {
        let site = TestSite::new().await;
        let ana = site.add("ana").await;
        let mut tx = site.write().await;
        let token = made(&mut tx, &site, &ana, NOW, 1).await.unwrap();
        let url = by_token(&mut tx, token.reveal()).await.unwrap().unwrap();
        assert!(url.is_good(Moment(after(1).0 - 1)) && !url.is_good(after(1)));
        for (at, is_known) in [(after(1), true), (after(1).plus(KEPT), true), (after(2).plus(KEPT), false)] {
            // Whatever is made sweeps.
            made(&mut tx, &site, &ana, at, 1).await.unwrap();
            assert_eq!(by_token(&mut tx, token.reveal()).await.unwrap().is_some(), is_known, "{at:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,40}|[0-9a-z]{32}") {
            let _ = hash(&text);
        }
    }
}
