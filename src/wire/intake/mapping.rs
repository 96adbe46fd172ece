//! Fields by JSON Pointer, for a source that has no preset: `"device.name" = "/host/name"`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::mapped::target_names;

/// Which place of a source's record each of our fields is read from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    fields: BTreeMap<String, String>,
}

/// What is wrong with one row of a mapping.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMapping {
    /// The name is none of ours.
    #[error("`{0}` is no field of a ticket; fields are {targets} and labels.NAME", targets = names())]
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

fn names() -> String {
    target_names().collect::<Vec<_>>().join(", ")
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
        if !is_label && !target_names().any(|name| name == field) {
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
