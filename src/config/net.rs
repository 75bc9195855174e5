//! `[tls]`, `[net]` and `[metrics]`: certificates, proxies in front, and who may count what the server does.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Seconds of a year, for which a browser remembers that a host speaks TLS only.
const YEAR_S: u64 = 365 * 24 * 60 * 60;
/// The directory of Let's Encrypt.
const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";
/// Bytes of a token: shorter ones could be guessed.
const TOKEN_BYTES_MIN: usize = 16;
/// Names of one certificate: authorities give no more than a hundred.
const ACME_DOMAINS_MAX: usize = 100;

/// `[tls]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// The file of the certificate with its chain, PEM.
    pub certificate: String,
    /// The file of its private key, PEM.
    pub key: String,
    /// Where plain HTTP is answered with the way to `https://`; empty: nowhere.
    pub redirect_listen: Listen,
    /// Seconds that a browser remembers to use TLS only; 0: it isn't told.
    pub hsts_s: u64,
    /// Certificates that are fetched from an authority.
    pub acme: Acme,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            certificate: String::new(),
            key: String::new(),
            redirect_listen: Listen::default(),
            hsts_s: YEAR_S,
            acme: Acme::default(),
        }
    }
}

impl Tls {
    /// Whether `server.listen` speaks TLS.
    pub fn is_on(&self) -> bool {
        !self.certificate.is_empty() || self.acme.is_on()
    }

    /// Certificate and key come from files together, and from files or from an authority.
    pub(super) fn is_whole(&self) -> bool {
        self.certificate.is_empty() == self.key.is_empty() && (self.certificate.is_empty() || !self.acme.is_on())
    }
}

/// `[tls.acme]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Acme {
    /// The names that the certificate is for; empty: none is fetched.
    pub domains: Vec<String>,
    /// A mail address for the authority; may be empty.
    pub contact: String,
    /// Whether the authority's terms of service are agreed to.
    pub accept_terms: bool,
    /// The URL of the authority's directory.
    pub directory: String,
    /// A PEM file with the root by which the directory's own certificate is checked; empty: the system's.
    pub directory_ca: String,
}

impl Default for Acme {
    fn default() -> Self {
        Self {
            domains: Vec::new(),
            contact: String::new(),
            accept_terms: false,
            directory: LETS_ENCRYPT.to_owned(),
            directory_ca: String::new(),
        }
    }
}

impl Acme {
    /// Whether certificates are fetched.
    pub fn is_on(&self) -> bool {
        !self.domains.is_empty()
    }

    /// Whether every domain is a plain host name: a wildcard needs a challenge in the DNS, which is not done here.
    pub(super) fn names_are_plain(&self) -> bool {
        let is_plain = |name: &String| {
            let is_label = |label: &str| {
                (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            };
            name.len() <= 253 && name.split('.').all(is_label) && name.parse::<IpAddr>().is_err()
        };
        self.domains.len() <= ACME_DOMAINS_MAX && self.domains.iter().all(is_plain)
    }
}

/// `[net]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Net {
    /// The proxies whose word about their clients is believed: addresses, or networks such as `10.0.0.0/8`.
    pub trusted_proxies: Vec<Network>,
    /// How they give it.
    pub client_address: ClientAddress,
}

/// Where a trusted proxy says who its client is. One way is believed only: of the others a client may have sent any.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAddress {
    /// `X-Forwarded-For`, with `X-Forwarded-Proto` and `X-Forwarded-Host`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// The PROXY protocol, version 1 or 2, before the first byte of HTTP or TLS.
    ProxyProtocol,
}

/// An address, or all addresses of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(IpNet);

impl Network {
    /// Whether the address is in it. An IPv4 address counts in either form.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let network = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        network.map(Self).ok_or_else(|| format!("`{text}` is no address and no network such as 10.0.0.0/8"))
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.0.to_string()
    }
}

/// `[metrics]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// Where `/metrics` is answered; empty: nowhere.
    pub listen: Listen,
    /// A file with the token that whoever asks has to send; without it `listen` is a loopback address.
    pub token_file: String,
}

impl Metrics {
    /// The token of the file, if there is one.
    ///
    /// # Errors
    /// The file can't be read, or has no token in it.
    pub fn token(&self) -> io::Result<Option<String>> {
        if self.token_file.is_empty() {
            return Ok(None);
        }
        let token = std::fs::read_to_string(&self.token_file)?.trim().to_owned();
        let long_enough = token.len() >= TOKEN_BYTES_MIN;
        long_enough.then_some(Some(token)).ok_or_else(|| io::Error::other("a token has at least 16 characters"))
    }

    /// Whether nobody from outside can ask without a token.
    pub(super) fn is_closed(&self) -> bool {
        !self.token_file.is_empty() || self.listen.0.is_none_or(|listen| listen.ip().to_canonical().is_loopback())
    }
}

/// An address and port to listen on, or an empty text for none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Listen(pub Option<SocketAddr>);

impl TryFrom<String> for Listen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        text.parse().map(|address| Self(Some(address))).map_err(|_| format!("`{text}` is no address with a port"))
    }
}

impl From<Listen> for String {
    fn from(listen: Listen) -> Self {
        listen.0.map(|address| address.to_string()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_addresses_in_either_form_and_no_others() {
        let network: Network = "10.1.0.0/16".parse().unwrap();
        assert!(network.contains("10.1.2.3".parse().unwrap()));
        assert!(network.contains("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!network.contains("10.2.0.1".parse().unwrap()));
        let alone: Network = "2001:db8::1".parse().unwrap();
        assert!(alone.contains("2001:db8::1".parse().unwrap()) && !alone.contains("2001:db8::2".parse().unwrap()));
        for bad in ["", "10.0.0.0/33", "proxy.example.org", "10.0.0.1:80"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }

    #[test]
    fn domains_are_host_names_without_wildcards() {
        let plain = |name: &str| Acme { domains: vec![name.to_owned()], ..Acme::default() }.names_are_plain();
        assert!(plain("files.example.org") && plain("xn--mller-kva.example"));
        for bad in ["", "*.example.org", "a..b", "192.0.2.1", "https://files.example.org", "files.example.org."] {
            assert!(!plain(bad), "{bad}");
        }
    }

    #[test]
    fn whoever_counts_is_here_or_has_a_token() {
        let metrics = |listen: &str, token: &str| {
            let listen = Listen::try_from(listen.to_owned()).unwrap();
            Metrics { listen, token_file: token.to_owned() }.is_closed()
        };
        assert!(metrics("", "") && metrics("127.0.0.1:9100", "") && metrics("0.0.0.0:9100", "/etc/token"));
        assert!(!metrics("0.0.0.0:9100", ""));
    }
}
