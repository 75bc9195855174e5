//! Preconditions (RFC 9110 section 13, RFC 4918 section 10.4) and headers that can't be read.

use crate::site::{Client, Depth, Site, dav};

/// Trap 30.
#[test]
fn an_etag_is_strong_changes_with_every_write_and_is_the_same_everywhere() {
    let (_site, ana) = one_file();
    let mut seen = vec![ana.get("/Projects/a.txt").etag()];
    for round in 0..20 {
        // Same length, same second: only the write itself tells the versions apart.
        let written = ana.put("/Projects/a.txt", format!("v{round:02}")).status(204).etag();
        assert_eq!(ana.get("/Projects/a.txt").etag(), written);
        assert_eq!(ana.head("/Projects/a.txt").etag(), written);
        let listed = ana.list("/Projects/a.txt", Depth::Zero).multistatus();
        assert_eq!(listed.only().value(&dav("getetag")), written);
        assert!(!seen.contains(&written), "{written} came twice");
        seen.push(written);
    }
    // Also when the bytes are the same again.
    let again = ana.put("/Projects/a.txt", "v19").status(204).etag();
    assert!(!seen.contains(&again), "each write has an ETag of its own");
}

/// Trap 30: reading and properties change nothing of it.
#[test]
fn an_etag_stays_while_the_bytes_stay() {
    let (mut site, ana) = one_file();
    let etag = ana.get("/Projects/a.txt").etag();
    ana.set("/Projects/a.txt", r#"<colour xmlns="urn:example">red</colour>"#).status(207);
    ana.put("/Projects/b.txt", "other").status(201);
    assert_eq!(ana.get("/Projects/a.txt").etag(), etag);
    site.stop();
    site.restart();
    assert_eq!(ana.get("/Projects/a.txt").etag(), etag);
}

/// Trap 27.
#[test]
fn put_answers_etag_and_last_modified() {
    let (_site, ana) = one_file();
    for (path, status) in [("/Projects/new.txt", 201), ("/Projects/new.txt", 204)] {
        let reply = ana.put(path, "content").status(status);
        let read = ana.get(path).status(200);
        assert_eq!(read.etag(), reply.etag());
        assert_eq!(read.header("last-modified"), reply.header("last-modified"));
        assert!(httpdate::parse_http_date(reply.header("last-modified")).is_ok(), "{}", reply.told());
    }
}

#[test]
fn a_folder_etag_changes_with_anything_below_it() {
    let (_site, ana) = one_file();
    ana.mkcol("/Projects/x").status(201);
    ana.mkcol("/Projects/x/y").status(201);
    ana.mkcol("/Projects/z").status(201);
    let etag = |path: &str| ana.list(path, Depth::Zero).multistatus().only().value(&dav("getetag")).to_owned();
    let acts: [fn(&Client) -> u16; 4] = [
        |ana| ana.put("/Projects/x/y/f.txt", "1").answer.status,
        |ana| ana.put("/Projects/x/y/f.txt", "2").answer.status,
        |ana| ana.rename("/Projects/x/y/f.txt", "/Projects/x/y/g.txt").answer.status,
        |ana| ana.delete("/Projects/x/y/g.txt").answer.status,
    ];
    for act in acts {
        let (share, x, y, z) = (etag("/Projects"), etag("/Projects/x"), etag("/Projects/x/y"), etag("/Projects/z"));
        assert!([201, 204].contains(&act(&ana)));
        assert_ne!(etag("/Projects"), share);
        assert_ne!(etag("/Projects/x"), x);
        assert_ne!(etag("/Projects/x/y"), y);
        assert_eq!(etag("/Projects/z"), z, "nothing changed there");
    }
}

#[test]
fn if_match_saves_only_over_the_version_that_was_read() {
    let (_site, ana) = one_file();
    let etag = ana.get("/Projects/a.txt").etag();
    let put = |value: &str| ana.ask("PUT", "/Projects/a.txt").with("If-Match", value).body("mine").send();
    put("\"other\"").status(412);
    put(&format!("W/{etag}")).status(412); // strong comparison, RFC 9110 section 13.1.1
    ana.ask("PUT", "/Projects/none.txt").with("If-Match", "*").body("x").send().status(412);
    ana.ask("DELETE", "/Projects/a.txt").with("If-Match", "\"other\"").send().status(412);
    ana.ask("MOVE", "/Projects/a.txt").to("/Projects/b.txt").with("If-Match", "\"other\"").send().status(412);
    ana.ask("PROPPATCH", "/Projects/a.txt")
        .with("If-Match", "\"other\"")
        .xml(r#"<propertyupdate xmlns="DAV:"><set><prop><x xmlns="urn:x"/></prop></set></propertyupdate>"#)
        .send()
        .status(412);
    assert_eq!(ana.list("/Projects", Depth::One).paths(), ["/Projects/", "/Projects/a.txt"]);
    ana.get("/Projects/a.txt").status(200).body("old");
    put(&format!("\"other\", {etag}")).status(204);
    put("*").status(204);
    ana.get("/Projects/a.txt").status(200).body("mine");
}

/// Trap 27.
#[test]
fn if_none_match_star_makes_a_file_only_where_none_is() {
    let (_site, ana) = one_file();
    let put = |path: &str| ana.ask("PUT", path).with("If-None-Match", "*").body("mine").send();
    put("/Projects/a.txt").status(412);
    put("/Projects/A.TXT").status(412);
    ana.get("/Projects/a.txt").status(200).body("old");
    put("/Projects/new.txt").status(201);
    put("/Projects/new.txt").status(412);
}

/// Trap 30: weak comparison for If-None-Match (RFC 9110 section 13.1.2).
#[test]
fn an_unchanged_file_is_304() {
    let (_site, ana) = one_file();
    let read = ana.get("/Projects/a.txt").status(200);
    let (etag, modified) = (read.etag(), read.header("last-modified").to_owned());
    for value in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()] {
        for method in ["GET", "HEAD"] {
            let reply = ana.ask(method, "/Projects/a.txt").with("If-None-Match", &value).send().status(304).body("");
            assert_eq!(reply.etag(), etag);
        }
    }
    ana.ask("GET", "/Projects/a.txt").with("If-None-Match", "\"x\"").send().status(200).body("old");
    ana.ask("GET", "/Projects/a.txt").with("If-Modified-Since", &modified).send().status(304);
    let long_ago = "Thu, 01 Jan 1970 00:00:01 GMT";
    ana.ask("GET", "/Projects/a.txt").with("If-Modified-Since", long_ago).send().status(200);
    ana.ask("GET", "/Projects/a.txt").with("If-Unmodified-Since", long_ago).send().status(412);
    // An ETag decides alone, and an unreadable date counts as absent (RFC 9110 sections 13.1.3 and 13.2.2).
    ana.ask("GET", "/Projects/a.txt")
        .with("If-None-Match", "\"x\"")
        .with("If-Modified-Since", &modified)
        .send()
        .status(200);
    ana.ask("GET", "/Projects/a.txt").with("If-Modified-Since", "yesterday").send().status(200);
}

/// RFC 9110 sections 13.2.1 and 13.2.2: which condition decides where several are sent, and where none counts.
#[test]
fn conditions_go_in_the_order_of_the_rfc() {
    let (_site, ana) = one_file();
    let read = ana.get("/Projects/a.txt").status(200);
    let (etag, modified) = (read.etag(), read.header("last-modified").to_owned());
    let (etag, modified) = (etag.as_str(), modified.as_str());
    let (long_ago, other) = ("Thu, 01 Jan 1970 00:00:01 GMT", "\"other\"");
    let ask = |method: &str, path: &str, headers: &[(&str, &str)]| {
        let request = headers.iter().fold(ana.ask(method, path), |request, (name, value)| request.with(name, value));
        request.send()
    };
    for (headers, status) in [
        // If-Match alone decides beside If-Unmodified-Since, and before whatever says "not modified".
        (vec![("If-Match", etag), ("If-Unmodified-Since", long_ago)], 200),
        (vec![("If-Match", other), ("If-Unmodified-Since", modified)], 412),
        (vec![("If-Match", other), ("If-None-Match", etag)], 412),
        (vec![("If-Match", etag), ("If-None-Match", etag)], 304),
        (vec![("If-Unmodified-Since", long_ago), ("If-None-Match", etag)], 412),
        (vec![("If-Unmodified-Since", modified), ("If-None-Match", other)], 200),
        // If-None-Match alone decides beside If-Modified-Since.
        (vec![("If-None-Match", etag), ("If-Modified-Since", long_ago)], 304),
        (vec![("If-None-Match", other), ("If-Modified-Since", modified)], 200),
        // All of them come before Range and If-Range, also before a 416.
        (vec![("If-None-Match", etag), ("Range", "bytes=0-0"), ("If-Range", etag)], 304),
        (vec![("If-Modified-Since", modified), ("Range", "bytes=0-0")], 304),
        (vec![("If-Match", other), ("Range", "bytes=99-")], 412),
        (vec![("If-Match", etag), ("Range", "bytes=0-0")], 206),
        (vec![("If-Match", etag), ("Range", "bytes=0-0"), ("If-Range", other)], 200),
        (vec![("If-Range", other)], 200),
    ] {
        assert_eq!(ask("GET", "/Projects/a.txt", &headers).answer.status, status, "{headers:?}");
    }
    // Without the condition it were no success: then it doesn't count.
    for headers in [[("If-Match", other)], [("If-None-Match", "*")]] {
        ask("GET", "/Projects/none.txt", &headers).status(404);
        ask("DELETE", "/Projects/none.txt", &headers).status(404);
        ask("OPTIONS", "/Projects/a.txt", &headers).status(200);
    }
    // For what changes: 412 in the place of 304, and If-Modified-Since is for GET and HEAD.
    let put = |name: &str, value: &str| ana.ask("PUT", "/Projects/a.txt").with(name, value).body("new").send();
    put("If-None-Match", etag).status(412);
    put("If-Unmodified-Since", long_ago).status(412);
    ana.get("/Projects/a.txt").status(200).body("old");
    put("If-Modified-Since", modified).status(204);
}

/// Traps 3 and 4: tagged by URL and by path, several lists, `Not`, ETags, an invented token.
#[test]
fn an_if_header_with_etags_guards_a_save() {
    let (_site, ana) = one_file();
    let etag = ana.get("/Projects/a.txt").etag();
    let put = |value: &str| ana.ask("PUT", "/Projects/a.txt").with("If", value).body("mine").send();
    let tag = format!("http://{}/dav/Projects/a.txt", ana.host());
    for wrong in [
        "([\"other\"])".to_owned(),
        format!("(Not [{etag}])"),
        format!("(<urn:uuid:4c3b0e1e-9d58-4a0e-8c35-0d7a6f5b7a01> [{etag}])"),
        format!("<{tag}> ([\"other\"])"),
        "</dav/Projects/a.txt> ([\"other\"])".to_owned(),
        "(<DAV:no-lock>)".to_owned(),
    ] {
        put(&wrong).status(412);
    }
    ana.get("/Projects/a.txt").status(200).body("old");
    put(&format!("([\"other\"]) ([{etag}])")).status(204);
    let etag = ana.get("/Projects/a.txt").etag();
    put(&format!("<{tag}> (Not <DAV:no-lock> [{etag}])")).status(204);
    ana.get("/Projects/a.txt").status(200).body("mine");
}

/// Trap 50: Joplin's tag without quotes, which nothing has; any other is refused as before.
#[test]
fn the_tag_that_joplin_sends_keeps_nothing_from_being_done() {
    let (_site, ana) = one_file();
    let ask = |method: &str, path: &str, tag: &str| ana.ask(method, path).with("If-None-Match", tag).send();
    ask("MKCOL", "/Projects/locks/", "JoplinIgnore-4711").status(201);
    ask("PROPFIND", "/Projects/a.txt", "JoplinIgnore-0").status(207);
    ask("PUT", "/Projects/a.txt", "JoplinIgnore-99999").status(204);
    for other in ["JoplinIgnore-", "JoplinIgnore-1a", "JoplinIgnore-1, abc", "Joplin-1"] {
        ask("DELETE", "/Projects/a.txt", other).status(400);
    }
    ana.ask("DELETE", "/Projects/a.txt").with("If-Match", "JoplinIgnore-1").send().status(400);
    ask("DELETE", "/Projects/a.txt", "JoplinIgnore-1").status(204);
}

/// Trap 2: what can't be read is refused, never taken for absent.
#[test]
fn malformed_headers_are_400_and_change_nothing() {
    let (_site, ana) = one_file();
    ana.put("/Projects/b.txt", "other").status(201);
    ana.mkcol("/Projects/folder").status(201);
    let etag = ana.get("/Projects/a.txt").etag();
    let put =
        |name: &str, value: &[u8]| ana.ask("PUT", "/Projects/a.txt").with(name, value).body("mine").send().status(400);
    let ifs: &[&[u8]] = &[
        b"<",
        b"(",
        b"()",
        b"(<",
        b"(<urn:x>",
        b"([\"x\")",
        b"([",
        b"(Not)",
        b"(Not Not <urn:x>)",
        b"<urn:x>",
        b"<a> <b> (<urn:x>)",
        b"x",
        b"(<urn:x>) x",
        b"(<urn:x>), (<urn:y>)",
        b"(\xff)",
        b"([W/])",
        b"(<>)",
        b"",
    ];
    for value in ifs {
        put("If", value);
    }
    let tags: &[&[u8]] = &[
        b"\"",
        b"W/",
        b"W/\"",
        b"\"a",
        b"a\"",
        b"abc",
        b"\"a\" \"b\"",
        b"*, \"a\"",
        b"\"a\",x",
        b"w/\"a\"",
        b"\"\xff",
        b"",
    ];
    for value in tags {
        put("If-Match", value);
        put("If-None-Match", value);
    }
    put("If", "(<urn:x>)".repeat(100).as_bytes());
    let endless = "(<urn:x>)".repeat(2_000);
    ana.ask("PUT", "/Projects/a.txt").with("If", endless).body("mine").send().status(431);

    let transfer = |name: &str, value: &[u8]| {
        for method in ["COPY", "MOVE"] {
            ana.ask(method, "/Projects/a.txt").to("/Projects/b.txt").with(name, value).send().status(400);
        }
    };
    let overwrites: &[&[u8]] = &[b"X", b"TF", b"true", b"0", b"\xff", b"T, F"];
    for value in overwrites {
        transfer("Overwrite", value);
    }
    let depths: &[&[u8]] = &[b"2", b"-1", b"one", b"0, 1", b"00", b"infinity1", b"\xff", b""];
    for value in depths {
        transfer("Depth", value);
        ana.ask("PROPFIND", "/Projects").with("Depth", value).send().status(400);
    }
    ana.ask("COPY", "/Projects/folder").to("/Projects/copied").with("Depth", "1").send().status(400); // RFC 4918 section 9.8.3
    for depth in ["0", "1"] {
        ana.ask("MOVE", "/Projects/folder").to("/Projects/moved").with("Depth", depth).send().status(400); // section 9.9.2
        ana.ask("DELETE", "/Projects/folder").with("Depth", depth).send().status(400); // section 9.6.1
    }
    // Twice, with two meanings.
    ana.ask("MOVE", "/Projects/a.txt").to("/Projects/b.txt").overwrite(true).overwrite(false).send().status(400);
    ana.ask("PROPFIND", "/Projects").with("Depth", "0").with("Depth", "infinity").send().status(400);
    ana.ask("MOVE", "/Projects/a.txt").to("/Projects/b.txt").to("/Projects/c.txt").send().status(400);
    for value in ["bytes=", "bytes=x", "bytes=-", "bytes=2-1", "bytes=1", "bytes=0-1,x", "bytes 0-1", "0-1"] {
        ana.ask("GET", "/Projects/a.txt").with("Range", value).send().status(400);
    }

    assert_eq!(
        ana.list("/Projects", Depth::Infinity).paths(),
        ["/Projects/", "/Projects/a.txt", "/Projects/b.txt", "/Projects/folder/"]
    );
    assert_eq!(ana.get("/Projects/a.txt").status(200).body("old").etag(), etag);
    ana.get("/Projects/b.txt").status(200).body("other");
}

/// Trap 2.
#[test]
fn a_destination_that_cannot_be_read_is_400() {
    let (_site, ana) = one_file();
    let bad: &[&[u8]] = &[
        b"",
        b"b.txt",
        b"Projects/b.txt",
        b"http://",
        b"http:/dav/Projects/b.txt",
        b"http://[::1/dav/Projects/b.txt",
        b":::",
        b"\xff\xfe",
        b"/dav/Projects/b.txt#part",
        b"/dav/Projects/%zz",
        b"/dav/Projects/a%2Fb",
        b"/dav/Projects/../b.txt",
    ];
    for method in ["COPY", "MOVE"] {
        for value in bad {
            ana.ask(method, "/Projects/a.txt").with("Destination", value).send().status(400);
        }
        ana.ask(method, "/Projects/a.txt").send().status(400);
    }
    assert_eq!(ana.list("/Projects", Depth::Infinity).paths(), ["/Projects/", "/Projects/a.txt"]);
}

fn one_file() -> (Site, Client) {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.put("/Projects/a.txt", "old").status(201);
    (site, ana)
}
