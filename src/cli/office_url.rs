//! `office-url`: URLs by which one person opens a document in Office without a login.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use clap::{Args, Subcommand};
use commonhold_acl::{Channel, Operation, Permission};
use serde::Serialize;

use super::Context;
use super::connect::origin;
use super::history::permit_of;
use super::output::{Answer, Failure};
use super::place::{self, Found, TreePath};
use crate::clock::Moment;
use crate::cloud::office::PREFIX;
use crate::db::{Reads, WriteTx};
use crate::directory::DirectoryError;
use crate::directory::device::{self, Device};
use crate::directory::office_url::{self, HOURS_MAX, OfficeUrl, Purpose};
use crate::directory::user::{self, User};
use crate::ids::{NodeId, UserId};

/// Hours that a URL is good for if nobody says so.
const HOURS: &str = "8";

/// Which program of Office opens which files, by the name of its URI scheme.
const SCHEMES: [(&str, &[&str]); 3] = [
    ("ms-word", &["doc", "docx", "docm", "dot", "dotx", "dotm", "rtf", "odt"]),
    ("ms-excel", &["xls", "xlsx", "xlsm", "xlsb", "xlt", "xltx", "xltm", "csv", "ods"]),
    ("ms-powerpoint", &["ppt", "pptx", "pptm", "pps", "ppsx", "ppsm", "pot", "potx", "potm", "odp"]),
];

/// Print a URL by which a person opens a document in Office without a login, for some hours
#[derive(Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Examples:
  commonhold office-url /Projects/plan.docx --for ana
  commonhold office-url /Projects/plan.docx --for ana --device notebook --hours 2 --read-only
  commonhold --as ana office-url /Home/report.xlsx --for ana       for herself
  commonhold office-url list
  commonhold office-url revoke 7

Whoever has the URL is that person, through that device, in the folder of the document and what is below it, and nowhere else: give it to nobody
else. What the person may do there is looked at with each request. The URL is shown this once, and ends with its time, by `office-url revoke`, with
its device or with the account."
)]
pub(super) struct OfficeUrls {
    #[command(subcommand)]
    command: Option<OfficeUrlCommand>,
    /// The document, as the person sees it: /Share/folder/file, /Home/file
    #[arg(value_parser = TreePath::parse, required = true)]
    path: Option<TreePath>,
    /// Who opens it
    #[arg(long = "for", value_name = "USER", required = true)]
    user: Option<String>,
    /// Through which registered device of the person; as a mapped drive if left out
    #[arg(long)]
    device: Option<String>,
    /// How long it is good for, at most 168
    #[arg(long, value_name = "N", default_value = HOURS, value_parser = clap::value_parser!(u32).range(1..=i64::from(HOURS_MAX)))]
    hours: u32,
    /// Nothing can be changed by it
    #[arg(long)]
    read_only: bool,
    /// How people reach the server, such as https://files.example.org, instead of the first of server.public_origins
    #[arg(long, value_name = "ORIGIN")]
    url: Option<String>,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum OfficeUrlCommand {
    /// List the URLs that are good, the newest first; their tokens are known to nobody
    List {
        /// Of this person only
        #[arg(long = "for", value_name = "USER")]
        user: Option<String>,
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// End a URL, from the next request on
    Revoke {
        /// Its number in `office-url list`
        number: i64,
        /// Print a JSON object
        #[arg(long)]
        json: bool,
    },
}

impl OfficeUrls {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        match self.command {
            Some(OfficeUrlCommand::List { user, json }) => list(context, user.as_deref(), json).await,
            Some(OfficeUrlCommand::Revoke { number, json }) => revoke(context, number, json).await,
            None => self.make(context).await,
        }
    }

    async fn make(self, context: Context) -> Result<Answer, Failure> {
        let (path, name) = self.path.zip(self.user).expect("clap asks for both");
        let origin = origin(&context, self.url.as_deref())?;
        let now = Moment::now();
        let expires = now.plus(Duration::from_secs(u64::from(self.hours) * 60 * 60));
        let site = context.site().await?;
        let mut tx = site.db.write().await?;
        let by = context.administrator(&mut tx).await?;
        let user = user::named(&mut tx, &name).await?;
        by.confirm_user_or_self(&mut tx, &user).await?;
        let device = match &self.device {
            Some(name) => Some(device::named(&mut tx, &user, name).await?),
            None => None,
        };
        let found = path.find(&mut tx, Some(&user)).await?;
        let below = opened(&mut tx, &user, device.as_ref(), &found).await?;
        let (file, folder) = (found.node(), found.located.parent().expect("a file is in a folder"));
        let purpose = Purpose { share: found.share.id, folder: folder.id, file: file.id, reading: self.read_only };
        let (id, token) = office_url::add(&mut tx, &by, (&user, device.as_ref()), purpose, (now, expires)).await?;
        tx.commit().await?;
        let url = format!("{}{PREFIX}{}{below}", origin.trim_end_matches('/'), token.reveal());
        let made = Made {
            id,
            office: scheme(&file.name).map(|scheme| {
                let how = if self.read_only { "ofv" } else { "ofe" };
                format!("{scheme}:{how}|u|{url}")
            }),
            url,
            expires: expires.rfc3339(),
        };
        if self.json {
            return Ok(Answer::json(&made));
        }
        let lines = made.office.iter().chain([&made.url]).map(|line| format!("{line}\n")).collect::<String>();
        Ok(Answer::said(format!("{lines}number {}, good until {}; shown only this once", made.id, made.expires)))
    }
}

/// The document's path as the person sees it, encoded. Fails when he may not read it, in the law's words.
async fn opened(tx: &mut WriteTx, user: &User, device: Option<&Device>, found: &Found) -> Result<String, Failure> {
    if found.node().is_collection() {
        return Err(Failure::new(format!("`{}` is a folder; Office opens documents", found.shown)));
    }
    let channel = device.map_or(Channel::WebDav, |device| Channel::Device(device.id));
    let (_, reached) = permit_of(tx, (user, channel), (Operation::GetFile, Permission::Read), found).await?;
    Ok(reached.href("/", found.located.chain()))
}

/// The URI scheme of the program that opens a file of this name.
fn scheme(name: &str) -> Option<&'static str> {
    let (_, extension) = name.rsplit_once('.')?;
    let opens = |extensions: &[&str]| extensions.iter().any(|known| extension.eq_ignore_ascii_case(known));
    SCHEMES.iter().find(|(_, extensions)| opens(extensions)).map(|(scheme, _)| *scheme)
}

async fn list(context: Context, user: Option<&str>, json: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.read().await?;
    let by = context.administrator(&mut tx).await?;
    let user = match user {
        Some(name) => Some(user::named(&mut tx, name).await?),
        None => None,
    };
    let mut urls = office_url::list(&mut tx, user.map(|user| user.id), Moment::now()).await?;
    // Those of people whom one doesn't administer are nobody's business.
    let mut seen: HashMap<UserId, bool> = HashMap::new();
    for url in &urls {
        let Entry::Vacant(place) = seen.entry(url.user.id) else { continue };
        place.insert(match by.confirm_user_or_self(&mut tx, &url.user).await {
            Ok(()) => true,
            Err(DirectoryError::OutOfReach { .. }) => false,
            Err(error) => return Err(error.into()),
        });
    }
    urls.retain(|url| seen[&url.user.id]);
    let rows = rows_of(&mut tx, urls).await?;
    let cells = |row: &Row| {
        let device = row.device.clone().unwrap_or_else(|| "-".to_owned());
        let may = if row.read_only { "read" } else { "change" };
        let number = row.number.to_string();
        vec![
            number,
            row.user.clone(),
            device,
            may.to_owned(),
            row.expires.clone(),
            row.folder.clone(),
            row.file.clone(),
        ]
    };
    Ok(Answer::list(&rows, json, &["number", "user", "device", "may", "until", "folder", "made for"], cells))
}

async fn revoke(context: Context, number: i64, json: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.write().await?;
    let by = context.administrator(&mut tx).await?;
    let url = office_url::revoke(&mut tx, &by, number, Moment::now()).await?;
    let row = rows_of(&mut tx, vec![url]).await?.remove(0);
    tx.commit().await?;
    if json {
        return Ok(Answer::json(&row));
    }
    Ok(Answer::said(format!("ended the URL {number} of `{}` for `{}`", row.user, row.folder)))
}

#[derive(Serialize)]
struct Made {
    #[serde(rename = "number")]
    id: i64,
    /// For Office; none when it has no program for such files.
    office: Option<String>,
    url: String,
    expires: String,
}

#[derive(Serialize)]
struct Row {
    number: i64,
    user: String,
    device: Option<String>,
    read_only: bool,
    created: String,
    expires: String,
    folder: String,
    file: String,
}

/// With the places where folders and documents are now.
async fn rows_of(tx: &mut impl Reads, urls: Vec<OfficeUrl>) -> Result<Vec<Row>, Failure> {
    let nodes: Vec<NodeId> = urls.iter().flat_map(|url| [url.purpose.folder, url.purpose.file]).collect();
    let paths = place::paths_of(tx, &nodes).await?;
    let path = |node: NodeId| paths.get(&node).cloned().unwrap_or_else(|| "(gone)".to_owned());
    let row = |url: OfficeUrl| Row {
        number: url.id,
        user: url.user.name,
        device: url.device.map(|(_, name)| name),
        read_only: url.purpose.reading,
        created: url.created.rfc3339(),
        expires: url.expires.rfc3339(),
        folder: path(url.purpose.folder),
        file: path(url.purpose.file),
    };
    Ok(urls.into_iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_document_has_its_program() {
        for (name, program) in [
            ("plan.docx", Some("ms-word")),
            ("PLAN.XLSX", Some("ms-excel")),
            ("a.b.pptx", Some("ms-powerpoint")),
            ("notes.txt", None),
            ("docx", None),
        ] {
            assert_eq!(scheme(name), program, "{name}");
        }
    }
}
