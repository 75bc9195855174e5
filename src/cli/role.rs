//! `role`: the named sets of permissions that people are given.

use clap::Subcommand;
use commonhold_acl::{AppliesTo, Permission, Permissions, Role};
use serde::Serialize;

use super::Context;
use super::output::{Answer, Failure, facts, table};
use crate::clock::Moment;
use crate::db::Reads;
use crate::shares::role::{self, Roles, SiteRole};

#[derive(Subcommand)]
pub(super) enum RoleCommand {
    /// List the roles and what each allows
    List {
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Show one role, each permission with what it lets its holder do
    Show {
        /// The name
        role: String,
        /// Print a JSON object
        #[arg(long)]
        json: bool,
    },
    /// Add a role of the site's own
    #[command(after_help = "\
Examples:
  commonhold role add reviewer --allow list,list-folders,view,read --description 'Looks only'
  commonhold role add keeper --like editor --allow trim
  commonhold share subscribe Projects --group Sales --role reviewer

Permissions: owner, trim, purge, delete, share, sync, view, print, read, write, web-edit, list, list-folders, create,
delete-child, rename-child. `commonhold role show co-owner` says what each lets its holder do.")]
    Add {
        /// The name: small letters, digits and hyphens
        role: String,
        #[command(flatten)]
        allowed: Allowed,
        /// What it is for
        #[arg(long, default_value = "", hide_default_value = true)]
        description: String,
    },
    /// Change a role that was added, for everybody who has it
    #[command(after_help = "\
Examples:
  commonhold role set reviewer --allow list,list-folders,view
  commonhold role set reviewer --description 'Looks, and takes nothing along'

What --allow and --like name is all that the role allows then. The seven built-in roles stay as they are.")]
    Set {
        /// The name
        role: String,
        #[command(flatten)]
        allowed: Allowed,
        /// What it is for
        #[arg(long)]
        description: Option<String>,
    },
    /// Remove a role that was added and that nobody has any more
    Remove {
        /// The name
        role: String,
    },
}

#[derive(clap::Args)]
pub(super) struct Allowed {
    /// The permissions, commas between them
    #[arg(long, value_name = "P,P")]
    allow: Option<Permissions>,
    /// A role whose permissions it has too, as they are now
    #[arg(long, value_name = "ROLE")]
    like: Option<String>,
}

impl Allowed {
    /// What the options name together; `None` if neither was given.
    async fn permissions(&self, reads: &mut impl Reads) -> Result<Option<Permissions>, Failure> {
        let like = match &self.like {
            Some(name) => Some(role::named(reads, name).await?.permissions),
            None => None,
        };
        Ok(match (self.allow, like) {
            (None, None) => None,
            (allow, like) => Some(allow.unwrap_or_default().union(like.unwrap_or_default())),
        })
    }
}

impl RoleCommand {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        match self {
            Self::List { json } => list(context, json).await,
            Self::Show { role, json } => show(context, &role, json).await,
            Self::Add { role, allowed, description } => add(context, role, &allowed, &description).await,
            Self::Set { role, allowed, description } => set(context, &role, &allowed, description.as_deref()).await,
            Self::Remove { role } => remove(context, &role).await,
        }
    }
}

async fn list(context: Context, json: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.read().await?;
    let mut rows = Vec::new();
    for role in Roles::load(&mut tx).await?.iter() {
        rows.push(shown(&mut tx, role).await?);
    }
    Ok(Answer::list(&rows, json, &["name", "from", "subscriptions", "grants", "permissions"], |row| {
        let from = if row.built_in { "built in" } else { "added" };
        vec![
            row.name.clone(),
            from.to_owned(),
            row.subscriptions.to_string(),
            row.grants.to_string(),
            row.permissions.join(" "),
        ]
    }))
}

async fn show(context: Context, name: &str, json: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.read().await?;
    role::named(&mut tx, name).await?;
    let found = Roles::load(&mut tx).await?.iter().find(|found| found.role.name == name);
    let found = found.ok_or_else(|| Failure::new(format!("there is no role `{name}`")))?;
    let permissions = found.role.permissions;
    let row = shown(&mut tx, found).await?;
    if json {
        return Ok(Answer::json(&row));
    }
    let from = if row.built_in {
        "built in".to_owned()
    } else {
        format!("added {}", row.added.as_deref().unwrap_or_default())
    };
    let head = facts(&[
        ("role", row.name),
        ("from", from),
        ("description", row.description),
        ("subscriptions", row.subscriptions.to_string()),
        ("grants", row.grants.to_string()),
    ]);
    let lines = permissions.iter().map(|held| {
        let on = match held.applies_to() {
            AppliesTo::Item => "file or folder",
            AppliesTo::File => "file",
            AppliesTo::Folder => "folder",
        };
        vec![held.name().to_owned(), on.to_owned(), held.meaning().to_owned()]
    });
    Ok(Answer::said(format!("{head}\n{}", table(Some(&["may", "on a", "that is"]), lines.collect()))))
}

async fn add(context: Context, name: String, allowed: &Allowed, description: &str) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.write().await?;
    let permissions = allowed.permissions(&mut tx).await?;
    let role = Role::new(name, permissions.unwrap_or_default());
    let by = context.administrator(&mut tx).await?;
    role::add(&mut tx, &by, &role, description, Moment::now()).await?;
    tx.commit().await?;
    Ok(Answer::said(format!("added the role `{}`: {}", role.name, role.permissions)))
}

async fn set(context: Context, name: &str, allowed: &Allowed, description: Option<&str>) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.write().await?;
    let permissions = allowed.permissions(&mut tx).await?;
    let by = context.administrator(&mut tx).await?;
    role::set(&mut tx, &by, name, permissions, description).await?;
    let now = role::named(&mut tx, name).await?;
    tx.commit().await?;
    Ok(Answer::said(format!("the role `{name}` allows: {}", now.permissions)))
}

async fn remove(context: Context, name: &str) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.write().await?;
    let by = context.administrator(&mut tx).await?;
    role::remove(&mut tx, &by, name).await?;
    tx.commit().await?;
    Ok(Answer::said(format!("removed the role `{name}`")))
}

async fn shown(reads: &mut impl Reads, role: SiteRole) -> Result<Shown, Failure> {
    let uses = role::uses(reads, &role.role.name).await?;
    Ok(Shown {
        subscriptions: uses.subscriptions,
        grants: uses.grants,
        name: role.role.name.into_owned(),
        built_in: role.added.is_none(),
        description: role.description,
        permissions: role.role.permissions.iter().map(Permission::name).collect(),
        added: role.added.map(Moment::rfc3339),
    })
}

#[derive(Serialize)]
struct Shown {
    name: String,
    built_in: bool,
    description: String,
    permissions: Vec<&'static str>,
    subscriptions: u64,
    grants: u64,
    added: Option<String>,
}
