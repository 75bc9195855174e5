//! `job`: what the server does by itself; looking at it, and doing one of them now.

use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use serde::Serialize;

use super::output::{Answer, Failure};
use super::{Context, span};
use crate::clock::Moment;
use crate::config::Config;
use crate::jobs::claim::Claim;
use crate::jobs::{self, Chores, Job, JobError, Pace, Standing, carry_out};
use crate::net;
use crate::site::Site;

#[derive(Subcommand)]
pub(super) enum JobCommand {
    /// List the jobs: when each last ran and what it did, when it runs next, who runs it now
    #[command(after_help = "\
Examples:
  commonhold job list
  commonhold job list --json

A job is run by one server at a time, whichever finds it due first. Who runs it says so again and again; if a server dies, its
job is `left` and goes to another within a minute. One that failed is tried again by itself.")]
    List {
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Run one of them now and wait for its end, beside a running server if need be; exit 1 if it fails
    #[command(after_help = "\
Examples:
  commonhold job run sweep-locks
  commonhold job run retain-audit

Ctrl-C stops it between two steps; the next run goes on from there.")]
    Run {
        /// Its name in `job list`
        #[arg(value_name = "NAME", value_parser = names())]
        job: String,
    },
}

fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(Job::ALL.map(Job::name))
}

impl JobCommand {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        match self {
            Self::List { json } => list(context, json).await,
            Self::Run { job } => {
                let job = Job::named(&job).expect("clap takes no other name");
                Ok(Answer::said(run_now(&context, job).await?))
            }
        }
    }
}

async fn list(context: Context, json: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let standings = jobs::standings(&mut site.db.read().await?).await?;
    let now = Moment::now();
    let rows: Vec<Row> = standings.into_iter().map(|standing| Row::new(standing, &context.config, now)).collect();
    let headings = ["job", "state", "by", "every", "last", "took", "next", "outcome"];
    Ok(Answer::list(&rows, json, &headings, |row| {
        let took = row.took_s.map(|seconds| format!("{seconds} s")).unwrap_or_default();
        let every = span::tell(std::time::Duration::from_secs(row.every_s));
        let [by, last, next, outcome] =
            [&row.by, &row.last, &row.next, &row.outcome].map(|cell| cell.clone().unwrap_or_default());
        vec![row.name.to_owned(), row.state.to_owned(), by, every, last, took, next, outcome]
    }))
}

/// Runs a job in this process. Gives what it did.
pub(super) async fn run_now(context: &Context, job: Job) -> Result<String, Failure> {
    let site = context.site().await?;
    let runner = jobs::runner();
    // This transaction leaves the record of the command; what the job does has its own.
    let Some(claim) = Claim::take(&site.db, job, &runner, Moment::now(), false).await? else {
        let standings = jobs::standings(&mut site.db.read().await?).await?;
        let holder =
            standings.into_iter().find(|standing| standing.job == job).and_then(|standing| standing.row?.claim);
        let by = holder.map_or_else(|| "somebody else".to_owned(), |(by, _)| format!("`{by}`"));
        return Err(Failure::new(format!("the job `{}` is being run by {by}", job.name())));
    };
    let chores = chores(context, site);
    let stop = net::stop_on_signal()?;
    let ended: Result<String, JobError> = carry_out(&chores, claim, &Pace::until(stop)).await?;
    Ok(ended?)
}

/// What jobs work with in this process. Their transactions leave their own records.
pub(super) fn chores(context: &Context, site: Site) -> Chores {
    let head_file = site.head_file(&context.config.audit);
    let Site { db, blobs, .. } = site.unsealed();
    Chores { db, blobs, config: context.config.clone(), head_file, runner: jobs::runner() }
}

#[derive(Serialize)]
struct Row {
    name: &'static str,
    about: &'static str,
    /// `waiting`; `running`; `left` by a server that died; `failed` the last time; `never run`.
    state: &'static str,
    /// Who runs it, machine and process.
    by: Option<String>,
    every_s: u64,
    /// When the last run began.
    last: Option<String>,
    /// Of the last run that has ended.
    took_s: Option<u64>,
    next: Option<String>,
    /// What the last run that has ended did, or why it failed.
    outcome: Option<String>,
    /// Where a run that was broken off goes on.
    progress: Option<String>,
}

impl Row {
    fn new(Standing { job, row }: Standing, config: &Config, now: Moment) -> Self {
        let every_s = job.every(config).as_secs();
        let (name, about) = (job.name(), job.about());
        let Some(row) = row else {
            let nothing = (None, None, None, None, None, None);
            let (by, last, took_s, next, outcome, progress) = nothing;
            return Self { name, about, state: "never run", by, every_s, last, took_s, next, outcome, progress };
        };
        let state = match &row.claim {
            Some((_, until)) if *until > now => "running",
            Some(_) => "left",
            None if row.failed => "failed",
            None => "waiting",
        };
        let ended = row.ended.filter(|ended| row.started.is_some_and(|started| started <= *ended));
        let took_s = ended.zip(row.started).map(|(ended, started)| ended.since(started).as_secs());
        Self {
            name,
            about,
            state,
            by: row.claim.map(|(by, _)| by),
            every_s,
            last: row.started.map(Moment::rfc3339),
            took_s,
            next: Some(row.next_at.rfc3339()),
            outcome: row.outcome,
            progress: row.progress,
        }
    }
}
