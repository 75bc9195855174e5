//! `--user U | --group G`: who is meant.

use clap::Args;

use super::output::Failure;
use crate::db::Reads;
use crate::directory::{Principal, group, user};
use crate::ids::OrgId;

#[derive(Args)]
#[group(required = true, multiple = false)]
pub(super) struct Who {
    /// A user, by name
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// A group, by name
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
}

impl Who {
    /// The one that is meant, and its name as it was given to it.
    pub async fn find(&self, reads: &mut impl Reads, org: OrgId) -> Result<(Principal, String), Failure> {
        if let Some(name) = &self.user {
            let user = user::named(reads, name).await?;
            return Ok((Principal::User(user.id), format!("`{}`", user.name)));
        }
        let name = self.group.as_ref().expect("clap asks for one of the two");
        let group = group::named(reads, org, name).await?;
        Ok((Principal::Group(group.id), format!("the group `{}`", group.name)))
    }
}
