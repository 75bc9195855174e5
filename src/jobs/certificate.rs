//! The job `certificate`: fetches a certificate from an authority (ACME, RFC 8555) and renews it when a third of its time is left.
//!
//! What it fetches, and the questions that the authority asks on the way, are rows (`certificates/`), so that every server shows and answers the
//! same. The claim of the job sees to it that one server fetches.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeType, Identifier, NewAccount, NewOrder, Order,
    OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};

use super::{JobError, Run, record};
use crate::audit::{self, Record};
use crate::certificates::{self, Fetched, Question};
use crate::clock::Moment;
use crate::config::Acme;
use crate::db::{DbError, WriteTx};
use crate::net::tls::Certificate;

/// How long the authority is waited for: it asks back from several places.
const PATIENCE: RetryPolicy = RetryPolicy::new().timeout(Duration::from_secs(90));
/// How long all of it may take: a single question to an authority that has fallen silent would never end.
const FETCH_MAX: Duration = Duration::from_secs(10 * 60);

pub(super) async fn run(run: &Run<'_>) -> Result<String, JobError> {
    let tls = &run.chores.config.tls;
    if !tls.acme.is_on() {
        return Ok("no certificate is fetched".to_owned());
    }
    let db = &run.chores.db;
    let kept = certificates::fetched(&mut db.read().await?).await?;
    if let Some(kept) = kept.filter(|kept| kept.names == tls.acme.domains && kept.directory == tls.acme.directory)
        && let Ok(certificate) = Certificate::from_pem(&kept.chain, &kept.key)
        && !is_due(&certificate, run.now)
    {
        return Ok(format!(
            "{} is good for another {} days",
            certificate.fingerprint,
            days_left(&certificate, run.now)
        ));
    }
    // Whoever can be reached at port 80 is asked there; else at port 443.
    let way = if tls.redirect_listen.0.is_some() { ChallengeType::Http01 } else { ChallengeType::TlsAlpn01 };
    let fetching = run.pace.until_stopped(tokio::time::timeout(FETCH_MAX, fetch(run, &tls.acme, way)));
    let fetched = fetching.await?.map_err(|_| refused("the authority didn't answer in time"))??;
    let certificate = Certificate::from_pem(&fetched.chain, &fetched.key).map_err(refused)?;
    let done = format!(
        "fetched {} for {}, good for {} days",
        certificate.fingerprint,
        tls.acme.domains.join(", "),
        days_left(&certificate, Moment::now())
    );
    let record = record("certificate", &done);
    change(run, move |tx| async move { keep(tx, &fetched, &record).await }.boxed()).await?;
    Ok(done)
}

/// Whether less than a third of its time is left.
fn is_due(certificate: &Certificate, now: Moment) -> bool {
    certificate.until.since(now) < certificate.until.since(certificate.from) / 3
}

fn days_left(certificate: &Certificate, now: Moment) -> u64 {
    certificate.until.since(now).as_secs() / (24 * 60 * 60)
}

async fn fetch(run: &Run<'_>, acme: &Acme, way: ChallengeType) -> Result<Fetched, JobError> {
    let account = account(run, acme).await?;
    let names: Vec<Identifier> = acme.domains.iter().cloned().map(Identifier::Dns).collect();
    let mut order = account.new_order(&NewOrder::new(&names)).await.map_err(refused)?;
    be_asked(run, &mut order, &way).await?;
    match order.poll_ready(&PATIENCE).await.map_err(refused)? {
        OrderStatus::Ready | OrderStatus::Valid => {}
        OrderStatus::Pending | OrderStatus::Processing | OrderStatus::Invalid => {
            return Err(refused(why_not(&mut order).await));
        }
    }
    let key = KeyPair::generate().map_err(refused)?;
    let mut params = CertificateParams::new(acme.domains.clone()).map_err(refused)?;
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(&key).map_err(refused)?;
    order.finalize_csr(request.der()).await.map_err(refused)?;
    let chain = order.poll_certificate(&PATIENCE).await.map_err(refused)?;
    Ok(Fetched { names: acme.domains.clone(), directory: acme.directory.clone(), chain, key: key.serialize_pem() })
}

/// The account at the authority, made at the first time.
async fn account(run: &Run<'_>, acme: &Acme) -> Result<Account, JobError> {
    let builder = match acme.directory_ca.as_str() {
        "" => Account::builder(),
        root => Account::builder_with_root(root),
    };
    let builder = builder.map_err(refused)?;
    let known = certificates::account(&mut run.chores.db.read().await?, &acme.directory).await?;
    if let Some(known) = known.and_then(|known| serde_json::from_str::<AccountCredentials>(&known).ok()) {
        return builder.from_credentials(known).await.map_err(refused);
    }
    let contact = format!("mailto:{}", acme.contact);
    let contact: &[&str] = if acme.contact.is_empty() { &[] } else { &[&contact] };
    let new = NewAccount { contact, terms_of_service_agreed: acme.accept_terms, only_return_existing: false };
    let (account, credentials) = builder.create(&new, acme.directory.clone(), None).await.map_err(refused)?;
    let (directory, credentials) = (acme.directory.clone(), serde_json::to_string(&credentials).map_err(refused)?);
    change(run, move |tx| async move { certificates::keep_account(tx, &directory, &credentials).await }.boxed())
        .await?;
    Ok(account)
}

/// Has the authority ask about each name, once every server knows the answer.
async fn be_asked(run: &Run<'_>, order: &mut Order, way: &ChallengeType) -> Result<(), JobError> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.map_err(refused)?;
        if authorization.status == AuthorizationStatus::Valid {
            continue; // It has asked not long ago.
        }
        let Identifier::Dns(name) = authorization.identifier().identifier.clone() else {
            return Err(refused("the authority asks about something that is no name"));
        };
        let challenge = authorization.challenge(way.clone());
        let mut challenge = challenge.ok_or_else(|| refused(format!("the authority doesn't offer {way:?}")))?;
        let key = challenge.key_authorization();
        let (authorization, digest) = (key.as_str().to_owned(), key.digest().as_ref().to_vec());
        let question = Question { name, token: challenge.token.clone(), authorization, digest };
        change(run, move |tx| async move { certificates::expect(tx, &question).await }.boxed()).await?;
        challenge.set_ready().await.map_err(refused)?;
    }
    Ok(())
}

/// What the authority found wrong.
async fn why_not(order: &mut Order) -> String {
    let mut authorizations = order.authorizations();
    while let Some(Ok(authorization)) = authorizations.next().await {
        if let Some(problem) = authorization.challenges.iter().find_map(|challenge| challenge.error.as_ref()) {
            return format!("{}: {problem}", authorization.identifier());
        }
    }
    "the authority has refused the order and doesn't say why".to_owned()
}

/// Keeps the certificate together with the record of it.
async fn keep(tx: &mut WriteTx, fetched: &Fetched, record: &Record) -> Result<(), DbError> {
    certificates::keep(tx, fetched).await?;
    audit::append(tx, record).await.map(drop)
}

/// Writes in a transaction of its own.
async fn change<W>(run: &Run<'_>, work: W) -> Result<(), JobError>
where
    W: for<'t> FnOnce(&'t mut WriteTx) -> BoxFuture<'t, Result<(), DbError>> + Send + 'static,
{
    let db = run.chores.db.clone();
    let writing = async move {
        let mut tx = db.write().await?;
        // What breaks off in the middle must leave nothing to the others of its group.
        tx.protect().await?;
        work(&mut tx).await?;
        tx.commit().await
    };
    run.pace.slice(&run.chores.db, writing).await
}

fn refused(why: impl std::fmt::Display) -> JobError {
    JobError::Authority(why.to_string())
}
