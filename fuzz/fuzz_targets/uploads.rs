//! What is said about uploads: checksums, tus' metadata, ranges of a PATCH. What was read, written out and read again is the same.
#![no_main]

use commonhold::dav::headers::{Header, OcChecksum, OcMtime, UpdateRange, UploadChecksum, UploadMetadata};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u64, u64, &str)| {
    let (length_bytes, part_bytes, text) = input;
    if let Ok(sum) = OcChecksum::from_text(text) {
        assert_eq!(OcChecksum::from_text(&sum.0.to_string()), Ok(sum));
    }
    if let Ok(UploadChecksum(sum)) = UploadChecksum::from_text(text) {
        assert_eq!(OcChecksum::from_text(&sum.to_string()), Ok(OcChecksum(sum)));
    }
    let _ = OcMtime::from_text(text);
    if let Ok(metadata) = UploadMetadata::from_text(text) {
        // A value has three bytes for four signs.
        let longest = [metadata.filename, metadata.mtime].into_iter().flatten().map(|value| value.len()).max();
        assert!(longest.unwrap_or(0) <= text.len());
    }
    if let Ok(range) = UpdateRange::from_text(text)
        && let Ok(replaced) = range.replaces(length_bytes, part_bytes)
    {
        assert!(replaced.start <= replaced.end && replaced.end <= length_bytes);
        assert!(replaced.end - replaced.start <= part_bytes);
    }
});
