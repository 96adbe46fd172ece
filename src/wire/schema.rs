//! JSON Schemas of the records, generated from their types. The committed files under `schemas/` are these.

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};

use super::command::CommandRecord;
use super::dead_letter::DeadLetterRecord;
use super::decision::DecisionRecord;
use super::review::ReviewRecord;
use super::suggestion::SuggestionRecord;

/// Names of all schemas, as `config schema NAME` takes them.
pub const NAMES: [&str; 5] = ["decision", "suggestion", "command", "review", "dead-letter"];

/// The schema of one kind of record, as indented JSON with a final newline; `None` for a name not in [`NAMES`].
pub fn by_name(name: &str) -> Option<String> {
    match name {
        "decision" => Some(schema_of::<DecisionRecord>()),
        "suggestion" => Some(schema_of::<SuggestionRecord>()),
        "command" => Some(schema_of::<CommandRecord>()),
        "review" => Some(schema_of::<ReviewRecord>()),
        "dead-letter" => Some(schema_of::<DeadLetterRecord>()),
        _ => None,
    }
}

fn schema_of<T: JsonSchema>() -> String {
    let generator = SchemaGenerator::new(SchemaSettings::draft2020_12());
    format!("{:#}\n", generator.into_root_schema_for::<T>().as_value())
}
