//! `try`: a demonstration site with people in different roles, made once and kept.
//!
//! It shows its passwords at every start, so they lie beside the site in a file. That is for a demonstration only: no other
//! command ever stores a password.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use zeroize::Zeroizing;

use super::Context;
use super::output::{Answer, Failure, table};
use super::password::NewPassword;
use super::self_made::{self, SelfMade};
use super::serve::announce;
use crate::clock::Moment;
use crate::db::WriteTx;
use crate::directory::organization::{self, NewOrganization};
use crate::directory::user::{self, NewUser};
use crate::directory::{Administrator, DirectoryError, DirectoryName, Principal, group};
use crate::doors::Listening;
use crate::path::Name;
use crate::reload::Hangup;
use crate::shares::{self, NewShare};
use crate::site::Site;
use crate::{app, telemetry};

/// Beside the site, for its owner's eyes only.
const PASSWORDS: &str = "try-passwords.txt";
const ORGANIZATION: &str = "Example";
const ADMIN: &str = "admin";
const SHARE: &str = "Projects";
const GROUP: &str = "Team";

/// Who there is, and what each may do in the share.
const PEOPLE: [(&str, &str); 4] = [
    (ADMIN, "administrator of the site, co-owner of every share"),
    ("ana", "co-owner"),
    ("ben", "editor, and a viewer through the group Team"),
    ("eva", "viewer through the group Team"),
];
/// Own subscriptions to the share.
const SUBSCRIBERS: [(&str, &str); 2] = [("ana", "co-owner"), ("ben", "editor")];
/// Members of the group, which has the share as a viewer.
const MEMBERS: [&str; 2] = ["ben", "eva"];

/// Make a demonstration site, kept if it is there, and serve it
#[derive(Args)]
#[command(after_help = "\
Examples:
  commonhold try
  commonhold try --tls --listen 0.0.0.0:8443       for other machines too; says how they come to trust it
  commonhold try --data /tmp/playground --listen 127.0.0.1:0")]
pub(super) struct Try {
    /// Address and port, instead of `server.listen` of the configuration
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Speak TLS, with a certificate that is made here. The authority that vouches for it is kept in the site's folder, to be trusted once
    #[arg(long)]
    tls: bool,
}

/// A person's login.
type Credentials = (String, Zeroizing<String>);

impl Try {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        telemetry::start(&context.config.log)?;
        let (site, people) = demonstration(&context).await?;
        let mut config = context.config;
        let listen = self.listen.unwrap_or(config.server.listen);
        let file = context.data.join(PASSWORDS);
        let mut self_made = None;
        if self.tls {
            let made = self_made::certificate(&context.data, listen, Moment::now())?;
            config.tls.certificate = made.certificate.to_string_lossy().into_owned();
            config.tls.key = made.key.to_string_lossy().into_owned();
            self_made = Some(made);
        }
        let ready = |listening: &[Listening]| {
            announce(&greeting(listening[0], self_made.as_ref(), &people, &file), listening);
        };
        app::serve(site.unsealed(), (config, Hangup::End), listen, ready).await?;
        Ok(Answer::said(""))
    }
}

/// The site of an earlier `try`, or a new one. A site that isn't for demonstration is left alone.
async fn demonstration(context: &Context) -> Result<(Site, Vec<Credentials>), Failure> {
    let file = context.data.join(PASSWORDS);
    if Site::exists(&context.data, &context.config) {
        let site = context.site().await?;
        let first = organization::first(&mut site.db.read().await?).await;
        match first {
            Ok(_) if file.exists() => return Ok((site, recall(&file)?)),
            Ok(_) => {
                let data = context.data.display();
                return Err(Failure::new(format!(
                    "the site in `{data}` is none of `try`; `commonhold serve` serves it"
                )));
            }
            // An earlier `try` was cut off before it had made anything.
            Err(DirectoryError::NoOrganization) => {}
            Err(other) => return Err(other.into()),
        }
    }
    let site = context.empty_site().await?;
    let mut people = Vec::new();
    let mut hashes = Vec::new();
    for (name, _) in PEOPLE {
        let password = NewPassword::generated(&context.config.auth);
        let secret = password.secret().expect("it was generated").to_owned();
        people.push((name.to_owned(), Zeroizing::new(secret)));
        hashes.push((name, password.hash));
    }
    let mut tx = site.db.write().await?;
    furnish(&mut tx, &hashes, Moment::now()).await?;
    // Before the commit: people whose passwords nobody knows would be of no use.
    keep(&file, &people)?;
    tx.commit().await?;
    Ok((site, people))
}

/// Makes the organization, its people, the group and the share.
async fn furnish(tx: &mut WriteTx, hashes: &[(&str, String)], now: Moment) -> Result<(), Failure> {
    let by = Administrator::of_the_site();
    let name = DirectoryName::of_organization(ORGANIZATION)?;
    let org = organization::create(tx, &by, &NewOrganization::named(&name), now).await?;
    for (name, hash) in hashes {
        let admin = *name == ADMIN;
        let name = DirectoryName::of_user(name)?;
        let new = NewUser { admin, password_hash: Some(hash.as_str()), ..NewUser::named(org, &name) };
        user::create(tx, &by, &new, now).await?;
    }
    group::create(tx, &by, org, None, &DirectoryName::of_group(GROUP)?, now).await?;
    let team = group::named(tx, org, GROUP).await?;
    for name in MEMBERS {
        let member = user::named(tx, name).await?.id;
        group::add_member(tx, &by, &team, Principal::User(member)).await?;
    }
    let name = Name::parse(SHARE)?;
    let new = NewShare { description: "What we work on together", ..NewShare::team(org, &name) };
    shares::create(tx, &by, &new, now).await?;
    let share = shares::named(tx, SHARE).await?;
    for (name, role) in SUBSCRIBERS {
        let subscriber = user::named(tx, name).await?.id;
        shares::subscribe(tx, &by, &share, Principal::User(subscriber), role, now).await?;
    }
    Ok(shares::subscribe(tx, &by, &share, Principal::Group(team.id), "viewer", now).await?)
}

/// Writes the passwords down, a line each.
fn keep(file: &Path, people: &[Credentials]) -> io::Result<()> {
    let mut out: File = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)?;
    writeln!(out, "# The people of this demonstration and their passwords. Other sites store no password.")?;
    people.iter().try_for_each(|(name, password)| writeln!(out, "{name} {}", **password))?;
    out.sync_all()
}

fn recall(file: &PathBuf) -> Result<Vec<Credentials>, Failure> {
    let text = Zeroizing::new(std::fs::read_to_string(file)?);
    let people = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' '));
    Ok(people.map(|(name, password)| (name.to_owned(), Zeroizing::new(password.to_owned()))).collect())
}

/// What a newcomer needs to know, on one screen.
fn greeting(at: Listening, tls: Option<&SelfMade>, people: &[Credentials], file: &Path) -> String {
    let role = |name: &str| PEOPLE.iter().find(|(known, _)| *known == name).map(|(_, role)| *role).unwrap_or_default();
    let rows = people.iter().map(|(name, password)| vec![name.clone(), role(name).to_owned(), password.to_string()]);
    let people = table(Some(&["name", "role in Projects", "password"]), rows.collect());
    let people: String = people.lines().map(|line| format!("  {line}\n")).collect();
    let host = match tls {
        Some(made) => format!("{}:{}", made.host, at.address.port()),
        None => at.address.to_string(),
    };
    let url = format!("{}://{host}/dav", if at.tls { "https" } else { "http" });
    let dav = if at.tls { "davs" } else { "dav" };
    let curl = tls.map(|made| format!(" --cacert {}", made.authority.display())).unwrap_or_default();
    let closing = match tls {
        Some(made) => trusting(made),
        None => "  Windows logs in over plain HTTP only when its BasicAuthLevel is 2; `commonhold try --tls` needs no such thing.\n".to_owned(),
    };
    format!(
        "\
Commonhold: a site to try, at {url}/

{people}
  The share {SHARE} as a drive
    Windows   net use P: {url}/{SHARE} /user:ana *
    macOS     Finder, Go > Connect to Server: {url}/{SHARE}/
    Linux     gio mount {dav}://ana@{host}/dav/{SHARE}/
    curl      curl{curl} -u ana -T plan.txt {url}/{SHARE}/
{closing}
  Ask why:    commonhold explain eva /{SHARE} create
  Passwords:  {file}
  Stop:       Ctrl-C; the next `commonhold try` finds everything as it was

",
        file = file.display(),
    )
}

/// How a machine comes to trust the certificate.
fn trusting(made: &SelfMade) -> String {
    let (file, name) = (made.authority.display(), made.authority.file_name().unwrap_or_default().display());
    format!(
        "
  The certificate is from an authority of this site's own. Take its file to each machine, and trust it there once:
    Windows   certutil -addstore Root {name}      (as administrator)
    macOS     sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain {name}
    Debian    sudo cp {name} /usr/local/share/ca-certificates/commonhold-try.crt && sudo update-ca-certificates
    Fedora    sudo trust anchor {name}
  File:       {file}
  SHA-256:    {}
  It vouches for this machine's names and for private addresses only. Its key lies beside it: who trusts it, trusts you.
",
        made.fingerprint
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_passwords_are_kept_for_their_owner_alone_and_found_again() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(PASSWORDS);
        let people: Vec<Credentials> =
            [("ana", "k7mf-2x9p"), ("ben", "qwd4-3hnt")].map(|(n, p)| (n.to_owned(), p.to_owned().into())).to_vec();
        keep(&file, &people).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(recall(&file).is_ok_and(|recalled| recalled == people));
    }

    #[test]
    fn the_greeting_has_each_person_on_a_line_that_ends_with_the_password() {
        let people: Vec<Credentials> =
            PEOPLE.iter().map(|(name, _)| ((*name).to_owned(), format!("password-of-{name}").into())).collect();
        let at =
            Listening { address: ([127, 0, 0, 1], 8080).into(), tls: false, purpose: crate::doors::Purpose::Files };
        let text = greeting(at, None, &people, Path::new("data/try-passwords.txt"));
        for (name, role) in PEOPLE {
            let line = text.lines().find(|line| line.trim_start().starts_with(&format!("{name} "))).unwrap();
            assert!(line.contains(role) && line.ends_with(&format!("password-of-{name}")), "{line}");
        }
        assert!(text.contains("http://127.0.0.1:8080/dav/Projects"));
    }
}
