//! Which version was judged on which test set, as the ledger `versions.jsonl` says it (`noctriage.version/v1`): all that a
//! check of a test set reads of its lines.

use serde::Deserialize;

use crate::domain::message::in_line;
use crate::evaluation::data::uses::TestUse;

/// Schema of a line.
pub const VERSION_SCHEMA: &str = "noctriage.version/v1";
/// Characters that a mistake shows of what a parser says.
const SHOWN_CHARS_MAX: usize = 300;

#[derive(Deserialize)]
struct VersionLine {
    schema: String,
    name: String,
    test_set: String,
}

/// Reads a line of the ledger.
///
/// # Errors
/// What is wrong with it, in words.
pub fn read(line: &str) -> Result<TestUse, String> {
    let VersionLine { schema, name, test_set } = serde_json::from_str(line)
        .map_err(|error| format!("is no {VERSION_SCHEMA}: {}", in_line(&error.to_string(), SHOWN_CHARS_MAX)))?;
    if schema != VERSION_SCHEMA {
        return Err(format!("names the schema `{}`; this reader reads {VERSION_SCHEMA}", in_line(&schema, 64)));
    }
    Ok(TestUse { test_set, model: name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_was_judged_on_what_and_another_schema_is_refused() {
        let line = r#"{"schema":"noctriage.version/v1","name":"v1","test_set":"ab12","right":3,"of":5,"macro_f1":0.5}"#;
        assert_eq!(read(line), Ok(TestUse { test_set: "ab12".into(), model: "v1".into() }));
        assert!(read(&line.replace("version/v1", "version/v2")).is_err_and(|error| error.contains("version/v2")));
        assert!(read(&line.replace("\"test_set\":\"ab12\",", "")).is_err_and(|error| error.contains("test_set")));
    }
}
