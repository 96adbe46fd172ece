//! The header of a safetensors file, checked before a byte of its data is believed. Pure: bytes in, table out.

use std::collections::BTreeMap;

/// Longest header in bytes: what the reference implementation allows. A header of a real model has about 100 bytes per
/// tensor.
pub const HEADER_BYTES_MAX: u64 = 100_000_000;

/// Most tensors in one file. The largest supported models have some hundreds.
pub const TENSORS_MAX: usize = 20_000;

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

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
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
    let table: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(header).map_err(|error| HeaderError::NotATable(error.to_string()))?;
    if table.len() > TENSORS_MAX {
        return Err(HeaderError::TooMany(table.len()));
    }
    let data_start = 8 + header.len() as u64;
    let mut entries = BTreeMap::new();
    let mut spans = Vec::new();
    for (name, value) in table {
        if name == "__metadata__" {
            continue;
        }
        let (entry, begin) = parse_entry(&value, data_start)
            .map_err(|detail| HeaderError::Tensor { name: name.chars().take(200).collect(), detail })?;
        spans.push((begin, entry.bytes, name.clone()));
        entries.insert(name, entry);
    }
    spans.sort();
    let mut expected = 0;
    for (found, bytes, name) in spans {
        if found != expected {
            return Err(HeaderError::NotContiguous { name, found, expected });
        }
        expected += bytes;
    }
    let file = file_bytes.saturating_sub(data_start);
    if expected as u64 != file {
        return Err(HeaderError::WrongLength { tensors: expected as u64, file });
    }
    Ok(entries)
}

/// The entry and its first byte counted from the start of the data.
fn parse_entry(value: &serde_json::Value, data_start: u64) -> Result<(Entry, usize), String> {
    let raw: RawEntry = serde::Deserialize::deserialize(value).map_err(|error| format!("{error}"))?;
    let word: String = raw.dtype.chars().take(32).collect();
    let stored = Stored::parse(&raw.dtype).ok_or_else(|| format!("unknown type `{word}`"))?;
    if raw.shape.len() > 8 {
        return Err(format!("{} dimensions", raw.shape.len()));
    }
    let numbers = raw.shape.iter().try_fold(1_usize, |product, size| product.checked_mul(*size));
    let needed = numbers
        .and_then(|numbers| numbers.checked_mul(stored.bytes()))
        .ok_or_else(|| format!("the shape {:?} has more numbers than an address can count", raw.shape))?;
    let (begin, end) = raw.data_offsets;
    let bytes = end.checked_sub(begin).ok_or_else(|| format!("ends at byte {end} before it begins at {begin}"))?;
    if bytes != needed {
        return Err(format!("holds {bytes} bytes; its shape {:?} of {word} needs {needed}", raw.shape));
    }
    let start = data_start.checked_add(begin as u64).ok_or("begins beyond any file")?;
    Ok((Entry { stored, shape: raw.shape, start, bytes }, begin))
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
            begin in 0_usize..40,
            end in 0_usize..200,
            file in 0_u64..400,
        ) {
            let header = format!(r#"{{"t":{{"dtype":"F32","shape":{shape:?},"data_offsets":[{begin},{end}]}}}}"#);
            if let Ok(entries) = parse_header(header.as_bytes(), file) {
                assert_eq!(entries["t"].start + entries["t"].bytes as u64, file);
            }
        }
    }
}
