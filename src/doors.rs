//! The addresses at which the server is reached, and what is spoken at each, from the configuration.
//!
//! `server.listen` speaks TLS where there is a certificate or one is fetched, plain HTTP otherwise; `server.listen_plain` and
//! `tls.redirect_listen` are beside it.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::app::{App, ServeError};
use crate::config::{self, Config};
use crate::metrics::Counting;
use crate::net::tls::{Challenges, Files, Tls};
use crate::net::{self, Door, Proxies, Speaks};

/// Connections of those who count.
const COUNTING_CONNECTIONS_MAX: usize = 16;

/// An address where the server listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listening {
    /// Port resolved.
    pub address: SocketAddr,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// What it is for.
    pub purpose: Purpose,
}

/// What an address is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Files.
    Files,
    /// It only shows the way to another one.
    Redirect,
    /// `/metrics`.
    Counts,
}

impl Listening {
    /// `https://192.0.2.1:443`
    pub fn url(&self) -> String {
        format!("{}://{}", if self.tls { "https" } else { "http" }, self.address)
    }
}

/// What will be opened. Made before the site is touched, so that what can't be allowed is refused first.
pub struct Plan {
    doors: Vec<(SocketAddr, Speaks)>,
    /// Where TLS is spoken: what shows the certificate.
    pub tls: Option<Arc<Tls>>,
    /// Where it comes from, if from files.
    pub files: Option<Files>,
}

/// What the configuration asks for. `challenges`: where the answers to an authority's questions are.
///
/// # Errors
/// [`ServeError::Plain`], [`ServeError::Certificate`].
pub fn plan(
    config: &Config,
    listen: SocketAddr,
    proxies: &Proxies,
    challenges: Option<Box<dyn Challenges>>,
) -> Result<Plan, ServeError> {
    let plain = |address| net::plain(address, config.server.insecure_http, proxies);
    let (tls, files) = secured(config, challenges)?;
    let main = match &tls {
        Some(tls) => Speaks::Tls(Arc::clone(tls)),
        None => plain(listen)?,
    };
    let mut doors = vec![(listen, main)];
    doors.extend(config.tls.redirect_listen.0.map(|address| (address, Speaks::Redirect)));
    for address in &config.server.listen_plain {
        doors.push((*address, plain(*address)?));
    }
    Ok(Plan { doors, tls, files })
}

/// TLS as it begins: with the certificate of the files, or without one as long as none was fetched.
fn secured(
    config: &Config,
    challenges: Option<Box<dyn Challenges>>,
) -> Result<(Option<Arc<Tls>>, Option<Files>), ServeError> {
    if !config.tls.is_on() {
        return Ok((None, None));
    }
    let mut files = (!config.tls.certificate.is_empty()).then(|| Files::new(&config.tls.certificate, &config.tls.key));
    let certificate = files.as_mut().map(Files::read).transpose()?;
    Ok((Some(Arc::new(Tls::new(certificate, config.limits.http2, challenges))), files))
}

impl Plan {
    /// Listens everywhere. The first address is that of `server.listen`.
    ///
    /// # Errors
    /// [`ServeError::Listen`].
    pub fn open(self) -> Result<(Vec<Door>, Vec<Listening>), ServeError> {
        let mut listening = Vec::new();
        let mut doors = Vec::new();
        for (address, speaks) in self.doors {
            let failed = |error| ServeError::Listen(address, error);
            let tls = matches!(speaks, Speaks::Tls(_));
            let purpose = if matches!(speaks, Speaks::Redirect) { Purpose::Redirect } else { Purpose::Files };
            let door = Door::open(address, speaks).map_err(failed)?;
            listening.push(Listening { address: door.address().map_err(failed)?, tls, purpose });
            doors.push(door);
        }
        Ok((doors, listening))
    }
}

/// Where `/metrics` is answered.
pub struct CountsDoor {
    door: Door,
    token: Option<Arc<str>>,
    /// Port resolved.
    pub listening: Listening,
}

/// Opens it, where the configuration wants it.
///
/// # Errors
/// [`ServeError::Listen`], [`ServeError::Token`].
pub fn counting(config: &config::Metrics) -> Result<Option<CountsDoor>, ServeError> {
    let Some(address) = config.listen.0 else { return Ok(None) };
    let token = config.token().map_err(|error| ServeError::Token(config.token_file.clone(), error))?;
    let failed = |error| ServeError::Listen(address, error);
    // Whoever has the token may come from anywhere; the configuration has seen to it that there is one then.
    let door = Door::open(address, Speaks::Plain { proxies_only: false }).map_err(failed)?;
    let listening = Listening { address: door.address().map_err(failed)?, tls: false, purpose: Purpose::Counts };
    Ok(Some(CountsDoor { door, token: token.map(Arc::from), listening }))
}

impl CountsDoor {
    /// Answers until `stop`.
    pub async fn serve(self, app: Arc<App>, stop: CancellationToken) {
        let limits = net::Limits { connections_max: COUNTING_CONNECTIONS_MAX, ..net::Limits::from(&app.config.limits) };
        let rules = net::Rules { limits, proxies: Proxies::default(), counts: Arc::default() };
        net::serve(vec![self.door], rules, stop, Counting::new(app, self.token)).await;
    }
}
