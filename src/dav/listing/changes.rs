//! The multistatus of what has changed (RFC 6578 section 3.5), and tokens as a property of collections (section 4).

use super::super::acl::list_of;
use super::super::lock::of_tree;
use super::super::xml::QName;
use super::super::{PREFIX, Spot};
use super::{About, Asked, Exchange, Listing, Xml};
use crate::db::ReadTx;
use crate::error::HttpError;
use crate::guard::Reached;
use crate::ids::NodeId;
use crate::locks::{self, Lock};
use crate::path::Name;
use crate::tree::sync::{self, Litter, Progress, Token, ViewId};
use crate::tree::{self, Node};
use std::collections::HashMap;
use std::sync::Arc;

/// From where on the collections of a share can be followed.
#[derive(Debug, Clone)]
pub(super) struct Following {
    key: sync::token::Key,
    seq: i64,
    view: ViewId,
    litter: Litter,
}

impl Listing {
    /// One that tells of nothing yet.
    pub fn of_changes(x: &Exchange, tx: ReadTx, asked: Asked) -> Self {
        Self::new(x, asked, Some(tx), 0)
    }

    /// Something that isn't there any more.
    pub fn gone(&mut self, href: &str) {
        self.status(href, "HTTP/1.1 404 Not Found", None);
    }

    /// The end: where there is more when asked again, and the token for that.
    pub fn end_of_changes(&mut self, more_at: Option<&str>, token: &str) {
        if let Some(href) = more_at {
            self.status(href, "HTTP/1.1 507 Insufficient Storage", Some("number-of-matches-within-limits"));
        }
        if let Some(Xml::Full(w)) = &mut self.xml {
            w.dav("sync-token", token);
        }
        self.tx = None;
    }

    fn status(&mut self, href: &str, status: &str, error: Option<&'static str>) {
        let Some(Xml::Full(w)) = &mut self.xml else { return };
        w.start_dav("response");
        w.dav("href", href);
        w.dav("status", status);
        if let Some(error) = error {
            w.start_dav("error");
            w.empty(&QName::dav(error));
            w.end_dav("error");
        }
        w.end_dav("response");
    }

    /// These nodes, each with its URL and the way to it from the share's root.
    pub async fn changed(&mut self, reached: &Reached, nodes: Vec<(String, Vec<Node>)>) -> Result<(), HttpError> {
        let last = |chain: &[Node]| chain.last().expect("a way begins with the root").clone();
        let changed: Vec<Node> = nodes.iter().map(|(_, chain)| last(chain)).collect();
        let mut dead = self.dead_of(&changed).await?;
        self.load_extras(changed.iter()).await?;
        let locks = self.locks_of(&nodes).await?;
        if self.asked.wants_quota() {
            self.load_room(reached.share.id).await?;
        }
        if self.asked.wants_sync() {
            self.load_following(reached).await?;
        }
        for (href, chain) in &nodes {
            let node = last(chain);
            let covering = chain.iter().enumerate().flat_map(|(depth, above)| {
                let of_node = locks.get(&above.id).into_iter().flatten();
                let covers = of_node.filter(move |lock| lock.deep || depth + 1 == chain.len());
                covers.map(move |lock| (Arc::clone(lock), reached.href(PREFIX, &chain[..=depth])))
            });
            let covering: Vec<_> = covering.collect();
            let mut acl = None;
            if let (true, Some(tx)) = (self.asked.wants_acl(), &mut self.tx) {
                let names = chain.iter().skip(1).map(|node| Name::parse(&node.name));
                if let Ok(names) = names.collect::<Result<Vec<Name>, _>>() {
                    let located = Arc::new(tree::locate(tx, reached.share.root, &names).await?);
                    acl = Some(list_of(tx, &Spot::new(reached, located)).await?);
                }
            }
            let dead = dead.remove(&node.id).unwrap_or_default();
            let about =
                About { seen: Some((reached, reached.zone(chain))), dead: &dead, locks: &covering, acl: acl.as_ref() };
            self.entry(href, Some(&node), &node.name, about);
        }
        Ok(())
    }

    /// The locks on these nodes and above them, if they were asked for.
    async fn locks_of(&mut self, nodes: &[(String, Vec<Node>)]) -> Result<HashMap<NodeId, Vec<Arc<Lock>>>, HttpError> {
        let mut found: HashMap<NodeId, Vec<Arc<Lock>>> = HashMap::new();
        if let (true, Some(tx)) = (self.asked.wants_locks(), &mut self.tx) {
            let mut ids: Vec<NodeId> = nodes.iter().flat_map(|(_, chain)| chain).map(|node| node.id).collect();
            ids.sort_unstable();
            ids.dedup();
            for lock in locks::on_members(tx, &ids, self.now).await.map_err(of_tree)? {
                found.entry(lock.node).or_default().push(Arc::new(lock));
            }
        }
        Ok(found)
    }

    /// Finds out from where on the collections of this share can be followed.
    pub(super) async fn load_following(&mut self, reached: &Reached) -> Result<(), HttpError> {
        let (Some(tx), share) = (&mut self.tx, reached.share.id) else { return Ok(()) };
        if !self.following.contains_key(&share) {
            let app = Arc::clone(&self.app);
            let key = app.follow.key(tx).await?.clone();
            let view = app.follow.remember(&app.db, &reached.view(&[]), self.now).await?;
            let seq = sync::sequence(tx, share).await?;
            let litter = super::super::sync::litter(tx, reached).await?;
            self.following.insert(share, Following { key, seq, view, litter });
        }
        Ok(())
    }

    /// The token of a collection.
    pub(super) fn token_of(&self, node: &Node) -> Option<String> {
        let Following { key, seq, view, litter } = self.following.get(&node.share)?;
        let progress = Progress::at(*seq, *view);
        let (user, litter) = (self.caller, *litter);
        let token = Token { user, share: node.share, node: node.id, litter, progress };
        node.is_collection().then(|| token.seal(key))
    }
}
