//! The nouns of the trade: ticket, severity, prediction, stage, verdict. Values only; no clock, no file, no network.

pub mod digest;
pub mod labelled;
pub mod message;
pub mod prediction;
pub mod probability;
pub mod quoted;
pub mod severity;
pub mod stage;
pub mod ticket;
pub mod time;
pub mod verdict;
