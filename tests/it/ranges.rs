//! Parts of a file (RFC 9110 section 14) and how bytes are handed to a browser.

use crate::site::{Client, Site};

const DIGITS: &[u8] = b"0123456789";

/// Trap 29.
#[test]
fn one_range_gives_that_part() {
    let (_site, ana) = digits();
    for (range, part, told) in [
        ("bytes=0-0", &DIGITS[..1], "bytes 0-0/10"),
        ("bytes=2-5", &DIGITS[2..6], "bytes 2-5/10"),
        ("bytes=7-", &DIGITS[7..], "bytes 7-9/10"),
        ("bytes=-3", &DIGITS[7..], "bytes 7-9/10"),
        ("bytes=-99", DIGITS, "bytes 0-9/10"),
        ("bytes=5-99", &DIGITS[5..], "bytes 5-9/10"),
    ] {
        let reply = ana.ask("GET", "/Projects/digits").with("Range", range).send().status(206).body(part);
        let reply = reply.says("content-range", told);
        assert_eq!(reply.header("content-length"), part.len().to_string());
        assert_eq!(reply.etag(), ana.head("/Projects/digits").etag());
    }
}

/// Trap 29: a list of many ranges would answer thousands of times what was asked.
#[test]
fn several_ranges_give_the_whole_file() {
    let (_site, ana) = digits();
    let many = format!("bytes={}", vec!["0-"; 1_200].join(","));
    for ranges in ["bytes=0-1,3-4", "bytes=0-,0-,0-", &many] {
        ana.ask("GET", "/Projects/digits")
            .with("Range", ranges)
            .send()
            .status(200)
            .body(DIGITS)
            .says_nothing_of("content-range");
    }
}

#[test]
fn a_range_beyond_the_end_is_416() {
    let (_site, ana) = digits();
    for range in ["bytes=10-", "bytes=10-20", "bytes=-0"] {
        ana.ask("GET", "/Projects/digits").with("Range", range).send().status(416).says("content-range", "bytes */10");
    }
    ana.put("/Projects/empty", "").status(201);
    ana.ask("GET", "/Projects/empty").with("Range", "bytes=0-").send().status(416);
    // A unit that nobody knows is no range at all (RFC 9110 section 14.2).
    ana.ask("GET", "/Projects/digits").with("Range", "lines=1-2").send().status(200).body(DIGITS);
}

/// RFC 9110 section 14.2: for any other method than GET a range is nothing.
#[test]
fn a_range_is_for_get_alone() {
    let (_site, ana) = digits();
    for range in ["bytes=2-5", "bytes=99-"] {
        let reply = ana.ask("HEAD", "/Projects/digits").with("Range", range).send().status(200);
        reply.says("content-length", "10").says("accept-ranges", "bytes").says_nothing_of("content-range");
        ana.ask("PROPFIND", "/Projects/digits").with("Range", range).with("Depth", "0").send().status(207);
    }
    ana.ask("PUT", "/Projects/digits").with("Range", "bytes=2-5").body("whole").send().status(204);
    ana.get("/Projects/digits").status(200).body("whole");
}

/// Finder resumes a download with If-Range and a date, others with an ETag.
#[test]
fn if_range_resumes_only_the_same_version() {
    let (_site, ana) = digits();
    let whole = ana.get("/Projects/digits").says("accept-ranges", "bytes");
    let resume = |validator: &str| {
        ana.ask("GET", "/Projects/digits").with("Range", "bytes=5-").with("If-Range", validator).send()
    };
    resume(&whole.etag()).status(206).body(&DIGITS[5..]);
    resume("\"other\"").status(200).body(DIGITS);
    resume(&format!("W/{}", whole.etag())).status(200).body(DIGITS); // strong comparison, RFC 9110 section 13.1.5
    resume("Thu, 01 Jan 1970 00:00:01 GMT").status(200).body(DIGITS);
    ana.put("/Projects/digits", "9876543210").status(204);
    resume(&whole.etag()).status(200).body("9876543210");
}

/// Ranges across every boundary of chunks and of the place where the bytes lie.
#[test]
fn ranges_of_a_large_file_are_exact() {
    let (_site, ana) = digits();
    let content: Vec<u8> = (0..1_500_000_u32).flat_map(|n| n.to_le_bytes()).collect();
    ana.put("/Projects/large", content.clone()).status(201);
    ana.get("/Projects/large").status(200).body(&content);
    let points = [0, 1, 16_383, 16_384, 65_536, 262_143, 262_144, 1_048_577, 5_999_999];
    for &first in &points {
        for &last in points.iter().filter(|&&last| last >= first) {
            let range = format!("bytes={first}-{last}");
            ana.ask("GET", "/Projects/large").with("Range", range).send().status(206).body(&content[first..=last]);
        }
    }
}

/// Trap 28: a server that ignored it would replace the file by a part.
#[test]
fn a_put_with_content_range_is_refused() {
    let (_site, ana) = digits();
    ana.ask("PUT", "/Projects/digits").with("Content-Range", "bytes 0-2/10").body("abc").send().status(400);
    ana.ask("PUT", "/Projects/new").with("Content-Range", "bytes 0-2/10").body("abc").send().status(400);
    ana.get("/Projects/digits").status(200).body(DIGITS);
    ana.get("/Projects/new").status(404);
}

/// Trap 31.
#[test]
fn active_content_is_a_sandboxed_attachment() {
    let (_site, ana) = digits();
    let script = "<script>alert(document.domain)</script>";
    for name in ["page.html", "page.HTM", "page.xhtml", "picture.svg", "feed.xml"] {
        let path = format!("/Projects/{name}");
        ana.put(&path, script).status(201);
        for method in ["GET", "HEAD"] {
            let reply = ana
                .ask(method, &path)
                .with("Accept", "text/html")
                .send()
                .status(200)
                .says("x-content-type-options", "nosniff");
            assert!(reply.header("content-disposition").starts_with("attachment"), "{}", reply.told());
            assert!(reply.header("content-security-policy").contains("sandbox"), "{}", reply.told());
        }
        ana.get(&path).body(script);
    }
    // What can't act may be looked at, but is never guessed at.
    ana.put("/Projects/note.txt", script).status(201);
    let note = ana.get("/Projects/note.txt").status(200).says("x-content-type-options", "nosniff");
    assert!(note.header("content-type").starts_with("text/plain"), "{}", note.told());
    // A name without a type stays without one.
    let plain = ana.get("/Projects/digits").status(200).says("x-content-type-options", "nosniff");
    assert_eq!(plain.header("content-type"), "application/octet-stream");
}

fn digits() -> (Site, Client) {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.put("/Projects/digits", DIGITS).status(201);
    (site, ana)
}
