//! `--user U | --group G`: who is meant. `--org NAME`: where.

use clap::Args;

use super::output::Failure;
use crate::db::Reads;
use crate::directory::{DirectoryError, Principal, group, user};
use crate::ids::OrgId;

#[derive(Args)]
#[group(required = true, multiple = false)]
pub(super) struct Who {
    /// A user, by name
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// A group, by name; one of a department is `Sales/North/NAME`
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
}

impl Who {
    /// The one that is meant, and its name as it was given to it.
    pub async fn find(&self, reads: &mut impl Reads, org: OrgId) -> Result<(Principal, String), Failure> {
        if let Some(name) = &self.user {
            let user = user::named(reads, name).await?;
            if user.removed {
                return Err(DirectoryError::Removed(user.name).into());
            }
            return Ok((Principal::User(user.id), format!("`{}`", user.name)));
        }
        let name = self.group.as_ref().expect("clap asks for one of the two");
        let group = group::named(reads, org, name).await?;
        Ok((Principal::Group(group.id), format!("the group `{}`", group.name)))
    }
}

#[derive(Args)]
pub(super) struct Inside {
    /// The organization; the site's first if left out
    #[arg(long, value_name = "NAME")]
    org: Option<String>,
}

impl Inside {
    pub fn name(&self) -> Option<&str> {
        self.org.as_deref()
    }
}
