//! Connections over TLS: what is spoken there, resumed sessions, another certificate.

use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::{self, ClientConfig, HandshakeKind, RootCertStore};

use super::super::tls::{Certificate, Tls};
use super::*;

/// A pair for `localhost` that is made for this test.
fn certificate() -> (Certificate, rcgen::Certificate) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = Certificate::from_pem(&made.cert.pem(), &made.signing_key.serialize_pem()).unwrap();
    (certificate, made.cert)
}

/// A server that speaks TLS, and a client that believes its first certificate.
fn tls_server(limits: Limits) -> (Server, Arc<Tls>, rcgen::Certificate) {
    let (shown, trusted) = certificate();
    let tls = Arc::new(Tls::new(Some(shown), true, None));
    let server = Server::at(Speaks::Tls(Arc::clone(&tls)), Proxies::default(), limits, service_fn(echo));
    (server, tls, trusted)
}

fn trusting(authority: &rcgen::Certificate, protocols: &[&str]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    config
}

async fn secure(server: &Server, config: Arc<ClientConfig>) -> io::Result<TlsStream<TcpStream>> {
    let name = "localhost".try_into().unwrap();
    TlsConnector::from(config).connect(name, server.connect().await).await
}

const CLOSING_GET: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// Asks once, and says whether the session was resumed.
async fn once(server: &Server, config: &Arc<ClientConfig>) -> HandshakeKind {
    let mut client = secure(server, Arc::clone(config)).await.unwrap();
    client.write_all(CLOSING_GET).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    client.get_ref().1.handshake_kind().unwrap()
}

#[tokio::test]
async fn tls_is_spoken_with_http_by_alpn_and_sessions_are_resumed() {
    let (server, _, trusted) = tls_server(limits());
    for (offered, chosen) in [(&["h2", "http/1.1"][..], Some("h2")), (&["http/1.1"], Some("http/1.1")), (&[], None)] {
        let client = secure(&server, Arc::new(trusting(&trusted, offered))).await.unwrap();
        assert_eq!(client.get_ref().1.alpn_protocol(), chosen.map(str::as_bytes));
    }
    let config = Arc::new(trusting(&trusted, &["http/1.1"]));
    assert_ne!(once(&server, &config).await, HandshakeKind::Resumed);
    assert_eq!(once(&server, &config).await, HandshakeKind::Resumed);
    // With version 1.2, too.
    let mut old = ClientConfig::builder_with_protocol_versions(&[&rustls::version::TLS12])
        .with_root_certificates({
            let mut roots = RootCertStore::empty();
            roots.add(trusted.der().clone()).unwrap();
            roots
        })
        .with_no_client_auth();
    old.alpn_protocols = vec![b"http/1.1".to_vec()];
    let old = Arc::new(old);
    assert_ne!(once(&server, &old).await, HandshakeKind::Resumed);
    assert_eq!(once(&server, &old).await, HandshakeKind::Resumed);
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_new_connections_and_open_ones_go_on() {
    let (server, tls, trusted) = tls_server(limits());
    let config = Arc::new(trusting(&trusted, &[]));
    let mut open = secure(&server, Arc::clone(&config)).await.unwrap();
    let (new, new_trusted) = certificate();
    tls.show(new);
    let strict = Arc::new(trusting(&trusted, &[]));
    assert!(secure(&server, strict).await.is_err(), "the old one is not shown any more");
    once(&server, &Arc::new(trusting(&new_trusted, &[]))).await;
    open.write_all(CLOSING_GET).await.unwrap();
    let mut answer = String::new();
    open.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn who_does_not_greet_in_time_or_not_by_tls_is_cut() {
    let (server, _, _) = tls_server(Limits { header_timeout: SHORT, ..limits() });
    let mut silent = server.connect().await;
    ended_without_answer(&mut silent).await;
    let mut plain = server.send(GET).await;
    let mut alert = Vec::new();
    let _ = plain.read_to_end(&mut alert).await;
    // A record of the kind "alert" (RFC 8446 section 5.1), and no HTTP.
    assert_eq!(alert.first(), Some(&21), "{alert:?}");
    while server.counts.open() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!((server.counts.accepted(), server.counts.failed_greetings()), (2, 2));
}
