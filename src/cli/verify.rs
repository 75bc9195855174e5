//! `verify`: is everything there, and whole?

use clap::Args;
use serde::Serialize;

use super::Context;
use super::output::{Answer, Failure};
use crate::verify;

/// Check the database against itself and against every stored byte; exit 1 if anything is wrong
#[derive(Args)]
#[command(after_help = "It only reads, and works beside a running server.")]
pub(super) struct Verify {
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        let site = context.site().await?;
        let report = verify::run(&site).await?;
        let shown = Shown {
            findings: report.findings.iter().map(ToString::to_string).collect(),
            contents: report.counts.contents,
            bytes: report.counts.bytes,
            unreferenced_blobs: report.counts.unreferenced_blobs,
        };
        let answer = if self.json { Answer::json(&shown) } else { Answer::said(shown.told()) };
        Ok(answer.with_code(u8::from(!shown.findings.is_empty())))
    }
}

#[derive(Serialize)]
struct Shown {
    findings: Vec<String>,
    contents: u64,
    bytes: u64,
    unreferenced_blobs: u64,
}

impl Shown {
    fn told(&self) -> String {
        let mut told: String = self.findings.iter().map(|finding| format!("{finding}\n")).collect();
        let wrong = match self.findings.len() {
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
