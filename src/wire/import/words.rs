//! The words of a source in ours: a file of labelled tickets is read without the configuration that explains them.

use serde_json::{Map, Value, json};

use crate::domain::severity::SourceSeverity;
use crate::domain::ticket::Ticket;
use crate::wire::words::ClosedWord;

/// Writes every closed word of a native ticket as the reader understood it under the source's settings.
pub(super) fn translate(native: &mut Map<String, Value>, ticket: &Ticket) {
    // Who opened it has said by now who set what; a file that goes to trainers needs no name.
    native.remove("created_by");
    put(native, "kind", ticket.kind.map(ClosedWord::word));
    put(native, "channel", ticket.channel.map(ClosedWord::word));
    put(native, "impact", ticket.impact.map(ClosedWord::word));
    put(native, "urgency", ticket.urgency.map(ClosedWord::word));
    let severities = [("reported", &ticket.severity_reported), ("counterparty", &ticket.severity_counterparty)];
    let known: Map<String, Value> = severities
        .into_iter()
        .filter_map(|(name, severity)| Some((name.to_owned(), severity_value(severity)?)))
        .collect();
    if known.is_empty() {
        native.remove("severity");
    } else {
        native.insert("severity".to_owned(), Value::Object(known));
    }
    let alarms = native.get_mut("alarms").and_then(Value::as_array_mut).into_iter().flatten();
    for (alarm, read) in alarms.zip(&ticket.alarms) {
        let word = match &read.perceived_severity {
            SourceSeverity::Absent => None,
            SourceSeverity::Known { value, .. } => Some(value.as_str()),
            SourceSeverity::Unmapped { native, .. } => Some(native.as_str()),
        };
        if let Some(alarm) = alarm.as_object_mut() {
            put(alarm, "perceived_severity", word);
        }
    }
}

fn put(object: &mut Map<String, Value>, name: &str, word: Option<&str>) {
    match word {
        Some(word) => object.insert(name.to_owned(), Value::String(word.to_owned())),
        None => object.remove(name),
    };
}

fn severity_value(severity: &SourceSeverity) -> Option<Value> {
    match severity {
        SourceSeverity::Absent => None,
        SourceSeverity::Known { value, native, set_by } => {
            Some(json!({ "value": value.as_str(), "native": native, "set_by": set_by.as_str() }))
        }
        SourceSeverity::Unmapped { native, set_by } => {
            Some(json!({ "value": native, "native": native, "set_by": set_by.as_str() }))
        }
    }
}
