//! A collection as a page for people who open its URL in a browser. Plain HTML, no script, readable on a phone.
//!
//! The same request without `Accept: text/html` gets the page too: some clients test a folder with GET and want a 200.

use bytes::Bytes;
use futures_util::stream;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, StatusCode};

use super::headers::HttpDate;
use super::{Exchange, Spot, is_head};
use crate::db::ReadTx;
use crate::error::HttpError;
use crate::guard::{Access, HOME, OTHERS};
use crate::path::encode_segment;
use crate::reply::{self, Body, Reply, escaped};
use crate::tree::Node;
use crate::tree::list::{Cursor, members};
use crate::tree::view::Filter;

const HTML: &str = "text/html; charset=utf-8";
/// The page's only style; a stylesheet of its own would need another URL and another right.
const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;\
background:#fff}h1{font-size:1.3rem;font-weight:600;overflow-wrap:anywhere}a{color:#0a58ca;text-decoration:none}\
a:hover{text-decoration:underline}table{width:100%;border-collapse:collapse}td,th{padding:.35rem .5rem;text-align:left;\
border-bottom:1px solid #e4e7eb}th{font-weight:600;color:#57606a;font-size:.85rem}td:nth-child(2),th:nth-child(2)\
{text-align:right;white-space:nowrap}td:nth-child(3){white-space:nowrap;color:#57606a}p{color:#57606a}\
@media(prefers-color-scheme:dark){body{background:#14171a;color:#e6e8eb}a{color:#6ea8fe}td,th{border-color:#2b3036}}\
@media(max-width:40rem){td:nth-child(3),th:nth-child(3){display:none}}";

/// Whether the client is a person's browser.
pub fn wanted(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT).iter().any(|value| value.as_bytes().windows(9).any(|part| part == b"text/html"))
}

/// The home and the shares of the caller.
pub fn shares(x: &Exchange, access: &Access) -> Result<Reply, HttpError> {
    let mut html = head("Team shares", None);
    if access.home().is_some() {
        row(&mut html, HOME, true, None, Some("Your own files"));
    }
    for reached in access.shares() {
        row(&mut html, reached.name(), true, None, Some(&reached.share.description));
    }
    if !access.others().is_empty() {
        row(&mut html, OTHERS, true, None, Some("What others share with you"));
    }
    if access.all().next().is_none() {
        html.push_str("<tr><td colspan=3>No team share is open to you here.");
    }
    html.push_str("</table><p><a href=\"/connect/mine\">Open them as a drive</a>");
    Ok(finished(x, html))
}

/// The homes of others in which something is granted to the caller.
pub fn others(x: &Exchange, access: &Access) -> Result<Reply, HttpError> {
    let mut html = head(OTHERS, Some(".."));
    for reached in access.others() {
        row(&mut html, reached.name(), true, None, None);
    }
    html.push_str("</table>");
    Ok(finished(x, html))
}

/// The members of a collection that the caller sees.
pub async fn collection(x: &Exchange, spot: &Spot, node: &Node) -> Result<Reply, HttpError> {
    let title = x.path.to_string();
    let start = head(&title, Some(".."));
    if is_head(&x.head) {
        return Ok(finished(x, start));
    }
    let tx = x.app.db.read().await?;
    let seen = spot.reached.filter_for(x.caller.user.id, spot.reached.zone(spot.chain()), node.id);
    let walk = Walk { tx, node: node.clone(), next: Some(Cursor::default()), seen };
    let rows = stream::try_unfold((walk, Some(start)), |(mut walk, start)| async move {
        match walk.rows(start).await {
            Ok(Some(bytes)) => Ok(Some((bytes, (walk, None)))),
            Ok(None) => Ok(None),
            Err(error) => Err(std::io::Error::other(error)),
        }
    });
    let mut answer = Reply::new(Body::stream(rows));
    plain(answer.headers_mut());
    Ok(answer)
}

/// Where the page is in the listing.
struct Walk {
    tx: ReadTx,
    node: Node,
    next: Option<Cursor>,
    seen: Filter,
}

impl Walk {
    async fn rows(&mut self, start: Option<String>) -> Result<Option<Bytes>, HttpError> {
        let Some(cursor) = self.next.take() else { return Ok(None) };
        let (nodes, next) = members(&mut self.tx, &self.node, &cursor, &self.seen).await?;
        let mut html = start.unwrap_or_default();
        for node in &nodes {
            let date = HttpDate::from(node.modified.system()).to_string();
            row(&mut html, &node.name, node.is_collection(), Some(node.size), Some(&date));
        }
        if next.is_none() {
            html.push_str("</table>");
        }
        self.next = next;
        Ok(Some(html.into()))
    }
}

/// A page with one sentence.
pub fn message(title: &str, text: &str) -> String {
    let (title, text) = (escaped(title), escaped(text));
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>{title} · Commonhold</title><style>{STYLE}</style><h1>{title}</h1><p>{text}</p>"
    )
}

fn head(title: &str, up: Option<&str>) -> String {
    let title = escaped(title);
    let mut html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>{title} · Commonhold</title><style>{STYLE}</style><h1>{title}</h1><table><tr><th>Name<th>Size<th>"
    );
    if let Some(up) = up {
        html.push_str("<tr><td><a href=\"");
        html.push_str(up);
        html.push_str("\">↑ up</a><td><td>");
    }
    html
}

fn row(html: &mut String, name: &str, is_collection: bool, size: Option<u64>, note: Option<&str>) {
    let slash = if is_collection { "/" } else { "" };
    html.push_str("<tr><td><a href=\"");
    html.extend(encode_segment(name));
    html.push_str(slash);
    html.push_str("\">");
    html.push_str(&escaped(name));
    html.push_str(slash);
    html.push_str("</a><td>");
    if let Some(size) = size.filter(|_| !is_collection) {
        html.push_str(&readable(size));
    }
    html.push_str("<td>");
    html.push_str(&escaped(note.unwrap_or_default()));
}

/// Bytes as people read them.
fn readable(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let step = (bytes.ilog2() / 10).min(UNITS.len() as u32);
    let whole = bytes as f64 / 1024f64.powi(step.cast_signed());
    format!("{whole:.1} {}", UNITS[step as usize - 1])
}

fn finished(x: &Exchange, html: String) -> Reply {
    let mut answer = reply::bytes(StatusCode::OK, HTML, html);
    plain(answer.headers_mut());
    if is_head(&x.head) {
        *answer.body_mut() = Body::empty();
    }
    answer
}

/// The headers of a page.
pub fn plain(headers: &mut HeaderMap) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(HTML));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        assert_eq!(readable(0), "0 B");
        assert_eq!(readable(1023), "1023 B");
        assert_eq!(readable(1024), "1.0 KiB");
        assert_eq!(readable(1536 * 1024), "1.5 MiB");
        assert_eq!(readable(u64::MAX), "16384.0 PiB");
    }

    #[test]
    fn a_name_can_not_become_markup() {
        let mut html = String::new();
        row(&mut html, "<script>\"&.txt", false, Some(1), None);
        assert!(!html.contains("<script>"));
        assert!(html.contains("%3Cscript%3E%22%26.txt"));
    }
}
