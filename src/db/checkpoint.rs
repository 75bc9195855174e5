//! Checkpoints: what SQLite's log holds is copied back into the file, by a thread and a connection of their own.
//!
//! In a commit, where SQLite would do it by itself, one saver in a hundred would wait for all the others' pages. A log that is still read or
//! grows meanwhile is not begun anew; when that goes on for too long, the writer does the little that is left between two commits ([`Frames`]).

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::source::Purpose;
use super::sqlite::SqliteConn;

/// Frames of 4 KiB that wait for a checkpoint before one is made: 16 MiB.
const WAITING_MAX: u32 = 4096;
/// Frames in the log before the writer itself sees to it that the log begins anew: 64 MiB.
pub(super) const LENGTH_MAX: u32 = 4 * WAITING_MAX;

/// How the log stands (SQLite "WAL-mode File Format", section 2).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Frames {
    /// Pages in it.
    pub length: u32,
    /// How many of them are in the file already.
    pub copied: u32,
}

impl Frames {
    fn waiting(self) -> u32 {
        self.length.saturating_sub(self.copied)
    }

    /// Whether the log has to begin anew now.
    pub fn too_many(self) -> bool {
        self.length > LENGTH_MAX
    }
}

/// The thread that makes them; it ends when this goes.
#[derive(Debug)]
pub(super) struct Checkpoints {
    wanted: SyncSender<()>,
}

impl Checkpoints {
    /// Starts the thread.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let (wanted, wishes) = sync_channel(1);
        let path = path.to_owned();
        let thread = std::thread::Builder::new().name("checkpoints".into());
        thread.spawn(move || make(&path, &wishes))?;
        Ok(Self { wanted })
    }

    /// A commit has been made: has one made too, if it is time.
    pub fn consider(&self, frames: Frames) {
        if frames.waiting() >= WAITING_MAX {
            // When one wish waits already, that one is enough.
            let _ = self.wanted.try_send(());
        }
    }
}

fn make(path: &Path, wishes: &Receiver<()>) {
    let mut kept = None;
    while wishes.recv().is_ok() {
        let conn = match kept.take() {
            Some(conn) => Ok::<SqliteConn, _>(conn),
            None => SqliteConn::open(path, Purpose::WriteDurably),
        };
        let made = conn.and_then(|mut conn| {
            conn.command(CHECKPOINT)?;
            kept = Some(conn);
            Ok(())
        });
        if let Err(error) = made {
            // Nothing is lost: the log holds it all, and the next wish tries again.
            tracing::warn!(%error, "the database's log could not be copied back");
        }
    }
}

/// As much as can be done without letting anybody wait.
pub(super) const CHECKPOINT: &str = "pragma wal_checkpoint(passive)";
