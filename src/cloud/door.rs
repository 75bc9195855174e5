//! The same tree under other URLs: what comes in is turned to `/dav/`, and what goes out is turned back.
//!
//! Request: target, `Destination` and the resources of `If`. Answer: `Location`, `Content-Location`, the URLs of a multistatus. Files pass untouched.

use std::collections::VecDeque;
use std::io;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use http::header::{CONTENT_LENGTH, CONTENT_LOCATION, HeaderValue, LOCATION};
use http::request::Parts;
use http::{HeaderMap, Method};
use http_body_util::BodyExt;

use crate::error::{Condition, HttpError};
use crate::path::{PathError, RelPath, decode_segment};
use crate::reply::{Body, Reply};

/// What is before a URL in a multistatus, in the full form and in the short one.
const HREF: &str = "href>";

/// One way into the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Door {
    /// The path of the tree's root as the request has it, without a slash at its end.
    outside: String,
    /// The same segment by segment, decoded.
    segments: Vec<String>,
    /// Where that is inside, with a slash at its end.
    prefix: &'static str,
}

impl Door {
    /// Of a request to `path`, whose first segments, so many, are what is `prefix` inside.
    pub fn of(path: &str, above: usize, prefix: &'static str) -> Self {
        let cut = path.match_indices('/').map(|(at, _)| at).nth(above).unwrap_or(path.len());
        let outside = path[..cut].to_owned();
        let segments = outside.split('/').skip(1).map(|one| decode_segment(one).unwrap_or_default().into()).collect();
        Self { outside, segments, prefix }
    }

    /// The part of a path that is below the door, with the slash before it; `None` when it leads elsewhere.
    pub fn below<'p>(&self, path: &'p str) -> Option<&'p str> {
        let mut rest = path;
        for segment in &self.segments {
            rest = rest.strip_prefix('/')?;
            let (first, _) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            if decode_segment(first).ok()? != segment.as_str() {
                return None;
            }
            rest = &rest[first.len()..];
        }
        Some(rest)
    }

    /// A URL inside, for one that leads through the door: with its scheme and host, if it has them.
    fn inside(&self, url: &str) -> Option<String> {
        let (origin, path) = match url.find("://") {
            Some(at) => url.split_at(at + 3 + url[at + 3..].find('/')?),
            None => ("", url),
        };
        let below = self.below(path)?;
        Some(format!("{origin}{}{below}", self.prefix.trim_end_matches('/')))
    }

    /// Turns a request inwards. Gives the path below the tree's root. Errors: 400 for a path that is none.
    pub fn enter(&self, head: &mut Parts) -> Result<RelPath, HttpError> {
        let below = self.below(head.uri.path()).ok_or(PathError::NotAbsolute).map_err(HttpError::from)?;
        let below = if below.is_empty() { "/" } else { below };
        let path = RelPath::parse_request_target(below).map_err(HttpError::from)?;
        turn(&mut head.headers, "destination", |text| self.inside(text));
        self.enter_conditions(&mut head.headers);
        Ok(path)
    }

    /// Turns the conditions of a request inwards that is itself about something else.
    pub fn enter_conditions(&self, headers: &mut HeaderMap) {
        turn(headers, "if", |text| Some(self.turn_tags(text)));
    }

    /// The same for each `<...>` of a text.
    fn turn_tags(&self, text: &str) -> String {
        let mut turned = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(open) = rest.find('<') {
            let Some(length) = rest[open..].find('>') else { break };
            let tag = &rest[open + 1..open + length];
            turned.push_str(&rest[..=open]);
            turned.push_str(self.inside(tag).as_deref().unwrap_or(tag));
            rest = &rest[open + length..];
        }
        turned + rest
    }

    /// A URL of ours as it is outside.
    fn outwards(&self, url: &str) -> Option<String> {
        url.strip_prefix(self.prefix).map(|below| format!("{}/{below}", self.outside))
    }

    /// Turns a refusal outwards: the URLs of what stood in the way. That of the law's reason stays, since the audit reads it.
    pub fn leave_refused(&self, mut error: HttpError) -> HttpError {
        let hrefs = match &mut error.condition {
            Some(Condition::NeedPrivileges { href, .. }) => std::slice::from_mut(href),
            Some(Condition::LockTokenSubmitted(hrefs) | Condition::NoConflictingLock(hrefs)) => hrefs.as_mut_slice(),
            Some(_) | None => &mut [],
        };
        for href in hrefs.iter_mut().chain(&mut error.blockers) {
            if let Some(outside) = self.outwards(href) {
                *href = outside;
            }
        }
        error
    }

    /// Turns an answer outwards.
    pub fn leave(&self, method: &Method, mut reply: Reply) -> Reply {
        for name in [CONTENT_LOCATION, LOCATION] {
            turn(reply.headers_mut(), name.as_str(), |text| self.outwards(text));
        }
        if !matches!(method.as_str(), "PROPFIND" | "PROPPATCH" | "REPORT" | "LOCK") {
            return reply;
        }
        let from = format!("{HREF}{}", self.prefix);
        let to = format!("{HREF}{}/", self.outside);
        let (mut head, body) = reply.into_parts();
        head.headers.remove(CONTENT_LENGTH);
        let body = match body {
            Body::Bytes(Some(bytes)) => {
                let mut turning = Turning::new(from, to);
                let mut whole = BytesMut::from(&turning.turn(bytes)[..]);
                whole.extend_from_slice(&turning.rest());
                Body::bytes(whole)
            }
            Body::Bytes(None) => Body::empty(),
            body => Body::stream(turned(body, Turning::new(from, to))),
        };
        Reply::from_parts(head, body)
    }
}

/// Replaces the values of a header that `with` gives another text for.
fn turn(headers: &mut HeaderMap, name: &str, with: impl Fn(&str) -> Option<String>) {
    let Some(value) = headers.get(name).and_then(|value| value.to_str().ok()) else { return };
    if headers.get_all(name).iter().count() == 1
        && let Some(value) = with(value).and_then(|text| HeaderValue::try_from(text).ok())
        && let Some(old) = headers.get_mut(name)
    {
        *old = value;
    }
}

/// Replaces one text by another in bytes that come piece by piece.
struct Turning {
    from: Vec<u8>,
    to: Vec<u8>,
    /// The end of what has come, which may be the beginning of `from`.
    kept: BytesMut,
}

impl Turning {
    fn new(from: String, to: String) -> Self {
        Self { from: from.into_bytes(), to: to.into_bytes(), kept: BytesMut::new() }
    }

    fn turn(&mut self, piece: Bytes) -> Bytes {
        self.kept.extend_from_slice(&piece);
        let mut out = BytesMut::with_capacity(self.kept.len() + 1024);
        let mut at = 0;
        while let Some(found) = find(&self.kept[at..], &self.from) {
            out.extend_from_slice(&self.kept[at..at + found]);
            out.extend_from_slice(&self.to);
            at += found + self.from.len();
        }
        let keep = (self.from.len() - 1).min(self.kept.len() - at);
        let end = self.kept.len() - keep;
        out.extend_from_slice(&self.kept[at..end]);
        self.kept = self.kept.split_off(end);
        out.freeze()
    }

    fn rest(&mut self) -> Bytes {
        self.kept.split().freeze()
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn turned(body: Body, turning: Turning) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let pieces = body.into_data_stream().map(Some).chain(stream::once(async { None })).boxed();
    stream::unfold((pieces, turning, VecDeque::new()), |(mut pieces, mut turning, mut ready)| async move {
        loop {
            if let Some(piece) = ready.pop_front() {
                return Some((piece, (pieces, turning, ready)));
            }
            match pieces.next().await? {
                Some(Ok(piece)) => ready.push_back(Ok(turning.turn(piece))),
                Some(Err(error)) => ready.push_back(Err(error)),
                None => ready.push_back(Ok(turning.rest())),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn urls_go_in_and_come_out() {
        let door = Door::of("/remote.php/dav/files/ana%20m/Projects/a%20b.txt", 4, "/dav/");
        assert_eq!(door.outside, "/remote.php/dav/files/ana%20m");
        let inside = |url: &str| door.inside(url);
        assert_eq!(inside("/remote.php/dav/files/ana%20m/x"), Some("/dav/x".to_owned()));
        assert_eq!(inside("https://h:1/remote.php/dav/files/ana%20%6d/x/"), Some("https://h:1/dav/x/".to_owned()));
        assert_eq!(inside("/remote.php/dav/files/ana%20m"), Some("/dav".to_owned()));
        for other in ["/dav/x", "/remote.php/dav/files/ana%20mm/x", "urn:uuid:1", "https://h"] {
            assert_eq!(inside(other), None, "{other}");
        }
        let tagged = "</remote.php/dav/files/ana%20m/x> (<urn:uuid:1> [\"e\"]) <";
        assert_eq!(door.turn_tags(tagged), "</dav/x> (<urn:uuid:1> [\"e\"]) <");
    }

    proptest! {
        #[test]
        fn a_text_is_replaced_however_it_is_cut(text in "(<D:href>/dav/|<D:|href>|/dav/|x){0,12}", cuts in proptest::collection::vec(0usize..200, 0..5)) {
            let mut turning = Turning::new("<D:href>/dav/".into(), "<D:href>/o/".into());
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).chain([0, text.len()]).collect();
            cuts.sort_unstable();
            let mut out = Vec::new();
            for pair in cuts.windows(2) {
                out.extend_from_slice(&turning.turn(Bytes::copy_from_slice(&text.as_bytes()[pair[0]..pair[1]])));
            }
            out.extend_from_slice(&turning.rest());
            prop_assert_eq!(String::from_utf8(out).unwrap(), text.replace("<D:href>/dav/", "<D:href>/o/"));
        }
    }
}
