//! What must hold for any bytes, one file per fuzz target: the fuzzers search for bytes for which it does not, and
//! `tests/it/seeds.rs` runs the committed seeds through the same functions. Nothing here knows who calls.
//!
//! Absent on purpose: expected values. What a reader makes of a good record is the matter of its own tests.

pub mod configuration;
pub mod decision_reader;
pub mod model_card;
pub mod model_directory;
mod parts;
pub mod safetensors_header;
pub mod text_normalisation;
pub mod ticket_reader;

use std::path::Path;

/// A property: it panics where it does not hold. The folder is its own to write into, and empty at first.
pub type Property = fn(input: &[u8], folder: &Path);

/// All properties, by the name of their fuzz target and of the folder of their seeds.
pub const PROPERTIES: [(&str, Property); 7] = [
    ("ticket_reader", |input, _| ticket_reader::check(input)),
    ("safetensors_header", |input, _| safetensors_header::check(input)),
    ("model_card", |input, _| model_card::check(input)),
    ("model_directory", model_directory::check),
    ("configuration", configuration::check),
    ("decision_reader", |input, _| decision_reader::check(input)),
    ("text_normalisation", |input, _| text_normalisation::check(input)),
];

/// Whether a text may stand in one line of a log or a terminal.
pub fn is_printable(text: &str) -> bool {
    !text.chars().any(char::is_control)
}
