//! The works: what each one prepares, times and checks. A work leaves its server as it found it, except for new files in
//! folders that nothing else reads. Only the part inside [`measure`] is timed.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::http::{Connection, Head, Pattern, PatternCheck, Result};
use crate::server::{BASE, Server};

/// Clients that work at once where a work says "clients".
pub const CLIENTS: usize = 16;

const SMALL_BYTES: usize = 1024;
const NEW_FILE_BYTES: usize = 4096;
/// Files that the small reads take in turn.
const SMALL_FILES: usize = 100;
/// A listing's answer says nothing before its first byte: repeated to smooth it.
const LISTINGS: u32 = 10;
const MOVES: u32 = 10;

const FOUR_PROPERTIES: &[u8] = br#"<?xml version="1.0" encoding="utf-8"?><D:propfind xmlns:D="DAV:"><D:prop><D:resourcetype/><D:getcontentlength/><D:getlastmodified/><D:getetag/></D:prop></D:propfind>"#;
const EXCLUSIVE_LOCK: &[u8] = br#"<?xml version="1.0" encoding="utf-8"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype><D:owner>bench</D:owner></D:lockinfo>"#;
const XML: (&str, &str) = ("Content-Type", "application/xml; charset=utf-8");

/// How much of everything.
#[derive(Clone, Copy)]
pub struct Sizes {
    /// Members of the folder that is listed, copied, moved and deleted.
    pub members: u32,
    /// Members of the folder for the listing that must not grow with its length.
    pub many_members: u32,
    /// Bytes of the large file.
    pub large_bytes: u64,
    /// How long a rate is measured.
    pub rate_time: Duration,
}

/// What must lie on a server before a work.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// Nothing but the collection itself.
    Nothing,
    /// `small/`: files of 1 KiB.
    Small,
    /// `folder/`: [`Sizes::members`] files.
    Folder,
    /// `many/`: [`Sizes::many_members`] files.
    Many,
    /// `large.bin`: [`Sizes::large_bytes`].
    Large,
}

/// How a sample is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Operations a second; more is better.
    Rate,
    /// Milliseconds an operation; less is better.
    Time,
}

/// One work.
pub struct Work {
    /// Its name for `--only` and in the JSON.
    pub name: &'static str,
    /// What it does, for people.
    pub title: String,
    /// How its result is read.
    pub unit: Unit,
    /// What it needs.
    pub data: Data,
    /// It uses LOCK, by so many clients at once.
    pub lockers: usize,
    /// Does it once.
    pub run: fn(&Server, &Sizes, u32) -> Result<Sample>,
}

/// One measurement.
#[derive(Clone, Copy)]
pub struct Sample {
    /// Operations done.
    pub operations: u64,
    /// Time they took.
    pub seconds: f64,
    /// CPU time of the server's processes for them, in seconds.
    pub cpu_s: f64,
    /// Peak resident memory of the server's processes meanwhile, in KiB.
    pub peak_kib: u64,
    /// Bytes of a listing for each entry, where the work is a listing.
    pub entry_bytes: Option<u64>,
}

impl Sample {
    /// In the unit of its work.
    pub fn value(&self, unit: Unit) -> f64 {
        let operations = self.operations as f64;
        match unit {
            Unit::Rate => operations / self.seconds,
            Unit::Time => self.seconds * 1000.0 / operations,
        }
    }

    /// CPU milliseconds an operation.
    pub fn cpu_ms(&self) -> f64 {
        self.cpu_s * 1000.0 / self.operations as f64
    }
}

/// All works, in the order of the report.
pub fn all(sizes: &Sizes) -> Vec<Work> {
    let (members, many) = (sizes.members, sizes.many_members);
    let large = format!("{} MiB", sizes.large_bytes >> 20);
    let work = |name, title: String, unit, data, run| Work { name, title, unit, data, lockers: 0, run };
    use Unit::{Rate, Time};
    vec![
        work("get-small", format!("GET 1 KiB, {CLIENTS} clients"), Rate, Data::Small, get_small),
        work("get-large", format!("GET {large}"), Time, Data::Large, get_large),
        work("propfind-0", format!("PROPFIND depth 0, {CLIENTS} clients"), Rate, Data::Small, propfind_zero),
        work("list-props", format!("PROPFIND of {members}, four properties"), Time, Data::Folder, list_properties),
        work("list-empty", format!("PROPFIND of {members}, no body"), Time, Data::Folder, list_all),
        work("list-many", format!("PROPFIND of {many}, no body"), Time, Data::Many, list_many),
        work("put-small", format!("PUT 4 KiB new, {CLIENTS} clients"), Rate, Data::Nothing, put_small),
        work("put-large", format!("PUT {large}"), Time, Data::Nothing, put_large),
        work("put-large-sync", format!("PUT {large}, then sync(1)"), Time, Data::Nothing, put_large_sync),
        work("copy", format!("COPY of {members}"), Time, Data::Folder, copy),
        work("move", format!("MOVE of {members}"), Time, Data::Folder, rename),
        work("delete", format!("DELETE of {members}"), Time, Data::Folder, delete),
        Work { lockers: 1, ..work("lock", "LOCK and UNLOCK, 1 client".to_owned(), Rate, Data::Small, lock_pairs) },
        Work {
            lockers: CLIENTS,
            ..work("lock-many", format!("LOCK and UNLOCK, {CLIENTS} clients"), Rate, Data::Small, lock_pairs_many)
        },
    ]
}

/// Puts a work's data on a server.
pub fn prepare(server: &Server, data: Data, sizes: &Sizes) -> Result<()> {
    match data {
        Data::Nothing => Ok(()),
        Data::Small => fill(server, "small", SMALL_FILES as u32),
        Data::Folder => fill(server, "folder", sizes.members),
        Data::Many => fill(server, "many", sizes.many_members),
        Data::Large => server
            .connect()?
            .upload(&path("large.bin"), sizes.large_bytes, &mut Pattern::new())?
            .expect(&[201], "PUT of the large file"),
    }
}

/// A new folder with that many files of 1 KiB, written by all clients.
fn fill(server: &Server, folder: &str, files: u32) -> Result<()> {
    make_collection(server, folder)?;
    let content = [b'x'; SMALL_BYTES];
    Crowd::connect(server)?.run(None, |connection, client, turn| {
        let number = turn * CLIENTS as u32 + client;
        if number >= files {
            return Ok(false);
        }
        let (head, _) = connection.request("PUT", &member(folder, number), &[], &content)?;
        head.expect(&[201], "PUT")?;
        Ok(true)
    })?;
    Ok(())
}

fn get_small(server: &Server, sizes: &Sizes, _: u32) -> Result<Sample> {
    rate(server, sizes, |connection, client, turn| {
        let path = member("small", (turn + client) % SMALL_FILES as u32);
        let mut length = 0;
        let head = connection.stream("GET", &path, &[], b"", |part| length += part.len())?;
        head.expect(&[200], "GET")?;
        if length != SMALL_BYTES {
            return Err(format!("GET gave {length} bytes").into());
        }
        Ok(true)
    })
}

fn get_large(server: &Server, sizes: &Sizes, _: u32) -> Result<Sample> {
    let mut connection = server.connect()?;
    measure(server, || {
        let mut check = PatternCheck::default();
        let began = Instant::now();
        let path = path("large.bin");
        let head = connection.stream("GET", &path, &[], b"", |part| check.feed(part))?;
        let took = began.elapsed();
        head.expect(&[200], "GET")?;
        if check.length != sizes.large_bytes || check.damaged {
            return Err("GET gave other bytes than were stored".into());
        }
        Ok((1, took))
    })
}

fn propfind_zero(server: &Server, sizes: &Sizes, _: u32) -> Result<Sample> {
    rate(server, sizes, |connection, client, turn| {
        let path = member("small", (turn + client) % SMALL_FILES as u32);
        let headers = [("Depth", "0"), XML];
        let (head, body) = connection.request("PROPFIND", &path, &headers, FOUR_PROPERTIES)?;
        head.expect(&[207], "PROPFIND")?;
        if responses(&body) != 1 {
            return Err("PROPFIND depth 0 gave other than one response".into());
        }
        Ok(true)
    })
}

fn list_properties(server: &Server, sizes: &Sizes, _: u32) -> Result<Sample> {
    list(server, "folder", sizes.members, FOUR_PROPERTIES, LISTINGS)
}

fn list_all(server: &Server, sizes: &Sizes, _: u32) -> Result<Sample> {
    list(server, "folder", sizes.members, b"", LISTINGS)
}

fn list_many(server: &Server, sizes: &Sizes, _: u32) -> Result<Sample> {
    list(server, "many", sizes.many_members, b"", 1)
}

fn list(server: &Server, folder: &str, members: u32, body: &[u8], times: u32) -> Result<Sample> {
    let mut connection = server.connect()?;
    let mut bytes = 0;
    let sample = measure(server, || {
        let mut took = Duration::ZERO;
        for _ in 0..times {
            let began = Instant::now();
            let answer = listing(&mut connection, folder, body)?;
            took += began.elapsed();
            bytes = answer.1.len() as u64;
            expect_members(&answer, members)?;
        }
        Ok((times.into(), took))
    })?;
    Ok(Sample { entry_bytes: Some(bytes / u64::from(members + 1)), ..sample })
}

fn put_small(server: &Server, sizes: &Sizes, round: u32) -> Result<Sample> {
    let folder = format!("new-{round}");
    make_collection(server, &folder)?;
    let content = [b'n'; NEW_FILE_BYTES];
    rate(server, sizes, |connection, client, turn| {
        let path = path(&format!("{folder}/client-{client}-{turn}.dat"));
        let (head, _) = connection.request("PUT", &path, &[], &content)?;
        head.expect(&[201], "PUT")?;
        Ok(true)
    })
}

fn put_large(server: &Server, sizes: &Sizes, round: u32) -> Result<Sample> {
    upload(server, sizes, &format!("upload-{round}.bin"), false)
}

fn put_large_sync(server: &Server, sizes: &Sizes, round: u32) -> Result<Sample> {
    upload(server, sizes, &format!("upload-sync-{round}.bin"), true)
}

fn upload(server: &Server, sizes: &Sizes, name: &str, then_sync: bool) -> Result<Sample> {
    let mut connection = server.connect()?;
    let mut pattern = Pattern::new();
    let path = path(name);
    let sample = measure(server, || {
        let began = Instant::now();
        let head = connection.upload(&path, sizes.large_bytes, &mut pattern)?;
        if then_sync {
            sync()?;
        }
        let took = began.elapsed();
        head.expect(&[201], "PUT")?;
        Ok((1, took))
    })?;
    let mut check = PatternCheck::default();
    let head = connection.stream("GET", &path, &[], b"", |part| check.feed(part))?;
    head.expect(&[200], "GET of the upload")?;
    if check.length != sizes.large_bytes || check.damaged {
        return Err("the upload is not what was sent".into());
    }
    let (head, _) = connection.request("DELETE", &path, &[], b"")?;
    head.expect(&[204], "DELETE")?;
    Ok(sample)
}

fn copy(server: &Server, sizes: &Sizes, _: u32) -> Result<Sample> {
    let mut connection = server.connect()?;
    let sample = measure(server, || {
        let began = Instant::now();
        transfer(&mut connection, server, "COPY", "folder", "copy")?;
        Ok((1, began.elapsed()))
    })?;
    expect_folder(&mut connection, "copy", sizes.members)?;
    remove(&mut connection, "copy")?;
    Ok(sample)
}

fn rename(server: &Server, sizes: &Sizes, _: u32) -> Result<Sample> {
    let mut connection = server.connect()?;
    transfer(&mut connection, server, "COPY", "folder", "here")?;
    let sample = measure(server, || {
        let began = Instant::now();
        for _ in 0..MOVES / 2 {
            transfer(&mut connection, server, "MOVE", "here", "there")?;
            transfer(&mut connection, server, "MOVE", "there", "here")?;
        }
        Ok((MOVES.into(), began.elapsed()))
    })?;
    expect_gone(&mut connection, "there")?;
    expect_folder(&mut connection, "here", sizes.members)?;
    remove(&mut connection, "here")?;
    Ok(sample)
}

fn delete(server: &Server, _: &Sizes, _: u32) -> Result<Sample> {
    let mut connection = server.connect()?;
    transfer(&mut connection, server, "COPY", "folder", "doomed")?;
    let sample = measure(server, || {
        let began = Instant::now();
        remove(&mut connection, "doomed")?;
        Ok((1, began.elapsed()))
    })?;
    expect_gone(&mut connection, "doomed")?;
    Ok(sample)
}

fn lock_pairs(server: &Server, sizes: &Sizes, _: u32) -> Result<Sample> {
    let mut connection = server.connect()?;
    let path = member("small", 0);
    measure(server, || {
        let began = Instant::now();
        let mut pairs = 0;
        while began.elapsed() < sizes.rate_time {
            lock_pair(&mut connection, &path)?;
            pairs += 1;
        }
        Ok((pairs, began.elapsed()))
    })
}

/// Each client has a file of its own.
fn lock_pairs_many(server: &Server, sizes: &Sizes, _: u32) -> Result<Sample> {
    rate(server, sizes, |connection, client, _| {
        lock_pair(connection, &member("small", client))?;
        Ok(true)
    })
}

fn lock_pair(connection: &mut Connection, path: &str) -> Result<()> {
    let headers = [("Depth", "0"), ("Timeout", "Second-60"), XML];
    let (head, _) = connection.request("LOCK", path, &headers, EXCLUSIVE_LOCK)?;
    head.expect(&[200], "LOCK")?;
    let token = head.header("lock-token").ok_or("LOCK gave no token")?;
    let (head, _) = connection.request("UNLOCK", path, &[("Lock-Token", token)], b"")?;
    head.expect(&[204], "UNLOCK")
}

/// Runs the timed part of a work, after all earlier writing has reached the disk, so that no server pays for another's.
/// `work` gives its operations and the time they took.
fn measure(server: &Server, work: impl FnOnce() -> Result<(u64, Duration)>) -> Result<Sample> {
    sync()?;
    let before = server.processes();
    before.reset_peak();
    let (operations, took) = work()?;
    let after = server.processes();
    Ok(Sample {
        operations,
        seconds: took.as_secs_f64(),
        cpu_s: after.cpu_s() - before.cpu_s(),
        peak_kib: after.peak_kib(),
        entry_bytes: None,
    })
}

/// Measures how often all clients together get something done in the time that a rate takes.
fn rate(
    server: &Server,
    sizes: &Sizes,
    operation: impl Fn(&mut Connection, u32, u32) -> Result<bool> + Sync,
) -> Result<Sample> {
    let mut crowd = Crowd::connect(server)?;
    measure(server, || crowd.run(Some(sizes.rate_time), operation))
}

/// All clients, connected and logged in.
struct Crowd {
    connections: Vec<Connection>,
}

impl Crowd {
    fn connect(server: &Server) -> Result<Crowd> {
        let connections = (0..CLIENTS)
            .map(|_| {
                let mut connection = server.connect()?;
                let headers = [("Depth", "0")];
                let (head, _) = connection.request("PROPFIND", BASE, &headers, b"")?;
                head.expect(&[207], "PROPFIND")?;
                Ok(connection)
            })
            .collect::<Result<_>>()?;
        Ok(Crowd { connections })
    }

    /// Every client repeats `operation(connection, client, turn)` until the time is over or it says `false`. Gives how many were
    /// done, and in what time.
    fn run(
        &mut self,
        time: Option<Duration>,
        operation: impl Fn(&mut Connection, u32, u32) -> Result<bool> + Sync,
    ) -> Result<(u64, Duration)> {
        let start = Barrier::new(CLIENTS + 1);
        let failed = AtomicBool::new(false);
        thread::scope(|scope| {
            let clients: Vec<_> = self
                .connections
                .iter_mut()
                .zip(0..)
                .map(|(connection, client)| {
                    let (start, failed, operation) = (&start, &failed, &operation);
                    scope.spawn(move || -> Result<u32> {
                        start.wait();
                        let began = Instant::now();
                        let mut turn = 0;
                        while time.is_none_or(|time| began.elapsed() < time) && !failed.load(Ordering::Relaxed) {
                            match operation(connection, client, turn) {
                                Ok(true) => turn += 1,
                                Ok(false) => break,
                                Err(error) => {
                                    failed.store(true, Ordering::Relaxed);
                                    return Err(error);
                                }
                            }
                        }
                        Ok(turn)
                    })
                })
                .collect();
            start.wait();
            let began = Instant::now();
            let mut operations = 0;
            for client in clients {
                operations += u64::from(client.join().expect("a client doesn't panic")?);
            }
            Ok((operations, began.elapsed()))
        })
    }
}

fn path(name: &str) -> String {
    format!("{BASE}{name}")
}

fn member(folder: &str, number: u32) -> String {
    format!("{BASE}{folder}/file-{number:06}.txt")
}

fn make_collection(server: &Server, folder: &str) -> Result<()> {
    let path = path(&format!("{folder}/"));
    let (head, _) = server.connect()?.request("MKCOL", &path, &[], b"")?;
    head.expect(&[201], "MKCOL")
}

/// COPY or MOVE of a folder to a name that is free.
fn transfer(connection: &mut Connection, server: &Server, method: &str, from: &str, to: &str) -> Result<()> {
    let destination = server.url(&path(&format!("{to}/")));
    let headers = [("Destination", destination.as_str()), ("Overwrite", "F")];
    let from = path(&format!("{from}/"));
    let (head, _) = connection.request(method, &from, &headers, b"")?;
    // RFC 4918 wants 201; nginx says 204. What has become of it is looked at afterwards.
    head.expect(&[201, 204], method)
}

fn remove(connection: &mut Connection, folder: &str) -> Result<()> {
    let path = path(&format!("{folder}/"));
    let (head, _) = connection.request("DELETE", &path, &[], b"")?;
    head.expect(&[204], "DELETE")
}

fn listing(connection: &mut Connection, folder: &str, body: &[u8]) -> Result<(Head, Vec<u8>)> {
    let path = path(&format!("{folder}/"));
    connection.request("PROPFIND", &path, &[("Depth", "1"), XML], body)
}

fn expect_folder(connection: &mut Connection, folder: &str, members: u32) -> Result<()> {
    expect_members(&listing(connection, folder, b"")?, members)
}

fn expect_members((head, body): &(Head, Vec<u8>), members: u32) -> Result<()> {
    head.expect(&[207], "PROPFIND depth 1")?;
    let found = responses(body);
    if found != u64::from(members) + 1 {
        return Err(format!("a folder of {members} was listed with {found} responses").into());
    }
    Ok(())
}

fn expect_gone(connection: &mut Connection, folder: &str) -> Result<()> {
    let (head, _) = listing(connection, folder, b"")?;
    head.expect(&[404], "PROPFIND of a folder that is gone")
}

/// Counts the end tags of `response`, under any prefix.
fn responses(multistatus: &[u8]) -> u64 {
    multistatus
        .split(|&byte| byte == b'<')
        .filter(|tag| {
            let name = tag.split(|&byte| byte == b'>').next().unwrap_or_default();
            name.strip_prefix(b"/").is_some_and(|name| name == b"response" || name.ends_with(b":response"))
        })
        .count() as u64
}

fn sync() -> Result<()> {
    let status = std::process::Command::new("sync").status()?;
    if status.success() { Ok(()) } else { Err("sync(1) failed".into()) }
}
