//! A real database with an organization in it, for the tests of the rooms around the directory.

use tempfile::TempDir;

use crate::blobs::Blobs;
use crate::clock::Moment;
use crate::config::{Config, Durability};
use crate::db::tests::place;
use crate::db::{Db, ReadTx, WriteTx};
use crate::directory::group::{self, Group, Membership};
use crate::directory::organization::{self, NewOrganization};
use crate::directory::user::{self, NewUser, User};
use crate::directory::{Administrator, DirectoryError, DirectoryName, Principal};
use crate::ids::{OrgId, UserId};
use crate::jobs::Chores;
use crate::site::HeadFile;

/// The moment at which everything is made.
pub(crate) const NOW: Moment = Moment(1_700_000_000_000);

/// A site's database in a folder of its own.
pub(crate) struct TestSite {
    pub db: Db,
    pub org: OrgId,
    pub by: Administrator,
    folder: TempDir,
}

impl TestSite {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = place::empty(folder.path()).await;
        let by = Administrator::of_the_site();
        let mut tx = db.write().await.unwrap();
        let name = DirectoryName::of_organization("Acme").unwrap();
        let org = organization::create(&mut tx, &by, &NewOrganization::named(&name), NOW).await.unwrap();
        tx.commit().await.unwrap();
        Self { db, org, by, folder }
    }

    /// The same database as a command in another process has it.
    pub async fn opened_elsewhere(&self) -> Db {
        place::opened_again(self.folder.path()).await
    }

    /// What the server would do by itself.
    pub fn chores(&self) -> Chores {
        let head_file = HeadFile::new(self.folder.path().join("audit.head"));
        let (db, config, runner) = (self.db.clone(), Config::default(), "test".to_owned());
        let blobs = Blobs::open(&self.folder.path().join("blobs"), Durability::Relaxed).unwrap();
        Chores { db, blobs, config, head_file, runner }
    }

    pub async fn read(&self) -> ReadTx {
        self.db.read().await.unwrap()
    }

    pub async fn write(&self) -> WriteTx {
        self.db.write().await.unwrap()
    }

    pub async fn add(&self, name: &str) -> User {
        self.add_with(name, |_| ()).await
    }

    /// Adds a user of the test's making.
    pub async fn add_with(&self, name: &str, change: impl FnOnce(&mut NewUser<'_>)) -> User {
        let name = DirectoryName::of_user(name).unwrap();
        let mut new = NewUser::named(self.org, &name);
        change(&mut new);
        let mut tx = self.write().await;
        user::create(&mut tx, &self.by, &new, NOW).await.unwrap();
        tx.commit().await.unwrap();
        user::named(&mut self.read().await, name.as_str()).await.unwrap()
    }

    /// The groups that a user is in, but the built-in one of everybody.
    pub async fn custom_groups_of(&self, user: UserId) -> Vec<Membership> {
        let mut memberships = group::groups_of(&mut self.read().await, user).await.unwrap();
        memberships.retain(|membership| membership.path != ["All Users"]);
        memberships
    }

    pub async fn add_group(&self, name: &str) -> Group {
        let mut tx = self.write().await;
        let valid = DirectoryName::of_group(name).unwrap();
        group::create(&mut tx, &self.by, self.org, None, &valid, NOW).await.unwrap();
        tx.commit().await.unwrap();
        group::named(&mut self.read().await, self.org, name).await.unwrap()
    }

    pub async fn join(&self, group: &Group, member: Principal) -> Result<(), DirectoryError> {
        let mut tx = self.write().await;
        group::add_member(&mut tx, &self.by, group, member).await?;
        tx.commit().await?;
        Ok(())
    }
}
