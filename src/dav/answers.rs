//! Answers that belong to no single verb: error bodies, and the collection above the tree.

use http::StatusCode;
use http::header::CONTENT_TYPE;
use http::request::Parts;

use super::bodies::PropfindBody;
use super::headers::{Depth, Header};
use super::page;
use super::propfind::XML_TYPE;
use super::xml::{QName, XmlWriter};
use super::{PREFIX, small_body};
use crate::error::{Condition, HttpError};
use crate::net::RequestBody;
use crate::reply::{Body, Reply};

/// The namespace of what RFC 4918 has no element for.
pub(super) const NS: &str = "urn:commonhold:dav";
/// A body at `/` has to be no longer.
const TOP_BODY_BYTES_MAX: usize = 16 * 1024;

/// The DAV error body: the condition, if it has a name, and a sentence for people (RFC 4918 section 16).
pub fn error_body(error: &HttpError) -> bytes::Bytes {
    let mut w = XmlWriter::new(&QName::dav("error"), &[("C", NS)]);
    if let Some(condition) = &error.condition {
        let name = QName::dav(condition.name());
        match condition {
            Condition::NeedPrivileges { href, privileges } => {
                w.start(&name);
                for privilege in privileges {
                    w.start(&QName::dav("resource"));
                    w.element(&QName::dav("href"), href);
                    w.start(&QName::dav("privilege"));
                    w.empty(&QName::fixed(privilege.namespace, privilege.name));
                    w.end();
                    w.end();
                }
                w.end();
            }
            Condition::PropfindFiniteDepth
            | Condition::CannotModifyProtectedProperty
            | Condition::QuotaNotExceeded
            | Condition::SufficientDiskSpace
            | Condition::LockTokenMatchesRequestUri
            | Condition::NoExternalEntities => w.empty(&name),
            Condition::LockTokenSubmitted(hrefs) | Condition::NoConflictingLock(hrefs) => {
                w.start(&name);
                for href in hrefs {
                    w.element(&QName::dav("href"), href);
                }
                w.end();
            }
        }
    }
    w.element(&QName::fixed(NS, "message"), &error.text);
    w.finish()
}

/// The multistatus that names what stands in the way of the whole (RFC 4918 section 13).
pub fn blockers_body(error: &HttpError) -> bytes::Bytes {
    let mut w = XmlWriter::new(&QName::dav("multistatus"), &[]);
    for href in &error.blockers {
        w.start(&QName::dav("response"));
        w.element(&QName::dav("href"), href);
        let reason = error.status.canonical_reason().unwrap_or_default();
        w.element(&QName::dav("status"), &format!("HTTP/1.1 {} {reason}", error.status.as_u16()));
        w.element(&QName::dav("responsedescription"), &error.text);
        w.end();
    }
    w.finish()
}

/// The same for somebody's browser.
pub fn error_page(error: &HttpError) -> String {
    page::message(error.status.canonical_reason().unwrap_or("Error"), &error.text)
}

/// PROPFIND of `/`: a collection with one member, the tree. Windows asks here before it maps a drive.
pub async fn propfind_top(head: &Parts, body: RequestBody) -> Result<Reply, HttpError> {
    let depth = Depth::parse(&head.headers)?.unwrap_or(Depth::Infinity);
    PropfindBody::parse(&small_body(body, TOP_BODY_BYTES_MAX).await?)?;
    let mut w = XmlWriter::new(&QName::dav("multistatus"), &[]);
    let hrefs: &[&str] = if depth == Depth::Zero { &["/"] } else { &["/", PREFIX] };
    for href in hrefs {
        w.start(&QName::dav("response"));
        w.element(&QName::dav("href"), href);
        w.start(&QName::dav("propstat"));
        w.start(&QName::dav("prop"));
        w.start(&QName::dav("resourcetype"));
        w.empty(&QName::dav("collection"));
        w.end();
        w.end();
        w.element(&QName::dav("status"), "HTTP/1.1 200 OK");
        w.end();
        w.end();
    }
    let mut reply = Reply::new(Body::bytes(w.finish()));
    *reply.status_mut() = StatusCode::MULTI_STATUS;
    reply.headers_mut().insert(CONTENT_TYPE, XML_TYPE);
    Ok(reply)
}
