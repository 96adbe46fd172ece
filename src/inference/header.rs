//! The header of a safetensors file, checked before a byte of its data is believed. Pure: bytes in, table out.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::domain::message::in_line;

/// Longest header in bytes: what the reference implementation allows. A header of a real model has about 100 bytes per
/// tensor.
pub const HEADER_BYTES_MAX: u64 = 100_000_000;

/// Most tensors in one file. The largest supported models have some hundreds.
pub const TENSORS_MAX: usize = 20_000;

/// Most dimensions of a tensor. The supported models have two.
const DIMENSIONS_MAX: usize = 8;

/// Characters of a name or of the parser's words that a message shows: both may be as long as the header.
const SHOWN_CHARS_MAX: usize = 200;

/// How the numbers of a tensor are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// 32-bit floats.
    F32,
    /// 16-bit floats.
    F16,
    /// 16-bit floats with 8 bits of exponent.
    BF16,
    /// A type that no model of ours computes with (integers, 64-bit or 8-bit floats), with its bytes per number.
    Other(usize),
}

impl Stored {
    /// Bytes per number.
    pub const fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::Other(bytes) => bytes,
        }
    }

    fn parse(word: &str) -> Option<Self> {
        match word {
            "F32" => Some(Self::F32),
            "F16" => Some(Self::F16),
            "BF16" => Some(Self::BF16),
            "BOOL" | "U8" | "I8" | "F8_E4M3" | "F8_E5M2" | "F8_E8M0" => Some(Self::Other(1)),
            "U16" | "I16" => Some(Self::Other(2)),
            "U32" | "I32" => Some(Self::Other(4)),
            "U64" | "I64" | "F64" => Some(Self::Other(8)),
            _ => None,
        }
    }
}

/// Where one tensor lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// How its numbers are stored.
    pub stored: Stored,
    /// Sizes of its dimensions.
    pub shape: Vec<usize>,
    /// First byte, from the start of the file.
    pub start: u64,
    /// Number of bytes.
    pub bytes: usize,
}

/// Why a header is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Less than the eight bytes of the length.
    #[error("the file has {0} bytes, less than a header needs")]
    TooShort(u64),
    /// The header would be longer than the bound.
    #[error("the header would have {0} bytes; at most {HEADER_BYTES_MAX} are allowed")]
    TooLong(u64),
    /// The file ends inside the header.
    #[error("the header has {header} bytes but the file only {file}")]
    CutHeader {
        /// Bytes of the header.
        header: u64,
        /// Bytes of the file.
        file: u64,
    },
    /// Not the JSON that a header is.
    #[error("the header is not a table of tensors: {0}")]
    NotATable(String),
    /// Too many tensors.
    #[error("the header names {0} tensors; at most {TENSORS_MAX} are allowed")]
    TooMany(usize),
    /// One tensor's entry makes no sense.
    #[error("tensor `{name}`: {detail}")]
    Tensor {
        /// Which.
        name: String,
        /// Why.
        detail: String,
    },
    /// Tensors overlap or leave a hole.
    #[error("tensor `{name}` begins at byte {found} of the data where {expected} was expected")]
    NotContiguous {
        /// Which.
        name: String,
        /// Its first byte.
        found: usize,
        /// The end of the tensor before it.
        expected: usize,
    },
    /// The data end before or after the file does.
    #[error("the tensors need {tensors} bytes of data but the file holds {file}")]
    WrongLength {
        /// Bytes that the tensors need.
        tensors: u64,
        /// Bytes that there are.
        file: u64,
    },
}

/// Reads the length of the header from the first eight bytes of a file of `file_bytes` bytes.
///
/// # Errors
/// A length beyond [`HEADER_BYTES_MAX`] or beyond the file.
pub fn header_length(first: [u8; 8], file_bytes: u64) -> Result<usize, HeaderError> {
    let length = u64::from_le_bytes(first);
    if length > HEADER_BYTES_MAX {
        return Err(HeaderError::TooLong(length));
    }
    if length > file_bytes.saturating_sub(8) {
        return Err(HeaderError::CutHeader { header: length, file: file_bytes });
    }
    Ok(length as usize)
}

/// Reads the table of tensors: every entry in bounds, of the size that its shape says, and all of them together
/// covering the data without overlap or hole.
///
/// # Errors
/// The first thing that is wrong; a damaged header rarely has only one mistake, and the rest follow from the first.
pub fn parse_header(header: &[u8], file_bytes: u64) -> Result<BTreeMap<String, Entry>, HeaderError> {
    let RawTable { entries: raw, tensors } =
        serde_json::from_slice(header).map_err(|error| HeaderError::NotATable(shown(&error.to_string())))?;
    if tensors > TENSORS_MAX {
        return Err(HeaderError::TooMany(tensors));
    }
    let data_start = 8 + header.len() as u64;
    let mut entries = BTreeMap::new();
    let mut spans = Vec::with_capacity(raw.len());
    for (name, raw) in raw {
        let (entry, begin) =
            entry_of(raw, data_start).map_err(|detail| HeaderError::Tensor { name: shown(&name), detail })?;
        spans.push((begin, entry.bytes, name.clone()));
        entries.insert(name, entry);
    }
    spans.sort();
    let mut expected = 0;
    for (found, bytes, name) in spans {
        if found != expected {
            return Err(HeaderError::NotContiguous { name: shown(&name), found, expected });
        }
        expected += bytes;
    }
    let file = file_bytes.saturating_sub(data_start);
    if expected as u64 != file {
        return Err(HeaderError::WrongLength { tensors: expected as u64, file });
    }
    Ok(entries)
}

/// A text of the file as a message may show it.
fn shown(text: &str) -> String {
    in_line(text, SHOWN_CHARS_MAX)
}

/// The entry and its first byte counted from the start of the data.
fn entry_of(raw: RawEntry<'_>, data_start: u64) -> Result<(Entry, usize), String> {
    let RawEntry { dtype, shape: Shape(shape), data_offsets: (begin, end) } = raw;
    let word = in_line(&dtype, 32);
    let stored = Stored::parse(&dtype).ok_or_else(|| format!("unknown type `{word}`"))?;
    let numbers = shape.iter().try_fold(1_usize, |product, size| product.checked_mul(*size));
    let needed = numbers
        .and_then(|numbers| numbers.checked_mul(stored.bytes()))
        .ok_or_else(|| format!("the shape {shape:?} has more numbers than an address can count"))?;
    let bytes = end.checked_sub(begin).ok_or_else(|| format!("ends at byte {end} before it begins at {begin}"))?;
    if bytes != needed {
        return Err(format!("holds {bytes} bytes; its shape {shape:?} of {word} needs {needed}"));
    }
    let start = data_start.checked_add(begin as u64).ok_or("begins beyond any file")?;
    Ok((Entry { stored, shape, start, bytes }, begin))
}

/// What the JSON says, read without an intermediate value: a hundred megabytes of JSON are gigabytes of values.
struct RawTable<'header> {
    entries: BTreeMap<String, RawEntry<'header>>,
    /// Number of tensors named, those beyond the bound included.
    tensors: usize,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry<'header> {
    #[serde(borrow)]
    dtype: Cow<'header, str>,
    shape: Shape,
    data_offsets: (usize, usize),
}

struct Shape(Vec<usize>);

impl<'de> Deserialize<'de> for RawTable<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TableVisitor)
    }
}

struct TableVisitor;

impl<'de> Visitor<'de> for TableVisitor {
    type Value = RawTable<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a table from name to tensor")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut table = RawTable { entries: BTreeMap::new(), tensors: 0 };
        let mut has_metadata = false;
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                if std::mem::replace(&mut has_metadata, true) {
                    return Err(A::Error::custom("`__metadata__` stands twice"));
                }
                map.next_value::<Metadata>()?;
                continue;
            }
            table.tensors += 1;
            if table.tensors > TENSORS_MAX {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let of_tensor = |problem: &str| A::Error::custom(format!("tensor `{}`: {problem}", shown(&name)));
            let entry: RawEntry<'de> = map.next_value().map_err(|error| of_tensor(&error.to_string()))?;
            if table.entries.contains_key(&name) {
                return Err(of_tensor("stands twice"));
            }
            table.entries.insert(name, entry);
        }
        Ok(table)
    }
}

/// Texts by name, which say nothing to us; anything else there is no header of the reference implementation.
struct Metadata;

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MetadataVisitor;

        impl<'de> Visitor<'de> for MetadataVisitor {
            type Value = Metadata;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a table of texts in `__metadata__`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metadata, A::Error> {
                while map.next_entry::<Cow<'de, str>, Cow<'de, str>>()?.is_some() {}
                Ok(Metadata)
            }
        }

        deserializer.deserialize_map(MetadataVisitor)
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ShapeVisitor;

        impl<'de> Visitor<'de> for ShapeVisitor {
            type Value = Shape;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of sizes")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut sizes: A) -> Result<Shape, A::Error> {
                let mut shape = Vec::new();
                while let Some(size) = sizes.next_element()? {
                    if shape.len() == DIMENSIONS_MAX {
                        return Err(A::Error::custom(format_args!("more than {DIMENSIONS_MAX} dimensions")));
                    }
                    shape.push(size);
                }
                Ok(Shape(shape))
            }
        }

        deserializer.deserialize_seq(ShapeVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_refused(header: &str, data_bytes: u64, expected: &str) {
        let error = parse_header(header.as_bytes(), 8 + header.len() as u64 + data_bytes).expect_err("must be refused");
        assert!(error.to_string().contains(expected), "`{error}` does not say `{expected}`");
    }

    #[test]
    fn two_tensors_that_cover_the_data_are_read() {
        let header = r#"{"__metadata__":{"format":"pt"},"b":{"dtype":"F16","shape":[2],"data_offsets":[16,20]},
            "a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}"#;
        let entries = parse_header(header.as_bytes(), 8 + header.len() as u64 + 20).expect("a good header");
        assert_eq!(entries["a"].shape, [2, 2]);
        assert_eq!(entries["b"].start, 8 + header.len() as u64 + 16);
    }

    #[test]
    fn holes_overlaps_and_wrong_lengths_are_refused() {
        let two = |begin: usize| {
            format!(
                r#"{{"a":{{"dtype":"U8","shape":[4],"data_offsets":[0,4]}},"b":{{"dtype":"U8","shape":[4],"data_offsets":[{begin},{}]}}}}"#,
                begin + 4
            )
        };
        check_refused(&two(5), 9, "begins at byte 5 of the data where 4 was expected");
        check_refused(&two(3), 7, "begins at byte 3 of the data where 4 was expected");
        check_refused(&two(4), 9, "need 8 bytes of data but the file holds 9");
        check_refused(&two(4), 4, "need 8 bytes of data but the file holds 4");
    }

    #[test]
    fn impossible_entries_are_refused_with_their_name() {
        let one = |entry: &str| format!(r#"{{"w":{entry}}}"#);
        let huge = r#"{"dtype":"F32","shape":[9223372036854775807,9],"data_offsets":[0,4]}"#;
        check_refused(&one(huge), 4, "tensor `w`: the shape");
        check_refused(&one(r#"{"dtype":"F32","shape":[1],"data_offsets":[4,0]}"#), 4, "before it begins");
        check_refused(&one(r#"{"dtype":"F32","shape":[2],"data_offsets":[0,4]}"#), 4, "needs 8");
        check_refused(&one(r#"{"dtype":"Q9","shape":[1],"data_offsets":[0,4]}"#), 4, "unknown type `Q9`");
        check_refused(&one(r#"{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}"#), 4, "tensor `w`");
        check_refused("[]", 0, "not a table");
    }

    #[test]
    fn a_header_of_two_gigabytes_or_beyond_the_file_is_refused_unread() {
        let two_gigabytes = 2_000_000_000_u64;
        let error = header_length(two_gigabytes.to_le_bytes(), u64::MAX);
        assert_eq!(error, Err(HeaderError::TooLong(two_gigabytes)));
        assert_eq!(header_length(93_u64.to_le_bytes(), 100), Err(HeaderError::CutHeader { header: 93, file: 100 }));
        assert_eq!(header_length(92_u64.to_le_bytes(), 100), Ok(92));
    }

    #[test]
    fn a_name_that_stands_twice_is_refused() {
        let entry = r#""a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}"#;
        check_refused(&format!("{{{entry},{entry}}}"), 4, "tensor `a`: stands twice");
        check_refused(r#"{"__metadata__":{},"__metadata__":{}}"#, 0, "stands twice");
        check_refused(r#"{"__metadata__":{"format":{}}}"#, 0, "not a table");
    }

    #[test]
    fn tensors_without_numbers_are_read_and_offsets_at_the_end_of_the_numbers_are_not() {
        let empty = r#"{"a":{"dtype":"F32","shape":[0,9],"data_offsets":[0,0]},"b":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}"#;
        let entries = parse_header(empty.as_bytes(), 8 + empty.len() as u64 + 1).expect("a good header");
        assert_eq!((entries["a"].bytes, entries["b"].bytes), (0, 1));
        let last = u64::MAX;
        let far = format!(r#"{{"a":{{"dtype":"U8","shape":[0],"data_offsets":[{last},{last}]}}}}"#);
        check_refused(&far, 0, "tensor `a`: begins beyond any file");
        check_refused(r#"{"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}}"#, 1, "8 dimensions");
    }

    #[test]
    fn a_message_is_short_and_moves_no_cursor_whatever_the_names_are() {
        let long = "n".repeat(100_000);
        let headers = [
            format!(r#"{{"{long}":{{"dtype":"U8","shape":[4],"data_offsets":[9,13]}}}}"#),
            format!(r#"{{"{long}":{{"dtype":"U8","shape":[4],"data_offsets":[0,3]}}}}"#),
            format!(r#"{{"\u001b[2J":{{"dtype":"{long}","shape":[4],"data_offsets":[0,4]}}}}"#),
            format!(r#"{{"a":{{"dtype":"U8","shape":"{long}","data_offsets":[0,4]}}}}"#),
            format!(r#"{{"a":{{"{long}\u001b[2J":1}}}}"#),
        ];
        for header in headers {
            let sentence = parse_header(header.as_bytes(), 1 << 20).expect_err("must be refused").to_string();
            assert!(sentence.len() < 1_000 && !sentence.chars().any(char::is_control), "{sentence}");
        }
    }

    #[test]
    fn more_tensors_than_the_bound_are_refused() {
        let entries: Vec<String> = (0..=TENSORS_MAX)
            .map(|index| format!(r#""t{index}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#))
            .collect();
        check_refused(&format!("{{{}}}", entries.join(",")), 0, "at most 20000 are allowed");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300), file in 0_u64..400) {
            if let Ok(entries) = parse_header(&bytes, file) {
                assert!(entries.values().all(|entry| entry.start + entry.bytes as u64 <= file));
            }
        }

        #[test]
        fn any_entry_that_is_accepted_lies_inside_the_file(
            shape in proptest::collection::vec(0_usize..5, 0..4),
            begin in 0_usize..2,
            missing in 0_usize..2,
            cut in 0_u64..3,
        ) {
            // Mostly what is right, so that most is accepted.
            let end = (4 * shape.iter().product::<usize>()).saturating_sub(missing);
            let header = format!(r#"{{"t":{{"dtype":"F32","shape":{shape:?},"data_offsets":[{begin},{end}]}}}}"#);
            // Never shorter than the header: such a file is refused before.
            let file = (8 + (header.len() + end) as u64).saturating_sub(cut).max(8 + header.len() as u64);
            if let Ok(entries) = parse_header(header.as_bytes(), file) {
                assert_eq!(entries["t"].start + entries["t"].bytes as u64, file);
            }
        }
    }
}
