//! haproxy in front of the servers of a site, by the configuration that is shipped: only addresses are put in.
//!
//! `COMMONHOLD_TEST_NODES=3 COMMONHOLD_TEST_BALANCER=haproxy tests/postgres.sh cargo test --test it lock` sends every request of these conversations through it.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The file that an administrator starts from.
pub const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/haproxy.cfg");

/// Whether the tests' clients are to speak to a balancer.
pub fn is_wanted() -> bool {
    std::env::var("COMMONHOLD_TEST_BALANCER").is_ok_and(|balancer| balancer == "haproxy")
}

/// A haproxy, and the place where it listens, which stays when it is started anew.
pub struct Balancer {
    listener: TcpListener,
    running: Option<Child>,
}

impl Balancer {
    /// A place to listen; nobody answers yet.
    pub fn new() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").expect("there is a free port"), running: None }
    }

    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("it listens")
    }

    /// Passes requests to these servers from now on.
    pub fn stand_before(&mut self, servers: &[SocketAddr], folder: &Path) {
        self.stop();
        let file = folder.join("haproxy.cfg");
        std::fs::write(&file, configuration(servers)).expect("the temporary folder can be written");
        // It takes over the socket that is its standard input.
        let listener: OwnedFd = self.listener.try_clone().expect("a socket can be shared").into();
        let mut haproxy = Command::new("haproxy");
        haproxy.arg("-db").arg("-f").arg(file).stdin(Stdio::from(listener)).stdout(Stdio::null()).stderr(Stdio::null());
        self.running = Some(haproxy.spawn().expect("haproxy is installed"));
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

/// The shipped file with other addresses, and nothing else changed.
fn configuration(servers: &[SocketAddr]) -> String {
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
