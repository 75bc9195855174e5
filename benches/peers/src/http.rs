//! A lean HTTP/1.1 client on one blocking socket: just what the works need, so that the client takes little of a machine
//! that it shares with the server it measures. Message framing as in RFC 9112 section 6; no redirects, no trailers.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What goes wrong here ends the run with its text.
pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Large enough that reading a gigabyte costs few system calls.
const BUFFER_BYTES: usize = 512 * 1024;
/// No answer of any work takes longer, on any of the servers.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(300);
/// Period of the content of large bodies.
const BLOCK_BYTES: usize = 1024 * 1024;

/// The status line and headers of an answer.
pub struct Head {
    /// The status code.
    pub status: u16,
    headers: Vec<(String, String)>,
}

impl Head {
    /// The value of the first header of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// An error that names what was asked, unless the status is one of `wanted`: a wrong answer is never timed as a fast one.
    pub fn expect(&self, wanted: &[u16], asked: &str) -> Result<()> {
        if wanted.contains(&self.status) {
            return Ok(());
        }
        Err(format!("{asked} was answered {}, not {wanted:?}", self.status).into())
    }
}

/// A kept-alive connection of one logged-in client.
pub struct Connection {
    address: SocketAddr,
    authorization: String,
    stream: TcpStream,
    buffer: Box<[u8]>,
    /// The part of `buffer` that was received and not consumed yet.
    unread: std::ops::Range<usize>,
    /// The server said that it closes after the last answer.
    closing: bool,
}

impl Connection {
    /// Connects; `authorization` is the value of the header that every request carries.
    pub fn open(address: SocketAddr, authorization: &str) -> Result<Connection> {
        Ok(Connection {
            address,
            authorization: authorization.to_owned(),
            stream: connect(address)?,
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            unread: 0..0,
            closing: false,
        })
    }

    /// Sends one request and hands the answer's body to `sink` as it comes.
    pub fn stream(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        mut sink: impl FnMut(&[u8]),
    ) -> Result<Head> {
        let mut message = self.request_head(method, path, headers, body.len() as u64)?;
        message.extend_from_slice(body);
        self.stream.write_all(&message)?;
        self.answer(method, &mut sink)
    }

    /// As [`Connection::stream`], with the whole body at the end.
    pub fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<(Head, Vec<u8>)> {
        let mut answer = Vec::new();
        let head = self.stream(method, path, headers, body, |part| {
            answer.extend_from_slice(part);
        })?;
        Ok((head, answer))
    }

    /// PUTs `size` bytes of [`Pattern`] content.
    pub fn upload(&mut self, path: &str, size: u64, pattern: &mut Pattern) -> Result<Head> {
        let message = self.request_head("PUT", path, &[], size)?;
        self.stream.write_all(&message)?;
        let mut sent = 0;
        while sent < size {
            let block = pattern.block(sent);
            let length = (size - sent).min(block.len() as u64) as usize;
            self.stream.write_all(&block[..length])?;
            sent += length as u64;
        }
        self.answer("PUT", &mut |_| {})
    }

    fn request_head(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body_bytes: u64) -> Result<Vec<u8>> {
        if self.closing {
            self.stream = connect(self.address)?;
            self.closing = false;
        }
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\n", self.address, self.authorization);
        if body_bytes > 0 || method == "PUT" {
            write!(head, "Content-Length: {body_bytes}\r\n")?;
        }
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n")?;
        }
        head.push_str("\r\n");
        Ok(head.into_bytes())
    }

    fn answer(&mut self, method: &str, sink: &mut impl FnMut(&[u8])) -> Result<Head> {
        let head = self.head()?;
        self.closing = head.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        if method == "HEAD" || matches!(head.status, 204 | 304) {
            return Ok(head);
        }
        if head.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            loop {
                let line = self.line()?;
                let length = line.split(';').next().unwrap_or_default().trim();
                let length = u64::from_str_radix(length, 16).map_err(|_| format!("bad chunk size `{line}`"))?;
                self.body(length, sink)?;
                if !self.line()?.is_empty() {
                    return Err("a chunk does not end where it says".into());
                }
                if length == 0 {
                    return Ok(head);
                }
            }
        }
        let length = head.header("content-length").ok_or("an answer with neither Content-Length nor chunks")?;
        self.body(length.parse()?, sink)?;
        Ok(head)
    }

    fn head(&mut self) -> Result<Head> {
        let line = self.line()?;
        let status = line
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3))
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| format!("bad status line `{line}`"))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(Head { status, headers });
            }
            let (name, value) = line.split_once(':').ok_or_else(|| format!("bad header `{line}`"))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    /// One line without its end.
    fn line(&mut self) -> Result<String> {
        let mut line = Vec::new();
        loop {
            let unread = &self.buffer[self.unread.clone()];
            if let Some(end) = unread.iter().position(|&byte| byte == b'\n') {
                line.extend_from_slice(&unread[..end]);
                self.unread.start += end + 1;
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(String::from_utf8(line)?);
            }
            line.extend_from_slice(unread);
            self.receive()?;
        }
    }

    fn body(&mut self, mut length: u64, sink: &mut impl FnMut(&[u8])) -> Result<()> {
        while length > 0 {
            if self.unread.is_empty() {
                self.receive()?;
            }
            let taken = (self.unread.len() as u64).min(length) as usize;
            let end = self.unread.start + taken;
            sink(&self.buffer[self.unread.start..end]);
            self.unread.start = end;
            length -= taken as u64;
        }
        Ok(())
    }

    /// Refills the consumed buffer.
    fn receive(&mut self) -> Result<()> {
        match self.stream.read(&mut self.buffer)? {
            0 => Err("the server closed the connection in mid-answer".into()),
            count => {
                self.unread = 0..count;
                Ok(())
            }
        }
    }
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    Ok(stream)
}

/// Content of large files: noise of one block over and over, its first byte telling which block it is.
pub struct Pattern {
    block: Box<[u8]>,
}

impl Pattern {
    /// The same content in every run.
    pub fn new() -> Pattern {
        let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
        let block = (0..BLOCK_BYTES / 8)
            .flat_map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_le_bytes()
            })
            .collect();
        Pattern { block }
    }

    fn block(&mut self, offset: u64) -> &[u8] {
        self.block[0] = stamp(offset);
        &self.block
    }
}

/// Checks received [`Pattern`] content at next to no cost: its length, and that each block stands in its place.
#[derive(Default)]
pub struct PatternCheck {
    /// Bytes seen so far.
    pub length: u64,
    /// Some block was not the one that belongs there.
    pub damaged: bool,
}

impl PatternCheck {
    /// Takes the next part of the content.
    pub fn feed(&mut self, part: &[u8]) {
        let end = self.length + part.len() as u64;
        let mut at = self.length.next_multiple_of(BLOCK_BYTES as u64);
        while at < end {
            self.damaged |= part[(at - self.length) as usize] != stamp(at);
            at += BLOCK_BYTES as u64;
        }
        self.length = end;
    }
}

fn stamp(offset: u64) -> u8 {
    (offset / BLOCK_BYTES as u64 % 251) as u8
}
