//! Start and stop order, the triage loop, reload, supervision.

mod batch;
mod counting;
pub mod evaluation;
pub mod evidence;
mod growth;
mod halving;
mod outputs;
mod reading;
pub mod service;
#[cfg(test)]
mod tests;
pub mod thread;
pub mod triage;
