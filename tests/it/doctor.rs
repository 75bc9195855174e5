//! `doctor`: a sound site and our own server have nothing wrong; each fault that a proxy or server brings is named at the step at which
//! the client fails, with what to do.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use rustix::process::Signal;
use serde_json::Value;

use crate::site::http::Answer;
use crate::site::middlebox::{After, Before, Middlebox, Passing, answer};
use crate::site::{Client, Ran, Server, Site};

const CLIENTS: [&str; 4] = ["windows", "finder", "office", "proxy"];

#[test]
fn a_sound_site_has_nothing_that_does_not_work() {
    let (site, _) = share();
    let ran = site.cli(&["doctor"]).ok();
    for check in
        ["configuration", "folder", "sync", "free disk", "free inodes", "database", "contents", "clock", "server"]
    {
        assert!(ran.stdout.contains(check), "{check}: {ran:#?}");
    }
    assert!(ran.stdout.contains("answers\n"), "the server is found where it listens: {ran:#?}");
    let found = site.cli(&["doctor", "--json"]).ok().json();
    let found = found.as_array().expect("an array");
    assert!(found.len() > 8 && found.iter().all(|line| line["state"] != "failure"), "{found:#?}");
}

#[test]
fn what_is_wrong_with_a_site_is_told_with_its_remedy() {
    let (mut site, _) = share();
    site.stop();
    let stopped = site.cli(&["doctor", "--json"]).ok().json();
    assert_eq!(line(&stopped, "server")["state"], "warning", "{stopped}");
    site.restart();
    site.kill9();
    let dead = site.cli(&["doctor", "--json"]).exits(1).json();
    let dead = line(&dead, "server");
    assert!(dead["state"] == "failure" && dead["remedy"].as_str().unwrap().contains("start it again"), "{dead}");

    let nowhere = site.folder().join("nowhere");
    let mut command = crate::site::command();
    command.args(["doctor", "--data"]).arg(&nowhere);
    let missing = Ran::run(command, "").exits(1);
    assert!(missing.stdout.contains("commonhold init") && !nowhere.exists(), "{missing:#?}");

    let config = site.folder().join("wrong.toml");
    std::fs::write(&config, "[server]\nlisten_on = \"here\"\n").unwrap();
    let mut command = crate::site::command();
    command.args(["doctor", "--config"]).arg(&config);
    let unknown = Ran::run(command, "").exits(1);
    assert!(unknown.stdout.contains("failure  configuration") && unknown.stdout.contains("listen_on"), "{unknown:#?}");
    // A server somewhere has nothing to do with it.
    let mut command = crate::site::command();
    command.args(["doctor", "windows", "http://127.0.0.1:1/dav", "--config"]).arg(&config);
    let asked = Ran::run(command, "").exits(1);
    assert!(asked.stdout.contains("nothing accepts connections") && !asked.stdout.contains("listen_on"), "{asked:#?}");
}

/// A folder that isn't mounted is an empty one.
#[test]
fn a_store_without_its_contents_is_told() {
    if crate::site::store::is_in_bucket() {
        return;
    }
    let (site, ana) = share();
    ana.put("/Projects/large.bin", vec![7; 100_000]).status(201);
    let found = site.cli(&["doctor", "--json"]).ok().json();
    assert!(line(&found, "contents")["found"].as_str().unwrap().contains("has the 1 "), "{found:#}");
    std::fs::rename(site.data().join("blobs"), site.data().join("elsewhere")).unwrap();
    let found = site.cli(&["doctor", "--json"]).exits(1).json();
    let contents = line(&found, "contents");
    assert!(contents["state"] == "failure" && contents["found"].as_str().unwrap().contains("1 of 1"), "{found:#}");
}

/// It refuses everybody else, and that is right.
#[test]
fn a_server_that_speaks_with_its_proxies_only_is_sound() {
    let by_protocol = "trusted_proxies = [\"127.0.0.1\"]\nclient_address = \"proxy-protocol\"";
    let outward = outward_address().map(|address| ("trusted_proxies = [\"203.0.113.1\"]", address));
    for (net, listen) in outward.into_iter().chain([(by_protocol, Ipv4Addr::LOCALHOST.into())]) {
        let mut site = Site::start_several(1, &format!("[net]\n{net}\n"));
        site.stop();
        let log = site.folder().join("proxied.log");
        let server = Server::start(site.command(&["serve", "--listen", &SocketAddr::new(listen, 0).to_string()]), &log);
        let found = site.cli(&["doctor", "--json"]).ok().json();
        let told = line(&found, "server");
        assert!(told["state"] == "ok" && told["found"].as_str().unwrap().contains("proxies"), "{net}: {found:#}");
        server.signal(Signal::KILL);
        server.exit_status();
        let found = site.cli(&["doctor", "--json"]).exits(1).json();
        assert_eq!(line(&found, "server")["state"], "failure", "{net}: {found:#}");
    }
}

/// An address of this machine that isn't the loopback's, where it has one; nothing is sent to find out.
fn outward_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(203, 0, 113, 1), 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback()).then_some(address)
}

#[test]
fn each_client_goes_through_on_our_own_server_and_leaves_nothing_behind() {
    let (site, ana) = share();
    for client in CLIENTS {
        let ran = examine(&site, &ana, client, &url(&ana.host())).ok().json();
        let lines = ran.as_array().expect("an array");
        assert!(lines.len() > 15, "{client}: {ran:#}");
        for found in lines {
            // The one thing that a server without a certificate can't have.
            let is_login = found["check"] == "log in: Basic over TLS";
            assert_eq!(found["state"], if is_login { "warning" } else { "ok" }, "{client}: {found:#}");
        }
    }
    assert_eq!(ana.list("/Projects", crate::site::Depth::One).paths(), ["/Projects/"]);
    site.is_consistent();
}

#[test]
fn who_may_not_log_in_or_write_is_told_so() {
    let (site, ana) = share();
    let [eva] = site.team("Plans", [("eva", "viewer")]);
    let wrong = site.client("ana", "not her password");
    let found = examine(&site, &wrong, "office", &url(&ana.host())).exits(1).json();
    let failure = failures(&found);
    assert!(failure.len() == 1 && failure[0]["remedy"].as_str().unwrap().contains("login was refused"), "{found:#}");
    let plans = format!("http://{}/dav/Plans", ana.host());
    let found = examine(&site, &eva, "finder", &plans).exits(1).json();
    let failure = failures(&found);
    assert!(failure.len() == 1 && failure[0]["remedy"].as_str().unwrap().contains("this person may not"), "{found:#}");
    for url in ["ftp://files.example.org/", "http://ana:secret@127.0.0.1/dav"] {
        site.cli(&["doctor", "windows", url]).says_why_not();
    }
    site.cli(&["doctor", "windows", "no url"]).exits(2);
    let found = site.cli(&["doctor", "proxy", "http://127.0.0.1:1/dav", "--json"]).exits(1).json();
    assert!(failures(&found)[0]["remedy"].as_str().unwrap().contains("nothing accepts connections"), "{found:#}");
}

#[test]
fn a_certificate_is_examined_by_the_site_and_by_every_client() {
    let folder = tempfile::tempdir().unwrap();
    let pair = |name: &str| {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "2001:db8::1".to_owned()]).unwrap();
        let (certificate, key) =
            (folder.path().join(format!("{name}.pem")), folder.path().join(format!("{name}-key.pem")));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        (certificate, key)
    };
    let ((certificate, key), (_, other_key)) = (pair("one"), pair("other"));
    let config = format!(
        "[server]\nlisten_plain = [\"127.0.0.1:0\"]\npublic_origins = [\"https://localhost\", \"https://files.example.org\", \"https://[2001:db8::1]\", \"https://[2001:db8::1]:8443\"]\n\
         [tls]\ncertificate = {certificate:?}\nkey = {key:?}\n"
    );
    let site = Site::start_several(1, &config);
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    let found = site.cli(&["doctor", "--json"]).exits(1).json();
    assert_eq!(line(&found, "certificate")["state"], "ok", "{found:#}");
    assert_eq!(line(&found, "server")["state"], "ok", "{found:#}");
    let names: Vec<&Value> = found.as_array().unwrap().iter().filter(|line| line["check"] == "name").collect();
    let states: Vec<&Value> = names.iter().map(|line| &line["state"]).collect();
    assert_eq!(states, ["ok", "failure", "ok", "ok"], "{found:#}");

    let url = format!("https://localhost:{}/dav/Projects", site.said("listening on https://").port());
    let words = ["doctor", "windows", &url, "--user", "ana", "--password-stdin", "--json"];
    let ask = |more: &[&str]| site.cli_with_input(&[&words, more].concat(), &format!("{}\n", ana.secret));
    let found = ask(&[]).exits(1).json();
    let refused = failures(&found);
    assert!(refused.len() == 1 && refused[0]["remedy"].as_str().unwrap().contains("certificate"), "{found:#}");
    for trust in [&["--ca", certificate.to_str().unwrap()][..], &["--insecure"]] {
        let found = ask(trust).ok().json();
        assert!(found.as_array().unwrap().iter().all(|line| line["state"] == "ok"), "{found:#}");
    }

    let wrong = site.folder().join("wrong.toml");
    std::fs::write(&wrong, format!("[tls]\ncertificate = {certificate:?}\nkey = {other_key:?}\n")).unwrap();
    let mut command = crate::site::command();
    command.args(["doctor", "--json", "--data"]).arg(site.data()).arg("--config").arg(&wrong);
    let found = Ran::run(command, "").exits(1).json();
    assert_eq!(line(&found, "certificate")["state"], "failure", "{found:#}");
}

/// A fault: who notices it, what passes differently, at which step it is told, and a word of the remedy.
struct Fault {
    client: &'static str,
    before: Before,
    after: After,
    check: &'static str,
    state: &'static str,
    remedy: &'static str,
}

fn pass(_: &mut Passing) -> Option<Answer> {
    None
}

fn keep(_: &Passing, _: &mut Answer) {}

fn without(answer: &mut Answer, name: &str) {
    answer.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
}

/// Gives the headers of that name another value, which may be made of the old one.
fn rewrite(answer: &mut Answer, name: &str, to: impl Fn(&str) -> String) {
    for (_, value) in answer.headers.iter_mut().filter(|(n, _)| n.eq_ignore_ascii_case(name)) {
        *value = to(value);
    }
}

fn replace(answer: &mut Answer, from: &str, to: &str) {
    answer.body = String::from_utf8_lossy(&answer.body).replace(from, to).into_bytes();
}

const FAULTS: &[Fault] = &[
    Fault {
        client: "windows",
        before: |asked| (asked.target == "/").then(|| answer(404, &[], "not here")),
        after: keep,
        check: "find the server: OPTIONS / without login",
        state: "failure",
        remedy: "let the proxy pass `OPTIONS /`",
    },
    Fault {
        client: "windows",
        before: |asked| (asked.target == "/").then(|| answer(200, &[], "welcome")),
        after: keep,
        check: "find the server: OPTIONS / without login",
        state: "warning",
        remedy: "let the proxy pass `OPTIONS /`",
    },
    Fault {
        client: "windows",
        before: |asked| {
            let below = asked.method == "PROPFIND" && asked.target == "/dav/Projects";
            below.then(|| answer(301, &[("Location", "/dav/Projects/")], ""))
        },
        after: keep,
        check: "log in: PROPFIND without credentials",
        state: "failure",
        remedy: "drives don't follow redirects",
    },
    Fault {
        client: "windows",
        before: pass,
        after: |_, answer| without(answer, "www-authenticate"),
        check: "log in: PROPFIND without credentials",
        state: "failure",
        remedy: "WWW-Authenticate",
    },
    Fault {
        client: "windows",
        before: |asked| (asked.method == "PROPPATCH").then(|| answer(403, &[], "")),
        after: keep,
        check: "copy in: PROPPATCH of Win32 times",
        state: "failure",
        remedy: "urn:schemas-microsoft-com:",
    },
    Fault {
        client: "windows",
        before: |asked| {
            asked.drop_header("overwrite");
            None
        },
        after: keep,
        check: "rename onto a taken name: MOVE, Overwrite: F",
        state: "failure",
        remedy: "a plain 412",
    },
    Fault {
        client: "windows",
        before: pass,
        after: |asked, answer| {
            if asked.method == "PROPFIND" && asked.target.ends_with("/many") {
                answer.body.extend(format!("<!--{}-->", "x".repeat(20_000)).bytes());
            }
        },
        check: "a folder of many: PROPFIND Depth 1",
        state: "warning",
        remedy: "FileAttributesLimitInBytes",
    },
    Fault {
        client: "windows",
        before: pass,
        after: |asked, answer| {
            if asked.method == "PROPFIND" && asked.header("depth") == "1" && asked.target == "/dav/Projects" {
                answer.body.extend(format!("<!--{}-->", "x".repeat(1_000_000)).bytes());
            }
        },
        check: "list the folder: PROPFIND Depth 1",
        state: "failure",
        remedy: "FileAttributesLimitInBytes",
    },
    Fault {
        client: "windows",
        before: pass,
        after: |asked, answer| {
            if asked.method == "PROPFIND" {
                replace(answer, "quota-available-bytes", "no-such-thing");
            }
        },
        check: "free space: quota",
        state: "warning",
        remedy: "free space",
    },
    Fault {
        client: "finder",
        before: pass,
        after: |_, answer| rewrite(answer, "dav", |_| "1".to_owned()),
        check: "mount: OPTIONS",
        state: "failure",
        remedy: "macOS mounts read-only",
    },
    Fault {
        client: "finder",
        before: |asked| asked.is_chunked.then(|| answer(411, &[], "")),
        after: keep,
        check: "save: PUT in chunks",
        state: "failure",
        remedy: "proxy_request_buffering off",
    },
    Fault {
        client: "finder",
        before: |asked| {
            if asked.is_chunked {
                asked.is_chunked = false;
                asked.body.clear();
                asked.drop_header("x-expected-entity-length");
            }
            None
        },
        after: keep,
        check: "read it: GET",
        state: "failure",
        remedy: "another length than what was sent",
    },
    Fault {
        client: "finder",
        before: |asked| asked.target.contains("._").then(|| answer(403, &[], "")),
        after: keep,
        check: "write ._Minutes.txt: PUT",
        state: "failure",
        remedy: "Finder stops copying",
    },
    Fault {
        client: "finder",
        before: |asked| asked.target.ends_with("never%20there.txt").then(|| answer(500, &[], "")),
        after: keep,
        check: "a file that isn't there: PROPFIND",
        state: "failure",
        remedy: "files vanish",
    },
    Fault {
        client: "finder",
        before: pass,
        after: |asked, answer| {
            if asked.method == "MKCOL" {
                answer.status = 200;
            }
        },
        check: "make a folder: MKCOL without a slash",
        state: "failure",
        remedy: "look into the server's log",
    },
    Fault {
        client: "office",
        before: pass,
        after: |_, answer| without(answer, "ms-author-via"),
        check: "discover: OPTIONS of the folder",
        state: "failure",
        remedy: "MS-Author-Via: DAV",
    },
    Fault {
        client: "office",
        before: |asked| (asked.method == "HEAD" && asked.target.ends_with('/')).then(|| answer(405, &[], "")),
        after: keep,
        check: "discover: HEAD of the folder",
        state: "failure",
        remedy: "answer it with 200 on folders",
    },
    Fault {
        client: "office",
        before: |asked| (asked.method == "LOCK").then(|| answer(405, &[], "")),
        after: keep,
        check: "open: LOCK",
        state: "failure",
        remedy: "Office opens read-only",
    },
    Fault {
        client: "office",
        before: pass,
        after: |_, answer| without(answer, "lock-token"),
        check: "open: LOCK",
        state: "failure",
        remedy: "Lock-Token",
    },
    Fault {
        client: "office",
        before: pass,
        after: |asked, answer| {
            if asked.method == "LOCK" {
                replace(answer, "lockroot", "nothing");
            }
        },
        check: "open: LOCK",
        state: "warning",
        remedy: "lockroot",
    },
    Fault {
        client: "office",
        // As servers do that only pretend to lock.
        before: |asked| {
            let granted = "<D:prop xmlns:D=\"DAV:\"><D:lockroot/><D:timeout>Second-600</D:timeout></D:prop>";
            let ends = |status| Some(answer(status, &[("Lock-Token", "<opaquelocktoken:pretended>")], granted));
            asked.drop_header("if");
            match asked.method.as_str() {
                "LOCK" => ends(200),
                "UNLOCK" => ends(204),
                _ => None,
            }
        },
        after: keep,
        check: "somebody else saves: PUT without token",
        state: "failure",
        remedy: "locks are for show",
    },
    Fault {
        client: "office",
        before: |asked| {
            asked.drop_header("if");
            None
        },
        after: keep,
        check: "save: PUT with the lock's token",
        state: "failure",
        remedy: "let the proxy pass the header `If`",
    },
    Fault {
        client: "proxy",
        before: |asked| {
            asked.drop_header("depth");
            None
        },
        after: keep,
        check: "the header Depth: PROPFIND Depth 0",
        state: "failure",
        remedy: "`Depth` doesn't arrive",
    },
    Fault {
        client: "proxy",
        before: |asked| {
            asked.drop_header("host");
            asked.headers.push(("Host".to_owned(), "backend.internal:8080".to_owned()));
            None
        },
        after: keep,
        check: "the header Destination: MOVE",
        state: "failure",
        remedy: "pass `Host` and `Destination` unchanged",
    },
    Fault {
        client: "proxy",
        before: |asked| (asked.body.len() > 1 << 20).then(|| answer(413, &[], "")),
        after: keep,
        check: "12 MiB: PUT with Expect",
        state: "failure",
        remedy: "client_max_body_size",
    },
    Fault {
        client: "proxy",
        before: |asked| {
            asked.target = asked.target.replace("%25", "%").replace("%23", "#");
            None
        },
        after: keep,
        check: "a name, 50% & more #1.txt: PUT",
        state: "failure",
        remedy: "decodes or encodes the path",
    },
    Fault {
        client: "proxy",
        before: pass,
        after: |asked, answer| {
            if asked.method == "PROPFIND" {
                replace(answer, "/dav/", "/internal/");
            }
        },
        check: "the same path: PROPFIND",
        state: "failure",
        remedy: "pass paths on unchanged",
    },
    Fault {
        client: "proxy",
        before: pass,
        after: |asked, answer| {
            if asked.method == "GET" {
                rewrite(answer, "etag", |value| format!("W/{value}"));
            }
        },
        check: "unchanged: GET that takes gzip",
        state: "failure",
        remedy: "the proxy changes ETags",
    },
    Fault {
        client: "proxy",
        before: |asked| {
            asked.drop_header("range");
            None
        },
        after: keep,
        check: "a part: GET with Range",
        state: "failure",
        remedy: "let the proxy pass `Range`",
    },
    Fault {
        client: "proxy",
        before: |asked| {
            for name in ["if-match", "if-none-match"] {
                asked.drop_header(name);
            }
            None
        },
        after: keep,
        check: "PUT with a wrong If-Match",
        state: "failure",
        remedy: "people overwrite each other",
    },
    Fault {
        client: "proxy",
        before: |asked| (asked.method == "COPY").then(|| answer(501, &[], "")),
        after: keep,
        check: "COPY",
        state: "failure",
        remedy: "let the proxy pass all methods",
    },
    Fault {
        client: "proxy",
        before: pass,
        after: |_, answer| rewrite(answer, "date", |_| "Sat, 18 Jul 2020 08:15:30 GMT".to_owned()),
        check: "the clock: Date",
        state: "warning",
        remedy: "by NTP",
    },
    Fault {
        client: "proxy",
        before: |_| Some(answer(502, &[], "")),
        after: keep,
        check: "reach it: OPTIONS",
        state: "failure",
        remedy: "the proxy reaches no server",
    },
];

#[test]
fn each_fault_on_the_way_is_named_where_the_client_fails_with_what_to_do() {
    let (site, ana) = share();
    let mut missed = Vec::new();
    for fault in FAULTS {
        let server = ana.host().parse().expect("an address");
        let middlebox = Middlebox::before(server, fault.before, fault.after);
        let ran = examine(&site, &ana, fault.client, &url(&middlebox.address().to_string()));
        let found = ran.json();
        let is_told = |line: &&Value| {
            let remedy = line["remedy"].as_str().unwrap_or_default();
            line["check"] == fault.check && line["state"] == fault.state && remedy.contains(fault.remedy)
        };
        let told = found.as_array().expect("an array").iter().find(is_told);
        if told.is_none() || ran.code != Some(i32::from(fault.state == "failure")) {
            let seen: Vec<&Value> =
                found.as_array().expect("an array").iter().filter(|line| line["state"] != "ok").collect();
            missed.push(format!("{}, {}: {seen:#?}", fault.client, fault.check));
        }
        // Who isn't told the token of his lock can't give it back.
        let is_left = |line: &&Value| {
            line["check"].as_str().is_some_and(|check| check.starts_with("clean up")) && line["state"] == "failure"
        };
        let left = found.as_array().expect("an array").iter().find(is_left);
        if let Some(left) = left.filter(|_| fault.remedy != "Lock-Token") {
            missed.push(format!("{}, {}: {left:#?}", fault.client, fault.check));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
    site.is_consistent();
}

fn share() -> (Site, Client) {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    (site, ana)
}

fn url(host: &str) -> String {
    format!("http://{host}/dav/Projects")
}

fn examine(site: &Site, who: &Client, client: &str, url: &str) -> Ran {
    let words = ["doctor", client, url, "--user", &who.name, "--password-stdin", "--json"];
    site.cli_with_input(&words, &format!("{}\n", who.secret))
}

/// The first line about this.
#[track_caller]
fn line<'f>(found: &'f Value, check: &str) -> &'f Value {
    let lines = found.as_array().expect("an array");
    lines.iter().find(|line| line["check"] == check).unwrap_or_else(|| panic!("nothing about `{check}`: {found:#}"))
}

fn failures(found: &Value) -> Vec<&Value> {
    found.as_array().expect("an array").iter().filter(|line| line["state"] == "failure").collect()
}
