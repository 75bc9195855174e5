//! Names and places: letter case and Unicode forms, what can't be a name, trailing slashes, the edges of the DAV root.

use crate::site::{Client, Depth, Site};

/// Trap 12.
#[test]
fn a_name_is_kept_as_sent_and_found_in_any_letter_case() {
    let (_site, ana) = share();
    ana.mkcol("/Projects/Plans").status(201);
    ana.put("/Projects/Plans/ReadMe.TXT", "v1").status(201);
    for path in ["/Projects/plans/readme.txt", "/Projects/PLANS/README.TXT", "/projects/Plans/ReadMe.TXT"] {
        ana.get(path).status(200).body("v1");
    }
    // Another spelling writes the same file, which keeps its name.
    ana.put("/Projects/plans/README.txt", "v2").status(204);
    ana.mkcol("/Projects/PLANS").status(405);
    assert_eq!(
        ana.list("/Projects", Depth::Infinity).paths(),
        ["/Projects/", "/Projects/Plans/", "/Projects/Plans/ReadMe.TXT"]
    );
    ana.get("/Projects/Plans/ReadMe.TXT").status(200).body("v2");
    ana.delete("/Projects/plans/readme.TXT").status(204);
    ana.get("/Projects/Plans/ReadMe.TXT").status(404);
}

/// Trap 12: macOS sends names decomposed, Windows and Linux composed.
#[test]
fn composed_and_decomposed_names_are_the_same_name() {
    let (_site, ana) = share();
    let (composed, decomposed) = ("/Projects/\u{fc}bersicht.txt", "/Projects/u\u{308}bersicht.txt");
    ana.put(composed, "v1").status(201);
    ana.get(decomposed).status(200).body("v1");
    ana.put(decomposed, "v2").status(204);
    ana.put("/Projects/\u{dc}BERSICHT.TXT", "v3").status(204);
    assert_eq!(ana.list("/Projects", Depth::One).paths(), ["/Projects/", composed], "as it was first sent");
    // And the other way round: what is sent decomposed is listed decomposed.
    ana.mkcol("/Projects/e\u{301}tude").status(201);
    ana.mkcol("/Projects/\u{e9}tude").status(405);
    assert!(ana.list("/Projects", Depth::One).paths().contains(&"/Projects/e\u{301}tude/".to_owned()));
    // Full case folding: the sharp s is two letters.
    ana.put("/Projects/stra\u{df}e", "s").status(201);
    ana.get("/Projects/STRASSE").status(200).body("s");
}

/// Trap 12.
#[test]
fn what_cannot_be_a_name_is_refused_everywhere() {
    let (_site, ana) = share();
    ana.put("/Projects/a.txt", "old").status(201);
    let bad = [
        "%00",
        "a%00b",
        "a%0Ab",
        "a%0D%0Ab",
        "a%1Fb",
        "a%7Fb",
        "a%C2%80b", // NUL and control characters
        "a%2Fb",
        "%2F",
        "a%5Cb",
        "%5C..%5Ca.txt", // slashes in a name
        "%FF",
        "a%C3",
        "%C0%AF",
        "%ED%A0%80", // not UTF-8: a stray byte, a cut, an overlong form, a surrogate
        "%zz",
        "a%2",
        "%", // not percent-encoding
        "%2E%2E",
        "..",
        ".",
        "%2e",               // dot segments
        "a%E2%80%AEtxt.exe", // a bidirectional override hides the real ending
    ];
    for name in bad {
        let target = format!("/dav/Projects/{name}");
        for method in ["GET", "PROPFIND", "DELETE"] {
            ana.raw(method, &target).send().status(400);
        }
        ana.raw("PUT", &target).body("x").send().status(400);
        ana.raw("MKCOL", &target).send().status(400);
        for method in ["COPY", "MOVE"] {
            ana.ask(method, "/Projects/a.txt").with("Destination", &target).send().status(400);
            ana.raw(method, &target).to("/Projects/b.txt").send().status(400);
        }
        // The bad name may stand anywhere on the way.
        ana.raw("PUT", &format!("{target}/b.txt")).body("x").send().status(400);
    }
    assert_eq!(ana.list("/Projects", Depth::Infinity).paths(), ["/Projects/", "/Projects/a.txt"]);
    ana.get("/Projects/a.txt").status(200).body("old");
}

/// Trap 12: limits are exact.
#[test]
fn names_of_255_bytes_are_the_longest() {
    let (_site, ana) = share();
    let longest = format!("/Projects/{}", "n".repeat(255));
    ana.put(&longest, "x").status(201);
    ana.get(&longest).status(200).body("x");
    let too_long = format!("/Projects/{}", "n".repeat(256));
    ana.put(&too_long, "x").status_in(&[400, 414]);
    ana.mkcol(&too_long).status_in(&[400, 414]);
    ana.copy(&longest, &too_long).status_in(&[400, 414]);
    // 128 letters of two bytes are 256 bytes.
    ana.put(&format!("/Projects/{}", "\u{e4}".repeat(128)), "x").status_in(&[400, 414]);
    ana.put(&format!("/Projects/{}", "a/".repeat(5_000)), "x").status_in(&[400, 414]);
    assert_eq!(ana.list("/Projects", Depth::Infinity).paths(), ["/Projects/".to_owned(), longest]);
}

#[test]
fn every_other_character_can_be_in_a_name() {
    let (_site, ana) = share();
    let names = [
        "a b",
        " leading",
        "semi;colon",
        "per%cent",
        "%41",
        "plus+plus",
        "ques?tion",
        "ha#sh",
        "am&per",
        "quo\"te'",
        "[br](ac){ket}",
        "a=b,c@d:e!f$g",
        "star*",
        "less<more>",
        "pipe|",
        "til~de",
        "caret^`",
        "\u{65e5}\u{672c}\u{8a9e}",
        "\u{1F600}",
        "con",
        "dot.",
        "-",
        "...",
    ];
    for name in names {
        let path = format!("/Projects/{name}");
        ana.put(&path, name).status(201);
        ana.get(&path).status(200).body(name);
    }
    let mut expected: Vec<String> = names.iter().map(|name| format!("/Projects/{name}")).collect();
    expected.push("/Projects/".to_owned());
    expected.sort();
    let listed = ana.list("/Projects", Depth::One).multistatus();
    assert_eq!(listed.paths(), expected);
    for href in listed.responses.keys() {
        // What the server writes is a target that the server understands.
        ana.raw("GET", href).send().status(200);
    }
}

/// Trap 11.
#[test]
fn a_collection_is_named_with_a_slash_however_it_was_asked() {
    let (_site, ana) = share();
    ana.mkcol("/Projects/plans").status(201);
    ana.put("/Projects/plans/a.txt", "a").status(201);
    for path in ["/Projects/plans", "/Projects/plans/"] {
        let hrefs: Vec<String> = ana.list(path, Depth::One).multistatus().responses.into_keys().collect();
        assert_eq!(hrefs, ["/dav/Projects/plans/", "/dav/Projects/plans/a.txt"]);
    }
    // A client finds what it asked for in the answer by comparing letters.
    assert_eq!(ana.list("/projects/PLANS", Depth::One).paths(), ["/projects/PLANS/", "/projects/PLANS/a.txt"]);
    for method in ["PROPFIND", "GET", "HEAD"] {
        let reply = ana.ask(method, "/Projects/plans").with("Depth", "0").send();
        assert_eq!(reply.header("content-location"), "/dav/Projects/plans/", "{}", reply.told());
    }
}

/// Trap 11.
#[test]
fn put_to_a_name_with_a_slash_is_refused() {
    let (_site, ana) = share();
    ana.mkcol("/Projects/plans").status(201);
    ana.put("/Projects/plans", "x").status(405);
    ana.put("/Projects/plans/", "x").status(405);
    ana.put("/Projects/none/", "x").status(409);
    ana.put("/Projects/none/a.txt", "x").status(409);
    assert_eq!(ana.list("/Projects", Depth::Infinity).paths(), ["/Projects/", "/Projects/plans/"]);
}

/// Trap 43: Windows and KDE send no trailing slash, and follow no redirect.
#[test]
fn no_dav_verb_is_redirected_for_a_missing_slash() {
    let (_site, ana) = share();
    ana.mkcol("/Projects/new folder").status(201);
    ana.put("/Projects/new folder/a.txt", "a").status(201);
    ana.list("/Projects/new folder", Depth::One).status(207);
    ana.set("/Projects/new folder", r#"<colour xmlns="urn:example">red</colour>"#).status(207);
    ana.ask("OPTIONS", "/Projects/new folder").send().status(200);
    ana.copy("/Projects/new folder", "/Projects/copied").status(201);
    ana.rename("/Projects/new folder", "/Projects/moved").status(201);
    ana.rename("/Projects/copied/", "/Projects/slashed/").status(201);
    ana.delete("/Projects/moved").status(204);
    assert_eq!(
        ana.list("/Projects", Depth::Infinity).paths(),
        ["/Projects/", "/Projects/slashed/", "/Projects/slashed/a.txt"]
    );
}

/// Trap 35.
#[test]
fn the_dav_root_ends_where_its_name_ends() {
    let (_site, ana) = share();
    for method in ["GET", "HEAD"] {
        let reply = ana.raw(method, "/dav").send().status_in(&[301, 302, 307, 308]);
        let location = reply.header("location");
        assert!(location == "/dav/" || location == format!("http://{}/dav/", ana.host()), "{}", reply.told());
    }
    // But a client that speaks DAV is answered where it asked.
    assert_eq!(ana.raw("PROPFIND", "/dav").with("Depth", "1").send().paths(), ["/", "/Home/", "/Projects/"]);
    ana.raw("OPTIONS", "/dav").send().status(200);
    for target in ["/davX", "/davX/Projects/", "/dav-old/Projects", "/davProjects/"] {
        for method in ["GET", "PROPFIND", "DELETE"] {
            ana.raw(method, target).send().status_in(&[404, 405]);
        }
        ana.raw("PUT", &format!("{target}/a.txt")).body("x").send().status_in(&[404, 405]);
        ana.raw("MKCOL", target).send().status_in(&[403, 404, 405, 409]);
    }
    assert_eq!(ana.list("/Projects", Depth::Infinity).paths(), ["/Projects/"]);
}

/// Trap 12: decoded once, so an encoded percent sign stays one.
#[test]
fn a_path_is_decoded_once() {
    let (_site, ana) = share();
    ana.raw("PUT", "/dav/Projects/%2541.txt").body("percent").send().status(201);
    ana.raw("PUT", "/dav/Projects/%41.txt").body("letter").send().status(201);
    assert_eq!(ana.list("/Projects", Depth::One).paths(), ["/Projects/", "/Projects/%41.txt", "/Projects/A.txt"]);
    ana.raw("COPY", "/dav/Projects/A.txt").with("Destination", "/dav/Projects/%252E%252E").send().status(201);
    ana.get("/Projects/%2E%2E").status(200).body("letter");
    // `%2f` in an encoded percent sign is no slash either.
    ana.raw("PUT", "/dav/Projects/a%252Fb").body("x").send().status(201);
    ana.get("/Projects/a%2Fb").status(200).body("x");
}

fn share() -> (Site, Client) {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    (site, ana)
}
