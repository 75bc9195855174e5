//! Uploads in pieces as those clients make them: MKCOL begins one, PUT brings the pieces, MOVE of `.file` makes the file of them, DELETE gives up.
//!
//! The MOVE is a PUT of all pieces to its `Destination`: the same guard, conditions, quota and record.

use headers::{ContentLength, HeaderMapExt};
use http::header::{CONTENT_LENGTH, HeaderValue, IF_NONE_MATCH};
use http::{Method, StatusCode};
use http_body_util::BodyExt;

use super::door::Door;
use super::{Place, place};
use crate::audit::Record;
use crate::dav::headers::{Destination, Header, Overwrite};
use crate::dav::{self, Exchange, principals};
use crate::error::HttpError;
use crate::net::RequestBody;
use crate::pieces::{self, Room};
use crate::reply::{self, Reply};
use crate::trail;
use crate::tree::change::Fresh;
use crate::uploads;

/// The name whose MOVE puts the pieces together.
const WHOLE: &str = ".file";

/// What is taken here.
const ALLOW_HERE: &str = "MKCOL, PUT, MOVE, DELETE";

/// `below`: the name of the upload, and that of a piece.
///
/// Errors: 404 for an upload that isn't there; 405 for another verb; 400 for names that are none, or when the pieces are not as many bytes as
/// `OC-Total-Length` says; those of PUT.
pub async fn answer(x: Exchange, below: &[String], body: RequestBody) -> Result<Reply, HttpError> {
    let below: Vec<&str> = below.iter().map(String::as_str).collect();
    // Others have names that no client can choose.
    below.first().map_or(Ok(()), |upload| uploads::confirm_name(upload))?;
    match (x.head.method.as_str(), below.as_slice()) {
        ("MKCOL", [upload]) => {
            let (db, user, now) = (x.app.db.clone(), x.caller.user.id, x.now);
            let (upload, record) = ((*upload).to_owned(), record(&x, StatusCode::CREATED));
            dav::to_its_end(&db.clone(), async move {
                let mut tx = db.write().await?;
                uploads::begin(&mut tx, user, &upload, now).await?;
                trail::commit(tx, Some(record)).await
            })
            .await?;
            x.trace.is_recorded();
            Ok(reply::empty(StatusCode::CREATED))
        }
        ("PUT", [upload, piece]) => take(x, upload, piece, body).await,
        ("MOVE", [upload, WHOLE]) => put_together(x, upload, body).await,
        ("DELETE", [upload]) => {
            let record = record(&x, StatusCode::NO_CONTENT);
            if !pieces::end(&x.app, x.caller.user.id, upload, Some(record)).await? {
                return Err(HttpError::not_found());
            }
            x.trace.is_recorded();
            Ok(reply::empty(StatusCode::NO_CONTENT))
        }
        ("PROPFIND", [upload]) => {
            uploads::parts(&mut x.app.db.read().await?, x.caller.user.id, upload, x.now).await?;
            Err(HttpError::takes_only(ALLOW_HERE, "The pieces of an upload are not listed."))
        }
        _ => Err(HttpError::takes_only(ALLOW_HERE, "An upload takes pieces and nothing else.")),
    }
}

/// What the audit tells of a step that is done.
fn record(x: &Exchange, status: StatusCode) -> Record {
    Record { status: Some(status.as_u16()), ..x.trace.record_of(None) }
}

/// A piece.
async fn take(x: Exchange, upload: &str, piece: &str, mut body: RequestBody) -> Result<Reply, HttpError> {
    // Before anything is stored: the upload is there, and the names are.
    uploads::confirm_name(piece)?;
    let user = x.caller.user.id;
    let others = uploads::beside(&mut x.app.db.read().await?, (user, upload), piece, x.now).await?;
    let room = Room::beside(&x.app, others);
    let announced = x.head.headers.typed_get::<ContentLength>().map(|length| length.0);
    room.confirm_announced(&x.app, announced.unwrap_or(0))?;
    let mut staged = x.app.blobs.stage();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(dav::broken_body)?.into_data() else { continue };
        room.confirm(staged.size() + data.len() as u64)?;
        staged.write(data).await?;
    }
    if announced.is_some_and(|bytes| bytes != staged.size()) {
        return Err(HttpError::bad_request("Another number of bytes came than was announced."));
    }
    let content = Fresh::from(staged.finish().await?);
    let (db, now) = (x.app.db.clone(), x.now);
    let pieces_max = x.app.config.limits.pieces_bytes_max;
    let (upload, piece, etag) = (upload.to_owned(), piece.to_owned(), format!("\"{}\"", content.id));
    dav::to_its_end(&db.clone(), async move {
        let mut tx = db.write().await?;
        uploads::add(&mut tx, (user, &upload), &piece, &content, pieces_max, now).await?;
        trail::commit(tx, None).await
    })
    .await?;
    // The audit tells of the file that is made of all pieces, not of each of them.
    x.trace.is_recorded();
    let mut reply = reply::empty(StatusCode::CREATED);
    let etag = HeaderValue::try_from(etag).expect("the id of a content is ASCII");
    reply.headers_mut().insert(http::header::ETAG, etag);
    Ok(reply)
}

/// The file of all pieces. Errors: 423 when another request is about to make it.
async fn put_together(x: Exchange, upload: &str, body: RequestBody) -> Result<Reply, HttpError> {
    let user = x.caller.user.id;
    let turn = x.app.making.begin(user, upload)?;
    let parts = uploads::parts(&mut x.app.db.read().await?, user, upload, x.now).await?;
    let bytes: u64 = parts.iter().map(|part| part.size).sum();
    let total = x.head.headers.get("oc-total-length").map(|value| value.to_str().ok()?.parse::<u64>().ok());
    if total.is_some_and(|total| total != Some(bytes)) {
        let text = format!("The pieces have {bytes} bytes together, and another number was announced.");
        return Err(HttpError::bad_request(text));
    }
    let Exchange { app, caller, now, mut head, trace, .. } = x;
    let destination = Destination::parse(&head.headers)?
        .ok_or_else(|| HttpError::bad_request("The header `Destination` is missing."))?;
    let origins = principals::origins(&app, &head);
    let destination = destination.raw_path_if_ours(&origins)?.to_owned();
    let spares = Overwrite::parse(&head.headers)?.is_some_and(|overwrite| !overwrite.0);
    let Some(Place::Files { above, user: named }) = place(&destination) else {
        return Err(HttpError::bad_request("The header `Destination` leads to no file."));
    };
    super::confirm_own(&caller, named.as_deref())?;
    let door = Door::of(&destination, above, dav::PREFIX);
    head.uri = http::Uri::try_from(&destination)
        .map_err(|_| HttpError::bad_request("The header `Destination` is malformed."))?;
    let path = door.enter(&mut head)?;
    head.method = Method::PUT;
    for name in ["destination", "overwrite", "depth", "oc-total-length"] {
        head.headers.remove(name);
    }
    if spares {
        head.headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
    }
    head.headers.insert(CONTENT_LENGTH, bytes.into());
    trace.leads_to(&path, &head);
    let y = Exchange { app, caller, now, head, path, trace };
    let reply = pieces::make(y, turn, parts, None, body).await.map_err(|error| door.leave_refused(error))?;
    Ok(door.leave(&Method::PUT, reply))
}
