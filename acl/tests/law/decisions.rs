//! Permits and denials: the decision part of `oracle.csv`, and what each carries.

use commonhold_acl::*;

use crate::site::*;

const ORACLE: &str = include_str!("../../data/oracle.csv");

/// The operation behind a line of the oracle, and the item it names, if it names an existing one.
fn operation(request: &str) -> (Operation, Option<Item>) {
    let file = ItemKind::File;
    match request {
        "PROPFIND depth 1 on a folder" => (Operation::PropfindMembers, Some(PLANS)),
        "PROPFIND depth 0 on a file" => (Operation::Propfind, Some(PLAN)),
        "GET or HEAD a file" => (Operation::GetFile, Some(PLAN)),
        "PUT a new file" => (Operation::PutNew, None),
        "MKCOL" => (Operation::Mkcol, None),
        "LOCK an unmapped URL" => (Operation::LockNew, None),
        "PUT over an existing file" => (Operation::PutOver, Some(PLAN)),
        "PROPPATCH a file" => (Operation::Proppatch, Some(PLAN)),
        "DELETE a file" => (Operation::Delete, Some(PLAN)),
        "DELETE a folder" => (Operation::Delete, Some(PLANS)),
        "MOVE a file inside the share" => (Operation::Move(Landing::Free), Some(PLAN)),
        "COPY a file inside the share" => (Operation::Copy { source: file, landing: Landing::Free }, Some(PLAN)),
        "LOCK an existing file" => (Operation::LockFile, Some(PLAN)),
        "UNLOCK another user's lock" => (Operation::UnlockOthers, Some(PLAN)),
        "REPORT sync-collection on the share" => (Operation::SyncCollection, Some(PLANS)),
        "ACL on a file" => (Operation::Acl, Some(PLAN)),
        "trim a file's revisions" => (Operation::Trim, Some(PLAN)),
        "purge a trashed file" => (Operation::Purge, Some(PLAN)),
        "list the trash of the share" => (Operation::ListTrash, Some(PLANS)),
        "restore a trashed file" => (Operation::Restore, Some(PLAN)),
        "create a share link to a file" => (Operation::CreateLink, Some(PLAN)),
        "preview a file in the portal" => (Operation::Preview, Some(PLAN)),
        "print a file from the portal" => (Operation::Print, Some(PLAN)),
        "edit a text file in the web editor" => (Operation::WebEdit, Some(PLAN)),
        other => panic!("`{other}` is not known here"),
    }
}

/// The whole share is seen alike: no entry but at its root.
fn scene(effective: &Effective, item: Option<Item>) -> Scene<'_> {
    let scene = Scene::new().with(Object::Parent, effective, PLANS).with(Object::DestinationParent, effective, PLANS);
    match item {
        Some(item) => scene.with(Object::Item, effective, item),
        None => scene,
    }
}

#[test]
fn the_oracle_is_obeyed_for_every_request_and_role() {
    let mut lines = ORACLE.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let people = lines.next().unwrap().split_off(1);
    assert_eq!(people.len(), roles().len() + 1);
    let mut decided = 0;
    for line in lines {
        let (operation, item) = operation(line[0]);
        for (person, cell) in people.iter().zip(&line[1..]) {
            let facts = match *person {
                "not-subscribed" => nobody("eve"),
                role => subscriber("ben", [role]),
            };
            let effective = evaluate(facts);
            let answer = decide_operation(operation, &scene(&effective, item));
            let answer = answer.map(|permit| permit.user()).map_err(|denial| denial.kind);
            let expected = match &cell[..3] {
                "404" => Err(DenialKind::Invisible),
                "403" => Err(DenialKind::Forbidden),
                _ => Ok(UserId(7)),
            };
            assert_eq!(answer, expected, "{}: {person}", line[0]);
            if operation == Operation::PropfindMembers && answer.is_ok() {
                let folders = cell.ends_with("(folders only)");
                let listing = if folders { Listing::Folders } else { Listing::Members };
                assert_eq!(effective.listing(), listing, "{person}");
            }
            decided += 1;
        }
    }
    assert_eq!(decided, 24 * 8);
}

#[test]
fn a_permit_is_for_the_user_the_item_and_the_permissions_decided_about() {
    let effective = evaluate(subscriber("ben", ["editor"]));
    let permit = decide_all(&effective, set("read write"), PLAN).unwrap();
    assert_eq!(permit.user(), UserId(7));
    assert!(permit.allows(PLAN.id, Permission::Read));
    assert!(permit.allows(PLAN.id, Permission::Write));
    assert!(!permit.allows(PLAN.id, Permission::Delete), "held, but not asked for");
    assert!(!permit.allows(PLANS.id, Permission::Read), "another item");
    assert!(!permit.as_administrator());
}

#[test]
fn a_permit_for_nothing_says_that_the_item_is_seen() {
    let uploader = evaluate(subscriber("uma", ["uploader"]));
    assert!(decide_all(&uploader, Permissions::NONE, PLANS).is_ok());
    let denial = decide_all(&uploader, Permissions::NONE, PLAN).unwrap_err();
    assert_eq!(denial.kind, DenialKind::Invisible);
}

#[test]
fn a_denial_names_all_that_is_missing_and_says_why() {
    let viewer = evaluate(subscriber("vic", ["viewer"]));
    let denial = decide_all(&viewer, set("read write delete"), PLAN).unwrap_err();
    assert_eq!(denial.kind, DenialKind::Forbidden);
    assert_eq!((denial.on, denial.item), (Object::Item, PLAN));
    assert_eq!(denial.needed, set("delete write"));
    assert_eq!(denial.to_string(), "this needs `delete write`");
    let explanation = denial.explain("/Projects/plan.txt");
    assert_eq!(explanation, viewer.explain(Permission::Delete, "/Projects/plan.txt"));
}

#[test]
fn a_denial_of_an_invisible_item_reads_like_a_missing_one() {
    let effective = evaluate(nobody("eve"));
    let denial = decide(&effective, Permission::Read, PLAN).unwrap_err();
    assert_eq!(denial.kind, DenialKind::Invisible);
    assert_eq!(denial.to_string(), "no such resource");
    assert_eq!(denial.explain("/Projects/plan.txt").reason, Reason::NotGranted);
}

#[test]
fn delete_child_on_the_parent_serves_for_delete_and_the_permit_says_which() {
    let item = evaluate(subscriber("ben", ["viewer"]));
    let parent = evaluate(below(&subscriber("ben", ["viewer"]), [step("/Projects/Plans", [allow("delete-child")])]));
    let scene = Scene::new().with(Object::Item, &item, PLAN).with(Object::Parent, &parent, PLANS);
    let permit = decide_operation(Operation::Delete, &scene).unwrap();
    assert!(permit.allows(PLANS.id, Permission::DeleteChild));
    assert!(!permit.allows(PLAN.id, Permission::Delete));
}

#[test]
fn a_deny_of_delete_on_the_item_beats_delete_child_on_its_parent() {
    let parent = evaluate(subscriber("ben", ["editor"]));
    let kept = below(&subscriber("ben", ["editor"]), [step("/Projects/Plans/plan.txt", [deny("delete")])]);
    let item = evaluate(kept);
    let scene = Scene::new().with(Object::Item, &item, PLAN).with(Object::Parent, &parent, PLANS);
    let denial = decide_operation(Operation::Delete, &scene).unwrap_err();
    assert_eq!((denial.kind, denial.on), (DenialKind::Forbidden, Object::Item));
    assert_eq!(denial.needed, set("delete"));
}

#[test]
fn what_is_hidden_is_not_replaced_through_its_parent() {
    let editor = subscriber("ben", ["editor"]);
    let parent = evaluate(editor.clone());
    let hidden = evaluate(below(&editor, [apart("/Projects/Private", [])]));
    let private = Item::folder(ItemId(30));
    let scene = scene(&parent, Some(PLAN)).with(Object::Destination, &hidden, private);
    let copy = Operation::Copy { source: ItemKind::File, landing: Landing::Replaces };
    for operation in [copy, Operation::Move(Landing::Replaces), Operation::Rename(Landing::Replaces)] {
        let denial = decide_operation(operation, &scene).unwrap_err();
        assert_eq!((denial.kind, denial.on), (DenialKind::Forbidden, Object::Destination), "{operation:?}");
        assert_eq!(denial.needed, set("delete"));
    }
    let listed = evaluate(below(&editor, [apart("/Projects/Private", [allow("list")])]));
    let scene = scene.with(Object::Destination, &listed, private);
    assert!(decide_operation(copy, &scene).is_ok(), "delete-child serves for what is seen");
}

#[test]
fn a_move_answers_for_what_is_unseen_before_what_is_forbidden() {
    let viewer = evaluate(subscriber("ben", ["viewer"]));
    let unseen = evaluate(below(&subscriber("ben", ["viewer"]), [apart("/Projects/Private", [])]));
    let scene = Scene::new().with(Object::Item, &viewer, PLAN).with(Object::Parent, &viewer, PLANS).with(
        Object::DestinationParent,
        &unseen,
        Item::folder(ItemId(30)),
    );
    let denial = decide_operation(Operation::Move(Landing::Free), &scene).unwrap_err();
    assert_eq!((denial.kind, denial.on), (DenialKind::Invisible, Object::DestinationParent));
}

#[test]
fn a_hidden_file_answers_a_writing_verb_like_a_free_name() {
    let root = subscriber("ben", ["previewer"]);
    let parent = evaluate(root.clone());
    let hidden = evaluate(below(&root, [apart("/Projects/Plans/plan.txt", [])]));
    assert!(!hidden.sees(ItemKind::File));
    let existing = Scene::new().with(Object::Item, &hidden, PLAN).with(Object::Parent, &parent, PLANS);
    let free = Scene::new().with(Object::Parent, &parent, PLANS);
    let kind = |operation, scene| decide_operation(operation, scene).unwrap_err().kind;
    assert_eq!(kind(Operation::PutOver, &existing), kind(Operation::PutNew, &free));
    assert_eq!(kind(Operation::LockFile, &existing), kind(Operation::LockNew, &free));
    assert_eq!(kind(Operation::LockFolder, &existing), kind(Operation::LockNew, &free));
    assert_eq!(kind(Operation::GetFile, &existing), DenialKind::Invisible);
}

#[test]
fn the_root_of_a_share_is_locked_without_a_parent() {
    let root = |role| evaluate(subscriber("ben", [role]));
    let answer = |effective: &Effective| {
        let scene = Scene::new().with(Object::Item, effective, PLANS);
        decide_operation(Operation::LockFolder, &scene).map(drop).map_err(|denial| denial.kind)
    };
    assert_eq!(answer(&root("editor")), Ok(()));
    assert_eq!(answer(&root("viewer")), Err(DenialKind::Forbidden));
    assert_eq!(answer(&evaluate(nobody("eve"))), Err(DenialKind::Invisible));
}

#[test]
fn a_folder_on_the_way_is_entered_but_not_read() {
    let effective = evaluate(Facts { on_the_way: true, ..nobody("ben") });
    let scene = Scene::new().with(Object::Item, &effective, PLANS);
    let permit = decide_operation(Operation::PropfindMembers, &scene).unwrap();
    assert!(!permit.allows(PLANS.id, Permission::List));
    assert!(decide_operation(Operation::Propfind, &scene).is_ok());
    for operation in [Operation::GetFolder, Operation::SyncCollection] {
        let denial = decide_operation(operation, &scene).unwrap_err();
        assert_eq!(denial.kind, DenialKind::Forbidden, "{operation:?}");
    }
}

#[test]
fn an_administrator_breaks_locks_and_manages_without_seeing_the_content() {
    let ada = evaluate(ranked("ada", Rank::OrganizationAdministrator));
    let scene = Scene::new().with(Object::Item, &ada, PLAN);
    for operation in [Operation::UnlockOthers, Operation::ManageShare] {
        let permit = decide_operation(operation, &scene).unwrap();
        assert!(permit.as_administrator());
        assert!(!permit.allows(PLAN.id, Permission::Owner), "no owner by it");
    }
    let denial = decide_operation(Operation::Acl, &scene).unwrap_err();
    assert_eq!(denial.kind, DenialKind::Invisible);
}

#[test]
fn a_policy_stops_its_operations_whatever_is_held() {
    let stopped = [
        (Policy::UserLockFiles, Operation::LockFile),
        (Policy::UserLockFiles, Operation::LockFolder),
        (Policy::UserLockFiles, Operation::LockNew),
        (Policy::UserRollback, Operation::RollBack),
        (Policy::UsersMayGrant, Operation::Acl),
        (Policy::WebEditorEnabled, Operation::WebEdit),
        (Policy::WebPreviewEnabled, Operation::Preview),
    ];
    let free = evaluate(subscriber("olga", ["co-owner"]));
    for (policy, operation) in stopped {
        let limited = Facts { limits: vec![Limit::Policy(policy)], ..subscriber("olga", ["co-owner"]) };
        let denial = decide_operation(operation, &scene(&evaluate(limited), Some(PLAN))).unwrap_err();
        assert_eq!(denial.kind, DenialKind::Barred(policy), "{operation:?}");
        assert_eq!(denial.needed, Permissions::NONE);
        assert_eq!(denial.to_string(), format!("the policy `{}` is off", policy.name()));
        assert!(decide_operation(operation, &scene(&free, Some(PLAN))).is_ok());
    }
    let all = Facts { limits: Policy::ALL.map(Limit::Policy).into(), ..subscriber("olga", ["co-owner"]) };
    let all = evaluate(all);
    for operation in [Operation::PutOver, Operation::ReadAcl, Operation::UnlockOwn, Operation::UnlockOthers] {
        assert!(decide_operation(operation, &scene(&all, Some(PLAN))).is_ok(), "{operation:?}");
    }
}

#[test]
fn a_policy_is_told_only_to_who_lacks_nothing_else() {
    let kind = |role| {
        let limited = Facts { limits: vec![Limit::Policy(Policy::UserLockFiles)], ..subscriber("ben", [role]) };
        decide_operation(Operation::LockFile, &scene(&evaluate(limited), Some(PLAN))).unwrap_err().kind
    };
    assert_eq!(kind("viewer"), DenialKind::Forbidden);
    assert_eq!(kind("editor"), DenialKind::Barred(Policy::UserLockFiles));
    let unseen = Facts { limits: vec![Limit::Policy(Policy::UserLockFiles)], ..nobody("eve") };
    let denial = decide_operation(Operation::LockFile, &scene(&evaluate(unseen), Some(PLAN))).unwrap_err();
    assert_eq!(denial.kind, DenialKind::Invisible);
}

#[test]
fn the_holder_unlocks_also_after_losing_everything() {
    let gone = evaluate(nobody("ben"));
    let scene = Scene::new().with(Object::Item, &gone, PLAN);
    assert!(decide_operation(Operation::UnlockOwn, &scene).is_ok());
}

#[test]
#[should_panic(expected = "seen by one user")]
fn a_scene_is_not_seen_by_two_users() {
    let ben = evaluate(subscriber("ben", ["editor"]));
    let mut other = subscriber("olga", ["co-owner"]);
    other.user.id = UserId(8);
    let olga = evaluate(other);
    let scene = Scene::new().with(Object::Item, &ben, PLAN).with(Object::Parent, &olga, PLANS);
    let _ = decide_operation(Operation::Delete, &scene);
}
