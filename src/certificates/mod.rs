//! What is kept of certificates that are fetched from an authority: the account there, the certificate with its key, and the questions that the
//! authority is about to ask.
//!
//! All of it lies in the database, so that of several servers one fetches (it is a job), every one shows the same certificate, and whichever of
//! them the authority comes to knows the answer. Whoever reads the database has the key; it is in backups, too.

mod sql;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::db::{DbError, Reads, WriteTx};

/// What the rows begin with.
const ACCOUNT: &str = "acme account ";
const CERTIFICATE: &str = "acme certificate";
const QUESTION: &str = "acme question ";

/// A certificate as it was fetched.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetched {
    /// For these names.
    pub names: Vec<String>,
    /// From the authority with this directory.
    pub directory: String,
    /// The chain, PEM.
    pub chain: String,
    /// The key, PEM.
    pub key: String,
}

impl fmt::Debug for Fetched {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { names, directory, chain, key: _ } = self;
        f.debug_struct("Fetched")
            .field("names", names)
            .field("directory", directory)
            .field("chain", chain)
            .finish_non_exhaustive()
    }
}

/// What an authority will ask, to see whether a name is ours (RFC 8555 section 8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// About this name.
    pub name: String,
    /// Under this path (HTTP-01).
    pub token: String,
    /// It wants to read this,
    pub authorization: String,
    /// or to see this in a certificate (TLS-ALPN-01).
    pub digest: Vec<u8>,
}

/// The certificate that was fetched last.
pub async fn fetched(reads: &mut impl Reads) -> Result<Option<Fetched>, DbError> {
    read(sql::value(reads.conn(), CERTIFICATE).await?)
}

/// Keeps a certificate instead of the one before; the questions are answered.
pub async fn keep(tx: &mut WriteTx, fetched: &Fetched) -> Result<(), DbError> {
    sql::remove_those_with(tx.conn(), QUESTION).await?;
    sql::put(tx.conn(), CERTIFICATE, &written(fetched)).await
}

/// The account at the authority with this directory, as its client keeps it.
pub async fn account(reads: &mut impl Reads, directory: &str) -> Result<Option<String>, DbError> {
    sql::value(reads.conn(), &format!("{ACCOUNT}{directory}")).await
}

/// Keeps the account.
pub async fn keep_account(tx: &mut WriteTx, directory: &str, account: &str) -> Result<(), DbError> {
    sql::put(tx.conn(), &format!("{ACCOUNT}{directory}"), account).await
}

/// Keeps a question, so that every server can answer it.
pub async fn expect(tx: &mut WriteTx, question: &Question) -> Result<(), DbError> {
    sql::put(tx.conn(), &format!("{QUESTION}{}", question.name), &written(question)).await
}

/// The question about this name.
pub async fn question_about(reads: &mut impl Reads, name: &str) -> Result<Option<Question>, DbError> {
    read(sql::value(reads.conn(), &format!("{QUESTION}{name}")).await?)
}

/// The question with this token.
pub async fn question_with(reads: &mut impl Reads, token: &str) -> Result<Option<Question>, DbError> {
    let all = sql::values_of_those_with(reads.conn(), QUESTION).await?;
    Ok(all.into_iter().filter_map(|text| read::<Question>(Some(text)).ok().flatten()).find(|one| one.token == token))
}

fn written(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain structs become JSON")
}

fn read<T: for<'de> Deserialize<'de>>(text: Option<String>) -> Result<Option<T>, DbError> {
    let malformed =
        |error: serde_json::Error| DbError::Lost(format!("what is kept of a certificate is malformed: {error}").into());
    text.map(|text| serde_json::from_str(&text).map_err(malformed)).transpose()
}
