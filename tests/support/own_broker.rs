//! A broker of one test alone, that may be frozen and killed; gone with it.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Longer than it is ever frozen, so that its partitions keep their leader: a transaction that ends while they have none is
/// ended by Kafka without its markers, and hangs (`docs/reliability.md`).
const WHILE_IT_LIVES_MS: u32 = 60_000;
/// How long a broker that starts again waits for the session of its former life to end. Transactions must outlast that, and
/// the start of Java on a busy machine, for the same reason.
const AFTER_ITS_DEATH_MS: u32 = 6_000;

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
    pub(crate) fn start() -> (Self, String) {
        Self::start_as(&session_timeout(WHILE_IT_LIVES_MS), None)
    }

    /// The same behind a proxy that is to listen on this port, with more lines of `server.properties`.
    pub(crate) fn start_behind(port: u16, properties: &str) -> (Self, String) {
        Self::start_as(&format!("{}\n{properties}", session_timeout(WHILE_IT_LIVES_MS)), Some(port))
    }

    /// The port to which such a proxy forwards.
    pub(crate) fn behind(&self) -> u16 {
        fs::read_to_string(self.directory.join("behind")).unwrap().trim().parse().unwrap()
    }

    fn start_as(properties: &str, behind: Option<u16>) -> (Self, String) {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("kafka");
        let mut script = Command::new(Self::script());
        script.env("NOCTRIAGE_KAFKA_EXTRA", properties);
        if let Some(port) = behind {
            script.env("NOCTRIAGE_KAFKA_BEHIND", port.to_string());
        }
        let output = script.arg("start").arg(&directory).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let brokers = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        (Self { directory, _parent: parent }, brokers)
    }

    /// `freeze`, `thaw`, `kill`.
    pub(crate) fn command(&self, verb: &str) {
        let status = Command::new(Self::script()).arg(verb).arg(&self.directory).status().unwrap();
        assert!(status.success(), "kafka.sh {verb}: {status}");
    }

    /// Starts a killed one on its data and port.
    pub(crate) fn resume(&self) {
        let properties = self.directory.join("node-1/server.properties");
        let mut properties = OpenOptions::new().append(true).open(properties).unwrap();
        // The last line of a key is the one that holds.
        writeln!(properties, "{}", session_timeout(AFTER_ITS_DEATH_MS)).unwrap();
        self.command("resume");
    }
}

fn session_timeout(milliseconds: u32) -> String {
    format!("broker.session.timeout.ms={milliseconds}")
}

impl Drop for OwnBroker {
    fn drop(&mut self) {
        // Nothing of a test may stay behind, and a failure here must not hide the test's own.
        drop(Command::new(Self::script()).arg("clean").arg(&self.directory).status());
    }
}
