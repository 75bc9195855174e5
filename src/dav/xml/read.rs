//! The one reader of XML: a whole body in, a tree out, every dimension bounded, nothing recursive.
//!
//! Here: well-formedness, namespaces, limits. quick-xml finds tags and text; it neither resolves `xmlns:p=""` as an error nor
//! checks names and characters, so that is done here. Not here: the size of a body, which its caller limits before reading it.
//! No DOCTYPE, hence no entities but the five of XML. Comments and processing instructions are passed over.

use quick_xml::Reader;
use quick_xml::events::{BytesDecl, BytesStart, Event};

use super::chars::{attribute_value, decode, is_ncname, is_xml_char, reference};
use super::tree::{Attribute, Document, Start, Token};
use super::{QName, Text, XML, XMLNS};

/// The deepest nesting of elements.
pub const XML_DEPTH_MAX: usize = 64;

/// The most elements in a body.
pub const XML_ELEMENTS_MAX: usize = 10_000;

/// The most attributes of one element, namespace declarations included.
pub const XML_ATTRIBUTES_MAX: usize = 32;

/// The most namespace declarations in scope at one element.
pub const XML_NAMESPACES_MAX: usize = 128;

/// Why a body can't be read as XML. All of them are answered 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// Neither UTF-8 nor UTF-16 with a byte order mark.
    #[error("the body is neither UTF-8 nor UTF-16 with a byte order mark")]
    Encoding,
    /// Not well-formed.
    #[error("the body isn't well-formed XML at byte {at}: {flaw}")]
    Malformed {
        /// Near which byte of the body (as UTF-8, with line ends of one byte).
        at: u64,
        /// What is wrong there.
        flaw: &'static str,
    },
    /// A document type declaration, which could define entities.
    #[error("the body has a document type declaration, which isn't accepted")]
    Doctype,
    /// Over [`XML_DEPTH_MAX`].
    #[error("the body nests elements deeper than {XML_DEPTH_MAX}")]
    TooDeep,
    /// Over [`XML_ELEMENTS_MAX`].
    #[error("the body has more than {XML_ELEMENTS_MAX} elements")]
    TooManyElements,
    /// Over [`XML_ATTRIBUTES_MAX`].
    #[error("an element of the body has more than {XML_ATTRIBUTES_MAX} attributes")]
    TooManyAttributes,
    /// Over [`XML_NAMESPACES_MAX`].
    #[error("the body has more than {XML_NAMESPACES_MAX} namespace declarations in scope")]
    TooManyNamespaces,
}

impl Document {
    /// Parses a body; an empty one is an error too, since it has no root.
    ///
    /// Errors: any [`XmlError`]. Takes time in proportion to the body's length and keeps a small multiple of it.
    pub fn parse(body: &[u8]) -> Result<Self, XmlError> {
        let text = decode(body).ok_or(XmlError::Encoding)?;
        // XML reads every line end as one line feed, before anything else (section 2.11).
        let text = if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n").into() } else { text };
        if let Some((at, _)) = text.char_indices().find(|(_, c)| !is_xml_char(*c)) {
            return Err(XmlError::Malformed { at: at as u64, flaw: "a character that XML can't hold" });
        }
        let mut reader = Reader::from_str(&text);
        reader.config_mut().check_comments = true;
        let mut builder = Builder::default();
        loop {
            let at = reader.buffer_position();
            let event = reader.read_event().map_err(|error| Fault::Flaw(flaw_of(&error)));
            match event.and_then(|event| builder.take(&event, at == 0)) {
                Ok(Progress::More) => {}
                Ok(Progress::Complete) => {
                    return Ok(Self { tokens: builder.tokens });
                }
                Err(Fault::Flaw(flaw)) => return Err(XmlError::Malformed { at, flaw }),
                Err(Fault::Refusal(error)) => return Err(error),
            }
        }
    }
}

enum Progress {
    More,
    Complete,
}

enum Fault {
    /// Not well-formed; the position is known to the caller.
    Flaw(&'static str),
    Refusal(XmlError),
}

impl From<&'static str> for Fault {
    fn from(flaw: &'static str) -> Self {
        Self::Flaw(flaw)
    }
}

impl From<XmlError> for Fault {
    fn from(error: XmlError) -> Self {
        Self::Refusal(error)
    }
}

/// A namespace declaration in scope.
struct Binding {
    prefix: Text,
    ns: Text,
    /// How many elements were open around the one that declares it.
    depth: usize,
}

#[derive(Default)]
struct Builder {
    tokens: Vec<Token>,
    /// Where the starts of the open elements are.
    open: Vec<usize>,
    bindings: Vec<Binding>,
    elements: usize,
}

impl Builder {
    fn take(&mut self, event: &Event<'_>, is_first: bool) -> Result<Progress, Fault> {
        match event {
            Event::Start(tag) => self.start(tag)?,
            Event::Empty(tag) => {
                self.start(tag)?;
                self.end();
            }
            Event::End(_) => self.end(),
            Event::Text(text) if text.contains("]]>") => {
                return Err("`]]>` outside a CDATA section".into());
            }
            Event::Text(text) if self.open.is_empty() && text.trim_matches([' ', '\t', '\n']).is_empty() => {}
            Event::Text(text) => self.text(text)?,
            Event::CData(text) => self.text(text)?,
            Event::GeneralRef(name) => self.text(reference(name)?.encode_utf8(&mut [0; 4]))?,
            Event::Decl(declaration) if is_first => check_declaration(declaration)?,
            Event::Decl(_) => return Err("an XML declaration is only at the very beginning".into()),
            Event::DocType(_) => return Err(XmlError::Doctype.into()),
            Event::PI(_) | Event::Comment(_) => {}
            Event::Eof if self.tokens.is_empty() => return Err("there is no element".into()),
            Event::Eof if !self.open.is_empty() => return Err("an element isn't closed".into()),
            Event::Eof => return Ok(Progress::Complete),
        }
        Ok(Progress::More)
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<(), Fault> {
        if self.open.is_empty() && !self.tokens.is_empty() {
            return Err("there is a second root element".into());
        }
        if self.open.len() == XML_DEPTH_MAX {
            return Err(XmlError::TooDeep.into());
        }
        if self.elements == XML_ELEMENTS_MAX {
            return Err(XmlError::TooManyElements.into());
        }
        self.elements += 1;

        // Every declaration of a tag holds for the whole tag, also for what stands before it: so two passes.
        let mut plain = Vec::new();
        for (count, attribute) in tag.attributes().enumerate() {
            if count == XML_ATTRIBUTES_MAX {
                return Err(XmlError::TooManyAttributes.into());
            }
            let attribute = attribute.map_err(|_| "an attribute is malformed or given twice")?;
            let value = attribute_value(&attribute.value)?;
            match attribute.key.as_ref() {
                "xmlns" => self.bind("", &value)?,
                key => match key.strip_prefix("xmlns:") {
                    Some("") => return Err("a declared prefix is empty".into()),
                    Some(prefix) => self.bind(prefix, &value)?,
                    None => plain.push((key.to_owned(), value)),
                },
            }
        }
        let mut attributes: Vec<Attribute> = Vec::with_capacity(plain.len());
        for (key, value) in plain {
            let (prefix, name) = self.resolve(&key, Text::Fixed(""))?;
            if attributes.iter().any(|other| other.name == name) {
                return Err("an attribute is given twice".into());
            }
            attributes.push(Attribute { prefix, name, value });
        }
        let default_ns =
            self.bindings.iter().rfind(|binding| binding.prefix.is_empty()).map(|binding| binding.ns.clone());
        let (prefix, name) = self.resolve(tag.name().as_ref(), default_ns.unwrap_or(Text::Fixed("")))?;
        let parent = self.open.last().copied();
        self.open.push(self.tokens.len());
        self.tokens.push(Token::Start(Start { prefix, name, attributes, parent, end: 0 }));
        Ok(())
    }

    /// Closes the innermost element; quick-xml has made sure that there is one and that the names agree.
    fn end(&mut self) {
        let at = self.tokens.len();
        if let Some(Token::Start(start)) = self.open.pop().and_then(|open| self.tokens.get_mut(open)) {
            start.end = at;
        }
        self.tokens.push(Token::End);
        let depth = self.open.len();
        while self.bindings.pop_if(|binding| binding.depth == depth).is_some() {}
    }

    fn text(&mut self, text: &str) -> Result<(), Fault> {
        if self.open.is_empty() {
            return Err("there is text outside the root element".into());
        }
        match self.tokens.last_mut() {
            Some(Token::Text(before)) => before.push_str(text),
            Some(Token::Start(_) | Token::End) | None if text.is_empty() => {}
            Some(Token::Start(_) | Token::End) | None => self.tokens.push(Token::Text(text.to_owned())),
        }
        Ok(())
    }

    fn bind(&mut self, prefix: &str, ns: &str) -> Result<(), Fault> {
        match (prefix, ns) {
            ("xml", XML) => return Ok(()),
            ("xml" | "xmlns", _) | (_, XML | XMLNS) => {
                return Err("a reserved namespace or prefix is declared".into());
            }
            ("", _) => {}
            (_, "") => return Err("a prefix is bound to no namespace".into()),
            _ if !is_ncname(prefix) => return Err("a declared prefix is no name".into()),
            _ => {}
        }
        if self.bindings.len() == XML_NAMESPACES_MAX {
            return Err(XmlError::TooManyNamespaces.into());
        }
        self.bindings.push(Binding { prefix: prefix.into(), ns: ns.into(), depth: self.open.len() });
        Ok(())
    }

    /// Gives the prefix and the expanded name; one without a prefix is in `default_ns`.
    fn resolve(&self, raw: &str, default_ns: Text) -> Result<(Text, QName), Fault> {
        let (prefix, local) = raw.split_once(':').unwrap_or(("", raw));
        if !is_ncname(local) || (raw.contains(':') && !is_ncname(prefix)) {
            return Err("a name is malformed".into());
        }
        let (prefix, ns) = match prefix {
            "" => (Text::Fixed(""), default_ns),
            "xml" => (Text::Fixed("xml"), Text::Fixed(XML)),
            _ => {
                let binding = self.bindings.iter().rfind(|binding| *binding.prefix == *prefix);
                let binding = binding.ok_or("a prefix isn't declared")?;
                (binding.prefix.clone(), binding.ns.clone())
            }
        };
        Ok((prefix, QName { ns, local: local.into() }))
    }
}

/// Any version 1.x, and no encoding but those that can be told from the bytes (which then decide: some clients declare UTF-16
/// on a text they send as UTF-8).
fn check_declaration(declaration: &BytesDecl<'_>) -> Result<(), Fault> {
    let version = declaration.version().map_err(|_| "the XML declaration is malformed")?;
    if !version.starts_with("1.") {
        return Err("the version of XML isn't 1.0".into());
    }
    let encoding = declaration.encoding().transpose().map_err(|_| "the XML declaration is malformed")?;
    match encoding.map(|encoding| encoding.to_ascii_lowercase()).as_deref() {
        None | Some("utf-8" | "utf-16" | "us-ascii") => Ok(()),
        Some(_) => Err(XmlError::Encoding.into()),
    }
}

fn flaw_of(error: &quick_xml::Error) -> &'static str {
    match error {
        quick_xml::Error::Syntax(_) => "markup is cut off",
        quick_xml::Error::IllFormed(_) => "a tag, comment or reference is out of place",
        quick_xml::Error::InvalidAttr(_) => "an attribute is malformed",
        quick_xml::Error::Escape(_) => "a reference is malformed",
        quick_xml::Error::Namespace(_) => "a namespace is malformed",
        quick_xml::Error::Io(_) | quick_xml::Error::Encoding(_) => "it can't be read",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Names and text of a document, in order.
    fn outline(body: impl AsRef<[u8]>) -> Result<Vec<String>, XmlError> {
        let line = |token: &Token| match token {
            Token::Start(start) => format!("<{}", start.name),
            Token::Text(text) => text.clone(),
            Token::End => ">".to_owned(),
        };
        Document::parse(body.as_ref()).map(|document| document.tokens.iter().map(line).collect())
    }

    fn is_malformed(body: impl AsRef<[u8]>) -> bool {
        matches!(outline(body), Err(XmlError::Malformed { .. }))
    }

    #[test]
    fn names_are_resolved_and_text_is_joined() {
        let body = "<?xml version=\"1.0\" encoding=\"utf-8\" ?>\r\n<!-- c --><a xmlns='urn:d' xmlns:p='urn:p'>\
                    1&lt;<![CDATA[<2>]]><!-- c -->&#51;&#x34;<p:b/><c xmlns=''>\r\n</c ></a>\n";
        let expected = "<{urn:d}a 1<<2>34 <{urn:p}b > <{}c \n > >";
        assert_eq!(outline(body).unwrap().join(" "), expected);
    }

    #[test]
    fn a_declaration_holds_for_what_stands_before_it_in_the_tag() {
        assert_eq!(outline("<p:a p:k='' xmlns:p='urn:&#112;'/>").unwrap(), ["<{urn:p}a", ">"]);
    }

    #[test]
    fn utf16_is_read_with_its_mark_and_utf8_with_or_without() {
        let body = "<é>\u{10000}</é>";
        let expected = vec!["<{}é".to_owned(), "\u{10000}".to_owned(), ">".to_owned()];
        let utf16 = |to: fn(u16) -> [u8; 2], body: &str| -> Vec<u8> {
            "\u{feff}".encode_utf16().chain(body.encode_utf16()).flat_map(to).collect()
        };
        assert_eq!(outline(utf16(u16::to_le_bytes, body)), Ok(expected.clone()));
        assert_eq!(outline(utf16(u16::to_be_bytes, body)), Ok(expected.clone()));
        assert_eq!(outline(format!("\u{feff}<?xml version='1.0'?>{body}")), Ok(expected));
        let mut cut = utf16(u16::to_le_bytes, body);
        cut.pop();
        assert_eq!(outline(cut), Err(XmlError::Encoding));
        assert_eq!(outline(b"<a>\xe9</a>"), Err(XmlError::Encoding));
        assert_eq!(outline("<?xml version='1.0' encoding='iso-8859-1'?><a/>"), Err(XmlError::Encoding));
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        let bad = " ¦ text ¦ < ¦ <a ¦ <a> ¦ </a> ¦ <a></b> ¦ <a><b></a></b> ¦ <a/><b/> ¦ <a/>text ¦ text<a/> ¦ <a/>&amp; \
             ¦ <a/><![CDATA[x]]> ¦ <![CDATA[x]]><a/> ¦ <a><![CDATA[</a> ¦ <a>]]></a> ¦ <a><!-- -- --></a> ¦ <a><!-- </a> \
             ¦ <a b></a> ¦ <a b=c/> ¦ <a b='1' b='2'/> ¦ <a b='<'/> ¦ <a b='&'/> ¦ <a b='&x;'/> ¦ <a>&x;</a> ¦ <a>&</a> ¦ <a>&amp</a> \
             ¦ <1a/> ¦ <a,b/> ¦ < a/> ¦ <a/b/> ¦ <:a/> ¦ <a:/> ¦ <a:b:c xmlns:a='u'/> ¦ <a>\0</a> ¦ <a>\u{ffff}</a> ¦ <a b='\u{b}'/> \
             ¦ <?xml?><a/> ¦ <?xml version='2.0'?><a/> ¦ <a><?xml version='1.0'?></a> ¦ <!-- first --><?xml version='1.0'?><a/>";
        for bad in bad.split(" ¦ ") {
            assert!(is_malformed(bad), "{bad}");
        }
    }

    #[test]
    fn namespaces_that_break_the_rules_are_refused() {
        let bad = "<p:a/> ¦ <a p:b=''/> ¦ <xmlns:a/> ¦ <a xmlns:p=''/> ¦ <a xmlns:='u'/> ¦ <a xmlns:1='u'/> ¦ <a xmlns:xmlns='u'/> \
             ¦ <a xmlns:xml='u'/> ¦ <a xmlns:p='http://www.w3.org/XML/1998/namespace'/> ¦ <a xmlns='http://www.w3.org/2000/xmlns/'/> \
             ¦ <a xmlns:p='u' xmlns:q='u' p:b='' q:b=''/> ¦ <a><b xmlns:p='u'/><p:c/></a>";
        for bad in bad.split(" ¦ ") {
            assert!(is_malformed(bad), "{bad}");
        }
        assert!(outline("<a xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:lang='de'/>").is_ok());
        assert!(outline("<a xmlns:p='u' b='' p:b=''/>").is_ok());
    }

    #[test]
    fn a_document_type_is_refused_before_its_entities_mean_anything() {
        let bomb = "<!DOCTYPE a [<!ENTITY x 'y'><!ENTITY z '&x;&x;'>]><a>&z;</a>";
        assert_eq!(outline(bomb), Err(XmlError::Doctype));
        assert_eq!(outline("<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>"), Err(XmlError::Doctype));
    }

    #[test]
    fn the_limits_hold_exactly() {
        let nested = |depth: usize| "<a>".repeat(depth) + &"</a>".repeat(depth);
        assert!(outline(nested(XML_DEPTH_MAX)).is_ok());
        assert_eq!(outline(nested(XML_DEPTH_MAX + 1)), Err(XmlError::TooDeep));
        assert_eq!(outline("<a>".repeat(100_000)), Err(XmlError::TooDeep));

        let wide = |elements: usize| format!("<r>{}</r>", "<a/>".repeat(elements - 1));
        assert!(outline(wide(XML_ELEMENTS_MAX)).is_ok());
        assert_eq!(outline(wide(XML_ELEMENTS_MAX + 1)), Err(XmlError::TooManyElements));

        let attributes = |count: usize| format!("<r{}/>", (0..count).map(|n| format!(" a{n}=''")).collect::<String>());
        assert!(outline(attributes(XML_ATTRIBUTES_MAX)).is_ok());
        assert_eq!(outline(attributes(XML_ATTRIBUTES_MAX + 1)), Err(XmlError::TooManyAttributes));

        let scopes = |count: usize| {
            (0..count).map(|n| format!("<r xmlns:p{n}='u' xmlns:q{n}='u' xmlns:r{n}='u' xmlns:s{n}='u'>"))
        };
        let full: String = scopes(XML_NAMESPACES_MAX / 4).collect();
        let close = "</r>".repeat(XML_NAMESPACES_MAX / 4);
        assert!(outline(format!("{full}{close}")).is_ok());
        assert_eq!(outline(format!("{full}<r xmlns='u'/>{close}")), Err(XmlError::TooManyNamespaces));
        // Declarations out of scope don't count.
        assert!(outline(format!("<r>{}</r>", "<a xmlns:p='u'/>".repeat(1000))).is_ok());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(noise in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = Document::parse(&noise);
        }

        #[test]
        fn what_looks_like_xml_is_a_balanced_tree_or_an_error(
            parts in proptest::collection::vec(
                prop_oneof![
                    "</?[ab:]{0,3}( (xmlns(:[ab])?|[ab:]{1,3})=('[a&;#]{0,3}'|\"u\"))?/?>", "&(amp|#[0-9x]{1,3}|x)?;?", "<!\\[CDATA\\[", "\\]\\]>",
                    "<!--", "-->", "<\\?(xml)?", "\\?>", "<!DOCTYPE", "[a \n<>]{1,3}",
                ],
                0..24,
            ),
        ) {
            if let Ok(document) = Document::parse(parts.concat().as_bytes()) {
                let mut open = Vec::new();
                for (at, token) in document.tokens.iter().enumerate() {
                    match token {
                        Token::Start(start) => {
                            prop_assert_eq!(start.parent, open.last().map(|(parent, _)| *parent));
                            open.push((at, start.end));
                        }
                        Token::Text(text) => prop_assert!(!text.is_empty() && !open.is_empty()),
                        Token::End => prop_assert_eq!(open.pop().map(|(_, end)| end), Some(at)),
                    }
                }
                prop_assert!(open.is_empty());
            }
        }
    }
}
