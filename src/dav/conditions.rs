//! The conditions of a request, held against the state that it would change.
//!
//! Here: `If-Match`, `If-None-Match`, `If-Modified-Since`, `If-Unmodified-Since` (RFC 9110 section 13) and `If` (RFC 4918
//! section 10.4, with the tokens of RFC 6578 section 5), parsed once, evaluated inside the transaction of the verb. A resource that the caller may not see counts
//! as one that isn't there, so that no condition tells of it.

use std::collections::BTreeSet;

use commonhold_acl::Permission;
use http::HeaderMap;

use super::headers::{EntityTag, Header, HttpDate, IfMatch, IfModifiedSince, IfNoneMatch, IfUnmodifiedSince};
use super::if_header::{IfHeader, ResourceState};
use super::lock::of_tree;
use super::{Exchange, PREFIX, Spot};
use crate::clock::Moment;
use crate::db::Reads;
use crate::error::HttpError;
use crate::guard::Access;
use crate::ids::UserId;
use crate::locks;
use crate::path::{Prefixed, RelPath, split_prefix};
use crate::tree::Node;
use crate::tree::sync::{self, Follow, Token};

/// The conditions of one request.
#[derive(Debug, Default)]
pub struct Conditions {
    if_match: Option<IfMatch>,
    if_none_match: Option<IfNoneMatch>,
    if_modified_since: Option<IfModifiedSince>,
    if_unmodified_since: Option<IfUnmodifiedSince>,
    if_header: Option<IfHeader>,
}

/// Whose eyes the conditions are held against the tree with.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// What he reaches.
    pub access: &'a Access,
    /// Who.
    pub user: UserId,
    /// When.
    pub now: Moment,
    /// What opens the tokens of collections that he follows.
    pub follow: &'a Follow,
}

impl<'a> View<'a> {
    /// Of the caller of a request, who reaches `access`.
    pub fn of(x: &'a Exchange, access: &'a Access) -> Self {
        Self { access, user: x.caller.user.id, now: x.now, follow: &x.app.follow }
    }
}

/// The state of one resource, as far as the caller may know it.
struct State {
    etag: Option<EntityTag>,
    tokens: Vec<String>,
}

/// What a reading request is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// The resource.
    Send,
    /// 304: the client has it.
    NotModified,
}

fn tag(node: &Node) -> EntityTag {
    EntityTag::strong(node.etag().trim_matches('"')).expect("our tags are letters, digits and `-`")
}

impl Conditions {
    /// Reads them. Errors: 400 for a malformed one; it is never taken for absent.
    pub fn parse(headers: &HeaderMap) -> Result<Self, HttpError> {
        Ok(Self {
            if_match: IfMatch::parse(headers)?,
            if_none_match: IfNoneMatch::parse(headers)?,
            if_modified_since: IfModifiedSince::parse(headers)?,
            if_unmodified_since: IfUnmodifiedSince::parse(headers)?,
            if_header: IfHeader::parse(headers)?,
        })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        let Self { if_match, if_none_match, if_modified_since, if_unmodified_since, if_header } = self;
        if_match.is_none()
            && if_none_match.is_none()
            && if_modified_since.is_none()
            && if_unmodified_since.is_none()
            && if_header.is_none()
    }

    /// Whether the client has said which state it changes, by the state itself or by a lock on it.
    pub fn name_a_state(&self) -> bool {
        self.if_match.is_some() || self.if_unmodified_since.is_some() || self.if_header.is_some()
    }

    /// Whether `If` was sent.
    pub fn has_if(&self) -> bool {
        self.if_header.is_some()
    }

    /// Every lock token that the request submits: naming one in `If` is submitting it.
    pub fn tokens(&self) -> Vec<&str> {
        self.if_header.iter().flat_map(IfHeader::tokens).collect()
    }

    /// For a verb that changes the resource at `spot`, there or not. Errors: 412.
    pub async fn confirm_change(&self, tx: &mut impl Reads, view: &View<'_>, spot: &Spot) -> Result<(), HttpError> {
        self.confirm_state(spot.visible())?;
        self.confirm_if(tx, view, spot, false).await
    }

    /// For a verb that brings something of the past, a version or a deleted thing, to the place at `spot`, or takes it from there for good: the state
    /// is that of the thing, the locks are those of the place. Errors: 412.
    pub async fn confirm_past(
        &self,
        tx: &mut impl Reads,
        view: &View<'_>,
        (thing, spot): (&Node, &Spot),
    ) -> Result<(), HttpError> {
        self.confirm_state(Some(thing))?;
        self.confirm_if_of(tx, view, (Some(thing), spot), false).await
    }

    /// The same for MOVE, where a list without a tag may name any lock that the caller holds in the share: macOS and
    /// Windows send whichever token they have, of the destination or of a child as well. Errors: 412.
    pub async fn confirm_move(&self, tx: &mut impl Reads, view: &View<'_>, spot: &Spot) -> Result<(), HttpError> {
        self.confirm_state(spot.visible())?;
        self.confirm_if(tx, view, spot, true).await
    }

    /// The conditions of HTTP itself. Errors: 412.
    fn confirm_state(&self, node: Option<&Node>) -> Result<(), HttpError> {
        let etag = node.map(tag);
        if self.if_match.as_ref().is_some_and(|c| !c.allows(etag.as_ref())) {
            return Err(HttpError::precondition("The resource is not the one that If-Match names."));
        }
        let modified = node.map(|node| HttpDate::from(node.modified.system()));
        // RFC 9110 section 13.1.4: not evaluated beside If-Match.
        if self.if_match.is_none()
            && let (Some(c), Some(modified)) = (&self.if_unmodified_since, modified)
            && !c.allows(modified)
        {
            return Err(HttpError::precondition("The resource has been modified since."));
        }
        if self.if_none_match.as_ref().is_some_and(|c| !c.allows(etag.as_ref())) {
            return Err(HttpError::precondition("The resource is one that If-None-Match names."));
        }
        Ok(())
    }

    /// For GET and HEAD of `node`. Errors: 412.
    pub fn reading(&self, node: &Node) -> Result<Reading, HttpError> {
        let etag = tag(node);
        let modified = HttpDate::from(node.modified.system());
        if self.if_match.as_ref().is_some_and(|c| !c.allows(Some(&etag))) {
            return Err(HttpError::precondition("The resource is not the one that If-Match names."));
        }
        if self.if_match.is_none() && self.if_unmodified_since.as_ref().is_some_and(|c| !c.allows(modified)) {
            return Err(HttpError::precondition("The resource has been modified since."));
        }
        match (&self.if_none_match, &self.if_modified_since) {
            (Some(c), _) if !c.allows(Some(&etag)) => Ok(Reading::NotModified),
            (None, Some(c)) if !c.allows(modified) => Ok(Reading::NotModified),
            _ => Ok(Reading::Send),
        }
    }

    /// `If` (RFC 4918 section 10.4): the states of the resources that its lists name, as the caller sees them, then the
    /// header's truth. `with_all`: every token that the caller holds in the share counts for the target. Errors: 412.
    pub async fn confirm_if(
        &self,
        tx: &mut impl Reads,
        view: &View<'_>,
        target: &Spot,
        with_all: bool,
    ) -> Result<(), HttpError> {
        self.confirm_if_of(tx, view, (target.visible(), target), with_all).await
    }

    async fn confirm_if_of(
        &self,
        tx: &mut impl Reads,
        view: &View<'_>,
        (node, target): (Option<&Node>, &Spot),
        with_all: bool,
    ) -> Result<(), HttpError> {
        let Some(header) = &self.if_header else { return Ok(()) };
        let opened = opened(tx, view, header).await?;
        let mut own = State { etag: node.map(tag), tokens: tokens(tx, view, target).await? };
        if with_all && target.located.has_locks() {
            let held = locks::held(tx, target.reached.share.id, view.user, view.now).await.map_err(of_tree)?;
            own.tokens = locks::tokens_of(&held, view.user);
        }
        own.tokens.extend(unchanged(tx, target, &opened).await?);
        let mut named: Vec<(&str, State)> = Vec::new();
        for list in header.lists() {
            if let Some(resource) = list.resource.as_deref()
                && !named.iter().any(|(known, _)| *known == resource)
            {
                named.push((resource, state_of(tx, view, resource, &opened).await?));
            }
        }
        let nothing = State { etag: None, tokens: Vec::new() };
        let holds = header.evaluate(|resource| {
            let state = match resource {
                None => &own,
                Some(resource) => {
                    named.iter().find(|(known, _)| *known == resource).map_or(&nothing, |(_, state)| state)
                }
            };
            ResourceState { etag: state.etag.as_ref(), tokens: &state.tokens }
        });
        if holds { Ok(()) } else { Err(HttpError::precondition("The If header does not hold.")) }
    }
}

/// The tokens of the locks at a place that count for the caller.
async fn tokens(tx: &mut impl Reads, view: &View<'_>, spot: &Spot) -> Result<Vec<String>, HttpError> {
    let mut covering = Vec::new();
    if spot.located.has_locks() {
        covering = locks::covering(tx, spot.chain(), view.now).await.map_err(of_tree)?;
        // Whoever has locked what he makes without seeing it knows his own lock.
        if spot.is_hidden() {
            covering.extend(locks::covering(tx, spot.located.chain(), view.now).await.map_err(of_tree)?);
        }
    }
    Ok(locks::tokens_of(&covering, view.user))
}

/// The state of the resource that a tagged list names; nothing when it isn't ours, isn't there, or isn't for the caller
/// to see.
async fn state_of(
    tx: &mut impl Reads,
    view: &View<'_>,
    resource: &str,
    opened: &[(&str, Token)],
) -> Result<State, HttpError> {
    let nothing = State { etag: None, tokens: Vec::new() };
    let path = match resource.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => resource,
    };
    let Prefixed::Below(raw) = split_prefix(path, PREFIX) else { return Ok(nothing) };
    let Ok(path) = RelPath::parse_request_target(raw) else { return Ok(nothing) };
    let Some(spot) = Spot::locate(tx, view.access, &path).await? else { return Ok(nothing) };
    let mut state = State { etag: spot.visible().map(tag), tokens: tokens(tx, view, &spot).await? };
    state.tokens.extend(unchanged(tx, &spot, opened).await?);
    Ok(state)
}

/// The tokens of the header that say how far the caller follows a collection, as sent and opened; each once, and none that is too old.
async fn opened<'h>(
    tx: &mut impl Reads,
    view: &View<'_>,
    header: &'h IfHeader,
) -> Result<Vec<(&'h str, Token)>, HttpError> {
    let mut opened = Vec::new();
    let texts: BTreeSet<&str> = header.tokens().filter(|text| Token::is_one(text)).collect();
    for text in texts {
        let key = view.follow.key(tx).await?;
        if let Some(token) = Token::open(key, text).filter(|token| token.user == view.user)
            && sync::reaches_back(tx, token.share, token.progress.seq).await?
        {
            opened.push((text, token));
        }
    }
    Ok(opened)
}

/// Those of them that are states of the collection at `spot`: given to this caller for it, with nothing in it changed since, nor
/// what he sees of the share.
async fn unchanged(tx: &mut impl Reads, spot: &Spot, opened: &[(&str, Token)]) -> Result<Vec<String>, HttpError> {
    let mut tokens = Vec::new();
    if opened.is_empty() {
        return Ok(tokens);
    }
    let Some(node) = spot.visible().filter(|node| node.is_collection()) else { return Ok(tokens) };
    let may_follow = [Permission::List, Permission::Sync].into_iter().all(|need| spot.effective().allows(need));
    let sees = sync::view_id(&spot.reached.view(&[]));
    let litter = super::sync::litter(tx, &spot.reached).await?;
    let present = |token: &Token| may_follow && token.litter == litter && sync::is_present(token, node, sees);
    tokens.extend(opened.iter().filter(|(_, token)| present(token)).map(|(text, _)| (*text).to_owned()));
    Ok(tokens)
}
