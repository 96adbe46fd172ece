//! Start and stop order, the triage loop, reload, supervision.

mod ahead;
mod announcing;
mod batch;
mod buffer;
pub mod controller;
mod counting;
pub mod evaluation;
pub mod evidence;
mod evidence_shown;
mod follower;
mod growth;
mod halving;
pub mod in_force;
pub mod inquiry;
pub mod leading;
pub mod local_halt;
mod outputs;
mod partitions;
mod reading;
mod rechecks;
mod rollout_shown;
mod rollout_threads;
pub mod service;
pub mod standing;
mod term;
#[cfg(test)]
mod tests;
pub mod thread;
pub mod triage;
