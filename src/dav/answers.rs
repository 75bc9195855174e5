//! Answers that belong to no single verb: error bodies, whole documents, and the collection above the tree.

use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::request::Parts;

use super::bodies::PropfindBody;
use super::headers::{Depth, Header};
use super::page;
use super::propfind::XML_TYPE;
use super::xml::{QName, XmlWriter};
use super::{PREFIX, principals, privileges, small_body};
use crate::error::{Condition, HttpError};
use crate::guard::Caller;
use crate::net::RequestBody;
use crate::reply::{self, Body, Reply};

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
            | Condition::ValidResourcetype
            | Condition::SupportedReport
            | Condition::ValidSyncToken
            | Condition::NumberOfMatchesWithinLimits
            | Condition::NoAceConflict
            | Condition::NoProtectedAceConflict
            | Condition::NoInheritedAceConflict
            | Condition::LimitedNumberOfAces
            | Condition::DenyBeforeGrant
            | Condition::NoInvert
            | Condition::NoAbstract
            | Condition::NotSupportedPrivilege
            | Condition::RecognizedPrincipal
            | Condition::AllowedPrincipal
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

/// PROPFIND of `/`: a collection with one member, the tree. Windows asks here before it maps a drive, and programs that
/// look for the caller's own principal (RFC 5397, RFC 6764 section 6).
pub async fn propfind_top(head: &Parts, caller: &Caller, body: RequestBody) -> Result<Reply, HttpError> {
    let depth = Depth::parse(&head.headers)?.unwrap_or(Depth::Infinity);
    let asked = match PropfindBody::parse(&small_body(body, TOP_BODY_BYTES_MAX).await?)? {
        named @ PropfindBody::Prop(_) => named,
        PropfindBody::Empty | PropfindBody::PropName | PropfindBody::AllProp { .. } => {
            PropfindBody::Prop(vec![QName::dav("resourcetype")])
        }
    };
    let is_known = |name: &QName| {
        ["resourcetype", "current-user-principal", "principal-collection-set"].iter().any(|known| name.is_dav(known))
    };
    let mut w = XmlWriter::new(&QName::dav("multistatus"), &[]);
    let hrefs: &[&str] = if depth == Depth::Zero { &["/"] } else { &["/", PREFIX] };
    for href in hrefs {
        tell(&mut w, href, (&asked, &[]), is_known, |w, name| match name.local() {
            "current-user-principal" => {
                privileges::write_hrefs(w, name, [principals::user_href(&caller.user.name).as_str()]);
            }
            "principal-collection-set" => privileges::write_principal_collections(w),
            _ => {
                w.start(name);
                w.empty(&QName::dav("collection"));
                w.end();
            }
        });
    }
    Ok(multistatus(w))
}

/// A whole multistatus at once.
pub(super) fn multistatus(w: XmlWriter) -> Reply {
    document(StatusCode::MULTI_STATUS, w)
}

/// A whole document at once.
pub(super) fn document(status: StatusCode, w: XmlWriter) -> Reply {
    let bytes = w.finish();
    let mut answer = reply::empty(status);
    answer.headers_mut().insert(CONTENT_TYPE, XML_TYPE);
    answer.headers_mut().insert(CONTENT_LENGTH, bytes.len().into());
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    *answer.body_mut() = Body::bytes(bytes);
    answer
}

/// One `response` to `asked` about a resource that has those of `all` for which `has` holds: with what `write` makes of each.
pub(super) fn tell(
    w: &mut XmlWriter,
    href: &str,
    (asked, all): (&PropfindBody, &[QName]),
    has: impl Fn(&QName) -> bool,
    write: impl Fn(&mut XmlWriter, &QName),
) {
    w.start_dav("response");
    w.dav("href", href);
    let (names, missing): (Vec<&QName>, Vec<&QName>) = match asked {
        PropfindBody::Prop(names) => names.iter().partition(|name| has(name)),
        PropfindBody::Empty | PropfindBody::AllProp { .. } | PropfindBody::PropName => {
            (all.iter().filter(|name| has(name)).collect(), Vec::new())
        }
    };
    if !names.is_empty() || missing.is_empty() {
        open_propstat(w);
        for name in names {
            match asked {
                PropfindBody::PropName => w.empty(name),
                PropfindBody::Prop(_) | PropfindBody::Empty | PropfindBody::AllProp { .. } => write(w, name),
            }
        }
        close_propstat(w, "HTTP/1.1 200 OK");
    }
    if !missing.is_empty() {
        open_propstat(w);
        missing.into_iter().for_each(|name| w.empty(name));
        close_propstat(w, "HTTP/1.1 404 Not Found");
    }
    w.end_dav("response");
}

/// Opens a `propstat` and its `prop`.
pub(super) fn open_propstat(w: &mut XmlWriter) {
    w.start_dav("propstat");
    w.start_dav("prop");
}

/// Closes them, with that status line.
pub(super) fn close_propstat(w: &mut XmlWriter, status: &str) {
    w.end_dav("prop");
    w.dav("status", status);
    w.end_dav("propstat");
}
