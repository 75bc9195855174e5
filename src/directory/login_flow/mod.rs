//! Clients that wait for somebody to log in on a page, as those of Nextcloud do (its login flow, version 2): a client begins, shows its user the page,
//! and asks until he has logged in there. It is given an app password of its own, as a registered device.

mod sql;

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::app_password::Credential;
use super::name::DirectoryName;
use super::secret::{Secret, random};
use super::user::{self, User};
use super::{Administrator, DirectoryError, device};
use crate::clock::Moment;
use crate::db::{DbError, Reads, WriteTx};

/// How long a client waits at most.
pub const WAITS: Duration = Duration::from_secs(20 * 60);
/// Clients that wait at a time; no more begin then.
pub const WAITING_MAX: i64 = 10_000;
/// Clients that wait at one address; the oldest of them give way.
pub const WAITING_PER_ADDRESS_MAX: i64 = 50;
/// Characters of each token, 5 bits each.
const TOKEN_CHARS: usize = 32;
/// Characters of what a client calls itself.
const AGENT_CHARS_MAX: usize = 48;
/// Devices of one name, told apart by a number.
const SAME_NAME_MAX: u32 = 99;

/// What a client is given when it begins.
#[derive(Debug)]
pub struct Begun {
    /// Part of the page's URL.
    pub page: Secret,
    /// By which it asks.
    pub poll: Secret,
}

/// What counts as one address: of IPv6 a network of /48. A line is given one, or a /56 with hundreds of /64 in it, which would leave nobody else room.
fn of_one(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (!0 << 80)).into(),
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// What a client is called that calls itself so: anybody may send anything there.
fn called(agent: &str) -> String {
    let plain = |c: char| if matches!(c, '/' | '\\' | ':') { ' ' } else { c };
    let name: String = agent.chars().filter(|c| !c.is_control()).map(plain).take(AGENT_CHARS_MAX).collect();
    let name = name.trim();
    if DirectoryName::of_device(name).is_ok() { name.to_owned() } else { "A client".to_owned() }
}

/// A client begins to wait. `agent`: what it calls itself; `address`: where it is. `None`: too many wait.
pub async fn begin(tx: &mut WriteTx, agent: &str, address: IpAddr, now: Moment) -> Result<Option<Begun>, DbError> {
    let token = || Secret::new(random(TOKEN_CHARS).to_string());
    let begun = Begun { page: token(), poll: token() };
    let address = of_one(address).to_string();
    sql::make_room(tx.conn(), &address, now, WAITING_PER_ADDRESS_MAX).await?;
    if sql::count(tx.conn()).await? >= WAITING_MAX {
        return Ok(None);
    }
    let hashes = (hash(begun.page.reveal()), hash(begun.poll.reveal()));
    sql::insert(tx.conn(), hashes, (&called(agent), &address), now.plus(WAITS)).await?;
    Ok(Some(begun))
}

/// What the client calls itself that waits for somebody on this page; `None` when none does.
pub async fn waiting(reads: &mut impl Reads, page: &str, now: Moment) -> Result<Option<String>, DbError> {
    sql::waiting(reads.conn(), hash(page), now).await
}

/// Somebody has logged in on the page. Gives whether a client waits there for him.
pub async fn grant(tx: &mut WriteTx, user: &User, page: &str, now: Moment) -> Result<bool, DbError> {
    sql::grant(tx.conn(), hash(page), user.id, now).await
}

/// What a client is given that asks when somebody has logged in: it is registered as his device then.
#[derive(Debug)]
pub struct Granted {
    /// Who has logged in.
    pub user: User,
    /// What the device is called.
    pub device: String,
    /// Its app password.
    pub secret: Secret,
}

/// Whether somebody has logged in for the client that asks by this token. Most ask in vain, and need no writer for that.
pub async fn is_granted(reads: &mut impl Reads, poll: &str, now: Moment) -> Result<bool, DbError> {
    Ok(sql::granted(reads.conn(), hash(poll), now).await?.is_some())
}

/// Answers a client that asks by its token, once. `None`: nobody has logged in yet, or may no more; or no client waits by it.
///
/// Errors: those of [`device::add`].
pub async fn ask(tx: &mut WriteTx, poll: &str, now: Moment) -> Result<Option<Granted>, DirectoryError> {
    let Some((user, agent)) = sql::granted(tx.conn(), hash(poll), now).await? else { return Ok(None) };
    let Some(user) = user::by_id(tx, user).await?.filter(User::may_log_in) else { return Ok(None) };
    let by = Administrator::acting(tx, user.clone()).await?;
    tx.protect().await?;
    sql::end(tx.conn(), hash(poll)).await?;
    let credential = Credential::fresh();
    let name = free_name(tx, &user, &agent).await?;
    device::add(tx, &by, &user, &name, &credential, now).await?;
    Ok(Some(Granted { user, device: name.as_str().to_owned(), secret: credential.shown() }))
}

/// The first name that no device and no app password of the user has, and that no rule about devices names: what a client calls itself opens
/// nothing to it.
async fn free_name(tx: &mut WriteTx, user: &User, agent: &str) -> Result<DirectoryName, DirectoryError> {
    for number in 1..=SAME_NAME_MAX {
        let name = if number == 1 { agent.to_owned() } else { format!("{agent} ({number})") };
        let name = DirectoryName::of_device(&name)?;
        if !sql::is_taken(tx.conn(), user.id, &name).await? {
            return Ok(name);
        }
    }
    Err(DirectoryError::DeviceTaken { user: user.name.clone(), device: agent.to_owned() })
}
