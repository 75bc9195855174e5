//! From a request to the surface that answers it: who asks (`auth`), where (the path), and every error's answer.
//!
//! `/dav/` is the tree, `/principals/` people and groups, `/versions/` what files were, `/tus/` uploads that can be resumed. `/` and `*` answer OPTIONS and PROPFIND too, because Windows and Office walk there from the root;
//! `/t/` is the tree below one folder for who has an Office URL; `/health` is for whoever watches the server, `/connect` for people who don't know yet how to open their shares.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use http::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, LOCATION,
    RETRY_AFTER, STRICT_TRANSPORT_SECURITY, WWW_AUTHENTICATE,
};
use http::request::Parts;
use http::uri::Authority;
use http::{Method, Request, StatusCode};
use http_body::Body as _;
use hyper::ext::ReasonPhrase;
use hyper::service::Service;
use tracing::Instrument;

use crate::app::App;
use crate::auth::{AuthError, Login};
use crate::certificates;
use crate::clock::Moment;
use crate::cloud::{self, login, login::Step, office};
use crate::connect::page as connect;
use crate::dav::{self, Exchange, PREFIX, principals, versions};
use crate::db;
use crate::error::HttpError;
use crate::guard::{Caller, Fence};
use crate::net::{PeerAddr, RequestBody, Via, WrongDoor, named_host};
use crate::path::{Prefixed, RelPath, split_prefix, windows};
use crate::reply::{self, Reply};
use crate::telemetry::RequestId;
use crate::trail::{Trace, Watched};
use crate::tus;

/// The challenge of a 401. Basic only; browsers and Windows send the password as UTF-8 then (RFC 7617 section 2.1).
const CHALLENGE: HeaderValue = HeaderValue::from_static(r#"Basic realm="Commonhold", charset="UTF-8""#);

/// Below it an authority reads that a name is ours.
const ACME_CHALLENGES: &str = "/.well-known/acme-challenge/";

/// The service that hyper calls, for every connection.
#[derive(Clone)]
pub struct Router(Arc<App>);

/// Makes the service.
pub fn service(app: Arc<App>) -> Router {
    Router(app)
}

impl Service<Request<RequestBody>> for Router {
    type Response = Reply;
    type Error = Infallible;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Reply, Infallible>> + Send>>;

    fn call(&self, request: Request<RequestBody>) -> Self::Future {
        let app = Arc::clone(&self.0);
        Box::pin(async move { Ok(db::request(answer(app, request)).await) })
    }
}

/// Answers one request, whatever happens.
async fn answer(app: Arc<App>, request: Request<RequestBody>) -> Reply {
    let (id, now) = (RequestId::fresh(), Moment::now());
    let (head, body) = request.into_parts();
    let trace = Trace::new(id, now, &head);
    let tls = head.extensions.get::<Via>().is_some_and(|via| via.tls);
    let span = tracing::debug_span!("request", %id, method = %head.method, path = trace.path_text());
    let wants_page = dav::wants_page(&head.headers);
    let resumable = tus::is_spoken(&head);
    let routed = route(Arc::clone(&app), Arc::clone(&trace), head, body);
    let routed = match AssertUnwindSafe(routed).catch_unwind().instrument(span.clone()).await {
        Ok(routed) => routed,
        Err(_) => {
            tracing::error!(%id, "a handler panicked");
            Err(HttpError::internal())
        }
    };
    app.trail.answered(&trace, routed.as_ref());
    let mut reply = routed.unwrap_or_else(|error| refused(&error, wants_page));
    if resumable {
        tus::answered(&mut reply);
    }
    span.in_scope(|| {
        if reply.status().is_server_error() {
            tracing::warn!(%id, status = reply.status().as_u16(), "answered with an error");
        } else {
            tracing::debug!(status = reply.status().as_u16(), "answered");
        }
    });
    app.metrics.answered(trace.method(), reply.status(), trace.begun.elapsed());
    if let Some(log) = &app.access_log {
        let bytes = reply.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        log.answered(&trace, reply.status().as_u16(), bytes.or_else(|| reply.body().size_hint().exact()));
    }
    let value = HeaderValue::try_from(id.to_string()).expect("a request id is ASCII");
    reply.headers_mut().insert(HeaderName::from_static("x-request-id"), value);
    if office::is_at(trace.path_text()) {
        office::seal(&mut reply);
    }
    // Over TLS only: over plain HTTP anybody could have put it in (RFC 6797 section 7.2).
    if tls && let Some(seconds) = app.secure.and_then(|secure| secure.only_for_s) {
        let value = HeaderValue::try_from(format!("max-age={seconds}")).expect("digits are ASCII");
        reply.headers_mut().insert(STRICT_TRANSPORT_SECURITY, value);
    }
    reply
}

/// An error as an answer.
fn refused(error: &HttpError, wants_page: bool) -> Reply {
    let mut reply = if !error.blockers.is_empty() {
        reply::bytes(StatusCode::MULTI_STATUS, "application/xml; charset=utf-8", dav::blockers_body(error))
    } else if wants_page {
        let mut reply = reply::bytes(error.status, "text/html; charset=utf-8", dav::error_page(error));
        let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");
        reply.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
        reply
    } else {
        reply::bytes(error.status, "application/xml; charset=utf-8", dav::error_body(error))
    };
    if let Some(reason) = reason(error) {
        reply.extensions_mut().insert(reason);
    }
    let headers = reply.headers_mut();
    // Windows remembers a 404 for a minute, whatever the case of the letters.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = error.retry_after_s {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    if error.status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, CHALLENGE);
    }
    if error.status == StatusCode::METHOD_NOT_ALLOWED {
        let allow = error.allow.unwrap_or(dav::ALLOW_INSTEAD);
        headers.insert(ALLOW, HeaderValue::from_static(allow));
    }
    reply
}

/// The status line of 423 says who holds the lock: gvfs shows a person nothing else of an answer.
fn reason(error: &HttpError) -> Option<ReasonPhrase> {
    let is_told = error.status == StatusCode::LOCKED && error.blockers.is_empty() && error.text.is_ascii();
    ReasonPhrase::try_from(error.text.as_bytes()).ok().filter(|_| is_told)
}

async fn route(app: Arc<App>, trace: Arc<Trace>, head: Parts, body: RequestBody) -> Result<Reply, HttpError> {
    let path = head.uri.path();
    if head.extensions.get::<WrongDoor>().is_some() {
        return Box::pin(at_wrong_door(&app, &head)).await;
    }
    if path == "/health" {
        return Box::pin(health(&app)).await;
    }
    if let Some(is_mine) = connect::is_at(path) {
        if !is_mine {
            return connect::open(&app, &head);
        }
        let caller = log_in(&app, &trace, &head).await?;
        return Box::pin(connect::mine(&app, &head, &caller)).await;
    }
    if office::is_at(path) {
        if head.method == Method::OPTIONS {
            return Ok(office::open_options());
        }
        let caller = log_in_by_url(&app, &trace, &head).await?;
        return Box::pin(office::answer(app, trace, caller, (head, body))).await;
    }
    if let Some(place) = cloud::place(path) {
        if let cloud::Place::Login(step) = &place {
            return Box::pin(log_client_in(&app, &trace, step, (head, body))).await;
        }
        if place.is_open(&head) {
            return Ok(cloud::open(&place, &app.config.limits));
        }
        let caller = log_in(&app, &trace, &head).await?;
        return Box::pin(cloud::answer(app, trace, caller, place, (head, body))).await;
    }
    if let Some(id) = tus::id(path) {
        if head.method == Method::OPTIONS {
            return Ok(tus::open_options(&app.config.limits));
        }
        let id = id.to_owned();
        let caller = log_in(&app, &trace, &head).await?;
        let x = Exchange { app, caller, now: trace.at, head, path: RelPath::root(), trace };
        return Box::pin(tus::answer(x, &id, body)).await;
    }
    let at_top = matches!(path, "/" | "*");
    let place = split_prefix(path, PREFIX);
    let anonymous = !head.headers.contains_key(AUTHORIZATION);
    let below_principals = match split_prefix(path, principals::PREFIX) {
        Prefixed::Root | Prefixed::Redirect => Some(String::new()),
        Prefixed::Below(below) => Some(below.to_owned()),
        Prefixed::Outside => None,
    };
    if let Some(below) = below_principals {
        if head.method == Method::OPTIONS && anonymous {
            return Ok(principals::open_options());
        }
        let caller = log_in(&app, &trace, &head).await?;
        let visit = principals::Visit { app, caller, head };
        return Box::pin(principals::handle(visit, &below, body)).await;
    }
    if let Prefixed::Below(below) = split_prefix(path, versions::PREFIX) {
        let below = below.to_owned();
        if head.method == Method::OPTIONS && anonymous {
            return Ok(versions::open_options());
        }
        let caller = log_in(&app, &trace, &head).await?;
        let visit = versions::Visit { app, caller, head, trace };
        return Box::pin(versions::handle(visit, &below, body)).await;
    }
    if matches!(place, Prefixed::Outside) && !at_top {
        return Err(HttpError::not_found());
    }
    if head.method == Method::OPTIONS && (anonymous || at_top) {
        let mut reply = reply::empty(StatusCode::OK);
        dav::compliance(reply.headers_mut(), HeaderValue::from_static(dav::ALLOW_ANY));
        tus::announce(reply.headers_mut(), &app.config.limits);
        return Ok(reply);
    }
    let is_read = matches!(head.method, Method::GET | Method::HEAD);
    if is_read && (at_top || matches!(place, Prefixed::Redirect)) {
        let mut reply = reply::empty(StatusCode::FOUND);
        reply.headers_mut().insert(LOCATION, HeaderValue::from_static(PREFIX));
        return Ok(reply);
    }
    let caller = log_in(&app, &trace, &head).await?;
    if at_top {
        return match head.method.as_str() {
            "PROPFIND" => Box::pin(dav::propfind_top(&head, &caller, body)).await,
            _ => Err(HttpError::takes_only("OPTIONS, GET, HEAD, PROPFIND", "The shares are below `/dav/`.")),
        };
    }
    let path = match place {
        Prefixed::Below(raw) => RelPath::parse_request_target(raw).map_err(HttpError::from)?,
        Prefixed::Root | Prefixed::Redirect | Prefixed::Outside => RelPath::root(),
    };
    let path = if windows::asks(&head.headers) { path.meant_by_windows().map_err(HttpError::from)? } else { path };
    if tus::begins(&head) {
        return Box::pin(tus::begin(Exchange { app, caller, now: trace.at, head, path, trace }, body)).await;
    }
    trace.leads_to(&path, &head);
    dav::handle(Exchange { app, caller, now: trace.at, head, path, trace }, body).await
}

/// A step of a login on a page; the form is one like any other login, with its throttle and record.
async fn log_client_in(
    app: &Arc<App>,
    trace: &Arc<Trace>,
    step: &Step,
    (head, body): (Parts, RequestBody),
) -> Result<Reply, HttpError> {
    let (Step::Page(token), true) = (step, head.method == Method::POST) else {
        return login::answer(app, trace, step, &head, body).await;
    };
    let tried = match login::credentials(&head, body).await {
        Ok(head) => log_in(app, trace, &head).await,
        Err(error) => Err(error),
    };
    match tried {
        Ok(caller) => Ok(login::grant(app, trace, &caller, token).await?),
        Err(error) => Ok(login::again(app, trace, token, &error).await?),
    }
}

/// Who makes the request. Errors: 401, 429, 503.
async fn log_in(app: &App, trace: &Arc<Trace>, head: &Parts) -> Result<Caller, HttpError> {
    let mut credentials = head.headers.get_all(AUTHORIZATION).iter();
    let (credentials, more) = (credentials.next(), credentials.next());
    if more.is_some() {
        return Err(HttpError::bad_request("The header `Authorization` may be sent only once."));
    }
    let watched = app.trail.watch_login(trace, credentials);
    let login = app.auth.login(&app.db, credentials, PeerAddr::of(head).ip(), Moment::now()).await;
    let wrong = HttpError::new(StatusCode::UNAUTHORIZED, "Please log in with your name and an app password.");
    let_in(app, (trace, watched), login.map(|login| (login, None)), wrong)
}

/// Who makes a request by an Office URL. Errors: 403 when its time is over, 404 for a token that is none, 429, 503.
async fn log_in_by_url(app: &App, trace: &Arc<Trace>, head: &Parts) -> Result<Caller, HttpError> {
    let watched = app.trail.watch_login(trace, None);
    let token = office::token(head.uri.path());
    let bearer = app.auth.by_office_url(&app.db, token, PeerAddr::of(head).ip(), trace.at).await;
    let is_good = bearer.as_ref().is_ok_and(|bearer| bearer.is_good);
    let tried = bearer.map(|bearer| (bearer.login, Some(Fence::from(bearer.purpose))));
    let caller = let_in(app, (trace, watched), tried, HttpError::not_found())?;
    if is_good {
        return Ok(caller);
    }
    let text = "The time of this URL is over, or it was revoked. Ask for another one.";
    Err(HttpError::new(StatusCode::FORBIDDEN, text))
}

/// Lets in who has shown a credential, kept to a part of what is his if it says so. Errors: `wrong` for one that is none; 429, 503.
fn let_in(
    app: &App,
    (trace, watched): (&Arc<Trace>, Watched<'_>),
    tried: Result<(Login, Option<Fence>), AuthError>,
    wrong: HttpError,
) -> Result<Caller, HttpError> {
    match tried {
        Ok((login, fence)) => {
            watched.is_over();
            let caller = Caller { channel: login.how.channel(), user: login.user, fence };
            trace.by(&caller, &login.how);
            if login.fresh {
                app.trail.logged_in(trace);
            }
            Ok(caller)
        }
        Err(AuthError::Missing) => {
            watched.is_over();
            Err(wrong)
        }
        Err(AuthError::Wrong) => {
            app.metrics.login_was_wrong();
            watched.failed(wrong.status);
            Err(wrong)
        }
        Err(AuthError::Throttled { retry_after_s }) => {
            app.metrics.login_was_slowed();
            watched.failed(StatusCode::TOO_MANY_REQUESTS);
            let text = "Too many failed logins. Please wait before the next try.";
            let error = HttpError::new(StatusCode::TOO_MANY_REQUESTS, text);
            Err(HttpError { retry_after_s: Some(retry_after_s), ..error })
        }
        Err(AuthError::Busy) => {
            watched.is_over();
            Err(HttpError::unavailable("Too many logins at once. Please try again."))
        }
        Err(AuthError::Db(error)) => {
            watched.is_over();
            Err(error.into())
        }
    }
}

/// What is said over plain HTTP where TLS is spoken: the answer to an authority's question (RFC 8555 section 8.3), and to all else the way.
async fn at_wrong_door(app: &App, head: &Parts) -> Result<Reply, HttpError> {
    let Some(token) = head.uri.path().strip_prefix(ACME_CHALLENGES) else { return to_tls(app, head) };
    match certificates::question_with(&mut app.db.read().await?, token).await? {
        Some(question) => Ok(reply::bytes(StatusCode::OK, "application/octet-stream", question.authorization)),
        None => Err(HttpError::not_found()),
    }
}

/// The way from plain HTTP to TLS, for every verb (308 keeps it): under the first public origin, else under the name that the client used.
fn to_tls(app: &App, head: &Parts) -> Result<Reply, HttpError> {
    let public = app.config.server.public_origins.iter().find(|origin| origin.starts_with("https://"));
    let origin = match public {
        Some(origin) => origin.clone(),
        None => {
            let host = named_host(head).and_then(|host| host.parse::<Authority>().ok());
            let host = host.ok_or_else(|| HttpError::bad_request("The header `Host` is missing or malformed."))?;
            match app.secure.map_or(443, |secure| secure.port) {
                443 => format!("https://{}", host.host()),
                port => format!("https://{}:{port}", host.host()),
            }
        }
    };
    let target = match head.uri.path_and_query().map_or("/", |target| target.as_str()) {
        // Of the server as a whole: an origin without a path (RFC 9112 section 3.2.4).
        "*" => "",
        target => target,
    };
    let location = HeaderValue::try_from(format!("{origin}{target}"));
    let mut reply = reply::empty(StatusCode::PERMANENT_REDIRECT);
    reply
        .headers_mut()
        .insert(LOCATION, location.map_err(|_| HttpError::bad_request("The request target is malformed."))?);
    Ok(reply)
}

/// Whether the server can do its work: the database answers and the disk takes writes.
async fn health(app: &App) -> Result<Reply, HttpError> {
    drop(app.db.read().await?);
    if app.blobs.is_failed() {
        return Err(HttpError::unavailable("The disk has failed; the server takes no changes."));
    }
    Ok(reply::bytes(StatusCode::OK, "text/plain; charset=utf-8", "ok\n"))
}
