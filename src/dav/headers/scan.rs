//! A cursor over header text, and the few lexical rules that several headers share.
//!
//! It only ever moves forward and never indexes, so no value can make a parser panic or loop.

/// The text not read yet.
#[derive(Debug, Clone, Copy)]
pub(in crate::dav) struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    pub(in crate::dav) fn new(text: &'a str) -> Self {
        Self(text)
    }

    pub(in crate::dav) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    /// Passes over spaces and tabs.
    pub(in crate::dav) fn skip_space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    /// Passes over `expected` if it comes next, and tells whether it did.
    pub(in crate::dav) fn eat(&mut self, expected: &str) -> bool {
        self.0.strip_prefix(expected).map(|rest| self.0 = rest).is_some()
    }

    /// As `eat`, for ASCII in any case.
    pub(in crate::dav) fn eat_any_case(&mut self, expected: &str) -> bool {
        let rest = strip_prefix_any_case(self.0, expected);
        rest.map(|rest| self.0 = rest).is_some()
    }

    /// Reads up to the next `end`, which is passed over; none (and nothing read) when it doesn't come.
    pub(in crate::dav) fn up_to(&mut self, end: char) -> Option<&'a str> {
        let (before, after) = self.0.split_once(end)?;
        self.0 = after;
        Some(before)
    }
}

/// `text` without spaces and tabs around it.
pub(in crate::dav) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// The rest of `text` after an ASCII `prefix` in any case.
pub(in crate::dav) fn strip_prefix_any_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// The elements of a comma-separated list without quotes; empty ones are passed over (RFC 9110 section 5.6.1).
pub(in crate::dav) fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(trim).filter(|element| !element.is_empty())
}

/// A decimal number of digits alone; one too large for the type is the type's greatest.
pub(in crate::dav) fn digits(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

/// Whether the text is an absolute URI as far as a token or a tag needs it: a scheme (RFC 3986 section 3.1), a colon, and
/// something after it without spaces, quotes or angle brackets.
pub(in crate::dav) fn is_absolute_uri(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, rest)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
            && !rest.is_empty()
            && is_uri_text(rest)
    })
}

/// Whether the text could stand in a URI: visible, without quotes or angle brackets. Clients that leave letters beyond ASCII
/// unescaped are understood.
pub(in crate::dav) fn is_uri_text(text: &str) -> bool {
    !text.contains(|c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | '"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_moves_only_over_what_it_matched() {
        let mut cursor = Cursor::new(" \tNoT<é>");
        cursor.skip_space();
        assert!(!cursor.eat("not"));
        assert!(cursor.eat_any_case("not"));
        assert!(cursor.eat("<"));
        assert_eq!(cursor.up_to(')'), None);
        assert_eq!(cursor.up_to('>'), Some("é"));
        assert!(cursor.is_at_end());
        // The prefix ends inside a character of two bytes: no match, no panic.
        assert_eq!(strip_prefix_any_case("é", "x"), None);
    }

    #[test]
    fn numbers_are_digits_alone_and_saturate() {
        assert_eq!(digits("007"), Some(7));
        assert_eq!(digits("18446744073709551615"), Some(u64::MAX));
        assert_eq!(digits("18446744073709551616"), Some(u64::MAX));
        for bad in ["", "+1", "-1", "1 ", "1.0", "0x1", "١"] {
            assert_eq!(digits(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_absolute_uri_has_a_scheme_and_something_after_it() {
        for good in ["DAV:no-lock", "urn:uuid:1", "opaquelocktoken:a-b", "http://h/p?q", "a+b-c.1:x"] {
            assert!(is_absolute_uri(good), "{good}");
        }
        for bad in ["", ":", "x:", ":x", "no-colon", "1a:x", "a b:x", "a:b c", "a:<b>", "a:\"", "a:\u{1}", "é:x"] {
            assert!(!is_absolute_uri(bad), "{bad}");
        }
    }
}
