//! Moments as people write them: a date, a moment of RFC 3339, or a span before now.

use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime, PrimitiveDateTime, Time};

use super::span;
use crate::clock::Moment;

/// Reads a moment. Errors: a sentence about what is wrong.
pub(super) fn parse(text: &str) -> Result<Moment, &'static str> {
    parse_at(text, Moment::now())
}

fn parse_at(text: &str, now: Moment) -> Result<Moment, &'static str> {
    if let Ok(span) = span::parse(text) {
        return Ok(Moment(now.0 - i64::try_from(span.as_millis()).expect("a span has a year at the most")));
    }
    let day = Date::parse(text, format_description!("[year]-[month]-[day]"));
    let day = day.map(|day| day.with_time(Time::MIDNIGHT).assume_utc());
    let minute = PrimitiveDateTime::parse(text, format_description!("[year]-[month]-[day] [hour]:[minute]"));
    let minute = minute.map(PrimitiveDateTime::assume_utc);
    let moment = OffsetDateTime::parse(text, &Rfc3339).or(day).or(minute);
    let moment =
        moment.map_err(|_| "a time is a date (2026-11-26), a moment (2026-11-26T14:00:00Z) or a span (30m, 2h, 7d)")?;
    Ok(Moment::from(std::time::SystemTime::from(moment)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_date_a_moment_or_a_span_before_now() {
        let now = Moment(1_700_000_000_000);
        for (text, ms) in [
            ("2h", now.0 - 2 * 3_600_000),
            ("30m", now.0 - 1_800_000),
            ("2023-11-14", 1_699_920_000_000),
            ("2023-11-14 22:13", 1_699_999_980_000),
            ("2023-11-14T22:13:20Z", now.0),
            ("2023-11-14T23:13:20.5+01:00", now.0 + 500),
        ] {
            assert_eq!(parse_at(text, now), Ok(Moment(ms)), "{text}");
        }
        for text in ["", "yesterday", "2023-13-01", "2023-11-14T22:13:20", "14.11.2023", "2h ago"] {
            assert!(parse_at(text, now).is_err(), "{text}");
        }
    }
}
