//! One connection, from its acceptance to its end.

use std::{convert::Infallible, error::Error, net::SocketAddr, pin::pin, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::{
    body::Incoming,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    Limits, PeerAddr, RequestBody,
    activity::{Activity, Patience, Verdict},
    body::{ResponseBody, Running},
    stream::{LINGER, Stream},
};

/// Requests of one HTTP/2 connection at the same time.
const HTTP2_STREAMS_MAX: u32 = 128;
/// Bytes of a request's body that an HTTP/2 client may send ahead of the handler, for one request and for all of them.
const HTTP2_STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
const HTTP2_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
/// Bytes of a response that wait inside an HTTP/2 stream.
const HTTP2_SEND_BUFFER_BYTES: usize = 256 * 1024;

/// What speaks HTTP on every connection.
pub(super) struct Protocol {
    builder: auto::Builder<TokioExecutor>,
    patience: Patience,
    limits: Limits,
}

impl Protocol {
    pub(super) fn new(limits: Limits) -> Self {
        // hyper's `pipeline_flush` stays off: it also lifts the bound on buffered bytes of a response. So does
        // `half_close`: a client that has gone shall be noticed.
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            // `Activity` bounds the time for headers: hyper's own limit doesn't hold before the first byte, and would
            // also end idle connections.
            .header_read_timeout(None)
            .max_buf_size(limits.header_bytes_max as usize);
        builder
            .http2()
            .max_concurrent_streams(HTTP2_STREAMS_MAX)
            .max_header_list_size(limits.header_bytes_max)
            .initial_stream_window_size(HTTP2_STREAM_WINDOW_BYTES)
            .initial_connection_window_size(HTTP2_WINDOW_BYTES)
            .max_send_buf_size(HTTP2_SEND_BUFFER_BYTES);
        if !limits.http2 {
            builder = builder.http1_only();
        }
        Self { builder, patience: Patience::from(&limits), limits }
    }

    /// Serves one connection until it ends, or until the requests that run at `stop` have their answers.
    pub(super) async fn run<S, B>(&self, socket: TcpStream, peer: SocketAddr, service: S, stop: CancellationToken)
    where
        S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible, Future: Send + 'static>,
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin + 'static,
    {
        let activity = Arc::new(Activity::new());
        let stream = TokioIo::new(Stream::new(socket, Arc::clone(&activity)));
        let service = service_fn(|request: Request<Incoming>| {
            let running = Running::begin(Arc::clone(&activity), request.version());
            let mut request =
                request.map(|body| RequestBody::new(body, Arc::clone(&activity), self.limits.body_idle_timeout));
            request.extensions_mut().insert(PeerAddr(peer));
            let response = service.call(request);
            async move {
                let Ok(response) = response.await;
                Ok::<_, Infallible>(response.map(|body| ResponseBody::new(body, running)))
            }
        });
        let mut connection = pin!(self.builder.serve_connection(stream, service));
        let mut patience = self.patience;
        let mut timer = pin!(sleep_until(Instant::now() + patience.shortest()));
        let mut stopped = pin!(stop.cancelled());
        let mut stopping = false;
        let mut closing = false;
        loop {
            tokio::select! {
                biased;
                ended = &mut connection => {
                    if let Err(error) = ended {
                        tracing::debug!(%peer, error, "connection ended");
                    }
                    return;
                }
                () = &mut timer => match activity.verdict(Instant::now(), &patience) {
                    Verdict::Wait(until) => timer.as_mut().reset(until),
                    Verdict::Close if !closing => {
                        closing = true;
                        connection.as_mut().graceful_shutdown();
                        timer.as_mut().reset(Instant::now() + LINGER);
                    }
                    Verdict::Close => return,
                    Verdict::Cut(reason) => {
                        tracing::debug!(%peer, reason, "connection cut");
                        return;
                    }
                },
                () = &mut stopped, if !stopping => {
                    stopping = true;
                    connection.as_mut().graceful_shutdown();
                    patience = patience.with_header(LINGER);
                    timer.as_mut().reset(Instant::now() + LINGER);
                }
            }
        }
    }
}
