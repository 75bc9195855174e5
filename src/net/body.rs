//! The bodies of requests and responses as they pass between hyper and the service: with a limit to waiting, and
//! telling the connection how far they are.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::Stream;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::{Instant, Sleep, sleep_until, timeout},
};
use tokio_util::sync::PollSemaphore;

use super::{activity::Activity, stream::LINGER};

/// The body of a request.
pub struct RequestBody {
    /// `None` once it has failed or ended.
    incoming: Option<Incoming>,
    /// What the server itself has put together, instead of what a client sends.
    made: Option<Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>>,
    activity: Arc<Activity>,
    patience: Duration,
    /// Takes what is left of an HTTP/1 body; `None` for HTTP/2.
    leaves_to: Option<oneshot::Sender<Incoming>>,
    /// When the reader began to wait for the next frame.
    waiting_since: Option<Instant>,
    /// Made when first waited for. It is not set anew with each frame, but looked at when it ends.
    timer: Option<Pin<Box<Sleep>>>,
}

/// Why a request's body ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The client sent nothing for the `body_idle_timeout`. The answer is 408.
    #[error("the client stopped sending")]
    Idle,
    /// The connection broke or the body is malformed.
    #[error("the body broke off: {0}")]
    Broken(#[from] hyper::Error),
    /// What the server has put together can't be read.
    #[error("the bytes can't be read: {0}")]
    Unreadable(io::Error),
}

impl RequestBody {
    /// What a client sends; what is left of it when it is given up goes to `leaves_to` (HTTP/1).
    pub(super) fn new(
        incoming: Incoming,
        activity: Arc<Activity>,
        patience: Duration,
        leaves_to: Option<oneshot::Sender<Incoming>>,
    ) -> Self {
        Self { incoming: Some(incoming), made: None, activity, patience, leaves_to, waiting_since: None, timer: None }
    }

    /// The same request with a body that the server itself has put together.
    pub fn instead(mut self, bytes: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        self.made = Some(Box::pin(bytes));
        self
    }

    /// The same with a body that the server itself puts together with what the client sends.
    pub fn within<S>(self, around: impl FnOnce(Self) -> S) -> Self
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        let (activity, patience) = (Arc::clone(&self.activity), self.patience);
        let made: Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>> = Box::pin(around(self));
        Self { incoming: None, made: Some(made), activity, patience, leaves_to: None, waiting_since: None, timer: None }
    }

    /// Whether the reader has waited too long.
    fn poll_idle(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let end = *self.waiting_since.get_or_insert_with(Instant::now) + self.patience;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
        while timer.as_mut().poll(context).is_ready() {
            if end <= timer.deadline() {
                return Poll::Ready(());
            }
            timer.as_mut().reset(end);
        }
        Poll::Pending
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(made) = &mut self.made {
            let frame = |bytes: io::Result<Bytes>| bytes.map(Frame::data).map_err(BodyError::Unreadable);
            return made.as_mut().poll_next(context).map(|next| next.map(frame));
        }
        let Some(incoming) = &mut self.incoming else {
            return Poll::Ready(None);
        };
        match Pin::new(incoming).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                self.waiting_since = None;
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                self.incoming = None;
                Poll::Ready(Some(Err(error.into())))
            }
            Poll::Ready(None) => {
                self.incoming = None;
                Poll::Ready(None)
            }
            Poll::Pending => self.poll_idle(context).map(|()| {
                self.activity.body_left();
                self.incoming = None;
                Some(Err(BodyError::Idle))
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.made.is_none() && self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.made, &self.incoming) {
            (Some(_), _) => SizeHint::default(),
            (None, incoming) => incoming.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint),
        }
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let Some(rest) = self.incoming.take_if(|incoming| !incoming.is_end_stream()) else {
            return;
        };
        self.activity.body_left();
        if let Some(leaves_to) = self.leaves_to.take() {
            // Nobody wants it if the connection has ended.
            let _ = leaves_to.send(rest);
        } else if let Ok(runtime) = Handle::try_current() {
            // As with HTTP/1 (`stream.rs`), what still comes is read away for a while: a stream that is reset instead, as RFC 9113 section 8.1 allows, takes
            // the answer with it for clients that are still sending (curl 7.88).
            runtime.spawn(read_away(rest));
        }
    }
}

/// Reads what nobody wants, for a while. Gives whether it came to its end.
async fn read_away(mut rest: Incoming) -> bool {
    let to_its_end = async {
        while let Some(frame) = rest.frame().await {
            if frame.is_err() {
                return false;
            }
        }
        true
    };
    timeout(LINGER, to_its_end).await.unwrap_or(false)
}

/// One request in the count of its connection, from its headers to the end of its response.
pub(super) struct Running {
    activity: Arc<Activity>,
    http2: bool,
}

impl Running {
    pub(super) fn begin(activity: Arc<Activity>, version: http::Version) -> Self {
        let http2 = version == http::Version::HTTP_2;
        activity.request_began(http2);
        Self { activity, http2 }
    }

    /// Whether nothing of its body (HTTP/1) is still to come before the next request. A body that was given up is read to its end first if it is
    /// `small`.
    pub(super) async fn is_through_with(&self, mut left: oneshot::Receiver<Incoming>, small: bool) -> bool {
        if !self.activity.has_body_left() {
            return true;
        }
        let Some(rest) = left.try_recv().ok().filter(|_| small) else {
            return false;
        };
        let read = read_away(rest).await;
        if read {
            self.activity.body_read();
        }
        read
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.activity.request_ended();
    }
}

/// The body of a response.
pub(super) struct ResponseBody<B> {
    body: B,
    running: Running,
    /// Where what is made while it is sent finds room (HTTP/2). What is at hand waits for none, since it takes its memory already.
    room: Option<PollSemaphore>,
    /// The room for the next chunk.
    found: Option<OwnedSemaphorePermit>,
}

impl<B: Body<Data = Bytes> + Unpin> ResponseBody<B> {
    /// `share`: of an HTTP/2 connection, the room for chunks that are on their way to its client, and what was taken of it for the first. HTTP/1 needs none:
    /// there the next chunk is asked for when the socket has taken the last.
    pub(super) fn new(body: B, running: Running, share: Option<Share>) -> Self {
        let made = body.size_hint().exact().is_none();
        let (room, found) = share.map(|share| (PollSemaphore::new(share.room), share.first)).unzip();
        Self { body, running, room: room.filter(|_| made), found: found.flatten() }
    }
}

/// What a response has of the room for chunks on its HTTP/2 connection.
pub(super) struct Share {
    /// All of it.
    pub room: Arc<Semaphore>,
    /// The part for the first chunk, where it was waited for.
    pub first: Option<OwnedSemaphorePermit>,
}

impl<B: Body<Data = Bytes> + Unpin> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        if let Some(room) = &mut this.room
            && this.found.is_none()
        {
            this.found = ready!(room.poll_acquire(context));
        }
        let frame = ready!(Pin::new(&mut this.body).poll_frame(context));
        let room = this.found.take();
        Poll::Ready(match frame {
            Some(Ok(frame)) if this.running.http2 => {
                Some(Ok(frame.map_data(|bytes| Untaken::chunk(bytes, &this.running.activity, room))))
            }
            other => other,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A chunk of a response (HTTP/2), until the client has made room for it and it is sent.
struct Untaken {
    bytes: Bytes,
    activity: Arc<Activity>,
    _room: Option<OwnedSemaphorePermit>,
}

impl Untaken {
    fn chunk(bytes: Bytes, activity: &Arc<Activity>, room: Option<OwnedSemaphorePermit>) -> Bytes {
        activity.chunk_given();
        Bytes::from_owner(Self { bytes, activity: Arc::clone(activity), _room: room })
    }
}

impl AsRef<[u8]> for Untaken {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Untaken {
    fn drop(&mut self) {
        self.activity.chunk_taken();
    }
}
