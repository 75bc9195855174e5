//! The doors by which the clients of Nextcloud and ownCloud come in, as they are; and that of Office URLs ([`office`]).
//!
//! Here: which URL is which ([`Place`]); the same tree under their URLs ([`door`]); what they ask of a server besides ([`ocs`]); uploads in
//! pieces ([`upload`]); what files were and what was deleted; a login on a page ([`login`]). No rule of its own: everything goes through the verbs of `dav/`, by the same guard. docs/clients/nextcloud.md.

mod door;
pub mod login;
mod ocs;
pub mod office;
mod upload;

use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{Method, StatusCode};

use crate::app::App;
use crate::config::Limits;
use crate::dav::headers::{Destination, Header};
use crate::dav::versions::{self, Visit};
use crate::dav::{self, Exchange, principals, trash};
use crate::error::HttpError;
use crate::guard::Caller;
use crate::net::RequestBody;
use crate::path::{RelPath, decode_segment, encode_segment};
use crate::reply::Reply;
use crate::trail::Trace;
use crate::tus;
pub use door::Door;

/// What a URL of theirs leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// What server this is, for everybody.
    Status,
    /// Capabilities and who somebody is: the path below `/ocs/v1.php/` or `/ocs/v2.php/`, and which of them.
    Ocs {
        /// 1 or 2.
        version: u8,
        /// What is asked for.
        about: String,
    },
    /// A step of a login on a page.
    Login(login::Step),
    /// The tree, below this many segments of the path; whose it is called there, if anybody's.
    Files {
        /// Segments of the path that aren't the tree's.
        above: usize,
        /// A user's name.
        user: Option<String>,
    },
    /// What files were, below this many segments of the path.
    Versions {
        /// Segments of the path that lead there.
        above: usize,
        /// A user's name.
        user: String,
    },
    /// What was deleted, below this many segments of the path.
    Trash {
        /// Segments of the path that lead there.
        above: usize,
        /// A user's name.
        user: String,
    },
    /// Where a version is moved to that is to be the present state again, and a deleted thing that is to come back.
    Restoring {
        /// A user's name.
        user: String,
        /// Which of both.
        from_trash: bool,
    },
    /// The pieces of somebody's uploads: the segments below.
    Uploads {
        /// A user's name.
        user: String,
        /// The upload, and the piece.
        below: Vec<String>,
    },
}

/// An extension of the requests that came in by these doors.
#[derive(Debug, Clone, Copy)]
pub struct CameIn;

/// The most segments of a path that are looked at.
const SEGMENTS_MAX: usize = 8;

/// What the path of a request is, if it is one of theirs.
pub fn place(path: &str) -> Option<Place> {
    let (path, front) = match path.strip_prefix("/index.php") {
        Some(below) => (below, 1),
        None => (path, 0),
    };
    if let Some(step) = login::step(path) {
        return Some(Place::Login(step));
    }
    if path == "/status.php" {
        return Some(Place::Status);
    }
    if let Some(about) = path.strip_prefix("/ocs/v1.php/") {
        return Some(Place::Ocs { version: 1, about: about.to_owned() });
    }
    if let Some(about) = path.strip_prefix("/ocs/v2.php/") {
        return Some(Place::Ocs { version: 2, about: about.to_owned() });
    }
    let below = path.strip_prefix("/remote.php/")?;
    let segments: Vec<String> = below
        .split('/')
        .take(SEGMENTS_MAX)
        .map(|one| decode_segment(one).map(Into::into))
        .collect::<Result<_, _>>()
        .ok()?;
    match segments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["webdav", ..] => Some(Place::Files { above: front + 2, user: None }),
        ["dav", "files", user, ..] if !user.is_empty() => {
            Some(Place::Files { above: front + 4, user: Some((*user).to_owned()) })
        }
        ["dav", "versions", user, "versions", _, ..] if !user.is_empty() => {
            Some(Place::Versions { above: front + 5, user: (*user).to_owned() })
        }
        ["dav", "versions", user, "restore", _, ..] if !user.is_empty() => {
            Some(Place::Restoring { user: (*user).to_owned(), from_trash: false })
        }
        ["dav", "trashbin", user, "trash", ..] if !user.is_empty() => {
            Some(Place::Trash { above: front + 5, user: (*user).to_owned() })
        }
        ["dav", "trashbin", user, "restore", _, ..] if !user.is_empty() => {
            Some(Place::Restoring { user: (*user).to_owned(), from_trash: true })
        }
        ["dav", "uploads", user, below @ ..] if !user.is_empty() => {
            let below = below.iter().filter(|one| !one.is_empty()).map(|one| (*one).to_owned()).collect();
            Some(Place::Uploads { user: (*user).to_owned(), below })
        }
        _ => None,
    }
}

impl Place {
    /// Whether everybody may ask, without a login.
    pub fn is_open(&self, head: &Parts) -> bool {
        match self {
            Self::Status => true,
            Self::Files { .. } => head.method == Method::OPTIONS && !head.headers.contains_key(AUTHORIZATION),
            Self::Login(_)
            | Self::Ocs { .. }
            | Self::Versions { .. }
            | Self::Trash { .. }
            | Self::Restoring { .. }
            | Self::Uploads { .. } => false,
        }
    }
}

/// What everybody may know.
pub fn open(place: &Place, limits: &Limits) -> Reply {
    match place {
        Place::Status => ocs::status(),
        Place::Login(_)
        | Place::Ocs { .. }
        | Place::Files { .. }
        | Place::Versions { .. }
        | Place::Trash { .. }
        | Place::Restoring { .. }
        | Place::Uploads { .. } => {
            let mut reply = crate::reply::empty(StatusCode::OK);
            dav::compliance(reply.headers_mut(), http::HeaderValue::from_static(dav::ALLOW_ANY));
            if matches!(place, Place::Files { .. }) {
                tus::announce(reply.headers_mut(), limits);
            }
            reply
        }
    }
}

/// Answers somebody who has logged in.
///
/// Errors: 404 below another person's name; otherwise those of the verb.
pub async fn answer(
    app: Arc<App>,
    trace: Arc<Trace>,
    caller: Caller,
    place: Place,
    (mut head, body): (Parts, RequestBody),
) -> Result<Reply, HttpError> {
    head.extensions.insert(CameIn);
    match place {
        Place::Status => Ok(ocs::status()),
        Place::Login(_) | Place::Restoring { .. } => Err(HttpError::not_found()),
        Place::Ocs { version, about } => ocs::answer(&app, &caller, version, &about, head.uri.query()).await,
        Place::Files { above, user } => {
            confirm_own(&caller, user.as_deref())?;
            let door = Door::of(head.uri.path(), above, dav::PREFIX);
            let path = door.enter(&mut head)?;
            let method = head.method.clone();
            let answered = if tus::begins(&head) {
                tus::begin(Exchange { app, caller, now: trace.at, head, path, trace }, body).await
            } else {
                trace.leads_to(&path, &head);
                dav::handle(Exchange { app, caller, now: trace.at, head, path, trace }, body).await
            };
            match answered {
                Ok(reply) => Ok(door.leave(&method, reply)),
                Err(error) => Err(door.leave_refused(error)),
            }
        }
        Place::Versions { above, user } => {
            confirm_own(&caller, Some(&user))?;
            let visit = Visit { app, caller, head, trace };
            of_versions(visit, above, &user, body).await
        }
        Place::Trash { above, user } => {
            confirm_own(&caller, Some(&user))?;
            of_trash(Visit { app, caller, head, trace }, above, &user, body).await
        }
        Place::Uploads { user, below } => {
            confirm_own(&caller, Some(&user))?;
            let x = Exchange { app, caller, now: trace.at, head, path: RelPath::root(), trace };
            upload::answer(x, &below, body).await
        }
    }
}

/// What files were, by the URLs of their versions: read as at our own, and made the present state again by MOVE or COPY of a version into `restore/`.
async fn of_versions(mut visit: Visit, above: usize, user: &str, body: RequestBody) -> Result<Reply, HttpError> {
    let (path, method) = (visit.head.uri.path().to_owned(), visit.head.method.clone());
    let (door, files) = (Door::of(&path, above, versions::PREFIX), files_of(user));
    files.enter_conditions(&mut visit.head.headers);
    let below = door.below(&path).ok_or_else(HttpError::not_found)?;
    let answered = match method.as_str() {
        "MOVE" | "COPY" => match confirm_restoring(&visit, user, false) {
            Ok(()) => versions::restore(visit, below).await,
            Err(error) => Err(error),
        },
        _ => versions::handle(visit, below, body).await,
    };
    answered.map(|reply| door.leave(&method, reply)).map_err(|error| files.leave_refused(error))
}

/// What was deleted: PROPFIND lists it, MOVE into `restore/` brings a thing back, DELETE purges it.
async fn of_trash(mut visit: Visit, above: usize, user: &str, body: RequestBody) -> Result<Reply, HttpError> {
    let (path, method) = (visit.head.uri.path().to_owned(), visit.head.method.clone());
    let (door, files) = (Door::of(&path, above, trash::PREFIX), files_of(user));
    files.enter_conditions(&mut visit.head.headers);
    let name = door.below(&path).ok_or_else(HttpError::not_found)?.trim_matches('/');
    let answered = match (method.as_str(), name) {
        ("PROPFIND", "") => trash::list(visit, body).await,
        ("MOVE", name) if !name.is_empty() => match confirm_restoring(&visit, user, true) {
            Ok(()) => trash::restore(visit, name).await,
            Err(error) => Err(error),
        },
        ("DELETE", name) if !name.is_empty() => trash::purge(visit, name).await,
        ("PROPFIND" | "GET" | "HEAD", _) => Err(HttpError::not_found()),
        _ => Err(HttpError::takes_only(
            "PROPFIND, MOVE, DELETE",
            "What was deleted is listed, brought back or purged, a thing at a time.",
        )),
    };
    answered.map(|reply| door.leave(&method, reply)).map_err(|error| files.leave_refused(error))
}

/// Errors: 403 when the `Destination` isn't the place to which this one moves what is to come back.
fn confirm_restoring(visit: &Visit, user: &str, from_trash: bool) -> Result<(), HttpError> {
    let destination = Destination::parse(&visit.head.headers)?
        .ok_or_else(|| HttpError::bad_request("The header `Destination` is missing."))?;
    let destination = destination.raw_path_if_ours(&principals::origins(&visit.app, &visit.head))?.to_owned();
    if place(&destination) == Some(Place::Restoring { user: user.to_owned(), from_trash }) {
        return Ok(());
    }
    Err(HttpError::new(StatusCode::FORBIDDEN, "This is moved into `restore/` and nowhere else."))
}

/// Where somebody's tree is, for conditions and refusals, which are about places of it.
fn files_of(user: &str) -> Door {
    Door::of(&format!("/remote.php/dav/files/{}/", encode_segment(user)), 4, dav::PREFIX)
}

/// Below a name is what its bearer sees, and nobody else has a door there.
fn confirm_own(caller: &Caller, user: Option<&str>) -> Result<(), HttpError> {
    let is_own =
        user.is_none_or(|user| crate::path::Name::parse(user).is_ok_and(|name| name.key().as_str() == caller.user.key));
    if is_own { Ok(()) } else { Err(HttpError::not_found()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_urls_of_the_clients_are_known() {
        let files = |above, user: Option<&str>| Some(Place::Files { above, user: user.map(str::to_owned) });
        assert_eq!(place("/status.php"), Some(Place::Status));
        assert_eq!(place("/index.php/status.php"), Some(Place::Status));
        assert_eq!(place("/remote.php/webdav"), files(2, None));
        assert_eq!(place("/remote.php/webdav/a/b"), files(2, None));
        assert_eq!(place("/index.php/remote.php/webdav/a/b"), files(3, None));
        assert_eq!(place("/index.php/remote.php/dav/files/ana"), files(5, Some("ana")));
        assert_eq!(place("/remote.php/dav/files/ana/Projects/"), files(4, Some("ana")));
        assert_eq!(place("/remote.php/dav/files/ana%40example.org"), files(4, Some("ana@example.org")));
        let about = "cloud/capabilities".to_owned();
        assert_eq!(place("/ocs/v2.php/cloud/capabilities"), Some(Place::Ocs { version: 2, about }));
        let of_ana = Some(Place::Versions { above: 5, user: "ana".into() });
        assert_eq!(place("/remote.php/dav/versions/ana/versions/17/3"), of_ana);
        let restoring = Some(Place::Restoring { user: "ana".into(), from_trash: false });
        assert_eq!(place("/remote.php/dav/versions/ana/restore/3"), restoring);
        let of_ana = Some(Place::Trash { above: 5, user: "ana".into() });
        assert_eq!(place("/remote.php/dav/trashbin/ana/trash"), of_ana);
        assert_eq!(place("/remote.php/dav/trashbin/ana/trash/17"), of_ana);
        let restoring = Some(Place::Restoring { user: "ana".into(), from_trash: true });
        assert_eq!(place("/remote.php/dav/trashbin/ana/restore/a.txt"), restoring);
        assert_eq!(place("/remote.php/dav/versions/ana/versions"), None);
        let below = vec!["4711".to_owned(), ".file".to_owned()];
        assert_eq!(place("/remote.php/dav/uploads/ana/4711/.file"), Some(Place::Uploads { user: "ana".into(), below }));
        for other in
            ["/", "/dav/", "/remote.php/", "/remote.php/dav/", "/remote.php/dav/files/", "/remote.php/caldav/x"]
        {
            assert_eq!(place(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_path_panics(path in "(/index.php)?/(remote.php|ocs/v1.php|dav)?(/(dav|files|uploads|versions|trashbin|restore|webdav|%[0-9A-F]{0,2}|[a-z.]{0,4})){0,9}") {
            let _ = place(&path);
        }
    }
}
