//! `migrate`: the site, rows and contents, to another place.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::Context;
use super::output::{Answer, Failure};
use crate::config::{Config, PlaceOfBlobs};
use crate::migrate::{self, Moved};
use crate::site::Site;

/// Bring the whole site to another place, while no server runs on it
#[derive(Args)]
#[command(after_help = "\
Examples:
  commonhold migrate --to postgres://commonhold@db.example.org/commonhold --blobs s3://files/team     from one machine to many
  commonhold migrate --to postgres://commonhold@db.example.org/commonhold                             the rows only
  commonhold --config /etc/commonhold.toml migrate --to /srv/commonhold                               and back to a folder

Stop every server of the site first. Contents are brought first and compared with their hashes there; then all rows, in one
transaction, compared by their number and a hash for each table. What was cut off is begun anew and finds the contents that are there
already. The place must hold no site; this one stays as it was, so going back is also serving it again.
A password of the database is better in PGPASSWORD or ~/.pgpass than in the URL.")]
pub(super) struct Migrate {
    /// Where the rows go: the URL of an empty PostgreSQL database, or a folder for a site of its own
    #[arg(long, value_name = "URL|DIR")]
    to: String,
    /// Where the contents go: `s3://BUCKET/PREFIX` or an absolute path. Without it: into the folder, if the rows go to one, else they stay
    #[arg(long, value_name = "PLACE")]
    blobs: Option<String>,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

impl Migrate {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        let from = context.site().await?.unsealed();
        let _source = from.claim_alone().await?;
        let (folder, config) = self.target(&context)?;
        let into = Site::prepare(&folder, &config, &from.db.site_id().await?).await?;
        let _target = match into.db.is_server() {
            true => into.claim_rows(false).await?,
            false => into.claim_alone().await?,
        };
        let moved = migrate::run(&from, &into).await?;
        from.close().await;
        // The place is a site now; its audit, which came along, says so.
        let into = into.sealed_by(context.deed.clone());
        into.db.write().await?.commit().await?;
        into.close().await;
        let shown = Shown { moved, data: folder, blobs: config.storage.blobs };
        Ok(if self.json { Answer::json(&shown) } else { Answer::said(shown.told(&config.storage.database)) })
    }

    /// The folder and the settings of the new place.
    fn target(&self, context: &Context) -> Result<(PathBuf, Config), Failure> {
        let mut config = context.config.clone();
        let on_a_server = self.to.starts_with("postgres://") || self.to.starts_with("postgresql://");
        config.storage.database = if on_a_server { self.to.clone() } else { String::new() };
        let folder = if on_a_server { context.data.clone() } else { PathBuf::from(&self.to) };
        config.storage.blobs = match &self.blobs {
            Some(place) => place.clone(),
            None if on_a_server => where_they_are(context)?,
            None => String::new(),
        };
        if let Err(why) = config.storage.place_of_blobs() {
            return Err(Failure::new(format!("`--blobs`: {why}")));
        }
        Ok((folder, config))
    }
}

/// The place of the contents now, in words that also hold for a site without a folder.
fn where_they_are(context: &Context) -> Result<String, Failure> {
    match context.config.storage.place_of_blobs() {
        Ok(PlaceOfBlobs::WithTheSite) => Ok(Site::folder_of_blobs(&context.data)?.display().to_string()),
        Ok(PlaceOfBlobs::Folder(_) | PlaceOfBlobs::Bucket(_)) => Ok(context.config.storage.blobs.clone()),
        Err(why) => Err(Failure::new(format!("`storage.blobs`: {why}"))),
    }
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    moved: Moved,
    data: PathBuf,
    blobs: String,
}

impl Shown {
    fn told(&self, database: &str) -> String {
        let Moved { tables, rows, blobs, bytes } = self.moved;
        let mut told = format!(
            "brought {rows} rows of {tables} tables and {blobs} blobs of {bytes} bytes; all are the same there\n"
        );
        told.push_str("from now on:");
        if !database.is_empty() {
            told.push_str(&format!(" COMMONHOLD_DATABASE={}", without_password(database)));
        }
        if !self.blobs.is_empty() {
            told.push_str(&format!(" COMMONHOLD_BLOBS={}", self.blobs));
        }
        told.push_str(&format!(" commonhold serve --data {}\n", Path::new(&self.data).display()));
        told.push_str("the site from which they came is as it was; don't serve it any more, it doesn't hear of what changes there\n");
        told
    }
}

/// A URL without the password that it may hold, before the host or among the options.
pub(super) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let authority = match authority.rsplit_once('@') {
        Some((user, host)) => format!("{}@{host}", user.split(':').next().unwrap_or_default()),
        None => authority.to_owned(),
    };
    let (path, options) = path.split_once('?').unwrap_or((path, ""));
    let is_told = |option: &&str| !option.is_empty() && !option.starts_with("password=");
    let options: Vec<&str> = options.split('&').filter(is_told).collect();
    let asks = if options.is_empty() { "" } else { "?" };
    format!("{scheme}://{authority}{path}{asks}{}", options.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_left_out_and_nothing_else() {
        for (url, told) in [
            ("postgres://me:secret@db/site", "postgres://me@db/site"),
            ("postgres://me:a@b@db:5433/site?x=y", "postgres://me@db:5433/site?x=y"),
            ("postgres://me@db/site", "postgres://me@db/site"),
            ("postgres://db", "postgres://db"),
            (
                "postgres://db/site?user=me&password=secret&sslmode=require",
                "postgres://db/site?user=me&sslmode=require",
            ),
            ("postgres://me:a@db/site?password=secret", "postgres://me@db/site"),
            ("postgres://me:a@db?password=secret", "postgres://me@db"),
            ("/srv/site@home:x", "/srv/site@home:x"),
        ] {
            assert_eq!(without_password(url), told);
        }
    }
}
