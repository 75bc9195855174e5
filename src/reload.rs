//! What changes while the server runs: certificates whose files have changed, and what SIGHUP asks for.
//!
//! SIGHUP reads the configuration again and takes `log.level`, `tls.certificate` and `tls.key` from it, reads the certificate, and opens the
//! access log anew, whose file may have been moved away. Other keys that have changed are named in the log: they need a restart. What is
//! malformed changes nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::access_log;
use crate::audit::{Actor, Line, Record};
use crate::certificates;
use crate::clock::Moment;
use crate::config::Config;
use crate::db::Db;
use crate::net::tls::{Certificate, Files, Tls};
use crate::service::Service;
use crate::telemetry;
use crate::trail::batch;

/// How often the files of the certificate are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// What SIGHUP means.
#[derive(Debug)]
pub enum Hangup {
    /// To a service: to read its settings anew, from this file if there is one.
    ReadAnew(Option<PathBuf>),
    /// To a program in a terminal: that this was closed. It ends, as others do.
    End,
}

/// What can be changed, and where it is read from.
pub struct Reload {
    /// The configuration's file, if there is one.
    pub config_file: Option<PathBuf>,
    /// As the server runs with it.
    pub config: Config,
    /// Where TLS is spoken.
    pub tls: Option<Arc<Tls>>,
    /// The files of its certificate.
    pub files: Option<Files>,
    /// The access log.
    pub access_log: Option<access_log::Reopener>,
    /// Who is told.
    pub service: Arc<Service>,
    /// Where the audit is.
    pub db: Db,
}

/// What the files of the certificate hold.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// Another one than before, which is shown now. With the words for its record.
    Another(String),
    /// The one that is shown; or there are no files.
    TheSame,
    /// None that can be used.
    Unusable,
}

impl Reload {
    /// Goes on until `stop`. Where certificates are fetched, whichever server has fetched one: all of them find it.
    pub async fn run(mut self, mut hangups: Option<Signal>, stop: CancellationToken) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = next(&mut hangups) => self.everything(&stop).await,
                _ = looks.tick() => {
                    if self.files.as_ref().is_some_and(Files::have_changed) {
                        // The log has it if it can't be used.
                        if let Found::Another(note) = self.certificate() {
                            self.record(&note, &stop).await;
                        }
                    }
                    if self.config.tls.acme.is_on() {
                        self.fetched().await;
                    }
                }
            }
        }
    }

    async fn everything(&mut self, stop: &CancellationToken) {
        self.service.reloading();
        let mut kept: Vec<String> = Vec::new();
        match Config::load(self.config_file.as_deref()) {
            Ok(config) => kept = self.settings(config),
            Err(error) => {
                tracing::error!(%error, "the settings stay as they were");
                kept.push("settings".to_owned());
            }
        }
        let found = self.certificate();
        if found == Found::Unusable {
            kept.push("certificate".to_owned());
        }
        if let Some(access_log) = &self.access_log {
            access_log.reopen();
        }
        // Before the records, which may wait for a database that is away.
        self.service.ready();
        if let Found::Another(note) = found {
            self.record(&note, stop).await;
        }
        if kept.is_empty() {
            tracing::info!("settings and certificate were read anew");
            self.record("by SIGHUP", stop).await;
        } else {
            let kept = kept.join(", ");
            tracing::warn!(kept, "not everything could be taken over");
            self.record(&format!("by SIGHUP; as before: {kept}"), stop).await;
        }
    }

    /// Takes over what can be. Gives the keys that have changed and hold from the next start on.
    fn settings(&mut self, new: Config) -> Vec<String> {
        let names = (&new.tls.certificate, &new.tls.key);
        if self.files.is_some() && !names.0.is_empty() && names != (&self.config.tls.certificate, &self.config.tls.key)
        {
            self.files = Some(Files::new(names.0, names.1));
            (self.config.tls.certificate, self.config.tls.key) = (new.tls.certificate.clone(), new.tls.key.clone());
        }
        if new.log.level != self.config.log.level {
            match telemetry::change(&new.log) {
                Ok(()) => self.config.log.level.clone_from(&new.log.level),
                Err(error) => tracing::error!(%error, "the log stays as it was"),
            }
        }
        let wait = changed_keys(&self.config, &new);
        if !wait.is_empty() {
            tracing::warn!(keys = wait.join(", "), "these have changed and hold from the next start on");
        }
        wait
    }

    /// Reads the files of the certificate, and shows it if it is another one.
    fn certificate(&mut self) -> Found {
        let (Some(files), Some(tls)) = (&mut self.files, &self.tls) else { return Found::TheSame };
        match files.read() {
            Ok(new) => {
                if !new.is_valid_at(Moment::now()) {
                    tracing::warn!(fingerprint = &*new.fingerprint, "the certificate is not valid now");
                }
                if tls.shown().is_some_and(|shown| shown.fingerprint == new.fingerprint) {
                    return Found::TheSame;
                }
                tracing::info!(fingerprint = &*new.fingerprint, "a new certificate is shown");
                let note = format!("certificate {}", new.fingerprint);
                tls.show(new);
                Found::Another(note)
            }
            Err(error) => {
                tracing::error!(%error, "the certificate stays as it was");
                Found::Unusable
            }
        }
    }

    /// Shows the certificate that was fetched last, if it is another one than before.
    async fn fetched(&mut self) {
        let Some(tls) = &self.tls else { return };
        let fetched = match self.db.read().await {
            Ok(mut reads) => certificates::fetched(&mut reads).await,
            Err(error) => Err(error),
        };
        let new = match fetched {
            Ok(Some(fetched)) => Certificate::from_pem(&fetched.chain, &fetched.key),
            // None yet; or the database is away, which others say often enough.
            Ok(None) | Err(_) => return,
        };
        match new {
            Ok(new) if tls.shown().is_none_or(|shown| shown.fingerprint != new.fingerprint) => {
                tracing::info!(fingerprint = &*new.fingerprint, "a new certificate is shown");
                tls.show(new);
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "the certificate that was fetched can't be used"),
        }
    }

    /// Leaves a record, which is not waited for when the server stops.
    async fn record(&self, note: &str, stop: &CancellationToken) {
        let record = Record { note: Some(Line::note(note)), ..Record::new(Moment::now(), Actor::server(), "reload") };
        let appended = stop.run_until_cancelled(batch::append_alone(&self.db, record)).await;
        if let Some(Err(error)) = appended {
            tracing::warn!(%error, "a reload has left no record");
        }
    }
}

/// The next SIGHUP; never, where it isn't for us.
async fn next(hangups: &mut Option<Signal>) {
    if let Some(hangups) = hangups
        && hangups.recv().await.is_some()
    {
        return;
    }
    std::future::pending().await
}

/// Section and key of what differs.
fn changed_keys(one: &Config, other: &Config) -> Vec<String> {
    fn compare(path: &str, one: &toml::Value, other: &toml::Value, changed: &mut Vec<String>) {
        match (one, other) {
            (toml::Value::Table(one), toml::Value::Table(other)) => {
                for (key, value) in one {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    match other.get(key) {
                        Some(other) => compare(&path, value, other, changed),
                        None => changed.push(path),
                    }
                }
            }
            (one, other) if one != other => changed.push(path.to_owned()),
            _ => {}
        }
    }
    let table = |config: &Config| toml::Value::try_from(config).expect("every configuration is a table");
    let mut changed = Vec::new();
    compare("", &table(one), &table(other), &mut changed);
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named_by_section_and_key() {
        let mut new = Config::default();
        assert!(changed_keys(&Config::default(), &new).is_empty());
        new.limits.connections_max += 1;
        new.storage.s3.region = "eu".to_owned();
        "debug".clone_into(&mut new.log.level);
        assert_eq!(
            changed_keys(&Config::default(), &new),
            ["limits.connections_max", "log.level", "storage.s3.region"]
        );
    }
}
