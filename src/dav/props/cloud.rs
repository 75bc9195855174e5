//! The properties by which the clients of ownCloud and Nextcloud know files and rights.
//!
//! No RFC; docs/clients/nextcloud.md says what each client makes of them.

use commonhold_acl::{Item, Landing, Object, Operation, Scene};

use super::Resource;
use crate::guard;
use crate::tree::Node;

/// Their namespace.
pub(in crate::dav) const NS: &str = "http://owncloud.org/ns";

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

/// `R` may share, `G` read, `D` delete, `N` rename, `V` move, `W` write; `C` and `K` make files and folders in it: as the law decides about the
/// verbs that a client would send. Clients don't try what they aren't told, so a collection that is none of the tree's has nothing but `G`.
pub(super) fn permissions(resource: &Resource<'_>) -> String {
    let (Some(effective), Some(node)) = (resource.effective, resource.node) else { return "G".to_owned() };
    let item = guard::item(node);
    let of_item = Scene::new().with(Object::Item, effective, item);
    let inside = Scene::new().with(Object::Parent, effective, item);
    let scene = match resource.above {
        Some((above, parent)) => of_item.with(Object::Parent, above, Item::folder(parent)),
        None => of_item,
    };
    let (is_file, is_member) = (!node.is_collection(), resource.above.is_some());
    let may = |operation| guard::permit(operation, &scene).is_ok();
    let makes = |operation| !is_file && guard::permit(operation, &inside).is_ok();
    let is_gone = is_member && may(Operation::Delete);
    let letters = [
        ('R', may(Operation::CreateLink)),
        ('G', may(if is_file { Operation::GetFile } else { Operation::GetFolder })),
        ('D', is_gone),
        ('N', is_member && may(Operation::Rename(Landing::Free))),
        ('V', is_gone),
        ('W', is_file && may(Operation::PutOver)),
        ('C', makes(Operation::PutNew)),
        ('K', makes(Operation::Mkcol)),
    ];
    letters.into_iter().filter(|(_, is)| *is).map(|(letter, _)| letter).collect()
}
