//! What clients say about an upload besides its bytes: the length they expect, the file's time, a checksum.
//!
//! Not here: comparing them with what arrived (PUT's matter). No RFC: the first is Finder's, the others are those of the
//! ownCloud and Nextcloud clients and of rclone.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use data_encoding::HEXLOWER_PERMISSIVE;

use super::scan::digits;
use super::{Flaw, Header};

/// `X-Expected-Entity-Length`: Finder uploads in chunks without a `Content-Length` and says here how much will come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpectedLength {
    /// The length of the whole file.
    pub bytes: u64,
}

impl Header for ExpectedLength {
    const NAME: &'static str = "X-Expected-Entity-Length";

    fn from_text(text: &str) -> Result<Self, Flaw> {
        digits(text).map(|bytes| Self { bytes }).ok_or("it is a number of bytes")
    }
}

/// The greatest distance from 1970 that an `X-OC-Mtime` may have, forwards to the end of the year 9999; later arithmetic
/// on the time stays far from every overflow.
pub const OC_MTIME_MAX_S: u64 = 253_402_300_799;

/// `X-OC-Mtime`: the file's modification time on the client, in seconds since 1970, perhaps with a fraction or negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OcMtime(pub SystemTime);

impl Header for OcMtime {
    const NAME: &'static str = "X-OC-Mtime";

    fn from_text(text: &str) -> Result<Self, Flaw> {
        let (is_negative, number) = match text.strip_prefix('-') {
            Some(number) => (true, number),
            None => (false, text),
        };
        let since = seconds(number).ok_or("it is a number of seconds")?;
        if since.as_secs() > OC_MTIME_MAX_S {
            return Err("it is too far from 1970");
        }
        Ok(Self(if is_negative { UNIX_EPOCH - since } else { UNIX_EPOCH + since }))
    }
}

/// `123` or `123.25`; digits beyond the nanosecond are dropped.
fn seconds(number: &str) -> Option<Duration> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    digits(fraction)?;
    let nanos =
        fraction.bytes().chain(std::iter::repeat(b'0')).take(9).fold(0, |sum, b| sum * 10 + u32::from(b - b'0'));
    Some(Duration::new(digits(whole)?, nanos))
}

/// The checksums that clients send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChecksumAlgorithm {
    /// MD5, 16 bytes.
    Md5,
    /// SHA-1, 20 bytes.
    Sha1,
    /// SHA-256, 32 bytes.
    Sha256,
    /// Adler-32, 4 bytes.
    Adler32,
}

impl ChecksumAlgorithm {
    /// All of them, by their names; the first is what clients shall take that ask.
    pub const ALL: [(&'static str, Self); 4] =
        [("SHA1", Self::Sha1), ("SHA256", Self::Sha256), ("MD5", Self::Md5), ("ADLER32", Self::Adler32)];

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find_map(|(known, algorithm)| name.eq_ignore_ascii_case(known).then_some(algorithm))
    }

    fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, algorithm)| *algorithm == self).map_or("", |(name, _)| name)
    }

    pub(super) fn digest_bytes(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Adler32 => 4,
        }
    }
}

/// A checksum over a whole file, or over a piece of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksum {
    /// How it was made.
    pub algorithm: ChecksumAlgorithm,
    /// As many bytes as the algorithm gives.
    pub digest: Vec<u8>,
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), HEXLOWER_PERMISSIVE.encode(&self.digest))
    }
}

/// `OC-Checksum`: `SHA1:2fd4e1c6…`. An algorithm we can't verify is an error and not passed over: the client would believe
/// that the bytes were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OcChecksum(pub Checksum);

impl Header for OcChecksum {
    const NAME: &'static str = "OC-Checksum";

    fn from_text(text: &str) -> Result<Self, Flaw> {
        let (name, hex) = text.split_once(':').ok_or("it is an algorithm, `:` and hexadecimal digits")?;
        let algorithm = ChecksumAlgorithm::named(name).ok_or("it is made with `MD5`, `SHA1`, `SHA256` or `ADLER32`")?;
        let digest = HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).map_err(|_| "its digest isn't hexadecimal")?;
        if digest.len() != algorithm.digest_bytes() {
            return Err("its digest has the wrong length");
        }
        Ok(Self(Checksum { algorithm, digest }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{is_malformed, one};
    use super::*;

    #[test]
    fn the_expected_length_is_a_plain_number() {
        assert_eq!(one("1048576"), Ok(ExpectedLength { bytes: 1_048_576 }));
        for bad in ["-1", "1.5", "0x10", "many", "1 2"] {
            assert!(is_malformed::<ExpectedLength>(bad), "{bad}");
        }
    }

    #[test]
    fn an_mtime_may_have_a_fraction_and_a_sign() {
        let after = |nanos: u64| Ok(OcMtime(UNIX_EPOCH + Duration::from_nanos(nanos)));
        assert_eq!(one("1700000000"), after(1_700_000_000_000_000_000));
        assert_eq!(one("1700000000.25"), after(1_700_000_000_250_000_000));
        assert_eq!(one("1.0000000019"), after(1_000_000_001));
        assert_eq!(one("0"), after(0));
        assert_eq!(one("-11644473600.5"), Ok(OcMtime(UNIX_EPOCH - Duration::from_millis(11_644_473_600_500))));
        assert!(one::<OcMtime>(&OC_MTIME_MAX_S.to_string()).is_ok());
        assert!(one::<OcMtime>(&format!("-{OC_MTIME_MAX_S}.999")).is_ok());
        assert!(is_malformed::<OcMtime>(&(OC_MTIME_MAX_S + 1).to_string()));
        for bad in ["1.", ".5", "--1", "+1", "1e9", "0x1", "1.2.3", "now", "99999999999999999999"] {
            assert!(is_malformed::<OcMtime>(bad), "{bad}");
        }
    }

    #[test]
    fn a_checksum_has_a_known_algorithm_and_its_length() {
        let md5 = Checksum { algorithm: ChecksumAlgorithm::Md5, digest: vec![0xab; 16] };
        assert_eq!(one(&format!("md5:{}", "aB".repeat(16))), Ok(OcChecksum(md5)));
        for (name, bytes) in [("SHA1", 20), ("SHA256", 32), ("ADLER32", 4)] {
            let text = format!("{name}:{}", "0a".repeat(bytes));
            let checksum = one::<OcChecksum>(&text).unwrap().0;
            assert_eq!((checksum.digest.len(), checksum.to_string()), (bytes, text));
            assert!(is_malformed::<OcChecksum>(&format!("{name}:{}", "00".repeat(bytes + 1))));
        }
        for bad in ["SHA1", "SHA1:", "SHA1:xyz", "CRC32:00000000", ":00", "ADLER32:0000000"] {
            assert!(is_malformed::<OcChecksum>(bad), "{bad}");
        }
    }
}
