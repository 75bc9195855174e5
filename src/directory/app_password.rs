//! App passwords: one for each drive or device, made by the server, shown once, revoked alone.
//!
//! Written `ch` + public id (65 bits) + secret (160 bits) + two check characters, all in the alphabet of [`secret`](super::secret):
//! 49 characters in seven groups of seven. The public half finds the row, the other half is kept as its SHA-256 only; 160
//! random bits need no slow hash. The check characters tell a typing mistake, and any other password, without asking the database.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::secret::{ALPHABET, Secret, grouped, random};
use super::user::User;
use super::{Administrator, DirectoryError, NameProblem, name, plain_text, sql};
use crate::clock::Moment;
use crate::db::{DbError, Reads, WriteTx};
use crate::ids::{DeviceId, UserId};

/// What every app password begins with.
const PREFIX: &str = "ch";
/// Characters of the public half.
const ID_CHARS: usize = 13;
/// Characters of the secret half.
const SECRET_CHARS: usize = 32;
/// Characters that check the others.
const CHECK_CHARS: usize = 2;
/// All of them.
const CHARS: usize = PREFIX.len() + ID_CHARS + SECRET_CHARS + CHECK_CHARS;
/// Characters between two dashes when it is shown.
const GROUP: usize = 7;
/// The longest text that may be one: with a dash or a blank after every character.
const TEXT_BYTES_MAX: usize = 2 * CHARS;
/// Characters in a label.
const LABEL_CHARS_MAX: usize = 64;

/// What is known of an app password besides its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppPassword {
    /// The public half.
    pub id: String,
    /// Whose it is.
    pub user: UserId,
    /// What it is for, in its user's words; unique for the user.
    pub label: String,
    /// The registered device that it belongs to, and ends with.
    pub device: Option<DeviceId>,
    /// When it was made.
    pub created: Moment,
}

/// An app password with its secret half, as its holder types it.
pub struct Credential(Zeroizing<String>);

impl Credential {
    /// A new one, never seen before.
    pub fn fresh() -> Self {
        let mut text = Zeroizing::new(String::with_capacity(CHARS));
        text.push_str(PREFIX);
        text.push_str(&random(ID_CHARS + SECRET_CHARS));
        let check = check_of(&text);
        text.extend(check);
        Self(text)
    }

    /// Reads what somebody typed: with or without dashes and blanks, in any case, `o` for `0`, `i` or `l` for `1`.
    /// None if it is no app password or mistyped.
    pub fn parse(typed: &str) -> Option<Self> {
        if typed.len() > TEXT_BYTES_MAX {
            return None;
        }
        let mut text = Zeroizing::new(String::with_capacity(TEXT_BYTES_MAX));
        for c in typed.chars().filter(|c| !matches!(c, '-' | ' ')) {
            let c = match c.to_ascii_lowercase() {
                'o' => '0',
                'i' | 'l' => '1',
                c => c,
            };
            text.push(u8::try_from(c).ok().filter(|c| ALPHABET.contains(c)).map(char::from)?);
        }
        if text.len() != CHARS || !text.starts_with(PREFIX) {
            return None;
        }
        let (body, check) = text.split_at(CHARS - CHECK_CHARS);
        check.chars().eq(check_of(body)).then(|| Self(text.clone()))
    }

    /// The public half, which finds the row.
    pub fn id(&self) -> &str {
        &self.0[PREFIX.len()..][..ID_CHARS]
    }

    /// Whether its secret half is the one whose hash is stored; takes the same time whatever differs.
    pub fn matches(&self, secret_hash: &[u8]) -> bool {
        self.secret_hash().ct_eq(secret_hash).into()
    }

    /// The form that is shown to its holder, once.
    pub fn shown(&self) -> Secret {
        Secret::new(String::clone(&grouped(&self.0, GROUP)))
    }

    fn secret_hash(&self) -> [u8; 32] {
        Sha256::digest(&self.0[PREFIX.len() + ID_CHARS..][..SECRET_CHARS]).into()
    }
}

fn check_of(body: &str) -> [char; CHECK_CHARS] {
    let digest = Sha256::digest(body);
    std::array::from_fn(|index| char::from(ALPHABET[usize::from(digest[index] & 31)]))
}

/// Gives a user one more app password, for a registered device or for anything else.
///
/// Errors: [`DirectoryError::LabelTaken`], [`DirectoryError::BadName`], [`DirectoryError::OutOfReach`].
pub async fn add(
    tx: &mut WriteTx,
    by: &Administrator,
    user: &User,
    (label, device): (&str, Option<DeviceId>),
    credential: &Credential,
    now: Moment,
) -> Result<AppPassword, DirectoryError> {
    by.confirm_user_or_self(tx, user).await?;
    if label.trim().is_empty() {
        return Err(name::bad("label", label, NameProblem::Empty));
    }
    plain_text("label", label, LABEL_CHARS_MAX)?;
    tx.touch_directory();
    let (id, label) = (credential.id().to_owned(), label.to_owned());
    let made = AppPassword { id, user: user.id, label, device, created: now };
    if sql::insert_app_password(tx.conn(), &made, &credential.secret_hash()).await? {
        Ok(made)
    } else {
        Err(DirectoryError::LabelTaken { user: user.name.clone(), label: made.label })
    }
}

/// The app passwords of a user, by label.
pub async fn list(reads: &mut impl Reads, user: UserId) -> Result<Vec<AppPassword>, DbError> {
    sql::app_passwords(reads.conn(), user).await
}

/// The app password of that public id, the hash of its secret, and whose it is; for `auth/`.
pub async fn by_id(reads: &mut impl Reads, id: &str) -> Result<Option<(AppPassword, Vec<u8>, User)>, DbError> {
    sql::app_password_by_id(reads.conn(), id).await
}

/// Ends an app password; holds from the next request on. Errors: [`DirectoryError::NoSuchAppPassword`].
pub async fn revoke(tx: &mut WriteTx, by: &Administrator, user: &User, label: &str) -> Result<(), DirectoryError> {
    by.confirm_user_or_self(tx, user).await?;
    tx.touch_directory();
    if sql::delete_app_password(tx.conn(), user.id, label).await? {
        Ok(())
    } else {
        let label = label.escape_debug().to_string();
        Err(DirectoryError::NoSuchAppPassword { user: user.name.clone(), label })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_password_is_recognized_however_it_is_typed() {
        let credential = Credential::fresh();
        let shown = credential.shown();
        let groups: Vec<_> = shown.reveal().split('-').map(str::len).collect();
        assert_eq!(groups, [7; 7]);
        let dense = shown.reveal().replace('-', "");
        for typed in [
            shown.reveal().to_owned(),
            dense.clone(),
            shown.reveal().to_uppercase(),
            shown.reveal().replace('-', " "),
            dense.replace('0', "O").replace('1', "l"),
            dense.replace('0', "o").replace('1', "I"),
        ] {
            let parsed = Credential::parse(&typed).unwrap_or_else(|| panic!("{typed}"));
            assert_eq!(parsed.id(), credential.id());
            assert!(parsed.matches(&credential.secret_hash()));
        }
    }

    #[test]
    fn nearly_every_typing_mistake_is_told_by_the_check_characters() {
        // 1 in 1,024 mistakes goes through the check and then fails at the secret; of 47 tries three would be a defect.
        let dense = Credential::fresh().shown().reveal().replace('-', "");
        let unnoticed = (PREFIX.len()..CHARS)
            .filter(|at| {
                let mut typed = dense.clone().into_bytes();
                typed[*at] = if typed[*at] == b'7' { b'8' } else { b'7' };
                Credential::parse(&String::from_utf8(typed).unwrap()).is_some()
            })
            .count();
        assert!(unnoticed < 3, "{unnoticed}");
    }

    #[test]
    fn other_passwords_are_no_app_passwords() {
        let dense = Credential::fresh().shown().reveal().replace('-', "");
        let other_prefix = format!("dh{}", &dense[2..]);
        for typed in ["", "ch", "correct horse battery staple", &dense[1..], &format!("{dense}0"), &other_prefix, "é"]
        {
            assert!(Credential::parse(typed).is_none(), "{typed}");
        }
    }

    #[test]
    fn the_secret_of_one_app_password_does_not_fit_another() {
        let [one, two] = [Credential::fresh(), Credential::fresh()];
        assert_ne!(one.id(), two.id());
        assert!(!one.matches(&two.secret_hash()));
        assert!(!one.matches(&[]));
    }
}
