//! Restoring a generation into an empty place.
//!
//! Contents first, each compared with its hash; then all rows in one transaction, compared table by table before its commit, which is
//! what makes a site of the place. What was cut off before is no site, and the next try goes on with the contents that are there.
//!
//! A restored site is not the one that was lost: it has an id of its own, its shares' sequences and its tables' ids leave room for
//! what the lost one gave after the backup, so that no entity tag, sync token or id means two things; and its audit says what happened.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::{Backup, BackupError, CONTENTS_AT_ONCE, Manifest, NAMED_MAX, sql};
use crate::clock::Moment;
use crate::config::Config;
use crate::db::{Reads, copy};
use crate::ids::ContentId;
use crate::site::Site;

/// Ids and sequences that a lost site may have given after its last backup; far more than it can have.
const LOST_MAX: i64 = 1 << 32;

/// What was restored.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Restored {
    /// The generation.
    pub generation: u64,
    /// Rows.
    pub rows: u64,
    /// Contents outside of the rows.
    pub contents: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Contents that the backup doesn't have whole: their files can't be read.
    pub missing: Vec<String>,
}

/// Restores a generation into the place that `folder` and `config` name. With `even_damaged`, contents that the backup doesn't have whole
/// are left out and told, else they are an error before anything is done.
///
/// Errors: [`copy::CopyError::NotEmpty`] where a site is; [`BackupError::Damaged`].
pub async fn restore(
    backup: &Backup,
    manifest: &Manifest,
    (folder, config): (&Path, &Config),
    even_damaged: bool,
    now: Moment,
) -> Result<Restored, BackupError> {
    backup.confirm_rows(manifest)?;
    // Contents in a bucket lie under the site's id.
    let id = ContentId::fresh().0.simple().to_string();
    let site = Site::prepare_at(folder, config, &id, manifest.schema.last().copied()).await?;
    let claim = site.claim_alone().await?;
    copy::confirm_empty(&mut site.db.read().await?).await?;
    site.blobs.found().await?;
    let mut restored =
        Restored { generation: manifest.generation, rows: manifest.rows(), contents: 0, bytes: 0, missing: Vec::new() };
    bring(backup, manifest, &site, &mut restored).await?;
    if !restored.missing.is_empty() && !even_damaged {
        restored.missing.truncate(NAMED_MAX);
        return Err(BackupError::Damaged(restored.missing));
    }
    let path = backup.rows_of(manifest.generation);
    let file = File::open(&path).map_err(|error| BackupError::Folder(path, error))?;
    let mut tx = site.db.unsealed().write().await?;
    copy::load(&mut tx, BufReader::new(file)).await?;
    copy::confirm(&mut tx, &manifest.tables).await?;
    copy::skip_ids(&mut tx, LOST_MAX).await?;
    sql::renew(tx.conn(), &id, LOST_MAX, now).await?;
    tx.commit().await?;
    drop(claim);
    site.close().await;
    Ok(restored)
}

/// Brings the contents.
async fn bring(backup: &Backup, manifest: &Manifest, site: &Site, restored: &mut Restored) -> Result<(), BackupError> {
    let mut pages = backup.contents(manifest.generation)?;
    loop {
        let page = pages.page()?;
        if page.is_empty() {
            return Ok(());
        }
        let bring = page.iter().map(|content| async move {
            let damage = site.blobs.bring(&backup.blobs, &content.id, content.size, content.hash).await?;
            Ok::<_, BackupError>((content, damage))
        });
        let mut bringing = stream::iter(bring).buffer_unordered(CONTENTS_AT_ONCE);
        while let Some((content, damage)) = bringing.try_next().await? {
            match damage {
                None => (restored.contents, restored.bytes) = (restored.contents + 1, restored.bytes + content.size),
                Some(damage) => restored.missing.push(format!("content {}: {damage}", content.id)),
            }
        }
    }
}
