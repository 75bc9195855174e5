//! TLS as clients meet it: curl over HTTP/1.1 and HTTP/2, certificates that change, plain HTTP that is shown the way.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rcgen::generate_simple_self_signed;
use tempfile::TempDir;

use crate::site::{Client, Server, Site, command};

/// A pair for `localhost` in two files.
fn make_pair(folder: &Path) -> (PathBuf, PathBuf) {
    let made = generate_simple_self_signed(["localhost".to_owned()]).expect("a pair can be made");
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).expect("the temporary folder can be written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("the temporary folder can be written");
    (certificate, key)
}

/// A new pair in this folder, as keys of `[tls]`.
pub fn pair_in(folder: &Path) -> String {
    let (certificate, key) = make_pair(folder);
    format!("certificate = {certificate:?}\nkey = {key:?}\n")
}

/// One server that speaks TLS, and plain HTTP beside it for the other tests' client.
struct Secured {
    site: Site,
    folder: TempDir,
}

impl Secured {
    fn start(more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let pair = pair_in(folder.path());
        let config = format!("[server]\nlisten_plain = [\"127.0.0.1:0\"]\n[tls]\n{pair}{more}");
        Self { site: Site::start_several(1, &config), folder }
    }

    fn address(&self) -> SocketAddr {
        self.site.said("listening on https://")
    }

    fn curl(&self, who: &Client, http: &str) -> Curl {
        let trusted = self.folder.path().join("certificate.pem");
        let login = format!("{}:{}", who.name, who.secret);
        Curl { base: format!("https://localhost:{}", self.address().port()), trusted, login, http: http.to_owned() }
    }
}

/// curl as somebody, over one version of HTTP.
struct Curl {
    base: String,
    trusted: PathBuf,
    login: String,
    http: String,
}

impl Curl {
    /// Status and body.
    fn ask(&self, method: &str, path: &str, more: &[&str]) -> (u16, Vec<u8>) {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--globoff", "--max-time", "60"]).arg(&self.http);
        curl.arg("--cacert").arg(&self.trusted).args(["--user", &self.login]);
        if method == "HEAD" {
            curl.arg("--head");
        } else {
            curl.args(["--request", method]);
        }
        let told = curl.args(more).args(["--write-out", "\n%{http_code}", &format!("{}{path}", self.base)]).output();
        let told = told.expect("curl is installed");
        assert!(told.status.success(), "{method} {path}: {}", String::from_utf8_lossy(&told.stderr));
        let end = told.stdout.iter().rposition(|byte| *byte == b'\n').expect("its last line is the status");
        let status = String::from_utf8_lossy(&told.stdout[end + 1..]).parse().expect("a status");
        (status, told.stdout[..end].to_vec())
    }
}

/// Whether curl is there and speaks HTTP/2; where it doesn't, the test says so.
pub fn curl_speaks_http2() -> bool {
    let version = Command::new("curl").arg("--version").output();
    let speaks = version.is_ok_and(|told| String::from_utf8_lossy(&told.stdout).contains("HTTP2"));
    if !speaks {
        println!("there is no curl here that speaks HTTP/2");
    }
    speaks
}

/// Waits for something that happens in another process.
#[track_caller]
pub fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let start = Instant::now();
    while !happened() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_drive_works_over_tls_by_either_version_of_http() {
    if !curl_speaks_http2() {
        return;
    }
    let secured = Secured::start("");
    let [ana] = secured.site.team("Projects", [("ana", "co-owner")]);
    let large = secured.folder.path().join("large.bin");
    let bytes: Vec<u8> = (0..12_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    std::fs::write(&large, &bytes).expect("the temporary folder can be written");
    let plain = format!("http://{}", ana.host());
    for (http, base) in [("--http1.1", None), ("--http2", None), ("--http2-prior-knowledge", Some(plain))] {
        let mut curl = secured.curl(&ana, http);
        curl.base = base.unwrap_or(curl.base);
        let (url, base) = ("/dav/Projects/large.bin", curl.base.clone());
        let upload = format!("@{}", large.display());
        assert_eq!(
            curl.ask("PUT", url, &["--data-binary", &upload, "--header", "Expect: 100-continue"]).0,
            201,
            "{http}"
        );
        assert!(curl.ask("GET", url, &[]) == (200, bytes.clone()), "{http}: other bytes");
        let part = curl.ask("GET", url, &["--range", "1000-1009"]);
        assert_eq!(part, (206, bytes[1000..1010].to_vec()), "{http}");
        assert_eq!(curl.ask("HEAD", url, &[]).0, 200, "{http}");
        let (status, listing) = curl.ask("PROPFIND", "/dav/Projects/", &["--header", "Depth: 1"]);
        assert_eq!(status, 207);
        assert!(String::from_utf8_lossy(&listing).contains("large.bin"), "{http}");

        let scope = r#"<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>"#;
        let (status, lock) = curl.ask("LOCK", url, &["--data", scope, "--header", "Content-Type: application/xml"]);
        assert_eq!(status, 200, "{http}");
        let lock = String::from_utf8_lossy(&lock).into_owned();
        let token = lock.split("urn:uuid:").nth(1).and_then(|rest| rest.split('<').next()).expect("a token");
        assert_eq!(curl.ask("PUT", url, &["--data", "mine"]).0, 423, "{http}");
        let condition = format!("If: (<urn:uuid:{token}>)");
        assert_eq!(curl.ask("PUT", url, &["--data", "mine", "--header", &condition]).0, 204, "{http}");
        let given_back = format!("Lock-Token: <urn:uuid:{token}>");
        assert_eq!(curl.ask("UNLOCK", url, &["--header", &given_back]).0, 204, "{http}");

        // The destination by the name that the client knows, with its scheme.
        let moved = format!("Destination: {base}/dav/Projects/moved.bin");
        assert_eq!(curl.ask("MOVE", url, &["--header", &moved]).0, 201, "{http}");
        let foreign = "Destination: https://elsewhere.example.org/dav/Projects/x";
        assert_eq!(curl.ask("MOVE", "/dav/Projects/moved.bin", &["--header", foreign]).0, 502, "{http}");
        assert_eq!(curl.ask("DELETE", "/dav/Projects/moved.bin", &[]).0, 204, "{http}");
    }
}

#[test]
fn an_early_refusal_over_http_2_ends_the_upload_and_not_the_connection() {
    if !curl_speaks_http2() {
        return;
    }
    let secured = Secured::start("[limits]\nupload_bytes_max = 1000\n");
    let [ana] = secured.site.team("Projects", [("ana", "editor")]);
    let large = secured.folder.path().join("large.bin");
    std::fs::write(&large, vec![7; 8_000_000]).expect("the temporary folder can be written");
    let upload = format!("@{}", large.display());
    let curl = secured.curl(&ana, "--http2");
    assert_eq!(curl.ask("PUT", "/dav/Projects/a.bin", &["--data-binary", &upload]).0, 413);
    let mut wrong = secured.curl(&ana, "--http2");
    wrong.login = "ana:wrong".to_owned();
    assert_eq!(wrong.ask("PUT", "/dav/Projects/a.bin", &["--data-binary", &upload]).0, 401);
}

#[test]
fn plain_http_is_shown_the_way_to_tls_and_browsers_stay_there() {
    let secured = Secured::start("redirect_listen = \"127.0.0.1:0\"\nhsts_s = 600\n");
    let [ana] = secured.site.team("Projects", [("ana", "editor")]);
    let wrong_door = ana.at(secured.site.said("redirecting from http://"));
    for method in ["GET", "PROPFIND", "PUT"] {
        let reply = wrong_door.ask(method, "/Projects/a b.txt").with("Content-Length", "0").send().status(308);
        let target = format!("https://127.0.0.1:{}/dav/Projects/a%20b.txt", secured.address().port());
        assert_eq!(reply.header("location"), target);
        assert!(reply.list("strict-transport-security").is_empty());
    }
    let of_the_server = wrong_door.raw("OPTIONS", "*").send().status(308);
    assert_eq!(of_the_server.header("location"), format!("https://127.0.0.1:{}", secured.address().port()));
    let plain = ana.get("/Projects/").status(200);
    assert!(plain.list("strict-transport-security").is_empty(), "{}", plain.told());
    let head = secured.curl(&ana, "--http1.1").ask("HEAD", "/dav/Projects/", &[]);
    let head = String::from_utf8_lossy(&head.1).to_ascii_lowercase();
    assert!(head.contains("strict-transport-security: max-age=600\r\n"), "{head}");
}

#[test]
fn a_new_certificate_is_shown_without_a_restart_and_a_bad_pair_never() {
    let secured = Secured::start("");
    let [ana] = secured.site.team("Projects", [("ana", "editor")]);
    let answers = |curl: &Curl| {
        let mut asked = Command::new("curl");
        asked
            .args(["--silent", "--max-time", "20", "--cacert"])
            .arg(&curl.trusted)
            .arg(format!("{}/health", curl.base));
        asked.output().expect("curl is installed").stdout == b"ok\n"
    };
    let reloads = || secured.site.cli(&["audit", "--verb", "reload"]).ok().stdout;
    let first = secured.curl(&ana, "--http1.1");
    let kept = secured.folder.path().join("first.pem");
    std::fs::copy(&first.trusted, &kept).expect("the temporary folder can be written");
    let first = Curl { trusted: kept, ..first };
    assert!(answers(&first));

    // A key that isn't that of the certificate.
    std::fs::write(secured.folder.path().join("key.pem"), "no key").expect("the temporary folder can be written");
    secured.site.ask_to_reload();
    eventually("the signal is heard", || reloads().contains("by SIGHUP"));
    assert!(answers(&first), "the old pair is still shown");

    // Both files anew, and no signal: they are looked at.
    make_pair(secured.folder.path());
    let second = secured.curl(&ana, "--http1.1");
    eventually("the new certificate is shown", || answers(&second));
    assert!(!answers(&first));
    eventually("it is told", || reloads().contains("certificate "));
}

#[test]
fn a_site_to_try_is_trusted_by_its_own_authority() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let data = folder.path().join("data");
    let start = || {
        let mut tries = command();
        tries.args(["try", "--tls", "--listen", "127.0.0.1:0", "--data"]).arg(&data);
        Server::start_speaking("https", tries, &folder.path().join("log"))
    };
    let mut seen = String::new();
    for _ in 0..2 {
        let server = start();
        let told = server.greeting.join("\n");
        let authority = told.lines().find_map(|line| line.trim().strip_prefix("File:")).expect("it is named").trim();
        let fingerprint =
            told.lines().find_map(|line| line.trim().strip_prefix("SHA-256:")).expect("it is shown").trim();
        let url = format!("https://localhost:{}/health", server.address.port());
        let asked = Command::new("curl").args(["--silent", "--show-error", "--cacert", authority, &url]).output();
        let asked = asked.expect("curl is installed");
        assert_eq!(asked.stdout, b"ok\n", "{}", String::from_utf8_lossy(&asked.stderr));
        let text = std::fs::read_to_string(authority).expect("it lies in the site's folder");
        assert!(seen.is_empty() || seen == text, "it is trusted once");
        seen = text;
        let mut shown = String::new();
        let openssl =
            Command::new("openssl").args(["x509", "-noout", "-fingerprint", "-sha256", "-in", authority]).output();
        if let Ok(openssl) = openssl {
            write!(shown, "{}", String::from_utf8_lossy(&openssl.stdout)).expect("a text takes words");
            assert!(shown.replace(':', "").to_ascii_lowercase().contains(fingerprint), "{shown} {fingerprint}");
        }
    }
}

#[test]
fn plain_http_beyond_this_machine_needs_a_reason() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let site = Site::start_several(1, "");
    let refused = site.cli(&["serve", "--listen", "0.0.0.0:0"]).says_why_not();
    assert!(refused.contains("trusted_proxies") && refused.contains("insecure_http"), "{refused}");
    let bad = folder.path().join("bad.toml");
    std::fs::write(&bad, "[tls]\ncertificate = \"/nowhere.pem\"\nkey = \"/nowhere.pem\"\n").expect("it can be written");
    let refused = site.cli(&["serve", "--config", bad.to_str().expect("a plain path")]).says_why_not();
    assert!(refused.contains("`/nowhere.pem` can't be read"), "{refused}");
}
