//! Start and stop order, the triage loop, reload, supervision.

mod announcing;
mod batch;
pub mod controller;
mod counting;
pub mod evaluation;
pub mod evidence;
mod follower;
mod growth;
mod halving;
pub mod in_force;
pub mod inquiry;
mod outputs;
mod reading;
mod rechecks;
mod rollout_threads;
pub mod service;
pub mod standing;
mod term;
#[cfg(test)]
mod tests;
pub mod thread;
pub mod triage;
