//! The bytes of an announced upload as they come, kept from time to time so that a broken connection or a killed server loses few of them.
//!
//! The file's last byte is kept nowhere: it goes into the file itself. So an offset that was told never is the whole length as long as the file isn't
//! made, whatever breaks off in between; a client that asks goes on with one byte, and is told then why the file can't be made.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt;

use crate::app::App;
use crate::blobs::Staged;
use crate::clock::Moment;
use crate::dav::{self, checksum::Proof};
use crate::error::HttpError;
use crate::ids::UserId;
use crate::net::{BodyError, RequestBody};
use crate::pieces::Room;
use crate::trail;
use crate::tree::change::Fresh;
use crate::uploads::announced;

/// A request's bytes are kept whenever so many have come.
const SLICE_BYTES: u64 = 32 << 20;

/// tus 1.0: the checksum is another one.
const CHECKSUM_MISMATCH: u16 = 460;

/// Takes the bytes of one request.
pub struct Taking {
    /// The server.
    pub app: Arc<App>,
    /// Whose upload.
    pub user: UserId,
    /// Which.
    pub id: Arc<str>,
    /// Where they begin, and then how far what is kept reaches.
    pub offset: u64,
    /// Bytes of the whole file.
    pub size: u64,
    /// What the bytes of this request must be.
    pub proof: Option<Proof>,
    /// How many there will be, if that was said.
    pub announced: Option<u64>,
    /// When the upload is given up unless more comes.
    pub expires: Moment,
}

/// What came.
pub struct Came {
    /// How far what is kept reaches.
    pub offset: u64,
    /// When the upload is given up unless more comes.
    pub expires: Moment,
    /// The last byte of the file, if it came.
    pub last: Option<Bytes>,
    /// What is left of the request's body.
    pub body: RequestBody,
}

impl Taking {
    /// Takes them to the end of the body. What came before the client went away is kept, unless its checksum was announced.
    ///
    /// Errors: 413 more than the file has, 507, 460, 409 when another request was there first, 400 or 408 when the body broke off.
    pub async fn take(mut self, mut body: RequestBody) -> Result<Came, HttpError> {
        let left = self.size - self.offset;
        let others = announced::beside(&mut self.app.db.read().await?, (self.user, &self.id), Moment::now()).await?;
        let room = Room::beside(&self.app, others);
        let announced = self.announced.unwrap_or(0);
        if announced > left {
            return Err(too_long(self.size));
        }
        room.confirm_announced(&self.app, announced)?;
        let (mut came, mut last) = (0, None);
        let mut staged = self.app.blobs.stage();
        let broken = loop {
            let mut data = match body.frame().await {
                None => break None,
                Some(Err(error)) => break Some(broken(error)),
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            };
            if let Some(proof) = &mut self.proof {
                proof.update(&data);
            }
            came += data.len() as u64;
            if came > left {
                return Err(too_long(self.size));
            }
            if came == left && !data.is_empty() {
                last = Some(data.split_off(data.len() - 1));
            }
            room.confirm(came)?;
            staged.write(data).await?;
            if self.proof.is_none() && staged.size() >= SLICE_BYTES {
                let full = std::mem::replace(&mut staged, self.app.blobs.stage());
                self.keep(full).await?;
            }
        };
        let is_whole = broken.is_none() && self.announced.is_none_or(|announced| announced == came);
        match self.proof.take() {
            // Nobody knows whether the half of it is right.
            Some(_) if !is_whole => return Err(broken.unwrap_or_else(broken_off)),
            Some(proof) => proof.confirm().map_err(mismatch)?,
            None => {}
        }
        if staged.size() > 0 {
            self.keep(staged).await?;
        }
        if !is_whole {
            return Err(broken.unwrap_or_else(broken_off));
        }
        Ok(Came { offset: self.offset, expires: self.expires, last, body })
    }

    /// Makes what was staged durable, as the next piece.
    async fn keep(&mut self, staged: Staged) -> Result<(), HttpError> {
        let content = Fresh::from(staged.finish().await?);
        let (size, offset, user, id) = (content.size, self.offset, self.user, Arc::clone(&self.id));
        let (db, bytes_max) = (self.app.db.clone(), self.app.config.limits.pieces_bytes_max);
        self.expires = dav::to_its_end(&self.app.db, async move {
            let mut tx = db.write().await?;
            let expires = announced::append(&mut tx, (user, &id), offset, &content, bytes_max, Moment::now()).await?;
            // The audit tells of the file that is made of all pieces, not of each of them.
            trail::commit(tx, None).await?;
            Ok(expires)
        })
        .await?;
        self.offset += size;
        Ok(())
    }
}

fn too_long(size: u64) -> HttpError {
    let text = format!("The file was announced with {size} bytes, and more came.");
    HttpError::new(StatusCode::PAYLOAD_TOO_LARGE, text)
}

/// As of every body; but what came of this one before it broke off may be kept.
fn broken(error: BodyError) -> HttpError {
    let error = dav::broken_body(error);
    match error.status {
        StatusCode::REQUEST_TIMEOUT => {
            let text = "The rest of the request did not come. HEAD tells how far the upload is.";
            HttpError { text: text.into(), ..error }
        }
        _ => error,
    }
}

fn broken_off() -> HttpError {
    HttpError::bad_request("The body of the request broke off.")
}

fn mismatch(error: HttpError) -> HttpError {
    let status = StatusCode::from_u16(CHECKSUM_MISMATCH).expect("three digits");
    HttpError { status, ..error }
}
