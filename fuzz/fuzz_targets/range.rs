//! `Range`: a part lies inside the file. `X-Update-Range`: what is replaced does, too. The first eight bytes are the file's length.
#![no_main]

use commonhold::dav::headers::{ByteRange, Extent, Header, UpdateRange};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u64, &str)| {
    let (length_bytes, text) = input;
    if let Ok(range) = ByteRange::from_text(text)
        && let Extent::Part(part) = range.within(length_bytes)
    {
        assert!(part.start() <= part.end() && *part.end() < length_bytes);
    }
    let part_bytes = text.len() as u64 + 1;
    if let Ok(range) = UpdateRange::from_text(text)
        && let Ok(replaced) = range.replaces(length_bytes, part_bytes)
    {
        assert!(replaced.start <= replaced.end && replaced.end <= length_bytes);
        assert!(replaced.end - replaced.start <= part_bytes);
    }
});
