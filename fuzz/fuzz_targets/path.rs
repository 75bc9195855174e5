//! Request paths: within the limits, and an href leads back to the same path.
#![no_main]

use commonhold::cloud::office;
use commonhold::path::{Name, PATH_DEPTH_MAX, Prefixed, RelPath, split_prefix, windows_problem};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(name) = Name::parse(text) {
        let _ = windows_problem(&name);
        if let Ok(folded) = Name::parse(name.key().as_str()) {
            assert_eq!(folded.key(), name.key());
        }
    }
    let _ = RelPath::parse_human(text);
    let _ = split_prefix(text, "/dav/");
    if let Some(told) = office::without_token(text) {
        assert!(told.path().starts_with("/t/-"));
    }
    let Ok(path) = RelPath::parse_request_target(text) else { return };
    assert!(path.segments().len() <= PATH_DEPTH_MAX);
    let href = path.to_href("/dav/", path.trailing_slash());
    let again = match split_prefix(&href, "/dav/") {
        Prefixed::Root => RelPath::root(),
        Prefixed::Below(rest) => RelPath::parse_request_target(rest).expect("an href is a path"),
        Prefixed::Redirect | Prefixed::Outside => panic!("`{href}` left the prefix"),
    };
    assert_eq!(again.segments(), path.segments());
    assert_eq!(again.trailing_slash(), path.trailing_slash());
    assert!(again.starts_with(&path) && path.starts_with(&again));
});
