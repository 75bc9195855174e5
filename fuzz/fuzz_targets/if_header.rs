//! `If`: within its limits, and for a resource without state exactly the lists of negations alone are true.
#![no_main]

use commonhold::dav::headers::Header;
use commonhold::dav::if_header::{IF_CONDITIONS_MAX, IF_LISTS_MAX, IfHeader, ResourceState};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(header) = IfHeader::from_text(text) else { return };
    let lists = header.lists();
    assert!((1..=IF_LISTS_MAX).contains(&lists.len()));
    assert!(lists.iter().map(|list| list.conditions.len()).sum::<usize>() <= IF_CONDITIONS_MAX);
    assert!(header.tokens().all(|token| text.contains(token)));
    let has_only_negations = lists.iter().any(|list| list.conditions.iter().all(|condition| condition.not));
    assert_eq!(header.evaluate(|_| ResourceState::default()), has_only_negations);
});
