//! What a test says about an answer. Each check returns the reply, so that they read as one sentence, and each failure
//! names the request and shows the answer.

use super::http::Answer;
use super::xml::{Element, Multistatus, dav};

/// An answer together with the request it answers.
#[derive(Debug, Clone)]
pub struct Reply {
    pub request: String,
    pub answer: Answer,
}

impl Reply {
    #[track_caller]
    pub fn status(self, expected: u16) -> Self {
        self.status_in(&[expected])
    }

    #[track_caller]
    pub fn status_in(self, expected: &[u16]) -> Self {
        assert!(expected.contains(&self.answer.status), "{expected:?} expected: {}", self.told());
        self
    }

    #[track_caller]
    pub fn body(self, expected: impl AsRef<[u8]>) -> Self {
        let expected = expected.as_ref();
        assert!(
            self.answer.body == expected,
            "{}: {} bytes expected, got {} that differ first at {:?}",
            self.request,
            expected.len(),
            self.answer.body.len(),
            expected.iter().zip(&self.answer.body).position(|(a, b)| a != b),
        );
        self
    }

    /// The header is there and has this value.
    #[track_caller]
    pub fn says(self, name: &str, expected: &str) -> Self {
        assert_eq!(self.answer.header(name), Some(expected), "header `{name}`: {}", self.told());
        self
    }

    /// The header is not there.
    #[track_caller]
    pub fn says_nothing_of(self, name: &str) -> Self {
        assert_eq!(self.answer.header(name), None, "header `{name}`: {}", self.told());
        self
    }

    /// The value of a header that must be there.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        self.answer.header(name).unwrap_or_else(|| panic!("no header `{name}`: {}", self.told()))
    }

    /// The members of a comma separated header, trimmed; empty when the header isn't there.
    pub fn list(&self, name: &str) -> Vec<&str> {
        self.answer.header(name).map_or(Vec::new(), |value| value.split(',').map(str::trim).collect())
    }

    /// The error body names this DAV precondition (RFC 4918 section 16).
    #[track_caller]
    pub fn condition(self, name: &str) -> Self {
        let error = Element::parse(self.text());
        assert_eq!(error.name, dav("error"), "{}", self.told());
        assert!(error.child(&dav(name)).is_some(), "condition `{name}` expected: {}", self.told());
        self
    }

    /// The body as text.
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.answer.body).unwrap_or_else(|_| panic!("not UTF-8: {}", self.told()))
    }

    /// The body of a 207.
    #[track_caller]
    pub fn multistatus(&self) -> Multistatus {
        assert_eq!(self.answer.status, 207, "{}", self.told());
        Multistatus::parse(self.text())
    }

    /// The paths that a 207 speaks of, below the DAV root and decoded.
    #[track_caller]
    pub fn paths(&self) -> Vec<String> {
        self.multistatus().paths()
    }

    /// The strong entity tag of the answer (RFC 9110 section 8.8.3).
    #[track_caller]
    pub fn etag(&self) -> String {
        let etag = self.header("etag");
        let inner = etag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        assert!(
            inner.is_some_and(|tag| !tag.is_empty() && !tag.contains('"')),
            "a strong ETag expected: {}",
            self.told()
        );
        etag.to_owned()
    }

    /// Request and answer for a person who reads a failed test.
    pub fn told(&self) -> String {
        let body = String::from_utf8_lossy(&self.answer.body);
        let shown: String = body.chars().take(2_000).collect();
        format!("{} -> {} {:?}\n{shown}", self.request, self.answer.status, self.answer.headers)
    }
}
