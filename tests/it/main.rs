//! Tests of the program as a whole, in one binary, because linking costs more than running.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, a panic is how a failure is said")]

mod dashboards;
mod dataset;
mod demo;
mod evaluate;
mod fault_runs;
mod faults;
mod iterate;
mod kafka;
mod live_queries;
mod metrics;
mod outages;
mod promtool;
mod properties;
mod pure;
mod readme;
mod seeds;
mod stops;
#[path = "../support/mod.rs"]
mod support;
