//! The `If` header of WebDAV: its grammar, its truth, and the lock tokens it submits.
//!
//! Not here: what state a resource is in and whose tokens count (`locks`); when a request needs a token at all.
//! RFC 4918 section 10.4.

use super::headers::scan::{Cursor, is_absolute_uri, is_uri_text};
use super::headers::{EntityTag, Flaw, HEADER_BYTES_MAX, Header};

/// The longest `If` header.
pub const IF_BYTES_MAX: usize = HEADER_BYTES_MAX;

/// The most lists in one header.
pub const IF_LISTS_MAX: usize = 32;

/// The most conditions in all lists together.
pub const IF_CONDITIONS_MAX: usize = 64;

/// A whole header: true when any of its lists is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfHeader {
    lists: Vec<IfList>,
}

/// One list: true when all of its conditions are, for its resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfList {
    /// The absolute URI or absolute path of the tag before it, as sent; none means the request's own target.
    pub resource: Option<String>,
    /// Never empty.
    pub conditions: Vec<Condition>,
}

/// One condition on a resource's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Whether it is turned round by `Not`.
    pub not: bool,
    /// What the state must have.
    pub kind: ConditionKind,
}

/// What a condition asks a resource's state for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConditionKind {
    /// A state token: a lock token, or one that no state ever has, such as `DAV:no-lock`.
    Token(String),
    /// The current entity tag.
    ETag(EntityTag),
}

/// The facts about one resource that conditions are held against. One that doesn't exist, or that the caller may not see, has
/// neither tag nor tokens.
#[derive(Debug, Clone, Copy, Default)]
pub struct ResourceState<'a> {
    /// Its current entity tag.
    pub etag: Option<&'a EntityTag>,
    /// The tokens of the locks that cover it, as far as they count for the caller.
    pub tokens: &'a [String],
}

impl ResourceState<'_> {
    fn has(&self, kind: &ConditionKind) -> bool {
        match kind {
            ConditionKind::Token(token) => self.tokens.contains(token),
            // The RFC leaves the comparison open; strong, since writes hang on it.
            ConditionKind::ETag(tag) => self.etag.is_some_and(|current| current.matches_strong(tag)),
        }
    }
}

impl IfHeader {
    /// Whether the header is true. `state` gives the facts for a list's resource; it is asked once for each list.
    pub fn evaluate<'s>(&self, mut state: impl FnMut(Option<&str>) -> ResourceState<'s>) -> bool {
        self.lists.iter().any(|list| {
            let state = state(list.resource.as_deref());
            list.conditions.iter().all(|condition| state.has(&condition.kind) != condition.not)
        })
    }

    /// The lists in the order sent; whoever evaluates the header loads the state of their resources first.
    pub fn lists(&self) -> &[IfList] {
        &self.lists
    }

    /// Every state token in the header, also those after `Not` and in lists that are false: naming a token submits it.
    pub fn tokens(&self) -> impl Iterator<Item = &str> {
        self.lists.iter().flat_map(|list| &list.conditions).filter_map(|condition| match &condition.kind {
            ConditionKind::Token(token) => Some(token.as_str()),
            ConditionKind::ETag(_) => None,
        })
    }
}

impl Header for IfHeader {
    const NAME: &'static str = "If";
    const BYTES_MAX: usize = IF_BYTES_MAX;

    fn from_text(text: &str) -> Result<Self, Flaw> {
        let mut cursor = Cursor::new(text);
        let mut lists: Vec<IfList> = Vec::new();
        let mut conditions_left = IF_CONDITIONS_MAX;
        let mut resource = None;
        let mut tag_is_pending = false;
        loop {
            cursor.skip_space();
            if cursor.eat("(") {
                if lists.len() == IF_LISTS_MAX {
                    return Err("it has too many lists");
                }
                let conditions = read_list(&mut cursor, &mut conditions_left)?;
                lists.push(IfList { resource: resource.clone(), conditions });
                tag_is_pending = false;
            } else if cursor.eat("<") {
                if tag_is_pending {
                    return Err("a resource tag is followed by a list");
                }
                if resource.is_none() && !lists.is_empty() {
                    return Err("its lists are all tagged or all untagged");
                }
                let tag = cursor.up_to('>').filter(|tag| is_resource(tag));
                resource = Some(tag.ok_or("a resource tag is an absolute URI or path in angle brackets")?.to_owned());
                tag_is_pending = true;
            } else if !cursor.is_at_end() {
                return Err("it is made of lists in parentheses, perhaps with resource tags");
            } else if lists.is_empty() || tag_is_pending {
                return Err("it ends where a list should be");
            } else {
                return Ok(Self { lists });
            }
        }
    }
}

/// Reads the conditions after a `(` and the `)`.
fn read_list(cursor: &mut Cursor<'_>, conditions_left: &mut usize) -> Result<Vec<Condition>, Flaw> {
    let mut conditions = Vec::new();
    loop {
        cursor.skip_space();
        if cursor.eat(")") {
            return if conditions.is_empty() { Err("a list has no condition") } else { Ok(conditions) };
        }
        *conditions_left = conditions_left.checked_sub(1).ok_or("it has too many conditions")?;
        conditions.push(read_condition(cursor)?);
    }
}

fn read_condition(cursor: &mut Cursor<'_>) -> Result<Condition, Flaw> {
    let not = cursor.eat_any_case("Not");
    cursor.skip_space();
    let kind = if cursor.eat("<") {
        let token = cursor.up_to('>').filter(|token| is_absolute_uri(token));
        ConditionKind::Token(token.ok_or("a state token is an absolute URI in angle brackets")?.to_owned())
    } else if cursor.eat("[") {
        // The tag is read before the bracket is looked for: it may hold one.
        let tag = EntityTag::read(cursor).filter(|_| cursor.eat("]"));
        ConditionKind::ETag(tag.ok_or("an entity tag is text in double quotes in square brackets")?)
    } else {
        return Err("a condition is a state token or an entity tag, perhaps after `Not`");
    };
    Ok(Condition { not, kind })
}

/// RFC 4918's `Simple-ref`: an absolute URI or an absolute path.
fn is_resource(tag: &str) -> bool {
    is_absolute_uri(tag) || (tag.starts_with('/') && !tag.starts_with("//") && is_uri_text(tag))
}

#[cfg(test)]
mod tests {
    use super::super::headers::tests::{headers, is_malformed, one};
    use super::super::headers::{EntityTag, HeaderError};
    use super::*;
    use proptest::prelude::*;

    const A: &str = "urn:uuid:aaaaaaaa-0000-4000-8000-000000000000";
    const B: &str = "urn:uuid:bbbbbbbb-0000-4000-8000-000000000000";

    fn parse(text: &str) -> IfHeader {
        one(text).unwrap()
    }

    /// The header's truth for a target that is locked with `A` and has the tag `"1"`; every other resource has no state.
    fn holds(text: &str) -> bool {
        let etag = EntityTag::strong("1").unwrap();
        let tokens = [A.to_owned()];
        let locked = ResourceState { etag: Some(&etag), tokens: &tokens };
        parse(text).evaluate(|resource| match resource {
            None | Some("/dav/a" | "http://h/dav/a") => locked,
            Some(_) => ResourceState::default(),
        })
    }

    #[test]
    fn a_list_is_true_when_all_its_conditions_are() {
        assert!(holds(&format!("(<{A}>)")));
        assert!(holds(&format!("(<{A}> [\"1\"])")));
        assert!(!holds(&format!("(<{A}> [\"2\"])")));
        assert!(!holds(&format!("(<{B}>)")));
        assert!(!holds(&format!("(<{A}> <{B}>)")));
    }

    #[test]
    fn a_header_is_true_when_any_of_its_lists_is() {
        assert!(holds(&format!("(<{B}>) ([\"1\"])")));
        assert!(holds(&format!("(<{B}> [\"1\"])(<{A}>)")));
        assert!(!holds(&format!("(<{B}>) ([\"2\"])")));
    }

    #[test]
    fn not_turns_one_condition_round() {
        assert!(holds("(Not <DAV:no-lock>)"));
        assert!(!holds("(<DAV:no-lock>)"));
        assert!(!holds(&format!("(Not <{A}>)")));
        assert!(holds(&format!("(<{A}>nOt[\"2\"])")));
        // RFC 4918 section 10.4.8: the list that lets a request through whatever the lock, if the token is merely submitted.
        assert!(holds(&format!("(<{B}>) (Not <DAV:no-lock>)")));
    }

    #[test]
    fn a_tagged_list_asks_its_own_resource() {
        assert!(holds(&format!("</dav/a> (<{A}>)")));
        assert!(holds(&format!("<http://h/dav/a> (<{A}>)")));
        assert!(!holds(&format!("</dav/b> (<{A}>)")));
        assert!(holds(&format!("</dav/b> (<{A}>) (Not [\"1\"])")));
        assert!(holds(&format!("</dav/b> (<{A}>) </dav/a> (<{B}>) (<{A}> [\"1\"])")));
    }

    #[test]
    fn a_tag_holds_for_every_list_up_to_the_next() {
        let parsed = parse(&format!("</dav/a>(<{A}>)([\"1\"]) </dav/b> (<{B}>)"));
        let resources: Vec<_> = parsed.lists().iter().map(|list| list.resource.as_deref()).collect();
        assert_eq!(resources, [Some("/dav/a"), Some("/dav/a"), Some("/dav/b")]);
    }

    #[test]
    fn a_resource_without_state_fails_every_plain_condition_and_passes_every_negated_one() {
        let nothing = |text: &str| parse(text).evaluate(|_| ResourceState::default());
        assert!(!nothing(&format!("(<{A}>)")));
        assert!(!nothing("([\"1\"])"));
        assert!(nothing(&format!("(Not <{A}> Not [\"1\"])")));
    }

    #[test]
    fn a_weak_tag_never_lets_a_write_through() {
        assert!(!holds("([W/\"1\"])"));
    }

    #[test]
    fn every_token_named_is_submitted() {
        let parsed = parse(&format!("(<{A}> [\"x\"]) (Not <{B}>) (Not <DAV:no-lock>)"));
        assert_eq!(parsed.tokens().collect::<Vec<_>>(), [A, B, "DAV:no-lock"]);
    }

    #[test]
    fn brackets_and_parentheses_inside_a_tag_are_its_own() {
        let tag = parse("([\"a])>(<b\"])");
        assert_eq!(
            tag.lists()[0].conditions,
            [Condition { not: false, kind: ConditionKind::ETag(EntityTag::strong("a])>(<b").unwrap()) }]
        );
    }

    #[test]
    fn malformed_headers_are_errors() {
        for bad in [
            "",
            "<",
            "<x",
            "(",
            ")",
            "()",
            "( )",
            "(<DAV:x>",
            "(<DAV:x>))",
            "([\"1\"",
            "([\"1)",
            "([\"1\"x])",
            "([1])",
            "([])",
            "(<>)",
            "(<no-colon>)",
            "(<a:b c>)",
            "(Not)",
            "(Not Not <a:b>)",
            "(x)",
            "x",
            "</a>",
            "</a> </b> (<a:b>)",
            "</a> (<a:b>) </b>",
            "(<a:b>) </a> (<a:b>)",
            "<rel/path> (<a:b>)",
            "<//h/a> (<a:b>)",
            "</a b> (<a:b>)",
            "(<a:b>), (<c:d>)",
            "([\"a\u{e9} \"])",
            "(<a:b>) junk",
        ] {
            assert!(is_malformed::<IfHeader>(bad), "{bad}");
        }
        let twice = headers(&[("If", "(<a:b>)"), ("If", "(<a:b>)")]);
        assert_eq!(IfHeader::parse(&twice), Err(HeaderError::Repeated("If")));
    }

    #[test]
    fn the_limits_hold_exactly() {
        let lists = |count: usize, list: &str| list.repeat(count);
        assert!(one::<IfHeader>(&lists(IF_LISTS_MAX, "(<a:b>)")).is_ok());
        assert!(is_malformed::<IfHeader>(&lists(IF_LISTS_MAX + 1, "(<a:b>)")));
        let conditions = |count: usize| format!("({})", "[\"1\"]".repeat(count));
        assert!(one::<IfHeader>(&conditions(IF_CONDITIONS_MAX)).is_ok());
        assert!(is_malformed::<IfHeader>(&conditions(IF_CONDITIONS_MAX + 1)));
        assert!(one::<IfHeader>(&lists(IF_LISTS_MAX, "(<a:b>[\"1\"])")).is_ok());
        assert!(is_malformed::<IfHeader>(&(lists(IF_LISTS_MAX - 1, "(<a:b>[\"1\"])") + "(<a:b><a:b><a:b>)")));
        let long = |bytes: usize| format!("(<a:{}>)", "b".repeat(bytes - 6));
        assert!(one::<IfHeader>(&long(IF_BYTES_MAX)).is_ok());
        assert!(matches!(one::<IfHeader>(&long(IF_BYTES_MAX + 1)), Err(HeaderError::TooLong { .. })));
    }

    /// Writes a header the way clients do.
    fn render(lists: &[IfList]) -> String {
        let mut text = String::new();
        for list in lists {
            text.extend(list.resource.iter().map(|resource| format!("<{resource}> ")));
            let conditions = list.conditions.iter().map(|condition| {
                let not = if condition.not { "Not " } else { "" };
                match &condition.kind {
                    ConditionKind::Token(token) => format!("{not}<{token}>"),
                    ConditionKind::ETag(tag) => format!("{not}[{tag}]"),
                }
            });
            text += &format!("({})", conditions.collect::<Vec<_>>().join(" "));
        }
        text
    }

    fn conditions() -> impl Strategy<Value = Vec<Condition>> {
        let token = "[a-z][a-z0-9+.-]{0,5}:[!#-;=?-~]{1,12}".prop_map(ConditionKind::Token);
        let etag = "[!#-~]{0,8}".prop_map(|opaque| ConditionKind::ETag(EntityTag::strong(&opaque).unwrap()));
        let kind = prop_oneof![token, etag];
        proptest::collection::vec((any::<bool>(), kind).prop_map(|(not, kind)| Condition { not, kind }), 1..5)
    }

    proptest! {
        #[test]
        fn a_written_header_reads_back(
            tagged: bool,
            lists in proptest::collection::vec(("/[a-z%/0-9]{0,9}", conditions()), 1..8),
        ) {
            let resource = |path: String| tagged.then(|| format!("http://h{path}"));
            let lists: Vec<IfList> =
                lists.into_iter().map(|(path, conditions)| IfList { resource: resource(path), conditions }).collect();
            prop_assert_eq!(one::<IfHeader>(&render(&lists)), Ok(IfHeader { lists }));
        }

        #[test]
        fn no_text_panics(text in "[()<>\\[\\]\"NotW/a: ]{0,60}", noise in "\\PC{0,60}") {
            for text in [text, noise] {
                if let Ok(parsed) = IfHeader::from_text(&text) {
                    prop_assert!(parsed.lists().iter().all(|list| !list.conditions.is_empty()));
                    prop_assert!(parsed.tokens().count() <= IF_CONDITIONS_MAX);
                }
            }
        }
    }
}
