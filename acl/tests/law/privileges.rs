//! The privileges against the rules of RFC 3744 section 3 and the law's list of names.

use std::collections::BTreeSet;

use commonhold_acl::*;

use crate::site::{role_of, set};

/// Names as text; those of the product's own namespace with `+` before them.
fn text(privilege: Privilege) -> String {
    match privilege.namespace {
        DAV => privilege.name.into(),
        COMMONHOLD => format!("+{}", privilege.name),
        other => panic!("`{other}` is no namespace of ours"),
    }
}

fn held(permissions: Permissions, kind: ItemKind) -> Vec<String> {
    privileges(permissions, kind).into_iter().map(text).collect()
}

fn all(node: &'static Supported) -> Vec<&'static Supported> {
    let mut found = vec![node];
    found.extend(node.members.iter().flat_map(all));
    found
}

fn names_below(name: &str) -> BTreeSet<&'static str> {
    let node = all(&SUPPORTED).into_iter().find(|node| node.privilege.name == name).unwrap();
    all(node).into_iter().skip(1).map(|node| node.privilege.name).collect()
}

#[test]
fn the_tree_has_every_name_once_and_describes_it() {
    let nodes = all(&SUPPORTED);
    let names: BTreeSet<_> = nodes.iter().map(|node| text(node.privilege)).collect();
    assert_eq!(names.len(), nodes.len());
    assert!(nodes.iter().all(|node| !node.description.is_empty()));
}

#[test]
fn the_aggregates_contain_what_rfc_3744_demands_and_not_what_it_forbids() {
    let write = names_below("write");
    assert_eq!(write, BTreeSet::from(["bind", "unbind", "write-content", "write-properties"]));
    for name in ["read", "read-acl", "write-acl", "read-current-user-privilege-set"] {
        assert!(names_below(name).is_empty(), "{name}");
    }
    let everything = names_below("all");
    for name in ["read", "write", "unlock", "read-acl", "write-acl", "bind", "unbind"] {
        assert!(everything.contains(name), "{name}");
    }
}

#[test]
fn the_privileges_of_the_product_and_only_they_are_abstract() {
    for node in all(&SUPPORTED) {
        let own = node.privilege.namespace == COMMONHOLD;
        assert_eq!(node.is_abstract, own, "{}", node.privilege.name);
        if own {
            let permission = Permission::parse(node.privilege.name).unwrap();
            assert_eq!(node.description, permission.meaning());
        }
    }
}

#[test]
fn a_co_owner_has_every_privilege_that_applies() {
    let folder = held(Permissions::ALL, ItemKind::Folder);
    assert_eq!(folder[0], "all");
    let file_only = ["+view", "+print", "+web-edit"];
    for node in all(&SUPPORTED) {
        let name = text(node.privilege);
        assert_eq!(folder.contains(&name), !file_only.contains(&name.as_str()), "{name}");
    }
    let file = held(Permissions::ALL, ItemKind::File);
    assert_eq!(file[0], "all");
    let folder_only = ["bind", "unbind", "+list-folders", "+rename-child"];
    for node in all(&SUPPORTED) {
        let name = text(node.privilege);
        assert_eq!(file.contains(&name), !folder_only.contains(&name.as_str()), "{name}");
    }
}

#[test]
fn the_other_roles_have_the_privileges_of_their_permissions() {
    const OWN: &str = "read-current-user-privilege-set";
    let role = |name, kind| held(role_of(name).permissions, kind);
    assert_eq!(role("viewer", ItemKind::File), ["read", OWN, "+sync", "+view", "+print"]);
    assert_eq!(role("viewer", ItemKind::Folder), ["read", OWN, "+sync", "+list-folders"]);
    assert_eq!(role("previewer", ItemKind::File), [OWN, "+view"]);
    assert_eq!(role("previewer", ItemKind::Folder), ["read", OWN, "+list-folders"]);
    assert_eq!(role("uploader", ItemKind::Folder), ["bind", OWN, "+list-folders"]);
    assert_eq!(
        role("web-editor", ItemKind::Folder),
        ["read", "bind", "unbind", OWN, "+delete", "+list-folders", "+rename-child"]
    );
    assert_eq!(
        role("editor", ItemKind::File),
        ["read", "write", "write-properties", "write-content", OWN, "+delete", "+sync", "+view", "+print", "+web-edit"]
    );
    let editor = role("editor", ItemKind::Folder);
    assert!(editor.contains(&"write".into()) && !editor.contains(&"all".into()));
}

#[test]
fn write_on_a_folder_takes_writing_binding_and_unbinding() {
    let whole = set("write create delete-child");
    assert!(held(whole, ItemKind::Folder).contains(&"write".into()));
    for permission in whole.iter() {
        let less = held(whole.without(permission), ItemKind::Folder);
        assert!(!less.contains(&"write".into()), "{permission}");
    }
    let file = held(set("write"), ItemKind::File);
    assert!(file.contains(&"write".into()), "binding does not apply to a file");
}

#[test]
fn who_sees_an_item_may_read_the_own_privileges() {
    for kind in [ItemKind::File, ItemKind::Folder] {
        assert_eq!(held(Permissions::NONE, kind), ["read-current-user-privilege-set"]);
    }
}

#[test]
fn a_refusal_names_a_supported_privilege_whose_lack_it_is() {
    for permission in Permission::ALL {
        let needed = text(needed_privilege(Operation::Delete, permission));
        let kinds = [ItemKind::File, ItemKind::Folder];
        let applying = kinds.into_iter().filter(|kind| permission.applies_to().covers(*kind));
        for kind in applying {
            assert!(held(permission.into(), kind).contains(&needed), "{permission} {kind:?}");
            let lacking = Permissions::ALL.without(permission);
            assert!(!held(lacking, kind).contains(&needed), "{permission} {kind:?}");
        }
    }
}

#[test]
fn a_refusal_names_the_privilege_of_its_verb() {
    let named = |operation, permission| text(needed_privilege(operation, permission));
    assert_eq!(named(Operation::Proppatch, Permission::Write), "write-properties");
    assert_eq!(named(Operation::PutOver, Permission::Write), "write-content");
    assert_eq!(named(Operation::UnlockOthers, Permission::Owner), "unlock");
    assert_eq!(named(Operation::ReadAcl, Permission::Owner), "read-acl");
    assert_eq!(named(Operation::Acl, Permission::Owner), "write-acl");
    assert_eq!(named(Operation::Mkcol, Permission::Create), "bind");
    assert_eq!(named(Operation::Delete, Permission::Delete), "+delete");
}
