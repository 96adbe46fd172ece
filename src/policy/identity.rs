//! Digests and identifiers of records, tickets and actions. Dear to change: they decide what counts as a replay, as an
//! unchanged ticket and as an action already taken, across restarts and versions. The tests pin their values.

use serde_json::{Map, Value, json};

use crate::domain::digest::Digest;
use crate::domain::severity::{SetBy, SourceSeverity};
use crate::domain::ticket::{Alarm, AuthorKind, Device, Ticket, TicketId};

use super::decided::ActionKind;
use super::text::{folded, normalised};

/// SHA-256 of the raw record value; of the empty text for a tombstone.
pub fn content_digest(value: Option<&[u8]>) -> Digest {
    Digest::of(value.unwrap_or_default())
}

/// Identifies the decision on one input record; repeated only by a replay of exactly that record.
pub fn decision_id(topic: &str, partition: i32, offset: i64, content: Digest) -> Digest {
    Digest::of_parts([
        b"noctriage.decision_id/1".as_slice(),
        topic.as_bytes(),
        &partition.to_be_bytes(),
        &offset.to_be_bytes(),
        &content.0,
    ])
}

/// Identifies one revision of one ticket with one content: equal for a record that was delivered twice.
pub fn decision_group(ticket_id: &TicketId, revision: Option<u64>, content: Digest) -> Digest {
    let revision = revision.map(u64::to_be_bytes);
    Digest::of_parts([
        b"noctriage.decision_group/1".as_slice(),
        ticket_id.as_str().as_bytes(),
        revision.as_ref().map_or(b"none".as_slice(), <[u8; 8]>::as_slice),
        &content.0,
    ])
}

/// Identifies one effect on the ticket system, whichever model, policy or revision asked for it: the same action on the
/// same input of the same ticket happens at most once, unless the ticket was reopened in between.
pub fn idempotency_key(ticket_id: &TicketId, action: ActionKind, input: Digest, reopen_count: u32) -> Digest {
    Digest::of_parts([
        b"noctriage.idempotency_key/1".as_slice(),
        ticket_id.as_str().as_bytes(),
        action.as_str().as_bytes(),
        &input.0,
        &reopen_count.to_be_bytes(),
    ])
}

/// SHA-256 over the canonical JSON of what a model may see of a ticket: one fixed list of fields for every model.
///
/// Left out on purpose: counts and times of alarms, notes that noctriage wrote, severities that noctriage set, and
/// everything that changes without changing what there is to decide (assignee, status, revision).
pub fn input_digest(ticket: &Ticket) -> Digest {
    Digest::of(canonical_input(ticket).to_string().as_bytes())
}

/// Groups tickets of one kind of event: device (else site) with the sorted names of its alarms (else the masked title).
pub fn fingerprint(ticket: &Ticket) -> Digest {
    let place = ticket.device.name.as_ref().or(ticket.site.as_ref()).map(|name| folded(name)).unwrap_or_default();
    let mut names: Vec<String> = ticket.alarms.iter().filter_map(|alarm| alarm.name.as_deref()).map(folded).collect();
    names.sort_unstable();
    names.dedup();
    let masked = if names.is_empty() { masked_title(ticket) } else { String::new() };
    let parts = [b"noctriage.fingerprint/1".as_slice(), place.as_bytes(), masked.as_bytes()];
    Digest::of_parts(parts.into_iter().chain(names.iter().map(String::as_bytes)))
}

fn masked_title(ticket: &Ticket) -> String {
    let text = ticket.title.as_deref().or(ticket.description.as_deref()).unwrap_or_default();
    mask(&folded(&text.chars().take(MASKED_CHARS_MAX).collect::<String>()))
}

/// Characters of the title (or, without one, of the description) that the fingerprint reads. Twice as many would tell
/// apart tickets whose text differs only far behind; half as many would merge titles that begin alike.
const MASKED_CHARS_MAX: usize = 256;

/// Replaces words that name one thing rather than a kind of thing (numbers, addresses, identifiers) by `#`.
///
/// A word with a digit in it is such a name, whatever else it holds: `10.2.3.4`, `fe80::1`, `ge-0/0/1`, `INC0012`,
/// `93%`, `sw-ber-07`. Of an identifier of hexadecimal letters alone nothing better than its length is known.
fn mask(text: &str) -> String {
    let is_identifier = |word: &str| {
        word.contains('@')
            || word.contains("::")
            || word.chars().any(char::is_numeric)
            || (word.len() >= 12 && word.chars().all(|character| character.is_ascii_hexdigit()))
    };
    let words = text.split(' ').map(|word| if is_identifier(word) { "#" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// The fixed list, as JSON whose keys stand in a fixed order; absent fields are left out.
fn canonical_input(ticket: &Ticket) -> Value {
    let mut input = Map::new();
    let mut put = |name: &str, value: Value| {
        let is_empty = match &value {
            Value::Null => true,
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        };
        if !is_empty {
            input.insert(name.to_owned(), value);
        }
    };
    put("alarms", ticket.alarms.iter().map(canonical_alarm).collect());
    put("category", text_value(ticket.category.as_deref()));
    put("description", text_value(ticket.description.as_deref()));
    put("device", canonical_device(&ticket.device));
    let notes = ticket.notes.iter().filter(|note| note.author_kind != AuthorKind::Noctriage);
    put("notes", notes.map(|note| text_value(Some(&note.text))).collect());
    put("severity_counterparty", canonical_severity(&ticket.severity_counterparty));
    put("severity_reported", canonical_severity(&ticket.severity_reported));
    put("site", text_value(ticket.site.as_deref()));
    put("title", text_value(ticket.title.as_deref()));
    Value::Object(input)
}

fn text_value(text: Option<&str>) -> Value {
    match text.map(normalised) {
        Some(text) if !text.is_empty() => Value::String(text),
        Some(_) | None => Value::Null,
    }
}

fn canonical_alarm(alarm: &Alarm) -> Value {
    json!({
        "cause": text_value(alarm.probable_cause.as_deref()),
        "name": text_value(alarm.name.as_deref()),
        "severity": canonical_severity(&alarm.perceived_severity),
    })
}

fn canonical_device(device: &Device) -> Value {
    let Device { name, vendor, device_type, model, os_version } = device;
    let fields =
        [("model", model), ("name", name), ("os_version", os_version), ("type", device_type), ("vendor", vendor)];
    let named = fields.into_iter().map(|(field, value)| (field.to_owned(), text_value(value.as_deref())));
    Value::Object(named.filter(|(_, value)| !value.is_null()).collect())
}

/// A severity that others set; what noctriage wrote itself is no input.
fn canonical_severity(severity: &SourceSeverity) -> Value {
    match severity {
        SourceSeverity::Absent
        | SourceSeverity::Known { set_by: SetBy::Noctriage, .. }
        | SourceSeverity::Unmapped { set_by: SetBy::Noctriage, .. } => Value::Null,
        SourceSeverity::Known { value, .. } => Value::String(value.as_str().to_owned()),
        SourceSeverity::Unmapped { native, .. } => json!({ "unmapped": normalised(native) }),
    }
}
