//! `share`: team shares and their subscribers.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use commonhold_acl as acl;
use serde::Serialize;

use super::Context;
use super::output::{Answer, Failure, facts, table};
use super::policy::{self, Assignment, PolicyRow, assignment};
use super::principal::{Inside, Who};
use super::span;
use super::switch::{Limit, Switch, Tristate, on_or_off, or_none};
use crate::clock::Moment;
use crate::db::{Reads, WriteTx};
use crate::directory::{Administrator, DirectoryName, Principal, department, group, organization, user};
use crate::guard;
use crate::path::Name;
use crate::shares::{self, ChannelRule, NewShare, OWNER_ROLE, RuleChange, Settings, Share, ShareKind, Subscriber};

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
    /// List who has a share, with which role and through which channels
    Subscribers {
        /// The share
        share: String,
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    Channel(ChannelArgs),
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
  commonhold share add Offers --department Sales --owner eva
  commonhold share add Notices --public

Without --owner it has no subscriber yet; administrators of the site are co-owners of every share. The name is unique on the
site, whatever the organization and the case of its letters.")]
pub(super) struct Add {
    /// The name, as it will stand in every path
    name: String,
    /// What it is for
    #[arg(long, default_value = "", hide_default_value = true)]
    description: String,
    /// The user who becomes its co-owner
    #[arg(long, value_name = "USER", conflicts_with = "public")]
    owner: Option<String>,
    /// A public folder: the organization's, without an owner; who sees it is said by grants and subscriptions
    #[arg(long)]
    public: bool,
    /// The department whose administrators manage it
    #[arg(long, value_name = "PATH")]
    department: Option<String>,
    #[command(flatten)]
    inside: Inside,
    /// The most its files, their revisions and its trash may take together
    #[arg(long, value_name = "BYTES")]
    quota: Option<u64>,
    /// Lock an office document for whoever opens it with a program that doesn't
    #[arg(long)]
    auto_lock: bool,
}

/// Change the settings of a share
#[derive(Args)]
#[command(after_help = set_help())]
pub(super) struct Set {
    /// The name
    share: String,
    #[command(flatten)]
    change: Change,
}

/// With the table of the policies that a share may have of its own.
fn set_help() -> String {
    format!(
        "\
Examples:
  commonhold share set Projects --auto-lock on
  commonhold share set Projects --handover 1h          whoever is asked for a lock has an hour to save
  commonhold share set Projects --quota none

Office programs lay a small file beside a document that is open (`~$Report.docx`, `.~lock.plan.odt#`). With --auto-lock its
coming locks the document for its user, and its going gives the lock back.

Policies that a share may have of its own (the default in brackets), instead of those of its organization:
{}",
        policy::help(false)
    )
}

#[derive(Args)]
#[group(required = true, multiple = true)]
struct Change {
    /// What it is for
    #[arg(long)]
    description: Option<String>,
    /// The most its files, their revisions and its trash may take together, or `none`
    #[arg(long, value_name = "BYTES|none", value_parser = Limit::parse)]
    quota: Option<Limit>,
    /// The department whose administrators manage it, or `none`
    #[arg(long, value_name = "PATH|none")]
    department: Option<String>,
    /// Whether opening an office document locks it
    #[arg(long, value_name = "on|off", hide_possible_values = true)]
    auto_lock: Option<Switch>,
    /// Whether a save by somebody whose lock was taken away is kept beside the file
    #[arg(long, value_name = "on|off", hide_possible_values = true)]
    collision_copies: Option<Switch>,
    /// After how long a request to release a lock ends it, such as 10m
    #[arg(long, value_name = "TIME", value_parser = span::parse)]
    handover: Option<Duration>,
    /// A policy of its own, or inherit for that of its organization; may be given several times
    #[arg(long = "policy", value_name = "NAME=VALUE", value_parser = assignment)]
    policies: Vec<Assignment>,
}

/// Say through which channels a share is open for a user or a group
#[derive(Args)]
#[command(after_help = "\
Examples:
  commonhold share channel Projects --user ben --webdav off                 not as a drive
  commonhold share channel Projects --group Sales --future-devices off      on no device registered from now on
  commonhold share channel Projects --user ben --device notebook on         but on this one
  commonhold share channel Projects --user ben --webdav unset               as his groups say

What a user's own rule says holds before what those of his groups say; among groups one that says `on` is enough; about what
no rule says anything, the share is open. A device obeys the rule that has its name; else --future-devices, if it was
registered since that was said first. Through a closed channel the share does not exist.")]
pub(super) struct ChannelArgs {
    /// The share
    share: String,
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    change: ChannelChange,
}

#[derive(Args)]
#[group(required = true, multiple = true)]
struct ChannelChange {
    /// The portal and the mobile apps
    #[arg(long, value_name = "on|off|unset", hide_possible_values = true)]
    web: Option<Tristate>,
    /// Mapped drives
    #[arg(long, value_name = "on|off|unset", hide_possible_values = true)]
    webdav: Option<Tristate>,
    /// Devices that are registered from now on
    #[arg(long, value_name = "on|off|unset", hide_possible_values = true)]
    future_devices: Option<Tristate>,
    /// A device by its name; may be given several times
    #[arg(long, num_args = 2, value_names = ["NAME", "on|off|unset"])]
    device: Vec<String>,
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
            Self::Subscribers { share, json } => subscribers(context, &share, json).await,
            Self::Channel(channel) => channel.run(context).await,
            Self::Unsubscribe { share, who } => unsubscribe(context, &share, &who).await,
        }
    }
}

impl Add {
    async fn run(self, context: Context) -> Result<Answer, Failure> {
        let name = Name::parse(&self.name)
            .map_err(|problem| Failure::new(format!("`{}` is no share name: {problem}", self.name.escape_debug())))?;
        let site = context.site().await?;
        let now = Moment::now();
        let mut tx = site.db.write().await?;
        let by = context.administrator(&mut tx).await?;
        let org = context.organization(&mut tx, self.inside.name()).await?.id;
        let department = match &self.department {
            Some(path) => Some(department::named(&mut tx, org, path).await?),
            None => None,
        };
        let new = NewShare {
            org,
            department: department.as_ref(),
            public: self.public,
            name: &name,
            description: &self.description,
            quota_bytes: self.quota,
        };
        let id = shares::create(&mut tx, &by, &new, now).await?;
        // Whoever made it for himself is its co-owner now.
        let by = by.owning(id);
        let share = shares::named(&mut tx, name.as_str()).await?;
        shares::set(&mut tx, &by, &share, &Settings { auto_lock: Some(self.auto_lock), ..Settings::default() }).await?;
        if let Some(owner) = &self.owner {
            let owner = user::named(&mut tx, owner).await?;
            shares::subscribe(&mut tx, &by, &share, Principal::User(owner.id), OWNER_ROLE, now).await?;
        }
        tx.commit().await?;
        let what = if self.public { "public folder" } else { "share" };
        Ok(Answer::said(format!("added the {what} `{name}`")))
    }
}

impl Set {
    async fn run(self, context: Context) -> Result<Answer, Failure> {
        let site = context.site().await?;
        let mut tx = site.db.write().await?;
        let (by, share) = managed(&context, &mut tx, &self.share).await?;
        let department = match self.change.department.as_deref().map(or_none) {
            None => None,
            Some(None) => Some(None),
            Some(Some(path)) => Some(Some(department::named(&mut tx, share.org, path).await?)),
        };
        let settings = Settings {
            description: self.change.description.as_deref(),
            quota_bytes: self.change.quota.map(|quota| quota.0),
            auto_lock: self.change.auto_lock.map(Switch::is_on),
            collision_copies: self.change.collision_copies.map(Switch::is_on),
            department: department.as_ref().map(Option::as_ref),
            handover: self.change.handover,
        };
        shares::set(&mut tx, &by, &share, &settings).await?;
        policy::set_of_share(&mut tx, &by, &share, &self.change.policies).await?;
        tx.commit().await?;
        Ok(Answer::said(format!("changed the share `{}`", share.name)))
    }
}

impl ChannelArgs {
    async fn run(self, context: Context) -> Result<Answer, Failure> {
        let mut devices = Vec::new();
        for pair in self.change.device.chunks_exact(2) {
            let open = Tristate::from_str(&pair[1], true)
                .map_err(|_| Failure::new(format!("a device is on, off or unset, not `{}`", pair[1].escape_debug())))?;
            devices.push((DirectoryName::of_device(&pair[0])?, open.value()));
        }
        let change = RuleChange {
            web: self.change.web.map(Tristate::value),
            webdav: self.change.webdav.map(Tristate::value),
            future_devices: self.change.future_devices.map(Tristate::value),
            devices: &devices,
        };
        let site = context.site().await?;
        let mut tx = site.db.write().await?;
        let (by, share) = managed(&context, &mut tx, &self.share).await?;
        let (principal, name) = self.who.find(&mut tx, share.org).await?;
        shares::set_channels(&mut tx, &by, &share, principal, &change).await?;
        let rules = shares::channel_rules(&mut tx, share.id).await?;
        tx.commit().await?;
        let rule = rules.iter().find(|rule| rule.principal == principal).map(told).unwrap_or_default();
        let rule = if rule.is_empty() { "no rule any more".to_owned() } else { rule };
        Ok(Answer::said(format!("{name} on `{}`: {rule}", share.name)))
    }
}

/// The share of that name, and the proof that whoever acts may manage it, as its administrator or its co-owner.
async fn managed(context: &Context, tx: &mut WriteTx, share: &str) -> Result<(Administrator, Share), Failure> {
    let by = context.administrator(tx).await?;
    let share = shares::named(tx, share).await?;
    Ok((guard::managing(tx, by, &share).await?, share))
}

async fn set_active(context: Context, share: &str, active: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.write().await?;
    let (by, share) = managed(&context, &mut tx, share).await?;
    shares::set_active(&mut tx, &by, &share, active).await?;
    tx.commit().await?;
    Ok(Answer::said(format!("the share `{}` is {}", share.name, state(active))))
}

async fn subscribe(context: Context, share: &str, who: &Who, role: &str) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.write().await?;
    let (by, share) = managed(&context, &mut tx, share).await?;
    let (principal, name) = who.find(&mut tx, share.org).await?;
    shares::subscribe(&mut tx, &by, &share, principal, role, Moment::now()).await?;
    tx.commit().await?;
    Ok(Answer::said(format!("{name} has the role {role} on `{}`", share.name)))
}

async fn unsubscribe(context: Context, share: &str, who: &Who) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.write().await?;
    let (by, share) = managed(&context, &mut tx, share).await?;
    let (principal, name) = who.find(&mut tx, share.org).await?;
    shares::unsubscribe(&mut tx, &by, &share, principal).await?;
    tx.commit().await?;
    Ok(Answer::said(format!("{name} is no longer subscribed to `{}`", share.name)))
}

async fn subscribers(context: Context, share: &str, json: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.read().await?;
    let share = shown_share(&context, &mut tx, share).await?;
    let rows = subscriber_rows(&mut tx, &share).await?;
    Ok(Answer::list(&rows, json, &SUBSCRIBER_HEADINGS, SubscriberRow::cells))
}

async fn list(context: Context, json: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.read().await?;
    let by = context.administrator(&mut tx).await?;
    let mut rows = Vec::new();
    for share in shares::list(&mut tx).await? {
        if by.reaches(share.org, share.department) {
            rows.push(ShareRow::read(&mut tx, share).await?);
        }
    }
    let headings = ["name", "kind", "organization", "used bytes", "quota", "state", "description"];
    Ok(Answer::list(&rows, json, &headings, |row| {
        let state = state(row.active).to_owned();
        let place = match &row.department {
            Some(department) => format!("{} {department}", row.organization),
            None => row.organization.clone(),
        };
        let used = row.used_bytes.to_string();
        vec![row.name.clone(), row.kind.to_owned(), place, used, row.quota(), state, row.description.clone()]
    }))
}

/// The share of that name, for whoever administers it.
pub(super) async fn shown_share(context: &Context, tx: &mut impl Reads, share: &str) -> Result<Share, Failure> {
    let by = context.administrator(tx).await?;
    let share = shares::named(tx, share).await?;
    by.confirm_place(share.org, share.department, || format!("the share `{}`", share.name))?;
    Ok(share)
}

async fn subscriber_rows(tx: &mut impl Reads, share: &Share) -> Result<Vec<SubscriberRow>, Failure> {
    let mut rules = shares::channel_rules(tx, share.id).await?;
    let mut rows = Vec::new();
    for subscriber in shares::subscribers(tx, share.id).await? {
        let of = rules.iter().position(|rule| rule.principal == subscriber.principal);
        let rule = of.map(|at| rules.swap_remove(at));
        rows.push(SubscriberRow::new(subscriber.principal, subscriber.name.clone(), Some(subscriber), rule));
    }
    // Rules of who has the share otherwise, such as a member of a group that subscribes.
    for rule in rules {
        let name = match rule.principal {
            Principal::User(id) => user::by_id(tx, id).await?.map(|user| user.name),
            Principal::Group(id) => group::by_id(tx, id).await?.map(|group| group.name),
        };
        rows.push(SubscriberRow::new(rule.principal, name.unwrap_or_default(), None, Some(rule)));
    }
    Ok(rows)
}

async fn show(context: Context, share: &str, json: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.read().await?;
    let share = shown_share(&context, &mut tx, share).await?;
    let subscribers = subscriber_rows(&mut tx, &share).await?;
    let policies = policy::of_share(&mut tx, &share).await?.into_iter().filter(PolicyRow::is_value).collect();
    let shown = ShareFacts { share: ShareRow::read(&mut tx, share).await?, subscribers, policies };
    Ok(if json { Answer::json(&shown) } else { Answer::said(shown.told()) })
}

#[derive(Serialize)]
struct ShareRow {
    name: String,
    kind: &'static str,
    organization: String,
    department: Option<String>,
    description: String,
    active: bool,
    used_bytes: u64,
    quota_bytes: Option<u64>,
    auto_lock: bool,
    collision_copies: bool,
    handover_s: u64,
    created: String,
}

impl ShareRow {
    async fn read(tx: &mut impl Reads, share: Share) -> Result<Self, Failure> {
        let organization = organization::by_id(tx, share.org).await?.map(|org| org.name).unwrap_or_default();
        let department = match share.department {
            Some(id) => department::by_id(tx, id).await?.map(|department| department.path),
            None => None,
        };
        Ok(Self {
            name: share.name,
            kind: match share.kind {
                ShareKind::Team => "team share",
                ShareKind::Public => "public folder",
                ShareKind::Home => "home",
            },
            organization,
            department,
            description: share.description,
            active: share.active,
            used_bytes: share.used_bytes,
            quota_bytes: share.quota_bytes,
            auto_lock: share.auto_lock,
            collision_copies: share.collision_copies,
            handover_s: share.handover.as_secs(),
            created: share.created.rfc3339(),
        })
    }

    fn quota(&self) -> String {
        Limit::told(self.quota_bytes)
    }
}

fn state(active: bool) -> &'static str {
    if active { "active" } else { "inactive" }
}

#[derive(Serialize)]
struct SubscriberRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    /// None: no subscriber, but there is a rule about its channels.
    role: Option<String>,
    since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channels: Option<ChannelRow>,
}

#[derive(Serialize)]
struct ChannelRow {
    web: Option<bool>,
    webdav: Option<bool>,
    future_devices: Option<bool>,
    devices: BTreeMap<String, bool>,
    #[serde(skip)]
    told: String,
}

const SUBSCRIBER_HEADINGS: [&str; 4] = ["subscriber", "role", "since", "channels"];

impl SubscriberRow {
    fn new(principal: Principal, name: String, subscriber: Option<Subscriber>, rule: Option<ChannelRule>) -> Self {
        let (user, group) = match principal {
            Principal::User(_) => (Some(name), None),
            Principal::Group(_) => (None, Some(name)),
        };
        let (role, since) = subscriber.map(|subscriber| (subscriber.role, subscriber.since.rfc3339())).unzip();
        let channels = rule.map(|rule| ChannelRow {
            told: told(&rule),
            web: rule.web,
            webdav: rule.webdav,
            future_devices: rule.future_devices,
            devices: rule.devices.into_iter().collect(),
        });
        Self { user, group, role, since, channels }
    }

    fn cells(&self) -> Vec<String> {
        let user = self.user.clone();
        let name = user.unwrap_or_else(|| format!("group {}", self.group.as_deref().unwrap_or_default()));
        let channels = self.channels.as_ref().map(|channels| channels.told.clone());
        let cells = [self.role.clone(), self.since.clone(), channels].map(Option::unwrap_or_default);
        [name].into_iter().chain(cells).collect()
    }
}

/// What a rule says, such as `webdav off, device notebook on`.
fn told(rule: &ChannelRule) -> String {
    let doors = [("web", rule.web), ("webdav", rule.webdav), ("future devices", rule.future_devices)];
    let doors = doors.into_iter().filter_map(|(door, on)| Some(format!("{door} {}", on_or_off(on?))));
    let devices = rule.devices.iter().map(|(name, on)| format!("device {name} {}", on_or_off(*on)));
    doors.chain(devices).collect::<Vec<_>>().join(", ")
}

#[derive(Serialize)]
struct ShareFacts {
    #[serde(flatten)]
    share: ShareRow,
    subscribers: Vec<SubscriberRow>,
    /// Those with a value.
    policies: Vec<PolicyRow>,
}

impl ShareFacts {
    fn told(&self) -> String {
        let mut told = facts(&[
            ("name", self.share.name.clone()),
            ("kind", self.share.kind.to_owned()),
            ("organization", self.share.organization.clone()),
            ("department", self.share.department.clone().unwrap_or_default()),
            ("description", self.share.description.clone()),
            ("state", state(self.share.active).to_owned()),
            ("used bytes", self.share.used_bytes.to_string()),
            ("quota", self.share.quota()),
            ("auto lock", on_or_off(self.share.auto_lock).to_owned()),
            ("collision copies", on_or_off(self.share.collision_copies).to_owned()),
            ("hand-over", span::tell(Duration::from_secs(self.share.handover_s))),
            ("created", self.share.created.clone()),
        ]);
        if !self.subscribers.is_empty() {
            told.push('\n');
            let rows = self.subscribers.iter().map(SubscriberRow::cells).collect();
            told.push_str(&table(Some(&SUBSCRIBER_HEADINGS), rows));
        }
        told.push('\n');
        told.push_str(&table(Some(&["policy", "value", "from"]), self.policies.iter().map(PolicyRow::cells).collect()));
        told
    }
}
