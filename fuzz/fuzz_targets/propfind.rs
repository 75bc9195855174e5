//! Bodies of PROPFIND, LOCK and MKCOL: within their limits, no property asked twice.
#![no_main]

use std::collections::HashSet;

use commonhold::dav::bodies::{LOCK_OWNER_BYTES_MAX, LockBody, MkcolBody, PROPERTIES_MAX, PropfindBody};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    if let Ok(PropfindBody::Prop(names) | PropfindBody::AllProp { include: names }) = PropfindBody::parse(body) {
        assert!(names.len() <= PROPERTIES_MAX);
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
    }
    if let Ok(LockBody::New(lock)) = LockBody::parse(body) {
        assert!(lock.owner.is_none_or(|owner| owner.content().len() <= LOCK_OWNER_BYTES_MAX));
    }
    let _ = MkcolBody::parse(body);
});
