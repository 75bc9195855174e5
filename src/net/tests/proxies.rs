//! Connections of proxies over real TCP: whom each speaks for.

use super::*;
use crate::config::ClientAddress;

fn behind_proxy(way: ClientAddress, limits: Limits) -> Server {
    let net = config::Net { trusted_proxies: vec!["127.0.0.1".parse().unwrap()], client_address: way };
    let speaks = Speaks::Plain { proxies_only: true };
    Server::at(
        speaks,
        Proxies::from(&net),
        limits,
        service_fn(async |request: Request<RequestBody>| {
            let peer = request.extensions().get::<PeerAddr>().unwrap().0.ip().to_string();
            Ok(Response::new(Full::<Bytes>::from(peer)))
        }),
    )
}

#[tokio::test]
async fn the_client_of_a_proxy_is_who_it_says_by_the_proxy_protocol() {
    let server = behind_proxy(ClientAddress::ProxyProtocol, Limits { connections_per_address_max: 1, ..limits() });
    let mut first = server.send(&[b"PROXY TCP4 192.0.2.7 10.0.0.1 1 443\r\n", GET].concat()).await;
    assert!(response(&mut first).await.ends_with("192.0.2.7"));
    // The same client again has its share; another one doesn't, though it is the same proxy.
    let mut second = server.send(&[b"PROXY TCP4 192.0.2.7 10.0.0.1 2 443\r\n", GET].concat()).await;
    ended_without_answer(&mut second).await;
    let mut other = server.send(&[b"PROXY TCP4 192.0.2.8 10.0.0.1 1 443\r\n", GET].concat()).await;
    assert!(response(&mut other).await.ends_with("192.0.2.8"));
    // The proxy itself, looking whether we are well.
    let local = [&b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"[..], GET].concat();
    assert!(response(&mut server.send(&local).await).await.ends_with("127.0.0.1"));
    ended_without_answer(&mut server.send(GET).await).await;
    while server.counts.refused() + server.counts.failed_greetings() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!((server.counts.refused(), server.counts.failed_greetings()), (1, 1), "no room is no bad greeting");
}

#[tokio::test]
async fn the_client_of_a_proxy_is_who_it_says_by_a_header() {
    let server = behind_proxy(ClientAddress::XForwardedFor, limits());
    for (header, client) in
        [("X-Forwarded-For: 198.51.100.1, 192.0.2.7", "192.0.2.7"), ("Forwarded: for=192.0.2.7", "127.0.0.1")]
    {
        let mut asked = server.send(format!("GET / HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n").as_bytes()).await;
        assert!(response(&mut asked).await.ends_with(client), "{header}");
    }
}
