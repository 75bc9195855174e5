//! The log, and the ids by which its lines and the answers to clients are matched.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    io::{self, IsTerminal},
    sync::LazyLock,
    sync::atomic::{AtomicU64, Ordering},
};

use tracing_subscriber::{
    EnvFilter,
    filter::ParseError,
    util::{SubscriberInitExt, TryInitError},
};

use crate::config::{Log, LogFormat};

/// Why the log can't be started.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The configured level is none.
    #[error("the configuration key `log.level` is `{level}`: {source}")]
    Level {
        /// The value.
        level: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// It runs already.
    #[error(transparent)]
    Started(#[from] TryInitError),
}

/// Sends the log of this process to standard error, for its whole life.
///
/// # Errors
/// [`LogError`]: the level is malformed, or a log was started before.
pub fn start(log: &Log) -> Result<(), LogError> {
    let filter = filter(&log.level)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match log.format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).finish().try_init()?,
        LogFormat::Json => lines.json().flatten_event(true).finish().try_init()?,
    }
    Ok(())
}

fn filter(level: &str) -> Result<EnvFilter, LogError> {
    EnvFilter::try_new(level).map_err(|source| LogError::Level { level: level.to_owned(), source })
}

/// Names one request in the log, in an answer that hides what went wrong, and in the audit trail.
///
/// 64 bits that repeat only with bad luck and tell nobody how much traffic there is: a count under a keyed hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(u64);

impl RequestId {
    /// An id for a request that has just arrived.
    pub fn fresh() -> Self {
        static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        static COUNT: AtomicU64 = AtomicU64::new(0);
        Self(KEY.hash_one(COUNT.fetch_add(1, Ordering::Relaxed)))
    }
}

/// 16 hexadecimal digits.
impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_level_is_refused_by_its_key() {
        let error = filter("commonhold=loud").unwrap_err().to_string();
        assert!(error.starts_with("the configuration key `log.level` is `commonhold=loud`: "), "{error}");
        assert!(filter(&Log::default().level).is_ok());
    }

    #[test]
    fn request_ids_are_short_and_differ() {
        let ids: std::collections::HashSet<_> = (0..1000).map(|_| RequestId::fresh().to_string()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.len() == 16));
    }
}
