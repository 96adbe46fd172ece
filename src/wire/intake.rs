//! From the bytes of an input record to a ticket, a tombstone or a dead letter.
//!
//! value → `envelope` (framing, CloudEvents), which lets `json` bound it and make a `tree` of it that borrows → a preset's
//! `draft` (native JSON and where it came from) → overrides by mapping → `native`, the one reader with all bounds. Nothing
//! here panics, and nothing is silently replaced.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::domain::ticket::{Ticket, TicketId};
use crate::domain::time::UtcMillis;

use draft::Draft;
use envelope::Opened;
use settings::Preset;
use tree::{Json, Object};

mod alertmanager;
#[cfg(test)]
mod bad_input_tests;
pub(super) mod draft;
pub(super) mod envelope;
pub mod explain;
pub(super) mod fields;
#[cfg(test)]
mod golden_tests;
pub(super) mod json;
pub(super) mod mapped;
pub mod mapping;
pub(super) mod native;
mod parts;
mod reason;
pub(super) mod servicenow;
#[cfg(test)]
mod servicenow_tests;
pub mod settings;
pub(super) mod times;
pub(super) mod tree;
#[cfg(test)]
mod tree_tests;
#[cfg(test)]
mod who_tests;

pub use native::TICKET_SCHEMA;
pub use reason::{DeadLetterClass, DeadLetterReason};
pub use settings::IntakeSettings;

/// One record of the input topic, as it lies in the log.
#[derive(Clone, Debug, Default)]
pub struct RawRecord {
    /// Key bytes.
    pub key: Option<Vec<u8>>,
    /// Value bytes; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Headers in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Append time, or the producer's time where the topic does not stamp.
    pub timestamp: Option<UtcMillis>,
}

/// What a record turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Intake {
    /// A ticket.
    Ticket(Box<Ticket>),
    /// A tombstone or a deletion in the source.
    Gone(TicketId),
    /// No ticket.
    DeadLetter(DeadLetterReason),
}

/// Pointers of all fields of a native ticket that the reader knows; `*` stands for any position or label.
pub fn known_ticket_fields() -> impl Iterator<Item = &'static str> {
    native::FIELDS.into_iter()
}

/// Reads one record. Total: whatever the bytes, the answer is a ticket, a deletion or a dead letter.
pub fn read(record: &RawRecord, settings: &IntakeSettings) -> Intake {
    examine(record, settings, |_, _| ()).unwrap_or_else(Intake::DeadLetter)
}

/// Reads a native ticket that stands inside another record of ours, a labelled one. Bounds of size are the outer record's.
///
/// # Errors
/// The first field that makes it no ticket.
pub fn read_inner(ticket: &Map<String, Value>, settings: &IntakeSettings) -> Result<Ticket, DeadLetterReason> {
    let draft = Draft { ticket: Cow::Owned(Object::view(ticket)), ..Draft::default() };
    native::read(&draft, None, settings)
}

/// The native JSON that preset and mapping make of a record, before anything is read or bounded: for files of old tickets,
/// from which what is known later is taken out first.
///
/// # Errors
/// A record that the preset cannot read.
pub(in crate::wire) fn drafted(
    payload: &Value,
    settings: &IntakeSettings,
) -> Result<Map<String, Value>, DeadLetterReason> {
    let payload = Json::view(payload);
    let mut draft = draft_of(&payload, &RawRecord::default(), settings)?;
    mapped::apply(&settings.mapping, &payload, &mut draft);
    Ok(draft.ticket.into_owned().into_map())
}

/// Reads one record and lets the caller look at the payload and the draft on the way.
fn examine(
    record: &RawRecord,
    settings: &IntakeSettings,
    look: impl FnOnce(&Json<'_>, &Draft<'_>),
) -> Result<Intake, DeadLetterReason> {
    let Some(value) = record.value.as_deref() else { return gone_by_key(record) };
    let bytes_max = settings.limits.record_bytes_max;
    if value.len() > bytes_max {
        let detail = format!("the value has {} bytes; {bytes_max} are allowed (source.record_kib_max)", value.len());
        return Err(DeadLetterReason::new(DeadLetterClass::TooLarge, detail));
    }
    if settings.preset == Preset::ServiceNow && servicenow::is_deletion(record) {
        return deleted(record, value, settings);
    }
    let Opened { payload, prefix } = envelope::open(record, value, &settings.limits)?;
    if payload.as_object().is_none() {
        let detail = "the value is JSON, but no object: publish one ticket per record";
        return Err(DeadLetterReason::new(DeadLetterClass::NotJson, detail));
    }
    let mut draft = draft_of(&payload, record, settings)?;
    draft.origins.prefix = prefix;
    mapped::apply(&settings.mapping, &payload, &mut draft);
    look(&payload, &draft);
    let ticket = native::read(&draft, record.timestamp, settings)?;
    Ok(Intake::Ticket(Box::new(ticket)))
}

fn draft_of<'payload>(
    payload: &'payload Json<'payload>,
    record: &RawRecord,
    settings: &IntakeSettings,
) -> Result<Draft<'payload>, DeadLetterReason> {
    match settings.preset {
        Preset::Native => {
            let ticket = payload.as_object().map_or_else(Cow::default, Cow::Borrowed);
            Ok(Draft { ticket, ..Draft::default() })
        }
        Preset::ServiceNow => servicenow::draft(payload, record, settings),
        Preset::Alertmanager => alertmanager::draft(payload, settings),
        Preset::Mapping => Ok(Draft::default()),
    }
}

/// A tombstone names its ticket by the key alone.
fn gone_by_key(record: &RawRecord) -> Result<Intake, DeadLetterReason> {
    key_as_id(record).map(Intake::Gone).ok_or_else(|| {
        let detail = "a tombstone whose key is no ticket id: the key of a record is the id of its ticket, as text";
        DeadLetterReason::new(DeadLetterClass::MissingField, detail)
    })
}

/// A deletion names its ticket in what is left of the value; where nothing is left, by the key.
fn deleted(record: &RawRecord, value: &[u8], settings: &IntakeSettings) -> Result<Intake, DeadLetterReason> {
    let named = || {
        let Opened { payload, .. } = envelope::open(record, value, &settings.limits).ok()?;
        let draft = draft_of(&payload, record, settings).ok()?;
        TicketId::try_new(draft.ticket.get("ticket_id")?.as_str()?).ok()
    };
    named().map_or_else(|| gone_by_key(record), |ticket_id| Ok(Intake::Gone(ticket_id)))
}

/// The key as a ticket id: plain text, or a JSON text in quotes as some connectors write it.
fn key_as_id(record: &RawRecord) -> Option<TicketId> {
    let text = std::str::from_utf8(record.key.as_deref()?).ok()?;
    let quoted = if text.starts_with('"') { serde_json::from_str::<String>(text).ok() } else { None };
    TicketId::try_new(quoted.as_deref().unwrap_or(text)).ok()
}
