//! What the service manager is told (sd_notify(3)): that the server is ready, reads its settings anew, stops, and is alive.
//!
//! One datagram for each; without a manager that wants to hear there is nothing to do. No word of it is ever waited for.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::config;

/// The manager of this process, if one listens.
#[derive(Debug, Default)]
pub struct Service {
    to: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Service {
    /// The one that has started this process.
    pub fn of_this_process() -> Self {
        let Some((socket, watchdog)) = config::service_manager() else { return Self::default() };
        match address(&socket).and_then(|address| Ok((UnixDatagram::unbound()?, address))) {
            Ok(to) => Self { to: Some(to), watchdog },
            Err(error) => {
                tracing::warn!(%error, "the service manager can't be told anything");
                Self::default()
            }
        }
    }

    /// How often it wants to hear that the server is alive: twice in the time that it waits for.
    pub fn alive_every(&self) -> Option<Duration> {
        self.watchdog.map(|watchdog| watchdog / 2)
    }

    /// Requests are taken.
    pub fn ready(&self) {
        self.tell("READY=1");
    }

    /// The settings are read anew; [`Self::ready`] ends it.
    pub fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={}", now.tv_sec * 1_000_000 + now.tv_nsec / 1_000));
    }

    /// Nothing more is taken; what runs comes to its end.
    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// Still there.
    pub fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    /// A line for people, as `systemctl status` shows it.
    pub fn status(&self, text: &str) {
        self.tell(&format!("STATUS={text}"));
    }

    fn tell(&self, words: &str) {
        let Some((socket, address)) = &self.to else { return };
        if let Err(error) = socket.send_to_addr(words.as_bytes(), address) {
            tracing::debug!(%error, words, "the service manager doesn't listen");
        }
    }
}

/// A path, or behind `@` a name that is none of the file system's.
fn address(socket: &OsStr) -> io::Result<SocketAddr> {
    match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(socket),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_as_datagrams_by_path_and_by_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let abstract_name = format!("@commonhold-test-{}", path.display());
        for socket in [path.as_os_str(), OsStr::new(&abstract_name)] {
            let address = address(socket).unwrap();
            let manager = UnixDatagram::bind_addr(&address).unwrap();
            let watchdog = Some(Duration::from_secs(30));
            let service = Service { to: Some((UnixDatagram::unbound().unwrap(), address)), watchdog };
            assert_eq!(service.alive_every(), Some(Duration::from_secs(15)));
            service.ready();
            service.reloading();
            let mut words = [0; 100];
            let length = manager.recv(&mut words).unwrap();
            assert_eq!(&words[..length], b"READY=1");
            let length = manager.recv(&mut words).unwrap();
            assert!(words[..length].starts_with(b"RELOADING=1\nMONOTONIC_USEC="));
            drop(manager);
            // Nobody listens any more, and nobody waits.
            service.stopping();
        }
    }
}
