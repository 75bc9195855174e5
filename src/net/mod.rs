//! Connections: accepting them, bounding them, speaking HTTP on them, and letting them end when the server stops.
//!
//! What a request means is the business of the service that is handed in. HTTP/1.1 is RFC 9112, HTTP/2 (by ALPN over TLS, by prior knowledge
//! without it) RFC 9113; hyper speaks both. No connection can be held for nothing: each phase of it has a time
//! limit ([`activity`] says which), and their number is bounded in all and for each address. A [`Door`] is an address to listen on and what is
//! spoken there: TLS ([`tls`]), plain HTTP, or only the way to the other; who stands before us and for whom says [`proxy`].

mod accept;
mod activity;
mod body;
mod connection;
mod counts;
pub mod proxy;
mod slots;
mod stop;
mod stream;
pub mod tls;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::net::{TcpListener, TcpSocket};

pub use accept::serve;
pub use body::{BodyError, RequestBody};
pub use counts::Counts;
pub use proxy::{Proxies, Via};
pub use stop::{reload_on_signal, stop_on_signal};

use crate::config;

/// Connections that may wait to be accepted: a drive that comes back opens many at once.
const BACKLOG: u32 = 1024;

/// Bounds of connections. The keys of the same name in the configuration explain each.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at the same time.
    pub connections_max: usize,
    /// Of these, from one address.
    pub connections_per_address_max: usize,
    /// Bytes of a request's line and headers.
    pub header_bytes_max: u32,
    /// For the headers of a request, and for the first byte of a connection.
    pub header_timeout: Duration,
    /// Between two requests.
    pub idle_timeout: Duration,
    /// Without a byte of a request's body.
    pub body_idle_timeout: Duration,
    /// In which the client takes nothing of its response.
    pub write_idle_timeout: Duration,
    /// For running requests when the server stops.
    pub stop_timeout: Duration,
    /// Whether HTTP/2 is spoken.
    pub http2: bool,
}

impl From<&config::Limits> for Limits {
    fn from(limits: &config::Limits) -> Self {
        Self {
            connections_max: limits.connections_max,
            connections_per_address_max: limits.connections_per_address_max,
            header_bytes_max: limits.header_bytes_max,
            header_timeout: Duration::from_secs(limits.header_timeout_s),
            idle_timeout: Duration::from_secs(limits.idle_timeout_s),
            body_idle_timeout: Duration::from_secs(limits.body_idle_timeout_s),
            write_idle_timeout: Duration::from_secs(limits.write_idle_timeout_s),
            stop_timeout: Duration::from_secs(limits.stop_timeout_s),
            http2: limits.http2,
        }
    }
}

/// An address to listen on, and what is spoken there.
pub struct Door {
    listener: TcpListener,
    speaks: Speaks,
}

/// What is spoken at a door.
#[derive(Clone)]
pub enum Speaks {
    /// Plain HTTP. `proxies_only`: with this machine and trusted proxies, since nobody else should send a password so.
    Plain {
        /// Whether others are turned away.
        proxies_only: bool,
    },
    /// HTTP over TLS.
    Tls(Arc<tls::Tls>),
    /// Plain HTTP whose requests are marked with [`WrongDoor`].
    Redirect,
}

impl Speaks {
    /// Whether it is spoken with somebody who connects from there.
    pub fn with(&self, from: IpAddr, proxies: &Proxies) -> bool {
        let for_few = matches!(self, Self::Plain { proxies_only: true });
        !for_few || proxies.is_trusted(from) || from.to_canonical().is_loopback()
    }
}

/// A request that came to a door of [`Speaks::Redirect`]: it is told of the right one, and nothing else.
#[derive(Debug, Clone, Copy)]
pub struct WrongDoor;

impl Door {
    /// Listens on `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// Those of bind(2) and listen(2).
    pub fn open(address: SocketAddr, speaks: Speaks) -> io::Result<Self> {
        Ok(Self { listener: listen(address)?, speaks })
    }

    /// Where it is, port resolved.
    ///
    /// # Errors
    /// Those of getsockname(2).
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// What holds for the connections of all doors.
pub struct Rules {
    /// Their bounds.
    pub limits: Limits,
    /// Who is believed.
    pub proxies: Proxies,
    /// How many there are and were.
    pub counts: Arc<Counts>,
}

/// Where a request came from, an extension of every request: the other end of the connection, or whom a trusted proxy there names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

impl PeerAddr {
    /// Where a request came from; nowhere in particular if no connection brought it.
    pub fn of(head: &http::request::Parts) -> SocketAddr {
        let nowhere = SocketAddr::from((std::net::Ipv4Addr::UNSPECIFIED, 0));
        head.extensions.get::<Self>().map_or(nowhere, |peer| peer.0)
    }
}

/// The host that a request names: in its target, which counts before the header `Host` (RFC 9112 section 3.2.2), or there.
pub fn named_host(head: &http::request::Parts) -> Option<&str> {
    let authority = head.uri.authority().map(http::uri::Authority::as_str);
    authority.or_else(|| head.headers.get(http::header::HOST)?.to_str().ok())
}

/// Listens on `address`; port 0 takes a free one.
///
/// # Errors
/// Those of bind(2) and listen(2).
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart must not wait for the old connections to be forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Plain HTTP would leave this machine, and nobody has allowed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "plain HTTP on `{0}` would show passwords to the network: give a certificate (`[tls]`), listen on a loopback address behind a proxy with \
     TLS, name the proxies in `net.trusted_proxies`, or set `server.insecure_http = true`"
)]
pub struct PlainHttpRefused(pub SocketAddr);

/// How plain HTTP may be spoken at this address: on the loopback interface, elsewhere with the listed proxies only, or with anybody where the
/// configuration says so.
///
/// # Errors
/// [`PlainHttpRefused`].
pub fn plain(address: SocketAddr, insecure: bool, proxies: &Proxies) -> Result<Speaks, PlainHttpRefused> {
    let proxies_only = !insecure && !address.ip().to_canonical().is_loopback();
    if proxies_only && !proxies.are_listed() {
        Err(PlainHttpRefused(address))
    } else {
        Ok(Speaks::Plain { proxies_only })
    }
}

#[cfg(test)]
mod tests;
