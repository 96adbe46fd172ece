//! What of an exported ticket was known at its creation, and what only later.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::evaluation::data::leakage::CREATION_MS;
use crate::wire::intake::settings::{IntakeSettings, Preset};
use crate::wire::intake::times;

/// Names of fields that are known only after triage, as ServiceNow, Jira and TMF621 exports call them, in lower case with
/// `_` between words. No model may read them; a label may come from them.
pub const LATER_FIELDS: [&str; 37] = [
    "active",
    "activity_due",
    "assigned_to",
    "assignee",
    "business_duration",
    "business_stc",
    "calendar_duration",
    "calendar_stc",
    "close_code",
    "close_notes",
    "closed_at",
    "closed_by",
    "comments",
    "comments_and_work_notes",
    "incident_state",
    "made_sla",
    "reassignment_count",
    "reopen_count",
    "reopened_by",
    "reopened_time",
    "resolution",
    "resolution_code",
    "resolution_date",
    "resolution_notes",
    "resolutiondate",
    "resolved",
    "resolved_at",
    "resolved_by",
    "state",
    "status",
    "status_change_history",
    "sys_mod_count",
    "sys_updated_by",
    "sys_updated_on",
    "time_worked",
    "updated",
    "work_notes",
];

/// Native fields that only say what became of a ticket.
const LATER_NATIVE: [&str; 7] =
    ["assigned_to", "reassignment_count", "reopen_count", "revision", "status", "updated_at", "updated_by"];

/// Whether a pointer leads to a field that is known only later.
pub(super) fn is_later(pointer: &str) -> bool {
    pointer.split('/').any(|name| LATER_FIELDS.contains(&folded(name).as_str()))
}

/// `Close Notes` and `closeNotes` are `close_notes`.
fn folded(name: &str) -> String {
    let mut folded = String::new();
    let mut was_lower = false;
    for letter in name.trim().chars() {
        if letter.is_alphanumeric() {
            if letter.is_uppercase() && was_lower {
                folded.push('_');
            }
            folded.extend(letter.to_lowercase());
        } else if !folded.ends_with('_') {
            folded.push('_');
        }
        was_lower = letter.is_lowercase();
    }
    folded
}

/// Names of the fields of a row that hold something and are known only later.
pub(super) fn later_names(row: &Map<String, Value>) -> BTreeSet<String> {
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    };
    let later = row.iter().filter(|(name, value)| !is_empty(value) && is_later(name));
    later.map(|(name, _)| name.clone()).collect()
}

/// Whether a mapped field is taken out of every ticket, so that it does not matter where it is read from. Notes go by their
/// times, and the source's severity where it is the label.
pub(super) fn is_left_out_anyway(field: &str) -> bool {
    LATER_NATIVE.contains(&field) || ["notes", "severity.reported"].contains(&field)
}

/// What the source's severity is, as the row shows it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SourceSays {
    /// What it said first.
    First,
    /// What people made of it: the label.
    Label,
}

/// The native ticket without what is known only later. What was taken out beyond the names of the source is told in
/// `left_out`.
pub(super) fn as_created(
    mut native: Map<String, Value>,
    severity: SourceSays,
    settings: &IntakeSettings,
    left_out: &mut BTreeSet<String>,
) -> Map<String, Value> {
    native.retain(|field, _| !LATER_NATIVE.contains(&field.as_str()));
    // Impact and urgency are changed together with a priority.
    if severity == SourceSays::Label {
        for field in ["severity", "impact", "urgency"] {
            if native.remove(field).is_some() {
                left_out.insert(format!("{field} (as people left it)"));
            }
        }
    }
    if let Some(notes) = native.remove("notes") {
        let created_at = native.get("created_at").and_then(Value::as_str);
        let kept = notes_at_creation(notes, created_at, settings);
        if !kept.is_empty() {
            native.insert("notes".to_owned(), Value::Array(kept));
        }
    }
    native
}

/// Notes within a minute of the creation. A ServiceNow journal has times of another zone than the record's: none is sure.
fn notes_at_creation(notes: Value, created_at: Option<&str>, settings: &IntakeSettings) -> Vec<Value> {
    let time = |text: &str| times::parse(text, settings.time_zone.as_ref()).ok();
    let (Value::Array(notes), Some(created_at)) = (notes, created_at.and_then(time)) else { return Vec::new() };
    let is_early = |note: &Value| {
        let at = note.get("at").and_then(Value::as_str).and_then(time);
        at.is_some_and(|at| at.since_ms(created_at) <= CREATION_MS)
    };
    match settings.preset {
        Preset::ServiceNow => Vec::new(),
        Preset::Native | Preset::Alertmanager | Preset::Mapping => notes.into_iter().filter(is_early).collect(),
    }
}
