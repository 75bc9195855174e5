//! The rules of evaluation, one by one.

use commonhold_acl::*;

use crate::site::*;

fn permissions(facts: &Facts) -> Permissions {
    evaluate(facts.clone()).permissions()
}

#[test]
fn every_role_gives_its_permissions_on_every_channel() {
    let channels = [Channel::Web, Channel::WebDav, Channel::Device(DeviceId(3)), Channel::Link];
    for role in roles() {
        for channel in channels {
            let facts = Facts { channel, ..subscriber("ben", [&role.name]) };
            assert_eq!(permissions(&facts), role.permissions, "{} {channel:?}", role.name);
        }
    }
}

#[test]
fn two_roles_give_what_either_gives() {
    let facts = subscriber("ben", ["uploader", "previewer"]);
    assert_eq!(permissions(&facts), set("view list list-folders create"));
}

#[test]
fn somebody_without_a_grant_has_and_sees_nothing() {
    let effective = evaluate(nobody("eve"));
    assert_eq!(effective.permissions(), Permissions::NONE);
    assert!(!effective.sees(ItemKind::Folder));
    assert!(!effective.sees(ItemKind::File));
    assert_eq!(effective.listing(), Listing::Nothing);
}

#[test]
fn a_closed_door_hides_the_share_from_everybody() {
    type Close = (Closed, fn(&mut Facts));
    let doors: [Close; 4] = [
        (Closed::Account, |facts| facts.user.enabled = false),
        (Closed::Organization, |facts| facts.user.organization_active = false),
        (Closed::Share, |facts| facts.share.active = false),
        (Closed::Channel, |facts| facts.channel_open = false),
    ];
    for rank in [Rank::Member, Rank::OrganizationAdministrator, Rank::SystemAdministrator] {
        for (closed, close) in doors {
            let mut facts = subscriber("ben", ["co-owner"]);
            facts.user.rank = rank;
            facts.on_the_way = true;
            facts.admin_browse_files = true;
            close(&mut facts);
            let effective = evaluate(facts);
            assert_eq!(effective.permissions(), Permissions::NONE, "{rank:?} {closed:?}");
            assert!(!effective.sees(ItemKind::Folder));
            assert_eq!(effective.listing(), Listing::Nothing);
            assert_eq!(effective.reason(Permission::Read), Reason::Closed(closed));
        }
    }
}

#[test]
fn an_entry_farther_down_adds_to_what_is_inherited() {
    let root = subscriber("ben", ["previewer"]);
    let facts = below(&root, [step("/Projects/Plans", [allow("read")])]);
    assert_eq!(permissions(&facts), set("view list list-folders read"));
}

#[test]
fn a_folder_that_does_not_inherit_starts_from_its_own_entries() {
    let root = subscriber("ben", ["co-owner"]);
    let closed = below(&root, [apart("/Projects/Private", [])]);
    assert_eq!(permissions(&closed), Permissions::NONE);
    let effective = evaluate(closed.clone());
    assert!(!effective.sees(ItemKind::Folder));
    assert_eq!(effective.reason(Permission::Read), Reason::Cut { step: 1 });

    let opened = below(&root, [apart("/Projects/Private", [allow("list read")])]);
    assert_eq!(permissions(&opened), set("list read"));

    let deeper = below(&closed, [step("/Projects/Private/Mine", [allow("list")])]);
    assert_eq!(permissions(&deeper), set("list"));
}

#[test]
fn switching_inheritance_off_where_nothing_was_inherited_is_no_reason() {
    let facts = below(&nobody("eve"), [apart("/Projects/Private", [])]);
    assert_eq!(evaluate(facts).reason(Permission::Read), Reason::NotGranted);
}

#[test]
fn a_root_has_nothing_to_inherit() {
    let mut facts = subscriber("ben", ["viewer"]);
    facts.chain[0].inherits = false;
    assert_eq!(permissions(&facts), role_of("viewer").permissions);
}

#[test]
fn at_one_folder_a_deny_beats_an_allow_in_any_order() {
    for entries in [[allow("read"), deny("read")], [deny("read"), allow("read")]] {
        let facts = below(&nobody("ben"), [step("/Projects/Plans", entries)]);
        assert_eq!(permissions(&facts), Permissions::NONE);
    }
    let mut facts = subscriber("ben", ["viewer"]);
    facts.chain[0].entries.push(deny("print"));
    assert_eq!(permissions(&facts), set("sync view read list list-folders"));
}

#[test]
fn a_deny_takes_what_is_inherited_away_and_reaches_downward() {
    let root = subscriber("ben", ["viewer"]);
    let denied = below(&root, [step("/Projects/Plans", [deny("read print")])]);
    assert_eq!(permissions(&denied), set("sync view list list-folders"));
    let deeper = below(&denied, [step("/Projects/Plans/Old", [])]);
    assert_eq!(permissions(&deeper), permissions(&denied));
}

#[test]
fn a_deny_of_what_nothing_allows_is_not_the_reason() {
    let denied = below(&subscriber("ben", ["previewer"]), [step("/Projects/Plans", [deny("read view")])]);
    let effective = evaluate(denied);
    assert_eq!(effective.reason(Permission::Read), Reason::NotGranted);
    assert_eq!(effective.reason(Permission::View), Reason::Denied(Place { step: 1, entry: 0 }));
    assert!(effective.denies(Permission::Read) && effective.denies(Permission::View));
    assert!(!effective.denies(Permission::List) && !effective.denies(Permission::Write));

    let behind = below(&subscriber("ben", ["viewer"]), [apart("/Projects/Plans", [deny("read")])]);
    let reason = evaluate(behind).reason(Permission::Read);
    assert_eq!(reason, Reason::Denied(Place { step: 1, entry: 0 }), "the nearest of two reasons");

    let twice = below(&subscriber("ben", ["viewer"]), [step("/Projects/A", [deny("read")])]);
    let behind = below(&twice, [apart("/Projects/A/B", [deny("read")])]);
    assert_eq!(evaluate(behind).reason(Permission::Read), Reason::NotGranted, "nothing is allowed behind the cut");
}

#[test]
fn an_allow_nearer_to_the_item_beats_a_deny_from_farther_up() {
    let denied = below(&subscriber("ben", ["viewer"]), [step("/Projects/Plans", [deny("read")])]);
    let facts = below(&denied, [step("/Projects/Plans/plan.txt", [allow("read")])]);
    assert!(permissions(&facts).contains(Permission::Read));
}

#[test]
fn a_deny_farther_up_is_not_inherited_either_once_inheritance_is_off() {
    let denied = below(&nobody("ben"), [step("/Projects/Plans", [deny("read")])]);
    let facts = below(&denied, [apart("/Projects/Plans/New", [allow("list")]), step("/Projects/Plans/New/a", [])]);
    let effective = evaluate(facts);
    assert_eq!(effective.permissions(), set("list"));
    assert_eq!(effective.reason(Permission::Read), Reason::NotGranted);
}

#[test]
fn a_level_of_none_grants_nothing_and_denies_nothing() {
    let none = Entry { granted: Granted::Level(Level::None), ..allow("") };
    let facts = below(&subscriber("ben", ["viewer"]), [step("/Projects/Plans", [none])]);
    assert_eq!(permissions(&facts), role_of("viewer").permissions);
}

#[test]
fn a_whole_user_grant_gives_its_level() {
    let source = Source::WholeUserGrant { of: Whose::User("olga".into()) };
    let entry = Entry { source, granted: Granted::Level(Level::ReadCreate), via: vec![] };
    let at_olgas =
        Facts { chain: vec![step("/Shared with me/olga", [entry])], share: home_of(8, "olga"), ..nobody("ben") };
    assert_eq!(permissions(&at_olgas), Level::ReadCreate.permissions());
    let elsewhere = Facts { share: nobody("ben").share, ..at_olgas };
    assert_eq!(permissions(&elsewhere), Permissions::NONE, "everything of a user is his home");
}

#[test]
fn a_guest_gains_nothing_by_a_subscription_but_by_a_grant() {
    let mut facts = nobody("gil");
    facts.user.kind = UserKind::Guest;
    facts.chain[0].entries = vec![through(["Partners"], subscription("co-owner")), allow("view")];
    assert_eq!(permissions(&facts), set("view"));
}

#[test]
fn a_system_administrator_is_a_co_owner_everywhere_whatever_is_denied() {
    let denied = step("/Projects/Private", [deny("read list owner")]);
    let facts = below(&ranked("root", Rank::SystemAdministrator), [denied]);
    assert_eq!(permissions(&facts), role_of("co-owner").permissions);
    let cut = below(&ranked("root", Rank::SystemAdministrator), [apart("/Projects/Private", [])]);
    assert_eq!(permissions(&cut), role_of("co-owner").permissions);
}

#[test]
fn a_system_administrator_is_a_co_owner_of_public_folders_and_of_no_home() {
    let mut facts = ranked("root", Rank::SystemAdministrator);
    facts.share.kind = ShareKind::Public;
    assert_eq!(permissions(&facts), role_of("co-owner").permissions);
    facts.share = home_of(8, "olga");
    let effective = evaluate(facts.clone());
    assert_eq!(effective.permissions(), Permissions::NONE);
    assert!(!effective.sees(ItemKind::Folder));
    assert!(effective.administers(), "which shows nothing");
    facts.admin_browse_files = true;
    assert_eq!(permissions(&facts), Level::Read.permissions(), "the policy is about homes too");
}

#[test]
fn the_owner_of_a_home_holds_everything_there_whatever_is_denied_or_cut() {
    let at_home = Facts { share: home_of(7, "ben"), ..nobody("ben") };
    let denied = below(&at_home, [step("/Home/Reports", [deny("read list owner")])]);
    let cut = below(&denied, [apart("/Home/Reports/Private", [deny("write")])]);
    for facts in [at_home, denied, cut] {
        let effective = evaluate(facts);
        assert_eq!(effective.permissions(), Permissions::ALL);
        assert_eq!(effective.reason(Permission::Read), Reason::HomeOwner);
    }
    let at_olgas = Facts { share: home_of(8, "olga"), ..nobody("ben") };
    assert_eq!(permissions(&at_olgas), Permissions::NONE);
    let mut disabled = Facts { share: home_of(7, "ben"), ..nobody("ben") };
    disabled.user.enabled = false;
    assert_eq!(permissions(&disabled), Permissions::NONE);
}

#[test]
fn nobody_subscribes_to_a_home() {
    let facts = Facts { share: home_of(8, "olga"), ..subscriber("ben", ["co-owner"]) };
    assert_eq!(permissions(&facts), Permissions::NONE);
}

#[test]
fn no_policy_caps_an_administrator_of_the_share() {
    let off: Vec<_> = Policy::ALL.map(Limit::Policy).into();
    let mut facts = Facts { limits: off, ..subscriber("ada", ["co-owner"]) };
    assert_eq!(permissions(&facts), Permissions::ALL.difference(set("trim purge share web-edit view")));
    for rank in [Rank::DepartmentAdministrator, Rank::OrganizationAdministrator, Rank::SystemAdministrator] {
        facts.user.rank = rank;
        let effective = evaluate(facts.clone());
        assert_eq!(effective.permissions(), Permissions::ALL, "{rank:?}");
        assert_eq!(effective.barred(Operation::LockFile), None, "{rank:?}");
    }
}

#[test]
fn a_share_link_of_an_administrator_makes_nobody_an_administrator() {
    let limits = vec![Limit::Link(role_of("viewer"))];
    let facts = Facts { channel: Channel::Link, limits, ..ranked("root", Rank::SystemAdministrator) };
    let effective = evaluate(facts);
    assert_eq!(effective.permissions(), role_of("viewer").permissions);
    assert!(!effective.administers());
    let scene = Scene::new().with(Object::Item, &effective, PLAN);
    for operation in [Operation::UnlockOthers, Operation::ManageShare] {
        let denial = decide_operation(operation, &scene).unwrap_err();
        assert_eq!(denial.kind, DenialKind::Forbidden, "{operation:?}");
    }
}

#[test]
fn a_url_for_reading_leaves_nobody_more_than_reading() {
    for rank in [Rank::Member, Rank::SystemAdministrator] {
        let owner = Facts { limits: vec![Limit::Reading], ..subscriber("olga", ["co-owner"]) };
        let owner = Facts { user: User { rank, ..owner.user.clone() }, ..owner };
        let effective = evaluate(owner);
        assert_eq!(effective.permissions(), Level::Read.permissions(), "{rank:?}");
        assert!(!effective.administers(), "{rank:?}");
    }
    let previewer = Facts { limits: vec![Limit::Reading], ..subscriber("ben", ["previewer"]) };
    assert_eq!(permissions(&previewer), role_of("previewer").permissions, "it gives nothing");
}

#[test]
fn an_organization_administrator_reads_by_policy_or_grant_only() {
    let mut facts = ranked("ada", Rank::OrganizationAdministrator);
    assert_eq!(permissions(&facts), Permissions::NONE);
    assert!(!evaluate(facts.clone()).sees(ItemKind::Folder), "managing shows no content");
    facts.admin_browse_files = true;
    assert_eq!(permissions(&facts), Level::Read.permissions());

    let mut granted = subscriber("ada", ["uploader"]);
    granted.user.rank = Rank::OrganizationAdministrator;
    assert_eq!(permissions(&granted), role_of("uploader").permissions);
}

#[test]
fn the_browsing_policy_is_for_the_administrators_of_the_organization() {
    for rank in [Rank::Member, Rank::DepartmentAdministrator] {
        let facts = Facts { admin_browse_files: true, ..ranked("dora", rank) };
        assert_eq!(permissions(&facts), Permissions::NONE, "{rank:?}");
    }
}

#[test]
fn administrators_manage_a_share_also_while_it_is_inactive() {
    let ranks = [
        (Rank::Member, false),
        (Rank::DepartmentAdministrator, true),
        (Rank::OrganizationAdministrator, true),
        (Rank::SystemAdministrator, true),
    ];
    for (rank, administers) in ranks {
        let mut facts = ranked("ada", rank);
        facts.share.active = false;
        facts.channel_open = false;
        assert_eq!(evaluate(facts.clone()).administers(), administers, "{rank:?}");
        facts.user.enabled = false;
        assert!(!evaluate(facts.clone()).administers(), "{rank:?}");
        facts.user.enabled = true;
        facts.user.organization_active = false;
        assert!(!evaluate(facts).administers(), "{rank:?}");
    }
}

#[test]
fn a_policy_takes_its_permissions_from_co_owners_and_owners_of_homes_too() {
    let no_trim = Limit::Policy(Policy::UserTrimRevisions);
    let at_home = Facts { share: home_of(7, "ben"), ..nobody("ben") };
    for facts in [subscriber("olga", ["co-owner"]), at_home] {
        let limited = Facts { limits: vec![no_trim.clone()], ..facts };
        assert_eq!(permissions(&limited), Permissions::ALL.without(Permission::Trim));
        assert_eq!(evaluate(limited).reason(Permission::Trim), Reason::Limited { limit: 0 });
    }
    let viewer = Facts { limits: vec![no_trim], ..subscriber("vic", ["viewer"]) };
    let reason = evaluate(viewer).reason(Permission::Trim);
    assert_eq!(reason, Reason::NotGranted, "a policy is no reason where nothing was granted");
}

#[test]
fn a_share_link_gives_no_more_than_its_role_and_no_more_than_its_creator_has_now() {
    let link = |creator: &str, role: &str| Facts {
        channel: Channel::Link,
        limits: vec![Limit::Link(role_of(role))],
        ..subscriber("ben", [creator])
    };
    assert_eq!(permissions(&link("collaborator", "viewer")), role_of("viewer").permissions);
    assert_eq!(permissions(&link("previewer", "editor")), role_of("previewer").permissions);
    assert_eq!(permissions(&link("uploader", "viewer")), set("list-folders"));
}

#[test]
fn a_folder_on_the_way_shows_itself_and_the_way() {
    let effective = evaluate(Facts { on_the_way: true, ..nobody("ben") });
    assert!(effective.sees(ItemKind::Folder));
    assert_eq!(effective.listing(), Listing::Way);
    assert_eq!(effective.permissions(), Permissions::NONE);
}

#[test]
fn an_item_is_granted_here_by_an_entry_of_its_own_that_shows_it() {
    let here = |facts: &Facts, kind| evaluate(facts.clone()).is_granted_here(kind);
    let viewer = subscriber("ben", ["viewer"]);
    let own = below(&nobody("ben"), [step("/Projects/Plans", [allow("read")])]);
    assert!(here(&own, ItemKind::File) && here(&own, ItemKind::Folder));
    let passed_down = below(&own, [step("/Projects/Plans/plan.txt", [])]);
    assert!(!here(&passed_down, ItemKind::File), "the folder's entry");
    assert!(!here(&below(&viewer, [step("/Projects/Plans", [])]), ItemKind::Folder), "the share's subscription");
    let hidden = below(&nobody("ben"), [step("/Projects/Plans", [allow("create")])]);
    assert!(!here(&hidden, ItemKind::File) && here(&hidden, ItemKind::Folder), "a file isn't seen by it");
    let denied = below(&viewer, [step("/Projects/Plans", [allow("read"), deny("read")])]);
    assert!(!here(&denied, ItemKind::Folder), "the entry gives nothing");
}

#[test]
fn a_listing_shows_members_to_list_and_folders_to_list_folders() {
    let listing = |names: &str| {
        let facts = below(&nobody("ben"), [step("/Projects/Plans", [allow(names)])]);
        evaluate(Facts { on_the_way: true, ..facts }).listing()
    };
    assert_eq!(listing("list list-folders"), Listing::Members);
    assert_eq!(listing("list"), Listing::Members);
    assert_eq!(listing("list-folders"), Listing::Folders);
    assert_eq!(listing("read"), Listing::Way);
}

#[test]
fn any_permission_shows_a_folder_and_any_that_is_not_about_folders_shows_a_file() {
    for permission in Permission::ALL {
        let entry = allow(permission.name());
        let effective = evaluate(below(&nobody("ben"), [step("/Projects/x", [entry])]));
        assert!(effective.sees(ItemKind::Folder), "{permission}");
        let about_folders = ["list-folders", "create", "delete-child", "rename-child"];
        let shows = !about_folders.contains(&permission.name());
        assert_eq!(effective.sees(ItemKind::File), shows, "{permission}");
    }
}

#[test]
fn who_may_create_may_finish_the_file_while_the_lease_lasts() {
    let uploader = evaluate(subscriber("uma", ["uploader"]));
    assert!(!uploader.sees(ItemKind::File));
    let leased = uploader.leased();
    assert_eq!(leased.permissions(), set("list-folders create write"));
    assert!(leased.sees(ItemKind::File));
    assert_eq!(leased.reason(Permission::Write), Reason::CreationLease);

    let editor = evaluate(subscriber("ed", ["editor"])).leased();
    assert!(matches!(editor.reason(Permission::Write), Reason::Granted(_)));
}

#[test]
fn a_lease_outlives_neither_the_right_to_create_nor_the_account() {
    assert_eq!(evaluate(nobody("uma")).leased().permissions(), Permissions::NONE);
    let denied = below(&subscriber("uma", ["uploader"]), [step("/Projects/In", [deny("create")])]);
    assert_eq!(evaluate(denied).leased().permissions(), set("list-folders"));
    let mut disabled = subscriber("uma", ["uploader"]);
    disabled.user.enabled = false;
    assert_eq!(evaluate(disabled).leased().permissions(), Permissions::NONE);
}

#[test]
fn of_several_reasons_the_nearest_step_and_the_shortest_way_are_told() {
    let root = [
        through(["Sales", "Everybody"], subscription("viewer")),
        subscription("viewer"),
        through(["Sales"], subscription("editor")),
    ];
    let facts = Facts { chain: vec![step("/Projects", root)], ..nobody("ben") };
    let told = |facts: &Facts, permission| evaluate(facts.clone()).reason(permission);
    assert_eq!(told(&facts, Permission::Read), Reason::Granted(Place { step: 0, entry: 1 }));
    assert_eq!(told(&facts, Permission::Write), Reason::Granted(Place { step: 0, entry: 2 }));

    let nearer = through(["Sales", "Everybody"], allow("read"));
    let facts = below(&facts, [step("/Projects/Plans", [nearer])]);
    assert_eq!(told(&facts, Permission::Read), Reason::Granted(Place { step: 1, entry: 0 }));
}
