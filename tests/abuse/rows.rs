//! The rows: what has been seen to destroy something, at one server or another.

use std::io::{ErrorKind, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::row::Outcome::{Loss, Right, Skipped, Weak};
use crate::row::{Outcome, Row, nothing_lost};
use crate::site::http::chunked;
use crate::target::Target;

/// The table, in the order of docs/abuse.md.
pub const ROWS: &[Row] = &[
    Row { name: "COPY of a file onto its ancestor", attack: |t| onto_ancestor(t, "COPY", "one") },
    Row { name: "MOVE of a file onto its ancestor", attack: |t| onto_ancestor(t, "MOVE", "two") },
    Row { name: "COPY of a folder onto its parent", attack: folder_onto_parent },
    Row { name: "COPY of a folder into itself", attack: into_itself },
    Row { name: "PUT cut off in the middle", attack: cut_put },
    Row { name: "PUT in chunks, cut off", attack: cut_chunks },
    Row { name: "PUT in chunks, shorter than announced", attack: short_chunks },
    Row { name: "MOVE over a file that is being read", attack: move_over },
    Row { name: "PUT over a file that is being read", attack: put_over },
    Row { name: "PUT with another If-Match", attack: wrong_condition },
    Row { name: "PUT with conditions that can't be read", attack: unreadable_conditions },
    Row { name: "PUT on a locked file without its token", attack: locked_put },
    Row { name: "DELETE of the folder of a locked file", attack: locked_folder },
    Row { name: "UNLOCK by somebody else", attack: foreign_unlock },
    Row { name: "a lock of one second", attack: short_lock },
    Row { name: "200 shared locks of 60 kB each", attack: fat_locks },
    Row { name: "XML of 200,000 nested elements", attack: nested },
    Row { name: "XML with an external entity", attack: external_entity },
    Row { name: "XML whose entities grow", attack: growing_entities },
    Row { name: "1,200 ranges of one file", attack: ranges },
    Row { name: "Depth: infinity on 300 files", attack: infinity },
    Row { name: "MOVE to another host", attack: foreign_host },
    Row { name: "paths that lead out", attack: traversal },
    Row { name: "a URL that only begins like the folder's", attack: namesake },
    Row { name: "two lengths of one body", attack: two_lengths },
    // Last of all: it may leave nothing.
    Row { name: "MOVE of a file onto the root", attack: |t| onto_root(t, "MOVE") },
    Row { name: "COPY of a file onto the root", attack: |t| onto_root(t, "COPY") },
];

/// Rounds of a change beside which somebody reads.
const ROUNDS: usize = 300;
/// How long a half request may hold a connection.
const HALF_A_HEAD_MAX: Duration = Duration::from_secs(40);

/// The destination is a folder in which the source lies.
fn onto_ancestor(t: &Target, verb: &str, folder: &str) -> Outcome {
    let [top, below] = ["", "/b"].map(|end| format!("ancestor-{folder}{end}"));
    let files: Vec<String> = ["b/f", "b/g", "h", "i", "j"].iter().map(|name| format!("{top}/{name}")).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    t.furnish(&[&top, &below], &files);
    let before = t.left_of(&files);
    let status = t.ask(verb, &t.at(files[0])).to(&t.at(&format!("{top}/"))).with("Overwrite", "T").status();
    nothing_lost(status, before, t.left_of(&files))
}

fn folder_onto_parent(t: &Target) -> Outcome {
    let files = ["parent/b/f", "parent/g", "parent/h", "parent/b/i"];
    t.furnish(&["parent", "parent/b"], &files);
    let before = t.left_of(&files);
    let status = t.ask("COPY", &t.at("parent/b/")).to(&t.at("parent/")).with("Overwrite", "T").status();
    nothing_lost(status, before, t.left_of(&files))
}

fn into_itself(t: &Target) -> Outcome {
    let files = ["self/f", "self/a/g"];
    t.furnish(&["self", "self/a"], &files);
    let before = t.left_of(&files);
    let status = t.ask("COPY", &t.at("self/")).to(&t.at("self/a/copy/")).with("Depth", "infinity").status();
    let deep = (1..40).take_while(|levels| t.bytes(&format!("self/{}f", "a/copy/".repeat(*levels))).is_some()).count();
    match nothing_lost(status, before, t.left_of(&files)) {
        Right(_) if deep > 1 => Loss(format!("{status}, copied into itself {deep} times")),
        outcome => outcome,
    }
}

fn onto_root(t: &Target, verb: &str) -> Outcome {
    let files = ["root-b/f", "root-g", "root-h", "root-i"];
    t.furnish(&["", "root-b"], &files);
    let before = t.left_of(&files);
    let status = t.ask(verb, &t.at(files[0])).to(&format!("{}/", t.base)).with("Overwrite", "T").status();
    nothing_lost(status, before, t.left_of(&files))
}

/// What a reader sees once an upload has ended badly: the old bytes, or else.
fn after_cut(t: &Target, file: &str, old: &str) -> Outcome {
    // The server may still be busy with the connection that broke.
    let until = Instant::now() + Duration::from_secs(1);
    let mut seen = t.bytes(file);
    while seen.as_deref() == Some(old.as_bytes()) && Instant::now() < until {
        thread::yield_now();
        seen = t.bytes(file);
    }
    match seen {
        Some(bytes) if bytes == old.as_bytes() => Right("the old bytes".to_owned()),
        Some(bytes) => Loss(format!("torn: {} bytes of the new one", bytes.len())),
        None => Loss("the file is gone".to_owned()),
    }
}

fn cut_put(t: &Target) -> Outcome {
    let old = "o".repeat(3000);
    t.put("cut.txt", &old);
    let ask = t.ask("PUT", &t.at("cut.txt")).with("Content-Length", "3000");
    let Ok(mut connection) = t.connect() else { return Weak("no connection".to_owned()) };
    // Whatever it says, and however it takes it: what counts is what the file is then.
    let _ = connection.write(&ask.head()).and_then(|()| {
        connection.write(&[b'n'; 1500])?;
        connection.finish_writing()?;
        connection.read_to_close().map(drop)
    });
    after_cut(t, "cut.txt", &old)
}

fn cut_chunks(t: &Target) -> Outcome {
    let old = "o".repeat(3000);
    t.put("cut-chunks.txt", &old);
    let ask = t.ask("PUT", &t.at("cut-chunks.txt")).with("Transfer-Encoding", "chunked");
    let Ok(mut connection) = t.connect() else { return Weak("no connection".to_owned()) };
    let _ = connection.write(&ask.head()).and_then(|()| {
        let body = chunked([[b'n'; 1500].as_slice()]);
        // Without the last chunk.
        connection.write(&body[..body.len() - 5])?;
        connection.cut()
    });
    after_cut(t, "cut-chunks.txt", &old)
}

/// As Finder announces how long it will be.
fn short_chunks(t: &Target) -> Outcome {
    let old = "o".repeat(3000);
    t.put("short.txt", &old);
    let ask = t.ask("PUT", &t.at("short.txt")).with("X-Expected-Entity-Length", "3000").chunks(&[b'n'; 1500]);
    let status = ask.status();
    match t.bytes("short.txt") {
        Some(bytes) if bytes == old.as_bytes() => Right(format!("{status}, the old bytes")),
        Some(_) if (200..300).contains(&status) => Weak(format!("{status}, taken: the header is not known")),
        Some(bytes) => Loss(format!("{status}, and yet {} bytes of the new one", bytes.len())),
        None => Loss(format!("{status}, the file is gone")),
    }
}

/// Reads a file again and again while `change` is done so many times, which gives its status; counts what a reader must never see.
fn beside_a_reader(
    t: &Target,
    file: &str,
    is_whole: fn(&[u8]) -> bool,
    change: impl Fn(usize) -> u16 + Sync,
) -> Outcome {
    let over = AtomicBool::new(false);
    let (mut reads, mut missing, mut torn) = (0, 0, 0);
    let changes = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let changes = (0..ROUNDS).filter(|round| (200..300).contains(&change(*round))).count();
            over.store(true, Ordering::Release);
            changes
        });
        while !over.load(Ordering::Acquire) {
            reads += 1;
            match t.ask("GET", &t.at(file)).send() {
                Ok(answer) if answer.status == 200 => torn += usize::from(!is_whole(&answer.body)),
                Ok(_) => missing += 1,
                Err(_) => torn += 1,
            }
        }
        writer.join().expect("it ends by itself")
    });
    match (missing, torn) {
        (0, 0) if changes == 0 => Weak(format!("{reads} reads, all whole, but no change was taken")),
        (0, 0) => Right(format!("{reads} reads, all whole")),
        _ => Loss(format!("of {reads} reads {missing} found nothing and {torn} were torn")),
    }
}

const SIZE: usize = 20_000;

fn is_of_one_letter(bytes: &[u8]) -> bool {
    bytes.len() == SIZE && bytes.iter().all(|byte| *byte == bytes[0])
}

fn letter(round: usize) -> String {
    char::from(b'a' + (round % 26) as u8).to_string().repeat(SIZE)
}

fn move_over(t: &Target) -> Outcome {
    t.put("over.txt", &letter(0));
    beside_a_reader(t, "over.txt", is_of_one_letter, |round| {
        t.put("over.tmp", &letter(round));
        t.ask("MOVE", &t.at("over.tmp")).to(&t.at("over.txt")).with("Overwrite", "T").status()
    })
}

fn put_over(t: &Target) -> Outcome {
    t.put("put-over.txt", &letter(0));
    beside_a_reader(t, "put-over.txt", is_of_one_letter, |round| t.put("put-over.txt", &letter(round)))
}

fn wrong_condition(t: &Target) -> Outcome {
    t.put("condition.txt", "old");
    let status = t.ask("PUT", &t.at("condition.txt")).with("If-Match", "\"another\"").body("new").status();
    match t.bytes("condition.txt") {
        Some(bytes) if bytes == b"old" => Right(format!("{status}, the old bytes")),
        _ => Loss(format!("{status}, overwritten")),
    }
}

fn unreadable_conditions(t: &Target) -> Outcome {
    let cases = [("If", "<x"), ("If", "([\"never"), ("If", "(<urn:x:y>"), ("If-Match", "\""), ("If", "(Not")];
    let mut told = Vec::new();
    for (header, value) in cases {
        t.put("unreadable.txt", "old");
        let status = t.ask("PUT", &t.at("unreadable.txt")).with(header, value).body("new").status();
        if t.bytes("unreadable.txt").as_deref() != Some(b"old") {
            return Loss(format!("{status}, overwritten in spite of `{header}: {value}`"));
        }
        told.push(status);
    }
    if told.contains(&0) {
        Weak(format!("{told:?}: the connection broke, as after a crash"))
    } else {
        Right(format!("{told:?}"))
    }
}

fn locked_put(t: &Target) -> Outcome {
    t.put("locked.txt", "old");
    let Some((token, _)) = t.lock("locked.txt", "Second-600") else { return Skipped("no locks here") };
    let status = t.ask("PUT", &t.at("locked.txt")).body("new").status();
    let left = t.bytes("locked.txt");
    t.unlock("locked.txt", &token);
    if left.as_deref() == Some(b"old") {
        Right(format!("{status}, the old bytes"))
    } else {
        Loss(format!("{status}, overwritten"))
    }
}

fn locked_folder(t: &Target) -> Outcome {
    let files = ["around/locked.txt", "around/other.txt"];
    t.furnish(&["around"], &files);
    let Some((token, _)) = t.lock(files[0], "Second-600") else { return Skipped("no locks here") };
    let status = t.ask("DELETE", &t.at("around/")).status();
    let left = t.left_of(&files[..1]);
    t.unlock(files[0], &token);
    if left == 1 {
        Right(format!("{status}, the locked file is there"))
    } else {
        Loss(format!("{status}, the locked file is gone"))
    }
}

fn foreign_unlock(t: &Target) -> Outcome {
    t.put("foreign.txt", "old");
    let Some((token, _)) = t.lock("foreign.txt", "Second-600") else { return Skipped("no locks here") };
    let Some(ask) = t.ask_as_other("UNLOCK", &t.at("foreign.txt")) else {
        t.unlock("foreign.txt", &token);
        return Skipped("nobody else can log in");
    };
    let status = ask.with("Lock-Token", &format!("<{token}>")).status();
    let save = t.ask("PUT", &t.at("foreign.txt")).body("new").status();
    t.unlock("foreign.txt", &token);
    match save {
        423 => Right(format!("{status}, still locked")),
        _ => Loss(format!("{status}, and the lock is gone")),
    }
}

/// It ends when its answer says, and no later.
fn short_lock(t: &Target) -> Outcome {
    t.put("short-lock.txt", "old");
    let Some((token, answer)) = t.lock("short-lock.txt", "Second-1") else { return Skipped("no locks here") };
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let given = text.split("Second-").nth(1).and_then(|rest| rest.split('<').next()?.trim().parse::<u64>().ok());
    let outcome = match given {
        Some(seconds) if seconds > 5 => Right(format!("{seconds} s were given, and told")),
        _ => {
            let (until, mut status) = (Instant::now() + Duration::from_secs(4), 423);
            while status == 423 && Instant::now() < until {
                status = t.put("short-lock.txt", "new");
            }
            if status == 423 { Weak("it never ends".to_owned()) } else { Right("it ends".to_owned()) }
        }
    };
    t.unlock("short-lock.txt", &token);
    outcome
}

fn fat_locks(t: &Target) -> Outcome {
    t.put("fat.txt", "old");
    let owner = "o".repeat(60_000);
    let mut tokens = Vec::new();
    let mut refused = 0;
    for _ in 0..200 {
        match t.lock_with("fat.txt", "shared", "Second-600", &owner).send() {
            Ok(answer) if answer.status < 300 => {
                tokens.extend(answer.header("lock-token").map(|token| token.trim_matches(['<', '>']).to_owned()));
            }
            _ => refused += 1,
        }
        if refused > 3 {
            break;
        }
    }
    let began = Instant::now();
    let seen = t.ask("PROPFIND", &t.at("fat.txt")).with("Depth", "0").send().map_or(0, |answer| answer.body.len());
    let (took, given) = (began.elapsed(), tokens.len());
    for token in tokens {
        t.unlock("fat.txt", &token);
    }
    let told = format!("{given} given, a PROPFIND then has {} KiB in {} ms", seen >> 10, took.as_millis());
    if seen > 4 << 20 || took > Duration::from_secs(5) { Weak(told) } else { Right(told) }
}

/// Sends XML that nobody means well with, and looks at the time it takes.
fn hostile_xml(t: &Target, body: &str) -> (u16, String, Duration) {
    let began = Instant::now();
    let ask = t.ask("PROPFIND", &format!("{}/", t.base)).with("Depth", "0").with("Content-Type", "application/xml");
    match ask.body(body).send() {
        Ok(answer) => (answer.status, String::from_utf8_lossy(&answer.body).into_owned(), began.elapsed()),
        Err(_) => (0, String::new(), began.elapsed()),
    }
}

fn nested(t: &Target) -> Outcome {
    let mut status = Vec::new();
    for depth in [2_000, 200_000] {
        let body = format!("<propfind xmlns=\"DAV:\">{}{}</propfind>", "<a>".repeat(depth), "</a>".repeat(depth));
        let (answered, _, took) = hostile_xml(t, &body);
        status.push(answered);
        if !t.is_alive() {
            return Loss(format!("{depth} deep: the server is gone"));
        }
        if answered == 0 || answered >= 500 || took > Duration::from_secs(5) {
            return Weak(format!("{depth} deep: {answered} after {} ms", took.as_millis()));
        }
    }
    Right(format!("{status:?}"))
}

fn external_entity(t: &Target) -> Outcome {
    let body = r#"<!DOCTYPE p [<!ENTITY e SYSTEM "file:///etc/passwd">]><propfind xmlns="DAV:"><prop><x xmlns="&e;">&e;</x></prop></propfind>"#;
    let (status, text, _) = hostile_xml(t, body);
    if text.contains("root:") {
        Loss(format!("{status}: a file of the machine is shown"))
    } else {
        Right(format!("{status}"))
    }
}

fn growing_entities(t: &Target) -> Outcome {
    let entities: String =
        (1..10).map(|n| format!("<!ENTITY e{n} \"{}\">", format!("&e{};", n - 1).repeat(10))).collect();
    let body = format!(
        r#"<!DOCTYPE p [<!ENTITY e0 "0123456789">{entities}]><propfind xmlns="DAV:"><prop><x>&e9;</x></prop></propfind>"#
    );
    let (status, _, took) = hostile_xml(t, &body);
    let told = format!("{status} after {} ms", took.as_millis());
    if took > Duration::from_secs(5) { Weak(told) } else { Right(told) }
}

fn ranges(t: &Target) -> Outcome {
    let size = 2 << 20;
    if t.put("ranges.bin", &"r".repeat(size)) >= 300 {
        return Skipped("takes no file of 2 MiB");
    }
    let list = vec!["0-"; 1200].join(",");
    let ask = t.ask("GET", &t.at("ranges.bin")).with("Range", &format!("bytes={list}")).with("Connection", "close");
    let Ok(mut connection) = t.connect() else { return Weak("no connection".to_owned()) };
    if connection.write(&ask.head()).is_err() {
        return Right("the connection broke".to_owned());
    }
    // More than eight times the file needs no more proof.
    let mut bytes = 0;
    while bytes < 8 * size && connection.read_exactly(64 * 1024).is_ok() {
        bytes += 64 * 1024;
    }
    let told = format!("{} MiB for a file of 2 MiB", bytes >> 20);
    if bytes >= 8 * size { Weak(format!("more than {told}")) } else { Right(told) }
}

fn infinity(t: &Target) -> Outcome {
    t.furnish(&["tree", "tree/a", "tree/a/b"], &[]);
    for number in 0..100 {
        for folder in ["tree", "tree/a", "tree/a/b"] {
            t.put(&format!("{folder}/{number}"), "x");
        }
    }
    let began = Instant::now();
    let answer = t.ask("PROPFIND", &t.at("tree/")).with("Depth", "infinity").send();
    let (status, length) = answer.map_or((0, 0), |answer| (answer.status, answer.body.len()));
    Right(format!("{status}, {} KiB in {} ms", length >> 10, began.elapsed().as_millis()))
}

fn foreign_host(t: &Target) -> Outcome {
    t.put("stays.txt", "stays.txt");
    let ask =
        t.ask("MOVE", &t.at("stays.txt")).with("Destination", &format!("http://elsewhere.example{}", t.at("gone.txt")));
    let status = ask.status();
    match (t.left_of(&["stays.txt"]), status) {
        (1, _) => Right(format!("{status}, nothing moved")),
        _ => Weak(format!("{status}, moved here under the other's name")),
    }
}

fn traversal(t: &Target) -> Outcome {
    let mut told = Vec::new();
    for path in [
        "../../../../etc/passwd",
        "..%2f..%2f..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "..%5c..%5cetc%5cpasswd",
        "x%00.txt",
    ] {
        match t.ask("GET", &t.at(path)).send() {
            Ok(answer) if String::from_utf8_lossy(&answer.body).contains("root:") => {
                return Loss(format!("{path}: a file of the machine is shown"));
            }
            Ok(answer) => told.push(answer.status),
            Err(_) => told.push(0),
        }
    }
    Right(format!("{told:?}"))
}

/// `/davother` is not below `/dav`.
fn namesake(t: &Target) -> Outcome {
    if t.base.is_empty() {
        return Skipped("the folder is the host's root");
    }
    let path = format!("{}other", t.base);
    let status = t.ask("PROPFIND", &path).with("Depth", "0").status();
    if status == 207 { Weak("207: it is taken for the folder".to_owned()) } else { Right(format!("{status}")) }
}

/// A request whose end two servers would see at different places (RFC 9112 section 6.3).
fn two_lengths(t: &Target) -> Outcome {
    let head =
        t.ask("PUT", &t.at("lengths.txt")).with("Content-Length", "4").with("Transfer-Encoding", "chunked").head();
    let Ok(mut connection) = t.connect() else { return Weak("no connection".to_owned()) };
    let body = b"2\r\nab\r\n0\r\n\r\n";
    match connection.exchange(&head, body, "PUT") {
        Ok(answer) if answer.status < 300 => match t.bytes("lengths.txt") {
            Some(bytes) if bytes == b"ab" => Right(format!("{}, the chunks count", answer.status)),
            _ => Weak(format!("{}, the length counts: a proxy before it may see another request", answer.status)),
        },
        Ok(answer) => Right(answer.status.to_string()),
        Err(_) => Right("the connection is closed".to_owned()),
    }
}

/// Begins a request, never ends it, and waits for the server to lose patience.
pub fn half_a_head(t: &Target) -> JoinHandle<Outcome> {
    let stream = t.stream();
    thread::spawn(move || {
        let began = Instant::now();
        let read = stream.and_then(|mut stream| {
            stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")?;
            stream.set_read_timeout(Some(HALF_A_HEAD_MAX))?;
            stream.read_to_end(&mut Vec::new())
        });
        let seconds = began.elapsed().as_secs();
        match read {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Weak(format!("still open after {seconds} s"))
            }
            _ => Right(format!("closed after {seconds} s")),
        }
    })
}
