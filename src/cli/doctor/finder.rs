//! What macOS does with a mounted folder (webdavfs): from Apple's published source, mount.tproj/webdav_network.c, and
//! sabre.io/dav/clients/finder.

use super::client::{Ask, Reply};
use super::visit::{Visit, doubt, right, status, wrong};
use super::wire;
use crate::dav::xml::QName;

/// What it calls itself.
pub(super) const AGENT: &str = "WebDAVFS/3.0.0 (03008000) Darwin/23.0.0 (arm64)";

const TEXT: &[u8] = b"written by somebody with a Mac";
/// Decomposed, as macOS writes names.
const DECOMPOSED: &str = "re\u{301}sume\u{301}.txt";
/// Composed, as everybody else does.
const COMPOSED: &str = "r\u{e9}sum\u{e9}.txt";

/// Mounts, makes a file, saves it, renames it, and leaves its small files about.
pub(super) async fn run(visit: &mut Visit) {
    if mount(visit).await.is_none() || visit.make_folder().await.is_none() {
        return;
    }
    if let Some(file) = save(visit).await {
        resume(visit, &file).await;
        rename(visit, &file).await;
    }
    litter(visit).await;
    names(visit).await;
    errors(visit).await;
}

async fn mount(visit: &mut Visit) -> Option<()> {
    let folder = visit.collection();
    visit.step("mount: OPTIONS", "200 with `DAV: 1,2`", Ask::new("OPTIONS", &folder), wire::has_classes).await;
    visit.goes_on()?;
    let names = ["getlastmodified", "getcontentlength", "creationdate", "resourcetype"];
    let judge = |reply: &Reply| match reply.entries().unwrap_or_default().first() {
        Some(entry) if reply.is(207) && !entry.is_collection => {
            wrong("this is a file, or the answer has no resourcetype: mount a folder")
        }
        _ => wire::is_multistatus(reply),
    };
    visit.step("mount: PROPFIND Depth 0", "207 of a collection", wire::propfind(&folder, &names), judge).await?;
    let quota = wire::propfind(&folder, &["quota-available-bytes", "quota-used-bytes"]);
    visit.step("free space: quota", "quota-available-bytes", quota, wire::tells_quota).await;
    Some(())
}

/// An empty PUT, a lock, and the content in chunks without its length.
async fn save(visit: &mut Visit) -> Option<String> {
    let file = visit.at("Notes.txt");
    visit
        .step("new file: PUT of nothing", "201", Ask::new("PUT", &file).body(""), |reply| {
            status(reply, &[201, 204], "")
        })
        .await?;
    let lock = Ask::new("LOCK", &file).depth("0").with("Timeout", "Second-600");
    let lock = lock.with("Content-Type", "text/xml").body(wire::lock_body("macOS"));
    let locked = visit.step("open to write: LOCK", "200, Lock-Token, lockroot", lock, wire::is_lock).await?;
    let token = locked.lock_token()?;
    let put = Ask::new("PUT", &file)
        .with("If", format!("(<{token}>)"))
        .with("X-Expected-Entity-Length", TEXT.len().to_string())
        .chunked(TEXT);
    let remedy = "Finder sends files in chunks without their length: let the proxy pass them on (nginx: `proxy_http_version 1.1; proxy_request_buffering off`), and the server take them";
    let saved = visit
        .step("save: PUT in chunks", "204", put, |reply| match reply.status.as_u16() {
            200 | 201 | 204 if reply.header("etag").is_empty() && reply.header("last-modified").is_empty() => {
                doubt("without ETag or Last-Modified in the answer to PUT each save costs two requests more")
                    .seeing("no ETag, no Last-Modified")
            }
            200 | 201 | 204 => right(),
            _ => wrong(remedy),
        })
        .await;
    if saved.is_some() {
        wire::reads_back(visit, "read it: GET", &file, TEXT).await;
    }
    // In any case, or the folder can't be removed.
    wire::unlock(visit, &file, &token).await;
    saved.map(|_| file)
}

/// A download that goes on where it stopped.
async fn resume(visit: &mut Visit, file: &str) {
    let head =
        visit.step("look at it: HEAD", "200 with Content-Length and Last-Modified", Ask::new("HEAD", file), |reply| {
            let lacks = |name: &str| reply.header(name).is_empty();
            match () {
                () if !reply.is(200) => wrong(""),
                () if lacks("last-modified") => {
                    wrong("Finder compares files by Last-Modified: send it").seeing("no Last-Modified")
                }
                () if lacks("content-length") => {
                    wrong("Finder needs the length of a file: don't let the proxy compress or chunk it")
                        .seeing("no Content-Length")
                }
                () => right(),
            }
        });
    let Some(head) = head.await else { return };
    let part = Ask::new("GET", file).with("Range", "bytes=8-").with("If-Range", head.header("last-modified"));
    let remedy = "downloads that break begin anew: let the proxy pass `Range` and `If-Range`";
    visit
        .step("go on with a download: GET with Range and If-Range", "206", part, |reply| match reply.status.as_u16() {
            206 if reply.body == TEXT[8..] => right(),
            // A date within its second is no strong validator (RFC 9110 section 13.1.5), so this is right as well.
            200 if reply.body == TEXT => right().seeing("200, the whole file"),
            _ => wrong(remedy),
        })
        .await;
}

/// With the token as one it holds, not about the source in particular; no Overwrite, no Depth.
async fn rename(visit: &mut Visit, file: &str) -> Option<()> {
    let lock = Ask::new("LOCK", file).depth("0").with("Timeout", "Second-600");
    let lock = lock.with("Content-Type", "text/xml").body(wire::lock_body("macOS"));
    let locked = visit.step("open again: LOCK", "200, Lock-Token, lockroot", lock, wire::is_lock).await?;
    let token = locked.lock_token()?;
    let to = visit.at("Minutes.txt");
    let rename = Ask::new("MOVE", file).with("Destination", visit.destination(&to)).with("If", format!("(<{token}>)"));
    let remedy =
        "Finder can't rename an open file: take a list of `If` without a URL as the tokens that the client holds";
    let judge = |reply: &Reply| status(reply, &[201, 204], remedy);
    if visit.step("rename an open file: MOVE with untagged If", "201", rename, judge).await.is_none() {
        // Or the file stays locked, and the folder can't be removed.
        wire::unlock(visit, file, &token).await;
    }
    Some(())
}

/// The files that macOS lays beside others; a refusal fails the whole copy.
async fn litter(visit: &mut Visit) {
    for name in ["._Minutes.txt", ".DS_Store"] {
        let path = visit.at(name);
        visit
            .step(
                &format!("look for {name}: PROPFIND"),
                "404",
                wire::propfind(&path, &["resourcetype"]),
                wire::is_missing,
            )
            .await;
        let remedy =
            "Finder stops copying when its small files are refused: take them, and drop or hide them if they disturb";
        let put = Ask::new("PUT", &path).body("attributes");
        visit.step(&format!("write {name}: PUT"), "201", put, |reply| status(reply, &[200, 201, 204], remedy)).await;
    }
}

/// A name that macOS writes in another form than the others do.
async fn names(visit: &mut Visit) -> Option<()> {
    let [decomposed, composed] = [DECOMPOSED, COMPOSED].map(|name| visit.at(name));
    let put = Ask::new("PUT", &decomposed).body(TEXT);
    visit.step("a name with accents: PUT, decomposed", "201", put, |reply| status(reply, &[201, 204], "")).await?;
    visit.step("the same name from Windows: GET, composed", "200", Ask::new("GET", &composed), |reply| match reply.status.as_u16() {
        200 => right(),
        404 => doubt("one name written on a Mac and elsewhere is two files here: let names be the same in both Unicode forms"),
        _ => wrong(""),
    })
    .await;
    Some(())
}

/// What isn't there, and a folder that isn't empty.
async fn errors(visit: &mut Visit) {
    let missing = visit.at("never there.txt");
    let judge = |reply: &Reply| match reply.status.as_u16() {
        404 => right(),
        500..=599 => wrong("Finder takes every 5xx for \"doesn't exist\", and files vanish: mend the server"),
        _ => wire::is_missing(reply),
    };
    visit.step("a file that isn't there: PROPFIND", "404", wire::propfind(&missing, &["resourcetype"]), judge).await;
    let folder = visit.own();
    let listing = Ask::new("PROPFIND", &folder).depth("1").xml(wire::asking_for(&["resourcetype", "getcontentlength"]));
    let length = QName::dav("getcontentlength");
    visit
        .step("list the folder: PROPFIND Depth 1", "207 with a length for each file", listing, |reply| {
            let files = reply.entries().unwrap_or_default();
            match files.iter().find(|entry| !entry.is_collection && entry.value(&length).is_none()) {
                Some(entry) => wrong("Finder shows files without getcontentlength as empty")
                    .seeing(format!("none for {}", entry.href)),
                None => wire::is_multistatus(reply),
            }
        })
        .await;
}
