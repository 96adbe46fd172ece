//! Writing one request to `control`, and asking which instances have heard of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use rdkafka::util::Timeout;
use rdkafka::{Offset, TopicPartitionList};

use crate::config::settings::KafkaSettings;

use super::client;
use super::control_tail::PARTITION;

/// Longest wait for a broker to take a request.
const DELIVERY_WAIT: Duration = Duration::from_secs(30);
/// Between two questions who has acknowledged.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(250);
/// Longest single question: a few of them fit into the wait of a person.
const QUESTION_MAX: Duration = Duration::from_secs(3);

/// Why a request was not written, or nobody could be asked.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The brokers did not take it.
    #[error(
        "{topic} at {brokers}: {reason}. hint: is the broker up, does the topic exist (`noctriage topics create`), may this \
         user write to it? To halt an instance without brokers, create its rollout.halt_file"
    )]
    NotWritten {
        /// Name of the topic.
        topic: String,
        /// Bootstrap list.
        brokers: String,
        /// What librdkafka says.
        reason: String,
    },
    /// The groups could not be asked for.
    #[error("asking which instances have acknowledged, at {brokers}: {reason}")]
    NotAsked {
        /// Bootstrap list.
        brokers: String,
        /// What librdkafka says.
        reason: String,
    },
}

/// Writes a request, and says at which offset it lies.
///
/// # Errors
/// The brokers do not take it.
pub async fn write(settings: &KafkaSettings, value: &[u8]) -> Result<i64, ControlError> {
    let topic = &settings.topics.control;
    let failed =
        |reason: String| ControlError::NotWritten { topic: topic.clone(), brokers: settings.brokers.clone(), reason };
    let producer: FutureProducer =
        client::verdict_producer(settings).create().map_err(|error| failed(error.to_string()))?;
    let record: FutureRecord<'_, (), [u8]> = FutureRecord::to(topic).partition(PARTITION).payload(value);
    let delivered = producer.send(record, Timeout::After(DELIVERY_WAIT)).await;
    producer.flush(DELIVERY_WAIT).map_err(|error| failed(error.to_string()))?;
    delivered.map(|delivery| delivery.offset).map_err(|(error, _)| failed(error.to_string()))
}

/// Which running instances have a request in force, by instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acknowledged(pub BTreeMap<String, bool>);

impl Acknowledged {
    /// Whether all that run have it in force; `false` where none runs.
    pub fn is_complete(&self) -> bool {
        !self.0.is_empty() && self.0.values().all(|has| *has)
    }
}

/// Asks until all running instances have acknowledged the record at this offset, at most so long.
///
/// # Errors
/// The brokers do not say which instances run.
pub fn wait_acknowledged(
    settings: &KafkaSettings,
    offset: i64,
    longest: Duration,
) -> Result<Acknowledged, ControlError> {
    let until = Instant::now() + longest;
    loop {
        let acknowledged = acknowledged(settings, offset);
        let is_over = Instant::now() + BETWEEN_QUESTIONS >= until;
        match acknowledged {
            Ok(acknowledged) if acknowledged.is_complete() || is_over => return Ok(acknowledged),
            Err(error) if is_over => {
                return Err(ControlError::NotAsked { brokers: settings.brokers.clone(), reason: error.to_string() });
            }
            Ok(_) | Err(_) => std::thread::sleep(BETWEEN_QUESTIONS),
        }
    }
}

fn acknowledged(settings: &KafkaSettings, offset: i64) -> Result<Acknowledged, KafkaError> {
    let asker: BaseConsumer = client::reader(settings, client::Isolation::Committed).create()?;
    let groups = asker.fetch_group_list(Some(&settings.group), QUESTION_MAX)?;
    let members = groups.groups().iter().flat_map(rdkafka::groups::GroupInfo::members);
    let instances = members.filter_map(|member| client::instance_of_client(member.client_id()));
    let mut found = BTreeMap::new();
    for instance in instances {
        found.insert(instance.to_owned(), committed_of(settings, instance)? > offset);
    }
    Ok(Acknowledged(found))
}

/// Next offset that an instance has to hear of; 0: it has heard of nothing.
fn committed_of(settings: &KafkaSettings, instance: &str) -> Result<i64, KafkaError> {
    let mut config = client::reader(settings, client::Isolation::Committed);
    config.set("group.id", client::acknowledgement_group(settings, instance));
    let asker: BaseConsumer = config.create()?;
    let mut list = TopicPartitionList::new();
    list.add_partition(&settings.topics.control, PARTITION);
    let committed = asker.committed_offsets(list, QUESTION_MAX)?;
    let offset = committed.elements().first().map(rdkafka::topic_partition_list::TopicPartitionListElem::offset);
    Ok(match offset {
        Some(Offset::Offset(next)) => next,
        Some(Offset::Beginning | Offset::End | Offset::Stored | Offset::Invalid | Offset::OffsetTail(_)) | None => 0,
    })
}
