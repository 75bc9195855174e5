//! Who somebody is that comes by an Office URL: its token stands for the login.
//!
//! As with app passwords, who has the right one never has to do with the throttle, so nobody's guessing keeps a document from being saved. Tokens
//! that nobody has are counted as wrong passwords are, for an account that is nobody's.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Auth, AuthError, How, Login};
use crate::clock::Moment;
use crate::db::Db;
use crate::directory::office_url::{self, Purpose};
use crate::path::{Name, NameKey};

/// The account that wrong tokens are charged to. No user can have a colon in his name.
const NOBODY: &str = "office url:";

/// Whoever holds the token of a URL.
#[derive(Debug)]
pub struct Bearer {
    /// Whose it is.
    pub login: Login,
    /// What it is for.
    pub purpose: Purpose,
    /// Its time is not over, and its person may log in.
    pub is_good: bool,
}

impl Auth {
    /// Says who sent a request, from the token in its URL. Nothing is remembered: a token that is revoked lets nobody in at the next request.
    ///
    /// Errors: [`AuthError::Wrong`], [`AuthError::Throttled`], [`AuthError::Db`].
    pub async fn by_office_url(&self, db: &Db, token: &str, peer: IpAddr, now: Moment) -> Result<Bearer, AuthError> {
        let found = office_url::by_token(&mut db.read().await?, token).await?;
        let Some(url) = found else {
            let guess = self.throttle.admit(db, &nobody(), peer, now).await?;
            tokio::time::sleep(guess.delay).await;
            return Err(AuthError::Wrong);
        };
        let is_good = url.is_good(now) && url.user.may_log_in();
        let key = self.key_of(token.as_bytes());
        let fresh = is_good && self.known.get(&key).is_none();
        if fresh {
            self.known.insert(key, ());
        }
        let device = url.device.map(|(id, name)| (id, name.into()));
        let login = Login { user: Arc::new(url.user), how: How::OfficeUrl { device }, fresh };
        Ok(Bearer { login, purpose: url.purpose, is_good })
    }
}

fn nobody() -> NameKey {
    Name::parse(NOBODY).expect("it is a name").key()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::DirectoryName;

    #[test]
    fn wrong_tokens_are_charged_to_nobody() {
        assert_eq!(nobody().as_str(), NOBODY);
        assert!(DirectoryName::of_user(NOBODY).is_err());
    }
}
