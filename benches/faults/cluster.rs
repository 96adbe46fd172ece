//! One or three brokers of a run, through `tests/kafka/kafka.sh`, and what is done to them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

/// Longest time until all replicas of all partitions are in sync again.
const IN_SYNC_MAX: Duration = Duration::from_secs(120);

/// Attempts to start brokers; `kafka.sh start` removes what the one before has left.
const STARTS_MAX: usize = 3;

/// How the brokers are made.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClusterShape {
    /// One, or three with replication 3 and `min.insync.replicas` 2.
    pub(crate) nodes: usize,
    /// First port of the brokers.
    pub(crate) port: u16,
    /// Port that node 1 names to clients of its second listener: a proxy's.
    pub(crate) behind: Option<u16>,
    /// More lines of `server.properties`.
    pub(crate) properties: String,
}

/// Running brokers; dropped, they end and their files are removed.
pub(crate) struct Cluster {
    folder: PathBuf,
    /// Bootstrap list, straight to the brokers.
    pub(crate) brokers: String,
    pub(crate) nodes: usize,
}

impl Cluster {
    pub(crate) fn start(folder: &Path, shape: &ClusterShape) -> Self {
        for attempt in 1.. {
            if let Some(brokers) = Self::try_start(folder, shape) {
                return Self { folder: folder.to_owned(), brokers, nodes: shape.nodes };
            }
            assert!(attempt < STARTS_MAX, "Kafka did not start {STARTS_MAX} times: what it said stands above");
        }
        unreachable!("the last attempt returns or fails")
    }

    /// `None` where it did not come up, as on a machine that is too busy for a quorum to form in time.
    fn try_start(folder: &Path, shape: &ClusterShape) -> Option<String> {
        let mut script = script();
        script.arg("start").arg(folder).arg(shape.nodes.to_string()).arg(shape.port.to_string());
        script.env("NOCTRIAGE_KAFKA_EXTRA", &shape.properties);
        if let Some(behind) = shape.behind {
            script.env("NOCTRIAGE_KAFKA_BEHIND", behind.to_string());
        }
        // Its output goes to a file: brokers that it leaves behind would hold a pipe open for ever.
        let said = folder.with_extension("started");
        script.stdout(fs::File::create(&said).unwrap());
        let has_started = script.status().unwrap().success();
        has_started.then(|| fs::read_to_string(&said).unwrap().trim().to_owned())
    }

    /// The port to which a proxy of node 1 forwards.
    pub(crate) fn behind(&self) -> u16 {
        fs::read_to_string(self.folder.join("behind")).unwrap().trim().parse().unwrap()
    }

    /// One verb of the script on one node: `kill`, `end`, `freeze`, `thaw`, `resume`.
    pub(crate) fn node(&self, verb: &str, node: usize) {
        let status = script().arg(verb).arg(&self.folder).arg(node.to_string()).stdout(Stdio::null()).status().unwrap();
        assert!(status.success(), "kafka.sh {verb} of node {node}: {status}");
    }

    /// Whether the process of a node lives.
    pub(crate) fn lives(&self, node: usize) -> bool {
        let place = self.folder.join(format!("node-{node}"));
        let Ok(pid) = fs::read_to_string(place.join("pid")) else { return false };
        let command = fs::read(format!("/proc/{}/cmdline", pid.trim())).unwrap_or_default();
        String::from_utf8_lossy(&command).contains(&*place.to_string_lossy())
    }

    /// Waits until every broker by itself knows these topics: one that does not would tell an instance that starts.
    pub(crate) fn wait_topics(&self, topics: &[String]) {
        let until = Instant::now() + IN_SYNC_MAX;
        for broker in self.brokers.split(',') {
            let client: BaseConsumer = ClientConfig::new().set("bootstrap.servers", broker).create().unwrap();
            let knows = |topic: &String| {
                client.fetch_metadata(Some(topic), Duration::from_secs(5)).is_ok_and(|found| {
                    found.topics().iter().all(|topic| topic.error().is_none() && !topic.partitions().is_empty())
                })
            };
            while !topics.iter().all(knows) {
                assert!(Instant::now() < until, "{broker} does not know all of {topics:?} after {IN_SYNC_MAX:?}");
                std::thread::sleep(Duration::from_millis(250));
            }
        }
    }

    /// Waits until every partition has all its replicas in sync, so that the next node may go.
    pub(crate) fn wait_in_sync(&self) {
        let client: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .set("reconnect.backoff.max.ms", "500")
            .create()
            .unwrap();
        let until = Instant::now() + IN_SYNC_MAX;
        loop {
            let behind: Option<BTreeSet<String>> =
                client.fetch_metadata(None, Duration::from_secs(5)).ok().map(|all| {
                    let behind = all.topics().iter().filter(|topic| {
                        topic.partitions().iter().any(|partition| partition.isr().len() < partition.replicas().len())
                    });
                    behind.map(|topic| topic.name().to_owned()).collect()
                });
            if behind.as_ref().is_some_and(BTreeSet::is_empty) {
                return;
            }
            assert!(Instant::now() < until, "replicas out of sync after {IN_SYNC_MAX:?}: {behind:?}");
            std::thread::sleep(Duration::from_millis(250));
        }
    }

    /// The last lines that a node has written.
    pub(crate) fn output(&self, node: usize) -> String {
        let text = fs::read_to_string(self.folder.join(format!("node-{node}/output"))).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let cleaned = script().arg("clean").arg(&self.folder).status();
        if !cleaned.is_ok_and(|status| status.success()) {
            eprintln!("{} could not be cleaned: look for a broker that still runs", self.folder.display());
        }
    }
}

fn script() -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka/kafka.sh"));
    command.stdin(Stdio::null());
    command
}
