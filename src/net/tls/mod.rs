//! TLS on the connections of a door: versions 1.2 and 1.3 by rustls with aws-lc-rs, HTTP/2 by ALPN (RFC 7301), and a certificate that can be
//! changed while connections are open.
//!
//! Here: the handshake and which certificate it shows. Not here: where certificates come from (`certificates/`, `jobs/`).

mod certificate;
mod validity;

use std::io;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use parking_lot::RwLock;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::{Ticketer, default_provider};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls;
use tokio_rustls::server::TlsStream;

pub use certificate::{Certificate, CertificateError, Files};

/// What an authority asks for when it proves that a name is ours (RFC 8737 section 4).
const ACME_PROTOCOL: &[u8] = b"acme-tls/1";
/// Bytes that wait to be encrypted or sent: enough for a chunk of a large file.
const SEND_BUFFER_BYTES: usize = 128 * 1024;

/// Where the answers to an authority's questions are found (RFC 8737). There may be none for long.
pub trait Challenges: Send + Sync {
    /// The certificate that answers the question about this host name, if one is awaited.
    fn answer(&self, name: String) -> BoxFuture<'_, Option<Certificate>>;
}

/// TLS as a door speaks it.
pub struct Tls {
    config: Arc<ServerConfig>,
    current: Arc<Current>,
    challenges: Option<Box<dyn Challenges>>,
}

/// The certificate that is shown to whoever connects.
#[derive(Debug, Default)]
struct Current(RwLock<Option<Certificate>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // One certificate for all names: a client that asks by an address or another name sees who answers.
        self.0.read().as_ref().map(|certificate| Arc::clone(&certificate.key))
    }
}

impl Tls {
    /// With the certificate to begin with, if there is one already. `http2`: whether it is offered.
    pub fn new(certificate: Option<Certificate>, http2: bool, challenges: Option<Box<dyn Challenges>>) -> Self {
        let current = Arc::new(Current(RwLock::new(certificate)));
        let mut config = settings(Arc::clone(&current) as _);
        config.alpn_protocols =
            if http2 { vec![b"h2".to_vec(), b"http/1.1".to_vec()] } else { vec![b"http/1.1".to_vec()] };
        // Sessions are resumed by tickets under keys that this process changes every few hours; nothing of a session is kept.
        match Ticketer::new() {
            Ok(ticketer) => config.ticketer = ticketer,
            Err(error) => tracing::warn!(%error, "TLS sessions are not resumed"),
        }
        Self { config: Arc::new(config), current, challenges }
    }

    /// Shows this certificate from now on. Open connections go on.
    pub fn show(&self, certificate: Certificate) {
        *self.current.0.write() = Some(certificate);
    }

    /// What is shown, if anything is.
    pub fn shown(&self) -> Option<Certificate> {
        self.current.0.read().clone()
    }

    /// The handshake. `None`: it was an authority's question, which has been answered.
    ///
    /// # Errors
    /// What the other side sent is no TLS, or none that both can speak.
    pub(super) async fn accept<IO>(&self, stream: IO) -> io::Result<Option<TlsStream<IO>>>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let begun = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
        let hello = begun.client_hello();
        let asks = hello.alpn().is_some_and(|mut offered| offered.any(|protocol| protocol == ACME_PROTOCOL));
        if !asks {
            let mut accepted = begun.into_stream(Arc::clone(&self.config)).await?;
            accepted.get_mut().1.set_buffer_limit(Some(SEND_BUFFER_BYTES));
            return Ok(Some(accepted));
        }
        let name = hello.server_name().unwrap_or_default().to_ascii_lowercase();
        let answer = match &self.challenges {
            Some(challenges) => challenges.answer(name).await,
            None => None,
        };
        let answer = answer.ok_or_else(|| io::Error::other("nobody awaits an authority's question about this name"))?;
        let mut config = settings(Arc::new(Current(RwLock::new(Some(answer)))));
        config.alpn_protocols = vec![ACME_PROTOCOL.to_vec()];
        let mut answered = begun.into_stream(Arc::new(config)).await?;
        answered.shutdown().await?;
        Ok(None)
    }
}

/// What is the same for every handshake.
fn settings(certificates: Arc<dyn ResolvesServerCert>) -> ServerConfig {
    let settings = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .expect("the provider has the suites of both versions");
    settings.with_no_client_auth().with_cert_resolver(certificates)
}
