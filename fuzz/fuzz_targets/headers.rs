//! Every typed header; the first byte chooses one, the second where its value is cut into two lines.
#![no_main]

use commonhold::dav::headers::{
    Depth, ExpectedLength, Header, IfMatch, IfModifiedSince, IfNoneMatch, IfRange, IfUnmodifiedSince, LockToken,
    OcChecksum, OcMtime, Overwrite, Timeout, UploadChecksum, UploadLength, UploadMetadata, UploadOffset,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [which, cut, value @ ..] = data else { return };
    let (first, second) = value.split_at(usize::from(*cut).min(value.len()));
    match which % 17 {
        0 => parse::<Depth>(first, second),
        1 => parse::<Overwrite>(first, second),
        2 => parse::<Timeout>(first, second),
        3 => parse::<LockToken>(first, second),
        4 => parse::<IfMatch>(first, second),
        5 => parse::<IfNoneMatch>(first, second),
        6 => parse::<IfRange>(first, second),
        7 => parse::<IfModifiedSince>(first, second),
        8 => parse::<IfUnmodifiedSince>(first, second),
        9 => parse::<OcChecksum>(first, second),
        10 => parse::<OcMtime>(first, second),
        11 => parse::<ExpectedLength>(first, second),
        12 => parse::<UploadChecksum>(first, second),
        13 => parse::<UploadLength>(first, second),
        14 => parse::<UploadMetadata>(first, second),
        15 => parse::<UploadOffset>(first, second),
        _ => {
            if let Ok(IfModifiedSince(date)) = IfModifiedSince::from_text(&String::from_utf8_lossy(value)) {
                assert_eq!(IfModifiedSince::from_text(&date.to_string()), Ok(IfModifiedSince(date)));
            }
        }
    }
});

fn parse<H: Header>(first: &[u8], second: &[u8]) {
    let name = HeaderName::from_bytes(H::NAME.as_bytes()).expect("a header has a name");
    let mut headers = HeaderMap::new();
    for line in [first, second] {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(&name, value);
        }
    }
    let _ = H::parse(&headers);
}
