//! The XML reader, and raw values: cut out and put elsewhere, a value is the same value.
#![no_main]

use commonhold::dav::xml::{Document, RawXml};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let Ok(document) = Document::parse(body) else { return };
    let Some(value) = RawXml::of(document.root(), 1 << 20) else { return };
    let elsewhere = format!("<D:m xmlns:D=\"DAV:\" xmlns:a=\"urn:other\">{}</D:m>", value.content());
    let again = Document::parse(elsewhere.as_bytes()).expect("a value is well-formed");
    let again = RawXml::of(again.root(), usize::MAX).expect("there is no limit");
    assert_eq!(again.content(), value.content());
    if let Some(text) = value.as_text() {
        assert_eq!(RawXml::from_text(&text).content(), value.content());
    }
});
