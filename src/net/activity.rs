//! What a connection is doing, and how long it may go on so.
//!
//! | phase | limit | end |
//! |---|---|---|
//! | the greeting: TLS, the PROXY protocol | `header_timeout`, kept by `connection.rs` | cut |
//! | accepted, no request yet; headers of a request have begun to come (HTTP/1) | `header_timeout` | cut |
//! | between requests | `idle_timeout` | closed in order |
//! | the socket takes no more bytes; HTTP/2: no stream takes any | `write_idle_timeout` | cut |
//! | a request is being served | none: the server's own work isn't bounded here | |
//!
//! The wait for a request's body has its limit in [`super::body`], where the handler can still answer.
//! The stream, the service and the bodies of a connection report to its [`Activity`]; its task asks for the
//! [`Verdict`]. So a connection has one timer, however many bytes pass.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::Limits;

/// Time limits of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    header: Duration,
    idle: Duration,
    write_idle: Duration,
}

impl From<&Limits> for Patience {
    fn from(limits: &Limits) -> Self {
        Self { header: limits.header_timeout, idle: limits.idle_timeout, write_idle: limits.write_idle_timeout }
    }
}

impl Patience {
    /// No phase that begins now can be over before this has passed.
    pub(super) fn shortest(&self) -> Duration {
        self.header.min(self.idle).min(self.write_idle)
    }

    /// The patience of a server that stops: who has begun a request may send the rest of its headers within `header`.
    pub(super) fn with_header(self, header: Duration) -> Self {
        Self { header, ..self }
    }
}

/// What is to be done with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing before this moment; then ask again.
    Wait(Instant),
    /// It has been idle long enough: close it in order.
    Close,
    /// The client holds it for nothing: end it, for this reason.
    Cut(&'static str),
}

/// The phase of one connection.
pub(super) struct Activity(Mutex<Phase>);

struct Phase {
    /// When the connection was accepted, or the last response ended.
    quiet_since: Instant,
    /// When the first byte came since then.
    head_since: Option<Instant>,
    /// Since when the socket takes no bytes.
    blocked_since: Option<Instant>,
    /// No request has come yet.
    fresh: bool,
    /// Requests whose response is not over.
    requests: usize,
    http2: bool,
    /// Chunks of responses (HTTP/2) that the client hasn't made room for, and when the newest of these was given.
    untaken: usize,
    untaken_since: Instant,
    /// The body of the last request was not read to its end.
    body_left: bool,
}

impl Activity {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self(Mutex::new(Phase {
            quiet_since: now,
            head_since: None,
            blocked_since: None,
            fresh: true,
            requests: 0,
            http2: false,
            untaken: 0,
            untaken_since: now,
            body_left: false,
        }))
    }

    /// The greeting is over (TLS, the PROXY protocol): what comes now is HTTP.
    pub(super) fn greeted(&self) {
        let mut phase = self.0.lock();
        phase.quiet_since = Instant::now();
        phase.head_since = None;
    }

    /// Bytes have come.
    pub(super) fn received(&self) {
        let mut phase = self.0.lock();
        if phase.requests == 0 && phase.head_since.is_none() {
            phase.head_since = Some(Instant::now());
        }
    }

    /// The socket took bytes, or would not.
    pub(super) fn sent(&self, taken: bool) {
        let mut phase = self.0.lock();
        if taken {
            phase.blocked_since = None;
        } else if phase.blocked_since.is_none() {
            phase.blocked_since = Some(Instant::now());
        }
    }

    /// The headers of a request are complete.
    pub(super) fn request_began(&self, http2: bool) {
        let mut phase = self.0.lock();
        phase.requests += 1;
        phase.http2 = http2;
        phase.fresh = false;
        phase.head_since = None;
        phase.body_left = false;
    }

    /// Its response is over, whole or not.
    pub(super) fn request_ended(&self) {
        let mut phase = self.0.lock();
        phase.requests -= 1;
        if phase.requests == 0 {
            phase.quiet_since = Instant::now();
        }
    }

    /// A request's body was given up before its end.
    pub(super) fn body_left(&self) {
        self.0.lock().body_left = true;
    }

    /// What was left of it has been read all the same.
    pub(super) fn body_read(&self) {
        self.0.lock().body_left = false;
    }

    /// Whether the body of the present request (HTTP/1) has been given up.
    pub(super) fn has_body_left(&self) -> bool {
        self.0.lock().body_left
    }

    /// A chunk of a response waits for room at the client.
    pub(super) fn chunk_given(&self) {
        let mut phase = self.0.lock();
        phase.untaken += 1;
        phase.untaken_since = Instant::now();
    }

    /// There was room for it, or its stream has ended.
    pub(super) fn chunk_taken(&self) {
        self.0.lock().untaken -= 1;
    }

    /// Whether bytes of a request may be on their way that nobody will read (HTTP/1; HTTP/2 has its own ways).
    pub(super) fn leaves_bytes(&self) -> bool {
        let phase = self.0.lock();
        !phase.http2 && (phase.body_left || phase.head_since.is_some())
    }

    pub(super) fn verdict(&self, now: Instant, patience: &Patience) -> Verdict {
        let phase = self.0.lock();
        // Over HTTP/2 there may be answers to frames that ask for nothing, which a client that sends them without a pause leaves no turn to be written.
        let owes = !phase.http2 || phase.requests > 0 || phase.untaken > 0;
        let (end, verdict) = if let Some(since) = phase.blocked_since.filter(|_| owes) {
            (since + patience.write_idle, Verdict::Cut("the client takes no bytes"))
        } else if phase.untaken > 0 {
            (phase.untaken_since + patience.write_idle, Verdict::Cut("the client takes nothing of its responses"))
        } else if phase.requests > 0 {
            return Verdict::Wait(now + patience.shortest());
        } else if phase.fresh || (phase.head_since.is_some() && !phase.http2) {
            let since = phase.head_since.unwrap_or(phase.quiet_since);
            (since + patience.header, Verdict::Cut("no whole request came in time"))
        } else {
            (phase.quiet_since + patience.idle, Verdict::Close)
        };
        // The phase may change unseen meanwhile, into a shorter one at worst.
        if now < end { Verdict::Wait(end.min(now + patience.shortest())) } else { verdict }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        header: Duration::from_secs(15),
        idle: Duration::from_secs(120),
        write_idle: Duration::from_secs(60),
    };

    /// Seconds after which the connection is not waited for any more, and how it ends.
    fn end(activity: &Activity) -> Option<(u64, Verdict)> {
        let start = Instant::now();
        let mut now = start;
        // Longer than any limit: who waits still then waits for ever.
        while now < start + Duration::from_secs(1000) {
            match activity.verdict(now, &PATIENCE) {
                Verdict::Wait(until) => {
                    assert!(now < until && until <= now + PATIENCE.shortest());
                    now = until;
                }
                over => return Some(((now - start).as_secs_f64().round() as u64, over)),
            }
        }
        None
    }

    fn cut(seconds: u64, end: Option<(u64, Verdict)>) -> bool {
        matches!(end, Some((at, Verdict::Cut(_))) if at == seconds)
    }

    #[test]
    fn a_connection_has_the_header_timeout_for_its_first_request() {
        let activity = Activity::new();
        assert!(cut(15, end(&activity)));
        activity.received();
        assert!(cut(15, end(&activity)));
    }

    #[test]
    fn a_connection_is_kept_for_the_next_request_and_closed_in_order() {
        for http2 in [false, true] {
            let activity = Activity::new();
            activity.received();
            activity.request_began(http2);
            activity.request_ended();
            assert_eq!(end(&activity), Some((120, Verdict::Close)));
        }
    }

    #[test]
    fn half_a_second_request_has_the_header_timeout() {
        let activity = Activity::new();
        activity.request_began(false);
        activity.request_ended();
        activity.received();
        assert!(cut(15, end(&activity)));
    }

    #[test]
    fn a_request_may_take_the_server_as_long_as_it_takes() {
        let activity = Activity::new();
        activity.received();
        activity.request_began(false);
        activity.received();
        assert_eq!(end(&activity), None);
    }

    #[test]
    fn a_client_that_takes_no_bytes_is_cut() {
        let activity = Activity::new();
        activity.request_began(false);
        activity.sent(false);
        assert!(cut(60, end(&activity)));
        activity.sent(true);
        assert_eq!(end(&activity), None);
        // The end of a response is still on its way when its body is over.
        activity.sent(false);
        activity.request_ended();
        assert!(cut(60, end(&activity)));
    }

    #[test]
    fn an_http2_client_that_opens_no_window_is_cut() {
        let activity = Activity::new();
        activity.request_began(true);
        activity.chunk_given();
        activity.sent(true);
        assert!(cut(60, end(&activity)));
        activity.chunk_taken();
        assert_eq!(end(&activity), None);
    }
}
