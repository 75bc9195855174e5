//! Something between a client and the server that changes what passes: a proxy as people set them up, with one fault.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use super::http::{Answer, Connection, chunked, header};

/// A request on its way, its body with its transfer coding taken off.
#[derive(Debug, Clone)]
pub struct Passing {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether it came, and goes on, in chunks.
    pub is_chunked: bool,
}

impl Passing {
    /// The first header of that name, in any letter case.
    pub fn header(&self, name: &str) -> &str {
        header(&self.headers, name).unwrap_or_default()
    }

    /// Takes headers of that name off.
    pub fn drop_header(&mut self, name: &str) {
        self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    fn read(client: &mut Connection) -> io::Result<Self> {
        let line = client.read_line()?;
        let mut words = line.split(' ').map(str::to_owned);
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let headers = client.read_headers()?;
        let body = client.read_body(&headers)?.unwrap_or_default();
        let is_chunked = header(&headers, "transfer-encoding").is_some();
        let mut passing = Self { method, target, headers, body, is_chunked };
        for name in ["transfer-encoding", "content-length", "connection"] {
            passing.drop_header(name);
        }
        Ok(passing)
    }

    fn send(&self, server: SocketAddr) -> io::Result<Answer> {
        let mut head = format!("{} {} HTTP/1.1\r\nConnection: close\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let body = if self.is_chunked { chunked([self.body.as_slice()]) } else { self.body.clone() };
        match self.is_chunked {
            true => head.push_str("Transfer-Encoding: chunked\r\n\r\n"),
            false => head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len())),
        }
        Connection::open(server)?.exchange(head.as_bytes(), &body, &self.method)
    }
}

/// An answer of the middlebox's own.
pub fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Answer { status, headers, body: body.as_bytes().to_vec() }
}

/// What it does to a request before it goes on: changes it, or answers it.
pub type Before = fn(&mut Passing) -> Option<Answer>;
/// What it does to an answer.
pub type After = fn(&Passing, &mut Answer);

/// A running one; it ends when it is dropped.
pub struct Middlebox {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Middlebox {
    /// In front of this server.
    pub fn before(server: SocketAddr, before: Before, after: After) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = listener.local_addr().expect("it listens");
        let over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&over);
        // A client at a time, a request on each connection: whoever is examined here asks one thing after the other.
        let thread = thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if ends.load(Ordering::Acquire) {
                    return;
                }
                // A client that hangs up is its own business.
                let _ = pass(stream, server, before, after);
            }
        });
        Self { address, over, thread: Some(thread) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Middlebox {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        // One more connection, so that it looks.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn pass(stream: TcpStream, server: SocketAddr, before: Before, after: After) -> io::Result<()> {
    let mut client = Connection::over(stream)?;
    let mut passing = Passing::read(&mut client)?;
    let asked = passing.clone();
    let mut answer = match before(&mut passing) {
        Some(answer) => answer,
        None => passing.send(server)?,
    };
    after(&asked, &mut answer);
    let mut head = format!("HTTP/1.1 {} x\r\nConnection: close\r\n", answer.status);
    for (name, value) in &answer.headers {
        if !["connection", "content-length", "transfer-encoding"].contains(&name.to_lowercase().as_str()) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    let length = match asked.method.as_str() {
        "HEAD" => answer.header("content-length").map(str::to_owned),
        _ if answer.status == 204 => None,
        _ => Some(answer.body.len().to_string()),
    };
    if let Some(length) = length {
        head.push_str(&format!("Content-Length: {length}\r\n"));
    }
    head.push_str("\r\n");
    client.write(head.as_bytes())?;
    client.write(&answer.body)?;
    client.finish_writing()
}
