//! Single records by their places, for commands that show what a decision was made of.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::{Message as _, Offset, TopicPartitionList};

use crate::config::settings::KafkaSettings;
use crate::wire::intake::RawRecord;

use super::client::Isolation;
use super::scan::ScanError;
use super::transaction::raw_record;
use super::view_reader::open_reader;

/// Longest wait for one record.
const RECORD_WAIT: Duration = Duration::from_secs(10);

/// Reads records at places of a topic. Those that are gone, because the topic does not keep them so long, are left out.
///
/// # Errors
/// Brokers that do not answer.
pub fn fetch(
    settings: &KafkaSettings,
    topic: &str,
    places: &[(i32, i64)],
) -> Result<BTreeMap<(i32, i64), RawRecord>, ScanError> {
    let failed = |call: &'static str, reason: String| ScanError::Brokers {
        topic: topic.to_owned(),
        call,
        reason,
        brokers: settings.brokers.clone(),
    };
    let mut found = BTreeMap::new();
    if places.is_empty() {
        return Ok(found);
    }
    let reader =
        open_reader(settings, Isolation::Committed).map_err(|fault| failed("creating a reader", fault.to_string()))?;
    for &(partition, offset) in places {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(offset))
            .and_then(|()| reader.assign(&list))
            .map_err(|error| failed("assign", error.to_string()))?;
        let until = Instant::now() + RECORD_WAIT;
        loop {
            match reader.poll(Duration::from_millis(100)) {
                None if Instant::now() >= until => {
                    return Err(failed("reading a record", format!("nothing came for {} s", RECORD_WAIT.as_secs())));
                }
                None => {}
                Some(Ok(message)) => {
                    // A later one came: the record itself is gone.
                    if message.partition() == partition && message.offset() == offset {
                        found.insert((partition, offset), raw_record(&message));
                    }
                    break;
                }
                Some(Err(KafkaError::PartitionEOF(_))) => break,
                Some(Err(error)) => return Err(failed("reading a record", error.to_string())),
            }
        }
    }
    Ok(found)
}
