//! JSON Schemas of the records, generated from their types. The committed files under `schemas/` are these.

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};

use super::checkpoint::CheckpointRecord;
use super::command::CommandRecord;
use super::control::ControlRecord;
use super::dead_letter::DeadLetterRecord;
use super::decision::DecisionRecord;
use super::review::ReviewRecord;
use super::rollout::{LeaseRecord, MapRecord};
use super::suggestion::SuggestionRecord;
use super::ticket_schema::NativeTicket;
use super::transition::TransitionRecord;
use super::verdict::VerdictRecord;

/// Names of all schemas, as `config schema NAME` takes them.
pub const NAMES: [&str; 12] = [
    "ticket",
    "verdict",
    "control",
    "decision",
    "suggestion",
    "command",
    "review",
    "dead-letter",
    "rollout-lease",
    "rollout-map",
    "rollout-checkpoint",
    "transition",
];

/// The schema of one kind of record, as indented JSON with a final newline; `None` for a name not in [`NAMES`].
///
/// Those of ticket, verdict and control say what may be sent; the others say what is written.
pub fn by_name(name: &str) -> Option<String> {
    let (read, written) = (SchemaSettings::draft2020_12(), SchemaSettings::draft2020_12().for_serialize());
    match name {
        "ticket" => Some(schema_of::<NativeTicket>(read)),
        "verdict" => Some(schema_of::<VerdictRecord>(read)),
        "control" => Some(schema_of::<ControlRecord>(read)),
        "decision" => Some(schema_of::<DecisionRecord>(written)),
        "suggestion" => Some(schema_of::<SuggestionRecord>(written)),
        "command" => Some(schema_of::<CommandRecord>(written)),
        "review" => Some(schema_of::<ReviewRecord>(written)),
        "dead-letter" => Some(schema_of::<DeadLetterRecord>(written)),
        "rollout-lease" => Some(schema_of::<LeaseRecord>(written)),
        "rollout-map" => Some(schema_of::<MapRecord>(written)),
        "rollout-checkpoint" => Some(schema_of::<CheckpointRecord>(written)),
        "transition" => Some(schema_of::<TransitionRecord>(written)),
        _ => None,
    }
}

fn schema_of<T: JsonSchema>(settings: SchemaSettings) -> String {
    format!("{:#}\n", SchemaGenerator::new(settings).into_root_schema_for::<T>().as_value())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_committed_schemas_are_the_generated_ones() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
        for name in NAMES {
            let path = folder.join(format!("{name}.json"));
            let generated = by_name(name).unwrap();
            #[expect(clippy::disallowed_methods, reason = "the switch is of this test alone")]
            if std::env::var("NOCTRIAGE_UPDATE_SCHEMAS").is_ok_and(|value| value == "1") {
                std::fs::write(&path, &generated).unwrap();
            }
            let committed = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                committed == generated,
                "schemas/{name}.json is not what the types say; look at the change, then run this test with \
                 NOCTRIAGE_UPDATE_SCHEMAS=1"
            );
        }
    }

    #[test]
    fn an_unknown_name_has_no_schema() {
        assert_eq!(by_name("verdicts"), None);
    }
}
