//! Users and groups as others see them: who may know of whom, what they are called in full, who is a member of what.
//!
//! Here: the questions that a list of principals asks, one answer for every surface. Not here: what anybody may do (`acl`,
//! `guard/`), changing any of it (`user`, `group`).

mod sql;

use std::collections::HashMap;

use serde_json::json;

use super::{Principal, User, name};
use crate::db::{DbError, Reads};
use crate::ids::{DepartmentId, GroupId, OrgId, UserId};

/// Principals that are read at a time.
pub const PAGE_ROWS: i64 = 500;

/// A user, as others see one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserCard {
    /// Permanent.
    pub id: UserId,
    /// The organization.
    pub org: OrgId,
    /// The login name.
    pub name: String,
    /// What the login name is unique by; the order of lists.
    pub key: String,
    /// The full name; may be empty.
    pub display: String,
    /// The address; may be empty.
    pub email: String,
    /// From outside.
    pub guest: bool,
}

/// A group, as others see one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupCard {
    /// Permanent; the order of lists.
    pub id: GroupId,
    /// The organization.
    pub org: OrgId,
    org_name: String,
    department: Option<DepartmentId>,
    department_path: Option<String>,
    /// The name in its organization or department.
    pub name: String,
    /// *All Users*: its members are not put in, they belong there.
    computed: bool,
}

impl GroupCard {
    /// The names on the way to it: the organization, its departments, the group.
    pub fn path(&self) -> Vec<&str> {
        let departments = self.department_path.iter().flat_map(|path| path.split('/'));
        [self.org_name.as_str()].into_iter().chain(departments).chain([self.name.as_str()]).collect()
    }

    /// What it is called in its organization: `All Users`, `Sales/North/All Users`.
    pub fn full_name(&self) -> String {
        self.path()[1..].join("/")
    }
}

/// One of both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Card {
    /// A user.
    User(UserCard),
    /// A group.
    Group(GroupCard),
}

impl Card {
    /// Whose card it is.
    pub fn principal(&self) -> Principal {
        match self {
            Self::User(user) => Principal::User(user.id),
            Self::Group(group) => Principal::Group(group.id),
        }
    }

    /// The organization it belongs to.
    pub fn org(&self) -> OrgId {
        match self {
            Self::User(user) => user.org,
            Self::Group(group) => group.org,
        }
    }
}

#[derive(Debug)]
enum Orgs {
    All,
    These(Vec<OrgId>),
}

/// Whom somebody may know of: himself; who belongs to his organization, and its groups; for an organization's administrator
/// also those of the organizations below it; for a system administrator everybody. A guest knows of nobody else.
#[derive(Debug)]
pub struct Sight {
    me: UserId,
    orgs: Orgs,
}

impl Sight {
    /// What this user sees.
    pub async fn of(reads: &mut impl Reads, user: &User) -> Result<Self, DbError> {
        let orgs = match (user.admin, user.guest) {
            (true, _) => Orgs::All,
            (false, true) => Orgs::These(Vec::new()),
            (false, false) => {
                let mut orgs = sql::administered(reads.conn(), user.id).await?;
                if !orgs.contains(&user.org) {
                    orgs.push(user.org);
                }
                Orgs::These(orgs)
            }
        };
        Ok(Self { me: user.id, orgs })
    }

    /// Whether these are seen.
    pub fn sees(&self, card: &Card) -> bool {
        let of_org = match &self.orgs {
            Orgs::All => true,
            Orgs::These(orgs) => orgs.contains(&card.org()),
        };
        of_org || card.principal() == Principal::User(self.me)
    }

    fn only_himself(&self) -> bool {
        matches!(&self.orgs, Orgs::These(orgs) if orgs.is_empty())
    }
}

/// How many principals are seen.
pub async fn count(reads: &mut impl Reads, sight: &Sight) -> Result<u64, DbError> {
    if sight.only_himself() {
        return Ok(1);
    }
    Ok(sql::count(reads.conn(), &sight.orgs).await?.unsigned_abs())
}

/// The next users that are seen, in the order of their keys, after the key `after`; none when there are no more.
pub async fn users_after(reads: &mut impl Reads, sight: &Sight, after: &str) -> Result<Vec<UserCard>, DbError> {
    if sight.only_himself() {
        let own = sql::users_by_ids(reads.conn(), &json!([sight.me.0]).to_string()).await?;
        return Ok(own.into_iter().filter(|card| card.key.as_str() > after).collect());
    }
    sql::users_after(reads.conn(), &sight.orgs, after, PAGE_ROWS).await
}

/// The next groups that are seen, in the order of their ids, after the id `after`; none when there are no more.
pub async fn groups_after(reads: &mut impl Reads, sight: &Sight, after: GroupId) -> Result<Vec<GroupCard>, DbError> {
    sql::groups_after(reads.conn(), &sight.orgs, after, PAGE_ROWS).await
}

/// The user of that login name, in any letter case, if seen.
pub async fn user_named(reads: &mut impl Reads, sight: &Sight, name: &str) -> Result<Option<Card>, DbError> {
    let Some(key) = name::key(name) else { return Ok(None) };
    let found = sql::user_by_key(reads.conn(), &key).await?.map(Card::User);
    Ok(found.filter(|card| sight.sees(card)))
}

/// The group at the end of that path, from the organization over departments to its own name, if seen.
pub async fn group_at(reads: &mut impl Reads, sight: &Sight, path: &[&str]) -> Result<Option<Card>, DbError> {
    let keys: Option<Vec<_>> = path.iter().map(|part| name::key(part)).collect();
    let Some([org, departments @ .., last]) = keys.as_deref() else { return Ok(None) };
    let Some(org) = sql::organization_by_key(reads.conn(), org).await? else { return Ok(None) };
    let mut department = None;
    for key in departments {
        department = sql::department_by_key(reads.conn(), org, department, key).await?;
        if department.is_none() {
            return Ok(None);
        }
    }
    let key = match department {
        Some(department) => format!("{}/{}", department.0, last.as_str()),
        None => last.as_str().to_owned(),
    };
    let found = sql::group_by_key(reads.conn(), org, &key).await?.map(Card::Group);
    Ok(found.filter(|card| sight.sees(card)))
}

/// These principals, whoever sees them; what is gone is left out.
pub async fn cards(reads: &mut impl Reads, principals: &[Principal]) -> Result<HashMap<Principal, Card>, DbError> {
    let mut users = Vec::new();
    let mut groups = Vec::new();
    for principal in principals {
        match principal {
            Principal::User(user) => users.push(user.0),
            Principal::Group(group) => groups.push(group.0),
        }
    }
    let mut cards = HashMap::new();
    if !users.is_empty() {
        let found = sql::users_by_ids(reads.conn(), &json!(users).to_string()).await?;
        cards.extend(found.into_iter().map(|user| (Principal::User(user.id), Card::User(user))));
    }
    if !groups.is_empty() {
        let found = sql::groups_by_ids(reads.conn(), &json!(groups).to_string()).await?;
        cards.extend(found.into_iter().map(|group| (Principal::Group(group.id), Card::Group(group))));
    }
    Ok(cards)
}

/// The direct members of a group that are seen, users before groups. The members of *All Users* are those who belong there.
pub async fn members(reads: &mut impl Reads, sight: &Sight, group: &GroupCard) -> Result<Vec<Card>, DbError> {
    let (users, groups) = match (group.computed, group.department) {
        (true, None) => (sql::users_of_organization(reads.conn(), group.org).await?, Vec::new()),
        (true, Some(department)) => (sql::users_of_department(reads.conn(), department).await?, Vec::new()),
        (false, _) => {
            (sql::member_users(reads.conn(), group.id).await?, sql::member_groups(reads.conn(), group.id).await?)
        }
    };
    let cards = users.into_iter().map(Card::User).chain(groups.into_iter().map(Card::Group));
    Ok(cards.filter(|card| sight.sees(card)).collect())
}

/// The groups that this one is a direct member of and that are seen.
pub async fn memberships(reads: &mut impl Reads, sight: &Sight, card: &Card) -> Result<Vec<Card>, DbError> {
    let groups = match card {
        Card::User(user) => sql::groups_of_user(reads.conn(), user).await?,
        Card::Group(group) => sql::groups_of_group(reads.conn(), group.id).await?,
    };
    Ok(groups.into_iter().map(Card::Group).filter(|card| sight.sees(card)).collect())
}
