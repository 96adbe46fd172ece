//! A real Kafka: the one that the environment names, or one of our own for as long as the bench runs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use noctriage::config::settings::KafkaSettings;
use rdkafka::ClientConfig;
use rdkafka::TopicPartitionList;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

const TIMEOUT: Duration = Duration::from_secs(30);

/// Where the brokers are.
pub(crate) struct Broker {
    pub(crate) list: String,
    /// Folder of the one that this bench has started.
    own: Option<tempfile::TempDir>,
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka/kafka.sh")
}

impl Broker {
    /// `NOCTRIAGE_TEST_BROKERS`, else a node of our own.
    pub(crate) fn find_or_start() -> Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "how the tests name the broker as well")]
        if let Ok(list) = std::env::var("NOCTRIAGE_TEST_BROKERS") {
            return Ok(Self { list, own: None });
        }
        let own = tempfile::tempdir()?;
        let output = Command::new(script()).arg("start").arg(own.path().join("kafka")).output()?;
        if !output.status.success() {
            bail!("no Kafka could be started: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(Self { list: String::from_utf8(output.stdout)?.trim().to_owned(), own: Some(own) })
    }

    /// Process ids of the nodes that this bench has started.
    pub(crate) fn own_pids(&self) -> Vec<u32> {
        let Some(own) = &self.own else { return Vec::new() };
        let pid = std::fs::read_to_string(own.path().join("kafka/node-1/pid")).ok();
        pid.and_then(|text| text.trim().parse().ok()).into_iter().collect()
    }

    fn admin(&self) -> Result<AdminClient<DefaultClientContext>> {
        Ok(ClientConfig::new().set("bootstrap.servers", &self.list).create()?)
    }

    /// Makes one topic, whose records carry the broker's time.
    pub(crate) fn create(&self, topic: &str, partitions: i32) -> Result<()> {
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1))
            .set("message.timestamp.type", "LogAppendTime")
            .set("retention.ms", "86400000");
        let options = AdminOptions::new().operation_timeout(Some(TIMEOUT));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        for result in runtime.block_on(self.admin()?.create_topics([&new], &options))? {
            if let Err((topic, code)) = result {
                bail!("{topic} could not be made: {code}");
            }
        }
        Ok(())
    }

    /// Deletes topics: the next round shall find the disk as this one did.
    pub(crate) fn delete(&self, topics: &[&str]) -> Result<()> {
        let options = AdminOptions::new().operation_timeout(Some(TIMEOUT));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        for result in runtime.block_on(self.admin()?.delete_topics(topics, &options))? {
            if let Err((topic, code)) = result {
                bail!("{topic} could not be deleted: {code}");
            }
        }
        Ok(())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(own) = &self.own {
            let cleaned = Command::new(script()).arg("clean").arg(own.path().join("kafka")).status();
            if !cleaned.is_ok_and(|status| status.success()) {
                eprintln!("the Kafka in {} could not be cleaned up", own.path().display());
            }
        }
    }
}

/// How far a group has come, without being a member of it.
pub(crate) struct Progress {
    consumer: BaseConsumer,
    topic: String,
    partitions: i32,
}

impl Progress {
    pub(crate) fn of(settings: &KafkaSettings, partitions: i32) -> Result<Self> {
        let consumer = ClientConfig::new()
            .set("bootstrap.servers", &settings.brokers)
            .set("group.id", &settings.group)
            .create()?;
        Ok(Self { consumer, topic: settings.topics.tickets.clone(), partitions })
    }

    /// Records that the group has passed, over all partitions: the input holds no control records.
    pub(crate) fn records(&self) -> Result<u64> {
        let mut list = TopicPartitionList::new();
        for partition in 0..self.partitions {
            list.add_partition(&self.topic, partition);
        }
        let until = Instant::now() + TIMEOUT;
        let committed = loop {
            match self.consumer.committed_offsets(list.clone(), TIMEOUT) {
                Ok(committed) => break committed,
                // A broker that has just started looks for the group's coordinator first.
                Err(error) if Instant::now() >= until => return Err(error).context("asking for committed offsets"),
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        };
        let offsets: i64 =
            committed.elements().iter().map(|element| element.offset().to_raw().unwrap_or(0).max(0)).sum();
        Ok(u64::try_from(offsets)?)
    }

    /// Waits until that many records are passed.
    pub(crate) fn wait(&self, records: u64, deadline: Duration) -> Result<()> {
        let until = Instant::now() + deadline;
        while self.records()? < records {
            if Instant::now() >= until {
                bail!("{records} records were not passed within {deadline:?}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}
