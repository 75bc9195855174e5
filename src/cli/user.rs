//! `user`: people, their passwords and their app passwords.

use std::collections::HashMap;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::Context;
use super::device::Row as DeviceRow;
use super::import::UserImport;
use super::output::{Answer, Failure, facts, table, way};
use super::password::NewPassword;
use super::principal::Inside;
use super::switch::{Limit, Switch};
use crate::clock::Moment;
use crate::db::WriteTx;
use crate::directory::app_password::{self, AppPassword, Credential};
use crate::directory::user::{self, NewUser, Removed, User};
use crate::directory::{Administrator, DirectoryName, department, device, group, organization};
use crate::ids::OrgId;
use crate::{locks, shares};

#[derive(Subcommand)]
pub(super) enum UserCommand {
    Add(Add),
    /// List all users
    List {
        /// Those of one organization only
        #[arg(long, value_name = "NAME")]
        org: Option<String>,
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
    /// Let a disabled user log in again; brings a removed user back, without passwords, groups and shares
    Enable {
        /// The login name
        name: String,
    },
    /// Take a user out of everything; the home and what history tells are kept
    #[command(after_help = "\
The account can't log in any more and is in no group, department or share; app passwords and devices end. Nothing that was
written is lost: files in shares stay, and so does the home, under the name, so that `grant` can give it to somebody else.
The name is free for another user only when nothing lies in the home. The last co-owner of a share and the last
administrator of the site can't be removed.")]
    Remove {
        /// The login name
        name: String,
    },
    AppPassword(AppPasswordArgs),
    Import(UserImport),
}

/// Add a user
#[derive(Args)]
#[command(after_help = "\
Examples:
  commonhold user add ana --display 'Ana Lopes'
  pass show ana | commonhold user add ana --password-stdin
  commonhold user add ben --department Sales/North
  commonhold --as dora user add eva --department Sales       dora administers Sales

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
    /// Somebody from outside, who has no home and can't subscribe to shares
    #[arg(long, conflicts_with_all = ["admin", "department"])]
    guest: bool,
    /// An administrator of the whole site
    #[arg(long)]
    admin: bool,
    /// A department that the user is a member of
    #[arg(long, value_name = "PATH")]
    department: Option<String>,
    #[command(flatten)]
    inside: Inside,
    /// The most that the home may take: files, their revisions and its trash together
    #[arg(long, value_name = "BYTES", conflicts_with = "guest")]
    quota: Option<u64>,
    /// Read the password from the first line of standard input
    #[arg(long)]
    password_stdin: bool,
}

/// Change a user
#[derive(Args)]
#[command(after_help = "\
Examples:
  commonhold user set ana --email ana@example.com
  commonhold user set ana --quota 10000000000          10 GB for the home; `none` for no limit but the organization's
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
    /// Whether the user administers the whole site
    #[arg(long, value_name = "on|off", hide_possible_values = true)]
    admin: Option<Switch>,
    /// The most that the home may take: files, their revisions and its trash together
    #[arg(long, value_name = "BYTES|none", value_parser = Limit::parse)]
    quota: Option<Limit>,
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
            Self::List { org, json } => list(context, org.as_deref(), json).await,
            Self::Show { name, json } => show(context, &name, json).await,
            Self::Set(set) => set.run(context).await,
            Self::Disable { name } => enable(context, &name, false).await,
            Self::Enable { name } => enable(context, &name, true).await,
            Self::Remove { name } => remove(context, &name).await,
            Self::Import(import) => import.run(context).await,
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
        let by = context.administrator(&mut tx).await?;
        let org = context.organization(&mut tx, self.inside.name()).await?.id;
        let department = match &self.department {
            Some(path) => Some(department::named(&mut tx, org, path).await?),
            None => None,
        };
        let new = NewUser {
            org,
            department: department.as_ref(),
            name: &name,
            display: &self.display,
            email: &self.email,
            guest: self.guest,
            admin: self.admin,
            password_hash: Some(&password.hash),
        };
        user::create(&mut tx, &by, &new, Moment::now()).await?;
        if let Some(bytes) = self.quota {
            let user = user::named(&mut tx, name.as_str()).await?;
            set_quota(&mut tx, &by, &user, Some(bytes)).await?;
        }
        tx.commit().await?;
        Ok(Answer::said(format!("added the user `{}`\n{}", name.as_str(), password.told())))
    }
}

impl Set {
    async fn run(self, context: Context) -> Result<Answer, Failure> {
        let Change { email, display, admin, quota, new_password, password_stdin } = self.change;
        let site = context.site().await?;
        let password = match new_password || password_stdin {
            true => Some(NewPassword::take(password_stdin, &context.config.auth)?),
            false => None,
        };
        let mut tx = site.db.write().await?;
        let by = context.administrator(&mut tx).await?;
        let user = user::named(&mut tx, &self.name).await?;
        user::set_profile(&mut tx, &by, &user, display.as_deref(), email.as_deref()).await?;
        if let Some(admin) = admin {
            user::set_admin(&mut tx, &by, &user, admin.is_on()).await?;
        }
        if let Some(Limit(bytes)) = quota {
            set_quota(&mut tx, &by, &user, bytes).await?;
        }
        if let Some(password) = &password {
            user::set_password(&mut tx, &by, &user, &password.hash).await?;
        }
        tx.commit().await?;
        let told = password.as_ref().map(NewPassword::told).unwrap_or_default();
        Ok(Answer::said(format!("changed the user `{}`\n{told}", user.name)))
    }
}

/// Limits a user's home. Errors: guests have none.
async fn set_quota(tx: &mut WriteTx, by: &Administrator, user: &User, bytes: Option<u64>) -> Result<(), Failure> {
    let Some(home) = shares::home::of(tx, user.id).await? else {
        return Err(Failure::new(format!("`{}` is a guest, and guests have no home", user.name)));
    };
    let settings = shares::Settings { quota_bytes: Some(bytes), ..shares::Settings::default() };
    Ok(shares::set(tx, by, &home, &settings).await?)
}

impl AppPasswordArgs {
    async fn run(self, context: Context) -> Result<Answer, Failure> {
        let site = context.site().await?;
        if let Some(label) = self.act.label {
            let credential = Credential::fresh();
            let mut tx = site.db.write().await?;
            let by = context.administrator(&mut tx).await?;
            let user = user::named(&mut tx, &self.name).await?;
            app_password::add(&mut tx, &by, &user, (&label, None), &credential, Moment::now()).await?;
            tx.commit().await?;
            let told =
                format!("app password for `{}`, shown only this once:\n{}", user.name, credential.shown().reveal());
            return Ok(Answer::said(told));
        }
        if let Some(label) = self.act.revoke {
            let mut tx = site.db.write().await?;
            let by = context.administrator(&mut tx).await?;
            let user = user::named(&mut tx, &self.name).await?;
            app_password::revoke(&mut tx, &by, &user, &label).await?;
            tx.commit().await?;
            return Ok(Answer::said(format!("revoked the app password `{label}` of `{}`", user.name)));
        }
        let mut tx = site.db.read().await?;
        let by = context.administrator(&mut tx).await?;
        let user = user::named(&mut tx, &self.name).await?;
        by.confirm_user_or_self(&mut tx, &user).await?;
        let listed: Vec<_> =
            app_password::list(&mut tx, user.id).await?.into_iter().map(AppPasswordRow::from).collect();
        Ok(Answer::list(&listed, self.json, &["label", "created"], AppPasswordRow::cells))
    }
}

async fn enable(context: Context, name: &str, enabled: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.write().await?;
    let by = context.administrator(&mut tx).await?;
    let user = user::named(&mut tx, name).await?;
    user::set_enabled(&mut tx, &by, &user, enabled).await?;
    tx.commit().await?;
    let back = if enabled && user.removed { "; `user set --new-password` gives a new password" } else { "" };
    Ok(Answer::said(format!("{} the user `{}`{back}", if enabled { "enabled" } else { "disabled" }, user.name)))
}

async fn remove(context: Context, name: &str) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.write().await?;
    let by = context.administrator(&mut tx).await?;
    let user = user::named(&mut tx, name).await?;
    let removed = user::remove(&mut tx, &by, &user).await?;
    let now = Moment::now();
    for lock in locks::list(&mut tx, now).await?.into_iter().filter(|lock| lock.holder == user.id) {
        locks::break_lock(&mut tx, &lock, by.actor().map(|actor| actor.id), now).await?;
    }
    tx.commit().await?;
    let name = &user.name;
    Ok(Answer::said(match removed {
        Removed::NameFree => format!("removed the user `{name}`; nothing was in the home, and the name is free"),
        Removed::HomeKept => format!("removed the user `{name}`; the home and its name are kept"),
    }))
}

async fn list(context: Context, org: Option<&str>, json: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.read().await?;
    let by = context.administrator(&mut tx).await?;
    let org = match org {
        Some(name) => Some(organization::named(&mut tx, name).await?.id),
        None => None,
    };
    let names: HashMap<OrgId, String> =
        organization::list(&mut tx).await?.into_iter().map(|org| (org.id, org.name)).collect();
    let mut rows = Vec::new();
    for user in user::list(&mut tx).await? {
        if org.is_none_or(|org| user.org == org) && by.reaches_user(&mut tx, &user).await? {
            let organization = names.get(&user.org).cloned().unwrap_or_default();
            rows.push(UserRow::new(user, organization));
        }
    }
    Ok(Answer::list(&rows, json, &["name", "display", "email", "kind", "state", "organization"], |row| {
        vec![
            row.name.clone(),
            row.display.clone(),
            row.email.clone(),
            row.kind().to_owned(),
            row.state().to_owned(),
            row.organization.clone(),
        ]
    }))
}

async fn show(context: Context, name: &str, json: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.read().await?;
    let by = context.administrator(&mut tx).await?;
    let user = user::named(&mut tx, name).await?;
    by.confirm_user_or_self(&mut tx, &user).await?;
    let organization = organization::by_id(&mut tx, user.org).await?.map(|org| org.name).unwrap_or_default();
    let memberships = group::groups_of(&mut tx, user.id).await?;
    let mut app_passwords = app_password::list(&mut tx, user.id).await?;
    // Those of devices are shown as devices.
    app_passwords.retain(|app_password| app_password.device.is_none());
    let reaches = shares::reaching(&mut tx, &user, &memberships, &[]).await?;
    let shares = reaches.into_iter().flat_map(|reach| {
        let name = reach.share.name;
        reach.subscriptions.into_iter().map(move |subscription| ShareRow {
            share: name.clone(),
            role: subscription.role.name.into_owned(),
            via: subscription.via,
        })
    });
    let departments = department::of_user(&mut tx, user.id).await?;
    let devices = device::list(&mut tx, user.id).await?;
    let home = shares::home::of(&mut tx, user.id).await?;
    let shown = UserFacts {
        home: home.map(|home| HomeRow { used_bytes: home.used_bytes, quota_bytes: home.quota_bytes }),
        user: UserRow::new(user, organization),
        departments: departments.into_iter().map(|department| department.path).collect(),
        devices: devices.into_iter().map(DeviceRow::from).collect(),
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
    removed: bool,
    organization: String,
    created: String,
}

impl UserRow {
    fn new(user: User, organization: String) -> Self {
        Self {
            name: user.name,
            display: user.display,
            email: user.email,
            guest: user.guest,
            admin: user.admin,
            enabled: user.enabled,
            removed: user.removed,
            organization,
            created: user.created.rfc3339(),
        }
    }

    fn state(&self) -> &'static str {
        match (self.removed, self.enabled) {
            (true, _) => "removed",
            (false, true) => "enabled",
            (false, false) => "disabled",
        }
    }

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
        Self { label: app_password.label, created: app_password.created.rfc3339() }
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
struct HomeRow {
    used_bytes: u64,
    quota_bytes: Option<u64>,
}

#[derive(Serialize)]
struct UserFacts {
    #[serde(flatten)]
    user: UserRow,
    /// Guests have none.
    home: Option<HomeRow>,
    departments: Vec<String>,
    /// For each group the way to it.
    groups: Vec<Vec<String>>,
    app_passwords: Vec<AppPasswordRow>,
    devices: Vec<DeviceRow>,
    shares: Vec<ShareRow>,
}

impl UserFacts {
    fn told(&self) -> String {
        let groups: Vec<String> = self.groups.iter().map(|path| way(path)).collect();
        let devices: Vec<&str> = self.devices.iter().map(|row| row.name.as_str()).collect();
        let labels: Vec<&str> = self.app_passwords.iter().map(|row| row.label.as_str()).collect();
        let mut told = facts(&[
            ("name", self.user.name.clone()),
            ("display", self.user.display.clone()),
            ("email", self.user.email.clone()),
            ("kind", self.user.kind().to_owned()),
            ("state", self.user.state().to_owned()),
            ("organization", self.user.organization.clone()),
            ("departments", self.departments.join(", ")),
            ("home's bytes", self.home.as_ref().map(|home| home.used_bytes.to_string()).unwrap_or_default()),
            ("home's quota", self.home.as_ref().map(|home| Limit::told(home.quota_bytes)).unwrap_or_default()),
            ("created", self.user.created.clone()),
            ("groups", groups.join(", ")),
            ("app passwords", labels.join(", ")),
            ("devices", devices.join(", ")),
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
