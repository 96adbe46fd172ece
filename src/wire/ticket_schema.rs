//! The JSON Schema of `noctriage.ticket/v1`, written as types. Nothing is read through them: the reader bounds, cleans
//! and explains far more than a derived one could. A test holds both to the same list of fields.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::severity::SetBy;
use crate::domain::ticket::{AuthorKind, RelationKind, Status};

use super::values::Instant;
use super::words::Word;

/// A trouble ticket as noctriage reads it. `ticket_id` and one of `title` and `description` are needed; every other field
/// may be absent or null. Unknown fields are ignored.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct NativeTicket {
    /// `noctriage.ticket/v1`, which is also what its absence means.
    pub schema: Option<String>,
    /// Stable id in the source, 1 to 128 bytes. Also the key of the record.
    #[schemars(length(min = 1, max = 128))]
    pub ticket_id: String,
    /// Order of updates: the source's own number. Without it `updated_at` orders.
    pub revision: Option<u64>,
    /// Short text; cut at 1 KiB.
    pub title: Option<String>,
    /// Long text; cut at 32 KiB.
    pub description: Option<String>,
    /// When the ticket was opened. Without it the record's timestamp stands in.
    pub created_at: Option<Instant>,
    /// When it last changed.
    pub updated_at: Option<Instant>,
    /// Where it stands; resolved, closed and cancelled tickets are not triaged.
    pub status: Option<Word<Status>>,
    /// incident, request, change, maintenance; anything else counts as other.
    pub kind: Option<String>,
    /// What sources say about the severity.
    pub severity: Option<NativeSeverities>,
    /// ITIL impact: low, medium or high.
    pub impact: Option<String>,
    /// ITIL urgency: low, medium or high.
    pub urgency: Option<String>,
    /// For example wireless, routing, switching.
    pub category: Option<String>,
    /// Affected device.
    pub device: Option<NativeDevice>,
    /// Affected interface.
    pub interface: Option<String>,
    /// Affected circuit.
    pub circuit_id: Option<String>,
    /// Site.
    pub site: Option<String>,
    /// Region.
    pub region: Option<String>,
    /// Tier of the customer.
    pub customer_tier: Option<String>,
    /// Affected service.
    pub service: Option<String>,
    /// Alarms behind the ticket; the first 64 are read.
    pub alarms: Option<Vec<NativeAlarm>>,
    /// Whether the source left alarms out; such a ticket is never automatic.
    pub alarms_truncated: Option<bool>,
    /// Work notes; the newest 32 are read.
    pub notes: Option<Vec<NativeNote>>,
    /// Links to other tickets.
    pub relations: Option<Vec<NativeRelation>>,
    /// How often it was reopened.
    pub reopen_count: Option<u32>,
    /// How often it changed hands.
    pub reassignment_count: Option<u32>,
    /// phone, email, portal, monitoring, peer; anything else counts as other.
    pub channel: Option<String>,
    /// Link back to the source.
    pub source: Option<NativeSource>,
    /// Site-specific keys; only those that the configuration allows are read.
    pub labels: Option<BTreeMap<String, String>>,
    /// Who has the ticket: then a person works on it, and it is never automatic.
    pub assigned_to: Option<String>,
    /// Who opened it.
    pub created_by: Option<String>,
    /// Who wrote this revision; noctriage's own user is recognised.
    pub updated_by: Option<String>,
}

/// What sources say about the severity.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct NativeSeverities {
    /// By the source of the ticket.
    pub reported: Option<NativeSeverity>,
    /// By the other carrier.
    pub counterparty: Option<NativeSeverity>,
}

/// What one source says. A word alone stands for its `value`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum NativeSeverity {
    /// The word.
    Word(String),
    /// The word and where it comes from.
    Full {
        /// critical, high, medium, low, or a word of the source that an alias maps. An unmapped word forbids automation.
        value: Option<String>,
        /// The source's own word, for display.
        native: Option<String>,
        /// Who set it.
        set_by: Option<Word<SetBy>>,
    },
}

/// A device.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct NativeDevice {
    /// Host name.
    pub name: Option<String>,
    /// Vendor.
    pub vendor: Option<String>,
    /// Kind of device, for example switch.
    #[serde(rename = "type")]
    pub device_type: Option<String>,
    /// Model.
    pub model: Option<String>,
    /// Version of the operating system.
    pub os_version: Option<String>,
}

/// An alarm.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct NativeAlarm {
    /// The system that raised it.
    pub source: Option<String>,
    /// Name, for example of a trap.
    pub name: Option<String>,
    /// SNMP object identifier.
    pub oid: Option<String>,
    /// Probable cause.
    pub probable_cause: Option<NativeCause>,
    /// Severity as its source perceives it.
    pub perceived_severity: Option<String>,
    /// First seen.
    pub first_at: Option<Instant>,
    /// Last seen.
    pub last_at: Option<Instant>,
    /// How often.
    pub count: Option<u64>,
}

/// A probable cause: a text, or a code with its text.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum NativeCause {
    /// The text.
    Text(String),
    /// Code and text.
    Coded {
        /// Code.
        code: Option<String>,
        /// Text.
        text: Option<String>,
    },
}

/// A work note.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct NativeNote {
    /// When it was written.
    pub at: Option<Instant>,
    /// By whom; noctriage's own user is recognised, and its notes are kept from the model.
    pub author: Option<String>,
    /// Without it a note counts as a person's.
    pub author_kind: Option<Word<AuthorKind>>,
    /// What it says; cut at 4 KiB.
    pub text: Option<String>,
}

/// A link to another ticket.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct NativeRelation {
    /// How they hang together.
    #[serde(rename = "type")]
    pub kind: Word<RelationKind>,
    /// The other ticket.
    pub ticket_id: String,
}

/// The link back to the source.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct NativeSource {
    /// System.
    pub system: Option<String>,
    /// Which instance of it.
    pub instance: Option<String>,
    /// The source's own key.
    pub native_id: Option<String>,
    /// Where a person opens it.
    pub url: Option<String>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::super::intake::known_ticket_fields;
    use super::super::schema::by_name;

    /// Pointers of all fields that a schema describes.
    fn fields(root: &Value, node: &Value, pointer: &str, found: &mut BTreeSet<String>) {
        if let Some(reference) = node.get("$ref").and_then(Value::as_str) {
            return fields(root, root.pointer(&reference[1..]).unwrap(), pointer, found);
        }
        let variants = ["anyOf", "oneOf"].into_iter().filter_map(|key| node.get(key)?.as_array());
        let variants: Vec<&Value> = variants.flatten().collect();
        for variant in &variants {
            fields(root, variant, pointer, found);
        }
        if let Some(properties) = node.get("properties").and_then(Value::as_object) {
            for (name, property) in properties {
                fields(root, property, &format!("{pointer}/{name}"), found);
            }
        } else if let Some(items) = node.get("items") {
            fields(root, items, &format!("{pointer}/*"), found);
        } else if node.get("additionalProperties").is_some_and(Value::is_object) {
            found.insert(format!("{pointer}/*"));
        } else if variants.is_empty() && node.get("type").is_none_or(|kind| kind != "null") {
            found.insert(pointer.to_owned());
        }
    }

    #[test]
    fn the_schema_of_a_ticket_lists_the_fields_that_the_reader_knows() {
        let schema: Value = serde_json::from_str(&by_name("ticket").unwrap()).unwrap();
        let mut described = BTreeSet::new();
        fields(&schema, &schema, "", &mut described);
        // The short forms of a severity stand beside their long ones.
        for shorthand in ["/severity/reported", "/severity/counterparty"] {
            assert!(described.remove(shorthand), "{shorthand}");
        }
        let known: BTreeSet<String> = known_ticket_fields().map(str::to_owned).collect();
        assert_eq!(described, known);
    }
}
