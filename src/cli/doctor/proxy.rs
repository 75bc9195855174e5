//! What stands between clients and the server, and what it changes: paths, verbs, headers, bodies and their lengths.

use super::client::{Ask, Reply, is_same_path};
use super::visit::{DESTINATION, Visit, doubt, right, status, wrong};
use super::wire;
use crate::clock::Moment;

/// What the examination calls itself.
pub(super) const AGENT: &str = concat!("commonhold-doctor/", env!("CARGO_PKG_VERSION"));

/// An upload beyond what proxies let through unless they are told (nginx: 1 MiB).
const LARGE_BYTES: usize = 12 << 20;
/// Seconds that two clocks may differ before locks and conditions by date go wrong.
const SKEW_S_MAX: u64 = 30;
/// Bytes of a response that proxies like to compress.
const TEXT_BYTES: usize = 64 * 1024;

/// Each thing that a proxy may change, by itself.
pub(super) async fn run(visit: &mut Visit) {
    if reach(visit).await.is_none() || visit.make_folder().await.is_none() {
        return;
    }
    depth(visit).await;
    names(visit).await;
    bodies(visit).await;
    conditions(visit).await;
    verbs(visit).await;
}

async fn reach(visit: &mut Visit) -> Option<()> {
    let folder = visit.collection();
    visit.step("reach it: OPTIONS", "200 with `DAV: 1,2`", Ask::new("OPTIONS", &folder), wire::has_classes).await;
    visit.goes_on()?;
    let remedy = "the root of the host isn't the server's: let the proxy pass `/` to it, for Windows and Office";
    let root = Ask::new("OPTIONS", "/").anonymous();
    visit
        .step("the host's root: OPTIONS /", "200 with `DAV: 1,2`", root, |reply| match reply.is_class("1") {
            true => right(),
            false => doubt(remedy).seeing(format!("{} without a header `DAV`", reply.status)),
        })
        .await?;
    let asked = folder.clone();
    let judge = move |reply: &Reply| {
        match reply.entries() {
        Some(entries) if reply.is(207) => match entries.first() {
            Some(entry) if !is_same_path(entry.path(), &asked) => {
                wrong("the server answers about another path than clients ask: let the proxy pass paths on unchanged, and serve under the same one")
                    .seeing(format!("207 about {}", entry.path()))
            }
            _ => right(),
        },
        _ => wire::is_multistatus(reply),
    }
    };
    visit
        .step(
            "the same path: PROPFIND",
            "207 about the path that was asked",
            Ask::new("PROPFIND", &folder).depth("0"),
            judge,
        )
        .await?;
    let judge = |reply: &Reply| match httpdate::parse_http_date(reply.header("date")) {
        Ok(theirs) => {
            let ours = Moment::now().system();
            let apart = theirs.duration_since(ours).unwrap_or_else(|before| before.duration()).as_secs();
            let seen = format!("{apart} s apart");
            if apart > SKEW_S_MAX {
                doubt("the clocks differ: set both by NTP").seeing(seen)
            } else {
                right().seeing(seen)
            }
        }
        Err(_) => doubt("answers carry no date: let the proxy pass the header `Date`").seeing("no Date"),
    };
    visit.step("the clock: Date", "this machine's time", Ask::new("OPTIONS", &folder), judge).await;
    Some(())
}

/// Depth 0 and 1 answer about different things.
async fn depth(visit: &mut Visit) -> Option<()> {
    let folder = visit.own();
    visit
        .step("a file: PUT", "201", Ask::new("PUT", visit.at("a.txt")).body("a"), |reply| status(reply, &[201], ""))
        .await?;
    for (depth, count) in [("0", 1), ("1", 2)] {
        let check = format!("the header Depth: PROPFIND Depth {depth}");
        let remedy = "the header `Depth` doesn't arrive: let the proxy pass all request headers";
        let judge = |reply: &Reply| match reply.entries() {
            Some(entries) if reply.is(207) && entries.len() != count => {
                wrong(remedy).seeing(format!("{} resources", entries.len()))
            }
            _ => wire::is_multistatus(reply),
        };
        visit.step(&check, &format!("{count} resources"), Ask::new("PROPFIND", &folder).depth(depth), judge).await;
    }
    Some(())
}

/// Names that a proxy decodes once too often, and Destination.
async fn names(visit: &mut Visit) {
    for name in ["50% & more #1.txt", "a+b=c;d.txt", "Grüße 你好.txt"] {
        let (from, to) = (visit.at(name), visit.at(&format!("moved {name}")));
        let put = Ask::new("PUT", &from).body(name);
        let remedy = "the proxy decodes or encodes the path: let it pass the path on as it came (nginx: `proxy_pass` without a path)";
        let check = format!("a name, {name}: PUT");
        if visit.step(&check, "201", put, |reply| status(reply, &[201], remedy)).await.is_none() {
            continue;
        }
        let ask = Ask::new("MOVE", &from).with("Destination", visit.destination(&to)).with("Overwrite", "F");
        visit.step("the header Destination: MOVE", "201", ask, |reply| status(reply, &[201, 204], DESTINATION)).await;
        wire::reads_back(visit, "the header Destination: GET", &to, name.as_bytes()).await;
    }
}

/// Large ones, ones in chunks, parts, and compressed ones.
async fn bodies(visit: &mut Visit) -> Option<()> {
    let [large, chunked, text] = ["large.bin", "chunked.bin", "text.txt"].map(|name| visit.at(name));
    let bytes: Vec<u8> = (0..LARGE_BYTES).map(|at| (at % 251) as u8).collect();
    let put = Ask::new("PUT", &large).with("Expect", "100-continue").body(bytes.clone());
    let remedy = "large uploads don't arrive: raise the proxy's limit (nginx: `client_max_body_size 0`)";
    visit
        .step("12 MiB: PUT with Expect", "201", put, |reply| {
            status(reply, &[201, 204], if reply.is(413) { "" } else { remedy })
        })
        .await;
    let put = Ask::new("PUT", &chunked).chunked(bytes[..TEXT_BYTES].to_vec());
    let remedy = "uploads in chunks don't arrive, which Finder sends: let the proxy speak HTTP/1.1 to the server (nginx: `proxy_http_version 1.1; proxy_request_buffering off`)";
    if visit.step("in chunks: PUT", "201", put, |reply| status(reply, &[201, 204], remedy)).await.is_some() {
        wire::reads_back(visit, "in chunks: GET", &chunked, &bytes[..TEXT_BYTES]).await;
    }
    let words = "the same words again. ".repeat(TEXT_BYTES / 22);
    let put = Ask::new("PUT", &text).body(words.clone());
    let put = visit.step("a text: PUT", "201", put, |reply| status(reply, &[201, 204], "")).await?;
    let etag = put.header("etag").to_owned();
    let get = Ask::new("GET", &text).with("Accept-Encoding", "gzip, br");
    visit
        .step("unchanged: GET that takes gzip", "the same ETag and a Content-Length", get, move |reply| {
            let now = reply.header("etag");
            match () {
                () if !reply.is(200) => wrong(""),
                () if !etag.is_empty() && now != etag => {
                    wrong("the proxy changes ETags, so that saves are refused: switch compression off for this server")
                        .seeing(format!("ETag {now}, and {etag} from PUT"))
                }
                () if !reply.header("content-encoding").is_empty() => {
                    doubt("the proxy compresses files: some clients can't resume or show no progress")
                        .seeing(reply.header("content-encoding").to_owned())
                }
                () if reply.header("content-length").is_empty() => {
                    doubt("answers have no length: switch compression and buffering filters off")
                        .seeing("no Content-Length")
                }
                () => right(),
            }
        })
        .await;
    let part = Ask::new("GET", &text).with("Range", "bytes=4-7");
    let remedy = "downloads can't be resumed: let the proxy pass `Range`";
    visit
        .step("a part: GET with Range", "206 of 4 bytes", part, |reply| {
            if reply.is(206) && reply.body == words.as_bytes()[4..8] { right() } else { wrong(remedy) }
        })
        .await;
    Some(())
}

/// If, If-Match, If-None-Match, Overwrite.
async fn conditions(visit: &mut Visit) {
    let file = visit.at("a.txt");
    let cases: [(&str, &'static str, &str); 3] = [
        ("PUT with a wrong If-Match", "If-Match", "\"never\""),
        ("PUT with If-None-Match: *", "If-None-Match", "*"),
        ("PUT with a false If", "If", "([\"never\"])"),
    ];
    for (check, header, value) in cases {
        let put = Ask::new("PUT", &file).with(header, value).body("other");
        let remedy = "a condition is ignored, and people overwrite each other: let the proxy pass the conditional headers, and the server heed them";
        visit.step(check, "412", put, |reply| status(reply, &[412], remedy)).await;
    }
    let ask =
        Ask::new("COPY", &file).with("Destination", visit.destination(&visit.at("text.txt"))).with("Overwrite", "F");
    let remedy = "the header `Overwrite` doesn't arrive: let the proxy pass all request headers";
    visit.step("the header Overwrite: COPY onto a file", "412", ask, |reply| status(reply, &[412], remedy)).await;
}

/// The verbs that a firewall likes to refuse.
async fn verbs(visit: &mut Visit) -> Option<()> {
    let file = visit.at("a.txt");
    let lock = Ask::new("LOCK", &file).depth("0").with("Timeout", "Second-600").xml(wire::lock_body("doctor"));
    if let Some(token) =
        visit.step("LOCK", "200, Lock-Token, lockroot", lock, wire::is_lock).await.and_then(|r| r.lock_token())
    {
        wire::unlock(visit, &file, &token).await;
    }
    let patch = r#"<D:propertyupdate xmlns:D="DAV:" xmlns:x="urn:commonhold:doctor"><D:set><D:prop><x:note>n</x:note></D:prop></D:set></D:propertyupdate>"#;
    let judge = |reply: &Reply| match reply.entries() {
        Some(entries)
            if reply.is(207) && entries.iter().flat_map(|e| &e.properties).all(|(_, status, _)| *status == 200) =>
        {
            right()
        }
        _ => doubt("properties of clients aren't kept here"),
    };
    visit.step("PROPPATCH", "207 with 200", Ask::new("PROPPATCH", &file).xml(patch), judge).await;
    let ask = Ask::new("COPY", &file).with("Destination", visit.destination(&visit.at("copy.txt")));
    visit.step("COPY", "201", ask, |reply| status(reply, &[201, 204], "")).await;
    visit.step("DELETE", "204", Ask::new("DELETE", &file), |reply| status(reply, &[200, 204], "")).await;
    Some(())
}
