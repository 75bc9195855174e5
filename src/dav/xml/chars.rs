//! The characters of XML: which there are, how bytes, references and attributes give them, how text is escaped.
//!
//! Not here: markup ([`super::read`], [`mod@super::write`]).
//! XML 1.0 sections 2.2, 2.3, 3.3.3, 4.1, 4.3.3 and 4.6, Namespaces in XML 1.0 section 3.

use std::borrow::Cow;

/// Whether XML 1.0 can hold the character at all, plain or as a reference (production `Char`).
pub(super) fn is_xml_char(c: char) -> bool {
    !matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// Whether the text is a name without a colon (production `NCName` of Namespaces in XML).
pub(super) fn is_ncname(text: &str) -> bool {
    let is_start = |c: char| {
        matches!(c, 'A'..='Z' | 'a'..='z' | '_' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}'
            | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}' | '\u{200c}' | '\u{200d}' | '\u{2070}'..='\u{218f}'
            | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}'
            | '\u{10000}'..='\u{effff}')
    };
    let is_inner = |c: char| {
        matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}' | '\u{2040}') || is_start(c)
    };
    text.starts_with(is_start) && text.chars().all(is_inner)
}

/// Where escaped text goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Content,
    Attribute,
}

/// Text with everything escaped that would not come back from a parser as it was; what XML can't hold becomes U+FFFD.
pub(super) fn escape(text: &str, place: Place) -> Cow<'_, str> {
    // Most of what is written is dates, numbers and escaped URLs.
    if text.bytes().all(|b| matches!(b, b' '..=b'~') && !matches!(b, b'&' | b'<' | b'>' | b'"')) {
        return Cow::Borrowed(text);
    }
    let replacement = |c: char| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '\r' => Some("&#13;"), // a parser makes a line feed of a plain one
        '"' if place == Place::Attribute => Some("&quot;"),
        '\t' if place == Place::Attribute => Some("&#9;"), // a parser makes spaces of plain ones
        '\n' if place == Place::Attribute => Some("&#10;"),
        _ => (!is_xml_char(c)).then_some("\u{fffd}"),
    };
    let Some(first) = text.find(|c| replacement(c).is_some()) else {
        return Cow::Borrowed(text);
    };
    let (plain, rest) = text.split_at(first);
    let mut escaped = String::with_capacity(text.len() + 16);
    escaped.push_str(plain);
    for c in rest.chars() {
        match replacement(c) {
            Some(replacement) => escaped.push_str(replacement),
            None => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// UTF-8, or UTF-16 with the byte order mark that XML demands of it; both marks are dropped.
pub(super) fn decode(body: &[u8]) -> Option<Cow<'_, str>> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let text: Result<String, _> = char::decode_utf16(pairs.iter().copied().map(unit)).collect();
        text.ok().filter(|_| rest.is_empty()).map(Cow::Owned)
    };
    match body {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] | rest => str::from_utf8(rest).ok().map(Cow::Borrowed),
    }
}

/// The character behind `&name;` or `&#number;`.
pub(super) fn reference(name: &str) -> Result<char, &'static str> {
    let number = |digits: &str, radix| {
        let is_plain = digits.chars().all(|c| c.is_digit(radix)); // `from_str_radix` would take a sign
        u32::from_str_radix(digits, radix)
            .ok()
            .filter(|_| is_plain)
            .and_then(char::from_u32)
            .filter(|c| is_xml_char(*c))
    };
    let c = match (name.strip_prefix("#x"), name.strip_prefix('#'), name) {
        (Some(hex), _, _) => number(hex, 16),
        (None, Some(decimal), _) => number(decimal, 10),
        (None, None, "amp") => Some('&'),
        (None, None, "lt") => Some('<'),
        (None, None, "gt") => Some('>'),
        (None, None, "quot") => Some('"'),
        (None, None, "apos") => Some('\''),
        (None, None, _) => None,
    };
    c.ok_or("a reference is neither to a character of XML nor to one of its five entities")
}

/// An attribute's value with references replaced and white space made spaces (XML section 3.3.3).
pub(super) fn attribute_value(raw: &str) -> Result<String, &'static str> {
    if raw.contains('<') {
        return Err("an attribute holds `<`");
    }
    let mut value = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, after)) = rest.split_once('&') {
        let (name, after) = after.split_once(';').ok_or("a reference isn't closed")?;
        value.extend(plain.chars().map(plain_space));
        value.push(reference(name)?);
        rest = after;
    }
    value.extend(rest.chars().map(plain_space));
    Ok(value)
}

fn plain_space(c: char) -> char {
    if matches!(c, '\t' | '\n') { ' ' } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_to_characters_of_xml_and_to_its_five_entities() {
        let good = [
            ("#65", 'A'),
            ("#x10000", '\u{10000}'),
            ("#xa", '\n'),
            ("lt", '<'),
            ("gt", '>'),
            ("amp", '&'),
            ("quot", '"'),
            ("apos", '\''),
        ];
        for (name, c) in good {
            assert_eq!(reference(name), Ok(c), "{name}");
        }
        let numbers = "#0 #1 #xFFFE #xD800 #x110000 # #x #+9 #x+9 #-1 #99999999999 #X41 #65x";
        for bad in numbers.split(' ').chain(["", "nbsp", "LT", " amp"]) {
            assert!(reference(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_attribute_has_spaces_for_white_space_but_not_for_references_to_it() {
        assert_eq!(attribute_value("a\t\n&#10;&amp;lt;"), Ok("a  \n&lt;".to_owned()));
        for bad in ["<", "&", "&amp", "&x;", "a&;b", "&#1;"] {
            assert!(attribute_value(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn escaping_touches_only_what_needs_it() {
        assert!(matches!(escape("plain été \u{10000}\n\t\"'", Place::Content), Cow::Borrowed(_)));
        assert_eq!(escape("a<b>&\r]]>", Place::Content), "a&lt;b&gt;&amp;&#13;]]&gt;");
        assert_eq!(escape("\"\t\n'", Place::Attribute), "&quot;&#9;&#10;'");
        assert_eq!(escape("a\0b\u{1f}c\u{ffff}d\u{7f}", Place::Content), "a\u{fffd}b\u{fffd}c\u{fffd}d\u{7f}");
    }
}
