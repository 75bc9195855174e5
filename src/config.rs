//! The configuration: every key with its default, read from a TOML file and the environment.
//!
//! The only room that reads the environment. `config/commonhold.toml` shows the same keys with their reasons; a test
//! keeps the two equal. What a value does lives in the room that uses it.

mod bucket;
mod net;

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

pub use bucket::{BucketUrl, S3, S3Checksum};
pub use net::{Acme, ClientAddress, Listen, Metrics, Net, Network, Tls};

/// The variable that overrides `log.level`, as usual for programs that use `tracing`.
const LOG_VARIABLE: &str = "RUST_LOG";
/// Sets the URL of the database, which may hold a password and so has no place in an argument.
const DATABASE_VARIABLE: &str = "COMMONHOLD_DATABASE";
/// Says where the contents are.
const BLOBS_VARIABLE: &str = "COMMONHOLD_BLOBS";

/// Bytes of a server's name.
const SERVER_NAME_BYTES_MAX: usize = 64;

/// The whole configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the server listens and how it is reached.
    pub server: Server,
    /// Certificates.
    pub tls: Tls,
    /// Proxies in front.
    pub net: Net,
    /// Bounds of connections and requests.
    pub limits: Limits,
    /// The disk.
    pub storage: Storage,
    /// Passwords.
    pub auth: Auth,
    /// WebDAV.
    pub dav: Dav,
    /// The log.
    pub log: Log,
    /// The audit.
    pub audit: Audit,
    /// The access log.
    pub access_log: AccessLog,
    /// What programs that watch may count.
    pub metrics: Metrics,
    /// What the server does by itself.
    pub jobs: Jobs,
}

/// `[server]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Address and port to listen on; port 0 takes a free one. With `[tls]` it speaks TLS.
    pub listen: SocketAddr,
    /// Where plain HTTP is spoken beside TLS.
    pub listen_plain: Vec<SocketAddr>,
    /// What it is called in lists, in the log and in the audit; empty: machine and process.
    pub name: String,
    /// The origins under which clients reach this server, such as `https://files.example.org`.
    pub public_origins: Vec<String>,
    /// Whether plain HTTP may leave this machine.
    pub insecure_http: bool,
}

impl Default for Server {
    fn default() -> Self {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
        Self { listen, listen_plain: Vec::new(), name: String::new(), public_origins: Vec::new(), insecure_http: false }
    }
}

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections at the same time.
    pub connections_max: usize,
    /// Of these, from one address (IPv6: one /64 network).
    pub connections_per_address_max: usize,
    /// Bytes of a request's line and headers.
    pub header_bytes_max: u32,
    /// Seconds from the first byte of a request to the end of its headers, also from the connection to the first byte.
    pub header_timeout_s: u64,
    /// Seconds that a connection is kept between two requests.
    pub idle_timeout_s: u64,
    /// Seconds without a byte of a request's body.
    pub body_idle_timeout_s: u64,
    /// Seconds in which a client takes none of its response.
    pub write_idle_timeout_s: u64,
    /// Seconds that running requests have to end after SIGTERM.
    pub stop_timeout_s: u64,
    /// Whether HTTP/2 is spoken beside HTTP/1.1.
    pub http2: bool,
    /// Bytes of one uploaded file.
    pub upload_bytes_max: u64,
    /// Bytes of all pieces of one person that no file has been made of yet.
    pub pieces_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 8192,
            connections_per_address_max: 1024,
            header_bytes_max: 32 * 1024,
            header_timeout_s: 15,
            idle_timeout_s: 120,
            body_idle_timeout_s: 60,
            write_idle_timeout_s: 60,
            stop_timeout_s: 30,
            http2: true,
            upload_bytes_max: 1 << 40,
            pieces_bytes_max: 100 << 30,
        }
    }
}

/// `[storage]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Storage {
    /// The URL of a PostgreSQL database; empty: the site's own file.
    pub database: String,
    /// Connections of one server to that database that read at the same time.
    pub database_readers_max: usize,
    /// The folder or bucket of the contents; empty: in the site's own folder.
    pub blobs: String,
    /// What a success means.
    pub durability: Durability,
    /// Free bytes below which uploads are refused.
    pub min_free_bytes: u64,
    /// How an object store is reached.
    pub s3: S3,
    /// Hours that a content waits before it goes, from when nothing names it any more.
    pub gc_grace_h: u32,
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            database: String::new(),
            database_readers_max: 8,
            blobs: String::new(),
            durability: Durability::Full,
            min_free_bytes: 256 << 20,
            s3: S3::default(),
            gc_grace_h: 48,
        }
    }
}

impl Storage {
    /// Whether neither rows nor contents lie in the folder of the one server, so that several can serve the site.
    pub fn is_shared(&self) -> bool {
        !self.database.is_empty() && !self.blobs.is_empty()
    }

    /// Where the contents are. Errors: why that is no place.
    pub fn place_of_blobs(&self) -> Result<PlaceOfBlobs, &'static str> {
        match self.blobs.as_str() {
            "" => Ok(PlaceOfBlobs::WithTheSite),
            url if BucketUrl::is_meant(url) => url.parse().map(PlaceOfBlobs::Bucket),
            path if Path::new(path).is_absolute() => Ok(PlaceOfBlobs::Folder(path.into())),
            _ => Err("it is empty, an absolute path, or `s3://` with a bucket"),
        }
    }
}

/// Where the contents are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaceOfBlobs {
    /// In the site's folder.
    WithTheSite,
    /// In another folder.
    Folder(PathBuf),
    /// In a bucket of an object store.
    Bucket(BucketUrl),
}

/// What the site has done with a change when it reports success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// Synced it to the disk: it survives a power cut.
    Full,
    /// Given it to the operating system: it survives the end of the process only.
    Relaxed,
}

/// `[auth]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// Memory of one password hash in KiB.
    pub argon2_memory_kib: u32,
    /// Passes over that memory.
    pub argon2_iterations: u32,
    /// Lanes.
    pub argon2_parallelism: u32,
    /// Hashes computed at the same time; 0: half as many as there are cores.
    pub hashes_max: usize,
    /// Logins that wait for their hash before others are told to come back.
    pub hashes_waiting_max: usize,
    /// Seconds in which a password that was right is recognized without hashing it again.
    pub proof_cache_s: u64,
    /// The same for one that was wrong.
    pub wrong_proof_cache_s: u64,
    /// Entries of that memory.
    pub proof_cache_max: usize,
    /// Wrong passwords of one account before its password logins are slowed down.
    pub throttle_burst: u32,
    /// Seconds after which one more is let through.
    pub throttle_refill_s: u64,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            argon2_memory_kib: 19 * 1024,
            argon2_iterations: 2,
            argon2_parallelism: 1,
            hashes_max: 0,
            hashes_waiting_max: 64,
            proof_cache_s: 300,
            wrong_proof_cache_s: 60,
            proof_cache_max: 10_000,
            throttle_burst: 10,
            throttle_refill_s: 480,
        }
    }
}

/// `[dav]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dav {
    /// Entries of a PROPFIND with Depth infinity.
    pub propfind_infinity_max: usize,
    /// Nodes of a COPY in one transaction.
    pub copy_at_once_max: u64,
    /// Bytes of a request's XML.
    pub xml_bytes_max: usize,
    /// Bytes of the XML of a PROPPATCH, which carries values.
    pub proppatch_bytes_max: usize,
    /// Bytes of the XML of an ACL, which carries a whole list.
    pub acl_bytes_max: usize,
    /// Properties set by clients on one resource.
    pub dead_properties_max: usize,
    /// Bytes of all of them.
    pub dead_properties_bytes_max: usize,
}

impl Default for Dav {
    fn default() -> Self {
        Self {
            propfind_infinity_max: 10_000,
            copy_at_once_max: 1_000,
            xml_bytes_max: 64 * 1024,
            proppatch_bytes_max: 1024 * 1024,
            acl_bytes_max: 512 * 1024,
            dead_properties_max: 1000,
            dead_properties_bytes_max: 64 * 1024,
        }
    }
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// What is logged: a level, or directives such as `info,commonhold=debug`.
    pub level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned() }
    }
}

/// `[audit]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// Days that records are kept; 0: for ever.
    pub keep_days: u32,
    /// Where the end of the log is kept; empty: in the site's folder.
    pub head_file: String,
}

impl Default for Audit {
    fn default() -> Self {
        Self { keep_days: 400, head_file: String::new() }
    }
}

/// `[access_log]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccessLog {
    /// A file, or `stderr`; empty: none is written.
    pub to: String,
    /// How a line looks.
    pub format: AccessLogFormat,
}

impl Default for AccessLog {
    fn default() -> Self {
        Self { to: String::new(), format: AccessLogFormat::Combined }
    }
}

/// `[jobs]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Jobs {
    /// Days in which every content is read once and compared with its hash; 0: never.
    pub scrub_days: u32,
    /// Bytes that this reads in a second at the most.
    pub scrub_bytes_per_s: u64,
}

impl Default for Jobs {
    fn default() -> Self {
        Self { scrub_days: 30, scrub_bytes_per_s: 16 << 20 }
    }
}

/// How a line of the access log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessLogFormat {
    /// The "combined" line of web servers; milliseconds and the request's id behind it.
    Combined,
    /// One JSON object.
    Json,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object, for programs.
    Json,
}

/// Why a configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("the configuration `{}` can't be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not TOML, names a key that doesn't exist, or a value has the wrong type.
    #[error("`{}` line {line} (`{text}`): {why}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// That line, as far as it holds no password.
        text: String,
        /// What is wrong with it, as far as that holds none.
        why: String,
    },
    /// A value is outside its bounds.
    #[error("the configuration key `{key}` must be {bounds}")]
    OutOfBounds {
        /// Section and key.
        key: &'static str,
        /// What it has to be.
        bounds: &'static str,
    },
}

/// The words that this process was started with, the program's own name left out.
pub fn command_line() -> Vec<String> {
    std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect()
}

/// The socket where this process' service manager listens, if it has one, and the time without a word after which it takes it for hung
/// (sd_notify(3), sd_watchdog_enabled(3)).
pub fn service_manager() -> Option<(std::ffi::OsString, Option<Duration>)> {
    let socket = std::env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty())?;
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
    // Of 0 nothing is expected, as of none.
    Some((socket, number("WATCHDOG_USEC").filter(|usec| is_ours && *usec > 0).map(Duration::from_micros)))
}

impl Config {
    /// Reads `path` and the environment; without a path, the defaults and the environment.
    ///
    /// # Errors
    /// [`ConfigError`], naming the file and the line, or the key.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let mut config = match path {
            None => Self::default(),
            Some(path) => {
                let text = fs::read_to_string(path)
                    .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
                Self::parse(&text, path)?
            }
        };
        if let Ok(level) = std::env::var(LOG_VARIABLE) {
            config.log.level = level;
        }
        if let Ok(database) = std::env::var(DATABASE_VARIABLE) {
            config.storage.database = database;
        }
        if let Ok(blobs) = std::env::var(BLOBS_VARIABLE) {
            config.storage.blobs = blobs;
        }
        Ok(config)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = text.as_bytes()[..start].iter().filter(|&&byte| byte == b'\n').count();
            ConfigError::Malformed {
                path: path.to_owned(),
                line: line + 1,
                text: without_credentials(text.lines().nth(line).unwrap_or_default().trim()),
                why: without_credentials(&error.message().replace('\n', " ")),
            }
        })?;
        config.check()?;
        Ok(config)
    }

    /// Refuses values that would stop the server from working at all.
    fn check(&self) -> Result<(), ConfigError> {
        let Limits { header_timeout_s, idle_timeout_s, body_idle_timeout_s, write_idle_timeout_s, .. } = self.limits;
        let positive = "at least 1";
        let rules = [
            ("limits.connections_max", self.limits.connections_max >= 1, positive),
            ("limits.connections_per_address_max", self.limits.connections_per_address_max >= 1, positive),
            (
                "limits.header_bytes_max",
                (8 * 1024..=64 * 1024).contains(&self.limits.header_bytes_max),
                "from 8192 to 65536",
            ),
            ("limits.header_timeout_s", header_timeout_s >= 1, positive),
            ("limits.idle_timeout_s", idle_timeout_s >= 1, positive),
            ("limits.body_idle_timeout_s", body_idle_timeout_s >= 1, positive),
            ("limits.write_idle_timeout_s", write_idle_timeout_s >= 1, positive),
            ("storage.database_readers_max", self.storage.database_readers_max >= 1, positive),
            (
                "server.name",
                self.server.name.len() <= SERVER_NAME_BYTES_MAX && !self.server.name.chars().any(char::is_control),
                "at most 64 bytes of plain text",
            ),
            (
                "server.public_origins",
                self.server.public_origins.iter().all(|origin| is_origin(origin)),
                "a list of origins, each `http://` or `https://` with a host and perhaps a port, and nothing behind",
            ),
            ("tls.certificate", self.tls.is_whole(), "set together with `tls.key`, and not with `tls.acme.domains`"),
            ("tls.acme.domains", self.tls.acme.names_are_plain(), "at most 100 host names, without wildcards"),
            (
                "tls.acme.accept_terms",
                self.tls.acme.accept_terms || !self.tls.acme.is_on(),
                "true, once you have read the terms of service of the authority",
            ),
            (
                "tls.acme.directory",
                !self.tls.acme.is_on() || self.tls.acme.directory.starts_with("https://"),
                "an `https://` address",
            ),
            (
                "tls.redirect_listen",
                self.tls.is_on() || self.tls.redirect_listen.0.is_none(),
                "empty as long as there is neither `tls.certificate` nor `tls.acme.domains`",
            ),
            ("metrics.listen", self.metrics.is_closed(), "a loopback address, unless `metrics.token_file` is set"),
            (
                "storage.blobs",
                self.storage.place_of_blobs().is_ok(),
                "empty, the absolute path of a folder, or `s3://` with a bucket and perhaps a prefix",
            ),
            (
                "storage.s3.endpoint",
                self.storage.s3.endpoint.is_empty() || is_origin(&self.storage.s3.endpoint),
                "empty, or `http://` or `https://` with a host and perhaps a port, and nothing behind",
            ),
            (
                "storage.s3.endpoint",
                self.storage.s3.allow_http || !self.storage.s3.endpoint.starts_with("http://"),
                "an `https://` address, unless `storage.s3.allow_http` is on",
            ),
            ("storage.s3.answer_timeout_s", (1..3600).contains(&self.storage.s3.answer_timeout_s), "from 1 to 3599"),
            (
                "storage.s3.upload_memory_mib",
                (S3::UPLOAD_MEMORY_MIB_MIN..1 << 20).contains(&self.storage.s3.upload_memory_mib),
                "from 256 to 1048575",
            ),
            // The bounds of RFC 9106 section 3.1.
            ("auth.argon2_iterations", self.auth.argon2_iterations >= 1, positive),
            ("auth.argon2_parallelism", (1..1 << 24).contains(&self.auth.argon2_parallelism), "from 1 to 16777215"),
            (
                "auth.argon2_memory_kib",
                self.auth.argon2_memory_kib / 8 >= self.auth.argon2_parallelism,
                "at least 8 times `auth.argon2_parallelism`",
            ),
            ("jobs.scrub_bytes_per_s", self.jobs.scrub_bytes_per_s >= 1, positive),
            ("auth.proof_cache_max", self.auth.proof_cache_max >= 1, positive),
            ("auth.throttle_burst", self.auth.throttle_burst >= 1, positive),
            ("auth.throttle_refill_s", self.auth.throttle_refill_s >= 1, positive),
        ];
        match rules.into_iter().find(|(_, holds, _)| !holds) {
            None => Ok(()),
            Some((key, _, bounds)) => Err(ConfigError::OutOfBounds { key, bounds }),
        }
    }
}

/// The text up to an address that may hold a password, as that of a database does: errors go to logs.
fn without_credentials(text: &str) -> String {
    if !text.contains('@') && !text.to_ascii_lowercase().contains("password") {
        return text.to_owned();
    }
    // Mistyped, it may be no address at all: then nothing of the value is shown.
    let before = match (text.split_once("://"), text.split_once('=')) {
        (Some((before, _)), _) => before.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || "+-.".contains(c)),
        (None, Some((key, _))) => key.trim_end(),
        (None, None) => "",
    };
    format!("{before}…")
}

/// RFC 6454 section 6.2: scheme, host, port.
fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| {
        !host.contains('@') && host.parse::<http::uri::Authority>().is_ok_and(|authority| !authority.host().is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../config/commonhold.toml");

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("site.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn the_example_shows_every_key_with_its_default() {
        let example: toml::Table = EXAMPLE.parse().unwrap();
        assert_eq!(example, toml::Table::try_from(Config::default()).unwrap());
        assert_eq!(parse(EXAMPLE), Ok(Config::default()));
    }

    #[test]
    fn the_example_says_why_above_every_key() {
        let lines: Vec<_> = EXAMPLE.lines().collect();
        for (above, key) in lines.iter().zip(&lines[1..]).filter(|(_, line)| line.contains(" = ")) {
            assert!(above.starts_with("# "), "{key}");
        }
    }

    #[test]
    fn an_empty_file_is_the_defaults() {
        assert_eq!(parse(""), Ok(Config::default()));
    }

    #[test]
    fn one_key_changes_nothing_else() {
        let config = parse("[storage]\ndurability = \"relaxed\"\n").unwrap();
        assert_eq!(config.storage.durability, Durability::Relaxed);
        assert_eq!(config.storage.min_free_bytes, Storage::default().min_free_bytes);
        assert_eq!(config.limits, Limits::default());
    }

    #[test]
    fn errors_name_the_file_the_line_and_the_key() {
        for (text, expected) in [
            ("[limits]\nheader_timeout = 3\n", "`site.toml` line 2 (`header_timeout = 3`): unknown field"),
            ("[limits]\n\nhttp2 = \"yes\"\n", "`site.toml` line 3 (`http2 = \"yes\"`): invalid type"),
            ("[server]\nlisten = \"here\"\n", "`site.toml` line 2 (`listen = \"here\"`): invalid socket address"),
            (
                "[net]\ntrusted_proxies = [\"here\"]\n",
                "`site.toml` line 2 (`trusted_proxies = [\"here\"]`): `here` is no",
            ),
            ("[network]\n", "`site.toml` line 1 (`[network]`): unknown field"),
            ("[limits\n", "`site.toml` line 1 (`[limits`): "),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }

    #[test]
    fn errors_show_no_password() {
        for text in [
            "[storage]\ndatabase = \"postgres://site:hunter2@db/files\n",
            "[storage]\ndatabase = postgres://site:hunter2@db/files\n",
            "[storage]\ndatabse = \"postgres://site:hunter2@db/files\"\n",
            "[storage]\ndatabase = \"postgres://db/files?user=site&password=hunter2\" x\n",
            "[storage]\ndurability = \"postgres://site:hunter2@db/files\"\n",
            "[limits]\nhttp2 = \"postgres://site:hunter2@db/files\"\n",
            "[storage]\ndatabase = \"postgres:/site:hunter2@db/files\n",
            "[storage]\ndatabase = host=db password=hunter2\n",
            "[limits]\nhttp2 = \"host=db PASSWORD=hunter2\"\n",
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with("`site.toml` line 2 (`") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn values_that_would_stop_the_server_are_refused_by_their_key() {
        for (text, key) in [
            ("[limits]\nheader_timeout_s = 0", "limits.header_timeout_s"),
            ("[limits]\nheader_bytes_max = 8191", "limits.header_bytes_max"),
            ("[limits]\nheader_bytes_max = 65537", "limits.header_bytes_max"),
            ("[auth]\nargon2_memory_kib = 7", "auth.argon2_memory_kib"),
            ("[storage]\nblobs = \"contents\"", "storage.blobs"),
            ("[storage]\nblobs = \"s3://Files\"", "storage.blobs"),
            ("[storage.s3]\nendpoint = \"s3.example.org\"", "storage.s3.endpoint"),
            ("[storage.s3]\nendpoint = \"http://s3.example.org\"", "storage.s3.endpoint"),
            ("[storage.s3]\nupload_memory_mib = 255", "storage.s3.upload_memory_mib"),
            ("[storage.s3]\nanswer_timeout_s = 0", "storage.s3.answer_timeout_s"),
            ("[tls]\ncertificate = \"/etc/site.pem\"", "tls.certificate"),
            ("[tls]\nredirect_listen = \"[::]:80\"", "tls.redirect_listen"),
            ("[tls.acme]\ndomains = [\"*.example.org\"]\naccept_terms = true", "tls.acme.domains"),
            ("[tls.acme]\ndomains = [\"files.example.org\"]", "tls.acme.accept_terms"),
            ("[metrics]\nlisten = \"0.0.0.0:9100\"", "metrics.listen"),
            ("[server]\npublic_origins = [\"files.example.org\"]", "server.public_origins"),
            ("[server]\npublic_origins = [\"https://files.example.org/\"]", "server.public_origins"),
            ("[server]\npublic_origins = [\"https://me@files.example.org\"]", "server.public_origins"),
            ("[server]\npublic_origins = [\"ftp://files.example.org\"]", "server.public_origins"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(&format!("`{key}`")), "{error}");
        }
        for origin in ["https://files.example.org", "http://10.0.0.1:8080", "https://[2001:db8::1]:8443"] {
            parse(&format!("[server]\npublic_origins = [\"{origin}\"]")).unwrap();
        }
    }

    #[test]
    fn a_missing_file_is_an_error_that_names_it() {
        let error = Config::load(Some(Path::new("/nowhere/site.toml"))).unwrap_err().to_string();
        assert!(error.starts_with("the configuration `/nowhere/site.toml` can't be read: "), "{error}");
    }
}
