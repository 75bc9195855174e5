//! A multistatus of PROPFIND, made page by page while it is sent: a collection of any size in flat memory.
//!
//! Members come from the database as whole pages inside one read transaction, so a listing is the state of one moment.

mod asked;
mod changes;
mod compact;
mod entry;
mod extras;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use tokio::task::JoinHandle;

use super::acl::list::{Heritage, List, Own};
use super::headers::Depth;
use super::lock::of_tree;
use super::props::{Resource, Room};
use super::xml::{QName, XmlWriter};
use super::{Exchange, PREFIX, Spot, acl, principals};
use crate::app::App;
use crate::clock::Moment;
use crate::db::ReadTx;
use crate::error::HttpError;
use crate::guard::{Access, OTHERS, Reached, Zone};
use crate::ids::{NodeId, ShareId, UserId};
use crate::locks::{self, Lock};
use crate::path::{encode_segment, windows};
use crate::tree::list::{Cursor, members};
use crate::tree::props::DeadProp;
use crate::tree::sync::view_id;
use crate::tree::view::Filter;
use crate::tree::{self, Node, TreeError, props};
pub use asked::Asked;
use changes::Following;
use compact::{COMPACT_END, COMPACT_START, compact_entry};
use entry::full_entry;
use extras::Extras;

/// So much is collected before it is sent.
const CHUNK_BYTES: usize = 64 * 1024;

/// A collection whose members are still to be listed.
struct Level {
    reached: Reached,
    /// The zone of the collection.
    zone: Zone,
    /// Which of its members are listed.
    seen: Filter,
    node: Node,
    href: String,
    cursor: Cursor,
    deep: bool,
    cover: Cover,
}

/// What holds for a resource by itself and by what is above it, as far as it was asked for.
#[derive(Default)]
struct Cover {
    /// The locks on it, and the deep ones above.
    locks: Vec<Located>,
    /// Its list of entries.
    acl: Option<Arc<List>>,
}

impl Cover {
    /// Of that, what covers members too.
    fn of_members(mut self) -> Self {
        self.locks.retain(|(lock, _)| lock.deep);
        self
    }
}

/// What is known of a resource beside its row.
#[derive(Default)]
struct About<'a> {
    /// Where the caller reaches it.
    seen: Option<(&'a Reached, Zone)>,
    dead: &'a [DeadProp],
    locks: &'a [Located],
    acl: Option<&'a List>,
}

/// A lock with the URL of its root.
type Located = (Arc<Lock>, String);

/// A multistatus in the making.
pub struct Listing {
    asked: Asked,
    /// Away while the next page is being read.
    tx: Option<ReadTx>,
    /// The page after the one that is being written, and the transaction that reads it.
    ahead: Option<JoinHandle<(ReadTx, Result<Page, TreeError>)>>,
    xml: Option<Xml>,
    /// The rest of a page.
    loaded: Option<Box<Loaded>>,
    todo: VecDeque<Level>,
    rooms: HashMap<ShareId, Room>,
    /// From where on shares can be followed, if asked for.
    following: HashMap<ShareId, Following>,
    app: Arc<App>,
    extras: Extras,
    /// The entity tag of the collections above all shares, if asked for.
    stand_in: Option<String>,
    /// Bytes that a share without a quota may still take.
    free_bytes: u64,
    /// The quota that the root tells.
    top: Option<Room>,
    caller: UserId,
    /// The caller's URL as a principal.
    me: String,
    /// Windows asks, and is told names that it can have.
    windows: bool,
    now: Moment,
}

/// Members, and where the next ones begin.
type Page = (Vec<Node>, Option<Cursor>);

/// Members with all that was asked for, to be written.
struct Loaded {
    level: Level,
    next: Option<Cursor>,
    nodes: std::vec::IntoIter<Node>,
    dead: HashMap<NodeId, Vec<DeadProp>>,
    locked: HashMap<NodeId, Vec<Arc<Lock>>>,
    /// What they take over of lists of entries, and what they have of their own.
    acl: Option<(Heritage, Own)>,
}

/// The two ways of writing.
enum Xml {
    Full(XmlWriter),
    Compact(BytesMut),
}

impl Listing {
    fn new(x: &Exchange, asked: Asked, tx: Option<ReadTx>, free_bytes: u64) -> Self {
        let xml = if asked.compact {
            Xml::Compact(BytesMut::from(COMPACT_START))
        } else {
            Xml::Full(XmlWriter::new(&QName::dav("multistatus"), &[]))
        };
        Self {
            asked,
            tx,
            ahead: None,
            xml: Some(xml),
            loaded: None,
            todo: VecDeque::new(),
            rooms: HashMap::new(),
            following: HashMap::new(),
            app: Arc::clone(&x.app),
            extras: Extras::default(),
            stand_in: None,
            free_bytes,
            top: None,
            caller: x.caller.user.id,
            me: principals::user_href(&x.caller.user.name),
            windows: windows::asks(&x.head.headers),
            now: x.now,
        }
    }

    /// One resource whose row says everything.
    pub fn of_one(x: &Exchange, asked: Asked, spot: &Spot, node: &Node, href: String) -> Self {
        let mut listing = Self::new(x, asked, None, 0);
        let name = if node.name.is_empty() { spot.reached.name() } else { &node.name };
        let zone = spot.reached.zone(spot.chain());
        let about = About { seen: Some((&spot.reached, zone)), ..About::default() };
        listing.entry(&href, Some(node), name, about);
        listing
    }

    /// A resource, and as much below it as `depth` says.
    pub async fn of_node(
        x: &Exchange,
        tx: ReadTx,
        asked: Asked,
        spot: &Spot,
        node: Node,
        depth: Depth,
    ) -> Result<Self, HttpError> {
        let mut listing = Self::new(x, asked, Some(tx), free_bytes(x)?);
        let href = x.href(node.is_collection());
        let cover = listing.cover_of(spot).await?;
        let seen = (&spot.reached, spot.reached.zone(spot.chain()));
        listing.fit(seen, &node, &href).await?;
        listing.entry_with_rows(&href, &node, seen, &cover).await?;
        if depth != Depth::Zero && node.is_collection() {
            listing.enter(seen, node, href, depth == Depth::Infinity, cover);
        }
        Ok(listing)
    }

    /// Everything below a collection, and it too if `with_itself`.
    pub async fn below(
        x: &Exchange,
        tx: ReadTx,
        asked: Asked,
        spot: &Spot,
        with_itself: bool,
    ) -> Result<Self, HttpError> {
        let mut listing = Self::new(x, asked, Some(tx), free_bytes(x)?);
        let cover = listing.cover_of(spot).await?;
        let seen = (&spot.reached, spot.reached.zone(spot.chain()));
        let node = spot.found()?.clone();
        let href = spot.href_of(spot.chain());
        if with_itself {
            listing.entry_with_rows(&href, &node, seen, &cover).await?;
        }
        listing.enter(seen, node, href, true, cover);
        Ok(listing)
    }

    /// The dead properties of these nodes, if they were asked for.
    async fn dead_of(&mut self, nodes: &[Node]) -> Result<HashMap<NodeId, Vec<DeadProp>>, HttpError> {
        let wanted = nodes.iter().filter(|node| self.asked.wants_dead(node));
        let wanted: Vec<NodeId> = wanted.map(|node| node.id).collect();
        let mut found: HashMap<NodeId, Vec<DeadProp>> = HashMap::new();
        if let (false, Some(tx)) = (wanted.is_empty(), &mut self.tx) {
            for (node, prop) in props::of(tx, &wanted).await? {
                found.entry(node).or_default().push(prop);
            }
        }
        Ok(found)
    }

    /// Makes `href` that of a member of the collection at `above`.
    fn name_href(&self, href: &mut String, above: &str, member: &Node) {
        href.clear();
        href.push_str(above);
        if self.windows {
            href.extend(encode_segment(&windows::told(&member.name)));
        } else {
            href.extend(encode_segment(&member.name));
        }
        if member.is_collection() {
            href.push('/');
        }
    }

    async fn cover_of(&mut self, spot: &Spot) -> Result<Cover, HttpError> {
        let mut cover = Cover::default();
        let Some(tx) = &mut self.tx else { return Ok(cover) };
        if self.asked.wants_locks() {
            let chain = spot.chain();
            for lock in locks::covering(tx, chain, self.now).await.map_err(of_tree)? {
                let depth = chain.iter().position(|node| node.id == lock.node).map_or(chain.len(), |at| at + 1);
                cover.locks.push((Arc::new(lock), spot.href_of(&chain[..depth])));
            }
        }
        if self.asked.wants_acl() {
            cover.acl = Some(Arc::new(acl::list_of(tx, spot).await?));
        }
        Ok(cover)
    }

    /// The root: the home, the shares that the caller reaches, and what others share with him.
    pub async fn of_root(x: &Exchange, access: &Access, asked: Asked, depth: Depth) -> Result<Self, HttpError> {
        let mut listing = Self::new(x, asked, Some(x.app.db.read().await?), free_bytes(x)?);
        listing.top = listing.root_room(access).await?;
        listing.stand_in = listing.tag_of_all(access).await?;
        listing.entry(PREFIX, None, "Team shares", About::default());
        if depth == Depth::Zero {
            return Ok(listing);
        }
        for reached in access.home().into_iter().chain(access.shares()) {
            listing.mount(reached, depth == Depth::Infinity).await?;
        }
        if !access.others().is_empty() {
            listing.others(access, depth == Depth::Infinity).await?;
        }
        Ok(listing)
    }

    /// What others share with the caller: their homes.
    pub async fn of_others(x: &Exchange, access: &Access, asked: Asked, depth: Depth) -> Result<Self, HttpError> {
        let mut listing = Self::new(x, asked, Some(x.app.db.read().await?), free_bytes(x)?);
        listing.stand_in = listing.tag_of_all(access).await?;
        listing.others(access, depth == Depth::Infinity).await.map(drop)?;
        if depth == Depth::One {
            for reached in access.others() {
                listing.mount(reached, false).await?;
            }
        }
        Ok(listing)
    }

    /// The collection of other people's homes, with everything in it if `deep`.
    async fn others(&mut self, access: &Access, deep: bool) -> Result<(), HttpError> {
        let mut href = PREFIX.to_owned();
        href.extend(encode_segment(OTHERS));
        href.push('/');
        self.entry(&href, None, OTHERS, About::default());
        if deep {
            for reached in access.others() {
                self.mount(reached, true).await?;
            }
        }
        Ok(())
    }

    /// The root of a share, with everything in it if `deep`.
    async fn mount(&mut self, reached: &Reached, deep: bool) -> Result<(), HttpError> {
        let Some(tx) = &mut self.tx else { return Ok(()) };
        let located = match tree::locate(tx, reached.share.root, &[]).await {
            Ok(located) => located,
            // Made inactive a moment ago.
            Err(TreeError::ShareGone) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let Some(root) = located.node().cloned() else { return Ok(()) };
        let href = reached.mount().to_href_for(self.windows, PREFIX, true);
        let mut locks = self.locks_on(&[root.id]).await?;
        let locks = locks.remove(&root.id).unwrap_or_default().into_iter().map(|lock| (lock, href.clone())).collect();
        let mut cover = Cover { locks, acl: None };
        if let (true, Some(tx)) = (self.asked.wants_acl(), &mut self.tx) {
            let (own, _) = Own::of(tx, &[root.id]).await?.take(root.id);
            cover.acl = Some(Arc::new(List::of_root(tx, &reached.share, own).await?));
        }
        let seen = (reached, reached.zone(&[]));
        self.entry_with_rows(&href, &root, seen, &cover).await?;
        if deep {
            self.enter(seen, root, href, true, cover);
        }
        Ok(())
    }

    /// The locks whose roots are among `nodes`, if they were asked for.
    async fn locks_on(&mut self, nodes: &[NodeId]) -> Result<HashMap<NodeId, Vec<Arc<Lock>>>, HttpError> {
        let mut found: HashMap<NodeId, Vec<Arc<Lock>>> = HashMap::new();
        if let (true, Some(tx)) = (self.asked.wants_locks(), &mut self.tx) {
            for lock in locks::on_members(tx, nodes, self.now).await.map_err(of_tree)? {
                found.entry(lock.node).or_default().push(Arc::new(lock));
            }
        }
        Ok(found)
    }

    fn enter(&mut self, (reached, zone): (&Reached, Zone), node: Node, href: String, deep: bool, cover: Cover) {
        // What the caller doesn't see is left out by the question itself.
        let seen = reached.filter_for(self.caller, zone, node.id);
        let (reached, cover) = (reached.clone(), cover.of_members());
        self.todo.push_back(Level { reached, zone, seen, node, href, cursor: Cursor::default(), deep, cover });
    }

    /// Whether the last chunk has been given.
    pub fn is_done(&self) -> bool {
        self.xml.is_none()
    }

    /// The next part of the document; `None` after its end.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, HttpError> {
        while self.xml.as_ref().is_some_and(|xml| xml.pending_bytes() < CHUNK_BYTES) {
            if let Some(loaded) = self.loaded.take() {
                self.write(loaded);
                continue;
            }
            match self.todo.pop_front() {
                Some(level) => self.load(level).await?,
                None => {
                    // The transaction ends with the listing, not with the slow reader of its last chunk.
                    self.tx = None;
                    return Ok(self.xml.take().map(Xml::finish));
                }
            }
        }
        Ok(self.xml.as_mut().map(Xml::take))
    }

    /// `first`, then the chunks that follow. An error breaks the response off.
    pub fn into_stream(self, first: Bytes) -> impl Stream<Item = std::io::Result<Bytes>> + Send {
        stream::try_unfold((self, Some(first)), |(mut listing, first)| async move {
            let chunk = match first {
                Some(first) => Some(first),
                None => listing.next_chunk().await.map_err(std::io::Error::other)?,
            };
            Ok(chunk.map(|chunk| (chunk, (listing, None))))
        })
    }

    /// Reads the next page of a collection's members.
    async fn load(&mut self, level: Level) -> Result<(), HttpError> {
        let (nodes, next) = self.members(&level).await?;
        let dead = self.dead_of(&nodes).await?;
        let Some(tx) = &mut self.tx else { return Ok(()) };
        let ids: Vec<NodeId> = nodes.iter().map(|node| node.id).collect();
        let acl = match &level.cover.acl {
            Some(list) => Some((list.heritage(&level.href), Own::of(tx, &ids).await?)),
            None => None,
        };
        if self.asked.wants_quota() {
            self.load_room(level.reached.share.id).await?;
        }
        if self.asked.wants_sync() {
            self.load_following(&level.reached).await?;
        }
        self.load_extras(nodes.iter()).await?;
        let locked = self.locks_on(&ids).await?;
        if let Some(next) = &next
            && let Some(mut tx) = self.tx.take()
        {
            let (node, next, seen) = (level.node.clone(), next.clone(), level.seen.clone());
            self.ahead = Some(tokio::spawn(async move {
                let page = members(&mut tx, &node, &next, &seen).await;
                (tx, page)
            }));
        }
        self.loaded = Some(Box::new(Loaded { level, next, nodes: nodes.into_iter(), dead, locked, acl }));
        Ok(())
    }

    /// Writes a page; where each entry may be long, only until there is a chunk to be sent.
    fn write(&mut self, mut loaded: Box<Loaded>) {
        let in_pieces = self.asked.wants_acl();
        let mut href = String::new();
        while let Some(node) = loaded.nodes.next() {
            let level = &loaded.level;
            self.name_href(&mut href, &level.href, &node);
            let dead = loaded.dead.remove(&node.id).unwrap_or_default();
            let own = loaded.locked.remove(&node.id).unwrap_or_default().into_iter().map(|lock| (lock, href.clone()));
            let locks: Vec<Located> = level.cover.locks.iter().cloned().chain(own).collect();
            let seen = (&level.reached, level.reached.zone_below(level.zone, node.id));
            let acl = loaded.acl.as_mut().map(|(above, own)| {
                let (own, inherits) = own.take(node.id);
                Arc::new(above.of_member(own, inherits))
            });
            let about = About { seen: Some(seen), dead: &dead, locks: &locks, acl: acl.as_deref() };
            self.entry(&href, Some(&node), &node.name, about);
            if level.deep && node.is_collection() {
                self.enter(seen, node, href.clone(), true, Cover { locks, acl });
            }
            if in_pieces && self.xml.as_ref().is_some_and(|xml| xml.pending_bytes() >= CHUNK_BYTES) {
                self.loaded = Some(loaded);
                return;
            }
        }
        let Loaded { mut level, next, .. } = *loaded;
        if let Some(next) = next {
            level.cursor = next;
            self.todo.push_front(level);
        }
    }

    /// The page of `level`: the one that was read ahead, or the first one.
    async fn members(&mut self, level: &Level) -> Result<Page, HttpError> {
        if let Some(ahead) = self.ahead.take() {
            let (tx, page) = ahead.await.map_err(|_| HttpError::internal())?;
            self.tx = Some(tx);
            return Ok(page?);
        }
        match &mut self.tx {
            Some(tx) => Ok(members(tx, &level.node, &level.cursor, &level.seen).await?),
            None => Ok((Vec::new(), None)),
        }
    }

    async fn entry_with_rows(
        &mut self,
        href: &str,
        node: &Node,
        seen: (&Reached, Zone),
        cover: &Cover,
    ) -> Result<(), HttpError> {
        if node.is_collection() && self.asked.wants_quota() {
            self.load_room(node.share).await?;
        }
        if self.asked.wants_sync() {
            self.load_following(seen.0).await?;
        }
        self.load_extras([node].into_iter()).await?;
        let dead = self.dead_of(std::slice::from_ref(node)).await?.remove(&node.id).unwrap_or_default();
        // A share's root has no name of its own.
        let name = if node.name.is_empty() { seen.0.name() } else { &node.name };
        let about = About { seen: Some(seen), dead: &dead, locks: &cover.locks, acl: cover.acl.as_deref() };
        self.entry(href, Some(node), name, about);
        Ok(())
    }

    async fn load_room(&mut self, share: ShareId) -> Result<(), HttpError> {
        let Some(tx) = &mut self.tx else { return Ok(()) };
        if let std::collections::hash_map::Entry::Vacant(place) = self.rooms.entry(share) {
            let usage = tree::usage(tx, share).await?;
            let left = usage.quota_bytes.map_or(u64::MAX, |quota| quota.saturating_sub(usage.used_bytes));
            place.insert(Room { used: usage.used_bytes, available: left.min(self.free_bytes) });
        }
        Ok(())
    }

    /// Another text whenever anything that the caller sees is another, or he sees other things.
    async fn tag_of_all(&mut self, access: &Access) -> Result<Option<String>, HttpError> {
        let (true, Some(tx)) = (self.asked.wants_etag(), &mut self.tx) else { return Ok(None) };
        let mut hash = blake3::Hasher::new();
        for reached in access.all() {
            let located = match tree::locate(tx, reached.share.root, &[]).await {
                Ok(located) => located,
                Err(TreeError::ShareGone) => continue,
                Err(error) => return Err(error.into()),
            };
            hash.update(reached.mount().to_string().as_bytes());
            hash.update(located.node().map(Node::etag).unwrap_or_default().as_bytes());
            hash.update(&view_id(&reached.view(&[])).0);
        }
        Ok(Some(format!("\"{}\"", &hash.finalize().to_hex()[..32])))
    }

    /// What all shares of the caller hold together; none of them can take more than the disk.
    async fn root_room(&mut self, access: &Access) -> Result<Option<Room>, HttpError> {
        if !self.asked.wants_quota() {
            return Ok(None);
        }
        let mut used = 0u64;
        for reached in access.home().into_iter().chain(access.shares()) {
            self.load_room(reached.share.id).await?;
            used = used.saturating_add(self.rooms.get(&reached.share.id).map_or(0, |room| room.used));
        }
        Ok(Some(Room { used, available: self.free_bytes }))
    }

    fn entry(&mut self, href: &str, node: Option<&Node>, name: &str, about: About<'_>) {
        let About { seen, dead, locks, acl } = about;
        if let Some(Xml::Compact(out)) = &mut self.xml {
            return compact_entry(out, href, node, dead, !self.asked.undated);
        }
        let room = node.map_or(self.top, |node| self.rooms.get(&node.share).copied());
        let effective = seen.zip(node).map(|((reached, zone), node)| reached.effective(zone, node.id));
        let above = seen.zip(node).and_then(|((reached, zone), node)| reached.above(zone, node));
        let share = seen.map(|(reached, _)| &*reached.share);
        let version = node.and_then(|node| self.extras.version(node));
        let checksum = node.and_then(|node| self.extras.checksum(node));
        let (caller, me, now) = (self.caller, self.me.as_str(), self.now);
        let token = node.and_then(|node| self.token_of(node));
        let sync_token = token.as_deref();
        let (stand_in, site) = (self.stand_in.as_deref(), self.app.site.as_str());
        let mut resource = Resource {
            node,
            name,
            share,
            effective,
            above,
            dead,
            room,
            locks,
            acl,
            stand_in,
            site,
            sync_token,
            version,
            checksum,
            caller,
            me,
            now,
        };
        if !resource.may_follow() {
            resource.sync_token = None;
        }
        if let Some(Xml::Full(w)) = &mut self.xml {
            full_entry(w, &self.asked, href, &resource);
        }
    }
}

impl Xml {
    fn pending_bytes(&self) -> usize {
        match self {
            Self::Full(w) => w.pending_bytes(),
            Self::Compact(out) => out.len(),
        }
    }

    fn take(&mut self) -> Bytes {
        match self {
            Self::Full(w) => w.take(),
            Self::Compact(out) => out.split().freeze(),
        }
    }

    fn finish(self) -> Bytes {
        match self {
            Self::Full(w) => w.finish(),
            Self::Compact(mut out) => {
                out.extend_from_slice(COMPACT_END.as_bytes());
                out.freeze()
            }
        }
    }
}

/// Bytes that the disk still takes: the finite number that a share without a quota tells (RFC 4331 section 3).
fn free_bytes(x: &Exchange) -> Result<u64, HttpError> {
    Ok(x.app.blobs.free_bytes()?.saturating_sub(x.app.config.storage.min_free_bytes))
}
