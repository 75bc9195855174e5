//! OPTIONS: what the server can do, and what the caller may do here (RFC 4918 section 10.1, RFC 9110 section 9.3.7,
//! RFC 3744 section 7.2).
//!
//! Before login, and for `/` and `*`, the answer is the same for everybody: Windows, Office and Finder ask there first.

use commonhold_acl::{Object, Operation, Scene};
use http::header::{ALLOW, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};

use super::{Exchange, Spot, partial};
use crate::error::HttpError;
use crate::guard::{self, Place};
use crate::reply::{self, Reply};
use crate::tus;

/// Every verb that this server knows.
pub const ALLOW_ANY: &str =
    "OPTIONS, GET, HEAD, PROPFIND, PUT, PATCH, POST, MKCOL, PROPPATCH, DELETE, COPY, MOVE, LOCK, UNLOCK, REPORT, ACL";
/// Those of a 405 in the tree: without PATCH, which a share may not take, and POST, which only begins uploads.
pub const ALLOW_INSTEAD: &str =
    "OPTIONS, GET, HEAD, PROPFIND, PUT, MKCOL, PROPPATCH, DELETE, COPY, MOVE, LOCK, UNLOCK, REPORT, ACL";

/// What is announced is what is there (RFC 4918 section 18).
const DAV_CLASSES: &str = "1, 2, 3, access-control, extended-mkcol";

/// The headers that say what kind of server this is, and `allow`.
pub fn compliance(headers: &mut HeaderMap, allow: HeaderValue) {
    headers.insert(HeaderName::from_static("dav"), HeaderValue::from_static(DAV_CLASSES));
    // Without it Office and Windows take the server for read-only.
    headers.insert(HeaderName::from_static("ms-author-via"), HeaderValue::from_static("DAV"));
    headers.insert(ALLOW, allow);
}

/// Answers a caller who has logged in: `Allow` says what he may do at this URL.
pub async fn options(x: Exchange) -> Result<Reply, HttpError> {
    let mut answer = reply::empty(StatusCode::OK);
    let (allowed, takes_parts) = allowed(&x).await?;
    compliance(answer.headers_mut(), allowed);
    if takes_parts {
        partial::announce(answer.headers_mut());
    }
    tus::announce(answer.headers_mut(), &x.app.config.limits);
    Ok(answer)
}

/// The verbs, and whether files can be saved in part there.
async fn allowed(x: &Exchange) -> Result<(HeaderValue, bool), HttpError> {
    let access = x.app.guard.access(&x.app.db, &x.caller).await?;
    if let Place::Top | Place::Others = access.place(&x.path) {
        return Ok((HeaderValue::from_static("OPTIONS, GET, HEAD, PROPFIND, REPORT"), false));
    }
    let Ok(spot) = Spot::known(&x.app, &access, &x.path).await else {
        return Ok((HeaderValue::from_static("OPTIONS"), false));
    };
    let scene = spot.scene(Scene::new(), Object::Item, Object::Parent);
    let may = |operation| guard::permit(operation, &scene).is_ok();
    let takes_parts = partial::confirm_allowed(&spot).is_ok();
    let mut verbs = vec!["OPTIONS"];
    match spot.visible() {
        Some(node) => {
            let get = if node.is_collection() { Operation::GetFolder } else { Operation::GetFile };
            let root = spot.located.is_root();
            verbs.extend(may(get).then_some("GET, HEAD"));
            verbs.push("PROPFIND, REPORT");
            let may_save = !node.is_collection() && may(Operation::PutOver);
            verbs.extend(may_save.then_some("PUT"));
            verbs.extend((may_save && takes_parts).then_some("PATCH"));
            verbs.extend(may(Operation::Proppatch).then_some("PROPPATCH"));
            let lock = if node.is_collection() { Operation::LockFolder } else { Operation::LockFile };
            verbs.extend(may(lock).then_some("LOCK"));
            verbs.push("UNLOCK");
            verbs.extend(may(Operation::Acl).then_some("ACL"));
            verbs.extend(may(get).then_some("COPY"));
            verbs.extend((!root && may(Operation::Delete)).then_some("DELETE, MOVE"));
        }
        // A name that is taken by what the caller doesn't see looks like a free one.
        None if spot.visible_parent().is_some() && may(Operation::PutNew) => {
            verbs.push("PUT, MKCOL, LOCK");
        }
        None => {}
    }
    Ok((HeaderValue::try_from(verbs.join(", ")).expect("verbs are ASCII"), takes_parts))
}
