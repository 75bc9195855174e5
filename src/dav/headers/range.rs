//! `Range` for bytes, and what it makes of a file's length.
//!
//! Here: one range is cut to the file; several count as none, since answering them multiplies the bytes sent by a factor
//! the client chooses. Not here: `If-Range` ([`super::conditional`]); reading the bytes (`blobs`).
//! RFC 9110 sections 14.1, 14.2 and 14.5.

use std::ops::RangeInclusive;

use http::HeaderMap;
use http::header::CONTENT_RANGE;

use super::scan::{digits, list, strip_prefix_any_case};
use super::{Flaw, Header};

/// What a `Range` header asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteRange {
    /// `first-` or `first-last`; offsets in bytes, both included.
    Within {
        /// The first byte.
        first: u64,
        /// The last byte; none is the end of the file.
        last: Option<u64>,
    },
    /// `-n`: the last bytes of the file.
    Suffix {
        /// How many.
        length_bytes: u64,
    },
    /// Several ranges, or a unit other than bytes: answered with the whole file, as RFC 9110 section 14.2 allows.
    Whole,
}

/// The part of a file to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extent {
    /// All of it: 200.
    Whole,
    /// These bytes, all inside the file: 206.
    Part(RangeInclusive<u64>),
    /// There is no such byte: 416.
    Unsatisfiable,
}

impl ByteRange {
    /// Cuts the range to a file of `length_bytes`.
    pub fn within(self, length_bytes: u64) -> Extent {
        let last_byte = length_bytes.checked_sub(1);
        match (self, last_byte) {
            (Self::Whole, _) => Extent::Whole,
            (Self::Suffix { length_bytes: 0 }, _) => Extent::Unsatisfiable,
            // An empty file is its own suffix, and 206 has no way to say so.
            (Self::Suffix { .. }, None) => Extent::Whole,
            (Self::Suffix { length_bytes: wanted }, Some(end)) => {
                Extent::Part(length_bytes.saturating_sub(wanted)..=end)
            }
            (Self::Within { first, last }, Some(end)) if first <= end => {
                Extent::Part(first..=last.map_or(end, |last| last.min(end)))
            }
            (Self::Within { .. }, _) => Extent::Unsatisfiable,
        }
    }

    fn one(spec: &str) -> Option<Self> {
        let (first, last) = spec.split_once('-')?;
        match (first, last) {
            ("", suffix) => Some(Self::Suffix { length_bytes: digits(suffix)? }),
            (first, "") => Some(Self::Within { first: digits(first)?, last: None }),
            (first, last) => {
                let (first, last) = (digits(first)?, digits(last)?);
                (first <= last).then_some(Self::Within { first, last: Some(last) })
            }
        }
    }
}

impl Header for ByteRange {
    const NAME: &'static str = "Range";

    fn from_text(text: &str) -> Result<Self, Flaw> {
        let Some(specs) = strip_prefix_any_case(text, "bytes=") else {
            let (unit, _) = text.split_once('=').ok_or("it is a unit, `=` and ranges")?;
            let is_token = !unit.is_empty() && unit.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
            return if is_token { Ok(Self::Whole) } else { Err("its unit is malformed") };
        };
        let ranges: Option<Vec<Self>> = list(specs).map(Self::one).collect();
        match ranges.as_deref() {
            Some([one]) => Ok(*one),
            Some([_, _, ..]) => Ok(Self::Whole),
            Some([]) | None => Err("a range is `first-last`, `first-` or `-length`"),
        }
    }
}

/// Whether the request carries `Content-Range`, which makes a PUT partial: refused with 400 unless the share allows it
/// (RFC 9110 section 14.5).
pub fn has_content_range(headers: &HeaderMap) -> bool {
    headers.contains_key(CONTENT_RANGE)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{headers, is_malformed, one};
    use super::*;
    use proptest::prelude::*;

    fn extent(range: &str, length_bytes: u64) -> Extent {
        one::<ByteRange>(range).unwrap().within(length_bytes)
    }

    #[test]
    fn one_range_is_cut_to_the_file() {
        // The examples of RFC 9110 section 14.1.2, for a representation of 10,000 bytes.
        assert_eq!(extent("bytes=0-499", 10_000), Extent::Part(0..=499));
        assert_eq!(extent("bytes=500-999", 10_000), Extent::Part(500..=999));
        assert_eq!(extent("bytes=-500", 10_000), Extent::Part(9500..=9999));
        assert_eq!(extent("bytes=9500-", 10_000), Extent::Part(9500..=9999));
        assert_eq!(extent("BYTES= 9999-20000 ,", 10_000), Extent::Part(9999..=9999));
        assert_eq!(extent("bytes=-20000", 10_000), Extent::Part(0..=9999));
    }

    #[test]
    fn a_range_behind_the_end_is_unsatisfiable() {
        assert_eq!(extent("bytes=10000-", 10_000), Extent::Unsatisfiable);
        assert_eq!(extent("bytes=-0", 10_000), Extent::Unsatisfiable);
        assert_eq!(extent("bytes=0-", 0), Extent::Unsatisfiable);
        assert_eq!(extent("bytes=0-0", 0), Extent::Unsatisfiable);
        assert_eq!(extent("bytes=-5", 0), Extent::Whole);
        assert_eq!(extent("bytes=99999999999999999999-", u64::MAX), Extent::Unsatisfiable);
        assert_eq!(extent("bytes=0-99999999999999999999", u64::MAX), Extent::Part(0..=u64::MAX - 1));
    }

    #[test]
    fn several_ranges_and_other_units_give_the_whole_file() {
        assert_eq!(extent("bytes=0-0,-1", 10), Extent::Whole);
        assert_eq!(extent(&format!("bytes={}", vec!["0-"; 1200].join(",")), 2_000_000), Extent::Whole);
        assert_eq!(extent("lines=1-2", 10), Extent::Whole);
    }

    #[test]
    fn a_malformed_range_is_an_error_even_beside_a_good_one() {
        for bad in [
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=junk",
            "bytes=5-2",
            "bytes=-",
            "bytes=--5",
            "bytes=1-2-3",
            "bytes=+1-2",
            "bytes=0-1,x",
            "bytes=1 -2",
            "bytes 0-1",
            "=0-1",
            "by tes=0-1",
            "0-1",
        ] {
            assert!(is_malformed::<ByteRange>(bad), "{bad}");
        }
    }

    #[test]
    fn a_content_range_is_seen_whatever_it_says() {
        assert!(has_content_range(&headers(&[("content-range", "junk")])));
        assert!(!has_content_range(&HeaderMap::new()));
    }

    proptest! {
        #[test]
        fn a_part_is_inside_the_file_and_asked_for(first in 0_u64..40, last in 0_u64..40, suffix in 0_u64..40, length in 0_u64..30) {
            for text in [format!("bytes={first}-{last}"), format!("bytes={first}-"), format!("bytes=-{suffix}")] {
                if let Ok(range) = one::<ByteRange>(&text) && let Extent::Part(part) = range.within(length) {
                    prop_assert!(part.start() <= part.end() && *part.end() < length);
                    if !text.starts_with("bytes=-") {
                        prop_assert_eq!(*part.start(), first);
                    } else {
                        prop_assert_eq!(part.end() - part.start() + 1, suffix.min(length));
                    }
                }
            }
        }
    }
}
