//! `group`: groups of users and groups.

use clap::Subcommand;
use serde::Serialize;

use super::Context;
use super::import::GroupImport;
use super::output::{Answer, Failure, facts};
use super::principal::{Inside, Who};
use crate::clock::Moment;
use crate::directory::group::{self, Builtin, Group, Member};
use crate::directory::{DirectoryName, Principal, department};

#[derive(Subcommand)]
pub(super) enum GroupCommand {
    /// Make an empty group
    #[command(after_help = "\
Examples:
  commonhold group add Editors
  commonhold group add Editors --department Sales/North      is called Sales/North/Editors")]
    Add {
        /// The name
        name: String,
        /// The department it belongs to, and whose administrators manage it
        #[arg(long, value_name = "PATH")]
        department: Option<String>,
        #[command(flatten)]
        inside: Inside,
    },
    /// List all groups with their direct members
    #[command(after_help = "\
Every organization and department has two groups of its own: All Users, whose members are its users but no guests, and
Administrators. Those of a department are called Sales/All Users and Sales/Administrators.")]
    List {
        #[command(flatten)]
        inside: Inside,
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Show one group and its direct members
    Show {
        /// The name; of a department's group with the path before it
        name: String,
        #[command(flatten)]
        inside: Inside,
        /// Print a JSON object
        #[arg(long)]
        json: bool,
    },
    /// Remove a group, and with it everything that was given to it
    Remove {
        /// The name; of a department's group with the path before it
        name: String,
        #[command(flatten)]
        inside: Inside,
    },
    /// Put somebody into a group, or take somebody out
    #[command(subcommand)]
    Member(MemberCommand),
    Import(GroupImport),
}

#[derive(Subcommand)]
pub(super) enum MemberCommand {
    /// Put a user or a whole group into a group
    #[command(after_help = "\
Examples:
  commonhold group member add Sales --user ana
  commonhold group member add Everyone --group Sales
  commonhold group member add Administrators --user dora     dora administers the organization
  commonhold group member add Sales/Administrators --user eva")]
    Add {
        /// The group that gets a member
        #[arg(value_name = "GROUP")]
        of: String,
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        inside: Inside,
    },
    /// Take a direct member out of a group
    Remove {
        /// The group that loses a member
        #[arg(value_name = "GROUP")]
        of: String,
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        inside: Inside,
    },
}

impl GroupCommand {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        match self {
            Self::Add { name, department, inside } => add(context, &name, department.as_deref(), &inside).await,
            Self::List { inside, json } => list(context, &inside, json).await,
            Self::Show { name, inside, json } => show(context, &name, &inside, json).await,
            Self::Import(import) => import.run(context).await,
            Self::Remove { name, inside } => remove(context, &name, &inside).await,
            Self::Member(MemberCommand::Add { of, who, inside }) => member(context, &of, &who, &inside, true).await,
            Self::Member(MemberCommand::Remove { of, who, inside }) => member(context, &of, &who, &inside, false).await,
        }
    }
}

async fn add(context: Context, name: &str, department: Option<&str>, inside: &Inside) -> Result<Answer, Failure> {
    let name = DirectoryName::of_group(name)?;
    let site = context.site().await?;
    let mut tx = site.db.write().await?;
    let by = context.administrator(&mut tx).await?;
    let org = context.organization(&mut tx, inside.name()).await?.id;
    let department = match department {
        Some(path) => Some(department::named(&mut tx, org, path).await?),
        None => None,
    };
    let id = group::create(&mut tx, &by, org, department.as_ref(), &name, Moment::now()).await?;
    let made = group::by_id(&mut tx, id).await?.map(|group| group.name).unwrap_or_default();
    tx.commit().await?;
    Ok(Answer::said(format!("added the group `{made}`")))
}

async fn remove(context: Context, name: &str, inside: &Inside) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.write().await?;
    let by = context.administrator(&mut tx).await?;
    let org = context.organization(&mut tx, inside.name()).await?.id;
    let group = group::named(&mut tx, org, name).await?;
    group::remove(&mut tx, &by, &group).await?;
    tx.commit().await?;
    Ok(Answer::said(format!("removed the group `{}`", group.name)))
}

async fn member(context: Context, of: &str, who: &Who, inside: &Inside, add: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.write().await?;
    let by = context.administrator(&mut tx).await?;
    let org = context.organization(&mut tx, inside.name()).await?.id;
    let group = group::named(&mut tx, org, of).await?;
    let (member, name) = who.find(&mut tx, org).await?;
    let told = if add {
        group::add_member(&mut tx, &by, &group, member).await?;
        format!("{name} is a member of `{}`", group.name)
    } else {
        group::remove_member(&mut tx, &by, &group, member).await?;
        format!("{name} is no longer a member of `{}`", group.name)
    };
    tx.commit().await?;
    Ok(Answer::said(told))
}

async fn list(context: Context, inside: &Inside, json: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.read().await?;
    let by = context.administrator(&mut tx).await?;
    let org = context.organization(&mut tx, inside.name()).await?.id;
    let members = group::members(&mut tx, org).await?;
    let groups = group::list(&mut tx, org).await?.into_iter().filter(|group| by.reaches(org, group.department));
    let rows: Vec<Row> = groups.map(|group| Row::new(group, &members)).collect();
    Ok(Answer::list(&rows, json, &["name", "kind", "users", "groups"], |row| {
        vec![row.name.clone(), row.kind.to_owned(), row.users.join(", "), row.groups.join(", ")]
    }))
}

async fn show(context: Context, name: &str, inside: &Inside, json: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.read().await?;
    let by = context.administrator(&mut tx).await?;
    let org = context.organization(&mut tx, inside.name()).await?.id;
    let group = group::named(&mut tx, org, name).await?;
    by.confirm_place(org, group.department, || format!("the group `{}`", group.name))?;
    let members = group::members(&mut tx, org).await?;
    let row = Row::new(group, &members);
    Ok(if json { Answer::json(&row) } else { Answer::said(row.told()) })
}

#[derive(Serialize)]
struct Row {
    name: String,
    /// `group`, or which of the two built-in ones.
    kind: &'static str,
    users: Vec<String>,
    groups: Vec<String>,
}

impl Row {
    fn new(group: Group, members: &[Member]) -> Self {
        let own = members.iter().filter(|member| member.group == group.id);
        let (groups, users) = own.partition::<Vec<_>, _>(|member| matches!(member.principal, Principal::Group(_)));
        let names = |members: Vec<&Member>| members.into_iter().map(|member| member.name.clone()).collect();
        let kind = match group.builtin {
            None => "group",
            Some(Builtin::AllUsers) => "all users, computed",
            Some(Builtin::Administrators) => "administrators",
        };
        Self { name: group.name, kind, users: names(users), groups: names(groups) }
    }

    fn told(&self) -> String {
        facts(&[
            ("name", self.name.clone()),
            ("kind", self.kind.to_owned()),
            ("users", self.users.join(", ")),
            ("groups", self.groups.join(", ")),
        ])
    }
}
