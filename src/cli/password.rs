//! How a human password comes in: from standard input or out of the random generator, never from an argument, which the whole
//! machine could read and the shell would remember.

use std::io::{BufRead, Read};

use super::output::Failure;
use crate::auth::password::{self, PASSWORD_BYTES_MAX};
use crate::config;
use crate::directory::secret::Secret;

/// The first line of standard input.
pub(super) fn typed() -> Result<Secret, Failure> {
    let mut line = String::new();
    // One more than allowed, and the end of the line: enough to see that it is too long.
    std::io::stdin().lock().take(PASSWORD_BYTES_MAX as u64 + 3).read_line(&mut line)?;
    let given = Secret::new(line);
    Ok(Secret::new(given.reveal().trim_end_matches(['\r', '\n']).to_owned()))
}

/// A password on its way into the directory.
pub(super) struct NewPassword {
    /// For the directory.
    pub hash: String,
    generated: Option<Secret>,
}

impl NewPassword {
    /// Takes the first line of standard input, or makes one up.
    pub fn take(from_stdin: bool, costs: &config::Auth) -> Result<Self, Failure> {
        if !from_stdin {
            return Ok(Self::generated(costs));
        }
        let typed = typed()?;
        Ok(Self { hash: password::hash(&typed, costs)?, generated: None })
    }

    pub fn generated(costs: &config::Auth) -> Self {
        let secret = Secret::generated();
        let hash = password::hash(&secret, costs).expect("a generated password is neither too short nor too long");
        Self { hash, generated: Some(secret) }
    }

    /// The line that shows a generated password this once; nothing for one that its owner knows.
    pub fn told(&self) -> String {
        self.secret().map(|secret| format!("password, shown only this once: {secret}\n")).unwrap_or_default()
    }

    /// A generated password.
    pub fn secret(&self) -> Option<&str> {
        self.generated.as_ref().map(Secret::reveal)
    }
}
