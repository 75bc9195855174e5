//! Human passwords: argon2id (RFC 9106), so many hashes at once and no more.
//!
//! A hash takes a core for about 20 ms, so hashes are computed beside the request threads, a few at a time, and when too many
//! wait, the next ones are turned away: a flood of logins can't starve those who are logged in.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::config;
use crate::directory::secret::Secret;

/// The shortest password that can be set.
pub const PASSWORD_BYTES_MIN: usize = 10;
/// The longest one; a bound for the work that a login can ask for.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// Why a password can't be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnfitPassword {
    /// Too easy to guess.
    #[error("a password has at least {PASSWORD_BYTES_MIN} characters")]
    TooShort,
    /// Too long to handle.
    #[error("a password has at most {PASSWORD_BYTES_MAX} bytes")]
    TooLong,
}

/// Hashes a password for storing: an argon2id PHC string with a salt of its own. Takes a core for about 20 ms.
///
/// Errors: [`UnfitPassword`].
pub fn hash(password: &Secret, costs: &config::Auth) -> Result<String, UnfitPassword> {
    match password.reveal().len() {
        ..PASSWORD_BYTES_MIN => return Err(UnfitPassword::TooShort),
        PASSWORD_BYTES_MIN..=PASSWORD_BYTES_MAX => {}
        _ => return Err(UnfitPassword::TooLong),
    }
    let hash: PasswordHash = argon2(costs)
        .hash_password(normalized(password).as_bytes())
        .expect("the costs were checked with the configuration, and the operating system has random numbers");
    Ok(hash.to_string())
}

/// Makes up so many passwords and hashes them, on every core: for an import, which would take minutes on one.
pub fn generate(count: usize, costs: &config::Auth) -> Vec<(Secret, String)> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let one = || {
        let secret = Secret::generated();
        let hash = hash(&secret, costs).expect("a generated password is neither too short nor too long");
        (secret, hash)
    };
    std::thread::scope(|scope| {
        let share_of = |core| count / cores + usize::from(core < count % cores);
        let workers: Vec<_> = (0..cores)
            .map(|core| scope.spawn(move || (0..share_of(core)).map(|_| one()).collect::<Vec<_>>()))
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("hashing doesn't panic")).collect()
    })
}

fn argon2(costs: &config::Auth) -> Argon2<'static> {
    let params = Params::new(costs.argon2_memory_kib, costs.argon2_iterations, costs.argon2_parallelism, None);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.expect("the costs were checked with the configuration"))
}

/// NFC, because the same password typed on another system may come in another form (RFC 8265 section 4.2.1).
fn normalized(password: &Secret) -> Zeroizing<String> {
    Zeroizing::new(password.reveal().nfc().collect())
}

/// Too many logins wait already.
#[derive(Debug)]
pub(super) struct Busy;

/// Compares passwords with hashes, a few at a time.
pub(super) struct Hasher {
    /// What an unknown user's password is compared with: same costs, and no password has this hash.
    nobody: String,
    /// Those who compute.
    running: Arc<Semaphore>,
    /// Those who compute or wait.
    admitted: Semaphore,
}

impl Hasher {
    pub fn new(config: &config::Auth) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let running = match config.hashes_max {
            0 => (cores / 2).max(1),
            set => set,
        };
        let nobody = format!(
            "$argon2id$v=19$m={},t={},p={}${}${}",
            config.argon2_memory_kib,
            config.argon2_iterations,
            config.argon2_parallelism,
            "A".repeat(22), // a salt of 16 bytes, all zero
            "A".repeat(43), // a hash of 32 bytes, all zero
        );
        let admitted = Semaphore::new(running + config.hashes_waiting_max);
        Self { nobody, running: Arc::new(Semaphore::new(running)), admitted }
    }

    /// Whether the password has that hash; with no hash it hasn't, and finding out takes as long.
    pub async fn verify(&self, password: Secret, hash: Option<String>) -> Result<bool, Busy> {
        let _place = self.admitted.try_acquire().map_err(|_| Busy)?;
        let turn = Arc::clone(&self.running).acquire_owned().await.expect("never closed");
        let hash = hash.unwrap_or_else(|| self.nobody.clone());
        let compare = tokio::task::spawn_blocking(move || {
            // Moved in: whoever hangs up meanwhile doesn't give his turn to another one.
            let _turn = turn;
            Argon2::default().verify_password(normalized(&password).as_bytes(), hash.as_str()).is_ok()
        });
        Ok(compare.await.expect("comparing doesn't panic"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cheap() -> config::Auth {
        config::Auth { argon2_memory_kib: 64, argon2_iterations: 1, ..config::Auth::default() }
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    async fn fits(hasher: &Hasher, password: &str, hash: &str) -> bool {
        hasher.verify(secret(password), Some(hash.to_owned())).await.unwrap()
    }

    #[tokio::test]
    async fn a_password_fits_its_own_hash_only() {
        let hasher = Hasher::new(&cheap());
        let stored = hash(&secret("correct horse"), &cheap()).unwrap();
        assert!(fits(&hasher, "correct horse", &stored).await);
        assert!(!fits(&hasher, "correct hors", &stored).await);
        assert!(!fits(&hasher, "", &stored).await);
        assert_ne!(stored, hash(&secret("correct horse"), &cheap()).unwrap(), "each hash has its own salt");
    }

    #[tokio::test]
    async fn a_password_is_the_same_in_both_unicode_forms() {
        let hasher = Hasher::new(&cheap());
        let stored = hash(&secret("caf\u{e9} au lait"), &cheap()).unwrap();
        assert!(fits(&hasher, "cafe\u{301} au lait", &stored).await);
    }

    #[tokio::test]
    async fn nobodys_hash_costs_what_others_cost_and_fits_nothing() {
        let config = config::Auth::default();
        let hasher = Hasher::new(&config);
        let nobody = PasswordHash::new(&hasher.nobody).unwrap();
        let somebody = hash(&secret("correct horse"), &config).unwrap();
        let somebody = PasswordHash::new(&somebody).unwrap();
        assert_eq!(
            (nobody.algorithm, nobody.version, &nobody.params),
            (somebody.algorithm, somebody.version, &somebody.params)
        );
        assert!(!hasher.verify(secret("correct horse"), None).await.unwrap());
    }

    #[tokio::test]
    async fn those_who_would_wait_too_long_are_turned_away() {
        let hasher = Hasher::new(&config::Auth { hashes_max: 1, hashes_waiting_max: 1, ..cheap() });
        // All three start before the first is asked again for its result.
        let [first, second, third] = [(); 3].map(|()| hasher.verify(secret("correct horse"), None));
        let (first, second, third) = tokio::join!(first, second, third);
        assert!(first.is_ok() && second.is_ok() && third.is_err());
        assert!(hasher.verify(secret("correct horse"), None).await.is_ok(), "and later there is room again");
    }

    #[test]
    fn a_password_has_its_least_and_its_greatest_length() {
        for (length, expected) in [
            (PASSWORD_BYTES_MIN - 1, Some(UnfitPassword::TooShort)),
            (PASSWORD_BYTES_MIN, None),
            (PASSWORD_BYTES_MAX, None),
            (PASSWORD_BYTES_MAX + 1, Some(UnfitPassword::TooLong)),
        ] {
            assert_eq!(hash(&secret(&"x".repeat(length)), &cheap()).err(), expected, "{length}");
        }
    }
}
