//! Reads some topics of a run to their ends of now, and goes on there the next time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Headers as _;
use rdkafka::{Message, Offset, TopicPartitionList};

use crate::support::broker::{Broker, Record, TIMEOUT, partitions};

/// What a reader is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Isolation {
    /// Nothing that is open or was aborted.
    Committed,
    /// Everything that has reached the log.
    Uncommitted,
}

impl Isolation {
    /// librdkafka's word.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Committed => "read_committed",
            Self::Uncommitted => "read_uncommitted",
        }
    }
}

/// A reader that has got nothing for this long is made anew: one of librdkafka 2.12 may not come back after a broker that stood
/// still (`docs/reliability.md`), which is no fault of what is judged.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// A consumer of no group.
pub(crate) struct Reader {
    broker: Broker,
    isolation: Isolation,
    consumer: BaseConsumer,
    /// Full name of a topic, and its name without the prefix of the run.
    names: BTreeMap<String, String>,
    next: BTreeMap<(String, i32), i64>,
}

impl Reader {
    /// Of these topics, named without the prefix; they must exist.
    pub(crate) fn open(broker: &Broker, isolation: Isolation, topics: &[&str]) -> Self {
        let consumer = broker.consumer(isolation);
        let mut names = BTreeMap::new();
        let mut next = BTreeMap::new();
        for name in topics {
            let topic = broker.topic(name);
            for partition in partitions(&consumer, &topic) {
                next.insert((topic.clone(), partition), 0);
            }
            names.insert(topic, (*name).to_owned());
        }
        let broker = Broker { brokers: broker.brokers.clone(), prefix: broker.prefix.clone() };
        Self { broker, isolation, consumer, names, next }
    }

    /// All records since the last time, topic after topic, per partition in order, with the short name of their topic. A
    /// broker that is away is waited for.
    pub(crate) fn read_new(&mut self) -> Vec<(String, Record)> {
        let topics: Vec<(String, String)> =
            self.names.iter().map(|(topic, name)| (topic.clone(), name.clone())).collect();
        let mut records = Vec::new();
        for (topic, name) in topics {
            self.read_topic(&topic, |record| records.push((name.clone(), record)));
        }
        records
    }

    /// One topic at a time: librdkafka says of which partition an end is, not of which topic.
    fn read_topic(&mut self, topic: &str, mut take: impl FnMut(Record)) {
        let mut open: BTreeSet<i32> =
            self.next.keys().filter(|(of, _)| of == topic).map(|(_, number)| *number).collect();
        self.assign(topic, &open);
        let mut trouble = None;
        let until = Instant::now() + TIMEOUT;
        let mut heard_at = Instant::now();
        while !open.is_empty() {
            if heard_at.elapsed() > SILENCE_MAX {
                println!("{topic}: its reader has got nothing for {SILENCE_MAX:?}, and is made anew");
                self.consumer = self.broker.consumer(self.isolation);
                self.assign(topic, &open);
                heard_at = Instant::now();
            }
            assert!(
                Instant::now() < until,
                "{topic}: the ends of partitions {open:?} were not reached within {TIMEOUT:?}; last error: {trouble:?}"
            );
            match self.consumer.poll(Duration::from_millis(100)) {
                None => {}
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    heard_at = Instant::now();
                    open.remove(&partition);
                }
                Some(Err(error)) => trouble = Some(error),
                Some(Ok(message)) => {
                    heard_at = Instant::now();
                    let record = record_of(&message);
                    self.next.insert((topic.to_owned(), record.partition), record.offset + 1);
                    take(record);
                }
            }
        }
    }

    /// Assigned anew, so that the end of a partition without news is said again.
    fn assign(&self, topic: &str, open: &BTreeSet<i32>) {
        let mut assignment = TopicPartitionList::new();
        for partition in open {
            let next = self.next[&(topic.to_owned(), *partition)];
            let from = if next == 0 { Offset::Beginning } else { Offset::Offset(next) };
            assignment.add_partition_offset(topic, *partition, from).unwrap();
        }
        self.consumer.assign(&assignment).unwrap();
    }
}

fn record_of(message: &impl Message) -> Record {
    Record {
        partition: message.partition(),
        offset: message.offset(),
        appended_ms: message.timestamp().to_millis().unwrap_or_default(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: message.headers().map_or_else(BTreeMap::new, |headers| {
            headers.iter().map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec())).collect()
        }),
    }
}
