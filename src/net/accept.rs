//! The accept loop: who gets a connection, and how all of them end.

use std::{convert::Infallible, error::Error, io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::service::Service;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{Limits, RequestBody, connection::Protocol, slots::Slots, stream::LINGER};

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

/// Serves HTTP on `listener` until `stop` is cancelled; then accepts nothing more, lets running requests end for at
/// most `limits.stop_timeout`, and returns the number of connections it had to cut after that.
///
/// Each request carries [`super::PeerAddr`] as an extension. A panic of the service ends its connection (HTTP/1) or its
/// stream (HTTP/2) and nothing else. Dropping the future cuts all connections.
pub async fn serve<S, B>(listener: TcpListener, limits: Limits, stop: CancellationToken, service: S) -> usize
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible, Future: Send + 'static>
        + Clone
        + Send
        + Sync
        + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin + 'static,
{
    let slots = Slots::new(limits.connections_max, limits.connections_per_address_max);
    let refusals = Arc::new(Semaphore::new(REFUSALS_MAX));
    let stop_timeout = limits.stop_timeout;
    let protocol = Arc::new(Protocol::new(limits));
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
                match slots.take(peer.ip()) {
                    Some(slot) => {
                        // An answer in several writes must not wait for acknowledgements. Failing, it is only slower.
                        let _ = socket.set_nodelay(true);
                        let protocol = Arc::clone(&protocol);
                        let service = service.clone();
                        // Its own token: one waited on by all connections would be a lock between them.
                        let stop = stop.child_token();
                        connections.spawn(async move {
                            let _slot = slot;
                            protocol.run(socket, peer, service, stop).await;
                        });
                    }
                    None => {
                        tracing::debug!(%peer, "connection refused: too many");
                        if let Ok(permit) = Arc::clone(&refusals).try_acquire_owned() {
                            connections.spawn(async move {
                                let _permit = permit;
                                // Who doesn't take the answer goes without.
                                let _ = timeout(LINGER, refuse(socket)).await;
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
    let drained = timeout(stop_timeout, async { while connections.join_next().await.is_some() {} }).await;
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
async fn refuse(mut socket: TcpStream) -> io::Result<()> {
    socket.write_all(REFUSAL).await?;
    socket.shutdown().await?;
    let mut rest = [0; 1024];
    while socket.read(&mut rest).await? > 0 {}
    Ok(())
}
