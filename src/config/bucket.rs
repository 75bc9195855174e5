//! `storage.blobs` as a place, and `[storage.s3]`: how an object store is reached. Credentials are no settings: they come
//! from where S3's clients look for them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How a bucket is named among contents' places.
const SCHEME: &str = "s3://";
/// Characters of a bucket's name: Amazon's bounds, which others keep too.
const BUCKET_NAME_CHARS: std::ops::RangeInclusive<usize> = 3..=63;
/// Characters of the prefix. A key has 1,024 bytes at most.
const PREFIX_CHARS_MAX: usize = 512;

/// `[storage.s3]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct S3 {
    /// The URL of the object store; empty: the variable `AWS_ENDPOINT_URL`, or Amazon's.
    pub endpoint: String,
    /// Its region; empty: the variable `AWS_REGION`, or `us-east-1`.
    pub region: String,
    /// Whether the bucket is named in the path of a request, not in its host.
    pub path_style: bool,
    /// Whether the endpoint may be `http://`.
    pub allow_http: bool,
    /// What the store compares each upload with.
    pub checksum: S3Checksum,
    /// Seconds that a request may take, tries included, and that a download may give nothing.
    pub answer_timeout_s: u64,
    /// Memory of all uploads together, in MiB.
    pub upload_memory_mib: usize,
}

impl S3 {
    /// Memory that the largest parts of an upload need, in MiB.
    pub const UPLOAD_MEMORY_MIB_MIN: usize = 256;

    /// The address of the bucket's host.
    pub fn endpoint_of(&self, bucket: &BucketUrl) -> String {
        let endpoint = self.endpoint.trim_end_matches('/');
        match endpoint.split_once("://") {
            Some((scheme, host)) if !self.path_style => format!("{scheme}://{}.{host}", bucket.bucket()),
            _ => endpoint.to_owned(),
        }
    }
}

impl Default for S3 {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            region: String::new(),
            path_style: true,
            allow_http: false,
            checksum: S3Checksum::Sha256,
            answer_timeout_s: 15,
            upload_memory_mib: 512,
        }
    }
}

/// What an object store compares an upload with, so that bytes that change on the way are found before they are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum S3Checksum {
    /// SHA-256, which every store knows.
    Sha256,
    /// CRC-64/NVME: cheaper, known to newer stores.
    Crc64nvme,
    /// Nothing of its own: for stores that refuse the header.
    None,
}

/// A bucket and a prefix of its keys: `s3://BUCKET/PREFIX`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketUrl {
    bucket: String,
    /// Its segments, none empty.
    prefix: Vec<String>,
}

impl BucketUrl {
    /// The name of the bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// What comes before each key, split at its slashes.
    pub fn prefix(&self) -> impl Iterator<Item = &str> {
        self.prefix.iter().map(String::as_str)
    }

    /// Whether a text is meant as one.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(SCHEME)
    }
}

impl FromStr for BucketUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text.strip_prefix(SCHEME).ok_or("it begins with `s3://`")?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let of_a_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
        if !BUCKET_NAME_CHARS.contains(&bucket.len()) || !bucket.chars().all(of_a_name) {
            return Err("a bucket's name has 3 to 63 characters, each a small letter, a digit, `-` or `.`");
        }
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let of_a_prefix = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
        if prefix.len() > PREFIX_CHARS_MAX || !prefix.chars().all(of_a_prefix) {
            return Err("a prefix has at most 512 characters: letters, digits, `-`, `_`, `.` and `/`");
        }
        let prefix: Vec<String> = prefix.split('/').filter(|_| !prefix.is_empty()).map(str::to_owned).collect();
        if rest.ends_with("//") || prefix.iter().any(|segment| matches!(segment.as_str(), "" | "." | "..")) {
            return Err("a prefix has no empty segment and none that is `.` or `..`");
        }
        Ok(Self { bucket: bucket.to_owned(), prefix })
    }
}

impl fmt::Display for BucketUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.bucket)?;
        self.prefix.iter().try_for_each(|segment| write!(f, "/{segment}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bucket_has_a_name_and_perhaps_a_prefix() {
        for (text, prefix) in
            [("s3://team-files", vec![]), ("s3://team-files/", vec![]), ("s3://team.files/a/b_c/", vec!["a", "b_c"])]
        {
            let url: BucketUrl = text.parse().unwrap();
            assert_eq!(url.prefix().collect::<Vec<_>>(), prefix);
            assert_eq!(url.to_string(), text.trim_end_matches('/'));
        }
        for text in [
            "",
            "team-files",
            "s3://",
            "s3://ab",
            "s3://Team",
            "s3://team/a//b",
            "s3://team/../b",
            "s3://team/ä",
            "s3://team//",
        ] {
            assert!(text.parse::<BucketUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_bucket_is_in_the_path_or_in_the_host() {
        let url = "s3://files".parse().unwrap();
        let s3 = |path_style| S3 { endpoint: "https://s3.example.org/".to_owned(), path_style, ..S3::default() };
        assert_eq!(s3(true).endpoint_of(&url), "https://s3.example.org");
        assert_eq!(s3(false).endpoint_of(&url), "https://files.s3.example.org");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(s3://)?[a-z./-]{0,80}|.{0,80}") {
            if let Ok(url) = text.parse::<BucketUrl>() {
                prop_assert_eq!(url.to_string().parse(), Ok(url));
            }
        }
    }
}
