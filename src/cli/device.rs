//! `device`: machines that are registered for a user.

use clap::Subcommand;
use serde::Serialize;

use super::Context;
use super::output::{Answer, Failure};
use crate::clock::Moment;
use crate::directory::app_password::Credential;
use crate::directory::device::{self, Device};
use crate::directory::{DirectoryName, user};

#[derive(Subcommand)]
pub(super) enum DeviceCommand {
    /// Register a device, and print the app password by which it logs in once
    #[command(after_help = "\
Examples:
  commonhold device add ana notebook
  commonhold share channel Projects --user ana --device notebook off     not on that one
  commonhold share channel Projects --group Sales --future-devices off   on none that is registered from now on

A login with the printed app password counts as the device, not as a mapped drive, wherever it comes from.")]
    Add {
        /// The login name
        user: String,
        /// The name of the device
        device: String,
    },
    /// List the devices of a user
    List {
        /// The login name
        user: String,
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// End a device with its app password, from the next request on
    Remove {
        /// The login name
        user: String,
        /// The name of the device
        device: String,
    },
}

impl DeviceCommand {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        match self {
            Self::Add { user, device } => add(context, &user, &device).await,
            Self::List { user, json } => list(context, &user, json).await,
            Self::Remove { user, device } => remove(context, &user, &device).await,
        }
    }
}

async fn add(context: Context, user: &str, device: &str) -> Result<Answer, Failure> {
    let name = DirectoryName::of_device(device)?;
    let credential = Credential::fresh();
    let site = context.site().await?;
    let mut tx = site.db.write().await?;
    let by = context.administrator(&mut tx).await?;
    let user = user::named(&mut tx, user).await?;
    device::add(&mut tx, &by, &user, &name, &credential, Moment::now()).await?;
    tx.commit().await?;
    let (name, shown) = (name.as_str(), credential.shown());
    let told = format!("app password for `{name}` of `{}`, shown only this once:\n{}", user.name, shown.reveal());
    Ok(Answer::said(told))
}

async fn list(context: Context, user: &str, json: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.read().await?;
    let by = context.administrator(&mut tx).await?;
    let user = user::named(&mut tx, user).await?;
    by.confirm_user_or_self(&mut tx, &user).await?;
    let rows: Vec<Row> = device::list(&mut tx, user.id).await?.into_iter().map(Row::from).collect();
    Ok(Answer::list(&rows, json, &["device", "registered"], |row| vec![row.name.clone(), row.created.clone()]))
}

async fn remove(context: Context, user: &str, device: &str) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.write().await?;
    let by = context.administrator(&mut tx).await?;
    let user = user::named(&mut tx, user).await?;
    device::remove(&mut tx, &by, &user, device, Moment::now()).await?;
    tx.commit().await?;
    Ok(Answer::said(format!("removed the device `{device}` of `{}` with its app password", user.name)))
}

#[derive(Serialize)]
pub(super) struct Row {
    pub name: String,
    created: String,
}

impl From<Device> for Row {
    fn from(device: Device) -> Self {
        Self { name: device.name, created: device.created.rfc3339() }
    }
}
