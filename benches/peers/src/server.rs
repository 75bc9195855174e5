//! The three servers: their configuration, start and stop. Each serves one collection at [`BASE`] on a free port of the
//! loopback, from a folder of its own, to one person with Basic login. The works know nothing of what is special to a server.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::http::{Connection, Result};
use crate::process::Tree;

/// The path of the collection that the works use, the same on every server.
pub const BASE: &str = "/dav/Projects/";

const USER: &str = "ana";
const PASSWORD: &str = "a-password-for-loopback-only";
/// The account that the peers give up root for; Debian's packages create it.
const PEER_ACCOUNT: &str = "www-data";
const NGINX_DAV_EXT: &str = "/usr/lib/nginx/modules/ngx_http_dav_ext_module.so";
const APACHE_MODULES: &str = "/usr/lib/apache2/modules";
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Which server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// This project's.
    Commonhold,
    /// nginx with its own dav module and dav_ext.
    Nginx,
    /// Apache with mod_dav and mod_dav_fs, event MPM.
    Apache,
}

impl Kind {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Commonhold => "commonhold",
            Kind::Nginx => "nginx",
            Kind::Apache => "apache",
        }
    }
}

/// A running server; dropping it stops it.
pub struct Server {
    /// Which one.
    pub kind: Kind,
    /// What its program calls itself.
    pub version: String,
    /// Resident memory after start, before the first request, in KiB.
    pub idle_kib: u64,
    /// How many clients may lock at once: none unless its `DAV` header announces class 2, one on Apache, whose lock database answers
    /// 400 to the UNLOCK of several.
    pub lockers_max: usize,
    address: SocketAddr,
    authorization: String,
    child: Child,
}

impl Server {
    /// Starts a server with its files in the new folder `dir`; `ours` is this project's server, and whether it syncs nothing.
    pub fn start(kind: Kind, dir: &Path, ours: (&Path, bool)) -> Result<Server> {
        fs::create_dir(dir)?;
        let started = match kind {
            Kind::Commonhold => start_commonhold(dir, ours)?,
            Kind::Nginx => start_nginx(dir)?,
            Kind::Apache => start_apache(dir)?,
        };
        let credentials = base64(format!("{USER}:{}", started.password).as_bytes());
        let mut server = Server {
            kind,
            version: started.version,
            idle_kib: 0,
            lockers_max: 0,
            address: started.address,
            authorization: format!("Basic {credentials}"),
            child: started.child,
        };
        server.await_port()?;
        server.idle_kib = server.processes().resident_kib();
        let (head, _) = server.connect()?.request("OPTIONS", BASE, &[], b"")?;
        head.expect(&[200, 204], "OPTIONS")?;
        if head.header("dav").is_some_and(|classes| classes.split(',').any(|class| class.trim() == "2")) {
            server.lockers_max = if kind == Kind::Apache { 1 } else { usize::MAX };
        }
        Ok(server)
    }

    /// A new connection that is logged in.
    pub fn connect(&self) -> Result<Connection> {
        Connection::open(self.address, &self.authorization)
    }

    /// The absolute URL of a path, as a Destination header wants it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All its processes.
    pub fn processes(&self) -> Tree {
        Tree::of(self.child.id())
    }

    fn await_port(&mut self) -> Result<()> {
        let began = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("{} ended at its start: {status}", self.kind.name()).into());
            }
            if began.elapsed() > START_TIMEOUT {
                return Err(format!("{} does not accept connections", self.kind.name()).into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGTERM, since nginx and Apache have to end their workers; std can only kill.
        let terminated = Command::new("sh").args(["-c", "kill -TERM \"$0\"", &self.child.id().to_string()]).status();
        if !terminated.is_ok_and(|status| status.success()) {
            // Already gone, or past help.
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

struct Started {
    address: SocketAddr,
    password: String,
    version: String,
    child: Child,
}

fn start_commonhold(dir: &Path, (program, relaxed): (&Path, bool)) -> Result<Started> {
    let run = |arguments: &[&str], input: &str| -> Result<String> {
        let mut command = Command::new(program);
        command.env("COMMONHOLD_DATA", dir).args(arguments);
        output(&mut command, input)
    };
    let password_line = format!("{PASSWORD}\n");
    run(&["init", "--org", "Bench", "--admin", "root", "--password-stdin"], &password_line)?;
    run(&["user", "add", USER, "--password-stdin"], &password_line)?;
    run(&["share", "add", "Projects"], "")?;
    run(&["share", "subscribe", "Projects", "--user", USER], "")?;
    let printed = run(&["user", "app-password", USER, "--label", "bench"], "")?;
    let password = printed.split_whitespace().next_back().ok_or("no app password was printed")?.to_owned();
    let version = run(&["--version"], "")?.trim().to_owned();

    let settings = dir.with_extension("toml");
    fs::write(&settings, format!("[storage]\ndurability = \"{}\"\n", if relaxed { "relaxed" } else { "full" }))?;
    let mut child = Command::new(program)
        .env("COMMONHOLD_DATA", dir)
        .args(["serve", "--listen", "127.0.0.1:0", "--config"])
        .arg(&settings)
        .stdout(Stdio::piped())
        .stderr(fs::File::create(dir.with_extension("log"))?)
        .spawn()?;
    let stdout = child.stdout.take().expect("stdout is piped");
    let address = BufReader::new(stdout)
        .lines()
        .map_while(std::io::Result::ok)
        .find_map(|line| line.strip_prefix("listening on http://")?.parse().ok());
    let Some(address) = address else {
        child.wait()?;
        return Err(format!("see {}.log", dir.display()).into());
    };
    Ok(Started { address, password, version, child })
}

fn start_nginx(dir: &Path) -> Result<Started> {
    let port = free_port()?;
    let files = served_folder(dir)?;
    let root = files.display();
    let dir_name = dir.display();
    let user = if is_root()? { format!("user {PEER_ACCOUNT};") } else { String::new() };
    let config = dir.join("nginx.conf");
    fs::write(
        &config,
        format!(
            "load_module {NGINX_DAV_EXT};
{user}
daemon off;
worker_processes auto;
pid {dir_name}/nginx.pid;
error_log {dir_name}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 300;
    keepalive_requests 1000000000;
    client_max_body_size 0;
    client_body_temp_path {dir_name}/body;
    proxy_temp_path {dir_name}/proxy;
    fastcgi_temp_path {dir_name}/fastcgi;
    uwsgi_temp_path {dir_name}/uwsgi;
    scgi_temp_path {dir_name}/scgi;
    dav_ext_lock_zone zone=locks:10m;
    server {{
        listen 127.0.0.1:{port};
        root {root};
        location / {{
            auth_basic bench;
            auth_basic_user_file {dir_name}/passwords;
            dav_methods PUT DELETE MKCOL COPY MOVE;
            dav_ext_methods PROPFIND OPTIONS LOCK UNLOCK;
            dav_ext_lock zone=locks;
        }}
    }}
}}
"
        ),
    )?;
    fs::write(dir.join("passwords"), password_file_line()?)?;
    hand_over(dir)?;
    // `nginx -v` writes to standard error.
    let version = output(Command::new("sh").args(["-c", "nginx -v 2>&1"]), "")?;
    let version = version.replace("nginx version:", "").trim().to_owned();
    let child = quiet(Command::new("nginx").arg("-c").arg(&config)).spawn()?;
    Ok(Started { address: (Ipv4Addr::LOCALHOST, port).into(), password: PASSWORD.to_owned(), version, child })
}

fn start_apache(dir: &Path) -> Result<Started> {
    let port = free_port()?;
    let files = served_folder(dir)?;
    let root = files.display();
    let dir_name = dir.display();
    let user = if is_root()? { format!("User {PEER_ACCOUNT}\nGroup {PEER_ACCOUNT}") } else { String::new() };
    let modules: String =
        ["mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic", "dav", "dav_fs"]
            .map(|name| format!("LoadModule {name}_module {APACHE_MODULES}/mod_{name}.so\n"))
            .concat();
    let config = dir.join("apache.conf");
    fs::write(
        &config,
        format!(
            "{modules}ServerRoot {dir_name}
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
{user}
PidFile {dir_name}/apache.pid
DefaultRuntimeDir {dir_name}
ErrorLog {dir_name}/error.log
LogLevel crit
KeepAlive On
KeepAliveTimeout 300
MaxKeepAliveRequests 0
LimitRequestBody 0
EnableSendfile On
DavLockDB {dir_name}/locks
DocumentRoot {root}
<Directory {root}>
    Dav On
    AllowOverride None
    AuthType Basic
    AuthName bench
    AuthBasicProvider file
    AuthUserFile {dir_name}/passwords
    Require valid-user
</Directory>
"
        ),
    )?;
    fs::write(dir.join("passwords"), password_file_line()?)?;
    hand_over(dir)?;
    let version = output(Command::new("apache2").arg("-v"), "")?;
    let version = version.lines().next().unwrap_or_default();
    let version = version.replace("Server version: ", "");
    let child = quiet(Command::new("apache2").arg("-f").arg(&config).arg("-DFOREGROUND")).spawn()?;
    Ok(Started { address: (Ipv4Addr::LOCALHOST, port).into(), password: PASSWORD.to_owned(), version, child })
}

/// The folder a peer serves, with the works' collection in it.
fn served_folder(dir: &Path) -> Result<PathBuf> {
    let files = dir.join("files");
    fs::create_dir_all(files.join(BASE.trim_start_matches('/')))?;
    Ok(files)
}

/// Gives a peer's files to the account that its workers run as, where there is one.
fn hand_over(dir: &Path) -> Result<()> {
    if is_root()? {
        output(Command::new("chown").args(["-R", PEER_ACCOUNT]).arg(dir), "")?;
    }
    Ok(())
}

/// One SHA-1 for both peers: the hash costs them nothing worth measuring.
fn password_file_line() -> Result<String> {
    output(Command::new("htpasswd").args(["-n", "-s", "-i", USER]), PASSWORD)
}

fn is_root() -> Result<bool> {
    Ok(fs::metadata("/proc/self")?.uid() == 0)
}

/// A port that is free now. Peers can't report a port of the kernel's choice.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null())
}

/// Runs a command to its end and gives what it printed.
fn output(command: &mut Command, input: &str) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("can't run `{name}`: {error}"))?;
    let mut stdin = child.stdin.take().expect("stdin is piped");
    // A command that doesn't read its input may be gone by now.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let done = child.wait_with_output()?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr);
        return Err(format!("`{name}` failed: {}", said.trim()).into());
    }
    Ok(String::from_utf8(done.stdout)?)
}

/// RFC 4648 section 4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let word = group.iter().fold(0u32, |word, &byte| word << 8 | u32::from(byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            if place <= group.len() {
                let digit = word >> (18 - 6 * place) & 63;
                text.push(char::from(ALPHABET[digit as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}
