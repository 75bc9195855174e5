//! XML as WebDAV uses it: names, one bounded reader, one writer, and values that pass through untouched.
//!
//! Here: [`QName`]; in the files below the tree and its reader ([`tree`], [`read`]), raw values ([`raw`]), the writer ([`mod@write`]).
//! Not here: what any element means ([`super::bodies`], the verbs).
//! XML 1.0 (fifth edition), Namespaces in XML 1.0, RFC 4918 sections 4.3, 4.4, 8.2 and 17.

mod chars;
pub mod raw;
pub mod read;
pub mod tree;
pub mod write;

use std::cmp::Ordering;
use std::fmt::{self, Debug, Display, Formatter};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use chars::is_ncname;
pub use raw::RawXml;
pub use read::XmlError;
pub use tree::{Document, Element};
pub use write::XmlWriter;

/// The namespace of WebDAV itself.
pub const DAV: &str = "DAV:";

/// The namespace that the prefix `xml` always stands for.
const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// The namespace that the prefix `xmlns` always stands for.
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// An expanded name: a namespace, empty for none, and a local name. Cloning is cheap.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QName {
    ns: Text,
    local: Text,
}

impl QName {
    /// A name in the namespace `DAV:`.
    pub const fn dav(local: &'static str) -> Self {
        Self::fixed(DAV, local)
    }

    /// A name known when the program is compiled; `local` must be a name without a colon.
    pub const fn fixed(ns: &'static str, local: &'static str) -> Self {
        Self { ns: Text::Fixed(ns), local: Text::Fixed(local) }
    }

    /// A name from outside, as a stored property has it; none if `local` is no name without a colon (it would break the
    /// document it is written to).
    pub fn new(ns: &str, local: &str) -> Option<Self> {
        is_ncname(local).then(|| Self { ns: ns.into(), local: local.into() })
    }

    /// The namespace; empty for none.
    pub fn ns(&self) -> &str {
        &self.ns
    }

    /// The local name.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// Whether this is `local` in `DAV:`.
    pub fn is_dav(&self, local: &str) -> bool {
        *self.local == *local && *self.ns == *DAV
    }
}

/// In James Clark's notation, `{DAV:}prop`, for logs and messages.
impl Display for QName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}{}", self.ns(), self.local())
    }
}

impl Debug for QName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// Text that is either part of the program or shared. A body may name thousands of properties in one long namespace; shared,
/// the namespace is kept once.
#[derive(Debug, Clone)]
enum Text {
    Fixed(&'static str),
    Shared(Arc<str>),
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        match text {
            "" => Self::Fixed(""),
            DAV => Self::Fixed(DAV),
            _ => Self::Shared(text.into()),
        }
    }
}

impl std::ops::Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Fixed(text) => text,
            Self::Shared(text) => text,
        }
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_whether_fixed_or_parsed() {
        let fixed = QName::dav("prop");
        let parsed = QName::new("DAV:", "prop").unwrap();
        assert_eq!(fixed, parsed);
        assert!(parsed.is_dav("prop") && !parsed.is_dav("props"));
        assert_eq!(std::collections::HashSet::from([fixed, parsed]).len(), 1);
        assert_eq!(QName::new("", "a").unwrap().to_string(), "{}a");
        assert_ne!(QName::new("", "a"), QName::new("DAV:", "a"));
    }

    #[test]
    fn a_local_name_that_would_break_a_document_is_none() {
        for good in ["a", "_", "high-unicode", "é.1", "\u{10000}", "名"] {
            assert!(QName::new("urn:x", good).is_some(), "{good}");
        }
        for bad in ["", "1a", "-a", ".a", "a:b", "a b", "a>", "a/", "a\u{d7}", "\u{f0000}", "a\0"] {
            assert!(QName::new("urn:x", bad).is_none(), "{bad}");
        }
    }
}
