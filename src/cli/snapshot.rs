//! `snapshot`: a share as it is or was at a time, as a share of its own.

use clap::Args;
use commonhold_acl::Operation;

use super::history::Acting;
use super::output::{Answer, Failure};
use super::place::TreePath;
use super::{Context, moment};
use crate::clock::Moment;
use crate::directory::{Administrator, Principal, user};
use crate::guard::Taking;
use crate::history::past::snapshot;
use crate::path::Name;
use crate::shares::{self, NewShare, OWNER_ROLE};
use crate::tree::TreeError;

/// Make a new share of what a share or a home is, or was at a time
#[derive(Args)]
#[command(after_help = "\
Examples:
  commonhold snapshot Projects \"Projects as shipped\"              as it is now
  commonhold snapshot Projects Rescue --at \"2026-11-26 10:00\"     as it was then (UTC), with what was deleted since
  commonhold snapshot ~ana \"Left by Ana\" --owner ben              of a home

The new share has every file in its state of that time, each folder where it was, and today's properties; no earlier revisions,
no grants and no subscribers but the one who has it made, as its co-owner (--owner where nobody is named by --as). Nothing
is copied on disk, but its bytes count for the organization like those of any share. What was purged is not in it.
Where --as names a user, he must own the share, read all of it, and be allowed to make shares.")]
pub(super) struct TakeSnapshot {
    /// The share, by its name or path, or a home: Projects, /Projects, ~ana
    #[arg(value_name = "SHARE")]
    share: String,
    /// The name of the new share
    name: String,
    /// As it was just before then: a date, a moment, or a span before now
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    at: Option<Moment>,
    /// Who gets it as its co-owner, instead of whoever has it made
    #[arg(long, value_name = "USER")]
    owner: Option<String>,
}

impl TakeSnapshot {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        let site = context.site().await?;
        let (mut tx, now) = (site.db.write().await?, Moment::now());
        let acting = Acting::writing(&context, &mut tx).await?;
        let is_path = self.share.starts_with(['/', '~']);
        let path = if is_path { self.share.clone() } else { format!("/{}", self.share) };
        let path = TreePath::parse(&path).map_err(Failure::new)?;
        let found = acting.find(&mut tx, &path).await?;
        if !found.located.is_root() {
            return Err(Failure::new(format!("`{path}` is no share; a snapshot is of a whole share or home")));
        }
        acting.permit(Operation::ReadAcl, &found)?;
        let permit = acting.permit(Operation::GetFolder, &found)?;
        acting.confirm_inside(&mut tx, &found, Taking::Snapshot).await?;
        let owner = match &self.owner {
            Some(_) if acting.user().is_some() => {
                return Err(Failure::new("`--owner` is for the site's owner; who has it made owns it otherwise"));
            }
            Some(name) => Some(user::named(&mut tx, name).await?),
            None => acting.user().cloned(),
        };
        let name = Name::parse(&self.name).map_err(|error| Failure::new(error.to_string()))?;
        let description = match self.at {
            Some(at) => format!("{} as it was at {}", found.shown, at.rfc3339()),
            None => format!("{} as it was at {}", found.shown, now.rfc3339()),
        };
        tx.protect().await?;
        let new = NewShare { description: &description, ..NewShare::team(found.share.org, &name) };
        let id = shares::create(&mut tx, acting.administrator(), &new, now).await?;
        if let Some(owner) = &owner {
            owner.confirm_same_organization(found.share.org)?;
            let by = Administrator::of_the_site();
            let share = shares::by_id(&mut tx, id).await?.ok_or(TreeError::ShareGone)?;
            shares::subscribe(&mut tx, &by, &share, Principal::User(owner.id), OWNER_ROLE, now).await?;
        }
        let share = shares::by_id(&mut tx, id).await?.ok_or(TreeError::ShareGone)?;
        let taken =
            snapshot::take(&mut tx, acting.authority(&permit), (&found.share, &share), self.at, (acting.id(), now))
                .await?;
        tx.commit().await?;
        let mut told = format!("made the share `{name}`: {} files and folders, {} bytes", taken.items, taken.bytes);
        if taken.later > 0 {
            told.push_str(&format!("\n{} files have a later state, because that of the time was trimmed", taken.later));
        }
        Ok(Answer::said(told))
    }
}
