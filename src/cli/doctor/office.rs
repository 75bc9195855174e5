//! What Word, Excel and PowerPoint do with a document that is opened by its URL or from a drive: redmine_dmsf 185, 587, sabre.io/dav/clients/msoffice,
//! npm-WebDAV-Server 37.

use super::client::{Ask, Reply};
use super::visit::{Visit, doubt, right, status, wrong};
use super::wire;

/// What it calls itself; its parts have names of their own.
pub(super) const AGENT: &str = "Microsoft Office Word 2014";
const DISCOVERY: &str = "Microsoft Office Protocol Discovery";
const EXISTENCE: &str = "Microsoft Office Existence Discovery";

const FIRST: &[u8] = b"a document";
const SECOND: &[u8] = b"a document with changes";

/// Opens, locks, saves, renews the lock, closes, saves under a new name.
pub(super) async fn run(visit: &mut Visit) {
    if discover(visit).await.is_none() || visit.make_folder().await.is_none() {
        return;
    }
    edit(visit).await;
    save_as(visit).await;
    save_by_renaming(visit).await;
}

async fn discover(visit: &mut Visit) -> Option<()> {
    let folder = visit.collection();
    let options = Ask::new("OPTIONS", &folder).with("User-Agent", DISCOVERY);
    let author = "Office opens read-only without the header `MS-Author-Via: DAV`: send it with OPTIONS, and let the proxy pass it";
    visit
        .step("discover: OPTIONS of the folder", "200 with `DAV: 1,2` and `MS-Author-Via: DAV`", options, |reply| {
            match reply.header("ms-author-via").to_uppercase().contains("DAV") {
                false if reply.status.is_success() && reply.is_class("2") => wrong(author).seeing("no MS-Author-Via"),
                _ => wire::has_classes(reply),
            }
        })
        .await;
    visit.goes_on()?;
    let head = Ask::new("HEAD", format!("{}/", folder.trim_end_matches('/'))).with("User-Agent", EXISTENCE);
    let remedy = "Office asks whether the folder exists by HEAD: answer it with 200 on folders too";
    visit.step("discover: HEAD of the folder", "200", head, |reply| status(reply, &[200, 204], remedy)).await;
    Some(())
}

async fn edit(visit: &mut Visit) -> Option<()> {
    let file = visit.at("Contract.docx");
    visit
        .step("a document: PUT", "201", Ask::new("PUT", &file).body(FIRST), |reply| status(reply, &[201, 204], ""))
        .await?;
    let head = Ask::new("HEAD", &file).with("User-Agent", EXISTENCE);
    visit.step("open: HEAD of the document", "200", head, |reply| status(reply, &[200], "")).await;
    let lock = |timeout: &'static str| Ask::new("LOCK", &file).depth("0").with("Timeout", timeout);
    let body = wire::lock_body("Ana");
    let locked = visit
        .step("open: LOCK", "200, Lock-Token, lockroot", lock("Second-3600").xml(body.clone()), wire::is_lock)
        .await?;
    let token = locked.lock_token()?;
    wire::reads_back(visit, "open: GET", &file, FIRST).await;
    let second = lock("Second-3600").xml(body);
    let remedy = "two people can lock the same document: the server's locks are for show";
    visit.step("somebody else opens: LOCK", "423", second, |reply| status(reply, &[423], remedy)).await;
    let holding = |ask: Ask| ask.with("If", format!("(<{token}>)"));
    let remedy = "the lock can't be renewed, so Office loses it while somebody writes: let the proxy pass `If`, and take LOCK without a body";
    visit
        .step("keep it open: LOCK without a body", "200", holding(lock("Second-3600")), |reply| {
            status(reply, &[200], remedy)
        })
        .await;
    let put = holding(Ask::new("PUT", &file)).body(SECOND);
    let remedy = "Office can't save what it has locked: let the proxy pass the header `If`";
    visit.step("save: PUT with the lock's token", "204", put, |reply| status(reply, &[200, 201, 204], remedy)).await;
    visit
        .step("somebody else saves: PUT without token", "423", Ask::new("PUT", &file).body("other"), wire::is_locked)
        .await;
    wire::unlock(visit, &file, &token).await;
    wire::reads_back(visit, "open again: GET", &file, SECOND).await;
    Some(())
}

/// A name that isn't taken yet is locked before it exists.
async fn save_as(visit: &mut Visit) -> Option<()> {
    let file = visit.at("Contract 2.docx");
    let lock = Ask::new("LOCK", &file).depth("0").with("Timeout", "Second-3600").xml(wire::lock_body("Ana"));
    let locked = visit.step("save as: LOCK of a new name", "201", lock, |reply| match reply.status.as_u16() {
        200 => doubt("a lock that makes a file is 201 (RFC 4918 section 7.3); Office takes 200 as well"),
        409 | 404 => wrong("\"Save as\" fails: let LOCK make an empty file where there is none"),
        _ => wire::is_lock(reply),
    });
    let token = locked.await?.lock_token()?;
    let put = Ask::new("PUT", &file).with("If", format!("(<{token}>)")).body(SECOND);
    visit.step("save as: PUT with the lock's token", "204", put, |reply| status(reply, &[200, 201, 204], "")).await;
    wire::unlock(visit, &file, &token).await;
    Some(())
}

/// From a drive Office writes beside the document and renames twice.
async fn save_by_renaming(visit: &mut Visit) -> Option<()> {
    let [document, beside, old] = ["Budget.xlsx", "~WRD0001.tmp", "~WRL0002.tmp"].map(|name| visit.at(name));
    let owner = visit.at("~$Budget.xlsx");
    for (check, path, bytes) in [
        ("from a drive: PUT of the document", &document, FIRST),
        ("from a drive: PUT of the owner file ~$", &owner, b"Ana"),
        ("from a drive: PUT beside it", &beside, SECOND),
    ] {
        visit.step(check, "201", Ask::new("PUT", path).body(bytes), |reply| status(reply, &[201, 204], "")).await?;
    }
    let renames = [
        ("from a drive: MOVE of the document away", &document, &old),
        ("from a drive: MOVE into its place", &beside, &document),
    ];
    let remedy =
        "Office can't save on a drive: let MOVE with a full URL in `Destination` be understood behind the proxy";
    for (check, from, to) in renames {
        let ask = Ask::new("MOVE", from).with("Destination", visit.destination(to)).with("Overwrite", "F");
        visit
            .step(check, "201", ask, |reply: &Reply| match reply.status.as_u16() {
                201 | 204 => right(),
                _ => wrong(remedy),
            })
            .await?;
    }
    wire::reads_back(visit, "from a drive: GET", &document, SECOND).await;
    Some(())
}
