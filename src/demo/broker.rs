//! librdkafka's mock broker in this process, with the demo's topics.
//!
//! What it cannot do is why the demo proves nothing about exactly-once: records of a transaction are visible at once,
//! offsets sent in one are never stored, nobody is fenced, no admin request is answered, and old records vanish after
//! 5 MiB or 100,000 records of a partition.

use rdkafka::error::KafkaError;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, Producer as _};
use rdkafka::{ClientConfig, ClientContext};

use crate::config::settings::TopicNames;
use crate::kafka::view_reader::QuietContext;

/// Partitions of the input topic and of the decisions, which mirror it.
pub const TICKET_PARTITIONS: i32 = 8;
/// Partitions of every other topic.
const OTHER_PARTITIONS: i32 = 3;
/// One broker is enough: nothing here may fail over.
const BROKERS: &str = "1";

/// The client that the mock lives in: it never sends, it only hosts.
pub struct Host {
    producer: BaseProducer<HostContext>,
}

/// Logs where the daemon logs, not to the screen.
#[derive(Debug, Default)]
struct HostContext(QuietContext);

impl ClientContext for HostContext {
    fn log(&self, level: rdkafka::config::RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.error(error, reason);
    }
}

impl rdkafka::producer::ProducerContext for HostContext {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &rdkafka::message::DeliveryResult<'_>, (): ()) {}
}

impl Host {
    /// Starts the broker on a free port of loopback.
    ///
    /// # Errors
    /// No port, no thread.
    pub fn start() -> Result<Self, KafkaError> {
        let producer = ClientConfig::new()
            .set("client.id", "noctriage-demo-broker")
            .set("test.mock.num.brokers", BROKERS)
            .create_with_context(HostContext::default())?;
        Ok(Self { producer })
    }

    /// Makes all topics and says where the broker listens.
    ///
    /// # Errors
    /// A client without a mock broker, or a topic that it refuses.
    pub fn create_topics(&self, topics: &TopicNames) -> Result<String, KafkaError> {
        let cluster: MockCluster<'_, HostContext> = self
            .producer
            .client()
            .mock_cluster()
            .ok_or(KafkaError::MockCluster(rdkafka::error::RDKafkaErrorCode::NotImplemented))?;
        let TopicNames { tickets, verdicts: _, decisions, suggestions, commands, review, dead_letters, .. } = topics;
        for name in [tickets, decisions] {
            cluster.create_topic(name, TICKET_PARTITIONS, 1)?;
        }
        for name in [suggestions, commands, review, dead_letters] {
            cluster.create_topic(name, OTHER_PARTITIONS, 1)?;
        }
        Ok(cluster.bootstrap_servers())
    }
}

/// Every partition that the demo reads: all outputs.
pub fn output_partitions(topics: &TopicNames) -> Vec<(&str, i32)> {
    let TopicNames { tickets: _, verdicts: _, decisions, suggestions, commands, review, dead_letters, .. } = topics;
    let others = [suggestions, commands, review, dead_letters];
    let of = |name, count| (0..count).map(move |partition| (name, partition));
    let others = others.into_iter().flat_map(|name| of(name.as_str(), OTHER_PARTITIONS));
    of(decisions.as_str(), TICKET_PARTITIONS).chain(others).collect()
}
