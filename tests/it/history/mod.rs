//! What was: revisions, the trash, rolling back, snapshots, as people meet them through the drive and the command line.

mod revisions;
mod rollback;
mod snapshots;
mod trash;
mod versions;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::site::{Client, Depth, Site};

/// A moment that lies after everything that was answered before and before everything that is asked for after it.
pub fn between() -> String {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_millis();
    let next = |than: u128| loop {
        let at = now();
        if at > than {
            break at;
        }
        std::hint::spin_loop();
    };
    let at = next(now());
    next(at);
    let time = UNIX_EPOCH + Duration::from_millis(u64::try_from(at).expect("years are left"));
    OffsetDateTime::from(time).format(&Rfc3339).expect("the year can be written")
}

/// Bytes that a share counts.
#[track_caller]
fn used(site: &Site, share: &str) -> u64 {
    site.cli(&["share", "show", share, "--json"]).ok().json()["used_bytes"].as_u64().expect("a number")
}

/// Every path below a folder with the content of each file.
#[track_caller]
fn tree(who: &Client, folder: &str) -> Vec<(String, String)> {
    let paths = who.list(folder, Depth::Infinity).paths();
    let content = |path: &String| match path.ends_with('/') {
        true => String::new(),
        false => who.get(path).status(200).text().to_owned(),
    };
    paths.iter().skip(1).map(|path| (path.clone(), content(path))).collect()
}

/// The trash as JSON.
#[track_caller]
pub fn trash(site: &Site, more: &[&str]) -> Vec<serde_json::Value> {
    let list = [&["trash", "list", "--json"], more].concat();
    site.cli(&list).ok().json().as_array().expect("a list").clone()
}

/// One column of the trash.
#[track_caller]
fn column(rows: &[serde_json::Value], name: &str) -> Vec<String> {
    rows.iter().map(|row| row[name].as_str().map_or_else(|| row[name].to_string(), str::to_owned)).collect()
}
