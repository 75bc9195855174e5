//! Office URLs: the tree below one folder under `/t/TOKEN/`, for whoever holds the token, so that Office opens a document without asking for a login.
//!
//! The path below the token is the one below `/dav/`. Every verb is decided by the same guard, for the token's person through its device, kept to the
//! token's folder ([`Fence`]) and, if it says so, to reading. The folder is that of the document and not the document alone: Office looks at it before it opens
//! (OPTIONS, HEAD, PROPFIND), LibreOffice before it saves, and editors save through temporary files beside the document.

use std::sync::Arc;

use http::header::{HeaderName, HeaderValue, REFERER, REFERRER_POLICY};
use http::request::Parts;
use http::{Method, StatusCode, Uri};

use super::door::Door;
use crate::app::App;
use crate::auth::AuthError;
use crate::auth::office_url::Bearer;
use crate::dav::{self, Exchange};
use crate::error::HttpError;
use crate::guard::{Caller, Fence, Place};
use crate::net::{PeerAddr, RequestBody};
use crate::path::{RelPath, windows};
use crate::reply::{self, Reply};
use crate::trail::Trace;

/// Where such URLs are. No dot in it: Office opens read-only below one.
pub const PREFIX: &str = "/t/";
/// What stands for the token where a URL is told.
const UNTOLD: &str = "-";
/// Segments of a path that aren't the tree's.
const ABOVE: usize = 2;

/// What Office and editors need. Lists of entries, reports and histories are asked for with a login.
const VERBS: &str = "OPTIONS, GET, HEAD, PROPFIND, PUT, LOCK, UNLOCK, PROPPATCH, DELETE, MOVE, COPY, MKCOL";
/// Those that change nothing.
const READING_VERBS: [&str; 3] = ["GET", "HEAD", "PROPFIND"];

/// Whether the path is of such a URL.
pub fn is_at(path: &str) -> bool {
    path.starts_with(PREFIX) || path == PREFIX.trim_end_matches('/')
}

/// The token in the path of such a URL, whatever it is.
fn token(path: &str) -> &str {
    let below = path.strip_prefix(PREFIX).unwrap_or_default();
    below.split_once('/').map_or(below, |(token, _)| token)
}

/// What may be told of a URL whose path has a token; `None` for any other.
pub fn without_token(path: &str) -> Option<Uri> {
    if !is_at(path) {
        return None;
    }
    let rest = path.strip_prefix(PREFIX).and_then(|below| below.find('/').map(|at| &below[at..]));
    let told = format!("{PREFIX}{UNTOLD}{}", rest.unwrap_or_default());
    Some(Uri::try_from(told).unwrap_or_else(|_| Uri::from_static("/t/-")))
}

/// Nobody to whom a document links is told the URL.
pub fn seal(reply: &mut Reply) {
    let headers = reply.headers_mut();
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex"));
}

/// Answers a request by such a URL.
///
/// Errors: 403 when its time is over, outside of its folder, and for a change by one that is for reading; 404 for a token that is none, 429 for many
/// of them; 405 for a verb that needs a login; otherwise those of the verb.
pub async fn answer(
    app: Arc<App>,
    trace: Arc<Trace>,
    (mut head, body): (Parts, RequestBody),
) -> Result<Reply, HttpError> {
    // As at the other roots, without a look at anything: Office and Windows ask on the folders above as well.
    if head.method == Method::OPTIONS {
        let mut reply = reply::empty(StatusCode::OK);
        dav::compliance(reply.headers_mut(), HeaderValue::from_static(VERBS));
        return Ok(reply);
    }
    let caller = bearer(&app, &trace, &head).await?;
    if !VERBS.split(", ").any(|verb| verb == head.method) {
        return Err(HttpError::takes_only(VERBS, "This needs a login, below `/dav/`."));
    }
    let is_reading = caller.fence.is_some_and(|fence| fence.reading);
    if is_reading && !READING_VERBS.contains(&head.method.as_str()) {
        return Err(HttpError::new(StatusCode::FORBIDDEN, "This URL is for reading only."));
    }
    let door = Door::of(head.uri.path(), ABOVE, dav::PREFIX);
    let path = door.enter(&mut head)?;
    let path = if windows::asks(&head.headers) { path.meant_by_windows().map_err(HttpError::from)? } else { path };
    // From here on nothing knows the token.
    head.uri = Uri::try_from(path.to_href(dav::PREFIX, path.trailing_slash())).map_err(|_| HttpError::not_found())?;
    head.headers.remove(REFERER);
    trace.leads_to(&path, &head);
    confirm_inside(&app, &caller, &path).await?;
    let method = head.method.clone();
    let x = Exchange { app, caller, now: trace.at, head, path, trace };
    match dav::handle(x, body).await {
        Ok(reply) => Ok(door.leave(&method, reply)),
        Err(error) => Err(door.leave_refused(error)),
    }
}

/// Who holds the token, and is let in by it. Errors: 403, 404, 429, 503.
async fn bearer(app: &App, trace: &Arc<Trace>, head: &Parts) -> Result<Caller, HttpError> {
    let watched = app.trail.watch_login(trace, None);
    let found = app.auth.by_office_url(&app.db, token(head.uri.path()), PeerAddr::of(head).ip(), trace.at).await;
    let Bearer { login, purpose, is_good } = match found {
        Ok(bearer) => {
            watched.is_over();
            bearer
        }
        Err(AuthError::Throttled { retry_after_s }) => {
            app.metrics.login_was_slowed();
            watched.failed(StatusCode::TOO_MANY_REQUESTS);
            let error =
                HttpError::new(StatusCode::TOO_MANY_REQUESTS, "Too many wrong URLs. Please wait before the next try.");
            return Err(HttpError { retry_after_s: Some(retry_after_s), ..error });
        }
        Err(AuthError::Wrong | AuthError::Missing | AuthError::Busy) => {
            app.metrics.login_was_wrong();
            watched.failed(StatusCode::NOT_FOUND);
            return Err(HttpError::not_found());
        }
        Err(AuthError::Db(error)) => {
            watched.is_over();
            return Err(error.into());
        }
    };
    let fence = Fence { share: purpose.share, folder: purpose.folder, reading: purpose.reading };
    let caller = Caller { channel: login.how.channel(), user: login.user, fence: Some(fence) };
    trace.by(&caller, &login.how);
    if !is_good {
        let text = "The time of this URL is over, or it was revoked. Ask for another one.";
        return Err(HttpError::new(StatusCode::FORBIDDEN, text));
    }
    if login.fresh {
        app.trail.logged_in(trace);
    }
    Ok(caller)
}

/// The courtesy of saying so: the fence shows nothing outside to any verb. Errors: 403, whatever is there.
async fn confirm_inside(app: &App, caller: &Caller, path: &RelPath) -> Result<(), HttpError> {
    let access = app.guard.access(&app.db, caller).await?;
    if let Place::In(reached, names) = access.place(path) {
        let located = app.tree.locate(&app.db, reached.share.id, reached.share.root, names).await?;
        if reached.holds(located.chain()) {
            return Ok(());
        }
    }
    Err(HttpError::new(StatusCode::FORBIDDEN, "This URL is for the documents of one folder, and this isn't in it."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_is_found_and_never_told() {
        for (path, found, told) in [
            ("/t/abc/Projects/a%20b.docx", "abc", "/t/-/Projects/a%20b.docx"),
            ("/t/abc", "abc", "/t/-"),
            ("/t/abc/", "abc", "/t/-/"),
            ("/t/", "", "/t/-"),
            ("/t", "", "/t/-"),
        ] {
            assert!(is_at(path));
            assert_eq!((token(path), without_token(path).unwrap().path()), (found, told), "{path}");
        }
        for other in ["/", "/tt/abc", "/dav/t/abc", "/try"] {
            assert!(!is_at(other) && without_token(other).is_none(), "{other}");
        }
    }

    proptest! {
        #[test]
        fn whatever_stands_for_a_token_is_not_told(secret in "[0-9a-z]{32}", rest in "(/[a-zA-Z%0-9.]{0,8}){0,4}") {
            let told = without_token(&format!("/t/{secret}{rest}")).unwrap();
            prop_assert!(!told.to_string().contains(&secret));
        }

        #[test]
        fn no_path_panics(path in "/t(/\\PC{0,8}){0,4}") {
            let _ = (token(&path), without_token(&path));
        }
    }
}
