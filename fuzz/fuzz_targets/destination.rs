//! `Destination`: a foreign host never yields a path, and what it yields is absolute.
#![no_main]

use commonhold::dav::headers::{Destination, Header, Origin};
use commonhold::path::RelPath;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = Origin::from_host(text);
    let _ = Origin::parse(text);
    let Ok(destination) = Destination::from_text(text) else { return };
    let ours = Origin::parse("https://files.example.org").expect("it is an origin");
    if let Ok(path) = destination.raw_path_if_ours(&[ours]) {
        assert!(path.starts_with('/') && !path.contains(['?', '#']));
        let authority = text.strip_suffix(path).unwrap_or(text); // without a path it is `/`
        assert!(authority.is_empty() || authority.to_ascii_lowercase().contains("files.example.org"));
        let _ = RelPath::parse_request_target(path);
    }
});
