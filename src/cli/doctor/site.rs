//! The site itself: its configuration, folder, disk, clock, file handles, database, contents and server.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::Url;
use rustix::fs::{StatVfs, statfs, statvfs};
use rustix::process::{Resource, geteuid, getrlimit};

use super::client::{Ask, Http, Trust};
use super::finding::Finding;
use super::proxy;
use crate::blobs::BlobId;
use crate::cli::Context;
use crate::clock::Moment;
use crate::config::Config;
use crate::db::{self, Db};
use crate::net::tls::Files;
use crate::net::{self, Proxies};
use crate::servers;
use crate::site::Site;
use crate::tree::check;
use crate::{audit, config, contents};

/// A sync that comes back sooner did not reach a disk.
const SYNC_MIN: Duration = Duration::from_micros(15);
/// Syncs that are timed; the median counts.
const SYNCS: usize = 11;
/// Bytes of each.
const SYNC_BYTES: usize = 4096;
/// Files beside those of connections: the database, uploads under way, the log.
const OTHER_FILES: u64 = 512;
/// Inodes below which uploads will soon fail.
const INODES_MIN: u64 = 10_000;
/// A log of SQLite that has grown beyond this isn't folded back any more.
const WAL_BYTES_MAX: u64 = 1 << 30;
/// The oldest PostgreSQL that is tested.
const POSTGRES_MIN: u32 = 15;
/// A server on this machine that takes longer to take a connection hangs.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How far two clocks may be apart before people notice, by locks that end.
const SKEW_MAX: Duration = Duration::from_secs(2);
/// The day before which this program can't have been started, 2026-01-01.
const EPOCH: Moment = Moment(1_767_225_600_000);
/// Contents that are looked up in the store, and pages of contents among which they are looked for.
const LOOKED_UP_MAX: usize = 200;
const PAGES_MAX: usize = 50;
/// Days before its end at which people should be told of a certificate.
const CERTIFICATE_DAYS_MIN: u64 = 14;
const DAY_S: u64 = 24 * 60 * 60;
/// Bytes that are left when people should be told.
const FREE_FACTOR: u64 = 4;

/// Looks at everything that it can reach.
pub(super) async fn examine(context: &Context) -> Vec<Finding> {
    let (config, data) = (&context.config, context.data.as_path());
    let began = (Moment::now(), Instant::now());
    let mut findings = configuration(config);
    findings.extend(certificate(config, Moment::now()));
    findings.push(file_handles(config));
    if config.storage.database.is_empty() || data.exists() {
        findings.extend(folder(data));
        findings.extend(disk(data, config));
    }
    match Site::open(data, config).await {
        Ok(site) => {
            findings.extend(database(&site.db, data).await);
            findings.push(store(&site).await);
            findings.extend(clock(&site.db, began).await);
            findings.push(server(&site, data, config).await);
            site.close().await;
        }
        Err(error) => {
            let remedy = "nothing behind it can be looked at: name the site with --data and --config, or make one with `commonhold init`";
            findings.push(Finding::failure("site", error.to_string(), remedy));
        }
    }
    findings
}

fn configuration(config: &Config) -> Vec<Finding> {
    let mut findings = vec![Finding::ok("configuration", "every key is known, every value within its bounds")];
    let of_listen = (!config.tls.is_on()).then_some(config.server.listen);
    let plain = of_listen.into_iter().chain(config.server.listen_plain.iter().copied());
    for listen in plain.filter(|listen| config.server.insecure_http && !listen.ip().is_loopback()) {
        let remedy = "everybody on the way reads passwords: give it a certificate, or listen on 127.0.0.1 behind a proxy with TLS";
        findings.push(Finding::warning("listener", format!("plain HTTP on {listen}"), remedy));
    }
    if config.storage.durability == config::Durability::Relaxed {
        let remedy = "a power cut may take the last seconds: set storage.durability = \"full\" unless that is wanted";
        findings.push(Finding::warning("durability", "relaxed", remedy));
    }
    findings
}

/// The pair of files, as far as there is one: whether it can be used, for whom, and for how long.
fn certificate(config: &Config, now: Moment) -> Vec<Finding> {
    let (tls, check) = (&config.tls, "certificate");
    if tls.acme.is_on() {
        let told = format!("fetched by the server, for {}", tls.acme.domains.join(", "));
        return vec![Finding::ok(check, told)];
    }
    if tls.certificate.is_empty() {
        return Vec::new();
    }
    let found = match Files::new(&tls.certificate, &tls.key).read() {
        Ok(found) => found,
        Err(error) => {
            let remedy = "give it the two files that belong together, in PEM, readable for the server's user";
            return vec![Finding::failure(check, error.to_string(), remedy)];
        }
    };
    let mut findings = vec![lifetime(check, now, found.from, found.until)];
    let public = config.server.public_origins.iter().filter_map(|origin| Url::parse(origin).ok());
    for origin in public.filter(|origin| origin.scheme() == "https") {
        let host = origin.host_str().unwrap_or_default();
        findings.push(match found.is_for(host) {
            true => Finding::ok("name", format!("the certificate is for {host}")),
            false => {
                let told = format!("the certificate isn't for {host}");
                Finding::failure("name", told, "clients refuse it there: get one with this name too")
            }
        });
    }
    if Path::new(&tls.key).metadata().is_ok_and(|key| key.permissions().mode() & 0o007 != 0) {
        let told = format!("`{}` can be read by everybody", tls.key);
        findings.push(Finding::warning("key", told, format!("chmod o= {}", tls.key)));
    }
    findings
}

fn lifetime(check: &str, now: Moment, from: Moment, until: Moment) -> Finding {
    let days = until.since(now).as_secs() / DAY_S;
    match days {
        _ if now < from => Finding::failure(check, "not valid yet", "set the clock, or wait"),
        _ if until <= now => {
            Finding::failure(check, "expired", "renew it; the server takes the new one without a restart")
        }
        days if days < CERTIFICATE_DAYS_MIN => Finding::warning(
            check,
            format!("expires in {days} days"),
            "renew it; the server takes the new one without a restart",
        ),
        days => Finding::ok(check, format!("valid for {days} days")),
    }
}

fn file_handles(config: &Config) -> Finding {
    let wanted = config.limits.connections_max as u64 + OTHER_FILES;
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < wanted => {
            let remedy = "raise it (systemd: LimitNOFILE=65536), or lower limits.connections_max";
            Finding::warning("file handles", format!("{limit}, and {wanted} for all connections"), remedy)
        }
        Some(limit) => Finding::ok("file handles", format!("{limit}, of which {wanted} may be needed")),
        None => Finding::ok("file handles", "unlimited"),
    }
}

/// Whose it is, and who may look into it.
fn folder(data: &Path) -> Vec<Finding> {
    let told = data.display();
    let metadata = match data.metadata() {
        Ok(metadata) if metadata.is_dir() => metadata,
        Ok(_) => {
            return vec![Finding::failure(
                "folder",
                format!("`{told}` is no folder"),
                "name the site's folder with --data",
            )];
        }
        Err(error) => {
            let remedy = "name the site's folder with --data, as the user who runs the server";
            return vec![Finding::failure("folder", format!("`{told}`: {error}"), remedy)];
        }
    };
    vec![rights(data, &metadata), kind_of_disk(data), syncs(data)]
}

fn rights(data: &Path, metadata: &Metadata) -> Finding {
    let (mode, told) = (metadata.permissions().mode() & 0o777, data.display());
    if mode & 0o077 != 0 {
        return Finding::warning(
            "folder",
            format!("`{told}` is open to others ({mode:o})"),
            format!("chmod 700 {told}"),
        );
    }
    let database = data.join("commonhold.db").metadata();
    if let Ok(database) = database
        && database.uid() != metadata.uid()
    {
        let remedy = format!("a command was run as another user: chown -R {} {told}", metadata.uid());
        return Finding::failure("folder", "the database belongs to another user than the folder", remedy);
    }
    if metadata.uid() != geteuid().as_raw() {
        let remedy = "run commands as the user who runs the server, or files will belong to the wrong one";
        return Finding::warning("folder", format!("`{told}` belongs to user {}", metadata.uid()), remedy);
    }
    Finding::ok("folder", format!("`{told}`, its owner's alone"))
}

/// What kind of file system it is, where that says something.
fn kind_of_disk(data: &Path) -> Finding {
    let local = "keep the site on a local disk: SQLite's log and the server's lock need one";
    let lasting =
        "what is acknowledged is gone with the machine's memory or the container: put the site on a disk that stays";
    match statfs(data).map(|found| found.f_type & 0xffff_ffff) {
        Ok(0x0102_1994 | 0x8584_58f6) => Finding::warning("disk", "in memory (tmpfs)", lasting),
        Ok(0x794c_7630) => Finding::warning("disk", "a container's own layer (overlay)", lasting),
        Ok(0x6969) => Finding::failure("disk", "NFS", local),
        Ok(0xfe53_4d42 | 0xff53_4d42 | 0x517b) => Finding::failure("disk", "SMB", local),
        Ok(0x0102_1997 | 0x6573_5546) => Finding::warning("disk", "shared with another system (9p, FUSE)", local),
        Ok(_) => Finding::ok("disk", "local"),
        Err(errno) => Finding::failure("disk", errno.to_string(), "the folder can't be examined: look at its rights"),
    }
}

/// How long a disk takes to keep something: one that takes no time keeps nothing.
fn syncs(data: &Path) -> Finding {
    match time_of_sync(data) {
        Ok(time) if time < SYNC_MIN => {
            let remedy = "no disk is so quick: a layer below (disk cache, virtual machine, tmpfs) only says that it has kept the bytes";
            Finding::warning("sync", format!("{} µs", time.as_micros()), remedy)
        }
        Ok(time) => Finding::ok("sync", format!("{} µs for 4 KiB", time.as_micros())),
        Err(error) => {
            Finding::failure("sync", error.to_string(), "the folder takes no writes: look at its rights and the disk")
        }
    }
}

fn time_of_sync(data: &Path) -> io::Result<Duration> {
    let path = data.join(format!(".doctor-{}", std::process::id()));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    let timed = times_of(file);
    std::fs::remove_file(&path)?;
    let mut times = timed?;
    times.sort_unstable();
    Ok(times[SYNCS / 2])
}

fn times_of(mut file: File) -> io::Result<Vec<Duration>> {
    let bytes = vec![0x5a; SYNC_BYTES];
    let timed = |_| {
        file.write_all(&bytes)?;
        let began = Instant::now();
        file.sync_data()?;
        Ok(began.elapsed())
    };
    (0..SYNCS).map(timed).collect()
}

/// Room for bytes and for files.
fn disk(data: &Path, config: &Config) -> Vec<Finding> {
    match statvfs(data) {
        Ok(found) => vec![free_bytes(&found, config.storage.min_free_bytes), free_inodes(&found)],
        Err(errno) => {
            vec![Finding::failure("free disk", errno.to_string(), "the folder can't be examined: look at its rights")]
        }
    }
}

fn free_bytes(found: &StatVfs, min: u64) -> Finding {
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let told = format!("{} MiB", free >> 20);
    match free {
        free if free < min => Finding::failure(
            "free disk",
            told,
            "uploads are refused with 507: purge the trash, trim revisions, or give it a larger disk",
        ),
        free if free < min.saturating_mul(FREE_FACTOR) => {
            let remedy = format!("below {} MiB uploads are refused: make room in time", min >> 20);
            Finding::warning("free disk", told, remedy)
        }
        _ => Finding::ok("free disk", told),
    }
}

fn free_inodes(found: &StatVfs) -> Finding {
    match (found.f_files, found.f_favail) {
        // Some file systems have as many as they like.
        (0, _) => Finding::ok("free inodes", "unlimited"),
        (_, free) if free < INODES_MIN => Finding::warning(
            "free inodes",
            free.to_string(),
            "the disk will take no more files: find what has so many, or make the file system anew",
        ),
        (_, free) => Finding::ok("free inodes", free.to_string()),
    }
}

async fn database(db: &Db, data: &Path) -> Vec<Finding> {
    let kind = if db.is_server() { "PostgreSQL" } else { "SQLite" };
    let mut findings = vec![match db.version().await {
        Ok(version) => {
            let told = format!("{kind} {version}, schema {}", db::newest_migration());
            match version.split('.').next().and_then(|major| major.parse::<u32>().ok()) {
                Some(major) if db.is_server() && major < POSTGRES_MIN => Finding::warning(
                    "database",
                    told,
                    format!("only PostgreSQL {POSTGRES_MIN} and newer are tested: upgrade it"),
                ),
                _ => Finding::ok("database", told),
            }
        }
        Err(error) => {
            Finding::failure("database", error.to_string(), "see that it can be reached, and that its disk isn't full")
        }
    }];
    if db.is_server() {
        return findings;
    }
    findings.push(match db.damage_at_a_glance().await {
        Ok(damage) => match damage.first() {
            None => Finding::ok("database file", "whole, at a glance"),
            Some(first) => Finding::failure(
                "database file",
                first.clone(),
                "stop the server, keep a copy, and restore the newest backup",
            ),
        },
        Err(error) => Finding::failure(
            "database file",
            error.to_string(),
            "stop the server, keep a copy, and restore the newest backup",
        ),
    });
    if let Ok(log) = data.join("commonhold.db-wal").metadata() {
        let told = format!("{} MiB", log.len() >> 20);
        findings.push(if log.len() > WAL_BYTES_MAX {
            Finding::warning(
                "database log",
                told,
                "something reads for hours and keeps it from being folded back: look for a running backup or export",
            )
        } else {
            Finding::ok("database log", told)
        });
    }
    findings
}

/// Whether the store is this site's, and has what it should: the oldest contents are looked up in it.
async fn store(site: &Site) -> Finding {
    let remedy = "uploads and larger files fail: mount the folder, or see that the object store answers";
    match looked_up(site).await {
        Ok((0, _)) => Finding::ok("contents", "the store can be used; of the oldest contents none belongs in it"),
        Ok((looked, missing)) => match missing.first() {
            None => Finding::ok("contents", format!("the store has the {looked} that were looked up")),
            Some(first) => {
                let told = format!("{} of {looked} are missing in the store, such as `{first}`", missing.len());
                let remedy = "see that the store is the one that belongs here (mounted, named rightly); `commonhold verify` says whose files they are";
                Finding::failure("contents", told, remedy)
            }
        },
        Err(error) => Finding::failure("contents", error, remedy),
    }
}

/// How many contents were looked up, and those that are missing. Errors: why that can't be told, in words.
async fn looked_up(site: &Site) -> Result<(usize, Vec<BlobId>), String> {
    let told = |error: &dyn std::fmt::Display| error.to_string();
    site.blobs.confirm().await.map_err(|error| told(&error))?;
    let (mut looked, mut missing, mut last) = (0, Vec::new(), None);
    for _ in 0..PAGES_MAX {
        // The store is asked while nothing is open.
        let page = check::contents(&mut site.db.read().await.map_err(|error| told(&error))?, last).await;
        let page = page.map_err(|error| told(&error))?;
        let Some(end) = page.last() else { break };
        last = Some(end.id);
        for content in page.iter().filter(|content| !content.is_inline).take(LOOKED_UP_MAX - looked) {
            looked += 1;
            let blob = contents::blob_of(content.id);
            if !site.blobs.has(&blob, content.size).await.map_err(|error| told(&error))? {
                missing.push(content.id);
            }
        }
        if looked == LOOKED_UP_MAX {
            break;
        }
    }
    if !missing.is_empty() {
        // What was collected meanwhile isn't missing.
        let mut reads = site.db.read().await.map_err(|error| told(&error))?;
        missing = check::known(&mut reads, &missing).await.map_err(|error| told(&error))?;
    }
    Ok((looked, missing.into_iter().map(contents::blob_of).collect()))
}

/// Sane, going forward, and the same everywhere.
async fn clock(db: &Db, began: (Moment, Instant)) -> Vec<Finding> {
    let now = Moment::now();
    let mut findings = vec![apart(
        "clock",
        now,
        began.0.plus(began.1.elapsed()),
        "it was set while this ran: let NTP slew it, not step it",
    )];
    if now < EPOCH {
        findings = vec![Finding::failure(
            "clock",
            "it is before 2026",
            "set it, and keep it by NTP: certificates and locks depend on it",
        )];
    }
    if let Ok(mut reads) = db.read().await
        && let Ok(Some(latest)) = audit::latest(&mut reads).await
        && latest > now.plus(SKEW_MAX)
    {
        let told = format!("{} s behind the newest record of the audit", latest.since(now).as_secs());
        findings.push(Finding::warning(
            "clock of the audit",
            told,
            "the clock went back, or another server's is ahead: set all by NTP",
        ));
    }
    if let Ok(Some(theirs)) = db.clock().await {
        findings.push(apart(
            "clock of the database",
            now,
            theirs,
            "set both by NTP: locks end by the clock of the server that asks",
        ));
    }
    findings
}

fn apart(check: &str, ours: Moment, theirs: Moment, remedy: &str) -> Finding {
    let apart = ours.since(theirs).max(theirs.since(ours));
    let told = format!("{} ms apart", apart.as_millis());
    if apart > SKEW_MAX { Finding::warning(check, told, remedy) } else { Finding::ok(check, told) }
}

/// Whether one runs, and answers.
async fn server(site: &Site, data: &Path, config: &Config) -> Finding {
    let Some(address) = Site::told_address(data) else {
        let others = match site.db.read().await {
            Ok(mut reads) => servers::all(&mut reads).await.unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        let now = Moment::now();
        let running: Vec<&str> = others.iter().filter(|server| server.runs(now)).map(|server| &*server.name).collect();
        return match running.as_slice() {
            [] => Finding::warning(
                "server",
                "none runs here",
                "start it: commonhold serve, or systemctl start commonhold",
            ),
            names => Finding::ok("server", format!("elsewhere: {}", names.join(", "))),
        };
    };
    match Url::parse(&address) {
        Ok(url) => answers(&address, url, config).await,
        Err(error) => Finding::failure("server", format!("{address}: {error}"), NO_SERVER),
    }
}

const NO_SERVER: &str = "it was killed, or hangs: look into its log, and start it again";

/// Whether it answers at this address; if it would answer nobody but its proxies, whether it takes connections.
async fn answers(address: &str, url: Url, config: &Config) -> Finding {
    let failed = |error: String| Finding::failure("server", format!("{address}: {error}"), NO_SERVER);
    let there = match url.socket_addrs(|| None) {
        Ok(found) if !found.is_empty() => found[0],
        Ok(_) => return failed("no address".to_owned()),
        Err(error) => return failed(error.to_string()),
    };
    if is_for_proxies(there.ip(), url.scheme() == "http", config) {
        return match TcpStream::connect_timeout(&there, CONNECT_TIMEOUT) {
            Ok(_) => Finding::ok("server", format!("{address} takes connections, of its proxies")),
            Err(error) => failed(error.to_string()),
        };
    }
    // Its own certificate is of no concern here: it is looked at by itself.
    let trust = Trust { authorities: None, any: true };
    let answered = match Http::new(url, None, &trust, proxy::AGENT) {
        Ok(http) => http.send(Ask::new("GET", "/health")).await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match answered {
        Ok(reply) if reply.is(200) => Finding::ok("server", format!("{address} answers")),
        Ok(reply) => Finding::failure("server", format!("{address}/health is {}", reply.told()), "look into its log"),
        Err(error) => failed(error),
    }
}

/// Whether a server that listens there has nothing to say to this machine itself, whose connections come from the same address.
fn is_for_proxies(there: IpAddr, is_plain: bool, config: &Config) -> bool {
    let proxies = Proxies::from(&config.net);
    let is_own = there.to_canonical().is_loopback() || there.is_unspecified();
    let from = match there {
        IpAddr::V4(_) if is_own => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) if is_own => Ipv6Addr::LOCALHOST.into(),
        there => there,
    };
    let is_refused = is_plain
        && net::plain(SocketAddr::new(there, 0), config.server.insecure_http, &proxies)
            .is_ok_and(|speaks| !speaks.with(from, &proxies));
    proxies.introduces(from) || is_refused
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    fn disk_of(free_bytes: u64, inodes: u64) -> StatVfs {
        StatVfs { f_bavail: free_bytes, f_frsize: 1, f_files: 1 << 20, f_favail: inodes, ..statvfs("/").unwrap() }
    }

    #[test]
    fn a_disk_is_told_to_be_full_before_it_is() {
        let state = |free| free_bytes(&disk_of(free, 0), 1000).state;
        assert_eq!([999, 1000, 3999, 4000].map(state), [State::Failure, State::Warning, State::Warning, State::Ok]);
        let state = |inodes| free_inodes(&disk_of(0, inodes)).state;
        assert_eq!([INODES_MIN - 1, INODES_MIN].map(state), [State::Warning, State::Ok]);
    }

    #[test]
    fn clocks_may_be_two_seconds_apart_in_either_direction() {
        let state = |ours, theirs| apart("clock", Moment(ours), Moment(theirs), "").state;
        assert_eq!([state(0, 2000), state(2001, 0), state(0, 2001)], [State::Ok, State::Warning, State::Warning]);
    }

    #[test]
    fn a_certificate_is_told_to_end_before_it_does() {
        let day = |days: u64| Moment(0).plus(Duration::from_secs(days * DAY_S));
        let state = |now| lifetime("certificate", day(now), day(10), day(100)).state;
        assert_eq!(
            [9, 10, 86, 87, 100].map(state),
            [State::Failure, State::Ok, State::Ok, State::Warning, State::Failure]
        );
    }

    #[test]
    fn whether_a_server_answers_this_machine_is_known_by_its_configuration() {
        let config = |net: &str, insecure_http: bool| {
            let mut config = Config { net: toml::from_str(net).unwrap(), ..Config::default() };
            config.server.insecure_http = insecure_http;
            config
        };
        let (none, listed) = (config("", false), config("trusted_proxies = [\"10.0.0.5\"]", false));
        let protocol = config("trusted_proxies = [\"10.0.0.5\", \"::1\"]\nclient_address = \"proxy-protocol\"", true);
        let is = |there: &str, is_plain, config| is_for_proxies(there.parse().unwrap(), is_plain, config);
        assert!(!is("10.0.0.9", true, &none) && is("10.0.0.9", true, &listed) && !is("10.0.0.9", false, &listed));
        assert!(!["127.0.0.1", "0.0.0.0", "::1", "10.0.0.5"].iter().any(|there| is(there, true, &listed)));
        assert!(["::1", "::", "10.0.0.5"].iter().all(|there| is(there, false, &protocol)));
        assert!(!["127.0.0.1", "0.0.0.0", "10.0.0.9"].iter().any(|there| is(there, true, &protocol)));
    }

    #[test]
    fn the_probe_of_the_disk_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        assert!(time_of_sync(folder.path()).is_ok());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
