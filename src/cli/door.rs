//! The door that a command asks about: `web`, `webdav`, `device:NAME`.

use std::str::FromStr;

use commonhold_acl::Channel;

use super::output::Failure;
use crate::db::Reads;
use crate::directory::device;
use crate::directory::user::User;

/// A door, not yet looked up.
#[derive(Debug, Clone)]
pub(super) enum Door {
    /// The portal and the mobile apps.
    Web,
    /// Mapped drives.
    Webdav,
    /// A registered machine of the user's, by name.
    Device(String),
}

impl FromStr for Door {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "web" => Ok(Self::Web),
            "webdav" => Ok(Self::Webdav),
            _ => match text.strip_prefix("device:") {
                Some(name) if !name.is_empty() => Ok(Self::Device(name.to_owned())),
                _ => Err("a channel is web, webdav or device:NAME"),
            },
        }
    }
}

impl Door {
    /// The channel of that user. Fails when he has no such device.
    pub async fn find(&self, tx: &mut impl Reads, user: &User) -> Result<Channel, Failure> {
        Ok(match self {
            Self::Web => Channel::Web,
            Self::Webdav => Channel::WebDav,
            Self::Device(name) => Channel::Device(device::named(tx, user, name).await?.id),
        })
    }
}
