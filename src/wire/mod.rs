//! The JSON of every topic and the presets of every source; the only place that knows them.

pub mod accounts;
pub mod answer;
mod basis;
pub mod command;
pub mod control;
pub mod dead_letter;
pub mod decision;
pub mod intake;
pub mod output;
pub mod outputs;
pub mod remembered;
mod retold;
pub mod review;
pub mod rollout;
pub mod rollout_state;
pub mod schema;
mod seen;
pub mod suggestion;
pub mod ticket_schema;
pub mod transaction;
pub mod transition;
pub mod values;
pub mod verdict;
pub mod words;
