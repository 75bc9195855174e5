//! The object store behind a site, when the tests are to run on one; and what can go wrong on the way to it.
//!
//! `tests/seaweed.sh cargo test --test it` does every conversation over again with the contents in a bucket. The store is a real one, and so
//! are the faults: a line that is cut, a process that is killed.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Names the bucket.
const BUCKET: &str = "COMMONHOLD_TEST_BLOBS";
/// The script that is the store.
const SCRIPT: &str = "COMMONHOLD_TEST_STORE";
/// Where the store is.
const ENDPOINT: &str = "AWS_ENDPOINT_URL";

/// The bucket in which sites keep their contents, each in a part of its own; `None` when they keep them in a folder.
pub fn bucket() -> Option<String> {
    std::env::var(BUCKET).ok().filter(|bucket| !bucket.is_empty())
}

/// Whether the contents of this run are in a bucket: then what is about files of contents has nothing to look at.
pub fn is_in_bucket() -> bool {
    bucket().is_some()
}

/// The keys below a place of the bucket, markers left out.
pub fn keys(place: &str) -> Vec<String> {
    let (bucket, prefix) = place.trim_start_matches("s3://").split_once('/').expect("the tests have a prefix");
    let list = format!("http://{}/{bucket}?list-type=2&prefix={}%2F", endpoint(), prefix.replace('/', "%2F"));
    let answer = curl(&[&list]).output().expect("`curl` is installed");
    let listed = String::from_utf8_lossy(&answer.stdout).into_owned();
    assert!(answer.status.success() && listed.contains("<IsTruncated>false"), "{listed}");
    let keys = listed.split("<Key>").skip(1).filter_map(|rest| rest.split('<').next());
    keys.filter(|key| !key.ends_with("commonhold-site")).map(str::to_owned).collect()
}

/// Puts an object into the part of the bucket that the first key below this place lies in.
pub fn put_beside(place: &str, name: &str) {
    let key = keys(place).into_iter().next().expect("there are others");
    let (part, _) = key.rsplit_once('/').expect("a key has a prefix");
    let bucket = place.trim_start_matches("s3://").split('/').next().expect("it has a name");
    let put =
        curl(&["--request", "PUT", "--data-binary", "rest", &format!("http://{}/{bucket}/{part}/{name}", endpoint())]);
    assert!({ put }.status().expect("`curl` is installed").success());
}

/// A request with the credentials of the store.
fn curl(words: &[&str]) -> Command {
    let user = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(|name| std::env::var(name).unwrap_or_default());
    let mut curl = Command::new("curl");
    let region = std::env::var("AWS_REGION").unwrap_or_else(|_| "us-east-1".to_owned());
    curl.args(["--silent", "--fail", "--max-time", "5", "--aws-sigv4", &format!("aws:amz:{region}:s3")]);
    curl.args(["--user", &user.join(":"), "--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]).args(words);
    curl
}

/// Where the store of this run is.
pub fn endpoint() -> SocketAddr {
    let url = std::env::var(ENDPOINT).expect("tests/seaweed.sh sets it");
    url.trim_start_matches("http://").parse().expect("an address and a port")
}

/// The part of a configuration that leads to a store at this address, which answers at once or not at all.
pub fn settings(at: SocketAddr) -> String {
    format!("[storage.s3]\nendpoint = \"http://{at}\"\nallow_http = true\nanswer_timeout_s = 2\n")
}

/// A line to the store that does what a test wants of it.
pub struct Line {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    to: SocketAddr,
    does: AtomicU8,
    /// Bytes that still pass in each direction before everything is cut, once.
    from_store: AtomicU64,
    to_store: AtomicU64,
    /// The place of a byte that arrives as another, to the store and from it.
    flipped_to: AtomicU64,
    flipped_from: AtomicU64,
    open: Mutex<Vec<TcpStream>>,
}

/// What happens to connections.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Does {
    /// Everything passes.
    Pass,
    /// Those that are there are cut, and new ones end at once.
    Refuse,
    /// They are taken, and nothing passes.
    Hang,
}

impl Line {
    pub fn to(store: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::new(State {
            to: store,
            does: AtomicU8::new(Does::Pass as u8),
            from_store: AtomicU64::new(u64::MAX),
            to_store: AtomicU64::new(u64::MAX),
            flipped_to: AtomicU64::new(u64::MAX),
            flipped_from: AtomicU64::new(u64::MAX),
            open: Mutex::default(),
        });
        let line = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let line = Arc::clone(&line);
                thread::spawn(move || line.serve(client));
            }
        });
        Self { address, state }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn does(&self, does: Does) {
        self.state.does.store(does as u8, Ordering::SeqCst);
        if does != Does::Pass {
            self.state.cut();
        }
    }

    /// Cuts every connection once so many more bytes have come from the store; what is opened later passes.
    pub fn cut_after_from_store(&self, bytes: u64) {
        self.state.from_store.store(bytes, Ordering::SeqCst);
    }

    /// The same for bytes to the store.
    pub fn cut_after_to_store(&self, bytes: u64) {
        self.state.to_store.store(bytes, Ordering::SeqCst);
    }

    /// Changes one bit, so many bytes from now on their way to the store, once.
    pub fn flip_after_to_store(&self, bytes: u64) {
        self.state.flipped_to.store(bytes, Ordering::SeqCst);
    }

    /// The same on their way from it.
    pub fn flip_after_from_store(&self, bytes: u64) {
        self.state.flipped_from.store(bytes, Ordering::SeqCst);
    }

    /// Whether what was asked for has happened.
    pub fn has_done_so(&self) -> bool {
        let State { from_store, to_store, flipped_to, flipped_from, .. } = &*self.state;
        [from_store, to_store, flipped_to, flipped_from].into_iter().all(|left| left.load(Ordering::SeqCst) == u64::MAX)
    }
}

impl State {
    fn is(&self, does: Does) -> bool {
        self.does.load(Ordering::SeqCst) == does as u8
    }

    fn cut(&self) {
        for stream in self.open.lock().expect("held for a moment only").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn serve(self: Arc<Self>, client: TcpStream) {
        if self.is(Does::Refuse) {
            return;
        }
        let keep = |stream: &TcpStream| stream.try_clone().expect("a socket can be shared");
        self.open.lock().expect("held for a moment only").push(keep(&client));
        if self.is(Does::Hang) {
            // Until it is cut, or its client gives up.
            let _ = keep(&client).read(&mut [0]).map(|_| keep(&client).read(&mut [0; 1 << 16]));
            while !self.is(Does::Pass) && keep(&client).read(&mut [0; 1 << 16]).is_ok_and(|read| read > 0) {}
            return;
        }
        let Ok(store) = TcpStream::connect(self.to) else { return };
        self.open.lock().expect("held for a moment only").push(keep(&store));
        let (back, line) = ((keep(&store), keep(&client)), Arc::clone(&self));
        let answers = thread::spawn(move || line.pass(back.0, back.1, |line| &line.from_store));
        self.pass(client, store, |line| &line.to_store);
        let _ = answers.join();
    }

    fn pass(&self, mut from: TcpStream, mut to: TcpStream, left: impl Fn(&Self) -> &AtomicU64) {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            let left = left(self);
            let to_store = std::ptr::eq(left, &self.to_store);
            flip(if to_store { &self.flipped_to } else { &self.flipped_from }, &mut buffer[..read]);
            let before = left.load(Ordering::SeqCst);
            if before != u64::MAX {
                if before <= read as u64 {
                    left.store(u64::MAX, Ordering::SeqCst);
                    self.cut();
                    break;
                }
                left.fetch_sub(read as u64, Ordering::SeqCst);
            }
            if to.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
}

/// Changes the bit that was asked for, if it is in these bytes.
fn flip(asked: &AtomicU64, bytes: &mut [u8]) {
    let place = asked.load(Ordering::SeqCst);
    if place == u64::MAX {
        return;
    }
    let at = usize::try_from(place).expect("tests send little");
    match bytes.get_mut(at) {
        Some(byte) => {
            *byte ^= 1;
            asked.store(u64::MAX, Ordering::SeqCst);
        }
        None => drop(asked.fetch_sub(bytes.len() as u64, Ordering::SeqCst)),
    }
}

/// A store of one test's own, which it may kill.
pub struct Store {
    folder: TempDir,
    address: SocketAddr,
    process: Option<Child>,
}

impl Store {
    /// `None`: the store of this run is one that a test can't have another of.
    pub fn start() -> Option<Self> {
        std::env::var_os(SCRIPT)?;
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let free = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = free.local_addr().expect("it is bound");
        let mut store = Self { folder, address, process: None };
        drop(free);
        store.restart();
        Some(store)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts it on what it had.
    pub fn restart(&mut self) {
        let script = std::env::var(SCRIPT).expect("tests/seaweed.sh sets it");
        let log = std::fs::File::create(self.folder.path().join("log")).expect("the folder is the test's");
        let port = self.address.port().to_string();
        let mut command = Command::new(script);
        command.arg("--serve").arg(self.folder.path()).arg(port).stdout(Stdio::null()).stderr(log);
        self.process = Some(command.spawn().expect("the script can be run"));
        self.has_started();
    }

    /// Waits until it takes an object; it takes connections long before its parts have found each other.
    fn has_started(&self) {
        let began = Instant::now();
        while !self.takes_an_object() {
            assert!(began.elapsed() < Duration::from_secs(60), "{}", log(self.folder.path()));
            thread::yield_now();
        }
    }

    fn takes_an_object(&self) -> bool {
        let object = format!("http://{}/commonhold/started", self.address);
        let put = curl(&["--request", "PUT", "--data-binary", "x", &object]).stdout(Stdio::null()).status();
        put.expect("`curl` is installed").success()
    }

    /// SIGKILL.
    pub fn kill9(&mut self) {
        let mut process = self.process.take().expect("the store runs");
        process.kill().expect("it is the test's");
        process.wait().expect("it ends");
    }
}

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap_or_default()
}

impl Drop for Store {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.kill9();
        }
    }
}
