//! `check --sample N`: the newest records of the input topic, read without joining the group; nothing is committed.

use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};

use crate::config::settings::KafkaSettings;
use crate::domain::time::UtcMillis;
use crate::kafka::client::Isolation;
use crate::kafka::view_reader::{Reader, open_reader};
use crate::wire::intake::RawRecord;

use super::tickets::{Line, RECORDS_MAX};

/// How long one look at the log waits.
const POLL: Duration = Duration::from_millis(200);

/// Reads about `wanted` records: the same number from the end of each partition, in the order of the log.
///
/// # Errors
/// Brokers that do not answer, or a topic that does not exist.
pub(super) fn read(settings: &KafkaSettings, wanted: usize) -> anyhow::Result<Vec<Line>> {
    let topic = &settings.topics.tickets;
    let reader = open_reader(settings, Isolation::Committed)?;
    let wanted = wanted.min(RECORDS_MAX);
    let mut open = assign_ends(&reader, settings, wanted)?;
    let deadline = Instant::now() + settings.request_timeout;
    let mut lines = Vec::new();
    while open > 0 && lines.len() < wanted && Instant::now() < deadline {
        match reader.poll(POLL) {
            Some(Ok(message)) => {
                let number = u64::try_from(message.offset()).unwrap_or_default();
                lines.push(Line { number, record: record_of(&message) });
            }
            Some(Err(KafkaError::PartitionEOF(_))) => open -= 1,
            Some(Err(error)) => anyhow::bail!("{topic}: cannot be read: {error}"),
            None => {}
        }
    }
    Ok(lines)
}

/// Assigns every partition at its share of records before its end; returns how many have any.
fn assign_ends(reader: &Reader, settings: &KafkaSettings, wanted: usize) -> anyhow::Result<usize> {
    let topic = &settings.topics.tickets;
    let metadata = reader.fetch_metadata(Some(topic), settings.request_timeout)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none());
    let partitions = found.map(rdkafka::metadata::MetadataTopic::partitions).unwrap_or_default();
    if partitions.is_empty() {
        anyhow::bail!("topic {topic} does not exist; is kafka.topics.tickets right?");
    }
    let each = i64::try_from(wanted.div_ceil(partitions.len())).unwrap_or(i64::MAX);
    let mut assignment = TopicPartitionList::new();
    for partition in partitions {
        let (low, high) = reader.fetch_watermarks(topic, partition.id(), settings.request_timeout)?;
        if low < high {
            let start = low.max(high.saturating_sub(each));
            assignment.add_partition_offset(topic, partition.id(), Offset::Offset(start))?;
        }
    }
    reader.assign(&assignment)?;
    Ok(assignment.count())
}

fn record_of(message: &BorrowedMessage<'_>) -> RawRecord {
    let headers = message.headers().map(|headers| {
        let header = headers.iter();
        header.map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec())).collect()
    });
    RawRecord {
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers.unwrap_or_default(),
        timestamp: message.timestamp().to_millis().map(UtcMillis),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};
    use crate::policy::ruling::DrawKey;
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

    #[test]
    fn the_newest_records_of_every_partition_are_read_and_a_missing_topic_is_named() {
        let cluster = MockCluster::new(1).expect("a mock cluster starts");
        cluster.create_topic("tickets", 2, 1).expect("a topic can be made");
        let brokers = cluster.bootstrap_servers();
        let producer: BaseProducer =
            rdkafka::ClientConfig::new().set("bootstrap.servers", &brokers).create().expect("a producer");
        for index in 0..20 {
            let value = format!("{{\"ticket_id\":\"T{index}\"}}");
            let record = BaseRecord::<str, str>::to("tickets").partition(index % 2).payload(&value);
            producer.send(record).expect("is queued");
        }
        producer.flush(Duration::from_secs(10)).expect("is written");
        let keys = [("kafka.brokers", brokers.as_str()), ("kafka.request_timeout_ms", "10000")];
        let mut settings = load(&Sources::built_in(&keys, DrawKey([7; 16]))).expect("holds").settings.kafka;
        let lines = read(&settings, 6).expect("can be read");
        let mut offsets: Vec<u64> = lines.iter().map(|line| line.number).collect();
        offsets.sort_unstable();
        assert_eq!(offsets, [7, 7, 8, 8, 9, 9]);
        assert!(lines.iter().all(|line| line.record.value.is_some()));
        settings.topics.tickets = "nothing".to_owned();
        let error = read(&settings, 6).expect_err("no such topic").to_string();
        assert!(error.contains("nothing"), "{error}");
    }
}
