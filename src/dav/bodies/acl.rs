//! The body of the ACL method (RFC 3744 sections 5.5 and 8.1): entries as they were sent.
//!
//! Here: which elements there must be, and how many principals and effects an entry has. Not here: whether a principal exists,
//! a privilege is supported, an entry may stand there ([`super::super::acl`]).
//! RFC 3744 sections 5.5, 8.1, 8.1.5.

use super::super::answers::NS;
use super::super::xml::{Document, Element, QName};
use super::{BodyError, at_most_one, root_named};

/// The most privileges that one entry may name; there are far fewer.
const PRIVILEGES_MAX: usize = 64;

/// A whole list of entries, as it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AclBody {
    /// In document order.
    pub aces: Vec<Ace>,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ace {
    /// Whom it is for.
    pub principal: AcePrincipal,
    /// Whether it is for everybody else instead.
    pub invert: bool,
    /// Whether it takes away.
    pub deny: bool,
    /// The names of the privileges, each once, in the order given.
    pub privileges: Vec<QName>,
    /// Our own way of saying what it gives, as we show it beside the privileges.
    pub form: Option<AceForm>,
    /// Marked as one that clients can't change.
    pub protected: bool,
    /// The URL it was inherited from, as the client saw it.
    pub inherited: Option<String>,
}

/// Whom an entry is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AcePrincipal {
    /// The principal at a URL.
    Href(String),
    /// Everybody.
    All,
    /// Everybody who has logged in.
    Authenticated,
    /// Whoever has not.
    Unauthenticated,
    /// The resource, which is a principal itself.
    Itself,
    /// Whoever a property of the resource names.
    Property(QName),
}

/// What an entry gives, in our own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AceForm {
    /// A role's name.
    Role(String),
    /// A level's name.
    Level(String),
    /// Names of permissions.
    Permissions(String),
}

impl AceForm {
    /// The element's local name, in our namespace.
    pub const fn element(&self) -> &'static str {
        match self {
            Self::Role(_) => "role",
            Self::Level(_) => "level",
            Self::Permissions(_) => "permissions",
        }
    }

    /// The element's text.
    pub fn text(&self) -> &str {
        match self {
            Self::Role(text) | Self::Level(text) | Self::Permissions(text) => text,
        }
    }
}

impl AclBody {
    /// Parses the body of an ACL.
    ///
    /// Errors: `Xml`, `WrongRoot`; `Contents` unless each entry has one principal (perhaps inverted), and either `grant` or
    /// `deny` with at least one privilege.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let document = Document::parse(body)?;
        let root = root_named(&document, "acl")?;
        Ok(Self { aces: root.dav_children("ace").map(ace).collect::<Result<_, _>>()? })
    }
}

fn ace(ace: Element<'_>) -> Result<Ace, BodyError> {
    let only = |local| at_most_one(ace, local, "an `ace` holds the same element twice");
    let (principal, invert) = match (only("principal")?, only("invert")?) {
        (Some(principal), None) => (principal, false),
        (None, Some(invert)) => {
            let inner = at_most_one(invert, "principal", "`invert` holds one `principal`")?;
            (inner.ok_or(BodyError::Contents("`invert` holds one `principal`"))?, true)
        }
        _ => return Err(BodyError::Contents("an `ace` holds one `principal` or one `invert`")),
    };
    let (effect, deny) = match (only("grant")?, only("deny")?) {
        (Some(grant), None) => (grant, false),
        (None, Some(deny)) => (deny, true),
        _ => return Err(BodyError::Contents("an `ace` holds either one `grant` or one `deny`")),
    };
    let form = form(ace)?;
    let mut privileges: Vec<QName> = Vec::new();
    for privilege in effect.dav_children("privilege") {
        let mut names = privilege.children().map(Element::name).peekable();
        if names.peek().is_none() {
            return Err(BodyError::Contents("a `privilege` holds the privilege's name"));
        }
        for name in names.filter(|name| !privileges.contains(name)).collect::<Vec<_>>() {
            privileges.push(name.clone());
        }
        if privileges.len() > PRIVILEGES_MAX {
            return Err(BodyError::Contents("an `ace` names more privileges than there are"));
        }
    }
    if privileges.is_empty() && form.is_none() {
        return Err(BodyError::Contents("`grant` and `deny` hold at least one `privilege`"));
    }
    let inherited = match only("inherited")? {
        Some(inherited) => Some(href(inherited)?),
        None => None,
    };
    let principal = principal_of(principal)?;
    Ok(Ace { principal, invert, deny, privileges, form, protected: only("protected")?.is_some(), inherited })
}

fn principal_of(principal: Element<'_>) -> Result<AcePrincipal, BodyError> {
    const ONE: BodyError = BodyError::Contents(
        "a `principal` holds one of `href`, `all`, `authenticated`, `unauthenticated`, `self` and `property`",
    );
    let mut found = None;
    for child in principal.children().filter(|child| child.name().ns() == super::super::xml::DAV) {
        let one = match child.name().local() {
            "href" => AcePrincipal::Href(text(child)?),
            "all" => AcePrincipal::All,
            "authenticated" => AcePrincipal::Authenticated,
            "unauthenticated" => AcePrincipal::Unauthenticated,
            "self" => AcePrincipal::Itself,
            "property" => AcePrincipal::Property(child.children().next().map(Element::name).cloned().ok_or(ONE)?),
            _ => continue,
        };
        if found.replace(one).is_some() {
            return Err(ONE);
        }
    }
    found.ok_or(ONE)
}

fn form(ace: Element<'_>) -> Result<Option<AceForm>, BodyError> {
    let mut found = None;
    for child in ace.children().filter(|child| child.name().ns() == NS) {
        let form = match child.name().local() {
            "role" => AceForm::Role(text(child)?),
            "level" => AceForm::Level(text(child)?),
            "permissions" => AceForm::Permissions(text(child)?),
            _ => continue,
        };
        if found.replace(form).is_some() {
            return Err(BodyError::Contents("an `ace` has one role, level or set of permissions"));
        }
    }
    Ok(found)
}

/// The `href` in an element, trimmed.
fn href(parent: Element<'_>) -> Result<String, BodyError> {
    let href = at_most_one(parent, "href", "one `href` at a time")?;
    href.map_or(Err(BodyError::Contents("a `href` is missing")), text)
}

fn text(element: Element<'_>) -> Result<String, BodyError> {
    element.text().map(|text| text.trim().to_owned()).ok_or(BodyError::Contents("text where there are elements"))
}

#[cfg(test)]
mod tests {
    use super::super::super::xml::XmlWriter;
    use super::*;
    use proptest::prelude::*;

    fn parse(aces: &str) -> Result<Vec<Ace>, BodyError> {
        let body = format!(r#"<D:acl xmlns:D="DAV:" xmlns:C="urn:commonhold:dav">{aces}</D:acl>"#);
        AclBody::parse(body.as_bytes()).map(|body| body.aces)
    }

    fn one(ace: &str) -> Result<Ace, BodyError> {
        parse(&format!("<D:ace>{ace}</D:ace>")).map(|mut aces| aces.remove(0))
    }

    const ANA: &str = "<D:principal><D:href> /principals/users/ana/ </D:href></D:principal>";
    const READ: &str = "<D:grant><D:privilege><D:read/></D:privilege></D:grant>";

    fn plain(deny: bool, privileges: &[&'static str]) -> Ace {
        Ace {
            principal: AcePrincipal::Href("/principals/users/ana/".into()),
            invert: false,
            deny,
            privileges: privileges.iter().map(|name| QName::dav(name)).collect(),
            form: None,
            protected: false,
            inherited: None,
        }
    }

    /// RFC 3744 section 8.1.2.
    #[test]
    fn the_example_of_the_rfc_is_read() {
        let aces = parse(
            "<D:ace><D:principal><D:href>http://www.example.com/users/esedlar</D:href></D:principal>\
             <D:grant><D:privilege><D:read/></D:privilege><D:privilege><D:write/></D:privilege></D:grant></D:ace>\
             <D:ace><D:principal><D:property><D:owner/></D:property></D:principal>\
             <D:grant><D:privilege><D:read-acl/></D:privilege><D:privilege><D:write-acl/></D:privilege></D:grant></D:ace>\
             <D:ace><D:principal><D:all/></D:principal><D:grant><D:privilege><D:read/></D:privilege></D:grant></D:ace>",
        )
        .unwrap();
        let principals: Vec<_> = aces.iter().map(|ace| ace.principal.clone()).collect();
        let expected = [
            AcePrincipal::Href("http://www.example.com/users/esedlar".into()),
            AcePrincipal::Property(QName::dav("owner")),
            AcePrincipal::All,
        ];
        assert_eq!(principals, expected);
        assert_eq!(aces[1].privileges, [QName::dav("read-acl"), QName::dav("write-acl")]);
        assert!(aces.iter().all(|ace| !ace.deny && !ace.protected && ace.inherited.is_none()));
    }

    /// RFC 3744 section 8.1.5.
    #[test]
    fn two_principals_or_both_effects_in_one_entry_are_wrong() {
        let ben = ANA.replace("ana", "ben");
        let deny = READ.replace("grant", "deny");
        for bad in [
            format!("{ANA}{READ}{ben}{deny}"),
            format!("{ANA}{ben}{READ}"),
            format!("{ANA}{READ}{deny}"),
            format!("{ANA}{READ}{READ}"),
            ANA.to_owned(),
            READ.to_owned(),
            format!("<D:principal/>{READ}"),
            format!("<D:principal><D:all/><D:self/></D:principal>{READ}"),
            format!("<D:principal><D:property/></D:principal>{READ}"),
            format!("<D:principal><D:href><D:all/></D:href></D:principal>{READ}"),
            format!("<D:invert>{ANA}{ben}</D:invert>{READ}"),
            format!("<D:invert/>{READ}"),
            format!("{ANA}<D:grant/>"),
            format!("{ANA}<D:grant><D:privilege/></D:grant>"),
            format!("{ANA}<D:grant><D:read/></D:grant>"),
            format!("{ANA}{READ}<D:inherited/>"),
            format!("{ANA}{READ}<C:role>viewer</C:role><C:level>read</C:level>"),
        ] {
            assert!(matches!(one(&bad), Err(BodyError::Contents(_))), "{bad}");
        }
    }

    #[test]
    fn an_entry_says_all_that_it_may() {
        assert_eq!(one(&format!("{ANA}{READ}")), Ok(plain(false, &["read"])));
        assert_eq!(one(&format!("{}{ANA}", READ.replace("grant", "deny"))), Ok(plain(true, &["read"])));
        let twice =
            "<D:grant><D:privilege><D:read/><D:bind/></D:privilege><D:privilege><D:read/></D:privilege></D:grant>";
        assert_eq!(one(&format!("{ANA}{twice}")), Ok(plain(false, &["read", "bind"])));
        let inverted = one(&format!("<D:invert>{ANA}</D:invert>{READ}")).unwrap();
        assert_eq!(inverted, Ace { invert: true, ..plain(false, &["read"]) });
        let marks = "<D:protected/><D:inherited><D:href>/dav/Projects/</D:href></D:inherited><C:other/>";
        let expected = Ace { protected: true, inherited: Some("/dav/Projects/".into()), ..plain(false, &["read"]) };
        assert_eq!(one(&format!("{ANA}{READ}{marks}")), Ok(expected));
        let form = one(&format!("{ANA}<D:grant/><C:role>viewer</C:role>")).unwrap().form;
        assert_eq!(form, Some(AceForm::Role("viewer".into())));
        assert_eq!(parse(""), Ok(vec![]));
        assert!(matches!(AclBody::parse(b"<acl/>"), Err(BodyError::WrongRoot { .. })));
    }

    fn some_principal() -> impl Strategy<Value = AcePrincipal> {
        prop_oneof![
            "[!-~]([ -~]{0,10}[!-~])?".prop_map(AcePrincipal::Href),
            Just(AcePrincipal::All),
            Just(AcePrincipal::Authenticated),
            Just(AcePrincipal::Unauthenticated),
            Just(AcePrincipal::Itself),
            Just(AcePrincipal::Property(QName::dav("owner"))),
        ]
    }

    fn some_ace() -> impl Strategy<Value = Ace> {
        let names = proptest::sample::subsequence(vec!["read", "write", "all", "unbind"], 1..4);
        let form = proptest::option::of("[a-z]{1,5}".prop_map(AceForm::Level));
        let inherited = proptest::option::of("[!-~]{1,9}");
        (some_principal(), any::<[bool; 3]>(), names, form, inherited).prop_map(
            |(principal, [invert, deny, protected], names, form, inherited)| Ace {
                principal,
                invert,
                deny,
                privileges: names.into_iter().map(QName::dav).collect(),
                form,
                protected,
                inherited,
            },
        )
    }

    fn write(w: &mut XmlWriter, ace: &Ace) {
        w.start(&QName::dav("ace"));
        if ace.invert {
            w.start(&QName::dav("invert"));
        }
        w.start(&QName::dav("principal"));
        match &ace.principal {
            AcePrincipal::Href(href) => w.element(&QName::dav("href"), href),
            AcePrincipal::All => w.empty(&QName::dav("all")),
            AcePrincipal::Authenticated => w.empty(&QName::dav("authenticated")),
            AcePrincipal::Unauthenticated => w.empty(&QName::dav("unauthenticated")),
            AcePrincipal::Itself => w.empty(&QName::dav("self")),
            AcePrincipal::Property(name) => {
                w.start(&QName::dav("property"));
                w.empty(name);
                w.end();
            }
        }
        w.end();
        if ace.invert {
            w.end();
        }
        w.start(&QName::dav(if ace.deny { "deny" } else { "grant" }));
        for privilege in &ace.privileges {
            w.start(&QName::dav("privilege"));
            w.empty(privilege);
            w.end();
        }
        w.end();
        if ace.protected {
            w.empty(&QName::dav("protected"));
        }
        if let Some(href) = &ace.inherited {
            w.start(&QName::dav("inherited"));
            w.element(&QName::dav("href"), href);
            w.end();
        }
        if let Some(form) = &ace.form {
            w.element(&QName::fixed(NS, form.element()), form.text());
        }
        w.end();
    }

    proptest! {
        #[test]
        fn a_list_that_was_written_is_read_as_it_was(aces in proptest::collection::vec(some_ace(), 0..6)) {
            let mut writer = XmlWriter::new(&QName::dav("acl"), &[("C", NS)]);
            for ace in &aces {
                write(&mut writer, ace);
            }
            prop_assert_eq!(AclBody::parse(&writer.finish()), Ok(AclBody { aces }));
        }

        #[test]
        fn no_body_panics(parts in proptest::collection::vec("</?D:(acl|ace|principal|invert|href|grant|deny|privilege|read|inherited|property|owner)( xmlns:D='DAV:')?/?>|x", 0..14)) {
            let _ = AclBody::parse(parts.concat().as_bytes());
        }
    }
}
