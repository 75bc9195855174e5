//! What a backup says of itself.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::BackupError;
use crate::db::copy::TableSum;

/// Of these files; another one is refused.
pub(super) const FORMAT: u32 = 1;

/// What the folder is.
#[derive(Debug, Serialize, Deserialize)]
pub struct Folder {
    format: u32,
    /// The site whose backups it holds.
    pub site: String,
}

impl Folder {
    pub(super) fn of(site: &str) -> Self {
        Self { format: FORMAT, site: site.to_owned() }
    }

    pub(super) fn known(self, path: &Path) -> Result<Self, BackupError> {
        if self.format == FORMAT { Ok(self) } else { Err(BackupError::Format(path.to_owned(), self.format)) }
    }
}

/// One generation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    /// Of this file.
    pub format: u32,
    /// Its number, larger than those of older ones.
    pub generation: u64,
    /// The site's id.
    pub site: String,
    /// Of the program that made it.
    pub version: String,
    /// The moment that the rows are of.
    pub made_ms: i64,
    /// The end of the audit, as `audit head` prints it.
    pub audit_head: String,
    /// The versions of the schema.
    pub schema: Vec<i64>,
    /// Bytes of the file of the rows.
    pub rows_bytes: u64,
    /// Its BLAKE3 hash.
    pub rows_hash: String,
    /// Contents outside of the rows.
    pub contents: u64,
    /// Their bytes.
    pub content_bytes: u64,
    /// What each table holds.
    pub tables: Vec<TableSum>,
}

impl Manifest {
    pub(super) fn known(self, path: &Path) -> Result<Self, BackupError> {
        if self.format == FORMAT { Ok(self) } else { Err(BackupError::Format(path.to_owned(), self.format)) }
    }

    /// Rows of all tables together.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }
}
