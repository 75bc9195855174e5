//! Office URLs: the tree below one folder under `/t/TOKEN/`, for whoever holds the token, so that Office opens a document without asking for a login.
//!
//! The path below the token is the one below `/dav/`. Every verb is decided by the same guard, for the token's person through its device, kept to the
//! token's folder ([`crate::guard::Fence`]) and, if it says so, to reading. The folder is that of the document and not the document alone: Office looks at it before it opens
//! (OPTIONS, HEAD, PROPFIND), LibreOffice before it saves, and editors save through temporary files beside the document.

use std::sync::Arc;

use http::header::{HeaderName, HeaderValue, REFERER, REFERRER_POLICY};
use http::request::Parts;
use http::{StatusCode, Uri};

use super::door::Door;
use crate::app::App;
use crate::dav::{self, Exchange};
use crate::error::HttpError;
use crate::guard::{Caller, Place};
use crate::net::RequestBody;
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
const READING_VERBS: &str = "OPTIONS, GET, HEAD, PROPFIND";

/// Whether the path is of such a URL.
pub fn is_at(path: &str) -> bool {
    path.starts_with(PREFIX) || path == PREFIX.trim_end_matches('/')
}

/// The token in the path of such a URL, whatever it is.
pub fn token(path: &str) -> &str {
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

/// OPTIONS, the same for everybody, without a look at the token: Office and Windows ask on the folders above as well.
pub fn open_options() -> Reply {
    let mut reply = reply::empty(StatusCode::OK);
    dav::compliance(reply.headers_mut(), HeaderValue::from_static(VERBS));
    reply
}

/// Answers a request by such a URL, of whoever has let in its token.
///
/// Errors: 403 outside of its folder, whatever is there, and for a change by one that is for reading; 405 for a verb that needs a login; otherwise those
/// of the verb.
pub async fn answer(
    app: Arc<App>,
    trace: Arc<Trace>,
    caller: Caller,
    (mut head, body): (Parts, RequestBody),
) -> Result<Reply, HttpError> {
    let verbs = if caller.fence.is_some_and(|fence| fence.reading) { READING_VERBS } else { VERBS };
    let is_of = |verbs: &str| verbs.split(", ").any(|verb| verb == head.method);
    if !is_of(VERBS) {
        return Err(HttpError::takes_only(verbs, "This needs a login, below `/dav/`."));
    }
    if !is_of(verbs) {
        return Err(HttpError::new(StatusCode::FORBIDDEN, "This URL is for reading only."));
    }
    let door = Door::of(head.uri.path(), ABOVE, dav::PREFIX);
    let path = door.enter(&mut head)?;
    let path = if windows::asks(&head.headers) { path.meant_by_windows().map_err(HttpError::from)? } else { path };
    // From here on nothing knows the token.
    head.uri = Uri::try_from(path.to_href(dav::PREFIX, path.trailing_slash())).map_err(|_| HttpError::not_found())?;
    head.headers.remove(REFERER);
    trace.leads_to(&path, &head);
    let (method, asked) = (head.method.clone(), (Arc::clone(&app), caller.clone(), path.clone()));
    match dav::handle(Exchange { app, caller, now: trace.at, head, path, trace }, body).await {
        Ok(reply) => Ok(door.leave(&method, reply)),
        Err(error) if error.status.is_server_error() => Err(error),
        Err(error) => {
            let (app, caller, path) = asked;
            confirm_inside(&app, &caller, &path).await?;
            let error = HttpError { allow: error.allow.or(Some(verbs)), ..error };
            Err(door.leave_refused(error))
        }
    }
}

/// What is outside is there for no verb. This says so, instead of what the verb made of it. Errors: 403.
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
