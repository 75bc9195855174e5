//! One `response` of a listing: the full form, and the short one for Windows.

use std::fmt::Write;

use bytes::BytesMut;

use super::super::NS_WIN32;
use super::super::answers::{close_propstat, open_propstat};
use super::super::bodies::PropfindBody;
use super::super::headers::HttpDate;
use super::super::principals::entry::write_closed_acl;
use super::super::props::{Live, Resource, write_dead};
use super::super::xml::{QName, XmlWriter};
use super::Asked;
use crate::tree::props::DeadProp;

const OK: &str = "HTTP/1.1 200 OK";
const NOT_FOUND: &str = "HTTP/1.1 404 Not Found";

/// One `response` with what was asked for.
pub(super) fn full_entry(w: &mut XmlWriter, asked: &Asked, href: &str, resource: &Resource<'_>) {
    w.start_dav("response");
    w.dav("href", href);
    if asked.existence {
        w.dav("status", OK);
        return w.end_dav("response");
    }
    let mut missing: Vec<&QName> = Vec::new();
    let mut closed = false;
    let nothing_found = asked.live.iter().all(|(name, live)| match live {
        Some(live) => !resource.has(*live) || resource.is_closed(*live),
        None => resource.dead(name).is_none(),
    });
    if matches!(asked.body, PropfindBody::Prop(_)) && nothing_found && !asked.live.is_empty() {
        let is_closed = |live: &Option<Live>| live.is_some_and(|live| resource.has(live) && resource.is_closed(live));
        if asked.live.iter().any(|(_, live)| is_closed(live)) {
            write_closed_acl(w, href);
        }
        missing.extend(asked.live.iter().filter(|(_, live)| !is_closed(live)).map(|(name, _)| name));
        return close_entry(w, &missing);
    }
    open_propstat(w);
    match &asked.body {
        PropfindBody::PropName => {
            for (_, name) in Live::all().filter(|(live, _)| resource.has(*live)) {
                w.empty(&name);
            }
            let is_live = |prop: &&DeadProp| prop.ns == "DAV:" && prop.name == "displayname";
            for prop in resource.dead.iter().filter(|prop| !is_live(prop)) {
                if let Some(name) = QName::new(&prop.ns, &prop.name) {
                    w.empty(&name);
                }
            }
        }
        PropfindBody::Empty | PropfindBody::AllProp { .. } => {
            for (live, name) in Live::all().filter(|(live, _)| live.in_allprop() && resource.has(*live)) {
                resource.write(w, live, &name);
            }
            for prop in resource.dead.iter().filter(|prop| !(prop.ns == "DAV:" && prop.name == "displayname")) {
                write_dead(w, prop, resource.node);
            }
            for (name, live) in &asked.live {
                match live {
                    Some(live) if live.in_allprop() => {}
                    Some(live) if resource.has(*live) && resource.is_closed(*live) => closed = true,
                    Some(live) if resource.has(*live) => resource.write(w, *live, name),
                    None if resource.dead(name).is_some() => {}
                    Some(_) if asked.body == PropfindBody::Empty => {}
                    Some(_) | None => missing.push(name),
                }
            }
        }
        PropfindBody::Prop(_) => {
            for (name, live) in &asked.live {
                if let Some((_, value)) = asked.values.iter().find(|(of, _)| of == name) {
                    w.value(name, value);
                    continue;
                }
                match (live, resource.dead(name)) {
                    (Some(live), _) if resource.has(*live) && resource.is_closed(*live) => closed = true,
                    (Some(live), _) if resource.has(*live) => resource.write(w, *live, name),
                    (None, Some(prop)) => write_dead(w, prop, resource.node),
                    _ => missing.push(name),
                }
            }
        }
    }
    close_propstat(w, OK);
    if closed {
        write_closed_acl(w, href);
    }
    close_entry(w, &missing);
}

/// The properties that the resource doesn't have, if any, and the end of its `response`.
fn close_entry(w: &mut XmlWriter, missing: &[&QName]) {
    if !missing.is_empty() {
        open_propstat(w);
        for name in missing {
            w.empty(name);
        }
        close_propstat(w, NOT_FOUND);
    }
    w.end_dav("response");
}

/// The short form has one namespace and no prefix.
pub(super) const COMPACT_START: &str = r#"<?xml version="1.0" encoding="utf-8"?><multistatus xmlns="DAV:">"#;
pub(super) const COMPACT_END: &str = "</multistatus>";
/// What Windows takes a file's attributes for when nothing is said: archive, or normal.
const PLAIN_ATTRIBUTES: [&str; 2] = ["00000020", "00000080"];

/// What a dated entry takes beside its href and what is escaped in it, with a length of ten digits.
const COMPACT_ENTRY_BYTES: u64 = 211;

/// The bytes of a listing in the short form, if a third of the characters of the names are escaped.
pub(super) fn compact_bytes_at_most(members: u64, characters: u64, href: &str) -> u64 {
    members.saturating_add(1).saturating_mul(COMPACT_ENTRY_BYTES + href.len() as u64) + characters.saturating_mul(5) / 3
}

/// One `response` in the short form: length and time of a file, time of a collection, and Windows' attributes (hidden,
/// read-only) where they are other than usual. A file's resource type is empty and left out. Not `dated`: no times.
pub(super) fn compact_entry(out: &mut BytesMut, href: &str, resource: &Resource<'_>, dated: bool) {
    let mut text = String::with_capacity(256);
    text.push_str("<response><href>");
    text.push_str(href);
    text.push_str("</href><propstat><prop>");
    match resource.node {
        Some(node) if !node.is_collection() => {
            write!(text, "<getcontentlength>{}</getcontentlength>", node.size).expect("a string takes everything");
        }
        Some(_) | None => text.push_str("<resourcetype><collection/></resourcetype>"),
    }
    if let Some(node) = resource.node.filter(|_| dated) {
        let modified = HttpDate::from(node.modified.system());
        write!(text, "<getlastmodified>{modified}</getlastmodified>").expect("a string takes everything");
    }
    let attributes = resource.dead.iter().find(|prop| prop.ns == NS_WIN32 && prop.name == "Win32FileAttributes");
    if let Some(prop) = attributes.filter(|prop| !PLAIN_ATTRIBUTES.contains(&prop.value.as_str())) {
        write!(text, r#"<w:Win32FileAttributes xmlns:w="{NS_WIN32}">{}</w:Win32FileAttributes>"#, prop.value)
            .expect("a string takes everything");
    }
    text.push_str("</prop><status>HTTP/1.1 200 OK</status></propstat></response>");
    out.extend_from_slice(text.as_bytes());
}
