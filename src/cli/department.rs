//! `department`: the parts of an organization.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::Context;
use super::output::{Answer, Failure, facts};
use super::principal::Inside;
use crate::clock::Moment;
use crate::directory::department::{self, Staffed};
use crate::directory::{Principal, group, user};

#[derive(Subcommand)]
pub(super) enum DepartmentCommand {
    Add(Add),
    /// List the departments with their members and administrators
    List {
        #[command(flatten)]
        inside: Inside,
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Show one department
    Show {
        /// The names from the top, such as Sales/North
        path: String,
        #[command(flatten)]
        inside: Inside,
        /// Print a JSON object
        #[arg(long)]
        json: bool,
    },
    /// Remove an empty department
    Remove {
        /// The names from the top, such as Sales/North
        path: String,
        #[command(flatten)]
        inside: Inside,
    },
    /// Put a user into a department, or take one out
    #[command(subcommand)]
    Member(MemberCommand),
}

/// Make a department with its two groups All Users and Administrators
#[derive(Args)]
#[command(after_help = "\
Examples:
  commonhold department add Sales --admin dora
  commonhold department add Sales/North
  commonhold department member add Sales/North --user ben      ben is one of Sales, too
  commonhold share subscribe Offers --group 'Sales/All Users' --role editor
  commonhold group member add Sales/Administrators --user eva

An administrator of a department administers everything below it, too: its users, groups and shares.")]
pub(super) struct Add {
    /// The names from the top; all but the last must be there
    path: String,
    /// A user who will administer it
    #[arg(long, value_name = "USER")]
    admin: Option<String>,
    #[command(flatten)]
    inside: Inside,
}

#[derive(Subcommand)]
pub(super) enum MemberCommand {
    /// Put a user into a department
    Add(Member),
    /// Take a user out of a department
    Remove(Member),
}

#[derive(Args)]
pub(super) struct Member {
    /// The names from the top, such as Sales/North
    path: String,
    /// The user
    #[arg(long)]
    user: String,
    #[command(flatten)]
    inside: Inside,
}

impl DepartmentCommand {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        match self {
            Self::Add(add) => add.run(context).await,
            Self::List { inside, json } => list(context, &inside, json).await,
            Self::Show { path, inside, json } => show(context, &path, &inside, json).await,
            Self::Remove { path, inside } => remove(context, &path, &inside).await,
            Self::Member(MemberCommand::Add(member)) => member.run(context, true).await,
            Self::Member(MemberCommand::Remove(member)) => member.run(context, false).await,
        }
    }
}

impl Add {
    async fn run(self, context: Context) -> Result<Answer, Failure> {
        let site = context.site().await?;
        let mut tx = site.db.write().await?;
        let by = context.administrator(&mut tx).await?;
        let org = context.organization(&mut tx, self.inside.name()).await?.id;
        let made = department::create(&mut tx, &by, org, &self.path, Moment::now()).await?;
        let mut told = format!("added the department `{}`", made.path);
        if let Some(admin) = &self.admin {
            // The new one is within reach of whoever made it.
            let by = context.administrator(&mut tx).await?;
            let admin = user::named(&mut tx, admin).await?;
            let administrators = group::named(&mut tx, org, &format!("{}/Administrators", made.path)).await?;
            group::add_member(&mut tx, &by, &administrators, Principal::User(admin.id)).await?;
            told.push_str(&format!("; its administrator is `{}`", admin.name));
        }
        tx.commit().await?;
        Ok(Answer::said(told))
    }
}

impl Member {
    async fn run(self, context: Context, add: bool) -> Result<Answer, Failure> {
        let site = context.site().await?;
        let mut tx = site.db.write().await?;
        let by = context.administrator(&mut tx).await?;
        let org = context.organization(&mut tx, self.inside.name()).await?.id;
        let department = department::named(&mut tx, org, &self.path).await?;
        let user = user::named(&mut tx, &self.user).await?;
        let told = if add {
            department::add_member(&mut tx, &by, &department, &user).await?;
            format!("`{}` is a member of the department `{}`", user.name, department.path)
        } else {
            department::remove_member(&mut tx, &by, &department, &user).await?;
            format!("`{}` is no longer a member of the department `{}`", user.name, department.path)
        };
        tx.commit().await?;
        Ok(Answer::said(told))
    }
}

async fn remove(context: Context, path: &str, inside: &Inside) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.write().await?;
    let by = context.administrator(&mut tx).await?;
    let org = context.organization(&mut tx, inside.name()).await?.id;
    let department = department::named(&mut tx, org, path).await?;
    department::remove(&mut tx, &by, &department).await?;
    tx.commit().await?;
    Ok(Answer::said(format!("removed the department `{}`", department.path)))
}

async fn list(context: Context, inside: &Inside, json: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.read().await?;
    let by = context.administrator(&mut tx).await?;
    let org = context.organization(&mut tx, inside.name()).await?.id;
    let all = department::list(&mut tx, org).await?;
    let rows: Vec<Row> =
        all.into_iter().filter(|staffed| by.reaches(org, Some(staffed.department.id))).map(Row::from).collect();
    Ok(Answer::list(&rows, json, &["department", "members", "administrators"], |row| {
        vec![row.name.clone(), row.members.join(", "), row.administrators.join(", ")]
    }))
}

async fn show(context: Context, path: &str, inside: &Inside, json: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.read().await?;
    let by = context.administrator(&mut tx).await?;
    let org = context.organization(&mut tx, inside.name()).await?.id;
    let department = department::named(&mut tx, org, path).await?;
    by.confirm_place(org, Some(department.id), || format!("the department `{}`", department.path))?;
    let found =
        department::list(&mut tx, org).await?.into_iter().find(|staffed| staffed.department.id == department.id);
    let row = found.map(Row::from).ok_or_else(|| Failure::new(format!("there is no department `{path}`")))?;
    Ok(if json { Answer::json(&row) } else { Answer::said(row.told()) })
}

#[derive(Serialize)]
struct Row {
    /// The path.
    name: String,
    members: Vec<String>,
    administrators: Vec<String>,
    created: String,
}

impl From<Staffed> for Row {
    fn from(staffed: Staffed) -> Self {
        let Staffed { department, members, administrators } = staffed;
        Self { name: department.path, members, administrators, created: department.created.rfc3339() }
    }
}

impl Row {
    fn told(&self) -> String {
        facts(&[
            ("department", self.name.clone()),
            ("members", self.members.join(", ")),
            ("administrators", self.administrators.join(", ")),
            ("created", self.created.clone()),
        ])
    }
}
