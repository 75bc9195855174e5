//! A site: the folder in which everything is kept, and who may open it.
//!
//! `commonhold.db` the rows, `blobs/` the larger contents, `server.lock` held by the one running server.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::blobs::{BlobError, Blobs};
use crate::config::{Config, Durability};
use crate::db::{Db, DbError};

const DATABASE: &str = "commonhold.db";
const BLOBS: &str = "blobs";
const SERVER_LOCK: &str = "server.lock";

/// An open site.
pub struct Site {
    /// The rows.
    pub db: Db,
    /// The bytes.
    pub blobs: Blobs,
    folder: PathBuf,
}

/// Why a site could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// Nothing there.
    #[error("there is no site in `{0}`; `commonhold init` makes one")]
    Missing(PathBuf),
    /// Something there already.
    #[error("there is a site in `{0}` already")]
    Exists(PathBuf),
    /// Another server runs on it.
    #[error("another server (process {pid}) is running on the site in `{folder}`")]
    InUse {
        /// The site.
        folder: PathBuf,
        /// Its process id, as it wrote it.
        pid: String,
    },
    /// The folder.
    #[error("`{0}`: {1}")]
    Folder(PathBuf, std::io::Error),
    /// The rows.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The bytes.
    #[error(transparent)]
    Blobs(#[from] BlobError),
}

/// The right to be the site's server, as long as it is kept; the system takes it back when the process dies.
#[derive(Debug)]
pub struct Claim {
    _lock: File,
}

impl Site {
    /// Makes a new site in `folder`, which is made when missing, readable by its owner only.
    pub async fn create(folder: &Path, config: &Config) -> Result<Self, SiteError> {
        if folder.join(DATABASE).exists() {
            return Err(SiteError::Exists(folder.to_owned()));
        }
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|error| SiteError::Folder(folder.to_owned(), error))?;
        Self::attach(folder, config, true).await
    }

    /// Opens the site in `folder`. Any number of processes may, beside the one server.
    pub async fn open(folder: &Path, config: &Config) -> Result<Self, SiteError> {
        if !folder.join(DATABASE).exists() {
            return Err(SiteError::Missing(folder.to_owned()));
        }
        Self::attach(folder, config, false).await
    }

    /// Whether there is a site in `folder`.
    pub fn exists(folder: &Path) -> bool {
        folder.join(DATABASE).exists()
    }

    async fn attach(folder: &Path, config: &Config, create: bool) -> Result<Self, SiteError> {
        let durability = config.storage.durability;
        let db = Db::open(&folder.join(DATABASE), create, durability == Durability::Full).await?;
        let blobs = Blobs::open(&folder.join(BLOBS), durability)?;
        Ok(Self { db, blobs, folder: folder.to_owned() })
    }

    /// Takes the site for a server. Errors: [`SiteError::InUse`] when another one has it.
    pub fn claim(&self) -> Result<Claim, SiteError> {
        let failed = |error| SiteError::Folder(self.folder.join(SERVER_LOCK), error);
        let path = self.folder.join(SERVER_LOCK);
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        let mut file = options.map_err(failed)?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut pid = String::new();
            file.read_to_string(&mut pid).map_err(failed)?;
            return Err(SiteError::InUse { folder: self.folder.clone(), pid: pid.trim().to_owned() });
        }
        // For people: the lock itself is the system's.
        file.set_len(0).map_err(failed)?;
        file.rewind().map_err(failed)?;
        writeln!(file, "{}", std::process::id()).and_then(|()| file.sync_data()).map_err(failed)?;
        Ok(Claim { _lock: file })
    }

    /// Ends all use of the site.
    pub async fn close(self) {
        self.db.close().await;
    }
}
