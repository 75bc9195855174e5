//! `access`: everything that a user reaches, and everybody who reaches a folder or file.

use clap::Args;
use commonhold_acl::{Channel, ItemKind, Permissions};
use serde::Serialize;

use super::Context;
use super::door::Door;
use super::output::{Answer, Failure};
use super::place::TreePath;
use crate::directory::user;
use crate::guard::{self, Held, Person};

/// Show everything that a user reaches, or everybody who reaches a folder or file, and where it comes from
#[derive(Args)]
#[command(after_help = "\
Examples:
  commonhold access --user ben
  commonhold access --path /Projects/plans
  commonhold access --path ~ana/Reports --json

Each line has the best that somebody may do there, as the role or level that comes nearest, and where it comes from; members of a
group are listed one by one. Of a user the places are listed from which on something else holds. Who only passes through a
folder, to something farther down that was granted, isn't listed with it.")]
pub(super) struct Access {
    #[command(flatten)]
    what: What,
    /// The door that the user comes through: web, webdav or device:NAME
    #[arg(long, default_value = "webdav", requires = "user")]
    channel: Door,
    /// Print a JSON array
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct What {
    /// Everything of this user
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Everybody at this place: /Share/folder/file or ~user/folder
    #[arg(long, value_name = "PATH", value_parser = TreePath::parse)]
    path: Option<TreePath>,
}

impl Access {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        let site = context.site().await?;
        let mut tx = site.db.read().await?;
        if let Some(path) = &self.what.path {
            let found = path.find(&mut tx, None).await?;
            let people = guard::people_at(&mut tx, &found.share, found.located.chain(), &found.top).await?;
            let kind = guard::item(found.node()).kind;
            let rows: Vec<Row> = people.into_iter().map(|person| Row::of_person(person, kind)).collect();
            return Ok(Answer::list(&rows, self.json, &["user", "best access", "from", "doors"], |row| {
                vec![row.user.clone().unwrap_or_default(), row.best(), row.from.join("; "), row.doors.join(" ")]
            }));
        }
        let name = self.what.user.as_deref().expect("clap asks for one of the two");
        let user = user::named(&mut tx, name).await?;
        let channel = self.channel.find(&mut tx, &user).await?;
        let rows: Vec<Row> = guard::places_of(&mut tx, &user, channel).await?.into_iter().map(Row::of_place).collect();
        Ok(Answer::list(&rows, self.json, &["path", "best access", "from"], |row| {
            vec![row.path.clone().unwrap_or_default(), row.best(), row.from.join("; ")]
        }))
    }
}

#[derive(Serialize)]
struct Row {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// The role or level that comes nearest; none for what is less than any, or only the way to something.
    best: Option<&'static str>,
    permissions: Vec<&'static str>,
    from: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    doors: Vec<&'static str>,
}

impl Row {
    fn of_person(person: Person, kind: ItemKind) -> Self {
        let permissions = relevant(person.effective.permissions(), kind);
        Self {
            user: Some(person.user.name.clone()),
            path: None,
            best: guard::best(person.effective.permissions()),
            permissions,
            from: guard::sources(&person.effective),
            doors: person.doors.into_iter().map(Channel::name).collect(),
        }
    }

    fn of_place(held: Held) -> Self {
        Self {
            user: None,
            path: Some(held.path),
            best: guard::best(held.effective.permissions()),
            permissions: relevant(held.effective.permissions(), held.kind),
            from: guard::sources(&held.effective),
            doors: Vec::new(),
        }
    }

    fn best(&self) -> String {
        match self.best {
            Some(best) => best.to_owned(),
            None if self.permissions.is_empty() => "the way only".to_owned(),
            None => self.permissions.join(" "),
        }
    }
}

/// All permissions of a folder, since they hold for what is in it; of a file those that speak of files.
fn relevant(permissions: Permissions, kind: ItemKind) -> Vec<&'static str> {
    let speaks = |permission: &commonhold_acl::Permission| {
        kind == ItemKind::Folder || permission.applies_to().covers(ItemKind::File)
    };
    permissions.iter().filter(speaks).map(|permission| permission.name()).collect()
}
