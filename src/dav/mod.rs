//! The WebDAV surface (RFC 4918): a file per verb, each with the same steps.
//!
//! Parse the headers and the path, find the resource, ask the guard, confirm the conditions, change, commit, answer. A
//! verb that changes something runs in a task of its own ([`shielded`]), and decides everything again inside the
//! transaction that changes the data; what is looked at before is a courtesy to the client, never the decision.
//! Bytes go through dav-server ([`engine`]); everything that needs one transaction or much speed is written here.

pub mod acl;
mod answers;
pub mod bodies;
pub mod checksum;
mod conditions;
mod copy_move;
mod delete;
mod engine;
mod get;
pub mod headers;
pub mod if_header;
mod inside;
mod listing;
mod lock;
mod mkcol;
mod options;
mod owner_file;
mod page;
mod partial;
pub mod principals;
mod privileges;
mod propfind;
mod proppatch;
mod props;
mod put;
mod report;
mod sync;
mod taken;
pub mod trash;
pub mod versions;
pub mod xml;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use commonhold_acl::{Denial, DenialKind, Effective, Object, Permission, Reason, Scene};
use http::request::Parts;
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use tokio::task::JoinError;

use crate::app::App;
use crate::audit::{self, Line, Outcome, Record};
use crate::clock::Moment;
use crate::db::{Reads, WriteTx};
use crate::error::{Condition, HttpError};
use crate::guard::{self, Access, Caller, Place, Reached, Refused};
use crate::ids::{NodeId, ShareId};
use crate::net::{BodyError, RequestBody};
use crate::path::{RelPath, windows};
use crate::reply::Reply;
use crate::trail::Trace;
use crate::tree::change::{By, Change};
use crate::tree::{self, Located, Node};

pub use answers::{blockers_body, error_body, error_page, propfind_top};
pub use engine::too_large;
pub use options::{ALLOW_ANY, ALLOW_INSTEAD, compliance};
pub use page::{plain as page_headers, wanted as wants_page};
pub use put::{OfUpload, confirm_free, confirm_welcome};

/// Where the tree begins in URLs. No dot in it: Office opens read-only below one.
pub const PREFIX: &str = "/dav/";

/// So often a change is tried that other transactions are in the way of: of two that wait for each other the database undoes one, and a third time
/// would be somebody who does so on purpose.
const TRIES_MAX: u32 = 3;

/// The members of `urn:schemas-microsoft-com:` that Windows keeps with a file.
const NS_WIN32: &str = "urn:schemas-microsoft-com:";

/// One request on its way through a verb.
pub struct Exchange {
    /// The server.
    pub app: Arc<App>,
    /// Who asks, over which door.
    pub caller: Caller,
    /// When the request came in.
    pub now: Moment,
    /// Method, target and headers.
    pub head: Parts,
    /// The target, below [`PREFIX`].
    pub path: RelPath,
    /// What the audit will tell of it.
    pub trace: Arc<Trace>,
}

/// What a verb has done, for the record that is committed with it.
struct Deed {
    /// The resource that was changed or made.
    node: (ShareId, NodeId),
    /// The answer.
    status: StatusCode,
    /// Bytes that were written.
    bytes: Option<u64>,
    /// What else there is to say.
    note: Option<String>,
}

impl Deed {
    fn new(node: &Node, status: StatusCode) -> Self {
        Self { node: (node.share, node.id), status, bytes: None, note: None }
    }
}

impl Exchange {
    /// Takes the share that `located` lies in for changes of the caller.
    fn change<'t>(&self, tx: &'t mut WriteTx, spot: &Spot) -> Change<'t> {
        let change = Change::begin(tx, &spot.located, self.caller.user.id, self.now).through(self.trace.client());
        change.sweeping_litter(spot.reached.measures().hides_litter())
    }

    /// The resource's own href, as the client spells it.
    fn href(&self, is_collection: bool) -> String {
        self.path.to_href_for(windows::asks(&self.head.headers), PREFIX, is_collection)
    }

    /// The caller, as he changes something now.
    fn by(&self) -> By {
        By { user: self.caller.user.id, at: self.now, client: self.trace.client() }
    }

    /// The same for a save, of which the policy of the share may make one revision with another.
    fn saving<'t>(&self, tx: &'t mut WriteTx, spot: &Spot) -> Change<'t> {
        let within = spot.reached.measures().coalesce_revisions_s();
        self.change(tx, spot).coalescing(within.map(Duration::from_secs))
    }

    /// Commits a change together with the record of it: there is no other way to commit one here.
    async fn commit(&self, mut tx: WriteTx, deed: Deed) -> Result<(), HttpError> {
        let Deed { node: (share, node), status, bytes, note } = deed;
        let done = status.is_success();
        audit::append(
            &mut tx,
            &Record {
                outcome: if done { Outcome::Done } else { Outcome::Refused },
                share: Some(share),
                node: Some(node),
                status: Some(status.as_u16()),
                bytes,
                note: note.map(|note| Line::note(&note)),
                ..self.trace.record_of(Some(&self.path))
            },
        )
        .await?;
        tx.commit().await?;
        self.trace.is_recorded();
        Ok(())
    }
}

/// Answers one request of somebody who has logged in.
pub async fn handle(x: Exchange, body: RequestBody) -> Result<Reply, HttpError> {
    // A future of its own for each verb: one for all would be as large as the largest, and be moved for every GET.
    match x.head.method.as_str() {
        "GET" | "HEAD" => get::get(x).await,
        "PROPFIND" => Box::pin(propfind::propfind(x, body)).await,
        "OPTIONS" => Box::pin(options::options(x)).await,
        "PUT" => Box::pin(put::put(x, body)).await,
        "PATCH" => Box::pin(partial::patch(x, body)).await,
        "MKCOL" => Box::pin(mkcol::mkcol(x, body)).await,
        "LOCK" => Box::pin(lock::lock(x, body)).await,
        "REPORT" => Box::pin(report::report(x, body)).await,
        "ACL" => Box::pin(acl::acl(x, body)).await,
        "PROPPATCH" => Box::pin(proppatch::proppatch(x, body)).await,
        "UNLOCK" => shielded_briefly(&Arc::new(x), lock::unlock).await,
        "DELETE" => shielded(&Arc::new(x), delete::delete).await,
        "COPY" => Box::pin(copy_move::copy(Arc::new(x))).await,
        "MOVE" => shielded(&Arc::new(x), copy_move::relocate).await,
        _ => Err(HttpError::new(StatusCode::METHOD_NOT_ALLOWED, "This server does not know the method.")),
    }
}

/// Runs a change to its end, whatever becomes of the connection; a panic in it is a 500 and nobody else's trouble. It is done again when the
/// database has undone it for the sake of another transaction.
async fn shielded<T, F>(x: &Arc<Exchange>, change: impl Fn(Arc<Exchange>) -> F + Send + 'static) -> Result<T, HttpError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, HttpError>> + Send + 'static,
{
    x.app.db.work(tried(Arc::clone(x), change)).await.unwrap_or_else(broken_down)
}

/// As [`shielded`], for a change of a single thing, which is soon done.
async fn shielded_briefly<T, F>(
    x: &Arc<Exchange>,
    change: impl Fn(Arc<Exchange>) -> F + Send + 'static,
) -> Result<T, HttpError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, HttpError>> + Send + 'static,
{
    x.app.db.work_on_the_spot(tried(Arc::clone(x), change)).await.unwrap_or_else(broken_down)
}

/// Makes a change, and makes it again as often as [`TRIES_MAX`] allows.
async fn tried<T, F>(x: Arc<Exchange>, change: impl Fn(Arc<Exchange>) -> F) -> Result<T, HttpError>
where
    F: Future<Output = Result<T, HttpError>>,
{
    for number in 1..TRIES_MAX {
        match change(Arc::clone(&x)).await {
            Err(error) if error.again => tracing::debug!(number, "another transaction was in the way of a change"),
            other => return other,
        }
    }
    change(x).await
}

fn broken_down<T>(cut: JoinError) -> Result<T, HttpError> {
    tracing::error!(%cut, "a change broke down");
    Err(HttpError::internal())
}

/// 408.
fn idle() -> HttpError {
    HttpError::new(StatusCode::REQUEST_TIMEOUT, "The rest of the request did not come. Nothing was changed.")
}

/// What a body that ended before its end is answered with: 408, 400; what the server itself says that can't read what it put together, else 500.
pub fn broken_body(error: BodyError) -> HttpError {
    match error {
        BodyError::Idle => idle(),
        BodyError::Broken(_) => HttpError::bad_request("The body of the request broke off."),
        BodyError::Unreadable(error) => match error.downcast::<HttpError>() {
            Ok(error) => error,
            Err(error) => {
                tracing::error!(%error, "the pieces of an upload can't be read");
                HttpError::internal()
            }
        },
    }
}

/// Goes on with what a request began, to its end, whatever becomes of the connection: for what also waits for the client, which the writer's thread
/// must not do.
pub async fn outliving<T: Send + 'static>(
    work: impl Future<Output = Result<T, HttpError>> + Send + 'static,
) -> Result<T, HttpError> {
    tokio::spawn(work).await.unwrap_or_else(broken_down)
}

/// Runs a change of the server's own books to its end, whatever becomes of the connection.
pub async fn to_its_end<T: Send + 'static>(
    db: &crate::db::Db,
    change: impl Future<Output = Result<T, HttpError>> + Send + 'static,
) -> Result<T, HttpError> {
    db.work(change).await.unwrap_or_else(broken_down)
}

/// A body that must be small, whole. Errors: 413 over `bytes_max`, 408 when the client stops sending, 400 when it breaks off.
async fn small_body(mut body: RequestBody, bytes_max: usize) -> Result<Bytes, HttpError> {
    // Nearly always one frame, which then is the body.
    let mut whole = Bytes::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(broken_body)?;
        let Ok(data) = frame.into_data() else { continue };
        if whole.len() + data.len() > bytes_max {
            let text = format!("The body of this request may have {bytes_max} bytes at most.");
            return Err(HttpError::new(StatusCode::PAYLOAD_TOO_LARGE, text));
        }
        whole = if whole.is_empty() { data } else { [whole, data].concat().into() };
    }
    Ok(whole)
}

/// Where a path leads in a share that the caller reaches, and how far he sees it.
struct Spot {
    reached: Reached,
    located: Arc<Located>,
    /// Nodes of the chain that the caller sees. What isn't seen isn't there for him, with everything below.
    seen: usize,
}

impl Spot {
    fn new(reached: &Reached, located: Arc<Located>) -> Self {
        Self { reached: reached.clone(), seen: reached.seen(located.chain()), located }
    }

    /// Looks inside a transaction. `None` for the fixed collections and for what lies in no share of the caller.
    async fn locate(tx: &mut impl Reads, access: &Access, path: &RelPath) -> Result<Option<Self>, HttpError> {
        let Place::In(reached, names) = access.place(path) else { return Ok(None) };
        let located = Arc::new(tree::locate(tx, reached.share.root, names).await?);
        Ok(reached.holds(located.chain()).then(|| Self::new(reached, located)))
    }

    /// The same for whoever would change what is there. Errors: 403 for the fixed collections, 404.
    async fn to_change(tx: &mut impl Reads, access: &Access, path: &RelPath) -> Result<Self, HttpError> {
        match access.place(path) {
            Place::Top | Place::Others => Err(root_is_fixed()),
            Place::In(..) | Place::Nowhere => Self::locate(tx, access, path).await?.ok_or_else(HttpError::not_found),
        }
    }

    /// Looks at what is known without a transaction, for verbs that only read. Errors: 404 for the fixed collections and
    /// for what lies in no share of the caller.
    async fn known(app: &App, access: &Access, path: &RelPath) -> Result<Self, HttpError> {
        let Place::In(reached, names) = access.place(path) else { return Err(HttpError::not_found()) };
        let located = app.tree.locate(&app.db, reached.share.id, reached.share.root, names).await?;
        if reached.holds(located.chain()) { Ok(Self::new(reached, located)) } else { Err(HttpError::not_found()) }
    }

    /// The nodes on the way that the caller sees, from the share's root on.
    fn chain(&self) -> &[Node] {
        &self.located.chain()[..self.seen]
    }

    /// The nodes on the way whose locks are the caller's to keep and to give back: not those above the folder that a URL is for.
    fn within(&self) -> &[Node] {
        self.reached.within(self.located.chain())
    }

    /// The resource, if it is there and the caller sees it.
    fn visible(&self) -> Option<&Node> {
        self.located.node().filter(|_| self.seen == self.located.chain().len())
    }

    /// The same. Errors: 404.
    fn found(&self) -> Result<&Node, HttpError> {
        self.visible().ok_or_else(HttpError::not_found)
    }

    /// The same; whoever has just made a file that his role hides from him may still finish it. Errors: 404.
    fn found_or_leased(&self, x: &Exchange) -> Result<&Node, HttpError> {
        match self.leased(x) {
            Some((node, _)) => Ok(node),
            None => self.found(),
        }
    }

    /// The folder that a URL is for stays where it is and what it is called, as far as that URL goes. Errors: 403.
    fn confirm_not_fence(&self) -> Result<(), HttpError> {
        if self.located.node().is_none_or(|node| !self.reached.is_fence(node.id)) {
            return Ok(());
        }
        let text = "The folder that a URL is for isn't moved, renamed or deleted by that URL.";
        Err(HttpError::new(StatusCode::FORBIDDEN, text))
    }

    /// Whether the name is taken by something that the caller doesn't see. He can't be given it, and learns no more than
    /// that; who may make nothing there doesn't learn even that.
    fn is_hidden(&self) -> bool {
        self.located.node().is_some() && self.visible().is_none()
    }

    /// The collection that the resource is, or would be, a member of, if the caller sees it.
    fn visible_parent(&self) -> Option<&Node> {
        self.located.parent().filter(|_| self.seen >= self.located.ancestors().len())
    }

    /// The same. Errors: 409 when there is none.
    fn parent(&self) -> Result<&Node, HttpError> {
        self.visible_parent().ok_or_else(|| {
            HttpError::new(StatusCode::CONFLICT, "The collection that this would be a member of is not there.")
        })
    }

    /// What the caller may do with what the path names; with the last node on the way when it names nothing.
    fn effective(&self) -> &Effective {
        self.reached.at(self.located.chain())
    }

    /// What the caller may do with the parent.
    fn parent_effective(&self) -> &Effective {
        self.reached.at(self.located.ancestors())
    }

    /// The resource and what may be done with it by whoever has just made it, while that lasts.
    fn leased(&self, x: &Exchange) -> Option<(&Node, Effective)> {
        let node = self.located.node().filter(|node| node.leased_to(x.caller.user.id, x.now))?;
        Some((node, self.effective().leased()))
    }

    /// The spot as the objects `item` and `parent` of a decision.
    fn scene<'a>(&'a self, scene: Scene<'a>, item: Object, parent: Object) -> Scene<'a> {
        let scene = match self.located.node() {
            Some(node) => scene.with(item, self.effective(), guard::item(node)),
            None => scene,
        };
        match self.located.parent() {
            Some(node) => scene.with(parent, self.parent_effective(), guard::item(node)),
            None => scene,
        }
    }

    /// The caller's own URL of a node on the way.
    fn href_of(&self, chain: &[Node]) -> String {
        self.reached.href(PREFIX, chain)
    }
}

/// A refusal about the resource at `path`, as an answer.
fn refused(refused: &Refused, path: &RelPath) -> HttpError {
    let denial = &refused.denial;
    let about = match denial.on {
        Object::Parent | Object::DestinationParent => path.parent().unwrap_or_else(RelPath::root),
        Object::Item | Object::Destination => path.clone(),
    };
    let is_collection = denial.item.kind == commonhold_acl::ItemKind::Folder;
    let error = HttpError::denied(refused, about.to_href(PREFIX, is_collection));
    // To those who know RFC 3744 only, what is missing is the privilege on the collection that would serve as well.
    match about.parent() {
        Some(parent) if lacks_only_deletion(denial) => {
            let href = parent.to_href(PREFIX, true);
            let unbind = commonhold_acl::needed_privilege(refused.operation, Permission::DeleteChild);
            error.with(Condition::NeedPrivileges { href, privileges: Box::new([unbind]) })
        }
        Some(_) | None => error,
    }
}

/// Whether the right to take members out of the collection would do: not where deleting this one is denied by itself.
fn lacks_only_deletion(denial: &Denial) -> bool {
    denial.kind == DenialKind::Forbidden
        && denial.needed == Permission::Delete.into()
        && !matches!(denial.explain("").reason, Reason::Denied(_))
}

/// The root holds shares and nothing else, and so does what others share; they come and go by administration. 403.
fn root_is_fixed() -> HttpError {
    HttpError::new(
        StatusCode::FORBIDDEN,
        "This level holds the team shares, your home and what others share with you; nothing else is made or changed here.",
    )
}

/// What the answer is where the caller reaches no share: nothing is made or changed at the fixed levels, whatever they
/// hold, and elsewhere nothing is there.
fn nowhere(path: &RelPath) -> HttpError {
    if guard::is_fixed(path) { root_is_fixed() } else { HttpError::not_found() }
}

/// Whether the request's method is HEAD.
fn is_head(head: &Parts) -> bool {
    head.method == Method::HEAD
}
