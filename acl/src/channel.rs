//! The door a request came through. Whether a door is open is a fact that the guard gathers.

use crate::DeviceId;

/// The way a request reached the server. Subscription rules open and close shares by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// The portal and the mobile apps.
    Web,
    /// A mapped drive or any other WebDAV client.
    WebDav,
    /// A registered machine.
    Device(DeviceId),
    /// A share link, held by anybody.
    Link,
}

impl Channel {
    /// The name in commands and records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::WebDav => "webdav",
            Self::Device(_) => "device",
            Self::Link => "link",
        }
    }
}
