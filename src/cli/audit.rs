//! `audit`: who did what, who was denied what; and that nothing of it was altered.

use std::io::ErrorKind;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::output::{self, Answer, Failure, Growing};
use super::place::TreePath;
use super::{Context, moment};
use crate::audit::verify::{Finding, Kept, Verdict};
use crate::audit::{self, Entry, Filter, Head, Outcome, Reader};
use crate::clock::Moment;
use crate::db::Reads;
use crate::directory::{self, User};
use crate::ids::NodeId;
use crate::path::RelPath;
use crate::site::Site;

/// List who did what and who was denied what, the newest last; or prove that nothing was altered
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "\
Examples:
  commonhold audit --since 2h                          what happened in the last two hours
  commonhold audit --user ben --denied                 what was denied to ben, each with the rule that denied it
  commonhold audit --path /Projects/plan.docx          also under the names that it had before
  commonhold audit --path ~ana/Reports                 what was done to a folder in ana's home
  commonhold audit --path /Projects/2027 --verb DELETE --since 2026-11-01
  commonhold audit --limit 20                          the newest twenty
  commonhold audit verify                              prove that no record was altered or removed

A time is a date (2026-11-26, from its first moment, UTC), a moment (2026-11-26T14:00:00Z) or a span before now (30m, 2h, 7d).
A verb is one of HTTP (PUT, GET ...), LOGIN, or a command (`share subscribe`).
Downloads, denials and logins are there less than a second after their answers; changes at once.")]
pub(super) struct Audit {
    #[command(subcommand)]
    act: Option<Act>,
    /// Only what this user did
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Only what was done to this file or folder, or below it
    #[arg(long, value_parser = TreePath::parse)]
    path: Option<TreePath>,
    /// Only from then on
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    since: Option<Moment>,
    /// Only until just before then
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    until: Option<Moment>,
    /// Only this verb
    #[arg(long)]
    verb: Option<String>,
    /// Only what was denied
    #[arg(long)]
    denied: bool,
    /// Only the newest so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=LIMIT_MAX))]
    limit: Option<u32>,
    /// Print a JSON array
    #[arg(long)]
    json: bool,
}

/// A column is no wider.
const CELL_CHARS_MAX: usize = 48;
/// What `--limit` takes at the most: so many are held in memory.
const LIMIT_MAX: i64 = 1_000_000;

#[derive(Subcommand)]
enum Act {
    /// Prove that no record was altered, removed or put in; exit 1 and name the first broken one if any was
    #[command(after_help = "\
Examples:
  commonhold audit verify
  commonhold audit verify --against 5120:9f2c…         a head that `audit head` printed some time ago

The records are a chain of hashes: a change in its middle shows by itself. That its end was cut off, or that all of it was
written anew, shows only against a head that was kept elsewhere. The server keeps one beside the database (`audit.head_file`)
and logs it when it stops; whoever can write both can forge both, so keep some where nobody can, and give them with --against.")]
    Verify {
        /// A head that was kept, NUMBER:HASH; may be given several times
        #[arg(long, value_name = "HEAD")]
        against: Vec<Head>,
        /// Print a JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print the head of the log, NUMBER:HASH, to be kept elsewhere and given to `audit verify` later
    Head,
}

impl Audit {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        let site = context.site().await?;
        match self.act {
            Some(Act::Verify { against, json }) => verify(&context, &site, &against, json).await,
            Some(Act::Head) => Ok(Answer::said(audit::head(&mut site.db.read().await?).await?.to_string())),
            None => self.list(&site).await,
        }
    }

    async fn list(self, site: &Site) -> Result<Answer, Failure> {
        let mut tx = site.db.read().await?;
        let account = match &self.user {
            Some(name) => directory::find_user(&mut tx, name).await?,
            None => None,
        };
        let path = match &self.path {
            Some(path) => wanted(&mut tx, path, account.as_ref()).await?,
            None => None,
        };
        let id = account.as_ref().map(|user| user.id);
        let user = self.user.map(|name| (id, account.map_or(name, |user| user.name)));
        let outcome = self.denied.then_some(Outcome::Denied);
        let filter = Filter { user, path, since: self.since, until: self.until, verb: self.verb, outcome };
        let mut reader = match self.limit {
            Some(limit) => Reader::newest(&mut tx, filter, limit as usize).await?,
            None => Reader::new(filter),
        };
        drop(tx);
        let mut sheet = Sheet::new(self.json);
        loop {
            let entries = reader.next(&mut site.db.read().await?).await?;
            let is_last = entries.is_empty();
            match output::write(&sheet.lines(&entries, is_last)) {
                // Whoever reads has seen enough.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => break,
                written => written?,
            }
            if is_last {
                break;
            }
        }
        Ok(Answer::said(""))
    }
}

/// The path and what it leads to now. That nothing is there any more is no reason to find nothing.
async fn wanted(
    tx: &mut impl Reads,
    path: &TreePath,
    whose: Option<&User>,
) -> Result<Option<(RelPath, Option<NodeId>)>, Failure> {
    if path.is_root() {
        return Ok(None);
    }
    let (shown, node) = match path.find(tx, whose).await {
        Ok(found) => (found.shown.clone(), Some(found.node().id)),
        Err(failure) if path.is_somebodys_home() => return Err(failure),
        Err(_) => (path.to_string(), None),
    };
    let comparable = audit::comparable(&shown).ok_or_else(|| Failure::new(format!("`{shown}` is no path")))?;
    Ok(Some((comparable, node)))
}

/// What is printed piece by piece: a table whose columns only grow, or the elements of one array.
struct Sheet {
    json: bool,
    table: Growing,
    is_begun: bool,
}

impl Sheet {
    fn new(json: bool) -> Self {
        let headings = ["number", "time", "who", "channel", "address", "verb", "status", "path", "note"];
        Self { json, table: Growing::new(&headings, CELL_CHARS_MAX), is_begun: false }
    }

    fn lines(&mut self, entries: &[Entry], is_last: bool) -> String {
        if !self.json {
            return self.table.lines(entries.iter().map(cells).collect());
        }
        let mut lines = String::new();
        for entry in entries {
            lines.push_str(if self.is_begun { ",\n" } else { "[\n" });
            lines.push_str(&serde_json::to_string(&Row::from(entry)).expect("plain structs become JSON"));
            self.is_begun = true;
        }
        if is_last {
            lines.push_str(if self.is_begun { "\n]\n" } else { "[]\n" });
        }
        lines
    }
}

/// A record as a line of the table.
fn cells(entry: &Entry) -> Vec<String> {
    let record = &entry.record;
    let text = |line: &Option<audit::Line>| line.as_ref().map(ToString::to_string).unwrap_or_default();
    let who = match (record.actor.name.as_str(), &record.actor.device) {
        ("", _) => "-".to_owned(),
        (name, None) => name.to_owned(),
        (name, Some(device)) => format!("{name} ({device})"),
    };
    let path = match &record.target {
        Some(target) => format!("{} -> {target}", text(&record.path)),
        None => text(&record.path),
    };
    let status = match (record.outcome, record.status) {
        (outcome, Some(status)) => format!("{} {status}", outcome.name()),
        (outcome, None) => outcome.name().to_owned(),
    };
    let note = match record.times {
        1 => text(&record.note),
        times => format!("{times} times: {}", text(&record.note)),
    };
    vec![
        entry.seq.to_string(),
        record.at.rfc3339(),
        who,
        record.actor.channel.to_string(),
        text(&record.actor.address),
        record.verb.to_string(),
        status,
        path,
        note,
    ]
}

/// A record as an element of the array. What isn't known is left out.
#[derive(Serialize)]
struct Row<'e> {
    number: i64,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<i64>,
    channel: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'e str>,
    verb: &'e str,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    share_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    times: u64,
    /// Why it was denied.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'e str>,
    /// Why it was refused, or what else there is to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'e str>,
    hash: String,
}

impl<'e> From<&'e Entry> for Row<'e> {
    fn from(entry: &'e Entry) -> Self {
        let text = |line: &'e Option<audit::Line>| line.as_ref().map(audit::Line::as_str);
        let record = &entry.record;
        let name = record.actor.name.as_str();
        let note = text(&record.note);
        let is_denied = record.outcome == Outcome::Denied;
        Self {
            number: entry.seq,
            time: record.at.rfc3339(),
            user: (!name.is_empty()).then_some(name),
            user_id: record.actor.id.map(|id| id.0),
            channel: record.actor.channel.as_str(),
            device: text(&record.actor.device),
            address: text(&record.actor.address),
            agent: text(&record.actor.agent),
            request: text(&record.actor.request),
            verb: record.verb.as_str(),
            outcome: record.outcome.name(),
            status: record.status,
            share_id: record.share.map(|id| id.0),
            node_id: record.node.map(|id| id.0),
            path: text(&record.path),
            target: text(&record.target),
            bytes: record.bytes,
            times: record.times,
            rule: note.filter(|_| is_denied),
            note: note.filter(|_| !is_denied),
            hash: blake3::Hash::from_bytes(entry.hash).to_hex().to_string(),
        }
    }
}

async fn verify(context: &Context, site: &Site, against: &[Head], json: bool) -> Result<Answer, Failure> {
    let head_file = site.head_file(&context.config.audit);
    // Before the log is read: what a running server appends meanwhile only makes the log longer.
    let beside = head_file.read();
    let place = format!("the file `{}`", head_file.path().display());
    let mut kept: Vec<Kept> =
        against.iter().map(|head| Kept { place: "the head that was given".to_owned(), head: *head }).collect();
    let mut unreadable = None;
    match beside {
        Ok(Some(head)) => kept.push(Kept { place, head }),
        Ok(None) => {}
        Err(error) => unreadable = Some(error.to_string()),
    }
    let verdict = audit::verify::verify(&mut site.db.read().await?, &kept).await?;
    let mut findings: Vec<String> = verdict.findings.iter().map(Finding::to_string).collect();
    findings.extend(unreadable);
    let shown = Verified {
        checked: verdict.checked,
        head: verdict.head.to_string(),
        begins_after: verdict.stump.map(|stump| stump.to_string()),
        compared_with: kept.len() - verdict.too_old.len(),
        findings,
    };
    let code = u8::from(!shown.findings.is_empty());
    let answer = if json { Answer::json(&shown) } else { Answer::said(shown.told(&verdict)) };
    Ok(answer.with_code(code))
}

#[derive(Serialize)]
struct Verified {
    checked: u64,
    head: String,
    begins_after: Option<String>,
    compared_with: usize,
    findings: Vec<String>,
}

impl Verified {
    fn told(&self, verdict: &Verdict) -> String {
        let mut told: String = self.findings.iter().map(|finding| format!("{finding}\n")).collect();
        if let Some(stump) = verdict.stump {
            told.push_str(&format!("the records up to {} were removed when their time was over\n", stump.seq));
        }
        for kept in &verdict.too_old {
            told.push_str(&format!("{} is older than what is left, so it proves nothing\n", kept.place));
        }
        if self.compared_with == 0 {
            told.push_str("no head was kept elsewhere, so nothing shows whether the end is missing\n");
        }
        let whole =
            if self.findings.is_empty() { "records hold together" } else { "records hold together before that" };
        told.push_str(&format!("{} {whole}; the head is {}\n", self.checked, self.head));
        told
    }
}
