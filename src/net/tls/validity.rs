//! From when until when a certificate is valid (RFC 5280 section 4.1.2.5), read from its DER form (X.690) without trusting it.

use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

use crate::clock::Moment;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xA0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Beginning and end; `None`: it isn't the beginning of a certificate.
pub(super) fn of(certificate: &[u8]) -> Option<(Moment, Moment)> {
    let (_, certificate, _) = element(certificate)?;
    let (SEQUENCE, mut rest, _) = element(certificate)? else { return None };
    if rest.first() == Some(&VERSION) {
        rest = element(rest)?.2;
    }
    // Serial number, algorithm, issuer.
    for _ in 0..3 {
        rest = element(rest)?.2;
    }
    let (SEQUENCE, validity, _) = element(rest)? else { return None };
    let (from_kind, from, rest) = element(validity)?;
    let (until_kind, until, _) = element(rest)?;
    Some((moment(from_kind, from)?, moment(until_kind, until)?))
}

/// The first element: its tag, its contents, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7F => (usize::from(first), rest),
        // Three bytes of length: 16 MiB.
        0x81..=0x83 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
            (length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((tag, contents, rest))
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`.
fn moment(kind: u8, text: &[u8]) -> Option<Moment> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match kind {
        UTC_TIME if text.len() == 12 => {
            let year: i32 = text[..2].parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, &text[2..])
        }
        GENERALIZED_TIME if text.len() == 14 => (text[..4].parse().ok()?, &text[4..]),
        _ => return None,
    };
    let part = |at: usize| rest[at..at + 2].parse::<u8>().ok();
    let date = Date::from_calendar_date(year, Month::try_from(part(0)?).ok()?, part(2)?).ok()?;
    let time = Time::from_hms(part(4)?, part(6)?, part(8)?).ok()?;
    let at: OffsetDateTime = PrimitiveDateTime::new(date, time).assume_utc();
    Some(Moment(i64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn the_times_are_those_that_were_put_in() {
        let key = KeyPair::generate().unwrap();
        for (from, until) in [((1999, 12, 31), (2049, 1, 1)), ((2030, 2, 28), (2055, 6, 7))] {
            let mut params = CertificateParams::new(["files.example.org".to_owned()]).unwrap();
            let day = |(year, month, day)| date_time_ymd(year, month, day);
            (params.not_before, params.not_after) = (day(from), day(until));
            let made = params.self_signed(&key).unwrap();
            let at = |at: OffsetDateTime| Moment(at.unix_timestamp() * 1000);
            assert_eq!(of(made.der()), Some((at(params.not_before), at(params.not_after))));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = of(&bytes);
        }

        #[test]
        fn nor_does_a_damaged_certificate(at in 0_usize..300, byte: u8) {
            let key = KeyPair::generate().unwrap();
            let made = CertificateParams::new(["h.example".to_owned()]).unwrap().self_signed(&key).unwrap();
            let mut bytes = made.der().to_vec();
            if let Some(there) = bytes.get_mut(at) {
                *there = byte;
            }
            let _ = of(&bytes);
            bytes.truncate(at);
            let _ = of(&bytes);
        }
    }
}
