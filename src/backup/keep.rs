//! Files of a backup: written beside and renamed, read with a bound, summed up.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{BackupError, MANIFEST_BYTES_MAX};
use crate::site;

/// Bytes read at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// Writes a file as a whole, for its owner: a crash leaves the old one or the new one.
pub(super) fn replace(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_string_pretty(value).expect("plain structs become JSON");
    text.push('\n');
    site::replace(path, &text, 0o600)
}

/// Reads what [`replace`] wrote.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, BackupError> {
    let failed = |error| BackupError::Folder(path.to_owned(), error);
    let mut text = String::new();
    File::open(path).map_err(failed)?.take(MANIFEST_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
    serde_json::from_str(&text).map_err(|error| failed(error.into()))
}

/// A file's length and its BLAKE3 hash in hexadecimal digits.
pub(super) fn sum(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok((hasher.count(), hasher.finalize().to_string())),
            read => hasher.update(&chunk[..read]),
        };
    }
}
