//! The running server: what every request shares, and how it starts and ends.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::auth::Auth;
use crate::blobs::Blobs;
use crate::config::Config;
use crate::dav::headers::Origin;
use crate::db::Db;
use crate::guard::Guard;
use crate::site::{Site, SiteError};
use crate::tree::cache::TreeCache;
use crate::{jobs, net, router};

/// What every request shares.
pub struct App {
    /// The rows.
    pub db: Db,
    /// The bytes.
    pub blobs: Blobs,
    /// Who reaches what.
    pub guard: Guard,
    /// Who somebody is.
    pub auth: Auth,
    /// Where paths lead, and small contents.
    pub tree: TreeCache,
    /// The limits and switches.
    pub config: Config,
    /// The addresses under which clients know this server.
    pub origins: Vec<Origin>,
}

/// Why the server did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The site.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// The address.
    #[error("can't listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// Plain HTTP beyond this machine.
    #[error(transparent)]
    Plain(#[from] net::PlainHttpRefused),
    /// A key of the configuration.
    #[error("`public_origins`: `{0}` is no origin: {1}")]
    Origin(String, &'static str),
    /// The system.
    #[error("the server stopped: {0}")]
    Io(#[from] std::io::Error),
}

/// Serves the site on `listen` until SIGTERM or SIGINT, then finishes what runs.
///
/// Takes the site for itself first: a second server on it is refused. `ready` is told the address, port resolved, once
/// connections are accepted.
pub async fn serve(
    site: Site,
    config: Config,
    listen: SocketAddr,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    net::check_listen_allowed(listen, config.server.insecure_http)?;
    let origins = config.server.public_origins.iter();
    let origins = origins.map(|text| Origin::parse(text).map_err(|why| ServeError::Origin(text.clone(), why)));
    let origins = origins.collect::<Result<_, _>>()?;
    let _claim = site.claim()?;
    if let Ok(swept @ 1..) = site.blobs.sweep() {
        tracing::info!(swept, "removed uploads that a killed server left unfinished");
    }
    let listener = net::listen(listen).map_err(|error| ServeError::Listen(listen, error))?;
    let address = listener.local_addr()?;
    let limits = net::Limits::from(&config.limits);
    let app = Arc::new(App {
        db: site.db.clone(),
        blobs: site.blobs.clone(),
        guard: Guard::default(),
        auth: Auth::new(&config.auth),
        tree: TreeCache::default(),
        config,
        origins,
    });
    let stop = net::stop_on_signal()?;
    ready(address);
    tracing::info!(%address, "serving");
    let jobs = tokio::spawn(jobs::run(site.db.clone(), stop.clone()));
    net::serve(listener, limits, stop, router::service(app)).await;
    if let Err(error) = jobs.await {
        tracing::error!(%error, "the background jobs broke down");
    }
    site.close().await;
    tracing::info!("stopped");
    Ok(())
}
