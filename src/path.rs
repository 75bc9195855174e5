//! Paths below the DAV root: parsed once, at the door, and typed from there on.
//!
//! Here: [`RelPath`], the names a request or a command asks for; the test for the DAV prefix; the way back to an href.
//! Not here: what one name may hold and how names compare ([`name`]), what a path leads to (`tree`), who may go there (`guard`).
//! RFC 3986 sections 2.1 and 3.3, RFC 4918 section 8.3.

pub mod name;
pub mod windows;

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, percent_decode_str, utf8_percent_encode};

pub use name::{NAME_BYTES_MAX, Name, NameKey, WindowsNameProblem, folded, windows_problem};

/// The longest path, in bytes of its decoded form (`/Share/folder/file`).
pub const PATH_BYTES_MAX: usize = 4096;

/// The most names in a path.
pub const PATH_DEPTH_MAX: usize = 128;

/// What stays literal in an href: the unreserved characters of RFC 3986 section 2.3 and nothing else.
///
/// `!$&'()*+,;=:@` would be legal too, but clients differ: some read `+` as a space, `&` must be escaped once more in XML,
/// and a client that compares its own encoding with ours byte by byte escapes all of them. Encoded they mean the same to everybody.
const HREF_ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why a text is no path of ours: 400, and 414 for `PathTooLong`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The path doesn't begin with `/`.
    #[error("a path begins with `/`")]
    NotAbsolute,
    /// A `%` without its two hexadecimal digits.
    #[error("a `%` in the path isn't followed by two hexadecimal digits")]
    BadEscape,
    /// The decoded bytes are not UTF-8.
    #[error("the path isn't UTF-8")]
    NotUtf8,
    /// A name without a character; only [`Name::parse`] can meet one, since paths collapse `//`.
    #[error("a name is empty")]
    EmptyName,
    /// `.` or `..`, plain or encoded: refused, never resolved.
    #[error("`.` and `..` are no names")]
    DotSegment,
    /// `/` (encoded) or `\` (in any form) inside a name.
    #[error("a name holds the separator `{0}`")]
    Separator(char),
    /// A C0 or C1 control character, or DEL.
    #[error("a name holds the control character U+{code:04X}", code = u32::from(*.0))]
    ControlCharacter(char),
    /// A character that only turns the direction of writing and so can disguise a name (`photo<U+202E>gpj.exe` reads as `photoexe.jpg`).
    #[error("a name holds the bidirectional control U+{code:04X}", code = u32::from(*.0))]
    BidiControl(char),
    /// A name over [`NAME_BYTES_MAX`].
    #[error("a name is longer than {NAME_BYTES_MAX} bytes")]
    NameTooLong,
    /// A path over [`PATH_BYTES_MAX`].
    #[error("the path is longer than {PATH_BYTES_MAX} bytes")]
    PathTooLong,
    /// A path of more than [`PATH_DEPTH_MAX`] names.
    #[error("the path is deeper than {PATH_DEPTH_MAX} names")]
    TooDeep,
}

/// A path below the DAV root: valid names, none empty, none `.` or `..`, within the limits.
///
/// It is not comparable with `==`: two spellings of one path (letter case, Unicode form) lead to one resource, so
/// [`RelPath::starts_with`] compares by [`NameKey`].
#[derive(Debug, Clone)]
pub struct RelPath {
    segments: Vec<Name>,
    /// Length of the decoded path with a `/` before every name; kept within `PATH_BYTES_MAX`.
    bytes: usize,
    trailing_slash: bool,
}

impl RelPath {
    /// The root itself, the collection of shares.
    pub fn root() -> Self {
        Self { segments: Vec::new(), bytes: 0, trailing_slash: true }
    }

    /// Parses the percent-encoded absolute path of a request target or a `Destination`, its prefix already cut off
    /// ([`split_prefix`]). Decodes exactly once; empty segments collapse.
    ///
    /// Errors: every [`PathError`] but `EmptyName`.
    pub fn parse_request_target(raw_path: &str) -> Result<Self, PathError> {
        Self::parse(raw_path, decode_segment)
    }

    /// Parses a path as people write it on the command line, `/Share/folder/file`: nothing is decoded, `%` is a plain character.
    ///
    /// Errors: every [`PathError`] but `EmptyName`, `BadEscape` and `NotUtf8`.
    pub fn parse_human(path: &str) -> Result<Self, PathError> {
        Self::parse(path, |segment| Ok(Cow::Borrowed(segment)))
    }

    fn parse(path: &str, decode: fn(&str) -> Result<Cow<'_, str>, PathError>) -> Result<Self, PathError> {
        if !path.starts_with('/') {
            return Err(PathError::NotAbsolute);
        }
        let mut parsed = Self::root();
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            parsed.push(Name::parse(&decode(segment)?)?)?;
        }
        parsed.trailing_slash = path.ends_with('/');
        Ok(parsed)
    }

    fn push(&mut self, name: Name) -> Result<(), PathError> {
        if self.segments.len() == PATH_DEPTH_MAX {
            return Err(PathError::TooDeep);
        }
        self.bytes += 1 + name.as_str().len();
        if self.bytes > PATH_BYTES_MAX {
            return Err(PathError::PathTooLong);
        }
        self.segments.push(name);
        Ok(())
    }

    /// The names from the root down; the first is the share's.
    pub fn segments(&self) -> &[Name] {
        &self.segments
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.segments.is_empty()
    }

    /// The last name; none for the root.
    pub fn name(&self) -> Option<&Name> {
        self.segments.last()
    }

    /// The path one name up, with a trailing slash since it can only be a collection; none for the root.
    pub fn parent(&self) -> Option<Self> {
        let (last, above) = self.segments.split_last()?;
        Some(Self { segments: above.to_vec(), bytes: self.bytes - 1 - last.as_str().len(), trailing_slash: true })
    }

    /// The path of the member `name` of this collection, without a trailing slash.
    ///
    /// Errors: `PathTooLong`, `TooDeep`.
    pub fn join(&self, name: &Name) -> Result<Self, PathError> {
        let mut joined = self.clone();
        joined.push(name.clone())?;
        joined.trailing_slash = false;
        Ok(joined)
    }

    /// Whether this path is `other` or lies below it, by name key: `/a/B/c` starts with `/A/b`, `/ab` does not start with `/a`.
    ///
    /// COPY and MOVE ask it both ways to refuse a destination that is the source, above it or below it.
    pub fn starts_with(&self, other: &Self) -> bool {
        self.segments.len() >= other.segments.len()
            && self.segments.iter().zip(&other.segments).all(|(ours, theirs)| ours.key() == theirs.key())
    }

    /// Whether both name the same place, and write its last name in other letters or in the other Unicode form.
    pub fn respells(&self, other: &Self) -> bool {
        let names = (self.name().map(Name::as_str), other.name().map(Name::as_str));
        self.starts_with(other) && other.starts_with(self) && names.0 != names.1
    }

    /// Whether the path was written with a `/` at its end; always so for the root.
    pub fn trailing_slash(&self) -> bool {
        self.trailing_slash
    }

    /// The percent-encoded absolute path for a client: the prefix (as configured, with its slashes: `/dav/`), the names, and a
    /// `/` at the end of a collection. What this gives, [`split_prefix`] and [`RelPath::parse_request_target`] take back.
    pub fn to_href(&self, prefix: &str, is_collection: bool) -> String {
        self.href_of(prefix, is_collection, as_it_is)
    }

    /// The same with each name as `told`.
    fn href_of(&self, prefix: &str, is_collection: bool, told: fn(&str) -> Cow<'_, str>) -> String {
        let mut href = String::with_capacity(prefix.len() + self.bytes + 1);
        href.push_str(prefix.trim_end_matches('/'));
        for name in &self.segments {
            href.push('/');
            href.extend(encode_segment(&told(name.as_str())));
        }
        if is_collection || self.is_root() {
            href.push('/');
        }
        href
    }
}

/// The path as people read it: `/Share/folder/file`, the root `/`, never a slash at the end.
impl Display for RelPath {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_str("/");
        }
        self.segments.iter().try_for_each(|name| write!(f, "/{name}"))
    }
}

fn as_it_is(name: &str) -> Cow<'_, str> {
    Cow::Borrowed(name)
}

/// One name for an href, percent-encoded in upper-case hexadecimal; for listings that write many members of one collection.
pub fn encode_segment(name: &str) -> PercentEncode<'_> {
    utf8_percent_encode(name, HREF_ESCAPED)
}

/// Decodes one segment of a URL, refusing what a lenient decoder would pass through.
///
/// Errors: `BadEscape`, `NotUtf8`.
pub fn decode_segment(segment: &str) -> Result<Cow<'_, str>, PathError> {
    let is_escape = |after: &str| after.len() >= 2 && after.bytes().take(2).all(|b| b.is_ascii_hexdigit());
    if !segment.split('%').skip(1).all(is_escape) {
        return Err(PathError::BadEscape);
    }
    percent_decode_str(segment).decode_utf8().map_err(|_| PathError::NotUtf8)
}

/// Where a request path lies, seen from the DAV prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefixed<'a> {
    /// The prefix itself, `/dav/`.
    Root,
    /// Below it; the rest, from its `/` on, still encoded.
    Below(&'a str),
    /// The prefix without its slash, `/dav`: a GET is redirected, other verbs are answered as for the root.
    Redirect,
    /// Not ours; `/davX` too.
    Outside,
}

/// Tells a request path's place by the DAV prefix (`/dav/`; `/` when the whole host is served). Compares literally: a prefix in
/// another case or with escapes is outside.
pub fn split_prefix<'a>(path: &'a str, prefix: &str) -> Prefixed<'a> {
    let stem = prefix.trim_end_matches('/');
    match path.strip_prefix(stem) {
        Some("/") => Prefixed::Root,
        Some("") if !stem.is_empty() => Prefixed::Redirect,
        Some(rest) if rest.starts_with('/') => Prefixed::Below(rest),
        Some(_) | None => Prefixed::Outside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn target(raw: &str) -> Result<String, PathError> {
        RelPath::parse_request_target(raw).map(|path| path.to_string())
    }

    fn human(path: &str) -> RelPath {
        RelPath::parse_human(path).unwrap()
    }

    #[test]
    fn a_request_path_is_decoded_once() {
        assert_eq!(target("/Projects/a%20b/%C3%A9t%c3%a9.txt"), Ok("/Projects/a b/été.txt".into()));
        assert_eq!(target("/100%2525"), Ok("/100%25".into()));
        assert_eq!(target("/a%2525252e%252e"), Ok("/a%25252e%2e".into()));
    }

    #[test]
    fn empty_segments_collapse_and_the_slash_at_the_end_is_remembered() {
        for (raw, shown, slash) in
            [("/", "/", true), ("///", "/", true), ("//a///b//", "/a/b", true), ("/a//b", "/a/b", false)]
        {
            let path = RelPath::parse_request_target(raw).unwrap();
            assert_eq!((path.to_string().as_str(), path.trailing_slash()), (shown, slash), "{raw}");
        }
    }

    #[test]
    fn hostile_paths_are_refused_each_for_its_reason() {
        for (raw, why) in [
            ("", PathError::NotAbsolute),
            ("a", PathError::NotAbsolute),
            ("*", PathError::NotAbsolute),
            ("/a%", PathError::BadEscape),
            ("/a%2", PathError::BadEscape),
            ("/%2g", PathError::BadEscape),
            ("/%%41", PathError::BadEscape),
            ("/%é", PathError::BadEscape),
            ("/%FF", PathError::NotUtf8),
            ("/%C3", PathError::NotUtf8),
            ("/%C0%AF", PathError::NotUtf8),    // overlong `/`
            ("/%ED%A0%80", PathError::NotUtf8), // a lone surrogate
            ("/%C3/%A9", PathError::NotUtf8),   // a character never spans a slash
            ("/a/./b", PathError::DotSegment),
            ("/a/../b", PathError::DotSegment),
            ("/a/%2e%2E", PathError::DotSegment),
            ("/%2e", PathError::DotSegment),
            ("/a%2Fb", PathError::Separator('/')),
            ("/..%2fb", PathError::Separator('/')),
            ("/a\\b", PathError::Separator('\\')),
            ("/a%5cb", PathError::Separator('\\')),
            ("/a%00", PathError::ControlCharacter('\0')),
            ("/a%0D%0Ab", PathError::ControlCharacter('\r')),
            ("/%7F", PathError::ControlCharacter('\u{7f}')),
            ("/%C2%85", PathError::ControlCharacter('\u{85}')),
            ("/photo%E2%80%AEgpj.exe", PathError::BidiControl('\u{202e}')),
        ] {
            assert_eq!(target(raw), Err(why), "{raw}");
        }
    }

    #[test]
    fn dots_inside_a_name_are_plain_characters() {
        assert_eq!(target("/.../..a/.b/c."), Ok("/.../..a/.b/c.".into()));
    }

    #[test]
    fn the_limits_hold_to_the_byte() {
        let names = |count: usize, bytes: usize| format!("/{}", "n".repeat(bytes)).repeat(count);
        assert!(target(&names(1, NAME_BYTES_MAX)).is_ok());
        assert_eq!(target(&names(1, NAME_BYTES_MAX + 1)), Err(PathError::NameTooLong));
        assert!(target(&names(PATH_DEPTH_MAX, 1)).is_ok());
        assert_eq!(target(&names(PATH_DEPTH_MAX + 1, 1)), Err(PathError::TooDeep));
        let longest = names(PATH_BYTES_MAX / 256, 255);
        assert_eq!(longest.len(), PATH_BYTES_MAX);
        assert!(target(&longest).is_ok());
        assert_eq!(target(&format!("{longest}/n")), Err(PathError::PathTooLong));
        // Slashes that collapse and escapes count for nothing: the decoded path is measured.
        assert!(target(&longest.replace('/', "//").replace('n', "%6e")).is_ok());
        assert!(matches!(human(&longest).join(&Name::parse("n").unwrap()), Err(PathError::PathTooLong)));
        assert!(matches!(human(&names(PATH_DEPTH_MAX, 1)).join(&Name::parse("n").unwrap()), Err(PathError::TooDeep)));
    }

    #[test]
    fn a_path_on_the_command_line_is_not_decoded() {
        assert_eq!(human("/Projects/100%25.txt").to_string(), "/Projects/100%25.txt");
        assert!(matches!(RelPath::parse_human("Projects"), Err(PathError::NotAbsolute)));
        assert!(matches!(RelPath::parse_human("/Projects/../x"), Err(PathError::DotSegment)));
    }

    #[test]
    fn parent_and_join_undo_each_other() {
        let path = human("/Projects/plans/a.txt");
        let parent = path.parent().unwrap();
        assert_eq!(parent.to_string(), "/Projects/plans");
        assert!(parent.trailing_slash());
        let again = parent.join(path.name().unwrap()).unwrap();
        assert_eq!(again.to_string(), path.to_string());
        assert_eq!(again.bytes, path.bytes);
        assert!(human("/Projects").parent().unwrap().is_root());
        assert!(RelPath::root().parent().is_none());
        assert!(RelPath::root().name().is_none());
    }

    #[test]
    fn ancestors_are_told_by_key_and_by_whole_names() {
        let starts = |path: &str, other: &str| human(path).starts_with(&human(other));
        assert!(starts("/a/b", "/"));
        assert!(starts("/a/b", "/a"));
        assert!(starts("/a/b/", "/a/b"));
        assert!(starts("/A/ÉTÉ/x", "/a/e\u{301}te\u{301}"));
        assert!(starts("/strasse", "/STRAßE"));
        assert!(!starts("/ab", "/a"));
        assert!(!starts("/a", "/a/b"));
    }

    #[test]
    fn an_href_escapes_everything_but_unreserved_characters() {
        let path = human("/Plan & Co/a+b;c=(d)%/été~1-_.txt");
        let href = "/dav/Plan%20%26%20Co/a%2Bb%3Bc%3D%28d%29%25/%C3%A9t%C3%A9~1-_.txt";
        assert_eq!(path.to_href("/dav/", false), href);
        assert_eq!(path.to_href("/dav/", true), format!("{href}/"));
        assert_eq!(RelPath::root().to_href("/dav/", true), "/dav/");
        assert_eq!(RelPath::root().to_href("/", true), "/");
        assert_eq!(human("/a").to_href("/", false), "/a");
    }

    #[test]
    fn the_prefix_and_its_namesakes_are_told_apart() {
        for (path, place) in [
            ("/dav/", Prefixed::Root),
            ("/dav", Prefixed::Redirect),
            ("/dav/a", Prefixed::Below("/a")),
            ("/dav//", Prefixed::Below("//")),
            ("/dav/%2e%2e/api", Prefixed::Below("/%2e%2e/api")),
            ("/davX", Prefixed::Outside),
            ("/davX/", Prefixed::Outside),
            ("/DAV/", Prefixed::Outside),
            ("/", Prefixed::Outside),
            ("", Prefixed::Outside),
            ("*", Prefixed::Outside),
        ] {
            assert_eq!(split_prefix(path, "/dav/"), place, "{path}");
        }
        assert_eq!(split_prefix("/", "/"), Prefixed::Root);
        assert_eq!(split_prefix("/a", "/"), Prefixed::Below("/a"));
        assert_eq!(split_prefix("*", "/"), Prefixed::Outside);
    }

    proptest! {
        #[test]
        fn any_text_is_a_path_or_an_error(text in any::<String>(), escapes in "(/|%[0-9a-fA-F]{2}|%|[.a]){0,40}") {
            let _ = RelPath::parse_human(&text);
            let _ = RelPath::parse_request_target(&text);
            let _ = split_prefix(&text, "/dav/");
            if let Ok(path) = RelPath::parse_request_target(&escapes) {
                prop_assert!(path.segments().iter().all(|name| Name::parse(name.as_str()).is_ok()));
            }
        }

        #[test]
        fn an_href_parses_back_to_the_same_names(
            names in proptest::collection::vec("\\PC{1,12}".prop_filter_map("no name", |s| Name::parse(&s).ok()), 0..12),
            is_collection: bool,
        ) {
            let path = names.iter().try_fold(RelPath::root(), |path, name| path.join(name)).unwrap();
            let href = path.to_href("/dav/", is_collection);
            prop_assert!(href.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~/%".contains(&b)));
            let again = match split_prefix(&href, "/dav/") {
                Prefixed::Root => RelPath::root(),
                Prefixed::Below(rest) => RelPath::parse_request_target(rest).unwrap(),
                Prefixed::Redirect | Prefixed::Outside => panic!("`{href}` left the prefix"),
            };
            prop_assert_eq!(again.segments(), path.segments());
            prop_assert_eq!(again.trailing_slash(), is_collection || path.is_root());
            prop_assert_eq!(again.to_string(), path.to_string());
            prop_assert_eq!(again.bytes, path.segments().iter().map(|n| 1 + n.as_str().len()).sum::<usize>());
        }
    }
}
