//! The accept loop: who gets a connection, and how all of them end.

use std::{convert::Infallible, error::Error, io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use http_body::Body;
use hyper::service::Service;
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Door, RequestBody, Rules, Speaks,
    connection::{Protocol, Socket},
    slots::{Slot, Slots},
    stream::LINGER,
};

/// Bytes of a response that the system takes ahead of what it can send. Left to itself it takes megabytes for each client: a few hundred that take a large
/// file slowly would have it read, hashed and copied at once, and nobody else be served meanwhile.
const UNSENT_BYTES_MAX: u32 = 256 * 1024;
/// Pause after the system refused a connection for want of its own means.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Connections that are being refused with an answer at the same time; more are closed without one.
const REFUSALS_MAX: usize = 64;
/// The answer to a connection too many.
const REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    Retry-After: 5\r\n\
    Connection: close\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 43\r\n\
    \r\n\
    too many connections; please try again soon";
/// The answer to who would send a password in plain sight.
const NOT_PLAIN: &[u8] = b"HTTP/1.1 403 Forbidden\r\n\
    Connection: close\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 57\r\n\
    \r\n\
    plain HTTP is for the listed proxies; please use https://";

/// Serves HTTP at all doors until `stop` is cancelled; then accepts nothing more, lets running requests end for at
/// most `limits.stop_timeout`, and returns the number of connections it had to cut after that.
///
/// Each request carries [`super::PeerAddr`] and [`super::Via`] as extensions. A panic of the service ends its connection (HTTP/1) or its
/// stream (HTTP/2) and nothing else. Dropping the future cuts all connections.
pub async fn serve<S, B>(doors: Vec<Door>, rules: Rules, stop: CancellationToken, service: S) -> usize
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible, Future: Send + 'static>
        + Clone
        + Send
        + Sync
        + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin + 'static,
{
    let house = House {
        slots: Slots::new(rules.limits.connections_max, rules.limits.connections_per_address_max),
        refusals: Arc::new(Semaphore::new(REFUSALS_MAX)),
        protocol: Arc::new(Protocol::new(rules)),
    };
    let doors = doors.into_iter().map(|door| attend(door, &house, stop.clone(), service.clone()));
    join_all(doors).await.into_iter().sum()
}

/// What all doors share.
struct House {
    slots: Arc<Slots>,
    refusals: Arc<Semaphore>,
    protocol: Arc<Protocol>,
}

impl House {
    /// A place for whoever has connected, or what to tell who gets none.
    fn admit(&self, peer: SocketAddr, speaks: &Speaks) -> Result<Slot, Option<&'static [u8]>> {
        let rules = &self.protocol.rules;
        let is_proxy = rules.proxies.is_trusted(peer.ip());
        let answer = |text| if matches!(speaks, Speaks::Tls(_)) { None } else { Some(text) };
        if !speaks.with(peer.ip(), &rules.proxies) {
            return Err(Some(NOT_PLAIN));
        }
        let slot = if is_proxy { self.slots.take_for_many() } else { self.slots.take(peer.ip()) };
        slot.ok_or_else(|| answer(REFUSAL))
    }
}

/// Serves one door.
async fn attend<S, B>(door: Door, house: &House, stop: CancellationToken, service: S) -> usize
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible, Future: Send + 'static>
        + Clone
        + Send
        + Sync
        + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin + 'static,
{
    let Door { listener, speaks } = door;
    let counts = &house.protocol.rules.counts;
    let mut connections = JoinSet::new();
    let mut starved = false;
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a connection's task failed");
                }
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, peer)) => {
                starved = false;
                match house.admit(peer, &speaks) {
                    Ok(slot) => {
                        // An answer in several writes must not wait for acknowledgements. Failing, it is only slower.
                        let _ = socket.set_nodelay(true);
                        let _ = SockRef::from(&socket).set_tcp_notsent_lowat(UNSENT_BYTES_MAX);
                        let (protocol, speaks) = (Arc::clone(&house.protocol), speaks.clone());
                        let service = service.clone();
                        // Its own token: one waited on by all connections would be a lock between them.
                        let stop = stop.child_token();
                        let open = counts.took();
                        connections.spawn(async move {
                            let _open = open;
                            let socket = Socket { socket, peer, slot };
                            protocol.run(socket, speaks, service, stop).await;
                        });
                    }
                    Err(answer) => {
                        tracing::debug!(%peer, "connection refused");
                        counts.turned_away();
                        if let Some(answer) = answer
                            && let Ok(permit) = Arc::clone(&house.refusals).try_acquire_owned()
                        {
                            connections.spawn(async move {
                                let _permit = permit;
                                // Who doesn't take the answer goes without.
                                let _ = timeout(LINGER, refuse(socket, answer)).await;
                            });
                        }
                    }
                }
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                if !starved {
                    tracing::error!(%error, "no connection can be accepted");
                }
                starved = true;
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = sleep(ACCEPT_PAUSE) => {}
                }
            }
        }
    }
    drop(listener);
    let drained =
        timeout(house.protocol.rules.limits.stop_timeout, async { while connections.join_next().await.is_some() {} })
            .await;
    let cut = connections.len();
    if drained.is_err() {
        tracing::warn!(connections = cut, "cut after the time for running requests");
        connections.shutdown().await;
    }
    cut
}

/// Errors of accept(2) that belong to the connection it would have given.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted, PermissionDenied};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted | PermissionDenied)
}

/// Answers without having read, and reads until the client closes, lest the answer be lost.
pub(super) async fn refuse(mut socket: TcpStream, answer: &[u8]) -> io::Result<()> {
    socket.write_all(answer).await?;
    socket.shutdown().await?;
    let mut rest = [0; 1024];
    while socket.read(&mut rest).await? > 0 {}
    Ok(())
}
