//! `Range`: a part lies inside the file. The first eight bytes are the file's length.
#![no_main]

use commonhold::dav::headers::{ByteRange, Extent, Header};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u64, &str)| {
    let (length_bytes, text) = input;
    if let Ok(range) = ByteRange::from_text(text)
        && let Extent::Part(part) = range.within(length_bytes)
    {
        assert!(part.start() <= part.end() && *part.end() < length_bytes);
    }
});
