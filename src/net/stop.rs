//! The signals that ask the server to stop, or to read its settings anew.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that the first SIGTERM or SIGINT cancels.
///
/// # Errors
/// When the process can't be told of signals.
pub fn stop_on_signal() -> io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let cancel = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        cancel.cancel();
    });
    Ok(stop)
}

/// Tells of each SIGHUP from now on, which asks for the settings to be read anew.
///
/// # Errors
/// When the process can't be told of signals.
pub fn reload_on_signal() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}

#[cfg(test)]
mod tests {
    use rustix::process::{Signal, getpid, kill_process};

    use super::*;

    #[tokio::test]
    async fn either_signal_stops_the_server() {
        for wanted in [Signal::TERM, Signal::INT] {
            let stop = stop_on_signal().unwrap();
            assert!(!stop.is_cancelled());
            kill_process(getpid(), wanted).unwrap();
            stop.cancelled().await;
        }
    }
}
