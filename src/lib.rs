//! Commonhold: a self-hosted team-share server. `ARCHITECTURE.md` says which room does what and who may use whom.

pub mod app;
pub mod audit;
pub mod auth;
pub mod blobs;
pub mod cli;
pub mod clock;
pub mod config;
pub mod dav;
pub mod db;
pub mod directory;
pub mod error;
pub mod grants;
pub mod guard;
pub mod ids;
pub mod jobs;
pub mod locks;
pub mod net;
pub mod path;
pub mod reply;
pub mod router;
pub mod shares;
pub mod site;
pub mod telemetry;
pub mod trail;
pub mod tree;
pub mod verify;
