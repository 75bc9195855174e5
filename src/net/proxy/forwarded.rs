//! `Forwarded` (RFC 7239 section 4), and addresses as proxies write them.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// One element of the header: what one proxy says. Later values of a name don't count.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Hop {
    for_: Option<String>,
    proto: Option<String>,
    host: Option<String>,
}

impl Hop {
    /// Whom it saw; `None` if it hides that.
    pub fn address(&self) -> Option<SocketAddr> {
        address(self.for_.as_deref()?)
    }

    /// By which scheme.
    pub fn scheme(&self) -> Option<&str> {
        self.proto.as_deref()
    }

    /// What its client named as the host.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref().filter(|host| !host.is_empty())
    }

    fn take(&mut self, pair: &str) {
        let Some((name, value)) = pair.split_once('=') else { return };
        let place = match name.trim().to_ascii_lowercase().as_str() {
            "for" => &mut self.for_,
            "proto" => &mut self.proto,
            "host" => &mut self.host,
            _ => return,
        };
        place.get_or_insert_with(|| unquoted(value.trim()));
    }
}

/// The elements of one line, the last one first.
pub(super) fn hops_from_the_end(line: &str) -> Vec<Hop> {
    let elements = split(line, ',');
    let hops = elements.into_iter().rev().map(|element| {
        let mut hop = Hop::default();
        split(element, ';').into_iter().for_each(|pair| hop.take(pair));
        hop
    });
    hops.collect()
}

/// An address with or without a port, an IPv6 one with or without brackets.
pub(super) fn address(text: &str) -> Option<SocketAddr> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(address);
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let ip = match bare {
        Some(v6) => v6.parse::<Ipv6Addr>().ok()?.into(),
        None => text.parse::<IpAddr>().ok()?,
    };
    Some(SocketAddr::new(ip, 0))
}

/// Cuts at a separator that doesn't stand in a quoted string (RFC 9110 section 5.6.4).
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(|c| {
        if escaped {
            escaped = false;
            return false;
        }
        match c {
            '"' => quoted = !quoted,
            '\\' => escaped = quoted,
            _ => {}
        }
        c == separator && !quoted
    })
    .collect()
}

/// The value of a token or a quoted string.
fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return value.to_owned() };
    let mut escaped = false;
    let keep = |c: &char| {
        escaped = *c == '\\' && !escaped;
        !escaped
    };
    inner.chars().filter(keep).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_examples_of_rfc_7239_are_read() {
        let hops = hops_from_the_end(r#"for=192.0.2.43, for="[2001:db8:cafe::17]:4711";proto=http;by=203.0.113.43"#);
        assert_eq!(hops[0].address(), "[2001:db8:cafe::17]:4711".parse().ok());
        assert_eq!(hops[0].scheme(), Some("http"));
        assert_eq!(hops[1].address(), "192.0.2.43:0".parse().ok());
        assert_eq!(hops_from_the_end("For=\"[2001:db8:cafe::17]\"")[0].address(), "[2001:db8:cafe::17]:0".parse().ok());
        for hidden in ["for=_gazonk", "for=unknown", "for=\"_x:80\"", "by=1.2.3.4", ""] {
            assert_eq!(hops_from_the_end(hidden)[0].address(), None, "{hidden}");
        }
    }

    #[test]
    fn a_quoted_comma_separates_nothing() {
        let hops = hops_from_the_end(r#"host="a,for=1.2.3.4;\",x";for=192.0.2.1"#);
        assert_eq!(hops.len(), 1);
        assert_eq!(hops[0].host(), Some(r#"a,for=1.2.3.4;",x"#));
        assert_eq!(hops[0].address(), "192.0.2.1:0".parse().ok());
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "\\PC{0,200}") {
            for hop in hops_from_the_end(&text) {
                let _ = (hop.address(), hop.scheme(), hop.host());
            }
        }
    }
}
