//! The server that is tried, as somebody with a login and a folder.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};

use crate::site::basic;
use crate::site::http::{Answer, Connection, chunked};

/// Who somebody is.
#[derive(Clone)]
pub struct Login {
    pub name: String,
    pub secret: String,
}

/// A server and a folder in it.
pub struct Target {
    host: String,
    address: SocketAddr,
    /// The folder's path, without a slash at its end; empty for the host's root.
    pub base: String,
    login: Option<Login>,
    other: Option<Login>,
}

/// A request; `path` is a whole path of the host.
pub struct Ask<'t> {
    target: &'t Target,
    login: Option<&'t Login>,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Target {
    pub fn new(url: &str, login: Option<Login>, other: Option<Login>) -> Self {
        let rest = url.strip_prefix("http://").expect("the caller looked");
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let address = host.to_socket_addrs().ok().and_then(|mut found| found.next());
        let address = address.unwrap_or_else(|| panic!("`{host}` is no host and port"));
        let base = format!("/{path}").trim_end_matches('/').to_owned();
        Self { host: host.to_owned(), address, base, login, other }
    }

    /// Something below the folder.
    pub fn at(&self, below: &str) -> String {
        format!("{}/{below}", self.base)
    }

    pub fn ask(&self, method: &str, path: &str) -> Ask<'_> {
        let (method, path) = (method.to_owned(), path.to_owned());
        Ask { target: self, login: self.login.as_ref(), method, path, headers: Vec::new(), body: Vec::new() }
    }

    /// The same by somebody else, if there is anybody.
    pub fn ask_as_other(&self, method: &str, path: &str) -> Option<Ask<'_>> {
        Some(Ask { login: Some(self.other.as_ref()?), ..self.ask(method, path) })
    }

    pub fn put(&self, below: &str, body: &str) -> u16 {
        self.ask("PUT", &self.at(below)).body(body).status()
    }

    pub fn mkcol(&self, below: &str) -> u16 {
        self.ask("MKCOL", &self.at(below)).status()
    }

    /// The bytes of a file, if it is there.
    pub fn bytes(&self, below: &str) -> Option<Vec<u8>> {
        let answer = self.ask("GET", &self.at(below)).send().ok()?;
        (answer.status == 200).then_some(answer.body)
    }

    /// Which of these are still files with these bytes.
    pub fn left_of(&self, files: &[&str]) -> usize {
        files.iter().filter(|file| self.bytes(file).as_deref() == Some(file.as_bytes())).count()
    }

    /// Makes an own folder with these files, each holding its own path. A folder of an earlier row is gone by then, or not in the way.
    pub fn furnish(&self, folders: &[&str], files: &[&str]) {
        for folder in folders {
            self.mkcol(folder);
        }
        for file in files {
            self.put(file, file);
        }
    }

    /// An exclusive lock, with what was answered.
    pub fn lock(&self, below: &str, timeout: &str) -> Option<(String, Answer)> {
        let answer = self.lock_with(below, "exclusive", timeout, "somebody").send().ok()?;
        let token = answer.header("lock-token")?.trim_matches(['<', '>', ' ']).to_owned();
        Some((token, answer))
    }

    pub fn lock_with(&self, below: &str, scope: &str, timeout: &str, owner: &str) -> Ask<'_> {
        let body = format!(
            r#"<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:{scope}/></D:lockscope><D:locktype><D:write/></D:locktype><D:owner>{owner}</D:owner></D:lockinfo>"#
        );
        let ask = self.ask("LOCK", &self.at(below)).with("Depth", "0").with("Timeout", timeout);
        ask.with("Content-Type", "application/xml").body(&body)
    }

    pub fn unlock(&self, below: &str, token: &str) {
        self.ask("UNLOCK", &self.at(below)).with("Lock-Token", &format!("<{token}>")).status();
    }

    /// Whether it still answers.
    pub fn is_alive(&self) -> bool {
        let path = format!("{}/", self.base);
        (0..3).any(|_| self.ask("PROPFIND", &path).with("Depth", "0").send().is_ok())
    }

    pub fn connect(&self) -> io::Result<Connection> {
        Connection::open(self.address)
    }

    /// The same without any words of HTTP.
    pub fn stream(&self) -> io::Result<TcpStream> {
        TcpStream::connect(self.address)
    }

    /// A `Destination` of this server.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.host)
    }
}

impl Ask<'_> {
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn to(self, path: &str) -> Self {
        let url = self.target.url(path);
        self.with("Destination", &url)
    }

    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        let length = self.body.len().to_string();
        self.with("Content-Length", &length)
    }

    pub fn chunks(mut self, body: &[u8]) -> Self {
        self.body = chunked([body]);
        self.with("Transfer-Encoding", "chunked")
    }

    pub fn head(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: {}\r\n", self.method, self.path, self.target.host);
        if let Some(login) = self.login {
            head.push_str(&format!("Authorization: {}\r\n", basic(&login.name, &login.secret)));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if self.body.is_empty()
            && ["PUT", "MKCOL", "COPY", "MOVE", "LOCK", "PROPFIND"].contains(&&*self.method)
            && !self.has_length()
        {
            head.push_str("Content-Length: 0\r\n");
        }
        format!("{head}\r\n").into_bytes()
    }

    fn has_length(&self) -> bool {
        self.headers.iter().any(|(name, _)| name == "Content-Length" || name == "Transfer-Encoding")
    }

    /// On a connection of its own: an attack may cost the connection.
    pub fn send(&self) -> io::Result<Answer> {
        self.target.connect()?.exchange(&self.head(), &self.body, &self.method)
    }

    /// The status; 0 where the connection broke.
    pub fn status(&self) -> u16 {
        self.send().map_or(0, |answer| answer.status)
    }
}
