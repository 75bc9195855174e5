//! `X-Update-Range`: which bytes of a file a PATCH replaces (<https://sabre.io/dav/http-patch/>).
//!
//! Not here: the range that is read ([`super::range`]); putting the file together ([`super::super::partial`]).

use std::ops::Range;

use super::scan::{digits, strip_prefix_any_case};
use super::{Flaw, Header};

/// Where the bytes of a part belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateRange {
    /// `bytes=first-` or `bytes=first-last`; offsets in bytes, both included.
    Within {
        /// Where the part begins.
        first: u64,
        /// Its last byte, which its length must agree with.
        last: Option<u64>,
    },
    /// `bytes=-n`: it begins so many bytes before the end of the file, and may be longer than that.
    FromEnd {
        /// How many.
        bytes: u64,
    },
    /// `append`: it comes behind the end.
    Append,
}

/// Why a part doesn't fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfit {
    /// It would begin outside of the file: behind its end, or before its first byte.
    Outside,
    /// It has another length than the range says.
    OtherLength,
}

impl UpdateRange {
    /// Which bytes of a file of `length_bytes` a part of `part_bytes` replaces: none where it begins at the end, and less than it has where it goes on
    /// behind the end.
    ///
    /// # Errors
    /// [`Misfit`].
    pub fn replaces(self, length_bytes: u64, part_bytes: u64) -> Result<Range<u64>, Misfit> {
        let start = match self {
            Self::Within { first, last } => {
                if last.is_some_and(|last| Some(last - first) != part_bytes.checked_sub(1)) {
                    return Err(Misfit::OtherLength);
                }
                Some(first).filter(|first| *first <= length_bytes)
            }
            Self::FromEnd { bytes } => length_bytes.checked_sub(bytes),
            Self::Append => Some(length_bytes),
        };
        let start = start.ok_or(Misfit::Outside)?;
        Ok(start..start.saturating_add(part_bytes).min(length_bytes))
    }
}

impl Header for UpdateRange {
    const NAME: &'static str = "X-Update-Range";

    fn from_text(text: &str) -> Result<Self, Flaw> {
        const FLAW: Flaw = "it is `append`, or `bytes=` with `first-last`, `first-` or `-n`";
        if text.eq_ignore_ascii_case("append") {
            return Ok(Self::Append);
        }
        let range = strip_prefix_any_case(text, "bytes=").and_then(|range| range.split_once('-')).ok_or(FLAW)?;
        match range {
            ("", bytes) => digits(bytes).map(|bytes| Self::FromEnd { bytes }).ok_or(FLAW),
            (first, "") => digits(first).map(|first| Self::Within { first, last: None }).ok_or(FLAW),
            (first, last) => {
                let (first, last) = (digits(first).ok_or(FLAW)?, digits(last).ok_or(FLAW)?);
                let range = Self::Within { first, last: Some(last) };
                if first <= last { Ok(range) } else { Err("its last byte comes before its first") }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{is_malformed, one};
    use super::*;
    use proptest::prelude::*;

    fn replaced(range: &str, length_bytes: u64, part_bytes: u64) -> Result<Range<u64>, Misfit> {
        one::<UpdateRange>(range).unwrap().replaces(length_bytes, part_bytes)
    }

    #[test]
    fn every_form_says_what_is_replaced() {
        assert_eq!(replaced("bytes=2-5", 10, 4), Ok(2..6));
        assert_eq!(replaced("bytes=8-11", 10, 4), Ok(8..10));
        assert_eq!(replaced("BYTES=2-", 10, 3), Ok(2..5));
        assert_eq!(replaced("bytes=10-", 10, 3), Ok(10..10));
        assert_eq!(replaced("bytes=0-", 0, 3), Ok(0..0));
        assert_eq!(replaced("bytes=-4", 10, 2), Ok(6..8));
        assert_eq!(replaced("bytes=-4", 10, 9), Ok(6..10));
        assert_eq!(replaced("bytes=-0", 10, 9), Ok(10..10));
        assert_eq!(replaced("Append", 10, 9), Ok(10..10));
    }

    #[test]
    fn what_does_not_fit_is_told_apart() {
        assert_eq!(replaced("bytes=11-", 10, 1), Err(Misfit::Outside));
        assert_eq!(replaced("bytes=11-11", 10, 1), Err(Misfit::Outside));
        assert_eq!(replaced("bytes=-11", 10, 1), Err(Misfit::Outside));
        assert_eq!(replaced("bytes=99999999999999999999-", 10, 1), Err(Misfit::Outside));
        for part_bytes in [0, 3, 5] {
            assert_eq!(replaced("bytes=2-5", 10, part_bytes), Err(Misfit::OtherLength));
        }
        assert_eq!(replaced("bytes=0-18446744073709551615", 10, 0), Err(Misfit::OtherLength));
    }

    #[test]
    fn a_malformed_one_is_an_error() {
        for bad in [
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=5-2",
            "bytes=0-1,3-4",
            "bytes=+1-2",
            "bytes=1 -2",
            "bytes=--5",
            "lines=1-2",
            "0-1",
            "appending",
            "bytes=append",
        ] {
            assert!(is_malformed::<UpdateRange>(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_replaced_lies_in_the_file_and_is_no_longer_than_the_part(
            first in 0_u64..40, last in 0_u64..40, length in 0_u64..30, part in 0_u64..30,
        ) {
            for text in [format!("bytes={first}-{last}"), format!("bytes={first}-"), format!("bytes=-{first}"), "append".to_owned()] {
                if let Ok(range) = one::<UpdateRange>(&text) && let Ok(replaced) = range.replaces(length, part) {
                    prop_assert!(replaced.start <= replaced.end && replaced.end <= length);
                    prop_assert!(replaced.end - replaced.start == part || replaced.end == length);
                }
            }
        }
    }
}
