//! Spans of time as people write them: `30s`, `10m`, `2h`, `1d`.

use std::time::Duration;

const UNITS: [(char, u64); 4] = [('d', 24 * 60 * 60), ('h', 60 * 60), ('m', 60), ('s', 1)];
/// The longest span that a command takes; for longer there is "untimed".
const SPAN_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Reads a span: a number and one unit. Errors: a sentence about what is wrong.
pub(super) fn parse(text: &str) -> Result<Duration, &'static str> {
    let wrong = "a span is a number with `s`, `m`, `h` or `d`, such as 30m or 2h";
    let unit = text.chars().last().ok_or(wrong)?;
    let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit).ok_or(wrong)?;
    let digits = &text[..text.len() - unit.len_utf8()];
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong);
    }
    let span = digits.parse().ok().and_then(|count: u64| count.checked_mul(*seconds)).map(Duration::from_secs);
    match span {
        Some(Duration::ZERO) => Err("the span must not be zero"),
        Some(span) if span <= SPAN_MAX => Ok(span),
        _ => Err("a span has 366 days at the most"),
    }
}

/// Writes a span in whole seconds as [`parse`] reads it, in the largest unit that tells it exactly.
pub(super) fn tell(span: Duration) -> String {
    let seconds = span.as_secs();
    let (unit, length) = UNITS.into_iter().find(|(_, length)| seconds.is_multiple_of(*length)).expect("1 divides all");
    format!("{}{unit}", seconds / length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_as_it_is_read() {
        for (text, seconds) in
            [("1s", 1), ("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86_400), ("366d", 31_622_400)]
        {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
            assert_eq!(tell(Duration::from_secs(seconds)), text);
        }
        assert_eq!(tell(parse("120m").unwrap()), "2h");
    }

    #[test]
    fn what_is_no_span_is_refused() {
        for text in
            ["", "h", "10", "m10", "-5m", "+5m", "1.5h", "2 h", "0s", "367d", "99999999999999999999d", "5é", "١s"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
