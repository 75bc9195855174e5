//! A value kept as XML: the content of a dead property or of a lock's owner.
//!
//! Here: content cut out of a request so that it stands alone, each element declaring the prefixes it uses unless an element
//! around it in the value has. Kept are names, prefixes, attributes, text in its order and the language in scope; comments,
//! processing instructions and declarations nobody uses are not. Not here: where values are stored (`tree`, `locks`).
//! RFC 4918 sections 4.3 and 4.4.

use std::borrow::Cow;
use std::fmt::Write;

use quick_xml::escape::unescape;

use super::chars::{Place, escape};
use super::tree::{Start, Token};
use super::{Element, Text, XML};

/// The content of an element as well-formed XML without surroundings, and its language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawXml {
    content: String,
    lang: Option<String>,
}

impl RawXml {
    /// Cuts out the content of an element; none if it would be longer than `bytes_max`. (It may be longer than it was in the
    /// request, where one declaration could serve many elements.)
    pub fn of(element: Element<'_>, bytes_max: usize) -> Option<Self> {
        let mut renderer = Renderer::default();
        for (token, next) in element.inner().iter().zip(element.inner().iter().skip(1).map(Some).chain([None])) {
            renderer.token(token, matches!(next, Some(Token::End)));
            if renderer.out.len() > bytes_max {
                return None;
            }
        }
        Some(Self { content: renderer.out, lang: element.lang().map(str::to_owned) })
    }

    /// A value of plain text.
    pub fn from_text(text: &str) -> Self {
        Self { content: escape(text, Place::Content).into_owned(), lang: None }
    }

    /// The same in that language.
    pub fn in_language(self, lang: &str) -> Self {
        Self { lang: Some(lang.to_owned()), ..self }
    }

    /// A value that was stored; `content` and `lang` must be what [`RawXml::content`] and [`RawXml::lang`] gave.
    pub fn from_stored(content: String, lang: Option<String>) -> Self {
        Self { content, lang }
    }

    /// The content, escaped: it can be written between two tags of a document without a default namespace.
    pub fn content(&self) -> &str {
        &self.content
    }

    /// The language (`xml:lang`) that held where the value was cut out.
    pub fn lang(&self) -> Option<&str> {
        self.lang.as_deref()
    }

    /// The content as plain text; none if it has elements.
    pub fn as_text(&self) -> Option<Cow<'_, str>> {
        if self.content.contains('<') { None } else { unescape(&self.content).ok() }
    }
}

#[derive(Default)]
struct Renderer<'d> {
    out: String,
    open: Vec<&'d Start>,
    /// Prefix and namespace of each declaration written and still in scope, with the number of elements open around it.
    declared: Vec<(&'d Text, &'d str, usize)>,
    /// Whether the last tag was written as an empty element, so that its `End` is done already.
    is_closed: bool,
}

impl<'d> Renderer<'d> {
    fn token(&mut self, token: &'d Token, ends_next: bool) {
        match token {
            Token::Start(start) => self.start(start, ends_next),
            Token::Text(text) => self.out.push_str(&escape(text, Place::Content)),
            Token::End => self.end(),
        }
    }

    fn start(&mut self, start: &'d Start, is_empty: bool) {
        self.out.push('<');
        self.name(&start.prefix, start.name.local());
        self.declare(&start.prefix, start.name.ns());
        for attribute in &start.attributes {
            if !attribute.prefix.is_empty() {
                self.declare(&attribute.prefix, attribute.name.ns());
            }
            self.out.push(' ');
            self.name(&attribute.prefix, attribute.name.local());
            self.quoted(&attribute.value);
        }
        self.out.push_str(if is_empty { "/>" } else { ">" });
        self.is_closed = is_empty;
        self.open.push(start);
    }

    fn end(&mut self) {
        let start = self.open.pop().filter(|_| !std::mem::take(&mut self.is_closed));
        if let Some(start) = start {
            self.out.push_str("</");
            self.name(&start.prefix, start.name.local());
            self.out.push('>');
        }
        let depth = self.open.len();
        while self.declared.pop_if(|(_, _, at)| *at == depth).is_some() {}
    }

    /// Declares a prefix unless what is in scope already means `ns`. Outside of every declaration no prefix means no namespace.
    fn declare(&mut self, prefix: &'d Text, ns: &'d str) {
        let in_scope = self.declared.iter().rfind(|(other, _, _)| *other == prefix).map(|(_, ns, _)| *ns);
        let is_known = in_scope.or(prefix.is_empty().then_some("")) == Some(ns);
        if is_known || ns == XML {
            return;
        }
        self.out.push_str(" xmlns");
        if !prefix.is_empty() {
            self.out.push(':');
            self.out.push_str(prefix);
        }
        self.quoted(ns);
        self.declared.push((prefix, ns, self.open.len()));
    }

    fn name(&mut self, prefix: &str, local: &str) {
        if !prefix.is_empty() {
            self.out.push_str(prefix);
            self.out.push(':');
        }
        self.out.push_str(local);
    }

    fn quoted(&mut self, value: &str) {
        let value = escape(value, Place::Attribute);
        write!(self.out, "=\"{value}\"").expect("a `String` takes everything");
    }
}

#[cfg(test)]
mod tests {
    use super::super::Document;
    use super::*;
    use proptest::prelude::*;

    /// The value of the root's first child.
    fn value(body: &str) -> RawXml {
        let document = Document::parse(body.as_bytes()).unwrap();
        RawXml::of(document.root().children().next().unwrap(), usize::MAX).unwrap()
    }

    fn content(body: &str) -> String {
        value(body).content
    }

    #[test]
    fn every_namespace_in_use_is_declared_in_the_value_and_no_other() {
        let body = r#"<r xmlns:a="urn:a" xmlns:b="urn:b" xmlns="urn:d"><p><a:x b:y="1"><a:z/><w/></a:x></p></r>"#;
        let expected = r#"<a:x xmlns:a="urn:a" xmlns:b="urn:b" b:y="1"><a:z/><w xmlns="urn:d"/></a:x>"#;
        assert_eq!(content(body), expected);
    }

    #[test]
    fn a_prefix_bound_anew_inside_the_value_keeps_each_meaning() {
        let body = r#"<r xmlns:a="urn:1"><p><a:x><a:y xmlns:a="urn:2"><a:z/></a:y><a:w/></a:x><a:v/></p></r>"#;
        let expected = r#"<a:x xmlns:a="urn:1"><a:y xmlns:a="urn:2"><a:z/></a:y><a:w/></a:x><a:v xmlns:a="urn:1"/>"#;
        assert_eq!(content(body), expected);
    }

    #[test]
    fn elements_without_namespace_stay_without() {
        assert_eq!(content("<r><p><x/></p></r>"), "<x/>");
        let body = r#"<r xmlns="urn:d"><p><x><y xmlns=""><z/></y></x></p></r>"#;
        assert_eq!(content(body), r#"<x xmlns="urn:d"><y xmlns=""><z/></y></x>"#);
    }

    #[test]
    fn text_keeps_its_place_its_spaces_and_its_characters() {
        let body = "<r><p> a &lt;<b> </b>&amp;&#13;\r\n<![CDATA[<c>]]>&#65536;<!-- gone --><?gone too?> </p></r>";
        assert_eq!(content(body), " a &lt;<b> </b>&amp;&#13;\n&lt;c&gt;\u{10000} ");
        assert_eq!(content("<r><p></p></r>"), "");
    }

    #[test]
    fn attributes_come_back_as_they_were_meant() {
        let body = "<r><p><x one='\"&lt;&#10;' two='a\nb' xml:lang='de' xml:space='preserve'/></p></r>";
        let expected = "<x one=\"&quot;&lt;&#10;\" two=\"a b\" xml:lang=\"de\" xml:space=\"preserve\"/>";
        assert_eq!(content(body), expected);
    }

    #[test]
    fn the_language_in_scope_comes_along() {
        assert_eq!(value("<r xml:lang='en'><p>x</p></r>").lang(), Some("en"));
        assert_eq!(value("<r xml:lang='en'><p xml:lang='de'>x</p></r>").lang(), Some("de"));
        assert_eq!(value("<r xml:lang='en'><p xml:lang=''>x</p></r>").lang(), None);
        assert_eq!(value("<r><p>x</p></r>").lang(), None);
    }

    #[test]
    fn plain_text_goes_in_and_out() {
        let text = "a < b && \"c\"\r\n";
        assert_eq!(RawXml::from_text(text).as_text().as_deref(), Some(text));
        assert_eq!(value("<r><p>a&amp;b</p></r>").as_text().as_deref(), Some("a&b"));
        assert_eq!(value("<r><p>a<b/></p></r>").as_text(), None);
    }

    #[test]
    fn the_limit_holds_to_the_byte_and_counts_repeated_declarations() {
        let cut = |body: &str, bytes_max: usize| {
            let document = Document::parse(body.as_bytes()).unwrap();
            RawXml::of(document.root().children().next().unwrap(), bytes_max).is_some()
        };
        assert!(cut("<r><p>four</p></r>", 4));
        assert!(!cut("<r><p>fours</p></r>", 4));
        let bomb = format!("<r xmlns:a='{}'><p>{}</p></r>", "u".repeat(4096), "<a:x/>".repeat(9000));
        assert!(!cut(&bomb, 64 * 1024));
    }

    /// Random content: elements and attributes in any of three prefixes (one of them none), text, at any depth.
    fn fragment() -> impl Strategy<Value = String> {
        let text = "[a-z<>&\"\n é\u{10000}]{0,6}".prop_map(|text| escape(&text, Place::Content).into_owned());
        let declaration = prop_oneof![
            Just(String::new()),
            "(a|b)".prop_map(|prefix| format!(" xmlns:{prefix}=\"urn:{prefix}2\"")),
            "(urn:d)?".prop_map(|ns| format!(" xmlns=\"{ns}\"")),
        ];
        text.prop_recursive(5, 40, 4, move |inner| {
            let inner = proptest::collection::vec(inner, 0..4).prop_map(|parts| parts.concat());
            ("(a:|b:|)[xyz]", "( (a:|b:|)k=\"v&#10;w\")?", declaration.clone(), inner).prop_map(
                |(name, attribute, declaration, inner)| format!("<{name}{declaration}{attribute}>{inner}</{name}>"),
            )
        })
    }

    /// What RFC 4918 asks to keep, as one line a token.
    fn infoset(element: Element<'_>) -> Vec<String> {
        let line = |token: &Token| match token {
            Token::Start(start) => {
                let attributes: Vec<_> = start.attributes.iter().map(|a| (&*a.prefix, &a.name, &a.value)).collect();
                format!("<{} {} {attributes:?}", &*start.prefix, start.name)
            }
            Token::Text(text) => text.clone(),
            Token::End => ">".to_owned(),
        };
        element.inner().iter().map(line).collect()
    }

    proptest! {
        #[test]
        fn a_value_means_the_same_wherever_it_is_put(fragment in fragment()) {
            let body = format!("<r xmlns:a='urn:a' xmlns:b='urn:b' xmlns='urn:c'><p>{fragment}</p></r>");
            let document = Document::parse(body.as_bytes()).unwrap();
            let element = document.root().children().next().unwrap();
            let value = RawXml::of(element, usize::MAX).unwrap();
            let elsewhere = format!("<D:m xmlns:D='DAV:' xmlns:b='urn:other'>{}</D:m>", value.content());
            let again = Document::parse(elsewhere.as_bytes()).unwrap();
            prop_assert_eq!(infoset(again.root()), infoset(element));
            prop_assert_eq!(RawXml::of(again.root(), usize::MAX), Some(value));
        }
    }
}
