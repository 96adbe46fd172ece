//! Fields by JSON Pointer, for a source that has no preset: `"device.name" = "/host/name"`.

use std::collections::BTreeMap;

use serde_json::Value;

/// Which place of a source's record each of our fields is read from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    fields: BTreeMap<String, String>,
}

/// Our fields that a mapping may name, as they are written in the configuration. `labels.NAME` may be added for every
/// allowed label.
pub const MAPPING_TARGETS: [&str; 39] = [
    "alarms",
    "assigned_to",
    "category",
    "channel",
    "circuit_id",
    "created_at",
    "created_by",
    "customer_tier",
    "description",
    "device.model",
    "device.name",
    "device.os_version",
    "device.type",
    "device.vendor",
    "impact",
    "interface",
    "kind",
    "notes",
    "parent",
    "duplicate_of",
    "caused_by",
    "reassignment_count",
    "region",
    "reopen_count",
    "revision",
    "service",
    "severity.counterparty",
    "severity.reported",
    "site",
    "source.instance",
    "source.native_id",
    "source.system",
    "source.url",
    "status",
    "ticket_id",
    "title",
    "updated_at",
    "updated_by",
    "urgency",
];

/// What is wrong with one row of a mapping.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMapping {
    /// The name is none of ours.
    #[error("`{0}` is no field of a ticket; fields are {targets} and labels.NAME", targets = MAPPING_TARGETS.join(", "))]
    UnknownField(String),
    /// The value is no JSON Pointer.
    #[error("`{field}`: `{pointer}` is no JSON Pointer: it begins with `/`, as in `/fields/summary` (RFC 6901)")]
    NotAPointer {
        /// Our field.
        field: String,
        /// What stands there.
        pointer: String,
    },
    /// Neither a table nor a text.
    #[error("`{0}`: a JSON Pointer is expected, in quotes")]
    NotText(String),
}

impl Mapping {
    /// Reads a table of fields and pointers; nested tables are names with dots. All mistakes at once.
    ///
    /// # Errors
    /// Every row that names no field of ours or no JSON Pointer.
    pub fn from_table(table: &serde_json::Map<String, Value>) -> Result<Self, Vec<InvalidMapping>> {
        let mut mapping = Self::default();
        let mut mistakes = Vec::new();
        mapping.add_table("", table, &mut mistakes);
        if mistakes.is_empty() { Ok(mapping) } else { Err(mistakes) }
    }

    fn add_table(&mut self, prefix: &str, table: &serde_json::Map<String, Value>, mistakes: &mut Vec<InvalidMapping>) {
        for (name, value) in table {
            let field = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            match value {
                // Every nested table has a name of ours above it, and the file's parser bounds how deep it goes.
                Value::Object(nested) => self.add_table(&field, nested, mistakes),
                Value::String(pointer) => {
                    if let Err(mistake) = self.set(&field, pointer) {
                        mistakes.push(mistake);
                    }
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
                    mistakes.push(InvalidMapping::NotText(field));
                }
            }
        }
    }

    /// Adds one row.
    ///
    /// # Errors
    /// A name that is no field of ours, or a text that is no JSON Pointer.
    pub fn set(&mut self, field: &str, pointer: &str) -> Result<(), InvalidMapping> {
        let is_label = field.strip_prefix("labels.").is_some_and(|name| !name.is_empty());
        if !is_label && !MAPPING_TARGETS.contains(&field) {
            return Err(InvalidMapping::UnknownField(field.to_owned()));
        }
        if !pointer.starts_with('/') {
            return Err(InvalidMapping::NotAPointer { field: field.to_owned(), pointer: pointer.to_owned() });
        }
        self.fields.insert(field.to_owned(), pointer.to_owned());
        Ok(())
    }

    /// All rows in order: our field, the source's pointer.
    pub fn rows(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(field, pointer)| (field.as_str(), pointer.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_mistakes_of_a_mapping_are_told_at_once() {
        let table =
            serde_json::json!({"titel": "/a", "title": "summary", "device": {"name": 7}, "labels": {"x": "/x"}});
        let mistakes = Mapping::from_table(table.as_object().unwrap()).unwrap_err();
        assert_eq!(
            mistakes,
            [
                InvalidMapping::UnknownField("titel".into()),
                InvalidMapping::NotAPointer { field: "title".into(), pointer: "summary".into() },
                InvalidMapping::NotText("device.name".into()),
            ]
        );
    }
}
