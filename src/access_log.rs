//! The access log: a line for each answer, if the site wants one, in a form that other programs read.
//!
//! A thread of its own writes the lines. Nobody waits for it: what it can't keep up with is dropped and counted, and the
//! count is a line too. The proof of who did what is the audit; this is for counting and watching.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::config::{self, AccessLogFormat};
use crate::trail::Trace;

/// Lines that may wait to be written.
const LINES_MAX: usize = 8 * 1024;
/// The place that is the standard error of the server.
const STDERR: &str = "stderr";

/// One answer.
struct Answered {
    trace: Arc<Trace>,
    status: u16,
    bytes: Option<u64>,
    took: Duration,
}

/// What the writing thread is told.
enum Told {
    /// To write a line.
    Answered(Answered),
    /// To see whether its file is to be opened anew.
    Look,
    /// To end.
    End,
}

/// Where answers are told of. Full, it drops them.
pub struct AccessLog {
    lines: SyncSender<Told>,
    dropped: Arc<AtomicU64>,
}

/// Has the file opened anew.
#[derive(Clone)]
pub struct Reopener {
    lines: SyncSender<Told>,
    asked: Arc<AtomicBool>,
}

impl Reopener {
    /// Closes the file and opens it again under its name, before the next line.
    pub fn reopen(&self) {
        self.asked.store(true, Ordering::SeqCst);
        // With a full queue there is more that the thread is told after this, and it looks each time.
        let _ = self.lines.try_send(Told::Look);
    }
}

/// The thread that writes.
pub struct Writer {
    lines: SyncSender<Told>,
    reopener: Reopener,
    thread: JoinHandle<()>,
}

/// Opens the log that the configuration asks for, if it does. Errors: the file can't be appended to.
pub fn open(config: &config::AccessLog) -> io::Result<Option<(AccessLog, Writer)>> {
    if config.to.is_empty() {
        return Ok(None);
    }
    let (lines, waiting) = sync_channel(LINES_MAX);
    let reopener = Reopener { lines: lines.clone(), asked: Arc::default() };
    let asked = Arc::clone(&reopener.asked);
    let file = Lines { to: place(&config.to)?, config: config.clone(), asked, failing: false };
    let dropped = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&dropped);
    let write = move || file.write_all(&waiting, &counted);
    let thread = std::thread::Builder::new().name("access log".into()).spawn(write)?;
    Ok(Some((AccessLog { lines: lines.clone(), dropped }, Writer { lines, reopener, thread })))
}

/// What a log of this name is written to.
fn place(to: &str) -> io::Result<BufWriter<Box<dyn Write + Send>>> {
    Ok(BufWriter::new(match to {
        STDERR => Box::new(io::stderr()),
        // Appending, so that it may be moved away, or cut by others (`copytruncate`).
        path => Box::new(OpenOptions::new().append(true).create(true).mode(0o640).open(path)?),
    }))
}

impl AccessLog {
    /// Tells of an answer.
    pub fn answered(&self, trace: &Arc<Trace>, status: u16, bytes: Option<u64>) {
        let answered = Answered { trace: Arc::clone(trace), status, bytes, took: trace.begun.elapsed() };
        if self.lines.try_send(Told::Answered(answered)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Writer {
    /// What opens its file anew.
    pub fn reopener(&self) -> Reopener {
        self.reopener.clone()
    }

    /// Writes what waits, and ends.
    pub fn finish(self) {
        if self.lines.send(Told::End).is_ok() && self.thread.join().is_err() {
            tracing::error!("the access log broke down");
        }
    }
}

/// The file, in the hands of the thread that writes.
struct Lines {
    to: BufWriter<Box<dyn Write + Send>>,
    config: config::AccessLog,
    /// Whether to open it anew.
    asked: Arc<AtomicBool>,
    failing: bool,
}

impl Lines {
    fn write_all(mut self, waiting: &Receiver<Told>, dropped: &AtomicU64) {
        while let Ok(first) = waiting.recv() {
            // A line is never held back for want of others.
            let mut next = Some(first);
            let mut written = Ok(());
            let mut is_last = false;
            while let Some(told) = next {
                if self.asked.swap(false, Ordering::SeqCst) {
                    self.reopen();
                }
                match told {
                    Told::Answered(answered) => {
                        written = written.and_then(|()| writeln!(self.to, "{}", answered.told(self.config.format)));
                    }
                    Told::Look => {}
                    Told::End => is_last = true,
                }
                next = waiting.try_recv().ok();
            }
            let lost = dropped.swap(0, Ordering::Relaxed);
            if lost > 0 {
                written = written.and_then(|()| writeln!(self.to, "{}", lost_lines(lost, self.config.format)));
            }
            let failed = written.and_then(|()| self.to.flush()).err();
            if let Some(error) = failed.as_ref().filter(|_| !self.failing) {
                tracing::error!(%error, "the access log can't be written");
            }
            self.failing = failed.is_some();
            if is_last {
                return;
            }
        }
    }

    /// Goes on in the old file if there can be no new one.
    fn reopen(&mut self) {
        match place(&self.config.to) {
            Ok(to) => {
                let mut old = std::mem::replace(&mut self.to, to);
                if let Err(error) = old.flush() {
                    tracing::error!(%error, "the last lines of the old access log can't be written");
                }
            }
            Err(error) => tracing::error!(%error, "the access log can't be opened anew"),
        }
    }
}

fn lost_lines(count: u64, format: AccessLogFormat) -> String {
    match format {
        AccessLogFormat::Combined => format!("# {count} lines were lost: they came faster than they could be written"),
        AccessLogFormat::Json => format!("{{\"lost\":{count}}}"),
    }
}

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    address: String,
    user: Option<&'a str>,
    channel: Option<&'static str>,
    method: &'a str,
    target: String,
    status: u16,
    bytes: Option<u64>,
    took_ms: u128,
    agent: Option<String>,
    request: String,
}

impl Answered {
    fn told(&self, format: AccessLogFormat) -> String {
        let moment = OffsetDateTime::from(self.trace.at.system());
        let target = self.trace.target_text();
        let (user, channel) = self.trace.caller_names().unzip();
        let (address, agent, request) = (self.trace.address(), self.trace.agent_text(), self.trace.id.to_string());
        match format {
            AccessLogFormat::Combined => {
                let time = format_description!("[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000");
                let time = moment.format(time).unwrap_or_default();
                format!(
                    "{address} - {} [{time}] \"{} {} {:?}\" {} {} \"-\" \"{}\" {} {request}",
                    user.map_or_else(|| "-".to_owned(), |user| escaped(user).replace(' ', "\\x20")),
                    self.trace.method(),
                    escaped(&target),
                    self.trace.version,
                    self.status,
                    self.bytes.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string()),
                    agent.map_or_else(|| "-".to_owned(), |agent| escaped(&agent)),
                    self.took.as_millis(),
                )
            }
            AccessLogFormat::Json => {
                let line = Line {
                    time: self.trace.at.rfc3339(),
                    address: address.to_string(),
                    user,
                    channel,
                    method: self.trace.method(),
                    target,
                    status: self.status,
                    bytes: self.bytes,
                    took_ms: self.took.as_millis(),
                    agent,
                    request,
                };
                serde_json::to_string(&line).expect("plain structs become JSON")
            }
        }
    }
}

/// What could end a quoted field or a line is written `\xHH`, as nginx and Apache do.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || c == '"' || c == '\\' {
            let mut bytes = [0; 4];
            escaped.extend(c.encode_utf8(&mut bytes).bytes().map(|byte| format!("\\x{byte:02X}")));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_field_can_end_before_its_end() {
        assert_eq!(escaped("curl/8 \"x\"\n\\"), "curl/8 \\x22x\\x22\\x0A\\x5C");
        assert_eq!(escaped("Müller"), "Müller");
    }

    #[test]
    fn a_busy_log_is_opened_anew_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let config = config::AccessLog { to: path.to_string_lossy().into_owned(), ..config::AccessLog::default() };
        let (lines, waiting) = sync_channel(1);
        let reopener = Reopener { lines: lines.clone(), asked: Arc::default() };
        let asked = Arc::clone(&reopener.asked);
        let file = Lines { to: place(&config.to).unwrap(), config, asked, failing: false };
        std::fs::rename(&path, folder.path().join("access.log.1")).unwrap();
        // Nobody takes anything from the queue yet, and there is no place for another word.
        lines.send(Told::Look).unwrap();
        reopener.reopen();
        drop((lines, reopener));
        file.write_all(&waiting, &AtomicU64::new(0));
        assert!(path.exists());
    }

    #[test]
    fn a_log_that_is_off_writes_nothing_and_a_place_that_is_none_is_an_error() {
        assert!(open(&config::AccessLog::default()).unwrap().is_none());
        let nowhere = config::AccessLog { to: "/nowhere/at/all.log".into(), ..config::AccessLog::default() };
        assert!(open(&nowhere).is_err());
    }
}
