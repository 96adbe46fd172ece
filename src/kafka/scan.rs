//! Reading one of our topics from start to end, for commands: bounded by the end as it was when the scan began.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::{Metadata, MetadataPartition};
use rdkafka::{Message, Offset, TopicPartitionList};

use crate::config::settings::KafkaSettings;
use crate::domain::time::UtcMillis;
use crate::wire::intake::RawRecord;

use super::client::Isolation;
use super::transaction::raw_record;
use super::view_reader::open_reader;

/// Silence after which a scan gives up.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// One record of a scan.
#[derive(Debug)]
pub struct Scanned {
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// The record.
    pub record: RawRecord,
}

/// How far a scan has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanProgress {
    /// Offsets passed.
    pub done: u64,
    /// Offsets to pass.
    pub total: u64,
}

/// Where a scan starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanFrom {
    /// The start of the log.
    Start,
    /// This many records before the end of each partition.
    Last(u64),
    /// The first record appended at this instant or later.
    Since(UtcMillis),
}

/// Why a topic cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// No such topic.
    #[error("topic {0} does not exist. hint: `noctriage topics create`")]
    Missing(String),
    /// The broker says something else of it, such as that we may not read it.
    #[error("topic {topic} cannot be read: {reason}")]
    Refused {
        /// Which topic.
        topic: String,
        /// What the broker says.
        reason: String,
    },
    /// No answer, or a broken one.
    #[error("{topic}: {call}: {reason}; asked at {brokers}. hint: is kafka.brokers right, and is the broker up?")]
    Brokers {
        /// Which topic.
        topic: String,
        /// What was asked.
        call: &'static str,
        /// What librdkafka says.
        reason: String,
        /// Bootstrap list.
        brokers: String,
    },
}

/// The first offset of each partition at an instant or later; none where everything is older.
fn first_since<C: ConsumerContext>(
    reader: &BaseConsumer<C>,
    settings: &KafkaSettings,
    topic: &str,
    partitions: &[i32],
    instant: UtcMillis,
) -> Result<BTreeMap<i32, i64>, KafkaError> {
    let mut wanted = TopicPartitionList::new();
    for &partition in partitions {
        wanted.add_partition_offset(topic, partition, Offset::Offset(instant.0.max(0)))?;
    }
    let found = reader.offsets_for_times(wanted, settings.request_timeout)?;
    let offset = |element: rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
        Some((element.partition(), element.offset().to_raw().filter(|offset| *offset >= 0)?))
    };
    Ok(found.elements().into_iter().filter_map(offset).collect())
}

/// The partitions of a topic that is there and may be read.
pub(super) fn partitions_of(metadata: &Metadata, topic: &str) -> Result<Vec<i32>, ScanError> {
    let missing = || ScanError::Missing(topic.to_owned());
    let found = metadata.topics().iter().find(|found| found.name() == topic).ok_or_else(missing)?;
    match found.error().map(RDKafkaErrorCode::from) {
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => Err(missing()),
        Some(code) => Err(ScanError::Refused { topic: topic.to_owned(), reason: code.to_string() }),
        None if found.partitions().is_empty() => Err(missing()),
        None => Ok(found.partitions().iter().map(MetadataPartition::id).collect()),
    }
}

/// Partitions of which nothing older than an instant is left, each with its first offset: what lay before may be missing.
///
/// # Errors
/// Brokers that do not answer, or a topic that does not exist or may not be read.
pub fn begun_since(settings: &KafkaSettings, topic: &str, instant: UtcMillis) -> Result<BTreeMap<i32, i64>, ScanError> {
    let failed = |call: &'static str, reason: String| {
        let (topic, brokers) = (topic.to_owned(), settings.brokers.clone());
        ScanError::Brokers { topic, call, reason, brokers }
    };
    let reader =
        open_reader(settings, Isolation::Committed).map_err(|fault| failed("creating a reader", fault.to_string()))?;
    let metadata = reader
        .fetch_metadata(Some(topic), settings.request_timeout)
        .map_err(|error| failed("asking the brokers", error.to_string()))?;
    let partitions = partitions_of(&metadata, topic)?;
    let since = first_since(&reader, settings, topic, &partitions, instant)
        .map_err(|error| failed("asking for offsets by time", error.to_string()))?;
    let mut begun = BTreeMap::new();
    for partition in partitions {
        let (low, _) = reader
            .fetch_watermarks(topic, partition, settings.request_timeout)
            .map_err(|error| failed("asking for its ends", error.to_string()))?;
        if since.get(&partition).is_none_or(|first| *first <= low) {
            begun.insert(partition, low);
        }
    }
    Ok(begun)
}

/// Reads every committed record of a topic, up to its end of now, and hands each to `sink`.
///
/// # Errors
/// Brokers that do not answer, or a topic that does not exist or may not be read.
pub fn scan(
    settings: &KafkaSettings,
    topic: &str,
    from: ScanFrom,
    mut sink: impl FnMut(Scanned),
    mut progress: impl FnMut(ScanProgress),
) -> Result<(), ScanError> {
    let failed = |call: &'static str, reason: String| {
        let (topic, brokers) = (topic.to_owned(), settings.brokers.clone());
        ScanError::Brokers { topic, call, reason, brokers }
    };
    let fatal = |call: &'static str, error: &KafkaError| failed(call, error.to_string());
    let reader =
        open_reader(settings, Isolation::Committed).map_err(|fault| failed("creating a reader", fault.to_string()))?;
    let metadata = reader
        .fetch_metadata(Some(topic), settings.request_timeout)
        .map_err(|error| fatal("asking the brokers", &error))?;
    let partitions = partitions_of(&metadata, topic)?;
    let mut assignment = TopicPartitionList::new();
    let mut left: BTreeMap<i32, (i64, i64)> = BTreeMap::new();
    let since = match from {
        ScanFrom::Since(instant) => first_since(&reader, settings, topic, &partitions, instant)
            .map_err(|error| fatal("asking for offsets by time", &error))?,
        ScanFrom::Start | ScanFrom::Last(_) => BTreeMap::new(),
    };
    for partition in partitions {
        let (low, high) = reader
            .fetch_watermarks(topic, partition, settings.request_timeout)
            .map_err(|error| fatal("asking for its ends", &error))?;
        let start = match from {
            ScanFrom::Start => low,
            ScanFrom::Last(records) => low.max(high.saturating_sub(i64::try_from(records).unwrap_or(i64::MAX))),
            ScanFrom::Since(_) => since.get(&partition).copied().unwrap_or(high),
        };
        if start < high {
            assignment
                .add_partition_offset(topic, partition, Offset::Offset(start))
                .map_err(|error| fatal("starting position", &error))?;
            left.insert(partition, (start, high));
        }
    }
    reader.assign(&assignment).map_err(|error| fatal("assign", &error))?;
    let total: i64 = left.values().map(|(start, end)| end - start).sum();
    let mut done = ScanProgress { done: 0, total: u64::try_from(total).unwrap_or_default() };
    let mut heard = Instant::now();
    while !left.is_empty() {
        match reader.poll(Duration::from_millis(200)) {
            None if heard.elapsed() > SILENCE_MAX => {
                return Err(failed("reading", format!("nothing came for {} s", SILENCE_MAX.as_secs())));
            }
            None => {}
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                heard = Instant::now();
                if let Some((position, end)) = left.remove(&partition) {
                    done.done += u64::try_from(end - position).unwrap_or_default();
                }
            }
            Some(Err(error)) => return Err(fatal("reading", &error)),
            Some(Ok(message)) => {
                heard = Instant::now();
                let (partition, offset) = (message.partition(), message.offset());
                let Some((position, end)) = left.get_mut(&partition) else { continue };
                done.done += u64::try_from(offset + 1 - *position).unwrap_or_default();
                *position = offset + 1;
                let is_last = offset + 1 >= *end;
                if offset < *end {
                    sink(Scanned { partition, offset, record: raw_record(&message) });
                }
                if is_last {
                    left.remove(&partition);
                }
            }
        }
        progress(done);
    }
    Ok(())
}
