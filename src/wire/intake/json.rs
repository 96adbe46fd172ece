//! Bytes to JSON under our own bounds.

use super::reason::{DeadLetterClass, DeadLetterReason};
use super::tree::Json;

/// Parses one JSON text. Nesting is bounded before the parser sees the text, so that no depth costs stack.
///
/// # Errors
/// Not UTF-8, nested too deep, or not JSON; the sentence names the position and quotes nothing.
pub(in crate::wire) fn parse(bytes: &[u8], nesting_max: usize) -> Result<Json<'_>, DeadLetterReason> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        DeadLetterReason::new(
            DeadLetterClass::NotUtf8,
            format!("the value is not UTF-8 at byte {at}: publish UTF-8 JSON"),
        )
    })?;
    // A byte order mark is not JSON, but common enough in files and harmless (RFC 8259 §8.1 lets a reader ignore it).
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Most tickets have fewer brackets than they may have levels, and counting those is quicker than telling strings apart.
    let brackets = text.bytes().filter(|byte| matches!(byte, b'{' | b'[')).count();
    let nesting = if brackets > nesting_max { nesting(text) } else { brackets };
    if nesting > nesting_max {
        let detail = format!("the value nests {nesting} levels deep; {nesting_max} are allowed (source.nesting_max)");
        return Err(DeadLetterReason::new(DeadLetterClass::TooDeep, detail));
    }
    serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let what = if text.trim().is_empty() { "the value is empty" } else { "the value is not JSON" };
        DeadLetterReason::new(DeadLetterClass::NotJson, format!("{what}: line {line}, column {column}"))
    })
}

/// Greatest number of arrays and objects inside each other; an upper bound where the text is no JSON.
fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest, mut is_in_string, mut is_escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_in_string => is_escaped = true,
            b'"' => is_in_string = !is_in_string,
            b'{' | b'[' if !is_in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !is_in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_counts_brackets_outside_strings_only() {
        assert_eq!(nesting(r#"{"a":["[[[[", "\"]"], "b":{}}"#), 2);
        assert_eq!(nesting("7"), 0);
    }

    #[test]
    fn a_hundred_thousand_levels_are_refused_without_recursion() {
        let refused = parse("[".repeat(100_000).as_bytes(), 32).unwrap_err();
        assert_eq!(refused.class, DeadLetterClass::TooDeep);
        assert!(parse("[".repeat(32).as_bytes(), 32).is_err_and(|reason| reason.class == DeadLetterClass::NotJson));
    }
}
