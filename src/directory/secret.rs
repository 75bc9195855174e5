//! Secrets that a person may have to type: drawn at random, written in an alphabet that can't be misread, never printed by accident.
//!
//! The alphabet is Crockford's base 32 in lower case: no `i`, `l`, `o`, `u`. Each character carries 5 bits.

use std::fmt;

use zeroize::Zeroizing;

/// Each 5 bits one character; none looks like another.
pub(super) const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Characters of a generated password: 80 bits, beyond any guessing through a throttled login.
const PASSWORD_CHARS: usize = 16;
/// Characters between two dashes of a generated password.
const PASSWORD_GROUP: usize = 4;

/// A text that only its owner should see: wiped when dropped, and `{:?}` doesn't show it.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes over a secret.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// A fresh password for a person, such as `k7mf-2x9p-qwd4-3hnt`.
    pub fn generated() -> Self {
        Self(grouped(&random(PASSWORD_CHARS), PASSWORD_GROUP))
    }

    /// The secret itself, for hashing it or for showing it once.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// So many random characters, 5 bits each.
pub(super) fn random(chars: usize) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new(vec![0; chars]);
    getrandom::fill(&mut bytes).expect("the operating system has random numbers");
    Zeroizing::new(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect())
}

/// The same text with a dash after every `size` characters.
pub(super) fn grouped(text: &str, size: usize) -> Zeroizing<String> {
    let mut grouped = Zeroizing::new(String::with_capacity(text.len() + text.len() / size));
    for (index, c) in text.chars().enumerate() {
        if index > 0 && index % size == 0 {
            grouped.push('-');
        }
        grouped.push(c);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_password_is_easy_to_type_and_never_the_same() {
        let [one, two] = [Secret::generated(), Secret::generated()];
        assert_ne!(one.reveal(), two.reveal());
        let groups: Vec<_> = one.reveal().split('-').collect();
        assert_eq!(groups.iter().map(|group| group.len()).collect::<Vec<_>>(), [4; 4]);
        assert!(groups.concat().bytes().all(|c| ALPHABET.contains(&c)));
    }

    #[test]
    fn a_secret_does_not_show_in_debug_output() {
        assert_eq!(format!("{:?}", Secret::new("open sesame".into())), "Secret(..)");
    }
}
