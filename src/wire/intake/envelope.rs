//! What is wrapped around a ticket: schema-registry framing, CloudEvents in both modes. Opened before any preset reads.

use super::RawRecord;
use super::json;
use super::reason::{DeadLetterClass, DeadLetterReason};
use super::settings::IntakeLimits;
use super::tree::Json;

/// The JSON inside the envelope.
#[derive(Debug)]
pub(in crate::wire) struct Opened<'value> {
    /// The ticket as its source writes it.
    pub(in crate::wire) payload: Json<'value>,
    /// Pointer of the payload inside the value.
    pub(in crate::wire) prefix: &'static str,
}

/// Headers that together say that a record is a CloudEvent in binary mode.
const BINARY_MODE: [&str; 4] = ["ce_specversion", "ce_id", "ce_source", "ce_type"];

/// First header of a name, as text; names of headers are compared without case.
pub(in crate::wire) fn header<'record>(record: &'record RawRecord, name: &str) -> Option<&'record str> {
    let (_, value) = record.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(value).ok().map(str::trim)
}

/// Opens a value.
///
/// # Errors
/// Binary framing, no JSON, or an envelope that this reader does not know.
pub(in crate::wire) fn open<'value>(
    record: &RawRecord,
    value: &'value [u8],
    limits: &IntakeLimits,
) -> Result<Opened<'value>, DeadLetterReason> {
    let unframed = strip_framing(record, value)?;
    let payload = json::parse(unframed.bytes, limits.nesting_max).map_err(|reason| match &unframed.framed {
        Some(schema) if reason.class != DeadLetterClass::TooDeep => binary_framing(schema),
        Some(_) | None => reason,
    })?;
    // The Kafka binding of CloudEvents: the content type decides for the structured mode, headers for the binary one,
    // whose value is the payload itself.
    let content_type = header(record, "content-type").unwrap_or_default().to_ascii_lowercase();
    if content_type.starts_with("application/cloudevents-batch") {
        let detail = "CloudEvents batches are not read: publish one event per record";
        return Err(DeadLetterReason::new(DeadLetterClass::InvalidField, detail));
    }
    if content_type.starts_with("application/cloudevents") {
        return structured(payload);
    }
    if BINARY_MODE.iter().all(|name| header(record, name).is_some()) {
        check_specversion(header(record, "ce_specversion").unwrap_or_default())?;
    }
    Ok(Opened { payload, prefix: "" })
}

fn structured(event: Json<'_>) -> Result<Opened<'_>, DeadLetterReason> {
    let Json::Object(mut event) = event else {
        return Err(DeadLetterReason::new(DeadLetterClass::NotJson, "a structured CloudEvent is a JSON object"));
    };
    check_specversion(event.get("specversion").and_then(Json::as_str).unwrap_or_default())?;
    if event.contains_key("data_base64") {
        let detail = "/data_base64: binary data of a CloudEvent is not read; send JSON in /data";
        return Err(DeadLetterReason::new(DeadLetterClass::InvalidField, detail));
    }
    // `remove` would move the last field into the gap; the rest of the event is dropped anyway.
    match event.swap_remove("data") {
        Some(payload) if !payload.is_null() => Ok(Opened { payload, prefix: "/data" }),
        Some(_) | None => {
            let detail = "/data is missing: the CloudEvent holds no ticket";
            Err(DeadLetterReason::new(DeadLetterClass::MissingField, detail))
        }
    }
}

fn check_specversion(version: &str) -> Result<(), DeadLetterReason> {
    if version.split('.').next() == Some("1") {
        return Ok(());
    }
    let detail = "the CloudEvent has another specversion: this reader reads 1.0";
    Err(DeadLetterReason::new(DeadLetterClass::UnknownSchema, detail))
}

/// A value without what a schema registry's serializer wrote in front of it.
struct Unframed<'value> {
    bytes: &'value [u8],
    /// Name of the schema, where the value is framed.
    framed: Option<String>,
}

/// No JSON text begins with 0x00 or 0x01, so framing cannot be mistaken. What stands behind it may be JSON (a JSON
/// Schema serializer wrote it) and is read then; Avro and Protobuf are not.
fn strip_framing<'value>(record: &RawRecord, value: &'value [u8]) -> Result<Unframed<'value>, DeadLetterReason> {
    match value {
        [0, id @ ..] => {
            let Some((id, rest)) = id.split_first_chunk::<4>() else { return Err(binary_framing("unreadable")) };
            Ok(Unframed { bytes: rest, framed: Some(u32::from_be_bytes(*id).to_string()) })
        }
        [1, guid @ ..] => {
            let Some((guid, rest)) = guid.split_first_chunk::<16>() else { return Err(binary_framing("unreadable")) };
            Ok(Unframed { bytes: rest, framed: Some(hexadecimal(guid)) })
        }
        _ => {
            let schema = record.headers.iter().find(|(name, _)| name == "__value_schema_id");
            Ok(Unframed { bytes: value, framed: schema.map(|(_, id)| schema_in_header(id)) })
        }
    }
}

fn schema_in_header(id: &[u8]) -> String {
    match id {
        [0, id @ ..] if id.len() == 4 => id.iter().fold(0_u32, |id, &byte| id << 8 | u32::from(byte)).to_string(),
        [1, guid @ ..] => hexadecimal(&guid[..guid.len().min(16)]),
        _ => "unreadable".to_owned(),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

fn binary_framing(schema: &str) -> DeadLetterReason {
    let detail = format!(
        "Avro or Protobuf framed (schema id {schema}): this version has no decoder for it; publish JSON, or JSON with a \
         JSON Schema serializer"
    );
    DeadLetterReason::new(DeadLetterClass::BinaryFraming, detail)
}
