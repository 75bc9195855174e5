//! The headers that change what a request means, as total parsers: a value comes out typed, or an error does.
//!
//! Here: the [`Header`] trait (how often, how long, which text) and, in the files below, one type for each header.
//! Not here: `If`, whose grammar is its own ([`super::if_header`]), credentials (`auth`), and what a verb does with a value.
//! A malformed header is never taken for an absent one: a client that meant `Overwrite: F` must not overwrite.

pub mod conditional;
pub mod destination;
pub mod etag;
pub mod range;
pub(super) mod scan;
pub mod tus;
pub mod update_range;
pub mod upload;
pub mod webdav;

use std::borrow::Cow;

use http::HeaderMap;

pub use conditional::{HttpDate, IfMatch, IfModifiedSince, IfNoneMatch, IfRange, IfUnmodifiedSince};
pub use destination::{Destination, Origin};
pub use etag::EntityTag;
pub use range::{ByteRange, Extent, has_content_range};
pub use tus::{UploadChecksum, UploadLength, UploadMetadata, UploadOffset};
pub use update_range::{Misfit, UpdateRange};
pub use upload::{Checksum, ChecksumAlgorithm, ExpectedLength, OcChecksum, OcMtime};
pub use webdav::{Depth, LockToken, Overwrite, Timeout};

/// The longest value of a header, all its lines together, unless its type says otherwise.
pub const HEADER_BYTES_MAX: usize = 8 * 1024;

/// What is wrong with a value, in words for the person who reads the answer.
pub type Flaw = &'static str;

/// Why a request's headers can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The value doesn't follow the header's grammar: 400.
    #[error("the header `{header}` is malformed: {flaw}")]
    Malformed {
        /// The header's name.
        header: &'static str,
        /// What is wrong.
        flaw: Flaw,
    },
    /// A header with one value came several times: 400.
    #[error("the header `{0}` may be sent only once")]
    Repeated(&'static str),
    /// The value is over the header's limit: 431.
    #[error("the header `{header}` is longer than {bytes_max} bytes")]
    TooLong {
        /// The header's name.
        header: &'static str,
        /// Its limit.
        bytes_max: usize,
    },
    /// `Destination` names another server: 502, as RFC 4918 section 9.8.5 asks.
    #[error("the destination is on another server")]
    ForeignDestination,
}

/// A header with a typed value.
pub trait Header: Sized {
    /// The name, in any case.
    const NAME: &'static str;
    /// The longest value, all lines together.
    const BYTES_MAX: usize = HEADER_BYTES_MAX;
    /// Whether several lines are one comma-separated list (RFC 9110 section 5.3).
    const IS_LIST: bool = false;

    /// Parses one value, without white space around it and within the limit.
    ///
    /// Errors: what is wrong with it.
    fn from_text(text: &str) -> Result<Self, Flaw>;

    /// Reads the header from a request; none when it wasn't sent.
    ///
    /// Errors: `Malformed`, `Repeated`, `TooLong`.
    fn parse(headers: &HeaderMap) -> Result<Option<Self>, HeaderError> {
        parse_strict(headers)
    }
}

/// The reading that holds for every header; a header that must forgive something does so on top of it.
fn parse_strict<H: Header>(headers: &HeaderMap) -> Result<Option<H>, HeaderError> {
    let malformed = |flaw| HeaderError::Malformed { header: H::NAME, flaw };
    let mut joined: Option<Cow<'_, str>> = None;
    for line in headers.get_all(H::NAME) {
        let before = joined.as_ref().map_or(0, |text| text.len());
        if before + line.len() > H::BYTES_MAX {
            return Err(HeaderError::TooLong { header: H::NAME, bytes_max: H::BYTES_MAX });
        }
        let line = str::from_utf8(line.as_bytes()).map_err(|_| malformed("it isn't UTF-8"))?;
        joined = Some(match joined {
            None => Cow::Borrowed(line),
            Some(text) if H::IS_LIST => Cow::Owned(format!("{text},{line}")),
            Some(_) => return Err(HeaderError::Repeated(H::NAME)),
        });
    }
    joined.map(|text| H::from_text(scan::trim(&text)).map_err(malformed)).transpose()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    /// A request's headers, from names and raw values.
    pub(in crate::dav) fn headers<V: AsRef<[u8]>>(lines: &[(&'static str, V)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_bytes(value.as_ref()).unwrap());
        }
        headers
    }

    /// The outcome of one header line.
    pub(in crate::dav) fn one<H: Header>(value: &str) -> Result<H, HeaderError> {
        H::parse(&headers(&[(H::NAME, value)])).map(|header| header.expect("it was sent"))
    }

    /// Whether the value is refused as malformed.
    pub(in crate::dav) fn is_malformed<H: Header>(value: &str) -> bool {
        matches!(one::<H>(value), Err(HeaderError::Malformed { header, .. }) if header == H::NAME)
    }

    #[test]
    fn an_absent_header_is_none_and_an_empty_one_is_an_error() {
        assert_eq!(Depth::parse(&HeaderMap::new()), Ok(None));
        assert!(is_malformed::<Depth>(""));
        assert!(is_malformed::<Overwrite>(" \t "));
        assert!(is_malformed::<IfMatch>(""));
        assert!(is_malformed::<Timeout>(""));
        assert!(is_malformed::<ByteRange>(""));
    }

    #[test]
    fn a_single_header_sent_twice_is_refused_even_when_both_agree() {
        let twice = headers(&[("Overwrite", "F"), ("overwrite", "F")]);
        assert_eq!(Overwrite::parse(&twice), Err(HeaderError::Repeated("Overwrite")));
        let twice = headers(&[("Destination", "/dav/a"), ("Destination", "/dav/b")]);
        assert_eq!(Destination::parse(&twice), Err(HeaderError::Repeated("Destination")));
    }

    #[test]
    fn bytes_that_are_not_utf8_are_malformed() {
        let bad = headers(&[("Depth", b"\xff")]);
        assert!(matches!(Depth::parse(&bad), Err(HeaderError::Malformed { header: "Depth", .. })));
    }

    #[test]
    fn the_size_limit_holds_to_the_byte_and_over_all_lines() {
        let token = |bytes: usize| format!("a:{}", "x".repeat(bytes - 2));
        assert!(one::<LockToken>(&token(HEADER_BYTES_MAX)).is_ok());
        let too_long = HeaderError::TooLong { header: "Lock-Token", bytes_max: HEADER_BYTES_MAX };
        assert_eq!(one::<LockToken>(&token(HEADER_BYTES_MAX + 1)), Err(too_long));
        let tag = format!("\"{}\"", "x".repeat(HEADER_BYTES_MAX / 2));
        assert!(IfMatch::parse(&headers(&[("If-Match", &tag)])).is_ok());
        let two = IfMatch::parse(&headers(&[("If-Match", &tag), ("If-Match", &tag)]));
        assert_eq!(two, Err(HeaderError::TooLong { header: "If-Match", bytes_max: HEADER_BYTES_MAX }));
    }

    fn never_panics<H: Header>(value: &[u8]) {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            let name = HeaderName::from_bytes(H::NAME.as_bytes()).unwrap();
            let _ = H::parse(&HeaderMap::from_iter([(name, value)]));
        }
    }

    proptest! {
        #[test]
        fn no_value_of_any_header_panics(
            noise in proptest::collection::vec(any::<u8>(), 0..80),
            near in "[WT/\"*,;:=<>()\\[\\]@#?% \tbytesSecond\\-0-9.Infiy]{0,60}",
        ) {
            for value in [noise.as_slice(), near.as_bytes()] {
                never_panics::<Depth>(value);
                never_panics::<Overwrite>(value);
                never_panics::<Timeout>(value);
                never_panics::<LockToken>(value);
                never_panics::<Destination>(value);
                never_panics::<IfMatch>(value);
                never_panics::<IfNoneMatch>(value);
                never_panics::<IfRange>(value);
                never_panics::<IfModifiedSince>(value);
                never_panics::<IfUnmodifiedSince>(value);
                never_panics::<ByteRange>(value);
                never_panics::<ExpectedLength>(value);
                never_panics::<OcMtime>(value);
                never_panics::<OcChecksum>(value);
                never_panics::<UpdateRange>(value);
                never_panics::<UploadLength>(value);
                never_panics::<UploadOffset>(value);
                never_panics::<UploadMetadata>(value);
                never_panics::<UploadChecksum>(value);
            }
        }
    }
}
