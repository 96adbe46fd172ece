//! Plain values as they stand in records: digests, instants, probabilities, positions.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::domain::digest::Digest;
use crate::domain::probability::Probability;
use crate::domain::time::UtcMillis;

/// A text where it stands, copied only where it holds escapes. `Cow` by itself always copies.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'de, str>, D::Error> {
    #[derive(Deserialize)]
    struct Text<'text>(#[serde(borrow)] Cow<'text, str>);
    Text::deserialize(deserializer).map(|text| text.0)
}

/// A digest: 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HexDigest(pub Digest);

impl Serialize for HexDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digits = self.0.hexadecimal();
        serializer.serialize_str(std::str::from_utf8(&digits).map_err(serde::ser::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for HexDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = text(deserializer)?;
        Digest::parse(&text).map(Self).ok_or_else(|| D::Error::custom("a digest has 64 hexadecimal digits"))
    }
}

impl JsonSchema for HexDigest {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("digest")
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9a-f]{64}$" })
    }
}

/// An instant: RFC 3339 in UTC, to the millisecond. Instants beyond the calendar (years −9999 to 9999) are written as
/// its nearest end: they come from a producer's broken clock, and a record must be written all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Instant(pub UtcMillis);

impl fmt::Display for Instant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bounded = self.0.0.clamp(Timestamp::MIN.as_second() * 1000, Timestamp::MAX.as_second() * 1000);
        let instant = Timestamp::from_millisecond(bounded).map_err(|_| fmt::Error)?;
        write!(formatter, "{instant:.3}")
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = text(deserializer)?;
        let instant: Timestamp = text.parse().map_err(|_| D::Error::custom("an instant is written as RFC 3339"))?;
        Ok(Self(UtcMillis(instant.as_millisecond())))
    }
}

impl JsonSchema for Instant {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("instant")
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// A number rounded to six digits after the point, as probabilities, rates and milliseconds stand in records: enough
/// for the 1e-5 that replays are compared at, and shorter than the full double.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// A probability as it stands in a record.
pub(super) fn rounded_probability(probability: Probability) -> f64 {
    rounded(probability.get())
}

/// Where an input record lies.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct SourcePosition {
    /// Input topic.
    pub topic: String,
    /// Partition of it; `decisions` has the outcome in the partition of the same number.
    pub partition: i32,
    /// Offset in the partition.
    pub offset: i64,
}

/// Bytes of unknown content, bounded and without loss: as text where they are UTF-8, else as hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "encoding", content = "content")]
pub enum BoundedBytes {
    /// The bytes are UTF-8.
    Utf8(String),
    /// They are not: two hexadecimal digits a byte.
    Hex(String),
}

impl BoundedBytes {
    /// Takes at most `written_max` bytes of text, and says whether anything was left out.
    pub fn new(bytes: &[u8], written_max: usize) -> (Self, bool) {
        let Ok(text) = std::str::from_utf8(bytes) else {
            let end = bytes.len().min(written_max / 2);
            let digits: Vec<String> = bytes[..end].iter().map(|byte| format!("{byte:02x}")).collect();
            return (Self::Hex(digits.concat()), end < bytes.len());
        };
        let end = text.floor_char_boundary(written_max);
        (Self::Utf8(text[..end].to_owned()), end < text.len())
    }

    /// The bytes again; `None` where a hand-written record holds odd digits.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Utf8(text) => Some(text.clone().into_bytes()),
            // `from_str_radix` alone would take a sign for a digit.
            Self::Hex(digits)
                if digits.len().is_multiple_of(2) && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
            {
                let pairs = digits.as_bytes().chunks_exact(2);
                pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
            }
            Self::Hex(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_survive_whether_they_are_text_or_not() {
        for bytes in [b"{\"a\":1}".as_slice(), b"\xff\x00\x01".as_slice(), b"".as_slice()] {
            let (bounded, is_truncated) = BoundedBytes::new(bytes, 64);
            assert_eq!((bounded.bytes().as_deref(), is_truncated), (Some(bytes), false));
        }
        assert_eq!(BoundedBytes::new("aé".as_bytes(), 2), (BoundedBytes::Utf8("a".into()), true));
        assert_eq!(BoundedBytes::new(b"\xff\xfe\xfd", 5), (BoundedBytes::Hex("fffe".into()), true));
    }

    #[test]
    fn what_is_no_digit_is_no_byte() {
        for odd in ["f", "+f", "-1", "0x", "é", "zz"] {
            assert_eq!(BoundedBytes::Hex(odd.to_owned()).bytes(), None, "{odd}");
        }
    }

    #[test]
    fn an_instant_is_written_to_the_millisecond_and_read_back() {
        let written = serde_json::to_string(&Instant(UtcMillis(1_764_000_000_007))).unwrap();
        assert_eq!(written, "\"2025-11-24T16:00:00.007Z\"");
        assert_eq!(serde_json::from_str::<Instant>(&written).unwrap().0, UtcMillis(1_764_000_000_007));
        assert!(serde_json::to_string(&Instant(UtcMillis(i64::MAX))).unwrap().starts_with("\"9999-"));
    }
}
