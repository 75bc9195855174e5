//! How people connect their machines to a share: what to type, what to click, and the file that says it, for each client.
//!
//! Here: the words, as a pure function of where the share is. Not here: the page that shows them ([`page`]), the command that prints
//! them (`cli/connect.rs`), how to find out why it doesn't work (`cli/doctor/`).
//! A password is in none of it: it is typed where it is asked for, and never an argument that the machine can read.

pub mod page;

mod desktops;
mod programs;
mod windows;

use clap::ValueEnum;
use serde::Serialize;

use crate::dav::PREFIX;
use crate::path::encode_segment;

/// What people connect with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Client {
    /// A drive letter in Windows
    Windows,
    /// The Finder of macOS
    Macos,
    /// Files of GNOME, and others that use gio
    Gnome,
    /// Dolphin of KDE
    Kde,
    /// A folder of a Linux machine, with davfs2
    Davfs2,
    /// rclone: copy, synchronize or mount
    Rclone,
    /// Cyberduck and Mountain Duck
    Cyberduck,
    /// WinSCP
    Winscp,
    /// Nextcloud's and ownCloud's clients, which keep a copy
    Nextcloud,
    /// LibreOffice, without a drive
    Libreoffice,
    /// curl, for scripts
    Curl,
    /// Apps of telephones and tablets
    Phone,
}

impl Client {
    /// As it is written in commands and in addresses of the page.
    pub fn word(self) -> String {
        self.to_possible_value().expect("none is left out").get_name().to_owned()
    }

    /// As people call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Windows => "Windows",
            Self::Macos => "macOS",
            Self::Gnome => "Linux: GNOME",
            Self::Kde => "Linux: KDE",
            Self::Davfs2 => "Linux: a folder (davfs2)",
            Self::Rclone => "rclone",
            Self::Cyberduck => "Cyberduck, Mountain Duck",
            Self::Winscp => "WinSCP",
            Self::Nextcloud => "Nextcloud's and ownCloud's clients",
            Self::Libreoffice => "LibreOffice",
            Self::Curl => "curl",
            Self::Phone => "iOS and Android",
        }
    }
}

/// Where a share is, and for whom.
#[derive(Debug, Clone)]
pub struct Mount {
    /// `https` or `http`.
    scheme: String,
    /// Host, and port where it isn't the usual one.
    authority: String,
    /// The share's name; empty for all of a person's shares.
    share: String,
    user: String,
}

impl Mount {
    /// `origin`: scheme, host and perhaps port, as in `https://files.example.org`. Without a user, `USER` stands where the name belongs.
    pub fn new(origin: &str, share: &str, user: Option<&str>) -> Self {
        let (scheme, authority) = origin.split_once("://").unwrap_or(("https", origin));
        Self {
            scheme: scheme.to_owned(),
            authority: authority.trim_end_matches('/').to_owned(),
            share: share.to_owned(),
            user: user.unwrap_or("USER").to_owned(),
        }
    }

    fn is_tls(&self) -> bool {
        self.scheme == "https"
    }

    /// The host without a port.
    fn host(&self) -> &str {
        match self.authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => &self.authority,
        }
    }

    fn port(&self) -> u16 {
        let port = self.authority[self.host().len()..].trim_start_matches(':').parse();
        port.unwrap_or(if self.is_tls() { 443 } else { 80 })
    }

    /// Scheme, host and port.
    fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }

    /// The path below the host, with a slash at its end.
    fn path(&self) -> String {
        if self.share.is_empty() { PREFIX.to_owned() } else { format!("{PREFIX}{}/", encode_segment(&self.share)) }
    }

    /// The URL of the share, with a slash at its end.
    pub fn url(&self) -> String {
        format!("{}://{}{}", self.scheme, self.authority, self.path())
    }

    /// The same for programs that name the protocol their own way: `davs` for `https`.
    fn url_of(&self, plain: &str) -> String {
        let secure = if self.is_tls() { "s" } else { "" };
        format!("{plain}{secure}://{}@{}{}", encode_segment(&self.user), self.authority, self.path())
    }

    /// A short name for configuration files: letters and digits.
    fn label(&self) -> String {
        let label: String =
            self.share.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
        match label.trim_matches('-') {
            "" => "commonhold".to_owned(),
            label => label.to_owned(),
        }
    }
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// In words.
    Do(String),
    /// A command to type.
    Run(String),
    /// A file, for which there is `--write`.
    File {
        /// How it is called.
        name: String,
        /// What is in it.
        text: String,
    },
}

fn say(text: impl Into<String>) -> Step {
    Step::Do(text.into())
}

fn run(text: impl Into<String>) -> Step {
    Step::Run(text.into())
}

fn file(name: impl Into<String>, text: impl Into<String>) -> Step {
    Step::File { name: name.into(), text: text.into() }
}

/// A word as a shell of Unix takes it.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._@%+=:,/".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A word of a line in `.netrc` or in davfs2's secrets.
fn of_line(word: &str) -> String {
    if word.contains([' ', '"', '\'', '\\', '#']) {
        format!("\"{}\"", word.replace('\\', r"\\").replace('"', r#"\""#))
    } else {
        word.to_owned()
    }
}

/// What to do, in order.
pub fn guide(client: Client, mount: &Mount) -> Vec<Step> {
    match client {
        Client::Windows => windows::guide(mount),
        Client::Macos => desktops::macos(mount),
        Client::Gnome => desktops::gnome(mount),
        Client::Kde => desktops::kde(mount),
        Client::Davfs2 => desktops::davfs2(mount),
        Client::Rclone => programs::rclone(mount),
        Client::Cyberduck => programs::cyberduck(mount),
        Client::Winscp => programs::winscp(mount),
        Client::Nextcloud => programs::nextcloud(mount),
        Client::Libreoffice => programs::libreoffice(mount),
        Client::Curl => programs::curl(mount),
        Client::Phone => programs::phone(mount),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount() -> Mount {
        Mount::new("https://files.example.org:8443", "Sales & Plans", Some("ana"))
    }

    fn text_of(steps: &[Step]) -> String {
        let text = |step: &Step| match step {
            Step::Do(text) | Step::Run(text) => text.clone(),
            Step::File { name, text } => format!("{name}\n{text}"),
        };
        steps.iter().map(text).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_client_is_told_the_share_of_its_own_url() {
        for client in Client::value_variants() {
            let told = text_of(&guide(*client, &mount()));
            assert!(told.contains("files.example.org"), "{client:?}: {told}");
            assert!(
                // Nextcloud's client finds the share by itself, and shows its name.
                told.contains("/dav/Sales%20%26%20Plans")
                    || client == &Client::Nextcloud && told.contains("Sales & Plans"),
                "{client:?}: {told}"
            );
            assert!(!told.contains("Sales%20&"), "{client:?}: {told}");
            assert!(told.contains("ana"), "{client:?}: {told}");
        }
    }

    /// What is typed names the person, whatever characters his name has.
    #[test]
    fn a_name_with_blanks_and_quotes_is_one_word_of_a_command() {
        assert_eq!(["ana", "ana@example.org"].map(quoted), ["ana", "ana@example.org"]);
        assert_eq!(["ana b", "$(id)", "o'neil"].map(quoted), ["'ana b'", "'$(id)'", r"'o'\''neil'"]);
        assert_eq!(["ana", "ana b", r#"a"\"#].map(of_line), ["ana", r#""ana b""#, r#""a\"\\""#]);
        let told = |client| text_of(&guide(client, &Mount::new("https://h.example", "P", Some("ana & ben"))));
        for (client, typed) in [
            (Client::Windows, "/user:\"ana & ben\""),
            (Client::Davfs2, "-o username='ana & ben',uid"),
            (Client::Davfs2, "\"ana & ben\" APP-PASSWORD"),
            (Client::Nextcloud, "login \"ana & ben\" password"),
            (Client::Curl, "curl -u 'ana & ben' -T"),
            (Client::Gnome, "gio mount davs://ana%20%26%20ben@h.example/dav/P/"),
        ] {
            assert!(told(client).contains(typed), "{typed}: {}", told(client));
        }
    }

    #[test]
    fn host_and_port_are_told_apart() {
        let at = |origin: &str| {
            let mount = Mount::new(origin, "", None);
            (mount.host().to_owned(), mount.port(), mount.url())
        };
        assert_eq!(at("https://h.example"), ("h.example".into(), 443, "https://h.example/dav/".into()));
        assert_eq!(at("http://127.0.0.1:8080/"), ("127.0.0.1".into(), 8080, "http://127.0.0.1:8080/dav/".into()));
        assert_eq!(at("http://[::1]"), ("[::1]".into(), 80, "http://[::1]/dav/".into()));
    }

    #[test]
    fn a_label_is_fit_for_any_file() {
        assert_eq!(mount().label(), "sales---plans");
        assert_eq!(Mount::new("https://h", "日本", None).label(), "commonhold");
    }
}
