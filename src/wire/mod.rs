//! The JSON of every topic and the presets of every source; the only place that knows them.

mod basis;
pub mod command;
pub mod dead_letter;
pub mod decision;
pub mod evaluation;
pub mod human_labels;
pub mod intake;
pub mod labelled;
pub mod output;
pub mod outputs;
pub mod predictions;
pub mod remembered;
pub mod review;
pub mod schema;
mod seen;
pub mod suggestion;
pub mod ticket_schema;
pub mod transaction;
pub mod values;
pub mod verdict;
pub mod version;
pub mod words;
