//! A parsed document: a flat list of tokens, and elements as positions in it.
//!
//! Flat, because a tree of boxes is dropped and walked by recursion, as deep as the sender likes.
//! Not here: parsing ([`super::read`]); cutting content out as text ([`super::raw`]).

use super::{QName, Text, XML};

/// A parsed body.
#[derive(Debug)]
pub struct Document {
    /// Every element as `Start`, what is in it, and `End`; the first is the root.
    pub(super) tokens: Vec<Token>,
}

/// One step through a document in its order.
#[derive(Debug)]
pub(super) enum Token {
    Start(Start),
    /// Never empty, never beside another one.
    Text(String),
    End,
}

/// A start tag with its names resolved.
#[derive(Debug)]
pub(super) struct Start {
    /// As sent; empty for none.
    pub(super) prefix: Text,
    pub(super) name: QName,
    /// Without namespace declarations.
    pub(super) attributes: Vec<Attribute>,
    /// Where the `Start` of the element around it is; none for the root.
    pub(super) parent: Option<usize>,
    /// Where its `End` is.
    pub(super) end: usize,
}

#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) prefix: Text,
    pub(super) name: QName,
    pub(super) value: String,
}

impl Document {
    /// The root element.
    pub fn root(&self) -> Element<'_> {
        Element { tokens: &self.tokens, at: 0 }
    }
}

/// One element of a document.
#[derive(Debug, Clone, Copy)]
pub struct Element<'d> {
    tokens: &'d [Token],
    at: usize,
}

impl<'d> Element<'d> {
    fn start(self) -> &'d Start {
        match &self.tokens[self.at] {
            Token::Start(start) => start,
            Token::Text(_) | Token::End => unreachable!("an element points at its start tag"),
        }
    }

    /// Its name.
    pub fn name(self) -> &'d QName {
        &self.start().name
    }

    /// Its child elements in order; text between them is passed over.
    pub fn children(self) -> impl Iterator<Item = Element<'d>> {
        let mut next = self.at + 1;
        std::iter::from_fn(move || {
            while let Token::Text(_) = self.tokens[next] {
                next += 1;
            }
            let child = Element { tokens: self.tokens, at: next };
            match &self.tokens[next] {
                Token::Start(start) => next = start.end + 1,
                Token::Text(_) | Token::End => return None,
            }
            Some(child)
        })
    }

    /// Its child elements named `local` in `DAV:`.
    pub fn dav_children(self, local: &str) -> impl Iterator<Item = Element<'d>> {
        self.children().filter(move |child| child.name().is_dav(local))
    }

    /// The value of its attribute of that name in no namespace.
    pub fn attribute(self, local: &str) -> Option<&'d str> {
        let attributes = &self.start().attributes;
        let found = attributes.iter().find(|a| a.name.ns().is_empty() && a.name.local() == local);
        found.map(|attribute| attribute.value.as_str())
    }

    /// Its text; none if it has elements.
    pub fn text(self) -> Option<&'d str> {
        match self.inner() {
            [] => Some(""),
            [Token::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The language that holds for its content (`xml:lang` here or on an element around it).
    pub fn lang(self) -> Option<&'d str> {
        let mut around = Some(self.start());
        while let Some(start) = around {
            let lang = start.attributes.iter().find(|a| a.name.ns() == XML && a.name.local() == "lang");
            if let Some(lang) = lang {
                return Some(lang.value.as_str()).filter(|lang| !lang.is_empty());
            }
            around = start.parent.map(|at| Element { tokens: self.tokens, at }.start());
        }
        None
    }

    /// What lies between its tags.
    pub(super) fn inner(self) -> &'d [Token] {
        &self.tokens[self.at + 1..self.start().end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_are_elements_and_dav_children_have_the_name() {
        let document = Document::parse(b"<a xmlns='DAV:'> <b><b/></b>text<c/><b xmlns=''/><b/> </a>").unwrap();
        let names: Vec<_> = document.root().children().map(|child| child.name().to_string()).collect();
        assert_eq!(names, ["{DAV:}b", "{DAV:}c", "{}b", "{DAV:}b"]);
        assert_eq!(document.root().dav_children("b").count(), 2);
        assert_eq!(Document::parse(b"<a/>").unwrap().root().children().count(), 0);
    }

    #[test]
    fn text_and_attributes_are_those_of_the_element_itself() {
        let document = Document::parse(b"<a xmlns:x='urn:x' x:b='1' b='2'>t&amp;<!-- -->u</a>").unwrap();
        assert_eq!(document.root().text(), Some("t&u"));
        assert_eq!(document.root().attribute("b"), Some("2"));
        assert_eq!(document.root().attribute("c"), None);
        let document = Document::parse(b"<a><b/>t</a>").unwrap();
        assert_eq!(document.root().text(), None);
        assert_eq!(document.root().children().next().unwrap().text(), Some(""));
    }

    #[test]
    fn the_nearest_language_holds_and_an_empty_one_ends_it() {
        let document = Document::parse(b"<a xml:lang='en'><b><c/></b><b xml:lang=''><c/></b></a>").unwrap();
        let langs: Vec<_> = document.root().children().map(|b| b.children().next().unwrap().lang()).collect();
        assert_eq!(langs, [Some("en"), None]);
    }
}
