//! The running server: what every request shares, and how it starts and ends.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::access_log::{self, AccessLog};
use crate::audit::{self, Actor, Line, Record};
use crate::auth::{self, Auth};
use crate::blobs::{BlobError, Blobs};
use crate::clock::Moment;
use crate::config::Config;
use crate::dav::headers::Origin;
use crate::db::Db;
use crate::doors::{self, Listening};
use crate::guard::Guard;
use crate::jobs::{Answers, Chores};
use crate::metrics::Metrics;
use crate::net::Proxies;
use crate::net::tls::Challenges;
use crate::reload::{Hangup, Reload};
use crate::servers::{self, Server};
use crate::service::Service;
use crate::site::{HeadFile, Site, SiteError};
use crate::trail::{Trail, batch};
use crate::tree::cache::TreeCache;
use crate::tree::reservation::Reservations;
use crate::tree::sync::Follow;
use crate::uploads::making::Making;
use crate::{jobs, net, router};

/// Letters of a site's id that tell it from others to clients.
const SITE_CHARS: usize = 10;

/// Large copies that are made at once; others wait for their turn. Each has one of the few connections that read for all its time, and most of
/// these are left for what is soon done.
const SLICED_COPIES_MAX: usize = 2;

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
    /// What tells this site from others, a few letters of its id.
    pub site: String,
    /// What is needed to follow collections by their changes.
    pub follow: Follow,
    /// Room that uploads on their way have been promised.
    pub reservations: Arc<Reservations>,
    /// Uploads in pieces of which files are being made.
    pub making: Arc<Making>,
    /// Turns of large copies.
    pub sliced_copies: Semaphore,
    /// What is recorded behind the answers.
    pub trail: Trail,
    /// Where a line for each answer goes, if anywhere.
    pub access_log: Option<AccessLog>,
    /// The limits and switches.
    pub config: Config,
    /// The addresses under which clients know this server.
    pub origins: Vec<Origin>,
    /// TLS, where it is spoken.
    pub secure: Option<Secure>,
    /// What is counted.
    pub metrics: Metrics,
}

/// What answers say about TLS.
#[derive(Debug, Clone, Copy)]
pub struct Secure {
    /// The port where it is spoken.
    pub port: u16,
    /// Seconds that browsers shall use nothing else; `None`: they aren't told.
    pub only_for_s: Option<u64>,
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
    /// The certificate at the start; later ones are told in the log.
    #[error("`tls.certificate`, `tls.key`: {0}")]
    Certificate(#[from] net::tls::CertificateError),
    /// A key of the configuration.
    #[error("`public_origins`: `{0}` is no origin: {1}")]
    Origin(String, &'static str),
    /// The access log.
    #[error("the access log can't be written to `{0}`: {1}")]
    AccessLog(String, std::io::Error),
    /// The token of `/metrics`.
    #[error("`metrics.token_file`: `{0}` holds no token: {1}")]
    Token(String, std::io::Error),
    /// The system.
    #[error("the server stopped: {0}")]
    Io(#[from] std::io::Error),
}

/// Serves the site on `listen`, and on what else the configuration names, until SIGTERM or SIGINT, then finishes what runs.
///
/// Takes the site for itself first: a second server on it is refused. `ready` is told the address, port resolved, once
/// connections are accepted.
pub async fn serve(
    site: Site,
    (config, hangup): (Config, Hangup),
    listen: SocketAddr,
    ready: impl FnOnce(&[Listening]),
) -> Result<(), ServeError> {
    let (config_file, is_service) = match hangup {
        Hangup::ReadAnew(file) => (file, true),
        Hangup::End => (None, false),
    };
    let proxies = Proxies::from(&config.net);
    let answers = config.tls.acme.is_on().then(|| Box::new(Answers(site.db.clone())) as Box<dyn Challenges>);
    let plan = doors::plan(&config, listen, &proxies, answers)?;
    let counting = doors::counting(&config.metrics)?;
    let (tls, files) = (plan.tls.clone(), plan.files.clone());
    let origins = config.server.public_origins.iter();
    let origins = origins.map(|text| Origin::parse(text).map_err(|why| ServeError::Origin(text.clone(), why)));
    let origins = origins.collect::<Result<_, _>>()?;
    let _claim = site.claim().await?;
    match site.blobs.confirm().await {
        Ok(()) => {}
        // What is of rows goes on without it, and it may come back.
        Err(error @ BlobError::Away { .. }) => tracing::error!(%error, "the store of contents can't be reached"),
        Err(error) => return Err(SiteError::from(error).into()),
    }
    let (doors, mut listening) = plan.open()?;
    let address = listening[0].address;
    let head_file = site.head_file(&config.audit);
    let name = if config.server.name.is_empty() { jobs::runner() } else { config.server.name.clone() };
    start_record(&site.db, &head_file, address, &name).await?;
    let this = Server::this(name, address.to_string(), Moment::now());
    servers::say_so(&site.db, &this, Moment::now()).await.map_err(SiteError::from)?;
    let (trail, events) = Trail::new();
    let opened = access_log::open(&config.access_log);
    let opened = opened.map_err(|error| ServeError::AccessLog(config.access_log.to.clone(), error))?;
    let (access_log, access_lines) = opened.unzip();
    let service = Arc::new(Service::of_this_process());
    let reload = Reload {
        config_file,
        config: config.clone(),
        tls,
        files,
        access_log: access_lines.as_ref().map(access_log::Writer::reopener),
        service: Arc::clone(&service),
        db: site.db.clone(),
    };
    let chores = Chores {
        db: site.db.clone(),
        blobs: site.blobs.clone(),
        config: config.clone(),
        head_file: head_file.clone(),
        runner: this.name.clone(),
    };
    let metrics = Metrics::default();
    let rules = net::Rules { limits: net::Limits::from(&config.limits), proxies, counts: Arc::clone(&metrics.net) };
    let only_for_s = config.tls.redirect_listen.0.map(|_| config.tls.hsts_s).filter(|seconds| *seconds > 0);
    let secure = listening[0].tls.then(|| Secure { port: address.port(), only_for_s });
    let site_id = site.db.site_id().await.map_err(SiteError::from)?;
    let app = Arc::new(App {
        db: site.db.clone(),
        blobs: site.blobs.clone(),
        guard: Guard::default(),
        auth: Auth::new(&config.auth),
        tree: TreeCache::default(),
        site: site_id.chars().take(SITE_CHARS).collect(),
        follow: Follow::default(),
        reservations: Arc::default(),
        making: Arc::default(),
        sliced_copies: Semaphore::new(SLICED_COPIES_MAX),
        trail,
        access_log,
        config,
        origins,
        secure,
        metrics,
    });
    let stop = net::stop_on_signal()?;
    let hangups = is_service.then(net::reload_on_signal).transpose()?;
    site.tell_address(&listening[0].url())?;
    if let Some(counting) = &counting {
        listening.insert(1, counting.listening);
    }
    ready(&listening);
    service.ready();
    let addresses = listening.iter().map(Listening::url).collect::<Vec<_>>().join(" ");
    service.status(&format!("serving {addresses}"));
    tracing::info!(addresses, name = this.name, "serving");
    let reloads = tokio::spawn(reload.run(hangups, stop.clone()));
    let signs = tokio::spawn(be_alive(service, stop.clone()));
    let answered = CancellationToken::new();
    let jobs = tokio::spawn(jobs::run(chores, stop.clone()));
    let presence = tokio::spawn(be_present(site.db.clone(), this.clone(), stop.clone()));
    let batches = tokio::spawn(batch::run(Arc::clone(&app), events, answered.clone()));
    let watched = counting.map(|counting| tokio::spawn(counting.serve(Arc::clone(&app), stop.clone())));
    net::serve(doors, rules, stop, router::service(app)).await;
    // Only now is the last answer's event in the queue.
    answered.cancel();
    for task in [jobs, batches, presence, reloads, signs].into_iter().chain(watched) {
        if let Err(error) = task.await {
            tracing::error!(%error, "a background job broke down");
        }
    }
    stop_record(&site.db, &head_file, &this.name).await?;
    if let Err(error) = servers::say_goodbye(&site.db, &this).await {
        tracing::warn!(%error, "the list of servers still names this one");
    }
    if let Some(lines) = access_lines {
        lines.finish();
    }
    site.forget_address();
    site.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Says again and again that this server runs, and clears away what all servers have counted together and nobody needs any more.
async fn be_present(db: Db, this: Server, stop: CancellationToken) {
    let mut rounds = interval(servers::SAYS_SO);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut outdated = false;
    while stop.run_until_cancelled(rounds.tick()).await.is_some() {
        match servers::say_so(&db, &this, Moment::now()).await {
            Ok(newer) if newer && !outdated => {
                outdated = true;
                tracing::warn!("a newer server has changed the schema; this one goes on, and can't be started again");
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the other servers can't be told that this one runs"),
        }
        if let Err(error) = auth::forget_guesses(&db, Moment::now()).await {
            tracing::warn!(%error, "old counts of wrong passwords could not be removed");
        }
    }
}

/// Tells the service manager again and again that the server is alive, and at last that it stops. Nothing else: that the database is away is no
/// reason to start the server anew.
async fn be_alive(service: Arc<Service>, stop: CancellationToken) {
    if let Some(every) = service.alive_every() {
        let mut signs = interval(every);
        while stop.run_until_cancelled(signs.tick()).await.is_some() {
            service.alive();
        }
    }
    stop.cancelled().await;
    service.stopping();
}

/// Begins the server's part of the audit, with what it finds wrong with the part before.
async fn start_record(db: &Db, head_file: &HeadFile, address: SocketAddr, name: &str) -> Result<(), ServeError> {
    let now = Moment::now();
    match head_file.read() {
        Ok(Some(kept)) => {
            let passes = audit::passes(&mut db.read().await.map_err(SiteError::from)?, &kept).await;
            if passes.map_err(SiteError::from)? == Some(false) {
                let note = format!("the log does not go through {kept}, which was its end");
                tracing::error!(%note, "the audit is broken");
                let broken = Record::new(now, Actor::server(), audit::verify::BROKEN_VERB);
                append(db, Record { note: Some(Line::note(&note)), ..broken }).await?;
            }
        }
        Ok(None) => {}
        Err(error) => tracing::error!(%error, "the kept end of the audit can't be read"),
    }
    let note = format!("commonhold {} on {address} as {name}", env!("CARGO_PKG_VERSION"));
    append(db, Record { note: Some(Line::note(&note)), ..Record::new(now, Actor::server(), "start") }).await
}

/// Ends it, and keeps where it ended.
async fn stop_record(db: &Db, head_file: &HeadFile, name: &str) -> Result<(), ServeError> {
    let stop = Record::new(Moment::now(), Actor::server(), "stop");
    append(db, Record { note: Some(Line::note(&format!("as {name}"))), ..stop }).await?;
    let head = audit::head(&mut db.read().await.map_err(SiteError::from)?).await.map_err(SiteError::from)?;
    tracing::info!(%head, "the end of the audit");
    if let Err(error) = head_file.write(&head) {
        tracing::error!(%error, "the end of the audit can't be kept");
    }
    Ok(())
}

async fn append(db: &Db, record: Record) -> Result<(), ServeError> {
    Ok(batch::append_alone(db, record).await.map_err(SiteError::from)?)
}
