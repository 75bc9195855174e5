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
    // Section 3.2: whatever else changes the members of a collection belongs to it.
    assert_eq!(write, BTreeSet::from(["bind", "rename-child", "unbind", "write-content", "write-properties"]));
    for name in ["read", "read-acl", "write-acl", "read-current-user-privilege-set"] {
        assert!(names_below(name).is_empty(), "{name}");
    }
    let everything = names_below("all");
    for name in ["read", "write", "unlock", "read-acl", "write-acl", "bind", "unbind"] {
        assert!(everything.contains(name), "{name}");
    }
}

#[test]
fn the_privileges_of_the_product_are_abstract_and_so_is_what_everybody_has() {
    for node in all(&SUPPORTED) {
        let own = node.privilege.namespace == COMMONHOLD;
        let everybodys = node.privilege.name == "read-current-user-privilege-set";
        assert_eq!(node.is_abstract, own || everybodys, "{}", node.privilege.name);
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
        ["read", "bind", "unbind", "+rename-child", OWN, "+delete", "+list-folders"]
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
    let whole = set("write create delete-child rename-child");
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

/// The privileges of these names (`+` before our own), as a client names them.
fn named(names: &str, kind: ItemKind) -> Vec<&'static Supported> {
    let one = |name: &str| match name.strip_prefix('+') {
        Some(own) => supported(COMMONHOLD, own, kind),
        None => supported(DAV, name, kind),
    };
    names.split_whitespace().map(|name| one(name).unwrap_or_else(|| panic!("{name}"))).collect()
}

fn given(names: &str, kind: ItemKind) -> Result<Permissions, NotSettable> {
    permissions_of(&named(names, kind), kind)
}

fn shown_as(permissions: Permissions, kind: ItemKind) -> String {
    shown(permissions, kind).into_iter().map(text).collect::<Vec<_>>().join(" ")
}

#[test]
fn read_and_write_give_the_levels_and_roles_of_the_same_meaning() {
    for kind in [ItemKind::File, ItemKind::Folder] {
        assert_eq!(given("read", kind), Ok(Level::Read.permissions()));
        assert_eq!(given("read", kind), Ok(role_of("viewer").permissions));
        assert_eq!(given("read write", kind), Ok(Level::ReadCreateEditDelete.permissions()));
        assert_eq!(given("read write", kind), Ok(role_of("editor").permissions));
        assert_eq!(given("all", kind), Ok(role_of("co-owner").permissions));
    }
    assert_eq!(given("read bind", ItemKind::Folder), Ok(Level::ReadCreate.permissions()));
    assert_eq!(given("", ItemKind::File), Ok(Permissions::NONE));
}

#[test]
fn who_is_given_privileges_holds_them_and_no_other_of_the_protocol() {
    for kind in [ItemKind::File, ItemKind::Folder] {
        let settable: Vec<_> =
            all(&SUPPORTED).into_iter().filter(|one| !one.is_abstract && one.applies_to(kind)).collect();
        for chosen in 0u32..1 << settable.len() {
            let named: Vec<_> =
                (0..settable.len()).filter(|bit| chosen & 1 << bit != 0).map(|bit| settable[bit]).collect();
            let below: BTreeSet<String> =
                named.iter().flat_map(|one| all(one)).map(|one| text(one.privilege)).collect();
            let Ok(permissions) = permissions_of(&named, kind) else { continue };
            let held: BTreeSet<String> = privileges(permissions, kind)
                .into_iter()
                .filter(|privilege| privilege.namespace == DAV && privilege.name != "read-current-user-privilege-set")
                .map(text)
                .collect();
            for one in &named {
                assert!(held.contains(&text(one.privilege)), "{kind:?}: {below:?} gives {held:?}");
            }
            // An aggregate whose members are all named is held too.
            let aggregates = ["all", "write"];
            let more = held.iter().filter(|name| !aggregates.contains(&name.as_str()) && !below.contains(*name));
            assert_eq!(more.count(), 0, "{kind:?}: {below:?} gives {held:?}");
        }
    }
}

#[test]
fn an_entry_that_would_reach_farther_than_what_it_names_cannot_be_made() {
    use NotSettable::{Abstract, Inseparable};
    let dav = |name| Privilege { namespace: DAV, name };
    for kind in [ItemKind::File, ItemKind::Folder] {
        assert_eq!(given("write-content", kind), Err(Inseparable(dav("write-content"), dav("write-properties"))));
        assert_eq!(given("write-properties", kind), Err(Inseparable(dav("write-properties"), dav("write-content"))));
        assert_eq!(given("read read-acl", kind), Err(Inseparable(dav("read-acl"), dav("unlock"))));
        assert_eq!(given("unlock read-acl", kind), Err(Inseparable(dav("unlock"), dav("write-acl"))));
        assert_eq!(given("unlock read-acl write-acl", kind), Ok(set("owner")));
        assert_eq!(given("write-content write-properties", kind), Ok(set("write web-edit")));
        assert_eq!(given("read +sync", kind), Err(Abstract(Privilege { namespace: COMMONHOLD, name: "sync" })));
        let everybodys = "read-current-user-privilege-set";
        assert_eq!(given(everybodys, kind), Err(Abstract(dav(everybodys))));
    }
    let words = given("write-content", ItemKind::File).unwrap_err().to_string();
    assert_eq!(words, "`write-content` and `write-properties` are one permission here; name both or neither");
}

#[test]
fn what_does_not_apply_to_a_kind_of_item_is_not_supported_there() {
    assert!(supported(DAV, "bind", ItemKind::Folder).is_some());
    assert!(supported(DAV, "bind", ItemKind::File).is_none());
    assert!(supported(COMMONHOLD, "view", ItemKind::Folder).is_none());
    assert!(supported(DAV, "execute", ItemKind::File).is_none());
    assert!(supported(COMMONHOLD, "read", ItemKind::File).is_none());
}

#[test]
fn an_entry_is_shown_by_the_widest_privileges_that_it_amounts_to() {
    let file = |text: &str| shown_as(set(text), ItemKind::File);
    let folder = |text: &str| shown_as(set(text), ItemKind::Folder);
    let role = |name, kind| shown_as(role_of(name).permissions, kind);
    assert_eq!(role("co-owner", ItemKind::Folder), "all");
    assert_eq!(role("editor", ItemKind::Folder), "read write");
    assert_eq!(role("editor", ItemKind::File), "read write");
    assert_eq!(role("viewer", ItemKind::Folder), "read");
    assert_eq!(role("uploader", ItemKind::Folder), "bind");
    assert_eq!(role("uploader", ItemKind::File), "", "an uploader has nothing on files");
    assert_eq!(role("previewer", ItemKind::Folder), "read", "who may list a folder has DAV:read on it");
    assert_eq!(role("previewer", ItemKind::File), "+view");
    assert_eq!(file("write"), "write");
    assert_eq!(folder("write"), "write-properties write-content");
    assert_eq!(folder("owner"), "unlock read-acl write-acl");
    assert_eq!(folder("read"), "read", "it is about what lies in the folder");
    assert_eq!(folder("sync print"), "+sync +print");
    assert_eq!(file("list create"), "");
    assert_eq!(folder(""), "");
}

#[test]
fn what_was_given_by_names_is_shown_by_the_same_names() {
    for kind in [ItemKind::File, ItemKind::Folder] {
        for names in
            ["all", "read", "read write", "write", "unlock read-acl write-acl", "read unlock read-acl write-acl"]
        {
            assert_eq!(shown_as(given(names, kind).unwrap(), kind), names, "{kind:?}");
        }
    }
    for names in ["bind", "unbind", "read bind", "read write-properties write-content bind", "bind unbind"] {
        assert_eq!(shown_as(given(names, ItemKind::Folder).unwrap(), ItemKind::Folder), names);
    }
}
