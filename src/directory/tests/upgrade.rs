//! A site of the first two migrations opens with everything that it had, and with what came since.

use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use crate::db::{Db, Reads};
use crate::directory::{group, groups_of, organization, user};
use crate::path::Name;
use crate::shares::{self, home};

/// What an early site may have held: names that are reserved since, a guest, somebody disabled.
const EARLY: &str = "
    insert into organization (name, name_key, created_at) values ('Acme', 'acme', 1), ('Gone', 'gone', 2);
    update organization set active = 0 where id = 2;
    insert into user (org_id, name, name_key, guest, enabled, created_at)
    values (1, 'ana', 'ana', 0, 1, 3), (1, 'Gus', 'gus', 1, 1, 4), (2, 'ben', 'ben', 0, 0, 5);
    insert into user_group (org_id, name, name_key, created_at)
    values (1, 'Administrators', 'administrators', 6), (1, 'Team', 'team', 7);
    insert into group_user (group_id, user_id) values (1, 1), (2, 1), (2, 2);
    insert into share (org_id, name, name_key, root_id, trash_id, created_at) values (1, 'Home', 'home', 1, 2, 8);
    insert into node (share_id, name, name_key, kind, modified_at, created_at, seq)
    values (1, '', '', 0, 8, 8, 0), (1, '', '', 0, 8, 8, 0);
    insert into subscription (share_id, group_id, role, created_at) values (1, 1, 'co-owner', 9);";

#[tokio::test]
async fn a_site_made_before_departments_opens_with_all_that_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("early.db");
    let mut migrator = sqlx::migrate!("migrations/sqlite");
    migrator.migrations.to_mut().retain(|migration| migration.version <= 2);
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true).foreign_keys(true);
    let mut early = SqliteConnection::connect_with(&options).await.unwrap();
    migrator.run(&mut early).await.unwrap();
    sqlx::raw_sql(EARLY).execute(&mut early).await.unwrap();
    early.close().await.unwrap();

    let db = Db::open(&path, false, false).await.unwrap();
    let mut tx = db.read().await.unwrap();
    let orgs = organization::list(&mut tx).await.unwrap();
    let open: Vec<_> = orgs.iter().map(|org| (org.name.as_str(), org.active, org.open, org.parent)).collect();
    assert_eq!(open, [("Acme", true, true, None), ("Gone", false, false, None)]);
    let [ana, gus, ben] = ["ana", "gus", "ben"];
    let ana = user::named(&mut tx, ana).await.unwrap();
    let gus = user::named(&mut tx, gus).await.unwrap();
    let ben = user::named(&mut tx, ben).await.unwrap();
    assert!(ana.may_log_in() && gus.may_log_in() && !ben.may_log_in());
    // Everybody but the guest has an empty home.
    for (user, has) in [(&ana, true), (&gus, false), (&ben, true)] {
        let found = home::of(&mut tx, user.id).await.unwrap();
        assert_eq!(found.is_some(), has, "{}", user.name);
        assert!(found.is_none_or(|home| home.root != home.trash && home.owner == Some(user.id)));
    }
    // A group that had the name of a built-in one keeps members and subscription; so does a share named like a mount.
    let reach = |path: &[&str]| path.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let paths: Vec<_> = groups_of(&mut tx, ana.id).await.unwrap().into_iter().map(|found| found.path).collect();
    assert_eq!(paths, [reach(&["Administrators (1)"]), reach(&["All Users"]), reach(&["Team"])]);
    let paths: Vec<_> = groups_of(&mut tx, gus.id).await.unwrap().into_iter().map(|found| found.path).collect();
    assert_eq!(paths, [reach(&["Team"])]);
    assert!(group::named(&mut tx, ana.org, "administrators").await.unwrap().builtin.is_some());
    assert_eq!(shares::find(&mut tx, &Name::parse("Home").unwrap()).await.unwrap(), None);
    let share = shares::named(&mut tx, "Home (1)").await.unwrap();
    let subscribers = shares::subscribers(&mut tx, share.id).await.unwrap();
    assert_eq!((subscribers.len(), subscribers[0].name.as_str()), (1, "Administrators (1)"));
    let wrong = crate::tree::check::inconsistencies(&mut tx).await.unwrap();
    assert!(wrong.is_empty(), "{wrong:?}");
    let broken: Vec<String> =
        crate::db::query_scalar("select \"table\" from pragma_foreign_key_check").fetch_all(tx.conn()).await.unwrap();
    assert!(broken.is_empty(), "{broken:?}");
}
