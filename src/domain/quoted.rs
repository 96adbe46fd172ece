//! A text as JSON writes it.

/// Whether a byte stands for itself inside quotes.
const fn is_plain(byte: u8) -> bool {
    byte >= b' ' && byte != b'"' && byte != b'\\'
}

/// Appends a text in quotes, byte for byte as `serde_json` does. That looks for escapes one byte after the other; here many
/// bytes are looked at at once, since nearly no text of a ticket or of a decision needs any.
pub fn push_quoted(text: &str, json: &mut Vec<u8>) {
    // Without a way out in the middle.
    if text.bytes().fold(1, |so_far, byte| so_far & u8::from(is_plain(byte))) == 0 {
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

    proptest::proptest! {
        #[test]
        fn a_text_is_quoted_as_serde_json_quotes_it(text in ".{0,40}|[ -~]{0,80}|[\\x00-\\x7f]{0,20}") {
            let mut json = b"before".to_vec();
            push_quoted(&text, &mut json);
            proptest::prop_assert_eq!(&json[6..], serde_json::to_vec(&text).unwrap());
        }
    }
}
