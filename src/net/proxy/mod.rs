//! Proxies in front: whose word about their clients is believed, and what they say.
//!
//! Only the word of listed addresses counts, and only in the one way that the site has named: of every other header a client may have sent any, and
//! most proxies pass it on. A list of addresses is read from its end, since each proxy adds whom it saw: the first one that isn't a listed
//! proxy itself is the client, whatever stands before it.

mod forwarded;
pub mod protocol;

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use http::header::{FORWARDED, HeaderName};

use crate::config::{self, ClientAddress, Network};

/// The client's address, and those of the proxies that it came through.
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// `http` or `https`, as the client spoke it.
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// The `Host` that the client sent.
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// Steps back that are taken along a list of proxies.
const HOPS_MAX: usize = 16;

/// Which proxies are believed, and how they speak.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    trusted: Vec<Network>,
    way: ClientAddress,
}

impl From<&config::Net> for Proxies {
    fn from(net: &config::Net) -> Self {
        Self { trusted: net.trusted_proxies.clone(), way: net.client_address }
    }
}

/// Where a request came from, and by which name, as far as it can be known: an extension of every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// The client.
    pub client: SocketAddr,
    /// Whether the client spoke TLS, to us or to the proxy.
    pub tls: bool,
    /// The host that the client named to the proxy, with its port if it had one.
    pub host: Option<String>,
}

impl Proxies {
    /// Whether anybody is believed.
    pub fn are_listed(&self) -> bool {
        !self.trusted.is_empty()
    }

    /// Whether this address is one of them.
    pub fn is_trusted(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }

    /// Whether the connections of this address begin with the PROXY protocol.
    pub fn introduces(&self, address: IpAddr) -> bool {
        self.way == ClientAddress::ProxyProtocol && self.is_trusted(address)
    }

    /// Where a request came from that `peer` sent.
    pub fn via(&self, peer: SocketAddr, tls: bool, headers: &HeaderMap) -> Via {
        let mut via = Via { client: peer, tls, host: None };
        if !self.is_trusted(peer.ip()) {
            return via;
        }
        match self.way {
            ClientAddress::XForwardedFor => {
                let hops = lines(headers, X_FORWARDED_FOR).flat_map(|line| line.rsplit(','));
                via.client = self.back(peer, hops.map(|hop| forwarded::address(hop.trim())));
                let last = |name| lines(headers, name).next().and_then(|line| line.rsplit(',').next()).map(str::trim);
                if let Some(scheme) = last(X_FORWARDED_PROTO) {
                    via.tls = scheme.eq_ignore_ascii_case("https");
                }
                via.host = last(X_FORWARDED_HOST).filter(|host| !host.is_empty()).map(str::to_owned);
            }
            ClientAddress::Forwarded => {
                let hops: Vec<_> = lines(headers, FORWARDED).flat_map(forwarded::hops_from_the_end).collect();
                via.client = self.back(peer, hops.iter().map(|hop| hop.address()));
                if let Some(last) = hops.first() {
                    via.tls = last.scheme().map_or(tls, |scheme| scheme.eq_ignore_ascii_case("https"));
                    via.host = last.host().map(str::to_owned);
                }
            }
            ClientAddress::ProxyProtocol => {}
        }
        via
    }

    /// Goes back from `peer` as long as whoever speaks is believed.
    fn back(&self, peer: SocketAddr, hops: impl Iterator<Item = Option<SocketAddr>>) -> SocketAddr {
        let mut client = peer;
        for hop in hops.take(HOPS_MAX) {
            if !self.is_trusted(client.ip()) {
                break;
            }
            match hop {
                Some(before) => client = before,
                // It hides whom it saw, or writes what isn't understood: then it's the last that is known.
                None => break,
            }
        }
        client
    }
}

/// The lines of a header from the last to the first; what isn't text is left out.
fn lines(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines: Vec<&str> = headers.get_all(name).iter().filter_map(|line| line.to_str().ok()).collect();
    lines.into_iter().rev()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PEER: &str = "10.0.0.5:40000";

    fn proxies(way: ClientAddress) -> Proxies {
        let trusted = ["10.0.0.0/24", "127.0.0.1"].map(|network| network.parse().unwrap()).to_vec();
        Proxies { trusted, way }
    }

    fn via(way: ClientAddress, peer: &str, headers: &[(&'static str, &str)]) -> Via {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        proxies(way).via(peer.parse().unwrap(), false, &map)
    }

    fn client(way: ClientAddress, peer: &str, headers: &[(&'static str, &str)]) -> String {
        via(way, peer, headers).client.ip().to_string()
    }

    #[test]
    fn the_list_of_a_trusted_proxy_is_read_from_its_end() {
        let x = |list| client(ClientAddress::XForwardedFor, PEER, &[("x-forwarded-for", list)]);
        assert_eq!(x("192.0.2.7"), "192.0.2.7");
        // What the client sent itself stands before what the proxy saw.
        assert_eq!(x("203.0.113.1, 192.0.2.7"), "192.0.2.7");
        // Two proxies of ours, one behind the other.
        assert_eq!(x("203.0.113.1, 192.0.2.7, 10.0.0.9"), "192.0.2.7");
        assert_eq!(x("2001:db8::7"), "2001:db8::7");
        assert_eq!(x("[2001:db8::7]:4711"), "2001:db8::7");
        assert_eq!(x("192.0.2.7:4711"), "192.0.2.7");
        // What isn't an address ends the way back.
        assert_eq!(x("192.0.2.7, unknown"), "10.0.0.5");
        assert_eq!(x(""), "10.0.0.5");
        let two = [("x-forwarded-for", "203.0.113.1"), ("x-forwarded-for", "192.0.2.7")];
        assert_eq!(client(ClientAddress::XForwardedFor, PEER, &two), "192.0.2.7");
    }

    #[test]
    fn nobody_else_is_believed_and_no_other_header() {
        let list = [("x-forwarded-for", "192.0.2.7"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "h")];
        let stranger = via(ClientAddress::XForwardedFor, "198.51.100.1:5", &list);
        assert_eq!(
            (stranger.client.to_string().as_str(), stranger.tls, stranger.host),
            ("198.51.100.1:5", false, None)
        );
        assert_eq!(client(ClientAddress::Forwarded, PEER, &list), "10.0.0.5");
        assert_eq!(client(ClientAddress::ProxyProtocol, PEER, &list), "10.0.0.5");
        assert_eq!(client(ClientAddress::XForwardedFor, PEER, &[("forwarded", "for=192.0.2.7")]), "10.0.0.5");
    }

    #[test]
    fn scheme_and_host_are_those_that_the_last_proxy_saw() {
        let headers = [("x-forwarded-proto", "https"), ("x-forwarded-host", "evil.example, files.example.org:8443")];
        let x = via(ClientAddress::XForwardedFor, PEER, &headers);
        assert!(x.tls);
        assert_eq!(x.host.as_deref(), Some("files.example.org:8443"));

        let header = r#"for="[2001:db8::1]:80";proto=http, for=192.0.2.7;host="files.example.org";PROTO=https;by=_x"#;
        let forwarded = via(ClientAddress::Forwarded, PEER, &[("forwarded", header)]);
        assert_eq!(forwarded.client.ip().to_string(), "192.0.2.7");
        assert!(forwarded.tls);
        assert_eq!(forwarded.host.as_deref(), Some("files.example.org"));
    }

    proptest! {
        #[test]
        fn no_header_makes_a_stranger_somebody_else(value in "[ -~]{0,80}") {
            for way in [ClientAddress::XForwardedFor, ClientAddress::Forwarded] {
                let headers = [("x-forwarded-for", value.as_str()), ("forwarded", value.as_str())];
                prop_assert_eq!(client(way, "198.51.100.1:5", &headers), "198.51.100.1");
            }
        }

        #[test]
        fn what_a_client_sends_never_counts_before_what_the_proxy_adds(value in "[ -~&&[^\"]]{0,60}") {
            let x = format!("{value}, 192.0.2.7");
            prop_assert_eq!(client(ClientAddress::XForwardedFor, PEER, &[("x-forwarded-for", &x)]), "192.0.2.7");
            let two = [("forwarded", value.as_str()), ("forwarded", "for=192.0.2.7")];
            prop_assert_eq!(client(ClientAddress::Forwarded, PEER, &two), "192.0.2.7");
        }
    }
}
