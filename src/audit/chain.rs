//! The chain: how a record is written as bytes, and the hash that binds it to the one before.
//!
//! The encoding is canonical and injective: every field has a fixed place, numbers a fixed width, texts their length in
//! front, and what may be missing says first whether it is there. So two different records never have the same bytes,
//! and no text can pass a part of itself off as the next field.

use std::fmt;
use std::str::FromStr;

use super::record::{Line, Record};
use crate::clock::Moment;

/// What the bytes of every record begin with; another encoding would have another number.
const FORMAT: &[u8] = b"commonhold audit 1\n";

/// The hash before the first record.
pub(super) const GENESIS: [u8; 32] = [0; 32];

/// The end of the chain: whoever keeps it can prove later that nothing before it was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The number of the last record; 0 before the first.
    pub seq: i64,
    /// Its hash.
    pub hash: [u8; 32],
}

impl Head {
    /// Before the first record.
    pub const GENESIS: Self = Self { seq: 0, hash: GENESIS };
}

/// `NUMBER:HASH`, the hash in hexadecimal digits.
impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, blake3::Hash::from_bytes(self.hash).to_hex())
    }
}

impl FromStr for Head {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "a head is a number, `:` and 64 hexadecimal digits, as `commonhold audit head` prints it";
        let (seq, hash) = text.trim().split_once(':').ok_or(wrong)?;
        let seq = seq.parse().ok().filter(|seq| *seq >= 0).ok_or(wrong)?;
        let hash = blake3::Hash::from_hex(hash).map_err(|_| wrong)?;
        Ok(Self { seq, hash: *hash.as_bytes() })
    }
}

/// The hash of a record after the one with the hash `before`.
pub(super) fn hash(before: &[u8; 32], seq: i64, latest: Moment, record: &Record) -> [u8; 32] {
    *blake3::hash(&encoded(before, seq, latest, record)).as_bytes()
}

/// The bytes that are hashed.
pub(super) fn encoded(before: &[u8; 32], seq: i64, latest: Moment, record: &Record) -> Vec<u8> {
    // Without `..`, so that a new field can't be forgotten here.
    let Record { at, actor, verb, outcome, share, node, path, target, status, bytes, times, note } = record;
    let mut to = Vec::with_capacity(512);
    to.extend(FORMAT);
    to.extend(before);
    number(&mut to, seq);
    number(&mut to, at.0);
    number(&mut to, latest.0);
    to.push(*outcome as u8);
    text(&mut to, verb);
    optional(&mut to, actor.id.map(|id| id.0), number);
    text(&mut to, &actor.name);
    text(&mut to, &actor.channel);
    for line in [&actor.device, &actor.address, &actor.agent, &actor.request] {
        optional(&mut to, line.as_ref(), text);
    }
    optional(&mut to, share.map(|id| id.0), number);
    optional(&mut to, node.map(|id| id.0), number);
    optional(&mut to, path.as_ref(), text);
    optional(&mut to, target.as_ref(), text);
    optional(&mut to, status.map(i64::from), number);
    optional(&mut to, bytes.map(u64::cast_signed), number);
    number(&mut to, times.cast_signed());
    optional(&mut to, note.as_ref(), text);
    to
}

fn number(to: &mut Vec<u8>, value: i64) {
    to.extend(value.to_be_bytes());
}

fn text(to: &mut Vec<u8>, line: &Line) {
    let bytes = line.as_str().as_bytes();
    to.extend((bytes.len() as u64).to_be_bytes());
    to.extend(bytes);
}

fn optional<T>(to: &mut Vec<u8>, value: Option<T>, put: impl Fn(&mut Vec<u8>, T)) {
    to.push(u8::from(value.is_some()));
    if let Some(value) = value {
        put(to, value);
    }
}
