//! noctriage: ticket triage for network operations centres. See ARCHITECTURE.md for the map.
//!
//! A module uses only modules above its own line here, which `tests/it/pure.rs` checks; the blank lines keep the
//! formatter from sorting them. The first five are pure: no clock, file, network, thread or log.

pub mod domain;

pub mod statistics;

pub mod policy;

pub mod rollout;

pub mod evaluation;

pub mod failpoints;

pub mod clock;

pub mod wire;

pub mod config;

pub mod metrics;

pub mod notify;

pub mod inference;

pub mod kafka;

pub mod admin;

pub mod daemon;

pub mod demo;

pub mod cli;
