//! The XML bodies of requests, typed: PROPFIND, PROPPATCH, LOCK and extended MKCOL; in the files below ACL and REPORT.
//!
//! Here: which elements a body must have. Elements nobody knows are passed over with all they hold, and so is text between
//! elements (RFC 4918 section 17). Not here: XML itself ([`super::xml`]), which properties there are, the size of a body as
//! it arrives (the verbs limit it before they read it).
//! RFC 4918 sections 9.1, 9.2, 9.10, 14 and 15, RFC 5689 section 3.

pub mod acl;
pub mod report;

use std::collections::HashSet;

use super::xml::{Document, Element, QName, RawXml, XmlError};

/// The most properties that one body may name.
pub const PROPERTIES_MAX: usize = 1000;

/// The longest value of a property, as it is stored.
pub const PROPERTY_BYTES_MAX: usize = 64 * 1024;

/// The longest `owner` of a lock, as it is stored and shown to everybody who asks about the lock.
pub const LOCK_OWNER_BYTES_MAX: usize = 2 * 1024;

/// Why a body can't be used: 400, and 413 for the limits of this file.
///
/// RFC 4918 section 11.2 would allow 422 for a body that is well-formed but wrong; 400 is what other servers answer and
/// clients know. Only MKCOL answers 415 to `WrongRoot`, as it does to any body it doesn't understand (section 9.3).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is no XML, or over a limit of the reader.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// The root is another element.
    #[error("the body's root is `{found}`, not `{{DAV:}}{expected}`")]
    WrongRoot {
        /// The local name in `DAV:` that it must have.
        expected: &'static str,
        /// What it is.
        found: QName,
    },
    /// A required choice is missing, made twice or contradictory.
    #[error("the body is wrong: {0}")]
    Contents(&'static str),
    /// Over [`PROPERTIES_MAX`].
    #[error("the body names more than {PROPERTIES_MAX} properties")]
    TooManyProperties,
    /// Over [`PROPERTY_BYTES_MAX`].
    #[error("the value of the property `{0}` is longer than {PROPERTY_BYTES_MAX} bytes")]
    PropertyTooLong(QName),
    /// Over [`LOCK_OWNER_BYTES_MAX`].
    #[error("the owner of the lock is longer than {LOCK_OWNER_BYTES_MAX} bytes")]
    OwnerTooLong,
}

/// What a PROPFIND asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PropfindBody {
    /// No body at all: as `AllProp` with nothing included.
    Empty,
    /// The names of all properties, without values.
    PropName,
    /// The properties of RFC 4918 and the dead ones, with values, and these besides.
    AllProp {
        /// Each once, in the order asked.
        include: Vec<QName>,
    },
    /// These properties; each once, in the order asked.
    Prop(Vec<QName>),
}

impl PropfindBody {
    /// Parses the body of a PROPFIND.
    ///
    /// Errors: `Xml`, `WrongRoot`, `TooManyProperties`; `Contents` unless there is exactly one of `propname`, `allprop` and
    /// `prop`, or if `include` is there without `allprop` or twice.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        if body.is_empty() {
            return Ok(Self::Empty);
        }
        let document = Document::parse(body)?;
        let root = root_named(&document, "propfind")?;
        let only = |local| at_most_one(root, local, "`propfind` holds the same element twice");
        let choice = (only("propname")?, only("allprop")?, only("prop")?, only("include")?);
        match choice {
            (Some(_), None, None, None) => Ok(Self::PropName),
            (None, Some(_), None, include) => {
                Ok(Self::AllProp { include: include.map_or(Ok(Vec::new()), property_names)? })
            }
            (None, None, Some(prop), None) => Ok(Self::Prop(property_names(prop)?)),
            _ => Err(BodyError::Contents(
                "`propfind` holds one of `propname`, `allprop` (perhaps with `include`) and `prop`",
            )),
        }
    }
}

/// One step of a PROPPATCH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PropOp {
    /// Give a property this value.
    Set {
        /// Which.
        name: QName,
        /// The value with its language.
        value: RawXml,
    },
    /// Remove a property; it is no fault if there is none.
    Remove(QName),
}

/// A PROPPATCH: all of its steps in this order, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyUpdate {
    /// In document order; the order counts when a property is named twice.
    pub ops: Vec<PropOp>,
}

impl PropertyUpdate {
    /// The names of the properties that it is about, each once.
    pub fn names(&self) -> Vec<&QName> {
        let mut seen = HashSet::new();
        let names = self.ops.iter().map(|(PropOp::Set { name, .. } | PropOp::Remove(name))| name);
        names.filter(|name| seen.insert(*name)).collect()
    }

    /// Parses the body of a PROPPATCH.
    ///
    /// Errors: `Xml`, `WrongRoot`, `TooManyProperties`, `PropertyTooLong`; `Contents` if there is no `set` and no `remove`,
    /// or one without `prop`.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let document = Document::parse(body)?;
        let root = root_named(&document, "propertyupdate")?;
        let mut ops = Vec::new();
        let mut has_steps = false;
        for step in root.children() {
            let is_set = step.name().is_dav("set");
            if !is_set && !step.name().is_dav("remove") {
                continue;
            }
            has_steps = true;
            for property in properties_of(step)? {
                if ops.len() == PROPERTIES_MAX {
                    return Err(BodyError::TooManyProperties);
                }
                let name = property.name().clone();
                ops.push(if is_set { PropOp::Set { name, value: value_of(property)? } } else { PropOp::Remove(name) });
            }
        }
        if has_steps { Ok(Self { ops }) } else { Err(BodyError::Contents("`propertyupdate` holds `set` or `remove`")) }
    }
}

/// Whether others may hold a lock at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockScope {
    /// Nobody else.
    Exclusive,
    /// Other shared locks may be there.
    Shared,
}

/// The lock a client wants; it is always a write lock, the only kind there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockInfo {
    /// Exclusive or shared.
    pub scope: LockScope,
    /// What the client says about who holds the lock, for people to read.
    pub owner: Option<RawXml>,
}

/// What a LOCK asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockBody {
    /// No body at all: refresh the lock whose token is in `If`.
    Refresh,
    /// A new lock.
    New(LockInfo),
}

impl LockBody {
    /// Parses the body of a LOCK.
    ///
    /// Errors: `Xml`, `WrongRoot`, `OwnerTooLong`; `Contents` unless there is one scope, `exclusive` or `shared`, the type
    /// `write`, and at most one owner.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        if body.is_empty() {
            return Ok(Self::Refresh);
        }
        let document = Document::parse(body)?;
        let root = root_named(&document, "lockinfo")?;
        let only = |local| at_most_one(root, local, "`lockinfo` holds the same element twice");
        let holds = |element: Option<Element<'_>>, local| {
            element.is_some_and(|element| element.dav_children(local).next().is_some())
        };
        let (scope, kind) = (only("lockscope")?, only("locktype")?);
        let scope = match (holds(scope, "exclusive"), holds(scope, "shared")) {
            (true, false) => LockScope::Exclusive,
            (false, true) => LockScope::Shared,
            _ => return Err(BodyError::Contents("`lockscope` holds `exclusive` or `shared`")),
        };
        if !holds(kind, "write") {
            return Err(BodyError::Contents("`locktype` holds `write`"));
        }
        let cut = |owner| RawXml::of(owner, LOCK_OWNER_BYTES_MAX).ok_or(BodyError::OwnerTooLong);
        let owner = only("owner")?.map(cut).transpose()?;
        Ok(Self::New(LockInfo { scope, owner }))
    }
}

/// What an extended MKCOL makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MkcolBody {
    /// The types of the new collection; `None` when the body says nothing about it.
    pub resource_types: Option<Vec<QName>>,
    /// The other properties, all of them to be set.
    pub properties: PropertyUpdate,
}

impl MkcolBody {
    /// Parses the body of an extended MKCOL.
    ///
    /// Errors: `Xml`, `WrongRoot` (415), `TooManyProperties`, `PropertyTooLong`; `Contents` if there is no `set`, or one
    /// without `prop`.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let document = Document::parse(body)?;
        let root = root_named(&document, "mkcol")?;
        let mut resource_types = None;
        let mut ops = Vec::new();
        let mut has_steps = false;
        for set in root.dav_children("set") {
            has_steps = true;
            for property in properties_of(set)? {
                if property.name().is_dav("resourcetype") {
                    resource_types = Some(property_names(property)?);
                    continue;
                }
                if ops.len() == PROPERTIES_MAX {
                    return Err(BodyError::TooManyProperties);
                }
                ops.push(PropOp::Set { name: property.name().clone(), value: value_of(property)? });
            }
        }
        if !has_steps {
            return Err(BodyError::Contents("`mkcol` holds `set`"));
        }
        Ok(Self { resource_types, properties: PropertyUpdate { ops } })
    }
}

fn root_named<'d>(document: &'d Document, expected: &'static str) -> Result<Element<'d>, BodyError> {
    let root = document.root();
    if root.name().is_dav(expected) {
        return Ok(root);
    }
    Err(BodyError::WrongRoot { expected, found: root.name().clone() })
}

fn at_most_one<'d>(parent: Element<'d>, local: &str, flaw: &'static str) -> Result<Option<Element<'d>>, BodyError> {
    let mut found = parent.dav_children(local);
    let first = found.next();
    if found.next().is_some() { Err(BodyError::Contents(flaw)) } else { Ok(first) }
}

/// The names of an element's children, each once: asked twice, a property is still answered once.
fn property_names(parent: Element<'_>) -> Result<Vec<QName>, BodyError> {
    let mut seen = HashSet::new();
    let names: Vec<QName> = parent
        .children()
        .map(Element::name)
        .filter(|name| seen.insert(*name))
        .take(PROPERTIES_MAX + 1)
        .cloned()
        .collect();
    if names.len() > PROPERTIES_MAX { Err(BodyError::TooManyProperties) } else { Ok(names) }
}

/// The properties in the `prop` of a `set` or `remove`.
fn properties_of(step: Element<'_>) -> Result<impl Iterator<Item = Element<'_>>, BodyError> {
    let prop = at_most_one(step, "prop", "`set` and `remove` hold one `prop`")?;
    prop.map(Element::children).ok_or(BodyError::Contents("`set` and `remove` hold one `prop`"))
}

fn value_of(property: Element<'_>) -> Result<RawXml, BodyError> {
    RawXml::of(property, PROPERTY_BYTES_MAX).ok_or_else(|| BodyError::PropertyTooLong(property.name().clone()))
}

#[cfg(test)]
mod tests {
    use super::super::xml::XmlWriter;
    use super::*;
    use proptest::prelude::*;

    fn propfind(contents: &str) -> Result<PropfindBody, BodyError> {
        PropfindBody::parse(format!("<D:propfind xmlns:D='DAV:'>{contents}</D:propfind>").as_bytes())
    }

    fn ops(contents: &str) -> Result<Vec<PropOp>, BodyError> {
        let body = format!("<D:propertyupdate xmlns:D='DAV:' xmlns:x='urn:x'>{contents}</D:propertyupdate>");
        PropertyUpdate::parse(body.as_bytes()).map(|update| update.ops)
    }

    fn lock(contents: &str) -> Result<LockBody, BodyError> {
        LockBody::parse(format!("<D:lockinfo xmlns:D='DAV:'>{contents}</D:lockinfo>").as_bytes())
    }

    fn mkcol(contents: &str) -> Result<MkcolBody, BodyError> {
        MkcolBody::parse(format!("<D:mkcol xmlns:D='DAV:' xmlns:x='urn:x'>{contents}</D:mkcol>").as_bytes())
    }

    fn is_wrong<T>(parsed: Result<T, BodyError>) -> bool {
        matches!(parsed, Err(BodyError::Contents(_)))
    }

    fn x(local: &str) -> QName {
        QName::new("urn:x", local).unwrap()
    }

    fn set(local: &str, value: &str) -> PropOp {
        PropOp::Set { name: x(local), value: RawXml::from_stored(value.into(), None) }
    }

    #[test]
    fn a_propfind_asks_for_everything_for_names_or_for_a_list() {
        assert_eq!(PropfindBody::parse(b""), Ok(PropfindBody::Empty));
        assert_eq!(propfind("<D:propname/>"), Ok(PropfindBody::PropName));
        assert_eq!(propfind("<D:allprop/>"), Ok(PropfindBody::AllProp { include: vec![] }));
        let include = vec![QName::dav("acl"), QName::dav("owner")];
        assert_eq!(
            propfind("<D:include><D:acl/><D:owner/></D:include><D:allprop/>"),
            Ok(PropfindBody::AllProp { include })
        );
        let asked = vec![QName::dav("getetag"), QName::fixed("", "bare"), x("a")];
        assert_eq!(
            propfind("<D:prop><D:getetag/><bare/><a xmlns='urn:x'/><D:getetag/></D:prop>"),
            Ok(PropfindBody::Prop(asked))
        );
        assert_eq!(propfind("<D:prop/>"), Ok(PropfindBody::Prop(vec![])));
    }

    #[test]
    fn elements_nobody_knows_are_passed_over() {
        assert_eq!(
            propfind("text<D:foobar><D:prop/></D:foobar><D:allprop/>"),
            Ok(PropfindBody::AllProp { include: vec![] })
        );
        assert_eq!(propfind("<allprop/><D:propname><D:x/></D:propname>"), Ok(PropfindBody::PropName));
        assert_eq!(ops("<D:keep/><D:set><x:y/><D:prop><x:a/></D:prop></D:set>"), Ok(vec![set("a", "")]));
    }

    #[test]
    fn a_propfind_without_one_clear_choice_is_wrong() {
        for bad in [
            "",
            "<D:foobar/>",
            "<D:include><D:acl/></D:include>",
            "<D:allprop/><D:propname/>",
            "<D:allprop/><D:prop><D:acl/></D:prop>",
            "<D:prop/><D:include/>",
            "<D:prop/><D:prop/>",
            "<D:allprop/><D:include/><D:include/>",
        ] {
            assert!(is_wrong(propfind(bad)), "{bad}");
        }
    }

    /// `propfind_invalid` and `propfind_invalid2` of litmus.
    #[test]
    fn a_propfind_that_is_no_namespaced_xml_is_refused() {
        for bad in [
            "<foo>",
            "<propfind xmlns='DAV:'><prop>",
            "<D:propfind xmlns:D=\"DAV:\"><D:prop><bar:foo xmlns:bar=\"\"/></D:prop></D:propfind>",
            "<D:propfind><D:allprop/></D:propfind>",
            " ",
        ] {
            assert!(matches!(PropfindBody::parse(bad.as_bytes()), Err(BodyError::Xml(_))), "{bad}");
        }
    }

    #[test]
    fn a_root_in_another_namespace_is_another_root() {
        let wrong = |error: Option<BodyError>| matches!(error, Some(BodyError::WrongRoot { .. }));
        assert!(wrong(PropfindBody::parse(b"<propfind><allprop/></propfind>").err()));
        assert!(wrong(PropertyUpdate::parse(b"<propfind xmlns='DAV:'/>").err()));
        assert!(wrong(LockBody::parse(b"<lockinfo xmlns='dav:'/>").err()));
        let error = MkcolBody::parse(b"<mkcalendar xmlns='urn:x'/>").unwrap_err();
        assert_eq!(error.to_string(), "the body's root is `{urn:x}mkcalendar`, not `{DAV:}mkcol`");
    }

    /// `propremoveset`, `propsetremove` of litmus: the last step wins, so the order must survive.
    #[test]
    fn a_proppatch_keeps_the_order_of_its_steps() {
        let body = "<D:remove><D:prop><x:a/></D:prop></D:remove><D:set><D:prop><x:a>1</x:a><x:b/></D:prop></D:set>\
                    <D:set><D:prop><x:a>2</x:a></D:prop></D:set>";
        assert_eq!(ops(body), Ok(vec![PropOp::Remove(x("a")), set("a", "1"), set("b", ""), set("a", "2")]));
    }

    /// `propvalnspace`, `prophighunicode`, `propnullns` of litmus.
    #[test]
    fn a_value_keeps_its_namespaces_and_characters() {
        let body = "<D:set><D:prop><x:v><foo xmlns='http://bar'><x:in/></foo></x:v><x:h>&#65536;</x:h><n>r</n></D:prop></D:set>";
        let expected = vec![
            set("v", "<foo xmlns=\"http://bar\"><x:in xmlns:x=\"urn:x\"/></foo>"),
            set("h", "\u{10000}"),
            PropOp::Set { name: QName::fixed("", "n"), value: RawXml::from_text("r") },
        ];
        assert_eq!(ops(body), Ok(expected));
    }

    #[test]
    fn a_language_on_prop_reaches_the_value() {
        let parsed = ops("<D:set><D:prop xml:lang='de'><x:a>Plan</x:a></D:prop></D:set>").unwrap();
        assert_eq!(
            parsed,
            [PropOp::Set { name: x("a"), value: RawXml::from_stored("Plan".into(), Some("de".into())) }]
        );
    }

    #[test]
    fn a_proppatch_without_steps_is_wrong_but_one_without_properties_is_not() {
        for bad in [
            "",
            "<D:prop><x:a/></D:prop>",
            "<D:set/>",
            "<D:set><x:a/></D:set>",
            "<D:remove><D:prop/><D:prop/></D:remove>",
        ] {
            assert!(is_wrong(ops(bad)), "{bad}");
        }
        assert_eq!(ops("<D:set><D:prop/></D:set>"), Ok(vec![]));
        assert!(matches!(PropertyUpdate::parse(b""), Err(BodyError::Xml(_))));
    }

    #[test]
    fn the_number_of_properties_is_limited() {
        let names = |count: usize| (0..count).map(|n| format!("<x:p{n}/>")).collect::<String>();
        let steps = |count: usize| format!("<D:set><D:prop>{}</D:prop></D:set>", names(count));
        let asked = |count: usize| propfind(&format!("<D:prop xmlns:x='urn:x'>{}</D:prop>", names(count)));
        assert!(asked(PROPERTIES_MAX).is_ok());
        assert_eq!(asked(PROPERTIES_MAX + 1), Err(BodyError::TooManyProperties));
        assert!(ops(&steps(PROPERTIES_MAX)).is_ok());
        assert_eq!(ops(&(steps(PROPERTIES_MAX) + &steps(1))), Err(BodyError::TooManyProperties));
        assert!(mkcol(&steps(PROPERTIES_MAX)).is_ok());
        assert_eq!(mkcol(&steps(PROPERTIES_MAX + 1)), Err(BodyError::TooManyProperties));
    }

    #[test]
    fn the_length_of_a_value_is_limited() {
        let step = |bytes: usize| format!("<D:set><D:prop><x:a>{}</x:a></D:prop></D:set>", "v".repeat(bytes));
        assert!(ops(&step(PROPERTY_BYTES_MAX)).is_ok());
        assert_eq!(ops(&step(PROPERTY_BYTES_MAX + 1)), Err(BodyError::PropertyTooLong(x("a"))));
    }

    #[test]
    fn a_lock_is_exclusive_or_shared_and_has_an_owner_for_people() {
        let exclusive = "<D:lockscope><D:exclusive/></D:lockscope>";
        let write = "<D:locktype><D:write/></D:locktype>";
        assert_eq!(LockBody::parse(b""), Ok(LockBody::Refresh));
        let owner = Some(RawXml::from_stored("<D:href xmlns:D=\"DAV:\">HOME\\ana</D:href>".into(), None));
        assert_eq!(
            lock(&format!("{exclusive}{write}<D:owner><D:href>HOME\\ana</D:href></D:owner>")),
            Ok(LockBody::New(LockInfo { scope: LockScope::Exclusive, owner }))
        );
        assert_eq!(
            lock(&format!("{write}<D:lockscope><D:shared/></D:lockscope>")),
            Ok(LockBody::New(LockInfo { scope: LockScope::Shared, owner: None }))
        );
        for bad in [
            String::new(),
            exclusive.to_owned(),
            write.to_owned(),
            format!("{exclusive}<D:locktype/>"),
            format!("{exclusive}{exclusive}{write}"),
            format!("<D:lockscope><D:exclusive/><D:shared/></D:lockscope>{write}"),
            format!("{exclusive}{write}<D:owner/><D:owner/>"),
        ] {
            assert!(is_wrong(lock(&bad)), "{bad}");
        }
        let owned = |bytes: usize| lock(&format!("{exclusive}{write}<D:owner>{}</D:owner>", "o".repeat(bytes)));
        assert!(owned(LOCK_OWNER_BYTES_MAX).is_ok());
        assert_eq!(owned(LOCK_OWNER_BYTES_MAX + 1), Err(BodyError::OwnerTooLong));
    }

    #[test]
    fn an_extended_mkcol_says_the_type_and_sets_properties() {
        let body = "<D:set><D:prop><D:resourcetype><D:collection/><x:calendar/></D:resourcetype><x:a>1</x:a></D:prop></D:set>\
                    <D:set><D:prop><x:b/></D:prop></D:set>";
        let parsed = mkcol(body).unwrap();
        assert_eq!(parsed.resource_types, Some(vec![QName::dav("collection"), x("calendar")]));
        assert_eq!(parsed.properties.ops, [set("a", "1"), set("b", "")]);
        assert_eq!(mkcol("<D:set><D:prop/></D:set>").unwrap().resource_types, None);
        assert!(is_wrong(mkcol("")) && is_wrong(mkcol("<D:set/>")));
    }

    proptest! {
        #[test]
        fn a_stored_value_survives_the_way_out_and_in_again(text in "[a-z<&>\r\n\t é\u{10000}]{0,20}", lang in proptest::option::of("[a-z]{2}")) {
            let content = format!("{}<b xmlns=\"urn:b\"/>", RawXml::from_text(&text).content());
            let value = RawXml::from_stored(content, lang);
            let mut writer = XmlWriter::new(&QName::dav("propertyupdate"), &[]);
            writer.start(&QName::dav("set"));
            writer.start(&QName::dav("prop"));
            writer.value(&x("a"), &value);
            let ops = vec![PropOp::Set { name: x("a"), value }];
            prop_assert_eq!(PropertyUpdate::parse(&writer.finish()), Ok(PropertyUpdate { ops }));
        }

        #[test]
        fn no_body_panics(parts in proptest::collection::vec("</?D:(propfind|allprop|prop|include|set|remove|propertyupdate|lockinfo|lockscope|owner|mkcol)( xmlns:D='DAV:')?/?>|x", 0..12)) {
            let body = parts.concat();
            let _ = PropfindBody::parse(body.as_bytes());
            let _ = PropertyUpdate::parse(body.as_bytes());
            let _ = LockBody::parse(body.as_bytes());
            let _ = MkcolBody::parse(body.as_bytes());
        }
    }
}
