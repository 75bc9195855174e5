//! Who may do what, and why: the pure decision core of Commonhold.
//!
//! The guard gathers [`Facts`] about a caller and an item; [`evaluate`] turns them into [`Effective`] permissions;
//! [`decide`] and [`decide_operation`] give a [`Permit`] or a [`Denial`], and [`Effective::explain`] says why in a
//! sentence. There is no I/O, no clock and no state here.
//!
//! ```
//! use commonhold_acl::*;
//!
//! let facts = Facts {
//!     user: User {
//!         id: UserId(7),
//!         name: "ben".into(),
//!         kind: UserKind::Full,
//!         enabled: true,
//!         organization_active: true,
//!         rank: Rank::Member,
//!     },
//!     channel: Channel::WebDav,
//!     channel_open: true,
//!     share: Share { id: ShareId(1), name: "Projects".into(), kind: ShareKind::Team, active: true },
//!     admin_browse_files: false,
//!     chain: vec![Step {
//!         path: "/Projects".into(),
//!         inherits: true,
//!         entries: vec![Entry {
//!             source: Source::Subscription,
//!             granted: Granted::Role(builtin("viewer").expect("a built-in role").clone()),
//!             via: vec!["Sales".into()],
//!         }],
//!     }],
//!     on_the_way: false,
//!     creation_lease: false,
//!     limits: vec![],
//! };
//! let effective = evaluate(facts);
//! let plan = Item::file(ItemId(12));
//!
//! let permit = decide(&effective, Permission::Read, plan)?;
//! assert!(permit.allows(plan.id, Permission::Read));
//!
//! let denial = decide(&effective, Permission::Write, plan).expect_err("a viewer does not write");
//! assert_eq!(denial.kind, DenialKind::Forbidden);
//! assert_eq!(
//!     denial.explain("/Projects/plan.txt").sentence,
//!     "`ben` may not write `/Projects/plan.txt`: the role `viewer` on `Projects` through the group `Sales` \
//!      does not include `write`, and no other grant reaches `ben`."
//! );
//! # Ok::<(), Denial>(())
//! ```

mod channel;
mod decide;
mod effective;
mod explain;
mod facts;
mod grant;
mod id;
mod level;
mod permission;
mod policy;
mod privilege;
mod role;
mod verb;

pub use channel::Channel;
pub use decide::{Denial, DenialKind, Permit, Scene, decide, decide_all, decide_operation};
pub use effective::{Effective, Listing, Place, Reason, evaluate};
pub use explain::Explanation;
pub use facts::{Closed, Facts, Limit, Rank, Share, ShareKind, User, UserKind};
pub use grant::{Effect, Entry, Granted, Source, Step, Whose};
pub use id::{DeviceId, GroupId, Item, ItemId, ItemKind, ShareId, UserId};
pub use level::Level;
pub use permission::{AppliesTo, Permission, Permissions, UnknownPermission};
pub use policy::Policy;
pub use privilege::{
    COMMONHOLD, DAV, NotSettable, Privilege, SUPPORTED, Supported, needed_privilege, permissions_of, privileges, shown,
    supported,
};
pub use role::{DEFAULT_ROLE, Role, about, builtin, roles};
pub use verb::{Instead, Landing, Needs, Object, Operation, Right};
