//! The name of a blob, and the directory that follows from it.

use std::{fmt, str::FromStr};

use uuid::Uuid;

use crate::clock::Moment;

/// The name of one immutable content: a UUID of version 7 (RFC 9562 section 5.7), never used twice.
///
/// Its time part brings blobs of the same minutes into the same directory, and tells how old one is that no row names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId(Uuid);

impl BlobId {
    /// A name that no blob has had.
    pub(super) fn fresh() -> Self {
        Self(Uuid::now_v7())
    }

    /// The id that these 16 bytes are, as kept in a database.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The 16 bytes to keep in a database; their order is the order of time.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// When it was made, as the clock of its maker said.
    pub fn begun(&self) -> Moment {
        let [a, b, c, d, e, f, ..] = *self.as_bytes();
        Moment(i64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    /// The directory of this blob below the store: `0192/6a4`.
    ///
    /// The first 28 of the 48 bits of the time in milliseconds: blobs of about 17 minutes share a directory, so that
    /// one directory sync serves all uploads that end together, and no level holds more than some thousand directories.
    pub(super) fn directory(&self) -> [String; 2] {
        let name = self.to_string();
        [name[..4].to_owned(), name[4..7].to_owned()]
    }
}

/// 32 lower-case hexadecimal digits; also the name of the file.
impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobId({self})")
    }
}

/// The text is not the name of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a blob id: 32 lower-case hexadecimal digits are")]
pub struct NotABlobId;

impl FromStr for BlobId {
    type Err = NotABlobId;

    fn from_str(text: &str) -> Result<Self, NotABlobId> {
        let canonical = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !canonical {
            return Err(NotABlobId);
        }
        Uuid::try_parse(text).map(Self).map_err(|_| NotABlobId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "01926a4f00007000800000000000abcd";

    #[test]
    fn an_id_survives_its_text_and_its_bytes() {
        let id: BlobId = TEXT.parse().unwrap();
        assert_eq!(id.to_string(), TEXT);
        assert_eq!(BlobId::from_bytes(*id.as_bytes()), id);
        assert_eq!(id.directory(), ["0192", "6a4"]);
        assert_eq!(id.begun(), Moment(0x0192_6a4f_0000));
    }

    #[test]
    fn only_the_canonical_text_is_an_id() {
        for text in ["", "x", "01926A4F00007000800000000000ABCD", "01926a4f-0000-7000-8000-00000000abcd"] {
            assert_eq!(text.parse::<BlobId>(), Err(NotABlobId), "{text}");
        }
    }

    #[test]
    fn later_ids_sort_behind_earlier_ones() {
        let ids: Vec<_> = (0..1000).map(|_| BlobId::fresh()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
    }
}
