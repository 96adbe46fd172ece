//! Everything that speaks to Kafka. Elsewhere there are only values: events in, one batch as one transaction out.

pub mod client;
pub mod control_tail;
pub mod control_writer;
mod evidence_fault;
mod evidence_reach;
pub mod evidence_reader;
pub mod evidence_tail;
pub mod fault;
pub mod fetch;
pub mod leadership;
pub mod log;
pub mod namesake;
mod own;
pub mod patience;
mod repeated;
mod rescue;
pub mod scan;
pub mod session;
mod settled;
mod stranded;
pub mod topics;
mod transaction;
pub mod view_reader;
