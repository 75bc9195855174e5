//! A site: the folder in which everything is kept, and who may open it.
//!
//! `commonhold.db` the rows, `blobs/` the larger contents, `server.lock` held by the one running server, `server.address` where it
//! listens, `audit.head` the end of the audit as it was kept last.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use rustix::fs::{FlockOperation, flock};

use crate::audit::Head;
use crate::blobs::{BlobError, Blobs};
use crate::config::{self, Config, Durability, PlaceOfBlobs};
use crate::db::{self, Address, Db, DbError, Seal};

const DATABASE: &str = "commonhold.db";
const BLOBS: &str = "blobs";
const SERVER_LOCK: &str = "server.lock";
const SERVER_ADDRESS: &str = "server.address";
const AUDIT_HEAD: &str = "audit.head";
/// Bytes of the file that says where the server listens; it has fewer.
const ADDRESS_BYTES_MAX: u64 = 256;
/// Bytes of the file that holds the end of the audit; it has fewer.
const HEAD_BYTES_MAX: u64 = 256;

/// An open site.
pub struct Site {
    /// The rows.
    pub db: Db,
    /// The bytes.
    pub blobs: Blobs,
    folder: PathBuf,
    shared: bool,
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
    /// Another server has the database, with the contents in its own folder.
    #[error(
        "another server is running on this database, and the contents of one of them lie in its own folder; `storage.blobs` names a place \
         that all servers see"
    )]
    DatabaseInUse,
    /// The folder.
    #[error("`{0}`: {1}")]
    Folder(PathBuf, io::Error),
    /// The URL of the database.
    #[error("`storage.database` is no URL of a PostgreSQL database: {0}")]
    Url(String),
    /// Where the contents are said to be.
    #[error("`storage.blobs`: {0}")]
    Place(&'static str),
    /// The rows.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The bytes.
    #[error(transparent)]
    Blobs(#[from] BlobError),
}

/// A file outside of the database that holds the end of the audit, so that a log whose end was cut off is found.
#[derive(Debug, Clone)]
pub struct HeadFile(PathBuf);

impl HeadFile {
    /// At this path.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// What was kept last; none before the first time. Errors: it can't be read, or holds something else.
    pub fn read(&self) -> Result<Option<Head>, SiteError> {
        let failed = |error| SiteError::Folder(self.0.clone(), error);
        let file = match File::open(&self.0) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mut text = String::new();
        file.take(HEAD_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
        let head = text.parse().map_err(|why| failed(io::Error::new(ErrorKind::InvalidData, why)))?;
        Ok(Some(head))
    }

    /// Keeps this head instead; a crash leaves the one or the other.
    pub fn write(&self, head: &Head) -> Result<(), SiteError> {
        replace(&self.0, &format!("{head}\n"), 0o600).map_err(|error| SiteError::Folder(self.0.clone(), error))
    }
}

/// The right to be the site's server, as long as it is kept; the system takes it back when the process dies.
#[derive(Debug)]
pub struct Claim {
    _lock: Option<File>,
    _rows: db::Claim,
}

impl Site {
    /// Makes a new site in `folder`, which is made when missing, readable by its owner only.
    pub async fn create(folder: &Path, config: &Config) -> Result<Self, SiteError> {
        if Self::exists(folder, config) {
            return Err(SiteError::Exists(folder.to_owned()));
        }
        make_folder(folder)?;
        Self::attach(folder, config, true).await
    }

    /// Opens the site in `folder`. Any number of processes may, beside the one server.
    pub async fn open(folder: &Path, config: &Config) -> Result<Self, SiteError> {
        if !Self::exists(folder, config) {
            return Err(SiteError::Missing(folder.to_owned()));
        }
        make_folder(folder)?;
        Self::attach(folder, config, false).await
    }

    /// The same site, to each of whose transactions `seal` adds something.
    pub fn sealed_by(self, seal: Arc<dyn Seal>) -> Self {
        Self { db: self.db.sealed_by(seal), ..self }
    }

    /// The same site, to whose transactions nothing is added: those of a server have their own records.
    pub fn unsealed(self) -> Self {
        Self { db: self.db.unsealed(), ..self }
    }

    /// Whether there is a site in `folder`. One whose rows are on a server is there as soon as somebody asks, though perhaps empty.
    pub fn exists(folder: &Path, config: &Config) -> bool {
        !config.storage.database.is_empty() || folder.join(DATABASE).exists()
    }

    /// A place for the site with this id, in which its rows and contents are still to be put. What is there of an earlier try is taken again.
    pub async fn prepare(folder: &Path, config: &Config, id: &str) -> Result<Self, SiteError> {
        Self::prepare_at(folder, config, id, None).await
    }

    /// The same for rows of this version of the schema.
    pub async fn prepare_at(folder: &Path, config: &Config, id: &str, version: Option<i64>) -> Result<Self, SiteError> {
        make_folder(folder)?;
        let (db, blobs) = Self::stores(folder, config, true, (Some(id), version)).await?;
        Ok(Self { db, blobs, folder: folder.to_owned(), shared: config.storage.is_shared() })
    }

    /// Where contents lie in the folder of a site, as an absolute path.
    pub fn folder_of_blobs(folder: &Path) -> Result<PathBuf, SiteError> {
        let folder = std::path::absolute(folder).map_err(|error| SiteError::Folder(folder.to_owned(), error))?;
        Ok(folder.join(BLOBS))
    }

    async fn attach(folder: &Path, config: &Config, create: bool) -> Result<Self, SiteError> {
        let (db, blobs) = Self::stores(folder, config, create, (None, None)).await?;
        Ok(Self { db, blobs, folder: folder.to_owned(), shared: config.storage.is_shared() })
    }

    /// The rows, and the contents of the site with the id, or of the one whose rows they are.
    async fn stores(
        folder: &Path,
        config: &Config,
        create: bool,
        (id, version): (Option<&str>, Option<i64>),
    ) -> Result<(Db, Blobs), SiteError> {
        let durability = config.storage.durability;
        let db = match config.storage.database.as_str() {
            "" => Db::open_at(&folder.join(DATABASE), create, durability == Durability::Full, version).await?,
            url => {
                let address = Address::from_str(url).map_err(SiteError::Url)?;
                Db::connect_at(&address.with_readers(config.storage.database_readers_max), version).await?
            }
        };
        let blobs = match config.storage.place_of_blobs().map_err(SiteError::Place)? {
            PlaceOfBlobs::WithTheSite => Blobs::open(&folder.join(BLOBS), durability)?,
            PlaceOfBlobs::Folder(elsewhere) => Blobs::open(&elsewhere, durability)?,
            PlaceOfBlobs::Bucket(url) => {
                let id = match id {
                    Some(id) => id.to_owned(),
                    None => db.site_id().await?,
                };
                Blobs::in_bucket(&url, &config.storage.s3, &id)?
            }
        };
        Ok((db, blobs))
    }

    /// Takes the site for a server. Errors: [`SiteError::InUse`] when another one has it.
    /// [`SiteError::DatabaseInUse`]: it has the rows, and its contents or ours lie where the other doesn't see them.
    pub async fn claim(&self) -> Result<Claim, SiteError> {
        let lock = self.lock_folder()?;
        Ok(Claim { _lock: Some(lock), ..self.claim_rows(self.shared).await? })
    }

    /// The same for one that must be alone, also where servers may share. Errors: as of [`Self::claim`].
    pub async fn claim_alone(&self) -> Result<Claim, SiteError> {
        let lock = self.lock_folder()?;
        Ok(Claim { _lock: Some(lock), ..self.claim_rows(false).await? })
    }

    /// Takes the rows only, beside others if `shared`.
    pub async fn claim_rows(&self, shared: bool) -> Result<Claim, SiteError> {
        let rows = self.db.claim(shared).await?.ok_or(SiteError::DatabaseInUse)?;
        Ok(Claim { _lock: None, _rows: rows })
    }

    fn lock_folder(&self) -> Result<File, SiteError> {
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
        Ok(file)
    }

    /// Where the end of the audit is kept.
    pub fn head_file(&self, config: &config::Audit) -> HeadFile {
        let elsewhere = Path::new(&config.head_file);
        HeadFile::new(if config.head_file.is_empty() { self.folder.join(AUDIT_HEAD) } else { elsewhere.to_owned() })
    }

    /// Says where the server listens, for commands that look after it: the beginning of a URL. Errors: the file can't be written.
    pub fn tell_address(&self, origin: &str) -> Result<(), SiteError> {
        let path = self.folder.join(SERVER_ADDRESS);
        replace(&path, &format!("{origin}\n"), 0o600).map_err(|error| SiteError::Folder(path, error))
    }

    /// Where the server of the site in `folder` said last that it listens, if it runs or was killed.
    pub fn told_address(folder: &Path) -> Option<String> {
        let mut text = String::new();
        File::open(folder.join(SERVER_ADDRESS)).ok()?.take(ADDRESS_BYTES_MAX).read_to_string(&mut text).ok()?;
        Some(text.trim().to_owned())
    }

    /// Takes that back, where no server runs any more.
    pub fn forget_address(&self) {
        // One that is left names a server that doesn't answer, and is written anew by the next.
        let _ = std::fs::remove_file(self.folder.join(SERVER_ADDRESS));
    }

    /// Ends all use of the site.
    pub async fn close(self) {
        self.db.close().await;
    }
}

/// Makes the folder when it is missing, readable by its owner only.
fn make_folder(folder: &Path) -> Result<(), SiteError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| SiteError::Folder(folder.to_owned(), error))
}

/// Writes a file as a whole, with these rights: a crash leaves the old one or the new one.
pub(crate) fn replace(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut beside = path.to_owned().into_os_string();
    beside.push(".new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&beside)?;
    // One that a crash has left may have others.
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(text.as_bytes())?;
    file.sync_data()?;
    std::fs::rename(&beside, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_data()
}
