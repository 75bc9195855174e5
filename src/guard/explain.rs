//! Why somebody may or may not, in a sentence: the same facts and the same function as every decision.

use commonhold_acl::{Channel, Explanation, Permission};

use super::load;
use crate::db::{DbError, Reads};
use crate::directory;
use crate::path::RelPath;
use crate::shares;
use crate::tree::{self, Kind, TreeError};

/// Why an explanation could not be given.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// There is no such account.
    #[error("there is no user `{0}`")]
    NoSuchUser(String),
    /// The path names nothing.
    #[error("there is no `{0}`")]
    NoSuchPath(String),
    /// The root of all shares belongs to nobody.
    #[error("`/` lists the shares of whoever asks; name a share, such as `/Projects`")]
    Root,
    /// The tree or the database.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

impl From<DbError> for ExplainError {
    fn from(error: DbError) -> Self {
        Self::Tree(error.into())
    }
}

/// Says whether the user of that name may do something to what `path` names, and the one reason; about `list` or `view`
/// when no permission is asked for.
pub async fn explain(
    tx: &mut impl Reads,
    user: &str,
    path: &RelPath,
    permission: Option<Permission>,
    channel: Channel,
) -> Result<Explanation, ExplainError> {
    let missing = || ExplainError::NoSuchPath(path.to_string());
    let account = directory::find_user(tx, user).await?.ok_or_else(|| ExplainError::NoSuchUser(user.to_owned()))?;
    let (share_name, below) = path.segments().split_first().ok_or(ExplainError::Root)?;
    let share = shares::find(tx, share_name).await?.ok_or_else(missing)?;
    let located = tree::locate(tx, share.root, below).await?;
    let kind = located.node().ok_or_else(missing)?.kind;
    let gathered = load::gather(tx, &account, channel, Some(&share)).await?;
    let effective = gathered.first().expect("the share that was asked for").sight.at(located.chain());
    let asked = permission.unwrap_or(if kind == Kind::File { Permission::View } else { Permission::List });
    Ok(effective.explain(asked, &path.to_string()))
}
