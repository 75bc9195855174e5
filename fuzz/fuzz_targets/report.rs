//! Bodies of REPORT: each property is asked once, and a limit is one.
#![no_main]

use std::collections::HashSet;

use commonhold::dav::bodies::PROPERTIES_MAX;
use commonhold::dav::bodies::report::ReportBody;
use commonhold::dav::xml::QName;
use libfuzzer_sys::fuzz_target;

fn are_few_and_different(names: &[QName]) {
    assert!(names.len() <= PROPERTIES_MAX);
    assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
}

/// What stands for itself, or for the report whose name the first byte chooses.
fn parse(body: &[u8]) -> Option<ReportBody> {
    const NAMES: [&str; 7] = [
        "sync-collection",
        "version-tree",
        "acl-principal-prop-set",
        "principal-match",
        "principal-property-search",
        "expand-property",
        "principal-search-property-set",
    ];
    let [which, inside @ ..] = body else { return None };
    match NAMES.get(usize::from(*which)) {
        Some(name) => {
            let (open, close) = (format!("<D:{name} xmlns:D=\"DAV:\">"), format!("</D:{name}>"));
            ReportBody::parse(&[open.as_bytes(), inside, close.as_bytes()].concat()).ok()
        }
        None => ReportBody::parse(body).ok(),
    }
}

fuzz_target!(|body: &[u8]| {
    match parse(body) {
        Some(ReportBody::SyncCollection { token, limit, props, .. }) => {
            assert!(token.is_none_or(|token| !token.is_empty() && token.trim() == token));
            assert!(limit.is_none_or(|limit| limit > 0));
            are_few_and_different(&props.unwrap_or_default());
        }
        Some(
            ReportBody::VersionTree { props }
            | ReportBody::AclPrincipalPropSet { props }
            | ReportBody::PrincipalMatch { props, .. }
            | ReportBody::PrincipalPropertySearch { props, .. },
        ) => are_few_and_different(&props.unwrap_or_default()),
        Some(ReportBody::PrincipalSearchPropertySet | ReportBody::ExpandProperty(_) | ReportBody::Unknown(_))
        | None => {}
    }
});
