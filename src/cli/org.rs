//! `org`: organizations, their limits and policies.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::Context;
use super::output::{Answer, Failure, facts, table};
use super::policy::{self, Assignment, PolicyRow, assignment};
use super::switch::Limit;
use crate::clock::Moment;
use crate::db::Reads;
use crate::directory::DirectoryName;
use crate::directory::organization::{self, NewOrganization, Organization, Settings};

#[derive(Subcommand)]
pub(super) enum OrgCommand {
    Add(Add),
    /// List all organizations
    List {
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Show one organization: limits, what is used of them, policies
    Show {
        /// The name
        name: String,
        /// Print a JSON object
        #[arg(long)]
        json: bool,
    },
    Set(Set),
    /// End the access of everybody in it and in those below it, from the next request on; everything is kept
    Deactivate {
        /// The name
        name: String,
    },
    /// Let a deactivated organization in again
    Activate {
        /// The name
        name: String,
    },
}

/// Make an organization with its two groups All Users and Administrators
#[derive(Args)]
#[command(after_help = "\
Examples:
  commonhold org add Acme
  commonhold org add 'Acme Labs' --parent Acme --quota 1000000000000 --users-max 50
  commonhold group member add Administrators --org 'Acme Labs' --user dora     dora administers it and all below it

Policies are those of the organization above unless it sets its own: `org set NAME --policy name=on`.")]
pub(super) struct Add {
    /// The name, unique on the site
    name: String,
    /// The organization above it
    #[arg(long, value_name = "ORG")]
    parent: Option<String>,
    /// The most that its shares, homes and those of the organizations below may take together
    #[arg(long, value_name = "BYTES")]
    quota: Option<u64>,
    /// The most enabled users that it may have; guests don't count
    #[arg(long, value_name = "N")]
    users_max: Option<u64>,
    /// A policy of its own; may be given several times
    #[arg(long = "policy", value_name = "NAME=VALUE", value_parser = assignment)]
    policies: Vec<Assignment>,
}

/// Change an organization
#[derive(Args)]
#[command(after_help = set_help())]
pub(super) struct Set {
    /// The name
    name: String,
    #[command(flatten)]
    change: Change,
}

#[derive(Args)]
#[group(required = true, multiple = true)]
struct Change {
    /// Another name
    #[arg(long, value_name = "NEW NAME")]
    rename: Option<String>,
    /// The most that its shares, homes and those of the organizations below may take together
    #[arg(long, value_name = "BYTES|none", value_parser = Limit::parse)]
    quota: Option<Limit>,
    /// The most enabled users that it may have; guests don't count
    #[arg(long, value_name = "N|none", value_parser = Limit::parse)]
    users_max: Option<Limit>,
    /// A policy: on, off or its value, or inherit for that of the organization above; may be given several times
    #[arg(long = "policy", value_name = "NAME=VALUE", value_parser = assignment)]
    policies: Vec<Assignment>,
}

/// With the table of all policies.
fn set_help() -> String {
    format!(
        "\
Examples:
  commonhold org set Acme --users-max 200 --quota none
  commonhold org set Acme --policy admin_browse_files=on --policy user_lock_files=off
  commonhold org set Acme --policy max_file_bytes=10000000000 --policy excluded_extensions=.exe,.iso
  commonhold org set 'Acme Labs' --policy user_lock_files=inherit

Policies (the default in brackets):
{}
A policy holds for the organizations below, too, unless they set their own. Administrators are not capped by switches. Those
with a value can be set for a share, too: `share set`.",
        policy::help(true)
    )
}

impl OrgCommand {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        match self {
            Self::Add(add) => add.run(context).await,
            Self::List { json } => list(context, json).await,
            Self::Show { name, json } => show(context, &name, json).await,
            Self::Set(set) => set.run(context).await,
            Self::Deactivate { name } => set_active(context, &name, false).await,
            Self::Activate { name } => set_active(context, &name, true).await,
        }
    }
}

impl Add {
    async fn run(self, context: Context) -> Result<Answer, Failure> {
        let name = DirectoryName::of_organization(&self.name)?;
        let site = context.site().await?;
        let mut tx = site.db.write().await?;
        let by = context.administrator(&mut tx).await?;
        let parent = match &self.parent {
            Some(parent) => Some(organization::named(&mut tx, parent).await?),
            None => None,
        };
        let (quota_bytes, users_max) = (self.quota, self.users_max);
        let new = NewOrganization { name: &name, parent: parent.as_ref(), quota_bytes, users_max };
        organization::create(&mut tx, &by, &new, Moment::now()).await?;
        let org = organization::named(&mut tx, name.as_str()).await?;
        policy::set_of_organization(&mut tx, &by, &org, &self.policies).await?;
        tx.commit().await?;
        Ok(Answer::said(format!("added the organization `{}`", name.as_str())))
    }
}

impl Set {
    async fn run(self, context: Context) -> Result<Answer, Failure> {
        let name = self.change.rename.as_deref().map(DirectoryName::of_organization).transpose()?;
        let site = context.site().await?;
        let mut tx = site.db.write().await?;
        let by = context.administrator(&mut tx).await?;
        let org = organization::named(&mut tx, &self.name).await?;
        let settings = Settings {
            name: name.as_ref(),
            quota_bytes: self.change.quota.map(|limit| limit.0),
            users_max: self.change.users_max.map(|limit| limit.0),
        };
        // Policies are its own administrators' to set; what it may be is not, so only that is asked for which is changed.
        if settings.name.is_some() || settings.quota_bytes.is_some() || settings.users_max.is_some() {
            organization::set(&mut tx, &by, &org, &settings).await?;
        }
        policy::set_of_organization(&mut tx, &by, &org, &self.change.policies).await?;
        tx.commit().await?;
        Ok(Answer::said(format!("changed the organization `{}`", org.name)))
    }
}

async fn set_active(context: Context, name: &str, active: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.write().await?;
    let by = context.administrator(&mut tx).await?;
    let org = organization::named(&mut tx, name).await?;
    organization::set_active(&mut tx, &by, &org, active).await?;
    tx.commit().await?;
    Ok(Answer::said(format!("the organization `{}` is {}", org.name, if active { "active" } else { "inactive" })))
}

async fn list(context: Context, json: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.read().await?;
    let by = context.administrator(&mut tx).await?;
    let mut rows = Vec::new();
    for org in organization::list(&mut tx).await? {
        if by.reaches(org.id, None) {
            rows.push(Row::read(&mut tx, &org).await?);
        }
    }
    let headings = ["name", "parent", "state", "users", "used bytes", "quota"];
    Ok(Answer::list(&rows, json, &headings, |row| {
        let parent = row.parent.clone().unwrap_or_default();
        vec![row.name.clone(), parent, row.state().to_owned(), row.users(), row.used_bytes.to_string(), row.quota()]
    }))
}

async fn show(context: Context, name: &str, json: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.read().await?;
    let by = context.administrator(&mut tx).await?;
    let org = organization::named(&mut tx, name).await?;
    by.confirm_place(org.id, None, || format!("the organization `{}`", org.name))?;
    let row = Row::read(&mut tx, &org).await?;
    let policies = policy::of_organization(&mut tx, &org).await?;
    let shown = Facts { org: row, policies };
    Ok(if json { Answer::json(&shown) } else { Answer::said(shown.told()) })
}

#[derive(Serialize)]
struct Row {
    name: String,
    parent: Option<String>,
    active: bool,
    /// Whether it and all above it are active.
    open: bool,
    users: u64,
    users_max: Option<u64>,
    used_bytes: u64,
    quota_bytes: Option<u64>,
    created: String,
}

impl Row {
    async fn read(reads: &mut impl Reads, org: &Organization) -> Result<Self, Failure> {
        let parent = match org.parent {
            Some(parent) => organization::by_id(reads, parent).await?.map(|parent| parent.name),
            None => None,
        };
        let used = organization::used(reads, org.id).await?;
        Ok(Self {
            name: org.name.clone(),
            parent,
            active: org.active,
            open: org.open,
            users: used.users,
            users_max: org.users_max,
            used_bytes: used.bytes,
            quota_bytes: org.quota_bytes,
            created: org.created.rfc3339(),
        })
    }

    fn state(&self) -> &'static str {
        match (self.active, self.open) {
            (true, true) => "active",
            (true, false) => "inactive, as the one above",
            (false, _) => "inactive",
        }
    }

    fn users(&self) -> String {
        match self.users_max {
            Some(max) => format!("{} of {max}", self.users),
            None => self.users.to_string(),
        }
    }

    fn quota(&self) -> String {
        Limit::told(self.quota_bytes)
    }
}

#[derive(Serialize)]
struct Facts {
    #[serde(flatten)]
    org: Row,
    policies: Vec<PolicyRow>,
}

impl Facts {
    fn told(&self) -> String {
        let mut told = facts(&[
            ("name", self.org.name.clone()),
            ("parent", self.org.parent.clone().unwrap_or_default()),
            ("state", self.org.state().to_owned()),
            ("active users", self.org.users()),
            ("used bytes", self.org.used_bytes.to_string()),
            ("quota", self.org.quota()),
            ("created", self.org.created.clone()),
        ]);
        told.push('\n');
        told.push_str(&table(Some(&["policy", "value", "from"]), self.policies.iter().map(PolicyRow::cells).collect()));
        told
    }
}
