//! `init`: a new site with its organization and its administrator.

use clap::Args;

use super::Context;
use super::output::{Answer, Failure};
use super::password::NewPassword;
use crate::clock::Moment;
use crate::directory::organization::{self, NewOrganization};
use crate::directory::user::{self, NewUser};
use crate::directory::{Administrator, DirectoryName};

/// Make a new site
#[derive(Args)]
#[command(after_help = "\
Example:
  commonhold init --data /srv/commonhold --org Acme --admin root

Without --password-stdin a password is made up and printed once.")]
pub(super) struct Init {
    /// The name of the organization
    #[arg(long, value_name = "NAME")]
    org: String,
    /// The login name of the administrator
    #[arg(long, value_name = "USER")]
    admin: String,
    /// Read the administrator's password from the first line of standard input
    #[arg(long)]
    password_stdin: bool,
}

impl Init {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        let org_name = DirectoryName::of_organization(&self.org)?;
        let admin_name = DirectoryName::of_user(&self.admin)?;
        let password = NewPassword::take(self.password_stdin, &context.config.auth)?;
        let site = context.empty_site().await?;
        let (by, now) = (Administrator::of_the_site(), Moment::now());
        let mut tx = site.db.write().await?;
        let org = organization::create(&mut tx, &by, &NewOrganization::named(&org_name), now).await?;
        let password_hash = Some(password.hash.as_str());
        let admin = NewUser { admin: true, password_hash, ..NewUser::named(org, &admin_name) };
        user::create(&mut tx, &by, &admin, now).await?;
        tx.commit().await?;
        let told = format!(
            "made the site in `{}` for `{}`; its administrator is `{}`\n{}next: commonhold serve\n",
            context.data.display(),
            org_name.as_str(),
            admin_name.as_str(),
            password.told(),
        );
        Ok(Answer::said(told))
    }
}
