//! What a command leaves in the audit: one record for each transaction in which it changes something.
//!
//! No command does anything for it: the site that it opens is sealed with its words, and the record is written as the last
//! thing before each commit. Passwords and tokens are never arguments, and one in a URL is left out, so the words hold no secret.

use std::pin::Pin;

use clap::ArgMatches;
use parking_lot::Mutex;

use super::migrate::without_password;
use super::output::Failure;
use crate::audit::{self, Actor, Line, Outcome, Record};
use crate::clock::Moment;
use crate::db::{DbError, Seal, WriteTx};
use crate::directory::User;
use crate::site::Site;

/// Whoever runs a command on the machine of the site, by its name in records.
const COMMAND_LINE: &str = "command line";

/// Arguments that say where the site is, which every record of it knows.
const PLACES: [&str; 2] = ["--data", "--config"];

/// The command that this process runs.
pub(super) struct Deed {
    verb: String,
    words: String,
    path: Option<String>,
    /// In whose name it is run; the site's owner's if nobody is named.
    acting: Mutex<Option<User>>,
}

impl Deed {
    /// From what clap has understood, and the words as they were typed.
    pub fn new(matches: &ArgMatches, words: &[String]) -> Self {
        let mut verb = Vec::new();
        let mut at = matches;
        while let Some((name, below)) = at.subcommand() {
            verb.push(name);
            at = below;
        }
        let mut kept: Vec<&str> = Vec::new();
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            match PLACES.iter().find(|place| word.starts_with(*place)) {
                // The value is the next word, unless it is in this one.
                Some(place) if word == *place => drop(words.next()),
                Some(place) if word[place.len()..].starts_with('=') => {}
                _ => kept.push(word),
            }
        }
        let path = path(&verb, &kept);
        let words: Vec<String> = kept.into_iter().map(|word| quoted(&without_password(word))).collect();
        Self { verb: verb.join(" "), words: words.join(" "), path, acting: Mutex::default() }
    }

    /// Says that the command is run in somebody's name.
    pub fn acts_as(&self, user: &User) {
        *self.acting.lock() = Some(user.clone());
    }

    /// Records that it was denied.
    pub async fn deny(&self, site: &Site, failure: &Failure) -> Result<(), DbError> {
        let note = Some(Line::note(&format!("{}: {failure}", self.words)));
        let mut tx = site.db.write().await?;
        audit::append(&mut tx, &Record { outcome: Outcome::Denied, note, ..self.record(Moment::now()) }).await?;
        tx.commit().await
    }

    /// The record of it.
    pub fn record(&self, now: Moment) -> Record {
        let acting = self.acting.lock();
        let (id, name) = acting.as_ref().map(|user| (user.id, user.name.as_str())).unzip();
        let actor = Actor {
            id,
            name: Line::name(name.unwrap_or(COMMAND_LINE)),
            channel: Line::name(COMMAND_LINE),
            ..Actor::default()
        };
        let path = self.path.as_deref().map(Line::path);
        Record { path, note: Some(Line::note(&self.words)), ..Record::new(now, actor, &self.verb) }
    }
}

impl Seal for Deed {
    fn seal<'t>(&'t self, tx: &'t mut WriteTx) -> Pin<Box<dyn Future<Output = Result<(), DbError>> + Send + 't>> {
        Box::pin(async move { audit::append(tx, &self.record(Moment::now())).await })
    }
}

/// The path that a command is about: the first word that is one, or the share that it names.
fn path(verb: &[&str], words: &[&str]) -> Option<String> {
    let is_path = |word: &&&str| word.starts_with('/') || word.starts_with('~');
    if let Some(path) = words.iter().find(is_path) {
        return Some((*path).to_owned());
    }
    let is_share = verb.first().is_some_and(|noun| *noun == "share");
    let name = words.iter().skip_while(|word| verb.first() != Some(*word)).nth(verb.len());
    name.filter(|name| is_share && !name.starts_with('-')).map(|name| format!("/{name}"))
}

/// A word so that people see where it begins and ends.
fn quoted(word: &str) -> String {
    let parts = |c: char| c.is_whitespace() || c == '"';
    if !word.is_empty() && !word.contains(parts) { word.to_owned() } else { format!("\"{word}\"") }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    fn deed(line: &[&str]) -> (String, String, Option<String>) {
        let words: Vec<String> = line.iter().map(|word| (*word).to_owned()).collect();
        let named = ["commonhold"].into_iter().chain(line.iter().copied());
        let Deed { verb, words, path, .. } = Deed::new(&Cli::command().get_matches_from(named), &words);
        (verb, words, path)
    }

    #[test]
    fn a_record_has_the_words_of_the_command_without_the_place_of_the_site() {
        let line = ["--data", "/srv/site", "share", "subscribe", "Team Plans", "--user", "ben", "--config=/etc/c.toml"];
        let (verb, words, path) = deed(&line);
        assert_eq!((verb.as_str(), words.as_str()), ("share subscribe", "share subscribe \"Team Plans\" --user ben"));
        assert_eq!(path.as_deref(), Some("/Team Plans"));
    }

    #[test]
    fn a_password_in_a_url_is_not_recorded() {
        let (_, words, _) = deed(&["migrate", "--to", "postgres://me:secret@db/site"]);
        assert_eq!(words, "migrate --to postgres://me@db/site");
    }

    #[test]
    fn a_record_is_about_the_path_that_the_command_names() {
        let (verb, _, path) = deed(&["lock", "break", "/Projects/it's.txt", "--data", "/srv/site"]);
        assert_eq!((verb.as_str(), path.as_deref()), ("lock break", Some("/Projects/it's.txt")));
        assert_eq!(deed(&["user", "add", "ben"]).2, None);
    }
}
