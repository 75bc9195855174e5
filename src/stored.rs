//! The bytes of contents as any door hands them out or puts new ones together of them: small ones from memory, all others out of the store, each
//! compared with its hash before it is given.

use std::fmt::Display;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};

use crate::app::App;
use crate::blobs::{BlobError, INLINE_BYTES_MAX};
use crate::contents::proof;
use crate::db::DbError;
use crate::error::HttpError;
use crate::ids::ContentId;
use crate::tree::TreeError;

/// The bytes of a content, or of a part of it.
pub enum Stored<S> {
    /// All of them.
    AtHand(Bytes),
    /// They are read as they are asked for.
    Coming(S),
}

/// Opens the `range` of a content of so many bytes. `about`: what they are read for, to the log.
///
/// Errors: 500 for a damaged one; 503.
pub async fn open(
    app: &App,
    (content, size): (ContentId, u64),
    range: Range<u64>,
    about: &(dyn Display + Sync),
) -> Result<Stored<impl Stream<Item = io::Result<Bytes>> + Send + use<>>, HttpError> {
    if size <= INLINE_BYTES_MAX as u64
        && let Some(bytes) = app.tree.inline_bytes(&app.db, content).await?
    {
        if bytes.len() as u64 != size {
            return Err(TreeError::Damaged(content).into());
        }
        return Ok(Stored::AtHand(bytes.slice(range.start as usize..range.end as usize)));
    }
    let read = proof::read((&app.db, &app.blobs), (content, size), range, about.to_string());
    Ok(Stored::Coming(Box::pin(read).await?))
}

/// All bytes of a content for a body that the server itself puts together, opened when they are asked for.
pub fn read(
    app: Arc<App>,
    (content, size): (ContentId, u64),
    about: String,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let opening = async move {
        Ok::<_, io::Error>(match open(&app, (content, size), 0..size, &about).await.map_err(unreadable)? {
            Stored::AtHand(bytes) => stream::iter([Ok(bytes)]).boxed(),
            Stored::Coming(bytes) => bytes.map_err(|error| unreadable(refusal(error))).boxed(),
        })
    };
    stream::once(opening).try_flatten()
}

/// What is answered when bytes can't be read on.
pub fn refusal(error: io::Error) -> HttpError {
    match error.downcast::<BlobError>() {
        // The log names it already.
        Ok(BlobError::Damaged { .. }) => HttpError::damaged(),
        Ok(error) => error.into(),
        Err(error) => match error.downcast::<DbError>() {
            Ok(error) => error.into(),
            Err(source) => BlobError::Io { doing: "reading a blob", source }.into(),
        },
    }
}

/// The same as an error of a body, in which [`crate::dav::broken_body`] finds it.
pub fn unreadable(error: HttpError) -> io::Error {
    io::Error::other(error)
}
