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

/// Reads JSON of which not everything is wanted. Where the whole is UTF-8, which is quickly seen, the parser need not ask
/// each of its strings; elsewhere what is passed over may be anything.
pub(super) fn from_json<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> serde_json::Result<T> {
    match std::str::from_utf8(bytes) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(bytes),
    }
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
        if let Some(text) = written_quickly(self.0.0) {
            return formatter.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?);
        }
        let bounded = self.0.0.clamp(Timestamp::MIN.as_second() * 1000, Timestamp::MAX.as_second() * 1000);
        let instant = Timestamp::from_millisecond(bounded).map_err(|_| fmt::Error)?;
        write!(formatter, "{instant:.3}")
    }
}

/// `2025-11-24T16:00:00.007Z`, for the years 1970 to 9999: each decision holds several instants. The date is counted from
/// the days as in "chrono-compatible low-level date algorithms" (Hinnant, `civil_from_days`), for days from 1970 on.
fn written_quickly(milliseconds: i64) -> Option<[u8; 24]> {
    const DAY_MS: u64 = 86_400_000;
    let at = u64::try_from(milliseconds).ok()?;
    // From 0000-03-01 on: the leap day is the last day of such a year.
    let days = at / DAY_MS + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let of_day = at % DAY_MS;
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let mut put = |from: usize, digits: usize, mut number: u64| {
        for place in text[from..from + digits].iter_mut().rev() {
            *place = b'0' + (number % 10) as u8;
            number /= 10;
        }
    };
    put(0, 4, year);
    put(5, 2, month);
    put(8, 2, day);
    put(11, 2, of_day / 3_600_000);
    put(14, 2, of_day / 60_000 % 60);
    put(17, 2, of_day / 1_000 % 60);
    put(20, 3, of_day % 1_000);
    (year <= 9_999).then_some(text)
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match written_quickly(self.0.0) {
            Some(text) => serializer.serialize_str(std::str::from_utf8(&text).map_err(serde::ser::Error::custom)?),
            None => serializer.collect_str(self),
        }
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

    proptest::proptest! {
        #[test]
        fn an_instant_written_quickly_is_written_as_the_calendar_writes_it(milliseconds in 0_i64..253_402_300_800_000) {
            let calendar = format!("{:.3}", Timestamp::from_millisecond(milliseconds.min(253_402_207_199_999)).unwrap());
            let quick = written_quickly(milliseconds.min(253_402_207_199_999)).unwrap();
            proptest::prop_assert_eq!(std::str::from_utf8(&quick).unwrap(), calendar);
        }
    }

    #[test]
    fn leap_days_and_ends_of_years_are_written_as_the_calendar_writes_them() {
        let days = [
            "1970-01-01",
            "1999-12-31",
            "2000-02-29",
            "2000-03-01",
            "2024-02-29",
            "2100-02-28",
            "2100-03-01",
            "9998-12-31",
        ];
        for day in days {
            let text = format!("{day}T23:59:59.999Z");
            let instant: Timestamp = text.parse().unwrap();
            assert_eq!(written_quickly(instant.as_millisecond()).map(|quick| quick.to_vec()), Some(text.into_bytes()));
        }
        assert_eq!(written_quickly(-1), None);
    }

    #[test]
    fn an_instant_is_written_to_the_millisecond_and_read_back() {
        let written = serde_json::to_string(&Instant(UtcMillis(1_764_000_000_007))).unwrap();
        assert_eq!(written, "\"2025-11-24T16:00:00.007Z\"");
        assert_eq!(serde_json::from_str::<Instant>(&written).unwrap().0, UtcMillis(1_764_000_000_007));
        assert!(serde_json::to_string(&Instant(UtcMillis(i64::MAX))).unwrap().starts_with("\"9999-"));
    }
}
