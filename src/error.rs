//! The one place where an error becomes an HTTP answer: status, DAV condition, words.
//!
//! Rooms speak in their own errors; here each becomes a status by a `match` without `_`. What is inside of a 5xx is logged
//! once, with the request's id, and never sent.

use std::borrow::Cow;
use std::sync::Arc;

use commonhold_acl as acl;
use http::StatusCode;

use crate::blobs::BlobError;
use crate::contents::proof::ReadError;
use crate::dav::acl::plan::PlanError;
use crate::dav::bodies::BodyError;
use crate::dav::headers::HeaderError;
use crate::dav::xml::XmlError;
use crate::db::DbError;
use crate::directory::DirectoryError;
use crate::grants::GrantError;
use crate::guard::Refused;
use crate::history::HistoryError;
use crate::locks::LockError;
use crate::path::PathError;
use crate::tree::TreeError;
use crate::uploads::UploadError;

/// How long a client should wait when the database is busy, seconds.
const RETRY_AFTER_S: u32 = 2;

/// A precondition or postcondition by its name (RFC 4918 section 16, RFC 3744, RFC 4331), for the body of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Privileges are missing on a resource (RFC 3744 section 7.1.1).
    NeedPrivileges {
        /// The resource.
        href: String,
        /// The privileges.
        privileges: Box<[acl::Privilege]>,
    },
    /// The depth must be 0 or 1 here.
    PropfindFiniteDepth,
    /// A live property that clients can't set.
    CannotModifyProtectedProperty,
    /// The quota (RFC 4331 section 6).
    QuotaNotExceeded,
    /// The disk (RFC 4331 section 6).
    SufficientDiskSpace,
    /// XML from outside the document is not fetched.
    NoExternalEntities,
    /// A lock whose token was not submitted; the roots of such locks.
    LockTokenSubmitted(Vec<String>),
    /// Locks that stand in the way of another one; their roots.
    NoConflictingLock(Vec<String>),
    /// The token names no lock on the resource.
    LockTokenMatchesRequestUri,
    /// No collection of such a type can be made here (RFC 5689 section 3.3).
    ValidResourcetype,
    /// The resource has no such report (RFC 3253 section 3.6).
    SupportedReport,
    /// A report would tell of too much (RFC 3744 section 9).
    NumberOfMatchesWithinLimits,
    /// RFC 6578 section 3.2: the token was not given here, or too long ago.
    ValidSyncToken,
    /// The list of entries contradicts itself, or can't be had (RFC 3744 section 8.1.1, as all that follow).
    NoAceConflict,
    /// An entry says other than a protected one.
    NoProtectedAceConflict,
    /// An entry says other than an inherited one.
    NoInheritedAceConflict,
    /// Too many entries.
    LimitedNumberOfAces,
    /// What is denied comes before what is granted.
    DenyBeforeGrant,
    /// Nobody is meant by who he is not.
    NoInvert,
    /// An abstract privilege comes only as a part of others.
    NoAbstract,
    /// There is no such privilege.
    NotSupportedPrivilege,
    /// There is no such principal.
    RecognizedPrincipal,
    /// No entry can be for such a principal.
    AllowedPrincipal,
}

impl Condition {
    /// The element's local name, in the namespace `DAV:`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NeedPrivileges { .. } => "need-privileges",
            Self::PropfindFiniteDepth => "propfind-finite-depth",
            Self::CannotModifyProtectedProperty => "cannot-modify-protected-property",
            Self::QuotaNotExceeded => "quota-not-exceeded",
            Self::SufficientDiskSpace => "sufficient-disk-space",
            Self::NoExternalEntities => "no-external-entities",
            Self::LockTokenSubmitted(_) => "lock-token-submitted",
            Self::NoConflictingLock(_) => "no-conflicting-lock",
            Self::LockTokenMatchesRequestUri => "lock-token-matches-request-uri",
            Self::ValidResourcetype => "valid-resourcetype",
            Self::SupportedReport => "supported-report",
            Self::ValidSyncToken => "valid-sync-token",
            Self::NumberOfMatchesWithinLimits => "number-of-matches-within-limits",
            Self::NoAceConflict => "no-ace-conflict",
            Self::NoProtectedAceConflict => "no-protected-ace-conflict",
            Self::NoInheritedAceConflict => "no-inherited-ace-conflict",
            Self::LimitedNumberOfAces => "limited-number-of-aces",
            Self::DenyBeforeGrant => "deny-before-grant",
            Self::NoInvert => "no-invert",
            Self::NoAbstract => "no-abstract",
            Self::NotSupportedPrivilege => "not-supported-privilege",
            Self::RecognizedPrincipal => "recognized-principal",
            Self::AllowedPrincipal => "allowed-principal",
        }
    }
}

/// An answer that isn't success.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{status}: {text}")]
pub struct HttpError {
    /// The status.
    pub status: StatusCode,
    /// The DAV condition, if one has a name.
    pub condition: Option<Condition>,
    /// One sentence for people; of a 5xx only what the client can do about it.
    pub text: Cow<'static, str>,
    /// Of a 405: the verbs that are taken there, if they are others than those of the tree (RFC 9110 section 15.5.6).
    pub allow: Option<&'static str>,
    /// For 503 and 429: seconds until another try makes sense.
    pub retry_after_s: Option<u32>,
    /// The URLs of other resources that keep the whole from being done, each with this error's status: a 207.
    pub blockers: Box<[String]>,
    /// The same request may succeed if it is done once more at once: nothing of it was, because another transaction was in the way.
    pub again: bool,
    /// The law's refusal behind it: for the audit, and never sent.
    pub denied: Option<Arc<Denied>>,
}

/// What the law denied, for the record.
#[derive(Debug)]
pub struct Denied {
    /// Why.
    pub denial: acl::Denial,
    /// The resource that it is about.
    pub href: String,
}

impl HttpError {
    /// An answer with words.
    pub fn new(status: StatusCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            condition: None,
            text: text.into(),
            allow: None,
            retry_after_s: None,
            blockers: Box::default(),
            again: false,
            denied: None,
        }
    }

    /// The same with a condition.
    pub fn with(mut self, condition: Condition) -> Self {
        self.condition = Some(condition);
        self
    }

    /// The same, answered as a 207 that names what stands in the way.
    pub fn blocked_by(mut self, hrefs: Vec<String>) -> Self {
        self.blockers = hrefs.into();
        self
    }

    /// 404: nothing there, as far as the caller may know.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "There is nothing of that name here.")
    }

    /// 400.
    pub fn bad_request(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    /// 405 where other verbs are taken than in the tree.
    pub fn takes_only(allow: &'static str, text: &'static str) -> Self {
        Self { allow: Some(allow), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, text) }
    }

    /// 412.
    pub fn precondition(text: &'static str) -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, text)
    }

    /// 503: something we rest on is away or busy; trying again helps.
    pub fn unavailable(text: &'static str) -> Self {
        Self { retry_after_s: Some(RETRY_AFTER_S), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, text) }
    }

    /// 500: a fault of the server.
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "The server made a mistake. Nothing was changed.")
    }

    /// 500: what is stored is not what was stored.
    pub fn damaged() -> Self {
        let text = "This file is damaged on the server and was not sent. An older revision may be whole.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, text)
    }

    /// What the law denies, about the resource at `href`.
    pub fn denied(refused: &Refused, href: String) -> Self {
        let denied = Denied { denial: refused.denial.clone(), href: href.clone() };
        Self { denied: Some(Arc::new(denied)), ..Self::of_denial(refused, href) }
    }

    fn of_denial(refused: &Refused, href: String) -> Self {
        let Refused { operation, denial } = refused;
        match denial.kind {
            acl::DenialKind::Invisible => Self::not_found(),
            acl::DenialKind::Barred(policy) => {
                let text = format!("You may not do this here: the policy `{}` is off.", policy.name());
                Self::new(StatusCode::FORBIDDEN, text)
            }
            acl::DenialKind::Forbidden => {
                let text = format!("You may not do this here: it needs the permission `{}`.", denial.needed);
                let named = |permission| acl::needed_privilege(*operation, permission);
                let privileges = denial.needed.iter().map(named).collect();
                Self::new(StatusCode::FORBIDDEN, text).with(Condition::NeedPrivileges { href, privileges })
            }
        }
    }
}

const BUSY: &str = "The server is busy. Please try again in a moment.";

impl From<DbError> for HttpError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Busy => Self::unavailable(BUSY),
            DbError::Conflict => Self { again: true, ..Self::unavailable(BUSY) },
            DbError::Full => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "The server's disk is full. Nothing was changed.")
                    .with(Condition::SufficientDiskSpace)
            }
            DbError::Lost(why) => {
                tracing::error!(%why, "the database can't be used");
                Self::unavailable("The server's database can't be reached at the moment.")
            }
            DbError::Newer(version) => {
                tracing::error!(version, "the schema is newer than this binary");
                Self::unavailable("The server is being upgraded.")
            }
            DbError::Older(servers) => {
                tracing::error!(%servers, "older servers are in the way of a change of the schema");
                Self::unavailable("The server is being upgraded.")
            }
            DbError::Statement(why) => {
                tracing::error!(%why, "a statement failed");
                Self::internal()
            }
        }
    }
}

impl From<TreeError> for HttpError {
    fn from(error: TreeError) -> Self {
        match error {
            TreeError::ShareGone => Self::not_found(),
            TreeError::OverQuota { wanted, available } => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                format!("The quota has room for {available} bytes more; this needs {wanted}."),
            )
            .with(Condition::QuotaNotExceeded),
            TreeError::Damaged(content) => {
                tracing::error!(%content, "a damaged content was not served");
                Self::damaged()
            }
            TreeError::TooDeep => Self::new(StatusCode::FORBIDDEN, "The result would lie deeper than a path may be."),
            TreeError::CopyLost => Self::unavailable("What is copied changes too much meanwhile."),
            TreeError::Db(error) => error.into(),
        }
    }
}

impl From<ReadError> for HttpError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Db(error) => error.into(),
            ReadError::Blob(error) => error.into(),
        }
    }
}

impl From<PathError> for HttpError {
    fn from(error: PathError) -> Self {
        let status = match error {
            PathError::PathTooLong | PathError::TooDeep | PathError::NameTooLong => StatusCode::URI_TOO_LONG,
            PathError::NotAbsolute
            | PathError::BadEscape
            | PathError::NotUtf8
            | PathError::EmptyName
            | PathError::DotSegment
            | PathError::Separator(_)
            | PathError::ControlCharacter(_)
            | PathError::BidiControl(_) => StatusCode::BAD_REQUEST,
        };
        Self::new(status, format!("The path can't be used: {error}."))
    }
}

impl From<BlobError> for HttpError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Full => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "The server's disk is full. Nothing was changed.")
                    .with(Condition::SufficientDiskSpace)
            }
            BlobError::Failed => Self::unavailable("The server takes no changes at the moment: its disk has failed."),
            BlobError::Away { .. } | BlobError::Foreign(_) => {
                tracing::error!(%error, "the object store can't be used");
                Self::unavailable("The server's store of contents can't be reached at the moment.")
            }
            BlobError::Damaged { .. } => {
                tracing::error!(%error, "a damaged content was not served");
                Self::damaged()
            }
            BlobError::Io { .. } | BlobError::Settings(_) => {
                tracing::error!(%error, "the byte store failed");
                Self::internal()
            }
        }
    }
}

impl From<HeaderError> for HttpError {
    fn from(error: HeaderError) -> Self {
        let status = match error {
            HeaderError::Malformed { .. } | HeaderError::Repeated(_) => StatusCode::BAD_REQUEST,
            HeaderError::TooLong { .. } => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            HeaderError::ForeignDestination => StatusCode::BAD_GATEWAY,
        };
        Self::new(status, format!("{error}."))
    }
}

impl From<BodyError> for HttpError {
    fn from(error: BodyError) -> Self {
        let answer = |status| Self::new(status, format!("The request can't be used: {error}."));
        match error {
            BodyError::Xml(XmlError::Doctype) => answer(StatusCode::BAD_REQUEST).with(Condition::NoExternalEntities),
            BodyError::Xml(_) | BodyError::WrongRoot { .. } | BodyError::Contents(_) => answer(StatusCode::BAD_REQUEST),
            BodyError::TooManyProperties | BodyError::PropertyTooLong(_) | BodyError::OwnerTooLong => {
                answer(StatusCode::PAYLOAD_TOO_LARGE)
            }
        }
    }
}

impl From<DirectoryError> for HttpError {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::Db(error) => error.into(),
            refused => Self::new(StatusCode::FORBIDDEN, refused.to_string()),
        }
    }
}

impl From<UploadError> for HttpError {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::NoSuchUpload => Self::not_found(),
            UploadError::Elsewhere(_) => Self::new(StatusCode::CONFLICT, error.to_string()),
            UploadError::BeingMade => Self::new(StatusCode::LOCKED, error.to_string()),
            UploadError::Taken => Self::takes_only("PUT, MOVE, DELETE", "There is an upload of that name."),
            UploadError::TooManyUploads | UploadError::TooManyParts | UploadError::TooManyBytes(_) => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, error.to_string())
            }
            UploadError::BadName => Self::bad_request(error.to_string()),
            UploadError::Db(error) => error.into(),
        }
    }
}

impl From<HistoryError> for HttpError {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::NoSuchRevision(_) | HistoryError::NotInTrash => Self::not_found(),
            HistoryError::InTheWay(_)
            | HistoryError::NoFreeName(_)
            | HistoryError::Present(_)
            | HistoryError::Kept(_)
            | HistoryError::NotThereYet
            | HistoryError::Future => Self::new(StatusCode::CONFLICT, error.to_string()),
            HistoryError::BadLabel => Self::bad_request(error.to_string()),
            HistoryError::Lock(LockError::Locked(_)) => Self::new(StatusCode::LOCKED, error.to_string()),
            HistoryError::Tree(error) | HistoryError::Lock(LockError::Tree(error)) => error.into(),
        }
    }
}

impl From<PlanError> for HttpError {
    fn from(error: PlanError) -> Self {
        let condition = match &error {
            PlanError::DenyAfterGrant => Condition::DenyBeforeGrant,
            PlanError::UnknownPrivilege(_) => Condition::NotSupportedPrivilege,
            PlanError::Abstract(_) => Condition::NoAbstract,
            PlanError::Inseparable(_)
            | PlanError::Twice
            | PlanError::TakenBack
            | PlanError::NoSuchForm(..)
            | PlanError::Empty => Condition::NoAceConflict,
            PlanError::DeniesOwner => Condition::NoProtectedAceConflict,
        };
        Self::new(StatusCode::FORBIDDEN, format!("The list can't be set: {error}.")).with(condition)
    }
}

impl From<GrantError> for HttpError {
    fn from(error: GrantError) -> Self {
        let answer = |status, condition| Self::new(status, format!("The list can't be set: {error}.")).with(condition);
        match &error {
            GrantError::NoSuchGrant => Self::not_found(),
            GrantError::TooMany => answer(StatusCode::FORBIDDEN, Condition::LimitedNumberOfAces),
            GrantError::Empty | GrantError::NoSuchRole(_) => answer(StatusCode::FORBIDDEN, Condition::NoAceConflict),
            GrantError::LastCoOwner(_) => answer(StatusCode::CONFLICT, Condition::NoAceConflict),
            GrantError::Db(error) => error.clone().into(),
        }
    }
}
