//! The states of a file over WebDAV: the report `version-tree`, version histories and versions (RFC 3253).

use crate::site::{Client, Depth, Reply, Site, asking_for, dav};

fn tree(who: &Client, path: &str) -> Reply {
    let props = "<D:version-name/><D:creator-displayname/><D:getcontentlength/><D:successor-set/>";
    let body = format!(r#"<D:version-tree xmlns:D="DAV:"><D:prop>{props}</D:prop></D:version-tree>"#);
    who.ask("REPORT", path).with("Depth", "0").xml(&body).send()
}

/// The URL of a file's history, as its property says.
fn history_of(who: &Client, path: &str) -> String {
    let listed = who.propfind(path, Depth::Zero, &asking_for(&["{DAV:}version-history"])).status(207);
    let text = listed.text();
    let at = text.find("/versions/").expect("the property names it");
    text[at..].split('<').next().expect("a URL ends").to_owned()
}

fn at(who: &Client, method: &str, url: &str) -> Reply {
    who.raw(method, url).send()
}

#[test]
fn the_version_tree_of_a_file_tells_of_every_state_and_each_can_be_had() {
    let site = Site::start();
    let [ana, ben] = site.team("Projects", [("ana", "co-owner"), ("ben", "editor")]);
    ana.put("/Projects/plan.txt", "one").status(201);
    ben.put("/Projects/plan.txt", "second").status(204);
    let long = "third ".repeat(30_000);
    ana.put("/Projects/plan.txt", long.as_str()).status(204);
    let history = history_of(&ana, "/Projects/plan.txt");
    let told = tree(&ana, "/Projects/plan.txt").status(207).multistatus();
    let urls = [3, 2, 1].map(|number| format!("{history}{number}"));
    assert_eq!(told.paths(), [1, 2, 3].map(|number| format!("{history}{number}")));
    for (url, number, author, bytes) in
        [(&urls[0], "3", "ana", "180000"), (&urls[1], "2", "ben", "6"), (&urls[2], "1", "ana", "3")]
    {
        let of = told.at(url);
        assert_eq!(of.value(&dav("version-name")), number);
        assert_eq!(of.value(&dav("creator-displayname")), author);
        assert_eq!(of.value(&dav("getcontentlength")), bytes);
    }
    assert_eq!(at(&ana, "GET", &urls[2]).status(200).text(), "one");
    assert_eq!(at(&ben, "GET", &urls[1]).status(200).text(), "second");
    assert_eq!(at(&ben, "GET", &urls[0]).status(200).text(), long);
    assert_eq!(at(&ben, "GET", &urls[0]).etag(), ana.get("/Projects/plan.txt").etag());
    let part = ana.raw("GET", &urls[0]).with("Range", "bytes=6-10").send().status(206);
    assert_eq!(part.text(), "third");
    let etag = at(&ana, "GET", &urls[1]).etag();
    ana.raw("GET", &urls[1]).with("If-None-Match", &etag).send().status(304);

    // They stay true when the file is renamed and written again.
    ana.rename("/Projects/plan.txt", "/Projects/renamed.txt").status(201);
    ana.put("/Projects/renamed.txt", "fourth").status(204);
    assert_eq!(history_of(&ana, "/Projects/renamed.txt"), history);
    assert_eq!(at(&ana, "GET", &urls[2]).status(200).text(), "one");
    let listed = ana.raw("PROPFIND", &history).with("Depth", "1").send().status(207).multistatus();
    assert_eq!(listed.paths().len(), 5, "the history and four versions");
    assert!(listed.at(&urls[0]).value(&dav("version-name")) == "3");
    site.is_consistent();
}

#[test]
fn versions_are_only_read_and_only_by_who_may_read_the_file() {
    let site = Site::start();
    let [ana, pia, uma] = site.team("Projects", [("ana", "co-owner"), ("pia", "previewer"), ("uma", "uploader")]);
    let sam = site.user("sam");
    ana.put("/Projects/plan.txt", "one").status(201);
    ana.put("/Projects/plan.txt", "two").status(204);
    let history = history_of(&ana, "/Projects/plan.txt");
    let url = format!("{history}1");
    let absent = "/versions/999999/1";
    for method in ["GET", "HEAD", "PROPFIND"] {
        at(&pia, method, &url).status(403);
        for who in [&uma, &sam] {
            let [hidden, missing] = [url.as_str(), absent].map(|url| at(who, method, url).status(404));
            assert_eq!(hidden.text(), missing.text());
        }
        at(&ana, method, &format!("{history}7")).status(404);
        at(&ana, method, "/versions/x/1").status(404);
    }
    tree(&pia, "/Projects/plan.txt").status(403).condition("need-privileges");
    tree(&uma, "/Projects/plan.txt").status(404);
    tree(&ana, "/Projects").status(403).condition("supported-report");
    for method in ["PUT", "DELETE", "PROPPATCH", "MKCOL", "LOCK", "MOVE", "COPY"] {
        at(&ana, method, &url).status(403);
    }
    site.anonymous().raw("GET", &url).send().status(401);
    let classes = at(&ana, "OPTIONS", &url).status(200).header("DAV").to_owned();
    assert!(!classes.contains("version-control"), "{classes}");
    // What lies in the trash has no versions there; what was trimmed neither.
    site.cli(&["revision", "trim", "/Projects/plan.txt", "--keep", "0"]).ok();
    at(&ana, "GET", &url).status(404);
    ana.delete("/Projects/plan.txt").status(204);
    at(&ana, "GET", &format!("{history}2")).status(404);
}

#[test]
fn a_file_names_the_version_that_it_is() {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.mkcol("/Projects/plans").status(201);
    ana.put("/Projects/plans/a.txt", "one").status(201);
    ana.put("/Projects/plans/b.txt", "one").status(201);
    ana.put("/Projects/plans/b.txt", "two").status(204);
    let asked = asking_for(&["{DAV:}checked-in"]);
    let checked_in = |of: &str, depth: Depth| {
        let told = ana.propfind(of, depth, &asked).multistatus();
        ["/Projects/plans/a.txt", "/Projects/plans/b.txt"].map(|path| {
            let is_told = told.paths().iter().any(|told| told == path);
            if is_told { told.at(path).value(&dav("checked-in")).to_owned() } else { String::new() }
        })
    };
    let [a, b] = ["a.txt", "b.txt"].map(|name| history_of(&ana, &format!("/Projects/plans/{name}")));
    let url =
        |text: &str| text.split("/versions/").nth(1).map(|rest| rest.split('<').next().unwrap_or(rest).to_owned());
    let expected = [format!("{a}1"), format!("{b}2")].map(|whole| url(&whole));
    assert_eq!(checked_in("/Projects/plans", Depth::One).map(|text| url(&text)), expected);
    assert_eq!(url(&checked_in("/Projects/plans/b.txt", Depth::Zero)[1]), expected[1]);
    // The version that it names has its bytes and its entity tag, and a folder is none.
    assert_eq!(at(&ana, "GET", &format!("{b}2")).etag(), ana.get("/Projects/plans/b.txt").etag());
    let names = r#"<propfind xmlns="DAV:"><propname/></propfind>"#;
    let told = ana.propfind("/Projects/plans", Depth::One, names).status(207);
    assert_eq!(told.text().matches("checked-in").count(), 2, "{}", told.text());
    assert!(
        !ana.propfind("/Projects/plans/a.txt", Depth::Zero, "").text().contains("checked-in"),
        "only when asked for"
    );
}

/// A listing has its bound; what is asked for by its number has none.
#[test]
fn a_version_is_found_however_many_came_after_it() {
    const LATER: usize = 10_200;
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.put("/Projects/plan.txt", "one").status(201);
    ana.put("/Projects/plan.txt", "two").status(204);
    let history = history_of(&ana, "/Projects/plan.txt");
    site.sql(&format!(
        "update node set revno = {LATER} where name = 'plan.txt';
         insert into revision (node_id, seq, content_id, size, modified_at, author_id, kept_at, revno)
         with recursive n (i) as (select 2 union all select i + 1 from n where i < {LATER} - 1)
         select id, seq, content_id, 0, modified_at, author_id, modified_at, i from node, n where name = 'plan.txt'"
    ));
    let told = |number: usize| {
        let url = format!("{history}{number}");
        let body = asking_for(&["{DAV:}version-name", "{DAV:}predecessor-set", "{DAV:}successor-set"]);
        ana.raw("PROPFIND", &url).with("Depth", "0").xml(&body).send().status(207).text().to_owned()
    };
    let near = |text: &str, number: usize| text.contains(&format!("{history}{number}<"));
    assert_eq!(at(&ana, "GET", &format!("{history}1")).status(200).text(), "one");
    assert!(near(&told(1), 2) && near(&told(2), 1) && near(&told(2), 3), "{}", told(2));
    assert!(near(&told(LATER), LATER - 1) && !near(&told(LATER), LATER + 1), "{}", told(LATER));
    at(&ana, "PROPFIND", &format!("{history}{}", LATER + 1)).status(404);
    let root = ana.raw("PROPFIND", &history).with("Depth", "0").xml(&asking_for(&["{DAV:}root-version"])).send();
    assert!(near(root.status(207).text(), 1), "the first of all, though it isn't listed");
}
