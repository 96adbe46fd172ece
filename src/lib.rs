//! noctriage: ticket triage for network operations centres. See ARCHITECTURE.md for the map.
//!
//! A module uses only modules above its own line here; `domain`, `statistics` and `policy` are pure.

pub mod admin;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod demo;
pub mod domain;
pub mod inference;
pub mod kafka;
pub mod metrics;
pub mod policy;
pub mod statistics;
pub mod wire;
