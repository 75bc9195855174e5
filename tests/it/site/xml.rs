//! Reads the XML of answers: a multistatus as responses, statuses and properties (RFC 4918 section 13), and the
//! condition of an error body (section 16). Names are written `{namespace}local` (Clark notation).

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use quick_xml::events::Event;
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

/// An element with its namespace resolved.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Element {
    pub name: String,
    pub content: Vec<Node>,
}

/// What an element holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    Element(Element),
    Text(String),
}

/// A DAV name in Clark notation: `dav("getetag")` is `{DAV:}getetag`.
pub fn dav(local: &str) -> String {
    format!("{{DAV:}}{local}")
}

impl Element {
    /// Parses a document; panics, with the document, when it isn't well-formed.
    #[track_caller]
    pub fn parse(xml: &str) -> Self {
        let mut reader = NsReader::from_str(xml);
        let mut open = vec![Element::default()];
        loop {
            let (namespace, event) =
                reader.read_resolved_event().unwrap_or_else(|e| panic!("not well-formed: {e}\n{xml}"));
            let namespace = match namespace {
                ResolveResult::Bound(ns) => ns.as_ref().to_owned(),
                ResolveResult::Unbound => String::new(),
                ResolveResult::Unknown(prefix) => panic!("undeclared prefix {prefix:?} in\n{xml}"),
            };
            let name = |local: &str| format!("{{{namespace}}}{local}");
            match event {
                Event::Start(tag) => {
                    open.push(Element { name: name(tag.local_name().as_ref()), content: Vec::new() });
                }
                Event::Empty(tag) => add(
                    &mut open,
                    Node::Element(Element { name: name(tag.local_name().as_ref()), content: Vec::new() }),
                ),
                Event::End(_) => {
                    let closed = open.pop().expect("the reader checks that tags match");
                    add(&mut open, Node::Element(closed));
                }
                Event::Text(text) => add(&mut open, Node::Text(text.xml10_content().into_owned())),
                Event::CData(text) => add(&mut open, Node::Text(text.xml10_content().into_owned())),
                Event::GeneralRef(entity) => {
                    let character = entity.resolve_char_ref().ok().flatten().map(String::from);
                    let text = character.unwrap_or_else(|| match &*entity {
                        "amp" => "&".into(),
                        "lt" => "<".into(),
                        "gt" => ">".into(),
                        "quot" => "\"".into(),
                        "apos" => "'".into(),
                        other => panic!("unknown entity {other:?} in\n{xml}"),
                    });
                    add(&mut open, Node::Text(text));
                }
                Event::DocType(_) => panic!("an answer has no DOCTYPE:\n{xml}"),
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
                Event::Eof => break,
            }
        }
        let document = open.pop().expect("the document itself is never closed");
        assert!(open.is_empty(), "unclosed element in\n{xml}");
        document.elements().next().cloned().unwrap_or_else(|| panic!("no element in {xml:?}"))
    }

    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.content.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The first child of that name.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.elements().find(|child| child.name == name)
    }

    /// The content in one line: text as it is, elements as `<{ns}name>…</>`.
    pub fn inner(&self) -> String {
        self.content
            .iter()
            .map(|node| match node {
                Node::Text(text) => text.clone(),
                Node::Element(element) => format!("<{}>{}</>", element.name, element.inner()),
            })
            .collect()
    }
}

/// Appends to the innermost open element; text next to text becomes one.
fn add(open: &mut [Element], node: Node) {
    let content = &mut open.last_mut().expect("the document is always open").content;
    match (content.last_mut(), node) {
        (Some(Node::Text(before)), Node::Text(text)) => before.push_str(&text),
        (_, node) => content.push(node),
    }
}

/// A 207 body, by href as the server wrote it.
#[derive(Debug, Clone, Default)]
pub struct Multistatus {
    pub responses: BTreeMap<String, Response>,
}

/// One response: a status of its own, or property values by status.
#[derive(Debug, Clone, Default)]
pub struct Response {
    pub status: Option<u16>,
    pub properties: BTreeMap<u16, BTreeMap<String, String>>,
}

impl Multistatus {
    #[track_caller]
    pub fn parse(xml: &str) -> Self {
        let root = Element::parse(xml);
        assert_eq!(root.name, dav("multistatus"), "{xml}");
        let mut responses = BTreeMap::new();
        for response in root.elements().filter(|e| e.name == dav("response")) {
            let mut read = Response { status: response.child(&dav("status")).map(status_of), ..Response::default() };
            for propstat in response.elements().filter(|e| e.name == dav("propstat")) {
                let status = status_of(propstat.child(&dav("status")).expect("a propstat has a status"));
                let values = read.properties.entry(status).or_default();
                for property in propstat.child(&dav("prop")).expect("a propstat has a prop").elements() {
                    let twice = values.insert(property.name.clone(), property.inner());
                    assert_eq!(twice, None, "`{}` twice under {status} in\n{xml}", property.name);
                }
            }
            assert!(
                read.status.is_some() || !read.properties.is_empty(),
                "a response has a status or a propstat (RFC 4918 section 14.24):\n{xml}"
            );
            for href in response.elements().filter(|e| e.name == dav("href")) {
                let twice = responses.insert(href.inner(), read.clone());
                assert!(twice.is_none(), "`{}` twice in\n{xml}", href.inner());
            }
        }
        Self { responses }
    }

    /// The paths below the DAV root, decoded, in order: `/Projects/`, `/Projects/a b.txt`.
    pub fn paths(&self) -> Vec<String> {
        self.responses.keys().map(|href| path_of(href)).collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    }

    /// The response for a path below the DAV root.
    #[track_caller]
    pub fn at(&self, path: &str) -> &Response {
        let found = self.responses.iter().find(|(href, _)| path_of(href) == path);
        found.unwrap_or_else(|| panic!("no response for `{path}`, only {:?}", self.paths())).1
    }

    /// The only response.
    #[track_caller]
    pub fn only(&self) -> &Response {
        assert_eq!(self.responses.len(), 1, "one response expected: {:?}", self.paths());
        self.responses.values().next().expect("just counted")
    }
}

impl Response {
    /// The value of a property that is there (status 200).
    #[track_caller]
    pub fn value(&self, name: &str) -> &str {
        let found = self.properties.get(&200).and_then(|values| values.get(name));
        found.unwrap_or_else(|| panic!("no `{name}` with status 200 in {:#?}", self.properties))
    }

    /// The status under which a property is listed.
    pub fn status_of(&self, name: &str) -> Option<u16> {
        self.properties.iter().find(|(_, values)| values.contains_key(name)).map(|(status, _)| *status)
    }

    /// Says so by its resource type; the short listing for Windows leaves the empty type of files out.
    pub fn is_collection(&self) -> bool {
        let kind = self.properties.get(&200).and_then(|values| values.get(&dav("resourcetype")));
        kind.is_some_and(|kind| kind.contains("<{DAV:}collection>"))
    }
}

/// `/dav/Projects/a%20b.txt` -> `/Projects/a b.txt`; what lies outside `/dav` stays whole.
fn path_of(href: &str) -> String {
    let decoded = percent_decode_str(href).decode_utf8().expect("hrefs are UTF-8").into_owned();
    decoded.strip_prefix("/dav").map_or(decoded.clone(), str::to_owned)
}

/// `HTTP/1.1 200 OK` -> 200.
fn status_of(element: &Element) -> u16 {
    let line = element.inner();
    let code = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|digits| digits.parse().ok());
    code.unwrap_or_else(|| panic!("no status line: {line:?}"))
}
