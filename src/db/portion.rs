//! How much a slice of long work takes at a time, so that whoever else wants to write waits for a moment only.

use std::time::Duration;

/// The statements of a slice shall take so long. Those who save meanwhile wait for one of them at the most, and for its commit.
pub const SLICE_TIME: Duration = Duration::from_millis(5);
/// Rows of the first slice; the next ones have as many as fit into the time.
const FIRST: usize = 100;
/// However slow the machine is.
const LEAST: usize = 20;
/// However quick it is: the rows of a slice may be in memory.
const MOST: usize = 2_000;

/// Rows of the next slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Portion(usize);

impl Portion {
    /// No slice has more.
    pub const MOST: usize = MOST;

    /// Rows.
    pub fn rows(self) -> usize {
        self.0
    }

    /// The one after a slice of so many rows that took so long. One that had less to do than it could says nothing, but for that it was too slow.
    pub fn after(self, rows: usize, took: Duration) -> Self {
        let fits = rows.saturating_mul(SLICE_TIME.as_micros() as usize) / (took.as_micros() as usize).max(1);
        if rows < self.0 && fits >= self.0 {
            return self;
        }
        Self(fits.clamp(self.0 / 2, self.0 * 2).clamp(LEAST, MOST))
    }
}

impl Default for Portion {
    fn default() -> Self {
        Self(FIRST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_has_as_many_rows_as_fit_into_its_time() {
        let first = Portion::default();
        assert_eq!(first.after(100, SLICE_TIME).rows(), 100);
        assert_eq!(first.after(100, SLICE_TIME / 100).rows(), 200, "no more than twice as many at once");
        assert_eq!(first.after(100, SLICE_TIME * 100).rows(), 50);
        assert_eq!(first.after(3, SLICE_TIME / 1000).rows(), 100, "the end of a tree says nothing");
        let (mut slow, mut quick) = (first, first);
        for _ in 0..20 {
            slow = slow.after(slow.rows(), SLICE_TIME * 50);
            quick = quick.after(quick.rows(), Duration::ZERO);
        }
        assert_eq!((slow.rows(), quick.rows()), (LEAST, MOST));
    }
}
