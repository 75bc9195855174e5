//! Checksums that clients send along with uploads (`OC-Checksum`): compared before anything changes, kept, and told again.

use sha1::{Digest, Sha1};

use crate::site::{Client, Depth, Reply, Site, asking_for};

const CHECKSUMS: &str = "{http://owncloud.org/ns}checksums";
/// Of `abc`: RFC 3174 section 7.3, RFC 1321 appendix A.5, FIPS 180-4; Adler-32 by RFC 1950 section 2.2.
const OF_ABC: [&str; 4] = [
    "SHA1:a9993e364706816aba3e25717850c26c9cd0d89d",
    "MD5:900150983cd24fb0d6963f7d28e17f72",
    "SHA256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "ADLER32:024d0127",
];

fn put(who: &Client, path: &str, body: impl Into<Vec<u8>>, checksum: &str) -> Reply {
    who.ask("PUT", path).with("OC-Checksum", checksum).body(body).send()
}

fn sha1(bytes: &[u8]) -> String {
    format!("SHA1:{}", data_encoding::HEXLOWER.encode(&Sha1::digest(bytes)))
}

/// What is told of it, if anything.
fn told(who: &Client, path: &str) -> Option<String> {
    let found = who.propfind(path, Depth::Zero, &asking_for(&[CHECKSUMS])).status(207).multistatus();
    let value = found.only().properties.get(&200)?.get(CHECKSUMS)?;
    let checksum = value.strip_prefix("<{http://owncloud.org/ns}checksum>").and_then(|rest| rest.strip_suffix("</>"));
    Some(checksum.expect("it holds one `checksum`").to_owned())
}

fn team() -> (Site, Client) {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    (site, ana)
}

#[test]
fn an_upload_with_a_checksum_is_stored_as_it_was_or_not_at_all() {
    let (site, ana) = team();
    for (n, checksum) in OF_ABC.into_iter().enumerate() {
        let path = format!("/Projects/{n}.txt");
        put(&ana, &path, "abd", checksum).status(400);
        ana.get(&path).status(404);
        put(&ana, &path, "abc", &checksum.to_uppercase()).status(201);
        assert_eq!(told(&ana, &path).unwrap(), checksum);
        put(&ana, &path, "abd", checksum).status(400);
        ana.get(&path).status(200).body("abc");
    }
    // Through the store of contents too, in chunks of the wire.
    let large: Vec<u8> = (0..300_000u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
    ana.ask("PUT", "/Projects/large").with("OC-Checksum", sha1(&large)).chunks(large.chunks(7_000)).send().status(201);
    let mut other = large.clone();
    other[150_000] ^= 1;
    put(&ana, "/Projects/large", other, &sha1(&large)).status(400);
    ana.get("/Projects/large").status(200).body(&large);
    site.is_consistent();
}

#[test]
fn a_checksum_that_cannot_be_compared_is_refused() {
    let (_site, ana) = team();
    for bad in ["CRC32:00000000", "SHA1:xyz", "SHA1", "SHA1:a9993e36"] {
        put(&ana, "/Projects/a.txt", "abc", bad).status(400);
    }
    ana.get("/Projects/a.txt").status(404);
}

#[test]
fn a_checksum_stays_with_the_bytes() {
    let (site, ana) = team();
    put(&ana, "/Projects/a.txt", "abc", OF_ABC[0]).status(201);
    ana.mkcol("/Projects/folder").status(201);
    ana.ask("COPY", "/Projects/a.txt").to("/Projects/folder/copy.txt").send().status(201);
    ana.ask("MOVE", "/Projects/a.txt").to("/Projects/folder/moved.txt").send().status(201);
    ana.put("/Projects/folder/without.txt", "abc").status(201);
    let listed = ana.propfind("/Projects/folder", Depth::One, &asking_for(&[CHECKSUMS])).status(207);
    assert_eq!(listed.text().matches(OF_ABC[0]).count(), 2, "{}", listed.told());
    // Other bytes have another or none.
    ana.put("/Projects/folder/copy.txt", "other").status(204);
    assert_eq!(told(&ana, "/Projects/folder/copy.txt"), None);
    assert_eq!(told(&ana, "/Projects/folder/without.txt"), None);
    assert_eq!(told(&ana, "/Projects/folder"), None);
    // The clients that know it get it with the bytes.
    let door = "/remote.php/dav/files/ana/Projects/folder/moved.txt";
    assert_eq!(ana.raw("GET", door).send().status(200).header("OC-Checksum"), OF_ABC[0]);
    assert_eq!(ana.raw("GET", door).with("Range", "bytes=0-0").send().status(206).answer.header("oc-checksum"), None);
    ana.ask("DELETE", "/Projects/folder").send().status(204);
    site.cli(&["trash", "purge", "/Projects", "--all"]).ok();
    site.cli(&["job", "run", "purge"]).ok();
    site.is_consistent();
}

#[test]
fn a_file_of_pieces_has_the_checksum_of_the_whole() {
    let (site, ana) = team();
    let upload = "/remote.php/dav/uploads/ana/one";
    let finish = |checksum: &str| {
        ana.raw("MOVE", &format!("{upload}/.file"))
            .with("Destination", "/remote.php/dav/files/ana/Projects/whole.txt")
            .with("OC-Checksum", checksum)
            .send()
    };
    ana.raw("MKCOL", upload).send().status(201);
    ana.raw("PUT", &format!("{upload}/1")).body("a").send().status(201);
    ana.raw("PUT", &format!("{upload}/2")).body("bc").send().status(201);
    finish(&sha1(b"abd")).status(400);
    ana.get("/Projects/whole.txt").status(404);
    finish(OF_ABC[0]).status(201);
    assert_eq!(told(&ana, "/Projects/whole.txt").unwrap(), OF_ABC[0]);
    let capabilities = ana.raw("GET", "/ocs/v2.php/cloud/capabilities?format=json").send().status(200);
    let capabilities: serde_json::Value = serde_json::from_str(capabilities.text()).unwrap();
    assert_eq!(capabilities["ocs"]["data"]["capabilities"]["checksums"]["preferredUploadType"], "SHA1");
    site.is_consistent();
}
