//! The decision: a [`Permit`], which nothing else can make, or a [`Denial`] that says why.
//!
//! A function that changes data takes `&Permit` and asks it for the right on the very item it changes.

use std::error::Error;
use std::{fmt, iter};

use crate::{
    Effective, Explanation, Instead, Item, ItemId, Listing, Object, Operation, Permission, Permissions, Policy, Right,
    UserId,
};

/// Proof that a user may do something to certain items. Only the functions of this module make one.
///
/// ```
/// # use commonhold_acl::*;
/// fn erase(permit: &Permit, item: ItemId) {
///     assert!(permit.allows(item, Permission::Purge), "the permit is for something else");
/// }
/// ```
///
/// It can't be written down by hand:
///
/// ```compile_fail,E0451
/// # use commonhold_acl::*;
/// let permit = Permit { user: UserId(1), rights: Vec::new(), administrator: true };
/// ```
///
/// nor copied to be kept for later:
///
/// ```compile_fail,E0277
/// # use commonhold_acl::*;
/// fn keep(permit: &Permit) -> Permit {
///     Permit::clone(permit)
/// }
/// ```
#[derive(Debug)]
pub struct Permit {
    user: UserId,
    rights: Vec<(ItemId, Permissions)>,
    administrator: bool,
}

impl Permit {
    /// Who may; over a share link, its creator.
    pub fn user(&self) -> UserId {
        self.user
    }

    /// Whether the permit is for this permission on this item.
    pub fn allows(&self, item: ItemId, permission: Permission) -> bool {
        self.rights.iter().any(|(of, held)| *of == item && held.contains(permission))
    }

    /// Whether the user was let through as an administrator of the share, whatever rights are held on its content.
    pub fn as_administrator(&self) -> bool {
        self.administrator
    }
}

/// A refusal.
#[derive(Clone, Debug)]
pub struct Denial {
    /// How it must look from outside.
    pub kind: DenialKind,
    /// Which object of the operation lacks something.
    pub on: Object,
    /// The item in that place.
    pub item: Item,
    /// What is missing on it; nothing if a policy is against it.
    pub needed: Permissions,
    effective: Effective,
    about: About,
}

/// What the sentence of a denial is about.
#[derive(Clone, Copy, Debug)]
enum About {
    Permission(Permission),
    Policy(Policy),
}

/// How a refusal must look from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DenialKind {
    /// The caller does not see the object: the answer is that of a thing that does not exist.
    Invisible,
    /// The caller sees it and may not do that.
    Forbidden,
    /// The caller sees it and holds what it needs, but this policy of the organization is off.
    Barred(Policy),
}

impl Denial {
    /// Why, in a sentence about the object at this path. For records and for people who administer; what an
    /// [`Invisible`](DenialKind::Invisible) object's caller gets to read must not differ from a missing one's.
    pub fn explain(&self, path: &str) -> Explanation {
        match self.about {
            About::Permission(missing) => self.effective.explain(missing, path),
            About::Policy(policy) => self.effective.explain_bar(policy, path),
        }
    }

    /// Sight comes of many permissions; the one to name for it is `list`.
    fn invisible(on: Object, standing: Standing<'_>) -> Self {
        Self::new(DenialKind::Invisible, on, standing, Permission::List.into())
    }

    fn barred(policy: Policy, on: Object, standing: Standing<'_>) -> Self {
        let Standing { effective, item } = standing;
        let (kind, about) = (DenialKind::Barred(policy), About::Policy(policy));
        Self { kind, on, item, needed: Permissions::NONE, effective: effective.clone(), about }
    }

    fn new(kind: DenialKind, on: Object, standing: Standing<'_>, needed: Permissions) -> Self {
        let Standing { effective, item } = standing;
        let about = About::Permission(needed.iter().next().expect("a denial misses something"));
        Self { kind, on, item, needed, effective: effective.clone(), about }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            DenialKind::Invisible => f.write_str("no such resource"),
            DenialKind::Forbidden => write!(f, "this needs `{}`", self.needed),
            DenialKind::Barred(policy) => write!(f, "the policy `{}` is off", policy.name()),
        }
    }
}

impl Error for Denial {}

/// Where the caller stands on the objects of an operation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scene<'a>([Option<Standing<'a>>; 4]);

#[derive(Clone, Copy, Debug)]
struct Standing<'a> {
    effective: &'a Effective,
    item: Item,
}

impl Standing<'_> {
    fn sees(&self) -> bool {
        self.effective.sees(self.item.kind)
    }
}

impl<'a> Scene<'a> {
    /// A scene without any object.
    pub fn new() -> Self {
        Self::default()
    }

    /// The scene with this item in that place. All its items are seen through the eyes of one user.
    pub fn with(mut self, object: Object, effective: &'a Effective, item: Item) -> Self {
        self.0[object as usize] = Some(Standing { effective, item });
        self
    }

    fn at(&self, object: Object) -> Option<Standing<'a>> {
        self.0[object as usize]
    }

    fn user(&self) -> UserId {
        let mut users = self.0.iter().flatten().map(|standing| standing.effective.facts().user.id);
        let user = users.next().expect("a scene has an object");
        assert!(users.all(|other| other == user), "a scene is seen by one user");
        user
    }

    /// The object, or for the root of a share, which has no parent to be seen in, the root.
    fn shown(&self, object: Object) -> Standing<'a> {
        let own = self.at(object);
        match object {
            Object::Parent => own.or(self.at(Object::Item)),
            Object::Item | Object::Destination | Object::DestinationParent => own,
        }
        .expect("the scene has each object that the operation asks to see")
    }

    /// What serves for the right: the right itself before anything in its stead.
    fn serving(&self, right: &Right) -> Option<Instead> {
        let itself = Instead::Holding(right.permission, right.on);
        iter::once(itself).chain(right.or.iter().copied()).find(|instead| match *instead {
            Instead::Holding(permission, on) => self.holds(permission, on),
            Instead::UnlessDenied(permission, on) => {
                self.holds(permission, on) && self.is_open(right.on, right.permission)
            }
            Instead::OnTheWay => {
                self.at(Object::Item).is_some_and(|standing| standing.effective.listing() == Listing::Way)
            }
        })
    }

    fn holds(&self, permission: Permission, on: Object) -> bool {
        self.at(on).is_some_and(|standing| standing.effective.allows(permission))
    }

    /// Whether the object is seen and no entry denies the permission on it.
    fn is_open(&self, on: Object, permission: Permission) -> bool {
        self.at(on).is_some_and(|standing| standing.sees() && !standing.effective.denies(permission))
    }
}

/// Decides about one permission on one item.
///
/// # Errors
/// [`Invisible`](DenialKind::Invisible) if the caller doesn't see the item, else
/// [`Forbidden`](DenialKind::Forbidden) if the permission is not held.
pub fn decide(effective: &Effective, permission: Permission, item: Item) -> Result<Permit, Denial> {
    decide_all(effective, permission.into(), item)
}

/// Decides about several permissions on one item; about none, whether the caller sees it.
///
/// # Errors
/// As [`decide`]; the denial names all that are missing.
pub fn decide_all(effective: &Effective, permissions: Permissions, item: Item) -> Result<Permit, Denial> {
    let standing = Standing { effective, item };
    if !standing.sees() {
        return Err(Denial::invisible(Object::Item, standing));
    }
    let missing = permissions.difference(effective.permissions());
    if !missing.is_empty() {
        return Err(Denial::new(DenialKind::Forbidden, Object::Item, standing, missing));
    }
    Ok(Permit { user: effective.facts().user.id, rights: vec![(item.id, permissions)], administrator: false })
}

/// Decides about an operation: what it must see first, then each right it needs, then the policies against it.
///
/// # Errors
/// [`Invisible`](DenialKind::Invisible) naming the first object that the caller must see and does not, else
/// [`Forbidden`](DenialKind::Forbidden) naming the first right that is missing, else [`Barred`](DenialKind::Barred).
///
/// # Panics
/// If the scene lacks an object that the operation is about, or shows it to several users: faults of the program.
pub fn decide_operation(operation: Operation, scene: &Scene<'_>) -> Result<Permit, Denial> {
    let needs = operation.needs();
    let mut permit = Permit { user: scene.user(), rights: Vec::new(), administrator: false };
    if needs.administrators && scene.at(Object::Item).is_some_and(|standing| standing.effective.administers()) {
        permit.administrator = true;
        return Ok(permit);
    }
    for object in needs.sees {
        let standing = scene.shown(*object);
        if !standing.sees() {
            return Err(Denial::invisible(*object, standing));
        }
    }
    for right in &needs.rights {
        match scene.serving(right) {
            Some(Instead::Holding(permission, on) | Instead::UnlessDenied(permission, on)) => {
                let item = scene.at(on).expect("a right is held on something").item;
                permit.rights.push((item.id, permission.into()));
            }
            Some(Instead::OnTheWay) => {}
            None => {
                let standing = scene.at(right.on).expect("the scene has what the operation is about");
                let missing = right.permission.into();
                return Err(Denial::new(DenialKind::Forbidden, right.on, standing, missing));
            }
        }
    }
    for on in needs.rights.iter().map(|right| right.on) {
        let Some(standing) = scene.at(on) else { continue };
        if let Some(policy) = standing.effective.barred(operation) {
            return Err(Denial::barred(policy, on, standing));
        }
    }
    Ok(permit)
}
