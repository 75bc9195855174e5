//! macOS: Finder and the file system below it (webdavfs), replayed as they speak where they take no locks.

use crate::site::{Client, Depth, Site, asking_for, dav};

/// Trap 16: the body comes in chunks, and a header says how long it must become.
#[test]
fn a_chunked_upload_is_as_long_as_finder_said() {
    let (_site, ana) = share();
    ana.put("/Projects/movie.mov", "").status(201);
    let content: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    let upload = |expected: usize, sent: &[u8]| {
        let request = ana.ask("PUT", "/Projects/movie.mov").with("X-Expected-Entity-Length", expected.to_string());
        request.chunks(sent.chunks(10_000)).send()
    };
    upload(content.len(), &content).status(204);
    ana.get("/Projects/movie.mov").status(200).body(&content);
    upload(content.len(), &content[..content.len() - 1]).status(400);
    upload(content.len(), &[&content[..], b"x"].concat()).status(400);
    upload(1, &[]).status(400);
    ana.ask("PUT", "/Projects/movie.mov")
        .with("X-Expected-Entity-Length", "many")
        .chunks([&b"x"[..]])
        .send()
        .status(400);
    ana.ask("PUT", "/Projects/movie.mov").with("X-Expected-Entity-Length", "5").body("four").send().status(400);
    ana.get("/Projects/movie.mov").status(200).body(&content);
}

/// Trap 17: the size of the mounted volume.
#[test]
fn a_mount_asks_for_the_volume() {
    let (_site, ana) = share();
    ana.ask("OPTIONS", "/Projects/").with("User-Agent", "WebDAVFS/3.0.0").send().status(200);
    let mount =
        asking_for(&["{DAV:}getlastmodified", "{DAV:}getcontentlength", "{DAV:}creationdate", "{DAV:}resourcetype"]);
    let root = ana.propfind("/Projects/", Depth::Zero, &mount).multistatus();
    assert!(root.only().is_collection());
    let volume =
        asking_for(&["{DAV:}quota-available-bytes", "{DAV:}quota-used-bytes", "{DAV:}quota", "{DAV:}quotaused"]);
    let volume = ana.propfind("/Projects/", Depth::Zero, &volume).multistatus();
    for name in ["quota-available-bytes", "quota-used-bytes"] {
        assert!(
            volume.only().value(&dav(name)).parse::<i64>().is_ok_and(|bytes| bytes >= 0),
            "`{name}` fits a signed number"
        );
    }
    assert_eq!(volume.only().status_of(&dav("quota")), Some(404));
}

/// Trap 15: Finder writes one of these beside every file; refusing it fails the copy.
#[test]
fn sidecar_files_are_files() {
    let (_site, ana) = share();
    for name in ["._report.pdf", ".DS_Store", ".hidden", ".metadata_never_index", "._\u{fc}"] {
        let path = format!("/Projects/{name}");
        ana.list(&path, Depth::Zero).status(404);
        ana.put(&path, "").status(201);
        ana.put(&path, name).status(204);
        ana.get(&path).status(200).body(name);
        ana.rename(&path, &format!("{path}.moved")).status(201);
        ana.delete(&format!("{path}.moved")).status(204);
    }
}

/// Traps 47 and 33: rmdir lists a folder, sees nothing in it and deletes it, with all that it couldn't see.
#[test]
fn what_one_cannot_see_is_not_deleted_with_its_folder() {
    let site = Site::start();
    let [owner, uploader] = site.team("Projects", [("olga", "co-owner"), ("ulf", "uploader")]);
    uploader.mkcol("/Projects/inbox").status(201);
    owner.put("/Projects/inbox/secret.txt", "secret").status(201);
    assert_eq!(uploader.list("/Projects/inbox", Depth::One).paths(), ["/Projects/inbox/"]);
    uploader.delete("/Projects/inbox").status(403).condition("need-privileges");
    uploader.delete("/Projects/inbox/").status(403);
    uploader.rename("/Projects/inbox", "/Projects/elsewhere").status(403);
    // Nor replaced by something else.
    uploader.mkcol("/Projects/empty").status(201);
    uploader.ask("COPY", "/Projects/empty").to("/Projects/inbox").overwrite(true).send().status(403);
    owner.get("/Projects/inbox/secret.txt").status(200).body("secret");
}

/// A resumed download says when the part it has was changed last.
#[test]
fn a_download_resumes_by_date() {
    let (_site, ana) = share();
    // A date is a strong validator only when the file was old by then (RFC 9110 section 8.8.2.2).
    ana.ask("PUT", "/Projects/a.bin").with("X-OC-Mtime", "1595060130").body("0123456789").send().status(201);
    let modified = ana.head("/Projects/a.bin").header("last-modified").to_owned();
    let resume = |date: &str| ana.ask("GET", "/Projects/a.bin").with("Range", "bytes=4-").with("If-Range", date).send();
    resume(&modified).status(206).body("456789");
    resume("Fri, 17 Jul 2020 00:00:00 GMT").status(200).body("0123456789");
}

/// A save without locks: the new bytes beside the old ones, then two renames.
#[test]
fn a_save_through_a_temporary_folder_ends_in_one_file() {
    let (_site, ana) = share();
    ana.put("/Projects/letter.txt", "v1").status(201);
    ana.mkcol("/Projects/letter.txt.sb-1a2b").status(201);
    ana.put("/Projects/letter.txt.sb-1a2b/letter.txt", "v2").status(201);
    ana.rename("/Projects/letter.txt", "/Projects/letter.txt.sb-1a2b/old.txt").status(201);
    ana.rename("/Projects/letter.txt.sb-1a2b/letter.txt", "/Projects/letter.txt").status(201);
    ana.delete("/Projects/letter.txt.sb-1a2b").status(204);
    assert_eq!(ana.list("/Projects", Depth::Infinity).paths(), ["/Projects/", "/Projects/letter.txt"]);
    ana.get("/Projects/letter.txt").status(200).body("v2");
}

fn share() -> (Site, Client) {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    (site, ana)
}
