//! The triage loop proved in memory: the daemon's own loop and engine on a log with a script of faults.

mod aborts;
mod ahead;
mod bench;
mod broker;
mod checker;
mod controls;
mod desk;
mod halving;
mod memory_log;
mod model;
mod models;
mod ownership;
mod pressure;
mod rest;
mod seeds;
mod tickets;

use std::time::Duration;

use crate::domain::time::UtcMillis;

/// Name of the input topic.
const TOPIC: &str = "tickets";
/// Operating time at the start of every bench.
const NOW: UtcMillis = UtcMillis(1_764_000_000_000);
/// Deadline of the model on every bench.
const DEADLINE: Duration = Duration::from_secs(10);
