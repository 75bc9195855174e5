//! The bodies of REPORT: which report is asked for, and with what.
//!
//! Not here: which reports a resource has and what they answer ([`super::super::report`], `principals`).
//! RFC 3253 sections 3.6 and 3.8, RFC 3744 section 9, RFC 6578 section 6.

use super::super::xml::{Document, Element, QName};
use super::{BodyError, PROPERTIES_MAX, at_most_one, property_names};

/// The most criteria of one search.
pub const SEARCH_TERMS_MAX: usize = 32;

/// How deep `expand-property` may be nested.
pub const EXPAND_DEPTH_MAX: usize = 4;

/// A report that somebody asks for. `props` is nothing when no properties were asked for at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportBody {
    /// RFC 3744 section 9.2: about the principals in the resource's ACL.
    AclPrincipalPropSet {
        /// What to tell of each.
        props: Option<Vec<QName>>,
    },
    /// RFC 3744 section 9.3: the members that are, or belong to, whoever asks.
    PrincipalMatch {
        /// How they are found.
        by: MatchBy,
        /// What to tell of each.
        props: Option<Vec<QName>>,
    },
    /// RFC 3744 section 9.4.
    PrincipalPropertySearch {
        /// Each must be met.
        terms: Vec<SearchTerm>,
        /// What to tell of each principal found.
        props: Option<Vec<QName>>,
        /// Whether to search all principals and not only the members of the resource.
        everywhere: bool,
    },
    /// RFC 3744 section 9.5.
    PrincipalSearchPropertySet,
    /// RFC 3253 section 3.8.
    ExpandProperty(Vec<Expand>),
    /// RFC 3253 section 3.7.
    VersionTree {
        /// What to tell of each version.
        props: Option<Vec<QName>>,
    },
    /// RFC 6578 section 6.1.
    SyncCollection {
        /// How far the client is; nothing when it begins.
        token: Option<String>,
        /// Everything below the collection, or only its members.
        deep: bool,
        /// So many answers at most.
        limit: Option<u32>,
        /// What to tell of each member.
        props: Option<Vec<QName>>,
    },
    /// Another one, by its name.
    Unknown(QName),
}

/// How `principal-match` finds members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MatchBy {
    /// Principals that are the caller, and groups that the caller is in.
    Itself,
    /// Resources on which this property names the caller.
    Property(QName),
}

/// A criterion: each of the properties contains the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchTerm {
    /// The properties, at least one.
    pub props: Vec<QName>,
    /// The text.
    pub text: String,
}

/// A property to tell, and what to tell of the resources that its value names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expand {
    /// The property.
    pub name: QName,
    /// Of each resource named. Empty: the value stays as it is.
    pub below: Vec<Expand>,
}

impl ReportBody {
    /// Parses the body of a REPORT.
    ///
    /// Errors: `Xml`, `TooManyProperties`; `Contents` for a known report without what it must have.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let document = Document::parse(body)?;
        let root = document.root();
        if root.name().ns() != super::super::xml::DAV {
            return Ok(Self::Unknown(root.name().clone()));
        }
        match root.name().local() {
            "acl-principal-prop-set" => Ok(Self::AclPrincipalPropSet { props: props(root)? }),
            "principal-match" => principal_match(root),
            "principal-property-search" => principal_property_search(root),
            "principal-search-property-set" => Ok(Self::PrincipalSearchPropertySet),
            "version-tree" => Ok(Self::VersionTree { props: props(root)? }),
            "sync-collection" => sync_collection(root),
            "expand-property" => Ok(Self::ExpandProperty(expansion(root, 0, &mut 0)?)),
            _ => Ok(Self::Unknown(root.name().clone())),
        }
    }
}

fn props(root: Element<'_>) -> Result<Option<Vec<QName>>, BodyError> {
    at_most_one(root, "prop", "a report holds one `prop`")?.map(property_names).transpose()
}

fn principal_match(root: Element<'_>) -> Result<ReportBody, BodyError> {
    const CHOICE: &str = "`principal-match` holds either `self` or one `principal-property`";
    let property = at_most_one(root, "principal-property", CHOICE)?;
    let by = match (at_most_one(root, "self", CHOICE)?, property) {
        (Some(_), None) => MatchBy::Itself,
        (None, Some(property)) => {
            let name = property.children().next().ok_or(BodyError::Contents(CHOICE))?;
            MatchBy::Property(name.name().clone())
        }
        _ => return Err(BodyError::Contents(CHOICE)),
    };
    Ok(ReportBody::PrincipalMatch { by, props: props(root)? })
}

fn principal_property_search(root: Element<'_>) -> Result<ReportBody, BodyError> {
    let mut terms = Vec::new();
    for term in root.dav_children("property-search") {
        if terms.len() == SEARCH_TERMS_MAX {
            return Err(BodyError::Contents("a search has 32 criteria at most"));
        }
        let searched = props(term)?.filter(|props| !props.is_empty());
        let text = at_most_one(term, "match", "a `property-search` holds one `match`")?.and_then(Element::text);
        let (Some(searched), Some(text)) = (searched, text) else {
            return Err(BodyError::Contents(
                "a `property-search` holds a `prop` with properties, and a `match` with text",
            ));
        };
        terms.push(SearchTerm { props: searched, text: text.trim().to_owned() });
    }
    if terms.is_empty() {
        return Err(BodyError::Contents("`principal-property-search` holds at least one `property-search`"));
    }
    let everywhere = root.dav_children("apply-to-principal-collection-set").next().is_some();
    Ok(ReportBody::PrincipalPropertySearch { terms, props: props(root)?, everywhere })
}

fn sync_collection(root: Element<'_>) -> Result<ReportBody, BodyError> {
    const TOKEN: &str = "`sync-collection` holds one `sync-token`, empty at the beginning";
    const LEVEL: &str = "`sync-collection` holds one `sync-level`, which is `1` or `infinite`";
    const LIMIT: &str = "a `limit` holds one `nresults`, which is a number from 1 on";
    let token = at_most_one(root, "sync-token", TOKEN)?.ok_or(BodyError::Contents(TOKEN))?;
    let token = token.text().ok_or(BodyError::Contents(TOKEN))?;
    let token = Some(token.trim().to_owned()).filter(|token| !token.is_empty());
    let level = at_most_one(root, "sync-level", LEVEL)?.and_then(Element::text);
    let deep = match level.map(str::trim) {
        Some("1") => false,
        Some("infinite") => true,
        Some(_) | None => return Err(BodyError::Contents(LEVEL)),
    };
    let limit = match at_most_one(root, "limit", LIMIT)? {
        Some(limit) => {
            let number = at_most_one(limit, "nresults", LIMIT)?.and_then(Element::text);
            let number = number.and_then(|number| number.trim().parse().ok()).filter(|number| *number > 0);
            Some(number.ok_or(BodyError::Contents(LIMIT))?)
        }
        None => None,
    };
    Ok(ReportBody::SyncCollection { token, deep, limit, props: props(root)? })
}

fn expansion(parent: Element<'_>, depth: usize, count: &mut usize) -> Result<Vec<Expand>, BodyError> {
    let mut found: Vec<Expand> = Vec::new();
    for property in parent.dav_children("property") {
        if depth == EXPAND_DEPTH_MAX {
            return Err(BodyError::Contents("`expand-property` is nested too deep"));
        }
        *count += 1;
        if *count > PROPERTIES_MAX {
            return Err(BodyError::TooManyProperties);
        }
        let local = property.attribute("name").unwrap_or_default();
        let name = QName::new(property.attribute("namespace").unwrap_or(super::super::xml::DAV), local)
            .ok_or(BodyError::Contents("a `property` has a `name`"))?;
        let below = expansion(property, depth + 1, count)?;
        if !found.iter().any(|other| other.name == name) {
            found.push(Expand { name, below });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(report: &str, contents: &str) -> Result<ReportBody, BodyError> {
        ReportBody::parse(format!("<D:{report} xmlns:D='DAV:' xmlns:x='urn:x'>{contents}</D:{report}>").as_bytes())
    }

    fn names(names: &[&'static str]) -> Option<Vec<QName>> {
        Some(names.iter().map(|name| QName::dav(name)).collect())
    }

    #[test]
    fn the_reports_of_the_rfc_are_read() {
        assert_eq!(
            parse("acl-principal-prop-set", "<D:prop><D:displayname/></D:prop>"),
            Ok(ReportBody::AclPrincipalPropSet { props: names(&["displayname"]) })
        );
        assert_eq!(
            parse("principal-match", "<D:principal-property><D:owner/></D:principal-property>"),
            Ok(ReportBody::PrincipalMatch { by: MatchBy::Property(QName::dav("owner")), props: None })
        );
        assert_eq!(
            parse("principal-match", "<D:self/><D:prop/>"),
            Ok(ReportBody::PrincipalMatch { by: MatchBy::Itself, props: names(&[]) })
        );
        let title = QName::new("urn:x", "title").unwrap();
        assert_eq!(
            parse(
                "principal-property-search",
                "<D:property-search><D:prop><D:displayname/></D:prop><D:match> doE </D:match></D:property-search>\
                 <D:property-search><D:prop><x:title/></D:prop><D:match>Sales</D:match></D:property-search>\
                 <D:prop><D:displayname/></D:prop><D:apply-to-principal-collection-set/>"
            ),
            Ok(ReportBody::PrincipalPropertySearch {
                terms: vec![
                    SearchTerm { props: vec![QName::dav("displayname")], text: "doE".into() },
                    SearchTerm { props: vec![title], text: "Sales".into() },
                ],
                props: names(&["displayname"]),
                everywhere: true,
            })
        );
        assert_eq!(parse("principal-search-property-set", ""), Ok(ReportBody::PrincipalSearchPropertySet));
        assert_eq!(parse("version-tree", ""), Ok(ReportBody::VersionTree { props: None }));
        assert_eq!(
            parse("version-tree", "<D:prop><D:version-name/></D:prop>"),
            Ok(ReportBody::VersionTree { props: names(&["version-name"]) })
        );
        assert_eq!(parse("locate-by-history", ""), Ok(ReportBody::Unknown(QName::dav("locate-by-history"))));
    }

    /// RFC 3253 section 3.8.1 has such a body.
    #[test]
    fn an_expansion_is_a_tree_of_properties() {
        let leaf = |ns, local| Expand { name: QName::fixed(ns, local), below: vec![] };
        let body = "<D:property name='group-member-set'><D:property name='displayname'/><D:property name='a' namespace='urn:x'/>\
                    </D:property><D:property name='owner'/><D:property name='owner'/>";
        let expected = vec![
            Expand {
                name: QName::dav("group-member-set"),
                below: vec![leaf("DAV:", "displayname"), leaf("urn:x", "a")],
            },
            leaf("DAV:", "owner"),
        ];
        assert_eq!(parse("expand-property", body), Ok(ReportBody::ExpandProperty(expected)));
        assert_eq!(parse("expand-property", ""), Ok(ReportBody::ExpandProperty(vec![])));
        let deep =
            |depth: usize| format!("{}{}", "<D:property name='owner'>".repeat(depth), "</D:property>".repeat(depth));
        assert!(parse("expand-property", &deep(EXPAND_DEPTH_MAX)).is_ok());
        assert!(matches!(parse("expand-property", &deep(EXPAND_DEPTH_MAX + 1)), Err(BodyError::Contents(_))));
        let many = "<D:property name='p'/>".repeat(PROPERTIES_MAX + 1);
        assert_eq!(parse("expand-property", &many), Err(BodyError::TooManyProperties));
    }

    #[test]
    fn a_collection_is_followed_from_a_token_on() {
        let report = |token: Option<&str>, deep, limit| {
            let (token, props) = (token.map(str::to_owned), names(&["getetag"]));
            Ok(ReportBody::SyncCollection { token, deep, limit, props })
        };
        let prop = "<D:prop><D:getetag/></D:prop>";
        let parse = |contents: &str| parse("sync-collection", &format!("{contents}{prop}"));
        let level = "<D:sync-level>1</D:sync-level>";
        assert_eq!(parse(&format!("<D:sync-token/>{level}")), report(None, false, None));
        assert_eq!(
            parse(
                "<D:sync-token> urn:x:1 </D:sync-token><D:sync-level>infinite</D:sync-level><D:limit><D:nresults>7</D:nresults></D:limit>"
            ),
            report(Some("urn:x:1"), true, Some(7))
        );
        for bad in [
            level.to_owned(),
            "<D:sync-token/>".to_owned(),
            format!("<D:sync-token/><D:sync-token/>{level}"),
            format!("<D:sync-token><D:a/></D:sync-token>{level}"),
            "<D:sync-token/><D:sync-level>2</D:sync-level>".to_owned(),
            format!("<D:sync-token/>{level}<D:limit/>"),
            format!("<D:sync-token/>{level}<D:limit><D:nresults>0</D:nresults></D:limit>"),
            format!("<D:sync-token/>{level}<D:limit><D:nresults>-1</D:nresults></D:limit>"),
        ] {
            assert!(matches!(parse(&bad), Err(BodyError::Contents(_))), "{bad}");
        }
    }

    #[test]
    fn a_report_without_what_it_must_have_is_wrong() {
        let search = |contents: &str| {
            parse("principal-property-search", &format!("<D:property-search>{contents}</D:property-search>"))
        };
        for bad in [
            parse("principal-match", ""),
            parse("principal-match", "<D:self/><D:principal-property><D:owner/></D:principal-property>"),
            parse("principal-match", "<D:principal-property/>"),
            parse("principal-property-search", ""),
            parse("principal-property-search", "<D:prop><D:displayname/></D:prop>"),
            search("<D:match>a</D:match>"),
            search("<D:prop/><D:match>a</D:match>"),
            search("<D:prop><D:displayname/></D:prop>"),
            search("<D:prop><D:displayname/></D:prop><D:match><D:a/></D:match>"),
            parse("acl-principal-prop-set", "<D:prop/><D:prop/>"),
            parse("expand-property", "<D:property/>"),
            parse("expand-property", "<D:property name='a b'/>"),
        ] {
            assert!(matches!(bad, Err(BodyError::Contents(_))), "{bad:?}");
        }
        let term = "<D:property-search><D:prop><D:displayname/></D:prop><D:match>a</D:match></D:property-search>";
        assert!(parse("principal-property-search", &term.repeat(SEARCH_TERMS_MAX)).is_ok());
        assert!(parse("principal-property-search", &term.repeat(SEARCH_TERMS_MAX + 1)).is_err());
        assert!(matches!(ReportBody::parse(b""), Err(BodyError::Xml(_))));
    }

    proptest! {
        #[test]
        fn no_body_panics(parts in proptest::collection::vec("</?D:(principal-match|principal-property-search|expand-property|sync-collection|sync-token|sync-level|limit|nresults|property|prop|self|match|property-search)( xmlns:D='DAV:')?( name='[a-z ]{0,2}')?/?>|x", 0..14)) {
            let _ = ReportBody::parse(parts.concat().as_bytes());
        }
    }
}
