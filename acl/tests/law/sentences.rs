//! What `explain` says.

use commonhold_acl::*;

use crate::site::*;

const PATH: &str = "/Projects/plan.txt";

#[track_caller]
fn says(facts: Facts, permission: Permission, expected: &str) {
    let explanation = evaluate(facts).explain(permission, PATH);
    assert_eq!(explanation.sentence, expected);
    assert_eq!(explanation.allowed, explanation.reason.holds());
    let may = if explanation.allowed { "may" } else { "may not" };
    assert!(expected.contains(&format!(" {may} ")));
    assert_eq!(expected.contains(" may not "), !explanation.allowed);
}

#[test]
fn a_role_is_named_with_its_share() {
    says(
        subscriber("ben", ["collaborator"]),
        Permission::Delete,
        "`ben` may delete `/Projects/plan.txt`: `ben` has the role `collaborator` on `Projects`.",
    );
}

#[test]
fn the_groups_between_are_named_from_the_user_outward() {
    let mut facts = nobody("ben");
    facts.chain[0].entries = vec![through(["Sales"], subscription("collaborator"))];
    says(
        facts.clone(),
        Permission::Delete,
        "`ben` may delete `/Projects/plan.txt`: \
         `ben` has the role `collaborator` on `Projects` through the group `Sales`.",
    );
    facts.chain[0].entries = vec![through(["Sales", "Staff"], subscription("collaborator"))];
    says(
        facts,
        Permission::Delete,
        "`ben` may delete `/Projects/plan.txt`: `ben` has the role `collaborator` on `Projects` \
         through the group `Sales`, a member of `Staff`.",
    );
}

#[test]
fn a_grant_is_named_with_its_folder_or_its_user() {
    let on_folder = Entry { granted: Granted::Level(Level::ReadCreateEdit), ..allow("") };
    says(
        below(&nobody("ben"), [step("/Projects/Plans", [on_folder])]),
        Permission::Write,
        "`ben` may write `/Projects/plan.txt`: \
         `ben` has the level `read-create-edit` on `/Projects/Plans`.",
    );
    says(
        below(&nobody("ben"), [step("/Projects/Plans", [allow("read print")])]),
        Permission::Print,
        "`ben` may print `/Projects/plan.txt`: \
         `ben` has the permission set `print read` on `/Projects/Plans`.",
    );
    for (of, whose) in
        [(Whose::User("olga".into()), "`olga`"), (Whose::Members("Sales".into()), "the members of `Sales`")]
    {
        let whole = Entry { source: Source::WholeUserGrant { of }, granted: Granted::Level(Level::Read), via: vec![] };
        says(
            Facts { chain: vec![step("/Shared with me/olga", [whole])], share: home_of(8, "olga"), ..nobody("ben") },
            Permission::Read,
            &format!("`ben` may read `/Projects/plan.txt`: `ben` has the level `read` on everything of {whose}."),
        );
    }
}

#[test]
fn who_has_nothing_is_told_so() {
    says(
        nobody("eve"),
        Permission::Read,
        "`eve` may not read `/Projects/plan.txt`: no subscription or grant reaches `eve` there.",
    );
}

#[test]
fn a_grant_that_falls_short_is_named_and_so_are_several() {
    says(
        subscriber("uma", ["uploader"]),
        Permission::Read,
        "`uma` may not read `/Projects/plan.txt`: the role `uploader` on `Projects` \
         does not include `read`, and no other grant reaches `uma`.",
    );
    says(
        below(
            &subscriber("uma", ["uploader"]),
            [step("/Projects/Plans", [deny("print"), through(["Sales"], allow("view"))])],
        ),
        Permission::Read,
        "`uma` may not read `/Projects/plan.txt`: none of the grants that reach `uma` includes \
         `read`: the permission set `view` on `/Projects/Plans` through the group `Sales`; \
         the role `uploader` on `Projects`.",
    );
}

#[test]
fn a_deny_is_named_with_its_folder_and_group() {
    says(
        below(&subscriber("ben", ["editor"]), [step("/Projects/Secret", [through(["Temps"], deny("read print"))])]),
        Permission::Read,
        "`ben` may not read `/Projects/plan.txt`: `ben` is denied the permission set \
         `print read` on `/Projects/Secret` through the group `Temps`.",
    );
}

#[test]
fn a_folder_that_does_not_inherit_is_named() {
    let root = subscriber("ben", ["editor"]);
    says(
        below(&root, [apart("/Projects/Secret", [])]),
        Permission::Read,
        "`ben` may not read `/Projects/plan.txt`: `/Projects/Secret` does not inherit what `ben` \
         has above it, and no subscription or grant reaches `ben` there.",
    );
    says(
        below(&root, [apart("/Projects/Secret", [allow("list")])]),
        Permission::Read,
        "`ben` may not read `/Projects/plan.txt`: `/Projects/Secret` does not inherit what `ben` \
         has above it, and the permission set `list` on `/Projects/Secret` does not include \
         `read`, and no other grant reaches `ben`.",
    );
}

#[test]
fn what_was_granted_above_the_last_cut_is_not_counted_in() {
    let cut = below(&nobody("ben"), [apart("/Projects/A", [allow("list")])]);
    says(
        below(&cut, [apart("/Projects/A/B", [allow("view")])]),
        Permission::Read,
        "`ben` may not read `/Projects/plan.txt`: the permission set `view` on `/Projects/A/B` \
         does not include `read`, and no other grant reaches `ben`.",
    );
}

#[test]
fn a_closed_door_is_named() {
    let ben = || subscriber("ben", ["editor"]);
    let mut facts = ben();
    facts.user.enabled = false;
    says(facts, Permission::Read, "`ben` may not read `/Projects/plan.txt`: the account `ben` is disabled.");
    let mut facts = ben();
    facts.user.organization_active = false;
    says(facts, Permission::Read, "`ben` may not read `/Projects/plan.txt`: the organization of `ben` is not active.");
    let mut facts = ben();
    facts.share.active = false;
    says(facts, Permission::Read, "`ben` may not read `/Projects/plan.txt`: the share `Projects` is not active.");
    let doors = [
        (Channel::Web, "`ben`", "on the web"),
        (Channel::WebDav, "`ben`", "over WebDAV"),
        (Channel::Device(DeviceId(2)), "`ben`", "on this device"),
        (Channel::Link, "The holder of a share link by `ben`", "over a share link"),
    ];
    for (channel, caller, over) in doors {
        says(
            Facts { channel, channel_open: false, ..ben() },
            Permission::Read,
            &format!(
                "{caller} may not read `/Projects/plan.txt`: \
                 the share `Projects` is not open to `ben` {over}."
            ),
        );
    }
}

#[test]
fn administrators_are_told_by_what_they_read_or_why_not() {
    says(
        ranked("root", Rank::SystemAdministrator),
        Permission::Purge,
        "`root` may purge `/Projects/plan.txt`: \
         `root` is a system administrator, and so a co-owner of every team share.",
    );
    let ada = ranked("ada", Rank::OrganizationAdministrator);
    says(
        Facts { admin_browse_files: true, ..ada.clone() },
        Permission::Read,
        "`ada` may read `/Projects/plan.txt`: \
         `ada` administers the organization, and its policy `admin_browse_files` is on.",
    );
    says(
        Facts { admin_browse_files: true, ..ada.clone() },
        Permission::Write,
        "`ada` may not write `/Projects/plan.txt`: no subscription or grant reaches `ada` there.",
    );
    says(
        ada.clone(),
        Permission::Write,
        "`ada` may not write `/Projects/plan.txt`: no subscription or grant reaches `ada` there.",
    );
    says(
        ada,
        Permission::Read,
        "`ada` may not read `/Projects/plan.txt`: no subscription or grant reaches `ada` there, \
         and the policy `admin_browse_files`, by which administrators read, is off.",
    );
}

#[test]
fn a_guest_is_told_about_subscriptions_only_where_nothing_else_reaches() {
    let mut facts = subscriber("gil", ["viewer"]);
    facts.user.kind = UserKind::Guest;
    says(
        facts.clone(),
        Permission::Read,
        "`gil` may not read `/Projects/plan.txt`: no subscription or grant reaches `gil` there, \
         and guests can't subscribe to a share.",
    );
    facts.chain[0].entries.push(allow("view"));
    says(
        facts,
        Permission::Read,
        "`gil` may not read `/Projects/plan.txt`: the permission set `view` on `/Projects` \
         does not include `read`, and no other grant reaches `gil`.",
    );
}

#[test]
fn a_policy_and_a_link_are_named() {
    let limits = vec![Limit::Policy(Policy::UserTrimRevisions)];
    says(
        Facts { limits, ..subscriber("olga", ["co-owner"]) },
        Permission::Trim,
        "`olga` may not trim the revisions of `/Projects/plan.txt`: \
         the policy `user_trim_revisions` takes `trim` away.",
    );
    says(
        Facts { limits: vec![Limit::Reading], ..subscriber("olga", ["co-owner"]) },
        Permission::Write,
        "`olga` may not write `/Projects/plan.txt`: the URL is for reading only.",
    );
    let limits = vec![Limit::Link(role_of("previewer"))];
    let holder = Facts { channel: Channel::Link, limits, ..subscriber("ben", ["editor"]) };
    says(
        holder.clone(),
        Permission::Read,
        "The holder of a share link by `ben` may not read `/Projects/plan.txt`: \
         the share link's role `previewer` does not include `read`.",
    );
    says(
        holder,
        Permission::View,
        "The holder of a share link by `ben` may view `/Projects/plan.txt`: \
         `ben` has the role `editor` on `Projects`.",
    );
}

#[test]
fn a_policy_that_stops_an_operation_is_named_with_what_it_stops() {
    let stopped = [
        (Policy::UserLockFiles, Operation::LockFile, "lock"),
        (Policy::UserRollback, Operation::RollBack, "roll back"),
        (Policy::UsersMayGrant, Operation::Acl, "set the access to"),
        (Policy::WebEditorEnabled, Operation::WebEdit, "edit on the web"),
        (Policy::WebPreviewEnabled, Operation::Preview, "preview"),
    ];
    for (policy, operation, doing) in stopped {
        let effective = evaluate(Facts { limits: vec![Limit::Policy(policy)], ..subscriber("olga", ["co-owner"]) });
        let scene = Scene::new().with(Object::Item, &effective, PLAN).with(Object::Parent, &effective, PLANS);
        let explanation = decide_operation(operation, &scene).unwrap_err().explain(PATH);
        let expected = format!("`olga` may not {doing} `/Projects/plan.txt`: the policy `{}` is off.", policy.name());
        assert_eq!(explanation, Explanation { allowed: false, reason: Reason::Barred(policy), sentence: expected });
    }
}

#[test]
fn a_home_is_named_by_its_owner() {
    let at_home = |name, owner| Facts { share: home_of(owner, "olga"), ..nobody(name) };
    says(
        at_home("olga", 7),
        Permission::Purge,
        "`olga` may purge `/Projects/plan.txt`: it lies in the home of `olga`, who is co-owner of everything there.",
    );
    says(at_home("ben", 8), Permission::Read, "`ben` may not read `/Projects/plan.txt`: no grant reaches `ben` there.");
    says(
        Facts { channel_open: false, ..at_home("ben", 8) },
        Permission::Read,
        "`ben` may not read `/Projects/plan.txt`: the home of `olga` is not open to `ben` over WebDAV.",
    );
    let mut guest = at_home("gil", 8);
    guest.user.kind = UserKind::Guest;
    says(guest, Permission::Read, "`gil` may not read `/Projects/plan.txt`: no grant reaches `gil` there.");
    let root = Facts { share: home_of(8, "olga"), ..ranked("root", Rank::SystemAdministrator) };
    says(
        root.clone(),
        Permission::Read,
        "`root` may not read `/Projects/plan.txt`: no grant reaches `root` there, \
         and the policy `admin_browse_files`, by which administrators read, is off.",
    );
    says(
        Facts { admin_browse_files: true, ..root },
        Permission::Write,
        "`root` may not write `/Projects/plan.txt`: no grant reaches `root` there, \
         and system administrators are no co-owners of homes.",
    );
}

#[test]
fn a_public_folder_is_named_so() {
    let mut facts = ranked("root", Rank::SystemAdministrator);
    facts.share.kind = ShareKind::Public;
    says(
        facts.clone(),
        Permission::Read,
        "`root` may read `/Projects/plan.txt`: \
         `root` is a system administrator, and so a co-owner of every public folder.",
    );
    facts.share.active = false;
    says(
        facts,
        Permission::Read,
        "`root` may not read `/Projects/plan.txt`: the public folder `Projects` is not active.",
    );
}

#[test]
fn a_lease_is_named() {
    says(
        Facts { creation_lease: true, ..subscriber("uma", ["uploader"]) },
        Permission::Write,
        "`uma` may write `/Projects/plan.txt`: `uma` has just created the file and may finish it.",
    );
}

#[test]
fn every_permission_reads_as_something_one_may_do() {
    let doings = [
        "set the access to",
        "trim the revisions of",
        "purge",
        "delete",
        "share",
        "sync",
        "view",
        "print",
        "read",
        "write",
        "edit on the web",
        "list",
        "list the folders in",
        "create items in",
        "delete members of",
        "rename members of",
    ];
    for (permission, doing) in Permission::ALL.into_iter().zip(doings) {
        says(
            subscriber("olga", ["co-owner"]),
            permission,
            &format!("`olga` may {doing} `/Projects/plan.txt`: `olga` has the role `co-owner` on `Projects`."),
        );
    }
}
