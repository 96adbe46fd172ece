//! The tails of `control` and `rollout`: one partition each, read committed, from the start to the end and on. Every
//! instance has both; what follows from them stands in the daemon.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};

use crate::config::settings::KafkaSettings;
use crate::wire::intake::RawRecord;

use super::client;
use super::fault::Fault;
use super::stranded;
use super::transaction::raw_record;
use super::view_reader::QuietContext;

/// The partition that there is.
pub const PARTITION: i32 = 0;

/// Longest single question: halts are not followed meanwhile, and a stop waits for it.
const QUESTION_MAX: Duration = Duration::from_secs(5);

/// Errors that are passed over before the tail says that nothing has come: a minute of them.
const ERRORS_MAX: usize = 256;

/// One thing out of a tail.
#[derive(Debug)]
pub enum Followed {
    /// A record.
    Record {
        /// Where it lies.
        offset: i64,
        /// What it is.
        record: RawRecord,
    },
    /// Everything is read that there was a moment ago.
    End,
}

/// Why a topic cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TailFault {
    /// There is no such topic, or this user may not see it.
    #[error("topic {0} does not exist, or this user may not describe it. hint: `noctriage topics create`")]
    Missing(String),
    /// The client has to be made anew.
    #[error(transparent)]
    Failed(Fault),
}

/// The tail of one topic with one partition.
pub struct TopicTail {
    reader: BaseConsumer<QuietContext>,
    topic: String,
    settings: KafkaSettings,
}

impl TopicTail {
    /// Opens the tail at the start of the topic, for somebody who asks for its ends, which fails where the client is dead.
    ///
    /// # Errors
    /// There is no such topic, or the brokers do not answer.
    pub fn open(settings: &KafkaSettings, topic: &str) -> Result<Self, TailFault> {
        Self::with(&client::follower(settings), settings, topic)
    }

    /// The same for somebody who waits for what comes, and polls all the time.
    ///
    /// # Errors
    /// There is no such topic, or the brokers do not answer.
    pub fn follow(settings: &KafkaSettings, topic: &str) -> Result<Self, TailFault> {
        let mut config = client::follower(settings);
        client::with_statistics(&mut config);
        Self::with(&config, settings, topic)
    }

    fn with(config: &ClientConfig, settings: &KafkaSettings, topic: &str) -> Result<Self, TailFault> {
        let failed =
            |what: &str, error: &KafkaError| TailFault::Failed(Fault::Fatal(format!("{topic}: {what}: {error}")));
        let reader: BaseConsumer<QuietContext> = config
            .create_with_context(QuietContext::default())
            .map_err(|error| failed("creating its reader", &error))?;
        let metadata = reader
            .fetch_metadata(Some(topic), settings.request_timeout.min(QUESTION_MAX))
            .map_err(|error| failed("asking for it", &error))?;
        let is_there = |found: &rdkafka::metadata::MetadataTopic| {
            found.name() == topic && found.error().is_none() && !found.partitions().is_empty()
        };
        if !metadata.topics().iter().any(is_there) {
            return Err(TailFault::Missing(topic.to_owned()));
        }
        let mut assignment = TopicPartitionList::new();
        assignment
            .add_partition_offset(topic, PARTITION, Offset::Beginning)
            .and_then(|()| reader.assign(&assignment))
            .map_err(|error| failed("starting to read it", &error))?;
        Ok(Self { reader, topic: topic.to_owned(), settings: settings.clone() })
    }

    /// Name of the topic.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The next record, or the end; `None` when nothing came in this time.
    ///
    /// # Errors
    /// The client has to be made anew.
    pub fn next(&self, wait: Duration) -> Result<Option<Followed>, TailFault> {
        let mut wait = wait;
        // Errors may come faster than somebody asks who waits for other things too, and what comes behind them must not wait.
        for _ in 0..ERRORS_MAX {
            let polled = self.reader.poll(wait);
            wait = Duration::ZERO;
            match polled {
                None => break,
                Some(Ok(message)) => {
                    return Ok(Some(Followed::Record { offset: message.offset(), record: raw_record(&message) }));
                }
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(Some(Followed::End)),
                Some(Err(KafkaError::MessageConsumption(
                    RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic,
                ))) => return Err(TailFault::Missing(self.topic.clone())),
                Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
                    return Err(TailFault::Failed(Fault::of_fatal(code, format!("{}: {code}", self.topic))));
                }
                Some(Err(error)) => super::repeated::warn_of_topic("following", &error, &self.topic),
            }
        }
        stranded::look(self.reader.client(), &self.topic, &self.settings).map_err(TailFault::Failed)?;
        Ok(None)
    }

    /// First offset, and the first one behind everything that is committed.
    ///
    /// # Errors
    /// The brokers do not answer in time.
    pub fn ends(&self) -> Result<(i64, i64), Fault> {
        self.reader
            .fetch_watermarks(&self.topic, PARTITION, self.settings.request_timeout.min(QUESTION_MAX))
            .map_err(|error| Fault::Fatal(format!("{}: asking for its ends: {error}", self.topic)))
    }

    /// Commits that everything before this offset has been heard of and is in force here.
    ///
    /// # Errors
    /// The brokers do not take it.
    pub fn acknowledge(&self, next_offset: i64) -> Result<(), Fault> {
        let failed = |error: KafkaError| Fault::Fatal(format!("{}: acknowledging: {error}", self.topic));
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic, PARTITION, Offset::Offset(next_offset)).map_err(failed)?;
        self.reader.commit(&list, CommitMode::Sync).map_err(failed)
    }
}
