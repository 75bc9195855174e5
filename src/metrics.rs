//! What programs that watch may count: `/metrics` in the text form of Prometheus (version 0.0.4), at an address of its own.
//!
//! Counts are of this server since it started; what is of the site (locks, jobs) is asked of the database at each look. No name of a person, a
//! share or a file is in it.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use http::header::{ALLOW, AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use http::{Method, Request, StatusCode};
use hyper::service::Service;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::app::App;
use crate::db::DbError;
use crate::net::{Counts, RequestBody};
use crate::reply::{self, Reply};
use crate::{jobs, locks};

/// The verbs that are told apart.
const VERBS: [&str; 21] = [
    "GET",
    "HEAD",
    "PUT",
    "PATCH",
    "POST",
    "DELETE",
    "OPTIONS",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "REPORT",
    "ACL",
    "SEARCH",
    "VERSION-CONTROL",
    "MKCALENDAR",
    "TRACE",
    "other",
];
/// Statuses that are told apart; one between them counts as the first of its hundred.
const STATUSES: [u16; 31] = [
    200, 201, 204, 206, 207, 300, 302, 304, 308, 400, 401, 403, 404, 405, 408, 409, 411, 412, 413, 415, 416, 423, 424,
    429, 431, 500, 501, 502, 503, 507, 100,
];
/// Upper bounds of the times to an answer, in milliseconds.
const BOUNDS_MS: [u64; 11] = [1, 2, 5, 10, 25, 50, 100, 250, 1000, 5000, 30_000];
/// What the text is.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The counts of answers.
pub struct Metrics {
    answers: [[AtomicU64; STATUSES.len()]; VERBS.len()],
    /// By verb: answers within each bound and no lower one, those beyond all, and microseconds of all.
    times: [[AtomicU64; BOUNDS_MS.len() + 2]; VERBS.len()],
    wrong_logins: AtomicU64,
    slowed_logins: AtomicU64,
    /// Of connections.
    pub net: Arc<Counts>,
}

impl Default for Metrics {
    fn default() -> Self {
        let zeros = || std::array::from_fn(|_| AtomicU64::new(0));
        Self {
            answers: std::array::from_fn(|_| zeros()),
            times: std::array::from_fn(|_| std::array::from_fn(|_| AtomicU64::new(0))),
            wrong_logins: AtomicU64::new(0),
            slowed_logins: AtomicU64::new(0),
            net: Arc::default(),
        }
    }
}

impl Metrics {
    /// An answer to a request, and how long it took to begin.
    pub fn answered(&self, method: &str, status: StatusCode, took: Duration) {
        let verb = VERBS.iter().position(|verb| *verb == method).unwrap_or(VERBS.len() - 1);
        let near = |wanted: u16| STATUSES.iter().position(|known| *known == wanted);
        let status = near(status.as_u16()).or_else(|| near(status.as_u16() / 100 * 100)).unwrap_or(STATUSES.len() - 1);
        self.answers[verb][status].fetch_add(1, Relaxed);
        let bound = BOUNDS_MS.iter().position(|bound| took <= Duration::from_millis(*bound)).unwrap_or(BOUNDS_MS.len());
        let times = &self.times[verb];
        times[bound].fetch_add(1, Relaxed);
        times[BOUNDS_MS.len() + 1].fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    /// A password or token that let nobody in.
    pub fn login_was_wrong(&self) {
        self.wrong_logins.fetch_add(1, Relaxed);
    }

    /// A password that was not looked at, for there had been too many.
    pub fn login_was_slowed(&self) {
        self.slowed_logins.fetch_add(1, Relaxed);
    }

    fn requests(&self, text: &mut Text) {
        text.about("requests_total", "counter", "Answers by verb and status.");
        for (verb, row) in VERBS.iter().zip(&self.answers) {
            for (status, count) in STATUSES.iter().zip(row) {
                let count = count.load(Relaxed);
                if count > 0 {
                    text.line("requests_total", &format!("{{verb=\"{verb}\",status=\"{status}\"}}"), count);
                }
            }
        }
        text.about("request_seconds", "histogram", "Time from a request's headers to the begin of its answer.");
        for (verb, times) in VERBS.iter().zip(&self.times) {
            let (counts, micros) = times.split_at(BOUNDS_MS.len() + 1);
            let total: u64 = counts.iter().map(|count| count.load(Relaxed)).sum();
            if total == 0 {
                continue;
            }
            let mut sum = 0;
            for (bound, count) in BOUNDS_MS.iter().zip(counts) {
                sum += count.load(Relaxed);
                let bound = Duration::from_millis(*bound).as_secs_f64();
                text.line("request_seconds_bucket", &format!("{{verb=\"{verb}\",le=\"{bound}\"}}"), sum);
            }
            text.line("request_seconds_bucket", &format!("{{verb=\"{verb}\",le=\"+Inf\"}}"), total);
            let seconds = Duration::from_micros(micros[0].load(Relaxed)).as_secs_f64();
            text.line("request_seconds_sum", &format!("{{verb=\"{verb}\"}}"), seconds);
            text.line("request_seconds_count", &format!("{{verb=\"{verb}\"}}"), total);
        }
        text.about("logins_refused_total", "counter", "Logins that let nobody in, and those that were not looked at.");
        text.line("logins_refused_total", "{why=\"wrong\"}", self.wrong_logins.load(Relaxed));
        text.line("logins_refused_total", "{why=\"slowed\"}", self.slowed_logins.load(Relaxed));
    }

    fn connections(&self, text: &mut Text) {
        let net = &self.net;
        for (name, kind, help, value) in [
            ("connections", "gauge", "Connections that are open.", net.open()),
            ("connections_total", "counter", "Connections that were taken.", net.accepted()),
            ("connections_refused_total", "counter", "Those for which there was no room.", net.refused()),
            ("connections_cut_total", "counter", "Those that held on to nothing.", net.cut()),
            ("greetings_failed_total", "counter", "Those without TLS or PROXY header in time.", net.failed_greetings()),
        ] {
            text.about(name, kind, help);
            text.line(name, "", value);
        }
    }
}

/// Lines in the form that Prometheus reads.
struct Text(String);

impl Text {
    fn about(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP commonhold_{name} {help}\n# TYPE commonhold_{name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.0, "commonhold_{name}{labels} {value}");
    }
}

/// Everything, as it is now.
async fn page(app: &App) -> String {
    let mut text = Text(String::with_capacity(16 * 1024));
    text.about("info", "gauge", "Which version runs.");
    text.line("info", &format!("{{version=\"{}\"}}", env!("CARGO_PKG_VERSION")), 1);
    app.metrics.requests(&mut text);
    app.metrics.connections(&mut text);
    let groups = app.db.commits();
    text.about("commits_total", "counter", "Commits of this server.");
    text.line("commits_total", "", groups.commits);
    text.about("changes_total", "counter", "Changes in these commits: one commit is shared by those at the same time.");
    text.line("changes_total", "", groups.jobs);
    if let Ok(free) = app.blobs.free_bytes() {
        text.about("disk_free_bytes", "gauge", "Free bytes where contents are.");
        text.line("disk_free_bytes", "", free);
    }
    let of_the_site = of_the_site(app, &mut text).await;
    text.about("database_up", "gauge", "Whether the database has answered.");
    text.line("database_up", "", u8::from(of_the_site.is_ok()));
    text.0
}

async fn of_the_site(app: &App, text: &mut Text) -> Result<(), DbError> {
    let mut reads = app.db.read().await?;
    let held = locks::count(&mut reads).await?;
    text.about("locks", "gauge", "Locks of the site.");
    text.line("locks", "", held);
    let standings = jobs::standings(&mut reads).await?;
    text.about("job_ended_timestamp_seconds", "gauge", "When a job last ended.");
    let rows = || standings.iter().filter_map(|standing| Some((standing.job.name(), standing.row.as_ref()?)));
    for (name, row) in rows() {
        if let Some(ended) = row.ended {
            text.line("job_ended_timestamp_seconds", &format!("{{job=\"{name}\"}}"), ended.unix_s());
        }
    }
    text.about("job_failed", "gauge", "Whether its last run failed.");
    for (name, row) in rows() {
        text.line("job_failed", &format!("{{job=\"{name}\"}}"), u8::from(row.failed));
    }
    Ok(())
}

/// Answers `/metrics`, to whoever has the token if there is one.
#[derive(Clone)]
pub struct Counting {
    app: Arc<App>,
    token: Option<Arc<str>>,
}

impl Counting {
    /// With the token that is asked for, if one is.
    pub fn new(app: Arc<App>, token: Option<Arc<str>>) -> Self {
        Self { app, token }
    }

    /// Compared by its hash, so that the time tells nothing.
    fn may(&self, request: &Request<RequestBody>) -> bool {
        let Some(token) = &self.token else { return true };
        let given = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let hash = |text: &str| Sha256::digest(text.trim().as_bytes());
        given.is_some_and(|given| bool::from(hash(given).ct_eq(&hash(token))))
    }
}

impl Service<Request<RequestBody>> for Counting {
    type Response = Reply;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, Infallible>> + Send>>;

    fn call(&self, request: Request<RequestBody>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            Ok(match (request.method(), request.uri().path()) {
                _ if !this.may(&request) => {
                    // RFC 9110 section 15.5.2 wants it told how to log in; RFC 6750 section 3 says so.
                    let mut reply = reply::empty(StatusCode::UNAUTHORIZED);
                    reply.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                    reply
                }
                (&Method::GET, "/metrics") => reply::bytes(StatusCode::OK, CONTENT_TYPE, page(&this.app).await),
                (_, "/metrics") => {
                    let mut reply = reply::empty(StatusCode::METHOD_NOT_ALLOWED);
                    reply.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
                    reply
                }
                _ => reply::empty(StatusCode::NOT_FOUND),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_verb_and_status_and_every_bound_holds_those_below() {
        let metrics = Metrics::default();
        for (verb, status, ms) in [("PUT", 201, 3), ("PUT", 201, 70), ("PUT", 226, 60_000), ("BREW", 418, 1)] {
            metrics.answered(verb, StatusCode::from_u16(status).unwrap(), Duration::from_millis(ms));
        }
        let mut text = Text(String::new());
        metrics.requests(&mut text);
        for line in [
            "commonhold_requests_total{verb=\"PUT\",status=\"201\"} 2",
            "commonhold_requests_total{verb=\"PUT\",status=\"200\"} 1",
            "commonhold_requests_total{verb=\"other\",status=\"400\"} 1",
            "commonhold_request_seconds_bucket{verb=\"PUT\",le=\"0.002\"} 0",
            "commonhold_request_seconds_bucket{verb=\"PUT\",le=\"0.005\"} 1",
            "commonhold_request_seconds_bucket{verb=\"PUT\",le=\"0.1\"} 2",
            "commonhold_request_seconds_bucket{verb=\"PUT\",le=\"+Inf\"} 3",
            "commonhold_request_seconds_sum{verb=\"PUT\"} 60.073",
        ] {
            assert!(text.0.lines().any(|found| found == line), "{line}\n{}", text.0);
        }
    }
}
