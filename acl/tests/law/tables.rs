//! Every cell of `roles.csv` and `levels.csv`, and the words of permissions, roles and levels.

use std::collections::BTreeSet;

use commonhold_acl::*;

use crate::site::set;

const ROLES: &str = include_str!("../../data/roles.csv");
const LEVELS: &str = include_str!("../../data/levels.csv");
const ROLES_TOML: &str = include_str!("../../../config/roles.toml");

fn cells(line: &str) -> Vec<&str> {
    line.split(',').collect()
}

#[test]
fn every_cell_of_the_roles_table_holds() {
    let mut lines = ROLES.lines().map(cells);
    let head = lines.next().unwrap();
    let names: Vec<_> = roles().iter().map(|role| role.name.as_ref()).collect();
    assert_eq!(head[3..], names);

    let rows: Vec<_> = lines.collect();
    assert_eq!(rows.len(), Permission::ALL.len());
    for (row, permission) in rows.iter().zip(Permission::ALL) {
        let applies_to = match permission.applies_to() {
            AppliesTo::Item => "item",
            AppliesTo::File => "file",
            AppliesTo::Folder => "folder",
        };
        assert_eq!(row[..3], [permission.name(), applies_to, permission.meaning()]);
        for (role, cell) in roles().iter().zip(&row[3..]) {
            let held = match *cell {
                "Y" => true,
                "N" => false,
                other => panic!("`{other}` is no cell"),
            };
            assert_eq!(role.permissions.contains(permission), held, "{}: {permission}", role.name);
        }
    }
}

#[test]
fn every_cell_of_the_levels_table_holds() {
    let rows: Vec<_> = LEVELS.lines().skip(1).map(cells).collect();
    assert_eq!(rows.len(), Level::ALL.len());
    for (row, level) in rows.iter().zip(Level::ALL) {
        assert_eq!(level.name(), row[0]);
        let listed: BTreeSet<_> = row[1].split_whitespace().collect();
        for permission in Permission::ALL {
            let held = listed.contains(permission.name());
            assert_eq!(level.permissions().contains(permission), held, "{}: {permission}", row[0]);
        }
        assert_eq!(level.permissions().iter().count(), listed.len(), "an unknown name in {}", row[0]);
    }
}

#[test]
fn the_configured_default_roles_are_the_built_in_ones() {
    let lines = ROLES_TOML.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let lines: Vec<_> = lines.collect();
    let configured: Vec<_> = lines
        .chunks(2)
        .map(|pair| {
            let name = pair[0].strip_prefix("[roles.").and_then(|rest| rest.strip_suffix(']'));
            let names = pair[1].strip_prefix("permissions = \"").and_then(|rest| rest.strip_suffix('"'));
            Role::new(name.unwrap().to_owned(), set(names.unwrap()))
        })
        .collect();
    assert_eq!(configured, roles());
}

#[test]
fn the_comments_of_the_configured_roles_say_what_each_permission_means() {
    for permission in Permission::ALL {
        let line = format!("#     {:<14} {}", permission.name(), permission.meaning());
        assert!(ROLES_TOML.lines().any(|found| found == line), "{line}");
    }
}

#[test]
fn the_configured_default_roles_are_described_in_the_words_of_the_built_in_ones() {
    for role in roles() {
        let described = format!("# {}\n[roles.{}]\n", about(&role.name).unwrap(), role.name);
        assert!(ROLES_TOML.contains(&described), "{described}");
    }
    assert_eq!(about("emperor"), None);
}

#[test]
fn a_role_is_found_by_its_exact_name_only() {
    assert_eq!(builtin(DEFAULT_ROLE).unwrap().name, "collaborator");
    assert_eq!(builtin("Co-Owner"), None);
    assert_eq!(builtin(""), None);
}

#[test]
fn a_level_is_found_by_its_exact_name_only() {
    for level in Level::ALL {
        assert_eq!(Level::parse(level.name()), Some(level));
    }
    assert_eq!(Level::parse("Read"), None);
}

#[test]
fn a_policy_is_found_by_its_exact_name_only() {
    let names = [
        "user_trim_revisions",
        "user_purge_deleted",
        "user_create_links",
        "user_lock_files",
        "user_rollback",
        "users_may_grant",
        "web_editor_enabled",
        "web_preview_enabled",
    ];
    assert_eq!(Policy::ALL.map(Policy::name), names);
    for policy in Policy::ALL {
        assert_eq!(Policy::parse(policy.name()), Some(policy));
    }
    assert_eq!(Policy::parse("User_Lock_Files"), None);
}

#[test]
fn a_set_is_read_with_spaces_or_commas_between_the_names() {
    let expected = Permissions::of(&[Permission::Read, Permission::DeleteChild]);
    for text in ["read delete-child", "delete-child,read", " read ,\tdelete-child, read\n"] {
        assert_eq!(text.parse(), Ok(expected), "{text:?}");
    }
    assert_eq!("".parse(), Ok(Permissions::NONE));
    assert_eq!(expected.to_string(), "read delete-child");
    assert_eq!(format!("{expected:?}"), "{read delete-child}");
}

#[test]
fn a_set_with_an_unknown_name_is_refused_and_the_name_is_told() {
    let refused = "read, reed".parse::<Permissions>().unwrap_err();
    assert_eq!(refused.to_string(), "`reed` is not a permission");
    assert!("Read".parse::<Permissions>().is_err(), "names are exact");
}

#[test]
fn bits_that_no_permission_has_are_dropped() {
    assert_eq!(Permissions::from_bits(u32::MAX), Permissions::ALL);
    assert_eq!(Permissions::from_bits(1 << Permission::ALL.len()), Permissions::NONE);
    assert_eq!(Permissions::ALL.iter().count(), 16);
}

#[test]
fn a_permission_speaks_of_the_kinds_of_item_it_applies_to() {
    let kinds =
        |permission: Permission| [ItemKind::File, ItemKind::Folder].map(|kind| permission.applies_to().covers(kind));
    assert_eq!(kinds(Permission::Delete), [true, true]);
    assert_eq!(kinds(Permission::Print), [true, false]);
    assert_eq!(kinds(Permission::Create), [false, true]);
}

#[test]
fn every_channel_has_a_name_of_its_own() {
    let channels = [Channel::Web, Channel::WebDav, Channel::Device(DeviceId(1)), Channel::Link];
    assert_eq!(channels.map(Channel::name), ["web", "webdav", "device", "link"]);
}
