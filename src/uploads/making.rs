//! Of which uploads this server is making files: that copies all their pieces, so it is done once at a time for each, however often its client asks.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;

use super::UploadError;
use crate::ids::UserId;

/// The uploads of which files are being made.
#[derive(Debug, Default)]
pub struct Making(Mutex<HashSet<(UserId, String)>>);

impl Making {
    /// Begins to make the file of an upload; it lasts until the turn is dropped. Errors: [`UploadError::BeingMade`].
    pub fn begin(self: &Arc<Self>, user: UserId, upload: &str) -> Result<Turn, UploadError> {
        let whose = (user, upload.to_owned());
        if !self.0.lock().insert(whose.clone()) {
            return Err(UploadError::BeingMade);
        }
        Ok(Turn { making: Arc::clone(self), whose })
    }
}

/// The turn of one request.
#[derive(Debug)]
pub struct Turn {
    making: Arc<Making>,
    whose: (UserId, String),
}

impl Turn {
    /// Whose upload, and its name.
    pub fn upload(&self) -> (UserId, &str) {
        (self.whose.0, &self.whose.1)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.making.0.lock().remove(&self.whose);
    }
}
