//! Start and stop order, the triage loop, reload, supervision.

mod batch;
mod outputs;
pub mod service;
pub mod thread;
pub mod triage;
