//! What users, groups and organizations may be called.
//!
//! A directory name is a name as files have them (`path::Name`: kept as given, unique by its folded key) that also goes into
//! a login, a sentence and a table: no `:` (it ends the user name in a Basic login, RFC 7617 section 2), no blank edges, and short.

use super::DirectoryError;
use crate::path::{Name, NameKey, PathError};

/// Characters in the name of a user or a group.
const NAME_CHARS_MAX: usize = 64;
/// Characters in the name of an organization.
const ORGANIZATION_CHARS_MAX: usize = 128;

/// A valid name for a user, a group, a department, a device or an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryName(Name);

/// The rule that a name or a text breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameProblem {
    /// What holds for every name.
    #[error(transparent)]
    Name(#[from] PathError),
    /// `:` would end the user name in a Basic login.
    #[error("it holds a `:`")]
    Colon,
    /// A blank at either end can't be seen.
    #[error("it begins or ends with a blank")]
    BlankEdge,
    /// Nothing was given.
    #[error("it is empty")]
    Empty,
    /// More characters than allowed.
    #[error("it is longer than {0} characters")]
    TooLong(usize),
    /// A character that would act on a terminal.
    #[error("it holds a control character")]
    Control,
}

impl DirectoryName {
    /// A user's name: 1 to 64 characters. Errors: [`DirectoryError::BadName`].
    pub fn of_user(text: &str) -> Result<Self, DirectoryError> {
        Self::parse("user name", text, NAME_CHARS_MAX)
    }

    /// A group's name: 1 to 64 characters. Errors: [`DirectoryError::BadName`].
    pub fn of_group(text: &str) -> Result<Self, DirectoryError> {
        Self::parse("group name", text, NAME_CHARS_MAX)
    }

    /// A department's name, one step of its path: 1 to 64 characters. Errors: [`DirectoryError::BadName`].
    pub fn of_department(text: &str) -> Result<Self, DirectoryError> {
        Self::parse("department name", text, NAME_CHARS_MAX)
    }

    /// A device's name: 1 to 64 characters. Errors: [`DirectoryError::BadName`].
    pub fn of_device(text: &str) -> Result<Self, DirectoryError> {
        Self::parse("device name", text, NAME_CHARS_MAX)
    }

    /// An organization's name: 1 to 128 characters. Errors: [`DirectoryError::BadName`].
    pub fn of_organization(text: &str) -> Result<Self, DirectoryError> {
        Self::parse("organization name", text, ORGANIZATION_CHARS_MAX)
    }

    fn parse(noun: &'static str, text: &str, chars_max: usize) -> Result<Self, DirectoryError> {
        let name = || {
            let name = Name::parse(text)?;
            match text {
                _ if text.trim() != text => Err(NameProblem::BlankEdge),
                _ if text.contains(':') => Err(NameProblem::Colon),
                _ if text.chars().count() > chars_max => Err(NameProblem::TooLong(chars_max)),
                _ => Ok(Self(name)),
            }
        };
        name().map_err(|problem| bad(noun, text, problem))
    }

    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// What it is unique by.
    pub fn key(&self) -> NameKey {
        self.0.key()
    }
}

/// The key to look `text` up by; none if nobody can have that name.
pub(super) fn key(text: &str) -> Option<NameKey> {
    Some(Name::parse(text).ok()?.key())
}

/// Checks a text that is shown to people (a label, a display name, a description): at most `chars_max` characters on one line.
///
/// Errors: [`DirectoryError::BadName`].
pub fn plain_text(noun: &'static str, text: &str, chars_max: usize) -> Result<(), DirectoryError> {
    match text {
        _ if text.chars().any(char::is_control) => Err(bad(noun, text, NameProblem::Control)),
        _ if text.chars().count() > chars_max => Err(bad(noun, text, NameProblem::TooLong(chars_max))),
        _ => Ok(()),
    }
}

pub(super) fn bad(noun: &'static str, text: &str, problem: NameProblem) -> DirectoryError {
    let shown: String = text.chars().take(ORGANIZATION_CHARS_MAX).flat_map(char::escape_debug).collect();
    DirectoryError::BadName { noun, text: shown, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> Option<NameProblem> {
        match DirectoryName::of_user(text) {
            Ok(_) => None,
            Err(DirectoryError::BadName { problem, .. }) => Some(problem),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_user_name_fits_into_a_basic_login_and_a_table() {
        for fine in ["ana", "Ana María", "o'neill", "ben@example.com", "李", &"é".repeat(64)] {
            assert_eq!(problem(fine), None, "{fine}");
        }
        for (text, why) in [
            ("", NameProblem::Name(PathError::EmptyName)),
            ("..", NameProblem::Name(PathError::DotSegment)),
            ("ana:x", NameProblem::Colon),
            ("ACME\\ana", NameProblem::Name(PathError::Separator('\\'))),
            ("a/b", NameProblem::Name(PathError::Separator('/'))),
            (" ana", NameProblem::BlankEdge),
            ("ana\u{a0}", NameProblem::BlankEdge),
            ("a\nb", NameProblem::Name(PathError::ControlCharacter('\n'))),
            (&"é".repeat(65), NameProblem::TooLong(64)),
        ] {
            assert_eq!(problem(text), Some(why), "{text:?}");
        }
    }

    #[test]
    fn an_organization_may_have_a_longer_name_than_its_people() {
        assert!(DirectoryName::of_organization(&"o".repeat(128)).is_ok());
        assert!(DirectoryName::of_organization(&"o".repeat(129)).is_err());
        assert!(DirectoryName::of_group(&"g".repeat(65)).is_err());
    }

    #[test]
    fn a_refused_name_can_not_act_on_the_terminal_that_shows_it() {
        let told = DirectoryName::of_user("\u{1b}[2J").unwrap_err().to_string();
        assert!(told.starts_with("`\\u{1b}[2J` is no user name: "), "{told}");
    }

    #[test]
    fn a_label_is_one_line_of_bounded_length() {
        assert!(plain_text("label", "Ana's notebook: drive P", 64).is_ok());
        assert!(plain_text("label", "two\nlines", 64).is_err());
        assert!(plain_text("label", &"x".repeat(65), 64).is_err());
    }
}
