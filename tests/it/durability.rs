//! A success is a promise about the disk: the server's system calls are watched (strace), and no 2xx may leave before the
//! data, the directory entries and the database log that it rests on are synced.
//!
//! `kill9.rs` can't see a missing sync, since the kernel keeps what a killed process wrote. Here every write makes something
//! unsynced and every sync that returned with success makes it synced; what is unsynced when an answer begins to leave is
//! counted against that answer. The second test switches syncing off and expects the same check to fail.
//!
//! Needs the program `strace`, of Debian's package of that name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;

use crate::site::{Client, Nodes, Server, Site, is_elsewhere, is_in_bucket};

/// Larger than what the database keeps in its own rows, so that it becomes a file.
const LARGE_BYTES: usize = 1024 * 1024;

/// Everything that changes files, syncs them or answers.
const WATCHED: &str = "trace=write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,fsync,fdatasync,\
                       link,linkat,rename,renameat,renameat2,mkdir,mkdirat";

/// The changes of the conversation, in order, each with the status of its success.
const CHANGES: [(&str, u16); 5] =
    [("PUT of 4 KiB", 201), ("PUT of 1 MiB", 201), ("MKCOL", 201), ("MOVE", 201), ("DELETE", 204)];

#[test]
fn no_success_leaves_before_the_syncs_it_rests_on() {
    if is_elsewhere() || is_in_bucket() {
        return; // the server syncs in a process of its own
    }
    let answers = watched_changes("");
    for ((change, _), answer) in CHANGES.iter().zip(&answers) {
        assert!(answer.log_synced, "{change}: no change of the database was synced: {answer:#?}");
        assert!(answer.unsynced.is_empty(), "{change} was acknowledged with unsynced writes: {answer:#?}");
        assert!(answer.early_log.is_empty(), "{change}: the database named what was not on the disk yet: {answer:#?}");
    }
    let large = &answers[1];
    assert!(large.file_bytes >= LARGE_BYTES as u64, "the large content is written to a file: {large:#?}");
    assert!(large.entries > 0, "its file gets a name in a directory: {large:#?}");
}

#[test]
fn with_syncing_switched_off_the_same_check_finds_every_success_too_early() {
    if is_elsewhere() || is_in_bucket() {
        return; // the server syncs in a process of its own
    }
    let answers = watched_changes("[storage]\ndurability = \"relaxed\"\n");
    for ((change, _), answer) in CHANGES.iter().zip(&answers) {
        assert!(!answer.unsynced.is_empty(), "{change}: {answer:#?}");
    }
    let files = |path: &&String| !path.ends_with("-wal");
    assert!(answers[1].unsynced.iter().any(|path| files(&path)), "the large content itself: {:#?}", answers[1]);
}

#[test]
fn a_sync_counts_from_its_return_and_only_for_what_was_written_before_it_began() {
    let data = Path::new("/site");
    let trace = r#"
7 pwrite64(3</site/db-wal>, "frame"..., 4096, 0) = 4096
8 fdatasync(3</site/db-wal> <unfinished ...>
7 sendto(9<socket:[1]>, "HTTP/1.1 201 Created\r\n"..., 90, 0, NULL, 0) = 90
8 <... fdatasync resumed>) = 0
7 sendto(9<socket:[1]>, "HTTP/1.1 201 Created\r\n"..., 90, 0, NULL, 0) = 90
8 fdatasync(3</site/db-wal> <unfinished ...>
7 pwrite64(3</site/db-wal>, "frame"..., 4096, 4096) = 4096
8 <... fdatasync resumed>) = 0
7 sendto(9<socket:[1]>, "HTTP/1.1 204 No Content\r\n"..., 90, 0, NULL, 0) = 90
8 fdatasync(3</site/db-wal>) = -1 EIO (Input/output error)
7 sendto(9<socket:[1]>, "HTTP/1.1 204 No Content\r\n"..., 90, 0, NULL, 0) = 90
7 linkat(AT_FDCWD</>, "/proc/self/fd/5", 6</site/blobs/a>, "id", AT_SYMLINK_FOLLOW) = 0
7 sendto(9<socket:[1]>, "HTTP/1.1 204 No Content\r\n"..., 90, 0, NULL, 0) = 90
"#;
    let mut watch = Watch::new(data);
    trace.lines().for_each(|line| watch.read(line));
    let unsynced: Vec<Vec<&str>> =
        watch.answers.iter().map(|answer| answer.unsynced.iter().map(String::as_str).collect()).collect();
    let log = "/site/db-wal";
    assert_eq!(unsynced, [vec![log], vec![], vec![log], vec![log], vec!["/site/blobs/a", log]]);
}

/// Runs the changes against a server under strace, each on its own after the other, and gives what its answers rested on.
#[track_caller]
fn watched_changes(config: &str) -> Vec<Answer> {
    let mut site = Site::start_with(config);
    let [ana] = site.team("Projects", [("ana", "collaborator")]);
    site.stop();

    let pipe = site.folder().join("trace");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("the temporary folder takes a pipe");
    let data = site.data().canonicalize().expect("the data folder is there");
    let watcher = thread::spawn({
        let pipe = pipe.clone();
        move || Watch::until_the_end(&data, &pipe)
    });
    let server = Server::start(under_strace(&site, &pipe), &site.folder().join("watched.log"));

    let ana = Client::new(Nodes::at(vec![server.address]), &ana.name, &ana.secret);
    ana.get("/Projects/").status(200);
    // What is recorded behind an answer is synced in its own time, and must not be taken for a part of the next one.
    while site.cli(&["audit", "--verb", "LOGIN", "--json"]).ok().json().as_array().is_none_or(Vec::is_empty) {}
    ana.put("/Projects/small.txt", vec![b's'; 4096]).status(CHANGES[0].1);
    ana.put("/Projects/large.bin", vec![b'l'; LARGE_BYTES]).status(CHANGES[1].1);
    ana.mkcol("/Projects/folder").status(CHANGES[2].1);
    ana.rename("/Projects/large.bin", "/Projects/folder/moved.bin").status(CHANGES[3].1);
    ana.delete("/Projects/small.txt").status(CHANGES[4].1);
    server.signal(Signal::TERM);
    assert!(server.exit_status().success(), "the watched server ends well");

    let mut answers = watcher.join().expect("the trace can be read");
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    let expected: Vec<u16> = [200].into_iter().chain(CHANGES.map(|(_, status)| status)).collect();
    assert_eq!(statuses, expected, "each answer is seen once in the trace");
    answers.remove(0);
    answers
}

/// The command that serves the site, with strace as its grandchild: the process itself stays ours to stop.
fn under_strace(site: &Site, output: &Path) -> Command {
    let serve = site.command(&["serve", "--listen", "127.0.0.1:0"]);
    let mut command = Command::new("strace");
    command.args(["-D", "-f", "-qq", "-y", "-s", "32", "-e", "signal=none", "-e", WATCHED, "-o"]).arg(output);
    command.arg(serve.get_program()).args(serve.get_args());
    if let Some(folder) = serve.get_current_dir() {
        command.current_dir(folder);
    }
    for (name, value) in serve.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

/// What had happened when an answer began to leave, since the answer before it.
#[derive(Debug, Default)]
struct Answer {
    status: u16,
    /// Files and directories with changes that no sync had covered.
    unsynced: BTreeSet<String>,
    /// The same, except for the log itself, at the last write to the database's log.
    early_log: BTreeSet<String>,
    /// The database's log was synced.
    log_synced: bool,
    /// Bytes written to files that aren't the database.
    file_bytes: u64,
    /// Names made in directories.
    entries: u32,
}

/// Follows a trace line by line.
struct Watch {
    data: PathBuf,
    /// The line number, which serves as the time.
    now: u64,
    /// When each unsynced path was changed last.
    changed: BTreeMap<String, u64>,
    /// Calls that other threads' lines cut in two: by thread, the first half and its time.
    begun: BTreeMap<String, (String, u64)>,
    /// The databases' logs.
    logs: BTreeSet<String>,
    /// What belongs to the answer to come.
    next: Answer,
    answers: Vec<Answer>,
}

impl Watch {
    fn new(data: &Path) -> Self {
        Self {
            data: data.to_owned(),
            now: 0,
            changed: BTreeMap::new(),
            begun: BTreeMap::new(),
            logs: BTreeSet::new(),
            next: Answer::default(),
            answers: Vec::new(),
        }
    }

    /// Reads what strace writes until it ends, and gives every answer.
    fn until_the_end(data: &Path, trace: &Path) -> Vec<Answer> {
        let mut watch = Self::new(data);
        let trace = BufReader::new(File::open(trace).expect("the pipe is there"));
        trace.split(b'\n').for_each(|line| watch.read(&String::from_utf8_lossy(&line.expect("strace writes lines"))));
        watch.answers
    }

    /// `PID call(arguments) = result`, or one of its halves `PID call(arguments <unfinished ...>` and `PID <... call resumed>...`.
    fn read(&mut self, line: &str) {
        self.now += 1;
        let Some((thread, said)) = line.split_once(' ') else { return };
        let said = said.trim_start();
        if let Some(first) = said.strip_suffix("<unfinished ...>") {
            self.begins(first);
            self.begun.insert(thread.to_owned(), (first.to_owned(), self.now));
        } else if let Some((_, second)) = said.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            let (first, since) = self.begun.remove(thread).expect("a call begins before it resumes");
            self.ends(&format!("{first}{second}"), since);
        } else {
            self.begins(said);
            self.ends(said, self.now);
        }
    }

    /// An answer counts from the moment in which it may begin to leave.
    fn begins(&mut self, call: &str) {
        let Some((_, status)) = call.split_once("\"HTTP/1.1 ") else { return };
        let mut answer = std::mem::take(&mut self.next);
        answer.status = status.get(..3).and_then(|digits| digits.parse().ok()).expect("a status follows the version");
        answer.unsynced = self.changed.keys().cloned().collect();
        self.answers.push(answer);
    }

    /// A change or a sync counts from its return; a sync only for what was changed before it began.
    fn ends(&mut self, call: &str, since: u64) {
        let Some((call, result)) = call.rsplit_once(" = ") else { return };
        let Some(result) = result.split(' ').next().and_then(|number| number.parse::<u64>().ok()) else { return };
        let Some((name, arguments)) = call.split_once('(') else { return };
        match name {
            "write" | "writev" | "pwrite64" | "pwritev" | "pwritev2" => {
                let Some(file) = described(arguments).filter(|file| self.is_ours(file)) else { return };
                if is_log(&file) {
                    self.logs.insert(file.clone());
                    self.next.early_log = self.changed.keys().filter(|path| !is_log(path)).cloned().collect();
                } else {
                    self.next.file_bytes += result;
                }
                self.changed.insert(file, self.now);
            }
            "fsync" | "fdatasync" => {
                let Some(path) = described(arguments) else { return };
                if self.changed.get(&path).is_some_and(|&at| at < since) {
                    self.changed.remove(&path);
                    self.next.log_synced |= is_log(&path);
                }
            }
            "link" | "linkat" | "rename" | "renameat" | "renameat2" | "mkdir" | "mkdirat" => {
                let Some(directory) = directory_of_new_entry(arguments).filter(|path| self.is_ours(path)) else {
                    return;
                };
                self.next.entries += 1;
                self.changed.insert(directory, self.now);
            }
            _ => {}
        }
    }

    /// Whether a path is one whose syncs matter: below the data folder, and neither the database's main file, which its log
    /// stands in for, nor the log's index, which is rebuilt from it.
    fn is_ours(&self, path: &str) -> bool {
        let of_database = path.ends_with("-shm") || self.logs.contains(&format!("{path}-wal"));
        Path::new(path).starts_with(&self.data) && !of_database
    }
}

/// SQLite's write-ahead log.
fn is_log(path: &str) -> bool {
    path.ends_with("-wal")
}

/// The path that strace adds to the first descriptor: `12</site/blobs/a>, ...`.
fn described(arguments: &str) -> Option<String> {
    let (_, rest) = arguments.split_once('<')?;
    let (path, _) = rest.split_once('>')?;
    Some(path.strip_suffix(" (deleted)").unwrap_or(path).to_owned())
}

/// The directory in which a call made a name: the last path among its arguments, below the descriptor before it if it is relative.
fn directory_of_new_entry(arguments: &str) -> Option<String> {
    let (before, name) = arguments.rsplit_once('"')?.0.rsplit_once('"')?;
    let last_argument = before.rsplit_once('"').map_or(before, |(_, behind)| behind);
    let base = described(last_argument).unwrap_or_default();
    let directory = Path::new(&base).join(name).parent()?.to_owned();
    Some(directory.to_string_lossy().into_owned())
}
