//! What several clients send and look for: bodies, names, and the judgements that they share.

use super::client::{Ask, Reply};
use super::visit::{Verdict, Visit, doubt, right, status, wrong};
use crate::dav::xml::QName;

/// The namespace of Windows' times and attributes.
pub(super) const WIN32: &str = "urn:schemas-microsoft-com:";

/// Office gives up on a lock that ends sooner, in seconds.
const LOCK_S_MIN: u64 = 180;

const NO_DAV: &str = "without the header `DAV: 1,2` this is no WebDAV folder for clients: switch WebDAV on here, and let the proxy pass the answer's headers";
const NO_LOCKS: &str = "without class 2 (locks) macOS mounts read-only and Office opens read-only: switch locking on in the server, and let the proxy pass LOCK and UNLOCK";

/// What LOCK asks for: an exclusive write lock of this owner.
pub(super) fn lock_body(owner: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype><D:owner><D:href>{owner}</D:href></D:owner></D:lockinfo>"#
    )
}

/// Asks for properties of `DAV:`.
pub(super) fn asking_for(names: &[&str]) -> String {
    let names: String = names.iter().map(|name| format!("<D:{name}/>")).collect();
    format!(r#"<?xml version="1.0" encoding="utf-8"?><D:propfind xmlns:D="DAV:"><D:prop>{names}</D:prop></D:propfind>"#)
}

/// PROPFIND of one resource's own properties.
pub(super) fn propfind(path: &str, names: &[&str]) -> Ask {
    Ask::new("PROPFIND", path).depth("0").xml(asking_for(names))
}

/// Classes 1 and 2, told in `DAV`.
pub(super) fn has_classes(reply: &Reply) -> Verdict {
    let seen = format!("{}, DAV: {}", reply.status, reply.items("dav").join(", "));
    match () {
        () if !reply.status.is_success() => wrong(""),
        () if !reply.is_class("1") => wrong(NO_DAV).seeing(seen),
        () if !reply.is_class("2") => wrong(NO_LOCKS).seeing(seen),
        () => right().seeing(seen),
    }
}

/// 207 about this resource, and not a redirect.
pub(super) fn is_multistatus(reply: &Reply) -> Verdict {
    match reply.entries() {
        _ if reply.status.is_redirection() => wrong(""),
        _ if !reply.is(207) => wrong(""),
        Some(entries) if !entries.is_empty() => right(),
        _ => wrong("the answer is no multistatus: something before the server changes it, or it is no WebDAV server"),
    }
}

/// A lock that was given, with what clients read of it.
pub(super) fn is_lock(reply: &Reply) -> Verdict {
    if !reply.is(200) && !reply.is(201) {
        return wrong(
            "without a lock Office opens read-only: switch locking on, and let the proxy pass LOCK and its body",
        );
    }
    if reply.lock_token().is_none() {
        return wrong(
            "the answer has no header `Lock-Token`, by which the client would save: let the proxy pass it on",
        );
    }
    let body = String::from_utf8_lossy(&reply.body);
    if !body.contains("lockroot") {
        return doubt("the answer names no lockroot, which RFC 4918 wants: some clients can't tell what is locked");
    }
    match seconds_of(&body) {
        Some(seconds) if seconds < LOCK_S_MIN => {
            doubt("Office loses locks that end within three minutes: give longer ones")
                .seeing(format!("Second-{seconds}"))
        }
        _ => right(),
    }
}

/// The time that a lock was given for; none if it says none or never ends.
fn seconds_of(body: &str) -> Option<u64> {
    let digits = body.split_once("Second-")?.1;
    digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Refused because of somebody's lock.
pub(super) fn is_locked(reply: &Reply) -> Verdict {
    status(
        reply,
        &[423],
        "a locked file can be overwritten: the server's locks are for show, and two people will lose each other's work",
    )
}

/// Gone, or never there.
pub(super) fn is_missing(reply: &Reply) -> Verdict {
    status(reply, &[404], "what isn't there must be 404: the client takes anything else for a file or a broken server")
}

/// GET gives exactly these bytes.
pub(super) async fn reads_back(visit: &mut Visit, check: &str, path: &str, bytes: &[u8]) {
    let expected = format!("200 and {} bytes", bytes.len());
    visit
        .step(check, &expected, Ask::new("GET", path), |reply| match () {
            () if reply.is(404) => {
                wrong("what was just put there is elsewhere: the path, or `Destination`, is decoded in another way")
            }
            () if !reply.is(200) => wrong(""),
            () if reply.length != bytes.len() => wrong(
                "the file has another length than what was sent: something on the way cuts bodies or loses chunks",
            )
            .seeing(format!("200 and {} bytes", reply.length)),
            () if reply.body != bytes => {
                wrong("the file has other bytes than what was sent: something on the way changes bodies")
            }
            () => right(),
        })
        .await;
}

/// Gives a lock back.
pub(super) async fn unlock(visit: &mut Visit, path: &str, token: &str) {
    let ask = Ask::new("UNLOCK", path).with("Lock-Token", format!("<{token}>"));
    let remedy = "the lock stays until it ends by itself: let the proxy pass UNLOCK and the header `Lock-Token`";
    visit.step("close: UNLOCK", "204", ask, |reply| status(reply, &[204, 200], remedy)).await;
}

/// Whether free space is told.
pub(super) fn tells_quota(reply: &Reply) -> Verdict {
    let free = QName::dav("quota-available-bytes");
    match reply.property(&free) {
        _ if !reply.is(207) => wrong(""),
        Some(bytes) if bytes.parse::<u64>().is_ok() => right().seeing(format!("{bytes} bytes free")),
        _ => doubt("without quota properties the drive shows somebody else's free space")
            .seeing("no quota-available-bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_lock_is_read_from_any_answer() {
        assert_eq!(seconds_of("<D:timeout>Second-3600</D:timeout>"), Some(3600));
        assert_eq!(seconds_of("<D:timeout>Infinite</D:timeout>"), None);
        assert_eq!(seconds_of("Second-"), None);
    }
}
