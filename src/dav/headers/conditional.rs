//! The conditional headers of HTTP, each with the question it asks.
//!
//! Not here: the order in which they are asked and what follows (RFC 9110 section 13.2.2), which is the verbs' matter;
//! WebDAV's own `If` ([`crate::dav::if_header`]).
//! RFC 9110 sections 13.1.1 to 13.1.5.

use std::fmt::{self, Display, Formatter};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;

use super::etag::{EntityTag, EntityTags};
use super::scan::Cursor;
use super::{Flaw, Header, HeaderError};

/// `If-Match`: do it only if the resource is still one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfMatch(pub EntityTags);

impl IfMatch {
    /// Whether the request may go on; `current` is none for a resource that doesn't exist. Strong comparison.
    pub fn allows(&self, current: Option<&EntityTag>) -> bool {
        self.0.matches_strong(current)
    }
}

impl Header for IfMatch {
    const NAME: &'static str = "If-Match";
    const IS_LIST: bool = true;

    fn from_text(text: &str) -> Result<Self, Flaw> {
        EntityTags::from_text(text).map(Self)
    }
}

/// `If-None-Match`: do it only if the resource is none of these; `*` asks that it doesn't exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfNoneMatch(pub EntityTags);

impl IfNoneMatch {
    /// Whether the request may go on; `current` is none for a resource that doesn't exist. Weak comparison.
    pub fn allows(&self, current: Option<&EntityTag>) -> bool {
        !self.0.matches_weak(current)
    }
}

impl Header for IfNoneMatch {
    const NAME: &'static str = "If-None-Match";
    const IS_LIST: bool = true;

    fn from_text(text: &str) -> Result<Self, Flaw> {
        let tags = joplins_tag(text).map_or_else(|| EntityTags::from_text(text), |tag| Ok(EntityTags::List(vec![tag])));
        tags.map(Self)
    }
}

/// Joplin sends `JoplinIgnore-12345`, with another number each time, in every request but GET and HEAD, so that no cache of iOS answers:
/// a tag without quotes that no resource has (`WebDavApi.ts` of its library).
fn joplins_tag(text: &str) -> Option<EntityTag> {
    let number = text.strip_prefix("JoplinIgnore-")?;
    let is_his = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    if is_his { EntityTag::strong(text) } else { None }
}

/// A date of HTTP, whole seconds between 1970 and 9999. Comparing file times as this type, and not as `SystemTime`, keeps
/// their fractions of a second from making every file "modified since".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HttpDate {
    unix_s: u64,
}

/// The last second that an HTTP date can write, 9999-12-31 23:59:59.
const HTTP_DATE_MAX_S: u64 = 253_402_300_799;

impl HttpDate {
    /// Reads any of the three forms of RFC 9110 section 5.6.7.
    fn from_text(text: &str) -> Option<Self> {
        httpdate::parse_http_date(text).ok().map(Self::from)
    }
}

/// Drops the fraction of a second; times before and after what can be written become the first and the last one.
impl From<SystemTime> for HttpDate {
    fn from(time: SystemTime) -> Self {
        let unix_s = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self { unix_s: unix_s.min(HTTP_DATE_MAX_S) }
    }
}

/// As it stands in `Last-Modified` and `getlastmodified`.
impl Display for HttpDate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        httpdate::HttpDate::from(UNIX_EPOCH + Duration::from_secs(self.unix_s)).fmt(f)
    }
}

/// Drops what RFC 9110 sections 13.1.3 and 13.1.4 say to ignore: a date that is none, or more than one.
fn without_bad_dates<H>(parsed: Result<Option<H>, HeaderError>) -> Result<Option<H>, HeaderError> {
    match parsed {
        Err(HeaderError::Malformed { .. } | HeaderError::Repeated(_)) => Ok(None),
        Ok(_) | Err(HeaderError::TooLong { .. } | HeaderError::ForeignDestination) => parsed,
    }
}

/// `If-Modified-Since`, for GET and HEAD without `If-None-Match`. A bad date counts as absent, which the RFC demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IfModifiedSince(pub HttpDate);

impl IfModifiedSince {
    /// Whether the resource must be sent.
    pub fn allows(&self, last_modified: HttpDate) -> bool {
        last_modified > self.0
    }
}

impl Header for IfModifiedSince {
    const NAME: &'static str = "If-Modified-Since";

    fn from_text(text: &str) -> Result<Self, Flaw> {
        HttpDate::from_text(text).map(Self).ok_or("it is no date")
    }

    fn parse(headers: &HeaderMap) -> Result<Option<Self>, HeaderError> {
        without_bad_dates(super::parse_strict(headers))
    }
}

/// `If-Unmodified-Since`, for requests without `If-Match`. A bad date counts as absent, which the RFC demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IfUnmodifiedSince(pub HttpDate);

impl IfUnmodifiedSince {
    /// Whether the request may go on.
    pub fn allows(&self, last_modified: HttpDate) -> bool {
        last_modified <= self.0
    }
}

impl Header for IfUnmodifiedSince {
    const NAME: &'static str = "If-Unmodified-Since";

    fn from_text(text: &str) -> Result<Self, Flaw> {
        HttpDate::from_text(text).map(Self).ok_or("it is no date")
    }

    fn parse(headers: &HeaderMap) -> Result<Option<Self>, HeaderError> {
        without_bad_dates(super::parse_strict(headers))
    }
}

/// `If-Range`: send the range if the file is still this one, else the whole file (RFC 9110 section 13.1.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfRange {
    /// By entity tag.
    Tag(EntityTag),
    /// By date.
    Date(HttpDate),
}

impl IfRange {
    /// Whether `Range` counts. Tags compare strongly, dates exactly: a resumed download must never join two versions.
    pub fn allows(&self, current: &EntityTag, last_modified: HttpDate) -> bool {
        match self {
            Self::Tag(tag) => tag.matches_strong(current),
            Self::Date(date) => *date == last_modified,
        }
    }
}

impl Header for IfRange {
    const NAME: &'static str = "If-Range";

    fn from_text(text: &str) -> Result<Self, Flaw> {
        let mut cursor = Cursor::new(text);
        match EntityTag::read(&mut cursor) {
            Some(tag) if cursor.is_at_end() => Ok(Self::Tag(tag)),
            Some(_) => Err("it holds one entity tag"),
            None => HttpDate::from_text(text).map(Self::Date).ok_or("it is an entity tag or a date"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{headers, is_malformed, one};
    use super::*;

    const NOON: &str = "Wed, 15 Nov 1995 12:00:00 GMT";

    fn tag(opaque: &str) -> EntityTag {
        EntityTag::strong(opaque).unwrap()
    }

    fn date(text: &str) -> HttpDate {
        HttpDate::from_text(text).unwrap()
    }

    #[test]
    fn if_match_is_strong_and_if_none_match_is_weak() {
        let current = tag("a");
        let weak: IfMatch = one("W/\"a\"").unwrap();
        assert!(!weak.allows(Some(&current)));
        let weak: IfNoneMatch = one("W/\"a\"").unwrap();
        assert!(!weak.allows(Some(&current)));
        let other: IfNoneMatch = one("\"b\"").unwrap();
        assert!(other.allows(Some(&current)) && other.allows(None));
    }

    #[test]
    fn a_star_asks_whether_the_resource_exists() {
        let exists: IfMatch = one("*").unwrap();
        assert!(exists.allows(Some(&tag("a"))) && !exists.allows(None));
        let is_new: IfNoneMatch = one("*").unwrap();
        assert!(!is_new.allows(Some(&tag("a"))) && is_new.allows(None));
    }

    #[test]
    fn several_lines_are_one_list_of_tags() {
        let lines = headers(&[("If-Match", "\"a\""), ("If-Match", "\"b\", \"c\"")]);
        let parsed = IfMatch::parse(&lines).unwrap().unwrap();
        assert!(["a", "b", "c"].iter().all(|opaque| parsed.allows(Some(&tag(opaque)))));
        assert!(!parsed.allows(Some(&tag("d"))));
        let lines = headers(&[("If-Match", "*"), ("If-Match", "\"b\"")]);
        assert!(IfMatch::parse(&lines).is_err());
    }

    #[test]
    fn the_three_forms_of_a_date_are_one_date() {
        let noon = date(NOON);
        assert_eq!(noon.unix_s, 816_436_800);
        assert_eq!(date("Wednesday, 15-Nov-95 12:00:00 GMT"), noon);
        assert_eq!(date("Wed Nov 15 12:00:00 1995"), noon);
        assert_eq!(noon.to_string(), NOON);
    }

    #[test]
    fn the_fraction_of_a_second_does_not_make_a_file_newer() {
        let noon = date(NOON);
        let half_past = HttpDate::from(UNIX_EPOCH + Duration::from_millis(noon.unix_s * 1000 + 500));
        assert!(!IfModifiedSince(noon).allows(half_past));
        assert!(IfUnmodifiedSince(noon).allows(half_past));
        let next = HttpDate::from(UNIX_EPOCH + Duration::from_secs(noon.unix_s + 1));
        assert!(IfModifiedSince(noon).allows(next));
        assert!(!IfUnmodifiedSince(noon).allows(next));
    }

    #[test]
    fn times_that_no_date_can_write_become_the_nearest_that_can() {
        assert_eq!(HttpDate::from(UNIX_EPOCH - Duration::from_secs(9)).to_string(), "Thu, 01 Jan 1970 00:00:00 GMT");
        let far = UNIX_EPOCH + Duration::from_secs(HTTP_DATE_MAX_S + 1);
        assert_eq!(HttpDate::from(far).to_string(), "Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn a_bad_date_counts_as_absent_but_an_overlong_header_does_not() {
        for bad in ["", "yesterday", "Wed, 32 Nov 1995 12:00:00 GMT", "Wed, 15 Nov 1995 25:00:00 GMT"] {
            assert_eq!(IfModifiedSince::parse(&headers(&[("If-Modified-Since", bad)])), Ok(None), "{bad}");
        }
        let twice = headers(&[("If-Unmodified-Since", NOON), ("If-Unmodified-Since", NOON)]);
        assert_eq!(IfUnmodifiedSince::parse(&twice), Ok(None));
        assert_eq!(one(NOON), Ok(IfUnmodifiedSince(date(NOON))));
        let long = headers(&[("If-Modified-Since", "x".repeat(IfModifiedSince::BYTES_MAX + 1))]);
        assert!(matches!(IfModifiedSince::parse(&long), Err(HeaderError::TooLong { .. })));
    }

    #[test]
    fn if_range_needs_the_very_same_version() {
        let (current, noon) = (tag("a"), date(NOON));
        let allows = |text: &str| one::<IfRange>(text).unwrap().allows(&current, noon);
        assert!(allows("\"a\""));
        assert!(!allows("W/\"a\""));
        assert!(!allows("\"b\""));
        assert!(allows(NOON));
        assert!(!allows("Wed, 15 Nov 1995 12:00:01 GMT"));
        for bad in ["\"a\", \"b\"", "\"a", "*", "tomorrow"] {
            assert!(is_malformed::<IfRange>(bad), "{bad}");
        }
    }
}
