//! `share`: team shares and their subscribers.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use commonhold_acl as acl;
use serde::Serialize;

use super::Context;
use super::output::{Answer, Failure, facts, rfc3339, table};
use super::principal::Who;
use super::span;
use crate::clock::Moment;
use crate::directory::{Administrator, Principal, organization, user};
use crate::path::Name;
use crate::shares::{self, NewShare, Settings, Share, Subscriber};

#[derive(Subcommand)]
pub(super) enum ShareCommand {
    Add(Add),
    /// List all shares
    List {
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Show one share and its subscribers
    Show {
        /// The name
        share: String,
        /// Print a JSON object
        #[arg(long)]
        json: bool,
    },
    Set(Set),
    /// Let a share exist for nobody, from the next request on; everything in it is kept
    Deactivate {
        /// The name
        share: String,
    },
    /// Let a deactivated share exist again
    Activate {
        /// The name
        share: String,
    },
    /// Give a share to a user or a group, with a role; again changes the role
    #[command(after_help = "\
Examples:
  commonhold share subscribe Projects --user ben
  commonhold share subscribe Projects --group Sales --role viewer

Roles: co-owner, collaborator, editor, web-editor, viewer, previewer, uploader, and what `role add` added. Who has several, directly and through
groups, may do what any of them allows.")]
    Subscribe {
        /// The share
        share: String,
        #[command(flatten)]
        who: Who,
        /// What they may do there
        #[arg(long, default_value = acl::DEFAULT_ROLE)]
        role: String,
    },
    /// Take a share away from a user or a group
    Unsubscribe {
        /// The share
        share: String,
        #[command(flatten)]
        who: Who,
    },
}

/// Make a team share
#[derive(Args)]
#[command(after_help = "\
Examples:
  commonhold share add Projects --owner ana
  commonhold share add Archive --quota 1000000000000 --description 'Everything before 2020'

Without --owner it has no subscriber yet; administrators of the site are co-owners of every share.")]
pub(super) struct Add {
    /// The name, as it will stand in every path
    name: String,
    /// What it is for
    #[arg(long, default_value = "", hide_default_value = true)]
    description: String,
    /// The user who becomes its co-owner
    #[arg(long, value_name = "USER")]
    owner: Option<String>,
    /// The most its files, their revisions and its trash may take together
    #[arg(long, value_name = "BYTES")]
    quota: Option<u64>,
    /// Lock an office document for whoever opens it with a program that doesn't
    #[arg(long)]
    auto_lock: bool,
}

/// Change the settings of a share
#[derive(Args)]
#[command(after_help = "\
Examples:
  commonhold share set Projects --auto-lock on
  commonhold share set Projects --handover 1h          whoever is asked for a lock has an hour to save
  commonhold share set Projects --quota none

Office programs lay a small file beside a document that is open (`~$Report.docx`, `.~lock.plan.odt#`). With --auto-lock its
coming locks the document for its user, and its going gives the lock back.")]
pub(super) struct Set {
    /// The name
    share: String,
    #[command(flatten)]
    change: Change,
}

#[derive(Args)]
#[group(required = true, multiple = true)]
struct Change {
    /// What it is for
    #[arg(long)]
    description: Option<String>,
    /// The most its files, their revisions and its trash may take together, or `none`
    #[arg(long, value_name = "BYTES|none", value_parser = Quota::parse)]
    quota: Option<Quota>,
    /// Whether opening an office document locks it
    #[arg(long, value_name = "on|off", hide_possible_values = true)]
    auto_lock: Option<Switch>,
    /// Whether a save by somebody whose lock was taken away is kept beside the file
    #[arg(long, value_name = "on|off", hide_possible_values = true)]
    collision_copies: Option<Switch>,
    /// After how long a request to release a lock ends it, such as 10m
    #[arg(long, value_name = "TIME", value_parser = span::parse)]
    handover: Option<Duration>,
}

#[derive(Clone, Copy)]
struct Quota(Option<u64>);

impl Quota {
    fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "none" => Ok(Self(None)),
            bytes => {
                bytes.parse().map(|bytes| Self(Some(bytes))).map_err(|_| "a quota is a number of bytes, or `none`")
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

impl ShareCommand {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        match self {
            Self::Add(add) => add.run(context).await,
            Self::List { json } => list(context, json).await,
            Self::Show { share, json } => show(context, &share, json).await,
            Self::Set(set) => set.run(context).await,
            Self::Deactivate { share } => set_active(context, &share, false).await,
            Self::Activate { share } => set_active(context, &share, true).await,
            Self::Subscribe { share, who, role } => subscribe(context, &share, &who, &role).await,
            Self::Unsubscribe { share, who } => unsubscribe(context, &share, &who).await,
        }
    }
}

/// The role of whoever a share is made for.
const OWNER_ROLE: &str = "co-owner";

impl Add {
    async fn run(self, context: Context) -> Result<Answer, Failure> {
        let name = Name::parse(&self.name)
            .map_err(|problem| Failure::new(format!("`{}` is no share name: {problem}", self.name.escape_debug())))?;
        let site = context.site().await?;
        let (by, now) = (Administrator::of_the_site(), Moment::now());
        let mut tx = site.db.write().await?;
        let org = organization::first(&mut tx).await?.id;
        let new = NewShare { org, name: &name, description: &self.description, quota_bytes: self.quota };
        let id = shares::create(&mut tx, &by, &new, now).await?;
        shares::set(&mut tx, &by, id, &Settings { auto_lock: Some(self.auto_lock), ..Settings::default() }).await?;
        if let Some(owner) = &self.owner {
            let owner = user::named(&mut tx, owner).await?;
            let share = shares::named(&mut tx, name.as_str()).await?;
            shares::subscribe(&mut tx, &by, &share, Principal::User(owner.id), OWNER_ROLE, now).await?;
        }
        tx.commit().await?;
        Ok(Answer::said(format!("added the share `{name}`")))
    }
}

impl Set {
    async fn run(self, context: Context) -> Result<Answer, Failure> {
        let site = context.site().await?;
        let mut tx = site.db.write().await?;
        let share = shares::named(&mut tx, &self.share).await?;
        let is_on = |switch| switch == Switch::On;
        let settings = Settings {
            description: self.change.description.as_deref(),
            quota_bytes: self.change.quota.map(|quota| quota.0),
            auto_lock: self.change.auto_lock.map(is_on),
            collision_copies: self.change.collision_copies.map(is_on),
            handover: self.change.handover,
        };
        shares::set(&mut tx, &Administrator::of_the_site(), share.id, &settings).await?;
        tx.commit().await?;
        Ok(Answer::said(format!("changed the share `{}`", share.name)))
    }
}

async fn set_active(context: Context, share: &str, active: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.write().await?;
    let share = shares::named(&mut tx, share).await?;
    shares::set_active(&mut tx, &Administrator::of_the_site(), share.id, active).await?;
    tx.commit().await?;
    Ok(Answer::said(format!("the share `{}` is {}", share.name, state(active))))
}

async fn subscribe(context: Context, share: &str, who: &Who, role: &str) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.write().await?;
    let share = shares::named(&mut tx, share).await?;
    let (principal, name) = who.find(&mut tx, share.org).await?;
    shares::subscribe(&mut tx, &Administrator::of_the_site(), &share, principal, role, Moment::now()).await?;
    tx.commit().await?;
    Ok(Answer::said(format!("{name} has the role {role} on `{}`", share.name)))
}

async fn unsubscribe(context: Context, share: &str, who: &Who) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.write().await?;
    let share = shares::named(&mut tx, share).await?;
    let (principal, name) = who.find(&mut tx, share.org).await?;
    shares::unsubscribe(&mut tx, &Administrator::of_the_site(), &share, principal).await?;
    tx.commit().await?;
    Ok(Answer::said(format!("{name} is no longer subscribed to `{}`", share.name)))
}

async fn list(context: Context, json: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let shares = shares::list(&mut site.db.read().await?).await?;
    let rows: Vec<_> = shares.into_iter().map(ShareRow::from).collect();
    Ok(Answer::list(&rows, json, &["name", "used bytes", "quota", "state", "description"], |row| {
        let state = state(row.active).to_owned();
        vec![row.name.clone(), row.used_bytes.to_string(), row.quota(), state, row.description.clone()]
    }))
}

async fn show(context: Context, share: &str, json: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.read().await?;
    let share = shares::named(&mut tx, share).await?;
    let subscribers = shares::subscribers(&mut tx, share.id).await?;
    let shown =
        ShareFacts { share: share.into(), subscribers: subscribers.into_iter().map(SubscriberRow::from).collect() };
    Ok(if json { Answer::json(&shown) } else { Answer::said(shown.told()) })
}

#[derive(Serialize)]
struct ShareRow {
    name: String,
    description: String,
    active: bool,
    used_bytes: u64,
    quota_bytes: Option<u64>,
    auto_lock: bool,
    collision_copies: bool,
    handover_s: u64,
    created: String,
}

impl From<Share> for ShareRow {
    fn from(share: Share) -> Self {
        Self {
            name: share.name,
            description: share.description,
            active: share.active,
            used_bytes: share.used_bytes,
            quota_bytes: share.quota_bytes,
            auto_lock: share.auto_lock,
            collision_copies: share.collision_copies,
            handover_s: share.handover.as_secs(),
            created: rfc3339(share.created),
        }
    }
}

impl ShareRow {
    fn quota(&self) -> String {
        self.quota_bytes.map_or_else(|| "none".to_owned(), |bytes| bytes.to_string())
    }
}

fn state(active: bool) -> &'static str {
    if active { "active" } else { "inactive" }
}

fn on_or_off(on: bool) -> String {
    if on { "on" } else { "off" }.to_owned()
}

#[derive(Serialize)]
struct SubscriberRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    role: String,
    since: String,
}

impl From<Subscriber> for SubscriberRow {
    fn from(subscriber: Subscriber) -> Self {
        let (user, group) = match subscriber.principal {
            Principal::User(_) => (Some(subscriber.name), None),
            Principal::Group(_) => (None, Some(subscriber.name)),
        };
        Self { user, group, role: subscriber.role, since: rfc3339(subscriber.since) }
    }
}

#[derive(Serialize)]
struct ShareFacts {
    #[serde(flatten)]
    share: ShareRow,
    subscribers: Vec<SubscriberRow>,
}

impl ShareFacts {
    fn told(&self) -> String {
        let mut told = facts(&[
            ("name", self.share.name.clone()),
            ("description", self.share.description.clone()),
            ("state", state(self.share.active).to_owned()),
            ("used bytes", self.share.used_bytes.to_string()),
            ("quota", self.share.quota()),
            ("auto lock", on_or_off(self.share.auto_lock)),
            ("collision copies", on_or_off(self.share.collision_copies)),
            ("hand-over", span::tell(Duration::from_secs(self.share.handover_s))),
            ("created", self.share.created.clone()),
        ]);
        if !self.subscribers.is_empty() {
            let rows = self.subscribers.iter().map(|row| {
                let user = row.user.clone();
                let name = user.unwrap_or_else(|| format!("group {}", row.group.as_deref().unwrap_or_default()));
                vec![name, row.role.clone(), row.since.clone()]
            });
            told.push('\n');
            told.push_str(&table(Some(&["subscriber", "role", "since"]), rows.collect()));
        }
        told
    }
}
