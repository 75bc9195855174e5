//! Who there is: organizations, users, nested groups, and the app passwords of their drives.
//!
//! Here: typed rows, the questions asked of them, the changes made to them. Not here: how a login is checked (`auth/`), what
//! anybody may do (`acl`, `guard/`), what is shared with whom (`shares/`). Knows no HTTP.

mod administrator;
pub mod app_password;
pub mod group;
mod name;
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
    /// Groups would be nested deeper than [`group::NESTING_MAX`].
    #[error("groups can't be nested deeper than {max}", max = group::NESTING_MAX)]
    NestedTooDeep,
    /// The database didn't answer.
    #[error(transparent)]
    Db(#[from] DbError),
}

fn policy_names() -> String {
    policy::Policy::ALL.map(policy::Policy::name).join(", ")
}

#[cfg(test)]
pub(crate) mod tests;
