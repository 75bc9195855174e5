//! The one place that asks what time it is; everybody else is told.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::macros::format_description;

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

    /// As RFC 3339, in UTC; always with milliseconds, so that texts have the order of their moments.
    pub fn rfc3339(self) -> String {
        let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
        OffsetDateTime::from(self.system()).format(form).expect("the years of a server's life can be written")
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn moments_are_written_in_utc() {
        assert_eq!(Moment(1_700_000_000_000).rfc3339(), "2023-11-14T22:13:20.000Z");
        assert_eq!(Moment(1_700_000_000_500).rfc3339(), "2023-11-14T22:13:20.500Z");
    }

    proptest! {
        #[test]
        fn texts_have_the_order_of_their_moments(one in 0..4_102_444_800_000i64, later in 0..100_000i64) {
            let (one, other) = (Moment(one), Moment(one + later));
            prop_assert_eq!(one.rfc3339().cmp(&other.rfc3339()), one.cmp(&other));
        }
    }
}
