//! Start and stop order, the triage loop, reload, supervision.

mod batch;
mod counting;
mod follower;
mod growth;
mod halving;
mod outputs;
mod reading;
pub mod service;
pub mod standing;
#[cfg(test)]
mod tests;
pub mod thread;
pub mod triage;
