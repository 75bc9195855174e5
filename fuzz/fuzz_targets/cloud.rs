//! The URLs of Nextcloud's and ownCloud's clients: what leads through a door leads below the tree, and conditions and destinations are turned without harm.
#![no_main]

use commonhold::cloud::{self, Door, Place};
use http::{HeaderValue, Request};
use libfuzzer_sys::fuzz_target;

/// Where a path leads; a few bytes stand for what most begin with.
fn path(text: &str) -> String {
    const BEGINNINGS: [&str; 8] = [
        "/remote.php/webdav/",
        "/remote.php/dav/files/ana/",
        "/remote.php/dav/versions/ana/versions/7/",
        "/remote.php/dav/trashbin/ana/trash/",
        "/remote.php/dav/uploads/ana/",
        "/index.php/remote.php/webdav",
        "/index.php/login/v2/",
        "/ocs/v2.php/",
    ];
    let beginning = text.bytes().next().and_then(|byte| BEGINNINGS.get(usize::from(byte)));
    beginning.map_or_else(|| text.to_owned(), |beginning| format!("{beginning}{}", &text[1..]))
}

fuzz_target!(|input: (&str, &str)| {
    let (text, header) = input;
    let path = path(text);
    let Some(place) = cloud::place(&path) else { return };
    let Ok(request) = Request::builder().uri(path.as_str()).body(()) else { return };
    let (mut head, ()) = request.into_parts();
    let _ = place.is_open(&head);
    let (Place::Files { above, .. } | Place::Versions { above, .. } | Place::Trash { above, .. }) = place else {
        return;
    };
    if let Ok(value) = HeaderValue::from_str(header) {
        head.headers.insert("destination", value.clone());
        head.headers.insert("if", value);
    }
    let door = Door::of(head.uri.path(), above, "/dav/");
    if let Ok(inside) = door.enter(&mut head) {
        assert!(inside.to_href("/dav/", false).starts_with("/dav/"));
        assert!(head.headers.contains_key("if") == HeaderValue::from_str(header).is_ok());
    }
});
