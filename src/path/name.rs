//! One name in a collection: what it may hold, when two names are the same, and what Windows can't have.
//!
//! Here: [`Name`] (kept as sent), [`NameKey`] (what uniqueness and look-up go by), [`windows_problem`].
//! Not here: decoding and whole paths (`path`); that a key is unique is a matter of the database.
//! Unicode chapter 3.13, canonical caseless matching.

use std::fmt::{self, Display, Formatter};

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;

use super::PathError;

/// The longest name, in bytes of UTF-8; what the file systems of Windows, macOS and Linux can all hold.
pub const NAME_BYTES_MAX: usize = 255;

/// One valid name, exactly as it was sent. `==` compares the spelling; for "the same resource" compare keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name(Box<str>);

impl Name {
    /// Takes a decoded name.
    ///
    /// Errors: `EmptyName`, `DotSegment`, `NameTooLong`, `Separator`, `ControlCharacter`, `BidiControl`.
    pub fn parse(name: &str) -> Result<Self, PathError> {
        match name {
            "" => return Err(PathError::EmptyName),
            "." | ".." => return Err(PathError::DotSegment),
            _ if name.len() > NAME_BYTES_MAX => return Err(PathError::NameTooLong),
            _ => {}
        }
        match name.chars().find_map(refusal) {
            Some(refused) => Err(refused),
            None => Ok(Self(name.into())),
        }
    }

    /// The name as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What tells this name from its neighbours: equal for names that differ only in letter case or Unicode form.
    pub fn key(&self) -> NameKey {
        NameKey(folded(&self.0).into())
    }
}

/// A text as it is compared, whatever its letter case and Unicode form.
pub fn folded(text: &str) -> String {
    if text.is_ascii() {
        text.to_ascii_lowercase()
    } else {
        // Folding the decomposed form is what makes a key stable: some marks (U+0345) become letters when folded.
        text.chars().nfd().default_case_fold().nfc().collect()
    }
}

impl Display for Name {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn refusal(c: char) -> Option<PathError> {
    match c {
        '/' | '\\' => Some(PathError::Separator(c)),
        // The Unicode property Bidi_Control.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            Some(PathError::BidiControl(c))
        }
        _ => c.is_control().then_some(PathError::ControlCharacter(c)),
    }
}

/// A name folded for comparison: full default case folding, then NFC. Folding it again changes nothing.
///
/// Keys are stored, so a new Unicode version in the two crates that make them is a migration, not an upgrade.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameKey(Box<str>);

impl NameKey {
    /// The key's text, for a bound value in SQL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why Windows can't have a name in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WindowsNameProblem {
    /// One of `<>:"|?*`.
    #[error("Windows can't have `{0}` in a name")]
    Character(char),
    /// A dot or a space at the end, which Windows drops.
    #[error("Windows can't have a dot or a space at the end of a name")]
    TrailingDotOrSpace,
    /// The name of a device (`CON`, `nul.txt`), with or without an extension.
    #[error("Windows keeps this name for a device")]
    Device,
}

/// What Windows would find wrong with this name, for a share whose policy refuses such names; none if it is fine everywhere.
pub fn windows_problem(name: &Name) -> Option<WindowsNameProblem> {
    let name = name.as_str();
    if let Some(c) = name.chars().find(|c| r#"<>:"|?*"#.contains(*c)) {
        return Some(WindowsNameProblem::Character(c));
    }
    if name.ends_with(['.', ' ']) {
        return Some(WindowsNameProblem::TrailingDotOrSpace);
    }
    is_device(name).then_some(WindowsNameProblem::Device)
}

/// Whether Windows opens a device for this name: it looks at what stands before the first dot, without spaces, in any case.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end_matches(' ').to_ascii_uppercase();
    match stem.as_str() {
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" => true,
        _ => stem
            .strip_prefix("COM")
            .or_else(|| stem.strip_prefix("LPT"))
            .is_some_and(|port| matches!(port, "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(name: &str) -> String {
        Name::parse(name).unwrap().key().as_str().to_owned()
    }

    #[test]
    fn names_that_differ_in_case_or_unicode_form_share_a_key() {
        for twins in [
            ["Plan.TXT", "pLAN.txt"],
            ["\u{e9}", "e\u{301}"],                // é: NFC and NFD
            ["\u{c9}", "e\u{301}"],                // É
            ["STRASSE", "stra\u{df}e"],            // full folding: ß is ss
            ["\u{1e9e}", "ss"],                    // capital sharp s
            ["\u{212a}", "k"],                     // the Kelvin sign
            ["\u{3a3}", "\u{3c2}"],                // Σ and the final ς
            ["\u{1f80}", "\u{3b1}\u{345}\u{313}"], // ᾀ and its marks in another order
            ["\u{fb01}le", "FILE"],                // the ligature fi
            ["\u{13a0}", "\u{ab70}"],              // Cherokee folds upwards
            ["\u{ac00}", "\u{1100}\u{1161}"],      // 가, from jamo
        ] {
            assert_eq!(key(twins[0]), key(twins[1]), "{twins:?}");
        }
    }

    #[test]
    fn names_that_only_look_alike_keep_their_own_keys() {
        for pair in [["a", "\u{430}"], ["i", "\u{131}"], ["1", "\u{b9}"], ["a", "\u{e0}"], ["a.", "a"], ["a ", "a"]] {
            assert_ne!(key(pair[0]), key(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn the_key_of_every_character_is_stable_under_folding_and_normalisation() {
        for c in (char::MIN..=char::MAX).filter(|c| refusal(*c).is_none() && *c != '.') {
            let name = c.to_string();
            let folded = key(&name);
            assert_eq!(key(&folded), folded, "{c:?}");
            assert_eq!(key(&name.nfd().collect::<String>()), folded, "{c:?}");
        }
    }

    #[test]
    fn each_bidirectional_control_is_refused_and_its_neighbours_are_not() {
        let refused = ['\u{61c}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202e}', '\u{2066}', '\u{2069}'];
        for c in refused {
            assert_eq!(Name::parse(&format!("a{c}b")), Err(PathError::BidiControl(c)));
        }
        // Joiners are needed to write Persian and many emoji.
        for c in ['\u{61b}', '\u{200c}', '\u{200d}', '\u{2029}', '\u{202f}', '\u{2065}', '\u{206a}'] {
            assert!(Name::parse(&format!("a{c}b")).is_ok(), "{c:?}");
        }
    }

    #[test]
    fn every_control_character_is_refused() {
        for c in (0..=0x1f).chain(0x7f..=0x9f).map(|code| char::from_u32(code).unwrap()) {
            assert_eq!(Name::parse(&format!("a{c}")), Err(PathError::ControlCharacter(c)));
        }
        assert!(Name::parse("\u{a0}").is_ok());
        assert_eq!(Name::parse(""), Err(PathError::EmptyName));
    }

    #[test]
    fn the_length_is_counted_in_bytes() {
        assert!(Name::parse(&"é".repeat(127)).is_ok());
        assert_eq!(Name::parse(&"é".repeat(128)), Err(PathError::NameTooLong));
    }

    #[test]
    fn names_windows_cannot_have_are_told_with_the_reason() {
        use WindowsNameProblem::{Character, Device, TrailingDotOrSpace};
        let problem = |name: &str| windows_problem(&Name::parse(name).unwrap());
        for device in
            ["CON", "con", "Nul.txt", "aux .tar.gz", "COM1", "lpt9.log", "com¹", "LPT³.x", "CONIN$", "prn.a.b"]
        {
            assert_eq!(problem(device), Some(Device), "{device}");
        }
        for fine in ["CONSOLE", "COM0", "COM10", "COM", "xCON", "a.con", "nul-txt", ".nul", "~$plan.docx", "été"] {
            assert_eq!(problem(fine), None, "{fine}");
        }
        for c in "<>:\"|?*".chars() {
            assert_eq!(problem(&format!("a{c}b")), Some(Character(c)));
        }
        for trailing in ["a.", "a ", "...", "CON."] {
            assert_eq!(problem(trailing), Some(TrailingDotOrSpace), "{trailing}");
        }
    }

    proptest! {
        #[test]
        fn a_key_is_its_own_key(name in "[\\PC\u{345}\u{301}\u{3b9}]{1,40}".prop_filter("a name", |s| Name::parse(s).is_ok())) {
            let folded = key(&name);
            // A key may outgrow the limit of names, so the folding is asked directly.
            let again: String = folded.chars().nfd().default_case_fold().nfc().collect();
            prop_assert_eq!(&again, &folded);
            prop_assert_eq!(key(&name.nfc().collect::<String>()), folded);
        }

        #[test]
        fn names_share_a_key_exactly_when_unicode_calls_them_caseless_equal(a in "[aAbBéÉßsSKk\u{212a}\u{301}\u{345}]{1,4}", b in "[aAbBéÉßsSKk\u{212a}\u{301}\u{345}]{1,4}") {
            prop_assert_eq!(key(&a) == key(&b), caseless::canonical_caseless_match_str(&a, &b));
        }
    }
}
