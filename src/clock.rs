//! The one place that asks what time it is; everybody else is told.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment: milliseconds since 1970-01-01 UTC. What the database stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub i64);

impl Moment {
    /// The present moment.
    pub fn now() -> Self {
        Self::from(SystemTime::now())
    }

    /// This moment and `span` more; saturating.
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This moment less `span`; saturating.
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How much later this is than `before`; nothing if it isn't.
    pub fn since(self, before: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(before.0)).unwrap_or(0))
    }

    /// As the standard library's type; a moment before 1970 becomes 1970, which is the least an HTTP date is asked for.
    pub fn system(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(u64::try_from(self.0).unwrap_or(0))
    }

    /// Whole seconds since 1970, rounded down, never negative.
    pub fn unix_s(self) -> u64 {
        u64::try_from(self.0).unwrap_or(0) / 1000
    }
}

impl From<SystemTime> for Moment {
    fn from(time: SystemTime) -> Self {
        let ms = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()),
            Err(before) => i64::try_from(before.duration().as_millis()).map(|ms| -ms),
        };
        Self(ms.unwrap_or(i64::MAX))
    }
}
