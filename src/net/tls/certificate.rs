//! A certificate with its chain and key, from PEM.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::verify_server_name;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use tokio_rustls::rustls;
use zeroize::Zeroizing;

use super::validity;
use crate::clock::Moment;

/// Bytes of a file with certificates or a key; a chain of four has less than 16 KiB.
const PEM_BYTES_MAX: u64 = 256 * 1024;

/// A certificate that a handshake can show. Cheap to clone.
#[derive(Clone)]
pub struct Certificate {
    pub(super) key: Arc<CertifiedKey>,
    /// From when it is valid.
    pub from: Moment,
    /// Until when.
    pub until: Moment,
    /// The SHA-256 of the certificate itself, hexadecimal, as browsers show it.
    pub fingerprint: Arc<str>,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", self.fingerprint)
    }
}

/// Why a certificate can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file.
    #[error("`{path}` can't be read: {why}")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        why: io::Error,
    },
    /// The text of the certificates.
    #[error("there is no certificate in PEM form")]
    NoCertificate,
    /// The text of the key.
    #[error("there is no private key in PEM form")]
    NoKey,
    /// The key is of a kind that isn't known, or it isn't that of the certificate.
    #[error("certificate and key: {0}")]
    Mismatch(rustls::Error),
    /// The certificate isn't one.
    #[error("the certificate is malformed")]
    Malformed,
}

impl Certificate {
    /// From the text of a chain, the server's own certificate first, and of its key.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn from_pem(chain: &str, key: &str) -> Result<Self, CertificateError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain.as_bytes()).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or(CertificateError::NoCertificate)?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| CertificateError::NoKey)?;
        Self::from_der(chain, key)
    }

    /// The same from what the texts hold.
    ///
    /// # Errors
    /// [`CertificateError::Mismatch`], [`CertificateError::Malformed`].
    pub fn from_der(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, CertificateError> {
        let first = chain.first().ok_or(CertificateError::NoCertificate)?;
        let (from, until) = validity::of(first).ok_or(CertificateError::Malformed)?;
        let fingerprint = fingerprint(first);
        let key = CertifiedKey::from_der(chain, key, &default_provider()).map_err(CertificateError::Mismatch)?;
        Ok(Self { key: Arc::new(key), from, until, fingerprint })
    }

    /// The same for a certificate with an extension that whoever doesn't know it has to refuse (RFC 8737 section 3), as the check of the pair does. It
    /// must be known that they belong together.
    ///
    /// # Errors
    /// [`CertificateError::Mismatch`]: the key is of a kind that isn't known. [`CertificateError::Malformed`].
    pub fn as_it_is(
        certificate: CertificateDer<'static>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, CertificateError> {
        let (from, until) = validity::of(&certificate).ok_or(CertificateError::Malformed)?;
        let key = default_provider().key_provider.load_private_key(key).map_err(CertificateError::Mismatch)?;
        let fingerprint = fingerprint(&certificate);
        Ok(Self { key: Arc::new(CertifiedKey::new(vec![certificate], key)), from, until, fingerprint })
    }

    /// Whether it is made out to this host: a name, or an address. Nobody's word is asked for that.
    pub fn is_for(&self, host: &str) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let parsed = self.key.cert.first().and_then(|first| ParsedCertificate::try_from(first).ok());
        let named = ServerName::try_from(host).ok();
        parsed.zip(named).is_some_and(|(parsed, name)| verify_server_name(&parsed, &name).is_ok())
    }

    /// Whether it is valid at this time.
    pub fn is_valid_at(&self, now: Moment) -> bool {
        self.from <= now && now < self.until
    }
}

fn fingerprint(certificate: &CertificateDer<'_>) -> Arc<str> {
    Sha256::digest(certificate).iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
}

/// The two files of a certificate and its key, and how they were when they were read last.
#[derive(Debug, Clone)]
pub struct Files {
    chain: PathBuf,
    key: PathBuf,
    seen: Option<[(SystemTime, u64); 2]>,
}

impl Files {
    /// These.
    pub fn new(chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { chain: chain.into(), key: key.into(), seen: None }
    }

    /// Whether either has another time or length than when it was read last.
    pub fn have_changed(&self) -> bool {
        self.state().is_some_and(|state| self.seen != Some(state))
    }

    /// Reads both. What can't be used is not looked at again before it changes.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn read(&mut self) -> Result<Certificate, CertificateError> {
        self.seen = self.state();
        let chain = read(&self.chain)?;
        let key = read(&self.key)?;
        Certificate::from_pem(&chain, &key)
    }

    fn state(&self) -> Option<[(SystemTime, u64); 2]> {
        let state = |path: &Path| {
            let metadata = path.metadata().ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        };
        Some([state(&self.chain)?, state(&self.key)?])
    }
}

fn read(path: &Path) -> Result<Zeroizing<String>, CertificateError> {
    let mut text = Zeroizing::new(String::new());
    let file = File::open(path).and_then(|file| file.take(PEM_BYTES_MAX).read_to_string(&mut text));
    match file {
        Ok(_) => Ok(text),
        Err(why) => Err(CertificateError::Unreadable { path: path.display().to_string(), why }),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey as Made, generate_simple_self_signed};

    use super::*;

    fn made(name: &str) -> (String, String) {
        let Made { cert, signing_key } = generate_simple_self_signed([name.to_owned()]).unwrap();
        (cert.pem(), signing_key.serialize_pem())
    }

    #[test]
    fn a_certificate_is_for_its_own_names_only() {
        let (chain, key) = made("files.example.org");
        let certificate = Certificate::from_pem(&chain, &key).unwrap();
        assert!(certificate.is_for("files.example.org"));
        for other in ["example.org", "other.example.org", "127.0.0.1", "[::1]", "no name at all"] {
            assert!(!certificate.is_for(other), "{other}");
        }
    }

    #[test]
    fn a_pair_that_does_not_belong_together_is_refused() {
        let ((one, one_key), (_, other_key)) = (made("one.example"), made("other.example"));
        assert!(Certificate::from_pem(&one, &one_key).is_ok());
        assert!(matches!(Certificate::from_pem(&one, &other_key), Err(CertificateError::Mismatch(_))));
        assert!(matches!(Certificate::from_pem(&one_key, &one_key), Err(CertificateError::NoCertificate)));
        assert!(matches!(Certificate::from_pem(&one, &one), Err(CertificateError::NoKey)));
        assert!(matches!(Certificate::from_pem("", ""), Err(CertificateError::NoCertificate)));
    }

    #[test]
    fn files_are_read_again_when_they_change_and_a_bad_pair_only_once() {
        let folder = tempfile::tempdir().unwrap();
        let (chain, key) = (folder.path().join("chain.pem"), folder.path().join("key.pem"));
        let mut files = Files::new(&chain, &key);
        assert!(!files.have_changed() && matches!(files.read(), Err(CertificateError::Unreadable { .. })));

        let (text, key_text) = made("one.example");
        std::fs::write(&chain, &text).unwrap();
        std::fs::write(&key, "not yet").unwrap();
        assert!(files.have_changed());
        assert!(files.read().is_err() && !files.have_changed());

        std::fs::write(&key, key_text).unwrap();
        assert!(files.have_changed());
        assert!(files.read().unwrap().is_valid_at(Moment::now()));
        assert!(!files.have_changed());
    }
}
