//! What tests and benches of the whole program share: a broker client, the daemon as a process, tickets, the checker.
//!
//! Included by `#[path]`: each binary that does so compiles its own copy and uses a part of it.
#![allow(dead_code, reason = "no binary uses all of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, a panic is how a failure is said")]

pub(crate) mod broker;
pub(crate) mod checker;
pub(crate) mod daemon;
pub(crate) mod own_broker;
pub(crate) mod port;
pub(crate) mod proxy;
pub(crate) mod skipped;
pub(crate) mod tickets;
pub(crate) mod usage;
pub(crate) mod writeback;
