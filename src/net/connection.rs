//! One connection, from its acceptance to its end.

use std::{convert::Infallible, error::Error, io, net::SocketAddr, pin::pin, sync::Arc};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::Either;
use http::header::{CONNECTION, EXPECT, HeaderValue};
use http::{Method, Request, Response};
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
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    PeerAddr, RequestBody, Rules, Speaks, WrongDoor,
    activity::{Activity, Patience, Verdict},
    body::{ResponseBody, Running, Share},
    proxy::protocol,
    slots::Slot,
    stream::{LINGER, Stream},
};

/// Requests of one HTTP/2 connection at the same time, those included that were given up while work on them goes on.
const HTTP2_STREAMS_MAX: u32 = 128;
/// Bytes of a request's body that an HTTP/2 client may send ahead of the handler, for one request and for all of them.
const HTTP2_STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
const HTTP2_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
/// Bytes of a response that wait inside an HTTP/2 stream.
const HTTP2_SEND_BUFFER_BYTES: usize = 256 * 1024;
/// Chunks of responses, of 256 KiB at the most, that are made before an HTTP/2 client has taken those before them, in all its streams: 4 MiB. hyper asks for
/// a chunk before it knows whether the client has room for it. A proxy may carry many clients on one connection, some of them slow: it is trusted to bound them.
const HTTP2_CHUNKS_UNTAKEN_MAX: usize = 16;

/// Headers and settings that an HTTP/2 client may make us send or keep, beyond its requests: streams that it resets before
/// they are answered (CVE-2023-44487), and our own resets for what it does wrong.
const HTTP2_RESETS_MAX: usize = 64;
/// Bytes of one frame of HTTP/2.
const HTTP2_FRAME_BYTES: u32 = 64 * 1024;

/// A body no longer than this is on its way together with its headers: if nobody wants it, it is read away before the answer, and the connection goes on.
const READ_AWAY_BYTES_MAX: u64 = 16 * 1024;

/// What speaks HTTP on every connection.
pub(super) struct Protocol {
    builder: auto::Builder<TokioExecutor>,
    patience: Patience,
    pub(super) rules: Rules,
}

/// A connection that was accepted.
pub(super) struct Socket {
    pub socket: TcpStream,
    pub peer: SocketAddr,
    pub slot: Slot,
}

/// Why a connection ended before its first byte of HTTP.
#[derive(Debug, thiserror::Error)]
enum GreetingError {
    #[error("no greeting came in time")]
    Late,
    #[error(transparent)]
    Proxy(#[from] protocol::ProxyError),
    #[error("the client of the proxy has its share of connections")]
    Crowded,
    #[error("TLS: {0}")]
    Tls(io::Error),
    #[error("the server stops")]
    Stopped,
}

impl Protocol {
    pub(super) fn new(rules: Rules) -> Self {
        let limits = &rules.limits;
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
            .max_pending_accept_reset_streams(HTTP2_RESETS_MAX)
            .max_local_error_reset_streams(HTTP2_RESETS_MAX)
            .max_frame_size(HTTP2_FRAME_BYTES)
            .max_header_list_size(limits.header_bytes_max)
            .initial_stream_window_size(HTTP2_STREAM_WINDOW_BYTES)
            .initial_connection_window_size(HTTP2_WINDOW_BYTES)
            .max_send_buf_size(HTTP2_SEND_BUFFER_BYTES);
        if !limits.http2 {
            builder = builder.http1_only();
        }
        Self { builder, patience: Patience::from(limits), rules }
    }

    /// Serves one connection until it ends, or until the requests that run at `stop` have their answers.
    pub(super) async fn run<S, B>(&self, socket: Socket, speaks: Speaks, service: S, stop: CancellationToken)
    where
        S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible, Future: Send + 'static>
            + Clone
            + Send
            + 'static,
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin + 'static,
    {
        let Socket { socket, mut peer, slot } = socket;
        let (activity, mut slot) = (Arc::new(Activity::new()), slot);
        let mut stream = Stream::new(socket, Arc::clone(&activity));
        let greeted = async {
            if self.rules.proxies.introduces(peer.ip())
                && let Some(client) = protocol::read(&mut stream).await?
            {
                peer = client;
                if !self.rules.proxies.is_trusted(client.ip()) && !slot.is_of(client.ip()) {
                    return Err(GreetingError::Crowded);
                }
            }
            match &speaks {
                Speaks::Tls(tls) => Ok(Greeted::Tls(Box::new(tls.accept(stream).await.map_err(GreetingError::Tls)?))),
                Speaks::Plain { .. } | Speaks::Redirect => Ok(Greeted::Plain(stream)),
            }
        };
        let greeted = tokio::select! {
            greeted = timeout(self.rules.limits.header_timeout, greeted) => greeted.unwrap_or(Err(GreetingError::Late)),
            () = stop.cancelled() => Err(GreetingError::Stopped),
        };
        activity.greeted();
        let wrong_door = matches!(speaks, Speaks::Redirect);
        match greeted {
            Ok(Greeted::Plain(stream)) => {
                let talk = Talk { stream, activity, peer, slot, tls: false, wrong_door };
                self.talk(talk, service, stop).await;
            }
            Ok(Greeted::Tls(accepted)) => {
                if let Some(stream) = *accepted {
                    let talk = Talk { stream, activity, peer, slot, tls: true, wrong_door };
                    self.talk(talk, service, stop).await;
                }
            }
            Err(error) => {
                match error {
                    GreetingError::Crowded => self.rules.counts.turned_away(),
                    GreetingError::Stopped => {}
                    GreetingError::Late | GreetingError::Proxy(_) | GreetingError::Tls(_) => {
                        self.rules.counts.greeting_failed();
                    }
                }
                tracing::debug!(%peer, %error, "a connection did not come as far as HTTP");
            }
        }
    }

    /// Speaks HTTP on it.
    async fn talk<IO, S, B>(&self, talk: Talk<IO>, service: S, stop: CancellationToken)
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible, Future: Send + 'static>
            + Clone
            + Send
            + 'static,
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin + 'static,
    {
        let Talk { stream, activity, peer, slot, tls, wrong_door } = talk;
        let stream = TokioIo::new(stream);
        let many = self.rules.proxies.is_trusted(peer.ip());
        let (slot, turns) = (Arc::new(slot), Arc::new(Semaphore::new(HTTP2_STREAMS_MAX as usize)));
        let room = Arc::new(Semaphore::new(if many { Semaphore::MAX_PERMITS } else { HTTP2_CHUNKS_UNTAKEN_MAX }));
        let service = service_fn(|request: Request<Incoming>| {
            let running = Running::begin(Arc::clone(&activity), request.version());
            let idle = self.rules.limits.body_idle_timeout;
            let http2 = request.version() == http::Version::HTTP_2;
            let (leaves_to, left) = oneshot::channel();
            let leaves_to = (!http2).then_some(leaves_to);
            let mut request = request.map(|body| RequestBody::new(body, Arc::clone(&activity), idle, leaves_to));
            let via = self.rules.proxies.via(peer, tls, request.headers());
            request.extensions_mut().insert(PeerAddr(via.client));
            request.extensions_mut().insert(via);
            if wrong_door {
                request.extensions_mut().insert(WrongDoor);
            }
            // Who expects to be told to go on hasn't sent it, and shall not be told to.
            let small = request.body().size_hint().upper().is_some_and(|bytes| bytes <= READ_AWAY_BYTES_MAX)
                && !request.headers().contains_key(EXPECT);
            let slot = Arc::clone(&slot);
            let answer = if http2 {
                // The first chunk of a file is read before the head of its answer is sent.
                let first = request.method() == Method::GET;
                let (service, turns, room) = (service.clone(), Arc::clone(&turns), Arc::clone(&room));
                // In a box, since every idle connection has the room for the future below.
                Either::Right(Box::pin(async move {
                    let first = if first { Arc::clone(&room).acquire_owned().await.ok() } else { None };
                    let turn = turns.acquire_owned().await.expect("it is never closed");
                    request.extensions_mut().insert(AtWork { _slot: slot, _turn: Some(Arc::new(turn)) });
                    (service.call(request).await, Some(Share { room, first }))
                }))
            } else {
                request.extensions_mut().insert(AtWork { _slot: slot, _turn: None });
                Either::Left(service.call(request).map(|answer| (answer, None)))
            };
            async move {
                let (Ok(mut response), share) = answer.await;
                if !http2 && !running.is_through_with(left, small).await {
                    // It will be closed, and a proxy that isn't told may send somebody else's request on it meanwhile.
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response.map(|body| ResponseBody::new(body, running, share)))
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
                // Before the connection, which may use up what the task may do at a time as long as its client sends without a pause.
                () = &mut timer => match activity.verdict(Instant::now(), &patience) {
                    Verdict::Wait(until) => timer.as_mut().reset(until),
                    Verdict::Close if !closing => {
                        closing = true;
                        connection.as_mut().graceful_shutdown();
                        timer.as_mut().reset(Instant::now() + LINGER);
                    }
                    Verdict::Close => return,
                    Verdict::Cut(reason) => {
                        self.rules.counts.was_cut();
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
                ended = &mut connection => {
                    if let Err(error) = ended {
                        tracing::debug!(%peer, error, "connection ended");
                    }
                    return;
                }
            }
        }
    }
}

/// What came of a greeting.
enum Greeted {
    Plain(Stream),
    /// Nothing more when it was an authority's question.
    Tls(Box<Option<tokio_rustls::server::TlsStream<Stream>>>),
}

/// A connection on which HTTP is spoken.
struct Talk<IO> {
    stream: IO,
    activity: Arc<Activity>,
    peer: SocketAddr,
    slot: Slot,
    tls: bool,
    wrong_door: bool,
}

/// The work of one request, an extension of it: it has its part of the connection's, and the connection has its place, until the work is over. A change goes
/// on to its end although nobody waits for the answer any more, and who asks and gives up again shall not have more done at a time than who waits.
#[derive(Clone)]
struct AtWork {
    _slot: Arc<Slot>,
    /// Of HTTP/2; with HTTP/1 one request comes after the other.
    _turn: Option<Arc<OwnedSemaphorePermit>>,
}
