//! Who there is: organizations with departments and policies, users, nested groups, the app passwords and devices of their
//! drives; and who administers what of it.
//!
//! Here: typed rows, the questions asked of them, the changes made to them. Not here: how a login is checked (`auth/`), what
//! anybody may do (`acl`, `guard/`), what is shared with whom (`shares/`). Knows no HTTP.

mod administrator;
pub mod app_password;
pub mod department;
pub mod device;
pub mod group;
pub mod login_flow;
mod name;
pub mod office_url;
pub mod organization;
pub mod policy;
pub mod principal;
pub mod roster;
pub mod secret;
mod sql;
pub mod user;

pub use administrator::{Administrator, Reach};
pub use group::groups_of;
pub use name::{DirectoryName, NameProblem, plain_text};
pub use user::{User, by_id as user_by_id, find as find_user};

use crate::db::DbError;
use crate::ids::{GroupId, UserId};

/// Who can be a member of a group or subscribe to a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Principal {
    /// One user.
    User(UserId),
    /// Every member of a group, also of the groups in it.
    Group(GroupId),
}

/// Why people and groups couldn't be changed or found.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DirectoryError {
    /// A name or a text that breaks the rules for its kind.
    #[error("`{text}` is no {noun}: {problem}")]
    BadName {
        /// What it was meant for, such as "user name".
        noun: &'static str,
        /// As it was given, control characters escaped.
        text: String,
        /// The rule it breaks.
        problem: NameProblem,
    },
    /// Somebody has the name already, or one that differs only in letter case or Unicode form.
    #[error("the name `{0}` is taken")]
    NameTaken(String),
    /// No user of that name.
    #[error("there is no user `{0}`")]
    NoSuchUser(String),
    /// No group of that name.
    #[error("there is no group `{0}`")]
    NoSuchGroup(String),
    /// No policy of that name.
    #[error("there is no policy `{0}`; the policies are {names}", names = policy_names())]
    NoSuchPolicy(String),
    /// A value that a policy can't have.
    #[error("`{}` is {}", .0.name(), .0.expected())]
    BadPolicyValue(policy::Measure),
    /// The site has no organization yet.
    #[error("the site has no organization")]
    NoOrganization,
    /// The user has an app password of that label already.
    #[error("`{user}` has an app password `{label}` already")]
    LabelTaken {
        /// Whose.
        user: String,
        /// Its label.
        label: String,
    },
    /// The user has no app password of that label.
    #[error("`{user}` has no app password `{label}`")]
    NoSuchAppPassword {
        /// Whose.
        user: String,
        /// The label that was asked for.
        label: String,
    },
    /// Taking out somebody who isn't in.
    #[error("that is no direct member of the group `{0}`")]
    NotAMember(String),
    /// A group would end up inside itself.
    #[error("the group would contain itself")]
    Cycle,
    /// Groups, departments or organizations would be nested deeper than they may be.
    #[error("{noun} can't be nested deeper than {max}")]
    NestedTooDeep {
        /// Which of them.
        noun: &'static str,
        /// [`group::NESTING_MAX`], [`group::DEPARTMENT_NESTING_MAX`] or [`organization::ORGANIZATION_NESTING_MAX`].
        max: i64,
    },
    /// The one in whose name it should be done doesn't administer what would change.
    #[error("`{who}` does not administer {what}")]
    OutOfReach {
        /// Who tried.
        who: String,
        /// What it is about, such as "the user `ben`".
        what: String,
    },
    /// Nothing is done in the name of somebody who couldn't log in.
    #[error("`{0}` is disabled or of an inactive organization, and can do nothing")]
    CantAct(String),
    /// No organization of that name.
    #[error("there is no organization `{0}`")]
    NoSuchOrganization(String),
    /// No department of that path.
    #[error("there is no department `{0}`")]
    NoSuchDepartment(String),
    /// Only empty departments can be removed.
    #[error("the department `{department}` is not empty: there is {use_}")]
    DepartmentInUse {
        /// Which.
        department: String,
        /// One thing in it, such as "the member `ana`".
        use_: String,
    },
    /// Ending a membership that isn't there.
    #[error("`{user}` is no member of the department `{department}` itself")]
    NotInDepartment {
        /// Who.
        user: String,
        /// Where.
        department: String,
    },
    /// Members, subscribers and administrators are of the organization.
    #[error("`{0}` belongs to another organization")]
    OtherOrganization(String),
    /// Guests are in groups that somebody puts them in, and in nothing else.
    #[error("`{0}` is a guest, and guests belong to no department and administer nothing")]
    GuestsStayOut(String),
    /// A group whose members are computed.
    #[error("the members of `{0}` follow from the organization and its departments")]
    Computed(String),
    /// Administrators are named one by one, so that nobody becomes one through a group that others manage.
    #[error("only users can be members of `{0}`, not groups")]
    UsersOnly(String),
    /// All Users and Administrators stay.
    #[error("the group `{0}` is built in")]
    BuiltIn(String),
    /// An organization has as many enabled users as it may.
    #[error("the organization `{org}` has its {max} active users; disable one or raise the limit first")]
    TooManyUsers {
        /// Which.
        org: String,
        /// [`organization::Organization::users_max`].
        max: u64,
    },
    /// Somebody must be able to administer the site.
    #[error("that would leave the site without an administrator who can log in")]
    LastAdministrator,
    /// A share would be left without anybody who may manage it.
    #[error("that is the last co-owner of `{0}`; subscribe another one first")]
    LastCoOwner(String),
    /// A removed user is no member and no subscriber of anything.
    #[error("the user `{0}` was removed; `user enable` brings the account back")]
    Removed(String),
    /// The user has a device of that name.
    #[error("`{user}` has a device `{device}` already")]
    DeviceTaken {
        /// Whose.
        user: String,
        /// Its name.
        device: String,
    },
    /// The user has no device of that name.
    #[error("`{user}` has no device `{device}`")]
    NoSuchDevice {
        /// Whose.
        user: String,
        /// The name that was asked for.
        device: String,
    },
    /// A person has as many Office URLs as he may.
    #[error("`{user}` has {max} Office URLs that are good; revoke one first")]
    TooManyOfficeUrls {
        /// Whose.
        user: String,
        /// [`office_url::PER_USER_MAX`].
        max: i64,
    },
    /// No Office URL of that number, or none that is good any more.
    #[error("there is no Office URL {0}, or it has ended")]
    NoSuchOfficeUrl(i64),
    /// A number that can't be counted.
    #[error("a limit is at most {max}", max = i64::MAX)]
    TooLarge,
    /// The database didn't answer.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl DirectoryError {
    /// Whether whoever asked may not, whatever else is right.
    pub fn is_denial(&self) -> bool {
        matches!(self, Self::OutOfReach { .. } | Self::CantAct(_))
    }
}

fn policy_names() -> String {
    let switches = policy::Policy::ALL.map(policy::Policy::name);
    let measures = policy::Measure::ALL.map(policy::Measure::name);
    [switches.as_slice(), measures.as_slice()].concat().join(", ")
}

#[cfg(test)]
pub(crate) mod tests;
