//! Reads everything that the daemon publishes, as any other consumer would.

use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::{Message as _, Offset, TopicPartitionList};

use super::broker::output_partitions;
use crate::config::settings::{KafkaSettings, TopicNames};
use crate::kafka::client::Isolation;
use crate::kafka::fault::Fault;
use crate::kafka::view_reader::{Reader, open_reader};
use crate::wire::dead_letter::DeadLetterRecord;
use crate::wire::decision::{DecisionRecord, DecisionUnreadable};

/// Why the outputs cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// The reader could not be opened.
    #[error("the outputs cannot be read")]
    Open(#[source] Fault),
    /// The reader failed.
    #[error("the outputs cannot be read on")]
    Reader(#[source] KafkaError),
    /// A decision that this very program wrote cannot be read by it.
    #[error("a decision cannot be read")]
    Decision(#[source] DecisionUnreadable),
    /// The same of a dead letter.
    #[error("a dead letter cannot be read")]
    DeadLetter(#[source] serde_json::Error),
}

/// One record that the daemon published.
#[derive(Clone, Debug, PartialEq)]
pub enum Published {
    /// An outcome.
    Outcome(Box<DecisionRecord>),
    /// A record that is no ticket.
    DeadLetter(Box<DeadLetterRecord>),
    /// Something to show.
    Suggestion,
    /// An automatic action.
    Command,
    /// Something for people to look at.
    Review,
}

/// A reader of all output topics, read committed.
pub struct Observer {
    reader: Reader,
    topics: TopicNames,
}

impl Observer {
    /// Opens the reader at the beginning of every partition.
    ///
    /// # Errors
    /// A property or partition that librdkafka refuses.
    pub fn open(settings: &KafkaSettings) -> Result<Self, ObserveError> {
        let reader = open_reader(settings, Isolation::Committed).map_err(ObserveError::Open)?;
        let mut list = TopicPartitionList::new();
        for (topic, partition) in output_partitions(&settings.topics) {
            list.add_partition_offset(topic, partition, Offset::Beginning).map_err(ObserveError::Reader)?;
        }
        reader.assign(&list).map_err(ObserveError::Reader)?;
        Ok(Self { reader, topics: settings.topics.clone() })
    }

    /// The next record, waiting at most `timeout`.
    ///
    /// # Errors
    /// A reader that has failed for good, or a record that cannot be read.
    pub fn next(&mut self, timeout: Duration) -> Result<Option<Published>, ObserveError> {
        let message = match self.reader.poll(timeout) {
            None | Some(Err(KafkaError::PartitionEOF(_))) => return Ok(None),
            Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => return Err(ObserveError::Reader(error)),
            Some(Err(error)) => {
                tracing::warn!(%error, "reading the outputs");
                return Ok(None);
            }
            Some(Ok(message)) => message,
        };
        let payload = message.payload().unwrap_or_default();
        read(&self.topics, message.topic(), payload)
    }
}

fn read(topics: &TopicNames, topic: &str, payload: &[u8]) -> Result<Option<Published>, ObserveError> {
    let TopicNames { tickets: _, verdicts: _, decisions, suggestions, commands, review, dead_letters, .. } = topics;
    if topic == decisions {
        let decision = DecisionRecord::from_json(payload).map_err(ObserveError::Decision)?;
        return Ok(Some(Published::Outcome(Box::new(decision))));
    }
    if topic == dead_letters {
        let dead_letter = serde_json::from_slice(payload).map_err(ObserveError::DeadLetter)?;
        return Ok(Some(Published::DeadLetter(Box::new(dead_letter))));
    }
    let rest = [(suggestions, Published::Suggestion), (commands, Published::Command), (review, Published::Review)];
    Ok(rest.into_iter().find_map(|(name, published)| (name == topic).then_some(published)))
}
