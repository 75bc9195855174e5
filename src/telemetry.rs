//! The log, and the ids by which its lines and the answers to clients are matched.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    io::{self, IsTerminal},
    sync::atomic::{AtomicU64, Ordering},
    sync::{LazyLock, OnceLock},
};

use tracing_subscriber::{
    EnvFilter,
    filter::ParseError,
    reload,
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
    /// It runs no more.
    #[error(transparent)]
    Lost(#[from] reload::Error),
}

type SetLevel = Box<dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send + Sync>;

/// Sets what is logged, once the log has been started.
static LEVEL: OnceLock<SetLevel> = OnceLock::new();

/// Sends the log of this process to standard error, for its whole life.
///
/// # Errors
/// [`LogError`]: the level is malformed, or a log was started before.
pub fn start(log: &Log) -> Result<(), LogError> {
    let filter = filter(&log.level)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let set = match log.format {
        LogFormat::Text => {
            let lines = lines.with_ansi(io::stderr().is_terminal()).with_filter_reloading();
            let level = lines.reload_handle();
            lines.finish().try_init()?;
            LEVEL.set(Box::new(move |filter| level.reload(filter)))
        }
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true).with_filter_reloading();
            let level = lines.reload_handle();
            lines.finish().try_init()?;
            LEVEL.set(Box::new(move |filter| level.reload(filter)))
        }
    };
    assert!(set.is_ok(), "a log can be started once only");
    Ok(())
}

/// Logs at this level from now on.
///
/// # Errors
/// [`LogError::Level`], [`LogError::Lost`].
pub fn change(log: &Log) -> Result<(), LogError> {
    let filter = filter(&log.level)?;
    match LEVEL.get() {
        Some(set) => Ok(set(filter)?),
        None => Ok(()),
    }
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
