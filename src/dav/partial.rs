//! PATCH: a part of a file, as SabreDAV has it (<https://sabre.io/dav/http-patch/>, RFC 5789), where the policy `partial_updates` allows it.
//!
//! Contents never change. So the old bytes before the part, the part, and the old bytes behind it are the body of a PUT ([`super::put`]), with its
//! guard, conditions, locks, quota, revision and record. The file must still have the content at the end that was read: nobody's save is undone by it.

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt, stream};
use headers::{ContentLength, HeaderMapExt};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt;

use super::headers::{ExpectedLength, Header, Misfit, OcChecksum, UpdateRange};
use super::put::{self, MadeOf};
use super::{Exchange, Spot, broken_body, nowhere};
use crate::error::HttpError;
use crate::net::RequestBody;
use crate::reply::Reply;
use crate::stored;
use crate::tree::Node;

/// The only form of a part that is known.
const PARTIAL_UPDATE: &str = "application/x-sabredav-partialupdate";
/// What says in `DAV` that parts are taken.
const CLASS: &str = "sabredav-partialupdate";
/// The largest file of which a part is replaced: each time all of it is copied.
const PATCHED_FILE_BYTES_MAX: u64 = 1 << 30;

/// In: a file, `X-Update-Range`, a body of the length that `Content-Length` says. Out: 204 with ETag and Last-Modified of the whole.
///
/// Errors: 400 malformed, no bytes, or another length than the range's; 403 without `write`; 404; 405 a collection, or the policy; 411; 412, also
/// when the file was changed meanwhile; 413; 415; 416 the part would begin outside of the file; 423; 507.
pub async fn patch(mut x: Exchange, body: RequestBody) -> Result<Reply, HttpError> {
    let part = Part::parse(&x.head.headers)?;
    let (file, replaced) = {
        let access = x.app.guard.access(&x.app.db, &x.caller).await?;
        let mut tx = x.app.db.read().await?;
        let spot = Spot::locate(&mut tx, &access, &x.path).await?.ok_or_else(|| nowhere(&x.path))?;
        let file = spot.found_or_leased(&x)?.clone();
        let replaced = confirm_allowed(&spot).and_then(|()| part.replaces(&file));
        (file, replaced)
    };
    let kept = replaced.as_ref().map_or(0, |replaced| file.size - (replaced.end - replaced.start));
    x.head.method = Method::PUT;
    x.head.headers.insert(CONTENT_LENGTH, kept.saturating_add(part.bytes).into());
    x.head.headers.remove(ExpectedLength::NAME);
    let welcome = put::welcome(&x).await?;
    // Whoever may not save anything there learns no more than that.
    let replaced = replaced?;
    let content = file.content.ok_or_else(HttpError::internal)?;
    x.head.extensions.insert(MadeOf(content));
    let before = stored::read(Arc::clone(&x.app), (content, file.size), x.path.to_string());
    put::save(x, welcome, body.within(|part| assembled(before, replaced, part))).await
}

/// Says in OPTIONS that parts are taken.
pub fn announce(headers: &mut HeaderMap) {
    if let Some(classes) = headers.get("dav").and_then(|value| value.to_str().ok()) {
        let classes = HeaderValue::try_from(format!("{classes}, {CLASS}")).expect("classes are ASCII");
        headers.insert(HeaderName::from_static("dav"), classes);
    }
    headers.insert(HeaderName::from_static("accept-patch"), HeaderValue::from_static(PARTIAL_UPDATE));
}

/// Confirms that the share takes parts. Errors: 405.
pub fn confirm_allowed(spot: &Spot) -> Result<(), HttpError> {
    if spot.reached.measures().allows_partial_updates() {
        return Ok(());
    }
    let text = "Files are saved as a whole here, and not in part (policy `partial_updates`).";
    Err(HttpError::new(StatusCode::METHOD_NOT_ALLOWED, text))
}

/// What the headers say of a part.
struct Part {
    range: UpdateRange,
    bytes: u64,
}

impl Part {
    fn parse(headers: &HeaderMap) -> Result<Self, HttpError> {
        let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()?.split(';').next());
        if !kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case(PARTIAL_UPDATE)) {
            let text = format!("PATCH takes `{PARTIAL_UPDATE}`.");
            return Err(HttpError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
        }
        let missing = || HttpError::bad_request("The header `X-Update-Range` is missing.");
        let range = UpdateRange::parse(headers)?.ok_or_else(missing)?;
        let missing = || HttpError::new(StatusCode::LENGTH_REQUIRED, "PATCH needs `Content-Length`.");
        let ContentLength(bytes) = headers.typed_get().ok_or_else(missing)?;
        put::expected_length(headers)?;
        if bytes == 0 {
            return Err(HttpError::bad_request("The part has no bytes."));
        }
        if OcChecksum::parse(headers)?.is_some() {
            return Err(HttpError::bad_request("`OC-Checksum` is that of a whole file; PATCH takes none."));
        }
        Ok(Self { range, bytes })
    }

    /// Which bytes of the file it takes the place of. Errors: 400, 413, 416.
    fn replaces(&self, file: &Node) -> Result<Range<u64>, HttpError> {
        let replaced = self.range.replaces(file.size, self.bytes).map_err(|misfit| told(misfit, file.size))?;
        if file.size > PATCHED_FILE_BYTES_MAX {
            let text =
                format!("A part of a file of more than {PATCHED_FILE_BYTES_MAX} bytes is not taken; send it whole.");
            return Err(HttpError::new(StatusCode::PAYLOAD_TOO_LARGE, text));
        }
        Ok(replaced)
    }
}

fn told(misfit: Misfit, length_bytes: u64) -> HttpError {
    match misfit {
        Misfit::OtherLength => HttpError::bad_request("The part has another length than `X-Update-Range` says."),
        Misfit::Outside => {
            let text = format!("The file has {length_bytes} bytes, and the part would not begin in it or at its end.");
            HttpError::new(StatusCode::RANGE_NOT_SATISFIABLE, text)
        }
    }
}

/// The old bytes with a part in the place of those that it replaces.
fn assembled(
    before: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    replaced: Range<u64>,
    part: RequestBody,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let assembly = Assembly { before: Box::pin(before), at: 0, held: Bytes::new(), replaced, part: Some(part) };
    stream::try_unfold(assembly, async |mut assembly| {
        let piece = assembly.next().await?;
        Ok(piece.map(|piece| (piece, assembly)))
    })
}

/// The old content is read to its end, also where its end is replaced: of some contents only the hash of the whole is known, so that all of them must be
/// read before any of their bytes counts as right.
struct Assembly {
    before: Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>,
    /// Offset in the old content of what is held, or comes next.
    at: u64,
    held: Bytes,
    replaced: Range<u64>,
    /// `None` once it has come.
    part: Option<RequestBody>,
}

impl Assembly {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            if self.at < self.replaced.start {
                let Some(piece) = self.old(self.replaced.start - self.at).await? else {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                };
                return Ok(Some(piece));
            }
            let Some(part) = &mut self.part else { break };
            match part.frame().await {
                Some(frame) => {
                    if let Ok(bytes) = frame.map_err(|error| stored::unreadable(broken_body(error)))?.into_data() {
                        return Ok(Some(bytes));
                    }
                }
                None => self.part = None,
            }
        }
        while self.at < self.replaced.end {
            if self.old(self.replaced.end - self.at).await?.is_none() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        self.old(u64::MAX).await
    }

    /// The next bytes of the old content, `max` at the most.
    async fn old(&mut self, max: u64) -> io::Result<Option<Bytes>> {
        while self.held.is_empty() {
            match self.before.try_next().await? {
                Some(bytes) => self.held = bytes,
                None => return Ok(None),
            }
        }
        let piece = self.held.split_to(usize::try_from(max).unwrap_or(usize::MAX).min(self.held.len()));
        self.at += piece.len() as u64;
        Ok(Some(piece))
    }
}
