//! `migrate`: a site's rows and contents brought to another place, while nobody serves it.
//!
//! Contents first, rows last: they arrive in one transaction, whose commit is what makes a site of the place. What was cut off before leaves
//! blobs that the next try finds and compares, and a place that is no site.

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

use crate::blobs::{BlobError, Blobs, Damage};
use crate::db::DbError;
use crate::db::copy::{self, CopyError};
use crate::ids::ContentId;
use crate::site::Site;
use crate::tree::TreeError;
use crate::tree::check::{self, Recorded};

/// Blobs on their way at the same time.
const BLOBS_AT_ONCE: usize = 8;
/// Damaged contents that are named; a site with more has one trouble, not thousands.
const NAMED_MAX: usize = 20;

/// What was brought.
#[derive(Debug, Default, Serialize)]
pub struct Moved {
    /// Tables, each the same here and there by its number of rows and its hash.
    pub tables: u64,
    /// Their rows.
    pub rows: u64,
    /// Blobs that are there now, each compared with its hash.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Why a site could not be brought.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// Contents that are damaged where they are.
    #[error("damaged contents can't be brought; `commonhold verify` finds all of them: {}", .0.join("; "))]
    Damaged(Vec<String>),
    /// The rows of the site, or those that say what is wrong.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The rows on their way.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The contents.
    #[error(transparent)]
    Blobs(#[from] BlobError),
}

impl From<DbError> for MigrateError {
    fn from(error: DbError) -> Self {
        Self::Tree(error.into())
    }
}

/// Brings everything of `from` into `to`, which must have no site in it, and proves that it is the same there. Both are taken for nobody else
/// by the caller.
///
/// Errors: [`MigrateError::Damaged`] before anything of rows is done; what the databases and stores say.
pub async fn run(from: &Site, to: &Site) -> Result<Moved, MigrateError> {
    copy::confirm_empty(&mut to.db.read().await?).await?;
    to.blobs.found().await?;
    let mut moved = Moved::default();
    let mut damaged = Vec::new();
    let mut after = None;
    loop {
        let page = check::contents(&mut from.db.read().await?, after).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        let blobs: Vec<&Recorded> = page.iter().filter(|content| content.inline.is_none()).collect();
        let brought = stream::iter(blobs).map(|content| bring(&from.blobs, &to.blobs, content));
        let mut brought = brought.buffer_unordered(BLOBS_AT_ONCE);
        while let Some((content, size, damage)) = brought.try_next().await? {
            match damage {
                None => (moved.blobs, moved.bytes) = (moved.blobs + 1, moved.bytes + size),
                Some(damage) => damaged.push((content, damage)),
            }
        }
        if damaged.len() >= NAMED_MAX {
            break;
        }
    }
    if !damaged.is_empty() {
        return Err(MigrateError::Damaged(told(from, damaged).await?));
    }
    for table in copy::copy(&from.db, &to.db).await? {
        moved.tables += 1;
        moved.rows += table.rows;
    }
    Ok(moved)
}

/// Brings one blob, if it isn't there already, and compares it there.
async fn bring(from: &Blobs, to: &Blobs, content: &Recorded) -> Result<(ContentId, u64, Option<Damage>), BlobError> {
    let id = crate::contents::blob_of(content.id);
    // A hash that is none is no blob's.
    let hash = <[u8; 32]>::try_from(content.hash.as_slice()).unwrap_or_default();
    Ok((content.id, content.size, to.bring(from, &id, content.size, hash).await?))
}

/// The damaged contents by what names them.
async fn told(site: &Site, damaged: Vec<(ContentId, Damage)>) -> Result<Vec<String>, TreeError> {
    let mut told = Vec::new();
    for (content, damage) in damaged {
        let user = check::user_of(&mut site.db.read().await?, content).await?;
        let user = user.unwrap_or_else(|| "nothing any more".to_owned());
        told.push(format!("content {content} (of {user}): {damage}"));
    }
    Ok(told)
}
