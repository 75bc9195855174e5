//! The small headers of WebDAV: Depth, Overwrite, Timeout, Lock-Token.
//!
//! Not here: `Destination` and `If`, which have their own files; what a lock's time-out is capped to (`locks`).
//! RFC 4918 sections 10.2, 10.5, 10.6, 10.7.

use super::scan::{Cursor, digits, is_absolute_uri, list, strip_prefix_any_case};
use super::{Flaw, Header};

/// How far below the resource a request reaches (RFC 4918 section 10.2). What an absent header means is the verb's to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The resource alone.
    Zero,
    /// The resource and its members.
    One,
    /// The resource and everything below.
    Infinity,
}

impl Header for Depth {
    const NAME: &'static str = "Depth";

    fn from_text(text: &str) -> Result<Self, Flaw> {
        match text {
            "0" => Ok(Self::Zero),
            "1" => Ok(Self::One),
            _ if text.eq_ignore_ascii_case("infinity") => Ok(Self::Infinity),
            _ => Err("it is `0`, `1` or `infinity`"),
        }
    }
}

/// Whether COPY and MOVE may replace what is at the destination (RFC 4918 section 10.6); absent means yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overwrite(pub bool);

impl Header for Overwrite {
    const NAME: &'static str = "Overwrite";

    fn from_text(text: &str) -> Result<Self, Flaw> {
        match text {
            "T" | "t" => Ok(Self(true)),
            "F" | "f" => Ok(Self(false)),
            _ => Err("it is `T` or `F`"),
        }
    }
}

/// How long a lock should last (RFC 4918 section 10.7): the first wish of the list, since the server can grant any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timeout {
    /// As long as the server allows.
    Infinite,
    /// So many seconds; numbers beyond 32 bits are the greatest of 32 bits.
    Seconds(u32),
}

impl Timeout {
    fn wish(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("Infinite") {
            return Some(Self::Infinite);
        }
        let seconds = digits(strip_prefix_any_case(text, "Second-")?)?;
        Some(Self::Seconds(u32::try_from(seconds).unwrap_or(u32::MAX)))
    }
}

impl Header for Timeout {
    const NAME: &'static str = "Timeout";
    const IS_LIST: bool = true;

    fn from_text(text: &str) -> Result<Self, Flaw> {
        let wishes: Option<Vec<Self>> = list(text).map(Self::wish).collect();
        let first = wishes.and_then(|wishes| wishes.first().copied());
        first.ok_or("it is a list of `Infinite` and `Second-` with a number")
    }
}

/// The token UNLOCK names (RFC 4918 section 10.5), an absolute URI. Windows and several libraries leave the angle brackets
/// away; that is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockToken(pub String);

impl Header for LockToken {
    const NAME: &'static str = "Lock-Token";

    fn from_text(text: &str) -> Result<Self, Flaw> {
        let mut cursor = Cursor::new(text);
        let token = if cursor.eat("<") { cursor.up_to('>').filter(|_| cursor.is_at_end()) } else { Some(text) };
        match token {
            Some(token) if is_absolute_uri(token) => Ok(Self(token.to_owned())),
            Some(_) | None => Err("it is one absolute URI in angle brackets"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{headers, is_malformed, one};
    use super::*;

    #[test]
    fn depth_has_three_values() {
        assert_eq!(one("0"), Ok(Depth::Zero));
        assert_eq!(one(" 1 "), Ok(Depth::One));
        assert_eq!(one("Infinity"), Ok(Depth::Infinity));
        for bad in ["2", "-1", "00", "1,noroot", "infinite", "0, 0", "0 1"] {
            assert!(is_malformed::<Depth>(bad), "{bad}");
        }
    }

    #[test]
    fn overwrite_is_yes_or_no_and_nothing_else() {
        assert_eq!(one("T"), Ok(Overwrite(true)));
        assert_eq!(one("f"), Ok(Overwrite(false)));
        for bad in ["true", "FALSE", "0", "T F", "F,F"] {
            assert!(is_malformed::<Overwrite>(bad), "{bad}");
        }
    }

    #[test]
    fn a_timeout_is_the_first_wish_of_the_list() {
        assert_eq!(one("Second-600"), Ok(Timeout::Seconds(600)));
        assert_eq!(one("Infinite, Second-4100000000"), Ok(Timeout::Infinite));
        assert_eq!(one("Second-4100000000, Infinite"), Ok(Timeout::Seconds(4_100_000_000)));
        assert_eq!(one(",, second-0 ,infinite"), Ok(Timeout::Seconds(0)));
        let lines = headers(&[("Timeout", "Infinite"), ("Timeout", "Second-5")]);
        assert_eq!(Timeout::parse(&lines), Ok(Some(Timeout::Infinite)));
    }

    #[test]
    fn a_timeout_beyond_every_number_is_the_greatest_one() {
        assert_eq!(one("Second-4294967295"), Ok(Timeout::Seconds(u32::MAX)));
        assert_eq!(one("Second-4294967296"), Ok(Timeout::Seconds(u32::MAX)));
        assert_eq!(one(&format!("Second-{}", "9".repeat(400))), Ok(Timeout::Seconds(u32::MAX)));
    }

    #[test]
    fn one_bad_wish_spoils_the_list() {
        for bad in [",", "Second-", "Second", "Second--1", "Second-1x", "Second-1 Second-2", "600", "Infinite, soon"] {
            assert!(is_malformed::<Timeout>(bad), "{bad}");
        }
    }

    #[test]
    fn a_lock_token_is_understood_with_and_without_brackets() {
        let token = Ok(LockToken("urn:uuid:f81d4fae".into()));
        assert_eq!(one("<urn:uuid:f81d4fae>"), token);
        assert_eq!(one("urn:uuid:f81d4fae"), token);
        for bad in ["<>", "<urn:uuid:1", "urn:uuid:1>", "<a:b> <c:d>", "<a:b>x", "((a:b))x y", "token", "<a b:c>"] {
            assert!(is_malformed::<LockToken>(bad), "{bad}");
        }
    }
}
