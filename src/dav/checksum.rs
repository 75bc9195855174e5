//! The checksum that a client sends along with an upload: made anew of the bytes as they come, and compared.
//!
//! The clients of ownCloud and Nextcloud, and rclone, send `OC-Checksum`; what it says is kept with the content and told again by
//! `oc:checksums`. It guards the way between the client's disk and ours; what is on ours is guarded by BLAKE3 (`blobs/sums.rs`).

use adler2::Adler32;
use md5::Md5;
use sha1::{Digest, Sha1};
use sha2::Sha256;

use super::headers::{Checksum, ChecksumAlgorithm};
use crate::error::HttpError;

/// A checksum in the making, and what it must be.
pub struct Proof {
    expected: Checksum,
    made: Made,
}

enum Made {
    Md5(Md5),
    Sha1(Sha1),
    Sha256(Sha256),
    Adler32(Adler32),
}

impl Proof {
    /// Of no bytes so far.
    pub fn of(expected: Checksum) -> Self {
        let made = match expected.algorithm {
            ChecksumAlgorithm::Md5 => Made::Md5(Md5::default()),
            ChecksumAlgorithm::Sha1 => Made::Sha1(Sha1::default()),
            ChecksumAlgorithm::Sha256 => Made::Sha256(Sha256::default()),
            ChecksumAlgorithm::Adler32 => Made::Adler32(Adler32::new()),
        };
        Self { expected, made }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.made {
            Made::Md5(hash) => hash.update(bytes),
            Made::Sha1(hash) => hash.update(bytes),
            Made::Sha256(hash) => sha2::Digest::update(hash, bytes),
            Made::Adler32(sum) => sum.write_slice(bytes),
        }
    }

    /// Compares, once all bytes have come.
    ///
    /// # Errors
    /// 400 when they are others than the client has sent.
    pub fn confirm(self) -> Result<(), HttpError> {
        let made = match self.made {
            Made::Md5(hash) => hash.finalize().to_vec(),
            Made::Sha1(hash) => hash.finalize().to_vec(),
            Made::Sha256(hash) => sha2::Digest::finalize(hash).to_vec(),
            Made::Adler32(sum) => sum.checksum().to_be_bytes().to_vec(),
        };
        if made == self.expected.digest {
            return Ok(());
        }
        let made = Checksum { digest: made, ..self.expected };
        Err(HttpError::bad_request(format!(
            "The bytes that came have the checksum {made}, and another was announced. Nothing was changed."
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(algorithm: ChecksumAlgorithm, hex: &str) -> Proof {
        let digest = data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap();
        Proof::of(Checksum { algorithm, digest })
    }

    #[test]
    fn the_checksums_of_the_specifications_are_made() {
        // RFC 1321 appendix A.5, RFC 3174 section 7.3, FIPS 180-4 (of `abc`); Adler-32 by its definition in RFC 1950 section 2.2:
        // a = 1 + 97 + 98 + 99 = 0x127, b = 98 + 196 + 295 = 0x24d.
        for (algorithm, hex) in [
            (ChecksumAlgorithm::Md5, "900150983cd24fb0d6963f7d28e17f72"),
            (ChecksumAlgorithm::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (ChecksumAlgorithm::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (ChecksumAlgorithm::Adler32, "024d0127"),
        ] {
            let mut right = proof(algorithm, hex);
            right.update(b"a");
            right.update(b"bc");
            assert!(right.confirm().is_ok(), "{algorithm:?}");
            let mut wrong = proof(algorithm, hex);
            wrong.update(b"abd");
            let said = wrong.confirm().unwrap_err();
            assert!(said.status == http::StatusCode::BAD_REQUEST && !said.text.contains(hex), "{said}");
        }
    }
}
