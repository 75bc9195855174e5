//! `Destination`, and whether it is on this server.
//!
//! Here: the URI taken apart, and the comparison with the origins this server answers for.
//! Not here: the path itself, which is cut and parsed like a request target's (`path`).
//! RFC 4918 sections 8.3 and 10.3, RFC 3986 section 3.

use super::scan::digits;
use super::{Flaw, Header, HeaderError};
use crate::path::PATH_BYTES_MAX;

/// The longest `Destination`: the longest path with every byte escaped, and room for scheme, host and port.
pub const DESTINATION_BYTES_MAX: usize = 3 * PATH_BYTES_MAX + 512;

/// A server as clients name it: a public address from the configuration, or a request's `Host`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// In lower case; a `Host` says nothing about it.
    scheme: Option<String>,
    /// In lower case.
    host: String,
    port: Option<u16>,
}

impl Origin {
    /// Parses `https://files.example.org` or `http://localhost:8080`, without path, user or fragment.
    ///
    /// Errors: what is wrong, in words.
    pub fn parse(text: &str) -> Result<Self, Flaw> {
        match split_uri(text) {
            Some((scheme, authority, "" | "/")) => Self::from_parts(Some(scheme), authority),
            Some(_) | None => Err("an origin is a scheme, `://`, a host and perhaps a port"),
        }
    }

    /// Parses a `Host` header or HTTP/2's `:authority`: a host and perhaps a port.
    ///
    /// Errors: what is wrong, in words.
    pub fn from_host(authority: &str) -> Result<Self, Flaw> {
        Self::from_parts(None, authority)
    }

    fn from_parts(scheme: Option<&str>, authority: &str) -> Result<Self, Flaw> {
        if authority.contains('@') {
            return Err("it names a user");
        }
        let (host, port) = split_authority(authority).ok_or("its host and port are malformed")?;
        Ok(Self { scheme: scheme.map(str::to_ascii_lowercase), host: host.to_ascii_lowercase(), port })
    }

    /// Whether both name one server. A side without a scheme takes the other's, so a `Host` behind a proxy that ends TLS
    /// equals the `https` the client sees.
    fn is_same(&self, other: &Self) -> bool {
        let scheme = self.scheme.as_ref().or(other.scheme.as_ref());
        let same_scheme = other.scheme.is_none() || other.scheme.as_ref() == scheme;
        let default_port = match scheme.map(String::as_str) {
            Some("https") => Some(443),
            Some("http") => Some(80),
            Some(_) | None => None,
        };
        same_scheme && self.host == other.host && self.port.or(default_port) == other.port.or(default_port)
    }
}

/// Where COPY and MOVE put the resource: an absolute path, or an absolute URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    origin: Option<Origin>,
    raw_path: String,
}

impl Destination {
    /// The absolute path, still encoded and with the DAV prefix, provided that the URI is on this server: `origins` are the
    /// configured public ones and the one from the request's `Host`. A bare path always is.
    ///
    /// Errors: `ForeignDestination`.
    pub fn raw_path_if_ours(&self, origins: &[Origin]) -> Result<&str, HeaderError> {
        match &self.origin {
            Some(origin) if !origins.iter().any(|ours| ours.is_same(origin)) => Err(HeaderError::ForeignDestination),
            Some(_) | None => Ok(&self.raw_path),
        }
    }
}

impl Header for Destination {
    const NAME: &'static str = "Destination";
    const BYTES_MAX: usize = DESTINATION_BYTES_MAX;

    fn from_text(text: &str) -> Result<Self, Flaw> {
        if text.contains('#') {
            return Err("it has a fragment");
        }
        if text.contains('?') {
            return Err("it has a query");
        }
        if text.starts_with('/') && !text.starts_with("//") {
            return Ok(Self { origin: None, raw_path: text.to_owned() });
        }
        let (scheme, authority, path) = split_uri(text).ok_or("it is an absolute URI or an absolute path")?;
        let raw_path = if path.is_empty() { "/" } else { path }.to_owned();
        Ok(Self { origin: Some(Origin::from_parts(Some(scheme), without_user(authority)?)?), raw_path })
    }
}

/// `scheme://authority/path` in its three parts; the path keeps its slash or is empty.
fn split_uri(text: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    is_scheme.then_some((scheme, authority, path))
}

/// The authority without its `user@`, which git puts there and which says nothing about where the resource goes. The host is
/// what follows the one `@`, and nothing in front of it may look like the end of an authority.
fn without_user(authority: &str) -> Result<&str, Flaw> {
    let Some((user, host)) = authority.split_once('@') else { return Ok(authority) };
    let is_user_byte = |b: u8| b.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:".contains(&b);
    if user.bytes().all(is_user_byte) { Ok(host) } else { Err("its user is malformed") }
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`.
fn split_authority(authority: &str) -> Option<(&str, Option<u16>)> {
    let host_end = match authority.strip_prefix('[') {
        Some(v6) => v6.find(']')? + "[]".len(),
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at(host_end);
    let is_host_byte = |b: u8| b.is_ascii_alphanumeric() || b"-._[]:".contains(&b);
    if host.is_empty() || !host.bytes().all(is_host_byte) {
        return None;
    }
    match port.strip_prefix(':') {
        None if port.is_empty() => Some((host, None)),
        None => None,
        Some("") => Some((host, None)), // RFC 3986 section 3.2.3 allows an empty port
        Some(port) => Some((host, Some(u16::try_from(digits(port)?).ok()?))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{is_malformed, one};
    use super::*;
    use crate::path::RelPath;
    use proptest::prelude::*;

    fn to(destination: &str) -> Result<String, HeaderError> {
        let ours = [Origin::parse("https://files.example.org").unwrap(), Origin::from_host("localhost:8080").unwrap()];
        one::<Destination>(destination).and_then(|parsed| parsed.raw_path_if_ours(&ours).map(str::to_owned))
    }

    #[test]
    fn a_destination_on_this_server_gives_its_path_untouched() {
        for (destination, path) in [
            ("/dav/Projects/a%20b", "/dav/Projects/a%20b"),
            ("https://files.example.org/dav/x/", "/dav/x/"),
            ("HTTPS://Files.Example.ORG:443/dav/x", "/dav/x"),
            ("https://files.example.org:/dav/x", "/dav/x"),
            ("https://files.example.org", "/"),
            ("http://localhost:8080/dav/x", "/dav/x"),
            // git's push has the person in its address (http-push of git 2.47).
            ("https://ana@files.example.org/dav/x", "/dav/x"),
            ("http://ana%40example.org:pw@localhost:8080/dav/x", "/dav/x"),
            // The proxy in front ends TLS; the Host header can't say so.
            ("https://localhost:8080/dav/x", "/dav/x"),
        ] {
            assert_eq!(to(destination).as_deref(), Ok(path), "{destination}");
        }
    }

    #[test]
    fn a_destination_elsewhere_is_foreign() {
        for destination in [
            "https://evil.example.org/dav/x",
            "http://files.example.org/dav/x", // configured for https alone
            "https://files.example.org:8443/dav/x",
            "http://localhost/dav/x",
            "ftp://files.example.org/dav/x",
            "https://files.example.org.evil.org/dav/x",
            "https://files.example.org@evil.example.org/dav/x",
            "https://files.example.org:443@evil.example.org/dav/x",
            "http://[::1]:8080/dav/x",
        ] {
            assert_eq!(to(destination), Err(HeaderError::ForeignDestination), "{destination}");
        }
        // With no origin known, only a bare path is ours.
        let parsed: Destination = one("http://localhost/dav/x").unwrap();
        assert_eq!(parsed.raw_path_if_ours(&[]), Err(HeaderError::ForeignDestination));
    }

    #[test]
    fn a_malformed_destination_is_refused() {
        for bad in [
            "",
            "dav/x",
            "//files.example.org/dav/x",
            "https:/dav/x",
            "https:///dav/x",
            "://h/x",
            "1s://h/x",
            "/dav/x#part",
            "/dav/x?query",
            "https://files.example.org/#",
            "https://a@b@files.example.org/dav/x",
            "https://evil.example.org\\@files.example.org/dav/x",
            "https://a[@files.example.org/dav/x",
            "https://ana@/dav/x",
            "https://files.example.org:port/x",
            "https://h:65536/x",
            "https://h:1:2/x",
            "https://[::1/x",
            "https://[::1]x/y",
            "https://h h/x",
            "https://é/x",
            "*",
        ] {
            assert!(is_malformed::<Destination>(bad), "{bad}");
        }
    }

    #[test]
    fn a_host_equals_itself_with_and_without_the_default_port() {
        let same = |ours: &str, destination: &str| {
            let parsed: Destination = one(destination).unwrap();
            parsed.raw_path_if_ours(&[Origin::from_host(ours).unwrap()]).is_ok()
        };
        assert!(same("h", "http://h:80/x") && same("h", "https://h:443/x") && same("h:443", "https://h/x"));
        assert!(same("[::1]:8080", "http://[::1]:8080/x"));
        assert!(!same("h:443", "http://h/x") && !same("h:80", "https://h/x"));
    }

    #[test]
    fn an_origin_is_nothing_but_scheme_host_and_port() {
        assert!(Origin::parse("https://h/").is_ok());
        for bad in ["h", "https://", "https://h/dav/", "https://a@h", "https://h#", "https://h?x"] {
            assert!(Origin::parse(bad).is_err(), "{bad}");
        }
        for bad in ["", ":80", "a@h", "h/x", "h:x", "h, h"] {
            assert!(Origin::from_host(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_longest_path_fits_with_every_byte_escaped() {
        let path = format!("/{}", "%6E".repeat(255)).repeat(PATH_BYTES_MAX / 256);
        let raw = to(&format!("https://files.example.org{path}")).unwrap();
        assert!(RelPath::parse_request_target(&raw).is_ok());
    }

    proptest! {
        #[test]
        fn no_userinfo_trick_reaches_our_path(user in "[a-z.:]{0,12}", host in "[a-z.]{1,12}") {
            let tricks =
                [format!("https://{user}@{host}/x"), format!("https://files.example.org@{host}/x"), format!("https://{host}\\@files.example.org/x")];
            for trick in tricks {
                prop_assert!(to(&trick).is_err(), "{}", trick);
            }
        }
    }
}
