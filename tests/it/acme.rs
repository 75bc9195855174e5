//! Certificates from an authority: pebble, Let's Encrypt's small one for tests, from Debian's package. Where it isn't installed, the tests say so.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rcgen::generate_simple_self_signed;
use rustix::process::Signal;

use crate::secure::eventually;
use crate::site::{Server, Site};

/// An authority that asks back at these ports, and its directory.
struct Authority {
    pebble: Child,
    directory: String,
    root: PathBuf,
}

impl Authority {
    /// Certificates are good for so many seconds.
    fn start(folder: &Path, (http, tls): (u16, u16), validity_s: u32) -> Option<Self> {
        let made = generate_simple_self_signed(["localhost".to_owned()]).expect("a pair can be made");
        let (root, key) = (folder.join("pebble.pem"), folder.join("pebble-key.pem"));
        std::fs::write(&root, made.cert.pem()).expect("the temporary folder can be written");
        std::fs::write(&key, made.signing_key.serialize_pem()).expect("the temporary folder can be written");
        let [listen, management] = [free_port(), free_port()].map(|port| format!("127.0.0.1:{port}"));
        let config = serde_json::json!({"pebble": {
            "listenAddress": listen, "managementListenAddress": management, "certificate": root, "privateKey": key,
            "httpPort": http, "tlsPort": tls, "ocspResponderURL": "", "externalAccountBindingRequired": false,
            "certificateValidityPeriod": validity_s,
        }});
        let file = folder.join("pebble.json");
        std::fs::write(&file, config.to_string()).expect("the temporary folder can be written");
        let mut pebble = Command::new("pebble");
        pebble.arg("-config").arg(file).envs([("PEBBLE_VA_NOSLEEP", "1"), ("PEBBLE_WFE_NONCEREJECT", "0")]);
        let log = std::fs::File::create(folder.join("pebble.log")).expect("the temporary folder can be written");
        let pebble = pebble.stdin(Stdio::null()).stderr(Stdio::null()).stdout(log).spawn();
        let Ok(pebble) = pebble else {
            println!("`pebble` is not here");
            return None;
        };
        eventually("pebble listens", || std::net::TcpStream::connect(&listen).is_ok());
        let port = listen.rsplit(':').next().expect("a port");
        Some(Self { pebble, directory: format!("https://localhost:{port}/dir"), root })
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = self.pebble.kill();
        let _ = self.pebble.wait();
    }
}

/// A port that is free now: the authority and the server have to know each other's before either is started.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("there is a free port").port()
}

/// The fingerprint of what is shown at this address; none as long as there is no certificate.
fn shown(address: SocketAddr) -> Option<String> {
    let hello = Command::new("openssl")
        .args(["s_client", "-connect", &address.to_string(), "-servername", "localhost"])
        .stdin(Stdio::null())
        .output()
        .expect("openssl is installed");
    let text = String::from_utf8_lossy(&hello.stdout).into_owned();
    let begin = text.find("-----BEGIN CERTIFICATE-----")?;
    let end = text.find("-----END CERTIFICATE-----")?;
    Some(text[begin..end].to_owned())
}

/// Fetches a certificate, and another one when the first is nearly over.
fn fetches_and_renews(redirect: bool) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (http, tls) = (free_port(), free_port());
    let Some(authority) = Authority::start(folder.path(), (http, tls), 15) else { return };
    let redirect = if redirect { format!("redirect_listen = \"127.0.0.1:{http}\"\n") } else { String::new() };
    let config = format!(
        "[tls]\n{redirect}[server]\nlisten_plain = [\"127.0.0.1:0\"]\n[tls.acme]\ndomains = [\"localhost\"]\naccept_terms = true\n\
         directory = {:?}\ndirectory_ca = {:?}\n",
        authority.directory, authority.root
    );
    let mut site = Site::start_several(1, "");
    site.stop();
    let file = folder.path().join("acme.toml");
    std::fs::write(&file, config).expect("the temporary folder can be written");
    let file = file.to_str().expect("a plain path");
    let serve = site.command(&["serve", "--listen", &format!("127.0.0.1:{tls}"), "--config", file]);
    let server = Server::start(serve, &folder.path().join("log"));
    let address = SocketAddr::from(([127, 0, 0, 1], tls));

    eventually("a certificate is fetched and shown", || shown(address).is_some());
    let first = shown(address);
    eventually("it is renewed in time", || {
        site.cli(&["job", "run", "certificate", "--config", file]);
        shown(address).is_some_and(|now| Some(now) != first)
    });
    let told = site.cli(&["audit", "--verb", "certificate"]).ok().stdout;
    assert!(told.contains("for localhost"), "{told}");
    let accounts = std::fs::read_to_string(folder.path().join("pebble.log")).expect("it is there");
    assert_eq!(
        accounts.matches("There are now 1 accounts in memory").count(),
        1,
        "one account for all of it: {accounts}"
    );
    drop(server);
}

#[test]
fn a_certificate_is_fetched_by_a_question_over_tls_and_renewed() {
    fetches_and_renews(false);
}

/// It takes the connection and never says a word.
#[test]
fn a_silent_authority_does_not_keep_the_server_from_stopping() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let authority = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    authority.set_nonblocking(true).expect("the listener is ours");
    let port = authority.local_addr().expect("it is bound").port();
    let config = format!(
        "[server]\nlisten_plain = [\"127.0.0.1:0\"]\n[tls.acme]\ndomains = [\"localhost\"]\naccept_terms = true\n\
         directory = \"https://127.0.0.1:{port}/dir\"\n"
    );
    let mut site = Site::start_several(1, "");
    site.stop();
    let file = folder.path().join("acme.toml");
    std::fs::write(&file, config).expect("the temporary folder can be written");
    let file = file.to_str().expect("a plain path");
    let serve = site.command(&["serve", "--listen", "127.0.0.1:0", "--config", file]);
    let server = Server::start(serve, &folder.path().join("log"));
    let mut asked = None;
    eventually("the authority is asked", || {
        asked = authority.accept().ok();
        asked.is_some()
    });
    server.signal(Signal::TERM);
    assert_eq!(server.exit_status().code(), Some(0));
    let job = site.cli(&["job", "list", "--json"]).ok().stdout;
    assert!(job.contains("stopped on the way"), "the job can go on at once: {job}");
    drop(asked);
}

#[test]
fn a_certificate_is_fetched_by_a_question_over_plain_http_and_renewed() {
    fetches_and_renews(true);
}
