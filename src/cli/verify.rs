//! `verify`: is everything there, and whole? And what of it can be mended.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;

use super::Context;
use super::output::{Answer, Failure};
use crate::clock::Moment;
use crate::site::Site;
use crate::verify::{self, Counts, Finding, Report, repair};

/// How often a terminal is told how far it is.
const TELL: Duration = Duration::from_millis(500);

/// Check the database against itself and against every stored byte; exit 1 if anything is wrong
#[derive(Args)]
#[command(after_help = "\
Examples:
  commonhold verify
  commonhold verify --repair

Without --repair it only reads, and works beside a running server. With it, what is wrong is mended where nothing is lost by
that: counts and marks that follow from other rows are set right, what nothing leads to comes into the trash of its share, rows
that contradict others are moved aside. Each repair is told and recorded. What is left is told after it, and the exit is 1 if
anything is. A content that is damaged or gone can't be mended; the newest revision that is whole is named.")]
pub(super) struct Verify {
    /// Mend what can be mended without losing anything
    #[arg(long)]
    repair: bool,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        let site = context.site().await?;
        let mut report = check(&site).await?;
        let (mut found, mut repaired) = (Vec::new(), None);
        if self.repair && !report.findings.is_empty() {
            found = report.findings.iter().map(ToString::to_string).collect();
            repaired = Some(repair::run(&site, Moment::now()).await?);
            report = check(&site).await?;
        }
        let shown = Shown {
            found,
            repaired,
            findings: report.findings.iter().map(Finding::to_string).collect(),
            more: report.more,
            contents: report.counts.contents,
            bytes: report.counts.bytes,
            unreferenced_blobs: report.counts.unreferenced_blobs,
        };
        let answer = if self.json { Answer::json(&shown) } else { Answer::said(shown.told()) };
        Ok(answer.with_code(u8::from(!shown.findings.is_empty())))
    }
}

/// Checks, and tells a terminal how far it is.
async fn check(site: &Site) -> Result<Report, Failure> {
    let is_watched = std::io::stderr().is_terminal();
    let mut told = Instant::now();
    let report = verify::run_telling(site, |counts: &Counts| {
        if is_watched && told.elapsed() > TELL {
            told = Instant::now();
            eprint!("\r{} contents, {} MiB", counts.contents, counts.bytes >> 20);
        }
    });
    let report = report.await?;
    if is_watched {
        eprint!("\r\x1b[K");
    }
    Ok(report)
}

#[derive(Serialize)]
struct Shown {
    /// What was wrong before the repair.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    found: Vec<String>,
    /// What was mended; none without --repair, or when there was nothing to mend.
    #[serde(skip_serializing_if = "Option::is_none")]
    repaired: Option<Vec<String>>,
    /// What is wrong.
    findings: Vec<String>,
    /// Findings beyond those.
    more: u64,
    contents: u64,
    bytes: u64,
    unreferenced_blobs: u64,
}

impl Shown {
    fn told(&self) -> String {
        let mut told: String = self.found.iter().map(|finding| format!("found: {finding}\n")).collect();
        told.extend(self.repaired.iter().flatten().map(|repair| format!("mended: {repair}\n")));
        let left = if self.repaired.is_some() { "left: " } else { "" };
        told.extend(self.findings.iter().map(|finding| format!("{left}{finding}\n")));
        let wrong = match self.findings.len() as u64 + self.more {
            0 => "nothing is wrong".to_owned(),
            count => format!("wrong: {count}"),
        };
        told.push_str(&format!("checked {} contents of {} bytes; {wrong}\n", self.contents, self.bytes));
        if self.unreferenced_blobs > 0 {
            told.push_str(&format!("{} blobs are left of uploads that never ended\n", self.unreferenced_blobs));
        }
        told
    }
}
