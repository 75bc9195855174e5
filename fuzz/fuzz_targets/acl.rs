//! Bodies of ACL and REPORT: within their limits, and no entry without a principal's choice and something it gives.
#![no_main]

use commonhold::dav::bodies::PROPERTIES_MAX;
use commonhold::dav::bodies::acl::AclBody;
use commonhold::dav::bodies::report::{EXPAND_DEPTH_MAX, Expand, ReportBody, SEARCH_TERMS_MAX};
use libfuzzer_sys::fuzz_target;

fn measure(properties: &[Expand]) -> (usize, usize) {
    properties
        .iter()
        .map(|property| measure(&property.below))
        .fold((0, 0), |(depth, count), (below, more)| (depth.max(below + 1), count + more + 1))
}

fuzz_target!(|body: &[u8]| {
    if let Ok(acl) = AclBody::parse(body) {
        assert!(acl.aces.iter().all(|ace| !ace.privileges.is_empty() || ace.form.is_some()));
    }
    match ReportBody::parse(body) {
        Ok(ReportBody::PrincipalPropertySearch { terms, .. }) => {
            assert!(!terms.is_empty() && terms.len() <= SEARCH_TERMS_MAX);
        }
        Ok(ReportBody::ExpandProperty(properties)) => {
            let (depth, count) = measure(&properties);
            assert!(depth <= EXPAND_DEPTH_MAX && count <= PROPERTIES_MAX);
        }
        Ok(_) | Err(_) => {}
    }
});
