//! `backup` and `restore`: a site's generations in a folder, and back.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::Context;
use super::output::{Answer, Failure};
use crate::backup::{Backup, BackupError, Brought, Manifest, restore};
use crate::clock::Moment;
use crate::verify;

/// Generations that are kept unless another number is given.
const KEEP_DEFAULT: usize = 14;

/// Back the whole site up into a folder, while it is served
#[derive(Args)]
#[command(after_help = "\
Examples:
  commonhold backup /mnt/backup/site                 adds a generation; contents that are there are not brought again
  commonhold backup /mnt/backup/site --verify        and compares everything that it needs with its hashes
  commonhold backup /mnt/backup/site --list          what is there
  commonhold backup /mnt/backup/site --keep 30       generations before the newest 30 go, with what only they named

A generation is all rows of one moment and every content that they name, wherever the site keeps either. Run it by a timer. It has to take less
time than the collector's grace (`storage.gc_grace_h`). Put the folder on another disk or machine. `restore` brings it back.")]
pub(super) struct Backing {
    /// The folder of the backup; made when it is missing
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// List the generations instead of making one
    #[arg(long, conflicts_with_all = ["verify", "keep"])]
    list: bool,
    /// Compare the new generation with its hashes, contents of earlier ones included
    #[arg(long)]
    verify: bool,
    /// How many generations to keep
    #[arg(long, value_name = "N", default_value_t = KEEP_DEFAULT, value_parser = at_least_one)]
    keep: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn at_least_one(text: &str) -> Result<usize, &'static str> {
    text.parse().ok().filter(|number| *number > 0).ok_or("at least one generation is kept")
}

impl Backing {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        if self.list {
            return list(&Backup::open(&self.folder)?, self.json);
        }
        let site = context.site().await?;
        let backup = Backup::begin(&self.folder, &site).await?;
        let (manifest, brought) = backup.make(&site, Moment::now()).await?;
        if self.verify {
            backup.verify(&manifest).await?;
        }
        let (dropped, dropped_contents) = backup.drop_old(self.keep).await?;
        // The audit tells who took everything along.
        site.db.write().await?.commit().await?;
        let made = Made { row: Row::of(&manifest), brought, verified: self.verify, dropped, dropped_contents };
        Ok(if self.json { Answer::json(&made) } else { Answer::said(made.told()) })
    }
}

fn list(backup: &Backup, json: bool) -> Result<Answer, Failure> {
    let rows: Vec<Row> = backup.generations()?.iter().map(Row::of).collect();
    Ok(Answer::list(&rows, json, &["generation", "made", "rows", "contents", "bytes"], |row| {
        let numbers = [row.rows, row.contents, row.content_bytes].map(|number| number.to_string());
        [row.generation.to_string(), row.made.clone()].into_iter().chain(numbers).collect()
    }))
}

#[derive(Serialize)]
struct Row {
    generation: u64,
    made: String,
    site: String,
    version: String,
    audit_head: String,
    rows: u64,
    rows_bytes: u64,
    contents: u64,
    content_bytes: u64,
}

impl Row {
    fn of(manifest: &Manifest) -> Self {
        Self {
            generation: manifest.generation,
            made: Moment(manifest.made_ms).rfc3339(),
            site: manifest.site.clone(),
            version: manifest.version.clone(),
            audit_head: manifest.audit_head.clone(),
            rows: manifest.rows(),
            rows_bytes: manifest.rows_bytes,
            contents: manifest.contents,
            content_bytes: manifest.content_bytes,
        }
    }
}

#[derive(Serialize)]
struct Made {
    #[serde(flatten)]
    row: Row,
    brought: Brought,
    verified: bool,
    dropped: u64,
    dropped_contents: u64,
}

impl Made {
    fn told(&self) -> String {
        let Row { generation, rows, contents, content_bytes, .. } = &self.row;
        let Brought { contents: new, bytes: new_bytes } = self.brought;
        let mut told = format!(
            "generation {generation}: {rows} rows and {contents} contents of {content_bytes} bytes, of which {new} of {new_bytes} bytes are new\n"
        );
        if self.verified {
            told.push_str("all of it was compared with its hashes\n");
        }
        if self.dropped > 0 {
            told.push_str(&format!(
                "dropped {} old generations and {} contents\n",
                self.dropped, self.dropped_contents
            ));
        }
        told
    }
}

/// Make a site from a backup, in a place where there is none
#[derive(Args)]
#[command(after_help = "\
Examples:
  commonhold restore /mnt/backup/site --data /srv/commonhold
  commonhold restore /mnt/backup/site --data /tmp/drill --generation 12      an earlier one; a drill in another place
  COMMONHOLD_DATABASE=postgres://localhost/site commonhold restore /mnt/backup --data /srv/site

Everything is compared with its hashes before the place becomes a site, and the whole site is verified after it. A try that was cut off leaves
no site, and can be begun again. The restored site has an id of its own, so it doesn't touch what the old one keeps in a bucket; locks, passwords and
grants are as they were in the backup.")]
pub(super) struct Restoring {
    /// The folder of the backup
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Another generation than the newest
    #[arg(long, value_name = "N")]
    generation: Option<u64>,
    /// Restore also when the backup lacks contents; what lies in them is told and can't be read
    #[arg(long)]
    even_damaged: bool,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

impl Restoring {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        let backup = Backup::open(&self.folder)?;
        let manifest = backup.generation(self.generation)?;
        let place = (context.data.as_path(), &context.config);
        let restored = restore::restore(&backup, &manifest, place, self.even_damaged, Moment::now()).await?;
        // From here on with the schema of today.
        let site = context.site().await?;
        site.db.write().await?.commit().await?;
        let report = verify::run(&site).await?;
        let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
        if findings.len() > restored.missing.len() {
            return Err(BackupError::NotWhole(findings).into());
        }
        if self.json {
            return Ok(Answer::json(&restored));
        }
        let restore::Restored { generation, rows, contents, bytes, missing } = restored;
        let made = Moment(manifest.made_ms).rfc3339();
        let mut told = format!(
            "restored generation {generation}, of {made}: {rows} rows and {contents} contents of {bytes} bytes; the site was verified\n"
        );
        missing.iter().for_each(|missing| told.push_str(&format!("not in the backup: {missing}\n")));
        Ok(Answer::said(told))
    }
}
