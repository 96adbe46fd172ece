//! `noctriage.dead-letter/v1`: a record that is no ticket, kept so that it can be looked at and sent again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::intake::{DeadLetterClass, DeadLetterReason, RawRecord};
use super::values::{BoundedBytes, HexDigest, Instant, SourcePosition};
use super::words::Word;

/// Value of `schema` in every record of this type.
pub const DEAD_LETTER_SCHEMA: &str = "noctriage.dead-letter/v1";

/// Longest written form of the raw value, in bytes of text before JSON escapes. Escapes make at most six bytes of one,
/// so the record stays below 400 KiB and headers below 100 KiB: half of what a broker takes by default. A longer value
/// is still in the input topic.
pub const RAW_WRITTEN_MAX: usize = 64 * 1024;

/// The same for a record whose outcome the broker refused, perhaps for its size.
pub const UNWRITABLE_RAW_MAX: usize = 512;

/// Most headers that are kept.
pub const HEADERS_MAX: usize = 16;

/// Longest written form of a header's name, value, or of the key, in bytes of text before JSON escapes.
pub const HEADER_WRITTEN_MAX: usize = 512;

/// A record that is no ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeadLetterRecord {
    /// `noctriage.dead-letter/v1`.
    #[schemars(extend("const" = DEAD_LETTER_SCHEMA))]
    pub schema: String,
    /// Where the record lies.
    pub origin: SourcePosition,
    /// Its timestamp, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Instant>,
    /// What kind of mistake.
    pub class: Word<DeadLetterClass>,
    /// What is wrong, where, and what to do; no ticket text.
    pub detail: String,
    /// The decision with outcome `dead_letter`.
    pub decision_id: HexDigest,
    /// Key of the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<BoundedBytes>,
    /// Value of the record; absent for a tombstone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw: Option<BoundedBytes>,
    /// Length of the value in bytes.
    pub raw_bytes: u64,
    /// Whether `raw`, `key` or a header was cut: the whole is in the input topic at `origin`.
    pub raw_truncated: bool,
    /// Headers in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<HeaderRecord>,
}

/// One header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeaderRecord {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: BoundedBytes,
}

impl DeadLetterRecord {
    /// Keeps what fits of a record, and why it is no ticket.
    pub fn new(origin: SourcePosition, record: &RawRecord, reason: &DeadLetterReason, decision_id: HexDigest) -> Self {
        let has_long_name = |(name, _): &(String, Vec<u8>)| name.len() > HEADER_WRITTEN_MAX;
        let mut raw_truncated = record.headers.len() > HEADERS_MAX || record.headers.iter().any(has_long_name);
        let mut bounded = |bytes: &[u8], written_max| {
            let (kept, is_cut) = BoundedBytes::new(bytes, written_max);
            raw_truncated |= is_cut;
            kept
        };
        // The broker has refused what was written for this one: the letter about it must be small.
        let raw_written_max =
            if reason.class == DeadLetterClass::Unwritable { UNWRITABLE_RAW_MAX } else { RAW_WRITTEN_MAX };
        let key = record.key.as_deref().map(|key| bounded(key, HEADER_WRITTEN_MAX));
        let raw = record.value.as_deref().map(|value| bounded(value, raw_written_max));
        let headers = record.headers.iter().take(HEADERS_MAX).map(|(name, value)| HeaderRecord {
            name: name[..name.floor_char_boundary(HEADER_WRITTEN_MAX)].to_owned(),
            value: bounded(value, HEADER_WRITTEN_MAX),
        });
        let headers = headers.collect();
        Self {
            schema: DEAD_LETTER_SCHEMA.to_owned(),
            origin,
            timestamp: record.timestamp.map(Instant),
            class: Word(reason.class),
            detail: reason.detail.clone(),
            decision_id,
            key,
            raw,
            raw_bytes: record.value.as_ref().map_or(0, Vec::len) as u64,
            raw_truncated,
            headers,
        }
    }
}
