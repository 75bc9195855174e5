//! Pieces of uploads as every door takes them that has uploads in pieces (`cloud/`, `tus/`): how much may come, and the bytes of all as the body of
//! the PUT that makes the file, so that guard, conditions, quota and record are those of any PUT.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};

use crate::app::App;
use crate::audit::Record;
use crate::clock::Moment;
use crate::dav::{self, Exchange};
use crate::error::HttpError;
use crate::ids::UserId;
use crate::net::RequestBody;
use crate::reply::Reply;
use crate::stored;
use crate::trail;
use crate::uploads::{self, Beside, Part, UploadError, making::Turn};

/// How many bytes may come of a piece.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    bytes: u64,
    file_max: u64,
    /// What all pieces of the person may have, if that is what bounds this one.
    pieces_max: Option<u64>,
}

impl Room {
    /// Beside what has come.
    pub fn beside(app: &App, others: Beside) -> Self {
        let (file_max, pieces_max) = (app.config.limits.upload_bytes_max, app.config.limits.pieces_bytes_max);
        let of_person = pieces_max.saturating_sub(others.of_person);
        let bytes = file_max.saturating_sub(others.of_upload).min(of_person);
        Self { bytes, file_max, pieces_max: (bytes == of_person).then_some(pieces_max) }
    }

    /// Confirms that so many bytes may come. Errors: 413, 507.
    pub fn confirm(&self, bytes: u64) -> Result<(), HttpError> {
        match self.pieces_max {
            _ if bytes <= self.bytes => Ok(()),
            Some(pieces_max) => Err(UploadError::TooManyBytes(pieces_max).into()),
            None => Err(dav::too_large(self.file_max)),
        }
    }

    /// The same before any has come, of so many that were announced; the store has room for them, too.
    pub fn confirm_announced(&self, app: &App, bytes: u64) -> Result<(), HttpError> {
        self.confirm(bytes)?;
        dav::confirm_free(app, bytes)
    }
}

/// Makes the file of an upload's pieces and of the bytes behind them, by the PUT `y`; then the pieces are given up.
///
/// Errors: those of the PUT.
pub async fn make(
    y: Exchange,
    turn: Turn,
    parts: Vec<Part>,
    last: Option<Bytes>,
    body: RequestBody,
) -> Result<Reply, HttpError> {
    let app = Arc::clone(&y.app);
    let bytes = read(Arc::clone(&app), parts).chain(stream::iter(last.map(Ok)));
    let reply = dav::handle(y, body.instead(bytes)).await?;
    let db = app.db.clone();
    let cleared = dav::to_its_end(&app.db, async move {
        let (user, upload) = turn.upload();
        let mut tx = db.write().await?;
        uploads::made(&mut tx, user, upload, Moment::now()).await?;
        trail::commit(tx, None).await
    });
    // The file is made, whatever becomes of the pieces: those that stay are given up by themselves.
    if let Err(error) = cleared.await {
        tracing::warn!(status = error.status.as_u16(), why = %error.text, "the pieces of a file that was made are still there");
    }
    Ok(reply)
}

/// Ends an upload, with the record of it if there was one and it isn't told elsewhere. Gives whether there was one.
pub async fn end(app: &App, user: UserId, upload: &str, record: Option<Record>) -> Result<bool, HttpError> {
    let (db, upload) = (app.db.clone(), upload.to_owned());
    dav::to_its_end(&app.db, async move {
        let mut tx = db.write().await?;
        let found = uploads::end(&mut tx, user, &upload).await?;
        trail::commit(tx, record.filter(|_| found)).await?;
        Ok(found)
    })
    .await
}

/// The bytes of the pieces, one after the other.
fn read(app: Arc<App>, parts: Vec<Part>) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let about = "a piece of an upload";
    let one = move |part: Part| stored::read(Arc::clone(&app), (part.content, part.size), about.to_owned()).boxed();
    stream::iter(parts).map(one).flatten()
}
