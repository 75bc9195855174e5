//! What the mapped drive of Windows does (WebClient, the "Mini-Redirector"): no trailing slashes, no bodies in PROPFIND, LOCK without
//! Depth, times by PROPPATCH. From traces in public issues: nextcloud/server 2986, wsgidav 112, GCDWebServer 319, go-webdav 189,
//! nwebdav 21; sabre.io/dav/clients/windows.

use std::net::IpAddr;

use super::client::{Ask, Reply};
use super::finding::Finding;
use super::visit::{DESTINATION, Visit, doubt, right, status, wrong};
use super::wire::{self, WIN32};
use crate::dav::xml::QName;
use crate::path::encode_segment;

/// What it calls itself.
pub(super) const AGENT: &str = "Microsoft-WebDAV-MiniRedir/10.0.19045";

/// Windows reads so many bytes of a listing (`FileAttributesLimitInBytes`).
const LISTING_BYTES_MAX: usize = 1_000_000;
/// Members that are made to measure what one costs.
const MEMBERS: usize = 20;
/// So much of a listing for each member lets Windows open folders of a thousand.
const MEMBER_BYTES_MAX: usize = LISTING_BYTES_MAX / 1000;
/// When the copied file was changed.
const MODIFIED: &str = "Sat, 18 Jul 2020 08:15:30 GMT";
const TEXT: &[u8] = b"the quarterly report";

fn ask(method: &str, path: &str) -> Ask {
    Ask::new(method, path).with("translate", "f")
}

/// Maps the drive, browses, copies a file in, renames, deletes.
pub(super) async fn run(visit: &mut Visit) {
    is_secure(visit);
    if find(visit).await.is_none() || visit.make_folder().await.is_none() {
        return;
    }
    copy_in(visit).await;
    rename(visit).await;
    new_folder(visit).await;
    list(visit).await;
}

/// Basic without TLS is switched off in Windows unless somebody lowered BasicAuthLevel.
fn is_secure(visit: &mut Visit) {
    let url = visit.http().url();
    if !visit.http().has_login() {
        return;
    }
    let on_this_machine = url.host_str().is_some_and(is_this_machine);
    let check = "log in: Basic over TLS";
    let remedy = "Windows sends a password over plain HTTP only with BasicAuthLevel 2: give the server a certificate";
    visit.record(match url.scheme() {
        "https" => Finding::ok(check, "https"),
        // Only somebody who tries it at home sees this.
        _ if on_this_machine => Finding::warning(check, "plain http, on this machine", remedy),
        _ => Finding::failure(check, "plain http", remedy),
    });
}

fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// From the host's root down to the folder, as `net use` does.
async fn find(visit: &mut Visit) -> Option<()> {
    let options = Ask::new("OPTIONS", "/").anonymous();
    let remedy =
        "Windows asks the root of the host first: let the proxy pass `OPTIONS /` and `PROPFIND /` to the server";
    let judge = |reply: &Reply| match reply.status.as_u16() {
        200..=299 if reply.is_class("1") => right(),
        // It then asks the folder itself.
        200..=299 | 401 => doubt(remedy).seeing(format!("{} without a header `DAV`", reply.status)),
        _ => wrong(remedy),
    };
    visit.step("find the server: OPTIONS / without login", "200 with `DAV: 1,2`", options, judge).await?;
    let folder = visit.collection();
    visit
        .step("find the folder: OPTIONS without a slash", "200 with `DAV: 1,2`", ask("OPTIONS", &folder), |reply| {
            match reply.header("ms-author-via") {
                "DAV" | "dav" => wire::has_classes(reply),
                _ if reply.status.is_success() && reply.is_class("2") => {
                    doubt("Office opens files of this drive read-only without the header `MS-Author-Via: DAV`")
                        .seeing("no MS-Author-Via")
                }
                _ => wire::has_classes(reply),
            }
        })
        .await;
    visit.goes_on()?;
    if visit.http().has_login() {
        let unknown = ask("PROPFIND", &folder).depth("0").anonymous();
        let challenge = "Windows sends its password when it is asked with `WWW-Authenticate: Basic` (or Digest): let the proxy pass 401 and that header";
        visit
            .step("log in: PROPFIND without credentials", "401 with a challenge", unknown, |reply| {
                match reply.header("www-authenticate").to_lowercase() {
                    asked if reply.is(401) && ["basic", "digest"].iter().any(|scheme| asked.starts_with(scheme)) => {
                        right()
                    }
                    _ if reply.is(207) => doubt("this folder is open to everybody").seeing("207 without any login"),
                    _ => wrong(challenge),
                }
            })
            .await?;
    }
    walk(visit, &folder).await
}

/// PROPFIND of each folder on the way; Windows shows nothing below one that refuses.
async fn walk(visit: &mut Visit, folder: &str) -> Option<()> {
    let ends: Vec<usize> = folder.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0).collect();
    for path in std::iter::once("/").chain(ends.iter().map(|end| &folder[..*end])).filter(|path| *path != folder) {
        let check = format!("walk down: PROPFIND {path}");
        let remedy = "Windows walks down from the root of the host: let PROPFIND be answered on each folder above, not only on the share";
        let judge = |reply: &Reply| if reply.is(207) { right() } else { doubt(remedy) };
        visit.step(&check, "207", ask("PROPFIND", path).depth("0"), judge).await?;
    }
    let check = "open the folder: PROPFIND without a slash";
    visit.step(check, "207, no redirect", ask("PROPFIND", folder).depth("0"), wire::is_multistatus).await?;
    let own = visit.collection();
    let judge = move |reply: &Reply| {
        match reply.entries() {
        _ if reply.is(207) && reply.length > LISTING_BYTES_MAX => {
            wrong("Windows reads no more than 1,000,000 bytes of a listing: raise FileAttributesLimitInBytes there, or divide the folder")
                .seeing(format!("{} bytes", reply.length))
        }
        Some(entries) if reply.is(207) && !entries.iter().any(|entry| super::client::is_same_path(entry.path(), &own)) => {
            wrong("the listing names other paths than the one that was asked: the proxy changes paths, and must not")
                .seeing(format!("207 about {}", entries.first().map_or("nothing", |entry| entry.path())))
        }
        _ => wire::is_multistatus(reply),
    }
    };
    visit
        .step(
            "list the folder: PROPFIND Depth 1",
            "207 of at most 1,000,000 bytes",
            ask("PROPFIND", folder).depth("1"),
            judge,
        )
        .await?;
    visit
        .step(
            "free space: quota",
            "quota-available-bytes",
            wire::propfind(folder, &["quota-available-bytes", "quota-used-bytes"]),
            wire::tells_quota,
        )
        .await;
    Some(())
}

/// A file dropped into the folder: empty first, locked, times, content, times.
async fn copy_in(visit: &mut Visit) -> Option<()> {
    let file = visit.at("Quarterly report.docx");
    visit.step("look for the file: PROPFIND", "404", ask("PROPFIND", &file).depth("0"), wire::is_missing).await;
    visit
        .step(
            "look for desktop.ini: PROPFIND",
            "404",
            ask("PROPFIND", &visit.at("desktop.ini")).depth("0"),
            wire::is_missing,
        )
        .await;
    visit
        .step("copy in: PUT of nothing", "201", ask("PUT", &file).body(""), |reply| status(reply, &[201, 204], ""))
        .await?;
    // No Depth: RFC 4918 section 9.10.3 says what that means.
    let lock = ask("LOCK", &file).with("Timeout", "Second-3600").xml(wire::lock_body(r"DOMAIN\user"));
    let locked = visit.step("copy in: LOCK without Depth", "200, Lock-Token, lockroot", lock, wire::is_lock).await?;
    let token = locked.lock_token()?;
    let holding = |ask: Ask| ask.with("If", format!("(<{token}>)"));
    let times = |path: &str| holding(ask("PROPPATCH", path)).xml(win32_times());
    let remedy = "Explorer says \"the file cannot be accessed\": take the properties of `urn:schemas-microsoft-com:`, each with 200 in a 207";
    let is_taken = move |reply: &Reply| {
        let refused = reply
            .entries()
            .is_none_or(|entries| entries.iter().flat_map(|e| &e.properties).any(|(_, status, _)| *status != 200));
        if reply.is(207) && !refused { right() } else { wrong(remedy).seeing(seen_of_properties(reply)) }
    };
    visit.step("copy in: PROPPATCH of Win32 times", "207 with 200 for each", times(&file), is_taken).await;
    visit.step("copy in: HEAD", "200", ask("HEAD", &file), |reply| status(reply, &[200], "")).await;
    visit
        .step("copy in: PUT with the lock's token", "204", holding(ask("PUT", &file)).body(TEXT), |reply| {
            status(reply, &[200, 201, 204], "the holder of the lock can't save: let the proxy pass the header `If`")
        })
        .await;
    visit
        .step("another program saves: PUT without token", "423", ask("PUT", &file).body("other"), wire::is_locked)
        .await;
    visit.step("copy in: PROPPATCH after the content", "207 with 200 for each", times(&file), is_taken).await;
    wire::unlock(visit, &file, &token).await;
    wire::reads_back(visit, "read it: GET", &file, TEXT).await;
    let modified = QName::dav("getlastmodified");
    let judge = move |reply: &Reply| match reply.property(&modified) {
        Some(time) if time == MODIFIED => right().seeing(time),
        found => doubt("copied files look new: let Win32LastModifiedTime set the time of the file")
            .seeing(found.unwrap_or_else(|| reply.told())),
    };
    visit
        .step(
            "its time: getlastmodified",
            MODIFIED,
            wire::propfind(&file, &["getlastmodified", "getcontentlength"]),
            judge,
        )
        .await;
    Some(())
}

fn win32_times() -> String {
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?><D:propertyupdate xmlns:D="DAV:" xmlns:Z="{WIN32}"><D:set><D:prop><Z:Win32CreationTime>Fri, 17 Jul 2020 10:00:00 GMT</Z:Win32CreationTime><Z:Win32LastAccessTime>{MODIFIED}</Z:Win32LastAccessTime><Z:Win32LastModifiedTime>{MODIFIED}</Z:Win32LastModifiedTime><Z:Win32FileAttributes>00000020</Z:Win32FileAttributes></D:prop></D:set></D:propertyupdate>"#
    )
}

/// Which property was refused.
fn seen_of_properties(reply: &Reply) -> String {
    let entries = reply.entries().unwrap_or_default();
    let refused = entries.iter().flat_map(|entry| &entry.properties).find(|(_, status, _)| *status != 200);
    refused.map_or_else(|| reply.told(), |(name, status, _)| format!("{status} for {}", name.local()))
}

/// F2 in Explorer, also onto a name that is taken.
async fn rename(visit: &mut Visit) -> Option<()> {
    let [from, to] = ["New Text Document.txt", "Änderungen & Pläne.txt"].map(|name| visit.at(name));
    visit.step("new file: PUT", "201", ask("PUT", &from).body("new"), |reply| status(reply, &[201], "")).await?;
    let rename = |visit: &Visit| ask("MOVE", &from).with("Destination", visit.destination(&to)).with("Overwrite", "F");
    let remedy = DESTINATION;
    let judge = |reply: &Reply| status(reply, &[201, 204], remedy);
    let moved = rename(visit);
    visit.step("rename: MOVE with a full URL in Destination", "201", moved, judge).await?;
    visit.step("new file: PUT", "201", ask("PUT", &from).body("new"), |reply| status(reply, &[201], "")).await?;
    let taken = rename(visit);
    let remedy =
        "Explorer asks whether to replace only when it sees a plain 412; after anything else the rename seems done";
    visit
        .step("rename onto a taken name: MOVE, Overwrite: F", "412", taken, |reply| status(reply, &[412], remedy))
        .await;
    visit.step("delete: DELETE", "204", ask("DELETE", &from), |reply| status(reply, &[200, 204], "")).await;
    Some(())
}

/// Ctrl-Shift-N, then a name.
async fn new_folder(visit: &mut Visit) -> Option<()> {
    let [from, to] = ["New folder", "Contracts"].map(|name| visit.at(name));
    visit
        .step("new folder: MKCOL without a slash", "201", ask("MKCOL", &from), |reply| status(reply, &[201], ""))
        .await?;
    let judge = |reply: &Reply| match reply.entries() {
        Some(entries) if reply.is(207) && !entries.iter().any(|entry| entry.is_collection) => {
            wrong("the new folder isn't told to be one: let it be answered without a slash, not redirected")
        }
        _ => wire::is_multistatus(reply),
    };
    visit
        .step("new folder: PROPFIND without a slash", "207 of a collection", ask("PROPFIND", &from).depth("0"), judge)
        .await?;
    let rename = ask("MOVE", &from).with("Destination", visit.destination(&to)).with("Overwrite", "F");
    let remedy = "folders can't be renamed: answer MOVE without a slash as well, in the URL and in `Destination`";
    visit
        .step("rename the folder: MOVE without slashes", "201", rename, |reply| status(reply, &[201, 204], remedy))
        .await;
    Some(())
}

/// What a member of a folder costs in a listing.
async fn list(visit: &mut Visit) -> Option<()> {
    let folder = visit.at("many");
    visit.step("a folder of many: MKCOL", "201", ask("MKCOL", &folder), |reply| status(reply, &[201], "")).await?;
    for number in 0..MEMBERS {
        let path = format!("{folder}/{}", encode_segment(&format!("A document with a usual name {number:04}.docx")));
        if visit.http().send(ask("PUT", &path).body("x")).await.is_err() {
            break;
        }
    }
    let judge = |reply: &Reply| {
        let bytes = reply.length / MEMBERS;
        let seen =
            format!("{bytes} bytes for each file: Windows opens folders of {}", LISTING_BYTES_MAX / bytes.max(1));
        match reply.entries() {
            _ if !reply.is(207) => wrong(""),
            Some(entries) if entries.len() != MEMBERS + 1 => wrong("the listing has not all members").seeing(format!(
                "{} of {}",
                entries.len().saturating_sub(1),
                MEMBERS
            )),
            _ if bytes > MEMBER_BYTES_MAX => doubt(
                "folders of a thousand files don't open in Windows: raise FileAttributesLimitInBytes on each machine",
            )
            .seeing(seen),
            _ => right().seeing(seen),
        }
    };
    visit
        .step(
            "a folder of many: PROPFIND Depth 1",
            "at most 1,000 bytes for each",
            ask("PROPFIND", &folder).depth("1"),
            judge,
        )
        .await;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_all_its_names() {
        for host in ["localhost", "127.0.0.1", "127.8.0.1", "[::1]"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in ["files.example.org", "192.0.2.1", "localhost.example.org", "[2001:db8::1]"] {
            assert!(!is_this_machine(host), "{host}");
        }
    }
}
