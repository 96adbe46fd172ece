//! A broker of one test alone, that may be frozen and killed; gone with it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Node 1 of a cluster of one.
pub(crate) struct OwnBroker {
    directory: PathBuf,
    // Removed after the broker has been stopped.
    _parent: tempfile::TempDir,
}

impl OwnBroker {
    fn script() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka/kafka.sh")
    }

    /// Starts it; it and its list of brokers.
    ///
    /// It looks for transactions that are open for too long as often as Kafka does by default: one that looks within a
    /// second of its start can leave the transaction hanging (`docs/reliability.md`).
    pub(crate) fn start() -> (Self, String) {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("kafka");
        let mut script = Command::new(Self::script());
        script.env("NOCTRIAGE_KAFKA_EXTRA", "transaction.abort.timed.out.transaction.cleanup.interval.ms=10000");
        let output = script.arg("start").arg(&directory).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let brokers = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        (Self { directory, _parent: parent }, brokers)
    }

    /// `freeze`, `thaw`, `kill`, `resume`.
    pub(crate) fn command(&self, verb: &str) {
        let status = Command::new(Self::script()).arg(verb).arg(&self.directory).status().unwrap();
        assert!(status.success(), "kafka.sh {verb}: {status}");
    }
}

impl Drop for OwnBroker {
    fn drop(&mut self) {
        // Nothing of a test may stay behind, and a failure here must not hide the test's own.
        drop(Command::new(Self::script()).arg("clean").arg(&self.directory).status());
    }
}
