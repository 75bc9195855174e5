//! `group`: groups of users and groups.

use clap::Subcommand;
use serde::Serialize;

use super::Context;
use super::output::{Answer, Failure};
use super::principal::Who;
use crate::clock::Moment;
use crate::directory::{Administrator, DirectoryName, Principal, group, organization};

#[derive(Subcommand)]
pub(super) enum GroupCommand {
    /// Make an empty group
    Add {
        /// The name
        name: String,
    },
    /// List all groups with their members
    List {
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Put somebody into a group, or take somebody out
    #[command(subcommand)]
    Member(MemberCommand),
}

#[derive(Subcommand)]
pub(super) enum MemberCommand {
    /// Put a user or a whole group into a group
    #[command(after_help = "\
Examples:
  commonhold group member add Sales --user ana
  commonhold group member add Everyone --group Sales")]
    Add {
        /// The group that gets a member
        #[arg(value_name = "GROUP")]
        of: String,
        #[command(flatten)]
        who: Who,
    },
    /// Take a direct member out of a group
    Remove {
        /// The group that loses a member
        #[arg(value_name = "GROUP")]
        of: String,
        #[command(flatten)]
        who: Who,
    },
}

impl GroupCommand {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        match self {
            Self::Add { name } => add(context, &name).await,
            Self::List { json } => list(context, json).await,
            Self::Member(MemberCommand::Add { of, who }) => add_member(context, &of, &who).await,
            Self::Member(MemberCommand::Remove { of, who }) => remove_member(context, &of, &who).await,
        }
    }
}

async fn add(context: Context, name: &str) -> Result<Answer, Failure> {
    let name = DirectoryName::of_group(name)?;
    let site = context.site().await?;
    let mut tx = site.db.write().await?;
    let org = organization::first(&mut tx).await?.id;
    group::create(&mut tx, &Administrator::of_the_site(), org, &name, Moment::now()).await?;
    tx.commit().await?;
    Ok(Answer::said(format!("added the group `{}`", name.as_str())))
}

async fn add_member(context: Context, group: &str, who: &Who) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.write().await?;
    let org = organization::first(&mut tx).await?.id;
    let group = group::named(&mut tx, org, group).await?;
    let (member, name) = who.find(&mut tx, org).await?;
    group::add_member(&mut tx, &Administrator::of_the_site(), group.id, member).await?;
    tx.commit().await?;
    Ok(Answer::said(format!("{name} is a member of `{}`", group.name)))
}

async fn remove_member(context: Context, group: &str, who: &Who) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.write().await?;
    let org = organization::first(&mut tx).await?.id;
    let group = group::named(&mut tx, org, group).await?;
    let (member, name) = who.find(&mut tx, org).await?;
    group::remove_member(&mut tx, &Administrator::of_the_site(), &group, member).await?;
    tx.commit().await?;
    Ok(Answer::said(format!("{name} is no longer a member of `{}`", group.name)))
}

async fn list(context: Context, json: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.read().await?;
    let org = organization::first(&mut tx).await?.id;
    let members = group::members(&mut tx, org).await?;
    let rows = group::list(&mut tx, org).await?.into_iter().map(|group| {
        let own = members.iter().filter(|member| member.group == group.id);
        let (groups, users) = own.partition::<Vec<_>, _>(|member| matches!(member.principal, Principal::Group(_)));
        let names = |members: Vec<&group::Member>| members.into_iter().map(|member| member.name.clone()).collect();
        GroupRow { name: group.name, users: names(users), groups: names(groups) }
    });
    Ok(Answer::list(&rows.collect::<Vec<_>>(), json, &["name", "users", "groups"], |row| {
        vec![row.name.clone(), row.users.join(", "), row.groups.join(", ")]
    }))
}

#[derive(Serialize)]
struct GroupRow {
    name: String,
    users: Vec<String>,
    groups: Vec<String>,
}
