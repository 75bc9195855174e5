//! The disk fails: the N-th system call that changes or syncs a file answers with EIO or ENOSPC, for all N of thirteen
//! changes.
//!
//! Whatever the server answers, a success must be there after the process is killed and started again, what wasn't acknowledged is there wholly or not
//! at all, and the site is consistent to the byte. The failing calls are those of the C library, which SQLite and Rust's library go through
//! (`fault.c`); names for new contents are given by calls that go past it, and fail in a test of their own, by strace.
//!
//! `COMMONHOLD_FAULTS=all` tries every N; else a part of them that fits into CI, another one each time.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use crate::site::{Client, Nodes, Ran, Rng, Server, Site, is_elsewhere, is_in_bucket};

/// A content that becomes a file of its own.
const LARGE: usize = 300_000;
/// Calls that a change makes at the most; one that makes more is not tried to its end, and the test says so.
const CALLS_MAX: i64 = 200;
/// Of so many calls one is tried, unless all are.
const SAMPLED: usize = 6;

const EIO: i64 = 5;
const ENOSPC: i64 = 28;

/// The numbers that `fault.c` reads and writes.
struct Control(PathBuf);

impl Control {
    fn new(folder: &Path) -> Self {
        let path = folder.join("fault");
        fs::write(&path, [0; 32]).expect("the temporary folder can be written");
        Self(path)
    }

    /// Lets the call number `at` from now on fail with `error`; 0: none.
    fn arm(&self, at: i64, error: i64) {
        let file = OpenOptions::new().write(true).open(&self.0).expect("the file is there");
        let numbers: Vec<u8> = [0, 0, 0, error].into_iter().flat_map(i64::to_ne_bytes).collect();
        file.write_all_at(&numbers, 0).expect("it can be written");
        // Last, when the counters stand at their beginning.
        file.write_all_at(&at.to_ne_bytes(), 0).expect("it can be written");
    }

    /// Lets no call fail. Gives which one would have, and with what.
    fn disarm(&self) -> (i64, i64) {
        let bytes = fs::read(&self.0).expect("the file is there");
        let number = |at: usize| i64::from_ne_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
        let armed = (number(0), number(24));
        self.arm(0, 0);
        armed
    }

    /// Whether the call has come, and failed.
    fn has_failed(&self) -> bool {
        let bytes = fs::read(&self.0).expect("the file is there");
        i64::from_ne_bytes(bytes[16..24].try_into().expect("8 bytes")) > 0
    }
}

/// A site whose server runs with `fault.c` before its C library.
struct Broken {
    site: Site,
    shim: PathBuf,
    control: Control,
    server: Option<Server>,
    secrets: [(String, String); 2],
}

impl Broken {
    fn new() -> Self {
        let mut site = Site::start_with("[dav]\ncopy_at_once_max = 3\n");
        let [ana, ben] = site.team("Projects", [("ana", "co-owner"), ("ben", "editor")]);
        site.stop();
        let shim = site.folder().join("fault.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fault/fault.c");
        let built =
            Command::new("gcc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&shim).arg(source).arg("-ldl").status();
        assert!(built.expect("`gcc` is installed").success(), "fault.c is built");
        let control = Control::new(site.folder());
        let secrets = [ana, ben].map(|client| (client.name, client.secret));
        Self { site, shim, control, server: None, secrets }
    }

    /// A command whose process meets the faults.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.site.command(args);
        command.env("LD_PRELOAD", &self.shim).env("COMMONHOLD_FAULT", &self.control.0);
        command
    }

    /// Starts the server; gives ana and ben.
    fn start(&mut self) -> [Client; 2] {
        let serve = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        let server = Server::start(serve, &self.site.folder().join("broken.log"));
        let address = server.address;
        self.server = Some(server);
        self.secrets.clone().map(|(name, secret)| Client::new(Nodes::at(vec![address]), &name, &secret))
    }

    fn kill(&mut self) {
        if let Some(server) = self.server.take() {
            server.signal(Signal::KILL);
            server.exit_status();
        }
    }
}

/// One of the changes. `n` is its try: each has names of its own.
struct Scenario {
    name: &'static str,
    /// What must be there before.
    prepare: fn(&Client, usize),
    /// Does it; whether that was acknowledged.
    change: fn(&Broken, &Client, usize) -> bool,
    /// Whether it is done: wholly or not at all, nothing between.
    is_done: fn(&Broken, &[Client; 2], usize) -> bool,
}

fn acknowledged(request: crate::site::Request<'_>) -> bool {
    request.try_send().is_ok_and(|reply| (200..300).contains(&reply.answer.status))
}

fn at(n: usize, name: &str) -> String {
    format!("/Projects/{n}-{name}")
}

fn is_there(client: &Client, path: &str, body: &[u8]) -> bool {
    let reply = client.get(path).status_in(&[200, 404]);
    if reply.answer.status == 404 {
        return false;
    }
    reply.body(body);
    true
}

const LOCK: &str =
    r#"<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>"#;

fn lock(client: &Client, path: &str) -> bool {
    acknowledged(client.ask("LOCK", path).xml(LOCK))
}

const SCENARIOS: [Scenario; 13] = [
    Scenario {
        name: "save a new small file",
        prepare: |_, _| {},
        change: |_, ana, n| acknowledged(ana.ask("PUT", &at(n, "s")).body("new")),
        is_done: |_, [ana, _], n| is_there(ana, &at(n, "s"), b"new"),
    },
    Scenario {
        name: "save a new large file",
        prepare: |_, _| {},
        change: |_, ana, n| acknowledged(ana.ask("PUT", &at(n, "l")).body(vec![1; LARGE])),
        is_done: |_, [ana, _], n| is_there(ana, &at(n, "l"), &vec![1; LARGE]),
    },
    Scenario {
        name: "save over a file",
        prepare: |ana, n| drop(ana.put(&at(n, "o"), vec![2; LARGE]).status(201)),
        change: |_, ana, n| acknowledged(ana.ask("PUT", &at(n, "o")).body(vec![3; LARGE])),
        is_done: |_, [ana, _], n| {
            let now = ana.get(&at(n, "o")).status(200).answer.body;
            assert!(now == vec![2; LARGE] || now == vec![3; LARGE], "neither the old nor the new bytes");
            now[0] == 3
        },
    },
    Scenario {
        name: "MKCOL",
        prepare: |_, _| {},
        change: |_, ana, n| acknowledged(ana.ask("MKCOL", &at(n, "c"))),
        is_done: |_, [ana, _], n| ana.get(&at(n, "c/")).status_in(&[200, 404]).answer.status == 200,
    },
    Scenario {
        name: "MOVE",
        prepare: |ana, n| drop(ana.put(&at(n, "m"), "moved").status(201)),
        change: |_, ana, n| acknowledged(ana.ask("MOVE", &at(n, "m")).to(&at(n, "m2"))),
        is_done: |_, [ana, _], n| {
            let (from, to) = (is_there(ana, &at(n, "m"), b"moved"), is_there(ana, &at(n, "m2"), b"moved"));
            assert_ne!(from, to, "it is at one place");
            to
        },
    },
    Scenario {
        name: "COPY",
        prepare: |ana, n| drop(ana.put(&at(n, "y"), vec![4; LARGE]).status(201)),
        change: |_, ana, n| acknowledged(ana.ask("COPY", &at(n, "y")).to(&at(n, "y2"))),
        is_done: |_, [ana, _], n| {
            assert!(is_there(ana, &at(n, "y"), &vec![4; LARGE]));
            is_there(ana, &at(n, "y2"), &vec![4; LARGE])
        },
    },
    Scenario {
        name: "COPY in slices",
        prepare: |ana, n| {
            ana.mkcol(&at(n, "t")).status(201);
            for file in 0..4 {
                ana.put(&format!("{}/{file}", at(n, "t")), "in a tree").status(201);
            }
        },
        change: |_, ana, n| acknowledged(ana.ask("COPY", &at(n, "t")).to(&at(n, "t2"))),
        is_done: |_, [ana, _], n| {
            let there = (0..4).filter(|file| is_there(ana, &format!("{}/{file}", at(n, "t2")), b"in a tree")).count();
            assert!(there == 0 || there == 4, "{there} of 4 files");
            there == 4
        },
    },
    Scenario {
        name: "DELETE",
        prepare: |ana, n| drop(ana.put(&at(n, "d"), "old").status(201)),
        change: |_, ana, n| acknowledged(ana.ask("DELETE", &at(n, "d"))),
        is_done: |_, [ana, _], n| !is_there(ana, &at(n, "d"), b"old"),
    },
    Scenario {
        name: "LOCK",
        prepare: |ana, n| drop(ana.put(&at(n, "k"), "locked").status(201)),
        change: |_, ana, n| lock(ana, &at(n, "k")),
        is_done: |_, [_, ben], n| ben.put(&at(n, "k"), "locked").status_in(&[204, 423]).answer.status == 423,
    },
    Scenario {
        name: "UNLOCK",
        prepare: |ana, n| drop(ana.put(&at(n, "u"), "locked").status(201)),
        change: |broken, ana, n| {
            // The fault comes after the lock.
            let (at_call, error) = broken.control.disarm();
            let token = ana.ask("LOCK", &at(n, "u")).xml(LOCK).send().status(200).header("Lock-Token").to_owned();
            broken.control.arm(at_call, error);
            acknowledged(ana.ask("UNLOCK", &at(n, "u")).with("Lock-Token", token))
        },
        is_done: |_, [_, ben], n| ben.put(&at(n, "u"), "locked").status_in(&[204, 423]).answer.status == 204,
    },
    Scenario {
        name: "PROPPATCH",
        prepare: |ana, n| drop(ana.put(&at(n, "p"), "text").status(201)),
        change: |_, ana, n| {
            let body =
                r#"<propertyupdate xmlns="DAV:"><set><prop><n xmlns="urn:t">set</n></prop></set></propertyupdate>"#;
            acknowledged(ana.ask("PROPPATCH", &at(n, "p")).xml(body))
        },
        is_done: |_, [ana, _], n| {
            let asked = r#"<propfind xmlns="DAV:"><prop><n xmlns="urn:t"/></prop></propfind>"#;
            ana.propfind(&at(n, "p"), crate::site::Depth::Zero, asked).status(207).text().contains(">set<")
        },
    },
    Scenario {
        name: "command `user add`",
        prepare: |_, _| {},
        change: |broken, _, n| {
            let add = broken.command(&["user", "add", &format!("u{n}")]);
            Ran::run(add, "").code == Some(0)
        },
        is_done: |broken, _, n| broken.site.cli(&["user", "show", &format!("u{n}")]).code == Some(0),
    },
    Scenario {
        name: "command `trash restore`",
        prepare: |ana, n| {
            ana.put(&at(n, "r"), "rescued").status(201);
            ana.delete(&at(n, "r")).status(204);
        },
        change: |broken, _, n| {
            let restore = broken.command(&["trash", "restore", &at(n, "r")]);
            Ran::run(restore, "").code == Some(0)
        },
        is_done: |_, [ana, _], n| is_there(ana, &at(n, "r"), b"rescued"),
    },
];

/// Issue 6: for every write, sync and rename, the N-th one failing: no false acknowledgement, and the site starts again.
#[test]
fn no_failing_call_of_the_disk_is_acknowledged_or_leaves_a_torn_site() {
    if is_elsewhere() || is_in_bucket() {
        return; // what fails there is another process'
    }
    let all = std::env::var("COMMONHOLD_FAULTS").is_ok_and(|which| which == "all");
    let mut rng = Rng::seeded();
    let mut broken = Broken::new();
    let (mut tries, mut failed, mut refused) = (0, 0, 0);
    for scenario in &SCENARIOS {
        for error in [EIO, ENOSPC] {
            let mut ended = false;
            for call in 1..=CALLS_MAX {
                if !all && call != 1 && !rng.once_in(SAMPLED) {
                    continue;
                }
                tries += 1;
                let n = tries;
                let clients = broken.start();
                (scenario.prepare)(&clients[0], n);
                broken.control.arm(call, error);
                let acknowledged = (scenario.change)(&broken, &clients[0], n);
                let came = broken.control.has_failed();
                broken.control.arm(0, 0);
                broken.kill();
                let clients = broken.start();
                let done = (scenario.is_done)(&broken, &clients, n);
                let about = format!("{}, call {call} with error {error}", scenario.name);
                assert!(done || !acknowledged, "{about}: acknowledged and lost");
                assert!(acknowledged || came, "{about}: refused though nothing has failed");
                broken.kill();
                let verified = broken.site.cli(&["verify"]);
                assert!(verified.code == Some(0), "{about}: {verified:?}");
                failed += usize::from(came);
                refused += usize::from(!acknowledged);
                ended = !came;
                if ended {
                    break;
                }
            }
            assert!(ended, "{} makes more than {CALLS_MAX} calls: those behind were not tried", scenario.name);
        }
    }
    println!("{tries} tries, of which {failed} met their fault and {refused} were refused");
    assert!(refused > 0 && failed >= refused, "the faults are met: {failed} of {tries}, {refused} refused");
}

/// A new content that gets no name is none: the upload is refused, the old bytes stay, and the server goes on.
#[test]
fn a_content_that_gets_no_name_is_refused_and_the_old_bytes_stay() {
    if is_elsewhere() || is_in_bucket() {
        return; // what fails there is another process'
    }
    let mut site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.put("/Projects/a.bin", vec![1; LARGE]).status(201);
    site.stop();
    let serve = site.command(&["serve", "--listen", "127.0.0.1:0"]);
    let mut traced = Command::new("strace");
    traced.args(["-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=linkat", "-e", "inject=linkat:error=EIO"]);
    traced.arg(serve.get_program()).args(serve.get_args());
    traced.current_dir(serve.get_current_dir().expect("it has a folder"));
    let server = Server::start(traced, &site.folder().join("traced.log"));
    let ana = Client::new(Nodes::at(vec![server.address]), &ana.name, &ana.secret);
    ana.put("/Projects/a.bin", vec![2; LARGE]).status_in(&[500, 503]);
    ana.put("/Projects/b.bin", vec![2; LARGE]).status_in(&[500, 503]);
    ana.put("/Projects/small.txt", "goes on").status(201);
    ana.get("/Projects/a.bin").status(200).body(vec![1; LARGE]);
    ana.get("/Projects/b.bin").status(404);
    server.signal(Signal::KILL);
    server.exit_status();
    site.restart();
    site.is_consistent();
}
