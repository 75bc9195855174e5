//! HTTP/1.1 over one blocking TCP connection (RFC 9112), as little of it as the tests need.
//!
//! Hand-made on purpose: a test can send exactly the bytes it means (also wrong ones), stop in the middle, or hang
//! up. Nothing here knows WebDAV; what an answer must say is asserted in `reply.rs`.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

/// No answer of a test takes longer; a server that hangs fails the test instead of stopping the run.
const IO_TIMEOUT: Duration = Duration::from_secs(60);

/// An answer as it came: status, header lines in order, body with its transfer coding taken off.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of that name, in any letter case.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

/// The first header of that name, in any letter case.
pub fn header<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// One connection to the server.
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        Self::over(TcpStream::connect(address)?)
    }

    /// The same, of a client with this address of its own.
    pub fn open_from(own: IpAddr, address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.bind(&SocketAddr::new(own, 0).into())?;
        socket.connect(&address.into())?;
        Self::over(socket.into())
    }

    /// One that is open already, from either side.
    pub fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(IO_TIMEOUT))?;
        stream.set_write_timeout(Some(IO_TIMEOUT))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends a head and a body, and reads the answer. A server may answer and hang up before it has read the whole
    /// body: a write that fails is no failure yet, the answer decides.
    pub fn exchange(&mut self, head: &[u8], body: &[u8], method: &str) -> io::Result<Answer> {
        match self.write(head).and_then(|()| self.write(body)) {
            Ok(()) => {}
            Err(e) if matches!(e.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {}
            Err(e) => return Err(e),
        }
        self.read_answer(method)
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Says "no more from me" but stays to read: the server sees the end of a cut body and may still answer.
    pub fn finish_writing(&mut self) -> io::Result<()> {
        self.stream.get_ref().shutdown(Shutdown::Write)
    }

    /// Hangs up with a reset, as a machine that falls off the network.
    pub fn cut(self) -> io::Result<()> {
        SockRef::from(self.stream.get_ref()).set_linger(Some(Duration::ZERO))
    }

    /// True when the server has closed the connection (or sent something nobody asked for).
    pub fn is_stale(&self) -> bool {
        let stream = self.stream.get_ref();
        if !self.stream.buffer().is_empty() || stream.set_nonblocking(true).is_err() {
            return true;
        }
        let quiet = matches!(stream.peek(&mut [0]), Err(e) if e.kind() == ErrorKind::WouldBlock);
        stream.set_nonblocking(false).is_err() || !quiet
    }

    /// Everything until the server closes.
    pub fn read_to_close(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest)?;
        Ok(rest)
    }

    /// The next final answer; `100 Continue` and its kind are passed over.
    pub fn read_answer(&mut self, method: &str) -> io::Result<Answer> {
        let (status, headers) = loop {
            let (status, headers) = self.read_head()?;
            if status >= 200 {
                break (status, headers);
            }
        };
        let mut answer = Answer { status, headers, body: Vec::new() };
        if method == "HEAD" || status == 204 || status == 304 {
            return Ok(answer);
        }
        answer.body = match self.read_body(&answer.headers)? {
            Some(body) => body,
            None => self.read_to_close()?,
        };
        Ok(answer)
    }

    /// The body that these headers announce, with its transfer coding taken off; none where they announce none.
    pub fn read_body(&mut self, headers: &[(String, String)]) -> io::Result<Option<Vec<u8>>> {
        if header(headers, "transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            return self.read_chunks().map(Some);
        }
        let Some(length) = header(headers, "content-length") else { return Ok(None) };
        let length = length.parse().map_err(|_| malformed("Content-Length", length))?;
        self.read_exactly(length).map(Some)
    }

    /// The next status line and header lines, interim answers included.
    pub fn read_head(&mut self) -> io::Result<(u16, Vec<(String, String)>)> {
        let line = self.read_line()?;
        let status = line
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3))
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(|| malformed("status line", &line))?;
        Ok((status, self.read_headers()?))
    }

    /// The header lines behind a status line or a request line.
    pub fn read_headers(&mut self) -> io::Result<Vec<(String, String)>> {
        let mut headers = Vec::new();
        loop {
            let line = self.read_line()?;
            if line.is_empty() {
                return Ok(headers);
            }
            let (name, value) = line.split_once(':').ok_or_else(|| malformed("header", &line))?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }

    fn read_chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.read_line()?;
            let size = usize::from_str_radix(&line, 16).map_err(|_| malformed("chunk size", &line))?;
            body.extend(self.read_exactly(size)?);
            let end = self.read_line()?;
            if !end.is_empty() {
                return Err(malformed("end of chunk", &end));
            }
            if size == 0 {
                return Ok(body);
            }
        }
    }

    /// So many bytes.
    pub fn read_exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    pub fn read_line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line)?;
        match line.strip_suffix(b"\r\n") {
            Some(line) => Ok(String::from_utf8_lossy(line).into_owned()),
            None if line.is_empty() => Err(ErrorKind::UnexpectedEof.into()),
            None => Err(malformed("line", &String::from_utf8_lossy(&line))),
        }
    }
}

/// A body in the chunked transfer coding, each piece a chunk, with the last chunk.
pub fn chunked<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut body = Vec::new();
    for piece in pieces {
        body.extend(chunk(piece));
    }
    body.extend(b"0\r\n\r\n");
    body
}

/// One chunk of the chunked transfer coding.
pub fn chunk(piece: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
    chunk.extend(piece);
    chunk.extend(b"\r\n");
    chunk
}

fn malformed(what: &str, found: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("malformed {what}: {found:?}"))
}
