//! `verify --repair`: what can be mended without losing anything, each said in a sentence and recorded.
//!
//! Counts and marks that follow from other rows are set right; what can't be reached comes into the trash of its share; rows that contradict
//! others are moved aside, into the table `aside`. Nothing is mended while a share has no root or trash. A content that is damaged or gone can't be mended: `verify` names a revision that is whole.

mod sql;

use super::{FINDINGS_MAX, NAMES_AT_ONCE, Named, VerifyError, wrong_key};
use crate::audit::{self, Actor, Line, Record};
use crate::clock::Moment;
use crate::contents::examine::{self, Examination, Step};
use crate::db::{DbError, Reads, WriteTx};
use crate::ids::{NodeId, ShareId};
use crate::path::{Name, PATH_DEPTH_MAX};
use crate::site::Site;
use crate::tree::check;

/// The verb of the records.
const VERB: &str = "repair";

/// Mends the rows of the site, and the hashes of chunks. Gives what was done, a sentence each.
pub async fn run(site: &Site, now: Moment) -> Result<Vec<String>, VerifyError> {
    let mut done = Vec::new();
    // Where the top of a share is wrong, nobody can say what lies where.
    if sql::is_headless(site.db.read().await?.conn()).await? {
        return Ok(done);
    }
    for repair in Repair::ALL {
        let mut tx = site.db.write().await?;
        tx.protect().await?;
        tx.touch_directory();
        for share in sql::shares(tx.conn()).await? {
            tx.touch_share(ShareId(share));
        }
        let mended = repair.mend(&mut tx, now).await?;
        if mended.is_empty() {
            continue;
        }
        record(&mut tx, &mended, now).await?;
        tx.commit().await?;
        done.extend(mended);
    }
    done.extend(names(site, now).await?);
    done.extend(sums(site, now).await?);
    Ok(done)
}

async fn record(tx: &mut WriteTx, mended: &[String], now: Moment) -> Result<(), DbError> {
    let record = |text: &String| {
        let note = Some(Line::note(text));
        Record { note, ..Record::new(now, Actor::server(), VERB) }
    };
    audit::append_all(tx, &mended.iter().map(record).collect::<Vec<_>>()).await
}

/// What is mended by a statement or two, in this order: what is moved comes before what is counted.
#[derive(Debug, Clone, Copy)]
enum Repair {
    Sizes,
    Unreachable,
    UnlistedTrash,
    WronglyListedTrash,
    Dangling,
    UsedBytes,
    ShareSequence,
    NodeSequence,
    AncestorSequence,
    Properties,
    Locks,
    UnknownContents,
    GivenUpContents,
    BytesWithoutContent,
}

impl Repair {
    const ALL: [Self; 14] = [
        Self::Sizes,
        Self::Unreachable,
        Self::UnlistedTrash,
        Self::WronglyListedTrash,
        Self::Dangling,
        Self::UsedBytes,
        Self::ShareSequence,
        Self::NodeSequence,
        Self::AncestorSequence,
        Self::Properties,
        Self::Locks,
        Self::UnknownContents,
        Self::GivenUpContents,
        Self::BytesWithoutContent,
    ];

    async fn mend(self, tx: &mut WriteTx, now: Moment) -> Result<Vec<String>, DbError> {
        let (conn, limit) = (tx.conn(), FINDINGS_MAX);
        match self {
            Self::Sizes => sql::sizes(conn, limit).await,
            Self::Unreachable => sql::unreachable(conn, now, limit).await,
            Self::UnlistedTrash => sql::unlisted_trash(conn, now, limit).await,
            Self::WronglyListedTrash => sql::wrongly_listed_trash(conn, now, limit).await,
            Self::Dangling => sql::dangling(conn, now).await,
            Self::UsedBytes => sql::used_bytes(conn, limit).await,
            Self::ShareSequence => sql::share_sequence(conn, limit).await,
            Self::NodeSequence => sql::node_sequence(conn, limit).await,
            Self::AncestorSequence => sql::ancestor_sequence(conn, PATH_DEPTH_MAX).await,
            Self::Properties => sql::properties(conn, limit).await,
            Self::Locks => sql::locks(conn, limit).await,
            Self::UnknownContents => sql::unknown_contents(conn, limit).await,
            Self::GivenUpContents => sql::given_up_contents(conn, limit).await,
            Self::BytesWithoutContent => bytes_without_content(tx, now).await,
        }
    }
}

/// Gives bytes whose content has no row one again. Whether anything names it is the collector's to find out.
async fn bytes_without_content(tx: &mut WriteTx, now: Moment) -> Result<Vec<String>, DbError> {
    let found = sql::bytes_without_content(tx.conn(), FINDINGS_MAX).await?;
    let mut done = Vec::with_capacity(found.len());
    for (content, bytes) in found {
        let hash = blake3::hash(&bytes);
        sql::insert_content(tx.conn(), content, (bytes.len() as u64, hash.as_bytes()), now).await?;
        done.push(format!("content {content}, of which there were only the bytes, has a row again"));
    }
    Ok(done)
}

/// Gives names the keys under which they are found, where these are free.
async fn names(site: &Site, now: Moment) -> Result<Vec<String>, VerifyError> {
    let (mut done, mut after) = (Vec::new(), NodeId(0));
    loop {
        let page = super::sql::names(site.db.read().await?.conn(), after, NAMES_AT_ONCE).await?;
        let Some(last) = page.last() else { return Ok(done) };
        after = last.node;
        let wrong: Vec<Named> = page.into_iter().filter(|name| wrong_key(name).is_some()).collect();
        for Named { node, name, .. } in wrong {
            let Ok(parsed) = Name::parse(&name) else { continue };
            let mut tx = site.db.write().await?;
            tx.protect().await?;
            if let Some(share) = sql::set_key(tx.conn(), node, parsed.key().as_str()).await? {
                tx.touch_share(share);
                let told = vec![format!("node {} (`{name}`) is found under the key of its name again", node.0)];
                record(&mut tx, &told, now).await?;
                tx.commit().await?;
                done.extend(told);
            }
        }
    }
}

/// Keeps the right hashes of chunks of contents whose bytes are right.
async fn sums(site: &Site, now: Moment) -> Result<Vec<String>, VerifyError> {
    let (mut done, mut after) = (Vec::new(), None);
    loop {
        let page = check::contents(&mut site.db.read().await?, after).await?;
        let Some(last) = page.last() else { return Ok(done) };
        after = Some(last.id);
        for content in &page {
            if !examine::has_sums(&mut site.db.read().await?, content.id).await? {
                continue;
            }
            let mut examination = Examination::of(content);
            let right = loop {
                match examination.step(&site.blobs).await? {
                    Step::Read(_) => {}
                    Step::Damaged(_) => break None,
                    Step::Right(sums) => break Some(sums),
                }
            };
            let Some(right) = right else { continue };
            if examine::contradicts(&mut site.db.read().await?, content, &right).await? {
                let mut tx = site.db.write().await?;
                tx.protect().await?;
                examine::is_right(&mut tx, content.id, &right).await?;
                let told = vec![format!("the hashes of the chunks of content {} are right again", content.id)];
                record(&mut tx, &told, now).await?;
                tx.commit().await?;
                done.extend(told);
            }
        }
    }
}
