//! The header of a safetensors file: an input is the file without its data, and the first byte says how it is read.

use std::collections::BTreeMap;

use noctriage::inference::header::{Entry, HEADER_BYTES_MAX, header_length, parse_header};
use safetensors::SafeTensors;

/// Data that is really laid out for the reference implementation; more would only cost time.
const DATA_BYTES_MAX: u64 = 1 << 20;

/// First byte `=`: the rest is a header in a file that ends where its last tensor does. `#`: the next eight bytes are the
/// length of the file, the rest is a header. Anything else: the rest is a whole file.
pub fn check(input: &[u8]) {
    match input {
        [b'=', header @ ..] => {
            let data = data_bytes(header);
            check_header(header, (8 + header.len() as u64).saturating_add(data));
        }
        [first, rest @ ..] => match (first, rest.split_first_chunk::<8>()) {
            (b'#', Some((length, header))) => check_header(header, u64::from_le_bytes(*length)),
            _ => check_file(rest),
        },
        [] => {}
    }
}

/// Where the last tensor would end, as far as the header says so: a guess that gets an input past the last check.
fn data_bytes(header: &[u8]) -> u64 {
    let Ok(serde_json::Value::Object(table)) = serde_json::from_slice(header) else { return 0 };
    table.values().filter_map(|entry| entry.get("data_offsets")?.get(1)?.as_u64()).max().unwrap_or(0)
}

fn check_file(file: &[u8]) {
    let Some((first, rest)) = file.split_first_chunk::<8>() else { return };
    let bytes = file.len() as u64;
    let Ok(length) = header_length(*first, bytes) else { return };
    assert!(length as u64 <= bytes - 8 && length as u64 <= HEADER_BYTES_MAX, "{length} of {bytes}");
    check_header(&rest[..length], bytes);
}

fn check_header(header: &[u8], file_bytes: u64) {
    let read = parse_header(header, file_bytes);
    assert_eq!(read, parse_header(header, file_bytes), "the same bytes are read in the same way");
    match read {
        Ok(entries) => {
            check_entries(&entries, header.len() as u64, file_bytes);
            check_reference(&entries, header, file_bytes);
        }
        Err(error) => {
            let sentence = error.to_string();
            assert!(sentence.len() <= 2_000, "a sentence of {} bytes", sentence.len());
            assert!(super::is_printable(&sentence), "{sentence:?}");
        }
    }
}

/// Every tensor has the size of its shape, and all of them cover the data without overlap or hole.
fn check_entries(entries: &BTreeMap<String, Entry>, header_bytes: u64, file_bytes: u64) {
    let mut spans: Vec<(u64, u64)> = Vec::new();
    for entry in entries.values() {
        let numbers: u128 = entry.shape.iter().map(|size| *size as u128).product();
        assert_eq!(entry.bytes as u128, numbers * entry.stored.bytes() as u128, "{entry:?}");
        let end = entry.start.checked_add(entry.bytes as u64).expect("a tensor ends at a number");
        spans.push((entry.start, end));
    }
    spans.sort_unstable();
    let mut covered = 8 + header_bytes;
    for (start, end) in spans {
        assert_eq!(start, covered, "tensors neither overlap nor leave holes");
        covered = end;
    }
    assert_eq!(covered, file_bytes.max(8 + header_bytes), "tensors end where the file does");
}

/// What is taken here is taken by the reference implementation too, and means the same.
fn check_reference(entries: &BTreeMap<String, Entry>, header: &[u8], file_bytes: u64) {
    let data = file_bytes.saturating_sub(8 + header.len() as u64);
    if data > DATA_BYTES_MAX || file_bytes < 8 {
        return;
    }
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header);
    file.resize(file.len() + data as usize, 0);
    // The reference implementation has no eight-dimension bound and knows types of less than a byte; it refuses a header
    // that does not begin with a brace and anything that is no tensor.
    let Ok(reference) = SafeTensors::deserialize(&file) else {
        assert!(!header.starts_with(b"{"), "the reference implementation refuses what is taken here");
        return;
    };
    assert_eq!(reference.len(), entries.len());
    for (name, entry) in entries {
        let tensor = reference.tensor(name).expect("a tensor that is taken here");
        assert_eq!((tensor.shape(), tensor.data().len()), (entry.shape.as_slice(), entry.bytes), "{name}");
    }
}
