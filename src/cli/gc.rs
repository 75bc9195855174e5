//! `gc`: contents that nothing names any more.

use clap::Args;
use serde::Serialize;

use super::job::run_now;
use super::output::{Answer, Failure};
use super::{Context, job};
use crate::clock::Moment;
use crate::contents::collect;
use crate::jobs::Job;
use crate::jobs::gc::{count_strays, grace};

/// Remove contents that no file and no revision names any more, beside a running server
#[derive(Args)]
#[command(after_help = "\
Examples:
  commonhold gc --dry-run      what would go now, and what still waits
  commonhold gc

The server does this by itself every hour (`job list`). A content waits for `storage.gc_grace_h` hours (48) first, so that a backup
that has copied the database still finds it. What is in the trash or kept as a revision is named, and stays: `trash purge` and
`revision trim` let go of it.")]
pub(super) struct Gc {
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run: print a JSON object
    #[arg(long, requires = "dry_run")]
    json: bool,
}

impl Gc {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        if !self.dry_run {
            let strays = run_now(&context, Job::FindStrays).await?;
            let removed = run_now(&context, Job::Gc).await?;
            return Ok(Answer::said(format!("{strays}\n{removed}")));
        }
        let site = context.site().await?;
        let now = Moment::now();
        let grace = grace(context.config.storage.gc_grace_h);
        let outlook = collect::outlook(&mut site.db.read().await?, now, grace).await?;
        let (due, waiting) = (outlook.due, outlook.waiting);
        let strays = count_strays(&job::chores(&context, site), now).await?;
        let shown = Shown {
            contents: due.0,
            bytes: due.1,
            waiting_contents: waiting.0,
            waiting_bytes: waiting.1,
            next: outlook.next.map(Moment::rfc3339),
            strays,
        };
        Ok(if self.json { Answer::json(&shown) } else { Answer::said(shown.told()) })
    }
}

#[derive(Serialize)]
struct Shown {
    /// That would be removed now.
    contents: u64,
    bytes: u64,
    /// Whose grace is not over.
    waiting_contents: u64,
    waiting_bytes: u64,
    /// When the first of these may go.
    next: Option<String>,
    /// Blobs that no row names.
    strays: u64,
}

impl Shown {
    fn told(&self) -> String {
        let mut told = format!("{} contents of {} bytes would be removed\n", self.contents, self.bytes);
        if let Some(next) = &self.next {
            let (contents, bytes) = (self.waiting_contents, self.waiting_bytes);
            told.push_str(&format!("{contents} of {bytes} bytes wait, the first of them until {next}\n"));
        }
        if self.strays > 0 {
            told.push_str(&format!(
                "{} blobs are named by no row and would be removed after their grace\n",
                self.strays
            ));
        }
        told
    }
}
