//! Who the client of a proxy is: what the proxy says of it, and nothing that it says of itself. `COMMONHOLD_TEST_BALANCER` has the same said behind each
//! proxy by the configuration that is shipped for it.

use std::net::{IpAddr, Ipv4Addr};

use crate::site::Site;

const TRUSTED: &str = "[net]\ntrusted_proxies = [\"127.0.0.1\"]\n";
/// A client that isn't where the proxies are.
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
/// What it sends to look like somebody else.
const FORGED: [(&str, &str); 4] = [
    ("X-Forwarded-For", "192.0.2.7"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "evil.example"),
    ("Forwarded", "for=192.0.2.7;proto=https;host=evil.example"),
];

#[test]
fn what_a_client_says_of_its_own_address_goes_for_nothing() {
    let site = Site::start_with(TRUSTED);
    let [ana] = site.team("Projects", [("ana", "editor")]);
    let put = FORGED.iter().fold(ana.ask("PUT", "/Projects/a.txt"), |put, (name, value)| put.with(name, value));
    let answer = put.body("x").send_on(&mut ana.connect_from(ELSEWHERE)).expect("it is answered");
    assert_eq!(answer.status, 201);
    let audit = site.cli(&["audit", "--verb", "PUT", "--json"]).ok().stdout;
    assert!(audit.contains("\"127.0.0.2\"") && !audit.contains("192.0.2.7"), "{audit}");
}

#[test]
fn what_a_client_says_of_the_name_of_the_server_goes_for_nothing() {
    let site = Site::start_with(TRUSTED);
    let visitor = site.anonymous();
    let page = FORGED.iter().fold(visitor.raw("GET", "/connect"), |page, (name, value)| page.with(name, value));
    let page = page.send_on(&mut visitor.connect_from(ELSEWHERE)).expect("it is answered");
    let text = String::from_utf8_lossy(&page.body);
    assert!(text.contains(&format!("http://{}", visitor.host())) && !text.contains("evil.example"), "{text}");
}
