//! What proxies say of their clients: the PROXY protocol, and the headers. Nobody who isn't listed is believed, and what a listed one added last counts
//! before all that its client sent.
#![no_main]

use std::net::SocketAddr;

use commonhold::config::{ClientAddress, Net};
use commonhold::net::{Proxies, proxy::protocol};
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;

const LISTED: &str = "10.0.0.5:40000";
const STRANGER: &str = "198.51.100.1:40000";
const CLIENT: &str = "192.0.2.7";

fuzz_target!(|data: &[u8]| {
    let [which, rest @ ..] = data else { return };
    match which % 2 {
        0 => greeting(rest),
        _ => headers(rest),
    }
});

/// Reads what is there, or to the end of a greeting and not a byte more.
fn greeting(bytes: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime of one thread");
    let read = |mut bytes: &[u8]| {
        let read = runtime.block_on(protocol::read(&mut bytes));
        (read.ok(), bytes.len())
    };
    let (first, left) = read(bytes);
    if first.is_some() {
        let greeting = &bytes[..bytes.len() - left];
        assert_eq!(read(&[greeting, b"GET / HTTP/1.1\r\n"].concat()), (first, 16));
    }
}

fn headers(value: &[u8]) {
    let listed: SocketAddr = LISTED.parse().expect("an address");
    let stranger: SocketAddr = STRANGER.parse().expect("an address");
    let Ok(value) = HeaderValue::from_bytes(value) else { return };
    for way in [ClientAddress::XForwardedFor, ClientAddress::Forwarded, ClientAddress::ProxyProtocol] {
        let trusted_proxies = vec!["10.0.0.0/24".parse().expect("a network")];
        let proxies = Proxies::from(&Net { trusted_proxies, client_address: way });
        let mut headers = HeaderMap::new();
        for name in ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded"] {
            headers.append(name, value.clone());
        }
        let _ = proxies.via(listed, false, &headers);
        let believed = proxies.via(stranger, false, &headers);
        assert!(believed.client == stranger && !believed.tls && believed.host.is_none());
        headers.append("x-forwarded-for", HeaderValue::from_static(CLIENT));
        headers.append("forwarded", HeaderValue::from_static("for=192.0.2.7"));
        if way != ClientAddress::ProxyProtocol {
            assert_eq!(proxies.via(listed, false, &headers).client.ip().to_string(), CLIENT);
        }
    }
}
