//! A proxy in front of the servers of a site, by the configuration that is shipped for it: only addresses are put in, and TLS is left out.
//!
//! `COMMONHOLD_TEST_NODES=3 COMMONHOLD_TEST_BALANCER=haproxy tests/postgres.sh cargo test --test it lock` sends every request of these conversations through
//! haproxy; `COMMONHOLD_TEST_BALANCER=nginx cargo test --test it locks` (or `apache`, `caddy`) through one of those, before one server.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The file that an administrator starts from.
pub const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/haproxy.cfg");
/// A proxy that doesn't listen after this time fails the test.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Haproxy,
    Nginx,
    Apache,
    Caddy,
}

impl Kind {
    /// Whether it is shipped as the proxy of a single server.
    pub fn stands_before_one(self) -> bool {
        self != Self::Haproxy
    }
}

/// What the tests' clients are to speak to, if not to the servers themselves.
pub fn wanted() -> Option<Kind> {
    Some(match std::env::var("COMMONHOLD_TEST_BALANCER").ok()?.as_str() {
        "haproxy" => Kind::Haproxy,
        "nginx" => Kind::Nginx,
        "apache" => Kind::Apache,
        "caddy" => Kind::Caddy,
        other => panic!("`{other}` is no balancer that is known here"),
    })
}

/// A proxy, and the place where it listens, which stays when it is started anew.
pub struct Balancer {
    kind: Kind,
    address: SocketAddr,
    /// Handed to haproxy as it is; the others bind the address themselves.
    listener: Option<TcpListener>,
    running: Option<Child>,
}

impl Balancer {
    /// A place to listen; nobody answers yet.
    pub fn new(kind: Kind) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = listener.local_addr().expect("it listens");
        Self { kind, address, listener: (kind == Kind::Haproxy).then_some(listener), running: None }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Passes requests to these servers from now on.
    pub fn stand_before(&mut self, servers: &[SocketAddr], folder: &Path) {
        self.stop();
        let mut command = match self.kind {
            Kind::Haproxy => {
                let file = written(folder, "haproxy.cfg", &haproxy(servers));
                // It takes over the socket that is its standard input.
                let listener = self.listener.as_ref().expect("it is kept for haproxy").try_clone();
                let listener: OwnedFd = listener.expect("a socket can be shared").into();
                let mut haproxy = Command::new("haproxy");
                haproxy.arg("-db").arg("-f").arg(file).stdin(Stdio::from(listener));
                haproxy
            }
            Kind::Nginx => {
                let file = written(folder, "nginx.conf", &self.nginx(servers[0], folder));
                let mut nginx = Command::new("nginx");
                nginx.arg("-c").arg(file).arg("-e").arg("stderr").stdin(Stdio::null());
                nginx
            }
            Kind::Apache => {
                let file = written(folder, "apache.conf", &self.apache(servers[0], folder));
                let mut apache = Command::new("apache2");
                apache.arg("-X").arg("-f").arg(file).stdin(Stdio::null());
                apache
            }
            Kind::Caddy => {
                let file = written(folder, "Caddyfile", &self.caddy(servers[0]));
                let mut caddy = Command::new("caddy");
                caddy.args(["run", "--adapter", "caddyfile", "--config"]).arg(file).stdin(Stdio::null());
                caddy.env("HOME", folder);
                caddy
            }
        };
        let log = std::fs::File::create(folder.join("balancer.log")).expect("the temporary folder can be written");
        command.stdout(Stdio::null()).stderr(log);
        self.running = Some(command.spawn().unwrap_or_else(|error| panic!("{:?} is not here: {error}", self.kind)));
        let begun = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            let log = std::fs::read_to_string(folder.join("balancer.log")).unwrap_or_default();
            assert!(begun.elapsed() < PATIENCE, "{:?} doesn't listen: {log}", self.kind);
            std::thread::yield_now();
        }
    }

    fn nginx(&self, server: SocketAddr, folder: &Path) -> String {
        let shipped = shipped("nginx.conf");
        let begin = shipped.find("server {\n    listen 443").expect("the part with TLS");
        let upstream = &shipped[shipped.find("upstream").expect("the server")
            ..shipped.find("server {\n    listen 80").expect("the part without")];
        let whole = format!("{upstream}{}", &shipped[begin..])
            .replace("127.0.0.1:8080", &server.to_string())
            .replace("listen 443 ssl http2;", &format!("listen {};", self.address));
        let lines: Vec<&str> = whole.lines().filter(|line| !line.trim_start().starts_with("ssl_")).collect();
        let folder = folder.display();
        format!(
            "daemon off;\nmaster_process off;\npid {folder}/nginx.pid;\nevents {{}}\nhttp {{\naccess_log off;\n\
             client_body_temp_path {folder}/body;\nproxy_temp_path {folder}/proxy;\nfastcgi_temp_path {folder}/f;\n\
             uwsgi_temp_path {folder}/u;\nscgi_temp_path {folder}/s;\n{}\n}}\n",
            lines.join("\n")
        )
    }

    fn apache(&self, server: SocketAddr, folder: &Path) -> String {
        let shipped = shipped("apache.conf");
        let begin = shipped.find("<VirtualHost *:443>").expect("the part with TLS");
        let whole =
            shipped[begin..].replace("127.0.0.1:8080", &server.to_string()).replace("*:443", &self.address.to_string());
        let whole = whole.replace("X-Forwarded-Proto https", "X-Forwarded-Proto http");
        let lines: Vec<&str> = whole.lines().filter(|line| !line.trim_start().starts_with("SSL")).collect();
        let modules = ["mpm_event", "authz_core", "headers", "proxy", "proxy_http", "reqtimeout"];
        let modules = modules.map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"));
        let folder = folder.display();
        format!(
            "ServerName localhost\nServerRoot {folder}\nPidFile {folder}/apache.pid\nErrorLog {folder}/apache.log\nDefaultRuntimeDir {folder}\n\
             {}User www-data\nGroup www-data\nListen {}\n{}\n",
            modules.concat(),
            self.address,
            lines.join("\n")
        )
    }

    fn caddy(&self, server: SocketAddr) -> String {
        let site = shipped("Caddyfile")
            .replace("127.0.0.1:8080", &server.to_string())
            .replace("\nfiles.example.org {", &format!("\nhttp://127.0.0.1:{} {{", self.address.port()));
        format!("{{\n\tadmin off\n\tauto_https off\n}}\n{site}")
    }

    fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            let _ = running.kill();
            let _ = running.wait();
        }
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn shipped(name: &str) -> String {
    let path = format!("{}/config/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).expect("the file is there")
}

fn written(folder: &Path, name: &str, text: &str) -> PathBuf {
    let file = folder.join(name);
    std::fs::write(&file, text).expect("the temporary folder can be written");
    file
}

/// The shipped file with other addresses, and nothing else changed.
fn haproxy(servers: &[SocketAddr]) -> String {
    let shipped = std::fs::read_to_string(SHIPPED).expect("the file is there");
    let mut lines: Vec<String> = Vec::new();
    for line in shipped.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["bind", ..] => lines.push("    bind fd@0".to_owned()),
            ["server", "one", _] => {
                lines.extend(servers.iter().enumerate().map(|(n, at)| format!("    server s{n} {at}")));
            }
            ["server", ..] => {}
            _ => lines.push(line.to_owned()),
        }
    }
    lines.join("\n") + "\n"
}
