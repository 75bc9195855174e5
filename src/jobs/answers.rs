//! What an authority is answered over TLS, as the job `certificate` has written it down (TLS-ALPN-01, RFC 8737).

use futures_util::future::BoxFuture;
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use crate::certificates;
use crate::db::Db;
use crate::net::tls::{Certificate, Challenges};

/// The answers to an authority's questions, as the job that fetches certificates has written them down.
pub struct Answers(pub Db);

impl Challenges for Answers {
    fn answer(&self, name: String) -> BoxFuture<'_, Option<Certificate>> {
        Box::pin(async move {
            let question = certificates::question_about(&mut self.0.read().await.ok()?, &name).await.ok()??;
            // RFC 8737 section 3: a certificate by itself for this name, with the digest in an extension of its own.
            let mut params = CertificateParams::new([question.name]).ok()?;
            params.custom_extensions = vec![CustomExtension::new_acme_identifier(&question.digest)];
            let key = KeyPair::generate().ok()?;
            let made = params.self_signed(&key).ok()?;
            Certificate::as_it_is(made.der().clone(), PrivatePkcs8KeyDer::from(key.serialize_der()).into()).ok()
        })
    }
}
