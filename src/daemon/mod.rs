//! Start and stop order, the triage loop, reload, supervision.

mod batch;
mod outputs;
pub mod thread;
pub mod triage;
