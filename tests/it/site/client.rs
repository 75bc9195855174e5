//! A person with a WebDAV client: builds requests, signs them with Basic, keeps one connection open.
//!
//! Paths are those a person sees below the DAV root (`/Projects/plan 1.txt`); `raw` takes a request target as it is.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use data_encoding::BASE64;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::http::{Answer, Connection, chunked};
use super::nodes::Nodes;
use super::reply::Reply;

/// What a path segment keeps unencoded (RFC 3986 section 2.3), and the slash between segments.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The value of a Depth header (RFC 4918 section 10.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    Zero,
    One,
    Infinity,
}

impl Depth {
    pub fn value(self) -> &'static str {
        match self {
            Depth::Zero => "0",
            Depth::One => "1",
            Depth::Infinity => "infinity",
        }
    }
}

/// A caller of the site. A clone is the same person at another machine: it has connections of its own.
pub struct Client {
    pub name: String,
    pub secret: String,
    nodes: Arc<Nodes>,
    authorization: Option<String>,
    kept: Mutex<HashMap<SocketAddr, Connection>>,
}

impl Clone for Client {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            secret: self.secret.clone(),
            nodes: self.nodes.clone(),
            authorization: self.authorization.clone(),
            kept: Mutex::default(),
        }
    }
}

impl Client {
    /// Somebody who logs in with Basic.
    pub fn new(nodes: Arc<Nodes>, name: &str, secret: &str) -> Self {
        let authorization = Some(basic(name, secret));
        Self { name: name.to_owned(), secret: secret.to_owned(), nodes, authorization, kept: Mutex::default() }
    }

    /// Somebody who sends no credentials.
    pub fn anonymous(nodes: Arc<Nodes>) -> Self {
        Self { authorization: None, ..Self::new(nodes, "nobody", "") }
    }

    /// The same connection target with another Authorization header, as it stands.
    pub fn with_authorization(&self, value: &str) -> Self {
        Self { authorization: Some(value.to_owned()), ..self.clone() }
    }

    /// `127.0.0.1:PORT` of the running server; of several the first, whichever answers.
    pub fn host(&self) -> String {
        self.nodes.first().to_string()
    }

    /// The same person, whose requests go to this server only.
    pub fn at(&self, address: SocketAddr) -> Self {
        Self { nodes: Nodes::at(vec![address]), ..self.clone() }
    }

    pub fn get(&self, path: &str) -> Reply {
        self.ask("GET", path).send()
    }

    pub fn head(&self, path: &str) -> Reply {
        self.ask("HEAD", path).send()
    }

    pub fn put(&self, path: &str, body: impl Into<Vec<u8>>) -> Reply {
        self.ask("PUT", path).body(body).send()
    }

    pub fn mkcol(&self, path: &str) -> Reply {
        self.ask("MKCOL", path).send()
    }

    pub fn delete(&self, path: &str) -> Reply {
        self.ask("DELETE", path).send()
    }

    pub fn copy(&self, from: &str, to: &str) -> Reply {
        self.ask("COPY", from).to(to).send()
    }

    pub fn rename(&self, from: &str, to: &str) -> Reply {
        self.ask("MOVE", from).to(to).send()
    }

    /// PROPFIND without a body, as Windows asks.
    pub fn list(&self, path: &str, depth: Depth) -> Reply {
        self.ask("PROPFIND", path).with("Depth", depth.value()).send()
    }

    /// PROPFIND with a body.
    pub fn propfind(&self, path: &str, depth: Depth, body: &str) -> Reply {
        self.ask("PROPFIND", path).with("Depth", depth.value()).xml(body).send()
    }

    /// PROPPATCH of one `D:set` with this content of `D:prop`.
    pub fn set(&self, path: &str, properties: &str) -> Reply {
        let body = format!(
            r#"<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop>{properties}</D:prop></D:set></D:propertyupdate>"#
        );
        self.ask("PROPPATCH", path).xml(&body).send()
    }

    /// A request to a path below the DAV root.
    pub fn ask(&self, method: &str, path: &str) -> Request<'_> {
        self.raw(method, &target(path))
    }

    /// A request to a target exactly as given.
    pub fn raw(&self, method: &str, target: &str) -> Request<'_> {
        Request { client: self, method: method.to_owned(), target: target.to_owned(), headers: Vec::new(), body: None }
    }

    /// A fresh connection, for tests that write to it by hand.
    #[track_caller]
    pub fn connect(&self) -> Connection {
        Connection::open(self.nodes.next()).expect("the server accepts connections")
    }

    /// The same from another address of this machine, such as 127.0.0.2.
    #[track_caller]
    pub fn connect_from(&self, own: IpAddr) -> Connection {
        Connection::open_from(own, self.nodes.next()).expect("the server accepts connections")
    }

    /// The kept connection to the server whose turn it is if it hasn't closed it, else a new one.
    fn take_connection(&self) -> io::Result<(SocketAddr, Connection)> {
        let address = self.nodes.next();
        let kept = self.kept.lock().expect("held for a moment only").remove(&address);
        match kept {
            Some(connection) if !connection.is_stale() => Ok((address, connection)),
            _ => Ok((address, Connection::open(address)?)),
        }
    }

    fn keep(&self, address: SocketAddr, connection: Connection) {
        self.kept.lock().expect("held for a moment only").insert(address, connection);
    }
}

/// A request that isn't sent yet.
#[must_use = "a request does nothing until it is sent"]
pub struct Request<'a> {
    client: &'a Client,
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
}

impl Request<'_> {
    /// Adds a header line.
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// A Destination below the DAV root, written as an absolute path.
    pub fn to(self, path: &str) -> Self {
        self.with("Destination", target(path))
    }

    /// `Overwrite: T` or `F`.
    pub fn overwrite(self, yes: bool) -> Self {
        self.with("Overwrite", if yes { "T" } else { "F" })
    }

    /// A body with its Content-Length.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        self = self.with("Content-Length", body.len().to_string());
        self.body = Some(body);
        self
    }

    /// An XML body.
    pub fn xml(self, body: &str) -> Self {
        self.with("Content-Type", "application/xml; charset=utf-8").body(body)
    }

    /// A body in chunks, without a Content-Length.
    pub fn chunks<'c>(mut self, pieces: impl IntoIterator<Item = &'c [u8]>) -> Self {
        self = self.with("Transfer-Encoding", "chunked");
        self.body = Some(chunked(pieces));
        self
    }

    /// Sends it and reads the answer; a broken connection fails the test.
    #[track_caller]
    pub fn send(self) -> Reply {
        let told = self.told();
        self.try_send().unwrap_or_else(|e| panic!("{told}: no answer: {e}"))
    }

    /// Sends it and reads the answer, on the kept connection where there is one. Never sends twice.
    pub fn try_send(self) -> io::Result<Reply> {
        let (address, mut connection) = self.client.take_connection()?;
        let answer = self.send_on(&mut connection)?;
        if let 502..=504 = answer.status
            && answer.header("x-request-id").is_none()
        {
            // The balancer's own words, since a server's answers all have that header: it got none to hand on.
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("{} from the balancer", answer.status)));
        }
        // An early refusal may leave a connection that the server is about to close.
        if answer.status < 400 && answer.header("connection").is_none_or(|value| !value.eq_ignore_ascii_case("close")) {
            self.client.keep(address, connection);
        }
        Ok(Reply { request: self.told(), answer })
    }

    /// Sends it on a connection of the test's own.
    pub fn send_on(&self, connection: &mut Connection) -> io::Result<Answer> {
        connection.exchange(&self.head(), self.body.as_deref().unwrap_or_default(), &self.method)
    }

    /// Request line and header lines, with the empty line that ends them.
    pub fn head(&self) -> Vec<u8> {
        let mut head =
            format!("{} {} HTTP/1.1\r\nHost: {}\r\n", self.method, self.target, self.client.host()).into_bytes();
        if let Some(authorization) = &self.client.authorization {
            head.extend(format!("Authorization: {authorization}\r\n").as_bytes());
        }
        for (name, value) in &self.headers {
            head.extend(name.as_bytes());
            head.extend(b": ");
            head.extend(value);
            head.extend(b"\r\n");
        }
        head.extend(b"\r\n");
        head
    }

    fn told(&self) -> String {
        let headers: Vec<_> =
            self.headers.iter().map(|(n, v)| format!("{n}: {}", String::from_utf8_lossy(v))).collect();
        format!("{} {} by {} {headers:?}", self.method, self.target, self.client.name)
    }
}

/// The Authorization value of Basic (RFC 7617).
pub fn basic(name: &str, secret: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{name}:{secret}").as_bytes()))
}

/// The request target of a path below the DAV root.
pub fn target(path: &str) -> String {
    format!("/dav{}", utf8_percent_encode(path, PATH))
}

/// A PROPFIND body that asks for these names, given in Clark notation.
pub fn asking_for(names: &[&str]) -> String {
    let asked: String = names
        .iter()
        .map(|name| {
            let (namespace, local) =
                name.strip_prefix('{').and_then(|rest| rest.split_once('}')).expect("Clark notation");
            format!(r#"<{local} xmlns="{namespace}"/>"#)
        })
        .collect();
    format!(r#"<?xml version="1.0" encoding="utf-8"?><D:propfind xmlns:D="DAV:"><D:prop>{asked}</D:prop></D:propfind>"#)
}
