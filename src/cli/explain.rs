//! `explain`: may somebody do something somewhere, and the one reason.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use commonhold_acl::Permission;
use serde::Serialize;

use super::Context;
use super::door::Door;
use super::output::{Answer, Failure};
use super::place::TreePath;
use crate::directory::user;
use crate::guard;

/// The exit status of "denied".
const DENIED: u8 = 3;

/// Say whether a user may do something, and why; exit 0 allowed, 3 denied
#[derive(Args)]
#[command(after_help = "\
Examples:
  commonhold explain ben /Projects/plan.txt delete
  commonhold explain ben /Projects                     may ben see what is in it")]
pub(super) struct Explain {
    /// The login name
    user: String,
    /// As the user sees it, /Share/folder/file or /Home/folder; or ~user/folder
    #[arg(value_parser = TreePath::parse)]
    path: TreePath,
    /// What is asked for; `read` for a file and `list` for a folder if left out
    #[arg(value_parser = permission(), hide_possible_values = true)]
    permission: Option<Permission>,
    /// The door that the user comes through: web, webdav or device:NAME
    #[arg(long, default_value = "webdav")]
    channel: Door,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

fn permission() -> impl TypedValueParser<Value = Permission> {
    let names = PossibleValuesParser::new(Permission::ALL.map(Permission::name));
    names.map(|name| Permission::parse(&name).expect("only names of permissions come through"))
}

impl Explain {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        let site = context.site().await?;
        let mut tx = site.db.read().await?;
        let user = user::named(&mut tx, &self.user).await?;
        let channel = self.channel.find(&mut tx, &user).await?;
        let found = self.path.find(&mut tx, Some(&user)).await?;
        let (place, asked) = ((found.located.chain(), self.path.to_string()), self.permission);
        let explanation = guard::explain(&mut tx, &user, channel, &found.share, (place.0, &place.1), asked).await?;
        let shown = Shown { allowed: explanation.allowed, sentence: explanation.sentence };
        let code = if shown.allowed { 0 } else { DENIED };
        let answer = if self.json { Answer::json(&shown) } else { Answer::said(shown.sentence) };
        Ok(answer.with_code(code))
    }
}

#[derive(Serialize)]
struct Shown {
    allowed: bool,
    sentence: String,
}
