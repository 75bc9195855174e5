//! The one writer of XML: compact, without a space between elements, always well-formed.
//!
//! Here: tags, prefixes, escaping. What is written can be taken away piece by piece, so a multistatus of any length streams
//! through a small buffer. Not here: which elements an answer has (`props`, the verbs).
//! Names in `DAV:` get the prefix `D`, the other namespaces given at the start theirs; any other namespace is declared on the
//! element itself. There is never a default namespace, which raw values count on.

use bytes::{Bytes, BytesMut};

use super::chars::{Place, escape};
use super::{DAV, QName, RawXml};

/// The declaration that opens a document.
const DECLARATION: &str = r#"<?xml version="1.0" encoding="utf-8"?>"#;

/// The prefix for a namespace that has none of its own.
const LOCAL_PREFIX: &str = "x";

/// Room for an answer about one resource.
const FIRST_BYTES: usize = 1024;

/// Writes one document.
#[derive(Debug)]
pub struct XmlWriter {
    out: BytesMut,
    /// Prefix and namespace of what the root declares.
    namespaces: Vec<(&'static str, &'static str)>,
    /// The names of the open elements, one behind the other, as their tags have them.
    open_names: String,
    /// Where each of them begins.
    open: Vec<usize>,
}

impl XmlWriter {
    /// Begins a document and opens its root, which declares `D` for `DAV:` and the prefixes and namespaces in `others`.
    pub fn new(root: &QName, others: &[(&'static str, &'static str)]) -> Self {
        let mut namespaces = vec![("D", DAV)];
        namespaces.extend_from_slice(others);
        let mut writer =
            Self { out: BytesMut::with_capacity(FIRST_BYTES), namespaces, open_names: String::new(), open: Vec::new() };
        writer.raw(DECLARATION);
        writer.open_tag(root, true);
        for (prefix, ns) in writer.namespaces.clone() {
            writer.raw(" xmlns:");
            writer.raw(prefix);
            writer.quoted(ns);
        }
        writer.raw(">");
        writer
    }

    /// Opens an element.
    pub fn start(&mut self, name: &QName) {
        self.open_tag(name, true);
        self.raw(">");
    }

    /// Closes the innermost open element; without one it does nothing.
    pub fn end(&mut self) {
        if let Some(start) = self.open.pop() {
            self.out.extend_from_slice(b"</");
            self.out.extend_from_slice(&self.open_names.as_bytes()[start..]);
            self.out.extend_from_slice(b">");
            self.open_names.truncate(start);
        }
    }

    /// Writes an element without content.
    pub fn empty(&mut self, name: &QName) {
        self.open_tag(name, false);
        self.raw("/>");
    }

    /// Writes text; characters that XML can't hold become U+FFFD.
    pub fn text(&mut self, text: &str) {
        self.raw(&escape(text, Place::Content));
    }

    /// Writes an element with text.
    pub fn element(&mut self, name: &QName, text: &str) {
        self.start(name);
        self.text(text);
        self.end();
    }

    /// Writes an element with text in that language.
    pub fn text_in_language(&mut self, name: &QName, lang: &str, text: &str) {
        self.value(name, &RawXml::from_text(text).in_language(lang));
    }

    /// Opens an element of `DAV:` that [`XmlWriter::end_dav`] closes. These three write what `start`, `element` and `end` do
    /// without keeping track of it, for the tens of thousands of elements of a listing.
    pub fn start_dav(&mut self, local: &'static str) {
        self.raw("<D:");
        self.raw(local);
        self.raw(">");
    }

    /// Closes an element of [`XmlWriter::start_dav`].
    pub fn end_dav(&mut self, local: &'static str) {
        self.raw("</D:");
        self.raw(local);
        self.raw(">");
    }

    /// Writes an element of `DAV:` with text.
    pub fn dav(&mut self, local: &'static str, text: &str) {
        self.start_dav(local);
        self.text(text);
        self.end_dav(local);
    }

    /// Writes an element with a raw value and its language.
    pub fn value(&mut self, name: &QName, value: &RawXml) {
        let is_empty = value.content().is_empty();
        self.open_tag(name, !is_empty);
        if let Some(lang) = value.lang() {
            self.raw(" xml:lang");
            self.quoted(lang);
        }
        if is_empty {
            self.raw("/>");
        } else {
            self.raw(">");
            self.raw(value.content());
            self.end();
        }
    }

    /// How much is written and not taken yet.
    pub fn pending_bytes(&self) -> usize {
        self.out.len()
    }

    /// Takes what is written so far; the document goes on.
    pub fn take(&mut self) -> Bytes {
        self.out.split().freeze()
    }

    /// Closes every open element and gives what is left.
    pub fn finish(mut self) -> Bytes {
        while !self.open.is_empty() {
            self.end();
        }
        self.out.freeze()
    }

    /// Writes `<`, the name and a declaration if the namespace needs one; the tag stays open for attributes.
    fn open_tag(&mut self, name: &QName, has_end: bool) {
        let known = self.namespaces.iter().find(|(_, ns)| *ns == name.ns()).map(|(prefix, _)| *prefix);
        let prefix = if name.ns().is_empty() { None } else { Some(known.unwrap_or(LOCAL_PREFIX)) };
        let start = self.open_names.len();
        if let Some(prefix) = prefix {
            self.open_names.push_str(prefix);
            self.open_names.push(':');
        }
        self.open_names.push_str(name.local());
        self.out.extend_from_slice(b"<");
        self.out.extend_from_slice(&self.open_names.as_bytes()[start..]);
        if prefix.is_some() && known.is_none() {
            self.raw(" xmlns:");
            self.raw(LOCAL_PREFIX);
            self.quoted(name.ns());
        }
        if has_end {
            self.open.push(start);
        } else {
            self.open_names.truncate(start);
        }
    }

    fn quoted(&mut self, value: &str) {
        self.raw("=\"");
        self.raw(&escape(value, Place::Attribute));
        self.raw("\"");
    }

    fn raw(&mut self, xml: &str) {
        self.out.extend_from_slice(xml.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::super::Document;
    use super::super::chars::is_xml_char;
    use super::*;
    use proptest::prelude::*;

    const HEAD: &str = r#"<?xml version="1.0" encoding="utf-8"?>"#;

    fn written(writer: XmlWriter) -> String {
        String::from_utf8(writer.finish().to_vec()).unwrap()
    }

    #[test]
    fn a_document_is_compact_and_prefixed() {
        let mut writer = XmlWriter::new(&QName::dav("multistatus"), &[("Z", "urn:schemas-microsoft-com:")]);
        writer.start(&QName::dav("response"));
        writer.element(&QName::dav("href"), "/dav/a&b");
        writer.empty(&QName::dav("collection"));
        writer.element(&QName::fixed("urn:schemas-microsoft-com:", "Win32FileAttributes"), "00000020");
        writer.end();
        let expected = concat!(
            r#"<D:multistatus xmlns:D="DAV:" xmlns:Z="urn:schemas-microsoft-com:"><D:response><D:href>/dav/a&amp;b</D:href>"#,
            "<D:collection/><Z:Win32FileAttributes>00000020</Z:Win32FileAttributes></D:response></D:multistatus>",
        );
        assert_eq!(written(writer), format!("{HEAD}{expected}"));
    }

    #[test]
    fn an_unknown_namespace_is_declared_where_it_is_used_and_none_needs_nothing() {
        let mut writer = XmlWriter::new(&QName::dav("prop"), &[]);
        writer.start(&QName::fixed("urn:a", "one"));
        writer.empty(&QName::fixed("urn:\"b\"", "two"));
        writer.end();
        writer.empty(&QName::fixed("", "none"));
        let expected = r#"<D:prop xmlns:D="DAV:"><x:one xmlns:x="urn:a"><x:two xmlns:x="urn:&quot;b&quot;"/></x:one><none/></D:prop>"#;
        assert_eq!(written(writer), format!("{HEAD}{expected}"));
    }

    #[test]
    fn a_value_carries_its_language_and_its_xml() {
        let mut writer = XmlWriter::new(&QName::dav("prop"), &[]);
        let name = QName::fixed("urn:a", "v");
        writer.value(&name, &RawXml::from_stored("<b/>c".into(), Some("de".into())));
        writer.value(&name, &RawXml::from_stored(String::new(), Some("de".into())));
        let expected = concat!(
            r#"<D:prop xmlns:D="DAV:"><x:v xmlns:x="urn:a" xml:lang="de"><b/>c</x:v>"#,
            r#"<x:v xmlns:x="urn:a" xml:lang="de"/></D:prop>"#,
        );
        assert_eq!(written(writer), format!("{HEAD}{expected}"));
    }

    #[test]
    fn a_document_taken_in_pieces_is_the_same_document() {
        let mut writer = XmlWriter::new(&QName::dav("a"), &[]);
        let mut pieces = writer.take().to_vec();
        assert_eq!(writer.pending_bytes(), 0);
        writer.start(&QName::dav("b"));
        pieces.extend(writer.take());
        writer.text("t");
        assert_eq!(writer.pending_bytes(), 1);
        pieces.extend(writer.finish());
        assert_eq!(String::from_utf8(pieces).unwrap(), format!(r#"{HEAD}<D:a xmlns:D="DAV:"><D:b>t</D:b></D:a>"#));
    }

    #[test]
    fn an_end_too_many_changes_nothing() {
        let mut writer = XmlWriter::new(&QName::dav("a"), &[]);
        writer.end();
        writer.end();
        assert_eq!(written(writer), format!(r#"{HEAD}<D:a xmlns:D="DAV:"></D:a>"#));
    }

    proptest! {
        #[test]
        fn any_text_and_any_namespace_read_back(text in any::<String>(), ns in any::<String>(), local in "[a-zé_][a-z0-9.-]{0,9}") {
            let mut writer = XmlWriter::new(&QName::dav("r"), &[]);
            writer.element(&QName::new("urn:n", "t").unwrap(), &text);
            // What XML can't hold is replaced, and reserved namespaces can't come from a parsed name.
            let ns = format!("urn:{}", ns.replace(|c| !is_xml_char(c), ""));
            let name = QName::new(&ns, &local).unwrap();
            writer.empty(&name);
            let document = Document::parse(&writer.finish()).unwrap();
            let children: Vec<_> = document.root().children().collect();
            let value = RawXml::of(children[0], usize::MAX).unwrap();
            let kept: String = text.chars().map(|c| if is_xml_char(c) { c } else { '\u{fffd}' }).collect();
            prop_assert_eq!(value.as_text().unwrap(), kept);
            prop_assert_eq!(children[1].name(), &name);
        }
    }
}
