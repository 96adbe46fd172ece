//! `noctriage.test_use/v1`: one line for each time that a version was scored on a test set. Who chooses by a score uses the
//! test set up; the file says how far.

use serde::{Deserialize, Serialize};

use crate::evaluation::data::uses::TestUse;

use super::values::{HexDigest, Instant};

/// Schema of a use.
pub const TEST_USE_SCHEMA: &str = "noctriage.test_use/v1";

/// One use of a test set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestUseRecord {
    /// `noctriage.test_use/v1`.
    pub schema: String,
    /// Digest of the test set.
    pub test: HexDigest,
    /// Name and version of what was scored.
    pub model: String,
    /// When.
    pub at: Instant,
}

impl TestUseRecord {
    /// Reads a line; `None` where it is a record of another schema, which may stand in the same file.
    ///
    /// # Errors
    /// A line that is no JSON, or a use that lacks something.
    pub fn read(line: &str) -> Result<Option<Self>, String> {
        #[derive(Deserialize)]
        struct Kind {
            schema: Option<String>,
        }
        let Kind { schema } = serde_json::from_str(line).map_err(|error| error.to_string())?;
        if schema.as_deref() != Some(TEST_USE_SCHEMA) {
            return Ok(None);
        }
        serde_json::from_str(line).map(Some).map_err(|error| error.to_string())
    }

    /// What it says.
    pub fn used(self) -> TestUse {
        TestUse { test: self.test.0, model: self.model }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::digest::Digest;
    use crate::domain::time::UtcMillis;

    #[test]
    fn a_use_is_read_back_and_other_records_of_the_file_are_passed_over() {
        let record = TestUseRecord {
            schema: TEST_USE_SCHEMA.to_owned(),
            test: HexDigest(Digest::of(b"test")),
            model: "v1".to_owned(),
            at: Instant(UtcMillis(1_764_000_000_000)),
        };
        let line = serde_json::to_string(&record).unwrap();
        assert_eq!(TestUseRecord::read(&line), Ok(Some(record)));
        assert_eq!(TestUseRecord::read("{\"schema\":\"noctriage.version/v1\"}"), Ok(None));
        assert!(TestUseRecord::read(&line.replace("\"model\":\"v1\",", "")).is_err());
        assert!(TestUseRecord::read("not json").is_err());
    }
}
