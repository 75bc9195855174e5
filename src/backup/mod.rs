//! Backups: a folder that holds generations of a site's rows, and every content that any of them names.
//!
//! ```text
//! backup.json              what the folder is, and of which site
//! rows/000001.rows         all rows of one moment, see db/copy
//! rows/000001.json         what they are: written last, so a generation without it never came about
//! blobs/                   as in a site
//! ```
//!
//! The rows come first, as one moment of the running site; then the contents that they name. A content never changes, and one that the site
//! has dropped meanwhile waits out its grace there, so what the rows name can be had. Contents of an earlier generation are
//! there already and are not brought again. Nothing here depends on the database or the store of contents that the site has.

mod keep;
mod manifest;
pub mod restore;
mod sql;

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, BufWriter};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use futures_util::{StreamExt, TryStreamExt, stream};
use rustix::fs::{FlockOperation, flock};

pub use manifest::{Folder, Manifest};

use crate::audit;
use crate::blobs::{BlobError, BlobId, Blobs, Damage};
use crate::clock::Moment;
use crate::config::Durability;
use crate::db::DbError;
use crate::db::copy::{self, CopyError, Rows};
use crate::site::{Site, SiteError};

const MARKER: &str = "backup.json";
const ROWS: &str = "rows";
const BLOBS: &str = "blobs";
/// Bytes of a manifest; a site has some dozens of tables, each a line.
const MANIFEST_BYTES_MAX: u64 = 1024 * 1024;
/// Contents that are brought or compared at the same time.
const CONTENTS_AT_ONCE: usize = 4;
/// Contents read from the file of the rows before they are brought.
const PAGE_CONTENTS: usize = 200;
/// Damaged contents that are named.
const NAMED_MAX: usize = 20;

/// Why a backup couldn't be made, read or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The folder.
    #[error("`{0}`: {1}")]
    Folder(PathBuf, io::Error),
    /// No backup.
    #[error("`{0}` is no folder of a backup, and not empty")]
    NoBackup(PathBuf),
    /// That of another site.
    #[error("`{0}` holds the backups of another site; give each site a folder of its own")]
    OtherSite(PathBuf),
    /// Another process writes to it.
    #[error("another backup is being made in `{0}`")]
    InUse(PathBuf),
    /// Written by a later version.
    #[error("`{0}` is of the format {1}, which this server doesn't know")]
    Format(PathBuf, u32),
    /// A generation that isn't there.
    #[error("there is no generation {0} in the backup")]
    NoGeneration(u64),
    /// No generation at all.
    #[error("the backup holds no whole generation")]
    Nothing,
    /// Bytes of the backup that have changed.
    #[error("the backup is damaged: {}", .0.join("; "))]
    Damaged(Vec<String>),
    /// What a restored site says of itself.
    #[error("the restored site is not whole: {}", .0.join("; "))]
    NotWhole(Vec<String>),
    /// The rows.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The contents.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The site.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// The check of the restored site.
    #[error(transparent)]
    Verify(#[from] crate::verify::VerifyError),
}

/// What a run of [`Backup::make`] did.
#[derive(Debug, Clone, Copy, Default, serde::Serialize)]
pub struct Brought {
    /// Contents that were not there before.
    pub contents: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A content that the rows name and the store holds.
struct Content {
    id: BlobId,
    size: u64,
    hash: [u8; 32],
}

/// A folder of backups.
pub struct Backup {
    folder: PathBuf,
    blobs: Blobs,
    _lock: Option<File>,
}

impl Backup {
    /// Opens the folder for reading. Errors: [`BackupError::NoBackup`], [`BackupError::Format`].
    pub fn open(folder: &Path) -> Result<Self, BackupError> {
        let folder = folder.to_owned();
        marker(&folder)?.ok_or_else(|| BackupError::NoBackup(folder.clone()))?;
        let blobs = Blobs::open(&folder.join(BLOBS), Durability::Full)?;
        Ok(Self { folder, blobs, _lock: None })
    }

    /// Opens the folder for a backup of `site`, and makes it when it is missing or empty; readable by its owner only.
    ///
    /// Errors: [`BackupError::NoBackup`], [`BackupError::OtherSite`], [`BackupError::InUse`].
    pub async fn begin(folder: &Path, site: &Site) -> Result<Self, BackupError> {
        let failed = |error| BackupError::Folder(folder.to_owned(), error);
        let id = site.db.site_id().await?;
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        match marker(folder)? {
            Some(marker) if marker.site == id => {}
            Some(_) => return Err(BackupError::OtherSite(folder.to_owned())),
            None => {
                if fs::read_dir(folder).map_err(failed)?.next().is_some() {
                    return Err(BackupError::NoBackup(folder.to_owned()));
                }
                DirBuilder::new().mode(0o700).create(folder.join(ROWS)).map_err(failed)?;
                keep::replace(&folder.join(MARKER), &Folder::of(&id)).map_err(failed)?;
            }
        }
        let lock = File::open(folder.join(MARKER)).map_err(failed)?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(BackupError::InUse(folder.to_owned()));
        }
        let blobs = Blobs::open(&folder.join(BLOBS), Durability::Full)?;
        let backup = Self { folder: folder.to_owned(), blobs, _lock: Some(lock) };
        backup.clear()?;
        Ok(backup)
    }

    /// Removes the rows of generations that never came about, or that were dropped and cut off at it.
    fn clear(&self) -> Result<(), BackupError> {
        let rows = self.folder.join(ROWS);
        let failed = |error| BackupError::Folder(rows.clone(), error);
        for entry in fs::read_dir(&rows).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let is_rows = path.extension().is_some_and(|extension| extension == "rows");
            if is_rows && !path.with_extension("json").try_exists().map_err(failed)? {
                fs::remove_file(&path).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// The whole generations, the oldest first.
    pub fn generations(&self) -> Result<Vec<Manifest>, BackupError> {
        let rows = self.folder.join(ROWS);
        let failed = |error| BackupError::Folder(rows.clone(), error);
        let mut found = Vec::new();
        for entry in fs::read_dir(&rows).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let manifest: Manifest = keep::read(&path)?;
                found.push(manifest.known(&path)?);
            }
        }
        found.sort_by_key(|manifest| manifest.generation);
        Ok(found)
    }

    /// One generation, the newest unless one is named. Errors: [`BackupError::NoGeneration`], [`BackupError::Nothing`].
    pub fn generation(&self, number: Option<u64>) -> Result<Manifest, BackupError> {
        let mut all = self.generations()?;
        match number {
            None => all.pop().ok_or(BackupError::Nothing),
            Some(number) => {
                let found = all.into_iter().find(|manifest| manifest.generation == number);
                found.ok_or(BackupError::NoGeneration(number))
            }
        }
    }

    fn rows_of(&self, generation: u64) -> PathBuf {
        self.folder.join(ROWS).join(format!("{generation:06}.rows"))
    }

    fn manifest_of(&self, generation: u64) -> PathBuf {
        self.folder.join(ROWS).join(format!("{generation:06}.json"))
    }

    /// Adds a generation: the rows of this moment and the contents that they name and that aren't here. The site may be served meanwhile.
    ///
    /// Errors: [`BackupError::Damaged`] when contents of the site are damaged; then there is no new generation.
    pub async fn make(&self, site: &Site, now: Moment) -> Result<(Manifest, Brought), BackupError> {
        let generation = self.last_number()? + 1;
        let path = self.rows_of(generation);
        let failed = |error| BackupError::Folder(path.clone(), error);
        let (head, schema, tables) = {
            let mut reads = site.db.read().await?;
            let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
            let file = file.map_err(failed)?;
            let tables = copy::dump(&mut reads, BufWriter::new(&file)).await?;
            file.sync_all().map_err(failed)?;
            (audit::head(&mut reads).await?, copy::schema(&mut reads).await?, tables)
        };
        let (rows_bytes, rows_hash) = keep::sum(&path).map_err(failed)?;
        let (mut contents, mut bytes, mut brought) = (0, 0, Brought::default());
        let mut damaged = Vec::new();
        let mut pages = self.contents(generation)?;
        loop {
            let page = pages.page()?;
            if page.is_empty() {
                break;
            }
            let bring = page.iter().map(|content| self.bring(site, content));
            let mut bringing = stream::iter(bring).buffer_unordered(CONTENTS_AT_ONCE);
            while let Some((content, outcome)) = bringing.try_next().await? {
                (contents, bytes) = (contents + 1, bytes + content.size);
                match outcome {
                    Outcome::There => {}
                    Outcome::Brought => {
                        (brought.contents, brought.bytes) = (brought.contents + 1, brought.bytes + content.size);
                    }
                    Outcome::Damaged(damage) => damaged.push(format!("content {} of the site: {damage}", content.id)),
                }
            }
            if damaged.len() >= NAMED_MAX {
                break;
            }
        }
        if !damaged.is_empty() {
            return Err(BackupError::Damaged(damaged));
        }
        let manifest = Manifest {
            format: manifest::FORMAT,
            generation,
            site: site.db.site_id().await?,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            made_ms: now.0,
            audit_head: head.to_string(),
            schema,
            rows_bytes,
            rows_hash,
            contents,
            content_bytes: bytes,
            tables,
        };
        keep::replace(&self.manifest_of(generation), &manifest).map_err(failed)?;
        Ok((manifest, brought))
    }

    /// The largest number that any file of rows has, whole or not.
    fn last_number(&self) -> Result<u64, BackupError> {
        let rows = self.folder.join(ROWS);
        let failed = |error| BackupError::Folder(rows.clone(), error);
        let mut last = 0;
        for entry in fs::read_dir(&rows).map_err(failed)? {
            let name = entry.map_err(failed)?.path();
            let number = name.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
            last = last.max(number.unwrap_or(0));
        }
        Ok(last)
    }

    async fn bring<'c>(&self, site: &Site, content: &'c Content) -> Result<(&'c Content, Outcome), BackupError> {
        if self.blobs.has(&content.id, content.size).await? {
            return Ok((content, Outcome::There));
        }
        let damage = self.blobs.bring(&site.blobs, &content.id, content.size, content.hash).await?;
        Ok((content, damage.map_or(Outcome::Brought, Outcome::Damaged)))
    }

    /// Compares the rows of a generation, and every content that they name, with their hashes. Errors: [`BackupError::Damaged`].
    pub async fn verify(&self, manifest: &Manifest) -> Result<(), BackupError> {
        self.confirm_rows(manifest)?;
        let mut damaged = Vec::new();
        let mut pages = self.contents(manifest.generation)?;
        loop {
            let page = pages.page()?;
            if page.is_empty() || damaged.len() >= NAMED_MAX {
                break;
            }
            let verify = page.iter().map(|content| async move {
                Ok::<_, BackupError>((content, self.blobs.verify(&content.id, content.size, content.hash).await?))
            });
            let mut verifying = stream::iter(verify).buffer_unordered(CONTENTS_AT_ONCE);
            while let Some((content, damage)) = verifying.try_next().await? {
                damaged.extend(damage.map(|damage| format!("content {}: {damage}", content.id)));
            }
        }
        if damaged.is_empty() { Ok(()) } else { Err(BackupError::Damaged(damaged)) }
    }

    fn confirm_rows(&self, manifest: &Manifest) -> Result<(), BackupError> {
        let path = self.rows_of(manifest.generation);
        match keep::sum(&path) {
            Ok((bytes, hash)) if bytes == manifest.rows_bytes && hash == manifest.rows_hash => Ok(()),
            Ok(_) => Err(BackupError::Damaged(vec![format!("the rows in `{}` have changed", path.display())])),
            Err(error) => Err(BackupError::Folder(path, error)),
        }
    }

    /// Removes all generations but the newest `keep`, and the contents that none of the others names; gives how many of both.
    pub async fn drop_old(&self, keep: usize) -> Result<(u64, u64), BackupError> {
        let mut old = self.generations()?;
        let kept = old.split_off(old.len().saturating_sub(keep));
        if old.is_empty() {
            return Ok((0, 0));
        }
        for manifest in &old {
            let failed = |error| BackupError::Folder(self.folder.clone(), error);
            // What has no manifest is no generation any more, whatever becomes of the rest.
            fs::remove_file(self.manifest_of(manifest.generation)).map_err(failed)?;
            fs::remove_file(self.rows_of(manifest.generation)).map_err(failed)?;
        }
        let mut named: HashSet<BlobId> = HashSet::new();
        for manifest in &kept {
            let mut pages = self.contents(manifest.generation)?;
            loop {
                let page = pages.page()?;
                if page.is_empty() {
                    break;
                }
                named.extend(page.iter().map(|content| content.id));
            }
        }
        let mut dropped = 0;
        let mut all = self.blobs.list();
        while let Some((id, _)) = all.try_next().await? {
            if !named.contains(&id) {
                dropped += u64::from(self.blobs.delete(&id).await?);
            }
        }
        Ok((old.len() as u64, dropped))
    }

    /// The contents that the rows of a generation name and the store holds.
    fn contents(&self, generation: u64) -> Result<Contents, BackupError> {
        let path = self.rows_of(generation);
        let file = File::open(&path).map_err(|error| BackupError::Folder(path, error))?;
        Ok(Contents(Rows::of(BufReader::new(file), "content", &["id", "size", "hash", "inline"])?))
    }
}

enum Outcome {
    There,
    Brought,
    Damaged(Damage),
}

/// Contents, read page by page from a file of rows.
struct Contents(Rows<BufReader<File>>);

impl Contents {
    /// The next ones; none at the end.
    fn page(&mut self) -> Result<Vec<Content>, BackupError> {
        let damaged = || CopyError::Damaged("a content is none");
        let mut page = Vec::new();
        while page.len() < PAGE_CONTENTS {
            let Some(row) = self.0.next_row()? else { break };
            if row.try_get::<bool>(3)? {
                continue;
            }
            let id: &[u8] = row.try_get(0)?;
            let hash: &[u8] = row.try_get(2)?;
            page.push(Content {
                id: BlobId::from_bytes(id.try_into().map_err(|_| damaged())?),
                size: row.try_get::<i64>(1)?.unsigned_abs(),
                hash: hash.try_into().map_err(|_| damaged())?,
            });
        }
        Ok(page)
    }
}

/// What the folder says that it is; nothing when it doesn't.
fn marker(folder: &Path) -> Result<Option<Folder>, BackupError> {
    let path = folder.join(MARKER);
    match path.try_exists() {
        Ok(true) => Ok(Some(keep::read::<Folder>(&path)?.known(&path)?)),
        Ok(false) => Ok(None),
        Err(error) => Err(BackupError::Folder(path, error)),
    }
}
