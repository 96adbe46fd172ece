//! Prometheus' own checker, where it is installed.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::skipped::say_skipped;

/// What promtool answered.
pub(crate) struct Answer {
    pub(crate) accepted: bool,
    pub(crate) text: String,
}

/// Runs promtool on this input; `None`, with one loud line, where it is not installed.
pub(crate) fn promtool(arguments: &[&str], input: &str) -> Option<Answer> {
    let child = Command::new("promtool")
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        let what = format!("promtool {}", arguments.join(" "));
        say_skipped(&what, "promtool is not installed (Debian: apt-get install prometheus)");
        return None;
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    Some(Answer { accepted: output.status.success(), text: String::from_utf8_lossy(&text).into_owned() })
}
