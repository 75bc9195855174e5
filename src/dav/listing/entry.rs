//! One `response` of a listing in the full form; the short one is in `compact.rs`.

use super::super::answers::{close_propstat, open_propstat};
use super::super::bodies::PropfindBody;
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
