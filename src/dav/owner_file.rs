//! The small files that office programs lay beside a document while it is open: `~$report.docx`, `.~lock.report.odt#`.
//!
//! They tell who has the document open, also when the program is on a client that doesn't lock. In a share with auto lock
//! their coming and going takes and gives back a lock on the document.

use commonhold_acl::{Operation, Permission};

use super::lock::of_tree;
use super::{Exchange, Spot};
use crate::db::{Reads, WriteTx};
use crate::error::HttpError;
use crate::locks::{self, Refusal};
use crate::path::{Name, NameKey};
use crate::tree::{self, Node};

/// The document that the resource at `spot` is the owner file of, at the end of its chain; `None` for anything else.
pub async fn document_of(tx: &mut impl Reads, spot: &Spot) -> Result<Option<Vec<Node>>, HttpError> {
    let name = match (spot.located.node(), spot.located.missing_name()) {
        (Some(node), _) => node.name.clone(),
        (None, Some(name)) => name.as_str().to_owned(),
        (None, None) => return Ok(None),
    };
    let Some(document) = document_name(&name) else { return Ok(None) };
    let Some(parent) = spot.located.parent() else { return Ok(None) };
    let Some(node) = tree::find_document(tx, parent, document.as_str()).await? else { return Ok(None) };
    if !spot.reached.measures().locks(&node.name) {
        return Ok(None);
    }
    let mut chain = spot.located.ancestors().to_vec();
    chain.push(node);
    // Whoever may not write the document, or not lock, can't keep others from writing it either.
    let effective = spot.reached.at(&chain);
    let may_lock = effective.allows(Permission::Write) && effective.barred(Operation::LockFile).is_none();
    Ok(may_lock.then_some(chain))
}

/// What an owner file's name says of its document's: all of it, or (Word) all but the first two characters.
fn document_name(name: &str) -> Option<NameKey> {
    let rest = match name.strip_prefix("~$") {
        Some(rest) => rest,
        None => name.strip_prefix(".~lock.")?.strip_suffix('#')?,
    };
    Name::parse(rest).ok().map(|name| name.key())
}

/// Somebody has opened the document at the end of `chain`.
pub async fn opened(tx: &mut WriteTx, chain: &[Node], x: &Exchange) -> Result<(), HttpError> {
    settle(tx, chain, x, true).await
}

/// He has closed it.
pub async fn closed(tx: &mut WriteTx, chain: &[Node], x: &Exchange) -> Result<(), HttpError> {
    settle(tx, chain, x, false).await
}

async fn settle(tx: &mut WriteTx, chain: &[Node], x: &Exchange, open: bool) -> Result<(), HttpError> {
    let who = (x.caller.user.id, x.caller.user.name.as_str());
    match locks::settle_auto(tx, chain, who, open, x.now).await {
        // Somebody else's lock: then there is none to take, and the document is protected as it is.
        Ok(()) | Err(Refusal::Conflict(_) | Refusal::Below(_) | Refusal::TooMany | Refusal::TooManyShared) => Ok(()),
        Err(Refusal::Lock(error)) => Err(of_tree(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_file_names_its_document() {
        let named = |name| document_name(name).map(|key| key.as_str().to_owned());
        assert_eq!(named("~$Report.docx").as_deref(), Some("report.docx"));
        assert_eq!(named(".~lock.Plan.odt#").as_deref(), Some("plan.odt"));
        assert_eq!(named("~$"), None);
        assert_eq!(named("report.docx"), None);
        assert_eq!(named(".~lock.plan.odt"), None);
    }
}
