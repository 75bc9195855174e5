//! What requests ask for again and again: where a path leads, and the bytes of small files.
//!
//! A path's answer holds as long as its share's tree has the same [`Stamp`]; a content never changes, so its bytes hold
//! for ever. Only answers to reading requests come from here: whoever writes looks into the database.

use std::sync::Arc;

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::{Located, TreeError, inline_bytes, locate};
use crate::db::{Db, Stamp};
use crate::ids::{ContentId, NodeId, ShareId};
use crate::path::Name;

/// Paths kept at a time.
const PATHS_MAX: usize = 50_000;
/// Shares whose having any lock is kept in mind.
const SHARES_MAX: usize = 1_000;
/// Bytes of small contents kept at a time.
const CONTENT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// What a kept content costs beside its bytes.
const CONTENT_OVERHEAD_BYTES: u64 = 100;

/// A share and the keys of the names below it, each after a `/`.
type PathKey = (ShareId, String);

#[derive(Clone)]
struct BySize;

impl Weighter<ContentId, Bytes> for BySize {
    fn weight(&self, _: &ContentId, bytes: &Bytes) -> u64 {
        bytes.len() as u64 + CONTENT_OVERHEAD_BYTES
    }
}

/// The kept answers.
pub struct TreeCache {
    paths: Cache<PathKey, (Stamp, Arc<Located>)>,
    contents: Cache<ContentId, Bytes, BySize>,
    locks: Cache<ShareId, (Stamp, bool)>,
}

impl Default for TreeCache {
    fn default() -> Self {
        let contents_max = (CONTENT_BYTES_MAX / 4096) as usize;
        let locks = Cache::new(SHARES_MAX);
        Self {
            paths: Cache::new(PATHS_MAX),
            locks,
            contents: Cache::with_weighter(contents_max, CONTENT_BYTES_MAX, BySize),
        }
    }
}

impl TreeCache {
    /// As [`locate`], in the present tree.
    pub async fn locate(
        &self,
        db: &Db,
        share: ShareId,
        root: NodeId,
        names: &[Name],
    ) -> Result<Arc<Located>, TreeError> {
        let stamp = db.share_stamp(share).await?;
        let key = (share, key_of(names));
        if let Some((kept_at, located)) = self.paths.get(&key)
            && kept_at == stamp
        {
            return Ok(located);
        }
        let located = Box::pin(async { locate(&mut db.read().await?, root, names).await });
        let located = Arc::new(located.await?);
        // What isn't there is not kept: a client that guesses names would push the others out.
        if located.node().is_some() {
            self.paths.insert(key, (stamp, Arc::clone(&located)));
        }
        Ok(located)
    }

    /// Whether there is any lock in the share, so that most questions need not ask which.
    pub async fn has_locks(&self, db: &Db, share: ShareId) -> Result<bool, TreeError> {
        let stamp = db.share_stamp(share).await?;
        if let Some((kept_at, has_locks)) = self.locks.get(&share)
            && kept_at == stamp
        {
            return Ok(has_locks);
        }
        let has_locks = super::has_locks(&mut db.read().await?, share).await?;
        self.locks.insert(share, (stamp, has_locks));
        Ok(has_locks)
    }

    /// The bytes of a content that is kept in the database; `None` when it is in the blob store.
    pub async fn inline_bytes(&self, db: &Db, content: ContentId) -> Result<Option<Bytes>, TreeError> {
        if let Some(bytes) = self.contents.get(&content) {
            return Ok(Some(bytes));
        }
        let bytes = Box::pin(async { inline_bytes(&mut db.read().await?, content).await }).await?;
        if let Some(bytes) = &bytes {
            self.contents.insert(content, bytes.clone());
        }
        Ok(bytes)
    }
}

fn key_of(names: &[Name]) -> String {
    let mut key = String::with_capacity(names.iter().map(|name| name.as_str().len() + 1).sum());
    for name in names {
        key.push('/');
        key.push_str(name.key().as_str());
    }
    key
}
