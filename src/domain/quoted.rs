//! A text as JSON writes it.

/// Whether a byte stands for itself inside quotes.
const fn is_plain(byte: u8) -> bool {
    byte >= b' ' && byte != b'"' && byte != b'\\'
}

/// Bytes that are looked at at once.
const AT_ONCE: usize = size_of::<u64>();

/// The same byte eight times.
const fn eight(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; AT_ONCE])
}

/// [`is_plain`] of eight bytes at once, by borrows that reach the highest bit of a byte ("Bit Twiddling Hacks", Anderson,
/// *Determine if a word has a byte less than n*; one that equals another is one less than 1 after they are subtracted).
const fn are_plain(bytes: [u8; AT_ONCE]) -> bool {
    const fn has_less(bytes: u64, limit: u8) -> u64 {
        bytes.wrapping_sub(eight(limit)) & !bytes & eight(0x80)
    }
    let bytes = u64::from_ne_bytes(bytes);
    has_less(bytes, b' ') | has_less(bytes ^ eight(b'"'), 1) | has_less(bytes ^ eight(b'\\'), 1) == 0
}

/// Whether a text stands for itself inside quotes.
fn is_plain_text(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (eights, rest) = bytes.as_chunks::<AT_ONCE>();
    eights.iter().all(|bytes| are_plain(*bytes)) && rest.iter().all(|byte| is_plain(*byte))
}

/// Appends a text in quotes, byte for byte as `serde_json` does. That looks for escapes one byte after the other; here eight
/// bytes are looked at at once, since nearly no text of a ticket or of a decision needs any.
pub fn push_quoted(text: &str, json: &mut Vec<u8>) {
    if !is_plain_text(text) {
        serde_json::to_writer(json, text).expect("writing a text to memory does not fail");
        return;
    }
    json.push(b'"');
    json.extend_from_slice(text.as_bytes());
    json.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bytes_are_plain_where_each_of_them_is() {
        for byte in 0..=u8::MAX {
            for place in 0..AT_ONCE {
                let mut bytes = *b"abcdefgh";
                bytes[place] = byte;
                assert_eq!(are_plain(bytes), is_plain(byte), "{byte} at {place}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn a_text_is_quoted_as_serde_json_quotes_it(text in ".{0,40}|[ -~]{0,80}|[\\x00-\\x7f]{0,20}") {
            let mut json = b"before".to_vec();
            push_quoted(&text, &mut json);
            proptest::prop_assert_eq!(&json[6..], serde_json::to_vec(&text).unwrap());
        }
    }
}
