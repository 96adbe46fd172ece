//! One loud line for a test that cannot run here.

use std::io::Write;

/// Says that something was not tested, past the test harness, which shows no output of a test that passes.
pub(crate) fn say_skipped(what: &str, why: &str) {
    let line = format!("\n!!!!!!!! SKIPPED: {what}: {why}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}
