//! What tus clients say about an upload that can be resumed (tus 1.0, <https://tus.io/protocols/resumable-upload>): its length, how far it is, what it will
//! be, and what the bytes of one request must be.

use data_encoding::{BASE64, BASE64_NOPAD};

use super::scan::{digits, list};
use super::upload::{Checksum, ChecksumAlgorithm};
use super::{Flaw, Header};

/// The most that is told of one upload.
const METADATA_KEYS_MAX: usize = 32;

/// `Upload-Length`: bytes of the whole file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadLength(pub u64);

impl Header for UploadLength {
    const NAME: &'static str = "Upload-Length";

    fn from_text(text: &str) -> Result<Self, Flaw> {
        digits(text).map(Self).ok_or("it is a number of bytes")
    }
}

/// `Upload-Offset`: the first byte of a request's body has this place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadOffset(pub u64);

impl Header for UploadOffset {
    const NAME: &'static str = "Upload-Offset";

    fn from_text(text: &str) -> Result<Self, Flaw> {
        digits(text).map(Self).ok_or("it is a number of bytes")
    }
}

/// `Upload-Metadata`: keys with values in Base64, `filename cGxhbi50eHQ=,mtime MTcwMDAwMDAwMA==`. Keys that mean nothing here may have any value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UploadMetadata {
    /// The name of the file.
    pub filename: Option<String>,
    /// Its time, in seconds since 1970 as a text.
    pub mtime: Option<String>,
}

impl Header for UploadMetadata {
    const NAME: &'static str = "Upload-Metadata";
    const IS_LIST: bool = true;

    fn from_text(text: &str) -> Result<Self, Flaw> {
        let mut metadata = Self::default();
        let mut keys: Vec<&str> = Vec::new();
        for pair in list(text) {
            let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
            if keys.contains(&key) {
                return Err("a key comes twice");
            }
            if keys.len() == METADATA_KEYS_MAX {
                return Err("it has too many keys");
            }
            keys.push(key);
            let bytes = base64(value.trim_matches(' ')).ok_or("a value isn't Base64")?;
            let place = match key {
                "filename" => &mut metadata.filename,
                "mtime" => &mut metadata.mtime,
                _ => continue,
            };
            *place = Some(String::from_utf8(bytes).map_err(|_| "a value isn't UTF-8")?);
        }
        Ok(metadata)
    }
}

/// `Upload-Checksum`: `sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=`, of the bytes of one request. An algorithm we can't verify is an error and not passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadChecksum(pub Checksum);

impl Header for UploadChecksum {
    const NAME: &'static str = "Upload-Checksum";

    fn from_text(text: &str) -> Result<Self, Flaw> {
        let (name, digest) = text.split_once(' ').ok_or("it is an algorithm, a space and Base64")?;
        let algorithm = ChecksumAlgorithm::named(name).ok_or("it is made with `sha1`, `sha256`, `md5` or `adler32`")?;
        let digest = base64(digest).ok_or("its digest isn't Base64")?;
        if digest.len() != algorithm.digest_bytes() {
            return Err("its digest has the wrong length");
        }
        Ok(Self(Checksum { algorithm, digest }))
    }
}

/// With or without the signs at its end.
fn base64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.as_bytes()).or_else(|_| BASE64_NOPAD.decode(text.as_bytes())).ok()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{headers, is_malformed, one};
    use super::*;

    #[test]
    fn lengths_and_offsets_are_plain_numbers() {
        assert_eq!(one("0"), Ok(UploadLength(0)));
        assert_eq!(one("1048576"), Ok(UploadOffset(1_048_576)));
        for bad in ["-1", "1.5", "0x10", "many", "1 2"] {
            assert!(is_malformed::<UploadLength>(bad) && is_malformed::<UploadOffset>(bad), "{bad}");
        }
    }

    #[test]
    fn metadata_are_keys_with_values_in_base64() {
        // The example of tus 1.0, section Upload-Metadata.
        let found: UploadMetadata = one("filename d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==,is_confidential").unwrap();
        let named = |name: &str| UploadMetadata { filename: Some(name.to_owned()), mtime: None };
        assert_eq!(found, named("world_domination_plan.pdf"));
        assert_eq!(one("type /w==, filename  YQ"), Ok(named("a")));
        let mtime = Some("1700000000".to_owned());
        assert_eq!(one("mtime MTcwMDAwMDAwMA=="), Ok(UploadMetadata { filename: None, mtime }));
        let lines = headers(&[("Upload-Metadata", "filename YQ=="), ("Upload-Metadata", "other YQ==")]);
        assert_eq!(UploadMetadata::parse(&lines), Ok(Some(named("a"))));
        let many: Vec<String> = (0..=METADATA_KEYS_MAX).map(|n| format!("k{n} YQ==")).collect();
        assert!(one::<UploadMetadata>(&many[1..].join(",")).is_ok());
        for bad in ["filename YQ==,filename YQ==", "filename !", "filename /w==", "mtime YQ== YQ==", &many.join(",")] {
            assert!(is_malformed::<UploadMetadata>(bad), "{bad}");
        }
    }

    #[test]
    fn a_checksum_of_a_piece_names_an_algorithm_that_can_be_verified() {
        // The example of tus 1.0, section Checksum.
        let found: UploadChecksum = one("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=").unwrap();
        assert_eq!(found.0.to_string(), "SHA1:2aae6c35c94fcfb415dbe95f408b9ce91ee846ed");
        for bad in ["sha1", "sha1 ", "sha1 !", "crc32 AAAAAA==", "sha1 AAAAAA==", "sha1:Kq5sNclPz7QV2+lfQIuc6R7oRu0="] {
            assert!(is_malformed::<UploadChecksum>(bad), "{bad}");
        }
    }
}
