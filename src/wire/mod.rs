//! The JSON of every topic and the presets of every source; the only place that knows them.

pub mod intake;
