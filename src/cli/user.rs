//! `user`: people, their passwords and their app passwords.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::Context;
use super::output::{Answer, Failure, facts, rfc3339, table, way};
use super::password::NewPassword;
use crate::clock::Moment;
use crate::directory::app_password::{self, AppPassword, Credential};
use crate::directory::user::{self, NewUser, User};
use crate::directory::{Administrator, DirectoryName, group, organization};
use crate::shares;

#[derive(Subcommand)]
pub(super) enum UserCommand {
    Add(Add),
    /// List all users
    List {
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Show one user: groups, shares, app passwords
    Show {
        /// The login name
        name: String,
        /// Print a JSON object
        #[arg(long)]
        json: bool,
    },
    Set(Set),
    /// Let nobody log in by this name from the next request on; everything else is kept
    Disable {
        /// The login name
        name: String,
    },
    /// Let a disabled user log in again
    Enable {
        /// The login name
        name: String,
    },
    AppPassword(AppPasswordArgs),
}

/// Add a user
#[derive(Args)]
#[command(after_help = "\
Examples:
  commonhold user add ana --display 'Ana Lopes'
  pass show ana | commonhold user add ana --password-stdin

Without --password-stdin a password is made up and printed once.")]
pub(super) struct Add {
    /// The login name
    name: String,
    /// The address
    #[arg(long, default_value = "", hide_default_value = true)]
    email: String,
    /// The full name
    #[arg(long, default_value = "", hide_default_value = true)]
    display: String,
    /// Somebody from outside, who can't subscribe to shares
    #[arg(long, conflicts_with = "admin")]
    guest: bool,
    /// An administrator of the whole site
    #[arg(long)]
    admin: bool,
    /// Read the password from the first line of standard input
    #[arg(long)]
    password_stdin: bool,
}

/// Change a user
#[derive(Args)]
#[command(after_help = "\
Examples:
  commonhold user set ana --email ana@example.com
  commonhold user set ana --new-password               makes one up and prints it once")]
pub(super) struct Set {
    /// The login name
    name: String,
    #[command(flatten)]
    change: Change,
}

#[derive(Args)]
#[group(required = true, multiple = true)]
struct Change {
    /// The address
    #[arg(long)]
    email: Option<String>,
    /// The full name
    #[arg(long)]
    display: Option<String>,
    /// Make up a new password and print it once
    #[arg(long, conflicts_with = "password_stdin")]
    new_password: bool,
    /// Read a new password from the first line of standard input
    #[arg(long)]
    password_stdin: bool,
}

/// Make an app password for one drive or device; or list and revoke them
#[derive(Args)]
#[command(after_help = "\
Examples:
  commonhold user app-password ana --label notebook    prints it once
  commonhold user app-password ana --list
  commonhold user app-password ana --revoke notebook   ends that one alone, from the next request on")]
pub(super) struct AppPasswordArgs {
    /// The login name
    name: String,
    #[command(flatten)]
    act: AppPasswordAct,
    /// Print the list as a JSON array
    #[arg(long, requires = "list")]
    json: bool,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct AppPasswordAct {
    /// Make one for what this says
    #[arg(long, value_name = "LABEL")]
    label: Option<String>,
    /// List them
    #[arg(long)]
    list: bool,
    /// End the one of this label
    #[arg(long, value_name = "LABEL")]
    revoke: Option<String>,
}

impl UserCommand {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        match self {
            Self::Add(add) => add.run(context).await,
            Self::List { json } => list(context, json).await,
            Self::Show { name, json } => show(context, &name, json).await,
            Self::Set(set) => set.run(context).await,
            Self::Disable { name } => enable(context, &name, false).await,
            Self::Enable { name } => enable(context, &name, true).await,
            Self::AppPassword(args) => args.run(context).await,
        }
    }
}

impl Add {
    async fn run(self, context: Context) -> Result<Answer, Failure> {
        let name = DirectoryName::of_user(&self.name)?;
        let site = context.site().await?;
        let password = NewPassword::take(self.password_stdin, &context.config.auth)?;
        let mut tx = site.db.write().await?;
        let new = NewUser {
            org: organization::first(&mut tx).await?.id,
            name: &name,
            display: &self.display,
            email: &self.email,
            guest: self.guest,
            admin: self.admin,
            password_hash: Some(&password.hash),
        };
        user::create(&mut tx, &Administrator::of_the_site(), &new, Moment::now()).await?;
        tx.commit().await?;
        Ok(Answer::said(format!("added the user `{}`\n{}", name.as_str(), password.told())))
    }
}

impl Set {
    async fn run(self, context: Context) -> Result<Answer, Failure> {
        let Change { email, display, new_password, password_stdin } = self.change;
        let site = context.site().await?;
        let password = match new_password || password_stdin {
            true => Some(NewPassword::take(password_stdin, &context.config.auth)?),
            false => None,
        };
        let by = Administrator::of_the_site();
        let mut tx = site.db.write().await?;
        let user = user::named(&mut tx, &self.name).await?;
        user::set_profile(&mut tx, &by, user.id, display.as_deref(), email.as_deref()).await?;
        if let Some(password) = &password {
            user::set_password(&mut tx, &by, user.id, &password.hash).await?;
        }
        tx.commit().await?;
        let told = password.as_ref().map(NewPassword::told).unwrap_or_default();
        Ok(Answer::said(format!("changed the user `{}`\n{told}", user.name)))
    }
}

impl AppPasswordArgs {
    async fn run(self, context: Context) -> Result<Answer, Failure> {
        let site = context.site().await?;
        let by = Administrator::of_the_site();
        if let Some(label) = self.act.label {
            let credential = Credential::fresh();
            let mut tx = site.db.write().await?;
            let user = user::named(&mut tx, &self.name).await?;
            app_password::add(&mut tx, &by, &user, (&label, None), &credential, Moment::now()).await?;
            tx.commit().await?;
            let told =
                format!("app password for `{}`, shown only this once:\n{}", user.name, credential.shown().reveal());
            return Ok(Answer::said(told));
        }
        if let Some(label) = self.act.revoke {
            let mut tx = site.db.write().await?;
            let user = user::named(&mut tx, &self.name).await?;
            app_password::revoke(&mut tx, &by, &user, &label).await?;
            tx.commit().await?;
            return Ok(Answer::said(format!("revoked the app password `{label}` of `{}`", user.name)));
        }
        let mut tx = site.db.read().await?;
        let user = user::named(&mut tx, &self.name).await?;
        let listed: Vec<_> =
            app_password::list(&mut tx, user.id).await?.into_iter().map(AppPasswordRow::from).collect();
        Ok(Answer::list(&listed, self.json, &["label", "created"], AppPasswordRow::cells))
    }
}

async fn enable(context: Context, name: &str, enabled: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.write().await?;
    let user = user::named(&mut tx, name).await?;
    user::set_enabled(&mut tx, &Administrator::of_the_site(), user.id, enabled).await?;
    tx.commit().await?;
    Ok(Answer::said(format!("{} the user `{}`", if enabled { "enabled" } else { "disabled" }, user.name)))
}

async fn list(context: Context, json: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let users = user::list(&mut site.db.read().await?).await?;
    let rows: Vec<_> = users.into_iter().map(UserRow::from).collect();
    Ok(Answer::list(&rows, json, &["name", "display", "email", "kind", "state"], |row| {
        vec![
            row.name.clone(),
            row.display.clone(),
            row.email.clone(),
            row.kind().to_owned(),
            if row.enabled { "enabled" } else { "disabled" }.to_owned(),
        ]
    }))
}

async fn show(context: Context, name: &str, json: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.read().await?;
    let user = user::named(&mut tx, name).await?;
    let organization = organization::by_id(&mut tx, user.org).await?.map(|org| org.name).unwrap_or_default();
    let memberships = group::groups_of(&mut tx, user.id).await?;
    let app_passwords = app_password::list(&mut tx, user.id).await?;
    let reaches = shares::reaching(&mut tx, &user, &memberships, &[]).await?;
    let shares = reaches.into_iter().flat_map(|reach| {
        let name = reach.share.name;
        reach.subscriptions.into_iter().map(move |subscription| ShareRow {
            share: name.clone(),
            role: subscription.role.name.into_owned(),
            via: subscription.via,
        })
    });
    let shown = UserFacts {
        user: user.into(),
        organization,
        groups: memberships.into_iter().map(|membership| membership.path).collect(),
        app_passwords: app_passwords.into_iter().map(AppPasswordRow::from).collect(),
        shares: shares.collect(),
    };
    Ok(if json { Answer::json(&shown) } else { Answer::said(shown.told()) })
}

#[derive(Serialize)]
struct UserRow {
    name: String,
    display: String,
    email: String,
    guest: bool,
    admin: bool,
    enabled: bool,
    created: String,
}

impl From<User> for UserRow {
    fn from(user: User) -> Self {
        Self {
            name: user.name,
            display: user.display,
            email: user.email,
            guest: user.guest,
            admin: user.admin,
            enabled: user.enabled,
            created: rfc3339(user.created),
        }
    }
}

impl UserRow {
    fn kind(&self) -> &'static str {
        match (self.admin, self.guest) {
            (true, _) => "administrator",
            (false, true) => "guest",
            (false, false) => "user",
        }
    }
}

#[derive(Serialize)]
struct AppPasswordRow {
    label: String,
    created: String,
}

impl From<AppPassword> for AppPasswordRow {
    fn from(app_password: AppPassword) -> Self {
        Self { label: app_password.label, created: rfc3339(app_password.created) }
    }
}

impl AppPasswordRow {
    fn cells(&self) -> Vec<String> {
        vec![self.label.clone(), self.created.clone()]
    }
}

#[derive(Serialize)]
struct ShareRow {
    share: String,
    role: String,
    via: Vec<String>,
}

#[derive(Serialize)]
struct UserFacts {
    #[serde(flatten)]
    user: UserRow,
    organization: String,
    /// For each group the way to it.
    groups: Vec<Vec<String>>,
    app_passwords: Vec<AppPasswordRow>,
    shares: Vec<ShareRow>,
}

impl UserFacts {
    fn told(&self) -> String {
        let groups: Vec<String> = self.groups.iter().map(|path| way(path)).collect();
        let labels: Vec<&str> = self.app_passwords.iter().map(|row| row.label.as_str()).collect();
        let mut told = facts(&[
            ("name", self.user.name.clone()),
            ("display", self.user.display.clone()),
            ("email", self.user.email.clone()),
            ("kind", self.user.kind().to_owned()),
            ("state", if self.user.enabled { "enabled" } else { "disabled" }.to_owned()),
            ("organization", self.organization.clone()),
            ("created", self.user.created.clone()),
            ("groups", groups.join(", ")),
            ("app passwords", labels.join(", ")),
        ]);
        if !self.shares.is_empty() {
            let rows = self.shares.iter().map(|row| {
                let via = if row.via.is_empty() { "directly".to_owned() } else { way(&row.via) };
                vec![row.share.clone(), row.role.clone(), via]
            });
            told.push('\n');
            told.push_str(&table(Some(&["share", "role", "through"]), rows.collect()));
        }
        told
    }
}
