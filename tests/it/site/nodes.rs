//! Where the servers of a site are, and which of them is asked next.
//!
//! `COMMONHOLD_TEST_NODES=3` starts so many servers of each site, where its rows are elsewhere, and every client sends its requests to one after the
//! other: nothing that a conversation expects may hang on which server answers.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::is_elsewhere;
use super::rng::number_from_env;

/// How many servers a site has.
pub fn wanted() -> usize {
    let wanted = number_from_env("COMMONHOLD_TEST_NODES").unwrap_or(1);
    if is_elsewhere() { usize::try_from(wanted).expect("a small number").max(1) } else { 1 }
}

/// The addresses of the servers of one site.
#[derive(Debug)]
pub struct Nodes {
    addresses: Mutex<Vec<SocketAddr>>,
    turn: AtomicUsize,
}

impl Nodes {
    /// None yet.
    pub fn none() -> Arc<Self> {
        Self::at(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))])
    }

    /// These.
    pub fn at(addresses: Vec<SocketAddr>) -> Arc<Self> {
        Arc::new(Self { addresses: Mutex::new(addresses), turn: AtomicUsize::new(0) })
    }

    /// From now on these.
    pub fn are(&self, addresses: Vec<SocketAddr>) {
        *self.addresses.lock().expect("held for a moment only") = addresses;
    }

    /// The one by whose name the site is known.
    pub fn first(&self) -> SocketAddr {
        self.addresses.lock().expect("held for a moment only")[0]
    }

    /// The one whose turn it is.
    pub fn next(&self) -> SocketAddr {
        let addresses = self.addresses.lock().expect("held for a moment only");
        addresses[self.turn.fetch_add(1, Ordering::Relaxed) % addresses.len()]
    }
}
