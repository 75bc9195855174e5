//! HTTP/2 frame by frame over one connection (RFC 9113, RFC 7541), for what no honest client sends. What the server answers is read all the
//! time and counted.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Kinds of frames (RFC 9113 section 6).
pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

/// Flags: the last frame of a stream, and of a block of headers. That of SETTINGS and PING which answers is the same as the first.
pub const END_STREAM: u8 = 1;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// Codes of errors (RFC 9113 section 7).
pub const FLOW_CONTROL_ERROR: u32 = 3;
pub const REFUSED_STREAM: u32 = 7;
pub const ENHANCE_YOUR_CALM: u32 = 11;

/// What a server that hangs costs a test.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes that are written at once.
const BATCH_BYTES: usize = 32 * 1024;

/// A frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame of this test is short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The stream of a client's request with this number, from 0.
pub fn stream(number: usize) -> u32 {
    u32::try_from(2 * number + 1).expect("a client has 2^30 streams")
}

/// A block of headers: a request of somebody, without huffman coding and without the table of what was said before.
pub fn request(method: &str, path: &str, authorization: Option<&str>) -> Vec<u8> {
    // RFC 7541 appendix A: `:scheme: http`, and the names of the others.
    let mut block = vec![0x86];
    for (name, value) in [(2, method), (4, path), (1, "test")] {
        block.push(name);
        block.extend(text(value));
    }
    if let Some(value) = authorization {
        block.extend(integer(0, 4, 23));
        block.extend(text(value));
    }
    block
}

/// A header that the server is to remember under the index 62, the first that is free (RFC 7541 section 6.2.1).
pub fn remembered(name: &str, value: &str) -> Vec<u8> {
    [vec![0x40], text(name), text(value)].concat()
}

/// The header remembered last.
pub const REMEMBERED: u8 = 0x80 | 62;

fn text(value: &str) -> Vec<u8> {
    [integer(0, 7, value.len()), value.as_bytes().to_vec()].concat()
}

/// RFC 7541 section 5.1.
fn integer(first: u8, bits: u8, value: usize) -> Vec<u8> {
    let most = (1 << bits) - 1;
    if value < most {
        return vec![first | value as u8];
    }
    let mut bytes = vec![first | most as u8];
    let mut rest = value - most;
    while rest >= 128 {
        bytes.push(0x80 | (rest % 128) as u8);
        rest /= 128;
    }
    bytes.push(rest as u8);
    bytes
}

/// What has come from the server.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// How many frames, by their kind.
    frames: [usize; 16],
    /// Bytes of bodies.
    pub body_bytes: usize,
    /// The codes of the streams that it has reset.
    pub resets: Vec<u32>,
    /// With which code it said that it would end the connection.
    pub goaway: Option<u32>,
    /// It has ended it.
    pub ended: bool,
}

impl Heard {
    pub fn count(&self, kind: u8) -> usize {
        self.frames[usize::from(kind)]
    }

    fn note(&mut self, kind: u8, payload: &[u8]) {
        let code = |at: usize| payload.get(at..at + 4).and_then(|code| code.try_into().ok()).map(u32::from_be_bytes);
        self.frames[usize::from(kind % 16)] += 1;
        match kind {
            DATA => self.body_bytes += payload.len(),
            RST_STREAM => self.resets.extend(code(0)),
            GOAWAY => self.goaway = code(4),
            _ => {}
        }
    }
}

/// One connection.
pub struct Http2 {
    socket: TcpStream,
    heard: Arc<(Mutex<Heard>, Condvar)>,
}

impl Http2 {
    /// Opens one by prior knowledge, with these settings (RFC 9113 section 6.5.1).
    #[track_caller]
    pub fn open(address: SocketAddr, settings: &[(u16, u32)]) -> Self {
        let socket = TcpStream::connect(address).expect("the server accepts connections");
        socket.set_nodelay(true).expect("a socket of TCP");
        socket.set_write_timeout(Some(PATIENCE)).expect("not zero");
        let mut connection = Self { socket, heard: Arc::default() };
        let reader = connection.socket.try_clone().expect("there are files left");
        let heard = Arc::clone(&connection.heard);
        thread::spawn(move || listen(reader, &heard));
        let settings: Vec<u8> = settings
            .iter()
            .flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()[..]].concat())
            .collect();
        connection.send(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, &settings)].concat());
        connection
    }

    /// Whether the server took it: it takes nothing any more once it has ended the connection.
    #[track_caller]
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        match self.socket.write_all(bytes) {
            Ok(()) => !self.so_far().ended,
            Err(e) if matches!(e.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => false,
            Err(e) => panic!("the server neither takes bytes nor ends the connection: {e}"),
        }
    }

    /// Sends what is made for each number from 0 on, until the server has ended the connection or took `most` of them; gives how many.
    #[track_caller]
    pub fn flood(&mut self, most: usize, mut made: impl FnMut(usize) -> Vec<u8>) -> usize {
        let (start, mut batch) = (Instant::now(), Vec::new());
        for number in 0..most {
            assert!(start.elapsed() < PATIENCE, "the server took {number} and goes on");
            batch.extend(made(number));
            if batch.len() >= BATCH_BYTES || number + 1 == most {
                if !self.send(&batch) {
                    return number;
                }
                batch.clear();
            }
        }
        most
    }

    /// What has come until now.
    pub fn so_far(&self) -> Heard {
        self.heard.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until what has come is enough, or the server has ended the connection.
    #[track_caller]
    pub fn wait(&self, enough: impl Fn(&Heard) -> bool) -> Heard {
        let (heard, changed) = &*self.heard;
        let heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = changed.wait_timeout_while(heard, PATIENCE, |heard| !heard.ended && !enough(heard));
        let (heard, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.timed_out(), "{:?}", *heard);
        heard.clone()
    }

    /// Waits until the server has looked at everything that was sent: the answer to a PING comes after all before it.
    #[track_caller]
    pub fn catch_up(&mut self) -> Heard {
        let before = self.so_far().count(PING);
        self.send(&frame(PING, 0, 0, b"catch up"));
        self.wait(|heard| heard.count(PING) > before)
    }

    /// Waits for the server to end the connection.
    #[track_caller]
    pub fn end(&self) -> Heard {
        self.wait(|_| false)
    }
}

impl Drop for Http2 {
    fn drop(&mut self) {
        // It may be closed already; the reader ends in either case.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

/// Reads frames until the connection ends, in whatever way.
fn listen(mut socket: TcpStream, heard: &(Mutex<Heard>, Condvar)) {
    let mut head = [0; 9];
    let mut payload = Vec::new();
    let mut next = || {
        socket.read_exact(&mut head)?;
        payload.resize(u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize, 0);
        socket.read_exact(&mut payload)?;
        heard.0.lock().unwrap_or_else(PoisonError::into_inner).note(head[3], &payload);
        heard.1.notify_all();
        io::Result::Ok(())
    };
    while next().is_ok() {}
    heard.0.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
    heard.1.notify_all();
}
