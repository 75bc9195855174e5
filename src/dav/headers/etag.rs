//! Entity tags: how they are written, and the two ways to compare them.
//!
//! Not here: which tag a resource has (`tree`); the headers that carry lists of them ([`super::conditional`], `if_header`).
//! RFC 9110 section 8.8.3.

use std::fmt::{self, Display, Formatter};

use super::Flaw;
use super::scan::Cursor;

/// The most tags in one header.
pub const ENTITY_TAGS_MAX: usize = 64;

/// One entity tag, `"opaque"` or `W/"opaque"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityTag {
    weak: bool,
    opaque: Box<str>,
}

impl EntityTag {
    /// A strong tag, as this server gives them; none if `opaque` holds a quote, a space or a control character.
    pub fn strong(opaque: &str) -> Option<Self> {
        is_opaque(opaque).then(|| Self { weak: false, opaque: opaque.into() })
    }

    /// Reads the tag at the cursor.
    pub(in crate::dav) fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        let weak = cursor.eat("W/");
        let opaque = if cursor.eat("\"") { cursor.up_to('"') } else { None };
        opaque.filter(|opaque| is_opaque(opaque)).map(|opaque| Self { weak, opaque: opaque.into() })
    }

    /// The tag without quotes and mark.
    pub fn opaque(&self) -> &str {
        &self.opaque
    }

    /// Whether both stand for the same bytes: equal, and neither weak.
    pub fn matches_strong(&self, other: &Self) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    /// Whether both stand for equivalent content: equal but for the mark of weakness.
    pub fn matches_weak(&self, other: &Self) -> bool {
        self.opaque == other.opaque
    }
}

/// As it stands in a header and in `getetag`.
impl Display for EntityTag {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mark = if self.weak { "W/" } else { "" };
        write!(f, "{mark}\"{}\"", self.opaque)
    }
}

fn is_opaque(text: &str) -> bool {
    !text.contains(|c: char| c == '"' || c == ' ' || c.is_control())
}

/// What `If-Match` and `If-None-Match` hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntityTags {
    /// `*`: any resource that exists.
    Any,
    /// One of these; never empty.
    List(Vec<EntityTag>),
}

impl EntityTags {
    pub(super) fn from_text(text: &str) -> Result<Self, Flaw> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let mut tags = Vec::new();
        let mut cursor = Cursor::new(text);
        loop {
            cursor.skip_space();
            if cursor.is_at_end() {
                break;
            }
            if cursor.eat(",") {
                continue; // an empty element is legal
            }
            if tags.len() == ENTITY_TAGS_MAX {
                return Err("it holds too many entity tags");
            }
            let tag = EntityTag::read(&mut cursor);
            tags.push(tag.ok_or("an entity tag is text in double quotes, perhaps after `W/`")?);
            cursor.skip_space();
            if !cursor.is_at_end() && !cursor.eat(",") {
                return Err("entity tags are separated by commas");
            }
        }
        if tags.is_empty() { Err("it is `*` or a list of entity tags") } else { Ok(Self::List(tags)) }
    }

    /// Whether the current tag of a resource is among these, by strong comparison; `None` is a resource that doesn't exist.
    pub fn matches_strong(&self, current: Option<&EntityTag>) -> bool {
        self.matches(current, EntityTag::matches_strong)
    }

    /// As `matches_strong`, by weak comparison.
    pub fn matches_weak(&self, current: Option<&EntityTag>) -> bool {
        self.matches(current, EntityTag::matches_weak)
    }

    fn matches(&self, current: Option<&EntityTag>, same: fn(&EntityTag, &EntityTag) -> bool) -> bool {
        match (self, current) {
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (Self::List(tags), Some(current)) => tags.iter().any(|tag| same(tag, current)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tags(text: &str) -> Option<Vec<String>> {
        match EntityTags::from_text(text) {
            Ok(EntityTags::List(tags)) => Some(tags.iter().map(EntityTag::to_string).collect()),
            Ok(EntityTags::Any) | Err(_) => None,
        }
    }

    fn tag(text: &str) -> EntityTag {
        EntityTag::read(&mut Cursor::new(text)).unwrap()
    }

    #[test]
    fn a_list_of_tags_may_hold_commas_in_quotes_and_empty_elements() {
        assert_eq!(tags("\"a\""), Some(vec!["\"a\"".into()]));
        assert_eq!(tags(" ,\"a,b\" ,, W/\"c\",\"\","), Some(vec!["\"a,b\"".into(), "W/\"c\"".into(), "\"\"".into()]));
        assert_eq!(EntityTags::from_text("*"), Ok(EntityTags::Any));
    }

    #[test]
    fn malformed_tags_are_errors() {
        for bad in [
            "\"",
            "W/\"",
            "W/",
            "w/\"a\"",
            "abc",
            "\"a\" \"b\"",
            "\"a\"b",
            "\"a b\"",
            "*,\"a\"",
            "\"a\",*",
            "**",
            ",",
            "'a'",
        ] {
            assert!(EntityTags::from_text(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_number_of_tags_is_limited() {
        let list = |count: usize| vec!["\"a\""; count].join(",");
        assert!(EntityTags::from_text(&list(ENTITY_TAGS_MAX)).is_ok());
        assert!(EntityTags::from_text(&list(ENTITY_TAGS_MAX + 1)).is_err());
    }

    /// The table of RFC 9110 section 8.8.3.2.
    #[test]
    fn strong_and_weak_comparison_follow_the_table_of_the_rfc() {
        for (one, other, strong, weak) in [
            ("W/\"1\"", "W/\"1\"", false, true),
            ("W/\"1\"", "W/\"2\"", false, false),
            ("W/\"1\"", "\"1\"", false, true),
            ("\"1\"", "\"1\"", true, true),
        ] {
            let (one, other) = (tag(one), tag(other));
            assert_eq!((one.matches_strong(&other), one.matches_weak(&other)), (strong, weak), "{one} {other}");
            assert_eq!((other.matches_strong(&one), other.matches_weak(&one)), (strong, weak), "{other} {one}");
        }
    }

    #[test]
    fn nothing_matches_a_resource_that_does_not_exist() {
        let any = EntityTags::Any;
        assert!(any.matches_strong(Some(&tag("\"a\""))) && any.matches_weak(Some(&tag("W/\"a\""))));
        assert!(!any.matches_strong(None) && !any.matches_weak(None));
        assert!(!EntityTags::List(vec![tag("\"a\"")]).matches_weak(None));
    }

    #[test]
    fn our_own_tags_cannot_break_the_quotes() {
        assert_eq!(EntityTag::strong("a1").unwrap().to_string(), "\"a1\"");
        assert_eq!(EntityTag::strong("a\"b"), None);
        assert_eq!(EntityTag::strong("a\r\nb"), None);
    }

    proptest! {
        #[test]
        fn a_written_tag_reads_back(opaque in "[!#-~é]{0,20}", weak: bool) {
            let tag = EntityTag { weak, opaque: opaque.into() };
            let text = tag.to_string();
            let mut cursor = Cursor::new(&text);
            prop_assert_eq!(EntityTag::read(&mut cursor), Some(tag));
            prop_assert!(cursor.is_at_end());
        }
    }
}
