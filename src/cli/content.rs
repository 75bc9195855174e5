//! The bytes of a content, for commands that write them somewhere.

use std::io::{self, Write};

use futures_util::TryStreamExt;

use crate::contents::proof::{self, ReadError};
use crate::db::DbError;
use crate::ids::ContentId;
use crate::site::Site;
use crate::tree::{self, TreeError};

/// Why a content wasn't written.
#[derive(Debug, thiserror::Error)]
pub(super) enum ContentError {
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// One that is a row.
    #[error(transparent)]
    Row(#[from] TreeError),
    /// One that lies in the store.
    #[error(transparent)]
    Stored(#[from] ReadError),
    /// The same, on the way.
    #[error("{0}")]
    Bytes(io::Error),
    /// Where it should have gone.
    #[error("{0}")]
    Target(io::Error),
}

/// Writes a content of `size` bytes to `target`, each piece compared before; the log says what a damaged one was read for (`about`).
pub(super) async fn write(
    site: &Site,
    (content, size): (ContentId, u64),
    about: String,
    target: &mut dyn Write,
) -> Result<(), ContentError> {
    let inline = tree::inline_bytes(&mut site.db.read().await?, content).await?;
    if let Some(bytes) = inline {
        return target.write_all(&bytes).map_err(ContentError::Target);
    }
    let read = proof::read((&site.db, &site.blobs), (content, size), 0..size, about).await?;
    let mut pieces = Box::pin(read);
    while let Some(piece) = pieces.try_next().await.map_err(ContentError::Bytes)? {
        target.write_all(&piece).map_err(ContentError::Target)?;
    }
    Ok(())
}
