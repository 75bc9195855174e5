//! What becomes of contents: those that nothing names any more are collected ([`collect`]); those that
//! are read are compared with their hashes ([`proof`]), and all of them now and then ([`examine`]).
//!
//! A content is named by nodes and revisions; who names it is not counted but looked up. Here is what must be decided about rows; the bytes
//! are `blobs/`, and what goes over all of them is a job (`jobs/gc.rs`).

pub mod collect;
pub mod examine;
pub mod proof;
mod sql;

pub(crate) use sql::named;

use crate::blobs::BlobId;
use crate::db::{DbError, Reads};
use crate::ids::ContentId;

/// Where the store has a content that isn't inline.
pub fn blob_of(content: ContentId) -> BlobId {
    BlobId::from_bytes(*content.0.as_bytes())
}

/// The checksums that came along with these contents and were found right, as `SHA1:...`.
pub async fn checksums(tx: &mut impl Reads, contents: &[ContentId]) -> Result<Vec<(ContentId, String)>, DbError> {
    sql::checksums(tx.conn(), contents).await
}

#[cfg(test)]
mod tests;
