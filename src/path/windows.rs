//! Names as Windows is told them: what it can't have in a name stands there as another character, and comes back as itself.
//!
//! The characters are those of the private use area that Services for Macintosh took for this, and that Samba (`vfs_catia`,
//! `vfs_fruit`) and macOS itself use since. Windows' drive marks all it asks with `translate: f`, by which it is known here.
//! Names of devices (`CON`) have no other form.

use std::borrow::Cow;

use http::HeaderMap;

use super::{Name, PathError, RelPath};

/// What Windows can't have anywhere, and what stands for it.
const ANYWHERE: [(char, char); 7] = [
    ('"', '\u{f020}'),
    ('*', '\u{f021}'),
    (':', '\u{f022}'),
    ('<', '\u{f023}'),
    ('>', '\u{f024}'),
    ('?', '\u{f025}'),
    ('|', '\u{f027}'),
];
/// What it can't have at the end.
const AT_END: [(char, char); 2] = [(' ', '\u{f028}'), ('.', '\u{f029}')];

/// Whether a request comes from Windows' drive.
pub fn asks(headers: &HeaderMap) -> bool {
    headers.get("translate").is_some_and(|value| value == "f")
}

/// A name as Windows can have it.
pub fn told(name: &str) -> Cow<'_, str> {
    exchange(name, |(plain, other)| (plain, other))
}

/// The name that Windows was told so.
pub fn meant(name: &str) -> Cow<'_, str> {
    exchange(name, |(plain, other)| (other, plain))
}

fn exchange(name: &str, way: fn((char, char)) -> (char, char)) -> Cow<'_, str> {
    let find = |c: char, among: &[(char, char)]| among.iter().map(|pair| way(*pair)).find(|(from, _)| *from == c);
    let last = name.chars().next_back().and_then(|c| find(c, &AT_END));
    if last.is_none() && !name.chars().any(|c| find(c, &ANYWHERE).is_some()) {
        return Cow::Borrowed(name);
    }
    let (stem, end) = match last {
        Some((from, to)) => (&name[..name.len() - from.len_utf8()], Some(to)),
        None => (name, None),
    };
    stem.chars().map(|c| find(c, &ANYWHERE).map_or(c, |(_, to)| to)).chain(end).collect::<String>().into()
}

impl RelPath {
    /// As [`RelPath::to_href`], for Windows or for others.
    pub fn to_href_for(&self, windows: bool, prefix: &str, is_collection: bool) -> String {
        if windows { self.href_of(prefix, is_collection, told) } else { self.to_href(prefix, is_collection) }
    }

    /// The path that Windows means by one that it asks for. Errors: as for any other path.
    pub fn meant_by_windows(self) -> Result<Self, PathError> {
        if self.segments.iter().all(|name| matches!(meant(name.as_str()), Cow::Borrowed(_))) {
            return Ok(self);
        }
        let mut path = Self::root();
        for name in &self.segments {
            path.push(Name::parse(&meant(name.as_str()))?)?;
        }
        path.trailing_slash = self.trailing_slash;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::windows_problem;
    use super::*;

    #[test]
    fn what_windows_cannot_have_is_told_by_other_characters() {
        for (name, for_windows) in [
            ("plan.txt", "plan.txt"),
            ("10:30 <a|b>?.txt", "10\u{f022}30 \u{f023}a\u{f027}b\u{f024}\u{f025}.txt"),
            ("\"all\" *", "\u{f020}all\u{f020} \u{f021}"),
            ("etc.", "etc\u{f029}"),
            ("a ", "a\u{f028}"),
            ("a. .", "a. \u{f029}"),
            ("...", "..\u{f029}"),
        ] {
            assert_eq!(told(name), for_windows, "{name}");
            assert_eq!(meant(for_windows), name, "{name}");
        }
        // A dot in the middle is nothing that Windows would mean by another one.
        assert_eq!(meant("a\u{f029}b"), "a\u{f029}b");
    }

    #[test]
    fn a_path_is_read_as_it_is_meant() {
        let path = RelPath::parse_human("/Projects/10\u{f022}30/etc\u{f029}").unwrap().meant_by_windows().unwrap();
        assert_eq!(path.to_string(), "/Projects/10:30/etc.");
        // What would be no name is refused as if it had come so.
        let dots = RelPath::parse_human("/Projects/.\u{f029}").unwrap().meant_by_windows();
        assert_eq!(dots.map(drop), Err(PathError::DotSegment));
    }

    proptest! {
        #[test]
        fn every_name_comes_back_as_it_was_and_pleases_windows(name in "[a-c.:*?<>|\" é]{1,12}") {
            prop_assume!(Name::parse(&name).is_ok());
            let for_windows = told(&name);
            prop_assert_eq!(meant(&for_windows), name.as_str());
            prop_assert_eq!(windows_problem(&Name::parse(&for_windows).unwrap()), None);
        }
    }
}
