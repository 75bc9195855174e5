//! Who somebody is: HTTP Basic with a password or an app password (RFC 7617).
//!
//! Here: reading the credentials, checking them, remembering that they were right. Not here: what the user may do (`guard/`),
//! where passwords are stored (`directory/`), the 401 itself (`error.rs`).
//!
//! Drives send their credentials with every request, so a login that was right is kept as a proof under a keyed hash of the
//! header: the common request costs one hash and a look at the directory's [`Stamp`], and no database work. When the stamp
//! has changed, the rows are read anew before the proof is believed, so a disabled account, a revoked app password and a
//! changed password act on the next request, whichever process changed them.

mod basic;
pub mod office_url;
pub mod password;
mod throttle;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use commonhold_acl::Channel;
use hmac::{Hmac, Mac};
use http::HeaderValue;
use quick_cache::sync::Cache;
use sha2::Sha256;

use crate::clock::Moment;
use crate::config;
use crate::db::{Db, DbError, Stamp};
use crate::directory::app_password::{self, Credential};
use crate::directory::secret::Secret;
use crate::directory::user::{self, User};
use crate::ids::{DeviceId, UserId};
use crate::path::Name;
use basic::Basic;
use password::Hasher;
use throttle::{NotNow, Throttle};

pub use throttle::forget as forget_guesses;

/// A caller whose credentials were right. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Login {
    /// As the directory has it at this moment.
    pub user: Arc<User>,
    /// By which credential.
    pub how: How,
    /// The credential is used for the first time since the server was started, as far as it remembers.
    pub fresh: bool,
}

/// The credential of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// The user's own password.
    Password,
    /// An app password.
    AppPassword {
        /// Its public half.
        id: Arc<str>,
        /// What its user calls it.
        label: Arc<str>,
        /// The registered device that it belongs to.
        device: Option<DeviceId>,
    },
    /// The token of an Office URL.
    OfficeUrl {
        /// The registered device that it belongs to, and its name.
        device: Option<(DeviceId, Arc<str>)>,
    },
}

impl How {
    /// The door by which WebDAV requests with this credential come: a registered device is a door of its own.
    pub fn channel(&self) -> Channel {
        match self {
            Self::AppPassword { device: Some(device), .. } | Self::OfficeUrl { device: Some((device, _)) } => {
                Channel::Device(*device)
            }
            Self::AppPassword { device: None, .. } | Self::OfficeUrl { device: None } | Self::Password => {
                Channel::WebDav
            }
        }
    }

    /// The channel of somebody's request, as records name it.
    pub fn channel_name(&self, channel: Channel) -> &'static str {
        match self {
            Self::OfficeUrl { .. } => "office url",
            Self::AppPassword { .. } | Self::Password => channel.name(),
        }
    }
}

/// Why nobody was let in.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AuthError {
    /// No credentials, or none of the scheme `Basic`: the normal first step of most clients. 401.
    #[error("a login is needed")]
    Missing,
    /// Credentials that let nobody in; which part is wrong is not told. 401.
    #[error("the user name or the password is wrong")]
    Wrong,
    /// Too many wrong passwords. 429.
    #[error("too many wrong passwords; try again in {retry_after_s} s")]
    Throttled {
        /// Seconds until a password is looked at again.
        retry_after_s: u32,
    },
    /// Too many passwords are being checked. 503.
    #[error("too many logins at once")]
    Busy,
    /// The directory can't be asked. 503.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<NotNow> for AuthError {
    fn from(not_now: NotNow) -> Self {
        match not_now {
            NotNow::Wait(retry_after_s) => Self::Throttled { retry_after_s },
            NotNow::Db(error) => Self::Db(error),
        }
    }
}

/// Credentials by a hash that only this process can compute.
type ProofKey = [u8; 32];

/// Credentials that were right.
struct Proof {
    login: Login,
    /// The directory as it was when the rows were read.
    stamp: Stamp,
    until: Moment,
}

impl Proof {
    fn holds(&self, stamp: Stamp, now: Moment) -> bool {
        self.stamp == stamp && now < self.until
    }
}

/// A password that was wrong.
#[derive(Clone)]
struct Refusal {
    /// For whom it was.
    account: Option<Account>,
    stamp: Stamp,
    until: Moment,
}

/// What a password was compared with; none for an unknown user.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Account {
    user: UserId,
    generation: i64,
    may_log_in: bool,
}

/// One request's credentials and circumstances.
struct Attempt<'a> {
    header: &'a HeaderValue,
    key: ProofKey,
    peer: IpAddr,
    now: Moment,
}

/// Checks logins, and remembers for a while how they ended. All of its memory is bounded.
pub struct Auth {
    /// Keyed at start, so that what is kept in memory is worth nothing elsewhere.
    keyed: Hmac<Sha256>,
    proofs: Cache<ProofKey, Arc<Proof>>,
    refusals: Cache<ProofKey, Refusal>,
    /// Credentials that were right once, so that a login is told of once and not whenever its proof has to be renewed.
    known: Cache<ProofKey, ()>,
    hasher: Hasher,
    throttle: Throttle,
    proof_time: Duration,
    refusal_time: Duration,
}

impl Auth {
    /// Starts without any memory of earlier logins.
    pub fn new(config: &config::Auth) -> Self {
        let mut key = [0; 32];
        getrandom::fill(&mut key).expect("the operating system has random numbers");
        Self {
            keyed: Hmac::new_from_slice(&key).expect("HMAC takes a key of any length"),
            proofs: Cache::new(config.proof_cache_max),
            refusals: Cache::new(config.proof_cache_max),
            known: Cache::new(config.proof_cache_max),
            hasher: Hasher::new(config),
            throttle: Throttle::new(config),
            proof_time: Duration::from_secs(config.proof_cache_s),
            refusal_time: Duration::from_secs(config.wrong_proof_cache_s),
        }
    }

    /// Says who sent a request, from its `Authorization` header and the address it came from.
    ///
    /// Errors: [`AuthError`]. An answer of [`AuthError::Wrong`] may take a second longer after many of them.
    pub async fn login(
        &self,
        db: &Db,
        authorization: Option<&HeaderValue>,
        peer: IpAddr,
        now: Moment,
    ) -> Result<Login, AuthError> {
        let header = authorization.ok_or(AuthError::Missing)?;
        let attempt = Attempt { header, key: self.key(header), peer, now };
        loop {
            // Taken before any row is read: a change in between makes the proof stale, never wrong.
            let stamp = db.directory_stamp().await?;
            let stale = match self.proofs.get(&attempt.key) {
                Some(proof) if proof.holds(stamp, now) => return Ok(proof.login.clone()),
                kept => kept,
            };
            if let Some(stale) = &stale {
                self.proofs.remove_if(&attempt.key, |kept| Arc::ptr_eq(kept, stale));
            }
            // Clients open many connections at once: the first checks, the others wait here for what it finds.
            if let Err(place) = self.proofs.get_value_or_guard_async(&attempt.key).await {
                let proof = Arc::new(Box::pin(self.prove(db, &attempt, stamp, stale.as_deref())).await?);
                let fresh = self.known.get(&attempt.key).is_none();
                self.known.insert(attempt.key, ());
                let login = Login { fresh, ..proof.login.clone() };
                // Refused only when the cache was cleared meanwhile, which costs the next request a check.
                let _ = place.insert(proof);
                return Ok(login);
            }
        }
    }

    fn key(&self, header: &HeaderValue) -> ProofKey {
        self.key_of(header.as_bytes())
    }

    fn key_of(&self, secret: &[u8]) -> ProofKey {
        let mut keyed = self.keyed.clone();
        keyed.update(secret);
        keyed.finalize().into_bytes().into()
    }

    /// Checks credentials against the directory as it is now.
    async fn prove(
        &self,
        db: &Db,
        attempt: &Attempt<'_>,
        stamp: Stamp,
        stale: Option<&Proof>,
    ) -> Result<Proof, AuthError> {
        let Basic { user, secret } = basic::parse(attempt.header)?;
        match Credential::parse(secret.reveal()) {
            Some(credential) => {
                let login = by_app_password(db, &user, &credential).await?;
                self.throttle.welcome(db, &user.key(), attempt.peer, attempt.now).await?;
                Ok(Proof { login, stamp, until: attempt.now.plus(self.proof_time) })
            }
            None => self.prove_password(db, attempt, stamp, stale, &user, secret).await,
        }
    }

    async fn prove_password(
        &self,
        db: &Db,
        attempt: &Attempt<'_>,
        stamp: Stamp,
        stale: Option<&Proof>,
        name: &Name,
        secret: Secret,
    ) -> Result<Proof, AuthError> {
        let now = attempt.now;
        let refusal = self.refusals.get(&attempt.key).filter(|refusal| now < refusal.until);
        if refusal.as_ref().is_some_and(|refusal| refusal.stamp == stamp) {
            return Err(AuthError::Wrong);
        }
        let (user, hash) = match user::with_password_hash(&mut db.read().await?, &name.key()).await? {
            Some((user, hash)) => (Some(user), hash),
            None => (None, None),
        };
        let account = user.as_ref().map(Account::of);
        if let Some(refusal) = refusal.filter(|refusal| refusal.account == account) {
            self.refusals.insert(attempt.key, Refusal { stamp, ..refusal });
            return Err(AuthError::Wrong);
        }
        if let (Some(stale), Some(user)) = (stale, &user)
            && now < stale.until
            && Some(Account::of(&stale.login.user)) == account
        {
            let login = Login { user: Arc::new(user.clone()), how: How::Password, fresh: false };
            return Ok(Proof { login, stamp, until: stale.until });
        }
        let guess = self.throttle.admit(db, &name.key(), attempt.peer, now).await?;
        // An unknown user and one without a password take as long as the others.
        let Ok(right) = self.hasher.verify(secret, hash).await else {
            self.throttle.take_back(db, &guess).await?;
            return Err(AuthError::Busy);
        };
        match user.filter(|user| right && user.may_log_in()) {
            Some(user) => {
                self.throttle.right(db, &guess, now).await?;
                let login = Login { user: Arc::new(user), how: How::Password, fresh: false };
                Ok(Proof { login, stamp, until: now.plus(self.proof_time) })
            }
            None => {
                let until = now.plus(self.refusal_time);
                self.refusals.insert(attempt.key, Refusal { account, stamp, until });
                tokio::time::sleep(guess.delay).await;
                Err(AuthError::Wrong)
            }
        }
    }
}

impl Account {
    fn of(user: &User) -> Self {
        Self { user: user.id, generation: user.generation, may_log_in: user.may_log_in() }
    }
}

/// App passwords need neither a slow hash nor a throttle: 160 random bits can't be guessed. So nobody else's guessing, and no
/// revoked drive that keeps trying, ever keeps their holders out.
async fn by_app_password(db: &Db, name: &Name, credential: &Credential) -> Result<Login, AuthError> {
    let found = app_password::by_id(&mut db.read().await?, credential.id()).await?;
    let (app_password, secret_hash, user) = found.ok_or(AuthError::Wrong)?;
    let fits = credential.matches(&secret_hash) && user.key == name.key().as_str();
    if !(fits && user.may_log_in()) {
        return Err(AuthError::Wrong);
    }
    let (id, label) = (app_password.id.into(), app_password.label.into());
    let how = How::AppPassword { id, label, device: app_password.device };
    Ok(Login { user: Arc::new(user), how, fresh: false })
}

/// The user name in an `Authorization` header, whether it is right or not.
pub fn claimed_name(authorization: &HeaderValue) -> Option<Name> {
    basic::parse(authorization).ok().map(|basic| basic.user)
}

#[cfg(test)]
mod tests;
