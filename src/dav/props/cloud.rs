//! The properties by which the clients of ownCloud and Nextcloud know files and rights.
//!
//! No RFC; docs/clients/nextcloud.md says what each client makes of them.

use commonhold_acl::{Effective, Permission};

use super::Resource;
use crate::tree::Node;

/// Their namespace.
pub(super) const NS: &str = "http://owncloud.org/ns";

/// Known by these clients whatever else has that id on another site.
pub(super) fn id(resource: &Resource<'_>) -> String {
    known_by(&file_id(resource), resource.site)
}

/// The same of a file, for the header by which a PUT tells it.
pub(in crate::dav) fn id_of(node: &Node, site: &str) -> String {
    known_by(&node.id.0.to_string(), site)
}

fn known_by(file_id: &str, site: &str) -> String {
    format!("{file_id:0>8}oc{site}")
}

/// The same without the site. The collections that are none of the tree's have names for ids, which no node has.
pub(super) fn file_id(resource: &Resource<'_>) -> String {
    match resource.node {
        Some(node) => node.id.0.to_string(),
        None if resource.name == crate::guard::OTHERS => "others".to_owned(),
        None => "top".to_owned(),
    }
}

/// `R` may share, `G` read, `D` delete, `N` rename, `V` move, `W` write; `C` and `K` make files and folders in it. Clients don't try what they
/// aren't told, so a collection that is none of the tree's has nothing but `G`.
pub(super) fn permissions(resource: &Resource<'_>) -> String {
    let (Some(effective), Some(node)) = (resource.effective, resource.node) else { return "G".to_owned() };
    let may = |permission| Effective::allows(effective, permission);
    let is_file = !node.is_collection();
    let is_member = node.parent.is_some();
    let letters = [
        ('R', may(Permission::Share)),
        ('G', may(if is_file { Permission::Read } else { Permission::List })),
        ('D', is_member && may(Permission::Delete)),
        ('N', is_member && may(Permission::RenameChild)),
        ('V', is_member && may(Permission::Delete)),
        ('W', is_file && may(Permission::Write)),
        ('C', !is_file && may(Permission::Create)),
        ('K', !is_file && may(Permission::Create)),
    ];
    letters.into_iter().filter(|(_, is)| *is).map(|(letter, _)| letter).collect()
}
