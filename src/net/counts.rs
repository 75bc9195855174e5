//! How many connections there are and were, for whoever watches.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts of connections since the server started.
#[derive(Debug, Default)]
pub struct Counts {
    accepted: AtomicU64,
    refused: AtomicU64,
    ended: AtomicU64,
    failed_greetings: AtomicU64,
    cut: AtomicU64,
}

/// A connection that is open, however it ends.
pub(super) struct Open(Arc<Counts>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Relaxed);
    }
}

impl Counts {
    /// Connections that were taken.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Relaxed)
    }

    /// Those that were turned away, for want of room or because they may not speak plain HTTP.
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Those that are open.
    pub fn open(&self) -> u64 {
        self.accepted().saturating_sub(self.ended.load(Relaxed))
    }

    /// Those that never came as far as HTTP: no TLS, no PROXY header, or not in time.
    pub fn failed_greetings(&self) -> u64 {
        self.failed_greetings.load(Relaxed)
    }

    /// Those that were cut for holding on to nothing.
    pub fn cut(&self) -> u64 {
        self.cut.load(Relaxed)
    }

    /// A connection was taken; it has ended when what this gives is dropped.
    pub(super) fn took(self: &Arc<Self>) -> Open {
        self.accepted.fetch_add(1, Relaxed);
        Open(Arc::clone(self))
    }

    pub(super) fn turned_away(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    pub(super) fn greeting_failed(&self) {
        self.failed_greetings.fetch_add(1, Relaxed);
    }

    pub(super) fn was_cut(&self) {
        self.cut.fetch_add(1, Relaxed);
    }
}
