//! A real server on a free port with its own folder, and clients that speak in sentences.
//!
//! Nothing here is a double: `Site` runs the `commonhold` binary by the words of its command line and speaks to it over
//! TCP. What a test may say about an answer is in `reply.rs`, how a request is built in `client.rs`.

pub mod balancer;
pub mod client;
pub mod database;
pub mod http;
pub mod http2;
pub mod middlebox;
pub mod nodes;
pub mod reply;
pub mod rng;
pub mod store;
pub mod xml;

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use balancer::Balancer;
pub use client::{Client, Depth, Request, asking_for, basic, target};
pub use database::is_elsewhere;
use database::{Database, Writing};
pub use http::{Connection, chunk};
pub use nodes::Nodes;
pub use reply::Reply;
pub use rng::Rng;
pub use store::{Does, Line, Store, is_in_bucket};
pub use xml::dav;

/// The binary under test.
pub const COMMONHOLD: &str = env!("CARGO_BIN_EXE_commonhold");

/// A server that isn't up or down after this time fails the test.
const PATIENCE: Duration = Duration::from_secs(60);

/// A site in a folder of its own and, while it runs, its server, or several where [`nodes::wanted`] says so.
pub struct Site {
    // Dropped first: a server that still ran would write into the folder while it is removed.
    servers: Vec<Server>,
    balancer: Option<Balancer>,
    database: Option<Database>,
    folder: TempDir,
    data: PathBuf,
    config: Option<PathBuf>,
    nodes: Arc<Nodes>,
    servers_wanted: usize,
}

impl Site {
    /// A new site with default settings and a running server.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// A new site whose configuration file has this text.
    #[track_caller]
    pub fn start_with(config: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let data = folder.path().join("data");
        Self::make(folder, data, config, nodes::wanted())
    }

    /// A new site with one server, for what is told of each server by itself.
    #[track_caller]
    pub fn start_alone() -> Self {
        Self::start_several(1, "")
    }

    /// A new site with so many servers; there can be several only where [`is_elsewhere`] says so.
    #[track_caller]
    pub fn start_several(servers: usize, config: &str) -> Self {
        assert!(servers == 1 || is_elsewhere(), "an embedded database has one server");
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let data = folder.path().join("data");
        Self::make(folder, data, config, servers)
    }

    /// A new site whose data lie in a folder of the test's choice.
    #[track_caller]
    pub fn start_in(data: &Path, config: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        Self::make(folder, data.to_owned(), config, nodes::wanted())
    }

    #[track_caller]
    fn make(folder: TempDir, data: PathBuf, config: &str, servers_wanted: usize) -> Self {
        let balancer =
            balancer::wanted().filter(|kind| servers_wanted > 1 || kind.stands_before_one()).map(Balancer::new);
        let mut config = config.to_owned();
        if balancer.is_some() && !config.contains("[net]") {
            // As the shipped files tell an administrator to write it.
            config += "\n[net]\ntrusted_proxies = [\"127.0.0.1\"]\n";
        }
        let config = (!config.is_empty()).then(|| {
            let file = folder.path().join("commonhold.toml");
            std::fs::write(&file, config).expect("the temporary folder can be written");
            file
        });
        let (nodes, database) = (Nodes::none(), Database::wanted());
        let mut site = Self { servers: Vec::new(), balancer, database, folder, data, config, nodes, servers_wanted };
        site.cli_with_input(
            &["init", "--org", "Acme", "--admin", "root", "--password-stdin"],
            "the root of all rights\n",
        )
        .ok();
        site.restart();
        site
    }

    /// Makes a team share, its people with an app password each, and subscribes them with their roles.
    #[track_caller]
    pub fn team<const N: usize>(&self, share: &str, members: [(&str, &str); N]) -> [Client; N] {
        self.cli(&["share", "add", share]).ok();
        members.map(|(name, role)| {
            let client = self.user(name);
            self.cli(&["share", "subscribe", share, "--user", name, "--role", role]).ok();
            client
        })
    }

    /// Makes a user without any share; the client logs in with an app password.
    #[track_caller]
    pub fn user(&self, name: &str) -> Client {
        self.user_of(name, &[])
    }

    /// The same, with further options of `user add`.
    #[track_caller]
    pub fn user_of(&self, name: &str, options: &[&str]) -> Client {
        let add = [&["user", "add", name, "--password-stdin"], options].concat();
        self.cli_with_input(&add, &format!("{}\n", password_of(name))).ok();
        self.client(name, &self.app_password(name, "drive"))
    }

    /// A new app password of a user.
    #[track_caller]
    pub fn app_password(&self, name: &str, label: &str) -> String {
        let ran = self.cli(&["user", "app-password", name, "--label", label]).ok();
        let longest = ran.stdout.split_whitespace().max_by_key(|word| word.len());
        longest.unwrap_or_else(|| panic!("no app password: {ran:?}")).to_owned()
    }

    /// Somebody who logs in with this name and secret.
    pub fn client(&self, name: &str, secret: &str) -> Client {
        Client::new(self.nodes.clone(), name, secret)
    }

    /// Somebody without credentials.
    pub fn anonymous(&self) -> Client {
        Client::anonymous(self.nodes.clone())
    }

    /// Runs a command on the site, beside the running server.
    #[track_caller]
    pub fn cli(&self, args: &[&str]) -> Ran {
        self.cli_with_input(args, "")
    }

    /// The same, with text on its standard input.
    #[track_caller]
    pub fn cli_with_input(&self, args: &[&str], input: &str) -> Ran {
        Ran::run(self.command(args), input)
    }

    /// The command line for this site, not yet run.
    pub fn command(&self, args: &[&str]) -> Command {
        self.command_in(&self.data, args)
    }

    /// The same, on the machine of one of several servers, which has a folder of its own.
    fn command_in(&self, data: &Path, args: &[&str]) -> Command {
        let mut command = command();
        if let Some(database) = &self.database {
            command.env("COMMONHOLD_DATABASE", database.url());
        }
        match store::bucket() {
            Some(_) => {
                command.env("COMMONHOLD_BLOBS", self.place_in_bucket());
            }
            None if self.servers_wanted > 1 => {
                command.env("COMMONHOLD_BLOBS", self.data.join("blobs"));
            }
            None => {}
        }
        command.current_dir(self.folder.path()).args(args).arg("--data").arg(data);
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        command
    }

    /// A place in the bucket that no other site has.
    fn place_in_bucket(&self) -> String {
        let own = self.folder.path().file_name().expect("a temporary folder has a name").to_string_lossy();
        format!("{}/{own}", store::bucket().expect("there is a bucket"))
    }

    /// How many contents are stored that are no rows.
    #[track_caller]
    pub fn blobs(&self) -> usize {
        if is_in_bucket() {
            return store::keys(&self.place_in_bucket()).len();
        }
        let mut folders = vec![self.data.join("blobs")];
        let mut count = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("the test owns the folder") {
                let path = entry.expect("readable").path();
                if path.is_dir() { folders.push(path) } else { count += 1 }
            }
        }
        count
    }

    /// Stores a blob that no row names, as old as a killed upload can't be.
    #[track_caller]
    pub fn put_stray(&self) {
        let name = "01926a4f00007000800000000000abcd";
        if is_in_bucket() {
            return store::put_beside(&self.place_in_bucket(), name);
        }
        let folder = self.data.join("blobs/0192/6a4");
        std::fs::create_dir_all(&folder).expect("the test owns the folder");
        std::fs::write(folder.join(name), "rest").expect("the test owns the folder");
    }

    /// The database on a server, which there is where [`is_elsewhere`] says so.
    #[track_caller]
    pub fn database(&self) -> &Database {
        self.database.as_ref().expect("the rows are on a server")
    }

    /// Changes rows behind the back of the product: what a test can't do by waiting, or what a fault would do.
    #[track_caller]
    pub fn sql(&self, statements: &str) {
        match &self.database {
            Some(database) => database.change(statements),
            None => database::change_file(&self.data.join("commonhold.db"), statements),
        }
    }

    /// What a question for one number gives.
    #[track_caller]
    pub fn count(&self, question: &str) -> i64 {
        match &self.database {
            Some(database) => database.answer(question).parse().expect("a number"),
            None => database::count_in_file(&self.data.join("commonhold.db"), question),
        }
    }

    /// Takes the one writer's turn away from the server, as another process can that changes something for long.
    #[track_caller]
    pub fn hold_writer(&self) -> Writing {
        match &self.database {
            Some(database) => database.write(),
            None => database::write_in_file(&self.data.join("commonhold.db")),
        }
    }

    /// The folder that holds database and blobs.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// A folder for files of the test, removed with the site.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// As if the machine had burned down: the server is gone, its folder, and its database, in whose place there is an empty one.
    #[track_caller]
    pub fn lose_everything(&mut self) {
        if !self.servers.is_empty() {
            self.kill9();
        }
        std::fs::remove_dir_all(&self.data).expect("the folder can be removed");
        self.database = Database::wanted();
    }

    /// Starts the server again on the same data; it may get another port, which its clients follow.
    #[track_caller]
    pub fn restart(&mut self) {
        assert!(self.servers.is_empty(), "the server runs already");
        self.servers = (0..self.servers_wanted).map(|number| self.server(number)).collect();
        self.tell_clients();
    }

    /// Where the servers are now; behind a balancer it is told, and the clients see no difference.
    fn tell_clients(&mut self) {
        let servers = self.addresses();
        match &mut self.balancer {
            Some(balancer) => {
                balancer.stand_before(&servers, self.folder.path());
                self.nodes.are(vec![balancer.address()]);
            }
            None => self.nodes.are(servers),
        }
    }

    /// One of the servers, started.
    #[track_caller]
    fn server(&self, number: usize) -> Server {
        let data = match number {
            0 => self.data.clone(),
            _ => self.folder.path().join(format!("data-{number}")),
        };
        let mut server = Server::start(self.command_in(&data, &["serve", "--listen", "127.0.0.1:0"]), &self.log());
        server.number = number;
        server
    }

    /// Where each of the servers is.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.running().iter().map(|server| server.address).collect()
    }

    /// SIGKILL for one of several servers; the clients go on with the others.
    #[track_caller]
    pub fn kill9_one(&mut self, number: usize) {
        let server = self.servers.remove(number);
        server.signal(Signal::KILL);
        server.exit_status();
        self.tell_clients();
    }

    /// Starts one more of several servers, in the folder of one that was killed.
    #[track_caller]
    pub fn start_one_more(&mut self) {
        let used: Vec<usize> = self.servers.iter().map(|server| server.number).collect();
        let free = (0..self.servers_wanted).find(|number| !used.contains(number));
        self.servers.push(self.server(free.expect("one was killed")));
        self.tell_clients();
    }

    /// Ends the server as a power cut would end the process: SIGKILL. All of them, if there are several.
    #[track_caller]
    pub fn kill9(&mut self) {
        for server in self.running() {
            server.signal(Signal::KILL);
        }
        for server in self.servers.drain(..) {
            server.exit_status();
        }
    }

    /// SIGHUP: the servers read their settings anew.
    #[track_caller]
    pub fn ask_to_reload(&self) {
        for server in self.running() {
            server.signal(Signal::HUP);
        }
    }

    /// The address in a line that the first server printed before the one about plain HTTP, such as `listening on https://`.
    #[track_caller]
    pub fn said(&self, before: &str) -> SocketAddr {
        self.said_before(before, "")
    }

    /// The same where something stands behind it.
    #[track_caller]
    pub fn said_before(&self, before: &str, behind: &str) -> SocketAddr {
        let greeting = &self.running()[0].greeting;
        let line = greeting.iter().find_map(|line| line.split_once(before));
        let address = line.unwrap_or_else(|| panic!("{greeting:?}")).1.trim().strip_suffix(behind);
        address.and_then(|address| address.parse().ok()).expect("an address")
    }

    /// SIGTERM, without waiting for the end.
    #[track_caller]
    pub fn ask_to_stop(&self) {
        for server in self.running() {
            server.signal(Signal::TERM);
        }
    }

    /// SIGTERM, and the server must end with 0.
    #[track_caller]
    pub fn stop(&mut self) {
        self.ask_to_stop();
        self.has_stopped();
    }

    /// Waits for the end that `ask_to_stop` began; the server must end with 0.
    #[track_caller]
    pub fn has_stopped(&mut self) {
        self.running();
        for server in self.servers.drain(..) {
            let status = server.exit_status();
            assert_eq!(status.code(), Some(0), "SIGTERM ends with 0, not {status}");
        }
    }

    /// `commonhold verify` finds nothing wrong.
    #[track_caller]
    pub fn is_consistent(&self) {
        self.cli(&["verify"]).ok();
    }

    /// The most memory that the running server has had at once, in MiB.
    #[track_caller]
    pub fn memory_peak_mib(&self) -> u64 {
        let pid = self.running()[0].pid.as_raw_nonzero();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the server runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the kernel says it");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
    }

    #[track_caller]
    fn running(&self) -> &[Server] {
        assert!(!self.servers.is_empty(), "the server runs");
        &self.servers
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if thread::panicking() {
            let log = std::fs::read_to_string(self.log()).unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            eprintln!("--- the server's last lines ---\n{}", lines[lines.len().saturating_sub(40)..].join("\n"));
        }
    }
}

/// A running server process; dropped, it is killed.
pub struct Server {
    pub address: SocketAddr,
    /// What it printed before it accepted connections.
    pub greeting: Vec<String>,
    /// Which of several servers of its site.
    number: usize,
    pid: Pid,
    ended: Receiver<ExitStatus>,
    seen_to_end: bool,
}

impl Server {
    /// Runs a command that serves, and waits for its line `listening on http://ADDR`.
    #[track_caller]
    pub fn start(command: Command, log: &Path) -> Self {
        Self::start_speaking("http", command, log)
    }

    /// The same for a line with this scheme.
    #[track_caller]
    pub fn start_speaking(scheme: &str, mut command: Command, log: &Path) -> Self {
        let log_file =
            File::options().create(true).append(true).open(log).expect("the temporary folder can be written");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log_file);
        let mut child = command.spawn().expect("the binary runs");
        let pid = Pid::from_child(&child);
        let stdout = BufReader::new(child.stdout.take().expect("its output is piped"));
        let (line_sender, lines) = channel();
        let (end_sender, ended) = channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = line_sender.send(line);
            }
            drop(line_sender);
            let _ = end_sender.send(child.wait().expect("the child is ours"));
        });
        let mut greeting = Vec::new();
        let address = loop {
            let Ok(line) = lines.recv_timeout(PATIENCE) else {
                let _ = kill_process(pid, Signal::KILL);
                let log = std::fs::read_to_string(log).unwrap_or_default();
                panic!("{command:?} doesn't serve; it said {greeting:?}\n{log}");
            };
            match line.split_once(&format!("listening on {scheme}://")) {
                Some((_, address)) => break address.trim().trim_end_matches('/').parse().expect("an address"),
                None => greeting.push(line),
            }
        };
        Self { address, greeting, number: 0, pid, ended, seen_to_end: false }
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).expect("the server is a child of the test");
    }

    /// Waits for the end of the process.
    #[track_caller]
    pub fn exit_status(mut self) -> ExitStatus {
        let status = self.ended.recv_timeout(PATIENCE).expect("the server ends in time");
        self.seen_to_end = true;
        status
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !self.seen_to_end && self.ended.try_recv().is_err() {
            let _ = kill_process(self.pid, Signal::KILL);
            let _ = self.ended.recv_timeout(PATIENCE);
        }
    }
}

/// The human password that `Site::user` gives.
pub fn password_of(name: &str) -> String {
    format!("the long password of {name}")
}

/// The bare command, without settings of the machine it runs on.
pub fn command() -> Command {
    let mut command = Command::new(COMMONHOLD);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("COMMONHOLD_")) {
        command.env_remove(name);
    }
    command
}

/// What a command did.
#[derive(Debug)]
pub struct Ran {
    pub command: String,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    #[track_caller]
    pub fn run(mut command: Command, input: &str) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        // A command that reads no input may be gone already.
        let _ = child.stdin.take().expect("its input is piped").write_all(input.as_bytes());
        let output = child.wait_with_output().expect("the child is ours");
        let text = |bytes| String::from_utf8(bytes).expect("the command line speaks UTF-8");
        Self {
            command: format!("{command:?}"),
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    #[track_caller]
    pub fn ok(self) -> Self {
        self.exits(0)
    }

    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{} gave {self:#?}", self.command);
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("no JSON: {e}: {self:#?}"))
    }

    /// "Can't": exit 1, nothing on standard output, one clear line on standard error.
    #[track_caller]
    pub fn says_why_not(self) -> String {
        let ran = self.exits(1);
        let told = ran.stderr.trim().to_owned();
        assert!(ran.stdout.is_empty() && !told.is_empty() && told.lines().count() == 1, "{ran:#?}");
        told
    }
}
