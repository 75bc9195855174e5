//! `policy`: what there is to say for an organization or a share, what holds, and who says it.

use clap::Subcommand;
use serde::Serialize;

use super::Context;
use super::output::{Answer, Failure};
use super::share::shown_share;
use super::switch::on_or_off;
use crate::db::{Reads, WriteTx};
use crate::directory::organization::{self, Organization};
use crate::directory::policy::measure::Unit;
use crate::directory::policy::{self, Measure, Policies, Policy, Said, Value};
use crate::directory::{Administrator, DirectoryError};
use crate::shares::{self, Share};

#[derive(Subcommand)]
pub(super) enum PolicyCommand {
    /// List all policies with their defaults and units, or what holds in an organization or a share and who says it
    #[command(after_help = "\
Examples:
  commonhold policy list                          what there is, and the defaults
  commonhold policy list --org Acme               what holds in an organization
  commonhold policy list --share Projects         what holds in a share, which may have its own

They are set with `org set NAME --policy NAME=VALUE` and `share set NAME --policy NAME=VALUE`.")]
    List {
        /// What holds in this organization
        #[arg(long, value_name = "ORG", conflicts_with = "share")]
        org: Option<String>,
        /// What holds in this share
        #[arg(long, value_name = "SHARE")]
        share: Option<String>,
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
}

impl PolicyCommand {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        let Self::List { org, share, json } = self;
        let rows = match (org, share) {
            (None, None) => rows(&Holding::default()),
            (Some(org), _) => {
                let site = context.site().await?;
                let mut tx = site.db.read().await?;
                let by = context.administrator(&mut tx).await?;
                let org = organization::named(&mut tx, &org).await?;
                by.confirm_place(org.id, None, || format!("the organization `{}`", org.name))?;
                of_organization(&mut tx, &org).await?
            }
            (None, Some(share)) => {
                let site = context.site().await?;
                let mut tx = site.db.read().await?;
                let share = shown_share(&context, &mut tx, &share).await?;
                of_share(&mut tx, &share).await?
            }
        };
        let headings = ["policy", "value", "unit", "from", "meaning"];
        Ok(Answer::list(&rows, json, &headings, |row| {
            let mut cells = row.cells();
            cells.insert(2, row.unit.to_owned());
            cells.push(row.meaning.to_owned());
            cells
        }))
    }
}

/// A policy as it holds somewhere.
#[derive(Serialize)]
pub(super) struct PolicyRow {
    pub name: &'static str,
    /// A switch is true or false; a number of its unit; a list; null: none.
    value: serde_json::Value,
    #[serde(skip)]
    told: String,
    unit: &'static str,
    /// Of switches.
    #[serde(skip_serializing_if = "Option::is_none")]
    on: Option<bool>,
    /// Whether the organization or the share says so itself.
    own: bool,
    /// Who says so: an organization, `this share`, or `default`.
    from: String,
    meaning: &'static str,
}

impl PolicyRow {
    /// Whether it is none of the switches.
    pub fn is_value(&self) -> bool {
        self.on.is_none()
    }

    /// Name, value, who says it.
    pub fn cells(&self) -> Vec<String> {
        vec![self.name.to_owned(), self.told.clone(), self.from.clone()]
    }
}

/// What holds, and who says it.
#[derive(Default)]
struct Holding {
    switches: policy::PolicySet,
    measures: policy::Measures,
    /// By policy; whether it is the one that was asked about, and its name.
    from: std::collections::HashMap<&'static str, (bool, String)>,
}

fn rows(holding: &Holding) -> Vec<PolicyRow> {
    let from = |name: &str| {
        let (own, from) = holding.from.get(name).cloned().unwrap_or((false, "default".to_owned()));
        (own, from)
    };
    let switches = Policy::ALL.into_iter().map(|policy| {
        let on = holding.switches.is_on(policy);
        let (own, from) = from(policy.name());
        let told = on_or_off(on).to_owned();
        let meaning = policy.help();
        PolicyRow { name: policy.name(), value: on.into(), told, unit: "switch", on: Some(on), own, from, meaning }
    });
    let measures = Measure::ALL.into_iter().map(|measure| {
        let value = holding.measures.get(measure);
        let (own, from) = from(measure.name());
        let (unit, meaning) = (measure.unit().name(), measure.help());
        PolicyRow {
            name: measure.name(),
            told: shortened(&value.to_string()),
            value: as_json(&value),
            unit,
            on: None,
            own,
            from,
            meaning,
        }
    });
    switches.chain(measures).collect()
}

fn as_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Unlimited => serde_json::Value::Null,
        Value::Number(number) => (*number).into(),
        Value::Word(word) => (*word).into(),
        Value::Extensions(list) => list.iter().collect::<Vec<_>>().into(),
    }
}

/// A long list as a table has room for it; `--json` has it whole.
fn shortened(told: &str) -> String {
    const CHARS_MAX: usize = 40;
    match told.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}...", &told[..end]),
        None => told.to_owned(),
    }
}

/// What holds in an organization.
pub(super) async fn of_organization(reads: &mut impl Reads, org: &Organization) -> Result<Vec<PolicyRow>, Failure> {
    let policies = policy::of(reads, &[org.id]).await?;
    Ok(rows(&said_in(reads, &policies, org.id, true).await?))
}

async fn said_in(
    reads: &mut impl Reads,
    policies: &Policies,
    org: crate::ids::OrgId,
    asked: bool,
) -> Result<Holding, Failure> {
    let mut holding =
        Holding { switches: policies.of(org), measures: policies.measures(org), from: Default::default() };
    for (name, by) in policy::spoken_by(reads, org).await? {
        let from = organization::by_id(reads, by).await?.map(|by| by.name).unwrap_or_default();
        holding.from.insert(name, (asked && by == org, from));
    }
    Ok(holding)
}

/// What holds in a share: the policies with a value that it may have of its own, and what its organization says.
pub(super) async fn of_share(reads: &mut impl Reads, share: &Share) -> Result<Vec<PolicyRow>, Failure> {
    let policies = policy::of(reads, &[share.org]).await?;
    let mut holding = said_in(reads, &policies, share.org, false).await?;
    let mut measures = policy::measures(reads, &[(share.id, share.org)]).await?;
    holding.measures = measures.remove(&share.id).unwrap_or_default();
    for measure in policy::own_of_share(reads, share.id).await? {
        holding.from.insert(measure.name(), (true, "this share".to_owned()));
    }
    Ok(rows(&holding))
}

/// What `--policy NAME=VALUE` says; nothing for what is left to those above.
#[derive(Clone)]
pub(super) struct Assignment {
    name: &'static str,
    said: Option<Said>,
}

/// Reads `NAME=VALUE`.
pub(super) fn assignment(text: &str) -> Result<Assignment, String> {
    let (name, value) = text.split_once('=').ok_or("a policy is set by NAME=VALUE or NAME=inherit")?;
    let told = |error: DirectoryError| error.to_string();
    match (Policy::named(name), Measure::named(name)) {
        (Some(policy), _) => {
            let said = match value {
                "on" | "true" => Some(Said::Switch(policy, true)),
                "off" | "false" => Some(Said::Switch(policy, false)),
                INHERIT => None,
                _ => return Err(format!("`{name}` is on, off or inherit")),
            };
            Ok(Assignment { name: policy.name(), said })
        }
        (None, Some(measure)) if value == INHERIT => Ok(Assignment { name: measure.name(), said: None }),
        (None, Some(measure)) => {
            let value = measure.parse(value).map_err(told)?;
            Ok(Assignment { name: measure.name(), said: Some(Said::Measure(measure, value)) })
        }
        (None, None) => Err(told(DirectoryError::NoSuchPolicy(name.escape_debug().to_string()))),
    }
}

const INHERIT: &str = "inherit";

/// Sets policies of an organization.
pub(super) async fn set_of_organization(
    tx: &mut WriteTx,
    by: &Administrator,
    org: &Organization,
    policies: &[Assignment],
) -> Result<(), Failure> {
    for Assignment { name, said } in policies {
        match said {
            Some(said) => policy::set(tx, by, org, said).await?,
            None => policy::unset(tx, by, org, name).await?,
        }
    }
    Ok(())
}

/// Sets policies of a share. Errors: a switch, which shares don't have.
pub(super) async fn set_of_share(
    tx: &mut WriteTx,
    by: &Administrator,
    share: &Share,
    policies: &[Assignment],
) -> Result<(), Failure> {
    for Assignment { name, said } in policies {
        let Some(measure) = Measure::named(name) else {
            return Err(Failure::new(format!("`{name}` is a switch of organizations; a share has none of its own")));
        };
        let value = match said {
            Some(Said::Measure(_, value)) => Some(value),
            Some(Said::Switch(..)) | None => None,
        };
        shares::set_policy(tx, by, share, measure, value).await?;
    }
    Ok(())
}

/// The table of policies for a command's help: of all, or of those with a value.
pub(super) fn help(with_switches: bool) -> String {
    let line =
        |name: &str, default: &str, meaning: &str| format!("  {name:<21} {:<7} {meaning}\n", format!("[{default}]"));
    let mut told = String::new();
    for policy in Policy::ALL.into_iter().filter(|_| with_switches) {
        told += &line(policy.name(), on_or_off(policy.default()), policy.help());
    }
    for measure in Measure::ALL {
        let unit = measure.unit();
        let default = match measure {
            // Too long a list for a line.
            Measure::LockedExtensions => "office".to_owned(),
            _ => measure.default().to_string(),
        };
        let counted = if matches!(unit, Unit::Extensions | Unit::Word) { "" } else { unit.name() };
        told += &line(
            measure.name(),
            &default,
            &[measure.help(), counted].join(if counted.is_empty() { "" } else { ", in " }),
        );
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_tells_every_policy_with_its_default() {
        let told = help(true);
        for name in Policy::ALL.map(Policy::name).into_iter().chain(Measure::ALL.map(Measure::name)) {
            assert!(told.contains(name), "{name}\n{told}");
        }
        assert!(
            told.contains("admin_browse_files    [off]") && told.contains("max_file_bytes        [none]"),
            "{told}"
        );
        assert!(!help(false).contains("admin_browse_files"));
    }

    #[test]
    fn a_policy_is_set_to_its_own_kind_of_value() {
        for good in ["user_lock_files=off", "max_file_bytes=5", "max_file_bytes=none", "purge_deleted_days=inherit"] {
            assert!(assignment(good).is_ok(), "{good}");
        }
        for (wrong, told) in [
            ("user_lock_files=5", "`user_lock_files` is on, off or inherit"),
            ("max_file_bytes=on", "`max_file_bytes` is `none`, or a number from 1 to"),
            ("fly=on", "there is no policy `fly`"),
            ("max_file_bytes", "NAME=VALUE"),
        ] {
            let error = assignment(wrong).err().unwrap_or_default();
            assert!(error.contains(told), "{wrong}: {error}");
        }
    }
}
