//! Fields by JSON Pointer: the whole of the preset `mapping`, and overrides on top of every other preset.

use serde_json::Value;

use super::draft::Draft;
use super::mapping::Mapping;
use super::times;
use super::tree::Json;

/// What kind of value a field takes, so that a number in a text and a text in a number are both understood.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Text,
    Count,
    Time,
    Severity,
    Relation(&'static str),
    /// Native JSON as it is: lists of alarms and notes.
    Native,
}

/// Name in the configuration, native pointer, shape.
const TARGETS: [(&str, &str, Shape); 39] = [
    ("alarms", "/alarms", Shape::Native),
    ("assigned_to", "/assigned_to", Shape::Text),
    ("category", "/category", Shape::Text),
    ("caused_by", "", Shape::Relation("caused_by")),
    ("channel", "/channel", Shape::Text),
    ("circuit_id", "/circuit_id", Shape::Text),
    ("created_at", "/created_at", Shape::Time),
    ("created_by", "/created_by", Shape::Text),
    ("customer_tier", "/customer_tier", Shape::Text),
    ("description", "/description", Shape::Text),
    ("device.model", "/device/model", Shape::Text),
    ("device.name", "/device/name", Shape::Text),
    ("device.os_version", "/device/os_version", Shape::Text),
    ("device.type", "/device/type", Shape::Text),
    ("device.vendor", "/device/vendor", Shape::Text),
    ("duplicate_of", "", Shape::Relation("duplicate_of")),
    ("impact", "/impact", Shape::Text),
    ("interface", "/interface", Shape::Text),
    ("kind", "/kind", Shape::Text),
    ("notes", "/notes", Shape::Native),
    ("parent", "", Shape::Relation("parent")),
    ("reassignment_count", "/reassignment_count", Shape::Count),
    ("region", "/region", Shape::Text),
    ("reopen_count", "/reopen_count", Shape::Count),
    ("revision", "/revision", Shape::Count),
    ("service", "/service", Shape::Text),
    ("severity.counterparty", "/severity/counterparty", Shape::Severity),
    ("severity.reported", "/severity/reported", Shape::Severity),
    ("site", "/site", Shape::Text),
    ("source.instance", "/source/instance", Shape::Text),
    ("source.native_id", "/source/native_id", Shape::Text),
    ("source.system", "/source/system", Shape::Text),
    ("source.url", "/source/url", Shape::Text),
    ("status", "/status", Shape::Text),
    ("ticket_id", "/ticket_id", Shape::Text),
    ("title", "/title", Shape::Text),
    ("updated_at", "/updated_at", Shape::Time),
    ("updated_by", "/updated_by", Shape::Text),
    ("urgency", "/urgency", Shape::Text),
];

/// Names that a mapping may use, besides `labels.NAME`.
pub(super) fn target_names() -> impl Iterator<Item = &'static str> {
    TARGETS.into_iter().map(|(name, _, _)| name)
}

/// Sets every field of the mapping whose pointer finds something; a preset's own field stays where it finds nothing.
pub(in crate::wire) fn apply(mapping: &Mapping, payload: &Json<'_>, draft: &mut Draft<'_>) {
    for (field, pointer) in mapping.rows() {
        let found = payload.pointer(pointer).filter(|value| !value.is_null());
        if let Some(label) = field.strip_prefix("labels.") {
            draft.put_label(label, pointer, found.map(as_text));
        } else if let Some((_, native, shape)) = TARGETS.into_iter().find(|(name, _, _)| *name == field) {
            match shape {
                Shape::Relation(kind) => {
                    let id = found.map(as_text).and_then(|id| id.as_str().map(str::to_owned));
                    draft.put_relation(kind, pointer, id.filter(|id| !id.trim().is_empty()));
                }
                Shape::Text => draft.put(native, pointer, found.map(as_text)),
                Shape::Count => draft.put(native, pointer, found.map(as_count)),
                Shape::Time => draft.put(native, pointer, found.map(as_time)),
                Shape::Severity => {
                    let word = found.map(as_text);
                    draft.put(native, pointer, word.map(|word| serde_json::json!({ "value": word })));
                }
                Shape::Native => draft.put(native, pointer, found.map(|value| value.clone().into_value())),
            }
        }
    }
}

/// Numbers become texts; a rich text (Atlassian Document Format) becomes its lines. What else is no text stays, so that
/// the reader refuses it by its name.
fn as_text(value: &Json<'_>) -> Value {
    match value {
        Json::Number(number) => Value::String(number.to_string()),
        Json::Object(document) if document.get("type").and_then(Json::as_str) == Some("doc") => {
            let mut text = String::new();
            flatten(value, &mut text);
            Value::String(text)
        }
        Json::Null | Json::Bool(_) | Json::Text(_) | Json::List(_) | Json::Object(_) => value.clone().into_value(),
    }
}

/// Texts of a document in order, each block on a line of its own. The parser has bounded how deep it goes.
fn flatten(node: &Json<'_>, text: &mut String) {
    if let Some(piece) = node.get("text").and_then(Json::as_str) {
        text.push_str(piece);
    }
    for child in node.get("content").and_then(Json::as_list).into_iter().flatten() {
        flatten(child, text);
        let is_block = child.get("content").is_some();
        if is_block && !text.ends_with('\n') {
            text.push('\n');
        }
    }
}

fn as_count(value: &Json<'_>) -> Value {
    let number = value.as_str().and_then(|text| text.trim().parse::<u64>().ok());
    number.map_or_else(|| value.clone().into_value(), Value::from)
}

/// Seconds or milliseconds since 1970, as a number or in a text, become RFC 3339.
fn as_time(value: &Json<'_>) -> Value {
    let text = as_text(value);
    let instant = text.as_str().and_then(|digits| times::epoch_as_text(digits.trim()));
    instant.map_or(text, Value::String)
}
