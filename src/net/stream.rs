//! The socket of a connection, telling what passes, and closed so that the last answer arrives.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

use super::activity::Activity;

/// How long bytes that nobody wants are read after the last answer.
pub(super) const LINGER: Duration = Duration::from_secs(2);
/// How many of them at once.
const LINGER_CHUNK_BYTES: usize = 8 * 1024;

pub(super) struct Stream {
    socket: TcpStream,
    activity: Arc<Activity>,
    closing: Closing,
}

enum Closing {
    No,
    /// Our side is closed; what still comes is thrown away until the client closes its side or the time is over.
    Lingering(Pin<Box<Sleep>>),
    Done,
}

impl Stream {
    pub(super) fn new(socket: TcpStream, activity: Arc<Activity>) -> Self {
        Self { socket, activity, closing: Closing::No }
    }

    fn note_sent(&self, result: &Poll<io::Result<usize>>) {
        match result {
            Poll::Ready(Ok(_)) => self.activity.sent(true),
            Poll::Pending => self.activity.sent(false),
            Poll::Ready(Err(_)) => {}
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.activity.received();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.note_sent(&result);
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.socket).poll_write_vectored(context, slices);
        self.note_sent(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    /// Closing a socket with unread bytes resets the connection, and the client may lose the answer that told it to
    /// stop sending (RFC 9112 section 9.6). So our side is closed first and the rest is read away for a while.
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match &mut this.closing {
                Closing::No => {
                    ready!(Pin::new(&mut this.socket).poll_shutdown(context))?;
                    this.closing = match this.activity.leaves_bytes() {
                        true => Closing::Lingering(Box::pin(sleep(LINGER))),
                        false => Closing::Done,
                    };
                }
                Closing::Lingering(timer) => {
                    let mut rest = [0; LINGER_CHUNK_BYTES];
                    let mut rest = ReadBuf::new(&mut rest);
                    let over = timer.as_mut().poll(context).is_ready()
                        || match ready!(Pin::new(&mut this.socket).poll_read(context, &mut rest)) {
                            Ok(()) => rest.filled().is_empty(),
                            Err(_) => true,
                        };
                    if over {
                        this.closing = Closing::Done;
                    }
                }
                Closing::Done => return Poll::Ready(Ok(())),
            }
        }
    }
}
