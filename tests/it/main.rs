//! Conversations with a real server over TCP.
//!
//! One binary for all of them: `site` runs the server and speaks to it, every other module is a client, a promise or a
//! part of the protocol. `TRAPS.md` lists the known WebDAV traps; a test that guards one says `Trap N` in its comment,
//! and `tests/tidy.rs` checks that none is without a test.

mod accounts;
mod acl_method;
mod acl_props;
mod acme;
mod administrators;
mod audit;
mod backup;
mod channels;
mod cli;
mod cloud;
mod conditions;
mod connect;
mod copymove;
mod damage;
mod directory;
mod doctor;
mod durability;
mod failover;
mod fault;
mod faults;
mod finder;
mod grants;
mod history;
mod history_model;
mod import;
mod jobs;
mod kill9;
mod large_copies;
mod listing;
mod lock_admin;
mod lock_model;
mod lock_races;
mod locks;
mod migrate;
mod model;
mod names;
mod object_store;
mod office;
mod office_saves;
mod paths;
mod plain;
mod policies;
mod principals;
mod quotas;
mod ranges;
mod recorded;
mod remembering;
mod revoke;
mod roles;
mod rows_elsewhere;
mod secure;
mod service;
mod several_servers;
mod site;
mod site_roles;
mod sync;
mod tree_model;
mod uploads;
mod verify;
mod windows;
mod worlds;
mod xml;
