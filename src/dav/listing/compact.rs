//! The short form of a listing, for Windows, which reads no further than 1,000,000 bytes of it: one entry, and whether all of
//! them come before that end. Why: docs/decisions/0006-compact-listing.md.

use std::fmt::Write;

use bytes::BytesMut;

use super::super::NS_WIN32;
use super::super::headers::HttpDate;
use super::Listing;
use crate::error::HttpError;
use crate::guard::{Reached, Zone};
use crate::tree::Node;
use crate::tree::list::{Cursor, Extent, extent, members};
use crate::tree::props::DeadProp;

/// The short form has one namespace and no prefix.
pub(super) const COMPACT_START: &str = r#"<?xml version="1.0" encoding="utf-8"?><multistatus xmlns="DAV:">"#;
pub(super) const COMPACT_END: &str = "</multistatus>";
/// What Windows takes a file's attributes for when nothing is said: archive, or normal.
const PLAIN_ATTRIBUTES: [&str; 2] = ["00000020", "00000080"];
/// The hexadecimal digits that Windows writes attributes with.
const ATTRIBUTES_DIGITS: usize = 8;

/// What Windows reads of a listing as it is delivered (`FileAttributesLimitInBytes`).
const WINDOWS_LISTING_BYTES_MAX: u64 = 1_000_000;
/// The longest entry: a dated file's, without href and attributes.
const ENTRY_BYTES_MAX: u64 = 221;
/// What attributes add to one.
const ATTRIBUTES_BYTES_MAX: u64 = 102;
/// A character of a name in an href: four bytes, each escaped.
const CHARACTER_BYTES_MAX: u64 = 12;

impl Listing {
    /// Leaves the times out if Windows would not read to the end otherwise.
    pub(super) async fn fit(
        &mut self,
        (reached, zone): (&Reached, Zone),
        node: &Node,
        href: &str,
    ) -> Result<(), HttpError> {
        let Some(tx) = self.tx.as_mut().filter(|_| self.asked.compact && self.windows) else { return Ok(()) };
        // A folder that can't be too long, whatever its names are made of, is the usual one.
        if bytes_at_most(&extent(tx, node).await?, href) <= WINDOWS_LISTING_BYTES_MAX {
            return Ok(());
        }
        let seen = reached.filter_for(self.caller, zone, node.id);
        let mut bytes = bytes_at_most(&Extent::default(), href);
        let (mut out, mut member_href, mut cursor) = (BytesMut::new(), href.to_owned(), Some(Cursor::default()));
        while let (Some(after), Some(tx)) = (cursor, &mut self.tx) {
            let (nodes, next) = members(tx, node, &after, &seen).await?;
            let dead = self.dead_of(&nodes).await?;
            for node in &nodes {
                self.name_href(&mut member_href, href, node);
                let dead = dead.get(&node.id).map_or(&[][..], Vec::as_slice);
                compact_entry(&mut out, &member_href, Some(node), dead, true);
                bytes += out.len() as u64;
                out.clear();
            }
            if bytes > WINDOWS_LISTING_BYTES_MAX {
                self.asked.undated = true;
                return Ok(());
            }
            cursor = next;
        }
        Ok(())
    }
}

/// No listing of that many members, all of them seen, is longer than this in the short form.
fn bytes_at_most(of: &Extent, href: &str) -> u64 {
    let frame = (COMPACT_START.len() + COMPACT_END.len()) as u64;
    // A collection's ends with a slash.
    let entry = ENTRY_BYTES_MAX + href.len() as u64 + 1;
    let entries = of.members.saturating_add(1).saturating_mul(entry);
    let names = of.characters.saturating_mul(CHARACTER_BYTES_MAX);
    let attributes = of.with_props.saturating_add(1).saturating_mul(ATTRIBUTES_BYTES_MAX);
    [entries, names, attributes].into_iter().fold(frame, u64::saturating_add)
}

/// One `response` in the short form: length and time of a file, time of a collection, and Windows' attributes (hidden,
/// read-only) where they are other than usual. A file's resource type is empty and left out. Not `dated`: no times.
pub(super) fn compact_entry(out: &mut BytesMut, href: &str, node: Option<&Node>, dead: &[DeadProp], dated: bool) {
    let mut text = String::with_capacity(256);
    text.push_str("<response><href>");
    text.push_str(href);
    text.push_str("</href><propstat><prop>");
    match node {
        Some(node) if !node.is_collection() => {
            write!(text, "<getcontentlength>{}</getcontentlength>", node.size).expect("a string takes everything");
        }
        Some(_) | None => text.push_str("<resourcetype><collection/></resourcetype>"),
    }
    if let Some(node) = node.filter(|_| dated) {
        let modified = HttpDate::from(node.modified.system());
        write!(text, "<getlastmodified>{modified}</getlastmodified>").expect("a string takes everything");
    }
    let attributes = dead.iter().find(|prop| prop.ns == NS_WIN32 && prop.name == "Win32FileAttributes");
    let attributes = attributes.map(|prop| prop.value.as_str()).filter(|value| !PLAIN_ATTRIBUTES.contains(value));
    if let Some(value) = attributes.filter(|value| value.len() <= ATTRIBUTES_DIGITS) {
        write!(text, r#"<w:Win32FileAttributes xmlns:w="{NS_WIN32}">{value}</w:Win32FileAttributes>"#)
            .expect("a string takes everything");
    }
    text.push_str("</prop><status>HTTP/1.1 200 OK</status></propstat></response>");
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Moment;
    use crate::ids::{NodeId, ShareId};
    use crate::path::{encode_segment, windows};
    use crate::tree::Kind;
    use proptest::prelude::*;

    fn member() -> impl Strategy<Value = (Node, Vec<DeadProp>)> {
        let name = prop_oneof!["[ -~]{1,40}", "[а-я]{1,40}", "[一-龥]{1,40}", "[\"*:<>?|]{1,9}[ .]", "\\PC{1,40}"];
        let attributes = proptest::option::of(prop_oneof!["[0-9A-F]{8}", ".{0,30}"]);
        // Times of up to the year 9999, as HTTP can tell them.
        let times = 0i64..253_402_300_799_000;
        (name, any::<bool>(), any::<u64>(), times, attributes).prop_map(
            |(name, is_file, size, modified, attributes)| {
                let dead = attributes.map(|value| DeadProp {
                    ns: NS_WIN32.to_owned(),
                    name: "Win32FileAttributes".to_owned(),
                    value,
                    lang: String::new(),
                });
                let node = Node {
                    id: NodeId(2),
                    share: ShareId(1),
                    parent: Some(NodeId(1)),
                    name,
                    kind: if is_file { Kind::File } else { Kind::Collection },
                    content: None,
                    size,
                    modified: Moment(modified),
                    created: Moment(modified),
                    seq: 1,
                    lease: None,
                    has_props: dead.is_some(),
                };
                (node, dead.into_iter().collect())
            },
        )
    }

    proptest! {
        #[test]
        fn no_listing_is_longer_than_it_is_held_to_be(members in proptest::collection::vec(member(), 0..20), above in "(/[a-z%0-9]{0,20}){1,4}/") {
            let mut out = BytesMut::from(COMPACT_START);
            let mut of = Extent::default();
            compact_entry(&mut out, &above, None, &[], true);
            for (node, dead) in &members {
                let mut href = above.clone();
                href.extend(encode_segment(&windows::told(&node.name)));
                if node.is_collection() {
                    href.push('/');
                }
                compact_entry(&mut out, &href, Some(node), dead, true);
                of.members += 1;
                of.characters += node.name.chars().count() as u64;
                of.with_props += u64::from(node.has_props);
            }
            out.extend_from_slice(COMPACT_END.as_bytes());
            let most = bytes_at_most(&of, &above);
            prop_assert!(out.len() as u64 <= most, "{} bytes, {most} at most", out.len());
        }
    }
}
