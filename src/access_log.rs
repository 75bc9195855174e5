//! The access log: a line for each answer, if the site wants one, in a form that other programs read.
//!
//! A thread of its own writes the lines. Nobody waits for it: what it can't keep up with is dropped and counted, and the
//! count is a line too. The proof of who did what is the audit; this is for counting and watching.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
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

/// Where answers are told of. Full, it drops them.
pub struct AccessLog {
    lines: SyncSender<Option<Answered>>,
    dropped: Arc<AtomicU64>,
}

/// The thread that writes.
pub struct Writer {
    lines: SyncSender<Option<Answered>>,
    thread: JoinHandle<()>,
}

/// Opens the log that the configuration asks for, if it does. Errors: the file can't be appended to.
pub fn open(config: &config::AccessLog) -> io::Result<Option<(AccessLog, Writer)>> {
    let to: Box<dyn Write + Send> = match config.to.as_str() {
        "" => return Ok(None),
        STDERR => Box::new(io::stderr()),
        // Appending, so that it may be moved away and cut by others (`copytruncate`).
        path => Box::new(OpenOptions::new().append(true).create(true).mode(0o640).open(path)?),
    };
    let (lines, waiting) = sync_channel(LINES_MAX);
    let dropped = Arc::new(AtomicU64::new(0));
    let (format, counted) = (config.format, Arc::clone(&dropped));
    let write = move || write_lines(&waiting, BufWriter::new(to), format, &counted);
    let thread = std::thread::Builder::new().name("access log".into()).spawn(write)?;
    Ok(Some((AccessLog { lines: lines.clone(), dropped }, Writer { lines, thread })))
}

impl AccessLog {
    /// Tells of an answer.
    pub fn answered(&self, trace: &Arc<Trace>, status: u16, bytes: Option<u64>) {
        let answered = Answered { trace: Arc::clone(trace), status, bytes, took: trace.begun.elapsed() };
        if self.lines.try_send(Some(answered)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Writer {
    /// Writes what waits, and ends.
    pub fn finish(self) {
        if self.lines.send(None).is_ok() && self.thread.join().is_err() {
            tracing::error!("the access log broke down");
        }
    }
}

fn write_lines(
    waiting: &Receiver<Option<Answered>>,
    mut to: BufWriter<Box<dyn Write + Send>>,
    format: AccessLogFormat,
    dropped: &AtomicU64,
) {
    let mut failing = false;
    while let Ok(Some(first)) = waiting.recv() {
        // A line is never held back for want of others.
        let mut next = Some(Some(first));
        let mut written = Ok(());
        let mut is_last = false;
        while let Some(line) = next {
            match line {
                Some(answered) => written = written.and_then(|()| writeln!(to, "{}", answered.told(format))),
                None => is_last = true,
            }
            next = waiting.try_recv().ok();
        }
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            written = written.and_then(|()| writeln!(to, "{}", lost_lines(lost, format)));
        }
        if let Err(error) = written.and_then(|()| to.flush()) {
            if !failing {
                tracing::error!(%error, "the access log can't be written");
            }
            failing = true;
        } else {
            failing = false;
        }
        if is_last {
            return;
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
                    time: moment.format(&Rfc3339).unwrap_or_default(),
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
    fn a_log_that_is_off_writes_nothing_and_a_place_that_is_none_is_an_error() {
        assert!(open(&config::AccessLog::default()).unwrap().is_none());
        let nowhere = config::AccessLog { to: "/nowhere/at/all.log".into(), ..config::AccessLog::default() };
        assert!(open(&nowhere).is_err());
    }
}
