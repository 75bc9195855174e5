//! What RFC 3744 says about any resource alike, as XML: privileges, restrictions of lists, where principals are, reports.
//!
//! Not here: whose privileges (`props`), lists of entries ([`super::acl`]), principals themselves ([`super::principals`]).
//! RFC 3744 sections 5.3, 5.4, 5.6, 5.8; RFC 3253 section 3.1.5.

use commonhold_acl::{ItemKind, Privilege, SUPPORTED, Supported};

use super::principals;
use super::xml::{QName, XmlWriter};

/// The language of descriptions.
const LANG: &str = "en";

/// A privilege by itself, in the element around it.
pub fn write_privilege(w: &mut XmlWriter, privilege: &Privilege) {
    w.start_dav("privilege");
    w.empty(&QName::fixed(privilege.namespace, privilege.name));
    w.end_dav("privilege");
}

/// `supported-privilege-set` of a file or collection.
pub fn write_supported_privileges(w: &mut XmlWriter, kind: ItemKind) {
    w.start_dav("supported-privilege-set");
    write_supported(w, &SUPPORTED, kind);
    w.end_dav("supported-privilege-set");
}

fn write_supported(w: &mut XmlWriter, supported: &Supported, kind: ItemKind) {
    open_supported(w, &supported.privilege, supported.is_abstract, supported.description);
    for member in supported.members.iter().filter(|member| member.applies_to(kind)) {
        write_supported(w, member, kind);
    }
    w.end_dav("supported-privilege");
}

fn open_supported(w: &mut XmlWriter, privilege: &Privilege, is_abstract: bool, description: &str) {
    w.start_dav("supported-privilege");
    write_privilege(w, privilege);
    if is_abstract {
        w.empty(&QName::dav("abstract"));
    }
    w.text_in_language(&QName::dav("description"), LANG, description);
}

/// `supported-privilege-set` of a principal, which everybody who sees it reads and nobody changes.
pub fn write_principals_privileges(w: &mut XmlWriter) {
    w.start_dav("supported-privilege-set");
    let dav = |name| Privilege { namespace: commonhold_acl::DAV, name };
    open_supported(w, &dav("all"), true, "everything");
    for (name, description) in
        [("read", "read about them"), ("read-current-user-privilege-set", "read one's own privileges")]
    {
        open_supported(w, &dav(name), true, description);
        w.end_dav("supported-privilege");
    }
    w.end_dav("supported-privilege");
    w.end_dav("supported-privilege-set");
}

/// `current-user-privilege-set` of a principal.
pub fn write_privileges_on_principals(w: &mut XmlWriter) {
    w.start_dav("current-user-privilege-set");
    for name in ["read", "read-current-user-privilege-set"] {
        write_privilege(w, &Privilege { namespace: commonhold_acl::DAV, name });
    }
    w.end_dav("current-user-privilege-set");
}

/// `acl-restrictions`: at one place what is denied counts before what is granted, and nobody is meant by who he is not.
pub fn write_acl_restrictions(w: &mut XmlWriter) {
    w.start_dav("acl-restrictions");
    w.empty(&QName::dav("no-invert"));
    w.empty(&QName::dav("deny-before-grant"));
    w.end_dav("acl-restrictions");
}

/// A property whose value are URLs.
pub fn write_hrefs<'h>(w: &mut XmlWriter, name: &QName, hrefs: impl IntoIterator<Item = &'h str>) {
    let mut hrefs = hrefs.into_iter().peekable();
    if hrefs.peek().is_none() {
        return w.empty(name);
    }
    w.start(name);
    for href in hrefs {
        w.dav("href", href);
    }
    w.end();
}

/// `principal-collection-set`.
pub fn write_principal_collections(w: &mut XmlWriter) {
    write_hrefs(w, &QName::dav("principal-collection-set"), [principals::PREFIX]);
}

/// The reports that every resource has.
const REPORTS: [&str; 4] =
    ["expand-property", "principal-match", "principal-property-search", "principal-search-property-set"];
/// What a resource with a list of entries has besides.
const ACL_REPORT: &str = "acl-principal-prop-set";
/// What a file has besides.
const VERSION_REPORT: &str = "version-tree";

/// What a collection has besides that the caller may follow.
const SYNC_REPORT: &str = "sync-collection";

/// `supported-report-set`.
pub fn write_supported_reports(w: &mut XmlWriter, has_acl: bool, has_versions: bool, has_changes: bool) {
    w.start_dav("supported-report-set");
    let more =
        [has_acl.then_some(&ACL_REPORT), has_versions.then_some(&VERSION_REPORT), has_changes.then_some(&SYNC_REPORT)];
    for report in REPORTS.iter().chain(more.into_iter().flatten()) {
        w.start_dav("supported-report");
        w.start_dav("report");
        w.empty(&QName::dav(report));
        w.end_dav("report");
        w.end_dav("supported-report");
    }
    w.end_dav("supported-report-set");
}
